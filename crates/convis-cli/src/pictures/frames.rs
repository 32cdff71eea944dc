//! Pixels of moving pictures.

use super::colour_map::{ColourMap, NOT_A_NUMBER, Tint};

/// Exponent that lifts weak activity: one spike must be visible beside the strongest bursts.
const LIFT: f32 = 0.6;

/// 8-bit grey of a frame: black at `low`, white at `high`, linear between, clipped outside; NaN is black.
pub fn to_grey(frame: &[f32], low: f32, high: f32) -> Vec<u8> {
    frame.iter().map(|value| (255.0 * share(*value, low, high)).round() as u8).collect()
}

/// RGB frame that glows where there is activity: black at zero, brightest at `full_scale` and above.
///
/// The brightness grows as (count / `full_scale`)^0.6. NaN is drawn in magenta.
pub fn activity_frame(counts: &[f32], full_scale: f32, tint: Tint) -> Vec<u8> {
    let table = ColourMap::Glow(tint).table();
    let colours = counts.iter().map(|count| {
        if count.is_nan() {
            return NOT_A_NUMBER;
        }
        table[(255.0 * share(*count, 0.0, full_scale).powf(LIFT)).round() as usize]
    });
    colours.flatten().collect()
}

/// Where `value` lies between `low` (0) and `high` (1), clipped; 0 for NaN and for an empty range.
fn share(value: f32, low: f32, high: f32) -> f32 {
    let share = (value - low) / (high - low);
    if share.is_nan() { 0.0 } else { share.clamp(0.0, 1.0) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn grey_is_linear_and_clipped() {
        assert_eq!(to_grey(&[-1.0, 0.0, 0.2, 1.0, 9.0, f32::NAN], 0.0, 1.0), [0, 0, 51, 255, 255, 0]);
        assert_eq!(to_grey(&[3.0], 3.0, 3.0), [0]);
    }

    #[test]
    fn activity_is_dark_at_rest_and_tinted_when_busy() {
        let warm = activity_frame(&[0.0, 1.0, 2.0], 2.0, Tint::Warm);
        let cool = activity_frame(&[0.0, 1.0, 2.0], 2.0, Tint::Cool);
        assert_eq!(warm.len(), 9);
        assert!(warm[..3].iter().chain(&cool[..3]).all(|c| *c < 12));
        assert!(warm[3] > warm[5] && cool[5] > cool[3], "{warm:?} {cool:?}");
        let brightness = |rgb: &[u8]| rgb.iter().map(|c| u32::from(*c)).sum::<u32>();
        assert!(brightness(&warm[6..]) > brightness(&warm[3..6]));
        assert_eq!(activity_frame(&[f32::NAN], 1.0, Tint::Warm), NOT_A_NUMBER);
    }
}
