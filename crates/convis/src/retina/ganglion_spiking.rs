//! Spikes of ganglion cells.

use convis_kernels::integrate_and_fire::{Integration, Membrane, Neuron, Noise, integrate_and_fire};
use convis_kernels::random::{Key, Use, uniform};
use convis_kernels::{Real, Signal};

use crate::layer::{Layer, Output, Part, Scope};
use crate::parameter::{Parameter, Range, Spec};
use crate::tensor::Numbers;
use crate::tensor::buffer::Buffer;
use crate::{DType, Resolution, Result, Tensor};

const REFR_MU: Spec = Spec {
    name: "refr_mu",
    unit: "s",
    doc: "Mean refractory period after a spike.",
    default: 0.003,
    range: Range::NonNegative,
    differentiable: false,
};

const REFR_SIGMA: Spec = Spec {
    name: "refr_sigma",
    unit: "s",
    doc: "Standard deviation of the refractory period, drawn anew at every spike.",
    default: 0.001,
    range: Range::NonNegative,
    differentiable: false,
};

const NOISE_SIGMA: Spec = Spec {
    name: "noise_sigma",
    unit: "",
    doc: "Standard deviation of the membrane potential due to noise, had it no threshold (threshold: 1).",
    default: 0.1,
    range: Range::NonNegative,
    differentiable: false,
};

const G_L: Spec = Spec {
    name: "g_L",
    unit: "Hz",
    doc: "Leak conductance: the cell fires steadily when its current exceeds this.",
    default: 50.0,
    range: Range::Positive,
    differentiable: false,
};

const TAU: Spec = Spec {
    name: "tau",
    unit: "s",
    doc: "Time that passes for the cell in one simulation step; by default the step of the model's resolution.",
    default: 0.001,
    range: Range::Positive,
    differentiable: false,
};

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
/// Spikes carry no gradient.
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
    integration: Integration,
    refr_mu: Parameter,
    refr_sigma: Parameter,
    noise_sigma: Parameter,
    g_l: Parameter,
    tau: Parameter,
    resolution: Resolution,
}

impl GanglionSpiking {
    /// Cells with default parameters.
    ///
    /// # Errors
    /// None at present: the defaults are valid.
    pub fn new(integration: Integration, resolution: Resolution) -> Result<Self> {
        Ok(Self {
            integration,
            refr_mu: Parameter::new(REFR_MU),
            refr_sigma: Parameter::new(REFR_SIGMA),
            noise_sigma: Parameter::new(NOISE_SIGMA),
            g_l: Parameter::new(G_L),
            tau: Parameter::new(Spec { default: resolution.step_s(), ..TAU }),
            resolution,
        })
    }

    const fn parameters(&self) -> [&Parameter; 5] {
        [&self.refr_mu, &self.refr_sigma, &self.noise_sigma, &self.g_l, &self.tau]
    }

    fn spikes<T: Numbers + Real>(&self, input: &Tensor, scope: &mut Scope<'_>) -> Result<Tensor> {
        let signal = input.signal()?;
        let neuron = Neuron {
            leak_hz: self.g_l.scalar(),
            noise_sigma: self.noise_sigma.scalar(),
            refractory_mean_s: self.refr_mu.scalar(),
            refractory_sd_s: self.refr_sigma.scalar(),
            step_s: self.tau.scalar(),
        };
        let key = scope.key();
        let first_step =
            scope.kept("step").and_then(|step| step.to_f64().first().copied()).unwrap_or(0.0) as u64;
        let mut v: Vec<T> = match scope.kept("V") {
            Some(_) => numbers(&scope.state("V", input, 1, T::DTYPE)?),
            None => start(key, signal),
        };
        let mut refractory: Vec<T> = numbers(&scope.state("refractory", input, 1, T::DTYPE)?);
        let current: Vec<T>;
        let current = match input.numbers::<T>() {
            Some(current) => current,
            None => {
                current = numbers(input);
                &current
            }
        };
        let mut events = scope.wants_spikes().then(Vec::new);
        let (spikes, ()) = Buffer::filled_by(signal.len(), |spikes| {
            integrate_and_fire(
                signal,
                self.integration,
                &neuron,
                Noise { key, first_step },
                current,
                Membrane { potential: &mut v, refractory: &mut refractory },
                spikes,
                events.as_mut(),
            );
        });
        if let Some(events) = events {
            scope.record_spikes(events);
        }
        let shape = input.shape();
        let plane = [shape[0], shape[1], 1, shape[3], shape[4]];
        scope.keep("V", Tensor::from_vec(v, &plane)?);
        scope.keep("refractory", Tensor::from_vec(refractory, &plane)?);
        scope.keep("step", Tensor::from_vec(vec![(first_step + signal.frames as u64) as f64], &[1])?);
        Tensor::from_buffer(spikes, shape)
    }
}

fn numbers<T: Real>(tensor: &Tensor) -> Vec<T> {
    tensor.to_f64().into_iter().map(T::of).collect()
}

/// Membrane potentials before the first step, uniform in [0.5, 0.7).
fn start<T: Real>(key: Key, signal: Signal) -> Vec<T> {
    (0..signal.state_len())
        .map(|i| T::of(0.5 + 0.2 * uniform(key, i / signal.pixels(), i % signal.pixels(), Use::Start, 0)))
        .collect()
}

impl Layer for GanglionSpiking {
    fn kind(&self) -> &'static str {
        "GanglionSpiking"
    }

    fn doc(&self) -> &'static str {
        "Ganglion cells as noisy leaky integrate-and-fire neurons with a refractory period, one per pixel."
    }

    fn parts(&self) -> Vec<Part<'_>> {
        self.parameters().into_iter().map(Part::Parameter).collect()
    }

    fn resolution(&self) -> Resolution {
        self.resolution
    }

    fn forward(&self, input: &Tensor, scope: &mut Scope<'_>) -> Result<Output> {
        Ok(match input.dtype() {
            DType::F64 => self.spikes::<f64>(input, scope)?,
            DType::F32 | DType::U8 => self.spikes::<f32>(input, scope)?,
        }
        .into())
    }
}
