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

use super::direct::{FRAMES, Weights, correlate, products};
use super::padded::{Input, Padded, fold};
use super::{Conv3d, Plan, pointwise, spectral, whole_image};
use crate::operation::Gradients;
use crate::scratch::{LANES, Scratch};
use crate::sums::sum;
use crate::{Operation, Real, parallel, simd};

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
    if conv.kernel == [1; 3] && !out.is_empty() {
        let wanted = [0, 1, 2].map(|i| gradients.inputs[i].take());
        return pointwise::gradients(conv, movie, w, output_gradient, wanted);
    }
    if let Some(bias) = &mut gradients.inputs[2] {
        bias_gradient(conv, output_gradient, bias);
    }
    let plan = conv.plan_of_gradients();
    let input = Input { conv, movie, state };
    if let Some(by_weights) = gradients.inputs[1].take() {
        if out.is_empty() {
            by_weights.fill(T::zero());
        } else {
            match &plan {
                Plan::Image => whole_image::weights_gradient(&input, output_gradient, by_weights),
                Plan::Fft(tiling) => {
                    spectral::weights_gradient(conv, tiling, &input, output_gradient, by_weights);
                }
                _ => weights_gradient(&input, output_gradient, by_weights),
            }
        }
    }
    let by_movie = gradients.inputs[0].take();
    let by_state = gradients.state.first_mut().map(|state| &mut **state);
    if by_movie.is_some() || by_state.is_some() {
        input_gradient(&input, &plan, w, output_gradient, state_gradient, by_movie, by_state);
    }
}

fn bias_gradient<T: Real>(conv: &Conv3d, g: &[T], by_bias: &mut [T]) {
    /// Numbers that one thread adds up.
    const PIECE: usize = 16_384;
    let mut sums = vec![0.0; by_bias.len()];
    let out = conv.output_signal();
    let planes = g.chunks((out.frames * out.pixels()).max(1)).enumerate();
    let items: Vec<_> = planes.flat_map(|(plane, g)| g.chunks(PIECE).map(move |g| (plane, g))).collect();
    let parts = parallel::map(items, g.len(), |(plane, g)| {
        let sum = simd::vectorized(
            #[inline(always)]
            || sum(g),
        );
        (plane, sum)
    });
    for (plane, part) in parts {
        sums[plane % by_bias.len()] += part;
    }
    for (by_bias, sum) in by_bias.iter_mut().zip(sums) {
        *by_bias = T::of(sum);
    }
}

