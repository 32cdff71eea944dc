//! White noise on a grid of checks.

use convis_kernels::random::{Key, Use, normal};

use super::argument::{fraction, positive};
use super::{Screen, Stimulus};
use crate::{Error, Result};

/// What the luminance of a check is drawn from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Distribution {
    /// Bright or dark with equal chance: mean·(1 ± c).
    #[default]
    Binary,
    /// Normal with mean `mean` and standard deviation c·mean, cut to 0 … 2·mean.
    Gaussian,
}

/// A grid of checks, each drawn anew and independently for every picture: the stimulus of reverse correlation.
///
/// # Equation
/// Check (i, j) in picture n, with ξ the normal random number of (seed, i, j, n):
/// ```text
/// binary     L = mean·(1 + c)   if ξ ≥ 0, else mean·(1 − c)
/// Gaussian   L = mean·(1 + c·ξ), cut to 0 … 2·mean
/// ```
/// The random numbers belong to the place and the picture: a larger screen shows the same checks and more.
///
/// # Parameters
/// | name | unit | default |
/// |---|---|---|
/// | `check_deg` | deg | 0.5 |
/// | `pictures_per_second` | Hz | 60 |
/// | `distribution` | binary or Gaussian | binary |
/// | `contrast` c | – | 1 |
/// | `mean` | – | 0.5 |
/// | `seed` | – | 0 |
///
/// # Source
/// Chichilnisky 2001, Network 12:199.
///
/// # Example
/// ```
/// use convis::stimuli::{Checkers, movie};
/// let checkers = Checkers { seed: 1, ..Checkers::default() };
/// let shown = movie(&checkers, 0, 1000)?;
/// assert_eq!(shown, movie(&checkers, 0, 1000)?);
/// assert_ne!(shown, movie(&Checkers { seed: 2, ..checkers }, 0, 1000)?);
/// let mean = shown.to_f64().iter().sum::<f64>() / shown.len() as f64;
/// // 60 pictures of 100 checks: five standard errors.
/// assert!((mean - 0.5).abs() < 5.0 * 0.5 / 6000f64.sqrt());
/// # Ok::<(), convis::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Checkers {
    /// Size and resolution.
    pub screen: Screen,
    /// Side of a check, deg.
    pub check_deg: f64,
    /// New pictures per second, Hz.
    pub pictures_per_second: f64,
    /// What luminance is drawn from.
    pub distribution: Distribution,
    /// Contrast: standard deviation over mean.
    pub contrast: f64,
    /// Mean luminance.
    pub mean: f64,
    /// Which random movie.
    pub seed: u64,
}

impl Default for Checkers {
    fn default() -> Self {
        Self {
            screen: Screen::default(),
            check_deg: 0.5,
            pictures_per_second: 60.0,
            distribution: Distribution::Binary,
            contrast: 1.0,
            mean: 0.5,
            seed: 0,
        }
    }
}

/// Refuses checks smaller than a pixel, and more pictures than frames.
pub(super) fn check_grid(screen: &Screen, check_deg: f64, pictures_per_second: f64) -> Result<()> {
    screen.check()?;
    positive("check_deg", check_deg)?;
    positive("pictures_per_second", pictures_per_second)?;
    let smallest = screen.resolution.pixel_to_degree(1.0);
    if check_deg < smallest * (1.0 - 1e-9) {
        return Err(Error::argument("check_deg", format!("at least a pixel, {smallest} deg"), check_deg));
    }
    let fastest = screen.resolution.steps_per_second();
    if pictures_per_second > fastest * (1.0 + 1e-9) {
        let expected = format!("at most the {fastest} steps per second of the resolution");
        return Err(Error::argument("pictures_per_second", expected, pictures_per_second));
    }
    Ok(())
}

/// For every pixel along an axis, the number of its check.
pub(super) fn checks_along(screen: &Screen, check_deg: f64, pixels: usize) -> Vec<usize> {
    let check = screen.resolution.degree_to_pixel(check_deg);
    (0..pixels).map(|pixel| ((pixel as f64 + 0.5) / check) as usize).collect()
}

