//! `Tensor`: numbers with a shape, perhaps with a history.
#![allow(clippy::doc_markdown)] // documentation of classes and methods is read in Python

use std::sync::OnceLock;

use convis::tensor::{Leaf, backward};
use convis::{DType, Tensor};
use numpy::{PyArrayDescr, dtype};
use pyo3::exceptions::{PyRuntimeError, PyTypeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyTuple};

use crate::arrays;
use crate::compute::compute;
use crate::errors::checked;

/// Numbers with a shape that never change, perhaps with the record of how they were computed.
///
/// Calling a layer gives tensors; `numpy.asarray(tensor)` shows their memory without copying (read-only).
///
/// Parameters
/// ----------
/// data : array_like
///     The numbers; copied. Arrays of float64 and uint8 keep their type, everything else becomes float32.
/// requires_grad : bool
///     Whether `backward` of a result leaves a gradient here.
///
/// Examples
/// --------
/// >>> import convis, numpy as np
/// >>> t = convis.Tensor([[1.0, 2.0]])
/// >>> t.shape, np.asarray(t).flags.writeable
/// ((1, 2), False)
#[pyclass(frozen, name = "Tensor", module = "convis._native")]
pub struct PyTensor {
    tensor: Tensor,
    leaf: OnceLock<Leaf>,
}

impl From<Tensor> for PyTensor {
    fn from(tensor: Tensor) -> Self {
        // What Python keeps must not change under it: borrowed memory is copied.
        Self { tensor: tensor.owned(), leaf: OnceLock::new() }
    }
}

impl PyTensor {
    /// A tensor whose gradient goes to `leaf`.
    pub fn with_leaf(tensor: &Tensor, leaf: &Leaf) -> Self {
        let leaf = OnceLock::from(leaf.clone());
        Self { tensor: tensor.detach().owned(), leaf }
    }

    /// The numbers, without a leaf of their own.
    pub const fn plain(&self) -> &Tensor {
        &self.tensor
    }

    /// The numbers with their history.
    pub fn tensor(&self) -> Tensor {
        self.leaf.get().map_or_else(|| self.tensor.clone(), |leaf| self.tensor.with_leaf(leaf))
    }
}

#[pymethods]
impl PyTensor {
    #[new]
    #[pyo3(signature = (data, requires_grad=false))]
    fn new(data: &Bound<'_, PyAny>, requires_grad: bool) -> PyResult<Self> {
        let tensor = Self::from(arrays::owned(&as_array(data)?)?);
        if requires_grad {
            tensor.leaf.get_or_init(Leaf::default);
        }
        Ok(tensor)
    }

    /// The sizes of its axes.
    #[getter]
    fn shape<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyTuple>> {
        PyTuple::new(py, self.tensor.shape())
    }

    /// Number of axes.
    #[getter]
    fn ndim(&self) -> usize {
        self.tensor.shape().len()
    }

    /// Number of numbers.
    #[getter]
    fn size(&self) -> usize {
        self.tensor.len()
    }

