//! A receptive field and an output nonlinearity: the model of a recorded cell.

use std::sync::Arc;

use super::RF;
use crate::filters::{ConvOptions, History};
use crate::fit::Nonlinearity;
use crate::layer::{Layer, Output, Part, Scope};
use crate::parameter::Parameter;
use crate::{DType, Resolution, Result, Tensor};

/// The linear-nonlinear-Poisson model of recorded cells: the expected response of each per step.
///
/// # Equation
/// ```text
/// μ_u(t) = g(b_u + Σ_l Σ_p k_u(l, p)·s(t − l, p))
/// ```
/// with g one of [`Nonlinearity`]. Frames before the first are zero. [`Glm`](crate::fit::Glm) finds k and b from a recording.
///
/// # Shapes
/// Input `[batch, 1, time, height, width]`, output `[batch, unit, time, 1, 1]`. State: the last frames (`conv.history`), one
/// fewer than there are lags.
///
/// # Parameters
/// | name | shape | default |
/// |---|---|---|
/// | `conv.weight` | (unit, 1, lags, height, width); the last frame weighs the present | 0 |
/// | `conv.bias` | (unit) | 0 |
///
/// # Source
/// Chichilnisky 2001, Network 12:199; Paninski 2004, Network 15:243.
///
/// # Example
/// ```
/// use convis::fit::Nonlinearity;
/// use convis::{GradientMode, Resolution, State, Tensor, call, layer, noise, models::LNP};
/// let model = LNP::new(1, 2, [1, 1], Nonlinearity::Exp, Resolution::default())?;
/// layer::parameter(&model, "conv.weight")?.set_value(vec![1.0, 0.0], &[1, 1, 2, 1, 1])?; // the frame before
/// let x = Tensor::from_vec(vec![0.5f64, 0.0], &[1, 1, 2, 1, 1])?;
/// let y = call(&model, &x, &mut State::new(noise::next_model()), GradientMode::Off, None)?;
/// assert_eq!(y.first()?.to_f64(), [1.0, 0.5f64.exp()]);
/// # Ok::<(), convis::Error>(())
/// ```
pub struct LNP {
    conv: Arc<RF>,
    nonlinearity: Nonlinearity,
    resolution: Resolution,
}

impl LNP {
    /// So many cells with filters of so many lags and pixels (height, width), all numbers zero.
    ///
    /// # Errors
    /// If a number is zero.
    pub fn new(
        units: usize,
        lags: usize,
        [height, width]: [usize; 2],
        nonlinearity: Nonlinearity,
        resolution: Resolution,
    ) -> Result<Self> {
        let options = ConvOptions { bias: true, mode: History::Zeros, ..ConvOptions::default() };
        let conv = Arc::new(RF::new(1, units, [lags, height, width], options, resolution)?);
        Ok(Self { conv, nonlinearity, resolution })
    }

    /// g.
    pub const fn nonlinearity(&self) -> Nonlinearity {
        self.nonlinearity
    }

    /// The parameters `conv.weight` and `conv.bias`.
    pub fn weight_and_bias(&self) -> Vec<Parameter> {
        let parameter =
            |part| if let Part::Parameter(parameter) = part { Some(parameter.clone()) } else { None };
        self.conv.parts().into_iter().filter_map(parameter).collect()
    }
}

impl Layer for LNP {
    fn kind(&self) -> &'static str {
        "LNP"
    }

    fn doc(&self) -> &'static str {
        "The linear-nonlinear-Poisson model of recorded cells: the expected response of each per step."
    }

    fn parts(&self) -> Vec<Part<'_>> {
        vec![Part::Child("conv", self.conv.clone())]
    }

    fn resolution(&self) -> Resolution {
        self.resolution
    }

    fn forward(&self, input: &Tensor, scope: &mut Scope<'_>) -> Result<Output> {
        let drive = scope.child("conv", &*self.conv, input)?;
        Ok(response(self.nonlinearity, drive.first()?)?.into())
    }
}

/// g of every number of a drive.
pub(super) fn response(nonlinearity: Nonlinearity, drive: &Tensor) -> Result<Tensor> {
    Ok(match nonlinearity {
        Nonlinearity::Exp => drive.exp(),
        Nonlinearity::Softplus => drive.softplus(),
        Nonlinearity::Power(p) => drive.relu().pow(&Tensor::number(p, DType::F64).cast(drive.dtype()))?,
        Nonlinearity::Sigmoid => drive.sigmoid(),
        Nonlinearity::Identity => drive.clone(),
    })
}
