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

use crate::scratch::LANES;
use crate::simd::{self, Level};
use crate::tiles::{TileMut, split_by, tiles_of};
use crate::{Real, Signal, parallel};

/// Pixels that one thread works on at a time: those of a few dozen channels stay in the cache.
const PIXELS: usize = 2048;

/// Numbers from those that are read to those that will be read soon.
const AHEAD: usize = 8 * LANES;

/// Whether the processor has registers for large blocks of sums.
fn wide<T>() -> bool {
    simd::level() == Level::Avx512 && size_of::<T>() == 4
}

/// `y(o,n) = start(o) + Σᵢ w(i,o)·x(i,n)` for movies of `[in, out]` channels, frames and pixels in one row; the weights
/// are `[in][out]`.
pub(super) fn product<T: Real>(
    x: &[T],
    w: &[T],
    [inputs, outputs]: [usize; 2],
    batch: usize,
    start: &[T],
    y: &mut [T],
) {
    let pixels = y.len() / (batch * outputs);
    let signal = Signal { planes: batch, frames: outputs, height: 1, width: pixels };
    let items: Vec<_> = tiles_of(&signal, PIXELS).into_iter().zip(split_by(y, &signal, PIXELS)).collect();
    parallel::for_each(items, signal.len() * inputs, |(tile, mut y)| {
        let x = |i: usize| &x[(tile.plane * inputs + i) * pixels..][tile.pixels.clone()];
        let x: Vec<&[T]> = (0..inputs).map(x).collect();
        let mut o = 0;
        while o < outputs {
            let w = w.chunks_exact(outputs).map(|w| &w[o..]);
            let mut y = Rows { tile: &mut y, o, n: tile.len() };
            // As many sums as the processor has registers for.
            o += match (wide::<T>(), outputs - o) {
                (true, 8..) => rows::<T, 8, 2>(&x, w, &start[o..], &mut y),
                (true, 4..) => rows::<T, 4, 2>(&x, w, &start[o..], &mut y),
                (false, 4..) => rows::<T, 4, 1>(&x, w, &start[o..], &mut y),
                _ => rows::<T, 1, 2>(&x, w, &start[o..], &mut y),
            };
        }
    });
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
                        ($($j:literal)*) => { $( if $j < O { add_product(w[$j], x, &mut acc[$j]); } )* };
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

/// `sums += w·x` at `V` vectors of pixels.
#[inline(always)]
fn add_product<T: Real, const V: usize>(w: T, x: &[[T; LANES]], sums: &mut [[T; LANES]; V]) {
    for v in 0..V {
        for l in 0..LANES {
            sums[v][l] = x[v][l].mul_add(w, sums[v][l]);
        }
    }
}

/// `sums(o,i) = Σₙ g(o,n)·x(i,n)`, which are overwritten: `[out][in]`.
pub(super) fn correlation<T: Real>(
    x: &[T],
    g: &[T],
    [inputs, outputs]: [usize; 2],
    batch: usize,
    sums: &mut [T],
) {
    let pixels = x.len() / (batch * inputs);
    let signal = Signal { planes: batch, frames: 1, height: 1, width: pixels };
    let parts = parallel::map(tiles_of(&signal, PIXELS), x.len() * outputs, |tile| {
        let x = |i: usize| &x[(tile.plane * inputs + i) * pixels..][tile.pixels.clone()];
        let g = |o: usize| &g[(tile.plane * outputs + o) * pixels..][tile.pixels.clone()];
        let mut sums = vec![0.0f64; outputs * inputs];
        let mut store = |o: usize, i: usize, sum: f64| sums[o * inputs + i] = sum;
        let (mut o, wide) = (0, wide::<T>());
        while o < outputs {
            let mut i = 0;
            let tall = if outputs - o >= 4 { 4 } else { 1 };
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
    });
    for (at, to) in sums.iter_mut().enumerate() {
        *to = T::of(parts.iter().map(|part| part[at]).sum());
    }
}

/// `O` by `I` sums, from output `o` and input `i` on; returns `I`. There are so few pixels that sums in single precision
/// stay short.
fn block<'a, T: Real, const O: usize, const I: usize>(
    g: impl Fn(usize) -> &'a [T],
    x: impl Fn(usize) -> &'a [T],
    o: usize,
    i: usize,
    store: &mut impl FnMut(usize, usize, f64),
) -> usize {
    let g: [&[T]; O] = std::array::from_fn(|j| g(o + j));
    let x: [&[T]; I] = std::array::from_fn(|j| x(i + j));
    let mut sums = [[[T::zero(); LANES]; I]; O];
    simd::vectorized(
        #[inline(always)]
        || {
            let mut acc = [[[T::zero(); LANES]; I]; O];
            let n = x[0].len();
            for first in (0..n - n % LANES).step_by(LANES) {
                let x: [&[T; LANES]; I] = x.map(|x| x[first..].first_chunk().expect("a block"));
                for j in 0..O {
                    let g: &[T; LANES] = g[j][first..].first_chunk().expect("a block");
                    for i in 0..I {
                        for l in 0..LANES {
                            acc[j][i][l] = x[i][l].mul_add(g[l], acc[j][i][l]);
                        }
                    }
                }
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
