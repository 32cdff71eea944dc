//! `Recording`, `train`, `information`: fits by gradients of models that Python computes.

use std::collections::BTreeMap;
use std::ops::ControlFlow;

use convis::fit::{
    Compared, Coordinates, Counted, Domain, Evaluation, Loss, Method, Nonlinearity, Objective, Observation,
    Readout, Recording, Shown, Snapshot, Threshold, Training,
};
use convis::parameter::Parameter;
use convis::{Error, Result};
use numpy::ndarray::Array2;
use numpy::{IntoPyArray, PyArray1, PyArray2, PyReadonlyArray1, PyReadonlyArray2, PyReadonlyArray3};
use pyo3::exceptions::PyRuntimeError;
use pyo3::prelude::*;
use pyo3::types::PyDict;

use crate::compute::compute;
use crate::errors::checked;
use crate::options::Options;
use crate::parameter::PyParameter;

type Numbers<'py> = Bound<'py, PyArray1<f64>>;
type Frames<'py> = Bound<'py, PyArray2<f64>>;

/// What was recorded: responses (frame, unit), whether each frame counts, and how an output becomes a response.
#[pyclass(frozen, name = "Recording", module = "convis._native")]
pub struct PyRecording(Recording);

/// From options by name: kind ("rate" or "threshold") and what belongs to it.
fn readout(options: Bound<'_, PyDict>) -> PyResult<Readout> {
    let o = Options::new(options);
    if o.text("kind")? == "threshold" {
        let step_s = o.number("step_s")?;
        let half_nodes = Threshold::half_nodes_for(o.number("leak_hz")?, step_s);
        let refractory_s = o.number("refractory_s")?;
        return Ok(Readout::Threshold { population: 0, neuron: true, refractory_s, step_s, half_nodes });
    }
    let nonlinearity = checked(Nonlinearity::named(&o.text("nonlinearity")?))?;
    let loss = match checked(Loss::named(&o.text("loss")?))? {
        Loss::NegativeBinomial { .. } => Loss::NegativeBinomial { dispersion: o.number("dispersion")? },
        Loss::Huber { .. } => Loss::Huber { delta: o.number("delta")? },
        other => other,
    };
    let observation = Observation { nonlinearity, loss };
    Ok(Readout::Rate { observation, offset: o.flag("offset")?, gain: o.flag("gain")? })
}

fn flat(array: &PyReadonlyArray2<'_, f64>) -> Vec<f64> {
    array.as_array().iter().copied().collect()
}

impl PyRecording {
    fn frames<'py>(&self, py: Python<'py>, numbers: Vec<f64>) -> PyResult<Frames<'py>> {
        let shape = (self.0.frames(), self.0.units());
        let array = Array2::from_shape_vec(shape, numbers);
        Ok(array.map_err(|error| PyRuntimeError::new_err(error.to_string()))?.into_pyarray(py))
    }
}

#[pymethods]
impl PyRecording {
    #[new]
    #[allow(clippy::needless_pass_by_value)] // the binding hands over what it converted
    fn new(
        responses: PyReadonlyArray2<'_, f64>,
        counted: PyReadonlyArray1<'_, u8>,
        options: Bound<'_, PyDict>,
    ) -> PyResult<Self> {
        let units = responses.as_array().ncols();
        let counted = (counted.as_array().iter())
            .map(|counted| match counted {
                0 => Counted::No,
                1 => Counted::Training,
                _ => Counted::Validation,
            })
            .collect();
        Ok(Self(checked(Recording::new(flat(&responses), units, counted, readout(options)?))?))
    }

    /// How many numbers are fitted.
    #[getter]
    fn fitted(&self) -> usize {
        self.0.fitted()
    }

    /// Mean response of a unit over the training part.
    fn mean(&self, unit: usize) -> f64 {
        self.0.mean(unit)
    }

    /// Let filters that are all zero begin at the spike-triggered average of a stimulus (frame, row, column).
    #[allow(clippy::needless_pass_by_value)] // the binding hands over what it converted
    fn start_filters(
        &self,
        py: Python<'_>,
        filters: Vec<Bound<'_, PyParameter>>,
        separable: bool,
        stimulus: PyReadonlyArray3<'_, f64>,
    ) -> PyResult<()> {
        let filters: Vec<Parameter> = filters.iter().filter_map(|filter| filter.get().of_layer()).collect();
        let stimulus = stimulus.as_array();
        let size = [stimulus.shape()[1], stimulus.shape()[2]];
        let numbers: Vec<f64> = stimulus.iter().copied().collect();
        let shown = Shown { numbers: &numbers, size };
        compute(py, || checked(self.0.start_filters(&filters, separable, shown, self.0.spread())))
    }

    /// Parameters of the read-out to begin with, given an output (frame, unit).
    #[allow(clippy::needless_pass_by_value)] // the binding hands over what it converted
    fn start<'py>(&self, py: Python<'py>, output: PyReadonlyArray2<'py, f64>) -> Numbers<'py> {
        self.0.start(&flat(&output)).into_pyarray(py)
    }

