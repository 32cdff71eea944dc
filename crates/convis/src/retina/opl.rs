//! Outer plexiform layer: receptors and horizontal cells.

use std::sync::Arc;

use convis_kernels::weighted_difference::WeightedDifference;

use super::{
    FullConvolutionOplFilter, LuminanceGainOpl, LuminanceGainOptions, OplFilter, OplOptions,
    RecursiveOplFilter, SeparableOplFilter,
};
use crate::filters::{
    Blur, GaussianBlur, RecursiveKind, TemporalHighPassFilterRecursive, TemporalLowPassFilterRecursive,
};
use crate::layer::{Layer, Output, Part, Scope};
use crate::parameter::{Parameter, Range, Spec};
use crate::{Resolution, Result, Tensor};

const RELATIVE_WEIGHT: Spec = Spec {
    name: "relative_weight",
    unit: "",
    doc: "Weight w of the surround: 0 is a centre alone, 1 balances centre and surround.",
    default: 1.0,
    range: Range::Any,
    differentiable: true,
};

const LAMBDA_OPL: Spec = Spec {
    name: "lambda_opl",
    unit: "Hz per unit of luminance",
    doc: "Amplification of the input: current per unit of luminance.",
    default: 1.0,
    range: Range::Any,
    differentiable: true,
};

/// Centre minus surround, in space by Gaussian blur, in time by recursive filters.
///
/// # Equation
/// ```text
/// C     = T_{w_U,τ_U} * E_{n,τ_C} * G_{σ_C} * (λ·L)      centre, with undershoot
/// S     = E_{τ_S} * G_{σ_S} * C                          surround
/// I_OPL = C − w·S
/// ```
/// The operations, continuous and discrete: [`convis_kernels::separable_blur`], [`convis_kernels::low_pass`],
/// [`convis_kernels::transient`]. Nothing lags by a step.
///
/// # Shapes
/// Input (luminance) and output (current) `[batch, channel, time, height, width]`. State: one array per low-pass
/// stage, zero before the first frame.
///
/// # Parameters
/// | symbol | name | short name | unit | default |
/// |---|---|---|---|---|
/// | σ_C | `center_G.sigma` | `sigma_center` | deg | 0.05 |
/// | τ_C | `center_E.tau` | `tau_center` | s | 0.01 |
/// | n | `center_E.n` | `n_center` | – | 0 |
/// | τ_U | `center_undershoot.tau` | `undershoot_tau_center` | s | 0.1 |
/// | w_U | `center_undershoot.k` | `undershoot_relative_weight_center` | – | 0.8 |
/// | σ_S | `surround_G.sigma` | `sigma_surround` | deg | 0.15 |
/// | τ_S | `surround_E.tau` | `tau_surround` | s | 0.004 |
/// | w | `relative_weight` | | – | 1 |
/// | λ | `lambda_opl` | | Hz per unit of luminance | 1 (10 in a retina) |
///
/// # Source
/// Wohrer & Kornprobst 2009 (J. Comput. Neurosci. 26:219), outer plexiform layer.
///
/// # Example
/// ```
/// use convis::{GradientMode, Resolution, State, Tensor, call, noise, retina::HalfRecursiveOplFilter};
/// // A balanced filter answers a constant, flat image with (almost) nothing once the onset is over.
/// let opl = HalfRecursiveOplFilter::new(Resolution::default())?;
/// let flat = Tensor::from_vec(vec![1.0f64; 500 * 9], &[1, 1, 500, 3, 3])?;
/// let y = call(&opl, &flat, &mut State::new(noise::next_model()), GradientMode::Off, None)?;
/// assert!(y.first()?.to_f64()[499 * 9].abs() < 1e-3);
/// # Ok::<(), convis::Error>(())
/// ```
pub struct HalfRecursiveOplFilter(CenterSurround<GaussianBlur>);

impl HalfRecursiveOplFilter {
    /// A filter with default parameters.
    ///
    /// # Errors
    /// None at present: the defaults are valid.
    pub fn new(resolution: Resolution) -> Result<Self> {
        CenterSurround::new(GaussianBlur::documented, resolution).map(Self)
    }
}

