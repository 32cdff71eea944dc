//! Outer plexiform layer as one convolution.

use super::HalfRecursiveOplFilter;
use super::impulse_response::{convolved, impulse_response, length};
use super::opl::SHORT_NAMES;
use crate::layer::{GradientMode, Layer, Output, Part, Scope, parameter};
use crate::{Error, Resolution, Result, Tensor};

/// Largest kernel, numbers: one gigabyte.
const LARGEST: usize = 1 << 27;

/// Centre minus surround by a single convolution in time and space.
///
/// # Equation
/// ```text
/// I_OPL = K * L,   K = λ·(δ − w·E_{τ_S} * G_{σ_S}) * T_{w_U,τ_U} * E_{n,τ_C} * G_{σ_C}
/// ```
/// K is the response of [`HalfRecursiveOplFilter`] to a single bright pixel: large enough for both Gaussians, and as long as it
/// takes until 10⁻⁶ of every exponential is left; or on a grid of a given size.
///
/// # Shapes
/// Input (luminance) and output (current) `[batch, channel, time, height, width]`. State: the last frames (`history`), one
/// fewer than the kernel has, zero before the first frame. Where a parameter changes the length of the kernel, frames
/// further back than what was remembered count as zero.
///
/// # Parameters
/// Those of [`HalfRecursiveOplFilter`], under the same names. The kernel follows from them at every call.
///
/// # Errors
/// If time constants and resolution ask for a kernel of more than 2²⁷ numbers.
///
/// # Source
/// Wohrer & Kornprobst 2009 (J. Comput. Neurosci. 26:219), outer plexiform layer.
///
/// # Example
/// ```
/// use convis::retina::{FullConvolutionOplFilter, HalfRecursiveOplFilter};
/// use convis::{GradientMode, Layer, Resolution, State, Tensor, call, layer, noise};
/// let flash = Tensor::from_vec((0..2500).map(|i| f64::from(i % 625 == 312)).collect(), &[1, 1, 4, 25, 25])?;
/// let response = |filter: &dyn Layer| -> convis::Result<f64> {
///     layer::parameter(filter, "undershoot_tau_center")?.set(0.01)?;
///     let y = call(filter, &flash, &mut State::new(noise::next_model()), GradientMode::Off, None)?;
///     Ok(y.first()?.to_f64()[3 * 625 + 312])
/// };
/// let resolution = Resolution::default();
/// let (one, stages) = (FullConvolutionOplFilter::new(None, resolution)?, HalfRecursiveOplFilter::new(resolution)?);
/// assert!((response(&one)? - response(&stages)?).abs() < 1e-9);
/// # Ok::<(), convis::Error>(())
/// ```
pub struct FullConvolutionOplFilter {
    stages: HalfRecursiveOplFilter,
    shape: Option<[usize; 3]>,
}

impl FullConvolutionOplFilter {
    /// A filter with default parameters, whose kernel has this shape (time, height, width), or as many numbers as it needs.
    ///
    /// On a grid that is too small, its border is replicated while the kernel is made.
    ///
    /// # Errors
    /// If a size is zero.
    pub fn new(shape: Option<[usize; 3]>, resolution: Resolution) -> Result<Self> {
        if shape.is_some_and(|shape| shape.contains(&0)) {
            return Err(Error::argument("shp", "sizes of at least 1", format!("{shape:?}")));
        }
        Ok(Self { stages: HalfRecursiveOplFilter::new(resolution)?, shape })
    }

    /// The kernel for the parameters as they are: (1, 1, time, height, width), in double precision.
    ///
    /// # Errors
    /// If it would have more than 2²⁷ numbers.
    pub fn kernel(&self) -> Result<Tensor> {
        self.response(GradientMode::Off)
    }

    fn response(&self, gradients: GradientMode) -> Result<Tensor> {
        impulse_response(&self.stages, self.size()?, gradients)
    }

    /// Frames, rows and columns of the kernel.
    fn size(&self) -> Result<[usize; 3]> {
        if let Some(shape) = self.shape {
            return Ok(shape);
        }
        let resolution = self.stages.resolution();
        let value = |name| Ok::<_, Error>(parameter(&self.stages, name)?.scalar());
        // What the finite kernels of all stages reach together.
        let radius = |sigma_deg: f64| (4.0 * resolution.degree_to_pixel(sigma_deg) + 0.5).floor();
        let pixels = 2.0 * (radius(value("sigma_center")?) + radius(value("sigma_surround")?)) + 1.0;
        let frames = length(value("tau_center")?, value("n_center")? as usize, resolution)?
            + length(value("undershoot_tau_center")?, 0, resolution)?
            + length(value("tau_surround")?, 0, resolution)?
            - 2;
        if frames as f64 * pixels * pixels > LARGEST as f64 {
            let expected =
                "time constants and widths whose kernel has at most 2²⁷ numbers, or a shape for it";
            return Err(Error::argument("kernel", expected, format!("{frames} × {pixels} × {pixels}")));
        }
        Ok([frames, pixels as usize, pixels as usize])
    }
}

impl Layer for FullConvolutionOplFilter {
    fn kind(&self) -> &'static str {
        "FullConvolutionOPLFilter"
    }

    fn doc(&self) -> &'static str {
        "Centre minus surround of the outer plexiform layer: a single convolution in time and space."
    }

    fn parts(&self) -> Vec<Part<'_>> {
        self.stages.parts()
    }

    fn resolution(&self) -> Resolution {
        self.stages.resolution()
    }

    fn aliases(&self) -> &'static [(&'static str, &'static str)] {
        SHORT_NAMES
    }

    fn forward(&self, input: &Tensor, scope: &mut Scope<'_>) -> Result<Output> {
        let response = self.response(scope.gradients())?;
        convolved(input, &response, scope)
    }
}
