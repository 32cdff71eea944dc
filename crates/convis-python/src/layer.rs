//! `Layer`: a layer of the library with its state, or a view of a sub-layer within its model.

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::sync::{Arc, Mutex, MutexGuard, TryLockError};
use std::time::{Duration, Instant};

use convis::checkpoint::{call_checkpointed, frames_between};
use convis::kernels::parallel;
use convis::layer::{Part, Recorder, Scope, stages};
use convis::run::{Chunk, Movie, RunOptions, run};
use convis::tensor::buffer::Buffer;
use convis::tensor::{Data, Numbers};
use convis::{DType, Error, GradientMode, Layer, NoiseId, Output, Resolution, Result, Spike, State, Tensor};
use numpy::{IntoPyArray, PyArray1};
use pyo3::exceptions::PyRuntimeError;
use pyo3::prelude::*;

use crate::arrays;
use crate::compute::compute;
use crate::errors::{checked, exception};
use crate::parameter::PyParameter;
use crate::state::{PyState, below, cast, replaced};
use crate::tensor::PyTensor;

/// A layer with its state. Sub-layers are views: they share the state of the model they belong to.
#[pyclass(frozen, name = "Layer", module = "convis._native")]
pub struct PyLayer {
    /// The model that it is, or is part of.
    model: Arc<dyn Layer>,
    layer: Arc<dyn Layer>,
    /// The layer at its place, so that it finds its part of the model's state.
    placed: Arc<dyn Layer>,
    path: String,
    state: Arc<Mutex<State>>,
}

/// Movies with their names.
type Movies = Vec<(String, PyTensor)>;
/// Spikes of a layer: step, time since the beginning of the step, plane, pixel.
type Events<'py> = (
    Bound<'py, PyArray1<u64>>,
    Bound<'py, PyArray1<f64>>,
    Bound<'py, PyArray1<u32>>,
    Bound<'py, PyArray1<u32>>,
);

/// How long a run goes on between two looks at signals such as Ctrl-C.
const PATIENCE: Duration = Duration::from_millis(20);

impl PyLayer {
    /// A layer with a new state.
    pub fn new(layer: Arc<dyn Layer>, noise: NoiseId) -> Self {
        let state = Arc::new(Mutex::new(State::new(noise)));
        Self { model: layer.clone(), placed: layer.clone(), layer, path: String::new(), state }
    }

    /// The layer itself.
    pub fn layer(&self) -> &dyn Layer {
        &*self.layer
    }

    fn state(&self) -> PyResult<MutexGuard<'_, State>> {
        match self.state.try_lock() {
            Ok(state) => Ok(state),
            Err(TryLockError::Poisoned(state)) => Ok(state.into_inner()),
            Err(TryLockError::WouldBlock) => Err(PyRuntimeError::new_err(
                "this model is being run by another thread; wait for it, or give each thread its own copy \
                 (copy.deepcopy)",
            )),
        }
    }

    fn below(&self, path: &str) -> String {
        if self.path.is_empty() { path.into() } else { format!("{}.{path}", self.path) }
    }

    /// The view of a sub-layer.
    fn child(&self, name: &str, layer: Arc<dyn Layer>) -> Self {
        let (model, path) = (self.model.clone(), self.below(name));
        let placed = Arc::new(Place { model: model.clone(), path: path.clone(), layer: layer.clone() });
        Self { model, layer, placed, path, state: self.state.clone() }
    }

    fn part_of<'a>(&self, path: &'a str) -> &'a str {
        path.strip_prefix(&*self.path).map_or(path, |rest| rest.strip_prefix('.').unwrap_or(rest))
    }
}

