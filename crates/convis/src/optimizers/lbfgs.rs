//! Quasi-Newton steps from the last few gradients.

use std::collections::VecDeque;

use super::strong_wolfe::{self, Place};
use super::{
    Evaluate, Memory, Optimizer, check_options, dot, evaluate_once, largest, recall, remember, same_length,
};
use crate::{Error, Result};

/// How far a quasi-Newton step goes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum LineSearch {
    /// As far as `lr` says.
    #[default]
    None,
    /// To where the strong Wolfe conditions hold.
    StrongWolfe,
}

/// L-BFGS: Newton's method with an inverse Hessian estimated from the last few steps and changes of the gradient.
///
/// # Equation
/// One call makes up to `max_iter` iterations. With g the gradient, s the last step and y the change of g in it:
/// ```text
/// d ← −H·g          H from the last `history_size` pairs (s, y) by the two-loop recursion, begun with (s·y)/(y·y)·1;
///                   a pair with s·y ≤ 10⁻¹⁰ is left out; d = −g in the very first iteration
/// t ← lr            min(1, 1/Σ|g|)·lr in the very first iteration; the line search goes on from there
/// p ← p + t·d
/// ```
/// It stops where max|g| ≤ `tolerance_grad`, where −g·d, max|t·d| or the change of the loss fall below
/// `tolerance_change`, or after `max_eval` evaluations. Pairs, last gradient and step are remembered between calls.
///
/// # Parameters
/// | name | default |
/// |---|---|
/// | `lr` | 1 |
/// | `max_iter` | 20 |
/// | `max_eval` | 5/4 of `max_iter` |
/// | `tolerance_grad` | 1e-7 |
/// | `tolerance_change` | 1e-9 |
/// | `history_size` | 100 |
/// | `line_search` | none |
///
/// # Errors
/// [`Error::Diverged`] where the loss is not finite, at the first point or, without line search, at a later one.
///
/// # Source
/// Nocedal, Math. Comput. 35 (1980); Nocedal & Wright, Numerical Optimization (2nd ed.), algorithms 7.4 and 7.5; with the
/// first step, the tolerances and the order of tests of `torch.optim.LBFGS`.
#[derive(Clone, Debug, PartialEq)]
pub struct Lbfgs {
    /// How far a step goes.
    pub lr: f64,
    /// Most iterations of a call.
    pub max_iter: usize,
    /// Most evaluations of a call; by default 5/4 of `max_iter`.
    pub max_eval: Option<usize>,
    /// Where the largest number of the gradient is this small, it is done.
    pub tolerance_grad: f64,
    /// Where steps or changes of the loss are this small, it is done.
    pub tolerance_change: f64,
    /// How many pairs are remembered.
    pub history_size: usize,
    /// How far a step goes.
    pub line_search: LineSearch,
    #[doc(hidden)]
    pub history: History,
}

/// What is remembered between iterations and calls.
#[doc(hidden)]
#[derive(Clone, Debug, Default, PartialEq)]
pub struct History {
    iterations: usize,
    pairs: VecDeque<Pair>,
    /// The first estimate of the inverse Hessian: this times 1.
    scale: f64,
    /// The last step, and the gradient before it; empty where the point has been moved by somebody else.
    step: Vec<f64>,
    gradient: Vec<f64>,
}

#[derive(Clone, Debug, PartialEq)]
struct Pair {
    step: Vec<f64>,
    change: Vec<f64>,
}

impl Default for Lbfgs {
    fn default() -> Self {
        Self {
            lr: 1.0,
            max_iter: 20,
            max_eval: None,
            tolerance_grad: 1e-7,
            tolerance_change: 1e-9,
            history_size: 100,
            line_search: LineSearch::None,
            history: History::default(),
        }
    }
}

impl History {
    /// Takes note of how the last step changed the gradient.
    fn learn(&mut self, gradient: &[f64], most: usize) {
        if self.step.is_empty() {
            return;
        }
        let change: Vec<f64> =
            gradient.iter().zip(&self.gradient).map(|(now, before)| now - before).collect();
        let product = dot(&change, &self.step);
        if product > 1e-10 {
            self.scale = product / dot(&change, &change);
            self.pairs.push_back(Pair { step: self.step.clone(), change });
            while self.pairs.len() > most {
                self.pairs.pop_front();
            }
        }
    }

