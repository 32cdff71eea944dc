//! Rectifying and squaring.
//!
//! # Equation
//! ```text
//! u = bias + scale·x
//! y = R(u)ᵖ          R(u) = u clipped to 0 … 10⁶ where it rectifies, else u;   p = 2 where it squares, else 1
//! ```
//!
//! # Shapes
//! Input and output: a movie. No state.
//!
//! # Parameters
//! | name | unit |
//! |---|---|
//! | `scale` | – |
//! | `bias` | that of the output |
//!
//! At the corners of R the derivative is that of its slope, 1.
//!
//! # Source
//! Threshold-linear and threshold-quadratic nonlinearities of linear-nonlinear models, e.g. Chichilnisky 2001 (Network
//! 12:199); the upper limit is that of convis 0.6.4.

use crate::operation::{Gradients, Operation};
use crate::scratch::{LANES, Scratch};
use crate::{Real, Signal, parallel, simd, sums};

/// Numbers that one thread works on at a time.
const PIECE: usize = 8192;

/// Numbers that stay in the nearest cache from one pass of the adjoint to the next.
const BLOCK: usize = 2048;

/// The largest rectified value.
pub const LIMIT: f64 = 1e6;

/// A rectifying or squaring nonlinearity: see the [module](self) for the equation.
///
/// ```
/// use convis_kernels::{Operation, Signal, static_nonlinearity::StaticNonlinearity};
///
/// let signal = Signal { planes: 1, frames: 1, height: 1, width: 3 };
/// let mut y = [0.0f64; 3];
/// // scale and bias
/// StaticNonlinearity { signal, rectifies: true, squares: true }
///     .forward(&[2.0, 1.0], &[&[-1.0, 0.0, 1.0]], &[], &mut y, &mut []);
/// assert_eq!(y, [0.0, 1.0, 9.0]);
/// ```
#[derive(Clone, Debug)]
pub struct StaticNonlinearity {
    /// Sizes.
    pub signal: Signal,
    /// Whether u is clipped.
    pub rectifies: bool,
    /// Whether the result is squared.
    pub squares: bool,
}

impl Operation for StaticNonlinearity {
    const NAME: &'static str = "static_nonlinearity";
    const PARAMETERS: &'static [&'static str] = &["scale", "bias"];
    const SPARES_PARAMETERS: bool = true;

    fn signal(&self) -> Signal {
        self.signal
    }

    fn with_frames(&self, frames: usize) -> Self {
        Self { signal: self.signal.with_frames(frames), ..self.clone() }
    }

    fn reference(
        &self,
        parameters: &[f64],
        inputs: &[&[f64]],
        _: &[&[f64]],
        output: &mut [f64],
        _: &mut [&mut [f64]],
    ) {
        for (y, &x) in output.iter_mut().zip(inputs[0]) {
            let mut u = parameters[1] + parameters[0] * x;
            if self.rectifies {
                u = u.clamp(0.0, LIMIT);
            }
            *y = if self.squares { u * u } else { u };
        }
    }

    fn forward<T: Real>(
        &self,
        parameters: &[f64],
        inputs: &[&[T]],
        _: &[&[T]],
        output: &mut [T],
        _: &mut [&mut [T]],
    ) {
        let (scale, bias) = (T::of(parameters[0]), T::of(parameters[1]));
        let limits = Limits::new(self.rectifies);
        let squares = self.squares;
        let work = output.len();
        let items: Vec<_> = inputs[0].chunks(PIECE).zip(output.chunks_mut(PIECE)).collect();
        parallel::for_each(items, work, |(x, y)| {
            simd::vectorized(
                #[inline(always)]
                || {
                    for (&x, y) in x.iter().zip(&mut *y) {
                        *y = limits.clip(bias + scale * x);
                    }
                    if squares {
                        for y in y {
                            *y = *y * *y;
                        }
                    }
                },
            );
        });
    }

    /// With `r = ∂y/∂u` (0 beyond the clip; 2u where it squares, else 1): `∂/∂x = scale·r`, `∂/∂scale = Σ x·r`,
    /// `∂/∂bias = Σ r`.
    fn adjoint<T: Real>(
        &self,
        parameters: &[f64],
        inputs: &[&[T]],
        _: &[&[T]],
        output_gradient: &[T],
        _: &[&[T]],
        mut gradients: Gradients<'_, T>,
    ) {
        let (scale, bias) = (T::of(parameters[0]), T::of(parameters[1]));
        let limits = Limits::new(self.rectifies);
        let two = T::one() + T::one();
        let mut parts = gradients.inputs[0].take().map(|movie| movie.chunks_mut(PIECE));
        let mut items = vec![];
        for (x, g) in inputs[0].chunks(PIECE).zip(output_gradient.chunks(PIECE)) {
            items.push((x, g, parts.as_mut().and_then(Iterator::next)));
        }
        let (squares, parameters_wanted) = (self.squares, !gradients.parameters.is_empty());
        let sums = parallel::map(items, output_gradient.len() * 2, |(x, g, gx)| {
            let mut own = Scratch::new(if gx.is_some() { 0 } else { x.len() });
            let by_u = gx.unwrap_or(&mut own);
            let mut sums = [0.0; 2];
            for ((x, g), by_u) in x.chunks(BLOCK).zip(g.chunks(BLOCK)).zip(by_u.chunks_mut(BLOCK)) {
                simd::vectorized(
                    #[inline(always)]
                    || {
                        for ((by_u, &x), &g) in by_u.iter_mut().zip(x).zip(g) {
                            *by_u = limits.slope(bias + scale * x, g);
                        }
                        if squares {
                            for (by_u, &x) in by_u.iter_mut().zip(x) {
                                *by_u = *by_u * (two * (bias + scale * x));
                            }
                        }
                        if parameters_wanted {
                            sums[0] += sums::dot(by_u, x);
                            sums[1] += sums::sum(by_u);
                        }
                        // From now on the gradient by the input.
                        if scale != T::one() {
                            for by_u in by_u {
                                *by_u = *by_u * scale;
                            }
                        }
                    },
                );
            }
            sums
        });
        for (i, by_parameter) in gradients.parameters.iter_mut().enumerate() {
            *by_parameter = sums.iter().map(|sums| sums[i]).sum();
        }
    }
}

