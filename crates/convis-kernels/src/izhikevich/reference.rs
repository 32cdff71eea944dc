//! The equation of [`Izhikevich`], line by line.

use super::Izhikevich;
use crate::membrane::SubSteps;

pub(super) fn izhikevich(
    cells: &Izhikevich,
    parameters: &[f64],
    input: &[f64],
    state: &[&[f64]],
    output: &mut [f64],
    state_after: &mut [&mut [f64]],
) {
    let &[a, b, c, d] = parameters else { panic!("four parameters") };
    let signal = cells.setting.signal;
    let pairs = SubSteps::of(cells.setting.frame_ms, 1.0);
    let half = pairs.width_ms / 2.0;
    let channels = if cells.only_spikes { 1 } else { 3 };
    for plane in 0..signal.planes {
        for pixel in 0..signal.pixels() {
            let here = plane * signal.pixels() + pixel;
            let (mut v, mut u) =
                if cells.setting.start { (c, b * c) } else { (state[0][here], state[1][here]) };
            for t in 0..signal.frames {
                let at = (plane * signal.frames + t) * signal.pixels() + pixel;
                let current = cells.setting.current(input[at], plane, pixel, t);
                let mut spikes = 0.0;
                for _ in 0..pairs.per_frame {
                    for _ in 0..2 {
                        let dv = 0.04 * v * v + 5.0 * v + 140.0 - u + current;
                        let du = a * (b * v - u);
                        v += half * dv;
                        u += half * du;
                    }
                    if v >= cells.threshold {
                        spikes += 1.0;
                        v = c;
                        u += d;
                    }
                }
                for (channel, number) in [spikes, v, u].into_iter().take(channels).enumerate() {
                    let out = plane * channels + channel;
                    output[(out * signal.frames + t) * signal.pixels() + pixel] = number;
                }
            }
            state_after[0][here] = v;
            state_after[1][here] = u;
        }
    }
}
