//! Steps by the sign of the gradient alone.

use super::{Evaluate, Memory, Optimizer, check_options, evaluate_once, recall, remember, sized};
use crate::{Error, Result};

/// Rprop: each number's steps grow while its gradient keeps its sign and shrink when it changes; its size does not count.
///
/// # Equation
/// With g = ∂loss/∂p and g₋ that of the step before:
/// ```text
/// s ← s·η₊ where g·g₋ > 0,  s·η₋ where g·g₋ < 0 (there g ← 0), within `step_sizes`; s = lr at first
/// p ← p − s·sign(g)
/// ```
///
/// # Parameters
/// | name | default |
/// |---|---|
/// | `lr` | 0.01 |
/// | `etas` (η₋, η₊) | (0.5, 1.2) |
/// | `step_sizes` | (1e-6, 50) |
///
/// # Source
/// Riedmiller & Braun, IEEE Int. Conf. Neural Networks 1993, in the form of `torch.optim.Rprop`.
#[derive(Clone, Debug, PartialEq)]
pub struct Rprop {
    /// The first step.
    pub lr: f64,
    /// Factors of a step: where the gradient has changed its sign, where it has kept it.
    pub etas: (f64, f64),
    /// Smallest and largest step.
    pub step_sizes: (f64, f64),
    #[doc(hidden)]
    pub before: Vec<f64>,
    #[doc(hidden)]
    pub size: Vec<f64>,
}

impl Default for Rprop {
    fn default() -> Self {
        Self { lr: 1e-2, etas: (0.5, 1.2), step_sizes: (1e-6, 50.0), before: vec![], size: vec![] }
    }
}

impl Optimizer for Rprop {
    fn name(&self) -> &'static str {
        "Rprop"
    }

    fn check(&self) -> Result<()> {
        let Self { lr, etas, step_sizes: (least, most), .. } = *self;
        if !(etas.1 > 1.0 && etas.1.is_finite()) {
            return Err(Error::argument("etas", "a factor below 1 and one above", etas.1));
        }
        if least > most {
            return Err(Error::argument("step_sizes", "the smaller first", format!("{least}, {most}")));
        }
        check_options(&[("lr", lr), ("step_sizes", least), ("step_sizes", most)], &[("etas", etas.0)])
    }

    fn step(&mut self, point: &mut [f64], evaluate: &mut Evaluate<'_>) -> Result<f64> {
        self.check()?;
        let Self { lr, etas: (less, more), step_sizes: (least, most), .. } = *self;
        sized(&mut self.before, point, 0.0)?;
        sized(&mut self.size, point, lr)?;
        let (loss, gradient) = evaluate_once(point, evaluate)?;
        for (i, (p, g)) in point.iter_mut().zip(gradient).enumerate() {
            let (before, size) = (&mut self.before[i], &mut self.size[i]);
            let same = g * *before;
            let factor = if same > 0.0 {
                more
            } else if same < 0.0 {
                less
            } else {
                1.0
            };
            *size = (*size * factor).clamp(least, most);
            let g = if same < 0.0 { 0.0 } else { g };
            if g != 0.0 {
                *p -= size.copysign(g);
            }
            *before = g;
        }
        Ok(loss)
    }

    fn memory(&self) -> Memory {
        remember([("prev", &self.before), ("step_size", &self.size)])
    }

    fn restore(&mut self, memory: &Memory) -> Result<()> {
        [self.before, self.size] = recall(memory, self.name(), ["prev", "step_size"])?;
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
