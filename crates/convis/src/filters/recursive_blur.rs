//! Blur by recursive filters of a given width.

use convis_kernels::recursive_blur::{Kind, RecursiveBlur as Operation, Spread, WIDEST};

use super::Blur;
use crate::layer::{Layer, Output, Part, Scope};
use crate::parameter::{Parameter, Range, Spec};
use crate::tensor::Scalar;
use crate::{Error, Resolution, Result, Tensor};

/// Blurs every frame by recursive filters of width `sigma`: what [`RecursiveOplFilter`] uses.
///
/// # Equation
/// That of [`SpatialRecursiveFilter`](super::SpatialRecursiveFilter) at density 1/(σ·pixels per degree); σ = 0 is no blur. See
/// [`convis_kernels::recursive_blur`].
///
/// # Shapes
/// Input and output `[batch, channel, time, height, width]`; no state.
///
/// # Parameters
/// | name | unit | default |
/// |---|---|---|
/// | `sigma` ≥ 0 (0: no blur) | deg | given at construction |
/// | [`Kind`]: `deriche` or `gaussian` | – | `deriche` |
///
/// # Errors
/// If sigma is more than 10 000 pixels: rounding would show.
///
/// # Source
/// Deriche 1987 and 1993: see the operation.
///
/// # Example
/// ```
/// use convis::{GradientMode, Resolution, State, Tensor, call, noise};
/// use convis::filters::{GaussianBlur, RecursiveBlur, RecursiveKind};
/// let image = Tensor::from_vec((0..961).map(|i| f64::from(i == 480)).collect(), &[1, 1, 1, 31, 31])?;
/// let blurred = |layer: &dyn convis::Layer| {
///     let mut state = State::new(noise::next_model());
///     Ok::<_, convis::Error>(call(layer, &image, &mut state, GradientMode::Off, None)?.first()?.to_f64())
/// };
/// let finite = blurred(&GaussianBlur::new(0.2, Resolution::default())?)?;
/// let recursive = blurred(&RecursiveBlur::new(0.2, RecursiveKind::Gaussian, Resolution::default())?)?;
/// assert!(finite.iter().zip(&recursive).all(|(a, b)| (a - b).abs() < 1e-3 * finite[480]));
/// # Ok::<(), convis::Error>(())
/// ```
///
/// [`RecursiveOplFilter`]: crate::retina::RecursiveOplFilter
#[derive(Debug)]
pub struct RecursiveBlur {
    sigma: Parameter,
    kind: Kind,
    resolution: Resolution,
}

impl RecursiveBlur {
    /// A blur of `sigma_deg` degrees of visual angle.
    ///
    /// # Errors
    /// If sigma is negative or not finite.
    pub fn new(sigma_deg: f64, kind: Kind, resolution: Resolution) -> Result<Self> {
        Self::documented(sigma_deg, "Width of the blur.", kind, resolution)
    }

    /// A blur whose sigma has a meaning of its own.
    pub(crate) fn documented(
        sigma_deg: f64,
        doc: &'static str,
        kind: Kind,
        resolution: Resolution,
    ) -> Result<Self> {
        let sigma = Parameter::new(Spec {
            name: "sigma",
            unit: "deg",
            doc,
            default: sigma_deg,
            range: Range::NonNegative,
            differentiable: true,
        });
        sigma.set(sigma_deg)?;
        Ok(Self { sigma, kind, resolution })
    }
}

impl Blur for RecursiveBlur {
    fn amplified(&self, input: &Tensor, gain: Scalar, scope: &mut Scope<'_>) -> Result<Tensor> {
        let width = self.resolution.degree_to_pixel(self.sigma.scalar());
        if width > WIDEST {
            let expected =
                format!("at most {} degrees, {WIDEST} pixels", self.resolution.pixel_to_degree(WIDEST));
            return Err(Error::argument("sigma", expected, self.sigma.scalar()));
        }
        let spread = Spread::Sigma { pixels_per_degree: self.resolution.pixel_per_degree() };
        let blur = Operation { signal: input.signal()?, kind: self.kind, spread };
        scope.apply(&blur, &[scope.scalar(&self.sigma), gain], &[input], &[])
    }
}

impl Layer for RecursiveBlur {
    fn kind(&self) -> &'static str {
        "RecursiveBlur"
    }

    fn doc(&self) -> &'static str {
        "Blurs every frame by recursive filters of width sigma; the border is replicated."
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