    /// The type of its numbers, a numpy dtype.
    #[getter]
    fn dtype<'py>(&self, py: Python<'py>) -> Bound<'py, PyArrayDescr> {
        match self.tensor.dtype() {
            DType::F32 => dtype::<f32>(py),
            DType::F64 => dtype::<f64>(py),
            DType::U8 => dtype::<u8>(py),
        }
    }

    /// Whether it was computed with gradients recorded, or collects a gradient itself.
    #[getter]
    fn requires_grad(&self) -> bool {
        self.leaf.get().is_some() || self.tensor.has_history()
    }

    /// From now on, collect the gradient of results computed from it.
    #[pyo3(signature = (requires_grad=true))]
    fn requires_grad_(slf: Bound<'_, Self>, requires_grad: bool) -> PyResult<Bound<'_, Self>> {
        let this = slf.get();
        if requires_grad && !this.tensor.has_history() {
            this.leaf.get_or_init(Leaf::default);
        } else if !requires_grad && this.requires_grad() {
            return Err(PyRuntimeError::new_err(
                "requires_grad_: a tensor that requires gradients keeps doing so; use detach() for one without",
            ));
        }
        Ok(slf)
    }

    /// The gradient summed up by `backward`; None before, and of results.
    #[getter]
    fn grad(&self) -> PyResult<Option<Self>> {
        let gradient = self.leaf.get().and_then(Leaf::gradient);
        gradient.map(|gradient| Ok(checked(gradient.reshape(self.tensor.shape()))?.into())).transpose()
    }

    /// A movie of one batch and one channel, if it has three axes; otherwise itself. Gradients come back here.
    #[pyo3(name = "_as_movie")]
    fn as_movie(slf: Bound<'_, Self>) -> PyResult<Bound<'_, Self>> {
        let this = slf.get();
        let [frames, height, width] = *this.tensor.shape() else { return Ok(slf) };
        let tensor = checked(this.tensor.reshape(&[1, 1, frames, height, width]))?;
        let leaf = this.leaf.get().map_or_else(OnceLock::new, |leaf| OnceLock::from(leaf.clone()));
        Bound::new(slf.py(), Self { tensor, leaf })
    }

    /// Forget the gradient.
    fn zero_grad(&self) {
        if let Some(leaf) = self.leaf.get() {
            leaf.set_gradient(None);
        }
    }

    /// Walk back from this result and add to the gradients of the parameters and inputs it depends on.
    ///
    /// Parameters
    /// ----------
    /// gradient : array_like, optional
    ///     Derivative of a loss with respect to this tensor, of its shape; not needed for a single number.
    #[pyo3(signature = (gradient=None))]
    fn backward(&self, py: Python<'_>, gradient: Option<&Bound<'_, PyAny>>) -> PyResult<()> {
        let gradient = match gradient {
            Some(gradient) => arrays::owned(&as_array(gradient)?)?,
            None if self.tensor.len() == 1 => checked(Tensor::from_vec(vec![1.0f64], self.tensor.shape()))?,
            None => {
                return Err(PyValueError::new_err(format!(
                    "gradient: needed for a result of more than one number (shape {:?}); give the derivative of your \
                     loss with respect to each of them",
                    self.tensor.shape()
                )));
            }
        };
        let tensor = self.tensor();
        compute(py, || checked(backward(&[(&tensor, gradient)])))
    }

    /// The same numbers without their history.
    fn detach(&self) -> Self {
        self.tensor.detach().into()
    }

    /// The same numbers without their history.
    #[getter]
    fn data(&self) -> Self {
        self.detach()
    }

    /// The only number, as a float.
    fn item(&self) -> PyResult<f64> {
        match self.tensor.len() {
            1 => Ok(self.tensor.to_f64()[0]),
            n => Err(PyValueError::new_err(format!(
                "item: expected a tensor of one number, this one holds {n}"
            ))),
        }
    }

    fn __float__(&self) -> PyResult<f64> {
        self.item()
    }

    fn __len__(&self) -> PyResult<usize> {
        self.tensor
            .shape()
            .first()
            .copied()
            .ok_or_else(|| PyTypeError::new_err("a tensor without axes has no length"))
    }

    /// A part, by numpy's basic or advanced indexing; copied.
    fn __getitem__(slf: &Bound<'_, Self>, key: &Bound<'_, PyAny>) -> PyResult<Self> {
        if slf.get().requires_grad() {
            return Err(PyRuntimeError::new_err(
                "parts of a tensor with history are not recorded yet; use .detach()[...], or pass a gradient that is \
                 zero elsewhere to backward",
            ));
        }
        Self::new(&arrays::view(slf).get_item(key)?, false)
    }

    /// A read-only array that shows its memory.
    fn numpy<'py>(slf: &Bound<'py, Self>) -> Bound<'py, PyAny> {
        arrays::view(slf)
    }

    /// Its numbers as nested lists.
    fn tolist<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, PyAny>> {
        arrays::view(slf).call_method0("tolist")
    }

    #[pyo3(signature = (dtype=None, copy=None))]
    fn __array__<'py>(
        slf: &Bound<'py, Self>,
        dtype: Option<&Bound<'py, PyAny>>,
        copy: Option<bool>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let array = arrays::view(slf);
        let same = match dtype {
            Some(dtype) => dtype.eq(array.getattr("dtype")?)?,
            None => true,
        };
        if same {
            return if copy == Some(true) { array.call_method0("copy") } else { Ok(array) };
        }
        if copy == Some(false) {
            return Err(PyValueError::new_err(
                "copy: expected True or None, as another dtype needs a copy; got False",
            ));
        }
        array.call_method1("astype", (dtype,))
    }

    /// This tensor: it is on the processor already.
    fn cpu(slf: Bound<'_, Self>) -> Bound<'_, Self> {
        slf
    }

    /// Refused: this build computes on the processor.
    #[allow(clippy::unused_self)] // a method in Python
    fn cuda(&self) -> PyResult<Self> {
        Err(PyRuntimeError::new_err("cuda: this build of convis has no GPU support; it computes on the CPU"))
    }

    fn __repr__(slf: &Bound<'_, Self>) -> PyResult<String> {
        let this = slf.get();
        let history = if this.requires_grad() { ", requires_grad=True" } else { "" };
        let shape = slf.getattr("shape")?.repr()?;
        let dtype = this.tensor.dtype();
        if this.tensor.len() <= 6 {
            let numbers = arrays::view(slf).call_method0("tolist")?.repr()?;
            return Ok(format!("Tensor({numbers}, shape={shape}, dtype={dtype}{history})"));
        }
        Ok(format!("Tensor(shape={shape}, dtype={dtype}{history})"))
    }

    fn __reduce__<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, PyTuple>> {
        let this = slf.get();
        let copy = arrays::view(slf).call_method0("copy")?;
        let arguments = (copy, this.leaf.get().is_some());
        (slf.get_type(), arguments).into_pyobject(slf.py())
    }
}

/// An array of float32, float64 or uint8 in C order.
fn as_array<'py>(data: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
    if data.is_instance_of::<PyTensor>() {
        return Ok(data.clone());
    }
    let numpy = data.py().import("numpy")?;
    let order = PyDict::new(data.py());
    order.set_item("order", "C")?;
    let array = numpy.call_method("asarray", (data,), Some(&order))?;
    let kind: String = array.getattr("dtype")?.getattr("kind")?.extract()?;
    let name: String = array.getattr("dtype")?.getattr("name")?.extract()?;
    let typed = data.hasattr("dtype")?;
    match name.as_str() {
        "float32" | "float64" | "uint8" if typed => {
            if array.getattr("dtype")?.getattr("isnative")?.extract()? {
                return Ok(array);
            }
            array.call_method1("astype", (name,))
        }
        _ if "fiub".contains(kind.as_str()) => array.call_method1("astype", ("float32",)),
        _ => Err(PyTypeError::new_err(format!("data: expected numbers, got dtype {name}"))),
    }
}
