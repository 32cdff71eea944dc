//! Blur of a frame in every way that a retina of Virtual Retina's kind needs, uniform or wider outside the fovea.
//!
//! # Equation
//! ```text
//! y = λ·Σₗ Wₗ·(K_{mₗσ} * (x − o))
//! ```
//! K is one of the [`Kernel`]s, separable and of unit sum, o a constant offset of the input, usually 0. A uniform blur has one term, W = 1 and m = 1. In a blur that
//! varies from place to place ([`Field`]), pixel p wants the width mₚσ; it takes the two neighbours of a ladder of widths
//! and mixes them so that the variance is exact:
//! ```text
//! mₗ² ≤ mₚ² ≤ mₗ₊₁²       Wₗ₊₁(p) = (mₚ² − mₗ²)/(mₗ₊₁² − mₗ²)       Wₗ(p) = 1 − Wₗ₊₁(p)
//! ```
//! Every pixel therefore sees a kernel of unit sum that is symmetric about the pixel: a flat image stays flat, a ramp
//! stays a ramp, nothing shifts. A ladder whose variances grow by [`field::STEP`] keeps the shape of the mixed kernel
//! close to that of K.
//!
//! ```text
//! Gaussian  samples of a Gaussian, cut at 4 standard deviations (that of `separable_blur`)
//! Heat      e^{−t}·I_|j|(t), t = s²: the heat equation solved on the grid of pixels; its variance is exactly s² however
//!           small s is, and two blurs in turn are one of the summed variance
//! Deriche   ∝ (1 + α|j|)·e^{−α|j|}, α = 1.695/s: that of `recursive_blur`. As Virtual Retina computes it, s and 1.695 are
//!           rounded to single precision and s < 0.1 pixel is no blur
//! ```
//! The border is replicated. Deriche's filter is computed by recursion, or, where it is narrow, as a sum whose tails are
//! left out below the rounding of the type.
//!
//! # Shapes
//! Input and output: a movie. No state.
//!
//! # Parameters
//! | symbol | name | unit |
//! |---|---|---|
//! | σ | `sigma_deg` ≥ 0; s = σ·(pixels per degree) | degree of visual angle |
//! | λ | `gain` | – |
//!
//! # Source
//! Wohrer & Kornprobst 2009 (J. Comput. Neurosci. 26:219): blurs and radially varying density. Heat kernel: Lindeberg
//! 1990 (IEEE Trans. PAMI 12:234), "discrete analogue of the Gaussian". The ladder of widths is ours.

mod deriche;
pub mod field;
mod plan;
mod reference;

use std::sync::Arc;

use crate::operation::{Gradients, Operation};
use crate::{Real, Signal, parallel, simd};

pub use field::Field;
pub(crate) use plan::Plan;
pub(crate) use reference::frame as reference_frame;

/// The kernel of a blur of width s: see the [module](self).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Kernel {
    /// A sampled Gaussian.
    #[default]
    Gaussian,
    /// The heat equation on the grid.
    Heat,
    /// Deriche's filter of second order.
    Deriche {
        /// Whether constants are rounded, and the smallest blurs left out, as in Virtual Retina.
        rounded: bool,
    },
}

/// How frames are blurred: kernel, resolution and, where the width varies, the field.
#[derive(Clone, Debug)]
pub struct Blur {
    /// The kernel.
    pub kernel: Kernel,
    /// Pixels per degree of visual angle.
    pub pixels_per_degree: f64,
    /// How much wider the blur is at each pixel; `None`: the same everywhere.
    pub field: Option<Arc<Field>>,
}

impl Blur {
    /// A blur of the same width everywhere.
    pub const fn uniform(kernel: Kernel, pixels_per_degree: f64) -> Self {
        Self { kernel, pixels_per_degree, field: None }
    }

    pub(crate) fn plan<T: Real>(&self, sigma_deg: f64, signal: &Signal) -> Plan<T> {
        Plan::new(self, sigma_deg * self.pixels_per_degree, signal.height, signal.width)
    }
}

