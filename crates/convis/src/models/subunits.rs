//! Subunits that share filters, pooled by cells.

use std::sync::Arc;

use super::RF;
use super::lnp::response;
use crate::filters::{Conv3d, ConvOptions, History};
use crate::fit::Nonlinearity;
use crate::layer::{Layer, Output, Part, Scope};
use crate::{Error, Resolution, Result, Tensor};

/// Cells that pool subunits: filters shared by all places, a smooth rectifier, weights of every cell, a nonlinearity.
///
/// # Equation
/// ```text
/// s_f(t, p) = ln(1 + exp(c_f + (k_f * x)(t, p)))          f = 1 ‥ filters
/// μ_u(t)    = g(b_u + Σ_f Σ_p w_u(f, p)·s_f(t, p))        g one of [`Nonlinearity`]
/// ```
/// `*` is a convolution whose borders repeat the outermost pixels; frames before the first are zero. With one filter the
/// convolutional LNLN model, in the form that gradients suit: nothing is flat.
///
/// # Shapes
/// Input `[batch, 1, time, height, width]`, output `[batch, unit, time, 1, 1]`. State: the last frames
/// (`conv.history`), one fewer than the kernel has.
///
/// # Parameters
/// | name | shape | default |
/// |---|---|---|
/// | `conv.weight` k | (filter, 1, time, height, width) | 0 |
/// | `conv.bias` c | (filter) | 0 |
/// | `pool.weight` w | (unit, filter, 1, height, width) | 0 |
/// | `pool.bias` b | (unit) | 0 |
///
/// Weights of a single pixel become as large as the image: see [`RF`].
///
/// # Errors
/// If a number is zero.
///
/// # Source
/// Hochstein & Shapley 1976, J. Physiol. 262:265 (subunits); Vintch, Movshon & Simoncelli 2015, J. Neurosci. 35:14829 (the
/// convolutional model).
///
/// # Example
/// ```
/// use convis::{GradientMode, Resolution, State, Tensor, call, fit::Nonlinearity, layer, models::Subunits, noise};
/// let model = Subunits::new(1, 1, [1, 1, 1], [1, 2], Nonlinearity::Identity, Resolution::default())?;
/// layer::parameter(&model, "conv.weight")?.set_value(vec![20.0], &[1, 1, 1, 1, 1])?;
/// layer::parameter(&model, "pool.weight")?.set_value(vec![1.0; 2], &[1, 1, 1, 1, 2])?;
/// // Dark and bright do not cancel.
/// let x = Tensor::from_vec(vec![1.0f64, -1.0], &[1, 1, 1, 1, 2])?;
/// let y = call(&model, &x, &mut State::new(noise::next_model()), GradientMode::Off, None)?;
/// assert!((y.first()?.to_f64()[0] - 20.0).abs() < 1e-6);
/// # Ok::<(), convis::Error>(())
/// ```
pub struct Subunits {
    conv: Arc<Conv3d>,
    pool: Arc<RF>,
    nonlinearity: Nonlinearity,
    resolution: Resolution,
}

impl Subunits {
    /// So many units that pool subunits of so many filters of `kernel_dim` (time, height, width) over `spatial` (height,
    /// width) pixels, all numbers zero.
    ///
    /// # Errors
    /// If a number is zero.
    pub fn new(
        units: usize,
        filters: usize,
        kernel_dim: [usize; 3],
        [height, width]: [usize; 2],
        nonlinearity: Nonlinearity,
        resolution: Resolution,
    ) -> Result<Self> {
        if filters == 0 {
            return Err(Error::argument("filters", "at least one filter", 0));
        }
        let options = ConvOptions { bias: true, mode: History::Zeros, ..ConvOptions::default() };
        let conv = Arc::new(Conv3d::new(1, filters, kernel_dim, options, resolution)?);
        let pool = Arc::new(RF::new(filters, units, [1, height, width], options, resolution)?);
        Ok(Self { conv, pool, nonlinearity, resolution })
    }
}

impl Layer for Subunits {
    fn kind(&self) -> &'static str {
        "Subunits"
    }

    fn doc(&self) -> &'static str {
        "Cells that pool subunits: filters shared by all places, a smooth rectifier, weights of every cell, a nonlinearity."
    }

    fn parts(&self) -> Vec<Part<'_>> {
        vec![Part::Child("conv", self.conv.clone()), Part::Child("pool", self.pool.clone())]
    }

    fn resolution(&self) -> Resolution {
        self.resolution
    }

    fn forward(&self, input: &Tensor, scope: &mut Scope<'_>) -> Result<Output> {
        let filtered = scope.child("conv", &*self.conv, input)?;
        let pooled = scope.child("pool", &*self.pool, &filtered.first()?.softplus())?;
        Ok(response(self.nonlinearity, pooled.first()?)?.into())
    }
}
