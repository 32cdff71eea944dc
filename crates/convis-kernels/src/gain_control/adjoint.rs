//! The adjoint of [`GainControl`].
//!
//! Backwards in time, with v̄ₜ and āₜ the gradients of Vₜ and Aₜ, x = exp(−d·gₜ), B the blur and Bᵀ its transpose:
//! ```text
//! Ē    = v̄ₜ·(1 − x)
//! ḡ    = −d·x·(Vₜ₋₁ − Eₜ)·v̄ₜ − Ē·Eₜ/gₜ
//! ∂Iₜ  = Ē·α/gₜ          ∂α += Ē·Iₜ/gₜ          ∂g += ḡ
//! s    = Bᵀ āₜ           ∂λ += (1−e)·⟨s, Vₜ₋₁²⟩   ∂σ += (1−e)·λ·⟨āₜ, ∂B/∂σ Vₜ₋₁²⟩
//! ∂e  += ⟨āₜ, Aₜ₋₁ − λ·B Vₜ₋₁²⟩
//! v̄ₜ₋₁ += v̄ₜ·x + 2(1−e)·λ·Vₜ₋₁·s
//! āₜ₋₁  = ḡ + e·āₜ
//! ```
//! V and A of all frames are recomputed first.

use super::{Constants, GainControl};
use crate::operation::Gradients;
use crate::separable_blur::{Rows, Transposed, blur_row};
use crate::{Real, Signal, parallel, simd};

pub(super) fn gain_control<T: Real>(
    membrane: &GainControl,
    parameters: &[f64],
    input: &[T],
    state: &[&[T]],
    output_gradient: &[T],
    state_gradient: &[&[T]],
    mut gradients: Gradients<'_, T>,
) {
    let constants = membrane.constants(parameters);
    let signal = membrane.signal;
    let [v_gradient, a_gradient] = &mut gradients.state[..] else { panic!("two state arrays") };
    v_gradient.copy_from_slice(state_gradient[0]);
    a_gradient.copy_from_slice(state_gradient[1]);
    gradients.parameters.fill(0.0);
    if signal.is_empty() {
        return;
    }
    let (pixels, movie) = (signal.pixels(), signal.frames * signal.pixels());
    let mut input_gradients = gradients.inputs[0].take().map(|movie_| movie_.chunks_mut(movie));
    let mut planes = vec![];
    for (plane, (v, a)) in v_gradient.chunks_mut(pixels).zip(a_gradient.chunks_mut(pixels)).enumerate() {
        planes.push((plane, v, a, input_gradients.as_mut().and_then(Iterator::next)));
    }
    let work = signal.len() * constants.taps.weight.len() * 6;
    let sums = parallel::map(planes, work, |(plane, v_bar, a_bar, input_gradient)| {
        one_plane(
            &constants,
            signal,
            &input[plane * movie..(plane + 1) * movie],
            [0, 1].map(|s: usize| &state[s][plane * pixels..(plane + 1) * pixels]),
            &output_gradient[plane * movie..(plane + 1) * movie],
            v_bar,
            a_bar,
            input_gradient,
        )
    });
    for sum in &sums {
        gradients.parameters[0] += sum.lambda;
        gradients.parameters[1] += sum.leak;
        gradients.parameters[2] += sum.input_amp;
        gradients.parameters[3] += sum.keep * constants.adaptation.keep_by_tau;
        gradients.parameters[4] += sum.sigma_px * membrane.pixels_per_degree;
    }
}

/// Gradients of the parameters, in double precision.
#[derive(Default)]
struct Sums {
    lambda: f64,
    leak: f64,
    input_amp: f64,
    keep: f64,
    sigma_px: f64,
}

