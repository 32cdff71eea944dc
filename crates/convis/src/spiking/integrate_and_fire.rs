//! What all layers of integrate-and-fire neurons share: parameters, start, bytes or surrogate gradients.

use convis_kernels::integrate_and_fire::surrogate::{Surrogate, SurrogateSpikes};
use convis_kernels::integrate_and_fire::{
    Integration, Membrane, Neuron, Noise, Population, integrate_and_fire,
};
use convis_kernels::random::{Key, Use, fill_uniform};
use convis_kernels::{Real, Signal};

use super::{first_step, keep_step};
use crate::layer::Scope;
use crate::parameter::{Parameter, Range, Spec};
use crate::tensor::Numbers;
use crate::tensor::buffer::Buffer;
use crate::{DType, Error, Resolution, Result, Tensor};

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

/// A population of integrate-and-fire neurons.
#[derive(Debug)]
pub(crate) struct Cells {
    /// Mean and standard deviation of the refractory period, where there is one.
    refractory: Option<[Parameter; 2]>,
    noise_sigma: Parameter,
    g_l: Parameter,
    tau: Parameter,
    integration: Integration,
    surrogate: Surrogate,
}

impl Cells {
    pub fn new(refractory: bool, integration: Integration, resolution: Resolution) -> Self {
        Self {
            refractory: refractory.then(|| [REFR_MU, REFR_SIGMA].map(Parameter::new)),
            noise_sigma: Parameter::new(NOISE_SIGMA),
            g_l: Parameter::new(G_L),
            tau: Parameter::new(Spec { default: resolution.step_s(), ..TAU }),
            integration,
            surrogate: Surrogate::None,
        }
    }

    /// The same cells with a surrogate gradient: leak and noise become differentiable.
    pub fn with_surrogate(mut self, surrogate: Surrogate) -> Result<Self> {
        let (name, value) = match surrogate {
            Surrogate::None => ("", 1.0),
            Surrogate::FastSigmoid { slope } => ("slope of the surrogate", slope),
            Surrogate::Triangle { width } => ("width of the surrogate", width),
        };
        if !(value > 0.0 && value.is_finite()) {
            return Err(Error::argument(name, "a number above 0", value));
        }
        for (parameter, spec) in [(&mut self.noise_sigma, NOISE_SIGMA), (&mut self.g_l, G_L)] {
            let value = parameter.scalar();
            *parameter = Parameter::new(Spec { differentiable: surrogate != Surrogate::None, ..spec });
            parameter.set(value)?;
        }
        self.surrogate = surrogate;
        Ok(self)
    }

    pub fn parameters(&self) -> impl Iterator<Item = &Parameter> {
        self.refractory.iter().flatten().chain([&self.noise_sigma, &self.g_l, &self.tau])
    }

    /// Time that passes in a step, s.
    pub fn step_s(&self) -> f64 {
        self.tau.scalar()
    }

    /// Spikes of a chunk: bytes, or numbers of the input's type where they have a surrogate gradient.
    pub fn forward(&self, input_hz: f64, input: &Tensor, scope: &mut Scope<'_>) -> Result<Tensor> {
        let [mean, sd] =
            self.refractory.as_ref().map_or([0.0; 2], |both| both.each_ref().map(Parameter::scalar));
        let neuron = Neuron {
            input_hz,
            leak_hz: self.g_l.scalar(),
            noise_sigma: self.noise_sigma.scalar(),
            refractory_mean_s: mean,
            refractory_sd_s: sd,
            step_s: self.tau.scalar(),
        };
        let chunk = Chunk {
            cells: self,
            neuron,
            signal: input.signal()?,
            noise: Noise { key: scope.key(), first_step: first_step(scope) },
        };
        let spikes = match input.dtype() {
            DType::F64 => chunk.forward::<f64>(input, scope),
            DType::F32 => chunk.forward::<f32>(input, scope),
            DType::U8 => chunk.forward::<f32>(&input.cast(DType::F32), scope),
        }?;
        keep_step(scope, chunk.noise.first_step + chunk.signal.frames as u64)?;
        Ok(spikes)
    }
}

