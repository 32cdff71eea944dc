//! Steps of a tile of cells.
//!
//! Vector code advances all cells as if none spiked and marks those that reached the threshold or whose refractory period
//! ends within the step. These are gathered and solved together, in double precision, round by round: in every round each
//! of them spikes at most once.

use super::crossing::{BATCH, Batch};
use super::{Adaptation, ReadOut, TILE, UnitNeuron};
use crate::integrate_and_fire::{Noise, Spike};
use crate::random::{BLOCK, Use, normal};
use crate::{Real, simd};

/// Where a tile is.
#[derive(Clone, Copy)]
pub(super) struct Place {
    pub plane: usize,
    /// Its first cell, in the order of the map.
    pub first: usize,
    pub noise: Noise,
}

/// Runs a tile through all frames of its plane; returns its spikes. `state`: V, refractory time, current, conductance.
pub(super) fn run<T: Real>(
    cells: &ReadOut,
    neuron: &UnitNeuron,
    place: Place,
    pixels: usize,
    movie: &[T],
    [v, r, current, conductance]: [&mut [T]; 4],
) -> Vec<Spike> {
    let n = v.len();
    let constants = Constants::new(neuron);
    let mut tile = Tile {
        cells,
        neuron,
        place,
        step: 0,
        now: vec![T::zero(); n],
        noise: [0.0; TILE],
        special: [0; TILE],
        marked: Vec::with_capacity(TILE),
        events: vec![],
    };
    for (t, map) in movie.chunks(pixels).enumerate() {
        tile.step = place.noise.first_step + t as u64;
        if neuron.delayed {
            tile.now.copy_from_slice(current);
            cells.read(map, place.first, current);
        } else {
            cells.read(map, place.first, &mut tile.now);
        }
        if neuron.noise_sigma > 0.0 {
            tile.draw(n);
        }
        if let Some(adaptation) = &neuron.adaptation {
            tile.adaptive(adaptation, v, r, conductance);
        } else {
            tile.advance(&constants, v, r);
            tile.solve(v, r);
        }
    }
    tile.events
}

/// Constants in the type of the movie.
struct Constants<T> {
    inverse_leak: T,
    noise: T,
    /// 1 − e^{−g·d}: the part of the way to E that V goes.
    part: T,
}

impl<T: Real> Constants<T> {
    fn new(neuron: &UnitNeuron) -> Self {
        Self {
            inverse_leak: T::of(1.0 / neuron.leak_hz),
            noise: T::of(neuron.noise_hz()),
            part: T::of(-(-neuron.leak_hz * neuron.step_s).exp_m1()),
        }
    }
}

/// What a tile needs in a step.
struct Tile<'a, T> {
    cells: &'a ReadOut,
    neuron: &'a UnitNeuron,
    place: Place,
    step: u64,
    /// The current of this step.
    now: Vec<T>,
    noise: [f32; TILE],
    special: [u8; TILE],
    /// The cells that are marked.
    marked: Vec<u32>,
    events: Vec<Spike>,
}

