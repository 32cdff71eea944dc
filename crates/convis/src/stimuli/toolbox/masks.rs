//! The toolbox's masks.

use super::super::argument::{at_least_one, finite};
use super::line::linspace;
use crate::{Result, Tensor};

/// Distance of every pixel from the middle along one axis.
///
/// The spacing is n/(n − 1), not 1; for even sizes with `center_on_pixel` the pixel after the middle is at 0 instead.
fn distances(n: usize, center_on_pixel: bool) -> Vec<f64> {
    let half = n as f64 / 2.0;
    let end = if n.is_multiple_of(2) && center_on_pixel { half + 1.0 } else { half };
    (0..n).map(|i| linspace(-half, end, n, i).abs()).collect()
}

/// A picture `[1, y, x]` of `of(distance along columns, distance along rows)`.
fn picture(x: usize, y: usize, center_on_pixel: bool, of: impl Fn(f64, f64) -> f64) -> Result<Tensor> {
    at_least_one("x", x)?;
    at_least_one("y", y)?;
    let (columns, rows) = (distances(x, center_on_pixel), distances(y, center_on_pixel));
    let numbers =
        rows.iter().flat_map(|&row| columns.iter().map(move |&column| (column, row))).collect::<Vec<_>>();
    Tensor::from_vec(numbers.into_iter().map(|(c, r)| of(c, r) as f32).collect(), &[1, y, x])
}

/// A square of ones in the middle of zeros: a frame `[1, y, x]` of y rows and x columns.
///
/// # Equation
/// ```text
/// M = 1 where |ξ| < width and |η| < width,   ξ, η from −n/2 to n/2 (+ 1 for even n with center_on_pixel)
/// ```
/// `width` is half the side.
///
/// ```
/// let mask = convis::stimuli::toolbox::mask_square(9, 9, 2.0, true)?;
/// assert_eq!(mask.to_f64().iter().sum::<f64>(), 9.0);
/// # Ok::<(), convis::Error>(())
/// ```
///
/// # Errors
/// If a size is 0 or the width is not finite.
pub fn mask_square(x: usize, y: usize, width: f64, center_on_pixel: bool) -> Result<Tensor> {
    finite("width", width)?;
    picture(x, y, center_on_pixel, |column, row| f64::from(u8::from(column < width && row < width)))
}

/// A disc of ones in the middle of zeros, with a soft border.
///
/// # Equation
/// ρ the distance from the middle, spaced as in [`mask_square`]:
/// ```text
/// M = 1/(1 + exp(−sharpness·(radius − ρ)))      smooth
/// M = 1 where ρ < radius, else 0                otherwise
/// ```
///
/// # Example
/// ```
/// use convis::stimuli::toolbox::MaskCircle;
/// let mask = MaskCircle { x: 21, y: 21, radius: 5.0, ..MaskCircle::default() }.picture()?;
/// assert_eq!(mask.shape(), [1, 21, 21]);
/// assert!(mask.to_f64()[220] > 0.999 && mask.to_f64()[0] < 1e-6);
/// # Ok::<(), convis::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct MaskCircle {
    /// Columns.
    pub x: usize,
    /// Rows.
    pub y: usize,
    /// Radius.
    pub radius: f64,
    /// Whether the border is soft.
    pub smooth: bool,
    /// Steepness of a soft border.
    pub sharpness: f64,
    /// Whether the middle of an even size is a pixel.
    pub center_on_pixel: bool,
}

impl Default for MaskCircle {
    fn default() -> Self {
        Self { x: 20, y: 20, radius: 10.0, smooth: true, sharpness: 5.0, center_on_pixel: true }
    }
}

impl MaskCircle {
    /// The mask: a frame `[1, y, x]`.
    ///
    /// # Errors
    /// If a size is 0 or a number is not finite.
    pub fn picture(&self) -> Result<Tensor> {
        finite("radius", self.radius)?;
        finite("sharpness", self.sharpness)?;
        picture(self.x, self.y, self.center_on_pixel, |column, row| {
            let rest = self.radius - column.hypot(row);
            if self.smooth {
                1.0 / (1.0 + (-self.sharpness * rest).exp())
            } else {
                f64::from(u8::from(rest > 0.0))
            }
        })
    }
}
