//! [`Conv3d`], fast.

use super::Conv3d;
use super::direct::{FRAMES, Weights, correlate};
use super::padded::{Input, Padded};
use super::{Plan, plan, pointwise, separable, spectral, whole_image};
use crate::scratch::Scratch;
use crate::static_nonlinearity::StaticNonlinearity;
use crate::{Operation, Real, parallel};

pub(super) fn conv3d<T: Real>(
    conv: &Conv3d,
    inputs: &[&[T]],
    state: &[&[T]],
    output: &mut [T],
    state_after: &mut [&mut [T]],
) {
    let (movie, w, bias) = (inputs[0], inputs[1], inputs[2]);
    if let [after] = state_after {
        keep_history(conv, movie, state[0], after);
    }
    if conv.output_signal().is_empty() {
        return;
    }
    let input = Input { conv, movie, state };
    match plan::with_weights(conv, w) {
        (_, Some(factors)) if conv.rectifies => {
            let mut rectified = Scratch::new(movie.len());
            let rectify = StaticNonlinearity { signal: conv.signal, rectifies: true, squares: false };
            rectify.forward(&[1.0, 0.0], &[movie], &[], &mut rectified, &mut []);
            separable::forward(conv, &factors, &rectified, bias, state, output);
        }
        (_, Some(factors)) => separable::forward(conv, &factors, movie, bias, state, output),
        (Plan::Direct { kernel: [1, 1, 1] }, None) => pointwise::forward(conv, movie, w, bias, output),
        (Plan::Image, None) => whole_image::forward(conv, &input, w, bias, output),
        (Plan::Fft(tiling), None) => spectral::forward(conv, &tiling, &input, w, bias, output),
        (_, None) => direct(conv, &input, w, bias, output),
    }
}

fn direct<T: Real>(conv: &Conv3d, input: &Input<'_, T>, w: &[T], bias: &[T], output: &mut [T]) {
    let out = conv.output_signal();
    let [inputs_n, outputs_n] = conv.channels;
    let padded_width = conv.padded_size()[1];
    let per_output = w.len() / outputs_n;
    let weights: Vec<Weights<T>> =
        w.chunks(per_output).map(|w| Weights::new(w, inputs_n, conv.kernel, padded_width)).collect();
    let planes: Vec<Padded<T>> =
        parallel::map((0..conv.signal.planes).collect(), conv.signal.len(), |plane| {
            Padded::of_input(input, plane)
        });
    // A few blocks of frames make an item, so that all threads have work.
    let frames = (FRAMES * 4).min(out.frames.next_multiple_of(FRAMES));
    let items: Vec<_> = output
        .chunks_mut(out.frames * out.pixels())
        .enumerate()
        .flat_map(|(plane, y)| {
            y.chunks_mut(frames * out.pixels()).enumerate().map(move |(i, y)| (plane, i * frames, y))
        })
        .collect();
    parallel::for_each(items, out.len() * per_output, |(plane, first, y)| {
        let (batch, o) = (plane / outputs_n, plane % outputs_n);
        let planes = &planes[batch * inputs_n..(batch + 1) * inputs_n];
        let n = y.len() / out.pixels();
        let pixels = 0..(out.height - 1) * padded_width + out.width;
        correlate(planes, &weights[o], bias[o], first..first + n, pixels, &mut |t, start, sums| {
            let frame = &mut y[(t - first) * out.pixels()..][..out.pixels()];
            scatter_rows(sums, start, padded_width, frame, out.width);
        });
    });
}

/// Copies sums at consecutive pixels of a padded frame to the rows of an image, leaving out the ends of padded rows.
pub(super) fn scatter_rows<T: Real>(
    sums: &[T],
    start: usize,
    padded_width: usize,
    frame: &mut [T],
    width: usize,
) {
    let mut at = 0;
    while at < sums.len() {
        let (row, column) = ((start + at) / padded_width, (start + at) % padded_width);
        let here = (padded_width - column).min(sums.len() - at);
        if column < width {
            let n = here.min(width - column);
            frame[row * width + column..][..n].copy_from_slice(&sums[at..at + n]);
        }
        at += here;
    }
}

/// The last frames of history and movie together.
fn keep_history<T: Real>(conv: &Conv3d, movie: &[T], before: &[T], after: &mut [T]) {
    let (signal, history) = (conv.signal, conv.history());
    let (pixels, old) = (signal.pixels(), history.saturating_sub(signal.frames));
    for plane in 0..signal.planes {
        let after = &mut after[plane * history * pixels..][..history * pixels];
        let before = &before[plane * history * pixels..][..history * pixels];
        let movie = &movie[plane * signal.frames * pixels..][..signal.frames * pixels];
        after[..old * pixels].copy_from_slice(&before[(history - old) * pixels..]);
        after[old * pixels..].copy_from_slice(&movie[(signal.frames - (history - old)) * pixels..]);
    }
}
