//! Options of layers and stimuli by name, as Python gives them.

use std::cell::RefCell;

use convis::Error;
use pyo3::exceptions::{PyRuntimeError, PyTypeError};
use pyo3::prelude::*;
use pyo3::types::PyDict;

use crate::errors::checked;

/// Options by name. What is built takes each of its own once; one that is left over is refused.
pub struct Options<'py> {
    values: Bound<'py, PyDict>,
    taken: RefCell<Vec<String>>,
}

impl<'py> Options<'py> {
    /// The options in a dictionary.
    pub const fn new(values: Bound<'py, PyDict>) -> Self {
        Self { values, taken: RefCell::new(vec![]) }
    }

    /// Refuses options that nobody took.
    pub fn done(&self, kind: &str) -> PyResult<()> {
        for (name, _) in &self.values {
            let name: String = name.extract()?;
            if !self.taken.borrow().contains(&name) {
                return Err(PyRuntimeError::new_err(format!("{kind} has no option {name:?}")));
            }
        }
        Ok(())
    }

    fn value(&self, name: &str) -> PyResult<Bound<'py, PyAny>> {
        self.taken.borrow_mut().push(name.into());
        self.values
            .get_item(name)?
            .ok_or_else(|| PyRuntimeError::new_err(format!("option {name:?} is missing")))
    }

    fn take<T>(&self, name: &str, expected: &str) -> PyResult<T>
    where
        T: for<'a> FromPyObject<'a, 'py>,
    {
        let value = self.value(name)?;
        value.extract::<T>().map_err(|_| {
            let found = value.repr().map_or_else(|_| "something else".into(), |text| text.to_string());
            PyTypeError::new_err(format!("{name}: expected {expected}, got {found}"))
        })
    }

    /// A number.
    pub fn number(&self, name: &str) -> PyResult<f64> {
        self.take(name, "a number")
    }

    /// A number, or None.
    pub fn maybe_number(&self, name: &str) -> PyResult<Option<f64>> {
        self.take(name, "a number, or None")
    }

    /// Numbers, as many as asked for, or None.
    pub fn maybe_numbers<const N: usize>(&self, name: &str) -> PyResult<Option<[f64; N]>> {
        self.take(name, &format!("{N} numbers, or None"))
    }

    /// A name.
    pub fn text(&self, name: &str) -> PyResult<String> {
        self.take(name, "a name")
    }

    /// Numbers.
    pub fn numbers(&self, name: &str) -> PyResult<Vec<f64>> {
        self.take(name, "a sequence of numbers")
    }

    /// A seed.
    pub fn seed(&self, name: &str) -> PyResult<u64> {
        self.take(name, "a whole number from 0 to 2**64 - 1")
    }

    /// A seed, or None.
    pub fn maybe_seed(&self, name: &str) -> PyResult<Option<u64>> {
        self.take(name, "a whole number from 0 to 2**64 - 1, or None")
    }

    /// A whole number from 0.
    pub fn count(&self, name: &str) -> PyResult<usize> {
        self.take(name, "a whole number from 0")
    }

    /// A whole number from 0, or None.
    pub fn maybe_count(&self, name: &str) -> PyResult<Option<usize>> {
        self.take(name, "a whole number from 0, or None")
    }

    /// Whole numbers from 0, as many as asked for.
    pub fn counts<const N: usize>(&self, name: &str) -> PyResult<[usize; N]> {
        self.take(name, &format!("{N} whole numbers from 0"))
    }

    /// Whole numbers from 0, as many as asked for, or None.
    pub fn maybe_counts<const N: usize>(&self, name: &str) -> PyResult<Option<[usize; N]>> {
        self.take(name, &format!("{N} whole numbers from 0, or None"))
    }

    /// Whole numbers from 0.
    pub fn sizes(&self, name: &str) -> PyResult<Vec<usize>> {
        self.take(name, "whole numbers from 0")
    }

    /// True or False.
    pub fn flag(&self, name: &str) -> PyResult<bool> {
        match self.any(name)?.extract::<u8>() {
            Ok(number @ 0..=1) => Ok(number == 1),
            _ => self.take(name, "True or False"),
        }
    }

    /// One of some names.
    pub fn choice<T: Copy>(&self, name: &str, among: &[(&str, T)]) -> PyResult<T> {
        let found: String = self.take(name, "a name")?;
        let choice = among.iter().find(|(text, _)| *text == found).map(|(_, choice)| *choice);
        checked(choice.ok_or_else(|| Error::choice(name, &found, among.iter().map(|(text, _)| *text))))
    }

    /// Anything, to be looked at by the caller.
    pub fn any(&self, name: &str) -> PyResult<Bound<'py, PyAny>> {
        self.value(name)
    }
}
