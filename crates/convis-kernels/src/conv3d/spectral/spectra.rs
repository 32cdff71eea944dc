//! Spectra of movies, and their sums of products along time.
//!
//! At every frequency a movie is a complex signal in time, which lies there as two rows of numbers: sums of products
//! along time run over sixteen frames at once, for a few outputs at a time.

use std::ops::Range;

use super::fft::Point;
use super::image::ImageFft;
use crate::scratch::{Block, LANES, Scratch};
use crate::tiles::{TileMut, split_by, tiles_of};
use crate::{Real, Signal, parallel, simd};

/// Spectra of movies: `[frequency][plane][real, imaginary][frame]`.
pub(super) struct Spectra<T: Real> {
    memory: Scratch<T>,
    pub planes: usize,
    /// Sixteens of frames.
    pub blocks: usize,
    pub frequencies: usize,
}

/// Blocks that sums over frames read beyond the end.
const SPARE: usize = 8;

impl<T: Real> Spectra<T> {
    /// Room for movies of so many frames; at first its numbers mean nothing.
    pub fn new(planes: usize, frames: usize, fft: &ImageFft<T>) -> Self {
        let (blocks, frequencies) = (frames.div_ceil(LANES), fft.frequencies());
        let mut spectra = Self { memory: Scratch::new(0), planes, blocks, frequencies };
        spectra.memory = Scratch::new((frequencies * spectra.stride() + SPARE) * LANES);
        // What is read beyond a movie is multiplied by zero, or its result is not used, but must be a number.
        let stride = spectra.stride();
        for of_frequency in spectra.memory.blocks_mut().chunks_mut(stride) {
            let used = (2 * planes * blocks).min(of_frequency.len());
            of_frequency[used..].fill(Block::zero());
        }
        spectra.memory.blocks_mut()[frequencies * stride..].fill(Block::zero());
        spectra
    }

    /// Blocks from one frequency to the next: odd, so that a spectrum does not share a few cache sets.
    const fn stride(&self) -> usize {
        (2 * self.planes * self.blocks) | 1
    }

    /// Blocks `from` to the end become the first ones; returns how many there are.
    pub fn keep_from(&mut self, from: usize) -> usize {
        let (blocks, parts, stride) = (self.blocks, 2 * self.planes, self.stride());
        for of_frequency in self.memory.blocks_mut().chunks_exact_mut(stride).take(self.frequencies) {
            for part in of_frequency.chunks_exact_mut(blocks).take(parts) {
                part.copy_within(from.., 0);
            }
        }
        blocks - from
    }

    /// Multiplies real and imaginary parts.
    pub fn scale(&mut self, real: T, imaginary: T) {
        let (planes, part, stride) = (self.planes, self.part(), self.stride() * LANES);
        for numbers in self.memory.chunks_exact_mut(stride).take(self.frequencies) {
            for parts in numbers.chunks_exact_mut(2 * part).take(planes) {
                let (re, im) = parts.split_at_mut(part);
                for x in re {
                    *x = *x * real;
                }
                for x in im {
                    *x = *x * imaginary;
                }
            }
        }
    }

    /// Sixteen frames of a plane, at all frequencies, for every plane and block: what threads may write at the same time.
    pub fn parts(&mut self) -> Vec<Part<'_, T>> {
        let signal = Signal { planes: 1, frames: self.frequencies, height: 1, width: self.stride() };
        let (planes, blocks) = (self.planes, self.blocks);
        let memory = &mut self.memory.blocks_mut()[..signal.len()];
        let mut tiles: Vec<_> = split_by(memory, &signal, 1).into_iter().map(Some).collect();
        let mut tile = |i: usize| tiles[i].take().expect("a part of its own");
        let mut parts = Vec::with_capacity(planes * blocks);
        for plane in 0..planes {
            for block in 0..blocks {
                let real = tile(2 * plane * blocks + block);
                let imaginary = tile((2 * plane + 1) * blocks + block);
                parts.push(Part { plane, block, real, imaginary });
            }
        }
        parts
    }

    /// The numbers from a plane of a frequency on.
    fn numbers(&self, frequency: usize, plane: usize) -> &[T] {
        &self.memory[(frequency * self.stride() + 2 * plane * self.blocks) * LANES..]
    }

    /// Frames from real to imaginary parts.
    const fn part(&self) -> usize {
        self.blocks * LANES
    }
}

