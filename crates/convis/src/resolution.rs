//! How many pixels make a degree of visual angle, and how many steps a second.

use crate::{Error, Result};

/// The resolution that a model reads once, when it is built.
///
/// ```
/// let resolution = convis::Resolution::default();
/// assert_eq!(resolution.degree_to_pixel(0.5), 5.0);
/// assert_eq!(resolution.seconds_to_steps(0.02), 20.0);
/// assert!(convis::Resolution::new(0.0, 1000.0).is_err());
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Resolution {
    pixel_per_degree: f64,
    steps_per_second: f64,
}

impl Default for Resolution {
    /// 10 pixels per degree, 1000 steps per second.
    fn default() -> Self {
        Self { pixel_per_degree: 10.0, steps_per_second: 1000.0 }
    }
}

impl Resolution {
    /// A resolution of so many pixels per degree of visual angle and simulation steps per second.
    ///
    /// # Errors
    /// Unless both are positive and finite.
    pub fn new(pixel_per_degree: f64, steps_per_second: f64) -> Result<Self> {
        for (name, value) in [("pixel_per_degree", pixel_per_degree), ("steps_per_second", steps_per_second)]
        {
            if !(value.is_finite() && value > 0.0) {
                return Err(Error::argument(name, "a positive number", value));
            }
        }
        Ok(Self { pixel_per_degree, steps_per_second })
    }

    /// Pixels per degree of visual angle.
    pub const fn pixel_per_degree(&self) -> f64 {
        self.pixel_per_degree
    }

    /// Simulation steps per second.
    pub const fn steps_per_second(&self) -> f64 {
        self.steps_per_second
    }

    /// Duration of one step, s.
    pub fn step_s(&self) -> f64 {
        1.0 / self.steps_per_second
    }

    /// Degrees of visual angle in pixels.
    pub fn degree_to_pixel(&self, degree: f64) -> f64 {
        degree * self.pixel_per_degree
    }

    /// Pixels in degrees of visual angle.
    pub fn pixel_to_degree(&self, pixel: f64) -> f64 {
        pixel / self.pixel_per_degree
    }

    /// Seconds in steps (not rounded).
    pub fn seconds_to_steps(&self, seconds: f64) -> f64 {
        seconds * self.steps_per_second
    }

    /// Steps in seconds.
    pub fn steps_to_seconds(&self, steps: f64) -> f64 {
        steps / self.steps_per_second
    }
}
