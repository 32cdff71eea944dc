//! [`GainControl`], fast.
//!
//! Without feedback (λ = 0 and no conductance left from before) every pixel runs by itself and the conductance is
//! a constant: one low-pass. With feedback a frame needs what lies around every pixel two frames before it: the rows of
//! two frames at a time are shared between threads.
#![allow(unsafe_code)] // bands read what others wrote in the step before

use std::ops::Range;

use super::{Constants, GainControl};
use crate::bands::{self, ByPixel, Pixelwise};
use crate::separable_blur::{Rows, blur_rows};
use crate::tiles::Shared;
use crate::{Real, Signal, parallel, simd};

pub(super) fn gain_control<T: Real>(
    membrane: &GainControl,
    parameters: &[f64],
    input: &[T],
    state: &[&[T]],
    output: &mut [T],
    state_after: &mut [&mut [T]],
) {
    let constants = membrane.constants(parameters);
    if let Some(alone) = WithoutFeedback::of(&constants, state[1]) {
        return bands::alone(&alone, membrane.signal, &[input], state, output, state_after);
    }
    let [v_after, a_after] = state_after else { panic!("two state arrays") };
    v_after.copy_from_slice(state[0]);
    a_after.copy_from_slice(state[1]);
    if membrane.signal.is_empty() {
        return;
    }
    let signal = membrane.signal;
    let movie = signal.frames * signal.pixels();
    let planes: Vec<_> = input
        .chunks(movie)
        .zip(output.chunks_mut(movie))
        .zip(v_after.chunks_mut(signal.pixels()).zip(a_after.chunks_mut(signal.pixels())))
        .collect();
    parallel::for_each(planes, signal.len() * constants.taps.weight.len(), |((i, out), (v, a))| {
        with_feedback(&constants, signal, i, out, v, a);
    });
}

/// V of every pixel by itself, with a constant conductance; the other state, A, stays 0.
#[derive(PartialEq)]
pub(super) struct WithoutFeedback<T> {
    leak: T,
    input_amp: T,
    decay: T,
}

impl<T: Real> WithoutFeedback<T> {
    /// The membrane without feedback, where there is none: λ = 0 and no conductance is left from before.
    pub fn of(constants: &Constants, a: &[T]) -> Option<ByPixel<Self>> {
        (constants.lambda == 0.0 && a.iter().all(T::is_zero)).then(|| {
            // The same operations in the same order as in `membrane_step`: switching λ on and off changes no bit.
            let membrane = Membrane::<T>::new(constants);
            let decay = (-membrane.step_s * membrane.leak).exp_of_negative();
            ByPixel(Self { leak: membrane.leak, input_amp: membrane.input_amp, decay })
        })
    }
}

impl<T: Real> Pixelwise<T> for WithoutFeedback<T> {
    #[inline(always)]
    fn step(&self, inputs: &[&[T]], state: &mut [&mut [T]], output: &mut [T]) {
        for ((&i, v), out) in inputs[0].iter().zip(state[0].iter_mut()).zip(output) {
            let rest = self.input_amp * i / self.leak;
            *v = (rest + (*v - rest) * self.decay).flush();
            *out = *v;
        }
    }
}

/// The constants in the type of the movie.
struct Membrane<T> {
    leak: T,
    input_amp: T,
    step_s: T,
    keep: T,
    take: T,
}

impl<T: Real> Membrane<T> {
    /// A a step later.
    #[inline(always)]
    fn adapted(&self, a: T, contrast: T) -> T {
        (self.keep * a + self.take * contrast).flush()
    }

    fn new(constants: &Constants) -> Self {
        Self {
            leak: T::of(constants.leak),
            input_amp: T::of(constants.input_amp),
            step_s: T::of(constants.step_s),
            keep: T::of(constants.adaptation.keep),
            take: T::of(constants.adaptation.take),
        }
    }
}

