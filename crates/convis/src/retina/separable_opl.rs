//! Outer plexiform layer by convolutions in space and in time.

use super::impulse_response::{convolved, impulse_response, length};
use super::opl::{CenterSurround, SHORT_NAMES};
use crate::filters::{Blur, GaussianBlur};
use crate::layer::{Layer, Output, Part, Scope, parameter};
use crate::{Resolution, Result, Tensor};
use convis_kernels::weighted_difference::WeightedDifference;

/// Centre minus surround by convolutions alone: Gaussians in space, finite kernels in time.
///
/// # Equation
/// ```text
/// C     = T_{w_U,τ_U} * E_{n,τ_C} * G_{σ_C} * (λ·L)      centre, with undershoot
/// S     = E_{τ_S} * G_{σ_S} * C                          surround
/// I_OPL = C − w·S
/// ```
/// That of [`HalfRecursiveOplFilter`](super::HalfRecursiveOplFilter); its filters in time are replaced by their responses to
/// one frame, cut where 10⁻⁶ of them is left. The operations: [`convis_kernels::separable_blur`],
/// [`convis_kernels::conv3d`].
///
/// # Shapes
/// Input (luminance) and output (current) `[batch, channel, time, height, width]`. State: the last frames before every
/// filter in time (`center_E.history`, `center_undershoot.history`, `surround_E.history`), zero before the first frame.
///
/// # Parameters
/// Those of [`HalfRecursiveOplFilter`](super::HalfRecursiveOplFilter), under the same names. The kernels follow from them at
/// every call.
///
/// # Source
/// Wohrer & Kornprobst 2009 (J. Comput. Neurosci. 26:219), outer plexiform layer.
///
/// # Example
/// ```
/// use convis::retina::{HalfRecursiveOplFilter, SeparableOplFilter};
/// use convis::{GradientMode, Layer, Resolution, State, Tensor, call, noise};
/// let flash = Tensor::from_vec((0..1800).map(|i| f64::from(i % 9 == 4)).collect(), &[1, 1, 200, 3, 3])?;
/// let response = |filter: &dyn Layer| -> convis::Result<f64> {
///     let y = call(filter, &flash, &mut State::new(noise::next_model()), GradientMode::Off, None)?;
///     Ok(y.first()?.to_f64()[100])
/// };
/// let resolution = Resolution::default();
/// let (finite, recursive) = (SeparableOplFilter::new(resolution)?, HalfRecursiveOplFilter::new(resolution)?);
/// assert!((response(&finite)? - response(&recursive)?).abs() < 1e-9);
/// # Ok::<(), convis::Error>(())
/// ```
pub struct SeparableOplFilter(CenterSurround<GaussianBlur>);

impl SeparableOplFilter {
    /// A filter with default parameters.
    ///
    /// # Errors
    /// None at present: the defaults are valid.
    pub fn new(resolution: Resolution) -> Result<Self> {
        CenterSurround::new(GaussianBlur::documented, resolution).map(Self)
    }

    /// Runs a filter in time by convolving with its response to one frame.
    fn by_convolution(
        &self,
        name: &str,
        filter: &dyn Layer,
        input: &Output,
        scope: &mut Scope<'_>,
    ) -> Result<Output> {
        let tau_s = parameter(filter, "tau")?.scalar();
        let order = parameter(filter, "n").map_or(0.0, |n| n.scalar());
        let frames = length(tau_s, order as usize, self.0.resolution)?;
        scope.within(name, |scope| {
            let response = impulse_response(filter, [frames, 1, 1], scope.gradients())?;
            convolved(input.first()?, &response, scope)
        })
    }
}

impl Layer for SeparableOplFilter {
    fn kind(&self) -> &'static str {
        "SeparableOPLFilter"
    }

    fn doc(&self) -> &'static str {
        "Centre minus surround of the outer plexiform layer: convolutions in space and in time."
    }

    fn parts(&self) -> Vec<Part<'_>> {
        self.0.parts()
    }

    fn resolution(&self) -> Resolution {
        self.0.resolution
    }

    fn aliases(&self) -> &'static [(&'static str, &'static str)] {
        SHORT_NAMES
    }

    fn forward(&self, input: &Tensor, scope: &mut Scope<'_>) -> Result<Output> {
        let stages = &self.0;
        let lambda = scope.scalar(&stages.lambda_opl);
        let blur = |scope: &mut Scope<'_>| Ok(stages.center_blur.amplified(input, lambda, scope)?.into());
        let center = scope.within("center_G", blur)?;
        let center = self.by_convolution("center_E", &*stages.center_low_pass, &center, scope)?;
        let center = self.by_convolution("center_undershoot", &*stages.center_undershoot, &center, scope)?;
        let surround = scope.child("surround_G", &*stages.surround_blur, center.first()?)?;
        let surround = self.by_convolution("surround_E", &*stages.surround_low_pass, &surround, scope)?;
        let difference = WeightedDifference { signal: input.signal()? };
        let inputs = [center.first()?, surround.first()?];
        Ok(scope.apply(&difference, &[scope.scalar(&stages.relative_weight)], &inputs, &[])?.into())
    }
}
