//! [`LeakyHeat`], fast: frame by frame; threads share the blur of a frame, or the planes.

use super::LeakyHeat;
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
    state_after.copy_from_slice(state);
    if signal.is_empty() {
        return;
    }
    let (sigma_of_step, stage) = sheet.step(parameters);
    let plan = sheet.blur.plan::<T>(sigma_of_step, &signal);
    let (keep, take) = (T::of(stage.keep), T::of(stage.take * parameters[2]));
    let offset = T::of(sheet.offset);
    let (pixels, movie) = (signal.pixels(), signal.frames * signal.pixels());
    let planes: Vec<_> =
        input.chunks(movie).zip(output.chunks_mut(movie)).zip(state_after.chunks_mut(pixels)).collect();
    parallel::for_each(planes, plan.work() * signal.frames * signal.planes, |((input, output), y)| {
        let mut sum = vec![T::zero(); pixels];
        for (x, out) in input.chunks(pixels).zip(output.chunks_mut(pixels)) {
            simd::vectorized(
                #[inline(always)]
                || {
                    for ((sum, &y), &x) in sum.iter_mut().zip(&*y).zip(x) {
                        *sum = (keep * y + take * (x - offset)).flush();
                    }
                },
            );
            plan.blur(&sum, out, plan.work());
            y.copy_from_slice(out);
        }
    });
}