/// Frames that are computed together: A at one step needs V² around a pixel of the step *before* the last, so that V can go
/// two frames on before it must be known around every pixel.
const TOGETHER: usize = 2;

/// Pixels of a band at most: what it needs fits into the second cache.
const BAND_PIXELS: usize = 4096;

/// Pixels whose rows are worked on together, at least.
const BLOCK_PIXELS: usize = 1024;

/// One plane.
fn with_feedback<T: Real>(
    constants: &Constants,
    signal: Signal,
    input: &[T],
    output: &mut [T],
    v: &mut [T],
    a: &mut [T],
) {
    let membrane = Membrane::<T>::new(constants);
    let (width, pixels) = (signal.width, signal.pixels());
    let radius = constants.taps.weight.len() - 1;
    let work = pixels * (4 + constants.taps.weight.len());
    // Threads meet after every other frame; no bit depends on how they share it.
    let shared = parallel::is_shared(TOGETHER * work);
    let band = signal.height.div_ceil(if shared { bands::number(pixels, BAND_PIXELS) } else { 1 });
    let rows = Rows::new(&constants.taps, constants.lambda, band + 2 * radius, width).of_whole_vectors();
    let mut bands: Vec<_> =
        a.chunks(band * width).enumerate().map(|(i, a)| Band::new(&rows, i * band, a)).collect();
    let (v_before, frames_of_v) = (&*v, Shared::new(output));
    let steps = signal.frames.div_ceil(TOGETHER);
    parallel::in_steps(&mut bands, steps, TOGETHER * work, |step, band| {
        let first = step * TOGETHER;
        // V of the two frames before; the first of a chunk needs A alone, which is there.
        let before = [2, 1].map(|back| match first.checked_sub(back) {
            // SAFETY: these frames were written in the steps before.
            Some(t) => Some(unsafe { frames_of_v.part(t * pixels..(t + 1) * pixels) }),
            None => (first + 1 == back).then_some(v_before),
        });
        let now = std::array::from_fn(|k| {
            let start = (first + k) * pixels + band.first_row * width;
            // SAFETY: every band has rows of its own, and steps after this one read them.
            (first + k < signal.frames).then(|| unsafe { frames_of_v.part_mut(start..start + band.a.len()) })
        });
        simd::vectorized(
            #[inline(always)]
            || band.advance(&membrane, &rows, before, &input[first * pixels..], now),
        );
    });
    // A after the last frame, from V of the one before it.
    let before = if signal.frames == 1 { &*v } else { &output[(signal.frames - 2) * pixels..] };
    let bands = bands.into_iter().zip(a.chunks_mut(band * width)).collect();
    parallel::for_each(bands, work, |(mut band, a): (Band<T>, &mut [T])| {
        simd::vectorized(
            #[inline(always)]
            || band.adapt(&membrane, &rows, &before[..pixels]),
        );
        a.copy_from_slice(&band.a);
    });
    v.copy_from_slice(&output[(signal.frames - 1) * pixels..]);
}

/// Some rows of a plane, and working memory for them.
struct Band<T> {
    first_row: usize,
    /// Its own copy: parts of one array meet within a line of the cache, which two processors would take from each other.
    a: Vec<T>,
    /// V² of two frames, with the rows around those of the band.
    squares: [Vec<T>; TOGETHER],
    /// λ·B V² of some rows.
    contrast: Vec<T>,
    padded: Vec<T>,
}

impl<T: Real> Band<T> {
    fn new(rows: &Rows<T>, first_row: usize, a: &[T]) -> Self {
        let squares = (a.len() / rows.width + 2 * rows.radius()) * rows.stride;
        // Rows that fill whole vectors together.
        let unit = T::LANES >> rows.width.trailing_zeros().min(T::LANES.trailing_zeros());
        let block = BLOCK_PIXELS.div_ceil(unit * rows.width) * unit * rows.width;
        Self {
            first_row,
            a: a.to_vec(),
            squares: [(); TOGETHER].map(|()| vec![T::zero(); squares]),
            contrast: vec![T::zero(); block],
            padded: rows.scratch(),
        }
    }

