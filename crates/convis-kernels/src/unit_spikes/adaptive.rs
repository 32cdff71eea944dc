//! Cells whose conductance grows with every spike, one by one.

use super::{Adaptation, UnitNeuron};
use crate::integrate_and_fire::{Noise, Spike};
use crate::random::{Use, normal::normal};
use crate::{Real, Signal, parallel};

/// Cells that one thread takes at a time.
const TILE: usize = 256;

/// Advances cells by the steps of `currents`, a movie of one row. `state`: V, refractory time, conductance.
pub(super) fn run<T: Real>(
    row: Signal,
    neuron: &UnitNeuron,
    adaptation: &Adaptation,
    noise: Noise,
    currents: &[T],
    [v, r, conductance]: [&mut [T]; 3],
    spikes: &mut [u8],
    events: Option<&mut Vec<Spike>>,
) {
    let mut items = vec![];
    let planes = v
        .chunks_mut(row.width)
        .zip(r.chunks_mut(row.width))
        .zip(conductance.chunks_mut(row.width))
        .enumerate();
    for (plane, ((v, r), g)) in planes {
        let tiles = v.chunks_mut(TILE).zip(r.chunks_mut(TILE)).zip(g.chunks_mut(TILE));
        items.extend(tiles.enumerate().map(|(tile, state)| (plane, tile * TILE, state)));
    }
    let found = parallel::map(items, row.len() * 64, |(plane, first, ((v, r), g))| {
        let mut spikes = vec![];
        for t in 0..row.frames {
            let cell = Cell { neuron, adaptation, noise, plane, step: noise.first_step + t as u64 };
            let start = (plane * row.frames + t) * row.width + first;
            for (i, &current) in currents[start..start + v.len()].iter().enumerate() {
                cell.advance(first + i, current, [&mut v[i], &mut r[i], &mut g[i]], &mut spikes);
            }
        }
        spikes
    });
    let mut all: Vec<Spike> = found.into_iter().flatten().collect();
    // Stable: several spikes of a cell in one step stay in order.
    all.sort_by_key(|spike| (spike.step, spike.plane, spike.pixel));
    spikes.fill(0);
    for spike in &all {
        let frame = (spike.step - noise.first_step) as usize;
        let at = (spike.plane as usize * row.frames + frame) * row.width + spike.pixel as usize;
        spikes[at] = spikes[at].saturating_add(1);
    }
    if let Some(events) = events {
        events.extend(all);
    }
}

/// The cells of a plane in one step.
struct Cell<'a> {
    neuron: &'a UnitNeuron,
    adaptation: &'a Adaptation,
    noise: Noise,
    plane: usize,
    step: u64,
}

impl Cell<'_> {
    /// One step of cell `i`.
    fn advance<T: Real>(
        &self,
        i: usize,
        current: T,
        [v, r, conductance]: [&mut T; 3],
        spikes: &mut Vec<Spike>,
    ) {
        let (g, d) = (self.neuron.leak_hz, self.neuron.step_s);
        let mut extra = conductance.double();
        let refractory = r.double();
        let mut current = current.double();
        if self.neuron.noise_sigma > 0.0 {
            let xi = normal(self.noise.key, self.plane, i, Use::Current as u32, self.step);
            current += self.neuron.noise_hz() * f64::from(xi);
        }
        if refractory >= 1.0 {
            (*v, *r) = (T::zero(), T::of(refractory - 1.0));
        } else {
            let mut now = refractory * d;
            let mut start = if refractory > 0.0 { 0.0 } else { v.double() };
            (*v, *r) = (T::zero(), T::zero());
            for count in 0..=255 {
                let h = g + extra;
                let e = (current + extra * self.adaptation.reversal) / h;
                let end = e + (start - e) * (-h * (d - now)).exp();
                // For a resting potential of 1 the threshold is never reached, whatever rounding makes of V.
                if count == 255 || end < 1.0 || (e <= 1.0 && start <= 1.0) {
                    *v = T::of(end.min(1.0));
                    break;
                }
                now += if start >= 1.0 { 0.0 } else { ((e - start) / (e - 1.0)).ln() / h };
                now = now.min(d);
                let (plane, pixel) = (self.plane as u32, i as u32);
                spikes.push(Spike { step: self.step, offset_s: now, plane, pixel });
                extra += self.adaptation.delta_hz;
                start = 0.0;
                now += refractory_s(self.neuron, self.noise, (self.plane, i), self.step, count);
                if now >= d {
                    *r = T::of((now - d) / d);
                    break;
                }
            }
        }
        *conductance = T::of(extra * (-d / self.adaptation.tau_s).exp()).flush();
    }
}

/// A refractory period in seconds; `count` spikes of this cell came before in the same step.
pub(super) fn refractory_s(
    neuron: &UnitNeuron,
    noise: Noise,
    (plane, cell): (usize, usize),
    step: u64,
    count: u32,
) -> f64 {
    if neuron.refractory_sd_s == 0.0 {
        return neuron.refractory_mean_s;
    }
    let xi = normal(noise.key, plane, cell, Use::Refractory as u32 + count, step);
    (neuron.refractory_mean_s + neuron.refractory_sd_s * f64::from(xi)).max(0.0)
}
