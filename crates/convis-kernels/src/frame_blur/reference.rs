//! The equation of [`FrameBlur`](super::FrameBlur), line by line.

use super::plan::{density, finite_taps};
use super::{Blur, Kernel};
use crate::recursive_blur::reference::line as recursive_line;
use crate::recursive_blur::{Kind, Section};

/// One frame, blurred.
pub(crate) fn frame(blur: &Blur, sigma_deg: f64, width: usize, x: &[f64]) -> Vec<f64> {
    let sigma_px = sigma_deg * blur.pixels_per_degree;
    let Some(field) = &blur.field else { return uniform(blur.kernel, sigma_px, width, x) };
    let mut y = vec![0.0; x.len()];
    for (l, factor) in field.factors.iter().enumerate() {
        let Some(weights) = field.weights(l) else { continue };
        let blurred = uniform(blur.kernel, factor * sigma_px, width, x);
        for i in 0..y.len() {
            y[i] += weights[i] * blurred[i];
        }
    }
    y
}

fn uniform(kernel: Kernel, sigma_px: f64, width: usize, x: &[f64]) -> Vec<f64> {
    let height = x.len() / width.max(1);
    let mut y = x.to_vec();
    for q in 0..width {
        let column: Vec<f64> = (0..height).map(|p| y[p * width + q]).collect();
        for (p, value) in line(kernel, sigma_px, &column).into_iter().enumerate() {
            y[p * width + q] = value;
        }
    }
    for row in y.chunks_mut(width.max(1)) {
        let blurred = line(kernel, sigma_px, row);
        row.copy_from_slice(&blurred);
    }
    y
}

fn line(kernel: Kernel, sigma_px: f64, x: &[f64]) -> Vec<f64> {
    if let Kernel::Deriche { rounded } = kernel {
        return match density(rounded, sigma_px) {
            Some(density) => recursive_line(&Section::all(Kind::Deriche, density), x),
            None => x.to_vec(),
        };
    }
    let taps = finite_taps(kernel, sigma_px).weight;
    let at = |i: isize| x[i.clamp(0, x.len() as isize - 1) as usize];
    (0..x.len() as isize)
        .map(|i| {
            let sides = |j: usize| at(i - j as isize) + at(i + j as isize);
            taps[0] * at(i) + (1..taps.len()).map(|j| taps[j] * sides(j)).sum::<f64>()
        })
        .collect()
}
