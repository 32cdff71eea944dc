//! Penalties under which what is not needed is exactly zero.

use super::newton::dot;
use super::{Design, Minimum, NewtonOptions, Penalty, Regression};
use crate::{Error, Result};

/// Most rounds in which blocks are added.
const ROUNDS: usize = 100;
/// Coefficients so few that all blocks join at once: windows are faster than some of their columns written out.
const FEW: usize = 64;
/// Most sweeps over the blocks for one quadratic model.
const SWEEPS: usize = 2000;

impl Regression<'_> {
    /// The coefficients that explain the response best with as few blocks of them as that is worth: the minimum of
    ///
    /// ```text
    /// F(θ) + λ·Σ_B √|B|·‖θ_B‖₂
    /// ```
    ///
    /// Blocks of one coefficient are the lasso, larger ones the group lasso; coefficients in no block (the bias, a history) are
    /// free. `start` may be any θ, best that of a neighbouring λ. [`Minimum::loss`] is without the penalty.
    ///
    /// Newton's method on the blocks that matter: the quadratic model is minimised block by block, each moved toward zero by its
    /// share of λ, and the step halved until the sum falls; then blocks whose gradient exceeds their share of λ join, until
    /// there are none, which is the condition of Karush, Kuhn and Tucker.
    ///
    /// # Errors
    /// As [`Regression::minimum`], or if there is a quadratic penalty as well.
    ///
    /// # Source
    /// Friedman, Hastie & Tibshirani 2010, J. Stat. Softw. 33(1); groups: Yuan & Lin 2006, J. R. Stat. Soc. B 68:49; Newton
    /// steps: Lee, Sun & Saunders 2014, SIAM J. Optim. 24:1420.
    pub fn sparse_minimum(
        &self,
        start: Vec<f64>,
        blocks: &[Vec<usize>],
        weight: f64,
        options: NewtonOptions,
    ) -> Result<Minimum> {
        if !self.penalty.is_empty() {
            return Err(Error::argument("regularizer", "sparse blocks without a quadratic penalty", "both"));
        }
        let mut theta = start;
        let mut free = vec![true; self.design.len()];
        for &i in blocks.iter().flatten() {
            free[i] = false;
        }
        // The bias is the last column of every design.
        let free: Vec<usize> = (0..self.design.len() - 1).filter(|&i| free[i]).collect();
        let few = self.design.len() <= FEW && weight.is_finite();
        let mut active: Vec<bool> =
            blocks.iter().map(|block| few || block.iter().any(|&i| theta[i] != 0.0)).collect();
        let (mut losses, mut converged) = (vec![], false);
        for _ in 0..ROUNDS {
            let chosen: Vec<usize> = (0..blocks.len()).filter(|&b| active[b]).collect();
            let mut columns = free.clone();
            let mut within = vec![];
            for &b in &chosen {
                within.push((columns.len()..columns.len() + blocks[b].len()).collect::<Vec<usize>>());
                columns.extend(&blocks[b]);
            }
            let whole = columns.iter().copied().eq(0..self.design.len() - 1);
            let design = if whole { self.design } else { &self.design.selected(&columns) };
            let none = Penalty::none([0, 1, 1]);
            let part = Regression { design, penalty: &none, ..*self };
            let mut from: Vec<f64> = columns.iter().map(|&i| theta[i]).collect();
            from.push(theta[self.design.len() - 1]);
            let found = part.shrunk(from, &within, weight, options)?;
            for (&i, &x) in columns.iter().chain(&[self.design.len() - 1]).zip(&found.theta) {
                theta[i] = x;
            }
            losses.extend(found.losses);
            converged = found.converged;
            let gradient = self.at(&theta).gradient;
            let mut missing: Vec<(f64, usize)> = (0..blocks.len())
                .filter(|&b| !active[b])
                .map(|b| (length(&gradient, &blocks[b]) / share(weight, blocks[b].len()), b))
                .filter(|(excess, _)| *excess > 1.0 + 1e-6)
                .collect();
            if missing.is_empty() {
                return Ok(Minimum { theta, loss: found.loss, losses, converged, hessian: None });
            }
            missing.sort_by(|a, b| b.0.total_cmp(&a.0));
            for &(_, b) in missing.iter().take(chosen.len().max(10)) {
                active[b] = true;
            }
            converged = false;
        }
        let loss = self.at(&theta).loss;
        Ok(Minimum { theta, loss, losses, converged, hessian: None })
    }

    /// The minimum over all coefficients of this design, those in no block being free.
    fn shrunk(
        &self,
        start: Vec<f64>,
        blocks: &[Vec<usize>],
        weight: f64,
        options: NewtonOptions,
    ) -> Result<Minimum> {
        let norms = |theta: &[f64]| -> f64 {
            blocks.iter().map(|block| share(weight, block.len()) * length(theta, block)).sum()
        };
        let mut free = vec![true; start.len()];
        for &i in blocks.iter().flatten() {
            free[i] = false;
        }
        // Every coefficient that is free is a block of its own, without a share.
        let all: Vec<(Vec<usize>, f64)> = (0..start.len())
            .filter(|&i| free[i])
            .map(|i| (vec![i], 0.0))
            .chain(blocks.iter().map(|block| (block.clone(), share(weight, block.len()))))
            .collect();
        let mut theta = start;
        let mut slopes = self.at(&theta);
        let mut losses = vec![slopes.loss + norms(&theta)];
        if !losses[0].is_finite() {
            return Err(Error::argument("start", "coefficients where the loss is finite", losses[0]));
        }
        let mut hessian = self.design.gram(&slopes.second);
        let (mut converged, mut last) = (false, f64::INFINITY);
        for _ in 0..options.iterations {
            let aimed = |hessian: &nalgebra::DMatrix<f64>| -> Result<(Vec<f64>, Vec<f64>, f64)> {
                let target = quadratic_minimum(&theta, &slopes.gradient, hessian, &all)?;
                let step: Vec<f64> = target.iter().zip(&theta).map(|(a, x)| a - x).collect();
                let promise = -(dot(&slopes.gradient, &step) + norms(&target) - norms(&theta));
                Ok((target, step, promise))
            };
            let (mut target, mut step, mut promise) = aimed(&hessian)?;
            // A second derivative serves for as long as it brings the minimum nearer fast.
            if promise > 0.1 * last {
                hessian = self.design.gram(&slopes.second);
                (target, step, promise) = aimed(&hessian)?;
            }
            last = promise;
            let now = slopes.loss + norms(&theta);
            if promise <= options.tolerance * (now.abs() + 1.0) {
                converged = true;
                break;
            }
            let mut part = 1.0;
            let accepted = loop {
                // The whole step keeps its exact zeros.
                let moved: Vec<f64> = if part == 1.0 {
                    target.clone()
                } else {
                    theta.iter().zip(&step).map(|(x, d)| x + part * d).collect()
                };
                let slopes = self.at(&moved);
                if slopes.loss + norms(&moved) <= now - 1e-4 * part * promise {
                    break Some((moved, slopes));
                }
                part *= 0.5;
                if part < 1e-12 {
                    break None;
                }
            };
            let Some(accepted) = accepted else {
                converged = promise <= 1e-6 * (now.abs() + 1.0);
                break;
            };
            (theta, slopes) = accepted;
            losses.push(slopes.loss + norms(&theta));
        }
        Ok(Minimum { theta, loss: slopes.loss, losses, converged, hessian: None })
    }

    /// The smallest λ under which every block is zero, and the θ that then is best.
    pub(super) fn least_empty(
        &self,
        start: Vec<f64>,
        blocks: &[Vec<usize>],
        options: NewtonOptions,
    ) -> Result<(f64, Vec<f64>)> {
        let found = self.sparse_minimum(start, blocks, f64::INFINITY, options)?;
        let gradient = self.gradient(&found.theta);
        let most = blocks.iter().map(|block| length(&gradient, block) / share(1.0, block.len()));
        Ok((most.fold(0.0, f64::max), found.theta))
    }
}

