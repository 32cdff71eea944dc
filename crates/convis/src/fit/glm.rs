//! Regression of the responses of cells on a stimulus and on what cells did before.

use convis_kernels::parallel;
use nalgebra::DMatrix;

use super::newton::factor;
use super::{
    Design, Loss, Minimum, NewtonOptions, Observation, Penalty, RaisedCosines, Regression, SmoothPrior,
};
use crate::{Error, Result};

/// What keeps a filter in bounds.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub enum Regularizer {
    /// Nothing: the maximum of the likelihood.
    #[default]
    None,
    /// Small and smooth weights; see [`Penalty`]. A weight of `None` is chosen by cross-validation.
    Quadratic {
        /// Weight of squares.
        ridge: Option<f64>,
        /// Weight of squared differences in time.
        time: Option<f64>,
        /// Weight of squared differences in space.
        space: Option<f64>,
    },
    /// A smooth filter confined to a place, all scales chosen by the evidence; see [`SmoothPrior`].
    Auto,
}

impl Regularizer {
    /// The names that [`Regularizer::named`] understands.
    pub const NAMES: [&'static str; 4] = ["none", "ridge", "smooth", "auto"];

    /// The regularizer of this name, its weights chosen by cross-validation.
    ///
    /// # Errors
    /// If there is none; the message names the nearest.
    pub fn named(name: &str) -> Result<Self> {
        match name {
            "none" => Ok(Self::None),
            "ridge" => Ok(Self::Quadratic { ridge: None, time: Some(0.0), space: Some(0.0) }),
            "smooth" => Ok(Self::Quadratic { ridge: Some(0.0), time: None, space: None }),
            "auto" => Ok(Self::Auto),
            _ => Err(Error::unknown("regularizer", name, Self::NAMES)),
        }
    }
}

/// A generalised linear model of some cells: what each is regressed on, and how.
///
/// # Equation
/// ```text
/// η_u(t) = b_u + Σ_l Σ_p k_u(l, p)·s(t − l, p) + Σ_v Σ_j h_uv(j)·Σ_τ B_j(τ)·y_v(t − 1 − τ)
/// μ_u(t) = g(η_u(t))
/// ```
/// with v = u alone, or every cell where they are coupled. Frames and responses before the first are zero.
///
/// # Source
/// Truccolo et al. 2005, J. Neurophysiol. 93:1074; Pillow et al. 2008, Nature 454:995.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Glm {
    /// Frames of a window: lags 0 ‥ `lags − 1`.
    pub lags: usize,
    /// Rows and columns of a frame.
    pub size: [usize; 2],
    /// g and the likelihood.
    pub observation: Observation,
    /// What keeps the filter in bounds.
    pub regularizer: Regularizer,
    /// Bumps of the spike history, if the past of the response counts.
    pub history: Option<RaisedCosines>,
    /// Whether the past of the other cells counts as well.
    pub coupled: bool,
    /// When the search ends.
    pub search: NewtonOptions,
}

/// Filter, history and bias of a cell, or their standard errors.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Coefficients {
    /// k: `[lag][row][column]`, lag 0 (the present) first.
    pub filter: Vec<f64>,
    /// h: one number a bump, cell after cell where they are coupled.
    pub history: Vec<f64>,
    /// b.
    pub bias: f64,
}

/// A cell after the fit.
#[derive(Clone, Debug)]
pub struct GlmCell {
    /// What was found.
    pub found: Coefficients,
    /// Standard errors, by the curvature of the penalised likelihood; NaN for filters of more than 2048 numbers without
    /// a prior.
    pub error: Coefficients,
    /// Covariance of the estimates of the history, by the same curvature; empty where there are no standard errors.
    pub history_covariance: Vec<Vec<f64>>,
    /// Mean response: that of the null model.
    pub mean: f64,
    /// The search.
    pub minimum: Minimum,
    /// The penalty, its weights being those in force; none for `Auto`.
    pub penalty: Option<Penalty>,
    /// The prior that the evidence chose, for `Auto`.
    pub prior: Option<SmoothPrior>,
}

