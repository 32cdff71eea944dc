//! Linear stages of models: a convolution for every pixel, or a receptive field for one cell.

use std::sync::Arc;

use crate::filters::{Conv3d, ConvOptions, History, NLRectify, PlanChoice, RF};
use crate::layer::Layer;
use crate::{Error, Resolution, Result};

/// What the linear stages of a model are like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StageOptions {
    /// Whether the model is a population of cells, one per pixel; else its last stage is the receptive field of one cell.
    pub population: bool,
    /// Whether every output channel has a bias.
    pub bias: bool,
    /// What stands for the frames before the first.
    pub mode: History,
    /// Whether gradients pass through the history, the frames made up before the first included.
    pub history_gradient: bool,
    /// How convolutions are computed.
    pub plan: PlanChoice,
}

impl Default for StageOptions {
    fn default() -> Self {
        Self {
            population: true,
            bias: false,
            mode: History::FirstFrame,
            history_gradient: true,
            plan: PlanChoice::Auto,
        }
    }
}

impl StageOptions {
    pub(super) fn convolution(self) -> ConvOptions {
        let Self { population: _, bias, mode, history_gradient, plan } = self;
        ConvOptions { bias, mode, history_gradient, plan, ..ConvOptions::default() }
    }
}

/// A convolution for a population of cells, or the receptive field of a single one.
///
/// `kernel_dim` is (time, height, width), or that with channels (out, in) in front.
pub(super) fn linear(
    kernel_dim: &[usize],
    options: StageOptions,
    resolution: Resolution,
) -> Result<Arc<dyn Layer>> {
    let (outputs, inputs, kernel) = match *kernel_dim {
        [time, height, width] => (1, 1, [time, height, width]),
        [outputs, inputs, time, height, width] => (outputs, inputs, [time, height, width]),
        _ => {
            let expected = "(time, height, width), or (out, in, time, height, width)";
            return Err(Error::argument("kernel_dim", expected, format!("{kernel_dim:?}")));
        }
    };
    let (population, options) = (options.population, options.convolution());
    Ok(if population {
        Arc::new(Conv3d::new(inputs, outputs, kernel, options, resolution)?)
    } else {
        Arc::new(RF::new(inputs, outputs, kernel, options, resolution)?)
    })
}

/// Names of the stages of models of several of them.
const NAMES: [(&str, &str); 4] = [
    ("conv1", "nonlinearity1"),
    ("conv2", "nonlinearity2"),
    ("conv3", "nonlinearity3"),
    ("conv4", "nonlinearity4"),
];

/// `stages` linear stages of the same size, each followed by a rectifier; only the last can be a receptive field.
pub(super) fn rectified_in_a_row(
    stages: usize,
    kernel_dim: [usize; 3],
    options: StageOptions,
    resolution: Resolution,
) -> Result<Vec<(&'static str, Arc<dyn Layer>)>> {
    let mut layers: Vec<(&'static str, Arc<dyn Layer>)> = vec![];
    for (i, (conv, nonlinearity)) in NAMES[..stages].iter().enumerate() {
        let population = options.population || i + 1 < stages;
        let stage = StageOptions { population, ..options };
        layers.push((conv, linear(&kernel_dim, stage, resolution)?));
        layers.push((nonlinearity, Arc::new(NLRectify::new(resolution))));
    }
    Ok(layers)
}
