//! The squid axon of Hodgkin and Huxley.

use convis_kernels::hodgkin_huxley::{Gates, HodgkinHuxley as Operation};

use super::{keep_step, noise_strength, setting, smooth};
use crate::layer::{Layer, Output, Part, Scope};
use crate::parameter::{Parameter, Range, Spec};
use crate::{Resolution, Result, Tensor};

const SPECS: [Spec; 7] = [
    smooth("gK", "mS/cm²", "Largest potassium conductance.", 36.0, Range::NonNegative),
    smooth("gNa", "mS/cm²", "Largest sodium conductance.", 120.0, Range::NonNegative),
    smooth("gL", "mS/cm²", "Leak conductance.", 0.3, Range::NonNegative),
    smooth("Cm", "µF/cm²", "Membrane capacity.", 1.0, Range::Positive),
    smooth("VK", "mV", "Equilibrium potential of potassium, above rest.", -12.0, Range::Any),
    smooth("VNa", "mV", "Equilibrium potential of sodium, above rest.", 115.0, Range::Any),
    smooth("Vl", "mV", "Equilibrium potential of the leak, above rest.", 10.613, Range::Any),
];

/// The name of the 2018 toolbox for [`HodgkinHuxley`].
pub type HogkinHuxley = HodgkinHuxley;

/// Hodgkin–Huxley axons, one per pixel.
///
/// # Equation
/// v in mV above rest, t in ms:
/// ```text
/// Cm·dv/dt = I − gK·n⁴·(v − VK) − gNa·m³·h·(v − VNa) − gL·(v − Vl)
/// dx/dt    = α_x(v)·(1 − x) − β_x(v)·x                                   for x = n, m, h
/// ```
/// Euler's rule with sub-steps of at most 0.05 ms; rates as in 1952: [`convis_kernels::hodgkin_huxley`].
///
/// # Shapes
/// Input I (µA/cm²) `[batch, channel, time, height, width]`, output v (mV) of the same sizes. State: `v` (0 at the start),
/// `v_n`, `v_m`, `v_h` (the gates, at their steady state, or at 0 with [`Gates::Zero`]), `step`.
///
/// # Parameters
/// | symbol | name | unit | default |
/// |---|---|---|---|
/// | gK | `gK` | mS/cm² | 36 |
/// | gNa | `gNa` | mS/cm² | 120 |
/// | gL | `gL` | mS/cm² | 0.3 |
/// | Cm | `Cm` > 0 | µF/cm² | 1 |
/// | VK | `VK` | mV | −12 |
/// | VNa | `VNa` | mV | 115 |
/// | Vl | `Vl` | mV | 10.613 |
/// | | `noise_strength` ≥ 0 | µA/cm² | 0 |
///
/// All but the noise are differentiable, and so is the input.
///
/// # Source
/// Hodgkin & Huxley 1952 (J. Physiol. 117:500), equations 7, 12–15, 20–24 and 26, with the sign of v reversed.
///
/// # Example
/// ```
/// use convis::{GradientMode, Resolution, State, Tensor, call, noise, spiking::HodgkinHuxley};
/// let axons = HodgkinHuxley::new(Default::default(), Resolution::default());
/// let current = Tensor::from_vec(vec![10.0f32; 100], &[1, 1, 100, 1, 1])?;
/// let y = call(&axons, &current, &mut State::new(noise::next_model()), GradientMode::Off, None)?;
/// let peak = y.first()?.to_f64().into_iter().fold(0.0, f64::max);
/// assert!((80.0..110.0).contains(&peak));    // spikes of about 100 mV
/// # Ok::<(), convis::Error>(())
/// ```
#[derive(Debug)]
pub struct HodgkinHuxley {
    parameters: [Parameter; 7],
    noise_strength: Parameter,
    gates: Gates,
    resolution: Resolution,
}

impl HodgkinHuxley {
    /// Axons with default parameters.
    pub fn new(gates: Gates, resolution: Resolution) -> Self {
        let noise_strength = Parameter::new(noise_strength("µA/cm²", 0.0));
        Self { parameters: SPECS.map(Parameter::new), noise_strength, gates, resolution }
    }
}

impl Layer for HodgkinHuxley {
    fn kind(&self) -> &'static str {
        "HodgkinHuxley"
    }

    fn doc(&self) -> &'static str {
        "Hodgkin–Huxley axons, one per pixel; the output is the potential in mV above rest."
    }

    fn parts(&self) -> Vec<Part<'_>> {
        self.parameters.iter().chain([&self.noise_strength]).map(Part::Parameter).collect()
    }

    fn resolution(&self) -> Resolution {
        self.resolution
    }

    fn forward(&self, input: &Tensor, scope: &mut Scope<'_>) -> Result<Output> {
        let setting = setting(input, self.resolution, &self.noise_strength, "v", scope)?;
        let parameters = self.parameters.each_ref().map(|parameter| scope.scalar(parameter));
        let axons = Operation { setting, gates: self.gates };
        let v = scope.apply(&axons, &parameters, &[input], &["v", "v_n", "v_m", "v_h"])?;
        keep_step(scope, setting.noise.first_step + setting.signal.frames as u64)?;
        Ok(v.into())
    }
}
