//! Simulate and fit filter-based models of the retina and early vision on video of any length.
//!
//! A model is a tree of causal filters ([`Layer`]s) over movies `[batch, channel, time, height, width]`. Each filter has
//! named [`parameter`]s in physical units and carries a small [`State`] from chunk to chunk, so that any way of cutting a
//! movie gives the same bits. Everything is differentiable in its parameters.
//!
//! | module | holds |
//! |---|---|
//! | [`retina`] | the retina of Wohrer & Kornprobst (2009) and its stages |
//! | [`filters`] | filters in space and time |
//! | [`models`] | layers put together: linear-nonlinear models, lists, networks |
//! | [`numerical_filters`] | finite kernels |
//! | [`spiking`] | spiking neurons and other excitable cells |
//! | [`catalogue`] | all of them by name, with their documentation |
//! | [`run`](mod@run) | running a model on a movie of any length |
//! | [`layer`] | what every layer offers; [`call`] for one chunk |
//! | [`parameter`], [`state`], [`noise`], [`resolution`] | what layers are made of |
//! | [`optimize`](mod@optimize), [`optimizers`], [`loss`] | fitting parameters to wanted outputs |
//! | [`checkpoint`] | gradients through long movies in little memory |
//! | [`tensor`] | numbers with a shape, and the tape behind gradients |
//! | [`stimuli`] | movies to show |
//! | [`analysis`] | from responses back to filters |
//! | [`fit`] | from a recording to a model |
//!
//! # Example
//! ```
//! use convis::{GradientMode, Resolution, State, Tensor, call, layer, noise, retina::{Retina, RetinaOptions}};
//! use convis::tensor::backward;
//!
//! let options = RetinaOptions { spikes: false, ..RetinaOptions::default() };
//! let retina = Retina::new(options, Resolution::default())?;
//! layer::parameter(&retina, "bipolar.lambda_amp")?.set(20.0)?;
//!
//! let movie = Tensor::from_vec((0..40 * 30).map(|i| (i % 7) as f64 / 7.0).collect(), &[1, 1, 40, 5, 6])?;
//! let mut state = State::new(noise::next_model());
//! let output = call(&retina, &movie, &mut state, GradientMode::Call, None)?;
//!
//! // The gradient of the summed ON current with respect to a time constant.
//! let on = output.first()?;
//! let ones = Tensor::from_vec(vec![1.0f64; on.len()], on.shape())?;
//! backward(&[(on, ones)])?;
//! let tau = layer::parameter(&retina, "opl.opl_filter.tau_center")?;
//! assert!(tau.gradient().is_some());
//! # Ok::<(), convis::Error>(())
//! ```

pub mod analysis;
pub mod catalogue;
pub mod checkpoint;
pub mod error;
pub mod filters;
pub mod fit;
pub mod layer;
pub mod loss;
pub mod models;
pub mod noise;
pub mod numerical_filters;
pub mod optimize;
pub mod optimizers;
pub mod parameter;
pub mod resolution;
pub mod retina;
pub mod run;
pub mod spiking;
pub mod state;
pub mod stimuli;
pub mod tensor;

pub use convis_kernels as kernels;
pub use convis_kernels::integrate_and_fire::{Integration, Spike};
pub use error::{Error, Result};
pub use layer::{GradientMode, Layer, Output, Recorder, call};
pub use resolution::Resolution;
pub use state::{NoiseId, State};
pub use tensor::{DType, Tensor};
