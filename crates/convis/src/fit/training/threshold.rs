//! The probability of a spike of a noisy integrate-and-fire neuron in every step, given the spikes before.

use convis_kernels::parallel;

use crate::{Error, Result};

/// A noisy leaky integrate-and-fire neuron whose spikes were recorded.
///
/// # Equation
/// The neuron is that of [`GanglionSpiking`](crate::retina::GanglionSpiking): `dV/dt = I − g·V + η`, a spike at V = 1, then
/// V = 0 for a refractory period R. Between spikes `V = m + σ·z`, m being the potential without noise and z noise of variance
/// 1 once it is old. Current and noise are constant within a step of length d, so V moves one way within it: the neuron
/// spikes in a step if and only if V would end it above 1. With `a = e^{−g·d}`, after n steps without a spike,
/// ```text
/// m(t) = a·m(t−1) + (1 − a)·I(t)/g              c(t) = (1 − m(t))/σ         the threshold, in units of z
/// q(t, z) = ∫ N(z; a·z', 1 − a²)·α(t−1, z') dz'                             z before the threshold is looked at
/// P(spike in t | before) = 1 − ∫_{z<c} q(t, z) dz      α(t, z) ∝ q(t, z), z < c
/// ```
/// This is the density of Pillow & Paninski, conditioned step by step on the spikes that were recorded: the likelihood of a
/// train is the product of these probabilities. z stands on a grid of −5 ‥ 5 with at least two nodes per standard deviation
/// of a step's noise, whose variance is corrected for the width of a node (Sheppard). What differs from the neuron that is
/// simulated: a spike counts as in the middle of its step, the refractory period is its mean, V begins at 0.6 (the mean of
/// what neurons start from), and a spike that nothing explains has a probability of 10⁻⁴/(1 + e^{4(1−m)}) instead of zero, so
/// that a fit can begin far from the answer.
///
/// # Source
/// Paninski, Pillow & Simoncelli 2004, Neural Comput. 16:2533; Pillow, Paninski, Uzzell, Simoncelli & Chichilnisky 2005,
/// J. Neurosci. 25:11003.
///
/// # Example
/// ```
/// use convis::fit::Threshold;
/// let neuron = Threshold { leak_hz: 50.0, sigma: 0.1, refractory_s: 0.003, step_s: 0.001, half_nodes: 40 };
/// let mut spikes = vec![0.0; 40];
/// spikes[10] = 1.0;
/// let p = neuron.hazards(&[60.0; 40], &spikes)?.probability;
/// assert!(p[12] == 0.0 && p[39] > 0.03);         // silent after a spike; the drive alone leads to V = 1.2
/// # Ok::<(), convis::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Threshold {
    /// g, Hz.
    pub leak_hz: f64,
    /// σ, the standard deviation of V without a threshold.
    pub sigma: f64,
    /// Mean of the refractory period, s.
    pub refractory_s: f64,
    /// d, s.
    pub step_s: f64,
    /// Nodes of the grid of z on either side of 0, see [`Threshold::half_nodes_for`].
    pub half_nodes: usize,
}

/// What [`Threshold::hazards`] finds.
#[derive(Clone, Debug, PartialEq)]
pub struct Hazards {
    /// Probability of a spike in every step, given those before.
    pub probability: Vec<f64>,
    /// α after every step: the density of z, given that there was no spike; empty where the neuron rests.
    density: Vec<Vec<f64>>,
    /// m after every step.
    potential: Vec<f64>,
}

/// What a step is.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Step {
    /// The neuron rests.
    Resting,
    /// The refractory period ends in it: this part of it remains.
    Waking(f64),
    /// An ordinary one.
    Full,
}

/// Where the grid of z ends.
const EDGE: f64 = 5.0;
/// V at the first step.
const START: f64 = 0.6;
/// The most that a spike which nothing explains is probable, and how that depends on m.
const LAPSE: f64 = 1e-4;
const LAPSE_SLOPE: f64 = 4.0;
/// The least probability of no spike.
const LEAST: f64 = 1e-12;

