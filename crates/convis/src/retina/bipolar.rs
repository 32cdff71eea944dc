//! Bipolar cells with contrast gain control.

use std::sync::Arc;

use convis_kernels::custom_gain_control::CustomGainControl;
use convis_kernels::frame_blur::Kernel;
use convis_kernels::gain_control::GainControl;
use convis_kernels::plane_selection::PlaneSelection;

use crate::filters::{Eccentricity, Shape, check_width};
use crate::layer::{Layer, Output, Part, Scope};
use crate::parameter::{Parameter, Range, Spec};
use crate::tensor::Scalar;
use crate::{Resolution, Result, Tensor};

const LAMBDA_AMP: Spec = Spec {
    name: "lambda_amp",
    unit: "Hz",
    doc: "Amplification of the gain control: inhibitory conductance per squared bipolar potential. 0 switches the \
          gain control off; a typical value is 50 Hz.",
    default: 0.0,
    range: Range::NonNegative,
    differentiable: true,
};

const G_LEAK: Spec = Spec {
    name: "g_leak",
    unit: "Hz",
    doc: "Inert leak conductance: the membrane's rate constant without inhibition.",
    default: 50.0,
    range: Range::Positive,
    differentiable: true,
};

const INPUT_AMP: Spec = Spec {
    name: "input_amp",
    unit: "Hz",
    doc: "Amplification of the current from the outer plexiform layer; with input_amp = g_leak a steady input is \
          reproduced.",
    default: 50.0,
    range: Range::Any,
    differentiable: true,
};

const TAU: Spec = Spec {
    name: "tau",
    unit: "s",
    doc: "Time constant with which the inhibitory conductance follows contrast (gain control).",
    default: 0.005,
    range: Range::Positive,
    differentiable: true,
};

const ADAPTATION_SIGMA: Spec = Spec {
    name: "adaptation_sigma",
    unit: "deg",
    doc: "Standard deviation of the neighbourhood whose contrast drives the inhibition (gain control).",
    default: 0.2,
    range: Range::NonNegative,
    differentiable: true,
};

const EXPONENT: Spec = Spec {
    name: "exponent",
    unit: "",
    doc: "Exponent of the gain control: how the inhibitory conductance grows with the bipolar potential.",
    default: 2.0,
    range: Range::Positive,
    differentiable: true,
};

const THRESHOLD: Spec = Spec {
    name: "threshold",
    unit: "",
    doc: "Bipolar potential below which there is no inhibition.",
    default: 0.0,
    range: Range::Any,
    differentiable: true,
};

const REVERSAL: Spec = Spec {
    name: "reversal",
    unit: "",
    doc: "Reversal potential of the inhibition.",
    default: 0.0,
    range: Range::Any,
    differentiable: true,
};

const TRANSIENT_WEIGHT: Spec = Spec {
    name: "transient_weight",
    unit: "Hz",
    doc: "Weight of the low-passed potential that is added to the current: a positive feedback.",
    default: 0.0,
    range: Range::Any,
    differentiable: true,
};

const TRANSIENT_TAU: Spec = Spec {
    name: "transient_tau",
    unit: "s",
    doc: "Time constant of the low-passed potential.",
    default: 0.03,
    range: Range::Positive,
    differentiable: true,
};

/// How [`Bipolar`] cells compute.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct BipolarOptions {
    /// The kernel that blurs the inhibition.
    pub kernel: Kernel,
    /// How the width of the inhibition changes with eccentricity; `None`: not at all.
    pub eccentricity: Option<Eccentricity>,
    /// Whether the inhibition saturates at 5·10⁵ Hz, as in Virtual Retina.
    pub saturates: bool,
    /// The inhibition of `contrast-gain-control-custom`; `None`: λ·V².
    pub custom: Option<CustomInhibition>,
}

/// Which parameters an inhibition has besides λ, and which signs of V drive it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CustomInhibition {
    /// Whether −V inhibits as V does.
    pub both_signs: bool,
}

