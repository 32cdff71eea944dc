//! The chirp of Euler's laboratory.

use std::f64::consts::{PI, TAU};

use super::argument::{at_least_one, positive};
use super::{MOUSE_UM_PER_DEGREE, Screen, Stimulus};
use crate::Result;

/// A disc that steps on and off, sweeps through frequencies, then through contrasts: 33 s that tell most types of
/// ganglion cells of the mouse apart.
///
/// # Equation
/// Luminance in 8 bits, u the time since the part began, K = 1 Hz/s:
/// ```text
///  0– 2 s   0
///  2– 5 s   254
///  5– 8 s   0
///  8–10 s   127
/// 10–18 s   127·sin(π·K·u²) + 127             0 to 8 Hz
/// 18–20 s   127
/// 20–28 s   127·(u/8 s)·sin(2π·2 Hz·u) + 127
/// 28–30 s   127
/// 30–33 s   0
/// ```
/// truncated to whole numbers and divided by 255, at the beginning of every picture of a 60 Hz display, inside the disc;
/// 0 outside.
///
/// # Parameters
/// | name | unit | default |
/// |---|---|---|
/// | `diameter_um` | µm on the retina | 1000 |
/// | `um_per_degree` | µm/deg | 31 (mouse) |
/// | `display_rate_hz` | Hz; `None`: a new picture every frame | 60 |
/// | `eight_bit` | whether luminance is truncated | true |
/// | `repeats` | – | 1 |
///
/// # Source
/// Baden, Berens, Franke, Román Rosón, Bethge & Euler 2016, Nature 529:345, and the script of the stimulus. The
/// marker that the script shows beside the disc is left out.
///
/// # Example
/// ```
/// use convis::stimuli::{EulerChirp, Stimulus};
/// let chirp = EulerChirp::default();
/// assert_eq!(chirp.frames(), Some(33_000));
/// assert_eq!([1.0, 3.0, 9.0].map(|t| 255.0 * chirp.luminance(t)), [0.0, 254.0, 127.0]);
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct EulerChirp {
    /// Size and resolution.
    pub screen: Screen,
    /// Diameter of the disc on the retina, µm.
    pub diameter_um: f64,
    /// Micrometres of retina per degree.
    pub um_per_degree: f64,
    /// Pictures per second of the display, Hz.
    pub display_rate_hz: Option<f64>,
    /// Whether luminance is truncated to 8 bits.
    pub eight_bit: bool,
    /// Number of chirps.
    pub repeats: usize,
}

impl Default for EulerChirp {
    fn default() -> Self {
        Self {
            screen: Screen::default(),
            diameter_um: 1000.0,
            um_per_degree: MOUSE_UM_PER_DEGREE,
            display_rate_hz: Some(60.0),
            eight_bit: true,
            repeats: 1,
        }
    }
}

impl EulerChirp {
    /// Duration of one chirp, s.
    pub const DURATION_S: f64 = 33.0;

    /// Luminance of the disc at a time of the chirp, 0 to 1.
    pub fn luminance(&self, time_s: f64) -> f64 {
        let value = match time_s {
            t if t < 2.0 => 0.0,
            t if t < 5.0 => 254.0,
            t if t < 8.0 => 0.0,
            t if t < 10.0 => 127.0,
            t if t < 18.0 => 127.0 * (PI * (t - 10.0) * (t - 10.0)).sin() + 127.0,
            t if t < 20.0 => 127.0,
            t if t < 28.0 => 127.0 * (t - 20.0) / 8.0 * (TAU * 2.0 * (t - 20.0)).sin() + 127.0,
            t if t < 30.0 => 127.0,
            _ => 0.0,
        };
        (if self.eight_bit { value.trunc() } else { value }) / 255.0
    }
}

impl Stimulus for EulerChirp {
    fn check(&self) -> Result<()> {
        self.screen.check()?;
        positive("diameter_um", self.diameter_um)?;
        positive("um_per_degree", self.um_per_degree)?;
        self.display_rate_hz.map_or(Ok(()), |rate| positive("display_rate_hz", rate))?;
        at_least_one("repeats", self.repeats)
    }

    fn size(&self) -> (usize, usize) {
        (self.screen.height, self.screen.width)
    }

    fn frames(&self) -> Option<u64> {
        Some(self.screen.frames(Self::DURATION_S).saturating_mul(self.repeats as u64))
    }

    fn render(&self, frame: u64, out: &mut [f32]) {
        let frame = frame % self.screen.frames(Self::DURATION_S).max(1);
        let time_s = match self.display_rate_hz {
            Some(rate) => self.screen.picture(frame, rate) as f64 / rate,
            None => self.screen.time_s(frame),
        };
        let luminance = self.luminance(time_s);
        let radius = 0.5 * self.diameter_um / self.um_per_degree;
        self.screen.paint(out, |x, y| if x.hypot(y) <= radius { luminance } else { 0.0 });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sweep_ends_at_eight_hertz_and_the_ramp_at_full_contrast() {
        let chirp = EulerChirp { eight_bit: false, ..EulerChirp::default() };
        // Instantaneous frequency Ku: the last whole cycles before 8 s are 1/8 s long (zeros of sin(πu²): u = √n).
        let u = |n: f64| 10.0 + n.sqrt();
        for n in [60.0, 62.0, 64.0] {
            assert!((chirp.luminance(u(n) - 1e-9) * 255.0 - 127.0).abs() < 1e-3);
        }
        assert!((u(64.0) - u(62.0) - 1.0 / 8.0).abs() < 2e-3);
        let ramp: Vec<f64> =
            (0..8000).map(|i| chirp.luminance(20.0 + f64::from(i) / 1000.0) * 255.0).collect();
        assert!(ramp[7000..].iter().copied().fold(0.0, f64::max) > 247.0);
        assert!(ramp[..500].iter().all(|l| (l - 127.0).abs() < 8.0));
    }

    #[test]
    fn a_display_of_sixty_hertz_holds_its_pictures() {
        let screen = Screen { height: 1, width: 1, ..Screen::default() };
        let chirp = EulerChirp { screen, ..EulerChirp::default() };
        let movie = super::super::movie(&chirp, 0, 33_000).unwrap().to_f32();
        let changes = movie[17_000..18_000].windows(2).filter(|pair| pair[0] != pair[1]).count();
        assert!((50..60).contains(&changes), "{changes}");
        assert!(movie.iter().all(|l| (l * 255.0 - (l * 255.0).round()).abs() < 1e-4 && *l <= 254.0 / 255.0));
    }
}
