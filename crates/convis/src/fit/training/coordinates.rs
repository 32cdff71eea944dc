//! Coordinates in which every number is allowed.

use crate::parameter::Range;
use crate::{Error, Result};

/// Which values a number may take, and the coordinate u that makes every value of u allowed.
///
/// | domain | x(u), with s the scale |
/// |---|---|
/// | `Any` | s·u |
/// | `Positive` | e^u |
/// | `NonNegative` | s·ln(1 + e^u) |
/// | `Between` | low + (high − low)/(1 + e^−u) |
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Domain {
    /// Any finite number.
    Any,
    /// Above zero.
    Positive,
    /// Zero and above.
    NonNegative,
    /// Between two numbers.
    Between(f64, f64),
}

impl From<Range> for Domain {
    fn from(range: Range) -> Self {
        match range {
            Range::Any => Self::Any,
            Range::Positive => Self::Positive,
            Range::NonNegative | Range::Count => Self::NonNegative,
        }
    }
}

/// A number that stands on the border of its domain begins so far inside, in units of its scale: on the border itself
/// the coordinate would be infinite.
const INSIDE: f64 = 1e-2;

impl Domain {
    fn outward(self, scale: f64, u: f64) -> f64 {
        match self {
            Self::Any => scale * u,
            Self::Positive => u.exp(),
            Self::NonNegative => scale * (u.max(0.0) + (-u.abs()).exp().ln_1p()),
            Self::Between(low, high) => low + (high - low) * logistic(u),
        }
    }

    /// dx/du.
    fn slope(self, scale: f64, u: f64) -> f64 {
        match self {
            Self::Any => scale,
            Self::Positive => u.exp(),
            Self::NonNegative => scale * logistic(u),
            Self::Between(low, high) => (high - low) * logistic(u) * logistic(-u),
        }
    }

    fn inward(self, scale: f64, x: f64) -> f64 {
        match self {
            Self::Any => x / scale,
            Self::Positive => x.max(f64::MIN_POSITIVE).ln(),
            Self::NonNegative => {
                // ln(e^x − 1), which is x where e^x is large.
                let x = (x / scale).max(INSIDE);
                x + (-(-x).exp_m1()).ln()
            }
            Self::Between(low, high) => {
                let part = ((x - low) / (high - low)).clamp(INSIDE, 1.0 - INSIDE);
                (part / (1.0 - part)).ln()
            }
        }
    }

    fn holds(self, x: f64) -> bool {
        match self {
            Self::Any => x.is_finite(),
            Self::Positive => x > 0.0,
            Self::NonNegative => x >= 0.0,
            Self::Between(low, high) => (low..=high).contains(&x),
        }
    }
}

fn logistic(u: f64) -> f64 {
    let e = (-u.abs()).exp();
    if u >= 0.0 { 1.0 / (1.0 + e) } else { e / (1.0 + e) }
}

/// The coordinates of a vector of numbers.
///
/// ```
/// use convis::fit::{Coordinates, Domain};
/// let coordinates = Coordinates::new(vec![(Domain::Positive, 1.0), (Domain::Between(-1.0, 3.0), 1.0)])?;
/// let u = coordinates.inward(&[2.0, 1.0]);
/// assert!((u[0] - 2f64.ln()).abs() < 1e-15 && u[1].abs() < 1e-15);
/// assert!(coordinates.outward(&[-50.0, 50.0]).iter().zip([0.0, 3.0]).all(|(x, limit)| (x - limit).abs() < 1e-12));
/// # Ok::<(), convis::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Coordinates(pub(super) Vec<(Domain, f64)>);

impl Coordinates {
    /// A domain and a scale for each number; the scale is what one unit of a coordinate means where any number is allowed.
    ///
    /// # Errors
    /// If a scale is not above 0, or an interval is empty.
    pub fn new(numbers: Vec<(Domain, f64)>) -> Result<Self> {
        for (domain, scale) in &numbers {
            if !(scale.is_finite() && *scale > 0.0) {
                return Err(Error::argument("scale", "a number above 0", scale));
            }
            if let Domain::Between(low, high) = domain
                && !(low.is_finite() && high.is_finite() && low < high)
            {
                return Err(Error::argument(
                    "bounds",
                    "two numbers, the smaller first",
                    format!("{low}, {high}"),
                ));
            }
        }
        Ok(Self(numbers))
    }

    /// How many numbers.
    pub const fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there is none.
    pub const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The numbers at coordinates.
    pub fn outward(&self, u: &[f64]) -> Vec<f64> {
        self.0.iter().zip(u).map(|((domain, scale), &u)| domain.outward(*scale, u)).collect()
    }

    /// The coordinates of numbers; those on a border begin just inside.
    pub fn inward(&self, x: &[f64]) -> Vec<f64> {
        self.0.iter().zip(x).map(|((domain, scale), &x)| domain.inward(*scale, x)).collect()
    }

    /// dx/du at coordinates.
    pub fn slopes(&self, u: &[f64]) -> Vec<f64> {
        self.0.iter().zip(u).map(|((domain, scale), &u)| domain.slope(*scale, u)).collect()
    }

    /// Two values around number i, both allowed, and far enough apart for a difference: 10⁻³ of its size.
    pub(super) fn around(&self, i: usize, x: f64) -> [f64; 2] {
        let (domain, scale) = self.0[i];
        let h = 1e-3 * if x == 0.0 { scale } else { x.abs() };
        [x - h, x + h].map(|moved| if domain.holds(moved) { moved } else { x })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn coordinates_invert_and_slopes_are_derivatives() {
        for (domain, x) in [
            (Domain::Any, -3.0),
            (Domain::Positive, 0.02),
            (Domain::NonNegative, 40.0),
            (Domain::NonNegative, 0.3),
            (Domain::Between(-2.0, 5.0), 4.0),
        ] {
            let coordinates = Coordinates::new(vec![(domain, 2.0)]).unwrap();
            let u = coordinates.inward(&[x])[0];
            assert!((coordinates.outward(&[u])[0] - x).abs() < 1e-12 * x.abs(), "{domain:?}");
            let h = 1e-6;
            let difference =
                (coordinates.outward(&[u + h])[0] - coordinates.outward(&[u - h])[0]) / (2.0 * h);
            assert!(
                (coordinates.slopes(&[u])[0] - difference).abs() < 1e-8 * difference.abs().max(1.0),
                "{domain:?}"
            );
        }
    }

    #[test]
    fn borders_begin_inside_and_nonsense_is_refused() {
        let coordinates =
            Coordinates::new(vec![(Domain::NonNegative, 1.0), (Domain::Between(0.0, 1.0), 1.0)]).unwrap();
        let u = coordinates.inward(&[0.0, 1.0]);
        assert!(u.iter().all(|u| u.is_finite()));
        assert!(coordinates.around(0, 0.0) == [0.0, 1e-3] && coordinates.around(1, 1.0) == [0.999, 1.0]);
        assert!(Coordinates::new(vec![(Domain::Any, 0.0)]).is_err());
        assert!(Coordinates::new(vec![(Domain::Between(1.0, 1.0), 1.0)]).is_err());
    }
}
