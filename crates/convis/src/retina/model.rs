//! The whole retina.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::sync::Arc;

use convis_kernels::delay_line::DelayLine;
use convis_kernels::integrate_and_fire::Integration;

use super::{Bipolar, GanglionInput, GanglionSpiking, Opl, OplKind};
use crate::layer::{Layer, Output, Part, Scope, parameter};
use crate::spiking::Surrogate;
use crate::{Resolution, Result, Tensor};

/// Which stages a retina has.
#[derive(Clone, Copy, Debug, PartialEq)]
#[allow(clippy::struct_excessive_bools)] // four independent stages
pub struct RetinaOptions {
    /// Outer plexiform layer.
    pub opl: bool,
    /// The filter of the outer plexiform layer.
    pub opl_filter: OplKind,
    /// Bipolar cells.
    pub bipolar: bool,
    /// Ganglion-cell input.
    pub gang: bool,
    /// Ganglion-cell spikes; without them the output is the ganglion-cell current in Hz.
    pub spikes: bool,
    /// How spikes are computed.
    pub integration: Integration,
    /// What replaces the derivative of a spike, where spikes are to have a gradient.
    pub surrogate: Surrogate,
}

impl Default for RetinaOptions {
    fn default() -> Self {
        Self {
            opl: true,
            opl_filter: OplKind::default(),
            bipolar: true,
            gang: true,
            spikes: true,
            integration: Integration::Exact,
            surrogate: Surrogate::None,
        }
    }
}

/// From luminance to the spikes of ON and OFF ganglion cells.
///
/// # Equation
/// ```text
/// luminance → opl → bipolar → gang_0_input → gang_0_spikes   ON
///                           → gang_1_input → gang_1_spikes   OFF
/// ```
/// [`Opl`], [`Bipolar`], [`GanglionInput`], [`GanglionSpiking`] state their equations. All stages of one frame are
/// computed from that frame: there are no stage delays.
///
/// # Shapes
/// Input: luminance (0…1 for pictures) `[batch, channel, time, height, width]`. Output: `ganglion_spikes_ON` and
/// `ganglion_spikes_OFF` of the same sizes, spikes per step, or current in Hz without spikes.
///
/// # Parameters
/// Those of the stages below `opl`, `bipolar`, `gang_0_input`, `gang_0_spikes`, `gang_1_input`, `gang_1_spikes`;
/// a retina starts with `opl.opl_filter.lambda_opl` = 10 and `refr_sigma` = 0.
///
/// # Source
/// Wohrer & Kornprobst 2009, "Virtual Retina: a biological retina model and simulator, with contrast gain control",
/// J. Comput. Neurosci. 26:219–249.
///
/// # Example
/// ```
/// use convis::{GradientMode, Resolution, State, Tensor, call, noise, retina::Retina};
/// let retina = Retina::new(Default::default(), Resolution::default())?;
/// let grey = Tensor::from_vec(vec![0.5f32; 200 * 16], &[1, 1, 200, 4, 4])?;
/// let output = call(&retina, &grey, &mut State::new(noise::next_model()), GradientMode::Off, None)?;
/// let names: Vec<&str> = output.movies().iter().map(|(name, _)| name.as_str()).collect();
/// assert_eq!(names, ["ganglion_spikes_ON", "ganglion_spikes_OFF"]);
/// # Ok::<(), convis::Error>(())
/// ```
pub struct Retina {
    options: RetinaOptions,
    pub(super) stages: Vec<(String, Arc<dyn Layer>)>,
    pub(super) populations: Vec<Population>,
    /// Whether bipolar cells see the outer plexiform layer of the step before.
    pub(super) delayed_opl: bool,
    resolution: Resolution,
}

/// A population of ganglion cells.
pub(super) struct Population {
    /// The name of its output.
    pub output: String,
    /// The stage that makes its current.
    pub current: String,
    /// The stage that makes its spikes.
    pub spikes: String,
    /// Steps by which it sees the bipolar cells later.
    pub delay: usize,
}

impl Population {
    /// Population number `i`.
    pub fn new(i: usize, output: &str, delay: usize) -> Self {
        Self {
            output: output.into(),
            current: format!("gang_{i}_input"),
            spikes: format!("gang_{i}_spikes"),
            delay,
        }
    }
}

/// Names of the outputs, and signs.
const POPULATIONS: [(&str, f64); 2] = [("ganglion_spikes_ON", 1.0), ("ganglion_spikes_OFF", -1.0)];

