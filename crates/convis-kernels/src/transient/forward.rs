//! [`Transient`](super::Transient), fast.

use crate::Real;
use crate::bands::Pixelwise;

/// The constants of the filter.
#[derive(PartialEq)]
pub(super) struct Filter<T> {
    pub keep: T,
    pub take: T,
    pub weight: T,
}

impl<T: Real> Pixelwise<T> for Filter<T> {
    #[inline(always)]
    fn step(&self, inputs: &[&[T]], state: &mut [&mut [T]], output: &mut [T]) {
        for ((&x, l), out) in inputs[0].iter().zip(state[0].iter_mut()).zip(output) {
            *l = (self.take * x + self.keep * *l).flush();
            *out = x - self.weight * *l;
        }
    }
}
