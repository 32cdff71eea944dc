//! Adam that looks ahead.

use super::{Evaluate, Memory, Optimizer, check_options, evaluate_once, recall, remember, sized};
use crate::Result;

/// `NAdam`: Adam with Nesterov's momentum, which looks one step ahead.
///
/// # Equation
/// With g = ∂loss/∂p + weight_decay·p, in step t = 1, 2, …:
/// ```text
/// μₜ = β₁·(1 − ½·0.96^(t·momentum_decay))      Πₜ = μ₁ · … · μₜ
/// m ← β₁·m + (1 − β₁)·g                        v ← β₂·v + (1 − β₂)·g²
/// p ← p − lr · ((1 − μₜ)/(1 − Πₜ)·g + μₜ₊₁/(1 − Πₜ₊₁)·m) / (√(v/(1 − β₂ᵗ)) + ε)
/// ```
///
/// # Parameters
/// | name | default |
/// |---|---|
/// | `lr` | 0.002 |
/// | `betas` | (0.9, 0.999) |
/// | `eps` | 1e-8 |
/// | `weight_decay` | 0 |
/// | `momentum_decay` | 0.004 |
///
/// # Source
/// Dozat, ICLR 2016 workshop, in the form of `torch.optim.NAdam`.
#[derive(Clone, Debug, PartialEq)]
pub struct NAdam {
    /// Learning rate.
    pub lr: f64,
    /// How much of the running means stays in a step: of the gradient, of its size.
    pub betas: (f64, f64),
    /// Keeps the divisor from zero.
    pub eps: f64,
    /// Adds this times the parameter to the gradient.
    pub weight_decay: f64,
    /// How fast the momentum grows to β₁.
    pub momentum_decay: f64,
    #[doc(hidden)]
    pub step: Vec<f64>,
    #[doc(hidden)]
    pub product: Vec<f64>,
    #[doc(hidden)]
    pub mean: Vec<f64>,
    #[doc(hidden)]
    pub square: Vec<f64>,
}

impl Default for NAdam {
    fn default() -> Self {
        Self {
            lr: 2e-3,
            betas: (0.9, 0.999),
            eps: 1e-8,
            weight_decay: 0.0,
            momentum_decay: 4e-3,
            step: vec![],
            product: vec![],
            mean: vec![],
            square: vec![],
        }
    }
}

impl Optimizer for NAdam {
    fn name(&self) -> &'static str {
        "NAdam"
    }

    fn check(&self) -> Result<()> {
        check_options(
            &[
                ("lr", self.lr),
                ("eps", self.eps),
                ("weight_decay", self.weight_decay),
                ("momentum_decay", self.momentum_decay),
            ],
            &[("betas", self.betas.0), ("betas", self.betas.1)],
        )
    }

    fn step(&mut self, point: &mut [f64], evaluate: &mut Evaluate<'_>) -> Result<f64> {
        self.check()?;
        let Self { lr, betas: (beta_1, beta_2), eps, weight_decay, momentum_decay, .. } = *self;
        sized(&mut self.mean, point, 0.0)?;
        sized(&mut self.square, point, 0.0)?;
        let (loss, gradient) = evaluate_once(point, evaluate)?;
        let t = self.step.first().copied().unwrap_or(0.0) + 1.0;
        self.step = vec![t];
        let momentum = |t: f64| beta_1 * (1.0 - 0.5 * 0.96f64.powf(t * momentum_decay));
        let (now, next) = (momentum(t), momentum(t + 1.0));
        let product = self.product.first().copied().unwrap_or(1.0) * now;
        self.product = vec![product];
        for (i, (p, g)) in point.iter_mut().zip(gradient).enumerate() {
            let g = g + weight_decay * *p;
            let (m, v) = (&mut self.mean[i], &mut self.square[i]);
            *m = beta_1 * *m + (1.0 - beta_1) * g;
            *v = beta_2 * *v + (1.0 - beta_2) * g * g;
            let ahead = (1.0 - now) / (1.0 - product) * g + next / (1.0 - product * next) * *m;
            *p -= lr * ahead / ((*v / (1.0 - beta_2.powf(t))).sqrt() + eps);
        }
        Ok(loss)
    }

    fn memory(&self) -> Memory {
        remember([
            ("step", &self.step),
            ("mu_product", &self.product),
            ("exp_avg", &self.mean),
            ("exp_avg_sq", &self.square),
        ])
    }

    fn restore(&mut self, memory: &Memory) -> Result<()> {
        [self.step, self.product, self.mean, self.square] =
            recall(memory, self.name(), ["step", "mu_product", "exp_avg", "exp_avg_sq"])?;
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
