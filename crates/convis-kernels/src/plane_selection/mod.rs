//! Every n-th plane of a movie.
//!
//! # Equation
//! ```text
//! y(p) = x(n·p + f)        p = 0, 1 … planes/n − 1
//! ```
//!
//! # Shapes
//! Input: a movie of n·P planes. Output: one of P planes. No state.
//!
//! # Parameters
//! | symbol | name |
//! |---|---|
//! | n | [`PlaneSelection::every`] |
//! | f < n | [`PlaneSelection::first`] |
//!
//! # Source
//! None: it moves planes, for operations that compute several movies at once.

use crate::operation::{Gradients, Operation};
use crate::{Real, Signal};

/// Every n-th plane: see the [module](self).
///
/// ```
/// use convis_kernels::{Operation, Signal, plane_selection::PlaneSelection};
///
/// let signal = Signal { planes: 4, frames: 1, height: 1, width: 1 };
/// let mut y = [0.0f32; 2];
/// PlaneSelection { signal, every: 2, first: 1 }.forward(&[], &[&[1.0, 2.0, 3.0, 4.0]], &[], &mut y, &mut []);
/// assert_eq!(y, [2.0, 4.0]);
/// ```
#[derive(Clone, Debug)]
pub struct PlaneSelection {
    /// Sizes of the input; its planes are a multiple of `every`.
    pub signal: Signal,
    /// One plane of so many is taken.
    pub every: usize,
    /// The first one that is taken.
    pub first: usize,
}

impl PlaneSelection {
    /// Numbers of a plane, and where the planes that are taken begin.
    fn planes(&self) -> (usize, impl Iterator<Item = usize>) {
        let n = self.signal.frames * self.signal.pixels();
        (n, (self.first..self.signal.planes).step_by(self.every).map(move |plane| plane * n))
    }
}

impl Operation for PlaneSelection {
    const NAME: &'static str = "plane_selection";
    const PARAMETERS: &'static [&'static str] = &[];

    fn signal(&self) -> Signal {
        self.signal
    }

    fn output_signal(&self) -> Signal {
        Signal { planes: self.signal.planes / self.every, ..self.signal }
    }

    fn with_frames(&self, frames: usize) -> Self {
        Self { signal: self.signal.with_frames(frames), ..self.clone() }
    }

    fn reference(
        &self,
        _: &[f64],
        inputs: &[&[f64]],
        _: &[&[f64]],
        output: &mut [f64],
        _: &mut [&mut [f64]],
    ) {
        let n = self.signal.frames * self.signal.pixels();
        for (i, y) in output.iter_mut().enumerate() {
            *y = inputs[0][(i / n * self.every + self.first) * n + i % n];
        }
    }

    fn forward<T: Real>(&self, _: &[f64], inputs: &[&[T]], _: &[&[T]], output: &mut [T], _: &mut [&mut [T]]) {
        let (n, planes) = self.planes();
        for (y, start) in output.chunks_mut(n.max(1)).zip(planes) {
            y.copy_from_slice(&inputs[0][start..start + n]);
        }
    }

    /// Gradients go back to the planes that were taken; the others have none.
    fn adjoint<T: Real>(
        &self,
        _: &[f64],
        _: &[&[T]],
        _: &[&[T]],
        output_gradient: &[T],
        _: &[&[T]],
        mut gradients: Gradients<'_, T>,
    ) {
        let (n, planes) = self.planes();
        if let Some(by_input) = &mut gradients.inputs[0] {
            by_input.fill(T::zero());
            for (g, start) in output_gradient.chunks(n.max(1)).zip(planes) {
                by_input[start..start + n].copy_from_slice(g);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::conformance::{self, Case};

    #[test]
    fn conforms() {
        let signal = Signal { planes: 6, frames: 9, height: 2, width: 1 };
        for (every, first) in [(2, 0), (2, 1), (3, 2)] {
            let make = move |signal| PlaneSelection { signal, every, first };
            conformance::check(&Case::new(make, signal, &[]));
        }
    }
}