    /// −H·g by the two-loop recursion.
    fn direction(&self, gradient: &[f64]) -> Vec<f64> {
        let mut q: Vec<f64> = gradient.iter().map(|g| -g).collect();
        let add = |q: &mut [f64], factor: f64, to: &[f64]| {
            q.iter_mut().zip(to).for_each(|(q, x)| *q += factor * x);
        };
        let weights: Vec<f64> = self.pairs.iter().map(|pair| 1.0 / dot(&pair.step, &pair.change)).collect();
        let mut alphas = vec![0.0; self.pairs.len()];
        for (i, pair) in self.pairs.iter().enumerate().rev() {
            alphas[i] = weights[i] * dot(&pair.step, &q);
            add(&mut q, -alphas[i], &pair.change);
        }
        for q in &mut q {
            *q *= self.scale;
        }
        for (i, pair) in self.pairs.iter().enumerate() {
            let beta = weights[i] * dot(&pair.change, &q);
            add(&mut q, alphas[i] - beta, &pair.step);
        }
        q
    }

    /// The point has been moved by somebody else: the next change of the gradient says nothing about the last step.
    pub(super) fn forget_last_step(&mut self) {
        self.step.clear();
    }
}

impl Optimizer for Lbfgs {
    fn name(&self) -> &'static str {
        "LBFGS"
    }

    fn check(&self) -> Result<()> {
        let tolerances =
            [("tolerance_grad", self.tolerance_grad), ("tolerance_change", self.tolerance_change)];
        check_options(&tolerances, &[])?;
        if !(self.lr.is_finite() && self.lr > 0.0) {
            return Err(Error::argument("lr", "a number above 0", self.lr));
        }
        let counts = [
            ("max_iter", self.max_iter),
            ("max_eval", self.max_eval.unwrap_or(1)),
            ("history_size", self.history_size),
        ];
        match counts.iter().find(|(_, n)| *n == 0) {
            Some((name, _)) => Err(Error::argument(name, "a whole number from 1", 0)),
            None => Ok(()),
        }
    }

    fn step(&mut self, point: &mut [f64], evaluate: &mut Evaluate<'_>) -> Result<f64> {
        self.check()?;
        if !self.history.gradient.is_empty() {
            same_length(self.history.gradient.len(), point.len())?;
        }
        let most_evaluations = self.max_eval.unwrap_or((self.max_iter * 5 / 4).max(1));
        let (first_loss, mut gradient) = evaluate_once(point, evaluate)?;
        let mut loss = first_loss;
        let mut evaluations = 1;
        if largest(&gradient) <= self.tolerance_grad {
            return Ok(first_loss);
        }
        for iteration in 1..=self.max_iter {
            let history = &mut self.history;
            history.iterations += 1;
            let very_first = history.iterations == 1;
            if very_first {
                history.scale = 1.0;
            } else {
                history.learn(&gradient, self.history_size);
            }
            let direction = history.direction(&gradient);
            let size: f64 = gradient.iter().map(|g| g.abs()).sum();
            let t = if very_first { (1.0 / size).min(1.0) * self.lr } else { self.lr };
            let slope = dot(&gradient, &direction);
            history.gradient.clone_from(&gradient);
            if slope > -self.tolerance_change {
                history.forget_last_step();
                break;
            }
            let before = loss;
            let mut gone = t;
            if self.line_search == LineSearch::StrongWolfe {
                let start = Place { t: 0.0, loss, gradient: gradient.clone(), slope };
                let (place, used) =
                    strong_wolfe::search(point, &direction, start, t, self.tolerance_change, evaluate)?;
                (gone, loss, gradient) = (place.t, place.loss, place.gradient);
                evaluations += used;
            }
            point.iter_mut().zip(&direction).for_each(|(p, d)| *p += gone * d);
            history.step = direction.iter().map(|d| gone * d).collect();
            if iteration == self.max_iter {
                break;
            }
            if self.line_search == LineSearch::None {
                (loss, gradient) = evaluate_once(point, evaluate)?;
                evaluations += 1;
            }
            let small = self.tolerance_change;
            if evaluations >= most_evaluations
                || largest(&gradient) <= self.tolerance_grad
                || largest(&history.step) <= small
                || (loss - before).abs() < small
            {
                break;
            }
        }
        Ok(first_loss)
    }

    fn memory(&self) -> Memory {
        let History { iterations, pairs, scale, step, gradient } = &self.history;
        if *iterations == 0 {
            return Memory::new();
        }
        let steps: Vec<f64> = pairs.iter().flat_map(|pair| pair.step.clone()).collect();
        let changes: Vec<f64> = pairs.iter().flat_map(|pair| pair.change.clone()).collect();
        remember([
            ("iterations", &[*iterations as f64]),
            ("scale", &[*scale]),
            ("steps", &steps),
            ("changes", &changes),
            ("last_step", step),
            ("last_gradient", gradient),
        ])
    }

    fn restore(&mut self, memory: &Memory) -> Result<()> {
        let names = ["iterations", "scale", "steps", "changes", "last_step", "last_gradient"];
        let [iterations, scale, steps, changes, step, gradient] = recall(memory, self.name(), names)?;
        let n = gradient.len().max(1);
        let fits =
            steps.len() == changes.len() && steps.len() % n == 0 && (step.is_empty() || step.len() == n);
        if !fits {
            return Err(Error::argument("memory", "steps, changes and gradients of one length", steps.len()));
        }
        self.history = History {
            iterations: iterations.first().map_or(0, |&n| n as usize),
            scale: scale.first().copied().unwrap_or(0.0),
            pairs: (steps.chunks(n).zip(changes.chunks(n)))
                .map(|(step, change)| Pair { step: step.to_vec(), change: change.to_vec() })
                .collect(),
            step,
            gradient,
        };
        Ok(())
    }

    fn learning_rate(&self) -> Option<f64> {
        Some(self.lr)
    }

    fn set_learning_rate(&mut self, lr: f64) -> Result<()> {
        Self { lr, ..self.clone() }.check()?;
        self.lr = lr;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Rosenbrock's valley: 100·(y − x²)² + (1 − x)².
    fn valley(p: &[f64]) -> (f64, Vec<f64>) {
        let (x, y) = (p[0], p[1]);
        let (a, b) = (y - x * x, 1.0 - x);
        (100.0 * a * a + b * b, vec![-400.0 * x * a - 2.0 * b, 200.0 * a])
    }

    #[test]
    fn the_bottom_of_the_valley_is_found_in_few_evaluations() {
        let mut lbfgs = Lbfgs {
            line_search: LineSearch::StrongWolfe,
            max_iter: 100,
            tolerance_change: 1e-14,
            ..Lbfgs::default()
        };
        let mut evaluations = 0;
        let mut p = [-1.2, 1.0];
        lbfgs
            .step(&mut p, &mut |p| {
                evaluations += 1;
                Ok(valley(p))
            })
            .unwrap();
        assert!((p[0] - 1.0).abs() < 1e-6 && (p[1] - 1.0).abs() < 1e-6, "{p:?}");
        assert!(evaluations < 70, "{evaluations}");
    }

    #[test]
    fn a_call_takes_no_more_evaluations_than_allowed_and_goes_on_in_the_next() {
        let mut lbfgs = Lbfgs { max_eval: Some(4), ..Lbfgs::default() };
        let mut p = [3.0, 4.0];
        let bowl = |p: &[f64]| (p[0] * p[0] + 5.0 * p[1] * p[1], vec![2.0 * p[0], 10.0 * p[1]]);
        for _ in 0..6 {
            let mut count = 0;
            lbfgs
                .step(&mut p, &mut |p| {
                    count += 1;
                    Ok(bowl(p))
                })
                .unwrap();
            assert!(count <= 4);
        }
        assert!(bowl(&p).0 < 1e-9, "{p:?}");
    }

    #[test]
    fn the_first_step_is_scaled_by_the_sum_of_the_gradient() {
        let mut lbfgs = Lbfgs { max_iter: 1, lr: 0.5, ..Lbfgs::default() };
        let mut p = [3.0, 4.0];
        lbfgs.step(&mut p, &mut |p| Ok((0.0, vec![2.0 * p[0], 10.0 * p[1]]))).unwrap();
        assert_eq!(p, [3.0 - 0.5 * 6.0 / 46.0, 4.0 - 0.5 * 40.0 / 46.0]);
    }
}
