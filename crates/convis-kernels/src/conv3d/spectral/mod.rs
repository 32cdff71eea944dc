//! The sum by Fourier transforms of the images.
//!
//! With X, W, Y the spectra of an image with its border, of the weights of one time, and of the output:
//! ```text
//! Y(o,t)       = Σᵢ Σₐ conj W(o,i,a) · X(i,t+a)         forward
//! ∂/∂X(i,t)    = Σₒ Σₐ W(o,i,a) · G(o,t−a)              gradient by the input
//! ∂/∂W(o,i,a)  = Σₜ conj G(o,t) · X(i,t+a)              gradient by the weights
//! ```
//! Space becomes a product, time stays a sum: a transform over time would pay for many hundred frames of history only,
//! and would make the last bits depend on where a movie is cut. Here a frame's spectrum depends on the frame alone, and
//! sums over time are made in one order, so that every chunking gives the same bits. Images larger than a tile are cut
//! into overlapping ones (overlap-save; overlap-add for the gradient by the input).

mod fft;
mod image;
mod spectra;

pub(super) use fft::is_smooth;

use std::ops::Range;

use image::{ImageFft, side_by_side};
use spectra::{Spectra, Sums, correlate};

use super::Conv3d;
use super::padded::{Input, source};
use super::plan::Tiling;
use crate::scratch::{Block, LANES, Scratch};
use crate::{Operation, Real, parallel, simd};

/// Working memory for spectra of input and output, numbers: they stay in the cache from one pass to the next.
const MOST_FILTERED: usize = 1 << 20;
/// Working memory for spectra whose products are summed up, numbers: every sum costs the more the fewer frames it is of.
const MOST_CORRELATED: usize = 6 << 20;

/// Movies of images of which spectra are made.
struct Images<'a, T> {
    planes: usize,
    frames: usize,
    /// Frame t of a plane, or nothing where it is zero.
    frame: &'a (dyn Fn(usize, usize) -> Option<&'a [T]> + Sync),
    /// Columns of a frame.
    width: usize,
    /// The row and column of a frame that stands at each row and column of a transform; zeros where none does.
    rows: Vec<Option<usize>>,
    columns: Vec<Option<usize>>,
}

/// The pixels from the first to the last that any row or column shows.
fn extent(shown: &[Option<usize>]) -> Range<usize> {
    let shown = || shown.iter().flatten().copied();
    shown().min().unwrap_or(0)..shown().max().map_or(0, |last| last + 1)
}

/// `[0 … n − 1]`, then nothing: what a transform of `size` rows shows from `first` on.
fn part(first: usize, n: usize, size: usize) -> Vec<Option<usize>> {
    (0..size).map(|i| (i < n).then_some(first + i)).collect()
}

impl<T: Real> Images<'_, T> {
    /// Spectra of frames `first + 16·b …` for blocks b of `blocks`.
    fn transform(&self, fft: &ImageFft<T>, first: usize, blocks: Range<usize>, to: &mut Spectra<T>) {
        let parts: Vec<_> = to.parts().into_iter().filter(|part| blocks.contains(&part.block)).collect();
        let work = parts.len() * LANES * work(fft);
        let (rows, columns) = (extent(&self.rows), extent(&self.columns));
        let blank = vec![T::zero(); rows.end * self.width];
        parallel::for_each(parts, work, |mut to| {
            let mut frames = [&[][..]; LANES];
            let at = first + to.block * LANES;
            for (l, frame) in frames.iter_mut().enumerate().take(self.frames.saturating_sub(at)) {
                *frame = (self.frame)(to.plane, at + l).unwrap_or(&blank);
            }
            let frames = &frames[..self.frames.saturating_sub(at).min(LANES)];
            let mut pixels = Scratch::<T>::new(rows.len() * columns.len() * LANES);
            let pixels = pixels.blocks_mut();
            let mut room = fft.room();
            simd::vectorized(
                #[inline(always)]
                || {
                    if columns.len() == self.width {
                        gather(frames, rows.start * self.width, pixels);
                    } else {
                        for (p, row) in rows.clone().zip(pixels.chunks_mut(columns.len())) {
                            gather(frames, p * self.width + columns.start, row);
                        }
                    }
                    fft.forward(
                        &mut room,
                        |q| self.columns[q].is_some(),
                        #[inline(always)]
                        |p, q| match (self.rows[p], self.columns[q]) {
                            (Some(p), Some(q)) => {
                                pixels[(p - rows.start) * columns.len() + q - columns.start]
                            }
                            _ => Block::zero(),
                        },
                        #[inline(always)]
                        |f, value| to.write(f, value),
                    );
                },
            );
        });
    }
}

