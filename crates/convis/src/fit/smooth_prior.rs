//! How smooth is the filter? A prior whose scales the data choose.

use std::f64::consts::PI;

use convis_kernels::{parallel, simd};
use nalgebra::{Cholesky, DMatrix, DVector};

use super::Design;
use crate::{Error, Result};

/// A Gaussian prior for filters that are smooth, and confined to a part of space and time, with scales chosen by the
/// evidence.
///
/// # Equation
/// The filter is a sum of cosines under an envelope, θ = Σₖ zₖ·√sₖ·φₖ·√e, with φₖ the orthonormal cosines of lag, row and column
/// (DCT-II) of frequency ω = π·k/n, and zₖ independent with variance 1:
/// ```text
/// sₖ = ρ·exp(−½·(ℓₜ²·ωₜ² + ℓₛ²·(ω_y² + ω_x²)))
/// e  = exp(−½·((lag − cₜ)²/wₜ² + (row − c_y)²/wₛ² + (column − c_x)²/wₛ²))
/// ```
/// The first is the spectrum of a squared-exponential covariance of length ℓₜ steps and ℓₛ pixels, mirrored at the borders. Modes
/// below a thousandth of the largest variance are left out (where data are plenty none is, see [`SmoothPrior::neighbours`]); cosines end four widths from the centre. All scales, ρ, and
/// the variance σ² of the response around its prediction are those that make the response most probable under a linear
/// model with Gaussian noise, all filters considered; without an envelope if that is more probable:
/// ```text
/// −2·ln p(y) = T·ln σ² + ln|I + S^½·XᵀX·S^½/σ²| + min_z (|y − X·S^½·z|²/σ² + |z|²)
/// ```
///
/// # Shapes
/// Stimulus `[frame][row][column]`, filter `[lag][row][column]`, oldest lag first.
///
/// # Source
/// Automatic smoothness determination: Sahani & Linden 2003, NIPS 15:317 (equations 4–6); in the Fourier domain: Aoi & Pillow
/// 2017, bioRxiv 212217; automatic locality determination: Park & Pillow 2011, PLoS Comput. Biol. 7:e1002219. Ours: cosines
/// instead of a padded Fourier basis, and an envelope that multiplies the smooth filter, so that one search serves both.
#[derive(Clone, Debug, PartialEq)]
pub struct SmoothPrior {
    /// Lags, rows and columns of the filter.
    pub shape: [usize; 3],
    /// ℓₜ in steps and ℓₛ in pixels.
    pub smoothness: [f64; 2],
    /// The envelope, if the filter is confined.
    pub envelope: Option<Envelope>,
    /// ρ: variance of the constant mode of the linear filter.
    pub variance: f64,
    /// σ²: variance of the response around the linear prediction.
    pub noise: f64,
    /// −2·ln p(y), up to a constant.
    pub evidence: f64,
    smallest: f64,
    modes: Vec<Mode>,
}

/// Where a filter is confined to.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Envelope {
    /// Lag (counted from the oldest), row and column of its centre.
    pub centre: [f64; 3],
    /// wₜ in steps and wₛ in pixels.
    pub width: [f64; 2],
}

/// A product of three cosines: their numbers, and the variance of their coefficient for ρ = 1.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Mode {
    k: [usize; 3],
    variance: f64,
}

/// Smallest variance of a mode that is kept, as part of the largest: while scales are sought, and where data are plenty.
const SMALLEST: f64 = 1e-3;
const FINEST: f64 = 1e-12;
/// Most modes: what can be solved in a fraction of a second.
const MOST_MODES: usize = 1500;
/// Most numbers of a window whose Gram matrix is made once for all modes.
const SHORT: usize = 128;
/// Frames seen through the modes at a time.
const BLOCK: usize = 256;
/// Smallest scale of smoothness and width, in steps or pixels.
const LEAST: f64 = 0.3;

impl SmoothPrior {
    /// The prior under which the response is most probable.
    ///
    /// Scales are sought in factors of 2, then √2, the least being such that at most 1500 modes are kept; then the same with
    /// an envelope that begins where the energy of the filter found without one lies.
    ///
    /// # Errors
    /// If the response does not vary, or the stimulus does not.
    pub fn by_evidence(stimulus: &[f64], response: &[f64], shape: [usize; 3]) -> Result<Self> {
        Self::by_evidence_of(stimulus, response, None, shape)
    }

