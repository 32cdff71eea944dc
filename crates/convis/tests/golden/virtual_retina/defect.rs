//! What Virtual Retina 2.2.3 computes with its log-polar scheme, defect included: the whole model once more, line by line, in
//! double precision, with its blur as it is there.
//!
//! Along a line of pixels with coefficients αᵢ of their own (q, e as in `convis_kernels::recursive_blur`):
//! ```text
//! fᵢ = qᵢ·xᵢ + qᵢeᵢ(αᵢ−1)·xᵢ₋₁ + 2eᵢ·fᵢ₋₁ − eᵢ²·fᵢ₋₂           f₋₁ = f₋₂ = x₀/2
//! bᵢ = qᵢeᵢ(αᵢ+1)·xᵢ − qᵢeᵢ²·xᵢ₊₁ + 2eᵢ·bᵢ₊₁ − eᵢ²·bᵢ₊₂         bₙ = bₙ₊₁ = xₙ₋₁/2
//! ```
//! rows first. The defect: the second filter should take xᵢ₊₁ and xᵢ₊₂, so that images shift by a part of a pixel at every
//! blur; and with coefficients that vary, the two filters no longer add up to a kernel of unit sum, nor start steady.

use convis::retina::description::{
    ContrastGainControl, LinearOpl, LogPolar, OuterPlexiform, RetinaDescription,
};

const LIMIT: f64 = 5e5;

type Map = Vec<f64>;

/// Every map of a run, by the names that files give them.
pub struct Maps {
    pub receptor: Vec<Map>,
    pub opl: Vec<Map>,
    pub bipolar: Vec<Map>,
    pub adaptation: Vec<Map>,
    pub ganglion: Vec<Vec<Map>>,
}

struct Blur<'a> {
    height: usize,
    width: usize,
    ppd: f64,
    scheme: &'a LogPolar,
}

impl Blur<'_> {
    fn density(&self, i: usize) -> f64 {
        let p = (i / self.width) as f64 - (self.height as f64 - 1.0) / 2.0;
        let q = (i % self.width) as f64 - (self.width as f64 - 1.0) / 2.0;
        self.scheme.relative_density(p.hypot(q) / self.ppd)
    }

    fn blurred(&self, sigma_deg: f64, x: &[f64]) -> Map {
        let mut y = x.to_vec();
        if sigma_deg * self.ppd < 0.1 {
            return y;
        }
        for p in 0..self.height {
            self.line(sigma_deg, &mut y, (0..self.width).map(|q| p * self.width + q).collect());
        }
        for q in 0..self.width {
            self.line(sigma_deg, &mut y, (0..self.height).map(|p| p * self.width + q).collect());
        }
        y
    }

    fn line(&self, sigma_deg: f64, image: &mut [f64], pixels: Vec<usize>) {
        let x: Vec<f64> = pixels.iter().map(|&i| image[i]).collect();
        let constants = |i: usize| {
            let sigma = (sigma_deg * self.ppd / self.density(pixels[i])) as f32;
            let a = f64::from(1.695f32) / f64::from(sigma);
            let e = (-a).exp();
            (a, e, (1.0 - e).powi(2) / (1.0 + 2.0 * a * e - e * e))
        };
        let n = x.len();
        let mut sum = vec![0.0; n];
        let (mut y1, mut y2) = (x[0] / 2.0, x[0] / 2.0);
        for i in 0..n {
            let (a, e, q) = constants(i);
            let before = x[i.saturating_sub(1)];
            let y = q * x[i] + q * e * (a - 1.0) * before + 2.0 * e * y1 - e * e * y2;
            (y2, y1, sum[i]) = (y1, y, y);
        }
        (y1, y2) = (x[n - 1] / 2.0, x[n - 1] / 2.0);
        for i in (0..n).rev() {
            let (a, e, q) = constants(i);
            let after = x[(i + 1).min(n - 1)];
            let y = q * e * (a + 1.0) * x[i] - q * e * e * after + 2.0 * e * y1 - e * e * y2;
            (y2, y1) = (y1, y);
            sum[i] += y;
        }
        pixels.iter().zip(sum).for_each(|(&i, y)| image[i] = y);
    }
}

/// `keep·y + (1 − keep)·x`, pixel by pixel.
fn towards(keep: f64, y: &[f64], x: &[f64]) -> Map {
    y.iter().zip(x).map(|(y, x)| keep * y + (1.0 - keep) * x).collect()
}

/// `a + k·b`.
fn plus(a: &[f64], k: f64, b: &[f64]) -> Map {
    a.iter().zip(b).map(|(a, b)| a + k * b).collect()
}

/// One blur and low-pass, or cascade of them: the new states.
fn smoothed(
    blur: &Blur<'_>,
    opl: &LinearOpl,
    (sigma, tau, n): (f64, f64, u32),
    d: f64,
    x: &[f64],
    states: &mut [Map],
) {
    if opl.leaky_heat {
        let mixed = towards((-d / tau).exp(), &states[0], x);
        states[0] = blur.blurred(sigma * (d / tau).sqrt(), &mixed);
        return;
    }
    let keep = (-d * f64::from(n.max(1)) / tau).exp();
    let mut x = blur.blurred(sigma, x);
    for state in states {
        *state = towards(keep, state, &x);
        x.clone_from(state);
    }
}