impl Threshold {
    /// Nodes that leak conductances down to half of this one need.
    pub fn half_nodes_for(leak_hz: f64, step_s: f64) -> usize {
        let a = (-0.5 * leak_hz * step_s).exp();
        ((2.0 * EDGE / (1.0 - a * a).sqrt()).ceil() as usize).clamp(10, 400)
    }

    fn check(&self) -> Result<()> {
        let all = [("g_L", self.leak_hz), ("noise_sigma", self.sigma), ("step", self.step_s)];
        for (name, value) in all {
            if !(value.is_finite() && value > 0.0) {
                return Err(Error::argument(name, "a number above 0", value));
            }
        }
        if !(self.refractory_s.is_finite() && self.refractory_s >= 0.0) {
            return Err(Error::argument("refr_mu", "a number from 0", self.refractory_s));
        }
        Ok(())
    }

    fn decay(&self) -> f64 {
        (-self.leak_hz * self.step_s).exp()
    }

    fn width(&self) -> f64 {
        EDGE / self.half_nodes as f64
    }

    fn node(&self, j: usize) -> f64 {
        (j as f64 - self.half_nodes as f64) * self.width()
    }

    fn steps(&self, spikes: &[f64]) -> Vec<Step> {
        let mut steps = vec![Step::Full; spikes.len()];
        for t in (0..spikes.len()).filter(|&t| spikes[t] > 0.0) {
            // From the middle of the step of the spike; at least the next step has begun.
            let wakes = (0.5 + self.refractory_s / self.step_s).max(1.0);
            let end = t + wakes as usize;
            steps.iter_mut().take(end).skip(t + 1).for_each(|step| *step = Step::Resting);
            if let Some(step) = steps.get_mut(end) {
                *step = Step::Waking((1.0 - wakes.fract()).max(1e-6));
            }
            // A spike in spite of it begins the count anew.
        }
        steps
    }

    /// Probability of a spike in every step of a current in Hz, given the spikes before it.
    ///
    /// # Errors
    /// If a parameter makes no sense.
    pub fn hazards(&self, current: &[f64], spikes: &[f64]) -> Result<Hazards> {
        self.check()?;
        let (grid, a) = (Grid::new(self), self.decay());
        let mut hazards = Hazards { probability: vec![], density: vec![], potential: vec![] };
        let (mut m, mut alpha) = (START, grid.point());
        for (t, step) in self.steps(spikes).into_iter().enumerate() {
            let drive = current[t] / self.leak_hz;
            let probability = match step {
                Step::Resting => {
                    (m, alpha) = (0.0, vec![]);
                    0.0
                }
                Step::Waking(part) => {
                    (m, alpha) = ((1.0 - a.powf(part)) * drive, grid.waking(a, part).0);
                    0.0
                }
                Step::Full => {
                    m = a * m + (1.0 - a) * drive;
                    let mut q = grid.next(&alpha);
                    let c = (1.0 - m) / self.sigma;
                    q.iter_mut().enumerate().for_each(|(j, q)| *q *= grid.below(c, j)[0]);
                    let survives = q.iter().sum::<f64>().max(LEAST);
                    alpha = q.into_iter().map(|q| q / survives).collect();
                    1.0 - survives * (1.0 - lapse(m)[0])
                }
            };
            hazards.probability.push(probability);
            hazards.potential.push(m);
            hazards.density.push(alpha.clone());
        }
        Ok(hazards)
    }

