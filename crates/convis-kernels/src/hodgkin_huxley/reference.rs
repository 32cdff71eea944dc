//! The equation of [`HodgkinHuxley`], line by line.

use super::{Gates, HodgkinHuxley};
use crate::membrane::SubSteps;

/// x/(eˣ − 1).
fn phi(x: f64) -> f64 {
    if x == 0.0 { 1.0 } else { x / x.exp_m1() }
}

pub(super) fn hodgkin_huxley(
    axon: &HodgkinHuxley,
    parameters: &[f64],
    input: &[f64],
    state: &[&[f64]],
    output: &mut [f64],
    state_after: &mut [&mut [f64]],
) {
    let &[g_k, g_na, g_l, c_m, v_k, v_na, v_l] = parameters else { panic!("seven parameters") };
    let signal = axon.setting.signal;
    let steps = SubSteps::of(axon.setting.frame_ms, 0.05);
    let alpha_n = |v: f64| 0.1 * phi(1.0 - v / 10.0);
    let beta_n = |v: f64| 0.125 * (-v / 80.0).exp();
    let alpha_m = |v: f64| phi(2.5 - v / 10.0);
    let beta_m = |v: f64| 4.0 * (-v / 18.0).exp();
    let alpha_h = |v: f64| 0.07 * (-v / 20.0).exp();
    let beta_h = |v: f64| 1.0 / ((3.0 - v / 10.0).exp() + 1.0);
    let steady = |alpha: f64, beta: f64| alpha / (alpha + beta);
    for plane in 0..signal.planes {
        for pixel in 0..signal.pixels() {
            let here = plane * signal.pixels() + pixel;
            let [mut v, mut n, mut m, mut h] = [0, 1, 2, 3].map(|s: usize| state[s][here]);
            if axon.setting.start {
                (v, n, m, h) = (0.0, 0.0, 0.0, 0.0);
                if axon.gates == Gates::SteadyState {
                    n = steady(alpha_n(v), beta_n(v));
                    m = steady(alpha_m(v), beta_m(v));
                    h = steady(alpha_h(v), beta_h(v));
                }
            }
            for t in 0..signal.frames {
                let at = (plane * signal.frames + t) * signal.pixels() + pixel;
                let current = axon.setting.current(input[at], plane, pixel, t);
                for _ in 0..steps.per_frame {
                    let potassium = g_k * n.powi(4) * (v - v_k);
                    let sodium = g_na * m.powi(3) * h * (v - v_na);
                    let leak = g_l * (v - v_l);
                    let dv = (current - potassium - sodium - leak) / c_m;
                    let dn = alpha_n(v) * (1.0 - n) - beta_n(v) * n;
                    let dm = alpha_m(v) * (1.0 - m) - beta_m(v) * m;
                    let dh = alpha_h(v) * (1.0 - h) - beta_h(v) * h;
                    v += steps.width_ms * dv;
                    n += steps.width_ms * dn;
                    m += steps.width_ms * dm;
                    h += steps.width_ms * dh;
                }
                output[at] = v;
            }
            for (after, x) in state_after.iter_mut().zip([v, n, m, h]) {
                after[here] = x;
            }
        }
    }
}
