//! Training: the gradient side of fitting, for models whose likelihood is no convex function of their parameters.
//!
//! | file | holds |
//! |---|---|
//! | `mod.rs` | [`Training`]: the loop of steps, early stopping, restarts, divergence |
//! | `coordinates.rs` | [`Coordinates`]: every parameter within its range, whatever the optimiser does |
//! | `snapshot.rs` | [`Snapshot`]: where a training stands, for progress and files |
//! | `recording.rs` | [`Recording`]: what was recorded, which frames count, how likely it is given an output |
//! | `threshold.rs` | [`Threshold`]: the probability of a spike of a noisy integrate-and-fire neuron, step by step |
//! | `start_filters.rs` | where filters that are all zero begin |
//! | `information.rs` | [`information`]: standard errors, and parameters that the data do not determine |
//! | `layer_objective.rs` | [`LayerObjective`]: a layer, a movie and a recording as something to train |

mod coordinates;
mod information;
mod layer_objective;
mod recording;
mod snapshot;
mod start_filters;
mod threshold;

use std::ops::ControlFlow;

use convis_kernels::random::{Key, normal::normal};

pub use coordinates::{Coordinates, Domain};
pub use information::{Information, information};
pub use layer_objective::{LayerObjective, Pixel};
pub use recording::{Compared, Counted, Readout, Recording};
pub use snapshot::{Finished, Snapshot};
pub use start_filters::Shown;
pub use threshold::{Hazards, Threshold};

use crate::optimizers::{Adam, Lbfgs, LineSearch, Optimizer};
use crate::{Error, Result};

/// What an objective says about a point.
#[derive(Clone, Debug, PartialEq)]
pub struct Evaluation {
    /// Loss of the training part, per number that counts.
    pub loss: f64,
    /// Its derivative with respect to every number of the point.
    pub gradient: Vec<f64>,
    /// Loss of the validation part, where there is one.
    pub validation: Option<f64>,
}

/// Something to train: a loss with its gradient, as a function of a vector of numbers.
pub trait Objective {
    /// Loss, gradient and score on the validation part.
    ///
    /// # Errors
    /// If the model cannot be computed there.
    fn evaluate(&mut self, point: &[f64]) -> Result<Evaluation>;

    /// The expected response in every number of the training part, and the information that each carries about its mean:
    /// what [`information`] differentiates.
    ///
    /// # Errors
    /// If the model cannot be computed there.
    fn means(&mut self, point: &[f64]) -> Result<(Vec<f64>, Vec<f64>)>;
}

/// How a point is moved.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Method {
    /// [`Adam`]: one gradient an iteration; robust, many iterations.
    Adam {
        /// How far a coordinate moves in an iteration.
        learning_rate: f64,
    },
    /// [`Lbfgs`] with strong Wolfe conditions: one line search an iteration; few iterations where the loss is smooth.
    Lbfgs,
}

impl Method {
    /// The names that [`Method::named`] understands.
    pub const NAMES: [&'static str; 2] = ["adam", "lbfgs"];

    /// The method of this name, with its default learning rate.
    ///
    /// # Errors
    /// If there is none; the message names the nearest.
    pub fn named(name: &str) -> Result<Self> {
        match name {
            "adam" => Ok(Self::Adam { learning_rate: 0.02 }),
            "lbfgs" => Ok(Self::Lbfgs),
            _ => Err(Error::unknown("optimizer", name, Self::NAMES)),
        }
    }

    /// Its name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Adam { .. } => "adam",
            Self::Lbfgs => "lbfgs",
        }
    }

    fn optimizer(self) -> Box<dyn Optimizer> {
        match self {
            Self::Adam { learning_rate } => Box::new(Adam { lr: learning_rate, ..Adam::default() }),
            // One line search a call, so that every iteration can be the last.
            Self::Lbfgs => Box::new(Lbfgs {
                max_iter: 1,
                max_eval: Some(25),
                tolerance_grad: 1e-10,
                tolerance_change: 1e-14,
                history_size: 20,
                line_search: LineSearch::StrongWolfe,
                ..Lbfgs::default()
            }),
        }
    }
}

/// Why a training ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ended {
    /// The loss did not change any more.
    Converged,
    /// The loss of the validation part had not improved for so long.
    Patience,
    /// All iterations were used.
    Iterations,
    /// The loss grew beyond all bounds, or was no number.
    Diverged,
    /// Whoever watched wanted it.
    Stopped,
}

impl Ended {
    pub(super) const ALL: [(Self, &'static str); 5] = [
        (Self::Converged, "converged"),
        (Self::Patience, "patience"),
        (Self::Iterations, "iterations"),
        (Self::Diverged, "diverged"),
        (Self::Stopped, "stopped"),
    ];

    /// In a word.
    pub fn name(self) -> &'static str {
        Self::ALL.iter().find(|(ended, _)| *ended == self).map_or("", |(_, name)| name)
    }
}