/// Pixels from `first` on of sixteen frames, side by side.
#[inline(always)]
fn gather<T: Real>(frames: &[&[T]], first: usize, to: &mut [Block<T>]) {
    let mut parts = [&[][..]; LANES];
    for (part, frame) in parts.iter_mut().zip(frames) {
        *part = &frame[first..first + to.len()];
    }
    side_by_side(&parts[..frames.len()], to);
}

/// Where results lie in the frames that take them.
struct Place {
    /// Pixels and columns of a frame.
    pixels: usize,
    width: usize,
    /// First row and column.
    first: [usize; 2],
    /// Rows and columns.
    size: [usize; 2],
}

/// Writes `frames` frames of the images of spectra to `output`, `[plane][frame][pixel]`, from frame `first` on:
/// `write(plane, numbers there, results)`.
fn images<T: Real>(
    fft: &ImageFft<T>,
    spectra: &Sums<T>,
    frames: Range<usize>,
    output: &mut [T],
    place: &Place,
    write: impl Fn(usize, &mut [T], &[T]) + Sync,
) {
    let per_plane = output.len() / spectra.planes;
    let items: Vec<_> = output
        .chunks_mut(per_plane)
        .enumerate()
        .flat_map(|(plane, output)| {
            let output = &mut output[frames.start * place.pixels..frames.end * place.pixels];
            output.chunks_mut(LANES * place.pixels).enumerate().map(move |(block, to)| (plane, block, to))
        })
        .collect();
    let cost = items.len() * LANES * work(fft);
    let [height, width] = place.size;
    parallel::for_each(items, cost, |(plane, block, output)| {
        let spectrum = spectra.spectrum(plane, block);
        let mut room = fft.room();
        let mut pixels = Scratch::<T>::new(height * width * LANES);
        let pixels = pixels.blocks_mut();
        simd::vectorized(
            #[inline(always)]
            || {
                fft.inverse(
                    &mut room,
                    place.size,
                    #[inline(always)]
                    |f| spectrum[f],
                    #[inline(always)]
                    |p, q, value| pixels[p * width + q] = *value,
                );
                // Whole frames are one row of pixels.
                let row = if width == place.width { height * width } else { width };
                for (p, pixels) in pixels.chunks(row).enumerate() {
                    let first = (place.first[0] + p) * place.width + place.first[1];
                    for (i, pixels) in pixels.chunks(LANES).enumerate() {
                        let mut square = [[T::zero(); LANES]; LANES];
                        for (line, block) in square.iter_mut().zip(pixels) {
                            *line = block.0;
                        }
                        simd::transpose(&mut square);
                        for (frame, line) in output.chunks_mut(place.pixels).zip(&square) {
                            simd::prefetch_line(frame, first + i * LANES + simd::AHEAD);
                            let to = &mut frame[first + i * LANES..][..pixels.len()];
                            match to.first_chunk_mut::<LANES>() {
                                Some(to) => write(plane, to, line),
                                None => write(plane, to, &line[..pixels.len()]),
                            }
                        }
                    }
                }
            },
        );
    });
}

/// Work of a transform of one image, in elementary pixel operations.
fn work<T: Real>(fft: &ImageFft<T>) -> usize {
    2 * fft.rows * fft.columns
}

/// Spectra of weights in the order `[in][time][out]`, times `scale`; their conjugates where the weights are to be
/// correlated with. `weight(in, time, out)` is an image of weights.
fn of_weights<'a, T: Real>(
    fft: &ImageFft<T>,
    [inputs, outputs]: [usize; 2],
    [k, m, n]: [usize; 3],
    scale: f64,
    conjugate: bool,
    weight: &'a (dyn Fn(usize, usize, usize) -> &'a [T] + Sync),
) -> Spectra<T> {
    let images = Images {
        planes: 1,
        frames: inputs * k * outputs,
        frame: &|_, i| Some(weight(i / (k * outputs), i / outputs % k, i % outputs)),
        width: n,
        rows: part(0, m, fft.rows),
        columns: part(0, n, fft.columns),
    };
    let mut spectra = Spectra::new(1, images.frames, fft);
    images.transform(fft, 0, 0..spectra.blocks, &mut spectra);
    spectra.scale(T::of(scale), T::of(if conjugate { -scale } else { scale }));
    spectra
}

