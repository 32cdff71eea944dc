//! [`LeakyHeat`], fast: frame by frame; threads share the blur of a frame, or the planes.

use super::LeakyHeat;
use crate::scratch::Scratch;
use crate::{Real, parallel, simd};

pub(super) fn leaky_heat<T: Real>(
    sheet: &LeakyHeat,
    parameters: &[f64],
    input: &[T],
    state: &[T],
    output: &mut [T],
    state_after: &mut [T],
) {
    let signal = sheet.signal;
    if signal.is_empty() {
        state_after.copy_from_slice(state);
        return;
    }
    let (sigma_of_step, stage) = sheet.step(parameters);
    let plan = sheet.blur.plan::<T>(sigma_of_step, &signal);
    let (keep, take) = (T::of(stage.keep), T::of(stage.take * parameters[2]));
    let offset = T::of(sheet.offset);
    let (pixels, movie) = (signal.pixels(), signal.frames * signal.pixels());
    let planes = input.chunks(movie).zip(output.chunks_mut(movie)).zip(state.chunks(pixels)).collect();
    parallel::for_each(planes, plan.work() * signal.frames * signal.planes, |((input, output), state)| {
        let mut sum = Scratch::new(pixels);
        for (t, x) in input.chunks(pixels).enumerate() {
            let (done, rest) = output.split_at_mut(t * pixels);
            let before = if t == 0 { state } else { &done[(t - 1) * pixels..] };
            simd::vectorized(
                #[inline(always)]
                || {
                    for ((sum, &y), &x) in sum.iter_mut().zip(before).zip(x) {
                        *sum = (keep * y + take * (x - offset)).flush();
                    }
                },
            );
            plan.blur(&sum, &mut rest[..pixels], plan.work());
        }
    });
    for (after, output) in state_after.chunks_mut(pixels).zip(output.chunks(movie)) {
        after.copy_from_slice(&output[movie - pixels..]);
    }
}
