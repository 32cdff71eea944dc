//! What was recorded, which of it counts, and how likely it is given the output of a model.

use convis_kernels::parallel;

use super::threshold::Threshold;
use crate::fit::{Loss, Observation};
use crate::{Error, Result};

/// Whether the response of a frame enters a loss.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Counted {
    /// It only advances the model.
    No,
    /// It is fitted.
    Training,
    /// It says when to stop.
    Validation,
}

/// From the output y of a model to the expected response μ per step.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Readout {
    /// `μ = g(gain·y + offset)`, gain (1) and offset (0) of every unit fitted where asked for.
    Rate {
        /// g and the likelihood.
        observation: Observation,
        /// Whether every unit has an offset.
        offset: bool,
        /// Whether every unit has a gain.
        gain: bool,
    },
    /// y is a current in Hz, the response spikes: the probability of each by [`Threshold`]. Its parameters are g and σ.
    Threshold {
        /// The number of the population of cells within a retina.
        population: usize,
        /// Whether g and σ are fitted too; else they are held.
        neuron: bool,
        /// R, s.
        refractory_s: f64,
        /// Length of a step, s.
        step_s: f64,
        /// Nodes of the grid, see [`Threshold::half_nodes_for`].
        half_nodes: usize,
    },
}

/// Responses of some units to every frame.
#[derive(Clone, Debug)]
pub struct Recording {
    responses: Vec<f64>,
    units: usize,
    counted: Vec<Counted>,
    readout: Readout,
}

/// How an output compares with what was recorded.
#[derive(Clone, Debug, PartialEq)]
pub struct Compared {
    /// Mean loss over the numbers of the training part.
    pub loss: f64,
    /// The same of the validation part, where there is one.
    pub validation: Option<f64>,
    /// Derivative of the loss with respect to the output.
    pub by_output: Vec<f64>,
    /// Derivative with respect to the parameters of the read-out.
    pub by_parameters: Vec<f64>,
}

impl Recording {
    /// Responses `[frame][unit]`, and whether each frame counts.
    ///
    /// # Errors
    /// If lengths differ, a response cannot come from the distribution, no frame is fitted, or a unit that counts spikes has
    /// none in the training part.
    pub fn new(responses: Vec<f64>, units: usize, counted: Vec<Counted>, readout: Readout) -> Result<Self> {
        let frames = counted.len();
        if units == 0 || responses.len() != frames * units {
            let expected = format!("{frames} numbers for each of {units} units");
            return Err(Error::argument("response", expected, responses.len()));
        }
        if !counted.contains(&Counted::Training) {
            return Err(Error::argument("response", "at least one frame that is fitted", "none"));
        }
        let loss = match readout {
            Readout::Rate { observation, .. } => observation.loss,
            Readout::Threshold { .. } => Loss::Poisson,
        };
        loss.check(&responses)?;
        let recording = Self { responses, units, counted, readout };
        if !matches!(loss, Loss::Gaussian | Loss::Huber { .. }) {
            for unit in 0..units {
                if recording.mean(unit) == 0.0 {
                    let name = if units > 1 { format!("response of unit {unit}") } else { "response".into() };
                    return Err(Error::argument(name, "spikes in the part that is fitted", "none"));
                }
            }
        }
        Ok(recording)
    }

    /// Frames.
    pub const fn frames(&self) -> usize {
        self.counted.len()
    }

    /// Units.
    pub const fn units(&self) -> usize {
        self.units
    }

    /// Whether a frame counts.
    pub(super) fn counted(&self, frame: usize) -> Counted {
        self.counted[frame]
    }

    /// The response of a unit in a frame.
    pub(super) fn response(&self, frame: usize, unit: usize) -> f64 {
        self.responses[frame * self.units + unit]
    }

    /// How many numbers are fitted.
    pub fn fitted(&self) -> usize {
        self.units * self.counted.iter().filter(|counted| **counted == Counted::Training).count()
    }

    /// Mean response of a unit over the training part.
    pub fn mean(&self, unit: usize) -> f64 {
        self.average(|t| self.responses[t * self.units + unit])
    }

    fn average(&self, of: impl Fn(usize) -> f64) -> f64 {
        let frames: Vec<usize> =
            (0..self.frames()).filter(|&t| self.counted[t] == Counted::Training).collect();
        frames.iter().map(|&t| of(t)).sum::<f64>() / frames.len() as f64
    }

