//! Spikes of fitted cells, each acting on what comes after it.

use convis_kernels::parallel;
use convis_kernels::random::{Key, Use, uniform};

use super::{Coefficients, Design, Glm, Loss};
use crate::{Error, Result};

/// A mean per step above which a cell has run away: no cell fires so often, and its next step would only be worse.
const RUN_AWAY: f64 = 1e4;
/// Largest mean of a count that is drawn at once; e⁻⁸ is far from what 64 random bits cannot tell from 0.
const AT_ONCE: f64 = 8.0;

impl Glm {
    /// What the cells do by themselves: their own spikes are their history.
    ///
    /// # Equation
    /// That of [`Glm`], y_u(t) being drawn from the distribution of the loss with mean μ_u(t), step after step.
    ///
    /// # Shapes
    /// `stimulus` is `[frame][row][column]`; the result `[trial][cell][step]`, counts.
    ///
    /// The noise of a step depends on seed, trial, cell and step alone: the first steps of a longer stimulus, and the first of
    /// more trials, are the same.
    ///
    /// # Errors
    /// If the loss is no distribution of counts, coefficients do not have the sizes of the model, or cells excite themselves
    /// without end.
    ///
    /// # Example
    /// ```
    /// use convis::fit::{Coefficients, Glm, Loss, NewtonOptions, Nonlinearity, Observation, RaisedCosines, Regularizer};
    /// let glm = Glm {
    ///     lags: 1,
    ///     size: [1, 1],
    ///     observation: Observation { nonlinearity: Nonlinearity::Exp, loss: Loss::Bernoulli },
    ///     regularizer: Regularizer::None,
    ///     history: Some(RaisedCosines { count: 1, first: 0.0, last: 0.0, offset: 0.3 }),
    ///     coupled: false,
    ///     search: NewtonOptions::default(),
    /// };
    /// // A bump over two steps: no two spikes in a row.
    /// let cell = Coefficients { filter: vec![0.0], history: vec![-100.0], bias: 0.5 };
    /// let spikes = &glm.simulate(&[cell], &[0.0; 200], 1, 1)?[0][0];
    /// assert!(spikes.iter().sum::<f64>() > 40.0 && spikes.windows(2).all(|pair| pair[0] * pair[1] == 0.0));
    /// # Ok::<(), convis::Error>(())
    /// ```
    pub fn simulate(
        &self,
        cells: &[Coefficients],
        stimulus: &[f64],
        seed: u64,
        trials: usize,
    ) -> Result<Vec<Vec<Vec<f64>>>> {
        self.check_stimulus(stimulus)?;
        if matches!(self.observation.loss, Loss::Gaussian | Loss::Huber { .. }) {
            let expected = "a distribution of counts: poisson, bernoulli or negative_binomial";
            return Err(Error::argument("loss", expected, self.observation.loss.name()));
        }
        let design = Design::windows(stimulus, self.size[0] * self.size[1], self.lags);
        let bumps = self.history.map_or_else(|| Ok(vec![]), |history| history.rows())?;
        let seen = (cells.iter().enumerate())
            .map(|(unit, cell)| {
                self.check_cell(cell, cells.len(), unit)?;
                let without = Coefficients { history: vec![], ..cell.clone() };
                Ok(design.drive(&self.theta(&without)))
            })
            .collect::<Result<Vec<_>>>()?;
        // kernels[from][to]: what a spike adds to the drive of a cell in the steps after it.
        let kernels: Vec<Vec<Option<Vec<f64>>>> = (0..cells.len())
            .map(|from| (0..cells.len()).map(|to| self.after_spike(cells, &bumps, from, to)).collect())
            .collect();
        let work = trials.saturating_mul(stimulus.len()).saturating_mul(50);
        parallel::map((0..trials).collect(), work, |trial: usize| {
            self.simulate_trial(&seen, &kernels, Key::new(seed, 0, "glm", trial as u64))
        })
        .into_iter()
        .collect()
    }

