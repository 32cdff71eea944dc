//! Low-pass filter in time whose blur in space grows with the age of what it remembers: the leaky heat equation.
//!
//! # Equation
//! Continuous: `y = K * x` with `K(r, t) = G_{σ√(t/τ)}(r)·e^{−t/τ}/τ`, the solution of
//! `τ·∂y/∂t = (σ²/2)·Δy − y + λ·x`: a leaky sheet of coupled cells.
//!
//! Discrete, with step d and one blur per step:
//! ```text
//! e  = exp(−d/τ),  s = σ·√(d/τ)
//! yₜ = B_s(e·yₜ₋₁ + (1 − e)·λ·(xₜ − o))
//! ```
//! B is a blur of [`crate::frame_blur`], o a constant offset of the input, usually 0. With its heat kernel, variances add up exactly and the width does not depend on
//! the step; with Deriche's, as in Virtual Retina, it does (see `docs/parity/virtual-retina.md`).
//!
//! # Shapes
//! Input and output: a movie. State: the last y.
//!
//! # Parameters
//! | symbol | name | unit |
//! |---|---|---|
//! | σ | `sigma_deg` ≥ 0: width after one time constant | degree of visual angle |
//! | τ | `tau_s` > 0 | s |
//! | λ | `gain` | – |
//!
//! # Source
//! Wohrer & Kornprobst 2009 (J. Comput. Neurosci. 26:219), `leaky-heat-equation` of the outer plexiform layer.

mod adjoint;
mod forward;

use crate::frame_blur::Blur;
use crate::low_pass::Exponential;
use crate::operation::{Gradients, Operation};
use crate::{Real, Signal};

/// The leaky heat equation: see the [module](self).
///
/// ```
/// use convis_kernels::frame_blur::{Blur, Kernel};
/// use convis_kernels::{Operation, Signal, leaky_heat::LeakyHeat};
///
/// // A flash of one pixel spreads: after a step of τ/10 its variance is σ²/10, at any width.
/// let signal = Signal { planes: 1, frames: 1, height: 1, width: 41 };
/// let sheet = LeakyHeat { signal, steps_per_second: 1000.0, blur: Blur::uniform(Kernel::Heat, 10.0), offset: 0.0 };
/// let mut flash = [0.0f64; 41];
/// flash[20] = 1.0;
/// let (mut y, mut after) = ([0.0; 41], [0.0; 41]);
/// sheet.forward(&[0.05, 0.010, 1.0], &[&flash], &[&[0.0; 41]], &mut y, &mut [&mut after]);
/// let sum: f64 = y.iter().sum();
/// let variance: f64 = (0..41).map(|q| (q as f64 - 20.0).powi(2) * y[q] / sum).sum();
/// assert!((sum - (1.0 - (-0.1f64).exp())).abs() < 1e-12);
/// assert!((variance - 0.25 / 10.0).abs() < 1e-7);
/// ```
#[derive(Clone, Debug)]
pub struct LeakyHeat {
    /// Sizes.
    pub signal: Signal,
    /// Simulation steps per second.
    pub steps_per_second: f64,
    /// How a frame is blurred.
    pub blur: Blur,
    /// What is taken off the input.
    pub offset: f64,
}

impl LeakyHeat {
    /// Width of the blur of one step, and the low-pass of one step.
    fn step(&self, parameters: &[f64]) -> (f64, Exponential) {
        let [sigma_deg, tau_s, _] = parameters else { panic!("three parameters") };
        let sigma_of_step = sigma_deg * (1.0 / (self.steps_per_second * tau_s)).sqrt();
        (sigma_of_step, Exponential::new(*tau_s, self.steps_per_second))
    }
}

