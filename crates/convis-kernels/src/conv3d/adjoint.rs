//! The adjoint of [`Conv3d`].
//!
//! With g the output gradient and x̃ the input with history and border:
//! ```text
//! ∂/∂b(o)         = Σ g(o)
//! ∂/∂w(o,i,a,m,n) = Σₜ Σ_p Σ_q g(o,t,p,q) · x̃(i, t+a, p+m, q+n)
//! ∂/∂x̃(i,t,p,q)   = Σₒ Σₐ Σₘ Σₙ w(o,i,a,m,n) · g(o, t−a, p−m, q−n)
//! ```
//! The last is a convolution of g, with zeros around it, by the reversed weights; folding the border and the history
//! back gives the gradients of input and state.

use super::Conv3d;
use super::direct::{FRAMES, Weights, correlate};
use super::padded::Padded;
use crate::operation::Gradients;
use crate::simd;
use crate::{Operation, Real, parallel};

pub(super) fn conv3d<T: Real>(
    conv: &Conv3d,
    inputs: &[&[T]],
    state: &[&[T]],
    output_gradient: &[T],
    state_gradient: &[&[T]],
    mut gradients: Gradients<'_, T>,
) {
    let (movie, w) = (inputs[0], inputs[1]);
    let out = conv.output_signal();
    let outputs_n = conv.channels[1];
    if let Some(bias) = &mut gradients.inputs[2] {
        bias.fill(T::zero());
        let mut sums = vec![0.0; outputs_n];
        if !out.is_empty() {
            for (plane, g) in output_gradient.chunks(out.frames * out.pixels()).enumerate() {
                sums[plane % outputs_n] += g.iter().map(|&g| g.double()).sum::<f64>();
            }
        }
        for (bias, sum) in bias.iter_mut().zip(sums) {
            *bias = T::of(sum);
        }
    }
    if let Some(by_weights) = gradients.inputs[1].take() {
        weights_gradient(conv, movie, state, output_gradient, by_weights);
    }
    let by_movie = gradients.inputs[0].take();
    let by_state = gradients.state.first_mut().map(|state| &mut **state);
    if by_movie.is_some() || by_state.is_some() {
        input_gradient(conv, w, output_gradient, state_gradient, by_movie, by_state);
    }
}

/// Output gradients of every plane in frames of `height` by `width` pixels, zero around them; the first one lies
/// `before` frames, rows and columns inside.
fn in_zeros<T: Real>(
    conv: &Conv3d,
    g: &[T],
    before: [usize; 3],
    [height, width]: [usize; 2],
) -> Vec<Padded<T>> {
    let out = conv.output_signal();
    parallel::map((0..out.planes).collect(), out.len(), |plane| {
        let g = &g[plane * out.frames * out.pixels()..][..out.frames * out.pixels()];
        let mut padded = Padded::zeros(out.frames + 2 * before[0], height * width);
        for (row, g) in g.chunks(out.width).enumerate() {
            let (t, p) = (row / out.height, row % out.height);
            let at = (t + before[0]) * padded.stride + (p + before[1]) * width + before[2];
            padded.numbers[at..at + out.width].copy_from_slice(g);
        }
        padded
    })
}

fn weights_gradient<T: Real>(conv: &Conv3d, movie: &[T], state: &[&[T]], g: &[T], by_weights: &mut [T]) {
    let out = conv.output_signal();
    by_weights.fill(T::zero());
    if out.is_empty() {
        return;
    }
    let [inputs_n, outputs_n] = conv.channels;
    let [k, m, n] = conv.kernel;
    let size = conv.padded_size();
    let x: Vec<Padded<T>> = parallel::map((0..conv.signal.planes).collect(), conv.signal.len(), |plane| {
        Padded::of_input(conv, movie, state, plane)
    });
    // Blocks of pixels run beyond the last one: rows of zeros keep them off the next frame.
    let g = in_zeros(conv, g, [0; 3], [size[0] + LANES.div_ceil(size[1]), size[1]]);
    let pixels = (out.height - 1) * size[1] + out.width;
    // One item per pair of channels and row of the kernel.
    let mut items = vec![];
    for o in 0..outputs_n {
        for i in 0..inputs_n {
            items.extend((0..m).map(|b| (o, i, b)));
        }
    }
    let rows = parallel::map(items.clone(), out.len() * by_weights.len(), |(o, i, b)| {
        let mut sums = vec![0.0f64; n * k];
        for batch in 0..conv.batch() {
            let (x, g) = (&x[batch * inputs_n + i], &g[batch * outputs_n + o]);
            for (c, sums) in sums.chunks_mut(k).enumerate() {
                products(x, g, out.frames, pixels, b * size[1] + c, sums);
            }
        }
        sums
    });
    for ((o, i, b), sums) in items.into_iter().zip(rows) {
        for c in 0..n {
            for a in 0..k {
                by_weights[(((o * inputs_n + i) * k + a) * m + b) * n + c] = T::of(sums[c * k + a]);
            }
        }
    }
}

/// Time weights whose sums are held at once.
const TAPS: usize = 8;
/// Pixels of one vector block.
const LANES: usize = 16;