    /// From derivatives with respect to the probabilities to those with respect to the current, to g and to σ.
    pub fn adjoint(
        &self,
        current: &[f64],
        spikes: &[f64],
        hazards: &Hazards,
        gradient: &[f64],
    ) -> (Vec<f64>, f64, f64) {
        let (grid, a) = (Grid::new(self), self.decay());
        let steps = self.steps(spikes);
        let mut by_current = vec![0.0; current.len()];
        // Derivatives with respect to a, to g at fixed a, and to σ.
        let (mut by_a, mut by_g, mut by_sigma) = (0.0, 0.0, 0.0);
        let (mut by_m, mut by_alpha) = (0.0, vec![0.0; grid.nodes]);
        for t in (0..steps.len()).rev() {
            let drive = current[t] / self.leak_hz;
            match steps[t] {
                Step::Resting => {
                    by_m = 0.0;
                    by_alpha.fill(0.0);
                }
                Step::Waking(part) => {
                    let b = a.powf(part);
                    let by_drive = by_m * (1.0 - b);
                    by_current[t] += by_drive / self.leak_hz;
                    by_g -= by_drive * drive / self.leak_hz;
                    by_a -= by_m * drive * part * b / a;
                    by_a += dot(&by_alpha, &grid.waking(a, part).1);
                    by_m = 0.0;
                    by_alpha.fill(0.0);
                }
                Step::Full => {
                    let (before, start);
                    let (m_before, alpha_before) = if t == 0 {
                        start = grid.point();
                        (START, &start)
                    } else {
                        before = &hazards.density[t - 1];
                        (hazards.potential[t - 1], before)
                    };
                    let (m, alpha) = (hazards.potential[t], &hazards.density[t]);
                    let c = (1.0 - m) / self.sigma;
                    let q = grid.next(alpha_before);
                    let kept: Vec<[f64; 2]> = (0..grid.nodes).map(|j| grid.below(c, j)).collect();
                    let total: f64 = q.iter().zip(&kept).map(|(q, kept)| q * kept[0]).sum();
                    let survives = total.max(LEAST);
                    let [lapse, lapse_slope] = lapse(m);
                    // p = 1 − S·(1 − lapse); α = q·kept/S.
                    let along = dot(&by_alpha, alpha);
                    let by_survival =
                        if total > LEAST { -gradient[t] * (1.0 - lapse) - along / survives } else { 0.0 };
                    by_m += gradient[t] * survives * lapse_slope;
                    let mut by_c = 0.0;
                    let mut by_q = vec![0.0; grid.nodes];
                    for j in 0..grid.nodes {
                        let by_mass = by_alpha[j] / survives + by_survival;
                        by_c += by_mass * q[j] * kept[j][1];
                        by_q[j] = by_mass * kept[j][0];
                    }
                    by_m -= by_c / self.sigma;
                    by_sigma -= by_c * c / self.sigma;
                    let by_drive = by_m * (1.0 - a);
                    by_current[t] += by_drive / self.leak_hz;
                    by_g -= by_drive * drive / self.leak_hz;
                    by_a += by_m * (m_before - drive);
                    let (earlier, slope) = grid.next_adjoint(&by_q, alpha_before);
                    by_a += slope;
                    (by_m, by_alpha) = (by_m * a, earlier);
                }
            }
        }
        (by_current, by_g - by_a * self.step_s * a, by_sigma)
    }
}

fn lapse(m: f64) -> [f64; 2] {
    let x = 1.0 / (1.0 + (LAPSE_SLOPE * (1.0 - m)).exp());
    [LAPSE * x, LAPSE * LAPSE_SLOPE * x * (1.0 - x)]
}

fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

/// The grid of z: what one step of noise makes of a density.
struct Grid {
    nodes: usize,
    width: f64,
    first: f64,
    /// For every node: the first node it leads to, the probabilities, and their derivatives with respect to a.
    columns: Vec<Column>,
}

struct Column {
    first: usize,
    weights: Vec<f64>,
    slopes: Vec<f64>,
}

