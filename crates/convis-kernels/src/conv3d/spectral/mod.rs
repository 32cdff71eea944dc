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

pub(super) use fft::is_smooth;

use fft::Point;
use image::ImageFft;

use super::Conv3d;
use super::padded::Input;
use super::plan::Tiling;
use crate::scratch::{Block, LANES, Scratch};
use crate::tiles::{split_by, tiles_of};
use crate::{Operation, Real, Signal, parallel, simd};

/// Output frames whose sums are held in registers at once.
const FRAMES: usize = 6;
/// Frequencies (times 16) that one thread works on at a time.
const STEP: usize = 8;
/// Working memory for spectra, numbers.
const MOST_NUMBERS: usize = 6 << 20;

/// Spectra of several movies: `[plane][frame][point]`.
struct Spectra<T: Real> {
    memory: Scratch<T>,
    planes: usize,
    frames: usize,
    /// Points from one frame to the next: odd, so that the frames of one frequency share the cache.
    stride: usize,
}

impl<T: Real> Spectra<T> {
    fn new(planes: usize, frames: usize, fft: &ImageFft<impl Real>) -> Self {
        let stride = fft.points() | 1;
        // Blocks of frames are read beyond the last one.
        let memory = Scratch::new(2 * LANES * stride * (planes * frames + FRAMES));
        Self { memory, planes, frames, stride }
    }

    fn points(&self) -> &[Point<T>] {
        self.memory.blocks().as_chunks().0
    }

    fn points_mut(&mut self) -> &mut [Point<T>] {
        self.memory.blocks_mut().as_chunks_mut().0
    }

    /// Every spectrum with its plane and frame.
    fn each(&mut self) -> impl Iterator<Item = (usize, usize, &mut [Point<T>])> {
        let (planes, frames, stride) = (self.planes, self.frames, self.stride);
        let spectra = self.points_mut().chunks_exact_mut(stride).take(planes * frames);
        spectra.enumerate().map(move |(i, x)| (i / frames, i % frames, x))
    }

    fn signal(&self) -> Signal {
        Signal { planes: self.planes, frames: self.frames, height: 1, width: self.stride }
    }

    /// The spectra as tiles that threads may write.
    fn tiles(&mut self) -> Vec<(usize, std::ops::Range<usize>, crate::tiles::TileMut<'_, Point<T>>)> {
        let signal = self.signal();
        let len = signal.len();
        let tiles = tiles_of(&signal, STEP).into_iter().map(|tile| (tile.plane, tile.pixels));
        tiles
            .zip(split_by(&mut self.points_mut()[..len], &signal, STEP))
            .map(|((p, r), t)| (p, r, t))
            .collect()
    }
}

/// Work of a transform of one image, in elementary pixel operations.
fn work<T: Real>(fft: &ImageFft<T>) -> usize {
    8 * fft.rows * fft.columns
}

/// Spectra of weights `[plane][time]`, times `scale`; their conjugates where the weights are to be correlated with.
fn of_weights<T: Real>(
    fft: &ImageFft<T>,
    w: &[T],
    [k, m, n]: [usize; 3],
    scale: f64,
    conjugate: bool,
) -> Spectra<T> {
    let mut spectra = Spectra::new(w.len() / (k * m * n), k, fft);
    let scale = T::of(scale);
    let items: Vec<_> = spectra.each().collect();
    let cost = items.len() * work(fft);
    parallel::for_each(items, cost, |(plane, a, spectrum)| {
        let w = &w[(plane * k + a) * m * n..][..m * n];
        fft.forward(
            m,
            |p, line| {
                for (line, &w) in line.iter_mut().zip(&w[p * n..][..n]) {
                    *line = scale * w;
                }
                line[n..].fill(T::zero());
            },
            spectrum,
        );
        if conjugate {
            for point in spectrum {
                point[1].0 = point[1].0.map(|x| -x);
            }
        }
    });
    spectra
}

/// Writes a row of a source: (plane, frame, row, line).
type ReadRow<'a, T> = &'a (dyn Fn(usize, usize, usize, &mut [T]) + Sync);
/// Takes a row of a result: (plane, frame of the output, row, line).
type WriteRow<'a, T> = &'a (dyn Fn(usize, &mut [T], usize, &[T]) + Sync);

/// A movie of images, of which spectra are made row by row.
struct Source<'a, T> {
    planes: usize,
    frames: usize,
    rows: usize,
    row: ReadRow<'a, T>,
    /// Frames that hold anything; zeros around them.
    filled: std::ops::Range<usize>,
}

