//! Blur of every frame by recursive filters: its cost does not depend on its width.
//!
//! # Equation
//! Continuous, along each axis, with s the width in pixels:
//! ```text
//! Deriche    h(x) ∝ (1 + α|x|)·e^{−α|x|}                     α = 1.695/s
//! Gaussian   h(x) ∝ Σₘ (Aₘ·cos ωₘu + Bₘ·sin ωₘu)·e^{−βₘu}     u = |x|/s, m = 1, 2, 3
//!
//!            m    A               B               β             ω
//!            1    2.5794977674    2.9928427479    1.8854373830  0.45737253773
//!            2   −1.6143058682    0.67908975701   1.8804664120  1.4492014801
//!            3    0.034808267301 −0.17463934348   1.8326872571  2.6447384037
//! ```
//! Discrete: the samples of h at whole pixels, divided by their sum, as a sum of sections (one for Deriche, three for
//! Gaussian), each a filter forwards and one backwards:
//! ```text
//! y⁺ᵢ = a₀·xᵢ + a₁·xᵢ₋₁ + b₀·y⁺ᵢ₋₁ + b₁·y⁺ᵢ₋₂
//! y⁻ᵢ = a₂·xᵢ₊₁ + a₃·xᵢ₊₂ + b₀·y⁻ᵢ₊₁ + b₁·y⁻ᵢ₊₂
//! yᵢ  = Σ (y⁺ᵢ + y⁻ᵢ)
//!
//! Deriche    q = e^{−α},  a ∝ (1, q(α−1), q(α+1), −q²),  b = (2q, −q²)
//! Gaussian   r = e^{−β/s}, w = ω/s,  a₀ ∝ A, a₁ ∝ r(B·sin w − A·cos w), a₂ = a₁ + a₀b₀, a₃ = a₀b₁,
//!            b = (2r·cos w, −r²)
//! ```
//! first down the columns, then along the rows, times λ. The border is replicated: both filters start from the steady
//! state of the border pixel, so that a flat image stays flat up to its border.
//!
//! The standard deviation of Deriche's filter is 2/α = 1.18·s, that of the other s (to 2·10⁻⁴ from s = 0.8 pixel on;
//! below, that of the sampled Gaussian). s is at most [`WIDEST`].
//!
//! # Shapes
//! Input and output: a movie. No state.
//!
//! # Parameters
//! | symbol | name | unit |
//! |---|---|---|
//! | 1/s or σ | `spread`: a density or a σ, as [`Spread`] says | per pixel, or degree of visual angle |
//! | λ | `gain` | – |
//!
//! # Source
//! R. Deriche 1987 (Int. J. Computer Vision 1:167): the second-order filter; α = 1.695/s is the width that Virtual Retina
//! (Wohrer & Kornprobst 2009) uses. R. Deriche 1993 (INRIA research report 1893): the form of the Gaussian. His filter of
//! fourth order is 0.23 % narrow and deviates by 5·10⁻⁴ of the peak; this one has a section more and coefficients of its
//! own, and deviates by 1.2·10⁻⁵.

pub(crate) mod adjoint;
pub(crate) mod forward;
pub(crate) mod reference;
mod section;

use crate::operation::{Gradients, Operation};
use crate::{Real, Signal};

pub(crate) use section::ALPHA;
pub use section::Section;

/// The widest blur, pixels: beyond it the sum 1 of the kernel is lost in rounding.
pub const WIDEST: f64 = 1e4;

/// The shape of the blur.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Kind {
    /// Deriche's filter of second order: a peak with exponential tails, 1.18 times as wide as asked for.
    #[default]
    Deriche,
    /// A Gaussian of sixth order: within 3·10⁻⁵ of the peak of a sampled one.
    Gaussian,
}

impl Kind {
    /// Its name: `"deriche"` or `"gaussian"`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Deriche => "deriche",
            Self::Gaussian => "gaussian",
        }
    }
}

/// What the parameter `spread` means.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Spread {
    /// 1/s, per pixel; above 0.
    Density,
    /// σ in degrees of visual angle, so many pixels each; 0 is no blur.
    Sigma {
        /// Pixels per degree of visual angle.
        pixels_per_degree: f64,
    },
}

impl Spread {
    /// Density and its derivative with respect to the parameter.
    fn density(self, spread: f64) -> (f64, f64) {
        match self {
            Self::Density => (spread, 1.0),
            Self::Sigma { pixels_per_degree } => {
                let density = 1.0 / (spread * pixels_per_degree);
                (density, -density / spread)
            }
        }
    }
}

/// A recursive blur: see the [module](self) for the equation.
///
/// ```
/// use convis_kernels::recursive_blur::{Kind, RecursiveBlur, Spread};
/// use convis_kernels::{Operation, Signal};
///
/// let signal = Signal { planes: 1, frames: 1, height: 61, width: 61 };
/// let blur = RecursiveBlur { signal, kind: Kind::Gaussian, spread: Spread::Density };
/// let mut point = vec![0.0f64; 61 * 61];
/// point[30 * 61 + 30] = 1.0;
/// let mut y = vec![0.0; 61 * 61];
/// // A density of 1/3 is a standard deviation of 3 pixels.
/// blur.forward(&[1.0 / 3.0, 1.0], &[&point], &[], &mut y, &mut []);
/// let variance: f64 = (0..61 * 61).map(|i| (i as f64 % 61.0 - 30.0).powi(2) * y[i]).sum();
/// assert!((variance.sqrt() / 3.0 - 1.0).abs() < 2e-4);
/// ```
#[derive(Clone, Debug)]
pub struct RecursiveBlur {
    /// Sizes.
    pub signal: Signal,
    /// The shape of the blur.
    pub kind: Kind,
    /// What the parameter `spread` means.
    pub spread: Spread,
}