/// `sums[a] += Σₜ Σ_p g(t, p)·x(t + a, p + offset)`.
fn products<T: Real>(
    x: &Padded<T>,
    g: &Padded<T>,
    frames: usize,
    pixels: usize,
    offset: usize,
    sums: &mut [f64],
) {
    for (i, sums) in sums.chunks_mut(TAPS).enumerate() {
        let first = i * TAPS;
        // Single-precision sums stay short: a block of frames at a time.
        for t in (0..frames).step_by(4) {
            let until = (t + 4).min(frames);
            let mut acc = [[T::zero(); LANES]; TAPS];
            simd::vectorized(
                #[inline(always)]
                || product_block(x, g, t..until, pixels, offset + first * x.stride, sums.len(), &mut acc),
            );
            for (sum, acc) in sums.iter_mut().zip(acc) {
                *sum += acc.iter().map(|x| x.double()).sum::<f64>();
            }
        }
    }
}

#[inline(always)]
fn product_block<T: Real>(
    x: &Padded<T>,
    g: &Padded<T>,
    frames: std::ops::Range<usize>,
    pixels: usize,
    offset: usize,
    taps: usize,
    out: &mut [[T; LANES]; TAPS],
) {
    let mut acc = *out;
    for t in frames {
        for p in (0..pixels).step_by(LANES) {
            let g = &g.numbers[t * g.stride + p..][..LANES];
            let from = t * x.stride + p + offset;
            if taps == TAPS {
                for a in 0..TAPS {
                    let x = &x.numbers[from + a * x.stride..][..LANES];
                    for l in 0..LANES {
                        acc[a][l] = x[l].mul_add(g[l], acc[a][l]);
                    }
                }
            } else {
                for a in 0..taps {
                    let x = &x.numbers[from + a * x.stride..][..LANES];
                    for l in 0..LANES {
                        acc[a][l] = x[l].mul_add(g[l], acc[a][l]);
                    }
                }
            }
        }
    }
    *out = acc;
}

fn input_gradient<T: Real>(
    conv: &Conv3d,
    w: &[T],
    g: &[T],
    state_gradient: &[&[T]],
    by_movie: Option<&mut [T]>,
    by_state: Option<&mut [T]>,
) {
    let signal = conv.signal;
    let (pixels, history) = (signal.pixels(), conv.history());
    let [inputs_n, outputs_n] = conv.channels;
    let [k, m, n] = conv.kernel;
    let [height, width] = conv.padded_size();
    let work = signal.len() * k * m * n * outputs_n;
    // Output gradients inside zeros: the image of the padded input, and a kernel's width more.
    let size = [height + m - 1, width + n - 1];
    let g = in_zeros(conv, g, [k - 1, m - 1, n - 1], size);
    let reversed: Vec<Weights<T>> = (0..inputs_n)
        .map(|i| {
            let per_pair = k * m * n;
            let weights: Vec<T> = (0..outputs_n)
                .flat_map(|o| w[(o * inputs_n + i) * per_pair..][..per_pair].iter().rev().copied())
                .collect();
            Weights::new(&weights, outputs_n, conv.kernel, size[1])
        })
        .collect();
    let frames = signal.frames + history;
    let planes = parallel::map((0..signal.planes).collect(), work, |plane| {
        let (batch, i) = (plane / inputs_n, plane % inputs_n);
        let g = &g[batch * outputs_n..(batch + 1) * outputs_n];
        let mut padded = Padded::zeros(frames, height * width);
        let blocks: Vec<_> = padded.numbers[..frames * height * width]
            .chunks_mut(FRAMES * 4 * height * width)
            .enumerate()
            .collect();
        parallel::for_each(blocks, work / signal.planes, |(block, part)| {
            let first = block * FRAMES * 4;
            let n = part.len() / (height * width);
            let pixels = 0..(height - 1) * size[1] + width;
            correlate(g, &reversed[i], T::zero(), first..first + n, pixels, &mut |t, start, sums| {
                let frame = &mut part[(t - first) * height * width..][..height * width];
                super::forward::scatter_rows(sums, start, size[1], frame, width);
            });
        });
        padded
    });
    let mut state_part = vec![T::zero(); history * pixels];
    let mut movie_part = vec![T::zero(); signal.frames * pixels];
    let (mut by_movie, mut by_state) = (by_movie, by_state);
    for (plane, padded) in planes.iter().enumerate() {
        state_part.fill(T::zero());
        padded.fold_into(conv, &mut movie_part, Some(&mut state_part));
        if let [after] = state_gradient {
            // The state after is the end of history and movie: its gradient falls there.
            let after = &after[plane * history * pixels..][..history * pixels];
            for h in 0..history {
                let t = h + signal.frames;
                let to = if t < history {
                    &mut state_part[t * pixels..][..pixels]
                } else {
                    &mut movie_part[(t - history) * pixels..][..pixels]
                };
                for (to, &g) in to.iter_mut().zip(&after[h * pixels..]) {
                    *to = *to + g;
                }
            }
        }
        if let Some(movie) = &mut by_movie {
            movie[plane * movie_part.len()..][..movie_part.len()].copy_from_slice(&movie_part);
        }
        if let Some(state) = &mut by_state {
            state[plane * state_part.len()..][..state_part.len()].copy_from_slice(&state_part);
        }
    }
}
