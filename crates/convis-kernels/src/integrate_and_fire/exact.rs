//! One step of a row of neurons in closed form.
//!
//! Vector code advances all neurons as if none spiked and marks those that reached the threshold or whose
//! refractory period ends within the step; these few are then solved one by one in double precision.

use super::{Neuron, Spike, Step, noise_of_rest, refractory_s};
use crate::random::{Use, normal};
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
    let constants = Constants::new(neuron);
    let mut noise = [0.0f32; ROW];
    let mut target = [T::zero(); ROW];
    let mut special = [0u8; ROW];
    for first in (0..current.len()).step_by(ROW) {
        let n = ROW.min(current.len() - first);
        let row = first..first + n;
        let (v, r) = (&mut v[row.clone()], &mut r[row.clone()]);
        let spikes = &mut spikes[row.clone()];
        let at = Step { first_pixel: step.first_pixel + first, ..step };
        simd::vectorized(
            #[inline(always)]
            || {
                if constants.noise > T::zero() {
                    let block = at.first_pixel / crate::random::BLOCK;
                    normal::fill_inline(
                        at.key,
                        at.plane,
                        block,
                        Use::Current as u32,
                        at.number,
                        &mut noise[..n],
                    );
                }
                spikes.fill(0);
                advance(&constants, &current[row], &noise, v, r, &mut target, &mut special);
            },
        );
        for word in 0..n.div_ceil(8) {
            let marks = u64::from_le_bytes(std::array::from_fn(|i| special[word * 8 + i]));
            if marks == 0 {
                continue;
            }
            for i in word * 8..(word * 8 + 8).min(n) {
                if special[i] != 0 {
                    let mut one = (v[i].double(), r[i].double());
                    spikes[i] = solve(neuron, at, i, target[i].double(), &mut one, events.as_deref_mut());
                    (v[i], r[i]) = (T::of(one.0), T::of(one.1));
                }
            }
        }
    }
}

struct Constants<T> {
    input: T,
    leak: T,
    noise: T,
    decay: T,
}

impl<T: Real> Constants<T> {
    fn new(neuron: &Neuron) -> Self {
        Self {
            input: T::of(neuron.input_hz),
            leak: T::of(neuron.leak_hz),
            noise: T::of(noise_of_rest(neuron)),
            decay: T::of((-neuron.leak_hz * neuron.step_s).exp()),
        }
    }
}

/// Advances the neurons that neither spike nor wake up; marks the others and leaves their state alone.
#[inline(always)]
fn advance<T: Real>(
    constants: &Constants<T>,
    current: &[T],
    noise: &[f32; ROW],
    v: &mut [T],
    r: &mut [T],
    target: &mut [T; ROW],
    special: &mut [u8; ROW],
) {
    let (zero, one) = (T::zero(), T::one());
    let n = current.len().min(v.len()).min(r.len()).min(ROW);
    for i in 0..n {
        let noise = constants.noise * T::of(f64::from(noise[i]));
        let e = constants.input * current[i] / constants.leak + noise;
        let end = e + (v[i] - e) * constants.decay;
        let silent = r[i] >= one;
        let waking = r[i] > zero && !silent;
        let mark = waking || (!silent && end >= one);
        target[i] = e;
        special[i] = u8::from(mark);
        let v_after = if silent { zero } else { end };
        v[i] = if mark { v[i] } else { v_after };
        r[i] = if silent { r[i] - one } else { r[i] };
    }
}

/// Whether V reaches the threshold on its way to `end`: for a resting potential of 1 it never does, whatever rounding
/// makes of it.
fn crosses(e: f64, start: f64, end: f64) -> bool {
    end >= 1.0 && (e > 1.0 || start > 1.0)
}

/// One neuron with at least one event in this step, as the reference does it. Returns the number of spikes.
#[cold]
fn solve(
    neuron: &Neuron,
    step: Step,
    i: usize,
    e: f64,
    (v, r): &mut (f64, f64),
    mut events: Option<&mut Vec<Spike>>,
) -> u8 {
    let (g, d) = (neuron.leak_hz, neuron.step_s);
    let mut now = *r * d;
    let mut start = if *r > 0.0 { 0.0 } else { *v };
    *r = 0.0;
    for count in 0..255u8 {
        let end = e + (start - e) * (-g * (d - now)).exp();
        if !crosses(e, start, end) {
            *v = end;
            return count;
        }
        now += if start >= 1.0 { 0.0 } else { ((e - start) / (e - 1.0)).ln() / g };
        if let Some(events) = &mut events {
            events.push(step.spike(i, now.min(d)));
        }
        start = 0.0;
        now += refractory_s(neuron, step, i, u32::from(count));
        if now >= d {
            *v = 0.0;
            *r = (now - d) / d;
            return count + 1;
        }
    }
    *v = 0.0;
    255
}
