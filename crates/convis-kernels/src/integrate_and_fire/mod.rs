//! Spikes of leaky integrate-and-fire neurons, one per pixel.
//!
//! # Equation
//! Continuous: `dV/dt = I − g·V + η`, a spike where V reaches 1, then V = 0 for a refractory period
//! `R = max(μ + s·ξ, 0)` drawn anew at every spike (ξ normal). η is white noise that makes the standard deviation
//! of an unlimited V equal to σ.
//!
//! **Exact** (the default): current and noise are constant within a step of length d and the equation is solved,
//! not stepped:
//! ```text
//! x    = e^{−g·d}
//! E    = I/g + σ·√((1+x)/(1−x))·ξ   one normal ξ per neuron and step
//! V(t) = E + (V₀ − E)·e^{−g·t}
//! t*   = ln((E − V₀)/(E − 1))/g     time of the spike, where E > 1 and V(t) reaches 1 within the step
//! ```
//! The factor of ξ gives V exactly the standard deviation σ at every step width; for g·d ≪ 1 it is the noise current
//! σ·√(2g/d). Spike times are exact, refractory periods end anywhere within a step, and several spikes fit into one step
//! (at most 255).
//!
//! **Euler**: the grid of the 2018 toolbox, at most one spike per step, refractory time counted in whole steps:
//! ```text
//! V ← V + d·(I − g·V) + σ·√(2·g·d)·ξ
//! r ← r − 1;  V ← 0 where r ≥ ½
//! spike where V > 1;  there  r ← R/d, V ← 0
//! r ← max(r, 0)
//! ```
//!
//! # Shapes
//! Input: a movie, in Hz where k = 1. Output: spikes per step (0 or 1 wherever R ≥ d), a movie of bytes, and, if asked for,
//! the list of spikes with their exact times. State: V and r, the remaining refractory time in steps.
//!
//! # Parameters
//! | symbol | name | unit |
//! |---|---|---|
//! | k | [`Neuron::input_hz`], I = k·input | Hz per unit of the input |
//! | g | [`Neuron::leak_hz`] > 0 | Hz |
//! | σ | [`Neuron::noise_sigma`] ≥ 0 | – (threshold 1) |
//! | μ | [`Neuron::refractory_mean_s`] ≥ 0 | s |
//! | s | [`Neuron::refractory_sd_s`] ≥ 0 | s |
//! | d | [`Neuron::step_s`] > 0 | s |
//!
//! Spikes carry no gradient of their own; [`surrogate`] gives them one.
//!
//! # Source
//! Wohrer & Kornprobst 2009 (J. Comput. Neurosci. 26:219), ganglion-cell spike generation. The noise has
//! the factor √2 that makes σ the standard deviation of V, which the 2018 toolbox lacked.

mod euler;
mod exact;
mod reference;
pub mod surrogate;

use std::any::Any;

use crate::bands::{Band, Bandwise, Output};
use crate::random::Key;
use crate::tiles::{split, split_state, tiles};
use crate::{Real, Signal, parallel};

pub use reference::integrate_and_fire as reference;

/// How the membrane equation is advanced.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Integration {
    /// Closed form within a step: exact spike times.
    #[default]
    Exact,
    /// One Euler step per frame, as the 2018 toolbox did.
    Euler,
}

/// Constants of a population of neurons.
#[derive(Clone, Copy, Debug)]
pub struct Neuron {
    /// Current in Hz of an input of 1: 1 for currents in Hz, 1/d for increments of V per step.
    pub input_hz: f64,
    /// Leak conductance g, Hz.
    pub leak_hz: f64,
    /// Standard deviation σ of the unlimited membrane potential.
    pub noise_sigma: f64,
    /// Mean μ of the refractory period, s.
    pub refractory_mean_s: f64,
    /// Standard deviation of the refractory period, s.
    pub refractory_sd_s: f64,
    /// Time d that passes in one step, s.
    pub step_s: f64,
}

