//! Spikes of leaky integrate-and-fire neurons with a surrogate gradient.
//!
//! # Equation
//! Forward: exactly the spikes of [`integrate_and_fire`], as numbers of the movie's type. A spike is a step function of
//! the potential, whose derivative is 0 or infinite; backwards, it is replaced by a smooth bump ψ. With V̂ₜ the potential
//! that a neuron would have at the end of step t without a threshold, and nₜ its spikes in that step:
//! ```text
//! ∂nₜ/∂V̂ₜ = ψ(V̂ₜ − 1)
//! fast sigmoid  ψ(x) = 1/(1 + β|x|)²             the derivative of x/(1 + β|x|)
//! triangle      ψ(x) = max(0, 1 − |x|/w)/w       of unit area
//!
//! Euler  V̂ₜ = Vₜ₋₁ + d·(Iₜ − g·Vₜ₋₁) + σ·√(2gd)·ξₜ    outside the refractory period, else 0
//! exact  V̂ₜ = Eₜ + (V₀ − Eₜ)·e^{−g·s}                s = d, V₀ = Vₜ₋₁; where the refractory period ends within the
//!                                                  step, s = the rest of it and V₀ = 0
//! Vₜ     = V̂ₜ where nₜ = 0; a constant after a spike
//! ```
//! Resets and refractory periods are constants for the gradient, as is usual: it follows each neuron back to its last
//! spike. The result is the exact derivative of the model in which the spikes of the given run reset V and n is replaced
//! by the integral of ψ.
//!
//! # Shapes
//! Those of [`integrate_and_fire`]; the output has the type of the input. State: V and r; the gradient of r is 0.
//!
//! # Parameters
//! g (`leak_hz`) and σ (`noise_sigma`); the others are constants of the [`Neuron`].
//!
//! # Source
//! Fast sigmoid: Zenke & Ganguli 2018 (Neural Comput. 30:1514), equation 3.2. Triangle: Bellec et al. 2018 (NeurIPS 31).
//! Resets held constant: Zenke & Vogels 2021 (Neural Comput. 33:899).

use super::{Integration, Membrane, Neuron, Noise, Step, euler, exact, integrate_and_fire, reference};
use crate::operation::{Gradients, Operation};
use crate::random::{BLOCK, Use, normal};
use crate::tiles::{split, split_state, tiles};
use crate::{Real, Signal, parallel, simd};

/// What replaces the derivative of a spike with respect to the potential (threshold 1).
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub enum Surrogate {
    /// Nothing: spikes carry no gradient.
    #[default]
    None,
    /// 1/(1 + slope·|V − 1|)².
    FastSigmoid {
        /// Steepness β > 0; 10 is usual.
        slope: f64,
    },
    /// max(0, 1 − |V − 1|/width)/width.
    Triangle {
        /// Half width w > 0.
        width: f64,
    },
}

impl Surrogate {
    /// ψ at the distance x of the potential from the threshold.
    ///
    /// ```
    /// use convis_kernels::integrate_and_fire::surrogate::Surrogate;
    /// assert_eq!(Surrogate::FastSigmoid { slope: 2.0 }.derivative(0.5f64), 0.25);
    /// assert_eq!(Surrogate::Triangle { width: 0.5 }.derivative(0.25f64), 1.0);
    /// assert_eq!(Surrogate::None.derivative(0.0f64), 0.0);
    /// ```
    #[inline(always)]
    pub fn derivative<T: Real>(self, x: T) -> T {
        match self {
            Self::None => T::zero(),
            Self::FastSigmoid { slope } => {
                let y = T::one() / (T::one() + T::of(slope) * x.abs());
                y * y
            }
            Self::Triangle { width } => {
                let inverse = T::of(1.0 / width);
                (T::one() - x.abs() * inverse).max(T::zero()) * inverse
            }
        }
    }
}

