//! An approaching object.

use super::argument::{finite, positive};
use super::{Screen, Stimulus};
use crate::{Error, Result};

/// A dark disc that grows as an object on a collision course does.
///
/// # Equation
/// An object of half-size l that approaches at speed v and would collide at time T subtends
/// ```text
/// θ(t) = 2·atan((l/v) / (T − t))
/// ```
/// The movie shows θ from `start_deg` to `end_deg`, which set T and the duration, after `before_s` at `start_deg`, and
/// holds `end_deg` for `hold_s`.
///
/// # Parameters
/// | name | unit | default |
/// |---|---|---|
/// | `half_size_to_speed_s` l/v | s | 0.05 |
/// | `start_deg`, `end_deg` | deg (diameter) | 2, 50 |
/// | `before_s`, `hold_s` | s | 0.5, 0.5 |
/// | `x_deg`, `y_deg` centre | deg | 0, 0 |
/// | `disc`, `background` | – | 0, 0.5 |
///
/// # Source
/// Gabbiani, Krapp & Laurent 1999, J. Neurosci. 19:1122; in the retina Münch et al. 2009, Nat. Neurosci. 12:1308.
///
/// # Example
/// ```
/// use convis::stimuli::LoomingDisc;
/// let disc = LoomingDisc::default();
/// assert!((disc.diameter_deg(0.0) - 2.0).abs() < 1e-12);
/// assert!((disc.diameter_deg(0.5 + disc.approach_s()) - 50.0).abs() < 1e-9);
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct LoomingDisc {
    /// Size and resolution.
    pub screen: Screen,
    /// Half-size of the object over its speed, s.
    pub half_size_to_speed_s: f64,
    /// Diameter at the beginning, deg.
    pub start_deg: f64,
    /// Diameter at the end, deg.
    pub end_deg: f64,
    /// Duration at the first diameter, s.
    pub before_s: f64,
    /// Duration at the last diameter, s.
    pub hold_s: f64,
    /// Centre, degrees to the right.
    pub x_deg: f64,
    /// Centre, degrees downwards.
    pub y_deg: f64,
    /// Luminance of the disc.
    pub disc: f64,
    /// Luminance elsewhere.
    pub background: f64,
}

impl Default for LoomingDisc {
    fn default() -> Self {
        Self {
            screen: Screen::default(),
            half_size_to_speed_s: 0.05,
            start_deg: 2.0,
            end_deg: 50.0,
            before_s: 0.5,
            hold_s: 0.5,
            x_deg: 0.0,
            y_deg: 0.0,
            disc: 0.0,
            background: 0.5,
        }
    }
}

impl LoomingDisc {
    /// Seconds before the collision at which the disc has a diameter.
    fn left_s(&self, diameter_deg: f64) -> f64 {
        self.half_size_to_speed_s / (0.5 * diameter_deg).to_radians().tan()
    }

    /// Duration of the growth, s.
    pub fn approach_s(&self) -> f64 {
        self.left_s(self.start_deg) - self.left_s(self.end_deg)
    }

    /// Diameter at a time of the movie, deg.
    pub fn diameter_deg(&self, time_s: f64) -> f64 {
        let left = self.left_s(self.start_deg) - (time_s - self.before_s).max(0.0);
        if left <= self.left_s(self.end_deg) {
            return self.end_deg;
        }
        2.0 * (self.half_size_to_speed_s / left).atan().to_degrees()
    }
}

impl Stimulus for LoomingDisc {
    fn check(&self) -> Result<()> {
        self.screen.check()?;
        positive("half_size_to_speed_s", self.half_size_to_speed_s)?;
        positive("start_deg", self.start_deg)?;
        if !(self.end_deg > self.start_deg && self.end_deg < 180.0) {
            let expected = format!("a number above start_deg ({}) and below 180", self.start_deg);
            return Err(Error::argument("end_deg", expected, self.end_deg));
        }
        self.screen.check_durations(&[
            ("approach", self.approach_s()),
            ("before_s", self.before_s),
            ("hold_s", self.hold_s),
        ])?;
        finite("x_deg", self.x_deg)?;
        finite("y_deg", self.y_deg)?;
        finite("disc", self.disc)?;
        finite("background", self.background)
    }

    fn size(&self) -> (usize, usize) {
        (self.screen.height, self.screen.width)
    }

    fn frames(&self) -> Option<u64> {
        Some(self.screen.frames(self.before_s + self.approach_s() + self.hold_s))
    }

    fn render(&self, frame: u64, out: &mut [f32]) {
        let radius = 0.5 * self.diameter_deg(self.screen.time_s(frame));
        self.screen.paint(out, |x, y| {
            if (x - self.x_deg).hypot(y - self.y_deg) <= radius { self.disc } else { self.background }
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_disc_grows_ever_faster_and_covers_its_area() {
        let screen = Screen { height: 201, width: 201, ..Screen::default() };
        let looming = LoomingDisc { screen, end_deg: 15.0, ..LoomingDisc::default() };
        let frames = looming.frames().unwrap();
        let mut picture = vec![0.0; 201 * 201];
        let mut before = 0.0;
        for frame in (0..frames).step_by(997) {
            looming.render(frame, &mut picture);
            let dark = picture.iter().filter(|&&l| l == 0.0).count() as f64 / 100.0;
            let want = std::f64::consts::PI * 0.25 * looming.diameter_deg(screen.time_s(frame)).powi(2);
            assert!((dark - want).abs() < 0.05 + 0.05 * want, "{dark} {want}");
            assert!(dark >= before);
            before = dark;
        }
        let speed = |t: f64| looming.diameter_deg(t + 0.01) - looming.diameter_deg(t);
        let end = 0.5 + looming.approach_s();
        assert!(speed(end - 0.02) > 10.0 * speed(1.0));
        assert!(LoomingDisc { end_deg: 0.1, ..looming }.check().is_err());
    }
}
