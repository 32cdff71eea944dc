//! The equation of [`CustomGainControl`], line by line.

use super::{CustomGainControl, SATURATION_HZ};
use crate::frame_blur::reference_frame;

pub(super) fn custom_gain_control(
    membrane: &CustomGainControl,
    parameters: &[f64],
    input: &[f64],
    state: &[&[f64]],
    output: &mut [f64],
    state_after: &mut [&mut [f64]],
) {
    let &[lambda, g_leak, input_amp, tau, sigma, exponent, threshold, reversal, weight, tau_t] = parameters
    else {
        panic!("ten parameters");
    };
    let signal = membrane.signal;
    let pixels = signal.pixels();
    let d = 1.0 / membrane.steps_per_second;
    let (e, e_t) = ((-d / tau).exp(), (-d / tau_t).exp());
    let half = |v: f64| if v > threshold { lambda * (v - threshold).powf(exponent) } else { 0.0 };
    let q = |v: f64| {
        let u = half(v) + if membrane.both_signs { half(-v) } else { 0.0 };
        if membrane.saturates { u / (1.0 + u / SATURATION_HZ) } else { u }
    };
    for plane in 0..signal.planes {
        let here = plane * pixels..(plane + 1) * pixels;
        let [mut v, mut a, mut transient] = [0, 1, 2].map(|s: usize| state[s][here.clone()].to_vec());
        for t in 0..signal.frames {
            let feedback: Vec<f64> = v.iter().map(|&v| q(v)).collect();
            let feedback = reference_frame(&membrane.blur, sigma, signal.width, &feedback);
            for i in 0..pixels {
                let g = g_leak + a[i];
                let current = input_amp * input[(plane * signal.frames + t) * pixels + i];
                let rest = (current + reversal * a[i] + weight * transient[i]) / g;
                let v_before = v[i];
                v[i] = rest + (v_before - rest) * (-d * g).exp();
                a[i] = e * a[i] + (1.0 - e) * feedback[i];
                transient[i] = e_t * transient[i] + (1.0 - e_t) * v_before;
            }
            for (k, movie) in [&v, &a][..membrane.outputs()].iter().enumerate() {
                let at = ((plane * membrane.outputs() + k) * signal.frames + t) * pixels;
                output[at..at + pixels].copy_from_slice(movie);
            }
        }
        for (after, now) in state_after.iter_mut().zip([&v, &a, &transient]) {
            after[here.clone()].copy_from_slice(now);
        }
    }
}
