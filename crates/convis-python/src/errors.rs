//! The library's errors as Python exceptions.

use convis::Error;
use pyo3::exceptions::{PyOSError, PyRuntimeError, PyValueError};
use pyo3::prelude::*;

/// The Python exception for an error of the library.
pub fn exception(error: &Error) -> PyErr {
    let message = error.to_string();
    match error {
        Error::Stream(_) => PyOSError::new_err(message),
        Error::Interrupted { .. } | Error::Diverged(_) => PyRuntimeError::new_err(message),
        _ => PyValueError::new_err(message),
    }
}

/// Turns a result of the library into one of Python.
pub fn checked<T>(result: Result<T, Error>) -> PyResult<T> {
    result.map_err(|error| exception(&error))
}
