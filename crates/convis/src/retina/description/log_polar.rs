//! A retina that is finer in the middle.

use super::schema::Kind::{AtLeast, Flag};
use super::schema::{Node, node, own_attributes};

node! {
    /// How density and widths change with eccentricity: the element `log-polar-scheme`.
    ///
    /// With r the distance from the middle of the image in degrees, the density relative to the fovea is
    /// `D(r) = 1` for r ≤ R₀ and `1/(1 + K·(r − R₀))` beyond; every width σ becomes `σ/D(r)`.
    LogPolar {
        enabled: bool = true, "enabled", Flag, "–", "Whether the retina is finer in the middle";
        fovea_radius_deg: f64 = 1.0, "fovea-radius__deg", AtLeast(0.0), "deg", "Radius R₀ of the fovea";
        scaling_factor_outside_fovea_inv_deg: f64 = 1.0, "scaling-factor-outside-fovea__inv-deg", AtLeast(0.0),
            "1/deg", "Growth K of widths outside of the fovea";
    }
}

impl LogPolar {
    /// Density at `eccentricity_deg` relative to the fovea, D(r).
    pub fn relative_density(&self, eccentricity_deg: f64) -> f64 {
        let beyond = (eccentricity_deg - self.fovea_radius_deg).max(0.0);
        1.0 / self.scaling_factor_outside_fovea_inv_deg.mul_add(beyond, 1.0)
    }
}

impl Node for LogPolar {
    own_attributes!();
}
