//! `Parameter`: a value of a layer, or of one's own.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{PoisonError, RwLock};

use convis::parameter::{Parameter, Range};
use convis::tensor::Leaf;
use convis::{DType, Error, Result, Tensor};
use numpy::ndarray::{ArrayD, IxDyn};
use numpy::{IntoPyArray, PyArrayDyn, PyReadonlyArrayDyn};
use pyo3::prelude::*;

use crate::errors::checked;
use crate::tensor::{PyTensor, recording};

/// The value of a parameter with its gradient; `convis.variables.Parameter` is what users see.
#[pyclass(frozen, name = "Parameter", module = "convis._native")]
pub struct PyParameter(Kind);

enum Kind {
    /// A parameter of a layer of the library.
    OfLayer(Parameter),
    /// A parameter made in Python.
    Own(Own),
}

struct Own {
    value: RwLock<Vec<f64>>,
    shape: Vec<usize>,
    requires_grad: AtomicBool,
    leaf: Leaf,
}

impl From<Parameter> for PyParameter {
    fn from(parameter: Parameter) -> Self {
        Self(Kind::OfLayer(parameter))
    }
}

impl PyParameter {
    fn numbers(&self) -> (Vec<f64>, Vec<usize>) {
        match &self.0 {
            Kind::OfLayer(parameter) => parameter.value(),
            Kind::Own(own) => {
                (own.value.read().unwrap_or_else(PoisonError::into_inner).clone(), own.shape.clone())
            }
        }
    }

    /// The parameter of the library, if it is one.
    pub fn of_layer(&self) -> Option<Parameter> {
        self.spec().cloned()
    }

    fn fits(&self, value: &[f64], shape: &[usize]) -> Result<()> {
        match &self.0 {
            Kind::OfLayer(parameter) => parameter.check_value(value, shape),
            Kind::Own(own) if own.shape != shape => {
                Err(Error::argument("value", format!("shape {:?}", own.shape), format!("shape {shape:?}")))
            }
            Kind::Own(_) if value.iter().all(|x| x.is_finite()) => Ok(()),
            Kind::Own(_) => Err(Error::argument("value", "finite numbers", "NaN or infinity")),
        }
    }

    const fn spec(&self) -> Option<&Parameter> {
        match &self.0 {
            Kind::OfLayer(parameter) => Some(parameter),
            Kind::Own(_) => None,
        }
    }
}

#[pymethods]
impl PyParameter {
    #[new]
    #[allow(clippy::needless_pass_by_value)] // the binding hands over what it converted
    fn new(value: PyReadonlyArrayDyn<'_, f64>, requires_grad: bool) -> PyResult<Self> {
        let value = value.as_array();
        let parameter = Self(Kind::Own(Own {
            value: RwLock::new(value.iter().copied().collect()),
            shape: value.shape().to_vec(),
            requires_grad: AtomicBool::new(requires_grad),
            leaf: Leaf::default(),
        }));
        let (numbers, shape) = parameter.numbers();
        checked(parameter.fits(&numbers, &shape))?;
        Ok(parameter)
    }

