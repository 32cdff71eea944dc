//! Adam that begins carefully.

use super::{Evaluate, Memory, Optimizer, check_options, evaluate_once, recall, remember, sized};
use crate::Result;

/// `RAdam`: Adam that trusts its mean square only when enough steps have gone into it.
///
/// # Equation
/// With g = ∂loss/∂p + weight_decay·p, in step t = 1, 2, … and ρ∞ = 2/(1 − β₂) − 1:
/// ```text
/// m ← β₁·m + (1 − β₁)·g,  v ← β₂·v + (1 − β₂)·g²,  ρ = ρ∞ − 2·t·β₂ᵗ/(1 − β₂ᵗ)
/// r = √((ρ − 4)·(ρ − 2)·ρ∞ / ((ρ∞ − 4)·(ρ∞ − 2)·ρ))
/// p ← p − lr · m/(1 − β₁ᵗ) · r·√(1 − β₂ᵗ)/(√v + ε)       where ρ > 5
/// p ← p − lr · m/(1 − β₁ᵗ)                               before
/// ```
///
/// # Parameters
/// | name | default |
/// |---|---|
/// | `lr` | 0.001 |
/// | `betas` | (0.9, 0.999) |
/// | `eps` | 1e-8 |
/// | `weight_decay` | 0 |
///
/// # Source
/// Liu et al., ICLR 2020, algorithm 2, in the form of `torch.optim.RAdam`.
#[derive(Clone, Debug, PartialEq)]
pub struct RAdam {
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
    pub square: Vec<f64>,
}

impl Default for RAdam {
    fn default() -> Self {
        Self {
            lr: 1e-3,
            betas: (0.9, 0.999),
            eps: 1e-8,
            weight_decay: 0.0,
            step: vec![],
            mean: vec![],
            square: vec![],
        }
    }
}

impl Optimizer for RAdam {
    fn name(&self) -> &'static str {
        "RAdam"
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
        sized(&mut self.square, point, 0.0)?;
        let (loss, gradient) = evaluate_once(point, evaluate)?;
        let t = self.step.first().copied().unwrap_or(0.0) + 1.0;
        self.step = vec![t];
        let (unbias_1, unbias_2) = (1.0 - beta_1.powf(t), 1.0 - beta_2.powf(t));
        let most = 2.0 / (1.0 - beta_2) - 1.0;
        let rho = most - 2.0 * t * beta_2.powf(t) / unbias_2;
        let trusted = ((rho - 4.0) * (rho - 2.0) * most / ((most - 4.0) * (most - 2.0) * rho)).sqrt();
        for (i, (p, g)) in point.iter_mut().zip(gradient).enumerate() {
            let g = g + weight_decay * *p;
            let (m, v) = (&mut self.mean[i], &mut self.square[i]);
            *m = beta_1 * *m + (1.0 - beta_1) * g;
            *v = beta_2 * *v + (1.0 - beta_2) * g * g;
            let adapted = if rho > 5.0 { trusted * unbias_2.sqrt() / (v.sqrt() + eps) } else { 1.0 };
            *p -= lr * *m / unbias_1 * adapted;
        }
        Ok(loss)
    }

    fn memory(&self) -> Memory {
        remember([("step", &self.step), ("exp_avg", &self.mean), ("exp_avg_sq", &self.square)])
    }

    fn restore(&mut self, memory: &Memory) -> Result<()> {
        [self.step, self.mean, self.square] = recall(memory, self.name(), ["step", "exp_avg", "exp_avg_sq"])?;
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
