//! The description of a retina: what a file of Virtual Retina, or a configuration, says.
//!
//! [`RetinaDescription`] is plain data: one structure per node, units in the names of the fields, the original program's
//! defaults. Its tables of attributes ([`schema`]) are the single source of names, units, ranges and documentation; files
//! and keys are read and written by them.
//!
//! ```text
//! RetinaDescription
//! ├─ microsaccades: Option<Microsaccades>          basic-microsaccade-generator
//! ├─ retina: Sampling                              retina
//! ├─ log_polar: Option<LogPolar>                   log-polar-scheme
//! ├─ outer_plexiform: OuterPlexiform               outer-plexiform-layer
//! │  ├─ Linear(LinearOpl)                            linear-version
//! │  │  └─ undershoot: Option<Undershoot>              undershoot
//! │  └─ LuminanceGainControl(…)                      luminance-gain-control-version
//! ├─ contrast_gain_control: Option<…>              contrast-gain-control
//! │  └─ custom: Option<CustomGainControl>            …-custom
//! └─ ganglion_layers: Vec<GanglionLayer>           ganglion-layer
//!    └─ spiking: Option<SpikingChannel>              spiking-channel
//!       ├─ adaptation: Option<SpikeAdaptation>         …-adap
//!       ├─ array: Option<CellArray>                    square-array, circular-array
//!       └─ units: Vec<Unit>                            unit
//! ```
//!
//! `keys.rs` reads and changes it by dotted keys, [`tree`] turns it into nested tables and back.
//!
//! Nodes with a field `enabled` can be switched off and keep what they say. What is simulated is
//! [`RetinaDescription::enabled_only`].
//!
//! # Source
//! Wohrer & Kornprobst 2009, J. Comput. Neurosci. 26:219–249, and the tutorial of their program.

mod cell_array;
mod contrast_gain_control;
mod ganglion_layer;
mod keys;
mod log_polar;
mod microsaccades;
mod outer_plexiform;
mod presets;
mod sampling;
pub mod schema;
mod spiking_channel;
pub mod tree;

pub use cell_array::{CircularArray, SquareArray, Unit, cell_numbers};
pub use contrast_gain_control::{ContrastGainControl, CustomGainControl};
pub use ganglion_layer::GanglionLayer;
pub use log_polar::LogPolar;
pub use microsaccades::Microsaccades;
pub use outer_plexiform::{LinearOpl, LuminanceGainControl, OuterPlexiform, Undershoot};
pub use presets::{PRESETS, Preset};
pub use sampling::Sampling;
pub use spiking_channel::{CellArray, SpikeAdaptation, SpikingChannel};

use std::collections::HashMap;

use crate::filters::WIDEST_PX;
use crate::{Error, Result};
use schema::{Attribute, Node, Slot, Value, quoted};

/// A whole retina, as plain data.
///
/// # Example
/// ```
/// use convis::retina::description::{OuterPlexiform, RetinaDescription};
/// let cat = RetinaDescription::preset("cat-x")?;
/// let OuterPlexiform::Linear(opl) = &cat.outer_plexiform else { panic!("the cat's is linear") };
/// assert_eq!((opl.center_sigma_deg, cat.ganglion_layers.len()), (0.5, 1));
///
/// let mut broken = cat.clone();
/// broken.ganglion_layers[0].transient_tau_s = -0.03;
/// assert_eq!(
///     broken.check().unwrap_err().to_string(),
///     "ganglion-layers.0.transient-tau__sec: expected a finite number, 0 or above, got -0.03"
/// );
/// # Ok::<(), convis::Error>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq)]
pub struct RetinaDescription {
    /// Microsaccades.
    pub microsaccades: Option<Microsaccades>,
    /// Step, range of luminance and resolution.
    pub retina: Sampling,
    /// How density and widths change with eccentricity.
    pub log_polar: Option<LogPolar>,
    /// The outer plexiform layer.
    pub outer_plexiform: OuterPlexiform,
    /// Contrast gain control at the bipolar cells; without, ganglion cells see the outer plexiform layer.
    pub contrast_gain_control: Option<ContrastGainControl>,
    /// Layers of ganglion cells.
    pub ganglion_layers: Vec<GanglionLayer>,
}

