//! The squid axon of Hodgkin and Huxley.
//!
//! # Equation
//! Continuous, v in mV above rest (outward positive, as printed today), t in ms:
//! ```text
//! Cm·dv/dt = I − gK·n⁴·(v − VK) − gNa·m³·h·(v − VNa) − gL·(v − Vl)
//! dx/dt    = α_x(v)·(1 − x) − β_x(v)·x                                   for x = n, m, h
//!
//! α_n = 0.01·(10 − v)/(e^{1 − v/10} − 1)      β_n = 0.125·e^{−v/80}
//! α_m = 0.1·(25 − v)/(e^{2.5 − v/10} − 1)     β_m = 4·e^{−v/18}
//! α_h = 0.07·e^{−v/20}                        β_h = 1/(e^{3 − v/10} + 1)
//! ```
//! Discrete: Euler's rule with sub-steps of at most 0.05 ms (20 per frame at 1000 frames per second), I constant within
//! a frame; all right sides are taken at the old values. `φ(x) = x/(eˣ − 1)`, which α_n and α_m contain, is 1 at x = 0
//! and is computed by its series nearby, so that v = 10 and v = 25 are ordinary points.
//!
//! Before the first frame v = 0 and the gates are at their steady state `α/(α + β)`, or at 0 as in the 2018 toolbox
//! ([`Gates`]).
//!
//! # Shapes
//! Input I (µA/cm²) and output v (mV, at the end of each frame): movies. State: v, n, m, h.
//!
//! # Parameters
//! | symbol | name | unit | squid |
//! |---|---|---|---|
//! | gK | `gK` | mS/cm² | 36 |
//! | gNa | `gNa` | mS/cm² | 120 |
//! | gL | `gL` | mS/cm² | 0.3 |
//! | Cm | `Cm` > 0 | µF/cm² | 1 |
//! | VK | `VK` | mV | −12 |
//! | VNa | `VNa` | mV | 115 |
//! | Vl | `Vl` | mV | 10.613 |
//!
//! # Source
//! Hodgkin & Huxley 1952 (J. Physiol. 117:500), equations 7, 12–15, 20–24 and 26, with the sign of v reversed; Vl is
//! their 10.613 mV, which makes the resting current zero.

mod rates;
mod reference;

use crate::membrane::{self, Equations, Setting, Trace};
use crate::operation::{Gradients, Operation};
use crate::{Real, Signal};
use rates::Rates;

/// The gates before the first frame.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Gates {
    /// Steady state at v = 0.
    #[default]
    SteadyState,
    /// All closed and inactivated, n = m = h = 0, as in the 2018 toolbox.
    Zero,
}

/// A population of Hodgkin–Huxley axons: see the [module](self) for the equation.
///
/// ```
/// use convis_kernels::hodgkin_huxley::{Gates, HodgkinHuxley};
/// use convis_kernels::{Operation, Signal, membrane::Setting};
///
/// // Left alone, the axon stays at rest.
/// let signal = Signal { planes: 1, frames: 100, height: 1, width: 1 };
/// let setting = Setting { start: true, ..Setting::silent(signal, 1.0) };
/// let axon = HodgkinHuxley { setting, gates: Gates::SteadyState };
/// let squid = [36.0, 120.0, 0.3, 1.0, -12.0, 115.0, 10.613];
/// let (mut v, mut after) = ([0.0f64; 100], [[0.0]; 4]);
/// let mut after: Vec<&mut [f64]> = after.iter_mut().map(|x| &mut x[..]).collect();
/// axon.forward(&squid, &[&[0.0; 100]], &[&[0.0]; 4].map(|x| &x[..]), &mut v, &mut after);
/// assert!(v.iter().all(|v| v.abs() < 0.01));
/// ```
#[derive(Clone, Debug)]
pub struct HodgkinHuxley {
    /// Sizes, time, start and noise.
    pub setting: Setting,
    /// The gates before the first frame.
    pub gates: Gates,
}

impl Equations<4, 7> for HodgkinHuxley {
    const LONGEST_MS: f64 = 0.05;

    #[inline(always)]
    fn step(&self, p: &[f64; 7], d: f64, [v, n, m, h]: [f64; 4], input: f64) -> ([f64; 4], f64) {
        let &[g_k, g_na, g_l, c_m, v_k, v_na, v_l] = p;
        let rates = Rates::at(v);
        let (n2, m3h) = (n * n, m * m * m * h);
        let ionic = g_k * (n2 * n2) * (v - v_k) + g_na * m3h * (v - v_na) + g_l * (v - v_l);
        let gate = |x: f64, [alpha, beta]: [f64; 2]| x + d * (alpha * (1.0 - x) - beta * x);
        let after = [v + d * (input - ionic) / c_m, gate(n, rates.n), gate(m, rates.m), gate(h, rates.h)];
        (after, 0.0)
    }

