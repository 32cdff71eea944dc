//! `Optimizer`: an optimiser of the library acting on an array of numbers.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError, TryLockError};

use convis::optimizers::{
    Adadelta, Adagrad, Adam, AdamW, Adamax, Asgd, CautiousLbfgs, FiniteDifferenceGradient, Lbfgs, LineSearch,
    Memory, NAdam, Optimizer, RAdam, RmsProp, Rprop, Sgd,
};
use numpy::{IntoPyArray, PyArray1, PyReadonlyArray1};
use pyo3::exceptions::{PyRuntimeError, PyTypeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::PyDict;

use crate::errors::checked;

/// An optimiser; `convis.optim` is what users see.
#[pyclass(frozen, name = "Optimizer", module = "convis._native")]
pub struct PyOptimizer(Mutex<Box<dyn Optimizer>>);

/// Options by name, with the library's default for those left out.
struct Options<'a, 'py>(&'a Bound<'py, PyDict>);

impl Options<'_, '_> {
    fn get<T: for<'a> FromPyObject<'a, 'a>>(&self, name: &str, default: T, expected: &str) -> PyResult<T> {
        match self.0.get_item(name)? {
            Some(value) => value
                .extract()
                .map_err(|_| PyTypeError::new_err(format!("{name}: expected {expected}, got {value}"))),
            None => Ok(default),
        }
    }

    fn number(&self, name: &str, default: f64) -> PyResult<f64> {
        self.get(name, default, "a number")
    }

    fn flag(&self, name: &str) -> PyResult<bool> {
        self.get(name, false, "True or False")
    }

    fn pair(&self, name: &str, default: (f64, f64)) -> PyResult<(f64, f64)> {
        self.get(name, default, "two numbers")
    }

    fn lbfgs(&self) -> PyResult<Lbfgs> {
        let d = Lbfgs::default();
        let line_search =
            match self.get::<Option<String>>("line_search_fn", None, "a name or None")?.as_deref() {
                None => LineSearch::None,
                Some("strong_wolfe") => LineSearch::StrongWolfe,
                Some(other) => {
                    return Err(PyValueError::new_err(format!(
                        "line_search_fn: expected None or \"strong_wolfe\", got {other:?}"
                    )));
                }
            };
        let count = "a whole number from 1";
        Ok(Lbfgs {
            lr: self.number("lr", d.lr)?,
            max_iter: self.get("max_iter", d.max_iter, count)?,
            max_eval: self.get("max_eval", d.max_eval, count)?,
            tolerance_grad: self.number("tolerance_grad", d.tolerance_grad)?,
            tolerance_change: self.number("tolerance_change", d.tolerance_change)?,
            history_size: self.get("history_size", d.history_size, count)?,
            line_search,
            ..d
        })
    }
}

#[allow(clippy::too_many_lines)] // a table
fn built(name: &str, o: &Options<'_, '_>) -> PyResult<Box<dyn Optimizer>> {
    Ok(match name {
        "SGD" => {
            let d = Sgd::default();
            Box::new(Sgd {
                lr: o.number("lr", d.lr)?,
                momentum: o.number("momentum", d.momentum)?,
                dampening: o.number("dampening", d.dampening)?,
                weight_decay: o.number("weight_decay", d.weight_decay)?,
                nesterov: o.flag("nesterov")?,
                ..d
            })
        }
        "Adam" => {
            let d = Adam::default();
            Box::new(Adam {
                lr: o.number("lr", d.lr)?,
                betas: o.pair("betas", d.betas)?,
                eps: o.number("eps", d.eps)?,
                weight_decay: o.number("weight_decay", d.weight_decay)?,
                amsgrad: o.flag("amsgrad")?,
                ..d
            })
        }
        "AdamW" => {
            let d = AdamW::default();
            Box::new(AdamW {
                lr: o.number("lr", d.lr)?,
                betas: o.pair("betas", d.betas)?,
                eps: o.number("eps", d.eps)?,
                weight_decay: o.number("weight_decay", d.weight_decay)?,
                amsgrad: o.flag("amsgrad")?,
                ..d
            })
        }
        "Adagrad" => {
            let d = Adagrad::default();
            Box::new(Adagrad {
                lr: o.number("lr", d.lr)?,
                lr_decay: o.number("lr_decay", d.lr_decay)?,
                weight_decay: o.number("weight_decay", d.weight_decay)?,
                initial_accumulator_value: o
                    .number("initial_accumulator_value", d.initial_accumulator_value)?,
                eps: o.number("eps", d.eps)?,
                ..d
            })
        }
        "RMSprop" => {
            let d = RmsProp::default();
            Box::new(RmsProp {
                lr: o.number("lr", d.lr)?,
                alpha: o.number("alpha", d.alpha)?,
                eps: o.number("eps", d.eps)?,
                weight_decay: o.number("weight_decay", d.weight_decay)?,
                momentum: o.number("momentum", d.momentum)?,
                centered: o.flag("centered")?,
                ..d
            })
        }
        "Adadelta" => {
            let d = Adadelta::default();
            Box::new(Adadelta {
                lr: o.number("lr", d.lr)?,
                rho: o.number("rho", d.rho)?,
                eps: o.number("eps", d.eps)?,
                weight_decay: o.number("weight_decay", d.weight_decay)?,
                ..d
            })
        }
        "Adamax" => {
            let d = Adamax::default();
            Box::new(Adamax {
                lr: o.number("lr", d.lr)?,
                betas: o.pair("betas", d.betas)?,
                eps: o.number("eps", d.eps)?,
                weight_decay: o.number("weight_decay", d.weight_decay)?,
                ..d
            })
        }
        "NAdam" => {
            let d = NAdam::default();
            Box::new(NAdam {
                lr: o.number("lr", d.lr)?,
                betas: o.pair("betas", d.betas)?,
                eps: o.number("eps", d.eps)?,
                weight_decay: o.number("weight_decay", d.weight_decay)?,
                momentum_decay: o.number("momentum_decay", d.momentum_decay)?,
                ..d
            })
        }
        "RAdam" => {
            let d = RAdam::default();
            Box::new(RAdam {
                lr: o.number("lr", d.lr)?,
                betas: o.pair("betas", d.betas)?,
                eps: o.number("eps", d.eps)?,
                weight_decay: o.number("weight_decay", d.weight_decay)?,
                ..d
            })
        }
        "Rprop" => {
            let d = Rprop::default();
            Box::new(Rprop {
                lr: o.number("lr", d.lr)?,
                etas: o.pair("etas", d.etas)?,
                step_sizes: o.pair("step_sizes", d.step_sizes)?,
                ..d
            })
        }
        "ASGD" => {
            let d = Asgd::default();
            Box::new(Asgd {
                lr: o.number("lr", d.lr)?,
                lambd: o.number("lambd", d.lambd)?,
                alpha: o.number("alpha", d.alpha)?,
                t0: o.number("t0", d.t0)?,
                weight_decay: o.number("weight_decay", d.weight_decay)?,
                ..d
            })
        }
        "LBFGS" => Box::new(o.lbfgs()?),
        "CautiousLBFGS" => Box::new(CautiousLbfgs::new(o.lbfgs()?)),
        "FiniteDifferenceGradientOptimizer" => Box::new(FiniteDifferenceGradient::default()),
        _ => return Err(PyValueError::new_err(format!("optimizer {name:?} does not exist"))),
    })
}

