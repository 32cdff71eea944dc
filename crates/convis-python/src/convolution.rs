//! What only convolutions can do.

use convis::filters::{Convolution, SetWeight, TimePadding};
use convis::{Error, Layer};
use numpy::PyReadonlyArrayDyn;
use pyo3::prelude::*;

use crate::errors::checked;
use crate::layer::PyLayer;

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
