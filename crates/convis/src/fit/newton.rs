//! Newton's method for regressions whose loss is convex in the drive.

use convis_kernels::parallel;
use nalgebra::{Cholesky, DMatrix, DVector, Dyn};

use super::{Design, Observation, Penalty};
use crate::{Error, Result};

/// A regression: which coefficients θ explain the response best?
///
/// ```text
/// F(θ) = Σₜ aₜ·ℓ(yₜ, ηₜ) + Q(θ),    η = X·θ
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Regression<'a> {
    /// X.
    pub design: &'a Design,
    /// y.
    pub response: &'a [f64],
    /// ℓ.
    pub observation: Observation,
    /// Q.
    pub penalty: &'a Penalty,
    /// a: how much each step counts; all alike if there are none.
    pub weights: Option<&'a [f64]>,
}

/// Where F is smallest.
#[derive(Clone, Debug)]
pub struct Minimum {
    /// θ: the window, further columns, bias.
    pub theta: Vec<f64>,
    /// Σ ℓ there, without Q.
    pub loss: f64,
    /// F after every iteration, the first number being that of the start.
    pub losses: Vec<f64>,
    /// Whether the step left to do would change F by less than the tolerance.
    pub converged: bool,
}

/// When Newton's method ends.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct NewtonOptions {
    /// Most iterations.
    pub iterations: usize,
    /// It has converged where the next step promises to lower F by less than this part of |F| + 1.
    pub tolerance: f64,
}

impl Default for NewtonOptions {
    fn default() -> Self {
        // The promise is quadratic in the distance: 1e-10 leaves coefficients right to about 1e-5 of their error.
        Self { iterations: 100, tolerance: 1e-10 }
    }
}

/// Steps of a block.
const BLOCK: usize = 4096;
/// Elementary operations of a step: an exponential or two.
const COST: usize = 20;
/// Coefficients up to which the second derivative is written out and solved directly.
pub(super) const DIRECT: usize = 1024;

impl<'a> Regression<'a> {
    /// A regression in which every step counts alike.
    pub const fn new(
        design: &'a Design,
        response: &'a [f64],
        observation: Observation,
        penalty: &'a Penalty,
    ) -> Self {
        Self { design, response, observation, penalty, weights: None }
    }

    fn weight(&self, t: usize) -> f64 {
        self.weights.map_or(1.0, |weights| weights[t])
    }

    /// F at θ.
    pub fn value(&self, theta: &[f64]) -> f64 {
        self.loss(&self.design.drive(theta)) + self.penalty.value(theta)
    }

    /// Σ aₜ·ℓ at a drive, in blocks of fixed length, added in order.
    pub(super) fn loss(&self, drive: &[f64]) -> f64 {
        let blocks: Vec<_> = drive.chunks(BLOCK).enumerate().collect();
        let parts = parallel::map(blocks, COST * drive.len(), |(block, drive)| {
            let term = |(i, &eta): (usize, &f64)| {
                let t = block * BLOCK + i;
                self.weight(t) * self.observation.at(self.response[t], eta)[0]
            };
            drive.iter().enumerate().map(term).sum::<f64>()
        });
        parts.into_iter().sum()
    }

    /// ∂ℓ/∂η and a second derivative, step by step.
    pub(super) fn slopes(&self, drive: &[f64]) -> (Vec<f64>, Vec<f64>) {
        let (mut first, mut second) = (vec![0.0; drive.len()], vec![0.0; drive.len()]);
        let items: Vec<_> = drive
            .chunks(BLOCK)
            .zip(first.chunks_mut(BLOCK))
            .zip(second.chunks_mut(BLOCK))
            .enumerate()
            .collect();
        parallel::for_each(items, COST * drive.len(), |(block, ((drive, first), second))| {
            for i in 0..drive.len() {
                let t = block * BLOCK + i;
                let [_, slope, curvature] = self.observation.at(self.response[t], drive[i]);
                first[i] = self.weight(t) * slope;
                second[i] = self.weight(t) * curvature;
            }
        });
        (first, second)
    }

    /// ∂F/∂θ.
    pub fn gradient(&self, theta: &[f64]) -> Vec<f64> {
        let (first, _) = self.slopes(&self.design.drive(theta));
        let mut gradient = self.design.transposed(&first);
        self.penalty.add_gradient(theta, &mut gradient);
        gradient
    }

