//! Regression of the responses of cells on a stimulus and on what cells did before.

use convis_kernels::parallel;
use nalgebra::DMatrix;

use super::newton::factor;
use super::regularizer::start;
use super::{
    Design, Loss, Minimum, MonotoneSpline, NewtonOptions, Nonlinearity, Observation, Penalty, RaisedCosines,
    Regression, Regularizer, SmoothPrior, Weakest, monotone_spline,
};
use crate::{Error, Result};

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

impl Coefficients {
    /// All of them one after the other.
    pub fn flat(&self) -> Vec<f64> {
        [&self.filter[..], &self.history, &[self.bias]].concat()
    }
}

/// A cell after the fit.
#[derive(Clone, Debug)]
pub struct GlmCell {
    /// What was found.
    pub found: Coefficients,
    /// Standard errors, by the curvature of the penalised likelihood; NaN for filters of more than 2048 numbers without
    /// a prior, and for what a sparse penalty left at zero.
    pub error: Coefficients,
    /// Covariance of the estimates of the history, by the same curvature.
    pub history_covariance: Vec<Vec<f64>>,
    /// Mean response: that of the null model.
    pub mean: f64,
    /// g, with what was learnt of it: the exponent of `Power`, the curve of `Spline`.
    pub nonlinearity: Nonlinearity,
    /// The search.
    pub minimum: Minimum,
    /// λ in force, for `Sparse`.
    pub sparsity: Option<f64>,
    /// The combination of coefficients (filter with lag 0 first, history, bias) that the data hardly determine, if there is one:
    /// less than a millionth of what they are alone.
    pub weakest: Option<Weakest>,
    /// The penalty, its weights being those in force, if it is quadratic.
    pub penalty: Option<Penalty>,
    /// The prior that the evidence chose, for `Auto`.
    pub prior: Option<SmoothPrior>,
}

/// A recording: what was shown, and what cells did.
#[derive(Clone, Copy, Debug)]
pub struct GlmRecording<'a> {
    /// `[frame][row][column]`.
    pub stimulus: &'a [f64],
    /// One array a cell.
    pub responses: &'a [Vec<f64>],
    /// Which steps count; all of them if there is nothing. What does not count is seen all the same: as stimulus and as
    /// history of what comes later.
    pub counted: Option<&'a [bool]>,
}

/// What is known about a cell before its fit.
#[derive(Clone, Copy)]
pub(super) struct Cell<'a> {
    pub stimulus: &'a [f64],
    pub response: &'a [f64],
    pub past: &'a Columns,
    /// How much every step counts.
    pub weights: Option<&'a [f64]>,
    /// Mean response over the steps that count, and the bias that has it.
    pub mean: f64,
    pub bias: f64,
    pub shape: [usize; 3],
}

impl Cell<'_> {
    pub(super) fn regression<'b>(
        &'b self,
        design: &'b Design,
        observation: Observation,
        penalty: &'b Penalty,
    ) -> Regression<'b> {
        Regression { design, response: self.response, observation, penalty, weights: self.weights }
    }

    pub(super) fn design(&self) -> Design {
        Design::windows(self.stimulus, self.shape[1] * self.shape[2], self.shape[0])
            .with_columns(&self.past.numbers, self.past.columns)
    }
}

/// Most turns of filter and curve, and how little they must bring, as part of the loss, to be the last: in a recording of ten
/// thousand spikes a hundredth of what one coefficient more is worth.
const TURNS: usize = 200;
const LAST_TURN: f64 = 1e-6;
/// Data so many times the modes of a prior that its linear model decides too much: see `refined`.
const PLENTY: usize = 20;
/// A direction that is determined by less than this part of what its coefficients alone are is worth a word.
const WEAK: f64 = 1e-6;

impl Glm {
    /// Fits every cell.
    ///
    /// `stimulus` is `[frame][row][column]`, `responses` one array a cell.
    ///
    /// # Errors
    /// If lengths differ, a number is not finite, a cell never responds, the stimulus does not vary, or coefficients are not
    /// determined by the data.
    pub fn fit(&self, stimulus: &[f64], responses: &[Vec<f64>]) -> Result<Vec<GlmCell>> {
        self.fit_recording(&GlmRecording { stimulus, responses, counted: None })
    }

