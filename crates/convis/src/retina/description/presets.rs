//! Retinas of the literature.
//!
//! Values that the published table leaves open are those of the examples that came with the program.

use super::{
    CellArray, CircularArray, ContrastGainControl, GanglionLayer, LinearOpl, LogPolar, Microsaccades,
    OuterPlexiform, RetinaDescription, Sampling, SpikingChannel, SquareArray, Undershoot,
};
use crate::{Error, Result};

/// A retina of the literature.
#[derive(Clone, Copy, Debug)]
pub struct Preset {
    /// What it is called.
    pub name: &'static str,
    /// What it is and where it comes from.
    pub doc: &'static str,
    build: fn() -> RetinaDescription,
}

/// All presets.
pub const PRESETS: &[Preset] = &[
    Preset { name: "cat-x", doc: "Cat X cells (tutorial of Virtual Retina, table 1)", build: cat_x },
    Preset { name: "cat-y", doc: "Cat Y cells (tutorial of Virtual Retina, table 1)", build: cat_y },
    Preset {
        name: "parasol",
        doc: "Foveal parasol cells, ON and OFF (tutorial of Virtual Retina, table 1)",
        build: parasol,
    },
    Preset {
        name: "midget",
        doc: "Foveal midget cells, ON and OFF (tutorial of Virtual Retina, table 1)",
        build: midget,
    },
    Preset {
        name: "primate",
        doc: "Parvo- and magnocellular layers, ON and OFF, finer in the fovea (example of Virtual Retina)",
        build: primate,
    },
    Preset { name: "cat-x-example", doc: "One cat X cell (example of Virtual Retina)", build: cat_x_example },
    Preset {
        name: "linear",
        doc: "The outer plexiform layer alone (example of Virtual Retina)",
        build: linear,
    },
    Preset {
        name: "toolbox-2018",
        doc: "The default configuration of the toolbox of 2018: ON and OFF cells without gain control",
        build: toolbox_2018,
    },
];

impl RetinaDescription {
    /// A retina of the literature: one of [`PRESETS`].
    ///
    /// # Errors
    /// If there is no preset of that name.
    pub fn preset(name: &str) -> Result<Self> {
        match PRESETS.iter().find(|preset| preset.name == name) {
            Some(preset) => Ok((preset.build)()),
            None => Err(Error::unknown("preset", name, PRESETS.iter().map(|preset| preset.name))),
        }
    }
}

/// Centre and surround of the examples, by their widths.
fn opl(center_sigma_deg: f64, surround_sigma_deg: f64) -> LinearOpl {
    LinearOpl {
        center_sigma_deg,
        surround_sigma_deg,
        relative_weight: 1.0,
        leaky_heat: true,
        amplification: 10.0,
        ..LinearOpl::default()
    }
}

/// Gain control of the examples, by its width.
fn gain_control(adaptation_sigma_deg: f64) -> ContrastGainControl {
    ContrastGainControl {
        opl_amplification_hz: 150.0,
        inert_leaks_hz: 5.0,
        adaptation_sigma_deg,
        ..ContrastGainControl::default()
    }
}

/// A layer of the examples.
fn layer(name: &str, sign: f64, weight: f64, amplification_hz: f64, array: CellArray) -> GanglionLayer {
    GanglionLayer {
        name: Some(name.to_string()),
        sign,
        transient_tau_s: 0.03,
        transient_relative_weight: weight,
        value_at_linear_threshold_hz: 80.0,
        bipolar_amplification_hz: amplification_hz,
        spiking: Some(SpikingChannel { random_init: true, array: Some(array), ..SpikingChannel::default() }),
        ..GanglionLayer::default()
    }
}

fn square(uniform_density_inv_deg: f64) -> CellArray {
    CellArray::Square(SquareArray { uniform_density_inv_deg, ..SquareArray::default() })
}

fn circular(fovea_density_inv_deg: f64) -> CellArray {
    CellArray::Circular(CircularArray { fovea_density_inv_deg, ..CircularArray::default() })
}

/// The cat's outer retina: 2 pixels per degree.
fn cat(linear: LinearOpl, adaptation_sigma_deg: f64, layers: Vec<GanglionLayer>) -> RetinaDescription {
    let undershoot = Some(Undershoot { relative_weight: 0.5, tau_s: 0.2, ..Undershoot::default() });
    RetinaDescription {
        retina: Sampling { temporal_step_s: 0.005, pixels_per_degree: 2.0, ..Sampling::default() },
        outer_plexiform: OuterPlexiform::Linear(LinearOpl { undershoot, ..linear }),
        contrast_gain_control: Some(gain_control(adaptation_sigma_deg)),
        ganglion_layers: layers,
        ..RetinaDescription::default()
    }
}

/// With the noise of the example of a cat's cell.
fn noisy(mut layer: GanglionLayer) -> GanglionLayer {
    if let Some(channel) = &mut layer.spiking {
        channel.sigma_v = 0.1;
        channel.refractory_sd_s = 0.001;
    }
    layer
}

fn cat_x() -> RetinaDescription {
    cat(opl(0.5, 1.5), 1.5, vec![noisy(layer("X On", 1.0, 0.7, 100.0, square(1.0)))])
}

