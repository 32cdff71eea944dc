//! Contrast gain control in its general form: any exponent, threshold, reversal potential, one or both signs, a transient
//! current, any blur.
//!
//! # Equation
//! Continuous: [`crate::gain_control`] is the special case p = 2, V₀ = 0, both signs, E = w = 0 with a Gaussian blur:
//! ```text
//! dV/dt = α·I + E·A + w·E_{τ_T} * V − (g + A)·V
//! A     = G_σ * E_τ * Q(V)
//! u     = λ·max(V − V₀, 0)ᵖ  (+ λ·max(−V − V₀, 0)ᵖ where both signs count)
//! Q(V)  = u, or u/(1 + u/M) where it saturates
//! ```
//! Discrete, with step d:
//! ```text
//! gₜ = g + Aₜ₋₁                        conductance
//! Eₜ = (α·Iₜ + E·Aₜ₋₁ + w·Tₜ₋₁)/gₜ
//! Vₜ = Eₜ + (Vₜ₋₁ − Eₜ)·exp(−d·gₜ)
//! Aₜ = e·Aₜ₋₁ + (1−e)·B_σ Q(Vₜ₋₁)        e = exp(−d/τ)
//! Tₜ = e_T·Tₜ₋₁ + (1−e_T)·Vₜ₋₁          e_T = exp(−d/τ_T)
//! ```
//! B is a blur of [`crate::frame_blur`]. T is added as a current, as Virtual Retina does, so that a positive w is a positive
//! feedback.
//!
//! # Shapes
//! Input I: a movie. Output: V, or, with [`CustomGainControl::with_conductance`], planes V and A in turn. State: the last
//! V, A and T.
//!
//! # Parameters
//! | symbol | name | unit |
//! |---|---|---|
//! | λ | `lambda_amp` ≥ 0 | Hz |
//! | g | `g_leak` > 0 | Hz |
//! | α | `input_amp` | Hz |
//! | τ | `tau_s` > 0 | s |
//! | σ | `sigma_deg` ≥ 0 | degree of visual angle |
//! | p | `exponent` > 0 | – |
//! | V₀ | `threshold` | – |
//! | E | `reversal` | – |
//! | w | `transient_weight` | Hz |
//! | τ_T | `transient_tau_s` > 0 | s |
//!
//! # Source
//! Wohrer & Kornprobst 2009 (J. Comput. Neurosci. 26:219); the options are those of Virtual Retina's
//! `contrast-gain-control-custom`, M = 5·10⁵ Hz its saturation.

mod adjoint;
mod forward;
mod reference;

use crate::frame_blur::Blur;
use crate::low_pass::Exponential;
use crate::operation::{Gradients, Operation};
use crate::{Real, Signal};

/// Virtual Retina's largest conductance and current M, Hz.
pub const SATURATION_HZ: f64 = 5e5;

/// Contrast gain control in its general form: see the [module](self) for the equation.
///
/// ```
/// use convis_kernels::custom_gain_control::CustomGainControl;
/// use convis_kernels::frame_blur::{Blur, Kernel};
/// use convis_kernels::{Operation, Signal};
///
/// // A power of 1 and no threshold: a constant input of 1 settles where (g + λV)·V = α.
/// let signal = Signal { planes: 1, frames: 500, height: 1, width: 1 };
/// let membrane = CustomGainControl {
///     signal,
///     steps_per_second: 1000.0,
///     blur: Blur::uniform(Kernel::Gaussian, 10.0),
///     both_signs: true,
///     saturates: false,
///     with_conductance: false,
/// };
/// let mut v = [0.0f64; 500];
/// let [mut a, mut b, mut c] = [[0.0]; 3];
/// let parameters = [50.0, 50.0, 50.0, 0.005, 0.2, 1.0, 0.0, 0.0, 0.0, 0.03];
/// let zero: &[f64] = &[0.0];
/// membrane.forward(&parameters, &[&[1.0; 500]], &[zero; 3], &mut v, &mut [&mut a, &mut b, &mut c]);
/// assert!(((50.0 + 50.0 * v[499]) * v[499] - 50.0).abs() < 1e-9);
/// ```
#[derive(Clone, Debug)]
pub struct CustomGainControl {
    /// Sizes.
    pub signal: Signal,
    /// Simulation steps per second.
    pub steps_per_second: f64,
    /// How the feedback is blurred.
    pub blur: Blur,
    /// Whether −V feeds back as V does.
    pub both_signs: bool,
    /// Whether Q saturates at [`SATURATION_HZ`].
    pub saturates: bool,
    /// Whether the conductance A is wanted as well: every second plane of the output.
    pub with_conductance: bool,
}

/// The constants of one call.
struct Constants<T> {
    lambda: T,
    leak: T,
    input_amp: T,
    step_s: T,
    keep: T,
    take: T,
    exponent: T,
    threshold: T,
    reversal: T,
    weight: T,
    t_keep: T,
    t_take: T,
    /// 1/M, or 0 without saturation.
    inverse_limit: T,
    both_signs: bool,
}

impl<T: Real> Constants<T> {
    fn new(membrane: &CustomGainControl, p: &[f64]) -> Self {
        let [slow, transient] = membrane.exponentials(p);
        Self {
            lambda: T::of(p[0]),
            leak: T::of(p[1]),
            input_amp: T::of(p[2]),
            step_s: T::of(1.0 / membrane.steps_per_second),
            keep: T::of(slow.keep),
            take: T::of(slow.take),
            exponent: T::of(p[5]),
            threshold: T::of(p[6]),
            reversal: T::of(p[7]),
            weight: T::of(p[8]),
            t_keep: T::of(transient.keep),
            t_take: T::of(transient.take),
            inverse_limit: if membrane.saturates { T::of(1.0 / SATURATION_HZ) } else { T::zero() },
            both_signs: membrane.both_signs,
        }
    }

