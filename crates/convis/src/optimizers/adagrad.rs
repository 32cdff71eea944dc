//! Steps divided by the size of all gradients so far.

use super::{Evaluate, Memory, Optimizer, check_options, evaluate_once, recall, remember, sized};
use crate::Result;

/// Adagrad: each number's steps are divided by the root of the sum of its squared gradients.
///
/// # Equation
/// With g = ∂loss/∂p + weight_decay·p, in step t = 1, 2, …:
/// ```text
/// s ← s + g²                             (at first `initial_accumulator_value`)
/// p ← p − lr/(1 + (t − 1)·lr_decay) · g/(√s + ε)
/// ```
///
/// # Parameters
/// | name | default |
/// |---|---|
/// | `lr` | 0.01 |
/// | `lr_decay`, `weight_decay`, `initial_accumulator_value` | 0 |
/// | `eps` | 1e-10 |
///
/// # Source
/// Duchi, Hazan & Singer, J. Mach. Learn. Res. 12 (2011), in the form of `torch.optim.Adagrad`.
#[derive(Clone, Debug, PartialEq)]
pub struct Adagrad {
    /// Learning rate.
    pub lr: f64,
    /// How fast the learning rate falls.
    pub lr_decay: f64,
    /// Adds this times the parameter to the gradient.
    pub weight_decay: f64,
    /// The sum of squares before the first step.
    pub initial_accumulator_value: f64,
    /// Keeps the divisor from zero.
    pub eps: f64,
    #[doc(hidden)]
    pub step: Vec<f64>,
    #[doc(hidden)]
    pub sum: Vec<f64>,
}

impl Default for Adagrad {
    fn default() -> Self {
        Self {
            lr: 1e-2,
            lr_decay: 0.0,
            weight_decay: 0.0,
            initial_accumulator_value: 0.0,
            eps: 1e-10,
            step: vec![],
            sum: vec![],
        }
    }
}

impl Optimizer for Adagrad {
    fn name(&self) -> &'static str {
        "Adagrad"
    }

    fn check(&self) -> Result<()> {
        let options = [
            ("lr", self.lr),
            ("lr_decay", self.lr_decay),
            ("weight_decay", self.weight_decay),
            ("initial_accumulator_value", self.initial_accumulator_value),
            ("eps", self.eps),
        ];
        check_options(&options, &[])
    }

    fn step(&mut self, point: &mut [f64], evaluate: &mut Evaluate<'_>) -> Result<f64> {
        self.check()?;
        sized(&mut self.sum, point, self.initial_accumulator_value)?;
        let (loss, gradient) = evaluate_once(point, evaluate)?;
        let t = self.step.first().copied().unwrap_or(0.0) + 1.0;
        self.step = vec![t];
        let lr = self.lr / (1.0 + (t - 1.0) * self.lr_decay);
        for ((p, g), s) in point.iter_mut().zip(gradient).zip(&mut self.sum) {
            let g = g + self.weight_decay * *p;
            *s += g * g;
            *p -= lr * g / (s.sqrt() + self.eps);
        }
        Ok(loss)
    }

    fn memory(&self) -> Memory {
        remember([("step", &self.step), ("sum", &self.sum)])
    }

    fn restore(&mut self, memory: &Memory) -> Result<()> {
        [self.step, self.sum] = recall(memory, self.name(), ["step", "sum"])?;
        Ok(())
    }

    fn learning_rate(&self) -> Option<f64> {
        Some(self.lr)
    }

    fn set_learning_rate(&mut self, lr: f64) -> Result<()> {
        check_options(&[("lr", lr)], &[])?;
        self.lr = lr;
        Ok(())
    }
}
