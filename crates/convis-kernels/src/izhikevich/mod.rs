//! The simple spiking neuron of Izhikevich.
//!
//! # Equation
//! Continuous, v in mV, t in ms:
//! ```text
//! dv/dt = 0.04·v² + 5·v + 140 − u + I
//! du/dt = a·(b·v − u)
//! v ≥ θ:  a spike, v ← c, u ← u + d
//! ```
//! Discrete: two Euler half-steps, both right sides taken at the old values, then the test for a spike; a pair of
//! half-steps takes at most 1 ms (exactly 1 ms at 1000 frames per second, as published), and a frame is as many pairs
//! as it needs. I is constant within a frame. v = c, u = b·c before the first frame.
//!
//! # Shapes
//! Input I: a movie. Output: spikes per frame, or three channels, spikes, v and u (after the reset), for each plane of
//! the input. State: v and u.
//!
//! # Parameters
//! | symbol | name | unit | regular spiking |
//! |---|---|---|---|
//! | a | `a` | 1/ms | 0.02 |
//! | b | `b` | – | 0.2 |
//! | c | `c` | mV | −65 |
//! | d | `d` | – | 6 |
//! | θ | [`Izhikevich::threshold`] | mV | 30 |
//!
//! Spikes carry no gradient. v and u are differentiable piecewise: the gradient is exact as long as no spike moves to
//! another half-step pair; the initial state follows b and c.
//!
//! # Source
//! Izhikevich 2003 (IEEE Trans. Neural Netw. 14:1569), equations 1–3, with the two half-steps of its published program;
//! presets from Izhikevich 2004 (IEEE Trans. Neural Netw. 15:1063).

mod reference;

use crate::membrane::{self, Equations, Setting, Trace, output_signal};
use crate::operation::{Gradients, Operation};
use crate::{Real, Signal};

/// A population of Izhikevich neurons: see the [module](self) for the equation.
///
/// ```
/// use convis_kernels::izhikevich::Izhikevich;
/// use convis_kernels::{Operation, Signal, membrane::Setting};
///
/// let signal = Signal { planes: 1, frames: 500, height: 1, width: 1 };
/// let setting = Setting { start: true, ..Setting::silent(signal, 1.0) };
/// let cell = Izhikevich { setting, threshold: 30.0, only_spikes: true };
/// let (mut spikes, mut v, mut u) = ([0.0f64; 500], [0.0], [0.0]);
/// cell.forward(&[0.02, 0.2, -65.0, 6.0], &[&[14.0; 500]], &[&[0.0], &[0.0]], &mut spikes, &mut [&mut v, &mut u]);
/// assert!((12.0..30.0).contains(&spikes.iter().sum::<f64>())); // it fires tonically
/// ```
#[derive(Clone, Debug)]
pub struct Izhikevich {
    /// Sizes, time, start and noise.
    pub setting: Setting,
    /// Potential θ at which a spike ends, mV.
    pub threshold: f64,
    /// Whether the output is the spikes alone, or spikes, v and u.
    pub only_spikes: bool,
}

/// One half-step.
#[inline(always)]
fn half_step(a: f64, b: f64, h: f64, v: f64, u: f64, input: f64) -> (f64, f64) {
    let dv = 0.04 * v * v + 5.0 * v + 140.0 - u + input;
    (v + h * dv, u + h * (a * (b * v - u)))
}

/// The transposed derivative of a half-step: gradients of v and u before it, of the input, a and b.
#[inline(always)]
fn half_step_adjoint(a: f64, b: f64, h: f64, v: f64, u: f64, v_bar: f64, u_bar: f64) -> [f64; 5] {
    let (hv, hu) = (h * v_bar, h * u_bar);
    [v_bar + hv * (0.08 * v + 5.0) + hu * a * b, u_bar - hv - hu * a, hv, hu * (b * v - u), hu * a * v]
}

impl Equations<2, 4> for Izhikevich {
    const LONGEST_MS: f64 = 1.0;

    #[inline(always)]
    fn step(&self, &[a, b, c, d]: &[f64; 4], h: f64, [v, u]: [f64; 2], input: f64) -> ([f64; 2], f64) {
        let half = h * 0.5;
        let (v, u) = half_step(a, b, half, v, u, input);
        let (v, u) = half_step(a, b, half, v, u, input);
        let spike = v >= self.threshold;
        let after = [if spike { c } else { v }, if spike { u + d } else { u }];
        (after, if spike { 1.0 } else { 0.0 })
    }

    #[inline(always)]
    fn step_adjoint(
        &self,
        &[a, b, _, _]: &[f64; 4],
        h: f64,
        [v, u]: [f64; 2],
        input: f64,
        [v_bar, u_bar]: [f64; 2],
    ) -> ([f64; 2], f64, [f64; 4]) {
        let zero = 0.0;
        let half = h * 0.5;
        let (v1, u1) = half_step(a, b, half, v, u, input);
        let (v2, _) = half_step(a, b, half, v1, u1, input);
        let spike = v2 >= self.threshold;
        let (by_c, by_d) = if spike { (v_bar, u_bar) } else { (zero, zero) };
        let v_bar = if spike { zero } else { v_bar };
        let [v_bar, u_bar, i2, a2, b2] = half_step_adjoint(a, b, half, v1, u1, v_bar, u_bar);
        let [v_bar, u_bar, i1, a1, b1] = half_step_adjoint(a, b, half, v, u, v_bar, u_bar);
        ([v_bar, u_bar], i1 + i2, [a1 + a2, b1 + b2, by_c, by_d])
    }

    fn start(&self, &[_, b, c, _]: &[f64; 4]) -> [f64; 2] {
        [c, b * c]
    }

    fn start_adjoint(&self, &[_, b, c, _]: &[f64; 4], [v, u]: [f64; 2]) -> [f64; 4] {
        [0.0, c * u, v + b * u, 0.0]
    }

    fn traces(&self) -> &'static [Trace] {
        if self.only_spikes { &[Trace::Spikes] } else { &[Trace::Spikes, Trace::State(0), Trace::State(1)] }
    }
}

impl Operation for Izhikevich {
    const NAME: &'static str = "izhikevich";
    const PARAMETERS: &'static [&'static str] = &["a", "b", "c", "d"];

    fn signal(&self) -> Signal {
        self.setting.signal
    }

    fn output_signal(&self) -> Signal {
        output_signal(self.setting.signal, self.traces())
    }

    fn with_frames(&self, frames: usize) -> Self {
        Self { setting: self.setting.with_frames(frames), ..self.clone() }
    }

    fn state_lengths(&self) -> Vec<usize> {
        vec![self.setting.signal.state_len(); 2]
    }

    fn reference(
        &self,
        parameters: &[f64],
        inputs: &[&[f64]],
        state: &[&[f64]],
        output: &mut [f64],
        state_after: &mut [&mut [f64]],
    ) {
        reference::izhikevich(self, parameters, inputs[0], state, output, state_after);
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
mod tests;
