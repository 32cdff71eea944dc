//! The adjoint of a population: reverse of every sub-step.
//!
//! The states before all frames of a row of neurons are recomputed first; then, frame by frame backwards, those before
//! all its sub-steps. With λ the gradient of the state after a sub-step, [`Equations::step_adjoint`] gives that of the
//! state before it and the shares of input and parameters; the gradient of a shown state variable joins λ at the end
//! of its frame. Spikes pass nothing on: between two inputs for which no spike moves to another sub-step this is the
//! exact derivative.

use super::forward::{round, step};
use super::{Equations, ROW, Setting, SubSteps, Trace, output_signal, parameters};
use crate::operation::Gradients;
use crate::tiles::{split, split_state, tiles};
use crate::{Real, parallel, simd};

pub(crate) fn adjoint<T: Real, E: Equations<S, P>, const S: usize, const P: usize>(
    equations: &E,
    setting: &Setting,
    values: &[f64],
    input: &[T],
    state: &[&[T]],
    output_gradient: &[T],
    state_gradient: &[&[T]],
    mut gradients: Gradients<'_, T>,
) {
    let signal = setting.signal;
    let traces = equations.traces();
    let out = output_signal(signal, traces);
    let steps = SubSteps::of(setting.frame_ms, E::LONGEST_MS);
    let (p, h) = (parameters::<P>(values), steps.width_ms);
    let start = equations.start(&p).map(|x| T::of(x).double());
    let mut items: Vec<_> = tiles(&signal).into_iter().map(|tile| (tile, None, vec![])).collect();
    if let Some(movie) = gradients.inputs[0].take() {
        for (item, part) in items.iter_mut().zip(split(movie, &signal)) {
            item.1 = Some(part);
        }
    }
    for gradient in &mut gradients.state {
        for (item, part) in items.iter_mut().zip(split_state(gradient, &signal)) {
            item.2.push(part);
        }
    }
    let work = signal.len() * steps.per_frame * S * 16;
    let sums = parallel::map(items, work, |(tile, mut input_gradient, mut state_before)| {
        let mut by_parameter = [0.0f64; P];
        let mut by_start = [0.0f64; S];
        let mut frames = vec![[[0.0f64; ROW]; S]; signal.frames];
        let mut within = vec![[[0.0f64; ROW]; S]; steps.per_frame];
        let mut current = [0.0f64; ROW];
        for first in (0..tile.len()).step_by(ROW) {
            let n = ROW.min(tile.len() - first);
            let pixels = tile.pixels.start + first..tile.pixels.start + first + n;
            let here = signal.state_at(tile.plane, &pixels);
            let currents = |t: usize, current: &mut [f64; ROW]| {
                let input = &input[signal.at(tile.plane, t, &pixels)];
                setting.currents(input, tile.plane, pixels.start, t, current);
            };
            let mut x = [[0.0f64; ROW]; S];
            let mut lambda = [[0.0f64; ROW]; S];
            for s in 0..S {
                if setting.start {
                    x[s][..n].fill(start[s]);
                } else {
                    widen(&mut x[s], &state[s][here.clone()]);
                }
                widen(&mut lambda[s], &state_gradient[s][here.clone()]);
            }
            for (t, before) in frames.iter_mut().enumerate() {
                *before = x;
                currents(t, &mut current);
                frame_forward::<T, E, S, P>(
                    equations,
                    &Row { n, p: &p, h, current: &current },
                    steps,
                    &mut x,
                );
            }
            let mut sums = [[0.0f64; ROW]; P];
            for t in (0..signal.frames).rev() {
                for (channel, trace) in traces.iter().enumerate() {
                    if let Trace::State(s) = *trace {
                        let at = out.at(tile.plane * traces.len() + channel, t, &pixels);
                        for (lambda, g) in lambda[s].iter_mut().zip(&output_gradient[at]) {
                            *lambda += g.double();
                        }
                    }
                }
                currents(t, &mut current);
                let mut by_current = [0.0f64; ROW];
                let row = Row { n, p: &p, h, current: &current };
                let x = frames[t];
                frame_back(equations, &row, x, &mut within, &mut lambda, &mut by_current, &mut sums);
                if let Some(movie) = &mut input_gradient {
                    narrow(&mut movie.frame(t)[first..first + n], &by_current);
                }
            }
            for s in 0..S {
                let gradient = &mut state_before[s].frame(0)[first..first + n];
                if setting.start {
                    by_start[s] += lambda[s][..n].iter().sum::<f64>();
                    gradient.fill(T::zero());
                } else {
                    narrow(gradient, &lambda[s]);
                }
            }
            for (sum, row) in by_parameter.iter_mut().zip(&sums) {
                *sum += row[..n].iter().sum::<f64>();
            }
        }
        (by_parameter, by_start)
    });
    let mut by_start = [0.0; S];
    gradients.parameters.fill(0.0);
    for (by_parameter, start) in &sums {
        add(gradients.parameters, by_parameter);
        add(&mut by_start, start);
    }
    if setting.start {
        add(gradients.parameters, &equations.start_adjoint(&p, by_start));
    }
}