struct Chunk<'a> {
    cells: &'a Cells,
    neuron: Neuron,
    signal: Signal,
    noise: Noise,
}

impl Chunk<'_> {
    fn forward<T: Numbers + Real>(&self, input: &Tensor, scope: &mut Scope<'_>) -> Result<Tensor> {
        let shape = input.shape();
        let plane = [shape[0], shape[1], 1, shape[3], shape[4]];
        if scope.kept("V").is_none() {
            scope.keep("V", Tensor::from_vec(start::<T>(self.noise.key, self.signal), &plane)?);
        }
        if self.cells.surrogate == Surrogate::None && !scope.wants_spikes() {
            let Self { cells, neuron, noise, .. } = *self;
            let population = Population::<T>::new(cells.integration, neuron, noise);
            return scope.spikes(population, input, ["V", "refractory"]);
        }
        if self.cells.surrogate == Surrogate::None {
            let [v, refractory] = ["V", "refractory"].map(|name| scope.state(name, input, 1, T::DTYPE));
            let (spikes, v, refractory) = self.bytes::<T>(input, &v?, &refractory?, scope);
            scope.keep("V", Tensor::from_vec(v, &plane)?);
            scope.keep("refractory", Tensor::from_vec(refractory, &plane)?);
            return Tensor::from_buffer(spikes, shape);
        }
        if scope.wants_spikes() {
            // The differentiable operation gives numbers per step; the list of times is computed beside it.
            let [v, refractory] = ["V", "refractory"].map(|name| scope.state(name, input, 1, T::DTYPE));
            self.bytes::<T>(input, &v?, &refractory?, scope);
        }
        let spikes = SurrogateSpikes {
            signal: self.signal,
            integration: self.cells.integration,
            neuron: self.neuron,
            noise: self.noise,
            surrogate: self.cells.surrogate,
        };
        let parameters = [scope.scalar(&self.cells.g_l), scope.scalar(&self.cells.noise_sigma)];
        scope.apply(&spikes, &parameters, &[input], &["V", "refractory"])
    }

    /// Spikes as bytes, and the state after them; the list of spikes goes to whoever wants it.
    fn bytes<T: Numbers + Real>(
        &self,
        input: &Tensor,
        v: &Tensor,
        refractory: &Tensor,
        scope: &mut Scope<'_>,
    ) -> (Buffer<u8>, Vec<T>, Vec<T>) {
        let numbers = |x: &Tensor| -> Vec<T> { x.numbers::<T>().map_or_else(Vec::new, <[T]>::to_vec) };
        let (mut v, mut refractory) = (numbers(v), numbers(refractory));
        let current = input.numbers::<T>().unwrap_or_default();
        let mut events = scope.wants_spikes().then(Vec::new);
        let (spikes, ()) = Buffer::filled_by(self.signal.len(), |spikes| {
            integrate_and_fire(
                self.signal,
                self.cells.integration,
                &self.neuron,
                self.noise,
                current,
                Membrane { potential: &mut v, refractory: &mut refractory },
                spikes,
                events.as_mut(),
            );
        });
        if let Some(events) = events {
            scope.record_spikes(events);
        }
        (spikes, v, refractory)
    }
}

/// Membrane potentials before the first step, uniform in [0.5, 0.7).
fn start<T: Real>(key: Key, signal: Signal) -> Vec<T> {
    let mut numbers = vec![0.0; signal.pixels()];
    let mut start = Vec::with_capacity(signal.state_len());
    for plane in 0..signal.planes {
        fill_uniform(key, plane, Use::Start, 0, &mut numbers);
        start.extend(numbers.iter().map(|x| T::of(0.5 + 0.2 * x)));
    }
    start
}
