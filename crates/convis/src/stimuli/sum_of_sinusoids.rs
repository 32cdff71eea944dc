//! A sum of sinusoids in time.

use std::f64::consts::TAU;

use super::argument::{each, finite, fraction, not_negative, positive};
use super::grating::paint_phase;
use super::{Screen, Stimulus};
use crate::{Error, Result};

/// A grating, or the whole screen, whose contrast is a sum of eight sinusoids: the response at each frequency is
/// measured while all others set the gain.
///
/// # Equation
/// ```text
/// L(t, p) = mean·(1 + c·Σᵢ sin(2π fᵢ t)·cos(2π s·(p·e) + φ))
/// fᵢ = (15, 31, 63, 127, 255, 511, 1023, 2047) / 65.526 s     0.229 to 31.24 Hz
/// ```
/// with e the unit vector of `orientation_deg` across the bars; s = 0 gives the whole screen. All frequencies are whole
/// multiples of 1/65.526 Hz: after 65.526 s the movie repeats.
///
/// # Parameters
/// | name | unit | default |
/// |---|---|---|
/// | `frequencies_hz` f | Hz | above |
/// | `contrast` c of each sinusoid | – | 0.05 |
/// | `spatial_frequency_cpd` s | cycles/deg | 0 |
/// | `orientation_deg`, `phase_deg` φ | deg | 0, 0 |
/// | `mean` | – | 0.5 |
///
/// # Source
/// Shapley & Victor 1978, J. Physiol. 285:275, who used contrasts of 0.0125, 0.025, 0.05 and 0.1.
///
/// # Example
/// ```
/// use convis::stimuli::{SumOfSinusoids, movie};
/// let stimulus = SumOfSinusoids::default();
/// let shown = movie(&stimulus, 0, 1000)?.to_f64();
/// assert!(shown.iter().all(|l| (l - 0.5).abs() <= 0.5 * 8.0 * 0.05));
/// assert!(movie(&SumOfSinusoids { contrast: 0.2, ..stimulus }, 0, 1).is_err());
/// # Ok::<(), convis::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct SumOfSinusoids {
    /// Size and resolution.
    pub screen: Screen,
    /// Frequencies, Hz.
    pub frequencies_hz: Vec<f64>,
    /// Contrast of each sinusoid.
    pub contrast: f64,
    /// Spatial frequency of the grating, cycles/deg; 0 for none.
    pub spatial_frequency_cpd: f64,
    /// Direction across the bars, deg.
    pub orientation_deg: f64,
    /// Phase of the grating at the middle of the screen, deg.
    pub phase_deg: f64,
    /// Mean luminance.
    pub mean: f64,
}

impl Default for SumOfSinusoids {
    fn default() -> Self {
        Self {
            screen: Screen::default(),
            frequencies_hz: (4..12).map(|power| f64::from((1 << power) - 1) / 65.526).collect(),
            contrast: 0.05,
            spatial_frequency_cpd: 0.0,
            orientation_deg: 0.0,
            phase_deg: 0.0,
            mean: 0.5,
        }
    }
}

impl Stimulus for SumOfSinusoids {
    fn check(&self) -> Result<()> {
        self.screen.check()?;
        each("frequencies_hz", &self.frequencies_hz, not_negative)?;
        fraction("contrast", self.contrast)?;
        let total = self.contrast * self.frequencies_hz.len() as f64;
        if total > 1.0 + 1e-12 {
            let expected = format!("at most 1/{}, one for all sinusoids", self.frequencies_hz.len());
            return Err(Error::argument("contrast", expected, self.contrast));
        }
        not_negative("spatial_frequency_cpd", self.spatial_frequency_cpd)?;
        finite("orientation_deg", self.orientation_deg)?;
        finite("phase_deg", self.phase_deg)?;
        positive("mean", self.mean)
    }

    fn size(&self) -> (usize, usize) {
        (self.screen.height, self.screen.width)
    }

    fn frames(&self) -> Option<u64> {
        None
    }

    fn render(&self, frame: u64, out: &mut [f32]) {
        let time_s = self.screen.time_s(frame);
        let sum: f64 = self.frequencies_hz.iter().map(|f| (TAU * f * time_s).sin()).sum();
        let amplitude = self.mean * self.contrast * sum;
        let phase = self.phase_deg.to_radians();
        paint_phase(&self.screen, self.spatial_frequency_cpd, self.orientation_deg, phase, out, |cos| {
            self.mean + amplitude * cos
        });
    }
}