    /// Refuses coefficients of other sizes.
    pub(super) fn check_cell(&self, cell: &Coefficients, cells: usize, unit: usize) -> Result<()> {
        let sources = if self.coupled { cells } else { 1 };
        let history = self.history.map_or(0, |history| history.count * sources);
        let filter = self.lags * self.size[0] * self.size[1];
        if cell.filter.len() != filter || cell.history.len() != history {
            return Err(Error::argument(
                format!("unit {unit}"),
                format!("{filter} numbers of the filter and {history} of the history"),
                format!("{} and {}", cell.filter.len(), cell.history.len()),
            ));
        }
        Ok(())
    }

    /// Σ_j h_j·B_j(τ), if one cell acts on the other.
    fn after_spike(
        &self,
        cells: &[Coefficients],
        bumps: &[Vec<f64>],
        from: usize,
        to: usize,
    ) -> Option<Vec<f64>> {
        let length = bumps.first()?.len();
        let weights = match (self.coupled, from == to) {
            (true, _) => &cells[to].history[from * bumps.len()..][..bumps.len()],
            (false, true) => &cells[to].history[..],
            (false, false) => return None,
        };
        Some((0..length).map(|tau| weights.iter().zip(bumps).map(|(h, bump)| h * bump[tau]).sum()).collect())
    }

    fn simulate_trial(
        &self,
        seen: &[Vec<f64>],
        kernels: &[Vec<Option<Vec<f64>>>],
        key: Key,
    ) -> Result<Vec<Vec<f64>>> {
        let mut drive = seen.to_vec();
        let steps = drive.first().map_or(0, Vec::len);
        let mut counts = vec![vec![0.0; steps]; drive.len()];
        for t in 0..steps {
            for from in 0..drive.len() {
                let mean = self.observation.mean(drive[from][t])[0];
                if mean.is_nan() || mean > RUN_AWAY {
                    return Err(Error::Diverged(format!(
                        "simulate: unit {from} excites itself without end (a mean of {mean:.0} in step {t}); a refractory \
                         history, a smaller stimulus, or nonlinearity \"softplus\" keep it in bounds"
                    )));
                }
                let count = draw(self.observation.loss, mean.max(0.0), key, from, t as u64);
                counts[from][t] = count;
                if count > 0.0 {
                    for (to, kernel) in kernels[from].iter().enumerate() {
                        let Some(kernel) = kernel else { continue };
                        for (drive, h) in drive[to][t + 1..].iter_mut().zip(kernel) {
                            *drive += count * h;
                        }
                    }
                }
            }
        }
        Ok(counts)
    }
}

/// A count of this mean.
fn draw(loss: Loss, mean: f64, key: Key, unit: usize, step: u64) -> f64 {
    // 64 bits of one place.
    let chance = |part: usize| {
        let [high, low] = [Use::Current, Use::Start].map(|half| uniform(key, unit, part, half, step));
        high + low / 4_294_967_296.0
    };
    if loss == Loss::Bernoulli {
        return f64::from(chance(0) < mean);
    }
    // Both distributions are sums of independent ones of a part of their mean.
    let parts = (mean / AT_ONCE).ceil().max(1.0);
    let mean = mean / parts;
    let count = |part: usize| {
        let (mut left, mut count) = (chance(part), 0.0);
        // Chance of none, and of one more relative to that of k.
        let (mut chance_of, next): (f64, Box<dyn Fn(f64) -> f64>) = match loss {
            Loss::NegativeBinomial { dispersion } => {
                let r = dispersion / parts;
                let share = mean / (r + mean);
                ((r * (-share).ln_1p()).exp(), Box::new(move |k| share * (k + r) / (k + 1.0)))
            }
            _ => ((-mean).exp(), Box::new(move |k| mean / (k + 1.0))),
        };
        // Where sums of chances end by rounding, so does the count.
        while left >= chance_of && chance_of > 1e-18 {
            left -= chance_of;
            chance_of *= next(count);
            count += 1.0;
        }
        count
    };
    (0..parts as usize).map(count).sum()
}

