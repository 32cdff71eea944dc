//! The adjoint of [`LowPass`].
//!
//! With `λₜ = gₜ + e·λₜ₊₁` running backwards (g the gradient of a stage's output, `λ_T` the gradient of its final
//! state): `∂/∂xₜ = (1−e)·λₜ`, `∂/∂y₋₁ = e·λ₀` and `∂/∂e = Σ λₜ·(yₜ₋₁ − xₜ)`. A stage's input gradient is the
//! output gradient of the stage before it.

use super::LowPass;
use crate::operation::Gradients;
use crate::tiles::{split, split_state, tiles};
use crate::{Real, parallel, simd};

pub(super) fn low_pass<T: Real>(
    filter: &LowPass,
    parameters: &[f64],
    input: &[T],
    state: &[&[T]],
    output_gradient: &[T],
    state_gradient: &[&[T]],
    mut gradients: Gradients<'_, T>,
) {
    let signal = filter.signal;
    let stage = filter.stage(parameters);
    let stages = filter.stages();
    for (gradient, after) in gradients.state.iter_mut().zip(state_gradient) {
        gradient.copy_from_slice(after);
    }
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
    let sums = parallel::map(items, signal.len() * stages * 2, |(tile, mut input_gradient, mut lambda)| {
        let n = tile.len();
        // Inputs of every stage and, last, the output: recomputed, so that nothing has to be kept.
        let mut x = vec![vec![T::zero(); n * signal.frames]; stages + 1];
        let mut g = vec![T::zero(); n * signal.frames];
        for t in 0..signal.frames {
            let at = signal.at(tile.plane, t, &tile.pixels);
            x[0][t * n..(t + 1) * n].copy_from_slice(&input[at.clone()]);
            g[t * n..(t + 1) * n].copy_from_slice(&output_gradient[at]);
        }
        let before = |s: usize| &state[s][signal.state_at(tile.plane, &tile.pixels)];
        let (keep, take) = (T::of(stage.keep), T::of(stage.take));
        let mut by_keep = 0.0f64;
        simd::vectorized(
            #[inline(always)]
            || {
                for s in 0..stages {
                    let (done, rest) = x.split_at_mut(s + 1);
                    let (x, y) = (&done[s], &mut rest[0]);
                    for i in 0..n.min(x.len()) {
                        y[i] = (take * x[i] + keep * before(s)[i]).flush();
                    }
                    for i in n..x.len() {
                        y[i] = (take * x[i] + keep * y[i - n]).flush();
                    }
                }
                for s in (0..stages).rev() {
                    let lambda = lambda[s].frame(0);
                    for t in (0..signal.frames).rev() {
                        let x_t = &x[s][t * n..(t + 1) * n];
                        let y_before = if t == 0 { before(s) } else { &x[s + 1][(t - 1) * n..t * n] };
                        let g_t = &mut g[t * n..(t + 1) * n];
                        let mut sum = 0.0f64;
                        for i in 0..n {
                            let l = g_t[i] + lambda[i];
                            sum += (l * (y_before[i] - x_t[i])).double();
                            g_t[i] = take * l;
                            lambda[i] = (keep * l).flush();
                        }
                        by_keep += sum;
                    }
                }
            },
        );
        if let Some(movie) = &mut input_gradient {
            for t in 0..signal.frames {
                movie.frame(t).copy_from_slice(&g[t * n..(t + 1) * n]);
            }
        }
        by_keep
    });
    gradients.parameters[0] = sums.iter().sum::<f64>() * stage.keep_by_tau / filter.tau_divisor();
}