/// Weights that cross-validation tries, in units of the curvature that the data give a weight.
const CANDIDATES: [f64; 7] = [1e-4, 1e-3, 1e-2, 1e-1, 1.0, 10.0, 100.0];
/// Parts of the recording that take turns in being left out.
const FOLDS: usize = 5;

impl Glm {
    /// Fits every cell.
    ///
    /// `stimulus` is `[frame][row][column]`, `responses` one array a cell.
    ///
    /// # Errors
    /// If lengths differ, a number is not finite, a cell never responds, the stimulus does not vary, or coefficients are not
    /// determined by the data.
    pub fn fit(&self, stimulus: &[f64], responses: &[Vec<f64>]) -> Result<Vec<GlmCell>> {
        self.check(stimulus, responses)?;
        let past = self.past(responses)?;
        let cells: Vec<usize> = (0..responses.len()).collect();
        // Cells one after the other: the work within one is shared by the threads.
        cells
            .into_iter()
            .map(|unit| self.fit_cell(stimulus, &responses[unit], &self.past_of(&past, unit)))
            .collect()
    }

    /// The expected response of a cell in every step, given what the cells did before (not needed without history).
    ///
    /// # Errors
    /// As [`Glm::fit`].
    pub fn predict(
        &self,
        cell: &Coefficients,
        unit: usize,
        stimulus: &[f64],
        responses: &[Vec<f64>],
    ) -> Result<Vec<f64>> {
        let frames = self.check_stimulus(stimulus)?;
        self.check_cell(cell, responses.len().max(1), unit)?;
        let mut design = Design::windows(stimulus, self.size[0] * self.size[1], self.lags);
        if self.history.is_some() {
            if responses.iter().any(|response| response.len() != frames) || unit >= responses.len() {
                let expected = format!("{frames} numbers of every cell, one for each frame of the stimulus");
                let found: Vec<usize> = responses.iter().map(Vec::len).collect();
                return Err(Error::argument("response", expected, format!("{found:?}")));
            }
            let past = self.past_of(&self.past(responses)?, unit);
            design = design.with_columns(&past.numbers, past.columns);
        }
        let drive = design.drive(&self.theta(cell));
        Ok(drive.into_iter().map(|eta| self.observation.mean(eta)[0]).collect())
    }

    /// θ of a cell: the window oldest first.
    pub(super) fn theta(&self, cell: &Coefficients) -> Vec<f64> {
        let mut theta = reversed(&cell.filter, self.size[0] * self.size[1]);
        theta.extend_from_slice(&cell.history);
        theta.push(cell.bias);
        theta
    }

    pub(super) fn check_stimulus(&self, stimulus: &[f64]) -> Result<usize> {
        let pixels = self.size[0] * self.size[1];
        if self.lags == 0 || pixels == 0 {
            let found = format!("{} lags of {} × {} pixels", self.lags, self.size[0], self.size[1]);
            return Err(Error::argument("lags", "at least one lag and one pixel", found));
        }
        if stimulus.is_empty() || !stimulus.len().is_multiple_of(pixels) {
            let expected = format!("frames of {} × {} pixels", self.size[0], self.size[1]);
            return Err(Error::argument("stimulus", expected, format!("{} numbers", stimulus.len())));
        }
        if !stimulus.iter().all(|x| x.is_finite()) {
            return Err(Error::argument("stimulus", "finite numbers", "NaN or infinity"));
        }
        Ok(stimulus.len() / pixels)
    }

