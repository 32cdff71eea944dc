//! Kernels as large as the image: products of whole frames with weights.
//!
//! # Equation
//! With one pixel of output, x̃ the input with its history, and g the output gradient:
//! ```text
//! y(o,t)       = b(o) + Σᵢ Σₐ ⟨w(o,i,a), x̃(i,t+a)⟩         forward
//! ∂/∂w(o,i,a)  = Σₜ g(o,t) · x̃(i,t+a)                      gradient by the weights
//! ∂/∂x̃(i,t)    = Σₒ Σₐ g(o,t−a) · w(o,i,a)                 gradient by the input
//! ```
//! ⟨⟩ is the sum over the pixels of a frame.

use super::padded::Input;
use super::{Border, Conv3d};
use crate::scratch::LANES;
use crate::simd::{self, AHEAD};
use crate::static_nonlinearity::Limits;
use crate::{Operation, Real, parallel};

/// Whether the kernel covers the image, and frames are used as they are.
pub(super) fn is_covered(conv: &Conv3d) -> bool {
    let size = [conv.signal.height, conv.signal.width];
    conv.border == Border::Valid && conv.kernel[1..] == size && size != [1, 1]
}

pub(super) fn forward<T: Real>(conv: &Conv3d, input: &Input<'_, T>, w: &[T], bias: &[T], y: &mut [T]) {
    let frames = conv.output_signal().frames;
    let [inputs, outputs] = conv.channels;
    let (k, pixels, limits) = (conv.kernel[0], conv.signal.pixels(), conv.limits());
    // All outputs of a frame, which is in the cache then; frames follow one another in the results.
    let items: Vec<_> = (0..conv.batch()).flat_map(|batch| (0..frames).map(move |t| (batch, t))).collect();
    let sums = parallel::map(items, conv.signal.len() * k * outputs, |(batch, t)| {
        let of_output = |w: &[T]| {
            let images = w.chunks(pixels).enumerate();
            products(images.map(|(at, w)| (input.frame(batch * inputs + at / k, t + at % k), w)), limits)
        };
        w.chunks(inputs * k * pixels).map(of_output).collect::<Vec<T>>()
    });
    for (at, sums) in sums.into_iter().enumerate() {
        for (o, sum) in sums.into_iter().enumerate() {
            y[(at / frames * outputs + o) * frames + at % frames] = sum + bias[o];
        }
    }
}

/// Sum over frames of the products of their pixels, between limits, with an image of weights.
fn products<'a, T: Real>(frames: impl Iterator<Item = (&'a [T], &'a [T])>, limits: Limits<T>) -> T {
    // So many vectors of sums that none waits for its own.
    const TOGETHER: usize = 4;
    let (mut sums, mut end) = ([[T::zero(); LANES]; TOGETHER], T::zero());
    for (x, w) in frames {
        let (blocks, rest) = x.as_chunks::<{ TOGETHER * LANES }>();
        let (weights, rest_of_weights) = w.as_chunks::<{ TOGETHER * LANES }>();
        simd::vectorized(
            #[inline(always)]
            || {
                let mut acc = sums;
                for (x, w) in blocks.iter().zip(weights) {
                    let (x, w) = (x.as_chunks().0, w.as_chunks().0);
                    // Written out: of a loop compilers make gathers.
                    macro_rules! lines {
                        ($($v:literal)*) => { $( add_products(&limits.clip_line(&x[$v]), &w[$v], &mut acc[$v]); )* };
                    }
                    lines!(0 1 2 3);
                }
                sums = acc;
            },
        );
        end = rest.iter().zip(rest_of_weights).fold(end, |sum, (&x, &w)| limits.clip(x).mul_add(w, sum));
    }
    sums.as_flattened().iter().fold(end, |sum, &x| sum + x)
}

/// `sums += x·w`, number by number.
#[inline(always)]
fn add_products<T: Real>(x: &[T; LANES], w: &[T; LANES], sums: &mut [T; LANES]) {
    for l in 0..LANES {
        sums[l] = x[l].mul_add(w[l], sums[l]);
    }
}

/// Frames whose products are added up in single precision.
const FRAMES: usize = 8;

