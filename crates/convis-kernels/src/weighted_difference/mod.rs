//! Centre minus weighted surround.
//!
//! # Equation
//! ```text
//! yₜ = aₜ − w·bₜ
//! ```
//!
//! # Shapes
//! Two input movies a, b and one output movie of the same sizes. No state.
//!
//! # Parameters
//! | symbol | name | unit |
//! |---|---|---|
//! | w | `weight` | – |
//!
//! # Source
//! Wohrer & Kornprobst 2009 (J. Comput. Neurosci. 26:219), output of the outer plexiform layer
//! `I_OPL = λ(C − w·S)`; the amplification is applied to the input.

use crate::operation::{Gradients, Operation};
use crate::{Real, Signal, parallel, simd};

/// Numbers that one thread works on at a time.
const PIECE: usize = 16_384;

/// `a − w·b`: see the [module](self).
///
/// ```
/// use convis_kernels::{Operation, Signal, weighted_difference::WeightedDifference};
///
/// let signal = Signal { planes: 1, frames: 1, height: 1, width: 2 };
/// let mut y = [0.0f32; 2];
/// WeightedDifference { signal }.forward(&[0.5], &[&[1.0, 2.0], &[2.0, 2.0]], &[], &mut y, &mut []);
/// assert_eq!(y, [0.0, 1.0]);
/// ```
#[derive(Clone, Debug)]
pub struct WeightedDifference {
    /// Sizes.
    pub signal: Signal,
}

impl Operation for WeightedDifference {
    const NAME: &'static str = "weighted_difference";
    const PARAMETERS: &'static [&'static str] = &["weight"];
    const INPUTS: usize = 2;

    fn signal(&self) -> Signal {
        self.signal
    }

    fn with_frames(&self, frames: usize) -> Self {
        Self { signal: self.signal.with_frames(frames) }
    }

    fn reference(
        &self,
        parameters: &[f64],
        inputs: &[&[f64]],
        _: &[&[f64]],
        output: &mut [f64],
        _: &mut [&mut [f64]],
    ) {
        for i in 0..output.len() {
            output[i] = inputs[0][i] - parameters[0] * inputs[1][i];
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
        let w = T::of(parameters[0]);
        let work = output.len();
        let items: Vec<_> =
            inputs[0].chunks(PIECE).zip(inputs[1].chunks(PIECE)).zip(output.chunks_mut(PIECE)).collect();
        parallel::for_each(items, work, |((a, b), y)| {
            simd::vectorized(
                #[inline(always)]
                || {
                    for ((&a, &b), y) in a.iter().zip(b).zip(y) {
                        *y = a - w * b;
                    }
                },
            );
        });
    }

    /// `∂/∂a = g`, `∂/∂b = −w·g`, `∂/∂w = −Σ g·b`.
    fn adjoint<T: Real>(
        &self,
        parameters: &[f64],
        inputs: &[&[T]],
        _: &[&[T]],
        output_gradient: &[T],
        _: &[&[T]],
        mut gradients: Gradients<'_, T>,
    ) {
        let w = T::of(parameters[0]);
        if let Some(a) = &mut gradients.inputs[0] {
            a.copy_from_slice(output_gradient);
        }
        if let Some(b) = &mut gradients.inputs[1] {
            for (b, &g) in b.iter_mut().zip(output_gradient) {
                *b = -(w * g);
            }
        }
        let pieces = output_gradient.chunks(PIECE).zip(inputs[1].chunks(PIECE)).collect();
        let sums = parallel::map(pieces, output_gradient.len(), |(g, b)| {
            g.iter().zip(b).map(|(&g, &b)| (g * b).double()).sum::<f64>()
        });
        gradients.parameters[0] = -sums.iter().sum::<f64>();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::conformance::{self, Case};

    #[test]
    fn conforms() {
        let signal = Signal { planes: 1, frames: 9, height: 1, width: 1 };
        conformance::check(&Case::new(|signal| WeightedDifference { signal }, signal, &[0.7]));
    }
}
