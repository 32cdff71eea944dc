//! The equation of [`LowPass`], line by line.

use super::LowPass;

pub(super) fn low_pass(
    filter: &LowPass,
    parameters: &[f64],
    input: &[f64],
    state: &[&[f64]],
    output: &mut [f64],
    state_after: &mut [&mut [f64]],
) {
    let signal = filter.signal;
    let tau_of_stage = parameters[0] / filter.order.max(1) as f64;
    let e = (-1.0 / (filter.steps_per_second * tau_of_stage)).exp();
    for plane in 0..signal.planes {
        for pixel in 0..signal.pixels() {
            let here = plane * signal.pixels() + pixel;
            let mut y: Vec<f64> = state.iter().map(|stage| stage[here]).collect();
            for t in 0..signal.frames {
                let at = (plane * signal.frames + t) * signal.pixels() + pixel;
                let mut x = input[at];
                for y in &mut y {
                    *y = (1.0 - e) * x + e * *y;
                    x = *y;
                }
                output[at] = x;
            }
            for (after, y) in state_after.iter_mut().zip(y) {
                after[here] = y;
            }
        }
    }
}