/// Which noise a chunk draws.
#[derive(Clone, Copy, Debug)]
pub struct Noise {
    /// The stream.
    pub key: Key,
    /// Number of the chunk's first step.
    pub first_step: u64,
}

/// One spike.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Spike {
    /// Step in which it falls, counted from the first step of the model.
    pub step: u64,
    /// Time since the beginning of that step, s.
    pub offset_s: f64,
    /// Plane: batch × channels + channel.
    pub plane: u32,
    /// Pixel of the plane: row × width + column; in an array of cells, number of the cell.
    pub pixel: u32,
}

impl Spike {
    /// Its time since the first step of the model began, s, at steps of `step_s`.
    pub fn time_s(&self, step_s: f64) -> f64 {
        self.step as f64 * step_s + self.offset_s
    }
}

/// State of a population, one number per plane and pixel.
#[derive(Debug)]
pub struct Membrane<'a, T> {
    /// Membrane potential V.
    pub potential: &'a mut [T],
    /// Remaining refractory time, in steps.
    pub refractory: &'a mut [T],
}

/// Advances a population by the steps of `current`: see the [module](self) for the equation.
///
/// `spikes` receives the number of spikes of each step; `events`, where given, the spikes in order of step, plane and
/// pixel. The state is advanced in place.
///
/// ```
/// use convis_kernels::Signal;
/// use convis_kernels::integrate_and_fire::*;
/// use convis_kernels::random::Key;
///
/// // A constant current of 100 Hz, leak 50 Hz, no noise, no refractory period: intervals of ln 2 / 50 s.
/// let signal = Signal { planes: 1, frames: 1000, height: 1, width: 1 };
/// let neuron =
///     Neuron { input_hz: 1.0, leak_hz: 50.0, noise_sigma: 0.0, refractory_mean_s: 0.0, refractory_sd_s: 0.0, step_s: 0.001 };
/// let noise = Noise { key: Key::new(0, 0, "", 0), first_step: 0 };
/// let (mut v, mut r, mut spikes, mut events) = ([0.0f64], [0.0], vec![0; 1000], vec![]);
/// let membrane = Membrane { potential: &mut v, refractory: &mut r };
/// integrate_and_fire(signal, Integration::Exact, &neuron, noise, &vec![100.0; 1000], membrane, &mut spikes, Some(&mut events));
/// let second = &events[1];
/// let time = second.step as f64 * 0.001 + second.offset_s;
/// assert!((time - 2.0 * 2.0f64.ln() / 50.0).abs() < 1e-12);
/// ```
///
/// # Panics
/// If a slice does not have the sizes of `signal`.
pub fn integrate_and_fire<T: Real>(
    signal: Signal,
    integration: Integration,
    neuron: &Neuron,
    noise: Noise,
    current: &[T],
    membrane: Membrane<'_, T>,
    spikes: &mut [u8],
    events: Option<&mut Vec<Spike>>,
) {
    assert_eq!(current.len(), signal.len(), "length of the current");
    let items: Vec<_> = tiles(&signal)
        .into_iter()
        .zip(split(spikes, &signal))
        .zip(
            split_state(membrane.potential, &signal)
                .into_iter()
                .zip(split_state(membrane.refractory, &signal)),
        )
        .collect();
    let (wanted, constants) = (events.is_some(), exact::Constants::new(neuron));
    let found = parallel::map(items, signal.len() * 8, |((tile, mut spikes), (mut v, mut r))| {
        let mut events = wanted.then(Vec::new);
        let (v, r) = (v.frame(0), r.frame(0));
        for t in 0..signal.frames {
            let step = Step {
                plane: tile.plane,
                first_pixel: tile.pixels.start,
                key: noise.key,
                number: noise.first_step + t as u64,
            };
            let current = &current[signal.at(tile.plane, t, &tile.pixels)];
            let spikes = spikes.frame(t);
            match integration {
                Integration::Exact => {
                    exact::step(neuron, &constants, step, current, v, r, spikes, events.as_mut());
                }
                Integration::Euler => euler::step(neuron, step, current, v, r, spikes, events.as_mut()),
            }
        }
        events.unwrap_or_default()
    });
    if let Some(events) = events {
        merge(noise.first_step, signal.frames, found, events);
    }
}

