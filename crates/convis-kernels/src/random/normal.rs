//! Normal deviates.
//!
//! # Equation
//! Two words a, b of 32 random bits give two independent deviates (Box & Muller 1958):
//! ```text
//! u = (⌊a/2⌋ + 1)·2⁻³¹                       0 < u ≤ 1
//! ρ = √(−2 ln u)
//! φ within a right angle, by the 30 lowest bits of b; the two highest choose in which of the four
//! n₁ = ρ cos φ,   n₂ = ρ sin φ
//! ```
//! computed in single precision with polynomials (relative error of ln, sin and cos below 2e-7), whatever the type
//! of the movie: a simulation in double precision sees the same noise. |n| ≤ 6.56.
//!
//! With φ = θ + π/4 the deviates are, but for their signs, √½·ρ·(cos θ ± sin θ), where |θ| ≤ π/4: polynomials are
//! short there, and √½·ρ = √(−ln u).
//!
//! In a block of 64 pixels, words 0 and 1 of generator call l serve pixels l and 16+l, words 2 and 3 serve pixels
//! 32+l and 48+l.

use super::philox::philox4x32_lanes;
use super::{BLOCK, Key, LANES, counter};
use crate::simd;

/// Blocks that are drawn together: the products of one alone leave a processor waiting.
const TOGETHER: usize = 2;

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
    let first = |i: usize| counter((first_block + i * TOGETHER) as u32, 0, plane as u32, purpose, step);
    let (whole, rest) = out.as_chunks_mut();
    for (i, out) in whole.iter_mut().enumerate() {
        draw(key, first(i), out);
    }
    if !rest.is_empty() {
        let mut numbers = [0.0; TOGETHER * BLOCK];
        draw(key, first(whole.len()), &mut numbers);
        rest.copy_from_slice(&numbers[..rest.len()]);
    }
}

/// The deviate of one pixel: equal to what [`fill`] writes for it.
pub fn normal(key: Key, plane: usize, pixel: usize, purpose: u32, step: u64) -> f32 {
    let (block, within) = ((pixel / BLOCK) as u32, pixel % BLOCK);
    let counter = counter(block, (within % LANES) as u32, plane as u32, purpose, step);
    let words = super::philox::philox4x32(counter, key.0);
    let pair = within / (2 * LANES) * 2;
    let (cos, sin) = box_muller(words[pair], words[pair + 1]);
    if (within / LANES).is_multiple_of(2) { cos } else { sin }
}

/// The deviates of the blocks whose first counter is `first`.
#[inline(always)]
fn draw(key: Key, first: [u32; 4], out: &mut [f32; TOGETHER * BLOCK]) {
    let words = philox4x32_lanes::<{ TOGETHER * LANES }>(first, key.0);
    for pair in [0, 2] {
        let mut deviates = [[0.0; TOGETHER * LANES]; 2];
        for lane in 0..TOGETHER * LANES {
            (deviates[0][lane], deviates[1][lane]) = box_muller(words[pair][lane], words[pair + 1][lane]);
        }
        for (w, deviates) in (pair..).zip(&deviates) {
            for (block, lanes) in out.chunks_exact_mut(BLOCK).zip(deviates.chunks_exact(LANES)) {
                block[w * LANES..(w + 1) * LANES].copy_from_slice(lanes);
            }
        }
    }
}

/// ρ cos φ and ρ sin φ.
#[inline(always)]
fn box_muller(a: u32, b: u32) -> (f32, f32) {
    const SIGN: u32 = 1 << 31;
    let rho = minus_ln((a >> 1) as i32 as f32 + 1.0).sqrt();
    let theta = (b << 2) as i32 as f32 * (std::f32::consts::FRAC_PI_4 / 2_147_483_648.0);
    let square = theta * theta;
    // Minimax polynomials on ±π/4.
    let sin = (8.332_178e-3 - 1.951_73e-4 * square) * square - 1.666_665_5e-1;
    let sin = theta + theta * (square * sin);
    let cos = (4.165_629_3e-2 - 1.359_782_3e-3 * square) * square - 4.999_989_6e-1;
    let cos = 1.0 + square * cos;
    let (x, y) = (rho * (cos + sin), rho * (cos - sin));
    (f32::from_bits(x.to_bits() ^ (b & SIGN)), f32::from_bits(y.to_bits() ^ (b << 1 & SIGN)))
}

/// −ln(x·2⁻³¹) for 1 ≤ x ≤ 2³¹.
///
/// With x·2⁻³¹ = 2ⁿ·m and √½ ≤ m < √2 it is −n·ln 2 + g·p(g), g = 1 − m. The terms of p are added in pairs: a processor
/// need not wait for one after the other.
#[inline(always)]
fn minus_ln(x: f32) -> f32 {
    const ROOT_HALF: u32 = 0x3f35_04f3;
    let bits = x.to_bits().wrapping_sub(ROOT_HALF + (31 << 23));
    let exponent = (bits as i32 >> 23) as f32;
    let g = 1.0 - f32::from_bits((bits & 0x007f_ffff) + ROOT_HALF);
    let square = g * g;
    // Minimax polynomial of −ln(1 − g)/g.
    let low = (0.249_699_1 * g + 0.333_350_6) * square + (0.500_003_64 * g + 0.999_999_94);
    let high = (0.101_068_96 * g + 0.162_225_8) * square + (0.172_508_3 * g + 0.199_001_65);
    g * (high * (square * square) + low) - exponent * std::f32::consts::LN_2
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
    fn deviates_are_those_of_the_equation() {
        let key = Key::new(9, 0, "x", 0);
        for pixel in (0..100_000).filter(|pixel| (pixel % BLOCK / LANES).is_multiple_of(2)) {
            let (i, w) = (pixel / BLOCK, pixel % BLOCK / LANES);
            let lane = (pixel % LANES) as u32;
            let words = super::super::philox::philox4x32(counter(i as u32, lane, 0, 0, 3), key.0);
            let (a, b) = (words[w], words[w + 1]);
            let rho = (-2.0 * (f64::from((a >> 1) + 1) / 2_147_483_648.0).ln()).sqrt();
            let within = f64::from((b << 2) as i32) / 4_294_967_296.0 * std::f64::consts::FRAC_PI_2;
            let phi = within + std::f64::consts::FRAC_PI_4;
            let sign = |bit: u32| if b >> bit & 1 == 0 { 1.0 } else { -1.0 };
            let want = [sign(31) * rho * phi.sin(), sign(30) * rho * phi.cos()];
            // Errors of half a logarithm, of an angle and of products, and the rounding of a to 24 bits.
            for (want, at) in want.iter().zip([pixel, pixel + LANES]) {
                let got = f64::from(normal(key, 0, at, 0, 3));
                assert!((got - want).abs() <= 4e-7 * rho + 6e-8 / rho, "{at}: {got} {want}");
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
