//! What a filter should look like when the data do not say: quadratic penalties.

use nalgebra::DMatrix;

/// A quadratic penalty on the filter θ(lag, row, column) of a [`Design`](super::Design):
///
/// ```text
/// Q(θ) = ½·[ ridge·Σ θ² + time·Σ (θ(l+1,·,·) − θ(l,·,·))² + space·Σ (θ(·,r+1,·) − θ(·,r,·))² + (θ(·,·,c+1) − θ(·,·,c))² ]
/// ```
///
/// `ridge` prefers small filters, `time` and `space` prefer smooth ones. Each is half a negative log-likelihood unit: a Gaussian
/// prior of variance 1/ridge. Further columns and the bias are free.
///
/// ```
/// use convis::fit::Penalty;
/// let penalty = Penalty { ridge: 2.0, time: 1.0, ..Penalty::none([3, 1, 1]) };
/// // ½·(2·(1 + 4) + (1 + 4))
/// assert_eq!(penalty.value(&[1.0, 0.0, 2.0, 9.9]), 7.5);
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Penalty {
    /// Weight of squares.
    pub ridge: f64,
    /// Weight of squared differences along lags.
    pub time: f64,
    /// Weight of squared differences along rows and columns.
    pub space: f64,
    /// Lags, rows and columns of the filter.
    pub shape: [usize; 3],
}

impl Penalty {
    /// No penalty on a filter of this shape.
    pub const fn none(shape: [usize; 3]) -> Self {
        Self { ridge: 0.0, time: 0.0, space: 0.0, shape }
    }

    /// Numbers of the filter.
    pub const fn len(&self) -> usize {
        self.shape[0] * self.shape[1] * self.shape[2]
    }

    /// Whether it is zero everywhere.
    pub fn is_empty(&self) -> bool {
        self.ridge == 0.0 && self.time == 0.0 && self.space == 0.0
    }

    /// Pairs of neighbours with the weight of their squared difference.
    fn neighbours(&self) -> impl Iterator<Item = (usize, usize, f64)> + '_ {
        let [lags, rows, columns] = self.shape;
        (0..self.len()).flat_map(move |i| {
            let (lag, row, column) = (i / (rows * columns), i / columns % rows, i % columns);
            [
                (lag + 1 < lags, i + rows * columns, self.time),
                (row + 1 < rows, i + columns, self.space),
                (column + 1 < columns, i + 1, self.space),
            ]
            .into_iter()
            .filter(|(inside, _, weight)| *inside && *weight != 0.0)
            .map(move |(_, j, weight)| (i, j, weight))
        })
    }

    /// Q(θ).
    pub fn value(&self, theta: &[f64]) -> f64 {
        let squares: f64 = theta[..self.len()].iter().map(|x| x * x).sum();
        let differences: f64 = self.neighbours().map(|(i, j, w)| w * (theta[i] - theta[j]).powi(2)).sum();
        0.5 * (self.ridge * squares + differences)
    }

    /// Adds ∂Q/∂θ, which is the product of its (constant) second derivative with θ.
    pub fn add_gradient(&self, theta: &[f64], gradient: &mut [f64]) {
        for (g, x) in gradient.iter_mut().zip(&theta[..self.len()]) {
            *g += self.ridge * x;
        }
        for (i, j, weight) in self.neighbours() {
            let difference = weight * (theta[i] - theta[j]);
            gradient[i] += difference;
            gradient[j] -= difference;
        }
    }

    /// Adds its second derivative.
    pub fn add_hessian(&self, hessian: &mut DMatrix<f64>) {
        for i in 0..self.len() {
            hessian[(i, i)] += self.ridge;
        }
        for (i, j, weight) in self.neighbours() {
            hessian[(i, i)] += weight;
            hessian[(j, j)] += weight;
            hessian[(i, j)] -= weight;
            hessian[(j, i)] -= weight;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gradient_and_hessian_are_those_of_the_value() {
        let penalty = Penalty { ridge: 0.3, time: 0.7, space: 1.9, shape: [3, 2, 4] };
        let theta: Vec<f64> = (0..26).map(|i| f64::from(i * 7 % 11) - 4.0).collect();
        let mut gradient = vec![0.0; 26];
        penalty.add_gradient(&theta, &mut gradient);
        let mut hessian = DMatrix::zeros(26, 26);
        penalty.add_hessian(&mut hessian);
        let product = &hessian * nalgebra::DVector::from_column_slice(&theta);
        for i in 0..26 {
            let mut moved = [theta.clone(), theta.clone()];
            moved[0][i] += 0.5;
            moved[1][i] -= 0.5;
            // Central differences of a quadratic are exact.
            let difference = penalty.value(&moved[0]) - penalty.value(&moved[1]);
            assert!((gradient[i] - difference).abs() < 1e-10 && (product[i] - gradient[i]).abs() < 1e-10);
        }
        assert_eq!(gradient[24..], [0.0, 0.0]);
    }
}