/// Where u is clipped.
#[derive(Clone, Copy)]
pub(crate) struct Limits<T> {
    low: T,
    high: T,
}

impl<T: Real> Limits<T> {
    /// Those of a rectifier, or none.
    pub fn new(rectifies: bool) -> Self {
        let (low, high) =
            if rectifies { (T::zero(), T::of(LIMIT)) } else { (T::neg_infinity(), T::infinity()) };
        Self { low, high }
    }

    /// u between the limits; NaN stays NaN.
    #[inline(always)]
    pub fn clip(self, u: T) -> T {
        let u = if u < self.low { self.low } else { u };
        if u > self.high { self.high } else { u }
    }

    /// A vector of numbers between the limits.
    #[inline(always)]
    pub fn clip_line(self, u: &[T; LANES]) -> [T; LANES] {
        let mut line = *u;
        for l in 0..LANES {
            line[l] = self.clip(line[l]);
        }
        line
    }

    /// All of `from` between the limits, as the operation without bias gives them.
    pub fn clip_all(self, from: &[T], to: &mut [T]) {
        simd::vectorized(
            #[inline(always)]
            || {
                let limits = self; // in registers
                to.iter_mut().zip(from).for_each(|(to, &u)| *to = limits.clip(T::zero() + u));
            },
        );
    }

    /// The gradients `g` by what was clipped become those by `u`.
    pub fn slopes(self, u: &[T], g: &mut [T]) {
        simd::vectorized(
            #[inline(always)]
            || {
                let limits = self; // in registers
                g.iter_mut().zip(u).for_each(|(g, &u)| *g = limits.slope(u, *g));
            },
        );
    }

    /// The gradient by u where that by the clipped u is `g`.
    #[inline(always)]
    #[allow(clippy::needless_bitwise_bool)] // compilers make a gather of a limit that is not always looked at
    pub fn slope(self, u: T, g: T) -> T {
        if (u < self.low) | (u > self.high) { T::zero() } else { g }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::conformance::{self, Case};

    #[test]
    fn conforms() {
        let signal = Signal { planes: 1, frames: 9, height: 1, width: 1 };
        for (rectifies, squares) in [(false, false), (true, false), (false, true), (true, true)] {
            let make = move |signal| StaticNonlinearity { signal, rectifies, squares };
            // At these parameters no input lies so close to the corner that a difference would reach across it.
            for parameters in [[1.0, 0.05], [1.7, -0.4], [-0.8, 0.3]] {
                conformance::check(&Case::new(make, signal, &parameters));
            }
        }
    }

    #[test]
    fn it_clips_at_both_ends() {
        let signal = Signal { planes: 1, frames: 1, height: 1, width: 3 };
        let mut y = [0.0f64; 3];
        let rectify = StaticNonlinearity { signal, rectifies: true, squares: false };
        rectify.forward(&[1.0, 0.0], &[&[-2.0, 5.0, 3e6]], &[], &mut y, &mut []);
        assert_eq!(y, [0.0, 5.0, 1e6]);
    }
}
