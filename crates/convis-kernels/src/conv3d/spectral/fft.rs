//! Fourier transforms, sixteen at a time.
//!
//! # Equation
//! ```text
//! X(k) = Σₙ x(n)·exp(−2πi·n·k/N)         N a product of 2, 3, 4 and 5
//! ```
//! # Source
//! Stockham's self-sorting algorithm, decimation in frequency (C. Van Loan, Computational Frameworks for the Fast
//! Fourier Transform, 1992, §1.7): no bit reversal, and the innermost loop runs over independent transforms, so that
//! vector code of any width does the same operations in the same order.

use crate::Real;
use crate::scratch::{Block, LANES};

/// One point of sixteen transforms: real parts, imaginary parts.
pub(super) type Point<T> = [Block<T>; 2];

/// Transforms of one length.
pub(super) struct Fft<T> {
    stages: Vec<Stage<T>>,
}

struct Stage<T> {
    radix: usize,
    /// Butterflies with different twiddle factors, and with the same one.
    groups: usize,
    stride: usize,
    /// exp(−2πi·p·j/n) for p = 0 … groups − 1 and j = 1 … radix − 1.
    twiddles: Vec<[T; 2]>,
}

/// Whether a length has no factor but 2, 3 and 5.
pub(in super::super) fn is_smooth(mut n: usize) -> bool {
    for factor in [2, 3, 5] {
        while n > 0 && n.is_multiple_of(factor) {
            n /= factor;
        }
    }
    n == 1
}

impl<T: Real> Fft<T> {
    /// Transforms of length `n`, a product of 2, 3 and 5.
    pub fn new(n: usize) -> Self {
        assert!(is_smooth(n), "length of a transform");
        let (mut rest, mut stride, mut stages) = (n, 1, vec![]);
        while rest > 1 {
            let radix = [4, 5, 3, 2].into_iter().find(|r| rest % r == 0).unwrap_or(rest);
            let groups = rest / radix;
            let twiddles = (0..groups)
                .flat_map(|p| (1..radix).map(move |j| p * j))
                .map(|power| {
                    let angle = -2.0 * std::f64::consts::PI * power as f64 / rest as f64;
                    [T::of(angle.cos()), T::of(angle.sin())]
                })
                .collect();
            stages.push(Stage { radix, groups, stride, twiddles });
            rest = groups;
            stride *= radix;
        }
        Self { stages }
    }

    /// Whether a transform ends in the other of the two buffers.
    pub fn changes_sides(&self) -> bool {
        self.stages.len() % 2 == 1
    }

    /// Transforms the points of `from`; both buffers are overwritten. The result is in `from`, or in `other` if the
    /// transform [changes sides](Self::changes_sides).
    #[inline(always)]
    pub fn run<'a>(&self, mut from: &'a mut [Point<T>], mut other: &'a mut [Point<T>]) {
        for stage in &self.stages {
            match stage.radix {
                2 => stage.run::<2, 1>(from, other, two),
                3 => stage.run::<3, 2>(from, other, three),
                4 => stage.run::<4, 3>(from, other, four),
                _ => stage.run::<5, 4>(from, other, five),
            }
            std::mem::swap(&mut from, &mut other);
        }
    }
}

type Complex<T> = [T; 2];

impl<T: Real> Stage<T> {
    #[inline(always)]
    fn run<const R: usize, const TWIDDLES: usize>(
        &self,
        from: &[Point<T>],
        to: &mut [Point<T>],
        butterfly: impl Fn([Complex<T>; R]) -> [Complex<T>; R],
    ) {
        let (groups, stride) = (self.groups, self.stride);
        let (twiddles, _) = self.twiddles.as_chunks::<TWIDDLES>();
        for (p, w) in twiddles.iter().enumerate() {
            for q in 0..stride {
                let mut x = [[Block::zero(); 2]; R];
                for j in 0..R {
                    x[j] = from[q + stride * (p + j * groups)];
                }
                let mut y = [[Block::zero(); 2]; R];
                for l in 0..LANES {
                    let mut a = [[T::zero(); 2]; R];
                    for j in 0..R {
                        a[j] = [x[j][0].0[l], x[j][1].0[l]];
                    }
                    let b = butterfly(a);
                    for j in 0..R {
                        let [re, im] = if j == 0 { b[0] } else { product(b[j], w[j - 1]) };
                        y[j][0].0[l] = re;
                        y[j][1].0[l] = im;
                    }
                }
                for j in 0..R {
                    to[q + stride * (R * p + j)] = y[j];
                }
            }
        }
    }
}

