//! What keeps a filter in bounds, and how its weights are chosen.

use super::newton::factor;
use super::{Design, Glm, Minimum, Penalty, Regression};
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
    /// A smooth filter confined to a place, all scales chosen by the evidence; see [`SmoothPrior`](super::SmoothPrior).
    Auto,
    /// A filter of which most is exactly zero; see [`Regression::sparse_minimum`].
    Sparse {
        /// What is zero together.
        groups: Groups,
        /// λ; `None` is chosen by cross-validation.
        weight: Option<f64>,
    },
    /// A sum of few products of a course in time and a picture.
    LowRank {
        /// How many.
        rank: usize,
        /// Weight of squares.
        ridge: f64,
    },
}

/// Numbers of a filter that are zero together or not at all.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Groups {
    /// Each alone: the lasso.
    Single,
    /// All lags of a pixel.
    Pixel,
    /// All pixels of a lag.
    Lag,
}

impl Groups {
    /// The names that [`Groups::named`] understands.
    pub const NAMES: [&'static str; 3] = ["single", "pixel", "lag"];

    /// The groups of this name.
    ///
    /// # Errors
    /// If there are none; the message names the nearest.
    pub fn named(name: &str) -> Result<Self> {
        match name {
            "single" => Ok(Self::Single),
            "pixel" => Ok(Self::Pixel),
            "lag" => Ok(Self::Lag),
            _ => Err(Error::unknown("groups", name, Self::NAMES)),
        }
    }

    /// The numbers of a filter (lags, rows, columns), group by group.
    pub fn blocks(self, [lags, rows, columns]: [usize; 3]) -> Vec<Vec<usize>> {
        let pixels = rows * columns;
        match self {
            Self::Single => (0..lags * pixels).map(|i| vec![i]).collect(),
            Self::Pixel => (0..pixels).map(|p| (0..lags).map(|lag| lag * pixels + p).collect()).collect(),
            Self::Lag => (0..lags).map(|lag| (lag * pixels..(lag + 1) * pixels).collect()).collect(),
        }
    }
}

impl Regularizer {
    /// The names that [`Regularizer::named`] understands.
    pub const NAMES: [&'static str; 7] =
        ["none", "ridge", "smooth", "auto", "lasso", "group_lasso", "low_rank"];

    /// The regularizer of this name: weights chosen by cross-validation, groups the lags of a pixel, rank 1.
    ///
    /// # Errors
    /// If there is none; the message names the nearest.
    pub fn named(name: &str) -> Result<Self> {
        match name {
            "none" => Ok(Self::None),
            "ridge" => Ok(Self::Quadratic { ridge: None, time: Some(0.0), space: Some(0.0) }),
            "smooth" => Ok(Self::Quadratic { ridge: Some(0.0), time: None, space: None }),
            "auto" => Ok(Self::Auto),
            "lasso" => Ok(Self::Sparse { groups: Groups::Single, weight: None }),
            "group_lasso" => Ok(Self::Sparse { groups: Groups::Pixel, weight: None }),
            "low_rank" => Ok(Self::LowRank { rank: 1, ridge: 0.0 }),
            _ => Err(Error::unknown("regularizer", name, Self::NAMES)),
        }
    }

    /// Refuses weights that are none.
    pub(super) fn check(self) -> Result<()> {
        let weights = match self {
            Self::Quadratic { ridge, time, space } => {
                vec![("ridge", ridge), ("time", time), ("space", space)]
            }
            Self::Sparse { weight, .. } => vec![("weight", weight)],
            Self::LowRank { ridge, rank } => {
                if rank == 0 {
                    return Err(Error::argument("rank", "at least 1", rank));
                }
                vec![("ridge", Some(ridge))]
            }
            Self::None | Self::Auto => vec![],
        };
        for (name, weight) in weights {
            if let Some(weight) = weight.filter(|weight| !(*weight >= 0.0 && weight.is_finite())) {
                return Err(Error::argument(
                    format!("regularizer, {name}"),
                    "a weight of 0 or above",
                    weight,
                ));
            }
        }
        Ok(())
    }
}

/// Weights that cross-validation tries, in units of the curvature that the data give a weight; the largest first, so that
/// each fit begins near its end.
const CANDIDATES: [f64; 7] = [100.0, 10.0, 1.0, 1e-1, 1e-2, 1e-3, 1e-4];
/// Weights of sparse penalties that are tried, each half of the one before; the first leaves nothing but the bias.
const HALVINGS: usize = 14;
/// Parts of the recording that take turns in being left out.
const FOLDS: usize = 5;
/// How exactly left-out parts are predicted, as part of the loss: what candidates differ by is far more.
const ROUGH: f64 = 1e-8;

impl Glm {
    /// The penalty, its open weights chosen by leaving out one fifth of the recording after the other.
    pub(super) fn chosen_penalty(&self, regression: &Regression<'_>, bias: f64) -> Result<Penalty> {
        let none = *regression.penalty;
        let Regularizer::Quadratic { ridge, time, space } = self.regularizer else { return Ok(none) };
        let with = |weight: f64| Penalty {
            ridge: ridge.unwrap_or(weight),
            time: time.unwrap_or(weight),
            space: space.unwrap_or(weight),
            ..none
        };
        if ridge.and(time).and(space).is_some() {
            return Ok(with(0.0));
        }
        let Regression { design, response, .. } = *regression;
        // The information that a step gives a weight of the filter, on average.
        let mean = response.iter().sum::<f64>() / response.len() as f64;
        let [_, _, per_step] = self.observation.at(mean, bias);
        let squares = design.energy();
        let mut best = (f64::INFINITY, with(0.0));
        let mut theta = start(design, bias);
        let folds = folds(regression);
        for candidate in CANDIDATES {
            let penalty = with(candidate * squares * per_step);
            let whole = Regression { penalty: &penalty, ..*regression };
            let minimum = whole.minimum(theta, self.search)?;
            let loss = self.left_out(&whole, &minimum, &folds)?;
            theta = minimum.theta;
            if loss < best.0 {
                best = (loss, penalty);
            }
        }
        Ok(best.1)
    }

