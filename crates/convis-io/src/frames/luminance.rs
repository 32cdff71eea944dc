//! From the samples of a picture to luminance.

use super::OpenOptions;

/// Rec. 709: what red, green and blue contribute to luminance.
const LUMA: [f64; 3] = [0.2126, 0.7152, 0.0722];

/// The luminance of every value that a sample can have.
pub(super) struct Luminance {
    table: Vec<f64>,
}

impl Luminance {
    /// For samples that go from 0 to `maximum`.
    pub(super) fn new(maximum: u16, options: &OpenOptions) -> Self {
        let table = (0..=maximum)
            .map(|sample| {
                let value = f64::from(sample) / f64::from(maximum);
                let light = if options.linear_light { srgb_to_linear(value) } else { value };
                light * options.luminance_range
            })
            .collect();
        Self { table }
    }

    pub(super) fn grey(&self, sample: impl Into<usize>) -> f32 {
        self.table[sample.into()] as f32
    }

    pub(super) fn colour<S: Into<usize> + Copy>(&self, [red, green, blue]: [S; 3]) -> f32 {
        let light = |sample: S| self.table[sample.into()];
        (LUMA[0] * light(red) + LUMA[1] * light(green) + LUMA[2] * light(blue)) as f32
    }
}

/// IEC 61966-2-1: from a stored sample in 0…1 to light in 0…1.
fn srgb_to_linear(value: f64) -> f64 {
    if value <= 0.040_45 { value / 12.92 } else { ((value + 0.055) / 1.055).powf(2.4) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_ends_are_exact_and_colours_weigh_as_rec_709_says() {
        for linear_light in [false, true] {
            let options = OpenOptions { luminance_range: 255.0, linear_light, ..OpenOptions::default() };
            for maximum in [1, 255, u16::MAX] {
                let luminance = Luminance::new(maximum, &options);
                assert_eq!(luminance.grey(0_u16), 0.0);
                assert_eq!(luminance.grey(maximum), 255.0);
                assert_eq!(luminance.colour([maximum; 3]), 255.0);
                assert_eq!(luminance.colour([maximum, 0, 0]), (255.0 * 0.2126_f64) as f32);
                assert_eq!(luminance.colour([0, maximum, 0]), (255.0 * 0.7152_f64) as f32);
                assert_eq!(luminance.colour([0, 0, maximum]), (255.0 * 0.0722_f64) as f32);
            }
        }
    }

    #[test]
    fn linear_light_undoes_srgb() {
        let options = OpenOptions { linear_light: true, ..OpenOptions::default() };
        let luminance = Luminance::new(255, &options);
        // Half the light is stored as 188, and the curve is continuous where its two pieces meet.
        assert!((luminance.grey(188_u8) - 0.5).abs() < 0.004);
        assert!((srgb_to_linear(0.040_45) - srgb_to_linear(0.040_451)).abs() < 1e-6);
    }
}
