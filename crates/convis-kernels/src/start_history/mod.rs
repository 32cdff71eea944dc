//! The frames before the first one, made up from the first chunk.
//!
//! # Equation
//! With x₀ … xₙ₋₁ the first chunk and k = 1 … L frames before it:
//! ```text
//! first frame   h₋ₖ = x₀
//! zeros         h₋ₖ = 0
//! ones          h₋ₖ = 1
//! mean          h₋ₖ = mean of all numbers of the chunk
//! full copy     h₋ₖ = x(−k mod n)         the chunk again and again, ending just before frame 0
//! mirror        h₋ₖ = x(k − 1)            the chunk backwards; needs n ≥ L
//! ```
//!
//! # Shapes
//! Input: the first chunk. Output: L frames, oldest first. No state.
//!
//! # Parameters
//! | symbol | name | unit |
//! |---|---|---|
//! | L | [`StartHistory::length`] | frames |
//! | | [`StartHistory::mode`] | – |
//!
//! # Source
//! Modes of the temporal padding of convis 0.6.4, by their documented meaning.

use crate::operation::{Gradients, Operation};
use crate::{Real, Signal, parallel};

/// What is taken for the frames before the first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum History {
    /// The first frame.
    #[default]
    FirstFrame,
    /// Zeros.
    Zeros,
    /// Ones.
    Ones,
    /// The mean of all numbers of the first chunk.
    Mean,
    /// The first chunk again and again, ending just before the first frame.
    FullCopy,
    /// The first chunk backwards.
    Mirror,
}

impl History {
    /// Every mode.
    pub const ALL: [Self; 6] =
        [Self::FirstFrame, Self::Zeros, Self::Ones, Self::Mean, Self::FullCopy, Self::Mirror];

    /// The name of the mode, as in `"first_frame"`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::FirstFrame => "first_frame",
            Self::Zeros => "zeros",
            Self::Ones => "ones",
            Self::Mean => "mean",
            Self::FullCopy => "full_copy",
            Self::Mirror => "mirror",
        }
    }

    /// The mode of this name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|mode| mode.name() == name)
    }
}

/// The frames before the first: see the [module](self) for the equation.
///
/// ```
/// use convis_kernels::{Operation, Signal, start_history::{History, StartHistory}};
///
/// let signal = Signal { planes: 1, frames: 3, height: 1, width: 1 };
/// let mut h = [0.0f32; 2];
/// StartHistory { signal, length: 2, mode: History::Mirror }.forward(&[], &[&[1.0, 2.0, 3.0]], &[], &mut h, &mut []);
/// assert_eq!(h, [2.0, 1.0]);
/// ```
#[derive(Clone, Debug)]
pub struct StartHistory {
    /// Sizes of the first chunk.
    pub signal: Signal,
    /// Frames before it.
    pub length: usize,
    /// What they are.
    pub mode: History,
}

impl StartHistory {
    /// The frame of the chunk that is `k` frames before it; `None` where it is none of them.
    fn source(&self, k: usize) -> Option<usize> {
        let n = self.signal.frames;
        match self.mode {
            History::FirstFrame => Some(0),
            // A chunk too short for a mirror is for the caller to refuse; its last frame stands for the rest.
            History::Mirror => Some((k - 1).min(n - 1)),
            History::FullCopy => Some((n - k % n) % n),
            History::Zeros | History::Ones | History::Mean => None,
        }
    }
}

