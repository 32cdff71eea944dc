//! Spikes of ganglion cells.

use super::schema::Kind::{Above, AtLeast, Finite, Flag, Switch};
use super::schema::{Attribute, Node, Slot, Value, node};
use super::{CircularArray, SquareArray, Unit};

node! {
    /// Leaky integrate-and-fire neurons: the elements `spiking-channel` and, with `adaptation`, `spiking-channel-adap`.
    ///
    /// Where the cells stand is said by `units` if there are any, else by `array`; where neither is given there is one
    /// cell at every pixel.
    SpikingChannel {
        enabled: bool = true, "enabled", Flag, "–", "Whether the layer spikes";
        g_leak_hz: f64 = 50.0, "g-leak__Hz", Above(0.0), "Hz", "Leak conductance";
        sigma_v: f64 = 0.0, "sigma-V", AtLeast(0.0), "–",
            "Standard deviation that noise gives the potential (threshold 1)";
        refractory_mean_s: f64 = 0.003, "refr-mean__sec", AtLeast(0.0), "s", "Mean refractory period";
        refractory_sd_s: f64 = 0.0, "refr-stdev__sec", AtLeast(0.0), "s",
            "Standard deviation of the refractory period";
        random_init: bool = false, "random-init", Switch, "–", "Whether potentials start at random in 0…1, or at 0";
    }
    with {
        /// What happens after every spike besides the reset.
        adaptation: Option<SpikeAdaptation> = None;
        /// A rule for the places of cells.
        array: Option<CellArray> = None;
        /// Cells, each with its place.
        units: Vec<Unit> = vec![];
    }
}

node! {
    /// A conductance that grows with every spike: what `spiking-channel-adap` adds.
    SpikeAdaptation {
        delta_g_hz: f64 = 0.0, "delta-g-adap__Hz", AtLeast(0.0), "Hz", "Growth of the conductance at a spike";
        tau_s: f64 = 0.1, "tau-g-adap__sec", Above(0.0), "s", "Time constant of its decay";
        reversal: f64 = 0.0, "E-adap", Finite, "–", "Its reversal potential";
    }
}

/// A rule for the places of cells.
#[derive(Clone, Debug, PartialEq)]
pub enum CellArray {
    /// A square grid.
    Square(SquareArray),
    /// Rings around the middle.
    Circular(CircularArray),
}

const CHANNEL: &str = "spiking-channel";

/// The places of cells.
const PLACES: [Slot; 3] = [
    Slot { group: "array", ..Slot::one(CHANNEL, "square-array", "Cells on a square grid") },
    Slot { group: "array", ..Slot::one(CHANNEL, "circular-array", "Cells on rings around the middle") },
    Slot {
        key: "units",
        list: true,
        repeats: true,
        ..Slot::one(CHANNEL, "unit", "One cell, as saved by a simulation")
    },
];

impl Node for SpikingChannel {
    fn attributes(&self) -> Vec<&'static Attribute> {
        let adaptation = if self.adaptation.is_some() { SpikeAdaptation::ATTRIBUTES } else { &[] };
        Self::ATTRIBUTES.iter().chain(adaptation).collect()
    }

    fn value(&self, attribute: &str) -> Option<Value> {
        let adaptation = || self.adaptation.as_ref().and_then(|node| node.own_value(attribute));
        self.own_value(attribute).or_else(adaptation)
    }

    fn assign(&mut self, attribute: &str, value: &Value) {
        self.own_assign(attribute, value);
        if let Some(adaptation) = &mut self.adaptation {
            adaptation.own_assign(attribute, value);
        }
    }

    fn slots(&self) -> &'static [Slot] {
        &PLACES
    }

    fn nodes(&self, slot: &Slot) -> Vec<&dyn Node> {
        match (slot.key, &self.array) {
            ("units", _) => self.units.iter().map(|unit| unit as &dyn Node).collect(),
            ("square-array", Some(CellArray::Square(array))) => vec![array],
            ("circular-array", Some(CellArray::Circular(array))) => vec![array],
            _ => vec![],
        }
    }

    fn nodes_mut(&mut self, slot: &Slot) -> Vec<&mut dyn Node> {
        match (slot.key, &mut self.array) {
            ("units", _) => self.units.iter_mut().map(|unit| unit as &mut dyn Node).collect(),
            ("square-array", Some(CellArray::Square(array))) => vec![array],
            ("circular-array", Some(CellArray::Circular(array))) => vec![array],
            _ => vec![],
        }
    }

    fn add(&mut self, slot: &Slot) -> Option<&mut dyn Node> {
        match slot.key {
            "units" => {
                // Without a list of all of them: there may be a hundred thousand.
                self.units.push(Unit::default());
                return self.units.last_mut().map(|unit| unit as &mut dyn Node);
            }
            "square-array" => self.array = Some(CellArray::Square(SquareArray::default())),
            "circular-array" => self.array = Some(CellArray::Circular(CircularArray::default())),
            _ => return None,
        }
        self.nodes_mut(slot).pop()
    }

    fn clear(&mut self, slot: &Slot) {
        match slot.key {
            "units" => self.units.clear(),
            _ if !self.nodes(slot).is_empty() => self.array = None,
            _ => {}
        }
    }
}