fn one_plane<T: Real>(
    constants: &Constants,
    signal: Signal,
    input: &[T],
    [v_start, a_start]: [&[T]; 2],
    output_gradient: &[T],
    v_bar: &mut [T],
    a_bar: &mut [T],
    mut input_gradient: Option<&mut [T]>,
) -> Sums {
    let pixels = signal.pixels();
    let frame = |t: usize| t * pixels..(t + 1) * pixels;
    // v[t], a[t]: before step t, t = 0 … frames; contrast[t] = B V² of that frame, without λ.
    let (v, a, contrast) = history(constants, signal, input, v_start, a_start);
    let [leak, input_amp, d, keep, take, lambda] = [
        constants.leak,
        constants.input_amp,
        constants.step_s,
        constants.adaptation.keep,
        constants.adaptation.take,
        constants.lambda,
    ]
    .map(T::of);
    let mut sums = Sums::default();
    let mut spread = vec![T::zero(); pixels];
    let mut square = vec![T::zero(); pixels];
    for t in (0..signal.frames).rev() {
        let (v_before, a_before) = (&v[frame(t)], &a[frame(t)]);
        for (square, &v) in square.iter_mut().zip(v_before) {
            *square = v * v;
        }
        let blur = Transposed::new(&constants.taps, signal.width, &square, a_bar);
        blur.by_input(&constants.taps, T::one(), &mut spread);
        if constants.lambda != 0.0 {
            sums.sigma_px +=
                constants.adaptation.take * constants.lambda * blur.by_sigma(&constants.taps, &square, a_bar);
        }
        let (input, gradient, contrast) = (&input[frame(t)], &output_gradient[frame(t)], &contrast[frame(t)]);
        let mut step = Sums::default();
        simd::vectorized(
            #[inline(always)]
            || {
                for i in 0..pixels {
                    let v_bar_t = v_bar[i] + gradient[i];
                    let g = leak + a_before[i];
                    let rest = input_amp * input[i] / g;
                    let x = (-d * g).exp_of_negative();
                    let rest_bar = v_bar_t * (T::one() - x);
                    let g_bar = -d * x * (v_before[i] - rest) * v_bar_t - rest_bar * rest / g;
                    step.lambda += (take * spread[i] * square[i]).double();
                    step.leak += g_bar.double();
                    step.input_amp += (rest_bar * input[i] / g).double();
                    step.keep += (a_bar[i] * (a_before[i] - lambda * contrast[i])).double();
                    if let Some(movie) = &mut input_gradient {
                        movie[t * pixels + i] = rest_bar * input_amp / g;
                    }
                    v_bar[i] = (v_bar_t * x + (take + take) * lambda * v_before[i] * spread[i]).flush();
                    a_bar[i] = (g_bar + keep * a_bar[i]).flush();
                }
            },
        );
        sums.lambda += step.lambda;
        sums.leak += step.leak;
        sums.input_amp += step.input_amp;
        sums.keep += step.keep;
    }
    sums
}

/// V, A and the blurred V² before every step.
fn history<T: Real>(
    constants: &Constants,
    signal: Signal,
    input: &[T],
    v_start: &[T],
    a_start: &[T],
) -> (Vec<T>, Vec<T>, Vec<T>) {
    let (pixels, width) = (signal.pixels(), signal.width);
    let [leak, input_amp, d, keep, take, lambda] = [
        constants.leak,
        constants.input_amp,
        constants.step_s,
        constants.adaptation.keep,
        constants.adaptation.take,
        constants.lambda,
    ]
    .map(T::of);
    let rows = Rows::new(&constants.taps, 1.0, signal.height, width);
    let mut v = vec![T::zero(); (signal.frames + 1) * pixels];
    let mut a = v.clone();
    let mut contrast = v.clone();
    v[..pixels].copy_from_slice(v_start);
    a[..pixels].copy_from_slice(a_start);
    let mut square = vec![T::zero(); pixels];
    let mut padded = rows.scratch();
    simd::vectorized(
        #[inline(always)]
        || {
            for t in 0..signal.frames {
                let here = t * pixels;
                for i in 0..pixels {
                    square[i] = v[here + i] * v[here + i];
                }
                for row in 0..signal.height {
                    let at = here + row * width;
                    blur_row(&rows, &square, row, &mut padded, &mut contrast[at..at + width]);
                }
                for i in 0..pixels {
                    let (v_before, a_before) = (v[here + i], a[here + i]);
                    let g = leak + a_before;
                    let rest = input_amp * input[here + i] / g;
                    let x = (-d * g).exp_of_negative();
                    v[here + pixels + i] = (rest + (v_before - rest) * x).flush();
                    a[here + pixels + i] = (keep * a_before + take * lambda * contrast[here + i]).flush();
                }
            }
        },
    );
    (v, a, contrast)
}
