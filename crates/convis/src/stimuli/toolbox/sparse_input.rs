//! The toolbox's sparse input.

use convis_kernels::random::{Key, Use, uniform};

use super::super::Stimulus;
use super::super::argument::fraction;
use super::StimulusSize;
use crate::Result;

/// Every pixel of every frame is 1 with a small probability, else 0.
///
/// # Example
/// ```
/// use convis::stimuli::{movie, toolbox::SparseInput};
/// let shown = movie(&SparseInput::default(), 0, 2000)?.to_f64();
/// let lit = shown.iter().sum::<f64>();
/// let expected = 0.01 * shown.len() as f64;
/// assert!((lit - expected).abs() < 5.0 * expected.sqrt());
/// # Ok::<(), convis::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct SparseInput {
    /// Frames and pixels.
    pub size: StimulusSize,
    /// Probability of a 1.
    pub probability: f64,
    /// Which random movie.
    pub seed: u64,
}

impl Default for SparseInput {
    fn default() -> Self {
        Self { size: StimulusSize::default(), probability: 0.01, seed: 123 }
    }
}

impl Stimulus for SparseInput {
    fn check(&self) -> Result<()> {
        self.size.check()?;
        fraction("probability", self.probability)
    }

    fn size(&self) -> (usize, usize) {
        (self.size.height, self.size.width)
    }

    fn frames(&self) -> Option<u64> {
        Some(self.size.frames as u64)
    }

    fn render(&self, frame: u64, out: &mut [f32]) {
        let key = Key::new(self.seed, 0, "sparse input", 0);
        for (pixel, out) in out.iter_mut().enumerate() {
            let lit = uniform(key, 0, pixel, Use::Current, frame) < self.probability;
            *out = f32::from(u8::from(lit));
        }
    }
}
