//! A receptive field of few parts, each the product of a time course and a picture.

use std::sync::Arc;

use super::RF;
use super::lnp::response;
use crate::filters::{Conv3d, ConvOptions, History};
use crate::fit::Nonlinearity;
use crate::layer::{Layer, Output, Part, Scope};
use crate::{Error, Resolution, Result, Tensor};

/// A receptive field of low rank: a sum of parts, each the product of a time course and a picture, and a nonlinearity.
///
/// # Equation
/// ```text
/// u_r(t) = Σ_p a_r(p)·s(t, p)                        r = 1 ‥ rank
/// μ_u(t) = g(b_u + Σ_r Σ_l k_ur(l)·u_r(t − l))       g one of [`Nonlinearity`]
/// ```
/// The receptive field is `Σ_r k_ur(l)·a_r(p)`: of lags + pixels numbers for each part instead of lags · pixels. Units
/// share the pictures. Frames before the first are zero.
///
/// # Shapes
/// Input `[batch, 1, time, height, width]`, output `[batch, unit, time, 1, 1]`. State: the last frames of the u
/// (`time.history`), one fewer than there are lags.
///
/// # Parameters
/// | name | shape | default |
/// |---|---|---|
/// | `space.weight` a | (rank, 1, 1, height, width) | 0 |
/// | `time.weight` k | (unit, rank, lags, 1, 1); the last frame weighs the present | 0 |
/// | `time.bias` b | (unit) | 0 |
///
/// A picture of a single pixel becomes as large as the image: see [`RF`].
///
/// # Errors
/// If a number is zero.
///
/// # Source
/// DeAngelis, Ohzawa & Freeman 1995, Trends Neurosci. 18:451 (separable fields); Linden, Liu, Sahani, Schreiner & Merzenich
/// 2003, J. Neurophysiol. 90:2660 (sums of few of them).
///
/// # Example
/// ```
/// use convis::{GradientMode, Resolution, State, Tensor, call, fit::Nonlinearity, layer, models::SeparableSTRF, noise};
/// let model = SeparableSTRF::new(1, 1, 2, [1, 2], Nonlinearity::Identity, Resolution::default())?;
/// layer::parameter(&model, "space.weight")?.set_value(vec![-1.0, 1.0], &[1, 1, 1, 1, 2])?;   // right − left
/// layer::parameter(&model, "time.weight")?.set_value(vec![-1.0, 1.0], &[1, 1, 2, 1, 1])?;    // now − before
/// let x = Tensor::from_vec(vec![0.0f64, 3.0, 1.0, 1.0], &[1, 1, 2, 1, 2])?;
/// let y = call(&model, &x, &mut State::new(noise::next_model()), GradientMode::Off, None)?;
/// assert_eq!(y.first()?.to_f64(), [3.0, -3.0]);
/// # Ok::<(), convis::Error>(())
/// ```
pub struct SeparableSTRF {
    space: Arc<RF>,
    time: Arc<Conv3d>,
    nonlinearity: Nonlinearity,
    resolution: Resolution,
}

impl SeparableSTRF {
    /// So many units with receptive fields of so many parts, lags and pixels (height, width), all numbers zero.
    ///
    /// # Errors
    /// If a number is zero.
    pub fn new(
        units: usize,
        rank: usize,
        lags: usize,
        [height, width]: [usize; 2],
        nonlinearity: Nonlinearity,
        resolution: Resolution,
    ) -> Result<Self> {
        if rank == 0 {
            return Err(Error::argument("rank", "at least one part", 0));
        }
        let plain = ConvOptions { bias: false, mode: History::Zeros, ..ConvOptions::default() };
        let space = Arc::new(RF::new(1, rank, [1, height, width], plain, resolution)?);
        let biased = ConvOptions { bias: true, ..plain };
        let time = Arc::new(Conv3d::new(rank, units, [lags, 1, 1], biased, resolution)?);
        Ok(Self { space, time, nonlinearity, resolution })
    }
}

impl Layer for SeparableSTRF {
    fn kind(&self) -> &'static str {
        "SeparableSTRF"
    }

    fn doc(&self) -> &'static str {
        "A receptive field of few parts, each the product of a time course and a picture, and a nonlinearity."
    }

    fn parts(&self) -> Vec<Part<'_>> {
        vec![Part::Child("space", self.space.clone()), Part::Child("time", self.time.clone())]
    }

    fn resolution(&self) -> Resolution {
        self.resolution
    }

    fn forward(&self, input: &Tensor, scope: &mut Scope<'_>) -> Result<Output> {
        let seen = scope.child("space", &*self.space, input)?;
        let drive = scope.child("time", &*self.time, seen.first()?)?;
        Ok(response(self.nonlinearity, drive.first()?)?.into())
    }
}
