//! Gradient descent with momentum.

use super::{Evaluate, Memory, Optimizer, check_options, evaluate_once, recall, remember, sized};
use crate::{Error, Result};

/// Gradient descent with momentum.
///
/// # Equation
/// With g = ∂loss/∂p + weight_decay·p:
/// ```text
/// b ← momentum·b + (1 − dampening)·g      (b ← g in the first step)
/// p ← p − lr·b                            (p ← p − lr·(g + momentum·b) with nesterov)
/// ```
///
/// # Parameters
/// | name | default |
/// |---|---|
/// | `lr` | 0.001 |
/// | `momentum`, `dampening`, `weight_decay` | 0 |
/// | `nesterov` | no; needs momentum and no dampening |
///
/// # Source
/// Sutskever, Martens, Dahl & Hinton, ICML 2013, in the form of `torch.optim.SGD`.
#[derive(Clone, Debug, PartialEq)]
pub struct Sgd {
    /// Learning rate.
    pub lr: f64,
    /// How much of the step before goes into this one.
    pub momentum: f64,
    /// How much of the gradient does not go into the momentum.
    pub dampening: f64,
    /// Adds this times the parameter to the gradient.
    pub weight_decay: f64,
    /// Looks ahead along the momentum.
    pub nesterov: bool,
    #[doc(hidden)]
    pub momentum_buffer: Vec<f64>,
}

impl Default for Sgd {
    fn default() -> Self {
        Self {
            lr: 1e-3,
            momentum: 0.0,
            dampening: 0.0,
            weight_decay: 0.0,
            nesterov: false,
            momentum_buffer: vec![],
        }
    }
}

impl Optimizer for Sgd {
    fn name(&self) -> &'static str {
        "SGD"
    }

    fn check(&self) -> Result<()> {
        let Self { lr, momentum, dampening, weight_decay, nesterov, .. } = *self;
        check_options(
            &[("lr", lr), ("momentum", momentum), ("dampening", dampening), ("weight_decay", weight_decay)],
            &[],
        )?;
        if nesterov && (momentum == 0.0 || dampening != 0.0) {
            let found = format!("momentum {momentum} and dampening {dampening}");
            return Err(Error::argument("nesterov", "momentum above 0 and dampening 0", found));
        }
        Ok(())
    }

    fn step(&mut self, point: &mut [f64], evaluate: &mut Evaluate<'_>) -> Result<f64> {
        self.check()?;
        let Self { lr, momentum, dampening, weight_decay, nesterov, .. } = *self;
        let first = self.momentum_buffer.is_empty();
        if momentum != 0.0 {
            sized(&mut self.momentum_buffer, point, 0.0)?;
        }
        let (loss, mut gradient) = evaluate_once(point, evaluate)?;
        for (g, p) in gradient.iter_mut().zip(&*point) {
            *g += weight_decay * p;
        }
        if momentum != 0.0 {
            for (g, b) in gradient.iter_mut().zip(&mut self.momentum_buffer) {
                *b = if first { *g } else { momentum * *b + (1.0 - dampening) * *g };
                *g = if nesterov { *g + momentum * *b } else { *b };
            }
        }
        for (p, g) in point.iter_mut().zip(gradient) {
            *p -= lr * g;
        }
        Ok(loss)
    }

    fn memory(&self) -> Memory {
        remember([("momentum_buffer", &self.momentum_buffer)])
    }

    fn restore(&mut self, memory: &Memory) -> Result<()> {
        [self.momentum_buffer] = recall(memory, self.name(), ["momentum_buffer"])?;
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
