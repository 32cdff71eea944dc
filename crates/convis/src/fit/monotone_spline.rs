//! A nonlinearity that only rises, its form left to the data.

use super::{Loss, Observation};

/// Pieces between the lowest and the highest knot.
const PIECES: usize = 8;

/// A monotone quadratic spline: its slope is linear between knots, and nowhere below zero.
///
/// # Equation
/// ```text
/// g(η) = base + ∫_low^η d(x) dx
/// ```
/// with d piecewise linear between nine evenly spaced knots from `low` (where d = 0) to `high`; g is constant below and linear
/// above. In other words, base plus non-negative weights times the integrals of linear B-splines (I-splines of order 2).
///
/// # Source
/// Ramsay 1988, Statist. Sci. 3:425.
///
/// # Example
/// ```
/// use convis::fit::MonotoneSpline;
/// // Slope 0 at 0, 1 from 1 on.
/// let g = MonotoneSpline { low: 0.0, high: 8.0, base: 0.1, slopes: [1.0; 8] };
/// assert_eq!([g.at(-3.0)[0], g.at(1.0)[0], g.at(10.0)[0]], [0.1, 0.6, 9.6]);
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct MonotoneSpline {
    /// The lowest knot.
    pub low: f64,
    /// The highest knot.
    pub high: f64,
    /// g below the lowest knot, 0 or more.
    pub base: f64,
    /// d at the knots above the lowest, each 0 or more.
    pub slopes: [f64; PIECES],
}

impl Default for MonotoneSpline {
    /// A rectifier with a smooth foot, from which a fit begins.
    fn default() -> Self {
        Self { low: -2.0, high: 6.0, base: 0.0, slopes: [1.0; PIECES] }
    }
}

impl MonotoneSpline {
    /// Numbers that [`MonotoneSpline::numbers`] gives.
    pub const LEN: usize = PIECES + 3;

    /// Low, high, base, slopes.
    pub fn numbers(&self) -> [f64; Self::LEN] {
        let mut all = [self.low, self.high, self.base, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0];
        all[3..].copy_from_slice(&self.slopes);
        all
    }

    /// Distance of the knots.
    fn step(&self) -> f64 {
        (self.high - self.low) / PIECES as f64
    }

    /// d at a knot, the lowest being number 0.
    fn slope(&self, knot: usize) -> f64 {
        if knot == 0 { 0.0 } else { self.slopes[knot - 1] }
    }

    /// g(η), g′(η) and g″(η).
    pub fn at(&self, drive: f64) -> [f64; 3] {
        let h = self.step();
        let place = (drive - self.low) / h;
        if place <= 0.0 {
            return [self.base, 0.0, 0.0];
        }
        let piece = (place as usize).min(PIECES);
        let below: f64 = (0..piece).map(|i| 0.5 * h * (self.slope(i) + self.slope(i + 1))).sum();
        let (start, along) = (self.slope(piece), place - piece as f64);
        if piece == PIECES {
            return [self.base + below + h * along * start, start, 0.0];
        }
        let rise = self.slope(piece + 1) - start;
        let value = self.base + below + h * along * (start + 0.5 * along * rise);
        [value, start + along * rise, rise / h]
    }

    /// The integrals of the linear B-splines, with which base (1) and slopes are multiplied.
    fn basis(&self, drive: f64) -> [f64; PIECES + 1] {
        let h = self.step();
        let place = (drive - self.low) / h;
        std::array::from_fn(|knot| {
            let x = place - knot as f64;
            match knot {
                0 => 1.0,
                // The last one stays at its peak.
                PIECES if x > 0.0 => h * (0.5 + x),
                _ if x <= -1.0 => 0.0,
                _ if x <= 0.0 => 0.5 * h * (x + 1.0) * (x + 1.0),
                _ if x < 1.0 => h * (1.0 - 0.5 * (1.0 - x) * (1.0 - x)),
                _ => h,
            }
        })
    }

    /// The drive whose response is `mean`, as far as there is one.
    pub fn inverse(&self, mean: f64) -> f64 {
        let span = self.high - self.low;
        let (mut low, mut high) = (self.low, self.high + 1e3 * span);
        for _ in 0..200 {
            let middle = 0.5 * (low + high);
            if self.at(middle)[0] < mean {
                low = middle;
            } else {
                high = middle;
            }
        }
        0.5 * (low + high)
    }

    /// Knots over the drives that occur: from just below the lowest to what one in a thousand exceeds.
    pub(super) fn spanning(&self, drive: &[f64]) -> Self {
        let mut sorted = drive.to_vec();
        sorted.sort_by(f64::total_cmp);
        let (low, high) = (sorted[0], sorted[(sorted.len() - 1) * 999 / 1000]);
        let high = if high > low { high } else { low + 1.0 };
        // Below the lowest drive there is no slope to learn from.
        let low = low - 0.5 * (high - low) / PIECES as f64;
        let mut spline = Self { low, high, ..*self };
        // The old curve, read off at the new knots.
        for (i, slope) in spline.slopes.iter_mut().enumerate() {
            *slope = self.at(low + (i + 1) as f64 * (high - low) / PIECES as f64)[1];
        }
        spline.base = self.at(low)[0];
        spline
    }

