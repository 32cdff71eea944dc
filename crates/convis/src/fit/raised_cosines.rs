//! A few smooth bumps that span a spike history.

use std::f64::consts::PI;

use crate::{Error, Result};

/// Raised cosines on a logarithmic time axis: narrow right after a spike, wide long after it.
///
/// # Equation
/// ```text
/// b_j(τ) = ½ + ½·cos(clip(a·(ln(τ + c) − ln(τ_j + c)), −π, π))
/// ```
/// with peaks τ_j evenly spaced in ln(τ + c) from `first` to `last`, and a such that a bump ends at the peak after the next.
///
/// # Parameters
/// All in steps. τ = 0 is the step before the present one.
///
/// # Source
/// Pillow et al. 2008, Nature 454:995, supplementary methods.
///
/// # Example
/// ```
/// use convis::fit::RaisedCosines;
/// let bumps = RaisedCosines { count: 5, first: 0.0, last: 20.0, offset: 2.0 }.rows()?;
/// assert!((bumps[0][0] - 1.0).abs() < 1e-12 && (bumps[4][20] - 1.0).abs() < 1e-12);
/// # Ok::<(), convis::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct RaisedCosines {
    /// Number of bumps.
    pub count: usize,
    /// Peak of the first.
    pub first: f64,
    /// Peak of the last.
    pub last: f64,
    /// c: below it the axis is nearly linear.
    pub offset: f64,
}

impl RaisedCosines {
    /// The bumps: one row each, τ = 0 first, as long as the last one lasts.
    ///
    /// # Errors
    /// If there is no bump, peaks are negative or not in order, or the offset is not above 0.
    pub fn rows(&self) -> Result<Vec<Vec<f64>>> {
        let Self { count, first, last, offset } = *self;
        if count == 0 {
            return Err(Error::argument("history", "at least one bump", 0));
        }
        let ordered = first >= 0.0 && (last > first || count == 1) && last.is_finite();
        if !(ordered && offset > 0.0 && offset.is_finite()) {
            let expected = "peaks 0 ≤ first < last and an offset above 0, in steps";
            return Err(Error::argument("history", expected, format!("{first}, {last}, {offset}")));
        }
        let warp = |tau: f64| (tau + offset).ln();
        let spacing = if count > 1 { (warp(last) - warp(first)) / (count - 1) as f64 } else { 1.0 };
        // A bump is two spacings wide to either side.
        let end = ((warp(last) + 2.0 * spacing).exp() - offset).ceil() as usize + 1;
        Ok((0..count)
            .map(|j| {
                let peak = warp(first) + j as f64 * spacing;
                let bump = |tau: usize| {
                    let angle = 0.5 * PI * (warp(tau as f64) - peak) / spacing;
                    0.5 + 0.5 * angle.clamp(-PI, PI).cos()
                };
                (0..end).map(bump).collect()
            })
            .collect())
    }
}
