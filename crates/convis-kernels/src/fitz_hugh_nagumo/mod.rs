//! The oscillator of FitzHugh and Nagumo.
//!
//! # Equation
//! Continuous, with one unit of time = 1 ms:
//! ```text
//! dv/dt = v − v³/3 − w + I
//! dw/dt = τ·(v + a − b·w)
//! ```
//! Discrete: Euler's rule with sub-steps of at most 0.1 ms (ten per frame at 1000 frames per second), I constant within
//! a frame; both right sides are taken at the old values. v = w = 0 before the first frame. [`Sign::Minus`] has −a, as
//! the 2018 toolbox had it.
//!
//! # Shapes
//! Input I and output v (at the end of each frame): movies. State: v and w.
//!
//! # Parameters
//! | symbol | name | unit | textbook |
//! |---|---|---|---|
//! | a | `a` | – | 0.7 |
//! | b | `b` | – | 0.8 |
//! | τ | `tau` | 1/ms | 0.08 |
//!
//! The adjoint reverses every sub-step ([`crate::membrane`]).
//!
//! # Source
//! FitzHugh 1961 (Biophys. J. 1:445), equations 1 and 2; Nagumo, Arimoto & Yoshizawa 1962 (Proc. IRE 50:2061). Sign of
//! v and constants as in the usual textbook form (τ = 1/12.5).

mod reference;

use crate::membrane::{self, Equations, Setting, Trace};
use crate::operation::{Gradients, Operation};
use crate::{Real, Signal};

/// The sign of a in the equation of w.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Sign {
    /// `v + a − b·w`, as published.
    #[default]
    Plus,
    /// `v − a − b·w`, as the 2018 toolbox had it.
    Minus,
}

impl Sign {
    const fn factor(self) -> f64 {
        match self {
            Self::Plus => 1.0,
            Self::Minus => -1.0,
        }
    }
}

/// A population of FitzHugh–Nagumo oscillators: see the [module](self) for the equation.
///
/// ```
/// use convis_kernels::fitz_hugh_nagumo::{FitzHughNagumo, Sign};
/// use convis_kernels::{Operation, Signal, membrane::Setting};
///
/// // A sub-step of 0.1 ms from rest: v = 0.1·I, w = 0.1·τ·a.
/// let signal = Signal { planes: 1, frames: 1, height: 1, width: 1 };
/// let cells = FitzHughNagumo { setting: Setting::silent(signal, 0.1), sign: Sign::Plus };
/// let (mut y, mut v, mut w) = ([0.0f64], [0.0], [0.0]);
/// cells.forward(&[0.7, 0.8, 0.08], &[&[0.5]], &[&[0.0], &[0.0]], &mut y, &mut [&mut v, &mut w]);
/// assert!((y[0] - 0.05).abs() < 1e-15 && (w[0] - 0.0056).abs() < 1e-15);
/// ```
#[derive(Clone, Debug)]
pub struct FitzHughNagumo {
    /// Sizes, time, start and noise.
    pub setting: Setting,
    /// The sign of a.
    pub sign: Sign,
}

impl Equations<2, 3> for FitzHughNagumo {
    const LONGEST_MS: f64 = 0.1;

    #[inline(always)]
    fn step(&self, &[a, b, tau]: &[f64; 3], h: f64, [v, w]: [f64; 2], input: f64) -> ([f64; 2], f64) {
        let third = 1.0 / 3.0;
        let a = self.sign.factor() * a;
        let v_after = v + h * (input + v - v * v * v * third - w);
        let w_after = w + h * (tau * (v + a - b * w));
        ([v_after, w_after], 0.0)
    }

    #[inline(always)]
    fn step_adjoint(
        &self,
        &[a, b, tau]: &[f64; 3],
        h: f64,
        [v, w]: [f64; 2],
        _input: f64,
        [v_bar, w_bar]: [f64; 2],
    ) -> ([f64; 2], f64, [f64; 3]) {
        let sign = self.sign.factor();
        let (hv, hw) = (h * v_bar, h * w_bar);
        let state = [v_bar + hv * (1.0 - v * v) + hw * tau, w_bar - hv - hw * tau * b];
        (state, hv, [hw * tau * sign, -(hw * tau * w), hw * (v + sign * a - b * w)])
    }

