//! What a step, a pixel and a luminance are.

use super::schema::Kind::Above;
use super::schema::{Node, node, own_attributes};

node! {
    /// Step, range of luminance and resolution: the element `retina`.
    Sampling {
        temporal_step_s: f64 = 1.0, "temporal-step__sec", Above(0.0), "s", "Duration of a step of the simulation";
        input_luminosity_range: f64 = 255.0, "input-luminosity-range", Above(0.0), "luminance",
            "Luminance of white in the input";
        pixels_per_degree: f64 = 1.0, "pixels-per-degree", Above(0.0), "pixels/deg",
            "Pixels per degree of visual angle";
    }
}

impl Node for Sampling {
    own_attributes!();
}