    /// Fits every cell to the steps of a recording that count.
    ///
    /// # Errors
    /// As [`Glm::fit`].
    pub fn fit_recording(&self, recording: &GlmRecording<'_>) -> Result<Vec<GlmCell>> {
        // Cells one after the other: the work within one is shared by the threads.
        self.each(recording, |cell| match self.observation.nonlinearity {
            Nonlinearity::Spline(_) => self.fit_curve(&cell),
            _ => self.fit_cell(&cell),
        })
    }

    /// The same for the nonlinearity `Power`, its exponent chosen between ½ and 8 by the likelihood.
    ///
    /// # Errors
    /// As [`Glm::fit`], or if the nonlinearity is another one.
    pub fn fit_exponent(&self, recording: &GlmRecording<'_>) -> Result<Vec<GlmCell>> {
        if !matches!(self.observation.nonlinearity, Nonlinearity::Power(_)) {
            let found = self.observation.nonlinearity.name();
            return Err(Error::argument("nonlinearity", "\"power\", whose exponent is sought", found));
        }
        self.each(recording, |cell| {
            let at = |log: f64| -> Result<(f64, GlmCell)> {
                let nonlinearity = Nonlinearity::Power(log.exp());
                let glm = Self { observation: Observation { nonlinearity, ..self.observation }, ..*self };
                let cell = Cell { bias: glm.start(cell.mean), ..cell };
                let found = glm.fit_cell(&cell)?;
                Ok((found.minimum.losses.last().copied().unwrap_or(f64::INFINITY), found))
            };
            let golden = 0.5 * (5f64.sqrt() - 1.0);
            let (mut low, mut high) = (0.5f64.ln(), 8f64.ln());
            let mut inner = [high - golden * (high - low), low + golden * (high - low)];
            let [first, second] = inner.map(at);
            let mut values = [first?, second?];
            // To about a thousandth of the exponent.
            for _ in 0..16 {
                if values[0].0 < values[1].0 {
                    (high, inner[1]) = (inner[1], inner[0]);
                    inner[0] = high - golden * (high - low);
                    let next = at(inner[0])?;
                    values[1] = std::mem::replace(&mut values[0], next);
                } else {
                    (low, inner[0]) = (inner[0], inner[1]);
                    inner[1] = low + golden * (high - low);
                    let next = at(inner[1])?;
                    values[0] = std::mem::replace(&mut values[1], next);
                }
            }
            let [first, second] = values;
            Ok(if first.0 < second.0 { first.1 } else { second.1 })
        })
    }

    /// How far one coefficient of a cell could be elsewhere: where the penalised loss, minimised over all others, has risen by
    /// `rise` (half the quantile of χ² with one degree of freedom).
    ///
    /// `index` counts filter (lag 0 first), history, bias. Weights of the regularizer must be given: those of the fit.
    ///
    /// # Errors
    /// As [`Glm::fit`], or if the regularizer is not quadratic.
    pub fn profile(
        &self,
        recording: &GlmRecording<'_>,
        unit: usize,
        found: &Coefficients,
        index: usize,
        rise: f64,
    ) -> Result<[f64; 2]> {
        if !matches!(self.regularizer, Regularizer::None | Regularizer::Quadratic { .. }) {
            return Err(Error::argument(
                "profile",
                "a fit whose regularizer is none, \"ridge\" or \"smooth\"",
                "another; its standard errors are in interval()",
            ));
        }
        self.check_cell(found, recording.responses.len(), unit)?;
        let count = found.filter.len() + found.history.len() + 1;
        if unit >= recording.responses.len() || index >= count {
            let found = format!("unit {unit}, index {index}");
            return Err(Error::argument("index", format!("one of {count} coefficients of a unit"), found));
        }
        let mut ends = vec![];
        self.each(recording, |cell| {
            ends.push([f64::NAN; 2]);
            if ends.len() != unit + 1 {
                return Ok(());
            }
            let design = cell.design();
            let none = Penalty::none(cell.shape);
            let penalty =
                self.chosen_penalty(&cell.regression(&design, self.observation, &none), cell.bias)?;
            let regression = cell.regression(&design, self.observation, &penalty);
            let minimum = regression.minimum(self.theta(found), self.search)?;
            let spread = self.spread(&regression, &minimum.theta);
            let error =
                (factor(regression.hessian(&minimum.theta))?.inverse().diagonal() * spread).map(f64::sqrt);
            // Windows are oldest first.
            let (pixels, filter) = (cell.shape[1] * cell.shape[2], found.filter.len());
            let place = if index < filter {
                (self.lags - 1 - index / pixels) * pixels + index % pixels
            } else {
                index
            };
            ends[unit] = regression.profile(
                &minimum.theta,
                place,
                rise * spread,
                error[place] / spread.sqrt(),
                self.search,
            )?;
            Ok(())
        })?;
        Ok(ends[unit])
    }

