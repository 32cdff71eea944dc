//! Steps divided by the size of recent gradients.

use super::{Evaluate, Memory, Optimizer, check_options, evaluate_once, recall, remember, sized};
use crate::Result;

/// `RMSprop`: each number's steps are divided by the root of a running mean of its squared gradients.
///
/// # Equation
/// With g = ∂loss/∂p + weight_decay·p:
/// ```text
/// v ← α·v + (1 − α)·g²
/// a ← α·a + (1 − α)·g                    (centered: v − a² takes the place of v below)
/// b ← momentum·b + g/(√v + ε)
/// p ← p − lr·b
/// ```
///
/// # Parameters
/// | name | default |
/// |---|---|
/// | `lr` | 0.01 |
/// | `alpha` | 0.99 |
/// | `eps` | 1e-8 |
/// | `weight_decay`, `momentum` | 0 |
/// | `centered` | no |
///
/// # Source
/// Tieleman & Hinton, Neural Networks for Machine Learning, lecture 6.5 (2012); centered: Graves, arXiv:1308.0850; in the
/// form of `torch.optim.RMSprop`.
#[derive(Clone, Debug, PartialEq)]
pub struct RmsProp {
    /// Learning rate.
    pub lr: f64,
    /// How much of the running means stays in a step.
    pub alpha: f64,
    /// Keeps the divisor from zero.
    pub eps: f64,
    /// Adds this times the parameter to the gradient.
    pub weight_decay: f64,
    /// How much of the step before goes into this one.
    pub momentum: f64,
    /// Divides by the standard deviation instead of the root mean square.
    pub centered: bool,
    #[doc(hidden)]
    pub square: Vec<f64>,
    #[doc(hidden)]
    pub mean: Vec<f64>,
    #[doc(hidden)]
    pub momentum_buffer: Vec<f64>,
}

impl Default for RmsProp {
    fn default() -> Self {
        Self {
            lr: 1e-2,
            alpha: 0.99,
            eps: 1e-8,
            weight_decay: 0.0,
            momentum: 0.0,
            centered: false,
            square: vec![],
            mean: vec![],
            momentum_buffer: vec![],
        }
    }
}

impl Optimizer for RmsProp {
    fn name(&self) -> &'static str {
        "RMSprop"
    }

    fn check(&self) -> Result<()> {
        let Self { lr, alpha, eps, weight_decay, momentum, .. } = *self;
        let options = [("lr", lr), ("eps", eps), ("weight_decay", weight_decay), ("momentum", momentum)];
        check_options(&options, &[("alpha", alpha)])
    }

    fn step(&mut self, point: &mut [f64], evaluate: &mut Evaluate<'_>) -> Result<f64> {
        self.check()?;
        let Self { lr, alpha, eps, weight_decay, momentum, centered, .. } = *self;
        for array in [&mut self.square, &mut self.mean, &mut self.momentum_buffer] {
            sized(array, point, 0.0)?;
        }
        let (loss, gradient) = evaluate_once(point, evaluate)?;
        for (i, (p, g)) in point.iter_mut().zip(gradient).enumerate() {
            let g = g + weight_decay * *p;
            let (v, a, b) = (&mut self.square[i], &mut self.mean[i], &mut self.momentum_buffer[i]);
            *v = alpha * *v + (1.0 - alpha) * g * g;
            *a = alpha * *a + (1.0 - alpha) * g;
            // Rounding may leave a variance just below zero.
            let size = if centered { (*v - *a * *a).max(0.0).sqrt() } else { v.sqrt() };
            *b = momentum * *b + g / (size + eps);
            *p -= lr * *b;
        }
        Ok(loss)
    }

    fn memory(&self) -> Memory {
        remember([
            ("square_avg", &self.square),
            ("grad_avg", &self.mean),
            ("momentum_buffer", &self.momentum_buffer),
        ])
    }

    fn restore(&mut self, memory: &Memory) -> Result<()> {
        let names = ["square_avg", "grad_avg", "momentum_buffer"];
        [self.square, self.mean, self.momentum_buffer] = recall(memory, self.name(), names)?;
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