    /// The same, `weights` saying how much each step counts.
    ///
    /// # Errors
    /// As [`SmoothPrior::by_evidence`].
    pub fn by_evidence_of(
        stimulus: &[f64],
        response: &[f64],
        weights: Option<&[f64]>,
        shape: [usize; 3],
    ) -> Result<Self> {
        let [lags, rows, columns] = shape;
        let weights = weights.map_or_else(|| vec![1.0; response.len()], <[f64]>::to_vec);
        let steps: f64 = weights.iter().sum();
        let mean = response.iter().zip(&weights).map(|(y, w)| y * w).sum::<f64>() / steps;
        let y: Vec<f64> = response.iter().zip(&weights).map(|(y, w)| w * (y - mean)).collect();
        let total: f64 = y.iter().map(|y| y * y).sum();
        if total == 0.0 {
            return Err(Error::argument("response", "one that varies", format!("{mean} in every step")));
        }
        let windows = (lags * rows * columns <= SHORT).then(|| {
            let design = Design::windows(stimulus, rows * columns, lags);
            (design.gram(&weights), DVector::from_vec(design.transposed(&y)))
        });
        let mut search =
            Search { stimulus, y: &y, weights: &weights, steps, total, shape, windows, known: vec![] };
        let mut scales = Scales {
            smoothness: [(lags as f64 / 8.0).max(1.0), (rows.max(columns) as f64 / 8.0).max(1.0)],
            envelope: None,
        };
        while scales.modes(shape, SMALLEST).len() > MOST_MODES {
            scales.smoothness = scales.smoothness.map(|scale| scale * 1.5);
        }
        let start = search.best_at(scales)?;
        let mut best = search.climb(start)?;
        // Where the filter is, seen through what is known so far; the centre moves as the picture gets clearer.
        for _ in 0..3 {
            let Some(envelope) = search.where_it_is(&best) else { break };
            let confined = Scales { smoothness: best.smoothness, envelope: Some(envelope) };
            if search.seen(confined) || confined.modes(shape, SMALLEST).len() > MOST_MODES {
                break;
            }
            let start = search.best_at(confined)?;
            let candidate = search.climb(start)?;
            if candidate.evidence >= best.evidence {
                break;
            }
            best = candidate;
        }
        Ok(best)
    }

    /// The stimulus seen through the modes, each scaled so that its coefficient has variance 1 in a model whose response has
    /// `slope` times the drive: regress on this with a ridge of 1.
    pub fn design(&self, stimulus: &[f64], slope: f64) -> Design {
        let mut columns = seen(stimulus, self.shape, &self.modes, &self.waves());
        let scale = self.scales(slope);
        for row in columns.chunks_mut(scale.len()) {
            row.iter_mut().zip(&scale).for_each(|(x, s)| *x *= s);
        }
        Design::columns(columns, scale.len())
    }

    /// The filter of coefficients found with [`SmoothPrior::design`].
    pub fn filter(&self, coefficients: &[f64], slope: f64) -> Vec<f64> {
        let [lags, rows, columns] = self.shape;
        let waves = self.waves();
        let mut filter = vec![0.0; lags * rows * columns];
        for ((mode, z), scale) in self.modes.iter().zip(coefficients).zip(self.scales(slope)) {
            for (i, weight) in filter.iter_mut().enumerate() {
                let at = [i / (rows * columns), i / columns % rows, i % columns];
                let wave = |axis: usize| waves[axis][(mode.k[axis], at[axis])];
                *weight += z * scale * wave(0) * wave(1) * wave(2);
            }
        }
        filter
    }

    /// Standard deviations of the filter's numbers, where `covariance` is that of the coefficients.
    pub fn deviations(&self, covariance: &DMatrix<f64>, slope: f64) -> Vec<f64> {
        let [lags, rows, columns] = self.shape;
        let (waves, scales) = (self.waves(), self.scales(slope));
        parallel::map((0..lags * rows * columns).collect(), usize::MAX, |i: usize| {
            let at = [i / (rows * columns), i / columns % rows, i % columns];
            let seen = DVector::from_iterator(
                self.modes.len(),
                self.modes.iter().zip(&scales).map(|(mode, scale)| {
                    scale * (0..3).map(|axis| waves[axis][(mode.k[axis], at[axis])]).product::<f64>()
                }),
            );
            (covariance * &seen).dot(&seen).max(0.0).sqrt()
        })
    }