impl Grid {
    fn new(neuron: &Threshold) -> Self {
        let (a, width, nodes) = (neuron.decay(), neuron.width(), 2 * neuron.half_nodes + 1);
        let mut grid = Self { nodes, width, first: neuron.node(0), columns: vec![] };
        // The variance that comes with the width of a node is taken off.
        let s = (1.0 - a * a - width * width / 12.0).max(1e-12).sqrt();
        let column = |j: usize| {
            let mean = a * neuron.node(j);
            let reach = 8.0 * s + width;
            let place = |z: f64| ((z - grid.first) / width).round().clamp(0.0, (nodes - 1) as f64) as usize;
            let (first, last) = (place(mean - reach), place(mean + reach));
            let slope = |u: f64| -neuron.node(j) / s + u * a / (s * s);
            let (weights, slopes) = (first..=last).map(|i| grid.mass(i, first, last, mean, s, slope)).unzip();
            Column { first, weights, slopes }
        };
        grid.columns = parallel::map((0..nodes).collect(), 16, column);
        grid
    }

    /// The probability that a normal number falls to node i of first ‥ last, and its derivative, `slope` being that of the
    /// standardised number.
    fn mass(
        &self,
        i: usize,
        first: usize,
        last: usize,
        mean: f64,
        s: f64,
        slope: impl Fn(f64) -> f64,
    ) -> (f64, f64) {
        let edge = |i: usize| (self.first + (i as f64 - 0.5) * self.width - mean) / s;
        let (low, high) = (edge(i), edge(i + 1));
        // The outermost nodes take everything beyond.
        let (below, below_slope) =
            if i == first { (0.0, 0.0) } else { (cumulative(low), density(low) * slope(low)) };
        let (above, above_slope) =
            if i == last { (1.0, 0.0) } else { (cumulative(high), density(high) * slope(high)) };
        (above - below, above_slope - below_slope)
    }

    /// All mass at 0.
    fn point(&self) -> Vec<f64> {
        let mut alpha = vec![0.0; self.nodes];
        alpha[self.nodes / 2] = 1.0;
        alpha
    }

    /// The density of z where only a part of a step's noise has acted, and its derivative with respect to a.
    fn waking(&self, a: f64, part: f64) -> (Vec<f64>, Vec<f64>) {
        let b = a.powf(part);
        let s = ((1.0 + a) / (1.0 - a)).sqrt() * (1.0 - b);
        let by_a = 1.0 / (1.0 - a * a) - part * b / (a * (1.0 - b));
        (0..self.nodes).map(|i| self.mass(i, 0, self.nodes - 1, 0.0, s, |u| -u * by_a)).unzip()
    }

    fn next(&self, alpha: &[f64]) -> Vec<f64> {
        let mut q = vec![0.0; self.nodes];
        for (column, &mass) in self.columns.iter().zip(alpha) {
            if mass > 0.0 {
                q[column.first..].iter_mut().zip(&column.weights).for_each(|(q, w)| *q += w * mass);
            }
        }
        q
    }

    /// The derivative with respect to α, and that with respect to a.
    fn next_adjoint(&self, by_q: &[f64], alpha: &[f64]) -> (Vec<f64>, f64) {
        let mut by_a = 0.0;
        let by_alpha = (self.columns.iter().zip(alpha))
            .map(|(column, &mass)| {
                let by_q = &by_q[column.first..];
                if mass > 0.0 {
                    by_a += mass * dot(by_q, &column.slopes);
                }
                dot(by_q, &column.weights)
            })
            .collect();
        (by_alpha, by_a)
    }

    /// The part of node j below c, smooth over a width on either side, and its derivative with respect to c.
    fn below(&self, c: f64, j: usize) -> [f64; 2] {
        let u = (c - self.first) / self.width - j as f64;
        match u {
            u if u <= -1.0 => [0.0, 0.0],
            u if u <= 0.0 => [0.5 * (1.0 + u) * (1.0 + u), (1.0 + u) / self.width],
            u if u < 1.0 => [1.0 - 0.5 * (1.0 - u) * (1.0 - u), (1.0 - u) / self.width],
            _ => [1.0, 0.0],
        }
    }
}

fn density(u: f64) -> f64 {
    (-0.5 * u * u).exp() / std::f64::consts::TAU.sqrt()
}

