//! Static nonlinearity of the ganglion-cell input: from bipolar potential to synaptic current.
//!
//! # Equation
//! ```text
//! u    = sign·x
//! z    = λ·(u − v₀)
//! N(u) = i₀ + z               where z > 0
//!      = i₀² / (i₀ − z)       elsewhere (0 where i₀ = 0)
//! ```
//! The two branches meet with the same value i₀ and the same slope λ.
//!
//! # Shapes
//! Input and output: a movie. No state.
//!
//! # Parameters
//! | symbol | name | unit |
//! |---|---|---|
//! | sign | `sign`: +1 ON, −1 OFF | – |
//! | i₀ | `i_0` ≥ 0: current at the threshold of linearity | Hz |
//! | v₀ | `v_0`: that threshold | – (bipolar potential) |
//! | λ | `lambda_g`: amplification in the linear range | Hz |
//!
//! # Source
//! Wohrer & Kornprobst 2009 (J. Comput. Neurosci. 26:219), synaptic transmission function N.

use crate::operation::{Gradients, Operation};
use crate::{Real, Signal, parallel, simd};

/// Numbers that one thread works on at a time.
const PIECE: usize = 16_384;

/// The static nonlinearity: see the [module](self) for the equation.
///
/// ```
/// use convis_kernels::{Operation, Signal, ganglion_current::GanglionCurrent};
///
/// let signal = Signal { planes: 1, frames: 1, height: 1, width: 3 };
/// let mut current = [0.0f64; 3];
/// // sign, i_0, v_0, lambda_g of an ON cell: 37 Hz at rest, linear above, compressed below.
/// GanglionCurrent { signal }.forward(&[1.0, 37.0, 0.0, 100.0], &[&[0.0, 0.5, -0.37]], &[], &mut current, &mut []);
/// assert_eq!(current, [37.0, 87.0, 18.5]);
/// ```
#[derive(Clone, Debug)]
pub struct GanglionCurrent {
    /// Sizes.
    pub signal: Signal,
}

/// N at one point, in double precision, line by line.
fn current(parameters: &[f64], x: f64) -> f64 {
    let [sign, i_0, v_0, lambda] = constants::<f64>(parameters);
    let z = lambda * (sign * x - v_0);
    if z > 0.0 {
        i_0 + z
    } else if i_0 == 0.0 {
        0.0
    } else {
        i_0 * i_0 / (i_0 - z)
    }
}

fn constants<T: Real>(parameters: &[f64]) -> [T; 4] {
    std::array::from_fn(|i| T::of(parameters[i]))
}

impl Operation for GanglionCurrent {
    const NAME: &'static str = "ganglion_current";
    const PARAMETERS: &'static [&'static str] = &["sign", "i_0", "v_0", "lambda_g"];

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
        for (y, &x) in output.iter_mut().zip(inputs[0]) {
            *y = current(parameters, x);
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
        let [sign, i_0, v_0, lambda] = constants::<T>(parameters);
        let work = output.len();
        let items: Vec<_> = inputs[0].chunks(PIECE).zip(output.chunks_mut(PIECE)).collect();
        parallel::for_each(items, work, |(x, y)| {
            simd::vectorized(
                #[inline(always)]
                || {
                    // i₀ = 0: the lower branch is 0/(0 − z); a denominator of 1 makes it 0 at z = 0 as well.
                    let guard = if i_0 == T::zero() { T::one() } else { T::zero() };
                    for (&x, y) in x.iter().zip(y) {
                        let z = lambda * (sign * x - v_0);
                        let low = i_0 * i_0 / (i_0 - z + guard);
                        *y = if z > T::zero() { i_0 + z } else { low };
                    }
                },
            );
        });
    }

    /// With z′ = ∂N/∂z (1 above, i₀²/(i₀−z)² below): `∂/∂x = λ·sign·z′`, `∂/∂sign = λ·x·z′`, `∂/∂v₀ = −λ·z′`,
    /// `∂/∂λ = (u−v₀)·z′`; `∂/∂i₀` is 1 above and 2i₀/(i₀−z) − i₀²/(i₀−z)² below.
    fn adjoint<T: Real>(
        &self,
        parameters: &[f64],
        inputs: &[&[T]],
        _: &[&[T]],
        output_gradient: &[T],
        _: &[&[T]],
        mut gradients: Gradients<'_, T>,
    ) {
        let [sign, i_0, v_0, lambda] = constants::<T>(parameters);
        let mut parts = gradients.inputs[0].take().map(|movie| movie.chunks_mut(PIECE));
        let mut items = vec![];
        for (x, g) in inputs[0].chunks(PIECE).zip(output_gradient.chunks(PIECE)) {
            items.push((x, g, parts.as_mut().and_then(Iterator::next)));
        }
        let sums = parallel::map(items, output_gradient.len() * 2, |(x, g, mut gx)| {
            let mut sums = [0.0f64; 4];
            for i in 0..x.len() {
                let u = sign * x[i];
                let z = lambda * (u - v_0);
                let (by_z, by_i_0) = if z > T::zero() {
                    (T::one(), T::one())
                } else if i_0 == T::zero() {
                    (T::zero(), T::zero())
                } else {
                    let q = i_0 / (i_0 - z);
                    (q * q, q + q - q * q)
                };
                let by_u = g[i] * lambda * by_z;
                sums[0] += (by_u * x[i]).double();
                sums[1] += (g[i] * by_i_0).double();
                sums[2] -= by_u.double();
                sums[3] += (g[i] * by_z * (u - v_0)).double();
                if let Some(gx) = &mut gx {
                    gx[i] = by_u * sign;
                }
            }
            sums
        });
        for (p, total) in gradients.parameters.iter_mut().enumerate() {
            *total = sums.iter().map(|s| s[p]).sum();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::conformance::{self, Case};

    #[test]
    fn conforms() {
        let signal = Signal { planes: 1, frames: 9, height: 1, width: 1 };
        for parameters in [[1.0, 37.0, 0.0, 100.0], [-1.0, 80.0, 0.21, 400.0], [1.0, 5.0, -0.3, 20.0]] {
            conformance::check(&Case::new(|signal| GanglionCurrent { signal }, signal, &parameters));
        }
    }

    #[test]
    fn without_resting_current_it_is_a_rectifier() {
        let signal = Signal { planes: 1, frames: 1, height: 1, width: 3 };
        let mut y = [9.0f32; 3];
        GanglionCurrent { signal }.forward(
            &[1.0, 0.0, 0.0, 10.0],
            &[&[-1.0, 0.0, 1.0]],
            &[],
            &mut y,
            &mut [],
        );
        assert_eq!(y, [0.0, 0.0, 10.0]);
    }
}
