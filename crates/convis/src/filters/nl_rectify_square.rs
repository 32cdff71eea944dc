//! Rectifying and squaring.

use super::static_nonlinearity::Scaled;
use crate::layer::{Layer, Output, Part, Scope};
use crate::{Resolution, Result, Tensor};

/// Scales, adds a bias, sets negative values to 0, and squares.
///
/// # Equation
/// `y = (bias + scale·x clipped to 0 … 10⁶)²`: see [`convis_kernels::static_nonlinearity`].
///
/// # Shapes
/// Input and output `[batch, channel, time, height, width]`; no state.
///
/// # Parameters
/// | name | unit | default |
/// |---|---|---|
/// | `scale` | – | 1 |
/// | `bias` | – | 0 |
///
/// # Source
/// See the operation.
///
/// # Example
/// ```
/// use convis::{GradientMode, Resolution, State, Tensor, call, filters::NLRectifySquare, noise};
/// let layer = NLRectifySquare::new(2.0, 1.0, Resolution::default())?;
/// let x = Tensor::from_vec(vec![-1.0f64, 1.0], &[1, 1, 2, 1, 1])?;
/// let y = call(&layer, &x, &mut State::new(noise::next_model()), GradientMode::Off, None)?;
/// assert_eq!(y.first()?.to_f64(), [0.0, 9.0]);
/// # Ok::<(), convis::Error>(())
/// ```
#[derive(Debug)]
pub struct NLRectifySquare(Scaled);

impl NLRectifySquare {
    /// With this scale and bias.
    ///
    /// # Errors
    /// If one of them is not finite.
    pub fn new(scale: f64, bias: f64, resolution: Resolution) -> Result<Self> {
        Scaled::new(scale, bias, resolution).map(Self)
    }
}

impl Layer for NLRectifySquare {
    fn kind(&self) -> &'static str {
        "NLRectifySquare"
    }

    fn doc(&self) -> &'static str {
        "Scales, adds a bias, sets negative values to 0, and squares."
    }

    fn parts(&self) -> Vec<Part<'_>> {
        self.0.parts()
    }

    fn resolution(&self) -> Resolution {
        self.0.resolution
    }

    fn forward(&self, input: &Tensor, scope: &mut Scope<'_>) -> Result<Output> {
        self.0.forward([true, true], input, scope)
    }
}
