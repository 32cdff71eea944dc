//! A retina from its description, with the conventions of Virtual Retina.

use std::collections::BTreeMap;

use convis_kernels::frame_blur::Kernel;
use convis_kernels::random::Key;

use super::crop::Crop;
use super::description::{
    ContrastGainControl, GanglionLayer, LinearOpl, LuminanceGainControl, OuterPlexiform, RetinaDescription,
};
use super::eye::{self, Eye};
use super::ganglion_array::ArrayRule;
use super::model::Population;
use super::opl::OplKind;
use super::{
    Bipolar, BipolarOptions, Cells, CustomInhibition, GanglionArray, GanglionInput, GanglionOptions,
    LuminanceGainOptions, Opl, OplOptions, Retina, RetinaOptions,
};
use crate::filters::Eccentricity;
use crate::layer::{Layer, parameter};
use crate::{Error, Resolution, Result};

/// The conventions of Virtual Retina, each by itself; all off is how this library computes.
///
/// | switch | on | off |
/// |---|---|---|
/// | `deriche_blur` | Deriche's recursive filter, 1.18 times as wide as its σ, none below 0.1 pixel | Gaussian; heat kernel in the leaky heat equation |
/// | `stage_delays` | every stage sees the one before it a step late | all stages of a frame from that frame |
/// | `adapted_start` | begins adapted to a luminance, half the range unless another is given | begins from zero |
/// | `saturation` | conductances and currents saturate at 5·10⁵ Hz | they do not |
/// | `whole_pixel_gaze` | microsaccades move the image by whole pixels | by parts of pixels |
///
/// What each makes of the numbers: `docs/parity/virtual-retina.md`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(clippy::struct_excessive_bools)] // independent switches
pub struct Compatibility {
    /// Deriche's blur with Virtual Retina's rounding of its constants.
    pub deriche_blur: bool,
    /// A step of delay between stages.
    pub stage_delays: bool,
    /// A start that is adapted to a luminance.
    pub adapted_start: bool,
    /// Saturation at 5·10⁵ Hz.
    pub saturation: bool,
    /// A gaze that is rounded up to whole pixels.
    pub whole_pixel_gaze: bool,
}

impl Compatibility {
    /// As Virtual Retina computes.
    pub const VIRTUAL_RETINA: Self = Self {
        deriche_blur: true,
        stage_delays: true,
        adapted_start: true,
        saturation: true,
        whole_pixel_gaze: true,
    };
    /// As this library computes.
    pub const NONE: Self = Self {
        deriche_blur: false,
        stage_delays: false,
        adapted_start: false,
        saturation: false,
        whole_pixel_gaze: false,
    };
}

impl Default for Compatibility {
    fn default() -> Self {
        Self::VIRTUAL_RETINA
    }
}

/// What [`Retina::virtual_retina`] needs besides a description.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct VirtualRetinaOptions {
    /// Which conventions.
    pub compatibility: Compatibility,
    /// The luminance that it is adapted to before the first frame; half the range by default.
    pub initial_luminance: Option<f64>,
    /// Which random angles of rings and displacements of cells.
    pub array_seed: u64,
    /// Leaves the spikes out: the output is the current of ganglion cells at every pixel.
    pub without_spikes: bool,
}

/// A time constant as a parameter takes it: 0 is no filter, which a millionth of a step is to the last bit.
fn tau(tau_s: f64, description: &RetinaDescription) -> f64 {
    tau_s.max(1e-6 * description.retina.temporal_step_s)
}

fn set(layer: &dyn Layer, values: &[(&str, f64)]) -> Result<()> {
    values.iter().try_for_each(|&(path, value)| parameter(layer, path)?.set(value))
}

