//! Layers: what a model is made of.
//!
//! A layer lists its parameters and sub-layers once, in [`Layer::parts`]; everything that needs them (paths,
//! dictionaries, files, documentation, optimisers) walks that list. A layer computes in [`Layer::forward`] and keeps
//! nothing itself: its memory is the [`State`], reached through the [`Scope`] that knows where in the model the layer
//! stands.

use std::collections::BTreeMap;
use std::sync::Arc;

use convis_kernels::integrate_and_fire::{Population, Spike};
use convis_kernels::random::Key;
use convis_kernels::start_history::{History, StartHistory};
use convis_kernels::{Operation, Real, Signal};

use crate::filters::Convolution;
use crate::parameter::Parameter;
use crate::tensor::{Deferred, Numbers, Scalar, apply, defer};
use crate::{DType, Error, Resolution, Result, State, Tensor};

/// A causal filter on movies, with parameters and sub-layers.
pub trait Layer: Send + Sync {
    /// The name of its type, e.g. `"Bipolar"`.
    fn kind(&self) -> &'static str;

    /// What it computes, in a paragraph.
    fn doc(&self) -> &'static str;

    /// Its parameters and sub-layers, in order: the only list of them.
    fn parts(&self) -> Vec<Part<'_>>;

    /// The resolution it was built for.
    fn resolution(&self) -> Resolution;

    /// Other names of parameters below: (name, path).
    fn aliases(&self) -> &'static [(&'static str, &'static str)] {
        &[]
    }

    /// The convolution that it is, for whoever sets its kernel or asks for its plan; most layers are none.
    fn convolution(&self) -> Option<&Convolution> {
        None
    }

    /// Computes its output for a chunk of frames, and the state after it.
    ///
    /// # Errors
    /// If the input does not fit.
    fn forward(&self, input: &Tensor, scope: &mut Scope<'_>) -> Result<Output>;
}

/// A parameter or a sub-layer, with its name in the layer.
#[derive(Clone)]
pub enum Part<'a> {
    /// A parameter; its name is [`Parameter::name`].
    Parameter(&'a Parameter),
    /// A sub-layer.
    Child(&'a str, Arc<dyn Layer>),
}

/// What a layer returns: one movie, or several with names.
#[derive(Clone, Debug)]
pub struct Output(Vec<(String, Tensor)>);

impl Output {
    /// Several movies with names.
    pub fn named(movies: Vec<(String, Tensor)>) -> Self {
        Self(movies)
    }

    /// The movies with their names (empty for a single, unnamed one).
    pub fn movies(&self) -> &[(String, Tensor)] {
        &self.0
    }

    /// The movie of a layer with one output, or the first one.
    ///
    /// # Errors
    /// If there is none.
    pub fn first(&self) -> Result<&Tensor> {
        self.0.first().map(|(_, x)| x).ok_or_else(|| Error::Mismatch("this layer has no output".into()))
    }

    /// The movies without their names.
    pub fn into_movies(self) -> Vec<(String, Tensor)> {
        self.0
    }
}

impl From<Tensor> for Output {
    fn from(movie: Tensor) -> Self {
        Self(vec![(String::new(), movie)])
    }
}

/// How far gradients are followed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum GradientMode {
    /// Nothing is recorded.
    #[default]
    Off,
    /// Recorded within this call; the state before it is a constant.
    Call,
    /// Recorded through the state as well, back to the last call without gradients.
    Through,
}

/// What is gathered on the way besides the output.
#[derive(Debug, Default)]
pub struct Recorder {
    /// Paths of the layers whose output is wanted.
    pub stages: Vec<String>,
    /// Whether spikes are wanted as lists with exact times.
    pub spikes: bool,
    /// The outputs of the wanted layers, by path.
    pub outputs: BTreeMap<String, Output>,
    /// The spikes of spiking layers, by path.
    pub events: BTreeMap<String, Vec<Spike>>,
}

/// Where a layer stands in its model while it computes: its path, its part of the state, its noise.
pub struct Scope<'a> {
    path: String,
    state: &'a mut State,
    gradients: GradientMode,
    recorder: Option<&'a mut Recorder>,
    /// Operations that wait to be computed together.
    plan: Option<Arc<dyn Deferred>>,
}

