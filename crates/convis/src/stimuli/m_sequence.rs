//! Checks that follow a maximum-length sequence.

use super::argument::{fraction, positive};
use super::checkers::{check_grid, checks_along, paint_checks};
use super::{Screen, Stimulus};
use crate::{Error, Result};

/// Binary checks that follow one pseudo-random sequence, each with a delay of its own. Over a whole period the sequence
/// is uncorrelated with itself but for −1/N, where random checks only are on average.
///
/// # Equation
/// Let α be a root of a primitive polynomial of degree n over the field of two elements. The sequence
/// ```text
/// m(k) = lowest coefficient of αᵏ,   period N = 2ⁿ − 1
/// ```
/// holds 2ⁿ⁻¹ ones, and Σ (−1)^(m(k) + m(k+d)) = −1 for every d that is no multiple of N. Check number j (row by row)
/// shows in picture k
/// ```text
/// L = mean·(1 + c·(2·m(k + j·D) − 1)),    D = ⌊N / number of checks⌋
/// ```
/// so that kernels shorter than D pictures do not overlap.
///
/// # Parameters
/// | name | unit | default |
/// |---|---|---|
/// | `order` n | 2 to 20 | 16 (65 535 pictures) |
/// | `check_deg` | deg | 0.5 |
/// | `pictures_per_second` | Hz | 60 |
/// | `contrast` c, `mean` | – | 1, 0.5 |
///
/// # Source
/// Sutter 1987, in *Advanced Methods of Physiological System Modeling* I:303; Reid, Victor & Shapley 1997, Vis.
/// Neurosci. 14:1015. Polynomials: Lidl & Niederreiter 1997, *Finite Fields*, table D.
///
/// # Example
/// ```
/// use convis::stimuli::{MSequence, Screen, Stimulus, movie};
/// use convis::Resolution;
/// let screen = Screen { height: 1, width: 1, resolution: Resolution::new(1.0, 60.0)? };
/// let sequence = MSequence { screen, order: 8, check_deg: 1.0, ..MSequence::default() };
/// assert_eq!(sequence.frames(), Some(255));
/// assert_eq!(movie(&sequence, 0, 255)?.to_f64().iter().sum::<f64>(), 128.0);
/// # Ok::<(), convis::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct MSequence {
    /// Size and resolution.
    pub screen: Screen,
    /// Degree of the polynomial.
    pub order: u32,
    /// Side of a check, deg.
    pub check_deg: f64,
    /// New pictures per second, Hz.
    pub pictures_per_second: f64,
    /// Michelson contrast.
    pub contrast: f64,
    /// Mean luminance.
    pub mean: f64,
}

impl Default for MSequence {
    fn default() -> Self {
        Self {
            screen: Screen::default(),
            order: 16,
            check_deg: 0.5,
            pictures_per_second: 60.0,
            contrast: 1.0,
            mean: 0.5,
        }
    }
}

/// Primitive polynomials of degree 2 to 20; bit i is the coefficient of xⁱ.
const PRIMITIVE: [u32; 19] = [
    0x7, 0xb, 0x13, 0x25, 0x43, 0x83, 0x11d, 0x211, 0x409, 0x805, 0x1053, 0x201b, 0x4443, 0x8003, 0x1100b,
    0x2_0009, 0x4_0081, 0x8_0027, 0x10_0009,
];

/// Product of two field elements.
fn times(mut a: u32, mut b: u32, order: u32) -> u32 {
    let polynomial = PRIMITIVE[order as usize - 2];
    let mut product = 0;
    while b > 0 {
        if b & 1 == 1 {
            product ^= a;
        }
        b >>= 1;
        a <<= 1;
        if a >> order & 1 == 1 {
            a ^= polynomial;
        }
    }
    product
}

/// αᵏ.
fn power_of_alpha(mut k: u64, order: u32) -> u32 {
    let (mut power, mut square) = (1, 2);
    while k > 0 {
        if k & 1 == 1 {
            power = times(power, square, order);
        }
        square = times(square, square, order);
        k >>= 1;
    }
    power
}

impl MSequence {
    /// Pictures until the sequence repeats.
    pub const fn period(&self) -> u64 {
        (1 << self.order) - 1
    }

    /// Rows and columns of checks.
    fn grid(&self) -> (usize, usize) {
        let along = |pixels| {
            let checks = checks_along(&self.screen, self.check_deg, pixels);
            checks.last().map_or(0, |last| last + 1)
        };
        (along(self.screen.height), along(self.screen.width))
    }
}

impl Stimulus for MSequence {
    fn check(&self) -> Result<()> {
        check_grid(&self.screen, self.check_deg, self.pictures_per_second)?;
        fraction("contrast", self.contrast)?;
        positive("mean", self.mean)?;
        if !(2..=20).contains(&self.order) {
            return Err(Error::argument("order", "2 to 20", self.order));
        }
        let (rows, columns) = self.grid();
        if (rows * columns) as u64 > self.period() {
            let expected = format!("one whose period 2ⁿ − 1 is at least the {} checks", rows * columns);
            return Err(Error::argument("order", expected, self.order));
        }
        Ok(())
    }

    fn size(&self) -> (usize, usize) {
        (self.screen.height, self.screen.width)
    }

    /// One period.
    fn frames(&self) -> Option<u64> {
        Some(self.screen.frames(self.period() as f64 / self.pictures_per_second))
    }

    fn render(&self, frame: u64, out: &mut [f32]) {
        let (rows, columns) = self.grid();
        let delay = self.period() / (rows * columns) as u64;
        let picture = self.screen.picture(frame, self.pictures_per_second) % self.period();
        let next = power_of_alpha(delay, self.order);
        let mut element = power_of_alpha(picture, self.order);
        let (mean, swing) = (self.mean as f32, (self.mean * self.contrast) as f32);
        // Rows come in order, each once.
        paint_checks(&self.screen, self.check_deg, out, |_, values| {
            for value in values {
                *value = if element & 1 == 1 { mean + swing } else { mean - swing };
                element = times(element, next, self.order);
            }
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_polynomial_is_primitive() {
        for order in 2..=20u32 {
            let mut element = 1;
            let mut period = 0u64;
            loop {
                element = times(element, 2, order);
                period += 1;
                if element == 1 {
                    break;
                }
            }
            assert_eq!(period, (1 << order) - 1, "order {order}");
            assert_eq!(power_of_alpha(period - 1, order), (0..period - 1).fold(1, |e, _| times(e, 2, order)));
        }
    }

    #[test]
    fn checks_are_uncorrelated_over_a_period() {
        let screen = Screen { height: 4, width: 4, resolution: crate::Resolution::new(1.0, 60.0).unwrap() };
        let sequence = MSequence { screen, order: 9, check_deg: 1.0, ..MSequence::default() };
        let shown = super::super::movie(&sequence, 0, 511).unwrap().to_f64();
        let sign = |k: usize, pixel: usize| 2.0 * shown[k % 511 * 16 + pixel] - 1.0;
        for (pixel, lag) in [(1, 0), (5, 0), (15, 3), (7, 20), (0, 30)] {
            let sum: f64 = (0..511).map(|k| sign(k, 0) * sign(k + lag, pixel)).sum();
            assert_eq!(sum, -1.0, "pixel {pixel}, lag {lag}");
        }
        // The 16 checks are 31 pictures apart.
        assert_eq!((0..511).map(|k| sign(k + 31, 0) * sign(k, 1)).sum::<f64>(), 511.0);
    }
}