/// Writes a picture whose checks are `row_of(i)[j]`.
pub(super) fn paint_checks(
    screen: &Screen,
    check_deg: f64,
    out: &mut [f32],
    mut row_of: impl FnMut(usize, &mut [f32]),
) {
    let rows = checks_along(screen, check_deg, screen.height);
    let columns = checks_along(screen, check_deg, screen.width);
    let mut values = vec![0.0; columns.last().map_or(0, |last| last + 1)];
    let mut drawn = None;
    for (out, row) in out.chunks_mut(screen.width).zip(rows) {
        if drawn != Some(row) {
            row_of(row, &mut values);
            drawn = Some(row);
        }
        for (out, &column) in out.iter_mut().zip(&columns) {
            *out = values[column];
        }
    }
}

impl Stimulus for Checkers {
    fn check(&self) -> Result<()> {
        check_grid(&self.screen, self.check_deg, self.pictures_per_second)?;
        fraction("contrast", self.contrast)?;
        positive("mean", self.mean)
    }

    fn size(&self) -> (usize, usize) {
        (self.screen.height, self.screen.width)
    }

    fn frames(&self) -> Option<u64> {
        None
    }

    fn render(&self, frame: u64, out: &mut [f32]) {
        let key = Key::new(self.seed, 0, "checkers", 0);
        let picture = self.screen.picture(frame, self.pictures_per_second);
        let (mean, swing) = (self.mean as f32, (self.mean * self.contrast) as f32);
        paint_checks(&self.screen, self.check_deg, out, |row, values| {
            normal::fill(key, row, 0, Use::Current, picture, values);
            for value in values {
                *value = match self.distribution {
                    Distribution::Binary if *value >= 0.0 => mean + swing,
                    Distribution::Binary => mean - swing,
                    Distribution::Gaussian => (mean + swing * *value).clamp(0.0, 2.0 * mean),
                };
            }
        });
    }
}

#[cfg(test)]
mod tests {
    use super::super::movie;
    use super::*;
    use crate::Resolution;

    #[test]
    fn moments_are_those_of_the_distribution_and_checks_are_independent() {
        let screen = Screen { height: 20, width: 20, resolution: Resolution::new(10.0, 60.0).unwrap() };
        for (distribution, contrast) in [(Distribution::Binary, 0.8), (Distribution::Gaussian, 0.3)] {
            let noise = Checkers { screen, check_deg: 0.1, distribution, contrast, ..Checkers::default() };
            let x = movie(&noise, 0, 1000).unwrap().to_f64();
            let n = x.len() as f64;
            let mean = x.iter().sum::<f64>() / n;
            let covariance =
                |lag: usize| x.iter().zip(&x[lag..]).map(|(a, b)| (a - mean) * (b - mean)).sum::<f64>() / n;
            let sd = 0.5 * contrast;
            assert!((mean - 0.5).abs() < 4.0 * sd / n.sqrt());
            // Cutting at 3.3 standard deviations takes 0.3 % of the variance.
            assert!((covariance(0) / (sd * sd) - 1.0).abs() < 0.01);
            for lag in [1, 20, 400] {
                assert!(covariance(lag).abs() < 4.0 * sd * sd / n.sqrt(), "{lag}");
            }
        }
    }

    #[test]
    fn a_check_covers_its_pixels_and_lasts_its_time() {
        let noise = Checkers::default();
        let shown = movie(&noise, 0, 34).unwrap().to_f32();
        for (i, l) in shown.iter().enumerate() {
            let (k, row, column) = (i / 2500, i / 50 % 50, i % 50);
            let first = [0, 17][k / 17] * 2500 + row / 5 * 5 * 50 + column / 5 * 5;
            assert_eq!(*l, shown[first]);
        }
        let error = movie(&Checkers { check_deg: 0.05, ..noise }, 0, 1).unwrap_err().to_string();
        assert_eq!(error, "check_deg: expected at least a pixel, 0.1 deg, got 0.05");
    }
}
