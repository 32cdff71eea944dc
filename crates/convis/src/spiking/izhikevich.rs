//! The simple spiking neuron of Izhikevich.

use convis_kernels::izhikevich::Izhikevich as Operation;

use super::{keep_step, noise_strength, setting, smooth};
use crate::error::nearest;
use crate::layer::{Layer, Output, Part, Scope};
use crate::parameter::{Parameter, Range, Spec};
use crate::{DType, Error, Resolution, Result, Tensor};

const A: Spec = smooth("a", "1/ms", "Speed of the recovery variable u.", 0.02, Range::Any);
const B: Spec = smooth("b", "", "Sensitivity of u to the potential.", 0.2, Range::Any);
const C: Spec = smooth("c", "mV", "Potential after a spike.", -65.0, Range::Any);
const D: Spec = smooth("d", "", "What a spike adds to u.", 6.0, Range::Any);
const THRESHOLD: Spec = Spec {
    name: "threshold",
    unit: "mV",
    doc: "Potential at which a spike ends and v and u are reset.",
    default: 30.0,
    range: Range::Any,
    differentiable: false,
};

/// Parameters of a named behaviour.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Preset {
    /// What the neuron does.
    pub name: &'static str,
    /// Speed of u, 1/ms.
    pub a: f64,
    /// Sensitivity of u to v.
    pub b: f64,
    /// Potential after a spike, mV.
    pub c: f64,
    /// What a spike adds to u.
    pub d: f64,
    /// The input current that shows the behaviour, as in the source's figure 1.
    pub input: f64,
}

const fn preset(name: &'static str, [a, b, c, d, input]: [f64; 5]) -> Preset {
    Preset { name, a, b, c, d, input }
}

/// The behaviours of Izhikevich 2004, figure 1, as the 2018 toolbox named them.
pub const PRESETS: [Preset; 20] = [
    preset("Tonic spiking", [0.02, 0.2, -65.0, 6.0, 14.0]),
    preset("Phasic spiking", [0.02, 0.25, -65.0, 6.0, 0.5]),
    preset("Tonic bursting", [0.02, 0.2, -50.0, 2.0, 15.0]),
    preset("Phasic bursting", [0.02, 0.25, -55.0, 0.05, 0.6]),
    preset("Mixed mode", [0.02, 0.2, -55.0, 4.0, 10.0]),
    preset("Sf. adaptation", [0.01, 0.2, -65.0, 8.0, 30.0]),
    preset("Class 1", [0.02, -0.1, -55.0, 6.0, 0.0]),
    preset("Class 2", [0.2, 0.26, -65.0, 0.0, 0.0]),
    preset("Spike latency", [0.02, 0.2, -65.0, 6.0, 7.0]),
    preset("Subthreshold osc", [0.05, 0.26, -60.0, 0.0, 0.0]),
    preset("Resonator", [0.1, 0.26, -60.0, -1.0, 0.0]),
    preset("Integrator", [0.02, -0.1, -55.0, 6.0, 0.0]),
    preset("Rebound spike", [0.03, 0.25, -60.0, 4.0, 0.0]),
    preset("Rebound burst", [0.03, 0.25, -52.0, 0.0, 0.0]),
    preset("Threshold var", [0.03, 0.25, -60.0, 4.0, 0.0]),
    preset("Bistability", [1.0, 1.5, -60.0, 0.0, -65.0]),
    preset("DAP", [1.0, 0.2, -60.0, -21.0, 0.0]),
    preset("Accomodation", [0.02, 1.0, -55.0, 4.0, 0.0]),
    preset("Inh-ind. spiking", [-0.02, -1.0, -60.0, 8.0, 80.0]),
    preset("Inh-ind. bursting", [-0.026, -1.0, -45.0, 0.0, 80.0]),
];

