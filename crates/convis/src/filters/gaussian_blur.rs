//! Gaussian blur.

use convis_kernels::separable_blur::SeparableBlur;

use super::Blur;
use crate::layer::{Layer, Output, Part, Scope};
use crate::parameter::{Parameter, Range, Spec};
use crate::tensor::Scalar;
use crate::{Error, Resolution, Result, Tensor};

/// Blurs every frame with a Gaussian of standard deviation `sigma`.
///
/// # Equation
/// `y = G_σ * x`, unit sum, replicated border: see [`convis_kernels::separable_blur`].
///
/// # Shapes
/// Input and output `[batch, channel, time, height, width]`; no state.
///
/// # Parameters
/// | name | unit | default |
/// |---|---|---|
/// | `sigma` ≥ 0 (0: no blur) | deg | given at construction |
///
/// # Source
/// Wohrer & Kornprobst 2009 (J. Comput. Neurosci. 26:219), spatial filters G_σ.
///
/// # Example
/// ```
/// use convis::{GradientMode, Resolution, State, Tensor, call, filters::GaussianBlur, noise};
/// let blur = GaussianBlur::new(0.1, Resolution::default())?;
/// let flat = Tensor::from_vec(vec![3.0f64; 20], &[1, 1, 1, 4, 5])?;
/// let y = call(&blur, &flat, &mut State::new(noise::next_model()), GradientMode::Off, None)?;
/// assert!(y.first()?.to_f64().iter().all(|y| (y - 3.0).abs() < 1e-12));
/// # Ok::<(), convis::Error>(())
/// ```
#[derive(Debug)]
pub struct GaussianBlur {
    sigma: Parameter,
    resolution: Resolution,
}

impl GaussianBlur {
    /// A blur of `sigma_deg` degrees of visual angle.
    ///
    /// # Errors
    /// If sigma is negative or not finite.
    pub fn new(sigma_deg: f64, resolution: Resolution) -> Result<Self> {
        Self::documented(sigma_deg, "Standard deviation of the Gaussian blur.", resolution)
    }

    /// A blur whose sigma has a meaning of its own.
    pub(crate) fn documented(sigma_deg: f64, doc: &'static str, resolution: Resolution) -> Result<Self> {
        let sigma = Parameter::new(Spec {
            name: "sigma",
            unit: "deg",
            doc,
            default: sigma_deg,
            range: Range::NonNegative,
            differentiable: true,
        });
        sigma.set(sigma_deg)?;
        Ok(Self { sigma, resolution })
    }
}

impl Blur for GaussianBlur {
    fn amplified(&self, input: &Tensor, gain: Scalar, scope: &mut Scope<'_>) -> Result<Tensor> {
        let blur = SeparableBlur::new(input.signal()?, self.resolution.pixel_per_degree());
        check_width(&self.sigma, self.resolution)?;
        scope.apply(&blur, &[scope.scalar(&self.sigma), gain], &[input], &[])
    }
}

/// Widest Gaussian that is sampled, pixels: wider than any image.
pub(crate) const WIDEST_PX: f64 = 16_384.0;

/// Refuses a Gaussian that would take more memory than the image.
pub(crate) fn check_width(sigma: &Parameter, resolution: Resolution) -> Result<()> {
    if resolution.degree_to_pixel(sigma.scalar()) > WIDEST_PX {
        let expected = format!("at most {} deg ({WIDEST_PX} pixels)", resolution.pixel_to_degree(WIDEST_PX));
        return Err(Error::argument(sigma.name(), expected, sigma.scalar()));
    }
    Ok(())
}

impl Layer for GaussianBlur {
    fn kind(&self) -> &'static str {
        "GaussianBlur"
    }

    fn doc(&self) -> &'static str {
        "Blurs every frame with a Gaussian of unit sum; the border is replicated."
    }

    fn parts(&self) -> Vec<Part<'_>> {
        vec![Part::Parameter(&self.sigma)]
    }

    fn resolution(&self) -> Resolution {
        self.resolution
    }

    fn forward(&self, input: &Tensor, scope: &mut Scope<'_>) -> Result<Output> {
        Ok(self.amplified(input, Scalar::constant(1.0), scope)?.into())
    }
}
