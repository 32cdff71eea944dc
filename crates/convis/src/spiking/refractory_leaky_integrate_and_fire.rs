//! Leaky integrate-and-fire neurons with a refractory period.

use convis_kernels::integrate_and_fire::Integration;

use super::integrate_and_fire::Cells;
use super::{InputUnit, Surrogate};
use crate::layer::{Layer, Output, Part, Scope};
use crate::{Resolution, Result, Tensor};

/// Leaky integrate-and-fire neurons with a refractory period, one per pixel.
///
/// # Equation
/// ```text
/// dV/dt = I − g·V + η;   at V = 1 a spike, then V = 0 for a refractory period drawn from N(μ, s²)
/// ```
/// η is white noise that gives V the standard deviation σ: [`convis_kernels::integrate_and_fire`]. With an input in Hz it
/// is the same as [`GanglionSpiking`](crate::retina::GanglionSpiking).
///
/// # Shapes
/// Input `[batch, channel, time, height, width]`: by default the increment of V per step, I·`tau`, as in the 2018 toolbox,
/// or I in Hz ([`InputUnit`]). Output of the same sizes: spikes per step as bytes, or, with a surrogate gradient, as
/// numbers of the input's type. State: `V`, at the start uniform in [0.5, 0.7); `refractory`, the remaining refractory
/// time in steps, 0 at the start; `step`.
///
/// # Parameters
/// | symbol | name | unit | default |
/// |---|---|---|---|
/// | μ | `refr_mu` | s | 0.003 |
/// | s | `refr_sigma` | s | 0.001 |
/// | σ | `noise_sigma` | – | 0.1 |
/// | g | `g_L` | Hz | 50 |
/// | | `tau` | s | the model's step |
///
/// Spikes carry no gradient, unless a surrogate is chosen
/// ([`RefractoryLeakyIntegrateAndFireNeuron::with_surrogate`]).
///
/// # Source
/// Wohrer & Kornprobst 2009 (J. Comput. Neurosci. 26:219), ganglion-cell spike generation. The toolbox's layer of this
/// name counted the refractory period one step short and let strong inputs fire within it; this one does not.
///
/// # Example
/// ```
/// use convis::spiking::{InputUnit, RefractoryLeakyIntegrateAndFireNeuron};
/// use convis::{GradientMode, Resolution, State, Tensor, call, layer, noise};
/// let cells = RefractoryLeakyIntegrateAndFireNeuron::new(Default::default(), InputUnit::Hz, Resolution::default())?;
/// for name in ["noise_sigma", "refr_sigma"] {
///     layer::parameter(&cells, name)?.set(0.0)?;
/// }
/// let current = Tensor::from_vec(vec![100.0f64; 2000], &[1, 1, 2000, 1, 1])?;
/// let y = call(&cells, &current, &mut State::new(noise::next_model()), GradientMode::Off, None)?;
/// let spikes: f64 = y.first()?.to_f64().iter().sum();
/// assert!((spikes - 2.0 / (0.003 + 2.0f64.ln() / 50.0)).abs() <= 1.0);
/// # Ok::<(), convis::Error>(())
/// ```
#[derive(Debug)]
pub struct RefractoryLeakyIntegrateAndFireNeuron {
    cells: Cells,
    unit: InputUnit,
    resolution: Resolution,
}

impl RefractoryLeakyIntegrateAndFireNeuron {
    /// Neurons with default parameters.
    ///
    /// # Errors
    /// None at present: the defaults are valid.
    pub fn new(integration: Integration, unit: InputUnit, resolution: Resolution) -> Result<Self> {
        Ok(Self { cells: Cells::new(true, integration, resolution), unit, resolution })
    }

    /// The same neurons with a surrogate gradient.
    ///
    /// # Errors
    /// If slope or width of the surrogate is not positive.
    pub fn with_surrogate(self, surrogate: Surrogate) -> Result<Self> {
        Ok(Self { cells: self.cells.with_surrogate(surrogate)?, ..self })
    }
}

impl Layer for RefractoryLeakyIntegrateAndFireNeuron {
    fn kind(&self) -> &'static str {
        "RefractoryLeakyIntegrateAndFireNeuron"
    }

    fn doc(&self) -> &'static str {
        "Noisy leaky integrate-and-fire neurons with a refractory period, one per pixel."
    }

    fn parts(&self) -> Vec<Part<'_>> {
        self.cells.parameters().map(Part::Parameter).collect()
    }

    fn resolution(&self) -> Resolution {
        self.resolution
    }

    fn forward(&self, input: &Tensor, scope: &mut Scope<'_>) -> Result<Output> {
        let hz = match self.unit {
            InputUnit::PerStep => 1.0 / self.cells.step_s(),
            InputUnit::Hz => 1.0,
        };
        Ok(self.cells.forward(hz, input, scope)?.into())
    }
}
