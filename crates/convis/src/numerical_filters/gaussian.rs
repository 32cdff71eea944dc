//! Gaussian kernels in space.

use super::{EPSILON, Rule, fraction, positive};
use crate::tensor::MOST_NUMBERS;
use crate::{Error, Resolution, Result, Tensor};

/// How a Gaussian kernel is made.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Spatial {
    /// Which formulas.
    pub rule: Rule,
    /// Whether the kernel has an even number of samples, none of them in the middle.
    pub even: bool,
    /// Height below which the kernel is cut (rule `Convis`).
    pub epsilon: f64,
    /// Factor of the kernel's half width (rule `Convis`).
    pub border: f64,
}

impl Default for Spatial {
    fn default() -> Self {
        Self { rule: Rule::Published, even: false, epsilon: EPSILON, border: 1.0 }
    }
}

/// A Gaussian kernel (height, width) of standard deviations `sigma_x_deg` and `sigma_y_deg`.
///
/// # Equation
/// With s = σ·(pixels per degree), along each axis:
/// ```text
/// Published  kⱼ ∝ exp(−j²/2s²), j = −r … r, r = ⌊4s + ½⌋ (even: j = ½−r … r−½, r at least 1), divided by its sum
/// Convis     a = 1/(s√2π), h = border·⌈√(−2s²·ln(ε/a))⌉
///            k = a·exp(−X²/2s²) clipped to [0, 1], X = 1−h … h−1 (even: ½−h … h−½); [1] (even: [1, 1]) where h < 1
/// ```
/// and their product. Published: x is height (rows), y is width. Convis: the other way round, a single 1 where one
/// σ is 0.
///
/// # Errors
/// If a sigma is negative or not finite, or epsilon or border make no sense.
///
/// # Source
/// Wohrer & Kornprobst 2009 (J. Comput. Neurosci. 26:219), `G_σ`, cut as `scipy.ndimage.gaussian_filter` does; convis 0.6.4
/// by its recorded numbers.
///
/// # Example
/// ```
/// use convis::{Resolution, numerical_filters::{Spatial, gaussian_2d}};
/// let kernel = gaussian_2d(0.1, 0.2, &Spatial::default(), Resolution::default())?;
/// assert_eq!(kernel.shape(), [9, 17]);
/// assert!((kernel.to_f64().iter().sum::<f64>() - 1.0).abs() < 1e-12);
/// # Ok::<(), convis::Error>(())
/// ```
pub fn gaussian_2d(
    sigma_x_deg: f64,
    sigma_y_deg: f64,
    options: &Spatial,
    resolution: Resolution,
) -> Result<Tensor> {
    for (name, sigma) in [("sigma_x", sigma_x_deg), ("sigma_y", sigma_y_deg)] {
        if !(sigma >= 0.0 && sigma.is_finite()) {
            return Err(Error::argument(name, "0 or a number above", sigma));
        }
    }
    fraction("epsilon", options.epsilon)?;
    positive("border", options.border)?;
    let (x, y) = (resolution.degree_to_pixel(sigma_x_deg), resolution.degree_to_pixel(sigma_y_deg));
    let sides = [x, y].map(|s| match options.rule {
        Rule::Published => 2.0 * radius(s) + 1.0,
        Rule::Convis => 2.0 * half_width(s, options).max(1.0),
    });
    if sides[0] * sides[1] > MOST_NUMBERS as f64 {
        let (name, sigma) =
            if sides[0] >= sides[1] { ("sigma_x", sigma_x_deg) } else { ("sigma_y", sigma_y_deg) };
        let expected = format!("a width whose kernel has at most {MOST_NUMBERS} numbers");
        return Err(Error::argument(name, expected, format!("{sigma}, {} × {}", sides[0], sides[1])));
    }
    let (rows, columns) = match options.rule {
        Rule::Published => (published(x, options.even), published(y, options.even)),
        Rule::Convis if x == 0.0 || y == 0.0 => (vec![1.0], vec![1.0]),
        Rule::Convis => (recorded(y, options), recorded(x, options)),
    };
    let product = rows.iter().flat_map(|row| columns.iter().map(move |column| row * column)).collect();
    Tensor::from_vec(product, &[rows.len(), columns.len()])
}