impl<T: Real> Source<'_, T> {
    /// Spectra of frames `frames`, written from frame `at` on.
    fn transform(&self, fft: &ImageFft<T>, frames: std::ops::Range<usize>, at: usize, to: &mut Spectra<T>) {
        let until = at + frames.len();
        let items: Vec<_> = to.each().filter(|(_, t, _)| (at..until).contains(t)).collect();
        let cost = items.len() * work(fft);
        parallel::for_each(items, cost, |(plane, t, spectrum)| {
            let t = t - at + frames.start;
            if self.filled.contains(&t) {
                fft.forward(self.rows, |p, line| (self.row)(plane, t, p, line), spectrum);
            } else {
                spectrum.fill([Block::zero(); 2]);
            }
        });
    }
}

/// Frames worked on at once, so that the spectra of `planes` movies and their history of `k` frames stay small.
fn segment<T: Real>(fft: &ImageFft<T>, inputs: usize, outputs: usize, k: usize) -> usize {
    let frame = 2 * LANES * fft.points();
    let frames = (MOST_NUMBERS / frame).saturating_sub(inputs * k) / (inputs + outputs);
    frames.max(k).max(4 * FRAMES).next_multiple_of(FRAMES)
}

/// Filters the images of `source` in time at every frequency; `row(frame of the output, row, line)` takes the results.
fn filter<T: Real>(
    fft: &ImageFft<T>,
    weights: &Spectra<T>,
    source: &Source<'_, T>,
    output: &mut [T],
    outputs: usize,
    rows: usize,
    row: WriteRow<'_, T>,
) {
    let (inputs, k) = (source.planes, weights.frames);
    let frames = source.frames + 1 - k;
    let longest = segment(fft, inputs, outputs, k).min(frames);
    let mut x = Spectra::new(inputs, longest + k - 1, fft);
    let mut y = Spectra::new(outputs, longest, fft);
    let pixels = output.len() / (outputs * frames);
    for first in (0..frames).step_by(longest) {
        let n = longest.min(frames - first);
        let kept = if first == 0 { 0 } else { k - 1 };
        if kept > 0 {
            let (capacity, stride) = (x.frames, x.stride);
            for plane in x.points_mut().chunks_exact_mut(capacity * stride).take(inputs) {
                plane.copy_within(longest * stride.., 0);
            }
        }
        source.transform(fft, first + kept..first + n + k - 1, kept, &mut x);
        filter_spectra(&x, weights, &mut y, n);
        let items: Vec<_> = output
            .chunks_mut(pixels)
            .enumerate()
            .map(|(i, frame)| (i / frames, i % frames, frame))
            .filter(|(_, t, _)| (first..first + n).contains(t))
            .zip(y.each().filter(|(_, t, _)| *t < n))
            .collect();
        let cost = items.len() * work(fft);
        parallel::for_each(items, cost, |((plane, _, frame), (_, _, spectrum))| {
            fft.inverse(spectrum, rows, |p, line| row(plane, frame, p, line));
        });
    }
}

/// `y(o,t) = Σᵢ Σₐ w(o,i,a)·x(i,t+a)` at every frequency, for t below `frames`.
fn filter_spectra<T: Real>(x: &Spectra<T>, w: &Spectra<T>, y: &mut Spectra<T>, frames: usize) {
    let (inputs, k, stride) = (x.planes, w.frames, x.stride);
    let cost = y.planes * frames * stride * LANES * inputs * k;
    let (x_points, w_points) = (x.points(), w.points());
    parallel::for_each(y.tiles(), cost, |(o, range, mut tile)| {
        for (j, f) in range.enumerate() {
            for t in (0..frames).step_by(FRAMES) {
                let mut sums = [[Block::zero(); 2]; FRAMES];
                for i in 0..inputs {
                    let x = &x_points[(i * x.frames + t) * stride + f..];
                    let w = &w_points[(o * inputs + i) * k * stride + f..];
                    simd::vectorized(
                        #[inline(always)]
                        || add_products(x, w, k, stride, &mut sums),
                    );
                }
                for (s, sum) in sums.into_iter().enumerate().take(frames - t) {
                    tile.frame(t + s)[j] = sum;
                }
            }
        }
    });
}

