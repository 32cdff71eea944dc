//! Layers of ganglion cells.

use super::schema::Kind::{AtLeast, Finite, Flag, Sign, Text};
use super::schema::{Node, Slot, node, own_attributes};
use super::{SpikeAdaptation, SpikingChannel};

node! {
    /// A layer of ganglion cells: the element `ganglion-layer`.
    ///
    /// The signal of the bipolar cells becomes more transient, passes a static nonlinearity that turns it into a current,
    /// and is pooled.
    GanglionLayer {
        name: Option<String> = None, "name", Text, "–", "What it is called";
        enabled: bool = true, "enabled", Flag, "–", "Whether the layer is simulated";
        sign: f64 = 1.0, "sign", Sign, "–", "ON cells 1, OFF cells −1";
        transient_tau_s: f64 = 0.04, "transient-tau__sec", AtLeast(0.0), "s", "Time constant of the transient";
        transient_relative_weight: f64 = 0.75, "transient-relative-weight", Finite, "–",
            "Weight of the low-pass that the transient subtracts";
        bipolar_linear_threshold: f64 = 0.0, "bipolar-linear-threshold", Finite, "–",
            "Signal v₀ from which on the current is linear";
        value_at_linear_threshold_hz: f64 = 70.0, "value-at-linear-threshold__Hz", AtLeast(0.0), "Hz",
            "Current i₀ at that signal";
        bipolar_amplification_hz: f64 = 100.0, "bipolar-amplification__Hz", Finite, "Hz",
            "Slope λ of the current where it is linear";
        sigma_pool_deg: f64 = 0.0, "sigma-pool__deg", AtLeast(0.0), "deg", "Width over which currents are pooled";
    }
    with {
        /// Its spikes.
        spiking: Option<SpikingChannel> = None;
    }
}

const LAYER: &str = "ganglion-layer";

/// The ways to spike.
const CHANNELS: [Slot; 2] = [
    Slot {
        group: "spiking-channel",
        ..Slot::one(LAYER, "spiking-channel", "Spikes of leaky integrate-and-fire neurons")
    },
    Slot {
        group: "spiking-channel",
        ..Slot::one(LAYER, "spiking-channel-adap", "The same with adaptation after every spike")
    },
];

impl GanglionLayer {
    /// Whether this is the slot of the channel the layer has.
    fn has(&self, slot: &Slot) -> bool {
        let adapts = self.spiking.as_ref().is_some_and(|channel| channel.adaptation.is_some());
        adapts == (slot.element == CHANNELS[1].element)
    }
}

impl Node for GanglionLayer {
    own_attributes!();

    fn slots(&self) -> &'static [Slot] {
        &CHANNELS
    }

    fn nodes(&self, slot: &Slot) -> Vec<&dyn Node> {
        let has = self.has(slot);
        self.spiking.iter().filter(|_| has).map(|node| node as &dyn Node).collect()
    }

    fn nodes_mut(&mut self, slot: &Slot) -> Vec<&mut dyn Node> {
        let has = self.has(slot);
        self.spiking.iter_mut().filter(|_| has).map(|node| node as &mut dyn Node).collect()
    }

    fn add(&mut self, slot: &Slot) -> Option<&mut dyn Node> {
        let adaptation = (slot.element == CHANNELS[1].element).then(SpikeAdaptation::default);
        Some(self.spiking.insert(SpikingChannel { adaptation, ..SpikingChannel::default() }))
    }

    fn clear(&mut self, slot: &Slot) {
        if self.has(slot) {
            self.spiking = None;
        }
    }
}
