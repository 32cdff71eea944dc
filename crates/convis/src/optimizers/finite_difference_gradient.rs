//! Secant steps to the root of each number's gradient.

use super::{Evaluate, Memory, Optimizer, evaluate_once, recall, remember, same_length};
use crate::{Error, Result};

/// Steps to where each number's gradient would vanish if it were linear between the points visited so far.
///
/// Made for losses whose numbers hardly influence each other's gradients; a bowl along the axes is solved in two steps.
///
/// # Equation
/// With g = ∂loss/∂p. The first step is p ← p − g/std(g), with the sample standard deviation over all numbers (a single
/// number moves by 1 against its gradient). Afterwards, over all pairs (i − 1, i) of neighbouring points visited:
/// ```text
/// rᵢ = pᵢ₋₁ + gᵢ₋₁·(pᵢ₋₁ − pᵢ)/(gᵢ − gᵢ₋₁)        the root by the secant, number by number
/// wᵢ = √mean((gᵢ − gᵢ₋₁)²)                        pairs with wᵢ < 10⁻⁴ are passed over
/// p  ← Σᵢ wᵢ·rᵢ / Σᵢ wᵢ
/// ```
///
/// # Departures
/// The toolbox of 2018 sets numbers to 0 whose last two gradients coincide, and divides 0 by 0 once no pair is left. Here
/// an rᵢ that is not finite is passed over, and a number without any rᵢ, or whose last two gradients coincide, stays
/// where it is.
///
/// # Source
/// The toolbox of 2018.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct FiniteDifferenceGradient {
    points: Vec<Vec<f64>>,
    gradients: Vec<Vec<f64>>,
}

/// Smallest difference of gradients that says anything about the slope.
const LEAST_WEIGHT: f64 = 1e-4;

impl Optimizer for FiniteDifferenceGradient {
    fn name(&self) -> &'static str {
        "FiniteDifferenceGradientOptimizer"
    }

    fn check(&self) -> Result<()> {
        Ok(())
    }

    fn step(&mut self, point: &mut [f64], evaluate: &mut Evaluate<'_>) -> Result<f64> {
        if let Some(known) = self.points.first() {
            same_length(known.len(), point.len())?;
        }
        let (loss, gradient) = evaluate_once(point, evaluate)?;
        self.points.push(point.to_vec());
        self.gradients.push(gradient);
        let (points, gradients) = (&self.points, &self.gradients);
        let newest = points.len() - 1;
        if newest == 0 {
            let g = &gradients[0];
            let n = g.len() as f64;
            let mean = g.iter().sum::<f64>() / n;
            let std = (g.iter().map(|g| (g - mean).powi(2)).sum::<f64>() / (n - 1.0)).sqrt();
            // A single gradient, or equal ones, have no spread: their size takes its place.
            let scale = if std > 0.0 { std } else { super::largest(g) };
            if scale > 0.0 {
                point.iter_mut().zip(g).for_each(|(p, g)| *p -= g / scale);
            }
            return Ok(loss);
        }
        let weights: Vec<f64> = gradients
            .windows(2)
            .map(|pair| {
                let squares = pair[0].iter().zip(&pair[1]).map(|(a, b)| (b - a).powi(2));
                (squares.sum::<f64>() / point.len() as f64).sqrt()
            })
            .collect();
        for (j, p) in point.iter_mut().enumerate() {
            if gradients[newest][j] == gradients[newest - 1][j] {
                continue;
            }
            let (mut sum, mut all) = (0.0, 0.0);
            for (i, &weight) in weights.iter().enumerate() {
                let (p_0, p_1) = (points[i][j], points[i + 1][j]);
                let (g_0, g_1) = (gradients[i][j], gradients[i + 1][j]);
                let root = p_0 + g_0 * (p_0 - p_1) / (g_1 - g_0);
                if root.is_finite() && weight >= LEAST_WEIGHT {
                    sum += weight * root;
                    all += weight;
                }
            }
            if all > 0.0 {
                *p = sum / all;
            }
        }
        Ok(loss)
    }

    fn memory(&self) -> Memory {
        let numbers = self.points.first().map_or(0, Vec::len);
        let (points, gradients) = (self.points.concat(), self.gradients.concat());
        remember([
            ("numbers", &vec![numbers as f64; usize::from(numbers > 0)]),
            ("points", &points),
            ("gradients", &gradients),
        ])
    }

    fn restore(&mut self, memory: &Memory) -> Result<()> {
        let [numbers, points, gradients] = recall(memory, self.name(), ["numbers", "points", "gradients"])?;
        let n = numbers.first().map_or(1, |&n| n as usize).max(1);
        if points.len() != gradients.len() || points.len() % n != 0 {
            return Err(Error::argument("memory", "as many points as gradients", points.len()));
        }
        self.points = points.chunks(n).map(<[f64]>::to_vec).collect();
        self.gradients = gradients.chunks(n).map(<[f64]>::to_vec).collect();
        Ok(())
    }

    fn learning_rate(&self) -> Option<f64> {
        None
    }

    fn set_learning_rate(&mut self, lr: f64) -> Result<()> {
        Err(Error::argument("lr", "nothing: this optimizer finds its own steps", lr))
    }
}