impl Retina {
    /// A retina with the default configuration.
    ///
    /// # Errors
    /// None at present: the defaults are valid.
    pub fn new(options: RetinaOptions, resolution: Resolution) -> Result<Self> {
        let mut retina = Self::empty(options, resolution);
        if options.opl {
            let opl = Opl::with_filter(options.opl_filter, resolution)?;
            parameter(&opl, "opl_filter.lambda_opl")?.set(10.0)?;
            retina.add("opl", opl);
        }
        if options.bipolar {
            retina.add("bipolar", Bipolar::new(resolution));
        }
        for (i, (output, sign)) in POPULATIONS.into_iter().enumerate() {
            let population = Population::new(i, output, 0);
            if options.gang {
                retina.add(&population.current, GanglionInput::new(sign, resolution)?);
            }
            if options.spikes {
                let cells = GanglionSpiking::new(options.integration, resolution)?
                    .with_surrogate(options.surrogate)?;
                parameter(&cells, "refr_sigma")?.set(0.0)?;
                retina.add(&population.spikes, cells);
            }
            retina.populations.push(population);
        }
        Ok(retina)
    }

    /// A retina without stages.
    pub(super) const fn empty(options: RetinaOptions, resolution: Resolution) -> Self {
        Self { options, stages: vec![], populations: vec![], delayed_opl: false, resolution }
    }

    pub(super) fn add(&mut self, name: &str, stage: impl Layer + 'static) {
        self.stages.push((name.into(), Arc::new(stage)));
    }

    /// Which stages it has.
    pub const fn options(&self) -> RetinaOptions {
        self.options
    }

    fn stage(&self, name: &str) -> Option<&Arc<dyn Layer>> {
        self.stages.iter().find(|(stage, _)| *stage == name).map(|(_, layer)| layer)
    }

    /// Runs a stage if the retina has it, and passes the movie through otherwise.
    fn through(&self, name: &str, input: Tensor, scope: &mut Scope<'_>) -> Result<Tensor> {
        match self.stage(name) {
            Some(layer) => Ok(scope.child(name, &**layer, &input)?.first()?.clone()),
            None => Ok(input),
        }
    }
}

/// A movie some steps later, zero before.
fn later(movie: &Tensor, steps: usize, name: &str, scope: &mut Scope<'_>) -> Result<Tensor> {
    if steps == 0 {
        return Ok(movie.clone());
    }
    let line = DelayLine { signal: movie.signal()?, delay: steps, length: 0 };
    scope.apply(&line, &[], &[movie], &[name])
}

impl Layer for Retina {
    fn kind(&self) -> &'static str {
        "Retina"
    }

    fn doc(&self) -> &'static str {
        "The retina of Wohrer & Kornprobst (2009): outer plexiform layer, bipolar cells with contrast gain control, ON \
         and OFF ganglion cells."
    }

    fn parts(&self) -> Vec<Part<'_>> {
        self.stages.iter().map(|(name, layer)| Part::Child(name, layer.clone())).collect()
    }

    fn resolution(&self) -> Resolution {
        self.resolution
    }

    fn forward(&self, input: &Tensor, scope: &mut Scope<'_>) -> Result<Output> {
        let mut movie = input.clone();
        for stage in ["eye", "crop"] {
            movie = self.through(stage, movie, scope)?;
        }
        movie = self.through("opl", movie, scope)?;
        if self.stage("bipolar").is_some() {
            movie = later(&movie, usize::from(self.delayed_opl), "opl_before", scope)?;
            movie = self.through("bipolar", movie, scope)?;
        }
        if self.populations.is_empty() {
            return Ok(movie.into());
        }
        // Populations that see the bipolar cells equally late share them.
        let mut seen = BTreeMap::new();
        let mut outputs = vec![];
        for population in &self.populations {
            let delay = population.delay;
            let bipolar = match seen.entry(delay) {
                Entry::Occupied(entry) => entry.into_mut(),
                Entry::Vacant(entry) => {
                    entry.insert(later(&movie, delay, &format!("bipolar_before_{delay}"), scope)?)
                }
            };
            let current = self.through(&population.current, bipolar.clone(), scope)?;
            let output = self.through(&population.spikes, current, scope)?;
            outputs.push((population.output.clone(), output));
        }
        Ok(Output::named(outputs))
    }
}