    /// Loss, that of the validation part, derivatives with respect to output and parameters.
    #[allow(clippy::needless_pass_by_value, clippy::type_complexity)] // what the binding hands over
    fn compare<'py>(
        &self,
        py: Python<'py>,
        output: PyReadonlyArray2<'py, f64>,
        parameters: Vec<f64>,
    ) -> PyResult<(f64, Option<f64>, Frames<'py>, Numbers<'py>)> {
        let output = flat(&output);
        let found = compute(py, || checked(self.0.compare(&output, &parameters)))?;
        let Compared { loss, validation, by_output, by_parameters } = found;
        Ok((loss, validation, self.frames(py, by_output)?, by_parameters.into_pyarray(py)))
    }

    /// The expected response (frame, unit).
    #[allow(clippy::needless_pass_by_value)] // the binding hands over what it converted
    fn expected<'py>(
        &self,
        py: Python<'py>,
        output: PyReadonlyArray2<'py, f64>,
        parameters: Vec<f64>,
    ) -> PyResult<Frames<'py>> {
        let output = flat(&output);
        let expected = compute(py, || checked(self.0.expected(&output, &parameters)))?;
        self.frames(py, expected)
    }

    /// Expected responses of the training part, and the information that each carries about its mean.
    #[allow(clippy::needless_pass_by_value)] // the binding hands over what it converted
    fn means<'py>(
        &self,
        py: Python<'py>,
        output: PyReadonlyArray2<'py, f64>,
        parameters: Vec<f64>,
    ) -> PyResult<(Numbers<'py>, Numbers<'py>)> {
        let output = flat(&output);
        let (means, weights) = compute(py, || checked(self.0.means(&output, &parameters)))?;
        Ok((means.into_pyarray(py), weights.into_pyarray(py)))
    }
}

/// Where a training stands, as arrays by name.
#[pyclass(frozen, name = "Snapshot", module = "convis._native")]
pub struct PySnapshot(Snapshot);

#[pymethods]
impl PySnapshot {
    /// The start, the iteration, the loss there, and that of the validation part.
    fn place(&self) -> (usize, usize, f64, Option<f64>) {
        let losses = &self.0.losses;
        let loss = losses.last().copied().unwrap_or(f64::NAN);
        (self.0.starts.len(), losses.len().saturating_sub(1), loss, self.0.validations.last().copied())
    }

    /// All of it, for a file.
    fn arrays<'py>(&self, py: Python<'py>) -> BTreeMap<String, Numbers<'py>> {
        self.0.arrays().into_iter().map(|(name, array)| (name, array.into_pyarray(py))).collect()
    }
}

/// A model that Python computes; what it raises is kept.
struct Called<'a, 'py> {
    py: Python<'py>,
    evaluate: Option<&'a Bound<'py, PyAny>>,
    means: Option<&'a Bound<'py, PyAny>>,
    failure: Option<PyErr>,
}

impl<'py> Called<'_, 'py> {
    fn note<T>(&mut self, result: PyResult<T>) -> Result<T> {
        result.map_err(|error| {
            let text = error.to_string();
            self.failure = Some(error);
            Error::Mismatch(text)
        })
    }

    fn ask(&mut self, function: Option<&Bound<'py, PyAny>>, point: &[f64]) -> PyResult<Bound<'py, PyAny>> {
        let function = function.ok_or_else(|| PyRuntimeError::new_err("nothing to ask"))?;
        function.call1((point.to_vec().into_pyarray(self.py),))
    }

    fn finish<T>(self, result: Result<T>) -> PyResult<T> {
        self.failure.map_or_else(|| checked(result), Err)
    }
}

impl Objective for Called<'_, '_> {
    fn evaluate(&mut self, point: &[f64]) -> Result<Evaluation> {
        let answer = self.ask(self.evaluate, point).and_then(|answer| {
            let (loss, gradient, validation): (f64, PyReadonlyArray1<'_, f64>, Option<f64>) =
                answer.extract()?;
            Ok(Evaluation { loss, gradient: gradient.as_array().to_vec(), validation })
        });
        self.note(answer)
    }

    fn means(&mut self, point: &[f64]) -> Result<(Vec<f64>, Vec<f64>)> {
        let answer = self.ask(self.means, point).and_then(|answer| {
            let (means, weights): (PyReadonlyArray1<'_, f64>, PyReadonlyArray1<'_, f64>) =
                answer.extract()?;
            Ok((means.as_array().to_vec(), weights.as_array().to_vec()))
        });
        self.note(answer)
    }
}

/// Domain (any, positive, non-negative, between), scale, and the two ends of "between".
type Number = (String, f64, f64, f64);

fn coordinates(numbers: Vec<Number>) -> PyResult<Coordinates> {
    let numbers = numbers.into_iter().map(|(domain, scale, low, high)| {
        let domain = match &*domain {
            "any" => Domain::Any,
            "positive" => Domain::Positive,
            "between" => Domain::Between(low, high),
            _ => Domain::NonNegative,
        };
        (domain, scale)
    });
    checked(Coordinates::new(numbers.collect()))
}

/// Coordinates in which every number is allowed.
#[pyclass(frozen, name = "Coordinates", module = "convis._native")]
pub struct PyCoordinates(Coordinates);

#[pymethods]
#[allow(clippy::needless_pass_by_value)] // the binding hands over what it converted
impl PyCoordinates {
    #[new]
    fn new(numbers: Vec<Number>) -> PyResult<Self> {
        coordinates(numbers).map(Self)
    }

