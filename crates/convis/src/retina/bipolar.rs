//! Bipolar cells with contrast gain control.

use convis_kernels::gain_control::GainControl;

use crate::filters::check_width;
use crate::layer::{Layer, Output, Part, Scope};
use crate::parameter::{Parameter, Range, Spec};
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

/// Bipolar cells: a membrane whose conductance grows with recent, nearby contrast.
///
/// # Equation
/// ```text
/// dV/dt = α·I − (g + A)·V
/// A     = G_σ * E_τ * (λ·V²)
/// ```
/// Discrete form, exact within a step: [`convis_kernels::gain_control`].
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
    resolution: Resolution,
}

impl Bipolar {
    /// Bipolar cells with default parameters.
    pub fn new(resolution: Resolution) -> Self {
        Self {
            lambda_amp: Parameter::new(LAMBDA_AMP),
            g_leak: Parameter::new(G_LEAK),
            input_amp: Parameter::new(INPUT_AMP),
            tau: Parameter::new(TAU),
            adaptation_sigma: Parameter::new(ADAPTATION_SIGMA),
            resolution,
        }
    }

    const fn parameters(&self) -> [&Parameter; 5] {
        [&self.lambda_amp, &self.g_leak, &self.input_amp, &self.tau, &self.adaptation_sigma]
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
        self.parameters().into_iter().map(Part::Parameter).collect()
    }

    fn resolution(&self) -> Resolution {
        self.resolution
    }

    fn forward(&self, input: &Tensor, scope: &mut Scope<'_>) -> Result<Output> {
        let membrane = GainControl {
            signal: input.signal()?,
            steps_per_second: self.resolution.steps_per_second(),
            pixels_per_degree: self.resolution.pixel_per_degree(),
        };
        check_width(&self.adaptation_sigma, self.resolution)?;
        let parameters = self.parameters().map(|p| scope.scalar(p));
        Ok(scope.apply(&membrane, &parameters, &[input], &["V", "A"])?.into())
    }
}
