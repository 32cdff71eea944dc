//! The equations of [`unit_spikes`](super::unit_spikes), line by line.

use super::adaptive::refractory_s;
use super::{ReadOut, UnitNeuron, UnitState};
use crate::Signal;
use crate::integrate_and_fire::{Noise, Spike};
use crate::random::{Use, normal::normal};

/// The slow, obvious version of [`unit_spikes`](super::unit_spikes), in double precision. `places` are those of the cells.
pub fn unit_spikes(
    signal: Signal,
    places: &[[f64; 2]],
    neuron: &UnitNeuron,
    noise: Noise,
    currents: &[f64],
    state: &mut UnitState<'_, f64>,
    events: &mut Vec<Spike>,
) {
    let (g, d) = (neuron.leak_hz, neuron.step_s);
    let order = ReadOut::new(places, signal.height, signal.width).order().to_vec();
    let start = events.len();
    for plane in 0..signal.planes {
        for (k, &cell) in order.iter().enumerate() {
            let here = plane * order.len() + k;
            let [row, column] = places[cell as usize];
            for t in 0..signal.frames {
                let map = &currents[(plane * signal.frames + t) * signal.pixels()..][..signal.pixels()];
                let read = bilinear(map, signal, row, column);
                let mut current = read;
                if neuron.delayed {
                    current = std::mem::replace(&mut state.current[here], read);
                }
                let step = noise.first_step + t as u64;
                let xi = f64::from(normal(noise.key, plane, k, Use::Current as u32, step));
                current += neuron.noise_sigma * (2.0 * g / d).sqrt() * xi;
                let (v, r) = (&mut state.potential[here], &mut state.refractory[here]);
                let extra = &mut state.conductance[here];
                let mut now = *r * d;
                *r = (*r - 1.0).max(0.0);
                let mut count = 0;
                while now < d {
                    let reversal = neuron.adaptation.map_or(0.0, |a| a.reversal);
                    let h = g + *extra;
                    let e = (current + *extra * reversal) / h;
                    // A refractory period that ended within the step began at 0.
                    let from = if now > 0.0 { 0.0 } else { *v };
                    *v = e + (from - e) * (-h * (d - now)).exp();
                    if *v < 1.0 || (e <= 1.0 && from <= 1.0) {
                        break;
                    }
                    now += if from >= 1.0 { 0.0 } else { ((e - from) / (e - 1.0)).ln() / h };
                    let offset_s = now.min(d);
                    events.push(Spike { step, offset_s, plane: plane as u32, pixel: k as u32 });
                    *v = 0.0;
                    *extra += neuron.adaptation.map_or(0.0, |a| a.delta_hz);
                    now = offset_s + refractory_s(neuron, noise, (plane, k), step, count);
                    count += 1;
                    *r = (now - d).max(0.0) / d;
                }
                if now >= d {
                    *v = 0.0;
                }
                if let Some(adaptation) = neuron.adaptation {
                    *extra *= (-d / adaptation.tau_s).exp();
                }
            }
        }
    }
    // Stable: several spikes of a cell in one step stay in order.
    events[start..].sort_by_key(|spike| (spike.step, spike.plane, spike.pixel));
    for spike in &mut events[start..] {
        spike.pixel = order[spike.pixel as usize];
    }
}

/// The map at a row and column between pixels.
fn bilinear(map: &[f64], signal: Signal, row: f64, column: f64) -> f64 {
    let (row, column) =
        (row.clamp(0.0, (signal.height - 1) as f64), column.clamp(0.0, (signal.width - 1) as f64));
    let (p, q) = (row.floor() as usize, column.floor() as usize);
    let (p1, q1) = ((p + 1).min(signal.height - 1), (q + 1).min(signal.width - 1));
    let (fp, fq) = (row - p as f64, column - q as f64);
    let at = |p: usize, q: usize| map[p * signal.width + q];
    (1.0 - fp) * ((1.0 - fq) * at(p, q) + fq * at(p, q1)) + fp * ((1.0 - fq) * at(p1, q) + fq * at(p1, q1))
}