#[pymethods]
impl PyLayer {
    /// The name of its type.
    #[getter]
    fn kind(&self) -> &'static str {
        self.layer.kind()
    }

    /// What it computes, in a paragraph.
    #[getter]
    fn doc(&self) -> &'static str {
        self.layer.doc()
    }

    /// Pixels per degree and steps per second.
    #[getter]
    fn resolution(&self) -> (f64, f64) {
        let resolution = self.layer.resolution();
        (resolution.pixel_per_degree(), resolution.steps_per_second())
    }

    /// Its parameters and sub-layers by name, in order.
    fn parts<'py>(&self, py: Python<'py>) -> PyResult<Vec<(String, Bound<'py, PyAny>)>> {
        (self.layer.parts().into_iter())
            .map(|part| match part {
                Part::Parameter(parameter) => {
                    let name = parameter.name().to_string();
                    Ok((name, Bound::new(py, PyParameter::from(parameter.clone()))?.into_any()))
                }
                Part::Child(name, layer) => {
                    Ok((name.to_string(), Bound::new(py, self.child(name, layer))?.into_any()))
                }
            })
            .collect()
    }

    /// Other names of parameters below: (name, path).
    fn aliases(&self) -> Vec<(&'static str, &'static str)> {
        self.layer.aliases().to_vec()
    }

    /// Paths of the layers below.
    fn stages(&self) -> Vec<String> {
        stages(&*self.layer)
    }

    /// Compute one chunk and advance the state.
    fn call(&self, py: Python<'_>, input: &Bound<'_, PyAny>, tracked: bool) -> PyResult<Movies> {
        let input = arrays::borrowed(input)?;
        let mut state = self.state()?;
        let mut after = state.clone();
        let mode = if tracked { GradientMode::Call } else { GradientMode::Off };
        let (output, after) = compute(py, || {
            let output = checked(convis::call(&*self.placed, &input, &mut after, mode, None))?;
            Ok((output, after))
        })?;
        *state = after;
        Ok(output.into_movies().into_iter().map(|(name, movie)| (name, movie.into())).collect())
    }

    /// Compute one chunk and advance the state, keeping for gradients only a state every so many frames; by default as many
    /// as need the least memory.
    fn call_checkpointed(
        &self,
        py: Python<'_>,
        input: &Bound<'_, PyAny>,
        frames: Option<usize>,
    ) -> PyResult<Movies> {
        let input = arrays::borrowed(input)?;
        let mut state = self.state()?;
        let mut after = state.clone();
        let (output, after) = compute(py, || {
            let frames = match frames {
                Some(frames) => frames,
                None => frames_between(checked(input.signal())?.frames),
            };
            let output = checked(call_checkpointed(&self.placed, &input, &mut after, frames))?;
            Ok((output, after))
        })?;
        *state = after;
        Ok(output.into_movies().into_iter().map(|(name, movie)| (name, movie.into())).collect())
    }

    /// Compute one chunk, advance the state, and return the outputs of a stage with their history.
    fn call_stage(
        &self,
        py: Python<'_>,
        input: &Bound<'_, PyAny>,
        stage: &str,
        tracked: bool,
    ) -> PyResult<Movies> {
        let input = arrays::borrowed(input)?;
        let mut state = self.state()?;
        let mut after = state.clone();
        let mode = if tracked { GradientMode::Call } else { GradientMode::Off };
        let path = self.below(stage);
        let mut recorder = Recorder { stages: vec![path.clone()], ..Recorder::default() };
        let (output, after) = compute(py, || {
            checked(convis::call(&*self.placed, &input, &mut after, mode, Some(&mut recorder)))?;
            let output = recorder.outputs.remove(&path);
            Ok((output.map_or_else(Vec::new, Output::into_movies), after))
        })?;
        *state = after;
        Ok(output.into_iter().map(|(name, movie)| (name, movie.into())).collect())
    }

    /// Run on a whole movie, chunk by chunk: outputs, outputs of the stages, spikes of the spiking layers by path.
    ///
    /// After every chunk `tick` is called with the number of its frames.
    #[pyo3(signature = (input, chunk, max_frames, stages, spikes, tick))]
    #[allow(clippy::needless_pass_by_value, clippy::too_many_arguments)] // what the binding hands over
    fn run<'py>(
        &self,
        py: Python<'py>,
        input: &Bound<'py, PyAny>,
        chunk: Option<usize>,
        max_frames: Option<u64>,
        stages: Vec<String>,
        spikes: bool,
        tick: Option<Py<PyAny>>,
    ) -> PyResult<(Movies, Movies, BTreeMap<String, Events<'py>>)> {
        let movie = arrays::borrowed(input)?;
        let wanted: Vec<String> = stages.iter().map(|stage| self.below(stage)).collect();
        let options = RunOptions { chunk, max_frames, stages: wanted, spikes };
        let mut state = self.state()?;
        let mut after = state.clone();
        let (result, after) = compute(py, || {
            let result = collect(&*self.placed, &movie, &mut after, &options, tick.as_ref());
            Ok((result, after))
        })?;
        // Also after an interruption: the state is that after the last whole chunk.
        *state = after;
        drop(state);
        let collected = result?;
        let movies = |movies: Vec<(String, Collected)>| -> PyResult<Movies> {
            movies.into_iter().map(|(name, movie)| Ok((name, checked(movie.into_tensor())?.into()))).collect()
        };
        let of_stages =
            collected.stages.into_iter().map(|(name, x)| (self.part_of(&name).to_string(), x)).collect();
        let events = (collected.events.iter())
            .map(|(path, spikes)| (self.part_of(path).to_string(), table(py, spikes)))
            .collect();
        Ok((movies(collected.outputs)?, movies(of_stages)?, events))
    }

    /// Frames since the state was cleared.
    #[getter]
    fn frames(&self) -> PyResult<u64> {
        Ok(self.state()?.frames())
    }

    /// What it remembers.
    fn get_state(&self) -> PyResult<PyState> {
        Ok(PyState(below(&*self.state()?, &self.path)))
    }

    /// Continue from a state.
    fn set_state(&self, state: &Bound<'_, PyState>) -> PyResult<()> {
        let mut now = self.state()?;
        *now = replaced(&now, &self.path, &state.get().0);
        Ok(())
    }

    /// Forget everything and begin the next trial.
    fn clear_state(&self) -> PyResult<()> {
        let mut now = self.state()?;
        if self.path.is_empty() {
            now.clear();
            return Ok(());
        }
        let noise = NoiseId { trial: now.noise().trial + 1, ..now.noise() };
        *now = replaced(&now, &self.path, &State::new(noise));
        Ok(())
    }

    /// Go on with numbers of another type.
    fn cast_state(&self, double: bool) -> PyResult<()> {
        let mut now = self.state()?;
        let part = cast(&below(&now, &self.path), if double { DType::F64 } else { DType::F32 });
        *now = replaced(&now, &self.path, &part);
        Ok(())
    }
}

