//! Classical experiments on described retinas.
//!
//! | experiment | shows |
//! |---|---|
//! | [`drifting_gratings`], [`contrast_reversal`] | linear X and nonlinear Y cells: Enroth-Cugell & Robson 1966 |
//! | [`sum_of_sinusoids`] | contrast gain control: Shapley & Victor 1978 |
//!
//! Each shows gratings to one cell, in the middle of the screen, and takes its current (Hz) apart into harmonics. Gratings
//! are the same along their bars, so a screen of one row is enough. Resolution, step and conventions are chosen for the
//! experiment, whatever the description says; noise and spikes are left out, unless trials of them are asked for.

mod enroth_cugell;
mod shapley_victor;

pub use enroth_cugell::{
    DifferenceOfGaussians, DriftResponse, ReversalResponse, contrast_reversal, drifting_gratings,
};
pub use shapley_victor::{Sinusoid, peak_frequency_hz, sum_of_sinusoids};

use std::f64::consts::TAU;
use std::ops::ControlFlow;

use crate::retina::description::Unit;
use crate::retina::{Compatibility, Retina, RetinaDescription, VirtualRetinaOptions};
use crate::run::{RunOptions, run};
use crate::stimuli::{Screen, Stimulus, Stream};
use crate::{Error, NoiseId, Resolution, Result, State};

/// A cell on whose current an experiment is done: that of a layer of ganglion cells, in the middle of the screen.
pub struct Subject {
    retina: Retina,
    layer: usize,
    screen: Screen,
    mean_luminance: f64,
    /// The same cell with its spikes, how many trials of them, and their seed.
    spiking: Option<(Retina, u32, u64)>,
    described: RetinaDescription,
    options: VirtualRetinaOptions,
}

/// One harmonic of a response.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Harmonic {
    /// Half of what lies between crest and trough, Hz.
    pub amplitude_hz: f64,
    /// By how much the crest comes before that of a cosine, degrees, −180 to 180.
    pub phase_deg: f64,
}

impl Subject {
    /// A cell of a layer of a description, computed by this library's conventions at this resolution and step.
    ///
    /// # Errors
    /// If the description is not valid, or has no such layer.
    pub fn new(
        description: &RetinaDescription,
        layer: usize,
        pixels_per_degree: f64,
        step_s: f64,
        columns: usize,
    ) -> Result<Self> {
        let conventions = Compatibility { adapted_start: true, ..Compatibility::NONE };
        Self::with_conventions(description, layer, pixels_per_degree, step_s, columns, conventions)
    }

    /// The same, computed by these conventions.
    ///
    /// # Errors
    /// If the description is not valid, or has no such layer.
    pub fn with_conventions(
        description: &RetinaDescription,
        layer: usize,
        pixels_per_degree: f64,
        step_s: f64,
        columns: usize,
        conventions: Compatibility,
    ) -> Result<Self> {
        let mut described = description.enabled_only();
        let layers = described.ganglion_layers.len();
        if layer >= layers {
            let expected = format!("a layer of ganglion cells that exists (there are {layers})");
            return Err(Error::argument("layer", expected, layer));
        }
        described.retina.pixels_per_degree = pixels_per_degree;
        described.retina.temporal_step_s = step_s;
        // The eye holds still, and the middle of the retina is where the experiment is.
        described.microsaccades = None;
        let options = VirtualRetinaOptions {
            compatibility: conventions,
            without_spikes: true,
            ..VirtualRetinaOptions::default()
        };
        let resolution = Resolution::new(pixels_per_degree, 1.0 / step_s)?;
        Ok(Self {
            retina: Retina::virtual_retina(&described, options)?,
            layer,
            screen: Screen { height: 1, width: columns | 1, resolution },
            mean_luminance: described.retina.input_luminosity_range / 2.0,
            spiking: None,
            described,
            options,
        })
    }

    /// The same cell, whose response is its mean rate in so many trials of its spikes instead of its current.
    ///
    /// # Errors
    /// If its layer does not spike.
    pub fn with_trials(self, trials: u32, seed: u64) -> Result<Self> {
        let mut described = self.described.clone();
        let ppd = described.retina.pixels_per_degree;
        for (number, layer) in described.ganglion_layers.iter_mut().enumerate() {
            if number != self.layer {
                layer.spiking = None;
            }
        }
        let Some(channel) = described.ganglion_layers[self.layer].spiking.as_mut() else {
            return Err(Error::argument("trials", "a layer that spikes", format!("layer {}", self.layer)));
        };
        // One cell, at the very pixel whose current is taken.
        let width = self.screen.width;
        channel.array = None;
        channel.units = vec![Unit {
            x_offset_deg: ((width / 2) as f64 - width as f64 / 2.0) / ppd,
            y_offset_deg: -0.5 / ppd,
            id: None,
        }];
        let options = VirtualRetinaOptions { without_spikes: false, ..self.options };
        let retina = Retina::virtual_retina(&described, options)?;
        Ok(Self { spiking: Some((retina, trials, seed)), ..self })
    }

