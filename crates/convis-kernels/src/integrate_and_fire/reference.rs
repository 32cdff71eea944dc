//! The equations of [`integrate_and_fire`](super::integrate_and_fire), line by line.

use super::{Integration, Membrane, Neuron, Noise, Spike};
use crate::Signal;
use crate::random::{Use, normal::normal};

/// The slow, obvious version of [`integrate_and_fire`](super::integrate_and_fire), in double precision.
pub fn integrate_and_fire(
    signal: Signal,
    integration: Integration,
    neuron: &Neuron,
    noise: Noise,
    current: &[f64],
    membrane: Membrane<'_, f64>,
    spikes: &mut [u8],
    events: &mut Vec<Spike>,
) {
    let Neuron { input_hz: k, leak_hz: g, noise_sigma: sigma, refractory_mean_s, refractory_sd_s, step_s: d } =
        *neuron;
    for t in 0..signal.frames {
        let step = noise.first_step + t as u64;
        for plane in 0..signal.planes {
            for pixel in 0..signal.pixels() {
                let at = (plane * signal.frames + t) * signal.pixels() + pixel;
                let here = plane * signal.pixels() + pixel;
                let (v, r) = (&mut membrane.potential[here], &mut membrane.refractory[here]);
                let xi = if sigma == 0.0 {
                    0.0
                } else {
                    f64::from(normal(noise.key, plane, pixel, Use::Current as u32, step))
                };
                let refractory_period = |count: u32| {
                    let xi = normal(noise.key, plane, pixel, Use::Refractory as u32 + count, step);
                    (refractory_mean_s + refractory_sd_s * f64::from(xi)).max(0.0)
                };
                let mut spike = |offset_s| {
                    spikes[at] += 1;
                    events.push(Spike { step, offset_s, plane: plane as u32, pixel: pixel as u32 });
                };
                spikes_of_step(
                    integration,
                    g,
                    sigma,
                    d,
                    k * current[at],
                    xi,
                    v,
                    r,
                    refractory_period,
                    &mut spike,
                );
            }
        }
    }
}

fn spikes_of_step(
    integration: Integration,
    g: f64,
    sigma: f64,
    d: f64,
    current: f64,
    xi: f64,
    v: &mut f64,
    r: &mut f64,
    refractory_period: impl Fn(u32) -> f64,
    spike: &mut impl FnMut(f64),
) {
    match integration {
        Integration::Exact => {
            if *r >= 1.0 {
                *r -= 1.0;
                *v = 0.0;
                return;
            }
            let x = (-g * d).exp();
            let e = current / g + sigma * ((1.0 + x) / (1.0 - x)).sqrt() * xi;
            let mut now = *r * d; // the refractory period ends here
            let mut start = if *r > 0.0 { 0.0 } else { *v };
            *r = 0.0;
            for count in 0..255 {
                let end = e + (start - e) * (-g * (d - now)).exp();
                // With E = 1 the threshold is approached and never reached, whatever rounding makes of V.
                if end < 1.0 || (e <= 1.0 && start <= 1.0) {
                    *v = end;
                    return;
                }
                now += if start >= 1.0 { 0.0 } else { ((e - start) / (e - 1.0)).ln() / g };
                spike(now.min(d));
                start = 0.0;
                now += refractory_period(count);
                if now >= d {
                    break;
                }
            }
            *v = 0.0;
            *r = (now - d).max(0.0) / d;
        }
        Integration::Euler => {
            *v += d * (current - g * *v) + sigma * (2.0 * g * d).sqrt() * xi;
            *r -= 1.0;
            if *r >= 0.5 {
                *v = 0.0;
            }
            if *v > 1.0 {
                spike(d);
                *r = refractory_period(0) / d;
                *v = 0.0;
            }
            *r = r.max(0.0);
        }
    }
}