/// A blur of every frame: see the [module](self) for the equation.
///
/// ```
/// use std::sync::Arc;
/// use convis_kernels::frame_blur::{Blur, Field, FrameBlur, Kernel};
/// use convis_kernels::{Operation, Signal};
///
/// // 20 pixels per degree; wider outside a fovea of 0.2 degrees.
/// let signal = Signal { planes: 1, frames: 1, height: 41, width: 41 };
/// let field = Field::radial(41, 41, 20.0, 0.2, 1.0);
/// let blur = Blur { kernel: Kernel::Gaussian, pixels_per_degree: 20.0, field: Some(Arc::new(field)) };
/// let ramp: Vec<f64> = (0..41 * 41).map(|i| (i % 41) as f64).collect();
/// let mut y = vec![0.0; 41 * 41];
/// FrameBlur { signal, blur, offset: 0.0 }.forward(&[0.05, 1.0], &[&ramp], &[], &mut y, &mut []);
/// // A ramp stays where it is, at every width (far from the border).
/// assert!((10..31).all(|q| (y[20 * 41 + q] - q as f64).abs() < 1e-12));
/// ```
#[derive(Clone, Debug)]
pub struct FrameBlur {
    /// Sizes.
    pub signal: Signal,
    /// Kernel, resolution, field.
    pub blur: Blur,
    /// What is taken off the input.
    pub offset: f64,
}