/// Izhikevich neurons, one per pixel.
///
/// # Equation
/// v in mV, t in ms:
/// ```text
/// dv/dt = 0.04·v² + 5·v + 140 − u + I
/// du/dt = a·(b·v − u)
/// v ≥ θ:  a spike, v ← c, u ← u + d
/// ```
/// Pairs of Euler half-steps of at most 1 ms together: [`convis_kernels::izhikevich`].
///
/// # Shapes
/// Input I `[batch, channel, time, height, width]`. Output: spikes per step, bytes of the same sizes; or, unless
/// `output_only_spikes`, numbers of the input's type with three times the channels: spikes, v and u after the reset. State: `v` (c at the
/// start), `u` (b·c), `step`.
///
/// # Parameters
/// | symbol | name | unit | default |
/// |---|---|---|---|
/// | a | `a` | 1/ms | 0.02 |
/// | b | `b` | – | 0.2 |
/// | c | `c` | mV | −65 |
/// | d | `d` | – | 6 |
/// | θ | `threshold` | mV | 30 |
/// | | `noise_strength` ≥ 0 | – | 0 |
///
/// v and u are differentiable in a, b, c, d and the input as long as no spike moves to another step; spikes carry no
/// gradient.
///
/// # Source
/// Izhikevich 2003 (IEEE Trans. Neural Netw. 14:1569), equations 1–3; presets: Izhikevich 2004 (IEEE Trans. Neural Netw.
/// 15:1063), figure 1.
///
/// # Example
/// ```
/// use convis::{GradientMode, Resolution, State, Tensor, call, noise, spiking::Izhikevich};
/// let cells = Izhikevich::preset("Tonic spiking", true, Resolution::default())?;
/// let current = Tensor::from_vec(vec![14.0f32; 1000], &[1, 1, 1000, 1, 1])?;
/// let y = call(&cells, &current, &mut State::new(noise::next_model()), GradientMode::Off, None)?;
/// let spikes: f64 = y.first()?.to_f64().iter().sum();
/// assert!((30.0..50.0).contains(&spikes));
/// let error = Izhikevich::preset("Tonic spikes", true, Resolution::default()).unwrap_err();
/// assert!(error.to_string().contains("nearest: \"Tonic spiking\""));
/// # Ok::<(), convis::Error>(())
/// ```
#[derive(Debug)]
pub struct Izhikevich {
    parameters: [Parameter; 4],
    threshold: Parameter,
    noise_strength: Parameter,
    output_only_spikes: bool,
    resolution: Resolution,
}

impl Izhikevich {
    /// Neurons with default parameters, those of tonic spiking.
    pub fn new(output_only_spikes: bool, resolution: Resolution) -> Self {
        Self {
            parameters: [A, B, C, D].map(Parameter::new),
            threshold: Parameter::new(THRESHOLD),
            noise_strength: Parameter::new(noise_strength("", 0.0)),
            output_only_spikes,
            resolution,
        }
    }

    /// Neurons with the parameters of a preset; upper and lower case are the same.
    ///
    /// # Errors
    /// If there is no preset of this name: the message lists them.
    pub fn preset(name: &str, output_only_spikes: bool, resolution: Resolution) -> Result<Self> {
        let Some(preset) = PRESETS.iter().find(|preset| preset.name.eq_ignore_ascii_case(name)) else {
            let names = PRESETS.map(|preset| preset.name);
            let near = nearest(name, names).map_or_else(String::new, |name| format!(" (nearest: {name:?})"));
            return Err(Error::argument(
                "preset",
                format!("one of {}", names.join(", ")),
                format!("{name:?}{near}"),
            ));
        };
        let cells = Self::new(output_only_spikes, resolution);
        for (parameter, value) in cells.parameters.iter().zip([preset.a, preset.b, preset.c, preset.d]) {
            parameter.set(value)?;
        }
        Ok(cells)
    }
}

impl Layer for Izhikevich {
    fn kind(&self) -> &'static str {
        "Izhikevich"
    }

    fn doc(&self) -> &'static str {
        "Izhikevich neurons, one per pixel: spikes, or spikes, potential and recovery."
    }

    fn parts(&self) -> Vec<Part<'_>> {
        let more = [&self.threshold, &self.noise_strength];
        self.parameters.iter().chain(more).map(Part::Parameter).collect()
    }

    fn resolution(&self) -> Resolution {
        self.resolution
    }

    fn forward(&self, input: &Tensor, scope: &mut Scope<'_>) -> Result<Output> {
        let setting = setting(input, self.resolution, &self.noise_strength, "v", scope)?;
        let parameters = self.parameters.each_ref().map(|parameter| scope.scalar(parameter));
        let threshold = self.threshold.scalar();
        let cells = Operation { setting, threshold, only_spikes: self.output_only_spikes };
        let mut output = scope.apply(&cells, &parameters, &[input], &["v", "u"])?;
        if self.output_only_spikes {
            output = output.cast(DType::U8);
        }
        keep_step(scope, setting.noise.first_step + setting.signal.frames as u64)?;
        Ok(output.into())
    }
}