impl Layer for HalfRecursiveOplFilter {
    fn kind(&self) -> &'static str {
        "HalfRecursiveOPLFilter"
    }

    fn doc(&self) -> &'static str {
        "Centre minus surround of the outer plexiform layer: Gaussian blurs in space, recursive filters in time."
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
        self.0.forward(input, scope)
    }
}

/// Short names of the parameters of an OPL filter.
pub(super) const SHORT_NAMES: &[(&str, &str)] = &[
    ("sigma_center", "center_G.sigma"),
    ("tau_center", "center_E.tau"),
    ("n_center", "center_E.n"),
    ("undershoot_tau_center", "center_undershoot.tau"),
    ("undershoot_relative_weight_center", "center_undershoot.k"),
    ("sigma_surround", "surround_G.sigma"),
    ("tau_surround", "surround_E.tau"),
];

/// The stages of an OPL filter that is recursive in time, whatever its blur.
pub(super) struct CenterSurround<B> {
    pub center_blur: Arc<B>,
    pub center_low_pass: Arc<TemporalLowPassFilterRecursive>,
    pub center_undershoot: Arc<TemporalHighPassFilterRecursive>,
    pub surround_blur: Arc<B>,
    pub surround_low_pass: Arc<TemporalLowPassFilterRecursive>,
    pub relative_weight: Parameter,
    pub lambda_opl: Parameter,
    pub resolution: Resolution,
}

impl<B: Blur + 'static> CenterSurround<B> {
    /// Default parameters; `blur` makes a blur of so many degrees, with this meaning.
    pub fn new(
        blur: impl Fn(f64, &'static str, Resolution) -> Result<B>,
        resolution: Resolution,
    ) -> Result<Self> {
        Ok(Self {
            center_blur: Arc::new(blur(
                0.05,
                "Standard deviation of the centre (receptors) in space.",
                resolution,
            )?),
            center_low_pass: Arc::new(TemporalLowPassFilterRecursive::documented(
                0.01,
                "Time constant of the centre (receptors).",
                Some(0),
                resolution,
            )?),
            center_undershoot: Arc::new(TemporalHighPassFilterRecursive::documented(
                0.1,
                "Time constant of the centre's undershoot.",
                0.8,
                "Weight of the centre's undershoot: 0 is none, 1 removes the mean.",
                resolution,
            )?),
            surround_blur: Arc::new(blur(
                0.15,
                "Standard deviation of the surround (horizontal cells) in space.",
                resolution,
            )?),
            surround_low_pass: Arc::new(TemporalLowPassFilterRecursive::documented(
                0.004,
                "Time constant of the surround (horizontal cells).",
                None,
                resolution,
            )?),
            relative_weight: Parameter::new(RELATIVE_WEIGHT),
            lambda_opl: Parameter::new(LAMBDA_OPL),
            resolution,
        })
    }

    pub fn parts(&self) -> Vec<Part<'_>> {
        vec![
            Part::Child("center_G", self.center_blur.clone()),
            Part::Child("center_E", self.center_low_pass.clone()),
            Part::Child("center_undershoot", self.center_undershoot.clone()),
            Part::Child("surround_G", self.surround_blur.clone()),
            Part::Child("surround_E", self.surround_low_pass.clone()),
            Part::Parameter(&self.relative_weight),
            Part::Parameter(&self.lambda_opl),
        ]
    }

    pub fn forward(&self, input: &Tensor, scope: &mut Scope<'_>) -> Result<Output> {
        // λ multiplies the kernel of the first blur: no pass of its own.
        let lambda = scope.scalar(&self.lambda_opl);
        let center =
            scope.within("center_G", |scope| Ok(self.center_blur.amplified(input, lambda, scope)?.into()))?;
        let center = scope.child("center_E", &*self.center_low_pass, center.first()?)?;
        let center = scope.child("center_undershoot", &*self.center_undershoot, center.first()?)?;
        let surround = scope.child("surround_G", &*self.surround_blur, center.first()?)?;
        let surround = scope.child("surround_E", &*self.surround_low_pass, surround.first()?)?;
        let difference = WeightedDifference { signal: input.signal()? };
        let inputs = [center.first()?, surround.first()?];
        Ok(scope.apply(&difference, &[scope.scalar(&self.relative_weight)], &inputs, &[])?.into())
    }
}

