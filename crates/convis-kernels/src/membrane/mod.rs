//! Populations of neurons that obey ordinary differential equations, one neuron per pixel.
//!
//! What the neuron models have in common: a few state variables per pixel, an input that is constant within a frame, a
//! fixed number of sub-steps per frame, an initial state, noise, and the adjoint of all that. A model supplies one
//! sub-step and its transposed derivative (`Equations`); `forward.rs` and `adjoint.rs` do the rest.
//!
//! # Sub-steps
//! Models are written in milliseconds. A frame of D ms is cut into the smallest number of equal sub-steps that are not
//! longer than the model's published step (0.05 ms, 0.1 ms …): see [`SubSteps`]. A movie of 1000 frames per second is
//! therefore computed on the published grid, any other on one at least as fine.
//!
//! # Precision
//! Sub-steps are computed in double precision whatever the type of the movie, and the state is rounded to that type
//! after every frame: the upstroke of a spike multiplies every rounding error before it by orders of magnitude. Chunks
//! end with frames, so that the result does not depend on them.
//!
//! # Noise
//! ```text
//! Iₜ ← Iₜ + s·√(1 ms/D)·ξₜ        one normal ξ per neuron and frame
//! ```
//! At 1000 frames per second s is the standard deviation of the noise current; the factor keeps its spectral density
//! the same at other frame rates.

mod adjoint;
mod forward;

pub(crate) use adjoint::adjoint;
pub(crate) use forward::forward;

use crate::integrate_and_fire::Noise;
use crate::random::{BLOCK, Use, normal};
use crate::{Real, Signal};

/// Neurons that are advanced together: their state stays in the innermost cache.
pub(crate) const ROW: usize = 128;

/// The sub-steps of a frame.
///
/// ```
/// use convis_kernels::membrane::SubSteps;
/// assert_eq!(SubSteps::of(1.0, 0.05), SubSteps { per_frame: 20, width_ms: 0.05 });
/// assert_eq!(SubSteps::of(0.12, 0.05), SubSteps { per_frame: 3, width_ms: 0.04 });
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct SubSteps {
    /// How many make a frame.
    pub per_frame: usize,
    /// Duration of one, ms.
    pub width_ms: f64,
}

impl SubSteps {
    /// The fewest equal sub-steps of a frame of `frame_ms` that are not longer than `longest_ms`.
    pub fn of(frame_ms: f64, longest_ms: f64) -> Self {
        // 1/0.1 must be 10, not 11, whichever way it is rounded.
        let per_frame = (frame_ms / longest_ms - 1e-9).ceil().max(1.0);
        Self { per_frame: per_frame as usize, width_ms: frame_ms / per_frame }
    }
}

/// What surrounds the equations of a population: sizes, time, start and noise.
#[derive(Clone, Copy, Debug)]
pub struct Setting {
    /// Sizes.
    pub signal: Signal,
    /// Duration of a frame, ms.
    pub frame_ms: f64,
    /// Whether the chunk is the first one: the state before it is then the model's initial state, whatever is passed.
    pub start: bool,
    /// Which noise the chunk draws.
    pub noise: Noise,
    /// Strength s of the noise current, in units of the input.
    pub noise_strength: f64,
}

impl Setting {
    /// A population without noise in the middle of a movie.
    pub fn silent(signal: Signal, frame_ms: f64) -> Self {
        let noise = Noise { key: crate::random::Key::new(0, 0, "", 0), first_step: 0 };
        Self { signal, frame_ms, start: false, noise, noise_strength: 0.0 }
    }

    /// The same for another number of frames.
    #[must_use]
    pub const fn with_frames(self, frames: usize) -> Self {
        Self { signal: self.signal.with_frames(frames), ..self }
    }

    /// Standard deviation of the noise current of a frame.
    fn noise_amplitude(&self) -> f64 {
        self.noise_strength / self.frame_ms.sqrt()
    }

