//! Contrast gain control: Shapley & Victor 1978.

use super::{Harmonic, Subject, harmonic};
use crate::Result;
use crate::stimuli::SumOfSinusoids;

/// The response of a cell at one of the frequencies of a sum of sinusoids.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Sinusoid {
    /// Temporal frequency, Hz.
    pub frequency_hz: f64,
    /// Modulation of the current; phases are relative to the sinusoid that is shown.
    pub response: Harmonic,
}

/// In this time, s, every frequency has a whole number of cycles. At 500 steps per second it is a whole number of steps; at
/// others the nearest one is taken, and the frequencies change with it, by less than one in ten thousand.
const PERIOD_S: f64 = 65.526;
/// Cycles of the fastest sinusoid.
const FASTEST: f64 = 2047.0;

/// Responses to a grating whose contrast is a sum of eight sinusoids, each of this contrast; the phase of the grating is that
/// at the cell.
///
/// Where contrast controls the gain, the tuning becomes sharper with contrast, its peak moves to higher frequencies, slow
/// sinusoids grow less than in proportion, and fast ones come earlier.
///
/// # Source
/// Shapley & Victor 1978, J. Physiol. 285:275–298, figures 2 to 4.
///
/// # Errors
/// If the subject's steps are too long for the fastest sinusoid, or the grating cannot be shown.
pub fn sum_of_sinusoids(
    subject: &Subject,
    spatial_frequency_cpd: f64,
    phase_deg: f64,
    contrast: f64,
) -> Result<Vec<Sinusoid>> {
    let rate = subject.screen().resolution.steps_per_second();
    let frames = (PERIOD_S * rate).round();
    // More than two steps per cycle, and a movie that ends.
    if !(2.0 * FASTEST < frames && frames < 1e8) {
        let expected = "steps between 1 µs and 16 ms for sinusoids of up to 31.24 Hz";
        return Err(crate::Error::argument("step", expected, format!("{} s", 1.0 / rate)));
    }
    let period_s = frames / rate;
    let published = SumOfSinusoids::default().frequencies_hz;
    let cycles: Vec<f64> = published.iter().map(|hertz| (hertz * PERIOD_S).round()).collect();
    let stimulus = SumOfSinusoids {
        screen: subject.screen(),
        contrast,
        spatial_frequency_cpd,
        phase_deg,
        mean: subject.mean_luminance(),
        frequencies_hz: cycles.iter().map(|cycles| cycles / period_s).collect(),
        ..SumOfSinusoids::default()
    };
    let (frames, warm_up) = (frames as usize, (2.0 * rate).round() as usize);
    // The movie repeats after the period, so the end of it can come first.
    let trace = subject.response_hz(stimulus, warm_up, frames)?;
    let sinusoid = |cycles: f64| {
        let frequency_hz = cycles / period_s;
        let Harmonic { amplitude_hz, phase_deg } = harmonic(&trace, cycles);
        // The trace begins after the warm-up, and what is shown are sines.
        let shown_deg = 360.0 * (frequency_hz * warm_up as f64 / rate).fract() - 90.0;
        let phase_deg = (phase_deg - shown_deg + 180.0).rem_euclid(360.0) - 180.0;
        Sinusoid { frequency_hz, response: Harmonic { amplitude_hz, phase_deg } }
    };
    Ok(cycles.into_iter().map(sinusoid).collect())
}

/// The frequency of the largest response, between those that were shown: the top of the parabola through the largest and
/// its neighbours, on logarithmic axes.
///
/// ```
/// use convis::analysis::physiology::{Harmonic, Sinusoid, peak_frequency_hz};
/// let tuned = |frequency_hz: f64| {
///     let amplitude_hz = (-(frequency_hz / 5.0).ln().powi(2)).exp();
///     Sinusoid { frequency_hz, response: Harmonic { amplitude_hz, phase_deg: 0.0 } }
/// };
/// let responses: Vec<Sinusoid> = [1.0, 2.0, 4.0, 8.0, 16.0].map(tuned).to_vec();
/// assert!((peak_frequency_hz(&responses) - 5.0).abs() < 1e-9);
/// ```
pub fn peak_frequency_hz(responses: &[Sinusoid]) -> f64 {
    let amplitude = |i: usize| responses[i].response.amplitude_hz;
    let largest = (0..responses.len()).max_by(|&i, &j| amplitude(i).total_cmp(&amplitude(j)));
    let Some(i) = largest else { return f64::NAN };
    if i == 0 || i + 1 == responses.len() {
        return responses[i].frequency_hz;
    }
    let [x0, x1, x2] = [i - 1, i, i + 1].map(|i| responses[i].frequency_hz.ln());
    let [y0, y1, y2] = [i - 1, i, i + 1].map(|i| amplitude(i).ln());
    let (left, right) = ((y1 - y0) / (x1 - x0), (y2 - y1) / (x2 - x1));
    let curvature = (right - left) / (x2 - x0);
    // The slope at the middle of the first interval is that of the chord.
    let top = if curvature < 0.0 { f64::midpoint(x0, x1) - left / (2.0 * curvature) } else { x1 };
    top.clamp(x0, x2).exp()
}
