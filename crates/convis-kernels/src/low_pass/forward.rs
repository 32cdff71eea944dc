//! [`LowPass`](super::LowPass), fast: all stages of the cascade on a band of pixels while it is at hand.

use crate::Real;
use crate::bands::Pixelwise;

/// The stages of a cascade; they are alike.
#[derive(PartialEq)]
pub(super) struct Cascade<T> {
    pub keep: T,
    pub take: T,
}

impl<T: Real> Pixelwise<T> for Cascade<T> {
    #[inline(always)]
    fn step(&self, inputs: &[&[T]], state: &mut [&mut [T]], output: &mut [T]) {
        let (keep, take) = (self.keep, self.take);
        let [first, rest @ ..] = state else { return };
        for ((&x, y), out) in inputs[0].iter().zip(first.iter_mut()).zip(output.iter_mut()) {
            *y = (take * x + keep * *y).flush();
            *out = *y;
        }
        for stage in rest {
            for (y, out) in stage.iter_mut().zip(output.iter_mut()) {
                *y = (take * *out + keep * *y).flush();
                *out = *y;
            }
        }
    }
}
