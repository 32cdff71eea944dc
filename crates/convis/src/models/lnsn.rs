//! Rectified subunits, summed and rectified.

use std::sync::Arc;

use super::members::Members;
use super::stage::{StageOptions, linear};
use crate::filters::NLRectify;
use crate::layer::{Layer, Output, Part, Scope};
use crate::{Resolution, Result, Tensor};

/// The subunit model: a linear filter and a rectifier for every subunit, a weighted sum of the subunits, a rectifier.
///
/// # Equation
/// ```text
/// s = R(k * x),   y = R(Σ w·s)      R(u) = u clipped to 0 … 10⁶
/// ```
/// The sum runs over the neighbourhood of every pixel ([`convis_kernels::conv3d`] with a single time weight), or over the
/// whole image for a single cell ([`RF`](super::RF)).
///
/// # Shapes
/// Input and output `[batch, 1, time, height, width]`; output `[batch, 1, time, 1, 1]` for a single cell. State: the last
/// frames (`conv.history`), one fewer than the kernel has.
///
/// # Parameters
/// | name | shape | default |
/// |---|---|---|
/// | `conv.weight`: filter of the subunits | (1, 1, time, height, width) | 0 |
/// | `sum.weight`: weights of the subunits | (1, 1, 1, height, width) | 0 |
/// | `conv.bias`, `sum.bias` (if asked for) | (1) | 0 |
///
/// # Source
/// Real, Asari, Gollisch & Meister 2017 (Curr. Biol. 27:189), the linear-nonlinear-sum-nonlinear model.
///
/// # Example
/// ```
/// use convis::{GradientMode, Resolution, State, Tensor, call, layer, noise, models::LNSN};
/// let model = LNSN::new([1, 1, 1], [1, 3], Default::default(), Resolution::default())?;
/// layer::parameter(&model, "conv.weight")?.set_value(vec![1.0], &[1, 1, 1, 1, 1])?;
/// layer::parameter(&model, "sum.weight")?.set_value(vec![1.0; 3], &[1, 1, 1, 1, 3])?;
/// // Rectified before they are summed, dark and bright do not cancel.
/// let x = Tensor::from_vec(vec![0.0f64, -1.0, 1.0, -1.0, 0.0], &[1, 1, 1, 1, 5])?;
/// let y = call(&model, &x, &mut State::new(noise::next_model()), GradientMode::Off, None)?;
/// assert_eq!(y.first()?.to_f64(), [0.0, 1.0, 1.0, 1.0, 0.0]);
/// # Ok::<(), convis::Error>(())
/// ```
pub struct LNSN(Members);

impl LNSN {
    /// Subunits with filters of `kernel_dim` (time, height, width), summed over `pool_dim` (height, width), with weights of
    /// zero.
    ///
    /// # Errors
    /// If a size is zero.
    pub fn new(
        kernel_dim: [usize; 3],
        pool_dim: [usize; 2],
        options: StageOptions,
        resolution: Resolution,
    ) -> Result<Self> {
        let [height, width] = pool_dim;
        let subunits = StageOptions { population: true, ..options };
        let rectifier = || Arc::new(NLRectify::new(resolution)) as Arc<dyn Layer>;
        let layers = vec![
            ("conv", linear(&kernel_dim, subunits, resolution)?),
            ("nonlinearity1", rectifier()),
            ("sum", linear(&[1, height, width], options, resolution)?),
            ("nonlinearity2", rectifier()),
        ];
        Ok(Self(Members::in_a_row(layers, resolution)))
    }
}

impl Layer for LNSN {
    fn kind(&self) -> &'static str {
        "LNSN"
    }

    fn doc(&self) -> &'static str {
        "The subunit model: filtered and rectified subunits, a weighted sum of them, a rectifier."
    }

    fn parts(&self) -> Vec<Part<'_>> {
        self.0.parts()
    }

    fn resolution(&self) -> Resolution {
        self.0.resolution()
    }

    fn forward(&self, input: &Tensor, scope: &mut Scope<'_>) -> Result<Output> {
        self.0.forward(input, scope)
    }
}
