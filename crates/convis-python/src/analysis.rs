//! From responses back to filters: see `convis::analysis`.

use convis::analysis::{self, Spikes, StcOptions};
use numpy::{IntoPyArray, PyArray1};
use pyo3::prelude::*;

use crate::arrays;
use crate::compute::compute;
use crate::errors::checked;
use crate::tensor::PyTensor;

/// Average `[unit, lags, height, width]`, used and skipped spikes of each unit.
type Average<'py> = (PyTensor, Bound<'py, PyArray1<f64>>, Bound<'py, PyArray1<f64>>);
/// Average, eigenvalues, filters, range of chance, significant eigenvalues, used spikes.
type Covariance<'py> = (PyTensor, Bound<'py, PyArray1<f64>>, PyTensor, Option<(f64, f64)>, Vec<usize>, f64);
/// Generator signal, rate, its error, frames of each bin.
type Bins<'py> = [Bound<'py, PyArray1<f64>>; 4];

/// The spike-triggered average; counts (time, unit).
#[pyfunction]
pub fn sta<'py>(
    py: Python<'py>,
    stimulus: &Bound<'py, PyAny>,
    counts: &Bound<'py, PyAny>,
    lags: usize,
) -> PyResult<Average<'py>> {
    let (shown, counts) = (arrays::borrowed(stimulus)?, arrays::borrowed(counts)?);
    let found = compute(py, || {
        checked(Spikes::from_counts(&counts).and_then(|spikes| analysis::sta(&shown, &spikes, lags)))
    })?;
    Ok((found.average.into(), found.used.into_pyarray(py), found.skipped.into_pyarray(py)))
}

/// The spike-triggered covariance of one unit.
#[pyfunction]
#[allow(clippy::too_many_arguments)] // the options of `StcOptions`
pub fn stc<'py>(
    py: Python<'py>,
    stimulus: &Bound<'py, PyAny>,
    counts: &Bound<'py, PyAny>,
    unit: usize,
    lags: usize,
    shuffles: usize,
    confidence: f64,
    seed: u64,
) -> PyResult<Covariance<'py>> {
    let (shown, counts) = (arrays::borrowed(stimulus)?, arrays::borrowed(counts)?);
    let options = StcOptions { lags, shuffles, confidence, seed };
    let found = compute(py, || {
        let spikes = checked(Spikes::from_counts(&counts))?;
        checked(analysis::stc(&shown, &spikes, unit, options))
    })?;
    Ok((
        found.average.into(),
        found.eigenvalues.into_pyarray(py),
        found.filters.into(),
        found.chance,
        found.significant,
        found.used,
    ))
}

/// Firing rate as a function of the filtered stimulus.
#[pyfunction]
#[allow(clippy::too_many_arguments)] // they are what the nonlinearity depends on
pub fn nonlinearity<'py>(
    py: Python<'py>,
    stimulus: &Bound<'py, PyAny>,
    filter: &Bound<'py, PyAny>,
    counts: &Bound<'py, PyAny>,
    unit: usize,
    bins: usize,
    step_s: f64,
) -> PyResult<Bins<'py>> {
    let (shown, counts) = (arrays::borrowed(stimulus)?, arrays::borrowed(counts)?);
    let filter = arrays::borrowed(filter)?;
    let found = compute(py, || {
        let spikes = checked(Spikes::from_counts(&counts))?;
        checked(analysis::nonlinearity(&shown, &filter, &spikes, unit, bins, step_s))
    })?;
    let column = |of: fn(&analysis::Bin) -> f64| found.iter().map(of).collect::<Vec<f64>>().into_pyarray(py);
    Ok([
        column(|bin| bin.generator),
        column(|bin| bin.rate_hz),
        column(|bin| bin.error_hz),
        column(|bin| bin.frames as f64),
    ])
}

/// The filtered stimulus.
#[pyfunction]
pub fn generator_signal<'py>(
    py: Python<'py>,
    stimulus: &Bound<'py, PyAny>,
    filter: &Bound<'py, PyAny>,
) -> PyResult<Bound<'py, PyArray1<f32>>> {
    let (shown, filter) = (arrays::borrowed(stimulus)?, arrays::borrowed(filter)?);
    let signal = compute(py, || checked(analysis::generator_signal(&shown, &filter)))?;
    Ok(signal.into_pyarray(py))
}
