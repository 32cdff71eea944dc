//! Finite kernels: tables of numbers to be used as weights.
//!
//! | function | kernel |
//! |---|---|
//! | [`exponential`] | exponential, or cascade of exponentials, in time |
//! | [`high_pass`] | the signal minus a weighted exponential, in time |
//! | [`gaussian_2d`], [`gaussian_3d`], [`gaussian_5d`] | Gaussian in space |
//! | [`deriche`] | coefficients of Deriche's recursive blur |
//!
//! Every kernel follows one of two rules:
//! * [`Rule::Published`] (default): the kernel of the recursive filter or blur of the same name, cut where what is left
//!   out is below `epsilon` (Gaussians at four standard deviations), and of the sum asked for.
//! * [`Rule::Convis`]: the formulas of convis 0.6.4, cut by height, not normalised.

mod exponential;
mod gaussian;

pub use exponential::{Temporal, exponential, high_pass};
pub(crate) use exponential::{cascade_sample, published_sample};
pub use gaussian::{Spatial, gaussian_2d, gaussian_3d, gaussian_5d};

use convis_kernels::recursive_blur::{Kind, Section};

use crate::{Error, Result};

/// Which formulas a kernel follows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Rule {
    /// The published filters, discretised as everywhere in this library.
    #[default]
    Published,
    /// The formulas of convis 0.6.4.
    Convis,
}

/// Where kernels are cut unless asked otherwise.
pub const EPSILON: f64 = 1e-3;

fn positive(name: &str, value: f64) -> Result<()> {
    if value > 0.0 && value.is_finite() {
        Ok(())
    } else {
        Err(Error::argument(name, "a number above 0", value))
    }
}

fn fraction(name: &str, value: f64) -> Result<()> {
    if value > 1e-12 && value < 1.0 {
        Ok(())
    } else {
        Err(Error::argument(name, "a number between 1e-12 and 1", value))
    }
}

/// Coefficients of Deriche's recursive blur of this density (per pixel): weights a₀ … a₃ of the input and b₀, b₁ of the
/// output before, as [`convis_kernels::recursive_blur`] uses them.
///
/// ```
/// let (a, b) = convis::numerical_filters::deriche(0.5)?;
/// // Forwards and backwards together reproduce a constant.
/// assert!((a.iter().sum::<f64>() / (1.0 - b[0] - b[1]) - 1.0).abs() < 1e-12);
/// # Ok::<(), convis::Error>(())
/// ```
///
/// # Errors
/// If the density is not a positive number.
pub fn deriche(density: f64) -> Result<([f64; 4], [f64; 2])> {
    positive("density", density)?;
    let section = Section::all(Kind::Deriche, density)[0];
    Ok((section.a, section.b))
}