/// Neurons whose spikes have a surrogate gradient: see the [module](self) for the equation.
///
/// ```
/// use convis_kernels::integrate_and_fire::{Integration, Neuron, Noise, surrogate::*};
/// use convis_kernels::{Gradients, Operation, Signal, random::Key};
///
/// let signal = Signal { planes: 1, frames: 1, height: 1, width: 1 };
/// let neuron =
///     Neuron { input_hz: 1.0, leak_hz: 50.0, noise_sigma: 0.0, refractory_mean_s: 0.0, refractory_sd_s: 0.0, step_s: 0.001 };
/// let cells = SurrogateSpikes {
///     signal,
///     integration: Integration::Euler,
///     neuron,
///     noise: Noise { key: Key::new(0, 0, "", 0), first_step: 0 },
///     surrogate: Surrogate::Triangle { width: 0.5 },
/// };
/// // V = 0.9 + 0.001·(100 − 45) = 0.955: no spike, but ∂n/∂I = 0.001·ψ(−0.045) = 0.001·1.82.
/// let (mut by_input, mut by_v, mut by_r, mut by_parameter) = ([0.0f64], [0.0], [0.0], [0.0; 2]);
/// let gradients =
///     Gradients { inputs: vec![Some(&mut by_input)], state: vec![&mut by_v, &mut by_r], parameters: &mut by_parameter };
/// cells.adjoint(&[50.0, 0.0], &[&[100.0]], &[&[0.9], &[0.0]], &[1.0], &[&[0.0], &[0.0]], gradients);
/// assert!((by_input[0] - 0.001 * (1.0 - 0.045 / 0.5) / 0.5).abs() < 1e-12);
/// ```
#[derive(Clone, Debug)]
pub struct SurrogateSpikes {
    /// Sizes.
    pub signal: Signal,
    /// How the membrane equation is advanced.
    pub integration: Integration,
    /// Constants of the neurons; `leak_hz` and `noise_sigma` come as parameters.
    pub neuron: Neuron,
    /// Which noise is drawn.
    pub noise: Noise,
    /// What replaces the derivative of a spike.
    pub surrogate: Surrogate,
}

impl SurrogateSpikes {
    fn neuron(&self, parameters: &[f64]) -> Neuron {
        Neuron { leak_hz: parameters[0], noise_sigma: parameters[1], ..self.neuron }
    }
}