fn cumulative(u: f64) -> f64 {
    0.5 * libm::erfc(-u * std::f64::consts::FRAC_1_SQRT_2)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::retina::GanglionSpiking;
    use crate::{GradientMode, NoiseId, Resolution, State, Tensor, call, layer};

    const NEURON: Threshold =
        Threshold { leak_hz: 50.0, sigma: 0.1, refractory_s: 0.003, step_s: 0.001, half_nodes: 40 };

    fn current(steps: usize) -> Vec<f64> {
        (0..steps).map(|t| 55.0 + 25.0 * (t as f64 * 0.05).sin()).collect()
    }

    #[test]
    fn gradients_are_differences() {
        let mut spikes = vec![0.0; 60];
        for t in [9, 31, 33, 50] {
            spikes[t] = 1.0;
        }
        let (current, weights): (Vec<f64>, Vec<f64>) =
            (current(60), (0..60).map(|t| (f64::from(t) * 1.3).cos()).collect());
        let value = |neuron: Threshold, current: &[f64]| {
            dot(&neuron.hazards(current, &spikes).unwrap().probability, &weights)
        };
        let hazards = NEURON.hazards(&current, &spikes).unwrap();
        let (by_current, by_g, by_sigma) = NEURON.adjoint(&current, &spikes, &hazards, &weights);
        let h = 1e-5;
        let leak = |h: f64| value(Threshold { leak_hz: 50.0 + h, ..NEURON }, &current);
        let difference = (leak(h) - leak(-h)) / (2.0 * h);
        assert!((by_g - difference).abs() < 1e-6 * difference.abs(), "{by_g} {difference}");
        let noise = |h: f64| value(Threshold { sigma: 0.1 + h, ..NEURON }, &current);
        let difference = (noise(h) - noise(-h)) / (2.0 * h);
        // The cut at the threshold is smooth once: differences of h² across its seams.
        assert!((by_sigma - difference).abs() < 1e-4 * difference.abs(), "{by_sigma} {difference}");
        for t in [0, 5, 12, 20, 32, 40, 59] {
            let moved = |h: f64| {
                let mut current = current.clone();
                current[t] += h;
                value(NEURON, &current)
            };
            let difference = (moved(1e-4) - moved(-1e-4)) / 2e-4;
            assert!((by_current[t] - difference).abs() < 1e-7 + 1e-4 * difference.abs(), "{t} {difference}");
        }
    }

    #[test]
    fn probabilities_are_those_of_the_simulated_neuron() {
        // 400 neurons see one current; of those that have not spiked yet, the part that does must be the probability.
        let (units, steps) = (4000, 120);
        let cells = GanglionSpiking::new(crate::Integration::Exact, Resolution::default()).unwrap();
        layer::parameter(&cells, "refr_sigma").unwrap().set(0.0).unwrap();
        let movie: Vec<f32> = current(steps).iter().flat_map(|&i| vec![i as f32; units]).collect();
        let movie = Tensor::from_vec(movie, &[1, 1, steps, 1, units]).unwrap();
        let mut state = State::new(NoiseId { seed: 5, model: 0, trial: 0 });
        let output = call(&cells, &movie, &mut state, GradientMode::Off, None).unwrap();
        let spikes = output.first().unwrap().to_f64();
        // Over all trains, spikes that came and spikes that were expected given those before: by half, within four
        // standard errors.
        let (mut came, mut expected, mut variance) = ([0.0; 2], [0.0; 2], [0.0; 2]);
        for unit in 0..units {
            let train: Vec<f64> = (0..steps).map(|t| spikes[t * units + unit]).collect();
            let p = NEURON.hazards(&current(steps), &train).unwrap().probability;
            for t in 20..steps {
                let half = usize::from(t >= 70);
                came[half] += train[t];
                expected[half] += p[t];
                variance[half] += p[t] * (1.0 - p[t]);
            }
        }
        for half in 0..2 {
            let error = (came[half] - expected[half]) / variance[half].sqrt();
            assert!(error.abs() < 4.0, "{came:?} {expected:?} {variance:?}");
        }
    }
}
