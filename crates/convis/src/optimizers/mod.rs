//! Optimisers: from a loss and its gradient to better parameters.
//!
//! An [`Optimizer`] acts on a flat vector of numbers in double precision, the parameters one after the other
//! ([`ParameterVector`]), and asks for the loss and its gradient through a closure; it knows nothing of layers.
//! What it remembers from step to step can be read and restored ([`Memory`]), for stacks and checkpoints.
//!
//! | file | equation |
//! |---|---|
//! | [`Sgd`] | gradient descent with momentum |
//! | [`Adam`], [`AdamW`], [`Adamax`], [`NAdam`], [`RAdam`] | moments of the gradient |
//! | [`Adagrad`], [`RmsProp`], [`Adadelta`] | steps divided by the size of past gradients |
//! | [`Rprop`] | the sign of the gradient alone |
//! | [`Asgd`] | gradient descent that slows down, and its mean |
//! | [`Lbfgs`] | quasi-Newton, with or without line search |
//! | [`CautiousLbfgs`] | the same, never to a worse place |
//! | [`FiniteDifferenceGradient`] | secant steps to the root of each number's gradient |
//!
//! Names, defaults and equations are those of `torch.optim` (version 2), so that recipes carry over.
//!
//! ```
//! use convis::optimizers::{Adam, Optimizer};
//! // The minimum of (x − 3)² + (y + 1)².
//! let mut optimizer = Adam { lr: 0.1, ..Adam::default() };
//! let mut point = [0.0, 0.0];
//! for _ in 0..500 {
//!     optimizer.step(&mut point, &mut |p| {
//!         let d = [p[0] - 3.0, p[1] + 1.0];
//!         Ok((d[0] * d[0] + d[1] * d[1], vec![2.0 * d[0], 2.0 * d[1]]))
//!     })?;
//! }
//! assert!((point[0] - 3.0).abs() < 1e-3 && (point[1] + 1.0).abs() < 1e-3);
//! # Ok::<(), convis::Error>(())
//! ```

mod adadelta;
mod adagrad;
mod adam;
mod adamax;
mod asgd;
mod cautious_lbfgs;
mod finite_difference_gradient;
mod lbfgs;
mod nadam;
mod parameter_vector;
mod radam;
mod rms_prop;
mod rprop;
mod sgd;
mod strong_wolfe;

use std::collections::BTreeMap;

pub use adadelta::Adadelta;
pub use adagrad::Adagrad;
pub use adam::{Adam, AdamW};
pub use adamax::Adamax;
pub use asgd::Asgd;
pub use cautious_lbfgs::CautiousLbfgs;
pub use finite_difference_gradient::FiniteDifferenceGradient;
pub use lbfgs::{Lbfgs, LineSearch};
pub use nadam::NAdam;
pub use parameter_vector::ParameterVector;
pub use radam::RAdam;
pub use rms_prop::RmsProp;
pub use rprop::Rprop;
pub use sgd::Sgd;

use crate::{Error, Result};

/// The loss and its gradient at a point.
///
/// A loss that is not finite says that the point cannot be used; its gradient is not looked at.
pub type Evaluate<'a> = dyn FnMut(&[f64]) -> Result<(f64, Vec<f64>)> + 'a;

/// What an optimiser remembers between steps, by name; empty before the first step.
pub type Memory = BTreeMap<String, Vec<f64>>;

/// A rule that improves a point step by step.
pub trait Optimizer: Send + Sync {
    /// Its name, as in `torch.optim`.
    fn name(&self) -> &'static str;

    /// Checks its options; a step does so as well.
    ///
    /// # Errors
    /// If one makes no sense.
    fn check(&self) -> Result<()>;