    /// What the cell answers in `frames` frames of a stimulus after `warm_up` of it, step by step: its current, Hz, or its
    /// mean rate in trials, spikes per second.
    ///
    /// # Errors
    /// If the stimulus cannot be shown.
    pub fn response_hz(
        &self,
        stimulus: impl Stimulus + Clone,
        warm_up: usize,
        frames: usize,
    ) -> Result<Vec<f64>> {
        let Some((retina, trials, seed)) = &self.spiking else {
            return self.current_hz(stimulus, warm_up, frames);
        };
        let spikes = format!("gang_{}_spikes", self.layer);
        let count_hz = self.screen.resolution.steps_per_second() / f64::from(*trials);
        let mut rate = vec![0.0; frames];
        for trial in 0..*trials {
            let mut state = State::new(NoiseId { seed: *seed, model: 0, trial: trial.into() });
            let max_frames = Some((warm_up + frames) as u64);
            let options = RunOptions { max_frames, spikes: true, ..RunOptions::default() };
            run(retina, &mut Stream::new(stimulus.clone())?, &mut state, &options, &mut |chunk| {
                for spike in chunk.recorder.events.get(&spikes).into_iter().flatten() {
                    if let Some(step) = (spike.step as usize).checked_sub(warm_up) {
                        rate[step] += count_hz;
                    }
                }
                Ok(ControlFlow::Continue(()))
            })?;
        }
        Ok(rate)
    }

    /// The screen of the experiment, with a pixel in its middle.
    pub const fn screen(&self) -> Screen {
        self.screen
    }

    /// The mean luminance of every stimulus: half the range, unless another one is chosen.
    pub const fn mean_luminance(&self) -> f64 {
        self.mean_luminance
    }

    /// The same cell, with stimuli of another mean luminance.
    ///
    /// # Errors
    /// If the luminance is not a number above 0.
    pub fn with_mean_luminance(self, mean_luminance: f64) -> Result<Self> {
        if mean_luminance > 0.0 && mean_luminance.is_finite() {
            return Ok(Self { mean_luminance, ..self });
        }
        Err(Error::argument("mean_luminance", "a number above 0", mean_luminance))
    }

    /// The cell's current (Hz) in `frames` frames of a stimulus after `warm_up` of it.
    ///
    /// # Errors
    /// If the stimulus cannot be shown.
    pub fn current_hz(&self, stimulus: impl Stimulus, warm_up: usize, frames: usize) -> Result<Vec<f64>> {
        let mut state = State::new(NoiseId { seed: 0, model: 0, trial: 0 });
        let options = RunOptions { max_frames: Some((warm_up + frames) as u64), ..RunOptions::default() };
        let (middle, width) = (self.screen.width / 2, self.screen.width);
        let mut trace = vec![];
        run(&self.retina, &mut Stream::new(stimulus)?, &mut state, &options, &mut |chunk| {
            let (_, current) = chunk.output.movies().get(self.layer).ok_or_else(|| {
                Error::Mismatch(format!("the retina has no output for layer {}", self.layer))
            })?;
            trace.extend(current.to_f64().chunks_exact(width).map(|frame| frame[middle]));
            Ok(ControlFlow::Continue(()))
        })?;
        Ok(trace.split_off(warm_up))
    }
}

/// Mean of a trace.
fn mean(trace: &[f64]) -> f64 {
    trace.iter().sum::<f64>() / trace.len() as f64
}

/// The harmonic with so many cycles in the trace.
///
/// ```
/// use convis::analysis::physiology::harmonic;
/// let trace: Vec<f64> = (0..100).map(|k| 3.0 * (std::f64::consts::TAU * 0.05 * f64::from(k) + 0.5).cos()).collect();
/// let fifth = harmonic(&trace, 5.0);
/// assert!((fifth.amplitude_hz - 3.0).abs() < 1e-12 && (fifth.phase_deg - 0.5f64.to_degrees()).abs() < 1e-9);
/// ```
pub fn harmonic(trace: &[f64], cycles: f64) -> Harmonic {
    let (mut real, mut imaginary) = (0.0, 0.0);
    for (k, value) in trace.iter().enumerate() {
        // Whole cycles are dropped first, so that long traces lose nothing.
        let (sin, cos) = (TAU * (cycles * k as f64 / trace.len() as f64).fract()).sin_cos();
        real += value * cos;
        imaginary -= value * sin;
    }
    Harmonic {
        amplitude_hz: 2.0 * real.hypot(imaginary) / trace.len() as f64,
        phase_deg: imaginary.atan2(real).to_degrees(),
    }
}
