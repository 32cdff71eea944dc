//! Numpy arrays to tensors and back, without copying where possible.
#![allow(unsafe_code)] // tensors borrow the memory of arrays, and arrays that of tensors

use std::sync::Arc;

use convis::Tensor;
use convis::tensor::buffer::Buffer;
use convis::tensor::{Data, Numbers};
use numpy::ndarray::{ArrayViewD, IxDyn};
use numpy::{Element, PyArrayDyn, PyArrayMethods, PyUntypedArrayMethods};
use pyo3::exceptions::{PyTypeError, PyValueError};
use pyo3::prelude::*;

use crate::errors::checked;
use crate::tensor::PyTensor;

/// The numbers of an array or a tensor for the length of a call.
///
/// Arrays of float32, float64 or uint8 in C order are borrowed. The tensor must not outlive the call: the caller of
/// the call may write to the array afterwards.
pub fn borrowed(object: &Bound<'_, PyAny>) -> PyResult<Tensor> {
    if let Ok(tensor) = object.cast::<PyTensor>() {
        return Ok(tensor.get().tensor());
    }
    if let Ok(array) = object.cast::<PyArrayDyn<f32>>() {
        return borrow(array);
    }
    if let Ok(array) = object.cast::<PyArrayDyn<f64>>() {
        return borrow(array);
    }
    if let Ok(array) = object.cast::<PyArrayDyn<u8>>() {
        return borrow(array);
    }
    Err(PyTypeError::new_err(format!(
        "input: expected a Tensor or an array of float32, float64 or uint8, got {}",
        object.get_type().name()?
    )))
}

/// The numbers of an array or a tensor, in memory of their own.
pub fn owned(object: &Bound<'_, PyAny>) -> PyResult<Tensor> {
    Ok(borrowed(object)?.owned())
}

fn borrow<T: Numbers + Element>(array: &Bound<'_, PyArrayDyn<T>>) -> PyResult<Tensor> {
    let first = array.data();
    if !array.is_c_contiguous() || !first.is_aligned() {
        return Err(PyValueError::new_err("input: expected an aligned array in C order"));
    }
    if array.is_empty() {
        return checked(Tensor::from_vec(Vec::<T>::new(), array.shape()));
    }
    let owner: Py<PyAny> = array.clone().into_any().unbind();
    // SAFETY: the array is aligned and contiguous, and `owner` keeps its memory alive. That nobody writes to it
    // while a call computes is the rule for arrays handed to any numpy function; results are copied (`owned`)
    // before anything is kept.
    let buffer = unsafe { Buffer::foreign(first.cast_const(), array.len(), Arc::new(owner)) };
    checked(Tensor::from_buffer(buffer, array.shape()))
}

/// A read-only array that shows a tensor's memory and keeps it alive.
pub fn view<'py>(tensor: &Bound<'py, PyTensor>) -> Bound<'py, PyAny> {
    match tensor.get().plain().data() {
        Data::F32(numbers) => view_of(tensor, numbers),
        Data::F64(numbers) => view_of(tensor, numbers),
        Data::U8(numbers) => view_of(tensor, numbers),
    }
}

fn view_of<'py, T: Numbers + Element>(
    tensor: &Bound<'py, PyTensor>,
    numbers: &Buffer<T>,
) -> Bound<'py, PyAny> {
    let shape = IxDyn(tensor.get().plain().shape());
    // SAFETY: a tensor's numbers are contiguous, as many as its shape says, and never move nor change; the array
    // holds the tensor.
    let array = unsafe {
        let numbers = ArrayViewD::from_shape_ptr(shape, numbers.as_ptr());
        PyArrayDyn::borrow_from_array(&numbers, tensor.clone().into_any())
    };
    array.readwrite().make_nonwriteable();
    array.into_any()
}