#[inline(always)]
fn add_products<T: Real>(
    x: &[Point<T>],
    w: &[Point<T>],
    k: usize,
    stride: usize,
    sums: &mut [Point<T>; FRAMES],
) {
    let mut acc = *sums;
    let mut a = 0;
    while a + 4 <= k {
        window::<T, 4>(&x[a * stride..], &w[a * stride..], stride, &mut acc);
        a += 4;
    }
    let (x, w) = (&x[a * stride..], w.get(a * stride..).unwrap_or_default());
    match k - a {
        1 => window::<T, 1>(x, w, stride, &mut acc),
        2 => window::<T, 2>(x, w, stride, &mut acc),
        3 => window::<T, 3>(x, w, stride, &mut acc),
        _ => {}
    }
    *sums = acc;
}

/// `sums[s] += Σₐ w[a]·x[s + a]` for `A` time weights.
#[inline(always)]
fn window<T: Real, const A: usize>(
    x: &[Point<T>],
    w: &[Point<T>],
    stride: usize,
    sums: &mut [Point<T>; FRAMES],
) {
    let w: [Point<T>; A] = std::array::from_fn(|a| w[a * stride]);
    for s in 0..FRAMES + A - 1 {
        let [re, im] = &x[s * stride];
        for a in 0..A {
            if s >= a && s - a < FRAMES {
                let sum = &mut sums[s - a];
                for l in 0..LANES {
                    let (u, v) = (w[a][0].0[l], w[a][1].0[l]);
                    sum[0].0[l] = (-v).mul_add(im.0[l], u.mul_add(re.0[l], sum[0].0[l]));
                    sum[1].0[l] = v.mul_add(re.0[l], u.mul_add(im.0[l], sum[1].0[l]));
                }
            }
        }
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
    let [rows, columns] = tiling.0;
    let padded_height = conv.padded_size()[0];
    let weights = of_weights(&fft, w, conv.kernel, fft.scale(), true);
    for (batch, output) in output.chunks_mut(outputs * out.frames * out.pixels()).enumerate() {
        for [p0, q0] in tiling.tiles() {
            let source = Source {
                planes: inputs,
                frames: input.frames(),
                filled: 0..input.frames(),
                rows: (rows.step + conv.kernel[1] - 1).min(padded_height - p0),
                row: &|i, t, p, line| input.row(input.frame(batch * inputs + i, t), p0 + p, q0, line),
            };
            let (height, width) = (rows.step.min(out.height - p0), columns.step.min(out.width - q0));
            filter(&fft, &weights, &source, output, outputs, height, &|o, frame, p, line| {
                let to = &mut frame[(p0 + p) * out.width + q0..][..width];
                for (to, &y) in to.iter_mut().zip(line) {
                    *to = y + bias[o];
                }
            });
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
    // [in][out], backwards in time.
    let mut reversed = Scratch::<T>::new(w.len());
    for (plane, to) in reversed.chunks_mut(k * m * n).enumerate() {
        let (i, o) = (plane / outputs, plane % outputs);
        let from = &w[(o * inputs + i) * k * m * n..][..k * m * n];
        for (to, from) in to.chunks_mut(m * n).zip(from.chunks(m * n).rev()) {
            to.copy_from_slice(from);
        }
    }
    let weights = of_weights(&fft, &reversed, conv.kernel, fft.scale(), false);
    let width = conv.padded_size()[1];
    padded.fill(T::zero());
    for [p0, q0] in tiling.tiles() {
        let (height, here) = (rows.step.min(out.height - p0), columns.step.min(out.width - q0));
        let source = Source {
            planes: outputs,
            frames: out.frames + 2 * (k - 1),
            filled: k - 1..k - 1 + out.frames,
            rows: height,
            row: &|o, t, p, line| {
                let frame = &g[(o * out.frames + t + 1 - k) * out.pixels()..][..out.pixels()];
                line[..here].copy_from_slice(&frame[(p0 + p) * out.width + q0..][..here]);
                line[here..].fill(T::zero());
            },
        };
        filter(&fft, &weights, &source, padded, inputs, height + m - 1, &|_, frame, p, line| {
            let to = &mut frame[(p0 + p) * width + q0..][..here + n - 1];
            for (to, &y) in to.iter_mut().zip(line) {
                *to = *to + y;
            }
        });
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
    let padded_height = conv.padded_size()[0];
    let longest = segment(&fft, inputs + outputs, 0, k).min(out.frames);
    let mut x = Spectra::new(inputs, longest + k - 1, &fft);
    let mut y = Spectra::new(outputs, longest, &fft);
    let mut sums = Spectra::<f64>::new(inputs * outputs, k, &fft);
    sums.memory.fill(0.0);
    for batch in 0..conv.batch() {
        let g = &g[batch * outputs * out.frames * out.pixels()..];
        for [p0, q0] in tiling.tiles() {
            let (height, here) = (rows.step.min(out.height - p0), columns.step.min(out.width - q0));
            let of_input = Source {
                planes: inputs,
                frames: input.frames(),
                filled: 0..input.frames(),
                rows: (height + m - 1).min(padded_height - p0),
                row: &|i, t, p, line| input.row(input.frame(batch * inputs + i, t), p0 + p, q0, line),
            };
            let of_output = Source {
                planes: outputs,
                frames: out.frames,
                filled: 0..out.frames,
                rows: height,
                row: &|o, t, p, line| {
                    let frame = &g[(o * out.frames + t) * out.pixels()..][..out.pixels()];
                    line[..here].copy_from_slice(&frame[(p0 + p) * out.width + q0..][..here]);
                    line[here..].fill(T::zero());
                },
            };
            for first in (0..out.frames).step_by(longest) {
                let frames = longest.min(out.frames - first);
                of_input.transform(&fft, first..first + frames + k - 1, 0, &mut x);
                of_output.transform(&fft, first..first + frames, 0, &mut y);
                add_correlations(&x, &y, &mut sums, frames);
            }
        }
    }
    let scale = fft.scale();
    let mut spectra = Spectra::<T>::new(inputs * outputs, k, &fft);
    for (to, from) in spectra.memory.iter_mut().zip(&*sums.memory) {
        *to = T::of(scale * from);
    }
    let items: Vec<_> = by_weights.chunks_mut(m * n).zip(spectra.each()).collect();
    let cost = items.len() * work(&fft);
    parallel::for_each(items, cost, |(w, (_, _, spectrum))| {
        fft.inverse(spectrum, m, |p, line| w[p * n..][..n].copy_from_slice(&line[..n]));
    });
}

/// Time weights whose sums are held in registers at once.
const TAPS: usize = 6;

/// `sums(o,i,a) += Σₜ conj y(o,t)·x(i,t+a)` at every frequency.
fn add_correlations<T: Real>(x: &Spectra<T>, y: &Spectra<T>, sums: &mut Spectra<f64>, frames: usize) {
    let (inputs, k, stride) = (x.planes, sums.frames, x.stride);
    let cost = sums.planes * frames * stride * LANES * k;
    let (x_points, y_points) = (x.points(), y.points());
    parallel::for_each(sums.tiles(), cost, |(pair, range, mut tile)| {
        let (o, i) = (pair / inputs, pair % inputs);
        for (j, f) in range.enumerate() {
            for a in (0..k).step_by(TAPS) {
                // Single-precision sums stay short.
                for t in (0..frames).step_by(32) {
                    let x = &x_points[(i * x.frames + t + a) * stride + f..];
                    let y = &y_points[(o * y.frames + t) * stride + f..];
                    let mut acc = [[Block::zero(); 2]; TAPS];
                    simd::vectorized(
                        #[inline(always)]
                        || correlation(x, y, stride, (frames - t).min(32), &mut acc),
                    );
                    for (tap, acc) in acc.iter().enumerate().take(k - a) {
                        let sum = &mut tile.frame(a + tap)[j];
                        for part in 0..2 {
                            for l in 0..LANES {
                                sum[part].0[l] += acc[part].0[l].double();
                            }
                        }
                    }
                }
            }
        }
    });
}

#[inline(always)]
fn correlation<T: Real>(
    x: &[Point<T>],
    y: &[Point<T>],
    stride: usize,
    frames: usize,
    sums: &mut [Point<T>; TAPS],
) {
    let mut acc = *sums;
    for t in 0..frames {
        let y = y[t * stride];
        for a in 0..TAPS {
            let x = &x[(t + a) * stride];
            let sum = &mut acc[a];
            for l in 0..LANES {
                let (u, v) = (y[0].0[l], y[1].0[l]);
                sum[0].0[l] = v.mul_add(x[1].0[l], u.mul_add(x[0].0[l], sum[0].0[l]));
                sum[1].0[l] = (-v).mul_add(x[0].0[l], u.mul_add(x[1].0[l], sum[1].0[l]));
            }
        }
    }
    *sums = acc;
}