/// The element around a whole description in XML.
pub const ROOT_ELEMENT: &str = "retina-description-file";
/// The element around all but the microsaccades.
pub const RETINA_ELEMENT: &str = "retina";

/// The nodes of a description, in the order of files.
const NODES: [Slot; 7] = [
    Slot::one(ROOT_ELEMENT, "basic-microsaccade-generator", "Microsaccades"),
    Slot::one(ROOT_ELEMENT, RETINA_ELEMENT, "Step, range of luminance and resolution"),
    Slot::one(RETINA_ELEMENT, "log-polar-scheme", "A retina that is finer in the middle"),
    Slot {
        key: "outer-plexiform-layers",
        list: true,
        ..Slot::one(RETINA_ELEMENT, "outer-plexiform-layer", "Centre and surround")
    },
    Slot::one(RETINA_ELEMENT, "contrast-gain-control", "Contrast gain control at the bipolar cells"),
    Slot {
        group: "contrast-gain-control",
        ..Slot::one(RETINA_ELEMENT, "contrast-gain-control-custom", "Contrast gain control of another form")
    },
    Slot {
        key: "ganglion-layers",
        list: true,
        repeats: true,
        older: &["parvocellular-ganglion-layer", "magnocellular-ganglion-layer"],
        ..Slot::one(RETINA_ELEMENT, "ganglion-layer", "A layer of ganglion cells")
    },
];

fn one<T: Node>(node: &T) -> Vec<&dyn Node> {
    vec![node]
}

fn all<'a, T: Node + 'a>(nodes: impl IntoIterator<Item = &'a T>) -> Vec<&'a dyn Node> {
    nodes.into_iter().map(|node| node as &dyn Node).collect()
}

fn all_mut<'a, T: Node + 'a>(nodes: impl IntoIterator<Item = &'a mut T>) -> Vec<&'a mut dyn Node> {
    nodes.into_iter().map(|node| node as &mut dyn Node).collect()
}

impl Node for RetinaDescription {
    fn attributes(&self) -> Vec<&'static Attribute> {
        vec![]
    }

    fn value(&self, _: &str) -> Option<Value> {
        None
    }

    fn assign(&mut self, _: &str, _: &Value) {}

    fn slots(&self) -> &'static [Slot] {
        &NODES
    }

    fn nodes(&self, slot: &Slot) -> Vec<&dyn Node> {
        let gain =
            |custom| self.contrast_gain_control.iter().filter(move |gain| gain.custom.is_some() == custom);
        match slot.element {
            "basic-microsaccade-generator" => all(&self.microsaccades),
            "retina" => one(&self.retina),
            "log-polar-scheme" => all(&self.log_polar),
            "outer-plexiform-layer" => one(&self.outer_plexiform),
            "contrast-gain-control" => all(gain(false)),
            "contrast-gain-control-custom" => all(gain(true)),
            _ => all(&self.ganglion_layers),
        }
    }

    fn nodes_mut(&mut self, slot: &Slot) -> Vec<&mut dyn Node> {
        let gain = &mut self.contrast_gain_control;
        match slot.element {
            "basic-microsaccade-generator" => all_mut(&mut self.microsaccades),
            "retina" => vec![&mut self.retina],
            "log-polar-scheme" => all_mut(&mut self.log_polar),
            "outer-plexiform-layer" => vec![&mut self.outer_plexiform],
            "contrast-gain-control" => all_mut(gain.iter_mut().filter(|gain| gain.custom.is_none())),
            "contrast-gain-control-custom" => all_mut(gain.iter_mut().filter(|gain| gain.custom.is_some())),
            _ => all_mut(&mut self.ganglion_layers),
        }
    }

    fn add(&mut self, slot: &Slot) -> Option<&mut dyn Node> {
        match slot.element {
            "basic-microsaccade-generator" => self.microsaccades = Some(Microsaccades::default()),
            "retina" => self.retina = Sampling::default(),
            "log-polar-scheme" => self.log_polar = Some(LogPolar::default()),
            "outer-plexiform-layer" => self.outer_plexiform = OuterPlexiform::default(),
            "contrast-gain-control" => self.contrast_gain_control = Some(ContrastGainControl::default()),
            "contrast-gain-control-custom" => {
                let custom = Some(CustomGainControl::default());
                self.contrast_gain_control =
                    Some(ContrastGainControl { custom, ..ContrastGainControl::default() });
            }
            "ganglion-layer" => {
                self.ganglion_layers.push(GanglionLayer::default());
                return self.ganglion_layers.last_mut().map(|layer| layer as &mut dyn Node);
            }
            _ => return None,
        }
        self.nodes_mut(slot).pop()
    }

    fn clear(&mut self, slot: &Slot) {
        match slot.element {
            "basic-microsaccade-generator" => self.microsaccades = None,
            "retina" => self.retina = Sampling::default(),
            "log-polar-scheme" => self.log_polar = None,
            "outer-plexiform-layer" => self.outer_plexiform = OuterPlexiform::default(),
            "ganglion-layer" => self.ganglion_layers.clear(),
            _ if !self.nodes(slot).is_empty() => self.contrast_gain_control = None,
            _ => {}
        }
    }
}

