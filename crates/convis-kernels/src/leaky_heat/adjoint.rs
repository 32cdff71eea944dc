//! The adjoint of [`LeakyHeat`].
//!
//! Backwards in time, with ȳₜ the gradient of yₜ, zₜ = e·yₜ₋₁ + (1−e)·λ·xₜ (x less the offset) and z̄ = Bᵀȳₜ:
//! ```text
//! ∂s    += ⟨ȳₜ, ∂B/∂s zₜ⟩
//! ∂xₜ    = (1−e)·λ·z̄          ∂λ += (1−e)·⟨z̄, xₜ⟩          ∂e += ⟨z̄, yₜ₋₁ − λ·xₜ⟩
//! ȳₜ₋₁  += e·z̄
//! ```
//! and `∂s/∂σ = s/σ`, `∂s/∂τ = −s/(2τ)`. All y are recomputed first.

use super::LeakyHeat;
use crate::operation::Gradients;
use crate::{Operation, Real, parallel};

pub(super) fn leaky_heat<T: Real>(
    sheet: &LeakyHeat,
    parameters: &[f64],
    input: &[T],
    state: &[T],
    output_gradient: &[T],
    state_gradient: &[T],
    mut gradients: Gradients<'_, T>,
) {
    let signal = sheet.signal;
    gradients.parameters.fill(0.0);
    gradients.state[0].copy_from_slice(state_gradient);
    if signal.is_empty() {
        return;
    }
    let &[_, tau, gain] = parameters else { panic!("three parameters") };
    let (sigma_of_step, stage) = sheet.step(parameters);
    let plan = sheet.blur.plan::<T>(sigma_of_step, &signal);
    let (pixels, movie) = (signal.pixels(), signal.frames * signal.pixels());
    let [keep, take, lambda] = [stage.keep, stage.take, gain].map(T::of);
    let offset = T::of(sheet.offset);
    let one = LeakyHeat { signal: crate::Signal { planes: 1, ..signal }, ..sheet.clone() };
    let mut by_input = gradients.inputs[0].take().map(|movie_| movie_.chunks_mut(movie));
    let mut planes = vec![];
    for (plane, y_bar) in gradients.state[0].chunks_mut(pixels).enumerate() {
        planes.push((plane, y_bar, by_input.as_mut().and_then(Iterator::next)));
    }
    let work = plan.work() * signal.frames * signal.planes * 4;
    let sums = parallel::map(planes, work, |(plane, y_bar, mut by_input)| {
        let input = &input[plane * movie..(plane + 1) * movie];
        let start = &state[plane * pixels..(plane + 1) * pixels];
        let (mut y, mut last) = (vec![T::zero(); movie], vec![T::zero(); pixels]);
        one.forward(parameters, &[input], &[start], &mut y, &mut [&mut last]);
        let (mut z, mut z_bar) = (vec![T::zero(); pixels], vec![T::zero(); pixels]);
        let (mut by_s, mut by_gain, mut by_keep) = (0.0f64, 0.0f64, 0.0f64);
        for t in (0..signal.frames).rev() {
            let frame = t * pixels..(t + 1) * pixels;
            let x = &input[frame.clone()];
            let before = if t == 0 { start } else { &y[(t - 1) * pixels..t * pixels] };
            let g = &output_gradient[plane * movie..][frame.clone()];
            for i in 0..pixels {
                z[i] = keep * before[i] + take * lambda * (x[i] - offset);
                y_bar[i] = y_bar[i] + g[i];
            }
            by_s += plan.adjoint(&z, y_bar, &mut z_bar);
            for i in 0..pixels {
                by_gain += (take * z_bar[i] * (x[i] - offset)).double();
                by_keep += (z_bar[i] * (before[i] - lambda * (x[i] - offset))).double();
                if let Some(movie) = &mut by_input {
                    movie[t * pixels + i] = take * lambda * z_bar[i];
                }
                y_bar[i] = (keep * z_bar[i]).flush();
            }
        }
        [by_s, by_gain, by_keep]
    });
    let [by_s, by_gain, by_keep] = std::array::from_fn(|p| sums.iter().map(|s| s[p]).sum::<f64>());
    let by_sigma_of_step = by_s * sheet.blur.pixels_per_degree;
    gradients.parameters[0] = by_sigma_of_step * (1.0 / (sheet.steps_per_second * tau)).sqrt();
    gradients.parameters[1] = by_keep * stage.keep_by_tau - by_sigma_of_step * sigma_of_step / (2.0 * tau);
    gradients.parameters[2] = by_gain;
}
