//! `Tensor`: numbers with a shape, perhaps with a history.
#![allow(clippy::doc_markdown)] // documentation of classes and methods is read in Python
#![allow(clippy::wrong_self_convention)] // the names are those of numpy and torch

use std::cell::Cell;
use std::sync::OnceLock;

use convis::tensor::{Comparison, Leaf, Range, backward};
use convis::{DType, Tensor};
use numpy::{PyArrayDescr, PyReadonlyArrayDyn, PyUntypedArray, dtype};
use pyo3::basic::CompareOp;
use pyo3::exceptions::{PyIndexError, PyRuntimeError, PyTypeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::{PyBool, PyDict, PyEllipsis, PyFloat, PyInt, PyList, PySlice, PyTuple};

use crate::arrays;
use crate::compute::compute;
use crate::errors::checked;

/// Numbers with a shape that never change, perhaps with the record of how they were computed.
///
/// Calling a layer gives tensors; `numpy.asarray(tensor)` shows their memory without copying (read-only). Arithmetic
/// follows numpy's rules for shapes and is recorded where a gradient is wanted. Numbers, arrays and parameters take the
/// type of the tensor they meet; of two tensors the more precise type wins.
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
/// >>> x = convis.Tensor([1.0, 2.0, 3.0], requires_grad=True)
/// >>> ((x - np.array([0.0, 1.0, 5.0])) ** 2).sum().backward()
/// >>> x.grad.tolist()
/// [2.0, 2.0, -4.0]
#[pyclass(frozen, name = "Tensor", module = "convis._native")]
pub struct PyTensor {
    tensor: Tensor,
    leaf: OnceLock<Leaf>,
    /// Whether its type gives way to that of a tensor it meets: computed from numbers, arrays and parameters alone.
    yields: bool,
}

impl From<Tensor> for PyTensor {
    fn from(tensor: Tensor) -> Self {
        // What Python keeps must not change under it: borrowed memory is copied.
        Self { tensor: tensor.owned(), leaf: OnceLock::new(), yields: false }
    }
}

thread_local! {
    /// How many `no_grad` blocks this thread is in.
    static PAUSES: Cell<u32> = const { Cell::new(0) };
}

/// Begin (1) or end (-1) a block in which this thread records nothing.
#[pyfunction]
pub fn pause_recording(by: i32) {
    PAUSES.set(PAUSES.get().saturating_add_signed(by));
}

/// Whether this thread records what gradients need.
#[pyfunction]
pub fn recording() -> bool {
    PAUSES.get() == 0
}

impl PyTensor {
    /// A tensor whose gradient goes to `leaf`.
    pub fn with_leaf(tensor: &Tensor, leaf: &Leaf) -> Self {
        let leaf = OnceLock::from(leaf.clone());
        Self { tensor: tensor.detach().owned(), leaf, yields: false }
    }

    /// The same, with a type that gives way.
    pub fn yielding(self) -> Self {
        Self { yields: true, ..self }
    }

    /// The numbers, without a leaf of their own.
    pub const fn plain(&self) -> &Tensor {
        &self.tensor
    }

    /// The numbers with their history.
    pub fn tensor(&self) -> Tensor {
        self.leaf.get().map_or_else(|| self.tensor.clone(), |leaf| self.tensor.with_leaf(leaf))
    }

    /// The numbers for a computation: with their history if it is recorded.
    fn input(&self) -> Tensor {
        if recording() { self.tensor() } else { self.tensor.detach() }
    }

    /// A result computed from this tensor alone.
    fn result(&self, tensor: Tensor) -> Self {
        Self { yields: self.yields, ..Self::from(tensor) }
    }

    /// A function of this tensor alone.
    fn function(
        &self,
        py: Python<'_>,
        f: impl FnOnce(&Tensor) -> convis::Result<Tensor> + Send,
    ) -> PyResult<Self> {
        let x = self.input();
        Ok(self.result(computed(py, x.len(), || f(&x))?))
    }

    /// A reduction over the axes asked for, all by default.
    fn reduced(
        &self,
        py: Python<'_>,
        over: &Over<'_, '_>,
        f: fn(&Tensor, &[usize], bool) -> convis::Result<Tensor>,
    ) -> PyResult<Self> {
        let (axes, keep) = over.axes(self.tensor.shape().len())?;
        self.function(py, |x| f(x, &axes, keep))
    }
}

/// Computes; large ones with the interpreter lock released.
fn computed(
    py: Python<'_>,
    numbers: usize,
    work: impl FnOnce() -> convis::Result<Tensor> + Send,
) -> PyResult<Tensor> {
    if numbers < 4096 { checked(work()) } else { compute(py, || checked(work())) }
}

/// One side of an operation.
struct Operand {
    tensor: Tensor,
    yields: bool,
}

/// Numbers that can be computed with; `None` for anything else.
fn operand(object: &Bound<'_, PyAny>) -> PyResult<Option<Operand>> {
    if let Ok(tensor) = object.cast::<PyTensor>() {
        let tensor = tensor.get();
        return Ok(Some(Operand { tensor: tensor.input(), yields: tensor.yields }));
    }
    if object.is_instance_of::<PyFloat>() || object.is_instance_of::<PyInt>() {
        let number = Tensor::number(object.extract()?, DType::F64);
        return Ok(Some(Operand { tensor: number, yields: true }));
    }
    // Arrays as they mostly are, without asking numpy.
    if object.is_instance_of::<PyUntypedArray>()
        && let Ok(tensor) = arrays::owned(object)
    {
        return Ok(Some(Operand { tensor, yields: true }));
    }
    if object.hasattr("_operand")? {
        return operand(&object.call_method0("_operand")?);
    }
    if object.hasattr("__array__")? || object.is_instance_of::<PyList>() || object.is_instance_of::<PyTuple>()
    {
        return Ok(Some(Operand { tensor: arrays::owned(&as_array(object, "float64")?)?, yields: true }));
    }
    Ok(None)
}

/// Two sides in types that fit, and whether that of the result gives way.
fn met(a: Operand, b: Operand) -> (Tensor, Tensor, bool) {
    let floating = |x: &Tensor| if x.dtype() == DType::F64 { DType::F64 } else { DType::F32 };
    match (a.yields, b.yields) {
        (true, false) => (a.tensor.cast(floating(&b.tensor)), b.tensor, false),
        (false, true) => {
            let dtype = floating(&a.tensor);
            (a.tensor, b.tensor.cast(dtype), false)
        }
        (yields, _) => (a.tensor, b.tensor, yields),
    }
}

type Binary = fn(&Tensor, &Tensor) -> convis::Result<Tensor>;

/// An operation of two sides; `NotImplemented` where one of them is no number.
fn binary<'py>(a: &Bound<'py, PyAny>, b: &Bound<'py, PyAny>, f: Binary) -> PyResult<Bound<'py, PyAny>> {
    let py = a.py();
    let (Some(a), Some(b)) = (operand(a)?, operand(b)?) else {
        return Ok(py.NotImplemented().into_bound(py));
    };
    let (a, b, yields) = met(a, b);
    let tensor = computed(py, a.len().max(b.len()), || f(&a, &b))?;
    Ok(Bound::new(py, PyTensor { yields, ..PyTensor::from(tensor) })?.into_any())
}

/// The axes of a reduction as numpy and torch name them.
struct Over<'a, 'py> {
    dim: Option<&'a Bound<'py, PyAny>>,
    keepdim: bool,
    axis: Option<&'a Bound<'py, PyAny>>,
    keepdims: Option<bool>,
}

impl Over<'_, '_> {
    fn axes(&self, axes: usize) -> PyResult<(Vec<usize>, bool)> {
        let keep = self.keepdims.unwrap_or(self.keepdim);
        let Some(chosen) = self.dim.or(self.axis) else { return Ok(((0..axes).collect(), keep)) };
        let numbers: Vec<isize> = if let Ok(one) = chosen.extract::<isize>() {
            vec![one]
        } else {
            chosen
                .extract()
                .map_err(|_| PyTypeError::new_err("dim: expected an axis, or several as a tuple"))?
        };
        Ok((numbers.into_iter().map(|axis| axis_of(axis, axes)).collect::<PyResult<_>>()?, keep))
    }
}

/// An axis counted from the end if negative.
fn axis_of(axis: isize, axes: usize) -> PyResult<usize> {
    let from_start = if axis < 0 { axis + axes as isize } else { axis };
    usize::try_from(from_start).ok().filter(|axis| *axis < axes).ok_or_else(|| {
        PyValueError::new_err(format!("dim: expected an axis of a tensor that has {axes}, got {axis}"))
    })
}

/// Whole numbers given one by one, or as one sequence.
fn whole_numbers(numbers: &Bound<'_, PyTuple>, name: &str) -> PyResult<Vec<isize>> {
    let wrong = |_| PyTypeError::new_err(format!("{name}: expected whole numbers"));
    match numbers.len() {
        1 if numbers.get_item(0)?.extract::<isize>().is_err() => {
            numbers.get_item(0)?.extract().map_err(wrong)
        }
        _ => numbers
            .extract::<Vec<isize>>()
            .or_else(|_| numbers.iter().map(|n| n.extract()).collect())
            .map_err(wrong),
    }
}

/// A part by numpy's indexing.
enum Index {
    /// Ranges of the axes, and the shape after axes were dropped and added.
    Ranges(Vec<Range>, Vec<usize>),
    /// Anything else.
    Advanced,
}

fn index(key: &Bound<'_, PyAny>, shape: &[usize]) -> PyResult<Index> {
    let keys: Vec<Bound<'_, PyAny>> =
        if let Ok(keys) = key.cast::<PyTuple>() { keys.iter().collect() } else { vec![key.clone()] };
    let is_new = |key: &Bound<'_, PyAny>| key.is_none();
    let is_rest = |key: &Bound<'_, PyAny>| key.is_instance_of::<PyEllipsis>();
    let named = keys.iter().filter(|key| !is_new(key) && !is_rest(key)).count();
    if keys.iter().filter(|key| is_rest(key)).count() > 1 {
        return Err(PyIndexError::new_err("index: expected at most one ..."));
    }
    let (mut ranges, mut result) = (Vec::with_capacity(shape.len()), vec![]);
    for key in &keys {
        let axis = ranges.len();
        if is_new(key) {
            result.push(1);
        } else if is_rest(key) {
            for &length in &shape[axis..(axis + shape.len()).saturating_sub(named).clamp(axis, shape.len())] {
                ranges.push(Range::from_to(0, length));
                result.push(length);
            }
        } else if let Ok(slice) = key.cast::<PySlice>() {
            let Some(&length) = shape.get(axis) else { return Err(too_many(shape)) };
            let found = slice.indices(length as isize)?;
            ranges.push(Range {
                start: found.start.max(0) as usize,
                step: found.step,
                length: found.slicelength,
            });
            result.push(found.slicelength);
        } else if !key.is_instance_of::<PyBool>()
            && !key.is_instance_of::<PyTensor>()
            && !key.is_instance_of::<PyList>()
            && let Ok(number) = key.extract::<isize>()
        {
            let Some(&length) = shape.get(axis) else { return Err(too_many(shape)) };
            let place = if number < 0 { number + length as isize } else { number };
            if !(0..length as isize).contains(&place) {
                let message = format!(
                    "index: expected one from {} to {} for axis {axis}, got {number}",
                    -(length as isize),
                    length as isize - 1
                );
                return Err(PyIndexError::new_err(message));
            }
            ranges.push(Range::from_to(place as usize, place as usize + 1));
        } else {
            return Ok(Index::Advanced);
        }
    }
    if ranges.len() > shape.len() {
        return Err(too_many(shape));
    }
    result.extend(&shape[ranges.len()..]);
    Ok(Index::Ranges(ranges, result))
}

fn too_many(shape: &[usize]) -> PyErr {
    PyIndexError::new_err(format!("index: expected at most {} axes, as shape {shape:?} has", shape.len()))
}

#[pymethods]
impl PyTensor {
    #[new]
    #[pyo3(signature = (data, requires_grad=false))]
    fn new(data: &Bound<'_, PyAny>, requires_grad: bool) -> PyResult<Self> {
        let tensor = Self::from(arrays::owned(&as_array(data, "float32")?)?.detach());
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

    /// Setting it to None forgets it.
    #[setter]
    fn set_grad(&self, gradient: Option<&Bound<'_, PyAny>>) -> PyResult<()> {
        if gradient.is_some() {
            return Err(PyTypeError::new_err("grad: expected None, which forgets the gradient"));
        }
        self.zero_grad();
        Ok(())
    }

    /// A movie of one batch and one channel, if it has three axes; otherwise itself. Gradients come back here.
    #[pyo3(name = "_as_movie")]
    fn as_movie(slf: Bound<'_, Self>) -> PyResult<Bound<'_, Self>> {
        let this = slf.get();
        let [frames, height, width] = *this.tensor.shape() else { return Ok(slf) };
        let tensor = checked(this.tensor().reshape(&[1, 1, frames, height, width]))?;
        Bound::new(slf.py(), this.result(tensor))
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
            Some(gradient) => arrays::owned(&as_array(gradient, "float64")?)?,
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
        self.result(self.tensor.detach())
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

    /// The only number in a format, `f"{loss:.3f}"`; without a format any tensor.
    fn __format__(slf: &Bound<'_, Self>, format: &str) -> PyResult<String> {
        if format.is_empty() {
            return Ok(slf.str()?.to_string());
        }
        let number = slf.get().item()?.into_pyobject(slf.py())?;
        number.call_method1("__format__", (format,))?.extract()
    }

    fn __int__(&self) -> PyResult<i64> {
        Ok(self.item()? as i64)
    }

    fn __bool__(&self) -> PyResult<bool> {
        match self.tensor.len() {
            1 => Ok(self.tensor.to_f64()[0] != 0.0),
            n => Err(PyValueError::new_err(format!(
                "the truth of a tensor of {n} numbers is ambiguous; use .min() for all of them, .max() for any"
            ))),
        }
    }

    fn __len__(&self) -> PyResult<usize> {
        self.tensor
            .shape()
            .first()
            .copied()
            .ok_or_else(|| PyTypeError::new_err("a tensor without axes has no length"))
    }

    /// A part, by numpy's basic or advanced indexing.
    fn __getitem__(slf: &Bound<'_, Self>, key: &Bound<'_, PyAny>) -> PyResult<Self> {
        let this = slf.get();
        let x = this.input();
        match index(key, x.shape())? {
            Index::Ranges(ranges, shape) => {
                let part = computed(slf.py(), x.len(), || x.part(&ranges)?.reshape(&shape))?;
                Ok(this.result(part))
            }
            Index::Advanced => {
                // Numpy knows its own rules: let it pick from the numbers of the places.
                let numpy = slf.py().import("numpy")?;
                let places = numpy
                    .call_method1("arange", (x.len(),))?
                    .call_method1("reshape", (slf.getattr("shape")?,))?;
                let picked = places.get_item(as_key(key)?)?;
                let picked: PyReadonlyArrayDyn<'_, i64> =
                    numpy.call_method1("asarray", (picked, "int64"))?.extract()?;
                let shape = picked.as_array().shape().to_vec();
                let places: Vec<usize> = picked.as_array().iter().map(|&place| place as usize).collect();
                Ok(this.result(computed(slf.py(), places.len(), || x.take(&places, &shape))?))
            }
        }
    }

    #[allow(clippy::unused_self)] // a method in Python
    fn __setitem__(&self, _key: &Bound<'_, PyAny>, _value: &Bound<'_, PyAny>) -> PyResult<()> {
        Err(PyTypeError::new_err(
            "a tensor never changes; change a copy (tensor.numpy().copy()) and make a tensor of it",
        ))
    }

    // ------------------------------------------------------------------ arithmetic
    fn __add__<'py>(slf: &Bound<'py, Self>, other: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
        binary(slf, other, Tensor::add)
    }

    fn __radd__<'py>(slf: &Bound<'py, Self>, other: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
        binary(other, slf, Tensor::add)
    }

    fn __sub__<'py>(slf: &Bound<'py, Self>, other: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
        binary(slf, other, Tensor::sub)
    }

    fn __rsub__<'py>(slf: &Bound<'py, Self>, other: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
        binary(other, slf, Tensor::sub)
    }

    fn __mul__<'py>(slf: &Bound<'py, Self>, other: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
        binary(slf, other, Tensor::mul)
    }

    fn __rmul__<'py>(slf: &Bound<'py, Self>, other: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
        binary(other, slf, Tensor::mul)
    }

    fn __truediv__<'py>(slf: &Bound<'py, Self>, other: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
        binary(slf, other, Tensor::div)
    }

    fn __rtruediv__<'py>(slf: &Bound<'py, Self>, other: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
        binary(other, slf, Tensor::div)
    }

    fn __pow__<'py>(
        slf: &Bound<'py, Self>,
        other: &Bound<'py, PyAny>,
        _modulo: Option<&Bound<'py, PyAny>>,
    ) -> PyResult<Bound<'py, PyAny>> {
        binary(slf, other, Tensor::pow)
    }

    fn __rpow__<'py>(
        slf: &Bound<'py, Self>,
        other: &Bound<'py, PyAny>,
        _modulo: Option<&Bound<'py, PyAny>>,
    ) -> PyResult<Bound<'py, PyAny>> {
        binary(other, slf, Tensor::pow)
    }

    fn __matmul__<'py>(slf: &Bound<'py, Self>, other: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
        binary(slf, other, Tensor::matmul)
    }

    fn __rmatmul__<'py>(slf: &Bound<'py, Self>, other: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
        binary(other, slf, Tensor::matmul)
    }

    fn __neg__(&self, py: Python<'_>) -> PyResult<Self> {
        self.function(py, |x| Ok(x.neg()))
    }

    fn __pos__(slf: Bound<'_, Self>) -> Bound<'_, Self> {
        slf
    }

    fn __abs__(&self, py: Python<'_>) -> PyResult<Self> {
        self.abs(py)
    }

    /// Compares number by number: bytes, 1 where it is true.
    fn __richcmp__<'py>(
        slf: &Bound<'py, Self>,
        other: &Bound<'py, PyAny>,
        comparison: CompareOp,
    ) -> PyResult<Bound<'py, PyAny>> {
        binary(
            slf,
            other,
            match comparison {
                CompareOp::Lt => |a, b| a.compare(Comparison::Less, b),
                CompareOp::Le => |a, b| a.compare(Comparison::LessOrEqual, b),
                CompareOp::Eq => |a, b| a.compare(Comparison::Equal, b),
                CompareOp::Ne => |a, b| a.compare(Comparison::NotEqual, b),
                CompareOp::Gt => |a, b| a.compare(Comparison::Greater, b),
                CompareOp::Ge => |a, b| a.compare(Comparison::GreaterOrEqual, b),
            },
        )
    }

    fn __hash__(slf: &Bound<'_, Self>) -> isize {
        slf.as_ptr() as isize
    }

    /// What numpy's functions do with tensors: those known here are recorded, others see the numbers as arrays.
    #[pyo3(signature = (ufunc, method, *inputs, **options))]
    fn __array_ufunc__<'py>(
        &self,
        ufunc: &Bound<'py, PyAny>,
        method: &str,
        inputs: &Bound<'py, PyTuple>,
        options: Option<&Bound<'py, PyDict>>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let py = ufunc.py();
        let plain = method == "__call__" && options.is_none_or(PyDictMethods::is_empty);
        let name: String = ufunc.getattr("__name__")?.extract()?;
        if plain && inputs.len() == 2 {
            let f: Option<Binary> = match name.as_str() {
                "add" => Some(Tensor::add),
                "subtract" => Some(Tensor::sub),
                "multiply" => Some(Tensor::mul),
                "divide" | "true_divide" => Some(Tensor::div),
                "power" | "float_power" => Some(Tensor::pow),
                "matmul" => Some(Tensor::matmul),
                "maximum" => Some(Tensor::maximum),
                "minimum" => Some(Tensor::minimum),
                "less" => Some(|a, b| a.compare(Comparison::Less, b)),
                "less_equal" => Some(|a, b| a.compare(Comparison::LessOrEqual, b)),
                "equal" => Some(|a, b| a.compare(Comparison::Equal, b)),
                "not_equal" => Some(|a, b| a.compare(Comparison::NotEqual, b)),
                "greater" => Some(|a, b| a.compare(Comparison::Greater, b)),
                "greater_equal" => Some(|a, b| a.compare(Comparison::GreaterOrEqual, b)),
                _ => None,
            };
            if let Some(f) = f {
                return binary(&inputs.get_item(0)?, &inputs.get_item(1)?, f);
            }
        }
        if plain && inputs.len() == 1 {
            let f: Option<fn(&Tensor) -> Tensor> = match name.as_str() {
                "negative" => Some(Tensor::neg),
                "exp" => Some(Tensor::exp),
                "log" => Some(Tensor::log),
                "tanh" => Some(Tensor::tanh),
                "sqrt" => Some(Tensor::sqrt),
                "absolute" => Some(Tensor::abs),
                "square" => Some(Tensor::square),
                _ => None,
            };
            if let Some(f) = f {
                return Ok(Bound::new(py, self.function(py, |x| Ok(f(x)))?)?.into_any());
            }
        }
        let arrays = inputs.iter().map(|input| match input.cast::<Self>() {
            Ok(tensor) => arrays::view(tensor),
            Err(_) => input,
        });
        ufunc.call_method(method, PyTuple::new(py, arrays.collect::<Vec<_>>())?, options)
    }

    // ------------------------------------------------------------------ functions
    /// max(x, 0); the gradient at 0 is 0.
    fn relu(&self, py: Python<'_>) -> PyResult<Self> {
        self.function(py, |x| Ok(x.relu()))
    }

    /// The numbers not below `min` and not above `max`; the gradient passes within.
    #[pyo3(signature = (min=None, max=None))]
    fn clamp(&self, py: Python<'_>, min: Option<f64>, max: Option<f64>) -> PyResult<Self> {
        if min.is_none() && max.is_none() {
            return Err(PyValueError::new_err("clamp: expected min, max or both"));
        }
        if let (Some(min), Some(max)) = (min, max)
            && (min.is_nan() || max.is_nan() || min > max)
        {
            return Err(PyValueError::new_err(format!("clamp: expected min up to max, got {min} and {max}")));
        }
        let (min, max) = (min.unwrap_or(f64::NEG_INFINITY), max.unwrap_or(f64::INFINITY));
        self.function(py, |x| Ok(x.clamp(min, max)))
    }

    /// eˣ.
    fn exp(&self, py: Python<'_>) -> PyResult<Self> {
        self.function(py, |x| Ok(x.exp()))
    }

    /// The natural logarithm.
    fn log(&self, py: Python<'_>) -> PyResult<Self> {
        self.function(py, |x| Ok(x.log()))
    }

    /// The hyperbolic tangent.
    fn tanh(&self, py: Python<'_>) -> PyResult<Self> {
        self.function(py, |x| Ok(x.tanh()))
    }

    /// 1/(1 + e⁻ˣ).
    fn sigmoid(&self, py: Python<'_>) -> PyResult<Self> {
        self.function(py, |x| Ok(x.sigmoid()))
    }

    /// ln(1 + eˣ).
    fn softplus(&self, py: Python<'_>) -> PyResult<Self> {
        self.function(py, |x| Ok(x.softplus()))
    }

    /// The square root.
    fn sqrt(&self, py: Python<'_>) -> PyResult<Self> {
        self.function(py, |x| Ok(x.sqrt()))
    }

    /// |x|; the gradient at 0 is 0.
    fn abs(&self, py: Python<'_>) -> PyResult<Self> {
        self.function(py, |x| Ok(x.abs()))
    }

    /// x².
    fn square(&self, py: Python<'_>) -> PyResult<Self> {
        self.function(py, |x| Ok(x.square()))
    }

    /// The power, number by number.
    fn pow<'py>(slf: &Bound<'py, Self>, exponent: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
        known(binary(slf, exponent, Tensor::pow)?, exponent, "exponent")
    }

    /// The larger of two numbers; where they are equal each gets half of the gradient.
    fn maximum<'py>(slf: &Bound<'py, Self>, other: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
        known(binary(slf, other, Tensor::maximum)?, other, "other")
    }

    /// The smaller of two numbers; where they are equal each gets half of the gradient.
    fn minimum<'py>(slf: &Bound<'py, Self>, other: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
        known(binary(slf, other, Tensor::minimum)?, other, "other")
    }

    /// The product of matrices, by numpy's rules for shapes.
    fn matmul<'py>(slf: &Bound<'py, Self>, other: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
        known(binary(slf, other, Tensor::matmul)?, other, "other")
    }

    // ------------------------------------------------------------------ reductions
    /// The sum over axes, all by default; added in double precision and rounded once.
    ///
    /// Parameters
    /// ----------
    /// dim, axis : int or tuple of int, optional
    ///     The axes; two names for one thing.
    /// keepdim, keepdims : bool
    ///     Whether the axes keep the length 1; two names for one thing.
    /// dtype, out : None
    ///     Numpy's functions pass them; only None is accepted.
    #[pyo3(signature = (dim=None, keepdim=false, *, axis=None, keepdims=None, dtype=None, out=None))]
    fn sum(
        &self,
        py: Python<'_>,
        dim: Option<&Bound<'_, PyAny>>,
        keepdim: bool,
        axis: Option<&Bound<'_, PyAny>>,
        keepdims: Option<bool>,
        dtype: Option<&Bound<'_, PyAny>>,
        out: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<Self> {
        refuse(dtype, out)?;
        self.reduced(py, &Over { dim, keepdim, axis, keepdims }, Tensor::sum_over)
    }

    /// The mean over axes, all by default; see :meth:`sum`.
    #[pyo3(signature = (dim=None, keepdim=false, *, axis=None, keepdims=None, dtype=None, out=None))]
    fn mean(
        &self,
        py: Python<'_>,
        dim: Option<&Bound<'_, PyAny>>,
        keepdim: bool,
        axis: Option<&Bound<'_, PyAny>>,
        keepdims: Option<bool>,
        dtype: Option<&Bound<'_, PyAny>>,
        out: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<Self> {
        refuse(dtype, out)?;
        self.reduced(py, &Over { dim, keepdim, axis, keepdims }, Tensor::mean_over)
    }

    /// The largest number over axes, all by default; equal ones share the gradient. See :meth:`sum`.
    #[pyo3(signature = (dim=None, keepdim=false, *, axis=None, keepdims=None, out=None))]
    fn max(
        &self,
        py: Python<'_>,
        dim: Option<&Bound<'_, PyAny>>,
        keepdim: bool,
        axis: Option<&Bound<'_, PyAny>>,
        keepdims: Option<bool>,
        out: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<Self> {
        refuse(None, out)?;
        self.reduced(py, &Over { dim, keepdim, axis, keepdims }, Tensor::max_over)
    }

    /// The smallest number over axes, all by default; equal ones share the gradient. See :meth:`sum`.
    #[pyo3(signature = (dim=None, keepdim=false, *, axis=None, keepdims=None, out=None))]
    fn min(
        &self,
        py: Python<'_>,
        dim: Option<&Bound<'_, PyAny>>,
        keepdim: bool,
        axis: Option<&Bound<'_, PyAny>>,
        keepdims: Option<bool>,
        out: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<Self> {
        refuse(None, out)?;
        self.reduced(py, &Over { dim, keepdim, axis, keepdims }, Tensor::min_over)
    }

    // ------------------------------------------------------------------ shapes
    /// The same numbers with another shape; one length may be -1, which follows from the others.
    #[pyo3(signature = (*shape))]
    fn reshape(&self, py: Python<'_>, shape: &Bound<'_, PyTuple>) -> PyResult<Self> {
        let numbers = whole_numbers(shape, "shape")?;
        let known: usize = numbers.iter().filter(|&&n| n >= 0).map(|&n| n as usize).product();
        let open = numbers.iter().filter(|&&n| n < 0).count();
        if open > 1 || numbers.iter().any(|&n| n < -1) {
            return Err(PyValueError::new_err(format!("shape: expected at most one -1, got {numbers:?}")));
        }
        let rest = self.tensor.len() / known.max(1);
        let shape: Vec<usize> = numbers.iter().map(|&n| if n < 0 { rest } else { n as usize }).collect();
        self.function(py, |x| x.reshape(&shape))
    }

    /// The axes in another order.
    #[pyo3(signature = (*order))]
    fn permute(&self, py: Python<'_>, order: &Bound<'_, PyTuple>) -> PyResult<Self> {
        let axes = self.tensor.shape().len();
        let order: Vec<usize> = whole_numbers(order, "order")?
            .into_iter()
            .map(|axis| axis_of(axis, axes))
            .collect::<PyResult<_>>()?;
        self.function(py, |x| x.permute(&order))
    }

    /// With another axis of length 1.
    fn unsqueeze(&self, py: Python<'_>, dim: isize) -> PyResult<Self> {
        let axis = axis_of(dim, self.tensor.shape().len() + 1)?;
        self.function(py, |x| x.unsqueeze(axis))
    }

    /// Without an axis of length 1, or without all of them.
    #[pyo3(signature = (dim=None))]
    fn squeeze(&self, py: Python<'_>, dim: Option<isize>) -> PyResult<Self> {
        match dim {
            Some(dim) => {
                let axis = axis_of(dim, self.tensor.shape().len())?;
                self.function(py, |x| x.squeeze(axis))
            }
            None => {
                let shape: Vec<usize> = self.tensor.shape().iter().copied().filter(|&n| n != 1).collect();
                self.function(py, |x| x.reshape(&shape))
            }
        }
    }

    /// The same numbers in single precision.
    fn float(&self, py: Python<'_>) -> PyResult<Self> {
        Ok(Self { yields: false, ..self.function(py, |x| Ok(x.cast(DType::F32)))? })
    }

    /// The same numbers in double precision.
    fn double(&self, py: Python<'_>) -> PyResult<Self> {
        Ok(Self { yields: false, ..self.function(py, |x| Ok(x.cast(DType::F64)))? })
    }

    // ------------------------------------------------------------------ numbers for others
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

    /// Its memory for other libraries; copied for those that cannot be told that it is read-only.
    #[pyo3(signature = (**options))]
    fn __dlpack__<'py>(
        slf: &Bound<'py, Self>,
        options: Option<&Bound<'py, PyDict>>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let array = arrays::view(slf);
        array
            .call_method("__dlpack__", (), options)
            .or_else(|_| array.call_method0("copy")?.call_method("__dlpack__", (), options))
    }

    /// The processor, as DLPack numbers devices.
    #[allow(clippy::unused_self)] // a method in Python
    const fn __dlpack_device__(&self) -> (u32, u32) {
        (1, 0)
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

/// The tensors one after the other along an axis.
///
/// Parameters
/// ----------
/// tensors : sequence of Tensor or array_like
///     They may differ in the length of that axis only.
/// dim : int
///     The axis.
///
/// Examples
/// --------
/// >>> import convis
/// >>> convis.cat([convis.Tensor([[1.0], [2.0]]), [[3.0], [4.0]]], dim=1).tolist()
/// [[1.0, 3.0], [2.0, 4.0]]
#[pyfunction]
#[pyo3(signature = (tensors, dim=0))]
pub fn cat(py: Python<'_>, tensors: &Bound<'_, PyAny>, dim: isize) -> PyResult<PyTensor> {
    joined(py, tensors, |first| axis_of(dim, first.shape().len()), convis::tensor::cat)
}

/// The tensors side by side along a new axis.
///
/// Parameters
/// ----------
/// tensors : sequence of Tensor or array_like
///     They have one shape.
/// dim : int
///     Where the new axis is.
///
/// Examples
/// --------
/// >>> import convis
/// >>> convis.stack([convis.Tensor([1.0, 2.0]), [3.0, 4.0]], dim=1).tolist()
/// [[1.0, 3.0], [2.0, 4.0]]
#[pyfunction]
#[pyo3(signature = (tensors, dim=0))]
pub fn stack(py: Python<'_>, tensors: &Bound<'_, PyAny>, dim: isize) -> PyResult<PyTensor> {
    joined(py, tensors, |first| axis_of(dim, first.shape().len() + 1), convis::tensor::stack)
}

fn joined(
    py: Python<'_>,
    tensors: &Bound<'_, PyAny>,
    axis: impl Fn(&Tensor) -> PyResult<usize>,
    join: fn(&[&Tensor], usize) -> convis::Result<Tensor>,
) -> PyResult<PyTensor> {
    let mut all = vec![];
    for item in tensors.try_iter().map_err(|_| PyTypeError::new_err("tensors: expected several of them"))? {
        let item = item?;
        all.push(operand(&item)?.ok_or_else(|| {
            PyTypeError::new_err(format!("tensors: expected tensors or arrays, got {}", kind(&item)))
        })?);
    }
    let precise = |of: &[&Operand]| {
        [DType::F64, DType::F32].into_iter().find(|dtype| of.iter().any(|x| x.tensor.dtype() == *dtype))
    };
    let firm: Vec<&Operand> = all.iter().filter(|x| !x.yields).collect();
    let yields = firm.is_empty();
    let types = if yields { all.iter().collect() } else { firm };
    let dtype = precise(&types).unwrap_or(if all.iter().all(|x| x.tensor.dtype() == DType::U8) {
        DType::U8
    } else {
        DType::F32
    });
    let all: Vec<Tensor> = all.into_iter().map(|x| x.tensor.cast(dtype)).collect();
    let first =
        all.first().ok_or_else(|| PyValueError::new_err("tensors: expected at least one, got none"))?;
    let axis = axis(first)?;
    let numbers = all.iter().map(Tensor::len).sum();
    let tensor = computed(py, numbers, || join(&all.iter().collect::<Vec<_>>(), axis))?;
    Ok(PyTensor { yields, ..PyTensor::from(tensor) })
}

/// The loss of this name: output and target of one shape.
#[pyfunction]
pub fn loss(
    py: Python<'_>,
    name: &str,
    output: &Bound<'_, PyTensor>,
    target: &Bound<'_, PyTensor>,
) -> PyResult<PyTensor> {
    let loss = checked(convis::loss::Loss::named(name))?;
    let (output, target) = (output.get().input(), target.get().plain().clone());
    Ok(computed(py, output.len(), || loss.of(&output, &target))?.into())
}

/// Refuses what numpy's functions could ask for and tensors do not do.
fn refuse(dtype: Option<&Bound<'_, PyAny>>, out: Option<&Bound<'_, PyAny>>) -> PyResult<()> {
    match (dtype, out) {
        (None, None) => Ok(()),
        _ => Err(PyTypeError::new_err("dtype, out: expected None; use float() or double() for another type")),
    }
}

/// The result of a method, or an error where the operation did not know the other side.
fn known<'py>(
    result: Bound<'py, PyAny>,
    other: &Bound<'py, PyAny>,
    name: &str,
) -> PyResult<Bound<'py, PyAny>> {
    if result.is_instance_of::<PyTensor>() {
        return Ok(result);
    }
    Err(PyTypeError::new_err(format!("{name}: expected a tensor, an array or a number, got {}", kind(other))))
}

fn kind(object: &Bound<'_, PyAny>) -> String {
    object.get_type().name().map_or_else(|_| "something else".into(), |name| name.to_string())
}

/// A key for numpy: tensors of bytes are masks, as comparisons give them.
fn as_key<'py>(key: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
    if let Ok(keys) = key.cast::<PyTuple>() {
        let keys = keys.iter().map(|key| as_key(&key)).collect::<PyResult<Vec<_>>>()?;
        return Ok(PyTuple::new(key.py(), keys)?.into_any());
    }
    let Ok(tensor) = key.cast::<PyTensor>() else { return Ok(key.clone()) };
    let kind = if tensor.get().tensor.dtype() == DType::U8 { "bool" } else { "int64" };
    arrays::view(tensor).call_method1("astype", (kind,))
}

/// An array of float32, float64 or uint8 in C order; other numbers in the type `otherwise`.
fn as_array<'py>(data: &Bound<'py, PyAny>, otherwise: &str) -> PyResult<Bound<'py, PyAny>> {
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
        _ if "fiub".contains(kind.as_str()) => array.call_method1("astype", (otherwise,)),
        _ => Err(PyTypeError::new_err(format!("data: expected numbers, got dtype {name}"))),
    }
}
