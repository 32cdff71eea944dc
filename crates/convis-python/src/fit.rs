//! `fit_glm`, `predict_glm`, `simulate_glm`, `raised_cosines`: regressions on recordings.

use convis::fit::{
    Coefficients, Glm, GlmCell, GlmRecording, Groups, Loss, NewtonOptions, Nonlinearity, Observation,
    RaisedCosines, Regularizer,
};
use numpy::{IntoPyArray, PyArray2, PyArray3, PyReadonlyArray1, PyReadonlyArray2};
use pyo3::prelude::*;
use pyo3::types::PyDict;

use crate::compute::compute;
use crate::errors::checked;
use crate::options::Options;

/// What was found of a cell: filter, history, bias.
type Found = (Vec<f64>, Vec<f64>, f64);

fn coefficients((filter, history, bias): Found) -> Coefficients {
    Coefficients { filter, history, bias }
}

/// What to fit, from options by name: lags, size, nonlinearity, power, loss, dispersion, delta, regularizer, ridge, time,
/// space, groups, weight, rank, history (count, first, last, offset; or None), coupled, iterations, tolerance.
fn glm(options: Bound<'_, PyDict>) -> PyResult<Glm> {
    let o = Options::new(options);
    let nonlinearity = match checked(Nonlinearity::named(&o.text("nonlinearity")?))? {
        Nonlinearity::Power(_) => Nonlinearity::Power(o.number("power")?),
        other => other,
    };
    let loss = match checked(Loss::named(&o.text("loss")?))? {
        Loss::NegativeBinomial { .. } => Loss::NegativeBinomial { dispersion: o.number("dispersion")? },
        Loss::Huber { .. } => Loss::Huber { delta: o.number("delta")? },
        other => other,
    };
    let regularizer = match checked(Regularizer::named(&o.text("regularizer")?))? {
        Regularizer::Quadratic { ridge, time, space } => Regularizer::Quadratic {
            ridge: o.maybe_number("ridge")?.or(ridge),
            time: o.maybe_number("time")?.or(time),
            space: o.maybe_number("space")?.or(space),
        },
        Regularizer::Sparse { .. } => Regularizer::Sparse {
            groups: checked(Groups::named(&o.text("groups")?))?,
            weight: o.maybe_number("weight")?,
        },
        Regularizer::LowRank { .. } => {
            Regularizer::LowRank { rank: o.count("rank")?, ridge: o.maybe_number("ridge")?.unwrap_or(0.0) }
        }
        other => other,
    };
    let history = o.maybe_numbers("history")?.map(|[count, first, last, offset]| RaisedCosines {
        count: count as usize,
        first,
        last,
        offset,
    });
    Ok(Glm {
        lags: o.count("lags")?,
        size: o.counts("size")?,
        observation: Observation { nonlinearity, loss },
        regularizer,
        history,
        coupled: o.flag("coupled")?,
        search: NewtonOptions { iterations: o.count("iterations")?, tolerance: o.number("tolerance")? },
    })
}

fn rows(array: &PyReadonlyArray2<'_, f64>) -> Vec<Vec<f64>> {
    array.as_array().rows().into_iter().map(|row| row.to_vec()).collect()
}

/// The steps that count.
fn counted(steps: Option<&PyReadonlyArray1<'_, bool>>) -> PyResult<Option<Vec<bool>>> {
    Ok(steps.map(|steps| steps.as_slice().map(<[bool]>::to_vec)).transpose()?)
}

/// Fit a generalised linear model; a dictionary for every cell.
///
/// `stimulus` holds the frames one after the other, `responses` a row for each cell, `steps` says which of them count. With the
/// option `learn_exponent` that of the nonlinearity `power` is sought.
#[pyfunction]
#[pyo3(signature = (options, stimulus, responses, steps=None))]
#[allow(clippy::needless_pass_by_value)] // the binding hands over what it converted
pub fn fit_glm<'py>(
    py: Python<'py>,
    options: Bound<'py, PyDict>,
    stimulus: PyReadonlyArray1<'py, f64>,
    responses: PyReadonlyArray2<'py, f64>,
    steps: Option<PyReadonlyArray1<'py, bool>>,
) -> PyResult<Vec<Bound<'py, PyDict>>> {
    let learns = Options::new(options.clone()).flag("learn_exponent")?;
    let (glm, stimulus, responses) = (glm(options)?, stimulus.as_slice()?, rows(&responses));
    let counted = counted(steps.as_ref())?;
    let recording = GlmRecording { stimulus, responses: &responses, counted: counted.as_deref() };
    let cells = compute(py, || {
        checked(if learns { glm.fit_exponent(&recording) } else { glm.fit_recording(&recording) })
    })?;
    cells.into_iter().map(|cell| described(py, cell)).collect()
}

