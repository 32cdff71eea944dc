//! The outer plexiform layer: centre and surround.

use super::schema::Kind::{Above, AtLeast, Finite, Flag, Switch, Whole};
use super::schema::{Attribute, Node, Slot, Value, node, own_attributes};

/// One of the two versions of the outer plexiform layer: the element `outer-plexiform-layer`.
#[derive(Clone, Debug, PartialEq)]
pub enum OuterPlexiform {
    /// Linear filters.
    Linear(LinearOpl),
    /// Phototransduction and feedback of horizontal cells that adapt to luminance.
    LuminanceGainControl(LuminanceGainControl),
}

impl Default for OuterPlexiform {
    fn default() -> Self {
        Self::Linear(LinearOpl::default())
    }
}

const LAYER: &str = "outer-plexiform-layer";

/// Its two versions.
const VERSIONS: [Slot; 2] = [
    Slot {
        older: &["undershoot-version"],
        group: "version",
        ..Slot::one(LAYER, "linear-version", "Centre and surround as linear filters")
    },
    Slot {
        group: "version",
        ..Slot::one(LAYER, "luminance-gain-control-version", "Receptors and horizontal cells that adapt")
    },
];

impl Node for OuterPlexiform {
    fn attributes(&self) -> Vec<&'static Attribute> {
        vec![]
    }

    fn value(&self, _: &str) -> Option<Value> {
        None
    }

    fn assign(&mut self, _: &str, _: &Value) {}

    fn slots(&self) -> &'static [Slot] {
        &VERSIONS
    }

    fn nodes(&self, slot: &Slot) -> Vec<&dyn Node> {
        match self {
            Self::Linear(linear) if slot.element == VERSIONS[0].element => vec![linear],
            Self::LuminanceGainControl(gain) if slot.element == VERSIONS[1].element => vec![gain],
            _ => vec![],
        }
    }

    fn nodes_mut(&mut self, slot: &Slot) -> Vec<&mut dyn Node> {
        match self {
            Self::Linear(linear) if slot.element == VERSIONS[0].element => vec![linear],
            Self::LuminanceGainControl(gain) if slot.element == VERSIONS[1].element => vec![gain],
            _ => vec![],
        }
    }

    fn add(&mut self, slot: &Slot) -> Option<&mut dyn Node> {
        *self = match slot.element {
            element if element == VERSIONS[0].element => Self::Linear(LinearOpl::default()),
            element if element == VERSIONS[1].element => {
                Self::LuminanceGainControl(LuminanceGainControl::default())
            }
            _ => return None,
        };
        self.nodes_mut(slot).pop()
    }

    fn clear(&mut self, slot: &Slot) {
        if !self.nodes(slot).is_empty() {
            *self = Self::default();
        }
    }
}

node! {
    /// Linear centre and surround: the element `linear-version`.
    ///
    /// Centre C: luminance, divided by its range and multiplied by the amplification, blurred and low-passed; the
    /// undershoot acts on it; surround S: C blurred and low-passed again. The current is C − w·S.
    LinearOpl {
        center_sigma_deg: f64 = 0.0, "center-sigma__deg", AtLeast(0.0), "deg", "Width of the centre";
        center_tau_s: f64 = 0.01, "center-tau__sec", AtLeast(0.0), "s", "Time constant of the centre";
        center_n: u32 = 0, "center-n__uint", Whole(20), "–",
            "Order n of the centre's cascade: n + 1 low-passes of τ/n, one of τ where n = 0";
        surround_sigma_deg: f64 = 1.0, "surround-sigma__deg", AtLeast(0.0), "deg", "Width of the surround";
        surround_tau_s: f64 = 0.01, "surround-tau__sec", AtLeast(0.0), "s", "Time constant of the surround";
        relative_weight: f64 = 0.0, "opl-relative-weight", Finite, "–", "Weight w of the surround";
        leaky_heat: bool = false, "leaky-heat-equation", Switch, "–",
            "Whether space and time are one leaky heat equation (1) or separable filters (0)";
        amplification: f64 = 1.0, "opl-amplification", Finite, "–",
            "Gain of the layer for luminance divided by its range";
    }
    with {
        /// The centre's undershoot.
        undershoot: Option<Undershoot> = None;
    }
}

const UNDERSHOOT: [Slot; 1] =
    [Slot::one("linear-version", "undershoot", "The centre's undershoot after a change of luminance")];

impl Node for LinearOpl {
    own_attributes!();

    fn slots(&self) -> &'static [Slot] {
        &UNDERSHOOT
    }

    fn nodes(&self, _: &Slot) -> Vec<&dyn Node> {
        self.undershoot.iter().map(|node| node as &dyn Node).collect()
    }

    fn nodes_mut(&mut self, _: &Slot) -> Vec<&mut dyn Node> {
        self.undershoot.iter_mut().map(|node| node as &mut dyn Node).collect()
    }

    fn add(&mut self, _: &Slot) -> Option<&mut dyn Node> {
        Some(self.undershoot.insert(Undershoot::default()))
    }

    fn clear(&mut self, _: &Slot) {
        self.undershoot = None;
    }
}

node! {
    /// The centre's undershoot: the element `undershoot`. The centre minus w times its low-pass with τ.
    Undershoot {
        enabled: bool = true, "enabled", Flag, "–", "Whether there is an undershoot";
        relative_weight: f64 = 0.0, "relative-weight", Finite, "–", "Weight w of the low-pass that is subtracted";
        tau_s: f64 = 0.1, "tau__sec", AtLeast(0.0), "s", "Time constant τ of the low-pass";
    }
}

impl Node for Undershoot {
    own_attributes!();
}

node! {
    /// Receptors and horizontal cells that adapt to luminance: the element `luminance-gain-control-version`.
    ///
    /// The original program registered these attributes and never ran the filter of its phototransduction; the
    /// defaults here are ours.
    LuminanceGainControl {
        input_amplification: f64 = 1.0, "input-amplification-phototransduction", AtLeast(0.0), "–",
            "Gain of phototransduction for luminance divided by its range";
        receptor_sigma_deg: f64 = 0.0, "sigma-receptors__deg", AtLeast(0.0), "deg", "Width of the receptors";
        phototransduction_tau_s: f64 = 0.01, "tau-phototransduction__sec", AtLeast(0.0), "s",
            "Time constant of phototransduction";
        horizontal_sigma_deg: f64 = 1.0, "sigma-horizontal-cells__deg", AtLeast(0.0), "deg",
            "Width of the horizontal cells";
        horizontal_additional_tau_s: f64 = 0.01, "additional-tau-horizontal-cells__sec", AtLeast(0.0), "s",
            "Time constant of the horizontal cells, after that of the receptors";
        relative_weight: f64 = 0.0, "relative-weight-surround-center", Finite, "–", "Weight of the surround";
        receptor_leak: f64 = 1.0, "inert-leak-in-receptors", Above(0.0), "Hz", "Leak of the receptors in darkness";
        horizontal_feedback_amplification: f64 = 0.0, "horizontal-feedback-amplification", AtLeast(0.0), "Hz",
            "Gain of the horizontal cells' feedback on the receptors";
        horizontal_feedback_nernst: f64 = 0.0, "horizontal-feedback-nernst-potential", Finite, "–",
            "Reversal potential of that feedback";
    }
}

impl Node for LuminanceGainControl {
    own_attributes!();
}