    /// Priors a step away, each by one change: with every mode, rougher in time or space, wider or narrower in the size of
    /// weights, smoother, without the envelope.
    pub fn neighbours(&self) -> Vec<Self> {
        let scales = Scales { smoothness: self.smoothness, envelope: self.envelope };
        let with = |scales: Scales, variance: f64, smallest: f64| Self {
            smoothness: scales.smoothness,
            envelope: scales.envelope,
            variance: variance * self.variance,
            smallest,
            modes: scales.modes(self.shape, smallest),
            ..self.clone()
        };
        let mut all = vec![];
        if self.smallest > FINEST {
            all.push(with(scales, 1.0, FINEST));
        }
        let [lags, rows, columns] = self.shape;
        for (axis, flat) in [lags == 1, rows * columns == 1].into_iter().enumerate() {
            for factor in [0.5, 2.0] {
                let mut next = scales;
                next.smoothness[axis] *= factor;
                if !flat && next.smoothness[axis] >= LEAST {
                    all.push(with(next, 1.0, self.smallest));
                }
            }
        }
        all.extend([4.0, 0.25].map(|factor| with(scales, factor, self.smallest)));
        if self.envelope.is_some() {
            all.push(with(Scales { envelope: None, ..scales }, 1.0, self.smallest));
        }
        all
    }

    /// Number of modes.
    pub fn modes(&self) -> usize {
        self.modes.len()
    }

    fn scales(&self, slope: f64) -> Vec<f64> {
        self.modes.iter().map(|mode| (self.variance * mode.variance).sqrt() / slope).collect()
    }

    fn waves(&self) -> [DMatrix<f64>; 3] {
        Scales { smoothness: self.smoothness, envelope: self.envelope }.waves(self.shape)
    }
}

/// The scales that are sought.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Scales {
    smoothness: [f64; 2],
    envelope: Option<Envelope>,
}

/// Time is the first of two scales, rows and columns share the second.
const SCALE_OF_AXIS: [usize; 3] = [0, 1, 1];

impl Scales {
    /// The places of an axis of n that its cosines span.
    fn span(&self, axis: usize, n: usize) -> std::ops::Range<usize> {
        match self.envelope {
            None => 0..n,
            Some(Envelope { centre, width }) => {
                let reach = 4.0 * width[SCALE_OF_AXIS[axis]];
                let first = (centre[axis] - reach).floor().clamp(0.0, (n - 1) as f64) as usize;
                let last = (centre[axis] + reach).ceil().clamp(first as f64, (n - 1) as f64) as usize;
                first..last + 1
            }
        }
    }

    /// Row k of each matrix: the orthonormal cosine of k half periods over the span, under the root of the envelope.
    fn waves(&self, shape: [usize; 3]) -> [DMatrix<f64>; 3] {
        std::array::from_fn(|axis| {
            let span = self.span(axis, shape[axis]);
            let n = span.len() as f64;
            DMatrix::from_fn(span.len(), shape[axis], |k, i| {
                if !span.contains(&i) {
                    return 0.0;
                }
                let norm = if k == 0 { 1.0 } else { 2.0 } / n;
                let wave = norm.sqrt() * (PI * k as f64 * ((i - span.start) as f64 + 0.5) / n).cos();
                let root = self.envelope.map_or(1.0, |Envelope { centre, width }| {
                    (-0.25 * ((i as f64 - centre[axis]) / width[SCALE_OF_AXIS[axis]]).powi(2)).exp()
                });
                wave * root
            })
        })
    }

    /// The modes that matter.
    fn modes(&self, shape: [usize; 3], smallest: f64) -> Vec<Mode> {
        let n: [usize; 3] = std::array::from_fn(|axis| self.span(axis, shape[axis]).len());
        let [time, space] = self.smoothness;
        let mut modes = vec![];
        for t in 0..n[0] {
            for y in 0..n[1] {
                for x in 0..n[2] {
                    let angle = |k: usize, n: usize, scale: f64| (scale * PI * k as f64 / n as f64).powi(2);
                    let square = angle(t, n[0], time) + angle(y, n[1], space) + angle(x, n[2], space);
                    let variance = (-0.5 * square).exp();
                    if variance >= smallest {
                        modes.push(Mode { k: [t, y, x], variance });
                    }
                }
            }
        }
        modes
    }