impl Retina {
    /// The retina that a description means, computed as Virtual Retina does or, switch by switch, as this library does.
    ///
    /// Stages, as far as the description has them: `opl`, `bipolar`, `gang_0_input`, `gang_0_spikes`, `gang_1_input` …
    /// Output: `ganglion_0`, `ganglion_1` …; without ganglion layers what the last stage computes. Input is luminance from
    /// 0 to the description's range.
    ///
    /// In a leaky heat equation the order n of the centre has no meaning and is not used, as in Virtual Retina.
    ///
    /// # Errors
    /// If the description is not valid.
    ///
    /// # Source
    /// Wohrer & Kornprobst 2009 (J. Comput. Neurosci. 26:219) and the tutorial of Virtual Retina.
    ///
    /// # Example
    /// ```
    /// use convis::retina::{Retina, RetinaDescription, VirtualRetinaOptions};
    /// use convis::{GradientMode, State, Tensor, call, noise};
    /// let cat = RetinaDescription::preset("cat-x")?;
    /// let options = VirtualRetinaOptions { without_spikes: true, ..VirtualRetinaOptions::default() };
    /// let retina = Retina::virtual_retina(&cat, options)?;
    /// // Adapted to grey, it sees grey: the current stays at its rest.
    /// let grey = Tensor::from_vec(vec![127.5f64; 20 * 30], &[1, 1, 20, 5, 6])?;
    /// let output = call(&retina, &grey, &mut State::new(noise::next_model()), GradientMode::Off, None)?;
    /// let rest = cat.ganglion_layers[0].value_at_linear_threshold_hz;
    /// assert!(output.first()?.to_f64().iter().all(|i| (i - rest).abs() < 1e-9));
    /// # Ok::<(), convis::Error>(())
    /// ```
    pub fn virtual_retina(description: &RetinaDescription, options: VirtualRetinaOptions) -> Result<Self> {
        description.check()?;
        let on = description.enabled_only();
        let resolution = Resolution::new(on.retina.pixels_per_degree, 1.0 / on.retina.temporal_step_s)?;
        let build = Build { description: &on, options, resolution };
        let spikes =
            !options.without_spikes && on.ganglion_layers.iter().any(|layer| layer.spiking.is_some());
        let mut retina = Self::empty(RetinaOptions { spikes, ..RetinaOptions::default() }, resolution);
        retina.delayed_opl = options.compatibility.stage_delays;
        if let Some(saccades) = &on.microsaccades {
            let whole_pixels = options.compatibility.whole_pixel_gaze;
            retina.add(eye::STAGE, Eye::new(saccades.clone(), whole_pixels, resolution));
        }
        match &on.outer_plexiform {
            OuterPlexiform::Linear(linear) => retina.add("opl", build.linear_opl(linear)?),
            OuterPlexiform::LuminanceGainControl(gain) => retina.add("opl", build.luminance_gain_opl(gain)?),
        }
        if let Some(gain) = &on.contrast_gain_control {
            retina.add("bipolar", build.bipolar(gain)?);
        }
        let rules = build.array_rules();
        if spikes {
            retina.add("crop", Crop::new(rules.values().cloned().collect(), resolution));
        }
        for (i, layer) in on.ganglion_layers.iter().enumerate() {
            // A transient is a stage of its own.
            let transient = layer.transient_relative_weight != 0.0;
            let delay = usize::from(options.compatibility.stage_delays) * (1 + usize::from(transient));
            let population = Population::new(i, &format!("ganglion_{i}"), delay);
            retina.add(&population.current, build.ganglion_input(layer)?);
            if let Some(rule) = rules.get(&i).filter(|_| spikes) {
                let cells =
                    GanglionArray::with_rule(rule.clone(), options.compatibility.stage_delays, resolution)?;
                retina.add(&population.spikes, cells);
            }
            retina.populations.push(population);
        }
        Ok(retina)
    }
}

impl Retina {
    /// The cells that [`Retina::virtual_retina`] makes spike on images of this height and width, by the number of their
    /// layer. Layers that do not spike are missing.
    ///
    /// ```
    /// use convis::retina::{Retina, RetinaDescription, VirtualRetinaOptions};
    /// let primate = RetinaDescription::preset("primate")?;
    /// let cells = Retina::cells(&primate, VirtualRetinaOptions::default(), (128, 160))?;
    /// assert_eq!(cells[&0].places[0].x_deg, 0.0);     // the middle of the rings
    /// # Ok::<(), convis::Error>(())
    /// ```
    ///
    /// # Errors
    /// If the description is not valid, or its arrays have more cells than can be simulated.
    pub fn cells(
        description: &RetinaDescription,
        options: VirtualRetinaOptions,
        image: (usize, usize),
    ) -> Result<BTreeMap<usize, Cells>> {
        let (rules, map) = Self::arrays(description, options, image)?;
        let cells = |(i, rule): (usize, ArrayRule)| match rule.cells(map) {
            Ok(cells) => Ok((i, cells)),
            Err(Error::Argument { argument, expected, found }) => {
                let key = layer_key(description, i);
                Err(Error::argument(format!("{key}.spiking-channel.{argument}"), expected, found))
            }
            Err(other) => Err(other),
        };
        rules.into_iter().map(cells).collect()
    }

    /// Rows and columns of the maps that [`Retina::virtual_retina`] computes on images of this height and width: without
    /// what microsaccades need, and what no cell sees.
    ///
    /// # Errors
    /// If the description is not valid, or nothing is left.
    pub fn map_size(
        description: &RetinaDescription,
        options: VirtualRetinaOptions,
        image: (usize, usize),
    ) -> Result<(usize, usize)> {
        Ok(Self::arrays(description, options, image)?.1)
    }

