//! The toolbox's pulses.

use super::super::Stimulus;
use super::super::argument::at_least_one;
use super::StimulusSize;
use crate::Result;

/// The whole picture is 1 for `pulse_length` frames, 0 for as many, and so on.
///
/// # Equation
/// ```text
/// L(k) = 1 where (k mod 2P) < P, else 0
/// ```
///
/// # Example
/// ```
/// use convis::stimuli::{movie, toolbox::{Pulse, StimulusSize}};
/// let pulse = Pulse { size: StimulusSize { frames: 5, height: 1, width: 1 }, pulse_length: 2 };
/// assert_eq!(movie(&pulse, 0, 5)?.to_f32(), [1.0, 1.0, 0.0, 0.0, 1.0]);
/// # Ok::<(), convis::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Pulse {
    /// Frames and pixels.
    pub size: StimulusSize,
    /// Frames of a pulse, P.
    pub pulse_length: usize,
}

impl Default for Pulse {
    fn default() -> Self {
        Self { size: StimulusSize::default(), pulse_length: 100 }
    }
}

impl Stimulus for Pulse {
    fn check(&self) -> Result<()> {
        self.size.check()?;
        at_least_one("pulse_length", self.pulse_length)
    }

    fn size(&self) -> (usize, usize) {
        (self.size.height, self.size.width)
    }

    fn frames(&self) -> Option<u64> {
        Some(self.size.frames as u64)
    }

    fn render(&self, frame: u64, out: &mut [f32]) {
        let length = self.pulse_length.max(1) as u64;
        out.fill(f32::from(u8::from(frame % (2 * length) < length)));
    }
}