fn widen<T: Real>(to: &mut [f64], from: &[T]) {
    to.iter_mut().zip(from).for_each(|(to, from)| *to = from.double());
}

fn narrow<T: Real>(to: &mut [T], from: &[f64]) {
    to.iter_mut().zip(from).for_each(|(to, &from)| *to = T::of(from));
}

fn add(sums: &mut [f64], numbers: &[f64]) {
    sums.iter_mut().zip(numbers).for_each(|(sum, number)| *sum += number);
}

/// What the sub-steps of a row of `n` neurons have in common within a frame.
struct Row<'a, const P: usize> {
    n: usize,
    p: &'a [f64; P],
    h: f64,
    current: &'a [f64; ROW],
}

/// All sub-steps of a frame.
fn frame_forward<T: Real, E: Equations<S, P>, const S: usize, const P: usize>(
    equations: &E,
    row: &Row<'_, P>,
    steps: SubSteps,
    x: &mut [[f64; ROW]; S],
) {
    let Row { n, p, h, current } = *row;
    let mut ignored = [0.0; ROW];
    simd::vectorized(
        #[inline(always)]
        || {
            for _ in 0..steps.per_frame {
                step(equations, p, h, n, x, current, &mut ignored);
            }
            round::<T, S>(n, x);
        },
    );
}

/// All sub-steps of a frame, which begins in state `x`, backwards.
fn frame_back<E: Equations<S, P>, const S: usize, const P: usize>(
    equations: &E,
    row: &Row<'_, P>,
    mut x: [[f64; ROW]; S],
    within: &mut [[[f64; ROW]; S]],
    lambda: &mut [[f64; ROW]; S],
    by_current: &mut [f64; ROW],
    sums: &mut [[f64; ROW]; P],
) {
    let Row { n, p, h, current } = *row;
    let mut ignored = [0.0; ROW];
    simd::vectorized(
        #[inline(always)]
        || {
            for before in within.iter_mut() {
                *before = x;
                step(equations, p, h, n, &mut x, current, &mut ignored);
            }
            for before in within.iter().rev() {
                step_back(equations, p, h, n, before, current, lambda, by_current, sums);
            }
        },
    );
}

/// One sub-step backwards for the first `n` neurons of a row.
#[inline(always)]
fn step_back<E: Equations<S, P>, const S: usize, const P: usize>(
    equations: &E,
    p: &[f64; P],
    h: f64,
    n: usize,
    before: &[[f64; ROW]; S],
    current: &[f64; ROW],
    lambda: &mut [[f64; ROW]; S],
    by_current: &mut [f64; ROW],
    sums: &mut [[f64; ROW]; P],
) {
    for i in 0..n.min(ROW) {
        let x = std::array::from_fn(|s| before[s][i]);
        let after = std::array::from_fn(|s| lambda[s][i]);
        let (state, input, parameters) = equations.step_adjoint(p, h, x, current[i], after);
        for s in 0..S {
            lambda[s][i] = state[s];
        }
        by_current[i] += input;
        for q in 0..P {
            sums[q][i] += parameters[q];
        }
    }
}
