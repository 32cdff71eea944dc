//! [`CustomGainControl`], fast: frame by frame; threads share the rows of a frame, or the planes.

use super::{Constants, CustomGainControl};
use crate::{Real, parallel, simd};

pub(super) fn custom_gain_control<T: Real>(
    membrane: &CustomGainControl,
    parameters: &[f64],
    input: &[T],
    state: &[&[T]],
    output: &mut [T],
    state_after: &mut [&mut [T]],
) {
    let signal = membrane.signal;
    for (after, before) in state_after.iter_mut().zip(state) {
        after.copy_from_slice(before);
    }
    if signal.is_empty() {
        return;
    }
    let [v_after, a_after, t_after] = state_after else { panic!("three state arrays") };
    let constants = Constants::<T>::new(membrane, parameters);
    let plan = membrane.blur.plan::<T>(parameters[4], &signal);
    let (pixels, movie) = (signal.pixels(), signal.frames * signal.pixels());
    let planes: Vec<_> = input
        .chunks(movie)
        .zip(output.chunks_mut(membrane.outputs() * movie))
        .zip(v_after.chunks_mut(pixels).zip(a_after.chunks_mut(pixels)).zip(t_after.chunks_mut(pixels)))
        .collect();
    let work = (plan.work() + 24 * pixels) * signal.frames * signal.planes;
    parallel::for_each(planes, work, |((input, output), ((v, a), transient))| {
        let (v_movie, a_movie) = output.split_at_mut(movie);
        let mut feedback = vec![T::zero(); pixels];
        let mut blurred = vec![T::zero(); pixels];
        feedback_of(&constants, v, &mut feedback);
        for (t, x) in input.chunks(pixels).enumerate() {
            plan.blur(&feedback, &mut blurred, plan.work());
            let bands: Vec<_> = v
                .chunks_mut(BAND)
                .zip(a.chunks_mut(BAND))
                .zip(transient.chunks_mut(BAND))
                .zip(feedback.chunks_mut(BAND))
                .zip(blurred.chunks(BAND).zip(x.chunks(BAND)))
                .collect();
            parallel::for_each(bands, 24 * pixels, |((((v, a), transient), feedback), (blurred, x))| {
                step(&constants, x, blurred, v, a, transient);
                feedback_of(&constants, v, feedback);
            });
            v_movie[t * pixels..(t + 1) * pixels].copy_from_slice(v);
            if membrane.with_conductance {
                a_movie[t * pixels..(t + 1) * pixels].copy_from_slice(a);
            }
        }
    });
}

/// Pixels that one thread takes at a time.
const BAND: usize = 4096;

/// One step of the membranes. `rest` may be far larger than V: V goes a part 1 − e^{−d·g} of the way, which rounds less than
/// what is left of it.
pub(super) fn step<T: Real>(
    c: &Constants<T>,
    x: &[T],
    feedback: &[T],
    v: &mut [T],
    a: &mut [T],
    transient: &mut [T],
) {
    let n = v.len();
    let (x, feedback, a, transient) = (&x[..n], &feedback[..n], &mut a[..n], &mut transient[..n]);
    simd::vectorized(
        #[inline(always)]
        || {
            if c.weight == T::zero() && c.reversal == T::zero() {
                for i in 0..n {
                    let g = c.leak + a[i];
                    let rest = c.input_amp * x[i] / g;
                    let part = (-c.step_s * g).one_minus_exp_of_negative();
                    transient[i] = (c.t_keep * transient[i] + c.t_take * v[i]).flush();
                    v[i] = (v[i] + (rest - v[i]) * part).flush();
                    a[i] = (c.keep * a[i] + c.take * feedback[i]).flush();
                }
            } else {
                for i in 0..n {
                    let g = c.leak + a[i];
                    let rest = (c.input_amp * x[i] + c.reversal * a[i] + c.weight * transient[i]) / g;
                    let part = (-c.step_s * g).one_minus_exp_of_negative();
                    transient[i] = (c.t_keep * transient[i] + c.t_take * v[i]).flush();
                    v[i] = (v[i] + (rest - v[i]) * part).flush();
                    a[i] = (c.keep * a[i] + c.take * feedback[i]).flush();
                }
            }
        },
    );
}

/// Q(V).
pub(super) fn feedback_of<T: Real>(c: &Constants<T>, v: &[T], out: &mut [T]) {
    simd::vectorized(
        #[inline(always)]
        || {
            let one = T::one();
            if c.is_square() {
                for (out, &v) in out.iter_mut().zip(v) {
                    let u = c.lambda * (v * v);
                    *out = u / (one + u * c.inverse_limit);
                }
            } else {
                let half = |v: T| c.lambda * (v - c.threshold).max(T::zero()).powf(c.exponent);
                for (out, &v) in out.iter_mut().zip(v) {
                    let u = if c.both_signs { half(v) + half(-v) } else { half(v) };
                    *out = u / (one + u * c.inverse_limit);
                }
            }
        },
    );
}
