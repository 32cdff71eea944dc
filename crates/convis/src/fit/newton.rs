//! Newton's method for regressions whose loss is convex in the drive.

use convis_kernels::{parallel, simd};
use nalgebra::{Cholesky, DMatrix, DVector, Dyn};

use super::design::{BLOCK, PANEL, in_order, total};
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
    /// ∂²F/∂θ² there but for that step, where the search ended by knowing it.
    pub hessian: Option<DMatrix<f64>>,
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

    /// Σ aₜ·ℓ with its gradient by θ, and how much each step counts in its second derivative: one pass over the data, in blocks
    /// of fixed length, added in order.
    pub(super) fn at(&self, theta: &[f64]) -> Slopes {
        let design = self.design;
        let mut second = vec![0.0; design.steps()];
        let blocks = design.blocks().into_iter().zip(second.chunks_mut(BLOCK)).collect();
        let work = (COST + 2 * design.len()) * design.steps();
        let parts = parallel::map(blocks, work, |(block, second)| {
            let mut gradient = vec![0.0; design.len()];
            let [mut drive, mut losses, mut first] = [[0.0; PANEL]; 3];
            let mut sum = 0.0;
            simd::vectorized(
                #[inline(always)]
                || {
                    for (from, second) in block.clone().step_by(PANEL).zip(second.chunks_mut(PANEL)) {
                        let rows = from..from + second.len();
                        let [drive, losses, first] =
                            [&mut drive, &mut losses, &mut first].map(|numbers| &mut numbers[..rows.len()]);
                        design.drive_of(rows.clone(), theta, drive);
                        let response = &self.response[rows.clone()];
                        self.observation.at_each(response, drive, [&mut *losses, &mut *first, &mut *second]);
                        if let Some(weights) = self.weights {
                            for numbers in [&mut *losses, &mut *first, second] {
                                numbers.iter_mut().zip(&weights[rows.clone()]).for_each(|(x, a)| *x *= a);
                            }
                        }
                        sum += total(losses);
                        design.add_transposed(rows, first, &mut gradient);
                    }
                },
            );
            (sum, gradient)
        });
        let (losses, gradients): (Vec<f64>, Vec<Vec<f64>>) = parts.into_iter().unzip();
        Slopes { loss: losses.iter().sum(), gradient: in_order(gradients), second }
    }

    /// F at θ.
    pub fn value(&self, theta: &[f64]) -> f64 {
        self.at(theta).loss + self.penalty.value(theta)
    }

    /// ∂F/∂θ.
    pub fn gradient(&self, theta: &[f64]) -> Vec<f64> {
        let mut gradient = self.at(theta).gradient;
        self.penalty.add_gradient(theta, &mut gradient);
        gradient
    }

    /// ∂²F/∂θ², never negative: the Fisher information where the true one is.
    pub fn hessian(&self, theta: &[f64]) -> DMatrix<f64> {
        self.curvature(&self.at(theta).second)
    }

    /// That at a minimum, which may know it.
    pub(super) fn hessian_at(&self, minimum: &Minimum) -> DMatrix<f64> {
        minimum.hessian.clone().unwrap_or_else(|| self.hessian(&minimum.theta))
    }

    /// ∂²F/∂θ² where steps count so much in it.
    pub(super) fn curvature(&self, second: &[f64]) -> DMatrix<f64> {
        let mut hessian = self.design.gram(second);
        self.penalty.add_hessian(&mut hessian);
        hessian
    }

    /// The coefficients that explain the response best, sought from `start`.
    ///
    /// A step solves H·d = −g and is halved until F falls by a tenth of a thousandth of what it promised. Up to 1024
    /// coefficients H is factored, which takes far longer than a look at loss and gradient: the same factor serves, corrected by
    /// how the gradient changed (BFGS), for as long as that brings the minimum nearer fast enough. Whether it has been reached is
    /// always told by H itself. Beyond, every step is found by conjugate gradients.
    ///
    /// # Errors
    /// If F is not finite at the start, or its second derivative is singular: some coefficients are not determined by the
    /// data, and no penalty decides.
    ///
    /// # Source
    /// Nocedal & Wright 2006, Numerical Optimization, algorithms 3.2, 7.1 and 7.4; Fisher scoring: McCullagh & Nelder 1989.
    pub fn minimum(&self, start: Vec<f64>, options: NewtonOptions) -> Result<Minimum> {
        self.search(start, None, options)
    }

    /// The same, one coefficient being held where it is.
    fn search(&self, start: Vec<f64>, held: Option<usize>, options: NewtonOptions) -> Result<Minimum> {
        let mut place = self.place(start, held);
        let mut losses = vec![place.value];
        if !place.value.is_finite() {
            return Err(Error::argument("start", "coefficients where the loss is finite", place.value));
        }
        let (mut converged, mut hessian) = (false, None);
        while losses.len() <= options.iterations {
            let looked = losses.len();
            let ended;
            if self.design.len() > DIRECT {
                let second = std::mem::take(&mut place.second);
                let solve = |gradient: &[f64]| self.conjugate(gradient, &second, held);
                (place, ended) =
                    self.descent(place, solve, held, NewtonOptions { iterations: 1, ..options }, &mut losses);
            } else {
                let mut curvature = self.curvature(&place.second);
                if let Some(held) = held {
                    curvature.fill_row(held, 0.0);
                    curvature.fill_column(held, 0.0);
                    curvature[(held, held)] = 1.0;
                }
                let factor = factor(curvature.clone())?;
                let left = NewtonOptions { iterations: options.iterations + 1 - looked, ..options };
                (place, ended) = self.descent(place, |g| solved(&factor, g), held, left, &mut losses);
                hessian = Some(curvature);
            }
            if losses.len() > looked {
                continue;
            }
            // The first step, of the exact second derivative, was not taken.
            match ended {
                Ended::Arrived(step) => {
                    converged = true;
                    // It squares the error that is left.
                    let last = self.place(moved(&place.theta, &step, 1.0), held);
                    if last.value < place.value {
                        place = last;
                        losses.push(place.value);
                    }
                }
                // Without progress in the last digits, this is the minimum that the numbers can tell.
                Ended::Stuck(promise) => converged = promise <= 1e-6 * (place.value.abs() + 1.0),
                Ended::Slow => {}
            }
            break;
        }
        let hessian = hessian.filter(|_| converged && held.is_none());
        Ok(Minimum { loss: place.loss, theta: place.theta, losses, converged, hessian })
    }

    /// F and its derivatives; what is held has no slope.
    fn place(&self, theta: Vec<f64>, held: Option<usize>) -> Place {
        let Slopes { loss, mut gradient, second } = self.at(&theta);
        self.penalty.add_gradient(&theta, &mut gradient);
        if let Some(held) = held {
            gradient[held] = 0.0;
        }
        Place { value: loss + self.penalty.value(&theta), theta, loss, gradient, second }
    }

    /// Steps downhill, the first by `solve`, which divides by a second derivative, the others by that corrected by the changes of
    /// the gradient on the way; F after each goes to `losses`.
    fn descent(
        &self,
        mut place: Place,
        solve: impl Fn(&[f64]) -> Vec<f64>,
        held: Option<usize>,
        options: NewtonOptions,
        losses: &mut Vec<f64>,
    ) -> (Place, Ended) {
        let mut changes: Vec<Change> = vec![];
        let mut promises: Vec<f64> = vec![];
        while promises.len() < options.iterations {
            let step = corrected(&place.gradient, &changes, &solve);
            // What the quadratic model promises.
            let promise = -0.5 * dot(&place.gradient, &step);
            if promise <= options.tolerance * (place.value.abs() + 1.0) {
                return (place, Ended::Arrived(step));
            }
            // Steps of a corrected factor come in pairs: a long one, and one across.
            if promises.len() >= 2 && promise > 0.5 * promises[promises.len() - 2] {
                break;
            }
            let mut length = 1.0;
            let next = loop {
                let next = self.place(moved(&place.theta, &step, length), held);
                if next.value <= place.value - 1e-4 * length * promise {
                    break next;
                }
                length *= 0.5;
                if length < 1e-12 {
                    return (place, Ended::Stuck(promise));
                }
            };
            changes.extend(Change::between(&place, &next));
            promises.push(promise);
            losses.push(next.value);
            place = next;
        }
        (place, Ended::Slow)
    }

    /// A nearby minimum, sought with the second derivative of another. `None` where that does not lead there fast, and Newton's
    /// method has to.
    pub(super) fn nearby(
        &self,
        start: &[f64],
        factor: &Cholesky<f64, Dyn>,
        options: NewtonOptions,
    ) -> Option<Vec<f64>> {
        let start = self.place(start.to_vec(), None);
        let (place, ended) = self.descent(start, |g| solved(factor, g), None, options, &mut vec![]);
        matches!(ended, Ended::Arrived(_)).then_some(place.theta)
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

    /// d with H·d = −g by conjugate gradients, as exactly as the gradient is small.
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

/// Σ aₜ·ℓ and its derivatives at some θ.
pub(super) struct Slopes {
    pub loss: f64,
    /// By θ.
    pub gradient: Vec<f64>,
    /// By the drive of each step, twice.
    pub second: Vec<f64>,
}

/// F and its derivatives at some θ.
struct Place {
    theta: Vec<f64>,
    /// F.
    value: f64,
    /// Of it what is not penalty.
    loss: f64,
    /// ∂F/∂θ.
    gradient: Vec<f64>,
    second: Vec<f64>,
}

/// Why a descent has come to its end.
enum Ended {
    /// This step promises less than the tolerance.
    Arrived(Vec<f64>),
    /// However short, a step that promised this did not lower F.
    Stuck(f64),
    /// Steps do not bring the minimum nearer as fast as others would, or were as many as allowed.
    Slow,
}

/// From one place to the next: Δθ, Δ∂F/∂θ and their product.
struct Change {
    theta: Vec<f64>,
    gradient: Vec<f64>,
    product: f64,
}

impl Change {
    /// `None` where F did not curve upward.
    fn between(from: &Place, to: &Place) -> Option<Self> {
        let difference = |a: &[f64], b: &[f64]| b.iter().zip(a).map(|(b, a)| b - a).collect::<Vec<f64>>();
        let (theta, gradient) =
            (difference(&from.theta, &to.theta), difference(&from.gradient, &to.gradient));
        let product = dot(&theta, &gradient);
        let flat = 1e-10 * (dot(&theta, &theta) * dot(&gradient, &gradient)).sqrt();
        (product > flat).then_some(Self { theta, gradient, product })
    }
}

/// −H⁻¹·g, H being what `solve` gives −H⁻¹·g for, corrected by what is known of its products (BFGS, two loops).
fn corrected(gradient: &[f64], changes: &[Change], solve: impl Fn(&[f64]) -> Vec<f64>) -> Vec<f64> {
    let mut rest = gradient.to_vec();
    let mut parts = vec![];
    for change in changes.iter().rev() {
        let part = dot(&change.theta, &rest) / change.product;
        rest.iter_mut().zip(&change.gradient).for_each(|(x, y)| *x -= part * y);
        parts.push(part);
    }
    let mut step = solve(&rest);
    for (change, part) in changes.iter().zip(parts.iter().rev()) {
        let part = part + dot(&change.gradient, &step) / change.product;
        step.iter_mut().zip(&change.theta).for_each(|(d, x)| *d -= part * x);
    }
    step
}

fn solved(factor: &Cholesky<f64, Dyn>, gradient: &[f64]) -> Vec<f64> {
    factor.solve(&-DVector::from_column_slice(gradient)).as_slice().to_vec()
}

fn moved(theta: &[f64], step: &[f64], length: f64) -> Vec<f64> {
    theta.iter().zip(step).map(|(x, d)| x + length * d).collect()
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
        // The gradient at 0 is about a thousand; the last step leaves next to nothing of it.
        assert!(steepest < 1e-3, "{steepest}");
        let known = found.hessian.clone().unwrap();
        let (distance, size) = ((known - regression.hessian(&found.theta)).norm(), covariance.norm().recip());
        assert!(distance < 1e-3 * size, "{distance} {size}");
        // Whatever the number of threads.
        let [one, three] = [1, 3].map(|threads| {
            parallel::with_threads(threads, || {
                regression.minimum(vec![0.0; 6], NewtonOptions::default()).unwrap().theta
            })
        });
        assert_eq!(one, three);
        let weights = regression.at(&found.theta).second;
        let gradient = regression.gradient(&[0.0; 6]);
        let (direct, iterated) = (
            solved(&factor(regression.curvature(&weights)).unwrap(), &gradient),
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