    fn check(&self, stimulus: &[f64], responses: &[Vec<f64>]) -> Result<()> {
        let frames = self.check_stimulus(stimulus)?;
        if responses.is_empty() {
            return Err(Error::argument("response", "at least one cell", "none"));
        }
        for (unit, response) in responses.iter().enumerate() {
            let name =
                if responses.len() > 1 { format!("response of unit {unit}") } else { "response".into() };
            if response.len() != frames {
                let expected = format!("{frames} numbers, one for each frame of the stimulus");
                return Err(Error::argument(name, expected, response.len()));
            }
            self.observation.loss.check(response)?;
            let counts = !matches!(self.observation.loss, Loss::Gaussian | Loss::Huber { .. });
            if counts && response.iter().all(|&y| y == 0.0) {
                return Err(Error::argument(name, "spikes in the part that is fitted", "none"));
            }
        }
        let first = stimulus[0];
        if stimulus.iter().all(|&x| x == first) {
            return Err(Error::argument("stimulus", "one that varies", format!("{first} everywhere")));
        }
        Ok(())
    }

    /// What every cell did before each step, bump by bump.
    fn past(&self, responses: &[Vec<f64>]) -> Result<Vec<Columns>> {
        let Some(bumps) = self.history else { return Ok(vec![]) };
        let rows = bumps.rows()?;
        Ok(parallel::map(responses.iter().collect(), usize::MAX, |response: &Vec<f64>| {
            let mut numbers = vec![0.0; response.len() * rows.len()];
            for (t, &y) in response.iter().enumerate().filter(|(_, y)| **y != 0.0) {
                for (j, row) in rows.iter().enumerate() {
                    for (tau, bump) in row.iter().enumerate().take(response.len() - t - 1) {
                        numbers[(t + 1 + tau) * rows.len() + j] += y * bump;
                    }
                }
            }
            Columns { numbers, columns: rows.len() }
        }))
    }

    /// The columns that one cell is regressed on.
    fn past_of(&self, past: &[Columns], unit: usize) -> Columns {
        if !self.coupled || past.len() < 2 {
            return past.get(unit).cloned().unwrap_or_default();
        }
        let columns: usize = past.iter().map(|past| past.columns).sum();
        let steps = past[0].numbers.len() / past[0].columns;
        let mut numbers = Vec::with_capacity(steps * columns);
        for t in 0..steps {
            for past in past {
                numbers.extend_from_slice(&past.numbers[t * past.columns..][..past.columns]);
            }
        }
        Columns { numbers, columns }
    }

    fn fit_cell(&self, stimulus: &[f64], response: &[f64], past: &Columns) -> Result<GlmCell> {
        let shape = [self.lags, self.size[0], self.size[1]];
        let mean = response.iter().sum::<f64>() / response.len() as f64;
        let bias = self.start(mean);
        if self.regularizer == Regularizer::Auto {
            return self.fit_smooth(stimulus, response, past, mean, bias);
        }
        let design = Design::windows(stimulus, shape[1] * shape[2], self.lags)
            .with_columns(&past.numbers, past.columns);
        let penalty = self.chosen(&design, response, bias, shape)?;
        let regression = Regression::new(&design, response, self.observation, &penalty);
        let minimum = regression.minimum(start(&design, bias), self.search)?;
        let covariance = (design.len() <= MOST_ERRORS)
            .then(|| Ok(factor(regression.hessian(&minimum.theta))?.inverse()))
            .transpose()?;
        let error = deviations(covariance.as_ref(), design.len());
        let (pixels, n) = (shape[1] * shape[2], penalty.len());
        let found = coefficients(&minimum.theta[..n], pixels, &minimum.theta[n..]);
        let error = coefficients(&error[..n], pixels, &error[n..]);
        let history_covariance = covariance.map_or_else(Vec::new, |c| of_history(&c, n));
        let penalty = (!penalty.is_empty()).then_some(penalty);
        Ok(GlmCell { found, error, history_covariance, mean, minimum, penalty, prior: None })
    }