    /// Its name within the layer.
    #[getter]
    fn name(&self) -> &'static str {
        self.spec().map_or("", |parameter| parameter.spec().name)
    }

    /// Its unit.
    #[getter]
    fn unit(&self) -> &'static str {
        self.spec().map_or("", |parameter| parameter.spec().unit)
    }

    /// What it does.
    #[getter]
    fn doc(&self) -> &'static str {
        self.spec().map_or("", |parameter| parameter.spec().doc)
    }

    /// Its value unless set.
    #[getter]
    fn default(&self) -> Option<f64> {
        self.spec().map(|parameter| parameter.spec().default)
    }

    /// Whether results have a derivative with respect to it.
    #[getter]
    fn differentiable(&self) -> bool {
        self.spec().is_none_or(|parameter| parameter.spec().differentiable)
    }

    /// Which values make sense: any, positive, non-negative or count.
    #[getter]
    fn range(&self) -> &'static str {
        match self.spec().map_or(Range::Any, |parameter| parameter.spec().range) {
            Range::Any => "any",
            Range::Positive => "positive",
            Range::NonNegative => "non-negative",
            Range::Count => "count",
        }
    }

    /// A copy of its numbers.
    fn value<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyArrayDyn<f64>>> {
        let (numbers, shape) = self.numbers();
        let array = ArrayD::from_shape_vec(IxDyn(&shape), numbers)
            .map_err(|error| pyo3::exceptions::PyRuntimeError::new_err(error.to_string()))?;
        Ok(array.into_pyarray(py))
    }

    /// Refuse values that make no sense or have another shape than it can take, without setting them.
    #[allow(clippy::needless_pass_by_value)] // the binding hands over what it converted
    fn check(&self, value: PyReadonlyArrayDyn<'_, f64>) -> PyResult<()> {
        let value = value.as_array();
        checked(self.fits(&value.iter().copied().collect::<Vec<_>>(), value.shape()))
    }

    /// Set its numbers; the array has a shape that it can take.
    #[allow(clippy::needless_pass_by_value)] // the binding hands over what it converted
    fn set(&self, value: PyReadonlyArrayDyn<'_, f64>) -> PyResult<()> {
        let value = value.as_array();
        let numbers: Vec<f64> = value.iter().copied().collect();
        match &self.0 {
            Kind::OfLayer(parameter) => checked(parameter.set_value(numbers, value.shape())),
            Kind::Own(own) => {
                checked(self.fits(&numbers, value.shape()))?;
                *own.value.write().unwrap_or_else(PoisonError::into_inner) = numbers;
                Ok(())
            }
        }
    }

    /// Whether calls record what its gradient needs.
    #[getter]
    fn requires_grad(&self) -> bool {
        match &self.0 {
            Kind::OfLayer(parameter) => parameter.requires_grad(),
            Kind::Own(own) => own.requires_grad.load(Ordering::Relaxed),
        }
    }

    /// Switch its gradient on or off.
    fn set_requires_grad(&self, on: bool) -> PyResult<()> {
        match &self.0 {
            Kind::OfLayer(parameter) => checked(parameter.set_requires_grad(on)),
            Kind::Own(own) => {
                own.requires_grad.store(on, Ordering::Relaxed);
                Ok(())
            }
        }
    }

    /// The gradient summed up by `backward`.
    fn gradient(&self) -> PyResult<Option<PyTensor>> {
        let gradient = match &self.0 {
            Kind::OfLayer(parameter) => parameter.gradient(),
            Kind::Own(own) => own.leaf.gradient(),
        };
        gradient.map(|gradient| Ok(checked(gradient.reshape(&self.numbers().1))?.into())).transpose()
    }

    /// Replace the gradient; returns the one before.
    fn swap_gradient(&self, gradient: Option<&Bound<'_, PyTensor>>) -> PyResult<Option<PyTensor>> {
        let before = self.gradient()?;
        let gradient = gradient.map(|gradient| gradient.get().plain().clone());
        match &self.0 {
            Kind::OfLayer(parameter) => parameter.set_gradient(gradient),
            Kind::Own(own) => own.leaf.set_gradient(gradient),
        }
        Ok(before)
    }

    /// Forget the gradient.
    fn zero_grad(&self) {
        match &self.0 {
            Kind::OfLayer(parameter) => parameter.set_gradient(None),
            Kind::Own(own) => own.leaf.set_gradient(None),
        }
    }

    /// Its numbers as a tensor; if it was made in Python and requires gradients, results lead back to it.
    fn tensor(&self, double: bool) -> PyResult<PyTensor> {
        match &self.0 {
            Kind::Own(_) => self.traced(if double { DType::F64 } else { DType::F32 }, true),
            Kind::OfLayer(_) => self.traced(if double { DType::F64 } else { DType::F32 }, false),
        }
    }

    /// Its numbers for arithmetic, in double precision that gives way to the type of a tensor it meets; results lead back
    /// to it where `gradients` are wanted and it requires them.
    fn operand(&self, gradients: bool) -> PyResult<PyTensor> {
        Ok(self.traced(DType::F64, gradients && recording())?.yielding())
    }
}

impl PyParameter {
    fn traced(&self, dtype: DType, gradients: bool) -> PyResult<PyTensor> {
        let gradients = gradients && self.requires_grad();
        let leaf = match &self.0 {
            Kind::OfLayer(parameter) => parameter.leaf(),
            Kind::Own(own) => &own.leaf,
        };
        let (numbers, shape) = self.numbers();
        let tensor = checked(Tensor::from_vec(numbers, &shape))?.cast(dtype);
        Ok(if gradients { PyTensor::with_leaf(&tensor, leaf) } else { tensor.into() })
    }
}