    /// Moves the point; returns the loss at its first evaluation, which is that at the point given.
    ///
    /// # Errors
    /// Those of `evaluate`, or if the number of numbers has changed, or the loss is not finite. The point may have been
    /// moved then: whoever calls goes back.
    fn step(&mut self, point: &mut [f64], evaluate: &mut Evaluate<'_>) -> Result<f64>;

    /// What it remembers.
    fn memory(&self) -> Memory;

    /// Goes on from what an optimiser of the same kind remembered.
    ///
    /// # Errors
    /// If it is that of another kind. Nothing has changed then.
    fn restore(&mut self, memory: &Memory) -> Result<()>;

    /// How far a step goes; nothing for an optimiser without such a number.
    fn learning_rate(&self) -> Option<f64>;

    /// Sets how far a step goes.
    ///
    /// # Errors
    /// If it is not a number from 0, or the optimiser has no such number.
    fn set_learning_rate(&mut self, lr: f64) -> Result<()>;
}

/// One evaluation at the point, for optimisers that need no more.
fn evaluate_once(point: &[f64], evaluate: &mut Evaluate<'_>) -> Result<(f64, Vec<f64>)> {
    let (loss, gradient) = evaluate(point)?;
    if gradient.len() != point.len() {
        let found = gradient.len();
        return Err(Error::argument("gradient", format!("{} numbers, as the point has", point.len()), found));
    }
    if !loss.is_finite() || gradient.iter().any(|g| !g.is_finite()) {
        return Err(Error::Diverged(format!(
            "the loss ({loss}) or its gradient is not finite: the model may have diverged; try a smaller lr, or begin \
             from other parameters"
        )));
    }
    Ok((loss, gradient))
}

/// Makes an array of memory as long as the point; what it remembers must be of that length already.
fn sized(array: &mut Vec<f64>, point: &[f64], start: f64) -> Result<()> {
    if array.is_empty() {
        array.resize(point.len(), start);
    }
    same_length(array.len(), point.len())
}

fn same_length(remembered: usize, point: usize) -> Result<()> {
    if remembered == point {
        return Ok(());
    }
    Err(Error::argument(
        "parameters",
        format!(
            "{remembered} numbers, as in the steps before; use a new optimizer (set_optimizer) after changing which parameters, or how many, are fitted"
        ),
        point,
    ))
}

/// Checks options: each is a finite number from 0, those `below_one` also below 1.
fn check_options(options: &[(&str, f64)], below_one: &[(&str, f64)]) -> Result<()> {
    for (name, value) in options {
        if !(value.is_finite() && *value >= 0.0) {
            return Err(Error::argument(name, "a number from 0", value));
        }
    }
    for (name, value) in below_one {
        if !(0.0..1.0).contains(value) {
            return Err(Error::argument(name, "a number from 0, below 1", value));
        }
    }
    Ok(())
}

/// Takes the arrays of these names out of a memory; all of them, or it is empty.
fn recall<const N: usize>(memory: &Memory, optimizer: &str, names: [&str; N]) -> Result<[Vec<f64>; N]> {
    let fits =
        memory.is_empty() || (memory.len() == N && names.iter().all(|name| memory.contains_key(*name)));
    if !fits {
        let found: Vec<&str> = memory.keys().map(String::as_str).collect();
        let expected = format!("what {optimizer} remembers ({})", names.join(", "));
        return Err(Error::argument("memory", expected, found.join(", ")));
    }
    Ok(names.map(|name| memory.get(name).cloned().unwrap_or_default()))
}

/// The arrays by name, unless nothing has been remembered yet.
fn remember<const N: usize>(arrays: [(&str, &[f64]); N]) -> Memory {
    if arrays.iter().all(|(_, array)| array.is_empty()) {
        return Memory::new();
    }
    arrays.into_iter().map(|(name, array)| (name.into(), array.to_vec())).collect()
}

fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

fn largest(a: &[f64]) -> f64 {
    a.iter().fold(0.0, |m, x| m.max(x.abs()))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// ½ Σ cᵢ(xᵢ − i)²: a bowl, with its gradient.
    fn bowl(x: &[f64]) -> (f64, Vec<f64>) {
        let c = |i: usize| 1.0 + i as f64;
        let gradient: Vec<f64> = x.iter().enumerate().map(|(i, x)| c(i) * (x - i as f64)).collect();
        let loss = x.iter().enumerate().map(|(i, x)| 0.5 * c(i) * (x - i as f64).powi(2)).sum();
        (loss, gradient)
    }

    fn all() -> Vec<Box<dyn Optimizer>> {
        vec![
            Box::new(Sgd { lr: 0.05, momentum: 0.5, nesterov: true, ..Sgd::default() }),
            Box::new(Adam { lr: 0.1, amsgrad: true, ..Adam::default() }),
            Box::new(AdamW { lr: 0.1, weight_decay: 1e-6, ..AdamW::default() }),
            Box::new(Adagrad { lr: 0.5, ..Adagrad::default() }),
            Box::new(RmsProp { lr: 0.01, momentum: 0.1, centered: true, ..RmsProp::default() }),
            Box::new(Adadelta { eps: 1e-4, ..Adadelta::default() }),
            Box::new(Adamax { lr: 0.1, ..Adamax::default() }),
            Box::new(NAdam { lr: 0.1, ..NAdam::default() }),
            Box::new(RAdam { lr: 0.1, ..RAdam::default() }),
            Box::new(Rprop::default()),
            Box::new(Asgd { lr: 0.05, lambd: 1e-6, t0: 300.0, ..Asgd::default() }),
            Box::new(Lbfgs { max_iter: 3, line_search: LineSearch::None, ..Lbfgs::default() }),
            Box::new(Lbfgs { max_iter: 3, line_search: LineSearch::StrongWolfe, ..Lbfgs::default() }),
            Box::new(CautiousLbfgs::new(Lbfgs { max_iter: 3, ..Lbfgs::default() })),
            Box::new(FiniteDifferenceGradient::default()),
        ]
    }

    #[test]
    fn every_optimizer_finds_the_bottom_of_a_bowl_and_goes_on_from_its_memory() {
        for (mut optimizer, mut again) in all().into_iter().zip(all()) {
            let mut x = vec![3.0; 4];
            let first = optimizer.step(&mut x, &mut |x| Ok(bowl(x))).unwrap();
            assert_eq!(first, bowl(&[3.0; 4]).0, "{}", optimizer.name());
            for _ in 0..10 {
                optimizer.step(&mut x, &mut |x| Ok(bowl(x))).unwrap();
            }
            again.restore(&optimizer.memory()).unwrap();
            assert_eq!(again.memory(), optimizer.memory());
            let mut y = x.clone();
            for _ in 0..600 {
                optimizer.step(&mut x, &mut |x| Ok(bowl(x))).unwrap();
                again.step(&mut y, &mut |x| Ok(bowl(x))).unwrap();
                assert_eq!(x, y, "{}", optimizer.name());
            }
            let far = x.iter().enumerate().fold(0.0f64, |m, (i, x)| m.max((x - i as f64).abs()));
            assert!(far < 0.02, "{}: {far}", optimizer.name());
        }
    }

    #[test]
    fn another_number_of_parameters_or_another_memory_is_refused() {
        for mut optimizer in all() {
            let mut x = vec![3.0; 4];
            for _ in 0..2 {
                optimizer.step(&mut x, &mut |x| Ok(bowl(x))).unwrap();
            }
            let plain = optimizer.memory().is_empty();
            let error = optimizer.step(&mut [1.0; 3], &mut |x| Ok(bowl(x)));
            assert!(
                plain || error.unwrap_err().to_string().contains("set_optimizer"),
                "{}",
                optimizer.name()
            );
            let strange = Memory::from([("strange".to_string(), vec![1.0])]);
            assert!(optimizer.restore(&strange).is_err(), "{}", optimizer.name());
        }
    }

    #[test]
    fn a_loss_that_is_not_finite_is_an_error() {
        for mut optimizer in all() {
            let error =
                optimizer.step(&mut [1.0], &mut |_| Ok((f64::NAN, vec![1.0]))).unwrap_err().to_string();
            assert!(error.contains("finite"), "{error}");
        }
    }
}