#[inline(always)]
fn product<T: Real>([a, b]: Complex<T>, [c, d]: Complex<T>) -> Complex<T> {
    [a * c - b * d, a * d + b * c]
}

#[inline(always)]
fn plus<T: Real>(a: Complex<T>, b: Complex<T>) -> Complex<T> {
    [a[0] + b[0], a[1] + b[1]]
}

#[inline(always)]
fn minus<T: Real>(a: Complex<T>, b: Complex<T>) -> Complex<T> {
    [a[0] - b[0], a[1] - b[1]]
}

#[inline(always)]
fn times<T: Real>(factor: f64, a: Complex<T>) -> Complex<T> {
    let factor = T::of(factor);
    [factor * a[0], factor * a[1]]
}

/// −i·a
#[inline(always)]
fn turned<T: Real>(a: Complex<T>) -> Complex<T> {
    [a[1], -a[0]]
}

#[inline(always)]
fn two<T: Real>([a, b]: [Complex<T>; 2]) -> [Complex<T>; 2] {
    [plus(a, b), minus(a, b)]
}

#[inline(always)]
fn three<T: Real>([a, b, c]: [Complex<T>; 3]) -> [Complex<T>; 3] {
    const SIN_60: f64 = 0.866_025_403_784_438_6;
    let sum = plus(b, c);
    let middle = minus(a, times(0.5, sum));
    let side = turned(times(SIN_60, minus(b, c)));
    [plus(a, sum), plus(middle, side), minus(middle, side)]
}

#[inline(always)]
fn four<T: Real>([a, b, c, d]: [Complex<T>; 4]) -> [Complex<T>; 4] {
    let (even, odd) = (plus(a, c), plus(b, d));
    let (middle, side) = (minus(a, c), turned(minus(b, d)));
    [plus(even, odd), plus(middle, side), minus(even, odd), minus(middle, side)]
}

#[inline(always)]
fn five<T: Real>([a, b, c, d, e]: [Complex<T>; 5]) -> [Complex<T>; 5] {
    const COS_72: f64 = 0.309_016_994_374_947_45;
    const COS_144: f64 = -0.809_016_994_374_947_5;
    const SIN_72: f64 = 0.951_056_516_295_153_5;
    const SIN_144: f64 = 0.587_785_252_292_473_1;
    let (be, cd) = (plus(b, e), plus(c, d));
    let (b_e, c_d) = (minus(b, e), minus(c, d));
    let first = plus(a, plus(times(COS_72, be), times(COS_144, cd)));
    let second = plus(a, plus(times(COS_144, be), times(COS_72, cd)));
    let first_side = turned(plus(times(SIN_72, b_e), times(SIN_144, c_d)));
    let second_side = turned(minus(times(SIN_144, b_e), times(SIN_72, c_d)));
    [
        plus(a, plus(be, cd)),
        plus(first, first_side),
        plus(second, second_side),
        minus(second, second_side),
        minus(first, first_side),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equals_the_definition() {
        for n in (1..=128).filter(|&n| is_smooth(n)) {
            let number = |i: usize| ((i * 7919 + 13) % 1009) as f64 / 1009.0 - 0.5;
            let x: Vec<Point<f64>> = (0..n)
                .map(|i| {
                    std::array::from_fn(|part| Block(std::array::from_fn(|l| number(i * 32 + part * 16 + l))))
                })
                .collect();
            let (mut from, mut other) = (x.clone(), x.clone());
            let fft = Fft::new(n);
            fft.run(&mut from, &mut other);
            let got = if fft.changes_sides() { other } else { from };
            for l in [0, 7, 15] {
                for k in 0..n {
                    let mut want = [0.0; 2];
                    for i in 0..n {
                        let angle = -2.0 * std::f64::consts::PI * ((i * k) % n) as f64 / n as f64;
                        let w = [angle.cos(), angle.sin()];
                        want = plus(want, product([x[i][0].0[l], x[i][1].0[l]], w));
                    }
                    assert!((got[k][0].0[l] - want[0]).abs() < 1e-12, "{n} {k}");
                    assert!((got[k][1].0[l] - want[1]).abs() < 1e-12, "{n} {k}");
                }
            }
        }
    }
}
