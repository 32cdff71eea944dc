//! [`LowPass`], fast: every tile of pixels runs through all its frames with the state at hand.

use super::LowPass;
use crate::tiles::{split, split_state, tiles};
use crate::{Real, parallel, simd};

pub(super) fn low_pass<T: Real>(
    filter: &LowPass,
    parameters: &[f64],
    input: &[T],
    state: &[&[T]],
    output: &mut [T],
    state_after: &mut [&mut [T]],
) {
    let signal = filter.signal;
    for (after, before) in state_after.iter_mut().zip(state) {
        after.copy_from_slice(before);
    }
    let stage = filter.stage(parameters);
    let (keep, take) = (T::of(stage.keep), T::of(stage.take));
    let mut items: Vec<_> = tiles(&signal)
        .into_iter()
        .zip(split(output, &signal))
        .map(|(tile, out)| (tile, out, vec![]))
        .collect();
    for after in state_after.iter_mut() {
        for (item, part) in items.iter_mut().zip(split_state(after, &signal)) {
            item.2.push(part);
        }
    }
    parallel::for_each(items, signal.len() * filter.stages(), |(tile, mut out, mut stages)| {
        simd::vectorized(
            #[inline(always)]
            || {
                for t in 0..signal.frames {
                    let out = out.frame(t);
                    step(&input[signal.at(tile.plane, t, &tile.pixels)], stages[0].frame(0), out, keep, take);
                    for stage in &mut stages[1..] {
                        step_in_place(stage.frame(0), out, keep, take);
                    }
                }
            },
        );
    });
}

/// `y ← take·x + keep·y`, copied to `out`.
#[inline(always)]
pub(crate) fn step<T: Real>(x: &[T], y: &mut [T], out: &mut [T], keep: T, take: T) {
    for ((&x, y), out) in x.iter().zip(y).zip(out) {
        *y = (take * x + keep * *y).flush();
        *out = *y;
    }
}

/// `y ← take·out + keep·y`, written back to `out`.
#[inline(always)]
fn step_in_place<T: Real>(y: &mut [T], out: &mut [T], keep: T, take: T) {
    for (y, out) in y.iter_mut().zip(out) {
        *y = (take * *out + keep * *y).flush();
        *out = *y;
    }
}
