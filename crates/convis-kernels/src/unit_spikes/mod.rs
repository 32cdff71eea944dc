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
//! with their exact times, in order of step, time, plane and cell. State, one number per plane and cell: V; the remaining
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
//! and the adaptation are those of Virtual Retina. Compared with [`crate::integrate_and_fire`], whose cells are the pixels,
//! the noise has V's standard deviation σ in the limit of short steps (1.0026·σ at g·d = 0.25).

mod crossing;
mod read_out;
mod reference;
mod step;

use crate::integrate_and_fire::{Noise, Spike};
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

/// Cells that one thread takes at a time.
const TILE: usize = 1024;

/// Advances a population by the steps of `currents`: see the [module](self) for the equation.
///
/// `spikes` receives the number of spikes of each step and cell; `events`, where given, the spikes, the number of the cell
/// in place of that of the pixel. The state is advanced in place.
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
    spikes.fill(0);
    if cells.is_empty() || signal.is_empty() {
        return;
    }
    let mut items = vec![];
    let UnitState { potential, refractory, current, conductance } = state;
    let planes = potential
        .chunks_mut(cells.len())
        .zip(refractory.chunks_mut(cells.len()))
        .zip(current.chunks_mut(cells.len()).zip(conductance.chunks_mut(cells.len())));
    for (plane, ((v, r), (i, g))) in planes.enumerate() {
        let tiles =
            v.chunks_mut(TILE).zip(r.chunks_mut(TILE)).zip(i.chunks_mut(TILE).zip(g.chunks_mut(TILE)));
        items.extend(tiles.enumerate().map(|(tile, state)| (plane, tile * TILE, state)));
    }
    assert_eq!(items.len(), signal.planes * cells.len().div_ceil(TILE), "length of the state");
    let work = signal.planes * signal.frames * cells.len() * 8;
    let found = parallel::map(items, work, |(plane, first, ((v, r), (i, g)))| {
        let movie = signal.frames * signal.pixels();
        let movie = &currents[plane * movie..(plane + 1) * movie];
        let place = step::Place { plane, first, noise };
        step::run(cells, neuron, place, signal.pixels(), movie, [v, r, i, g])
    });
    for spike in found.iter().flatten() {
        let frame = (spike.step - noise.first_step) as usize;
        let at = (spike.plane as usize * signal.frames + frame) * cells.len() + spike.pixel as usize;
        spikes[at] = spikes[at].saturating_add(1);
    }
    if let Some(events) = events {
        let start = events.len();
        events.extend(found.into_iter().flatten());
        sort(&mut events[start..]);
    }
}

/// Order of step, time, plane and cell.
fn sort(events: &mut [Spike]) {
    events.sort_unstable_by(|a, b| {
        a.step
            .cmp(&b.step)
            .then(a.offset_s.total_cmp(&b.offset_s))
            .then(a.plane.cmp(&b.plane))
            .then(a.pixel.cmp(&b.pixel))
    });
}

#[cfg(test)]
mod tests;
