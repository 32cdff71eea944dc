//! The nonlinearity behind a filter.

use convis_kernels::{parallel, simd};

use super::{Spikes, Stimulus};
use crate::{Error, Result, Tensor};

/// The filtered stimulus: what drives a linear-nonlinear cell.
///
/// # Equation
/// ```text
/// g(t) = Σᵢ Σₚ f(i, p)·s(t − (lags − 1 − i), p),   t = lags − 1 ‥
/// ```
/// The first number belongs to frame `lags − 1`, the first with a whole window.
///
/// # Shapes
/// Stimulus (time, height, width) or a movie with one batch and channel; filter (lags, height, width), as in
/// [`Sta::average`](super::Sta) of one unit; result `time − lags + 1` numbers.
///
/// # Errors
/// If the filter has another picture size, or is longer than the stimulus.
pub fn generator_signal(stimulus: &Tensor, filter: &Tensor) -> Result<Vec<f32>> {
    let shown = Stimulus::new(stimulus)?;
    let (lags, weights) = match *filter.shape() {
        [lags, height, width] | [1, lags, height, width]
            if (height, width) == (shown.height, shown.width) =>
        {
            (lags, filter.to_f32())
        }
        _ => {
            let expected = format!("axes (lags, {}, {}), as the stimulus", shown.height, shown.width);
            return Err(Error::argument("filter", expected, format!("shape {:?}", filter.shape())));
        }
    };
    shown.check_lags(lags)?;
    let mut signal = vec![0.0f32; shown.frames + 1 - lags];
    let work = signal.len() * weights.len();
    let parts: Vec<_> = signal.chunks_mut(256).enumerate().collect();
    parallel::for_each(parts, work, |(part, out)| {
        for (i, out) in out.iter_mut().enumerate() {
            let window = shown.window(256 * part + i + lags - 1, lags);
            *out = simd::vectorized(
                #[inline(always)]
                || dot(window, &weights),
            );
        }
    });
    Ok(signal)
}

/// Σ aᵢbᵢ in 32 interleaved sums, which are then added in order.
#[inline(always)]
#[allow(clippy::inline_always)] // compiled for every vector width, into its caller
fn dot(a: &[f32], b: &[f32]) -> f32 {
    let (mut a, mut b) = (a.chunks_exact(32), b.chunks_exact(32));
    let mut sums = [0.0f32; 32];
    for (a, b) in (&mut a).zip(&mut b) {
        for i in 0..32 {
            sums[i] += a[i] * b[i];
        }
    }
    for (i, (a, b)) in a.remainder().iter().zip(b.remainder()).enumerate() {
        sums[i] += a * b;
    }
    sums.iter().sum()
}

/// One bin of a nonlinearity.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Bin {
    /// Mean generator signal in the bin.
    pub generator: f64,
    /// Mean rate, spikes per second.
    pub rate_hz: f64,
    /// Standard error of the rate.
    pub error_hz: f64,
    /// Frames in the bin.
    pub frames: usize,
}

