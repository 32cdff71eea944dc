//! A layer, a movie and a recording as something to train.

use super::{Coordinates, Counted, Domain, Evaluation, Objective, Readout, Recording, Shown, Threshold};
use crate::layer::{GradientMode, Layer, Recorder, call, parameter};
use crate::optimizers::ParameterVector;
use crate::parameter::Parameter;
use crate::tensor::backward;
use crate::{DType, Error, NoiseId, Result, State, Tensor};

/// Where a unit is in the output of a layer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pixel {
    /// Channel.
    pub channel: usize,
    /// Row.
    pub row: usize,
    /// Column.
    pub column: usize,
}

/// A layer whose output, at some pixels, explains a recording.
///
/// The layer sees the whole movie, in order, from a cleared state; only frames that count enter the loss. The numbers that
/// are fitted are those of the layer's parameters that require gradients, then those of the read-out
/// ([`LayerObjective::names`]). With [`Readout::Threshold`] the output is that of the stage that makes the current, and
/// g and σ, the last two numbers, are parameters of the stage that
/// makes the spikes.
///
/// # Example
/// ```
/// use std::ops::ControlFlow;
/// use convis::fit::{Counted, LayerObjective, Loss, Method, Nonlinearity, Observation, Readout, Training};
/// use convis::{Resolution, Tensor, filters::TemporalLowPassFilterRecursive, layer};
/// // The time constant of a low-pass filter, from its output.
/// let x: Vec<f64> = (0..200).map(|t| if t % 40 < 20 { 1.0 } else { 0.0 }).collect();
/// let mut y = 0.0;
/// let response: Vec<f64> = x.iter().map(|x| { y += (x - y) * (1.0 - (-0.001f64 / 0.03).exp()); y }).collect();
/// let filter = TemporalLowPassFilterRecursive::new(0.01, Resolution::default())?;
/// let observation = Observation { nonlinearity: Nonlinearity::Identity, loss: Loss::Gaussian };
/// let readout = Readout::Rate { observation, offset: false, gain: false };
/// let movie = Tensor::from_vec(x, &[1, 1, 200, 1, 1])?;
/// let mut objective = LayerObjective::new(&filter, movie, response, vec![Counted::Training; 200], readout, None)?;
/// let (start, coordinates) = objective.start()?;
/// let training = Training { method: Method::Lbfgs, ..Training::default() };
/// training.run(&mut objective, &coordinates, &start, None, &mut |_| Ok(ControlFlow::Continue(())))?;
/// assert!((layer::parameter(&filter, "tau")?.scalar() - 0.03).abs() < 1e-4);
/// # Ok::<(), convis::Error>(())
/// ```
pub struct LayerObjective<'a> {
    layer: &'a dyn Layer,
    input: Tensor,
    /// Paths of the stages that make the current and the spikes, for [`Readout::Threshold`].
    stages: Option<[String; 2]>,
    parameters: ParameterVector,
    names: Vec<String>,
    /// g and σ.
    neuron: Option<[Parameter; 2]>,
    pixels: Vec<Pixel>,
    recording: Recording,
    readout: Vec<f64>,
}

impl<'a> LayerObjective<'a> {
    /// A layer, its input and the responses `[frame][unit]`; one unit a pixel of the output, or those given.
    ///
    /// Filters of five axes that are all zero begin at the spike-triggered average ([`Recording::start_filters`]). With
    /// [`Readout::Threshold`], the current is that of the stage `gang_0_input`, the neuron that of `gang_0_spikes`; or those of
    /// another population.
    ///
    /// # Errors
    /// If the input does not vary, the layer has no free parameters, pixels and responses do not fit, or those of
    /// [`Recording::new`].
    pub fn new(
        layer: &'a dyn Layer,
        input: Tensor,
        responses: Vec<f64>,
        counted: Vec<Counted>,
        readout: Readout,
        pixels: Option<Vec<Pixel>>,
    ) -> Result<Self> {
        let input = input.cast(DType::F64);
        let frames = input.signal()?.frames;
        check(&input, frames, counted.len())?;
        let stages = match readout {
            Readout::Threshold { population, .. } => {
                Some(["input", "spikes"].map(|stage| format!("gang_{population}_{stage}")))
            }
            Readout::Rate { .. } => None,
        };
        let zero: Vec<Parameter> = ParameterVector::of(layer)
            .parameters()
            .iter()
            .filter(|p| p.value().1.len() == 5 && p.value().0.iter().all(|w| *w == 0.0))
            .cloned()
            .collect();
        let neuron = match &stages {
            Some([_, spikes]) => Some([
                parameter(layer, &format!("{spikes}.g_L"))?,
                parameter(layer, &format!("{spikes}.noise_sigma"))?,
            ]),
            None => None,
        };
        // Layers that take their sizes from the first frame have their parameters now.
        let output = output_of(layer, &input, stages.as_ref(), GradientMode::Off)?;
        let pixels = pixels_of(&output, frames, responses.len(), pixels)?;
        let recording = Recording::new(responses, pixels.len(), counted, readout)?;
        let parameters = ParameterVector::of(layer);
        let mut output = output;
        if !zero.is_empty() && input.shape()[1] == 1 {
            let spread = recording.spread();
            let shown = Shown { numbers: &input.to_f64(), size: [input.shape()[3], input.shape()[4]] };
            recording.start_filters(&zero, layer.kind() == "SeparableSTRF", shown, spread)?;
            output = output_of(layer, &input, stages.as_ref(), GradientMode::Off)?;
        }
        let mut objective = Self {
            layer,
            input,
            stages,
            parameters,
            names: vec![],
            neuron,
            pixels,
            recording,
            readout: vec![],
        };
        objective.readout = match (&objective.neuron, readout) {
            (_, Readout::Threshold { neuron: false, .. }) => vec![],
            (Some(neuron), _) => neuron.iter().map(Parameter::scalar).collect(),
            (None, _) => objective.recording.start(&objective.at_pixels(&output)),
        };
        objective.names = objective.all_names(readout);
        Ok(objective)
    }