impl RetinaDescription {
    /// The description without the nodes that are switched off: what is simulated.
    #[must_use]
    pub fn enabled_only(&self) -> Self {
        let mut on = self.clone();
        on.microsaccades = on.microsaccades.filter(|node| node.enabled);
        on.log_polar = on.log_polar.filter(|node| node.enabled);
        if let OuterPlexiform::Linear(linear) = &mut on.outer_plexiform {
            linear.undershoot = linear.undershoot.take().filter(|node| node.enabled);
        }
        on.contrast_gain_control = on.contrast_gain_control.filter(|node| node.enabled);
        on.ganglion_layers.retain(|layer| layer.enabled);
        for layer in &mut on.ganglion_layers {
            layer.spiking = layer.spiking.take().filter(|channel| channel.enabled);
        }
        on
    }

    /// Refuses values that no retina can have.
    ///
    /// # Errors
    /// The first attribute, by its key, whose value is out of range or that does not fit another one.
    pub fn check(&self) -> Result<()> {
        check_node(self, "", self.retina.pixels_per_degree)?;
        self.check_cell_numbers()?;
        if let OuterPlexiform::Linear(linear) = &self.outer_plexiform
            && linear.leaky_heat
        {
            let opl = "outer-plexiform-layers.0.linear-version";
            for (name, tau_s) in [("center", linear.center_tau_s), ("surround", linear.surround_tau_s)] {
                if tau_s == 0.0 {
                    let expected = "a time constant above 0 s for the leaky heat equation";
                    return Err(Error::argument(format!("{opl}.{name}-tau__sec"), expected, tau_s));
                }
            }
        }
        Ok(())
    }

    /// Refuses two cells of one number.
    fn check_cell_numbers(&self) -> Result<()> {
        let mut met: HashMap<u32, String> = HashMap::new();
        for (number, layer) in self.ganglion_layers.iter().enumerate().filter(|(_, layer)| layer.enabled) {
            let Some(channel) = layer.spiking.as_ref().filter(|channel| channel.enabled) else { continue };
            for (unit, id) in channel.units.iter().enumerate().filter_map(|(i, unit)| Some((i, unit.id?))) {
                let place = format!("ganglion-layers.{number}.spiking-channel.units.{unit}");
                if let Some(other) = met.get(&id) {
                    let found = format!("{id}, which {other} has");
                    let name = format!("{place}.mvaspike-id");
                    return Err(Error::argument(name, "another number for every cell", found));
                }
                met.insert(id, place);
            }
        }
        Ok(())
    }

    /// The keys of all nodes that are switched off. Virtual Retina knows no such nodes: it would simulate them.
    ///
    /// ```
    /// use convis::retina::RetinaDescription;
    /// let toolbox = RetinaDescription::preset("toolbox-2018")?;
    /// assert!(toolbox.switched_off().contains(&"log-polar-scheme".to_string()));
    /// assert!(toolbox.enabled_only().switched_off().is_empty());
    /// # Ok::<(), convis::Error>(())
    /// ```
    pub fn switched_off(&self) -> Vec<String> {
        let mut off = vec![];
        find_switched_off(self, "", &mut off);
        off
    }

