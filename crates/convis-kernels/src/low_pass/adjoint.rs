//! The adjoint of [`LowPass`].
//!
//! With `λₜ = gₜ + e·λₜ₊₁` running backwards (g the gradient of a stage's output, `λ_T` the gradient of its final
//! state): `∂/∂xₜ = (1−e)·λₜ`, `∂/∂y₋₁ = e·λ₀` and `∂/∂e = Σ λₜ·(yₜ₋₁ − xₜ)`. A stage's input gradient is the
//! output gradient of the stage before it.

use super::LowPass;
use crate::operation::Gradients;
use crate::sums::sum;
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
        // Outputs of every stage, recomputed, so that nothing has to be kept; gradients on their way back.
        let mut y = vec![vec![T::zero(); n * signal.frames]; stages];
        let mut g = vec![T::zero(); if stages > 1 { n * signal.frames } else { 0 }];
        let mut ignored = vec![T::zero(); n];
        let mut products = vec![T::zero(); n];
        let before = |s: usize| &state[s][signal.state_at(tile.plane, &tile.pixels)];
        let movie = |t: usize| signal.at(tile.plane, t, &tile.pixels);
        let frame = |t: usize| t * n..(t + 1) * n;
        let (keep, take) = (T::of(stage.keep), T::of(stage.take));
        let mut by_keep = 0.0f64;
        simd::vectorized(
            #[inline(always)]
            || {
                for s in 0..stages {
                    let (done, rest) = y.split_at_mut(s);
                    for t in 0..signal.frames {
                        let x = done.last().map_or_else(|| &input[movie(t)], |x| &x[frame(t)]);
                        let (earlier, now) = rest[0][..(t + 1) * n].split_at_mut(t * n);
                        let y_before = if t == 0 { before(s) } else { &earlier[(t - 1) * n..] };
                        for ((y, &x), &y_before) in now.iter_mut().zip(x).zip(y_before) {
                            *y = (take * x + keep * y_before).flush();
                        }
                    }
                }
                for s in (0..stages).rev() {
                    let lambda = &mut lambda[s].frame(0)[..n];
                    for t in (0..signal.frames).rev() {
                        let x = if s == 0 { &input[movie(t)] } else { &y[s - 1][frame(t)] };
                        let y_before = if t == 0 { before(s) } else { &y[s][frame(t - 1)] };
                        if s + 1 == stages {
                            let products = &mut products[..n];
                            products.copy_from_slice(&output_gradient[movie(t)]);
                        } else {
                            products.copy_from_slice(&g[frame(t)]);
                        }
                        let out = match &mut input_gradient {
                            _ if s > 0 => &mut g[frame(t)],
                            Some(movie) => movie.frame(t),
                            None => &mut ignored[..],
                        };
                        let (x, y_before, out) = (&x[..n], &y_before[..n], &mut out[..n]);
                        for i in 0..n {
                            let l = products[i] + lambda[i];
                            out[i] = take * l;
                            products[i] = l * (y_before[i] - x[i]);
                            lambda[i] = (keep * l).flush();
                        }
                        by_keep += sum(&products);
                    }
                }
            },
        );
        by_keep
    });
    gradients.parameters[0] = sums.iter().sum::<f64>() * stage.keep_by_tau / filter.tau_divisor();
}
