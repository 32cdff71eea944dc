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

use crate::bands::{self, Bandwise, ByPixel, Pixelwise};
use crate::operation::{Gradients, Operation};
use crate::sums::{dot, sum};
use crate::{Real, Signal, parallel, simd};

/// Numbers that one thread works on at a time.
const PIECE: usize = 16_384;

/// Numbers whose gradients are summed together.
const ROW: usize = 256;

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

/// sign, i₀, v₀, λ.
#[derive(PartialEq)]
struct Transmission<T>([T; 4]);

fn transmission<T: Real>(parameters: &[f64]) -> ByPixel<Transmission<T>> {
    ByPixel(Transmission(constants(parameters)))
}

impl<T: Real> Pixelwise<T> for Transmission<T> {
    #[inline(always)]
    fn step(&self, inputs: &[&[T]], _: &mut [&mut [T]], output: &mut [T]) {
        let [sign, i_0, v_0, lambda] = self.0;
        // i₀ = 0: the lower branch is 0/(0 − z); a denominator of 1 makes it 0 at z = 0 as well.
        let guard = if i_0 == T::zero() { T::one() } else { T::zero() };
        for (&x, y) in inputs[0].iter().zip(output) {
            let z = lambda * (sign * x - v_0);
            let low = i_0 * i_0 / (i_0 - z + guard);
            *y = if z > T::zero() { i_0 + z } else { low };
        }
    }
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
        bands::alone(&transmission(parameters), self.signal, inputs, &[], output, &mut []);
    }

    fn bandwise<T: Real>(&self, parameters: &[f64], _: &[&[T]]) -> Option<Box<dyn Bandwise<T>>> {
        Some(Box::new(transmission(parameters)))
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
            let guard = if i_0 == T::zero() { T::one() } else { T::zero() };
            let mut by = [[T::zero(); ROW]; 3];
            let mut ignored = [T::zero(); ROW];
            simd::vectorized(
                #[inline(always)]
                || {
                    for (row, (x, g)) in x.chunks(ROW).zip(g.chunks(ROW)).enumerate() {
                        let n = x.len();
                        let gx = match &mut gx {
                            Some(gx) => &mut gx[row * ROW..row * ROW + n],
                            None => &mut ignored[..n],
                        };
                        let [by_i_0, by_u, by_lambda] = &mut by;
                        for i in 0..n {
                            let u = sign * x[i];
                            let z = lambda * (u - v_0);
                            let q = i_0 / (i_0 - z + guard);
                            let above = z > T::zero();
                            let by_z = g[i] * if above { T::one() } else { q * q };
                            by_i_0[i] = g[i] * if above { T::one() } else { q + q - q * q };
                            by_u[i] = lambda * by_z;
                            by_lambda[i] = by_z * (u - v_0);
                            gx[i] = by_u[i] * sign;
                        }
                        sums[0] += dot(&by_u[..n], x);
                        sums[1] += sum(&by_i_0[..n]);
                        sums[2] -= sum(&by_u[..n]);
                        sums[3] += sum(&by_lambda[..n]);
                    }
                },
            );
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
