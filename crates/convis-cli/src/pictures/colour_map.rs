//! Colour maps whose lightness grows evenly with the value.
//!
//! The coloured maps are polylines in Oklab (Ottosson 2020, "A perceptual color space for image processing"),
//! with lightness linear in the value, so that equal steps of the value look like equal steps.

/// Family of hues: by convention of the figures warm for ON cells and cool for OFF cells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tint {
    /// Yellow, orange, red.
    Warm,
    /// Cyan, blue.
    Cool,
}

/// A map from a position in 0…1 to a colour.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ColourMap {
    /// Black to white.
    Grey,
    /// Blue (0) over white (0.5) to red (1); both arms have the same lightness.
    Diverging,
    /// White (0) to a dark colour (1), for print.
    Heat(Tint),
    /// Black (0) to a light colour (1), for moving pictures.
    Glow(Tint),
}

/// What stands for NaN and infinity: a colour no map contains.
pub(super) const NOT_A_NUMBER: [u8; 3] = [255, 0, 255];

/// Lightness, chroma and hue (degrees) in Oklab.
type Lch = (f32, f32, f32);

/// Equally spaced nodes of each polyline.
const HEAT_WARM: [Lch; 5] =
    [(1.0, 0.0, 85.0), (0.85, 0.11, 80.0), (0.70, 0.16, 55.0), (0.54, 0.17, 36.0), (0.38, 0.13, 28.0)];
const HEAT_COOL: [Lch; 5] =
    [(1.0, 0.0, 215.0), (0.85, 0.07, 222.0), (0.70, 0.11, 238.0), (0.54, 0.14, 254.0), (0.38, 0.12, 264.0)];
const GLOW_WARM: [Lch; 5] =
    [(0.12, 0.0, 25.0), (0.33, 0.11, 27.0), (0.54, 0.17, 38.0), (0.76, 0.16, 68.0), (0.97, 0.08, 100.0)];
const GLOW_COOL: [Lch; 5] =
    [(0.12, 0.0, 270.0), (0.33, 0.11, 268.0), (0.54, 0.14, 254.0), (0.76, 0.11, 228.0), (0.97, 0.03, 205.0)];
/// Lightness of white and of both ends of the diverging map.
const DIVERGING_LIGHTNESS: (f32, f32) = (0.985, 0.42);
/// Chroma at both ends of the diverging map, and the hues of the negative and the positive arm.
const DIVERGING_CHROMA: f32 = 0.155;
const DIVERGING_HUES: (f32, f32) = (258.0, 28.0);

impl ColourMap {
    /// The colour at `position`; positions outside 0…1 take the colour of the nearer end.
    pub(super) fn colour(self, position: f32) -> [u8; 3] {
        if position.is_nan() {
            return NOT_A_NUMBER;
        }
        let p = position.clamp(0.0, 1.0);
        match self {
            Self::Grey => [(p * 255.0).round() as u8; 3],
            Self::Diverging => {
                let arm = (2.0 * p - 1.0).abs();
                let hue = if p < 0.5 { DIVERGING_HUES.0 } else { DIVERGING_HUES.1 };
                let (light, dark) = DIVERGING_LIGHTNESS;
                // Chroma rises a little faster than lightness falls: pale values keep their sign.
                let (a, b) = polar(DIVERGING_CHROMA * arm.powf(0.8), hue);
                oklab_to_srgb(light + (dark - light) * arm, a, b)
            }
            Self::Heat(Tint::Warm) => polyline(&HEAT_WARM, p),
            Self::Heat(Tint::Cool) => polyline(&HEAT_COOL, p),
            Self::Glow(Tint::Warm) => polyline(&GLOW_WARM, p),
            Self::Glow(Tint::Cool) => polyline(&GLOW_COOL, p),
        }
    }

    /// The colours of 256 equally spaced positions.
    pub(super) fn table(self) -> [[u8; 3]; 256] {
        std::array::from_fn(|level| self.colour(level as f32 / 255.0))
    }
}

/// Cartesian Oklab coordinates of a chroma and a hue in degrees.
fn polar(chroma: f32, hue: f32) -> (f32, f32) {
    let (sin, cos) = hue.to_radians().sin_cos();
    (chroma * cos, chroma * sin)
}

