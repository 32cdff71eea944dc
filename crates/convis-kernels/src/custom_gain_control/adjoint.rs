//! The adjoint of [`CustomGainControl`].
//!
//! Backwards in time, with v̄, ā, t̄ the gradients of Vₜ, Aₜ, Tₜ, x = exp(−d·gₜ), F = Q(Vₜ₋₁) and s = Bᵀā:
//! ```text
//! Ē    = v̄·(1 − x)
//! ḡ    = −d·x·(Vₜ₋₁ − Eₜ)·v̄ − Ē·Eₜ/gₜ
//! ∂Iₜ  = Ē·α/gₜ       ∂α += Ē·Iₜ/gₜ       ∂g += ḡ       ∂E += Ē·Aₜ₋₁/gₜ       ∂w += Ē·Tₜ₋₁/gₜ
//! ∂σ  += (1−e)·⟨ā, ∂B/∂σ F⟩              ∂e += ⟨ā, Aₜ₋₁ − B F⟩             ∂e_T += ⟨t̄, Tₜ₋₁ − Vₜ₋₁⟩
//! F̄    = (1−e)·s
//! v̄ₜ₋₁ += v̄·x + Q′(Vₜ₋₁)·F̄ + (1−e_T)·t̄
//! āₜ₋₁  = ḡ + Ē·E/gₜ + e·ā
//! t̄ₜ₋₁  = Ē·w/gₜ + e_T·t̄
//! ```
//! With u = λ·mᵖ, m = max(±V − V₀, 0) and q = ∂Q/∂u = 1/(1 + u/M)²: `∂λ += F̄·q·Σmᵖ`, `∂p += F̄·q·λ·Σmᵖ·ln m`,
//! `∂V₀ −= F̄·q·λ·p·Σmᵖ⁻¹`, `Q′ = q·λ·p·(m₊ᵖ⁻¹ − m₋ᵖ⁻¹)`. All frames are recomputed first.

use super::forward::{feedback_of, step};
use super::{Constants, CustomGainControl};
use crate::frame_blur::Plan;
use crate::operation::Gradients;
use crate::{Real, Signal, parallel};

pub(super) fn custom_gain_control<T: Real>(
    membrane: &CustomGainControl,
    parameters: &[f64],
    input: &[T],
    state: &[&[T]],
    output_gradient: &[T],
    state_gradient: &[&[T]],
    mut gradients: Gradients<'_, T>,
) {
    let signal = membrane.signal;
    gradients.parameters.fill(0.0);
    for (gradient, after) in gradients.state.iter_mut().zip(state_gradient) {
        gradient.copy_from_slice(after);
    }
    if signal.is_empty() {
        return;
    }
    let constants = Constants::<T>::new(membrane, parameters);
    let plan = membrane.blur.plan::<T>(parameters[4], &signal);
    let (pixels, movie) = (signal.pixels(), signal.frames * signal.pixels());
    let [v_bar, a_bar, t_bar] = &mut gradients.state[..] else { panic!("three state arrays") };
    let mut by_input = gradients.inputs[0].take().map(|movie_| movie_.chunks_mut(movie));
    let mut planes = vec![];
    let bars = v_bar.chunks_mut(pixels).zip(a_bar.chunks_mut(pixels)).zip(t_bar.chunks_mut(pixels));
    for (plane, bars) in bars.enumerate() {
        planes.push((plane, bars, by_input.as_mut().and_then(Iterator::next)));
    }
    let work = (plan.work() * 5 + 100 * pixels) * signal.frames * signal.planes;
    let outputs = membrane.outputs();
    let sums = parallel::map(planes, work, |(plane, ((v_bar, a_bar), t_bar), by_input)| {
        one_plane(
            &constants,
            &plan,
            signal,
            &input[plane * movie..(plane + 1) * movie],
            [0, 1, 2].map(|s: usize| &state[s][plane * pixels..(plane + 1) * pixels]),
            output_gradient[plane * outputs * movie..(plane + 1) * outputs * movie].split_at(movie),
            [v_bar, a_bar, t_bar],
            by_input,
        )
    });
    let [slow, transient] = membrane.exponentials(parameters);
    let scale = [
        1.0,
        1.0,
        1.0,
        slow.keep_by_tau,
        slow.take * membrane.blur.pixels_per_degree,
        1.0,
        1.0,
        1.0,
        1.0,
        transient.keep_by_tau,
    ];
    for (p, total) in gradients.parameters.iter_mut().enumerate() {
        *total = scale[p] * sums.iter().map(|s| s[p]).sum::<f64>();
    }
}

