//! Blur by recursive filters of a given density.

use convis_kernels::recursive_blur::{Kind, RecursiveBlur as Operation, Spread, WIDEST};

use crate::layer::{Layer, Output, Part, Scope};
use crate::parameter::{Parameter, Range, Spec};
use crate::tensor::Scalar;
use crate::{Error, Resolution, Result, Tensor};

/// Blurs every frame by recursive filters of a given density.
///
/// # Equation
/// See [`convis_kernels::recursive_blur`]: Deriche's filter of second order by default, or one of sixth order whose
/// response is a Gaussian of standard deviation 1/density.
///
/// # Shapes
/// Input and output `[batch, channel, time, height, width]`; no state.
///
/// # Parameters
/// | name | unit | default |
/// |---|---|---|
/// | `density` > 0 | per pixel | 1 |
/// | [`Kind`]: `deriche` or `gaussian` | – | `deriche` |
///
/// # Errors
/// If the density is below 10⁻⁴, a blur of 10 000 pixels: rounding would show.
///
/// # Source
/// Deriche 1987 and 1993: see the operation.
///
/// # Example
/// ```
/// use convis::{GradientMode, Resolution, State, Tensor, call, layer, noise};
/// use convis::filters::{RecursiveKind, SpatialRecursiveFilter};
/// let blur = SpatialRecursiveFilter::new(1.0, RecursiveKind::Deriche, Resolution::default())?;
/// blur.gaussian(0.2)?; // degrees; at 10 pixels per degree a density of 1/2
/// assert_eq!(layer::parameter(&blur, "density")?.scalar(), 0.5);
/// let flat = Tensor::from_vec(vec![3.0f64; 20], &[1, 1, 1, 4, 5])?;
/// let y = call(&blur, &flat, &mut State::new(noise::next_model()), GradientMode::Off, None)?;
/// assert!(y.first()?.to_f64().iter().all(|y| (y - 3.0).abs() < 1e-12));
/// # Ok::<(), convis::Error>(())
/// ```
#[derive(Debug)]
pub struct SpatialRecursiveFilter {
    density: Parameter,
    kind: Kind,
    resolution: Resolution,
}

impl SpatialRecursiveFilter {
    /// A blur of so many per pixel.
    ///
    /// # Errors
    /// If the density is not a positive number.
    pub fn new(density: f64, kind: Kind, resolution: Resolution) -> Result<Self> {
        let parameter = Parameter::new(Spec {
            name: "density",
            unit: "per pixel",
            doc: "One over the width of the blur.",
            default: 1.0,
            range: Range::Positive,
            differentiable: true,
        });
        parameter.set(density)?;
        Ok(Self { density: parameter, kind, resolution })
    }

    /// Sets the density to that of `sigma_deg` degrees of visual angle: 1/(σ·pixels per degree).
    ///
    /// # Errors
    /// If sigma is not a positive number.
    pub fn gaussian(&self, sigma_deg: f64) -> Result<()> {
        if !(sigma_deg > 0.0 && sigma_deg.is_finite()) {
            return Err(Error::argument("sigma", "a number above 0", sigma_deg));
        }
        self.density.set(1.0 / self.resolution.degree_to_pixel(sigma_deg))
    }

    /// The shape of the blur.
    pub const fn shape(&self) -> Kind {
        self.kind
    }
}

impl Layer for SpatialRecursiveFilter {
    fn kind(&self) -> &'static str {
        "SpatialRecursiveFilter"
    }

    fn doc(&self) -> &'static str {
        "Blurs every frame by recursive filters; the border is replicated."
    }

    fn parts(&self) -> Vec<Part<'_>> {
        vec![Part::Parameter(&self.density)]
    }

    fn resolution(&self) -> Resolution {
        self.resolution
    }

    fn forward(&self, input: &Tensor, scope: &mut Scope<'_>) -> Result<Output> {
        if self.density.scalar() * WIDEST < 1.0 {
            let expected = format!("at least {}, a blur of {WIDEST} pixels", 1.0 / WIDEST);
            return Err(Error::argument("density", expected, self.density.scalar()));
        }
        let blur = Operation { signal: input.signal()?, kind: self.kind, spread: Spread::Density };
        let parameters = [scope.scalar(&self.density), Scalar::constant(1.0)];
        Ok(scope.apply(&blur, &parameters, &[input], &[])?.into())
    }
}
