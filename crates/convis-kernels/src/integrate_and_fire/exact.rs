//! One step of a row of neurons in closed form.
//!
//! Vector code advances all neurons as if none spiked and marks those that reached the threshold or whose
//! refractory period ends within the step. These few are gathered from all rows and solved together, in double precision and
//! again in vector code; only a neuron that spikes twice in a step is solved by itself.

use super::{Neuron, Spike, Step, noise_of_rest, refractory_s};
use crate::random::{BLOCK, Use, normal};
use crate::real::ln_of_normal;
use crate::{Real, simd};

/// Neurons that are advanced together.
const ROW: usize = 512;

/// Neurons that are solved together.
const FEW: usize = 32;

/// Doubles in the widest vector.
const LANES: usize = 8;

pub(super) fn step<T: Real>(
    neuron: &Neuron,
    constants: &Constants<T>,
    step: Step,
    current: &[T],
    v: &mut [T],
    r: &mut [T],
    spikes: &mut [u8],
    mut events: Option<&mut Vec<Spike>>,
) {
    simd::vectorized(
        #[inline(always)]
        || {
            let mut noise = [0.0f32; ROW];
            let mut target = [T::zero(); ROW];
            let mut marks = [0u8; ROW];
            let mut marked = [0u16; ROW];
            let mut few = Few::new();
            let mut first = 0;
            while first < current.len() {
                let at = Step { first_pixel: step.first_pixel + first, ..step };
                // Noise comes in blocks: all rows but the first start with one.
                let skip = at.first_pixel % BLOCK;
                let n = (ROW - skip).min(current.len() - first);
                let row = first..first + n;
                if constants.noise > T::zero() {
                    let block = at.first_pixel / BLOCK;
                    let noise = &mut noise[..skip + n];
                    normal::fill_inline(at.key, at.plane, block, Use::Current as u32, at.number, noise);
                }
                spikes[row.clone()].fill(0);
                let (v_row, r_row) = (&mut v[row.clone()], &mut r[row.clone()]);
                advance(
                    constants,
                    &current[row],
                    &noise[skip..skip + n],
                    v_row,
                    r_row,
                    &mut target,
                    &mut marks,
                );
                let count = list(&mut marks, n, &mut marked);
                for &i in &marked[..count] {
                    let i = usize::from(i);
                    few.add(neuron, step, first + i, target[i], v, r);
                    if few.count == FEW {
                        few.finish(neuron, step, v, r, spikes, events.as_deref_mut());
                    }
                }
                first += n;
            }
            few.finish(neuron, step, v, r, spikes, events);
        },
    );
}

/// Writes down which of the first `n` marks are set; returns how many.
#[inline(always)]
fn list(marks: &mut [u8; ROW], n: usize, marked: &mut [u16; ROW]) -> usize {
    let words = n.div_ceil(8);
    marks[n..8 * words].fill(0);
    let marks = &marks.as_chunks().0[..words];
    // First the words that have a mark, without branches that the processor would guess wrong.
    let mut occupied = [0u8; ROW / 8];
    let mut some = 0;
    for (word, eight) in marks.iter().enumerate() {
        occupied[some % (ROW / 8)] = word as u8;
        some += usize::from(u64::from_le_bytes(*eight) != 0);
    }
    let mut count = 0;
    for &word in &occupied[..some] {
        let mut bits = u64::from_le_bytes(marks[usize::from(word)]);
        loop {
            marked[count] = 8 * u16::from(word) + (bits.trailing_zeros() / 8) as u16;
            count += 1;
            bits &= bits - 1;
            if bits == 0 {
                break;
            }
        }
    }
    count
}

/// What is computed once, not in every step.
pub(super) struct Constants<T> {
    /// Resting potential per unit of the input, k/g.
    gain: T,
    noise: T,
    decay: T,
}

impl<T: Real> Constants<T> {
    pub fn new(neuron: &Neuron) -> Self {
        Self {
            gain: T::of(neuron.input_hz / neuron.leak_hz),
            noise: T::of(noise_of_rest(neuron)),
            decay: T::of((-neuron.leak_hz * neuron.step_s).exp()),
        }
    }
}

/// Advances the neurons that neither spike nor wake up; marks the others and leaves their state alone.
///
/// No branches: compilers would make masked writes of them, which are slow and hold up whoever reads what they wrote.
#[allow(clippy::needless_bitwise_bool)]
#[inline(always)]
fn advance<T: Real>(
    constants: &Constants<T>,
    current: &[T],
    noise: &[f32],
    v: &mut [T],
    r: &mut [T],
    target: &mut [T; ROW],
    marks: &mut [u8; ROW],
) {
    let (zero, one) = (T::zero(), T::one());
    let n = current.len().min(v.len()).min(r.len()).min(noise.len()).min(ROW);
    for i in 0..n {
        let noise = constants.noise * T::of(f64::from(noise[i]));
        let e = constants.gain * current[i] + noise;
        let end = e + (v[i] - e) * constants.decay;
        let silent = r[i] >= one;
        let mark = !silent & ((r[i] > zero) | (end >= one));
        target[i] = e;
        marks[i] = u8::from(mark);
        let v_after = if silent { zero } else { end };
        v[i] = if mark { v[i] } else { v_after };
        r[i] = r[i] - if silent { one } else { zero };
    }
}

