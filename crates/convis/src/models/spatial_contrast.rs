//! A cell that sees the mean and the contrast of what is in its receptive field.

use std::sync::Arc;

use super::lnp::response;
use crate::filters::{Conv3d, ConvOptions, History};
use crate::fit::Nonlinearity;
use crate::layer::{Layer, Output, Part, Scope};
use crate::parameter::{Parameter, Range, Spec};
use crate::{DType, Resolution, Result, Tensor};

const ROW: Spec = Spec {
    name: "row",
    unit: "deg",
    doc: "Centre of the receptive field, from the uppermost row of pixels down.",
    default: 0.0,
    range: Range::Any,
    differentiable: true,
};
const COLUMN: Spec = Spec {
    name: "column",
    doc: "Centre of the receptive field, from the leftmost column of pixels on.",
    ..ROW
};
const SIGMA: Spec = Spec {
    name: "sigma",
    doc: "Standard deviation of the Gaussian receptive field.",
    default: 0.2,
    range: Range::Positive,
    ..ROW
};
const WEIGHT: Spec = Spec {
    name: "contrast_weight",
    unit: "",
    doc: "Weight of the spatial contrast beside that of the mean.",
    ..ROW
};
const BIAS: Spec = Spec { name: "bias", unit: "", doc: "Drive without a stimulus.", ..ROW };

/// A cell driven by the mean and by the spatial contrast of what is in its receptive field.
///
/// # Equation
/// ```text
/// f(t, p) = Σ_l k(l)·x(t − l, p)
/// m(t)    = Σ_p G(p)·f(t, p)                         G(p) ∝ exp(−|p − p₀|²/(2σ²)), Σ G = 1
/// c(t)    = √(Σ_p G(p)·(f(t, p) − m(t))² + 10⁻¹²)
/// μ(t)    = g(b + m(t) + w·c(t))                     g one of [`Nonlinearity`]
/// ```
/// Frames before the first are zero.
///
/// # Shapes
/// Input `[batch, 1, time, height, width]`, output `[batch, 1, time, 1, 1]`. State: the last frames (`time.history`), one
/// fewer than there are lags.
///
/// # Parameters
/// | symbol | name | unit | default |
/// |---|---|---|---|
/// | k | `time.weight` (1, 1, lags, 1, 1); the last frame weighs the present | – | 0 |
/// | p₀ | `row`, `column` | deg | 0 |
/// | σ | `sigma` > 0 | deg | 0.2 |
/// | w | `contrast_weight` | – | 0 |
/// | b | `bias` | – | 0 |
///
/// # Errors
/// If there is no lag.
///
/// # Source
/// Liu, Karamanlis & Gollisch 2022, PLoS Comput. Biol. 18:e1009925, for flashed pictures; for movies each pixel is filtered
/// in time first, as in Sridhar et al. 2025, PLoS Comput. Biol. (doi 10.1371/journal.pcbi.1014157).
///
/// # Example
/// ```
/// use convis::{GradientMode, Resolution, State, Tensor, call, fit::Nonlinearity, layer, models::SpatialContrast, noise};
/// let model = SpatialContrast::new(1, Nonlinearity::Identity, Resolution::default())?;
/// layer::parameter(&model, "time.weight")?.set_value(vec![1.0], &[1, 1, 1, 1, 1])?;
/// layer::parameter(&model, "column")?.set(0.05)?;            // between two pixels of 0.1 degrees
/// layer::parameter(&model, "contrast_weight")?.set(2.0)?;
/// let x = Tensor::from_vec(vec![3.0f64, 1.0], &[1, 1, 1, 1, 2])?;
/// let y = call(&model, &x, &mut State::new(noise::next_model()), GradientMode::Off, None)?;
/// assert!((y.first()?.to_f64()[0] - (2.0 + 2.0 * 1.0)).abs() < 1e-9);
/// # Ok::<(), convis::Error>(())
/// ```
pub struct SpatialContrast {
    time: Arc<Conv3d>,
    row: Parameter,
    column: Parameter,
    sigma: Parameter,
    weight: Parameter,
    bias: Parameter,
    nonlinearity: Nonlinearity,
    resolution: Resolution,
}

impl SpatialContrast {
    /// A cell with a filter of so many lags.
    ///
    /// # Errors
    /// If there is no lag.
    pub fn new(lags: usize, nonlinearity: Nonlinearity, resolution: Resolution) -> Result<Self> {
        let options = ConvOptions { bias: false, mode: History::Zeros, ..ConvOptions::default() };
        let time = Arc::new(Conv3d::new(1, 1, [lags, 1, 1], options, resolution)?);
        let [row, column, sigma, weight, bias] = [ROW, COLUMN, SIGMA, WEIGHT, BIAS].map(Parameter::new);
        Ok(Self { time, row, column, sigma, weight, bias, nonlinearity, resolution })
    }

    /// G, of sum 1: (1, 1, 1, height, width).
    fn field(&self, height: usize, width: usize, dtype: DType, scope: &Scope<'_>) -> Result<Tensor> {
        let pixel_deg = 1.0 / self.resolution.pixel_per_degree();
        let places = |n: usize, shape: &[usize]| {
            Tensor::from_vec((0..n).map(|i| i as f64 * pixel_deg).collect(), shape).map(|x| x.cast(dtype))
        };
        let from =
            |places: Tensor, centre: &Parameter| Ok(places.sub(&scope.array(centre, dtype)?)?.square());
        let rows = from(places(height, &[1, 1, 1, height, 1])?, &self.row)?;
        let columns: Tensor = from(places(width, &[1, 1, 1, 1, width])?, &self.column)?;
        let twice = scope.array(&self.sigma, dtype)?.square().mul(&Tensor::number(-2.0, dtype))?;
        let exponent = rows.add(&columns)?.div(&twice)?;
        // Less its maximum: a field far outside the image is that of the nearest pixels, not 0/0.
        let most = exponent.detach().max_over(&[3, 4], true)?;
        let field = exponent.sub(&most)?.exp();
        field.div(&field.sum_over(&[3, 4], true)?)
    }
}

impl Layer for SpatialContrast {
    fn kind(&self) -> &'static str {
        "SpatialContrast"
    }

    fn doc(&self) -> &'static str {
        "A cell driven by the mean and by the spatial contrast of what is in its receptive field."
    }

    fn parts(&self) -> Vec<Part<'_>> {
        let own = [&self.row, &self.column, &self.sigma, &self.weight, &self.bias];
        std::iter::once(Part::Child("time", self.time.clone())).chain(own.map(Part::Parameter)).collect()
    }

    fn resolution(&self) -> Resolution {
        self.resolution
    }

    fn forward(&self, input: &Tensor, scope: &mut Scope<'_>) -> Result<Output> {
        let filtered = scope.child("time", &*self.time, input)?;
        let f = filtered.first()?;
        let (signal, dtype) = (f.signal()?, f.dtype());
        let field = self.field(signal.height, signal.width, dtype, scope)?;
        let mean = f.mul(&field)?.sum_over(&[3, 4], true)?;
        let variance = f.sub(&mean)?.square().mul(&field)?.sum_over(&[3, 4], true)?;
        let contrast = variance.add(&Tensor::number(1e-12, dtype))?.sqrt();
        let drive = mean
            .add(&contrast.mul(&scope.array(&self.weight, dtype)?)?)?
            .add(&scope.array(&self.bias, dtype)?)?;
        Ok(response(self.nonlinearity, &drive)?.into())
    }
}
