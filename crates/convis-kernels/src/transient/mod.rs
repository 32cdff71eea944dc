//! Transient filter: the signal minus a weighted exponential low-pass of it.
//!
//! # Equation
//! Continuous: `y = T_{w,τ} * x` with `T_{w,τ} = δ − w·E_τ`.
//!
//! Discrete, with step d = 1/steps per second:
//! ```text
//! e   = exp(−d/τ)
//! lₜ  = (1 − e)·xₜ + e·lₜ₋₁      l₋₁ = 0
//! yₜ  = xₜ − w·lₜ
//! ```
//! The low-pass contains the present sample: there is no lag. w = 0 passes the signal through, w = 1 removes its
//! mean.
//!
//! # Shapes
//! Input and output: a movie. State: the last l.
//!
//! # Parameters
//! | symbol | name | unit |
//! |---|---|---|
//! | τ | `tau_s` > 0 | s |
//! | w | `weight` | – |
//!
//! # Source
//! Wohrer & Kornprobst 2009 (J. Comput. Neurosci. 26:219), filter `T_{w,τ}`: the undershoot of the centre and
//! the transient of the ganglion cells.

mod adjoint;
mod forward;
mod reference;

use crate::bands::{self, Bandwise, ByPixel};
use crate::low_pass::Exponential;
use crate::operation::{Gradients, Operation};
use crate::{Real, Signal};
use forward::Filter;

/// The transient filter: see the [module](self) for the equation.
///
/// ```
/// use convis_kernels::{Operation, Signal, transient::Transient};
///
/// // The answer to a step jumps to nearly 1 and decays to 1 − w.
/// let signal = Signal { planes: 1, frames: 400, height: 1, width: 1 };
/// let filter = Transient { signal, steps_per_second: 1000.0 };
/// let (mut y, mut after) = ([0.0f64; 400], [0.0f64]);
/// filter.forward(&[0.020, 0.7], &[&[1.0; 400]], &[&[0.0]], &mut y, &mut [&mut after]);
/// assert!(y[0] > 0.9 && (y[399] - 0.3).abs() < 1e-6);
/// ```
#[derive(Clone, Debug)]
pub struct Transient {
    /// Sizes.
    pub signal: Signal,
    /// Simulation steps per second.
    pub steps_per_second: f64,
}

impl Transient {
    fn stage(&self, parameters: &[f64]) -> Exponential {
        Exponential::new(parameters[0], self.steps_per_second)
    }

    fn filter<T: Real>(&self, parameters: &[f64]) -> ByPixel<Filter<T>> {
        let stage = self.stage(parameters);
        ByPixel(Filter { keep: T::of(stage.keep), take: T::of(stage.take), weight: T::of(parameters[1]) })
    }
}

impl Operation for Transient {
    const NAME: &'static str = "transient";
    const PARAMETERS: &'static [&'static str] = &["tau_s", "weight"];

    fn signal(&self) -> Signal {
        self.signal
    }

    fn with_frames(&self, frames: usize) -> Self {
        Self { signal: self.signal.with_frames(frames), ..self.clone() }
    }

    fn state_lengths(&self) -> Vec<usize> {
        vec![self.signal.state_len(); 1]
    }

    fn reference(
        &self,
        parameters: &[f64],
        inputs: &[&[f64]],
        state: &[&[f64]],
        output: &mut [f64],
        state_after: &mut [&mut [f64]],
    ) {
        reference::transient(self, parameters, inputs[0], state[0], output, state_after[0]);
    }

    fn forward<T: Real>(
        &self,
        parameters: &[f64],
        inputs: &[&[T]],
        state: &[&[T]],
        output: &mut [T],
        state_after: &mut [&mut [T]],
    ) {
        bands::alone(&self.filter(parameters), self.signal, inputs, state, output, state_after);
    }

    fn bandwise<T: Real>(&self, parameters: &[f64], _: &[&[T]]) -> Option<Box<dyn Bandwise<T>>> {
        Some(Box::new(self.filter(parameters)))
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
        adjoint::transient(
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
    use super::*;
    use crate::conformance::{self, Case};

    #[test]
    fn conforms() {
        let signal = Signal { planes: 1, frames: 9, height: 1, width: 1 };
        for parameters in [[0.02, 0.7], [0.1, 1.0], [0.005, 0.0]] {
            conformance::check(&Case::new(
                |signal| Transient { signal, steps_per_second: 1000.0 },
                signal,
                &parameters,
            ));
        }
    }
}
