//! L-BFGS that never goes to a worse place.

use super::{Evaluate, Lbfgs, Memory, Optimizer};
use crate::{Error, Result};

/// L-BFGS that refuses to end at a worse place than it began.
///
/// # Definition
/// A call runs [`Lbfgs`] and watches every evaluation. It ends at the point with the lowest finite loss of all that were
/// evaluated, the one at the beginning and the last one included. If that is the one at the beginning, the steps were
/// too bold: the estimate of the Hessian is forgotten and the next call goes half as far (`caution`, a factor on `lr`,
/// at least 2⁻²⁰); a call that improves doubles it again, up to 1. A point whose loss is not finite ends the call, not
/// the fit; only a beginning without a finite loss is an error.
///
/// # Parameters
/// Those of [`Lbfgs`].
///
/// # Source
/// Ours; the toolbox of 2018 lists an optimiser of this name that does not run.
#[derive(Clone, Debug, PartialEq)]
pub struct CautiousLbfgs {
    inner: Lbfgs,
    caution: f64,
}

/// The shortest steps, as a part of `lr`.
const MOST_CAUTION: f64 = 1.0 / (1 << 20) as f64;

impl CautiousLbfgs {
    /// With the options of an [`Lbfgs`].
    pub const fn new(inner: Lbfgs) -> Self {
        Self { inner, caution: 1.0 }
    }
}

impl Default for CautiousLbfgs {
    fn default() -> Self {
        Self::new(Lbfgs::default())
    }
}

impl Optimizer for CautiousLbfgs {
    fn name(&self) -> &'static str {
        "CautiousLBFGS"
    }

    fn check(&self) -> Result<()> {
        self.inner.check()
    }

    fn step(&mut self, point: &mut [f64], evaluate: &mut Evaluate<'_>) -> Result<f64> {
        let start = point.to_vec();
        let (mut first, mut last) = (None, vec![]);
        let mut best: Option<(f64, Vec<f64>)> = None;
        let mut watched = |p: &[f64]| {
            let (loss, gradient) = evaluate(p)?;
            first.get_or_insert(loss);
            last = p.to_vec();
            if loss.is_finite() && best.as_ref().is_none_or(|(least, _)| loss < *least) {
                best = Some((loss, p.to_vec()));
            }
            Ok((loss, gradient))
        };
        let bold = self.inner.lr;
        self.inner.lr = bold * self.caution;
        let result = self.inner.step(point, &mut watched);
        self.inner.lr = bold;
        match result {
            Ok(_) => {}
            Err(Error::Diverged(_)) if best.is_some() => {}
            Err(error) => return Err(error),
        }
        let ended = point.to_vec();
        // The last point has not been evaluated where the number of iterations ended the call.
        if ended != last {
            let (loss, _) = evaluate(&ended)?;
            if loss.is_finite() && best.as_ref().is_none_or(|(least, _)| loss < *least) {
                best = Some((loss, ended.clone()));
            }
        }
        if let Some((_, best)) = best {
            point.copy_from_slice(&best);
        }
        if *point == start[..] && ended != start {
            self.inner.history = super::lbfgs::History::default();
            self.caution = (0.5 * self.caution).max(MOST_CAUTION);
        } else {
            if *point != ended[..] {
                self.inner.history.forget_last_step();
            }
            self.caution = (2.0 * self.caution).min(1.0);
        }
        Ok(first.unwrap_or(f64::NAN))
    }

    fn memory(&self) -> Memory {
        let mut memory = self.inner.memory();
        if !memory.is_empty() || self.caution < 1.0 {
            memory.insert("caution".into(), vec![self.caution]);
        }
        memory
    }

    fn restore(&mut self, memory: &Memory) -> Result<()> {
        let mut inner = memory.clone();
        let caution = inner.remove("caution").and_then(|caution| caution.first().copied());
        self.inner.restore(&inner)?;
        self.caution = caution.unwrap_or(1.0);
        Ok(())
    }

    fn learning_rate(&self) -> Option<f64> {
        Some(self.inner.lr)
    }

    fn set_learning_rate(&mut self, lr: f64) -> Result<()> {
        self.inner.set_learning_rate(lr)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_loss_never_rises_even_where_the_plain_method_diverges() {
        // A steep wall at 2 beyond which there is nothing: full steps jump over it.
        let f = |x: &[f64]| {
            if x[0] < 2.0 {
                (-x[0] + 1e-3 / (2.0 - x[0]), vec![-1.0 + 1e-3 / (2.0 - x[0]).powi(2)])
            } else {
                (f64::NAN, vec![0.0])
            }
        };
        let plain = Lbfgs { lr: 5.0, ..Lbfgs::default() };
        assert!(plain.clone().step(&mut [0.0], &mut |x| Ok(f(x))).is_err());
        let mut cautious = CautiousLbfgs::new(plain);
        let mut x = [0.0];
        let mut loss = f(&x).0;
        for _ in 0..60 {
            cautious.step(&mut x, &mut |x| Ok(f(x))).unwrap();
            assert!(f(&x).0 <= loss);
            loss = f(&x).0;
        }
        assert!((x[0] - (2.0 - 1e-3f64.sqrt())).abs() < 1e-3, "{x:?}");
    }

    #[test]
    fn one_iteration_a_call_is_enough_to_move() {
        let mut cautious = CautiousLbfgs::new(Lbfgs { max_iter: 1, ..Lbfgs::default() });
        let mut x = [4.0];
        for _ in 0..20 {
            cautious.step(&mut x, &mut |x| Ok((x[0] * x[0], vec![2.0 * x[0]]))).unwrap();
        }
        assert!(x[0].abs() < 1e-3, "{x:?}");
    }
}