/// Where a coefficient of a fitted cell could end: see `Glm::profile`. `place` is unit, index and rise.
#[pyfunction]
#[pyo3(signature = (options, cell, place, stimulus, responses, steps=None))]
#[allow(clippy::needless_pass_by_value)] // the binding hands over what it converted
pub fn profile_glm<'py>(
    py: Python<'py>,
    options: Bound<'py, PyDict>,
    cell: Found,
    place: (usize, usize, f64),
    stimulus: PyReadonlyArray1<'py, f64>,
    responses: PyReadonlyArray2<'py, f64>,
    steps: Option<PyReadonlyArray1<'py, bool>>,
) -> PyResult<[f64; 2]> {
    let (glm, stimulus, responses) = (glm(options)?, stimulus.as_slice()?, rows(&responses));
    let counted = counted(steps.as_ref())?;
    let recording = GlmRecording { stimulus, responses: &responses, counted: counted.as_deref() };
    let ((unit, index, rise), cell) = (place, coefficients(cell));
    compute(py, || checked(glm.profile(&recording, unit, &cell, index, rise)))
}

fn described(py: Python<'_>, cell: GlmCell) -> PyResult<Bound<'_, PyDict>> {
    let all = PyDict::new(py);
    all.set_item("filter", cell.found.filter.into_pyarray(py))?;
    all.set_item("filter_error", cell.error.filter.into_pyarray(py))?;
    all.set_item("history", cell.found.history.into_pyarray(py))?;
    all.set_item("history_error", cell.error.history.into_pyarray(py))?;
    all.set_item("history_covariance", PyArray2::from_vec2(py, &cell.history_covariance)?)?;
    all.set_item("bias", cell.found.bias)?;
    all.set_item("bias_error", cell.error.bias)?;
    all.set_item("mean", cell.mean)?;
    all.set_item("loss", cell.minimum.loss)?;
    all.set_item("losses", cell.minimum.losses)?;
    all.set_item("converged", cell.minimum.converged)?;
    match cell.nonlinearity {
        Nonlinearity::Power(power) => all.set_item("power", power)?,
        Nonlinearity::Spline(curve) => all.set_item("curve", curve.numbers().to_vec().into_pyarray(py))?,
        _ => {}
    }
    if let Some(weakest) = cell.weakest {
        all.set_item("weakest", (weakest.share, weakest.direction.into_pyarray(py)))?;
    }
    if let Some(weight) = cell.sparsity {
        all.set_item("weight", weight)?;
    }
    if let Some(penalty) = cell.penalty {
        all.set_item("penalty", (penalty.ridge, penalty.time, penalty.space))?;
    }
    if let Some(prior) = cell.prior {
        all.set_item("smoothness", prior.smoothness)?;
        all.set_item("envelope", prior.envelope.map(|envelope| (envelope.centre, envelope.width)))?;
    }
    Ok(all)
}

/// The expected response of a cell of a fitted generalised linear model in every step.
///
/// `filter`, `history` and `bias` are those that `fit_glm` gave; `responses` is what all cells did, used where there is a history.
#[pyfunction]
#[allow(clippy::needless_pass_by_value)] // the binding hands over what it converted
pub fn predict_glm<'py>(
    py: Python<'py>,
    options: Bound<'py, PyDict>,
    cell: Found,
    unit: usize,
    stimulus: PyReadonlyArray1<'py, f64>,
    responses: PyReadonlyArray2<'py, f64>,
) -> PyResult<Bound<'py, numpy::PyArray1<f64>>> {
    let (glm, stimulus, responses) = (glm(options)?, stimulus.as_slice()?, rows(&responses));
    let cell = coefficients(cell);
    let rate = compute(py, || checked(glm.predict(&cell, unit, stimulus, &responses)))?;
    Ok(rate.into_pyarray(py))
}

/// Spikes of fitted cells left to themselves: counts `(trials, cells, steps)`.
#[pyfunction]
#[allow(clippy::needless_pass_by_value)] // the binding hands over what it converted
pub fn simulate_glm<'py>(
    py: Python<'py>,
    options: Bound<'py, PyDict>,
    cells: Vec<Found>,
    stimulus: PyReadonlyArray1<'py, f64>,
    seed: u64,
    trials: usize,
) -> PyResult<Bound<'py, PyArray3<f64>>> {
    let (glm, stimulus) = (glm(options)?, stimulus.as_slice()?);
    let cells: Vec<Coefficients> = cells.into_iter().map(coefficients).collect();
    let counts = compute(py, || checked(glm.simulate(&cells, stimulus, seed, trials)))?;
    Ok(PyArray3::from_vec3(py, &counts)?)
}

/// The bumps that span a spike history, `(count, steps)`.
#[pyfunction]
pub fn raised_cosines(
    py: Python<'_>,
    count: usize,
    first: f64,
    last: f64,
    offset: f64,
) -> PyResult<Bound<'_, PyArray2<f64>>> {
    let bumps = checked(RaisedCosines { count, first, last, offset }.rows())?;
    Ok(PyArray2::from_vec2(py, &bumps)?)
}
