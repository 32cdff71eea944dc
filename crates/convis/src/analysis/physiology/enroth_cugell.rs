//! X and Y cells: Enroth-Cugell & Robson 1966.

use std::f64::consts::PI;

use super::{Harmonic, Subject, harmonic, mean};
use crate::Result;
use crate::stimuli::{ContrastReversingGrating, DriftingGrating};

/// What a drifting grating does to a cell.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct DriftResponse {
    /// Spatial frequency, cycles/deg.
    pub spatial_frequency_cpd: f64,
    /// By how much the mean current changes from that at a screen of the same mean luminance, Hz.
    pub mean_change_hz: f64,
    /// Modulation at the frequency of the grating.
    pub fundamental: Harmonic,
}

/// Responses to gratings that drift at `temporal_frequency_hz`.
///
/// An X cell is modulated and keeps its mean; a Y cell raises its mean, and does so for gratings too fine to modulate it.
///
/// # Source
/// Enroth-Cugell & Robson 1966, J. Physiol. 187:517–552, figures 5 and 9.
///
/// # Errors
/// If the gratings cannot be shown.
pub fn drifting_gratings(
    subject: &Subject,
    spatial_frequencies_cpd: &[f64],
    temporal_frequency_hz: f64,
    contrast: f64,
) -> Result<Vec<DriftResponse>> {
    let (warm_up, frames) = periods(subject, temporal_frequency_hz);
    let grey = DriftingGrating {
        screen: subject.screen(),
        contrast: 0.0,
        mean: subject.mean_luminance(),
        ..DriftingGrating::default()
    };
    let rest = mean(&subject.current_hz(grey, warm_up, 1)?);
    let respond = |&spatial_frequency_cpd: &f64| {
        let grating = DriftingGrating {
            screen: subject.screen(),
            spatial_frequency_cpd,
            temporal_frequency_hz,
            contrast,
            mean: subject.mean_luminance(),
            ..DriftingGrating::default()
        };
        let trace = subject.current_hz(grating, warm_up, frames)?;
        Ok(DriftResponse {
            spatial_frequency_cpd,
            mean_change_hz: mean(&trace) - rest,
            fundamental: harmonic(&trace, CYCLES),
        })
    };
    spatial_frequencies_cpd.iter().map(respond).collect()
}

/// What a grating that reverses its contrast does to a cell.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ReversalResponse {
    /// Phase of the grating at the cell, degrees.
    pub phase_deg: f64,
    /// Modulation at the frequency of the reversal.
    pub fundamental: Harmonic,
    /// Modulation at twice that.
    pub second: Harmonic,
}

/// Responses to a grating that reverses its contrast, at several phases.
///
/// A cell that sums linearly has null phases, where it does not respond; a Y cell responds there at twice the frequency.
///
/// # Source
/// Enroth-Cugell & Robson 1966, J. Physiol. 187:517–552, figure 2; Hochstein & Shapley 1976, J. Physiol. 262:237.
///
/// # Errors
/// If the gratings cannot be shown.
pub fn contrast_reversal(
    subject: &Subject,
    spatial_frequency_cpd: f64,
    temporal_frequency_hz: f64,
    contrast: f64,
    phases_deg: &[f64],
) -> Result<Vec<ReversalResponse>> {
    let (warm_up, frames) = periods(subject, temporal_frequency_hz);
    let respond = |&phase_deg: &f64| {
        let grating = ContrastReversingGrating {
            screen: subject.screen(),
            spatial_frequency_cpd,
            temporal_frequency_hz,
            phase_deg,
            contrast,
            mean: subject.mean_luminance(),
            ..ContrastReversingGrating::default()
        };
        let trace = subject.current_hz(grating, warm_up, frames)?;
        let (fundamental, second) = (harmonic(&trace, CYCLES), harmonic(&trace, 2.0 * CYCLES));
        Ok(ReversalResponse { phase_deg, fundamental, second })
    };
    phases_deg.iter().map(respond).collect()
}

/// Cycles that are measured.
const CYCLES: f64 = 2.0;

/// Frames before and within the cycles that are measured.
fn periods(subject: &Subject, temporal_frequency_hz: f64) -> (usize, usize) {
    let rate = subject.screen().resolution.steps_per_second();
    let frames = (CYCLES / temporal_frequency_hz * rate).round() as usize;
    // At least a second, so that what the gain was before is forgotten.
    let warm_up = frames * (rate / frames as f64).ceil() as usize;
    (warm_up, frames)
}