/// The conductance that V drives, before blur and low-pass.
fn feedback(gain: &ContrastGainControl, v: f64) -> f64 {
    let lambda = gain.adaptation_feedback_amplification_hz;
    let u = match &gain.custom {
        None => lambda * v * v,
        Some(c) => {
            let half = |v: f64| lambda * (v - c.threshold).max(0.0).powf(c.powerlaw_exponent);
            half(v) + if c.on_off_symmetry { half(-v) } else { 0.0 }
        }
    };
    u / (1.0 + u / LIMIT)
}

/// Runs frames of luminance; all stages see the values of the step before.
pub fn run(
    description: &RetinaDescription,
    scheme: &LogPolar,
    initial: f64,
    size: (usize, usize),
    frames: &[&[f64]],
) -> Option<Maps> {
    let OuterPlexiform::Linear(opl) = &description.outer_plexiform else { return None };
    let d = description.retina.temporal_step_s;
    let keep = |tau: f64| (-d / tau).exp();
    let blur = Blur { height: size.0, width: size.1, ppd: description.retina.pixels_per_degree, scheme };
    let pixels = size.0 * size.1;
    let gain = opl.amplification / description.retina.input_luminosity_range;
    let undershoot = opl.undershoot.as_ref();
    let flat = |x: f64| vec![x; pixels];
    let start = gain * initial;
    let rest = start * (1.0 - undershoot.map_or(0.0, |u| u.relative_weight));
    let mut center = vec![flat(start); if opl.leaky_heat { 1 } else { opl.center_n as usize + 1 }];
    let (mut low, mut receptor, mut surround) = (flat(start), flat(rest), vec![flat(rest)]);
    let (mut current, mut v, mut a, mut t) = (flat(0.0), flat(0.0), flat(0.0), flat(0.0));
    let layers = &description.ganglion_layers;
    let mut transient = vec![(flat(0.0), flat(0.0)); layers.len()];
    let mut maps = Maps {
        receptor: vec![],
        opl: vec![],
        bipolar: vec![],
        adaptation: vec![],
        ganglion: vec![vec![]; layers.len()],
    };
    for frame in frames {
        // The last stages first: each reads what the one before it held.
        let input = if description.contrast_gain_control.is_some() { &v } else { &current };
        for (i, layer) in layers.iter().enumerate() {
            let (low, b) = &mut transient[i];
            let before = if layer.transient_relative_weight == 0.0 { input.clone() } else { b.clone() };
            *low = towards(keep(layer.transient_tau_s), low, input);
            *b = plus(input, -layer.transient_relative_weight, low);
            let i0 = layer.value_at_linear_threshold_hz;
            let n = |b: &f64| {
                let z = layer.bipolar_amplification_hz * (layer.sign * b - layer.bipolar_linear_threshold);
                match z {
                    z if z > 0.0 => i0 + (LIMIT - i0) * z / (LIMIT - i0 + z),
                    _ if i0 == 0.0 => 0.0,
                    z => i0 * i0 / (i0 - z),
                }
            };
            let map: Map = before.iter().map(n).collect();
            maps.ganglion[i].push(blur.blurred(layer.sigma_pool_deg, &map));
        }
        if let Some(g) = &description.contrast_gain_control {
            let driven: Map = v.iter().map(|&v| feedback(g, v)).collect();
            let driven = blur.blurred(g.adaptation_sigma_deg, &driven);
            let custom = g.custom.as_ref();
            let v_before = v.clone();
            for i in 0..pixels {
                let leak = g.inert_leaks_hz + a[i];
                let e = g.opl_amplification_hz * current[i]
                    + custom
                        .map_or(0.0, |c| c.inhibition_reversal * a[i] + c.transient_relative_weight * t[i]);
                v[i] = e / leak + (v[i] - e / leak) * (-d * leak).exp();
            }
            a = towards(keep(g.adaptation_tau_s), &a, &driven);
            t = towards(custom.map_or(0.0, |c| keep(c.transient_tau_s)), &t, &v_before);
        }
        let seen = receptor.clone();
        let before = center[center.len() - 1].clone();
        let light: Map = frame.iter().map(|l| gain * l).collect();
        let of_center = (opl.center_sigma_deg, opl.center_tau_s, opl.center_n);
        smoothed(&blur, opl, of_center, d, &light, &mut center);
        receptor = match undershoot {
            None => center[center.len() - 1].clone(),
            Some(u) => {
                low = towards(keep(u.tau_s), &low, &before);
                plus(&before, -u.relative_weight, &low)
            }
        };
        smoothed(&blur, opl, (opl.surround_sigma_deg, opl.surround_tau_s, 0), d, &seen, &mut surround);
        current = plus(&receptor, -opl.relative_weight, &surround[0]);
        maps.receptor.push(receptor.clone());
        maps.opl.push(current.clone());
        maps.bipolar.push(v.clone());
        maps.adaptation.push(a.clone());
    }
    Some(maps)
}