/// A population as an operation that is computed [band by band](crate::bands): the spikes of [`integrate_and_fire`] as
/// bytes. Input: the current; state: V and r.
pub struct Population<T> {
    integration: Integration,
    neuron: Neuron,
    constants: exact::Constants<T>,
    noise: Noise,
}

impl<T: Real> Population<T> {
    /// Neurons of these constants that draw this noise.
    pub fn new(integration: Integration, neuron: Neuron, noise: Noise) -> Self {
        Self { integration, neuron, constants: exact::Constants::new(&neuron), noise }
    }
}

impl<T: Real> Bandwise<T> for Population<T> {
    fn step(
        &self,
        band: &Band,
        inputs: &[&[T]],
        state: &mut [&mut [T]],
        output: Output<'_, T>,
        _: &mut Vec<T>,
    ) {
        let step = Step {
            plane: band.plane,
            first_pixel: band.pixels.start,
            key: self.noise.key,
            number: self.noise.first_step + band.frame as u64,
        };
        let [v, r] = state else { return };
        match self.integration {
            Integration::Exact => {
                exact::step(&self.neuron, &self.constants, step, inputs[0], v, r, output.bytes(), None);
            }
            Integration::Euler => euler::step(&self.neuron, step, inputs[0], v, r, output.bytes(), None),
        }
    }

    /// No population draws the noise of another.
    fn is_same(&self, _: &dyn Any) -> bool {
        false
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}

/// Where and when a row of neurons is.
#[derive(Clone, Copy)]
struct Step {
    plane: usize,
    first_pixel: usize,
    key: Key,
    number: u64,
}

impl Step {
    fn spike(&self, i: usize, offset_s: f64) -> Spike {
        let pixel = (self.first_pixel + i) as u32;
        Spike { step: self.number, offset_s, plane: self.plane as u32, pixel }
    }
}

/// Joins the spikes of all tiles, each in order of steps, into one list in order of steps.
fn merge(first_step: u64, frames: usize, found: Vec<Vec<Spike>>, events: &mut Vec<Spike>) {
    events.reserve(found.iter().map(Vec::len).sum());
    let mut rest: Vec<_> = found.iter().filter(|list| !list.is_empty()).map(Vec::as_slice).collect();
    for step in first_step..first_step + frames as u64 {
        for list in &mut rest {
            let n = list.iter().take_while(|spike| spike.step == step).count();
            events.extend_from_slice(&list[..n]);
            *list = &list[n..];
        }
    }
}

/// Amplitude of the noise in the resting potential E, constant within a step: σ·√((1+x)/(1−x)), x = e^{−g·d}.
fn noise_of_rest(neuron: &Neuron) -> f64 {
    let x = (-neuron.leak_hz * neuron.step_s).exp();
    neuron.noise_sigma * ((1.0 + x) / (1.0 - x)).sqrt()
}

/// A refractory period in seconds; `count` spikes of this neuron came before in the same step.
#[inline(always)]
fn refractory_s(neuron: &Neuron, step: Step, i: usize, count: u32) -> f64 {
    if neuron.refractory_sd_s == 0.0 {
        return neuron.refractory_mean_s;
    }
    let purpose = crate::random::Use::Refractory as u32 + count;
    let xi = crate::random::normal::normal(step.key, step.plane, step.first_pixel + i, purpose, step.number);
    (neuron.refractory_mean_s + neuron.refractory_sd_s * f64::from(xi)).max(0.0)
}

#[cfg(test)]
mod tests;