impl Scope<'_> {
    /// Runs a sub-layer.
    ///
    /// # Errors
    /// Those of the sub-layer.
    pub fn child(&mut self, name: &str, layer: &dyn Layer, input: &Tensor) -> Result<Output> {
        self.within(name, |scope| layer.forward(input, scope))
    }

    /// Runs `forward` at the place of the sub-layer `name`.
    ///
    /// # Errors
    /// Those of `forward`.
    pub fn within(
        &mut self,
        name: &str,
        forward: impl FnOnce(&mut Self) -> Result<Output>,
    ) -> Result<Output> {
        let parent = self.path.len();
        if parent > 0 {
            self.path.push('.');
        }
        self.path.push_str(name);
        let output = forward(self);
        if let (Ok(output), Some(recorder)) = (&output, &mut self.recorder)
            && recorder.stages.contains(&self.path)
        {
            recorder.outputs.insert(self.path.clone(), output.clone());
        }
        self.path.truncate(parent);
        output
    }

    /// How far gradients are followed.
    pub const fn gradients(&self) -> GradientMode {
        self.gradients
    }

    /// The value of a scalar parameter for an operation.
    pub fn scalar(&self, parameter: &Parameter) -> Scalar {
        parameter.traced(self.gradients != GradientMode::Off)
    }

    /// The numbers of an array parameter for an operation on movies of this type, as its weights.
    ///
    /// # Errors
    /// None at present: a parameter's numbers fit its shape.
    pub fn array(&self, parameter: &Parameter, dtype: DType) -> Result<Tensor> {
        parameter.traced_array(dtype, self.gradients != GradientMode::Off)
    }

    /// Runs an operation whose state, if it has one, is kept under `names`.
    ///
    /// # Errors
    /// If types do not fit together.
    pub fn apply<O: Operation>(
        &mut self,
        operation: &O,
        parameters: &[Scalar],
        inputs: &[&Tensor],
        names: &[&str],
    ) -> Result<Tensor> {
        let lengths = operation.state_lengths();
        if lengths.len() != names.len() {
            let found = format!("{} names", names.len());
            return Err(Error::argument(
                format!("states of {}", O::NAME),
                format!("{} names", lengths.len()),
                found,
            ));
        }
        let like = inputs[0];
        let dtype = if like.dtype() == DType::U8 { DType::F32 } else { like.dtype() };
        let before: Vec<Tensor> = names
            .iter()
            .zip(lengths)
            .map(|(name, len)| {
                let frames = len / operation.signal().state_len().max(1);
                self.state(name, like, frames, dtype)
            })
            .collect::<Result<_>>()?;
        self.apply_from(operation, parameters, inputs, &before, names)
    }

    /// Runs an operation from a given state; the state after it is kept under `names`.
    ///
    /// # Errors
    /// If types do not fit together.
    pub fn apply_from<O: Operation>(
        &mut self,
        operation: &O,
        parameters: &[Scalar],
        inputs: &[&Tensor],
        before: &[Tensor],
        names: &[&str],
    ) -> Result<Tensor> {
        let later = match inputs[0].dtype() {
            _ if self.gradients != GradientMode::Off => None,
            DType::F32 => self.apply_later::<f32, O>(operation, parameters, inputs, before),
            DType::F64 => self.apply_later::<f64, O>(operation, parameters, inputs, before),
            DType::U8 => None,
        };
        let (output, after) = match later {
            Some(later) => later,
            None => apply(operation, parameters, inputs, before)?,
        };
        for (name, array) in names.iter().zip(after) {
            self.keep(name, array);
        }
        Ok(output)
    }

    /// Output and states of an operation that is computed together with others, where that is possible.
    fn apply_later<T: Numbers + Real, O: Operation>(
        &mut self,
        operation: &O,
        parameters: &[Scalar],
        inputs: &[&Tensor],
        before: &[Tensor],
    ) -> Option<(Tensor, Vec<Tensor>)> {
        let signal = operation.signal();
        let fits = |input: &&Tensor| input.dtype() == T::DTYPE && input.signal().ok() == Some(signal);
        if operation.output_signal() != signal || !inputs.iter().all(fits) {
            return None;
        }
        let values: Vec<f64> = parameters.iter().map(Scalar::value).collect();
        let states: Vec<&[T]> = before.iter().map(Tensor::numbers).collect::<Option<_>>()?;
        let bandwise = operation.bandwise(&values, &states)?;
        Some(defer(&mut self.plan, signal, bandwise, inputs, before, T::DTYPE))
    }

    /// The spikes of a population whose state, potential and refractory time, is kept under `names`: bytes, computed
    /// together with other operations.
    pub(crate) fn spikes<T: Numbers + Real>(
        &mut self,
        population: Population<T>,
        current: &Tensor,
        names: [&str; 2],
    ) -> Result<Tensor> {
        let before = names.map(|name| self.state(name, current, 1, T::DTYPE));
        let before = before.into_iter().collect::<Result<Vec<_>>>()?;
        let signal = current.signal()?;
        let (spikes, after) =
            defer::<T>(&mut self.plan, signal, Box::new(population), &[current], &before, DType::U8);
        for (name, array) in names.into_iter().zip(after) {
            self.keep(name, array);
        }
        Ok(spikes)
    }

    /// A state array of this layer: what was kept, or zeros; so many frames of the sizes of the movie `like`.
    ///
    /// # Errors
    /// If what was kept has other sizes or another type.
    pub fn state(&self, name: &str, like: &Tensor, frames: usize, dtype: DType) -> Result<Tensor> {
        let s = like.shape();
        let shape = [s[0], s[1], frames, s[3], s[4]];
        match self.kept(name) {
            None => Ok(Tensor::zeros(dtype, &shape)),
            Some(array) if array.shape() == shape && array.dtype() == dtype => Ok(array),
            Some(array) => Err(Error::argument(
                format!("state {}", self.path_of(name)),
                format!("{dtype} numbers of shape {shape:?}; call clear_state() to start anew"),
                format!("{} numbers of shape {:?}", array.dtype(), array.shape()),
            )),
        }
    }

    /// The last `frames` frames before this chunk: what was kept under `name`, or, before the first frame, what `mode`
    /// makes of the chunk.
    ///
    /// # Errors
    /// If what was kept has other sizes or another type, or if the first chunk is too short for a mirror.
    pub fn history(&mut self, name: &str, input: &Tensor, frames: usize, mode: History) -> Result<Tensor> {
        if self.kept(name).is_some() {
            let dtype = if input.dtype() == DType::U8 { DType::F32 } else { input.dtype() };
            return self.state(name, input, frames, dtype);
        }
        let signal = input.signal()?;
        if mode == History::Mirror && signal.frames < frames {
            let expected = format!("a first chunk of at least {frames} frames, as mode \"mirror\" needs");
            return Err(Error::argument("input", expected, format!("{} frames", signal.frames)));
        }
        self.apply(&StartHistory { signal, length: frames, mode }, &[], &[input], &[])
    }

    /// A state array of this layer, if there is one yet.
    pub fn kept(&self, name: &str) -> Option<Tensor> {
        let array = self.state.get(&self.path_of(name))?;
        Some(if self.gradients == GradientMode::Through { array.clone() } else { array.detach() })
    }

    /// Whether the output of the sub-layer `name` is wanted.
    pub fn wants(&self, name: &str) -> bool {
        self.recorder.as_ref().is_some_and(|recorder| recorder.stages.contains(&self.path_of(name)))
    }

    /// Forgets a state array.
    pub fn forget(&mut self, name: &str) {
        self.state.remove(&self.path_of(name));
    }

    /// Keeps a state array for the next chunk.
    pub fn keep(&mut self, name: &str, array: Tensor) {
        let array = if self.gradients == GradientMode::Through { array } else { array.detach() };
        self.state.put(self.path_of(name), array);
    }

    /// The noise of this layer.
    pub fn key(&self) -> Key {
        self.state.key(&self.path)
    }

    /// Whether spikes are wanted as a list.
    pub fn wants_spikes(&self) -> bool {
        self.recorder.as_ref().is_some_and(|recorder| recorder.spikes)
    }

    /// Hands over the spikes of this chunk.
    pub fn record_spikes(&mut self, spikes: Vec<Spike>) {
        if let Some(recorder) = &mut self.recorder {
            recorder.events.entry(self.path.clone()).or_default().extend(spikes);
        }
    }

    fn path_of(&self, name: &str) -> String {
        if self.path.is_empty() { name.into() } else { format!("{}.{name}", self.path) }
    }
}

