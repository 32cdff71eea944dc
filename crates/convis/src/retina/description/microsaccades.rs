//! Microsaccades: straight jumps of the eye.

use super::schema::Kind::{Above, AtLeast, Flag};
use super::schema::{Node, node, own_attributes};

node! {
    /// The generator of microsaccades: the element `basic-microsaccade-generator`.
    ///
    /// The eye rests for `max(period + sd·ξ, 0)`, then moves straight and at constant speed over
    /// `max(amplitude + sd·ξ, 0)` within `max(duration + sd·ξ, one step)`, from where it is towards the fixation point,
    /// turned by `angular noise·π·u` with u uniform in −1…1.
    ///
    /// The original program bound the attributes of both standard deviations `amplitude-stdev__deg` and
    /// `period-stdev__sec` to one variable; here each is what it says.
    Microsaccades {
        enabled: bool = true, "enabled", Flag, "–", "Whether there are microsaccades";
        pixels_per_degree: Option<f64> = None, "pixels-per-degree", Above(0.0), "pixels/deg",
            "Resolution, as some files repeat it; that of the retina holds";
        temporal_step_s: Option<f64> = None, "temporal-step__sec", Above(0.0), "s",
            "Step, as some files repeat it; that of the retina holds";
        angular_noise_pi: f64 = 0.3, "angular-noise__pi-radians", AtLeast(0.0), "π rad",
            "Largest angle between a saccade and the direction of the fixation point";
        period_mean_s: f64 = 0.2, "period-mean__sec", AtLeast(0.0), "s", "Mean time of rest between saccades";
        period_sd_s: f64 = 0.0, "period-stdev__sec", AtLeast(0.0), "s", "Standard deviation of the time of rest";
        amplitude_mean_deg: f64 = 0.5, "amplitude-mean__deg", AtLeast(0.0), "deg", "Mean length of a saccade";
        amplitude_sd_deg: f64 = 0.04, "amplitude-stdev__deg", AtLeast(0.0), "deg",
            "Standard deviation of the length of a saccade";
        duration_mean_s: f64 = 10.0, "saccade-duration-mean__sec", AtLeast(0.0), "s",
            "Mean duration of a saccade; the default is that of the original, so it should always be set";
        duration_sd_s: f64 = 0.005, "saccade-duration-stdev__sec", AtLeast(0.0), "s",
            "Standard deviation of the duration of a saccade";
    }
}

impl Node for Microsaccades {
    own_attributes!();
}
