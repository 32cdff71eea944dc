//! The adjoint of [`RecursiveBlur`].
//!
//! A blur is λ·(rows)·(columns), linear in the movie: `∂/∂λ = ⟨g, blurred x⟩ = ⟨blurᵀ g, x⟩`. Along an axis, each of
//! the filters `yᵢ = a·xₙ + a'·xₘ + b₀·yᵢ₋₁ + b₁·yᵢ₋₂` (n, m the rows it takes, at the border the border row) has,
//! walking against its direction,
//! ```text
//! λᵢ = gᵢ + b₀·λᵢ₊₁ + b₁·λᵢ₊₂            ∂/∂xₙ += a·λᵢ      ∂/∂xₘ += a'·λᵢ
//! ∂/∂density += λᵢ·(ȧ·xₙ + ȧ'·xₘ + ḃ₀·yᵢ₋₁ + ḃ₁·yᵢ₋₂)        ˙ = ∂/∂density
//! ```
//! and at its start, y = c·x of the border row, c = (a + a')/(1−b₀−b₁):
//! ```text
//! μ = (b₀ + b₁)·λ₀ + b₁·λ₁               ∂/∂x += c·μ       ∂/∂density += ċ·x·μ
//! ```

use super::forward::{down, taps, transpose};
use super::{RecursiveBlur, Section};
use crate::operation::Gradients;
use crate::{Real, parallel, simd};

pub(super) fn recursive_blur<T: Real>(
    blur: &RecursiveBlur,
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
    let sections = blur.sections(parameters[0]);
    let gain = parameters[1];
    let (height, width) = (signal.height, signal.width);
    let mut frames = gradients.inputs[0].take().map(|movie| movie.chunks_mut(signal.pixels()));
    let mut items = vec![];
    for (x, g) in input.chunks(signal.pixels()).zip(output_gradient.chunks(signal.pixels())) {
        items.push((x, g, frames.as_mut().and_then(Iterator::next)));
    }
    let sums = parallel::map(items, signal.len() * (sections.len() + 1) * 64, |(x, g, gradient)| {
        let x: Vec<f64> = x.iter().map(|x| x.double()).collect();
        let g: Vec<f64> = g.iter().map(|g| g.double()).collect();
        let mut by_density = 0.0;
        let mut by_x = g;
        if !sections.is_empty() {
            let (mut columns, mut turned) = (vec![0.0; x.len()], vec![0.0; x.len()]);
            let (mut by_turned, mut scratch) = (vec![0.0; x.len()], vec![0.0; x.len()]);
            down(&sections, width, &x, &mut columns);
            transpose(height, width, &columns, &mut turned);
            transpose(height, width, &by_x, &mut by_turned);
            by_density += down_transposed(&sections, height, &turned, &by_turned, &mut scratch);
            transpose(width, height, &scratch, &mut by_turned);
            by_density += down_transposed(&sections, width, &x, &by_turned, &mut by_x);
        }
        if let Some(out) = gradient {
            out.iter_mut().zip(&by_x).for_each(|(out, &value)| *out = T::of(gain * value));
        }
        let by_gain = x.iter().zip(&by_x).map(|(x, g)| x * g).sum::<f64>();
        (by_density, by_gain)
    });
    if !sections.is_empty() {
        let (_, by_spread) = blur.spread.density(parameters[0]);
        gradients.parameters[0] = sums.iter().map(|s| s.0).sum::<f64>() * gain * by_spread;
    }
    gradients.parameters[1] = sums.iter().map(|s| s.1).sum();
}

/// The transpose of [`down`] at `x`: writes the gradient of `x` and returns that of the density.
fn down_transposed(sections: &[Section], width: usize, x: &[f64], g: &[f64], out: &mut [f64]) -> f64 {
    let rows = x.len() / width;
    out.fill(0.0);
    let mut sums = vec![0.0; width];
    let mut y = vec![0.0; x.len()];
    let mut lambda = vec![0.0; 2 * width];
    for section in sections {
        for backwards in [false, true] {
            let half = if backwards { 2 } else { 0 };
            let first = if backwards { rows - 1 } else { 0 };
            // Row number i in the direction of the filter.
            let at = |i: usize| if backwards { rows - 1 - i } else { i };
            let range = |p: usize| p * width..(p + 1) * width;
            let (steady, steady_by_density) = section.gain(half);
            let ([b0, b1], [by_b0, by_b1]) = (section.b, section.b_by_density);
            let (by_near, by_far) = (section.a_by_density[half], section.a_by_density[half + 1]);
            simd::vectorized(
                #[inline(always)]
                || {
                    // What the filter computed, row by row.
                    for i in 0..rows {
                        let (near, far, [a0, a1]) = taps(section, rows, at(i), backwards);
                        for k in 0..width {
                            let start = steady * x[first * width + k];
                            let y1 = if i >= 1 { y[at(i - 1) * width + k] } else { start };
                            let y2 = if i >= 2 { y[at(i - 2) * width + k] } else { start };
                            y[at(i) * width + k] =
                                (a0 * x[near * width + k] + a1 * x[far * width + k] + b0 * y1 + b1 * y2)
                                    .flush();
                        }
                    }
                    lambda.fill(0.0);
                    let (l1, l2) = lambda.split_at_mut(width);
                    let (mut l1, mut l2) = (l1, l2);
                    for i in (0..rows).rev() {
                        let (near, far, [a0, a1]) = taps(section, rows, at(i), backwards);
                        let g = &g[range(at(i))];
                        for k in 0..width {
                            let start = steady * x[first * width + k];
                            let y1 = if i >= 1 { y[at(i - 1) * width + k] } else { start };
                            let y2 = if i >= 2 { y[at(i - 2) * width + k] } else { start };
                            let l = (g[k] + b0 * l1[k] + b1 * l2[k]).flush();
                            l2[k] = l;
                            out[near * width + k] += a0 * l;
                            out[far * width + k] += a1 * l;
                            sums[k] += l
                                * (by_near * x[near * width + k]
                                    + by_far * x[far * width + k]
                                    + by_b0 * y1
                                    + by_b1 * y2);
                        }
                        std::mem::swap(&mut l1, &mut l2);
                    }
                    // Now l1 belongs to the first row, l2 to the second.
                    for k in 0..width {
                        let mu = (b0 + b1) * l1[k] + b1 * l2[k];
                        out[first * width + k] += steady * mu;
                        sums[k] += steady_by_density * x[first * width + k] * mu;
                    }
                },
            );
        }
    }
    sums.iter().sum()
}
