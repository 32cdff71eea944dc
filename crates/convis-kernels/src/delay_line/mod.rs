//! A movie some frames later, with frames of the past in front of every chunk.
//!
//! # Equation
//! For a chunk of n frames that begins at frame s:
//! ```text
//! yⱼ = x(s − D − L + j)        j = 0 … n + L − 1
//! ```
//! D frames of delay and L frames of the past in front. D = 0 puts the last L frames before a chunk, L = 0 delays a
//! movie. Frames before the first are the state at the start.
//!
//! # Shapes
//! Input: a movie of n frames. Output: one of n + L frames. State: the last D + L frames (no array where that is none).
//!
//! # Parameters
//! | symbol | name | unit |
//! |---|---|---|
//! | D | [`DelayLine::delay`] | frames |
//! | L | [`DelayLine::length`] | frames |
//!
//! # Source
//! None: it moves frames.

use crate::operation::{Gradients, Operation};
use crate::{Real, Signal};

/// A delay with frames of the past in front: see the [module](self) for the equation.
///
/// ```
/// use convis_kernels::{Operation, Signal, delay_line::DelayLine};
///
/// let signal = Signal { planes: 1, frames: 3, height: 1, width: 1 };
/// let line = DelayLine { signal, delay: 1, length: 1 };
/// let (mut y, mut after) = ([0.0f32; 4], [0.0f32; 2]);
/// line.forward(&[], &[&[1.0, 2.0, 3.0]], &[&[-1.0, 0.0]], &mut y, &mut [&mut after]);
/// assert_eq!((y, after), ([-1.0, 0.0, 1.0, 2.0], [2.0, 3.0]));
/// ```
#[derive(Clone, Debug)]
pub struct DelayLine {
    /// Sizes of the input.
    pub signal: Signal,
    /// Frames by which the movie is delayed.
    pub delay: usize,
    /// Frames of the past in front of every chunk.
    pub length: usize,
}

impl DelayLine {
    /// Frames that are remembered.
    pub const fn history(&self) -> usize {
        self.delay + self.length
    }

    /// Numbers of one plane of the state, the input and the output.
    fn lengths(&self) -> (usize, usize, usize) {
        let pixels = self.signal.pixels();
        (self.history() * pixels, self.signal.frames * pixels, self.output_signal().frames * pixels)
    }
}

/// Copies the numbers from `start` on of `past` followed by `now`.
fn copy_joined<T: Copy>(past: &[T], now: &[T], start: usize, out: &mut [T]) {
    let from_past = past.len().saturating_sub(start).min(out.len());
    let (first, second) = out.split_at_mut(from_past);
    first.copy_from_slice(&past[start.min(past.len())..][..from_past]);
    second.copy_from_slice(&now[(start + from_past).saturating_sub(past.len())..][..second.len()]);
}

/// The transpose of [`copy_joined`]: adds.
fn add_joined<T: Real>(past: &mut [T], now: Option<&mut [T]>, start: usize, out: &[T]) {
    let from_past = past.len().saturating_sub(start).min(out.len());
    let (first, second) = out.split_at(from_past);
    let at_now = (start + from_past).saturating_sub(past.len());
    let past_from = start.min(past.len());
    for (x, &g) in past[past_from..].iter_mut().zip(first) {
        *x = *x + g;
    }
    for (x, &g) in now.into_iter().flat_map(|now| now[at_now..].iter_mut()).zip(second) {
        *x = *x + g;
    }
}

