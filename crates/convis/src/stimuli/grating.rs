//! Gratings that drift, reverse their contrast or swing to and fro.

use std::f64::consts::TAU;

use super::argument::{finite, fraction, not_negative, positive};
use super::screen::unit_vector;
use super::{Screen, Stimulus};
use crate::Result;

/// The profile of a grating.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Waveform {
    /// A cosine.
    #[default]
    Sine,
    /// Bright and dark bars of equal width, bright where the cosine is positive.
    Square,
}

impl Waveform {
    pub(super) fn of(self, cos: f64) -> f64 {
        match self {
            Self::Sine => cos,
            Self::Square => f64::from(u8::from(cos >= 0.0)) * 2.0 - 1.0,
        }
    }
}

/// Gives every pixel `of(cos(2π s·(p·e) + phase))`, with e the unit vector of a direction.
///
/// The cosine of a sum makes it a product of rows and columns: two calls of sine and cosine per row and column.
pub(super) fn paint_phase(
    screen: &Screen,
    cycles_per_degree: f64,
    direction_deg: f64,
    phase: f64,
    out: &mut [f32],
    of: impl Fn(f64) -> f64,
) {
    let (ex, ey) = unit_vector(direction_deg);
    let columns: Vec<(f64, f64)> = (0..screen.width)
        .map(|column| (TAU * cycles_per_degree * ex * screen.x_deg(column) + phase).sin_cos())
        .collect();
    for (row, out) in out.chunks_mut(screen.width).enumerate() {
        let (sin_y, cos_y) = (TAU * cycles_per_degree * ey * screen.y_deg(row)).sin_cos();
        for (out, (sin_x, cos_x)) in out.iter_mut().zip(&columns) {
            *out = of(cos_x * cos_y - sin_x * sin_y) as f32;
        }
    }
}

/// A grating that drifts at a constant speed.
///
/// # Equation
/// ```text
/// L(t, p) = mean·(1 + c·w(cos(2π(s·(p·e) − f·t) + φ)))
/// ```
/// with e the unit vector of the direction and w the waveform.
///
/// # Parameters
/// | name | unit | default |
/// |---|---|---|
/// | `spatial_frequency_cpd` s | cycles/deg | 0.5 |
/// | `temporal_frequency_hz` f | Hz | 4 |
/// | `direction_deg` | deg, 0 right, 90 up | 0 |
/// | `phase_deg` φ at the middle of the screen | deg | 0 |
/// | `contrast` c (Michelson) | – | 1 |
/// | `mean` | – | 0.5 |
/// | `waveform` w | – | sine |
///
/// # Source
/// Enroth-Cugell & Robson 1966, J. Physiol. 187:517.
///
/// # Example
/// ```
/// use convis::stimuli::{DriftingGrating, movie};
/// let grating = DriftingGrating { temporal_frequency_hz: 10.0, ..DriftingGrating::default() };
/// let (first, period_later) = (movie(&grating, 3, 1)?.to_f64(), movie(&grating, 103, 1)?.to_f64());
/// assert!(first.iter().zip(&period_later).all(|(a, b)| (a - b).abs() < 1e-6));
/// # Ok::<(), convis::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct DriftingGrating {
    /// Size and resolution.
    pub screen: Screen,
    /// Spatial frequency, cycles/deg.
    pub spatial_frequency_cpd: f64,
    /// Temporal frequency, Hz.
    pub temporal_frequency_hz: f64,
    /// Direction of motion, deg.
    pub direction_deg: f64,
    /// Phase at the middle of the screen at time 0, deg.
    pub phase_deg: f64,
    /// Michelson contrast.
    pub contrast: f64,
    /// Mean luminance.
    pub mean: f64,
    /// Profile.
    pub waveform: Waveform,
}

impl Default for DriftingGrating {
    fn default() -> Self {
        Self {
            screen: Screen::default(),
            spatial_frequency_cpd: 0.5,
            temporal_frequency_hz: 4.0,
            direction_deg: 0.0,
            phase_deg: 0.0,
            contrast: 1.0,
            mean: 0.5,
            waveform: Waveform::Sine,
        }
    }
}

impl Stimulus for DriftingGrating {
    fn check(&self) -> Result<()> {
        self.screen.check()?;
        not_negative("spatial_frequency_cpd", self.spatial_frequency_cpd)?;
        finite("temporal_frequency_hz", self.temporal_frequency_hz)?;
        finite("direction_deg", self.direction_deg)?;
        finite("phase_deg", self.phase_deg)?;
        fraction("contrast", self.contrast)?;
        positive("mean", self.mean)
    }

    fn size(&self) -> (usize, usize) {
        (self.screen.height, self.screen.width)
    }

    fn frames(&self) -> Option<u64> {
        None
    }

    fn render(&self, frame: u64, out: &mut [f32]) {
        // Whole cycles are dropped before the sine sees them: after hours the phase is as exact as at the start.
        let cycles = (self.temporal_frequency_hz * self.screen.time_s(frame)).fract();
        let phase = self.phase_deg.to_radians() - TAU * cycles;
        let (amplitude, waveform) = (self.mean * self.contrast, self.waveform);
        paint_phase(&self.screen, self.spatial_frequency_cpd, self.direction_deg, phase, out, |cos| {
            self.mean + amplitude * waveform.of(cos)
        });
    }
}