    /// All scales one after the other.
    fn numbers(&self) -> Vec<f64> {
        let mut all = self.smoothness.to_vec();
        if let Some(envelope) = self.envelope {
            all.extend(envelope.width);
            all.extend(envelope.centre);
        }
        all
    }
}

/// X·φ for every mode, `[step][mode]`: cosines of every frame, then of the windows.
fn seen(stimulus: &[f64], shape: [usize; 3], modes: &[Mode], waves: &[DMatrix<f64>; 3]) -> Vec<f64> {
    let [lags, rows, columns] = shape;
    let pixels = rows * columns;
    let [time, y_waves, x_waves] = waves;
    let mut places: Vec<[usize; 2]> = modes.iter().map(|mode| [mode.k[1], mode.k[2]]).collect();
    places.sort_unstable();
    places.dedup();
    let index: Vec<(usize, usize)> = (modes.iter())
        .map(|mode| (mode.k[0], places.binary_search(&[mode.k[1], mode.k[2]]).unwrap_or_default()))
        .collect();
    let frames = stimulus.len() / pixels;
    let in_space: Vec<f64> =
        parallel::map((0..frames).collect(), frames * pixels * places.len(), |t: usize| {
            let frame = &stimulus[t * pixels..][..pixels];
            // Columns first: what remains is a cosine of rows for every cosine of columns.
            let n = x_waves.nrows();
            let mut along = vec![0.0; rows * n];
            for r in 0..rows {
                for k in 0..n {
                    along[r * n + k] = (0..columns).map(|c| frame[r * columns + c] * x_waves[(k, c)]).sum();
                }
            }
            let place =
                |&[y, x]: &[usize; 2]| (0..rows).map(|r| along[r * n + x] * y_waves[(y, r)]).sum::<f64>();
            places.iter().map(place).collect::<Vec<f64>>()
        })
        .concat();
    let (n, count) = (places.len(), modes.len());
    // What every position of a window gives to every mode.
    let shares: Vec<f64> = (0..lags).flat_map(|i| index.iter().map(move |&(k, _)| time[(k, i)])).collect();
    let mut all = vec![0.0; frames * count];
    let blocks: Vec<_> = all.chunks_mut(BLOCK * count.max(1)).enumerate().collect();
    parallel::for_each(blocks, frames * count * lags, |(block, rows)| {
        // The frames of these windows, mode by mode; before the first there is nothing.
        let (from, to) = (block * BLOCK, block * BLOCK + rows.len() / count);
        let first = (from + 1).saturating_sub(lags);
        let frames: Vec<f64> = (first..to)
            .flat_map(|t| index.iter().map(move |&(_, place)| (t, place)))
            .map(|(t, place)| in_space[t * n + place])
            .collect();
        simd::vectorized(
            #[inline(always)]
            || {
                for (t, row) in (from..to).zip(rows.chunks_mut(count)) {
                    // Window position i is frame t + 1 + i − lags.
                    let missing = (lags - 1).saturating_sub(t);
                    let window = &frames[(t + 1 + missing - lags - first) * count..];
                    let shares = &shares[missing * count..];
                    for (frame, share) in window.chunks_exact(count).zip(shares.chunks_exact(count)) {
                        for ((x, s), share) in row.iter_mut().zip(frame).zip(share) {
                            *x += share * s;
                        }
                    }
                }
            },
        );
    });
    all
}

/// What is known about the evidence so far.
struct Search<'a> {
    stimulus: &'a [f64],
    y: &'a [f64],
    /// How much every step counts, and the sum.
    weights: &'a [f64],
    steps: f64,
    /// |y|².
    total: f64,
    shape: [usize; 3],
    /// Gram matrix of windows and their products with y, where windows are short: every set of modes is seen through these.
    windows: Option<(DMatrix<f64>, DVector<f64>)>,
    known: Vec<Vec<f64>>,
}

