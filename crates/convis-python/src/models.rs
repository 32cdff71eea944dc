//! Functions that build layers. Resolution: pixels per degree, steps per second. Noise: see `State.noise`; by default
//! that of the next model since the seed was set.

use std::sync::Arc;

use convis::filters::{GaussianBlur, TemporalHighPassFilterRecursive, TemporalLowPassFilterRecursive};
use convis::retina::{
    Bipolar, GanglionInput, GanglionSpiking, HalfRecursiveOplFilter, Opl, Retina, RetinaOptions,
};
use convis::{Integration, Layer, Resolution, noise};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;

use crate::errors::checked;
use crate::layer::PyLayer;
use crate::state::{Noise, noise_id};

pub type ResolutionPair = (f64, f64);

pub fn built<L: Layer + 'static>(
    (pixel_per_degree, steps_per_second): ResolutionPair,
    noise: Option<Noise>,
    build: impl FnOnce(Resolution) -> convis::Result<L>,
) -> PyResult<PyLayer> {
    let resolution = checked(Resolution::new(pixel_per_degree, steps_per_second))?;
    let layer = checked(build(resolution))?;
    Ok(PyLayer::new(Arc::new(layer), noise.map_or_else(noise::next_model, noise_id)))
}

fn integration_named(name: &str) -> PyResult<Integration> {
    match name {
        "exact" => Ok(Integration::Exact),
        "euler" => Ok(Integration::Euler),
        _ => {
            Err(PyValueError::new_err(format!("integration: expected \"exact\" or \"euler\", got {name:?}")))
        }
    }
}

/// Build a retina of the stages asked for.
#[pyfunction]
#[pyo3(signature = (opl, bipolar, gang, spikes, integration, resolution, noise=None))]
#[allow(clippy::fn_params_excessive_bools)] // four independent stages
pub fn retina(
    opl: bool,
    bipolar: bool,
    gang: bool,
    spikes: bool,
    integration: &str,
    resolution: ResolutionPair,
    noise: Option<Noise>,
) -> PyResult<PyLayer> {
    let options = RetinaOptions {
        opl,
        bipolar,
        gang,
        spikes,
        integration: integration_named(integration)?,
        ..RetinaOptions::default()
    };
    built(resolution, noise, |resolution| Retina::new(options, resolution))
}

/// Build an outer plexiform layer.
#[pyfunction]
#[pyo3(signature = (resolution, noise=None))]
pub fn opl(resolution: ResolutionPair, noise: Option<Noise>) -> PyResult<PyLayer> {
    built(resolution, noise, Opl::new)
}

/// Build the half-recursive filter of the outer plexiform layer.
#[pyfunction]
#[pyo3(signature = (resolution, noise=None))]
pub fn half_recursive_opl_filter(resolution: ResolutionPair, noise: Option<Noise>) -> PyResult<PyLayer> {
    built(resolution, noise, HalfRecursiveOplFilter::new)
}

/// Build bipolar cells.
#[pyfunction]
#[pyo3(signature = (resolution, noise=None))]
pub fn bipolar(resolution: ResolutionPair, noise: Option<Noise>) -> PyResult<PyLayer> {
    built(resolution, noise, |resolution| Ok(Bipolar::new(resolution)))
}

/// Build the input of ganglion cells of one sign.
#[pyfunction]
#[pyo3(signature = (sign, resolution, noise=None))]
pub fn ganglion_input(sign: f64, resolution: ResolutionPair, noise: Option<Noise>) -> PyResult<PyLayer> {
    built(resolution, noise, |resolution| GanglionInput::new(sign, resolution))
}

/// Build spiking ganglion cells.
#[pyfunction]
#[pyo3(signature = (integration, resolution, noise=None))]
pub fn ganglion_spiking(
    integration: &str,
    resolution: ResolutionPair,
    noise: Option<Noise>,
) -> PyResult<PyLayer> {
    let integration = integration_named(integration)?;
    built(resolution, noise, |resolution| GanglionSpiking::new(integration, resolution))
}

/// Build a Gaussian blur.
#[pyfunction]
#[pyo3(signature = (sigma, resolution, noise=None))]
pub fn gaussian_blur(sigma: f64, resolution: ResolutionPair, noise: Option<Noise>) -> PyResult<PyLayer> {
    built(resolution, noise, |resolution| GaussianBlur::new(sigma, resolution))
}

/// Build an exponential low-pass, or a cascade of them where `n` is given.
#[pyfunction]
#[pyo3(signature = (tau, n, resolution, noise=None))]
pub fn temporal_low_pass(
    tau: f64,
    n: Option<usize>,
    resolution: ResolutionPair,
    noise: Option<Noise>,
) -> PyResult<PyLayer> {
    built(resolution, noise, |resolution| match n {
        Some(n) => TemporalLowPassFilterRecursive::cascade(tau, n, resolution),
        None => TemporalLowPassFilterRecursive::new(tau, resolution),
    })
}

/// Build a signal minus its exponential low-pass.
#[pyfunction]
#[pyo3(signature = (tau, k, resolution, noise=None))]
pub fn temporal_high_pass(
    tau: f64,
    k: f64,
    resolution: ResolutionPair,
    noise: Option<Noise>,
) -> PyResult<PyLayer> {
    built(resolution, noise, |resolution| TemporalHighPassFilterRecursive::new(tau, k, resolution))
}