    /// Σ ℓ over parts of the recording that were not used to predict them, from the minimum of the whole.
    fn left_out(&self, whole: &Regression<'_>, minimum: &Minimum, folds: &[Fold]) -> Result<f64> {
        let (design, theta) = (whole.design, &minimum.theta);
        let second = whole.at(theta).second;
        let options = super::NewtonOptions { tolerance: ROUGH, ..self.search };
        let mut sum = 0.0;
        for fold in folds {
            let regression = Regression { weights: Some(&fold.weights), ..*whole };
            // Without a fold the curvature is that of the whole, less its own.
            let near = minimum.hessian.as_ref().and_then(|hessian| {
                let own = design.rows(fold.out.clone()).gram(&second[fold.out.clone()]);
                let factor = factor(hessian - own).ok()?;
                regression.nearby(theta, &factor, options)
            });
            let found = match near {
                Some(found) => found,
                None => regression.minimum(theta.clone(), options)?.theta,
            };
            sum += self.loss_of(whole, fold, &found);
        }
        Ok(sum)
    }

    /// Σ ℓ of what was left out.
    fn loss_of(&self, whole: &Regression<'_>, fold: &Fold, theta: &[f64]) -> f64 {
        let drive = whole.design.rows(fold.out.clone()).drive(theta);
        let term = |(t, &eta): (usize, &f64)| {
            let counted = whole.weights.map_or(1.0, |weights| weights[t]);
            counted * self.observation.at(whole.response[t], eta)[0]
        };
        fold.out.clone().zip(&drive).map(term).sum()
    }

    /// λ, unless given chosen by leaving out one fifth of the recording after the other, and a θ to begin with.
    pub(super) fn chosen_sparsity(
        &self,
        regression: &Regression<'_>,
        blocks: &[Vec<usize>],
        weight: Option<f64>,
        bias: f64,
    ) -> Result<(f64, Vec<f64>)> {
        let options = super::NewtonOptions { tolerance: ROUGH, ..self.search };
        let (most, empty) = regression.least_empty(start(regression.design, bias), blocks, options)?;
        if let Some(weight) = weight {
            return Ok((weight, empty));
        }
        let folds = folds(regression);
        let mut thetas = vec![empty.clone(); folds.len()];
        let mut best = (f64::INFINITY, most);
        let mut worse = 0;
        for halvings in 0..=HALVINGS {
            let weight = most * 0.5f64.powi(halvings as i32);
            let mut loss = 0.0;
            for (fold, theta) in folds.iter().zip(&mut thetas) {
                let part = Regression { weights: Some(&fold.weights), ..*regression };
                // Four fifths of the data pull with four fifths of their strength.
                let share = 1.0 - 1.0 / folds.len() as f64;
                let from = std::mem::take(theta);
                *theta = part.sparse_minimum(from, blocks, share * weight, options)?.theta;
                loss += self.loss_of(regression, fold, theta);
            }
            if loss < best.0 {
                (best, worse) = ((loss, weight), 0);
            } else {
                worse += 1;
            }
            // The curve has one valley.
            if worse == 3 {
                break;
            }
        }
        Ok((best.1, empty))
    }
}

/// A part of the recording that is left out, and how much every step counts without it.
struct Fold {
    out: std::ops::Range<usize>,
    weights: Vec<f64>,
}

fn folds(regression: &Regression<'_>) -> Vec<Fold> {
    let steps = regression.response.len();
    let folds = FOLDS.min(steps);
    (0..folds)
        .map(|fold| {
            let out = fold * steps / folds..(fold + 1) * steps / folds;
            let counted = |t: usize| regression.weights.map_or(1.0, |weights| weights[t]);
            let weights = (0..steps).map(|t| if out.contains(&t) { 0.0 } else { counted(t) }).collect();
            Fold { out, weights }
        })
        .collect()
}

/// Coefficients of a cell that does not see its stimulus.
pub(super) fn start(design: &Design, bias: f64) -> Vec<f64> {
    let mut theta = vec![0.0; design.len()];
    theta[design.len() - 1] = bias;
    theta
}