/// A sub-layer that computes alone, at its place in the model: with its part of the model's state.
struct Place {
    model: Arc<dyn Layer>,
    path: String,
    layer: Arc<dyn Layer>,
}

impl Layer for Place {
    fn kind(&self) -> &'static str {
        self.layer.kind()
    }

    fn doc(&self) -> &'static str {
        self.layer.doc()
    }

    fn parts(&self) -> Vec<Part<'_>> {
        self.model.parts()
    }

    fn resolution(&self) -> Resolution {
        self.layer.resolution()
    }

    fn forward(&self, input: &Tensor, scope: &mut Scope<'_>) -> Result<Output> {
        fn at(path: &str, layer: &dyn Layer, input: &Tensor, scope: &mut Scope<'_>) -> Result<Output> {
            match path.split_once('.') {
                Some((first, rest)) => scope.within(first, |scope| at(rest, layer, input, scope)),
                None => scope.child(path, layer, input),
            }
        }
        at(&self.path, &*self.layer, input, scope)
    }
}

/// What a run has gathered.
#[derive(Default)]
struct Run {
    outputs: Vec<(String, Collected)>,
    stages: Vec<(String, Collected)>,
    events: BTreeMap<String, Vec<Spike>>,
}

fn collect(
    layer: &dyn Layer,
    movie: &Tensor,
    state: &mut State,
    options: &RunOptions,
    tick: Option<&Py<PyAny>>,
) -> PyResult<Run> {
    let frames = movie.shape().get(2).map_or(0, |&n| n as u64).min(options.max_frames.unwrap_or(u64::MAX));
    let mut collected = Run::default();
    let mut looked = Instant::now();
    let mut interruption = None;
    let mut source = checked(Movie::new(movie.clone()))?;
    let mut at = 0;
    let result = run(layer, &mut source, state, options, &mut |chunk: Chunk| {
        let place = [at, chunk.frames, frames as usize];
        for (i, (name, movie)) in chunk.output.movies().iter().enumerate() {
            add(&mut collected.outputs, i, name, movie, place)?;
        }
        let mut i = 0;
        for stage in &options.stages {
            for (name, movie) in chunk.recorder.outputs.get(stage).map_or(&[][..], Output::movies) {
                let name = if name.is_empty() { stage.clone() } else { format!("{stage}.{name}") };
                add(&mut collected.stages, i, &name, movie, place)?;
                i += 1;
            }
        }
        for (path, spikes) in chunk.recorder.events {
            collected.events.entry(path).or_default().extend(spikes);
        }
        at += chunk.frames;
        // With a bar to draw after every chunk, or else from time to time, also look for signals.
        if tick.is_some() || looked.elapsed() > PATIENCE {
            looked = Instant::now();
            let looking = Python::attach(|py| {
                tick.map(|tick| tick.call1(py, (chunk.frames,))).transpose()?;
                py.check_signals()
            });
            if let Err(signal) = looking {
                interruption = Some(signal);
                return Ok(ControlFlow::Break(()));
            }
        }
        Ok(ControlFlow::Continue(()))
    });
    match (interruption, result) {
        (Some(signal), _) => Err(signal),
        (None, Err(error)) => Err(exception(&error)),
        (None, Ok(_)) => Ok(collected),
    }
}

