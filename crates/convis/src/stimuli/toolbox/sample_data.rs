//! Data whose truth is known.

use convis_kernels::parallel;
use convis_kernels::random::{Key, Use, normal, uniform};

use super::super::argument::{at_least_one, fraction, not_negative};
use super::super::{Stimulus, movie};
use super::StimulusSize;
use crate::{Error, Result, Tensor};

/// A stimulus, the response of a linear-nonlinear model to it, and the kernel of that model: to test whether a fit finds
/// the truth.
#[derive(Clone, Debug)]
pub struct SampleData {
    /// The stimulus `[1, 1, time, height, width]`.
    pub stimulus: Tensor,
    /// The response at every pixel, of the same shape.
    pub response: Tensor,
    /// The kernel `[lags, height, width]`; its last frame weighs the present.
    pub kernel: Tensor,
}

/// A linear-nonlinear model with a random sparse kernel.
///
/// # Equation
/// ```text
/// g(t, i, j) = Σ k(τ, a, b)·s(t − (lags − 1 − τ), i + a − ⌊h/2⌋, j + b − ⌊w/2⌋)
/// r = max(0, g) + noise·ξ          (without max where `rectify` is off)
/// ```
/// Beyond its borders the picture continues with its edge, before its beginning with the first frame. A weight is normal
/// with probability `density`, else 0; the kernel is scaled to Σ k² = 1. A convolution with this kernel, unflipped and
/// with borders as here, gives g.
///
/// # Example
/// ```
/// use convis::stimuli::{Checkers, toolbox::SampleGenerator};
/// let data = SampleGenerator { seed: 3, ..SampleGenerator::default() }.generate(&Checkers::default(), 60)?;
/// assert_eq!(data.response.shape(), data.stimulus.shape());
/// assert_eq!(data.kernel.shape(), [10, 5, 5]);
/// # Ok::<(), convis::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct SampleGenerator {
    /// Size of the kernel: lags, rows, columns.
    pub kernel_size: StimulusSize,
    /// Probability that a weight is not 0.
    pub density: f64,
    /// Whether the response is rectified.
    pub rectify: bool,
    /// Standard deviation of the noise that is added.
    pub noise: f64,
    /// Which random kernel and noise.
    pub seed: u64,
}

impl Default for SampleGenerator {
    fn default() -> Self {
        let kernel_size = StimulusSize { frames: 10, height: 5, width: 5 };
        Self { kernel_size, density: 0.1, rectify: true, noise: 0.0, seed: 123 }
    }
}

impl SampleGenerator {
    /// The kernel `[lags, rows, columns]`.
    ///
    /// # Errors
    /// If a size is 0 or a number out of its range.
    pub fn kernel(&self) -> Result<Tensor> {
        let StimulusSize { frames, height, width } = self.kernel_size;
        at_least_one("kernel_size", frames.min(height).min(width))?;
        fraction("density", self.density)?;
        not_negative("noise", self.noise)?;
        let key = Key::new(self.seed, 0, "sample kernel", 0);
        let n = frames * height * width;
        let mut weights: Vec<f32> = (0..n)
            .map(|i| {
                let there = uniform(key, 0, i, Use::Start, 0) < self.density;
                if there { normal::normal(key, 1, i, Use::Current as u32, 0) } else { 0.0 }
            })
            .collect();
        if weights.iter().all(|&w| w == 0.0) {
            // A kernel of nothing has no truth to find: the middle pixel of the present weighs 1.
            weights[(frames - 1) * height * width + height / 2 * width + width / 2] = 1.0;
        }
        let norm = weights.iter().map(|&w| f64::from(w).powi(2)).sum::<f64>().sqrt();
        for w in &mut weights {
            *w = (f64::from(*w) / norm) as f32;
        }
        Tensor::from_vec(weights, &[frames, height, width])
    }

    /// Shows the first frames of a stimulus to the model.
    ///
    /// # Errors
    /// Those of [`movie`] and of [`kernel`](Self::kernel).
    pub fn generate(&self, stimulus: &dyn Stimulus, frames: usize) -> Result<SampleData> {
        self.respond(movie(stimulus, 0, frames)?)
    }

    /// Shows a movie `[1, 1, time, height, width]` to the model.
    ///
    /// # Errors
    /// If it is no such movie, and those of [`kernel`](Self::kernel).
    pub fn respond(&self, stimulus: Tensor) -> Result<SampleData> {
        let kernel = self.kernel()?;
        let shape = stimulus.shape().to_vec();
        let signal = stimulus.signal()?;
        if signal.planes != 1 || signal.is_empty() {
            let expected = "a movie with one batch and one channel, at least one frame";
            return Err(Error::argument("stimulus", expected, format!("shape {shape:?}")));
        }
        let shown = stimulus.to_f64();
        let weights = kernel.to_f64();
        let [lags, rows, columns] = kernel.shape()[..] else { return Err(Error::Mismatch("kernel".into())) };
        let taps: Vec<(usize, isize, isize, f64)> = weights
            .iter()
            .enumerate()
            .filter(|(_, weight)| **weight != 0.0)
            .map(|(i, &weight)| {
                let (tau, a, b) = (i / (rows * columns), i / columns % rows, i % columns);
                let centred = |at: usize, n: usize| at as isize - (n / 2) as isize;
                (lags - 1 - tau, centred(a, rows), centred(b, columns), weight)
            })
            .collect();
        let (height, width) = (signal.height, signal.width);
        let key = Key::new(self.seed, 0, "sample noise", 0);
        let mut response = vec![0.0f32; stimulus.len()];
        let work = response.len() * taps.len();
        let frames: Vec<_> = response.chunks_mut(height * width).enumerate().collect();
        parallel::for_each(frames, work, |(t, out)| {
            for (pixel, out) in out.iter_mut().enumerate() {
                let (i, j) = ((pixel / width) as isize, (pixel % width) as isize);
                let mut g = 0.0;
                for &(lag, a, b, weight) in &taps {
                    let y = (i + a).clamp(0, height as isize - 1) as usize;
                    let x = (j + b).clamp(0, width as isize - 1) as usize;
                    g += weight * shown[(t.saturating_sub(lag) * height + y) * width + x];
                }
                let noise = if self.noise > 0.0 {
                    self.noise * f64::from(normal::normal(key, 0, pixel, Use::Current as u32, t as u64))
                } else {
                    0.0
                };
                *out = ((if self.rectify { g.max(0.0) } else { g }) + noise) as f32;
            }
        });
        Ok(SampleData { stimulus, response: Tensor::from_vec(response, &shape)?, kernel })
    }
}
