//! Full-field flash.

use super::argument::{at_least_one, finite};
use super::{Screen, Stimulus};
use crate::Result;

/// The whole screen steps to another luminance and back, once or several times.
///
/// # Equation
/// With u the time since the repeat began:
/// ```text
/// L(u) = luminance    before ≤ u < before + on
///        background   otherwise
/// ```
///
/// # Parameters
/// | name | unit | default |
/// |---|---|---|
/// | `before_s`, `on_s`, `after_s` | s | 1, 1, 1 |
/// | `background`, `luminance` | – | 0, 1 |
/// | `repeats` | – | 1 |
///
/// # Example
/// ```
/// use convis::stimuli::{FullFieldFlash, movie};
/// let flash = FullFieldFlash { before_s: 0.002, on_s: 0.003, after_s: 0.001, ..FullFieldFlash::default() };
/// let shown: Vec<f32> = movie(&flash, 0, 6)?.to_f32().into_iter().step_by(50 * 50).collect();
/// assert_eq!(shown, [0.0, 0.0, 1.0, 1.0, 1.0, 0.0]);
/// # Ok::<(), convis::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct FullFieldFlash {
    /// Size and resolution.
    pub screen: Screen,
    /// Duration of the background before the flash, s.
    pub before_s: f64,
    /// Duration of the flash, s.
    pub on_s: f64,
    /// Duration of the background after the flash, s.
    pub after_s: f64,
    /// Luminance before and after.
    pub background: f64,
    /// Luminance of the flash.
    pub luminance: f64,
    /// Number of flashes.
    pub repeats: usize,
}

impl Default for FullFieldFlash {
    fn default() -> Self {
        let screen = Screen::default();
        Self { screen, before_s: 1.0, on_s: 1.0, after_s: 1.0, background: 0.0, luminance: 1.0, repeats: 1 }
    }
}

impl FullFieldFlash {
    /// Frames before, during and after a flash.
    fn parts(&self) -> [u64; 3] {
        [self.before_s, self.on_s, self.after_s].map(|seconds| self.screen.frames(seconds))
    }
}

impl Stimulus for FullFieldFlash {
    fn check(&self) -> Result<()> {
        self.screen.check()?;
        self.screen.check_durations(&[
            ("before_s", self.before_s),
            ("on_s", self.on_s),
            ("after_s", self.after_s),
        ])?;
        finite("background", self.background)?;
        finite("luminance", self.luminance)?;
        at_least_one("repeats", self.repeats)
    }

    fn size(&self) -> (usize, usize) {
        (self.screen.height, self.screen.width)
    }

    fn frames(&self) -> Option<u64> {
        Some(self.parts().iter().sum::<u64>().saturating_mul(self.repeats as u64))
    }

    fn render(&self, frame: u64, out: &mut [f32]) {
        let [before, on, after] = self.parts();
        let within = frame % (before + on + after).max(1);
        let lit = within >= before && within < before + on;
        out.fill(if lit { self.luminance } else { self.background } as f32);
    }
}
