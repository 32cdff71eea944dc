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

use crate::bands::{self, Bandwise, ByPixel, Pixelwise};
use crate::operation::{Gradients, Operation};
use crate::sums::dot;
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

#[derive(PartialEq)]
struct Difference<T> {
    weight: T,
}

fn difference<T: Real>(parameters: &[f64]) -> ByPixel<Difference<T>> {
    ByPixel(Difference { weight: T::of(parameters[0]) })
}

impl<T: Real> Pixelwise<T> for Difference<T> {
    #[inline(always)]
    fn step(&self, inputs: &[&[T]], _: &mut [&mut [T]], output: &mut [T]) {
        for ((&a, &b), y) in inputs[0].iter().zip(inputs[1]).zip(output) {
            *y = a - self.weight * b;
        }
    }
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
        bands::alone(&difference(parameters), self.signal, inputs, &[], output, &mut []);
    }

    fn bandwise<T: Real>(&self, parameters: &[f64], _: &[&[T]]) -> Option<Box<dyn Bandwise<T>>> {
        Some(Box::new(difference(parameters)))
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
        let [by_a, by_b] = [0, 1].map(|i: usize| {
            let movie = gradients.inputs[i].take();
            let parts: Vec<Option<&mut [T]>> = match movie {
                Some(movie) => movie.chunks_mut(PIECE).map(Some).collect(),
                None => output_gradient.chunks(PIECE).map(|_| None).collect(),
            };
            parts
        });
        let pieces =
            output_gradient.chunks(PIECE).zip(inputs[1].chunks(PIECE)).zip(by_a.into_iter().zip(by_b));
        let sums = parallel::map(pieces.collect(), output_gradient.len(), |((g, b), (by_a, by_b))| {
            if let Some(by_a) = by_a {
                by_a.copy_from_slice(g);
            }
            simd::vectorized(
                #[inline(always)]
                || {
                    for (by_b, &g) in by_b.into_iter().flatten().zip(g) {
                        *by_b = -(w * g);
                    }
                    dot(g, b)
                },
            )
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