/// λ·√|B|.
fn share(weight: f64, len: usize) -> f64 {
    weight * (len as f64).sqrt()
}

/// ‖x_B‖₂.
fn length(x: &[f64], block: &[usize]) -> f64 {
    block.iter().map(|&i| x[i] * x[i]).sum::<f64>().sqrt()
}

/// The minimum of a quadratic model around θ plus the shares of the blocks, block after block until nothing moves.
fn quadratic_minimum(
    theta: &[f64],
    gradient: &[f64],
    hessian: &nalgebra::DMatrix<f64>,
    blocks: &[(Vec<usize>, f64)],
) -> Result<Vec<f64>> {
    // A block moves against its gradient by the inverse of the most that its curvature can be (Gershgorin).
    let curvature: Vec<f64> = (blocks.iter())
        .map(|(block, _)| {
            let row = |&i: &usize| block.iter().map(|&j| hessian[(i, j)].abs()).sum::<f64>();
            block.iter().map(row).fold(0.0, f64::max)
        })
        .collect();
    if curvature.iter().any(|c| !c.is_finite()) {
        return Err(Error::Diverged(
            "fit: the curvature of the loss is not finite; scale the stimulus down".into(),
        ));
    }
    let mut target = theta.to_vec();
    // Gradient of the quadratic model at the target.
    let mut slope = gradient.to_vec();
    let mut first_sweep = 0.0;
    for sweep in 0..SWEEPS {
        let mut moved = 0.0f64;
        for ((block, share), &curvature) in blocks.iter().zip(&curvature) {
            if curvature == 0.0 {
                continue;
            }
            let aim: Vec<f64> = block.iter().map(|&i| target[i] - slope[i] / curvature).collect();
            let norm = aim.iter().map(|x| x * x).sum::<f64>().sqrt();
            let keep = if *share == 0.0 { 1.0 } else { (1.0 - share / curvature / norm).max(0.0) };
            for (&i, aim) in block.iter().zip(&aim) {
                let to = if keep > 0.0 { keep * aim } else { 0.0 };
                let by = to - target[i];
                if by != 0.0 {
                    target[i] = to;
                    slope.iter_mut().zip(hessian.column(i).iter()).for_each(|(s, h)| *s += h * by);
                    moved += curvature * by * by;
                }
            }
        }
        if sweep == 0 {
            first_sweep = moved;
        }
        if moved <= 1e-14 * first_sweep {
            break;
        }
    }
    Ok(target)
}

