//! A receptive field whose gain falls with its own recent drive.

use std::sync::Arc;

use super::RF;
use super::lnp::response;
use crate::filters::{ConvOptions, History, TemporalLowPassFilterRecursive};
use crate::fit::Nonlinearity;
use crate::layer::{Layer, Output, Part, Scope};
use crate::parameter::{Parameter, Range, Spec};
use crate::{Resolution, Result, Tensor};

const STRENGTH: Spec = Spec {
    name: "strength",
    unit: "",
    doc: "How strongly recent drive divides the gain; 0 leaves a linear receptive field.",
    default: 0.0,
    range: Range::NonNegative,
    differentiable: true,
};

/// A receptive field whose gain falls with its own recent drive: divisive normalisation.
///
/// # Equation
/// ```text
/// d(t) = Σ_l Σ_p k(l, p)·x(t − l, p)
/// v    = E_τ ∗ |d|                                   E_τ an exponential low-pass of unit gain
/// μ(t) = g(b + d(t)/(1 + h·v(t)))                    g one of [`Nonlinearity`]
/// ```
/// Where drive stays the same, the response is Naka and Rushton's `d/(1 + h·|d|)`; when contrast rises, it overshoots for about
/// τ. Frames before the first are zero.
///
/// # Shapes
/// Input `[batch, 1, time, height, width]`, output `[batch, unit, time, 1, 1]`. State: the last frames (`conv.history`) and
/// v (`pool.y`).
///
/// # Parameters
/// | symbol | name | unit | default |
/// |---|---|---|---|
/// | k | `conv.weight` (unit, 1, lags, height, width); the last frame weighs the present | – | 0 |
/// | τ | `pool.tau` > 0 | s | 0.1 |
/// | h | `strength` ≥ 0 | – | 0 |
/// | b | `bias` | – | 0 |
///
/// # Errors
/// If a number is zero.
///
/// # Source
/// Shapley & Victor 1978, J. Physiol. 285:275 (gain set by recent contrast); Heeger 1992, Vis. Neurosci. 9:181 (division).
/// The gain control that feeds back and has the time constants of a membrane is [`Bipolar`](crate::retina::Bipolar).
///
/// # Example
/// ```
/// use convis::fit::Nonlinearity;
/// use convis::{GradientMode, Resolution, State, Tensor, call, layer, models::DivisiveNormalization, noise};
/// let model = DivisiveNormalization::new(1, 1, [1, 1], Nonlinearity::Identity, Resolution::default())?;
/// layer::parameter(&model, "conv.weight")?.set_value(vec![2.0], &[1, 1, 1, 1, 1])?;
/// layer::parameter(&model, "strength")?.set(3.0)?;
/// let x = Tensor::from_vec(vec![1.0f64; 2000], &[1, 1, 2000, 1, 1])?;
/// let y = call(&model, &x, &mut State::new(noise::next_model()), GradientMode::Off, None)?.first()?.to_f64();
/// assert!(y[0] > 1.8 && (y[1999] - 2.0 / 7.0).abs() < 1e-6);
/// # Ok::<(), convis::Error>(())
/// ```
pub struct DivisiveNormalization {
    conv: Arc<RF>,
    pool: Arc<TemporalLowPassFilterRecursive>,
    strength: Parameter,
    bias: Parameter,
    nonlinearity: Nonlinearity,
    resolution: Resolution,
}

impl DivisiveNormalization {
    /// So many units with filters of so many lags and pixels (height, width), all numbers zero.
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
        let options = ConvOptions { bias: false, mode: History::Zeros, ..ConvOptions::default() };
        let bias =
            Spec { name: "bias", unit: "", doc: "Drive without a stimulus.", range: Range::Any, ..STRENGTH };
        Ok(Self {
            conv: Arc::new(RF::new(1, units, [lags, height, width], options, resolution)?),
            pool: Arc::new(TemporalLowPassFilterRecursive::new(0.1, resolution)?),
            strength: Parameter::new(STRENGTH),
            bias: Parameter::new(bias),
            nonlinearity,
            resolution,
        })
    }
}

impl Layer for DivisiveNormalization {
    fn kind(&self) -> &'static str {
        "DivisiveNormalization"
    }

    fn doc(&self) -> &'static str {
        "A receptive field whose gain falls with its own recent drive: divisive normalisation."
    }

    fn parts(&self) -> Vec<Part<'_>> {
        vec![
            Part::Child("conv", self.conv.clone()),
            Part::Child("pool", self.pool.clone()),
            Part::Parameter(&self.strength),
            Part::Parameter(&self.bias),
        ]
    }

    fn resolution(&self) -> Resolution {
        self.resolution
    }

    fn forward(&self, input: &Tensor, scope: &mut Scope<'_>) -> Result<Output> {
        let drive = scope.child("conv", &*self.conv, input)?;
        let d = drive.first()?;
        let recent = scope.child("pool", &*self.pool, &d.abs())?;
        let strength = scope.array(&self.strength, d.dtype())?;
        let divisor = recent.first()?.mul(&strength)?.add(&Tensor::number(1.0, d.dtype()))?;
        let normal = d.div(&divisor)?.add(&scope.array(&self.bias, d.dtype())?)?;
        Ok(response(self.nonlinearity, &normal)?.into())
    }
}