impl<T: Real> Tile<'_, T> {
    /// The noise of this step.
    fn draw(&mut self, n: usize) {
        let (key, plane) = (self.place.noise.key, self.place.plane);
        normal::fill(key, plane, self.place.first / BLOCK, Use::Current, self.step, &mut self.noise[..n]);
    }

    /// Advances the cells that neither spike nor wake up; marks the others and leaves their state alone.
    fn advance(&mut self, c: &Constants<T>, v: &mut [T], r: &mut [T]) {
        let n = v.len().min(TILE);
        let (v, r, now) = (&mut v[..n], &mut r[..n], &self.now[..n]);
        let (noise, special) = (&self.noise[..n], &mut self.special[..n]);
        simd::vectorized(
            #[inline(always)]
            || {
                let (zero, one) = (T::zero(), T::one());
                for i in 0..n {
                    let e = (now[i] + c.noise * T::of(f64::from(noise[i]))) * c.inverse_leak;
                    let end = v[i] + (e - v[i]) * c.part;
                    let silent = r[i] >= one;
                    let waking = r[i] > zero && !silent;
                    let mark = waking || (!silent && end >= one);
                    special[i] = u8::from(mark);
                    let after = if silent { zero } else { end };
                    v[i] = if mark { v[i] } else { after };
                    r[i] = if silent { r[i] - one } else { r[i] };
                }
            },
        );
        self.marked.clear();
        for (word, marks) in special.chunks(8).enumerate() {
            let mut bytes = [0; 8];
            bytes[..marks.len()].copy_from_slice(marks);
            let mut bits = u64::from_le_bytes(bytes);
            while bits != 0 {
                self.marked.push((word * 8) as u32 + bits.trailing_zeros() / 8);
                bits &= bits - 1;
            }
        }
    }

    /// Solves the cells that are marked.
    fn solve(&mut self, v: &mut [T], r: &mut [T]) {
        let (g, d, noise_hz) = (self.neuron.leak_hz, self.neuron.step_s, self.neuron.noise_hz());
        let marked = std::mem::take(&mut self.marked);
        let mut batch = Batch::new();
        for cells in marked.chunks(BATCH) {
            let mut active = [0u32; BATCH];
            active[..cells.len()].copy_from_slice(cells);
            let mut n = cells.len();
            for (k, &i) in cells.iter().enumerate() {
                let i = i as usize;
                let refractory = r[i].double();
                batch.start[k] = if refractory > 0.0 { 0.0 } else { v[i].double() };
                batch.rest[k] = (self.now[i].double() + noise_hz * f64::from(self.noise[i])) / g;
                batch.now_s[k] = refractory * d;
                r[i] = T::zero();
            }
            for count in 0..=255u32 {
                simd::vectorized(
                    #[inline(always)]
                    || batch.solve(n, g, d),
                );
                let mut left = 0;
                for k in 0..n {
                    let i = active[k] as usize;
                    let (start, e, end) = (batch.start[k], batch.rest[k], batch.end[k]);
                    // For a resting potential of 1 the threshold is never reached, whatever rounding makes of V.
                    if count == 255 || end < 1.0 || (e <= 1.0 && start <= 1.0) {
                        v[i] = T::of(end.min(1.0));
                        continue;
                    }
                    let wait = if start >= 1.0 { 0.0 } else { batch.wait_s[k] };
                    let spike_s = (batch.now_s[k] + wait).min(d);
                    self.spike(i, spike_s);
                    let free_s = spike_s + self.refractory_s(i, count);
                    if free_s >= d {
                        v[i] = T::zero();
                        r[i] = T::of((free_s - d) / d);
                        continue;
                    }
                    active[left] = active[k];
                    batch.start[left] = 0.0;
                    batch.rest[left] = e;
                    batch.now_s[left] = free_s;
                    left += 1;
                }
                n = left;
                if n == 0 {
                    break;
                }
            }
        }
        self.marked = marked;
    }

    fn spike(&mut self, i: usize, offset_s: f64) {
        let cell = self.cells.order()[self.place.first + i];
        let plane = self.place.plane as u32;
        self.events.push(Spike { step: self.step, offset_s, plane, pixel: cell });
    }

    /// A refractory period; `count` spikes of this cell came before in the same step.
    fn refractory_s(&self, i: usize, count: u32) -> f64 {
        refractory_s(self.neuron, self.place, self.step, i, count)
    }

    /// One step of cells whose conductance adapts, one by one.
    fn adaptive(&mut self, adaptation: &Adaptation, v: &mut [T], r: &mut [T], conductance: &mut [T]) {
        let (g, d) = (self.neuron.leak_hz, self.neuron.step_s);
        let decay = (-d / adaptation.tau_s).exp();
        for i in 0..v.len() {
            let mut extra = conductance[i].double();
            let refractory = r[i].double();
            let current = self.now[i].double() + self.neuron.noise_hz() * f64::from(self.noise[i]);
            if refractory >= 1.0 {
                (v[i], r[i]) = (T::zero(), T::of(refractory - 1.0));
            } else {
                let mut now = refractory * d;
                let mut start = if refractory > 0.0 { 0.0 } else { v[i].double() };
                (v[i], r[i]) = (T::zero(), T::zero());
                for count in 0..=255 {
                    let h = g + extra;
                    let e = (current + extra * adaptation.reversal) / h;
                    let end = e + (start - e) * (-h * (d - now)).exp();
                    if count == 255 || end < 1.0 || (e <= 1.0 && start <= 1.0) {
                        v[i] = T::of(end.min(1.0));
                        break;
                    }
                    now += if start >= 1.0 { 0.0 } else { ((e - start) / (e - 1.0)).ln() / h };
                    now = now.min(d);
                    self.spike(i, now);
                    extra += adaptation.delta_hz;
                    start = 0.0;
                    now += self.refractory_s(i, count);
                    if now >= d {
                        r[i] = T::of((now - d) / d);
                        break;
                    }
                }
            }
            conductance[i] = T::of(extra * decay).flush();
        }
    }
}

/// A refractory period in seconds.
pub(super) fn refractory_s(neuron: &UnitNeuron, place: Place, step: u64, i: usize, count: u32) -> f64 {
    if neuron.refractory_sd_s == 0.0 {
        return neuron.refractory_mean_s;
    }
    let purpose = Use::Refractory as u32 + count;
    let xi = normal::normal(place.noise.key, place.plane, place.first + i, purpose, step);
    (neuron.refractory_mean_s + neuron.refractory_sd_s * f64::from(xi)).max(0.0)
}