/// Sixteen frames of a plane at all frequencies.
pub(super) struct Part<'a, T> {
    pub plane: usize,
    pub block: usize,
    real: TileMut<'a, Block<T>>,
    imaginary: TileMut<'a, Block<T>>,
}

impl<T: Real> Part<'_, T> {
    #[inline(always)]
    pub fn write(&mut self, frequency: usize, [real, imaginary]: &[Block<T>; 2]) {
        self.real.frame(frequency)[0] = *real;
        self.imaginary.frame(frequency)[0] = *imaginary;
    }
}

/// Spectra that sums along time result in: `[plane][sixteen frames][frequency]`, as they are transformed back.
pub(super) struct Sums<T: Real> {
    memory: Scratch<T>,
    pub planes: usize,
    /// Sixteens of frames.
    blocks: usize,
    frequencies: usize,
}

/// Frequencies that one thread works on at a time.
const TOGETHER: usize = 16;

impl<T: Real> Sums<T> {
    /// Room for movies of so many frames; at first its numbers mean nothing.
    pub fn new(planes: usize, frames: usize, fft: &ImageFft<T>) -> Self {
        let (blocks, frequencies) = (frames.div_ceil(LANES), fft.frequencies());
        let memory = Scratch::new(planes * blocks * frequencies * 2 * LANES);
        Self { memory, planes, blocks, frequencies }
    }

    pub fn clear(&mut self) {
        self.memory.fill(T::zero());
    }

    /// Sixteen frames of a plane at every frequency.
    pub fn spectrum(&self, plane: usize, block: usize) -> &[Point<T>] {
        let (points, _) = self.memory.blocks().as_chunks();
        &points[(plane * self.blocks + block) * self.frequencies..][..self.frequencies]
    }

    /// Ranges of frequencies, through all planes and blocks: what threads may write at the same time.
    fn parts(&mut self) -> Vec<(Range<usize>, TileMut<'_, Point<T>>)> {
        let rows = self.planes * self.blocks;
        let signal = Signal { planes: 1, frames: rows, height: 1, width: self.frequencies };
        let ranges = tiles_of(&signal, TOGETHER).into_iter().map(|tile| tile.pixels);
        let (points, _) = self.memory.blocks_mut().as_chunks_mut();
        ranges.zip(split_by(&mut points[..signal.len()], &signal, TOGETHER)).collect()
    }
}

/// `y(o,t) = Σᵢ Σₐ w(i,a,o)·x(i,t+a)` at every frequency, for t below `frames`. The weights are one plane whose frames
/// are `[in][time weight][out]`.
pub(super) fn filter<T: Real>(x: &Spectra<T>, w: &Spectra<T>, y: &mut Sums<T>, k: usize, frames: usize) {
    let (outputs, blocks, wide) = (y.planes, y.blocks, simd::is_wide::<T>());
    let used = frames.div_ceil(LANES);
    let work = x.frequencies * frames * x.planes * outputs * k;
    parallel::for_each(y.parts(), work, |(frequencies, mut y)| {
        let products = Products { x, w, frequencies, k, outputs };
        let mut store = |o: usize, block: usize, j: usize, re: [T; LANES], im: [T; LANES]| {
            y.frame(o * blocks + block)[j] = [Block(re), Block(im)];
        };
        // As many sums as the processor has registers for.
        if wide {
            products.by_outputs::<4, 2>(used, &mut store);
        } else {
            products.by_outputs::<2, 1>(used, &mut store);
        }
    });
}

/// Sums of products of spectra at some frequencies.
struct Products<'a, T: Real> {
    x: &'a Spectra<T>,
    w: &'a Spectra<T>,
    frequencies: Range<usize>,
    k: usize,
    outputs: usize,
}