/// Sums in the order of the parameters: of λ, g, α, e, s/(1−e), p, V₀, E, w, e_T.
type Sums = [f64; 10];

fn one_plane<T: Real>(
    c: &Constants<T>,
    plan: &Plan<T>,
    signal: Signal,
    input: &[T],
    start: [&[T]; 3],
    (v_gradient, a_gradient): (&[T], &[T]),
    [v_bar, a_bar, t_bar]: [&mut [T]; 3],
    mut by_input: Option<&mut [T]>,
) -> Sums {
    let pixels = signal.pixels();
    // Before every step: V, A, T, the feedback F and its blur.
    let mut history: Vec<[Vec<T>; 5]> = Vec::with_capacity(signal.frames);
    let [mut v, mut a, mut transient] = start.map(<[T]>::to_vec);
    for x in input.chunks(pixels) {
        let (mut feedback, mut blurred) = (vec![T::zero(); pixels], vec![T::zero(); pixels]);
        feedback_of(c, &v, &mut feedback);
        plan.blur(&feedback, &mut blurred, 0);
        let before = [v.clone(), a.clone(), transient.clone()];
        step(c, x, &blurred, &mut v, &mut a, &mut transient);
        let [v, a, transient] = before;
        history.push([v, a, transient, feedback, blurred]);
    }
    let mut sums = Sums::default();
    let mut spread = vec![T::zero(); pixels];
    for (t, [v, a, transient, feedback, blurred]) in history.iter().enumerate().rev() {
        let frame = t * pixels..(t + 1) * pixels;
        for (bar, gradient) in [(&mut *v_bar, v_gradient), (&mut *a_bar, a_gradient)] {
            if !gradient.is_empty() {
                bar.iter_mut().zip(&gradient[frame.clone()]).for_each(|(bar, &g)| *bar = *bar + g);
            }
        }
        sums[4] += plan.adjoint(feedback, a_bar, &mut spread);
        for i in 0..pixels {
            let x = input[t * pixels + i];
            let g = c.leak + a[i];
            let rest = (c.input_amp * x + c.reversal * a[i] + c.weight * transient[i]) / g;
            let part = (-c.step_s * g).one_minus_exp_of_negative();
            let decay = T::one() - part;
            let by_current = v_bar[i] * part / g;
            let by_g = -c.step_s * decay * (v[i] - rest) * v_bar[i] - by_current * rest;
            let by_feedback = c.take * spread[i];
            let q = Slopes::at(c, v[i]);
            for (sum, part) in sums.iter_mut().zip([
                by_feedback * q.lambda,
                by_g,
                by_current * x,
                a_bar[i] * (a[i] - blurred[i]),
                T::zero(),
                by_feedback * q.exponent,
                by_feedback * q.threshold,
                by_current * a[i],
                by_current * transient[i],
                t_bar[i] * (transient[i] - v[i]),
            ]) {
                *sum += part.double();
            }
            if let Some(movie) = &mut by_input {
                movie[t * pixels + i] = by_current * c.input_amp;
            }
            v_bar[i] = (v_bar[i] * decay + by_feedback * q.v + c.t_take * t_bar[i]).flush();
            a_bar[i] = (by_g + by_current * c.reversal + c.keep * a_bar[i]).flush();
            t_bar[i] = (by_current * c.weight + c.t_keep * t_bar[i]).flush();
        }
    }
    sums
}

/// The derivatives of Q(V), by each of these.
struct Slopes<T> {
    lambda: T,
    exponent: T,
    threshold: T,
    v: T,
}

impl<T: Real> Slopes<T> {
    fn at(c: &Constants<T>, v: T) -> Self {
        let (zero, one) = (T::zero(), T::one());
        // mᵖ, mᵖ·ln m and p·mᵖ⁻¹ of one sign.
        let half = |v: T| {
            let m = v - c.threshold;
            if m > zero {
                let power = m.powf(c.exponent);
                (power, power * m.ln(), c.exponent * power / m)
            } else {
                (zero, zero, zero)
            }
        };
        let (power, log, slope) = half(v);
        let (power_off, log_off, slope_off) = if c.both_signs { half(-v) } else { (zero, zero, zero) };
        let u = c.lambda * (power + power_off);
        let q = one / ((one + u * c.inverse_limit) * (one + u * c.inverse_limit));
        Self {
            lambda: q * (power + power_off),
            exponent: q * c.lambda * (log + log_off),
            threshold: -(q * c.lambda * (slope + slope_off)),
            v: q * c.lambda * (slope - slope_off),
        }
    }
}
