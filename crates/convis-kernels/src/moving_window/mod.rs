//! A window of every frame, at a place of its own in each, between pixels where it has to be.
//!
//! # Equation
//! With (p, q) the row and column of the window's first pixel in frame t:
//! ```text
//! yₜ(i, j) = bilinear xₜ(p + i, q + j)
//! ```
//! Places beyond the border are moved to it. A whole p and q moves pixels without touching their numbers.
//!
//! # Shapes
//! Input: a movie. Output: one of the window's height and width. No state.
//!
//! # Parameters
//! | symbol | name | unit |
//! |---|---|---|
//! | (p, q) | [`MovingWindow::places`] | pixel |
//!
//! # Source
//! Bilinear interpolation.

use std::sync::Arc;

use crate::operation::{Gradients, Operation};
use crate::{Real, Signal, parallel};

/// A window of every frame: see the [module](self) for the equation.
///
/// ```
/// use std::sync::Arc;
/// use convis_kernels::{Operation, Signal, moving_window::MovingWindow};
///
/// let signal = Signal { planes: 1, frames: 2, height: 1, width: 3 };
/// let places = Arc::new(vec![[0.0, 1.0], [0.0, 0.5]]);
/// let window = MovingWindow { signal, height: 1, width: 2, places };
/// let mut y = [0.0f64; 4];
/// window.forward(&[], &[&[1.0, 2.0, 3.0, 1.0, 2.0, 3.0]], &[], &mut y, &mut []);
/// assert_eq!(y, [2.0, 3.0, 1.5, 2.5]);
/// ```
#[derive(Clone, Debug)]
pub struct MovingWindow {
    /// Sizes of the input.
    pub signal: Signal,
    /// Rows of the window.
    pub height: usize,
    /// Columns of the window.
    pub width: usize,
    /// Row and column of its first pixel in every frame; the last holds on.
    pub places: Arc<Vec<[f64; 2]>>,
}

/// Along one axis: for every pixel of the window its two neighbours and the part of the second.
fn neighbours(first: f64, size: usize, window: usize) -> Vec<(usize, usize, f64)> {
    (0..window)
        .map(|i| {
            let x = (first + i as f64).clamp(0.0, (size - 1) as f64);
            let low = x.floor();
            (low as usize, (low as usize + 1).min(size - 1), x - low)
        })
        .collect()
}

impl MovingWindow {
    /// Rows and columns that frame `t` reads.
    fn axes(&self, t: usize) -> [Vec<(usize, usize, f64)>; 2] {
        let [p, q] = self.places.get(t).or(self.places.last()).copied().unwrap_or_default();
        [neighbours(p, self.signal.height, self.height), neighbours(q, self.signal.width, self.width)]
    }
}

impl Operation for MovingWindow {
    const NAME: &'static str = "moving_window";
    const PARAMETERS: &'static [&'static str] = &[];

    fn signal(&self) -> Signal {
        self.signal
    }

    fn output_signal(&self) -> Signal {
        Signal { height: self.height, width: self.width, ..self.signal }
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
        let (height, width) = (self.signal.height as f64, self.signal.width as f64);
        for (at, y) in output.iter_mut().enumerate() {
            let (j, i) = (at % self.width, at / self.width % self.height);
            let frame = at / self.width / self.height;
            let t = frame % self.signal.frames;
            let [p, q] = self.places[t.min(self.places.len() - 1)];
            let row = (p + i as f64).clamp(0.0, height - 1.0);
            let column = (q + j as f64).clamp(0.0, width - 1.0);
            let x = |row: f64, column: f64| {
                let (row, column) = (row.min(height - 1.0) as usize, column.min(width - 1.0) as usize);
                inputs[0][(frame * self.signal.height + row) * self.signal.width + column]
            };
            let (r, c) = (row.floor(), column.floor());
            let above = x(r, c) * (1.0 - (column - c)) + x(r, c + 1.0) * (column - c);
            let below = x(r + 1.0, c) * (1.0 - (column - c)) + x(r + 1.0, c + 1.0) * (column - c);
            *y = above * (1.0 - (row - r)) + below * (row - r);
        }
    }

    fn forward<T: Real>(&self, _: &[f64], inputs: &[&[T]], _: &[&[T]], output: &mut [T], _: &mut [&mut [T]]) {
        if self.signal.is_empty() {
            return;
        }
        let (work, pixels) = (output.len() * 4, self.signal.pixels());
        let frames: Vec<_> =
            inputs[0].chunks(pixels).zip(output.chunks_mut(self.height * self.width)).enumerate().collect();
        parallel::for_each(frames, work, |(frame, (x, y))| {
            let [rows, columns] = self.axes(frame % self.signal.frames);
            let row = |p: usize| &x[p * self.signal.width..(p + 1) * self.signal.width];
            for (&(p, p1, fp), y) in rows.iter().zip(y.chunks_mut(self.width)) {
                let (above, below, fp) = (row(p), row(p1), T::of(fp));
                for (&(q, q1, fq), y) in columns.iter().zip(y) {
                    let fq = T::of(fq);
                    let a = above[q] + fq * (above[q1] - above[q]);
                    let b = below[q] + fq * (below[q1] - below[q]);
                    *y = a + fp * (b - a);
                }
            }
        });
    }

    /// Every gradient is spread to the four pixels that were read.
    fn adjoint<T: Real>(
        &self,
        _: &[f64],
        _: &[&[T]],
        _: &[&[T]],
        output_gradient: &[T],
        _: &[&[T]],
        mut gradients: Gradients<'_, T>,
    ) {
        let Some(by_input) = gradients.inputs[0].take() else { return };
        by_input.fill(T::zero());
        if self.signal.is_empty() {
            return;
        }
        let (work, pixels) = (output_gradient.len() * 4, self.signal.pixels());
        let window = self.height * self.width;
        let frames: Vec<_> =
            by_input.chunks_mut(pixels).zip(output_gradient.chunks(window)).enumerate().collect();
        parallel::for_each(frames, work, |(frame, (x, g))| {
            let [rows, columns] = self.axes(frame % self.signal.frames);
            let mut add = |p: usize, q: usize, part: T| {
                let x = &mut x[p * self.signal.width + q];
                *x = *x + part;
            };
            for (&(p, p1, fp), g) in rows.iter().zip(g.chunks(self.width)) {
                for (&(q, q1, fq), &g) in columns.iter().zip(g) {
                    for (p, fp) in [(p, 1.0 - fp), (p1, fp)] {
                        add(p, q, g * T::of(fp * (1.0 - fq)));
                        add(p, q1, g * T::of(fp * fq));
                    }
                }
            }
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::conformance::{self, Case};

    #[test]
    fn conforms() {
        let signal = Signal { planes: 1, frames: 4, height: 5, width: 1 };
        // Places belong to frames of a chunk: the same for all of them joins to that of the whole.
        for place in [[1.25, 0.5], [0.0, 0.0], [-2.5, 3.0]] {
            let places = Arc::new(vec![place]);
            let make = move |signal: Signal| MovingWindow {
                signal,
                height: 3,
                width: signal.width.min(4),
                places: places.clone(),
            };
            conformance::check(&Case::new(make, signal, &[]));
        }
        let places = Arc::new(vec![[1.5, 0.25], [0.0, 2.0], [-1.0, 0.5]]);
        let make = move |signal: Signal| MovingWindow {
            signal,
            height: 3,
            width: signal.width.min(4),
            places: places.clone(),
        };
        conformance::check_within_a_chunk(&Case::new(make, signal, &[]));
    }
}