    /// ∂²F/∂θ², never negative: the Fisher information where the true one is.
    pub fn hessian(&self, theta: &[f64]) -> DMatrix<f64> {
        let (_, second) = self.slopes(&self.design.drive(theta));
        let mut hessian = self.design.gram(&second);
        self.penalty.add_hessian(&mut hessian);
        hessian
    }

    /// The coefficients that explain the response best, sought from `start`.
    ///
    /// Each step solves H·d = −g, directly up to 1024 coefficients, by conjugate gradients beyond, and is halved until
    /// F falls by a tenth of a thousandth of what it promised.
    ///
    /// # Errors
    /// If F is not finite at the start, or its second derivative is singular: some coefficients are not determined by the
    /// data, and no penalty decides.
    ///
    /// # Source
    /// Nocedal & Wright 2006, Numerical Optimization, algorithms 3.2 and 7.1; Fisher scoring: McCullagh & Nelder 1989.
    pub fn minimum(&self, start: Vec<f64>, options: NewtonOptions) -> Result<Minimum> {
        self.search(start, None, options)
    }

    /// The same, one coefficient being held where it is.
    fn search(&self, start: Vec<f64>, held: Option<usize>, options: NewtonOptions) -> Result<Minimum> {
        let mut theta = start;
        let mut drive = self.design.drive(&theta);
        let (mut loss, mut penalty) = (self.loss(&drive), self.penalty.value(&theta));
        let mut losses = vec![loss + penalty];
        if !losses[0].is_finite() {
            return Err(Error::argument("start", "coefficients where the loss is finite", losses[0]));
        }
        let mut converged = false;
        for _ in 0..options.iterations {
            let (first, second) = self.slopes(&drive);
            let mut gradient = self.design.transposed(&first);
            self.penalty.add_gradient(&theta, &mut gradient);
            let step = self.step(&mut gradient, &second, held)?;
            // What the quadratic model promises.
            let promise = -0.5 * gradient.iter().zip(&step).map(|(g, d)| g * d).sum::<f64>();
            let now = loss + penalty;
            if promise <= options.tolerance * (now.abs() + 1.0) {
                converged = true;
                break;
            }
            let along = self.design.drive(&step);
            let mut length = 1.0;
            let accepted = loop {
                let moved: Vec<f64> = theta.iter().zip(&step).map(|(x, d)| x + length * d).collect();
                let drive: Vec<f64> = drive.iter().zip(&along).map(|(x, d)| x + length * d).collect();
                let (loss, penalty) = (self.loss(&drive), self.penalty.value(&moved));
                if loss + penalty <= now - 1e-4 * length * promise {
                    break Some((moved, drive, loss, penalty));
                }
                length *= 0.5;
                if length < 1e-12 {
                    break None;
                }
            };
            // Without progress in the last digits, this is the minimum that the numbers can tell.
            let Some((moved, moved_drive, moved_loss, moved_penalty)) = accepted else {
                converged = promise <= 1e-6 * (now.abs() + 1.0);
                break;
            };
            (theta, drive, loss, penalty) = (moved, moved_drive, moved_loss, moved_penalty);
            losses.push(loss + penalty);
        }
        Ok(Minimum { theta, loss, losses, converged })
    }

    /// d with H·d = −g; a coefficient that is held has no gradient and does not move.
    fn step(&self, gradient: &mut [f64], weights: &[f64], held: Option<usize>) -> Result<Vec<f64>> {
        if let Some(held) = held {
            gradient[held] = 0.0;
        }
        if self.design.len() > DIRECT {
            return Ok(self.conjugate(gradient, weights, held));
        }
        let mut hessian = self.design.gram(weights);
        self.penalty.add_hessian(&mut hessian);
        if let Some(held) = held {
            hessian.fill_row(held, 0.0);
            hessian.fill_column(held, 0.0);
            hessian[(held, held)] = 1.0;
        }
        let step = factor(hessian)?.solve(&-DVector::from_column_slice(gradient));
        Ok(step.as_slice().to_vec())
    }

