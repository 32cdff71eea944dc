//! Gaussian blur of every frame.
//!
//! # Equation
//! Continuous: `y = λ·G_σ * x` with G the two-dimensional Gaussian of standard deviation σ and unit integral.
//!
//! Discrete, with s = σ·(pixels per degree):
//! ```text
//! r      = ⌊truncate·s + ½⌋
//! kⱼ     = exp(−j²/2s²) / Σᵢ exp(−i²/2s²)        i, j = −r … r
//! y(p,q) = λ·Σᵢ Σⱼ kᵢ kⱼ x(p+i, q+j)              indices beyond the border meet the border pixel
//! ```
//! The kernel has unit sum at every σ; r = 0, and so every σ = 0, leaves the image as it is. A flat image stays
//! flat up to its border.
//!
//! # Shapes
//! Input and output: a movie. No state.
//!
//! # Parameters
//! | symbol | name | unit |
//! |---|---|---|
//! | σ | `sigma_deg` ≥ 0 | degree of visual angle |
//! | λ | `gain` | – |
//!
//! The derivative with respect to σ is taken at fixed radius r.
//!
//! # Source
//! Wohrer & Kornprobst 2009 (J. Comput. Neurosci. 26:219), spatial filters G_σ; sampled and truncated as
//! `scipy.ndimage.gaussian_filter` does (truncate = 4).

mod adjoint;
mod forward;
mod reference;

use crate::bands::{self, Bandwise};
use crate::operation::{Gradients, Operation};
use crate::{Real, Signal};

pub(crate) use adjoint::{Slopes, Transposed};
pub(crate) use forward::{Rows, blur_rows};

/// Where the Gaussian is cut, in standard deviations.
pub const TRUNCATE: f64 = 4.0;

/// Gaussian blur: see the [module](self) for the equation.
///
/// ```
/// use convis_kernels::{Operation, Signal, separable_blur::SeparableBlur};
///
/// let signal = Signal { planes: 1, frames: 1, height: 21, width: 21 };
/// let blur = SeparableBlur::new(signal, 10.0);
/// let mut point = vec![0.0f64; 441];
/// point[10 * 21 + 10] = 1.0;
/// let mut y = vec![0.0; 441];
/// blur.forward(&[0.2, 1.0], &[&point], &[], &mut y, &mut []);
/// assert!((y.iter().sum::<f64>() - 1.0).abs() < 1e-14);
/// // Two pixels (0.2° at 10 pixels per degree) from the centre the Gaussian has fallen by exp(−½).
/// assert!((y[10 * 21 + 12] / y[10 * 21 + 10] - (-0.5f64).exp()).abs() < 1e-14);
/// ```
#[derive(Clone, Debug)]
pub struct SeparableBlur {
    /// Sizes.
    pub signal: Signal,
    /// Pixels per degree of visual angle.
    pub pixels_per_degree: f64,
    /// Where the Gaussian is cut, in standard deviations.
    pub truncate: f64,
}

impl SeparableBlur {
    /// A blur that cuts its Gaussian at [`TRUNCATE`] standard deviations.
    pub const fn new(signal: Signal, pixels_per_degree: f64) -> Self {
        Self { signal, pixels_per_degree, truncate: TRUNCATE }
    }

    fn rows<T: Real>(&self, parameters: &[f64]) -> Rows<T> {
        Rows::new(&self.taps(parameters[0]), parameters[1], self.signal.height, self.signal.width)
    }

    pub(crate) fn taps(&self, sigma_deg: f64) -> Taps {
        Taps::new(sigma_deg * self.pixels_per_degree, self.truncate)
    }
}

/// Half of a sampled Gaussian: weights at distance 0, 1 … r.
#[derive(Clone, Debug)]
pub(crate) struct Taps {
    /// kⱼ, j = 0 … r.
    pub weight: Vec<f64>,
    /// ∂kⱼ/∂s per pixel, at fixed r.
    pub by_sigma: Vec<f64>,
}

impl Taps {
    pub fn new(sigma_px: f64, truncate: f64) -> Self {
        let radius = (truncate * sigma_px + 0.5).floor().max(0.0) as usize;
        if radius == 0 {
            return Self { weight: vec![1.0], by_sigma: vec![0.0] };
        }
        let gauss: Vec<f64> = (0..=radius).map(|j| (-0.5 * (j as f64 / sigma_px).powi(2)).exp()).collect();
        let both_sides =
            |values: &dyn Fn(usize) -> f64| values(0) + 2.0 * (1..=radius).rev().map(values).sum::<f64>();
        let sum = both_sides(&|j| gauss[j]);
        let weight: Vec<f64> = gauss.iter().map(|g| g / sum).collect();
        // ∂ ln kⱼ/∂s = j²/s³ − Σᵢ kᵢ i²/s³
        let growth = |j: usize| (j * j) as f64 / sigma_px.powi(3);
        let mean_growth = both_sides(&|j| weight[j] * growth(j));
        let by_sigma = (0..=radius).map(|j| weight[j] * (growth(j) - mean_growth)).collect();
        Self { weight, by_sigma }
    }

