//! The coefficients of the filter sections and their derivatives.

use super::Kind;

/// Width of Deriche's filter: α = 1.695·density.
pub(crate) const ALPHA: f64 = 1.695;

/// The Gaussian in Deriche's form: (A, B, β, ω) of each section. Fitted so that the largest deviation from exp(−u²/2) is
/// least while value at 0, integral and standard deviation are its own: deviation 1.2·10⁻⁵, standard deviation 1 to
/// 3·10⁻⁸.
const GAUSSIAN: [[f64; 4]; 3] = [
    [2.579_497_767_4, 2.992_842_747_9, 1.885_437_383_0, 0.457_372_537_73],
    [-1.614_305_868_2, 0.679_089_757_01, 1.880_466_412_0, 1.449_201_480_1],
    [0.034_808_267_301, -0.174_639_343_48, 1.832_687_257_1, 2.644_738_403_7],
];

/// One section of a recursive blur, for one axis: see the [module](super) for the equation.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Section {
    /// Weights of the input: a₀, a₁ forwards, a₂, a₃ backwards.
    pub a: [f64; 4],
    /// Weights of the output before: b₀, b₁.
    pub b: [f64; 2],
    /// ∂a/∂density, pixels.
    pub a_by_density: [f64; 4],
    /// ∂b/∂density, pixels.
    pub b_by_density: [f64; 2],
}

impl Section {
    /// The sections of a blur of this density (1/s, per pixel; above 0 and finite).
    pub fn all(kind: Kind, density: f64) -> Vec<Self> {
        let mut sections = match kind {
            Kind::Deriche => vec![Self::deriche(density)],
            Kind::Gaussian => GAUSSIAN.iter().map(|fit| Self::gaussian(*fit, density)).collect(),
        };
        // Gain at zero frequency: Σ (a₀+a₁+a₂+a₃)/(1−b₀−b₁), and its derivative.
        let (mut gain, mut slope) = (0.0, 0.0);
        for section in &sections {
            let [(forwards, by_forwards), (backwards, by_backwards)] = [section.gain(0), section.gain(2)];
            gain += forwards + backwards;
            slope += by_forwards + by_backwards;
        }
        for section in &mut sections {
            for (a, by) in section.a.iter_mut().zip(&mut section.a_by_density) {
                *a /= gain;
                *by = (*by - *a * slope) / gain;
            }
        }
        sections
    }

    /// (a + a')/(1−b₀−b₁) with the weights `first` and the next one: what a constant 1 becomes, and its derivative.
    pub(crate) fn gain(&self, first: usize) -> (f64, f64) {
        let rest = 1.0 - self.b[0] - self.b[1];
        let gain = (self.a[first] + self.a[first + 1]) / rest;
        let by_a = self.a_by_density[first] + self.a_by_density[first + 1];
        let by_b = self.b_by_density[0] + self.b_by_density[1];
        (gain, (by_a + gain * by_b) / rest)
    }

    fn deriche(density: f64) -> Self {
        let alpha = ALPHA * density;
        let q = (-alpha).exp();
        let by_q = -ALPHA * q;
        Self::completed(
            [1.0, q * (alpha - 1.0)],
            [2.0 * q, -q * q],
            [0.0, by_q * (alpha - 1.0) + q * ALPHA],
            [2.0 * by_q, -2.0 * q * by_q],
        )
    }

    fn gaussian([a, b, beta, omega]: [f64; 4], density: f64) -> Self {
        let r = (-beta * density).exp();
        let by_r = -beta * r;
        let (sin, cos) = (omega * density).sin_cos();
        Self::completed(
            [a, r * (b * sin - a * cos)],
            [2.0 * r * cos, -r * r],
            [0.0, by_r * (b * sin - a * cos) + r * omega * (b * cos + a * sin)],
            [2.0 * by_r * cos - 2.0 * r * omega * sin, -2.0 * r * by_r],
        )
    }

    /// The filter backwards has the same response but for the pixel itself: a₂ = a₁ + a₀b₀, a₃ = a₀b₁.
    fn completed([a0, a1]: [f64; 2], b: [f64; 2], [by_a0, by_a1]: [f64; 2], by_b: [f64; 2]) -> Self {
        Self {
            a: [a0, a1, a1 + a0 * b[0], a0 * b[1]],
            b,
            a_by_density: [by_a0, by_a1, by_a1 + by_a0 * b[0] + a0 * by_b[0], by_a0 * b[1] + a0 * by_b[1]],
            b_by_density: by_b,
        }
    }
}
