//! The whole retina.

use std::sync::Arc;

use convis_kernels::integrate_and_fire::Integration;

use super::{Bipolar, GanglionInput, GanglionSpiking, Opl};
use crate::layer::{Layer, Output, Part, Scope, parameter};
use crate::spiking::Surrogate;
use crate::{Resolution, Result, Tensor};

/// Which stages a retina has.
#[derive(Clone, Copy, Debug, PartialEq)]
#[allow(clippy::struct_excessive_bools)] // four independent stages
pub struct RetinaOptions {
    /// Outer plexiform layer.
    pub opl: bool,
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
    stages: Vec<(&'static str, Arc<dyn Layer>)>,
    resolution: Resolution,
}

/// Ganglion-cell populations: name of the output, names of the stages, sign.
const POPULATIONS: [(&str, &str, &str, f64); 2] = [
    ("ganglion_spikes_ON", "gang_0_input", "gang_0_spikes", 1.0),
    ("ganglion_spikes_OFF", "gang_1_input", "gang_1_spikes", -1.0),
];

impl Retina {
    /// A retina with the default configuration.
    ///
    /// # Errors
    /// None at present: the defaults are valid.
    pub fn new(options: RetinaOptions, resolution: Resolution) -> Result<Self> {
        let mut stages: Vec<(&'static str, Arc<dyn Layer>)> = vec![];
        if options.opl {
            let opl = Opl::new(resolution)?;
            parameter(&opl, "opl_filter.lambda_opl")?.set(10.0)?;
            stages.push(("opl", Arc::new(opl)));
        }
        if options.bipolar {
            stages.push(("bipolar", Arc::new(Bipolar::new(resolution))));
        }
        for (_, input, spikes, sign) in POPULATIONS {
            if options.gang {
                stages.push((input, Arc::new(GanglionInput::new(sign, resolution)?)));
            }
            if options.spikes {
                let cells = GanglionSpiking::new(options.integration, resolution)?
                    .with_surrogate(options.surrogate)?;
                parameter(&cells, "refr_sigma")?.set(0.0)?;
                stages.push((spikes, Arc::new(cells)));
            }
        }
        Ok(Self { options, stages, resolution })
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
        let opl = self.through("opl", input.clone(), scope)?;
        let bipolar = self.through("bipolar", opl, scope)?;
        let mut outputs = vec![];
        for (name, current, spikes, _) in POPULATIONS {
            let current = self.through(current, bipolar.clone(), scope)?;
            outputs.push((name.to_string(), self.through(spikes, current, scope)?));
        }
        Ok(Output::named(outputs))
    }
}
