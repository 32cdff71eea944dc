//! The sum itself, blocked for registers.
//!
//! A block is some output frames by some pixels. For a few time weights at once, every input vector is loaded once and
//! multiplied into all output frames it belongs to; sums stay in registers. Each output adds its products in one order
//! — channel, row, column, time weight — whatever the block, so that chunks do not matter, and every product is fused
//! with its addition, so that vector widths do not matter either.

use std::ops::Range;

use super::padded::Padded;
use crate::scratch::{LANES, Scratch};
use crate::{Real, simd};

/// Weights of one output channel: `[in][row][column][time]`.
pub(super) struct Weights<T: Real> {
    numbers: Scratch<T>,
    kernel: [usize; 3],
    padded_width: usize,
}

impl<T: Real> Weights<T> {
    /// From `[in][time][row][column]`; (rows, columns) of the kernel and the width of a padded frame.
    pub fn new(weights: &[T], inputs: usize, [k, m, n]: [usize; 3], padded_width: usize) -> Self {
        let mut numbers = Scratch::new(weights.len());
        for (w, to) in weights.chunks(k * m * n).zip(numbers.chunks_mut(k * m * n)).take(inputs) {
            for (offset, to) in to.chunks_mut(k).enumerate() {
                for (a, to) in to.iter_mut().enumerate() {
                    *to = w[a * m * n + offset];
                }
            }
        }
        Self { numbers, kernel: [k, m, n], padded_width }
    }
}

/// Output frames of a block.
pub(super) const FRAMES: usize = 6;
/// Time weights whose products are summed at once.
pub(super) const TAPS: usize = 5;

/// Adds up output frames `frames` at pixels `pixels` of the padded frame; `store(frame, first pixel, sums)`.
pub(super) fn correlate<T: Real>(
    inputs: &[Padded<T>],
    weights: &Weights<T>,
    start: T,
    frames: Range<usize>,
    pixels: Range<usize>,
    store: &mut dyn FnMut(usize, usize, &[T]),
) {
    // As many sums as the processor has registers for.
    let wide = simd::is_wide::<T>();
    let mut t = frames.start;
    while t < frames.end {
        let left = frames.end - t;
        t += match (wide, left > 1) {
            (true, true) => blocks::<T, FRAMES, 3>(inputs, weights, start, t, left, &pixels, store),
            (true, false) => blocks::<T, 1, 3>(inputs, weights, start, t, left, &pixels, store),
            (false, true) => blocks::<T, FRAMES, 1>(inputs, weights, start, t, left, &pixels, store),
            (false, false) => blocks::<T, 1, 1>(inputs, weights, start, t, left, &pixels, store),
        };
    }
}

/// `S` output frames from `t` on, of which `left` are wanted; returns how many were made.
fn blocks<T: Real, const S: usize, const V: usize>(
    inputs: &[Padded<T>],
    weights: &Weights<T>,
    start: T,
    t: usize,
    left: usize,
    pixels: &Range<usize>,
    store: &mut dyn FnMut(usize, usize, &[T]),
) -> usize {
    for first in pixels.clone().step_by(V * LANES) {
        let mut sums = [[[start; LANES]; V]; S];
        simd::vectorized(
            #[inline(always)]
            || block(inputs, weights, t, first, &mut sums),
        );
        let n = (V * LANES).min(pixels.end - first);
        for (s, sums) in sums.iter().enumerate().take(left) {
            store(t + s, first, &sums.as_flattened()[..n]);
        }
    }
    S.min(left)
}

#[inline(always)]
fn block<T: Real, const S: usize, const V: usize>(
    inputs: &[Padded<T>],
    weights: &Weights<T>,
    t: usize,
    first: usize,
    sums: &mut [[[T; LANES]; V]; S],
) {
    let [k, m, n] = weights.kernel;
    let mut acc = *sums;
    for (input, w) in inputs.iter().zip(weights.numbers.chunks_exact(k * m * n)) {
        let stride = input.stride;
        for (offset, w) in w.chunks_exact(k).enumerate() {
            let at = t * stride + first + offset / n * weights.padded_width + offset % n;
            let x = &input.numbers[at..];
            for (a, taps) in windows(k) {
                let (x, w) = (&x[a * stride..], &w[a..a + taps]);
                match taps {
                    1 => window::<T, S, V, 1>(x, stride, w, &mut acc),
                    2 => window::<T, S, V, 2>(x, stride, w, &mut acc),
                    3 => window::<T, S, V, 3>(x, stride, w, &mut acc),
                    4 => window::<T, S, V, 4>(x, stride, w, &mut acc),
                    _ => window::<T, S, V, TAPS>(x, stride, w, &mut acc),
                }
            }
        }
    }
    *sums = acc;
}

/// Cuts `k` time weights into windows of at most [`TAPS`], as even as possible: (first, length).
#[inline(always)]
pub(super) fn windows(k: usize) -> impl Iterator<Item = (usize, usize)> {
    let count = k.div_ceil(TAPS);
    (0..count).map(move |i| (i * k / count, (i + 1) * k / count - i * k / count))
}