/// Runs a layer on one chunk of frames `[batch, channel, time, height, width]` and advances the state.
///
/// If anything fails, the state is what it was before.
///
/// # Errors
/// If the input is empty, not finite, has not five axes, or other frame sizes than the frames before.
pub fn call(
    layer: &dyn Layer,
    input: &Tensor,
    state: &mut State,
    gradients: GradientMode,
    recorder: Option<&mut Recorder>,
) -> Result<Output> {
    check_input(input)?;
    let before = state.clone();
    let mut result = advance(layer, input, state, gradients, recorder);
    if result.is_err() {
        *state = before;
    } else if let Ok(output) = &mut result
        && gradients == GradientMode::Off
    {
        // An input with a history passes it on only where gradients are wanted.
        output.0.iter_mut().for_each(|(_, movie)| *movie = movie.detach());
    }
    result
}

/// Like [`call`] for input that was checked already, without restoring the state after an error.
pub(crate) fn advance(
    layer: &dyn Layer,
    input: &Tensor,
    state: &mut State,
    gradients: GradientMode,
    recorder: Option<&mut Recorder>,
) -> Result<Output> {
    if let Some(recorder) = &recorder
        && !recorder.stages.is_empty()
    {
        let paths = stages(layer);
        for stage in &recorder.stages {
            if !paths.contains(stage) {
                return Err(Error::unknown("stage", stage, paths.iter().map(String::as_str)));
            }
        }
    }
    let shape = input.shape();
    state.see([shape[0], shape[1], shape[3], shape[4]])?;
    let input = if gradients == GradientMode::Off { &input.detach() } else { input };
    let mut scope = Scope { path: String::new(), state, gradients, recorder, plan: None };
    let output = layer.forward(input, &mut scope)?;
    if let Some(plan) = scope.plan.take() {
        plan.run();
    }
    // What is still to be computed would keep what it is computed from.
    for (_, movie) in output.movies() {
        movie.data();
    }
    state.check(layer)?;
    state.advance(shape[2] as u64);
    Ok(output)
}