    #[inline(always)]
    fn step_adjoint(
        &self,
        p: &[f64; 7],
        d: f64,
        [v, n, m, h]: [f64; 4],
        input: f64,
        [v_bar, n_bar, m_bar, h_bar]: [f64; 4],
    ) -> ([f64; 4], f64, [f64; 7]) {
        let &[g_k, g_na, g_l, c_m, v_k, v_na, v_l] = p;
        let (one, three, four) = (1.0, 3.0, 4.0);
        let (rates, slopes) = (Rates::at(v), Rates::slopes_at(v));
        let (n3, m2) = (n * n * n, m * m);
        let (n4, m3h) = (n3 * n, m2 * m * h);
        let ionic = g_k * n4 * (v - v_k) + g_na * m3h * (v - v_na) + g_l * (v - v_l);
        // Share of the membrane current.
        let q = v_bar * d / c_m;
        let gate_by_v = |x: f64, [alpha, beta]: [f64; 2], bar: f64| bar * d * (alpha * (one - x) - beta * x);
        let gate_by_x = |[alpha, beta]: [f64; 2], bar: f64| bar * (one - d * (alpha + beta));
        let state = [
            v_bar - q * (g_k * n4 + g_na * m3h + g_l)
                + gate_by_v(n, slopes.n, n_bar)
                + gate_by_v(m, slopes.m, m_bar)
                + gate_by_v(h, slopes.h, h_bar),
            gate_by_x(rates.n, n_bar) - q * g_k * four * n3 * (v - v_k),
            gate_by_x(rates.m, m_bar) - q * g_na * three * m2 * h * (v - v_na),
            gate_by_x(rates.h, h_bar) - q * g_na * m2 * m * (v - v_na),
        ];
        let parameters = [
            -(q * n4 * (v - v_k)),
            -(q * m3h * (v - v_na)),
            -(q * (v - v_l)),
            -(q * (input - ionic) / c_m),
            q * g_k * n4,
            q * g_na * m3h,
            q * g_l,
        ];
        (state, q, parameters)
    }

    fn start(&self, _p: &[f64; 7]) -> [f64; 4] {
        match self.gates {
            Gates::Zero => [0.0; 4],
            Gates::SteadyState => {
                let rates = Rates::at(0.0f64);
                let steady = |[alpha, beta]: [f64; 2]| alpha / (alpha + beta);
                [0.0, steady(rates.n), steady(rates.m), steady(rates.h)]
            }
        }
    }

    fn traces(&self) -> &'static [Trace] {
        &[Trace::State(0)]
    }
}

