//! The toolbox's grating.

use super::super::Stimulus;
use super::super::argument::finite;
use super::StimulusSize;
use super::line::linspace;
use crate::Result;

/// A drifting sine between −1 and 1.
///
/// # Equation
/// ```text
/// L(k, i, j) = sin(v_t·τ + v_x·ξ + v_y·η),   τ = k·t/(t − 1), ξ and η from −1 to 1 along height and width
/// ```
/// Its clock runs by t/(t − 1) too fast, t being the number of frames. [`DriftingGrating`](super::super::DriftingGrating)
/// has degrees, seconds and an exact clock.
///
/// # Example
/// ```
/// use convis::stimuli::{movie, toolbox::MovingGrating};
/// let shown = movie(&MovingGrating::default(), 0, 2000)?;
/// assert!((shown.to_f64()[0] - (-5.0f64).sin()).abs() < 1e-6);
/// # Ok::<(), convis::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct MovingGrating {
    /// Frames and pixels.
    pub size: StimulusSize,
    /// Radians per frame.
    pub vt: f64,
    /// Radians per half height.
    pub vx: f64,
    /// Radians per half width.
    pub vy: f64,
}

impl Default for MovingGrating {
    fn default() -> Self {
        Self { size: StimulusSize::default(), vt: 1.0 / 200.0, vx: 3.0, vy: 2.0 }
    }
}

impl Stimulus for MovingGrating {
    fn check(&self) -> Result<()> {
        self.size.check()?;
        finite("vt", self.vt)?;
        finite("vx", self.vx)?;
        finite("vy", self.vy)
    }

    fn size(&self) -> (usize, usize) {
        (self.size.height, self.size.width)
    }

    fn frames(&self) -> Option<u64> {
        Some(self.size.frames as u64)
    }

    fn render(&self, frame: u64, out: &mut [f32]) {
        let StimulusSize { frames, height, width } = self.size;
        let tau = linspace(0.0, frames as f64, frames, frame as usize);
        for (row, out) in out.chunks_mut(width).enumerate() {
            let xi = linspace(-1.0, 1.0, height, row);
            for (column, out) in out.iter_mut().enumerate() {
                let eta = linspace(-1.0, 1.0, width, column);
                *out = (self.vt * tau + self.vx * xi + self.vy * eta).sin() as f32;
            }
        }
    }
}