/// Frames worked on at once, so that the spectra of movies with and without a history of `k` frames fill at most so many
/// numbers.
fn segment<T: Real>(fft: &ImageFft<T>, most: usize, inputs: usize, outputs: usize, k: usize) -> usize {
    let frames = (most / (2 * fft.frequencies())).saturating_sub(inputs * k) / (inputs + outputs);
    frames.max(k).max(4 * LANES).next_multiple_of(LANES)
}

/// Filters images in time at every frequency; `write(plane, numbers there, results)` takes the results.
fn filter<T: Real>(
    fft: &ImageFft<T>,
    weights: &Spectra<T>,
    k: usize,
    source: &Images<'_, T>,
    output: &mut [T],
    outputs: usize,
    place: &Place,
    write: impl Fn(usize, &mut [T], &[T]) + Sync,
) {
    let frames = source.frames + 1 - k;
    let longest = segment(fft, MOST_FILTERED, source.planes, outputs, k).min(frames);
    let mut x = Spectra::new(source.planes, longest + k - 1, fft);
    let mut y = Sums::new(outputs, longest, fft);
    for first in (0..frames).step_by(longest) {
        let n = longest.min(frames - first);
        let kept = if first == 0 { 0 } else { x.keep_from(longest / LANES) };
        source.transform(fft, first, kept..(n + k - 1).div_ceil(LANES), &mut x);
        spectra::filter(&x, weights, &mut y, k, n);
        images(fft, &y, first..first + n, output, place, &write);
    }
}

/// Spectra of the input: one tile with its border.
fn of_input<'a, T: Real>(
    conv: &Conv3d,
    fft: &ImageFft<T>,
    frames: usize,
    [p0, q0]: [usize; 2],
    frame: &'a (dyn Fn(usize, usize) -> Option<&'a [T]> + Sync),
) -> Images<'a, T> {
    let padded = conv.padded_size();
    let shown = |axis: usize, size: usize, from: usize, n: usize| {
        let pixel = |i: usize| (i < padded[axis - 1]).then(|| source(i, conv.before(axis), size));
        (from..from + n).map(pixel).collect()
    };
    Images {
        planes: conv.channels[0],
        frames,
        frame,
        width: conv.signal.width,
        rows: shown(1, conv.signal.height, p0, fft.rows),
        columns: shown(2, conv.signal.width, q0, fft.columns),
    }
}

pub(super) fn forward<T: Real>(
    conv: &Conv3d,
    tiling: &Tiling,
    input: &Input<'_, T>,
    w: &[T],
    bias: &[T],
    output: &mut [T],
) {
    let fft = ImageFft::new(tiling.size());
    let out = conv.output_signal();
    let [inputs, outputs] = conv.channels;
    let [k, m, n] = conv.kernel;
    let [rows, columns] = tiling.0;
    let weights = of_weights(&fft, conv.channels, conv.kernel, fft.scale(), true, &|i, a, o| {
        &w[((o * inputs + i) * k + a) * m * n..][..m * n]
    });
    for (batch, output) in output.chunks_mut(outputs * out.frames * out.pixels()).enumerate() {
        let frame = |i: usize, t: usize| Some(input.frame(batch * inputs + i, t));
        for [p0, q0] in tiling.tiles() {
            let source = of_input(conv, &fft, input.frames(), [p0, q0], &frame);
            let place = Place {
                pixels: out.pixels(),
                width: out.width,
                first: [p0, q0],
                size: [rows.step.min(out.height - p0), columns.step.min(out.width - q0)],
            };
            filter(
                &fft,
                &weights,
                k,
                &source,
                output,
                outputs,
                &place,
                #[inline(always)]
                |o, to, y| {
                    let bias = bias[o];
                    to.iter_mut().zip(y).for_each(|(to, &y)| *to = y + bias);
                },
            );
        }
    }
}

