//! Every row of neurons runs through all frames and sub-steps with its state at hand.

use super::{Equations, ROW, Setting, SubSteps, Trace, output_signal, parameters};
use crate::tiles::{split, split_state, tiles};
use crate::{Real, parallel, simd};

pub(crate) fn forward<T: Real, E: Equations<S, P>, const S: usize, const P: usize>(
    equations: &E,
    setting: &Setting,
    values: &[f64],
    input: &[T],
    state: &[&[T]],
    output: &mut [T],
    state_after: &mut [&mut [T]],
) {
    let signal = setting.signal;
    let traces = equations.traces();
    let steps = SubSteps::of(setting.frame_ms, E::LONGEST_MS);
    let (p, h) = (parameters::<P>(values), steps.width_ms);
    let start = equations.start(&p);
    for (s, after) in state_after.iter_mut().enumerate() {
        if setting.start {
            after.fill(T::of(start[s]));
        } else {
            after.copy_from_slice(state[s]);
        }
    }
    let mut items: Vec<_> = tiles(&signal).into_iter().map(|tile| (tile, vec![], vec![])).collect();
    let per_plane = items.len() / signal.planes.max(1);
    for (i, part) in split(output, &output_signal(signal, traces)).into_iter().enumerate() {
        items[i / per_plane / traces.len() * per_plane + i % per_plane].1.push(part);
    }
    for after in state_after.iter_mut() {
        for (item, part) in items.iter_mut().zip(split_state(after, &signal)) {
            item.2.push(part);
        }
    }
    let work = signal.len() * steps.per_frame * S * 4;
    parallel::for_each(items, work, |(tile, mut outputs, mut states)| {
        for first in (0..tile.len()).step_by(ROW) {
            let n = ROW.min(tile.len() - first);
            let start = tile.pixels.start + first;
            let mut x = [[0.0; ROW]; S];
            for (x, state) in x.iter_mut().zip(&mut states) {
                for (x, state) in x.iter_mut().zip(&state.frame(0)[first..first + n]) {
                    *x = state.double();
                }
            }
            let mut current = [0.0; ROW];
            let mut spikes = [0.0; ROW];
            for t in 0..signal.frames {
                let input = &input[signal.at(tile.plane, t, &(start..start + n))];
                simd::vectorized(
                    #[inline(always)]
                    || {
                        setting.currents(input, tile.plane, start, t, &mut current);
                        spikes[..n].fill(0.0);
                        for _ in 0..steps.per_frame {
                            step(equations, &p, h, n, &mut x, &current, &mut spikes);
                        }
                        round::<T, S>(n, &mut x);
                    },
                );
                for (output, trace) in outputs.iter_mut().zip(traces) {
                    let shown = match trace {
                        Trace::Spikes => &spikes,
                        Trace::State(s) => &x[*s],
                    };
                    for (y, &x) in output.frame(t)[first..first + n].iter_mut().zip(shown) {
                        *y = T::of(x);
                    }
                }
            }
            for (x, state) in x.iter().zip(&mut states) {
                for (state, &x) in state.frame(0)[first..first + n].iter_mut().zip(x) {
                    *state = T::of(x);
                }
            }
        }
    });
}

/// A sub-step of the first `n` neurons of a row; adds to their spikes.
#[inline(always)]
pub(super) fn step<E: Equations<S, P>, const S: usize, const P: usize>(
    equations: &E,
    p: &[f64; P],
    h: f64,
    n: usize,
    x: &mut [[f64; ROW]; S],
    current: &[f64; ROW],
    spikes: &mut [f64; ROW],
) {
    for i in 0..n.min(ROW) {
        let (after, fired) = equations.step(p, h, std::array::from_fn(|s| x[s][i]), current[i]);
        for s in 0..S {
            x[s][i] = after[s];
        }
        spikes[i] += fired;
    }
}

/// The state at the end of a frame, as the movie's type can hold it.
#[inline(always)]
pub(super) fn round<T: Real, const S: usize>(n: usize, x: &mut [[f64; ROW]; S]) {
    for x in x {
        for x in &mut x[..n] {
            *x = T::of(*x).double();
        }
    }
}