impl Operation for SurrogateSpikes {
    const NAME: &'static str = "surrogate_spikes";
    const PARAMETERS: &'static [&'static str] = &["leak_hz", "noise_sigma"];

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
        let [v, r] = state_after else { panic!("two state arrays") };
        v.copy_from_slice(state[0]);
        r.copy_from_slice(state[1]);
        let mut spikes = vec![0; output.len()];
        reference(
            self.signal,
            self.integration,
            &self.neuron(parameters),
            self.noise,
            inputs[0],
            Membrane { potential: v, refractory: r },
            &mut spikes,
            &mut vec![],
        );
        output.iter_mut().zip(spikes).for_each(|(y, n)| *y = f64::from(n));
    }

    fn forward<T: Real>(
        &self,
        parameters: &[f64],
        inputs: &[&[T]],
        state: &[&[T]],
        output: &mut [T],
        state_after: &mut [&mut [T]],
    ) {
        let [v, r] = state_after else { panic!("two state arrays") };
        v.copy_from_slice(state[0]);
        r.copy_from_slice(state[1]);
        let mut spikes = vec![0; output.len()];
        integrate_and_fire(
            self.signal,
            self.integration,
            &self.neuron(parameters),
            self.noise,
            inputs[0],
            Membrane { potential: v, refractory: r },
            &mut spikes,
            None,
        );
        output.iter_mut().zip(spikes).for_each(|(y, n)| *y = T::of(f64::from(n)));
    }

    fn adjoint<T: Real>(
        &self,
        parameters: &[f64],
        inputs: &[&[T]],
        state: &[&[T]],
        output_gradient: &[T],
        state_gradient: &[&[T]],
        mut gradients: Gradients<'_, T>,
    ) {
        let (signal, neuron) = (self.signal, self.neuron(parameters));
        let constants = exact::Constants::new(&neuron);
        let [by_v, by_r] = &mut gradients.state[..] else { panic!("two state arrays") };
        by_v.copy_from_slice(state_gradient[0]);
        by_r.fill(T::zero());
        let mut items: Vec<_> = tiles(&signal)
            .into_iter()
            .zip(split_state(by_v, &signal))
            .map(|(tile, lambda)| (tile, lambda, None))
            .collect();
        if let Some(movie) = gradients.inputs[0].take() {
            for (item, part) in items.iter_mut().zip(split(movie, &signal)) {
                item.2 = Some(part);
            }
        }
        let sums = parallel::map(items, signal.len() * 24, |(tile, mut lambda, mut by_input)| {
            let n = tile.len();
            let here = signal.state_at(tile.plane, &tile.pixels);
            let mut now = (state[0][here.clone()].to_vec(), state[1][here].to_vec());
            // V and r before every step, spikes in it: recomputed.
            let (mut v, mut r) = (Vec::with_capacity(n * signal.frames), Vec::new());
            let mut spikes = vec![0u8; n * signal.frames];
            for t in 0..signal.frames {
                v.extend_from_slice(&now.0);
                r.extend_from_slice(&now.1);
                let step = Step {
                    plane: tile.plane,
                    first_pixel: tile.pixels.start,
                    key: self.noise.key,
                    number: self.noise.first_step + t as u64,
                };
                let current = &inputs[0][signal.at(tile.plane, t, &tile.pixels)];
                let spikes = &mut spikes[t * n..(t + 1) * n];
                match self.integration {
                    Integration::Exact => {
                        exact::step(&neuron, &constants, step, current, &mut now.0, &mut now.1, spikes, None);
                    }
                    Integration::Euler => {
                        euler::step(&neuron, step, current, &mut now.0, &mut now.1, spikes, None);
                    }
                }
            }
            let lambda = lambda.frame(0);
            let mut noise = vec![0.0f32; n];
            let mut ignored = vec![T::zero(); n];
            let mut sums = vec![[0.0f64; 2]; n];
            for t in (0..signal.frames).rev() {
                let step = self.noise.first_step + t as u64;
                let block = tile.pixels.start / BLOCK;
                normal::fill(self.noise.key, tile.plane, block, Use::Current, step, &mut noise);
                let at = signal.at(tile.plane, t, &tile.pixels);
                let (current, gradient) = (&inputs[0][at.clone()], &output_gradient[at]);
                let row = t * n..(t + 1) * n;
                let (v, r, spikes) = (&v[row.clone()], &r[row.clone()], &spikes[row]);
                let by_input = by_input.as_mut().map_or(&mut ignored[..], |movie| movie.frame(t));
                simd::vectorized(
                    #[inline(always)]
                    || {
                        for i in 0..n {
                            let free = Free::of(self.integration, &neuron, current[i], v[i], r[i], noise[i]);
                            let psi = self.surrogate.derivative(free.potential - T::one());
                            let kept = if spikes[i] == 0 { lambda[i] } else { T::zero() };
                            let bar = kept + gradient[i] * psi;
                            by_input[i] = bar * free.by_input;
                            lambda[i] = bar * free.by_potential;
                            sums[i][0] += (bar * free.by_leak).double();
                            sums[i][1] += (bar * free.by_sigma).double();
                        }
                    },
                );
            }
            sums.iter().fold([0.0; 2], |sum, one| [sum[0] + one[0], sum[1] + one[1]])
        });
        gradients.parameters.fill(0.0);
        for sum in sums {
            gradients.parameters[0] += sum[0];
            gradients.parameters[1] += sum[1];
        }
    }
}

