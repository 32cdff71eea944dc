//! Input of ganglion cells: from bipolar potential to synaptic current.

use convis_kernels::frame_blur::{FrameBlur, Kernel};
use convis_kernels::ganglion_current::GanglionCurrent;
use convis_kernels::ganglion_transmission::GanglionTransmission;
use convis_kernels::separable_blur::SeparableBlur;
use convis_kernels::transient::Transient;

use crate::filters::{Eccentricity, Shape, check_width};
use crate::layer::{Layer, Output, Part, Scope};
use crate::parameter::{Parameter, Range, Spec};
use crate::tensor::Scalar;
use crate::{Resolution, Result, Tensor};

const SIGN: Spec = Spec {
    name: "sign",
    unit: "",
    doc: "+1: the cell prefers brightening (ON); −1: darkening (OFF). Its gradient is off unless asked for: a fit \
          should not turn ON cells into OFF cells.",
    default: 1.0,
    range: Range::Any,
    differentiable: true,
};

const TRANSIENT_TAU: Spec = Spec {
    name: "transient_tau_center",
    unit: "s",
    doc: "Time constant of the low-pass that is subtracted to make the response transient.",
    default: 0.02,
    range: Range::Positive,
    differentiable: true,
};

const TRANSIENT_WEIGHT: Spec = Spec {
    name: "transient_relative_weight_center",
    unit: "",
    doc: "Weight of the transient: 0 passes the signal through, 1 removes its mean.",
    default: 0.7,
    range: Range::Any,
    differentiable: true,
};

const I_0: Spec = Spec {
    name: "i_0",
    unit: "Hz",
    doc: "Current at the threshold of linearity: what the cell receives at rest.",
    default: 37.0,
    range: Range::NonNegative,
    differentiable: true,
};

const V_0: Spec = Spec {
    name: "v_0",
    unit: "",
    doc: "Bipolar potential at which the linear range begins.",
    default: 0.0,
    range: Range::Any,
    differentiable: true,
};

const LAMBDA_G: Spec = Spec {
    name: "lambda_G",
    unit: "Hz",
    doc: "Amplification in the linear range: current per unit of bipolar potential.",
    default: 100.0,
    range: Range::Any,
    differentiable: true,
};

const SIGMA_SURROUND: Spec = Spec {
    name: "sigma_surround",
    unit: "deg",
    doc: "Standard deviation of the pooling after the nonlinearity; 0: none (X cells), larger values for Y cells.",
    default: 0.0,
    range: Range::NonNegative,
    differentiable: true,
};

/// How a [`GanglionInput`] computes.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct GanglionOptions {
    /// The kernel of the pooling.
    pub kernel: Kernel,
    /// How the width of the pooling changes with eccentricity; `None`: not at all.
    pub eccentricity: Option<Eccentricity>,
    /// Whether the current saturates at 5·10⁵ Hz, as in Virtual Retina.
    pub saturates: bool,
}

/// Synaptic input of ganglion cells: transient filter, static nonlinearity, pooling.
///
/// # Equation
/// ```text
/// u = sign·(T_{w,τ} * V)
/// N(u) = i₀ + λ(u − v₀)               where u > v₀
///      = i₀² / (i₀ − λ(u − v₀))       elsewhere
/// I = G_σ * N(u)
/// ```
/// The operations, continuous and discrete: [`convis_kernels::transient`], [`convis_kernels::ganglion_current`],
/// [`convis_kernels::separable_blur`]; with options, [`convis_kernels::ganglion_transmission`] and
/// [`convis_kernels::frame_blur`].
///
/// # Shapes
/// Input V and output I `[batch, channel, time, height, width]`. State: the low-pass `y` of the transient, zero before
/// the first frame.
///
/// # Parameters
/// | symbol | name | unit | default |
/// |---|---|---|---|
/// | sign | `sign` | – | +1 (ON), −1 (OFF) |
/// | τ | `transient_tau_center` | s | 0.02 |
/// | w | `transient_relative_weight_center` | – | 0.7 |
/// | i₀ | `i_0` | Hz | 37 |
/// | v₀ | `v_0` | – | 0 |
/// | λ | `lambda_G` | Hz | 100 |
/// | σ | `sigma_surround` | deg | 0 |
///
/// # Source
/// Wohrer & Kornprobst 2009 (J. Comput. Neurosci. 26:219), ganglion-cell layer: synaptic transmission and pooling.
///
/// # Example
/// ```
/// use convis::{GradientMode, Resolution, State, Tensor, call, noise, retina::GanglionInput};
/// let on = GanglionInput::new(1.0, Resolution::default())?;
/// let rest = Tensor::from_vec(vec![0.0f64; 4], &[1, 1, 1, 2, 2])?;
/// let y = call(&on, &rest, &mut State::new(noise::next_model()), GradientMode::Off, None)?;
/// assert_eq!(y.first()?.to_f64(), [37.0; 4]);
/// # Ok::<(), convis::Error>(())
/// ```
#[derive(Debug)]
pub struct GanglionInput {
    sign: Parameter,
    transient_tau: Parameter,
    transient_weight: Parameter,
    i_0: Parameter,
    v_0: Parameter,
    lambda_g: Parameter,
    sigma_surround: Parameter,
    shape: Shape,
    options: GanglionOptions,
    resolution: Resolution,
}

