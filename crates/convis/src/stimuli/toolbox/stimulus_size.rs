//! The size that the toolbox's stimuli share.

use super::super::argument::at_least_one;
use crate::{Error, Result};

/// Number of frames and pixels of a movie.
///
/// ```
/// use convis::stimuli::{movie, toolbox::{MovingGrating, StimulusSize}};
/// let size = StimulusSize { frames: 30, height: 4, width: 5 };
/// let grating = MovingGrating { size, ..MovingGrating::default() };
/// assert_eq!(movie(&grating, 0, 30)?.shape(), [1, 1, 30, 4, 5]);
/// # Ok::<(), convis::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StimulusSize {
    /// Frames, `t` in the toolbox.
    pub frames: usize,
    /// Rows, `x` in the toolbox.
    pub height: usize,
    /// Columns, `y` in the toolbox.
    pub width: usize,
}

impl Default for StimulusSize {
    /// 2000 frames of 20 × 20 pixels.
    fn default() -> Self {
        Self { frames: 2000, height: 20, width: 20 }
    }
}

impl StimulusSize {
    pub(super) fn check(&self) -> Result<()> {
        at_least_one("frames", self.frames)?;
        at_least_one("height", self.height)?;
        at_least_one("width", self.width)?;
        if self.frames > 1 << 40 {
            return Err(Error::argument("frames", "at most 2⁴⁰", self.frames));
        }
        if self.height.saturating_mul(self.width) > 1 << 30 {
            let found = format!("{} × {}", self.height, self.width);
            return Err(Error::argument("height × width", "at most 2³⁰ pixels", found));
        }
        Ok(())
    }
}
