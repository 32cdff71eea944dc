//! The equation of [`Transient`], line by line.

use super::Transient;

pub(super) fn transient(
    filter: &Transient,
    parameters: &[f64],
    input: &[f64],
    state: &[f64],
    output: &mut [f64],
    state_after: &mut [f64],
) {
    let (tau_s, w) = (parameters[0], parameters[1]);
    let signal = filter.signal;
    let e = (-1.0 / (filter.steps_per_second * tau_s)).exp();
    for plane in 0..signal.planes {
        for pixel in 0..signal.pixels() {
            let here = plane * signal.pixels() + pixel;
            let mut l = state[here];
            for t in 0..signal.frames {
                let at = (plane * signal.frames + t) * signal.pixels() + pixel;
                let x = input[at];
                l = (1.0 - e) * x + e * l;
                output[at] = x - w * l;
            }
            state_after[here] = l;
        }
    }
}
