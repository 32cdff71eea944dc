//! The equation of [`GainControl`], line by line.

use super::GainControl;
use crate::Operation;
use crate::separable_blur::SeparableBlur;

pub(super) fn gain_control(
    membrane: &GainControl,
    parameters: &[f64],
    input: &[f64],
    state: &[&[f64]],
    output: &mut [f64],
    state_after: &mut [&mut [f64]],
) {
    let &[lambda, g_leak, input_amp, tau_s, sigma_deg] = parameters else {
        panic!("five parameters");
    };
    let signal = membrane.signal;
    let d = 1.0 / membrane.steps_per_second;
    let e = (-d / tau_s).exp();
    let blur =
        SeparableBlur::new(crate::Signal { planes: 1, frames: 1, ..signal }, membrane.pixels_per_degree);
    let pixels = signal.pixels();
    for plane in 0..signal.planes {
        let mut v = state[0][plane * pixels..(plane + 1) * pixels].to_vec();
        let mut a = state[1][plane * pixels..(plane + 1) * pixels].to_vec();
        for t in 0..signal.frames {
            let start = (plane * signal.frames + t) * pixels;
            let square: Vec<f64> = v.iter().map(|v| v * v).collect();
            let mut contrast = vec![0.0; pixels];
            blur.reference(&[sigma_deg, lambda], &[&square], &[], &mut contrast, &mut []);
            for i in 0..pixels {
                let g = g_leak + a[i];
                let rest = input_amp * input[start + i] / g;
                v[i] = rest + (v[i] - rest) * (-d * g).exp();
                a[i] = e * a[i] + (1.0 - e) * contrast[i];
                output[start + i] = v[i];
            }
        }
        state_after[0][plane * pixels..(plane + 1) * pixels].copy_from_slice(&v);
        state_after[1][plane * pixels..(plane + 1) * pixels].copy_from_slice(&a);
    }
}