    /// The bias of a cell that does not see its stimulus.
    fn start(&self, mean: f64) -> f64 {
        let any_spike = self.observation.loss == Loss::Bernoulli
            && self.observation.mean(0.0)[0] != self.observation.nonlinearity.at(0.0)[0];
        let rate = if any_spike { -(-mean.min(1.0 - 1e-6)).ln_1p() } else { mean };
        self.observation.nonlinearity.inverse(rate)
    }

    fn fit_smooth(
        &self,
        stimulus: &[f64],
        response: &[f64],
        past: &Columns,
        mean: f64,
        bias: f64,
    ) -> Result<GlmCell> {
        let shape = [self.lags, self.size[0], self.size[1]];
        let prior = SmoothPrior::by_evidence(stimulus, response, shape)?;
        // The prior is that of a linear model; seen from the mean response, the drive is multiplied by this.
        let slope = self.observation.mean(bias)[1];
        let design = prior.design(stimulus, slope).with_columns(&past.numbers, past.columns);
        let penalty = Penalty { ridge: 1.0, ..Penalty::none([prior.modes(), 1, 1]) };
        let regression = Regression::new(&design, response, self.observation, &penalty);
        let minimum = regression.minimum(start(&design, bias), self.search)?;
        let covariance = factor(regression.hessian(&minimum.theta))?.inverse();
        let error = deviations(Some(&covariance), design.len());
        let (pixels, n) = (shape[1] * shape[2], prior.modes());
        let found = coefficients(&prior.filter(&minimum.theta, slope), pixels, &minimum.theta[n..]);
        let modes = covariance.view((0, 0), (n, n)).into_owned();
        let error = coefficients(&prior.deviations(&modes, slope), pixels, &error[n..]);
        let history_covariance = of_history(&covariance, n);
        Ok(GlmCell { found, error, history_covariance, mean, minimum, penalty: None, prior: Some(prior) })
    }

    /// The penalty, its open weights chosen by leaving out one fifth of the recording after the other.
    fn chosen(&self, design: &Design, response: &[f64], bias: f64, shape: [usize; 3]) -> Result<Penalty> {
        let Regularizer::Quadratic { ridge, time, space } = self.regularizer else {
            return Ok(Penalty::none(shape));
        };
        for (name, weight) in [("ridge", ridge), ("time", time), ("space", space)] {
            if weight.is_some_and(|weight| !(weight >= 0.0 && weight.is_finite())) {
                let found = weight.unwrap_or_default();
                return Err(Error::argument(format!("regularizer, {name}"), "a weight of 0 or above", found));
            }
        }
        let with = |weight: f64| Penalty {
            ridge: ridge.unwrap_or(weight),
            time: time.unwrap_or(weight),
            space: space.unwrap_or(weight),
            shape,
        };
        if ridge.and(time).and(space).is_some() {
            return Ok(with(0.0));
        }
        // The information that a step gives a weight of the filter, on average.
        let [_, _, per_step] =
            self.observation.at(response.iter().sum::<f64>() / response.len() as f64, bias);
        let squares = design.energy();
        let mut best = (f64::INFINITY, with(0.0));
        for candidate in CANDIDATES {
            let penalty = with(candidate * squares * per_step);
            let loss = self.left_out(design, response, bias, &penalty)?;
            if loss < best.0 {
                best = (loss, penalty);
            }
        }
        Ok(best.1)
    }

    /// Σ ℓ over parts of the recording that were not used to predict them.
    fn left_out(&self, design: &Design, response: &[f64], bias: f64, penalty: &Penalty) -> Result<f64> {
        let steps = response.len();
        let folds = FOLDS.min(steps);
        let whole = Regression::new(design, response, self.observation, penalty);
        let mut sum = 0.0;
        for fold in 0..folds {
            let out = fold * steps / folds..(fold + 1) * steps / folds;
            let weights: Vec<f64> = (0..steps).map(|t| f64::from(!out.contains(&t))).collect();
            let regression = Regression { weights: Some(&weights), ..whole };
            let found = regression.minimum(start(design, bias), self.search)?;
            let drive = design.drive(&found.theta);
            sum += out.map(|t| self.observation.at(response[t], drive[t])[0]).sum::<f64>();
        }
        Ok(sum)
    }
}

