//! Spikes of leaky integrate-and-fire cells that stand anywhere on a map of currents.
//!
//! # Equation
//! The current of a cell at row p, column q of the map is read bilinearly; places beyond the border are moved to it.
//! Within a step of length d current, noise and conductance are constant and the equation is solved, not stepped:
//! ```text
//! dV/dt = I + σ·√(2g/d)·ξ + G·E_G − (g + G)·V     one normal ξ per cell and step
//! h     = g + G,  E = (I + σ·√(2g/d)·ξ + G·E_G)/h
//! V(t)  = E + (V₀ − E)·e^{−h·t}
//! t*    = ln((E − V₀)/(E − 1))/h                 a spike, where V(t) reaches 1 within the step
//! ```
//! At a spike V becomes 0 and stays there for a refractory period `max(μ + s·ξ, 0)` drawn anew, and the conductance G of
//! adaptation grows by ΔG; at the end of every step it is multiplied by e^{−d/τ_G}. Several spikes fit into one step (at
//! most 255). I is the current of this step or, with [`UnitNeuron::delayed`], of the one before.
//!
//! # Shapes
//! Input: a movie of currents, Hz. Output: spikes per step, `[planes, frames, cells]`, and, if asked for, the list of spikes
//! with their exact times, in order of step, plane and cell. Cells are in the order of the map ([`ReadOut::order`]) in both and
//! in the state, one number per plane and cell: V; the remaining
//! refractory time, in steps; the current that waits for the next step; G.
//!
//! # Parameters
//! | symbol | name | unit |
//! |---|---|---|
//! | g | [`UnitNeuron::leak_hz`] > 0 | Hz |
//! | σ | [`UnitNeuron::noise_sigma`] ≥ 0 | – (threshold 1) |
//! | μ, s | [`UnitNeuron::refractory_mean_s`], [`UnitNeuron::refractory_sd_s`] ≥ 0 | s |
//! | ΔG, τ_G, E_G | [`Adaptation`] | Hz, s, – |
//! | d | [`UnitNeuron::step_s`] > 0 | s |
//!
//! # Source
//! Wohrer & Kornprobst 2009 (J. Comput. Neurosci. 26:219), ganglion-cell spike generation; the noise current, the read-out
//! and the adaptation are those of Virtual Retina. Cells without adaptation are those of [`crate::integrate_and_fire`] with
//! this noise, which gives V the standard deviation σ in the limit of short steps only (0.997·σ at g·d = 0.25).

mod adaptive;
mod read_out;
mod reference;

use crate::integrate_and_fire::{Integration, Membrane, Neuron, Noise, Spike, integrate_and_fire};
use crate::{Real, Signal, parallel};

pub use read_out::ReadOut;
pub use reference::unit_spikes as reference;

/// Constants of a population of cells.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct UnitNeuron {
    /// Leak conductance g, Hz.
    pub leak_hz: f64,
    /// Standard deviation σ that noise gives the unlimited potential.
    pub noise_sigma: f64,
    /// Mean of the refractory period, s.
    pub refractory_mean_s: f64,
    /// Standard deviation of the refractory period, s.
    pub refractory_sd_s: f64,
    /// A conductance that grows with every spike.
    pub adaptation: Option<Adaptation>,
    /// Whether a step sees the current of the step before.
    pub delayed: bool,
    /// Duration d of a step, s.
    pub step_s: f64,
}

impl UnitNeuron {
    /// Standard deviation of the noise current, Hz.
    fn noise_hz(&self) -> f64 {
        self.noise_sigma * (2.0 * self.leak_hz / self.step_s).sqrt()
    }

    /// The neuron of [`crate::integrate_and_fire`] with the same noise current.
    fn without_adaptation(&self) -> Neuron {
        let x = (-self.leak_hz * self.step_s).exp();
        Neuron {
            input_hz: 1.0,
            leak_hz: self.leak_hz,
            noise_sigma: self.noise_hz() / self.leak_hz / ((1.0 + x) / (1.0 - x)).sqrt(),
            refractory_mean_s: self.refractory_mean_s,
            refractory_sd_s: self.refractory_sd_s,
            step_s: self.step_s,
        }
    }
}

/// A conductance that grows with every spike.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Adaptation {
    /// Its growth ΔG at a spike, Hz.
    pub delta_hz: f64,
    /// The time constant τ_G of its decay, s.
    pub tau_s: f64,
    /// Its reversal potential E_G.
    pub reversal: f64,
}

