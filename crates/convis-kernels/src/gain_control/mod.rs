//! Contrast gain control: a membrane whose leak conductance grows with recent, nearby contrast.
//!
//! # Equation
//! Continuous:
//! ```text
//! dV/dt = α·I − g_A·V          g_A = g + A
//! A     = G_σ * E_τ * (λ·V²)
//! ```
//! Discrete, with step d = 1/steps per second, from V₋₁ = A₋₁ = 0:
//! ```text
//! gₜ = g + Aₜ₋₁
//! Eₜ = α·Iₜ / gₜ
//! Vₜ = Eₜ + (Vₜ₋₁ − Eₜ)·exp(−d·gₜ)
//! Aₜ = e·Aₜ₋₁ + (1 − e)·λ·G_σ * (Vₜ₋₁²)          e = exp(−d/τ)
//! ```
//! V follows its equation exactly while current and conductance are constant within a step. G_σ is the blur of
//! [`crate::separable_blur`]. With λ = 0 this is a first-order low-pass of gain α/g.
//!
//! # Shapes
//! Input I and output V: a movie. State: the last V and the last A.
//!
//! # Parameters
//! | symbol | name | unit |
//! |---|---|---|
//! | λ | `lambda_amp` ≥ 0 | Hz |
//! | g | `g_leak` > 0 | Hz |
//! | α | `input_amp` | Hz |
//! | τ | `tau_s` > 0 | s |
//! | σ | `sigma_deg` ≥ 0 | degree of visual angle |
//!
//! # Source
//! Wohrer & Kornprobst 2009 (J. Comput. Neurosci. 26:219), contrast gain control at the bipolar level, equations
//! of `V_Bip`, `g_A` and `Q(V) = g⁰_A + λ_A V²`.

mod adjoint;
mod forward;
mod reference;

use crate::bands::Bandwise;
use crate::low_pass::Exponential;
use crate::operation::{Gradients, Operation};
use crate::separable_blur::{TRUNCATE, Taps};
use crate::{Real, Signal};

/// Contrast gain control: see the [module](self) for the equation.
///
/// ```
/// use convis_kernels::{Operation, Signal, gain_control::GainControl};
///
/// // A constant input of 1 settles where (g + λV²)·V = α.
/// let signal = Signal { planes: 1, frames: 500, height: 1, width: 1 };
/// let membrane = GainControl { signal, steps_per_second: 1000.0, pixels_per_degree: 10.0 };
/// let mut v = [0.0f64; 500];
/// let (mut last_v, mut last_a) = ([0.0], [0.0]);
/// let parameters = [50.0, 50.0, 50.0, 0.005, 0.2];
/// membrane.forward(&parameters, &[&[1.0; 500]], &[&[0.0], &[0.0]], &mut v, &mut [&mut last_v, &mut last_a]);
/// let settled = v[499];
/// assert!(((50.0 + 50.0 * settled * settled) * settled - 50.0).abs() < 1e-9);
/// ```
#[derive(Clone, Debug)]
pub struct GainControl {
    /// Sizes.
    pub signal: Signal,
    /// Simulation steps per second.
    pub steps_per_second: f64,
    /// Pixels per degree of visual angle.
    pub pixels_per_degree: f64,
}

/// The constants of one call.
#[derive(Clone, Debug)]
pub(crate) struct Constants {
    pub lambda: f64,
    pub leak: f64,
    pub input_amp: f64,
    pub step_s: f64,
    pub adaptation: Exponential,
    pub taps: Taps,
}

impl GainControl {
    fn constants(&self, parameters: &[f64]) -> Constants {
        Constants {
            lambda: parameters[0],
            leak: parameters[1],
            input_amp: parameters[2],
            step_s: 1.0 / self.steps_per_second,
            adaptation: Exponential::new(parameters[3], self.steps_per_second),
            taps: Taps::new(parameters[4] * self.pixels_per_degree, TRUNCATE),
        }
    }
}

