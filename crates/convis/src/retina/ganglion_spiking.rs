//! Spikes of ganglion cells.

use convis_kernels::integrate_and_fire::Integration;

use crate::layer::{Layer, Output, Part, Scope};
use crate::spiking::Surrogate;
use crate::spiking::integrate_and_fire::Cells;
use crate::{Resolution, Result, Tensor};

/// Ganglion cells as noisy leaky integrate-and-fire neurons, one per pixel.
///
/// # Equation
/// ```text
/// dV/dt = I − g·V + η;   at V = 1 a spike, then V = 0 for a refractory period drawn from N(μ, s²)
/// ```
/// η is white noise that gives V the standard deviation σ. Solved exactly within a step, or on the Euler grid of the
/// 2018 toolbox: [`convis_kernels::integrate_and_fire`].
///
/// # Shapes
/// Input I (Hz) `[batch, channel, time, height, width]`, output of the same sizes: spikes per step as bytes (0 or 1
/// wherever the refractory period is at least a step). The exact times go to the run's recorder. State: `V`, at the
/// start uniform in [0.5, 0.7); `refractory`, the remaining refractory time in steps, 0 at the start; `step`.
///
/// # Parameters
/// | symbol | name | unit | default |
/// |---|---|---|---|
/// | μ | `refr_mu` | s | 0.003 |
/// | s | `refr_sigma` | s | 0.001 (0 in a retina) |
/// | σ | `noise_sigma` | – | 0.1 |
/// | g | `g_L` | Hz | 50 |
/// | | `tau` | s | the model's step |
///
/// Spikes carry no gradient, unless a surrogate is chosen ([`GanglionSpiking::with_surrogate`]).
///
/// # Source
/// Wohrer & Kornprobst 2009 (J. Comput. Neurosci. 26:219), ganglion-cell spike generation.
///
/// # Example
/// ```
/// use convis::{GradientMode, Resolution, State, Tensor, call, noise, retina::GanglionSpiking};
/// let cells = GanglionSpiking::new(Default::default(), Resolution::default())?;
/// let current = Tensor::from_vec(vec![150.0f32; 1000], &[1, 1, 1000, 1, 1])?;
/// let y = call(&cells, &current, &mut State::new(noise::next_model()), GradientMode::Off, None)?;
/// let spikes: f64 = y.first()?.to_f64().iter().sum();
/// assert!((80.0..110.0).contains(&spikes));       // 90 Hz without noise
/// # Ok::<(), convis::Error>(())
/// ```
#[derive(Debug)]
pub struct GanglionSpiking {
    cells: Cells,
    resolution: Resolution,
}

impl GanglionSpiking {
    /// Cells with default parameters.
    ///
    /// # Errors
    /// None at present: the defaults are valid.
    pub fn new(integration: Integration, resolution: Resolution) -> Result<Self> {
        Ok(Self { cells: Cells::new(true, integration, resolution), resolution })
    }

    /// The same cells with a surrogate gradient: their spikes are then numbers of the input's type.
    ///
    /// # Errors
    /// If slope or width of the surrogate is not positive.
    pub fn with_surrogate(self, surrogate: Surrogate) -> Result<Self> {
        Ok(Self { cells: self.cells.with_surrogate(surrogate)?, ..self })
    }
}

impl Layer for GanglionSpiking {
    fn kind(&self) -> &'static str {
        "GanglionSpiking"
    }

    fn doc(&self) -> &'static str {
        "Ganglion cells as noisy leaky integrate-and-fire neurons with a refractory period, one per pixel."
    }

    fn parts(&self) -> Vec<Part<'_>> {
        self.cells.parameters().map(Part::Parameter).collect()
    }

    fn resolution(&self) -> Resolution {
        self.resolution
    }

    fn forward(&self, input: &Tensor, scope: &mut Scope<'_>) -> Result<Output> {
        Ok(self.cells.forward(1.0, input, scope)?.into())
    }
}
