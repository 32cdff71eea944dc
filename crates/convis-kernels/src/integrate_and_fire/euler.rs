//! One Euler step of a row of neurons.

use super::{Neuron, Spike, Step, refractory_s};
use crate::random::{BLOCK, Use, normal};
use crate::{Real, simd};

/// Neurons that are advanced together.
const ROW: usize = 256;

pub(super) fn step<T: Real>(
    neuron: &Neuron,
    step: Step,
    current: &[T],
    v: &mut [T],
    r: &mut [T],
    spikes: &mut [u8],
    mut events: Option<&mut Vec<Spike>>,
) {
    let (d, g, k) = (T::of(neuron.step_s), T::of(neuron.leak_hz), T::of(neuron.input_hz));
    let sigma = T::of(neuron.noise_sigma * (2.0 * neuron.leak_hz * neuron.step_s).sqrt());
    let mut noise = [0.0f32; ROW];
    let mut first = 0;
    while first < current.len() {
        let at = Step { first_pixel: step.first_pixel + first, ..step };
        // Noise comes in blocks: all rows but the first start with one.
        let skip = at.first_pixel % BLOCK;
        let n = (ROW - skip).min(current.len() - first);
        let row = first..first + n;
        let (current, v, r) = (&current[row.clone()], &mut v[row.clone()], &mut r[row.clone()]);
        let spikes = &mut spikes[row];
        first += n;
        simd::vectorized(
            #[inline(always)]
            || {
                if sigma > T::zero() {
                    let block = at.first_pixel / BLOCK;
                    let noise = &mut noise[..skip + n];
                    normal::fill_inline(at.key, at.plane, block, Use::Current as u32, at.number, noise);
                }
                let noise = &noise[skip..skip + n];
                let half = T::of(0.5);
                for i in 0..n {
                    let free = v[i] + d * (k * current[i] - g * v[i]) + sigma * T::of(f64::from(noise[i]));
                    let rest = r[i] - T::one();
                    let free = if rest >= half { T::zero() } else { free };
                    let spike = free > T::one();
                    spikes[i] = u8::from(spike);
                    v[i] = if spike { T::zero() } else { free };
                    r[i] = rest.max(T::zero());
                }
            },
        );
        for i in 0..n {
            if spikes[i] != 0 {
                r[i] = T::of(refractory_s(neuron, at, i, 0) / neuron.step_s);
                if let Some(events) = &mut events {
                    events.push(at.spike(i, neuron.step_s));
                }
            }
        }
    }
}