    /// Current of one neuron in one frame, line by line.
    pub(crate) fn current(&self, input: f64, plane: usize, pixel: usize, frame: usize) -> f64 {
        if self.noise_strength == 0.0 {
            return input;
        }
        let step = self.noise.first_step + frame as u64;
        let xi = normal::normal(self.noise.key, plane, pixel, Use::Current as u32, step);
        input + self.noise_amplitude() * f64::from(xi)
    }

    /// Currents of a row of neurons that begins at a multiple of 64.
    #[inline(always)]
    fn currents<T: Real>(
        &self,
        input: &[T],
        plane: usize,
        first_pixel: usize,
        frame: usize,
        out: &mut [f64; ROW],
    ) {
        let n = input.len().min(ROW);
        for i in 0..n {
            out[i] = input[i].double();
        }
        if self.noise_strength != 0.0 {
            let step = self.noise.first_step + frame as u64;
            let mut xi = [0.0f32; ROW];
            let block = first_pixel / BLOCK;
            normal::fill_inline(self.noise.key, plane, block, Use::Current as u32, step, &mut xi[..n]);
            let amplitude = self.noise_amplitude();
            for i in 0..n {
                out[i] += amplitude * f64::from(xi[i]);
            }
        }
    }
}

/// What a channel of the output shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Trace {
    /// Spikes of the frame.
    Spikes,
    /// A state variable at the end of the frame.
    State(usize),
}

/// One sub-step of a model with `S` state variables and `P` parameters.
pub(crate) trait Equations<const S: usize, const P: usize>: Clone + Send + Sync {
    /// Longest sub-step, ms.
    const LONGEST_MS: f64;

    /// The state after a sub-step of `h` ms, and the spikes in it.
    fn step(&self, p: &[f64; P], h: f64, state: [f64; S], input: f64) -> ([f64; S], f64);

    /// The transposed derivative of [`Equations::step`]: what `after`, the gradient of the state after the sub-step,
    /// makes of the gradients of the state before it, of the input and of the parameters.
    fn step_adjoint(
        &self,
        p: &[f64; P],
        h: f64,
        state: [f64; S],
        input: f64,
        after: [f64; S],
    ) -> ([f64; S], f64, [f64; P]);

    /// The state before the first frame.
    fn start(&self, p: &[f64; P]) -> [f64; S];

    /// The gradient that [`Equations::start`] hands on to the parameters.
    fn start_adjoint(&self, _p: &[f64; P], _state: [f64; S]) -> [f64; P] {
        [0.0; P]
    }

    /// What the channels of the output show.
    fn traces(&self) -> &'static [Trace];
}

/// The sizes of the output: the channels of one neuron's plane follow one another.
pub(crate) const fn output_signal(signal: Signal, traces: &[Trace]) -> Signal {
    Signal { planes: signal.planes * traces.len(), ..signal }
}

/// The first `P` parameters.
fn parameters<const P: usize>(parameters: &[f64]) -> [f64; P] {
    std::array::from_fn(|i| parameters[i])
}

/// eˣ for any x.
#[inline(always)]
pub(crate) fn exp(x: f64) -> f64 {
    let e = (-x.abs()).exp_of_negative();
    if x > 0.0 { 1.0 / e } else { e }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sub_steps_are_equal_and_never_longer_than_asked() {
        for frames_per_second in [50.0, 300.0, 500.0, 999.0, 1000.0, 1001.0, 20_000.0] {
            for longest_ms in [0.05, 0.1, 1.0] {
                let steps = SubSteps::of(1000.0 / frames_per_second, longest_ms);
                assert!(steps.width_ms <= longest_ms * (1.0 + 1e-9));
                let whole = steps.width_ms * steps.per_frame as f64;
                assert!((whole * frames_per_second - 1000.0).abs() < 1e-9);
            }
        }
        assert_eq!(SubSteps::of(1.0, 0.1).per_frame, 10);
    }

    #[test]
    fn the_exponential_holds_on_both_sides() {
        for x in [-3.0f64, -0.1, 0.0, 0.2, 7.0] {
            assert!((exp(x) / x.exp() - 1.0).abs() < 1e-14);
        }
    }
}
