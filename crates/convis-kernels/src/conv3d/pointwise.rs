//! Kernels of one weight: at every pixel, a matrix times the channels.
//!
//! # Equation
//! With pixels n of all frames, and g the output gradient:
//! ```text
//! y(o,n)      = b(o) + Σᵢ w(o,i) · x(i,n)         forward
//! ∂/∂x(i,n)   = Σₒ w(o,i) · g(o,n)                gradient by the input
//! ∂/∂w(o,i)   = Σₙ g(o,n) · x(i,n)                gradient by the weights
//! ```
//! There is neither history nor border. A block of a few planes of output by some pixels stays in registers while all
//! input channels are added to it, in their order.

use super::Conv3d;
use crate::scratch::LANES;
use crate::simd::{self, AHEAD};
use crate::sums::sum;
use crate::tiles::{Tile, TileMut, split_by, tiles_of};
use crate::{Real, Signal, parallel};

/// Pixels that one thread works on at a time: those of a few dozen channels stay in the cache.
const PIXELS: usize = 2048;

/// Channels of one batch entry at some pixels.
fn part<'a, T>(numbers: &'a [T], channels: usize, pixels: usize, tile: &Tile) -> Vec<&'a [T]> {
    let channel = |i: usize| &numbers[(tile.plane * channels + i) * pixels..][tile.pixels.clone()];
    (0..channels).map(channel).collect()
}

/// Sizes of a movie whose channels take the place of frames, its frames and pixels lying in one row.
fn in_a_row(channels: usize, batch: usize, numbers: usize) -> Signal {
    Signal { planes: batch, frames: channels, height: 1, width: numbers / (batch * channels) }
}

pub(super) fn forward<T: Real>(conv: &Conv3d, x: &[T], w: &[T], bias: &[T], y: &mut [T]) {
    let [inputs, outputs] = conv.channels;
    let turned: Vec<T> = (0..w.len()).map(|at| w[at % outputs * inputs + at / outputs]).collect();
    let signal = in_a_row(outputs, conv.batch(), y.len());
    let items: Vec<_> = tiles_of(&signal, PIXELS).into_iter().zip(split_by(y, &signal, PIXELS)).collect();
    parallel::for_each(items, signal.len() * inputs, |(tile, mut y)| {
        let x = part(x, inputs, signal.width, &tile);
        conv.with_inputs(&x, |x| product(x, &turned, bias, &mut y, tile.len()));
    });
}

/// The gradients by input, weights and bias, for which the output gradient is read once.
pub(super) fn gradients<T: Real>(
    conv: &Conv3d,
    x: &[T],
    w: &[T],
    g: &[T],
    [by_input, by_weights, by_bias]: [Option<&mut [T]>; 3],
) {
    let [inputs, outputs] = conv.channels;
    let signal = in_a_row(inputs, conv.batch(), x.len());
    let mut by_input = by_input.map(|by_input| split_by(by_input, &signal, PIXELS).into_iter());
    let items: Vec<_> = tiles_of(&signal, PIXELS)
        .into_iter()
        .map(|tile| (tile, by_input.as_mut().and_then(Iterator::next)))
        .collect();
    let none = vec![T::zero(); inputs];
    let parts = parallel::map(items, 2 * signal.len() * outputs, |(tile, by_input)| {
        let (x, g) = (part(x, inputs, signal.width, &tile), part(g, outputs, signal.width, &tile));
        if let Some(mut by_input) = by_input {
            product(&g, w, &none, &mut by_input, tile.len());
            if conv.rectifies {
                let slopes = |(i, x): (usize, &&[T])| conv.limits().slopes(x, by_input.frame(i));
                x.iter().enumerate().for_each(slopes);
            }
        }
        let of_weights = by_weights.is_some().then(|| conv.with_inputs(&x, |x| correlation(x, &g)));
        let sum_of = |g: &&[T]| {
            simd::vectorized(
                #[inline(always)]
                || sum(g),
            )
        };
        [of_weights, by_bias.is_some().then(|| g.iter().map(sum_of).collect())]
    });
    for (i, gradient) in [by_weights, by_bias].into_iter().enumerate() {
        for (at, to) in gradient.into_iter().flatten().enumerate() {
            *to = T::of(parts.iter().filter_map(|part| part[i].as_ref()).map(|part| part[at]).sum());
        }
    }
}

/// `y(o,n) = start(o) + Σᵢ w(i,o)·x(i,n)` at `n` pixels; the weights are `[in][out]`.
fn product<T: Real>(x: &[&[T]], w: &[T], start: &[T], y: &mut TileMut<'_, T>, n: usize) {
    let (mut o, outputs) = (0, start.len());
    while o < outputs {
        let w = w.chunks_exact(outputs).map(|w| &w[o..]);
        let mut y = Rows { tile: y, o, n };
        // As many sums as the processor has registers for.
        o += match (simd::is_wide::<T>(), outputs - o) {
            (true, 8..) => rows::<T, 8, 2>(x, w, &start[o..], &mut y),
            (true, 4..) => rows::<T, 4, 2>(x, w, &start[o..], &mut y),
            (false, 4..) => rows::<T, 4, 1>(x, w, &start[o..], &mut y),
            _ => rows::<T, 1, 2>(x, w, &start[o..], &mut y),
        };
    }
}

/// Pixels of the outputs from `o` on.
struct Rows<'a, 'b, T> {
    tile: &'a mut TileMut<'b, T>,
    o: usize,
    n: usize,
}