/// Columns `[step][column]`.
#[derive(Clone, Debug, Default)]
struct Columns {
    numbers: Vec<f64>,
    columns: usize,
}

/// Coefficients up to which standard errors are computed: beyond, the inverse would take minutes.
const MOST_ERRORS: usize = 2048;

/// Coefficients of a cell that does not see its stimulus.
fn start(design: &Design, bias: f64) -> Vec<f64> {
    let mut theta = vec![0.0; design.len()];
    theta[design.len() - 1] = bias;
    theta
}

/// Frames in reverse order.
fn reversed(filter: &[f64], pixels: usize) -> Vec<f64> {
    filter.chunks(pixels).rev().flatten().copied().collect()
}

/// Standard errors of n coefficients; NaN where their covariance is not known.
fn deviations(covariance: Option<&DMatrix<f64>>, n: usize) -> Vec<f64> {
    covariance.map_or_else(
        || vec![f64::NAN; n],
        |covariance| covariance.diagonal().iter().map(|variance| variance.sqrt()).collect(),
    )
}

/// The part of a covariance that belongs to the history: all coefficients from `first` but the bias.
fn of_history(covariance: &DMatrix<f64>, first: usize) -> Vec<Vec<f64>> {
    let range = first..covariance.nrows() - 1;
    range.clone().map(|i| range.clone().map(|j| covariance[(i, j)]).collect()).collect()
}

/// Estimates, or their errors: the filter, oldest first, and history with bias.
fn coefficients(filter: &[f64], pixels: usize, others: &[f64]) -> Coefficients {
    let (bias, history) = others.split_last().expect("there always is a bias");
    Coefficients { filter: reversed(filter, pixels), history: history.to_vec(), bias: *bias }
}

#[cfg(test)]
mod tests {
    use super::super::Nonlinearity;
    use super::*;
    use convis_kernels::random::{Key, Use, uniform};

    const GLM: Glm = Glm {
        lags: 4,
        size: [1, 1],
        observation: Observation { nonlinearity: Nonlinearity::Exp, loss: Loss::Poisson },
        regularizer: Regularizer::None,
        history: None,
        coupled: false,
        search: NewtonOptions { iterations: 100, tolerance: 1e-10 },
    };

    const ANY_SPIKE: Observation = Observation { nonlinearity: Nonlinearity::Exp, loss: Loss::Bernoulli };
    const BUMP: RaisedCosines = RaisedCosines { count: 1, first: 0.0, last: 1.0, offset: 1.0 };

    fn noise(steps: usize, seed: u64) -> Vec<f64> {
        let key = Key::new(seed, 0, "noise", 0);
        (0..steps).map(|t| uniform(key, 0, 0, Use::Current, t as u64) - 0.5).collect()
    }

    /// Two cells with a filter, a refractory history, and the first exciting the second.
    fn two_cells(steps: usize) -> (Vec<f64>, Vec<Vec<f64>>) {
        let stimulus = noise(steps, 1);
        let key = Key::new(2, 0, "cells", 0);
        let bump = &BUMP.rows().unwrap()[0];
        let mut counts = vec![vec![0.0; steps]; 2];
        for t in 0..steps {
            let seen: f64 = (0..3.min(t + 1)).map(|l| [0.5, 2.0, -1.0][l] * stimulus[t - l]).sum();
            let past = [0, 1].map(|unit| -> f64 {
                (0..bump.len().min(t)).map(|tau| bump[tau] * counts[unit][t - 1 - tau]).sum()
            });
            for unit in 0..2 {
                let drive = -1.5 + seen - 2.0 * past[unit] + if unit == 1 { past[0] } else { 0.0 };
                let spike = uniform(key, unit, 0, Use::Start, t as u64) < -(-drive.exp()).exp_m1();
                counts[unit][t] = f64::from(spike);
            }
        }
        (stimulus, counts)
    }

