//! The change from frame to frame.

use convis_kernels::frame_difference::FrameDifference;
use convis_kernels::start_history::History;

use crate::layer::{Layer, Output, Part, Scope};
use crate::{Resolution, Result, Tensor};

/// The change from frame to frame; the very first frame gives 0.
///
/// # Equation
/// `yₜ = xₜ − xₜ₋₁`, x₋₁ = x₀: see [`convis_kernels::frame_difference`].
///
/// # Shapes
/// Input and output `[batch, channel, time, height, width]`. State: the last frame (`last`).
///
/// # Parameters
/// None.
///
/// # Source
/// The backward difference.
///
/// # Example
/// ```
/// use convis::{GradientMode, Resolution, State, Tensor, call, filters::Diff, noise};
/// let movie = Tensor::from_vec(vec![1.0f64, 4.0, 2.0], &[1, 1, 3, 1, 1])?;
/// let mut state = State::new(noise::next_model());
/// let y = call(&Diff::new(Resolution::default()), &movie, &mut state, GradientMode::Off, None)?;
/// assert_eq!(y.first()?.to_f64(), [0.0, 3.0, -2.0]);
/// # Ok::<(), convis::Error>(())
/// ```
#[derive(Debug)]
pub struct Diff {
    resolution: Resolution,
}

impl Diff {
    /// The change from frame to frame.
    pub const fn new(resolution: Resolution) -> Self {
        Self { resolution }
    }
}

impl Layer for Diff {
    fn kind(&self) -> &'static str {
        "Diff"
    }

    fn doc(&self) -> &'static str {
        "The change from frame to frame."
    }

    fn parts(&self) -> Vec<Part<'_>> {
        vec![]
    }

    fn resolution(&self) -> Resolution {
        self.resolution
    }

    fn forward(&self, input: &Tensor, scope: &mut Scope<'_>) -> Result<Output> {
        let last = scope.history("last", input, 1, History::FirstFrame)?;
        let difference = FrameDifference { signal: input.signal()? };
        Ok(scope.apply_from(&difference, &[], &[input], &[last], &["last"])?.into())
    }
}