impl Operation for GainControl {
    const NAME: &'static str = "gain_control";
    const PARAMETERS: &'static [&'static str] = &["lambda_amp", "g_leak", "input_amp", "tau_s", "sigma_deg"];

    fn signal(&self) -> Signal {
        self.signal
    }

    fn with_frames(&self, frames: usize) -> Self {
        Self { signal: self.signal.with_frames(frames), ..self.clone() }
    }

    fn state_lengths(&self) -> Vec<usize> {
        vec![self.signal.state_len(); 2]
    }

    fn reference(
        &self,
        parameters: &[f64],
        inputs: &[&[f64]],
        state: &[&[f64]],
        output: &mut [f64],
        state_after: &mut [&mut [f64]],
    ) {
        reference::gain_control(self, parameters, inputs[0], state, output, state_after);
    }

    fn forward<T: Real>(
        &self,
        parameters: &[f64],
        inputs: &[&[T]],
        state: &[&[T]],
        output: &mut [T],
        state_after: &mut [&mut [T]],
    ) {
        forward::gain_control(self, parameters, inputs[0], state, output, state_after);
    }

    /// Only without feedback.
    fn bandwise<T: Real>(&self, parameters: &[f64], state: &[&[T]]) -> Option<Box<dyn Bandwise<T>>> {
        let membrane = forward::WithoutFeedback::of(&self.constants(parameters), state[1])?;
        Some(Box::new(membrane))
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
        adjoint::gain_control(self, parameters, inputs[0], state, output_gradient, state_gradient, gradients);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::conformance::{self, Case};

    #[test]
    fn conforms() {
        for (height, parameters) in [
            (2, [0.0, 50.0, 50.0, 0.005, 0.2]),
            (3, [60.0, 50.0, 50.0, 0.005, 0.2]),
            (5, [200.0, 5.0, 150.0, 0.01, 0.1]),
            (2, [60.0, 50.0, 50.0, 0.005, 0.0]),
        ] {
            let signal = Signal { planes: 1, frames: 7, height, width: 1 };
            let make = |signal| GainControl { signal, steps_per_second: 1000.0, pixels_per_degree: 10.0 };
            // The conductance of a state is never negative.
            conformance::check(&Case::new(make, signal, &parameters).with_states(&[-1.0..1.0, 0.0..40.0]));
        }
    }

    #[test]
    fn conforms_without_feedback() {
        let signal = Signal { planes: 1, frames: 7, height: 2, width: 1 };
        let make = |signal| GainControl { signal, steps_per_second: 1000.0, pixels_per_degree: 10.0 };
        let case = Case::new(make, signal, &[0.0, 50.0, 50.0, 0.005, 0.2]);
        conformance::check(&case.with_states(&[-1.0..1.0, 0.0..0.0]));
    }

    #[test]
    fn both_ways_to_compute_it_without_feedback_give_the_same_bits() {
        // Two planes, one with a conductance left over: that one makes both take the way with feedback.
        let signal = Signal { planes: 2, frames: 5, height: 3, width: 21 };
        let one = Signal { planes: 1, ..signal };
        let x: Vec<f32> = (0..signal.len()).map(|i| (i as f32).sin()).collect();
        let run = |signal: Signal, x: &[f32], a: &[f32]| {
            let membrane = GainControl { signal, steps_per_second: 1000.0, pixels_per_degree: 10.0 };
            let (v, mut y) = (vec![0.3; signal.state_len()], vec![0.0; signal.len()]);
            let (mut v_after, mut a_after) = (v.clone(), v.clone());
            let parameters = [0.0, 50.0, 50.0, 0.005, 0.2];
            membrane.forward(&parameters, &[x], &[&v, a], &mut y, &mut [&mut v_after, &mut a_after]);
            y
        };
        let mut a = vec![0.0; signal.state_len()];
        a[one.state_len()] = 1.0;
        let with = run(signal, &x, &a);
        let without = run(one, &x[..one.len()], &a[..one.state_len()]);
        assert_eq!(with[..one.len()], without);
    }

    #[test]
    fn without_feedback_it_is_a_low_pass_of_gain_input_amp_over_leak() {
        let signal = Signal { planes: 1, frames: 200, height: 1, width: 1 };
        let membrane = GainControl { signal, steps_per_second: 1000.0, pixels_per_degree: 10.0 };
        let mut v = vec![0.0f64; 200];
        membrane.forward(
            &[0.0, 50.0, 100.0, 0.005, 0.2],
            &[&[1.0; 200]],
            &[&[0.0], &[0.0]],
            &mut v,
            &mut [&mut [0.0], &mut [0.0]],
        );
        for (t, v) in v.iter().enumerate() {
            assert!((v - 2.0 * (1.0 - (-0.05 * (t + 1) as f64).exp())).abs() < 1e-13);
        }
    }
}