    /// Rows and columns in the middle of maps of this height and width that arrays of cells cover: the maps without the
    /// border that receptive fields need. All of them where cells are given one by one without an array.
    ///
    /// ```
    /// use convis::retina::{Retina, RetinaDescription, VirtualRetinaOptions};
    /// let primate = RetinaDescription::preset("primate")?;
    /// let options = VirtualRetinaOptions::default();
    /// let map = Retina::map_size(&primate, options, (128, 160))?;
    /// assert_eq!((map, Retina::covered_size(&primate, options, map)?), ((128, 128), (94, 94)));
    /// # Ok::<(), convis::Error>(())
    /// ```
    ///
    /// # Errors
    /// If the description is not valid.
    pub fn covered_size(
        description: &RetinaDescription,
        options: VirtualRetinaOptions,
        map: (usize, usize),
    ) -> Result<(usize, usize)> {
        let still = RetinaDescription { microsaccades: None, ..description.clone() };
        let (rules, _) = Self::arrays(&still, options, map)?;
        let sizes = rules.values().map(|rule| rule.covered_size(map));
        Ok(sizes.reduce(|a, b| (a.0.max(b.0), a.1.max(b.1))).unwrap_or(map))
    }

    /// The rules of all arrays of cells, and the size of the maps.
    fn arrays(
        description: &RetinaDescription,
        options: VirtualRetinaOptions,
        image: (usize, usize),
    ) -> Result<(BTreeMap<usize, ArrayRule>, (usize, usize))> {
        description.check()?;
        let on = description.enabled_only();
        let resolution = Resolution::new(on.retina.pixels_per_degree, 1.0 / on.retina.temporal_step_s)?;
        let seen = match &on.microsaccades {
            Some(saccades) => Eye::new(saccades.clone(), false, resolution).seen(image)?,
            None => image,
        };
        let rules = Build { description: &on, options, resolution }.array_rules();
        let all: Vec<ArrayRule> =
            if options.without_spikes { vec![] } else { rules.values().cloned().collect() };
        Ok((rules, super::crop::map_size(&all, seen)))
    }
}

/// The key of a layer that is simulated: layers that are switched off count in keys.
fn layer_key(description: &RetinaDescription, simulated: usize) -> String {
    let on = description.ganglion_layers.iter().enumerate().filter(|(_, layer)| layer.enabled);
    let number = on.map(|(number, _)| number).nth(simulated).unwrap_or(simulated);
    format!("ganglion-layers.{number}")
}

/// What all stages are built from.
struct Build<'a> {
    description: &'a RetinaDescription,
    options: VirtualRetinaOptions,
    resolution: Resolution,
}