pub(super) fn weights_gradient<T: Real>(input: &Input<'_, T>, g: &[T], by_weights: &mut [T]) {
    let conv = input.conv;
    let frames = conv.output_signal().frames;
    let [inputs, outputs] = conv.channels;
    let (k, pixels) = (conv.kernel[0], conv.signal.pixels());
    let items: Vec<_> = by_weights.chunks_mut(pixels).enumerate().collect();
    parallel::for_each(items, conv.signal.len() * k * outputs, |(at, by_weights)| {
        let (o, i, a) = (at / (inputs * k), at / k % inputs, at % k);
        let mut sums = vec![0.0f64; pixels];
        for batch in 0..conv.batch() {
            let g = &g[(batch * outputs + o) * frames..][..frames];
            for (block, g) in g.chunks(FRAMES).enumerate() {
                let x = |s: usize| input.frame(batch * inputs + i, block * FRAMES + s + a);
                let x: Vec<&[T]> = (0..g.len()).map(x).collect();
                conv.with_inputs(&x, |x| match (x.first_chunk(), g.first_chunk()) {
                    (Some(x), Some(g)) => add_frames::<T, FRAMES>(*x, *g, &mut sums),
                    _ => x.iter().zip(g).for_each(|(x, &g)| add_frames([x], [g], &mut sums)),
                });
            }
        }
        for (to, sum) in by_weights.iter_mut().zip(sums) {
            *to = T::of(sum);
        }
    });
}

/// `sums(p) += Σₛ g(s)·x(s,p)`
fn add_frames<T: Real, const S: usize>(x: [&[T]; S], g: [T; S], sums: &mut [f64]) {
    simd::vectorized(
        #[inline(always)]
        || {
            for (first, sums) in sums.chunks_mut(LANES).enumerate() {
                for x in x {
                    simd::prefetch_line(x, first * LANES + AHEAD);
                }
                let x = x.map(|x| &x[first * LANES..][..sums.len()]);
                let mut acc = [T::zero(); LANES];
                for (x, g) in x.iter().zip(g) {
                    match x.first_chunk::<LANES>() {
                        Some(x) => (0..LANES).for_each(|l| acc[l] = x[l].mul_add(g, acc[l])),
                        None => (0..x.len()).for_each(|l| acc[l] = x[l].mul_add(g, acc[l])),
                    }
                }
                for (sum, acc) in sums.iter_mut().zip(acc) {
                    *sum += acc.double();
                }
            }
        },
    );
}

/// The gradient by the input of one batch entry with its history and border: `[in][frame][padded pixels]`, which is
/// overwritten.
pub(super) fn input_gradient<T: Real>(
    input: &Input<'_, T>,
    batch: usize,
    w: &[T],
    g: &[T],
    padded: &mut [T],
) {
    let conv = input.conv;
    let out = conv.output_signal();
    let [inputs_n, outputs_n] = conv.channels;
    let [k, m, n] = conv.kernel;
    let frames = conv.signal.frames + conv.history();
    let work = padded.len() * outputs_n * k;
    let items: Vec<_> = padded.chunks_mut(m * n).enumerate().collect();
    parallel::for_each(items, work, |(at, frame)| {
        let (i, t) = (at / frames, at % frames);
        let mut is_empty = true;
        for o in 0..outputs_n {
            for a in 0..k.min(t + 1) {
                if t - a < out.frames {
                    let g = g[o * out.frames + t - a];
                    let w = &w[((o * inputs_n + i) * k + a) * m * n..][..m * n];
                    simd::vectorized(
                        #[inline(always)]
                        || {
                            if is_empty {
                                frame.iter_mut().zip(w).for_each(|(sum, &w)| *sum = w * g);
                            } else {
                                frame.iter_mut().zip(w).for_each(|(sum, &w)| *sum = w.mul_add(g, *sum));
                            }
                        },
                    );
                    is_empty = false;
                }
            }
        }
        if is_empty {
            frame.fill(T::zero());
        } else if conv.rectifies {
            conv.limits().slopes(input.frame(batch * inputs_n + i, t), frame);
        }
    });
}