/// Bipolar cells: a membrane whose conductance grows with recent, nearby contrast.
///
/// # Equation
/// ```text
/// dV/dt = α·I − (g + A)·V
/// A     = G_σ * E_τ * (λ·V²)
/// ```
/// Discrete form, exact within a step: [`convis_kernels::gain_control`]; with options, [`convis_kernels::custom_gain_control`].
///
/// # Shapes
/// Input I (OPL current) and output V `[batch, channel, time, height, width]`. State: `V` and the conductance `A`, zero
/// before the first frame.
///
/// # Parameters
/// | symbol | name | unit | default |
/// |---|---|---|---|
/// | λ | `lambda_amp` | Hz | 0 |
/// | g | `g_leak` | Hz | 50 |
/// | α | `input_amp` | Hz | 50 |
/// | τ | `tau` | s | 0.005 |
/// | σ | `adaptation_sigma` | deg | 0.2 |
///
/// With [`BipolarOptions::custom`] also `exponent` (2), `threshold` (0), `reversal` (0), `transient_weight` (0 Hz) and
/// `transient_tau` (0.03 s). With any option, the stage `adaptation` is the conductance A, to be recorded.
///
/// # Source
/// Wohrer & Kornprobst 2009 (J. Comput. Neurosci. 26:219), contrast gain control.
///
/// # Example
/// ```
/// use convis::{GradientMode, Resolution, State, Tensor, call, layer, noise, retina::Bipolar};
/// let bipolar = Bipolar::new(Resolution::default());
/// let step = Tensor::from_vec(vec![1.0f64; 300], &[1, 1, 300, 1, 1])?;
/// let settled = |bipolar: &Bipolar| -> convis::Result<f64> {
///     let y = call(bipolar, &step, &mut State::new(noise::next_model()), GradientMode::Off, None)?;
///     Ok(y.first()?.to_f64()[299])
/// };
/// assert!((settled(&bipolar)? - 1.0).abs() < 1e-6);
/// layer::parameter(&bipolar, "lambda_amp")?.set(50.0)?;
/// assert!((settled(&bipolar)? - 0.682).abs() < 1e-3);       // (50 + 50·V²)·V = 50
/// # Ok::<(), convis::Error>(())
/// ```
#[derive(Debug)]
pub struct Bipolar {
    lambda_amp: Parameter,
    g_leak: Parameter,
    input_amp: Parameter,
    tau: Parameter,
    adaptation_sigma: Parameter,
    /// Exponent, threshold, reversal, weight and time constant of the transient.
    custom: [Parameter; 5],
    shape: Shape,
    options: BipolarOptions,
    resolution: Resolution,
}

impl Bipolar {
    /// Bipolar cells with default parameters.
    pub fn new(resolution: Resolution) -> Self {
        Self::with_options(BipolarOptions::default(), resolution)
    }

    /// Bipolar cells with default parameters and these options.
    ///
    /// ```
    /// use convis::{Resolution, layer, retina::{Bipolar, BipolarOptions, CustomInhibition}};
    /// let custom = Some(CustomInhibition { both_signs: false });
    /// let cells = Bipolar::with_options(BipolarOptions { custom, ..BipolarOptions::default() }, Resolution::default());
    /// layer::parameter(&cells, "exponent")?.set(1.5)?;
    /// # Ok::<(), convis::Error>(())
    /// ```
    pub fn with_options(options: BipolarOptions, resolution: Resolution) -> Self {
        Self {
            lambda_amp: Parameter::new(LAMBDA_AMP),
            g_leak: Parameter::new(G_LEAK),
            input_amp: Parameter::new(INPUT_AMP),
            tau: Parameter::new(TAU),
            adaptation_sigma: Parameter::new(ADAPTATION_SIGMA),
            custom: [EXPONENT, THRESHOLD, REVERSAL, TRANSIENT_WEIGHT, TRANSIENT_TAU].map(Parameter::new),
            shape: Shape::new(options.kernel, options.eccentricity),
            options,
            resolution,
        }
    }

