//! Movies to show to a model, as streams that cost no memory.
//!
//! A [`Stimulus`] computes any frame from its number alone, so any way of cutting gives the same bits and an hour of it
//! takes no more memory than a frame. [`Stream`] feeds one to [`run`](crate::run::run); [`movie`] collects frames in a
//! [`Tensor`](crate::Tensor). Stimuli are plain structures: take the defaults, change what differs, show them; what
//! cannot be shown is refused with the name of the field.
//!
//! | in physical units | shows |
//! |---|---|
//! | [`FullFieldFlash`] | the whole screen steps up and back |
//! | [`EulerChirp`] | steps, frequency sweep, contrast sweep (Baden et al. 2016) |
//! | [`MovingBarSet`] | a bar in eight directions (Baden et al. 2016) |
//! | [`SumOfSinusoids`] | eight frequencies at once (Shapley & Victor 1978) |
//! | [`Checkers`] | binary or Gaussian white noise |
//! | [`MSequence`] | binary noise that is exactly balanced over its period |
//! | [`DriftingGrating`], [`ContrastReversingGrating`], [`OscillatingGrating`], [`GratingBattery`] | gratings, alone or in sets |
//! | [`JitteredImage`] | a picture seen by a fixating eye ([`EyeMovements`]) |
//! | [`LoomingDisc`] | an object that approaches |
//! | [`DifferentialMotion`] | an object that moves with or against its background (Ölveczky et al. 2003) |
//!
//! The stimuli of the toolbox of 2018, by its own formulas, are in [`toolbox`].
//!
//! # Conventions
//! Luminance runs from 0 to 1. Positions are in degrees of visual angle from the middle of the screen, x to the right
//! and y downwards; a pixel has the luminance of its centre. Directions are in degrees, 0 to the right, 90 upwards.
//! Frame k is shown from k to k + 1 steps of the [`Resolution`](crate::Resolution) and has the luminance of time
//! k/`steps_per_second`; durations are rounded to whole frames.

mod argument;
mod checkers;
mod differential_motion;
mod euler_chirp;
mod fixational_eye_movements;
mod full_field_flash;
mod grating;
mod grating_battery;
mod jittered_image;
mod looming_disc;
mod m_sequence;
mod moving_bar_set;
mod screen;
mod stream;
mod sum_of_sinusoids;
pub mod toolbox;

pub use checkers::{Checkers, Distribution};
pub use differential_motion::{DifferentialMotion, Motion};
pub use euler_chirp::EulerChirp;
pub use fixational_eye_movements::{EyeMovements, Gaze, view};
pub use full_field_flash::FullFieldFlash;
pub use grating::{ContrastReversingGrating, DriftingGrating, OscillatingGrating, Waveform};
pub use grating_battery::{Condition, GratingBattery, Modulation};
pub use jittered_image::JitteredImage;
pub use looming_disc::LoomingDisc;
pub use m_sequence::MSequence;
pub use moving_bar_set::MovingBarSet;
pub use screen::{MOUSE_UM_PER_DEGREE, Screen};
pub use stream::{Stimulus, Stream, movie};
pub use sum_of_sinusoids::SumOfSinusoids;