impl Operation for StartHistory {
    const NAME: &'static str = "start_history";
    const PARAMETERS: &'static [&'static str] = &[];

    fn signal(&self) -> Signal {
        self.signal
    }

    fn output_signal(&self) -> Signal {
        self.signal.with_frames(self.length)
    }

    fn with_frames(&self, frames: usize) -> Self {
        Self { signal: self.signal.with_frames(frames), ..self.clone() }
    }

    fn reference(
        &self,
        _: &[f64],
        inputs: &[&[f64]],
        _: &[&[f64]],
        output: &mut [f64],
        _: &mut [&mut [f64]],
    ) {
        let (n, pixels) = (self.signal.frames, self.signal.pixels());
        let mean = inputs[0].iter().sum::<f64>() / inputs[0].len() as f64;
        for plane in 0..self.signal.planes {
            for j in 0..self.length {
                let k = self.length - j;
                for pixel in 0..pixels {
                    let x = |t: usize| inputs[0][(plane * n + t) * pixels + pixel];
                    output[(plane * self.length + j) * pixels + pixel] = match self.mode {
                        History::FirstFrame => x(0),
                        History::Zeros => 0.0,
                        History::Ones => 1.0,
                        History::Mean => mean,
                        History::FullCopy => x((-(k as isize)).rem_euclid(n as isize) as usize),
                        History::Mirror => x((k - 1).min(n - 1)),
                    };
                }
            }
        }
    }

    fn forward<T: Real>(&self, _: &[f64], inputs: &[&[T]], _: &[&[T]], output: &mut [T], _: &mut [&mut [T]]) {
        let out = self.output_signal();
        let value = match self.mode {
            History::Ones => T::one(),
            History::Mean => {
                let pieces = inputs[0].chunks(16_384).collect();
                let sums = parallel::map(pieces, inputs[0].len(), |piece: &[T]| {
                    piece.iter().map(|x| x.double()).sum::<f64>()
                });
                T::of(sums.iter().sum::<f64>() / inputs[0].len() as f64)
            }
            _ => T::zero(),
        };
        let all = 0..self.signal.pixels();
        for plane in 0..out.planes {
            for j in 0..self.length {
                let frame = &mut output[out.at(plane, j, &all)];
                match self.source(self.length - j) {
                    Some(t) => frame.copy_from_slice(&inputs[0][self.signal.at(plane, t, &all)]),
                    None => frame.fill(value),
                }
            }
        }
    }

    /// Every gradient goes back to the frame that its frame was copied from; that of a mean to all numbers alike.
    fn adjoint<T: Real>(
        &self,
        _: &[f64],
        inputs: &[&[T]],
        _: &[&[T]],
        output_gradient: &[T],
        _: &[&[T]],
        mut gradients: Gradients<'_, T>,
    ) {
        let Some(gradient) = gradients.inputs[0].take() else { return };
        let out = self.output_signal();
        let all = 0..self.signal.pixels();
        gradient.fill(if self.mode == History::Mean {
            T::of(output_gradient.iter().map(|g| g.double()).sum::<f64>() / inputs[0].len() as f64)
        } else {
            T::zero()
        });
        for plane in 0..out.planes {
            for j in 0..self.length {
                if let Some(t) = self.source(self.length - j) {
                    let from = &output_gradient[out.at(plane, j, &all)];
                    for (x, &g) in gradient[self.signal.at(plane, t, &all)].iter_mut().zip(from) {
                        *x = *x + g;
                    }
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::conformance::{self, Case};

    #[test]
    fn conforms() {
        let signal = Signal { planes: 1, frames: 9, height: 2, width: 1 };
        for mode in History::ALL {
            assert_eq!(History::from_name(mode.name()), Some(mode));
            for length in [1, 4, 20] {
                let case = Case::new(move |signal| StartHistory { signal, length, mode }, signal, &[]);
                conformance::check_within_a_chunk(&case);
            }
        }
    }

    #[test]
    fn a_full_copy_ends_just_before_the_first_frame() {
        let signal = Signal { planes: 1, frames: 3, height: 1, width: 1 };
        let mut h = [0.0f64; 7];
        let copy = StartHistory { signal, length: 7, mode: History::FullCopy };
        copy.forward(&[], &[&[1.0, 2.0, 3.0]], &[], &mut h, &mut []);
        assert_eq!(h, [3.0, 1.0, 2.0, 3.0, 1.0, 2.0, 3.0]);
    }
}