    /// Keeps the squares of the rows of a frame of V; beyond the border are copies of the border row.
    #[inline(always)]
    fn square(&mut self, k: usize, rows: &Rows<T>, v: &[T]) {
        let last = v.len() / rows.width - 1;
        for (i, squares) in self.squares[k].chunks_exact_mut(rows.stride).enumerate() {
            let row = (self.first_row + i).saturating_sub(rows.radius()).min(last);
            for (square, &v) in squares.iter_mut().zip(&v[row * rows.width..][..rows.width]) {
                *square = v * v;
            }
        }
    }

    /// λ·B V² of the pixels `here`, whole rows.
    #[inline(always)]
    fn blur(&mut self, k: usize, rows: &Rows<T>, here: &Range<usize>) {
        let first = here.start / rows.width + rows.radius();
        blur_rows(rows, &self.squares[k], first, &mut self.padded, &mut self.contrast[..here.len()]);
    }

    /// The next frames; `before` are the two frames of V before them, where they are needed.
    #[inline(always)]
    fn advance(
        &mut self,
        membrane: &Membrane<T>,
        rows: &Rows<T>,
        before: [Option<&[T]>; TOGETHER],
        input: &[T],
        mut now: [Option<&mut [T]>; TOGETHER],
    ) {
        for (k, v) in before.iter().enumerate() {
            if let Some(v) = v
                && now[k].is_some()
            {
                self.square(k, rows, v);
            }
        }
        let start = self.first_row * rows.width;
        let Some(v_before) = before[1] else { return };
        let pixels = v_before.len();
        for here in blocks(self.a.len(), self.contrast.len()) {
            let at = start + here.start..start + here.end;
            let mut v_before = &v_before[at.clone()];
            for (k, v) in now.iter_mut().enumerate() {
                let Some(v) = v else { break };
                let v = &mut v[here.clone()];
                let input = &input[k * pixels..][at.clone()];
                if before[k].is_some() {
                    self.blur(k, rows, &here);
                    let (a, contrast) = (&mut self.a[here.clone()], &self.contrast[..here.len()]);
                    membrane_step::<T, true>(membrane, input, v_before, contrast, a, v);
                } else {
                    membrane_step::<T, false>(membrane, input, v_before, input, &mut self.a[here.clone()], v);
                }
                v_before = v;
            }
        }
    }

    /// A a step later, given V of the step before.
    #[inline(always)]
    fn adapt(&mut self, membrane: &Membrane<T>, rows: &Rows<T>, before: &[T]) {
        self.square(0, rows, before);
        for here in blocks(self.a.len(), self.contrast.len()) {
            self.blur(0, rows, &here);
            for (a, &contrast) in self.a[here].iter_mut().zip(&self.contrast) {
                *a = membrane.adapted(*a, contrast);
            }
        }
    }
}

/// The ranges of `0..len` of so many numbers.
fn blocks(len: usize, block: usize) -> impl Iterator<Item = Range<usize>> {
    (0..len).step_by(block).map(move |start| start..(start + block).min(len))
}

/// A, where it is not that of this step already, then V.
#[inline(always)]
fn membrane_step<T: Real, const ADAPT: bool>(
    membrane: &Membrane<T>,
    input: &[T],
    v_before: &[T],
    contrast: &[T],
    a: &mut [T],
    v: &mut [T],
) {
    for i in 0..v.len() {
        if ADAPT {
            a[i] = membrane.adapted(a[i], contrast[i]);
        }
        let g = membrane.leak + a[i];
        let rest = membrane.input_amp * input[i] / g;
        let decay = (-membrane.step_s * g).exp_of_negative();
        v[i] = (rest + (v_before[i] - rest) * decay).flush();
    }
}
