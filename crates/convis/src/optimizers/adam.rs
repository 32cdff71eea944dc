//! Steps from the first two moments of the gradient.

use super::{Evaluate, Memory, Optimizer, check_options, evaluate_once, recall, remember, sized};
use crate::Result;

/// Adam: steps from running means of the gradient and of its square.
///
/// # Equation
/// With g = ∂loss/∂p + weight_decay·p, in step t = 1, 2, …:
/// ```text
/// m ← β₁·m + (1 − β₁)·g
/// v ← β₂·v + (1 − β₂)·g²                  (amsgrad: the largest v so far takes its place below)
/// p ← p − lr · m/(1 − β₁ᵗ) / (√(v/(1 − β₂ᵗ)) + ε)
/// ```
///
/// # Parameters
/// | name | default |
/// |---|---|
/// | `lr` | 0.001 |
/// | `betas` | (0.9, 0.999) |
/// | `eps` | 1e-8 |
/// | `weight_decay` | 0 |
/// | `amsgrad` | no |
///
/// # Source
/// Kingma & Ba, ICLR 2015, algorithm 1; amsgrad: Reddi, Kale & Kumar, ICLR 2018; in the form of `torch.optim.Adam`.
#[derive(Clone, Debug, PartialEq)]
pub struct Adam {
    /// Learning rate.
    pub lr: f64,
    /// How much of the running means stays in a step: of the gradient, of its square.
    pub betas: (f64, f64),
    /// Keeps the divisor from zero.
    pub eps: f64,
    /// Adds this times the parameter to the gradient.
    pub weight_decay: f64,
    /// Divides by the largest mean square so far.
    pub amsgrad: bool,
    #[doc(hidden)]
    pub moments: Moments,
}

impl Default for Adam {
    fn default() -> Self {
        Self {
            lr: 1e-3,
            betas: (0.9, 0.999),
            eps: 1e-8,
            weight_decay: 0.0,
            amsgrad: false,
            moments: Moments::default(),
        }
    }
}

/// Adam with a decay of the parameters that does not go through the moments: p ← p − lr·weight_decay·p comes first.
///
/// # Parameters
/// As [`Adam`], but `weight_decay` is 0.01 by default.
///
/// # Source
/// Loshchilov & Hutter, ICLR 2019, algorithm 2, in the form of `torch.optim.AdamW`.
#[derive(Clone, Debug, PartialEq)]
pub struct AdamW {
    /// Learning rate.
    pub lr: f64,
    /// How much of the running means stays in a step: of the gradient, of its square.
    pub betas: (f64, f64),
    /// Keeps the divisor from zero.
    pub eps: f64,
    /// How much of lr·parameter is taken away in a step.
    pub weight_decay: f64,
    /// Divides by the largest mean square so far.
    pub amsgrad: bool,
    #[doc(hidden)]
    pub moments: Moments,
}

impl Default for AdamW {
    fn default() -> Self {
        Self {
            lr: 1e-3,
            betas: (0.9, 0.999),
            eps: 1e-8,
            weight_decay: 1e-2,
            amsgrad: false,
            moments: Moments::default(),
        }
    }
}

/// Running means of the gradient and its square.
#[doc(hidden)]
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Moments {
    step: Vec<f64>,
    mean: Vec<f64>,
    square: Vec<f64>,
    largest_square: Vec<f64>,
}

impl Moments {
    /// Moves the point against the gradient.
    fn step(
        &mut self,
        point: &mut [f64],
        gradient: &[f64],
        lr: f64,
        (beta_1, beta_2): (f64, f64),
        eps: f64,
        amsgrad: bool,
    ) {
        let t = self.step.first().copied().unwrap_or(0.0) + 1.0;
        self.step = vec![t];
        let (unbias_1, unbias_2) = (1.0 - beta_1.powf(t), 1.0 - beta_2.powf(t));
        for (i, (p, &g)) in point.iter_mut().zip(gradient).enumerate() {
            let (m, v) = (&mut self.mean[i], &mut self.square[i]);
            *m = beta_1 * *m + (1.0 - beta_1) * g;
            *v = beta_2 * *v + (1.0 - beta_2) * g * g;
            let mut v = *v;
            if amsgrad {
                self.largest_square[i] = self.largest_square[i].max(v);
                v = self.largest_square[i];
            }
            *p -= lr / unbias_1 * *m / ((v / unbias_2).sqrt() + eps);
        }
    }

    fn sized(&mut self, point: &[f64]) -> Result<()> {
        sized(&mut self.mean, point, 0.0)?;
        sized(&mut self.square, point, 0.0)?;
        sized(&mut self.largest_square, point, 0.0)
    }

    fn memory(&self) -> Memory {
        remember([
            ("step", &self.step),
            ("exp_avg", &self.mean),
            ("exp_avg_sq", &self.square),
            ("max_exp_avg_sq", &self.largest_square),
        ])
    }

    fn recalled(memory: &Memory, name: &str) -> Result<Self> {
        let names = ["step", "exp_avg", "exp_avg_sq", "max_exp_avg_sq"];
        let [step, mean, square, largest_square] = recall(memory, name, names)?;
        Ok(Self { step, mean, square, largest_square })
    }
}

impl Optimizer for Adam {
    fn name(&self) -> &'static str {
        "Adam"
    }

    fn check(&self) -> Result<()> {
        let Self { lr, betas, eps, weight_decay, .. } = *self;
        check_options(
            &[("lr", lr), ("eps", eps), ("weight_decay", weight_decay)],
            &[("betas", betas.0), ("betas", betas.1)],
        )
    }

    fn step(&mut self, point: &mut [f64], evaluate: &mut Evaluate<'_>) -> Result<f64> {
        self.check()?;
        let Self { lr, betas, eps, weight_decay, amsgrad, .. } = *self;
        self.moments.sized(point)?;
        let (loss, mut gradient) = evaluate_once(point, evaluate)?;
        for (g, p) in gradient.iter_mut().zip(&*point) {
            *g += weight_decay * p;
        }
        self.moments.step(point, &gradient, lr, betas, eps, amsgrad);
        Ok(loss)
    }

    fn memory(&self) -> Memory {
        self.moments.memory()
    }

    fn restore(&mut self, memory: &Memory) -> Result<()> {
        self.moments = Moments::recalled(memory, self.name())?;
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

impl Optimizer for AdamW {
    fn name(&self) -> &'static str {
        "AdamW"
    }

    fn check(&self) -> Result<()> {
        let Self { lr, betas, eps, weight_decay, .. } = *self;
        check_options(
            &[("lr", lr), ("eps", eps), ("weight_decay", weight_decay)],
            &[("betas", betas.0), ("betas", betas.1)],
        )
    }

    fn step(&mut self, point: &mut [f64], evaluate: &mut Evaluate<'_>) -> Result<f64> {
        self.check()?;
        let Self { lr, betas, eps, weight_decay, amsgrad, .. } = *self;
        self.moments.sized(point)?;
        let (loss, gradient) = evaluate_once(point, evaluate)?;
        for p in &mut *point {
            *p -= lr * weight_decay * *p;
        }
        self.moments.step(point, &gradient, lr, betas, eps, amsgrad);
        Ok(loss)
    }

    fn memory(&self) -> Memory {
        self.moments.memory()
    }

    fn restore(&mut self, memory: &Memory) -> Result<()> {
        self.moments = Moments::recalled(memory, self.name())?;
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