impl Design {
    /// The same rows of these columns alone, written out, and the bias.
    pub(super) fn selected(&self, columns: &[usize]) -> Self {
        let mut numbers = Vec::with_capacity(self.steps() * columns.len());
        for t in 0..self.steps() {
            numbers.extend(columns.iter().map(|&column| self.at(t, column)));
        }
        Self::of_columns(numbers, columns.len(), self.steps())
    }

    /// The columns of both, of designs without windows, and one bias.
    pub(super) fn joined(&self, other: &Self) -> Self {
        let mut numbers = Vec::with_capacity(self.steps() * (self.len() + other.len() - 2));
        for t in 0..self.steps() {
            numbers.extend((0..self.len() - 1).map(|column| self.at(t, column)));
            numbers.extend((0..other.len() - 1).map(|column| other.at(t, column)));
        }
        Self::of_columns(numbers, self.len() + other.len() - 2, self.steps())
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Loss, Nonlinearity, Observation};
    use super::*;
    use convis_kernels::random::{Key, Use, uniform};

    #[test]
    fn zeros_are_exact_and_gradients_meet_the_condition_of_a_minimum() {
        let (steps, pixels, lags) = (1500, 12, 3);
        let key = Key::new(4, 0, "cell", 0);
        let noise: Vec<f64> = (0..steps * pixels)
            .map(|i| uniform(key, 0, i % pixels, Use::Current, (i / pixels) as u64) - 0.5)
            .collect();
        let design = Design::windows(&noise, pixels, lags);
        let mut truth = vec![0.0; design.len()];
        for lag in 0..lags {
            truth[lag * pixels + 3] = 2.0;
            truth[lag * pixels + 4] = -1.5;
        }
        let drive = design.drive(&truth);
        let counts: Vec<f64> = (0..steps)
            .map(|t| {
                f64::from(uniform(key, 1, 0, Use::Start, t as u64) < -(-(drive[t] - 0.5).exp()).exp_m1())
            })
            .collect();
        let observation = Observation { nonlinearity: Nonlinearity::Exp, loss: Loss::Poisson };
        let none = Penalty::none([lags, 1, pixels]);
        let regression = Regression::new(&design, &counts, observation, &none);
        let singles: Vec<Vec<usize>> = (0..lags * pixels).map(|i| vec![i]).collect();
        let groups: Vec<Vec<usize>> =
            (0..pixels).map(|p| (0..lags).map(|lag| lag * pixels + p).collect()).collect();
        for blocks in [singles, groups] {
            let options = NewtonOptions { iterations: 100, tolerance: 1e-14 };
            let start = vec![0.0; design.len()];
            let (most, empty) = regression.least_empty(start.clone(), &blocks, options).unwrap();
            assert!(empty[..lags * pixels].iter().all(|&x| x == 0.0));
            let weight = 0.3 * most;
            let found = regression.sparse_minimum(start, &blocks, weight, options).unwrap();
            assert!(found.converged);
            let gradient = regression.gradient(&found.theta);
            let mut zeros = 0;
            for block in &blocks {
                let (norm, share) = (length(&found.theta, block), share(weight, block.len()));
                if norm == 0.0 {
                    zeros += 1;
                    assert!(length(&gradient, block) <= share * (1.0 + 1e-6));
                } else {
                    for &i in block {
                        assert!((gradient[i] + share * found.theta[i] / norm).abs() < 1e-5 * share, "{i}");
                    }
                }
            }
            // The free bias is at its minimum too, and most of what is not there is not found.
            assert!(gradient[design.len() - 1].abs() < 1e-5 * weight);
            assert!(zeros * 2 > blocks.len() && zeros < blocks.len(), "{zeros} of {}", blocks.len());
            // From elsewhere the same.
            let again = regression.sparse_minimum(truth.clone(), &blocks, weight, options).unwrap();
            assert!(again.theta.iter().zip(&found.theta).all(|(a, b)| (a - b).abs() < 1e-5));
        }
    }
}