    fn all_names(&self, readout: Readout) -> Vec<String> {
        let paths = crate::layer::parameters(self.layer);
        let mut names = vec![];
        for parameter in self.parameters.parameters() {
            let path = paths.iter().find(|(_, p)| p.is(parameter)).map_or(parameter.name(), |(path, _)| path);
            let count = parameter.value().0.len();
            names.extend(
                (0..count).map(|i| if count == 1 { path.to_string() } else { format!("{path}[{i}]") }),
            );
        }
        if let (Some([_, spikes]), Readout::Threshold { neuron: true, .. }) = (&self.stages, readout) {
            names.extend(["g_L", "noise_sigma"].map(|name| format!("{spikes}.{name}")));
        }
        if let Readout::Rate { offset, gain, .. } = readout {
            for name in
                [(offset, "offset"), (gain, "gain")].iter().filter(|(on, _)| *on).map(|(_, name)| name)
            {
                names.extend((0..self.pixels.len()).map(|unit| format!("readout.{name}[{unit}]")));
            }
        }
        names
    }

    /// The path of every number: those of the layer, then `readout.offset` and `readout.gain` of every unit.
    pub fn names(&self) -> &[String] {
        &self.names
    }

    /// The point that the layer and the read-out stand at, and its coordinates.
    ///
    /// # Errors
    /// If there is no free parameter.
    pub fn start(&self) -> Result<(Vec<f64>, Coordinates)> {
        let (mut point, mut numbers) = (vec![], vec![]);
        for parameter in self.parameters.parameters() {
            let value = parameter.value().0;
            let size = (value.iter().map(|x| x * x).sum::<f64>() / value.len() as f64).sqrt();
            let scale = if size > 0.0 { size } else { 1.0 };
            numbers.extend(value.iter().map(|_| (Domain::from(parameter.spec().range), scale)));
            point.extend(value);
        }
        if point.is_empty() {
            return Err(Error::argument("model", "parameters that require gradients", "none"));
        }
        let domain = if self.neuron.is_some() { Domain::Positive } else { Domain::Any };
        numbers.extend(self.readout.iter().map(|_| (domain, 1.0)));
        point.extend(&self.readout);
        Ok((point, Coordinates::new(numbers)?))
    }

    /// The recording.
    pub const fn recording(&self) -> &Recording {
        &self.recording
    }

    /// The expected response `[frame][unit]` in every frame at a point; the layer's parameters stay there.
    ///
    /// # Errors
    /// If the layer cannot be computed there.
    pub fn expected(&mut self, point: &[f64]) -> Result<Vec<f64>> {
        let readout = self.set(point)?;
        let output = output_of(self.layer, &self.input, self.stages.as_ref(), GradientMode::Off)?;
        self.recording.expected(&self.at_pixels(&output), &readout)
    }

    /// Sets the layer's parameters; those of the read-out.
    fn set(&mut self, point: &[f64]) -> Result<Vec<f64>> {
        let (of_layer, of_readout) =
            point.split_at_checked(point.len().saturating_sub(self.readout.len())).unwrap_or((point, &[]));
        self.parameters.set(of_layer)?;
        self.readout = of_readout.to_vec();
        for (parameter, value) in self.neuron.iter().flatten().zip(of_readout) {
            parameter.set(*value)?;
        }
        Ok(match &self.neuron {
            Some(neuron) => neuron.iter().map(Parameter::scalar).collect(),
            None => self.readout.clone(),
        })
    }

    fn places(&self, shape: &[usize]) -> Vec<usize> {
        let [rows, columns] = [shape[3], shape[4]];
        let frame = rows * columns;
        let place = |t: usize, p: &Pixel| (p.channel * shape[2] + t) * frame + p.row * columns + p.column;
        (0..shape[2]).flat_map(|t| self.pixels.iter().map(move |p| place(t, p))).collect()
    }

    fn at_pixels(&self, output: &Tensor) -> Vec<f64> {
        let numbers = output.to_f64();
        self.places(output.shape()).into_iter().map(|place| numbers[place]).collect()
    }
}