impl Operation for FrameBlur {
    const NAME: &'static str = "frame_blur";
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
        let pixels = self.signal.pixels().max(1);
        for (x, y) in inputs[0].chunks(pixels).zip(output.chunks_mut(pixels)) {
            let blurred = reference::frame(&self.blur, parameters[0], self.signal.width, x);
            y.iter_mut().zip(blurred).for_each(|(y, b)| *y = parameters[1] * (b - self.offset));
        }
    }

    fn forward<T: Real>(
        &self,
        parameters: &[f64],
        inputs: &[&[T]],
        _: &[&[T]],
        output: &mut [T],
        _: &mut [&mut [T]],
    ) {
        if self.signal.is_empty() {
            return;
        }
        let plan = self.blur.plan::<T>(parameters[0], &self.signal);
        let (gain, offset) = (T::of(parameters[1]), T::of(self.offset));
        let pixels = self.signal.pixels();
        let frames = inputs[0].chunks(pixels).zip(output.chunks_mut(pixels)).collect();
        let (all, one) = if self.signal.len() == pixels { (0, plan.work()) } else { (plan.work(), 0) };
        parallel::for_each(frames, all * (self.signal.len() / pixels), |(x, y)| {
            plan.blur(x, y, one);
            if gain != T::one() || offset != T::zero() {
                simd::vectorized(
                    #[inline(always)]
                    || {
                        for y in y.iter_mut() {
                            *y = gain * (*y - offset);
                        }
                    },
                );
            }
        });
    }

    /// Linear in the movie: `∂/∂x = λ·Bᵀg`, `∂/∂λ = ⟨Bᵀg, x − o⟩`, `∂/∂σ = λ·⟨g, ∂B/∂σ x⟩`.
    fn adjoint<T: Real>(
        &self,
        parameters: &[f64],
        inputs: &[&[T]],
        _: &[&[T]],
        output_gradient: &[T],
        _: &[&[T]],
        mut gradients: Gradients<'_, T>,
    ) {
        gradients.parameters.fill(0.0);
        if self.signal.is_empty() {
            return;
        }
        let plan = self.blur.plan::<T>(parameters[0], &self.signal);
        let (gain, pixels, offset) = (parameters[1], self.signal.pixels(), T::of(self.offset));
        let mut frames = gradients.inputs[0].take().map(|movie| movie.chunks_mut(pixels));
        let mut items = vec![];
        for (x, g) in inputs[0].chunks(pixels).zip(output_gradient.chunks(pixels)) {
            items.push((x, g, frames.as_mut().and_then(Iterator::next)));
        }
        let work = plan.work() * (self.signal.len() / pixels) * 4;
        let sums = parallel::map(items, work, |(x, g, gradient)| {
            let mut spread = vec![T::zero(); pixels];
            let by_sigma = plan.adjoint(x, g, &mut spread);
            let by_gain = spread.iter().zip(x).map(|(&s, &x)| (s * (x - offset)).double()).sum::<f64>();
            if let Some(out) = gradient {
                let gain = T::of(gain);
                out.iter_mut().zip(&spread).for_each(|(out, &s)| *out = gain * s);
            }
            (by_sigma, by_gain)
        });
        gradients.parameters[0] = sums.iter().map(|s| s.0).sum::<f64>() * gain * self.blur.pixels_per_degree;
        gradients.parameters[1] = sums.iter().map(|s| s.1).sum();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::conformance::{self, Case};

    const EXACT: Kernel = Kernel::Deriche { rounded: false };

    #[test]
    fn conforms() {
        for kernel in [Kernel::Gaussian, Kernel::Heat, EXACT] {
            for (sigma_deg, height) in [(0.03, 4), (0.05, 5), (0.2, 3), (0.0, 2)] {
                let signal = Signal { planes: 1, frames: 3, height, width: 1 };
                let make = move |signal| FrameBlur { signal, blur: Blur::uniform(kernel, 10.0), offset: 0.3 };
                conformance::check(&Case::new(make, signal, &[sigma_deg, 1.7]));
            }
        }
    }

    #[test]
    fn conforms_where_the_width_varies() {
        for kernel in [Kernel::Gaussian, EXACT] {
            let make = move |signal: Signal| {
                let field = Field::radial(signal.height, signal.width, 10.0, 0.2, 2.0);
                let blur = Blur { kernel, pixels_per_degree: 10.0, field: Some(Arc::new(field)) };
                FrameBlur { signal, blur, offset: 0.0 }
            };
            let signal = Signal { planes: 1, frames: 3, height: 7, width: 1 };
            conformance::check(&Case::new(make, signal, &[0.08, 1.7]));
        }
    }

    #[test]
    fn wide_deriche_blurs_conform_too() {
        let signal = Signal { planes: 1, frames: 2, height: 9, width: 1 };
        let make = |signal| FrameBlur { signal, blur: Blur::uniform(EXACT, 10.0), offset: 0.0 };
        conformance::check(&Case::new(make, signal, &[1.3, 0.7]));
    }

    #[test]
    fn virtual_retinas_rounding_is_small_and_its_smallest_blurs_are_none() {
        let signal = Signal { planes: 1, frames: 1, height: 30, width: 31 };
        let x: Vec<f64> = (0..930).map(|i| (f64::from(i) * 0.7).sin()).collect();
        let run = |rounded, sigma_deg: f64| {
            let mut y = vec![0.0; 930];
            let blur = Blur::uniform(Kernel::Deriche { rounded }, 20.0);
            FrameBlur { signal, blur, offset: 0.0 }.forward(&[sigma_deg, 1.0], &[&x], &[], &mut y, &mut []);
            y
        };
        let (exact, rounded) = (run(false, 0.03), run(true, 0.03));
        let most = exact.iter().zip(&rounded).fold(0.0f64, |m, (a, b)| m.max((a - b).abs()));
        assert!(most > 0.0 && most < 1e-7, "{most}");
        assert_eq!(run(true, 0.004_999), x);
        assert_ne!(run(true, 0.005_001), x);
    }

    /// Where the width varies: flat stays flat, ramps stay ramps, and the local width is the wanted one.
    #[test]
    fn a_varying_blur_keeps_flat_images_and_ramps_and_has_the_local_width() {
        let (height, width, ppd) = (121, 161, 20.0);
        let signal = Signal { planes: 1, frames: 1, height, width };
        for kernel in [Kernel::Gaussian, Kernel::Heat, Kernel::Deriche { rounded: true }] {
            let field = Arc::new(Field::radial(height, width, ppd, 0.5, 1.0));
            let blur = Blur { kernel, pixels_per_degree: ppd, field: Some(field) };
            let op = FrameBlur { signal, blur, offset: 0.0 };
            let run = |x: &[f64]| {
                let mut y = vec![0.0; x.len()];
                op.forward(&[0.05, 1.0], &[x], &[], &mut y, &mut []);
                y
            };
            assert!(run(&vec![127.5; signal.len()]).iter().all(|y| (y - 127.5).abs() < 1e-11));
            let column = |i: usize| (i % width) as f64;
            let ramp = run(&(0..signal.len()).map(column).collect::<Vec<_>>());
            for p in 0..height {
                for q in 40..120 {
                    assert!((ramp[p * width + q] - q as f64).abs() < 1e-4, "{kernel:?} at {p}, {q}");
                }
            }
            // What pixel p makes of a parabola is that plus its kernel's variance.
            let parabola: Vec<f64> = (0..signal.len()).map(|i| (column(i) - 80.0).powi(2)).collect();
            let wide = run(&parabola);
            for q in [80, 85, 95, 110] {
                let r_deg = (q as f64 - 80.0) / ppd;
                let m = if r_deg <= 0.5 { 1.0 } else { 1.0 + (r_deg - 0.5) };
                let factor = if matches!(kernel, Kernel::Deriche { .. }) { 2.0 / 1.695 } else { 1.0 };
                let want = factor * m;
                let got = (wide[60 * width + q] - (q as f64 - 80.0).powi(2)).sqrt();
                assert!((got / want - 1.0).abs() < 0.01, "{kernel:?} at {q}: {got} instead of {want}");
            }
        }
    }
}