    fn start(&self, _p: &[f64; 3]) -> [f64; 2] {
        [0.0; 2]
    }

    fn traces(&self) -> &'static [Trace] {
        &[Trace::State(0)]
    }
}

impl Operation for FitzHughNagumo {
    const NAME: &'static str = "fitz_hugh_nagumo";
    const PARAMETERS: &'static [&'static str] = &["a", "b", "tau"];

    fn signal(&self) -> Signal {
        self.setting.signal
    }

    fn with_frames(&self, frames: usize) -> Self {
        Self { setting: self.setting.with_frames(frames), ..self.clone() }
    }

    fn state_lengths(&self) -> Vec<usize> {
        vec![self.setting.signal.state_len(); 2]
    }

    fn reference(
        &self,
        parameters: &[f64],
        inputs: &[&[f64]],
        state: &[&[f64]],
        output: &mut [f64],
        state_after: &mut [&mut [f64]],
    ) {
        reference::fitz_hugh_nagumo(self, parameters, inputs[0], state, output, state_after);
    }

    fn forward<T: Real>(
        &self,
        parameters: &[f64],
        inputs: &[&[T]],
        state: &[&[T]],
        output: &mut [T],
        state_after: &mut [&mut [T]],
    ) {
        membrane::forward(self, &self.setting, parameters, inputs[0], state, output, state_after);
    }

    fn adjoint<T: Real>(
        &self,
        parameters: &[f64],
        inputs: &[&[T]],
        state: &[&[T]],
        output_gradient: &[T],
        state_gradient: &[&[T]],
        gradients: Gradients<'_, T>,
    ) {
        let (setting, input) = (&self.setting, inputs[0]);
        membrane::adjoint(
            self,
            setting,
            parameters,
            input,
            state,
            output_gradient,
            state_gradient,
            gradients,
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::conformance::{self, Case};

    const TEXTBOOK: [f64; 3] = [0.7, 0.8, 0.08];

    #[test]
    fn conforms() {
        let signal = Signal { planes: 1, frames: 6, height: 1, width: 1 };
        for (sign, frame_ms) in [(Sign::Plus, 1.0), (Sign::Minus, 2.0), (Sign::Plus, 0.37)] {
            let make = move |signal| FitzHughNagumo { setting: Setting::silent(signal, frame_ms), sign };
            conformance::check(&Case::new(make, signal, &TEXTBOOK));
        }
    }

    fn run(input: f64, frames: usize, start: [f64; 2]) -> Vec<f64> {
        let signal = Signal { planes: 1, frames, height: 1, width: 1 };
        let cells = FitzHughNagumo { setting: Setting::silent(signal, 1.0), sign: Sign::Plus };
        let (mut y, mut v, mut w) = (vec![0.0; frames], [0.0], [0.0]);
        let state: [&[f64]; 2] = [&start[..1], &start[1..]];
        cells.forward(&TEXTBOOK, &[&vec![input; frames]], &state, &mut y, &mut [&mut v, &mut w]);
        y
    }

    #[test]
    fn rest_is_the_fixed_point_and_a_current_makes_it_oscillate() {
        // v − v³/3 = w = (v + a)/b without a current: v = −1.1994 (FitzHugh 1961 gives −1.1994, −0.6243).
        let y = run(0.0, 2000, [0.0, 0.0]);
        let v = y[1999];
        assert!((v - v.powi(3) / 3.0 - (v + 0.7) / 0.8).abs() < 1e-9);
        assert!((v + 1.1994).abs() < 1e-4);
        // I = 0.5 lies between the two Hopf points (0.3313, 1.4187): a limit cycle of amplitude about 4 peak to peak.
        let tail = &run(0.5, 2000, [0.0, 0.0])[1000..];
        let (low, high) = tail.iter().fold((f64::MAX, f64::MIN), |(low, high), &v| (low.min(v), high.max(v)));
        assert!(low < -1.8 && high > 1.8, "{low} … {high}");
    }
}
