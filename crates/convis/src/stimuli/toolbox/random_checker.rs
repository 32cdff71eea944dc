//! The toolbox's random checkers.

use convis_kernels::random::{Key, Use, uniform};

use super::super::Stimulus;
use super::super::argument::at_least_one;
use super::StimulusSize;
use crate::Result;

/// Checks of `checker_size` pixels that are 0 or 1 with equal chance, drawn anew every frame.
///
/// The seed works: the same seed gives the same movie, another seed another one (the toolbox ignores it).
/// [`Checkers`](super::super::Checkers) has degrees, a rate of pictures and other distributions.
///
/// # Example
/// ```
/// use convis::stimuli::{movie, toolbox::RandomChecker};
/// let checkers = RandomChecker { seed: 9, ..RandomChecker::default() };
/// assert_eq!(movie(&checkers, 0, 50)?, movie(&checkers, 0, 50)?);
/// assert_ne!(movie(&checkers, 0, 50)?, movie(&RandomChecker::default(), 0, 50)?);
/// # Ok::<(), convis::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RandomChecker {
    /// Frames and pixels.
    pub size: StimulusSize,
    /// Side of a check, pixels.
    pub checker_size: usize,
    /// Which random movie.
    pub seed: u64,
}

impl Default for RandomChecker {
    fn default() -> Self {
        Self { size: StimulusSize::default(), checker_size: 5, seed: 123 }
    }
}

impl Stimulus for RandomChecker {
    fn check(&self) -> Result<()> {
        self.size.check()?;
        at_least_one("checker_size", self.checker_size)
    }

    fn size(&self) -> (usize, usize) {
        (self.size.height, self.size.width)
    }

    fn frames(&self) -> Option<u64> {
        Some(self.size.frames as u64)
    }

    fn render(&self, frame: u64, out: &mut [f32]) {
        let key = Key::new(self.seed, 0, "random checker", 0);
        let side = self.checker_size.max(1);
        for (row, out) in out.chunks_mut(self.size.width).enumerate() {
            for (column, out) in out.chunks_mut(side).enumerate() {
                let bright = uniform(key, row / side, column, Use::Current, frame) >= 0.5;
                out.fill(f32::from(u8::from(bright)));
            }
        }
    }
}