    #[test]
    fn filter_history_and_coupling_come_back_within_their_errors() {
        let (stimulus, counts) = two_cells(40_000);
        let glm = Glm { observation: ANY_SPIKE, history: Some(BUMP), coupled: true, ..GLM };
        let cells = glm.fit(&stimulus, &counts).unwrap();
        let within = |found: f64, error: f64, want: f64| {
            assert!((found - want).abs() < 4.0 * error, "{found} ± {error}, {want}");
        };
        for cell in &cells {
            for (i, want) in [0.5, 2.0, -1.0, 0.0].into_iter().enumerate() {
                within(cell.found.filter[i], cell.error.filter[i], want);
            }
            within(cell.found.bias, cell.error.bias, -1.5);
            assert!(cell.error.filter[0] < 0.1);
        }
        for (cell, want) in cells.iter().zip([[-2.0, 0.0], [1.0, -2.0]]) {
            within(cell.found.history[0], cell.error.history[0], want[0]);
            within(cell.found.history[1], cell.error.history[1], want[1]);
        }
        // Prediction is the expectation: a little better than the mean rate.
        let rate = glm.predict(&cells[1].found, 1, &stimulus, &counts).unwrap();
        let mean = counts[1].iter().sum::<f64>() / 40_000.0;
        assert!((rate.iter().sum::<f64>() / 40_000.0 - mean).abs() < 1e-4);
    }

    #[test]
    fn cross_validation_finds_a_weight_that_beats_none() {
        let steps = 400;
        let stimulus = noise(steps * 30, 7);
        let key = Key::new(8, 0, "cell", 0);
        let counts: Vec<f64> = (0..steps)
            .map(|t| {
                let seen: f64 = (10..15).map(|p| 1.5 * stimulus[t * 30 + p]).sum();
                f64::from(uniform(key, 0, 0, Use::Start, t as u64) < -(-(seen - 1.0).exp()).exp_m1())
            })
            .collect();
        let glm = Glm { lags: 2, size: [1, 30], observation: ANY_SPIKE, ..GLM };
        let truth: Vec<f64> = (0..60).map(|i| if (10..15).contains(&i) { 1.5 } else { 0.0 }).collect();
        let error = |regularizer| {
            let cell = &Glm { regularizer, ..glm }.fit(&stimulus, std::slice::from_ref(&counts)).unwrap()[0];
            cell.found.filter.iter().zip(&truth).map(|(a, b)| (a - b).powi(2)).sum::<f64>()
        };
        let none = error(Regularizer::None);
        for name in ["ridge", "smooth", "auto"] {
            let with = error(Regularizer::named(name).unwrap());
            assert!(with < 0.7 * none, "{name}: {with}, none {none}");
        }
    }

    #[test]
    fn bad_data_are_refused_by_name() {
        let (stimulus, counts) = two_cells(200);
        let message =
            |stimulus: &[f64], counts: &[Vec<f64>]| GLM.fit(stimulus, counts).unwrap_err().to_string();
        assert!(message(&stimulus, &[counts[0][1..].to_vec()]).contains("200 numbers"));
        assert!(message(&stimulus, &[counts[0].clone(), vec![0.0; 200]]).contains("unit 1"));
        assert!(message(&[0.5; 200], &counts).contains("varies"));
        let mut broken = stimulus.clone();
        broken[3] = f64::NAN;
        assert!(message(&broken, &counts).contains("finite"));
        assert!(message(&stimulus, &[]).contains("at least one cell"));
        let negative = Regularizer::Quadratic { ridge: Some(-1.0), time: None, space: None };
        assert!(Glm { regularizer: negative, ..GLM }.fit(&stimulus, &counts).is_err());
    }
}
