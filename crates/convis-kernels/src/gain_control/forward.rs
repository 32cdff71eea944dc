//! [`GainControl`], fast.
//!
//! Without feedback (λ = 0 and no conductance left from before) every pixel runs by itself and the conductance is
//! a constant: one low-pass. With feedback a frame needs what lies around every pixel two frames before it: the rows of
//! two frames at a time are shared between threads.
#![allow(unsafe_code)] // bands read what others wrote in the step before

use std::ops::Range;

use super::{Constants, GainControl};
use crate::bands::{self, ByPixel, KeptState, Pixelwise};
use crate::scratch::Scratch;
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
    let signal = membrane.signal;
    if signal.is_empty() {
        v_after.copy_from_slice(state[0]);
        a_after.copy_from_slice(state[1]);
        return;
    }
    let pixels = signal.pixels();
    let movie = signal.frames * pixels;
    let before = state[0].chunks(pixels).zip(state[1].chunks(pixels));
    let after = v_after.chunks_mut(pixels).zip(a_after.chunks_mut(pixels));
    let movies = input.chunks(movie).zip(output.chunks_mut(movie));
    let planes: Vec<_> = movies.zip(before.zip(after)).collect();
    parallel::for_each(
        planes,
        signal.len() * constants.taps.weight.len(),
        |((i, out), ((v, a), (v_after, a_after)))| {
            with_feedback(&constants, signal, i, out, (v, a), (v_after, a_after));
        },
    );
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
const BAND_PIXELS: usize = 8192;

/// Pixels whose rows are worked on together, at least.
const BLOCK_PIXELS: usize = 1024;

/// One plane; states are V and A.
fn with_feedback<T: Real>(
    constants: &Constants,
    signal: Signal,
    input: &[T],
    output: &mut [T],
    (v, a): (&[T], &[T]),
    (v_after, a_after): (&mut [T], &mut [T]),
) {
    let membrane = Membrane::<T>::new(constants);
    let (width, pixels, frames) = (signal.width, signal.pixels(), signal.frames);
    let radius = constants.taps.weight.len() - 1;
    let work = pixels * (4 + constants.taps.weight.len());
    // Threads meet after every other frame; no bit depends on how they share it.
    let shared = parallel::is_shared(TOGETHER * work);
    let band = signal.height.div_ceil(if shared { bands::number(pixels, BAND_PIXELS) } else { 1 });
    let rows = Rows::new(&constants.taps, constants.lambda, band + 2 * radius, width).of_whole_vectors();
    let mut bands: Vec<_> = (v_after.chunks_mut(band * width).zip(a_after.chunks_mut(band * width)))
        .enumerate()
        .map(|(i, (v_after, a_after))| Band::new(&rows, i * band, v_after, a_after))
        .collect();
    let frames_of_v = Shared::new(output);
    // V of a whole frame so many before `frame`; the first of a chunk needs A alone, which is there.
    let v_of = |frame: usize, back: usize| match frame.checked_sub(back) {
        // SAFETY: frames before those of a step were written in the steps before.
        Some(t) => Some(unsafe { frames_of_v.part(t * pixels..(t + 1) * pixels) }),
        None => (frame + 1 == back).then_some(v),
    };
    let steps = frames.div_ceil(TOGETHER);
    // One step more than there are frames for: the state after the last.
    parallel::in_steps(&mut bands, steps + 1, TOGETHER * work, |step, band| {
        let first = step * TOGETHER;
        let here = band.first_row * width..band.first_row * width + band.len();
        if step == 0 {
            band.a.numbers().copy_from_slice(&a[here.clone()]);
        }
        let now = std::array::from_fn(|k| {
            let start = (first + k) * pixels;
            // SAFETY: every band has rows of its own, and steps after this one read them.
            (first + k < frames)
                .then(|| unsafe { frames_of_v.part_mut(start + here.start..start + here.end) })
        });
        simd::vectorized(
            #[inline(always)]
            || {
                if step < steps {
                    let before = [v_of(first, 2), v_of(first, 1)];
                    band.advance(&membrane, &rows, before, &input[first * pixels..], now);
                } else {
                    band.finish(&membrane, &rows, [v_of(frames, 2), v_of(frames, 1)]);
                }
            },
        );
    });
}

/// Some rows of a plane, and working memory for them.
struct Band<'a, T: Real> {
    first_row: usize,
    a: KeptState<'a, T>,
    v_after: &'a mut [T],
    /// V² of two frames, with the rows around those of the band.
    squares: [Scratch<T>; TOGETHER],
    /// λ·B V² of some rows.
    contrast: Scratch<T>,
    padded: Vec<T>,
}

impl<'a, T: Real> Band<'a, T> {
    fn new(rows: &Rows<T>, first_row: usize, v_after: &'a mut [T], a_after: &'a mut [T]) -> Self {
        let squares = (a_after.len() / rows.width + 2 * rows.radius()) * rows.stride;
        // Rows that fill whole vectors together.
        let unit = T::LANES >> rows.width.trailing_zeros().min(T::LANES.trailing_zeros());
        let block = BLOCK_PIXELS.div_ceil(unit * rows.width) * unit * rows.width;
        Self {
            first_row,
            a: KeptState::new(a_after),
            v_after,
            squares: [(); TOGETHER].map(|()| Scratch::new(squares)),
            contrast: Scratch::new(block),
            padded: rows.scratch(),
        }
    }

    /// Its pixels.
    const fn len(&self) -> usize {
        self.v_after.len()
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
            // Beside the row, numbers that may be read, but change nothing.
            squares[rows.width..].fill(T::zero());
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
        for here in blocks(self.len(), self.contrast.len()) {
            let at = start + here.start..start + here.end;
            let mut v_before = &v_before[at.clone()];
            for (k, v) in now.iter_mut().enumerate() {
                let Some(v) = v else { break };
                let v = &mut v[here.clone()];
                let input = &input[k * pixels..][at.clone()];
                if before[k].is_some() {
                    self.blur(k, rows, &here);
                    let (a, contrast) = (self.a.part(&here), &self.contrast[..here.len()]);
                    membrane_step::<T, true>(membrane, input, v_before, contrast, a, v);
                } else {
                    membrane_step::<T, false>(membrane, input, v_before, input, self.a.part(&here), v);
                }
                v_before = v;
            }
        }
    }

    /// The state after the last frame: A of that step, from V of the one before.
    #[inline(always)]
    fn finish(&mut self, membrane: &Membrane<T>, rows: &Rows<T>, [before, last]: [Option<&[T]>; TOGETHER]) {
        let (Some(before), Some(last)) = (before, last) else { return };
        self.v_after.copy_from_slice(&last[self.first_row * rows.width..][..self.v_after.len()]);
        self.square(0, rows, before);
        for here in blocks(self.len(), self.contrast.len()) {
            self.blur(0, rows, &here);
            for (a, &contrast) in self.a.part(&here).iter_mut().zip(&*self.contrast) {
                *a = membrane.adapted(*a, contrast);
            }
        }
        self.a.finish();
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