/// State of a population, one number per plane and cell.
#[derive(Debug)]
pub struct UnitState<'a, T> {
    /// Membrane potential V.
    pub potential: &'a mut [T],
    /// Remaining refractory time, in steps.
    pub refractory: &'a mut [T],
    /// The current that waits for the next step, Hz.
    pub current: &'a mut [T],
    /// The conductance G, Hz.
    pub conductance: &'a mut [T],
}

/// Advances a population by the steps of `currents`: see the [module](self) for the equation.
///
/// `spikes` receives the number of spikes of each step and cell in the order of the map; `events`, where given, the spikes,
/// with the number of the cell in place of that of the pixel. The state is advanced in place.
///
/// ```
/// use convis_kernels::Signal;
/// use convis_kernels::integrate_and_fire::Noise;
/// use convis_kernels::random::Key;
/// use convis_kernels::unit_spikes::*;
///
/// // One cell between four pixels, a constant current of 100 Hz, leak 50 Hz: intervals of ln 2 / 50 s.
/// let signal = Signal { planes: 1, frames: 1000, height: 2, width: 2 };
/// let cells = ReadOut::new(&[[0.5, 0.5]], 2, 2);
/// let neuron = UnitNeuron {
///     leak_hz: 50.0,
///     noise_sigma: 0.0,
///     refractory_mean_s: 0.0,
///     refractory_sd_s: 0.0,
///     adaptation: None,
///     delayed: false,
///     step_s: 0.001,
/// };
/// let noise = Noise { key: Key::new(0, 0, "", 0), first_step: 0 };
/// let [mut v, mut r, mut i, mut g] = [[0.0f64]; 4];
/// let state = UnitState { potential: &mut v, refractory: &mut r, current: &mut i, conductance: &mut g };
/// let (mut spikes, mut events) = (vec![0; 1000], vec![]);
/// unit_spikes(signal, &cells, &neuron, noise, &vec![100.0; 4000], state, &mut spikes, Some(&mut events));
/// assert!((events[1].time_s(0.001) - 2.0 * 2.0f64.ln() / 50.0).abs() < 1e-12);
/// ```
///
/// # Panics
/// If a slice does not have the sizes of `signal` and `cells`.
pub fn unit_spikes<T: Real>(
    signal: Signal,
    cells: &ReadOut,
    neuron: &UnitNeuron,
    noise: Noise,
    currents: &[T],
    state: UnitState<'_, T>,
    spikes: &mut [u8],
    events: Option<&mut Vec<Spike>>,
) {
    assert_eq!(cells.size(), (signal.height, signal.width), "the read-out is for maps of another size");
    assert_eq!(currents.len(), signal.len(), "length of the currents");
    assert_eq!(spikes.len(), signal.planes * signal.frames * cells.len(), "length of the spikes");
    if cells.is_empty() || signal.is_empty() {
        return;
    }
    // The currents of the cells: a movie of one row. The first frame is what waits.
    let row = Signal { planes: signal.planes, frames: signal.frames, height: 1, width: cells.len() };
    let UnitState { potential, refractory, current, conductance } = state;
    let n = cells.len();
    let (movie, own) = (signal.frames * signal.pixels(), signal.frames * n);
    let mut read = vec![T::zero(); row.len()];
    let mut items = vec![];
    let planes = read.chunks_mut(own).zip(current.chunks_exact_mut(n)).zip(currents.chunks(movie));
    for ((read, waiting), currents) in planes {
        let last = &currents[movie - signal.pixels()..];
        let mut frames = read.chunks_mut(n);
        if neuron.delayed
            && let Some(first) = frames.next()
        {
            first.copy_from_slice(waiting);
            items.push((last, waiting));
        }
        items.extend(currents.chunks(signal.pixels()).zip(frames));
    }
    parallel::for_each(items, row.len() * 2, |(map, out)| cells.read(map, 0, out));
    let mut found = events.is_some().then(Vec::new);
    if let Some(adaptation) = &neuron.adaptation {
        let state = [potential, refractory, conductance];
        adaptive::run(row, neuron, adaptation, noise, &read, state, spikes, found.as_mut());
    } else {
        let membrane = Membrane { potential, refractory };
        let plain = neuron.without_adaptation();
        integrate_and_fire(row, Integration::Exact, &plain, noise, &read, membrane, spikes, found.as_mut());
    }
    if let (Some(events), Some(found)) = (events, found) {
        let number = |spike: Spike| Spike { pixel: cells.order()[spike.pixel as usize], ..spike };
        events.extend(found.into_iter().map(number));
    }
}

#[cfg(test)]
mod tests;
