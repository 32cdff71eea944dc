//! Computing without the interpreter lock.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::OnceLock;

use convis::kernels::parallel::with_threads;
use pyo3::exceptions::PyRuntimeError;
use pyo3::prelude::*;

/// The process that imported the extension.
static HOME: OnceLock<u32> = OnceLock::new();

/// To be called once, at import.
///
/// Keeps the extension from writing to stderr what [`compute`] reports as an exception.
pub fn prepare() {
    HOME.get_or_init(std::process::id);
    std::panic::set_hook(Box::new(|_| ()));
}

/// Computes with the interpreter lock released, so that other Python threads go on.
///
/// Should the library break one of its own rules, the caller gets a `RuntimeError`.
pub fn compute<T: Send>(py: Python<'_>, work: impl FnOnce() -> PyResult<T> + Send) -> PyResult<T> {
    // A forked process (multiprocessing, joblib) has none of the threads of the one it came from: it would wait for
    // them forever.
    let forked = HOME.get().is_some_and(|home| *home != std::process::id());
    let work = || if forked { with_threads(1, work) } else { work() };
    py.detach(|| catch_unwind(AssertUnwindSafe(work))).unwrap_or_else(|_| {
        Err(PyRuntimeError::new_err(
            "internal error: convis could not finish this computation; the model is as it was before. Please report \
             what you did",
        ))
    })
}