    /// Parameters of the read-out to begin with, given the output there: offsets with which the mean output leads to the mean
    /// response.
    pub fn start(&self, output: &[f64]) -> Vec<f64> {
        let Readout::Rate { observation, offset, gain } = self.readout else { return vec![] };
        let offsets = (0..self.units).map(|unit| {
            let (mean, output) = (self.mean(unit), self.average(|t| output[t * self.units + unit]));
            let any_spike = observation.loss == Loss::Bernoulli
                && observation.mean(0.0)[0] != observation.nonlinearity.at(0.0)[0];
            let rate = if any_spike { -(-mean.min(1.0 - 1e-6)).ln_1p() } else { mean };
            observation.nonlinearity.inverse(rate) - output
        });
        let mut parameters: Vec<f64> = if offset { offsets.collect() } else { vec![] };
        parameters.extend(std::iter::repeat_n(1.0, if gain { self.units } else { 0 }));
        parameters
    }

    /// The standard deviation of drive that a filter should begin with: ½ before a nonlinearity of rates, that of the responses
    /// where they are what is fitted.
    pub fn spread(&self) -> f64 {
        let Readout::Rate {
            observation: Observation { loss: Loss::Gaussian | Loss::Huber { .. }, .. }, ..
        } = self.readout
        else {
            return 0.5;
        };
        let variance = (0..self.units).map(|unit| {
            let mean = self.mean(unit);
            self.average(|t| (self.responses[t * self.units + unit] - mean).powi(2))
        });
        (variance.sum::<f64>() / self.units as f64).sqrt().max(1e-3)
    }

    /// (gain, offset) of a unit.
    fn affine(&self, unit: usize, parameters: &[f64]) -> [f64; 2] {
        let Readout::Rate { offset, gain, .. } = self.readout else { return [1.0, 0.0] };
        let gains = if offset { self.units } else { 0 };
        [if gain { parameters[gains + unit] } else { 1.0 }, if offset { parameters[unit] } else { 0.0 }]
    }

    fn check(&self, output: &[f64], parameters: &[f64]) -> Result<()> {
        let expected = match self.readout {
            Readout::Rate { offset, gain, .. } => self.units * (usize::from(offset) + usize::from(gain)),
            Readout::Threshold { .. } => 2,
        };
        if output.len() != self.responses.len() {
            return Err(Error::argument("output", format!("{} numbers", self.responses.len()), output.len()));
        }
        if parameters.len() != expected {
            return Err(Error::argument(
                "parameters of the read-out",
                format!("{expected} numbers"),
                parameters.len(),
            ));
        }
        Ok(())
    }

