//! Steps as large as recent ones.

use super::{Evaluate, Memory, Optimizer, check_options, evaluate_once, recall, remember, sized};
use crate::Result;

/// Adadelta: each number's steps have the size of its recent steps, relative to its recent gradients.
///
/// # Equation
/// With g = ∂loss/∂p + weight_decay·p:
/// ```text
/// v ← ρ·v + (1 − ρ)·g²
/// Δ = √((d + ε)/(v + ε))·g
/// d ← ρ·d + (1 − ρ)·Δ²
/// p ← p − lr·Δ
/// ```
///
/// # Parameters
/// | name | default |
/// |---|---|
/// | `lr` | 1 |
/// | `rho` | 0.9 |
/// | `eps` | 1e-6 |
/// | `weight_decay` | 0 |
///
/// # Source
/// Zeiler, arXiv:1212.5701, algorithm 1, in the form of `torch.optim.Adadelta`.
#[derive(Clone, Debug, PartialEq)]
pub struct Adadelta {
    /// Learning rate.
    pub lr: f64,
    /// How much of the running means stays in a step.
    pub rho: f64,
    /// Keeps the divisor from zero.
    pub eps: f64,
    /// Adds this times the parameter to the gradient.
    pub weight_decay: f64,
    #[doc(hidden)]
    pub square: Vec<f64>,
    #[doc(hidden)]
    pub moved: Vec<f64>,
}

impl Default for Adadelta {
    fn default() -> Self {
        Self { lr: 1.0, rho: 0.9, eps: 1e-6, weight_decay: 0.0, square: vec![], moved: vec![] }
    }
}

impl Optimizer for Adadelta {
    fn name(&self) -> &'static str {
        "Adadelta"
    }

    fn check(&self) -> Result<()> {
        check_options(
            &[("lr", self.lr), ("eps", self.eps), ("weight_decay", self.weight_decay)],
            &[("rho", self.rho)],
        )
    }

    fn step(&mut self, point: &mut [f64], evaluate: &mut Evaluate<'_>) -> Result<f64> {
        self.check()?;
        let Self { lr, rho, eps, weight_decay, .. } = *self;
        sized(&mut self.square, point, 0.0)?;
        sized(&mut self.moved, point, 0.0)?;
        let (loss, gradient) = evaluate_once(point, evaluate)?;
        for (i, (p, g)) in point.iter_mut().zip(gradient).enumerate() {
            let g = g + weight_decay * *p;
            let (v, d) = (&mut self.square[i], &mut self.moved[i]);
            *v = rho * *v + (1.0 - rho) * g * g;
            let step = ((*d + eps) / (*v + eps)).sqrt() * g;
            *d = rho * *d + (1.0 - rho) * step * step;
            *p -= lr * step;
        }
        Ok(loss)
    }

    fn memory(&self) -> Memory {
        remember([("square_avg", &self.square), ("acc_delta", &self.moved)])
    }

    fn restore(&mut self, memory: &Memory) -> Result<()> {
        [self.square, self.moved] = recall(memory, self.name(), ["square_avg", "acc_delta"])?;
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
