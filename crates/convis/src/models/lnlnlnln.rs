//! Four linear-nonlinear stages.

use super::members::Members;
use super::stage::{StageOptions, rectified_in_a_row};
use crate::layer::{Layer, Output, Part, Scope};
use crate::{Resolution, Result, Tensor};

/// Four linear-nonlinear stages in a row: convolutions, each followed by a rectifier.
///
/// # Equation
/// ```text
/// y₀ = x,   yᵢ = R(kᵢ * yᵢ₋₁),   i = 1 … 4,   R(u) = u clipped to 0 … 10⁶
/// ```
/// The operations: [`convis_kernels::conv3d`], [`convis_kernels::static_nonlinearity`].
///
/// # Shapes
/// Input and output `[batch, 1, time, height, width]`; output `[batch, 1, time, 1, 1]` where the last stage is a receptive
/// field. State: the last frames before every stage (`conv1.history` …), one fewer than the kernel has.
///
/// # Parameters
/// | name | shape | default |
/// |---|---|---|
/// | `conv1.weight`, `conv2.weight`, `conv3.weight`, `conv4.weight` | (1, 1, time, height, width) | 0 |
/// | `conv1.bias` … (if asked for) | (1) | 0 |
///
/// # Source
/// Cascades of linear filters and rectifiers: see [`LNLN`](super::LNLN).
///
/// # Example
/// ```
/// use convis::{GradientMode, Resolution, State, Tensor, call, layer, noise, models::LNLNLNLN};
/// let model = LNLNLNLN::new([1, 1, 1], Default::default(), Resolution::default())?;
/// for (_, weight) in layer::parameters(&model) {
///     weight.set_value(vec![2.0], &[1, 1, 1, 1, 1])?;
/// }
/// let x = Tensor::from_vec(vec![1.0f64, -1.0], &[1, 1, 2, 1, 1])?;
/// let y = call(&model, &x, &mut State::new(noise::next_model()), GradientMode::Off, None)?;
/// assert_eq!(y.first()?.to_f64(), [16.0, 0.0]);
/// # Ok::<(), convis::Error>(())
/// ```
pub struct LNLNLNLN(Members);

impl LNLNLNLN {
    /// Stages of `kernel_dim` (time, height, width), with weights of zero.
    ///
    /// # Errors
    /// If a size is zero.
    pub fn new(kernel_dim: [usize; 3], options: StageOptions, resolution: Resolution) -> Result<Self> {
        let layers = rectified_in_a_row(4, kernel_dim, options, resolution)?;
        Ok(Self(Members::in_a_row(layers, resolution)))
    }
}

impl Layer for LNLNLNLN {
    fn kind(&self) -> &'static str {
        "LNLNLNLN"
    }

    fn doc(&self) -> &'static str {
        "Four linear-nonlinear stages in a row: convolutions, each followed by a rectifier."
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