/// A standing grating whose bright and dark bars exchange their places.
///
/// # Equation
/// ```text
/// L(t, p) = mean·(1 + c·w(cos(2π s·(p·e) + φ))·w(cos(2π f t + ψ)))
/// ```
/// with e the unit vector of `orientation_deg`, across the bars, and w the waveform. At the null phase a cell that sums
/// linearly does not respond; one that sums nonlinear subunits responds at 2f.
///
/// # Parameters
/// | name | unit | default |
/// |---|---|---|
/// | `spatial_frequency_cpd` s | cycles/deg | 0.5 |
/// | `temporal_frequency_hz` f | Hz | 4 |
/// | `orientation_deg` across the bars | deg | 0 |
/// | `phase_deg` φ at the middle of the screen | deg | 0 |
/// | `temporal_phase_deg` ψ | deg | 0 |
/// | `contrast` c (Michelson) | – | 1 |
/// | `mean` | – | 0.5 |
/// | `waveform` w in space and time | – | sine |
///
/// # Source
/// Enroth-Cugell & Robson 1966, J. Physiol. 187:517; Hochstein & Shapley 1976, J. Physiol. 262:265.
///
/// # Example
/// ```
/// use convis::stimuli::{ContrastReversingGrating, movie};
/// let grating = ContrastReversingGrating { temporal_frequency_hz: 5.0, ..ContrastReversingGrating::default() };
/// let (first, half_later) = (movie(&grating, 0, 1)?.to_f64(), movie(&grating, 100, 1)?.to_f64());
/// assert!(first.iter().zip(&half_later).all(|(a, b)| (a + b - 1.0).abs() < 1e-6));
/// # Ok::<(), convis::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ContrastReversingGrating {
    /// Size and resolution.
    pub screen: Screen,
    /// Spatial frequency, cycles/deg.
    pub spatial_frequency_cpd: f64,
    /// Temporal frequency: full cycles of reversal per second, Hz.
    pub temporal_frequency_hz: f64,
    /// Direction across the bars, deg.
    pub orientation_deg: f64,
    /// Phase at the middle of the screen, deg.
    pub phase_deg: f64,
    /// Phase of the reversal at time 0, deg.
    pub temporal_phase_deg: f64,
    /// Michelson contrast.
    pub contrast: f64,
    /// Mean luminance.
    pub mean: f64,
    /// Profile in space and in time.
    pub waveform: Waveform,
}

impl Default for ContrastReversingGrating {
    fn default() -> Self {
        Self {
            screen: Screen::default(),
            spatial_frequency_cpd: 0.5,
            temporal_frequency_hz: 4.0,
            orientation_deg: 0.0,
            phase_deg: 0.0,
            temporal_phase_deg: 0.0,
            contrast: 1.0,
            mean: 0.5,
            waveform: Waveform::Sine,
        }
    }
}

impl Stimulus for ContrastReversingGrating {
    fn check(&self) -> Result<()> {
        self.screen.check()?;
        not_negative("spatial_frequency_cpd", self.spatial_frequency_cpd)?;
        not_negative("temporal_frequency_hz", self.temporal_frequency_hz)?;
        finite("orientation_deg", self.orientation_deg)?;
        finite("phase_deg", self.phase_deg)?;
        finite("temporal_phase_deg", self.temporal_phase_deg)?;
        fraction("contrast", self.contrast)?;
        positive("mean", self.mean)
    }

    fn size(&self) -> (usize, usize) {
        (self.screen.height, self.screen.width)
    }

    fn frames(&self) -> Option<u64> {
        None
    }

    fn render(&self, frame: u64, out: &mut [f32]) {
        let cycles = (self.temporal_frequency_hz * self.screen.time_s(frame)).fract();
        let waveform = self.waveform;
        let reversal = (TAU * cycles + self.temporal_phase_deg.to_radians()).cos();
        let amplitude = self.mean * self.contrast * waveform.of(reversal);
        let phase = self.phase_deg.to_radians();
        paint_phase(&self.screen, self.spatial_frequency_cpd, self.orientation_deg, phase, out, |cos| {
            self.mean + amplitude * waveform.of(cos)
        });
    }
}