/// How a model is trained.
///
/// # Rule
/// From every start the optimiser moves the coordinates of the parameters ([`Coordinates`]), iteration by iteration. The
/// point with the lowest loss on the validation part (of the training part, where nothing is held out) is kept. A start
/// ends after `iterations`, where the best point is `patience` iterations old, where the loss changes by less than
/// `tolerance` of itself in two iterations in a row (L-BFGS only), or where it diverges: the loss is no number, or above the
/// first one by more than 10³ times its size. The first start is the one given; in the others, every coordinate is moved by
/// a normal number of standard deviation `jitter`. The best point of all starts is the result.
///
/// # Example
/// ```
/// use std::ops::ControlFlow;
/// use convis::fit::{Coordinates, Domain, Evaluation, Method, Objective, Training};
/// // (ln x − 1)², for x above 0.
/// struct Bowl;
/// impl Objective for Bowl {
///     fn evaluate(&mut self, x: &[f64]) -> convis::Result<Evaluation> {
///         let d = x[0].ln() - 1.0;
///         Ok(Evaluation { loss: d * d, gradient: vec![2.0 * d / x[0]], validation: None })
///     }
///     fn means(&mut self, x: &[f64]) -> convis::Result<(Vec<f64>, Vec<f64>)> {
///         Ok((vec![x[0].ln()], vec![1.0]))
///     }
/// }
/// let training = Training { method: Method::Lbfgs, ..Training::default() };
/// let coordinates = Coordinates::new(vec![(Domain::Positive, 1.0)])?;
/// let found = training.run(&mut Bowl, &coordinates, &[0.1], None, &mut |_| Ok(ControlFlow::Continue(())))?;
/// assert!((found.point[0] - 1f64.exp()).abs() < 1e-6);
/// # Ok::<(), convis::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Training {
    /// How a point is moved.
    pub method: Method,
    /// Most iterations from a start.
    pub iterations: usize,
    /// Iterations without a better point after which a start ends.
    pub patience: Option<usize>,
    /// The part of the loss whose change is none.
    pub tolerance: f64,
    /// Starts besides the one given.
    pub restarts: usize,
    /// How far the other starts are moved, in coordinates.
    pub jitter: f64,
    /// Seed of the other starts.
    pub seed: u64,
}

impl Default for Training {
    fn default() -> Self {
        Self {
            method: Method::Adam { learning_rate: 0.02 },
            iterations: 500,
            patience: None,
            tolerance: 1e-9,
            restarts: 0,
            jitter: 0.3,
            seed: 0,
        }
    }
}

/// What a training has found.
#[derive(Clone, Debug, PartialEq)]
pub struct Trained {
    /// The best point.
    pub point: Vec<f64>,
    /// Loss of the training part there.
    pub loss: f64,
    /// Loss of the validation part there.
    pub validation: Option<f64>,
    /// Which start it comes from.
    pub start: usize,
    /// What came of every start.
    pub starts: Vec<Finished>,
}

/// Above the first loss by so many times its size, the loss counts as diverged.
const EXPLOSION: f64 = 1e3;

impl Training {
    fn check(&self, coordinates: &Coordinates, start: &[f64]) -> Result<()> {
        if coordinates.is_empty() {
            return Err(Error::argument("model", "parameters that are free to be fitted", "none"));
        }
        if start.len() != coordinates.len() {
            return Err(Error::argument("start", format!("{} numbers", coordinates.len()), start.len()));
        }
        if self.iterations == 0 {
            return Err(Error::argument("iterations", "a whole number from 1", 0));
        }
        if self.patience == Some(0) {
            return Err(Error::argument("patience", "a whole number from 1, or none", 0));
        }
        for (name, value) in [("tolerance", self.tolerance), ("jitter", self.jitter)] {
            if !(value.is_finite() && value >= 0.0) {
                return Err(Error::argument(name, "a number from 0", value));
            }
        }
        self.method.optimizer().check()
    }

