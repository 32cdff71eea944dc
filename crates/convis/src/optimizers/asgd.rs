//! Gradient descent with falling steps, and the mean of where it has been.

use super::{Evaluate, Memory, Optimizer, check_options, evaluate_once, recall, remember, sized};
use crate::Result;

/// Averaged stochastic gradient descent: the learning rate falls, and the mean of the points after `t0` steps is kept.
///
/// # Equation
/// With g = ∂loss/∂p + weight_decay·p, in step t = 1, 2, …, with η = lr at first:
/// ```text
/// p ← p·(1 − λ·η) − η·g
/// a ← a + μ·(p − a)                      μ = 1/max(1, t − 1 − t0)
/// η ← lr/(1 + λ·lr·t)^α
/// ```
/// The mean a is kept in the memory (`ax`); the point is not moved to it.
///
/// # Parameters
/// | name | default |
/// |---|---|
/// | `lr` | 0.01 |
/// | `lambd` (λ) | 1e-4 |
/// | `alpha` (α) | 0.75 |
/// | `t0` | 1e6 |
/// | `weight_decay` | 0 |
///
/// # Source
/// Polyak & Juditsky, SIAM J. Control Optim. 30 (1992), in the form of `torch.optim.ASGD`.
#[derive(Clone, Debug, PartialEq)]
pub struct Asgd {
    /// Learning rate.
    pub lr: f64,
    /// Decay of the parameters, and of the learning rate.
    pub lambd: f64,
    /// How fast the learning rate falls.
    pub alpha: f64,
    /// Steps before the mean begins.
    pub t0: f64,
    /// Adds this times the parameter to the gradient.
    pub weight_decay: f64,
    #[doc(hidden)]
    pub step: Vec<f64>,
    #[doc(hidden)]
    pub eta: Vec<f64>,
    #[doc(hidden)]
    pub mean: Vec<f64>,
}

impl Default for Asgd {
    fn default() -> Self {
        Self {
            lr: 1e-2,
            lambd: 1e-4,
            alpha: 0.75,
            t0: 1e6,
            weight_decay: 0.0,
            step: vec![],
            eta: vec![],
            mean: vec![],
        }
    }
}

impl Optimizer for Asgd {
    fn name(&self) -> &'static str {
        "ASGD"
    }

    fn check(&self) -> Result<()> {
        let options = [
            ("lr", self.lr),
            ("lambd", self.lambd),
            ("alpha", self.alpha),
            ("t0", self.t0),
            ("weight_decay", self.weight_decay),
        ];
        check_options(&options, &[])
    }

    fn step(&mut self, point: &mut [f64], evaluate: &mut Evaluate<'_>) -> Result<f64> {
        self.check()?;
        let Self { lr, lambd, alpha, t0, weight_decay, .. } = *self;
        sized(&mut self.mean, point, 0.0)?;
        let (loss, gradient) = evaluate_once(point, evaluate)?;
        let t = self.step.first().copied().unwrap_or(0.0) + 1.0;
        let eta = self.eta.first().copied().unwrap_or(lr);
        let part = 1.0 / (t - 1.0 - t0).max(1.0);
        for ((p, g), a) in point.iter_mut().zip(gradient).zip(&mut self.mean) {
            let g = g + weight_decay * *p;
            *p = *p * (1.0 - lambd * eta) - eta * g;
            *a = if part < 1.0 { *a + part * (*p - *a) } else { *p };
        }
        self.step = vec![t];
        self.eta = vec![lr / (1.0 + lambd * lr * t).powf(alpha)];
        Ok(loss)
    }

    fn memory(&self) -> Memory {
        remember([("step", &self.step), ("eta", &self.eta), ("ax", &self.mean)])
    }

    fn restore(&mut self, memory: &Memory) -> Result<()> {
        [self.step, self.eta, self.mean] = recall(memory, self.name(), ["step", "eta", "ax"])?;
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