    /// A nearby minimum with the curvature of another: steps with one factor of a second derivative. `None` where they do not
    /// arrive, and Newton's method has to.
    pub(super) fn chord(
        &self,
        start: &[f64],
        factor: &Cholesky<f64, Dyn>,
        tolerance: f64,
    ) -> Option<Vec<f64>> {
        let mut theta = start.to_vec();
        let mut drive = self.design.drive(&theta);
        let mut now = self.loss(&drive) + self.penalty.value(&theta);
        for _ in 0..12 {
            let (first, _) = self.slopes(&drive);
            let mut gradient = self.design.transposed(&first);
            self.penalty.add_gradient(&theta, &mut gradient);
            let step = factor.solve(&-DVector::from_column_slice(&gradient));
            let promise = -0.5 * dot(&gradient, step.as_slice());
            if promise <= tolerance * (now.abs() + 1.0) {
                return Some(theta);
            }
            theta.iter_mut().zip(step.iter()).for_each(|(x, d)| *x += d);
            drive = self.design.drive(&theta);
            let then = self.loss(&drive) + self.penalty.value(&theta);
            // A step in the right direction of nearly the right length.
            if then.is_nan() || then > now - 0.1 * promise {
                return None;
            }
            now = then;
        }
        None
    }

    /// Where F, minimised over all other coefficients, has risen by `rise` to either side of its minimum in one.
    ///
    /// `error`, its standard error, says where to begin. A side on which F never rises so far ends at infinity.
    ///
    /// # Errors
    /// As [`Regression::minimum`].
    ///
    /// # Source
    /// Venzon & Moolgavkar 1988, Appl. Statist. 37:87.
    pub fn profile(
        &self,
        minimum: &[f64],
        index: usize,
        rise: f64,
        error: f64,
        options: NewtonOptions,
    ) -> Result<[f64; 2]> {
        let least = self.value(minimum);
        let mut ends = [f64::NEG_INFINITY, f64::INFINITY];
        for (end, side) in ends.iter_mut().zip([-1.0, 1.0]) {
            let mut theta = minimum.to_vec();
            let mut above = |distance: f64| -> Result<f64> {
                let mut start = theta.clone();
                start[index] = minimum[index] + side * distance;
                // So far away that an exponential has no number.
                if !self.value(&start).is_finite() {
                    return Ok(f64::INFINITY);
                }
                let found = self.search(start, Some(index), options)?;
                let value = found.losses.last().copied().unwrap_or(f64::INFINITY) - least - rise;
                theta = found.theta;
                Ok(value)
            };
            let (mut near, mut near_value) = (0.0, -rise);
            let mut far = error * (2.0 * rise).sqrt();
            let mut far_value = above(far)?;
            let mut doublings = 0;
            while far_value < 0.0 && doublings < 20 {
                (near, near_value) = (far, far_value);
                far *= 2.0;
                far_value = above(far)?;
                doublings += 1;
            }
            if far_value < 0.0 {
                continue;
            }
            // F is nearly a square of the distance, its root nearly straight; far out it may be steeper than any square.
            for _ in 0..60 {
                if far - near <= 1e-5 * far {
                    break;
                }
                let straight = |value: f64| (value + rise).max(0.0).sqrt() - rise.sqrt();
                let (a, b) = (straight(near_value), straight(far_value));
                let between = if far_value < 3.0 * rise {
                    near - a * (far - near) / (b - a)
                } else {
                    0.5 * (near + far)
                };
                let margin = 0.01 * (far - near);
                let at = between.clamp(near + margin, far - margin);
                let value = above(at)?;
                if value.abs() <= 1e-6 * rise {
                    (near, far) = (at, at);
                } else if value < 0.0 {
                    (near, near_value) = (at, value);
                } else {
                    (far, far_value) = (at, value);
                }
            }
            *end = minimum[index] + side * 0.5 * (near + far);
        }
        Ok(ends)
    }

    /// The same by conjugate gradients, as exactly as the gradient is small.
    fn conjugate(&self, gradient: &[f64], weights: &[f64], held: Option<usize>) -> Vec<f64> {
        let norm = dot(gradient, gradient).sqrt();
        let enough = norm * norm.sqrt().min(0.1);
        let product = |v: &[f64]| {
            let mut drive = self.design.drive(v);
            drive.iter_mut().zip(weights).for_each(|(x, w)| *x *= w);
            let mut product = self.design.transposed(&drive);
            self.penalty.add_gradient(v, &mut product);
            if let Some(held) = held {
                product[held] = 0.0;
            }
            product
        };
        let mut step = vec![0.0; gradient.len()];
        let mut rest: Vec<f64> = gradient.iter().map(|g| -g).collect();
        let mut direction = rest.clone();
        let mut square = dot(&rest, &rest);
        for _ in 0..gradient.len().min(500) {
            let product = product(&direction);
            let curvature = dot(&direction, &product);
            if curvature <= 0.0 {
                break;
            }
            let length = square / curvature;
            for i in 0..step.len() {
                step[i] += length * direction[i];
                rest[i] -= length * product[i];
            }
            let after = dot(&rest, &rest);
            if after.sqrt() <= enough {
                break;
            }
            for i in 0..step.len() {
                direction[i] = rest[i] + after / square * direction[i];
            }
            square = after;
        }
        step
    }
}