impl<T: Real> Products<'_, T> {
    /// All sums, `O` outputs and `V` blocks of frames at a time; `store(output, block, frequency, real, imaginary)`.
    fn by_outputs<const O: usize, const V: usize>(
        &self,
        blocks: usize,
        store: &mut impl FnMut(usize, usize, usize, [T; LANES], [T; LANES]),
    ) {
        let mut o = 0;
        while o < self.outputs {
            o += match self.outputs - o {
                n if n >= O => self.by_blocks::<O, V>(o, blocks, store),
                2.. => self.by_blocks::<2, V>(o, blocks, store),
                _ => self.by_blocks::<1, V>(o, blocks, store),
            };
        }
    }

    fn by_blocks<const O: usize, const V: usize>(
        &self,
        o: usize,
        blocks: usize,
        store: &mut impl FnMut(usize, usize, usize, [T; LANES], [T; LANES]),
    ) -> usize {
        for first in (0..blocks).step_by(V) {
            if first + V <= blocks {
                self.tile::<O, V>(o, first, store);
            } else {
                (first..blocks).for_each(|block| self.tile::<O, 1>(o, block, store));
            }
        }
        O
    }

    /// `O` outputs from `o` on, `V` blocks of frames from `first` on, at all frequencies: what is stored together lies
    /// together.
    fn tile<const O: usize, const V: usize>(
        &self,
        o: usize,
        first: usize,
        store: &mut impl FnMut(usize, usize, usize, [T; LANES], [T; LANES]),
    ) {
        for (i, f) in self.frequencies.clone().enumerate() {
            let mut sums = [[[[T::zero(); LANES]; V]; 2]; O];
            simd::vectorized(
                #[inline(always)]
                || self.add_products(f, o, first * LANES, &mut sums),
            );
            for (j, [re, im]) in sums.iter().enumerate() {
                for b in 0..V {
                    store(o + j, first + b, i, re[b], im[b]);
                }
            }
        }
    }

    #[inline(always)]
    fn add_products<const O: usize, const V: usize>(
        &self,
        f: usize,
        o: usize,
        first: usize,
        sums: &mut [[[[T; LANES]; V]; 2]; O],
    ) {
        let mut acc = *sums;
        let (u, v) = self.w.numbers(f, 0).split_at(self.w.part());
        let weights = u.chunks_exact(self.outputs).zip(v.chunks_exact(self.outputs));
        let mut weights = weights.map(|(u, v)| (&u[o..o + O], &v[o..o + O]));
        for i in 0..self.x.planes {
            // Sums beyond the last frame read beyond the real parts.
            let re = &self.x.numbers(f, i)[first..];
            let im = &re[self.x.part()..];
            let n = self.k - 1 + V * LANES;
            let x = re[..n].windows(V * LANES).zip(im[..n].windows(V * LANES));
            for ((re, im), (u, v)) in x.zip(&mut weights) {
                let (re, im) = (re.as_chunks::<LANES>().0, im.as_chunks::<LANES>().0);
                for j in 0..O {
                    let [sum_re, sum_im] = &mut acc[j];
                    simd::add_product(u[j], re, sum_re);
                    simd::add_product(-v[j], im, sum_re);
                    simd::add_product(u[j], im, sum_im);
                    simd::add_product(v[j], re, sum_im);
                }
            }
        }
        *sums = acc;
    }
}

/// `sums(o,i,a) += Σₜ conj y(o,t)·x(i,t+a)` at every frequency, over the blocks of `frames` frames; y is zero beyond
/// them. The sums are one plane whose frames are `[out][in][time weight]`.
pub(super) fn correlate<T: Real>(
    x: &Spectra<T>,
    y: &Spectra<T>,
    sums: &mut Sums<T>,
    k: usize,
    frames: usize,
) {
    let (inputs, outputs, wide) = (x.planes, y.planes, simd::is_wide::<T>());
    let lags = Lags { parts: [x.part(), y.part()], blocks: frames.div_ceil(LANES) };
    let n = (outputs * inputs * k).next_multiple_of(LANES);
    let work = x.frequencies * frames * inputs * outputs * k;
    parallel::for_each(sums.parts(), work, |(frequencies, mut sums)| {
        let mut totals = Scratch::<T>::zeros(2 * n);
        for (j, f) in frequencies.enumerate() {
            let mut o = 0;
            while o < outputs {
                let pair = outputs - o > 1 && wide;
                for i in 0..inputs {
                    let (x, y) = (x.numbers(f, i), y.numbers(f, o));
                    let mut a = 0;
                    while a < k {
                        let x = &x[a..];
                        let mut store = |j: usize, b: usize, [re, im]: [T; 2]| {
                            let at = ((o + j) * inputs + i) * k + a + b;
                            (totals[at], totals[n + at]) = (re, im);
                        };
                        a += match (pair, k - a) {
                            (true, 4..) => lags.sums::<T, 2, 4>(x, y, &mut store),
                            (true, 2..) => lags.sums::<T, 2, 2>(x, y, &mut store),
                            (true, _) => lags.sums::<T, 2, 1>(x, y, &mut store),
                            (false, 4..) if wide => lags.sums::<T, 1, 4>(x, y, &mut store),
                            (false, 2..) => lags.sums::<T, 1, 2>(x, y, &mut store),
                            (false, _) => lags.sums::<T, 1, 1>(x, y, &mut store),
                        };
                    }
                }
                o += if pair { 2 } else { 1 };
            }
            let (re, im) = totals.blocks().split_at(n / LANES);
            for (block, (re, im)) in re.iter().zip(im).enumerate() {
                let [sum_re, sum_im] = &mut sums.frame(block)[j];
                for l in 0..LANES {
                    sum_re.0[l] = sum_re.0[l] + re.0[l];
                    sum_im.0[l] = sum_im.0[l] + im.0[l];
                }
            }
        }
    });
}