/// The kernel of [`gaussian_2d`] as (1, height, width).
///
/// # Errors
/// As [`gaussian_2d`].
pub fn gaussian_3d(
    sigma_x_deg: f64,
    sigma_y_deg: f64,
    options: &Spatial,
    resolution: Resolution,
) -> Result<Tensor> {
    with_axes(&gaussian_2d(sigma_x_deg, sigma_y_deg, options, resolution)?, 3)
}

/// The kernel of [`gaussian_2d`] as (1, 1, 1, height, width).
///
/// # Errors
/// As [`gaussian_2d`].
pub fn gaussian_5d(
    sigma_x_deg: f64,
    sigma_y_deg: f64,
    options: &Spatial,
    resolution: Resolution,
) -> Result<Tensor> {
    with_axes(&gaussian_2d(sigma_x_deg, sigma_y_deg, options, resolution)?, 5)
}

fn with_axes(kernel: &Tensor, axes: usize) -> Result<Tensor> {
    let mut shape = vec![1; axes - 2];
    shape.extend(kernel.shape());
    kernel.reshape(&shape)
}

fn radius(s: f64) -> f64 {
    (4.0 * s + 0.5).floor()
}

fn published(s: f64, even: bool) -> Vec<f64> {
    let radius = radius(s);
    let positions: Vec<f64> = if even {
        let radius = radius.max(1.0) as usize;
        (0..2 * radius).map(|i| i as f64 + 0.5 - radius as f64).collect()
    } else {
        (0..=2 * radius as usize).map(|i| i as f64 - radius).collect()
    };
    // The nearest sample sets the scale, so that a narrow even kernel does not vanish.
    let nearest = positions.iter().fold(f64::INFINITY, |nearest: f64, x| nearest.min(x.abs()));
    let height = |x: &f64| {
        if x.abs() == nearest { 1.0 } else { (-(x * x - nearest * nearest) / (2.0 * s * s)).exp() }
    };
    let samples: Vec<f64> = positions.iter().map(height).collect();
    let sum: f64 = samples.iter().sum();
    samples.iter().map(|k| k / sum).collect()
}

/// The height of a Gaussian of unit integral.
fn peak(s: f64) -> f64 {
    1.0 / (s * (2.0 * std::f64::consts::PI).sqrt())
}

fn half_width(s: f64, options: &Spatial) -> f64 {
    options.border * (-2.0 * s * s * (options.epsilon / peak(s)).ln()).max(0.0).sqrt().ceil()
}

fn recorded(s: f64, options: &Spatial) -> Vec<f64> {
    let (a, half) = (peak(s), half_width(s, options));
    if half < 1.0 {
        return if options.even { vec![1.0, 1.0] } else { vec![1.0] };
    }
    let (first, samples) =
        if options.even { (0.5 - half, 2.0 * half) } else { (1.0 - half, 2.0 * half - 1.0) };
    (0..samples.round() as usize)
        .map(|i| {
            let x = first + i as f64;
            (a * (-x * x / (2.0 * s * s)).exp()).clamp(0.0, 1.0)
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kernels_have_unit_sum_at_any_width() {
        for sigma in [0.0, 0.001, 0.03, 0.2, 1.0, 50.0] {
            for even in [false, true] {
                let options = Spatial { even, ..Spatial::default() };
                let kernel = gaussian_2d(sigma, 0.1, &options, Resolution::default()).unwrap();
                assert!((kernel.to_f64().iter().sum::<f64>() - 1.0).abs() < 1e-12);
                assert!(kernel.shape().iter().all(|n| n.is_multiple_of(2) == even));
            }
        }
        let kernel = gaussian_5d(0.1, 0.1, &Spatial::default(), Resolution::default()).unwrap();
        assert_eq!(kernel.shape(), [1, 1, 1, 9, 9]);
        assert!(gaussian_3d(-0.1, 0.1, &Spatial::default(), Resolution::default()).is_err());
    }

    #[test]
    fn kernels_too_large_for_memory_are_refused() {
        let refused = |x, y, options: Spatial| {
            gaussian_2d(x, y, &options, Resolution::default()).unwrap_err().to_string()
        };
        assert!(refused(1e4, 1e4, Spatial::default()).starts_with("sigma_x"));
        assert!(refused(0.1, 1e300, Spatial::default()).starts_with("sigma_y"));
        let wide = Spatial { rule: Rule::Convis, border: 1e12, ..Spatial::default() };
        assert!(refused(0.1, 0.1, wide).starts_with("sigma_x"));
    }
}
