//! The change from frame to frame.
//!
//! # Equation
//! ```text
//! yₜ = xₜ − xₜ₋₁
//! ```
//!
//! # Shapes
//! Input and output: a movie. State: the last frame.
//!
//! # Parameters
//! None.
//!
//! # Source
//! The backward difference.

use crate::operation::{Gradients, Operation};
use crate::tiles::{split, tiles};
use crate::{Real, Signal, parallel, simd};

/// The change from frame to frame: see the [module](self).
///
/// ```
/// use convis_kernels::{Operation, Signal, frame_difference::FrameDifference};
///
/// let signal = Signal { planes: 1, frames: 3, height: 1, width: 1 };
/// let (mut y, mut after) = ([0.0f32; 3], [0.0f32]);
/// FrameDifference { signal }.forward(&[], &[&[1.0, 4.0, 2.0]], &[&[1.0]], &mut y, &mut [&mut after]);
/// assert_eq!((y, after), ([0.0, 3.0, -2.0], [2.0]));
/// ```
#[derive(Clone, Debug)]
pub struct FrameDifference {
    /// Sizes.
    pub signal: Signal,
}

impl Operation for FrameDifference {
    const NAME: &'static str = "frame_difference";
    const PARAMETERS: &'static [&'static str] = &[];

    fn signal(&self) -> Signal {
        self.signal
    }

    fn with_frames(&self, frames: usize) -> Self {
        Self { signal: self.signal.with_frames(frames) }
    }

    fn state_lengths(&self) -> Vec<usize> {
        vec![self.signal.state_len()]
    }

    fn reference(
        &self,
        _: &[f64],
        inputs: &[&[f64]],
        state: &[&[f64]],
        output: &mut [f64],
        state_after: &mut [&mut [f64]],
    ) {
        let (n, pixels) = (self.signal.frames, self.signal.pixels());
        for plane in 0..self.signal.planes {
            for pixel in 0..pixels {
                let mut before = state[0][plane * pixels + pixel];
                for t in 0..n {
                    let at = (plane * n + t) * pixels + pixel;
                    output[at] = inputs[0][at] - before;
                    before = inputs[0][at];
                }
                state_after[0][plane * pixels + pixel] = before;
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
        let signal = self.signal;
        let items = tiles(&signal).into_iter().zip(split(output, &signal)).collect();
        parallel::for_each(items, signal.len(), |(tile, mut out)| {
            simd::vectorized(
                #[inline(always)]
                || {
                    let mut before = &state[0][signal.state_at(tile.plane, &tile.pixels)];
                    for t in 0..signal.frames {
                        let now = &inputs[0][signal.at(tile.plane, t, &tile.pixels)];
                        for ((y, &a), &b) in out.frame(t).iter_mut().zip(now).zip(before) {
                            *y = a - b;
                        }
                        before = now;
                    }
                },
            );
        });
        let all = 0..signal.pixels();
        for plane in 0..signal.planes {
            let last = match signal.frames {
                0 => &state[0][signal.state_at(plane, &all)],
                n => &inputs[0][signal.at(plane, n - 1, &all)],
            };
            state_after[0][signal.state_at(plane, &all)].copy_from_slice(last);
        }
    }

    /// `∂/∂xₜ = gₜ − gₜ₊₁`, with the gradient of the state after for −gₙ; `∂/∂x₋₁ = −g₀`.
    fn adjoint<T: Real>(
        &self,
        _: &[f64],
        _: &[&[T]],
        _: &[&[T]],
        output_gradient: &[T],
        state_gradient: &[&[T]],
        mut gradients: Gradients<'_, T>,
    ) {
        let signal = self.signal;
        let all = 0..signal.pixels();
        for plane in 0..signal.planes {
            let after = &state_gradient[0][signal.state_at(plane, &all)];
            let state = &mut gradients.state[0][signal.state_at(plane, &all)];
            if signal.frames == 0 {
                state.copy_from_slice(after);
                continue;
            }
            for (s, &g) in state.iter_mut().zip(&output_gradient[signal.at(plane, 0, &all)]) {
                *s = -g;
            }
            let Some(by_input) = &mut gradients.inputs[0] else { continue };
            for t in 0..signal.frames {
                let g = &output_gradient[signal.at(plane, t, &all)];
                let x = by_input[signal.at(plane, t, &all)].iter_mut().zip(g);
                if t + 1 == signal.frames {
                    x.zip(after).for_each(|((x, &g), &after)| *x = g + after);
                } else {
                    let next = &output_gradient[signal.at(plane, t + 1, &all)];
                    x.zip(next).for_each(|((x, &g), &next)| *x = g - next);
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
        conformance::check(&Case::new(|signal| FrameDifference { signal }, signal, &[]));
    }
}