/// A difference of two Gaussians as a function of spatial frequency f: what a linear centre and surround do.
///
/// # Equation
/// ```text
/// R(f) = K_c·exp(−(π·r_c·f)²) − K_s·exp(−(π·r_s·f)²)
/// ```
/// with r the radii at which a Gaussian is down to 1/e: √2 standard deviations.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct DifferenceOfGaussians {
    /// Strength K_c of the centre, Hz.
    pub center_hz: f64,
    /// Radius r_c of the centre, deg.
    pub center_radius_deg: f64,
    /// Strength K_s of the surround, Hz.
    pub surround_hz: f64,
    /// Radius r_s of the surround, deg.
    pub surround_radius_deg: f64,
}

impl DifferenceOfGaussians {
    /// Its value at a spatial frequency.
    pub fn at(&self, cpd: f64) -> f64 {
        self.center_hz * gaussian(self.center_radius_deg, cpd)
            - self.surround_hz * gaussian(self.surround_radius_deg, cpd)
    }

    /// The one that fits points (f, R) best, and the share of their variance that it explains.
    ///
    /// For given radii the strengths follow by linear least squares; radii are found on grids of growing fineness.
    ///
    /// ```
    /// use convis::analysis::physiology::DifferenceOfGaussians;
    /// let truth = DifferenceOfGaussians {
    ///     center_hz: 10.0,
    ///     center_radius_deg: 0.7,
    ///     surround_hz: 8.0,
    ///     surround_radius_deg: 2.5,
    /// };
    /// let points: Vec<(f64, f64)> = (1..20).map(|i| 0.05 * f64::from(i)).map(|f| (f, truth.at(f))).collect();
    /// let (fit, r_squared) = DifferenceOfGaussians::fit(&points);
    /// assert!(r_squared > 0.999_999 && (fit.center_radius_deg - 0.7).abs() < 1e-3);
    /// ```
    pub fn fit(points: &[(f64, f64)]) -> (Self, f64) {
        let highest = points.iter().map(|(f, _)| *f).fold(f64::MIN_POSITIVE, f64::max);
        // Radii in units of the finest grating: from a tenth of its period to a hundred periods.
        let mut centre = [(0.1 / highest).ln(), (10.0 / highest).ln()];
        let mut surround = [(0.1 / highest).ln(), (100.0 / highest).ln()];
        let (mut best, mut least) = (None, f64::INFINITY);
        const SIDE: usize = 40;
        for _ in 0..12 {
            let place = |[low, high]: [f64; 2], i: usize| (low + (high - low) * i as f64 / SIDE as f64).exp();
            for i in 0..=SIDE {
                for j in 0..=SIDE {
                    let radii = [place(centre, i), place(surround, j)];
                    let (fit, error) = Self::strengths(points, radii);
                    if error < least && radii[0] < radii[1] {
                        (best, least) = (Some(fit), error);
                    }
                }
            }
            let Some(fit) = best else { break };
            let around = |[low, high]: [f64; 2], radius: f64| {
                let half = (high - low) / 8.0;
                [radius.ln() - half, radius.ln() + half]
            };
            centre = around(centre, fit.center_radius_deg);
            surround = around(surround, fit.surround_radius_deg);
        }
        let mean = points.iter().map(|(_, r)| r).sum::<f64>() / points.len() as f64;
        let variance: f64 = points.iter().map(|(_, r)| (r - mean).powi(2)).sum();
        let nothing =
            Self { center_hz: 0.0, center_radius_deg: 1.0, surround_hz: 0.0, surround_radius_deg: 1.0 };
        (best.unwrap_or(nothing), 1.0 - least / variance)
    }

    /// The best strengths for these radii, and the sum of squared errors.
    fn strengths(points: &[(f64, f64)], [rc, rs]: [f64; 2]) -> (Self, f64) {
        let (mut cc, mut cs, mut ss, mut cr, mut sr) = (0.0, 0.0, 0.0, 0.0, 0.0);
        for &(f, r) in points {
            let (c, s) = (gaussian(rc, f), -gaussian(rs, f));
            cc += c * c;
            cs += c * s;
            ss += s * s;
            cr += c * r;
            sr += s * r;
        }
        let determinant = cc * ss - cs * cs;
        let fit = Self {
            center_hz: (ss * cr - cs * sr) / determinant,
            center_radius_deg: rc,
            surround_hz: (cc * sr - cs * cr) / determinant,
            surround_radius_deg: rs,
        };
        let error: f64 = points.iter().map(|&(f, r)| (fit.at(f) - r).powi(2)).sum();
        let valid = fit.center_hz >= 0.0 && fit.surround_hz >= 0.0 && error.is_finite();
        (fit, if valid { error } else { f64::INFINITY })
    }
}

fn gaussian(radius_deg: f64, cpd: f64) -> f64 {
    (-(PI * radius_deg * cpd).powi(2)).exp()
}
