//! Blur in any kernel, uniform or wider outside a fovea.

use std::sync::{Arc, Mutex, PoisonError};

use convis_kernels::Signal;
use convis_kernels::frame_blur::{Blur as Plain, Field, FrameBlur as Operation, Kernel};
use convis_kernels::separable_blur::SeparableBlur;

use super::{Blur, check_width};
use crate::layer::{Layer, Output, Part, Scope};
use crate::parameter::{Parameter, Range, Spec};
use crate::tensor::Scalar;
use crate::{Resolution, Result, Tensor};

/// A density of cells, and widths of receptive fields, that change with eccentricity.
///
/// # Equation
/// ```text
/// D(r) = 1                     r ≤ R₀
///      = 1/(1 + K·(r − R₀))    beyond
/// ```
/// r is the distance from the middle of the image in degrees; every width σ becomes σ/D(r).
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Eccentricity {
    /// Radius R₀ of the fovea, deg.
    pub fovea_radius_deg: f64,
    /// Growth K of widths outside of the fovea, 1/deg.
    pub growth_inv_deg: f64,
}

/// How a layer blurs: the kernel, and how widths change with eccentricity.
#[derive(Debug)]
pub(crate) struct Shape {
    kernel: Kernel,
    eccentricity: Option<Eccentricity>,
    /// The field of the last image size: making it costs as much as a few blurs.
    field: Mutex<Option<Arc<Field>>>,
}

impl Shape {
    pub const fn new(kernel: Kernel, eccentricity: Option<Eccentricity>) -> Self {
        Self { kernel, eccentricity, field: Mutex::new(None) }
    }

    /// The blur of frames of these sizes.
    pub fn of(&self, signal: &Signal, resolution: Resolution) -> Plain {
        let pixels_per_degree = resolution.pixel_per_degree();
        let field = self.eccentricity.map(|e| {
            let mut field = self.field.lock().unwrap_or_else(PoisonError::into_inner);
            let size = (signal.height, signal.width);
            match &*field {
                Some(field) if field.size() == size => field.clone(),
                _ => {
                    let (r, k) = (e.fovea_radius_deg, e.growth_inv_deg);
                    field.insert(Arc::new(Field::radial(size.0, size.1, pixels_per_degree, r, k))).clone()
                }
            }
        });
        Plain { kernel: self.kernel, pixels_per_degree, field }
    }
}

/// Blurs every frame with any [`Kernel`], the same everywhere or wider outside a fovea.
///
/// # Equation
/// See [`convis_kernels::frame_blur`].
///
/// # Shapes
/// Input and output `[batch, channel, time, height, width]`; no state.
///
/// # Parameters
/// | name | unit | default |
/// |---|---|---|
/// | `sigma` ≥ 0 (0: no blur), in the fovea | deg | given at construction |
///
/// # Errors
/// If sigma is more than 16 384 pixels.
///
/// # Source
/// Wohrer & Kornprobst 2009 (J. Comput. Neurosci. 26:219).
///
/// # Example
/// ```
/// use convis::filters::{BlurKernel, Eccentricity, FrameBlur};
/// use convis::{GradientMode, Resolution, State, Tensor, call, noise};
/// let fovea = Eccentricity { fovea_radius_deg: 0.2, growth_inv_deg: 1.0 };
/// let blur = FrameBlur::new(0.1, BlurKernel::Gaussian, Some(fovea), Resolution::default())?;
/// let grey = Tensor::from_vec(vec![0.5f64; 600], &[1, 1, 1, 20, 30])?;
/// let y = call(&blur, &grey, &mut State::new(noise::next_model()), GradientMode::Off, None)?;
/// assert!(y.first()?.to_f64().iter().all(|y| (y - 0.5).abs() < 1e-15));
/// # Ok::<(), convis::Error>(())
/// ```
#[derive(Debug)]
pub struct FrameBlur {
    sigma: Parameter,
    shape: Shape,
    resolution: Resolution,
}

impl FrameBlur {
    /// A blur of `sigma_deg` degrees of visual angle in the fovea.
    ///
    /// # Errors
    /// If sigma is negative or not finite.
    pub fn new(
        sigma_deg: f64,
        kernel: Kernel,
        eccentricity: Option<Eccentricity>,
        resolution: Resolution,
    ) -> Result<Self> {
        Self::documented(sigma_deg, "Width of the blur.", kernel, eccentricity, resolution)
    }

    /// A blur whose sigma has a meaning of its own.
    pub(crate) fn documented(
        sigma_deg: f64,
        doc: &'static str,
        kernel: Kernel,
        eccentricity: Option<Eccentricity>,
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
        Ok(Self { sigma, shape: Shape::new(kernel, eccentricity), resolution })
    }

    pub(crate) const fn sigma(&self) -> &Parameter {
        &self.sigma
    }

    /// The blur of the input less a constant, times `gain`.
    pub(crate) fn of_deviations(
        &self,
        input: &Tensor,
        offset: f64,
        gain: Scalar,
        scope: &mut Scope<'_>,
    ) -> Result<Tensor> {
        check_width(&self.sigma, self.resolution)?;
        let signal = input.signal()?;
        let parameters = [scope.scalar(&self.sigma), gain];
        if self.shape.kernel == Kernel::Gaussian && self.shape.eccentricity.is_none() && offset == 0.0 {
            let blur = SeparableBlur::new(signal, self.resolution.pixel_per_degree());
            return scope.apply(&blur, &parameters, &[input], &[]);
        }
        let blur = self.shape.of(&signal, self.resolution);
        scope.apply(&Operation { signal, blur, offset }, &parameters, &[input], &[])
    }
}

impl Blur for FrameBlur {
    fn amplified(&self, input: &Tensor, gain: Scalar, scope: &mut Scope<'_>) -> Result<Tensor> {
        self.of_deviations(input, 0.0, gain, scope)
    }
}

impl Layer for FrameBlur {
    fn kind(&self) -> &'static str {
        "FrameBlur"
    }

    fn doc(&self) -> &'static str {
        "Blurs every frame, uniformly or wider outside a fovea; the border is replicated."
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