/// Which filter an [`Opl`] has.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
#[non_exhaustive]
pub enum OplKind {
    /// [`HalfRecursiveOplFilter`].
    #[default]
    HalfRecursive,
    /// [`RecursiveOplFilter`] with this blur.
    Recursive(RecursiveKind),
    /// [`SeparableOplFilter`].
    Separable,
    /// [`FullConvolutionOplFilter`] with a kernel of this shape (time, height, width), or as large as it needs.
    FullConvolution(Option<[usize; 3]>),
    /// [`OplFilter`] with these options.
    Options(OplOptions),
    /// [`LuminanceGainOpl`] with these options; its parameters are its own.
    LuminanceGain(LuminanceGainOptions),
}

/// The outer plexiform layer of a retina: a place for one of the OPL filters.
///
/// # Equation
/// That of its filter: centre minus surround, see [`HalfRecursiveOplFilter`].
///
/// # Shapes
/// Those of its filter.
///
/// # Parameters
/// Those of [`HalfRecursiveOplFilter`] below `opl_filter`, whatever its kind.
///
/// # Source
/// Wohrer & Kornprobst 2009 (J. Comput. Neurosci. 26:219), outer plexiform layer.
///
/// # Example
/// ```
/// use convis::{Resolution, layer, retina::Opl};
/// let opl = Opl::new(Resolution::default())?;
/// assert_eq!(layer::parameter(&opl, "opl_filter.sigma_center")?.scalar(), 0.05);
/// # Ok::<(), convis::Error>(())
/// ```
pub struct Opl {
    filter: Arc<dyn Layer>,
}

impl Opl {
    /// The default filter: Gaussian blurs in space, recursive filters in time.
    ///
    /// # Errors
    /// None at present: the defaults are valid.
    pub fn new(resolution: Resolution) -> Result<Self> {
        Self::with_filter(OplKind::default(), resolution)
    }

    /// A filter of this kind. All kinds but the last have the same parameters.
    ///
    /// ```
    /// use convis::filters::RecursiveKind;
    /// use convis::{Resolution, layer, retina::{Opl, OplKind}};
    /// let opl = Opl::with_filter(OplKind::Recursive(RecursiveKind::Gaussian), Resolution::default())?;
    /// layer::parameter(&opl, "opl_filter.sigma_center")?.set(0.1)?;
    /// # Ok::<(), convis::Error>(())
    /// ```
    ///
    /// # Errors
    /// If the shape of a kernel has a size of zero, or the options of the filter make no sense.
    pub fn with_filter(kind: OplKind, resolution: Resolution) -> Result<Self> {
        let filter: Arc<dyn Layer> = match kind {
            OplKind::HalfRecursive => Arc::new(HalfRecursiveOplFilter::new(resolution)?),
            OplKind::Recursive(blur) => Arc::new(RecursiveOplFilter::new(blur, resolution)?),
            OplKind::Separable => Arc::new(SeparableOplFilter::new(resolution)?),
            OplKind::FullConvolution(shape) => Arc::new(FullConvolutionOplFilter::new(shape, resolution)?),
            OplKind::LuminanceGain(options) => Arc::new(LuminanceGainOpl::new(options, resolution)?),
            OplKind::Options(options) => Arc::new(OplFilter::new(options, resolution)?),
        };
        Ok(Self { filter })
    }
}

impl Layer for Opl {
    fn kind(&self) -> &'static str {
        "OPL"
    }

    fn doc(&self) -> &'static str {
        "Outer plexiform layer: receptors and horizontal cells turn luminance into a current, centre minus surround."
    }

    fn parts(&self) -> Vec<Part<'_>> {
        vec![Part::Child("opl_filter", self.filter.clone())]
    }

    fn resolution(&self) -> Resolution {
        self.filter.resolution()
    }

    fn forward(&self, input: &Tensor, scope: &mut Scope<'_>) -> Result<Output> {
        scope.child("opl_filter", &*self.filter, input)
    }
}