/// Output gradients of the planes in `g` in frames of `height` by `width` pixels, zero around them; the first one lies
/// `before` frames, rows and columns inside.
fn in_zeros<T: Real>(
    conv: &Conv3d,
    g: &[T],
    before: [usize; 3],
    [height, width]: [usize; 2],
) -> Vec<Padded<T>> {
    let out = conv.output_signal();
    let planes = g.len() / (out.frames * out.pixels());
    parallel::map((0..planes).collect(), g.len(), |plane| {
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

fn weights_gradient<T: Real>(input: &Input<'_, T>, g: &[T], by_weights: &mut [T]) {
    let conv = input.conv;
    let out = conv.output_signal();
    let [inputs_n, outputs_n] = conv.channels;
    let [k, m, n] = conv.kernel;
    let size = conv.padded_size();
    let x: Vec<Padded<T>> = parallel::map((0..conv.signal.planes).collect(), conv.signal.len(), |plane| {
        Padded::of_input(input, plane)
    });
    // Blocks of pixels run beyond the last one: rows of zeros keep them off the next frame.
    let g = in_zeros(conv, g, [0; 3], [size[0] + (2 * LANES).div_ceil(size[1]), size[1]]);
    let pixels = (out.height - 1) * size[1] + out.width;
    // Partial sums: some frames, one row of the kernel.
    const TOGETHER: usize = 4 * FRAMES;
    let mut items = vec![];
    for pair in 0..inputs_n * outputs_n {
        for batch in 0..conv.batch() {
            for t in (0..out.frames).step_by(TOGETHER) {
                items.extend((0..m).map(|b| (pair, batch, t, b)));
            }
        }
    }
    let rows = parallel::map(items.clone(), out.len() * by_weights.len(), |(pair, batch, t, b)| {
        let (o, i) = (pair / inputs_n, pair % inputs_n);
        let (x, g) = (&x[batch * inputs_n + i], &g[batch * outputs_n + o]);
        let mut sums = vec![0.0f64; n * k];
        for (c, sums) in sums.chunks_mut(k).enumerate() {
            products(x, g, t..(t + TOGETHER).min(out.frames), pixels, b * size[1] + c, sums);
        }
        sums
    });
    let mut sums = vec![0.0f64; by_weights.len()];
    for ((pair, _, _, b), row) in items.into_iter().zip(rows) {
        for c in 0..n {
            for a in 0..k {
                sums[((pair * k + a) * m + b) * n + c] += row[c * k + a];
            }
        }
    }
    for (w, sum) in by_weights.iter_mut().zip(sums) {
        *w = T::of(sum);
    }
}

/// The gradient by input and state: first by the input with its history and border, then folded back.
fn input_gradient<'a, T: Real>(
    input: &Input<'_, T>,
    plan: &Plan,
    w: &[T],
    g: &[T],
    state_gradient: &[&[T]],
    mut by_movie: Option<&'a mut [T]>,
    mut by_state: Option<&'a mut [T]>,
) {
    let conv = input.conv;
    let (signal, out) = (conv.signal, conv.output_signal());
    let (pixels, history, inputs_n) = (signal.pixels(), conv.history(), conv.channels[0]);
    let (frames, frame_len) = (signal.frames + history, conv.padded_size().iter().product::<usize>());
    let is_folded = history > 0 || frame_len != pixels;
    let mut padded = Scratch::new(if is_folded { inputs_n * frames * frame_len } else { 0 });
    for batch in 0..conv.batch() {
        let of_batch = conv.channels[1] * out.frames * out.pixels();
        let g = &g[batch * of_batch..][..of_batch];
        let planes = batch * inputs_n..(batch + 1) * inputs_n;
        let part = planes.start * signal.frames * pixels..planes.end * signal.frames * pixels;
        let mut movie = by_movie.as_mut().map(|movie| &mut movie[part]);
        let padded = if is_folded { &mut padded[..] } else { movie.take().unwrap_or_default() };
        match plan {
            _ if out.is_empty() => padded.fill(T::zero()),
            _ if out.pixels() == 1 && frame_len > 1 => {
                whole_image::input_gradient(input, batch, w, g, padded);
            }
            Plan::Fft(tiling) => spectral::input_gradient(conv, tiling, w, g, padded),
            _ => direct_input_gradient(conv, w, g, padded),
        }
        if let Some(movie) = movie {
            let items: Vec<_> = movie.chunks_mut(pixels).enumerate().collect();
            parallel::for_each(items, padded.len(), |(i, frame)| {
                let (plane, t) = (i / signal.frames, i % signal.frames + history);
                fold(conv, &padded[(plane * frames + t) * frame_len..][..frame_len], frame);
            });
        }
        if let Some(state) = &mut by_state {
            let state = &mut state[planes.start * history * pixels..planes.end * history * pixels];
            for (i, frame) in state.chunks_mut(pixels).enumerate() {
                let (plane, t) = (i / history, i % history);
                fold(conv, &padded[(plane * frames + t) * frame_len..][..frame_len], frame);
            }
        }
    }
    // The state after is the end of history and movie: its gradient falls there.
    let after = state_gradient.first().map_or(&[][..], |after| after);
    for (i, after) in after.chunks(pixels.max(1)).enumerate() {
        let (plane, t) = (i / history, i % history + signal.frames);
        let (to, frame) = if t < history {
            (&mut by_state, plane * history + t)
        } else {
            (&mut by_movie, plane * signal.frames + t - history)
        };
        let to = to.as_mut().map_or(&mut [][..], |to| &mut to[frame * pixels..][..pixels]);
        for (to, &g) in to.iter_mut().zip(after) {
            *to = *to + g;
        }
    }
}

/// The sum itself: a convolution of the output gradient, in zeros, by the reversed weights.
fn direct_input_gradient<T: Real>(conv: &Conv3d, w: &[T], g: &[T], padded: &mut [T]) {
    let signal = conv.signal;
    let [inputs_n, outputs_n] = conv.channels;
    let [k, m, n] = conv.kernel;
    let [height, width] = conv.padded_size();
    let work = signal.len() / conv.batch() * k * m * n * outputs_n;
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
    let frames = signal.frames + conv.history();
    let blocks: Vec<_> = padded
        .chunks_mut(frames * height * width)
        .enumerate()
        .flat_map(|(i, plane)| {
            let blocks = plane.chunks_mut(FRAMES * 4 * height * width).enumerate();
            blocks.map(move |(block, part)| (i, block * FRAMES * 4, part))
        })
        .collect();
    parallel::for_each(blocks, work, |(i, first, part)| {
        let n = part.len() / (height * width);
        let pixels = 0..(height - 1) * size[1] + width;
        correlate(&g, &reversed[i], T::zero(), first..first + n, pixels, &mut |t, start, sums| {
            let frame = &mut part[(t - first) * height * width..][..height * width];
            super::forward::scatter_rows(sums, start, size[1], frame, width);
        });
    });
}
