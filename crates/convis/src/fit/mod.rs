//! From a recording to a model: likelihoods, penalties, and the search for the best coefficients.
//!
//! | item | is |
//! |---|---|
//! | [`Glm`] | cells regressed on a stimulus and on what cells did before, with errors: what most recordings want |
//! | [`RaisedCosines`] | bumps that span a spike history |
//! | [`Nonlinearity`], [`Loss`], [`Observation`] | how a drive becomes a response, and how likely the one that came is |
//! | [`Design`] | what the response is regressed on: windows of the stimulus, spike history |
//! | [`Regularizer`], [`Groups`] | what keeps filters in bounds |
//! | [`MonotoneSpline`] | a nonlinearity whose form the data choose |
//! | [`Penalty`] | what a filter should look like when the data do not say |
//! | [`SmoothPrior`] | a prior for smooth filters whose scales the data choose |
//! | [`Training`] | other models, by gradients: early stopping, restarts, checkpoints; [`LayerObjective`] trains a layer |
//! | [`Recording`] | what was recorded, and how likely it is given the output of a model |
//! | [`information`] | standard errors of what was trained, and what the data do not determine |
//! | [`Regression`] | the three together, with gradient, curvature and [minimum](Regression::minimum) |
//!
//! # Example
//! ```
//! use convis::fit::{Design, Loss, NewtonOptions, Nonlinearity, Observation, Penalty, Regression};
//! // A cell whose expected count follows the stimulus one step later.
//! let stimulus: Vec<f64> = (0..500).map(|t| ((t * 7919) % 101) as f64 / 50.0 - 1.0).collect();
//! let counts: Vec<f64> = (0..500).map(|t| if t == 0 { 1.0 } else { (0.3 + stimulus[t - 1]).exp() }).collect();
//! let design = Design::windows(&stimulus, 1, 3);
//! let observation = Observation { nonlinearity: Nonlinearity::Exp, loss: Loss::Poisson };
//! let penalty = Penalty::none([3, 1, 1]);
//! let regression = Regression::new(&design, &counts, observation, &penalty);
//! let found = regression.minimum(vec![0.0; 4], NewtonOptions::default())?;
//! // The window is oldest first: two steps before, one before, now; then the bias.
//! let near = |a: f64, b: f64| (a - b).abs() < 0.01;
//! assert!(near(found.theta[0], 0.0) && near(found.theta[1], 1.0) && near(found.theta[3], 0.3));
//! # Ok::<(), convis::Error>(())
//! ```

mod design;
mod glm;
mod likelihood;
mod low_rank;
mod monotone_spline;
mod newton;
mod penalty;
mod raised_cosines;
mod regularizer;
mod simulation;
mod smooth_prior;
mod sparse;
mod training;

pub use design::Design;
pub use glm::{Coefficients, Glm, GlmCell, GlmRecording};
pub use likelihood::{Loss, Nonlinearity, Observation};
pub use monotone_spline::MonotoneSpline;
pub use newton::{Minimum, NewtonOptions, Regression, Weakest};
pub use penalty::Penalty;
pub use raised_cosines::RaisedCosines;
pub use regularizer::{Groups, Regularizer};
pub use smooth_prior::{Envelope, SmoothPrior};
pub use training::{
    Compared, Coordinates, Counted, Domain, Ended, Evaluation, Finished, Hazards, Information,
    LayerObjective, Method, Objective, Pixel, Readout, Recording, Shown, Snapshot, Threshold, Trained,
    Training, information,
};
