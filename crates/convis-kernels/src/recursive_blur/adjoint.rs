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

use super::forward::{down, step, taps, transpose};
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
pub(crate) fn down_transposed(
    sections: &[Section],
    width: usize,
    x: &[f64],
    g: &[f64],
    out: &mut [f64],
) -> f64 {
    let rows = x.len() / width;
    out.fill(0.0);
    let mut sums = vec![0.0; width];
    let mut y = vec![0.0; x.len()];
    let mut recent = vec![0.0; 2 * width];
    for section in sections {
        for backwards in [false, true] {
            let half = if backwards { 2 } else { 0 };
            // Row number i in the direction of the filter.
            let at = |i: usize| if backwards { rows - 1 - i } else { i };
            let range = |p: usize| p * width..(p + 1) * width;
            let (steady, steady_by_density) = section.gain(half);
            let first = &x[range(at(0))];
            let start: Vec<f64> = first.iter().map(|x| steady * x).collect();
            let slopes = (&section.a_by_density[half..half + 2], &section.b_by_density[..]);
            simd::vectorized(
                #[inline(always)]
                || {
                    // What the filter computed, row by row.
                    y.fill(0.0);
                    let (y1, y2) = recent.split_at_mut(width);
                    let (mut y1, mut y2) = (y1, y2);
                    y1.copy_from_slice(&start);
                    y2.copy_from_slice(&start);
                    for i in 0..rows {
                        let (near, far, a) = taps(section, rows, at(i), backwards);
                        let out = &mut y[range(at(i))];
                        step(a, section.b, &x[range(near)], &x[range(far)], y1, y2, out);
                        std::mem::swap(&mut y1, &mut y2);
                    }
                    let (l1, l2) = recent.split_at_mut(width);
                    let (mut l1, mut l2) = (l1, l2);
                    l1.fill(0.0);
                    l2.fill(0.0);
                    for i in (0..rows).rev() {
                        let (near, far, [a0, a1]) = taps(section, rows, at(i), backwards);
                        let y1 = if i >= 1 { &y[range(at(i - 1))] } else { &start[..] };
                        let y2 = if i >= 2 { &y[range(at(i - 2))] } else { &start[..] };
                        step_back(section.b, &g[range(at(i))], l1, l2);
                        add_products(slopes.0, l2, &x[range(near)], &x[range(far)], &mut sums);
                        add_products(slopes.1, l2, y1, y2, &mut sums);
                        add(a0, l2, &mut out[range(near)]);
                        add(a1, l2, &mut out[range(far)]);
                        std::mem::swap(&mut l1, &mut l2);
                    }
                    // Now l1 belongs to the first row, l2 to the second: l1 becomes μ.
                    let [b0, b1] = section.b;
                    for (l1, &l2) in l1.iter_mut().zip(l2.iter()) {
                        *l1 = (b0 + b1) * *l1 + b1 * l2;
                    }
                    add(steady, l1, &mut out[range(at(0))]);
                    add_products(&[steady_by_density, 0.0], l1, first, first, &mut sums);
                },
            );
        }
    }
    sums.iter().sum()
}

/// `λ ← g + b₀·λ₁ + b₁·λ₂`, kept in place of λ₂.
#[inline(always)]
fn step_back([b0, b1]: [f64; 2], g: &[f64], l1: &[f64], l2: &mut [f64]) {
    for ((&g, &l1), l2) in g.iter().zip(l1).zip(l2) {
        *l2 = (g + b0 * l1 + b1 * *l2).flush();
    }
}

/// `sum += λ·(s₀·u + s₁·v)`.
#[inline(always)]
fn add_products(slopes: &[f64], lambda: &[f64], u: &[f64], v: &[f64], sums: &mut [f64]) {
    let (s0, s1) = (slopes[0], slopes[1]);
    for (((&l, &u), &v), sum) in lambda.iter().zip(u).zip(v).zip(sums) {
        *sum += l * (s0 * u + s1 * v);
    }
}

/// `out += a·λ`.
#[inline(always)]
fn add(a: f64, lambda: &[f64], out: &mut [f64]) {
    for (out, &l) in out.iter_mut().zip(lambda) {
        *out += a * l;
    }
}