    /// Whether the blur changes nothing.
    pub fn is_identity(&self) -> bool {
        self.weight.len() == 1
    }

    pub fn weight_as<T: Real>(&self, gain: f64) -> Vec<T> {
        self.weight.iter().map(|&k| T::of(gain * k)).collect()
    }

    pub fn by_sigma_as<T: Real>(&self) -> Vec<T> {
        self.by_sigma.iter().map(|&k| T::of(k)).collect()
    }
}

impl Operation for SeparableBlur {
    const NAME: &'static str = "separable_blur";
    const PARAMETERS: &'static [&'static str] = &["sigma_deg", "gain"];

    fn signal(&self) -> Signal {
        self.signal
    }

    fn with_frames(&self, frames: usize) -> Self {
        Self { signal: self.signal.with_frames(frames), ..self.clone() }
    }

    fn reference(
        &self,
        parameters: &[f64],
        inputs: &[&[f64]],
        _: &[&[f64]],
        output: &mut [f64],
        _: &mut [&mut [f64]],
    ) {
        reference::separable_blur(self, parameters, inputs[0], output);
    }

    fn forward<T: Real>(
        &self,
        parameters: &[f64],
        inputs: &[&[T]],
        _: &[&[T]],
        output: &mut [T],
        _: &mut [&mut [T]],
    ) {
        bands::alone(&self.rows(parameters), self.signal, inputs, &[], output, &mut []);
    }

    fn bandwise<T: Real>(&self, parameters: &[f64], _: &[&[T]]) -> Option<Box<dyn Bandwise<T>>> {
        Some(Box::new(self.rows(parameters)))
    }

    fn adjoint<T: Real>(
        &self,
        parameters: &[f64],
        inputs: &[&[T]],
        _: &[&[T]],
        output_gradient: &[T],
        _: &[&[T]],
        gradients: Gradients<'_, T>,
    ) {
        adjoint::separable_blur(self, parameters, inputs[0], output_gradient, gradients);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::conformance::{self, Case};
    use crate::simd;

    #[test]
    fn conforms() {
        for (sigma_deg, height) in [(0.05, 3), (0.15, 5), (0.2, 40), (0.0, 3), (1.1, 2)] {
            let signal = Signal { planes: 1, frames: 3, height, width: 1 };
            conformance::check(&Case::new(
                |signal| SeparableBlur::new(signal, 10.0),
                signal,
                &[sigma_deg, 1.7],
            ));
        }
    }

    /// Blocks of every size, those that overlap, and those that run over.
    #[test]
    fn rows_of_any_width_have_the_same_bits_at_every_level() {
        let _turn = conformance::SIMD_LEVEL.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let before = simd::level();
        for width in [1, 3, 4, 9, 15, 16, 20, 31, 32, 33, 50, 63, 64, 65, 80, 96, 97, 128, 140, 224] {
            for sigma_deg in [0.05, 0.2, 0.37, 0.4, 0.9] {
                let signal = Signal { planes: 1, frames: 1, height: 11, width };
                let x: Vec<f32> = (0..signal.len()).map(|i| (i as f32 * 0.7).sin()).collect();
                let blurred = |level| {
                    simd::force(level).unwrap();
                    let mut y = vec![f32::NAN; signal.len()];
                    let blur = SeparableBlur::new(signal, 10.0);
                    blur.forward(&[sigma_deg, 1.7], &[&x], &[], &mut y, &mut []);
                    y
                };
                let levels = simd::Level::available();
                let expected = blurred(levels[0]);
                assert!(expected.iter().all(|y| y.is_finite()));
                for level in &levels[1..] {
                    assert!(blurred(*level) == expected, "width {width}, σ {sigma_deg} deg, {level:?}");
                }
            }
        }
        simd::force(before).unwrap();
    }

    #[test]
    fn a_flat_image_stays_flat_up_to_the_border() {
        let signal = Signal { planes: 1, frames: 1, height: 9, width: 70 };
        let mut y = vec![0.0f32; signal.len()];
        SeparableBlur::new(signal, 10.0).forward(
            &[0.3, 1.0],
            &[&vec![5.0; signal.len()]],
            &[],
            &mut y,
            &mut [],
        );
        assert!(y.iter().all(|y| (y - 5.0).abs() < 5e-6));
    }

    #[test]
    fn the_radius_follows_the_truncation() {
        for (sigma_px, radius) in [(0.0, 0), (0.124, 0), (0.126, 1), (0.5, 2), (1.5, 6), (2.0, 8)] {
            assert_eq!(Taps::new(sigma_px, TRUNCATE).weight.len(), radius + 1, "{sigma_px}");
        }
    }
}