/// Refuses an input that says nothing, or does not fit the responses.
fn check(input: &Tensor, frames: usize, responses: usize) -> Result<()> {
    if responses != frames {
        return Err(Error::argument("response", format!("{frames} frames, as the stimulus has"), responses));
    }
    if input.shape()[0] != 1 {
        return Err(Error::argument("stimulus", "one batch", input.shape()[0]));
    }
    if input.is_finite() {
        let numbers = input.to_f64();
        if numbers.iter().all(|x| *x == numbers[0]) {
            return Err(Error::argument("stimulus", "one that varies", format!("{} everywhere", numbers[0])));
        }
    }
    Ok(())
}

/// Where the units are: where somebody says, or one a pixel.
fn pixels_of(
    output: &Tensor,
    frames: usize,
    responses: usize,
    said: Option<Vec<Pixel>>,
) -> Result<Vec<Pixel>> {
    let [_, channels, made, rows, columns] = output.shape()[..] else {
        return Err(Error::argument("output", "a movie", format!("shape {:?}", output.shape())));
    };
    if made != frames {
        return Err(Error::argument("output", format!("{frames} frames, as went in"), made));
    }
    let every = || {
        (0..channels * rows * columns)
            .map(|i| Pixel { channel: i / (rows * columns), row: i / columns % rows, column: i % columns })
            .collect()
    };
    let pixels: Vec<Pixel> = said.unwrap_or_else(every);
    if let Some(p) = pixels.iter().find(|p| p.channel >= channels || p.row >= rows || p.column >= columns) {
        let expected = format!("pixels of {channels} channels, {rows} rows and {columns} columns");
        return Err(Error::argument("cells", expected, format!("({}, {}, {})", p.channel, p.row, p.column)));
    }
    if pixels.is_empty() || responses != frames * pixels.len() {
        let units = responses / frames.max(1);
        let expected = format!(
            "{} units, one a pixel of the output (channels × rows × columns = {channels} × {rows} × {columns}); or say \
             where the units are, by cells",
            pixels.len()
        );
        return Err(Error::argument("response", expected, format!("{units} units")));
    }
    Ok(pixels)
}

/// The output of a layer, or of the stage that makes the current.
fn output_of(
    layer: &dyn Layer,
    input: &Tensor,
    stages: Option<&[String; 2]>,
    gradients: GradientMode,
) -> Result<Tensor> {
    let mut state = State::new(NoiseId { seed: 0, model: 0, trial: 0 });
    let Some([current, _]) = stages else {
        let output = call(layer, input, &mut state, gradients, None)?;
        return output.first().cloned();
    };
    let mut recorder = Recorder { stages: vec![current.clone()], ..Recorder::default() };
    call(layer, input, &mut state, gradients, Some(&mut recorder))?;
    match recorder.outputs.get(current) {
        Some(output) => output.first().cloned(),
        None => Err(Error::unknown("stage", current, [])),
    }
}

impl Objective for LayerObjective<'_> {
    fn evaluate(&mut self, point: &[f64]) -> Result<Evaluation> {
        let readout = self.set(point)?;
        self.parameters.zero_gradient();
        let output = output_of(self.layer, &self.input, self.stages.as_ref(), GradientMode::Call)?;
        let found = self.recording.compare(&self.at_pixels(&output), &readout)?;
        if output.has_history() {
            let mut by_output = vec![0.0; output.len()];
            for (place, gradient) in self.places(output.shape()).into_iter().zip(&found.by_output) {
                by_output[place] += gradient;
            }
            backward(&[(&output, Tensor::from_vec(by_output, output.shape())?)])?;
        }
        let mut gradient = self.parameters.gradient();
        self.parameters.zero_gradient();
        gradient.extend(found.by_parameters.iter().take(self.readout.len()));
        Ok(Evaluation { loss: found.loss, gradient, validation: found.validation })
    }

    fn means(&mut self, point: &[f64]) -> Result<(Vec<f64>, Vec<f64>)> {
        let readout = self.set(point)?;
        let output = output_of(self.layer, &self.input, self.stages.as_ref(), GradientMode::Off)?;
        self.recording.means(&self.at_pixels(&output), &readout)
    }
}

impl Readout {
    /// The read-out of a population of a retina, 0 for ON and 1 for OFF cells: [`Readout::Threshold`] with the refractory
    /// period and step of its cells, g and σ fitted where `neuron` says so.
    ///
    /// # Errors
    /// If there is no such population, or it makes no spikes.
    pub fn of_retina(retina: &dyn Layer, population: usize, neuron: bool) -> Result<Self> {
        let value =
            |name: &str| parameter(retina, &format!("gang_{population}_spikes.{name}")).map(|p| p.scalar());
        let step_s = 1.0 / retina.resolution().steps_per_second();
        let half_nodes = Threshold::half_nodes_for(value("g_L")?, step_s);
        Ok(Self::Threshold { population, neuron, refractory_s: value("refr_mu")?, step_s, half_nodes })
    }
}
