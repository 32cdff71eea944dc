//! A line search: how far to go along a direction.

use super::{Evaluate, dot, largest};
use crate::Result;

/// The loss along a line.
#[derive(Clone, Debug)]
pub struct Place {
    /// How far along the direction.
    pub t: f64,
    /// The loss there; not finite where the place cannot be used.
    pub loss: f64,
    /// Its gradient.
    pub gradient: Vec<f64>,
    /// The slope of the loss along the line.
    pub slope: f64,
}

impl Place {
    const fn usable(&self) -> bool {
        self.loss.is_finite() && self.slope.is_finite()
    }
}

/// Most evaluations.
const MOST: usize = 25;
/// How much of the first slope the loss must fall by.
const DECREASE: f64 = 1e-4;
/// How much of the first slope may be left.
const CURVATURE: f64 = 0.9;

/// A place along a direction that fulfils the strong Wolfe conditions, or the best of those tried.
///
/// With f(t) the loss at `point + t·direction`: f(t) ≤ f(0) + 10⁻⁴·t·f′(0) and |f′(t)| ≤ 0.9·|f′(0)|. First `t` grows
/// until a minimum is known to lie between two places, then that bracket shrinks by cubic interpolation, kept away from
/// its ends. A place whose loss is not finite closes the bracket; it is halved then.
///
/// # Source
/// Nocedal & Wright, Numerical Optimization (2nd ed.), algorithms 3.5 and 3.6, equation 3.59.
pub fn search(
    point: &[f64],
    direction: &[f64],
    start: Place,
    first_t: f64,
    least_change: f64,
    evaluate: &mut Evaluate<'_>,
) -> Result<(Place, usize)> {
    let mut evaluations = 0;
    let mut at = |t: f64| -> Result<Place> {
        evaluations += 1;
        let there: Vec<f64> = point.iter().zip(direction).map(|(p, d)| p + t * d).collect();
        let (loss, gradient) = evaluate(&there)?;
        let slope = dot(&gradient, direction);
        Ok(Place { t, loss, gradient, slope })
    };
    let falls = |place: &Place| place.loss <= start.loss + DECREASE * place.t * start.slope;
    let flat = |place: &Place| place.slope.abs() <= CURVATURE * start.slope.abs();

    let mut tried = 0;
    let mut before = start.clone();
    let mut now = at(first_t)?;
    // The better end of the bracket, and the other.
    let (mut low, mut high) = loop {
        tried += 1;
        if !now.usable() || !falls(&now) || (tried > 1 && now.loss >= before.loss) {
            break (before, now);
        }
        if flat(&now) {
            return Ok((now, evaluations));
        }
        if now.slope >= 0.0 {
            break (now, before);
        }
        if tried >= MOST {
            return Ok((now, evaluations));
        }
        let (least, most) = (now.t + 0.01 * (now.t - before.t), 10.0 * now.t);
        let next = cubic_minimum(&before, &now).map_or(0.5 * (least + most), |t| t.clamp(least, most));
        before = std::mem::replace(&mut now, at(next)?);
    };

    let size = largest(direction);
    let mut stuck = false;
    while tried < MOST && (high.t - low.t).abs() * size >= least_change {
        tried += 1;
        let (left, right) = (low.t.min(high.t), low.t.max(high.t));
        let width = right - left;
        let guess = if high.usable() { cubic_minimum(&low, &high) } else { None };
        let mut t = guess.map_or(0.5 * (left + right), |t| t.clamp(left, right));
        // Too near an end, twice in a row or at the end itself: move inwards, so that the bracket keeps shrinking.
        if (right - t).min(t - left) < 0.1 * width {
            if stuck || t >= right || t <= left {
                t = if (t - right).abs() < (t - left).abs() {
                    right - 0.1 * width
                } else {
                    left + 0.1 * width
                };
                stuck = false;
            } else {
                stuck = true;
            }
        } else {
            stuck = false;
        }
        let now = at(t)?;
        if !now.usable() || !falls(&now) || now.loss >= low.loss {
            high = now;
        } else {
            if flat(&now) {
                return Ok((now, evaluations));
            }
            if now.slope * (high.t - low.t) >= 0.0 {
                high = low;
            }
            low = now;
        }
    }
    Ok((low, evaluations))
}

/// Where the cubic through two places with these slopes has its minimum, if it has one.
fn cubic_minimum(a: &Place, b: &Place) -> Option<f64> {
    let (a, b) = if a.t <= b.t { (a, b) } else { (b, a) };
    let d_1 = a.slope + b.slope - 3.0 * (a.loss - b.loss) / (a.t - b.t);
    let square = d_1 * d_1 - a.slope * b.slope;
    let d_2 = square.sqrt();
    let t = b.t - (b.t - a.t) * (b.slope + d_2 - d_1) / (b.slope - a.slope + 2.0 * d_2);
    t.is_finite().then_some(t)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Searches along the axis from 0 and returns the place with the number of evaluations.
    fn along(first_t: f64, f: impl Fn(f64) -> (f64, f64)) -> (Place, usize) {
        let (loss, slope) = f(0.0);
        let start = Place { t: 0.0, loss, gradient: vec![slope], slope };
        let (place, evaluations) = search(&[0.0], &[1.0], start, first_t, 1e-9, &mut |x| {
            let (loss, slope) = f(x[0]);
            Ok((loss, vec![slope]))
        })
        .unwrap();
        assert!(
            place.loss <= loss + DECREASE * place.t * slope && place.slope.abs() <= CURVATURE * slope.abs()
        );
        (place, evaluations)
    }

    #[test]
    fn both_conditions_hold_whether_the_first_step_is_short_right_or_long() {
        for t in [1e-3, 0.1, 1.0, 3.0, 1e3] {
            along(t, |x| ((x - 2.0).powi(2), 2.0 * (x - 2.0)));
            along(t, |x| (-x / (x * x + 2.0), (x * x - 2.0) / (x * x + 2.0).powi(2)));
            along(t, |x| {
                ((x - 1.0).powi(4) + 0.3 * (5.0 * x).cos(), 4.0 * (x - 1.0).powi(3) - 1.5 * (5.0 * x).sin())
            });
        }
    }

    #[test]
    fn places_that_cannot_be_used_are_left() {
        let f = |x: f64| {
            if x < 1.0 { (-(1.0 - x).ln() - 2.0 * x, 1.0 / (1.0 - x) - 2.0) } else { (f64::INFINITY, 0.0) }
        };
        let (place, evaluations) = along(10.0, f);
        assert!(place.t > 0.0 && place.t < 1.0 && evaluations < MOST, "{place:?}");
    }
}
