//! Steps divided by the largest recent gradient.

use super::{Evaluate, Memory, Optimizer, check_options, evaluate_once, recall, remember, sized};
use crate::Result;

/// Adamax: Adam with the largest recent gradient in place of the root mean square.
///
/// # Equation
/// With g = ∂loss/∂p + weight_decay·p, in step t = 1, 2, …:
/// ```text
/// m ← β₁·m + (1 − β₁)·g
/// u ← max(β₂·u, |g| + ε)
/// p ← p − lr/(1 − β₁ᵗ) · m/u
/// ```
///
/// # Parameters
/// | name | default |
/// |---|---|
/// | `lr` | 0.002 |
/// | `betas` | (0.9, 0.999) |
/// | `eps` | 1e-8 |
/// | `weight_decay` | 0 |
///
/// # Source
/// Kingma & Ba, ICLR 2015, algorithm 2, in the form of `torch.optim.Adamax`.
#[derive(Clone, Debug, PartialEq)]
pub struct Adamax {
    /// Learning rate.
    pub lr: f64,
    /// How much of the running means stays in a step: of the gradient, of its size.
    pub betas: (f64, f64),
    /// Keeps the divisor from zero.
    pub eps: f64,
    /// Adds this times the parameter to the gradient.
    pub weight_decay: f64,
    #[doc(hidden)]
    pub step: Vec<f64>,
    #[doc(hidden)]
    pub mean: Vec<f64>,
    #[doc(hidden)]
    pub largest: Vec<f64>,
}

impl Default for Adamax {
    fn default() -> Self {
        Self {
            lr: 2e-3,
            betas: (0.9, 0.999),
            eps: 1e-8,
            weight_decay: 0.0,
            step: vec![],
            mean: vec![],
            largest: vec![],
        }
    }
}

impl Optimizer for Adamax {
    fn name(&self) -> &'static str {
        "Adamax"
    }

    fn check(&self) -> Result<()> {
        check_options(
            &[("lr", self.lr), ("eps", self.eps), ("weight_decay", self.weight_decay)],
            &[("betas", self.betas.0), ("betas", self.betas.1)],
        )
    }

    fn step(&mut self, point: &mut [f64], evaluate: &mut Evaluate<'_>) -> Result<f64> {
        self.check()?;
        let Self { lr, betas: (beta_1, beta_2), eps, weight_decay, .. } = *self;
        sized(&mut self.mean, point, 0.0)?;
        sized(&mut self.largest, point, 0.0)?;
        let (loss, gradient) = evaluate_once(point, evaluate)?;
        let t = self.step.first().copied().unwrap_or(0.0) + 1.0;
        self.step = vec![t];
        for (i, (p, g)) in point.iter_mut().zip(gradient).enumerate() {
            let g = g + weight_decay * *p;
            let (m, u) = (&mut self.mean[i], &mut self.largest[i]);
            *m = beta_1 * *m + (1.0 - beta_1) * g;
            *u = (beta_2 * *u).max(g.abs() + eps);
            // A gradient of exactly zero, with ε = 0, moves nothing.
            if *u > 0.0 {
                *p -= lr / (1.0 - beta_1.powf(t)) * *m / *u;
            }
        }
        Ok(loss)
    }

    fn memory(&self) -> Memory {
        remember([("step", &self.step), ("exp_avg", &self.mean), ("exp_inf", &self.largest)])
    }

    fn restore(&mut self, memory: &Memory) -> Result<()> {
        [self.step, self.mean, self.largest] = recall(memory, self.name(), ["step", "exp_avg", "exp_inf"])?;
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