impl Operation for DelayLine {
    const NAME: &'static str = "delay_line";
    const PARAMETERS: &'static [&'static str] = &[];

    fn signal(&self) -> Signal {
        self.signal
    }

    fn output_signal(&self) -> Signal {
        self.signal.with_frames(self.signal.frames + self.length)
    }

    fn with_frames(&self, frames: usize) -> Self {
        Self { signal: self.signal.with_frames(frames), ..self.clone() }
    }

    fn state_lengths(&self) -> Vec<usize> {
        if self.history() == 0 { vec![] } else { vec![self.history() * self.signal.state_len()] }
    }

    fn reference(
        &self,
        _: &[f64],
        inputs: &[&[f64]],
        state: &[&[f64]],
        output: &mut [f64],
        state_after: &mut [&mut [f64]],
    ) {
        let (pixels, n, history) = (self.signal.pixels(), self.signal.frames, self.history());
        for plane in 0..self.signal.planes {
            for pixel in 0..pixels {
                // Frame j of the past and the chunk.
                let x = |j: usize| {
                    if j < history {
                        state[0][(plane * history + j) * pixels + pixel]
                    } else {
                        inputs[0][(plane * n + j - history) * pixels + pixel]
                    }
                };
                for j in 0..n + self.length {
                    output[(plane * (n + self.length) + j) * pixels + pixel] = x(j);
                }
                for j in 0..history {
                    state_after[0][(plane * history + j) * pixels + pixel] = x(n + j);
                }
            }
        }
    }

    fn forward<T: Real>(
        &self,
        _: &[f64],
        inputs: &[&[T]],
        state: &[&[T]],
        output: &mut [T],
        state_after: &mut [&mut [T]],
    ) {
        let (h, n, out) = self.lengths();
        for plane in 0..self.signal.planes {
            let past = state.first().map_or(&[][..], |state| &state[plane * h..(plane + 1) * h]);
            let now = &inputs[0][plane * n..(plane + 1) * n];
            copy_joined(past, now, 0, &mut output[plane * out..(plane + 1) * out]);
            if let Some(after) = state_after.first_mut() {
                copy_joined(past, now, n, &mut after[plane * h..(plane + 1) * h]);
            }
        }
    }

    /// Every gradient goes back to the frame that its frame was copied from.
    fn adjoint<T: Real>(
        &self,
        _: &[f64],
        _: &[&[T]],
        _: &[&[T]],
        output_gradient: &[T],
        state_gradient: &[&[T]],
        mut gradients: Gradients<'_, T>,
    ) {
        let (h, n, out) = self.lengths();
        let mut by_input = gradients.inputs[0].take();
        if let Some(gradient) = &mut by_input {
            gradient.fill(T::zero());
        }
        for plane in 0..self.signal.planes {
            let past = match gradients.state.first_mut() {
                Some(state) => &mut state[plane * h..(plane + 1) * h],
                None => &mut [],
            };
            past.fill(T::zero());
            let mut now = by_input.as_mut().map(|gradient| &mut gradient[plane * n..(plane + 1) * n]);
            add_joined(past, now.as_deref_mut(), 0, &output_gradient[plane * out..(plane + 1) * out]);
            if let Some(after) = state_gradient.first() {
                add_joined(past, now, n, &after[plane * h..(plane + 1) * h]);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::conformance::{self, Case};

    fn case(delay: usize, length: usize) -> Case<DelayLine> {
        let signal = Signal { planes: 1, frames: 9, height: 2, width: 1 };
        Case::new(move |signal| DelayLine { signal, delay, length }, signal, &[])
    }

    #[test]
    fn conforms() {
        for delay in [0, 1, 4, 30] {
            conformance::check(&case(delay, 0));
        }
        // Frames of the past come again with every chunk: outputs of chunks do not join to that of the whole.
        for (delay, length) in [(0, 3), (2, 5), (12, 1)] {
            conformance::check_within_a_chunk(&case(delay, length));
        }
    }

    #[test]
    fn every_chunk_begins_with_the_frames_before_it() {
        let movie: Vec<f64> = (1..=12).map(f64::from).collect();
        for (delay, length) in [(0, 4), (3, 2), (5, 0), (0, 0)] {
            let mut state = vec![0.0; delay + length];
            let mut start = 0;
            for frames in [5, 1, 2, 4] {
                let signal = Signal { planes: 1, frames, height: 1, width: 1 };
                let line = DelayLine { signal, delay, length };
                let mut y = vec![f64::NAN; frames + length];
                let mut after = vec![f64::NAN; delay + length];
                let states: &[&[f64]] = if state.is_empty() { &[] } else { &[&state] };
                let mut afters: Vec<&mut [f64]> =
                    if after.is_empty() { vec![] } else { vec![&mut after[..]] };
                line.forward(&[], &[&movie[start..start + frames]], states, &mut y, &mut afters);
                for (j, y) in y.iter().enumerate() {
                    // Frame number, from 1; 0 before the first.
                    let want = (start + j + 1).saturating_sub(delay + length);
                    assert_eq!(*y, want as f64);
                }
                state = after;
                start += frames;
            }
        }
    }
}
