//! Centre minus weighted surround, both given as deviations from the steady state of a luminance.
//!
//! # Equation
//! ```text
//! R₀ = λ·(1 − u)·L₀               steady state of centre and surround
//! yₜ = (aₜ + R₀) − w·(bₜ + R₀) = aₜ − w·bₜ + (1 − w)·R₀
//! ```
//!
//! # Shapes
//! Two input movies a, b and one output movie of the same sizes. No state.
//!
//! # Parameters
//! | symbol | name | unit |
//! |---|---|---|
//! | w | `weight` | – |
//! | λ | `gain` | per unit of luminance |
//! | u | `undershoot`: weight of the centre's undershoot | – |
//!
//! # Source
//! Wohrer & Kornprobst 2009 (J. Comput. Neurosci. 26:219), output of the outer plexiform layer.

use crate::operation::{Gradients, Operation};
use crate::{Real, Signal, parallel, simd};

/// Numbers that one thread works on at a time.
const PIECE: usize = 16_384;

/// Centre minus surround around a steady state: see the [module](self).
///
/// ```
/// use convis_kernels::{Operation, Signal, adapted_difference::AdaptedDifference};
///
/// let signal = Signal { planes: 1, frames: 1, height: 1, width: 2 };
/// let mut y = [0.0f32; 2];
/// // Adapted to a luminance of 100, gain 0.1, surround of half the weight.
/// AdaptedDifference { signal, level: 100.0 }
///     .forward(&[0.5, 0.1, 0.0], &[&[1.0, 0.0], &[2.0, 0.0]], &[], &mut y, &mut []);
/// assert_eq!(y, [5.0, 5.0]);
/// ```
#[derive(Clone, Debug)]
pub struct AdaptedDifference {
    /// Sizes.
    pub signal: Signal,
    /// The luminance L₀.
    pub level: f64,
}

impl AdaptedDifference {
    fn constant(&self, parameters: &[f64]) -> f64 {
        (1.0 - parameters[0]) * parameters[1] * (1.0 - parameters[2]) * self.level
    }
}

impl Operation for AdaptedDifference {
    const NAME: &'static str = "adapted_difference";
    const PARAMETERS: &'static [&'static str] = &["weight", "gain", "undershoot"];
    const INPUTS: usize = 2;

    fn signal(&self) -> Signal {
        self.signal
    }

    fn with_frames(&self, frames: usize) -> Self {
        Self { signal: self.signal.with_frames(frames), ..self.clone() }
    }

    fn reference(
        &self,
        parameters: &[f64],
        inputs: &[&[f64]],
        _: &[&[f64]],
        output: &mut [f64],
        _: &mut [&mut [f64]],
    ) {
        let rest = parameters[1] * (1.0 - parameters[2]) * self.level;
        for i in 0..output.len() {
            output[i] = (inputs[0][i] + rest) - parameters[0] * (inputs[1][i] + rest);
        }
    }

    fn forward<T: Real>(
        &self,
        parameters: &[f64],
        inputs: &[&[T]],
        _: &[&[T]],
        output: &mut [T],
        _: &mut [&mut [T]],
    ) {
        let (w, constant) = (T::of(parameters[0]), T::of(self.constant(parameters)));
        let work = output.len();
        let items: Vec<_> =
            inputs[0].chunks(PIECE).zip(inputs[1].chunks(PIECE)).zip(output.chunks_mut(PIECE)).collect();
        parallel::for_each(items, work, |((a, b), y)| {
            simd::vectorized(
                #[inline(always)]
                || {
                    for ((&a, &b), y) in a.iter().zip(b).zip(y) {
                        *y = (a - w * b) + constant;
                    }
                },
            );
        });
    }

    /// `∂/∂a = g`, `∂/∂b = −w·g`, `∂/∂w = −Σ g·(b + R₀)`, `∂/∂λ = Σ g·(1−w)·(1−u)·L₀`, `∂/∂u = −Σ g·(1−w)·λ·L₀`.
    fn adjoint<T: Real>(
        &self,
        parameters: &[f64],
        inputs: &[&[T]],
        _: &[&[T]],
        output_gradient: &[T],
        _: &[&[T]],
        mut gradients: Gradients<'_, T>,
    ) {
        let &[weight, gain, undershoot] = parameters else { panic!("three parameters") };
        let w = T::of(weight);
        if let Some(a) = &mut gradients.inputs[0] {
            a.copy_from_slice(output_gradient);
        }
        if let Some(b) = &mut gradients.inputs[1] {
            b.iter_mut().zip(output_gradient).for_each(|(b, &g)| *b = -(w * g));
        }
        let pieces = output_gradient.chunks(PIECE).zip(inputs[1].chunks(PIECE)).collect();
        let sums = parallel::map(pieces, output_gradient.len(), |(g, b)| {
            let by_weight = g.iter().zip(b).map(|(&g, &b)| (g * b).double()).sum::<f64>();
            (by_weight, g.iter().map(|g| g.double()).sum::<f64>())
        });
        let by_weight: f64 = sums.iter().map(|s| s.0).sum();
        let total: f64 = sums.iter().map(|s| s.1).sum();
        let rest = gain * (1.0 - undershoot) * self.level;
        gradients.parameters[0] = -by_weight - rest * total;
        gradients.parameters[1] = (1.0 - weight) * (1.0 - undershoot) * self.level * total;
        gradients.parameters[2] = -(1.0 - weight) * gain * self.level * total;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::conformance::{self, Case};

    #[test]
    fn conforms() {
        let signal = Signal { planes: 1, frames: 9, height: 1, width: 1 };
        for level in [0.0, 2.5] {
            let make = move |signal| AdaptedDifference { signal, level };
            conformance::check(&Case::new(make, signal, &[0.7, 0.4, 0.3]));
        }
    }
}
