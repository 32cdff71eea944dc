//! The equation of [`RecursiveBlur`], line by line.

use super::{RecursiveBlur, Section};

pub(super) fn recursive_blur(blur: &RecursiveBlur, parameters: &[f64], input: &[f64], output: &mut [f64]) {
    let sections = blur.sections(parameters[0]);
    let (height, width) = (blur.signal.height, blur.signal.width);
    let pixels = blur.signal.pixels().max(1);
    for (x, y) in input.chunks(pixels).zip(output.chunks_mut(pixels)) {
        let mut frame = x.to_vec();
        for q in 0..width {
            let column: Vec<f64> = (0..height).map(|p| frame[p * width + q]).collect();
            for (p, value) in line(&sections, &column).into_iter().enumerate() {
                frame[p * width + q] = value;
            }
        }
        for p in 0..height {
            let row = line(&sections, &frame[p * width..(p + 1) * width]);
            for (q, value) in row.into_iter().enumerate() {
                y[p * width + q] = parameters[1] * value;
            }
        }
    }
}

/// One line of pixels.
pub(crate) fn line(sections: &[Section], x: &[f64]) -> Vec<f64> {
    if sections.is_empty() {
        return x.to_vec();
    }
    let n = x.len();
    let mut y = vec![0.0; n];
    for Section { a, b, .. } in sections {
        let rest = 1.0 - b[0] - b[1];
        let mut forwards = vec![0.0; n];
        for i in 0..n {
            let before = if i >= 1 { x[i - 1] } else { x[0] };
            let steady = x[0] * (a[0] + a[1]) / rest;
            let y1 = if i >= 1 { forwards[i - 1] } else { steady };
            let y2 = if i >= 2 { forwards[i - 2] } else { steady };
            forwards[i] = a[0] * x[i] + a[1] * before + b[0] * y1 + b[1] * y2;
        }
        let mut backwards = vec![0.0; n];
        for i in (0..n).rev() {
            let x1 = x[(i + 1).min(n - 1)];
            let x2 = x[(i + 2).min(n - 1)];
            let steady = x[n - 1] * (a[2] + a[3]) / rest;
            let y1 = if i + 1 < n { backwards[i + 1] } else { steady };
            let y2 = if i + 2 < n { backwards[i + 2] } else { steady };
            backwards[i] = a[2] * x1 + a[3] * x2 + b[0] * y1 + b[1] * y2;
        }
        for i in 0..n {
            y[i] += forwards[i] + backwards[i];
        }
    }
    y
}