impl Build<'_> {
    /// The rules of all arrays of cells, by the number of their layer.
    fn array_rules(&self) -> BTreeMap<usize, ArrayRule> {
        let ppd = self.description.retina.pixels_per_degree;
        let mut squares = 0.0;
        if let OuterPlexiform::Linear(linear) = &self.description.outer_plexiform {
            squares += linear.center_sigma_deg.powi(2) + linear.surround_sigma_deg.powi(2);
        }
        if let OuterPlexiform::LuminanceGainControl(gain) = &self.description.outer_plexiform {
            squares += gain.receptor_sigma_deg.powi(2) + gain.horizontal_sigma_deg.powi(2);
        }
        squares +=
            self.description.contrast_gain_control.as_ref().map_or(0.0, |c| c.adaptation_sigma_deg.powi(2));
        let layers = &self.description.ganglion_layers;
        squares += layers.iter().fold(0.0f64, |m, layer| m.max(layer.sigma_pool_deg)).powi(2);
        let border_px = 7.0 * ppd * squares.sqrt();
        let rule = |(i, layer): (usize, &GanglionLayer)| {
            let channel = layer.spiking.clone()?;
            let key = Key::new(self.options.array_seed, i as u64, "array of cells", 0);
            Some((i, ArrayRule::new(channel, self.description.log_polar.clone(), ppd, border_px, key)))
        };
        layers.iter().enumerate().filter_map(rule).collect()
    }

    fn eccentricity(&self) -> Option<Eccentricity> {
        self.description.log_polar.as_ref().map(|scheme| Eccentricity {
            fovea_radius_deg: scheme.fovea_radius_deg,
            growth_inv_deg: scheme.scaling_factor_outside_fovea_inv_deg,
        })
    }

    /// The kernel of a blur; `heat` where it is a step of a heat equation.
    const fn kernel(&self, heat: bool) -> Kernel {
        if self.options.compatibility.deriche_blur {
            Kernel::Deriche { rounded: true }
        } else if heat {
            Kernel::Heat
        } else {
            Kernel::Gaussian
        }
    }

    fn linear_opl(&self, linear: &LinearOpl) -> Result<Opl> {
        let range = self.description.retina.input_luminosity_range;
        let adapted = self.options.compatibility.adapted_start;
        let options = OplOptions {
            kernel: self.kernel(linear.leaky_heat),
            eccentricity: self.eccentricity(),
            leaky_heat: linear.leaky_heat,
            undershoot: linear.undershoot.is_some(),
            stage_delays: self.options.compatibility.stage_delays,
            adapted_to: adapted.then(|| self.options.initial_luminance.unwrap_or(range / 2.0)),
        };
        let opl = Opl::with_filter(OplKind::Options(options), self.resolution)?;
        let mut values = vec![
            ("opl_filter.center_G.sigma", linear.center_sigma_deg),
            ("opl_filter.center_E.tau", tau(linear.center_tau_s, self.description)),
            ("opl_filter.center_E.n", if linear.leaky_heat { 0.0 } else { f64::from(linear.center_n) }),
            ("opl_filter.surround_G.sigma", linear.surround_sigma_deg),
            ("opl_filter.surround_E.tau", tau(linear.surround_tau_s, self.description)),
            ("opl_filter.relative_weight", linear.relative_weight),
            ("opl_filter.lambda_opl", linear.amplification / range),
        ];
        if let Some(undershoot) = &linear.undershoot {
            values.push(("opl_filter.center_undershoot.tau", tau(undershoot.tau_s, self.description)));
            values.push(("opl_filter.center_undershoot.k", undershoot.relative_weight));
        }
        set(&opl, &values)?;
        Ok(opl)
    }

    fn luminance_gain_opl(&self, gain: &LuminanceGainControl) -> Result<Opl> {
        let range = self.description.retina.input_luminosity_range;
        let adapted = self.options.compatibility.adapted_start;
        let options = LuminanceGainOptions {
            kernel: self.kernel(false),
            eccentricity: self.eccentricity(),
            adapted_to: adapted.then(|| self.options.initial_luminance.unwrap_or(range / 2.0)),
        };
        let opl = Opl::with_filter(OplKind::LuminanceGain(options), self.resolution)?;
        set(
            &opl,
            &[
                ("opl_filter.receptor_G.sigma", gain.receptor_sigma_deg),
                ("opl_filter.receptor_E.tau", tau(gain.phototransduction_tau_s, self.description)),
                ("opl_filter.surround_G.sigma", gain.horizontal_sigma_deg),
                ("opl_filter.surround_E.tau", tau(gain.horizontal_additional_tau_s, self.description)),
                ("opl_filter.lambda_opl", gain.input_amplification / range),
                ("opl_filter.receptor_leak", gain.receptor_leak),
                ("opl_filter.feedback_gain", gain.horizontal_feedback_amplification),
                ("opl_filter.feedback_reversal", gain.horizontal_feedback_nernst),
                ("opl_filter.relative_weight", gain.relative_weight),
            ],
        )?;
        Ok(opl)
    }

    fn bipolar(&self, gain: &ContrastGainControl) -> Result<Bipolar> {
        let options = BipolarOptions {
            kernel: self.kernel(false),
            eccentricity: self.eccentricity(),
            saturates: self.options.compatibility.saturation,
            custom: gain.custom.as_ref().map(|c| CustomInhibition { both_signs: c.on_off_symmetry }),
        };
        let bipolar = Bipolar::with_options(options, self.resolution);
        set(
            &bipolar,
            &[
                ("lambda_amp", gain.adaptation_feedback_amplification_hz),
                ("g_leak", gain.inert_leaks_hz),
                ("input_amp", gain.opl_amplification_hz),
                ("tau", tau(gain.adaptation_tau_s, self.description)),
                ("adaptation_sigma", gain.adaptation_sigma_deg),
            ],
        )?;
        if let Some(custom) = &gain.custom {
            set(
                &bipolar,
                &[
                    ("exponent", custom.powerlaw_exponent),
                    ("threshold", custom.threshold),
                    ("reversal", custom.inhibition_reversal),
                    ("transient_weight", custom.transient_relative_weight),
                    ("transient_tau", tau(custom.transient_tau_s, self.description)),
                ],
            )?;
        }
        Ok(bipolar)
    }

    fn ganglion_input(&self, layer: &GanglionLayer) -> Result<GanglionInput> {
        let options = GanglionOptions {
            kernel: self.kernel(false),
            eccentricity: self.eccentricity(),
            saturates: self.options.compatibility.saturation,
        };
        let input = GanglionInput::with_options(layer.sign, options, self.resolution)?;
        set(
            &input,
            &[
                ("transient_tau_center", tau(layer.transient_tau_s, self.description)),
                ("transient_relative_weight_center", layer.transient_relative_weight),
                ("i_0", layer.value_at_linear_threshold_hz),
                ("v_0", layer.bipolar_linear_threshold),
                ("lambda_G", layer.bipolar_amplification_hz),
                ("sigma_surround", layer.sigma_pool_deg),
            ],
        )?;
        Ok(input)
    }
}
