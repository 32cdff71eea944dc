//! A linear filter.

use super::members::Members;
use super::stage::{StageOptions, linear};
use crate::layer::{Layer, Output, Part, Scope};
use crate::{Resolution, Result, Tensor};

/// A linear filter: one convolution, or one receptive field.
///
/// # Equation
/// `y = k * x`; the operation: [`convis_kernels::conv3d`].
///
/// # Shapes
/// Input `[batch, in, time, height, width]`, output `[batch, out, time, height, width]`, or `[batch, out, time, 1, 1]` for a
/// receptive field. State: the last frames (`conv.history`), one fewer than the kernel has.
///
/// # Parameters
/// | name | shape | default |
/// |---|---|---|
/// | `conv.weight` | (out, in, time, height, width) | 0 |
/// | `conv.bias` (if asked for) | (out) | 0 |
///
/// # Source
/// The linear stage of linear-nonlinear models: Chichilnisky 2001 (Network 12:199).
///
/// # Example
/// ```
/// use convis::{GradientMode, Resolution, State, Tensor, call, layer, noise, models::L};
/// let model = L::new(&[2, 1, 1], Default::default(), Resolution::default())?;
/// layer::parameter(&model, "conv.weight")?.set_value(vec![-1.0, 1.0], &[1, 1, 2, 1, 1])?; // now − before
/// let x = Tensor::from_vec(vec![1.0f64, 4.0, 2.0], &[1, 1, 3, 1, 1])?;
/// let y = call(&model, &x, &mut State::new(noise::next_model()), GradientMode::Off, None)?;
/// assert_eq!(y.first()?.to_f64(), [0.0, 3.0, -2.0]);
/// # Ok::<(), convis::Error>(())
/// ```
pub struct L(Members);

impl L {
    /// A filter of `kernel_dim` (time, height, width), or with channels (out, in) in front, with weights of zero.
    ///
    /// # Errors
    /// If `kernel_dim` has another number of axes, or a size is zero.
    pub fn new(kernel_dim: &[usize], options: StageOptions, resolution: Resolution) -> Result<Self> {
        let conv = linear(kernel_dim, options, resolution)?;
        Ok(Self(Members::in_a_row(vec![("conv", conv)], resolution)))
    }
}

impl Layer for L {
    fn kind(&self) -> &'static str {
        "L"
    }

    fn doc(&self) -> &'static str {
        "A linear filter: one convolution, or one receptive field."
    }

    fn parts(&self) -> Vec<Part<'_>> {
        self.0.parts()
    }

    fn resolution(&self) -> Resolution {
        self.0.resolution()
    }

    fn forward(&self, input: &Tensor, scope: &mut Scope<'_>) -> Result<Output> {
        self.0.forward(input, scope)
    }
}