fn cat_y() -> RetinaDescription {
    let y = noisy(layer("Y On", 1.0, 1.0, 400.0, square(1.0)));
    cat(opl(0.5, 1.5), 1.5, vec![GanglionLayer { sigma_pool_deg: 1.5, ..y }])
}

/// The fovea of a primate: 20 pixels per degree.
fn fovea(gain: ContrastGainControl, layers: Vec<GanglionLayer>) -> RetinaDescription {
    RetinaDescription {
        retina: Sampling { temporal_step_s: 0.005, pixels_per_degree: 20.0, ..Sampling::default() },
        outer_plexiform: OuterPlexiform::Linear(opl(0.05, 0.15)),
        contrast_gain_control: Some(gain),
        ganglion_layers: layers,
        ..RetinaDescription::default()
    }
}

fn parasol() -> RetinaDescription {
    let cells =
        |name, sign| GanglionLayer { sigma_pool_deg: 0.15, ..layer(name, sign, 1.0, 400.0, square(15.0)) };
    fovea(gain_control(0.15), vec![cells("Parasol On", 1.0), cells("Parasol Off", -1.0)])
}

fn midget() -> RetinaDescription {
    let cells = |name, sign| layer(name, sign, 0.7, 100.0, square(20.0));
    let gain = ContrastGainControl {
        inert_leaks_hz: 50.0,
        adaptation_feedback_amplification_hz: 0.0,
        ..gain_control(0.15)
    };
    fovea(gain, vec![cells("Midget On", 1.0), cells("Midget Off", -1.0)])
}

fn primate() -> RetinaDescription {
    let parvo = |name, sign| layer(name, sign, 0.7, 100.0, circular(20.0));
    let magno =
        |name, sign| GanglionLayer { sigma_pool_deg: 0.1, ..layer(name, sign, 1.0, 400.0, circular(15.0)) };
    RetinaDescription {
        retina: Sampling { temporal_step_s: 0.005, pixels_per_degree: 20.0, ..Sampling::default() },
        log_polar: Some(LogPolar::default()),
        outer_plexiform: OuterPlexiform::Linear(opl(0.03, 0.1)),
        contrast_gain_control: Some(gain_control(0.2)),
        ganglion_layers: vec![
            parvo("Parvocellular On", 1.0),
            parvo("Parvocellular Off", -1.0),
            magno("Magnocellular On", 1.0),
            magno("Magnocellular Off", -1.0),
        ],
        ..RetinaDescription::default()
    }
}

fn cat_x_example() -> RetinaDescription {
    let one_cell = CellArray::Circular(CircularArray { diameter_deg: 0.5, ..CircularArray::default() });
    cat(opl(0.88, 2.35), 2.5, vec![noisy(layer("X On", 1.0, 0.7, 100.0, one_cell))])
}

fn linear() -> RetinaDescription {
    RetinaDescription {
        retina: Sampling { temporal_step_s: 0.05, pixels_per_degree: 10.0, ..Sampling::default() },
        outer_plexiform: OuterPlexiform::Linear(opl(0.1, 0.3)),
        ..RetinaDescription::default()
    }
}

fn toolbox_2018() -> RetinaDescription {
    let parvo = |name: &str, sign| GanglionLayer {
        name: Some(name.to_string()),
        sign,
        transient_tau_s: 0.02,
        transient_relative_weight: 0.7,
        value_at_linear_threshold_hz: 37.0,
        spiking: Some(SpikingChannel {
            sigma_v: 0.1,
            array: Some(CellArray::Square(SquareArray {
                size_x_deg: 4.0,
                size_y_deg: 4.0,
                uniform_density_inv_deg: 20.0,
                ..SquareArray::default()
            })),
            ..SpikingChannel::default()
        }),
        ..GanglionLayer::default()
    };
    let magno = |name, sign| GanglionLayer {
        enabled: false,
        sigma_pool_deg: 0.1,
        ..layer(name, sign, 1.0, 400.0, circular(15.0))
    };
    RetinaDescription {
        microsaccades: Some(Microsaccades {
            enabled: false,
            pixels_per_degree: Some(200.0),
            temporal_step_s: Some(0.005),
            amplitude_sd_deg: 0.1,
            duration_mean_s: 0.025,
            ..Microsaccades::default()
        }),
        retina: Sampling { temporal_step_s: 0.01, pixels_per_degree: 5.0, ..Sampling::default() },
        log_polar: Some(LogPolar { enabled: false, ..LogPolar::default() }),
        outer_plexiform: OuterPlexiform::Linear(LinearOpl {
            surround_tau_s: 0.004,
            undershoot: Some(Undershoot { relative_weight: 0.8, tau_s: 0.1, ..Undershoot::default() }),
            ..opl(0.05, 0.15)
        }),
        contrast_gain_control: Some(ContrastGainControl {
            opl_amplification_hz: 50.0,
            inert_leaks_hz: 50.0,
            adaptation_sigma_deg: 0.2,
            adaptation_tau_s: 0.005,
            adaptation_feedback_amplification_hz: 0.0,
            ..ContrastGainControl::default()
        }),
        ganglion_layers: vec![
            parvo("Parvocellular On", 1.0),
            parvo("Parvocellular Off", -1.0),
            magno("Magnocellular On", 1.0),
            magno("Magnocellular Off", -1.0),
        ],
    }
}