/// Firing rate as a function of the filtered stimulus.
///
/// # Equation
/// Frames are sorted by their generator signal g ([`generator_signal`]) and cut into `bins` bins with as many frames
/// each. In each, with n the spikes of a frame of `step_s` seconds and m frames:
/// ```text
/// rate = mean(n)/step,   error = sd(n)/(√m·step)
/// ```
/// Use a filter that was found on other frames, or the same frames' noise bends the curve.
///
/// # Errors
/// Those of [`generator_signal`]; if the unit does not exist, the step is not positive, or there are fewer than two
/// frames per bin.
///
/// # Source
/// Chichilnisky 2001, Network 12:199.
///
/// # Example
/// ```
/// use convis::{Tensor, analysis::{Spikes, nonlinearity}, stimuli::{Checkers, movie}};
/// let shown = movie(&Checkers::default(), 0, 1000)?.reshape(&[1000, 50, 50])?;
/// // A cell that spikes where the first pixel is bright.
/// let counts: Vec<f32> = shown.to_f32().into_iter().step_by(2500).collect();
/// let spikes = Spikes::from_counts(&Tensor::from_vec(counts, &[1000])?)?;
/// let filter = Tensor::from_vec((0..2500).map(|i| f32::from(u8::from(i == 0))).collect(), &[1, 50, 50])?;
/// let bins = nonlinearity(&shown, &filter, &spikes, 0, 2, 0.001)?;
/// assert!(bins[1].rate_hz > 900.0 && bins[0].rate_hz < 100.0);
/// # Ok::<(), convis::Error>(())
/// ```
pub fn nonlinearity(
    stimulus: &Tensor,
    filter: &Tensor,
    spikes: &Spikes,
    unit: usize,
    bins: usize,
    step_s: f64,
) -> Result<Vec<Bin>> {
    let frames = Stimulus::new(stimulus)?.frames;
    spikes.check_frames(frames)?;
    spikes.check_unit(unit)?;
    if !(step_s > 0.0 && step_s.is_finite()) {
        return Err(Error::argument("step_s", "a number above 0", step_s));
    }
    let signal = generator_signal(stimulus, filter)?;
    if !signal.iter().all(|g| g.is_finite()) {
        return Err(Error::argument("stimulus", "finite numbers", "NaN or infinity"));
    }
    if bins == 0 || signal.len() < 2 * bins {
        let expected = format!("1 to {}: at least two frames each", signal.len() / 2);
        return Err(Error::argument("bins", expected, bins));
    }
    let first = frames - signal.len();
    let mut counts = vec![0.0f64; frames];
    for &(frame, count) in spikes.of(unit) {
        counts[frame] = f64::from(count);
    }
    let mut order: Vec<usize> = (0..signal.len()).collect();
    order.sort_by(|&a, &b| signal[a].total_cmp(&signal[b]).then(a.cmp(&b)));
    let bin = |i: usize| {
        let members = &order[i * signal.len() / bins..(i + 1) * signal.len() / bins];
        let m = members.len() as f64;
        let mean = members.iter().map(|&t| counts[first + t]).sum::<f64>() / m;
        let variance = members.iter().map(|&t| (counts[first + t] - mean).powi(2)).sum::<f64>() / (m - 1.0);
        Bin {
            generator: members.iter().map(|&t| f64::from(signal[t])).sum::<f64>() / m,
            rate_hz: mean / step_s,
            error_hz: (variance / m).sqrt() / step_s,
            frames: members.len(),
        }
    };
    Ok((0..bins).map(bin).collect())
}

#[cfg(test)]
mod tests {
    use convis_kernels::random::{Key, Use, normal::normal, uniform};

    use super::super::sta;
    use super::*;

    #[test]
    fn filter_and_nonlinearity_of_a_linear_nonlinear_cell_are_found() {
        let (frames, pixels, lags) = (60_000, 6, 8);
        let key = Key::new(1, 0, "ln", 0);
        let shown: Vec<f32> = (0..frames * pixels)
            .map(|i| normal(key, 0, i % pixels, Use::Current as u32, (i / pixels) as u64))
            .collect();
        let shown = Tensor::from_vec(shown, &[frames, 2, 3]).unwrap();
        let truth: Vec<f32> =
            (0..lags * pixels).map(|i| (i as f32 * 0.7).sin() * 0.9f32.powi(i as i32)).collect();
        let norm = truth.iter().map(|x| x * x).sum::<f32>().sqrt();
        let truth: Vec<f32> = truth.iter().map(|x| x / norm).collect();
        let filter = Tensor::from_vec(truth.clone(), &[lags, 2, 3]).unwrap();
        let g = generator_signal(&shown, &filter).unwrap();
        let rate = |g: f64| 0.3 / (1.0 + (-2.0 * (g - 0.5)).exp());
        let counts: Vec<f32> = (0..frames)
            .map(|t| {
                let spike = t + 1 >= lags
                    && uniform(key, 1, 0, Use::Start, t as u64) < rate(f64::from(g[t + 1 - lags]));
                f32::from(u8::from(spike))
            })
            .collect();
        let spikes = Spikes::from_counts(&Tensor::from_vec(counts, &[frames]).unwrap()).unwrap();
        let found = sta(&shown, &spikes, lags).unwrap();
        let (a, n) = (found.average.to_f64(), found.used[0]);
        let length = a.iter().map(|x| x * x).sum::<f64>().sqrt();
        let cosine: f64 = a.iter().zip(&truth).map(|(a, t)| a * f64::from(*t)).sum::<f64>() / length;
        // Error of each of 48 numbers is 1/√n: the angle is about √48/(√n·length).
        assert!(cosine > 1.0 - 48.0 / (n * length * length), "{cosine}, {n} spikes");
        let bins = nonlinearity(&shown, &filter, &spikes, 0, 20, 0.001).unwrap();
        assert_eq!(bins.iter().map(|b| b.frames).sum::<usize>(), frames + 1 - lags);
        for bin in &bins {
            // Bins are narrow but for the last ones, where the curve saturates.
            let allowed = 4.0 * bin.error_hz + 2.0;
            assert!((bin.rate_hz - 1000.0 * rate(bin.generator)).abs() < allowed + 4.0, "{bin:?}");
        }
        assert!(nonlinearity(&shown, &filter, &spikes, 1, 20, 0.001).is_err());
        assert!(nonlinearity(&shown, &filter, &spikes, 0, 0, 0.001).is_err());
    }
}