/// Whether V reaches the threshold on its way to `end`: for a resting potential of 1 it never does, whatever rounding
/// makes of it.
#[allow(clippy::needless_bitwise_bool)] // no branches: vector code
#[inline(always)]
fn crosses(e: f64, start: f64, end: f64) -> bool {
    (end >= 1.0) & ((e > 1.0) | (start > 1.0))
}

/// Time from `start` to the threshold, s, where the potential reaches it.
#[inline(always)]
fn charging_s(leak_hz: f64, e: f64, start: f64) -> f64 {
    let time = ln_of_normal((e - start) / (e - 1.0)) / leak_hz;
    if start >= 1.0 { 0.0 } else { time }
}

/// A few neurons that spike or wake up in this step.
struct Few<T> {
    count: usize,
    /// Where they stand among the neurons of the step.
    index: [usize; FEW],
    /// Resting potential.
    e: [T; FEW],
    /// Potential and remaining refractory time, in steps, before the step.
    before: [[T; FEW]; 2],
    /// The same after the step; the time is negative where the neuron may spike again in this step.
    after: [[T; FEW]; 2],
    /// Refractory period that follows a spike, s.
    refractory: [f64; FEW],
    /// Time of the spike, s; negative where there is none.
    time: [f64; FEW],
}

impl<T: Real> Few<T> {
    #[inline(always)]
    fn new() -> Self {
        let none = [T::zero(); FEW];
        Self {
            count: 0,
            index: [0; FEW],
            e: none,
            before: [none; 2],
            after: [none; 2],
            refractory: [0.0; FEW],
            time: [0.0; FEW],
        }
    }

    /// Adds neuron `i`, whose resting potential is `e`.
    #[inline(always)]
    fn add(&mut self, neuron: &Neuron, step: Step, i: usize, e: T, v: &[T], r: &[T]) {
        let k = self.count;
        self.index[k] = i;
        self.e[k] = e;
        (self.before[0][k], self.before[1][k]) = (v[i], r[i]);
        self.refractory[k] = refractory_s(neuron, step, i, 0);
        self.count += 1;
    }

    /// Solves them, puts spikes and the state after the step where they belong, and is empty again.
    #[inline(always)]
    fn finish(
        &mut self,
        neuron: &Neuron,
        step: Step,
        v: &mut [T],
        r: &mut [T],
        spikes: &mut [u8],
        mut events: Option<&mut Vec<Spike>>,
    ) {
        self.solve(neuron);
        for k in 0..self.count {
            let i = self.index[k];
            let mut after = (u8::from(self.time[k] >= 0.0), self.after[0][k], self.after[1][k]);
            if after.2 < T::zero() {
                let (start, now) = start(neuron, self.before[0][k], self.before[1][k]);
                let before = (self.e[k].double(), start, now);
                let (count, v, r) = one_by_one(neuron, step, i, before, events.as_deref_mut());
                after = (count, T::of(v), T::of(r));
            } else if let Some(events) = &mut events
                && self.time[k] >= 0.0
            {
                events.push(step.spike(i, self.time[k].min(neuron.step_s)));
            }
            (spikes[i], v[i], r[i]) = after;
        }
        self.count = 0;
    }

    /// As the reference does it, up to the first spike.
    #[inline(always)]
    fn solve(&mut self, neuron: &Neuron) {
        let (g, d) = (neuron.leak_hz, neuron.step_s);
        // A whole number of vectors; what lies beyond the count is computed for nothing.
        let n = self.count.next_multiple_of(LANES).min(FEW);
        let Self { e, before: [v, r], after: [v_after, r_after], refractory, time, .. } = self;
        for k in 0..n {
            let (e, (start, now)) = (e[k].double(), start(neuron, v[k], r[k]));
            let end = e + (start - e) * (-(g * (d - now))).exp_of_negative();
            let spike = now + charging_s(g, e, start);
            let spikes = crosses(e, start, end);
            let rest = (spike + refractory[k] - d) / d;
            let rest = if rest < 0.0 { -1.0 } else { rest };
            time[k] = if spikes { spike } else { -1.0 };
            v_after[k] = T::of(if spikes { 0.0 } else { end });
            r_after[k] = T::of(if spikes { rest } else { 0.0 });
        }
    }
}

/// Where a neuron starts to charge in this step: its potential, and the time since the step began, s.
#[inline(always)]
fn start<T: Real>(neuron: &Neuron, v: T, r: T) -> (f64, f64) {
    (if r > T::zero() { 0.0 } else { v.double() }, r.double() * neuron.step_s)
}

/// One neuron with any number of spikes in this step. Returns their number, V and r.
#[cold]
#[inline(never)]
fn one_by_one(
    neuron: &Neuron,
    step: Step,
    i: usize,
    (e, mut start, mut now): (f64, f64, f64),
    mut events: Option<&mut Vec<Spike>>,
) -> (u8, f64, f64) {
    let (g, d) = (neuron.leak_hz, neuron.step_s);
    for count in 0..255u8 {
        let end = e + (start - e) * (-(g * (d - now))).exp_of_negative();
        if !crosses(e, start, end) {
            return (count, end, 0.0);
        }
        now += charging_s(g, e, start);
        if let Some(events) = &mut events {
            events.push(step.spike(i, now.min(d)));
        }
        start = 0.0;
        now += refractory_s(neuron, step, i, u32::from(count));
        if now >= d {
            return (count + 1, 0.0, (now - d) / d);
        }
    }
    (255, 0.0, 0.0)
}