pub(crate) fn check_input(input: &Tensor) -> Result<Signal> {
    let signal = input.signal()?;
    if signal.is_empty() {
        let expected = "at least one frame of at least one pixel";
        return Err(Error::argument("input", expected, format!("shape {:?}", input.shape())));
    }
    if !input.is_finite() {
        return Err(Error::argument("input", "finite numbers", "NaN or infinity"));
    }
    Ok(signal)
}

/// Every parameter below a layer with its path, in order.
pub fn parameters(layer: &dyn Layer) -> Vec<(String, Parameter)> {
    let mut all = vec![];
    walk(layer, "", &mut |path, part| {
        if let Part::Parameter(parameter) = part {
            all.push((path.into(), parameter.clone()));
        }
    });
    all
}

/// Every layer below a layer with its path, in order.
pub fn layers(layer: &dyn Layer) -> Vec<(String, Arc<dyn Layer>)> {
    let mut all = vec![];
    walk(layer, "", &mut |path, part| {
        if let Part::Child(_, child) = part {
            all.push((path.into(), child));
        }
    });
    all
}

/// Paths of the layers below a layer: the stages whose output can be recorded.
pub fn stages(layer: &dyn Layer) -> Vec<String> {
    layers(layer).into_iter().map(|(path, _)| path).collect()
}

fn walk(layer: &dyn Layer, path: &str, visit: &mut dyn FnMut(&str, Part<'_>)) {
    let join = |name: &str| if path.is_empty() { name.to_string() } else { format!("{path}.{name}") };
    for part in layer.parts() {
        match &part {
            Part::Parameter(parameter) => visit(&join(parameter.name()), part),
            Part::Child(name, child) => {
                let (path, child) = (join(name), child.clone());
                visit(&path, part);
                walk(&*child, &path, visit);
            }
        }
    }
}

/// The parameter at a path; dots or underscores separate its parts, and short names of layers are understood.
///
/// # Errors
/// If there is none; the message names the nearest.
pub fn parameter(layer: &dyn Layer, path: &str) -> Result<Parameter> {
    let all = parameters(layer);
    let full = resolve_alias(layer, path).unwrap_or_else(|| path.to_string());
    let flat = full.replace('.', "_");
    all.iter()
        .find(|(name, _)| *name == full || name.replace('.', "_") == flat)
        .map(|(_, parameter)| parameter.clone())
        .ok_or_else(|| {
            let short = path.rsplit('.').next().unwrap_or(path);
            let same_ending = all.iter().find(|(name, _)| name.rsplit('.').next() == Some(short));
            match same_ending {
                Some((name, _)) => {
                    Error::Unknown { what: "parameter", name: path.into(), nearest: Some(name.clone()) }
                }
                None => Error::unknown("parameter", path, all.iter().map(|(name, _)| name.as_str())),
            }
        })
}

/// The full path behind a path that ends in a short name of some layer.
fn resolve_alias(layer: &dyn Layer, path: &str) -> Option<String> {
    let expand = |prefix: &str, layer: &dyn Layer| {
        layer.aliases().iter().find_map(|(alias, target)| {
            let join =
                |name: &str| if prefix.is_empty() { name.to_string() } else { format!("{prefix}.{name}") };
            let alias = join(alias);
            (alias == path || alias.replace('.', "_") == path).then(|| join(target))
        })
    };
    expand("", layer).or_else(|| layers(layer).iter().find_map(|(prefix, child)| expand(prefix, &**child)))
}