impl Operation for HodgkinHuxley {
    const NAME: &'static str = "hodgkin_huxley";
    const PARAMETERS: &'static [&'static str] = &["gK", "gNa", "gL", "Cm", "VK", "VNa", "Vl"];

    fn signal(&self) -> Signal {
        self.setting.signal
    }

    fn with_frames(&self, frames: usize) -> Self {
        Self { setting: self.setting.with_frames(frames), ..self.clone() }
    }

    fn state_lengths(&self) -> Vec<usize> {
        vec![self.setting.signal.state_len(); 4]
    }

    fn reference(
        &self,
        parameters: &[f64],
        inputs: &[&[f64]],
        state: &[&[f64]],
        output: &mut [f64],
        state_after: &mut [&mut [f64]],
    ) {
        reference::hodgkin_huxley(self, parameters, inputs[0], state, output, state_after);
    }

    fn forward<T: Real>(
        &self,
        parameters: &[f64],
        inputs: &[&[T]],
        state: &[&[T]],
        output: &mut [T],
        state_after: &mut [&mut [T]],
    ) {
        membrane::forward(self, &self.setting, parameters, inputs[0], state, output, state_after);
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
        let (setting, input) = (&self.setting, inputs[0]);
        membrane::adjoint(
            self,
            setting,
            parameters,
            input,
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

    const SQUID: [f64; 7] = [36.0, 120.0, 0.3, 1.0, -12.0, 115.0, 10.613];

    #[test]
    fn conforms() {
        // Well below threshold, away from v = 0: the upstroke of a spike multiplies rounding errors by orders of
        // magnitude, and so does a potential near zero, relative to itself.
        let signal = Signal { planes: 1, frames: 4, height: 1, width: 1 };
        for frame_ms in [0.5, 0.17] {
            let make = move |signal| HodgkinHuxley {
                setting: Setting::silent(signal, frame_ms),
                gates: Gates::SteadyState,
            };
            let case = Case::new(make, signal, &SQUID);
            conformance::check(&case.with_states(&[-40.0..-30.0, 0.3..0.4, 0.03..0.08, 0.4..0.6]));
        }
    }

    fn run(input: f64, frames: usize, gates: Gates) -> Vec<f64> {
        let signal = Signal { planes: 1, frames, height: 1, width: 1 };
        let axon = HodgkinHuxley { setting: Setting { start: true, ..Setting::silent(signal, 1.0) }, gates };
        let (mut y, mut after) = (vec![0.0; frames], [[0.0]; 4]);
        let mut after: Vec<&mut [f64]> = after.iter_mut().map(|x| &mut x[..]).collect();
        axon.forward(&SQUID, &[&vec![input; frames]], &[&[0.0][..]; 4], &mut y, &mut after);
        y
    }

    #[test]
    fn the_axon_rests_fires_spikes_of_a_hundred_millivolts_and_needs_a_current_to_repeat_them() {
        assert!(run(0.0, 200, Gates::SteadyState).iter().all(|v| v.abs() < 0.01));
        // From closed gates it relaxes to the same rest.
        assert!(run(0.0, 200, Gates::Zero)[199].abs() < 0.05);
        let spikes = |y: &[f64]| y.windows(2).filter(|w| w[0] < 50.0 && w[1] >= 50.0).count();
        // Repetitive firing of the full squid equations begins between 6 and 10 µA/cm² (Rinzel 1978); about 68 Hz at 10.
        let weak = run(2.0, 500, Gates::SteadyState);
        let strong = run(10.0, 500, Gates::SteadyState);
        assert_eq!(spikes(&weak), 0);
        assert!((30..40).contains(&spikes(&strong)), "{}", spikes(&strong));
        let peak = strong.iter().copied().fold(0.0, f64::max);
        assert!((85.0..110.0).contains(&peak), "{peak}");
        assert!(strong.iter().all(|&v| v > -13.0), "never below the potassium potential");
    }

    #[test]
    fn gradients_through_a_spike_are_those_of_differences() {
        let frames = 12;
        let signal = Signal { planes: 1, frames, height: 1, width: 2 };
        let setting = Setting { start: true, ..Setting::silent(signal, 1.0) };
        let axon = HodgkinHuxley { setting, gates: Gates::SteadyState };
        let input: Vec<f64> = (0..signal.len()).map(|i| if i < 8 { 12.0 } else { 1.0 }).collect();
        let probe: Vec<f64> = (0..signal.len()).map(|i| ((i * 31) % 17) as f64 / 17.0 - 0.4).collect();
        let state = [&[0.0; 2][..]; 4];
        let loss = |p: &[f64], input: &[f64]| {
            let (mut y, mut after) = (vec![0.0; signal.len()], [[0.0; 2]; 4]);
            let mut after: Vec<&mut [f64]> = after.iter_mut().map(|x| &mut x[..]).collect();
            axon.reference(p, &[input], &state, &mut y, &mut after);
            assert!(y.iter().any(|&v| v > 80.0), "it must fire");
            y.iter().zip(&probe).map(|(y, p)| y * p).sum::<f64>()
        };
        let (mut by_input, mut by_state, mut by_parameter) =
            (vec![0.0; signal.len()], [[0.0; 2]; 4], [0.0; 7]);
        let gradients = Gradients {
            inputs: vec![Some(&mut by_input)],
            state: by_state.iter_mut().map(|x| &mut x[..]).collect(),
            parameters: &mut by_parameter,
        };
        axon.adjoint(&SQUID, &[&input], &state, &probe, &state, gradients);
        for q in 0..7 {
            let along = |h: f64| {
                let mut p = SQUID;
                p[q] += h;
                loss(&p, &input)
            };
            let h = 1e-4 * SQUID[q].abs();
            let want = (8.0 * (along(h) - along(-h)) - (along(2.0 * h) - along(-2.0 * h))) / (12.0 * h);
            let got = by_parameter[q];
            assert!((got - want).abs() < 1e-5 * want.abs() + 1e-6, "{q}: {got} {want}");
        }
    }

    #[test]
    fn the_start_is_whatever_the_gates_say() {
        // Steady state at rest: n = 0.3177, m = 0.0529, h = 0.5961 (Hodgkin & Huxley 1952, part III).
        let signal = Signal { planes: 1, frames: 1, height: 1, width: 1 };
        let setting = Setting::silent(signal, 1.0);
        let [v, n, m, h] = HodgkinHuxley { setting, gates: Gates::SteadyState }.start(&SQUID);
        assert_eq!(v, 0.0);
        assert!((n - 0.3177).abs() < 1e-4 && (m - 0.0529).abs() < 1e-4 && (h - 0.5961).abs() < 1e-4);
    }
}