/// Sums over frames at one frequency.
struct Lags {
    /// Frames from real to imaginary parts, of x and of y.
    parts: [usize; 2],
    blocks: usize,
}

impl Lags {
    /// `O` planes of y, `A` lags; `store(plane, lag, sum)`; returns `A`.
    fn sums<T: Real, const O: usize, const A: usize>(
        &self,
        x: &[T],
        y: &[T],
        store: &mut impl FnMut(usize, usize, [T; 2]),
    ) -> usize {
        let mut sums = [[[[T::zero(); LANES]; 2]; A]; O];
        let mut totals = [[[T::zero(); 2]; A]; O];
        simd::vectorized(
            #[inline(always)]
            || self.add_products(x, y, &mut sums),
        );
        over_lanes(sums.as_flattened().as_flattened(), totals.as_flattened_mut().as_flattened_mut());
        for (j, totals) in totals.into_iter().enumerate() {
            for (b, total) in totals.into_iter().enumerate() {
                store(j, b, total);
            }
        }
        A
    }

    #[inline(always)]
    fn add_products<T: Real, const O: usize, const A: usize>(
        &self,
        x: &[T],
        y: &[T],
        sums: &mut [[[[T; LANES]; 2]; A]; O],
    ) {
        let mut acc = *sums;
        let [x_part, y_part] = self.parts;
        let n = self.blocks * LANES;
        let (x_re, x_im) = (&x[..n + A - 1], &x[x_part..][..n + A - 1]);
        for t in (0..n).step_by(LANES) {
            for j in 0..O {
                let y = &y[2 * j * y_part + t..];
                let u: &[T; LANES] = y.first_chunk().expect("a block");
                let v: &[T; LANES] = y[y_part..].first_chunk().expect("a block");
                for a in 0..A {
                    let re: &[T; LANES] = x_re[t + a..].first_chunk().expect("a block");
                    let im: &[T; LANES] = x_im[t + a..].first_chunk().expect("a block");
                    for l in 0..LANES {
                        let [sum_re, sum_im] = &mut acc[j][a];
                        sum_re[l] = v[l].mul_add(im[l], u[l].mul_add(re[l], sum_re[l]));
                        sum_im[l] = (-v[l]).mul_add(re[l], u[l].mul_add(im[l], sum_im[l]));
                    }
                }
            }
        }
        *sums = acc;
    }
}

/// The sums of sixteen numbers each, halves upon halves.
fn over_lanes<T: Real>(numbers: &[[T; LANES]], sums: &mut [T]) {
    if let Some(square) = numbers.first_chunk::<LANES>() {
        // Sixteen sums at once.
        let mut lines = *square;
        simd::vectorized(
            #[inline(always)]
            || {
                simd::transpose(&mut lines);
                halves(&mut lines);
            },
        );
        sums.copy_from_slice(&lines[0]);
    } else {
        for (sum, numbers) in sums.iter_mut().zip(numbers) {
            let mut lines = numbers.map(|x| [x]);
            halves(&mut lines);
            *sum = lines[0][0];
        }
    }
}

/// Adds up lines; the sum is in the first.
#[inline(always)]
fn halves<T: Real, const N: usize>(lines: &mut [[T; N]; LANES]) {
    for n in [8, 4, 2, 1] {
        for i in 0..n {
            for l in 0..N {
                lines[i][l] = lines[i][l] + lines[i + n][l];
            }
        }
    }
}