    /// Whether u = λ·V²: no power to compute.
    fn is_square(&self) -> bool {
        self.both_signs && self.exponent == T::of(2.0) && self.threshold == T::zero()
    }
}

impl CustomGainControl {
    /// Low-passes of the conductance and of the transient.
    fn exponentials(&self, p: &[f64]) -> [Exponential; 2] {
        [p[3], p[9]].map(|tau_s| Exponential::new(tau_s, self.steps_per_second))
    }

    /// Planes of the output per plane of the input.
    const fn outputs(&self) -> usize {
        if self.with_conductance { 2 } else { 1 }
    }
}

impl Operation for CustomGainControl {
    const NAME: &'static str = "custom_gain_control";
    const PARAMETERS: &'static [&'static str] = &[
        "lambda_amp",
        "g_leak",
        "input_amp",
        "tau_s",
        "sigma_deg",
        "exponent",
        "threshold",
        "reversal",
        "transient_weight",
        "transient_tau_s",
    ];

    fn signal(&self) -> Signal {
        self.signal
    }

    fn output_signal(&self) -> Signal {
        Signal { planes: self.outputs() * self.signal.planes, ..self.signal }
    }

    fn with_frames(&self, frames: usize) -> Self {
        Self { signal: self.signal.with_frames(frames), ..self.clone() }
    }

    fn state_lengths(&self) -> Vec<usize> {
        vec![self.signal.state_len(); 3]
    }

    fn reference(
        &self,
        parameters: &[f64],
        inputs: &[&[f64]],
        state: &[&[f64]],
        output: &mut [f64],
        state_after: &mut [&mut [f64]],
    ) {
        reference::custom_gain_control(self, parameters, inputs[0], state, output, state_after);
    }

    fn forward<T: Real>(
        &self,
        parameters: &[f64],
        inputs: &[&[T]],
        state: &[&[T]],
        output: &mut [T],
        state_after: &mut [&mut [T]],
    ) {
        forward::custom_gain_control(self, parameters, inputs[0], state, output, state_after);
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
        adjoint::custom_gain_control(
            self,
            parameters,
            inputs[0],
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
    use crate::frame_blur::Kernel;

    fn case(kernel: Kernel, flags: [bool; 3], height: usize, parameters: &[f64]) -> Case<CustomGainControl> {
        let signal = Signal { planes: 1, frames: 7, height, width: 1 };
        let [both_signs, saturates, with_conductance] = flags;
        let make = move |signal| CustomGainControl {
            signal,
            steps_per_second: 1000.0,
            blur: Blur::uniform(kernel, 10.0),
            both_signs,
            saturates,
            with_conductance,
        };
        // The conductance of a state is never negative.
        Case::new(make, signal, parameters).with_states(&[-1.0..1.0, 0.0..40.0, -1.0..1.0])
    }

    const DERICHE: Kernel = Kernel::Deriche { rounded: false };

    #[test]
    fn conforms() {
        for (kernel, flags, parameters) in [
            (DERICHE, [true, true, false], [100.0, 5.0, 150.0, 0.01, 0.2, 2.0, 0.0, 0.0, 3.0, 0.03]),
            (DERICHE, [false, false, true], [60.0, 50.0, 50.0, 0.005, 0.1, 1.5, 0.1, -0.2, 20.0, 0.02]),
            (
                Kernel::Gaussian,
                [true, true, false],
                [60.0, 50.0, 50.0, 0.005, 0.2, 3.0, -0.2, 0.3, 7.0, 0.01],
            ),
            (
                Kernel::Gaussian,
                [false, true, false],
                [60.0, 50.0, 50.0, 0.005, 0.0, 2.0, 0.0, 0.1, 2.0, 0.03],
            ),
        ] {
            conformance::check(&case(kernel, flags, 3, &parameters));
        }
    }

    #[test]
    fn without_options_it_is_the_gain_control() {
        use crate::gain_control::GainControl;
        let signal = Signal { planes: 1, frames: 30, height: 9, width: 11 };
        let x: Vec<f64> = (0..signal.len()).map(|i| (i as f64 * 0.37).sin()).collect();
        let zeros = vec![0.0; 99];
        let (mut a, mut b) = (vec![0.0; signal.len()], vec![0.0; signal.len()]);
        let [mut s0, mut s1, mut s2] = std::array::from_fn(|_| zeros.clone());
        let plain = GainControl { signal, steps_per_second: 1000.0, pixels_per_degree: 10.0 };
        plain.forward(
            &[60.0, 50.0, 50.0, 0.005, 0.2],
            &[&x],
            &[&zeros, &zeros],
            &mut a,
            &mut [&mut s0, &mut s1],
        );
        let general = CustomGainControl {
            signal,
            steps_per_second: 1000.0,
            blur: Blur::uniform(Kernel::Gaussian, 10.0),
            both_signs: true,
            saturates: false,
            with_conductance: false,
        };
        let parameters = [60.0, 50.0, 50.0, 0.005, 0.2, 2.0, 0.0, 0.0, 0.0, 0.03];
        let state = [&zeros[..]; 3];
        general.forward(&parameters, &[&x], &state, &mut b, &mut [&mut s0, &mut s1, &mut s2]);
        assert!(a.iter().zip(&b).all(|(a, b)| (a - b).abs() < 1e-14));
    }
}
