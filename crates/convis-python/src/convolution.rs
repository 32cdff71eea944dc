//! Convolutions: functions that build them, and what only they can do.

use convis::filters::{Conv1d, Conv2d, Conv3d, ConvOptions, Convolution, PlanChoice, SetWeight, TimePadding};
use convis::{Error, Layer};
use numpy::PyReadonlyArrayDyn;
use pyo3::prelude::*;

use crate::errors::checked;
use crate::layer::PyLayer;
use crate::models::{ResolutionPair, built};
use crate::state::Noise;

/// `bias`, `autopad`, `time_pad`, `mode`, `plan`.
type Options = (bool, bool, bool, String, String);

fn options((bias, autopad, time_pad, mode, plan): &Options) -> convis::Result<ConvOptions> {
    let choice = PlanChoice::from_name(plan)
        .ok_or_else(|| Error::choice("plan", plan, PlanChoice::ALL.into_iter().map(PlanChoice::name)))?;
    Ok(ConvOptions {
        bias: *bias,
        autopad: *autopad,
        time_pad: *time_pad,
        mode: TimePadding::mode_named(mode)?,
        plan: choice,
        ..ConvOptions::default()
    })
}

/// Build a convolution in time and space.
#[pyfunction]
#[pyo3(signature = (channels, kernel_size, how, resolution, noise=None))]
#[allow(clippy::needless_pass_by_value)] // the binding hands over what it converted
pub fn conv3d(
    channels: (usize, usize),
    kernel_size: [usize; 3],
    how: Options,
    resolution: ResolutionPair,
    noise: Option<Noise>,
) -> PyResult<PyLayer> {
    built(resolution, noise, |r| Conv3d::new(channels.0, channels.1, kernel_size, options(&how)?, r))
}

/// Build a convolution of every frame.
#[pyfunction]
#[pyo3(signature = (channels, kernel_size, how, resolution, noise=None))]
#[allow(clippy::needless_pass_by_value)] // the binding hands over what it converted
pub fn conv2d(
    channels: (usize, usize),
    kernel_size: [usize; 2],
    how: Options,
    resolution: ResolutionPair,
    noise: Option<Noise>,
) -> PyResult<PyLayer> {
    built(resolution, noise, |r| Conv2d::new(channels.0, channels.1, kernel_size, options(&how)?, r))
}

/// Build a convolution of every pixel along time.
#[pyfunction]
#[pyo3(signature = (channels, kernel_size, how, resolution, noise=None))]
#[allow(clippy::needless_pass_by_value)] // the binding hands over what it converted
pub fn conv1d(
    channels: (usize, usize),
    kernel_size: [usize; 1],
    how: Options,
    resolution: ResolutionPair,
    noise: Option<Noise>,
) -> PyResult<PyLayer> {
    built(resolution, noise, |r| Conv1d::new(channels.0, channels.1, kernel_size[0], options(&how)?, r))
}

fn of(layer: &PyLayer) -> PyResult<&Convolution> {
    let layer: &dyn Layer = layer.layer();
    let found = || Error::argument("layer", "a convolution", layer.kind());
    checked(layer.convolution().ok_or_else(found))
}

/// Set the weight of a convolution to a kernel.
#[pyfunction]
#[allow(clippy::needless_pass_by_value)] // the binding hands over what it converted
pub fn convolution_set_weight(
    layer: &Bound<'_, PyLayer>,
    kernel: PyReadonlyArrayDyn<'_, f64>,
    normalize: bool,
    preserve_channels: bool,
    flip: bool,
) -> PyResult<()> {
    let kernel = kernel.as_array();
    let numbers = kernel.iter().copied().collect();
    checked(of(layer.get())?.set_weight(
        numbers,
        kernel.shape(),
        SetWeight { normalize, preserve_channels, flip },
    ))
}

/// How a convolution would compute a movie of five axes.
#[pyfunction]
#[allow(clippy::needless_pass_by_value)] // the binding hands over what it converted
pub fn convolution_plan(layer: &Bound<'_, PyLayer>, shape: Vec<usize>) -> PyResult<String> {
    Ok(checked(of(layer.get())?.plan(&shape))?.to_string())
}

/// What stands for the frames before the first.
#[pyfunction]
pub fn convolution_mode(layer: &Bound<'_, PyLayer>) -> PyResult<&'static str> {
    Ok(of(layer.get())?.mode().name())
}

/// Change what stands for the frames before the first.
#[pyfunction]
pub fn convolution_set_mode(layer: &Bound<'_, PyLayer>, mode: &str) -> PyResult<()> {
    let convolution = of(layer.get())?;
    convolution.set_mode(checked(TimePadding::mode_named(mode))?);
    Ok(())
}
