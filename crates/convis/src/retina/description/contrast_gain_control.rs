//! Contrast gain control at the bipolar cells.

use super::schema::Kind::{Above, AtLeast, Finite, Flag, Switch};
use super::schema::{Attribute, Node, Value, node};

node! {
    /// Contrast gain control: the elements `contrast-gain-control` and, with `custom`, `contrast-gain-control-custom`.
    ContrastGainControl {
        enabled: bool = true, "enabled", Flag, "–", "Whether there are bipolar cells with gain control";
        opl_amplification_hz: f64 = 100.0, "opl-amplification__Hz", Finite, "Hz",
            "Current of a bipolar cell for a signal of 1 of the outer plexiform layer";
        inert_leaks_hz: f64 = 10.0, "bipolar-inert-leaks__Hz", Above(0.0), "Hz", "Leak conductance at rest";
        adaptation_sigma_deg: f64 = 1.0, "adaptation-sigma__deg", AtLeast(0.0), "deg", "Width of the feedback";
        adaptation_tau_s: f64 = 0.01, "adaptation-tau__sec", AtLeast(0.0), "s", "Time constant of the feedback";
        adaptation_feedback_amplification_hz: f64 = 100.0, "adaptation-feedback-amplification__Hz", AtLeast(0.0),
            "Hz", "Strength λ of the feedback; 0 for none";
    }
    with {
        /// A feedback of another form.
        custom: Option<CustomGainControl> = None;
    }
}

node! {
    /// A feedback of another form than λ·V²: what `contrast-gain-control-custom` adds.
    CustomGainControl {
        powerlaw_exponent: f64 = 2.0, "adaptation-powerlaw-exponent", Above(0.0), "–",
            "Exponent p of the feedback λ·max(V − v₀, 0)^p";
        inhibition_reversal: f64 = 0.0, "adaptation-E-inh", Finite, "–",
            "Reversal potential of the feedback's conductance";
        on_off_symmetry: bool = true, "adaptation-ONOFF-symmetry", Switch, "–",
            "Whether −V feeds back as V does";
        threshold: f64 = 0.0, "bipolar-to-adaptation-threshold", Finite, "–", "Threshold v₀ of the feedback";
        transient_relative_weight: f64 = 0.0, "transient-relative-weight", Finite, "–",
            "Weight of the low-passed V that is added to the current";
        transient_tau_s: f64 = 0.03, "transient-tau__sec", AtLeast(0.0), "s", "Time constant of that low-pass";
    }
}

impl Node for ContrastGainControl {
    fn attributes(&self) -> Vec<&'static Attribute> {
        let custom = if self.custom.is_some() { CustomGainControl::ATTRIBUTES } else { &[] };
        Self::ATTRIBUTES.iter().chain(custom).collect()
    }

    fn value(&self, attribute: &str) -> Option<Value> {
        let custom = || self.custom.as_ref().and_then(|custom| custom.own_value(attribute));
        self.own_value(attribute).or_else(custom)
    }

    fn assign(&mut self, attribute: &str, value: &Value) {
        self.own_assign(attribute, value);
        if let Some(custom) = &mut self.custom {
            custom.own_assign(attribute, value);
        }
    }
}
