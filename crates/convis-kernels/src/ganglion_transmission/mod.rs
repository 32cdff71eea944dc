//! From bipolar potential to ganglion-cell current in one pass: transient, sign, static nonlinearity, saturation.
//!
//! # Equation
//! The filter of [`crate::transient`], then the nonlinearity of [`crate::ganglion_current`]:
//! ```text
//! lₜ   = (1 − e)·xₜ + e·lₜ₋₁          e = exp(−d/τ)
//! z    = λ·(sign·(xₜ − w·lₜ) − v₀)
//! N    = i₀ + z                       where z > 0;  i₀ + (M−i₀)·z/(M−i₀+z) where it saturates
//!      = i₀²/(i₀ − z)                 elsewhere (0 where i₀ = 0)
//! ```
//!
//! # Shapes
//! Input and output: a movie. State: the last l.
//!
//! # Parameters
//! | symbol | name | unit |
//! |---|---|---|
//! | τ | `tau_s` > 0 | s |
//! | w | `weight` | – |
//! | sign | `sign`: +1 ON, −1 OFF | – |
//! | i₀ | `i_0` ≥ 0 | Hz |
//! | v₀ | `v_0` | – |
//! | λ | `lambda_g` | Hz |
//!
//! # Source
//! Wohrer & Kornprobst 2009 (J. Comput. Neurosci. 26:219): transient and synaptic transmission N; M = 5·10⁵ Hz is Virtual
//! Retina's saturation.

use crate::custom_gain_control::SATURATION_HZ;
use crate::low_pass::Exponential;
use crate::operation::{Gradients, Operation};
use crate::tiles::{split, split_state, tiles};
use crate::{Real, Signal, parallel, simd};

/// Transient and synaptic transmission: see the [module](self) for the equation.
///
/// ```
/// use convis_kernels::{Operation, Signal, ganglion_transmission::GanglionTransmission};
///
/// let signal = Signal { planes: 1, frames: 1, height: 1, width: 3 };
/// let synapse = GanglionTransmission { signal, steps_per_second: 1000.0, saturates: false };
/// let (mut current, mut after) = ([0.0f64; 3], [0.0; 3]);
/// // No transient (weight 0); sign, i_0, v_0, lambda_g of an ON cell.
/// let parameters = [0.03, 0.0, 1.0, 37.0, 0.0, 100.0];
/// synapse.forward(&parameters, &[&[0.0, 0.5, -0.37]], &[&[0.0; 3]], &mut current, &mut [&mut after]);
/// assert_eq!(current, [37.0, 87.0, 18.5]);
/// ```
#[derive(Clone, Debug)]
pub struct GanglionTransmission {
    /// Sizes.
    pub signal: Signal,
    /// Simulation steps per second.
    pub steps_per_second: f64,
    /// Whether the current saturates at 5·10⁵ Hz.
    pub saturates: bool,
}

/// The constants of one call.
#[derive(Clone, Copy)]
struct Constants<T> {
    keep: T,
    take: T,
    weight: T,
    sign: T,
    i_0: T,
    v_0: T,
    lambda: T,
    /// 1/(M − i₀), or 0 without saturation.
    inverse_limit: T,
}

impl<T: Real> Constants<T> {
    /// N at u = sign·(x − w·l).
    #[inline(always)]
    fn current(&self, u: T, guard: T) -> T {
        let z = self.lambda * (u - self.v_0);
        let high = self.i_0 + z / (T::one() + z * self.inverse_limit);
        let low = self.i_0 * self.i_0 / (self.i_0 - z + guard);
        if z > T::zero() { high } else { low }
    }

    /// i₀ = 0: the lower branch is 0/(0 − z); a denominator of 1 makes it 0 at z = 0 as well.
    fn guard(&self) -> T {
        if self.i_0 == T::zero() { T::one() } else { T::zero() }
    }

    /// ∂N/∂z and ∂N/∂i₀.
    fn slopes(&self, z: T) -> (T, T) {
        let (zero, one) = (T::zero(), T::one());
        if z > zero {
            let q = one / (one + z * self.inverse_limit);
            // With k = 1/(M−i₀): ∂k/∂i₀ = k², ∂N/∂k = −z²q².
            let zqk = z * q * self.inverse_limit;
            (q * q, one - zqk * zqk)
        } else if self.i_0 == zero {
            (zero, zero)
        } else {
            let q = self.i_0 / (self.i_0 - z);
            (q * q, q + q - q * q)
        }
    }
}