/// `O` outputs, `V` vectors of pixels at a time; returns `O`.
fn rows<'a, T: Real, const O: usize, const V: usize>(
    x: &[&[T]],
    w: impl Iterator<Item = &'a [T]> + Clone,
    start: &[T],
    y: &mut Rows<'_, '_, T>,
) -> usize {
    for first in (0..y.n).step_by(V * LANES) {
        let n = (y.n - first).min(V * LANES);
        // Lines that are written are read first, and processors do not foresee so many rows.
        for j in 0..O {
            simd::prefetch(
                y.tile.frame(y.o + j).get(first + AHEAD..first + AHEAD + V * LANES).unwrap_or(&[]),
            );
        }
        let mut sums = [[[T::zero(); LANES]; V]; O];
        simd::vectorized(
            #[inline(always)]
            || {
                let mut acc: [[[T; LANES]; V]; O] = std::array::from_fn(|j| [[start[j]; LANES]; V]);
                for (x, w) in x.iter().zip(w.clone()) {
                    let mut end = [[T::zero(); LANES]; V];
                    simd::prefetch(x.get(first + AHEAD..first + AHEAD + V * LANES).unwrap_or(&[]));
                    let x = &x[first..first + n];
                    let x = if n == V * LANES {
                        x.as_chunks().0
                    } else {
                        end.as_flattened_mut()[..n].copy_from_slice(x);
                        &end[..]
                    };
                    let w = &w[..O];
                    // One line per output, written out: compilers would make a vector of the outputs.
                    macro_rules! outputs {
                        ($($j:literal)*) => { $( if $j < O { simd::add_product(w[$j], x, &mut acc[$j]); } )* };
                    }
                    outputs!(0 1 2 3 4 5 6 7);
                }
                sums = acc;
            },
        );
        for (j, sums) in sums.iter().enumerate() {
            y.tile.frame(y.o + j)[first..first + n].copy_from_slice(&sums.as_flattened()[..n]);
        }
    }
    O
}

/// `Σₙ g(o,n)·x(i,n)`: `[out][in]`.
fn correlation<T: Real>(x: &[&[T]], g: &[&[T]]) -> Vec<f64> {
    let (inputs, outputs, wide) = (x.len(), g.len(), simd::is_wide::<T>());
    let mut sums = vec![0.0f64; outputs * inputs];
    let mut store = |o: usize, i: usize, sum: f64| sums[o * inputs + i] = sum;
    let mut o = 0;
    while o < outputs {
        let (mut i, tall) = (0, if outputs - o >= 4 { 4 } else { 1 });
        while i < inputs {
            i += match (tall, wide, inputs - i) {
                (4, true, 4..) => block::<T, 4, 4>(g, x, o, i, &mut store),
                (4, _, 2..) => block::<T, 4, 2>(g, x, o, i, &mut store),
                (4, ..) => block::<T, 4, 1>(g, x, o, i, &mut store),
                (_, _, 4..) => block::<T, 1, 4>(g, x, o, i, &mut store),
                _ => block::<T, 1, 1>(g, x, o, i, &mut store),
            };
        }
        o += tall;
    }
    sums
}

/// `O` by `I` sums, from output `o` and input `i` on; returns `I`. There are so few pixels that sums in single precision
/// stay short.
fn block<T: Real, const O: usize, const I: usize>(
    g: &[&[T]],
    x: &[&[T]],
    o: usize,
    i: usize,
    store: &mut impl FnMut(usize, usize, f64),
) -> usize {
    let g: [&[T]; O] = std::array::from_fn(|j| g[o + j]);
    let x: [&[T]; I] = std::array::from_fn(|j| x[i + j]);
    let mut sums = [[[T::zero(); LANES]; I]; O];
    simd::vectorized(
        #[inline(always)]
        || {
            let mut acc = [[[T::zero(); LANES]; I]; O];
            let n = x[0].len();
            for first in (0..n - n % LANES).step_by(LANES) {
                g.iter().chain(&x).for_each(|x| simd::prefetch_line(x, first + AHEAD));
                let block = |x: &[T]| -> [T; LANES] { *x[first..].first_chunk().expect("a block") };
                // Written out, as above.
                macro_rules! sums {
                    ($j:literal: $($i:literal)*) => {
                        if $j < O {
                            let g = block(g[$j]);
                            $( if $i < I { add_products(&g, &block(x[$i]), &mut acc[$j][$i]); } )*
                        }
                    };
                }
                sums!(0: 0 1 2 3);
                sums!(1: 0 1 2 3);
                sums!(2: 0 1 2 3);
                sums!(3: 0 1 2 3);
            }
            sums = acc;
        },
    );
    let rest = x[0].len() - x[0].len() % LANES;
    for (j, sums) in sums.iter().enumerate() {
        for (k, sums) in sums.iter().enumerate() {
            let end = g[j][rest..].iter().zip(&x[k][rest..]).map(|(g, x)| g.double() * x.double());
            store(o + j, i + k, sums.iter().map(|x| x.double()).sum::<f64>() + end.sum::<f64>());
        }
    }
    I
}

/// `sums += a·b`, number by number.
#[inline(always)]
fn add_products<T: Real>(a: &[T; LANES], b: &[T; LANES], sums: &mut [T; LANES]) {
    for l in 0..LANES {
        sums[l] = b[l].mul_add(a[l], sums[l]);
    }
}
