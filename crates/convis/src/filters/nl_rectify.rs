//! Rectifying.

use crate::layer::{Layer, Output, Part, Scope};
use crate::{Resolution, Result, Tensor};

/// Negative values become 0.
///
/// # Equation
/// `y = x` clipped to 0 … 10⁶: see [`convis_kernels::static_nonlinearity`].
///
/// # Shapes
/// Input and output `[batch, channel, time, height, width]`; no state.
///
/// # Parameters
/// None.
///
/// # Source
/// See the operation.
///
/// # Example
/// ```
/// use convis::{GradientMode, Resolution, State, Tensor, call, filters::NLRectify, noise};
/// let x = Tensor::from_vec(vec![-1.0f64, 2.0], &[1, 1, 2, 1, 1])?;
/// let mut state = State::new(noise::next_model());
/// let y = call(&NLRectify::new(Resolution::default()), &x, &mut state, GradientMode::Off, None)?;
/// assert_eq!(y.first()?.to_f64(), [0.0, 2.0]);
/// # Ok::<(), convis::Error>(())
/// ```
#[derive(Debug)]
pub struct NLRectify {
    resolution: Resolution,
}

impl NLRectify {
    /// A rectifier.
    pub const fn new(resolution: Resolution) -> Self {
        Self { resolution }
    }
}

impl Layer for NLRectify {
    fn kind(&self) -> &'static str {
        "NLRectify"
    }

    fn doc(&self) -> &'static str {
        "Negative values become 0."
    }

    fn parts(&self) -> Vec<Part<'_>> {
        vec![]
    }

    fn resolution(&self) -> Resolution {
        self.resolution
    }

    fn forward(&self, input: &Tensor, _: &mut Scope<'_>) -> Result<Output> {
        Ok(input.rectify()?.into())
    }
}