/// A grating that swings to and fro.
///
/// # Equation
/// ```text
/// L(t, p) = mean·(1 + c·w(cos(2π s·(p·e) + φ + α·sin(2π f t + ψ))))
/// ```
/// with e the unit vector of `orientation_deg`, across the bars, and w the waveform.
///
/// # Parameters
/// | name | unit | default |
/// |---|---|---|
/// | `spatial_frequency_cpd` s | cycles/deg | 0.5 |
/// | `temporal_frequency_hz` f | Hz | 4 |
/// | `orientation_deg` across the bars | deg | 0 |
/// | `phase_deg` φ at the middle of the screen | deg | 0 |
/// | `temporal_phase_deg` ψ | deg | 0 |
/// | `swing_deg` α, of the phase: 90 is a quarter of a period to each side | deg | 90 |
/// | `contrast` c (Michelson) | – | 1 |
/// | `mean` | – | 0.5 |
/// | `waveform` w | – | sine |
///
/// # Source
/// The program `Grating` of Virtual Retina (Wohrer & Kornprobst 2009) has one; the swing is ours.
///
/// # Example
/// ```
/// use convis::stimuli::{OscillatingGrating, movie};
/// let grating = OscillatingGrating { temporal_frequency_hz: 5.0, ..OscillatingGrating::default() };
/// // After half a period it is back where it began.
/// let (first, half_later) = (movie(&grating, 0, 1)?.to_f64(), movie(&grating, 100, 1)?.to_f64());
/// assert!(first.iter().zip(&half_later).all(|(a, b)| (a - b).abs() < 1e-6));
/// # Ok::<(), convis::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct OscillatingGrating {
    /// Size and resolution.
    pub screen: Screen,
    /// Spatial frequency, cycles/deg.
    pub spatial_frequency_cpd: f64,
    /// Temporal frequency, Hz.
    pub temporal_frequency_hz: f64,
    /// Direction across the bars, deg.
    pub orientation_deg: f64,
    /// Phase at the middle of the screen, deg.
    pub phase_deg: f64,
    /// Phase of the swing at time 0, deg.
    pub temporal_phase_deg: f64,
    /// How far the phase swings to each side, deg.
    pub swing_deg: f64,
    /// Michelson contrast.
    pub contrast: f64,
    /// Mean luminance.
    pub mean: f64,
    /// Profile.
    pub waveform: Waveform,
}

impl Default for OscillatingGrating {
    fn default() -> Self {
        Self {
            screen: Screen::default(),
            spatial_frequency_cpd: 0.5,
            temporal_frequency_hz: 4.0,
            orientation_deg: 0.0,
            phase_deg: 0.0,
            temporal_phase_deg: 0.0,
            swing_deg: 90.0,
            contrast: 1.0,
            mean: 0.5,
            waveform: Waveform::Sine,
        }
    }
}

impl Stimulus for OscillatingGrating {
    fn check(&self) -> Result<()> {
        self.screen.check()?;
        not_negative("spatial_frequency_cpd", self.spatial_frequency_cpd)?;
        not_negative("temporal_frequency_hz", self.temporal_frequency_hz)?;
        finite("orientation_deg", self.orientation_deg)?;
        finite("phase_deg", self.phase_deg)?;
        finite("temporal_phase_deg", self.temporal_phase_deg)?;
        finite("swing_deg", self.swing_deg)?;
        fraction("contrast", self.contrast)?;
        positive("mean", self.mean)
    }

    fn size(&self) -> (usize, usize) {
        (self.screen.height, self.screen.width)
    }

    fn frames(&self) -> Option<u64> {
        None
    }

    fn render(&self, frame: u64, out: &mut [f32]) {
        let cycles = (self.temporal_frequency_hz * self.screen.time_s(frame)).fract();
        let swing = (TAU * cycles + self.temporal_phase_deg.to_radians()).sin();
        let phase = self.phase_deg.to_radians() + self.swing_deg.to_radians() * swing;
        let (amplitude, waveform) = (self.mean * self.contrast, self.waveform);
        paint_phase(&self.screen, self.spatial_frequency_cpd, self.orientation_deg, phase, out, |cos| {
            self.mean + amplitude * waveform.of(cos)
        });
    }
}

#[cfg(test)]
mod tests {
    use super::super::movie;
    use super::*;

    #[test]
    fn a_grating_follows_its_equation_and_moves_where_it_says() {
        let screen = Screen { height: 7, width: 9, ..Screen::default() };
        for direction_deg in [0.0, 90.0, 200.0] {
            let grating = DriftingGrating {
                screen,
                direction_deg,
                phase_deg: 30.0,
                contrast: 0.5,
                ..Default::default()
            };
            let shown = movie(&grating, 0, 50).unwrap().to_f64();
            let (ex, ey) = unit_vector(direction_deg);
            for k in 0..50 {
                for i in 0..63 {
                    let along = screen.x_deg(i % 9) * ex + screen.y_deg(i / 9) * ey;
                    let phase = TAU * (0.5 * along - 4.0 * k as f64 / 1000.0) + 30f64.to_radians();
                    assert!((shown[k * 63 + i] - 0.5 * (1.0 + 0.5 * phase.cos())).abs() < 1e-6);
                }
            }
        }
    }

    #[test]
    fn errors_name_the_field() {
        let grating = DriftingGrating { contrast: 1.5, ..DriftingGrating::default() };
        assert_eq!(
            movie(&grating, 0, 1).unwrap_err().to_string(),
            "contrast: expected a number from 0 to 1, got 1.5"
        );
        let screen = Screen { height: 0, ..Screen::default() };
        let error = movie(&ContrastReversingGrating { screen, ..Default::default() }, 0, 1).unwrap_err();
        assert_eq!(error.to_string(), "height: expected at least 1, got 0");
    }
}