impl Operation for LeakyHeat {
    const NAME: &'static str = "leaky_heat";
    const PARAMETERS: &'static [&'static str] = &["sigma_deg", "tau_s", "gain"];

    fn signal(&self) -> Signal {
        self.signal
    }

    fn with_frames(&self, frames: usize) -> Self {
        Self { signal: self.signal.with_frames(frames), ..self.clone() }
    }

    fn state_lengths(&self) -> Vec<usize> {
        vec![self.signal.state_len()]
    }

    fn reference(
        &self,
        parameters: &[f64],
        inputs: &[&[f64]],
        state: &[&[f64]],
        output: &mut [f64],
        state_after: &mut [&mut [f64]],
    ) {
        let (pixels, width) = (self.signal.pixels(), self.signal.width);
        let d = 1.0 / self.steps_per_second;
        let &[sigma, tau, gain] = parameters else { panic!("three parameters") };
        let e = (-d / tau).exp();
        let blur =
            |x: &[f64]| crate::frame_blur::reference_frame(&self.blur, sigma * (d / tau).sqrt(), width, x);
        for plane in 0..self.signal.planes {
            let mut y = state[0][plane * pixels..(plane + 1) * pixels].to_vec();
            for t in 0..self.signal.frames {
                let at = (plane * self.signal.frames + t) * pixels;
                let sum: Vec<f64> = (0..pixels)
                    .map(|i| e * y[i] + (1.0 - e) * gain * (inputs[0][at + i] - self.offset))
                    .collect();
                y = blur(&sum);
                output[at..at + pixels].copy_from_slice(&y);
            }
            state_after[0][plane * pixels..(plane + 1) * pixels].copy_from_slice(&y);
        }
    }

    fn forward<T: Real>(
        &self,
        parameters: &[f64],
        inputs: &[&[T]],
        state: &[&[T]],
        output: &mut [T],
        state_after: &mut [&mut [T]],
    ) {
        forward::leaky_heat(self, parameters, inputs[0], state[0], output, state_after[0]);
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
        adjoint::leaky_heat(
            self,
            parameters,
            inputs[0],
            state[0],
            output_gradient,
            state_gradient[0],
            gradients,
        );
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::conformance::{self, Case};
    use crate::frame_blur::{Field, Kernel};

    #[test]
    fn conforms() {
        for kernel in [Kernel::Gaussian, Kernel::Heat, Kernel::Deriche { rounded: false }] {
            for (sigma_deg, height) in [(0.3, 5), (0.0, 2)] {
                let signal = Signal { planes: 1, frames: 5, height, width: 1 };
                let make = move |signal| LeakyHeat {
                    signal,
                    steps_per_second: 200.0,
                    blur: Blur::uniform(kernel, 10.0),
                    offset: -0.2,
                };
                conformance::check(&Case::new(make, signal, &[sigma_deg, 0.012, 1.3]));
            }
        }
    }

    #[test]
    fn conforms_where_the_width_varies() {
        let make = |signal: Signal| {
            let field = Field::radial(signal.height, signal.width, 10.0, 0.1, 2.0);
            let kernel = Kernel::Deriche { rounded: false };
            let blur = Blur { kernel, pixels_per_degree: 10.0, field: Some(Arc::new(field)) };
            LeakyHeat { signal, steps_per_second: 200.0, blur, offset: 0.0 }
        };
        let signal = Signal { planes: 1, frames: 5, height: 5, width: 1 };
        conformance::check(&Case::new(make, signal, &[0.2, 0.012, 1.3]));
    }

    #[test]
    fn the_width_does_not_depend_on_the_step() {
        // The whole response to a flash has variance Σ e^{−t/τ}·σ²·t/τ ∝ σ² (t ≥ one step).
        let variance = |steps_per_second: f64| {
            let frames = (0.2 * steps_per_second) as usize;
            let signal = Signal { planes: 1, frames, height: 1, width: 101 };
            let sheet =
                LeakyHeat { signal, steps_per_second, blur: Blur::uniform(Kernel::Heat, 20.0), offset: 0.0 };
            let mut flash = vec![0.0f64; signal.len()];
            flash[50] = 1.0;
            let (mut y, mut after) = (vec![0.0; signal.len()], vec![0.0; 101]);
            sheet.forward(&[0.03, 0.010, 1.0], &[&flash], &[&[0.0; 101]], &mut y, &mut [&mut after]);
            let sum: f64 = y.iter().sum();
            y.iter().enumerate().map(|(i, y)| ((i % 101) as f64 - 50.0).powi(2) * y / sum).sum::<f64>()
        };
        for steps_per_second in [200.0, 1000.0, 5000.0] {
            let x: f64 = 1.0 / (steps_per_second * 0.010);
            // Mean age of what is remembered, the step of the flash counted whole.
            let age = x / (1.0 - (-x).exp());
            let got = variance(steps_per_second);
            assert!((got / (0.36 * age) - 1.0).abs() < 1e-5, "{steps_per_second}: {got}");
        }
    }
}
