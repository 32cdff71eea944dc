//! A receptive field and a rectifier.

use std::sync::Arc;

use super::members::Members;
use super::stage::{StageOptions, linear};
use crate::filters::NLRectify;
use crate::layer::{Layer, Output, Part, Scope};
use crate::{Resolution, Result, Tensor};

/// The linear-nonlinear model of a single cell: a receptive field and a rectifier.
///
/// # Equation
/// `y = Σ k·x`, clipped to 0 … 10⁶: see [`RF`](super::RF) and [`convis_kernels::static_nonlinearity`].
///
/// # Shapes
/// Input `[batch, in, time, height, width]`, output `[batch, out, time, 1, 1]`. State: the last frames (`conv.history`), one
/// fewer than the kernel has.
///
/// # Parameters
/// | name | shape | default |
/// |---|---|---|
/// | `conv.weight` | (out, in, time, height, width) | 0 |
/// | `conv.bias` (if asked for) | (out) | 0 |
///
/// A weight of a single pixel becomes as large as the image: see [`RF`](super::RF).
///
/// # Source
/// Chichilnisky 2001 (Network 12:199).
///
/// # Example
/// ```
/// use convis::{GradientMode, Resolution, State, Tensor, call, layer, noise, models::RFN};
/// let model = RFN::new(&[1, 1, 2], Default::default(), Resolution::default())?;
/// layer::parameter(&model, "conv.weight")?.set_value(vec![-1.0, 1.0], &[1, 1, 1, 1, 2])?; // right − left
/// let x = Tensor::from_vec(vec![1.0f64, 4.0, 2.0, 1.0], &[1, 1, 2, 1, 2])?;
/// let y = call(&model, &x, &mut State::new(noise::next_model()), GradientMode::Off, None)?;
/// assert_eq!(y.first()?.to_f64(), [3.0, 0.0]);
/// # Ok::<(), convis::Error>(())
/// ```
pub struct RFN(Members);

impl RFN {
    /// A receptive field of `kernel_dim` (time, height, width), or with channels (out, in) in front, with weights of zero.
    /// `options.population` has no meaning: it is one cell.
    ///
    /// # Errors
    /// If `kernel_dim` has another number of axes, or a size is zero.
    pub fn new(kernel_dim: &[usize], options: StageOptions, resolution: Resolution) -> Result<Self> {
        let conv = linear(kernel_dim, StageOptions { population: false, ..options }, resolution)?;
        let layers = vec![("conv", conv), ("nonlinearity", Arc::new(NLRectify::new(resolution)) as _)];
        Ok(Self(Members::in_a_row(layers, resolution)))
    }
}

impl Layer for RFN {
    fn kind(&self) -> &'static str {
        "RFN"
    }

    fn doc(&self) -> &'static str {
        "The linear-nonlinear model of a single cell: a receptive field and a rectifier."
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