#[cfg(test)]
mod tests {
    use super::super::{NewtonOptions, Nonlinearity, Observation, RaisedCosines, Regularizer};
    use super::*;

    fn glm(loss: Loss) -> Glm {
        Glm {
            lags: 2,
            size: [1, 1],
            observation: Observation { nonlinearity: Nonlinearity::Exp, loss },
            regularizer: Regularizer::None,
            history: Some(RaisedCosines { count: 2, first: 0.0, last: 4.0, offset: 1.0 }),
            coupled: true,
            search: NewtonOptions::default(),
        }
    }

    #[test]
    fn counts_have_the_mean_and_variance_of_their_distribution() {
        let n = 40_000;
        for (loss, mean, variance) in [
            (Loss::Poisson, 0.3, 0.3),
            (Loss::Poisson, 20.0, 20.0),
            (Loss::NegativeBinomial { dispersion: 2.0 }, 20.0, 220.0),
            (Loss::NegativeBinomial { dispersion: 0.5 }, 1.0, 3.0),
            (Loss::Bernoulli, 0.3, 0.21),
        ] {
            let key = Key::new(1, 0, "draw", 0);
            let counts: Vec<f64> = (0..n).map(|t| draw(loss, mean, key, 0, t)).collect();
            let found = counts.iter().sum::<f64>() / n as f64;
            let spread = counts.iter().map(|c| (c - found).powi(2)).sum::<f64>() / n as f64;
            // Four standard errors of the mean; those of the variance are below 6 % even for long tails.
            assert!((found - mean).abs() < 4.0 * (variance / n as f64).sqrt(), "{loss:?}: {found}");
            assert!((spread / variance - 1.0).abs() < 0.06, "{loss:?}: {spread}");
        }
    }

    #[test]
    fn cells_come_back_from_their_own_spikes_and_longer_runs_begin_alike() {
        let key = Key::new(2, 0, "stimulus", 0);
        let stimulus: Vec<f64> = (0..40_000).map(|t| uniform(key, 0, 0, Use::Current, t) - 0.5).collect();
        let cells = [
            Coefficients { filter: vec![1.0, -2.0], history: vec![-2.0, 0.3, 0.0, 0.0], bias: -1.0 },
            Coefficients { filter: vec![0.5, 1.0], history: vec![0.6, 0.2, -1.5, -0.2], bias: -1.5 },
        ];
        let glm = glm(Loss::Poisson);
        let trials = glm.simulate(&cells, &stimulus, 7, 2).unwrap();
        let found = glm.fit(&stimulus, &trials[1]).unwrap();
        for (found, want) in found.iter().zip(&cells) {
            let all = |c: &Coefficients| [&c.filter[..], &c.history, &[c.bias]].concat();
            let (values, errors, want) = (all(&found.found), all(&found.error), all(want));
            for i in 0..want.len() {
                assert!((values[i] - want[i]).abs() < 4.0 * errors[i] && errors[i] < 0.2, "{i}: {values:?}");
            }
        }
        let short = glm.simulate(&cells, &stimulus[..500], 7, 1).unwrap();
        assert!((0..2).all(|unit| short[0][unit] == trials[0][unit][..500]));
        assert_ne!(trials[0], trials[1]);
        assert_ne!(glm.simulate(&cells, &stimulus[..500], 8, 1).unwrap(), short);
    }

    #[test]
    fn what_runs_away_or_does_not_fit_is_told() {
        let cell = Coefficients { filter: vec![0.0; 2], history: vec![3.0, 3.0], bias: 0.0 };
        let message = |glm: Glm, cell: &Coefficients| {
            glm.simulate(std::slice::from_ref(cell), &[0.0; 100], 1, 1).unwrap_err().to_string()
        };
        assert!(message(glm(Loss::Poisson), &cell).contains("without end"));
        assert!(message(glm(Loss::Gaussian), &cell).contains("poisson"));
        let other = Coefficients { history: vec![0.0], ..cell };
        assert!(message(glm(Loss::Poisson), &other).contains("2 of the history"));
    }
}
