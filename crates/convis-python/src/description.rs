//! `RetinaDescription`: the configuration of a retina, by keys and in files.

use std::path::PathBuf;

use convis::retina::RetinaDescription;
use convis::retina::description::schema::Value;
use convis::retina::description::tree::{Tree, Unknown};
use convis::retina::description::{PRESETS, reference};
use convis_io::{Syntax, format_description, read_description, write_description};
use pyo3::exceptions::{PyTypeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::{PyBool, PyDict, PyList, PyString, PyTuple};

use crate::errors::checked;
use crate::frames::exception;

/// A key, its unit, meaning and default value.
type Key<'py> = (String, &'static str, &'static str, Bound<'py, PyAny>);

/// The description of a retina, as Virtual Retina has it.
#[pyclass(name = "RetinaDescription", module = "convis._native", eq)]
#[derive(Clone, PartialEq)]
pub struct PyDescription(RetinaDescription);

#[pymethods]
impl PyDescription {
    /// A description by its name.
    #[new]
    fn new(preset: &str) -> PyResult<Self> {
        Ok(Self(checked(RetinaDescription::preset(preset))?))
    }

    /// Names and meanings of those that can be had by name.
    #[staticmethod]
    fn presets() -> Vec<(&'static str, &'static str)> {
        PRESETS.iter().map(|preset| (preset.name, preset.doc)).collect()
    }

    /// Every key with its unit, meaning and default.
    #[staticmethod]
    fn reference(py: Python<'_>) -> PyResult<Vec<Key<'_>>> {
        reference()
            .into_iter()
            .map(|(key, attribute, default)| {
                let default = match &default {
                    Some(value) => of_value(py, value)?,
                    None => py.None().into_bound(py),
                };
                Ok((key, attribute.unit, attribute.doc, default))
            })
            .collect()
    }

    /// The description in a file, and what was passed over.
    #[staticmethod]
    fn read(path: PathBuf, lenient: bool) -> PyResult<(Self, Vec<String>)> {
        let mut unknown = unknown(lenient);
        let description = read_description(path, &mut unknown).map_err(|error| exception(&error))?;
        Ok((Self(description), unknown.into_warnings()))
    }

    /// The description in nested dictionaries, and what was passed over.
    #[staticmethod]
    fn from_tree(tree: &Bound<'_, PyAny>, lenient: bool) -> PyResult<(Self, Vec<String>)> {
        let mut unknown = unknown(lenient);
        let description = checked(RetinaDescription::from_tree(&to_tree(tree)?, &mut unknown))?;
        Ok((Self(description), unknown.into_warnings()))
    }

    /// Write it to a file.
    #[allow(clippy::needless_pass_by_value)] // the binding hands over what it converted
    fn write(&self, path: PathBuf) -> PyResult<()> {
        write_description(path, &self.0).map_err(|error| exception(&error))
    }

    /// As text: "xml", "toml" or "json".
    fn format(&self, syntax: &str) -> PyResult<String> {
        let syntax = match syntax {
            "xml" => Syntax::Xml,
            "toml" => Syntax::Toml,
            "json" => Syntax::Json,
            _ => return Err(PyValueError::new_err(format!("expected xml, toml or json, got {syntax:?}"))),
        };
        format_description(&self.0, syntax).map_err(|error| exception(&error))
    }

    /// What stands at a key.
    fn get<'py>(&self, py: Python<'py>, key: &str) -> PyResult<Bound<'py, PyAny>> {
        of_tree(py, &checked(self.0.get(key))?)
    }

    /// Set what stands at a key.
    fn set(&mut self, key: &str, value: &Bound<'_, PyAny>) -> PyResult<()> {
        checked(self.0.set(key, &to_tree(value)?))
    }

    /// Everything, in nested dictionaries.
    fn tree<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        of_tree(py, &self.0.to_tree())
    }

    /// The description without the nodes that are switched off.
    fn enabled_only(&self) -> Self {
        Self(self.0.enabled_only())
    }

    /// What is allowed and yet hardly meant.
    fn warnings(&self) -> Vec<String> {
        self.0.warnings()
    }

    fn __reduce__<'py>(&self, py: Python<'py>) -> PyResult<(Bound<'py, PyAny>, (Bound<'py, PyAny>,))> {
        let restore = py.get_type::<Self>().getattr("_restore")?;
        Ok((restore, (self.tree(py)?,)))
    }

    /// From `tree`, for copies.
    #[staticmethod]
    fn _restore(tree: &Bound<'_, PyAny>) -> PyResult<Self> {
        Ok(Self::from_tree(tree, false)?.0)
    }
}

fn unknown(lenient: bool) -> Unknown {
    if lenient { Unknown::Warn(vec![]) } else { Unknown::Refuse }
}

fn of_value<'py>(py: Python<'py>, value: &Value) -> PyResult<Bound<'py, PyAny>> {
    Ok(match value {
        Value::Number(number) => number.into_pyobject(py)?.into_any(),
        Value::Flag(flag) => flag.into_pyobject(py)?.to_owned().into_any(),
        Value::Text(text) => text.into_pyobject(py)?.into_any(),
    })
}

fn of_tree<'py>(py: Python<'py>, tree: &Tree) -> PyResult<Bound<'py, PyAny>> {
    match tree {
        Tree::Value(value) => of_value(py, value),
        Tree::List(items) => {
            let items: Vec<_> = items.iter().map(|item| of_tree(py, item)).collect::<PyResult<_>>()?;
            Ok(PyList::new(py, items)?.into_any())
        }
        Tree::Table(entries) => {
            let table = PyDict::new(py);
            for (name, item) in entries {
                table.set_item(name, of_tree(py, item)?)?;
            }
            Ok(table.into_any())
        }
    }
}

fn to_tree(object: &Bound<'_, PyAny>) -> PyResult<Tree> {
    if let Ok(flag) = object.cast::<PyBool>() {
        return Ok(flag.is_true().into());
    }
    if let Ok(text) = object.cast::<PyString>() {
        return Ok(text.to_str()?.into());
    }
    if let Ok(table) = object.cast::<PyDict>() {
        let entries = table.iter().map(|(name, item)| {
            let name = name.cast::<PyString>().map_err(|_| refused(&name))?.to_str()?.to_string();
            Ok((name, to_tree(&item)?))
        });
        return Ok(Tree::Table(entries.collect::<PyResult<_>>()?));
    }
    if object.is_instance_of::<PyList>() || object.is_instance_of::<PyTuple>() {
        return Ok(Tree::List(object.try_iter()?.map(|item| to_tree(&item?)).collect::<PyResult<_>>()?));
    }
    object.extract::<f64>().map(Tree::from).map_err(|_| refused(object))
}

fn refused(object: &Bound<'_, PyAny>) -> PyErr {
    let found = object.repr().map_or_else(|_| "something else".to_string(), |text| text.to_string());
    PyTypeError::new_err(format!(
        "value: expected a number, True, False, text, or a list or dictionary of them, got {found}"
    ))
}