pub(super) fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

/// Cholesky's factor of a second derivative.
///
/// # Errors
/// If it is singular.
pub(super) fn factor(hessian: DMatrix<f64>) -> Result<Cholesky<f64, Dyn>> {
    // The smallest share of a coefficient's information that is its own before the others are held to determine it.
    const OWN: f64 = 1e-12;
    let diagonal: Vec<f64> = hessian.diagonal().iter().copied().collect();
    let undetermined = || {
        Error::Mismatch(
            "regularizer: the data leave some coefficients undetermined (a stimulus that is constant or repeats itself, a \
             cell without spikes, or more coefficients than steps); use a regularizer, e.g. \"ridge\" or \"auto\""
                .into(),
        )
    };
    let factor = Cholesky::new(hessian).ok_or_else(undetermined)?;
    let own = factor.l_dirty().diagonal();
    if own.iter().zip(&diagonal).any(|(l, h)| l * l <= OWN * h) { Err(undetermined()) } else { Ok(factor) }
}

/// A combination of coefficients that the data hardly determine.
#[derive(Clone, Debug, PartialEq)]
pub struct Weakest {
    /// The smallest eigenvalue of the second derivative, every coefficient measured in the error it had if it were alone: 1
    /// where coefficients do not depend on one another, 0 where one follows from the others.
    pub share: f64,
    /// The combination, of length 1.
    pub direction: Vec<f64>,
}

impl Weakest {
    /// That of a second derivative, by inverse iteration.
    ///
    /// # Errors
    /// If it is singular.
    pub fn of(hessian: &DMatrix<f64>) -> Result<Self> {
        let n = hessian.nrows();
        let unit: Vec<f64> =
            hessian.diagonal().iter().map(|h| 1.0 / h.max(f64::MIN_POSITIVE).sqrt()).collect();
        let factor = factor(DMatrix::from_fn(n, n, |i, j| hessian[(i, j)] * unit[i] * unit[j]))?;
        // No direction is special; this one is at right angles to none that is simple.
        let mut v = DVector::from_fn(n, |i, _| 1.0 + ((i * 7919) % 101) as f64 / 101.0);
        let mut share = 1.0;
        for _ in 0..50 {
            v /= v.norm();
            let next = factor.solve(&v);
            share = 1.0 / next.norm();
            v = next;
        }
        let mut direction: Vec<f64> = v.iter().zip(&unit).map(|(v, unit)| v * unit).collect();
        let norm = dot(&direction, &direction).sqrt();
        for x in &mut direction {
            *x /= norm;
        }
        Ok(Self { share, direction })
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Loss, Nonlinearity};
    use super::*;
    use convis_kernels::random::{Key, Use, uniform};

    /// White noise, and the counts of a cell with a known filter.
    fn cell(steps: usize, filter: &[f64], bias: f64) -> (Vec<f64>, Vec<f64>) {
        let key = Key::new(3, 0, "cell", 0);
        let noise = |t: usize, purpose| uniform(key, 0, 0, purpose, t as u64);
        let stimulus: Vec<f64> = (0..steps).map(|t| noise(t, Use::Current) - 0.5).collect();
        let design = Design::windows(&stimulus, 1, filter.len());
        let mut theta = filter.to_vec();
        theta.push(bias);
        let counts = (design.drive(&theta).iter().enumerate())
            .map(|(t, eta)| {
                // A count by inversion.
                let (mut count, mut p) = (0.0, (-eta.exp()).exp());
                let mut left = noise(t, Use::Start) - p;
                while left > 0.0 {
                    count += 1.0;
                    p *= eta.exp() / count;
                    left -= p;
                }
                count
            })
            .collect();
        (stimulus, counts)
    }