    /// What is allowed and yet hardly meant.
    pub fn warnings(&self) -> Vec<String> {
        let mut warnings = vec![];
        let on = self.enabled_only();
        if let OuterPlexiform::Linear(linear) = &on.outer_plexiform
            && !(1.0..=20.0).contains(&linear.amplification)
        {
            warnings.push(format!(
                "outer-plexiform-layers.0.linear-version.opl-amplification: usually 1 to 20, here {}",
                Value::Number(linear.amplification)
            ));
        }
        if let Some(saccades) = &on.microsaccades {
            let repeated = [
                ("pixels-per-degree", saccades.pixels_per_degree, self.retina.pixels_per_degree),
                ("temporal-step__sec", saccades.temporal_step_s, self.retina.temporal_step_s),
            ];
            for (name, here, retina) in repeated {
                if here.is_some_and(|here| here != retina) {
                    warnings.push(format!(
                        "basic-microsaccade-generator.{name}: differs from that of the retina, which holds: {retina}"
                    ));
                }
            }
            if saccades.duration_mean_s > 1.0 {
                warnings.push(format!(
                    "basic-microsaccade-generator.saccade-duration-mean__sec: usually about 0.025, here {}",
                    Value::Number(saccades.duration_mean_s)
                ));
            }
        }
        warnings
    }
}

fn find_switched_off(node: &dyn Node, path: &str, off: &mut Vec<String>) {
    if node.value("enabled") == Some(Value::Flag(false)) {
        off.push(path.to_string());
    }
    // Units have no switch, and there may be a hundred thousand.
    for slot in node.slots().iter().filter(|slot| slot.key != "units") {
        for (number, below) in node.nodes(slot).into_iter().enumerate() {
            find_switched_off(below, &joined(path, &slot.key_of(number)), off);
        }
    }
}

/// Checks the attributes of a node and of all below it.
fn check_node(node: &dyn Node, path: &str, pixels_per_degree: f64) -> Result<()> {
    for attribute in node.attributes() {
        if let Some(value) = node.value(attribute.name)
            && !attribute.kind.allows(&value)
        {
            let name = joined(path, attribute.name);
            return Err(Error::argument(name, attribute.kind, quoted(&value)));
        }
        if let Some(Value::Number(sigma_deg)) = node.value(attribute.name)
            && attribute.name.contains("sigma")
            && attribute.unit == "deg"
            && sigma_deg * pixels_per_degree > WIDEST_PX
        {
            let most = Value::Number(WIDEST_PX / pixels_per_degree);
            let ppd = Value::Number(pixels_per_degree);
            let expected = format!("at most {most} deg ({WIDEST_PX} pixels at {ppd} pixels/deg)");
            return Err(Error::argument(joined(path, attribute.name), expected, Value::Number(sigma_deg)));
        }
    }
    for slot in node.slots() {
        for (number, below) in node.nodes(slot).into_iter().enumerate() {
            check_node(below, &joined(path, &slot.key_of(number)), pixels_per_degree)?;
        }
    }
    Ok(())
}

/// `path.name`.
fn joined(path: &str, name: &str) -> String {
    if path.is_empty() { name.to_string() } else { format!("{path}.{name}") }
}

/// Every attribute with its key and default value: the reference of the format.
///
/// ```
/// use convis::retina::description::reference;
/// let (key, attribute, default) = reference().into_iter().find(|(key, ..)| key.ends_with("sigma-V")).unwrap();
/// assert_eq!(key, "ganglion-layers.*.spiking-channel.sigma-V");
/// assert_eq!((attribute.unit, default.unwrap().to_string()), ("–", "0".to_string()));
/// ```
pub fn reference() -> Vec<(String, &'static Attribute, Option<Value>)> {
    let mut lines = vec![];
    describe(&mut RetinaDescription::default(), "", &mut lines);
    lines
}

