//! Where and when pixels are.

use super::argument::{at_least_one, not_negative};
use crate::{Error, Resolution, Result};

/// Micrometres of retina per degree of visual angle in the mouse (Remtulla & Hallett 1985, Vision Res. 25:21).
pub const MOUSE_UM_PER_DEGREE: f64 = 31.0;

/// Size of the pictures, and how pixels and frames relate to degrees and seconds.
///
/// ```
/// use convis::stimuli::Screen;
/// let screen = Screen { height: 3, width: 4, ..Screen::default() };
/// assert_eq!(screen.y_deg(1), 0.0);
/// assert!((screen.x_deg(3) - 0.15).abs() < 1e-12);
/// assert_eq!(screen.time_s(250), 0.25);
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Screen {
    /// Rows.
    pub height: usize,
    /// Columns.
    pub width: usize,
    /// Pixels per degree and frames per second.
    pub resolution: Resolution,
}

impl Default for Screen {
    /// 50 × 50 pixels: 5° × 5° at the default resolution.
    fn default() -> Self {
        Self { height: 50, width: 50, resolution: Resolution::default() }
    }
}

impl Screen {
    /// Degrees of the centre of a column to the right of the middle.
    pub fn x_deg(&self, column: usize) -> f64 {
        self.resolution.pixel_to_degree(column as f64 - 0.5 * (self.width as f64 - 1.0))
    }

    /// Degrees of the centre of a row below the middle.
    pub fn y_deg(&self, row: usize) -> f64 {
        self.resolution.pixel_to_degree(row as f64 - 0.5 * (self.height as f64 - 1.0))
    }

    /// Seconds before the frame.
    pub fn time_s(&self, frame: u64) -> f64 {
        frame as f64 / self.resolution.steps_per_second()
    }

    /// Whole frames of a duration; at most 10¹², so that sums and products of a few do not overflow.
    pub(super) fn frames(&self, seconds: f64) -> u64 {
        self.resolution.seconds_to_steps(seconds).round().min(1e12) as u64
    }

    /// The number of the picture that a display of `rate_hz` shows during the frame.
    pub(super) fn picture(&self, frame: u64, rate_hz: f64) -> u64 {
        // A picture that begins with the frame must not be missed by rounding.
        (frame as f64 * rate_hz / self.resolution.steps_per_second() + 1e-9).floor() as u64
    }

    /// Refuses sizes that no movie has.
    pub(super) fn check(&self) -> Result<()> {
        at_least_one("height", self.height)?;
        at_least_one("width", self.width)?;
        if self.height.saturating_mul(self.width) > 1 << 30 {
            let found = format!("{} × {}", self.height, self.width);
            return Err(Error::argument("screen", "at most 2³⁰ pixels", found));
        }
        Ok(())
    }

    /// Refuses durations that are negative, or whose sum is less than a frame.
    pub(super) fn check_durations(&self, durations: &[(&str, f64)]) -> Result<()> {
        durations.iter().try_for_each(|(name, value)| not_negative(name, *value))?;
        if durations.iter().all(|(_, value)| self.frames(*value) == 0) {
            let names = durations.iter().map(|(name, _)| *name).collect::<Vec<_>>().join(" + ");
            return Err(Error::argument(names, format!("at least a frame of {} s", self.time_s(1)), 0));
        }
        Ok(())
    }

    /// Gives every pixel the number of its place, `of(x_deg, y_deg)`.
    pub(super) fn paint(&self, out: &mut [f32], of: impl Fn(f64, f64) -> f64) {
        for (row, out) in out.chunks_mut(self.width).enumerate() {
            let y = self.y_deg(row);
            for (column, out) in out.iter_mut().enumerate() {
                *out = of(self.x_deg(column), y) as f32;
            }
        }
    }
}

/// The unit vector (right, down) of a direction in degrees; exact for multiples of 90°.
pub(super) fn unit_vector(direction_deg: f64) -> (f64, f64) {
    match direction_deg.rem_euclid(360.0) {
        0.0 => (1.0, 0.0),
        90.0 => (0.0, -1.0),
        180.0 => (-1.0, 0.0),
        270.0 => (0.0, 1.0),
        angle => (angle.to_radians().cos(), -angle.to_radians().sin()),
    }
}
