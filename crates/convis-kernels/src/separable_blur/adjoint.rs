//! The adjoint of [`SeparableBlur`].
//!
//! A blur is λ·(K down columns)·(K along rows). Its transpose spreads instead of collecting: what would fall beyond
//! the border falls on the border pixel. With `h = (K along rows)ᵀ g`:
//! ```text
//! ∂/∂x = λ·(K down)ᵀ h
//! ∂/∂λ = ⟨h, K down x⟩
//! ∂/∂s = λ·(⟨h, K′ down x⟩ + ⟨(K′ along rows)ᵀ g, K down x⟩)       K′ = ∂K/∂s
//! ```

use super::{SeparableBlur, Taps};
use crate::operation::Gradients;
use crate::{Real, parallel, simd};

pub(super) fn separable_blur<T: Real>(
    blur: &SeparableBlur,
    parameters: &[f64],
    input: &[T],
    output_gradient: &[T],
    mut gradients: Gradients<'_, T>,
) {
    let signal = blur.signal;
    gradients.parameters.fill(0.0);
    if signal.is_empty() {
        return;
    }
    let taps = blur.taps(parameters[0]);
    let gain = parameters[1];
    let mut frames = gradients.inputs[0].take().map(|movie| movie.chunks_mut(signal.pixels()));
    let mut items = vec![];
    for (x, g) in input.chunks(signal.pixels()).zip(output_gradient.chunks(signal.pixels())) {
        items.push((x, g, frames.as_mut().and_then(Iterator::next)));
    }
    let sums = parallel::map(items, signal.len() * taps.weight.len() * 4, |(x, g, gradient)| {
        let frame = Transposed::new(&taps, signal.width, x, g);
        if let Some(out) = gradient {
            frame.by_input(&taps, T::of(gain), out);
        }
        (frame.by_sigma(&taps, x, g), frame.by_gain())
    });
    gradients.parameters[0] = sums.iter().map(|s| s.0).sum::<f64>() * gain * blur.pixels_per_degree;
    gradients.parameters[1] = sums.iter().map(|s| s.1).sum();
}

/// What the derivatives of one frame share.
pub(crate) struct Transposed<T> {
    width: usize,
    /// (K along rows)ᵀ g
    h: Vec<T>,
    /// K down x
    kx: Vec<T>,
}

impl<T: Real> Transposed<T> {
    pub fn new(taps: &Taps, width: usize, x: &[T], g: &[T]) -> Self {
        let weight = taps.weight_as::<T>(1.0);
        Self { width, h: along_transposed(&weight, width, g), kx: down(&weight, width, x) }
    }

    /// `gain·(K⊗K)ᵀ g`
    pub fn by_input(&self, taps: &Taps, gain: T, out: &mut [T]) {
        down_transposed(&taps.weight_as::<T>(1.0), gain, self.width, &self.h, out);
    }

    /// `⟨g, (K⊗K)x⟩`
    pub fn by_gain(&self) -> f64 {
        dot(&self.h, &self.kx)
    }

    /// `⟨g, ∂(K⊗K)x/∂s⟩`, the derivative by σ in pixels for unit gain.
    pub fn by_sigma(&self, taps: &Taps, x: &[T], g: &[T]) -> f64 {
        if taps.is_identity() {
            return 0.0;
        }
        let by_sigma = taps.by_sigma_as::<T>();
        dot(&self.h, &down(&by_sigma, self.width, x))
            + dot(&along_transposed(&by_sigma, self.width, g), &self.kx)
    }
}

/// Columns of a frame filtered with the transpose of a symmetric kernel with replicated border.
fn down_transposed<T: Real>(weight: &[T], gain: T, width: usize, h: &[T], out: &mut [T]) {
    simd::vectorized(
        #[inline(always)]
        || {
            out.fill(T::zero());
            let rows = out.len() / width;
            for p in 0..rows {
                let h = &h[p * width..(p + 1) * width];
                for j in 0..weight.len() {
                    let k = gain * weight[j];
                    let (above, below) = (p.saturating_sub(j), (p + j).min(rows - 1));
                    let targets = if j == 0 { [Some(p), None] } else { [Some(above), Some(below)] };
                    for row in targets.into_iter().flatten() {
                        for (out, &h) in out[row * width..(row + 1) * width].iter_mut().zip(h) {
                            *out = *out + k * h;
                        }
                    }
                }
            }
        },
    );
}

/// ⟨a, b⟩: products in the type of the movie, added in double precision in eight interleaved sums.
fn dot<T: Real>(a: &[T], b: &[T]) -> f64 {
    let mut sums = [0.0f64; 8];
    simd::vectorized(
        #[inline(always)]
        || {
            let (a, b) = (a.chunks_exact(8), b.chunks_exact(8));
            for (l, (&a, &b)) in a.remainder().iter().zip(b.remainder()).enumerate() {
                sums[l] += (a * b).double();
            }
            for (a, b) in a.zip(b) {
                for l in 0..8 {
                    sums[l] += (a[l] * b[l]).double();
                }
            }
        },
    );
    sums.iter().sum()
}

/// Columns of a frame filtered with a symmetric kernel, border replicated.
fn down<T: Real>(taps: &[T], width: usize, x: &[T]) -> Vec<T> {
    let rows = x.len() / width;
    let mut y = vec![T::zero(); x.len()];
    simd::vectorized(
        #[inline(always)]
        || {
            for (p, y) in y.chunks_mut(width).enumerate() {
                let row = |i: usize| &x[i * width..(i + 1) * width];
                for (y, &x) in y.iter_mut().zip(row(p)) {
                    *y = taps[0] * x;
                }
                for j in 1..taps.len() {
                    let (above, below) = (row(p.saturating_sub(j)), row((p + j).min(rows - 1)));
                    for ((y, &a), &b) in y.iter_mut().zip(above).zip(below) {
                        *y = *y + taps[j] * (a + b);
                    }
                }
            }
        },
    );
    y
}

/// Rows of a frame filtered with the transpose of a symmetric kernel with replicated border.
fn along_transposed<T: Real>(taps: &[T], width: usize, g: &[T]) -> Vec<T> {
    let radius = taps.len() - 1;
    let mut out = vec![T::zero(); g.len()];
    let mut spread = vec![T::zero(); width + 2 * radius];
    simd::vectorized(
        #[inline(always)]
        || {
            for (out, g) in out.chunks_mut(width).zip(g.chunks(width)) {
                spread.fill(T::zero());
                for j in 0..taps.len() {
                    let starts =
                        if j == 0 { [Some(radius), None] } else { [Some(radius - j), Some(radius + j)] };
                    for start in starts.into_iter().flatten() {
                        for (s, &g) in spread[start..start + width].iter_mut().zip(g) {
                            *s = *s + taps[j] * g;
                        }
                    }
                }
                out.copy_from_slice(&spread[radius..radius + width]);
                let (left, right) = (&spread[..radius], &spread[radius + width..]);
                out[0] = out[0] + left.iter().copied().sum();
                out[width - 1] = out[width - 1] + right.iter().copied().sum();
            }
        },
    );
    out
}
