//! Spectra of movies, and their sums of products along time.
//!
//! At every frequency a movie is a complex signal in time, which lies there as two rows of numbers: sums of products
//! along time run over sixteen frames at once, for a few outputs at a time.

use super::image::ImageFft;
use crate::scratch::{Block, LANES, Scratch};
use crate::simd::{self, Level};
use crate::tiles::{TileMut, split_by};
use crate::{Real, Signal, parallel};

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

    pub fn fill(&mut self, value: T) {
        self.memory.fill(value);
    }

    /// Multiplies real and imaginary parts.
    pub fn scale(&mut self, real: T, imaginary: T) {
        let (planes, part) = (self.planes, self.part());
        for (_, numbers) in self.frequencies_mut() {
            for parts in numbers.chunks_exact_mut(2 * part).take(planes) {
                let (re, im) = parts.split_at_mut(part);
                re.iter_mut().for_each(|x| *x = *x * real);
                im.iter_mut().for_each(|x| *x = *x * imaginary);
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

    /// The sixteen frames of a block of a plane at one frequency.
    #[inline(always)]
    pub fn point(&self, frequency: usize, plane: usize, block: usize) -> [Block<T>; 2] {
        let at = frequency * self.stride() + 2 * plane * self.blocks + block;
        let blocks = self.memory.blocks();
        [blocks[at], blocks[at + self.blocks]]
    }

    /// The numbers from a plane of a frequency on.
    fn numbers(&self, frequency: usize, plane: usize) -> &[T] {
        &self.memory[(frequency * self.stride() + 2 * plane * self.blocks) * LANES..]
    }

    /// Frames from real to imaginary parts.
    const fn part(&self) -> usize {
        self.blocks * LANES
    }

    /// The numbers of every frequency.
    fn frequencies_mut(&mut self) -> Vec<(usize, &mut [T])> {
        let len = self.stride() * LANES;
        self.memory.chunks_exact_mut(len).take(self.frequencies).enumerate().collect()
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

/// Whether the processor has registers for large blocks of sums.
fn wide<T>() -> bool {
    simd::level() == Level::Avx512 && size_of::<T>() == 4
}

/// `y(o,t) = Σᵢ Σₐ w(i,a,o)·x(i,t+a)` at every frequency, for t below `frames`. The weights are one plane whose frames
/// are `[in][time weight][out]`.
pub(super) fn filter<T: Real>(x: &Spectra<T>, w: &Spectra<T>, y: &mut Spectra<T>, k: usize, frames: usize) {
    let (inputs, outputs) = (x.planes, y.planes);
    let (part, wide) = (y.part(), wide::<T>());
    let blocks = frames.div_ceil(LANES);
    let work = x.frequencies * blocks * LANES * inputs * outputs * k;
    parallel::for_each(y.frequencies_mut(), work, |(f, y)| {
        let taps = Taps {
            x: x.numbers(f, 0),
            w: w.numbers(f, 0),
            x_part: x.part(),
            w_part: w.part(),
            sizes: [inputs, outputs, k],
        };
        let mut o = 0;
        while o < outputs {
            let mut store = |o: usize, t: usize, re: &[[T; LANES]], im: &[[T; LANES]]| {
                let n = re.len().min(blocks - t) * LANES;
                let at = 2 * o * part + t * LANES;
                y[at..at + n].copy_from_slice(&re.as_flattened()[..n]);
                y[at + part..at + part + n].copy_from_slice(&im.as_flattened()[..n]);
            };
            o += match (outputs - o, wide) {
                (4.., true) => taps.rows::<4, 2>(o, blocks, &mut store),
                (2.., true) => taps.rows::<2, 4>(o, blocks, &mut store),
                (_, true) => taps.rows::<1, 4>(o, blocks, &mut store),
                (2.., false) => taps.rows::<2, 1>(o, blocks, &mut store),
                (_, false) => taps.rows::<1, 1>(o, blocks, &mut store),
            };
        }
    });
}

/// One frequency of a movie and of weights.
struct Taps<'a, T> {
    x: &'a [T],
    w: &'a [T],
    x_part: usize,
    w_part: usize,
    /// Inputs, outputs, time weights.
    sizes: [usize; 3],
}

impl<T: Real> Taps<'_, T> {
    /// `O` outputs from `o` on, `V` blocks at a time; returns `O`.
    fn rows<const O: usize, const V: usize>(
        &self,
        o: usize,
        blocks: usize,
        store: &mut impl FnMut(usize, usize, &[[T; LANES]], &[[T; LANES]]),
    ) -> usize {
        let mut t = 0;
        while t < blocks {
            if blocks - t >= V {
                self.block::<O, V>(o, t, store);
                t += V;
            } else {
                self.block::<O, 1>(o, t, store);
                t += 1;
            }
        }
        O
    }

    fn block<const O: usize, const V: usize>(
        &self,
        o: usize,
        t: usize,
        store: &mut impl FnMut(usize, usize, &[[T; LANES]], &[[T; LANES]]),
    ) {
        let mut sums = [[[[T::zero(); LANES]; V]; O]; 2];
        simd::vectorized(
            #[inline(always)]
            || self.sum(o, t, &mut sums),
        );
        for i in 0..O {
            store(o + i, t, &sums[0][i], &sums[1][i]);
        }
    }

    #[inline(always)]
    fn sum<const O: usize, const V: usize>(
        &self,
        o: usize,
        t: usize,
        sums: &mut [[[[T; LANES]; V]; O]; 2],
    ) {
        let [inputs, outputs, k] = self.sizes;
        let [mut real, mut imaginary] = *sums;
        for i in 0..inputs {
            let x = &self.x[2 * i * self.x_part + t * LANES..];
            let (re, im) = (&x[..k - 1 + V * LANES], &x[self.x_part..][..k - 1 + V * LANES]);
            let w = &self.w[i * k * outputs + o..];
            let (u, v) = (&w[..(k - 1) * outputs + O], &w[self.w_part..][..(k - 1) * outputs + O]);
            for a in 0..k {
                let re: &[[T; LANES]] = re[a..][..V * LANES].as_chunks().0;
                let im: &[[T; LANES]] = im[a..][..V * LANES].as_chunks().0;
                let (u, v) = (&u[a * outputs..][..O], &v[a * outputs..][..O]);
                for j in 0..O {
                    let (u, v) = (u[j], v[j]);
                    for b in 0..V {
                        for l in 0..LANES {
                            let (x, y) = (re[b][l], im[b][l]);
                            real[j][b][l] = (-v).mul_add(y, u.mul_add(x, real[j][b][l]));
                            imaginary[j][b][l] = v.mul_add(x, u.mul_add(y, imaginary[j][b][l]));
                        }
                    }
                }
            }
        }
        *sums = [real, imaginary];
    }
}

/// `sums(o,i,a) += Σₜ conj y(o,t)·x(i,t+a)` at every frequency, over the blocks of `frames` frames; y is zero beyond
/// them. The sums are one plane whose frames are `[out][in][time weight]`.
pub(super) fn correlate<T: Real>(
    x: &Spectra<T>,
    y: &Spectra<T>,
    sums: &mut Spectra<T>,
    k: usize,
    frames: usize,
) {
    let (inputs, outputs) = (x.planes, y.planes);
    let (part, wide) = (sums.part(), wide::<T>());
    let blocks = frames.div_ceil(LANES);
    let work = x.frequencies * blocks * LANES * inputs * outputs * k;
    parallel::for_each(sums.frequencies_mut(), work, |(f, sums)| {
        let lags = Lags { parts: [x.part(), y.part()], blocks };
        let mut o = 0;
        while o < outputs {
            let pair = outputs - o > 1 && wide;
            for i in 0..inputs {
                let (x, y) = (x.numbers(f, i), y.numbers(f, o));
                let mut a = 0;
                while a < k {
                    let x = &x[a..];
                    let mut add = |j: usize, b: usize, [re, im]: [T; 2]| {
                        let at = ((o + j) * inputs + i) * k + a + b;
                        sums[at] = sums[at] + re;
                        sums[at + part] = sums[at + part] + im;
                    };
                    a += match (pair, k - a) {
                        (true, 4..) => lags.sums::<T, 2, 4>(x, y, &mut add),
                        (true, 2..) => lags.sums::<T, 2, 2>(x, y, &mut add),
                        (true, _) => lags.sums::<T, 2, 1>(x, y, &mut add),
                        (false, 4..) if wide => lags.sums::<T, 1, 4>(x, y, &mut add),
                        (false, 2..) => lags.sums::<T, 1, 2>(x, y, &mut add),
                        (false, _) => lags.sums::<T, 1, 1>(x, y, &mut add),
                    };
                }
            }
            o += if pair { 2 } else { 1 };
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
    /// `O` planes of y, `A` lags; `add(plane, lag, sum)`; returns `A`.
    fn sums<T: Real, const O: usize, const A: usize>(
        &self,
        x: &[T],
        y: &[T],
        add: &mut impl FnMut(usize, usize, [T; 2]),
    ) -> usize {
        let mut sums = [[[[T::zero(); LANES]; 2]; A]; O];
        let mut totals = [[[T::zero(); 2]; A]; O];
        simd::vectorized(
            #[inline(always)]
            || {
                self.add_products(x, y, &mut sums);
                for (totals, sums) in totals.iter_mut().zip(&sums) {
                    for (total, sum) in totals.iter_mut().zip(sums) {
                        *total = sum.map(|lanes| over_lanes(lanes));
                    }
                }
            },
        );
        for (j, totals) in totals.into_iter().enumerate() {
            for (b, total) in totals.into_iter().enumerate() {
                add(j, b, total);
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

/// The sum of sixteen numbers, halves upon halves.
#[inline(always)]
fn over_lanes<T: Real>(mut x: [T; LANES]) -> T {
    let mut n = LANES / 2;
    while n > 0 {
        for l in 0..n {
            x[l] = x[l] + x[l + n];
        }
        n /= 2;
    }
    x[0]
}