    /// What is done for every cell of a recording.
    fn each<T>(
        &self,
        recording: &GlmRecording<'_>,
        mut work: impl FnMut(Cell<'_>) -> Result<T>,
    ) -> Result<Vec<T>> {
        let GlmRecording { stimulus, responses, counted } = *recording;
        self.check(stimulus, responses, counted)?;
        let past = self.past(responses)?;
        let weights: Option<Vec<f64>> =
            counted.map(|counted| counted.iter().map(|&counted| f64::from(counted)).collect());
        (responses.iter().enumerate())
            .map(|(unit, response)| {
                let counts = |t: usize| weights.as_ref().map_or(1.0, |weights| weights[t]);
                let sum: f64 = response.iter().enumerate().map(|(t, y)| counts(t) * y).sum();
                let mean = sum / (0..response.len()).map(counts).sum::<f64>();
                work(Cell {
                    stimulus,
                    response,
                    past: &self.past_of(&past, unit),
                    weights: weights.as_deref(),
                    mean,
                    bias: self.start(mean),
                    shape: [self.lags, self.size[0], self.size[1]],
                })
            })
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

    fn check(&self, stimulus: &[f64], responses: &[Vec<f64>], counted: Option<&[bool]>) -> Result<()> {
        let frames = self.check_stimulus(stimulus)?;
        self.regularizer.check()?;
        if let Some(counted) = counted
            && (counted.len() != frames || !counted.contains(&true))
        {
            let expected = format!("{frames} times yes or no, one for each frame, and at least one yes");
            let found = format!("{}, of which {} yes", counted.len(), counted.iter().filter(|c| **c).count());
            return Err(Error::argument("steps", expected, found));
        }
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
            let counted = |t: usize| counted.is_none_or(|counted| counted[t]);
            if counts && response.iter().enumerate().all(|(t, &y)| y == 0.0 || !counted(t)) {
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

    fn fit_cell(&self, cell: &Cell<'_>) -> Result<GlmCell> {
        match self.regularizer {
            Regularizer::Sparse { groups, weight } => {
                self.fit_sparse(cell, &groups.blocks(cell.shape), weight)
            }
            Regularizer::LowRank { rank, ridge } => self.fit_low_rank(cell, rank, ridge),
            _ => {
                let fitted = self.fitted(cell)?;
                self.finished(cell, fitted)
            }
        }
    }

    /// The minimum without a penalty, with a quadratic one, or under a smooth prior.
    fn fitted(&self, cell: &Cell<'_>) -> Result<Fitted> {
        if self.regularizer == Regularizer::Auto {
            return self.fit_smooth(cell);
        }
        let design = cell.design();
        let none = Penalty::none(cell.shape);
        let penalty = self.chosen_penalty(&cell.regression(&design, self.observation, &none), cell.bias)?;
        let minimum = cell
            .regression(&design, self.observation, &penalty)
            .minimum(start(&design, cell.bias), self.search)?;
        Ok(Fitted { design, penalty, prior: None, minimum })
    }

    /// A filter and the curve behind it in turns, beginning with an exponential.
    fn fit_curve(&self, cell: &Cell<'_>) -> Result<GlmCell> {
        let quadratic =
            matches!(self.regularizer, Regularizer::None | Regularizer::Quadratic { .. } | Regularizer::Auto);
        if !quadratic || !monotone_spline::fits(self.observation) {
            return Err(Error::argument(
                "nonlinearity",
                "\"spline\" with regularizer none, \"ridge\", \"smooth\" or \"auto\" and a loss of counts or rates",
                format!("{:?}, loss {}", self.regularizer, self.observation.loss.name()),
            ));
        }
        let observation = Observation { nonlinearity: Nonlinearity::Exp, ..self.observation };
        let glm = Self { observation, ..*self };
        let mut fitted = glm.fitted(&Cell { bias: glm.start(cell.mean), ..*cell })?;
        let mut losses = fitted.minimum.losses.clone();
        let counted = |t: usize| cell.weights.map_or(1.0, |weights| weights[t]);
        let mut curve: Option<MonotoneSpline> = None;
        let mut converged = false;
        for _ in 0..TURNS {
            let drive = fitted.design.drive(&fitted.minimum.theta);
            // Knots stay once the curve is close: otherwise turns would not go downhill.
            let before = curve.unwrap_or_else(|| MonotoneSpline::default().spanning(&drive));
            let next = before.fitted(self.observation.loss, &drive, cell.response, &counted);
            let observation = Observation { nonlinearity: Nonlinearity::Spline(next), ..self.observation };
            let options = NewtonOptions { iterations: 5, ..self.search };
            let minimum = cell
                .regression(&fitted.design, observation, &fitted.penalty)
                .minimum(fitted.minimum.theta.clone(), options)?;
            let last = losses.last().copied().unwrap_or(f64::INFINITY);
            losses.extend(minimum.losses.last());
            let now = losses.last().copied().unwrap_or(last);
            fitted.minimum = minimum;
            converged = curve.is_some() && last - now <= LAST_TURN * (now.abs() + 1.0);
            curve = Some(next);
            if converged {
                break;
            }
        }
        fitted.minimum.losses = losses;
        fitted.minimum.converged = converged;
        let nonlinearity = Nonlinearity::Spline(curve.unwrap_or_default());
        Self { observation: Observation { nonlinearity, ..self.observation }, ..*self }.finished(cell, fitted)
    }

    /// Errors, and what is to be told.
    fn finished(&self, cell: &Cell<'_>, fitted: Fitted) -> Result<GlmCell> {
        let Fitted { design, penalty, prior, minimum } = fitted;
        let pixels = cell.shape[1] * cell.shape[2];
        let n = prior.as_ref().map_or(penalty.len(), SmoothPrior::modes);
        let regression = cell.regression(&design, self.observation, &penalty);
        let hessian = (design.len() <= MOST_ERRORS).then(|| regression.hessian_at(&minimum));
        let spread = self.spread(&regression, &minimum.theta);
        let covariance =
            hessian.as_ref().map(|hessian| Ok(factor(hessian.clone())?.inverse() * spread)).transpose()?;
        // Under a prior every direction is determined.
        let weakest = match &hessian {
            Some(hessian) if prior.is_none() => {
                Some(Weakest::of(hessian)?).filter(|weakest| weakest.share < WEAK)
            }
            _ => None,
        };
        let error = deviations(covariance.as_ref(), design.len());
        let slope = self.slope(cell);
        let (filter, filter_error) = match (&prior, &covariance) {
            (Some(prior), Some(covariance)) => {
                let modes = covariance.view((0, 0), (n, n)).into_owned();
                (prior.filter(&minimum.theta, slope), prior.deviations(&modes, slope))
            }
            _ => (minimum.theta[..n].to_vec(), error[..n].to_vec()),
        };
        Ok(GlmCell {
            found: coefficients(&filter, pixels, &minimum.theta[n..]),
            error: coefficients(&filter_error, pixels, &error[n..]),
            history_covariance: of_history(covariance.as_ref(), n, design.len()),
            mean: cell.mean,
            nonlinearity: self.observation.nonlinearity,
            minimum,
            penalty: (!penalty.is_empty() && prior.is_none()).then_some(penalty),
            sparsity: None,
            prior,
            weakest: weakest.map(|weakest| Weakest {
                direction: coefficients(&weakest.direction[..n], pixels, &weakest.direction[n..]).flat(),
                ..weakest
            }),
        })
    }

    /// The derivative of the response by the drive at the mean: what a prior of a linear model is scaled by.
    fn slope(&self, cell: &Cell<'_>) -> f64 {
        let exponential = Observation { nonlinearity: Nonlinearity::Exp, ..self.observation };
        match self.observation.nonlinearity {
            // The curve was sought from an exponential.
            Nonlinearity::Spline(_) => {
                let glm = Self { observation: exponential, ..*self };
                exponential.mean(glm.start(cell.mean))[1]
            }
            _ => self.observation.mean(cell.bias)[1],
        }
    }

    /// What a covariance by the curvature is multiplied with where the loss does not say how much responses vary.
    ///
    /// The mean square of ∂ℓ/∂μ over the square of the mean curvature (a sandwich for responses of equal variance): σ² for
    /// Gaussian ones; 1 where the loss is a likelihood.
    fn spread(&self, regression: &Regression<'_>, theta: &[f64]) -> f64 {
        if !matches!(self.observation.loss, Loss::Gaussian | Loss::Huber { .. }) {
            return 1.0;
        }
        let drive = regression.design.drive(theta);
        let (mut squares, mut exact, mut used, mut steps) = (0.0, 0.0, 0.0, 0.0);
        for (t, &eta) in drive.iter().enumerate() {
            let counted = regression.weights.map_or(1.0, |weights| weights[t]);
            let mean = self.observation.mean(eta)[0];
            let [_, first, second, expected] = self.observation.loss.at(regression.response[t], mean);
            squares += counted * first * first;
            exact += counted * second;
            used += counted * if second > 0.0 { second } else { expected };
            steps += counted;
        }
        // Every coefficient takes a degree of freedom.
        let free = (steps - theta.len() as f64).max(1.0);
        squares * used / (exact * exact).max(f64::MIN_POSITIVE) * steps / free
    }

    /// The bias of a cell that does not see its stimulus.
    fn start(&self, mean: f64) -> f64 {
        let any_spike = self.observation.loss == Loss::Bernoulli
            && self.observation.mean(0.0)[0] != self.observation.nonlinearity.at(0.0)[0];
        let rate = if any_spike { -(-mean.min(1.0 - 1e-6)).ln_1p() } else { mean };
        self.observation.nonlinearity.inverse(rate)
    }

    fn fit_smooth(&self, cell: &Cell<'_>) -> Result<Fitted> {
        let prior = SmoothPrior::by_evidence_of(cell.stimulus, cell.response, cell.weights, cell.shape)?;
        let mut best = self.under(cell, prior)?;
        let steps =
            cell.weights.map_or(cell.response.len(), |weights| weights.iter().filter(|w| **w > 0.0).count());
        let plenty = |prior: &SmoothPrior| steps >= PLENTY * prior.modes();
        if !best.1.prior.as_ref().is_some_and(plenty) {
            return Ok(best.1);
        }
        // With data in plenty the error of the linear model, under which scales were chosen, is no longer small beside the noise:
        // the evidence of the model itself, by Laplace's approximation, has the last word.
        let mut moved = true;
        while moved {
            moved = false;
            let neighbours = best.1.prior.as_ref().map(SmoothPrior::neighbours).unwrap_or_default();
            for neighbour in neighbours.into_iter().filter(|prior| plenty(prior)) {
                let candidate = self.under(cell, neighbour)?;
                // Less than half a nat is not worth another look around.
                if candidate.0 < best.0 - 1.0 {
                    (best, moved) = (candidate, true);
                    break;
                }
            }
        }
        Ok(best.1)
    }

    /// The minimum under a prior, and −2·ln of its evidence by Laplace's approximation, up to a constant.
    fn under(&self, cell: &Cell<'_>, prior: SmoothPrior) -> Result<(f64, Fitted)> {
        // The prior is that of a linear model; seen from the mean response, the drive is multiplied by this.
        let slope = self.slope(cell);
        let design = prior.design(cell.stimulus, slope).with_columns(&cell.past.numbers, cell.past.columns);
        let penalty = Penalty { ridge: 1.0, ..Penalty::none([prior.modes(), 1, 1]) };
        let regression = cell.regression(&design, self.observation, &penalty);
        let minimum = regression.minimum(start(&design, cell.bias), self.search)?;
        let factor = factor(regression.hessian_at(&minimum))?;
        let volume: f64 = factor.l_dirty().diagonal().iter().map(|l| 2.0 * l.ln()).sum();
        let evidence = 2.0 * (minimum.loss + penalty.value(&minimum.theta)) + volume;
        Ok((evidence, Fitted { design, penalty, prior: Some(prior), minimum }))
    }

    fn fit_sparse(&self, cell: &Cell<'_>, blocks: &[Vec<usize>], weight: Option<f64>) -> Result<GlmCell> {
        let design = cell.design();
        let none = Penalty::none(cell.shape);
        let regression = cell.regression(&design, self.observation, &none);
        let (weight, from) = self.chosen_sparsity(&regression, blocks, weight, cell.bias)?;
        let minimum = regression.sparse_minimum(from, blocks, weight, self.search)?;
        let n = none.len();
        // Errors as if the zeros were known: nothing better is known of what was selected by the data.
        let kept: Vec<usize> = (0..design.len() - 1).filter(|&i| i >= n || minimum.theta[i] != 0.0).collect();
        let mut error = vec![f64::NAN; design.len()];
        let mut covariance = None;
        if kept.len() < MOST_ERRORS {
            let part = design.selected(&kept);
            let mut theta: Vec<f64> = kept.iter().map(|&i| minimum.theta[i]).collect();
            theta.push(minimum.theta[design.len() - 1]);
            let regression = cell.regression(&part, self.observation, &none);
            let found =
                factor(part_hessian(&regression, &theta))?.inverse() * self.spread(&regression, &theta);
            for (&i, variance) in kept.iter().chain(&[design.len() - 1]).zip(found.diagonal().iter()) {
                error[i] = variance.sqrt();
            }
            covariance = Some(found);
        }
        let pixels = cell.shape[1] * cell.shape[2];
        let first = kept.iter().filter(|&&i| i < n).count();
        Ok(GlmCell {
            found: coefficients(&minimum.theta[..n], pixels, &minimum.theta[n..]),
            error: coefficients(&error[..n], pixels, &error[n..]),
            history_covariance: of_history(covariance.as_ref(), first, kept.len() + 1),
            mean: cell.mean,
            nonlinearity: self.observation.nonlinearity,
            minimum,
            penalty: None,
            sparsity: Some(weight),
            prior: None,
            weakest: None,
        })
    }
}

/// A minimum, and of what.
struct Fitted {
    design: Design,
    penalty: Penalty,
    prior: Option<SmoothPrior>,
    minimum: Minimum,
}

/// The second derivative of the loss alone.
fn part_hessian(regression: &Regression<'_>, theta: &[f64]) -> DMatrix<f64> {
    let none = Penalty::none([0, 1, 1]);
    Regression { penalty: &none, ..*regression }.hessian(theta)
}

/// Columns `[step][column]`.
#[derive(Clone, Debug, Default)]
pub(super) struct Columns {
    pub numbers: Vec<f64>,
    pub columns: usize,
}

/// Coefficients up to which standard errors are computed: beyond, the inverse would take minutes.
pub(super) const MOST_ERRORS: usize = 2048;

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

/// The part of a covariance that belongs to the history: of n coefficients all from `first` but the bias; NaN where it is
/// not known.
pub(super) fn of_history(covariance: Option<&DMatrix<f64>>, first: usize, n: usize) -> Vec<Vec<f64>> {
    let range = first..n - 1;
    let at = |i, j| covariance.map_or(f64::NAN, |covariance| covariance[(i, j)]);
    range.clone().map(|i| range.clone().map(|j| at(i, j)).collect()).collect()
}

/// Estimates, or their errors: the filter, oldest first, and history with bias.
pub(super) fn coefficients(filter: &[f64], pixels: usize, others: &[f64]) -> Coefficients {
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
    fn steps_that_do_not_count_change_nothing_and_what_is_learnt_comes_back() {
        let (stimulus, mut counts) = two_cells(6000);
        counts.truncate(1);
        let counted: Vec<bool> = (0..6000).map(|t| t < 4000).collect();
        let glm = Glm { history: Some(BUMP), ..GLM };
        let cell = |responses: &[Vec<f64>]| {
            let recording = GlmRecording { stimulus: &stimulus, responses, counted: Some(&counted) };
            glm.fit_recording(&recording).unwrap().remove(0)
        };
        let with = cell(&counts);
        let short = glm.fit(&stimulus[..4000], &[counts[0][..4000].to_vec()]).unwrap().remove(0);
        let near = |a: &Coefficients, b: &Coefficients| {
            a.flat().iter().zip(b.flat()).all(|(a, b)| (a - b).abs() < 1e-6)
        };
        assert!(near(&with.found, &short.found) && (with.mean - short.mean).abs() < 1e-12);
        counts[0][4000..].fill(9.0);
        assert!(near(&cell(&counts).found, &with.found));
        let none = vec![false; 6000];
        let recording = GlmRecording { stimulus: &stimulus, responses: &counts, counted: Some(&none) };
        assert!(glm.fit_recording(&recording).unwrap_err().to_string().contains("steps"));
    }

    #[test]
    fn exponents_and_curves_are_learnt() {
        let stimulus = noise(30_000, 4);
        let key = Key::new(5, 0, "cell", 0);
        let drive: Vec<f64> = (0..30_000)
            .map(|t| 0.6 + (0..2.min(t + 1)).map(|l| [1.0, -0.6][l] * stimulus[t - l]).sum::<f64>())
            .collect();
        let counts: Vec<f64> = (drive.iter().enumerate())
            .map(|(t, eta)| {
                f64::from(uniform(key, 0, 0, Use::Start, t as u64) < -(-eta.max(0.0).powf(3.0)).exp_m1())
            })
            .collect();
        let observation = Observation { nonlinearity: Nonlinearity::Power(2.0), loss: Loss::Bernoulli };
        let glm = Glm { lags: 2, observation, ..GLM };
        let recording =
            GlmRecording { stimulus: &stimulus, responses: std::slice::from_ref(&counts), counted: None };
        let found = glm.fit_exponent(&recording).unwrap().remove(0);
        let Nonlinearity::Power(p) = found.nonlinearity else { panic!("{:?}", found.nonlinearity) };
        assert!((p - 3.0).abs() < 0.4, "{p}");
        // A curve that saturates, which no exponential does.
        let rate = |eta: f64| 1.2 / (1.0 + (-6.0 * (eta - 0.6)).exp());
        let responses = [drive.iter().map(|&eta| rate(eta)).collect::<Vec<f64>>()];
        let loss = |nonlinearity| {
            let observation = Observation { nonlinearity, loss: Loss::Poisson };
            let recording = GlmRecording { stimulus: &stimulus, responses: &responses, counted: None };
            Glm { lags: 2, observation, ..GLM }.fit_recording(&recording).unwrap().remove(0)
        };
        let (curve, exponential) =
            (loss(Nonlinearity::Spline(MonotoneSpline::default())), loss(Nonlinearity::Exp));
        assert!(curve.minimum.converged && curve.minimum.loss < exponential.minimum.loss);
        let ratio = curve.found.filter[1] / curve.found.filter[0];
        assert!((ratio + 0.6).abs() < 0.02, "{ratio}");
        for t in (0..30_000).step_by(997) {
            let eta = curve.found.bias
                + (0..2.min(t + 1)).map(|l| curve.found.filter[l] * stimulus[t - l]).sum::<f64>();
            // Nine knots for a sigmoid: a few hundredths.
            let found = curve.nonlinearity.at(eta)[0];
            assert!((found - rate(drive[t])).abs() < 0.03, "{found} {}", rate(drive[t]));
        }
    }

    #[test]
    fn a_filter_of_low_rank_is_found_from_less_with_errors_that_hold() {
        let (steps, lags, columns) = (3000, 6, 24);
        let stimulus = noise(steps * columns, 6);
        let course = |lag: usize| [0.2, 1.0, 0.5, -0.4, -0.2, 0.0][lag];
        let picture = |p: usize| 2.5 * (-((p as f64 - 9.0) / 2.0).powi(2)).exp();
        let truth: Vec<f64> =
            (0..lags).flat_map(|lag| (0..columns).map(move |p| course(lag) * picture(p))).collect();
        let key = Key::new(7, 0, "cell", 0);
        let counts: Vec<f64> = (0..steps)
            .map(|t| {
                let drive: f64 = (0..lags.min(t + 1))
                    .flat_map(|lag| (0..columns).map(move |p| (lag, p)))
                    .map(|(lag, p)| truth[lag * columns + p] * stimulus[(t - lag) * columns + p])
                    .sum();
                f64::from(uniform(key, 0, 0, Use::Start, t as u64) < -(-(drive - 1.0).exp()).exp_m1())
            })
            .collect();
        let glm = Glm { lags, size: [1, columns], observation: ANY_SPIKE, ..GLM };
        let fit = |regularizer| {
            Glm { regularizer, ..glm }.fit(&stimulus, std::slice::from_ref(&counts)).unwrap().remove(0)
        };
        let error =
            |cell: &GlmCell| cell.found.filter.iter().zip(&truth).map(|(a, b)| (a - b).powi(2)).sum::<f64>();
        let (full, low) = (fit(Regularizer::None), fit(Regularizer::LowRank { rank: 1, ridge: 0.0 }));
        assert!(
            low.minimum.converged && error(&low) < 0.4 * error(&full),
            "{} {}",
            error(&low),
            error(&full)
        );
        let within = (low.found.filter.iter().zip(&low.error.filter).zip(&truth))
            .filter(|((found, error), want)| (*found - *want).abs() < 1.96 * *error + 1e-9)
            .count();
        assert!(within * 100 > 85 * truth.len(), "{within} of {}", truth.len());
        assert!(low.error.filter.iter().sum::<f64>() < full.error.filter.iter().sum());
        // All ranks together are no restriction.
        let all = fit(Regularizer::LowRank { rank: 6, ridge: 0.0 });
        assert!((all.minimum.loss - full.minimum.loss).abs() < 1e-3 * full.minimum.loss);
        let message = Glm { regularizer: Regularizer::LowRank { rank: 7, ridge: 0.0 }, ..glm }
            .fit(&stimulus, std::slice::from_ref(&counts))
            .unwrap_err()
            .to_string();
        assert!(message.contains("rank"), "{message}");
    }

    #[test]
    fn errors_of_gaussian_responses_know_their_variance() {
        let stimulus = noise(4000, 9);
        let other = noise(4000, 10);
        let responses: Vec<f64> = (0..4000).map(|t| 2.0 * stimulus[t] + 6.0 * other[t]).collect();
        let observation = Observation { nonlinearity: Nonlinearity::Identity, loss: Loss::Gaussian };
        let cell = Glm { lags: 1, observation, ..GLM }.fit(&stimulus, &[responses]).unwrap().remove(0);
        // σ/√(Σs²), both uniform of variance 1/12.
        let want = 6.0 / 4000f64.sqrt();
        assert!((cell.error.filter[0] / want - 1.0).abs() < 0.05, "{} {want}", cell.error.filter[0]);
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