    /// The curve of these knots that makes the responses most likely: Newton's method for non-negative weights.
    ///
    /// `counted` says how much each step counts.
    pub(super) fn fitted(
        &self,
        loss: Loss,
        drive: &[f64],
        response: &[f64],
        counted: &dyn Fn(usize) -> f64,
    ) -> Self {
        const N: usize = PIECES + 1;
        // A flat response must not have an infinite likelihood, nor leave the others without a gradient.
        const LEAST: f64 = 1e-9;
        let rows: Vec<[f64; N]> = drive.iter().map(|&eta| self.basis(eta)).collect();
        let product =
            |row: &[f64; N], weights: &[f64; N]| row.iter().zip(weights).map(|(b, w)| b * w).sum::<f64>();
        let value = |weights: &[f64; N]| -> f64 {
            (rows.iter().enumerate())
                .map(|(t, row)| counted(t) * loss.at(response[t], product(row, weights))[0])
                .sum()
        };
        let mut weights: [f64; N] = std::array::from_fn(|i| {
            let weight = if i == 0 { self.base } else { self.slopes[i - 1] };
            weight.max(LEAST)
        });
        let mut now = value(&weights);
        for _ in 0..50 {
            let (mut gradient, mut hessian) = ([0.0; N], [[0.0; N]; N]);
            for (t, row) in rows.iter().enumerate() {
                let [_, first, second, expected] = loss.at(response[t], product(row, &weights));
                let second = counted(t) * if second > 0.0 { second } else { expected };
                for i in 0..N {
                    gradient[i] += counted(t) * first * row[i];
                    for j in 0..N {
                        hessian[i][j] += second * row[i] * row[j];
                    }
                }
            }
            // The quadratic model over weights of at least LEAST, one weight after the other.
            let mut aim = weights;
            for _ in 0..500 {
                let mut moved = 0.0f64;
                for i in 0..N {
                    if hessian[i][i] <= 0.0 {
                        continue;
                    }
                    let slope =
                        gradient[i] + (0..N).map(|j| hessian[i][j] * (aim[j] - weights[j])).sum::<f64>();
                    let to = (aim[i] - slope / hessian[i][i]).max(LEAST);
                    moved = moved.max((to - aim[i]).powi(2) * hessian[i][i]);
                    aim[i] = to;
                }
                if moved < 1e-12 {
                    break;
                }
            }
            let promise: f64 = -(0..N).map(|i| gradient[i] * (aim[i] - weights[i])).sum::<f64>();
            if promise <= 1e-9 * (now.abs() + 1.0) {
                break;
            }
            let mut length = 1.0;
            let accepted = loop {
                let moved: [f64; N] = std::array::from_fn(|i| weights[i] + length * (aim[i] - weights[i]));
                let then = value(&moved);
                if then <= now - 1e-4 * length * promise {
                    break Some((moved, then));
                }
                length *= 0.5;
                if length < 1e-10 {
                    break None;
                }
            };
            let Some((moved, then)) = accepted else { break };
            (weights, now) = (moved, then);
        }
        let mut spline = *self;
        spline.base = weights[0];
        spline.slopes.copy_from_slice(&weights[1..]);
        spline
    }
}

/// Whether a loss goes with a spline: it needs expected counts, or anything that is not negative.
pub(super) fn fits(observation: Observation) -> bool {
    !matches!(observation.loss, Loss::Bernoulli)
}

#[cfg(test)]
mod tests {
    use super::*;

    const CURVE: MonotoneSpline =
        MonotoneSpline { low: -1.0, high: 3.0, base: 0.2, slopes: [0.3, 0.0, 1.0, 0.4, 2.0, 2.0, 0.5, 0.1] };

    #[test]
    fn the_curve_is_its_basis_and_its_derivatives_are_those_of_its_values() {
        for i in 0..60 {
            let eta = -1.5 + f64::from(i) * 0.0917;
            let [g, slope, curvature] = CURVE.at(eta);
            let row = CURVE.basis(eta);
            let sum = CURVE.base + (0..8).map(|j| CURVE.slopes[j] * row[j + 1]).sum::<f64>();
            assert!((sum - g).abs() < 1e-12, "{eta}: {sum} {g}");
            let h = 1e-6;
            let (up, down) = (CURVE.at(eta + h), CURVE.at(eta - h));
            assert!((slope - (up[0] - down[0]) / (2.0 * h)).abs() < 1e-6);
            // Away from knots, where the second derivative jumps.
            let place = (eta + 1.0) / 0.5;
            if (place - place.round()).abs() > 1e-3 {
                assert!((curvature - (up[1] - down[1]) / (2.0 * h)).abs() < 1e-6);
            }
        }
        let eta = CURVE.inverse(1.0);
        assert!((CURVE.at(eta)[0] - 1.0).abs() < 1e-9);
    }

    #[test]
    fn the_most_likely_curve_is_the_true_one_where_responses_are_exact() {
        let drive: Vec<f64> = (0..2000).map(|t| -1.2 + 4.5 * f64::from(t) / 2000.0).collect();
        let response: Vec<f64> = drive.iter().map(|&eta| CURVE.at(eta)[0]).collect();
        for loss in [Loss::Poisson, Loss::Gaussian] {
            let start = MonotoneSpline { base: 1.0, slopes: [1.0; 8], ..CURVE };
            let found = start.fitted(loss, &drive, &response, &|_| 1.0);
            for (found, want) in found.numbers().iter().zip(CURVE.numbers()) {
                assert!((found - want).abs() < 2e-3, "{loss:?}: {found} {want}");
            }
        }
        let spanning = CURVE.spanning(&drive);
        assert!(spanning.low < -1.2 && spanning.high > 3.2 && spanning.slopes.iter().all(|&s| s >= 0.0));
    }
}