impl GanglionInput {
    /// Input of cells of this sign: +1 ON, −1 OFF.
    ///
    /// # Errors
    /// If the sign is not finite.
    pub fn new(sign: f64, resolution: Resolution) -> Result<Self> {
        Self::with_options(sign, GanglionOptions::default(), resolution)
    }

    /// Input of cells of this sign, with these options.
    ///
    /// # Errors
    /// If the sign is not finite.
    pub fn with_options(sign: f64, options: GanglionOptions, resolution: Resolution) -> Result<Self> {
        let input = Self {
            sign: Parameter::new(Spec { default: sign, ..SIGN }),
            transient_tau: Parameter::new(TRANSIENT_TAU),
            transient_weight: Parameter::new(TRANSIENT_WEIGHT),
            i_0: Parameter::new(I_0),
            v_0: Parameter::new(V_0),
            lambda_g: Parameter::new(LAMBDA_G),
            sigma_surround: Parameter::new(SIGMA_SURROUND),
            shape: Shape::new(options.kernel, options.eccentricity),
            options,
            resolution,
        };
        input.sign.set(sign)?;
        input.sign.set_requires_grad(false)?;
        Ok(input)
    }
}

impl Layer for GanglionInput {
    fn kind(&self) -> &'static str {
        "GanglionInput"
    }

    fn doc(&self) -> &'static str {
        "Synaptic input of ganglion cells: transient filter, static nonlinearity and pooling of the bipolar potential."
    }

    fn parts(&self) -> Vec<Part<'_>> {
        [
            &self.sign,
            &self.transient_tau,
            &self.transient_weight,
            &self.i_0,
            &self.v_0,
            &self.lambda_g,
            &self.sigma_surround,
        ]
        .into_iter()
        .map(Part::Parameter)
        .collect()
    }

    fn resolution(&self) -> Resolution {
        self.resolution
    }

    fn forward(&self, input: &Tensor, scope: &mut Scope<'_>) -> Result<Output> {
        let signal = input.signal()?;
        let steps_per_second = self.resolution.steps_per_second();
        let transient = [&self.transient_tau, &self.transient_weight].map(|p| scope.scalar(p));
        let transmission = [&self.sign, &self.i_0, &self.v_0, &self.lambda_g].map(|p| scope.scalar(p));
        let with_options = self.options != GanglionOptions::default();
        let current = if with_options {
            let synapse =
                GanglionTransmission { signal, steps_per_second, saturates: self.options.saturates };
            let parameters: Vec<Scalar> = transient.into_iter().chain(transmission).collect();
            scope.apply(&synapse, &parameters, &[input], &["y"])?
        } else {
            let filter = Transient { signal, steps_per_second };
            let u = scope.apply(&filter, &transient, &[input], &["y"])?;
            scope.apply(&GanglionCurrent { signal }, &transmission, &[&u], &[])?
        };
        if self.sigma_surround.scalar() == 0.0 {
            return Ok(current.into());
        }
        check_width(&self.sigma_surround, self.resolution)?;
        let parameters = [scope.scalar(&self.sigma_surround), Scalar::constant(1.0)];
        let pooled = if with_options {
            let pooling = FrameBlur { signal, blur: self.shape.of(&signal, self.resolution), offset: 0.0 };
            scope.apply(&pooling, &parameters, &[&current], &[])?
        } else {
            let pooling = SeparableBlur::new(signal, self.resolution.pixel_per_degree());
            scope.apply(&pooling, &parameters, &[&current], &[])?
        };
        Ok(pooled.into())
    }
}
