//! Standard errors, and which parameters the data do not determine.

use nalgebra::{DMatrix, SymmetricEigen};

use super::{Coordinates, Objective};
use crate::{Error, Result};

/// How well the data determine the numbers of a point.
#[derive(Clone, Debug, PartialEq)]
pub struct Information {
    /// Standard error of every number; infinite where the data do not determine it.
    pub errors: Vec<f64>,
    /// Their covariance, row by row, as far as it is determined.
    pub covariance: Vec<f64>,
    /// Numbers that are not determined, alone or together with others: each group can change along one direction without
    /// changing what the model expects.
    pub undetermined: Vec<Vec<usize>>,
}

/// A direction whose information, every number in units of its own, is so small is none.
const SINGULAR: f64 = 1e-7;
/// From this part of a direction on, a number belongs to it.
const MEMBER: f64 = 0.1;

/// Laplace's approximation: the Fisher information at a point, and its inverse.
///
/// # Equation
/// ```text
/// F_ij = Σₜ I(μₜ) ∂μₜ/∂θ_i ∂μₜ/∂θ_j            I(μ): the information that a response carries about its mean
/// ```
/// with derivatives by central differences of 10⁻³ of each number (one-sided at a border). F is never negative; it equals the
/// curvature of the loss where the model is right. Directions are compared after scaling F to a diagonal of 1.
///
/// # Errors
/// If the model cannot be computed near the point.
pub fn information(
    objective: &mut dyn Objective,
    coordinates: &Coordinates,
    point: &[f64],
) -> Result<Information> {
    let n = point.len();
    if n != coordinates.len() {
        return Err(Error::argument("point", format!("{} numbers", coordinates.len()), n));
    }
    let (_, weights) = objective.means(point)?;
    let mut slopes = DMatrix::zeros(weights.len(), n);
    for i in 0..n {
        let [low, high] = coordinates.around(i, point[i]);
        let mut at = |x: f64| {
            let mut moved = point.to_vec();
            moved[i] = x;
            Ok::<_, Error>(objective.means(&moved)?.0)
        };
        let (low_means, high_means) = (at(low)?, at(high)?);
        for (t, (low_mean, high_mean)) in low_means.iter().zip(&high_means).enumerate() {
            slopes[(t, i)] = weights[t].sqrt() * (high_mean - low_mean) / (high - low);
        }
    }
    // Leaves the objective at the point itself.
    objective.means(point)?;
    let fisher = slopes.tr_mul(&slopes);
    let scale: Vec<f64> = (0..n).map(|i| fisher[(i, i)].sqrt()).collect();
    let without: Vec<usize> = (0..n).filter(|&i| !(scale[i].is_finite() && scale[i] > 0.0)).collect();
    let known: Vec<usize> = (0..n).filter(|i| !without.contains(i)).collect();
    let scaled = DMatrix::from_fn(known.len(), known.len(), |i, j| {
        fisher[(known[i], known[j])] / (scale[known[i]] * scale[known[j]])
    });
    let eigen = SymmetricEigen::new(scaled);
    let mut undetermined: Vec<Vec<usize>> = without.iter().map(|&i| vec![i]).collect();
    let mut covariance = vec![0.0; n * n];
    for (value, direction) in eigen.eigenvalues.iter().zip(eigen.eigenvectors.column_iter()) {
        if *value < SINGULAR {
            let members = known.iter().zip(direction.iter()).filter(|(_, d)| d.abs() > MEMBER);
            undetermined.push(members.map(|(&i, _)| i).collect());
            continue;
        }
        for (&i, a) in known.iter().zip(direction.iter()) {
            for (&j, b) in known.iter().zip(direction.iter()) {
                covariance[i * n + j] += a * b / (value * scale[i] * scale[j]);
            }
        }
    }
    undetermined.sort();
    let lost = |i: usize| undetermined.iter().any(|group| group.contains(&i));
    let errors = (0..n).map(|i| if lost(i) { f64::INFINITY } else { covariance[i * n + i].sqrt() }).collect();
    Ok(Information { errors, covariance, undetermined })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fit::{Domain, Evaluation};

    /// Means a + b·t + c·t + 0·d: b and c only as a sum, d not at all.
    struct Line;

    impl Objective for Line {
        fn evaluate(&mut self, _: &[f64]) -> Result<Evaluation> {
            Ok(Evaluation { loss: 0.0, gradient: vec![0.0; 4], validation: None })
        }

        fn means(&mut self, x: &[f64]) -> Result<(Vec<f64>, Vec<f64>)> {
            Ok(((0..10).map(|t| x[0] + (x[1] + x[2]) * (f64::from(t) - 4.5)).collect(), vec![4.0; 10]))
        }
    }

    #[test]
    fn errors_are_those_of_a_regression_and_what_is_not_determined_is_named() {
        let coordinates = Coordinates::new(vec![(Domain::Any, 1.0); 4]).unwrap();
        let found = information(&mut Line, &coordinates, &[1.0, 2.0, 0.0, 1.0]).unwrap();
        assert!((found.errors[0] - (1.0f64 / 40.0).sqrt()).abs() < 1e-9, "{found:?}");
        assert!(found.errors[1..].iter().all(|e| e.is_infinite()));
        assert_eq!(found.undetermined, [vec![1, 2], vec![3]]);
    }
}