impl Search<'_> {
    fn seen(&self, scales: Scales) -> bool {
        let numbers = scales.numbers();
        let same = |known: &Vec<f64>| {
            known.len() == numbers.len()
                && known.iter().zip(&numbers).all(|(a, b)| (a - b).abs() < 1e-6 * (1.0 + b))
        };
        self.known.iter().any(same)
    }

    /// The best prior in the neighbourhood: one scale after the other, by factors of 2, then √2, as long as that helps.
    fn climb(&mut self, start: SmoothPrior) -> Result<SmoothPrior> {
        let [lags, rows, columns] = self.shape;
        // Scales beyond the filter's size say no more than its size.
        let most = [lags as f64, rows.max(columns) as f64];
        let mut best = start;
        for factor in [2.0, 2f64.sqrt()] {
            let mut moved = true;
            while moved {
                moved = false;
                for scale in 0..4 {
                    for by in [factor, 1.0 / factor] {
                        let axis = scale % 2;
                        let mut next = Scales { smoothness: best.smoothness, envelope: best.envelope };
                        let number = match &mut next.envelope {
                            _ if scale < 2 => &mut next.smoothness[axis],
                            Some(envelope) => &mut envelope.width[axis],
                            None => continue,
                        };
                        *number = (*number * by).clamp(LEAST, most[axis].max(LEAST));
                        let flat = if axis == 0 { lags == 1 } else { rows * columns == 1 };
                        if flat || self.seen(next) || next.modes(self.shape, SMALLEST).len() > MOST_MODES {
                            continue;
                        }
                        let candidate = self.best_at(next)?;
                        if candidate.evidence < best.evidence {
                            (best, moved) = (candidate, true);
                        }
                    }
                }
            }
        }
        Ok(best)
    }

    /// An envelope around the energy of the most probable filter; `None` where that is spread out evenly.
    fn where_it_is(&self, prior: &SmoothPrior) -> Option<Envelope> {
        let design = prior.design(self.stimulus, 1.0);
        let n = prior.modes();
        // Ridge regression: the most probable coefficients have variance 1.
        let mut gram = design.gram(self.weights).view((0, 0), (n, n)) / prior.noise;
        for i in 0..n {
            gram[(i, i)] += 1.0;
        }
        let toward = DVector::from_column_slice(&design.transposed(self.y)[..n]) / prior.noise;
        let filter = prior.filter(Cholesky::new(gram)?.solve(&toward).as_slice(), 1.0);
        let [_, rows, columns] = self.shape;
        let (mut centre, mut spread) = ([0.0; 3], [0.0; 3]);
        for axis in 0..3 {
            let mut energy = vec![0.0; self.shape[axis]];
            for (i, weight) in filter.iter().enumerate() {
                energy[[i / (rows * columns), i / columns % rows, i % columns][axis]] += weight * weight;
            }
            // What every place has is noise.
            let mut sorted = energy.clone();
            sorted.sort_by(f64::total_cmp);
            let floor = if sorted.len() > 4 { sorted[sorted.len() / 4] } else { 0.0 };
            for e in &mut energy {
                *e = (*e - floor).max(0.0);
            }
            let sum: f64 = energy.iter().sum();
            if sum == 0.0 {
                return None;
            }
            let mean = |f: &dyn Fn(f64) -> f64| {
                energy.iter().enumerate().map(|(i, e)| e * f(i as f64)).sum::<f64>() / sum
            };
            centre[axis] = mean(&|i| i);
            spread[axis] = mean(&|i| (i - centre[axis]).powi(2)).sqrt();
        }
        let space =
            if rows == 1 || columns == 1 { spread[1].max(spread[2]) } else { 0.5 * (spread[1] + spread[2]) };
        Some(Envelope { centre, width: [spread[0].max(LEAST), space.max(LEAST)] })
    }

    /// The best prior of these scales: ρ/σ² by golden section, σ² in closed form.
    fn best_at(&mut self, scales: Scales) -> Result<SmoothPrior> {
        self.known.push(scales.numbers());
        let modes = scales.modes(self.shape, SMALLEST);
        let n = modes.len();
        let (gram, toward) = self.moments(&modes, &scales.waves(self.shape));
        let power = gram.diagonal().sum() / n as f64;
        if power == 0.0 {
            return Err(Error::argument("stimulus", "one that varies", "a constant"));
        }
        let at = |log_ratio: f64| self.evidence(&gram, &toward, log_ratio.exp());
        // From a prior that explains next to nothing to one that hardly constrains.
        let (mut low, mut high) = ((1e-4 / power).ln(), (1e4 / power).ln());
        let golden = 0.5 * (5f64.sqrt() - 1.0);
        let mut inner = [high - golden * (high - low), low + golden * (high - low)];
        let mut values = inner.map(&at);
        for _ in 0..12 {
            if values[0].0 < values[1].0 {
                high = inner[1];
                (inner[1], values[1]) = (inner[0], values[0]);
                inner[0] = high - golden * (high - low);
                values[0] = at(inner[0]);
            } else {
                low = inner[0];
                (inner[0], values[0]) = (inner[1], values[1]);
                inner[1] = low + golden * (high - low);
                values[1] = at(inner[1]);
            }
        }
        let better = usize::from(values[1].0 < values[0].0);
        let (evidence, noise) = values[better];
        let variance = inner[better].exp() * noise;
        Ok(SmoothPrior {
            shape: self.shape,
            smoothness: scales.smoothness,
            envelope: scales.envelope,
            variance,
            noise,
            evidence,
            smallest: SMALLEST,
            modes,
        })
    }

    /// Gram matrix of the stimulus seen through modes, each scaled to variance 1 and without its mean, which the bias takes; and its
    /// products with y.
    fn moments(&self, modes: &[Mode], waves: &[DMatrix<f64>; 3]) -> (DMatrix<f64>, DVector<f64>) {
        let n = modes.len();
        if let Some((gram, toward)) = &self.windows {
            let [_, rows, columns] = self.shape;
            let count = gram.nrows() - 1;
            let through = DMatrix::from_fn(n, count, |m, i| {
                let at = [i / (rows * columns), i / columns % rows, i % columns];
                let wave = |axis: usize| waves[axis][(modes[m].k[axis], at[axis])];
                modes[m].variance.sqrt() * wave(0) * wave(1) * wave(2)
            });
            let means = gram.view((0, count), (count, 1)) / self.steps;
            let centred = gram.view((0, 0), (count, count)) - &means * means.transpose() * self.steps;
            let products = toward.rows(0, count) - means * toward[count];
            return (&through * centred * through.transpose(), through * products);
        }
        let mut columns = seen(self.stimulus, self.shape, modes, waves);
        let mut means = vec![0.0; n];
        for (row, weight) in columns.chunks(n).zip(self.weights) {
            means.iter_mut().zip(row).for_each(|(m, x)| *m += weight * x / self.steps);
        }
        for row in columns.chunks_mut(n) {
            for ((x, m), mode) in row.iter_mut().zip(&means).zip(modes) {
                *x = (*x - m) * mode.variance.sqrt();
            }
        }
        let design = Design::columns(columns, n);
        let gram = design.gram(self.weights).view((0, 0), (n, n)).into_owned();
        let toward = DVector::from_column_slice(&design.transposed(self.y)[..n]);
        (gram, toward)
    }

    /// −2·ln p(y) at its best σ², and σ², for ρ/σ² = ratio.
    fn evidence(&self, gram: &DMatrix<f64>, toward: &DVector<f64>, ratio: f64) -> (f64, f64) {
        let n = gram.nrows();
        let steps = self.steps;
        let Some(factor) = Cholesky::new(DMatrix::identity(n, n) + gram * ratio) else {
            return (f64::INFINITY, f64::INFINITY);
        };
        let explained = ratio * toward.dot(&factor.solve(toward));
        let noise = ((self.total - explained) / steps).max(f64::MIN_POSITIVE);
        let volume: f64 = factor.l_dirty().diagonal().iter().map(|l| 2.0 * l.ln()).sum();
        (steps * noise.ln() + volume, noise)
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Loss, NewtonOptions, Nonlinearity, Observation, Penalty, Regression};
    use super::*;
    use convis_kernels::random::{Key, Use, uniform};

    fn correlation(a: &[f64], b: &[f64]) -> f64 {
        let n = a.len() as f64;
        let (ma, mb) = (a.iter().sum::<f64>() / n, b.iter().sum::<f64>() / n);
        let product =
            |f: &dyn Fn(f64, f64) -> f64| a.iter().zip(b).map(|(&x, &y)| f(x - ma, y - mb)).sum::<f64>();
        product(&|x, y| x * y) / (product(&|x, _| x * x) * product(&|_, y| y * y)).sqrt()
    }

    /// 2,000 frames of noise are few for a filter of 15 lags by 20 × 20 pixels; smoothness is what makes up for it.
    #[test]
    fn moments_of_short_windows_are_those_of_the_stimulus_seen() {
        let key = Key::new(4, 0, "moments", 0);
        let noise = |i: usize, purpose| uniform(key, 0, 0, purpose, i as u64);
        let (shape, steps) = ([6, 2, 3], 700);
        // With a mean, and with steps that do not count.
        let stimulus: Vec<f64> = (0..steps * 6).map(|i| 0.5 + noise(i, Use::Current)).collect();
        let weights: Vec<f64> = (0..steps).map(|t| f64::from(t % 5 != 0)).collect();
        let y: Vec<f64> = (0..steps).map(|t| weights[t] * (noise(t, Use::Start) - 0.5)).collect();
        let design = Design::windows(&stimulus, 6, 6);
        let windows = Some((design.gram(&weights), DVector::from_vec(design.transposed(&y))));
        let steps = weights.iter().sum();
        let scales = Scales { smoothness: [1.0, 1.0], envelope: None };
        let (modes, waves) = (scales.modes(shape, SMALLEST), scales.waves(shape));
        let (stimulus, y, weights) = (&stimulus[..], &y[..], &weights[..]);
        let mut search = Search { stimulus, y, weights, steps, total: 1.0, shape, windows, known: vec![] };
        let (gram, toward) = search.moments(&modes, &waves);
        search.windows = None;
        let (seen_gram, seen_toward) = search.moments(&modes, &waves);
        assert!((&gram - &seen_gram).norm() < 1e-10 * gram.norm(), "{gram} {seen_gram}");
        assert!((&toward - &seen_toward).norm() < 1e-10 * toward.norm(), "{toward} {seen_toward}");
    }

    #[test]
    fn a_large_filter_is_found_from_little_data_where_the_average_fails() {
        let (frames, shape) = (2000, [15, 20, 20]);
        let [lags, rows, columns] = shape;
        let key = Key::new(5, 0, "cell", 0);
        let stimulus: Vec<f64> = (0..frames * rows * columns)
            .map(|i| if uniform(key, 0, i % 400, Use::Current, (i / 400) as u64) < 0.5 { -1.0 } else { 1.0 })
            .collect();
        // A centre and surround of 2 and 4 pixels, biphasic in time.
        let mut filter = vec![0.0; lags * rows * columns];
        for (i, weight) in filter.iter_mut().enumerate() {
            let (lag, row, column) = (i / 400, i / 20 % 20, i % 20);
            let ago = (lags - 1 - lag) as f64;
            let time = (-(ago - 4.0).powi(2) / 4.5).exp() - 0.6 * (-(ago - 8.0).powi(2) / 8.0).exp();
            let square = (row as f64 - 9.0).powi(2) + (column as f64 - 11.0).powi(2);
            *weight = time * ((-square / 8.0).exp() - 0.2 * (-square / 32.0).exp());
        }
        let norm = filter.iter().map(|w| w * w).sum::<f64>().sqrt();
        for weight in &mut filter {
            *weight /= norm;
        }
        let drive = Design::windows(&stimulus, 400, lags).drive(&[&filter[..], &[-1.0]].concat());
        let counts: Vec<f64> = (drive.iter().enumerate())
            .map(|(t, eta)| f64::from(uniform(key, 1, 0, Use::Start, t as u64) < -(-eta.exp()).exp_m1()))
            .collect();
        let average = Design::windows(&stimulus, 400, lags).transposed(&counts);
        let of_average = correlation(&average[..6000], &filter);
        assert!(of_average < 0.5, "{of_average}");

        let prior = SmoothPrior::by_evidence(&stimulus, &counts, shape).unwrap();
        let slope = counts.iter().sum::<f64>() / frames as f64;
        let design = prior.design(&stimulus, slope);
        let penalty = Penalty { ridge: 1.0, ..Penalty::none([prior.modes(), 1, 1]) };
        let observation = Observation { nonlinearity: Nonlinearity::Exp, loss: Loss::Poisson };
        let regression = Regression::new(&design, &counts, observation, &penalty);
        let mut start = vec![0.0; design.len()];
        *start.last_mut().unwrap() = slope.ln();
        let found = regression.minimum(start, NewtonOptions::default()).unwrap();
        let found = prior.filter(&found.theta, slope);
        let of_found = correlation(&found, &filter);
        eprintln!(
            "{of_average} {of_found} {:?} {:?} modes {}",
            prior.smoothness,
            prior.envelope,
            prior.modes()
        );
        assert!(of_found > 0.9, "{of_found} with smoothness {:?}, {:?}", prior.smoothness, prior.envelope);
    }
}
