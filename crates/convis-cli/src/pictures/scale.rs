//! Which value gets which place on a colour map.

use super::PicturesError;
use super::colour_map::{ColourMap, Tint};

/// Share of the values, at each end, that an automatic scale leaves outside.
const TAIL: f64 = 0.005;

/// How the values of a row become colours.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Scale {
    /// Black to white. A limit that is `None` is taken at the 0.5 or the 99.5 percentile of the row.
    Grey {
        /// Value drawn black.
        low: Option<f32>,
        /// Value drawn white.
        high: Option<f32>,
    },
    /// Blue below zero, white at zero, red above, symmetric.
    Diverging {
        /// Magnitude at which the colours end; `None`: the 99.5 percentile of the magnitudes of the row.
        limit: Option<f32>,
    },
    /// White at zero, darker with the count.
    Spikes {
        /// Warm for ON cells, cool for OFF cells.
        tint: Tint,
        /// Count at which the colours end; `None`: the 99.5 percentile of the row's counts above zero.
        limit: Option<f32>,
    },
}

/// A scale with its limits settled.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct SettledScale {
    /// The colours.
    pub(super) map: ColourMap,
    /// Value at the beginning of the map.
    pub(super) low: f32,
    /// Value at the end of the map.
    pub(super) high: f32,
    /// Some values lie below `low`.
    pub(super) goes_below: bool,
    /// Some values lie above `high`.
    pub(super) goes_above: bool,
}

impl SettledScale {
    /// Place of `value` on the map: 0 at `low`, 1 at `high`.
    pub(super) fn position(&self, value: f32) -> f32 {
        if value.is_finite() { (value - self.low) / (self.high - self.low) } else { f32::NAN }
    }

    /// Colour of `value`.
    pub(super) fn colour(&self, value: f32) -> [u8; 3] {
        self.map.colour(self.position(value))
    }
}

impl Scale {
    /// Settles the limits for the values of one row; `name` is used in errors.
    pub(super) fn settle(&self, name: &str, frames: &[Vec<f32>]) -> Result<SettledScale, PicturesError> {
        let values = || frames.iter().flatten().copied().filter(|value| value.is_finite());
        let (map, low, high) = match *self {
            Self::Grey { low, high } => {
                let (auto_low, auto_high) = match (low, high) {
                    (Some(low), Some(high)) => (low, high),
                    _ => percentiles(values().collect(), TAIL, 1.0 - TAIL).unwrap_or((0.0, 1.0)),
                };
                let (mut first, mut last) = (low.unwrap_or(auto_low), high.unwrap_or(auto_high));
                if first >= last && (low.is_none() || high.is_none()) {
                    // A constant picture: a range of its own size around it, the given limit kept.
                    let room = if first == 0.0 { 1.0 } else { first.abs() };
                    (first, last) = match (low, high) {
                        (Some(_), _) => (first, first + room),
                        (_, Some(_)) => (last - room, last),
                        _ => (first - room / 2.0, first + room / 2.0),
                    };
                }
                (ColourMap::Grey, first, last)
            }
            Self::Diverging { limit } => {
                let limit = limit.unwrap_or_else(|| upper(values().map(f32::abs).collect()));
                (ColourMap::Diverging, -limit, limit)
            }
            Self::Spikes { tint, limit } => {
                let limit = limit.unwrap_or_else(|| upper(values().filter(|count| *count > 0.0).collect()));
                (ColourMap::Heat(tint), 0.0, limit)
            }
        };
        if !(low.is_finite() && high.is_finite() && low < high) {
            return Err(PicturesError::argument(
                format!("the colour scale of row `{name}`"),
                "finite limits, the lower below the upper",
                format!("{low} and {high}"),
            ));
        }
        let goes_below = values().any(|value| value < low);
        let goes_above = values().any(|value| value > high);
        Ok(SettledScale { map, low, high, goes_below, goes_above })
    }
}

/// The 99.5 percentile of `values`, 1 where that is no usable limit.
fn upper(values: Vec<f32>) -> f32 {
    match percentiles(values, TAIL, 1.0 - TAIL) {
        Some((_, high)) if high > 0.0 => high,
        _ => 1.0,
    }
}

/// Values at two shares (0…1) of the sorted values, the nearest ranks; `None` when there are no values.
fn percentiles(mut values: Vec<f32>, low: f64, high: f64) -> Option<(f32, f32)> {
    let last = values.len().checked_sub(1)?;
    let mut at = |share: f64| {
        let rank = (share * last as f64).round() as usize;
        *values.select_nth_unstable_by(rank, f32::total_cmp).1
    };
    Some((at(low), at(high)))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 0, 1, …, 1000 in an order that is not sorted, with one NaN.
    fn scrambled() -> Vec<Vec<f32>> {
        let mut values: Vec<f32> = (0..1001_u32).map(|i| ((i * 367) % 1001) as f32).collect();
        values.push(f32::NAN);
        vec![values]
    }

    #[test]
    fn automatic_grey_leaves_half_a_percent_outside() {
        let scale = Scale::Grey { low: None, high: None }.settle("row", &scrambled()).unwrap();
        assert_eq!((scale.low, scale.high), (5.0, 995.0));
        assert!(scale.goes_below && scale.goes_above);
        assert_eq!(scale.colour(5.0), [0; 3]);
        assert_eq!(scale.colour(2000.0), [255; 3]);
    }

    #[test]
    fn given_limits_are_kept() {
        let scale = Scale::Grey { low: Some(-3.0), high: None }.settle("row", &scrambled()).unwrap();
        assert_eq!((scale.low, scale.high), (-3.0, 995.0));
        assert!(!scale.goes_below);
        let error =
            Scale::Grey { low: Some(1.0), high: Some(1.0) }.settle("row 4", &scrambled()).unwrap_err();
        assert!(error.to_string().contains("row 4"), "{error}");
    }

    #[test]
    fn diverging_is_symmetric_about_zero() {
        let frames = vec![vec![-8.0, 0.0, 2.0]];
        let scale = Scale::Diverging { limit: None }.settle("row", &frames).unwrap();
        assert_eq!((scale.low, scale.high), (-8.0, 8.0));
        assert_eq!(scale.position(0.0), 0.5);
        assert_eq!(scale.position(3.0) - 0.5, 0.5 - scale.position(-3.0));
    }

    #[test]
    fn silent_and_constant_rows_have_a_usable_scale() {
        let silent = vec![vec![0.0; 9]];
        let spikes = Scale::Spikes { tint: Tint::Warm, limit: None }.settle("row", &silent).unwrap();
        assert_eq!((spikes.low, spikes.high), (0.0, 1.0));
        assert_eq!(spikes.colour(0.0), [255; 3]);
        let constant = Scale::Grey { low: None, high: None }.settle("row", &[vec![4.0; 9]]).unwrap();
        assert_eq!((constant.low, constant.high), (2.0, 6.0));
        let empty = Scale::Grey { low: None, high: None }.settle("row", &[vec![f32::NAN; 4]]).unwrap();
        assert_eq!((empty.low, empty.high), (0.0, 1.0));
    }
}