/// Straight lines in Oklab between equally spaced nodes.
fn polyline(nodes: &[Lch; 5], position: f32) -> [u8; 3] {
    let place = position * (nodes.len() - 1) as f32;
    let from = (place as usize).min(nodes.len() - 2);
    let share = place - from as f32;
    let (start, end) = (nodes[from], nodes[from + 1]);
    let (a0, b0) = polar(start.1, start.2);
    let (a1, b1) = polar(end.1, end.2);
    let mix = |x: f32, y: f32| x + (y - x) * share;
    oklab_to_srgb(mix(start.0, end.0), mix(a0, a1), mix(b0, b1))
}

/// Oklab to 8-bit sRGB; what lies outside the gamut is clipped.
fn oklab_to_srgb(lightness: f32, a: f32, b: f32) -> [u8; 3] {
    let l = (lightness + 0.396_337_78 * a + 0.215_803_76 * b).powi(3);
    let m = (lightness - 0.105_561_346 * a - 0.063_854_17 * b).powi(3);
    let s = (lightness - 0.089_484_18 * a - 1.291_485_5 * b).powi(3);
    let linear = [
        4.076_741_7 * l - 3.307_711_6 * m + 0.230_969_94 * s,
        -1.268_438 * l + 2.609_757_4 * m - 0.341_319_38 * s,
        -0.004_196_086_3 * l - 0.703_418_6 * m + 1.707_614_7 * s,
    ];
    linear.map(|channel| {
        let c = channel.clamp(0.0, 1.0);
        let encoded = if c <= 0.003_130_8 { 12.92 * c } else { 1.055 * c.powf(1.0 / 2.4) - 0.055 };
        (encoded * 255.0).round() as u8
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// CIE lightness L* of an 8-bit sRGB colour (a different space than the maps are built in).
    fn cie_lightness(rgb: [u8; 3]) -> f32 {
        let linear = rgb.map(|c| {
            let c = f32::from(c) / 255.0;
            if c <= 0.040_45 { c / 12.92 } else { ((c + 0.055) / 1.055).powf(2.4) }
        });
        let y = 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2];
        116.0 * y.cbrt() - 16.0
    }

    #[test]
    fn diverging_is_symmetric_in_lightness_and_opposite_in_hue() {
        for step in 1..=20 {
            let value = step as f32 / 20.0;
            let below = ColourMap::Diverging.colour(0.5 - value / 2.0);
            let above = ColourMap::Diverging.colour(0.5 + value / 2.0);
            let difference = (cie_lightness(below) - cie_lightness(above)).abs();
            assert!(difference < 5.0, "±{value}: {below:?} and {above:?} differ by {difference} in L*");
            assert!(below[2] > below[0] && above[0] > above[2], "±{value}: {below:?} {above:?}");
        }
        let zero = ColourMap::Diverging.colour(0.5);
        assert!(zero.iter().all(|c| *c >= 248), "zero is white, not {zero:?}");
    }

    #[test]
    fn lightness_never_turns_back() {
        use ColourMap::{Glow, Grey, Heat};
        for (map, sign) in [
            (Grey, 1.0),
            (Glow(Tint::Warm), 1.0),
            (Glow(Tint::Cool), 1.0),
            (Heat(Tint::Warm), -1.0),
            (Heat(Tint::Cool), -1.0),
        ] {
            let table = map.table();
            for pair in table.windows(2) {
                let rise = sign * (cie_lightness(pair[1]) - cie_lightness(pair[0]));
                assert!(rise > -0.6, "{map:?}: {pair:?}");
            }
            let range = sign * (cie_lightness(table[255]) - cie_lightness(table[0]));
            assert!(range > 55.0, "{map:?} spans only {range} in L*");
        }
    }

    #[test]
    fn ends_are_what_their_names_say() {
        assert_eq!(ColourMap::Grey.colour(0.0), [0; 3]);
        assert_eq!(ColourMap::Grey.colour(7.0), [255; 3]);
        assert_eq!(ColourMap::Heat(Tint::Warm).colour(0.0), [255; 3]);
        assert_eq!(ColourMap::Heat(Tint::Cool).colour(-1.0), [255; 3]);
        assert!(ColourMap::Glow(Tint::Cool).colour(0.0).iter().all(|c| *c < 12));
        assert_eq!(ColourMap::Diverging.colour(f32::NAN), NOT_A_NUMBER);
    }
}
