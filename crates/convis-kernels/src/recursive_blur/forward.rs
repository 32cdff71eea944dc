//! [`RecursiveBlur`], fast: all columns of a frame at once, then the same with rows and columns exchanged.
//!
//! Filters run in double precision whatever the type of the movie: rounding grows with the square of the width.

use super::{RecursiveBlur, Section};
use crate::{Real, parallel, simd};

pub(super) fn recursive_blur<T: Real>(
    blur: &RecursiveBlur,
    parameters: &[f64],
    input: &[T],
    output: &mut [T],
) {
    let signal = blur.signal;
    if signal.is_empty() {
        return;
    }
    let sections = blur.sections(parameters[0]);
    let gain = parameters[1];
    if sections.is_empty() {
        let gain = T::of(gain);
        output.iter_mut().zip(input).for_each(|(y, &x)| *y = gain * x);
        return;
    }
    let (height, width) = (signal.height, signal.width);
    let items = input.chunks(signal.pixels()).zip(output.chunks_mut(signal.pixels())).collect();
    parallel::for_each(items, signal.len() * sections.len() * 16, |(x, y)| {
        let x: Vec<f64> = x.iter().map(|x| x.double()).collect();
        let (mut columns, mut turned) = (vec![0.0; x.len()], vec![0.0; x.len()]);
        down(&sections, width, &x, &mut columns);
        transpose(height, width, &columns, &mut turned);
        down(&sections, height, &turned, &mut columns);
        transpose(width, height, &columns, &mut turned);
        y.iter_mut().zip(&turned).for_each(|(y, &value)| *y = T::of(gain * value));
    });
}

/// Rows and columns exchanged.
pub(crate) fn transpose(height: usize, width: usize, x: &[f64], out: &mut [f64]) {
    // Blocks of a few cache lines, so that neither side is walked with large steps.
    const BLOCK: usize = 16;
    for top in (0..height).step_by(BLOCK) {
        for left in (0..width).step_by(BLOCK) {
            for p in top..(top + BLOCK).min(height) {
                for q in left..(left + BLOCK).min(width) {
                    out[q * height + p] = x[p * width + q];
                }
            }
        }
    }
}

/// Every column of a frame of this width filtered.
pub(crate) fn down(sections: &[Section], width: usize, x: &[f64], y: &mut [f64]) {
    let rows = x.len() / width;
    let mut recent = vec![0.0; 2 * width];
    y.fill(0.0);
    for section in sections {
        for backwards in [false, true] {
            let first = if backwards { rows - 1 } else { 0 };
            let row = |p: usize| &x[p * width..(p + 1) * width];
            let (y1, y2) = recent.split_at_mut(width);
            let (mut y1, mut y2) = (y1, y2);
            let (steady, _) = section.gain(if backwards { 2 } else { 0 });
            for ((y1, y2), &x) in y1.iter_mut().zip(y2.iter_mut()).zip(row(first)) {
                *y1 = steady * x;
                *y2 = *y1;
            }
            simd::vectorized(
                #[inline(always)]
                || {
                    for i in 0..rows {
                        let p = if backwards { rows - 1 - i } else { i };
                        let (near, far, weights) = taps(section, rows, p, backwards);
                        let out = &mut y[p * width..(p + 1) * width];
                        step(weights, section.b, row(near), row(far), y1, y2, out);
                        std::mem::swap(&mut y1, &mut y2);
                    }
                },
            );
        }
    }
}

/// The two rows that the filter takes at row `p`, and their weights.
#[inline(always)]
pub(super) fn taps(section: &Section, rows: usize, p: usize, backwards: bool) -> (usize, usize, [f64; 2]) {
    if backwards {
        ((p + 1).min(rows - 1), (p + 2).min(rows - 1), [section.a[2], section.a[3]])
    } else {
        (p, p.saturating_sub(1), [section.a[0], section.a[1]])
    }
}

/// `y ← a₀·near + a₁·far + b₀·y₁ + b₁·y₂`, added to `out` and kept in place of y₂.
#[inline(always)]
pub(super) fn step(
    a: [f64; 2],
    b: [f64; 2],
    near: &[f64],
    far: &[f64],
    y1: &[f64],
    y2: &mut [f64],
    out: &mut [f64],
) {
    for ((((&near, &far), &y1), y2), out) in near.iter().zip(far).zip(y1).zip(y2).zip(out) {
        let y = (a[0] * near + a[1] * far + b[0] * y1 + b[1] * *y2).flush();
        *y2 = y;
        *out += y;
    }
}
