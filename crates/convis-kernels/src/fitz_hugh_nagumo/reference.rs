//! The equation of [`FitzHughNagumo`], line by line.

use super::{FitzHughNagumo, Sign};
use crate::membrane::SubSteps;

pub(super) fn fitz_hugh_nagumo(
    cells: &FitzHughNagumo,
    parameters: &[f64],
    input: &[f64],
    state: &[&[f64]],
    output: &mut [f64],
    state_after: &mut [&mut [f64]],
) {
    let &[a, b, tau] = parameters else { panic!("three parameters") };
    let a = if cells.sign == Sign::Plus { a } else { -a };
    let signal = cells.setting.signal;
    let steps = SubSteps::of(cells.setting.frame_ms, 0.1);
    for plane in 0..signal.planes {
        for pixel in 0..signal.pixels() {
            let here = plane * signal.pixels() + pixel;
            let (mut v, mut w) =
                if cells.setting.start { (0.0, 0.0) } else { (state[0][here], state[1][here]) };
            for t in 0..signal.frames {
                let at = (plane * signal.frames + t) * signal.pixels() + pixel;
                let current = cells.setting.current(input[at], plane, pixel, t);
                for _ in 0..steps.per_frame {
                    let dv = v - v.powi(3) / 3.0 - w + current;
                    let dw = tau * (v + a - b * w);
                    v += steps.width_ms * dv;
                    w += steps.width_ms * dw;
                }
                output[at] = v;
            }
            state_after[0][here] = v;
            state_after[1][here] = w;
        }
    }
}