    const fn parameters(&self) -> [&Parameter; 5] {
        [&self.lambda_amp, &self.g_leak, &self.input_amp, &self.tau, &self.adaptation_sigma]
    }

    fn has_options(&self) -> bool {
        self.options != BipolarOptions::default()
    }

    /// The general form; its conductance is computed along where somebody wants it.
    fn general(&self, input: &Tensor, parameters: [Scalar; 5], scope: &mut Scope<'_>) -> Result<Output> {
        let signal = input.signal()?;
        let with_conductance = scope.wants("adaptation");
        let membrane = CustomGainControl {
            signal,
            steps_per_second: self.resolution.steps_per_second(),
            blur: self.shape.of(&signal, self.resolution),
            both_signs: self.options.custom.is_none_or(|custom| custom.both_signs),
            saturates: self.options.saturates,
            with_conductance,
        };
        let custom = self.custom.each_ref().map(|parameter| match self.options.custom {
            Some(_) => scope.scalar(parameter),
            None => Scalar::constant(parameter.spec().default),
        });
        let parameters: Vec<Scalar> = parameters.into_iter().chain(custom).collect();
        let output = scope.apply(&membrane, &parameters, &[input], &["V", "A", "T"])?;
        if !with_conductance {
            return Ok(output.into());
        }
        scope.child("adaptation", &Plane { first: 1, resolution: self.resolution }, &output)?;
        Plane { first: 0, resolution: self.resolution }.forward(&output, scope)
    }
}

/// One of two movies that were computed together.
#[derive(Debug)]
pub(super) struct Plane {
    first: usize,
    resolution: Resolution,
}

impl Layer for Plane {
    fn kind(&self) -> &'static str {
        "Plane"
    }

    fn doc(&self) -> &'static str {
        "Every second plane of a movie: the inhibitory conductance of bipolar cells, Hz, where it is recorded."
    }

    fn parts(&self) -> Vec<Part<'_>> {
        vec![]
    }

    fn resolution(&self) -> Resolution {
        self.resolution
    }

    fn forward(&self, input: &Tensor, scope: &mut Scope<'_>) -> Result<Output> {
        let selection = PlaneSelection { signal: input.signal()?, every: 2, first: self.first };
        Ok(scope.apply(&selection, &[], &[input], &[])?.into())
    }
}

impl Layer for Bipolar {
    fn kind(&self) -> &'static str {
        "Bipolar"
    }

    fn doc(&self) -> &'static str {
        "Bipolar cells with contrast gain control: a membrane whose leak conductance grows with recent, nearby \
         contrast."
    }

    fn parts(&self) -> Vec<Part<'_>> {
        let custom: &[Parameter] = if self.options.custom.is_some() { &self.custom } else { &[] };
        let mut parts: Vec<_> = self.parameters().into_iter().chain(custom).map(Part::Parameter).collect();
        if self.has_options() {
            parts.push(Part::Child("adaptation", Arc::new(Plane { first: 1, resolution: self.resolution })));
        }
        parts
    }

    fn resolution(&self) -> Resolution {
        self.resolution
    }

    fn forward(&self, input: &Tensor, scope: &mut Scope<'_>) -> Result<Output> {
        check_width(&self.adaptation_sigma, self.resolution)?;
        let parameters = self.parameters().map(|p| scope.scalar(p));
        if self.has_options() {
            return self.general(input, parameters, scope);
        }
        let membrane = GainControl {
            signal: input.signal()?,
            steps_per_second: self.resolution.steps_per_second(),
            pixels_per_degree: self.resolution.pixel_per_degree(),
        };
        Ok(scope.apply(&membrane, &parameters, &[input], &["V", "A"])?.into())
    }
}
