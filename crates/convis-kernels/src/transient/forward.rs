//! [`Transient`], fast: every tile of pixels runs through all its frames with the state at hand.

use super::Transient;
use crate::tiles::{split, split_state, tiles};
use crate::{Real, parallel, simd};

pub(super) fn transient<T: Real>(
    filter: &Transient,
    parameters: &[f64],
    input: &[T],
    state: &[T],
    output: &mut [T],
    state_after: &mut [T],
) {
    let signal = filter.signal;
    state_after.copy_from_slice(state);
    let stage = filter.stage(parameters);
    let (keep, take, w) = (T::of(stage.keep), T::of(stage.take), T::of(parameters[1]));
    let items: Vec<_> = tiles(&signal)
        .into_iter()
        .zip(split(output, &signal))
        .zip(split_state(state_after, &signal))
        .collect();
    parallel::for_each(items, signal.len(), |((tile, mut out), mut l)| {
        simd::vectorized(
            #[inline(always)]
            || {
                let l = l.frame(0);
                for t in 0..signal.frames {
                    let x = &input[signal.at(tile.plane, t, &tile.pixels)];
                    for ((&x, l), out) in x.iter().zip(l.iter_mut()).zip(out.frame(t)) {
                        *l = (take * x + keep * *l).flush();
                        *out = x - w * *l;
                    }
                }
            },
        );
    });
}