fn describe(node: &mut dyn Node, path: &str, lines: &mut Vec<(String, &'static Attribute, Option<Value>)>) {
    for attribute in node.attributes() {
        lines.push((joined(path, attribute.name), attribute, node.value(attribute.name)));
    }
    for slot in node.slots() {
        let key = joined(path, &if slot.list { format!("{}.*", slot.key) } else { slot.key.to_string() });
        if let Some(below) = node.add(slot) {
            describe(below, &key, lines);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_defaults_and_all_presets_are_valid() {
        RetinaDescription::default().check().unwrap();
        for preset in PRESETS {
            let description = RetinaDescription::preset(preset.name).unwrap();
            description.check().unwrap_or_else(|error| panic!("{}: {error}", preset.name));
            assert_eq!(description.warnings(), Vec::<String>::new(), "{}", preset.name);
        }
    }

    #[test]
    fn names_are_unique_and_everything_is_documented() {
        let lines = reference();
        let mut keys: Vec<&String> = lines.iter().map(|(key, ..)| key).collect();
        keys.sort();
        keys.dedup();
        assert_eq!(keys.len(), lines.len());
        for (key, attribute, default) in lines {
            assert!(!attribute.doc.is_empty() && !attribute.unit.is_empty(), "{key}");
            assert!(default.is_none_or(|value| attribute.kind.allows(&value)), "{key}");
        }
    }

    #[test]
    fn a_node_that_is_switched_off_is_not_simulated() {
        let description = RetinaDescription::preset("toolbox-2018").unwrap();
        let on = description.enabled_only();
        assert_eq!((description.ganglion_layers.len(), on.ganglion_layers.len()), (4, 2));
        assert!(description.microsaccades.is_some() && on.microsaccades.is_none());
        assert!(description.log_polar.is_some() && on.log_polar.is_none());
    }

    #[test]
    fn what_could_not_be_run_is_refused_by_its_key() {
        let refused = |change: &dyn Fn(&mut RetinaDescription)| {
            let mut description = RetinaDescription::preset("cat-x").unwrap();
            change(&mut description);
            description.check().unwrap_err().to_string()
        };
        let opl = "outer-plexiform-layers.0.linear-version.";
        let linear = |d: &mut RetinaDescription, name: &str, value: f64| {
            let OuterPlexiform::Linear(linear) = &mut d.outer_plexiform else { panic!() };
            linear.assign(name, &Value::Number(value));
        };
        let error = refused(&|d| linear(d, "center-sigma__deg", 1e300));
        assert!(error.starts_with(&format!("{opl}center-sigma__deg: expected at most ")), "{error}");
        assert!(error.ends_with("got 1e300"), "{error}");
        let error = refused(&|d| linear(d, "center-n__uint", 1000.0));
        assert_eq!(error, format!("{opl}center-n__uint: expected a whole number from 0 to 20, got 1000"));
        let error = refused(&|d| d.contrast_gain_control.as_mut().unwrap().inert_leaks_hz = 0.0);
        assert_eq!(
            error,
            "contrast-gain-control.bipolar-inert-leaks__Hz: expected a finite number above 0, got 0"
        );
        let error = refused(&|d| {
            let unit = || Unit { id: Some(3), ..Unit::default() };
            d.ganglion_layers[0].spiking.as_mut().unwrap().units = vec![unit(), Unit::default(), unit()];
        });
        let units = "ganglion-layers.0.spiking-channel.units.";
        let message = format!(
            "{units}2.mvaspike-id: expected another number for every cell, got 3, which {units}0 has"
        );
        assert_eq!(error, message);
        assert_eq!(Value::Number(-0.0).to_string(), "0");
    }

    #[test]
    fn values_out_of_range_are_found_by_their_key() {
        let set = |name: &str, value: f64| {
            let mut description = RetinaDescription::preset("primate").unwrap();
            let channel = description.ganglion_layers[2].spiking.as_mut().unwrap();
            schema::set_attribute(channel, name, Value::Number(value)).map_err(|error| error.to_string())
        };
        assert_eq!(set("sigma-V", 0.5), Ok(()));
        assert_eq!(set("g-leak", 0.5), Ok(()));
        assert_eq!(set("random-init", 0.5).unwrap_err(), "random-init: expected 0 or 1, got 0.5");
        assert_eq!(
            set("sigma-V", f64::NAN).unwrap_err(),
            "sigma-V: expected a finite number, 0 or above, got NaN"
        );
        let error = set("sigma-W", 1.0).unwrap_err();
        assert_eq!(error, "attribute \"sigma-W\" does not exist; did you mean \"sigma-V\"?");

        let mut description = RetinaDescription::preset("primate").unwrap();
        description.ganglion_layers[2].sign = 0.5;
        assert_eq!(
            description.check().unwrap_err().to_string(),
            "ganglion-layers.2.sign: expected 1 or -1, got 0.5"
        );
    }
}