impl PyOptimizer {
    fn inner(&self) -> PyResult<MutexGuard<'_, Box<dyn Optimizer>>> {
        match self.0.try_lock() {
            Ok(inner) => Ok(inner),
            Err(TryLockError::Poisoned(inner)) => Ok(PoisonError::into_inner(inner)),
            Err(TryLockError::WouldBlock) => {
                Err(PyRuntimeError::new_err("this optimizer is making a step already"))
            }
        }
    }
}

#[pymethods]
impl PyOptimizer {
    #[new]
    fn new(name: &str, options: &Bound<'_, PyDict>) -> PyResult<Self> {
        let optimizer = built(name, &Options(options))?;
        checked(optimizer.check())?;
        Ok(Self(Mutex::new(optimizer)))
    }

    /// One step from a point; `evaluate` gives the loss and its gradient. Returns the point after it and the first loss.
    #[allow(clippy::needless_pass_by_value)] // the binding hands over what it converted
    fn step<'py>(
        &self,
        py: Python<'py>,
        point: PyReadonlyArray1<'py, f64>,
        evaluate: &Bound<'py, PyAny>,
    ) -> PyResult<(Bound<'py, PyArray1<f64>>, f64)> {
        let mut inner = self.inner()?;
        let mut point: Vec<f64> = point.as_array().to_vec();
        let mut failure = None;
        let result = inner.step(&mut point, &mut |point| {
            let asked = || -> PyResult<(f64, Vec<f64>)> {
                let (loss, gradient): (f64, PyReadonlyArray1<'_, f64>) =
                    evaluate.call1((point.to_vec().into_pyarray(py),))?.extract()?;
                Ok((loss, gradient.as_array().to_vec()))
            };
            asked().map_err(|error| {
                let text = error.to_string();
                failure = Some(error);
                convis::Error::Mismatch(text)
            })
        });
        match failure {
            Some(error) => Err(error),
            None => Ok((point.into_pyarray(py), checked(result)?)),
        }
    }

    /// What it remembers, by name.
    fn memory<'py>(&self, py: Python<'py>) -> PyResult<BTreeMap<String, Bound<'py, PyArray1<f64>>>> {
        let memory = self.inner()?.memory();
        Ok(memory.into_iter().map(|(name, array)| (name, array.into_pyarray(py))).collect())
    }

    /// Go on from what an optimiser of the same kind remembered.
    #[allow(clippy::needless_pass_by_value)] // the binding hands over what it converted
    fn restore(&self, memory: BTreeMap<String, PyReadonlyArray1<'_, f64>>) -> PyResult<()> {
        let memory: Memory =
            memory.into_iter().map(|(name, array)| (name, array.as_array().to_vec())).collect();
        checked(self.inner()?.restore(&memory))
    }

    /// How far a step goes; None where there is no such number.
    #[getter]
    fn lr(&self) -> PyResult<Option<f64>> {
        Ok(self.inner()?.learning_rate())
    }

    /// Set how far a step goes.
    fn set_lr(&self, lr: f64) -> PyResult<()> {
        checked(self.inner()?.set_learning_rate(lr))
    }
}