/// n = √((1+x)/(1−x)) with x = e^{−g·d}, and ∂n/∂g = −d·x/(n·(1−x)²).
#[inline(always)]
fn noise_of_rest_and_slope(neuron: &Neuron) -> (f64, f64) {
    let x = (-neuron.leak_hz * neuron.step_s).exp();
    let n = ((1.0 + x) / (1.0 - x)).sqrt();
    (n, -neuron.step_s * x / (n * (1.0 - x).powi(2)))
}

/// V̂ of one neuron and step, and its derivatives.
struct Free<T> {
    potential: T,
    by_input: T,
    by_potential: T,
    by_leak: T,
    by_sigma: T,
}

impl<T: Real> Free<T> {
    #[inline(always)]
    fn of(integration: Integration, neuron: &Neuron, input: T, v: T, r: T, xi: f32) -> Self {
        let (zero, one) = (T::zero(), T::one());
        let [k, g, sigma, d] =
            [neuron.input_hz, neuron.leak_hz, neuron.noise_sigma, neuron.step_s].map(T::of);
        let xi = T::of(f64::from(xi));
        match integration {
            Integration::Euler => {
                let awake = if r - one >= T::of(0.5) { zero } else { one };
                let by_sigma = T::of((2.0 * neuron.leak_hz * neuron.step_s).sqrt()) * xi;
                let noise_by_leak = T::of((neuron.step_s / (2.0 * neuron.leak_hz)).sqrt()) * sigma * xi;
                Self {
                    potential: awake * (v + d * (k * input - g * v) + sigma * by_sigma),
                    by_input: awake * k * d,
                    by_potential: awake * (one - g * d),
                    by_leak: awake * (noise_by_leak - d * v),
                    by_sigma: awake * by_sigma,
                }
            }
            Integration::Exact => {
                let (n, n_by_leak) = noise_of_rest_and_slope(neuron);
                let unit = T::of(n) * xi;
                let e = k * input / g + sigma * unit;
                // Time that is left after the refractory period.
                let rest = d * (one - r).max(zero);
                let x = (-(g * rest)).exp_of_negative();
                let asleep = r > zero;
                let start = if asleep { zero } else { v };
                let e_by_leak = sigma * T::of(n_by_leak) * xi - k * input / (g * g);
                Self {
                    potential: e + (start - e) * x,
                    by_input: k * (one - x) / g,
                    by_potential: if asleep { zero } else { x },
                    by_leak: e_by_leak * (one - x) - rest * (start - e) * x,
                    by_sigma: unit * (one - x),
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::Key;

    const SIGNAL: Signal = Signal { planes: 2, frames: 60, height: 1, width: 70 };

    fn cells(integration: Integration, surrogate: Surrogate) -> SurrogateSpikes {
        let neuron = Neuron {
            input_hz: 2.0,
            leak_hz: 50.0,
            noise_sigma: 0.1,
            refractory_mean_s: 0.0024,
            refractory_sd_s: 0.001,
            step_s: 0.001,
        };
        let noise = Noise { key: Key::new(9, 0, "cells", 0), first_step: 5 };
        SurrogateSpikes { signal: SIGNAL, integration, neuron, noise, surrogate }
    }

    fn input() -> Vec<f64> {
        (0..SIGNAL.len()).map(|i| 75.0 * ((i % 97) as f64 / 97.0 + 0.2 * ((i / 131) % 7) as f64)).collect()
    }

    /// The integral of ψ.
    fn smooth(surrogate: Surrogate, x: f64) -> f64 {
        match surrogate {
            Surrogate::None => 0.0,
            Surrogate::FastSigmoid { slope } => x / (1.0 + slope * x.abs()),
            Surrogate::Triangle { width } => {
                let y = (x / width).clamp(-1.0, 1.0);
                y - 0.5 * y * y.abs()
            }
        }
    }

    /// Σ probe·S(V̂ − 1) and the probed last potentials, with the resets of the run at hand held fixed.
    fn smooth_loss(
        cells: &SurrogateSpikes,
        parameters: [f64; 2],
        input: &[f64],
        start: &[f64],
        probe: &[f64],
    ) -> f64 {
        let base = [cells.neuron.leak_hz, cells.neuron.noise_sigma];
        let n = SIGNAL.state_len();
        let mut loss = 0.0;
        let (mut v, mut r) = (vec![0.1; n], vec![0.0; n]);
        let mut moved = start.to_vec();
        for t in 0..SIGNAL.frames {
            let one = SurrogateSpikes {
                signal: SIGNAL.with_frames(1),
                noise: Noise { first_step: 5 + t as u64, ..cells.noise },
                ..cells.clone()
            };
            let cut = |x: &[f64]| -> Vec<f64> {
                (0..SIGNAL.planes).flat_map(|p| x[SIGNAL.at(p, t, &(0..70))].to_vec()).collect()
            };
            let actual = cut(&self::input());
            let (x, probe) = (cut(input), cut(probe));
            let (mut y, mut v_after, mut r_after) = (vec![0.0; n], vec![0.0; n], vec![0.0; n]);
            one.reference(&base, &[&actual], &[&v, &r], &mut y, &mut [&mut v_after, &mut r_after]);
            let neuron = one.neuron(&parameters);
            for i in 0..n {
                let step = 5 + t as u64;
                let xi = normal::normal(cells.noise.key, i / 70, i % 70, Use::Current as u32, step);
                let free = Free::of(cells.integration, &neuron, x[i], moved[i], r[i], xi).potential;
                loss += probe[i] * smooth(cells.surrogate, free - 1.0);
                moved[i] = if y[i] == 0.0 { free } else { v_after[i] };
            }
            (v, r) = (v_after, r_after);
        }
        loss + moved.iter().enumerate().map(|(i, v)| v * (i % 3) as f64).sum::<f64>()
    }

    #[test]
    fn the_adjoint_is_the_derivative_of_the_smooth_model_with_the_same_resets() {
        for integration in [Integration::Exact, Integration::Euler] {
            for surrogate in [Surrogate::FastSigmoid { slope: 5.0 }, Surrogate::Triangle { width: 0.8 }] {
                let cells = cells(integration, surrogate);
                let (x, n) = (input(), SIGNAL.state_len());
                let probe: Vec<f64> = (0..x.len()).map(|i| ((i * 31) % 17) as f64 / 17.0 - 0.4).collect();
                let last: Vec<f64> = (0..n).map(|i| (i % 3) as f64).collect();
                let (start, zeros) = (vec![0.1; n], vec![0.0; n]);
                let parameters = [50.0, 0.1];
                let (mut by_input, mut by_v, mut by_r) = (vec![9.0; x.len()], vec![9.0; n], vec![9.0; n]);
                let mut by_parameter = [9.0; 2];
                cells.adjoint(
                    &parameters,
                    &[&x],
                    &[&start, &zeros],
                    &probe,
                    &[&last, &zeros],
                    Gradients {
                        inputs: vec![Some(&mut by_input)],
                        state: vec![&mut by_v, &mut by_r],
                        parameters: &mut by_parameter,
                    },
                );
                let slope = |f: &dyn Fn(f64) -> f64, h: f64| (f(h) - f(-h)) / (2.0 * h);
                let close = |what: &str, got: f64, want: f64| {
                    let scale = want.abs().max(1e-3);
                    assert!((got - want).abs() < 1e-5 * scale, "{integration:?} {what}: {got} {want}");
                };
                for q in 0..2 {
                    let f = |h: f64| {
                        let mut p = parameters;
                        p[q] += h;
                        smooth_loss(&cells, p, &x, &start, &probe)
                    };
                    close("parameter", by_parameter[q], slope(&f, 1e-6 * parameters[q]));
                }
                let direction: Vec<f64> = (0..x.len()).map(|i| ((i * 13) % 7) as f64 - 3.0).collect();
                let f = |h: f64| {
                    let x: Vec<f64> = x.iter().zip(&direction).map(|(x, d)| x + h * d).collect();
                    smooth_loss(&cells, parameters, &x, &start, &probe)
                };
                let got: f64 = by_input.iter().zip(&direction).map(|(g, d)| g * d).sum();
                close("input", got, slope(&f, 1e-6));
                let f = |h: f64| {
                    let start: Vec<f64> = start.iter().map(|v| v + h).collect();
                    smooth_loss(&cells, parameters, &x, &start, &probe)
                };
                close("state", by_v.iter().sum(), slope(&f, 1e-6));
                assert!(by_r.iter().all(|&g| g == 0.0));
            }
        }
    }

    #[test]
    fn spikes_are_those_without_a_gradient_and_none_gives_none() {
        let cells = cells(Integration::Exact, Surrogate::None);
        let (x, n) = (input(), SIGNAL.state_len());
        let (mut y, mut v, mut r) = (vec![0.0; x.len()], vec![0.0; n], vec![0.0; n]);
        let zeros = vec![0.0; n];
        cells.forward(&[50.0, 0.1], &[&x], &[&zeros, &zeros], &mut y, &mut [&mut v, &mut r]);
        let mut spikes = vec![0; x.len()];
        let (mut v, mut r) = (zeros.clone(), zeros.clone());
        let membrane = Membrane { potential: &mut v, refractory: &mut r };
        integrate_and_fire(
            SIGNAL,
            Integration::Exact,
            &cells.neuron,
            cells.noise,
            &x,
            membrane,
            &mut spikes,
            None,
        );
        assert!(y.iter().zip(&spikes).all(|(y, &n)| *y == f64::from(n)));
        assert!(y.iter().sum::<f64>() > 100.0);
        let (mut by_input, mut by_v, mut by_r) = (vec![9.0; x.len()], vec![9.0; n], vec![9.0; n]);
        let mut by_parameter = [9.0; 2];
        let gradients = Gradients {
            inputs: vec![Some(&mut by_input)],
            state: vec![&mut by_v, &mut by_r],
            parameters: &mut by_parameter,
        };
        let ones = vec![1.0; x.len()];
        cells.adjoint(&[50.0, 0.1], &[&x], &[&zeros, &zeros], &ones, &[&zeros, &zeros], gradients);
        assert!(by_input.iter().chain(&by_v).chain(&by_parameter).all(|&g| g == 0.0));
    }

    #[test]
    fn gradients_do_not_depend_on_threads() {
        let cells = SurrogateSpikes {
            signal: Signal { planes: 2, frames: 20, height: 30, width: 40 },
            ..cells(Integration::Exact, Surrogate::FastSigmoid { slope: 10.0 })
        };
        let len = cells.signal.len();
        let x: Vec<f32> = (0..len).map(|i| (i % 89) as f32).collect();
        let (zeros, ones) = (vec![0.0f32; cells.signal.state_len()], vec![1.0f32; len]);
        let all = [1, 2, 3].map(|threads| {
            parallel::with_threads(threads, || {
                let (mut by_input, mut by_v, mut by_r) = (vec![0.0; len], zeros.clone(), zeros.clone());
                let mut by_parameter = [0.0; 2];
                let gradients = Gradients {
                    inputs: vec![Some(&mut by_input)],
                    state: vec![&mut by_v, &mut by_r],
                    parameters: &mut by_parameter,
                };
                cells.adjoint(&[50.0, 0.1], &[&x], &[&zeros, &zeros], &ones, &[&zeros, &zeros], gradients);
                (by_input, by_v, by_parameter)
            })
        });
        assert!(all[0] == all[1] && all[1] == all[2]);
    }
}