    #[test]
    fn a_known_filter_comes_back_with_a_flat_gradient_and_by_both_solvers() {
        let filter = [0.2, -0.5, 1.5, 3.0, -1.0];
        let (stimulus, counts) = cell(20_000, &filter, -1.0);
        let design = Design::windows(&stimulus, 1, 5);
        let penalty = Penalty::none([5, 1, 1]);
        let observation = Observation { nonlinearity: Nonlinearity::Exp, loss: Loss::Poisson };
        let regression = Regression::new(&design, &counts, observation, &penalty);
        let found = regression.minimum(vec![0.0; 6], NewtonOptions::default()).unwrap();
        assert!(found.converged && found.losses.windows(2).all(|w| w[1] < w[0]));
        // Three standard errors, from the curvature.
        let covariance = factor(regression.hessian(&found.theta)).unwrap().inverse();
        for (i, want) in filter.iter().chain(&[-1.0]).enumerate() {
            assert!(
                (found.theta[i] - want).abs() < 3.0 * covariance[(i, i)].sqrt(),
                "{i}: {:?}",
                found.theta
            );
        }
        let steepest = regression.gradient(&found.theta).iter().fold(0.0f64, |a, g| a.max(g.abs()));
        // The gradient at 0 is about a thousand.
        assert!(steepest < 1.0, "{steepest}");
        let (_, weights) = regression.slopes(&design.drive(&found.theta));
        let gradient = regression.gradient(&[0.0; 6]);
        let (direct, iterated) = (
            regression.step(&mut gradient.clone(), &weights, None).unwrap(),
            regression.conjugate(&gradient, &weights, None),
        );
        // Conjugate gradients stop at a tenth of the gradient's length.
        assert!(
            direct
                .iter()
                .zip(&iterated)
                .all(|(a, b)| (a - b).abs() < 0.2 * direct.iter().fold(0.0f64, |m, x| m.max(x.abs())))
        );
    }

    #[test]
    fn a_profile_is_as_wide_as_the_error_of_much_data_and_rises_by_what_was_asked() {
        let (stimulus, counts) = cell(5000, &[0.5, 2.0], -1.0);
        let design = Design::windows(&stimulus, 1, 2);
        let penalty = Penalty::none([2, 1, 1]);
        let observation = Observation { nonlinearity: Nonlinearity::Exp, loss: Loss::Poisson };
        let regression = Regression::new(&design, &counts, observation, &penalty);
        let options = NewtonOptions::default();
        let found = regression.minimum(vec![0.0; 3], options).unwrap();
        let error = factor(regression.hessian(&found.theta)).unwrap().inverse()[(1, 1)].sqrt();
        // Half the 95 % point of χ² with one degree of freedom.
        let rise = 1.920_729;
        let [low, high] = regression.profile(&found.theta, 1, rise, error, options).unwrap();
        for end in [low, high] {
            assert!(((end - found.theta[1]).abs() / (1.96 * error) - 1.0).abs() < 0.05, "{low} {high}");
            let mut held = found.theta.clone();
            held[1] = end;
            let held = regression.search(held, Some(1), options).unwrap();
            let risen = held.losses.last().unwrap() - regression.value(&found.theta);
            assert!(held.theta[1] == end && (risen - rise).abs() < 1e-3, "{risen}");
        }
    }

    #[test]
    fn the_weakest_direction_is_that_of_two_columns_that_nearly_agree() {
        let hessian = DMatrix::from_row_slice(3, 3, &[4.0, 1.9999, 0.0, 1.9999, 1.0, 0.0, 0.0, 0.0, 9.0]);
        let weakest = Weakest::of(&hessian).unwrap();
        assert!((weakest.share - 5e-5).abs() < 1e-6);
        let [a, b, c] = weakest.direction[..] else { panic!() };
        assert!((b / a + 2.0).abs() < 1e-3 && c.abs() < 1e-3);
    }

    #[test]
    fn undetermined_coefficients_are_told_and_a_penalty_decides() {
        let design = Design::windows(&[0.5; 300], 1, 4);
        let counts: Vec<f64> = (0..300).map(|t| f64::from(t % 3 == 0)).collect();
        let observation = Observation { nonlinearity: Nonlinearity::Exp, loss: Loss::Poisson };
        let none = Penalty::none([4, 1, 1]);
        // Behind the first windows nothing changes.
        let design = design.rows(10..300);
        let regression = Regression::new(&design, &counts[10..], observation, &none);
        let message = regression.minimum(vec![0.0; 5], NewtonOptions::default()).unwrap_err().to_string();
        assert!(message.contains("ridge"), "{message}");
        let ridge = Penalty { ridge: 1.0, ..none };
        let found = Regression { penalty: &ridge, ..regression }
            .minimum(vec![0.0; 5], NewtonOptions::default())
            .unwrap();
        assert!(found.converged);
    }
}