    /// The weight of a frame in the loss of the training and the validation part.
    fn weights(&self) -> impl Fn(usize) -> [f64; 2] + '_ {
        let part =
            |which: Counted| self.units as f64 * self.counted.iter().filter(|c| **c == which).count() as f64;
        let (training, validation) = (part(Counted::Training), part(Counted::Validation));
        move |t| match self.counted[t] {
            Counted::No => [0.0, 0.0],
            Counted::Training => [1.0 / training, 0.0],
            Counted::Validation => [0.0, 1.0 / validation],
        }
    }

    /// Compares an output `[frame][unit]` with what was recorded.
    ///
    /// # Errors
    /// If there are more or fewer numbers.
    pub fn compare(&self, output: &[f64], parameters: &[f64]) -> Result<Compared> {
        self.check(output, parameters)?;
        let weights = self.weights();
        let mut losses = [0.0; 2];
        let mut by_output = vec![0.0; output.len()];
        let mut by_parameters = vec![0.0; parameters.len()];
        match self.readout {
            Readout::Rate { observation, offset, gain } => {
                let affine: Vec<[f64; 2]> =
                    (0..self.units).map(|unit| self.affine(unit, parameters)).collect();
                let gains = if offset { self.units } else { 0 };
                for (i, (&y, &x)) in self.responses.iter().zip(output).enumerate() {
                    let (t, unit) = (i / self.units, i % self.units);
                    let [training, validation] = weights(t);
                    if training == 0.0 && validation == 0.0 {
                        continue;
                    }
                    let [factor, summand] = affine[unit];
                    let [loss, slope, _] = observation.at(y, factor * x + summand);
                    losses[0] += training * loss;
                    losses[1] += validation * loss;
                    if training > 0.0 {
                        by_output[i] = training * slope * factor;
                        if offset {
                            by_parameters[unit] += training * slope;
                        }
                        if gain {
                            by_parameters[gains + unit] += training * slope * x;
                        }
                    }
                }
            }
            Readout::Threshold { .. } => {
                let neuron = self.neuron(parameters);
                let units: Vec<usize> = (0..self.units).collect();
                let of_units = parallel::map(units, usize::MAX, |unit| {
                    let (current, spikes) = (self.column(output, unit), self.column(&self.responses, unit));
                    let hazards = neuron.hazards(&current, &spikes)?;
                    let (mut losses, mut gradient) = ([0.0; 2], vec![0.0; current.len()]);
                    for (t, &p) in hazards.probability.iter().enumerate() {
                        let [loss, slope, ..] = Loss::Bernoulli.at(spikes[t].min(1.0), p);
                        let [training, validation] = weights(t);
                        losses[0] += training * loss;
                        losses[1] += validation * loss;
                        gradient[t] = training * slope;
                    }
                    let (by_current, by_g, by_sigma) = neuron.adjoint(&current, &spikes, &hazards, &gradient);
                    Ok((losses, by_current, [by_g, by_sigma]))
                });
                for (unit, found) in of_units.into_iter().enumerate() {
                    let (of_unit, by_current, by_neuron): ([f64; 2], Vec<f64>, [f64; 2]) = found?;
                    (losses[0], losses[1]) = (losses[0] + of_unit[0], losses[1] + of_unit[1]);
                    by_current.iter().enumerate().for_each(|(t, g)| by_output[t * self.units + unit] = *g);
                    by_parameters.iter_mut().zip(by_neuron).for_each(|(sum, g)| *sum += g);
                }
            }
        }
        let validation = self.counted.contains(&Counted::Validation).then_some(losses[1]);
        Ok(Compared { loss: losses[0], validation, by_output, by_parameters })
    }

    /// The expected response `[frame][unit]`: with [`Readout::Threshold`], the probability of a spike given those recorded
    /// before it.
    ///
    /// # Errors
    /// If there are more or fewer numbers.
    pub fn expected(&self, output: &[f64], parameters: &[f64]) -> Result<Vec<f64>> {
        self.check(output, parameters)?;
        let Readout::Rate { observation, .. } = self.readout else {
            let neuron = self.neuron(parameters);
            let units: Vec<usize> = (0..self.units).collect();
            let columns = parallel::map(units, usize::MAX, |unit| {
                neuron.hazards(&self.column(output, unit), &self.column(&self.responses, unit))
            });
            let columns = columns.into_iter().collect::<Result<Vec<_>>>()?;
            let frames = 0..self.frames();
            return Ok(frames.flat_map(|t| columns.iter().map(move |c| c.probability[t])).collect());
        };
        let affine: Vec<[f64; 2]> = (0..self.units).map(|unit| self.affine(unit, parameters)).collect();
        let mean = |(i, &x): (usize, &f64)| {
            let [factor, summand] = affine[i % self.units];
            observation.mean(factor * x + summand)[0]
        };
        Ok(output.iter().enumerate().map(mean).collect())
    }

    /// Expected responses of the training part, and the Fisher information that each carries about its mean.
    ///
    /// # Errors
    /// If there are more or fewer numbers.
    pub fn means(&self, output: &[f64], parameters: &[f64]) -> Result<(Vec<f64>, Vec<f64>)> {
        let expected = self.expected(output, parameters)?;
        let training = |i: &usize| self.counted[i / self.units] == Counted::Training;
        let places: Vec<usize> = (0..expected.len()).filter(training).collect();
        let means: Vec<f64> = places.iter().map(|&i| expected[i]).collect();
        let loss = match self.readout {
            Readout::Rate { observation, .. } => observation.loss,
            Readout::Threshold { .. } => Loss::Bernoulli,
        };
        let scale = if matches!(loss, Loss::Gaussian | Loss::Huber { .. }) {
            // The variance of the responses is not known: that of what the model leaves.
            let left = |&i: &usize| (self.responses[i] - expected[i]).powi(2);
            let variance = places.iter().map(left).sum::<f64>() / places.len() as f64;
            1.0 / variance.max(f64::MIN_POSITIVE)
        } else {
            1.0
        };
        let information =
            places.iter().map(|&i| scale * loss.at(self.responses[i], expected[i])[3]).collect();
        Ok((means, information))
    }

    fn neuron(&self, parameters: &[f64]) -> Threshold {
        let (refractory_s, step_s, half_nodes) = match self.readout {
            Readout::Threshold { refractory_s, step_s, half_nodes, .. } => (refractory_s, step_s, half_nodes),
            Readout::Rate { .. } => (0.0, 0.0, 0),
        };
        Threshold { leak_hz: parameters[0], sigma: parameters[1], refractory_s, step_s, half_nodes }
    }

    fn column(&self, numbers: &[f64], unit: usize) -> Vec<f64> {
        numbers.iter().skip(unit).step_by(self.units).copied().collect()
    }
}
