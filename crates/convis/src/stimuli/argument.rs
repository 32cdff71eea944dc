//! What numbers a stimulus accepts.

use crate::{Error, Result};

/// Refuses a number that does not satisfy `holds`, or is not finite.
fn must(name: &str, value: f64, expected: &str, holds: bool) -> Result<()> {
    if value.is_finite() && holds { Ok(()) } else { Err(Error::argument(name, expected, value)) }
}

/// A number above 0.
pub(super) fn positive(name: &str, value: f64) -> Result<()> {
    must(name, value, "a number above 0", value > 0.0)
}

/// 0 or a number above.
pub(super) fn not_negative(name: &str, value: f64) -> Result<()> {
    must(name, value, "0 or a number above", value >= 0.0)
}

/// Any finite number.
pub(super) fn finite(name: &str, value: f64) -> Result<()> {
    must(name, value, "a finite number", true)
}

/// A contrast or a probability.
pub(super) fn fraction(name: &str, value: f64) -> Result<()> {
    must(name, value, "a number from 0 to 1", (0.0..=1.0).contains(&value))
}

/// A number of things.
pub(super) fn at_least_one(name: &str, count: usize) -> Result<()> {
    if count > 0 { Ok(()) } else { Err(Error::argument(name, "at least 1", count)) }
}

/// Numbers that all satisfy `check`, at least one.
pub(super) fn each(name: &str, values: &[f64], check: fn(&str, f64) -> Result<()>) -> Result<()> {
    at_least_one(name, values.len())?;
    values.iter().enumerate().try_for_each(|(i, &value)| check(&format!("{name}[{i}]"), value))
}
