//! The adjoint of [`Transient`].
//!
//! With `λₜ = −w·gₜ + e·λₜ₊₁` running backwards (`λ_T` the gradient of the final state): `∂/∂xₜ = gₜ + (1−e)·λₜ`,
//! `∂/∂l₋₁ = e·λ₀`, `∂/∂e = Σ λₜ·(lₜ₋₁ − xₜ)` and `∂/∂w = −Σ gₜ·lₜ`.

use super::Transient;
use crate::operation::Gradients;
use crate::sums::{dot, sum};
use crate::tiles::{split, split_state, tiles};
use crate::{Real, parallel, simd};

pub(super) fn transient<T: Real>(
    filter: &Transient,
    parameters: &[f64],
    input: &[T],
    state: &[T],
    output_gradient: &[T],
    state_gradient: &[T],
    mut gradients: Gradients<'_, T>,
) {
    let signal = filter.signal;
    let stage = filter.stage(parameters);
    let (keep, take, w) = (T::of(stage.keep), T::of(stage.take), T::of(parameters[1]));
    gradients.state[0].copy_from_slice(state_gradient);
    let mut movie = match gradients.inputs[0].take() {
        Some(movie) => split(movie, &signal).into_iter().map(Some).collect(),
        None => vec![],
    };
    movie.resize_with(tiles(&signal).len(), || None);
    let items: Vec<_> =
        tiles(&signal).into_iter().zip(movie).zip(split_state(gradients.state[0], &signal)).collect();
    let sums = parallel::map(items, signal.len() * 2, |((tile, mut input_gradient), mut lambda)| {
        let n = tile.len();
        let mut low = vec![T::zero(); n * (signal.frames + 1)];
        let mut ignored = vec![T::zero(); n];
        let mut products = vec![T::zero(); n];
        let (mut by_keep, mut by_weight) = (0.0f64, 0.0f64);
        simd::vectorized(
            #[inline(always)]
            || {
                low[..n].copy_from_slice(&state[signal.state_at(tile.plane, &tile.pixels)]);
                for t in 0..signal.frames {
                    let x = &input[signal.at(tile.plane, t, &tile.pixels)];
                    let (before, now) = low[t * n..(t + 2) * n].split_at_mut(n);
                    for ((&x, &before), now) in x.iter().zip(&*before).zip(now) {
                        *now = (take * x + keep * before).flush();
                    }
                }
                let lambda = &mut lambda.frame(0)[..n];
                for t in (0..signal.frames).rev() {
                    let at = signal.at(tile.plane, t, &tile.pixels);
                    let (x, g) = (&input[at.clone()], &output_gradient[at]);
                    let (before, now) = (&low[t * n..(t + 1) * n], &low[(t + 1) * n..(t + 2) * n]);
                    let out = input_gradient.as_mut().map_or(&mut ignored[..], |movie| movie.frame(t));
                    let (x, g, before, out) = (&x[..n], &g[..n], &before[..n], &mut out[..n]);
                    for i in 0..n {
                        let l = lambda[i] - w * g[i];
                        products[i] = l * (before[i] - x[i]);
                        out[i] = g[i] + take * l;
                        lambda[i] = (keep * l).flush();
                    }
                    by_keep += sum(&products);
                    by_weight -= dot(g, now);
                }
            },
        );
        (by_keep, by_weight)
    });
    gradients.parameters[0] = sums.iter().map(|s| s.0).sum::<f64>() * stage.keep_by_tau;
    gradients.parameters[1] = sums.iter().map(|s| s.1).sum();
}