    /// The coordinates of numbers; those on a border begin just inside.
    fn inward<'py>(&self, py: Python<'py>, x: PyReadonlyArray1<'_, f64>) -> Numbers<'py> {
        self.0.inward(&x.as_array().to_vec()).into_pyarray(py)
    }

    /// The numbers at coordinates.
    fn outward<'py>(&self, py: Python<'py>, u: PyReadonlyArray1<'_, f64>) -> Numbers<'py> {
        self.0.outward(&u.as_array().to_vec()).into_pyarray(py)
    }

    /// Derivatives of the numbers with respect to their coordinates.
    fn slopes<'py>(&self, py: Python<'py>, u: PyReadonlyArray1<'_, f64>) -> Numbers<'py> {
        self.0.slopes(&u.as_array().to_vec()).into_pyarray(py)
    }
}

/// Train: `evaluate` gives loss, gradient and loss of the validation part at a point; `watch` sees a snapshot after every
/// iteration and says whether to stop. Returns a dictionary.
#[pyfunction]
#[allow(clippy::needless_pass_by_value)] // the binding hands over what it converted
pub fn train<'py>(
    py: Python<'py>,
    options: Bound<'py, PyDict>,
    numbers: Vec<Number>,
    start: Vec<f64>,
    evaluate: Bound<'py, PyAny>,
    watch: Bound<'py, PyAny>,
    resume: Option<BTreeMap<String, PyReadonlyArray1<'py, f64>>>,
) -> PyResult<Bound<'py, PyDict>> {
    let o = Options::new(options);
    let method = match (checked(Method::named(&o.text("optimizer")?))?, o.maybe_number("learning_rate")?) {
        (Method::Adam { .. }, Some(learning_rate)) => Method::Adam { learning_rate },
        (method, _) => method,
    };
    let training = Training {
        method,
        iterations: o.count("iterations")?,
        patience: o.maybe_count("patience")?,
        tolerance: o.number("tolerance")?,
        restarts: o.count("restarts")?,
        jitter: o.number("jitter")?,
        seed: o.seed("seed")?,
    };
    let coordinates = coordinates(numbers)?;
    let resume = resume.map(|arrays| {
        let arrays = arrays.into_iter().map(|(name, array)| (name, array.as_array().to_vec())).collect();
        checked(Snapshot::from_arrays(&arrays))
    });
    let mut model = Called { py, evaluate: Some(&evaluate), means: None, failure: None };
    let mut of_watch = None;
    let result = training.run(&mut model, &coordinates, &start, resume.transpose()?, &mut |now| {
        let stop = watch.call1((PySnapshot(now.clone()),)).and_then(|stop| stop.is_truthy());
        match stop {
            Ok(true) => Ok(ControlFlow::Break(())),
            Ok(false) => Ok(ControlFlow::Continue(())),
            Err(error) => {
                let text = error.to_string();
                of_watch = Some(error);
                Err(Error::Mismatch(text))
            }
        }
    });
    if let Some(error) = of_watch {
        return Err(error);
    }
    let found = model.finish(result)?;
    let all = PyDict::new(py);
    all.set_item("point", found.point.into_pyarray(py))?;
    all.set_item("loss", found.loss)?;
    all.set_item("validation", found.validation)?;
    all.set_item("start", found.start)?;
    let starts = found.starts.into_iter().map(|start| {
        let one = PyDict::new(py);
        one.set_item("ended", start.ended.name())?;
        one.set_item("losses", start.losses)?;
        one.set_item("validations", start.validations)?;
        one.set_item("best", start.best)?;
        Ok(one)
    });
    all.set_item("starts", starts.collect::<PyResult<Vec<_>>>()?)?;
    Ok(all)
}

/// Standard errors of the numbers of a point, their covariance, and groups of numbers that are not determined; `means`
/// gives expected responses and the information that each carries.
#[pyfunction]
#[allow(clippy::type_complexity)] // what the binding hands over
pub fn information<'py>(
    py: Python<'py>,
    numbers: Vec<Number>,
    point: Vec<f64>,
    means: Bound<'py, PyAny>,
) -> PyResult<(Numbers<'py>, Frames<'py>, Vec<Vec<usize>>)> {
    let coordinates = coordinates(numbers)?;
    let mut model = Called { py, evaluate: None, means: Some(&means), failure: None };
    let result = convis::fit::information(&mut model, &coordinates, &point);
    let found = model.finish(result)?;
    let covariance = Array2::from_shape_vec((point.len(), point.len()), found.covariance);
    let covariance = covariance.map_err(|error| PyRuntimeError::new_err(error.to_string()))?;
    Ok((found.errors.into_pyarray(py), covariance.into_pyarray(py), found.undetermined))
}