    /// Trains, from `start` or from where a snapshot stands.
    ///
    /// `watch` is called after every iteration with where the training stands; a training that goes on from a snapshot
    /// takes the very steps that the one which was interrupted would have taken.
    ///
    /// # Errors
    /// If an option makes no sense, there is nothing to train, the objective fails or cannot be computed at the first start,
    /// or the snapshot is that of another training.
    pub fn run(
        &self,
        objective: &mut dyn Objective,
        coordinates: &Coordinates,
        start: &[f64],
        resume: Option<Snapshot>,
        watch: &mut dyn FnMut(&Snapshot) -> Result<ControlFlow<()>>,
    ) -> Result<Trained> {
        self.check(coordinates, start)?;
        let mut now = match resume {
            Some(snapshot) => snapshot.fits(self, coordinates)?,
            None => Snapshot::new(self, coordinates, start),
        };
        let coordinates = now.coordinates.clone();
        let mut trial = Trial { objective, coordinates: &coordinates, known: vec![] };
        let mut stopped = false;
        while now.starts.len() <= self.restarts && !stopped {
            let mut optimizer = self.method.optimizer();
            optimizer.restore(&now.optimizer)?;
            let ended = loop {
                if let Some(ended) = self.look(&mut now, &mut trial)? {
                    break ended;
                }
                if watch(&now)?.is_break() {
                    stopped = true;
                    break Ended::Stopped;
                }
                let mut u = now.u.clone();
                match optimizer.step(&mut u, &mut |u| trial.slope(u)) {
                    Ok(_) => now.u = u,
                    Err(Error::Diverged(_)) => break Ended::Diverged,
                    Err(error) => return Err(error),
                }
                now.optimizer = optimizer.memory();
            };
            self.finish(&mut now, ended);
            trial.known.clear();
        }
        now.trained()
    }

    /// Takes note of the point that the training has come to; whether this start ends there.
    fn look(&self, now: &mut Snapshot, trial: &mut Trial<'_>) -> Result<Option<Ended>> {
        let seen = trial.evaluate(&now.u)?;
        let (loss, validation) = (seen.loss, seen.validation.unwrap_or(seen.loss));
        let first = *now.losses.first().unwrap_or(&loss);
        let usable =
            loss.is_finite() && validation.is_finite() && loss - first <= EXPLOSION * first.abs().max(1.0);
        if now.losses.is_empty() && !usable && now.starts.is_empty() {
            return Err(Error::Diverged(format!(
                "the loss is {loss} with the parameters that the fit starts from; start from others, or check the scale of the \
                 stimulus"
            )));
        }
        let before = now.losses.last().copied();
        now.losses.push(loss);
        now.validations.extend(seen.validation);
        if !usable {
            return Ok(Some(Ended::Diverged));
        }
        if now.best.as_ref().is_none_or(|best| validation < best.criterion) {
            let criterion = validation;
            now.best = Some(snapshot::Best { criterion, iteration: now.losses.len() - 1, u: now.u.clone() });
        }
        let iteration = now.losses.len() - 1;
        let age = iteration - now.best.as_ref().map_or(0, |best| best.iteration);
        let still = before.is_some_and(|before| (before - loss).abs() <= self.tolerance * loss.abs());
        now.still = if still && self.method == Method::Lbfgs { now.still + 1 } else { 0 };
        Ok(match () {
            () if now.still >= 2 => Some(Ended::Converged),
            () if self.patience.is_some_and(|patience| age >= patience) => Some(Ended::Patience),
            () if iteration >= self.iterations => Some(Ended::Iterations),
            () => None,
        })
    }

    /// The next start, after this one has ended.
    fn finish(&self, now: &mut Snapshot, ended: Ended) {
        now.finish(ended);
        let key = Key::new(self.seed, 0, "fit.restart", now.starts.len() as u64);
        let moved = |(i, u): (usize, &f64)| u + self.jitter * f64::from(normal(key, 0, i, 0, 0));
        now.u = now.origin.iter().enumerate().map(moved).collect();
    }
}

/// An objective in coordinates, which remembers the points it was asked for since the last step.
struct Trial<'a> {
    objective: &'a mut dyn Objective,
    coordinates: &'a Coordinates,
    /// The last few points; a step ends at one of those that its line search has tried.
    known: Vec<(Vec<f64>, Evaluation)>,
}

/// As many points as a line search tries.
const KNOWN: usize = 32;

impl Trial<'_> {
    fn evaluate(&mut self, u: &[f64]) -> Result<Evaluation> {
        if let Some((_, known)) = self.known.iter().rev().find(|(known, _)| known == u) {
            return Ok(known.clone());
        }
        let point = self.coordinates.outward(u);
        let found = if point.iter().all(|x| x.is_finite()) {
            self.objective.evaluate(&point)?
        } else {
            Evaluation { loss: f64::INFINITY, gradient: vec![0.0; u.len()], validation: None }
        };
        if self.known.len() >= KNOWN {
            self.known.remove(0);
        }
        self.known.push((u.to_vec(), found.clone()));
        Ok(found)
    }

    /// Loss and gradient with respect to the coordinates.
    fn slope(&mut self, u: &[f64]) -> Result<(f64, Vec<f64>)> {
        let found = self.evaluate(u)?;
        let slopes = self.coordinates.slopes(u);
        Ok((found.loss, found.gradient.iter().zip(slopes).map(|(g, slope)| g * slope).collect()))
    }
}

#[cfg(test)]
mod tests;
