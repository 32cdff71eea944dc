//! Spiking neurons and other excitable cells, one per pixel.
//!
//! | file | layer | output |
//! |---|---|---|
//! | `poisson.rs` | [`Poisson`]: spikes at random | spikes |
//! | `leaky_integrate_and_fire.rs` | [`LeakyIntegrateAndFireNeuron`] | spikes |
//! | `refractory_leaky_integrate_and_fire.rs` | [`RefractoryLeakyIntegrateAndFireNeuron`] | spikes |
//! | `izhikevich.rs` | [`Izhikevich`], with its named presets | spikes, or spikes, v and u |
//! | `fitz_hugh_nagumo.rs` | [`FitzHughNagumo`] | v |
//! | `hodgkin_huxley.rs` | [`HodgkinHuxley`] (alias [`HogkinHuxley`]) | v |
//! | `integrative_motion_sensor.rs` | [`IntegrativeMotionSensor`] | ON and OFF events |
//!
//! All keep their state between chunks, treat batches and channels as independent cells, and draw noise that depends on
//! seed, layer, trial, cell and step alone. The ganglion cells of the retina, [`GanglionSpiking`], are integrate-and-fire
//! neurons too.
//!
//! [`GanglionSpiking`]: crate::retina::GanglionSpiking

mod fitz_hugh_nagumo;
mod hodgkin_huxley;
pub(crate) mod integrate_and_fire;
mod integrative_motion_sensor;
mod izhikevich;
mod leaky_integrate_and_fire;
mod poisson;
mod refractory_leaky_integrate_and_fire;

use convis_kernels::integrate_and_fire::Noise;
use convis_kernels::membrane::Setting;

use crate::layer::Scope;
use crate::parameter::{Parameter, Range, Spec};
use crate::{Resolution, Result, Tensor};

pub use convis_kernels::fitz_hugh_nagumo::Sign;
pub use convis_kernels::hodgkin_huxley::Gates;
pub use convis_kernels::integrate_and_fire::surrogate::Surrogate;
pub use convis_kernels::motion_events::Mode as MotionMode;
pub use fitz_hugh_nagumo::FitzHughNagumo;
pub use hodgkin_huxley::{HodgkinHuxley, HogkinHuxley};
pub use integrative_motion_sensor::IntegrativeMotionSensor;
pub use izhikevich::{Izhikevich, PRESETS, Preset};
pub use leaky_integrate_and_fire::LeakyIntegrateAndFireNeuron;
pub use poisson::Poisson;
pub use refractory_leaky_integrate_and_fire::RefractoryLeakyIntegrateAndFireNeuron;

/// What the input of a layer is measured in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum InputUnit {
    /// What happens per simulation step: a probability, or an increment of the potential, as in the 2018 toolbox.
    #[default]
    PerStep,
    /// Per second, whatever the resolution.
    Hz,
}

/// Number of the chunk's first step.
pub(crate) fn first_step(scope: &Scope<'_>) -> u64 {
    scope.kept("step").and_then(|step| step.to_f64().first().copied()).unwrap_or(0.0) as u64
}

/// Remembers the number of the step after the chunk.
pub(crate) fn keep_step(scope: &mut Scope<'_>, step: u64) -> Result<()> {
    scope.keep("step", Tensor::from_vec(vec![step as f64], &[1])?);
    Ok(())
}

/// What surrounds the equations of a chunk of neurons whose first state array is called `state`.
fn setting(
    input: &Tensor,
    resolution: Resolution,
    noise_strength: &Parameter,
    state: &str,
    scope: &Scope<'_>,
) -> Result<Setting> {
    Ok(Setting {
        signal: input.signal()?,
        frame_ms: 1000.0 / resolution.steps_per_second(),
        start: scope.kept(state).is_none(),
        noise: Noise { key: scope.key(), first_step: first_step(scope) },
        noise_strength: noise_strength.scalar(),
    })
}

/// A parameter that results depend on smoothly.
const fn smooth(
    name: &'static str,
    unit: &'static str,
    doc: &'static str,
    default: f64,
    range: Range,
) -> Spec {
    Spec { name, unit, doc, default, range, differentiable: true }
}

/// Strength of the noise current of neurons with differential equations.
const fn noise_strength(unit: &'static str, default: f64) -> Spec {
    Spec {
        name: "noise_strength",
        unit,
        doc: "Standard deviation of the noise added to the input at 1000 steps per second; scaled so that its spectral \
              density is the same at any other resolution.",
        default,
        range: Range::NonNegative,
        differentiable: false,
    }
}

#[cfg(test)]
mod tests;