/// The gradient by the input of one batch entry with its history and border: `[in][frame][padded pixels]`, which is
/// overwritten.
pub(super) fn input_gradient<T: Real>(conv: &Conv3d, tiling: &Tiling, w: &[T], g: &[T], padded: &mut [T]) {
    let fft = ImageFft::new(tiling.size());
    let out = conv.output_signal();
    let [inputs, outputs] = conv.channels;
    let [k, m, n] = conv.kernel;
    let [rows, columns] = tiling.0;
    // Backwards in time, from outputs to inputs.
    let weights = of_weights(&fft, [outputs, inputs], conv.kernel, fft.scale(), false, &|o, a, i| {
        &w[((o * inputs + i) * k + k - 1 - a) * m * n..][..m * n]
    });
    let [height, width] = conv.padded_size();
    padded.fill(T::zero());
    let frame = |o: usize, t: usize| {
        let t = t.checked_sub(k - 1).filter(|&t| t < out.frames)?;
        Some(&g[(o * out.frames + t) * out.pixels()..][..out.pixels()])
    };
    for [p0, q0] in tiling.tiles() {
        let size = [rows.step.min(out.height - p0), columns.step.min(out.width - q0)];
        let source = Images {
            planes: outputs,
            frames: out.frames + 2 * (k - 1),
            frame: &frame,
            width: out.width,
            rows: part(p0, size[0], fft.rows),
            columns: part(q0, size[1], fft.columns),
        };
        let place = Place {
            pixels: height * width,
            width,
            first: [p0, q0],
            size: [size[0] + m - 1, size[1] + n - 1],
        };
        filter(
            &fft,
            &weights,
            k,
            &source,
            padded,
            inputs,
            &place,
            #[inline(always)]
            |_, to, y| to.iter_mut().zip(y).for_each(|(to, &y)| *to = *to + y),
        );
    }
}

pub(super) fn weights_gradient<T: Real>(
    conv: &Conv3d,
    tiling: &Tiling,
    input: &Input<'_, T>,
    g: &[T],
    by_weights: &mut [T],
) {
    let fft = ImageFft::new(tiling.size());
    let out = conv.output_signal();
    let [inputs, outputs] = conv.channels;
    let [k, m, n] = conv.kernel;
    let [rows, columns] = tiling.0;
    let longest = segment(&fft, MOST_CORRELATED, inputs + outputs, 0, k).min(out.frames);
    let mut x = Spectra::new(inputs, longest + k - 1, &fft);
    let mut y = Spectra::new(outputs, longest, &fft);
    let mut sums = Sums::new(1, inputs * outputs * k, &fft);
    sums.clear();
    for batch in 0..conv.batch() {
        let of_output = |o: usize, t: usize| {
            Some(&g[((batch * outputs + o) * out.frames + t) * out.pixels()..][..out.pixels()])
        };
        let frame = |i: usize, t: usize| Some(input.frame(batch * inputs + i, t));
        for [p0, q0] in tiling.tiles() {
            let of_input = of_input(conv, &fft, input.frames(), [p0, q0], &frame);
            let of_output = Images {
                planes: outputs,
                frames: out.frames,
                frame: &of_output,
                width: out.width,
                rows: part(p0, rows.step.min(out.height - p0), fft.rows),
                columns: part(q0, columns.step.min(out.width - q0), fft.columns),
            };
            for first in (0..out.frames).step_by(longest) {
                let frames = longest.min(out.frames - first);
                let kept = if first == 0 { 0 } else { x.keep_from(longest / LANES) };
                of_input.transform(&fft, first, kept..(frames + k - 1).div_ceil(LANES), &mut x);
                of_output.transform(&fft, first, 0..frames.div_ceil(LANES), &mut y);
                correlate(&x, &y, &mut sums, k, frames);
            }
        }
    }
    let scale = T::of(fft.scale());
    let place = Place { pixels: m * n, width: n, first: [0; 2], size: [m, n] };
    let pairs = 0..inputs * outputs * k;
    images(
        &fft,
        &sums,
        pairs,
        by_weights,
        &place,
        #[inline(always)]
        |_, to, y| to.iter_mut().zip(y).for_each(|(to, &y)| *to = scale * y),
    );
}