impl GanglionTransmission {
    fn constants<T: Real>(&self, p: &[f64]) -> Constants<T> {
        let stage = Exponential::new(p[0], self.steps_per_second);
        Constants {
            keep: T::of(stage.keep),
            take: T::of(stage.take),
            weight: T::of(p[1]),
            sign: T::of(p[2]),
            i_0: T::of(p[3]),
            v_0: T::of(p[4]),
            lambda: T::of(p[5]),
            inverse_limit: T::of(if self.saturates { 1.0 / (SATURATION_HZ - p[3]) } else { 0.0 }),
        }
    }
}

impl Operation for GanglionTransmission {
    const NAME: &'static str = "ganglion_transmission";
    const PARAMETERS: &'static [&'static str] = &["tau_s", "weight", "sign", "i_0", "v_0", "lambda_g"];

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
        let &[tau, w, sign, i_0, v_0, lambda] = parameters else { panic!("six parameters") };
        let e = (-1.0 / (self.steps_per_second * tau)).exp();
        let pixels = self.signal.pixels();
        for plane in 0..self.signal.planes {
            for i in 0..pixels {
                let mut l = state[0][plane * pixels + i];
                for t in 0..self.signal.frames {
                    let at = (plane * self.signal.frames + t) * pixels + i;
                    let x = inputs[0][at];
                    l = (1.0 - e) * x + e * l;
                    let z = lambda * (sign * (x - w * l) - v_0);
                    let m = SATURATION_HZ - i_0;
                    output[at] = if z > 0.0 {
                        i_0 + if self.saturates { m * z / (m + z) } else { z }
                    } else if i_0 == 0.0 {
                        0.0
                    } else {
                        i_0 * i_0 / (i_0 - z)
                    };
                }
                state_after[0][plane * pixels + i] = l;
            }
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
        let (signal, c) = (self.signal, self.constants::<T>(parameters));
        state_after[0].copy_from_slice(state[0]);
        let items: Vec<_> = tiles(&signal)
            .into_iter()
            .zip(split(output, &signal))
            .zip(split_state(state_after[0], &signal))
            .collect();
        parallel::for_each(items, signal.len() * 3, |((tile, mut out), mut l)| {
            simd::vectorized(
                #[inline(always)]
                || {
                    let (l, guard) = (l.frame(0), c.guard());
                    for t in 0..signal.frames {
                        let x = &inputs[0][signal.at(tile.plane, t, &tile.pixels)];
                        for ((&x, l), out) in x.iter().zip(l.iter_mut()).zip(out.frame(t)) {
                            *l = (c.take * x + c.keep * *l).flush();
                            *out = c.current(c.sign * (x - c.weight * *l), guard);
                        }
                    }
                },
            );
        });
    }

    /// With z′ = ∂N/∂z and ū = g·λ·z′: `∂x = ū·sign + (1−e)·l̄`, `l̄ₜ₋₁ = e·l̄ₜ`, `l̄ₜ −= w·sign·ū`, `∂w −= sign·ū·l`,
    /// `∂sign += ū·(x − w·l)`, `∂i₀ += g·∂N/∂i₀`, `∂v₀ −= ū`, `∂λ += g·z′·(u − v₀)`, `∂e += l̄ₜ·(lₜ₋₁ − xₜ)`.
    fn adjoint<T: Real>(
        &self,
        parameters: &[f64],
        inputs: &[&[T]],
        state: &[&[T]],
        output_gradient: &[T],
        state_gradient: &[&[T]],
        mut gradients: Gradients<'_, T>,
    ) {
        let (signal, c) = (self.signal, self.constants::<T>(parameters));
        gradients.state[0].copy_from_slice(state_gradient[0]);
        let mut items: Vec<_> = tiles(&signal)
            .into_iter()
            .zip(split_state(gradients.state[0], &signal))
            .map(|(tile, bar)| (tile, bar, None))
            .collect();
        if let Some(movie) = gradients.inputs[0].take() {
            for (item, part) in items.iter_mut().zip(split(movie, &signal)) {
                item.2 = Some(part);
            }
        }
        let sums = parallel::map(items, signal.len() * 8, |(tile, mut l_bar, mut by_input)| {
            let (n, l_bar) = (tile.len(), l_bar.frame(0));
            let x = |t: usize| &inputs[0][signal.at(tile.plane, t, &tile.pixels)];
            // l before every step and after the last.
            let mut l = state[0][signal.state_at(tile.plane, &tile.pixels)].to_vec();
            for t in 0..signal.frames {
                for (i, &x) in x(t).iter().enumerate() {
                    l.push((c.take * x + c.keep * l[t * n + i]).flush());
                }
            }
            let mut sums = [0.0f64; 6];
            for t in (0..signal.frames).rev() {
                let g = &output_gradient[signal.at(tile.plane, t, &tile.pixels)];
                let (before, now) = l[t * n..(t + 2) * n].split_at(n);
                for i in 0..n {
                    let x = x(t)[i];
                    let transient = x - c.weight * now[i];
                    let z = c.lambda * (c.sign * transient - c.v_0);
                    let (by_z, by_i_0) = c.slopes(z);
                    let by_u = g[i] * c.lambda * by_z;
                    let bar = l_bar[i] - c.weight * c.sign * by_u;
                    for (sum, part) in sums.iter_mut().zip([
                        bar * (before[i] - x),
                        -(c.sign * by_u * now[i]),
                        by_u * transient,
                        g[i] * by_i_0,
                        -by_u,
                        g[i] * by_z * (c.sign * transient - c.v_0),
                    ]) {
                        *sum += part.double();
                    }
                    if let Some(movie) = &mut by_input {
                        movie.frame(t)[i] = by_u * c.sign + c.take * bar;
                    }
                    l_bar[i] = (c.keep * bar).flush();
                }
            }
            sums
        });
        for (p, total) in gradients.parameters.iter_mut().enumerate() {
            *total = sums.iter().map(|s| s[p]).sum();
        }
        gradients.parameters[0] *= Exponential::new(parameters[0], self.steps_per_second).keep_by_tau;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::conformance::{self, Case};

    #[test]
    fn conforms() {
        let signal = Signal { planes: 1, frames: 9, height: 1, width: 1 };
        for (saturates, parameters) in [
            (false, [0.03, 0.7, 1.0, 37.0, 0.0, 100.0]),
            (true, [0.03, 1.0, -1.0, 80.0, 0.21, 400.0]),
            (true, [0.01, 0.0, 1.0, 5.0, -0.3, 200_000.0]),
        ] {
            let make = move |signal| GanglionTransmission { signal, steps_per_second: 1000.0, saturates };
            conformance::check(&Case::new(make, signal, &parameters));
        }
    }

    #[test]
    fn it_is_the_transient_followed_by_the_current() {
        use crate::{ganglion_current::GanglionCurrent, transient::Transient};
        let signal = Signal { planes: 1, frames: 40, height: 3, width: 7 };
        let x: Vec<f64> = (0..signal.len()).map(|i| (i as f64 * 0.37).sin()).collect();
        let zeros = vec![0.0; 21];
        let [mut u, mut want, mut got] = std::array::from_fn(|_| vec![0.0; signal.len()]);
        let mut after = zeros.clone();
        let transient = Transient { signal, steps_per_second: 1000.0 };
        transient.forward(&[0.02, 0.7], &[&x], &[&zeros], &mut u, &mut [&mut after]);
        GanglionCurrent { signal }.forward(&[-1.0, 37.0, 0.1, 100.0], &[&u], &[], &mut want, &mut []);
        let both = GanglionTransmission { signal, steps_per_second: 1000.0, saturates: false };
        let parameters = [0.02, 0.7, -1.0, 37.0, 0.1, 100.0];
        both.forward(&parameters, &[&x], &[&zeros], &mut got, &mut [&mut after]);
        assert!(want.iter().zip(&got).all(|(a, b)| (a - b).abs() < 1e-12 * a));
    }
}