/// `sums[s] += Σₐ w[a]·x[s + a]` for `A` time weights.
#[inline(always)]
fn window<T: Real, const S: usize, const V: usize, const A: usize>(
    x: &[T],
    stride: usize,
    w: &[T],
    sums: &mut [[[T; LANES]; V]; S],
) {
    let w: [T; A] = std::array::from_fn(|a| w[a]);
    // One step per input frame, written out: a loop would keep the sums in memory.
    macro_rules! steps {
        ($($s:literal)*) => { $( step::<T, S, V, A, $s>(x, stride, &w, sums); )* };
    }
    steps!(0 1 2 3 4 5 6 7 8 9);
}

/// Input frame `AT` belongs to output frames `AT − a`.
#[inline(always)]
fn step<T: Real, const S: usize, const V: usize, const A: usize, const AT: usize>(
    x: &[T],
    stride: usize,
    w: &[T; A],
    sums: &mut [[[T; LANES]; V]; S],
) {
    if AT + 1 >= S + A {
        return;
    }
    let x: &[[T; LANES]] = x[AT * stride..][..V * LANES].as_chunks().0;
    for a in 0..A {
        if AT >= a && AT - a < S {
            let sums = &mut sums[AT - a];
            for v in 0..V {
                for l in 0..LANES {
                    sums[v][l] = x[v][l].mul_add(w[a], sums[v][l]);
                }
            }
        }
    }
}

/// `sums[a] += Σₜ Σ_p g(t, p)·x(t + a, p + offset)` for frames `frames` and up to [`TAPS`] values of a.
pub(super) fn products<T: Real>(
    x: &Padded<T>,
    g: &Padded<T>,
    frames: Range<usize>,
    pixels: usize,
    offset: usize,
    sums: &mut [f64],
) {
    for t in frames.step_by(FRAMES) {
        for (a, taps) in windows(sums.len()) {
            // Single-precision sums stay short: a block of frames at a time.
            let mut acc = [[[T::zero(); LANES]; 2]; TAPS];
            let strides = [x.stride, g.stride];
            let (x, g) = (&x.numbers[(t + a) * x.stride + offset..], &g.numbers[t * g.stride..]);
            simd::vectorized(
                #[inline(always)]
                || match taps {
                    1 => product_block::<T, 1>(x, g, strides, pixels, &mut acc),
                    2 => product_block::<T, 2>(x, g, strides, pixels, &mut acc),
                    3 => product_block::<T, 3>(x, g, strides, pixels, &mut acc),
                    4 => product_block::<T, 4>(x, g, strides, pixels, &mut acc),
                    _ => product_block::<T, TAPS>(x, g, strides, pixels, &mut acc),
                },
            );
            for (sum, acc) in sums[a..a + taps].iter_mut().zip(acc) {
                *sum += acc.as_flattened().iter().map(|x| x.double()).sum::<f64>();
            }
        }
    }
}

/// [`FRAMES`] frames of `g` times the frames of `x` that `A` time weights reach.
#[inline(always)]
fn product_block<T: Real, const A: usize>(
    x: &[T],
    g: &[T],
    [x_stride, g_stride]: [usize; 2],
    pixels: usize,
    sums: &mut [[[T; LANES]; 2]; TAPS],
) {
    let mut acc = [[[T::zero(); LANES]; 2]; A];
    acc.copy_from_slice(&sums[..A]);
    for p in (0..pixels).step_by(2 * LANES) {
        let mut frames = [[[T::zero(); LANES]; 2]; FRAMES];
        for s in 0..FRAMES {
            let g: &[[T; LANES]] = g[s * g_stride + p..][..2 * LANES].as_chunks().0;
            frames[s] = [g[0], g[1]];
        }
        macro_rules! steps {
            ($($s:literal)*) => { $( product_step::<T, A, $s>(&x[p..], x_stride, &frames, &mut acc); )* };
        }
        steps!(0 1 2 3 4 5 6 7 8 9);
    }
    sums[..A].copy_from_slice(&acc);
}

/// Frame `AT` of `x` meets frame `AT − a` of `g`.
#[inline(always)]
fn product_step<T: Real, const A: usize, const AT: usize>(
    x: &[T],
    stride: usize,
    g: &[[[T; LANES]; 2]; FRAMES],
    sums: &mut [[[T; LANES]; 2]; A],
) {
    if AT + 1 >= FRAMES + A {
        return;
    }
    let x: &[[T; LANES]] = x[AT * stride..][..2 * LANES].as_chunks().0;
    for a in 0..A {
        if AT >= a && AT - a < FRAMES {
            for v in 0..2 {
                for l in 0..LANES {
                    sums[a][v][l] = x[v][l].mul_add(g[AT - a][v][l], sums[a][v][l]);
                }
            }
        }
    }
}