/// Adds a part of a movie to those collected; its place: frames before, of the chunk, of the whole input.
fn add(
    all: &mut Vec<(String, Collected)>,
    i: usize,
    name: &str,
    part: &Tensor,
    [before, now, total]: [usize; 3],
) -> Result<()> {
    if all.len() == i {
        all.push((name.into(), Collected::like(part, now, total)?));
    }
    all[i].1.put(part, before)
}

/// A movie that grows chunk by chunk.
enum Collected {
    /// Of as many frames as the input: there is room for all of them from the start.
    Frames { shape: Vec<usize>, numbers: Growing },
    /// Of as many frames as come.
    Parts(Vec<Tensor>),
}

enum Growing {
    F32(Vec<f32>),
    F64(Vec<f64>),
    U8(Vec<u8>),
}

impl Collected {
    fn like(part: &Tensor, now: usize, total: usize) -> Result<Self> {
        if part.signal()?.frames != now {
            return Ok(Self::Parts(vec![]));
        }
        let len = part.signal()?.with_frames(total).len();
        let mut shape = part.shape().to_vec();
        shape[2] = total;
        let numbers = match part.dtype() {
            DType::F32 => Growing::F32(Buffer::unwritten(len)),
            DType::F64 => Growing::F64(Buffer::unwritten(len)),
            DType::U8 => Growing::U8(Buffer::unwritten(len)),
        };
        Ok(Self::Frames { shape, numbers })
    }

    /// Puts the frames of `part` from frame `at` on.
    fn put(&mut self, part: &Tensor, at: usize) -> Result<()> {
        /// Numbers that a thread copies at a time.
        const PIECE: usize = 1 << 16;
        fn copy<T: Numbers>(all: &mut [T], part: &[T], planes: usize, skip: usize) {
            let (whole, part_len) = (all.len() / planes, part.len() / planes);
            let planes = all.chunks_exact_mut(whole).zip(part.chunks_exact(part_len));
            let pieces = planes
                .flat_map(|(all, part)| all[skip..skip + part_len].chunks_mut(PIECE).zip(part.chunks(PIECE)));
            parallel::for_each(pieces.collect(), part.len(), |(to, from)| to.copy_from_slice(from));
        }
        let (shape, numbers) = match self {
            Self::Frames { shape, numbers } => (shape, numbers),
            Self::Parts(parts) => {
                parts.push(part.owned());
                return Ok(());
            }
        };
        let signal = part.signal()?;
        let mut expected = shape.clone();
        expected[2] = signal.frames;
        if part.shape() != expected || at + signal.frames > shape[2] {
            return Err(Error::Mismatch(format!(
                "a layer returned shape {:?} after chunks of shape {expected:?}",
                part.shape()
            )));
        }
        let skip = at * signal.pixels();
        match (numbers, part.data()) {
            (Growing::F32(all), Data::F32(part)) => copy(all, part, signal.planes, skip),
            (Growing::F64(all), Data::F64(part)) => copy(all, part, signal.planes, skip),
            (Growing::U8(all), Data::U8(part)) => copy(all, part, signal.planes, skip),
            _ => return Err(Error::Mismatch("a layer changed the type of its output in mid-run".into())),
        }
        Ok(())
    }

    fn into_tensor(self) -> Result<Tensor> {
        match self {
            Self::Frames { shape, numbers } => match numbers {
                Growing::F32(numbers) => Tensor::from_buffer(Buffer::written(numbers), &shape),
                Growing::F64(numbers) => Tensor::from_buffer(Buffer::written(numbers), &shape),
                Growing::U8(numbers) => Tensor::from_buffer(Buffer::written(numbers), &shape),
            },
            Self::Parts(parts) => Tensor::join_frames(&parts),
        }
    }
}

fn table<'py>(py: Python<'py>, spikes: &[Spike]) -> Events<'py> {
    let steps: Vec<u64> = spikes.iter().map(|spike| spike.step).collect();
    let offsets: Vec<f64> = spikes.iter().map(|spike| spike.offset_s).collect();
    let planes: Vec<u32> = spikes.iter().map(|spike| spike.plane).collect();
    let pixels: Vec<u32> = spikes.iter().map(|spike| spike.pixel).collect();
    (steps.into_pyarray(py), offsets.into_pyarray(py), planes.into_pyarray(py), pixels.into_pyarray(py))
}
