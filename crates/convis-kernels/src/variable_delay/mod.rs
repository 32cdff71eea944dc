//! Every pixel some frames later, each by its own delay.
//!
//! # Equation
//! With d = i + f the delay of pixel p, i whole and 0 ≤ f < 1:
//! ```text
//! yₜ(p) = (1 − f)·xₜ₋ᵢ(p) + f·xₜ₋ᵢ₋₁(p)
//! ```
//! A whole delay (f = 0) moves frames without touching their numbers.
//!
//! # Shapes
//! Input and output: a movie. Weights: the delays, one per pixel or one for all pixels, shared by all planes. State: the
//! last H frames, H > every delay.
//!
//! # Parameters
//! | symbol | name | unit |
//! |---|---|---|
//! | d | the array of weights; 0 ≤ d < H | frames |
//! | H | [`VariableDelay::history`] | frames |
//!
//! The derivative with respect to a whole delay is that towards longer delays.
//!
//! # Source
//! Linear interpolation between frames.

use crate::operation::{Gradients, Operation};
use crate::tiles::{Tile, split, tiles};
use crate::{Real, Signal, parallel};

/// A delay of its own for every pixel: see the [module](self) for the equation.
///
/// ```
/// use convis_kernels::{Operation, Signal, variable_delay::VariableDelay};
///
/// let signal = Signal { planes: 1, frames: 2, height: 1, width: 2 };
/// let delay = VariableDelay { signal, history: 2, per_pixel: true };
/// let (mut y, mut after) = ([0.0f64; 4], [0.0f64; 4]);
/// let movie = [10.0, 10.0, 20.0, 20.0];
/// delay.forward(&[], &[&movie, &[1.0, 0.25]], &[&[0.0; 4]], &mut y, &mut [&mut after]);
/// assert_eq!(y, [0.0, 7.5, 10.0, 17.5]);
/// assert_eq!(after, movie);
/// ```
#[derive(Clone, Debug)]
pub struct VariableDelay {
    /// Sizes.
    pub signal: Signal,
    /// Frames that are remembered; more than the longest delay.
    pub history: usize,
    /// Whether every pixel has its own delay; otherwise one holds for all.
    pub per_pixel: bool,
}

/// Whole and fractional part of a delay.
fn parts<T: Real>(delay: T, history: usize) -> (usize, T) {
    let delay = delay.max(T::zero()).min(T::of(history as f64));
    let whole = (delay.double() as usize).min(history - 1);
    (whole, delay - T::of(whole as f64))
}

impl VariableDelay {
    /// The delays of a tile's pixels.
    fn delays<T: Real>(&self, weights: &[T], tile: &Tile) -> Vec<(usize, T)> {
        let delay = |pixel: usize| parts(weights[if self.per_pixel { pixel } else { 0 }], self.history);
        tile.pixels.clone().map(delay).collect()
    }

    /// Sizes of the state.
    const fn past(&self) -> Signal {
        self.signal.with_frames(self.history)
    }

    /// Writes frames n … n + H − 1 of the past followed by the movie: the state after.
    fn remember<T: Real>(&self, input: &[T], state: &[T], after: &mut [T]) {
        let (pixels, n) = (self.signal.pixels(), self.signal.frames);
        let kept = self.history.saturating_sub(n);
        for plane in 0..self.signal.planes {
            let past = &state[plane * self.history * pixels..(plane + 1) * self.history * pixels];
            let now = &input[plane * n * pixels..(plane + 1) * n * pixels];
            let after = &mut after[plane * self.history * pixels..(plane + 1) * self.history * pixels];
            let (old, new) = after.split_at_mut(kept * pixels);
            old.copy_from_slice(&past[(self.history - kept) * pixels..]);
            new.copy_from_slice(&now[now.len() - new.len()..]);
        }
    }
}

