//! The sum itself, blocked for registers.
//!
//! A block is `FRAMES` output frames by `WIDTH` pixels. For a few time weights at once, every input vector is loaded
//! once and multiplied into all output frames it belongs to; sums stay in registers. Each output adds its products in
//! one order — channel, row, column, time weight — whatever the block, so that chunks do not matter, and every product
//! is fused with its addition, so that vector widths do not matter either.

use std::ops::Range;

use super::padded::Padded;
use crate::Real;
use crate::simd;

/// Weights of one output channel: `[in][row][column][time]`, with the offset of each (row, column) in a padded frame.
pub(super) struct Weights<T> {
    pub by_offset: Vec<(usize, usize, Vec<T>)>,
}

impl<T: Real> Weights<T> {
    /// From `[in][time][row][column]`; (rows, columns) of the kernel and the width of a padded frame.
    pub fn new(weights: &[T], inputs: usize, [k, m, n]: [usize; 3], padded_width: usize) -> Self {
        let mut by_offset = Vec::with_capacity(inputs * m * n);
        for i in 0..inputs {
            for b in 0..m {
                for c in 0..n {
                    let times = (0..k).map(|a| weights[((i * k + a) * m + b) * n + c]).collect();
                    by_offset.push((i, b * padded_width + c, times));
                }
            }
        }
        Self { by_offset }
    }
}

/// Output frames of a block.
pub(super) const FRAMES: usize = 6;
/// Pixels of a block: three vectors.
pub(super) const WIDTH: usize = 48;

/// Adds up output frames `frames` at pixels `pixels` of the padded frame; `store(frame, first pixel, sums)`.
pub(super) fn correlate<T: Real>(
    inputs: &[Padded<T>],
    weights: &Weights<T>,
    start: T,
    frames: Range<usize>,
    pixels: Range<usize>,
    store: &mut dyn FnMut(usize, usize, &[T]),
) {
    for t in frames.clone().step_by(FRAMES) {
        for first in pixels.clone().step_by(WIDTH) {
            let mut sums = [[start; WIDTH]; FRAMES];
            simd::vectorized(
                #[inline(always)]
                || block(inputs, weights, t, first, &mut sums),
            );
            let n = WIDTH.min(pixels.end - first);
            for (s, sums) in sums.iter().enumerate().take(frames.end - t) {
                store(t + s, first, &sums[..n]);
            }
        }
    }
}

#[inline(always)]
fn block<T: Real>(
    inputs: &[Padded<T>],
    weights: &Weights<T>,
    t: usize,
    first: usize,
    sums: &mut [[T; WIDTH]; FRAMES],
) {
    let mut acc = *sums;
    for (i, offset, times) in &weights.by_offset {
        let input = &inputs[*i];
        let mut at = t * input.stride + first + offset;
        let mut blocks = times.chunks_exact(4);
        for w in &mut blocks {
            window::<T, 4>(&input.numbers[at..], input.stride, w, &mut acc);
            at += 4 * input.stride;
        }
        match blocks.remainder() {
            w @ [_] => window::<T, 1>(&input.numbers[at..], input.stride, w, &mut acc),
            w @ [_, _] => window::<T, 2>(&input.numbers[at..], input.stride, w, &mut acc),
            w @ [_, _, _] => window::<T, 3>(&input.numbers[at..], input.stride, w, &mut acc),
            _ => {}
        }
    }
    *sums = acc;
}

/// `sums[s] += Σₐ w[a]·x[s + a]` for `A` time weights.
#[inline(always)]
fn window<T: Real, const A: usize>(x: &[T], stride: usize, w: &[T], sums: &mut [[T; WIDTH]; FRAMES]) {
    let w: [T; A] = std::array::from_fn(|a| w[a]);
    for s in 0..FRAMES + A - 1 {
        let x = &x[s * stride..s * stride + WIDTH];
        for a in 0..A {
            // Input frame s belongs to output frame s − a.
            if s >= a && s - a < FRAMES {
                let sums = &mut sums[s - a];
                for l in 0..WIDTH {
                    sums[l] = x[l].mul_add(w[a], sums[l]);
                }
            }
        }
    }
}
