//! Losses: how far an output is from what was wanted.

use crate::{DType, Error, Result, Tensor};

/// A loss of an output, given what was wanted; a target is a constant.
///
/// # Equation
/// With y the output and t the target, number by number, N of them:
///
/// | loss | value |
/// |---|---|
/// | `Sse` | Σ (t − y)² |
/// | `Mse` | Σ (t − y)² / N |
/// | `Poisson` | Σ (y − t·ln(y + 10⁻⁸)) / N: minus the log-likelihood of counts t at rates y, but for ln t! |
/// | `Bce` | −Σ (t·ln y + (1 − t)·ln(1 − y)) / N with the logarithms from −100: probabilities y of t = 1 |
/// | `Huber { delta }` | Σ h(t − y) / N, h(d) = d²/2 for \|d\| ≤ δ, δ·(\|d\| − δ/2) beyond |
///
/// # Source
/// The definitions of `torch.nn` (`MSELoss`, `PoissonNLLLoss(log_input=False)`, `BCELoss`, `HuberLoss`); `Sse` is the
/// default of the toolbox of 2018.
///
/// # Example
/// ```
/// use convis::{Tensor, loss::Loss};
/// let y = Tensor::from_vec(vec![1.0f64, 2.0], &[2])?;
/// let t = Tensor::from_vec(vec![1.5f64, 5.0], &[2])?;
/// assert_eq!(Loss::Sse.of(&y, &t)?.to_f64(), [9.25]);
/// assert_eq!(Loss::Huber { delta: 1.0 }.of(&y, &t)?.to_f64(), [(0.125 + 2.5) / 2.0]);
/// assert!(Loss::named("sum of squares").is_err());
/// # Ok::<(), convis::Error>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub enum Loss {
    /// The sum of squared errors.
    #[default]
    Sse,
    /// The mean squared error.
    Mse,
    /// Minus the log-likelihood of Poisson counts.
    Poisson,
    /// Binary cross-entropy.
    Bce,
    /// Squared for small errors, linear for large ones.
    Huber {
        /// Where it becomes linear.
        delta: f64,
    },
}

/// Names that [`Loss::named`] understands.
const NAMES: [&str; 5] = ["sse", "mse", "poisson", "bce", "huber"];

impl Loss {
    /// The loss of this name: `"sse"`, `"mse"`, `"poisson"`, `"bce"` or `"huber"` (δ = 1).
    ///
    /// # Errors
    /// If there is none.
    pub fn named(name: &str) -> Result<Self> {
        match name {
            "sse" => Ok(Self::Sse),
            "mse" => Ok(Self::Mse),
            "poisson" => Ok(Self::Poisson),
            "bce" => Ok(Self::Bce),
            "huber" => Ok(Self::Huber { delta: 1.0 }),
            _ => Err(Error::unknown("loss", name, NAMES)),
        }
    }

    /// The loss, a single number in the output's type with its history.
    ///
    /// # Errors
    /// If the shapes differ, or an option makes no sense.
    pub fn of(self, output: &Tensor, target: &Tensor) -> Result<Tensor> {
        if output.shape() != target.shape() {
            let expected = format!("shape {:?}, that of the output", output.shape());
            return Err(Error::argument("target", expected, format!("shape {:?}", target.shape())));
        }
        let dtype = if output.dtype() == DType::F64 { DType::F64 } else { DType::F32 };
        let (y, t) = (output.cast(dtype), target.detach().cast(dtype));
        let number = |value: f64| Tensor::number(value, dtype);
        let each = match self {
            Self::Sse | Self::Mse => t.sub(&y)?.square(),
            Self::Poisson => y.sub(&t.mul(&y.add(&number(1e-8))?.log())?)?,
            Self::Bce => {
                let log = |x: &Tensor| x.log().clamp(-100.0, f64::INFINITY);
                let (p, q) = (t.mul(&log(&y))?, number(1.0).sub(&t)?.mul(&log(&number(1.0).sub(&y)?))?);
                p.add(&q)?.neg()
            }
            Self::Huber { delta } => {
                if !(delta.is_finite() && delta > 0.0) {
                    return Err(Error::argument("delta", "a number above 0", delta));
                }
                // With c the error clamped to ±δ: c·d − c²/2 is d²/2 inside and δ·(|d| − δ/2) outside.
                let error = t.sub(&y)?;
                let inside = error.clamp(-delta, delta);
                inside.mul(&error)?.sub(&inside.square().mul(&number(0.5))?)?
            }
        };
        let total = each.sum_all();
        if self == Self::Sse { Ok(total) } else { total.div(&number(output.len().max(1) as f64)) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tensor::{Leaf, backward};

    fn tensor(x: &[f64]) -> Tensor {
        Tensor::from_vec(x.to_vec(), &[x.len()]).unwrap()
    }

    #[test]
    fn losses_equal_their_definitions_and_gradients_differences() {
        let (y, t) = ([0.2, 0.7, 0.95, 0.4], [0.0, 1.0, 1.0, 3.5]);
        let mean = |f: &dyn Fn(f64, f64) -> f64| y.iter().zip(t).map(|(y, t)| f(*y, t)).sum::<f64>() / 4.0;
        let huber = |d: f64| if d.abs() <= 1.0 { 0.5 * d * d } else { d.abs() - 0.5 };
        let wanted = [
            4.0 * mean(&|y, t| (t - y).powi(2)),
            mean(&|y, t| (t - y).powi(2)),
            mean(&|y, t| y - t * (y + 1e-8).ln()),
            mean(&|y, t| -(t * y.ln() + (1.0 - t) * (1.0 - y).ln())),
            mean(&|y, t| huber(t - y)),
        ];
        for (name, want) in NAMES.into_iter().zip(wanted) {
            let loss = Loss::named(name).unwrap();
            let leaf = Leaf::default();
            let value = loss.of(&tensor(&y).with_leaf(&leaf), &tensor(&t)).unwrap();
            assert!((value.to_f64()[0] - want).abs() < 1e-14, "{name}");
            backward(&[(&value, Tensor::number(1.0, DType::F64))]).unwrap();
            for (i, got) in leaf.gradient().unwrap().to_f64().into_iter().enumerate() {
                let at = |h: f64| {
                    let mut y = y;
                    y[i] += h;
                    loss.of(&tensor(&y), &tensor(&t)).unwrap().to_f64()[0]
                };
                assert!((got - (at(1e-6) - at(-1e-6)) / 2e-6).abs() < 1e-7, "{name} {i}");
            }
        }
    }

    #[test]
    fn shapes_that_differ_are_refused_and_certainty_is_no_infinity() {
        let error = Loss::Mse.of(&tensor(&[1.0]), &tensor(&[1.0, 2.0])).unwrap_err().to_string();
        assert!(error.contains("shape [2]"), "{error}");
        assert_eq!(Loss::Bce.of(&tensor(&[0.0, 1.0]), &tensor(&[1.0, 1.0])).unwrap().to_f64(), [50.0]);
    }
}
