//! The vision kernels of convis, on plain slices.
//!
//! One folder is one operation. Each folder states its equation once (`mod.rs`), follows it line by line in
//! double precision (`reference.rs`), computes it fast (`forward.rs`) and differentiates it (`adjoint.rs`).
//! Kernels know nothing of tensors, layers or files.
//!
//! | operation | computes |
//! |---|---|
//! | [`separable_blur`] | Gaussian blur of every frame, unit sum, replicated border |
//! | [`low_pass`] | cascade of exponential low-pass filters in time |
//! | [`transient`] | the signal minus a weighted exponential low-pass of it |
//! | [`weighted_difference`] | centre minus weighted surround |
//! | [`gain_control`] | membrane with a conductance that follows recent contrast |
//! | [`ganglion_current`] | static nonlinearity of the ganglion-cell input |
//! | [`conv3d`] | convolution in time and space |
//! | [`recursive_blur`] | blur of every frame by recursive filters, cost independent of its width |
//! | [`frame_blur`] | blur of every frame by any kernel, the same everywhere or wider outside a fovea |
//! | [`leaky_heat`] | low-pass whose blur grows with the age of what it remembers |
//! | [`custom_gain_control`] | gain control with any exponent, threshold, reversal potential, blur |
//! | [`ganglion_transmission`] | transient and current of ganglion cells in one pass |
//! | [`adapted_difference`] | centre minus surround around a steady state |
//! | [`moving_window`] | a part of every frame, at a place of its own |
//! | [`unit_spikes`] | spikes of cells anywhere on a map |
//! | [`plane_selection`] | some planes of a movie |
//! | [`static_nonlinearity`] | rectifying and squaring |
//! | [`delay_line`] | a movie later, frames of the past in front of a chunk |
//! | [`start_history`] | the frames before the first, made up |
//! | [`variable_delay`] | a delay for every pixel |
//! | [`frame_difference`] | the change from frame to frame |
//! | [`integrate_and_fire`] | spikes of leaky integrate-and-fire neurons, with surrogate gradients |
//! | [`izhikevich`] | spikes of Izhikevich neurons |
//! | [`fitz_hugh_nagumo`] | FitzHugh–Nagumo oscillators |
//! | [`hodgkin_huxley`] | Hodgkin–Huxley axons |
//! | [`poisson`] | spikes at random |
//! | [`motion_events`] | events of a sensor that signals change |
//!
//! Around them: [`Signal`] (the sizes of a movie), [`membrane`] (what neurons with differential equations share),
//! [`Operation`] (what every differentiable operation offers),
//! [`bands`] (several operations on one band of pixels while it is in the cache),
//! [`simd`] (run-time choice of the vector width), [`parallel`] (threads that never change a bit) and [`random`]
//! (counter-based noise).
//!
//! # Same bits everywhere
//!
//! Whether a multiplication and an addition round once or twice is written in the kernel ([`conv3d`]: once, all others:
//! twice), never left to the processor; no sum depends on the number of threads, and no output on where a movie was
//! cut into chunks. Every vector width therefore gives the same bits.

pub mod adapted_difference;
pub mod bands;
pub mod conv3d;
pub mod custom_gain_control;
pub mod delay_line;
pub mod fitz_hugh_nagumo;
pub mod frame_blur;
pub mod frame_difference;
pub mod gain_control;
pub mod ganglion_current;
pub mod ganglion_transmission;
pub mod hodgkin_huxley;
pub mod integrate_and_fire;
pub mod izhikevich;
pub mod leaky_heat;
pub mod low_pass;
pub mod membrane;
pub mod motion_events;
pub mod moving_window;
pub mod operation;
pub mod parallel;
pub mod plane_selection;
pub mod poisson;
pub mod random;
mod real;
pub mod recursive_blur;
mod scratch;
pub mod separable_blur;
mod signal;
pub mod simd;
pub mod start_history;
pub mod static_nonlinearity;
mod sums;
mod tiles;
pub mod transient;
pub mod unit_spikes;
pub mod variable_delay;
pub mod weighted_difference;

#[cfg(test)]
mod conformance;

pub use operation::{Gradients, Operation};
pub use real::Real;
pub use signal::Signal;
