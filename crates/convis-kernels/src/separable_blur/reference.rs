//! The equation of [`SeparableBlur`], line by line.

use super::SeparableBlur;

pub(super) fn separable_blur(blur: &SeparableBlur, parameters: &[f64], input: &[f64], output: &mut [f64]) {
    let (sigma_deg, gain) = (parameters[0], parameters[1]);
    let s = sigma_deg * blur.pixels_per_degree;
    let r = (blur.truncate * s + 0.5).floor() as isize;
    let gauss = |j: isize| if r == 0 { 1.0 } else { (-((j * j) as f64) / (2.0 * s * s)).exp() };
    let sum: f64 = (-r..=r).map(gauss).sum();
    let k: Vec<f64> = (-r..=r).map(|j| gauss(j) / sum).collect();
    let (height, width) = (blur.signal.height as isize, blur.signal.width as isize);
    let pixels = blur.signal.pixels().max(1);
    for (x, y) in input.chunks(pixels).zip(output.chunks_mut(pixels)) {
        for p in 0..height {
            for q in 0..width {
                let mut total = 0.0;
                for i in -r..=r {
                    for j in -r..=r {
                        let row = (p + i).clamp(0, height - 1);
                        let column = (q + j).clamp(0, width - 1);
                        total +=
                            k[(i + r) as usize] * k[(j + r) as usize] * x[(row * width + column) as usize];
                    }
                }
                y[(p * width + q) as usize] = gain * total;
            }
        }
    }
}
