//! Exponential low-pass filters in time, alone or in cascade.
//!
//! # Equation
//! Continuous: `y = E_{n,τ} * x`, with `E_{0,τ}(t) = e^{−t/τ}/τ` and `E_{n,τ}` the convolution of n+1
//! exponentials of time constant τ/n (mean delay (n+1)τ/n).
//!
//! Discrete, with step d = 1/steps per second, for each of the n+1 stages (one stage of τ where n = 0):
//! ```text
//! e   = exp(−d/τₛ)                 τₛ = τ if n = 0, else τ/n
//! yₜ  = (1 − e)·xₜ + e·yₜ₋₁         y₋₁ = 0; the output of a stage is the input of the next
//! ```
//! A constant input is reproduced (unit gain at zero frequency) and nothing lags by a step. In single precision a
//! recursion of long time constant loses about 2⁻²⁵·τ/d of its value to rounding: 3e-6 for 0.1 s at 1 kHz.
//!
//! # Shapes
//! Input and output: a movie. State: the last y of each stage (n+1 arrays).
//!
//! # Parameters
//! | symbol | name | unit |
//! |---|---|---|
//! | τ | `tau_s` > 0 | s |
//! | n | [`LowPass::order`] | – |
//!
//! # Source
//! Wohrer & Kornprobst 2009 (J. Comput. Neurosci. 26:219), filters `E_τ` and `E_{n,τ}` of the outer plexiform
//! layer; discretised so that the gain at zero frequency is one at every step width.

mod adjoint;
mod forward;
mod reference;

use crate::bands::{self, Bandwise, ByPixel};
use crate::operation::{Gradients, Operation};
use crate::{Real, Signal};
use forward::Cascade;

/// A cascade of exponential low-pass filters: see the [module](self) for the equation.
///
/// ```
/// use convis_kernels::{Operation, Signal, low_pass::LowPass};
///
/// // One pixel, a step of height 1: the answer is 1 − exp(−t/τ) exactly.
/// let signal = Signal { planes: 1, frames: 5, height: 1, width: 1 };
/// let filter = LowPass { signal, steps_per_second: 1000.0, order: 0 };
/// let (mut y, mut after) = ([0.0f64; 5], [0.0f64]);
/// filter.forward(&[0.010], &[&[1.0; 5]], &[&[0.0]], &mut y, &mut [&mut after]);
/// assert!((y[4] - (1.0 - (-5.0f64 / 10.0).exp())).abs() < 1e-15);
/// assert_eq!(after[0], y[4]);
/// ```
#[derive(Clone, Debug)]
pub struct LowPass {
    /// Sizes.
    pub signal: Signal,
    /// Simulation steps per second.
    pub steps_per_second: f64,
    /// Order n of the cascade: 0 is a single exponential.
    pub order: usize,
}

/// The constants of one exponential stage and their derivatives.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Exponential {
    /// e = exp(−d/τ), the part of y that is kept.
    pub keep: f64,
    /// 1 − e, the weight of the input.
    pub take: f64,
    /// ∂e/∂τ, per second.
    pub keep_by_tau: f64,
}

impl Exponential {
    /// The stage of time constant `tau_s` in seconds.
    pub fn new(tau_s: f64, steps_per_second: f64) -> Self {
        let x = 1.0 / (steps_per_second * tau_s);
        let keep = (-x).exp();
        Self { keep, take: -(-x).exp_m1(), keep_by_tau: keep * x / tau_s }
    }
}

impl LowPass {
    /// Number of stages, n + 1.
    pub const fn stages(&self) -> usize {
        self.order + 1
    }

    /// What every stage divides τ by.
    fn tau_divisor(&self) -> f64 {
        self.order.max(1) as f64
    }

    fn stage(&self, parameters: &[f64]) -> Exponential {
        Exponential::new(parameters[0] / self.tau_divisor(), self.steps_per_second)
    }

    fn cascade<T: Real>(&self, parameters: &[f64]) -> ByPixel<Cascade<T>> {
        let stage = self.stage(parameters);
        ByPixel(Cascade { keep: T::of(stage.keep), take: T::of(stage.take) })
    }
}

impl Operation for LowPass {
    const NAME: &'static str = "low_pass";
    const PARAMETERS: &'static [&'static str] = &["tau_s"];

    fn signal(&self) -> Signal {
        self.signal
    }

    fn with_frames(&self, frames: usize) -> Self {
        Self { signal: self.signal.with_frames(frames), ..self.clone() }
    }

    fn state_lengths(&self) -> Vec<usize> {
        vec![self.signal.state_len(); self.stages()]
    }

    fn reference(
        &self,
        parameters: &[f64],
        inputs: &[&[f64]],
        state: &[&[f64]],
        output: &mut [f64],
        state_after: &mut [&mut [f64]],
    ) {
        reference::low_pass(self, parameters, inputs[0], state, output, state_after);
    }

    fn forward<T: Real>(
        &self,
        parameters: &[f64],
        inputs: &[&[T]],
        state: &[&[T]],
        output: &mut [T],
        state_after: &mut [&mut [T]],
    ) {
        bands::alone(&self.cascade(parameters), self.signal, inputs, state, output, state_after);
    }

    fn bandwise<T: Real>(&self, parameters: &[f64], _: &[&[T]]) -> Option<Box<dyn Bandwise<T>>> {
        Some(Box::new(self.cascade(parameters)))
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
        adjoint::low_pass(self, parameters, inputs[0], state, output_gradient, state_gradient, gradients);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::conformance::{self, Case};

    fn case(order: usize, tau_s: f64) -> Case<LowPass> {
        let signal = Signal { planes: 1, frames: 9, height: 1, width: 1 };
        Case::new(move |signal| LowPass { signal, steps_per_second: 500.0, order }, signal, &[tau_s])
    }

    #[test]
    fn conforms() {
        for (order, tau_s) in [(0, 0.01), (0, 0.2), (1, 0.01), (3, 0.02), (5, 0.004)] {
            conformance::check(&case(order, tau_s));
        }
    }

    #[test]
    fn impulse_response_is_a_sampled_exponential_of_unit_sum() {
        let frames = 4000;
        let signal = Signal { planes: 1, frames, height: 1, width: 1 };
        for order in [0, 2] {
            let filter = LowPass { signal, steps_per_second: 1000.0, order };
            let mut impulse = vec![0.0f64; frames];
            impulse[0] = 1.0;
            let mut y = vec![0.0; frames];
            let zeros = vec![[0.0]; order + 1];
            let state: Vec<&[f64]> = zeros.iter().map(|s| &s[..]).collect();
            let mut after = zeros.clone();
            let mut after: Vec<&mut [f64]> = after.iter_mut().map(|s| &mut s[..]).collect();
            filter.forward(&[0.05], &[&impulse], &state, &mut y, &mut after);
            assert!((y.iter().sum::<f64>() - 1.0).abs() < 1e-12);
            let e = (-1.0f64 / 50.0).exp();
            if order == 0 {
                for t in 0..100 {
                    assert!((y[t] - (1.0 - e) * e.powi(t as i32)).abs() < 1e-15);
                }
            } else {
                // n + 1 stages of τ/n: the mean delay is (n+1)·e_s/(1−e_s) steps.
                let e = (-2.0f64 / 50.0).exp();
                let mean: f64 = y.iter().enumerate().map(|(t, y)| t as f64 * y).sum();
                assert!((mean - 3.0 * e / (1.0 - e)).abs() < 1e-9);
            }
        }
    }
}
