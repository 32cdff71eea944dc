//! Normal deviates.
//!
//! # Equation
//! Two words a, b of 32 random bits give two independent deviates (Box & Muller 1958):
//! ```text
//! u = (a + 1)·2⁻³²                  0 < u ≤ 1
//! ρ = √(−2 ln u)
//! φ = 2π·b·2⁻³² (26 bits of b)
//! n₁ = ρ cos φ,   n₂ = ρ sin φ
//! ```
//! computed in single precision with polynomials (relative error of ln, sin and cos below 2e-7), whatever the type
//! of the movie: a simulation in double precision sees the same noise. |n| ≤ 6.66.
//!
//! In a block of 64 pixels, words 0 and 1 of generator call l serve pixels l and 16+l, words 2 and 3 serve pixels
//! 32+l and 48+l.

use super::philox::philox4x32x16;
use super::{BLOCK, Key, counter};
use crate::{Real, simd};

/// Fills `out` with the deviates of pixels `64·first_block ‥` of one plane at one step.
pub fn fill(key: Key, plane: usize, first_block: usize, purpose: super::Use, step: u64, out: &mut [f32]) {
    simd::vectorized(
        #[inline(always)]
        || fill_inline(key, plane, first_block, purpose as u32, step, out),
    );
}

/// [`fill`], to be compiled into a kernel.
#[inline(always)]
pub(crate) fn fill_inline(
    key: Key,
    plane: usize,
    first_block: usize,
    purpose: u32,
    step: u64,
    out: &mut [f32],
) {
    let mut blocks = out.chunks_exact_mut(BLOCK);
    let mut block = first_block as u32;
    for out in &mut blocks {
        let numbers = normal_block(key, plane as u32, block, purpose, step);
        for (out, numbers) in out.chunks_exact_mut(16).zip(&numbers) {
            out.copy_from_slice(numbers);
        }
        block += 1;
    }
    let rest = blocks.into_remainder();
    if !rest.is_empty() {
        let numbers = normal_block(key, plane as u32, block, purpose, step);
        for (out, &n) in rest.iter_mut().zip(numbers.as_flattened()) {
            *out = n;
        }
    }
}

/// The deviate of one pixel: equal to what [`fill`] writes for it.
pub fn normal(key: Key, plane: usize, pixel: usize, purpose: u32, step: u64) -> f32 {
    let (block, within) = ((pixel / BLOCK) as u32, pixel % BLOCK);
    let counter = counter(block, (within % 16) as u32, plane as u32, purpose, step);
    let words = super::philox::philox4x32(counter, key.0);
    let pair = within / 32 * 2;
    let (cos, sin) = box_muller(words[pair], words[pair + 1]);
    if within / 16 % 2 == 0 { cos } else { sin }
}

#[inline(always)]
fn normal_block(key: Key, plane: u32, block: u32, purpose: u32, step: u64) -> [[f32; 16]; 4] {
    let words = philox4x32x16(counter(block, 0, plane, purpose, step), key.0);
    let mut numbers = [[0.0; 16]; 4];
    for pair in [0, 2] {
        for lane in 0..16 {
            let (cos, sin) = box_muller(words[pair][lane], words[pair + 1][lane]);
            numbers[pair][lane] = cos;
            numbers[pair + 1][lane] = sin;
        }
    }
    numbers
}

/// ρ cos φ and ρ sin φ.
#[inline(always)]
fn box_muller(a: u32, b: u32) -> (f32, f32) {
    let u = (a as f32 + 1.0) * (1.0 / 4_294_967_296.0);
    let rho = (-2.0 * u.ln_of_normal()).sqrt();
    // The two highest bits choose the quadrant, the next 24 the angle −π/4 … π/4 within it.
    let quadrant = b >> 30;
    let fraction = ((b >> 6) & 0x00ff_ffff) as f32 * (1.0 / 16_777_216.0) - 0.5;
    let angle = fraction * std::f32::consts::FRAC_PI_2;
    let square = angle * angle;
    // Minimax polynomials on ±π/4 (Moshier, Cephes `sinf` and `cosf`).
    let sin = ((-1.951_529_6e-4 * square + 8.332_161e-3) * square - 1.666_665_5e-1) * square * angle + angle;
    let cos = ((2.443_315_7e-5 * square - 1.388_731_6e-3) * square + 4.166_664_6e-2) * square * square
        - 0.5 * square
        + 1.0;
    let (x, y) = if quadrant & 1 == 0 { (cos, sin) } else { (-sin, cos) };
    if quadrant & 2 == 0 { (rho * x, rho * y) } else { (-(rho * x), -(rho * y)) }
}

#[cfg(test)]
mod tests {
    use super::super::Use;
    use super::*;

    #[test]
    fn one_pixel_at_a_time_is_the_same_as_many() {
        let key = Key::new(4, 0, "x", 0);
        for (first_block, n) in [(0, 300), (3, 64), (7, 5), (2, 0)] {
            let mut many = vec![f32::NAN; n];
            fill(key, 2, first_block, Use::Current, 77, &mut many);
            for (i, &x) in many.iter().enumerate() {
                assert_eq!(x, normal(key, 2, first_block * BLOCK + i, Use::Current as u32, 77));
            }
        }
    }

    #[test]
    fn deviates_are_normal_and_uncorrelated() {
        let key = Key::new(0, 0, "noise", 0);
        let (pixels, steps) = (1024, 400);
        let mut x = vec![0.0f32; pixels * steps];
        for (step, frame) in x.chunks_mut(pixels).enumerate() {
            fill(key, 0, 0, Use::Current, step as u64, frame);
        }
        let n = x.len() as f64;
        let moment = |p: i32| x.iter().map(|&x| f64::from(x).powi(p)).sum::<f64>() / n;
        // Bounds are four standard errors of each moment.
        assert!(moment(1).abs() < 4.0 / n.sqrt());
        assert!((moment(2) - 1.0).abs() < 4.0 * (2.0 / n).sqrt());
        assert!(moment(3).abs() < 4.0 * (15.0 / n).sqrt());
        assert!((moment(4) - 3.0).abs() < 4.0 * (96.0 / n).sqrt());
        for lag in [1, 16, 32, 48, 64, pixels] {
            let c: f64 = x.iter().zip(&x[lag..]).map(|(&a, &b)| f64::from(a) * f64::from(b)).sum::<f64>() / n;
            assert!(c.abs() < 4.0 / n.sqrt(), "correlation {c} at distance {lag}");
        }
        let mut sorted = x.clone();
        sorted.sort_by(f32::total_cmp);
        // Kolmogorov–Smirnov distance to the normal distribution.
        let d = sorted
            .iter()
            .enumerate()
            .step_by(101)
            .fold(0.0f64, |d, (i, &x)| d.max((normal_distribution(f64::from(x)) - i as f64 / n).abs()));
        assert!(d < 1.63 / n.sqrt(), "{d}");
    }

    /// Φ(x) by integrating the density from 0: Simpson's rule, error below 1e-9 for |x| < 6.
    fn normal_distribution(x: f64) -> f64 {
        let steps = 400;
        let h = x / f64::from(steps);
        let density = |t: f64| (-0.5 * t * t).exp() / std::f64::consts::TAU.sqrt();
        let sum: f64 = (0..=steps)
            .map(|i| {
                let weight = if i == 0 || i == steps { 1.0 } else { f64::from(2 + i % 2 * 2) };
                weight * density(f64::from(i) * h)
            })
            .sum();
        0.5 + sum * h / 3.0
    }
}