impl Operation for VariableDelay {
    const NAME: &'static str = "variable_delay";
    const PARAMETERS: &'static [&'static str] = &[];

    fn signal(&self) -> Signal {
        self.signal
    }

    fn weights(&self) -> Vec<usize> {
        vec![if self.per_pixel { self.signal.pixels() } else { 1 }]
    }

    fn with_frames(&self, frames: usize) -> Self {
        Self { signal: self.signal.with_frames(frames), ..self.clone() }
    }

    fn state_lengths(&self) -> Vec<usize> {
        vec![self.history * self.signal.state_len()]
    }

    fn reference(
        &self,
        _: &[f64],
        inputs: &[&[f64]],
        state: &[&[f64]],
        output: &mut [f64],
        state_after: &mut [&mut [f64]],
    ) {
        let (n, pixels, history) = (self.signal.frames, self.signal.pixels(), self.history);
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
                let d = inputs[1][if self.per_pixel { pixel } else { 0 }];
                let i = (d.floor() as usize).min(history - 1);
                let f = d - i as f64;
                for t in 0..n {
                    let now = history + t - i;
                    output[(plane * n + t) * pixels + pixel] = (1.0 - f) * x(now) + f * x(now - 1);
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
        let (signal, past) = (self.signal, self.past());
        let items = tiles(&signal).into_iter().zip(split(output, &signal)).collect();
        parallel::for_each(items, signal.len() * 4, |(tile, mut out)| {
            let delays = self.delays(inputs[1], &tile);
            for t in 0..signal.frames {
                let out = out.frame(t);
                for (k, &(whole, fraction)) in delays.iter().enumerate() {
                    let pixel = tile.pixels.start + k;
                    let x = |back: usize| {
                        if back <= t {
                            inputs[0][(tile.plane * signal.frames + t - back) * signal.pixels() + pixel]
                        } else {
                            let j = past.frames + t - back;
                            state[0][(tile.plane * past.frames + j) * signal.pixels() + pixel]
                        }
                    };
                    out[k] = if fraction == T::zero() {
                        x(whole)
                    } else {
                        (T::one() - fraction) * x(whole) + fraction * x(whole + 1)
                    };
                }
            }
        });
        self.remember(inputs[0], state[0], state_after[0]);
    }

    /// Spreads every gradient to the two frames it was taken from: `∂/∂xₜ₋ᵢ = (1−f)·gₜ`, `∂/∂xₜ₋ᵢ₋₁ = f·gₜ`, and
    /// `∂/∂d = Σ gₜ·(xₜ₋ᵢ₋₁ − xₜ₋ᵢ)` over frames and planes.
    fn adjoint<T: Real>(
        &self,
        _: &[f64],
        inputs: &[&[T]],
        state: &[&[T]],
        output_gradient: &[T],
        state_gradient: &[&[T]],
        mut gradients: Gradients<'_, T>,
    ) {
        let (signal, past) = (self.signal, self.past());
        let mut items: Vec<_> = tiles(&signal)
            .into_iter()
            .zip(split(gradients.state[0], &past))
            .map(|(tile, state)| (tile, state, None))
            .collect();
        if let Some(movie) = gradients.inputs[0].take() {
            for (item, part) in items.iter_mut().zip(split(movie, &signal)) {
                item.2 = Some(part);
            }
        }
        let sums = parallel::map(items, signal.len() * 4, |(tile, mut by_past, mut by_now)| {
            let delays = self.delays(inputs[1], &tile);
            let mut by_delay = vec![0.0f64; tile.len()];
            (0..past.frames).for_each(|j| by_past.frame(j).fill(T::zero()));
            if let Some(now) = &mut by_now {
                (0..signal.frames).for_each(|t| now.frame(t).fill(T::zero()));
            }
            // The state after is made of the last frames of past and movie.
            for j in 0..past.frames {
                let after = &state_gradient[0][past.at(tile.plane, j, &tile.pixels)];
                let at = signal.frames + j;
                if at < past.frames {
                    by_past.frame(at).copy_from_slice(after);
                } else if let Some(now) = &mut by_now {
                    now.frame(at - past.frames).copy_from_slice(after);
                }
            }
            for t in 0..signal.frames {
                let g = &output_gradient[signal.at(tile.plane, t, &tile.pixels)];
                for (k, &(whole, fraction)) in delays.iter().enumerate() {
                    let pixel = tile.pixels.start + k;
                    let mut visit = |back: usize, part: T| {
                        if back <= t {
                            if let Some(now) = &mut by_now {
                                let now = &mut now.frame(t - back)[k];
                                *now = *now + part;
                            }
                            inputs[0][(tile.plane * signal.frames + t - back) * signal.pixels() + pixel]
                        } else {
                            let j = past.frames + t - back;
                            let before = &mut by_past.frame(j)[k];
                            *before = *before + part;
                            state[0][(tile.plane * past.frames + j) * signal.pixels() + pixel]
                        }
                    };
                    let newer = visit(whole, (T::one() - fraction) * g[k]);
                    let older = visit(whole + 1, fraction * g[k]);
                    by_delay[k] += (g[k] * (older - newer)).double();
                }
            }
            (tile.pixels.start, by_delay)
        });
        if let Some(by_delay) = &mut gradients.inputs[1] {
            let mut total = vec![0.0f64; by_delay.len()];
            for (start, part) in sums {
                for (k, x) in part.into_iter().enumerate() {
                    total[if self.per_pixel { start + k } else { 0 }] += x;
                }
            }
            for (out, x) in by_delay.iter_mut().zip(total) {
                *out = T::of(x);
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
        for (history, longest) in [(1, 0.9), (4, 3.7), (12, 11.5)] {
            for per_pixel in [true, false] {
                let make = move |signal| VariableDelay { signal, history, per_pixel };
                let case = Case::new(make, signal, &[]).with_weights(std::slice::from_ref(&(0.1..longest)));
                conformance::check(&case);
            }
        }
    }

    #[test]
    fn whole_delays_keep_every_bit() {
        let signal = Signal { planes: 1, frames: 5, height: 1, width: 3 };
        let movie: Vec<f32> = (0..15).map(|i| 0.1 + i as f32 / 7.0).collect();
        let (mut y, mut after) = ([9.0; 15], [9.0; 12]);
        VariableDelay { signal, history: 4, per_pixel: true }.forward(
            &[],
            &[&movie, &[0.0, 1.0, 3.0]],
            &[&[0.0; 12]],
            &mut y,
            &mut [&mut after],
        );
        for (pixel, delay) in [0, 1, 3].into_iter().enumerate() {
            for t in 0..5 {
                let want = if t < delay { 0.0 } else { movie[(t - delay) * 3 + pixel] };
                assert_eq!(y[t * 3 + pixel], want);
            }
        }
    }
}