impl RecursiveBlur {
    /// The filter sections; none where nothing is blurred.
    fn sections(&self, spread: f64) -> Vec<Section> {
        let (density, _) = self.spread.density(spread);
        if density.is_finite() { Section::all(self.kind, density) } else { vec![] }
    }
}

impl Operation for RecursiveBlur {
    const NAME: &'static str = "recursive_blur";
    const PARAMETERS: &'static [&'static str] = &["spread", "gain"];

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
        reference::recursive_blur(self, parameters, inputs[0], output);
    }

    fn forward<T: Real>(
        &self,
        parameters: &[f64],
        inputs: &[&[T]],
        _: &[&[T]],
        output: &mut [T],
        _: &mut [&mut [T]],
    ) {
        forward::recursive_blur(self, parameters, inputs[0], output);
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
        adjoint::recursive_blur(self, parameters, inputs[0], output_gradient, gradients);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::conformance::{self, Case};

    const SIGMA: Spread = Spread::Sigma { pixels_per_degree: 10.0 };

    #[test]
    fn conforms() {
        for kind in [Kind::Deriche, Kind::Gaussian] {
            for (spread, value, height) in [
                (Spread::Density, 1.0, 5),
                (Spread::Density, 0.3, 2),
                (Spread::Density, 0.02, 9),
                (SIGMA, 0.05, 3),
                (SIGMA, 0.2, 1),
            ] {
                let signal = Signal { planes: 1, frames: 3, height, width: 1 };
                let make = move |signal| RecursiveBlur { signal, kind, spread };
                conformance::check(&Case::new(make, signal, &[value, 1.7]));
            }
        }
    }

    /// The response along a row to a point in its middle.
    fn response(kind: Kind, s: f64) -> Vec<f64> {
        let width = 401;
        let signal = Signal { planes: 1, frames: 1, height: 1, width };
        let mut point = vec![0.0; width];
        point[width / 2] = 1.0;
        let mut y = vec![0.0f64; width];
        RecursiveBlur { signal, kind, spread: Spread::Density }.forward(
            &[1.0 / s, 1.0],
            &[&point],
            &[],
            &mut y,
            &mut [],
        );
        y
    }

    #[test]
    fn the_gaussian_has_the_standard_deviation_asked_for() {
        for s in [0.8, 1.0, 1.5, 2.0, 5.0, 10.0, 20.0] {
            let y = response(Kind::Gaussian, s);
            let distance = |i: usize| i as f64 - 200.0;
            let variance: f64 = y.iter().enumerate().map(|(i, y)| y * distance(i).powi(2)).sum();
            assert!((variance.sqrt() / s - 1.0).abs() < 2e-4, "{s}: {}", variance.sqrt());
            let gauss: Vec<f64> = (0..401).map(|i| (-0.5 * (distance(i) / s).powi(2)).exp()).collect();
            let sum: f64 = gauss.iter().sum();
            for (y, g) in y.iter().zip(&gauss) {
                assert!((y - g / sum).abs() < 3e-5 / sum, "{s}");
            }
        }
    }

    #[test]
    fn the_deriche_filter_is_a_polynomial_times_an_exponential() {
        for s in [0.5, 1.0, 3.0] {
            let alpha = 1.695 / s;
            let y = response(Kind::Deriche, s);
            let shape = |i: usize| {
                let x = alpha * (i as f64 - 200.0).abs();
                (1.0 + x) * (-x).exp()
            };
            let sum: f64 = (0..401).map(shape).sum();
            for i in 0..401 {
                assert!((y[i] - shape(i) / sum).abs() < 1e-14);
            }
        }
    }

    #[test]
    fn a_flat_image_stays_flat_up_to_the_border_and_sigma_zero_is_no_blur() {
        for kind in [Kind::Deriche, Kind::Gaussian] {
            for (height, width, s) in [(9, 70, 3.0), (1, 1, 2.0), (2, 3, 50.0), (5, 4, 0.3), (40, 90, WIDEST)]
            {
                let signal = Signal { planes: 1, frames: 1, height, width };
                let mut y = vec![0.0f32; signal.len()];
                let flat = vec![5.0; signal.len()];
                let blur = RecursiveBlur { signal, kind, spread: SIGMA };
                blur.forward(&[s / 10.0, 1.0], &[&flat], &[], &mut y, &mut []);
                assert!(y.iter().all(|y| (y - 5.0).abs() < 5e-6), "{y:?}");
                let x: Vec<f32> = (0..signal.len()).map(|i| i as f32).collect();
                blur.forward(&[0.0, 2.0], &[&x], &[], &mut y, &mut []);
                assert!(y.iter().zip(&x).all(|(y, x)| *y == 2.0 * x));
            }
        }
    }
}
