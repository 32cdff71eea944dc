//! A bar that moves in several directions.

use super::argument::{each, finite, positive};
use super::screen::unit_vector;
use super::{MOUSE_UM_PER_DEGREE, Screen, Stimulus};
use crate::Result;

/// A bright bar crosses the screen in one direction after the other: the test of direction selectivity.
///
/// # Equation
/// In direction θ with unit vector e, u the time since this direction began, T its duration:
/// ```text
/// centre(u) = v·(u − T/2)·e
/// L = bar         |(p − centre)·e| ≤ thickness/2 and |(p − centre)×e| ≤ length/2
///     background  elsewhere
/// ```
/// so that the bar is at the middle of the screen half-way.
///
/// # Parameters
/// | name | unit | default |
/// |---|---|---|
/// | `length_um` across the motion | µm on the retina | 1000 |
/// | `thickness_um` along the motion | µm | 300 |
/// | `speed_um_per_s` v | µm/s | 1000 |
/// | `um_per_degree` | µm/deg | 31 (mouse) |
/// | `directions_deg` | deg, 0 right, 90 up | 0, 180, 45, 225, 90, 270, 135, 315 |
/// | `direction_s` T, `before_s`, `after_s` | s | 4, 3, 1 |
/// | `bar`, `background` | – | 1, 0 |
///
/// # Source
/// Baden et al. 2016, Nature 529:345, and the script of the stimulus.
///
/// # Example
/// ```
/// use convis::stimuli::{MovingBarSet, Stimulus};
/// let bars = MovingBarSet::default();
/// assert_eq!(bars.frames(), Some(1000 * (3 + 8 * 4 + 1)));
/// assert_eq!([0, 3000, 7500, 35_500].map(|k| bars.direction_at(k)), [None, Some(0.0), Some(180.0), None]);
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct MovingBarSet {
    /// Size and resolution.
    pub screen: Screen,
    /// Extent of the bar across its motion, µm.
    pub length_um: f64,
    /// Extent of the bar along its motion, µm.
    pub thickness_um: f64,
    /// Speed, µm/s.
    pub speed_um_per_s: f64,
    /// Micrometres of retina per degree.
    pub um_per_degree: f64,
    /// Directions of motion, deg.
    pub directions_deg: Vec<f64>,
    /// Duration of each direction, s.
    pub direction_s: f64,
    /// Empty screen before the first direction, s.
    pub before_s: f64,
    /// Empty screen after the last direction, s.
    pub after_s: f64,
    /// Luminance of the bar.
    pub bar: f64,
    /// Luminance elsewhere.
    pub background: f64,
}

impl Default for MovingBarSet {
    fn default() -> Self {
        Self {
            screen: Screen::default(),
            length_um: 1000.0,
            thickness_um: 300.0,
            speed_um_per_s: 1000.0,
            um_per_degree: MOUSE_UM_PER_DEGREE,
            directions_deg: vec![0.0, 180.0, 45.0, 225.0, 90.0, 270.0, 135.0, 315.0],
            direction_s: 4.0,
            before_s: 3.0,
            after_s: 1.0,
            bar: 1.0,
            background: 0.0,
        }
    }
}

impl MovingBarSet {
    /// The direction shown in a frame, deg; `None` before and after.
    pub fn direction_at(&self, frame: u64) -> Option<f64> {
        self.place(frame).map(|(direction, _)| direction)
    }

    /// The direction of a frame, and seconds since it began.
    fn place(&self, frame: u64) -> Option<(f64, f64)> {
        let since = frame.checked_sub(self.screen.frames(self.before_s))?;
        let each = self.screen.frames(self.direction_s).max(1);
        let direction = self.directions_deg.get((since / each) as usize)?;
        Some((*direction, self.screen.time_s(since % each)))
    }
}

impl Stimulus for MovingBarSet {
    fn check(&self) -> Result<()> {
        self.screen.check()?;
        positive("length_um", self.length_um)?;
        positive("thickness_um", self.thickness_um)?;
        positive("speed_um_per_s", self.speed_um_per_s)?;
        positive("um_per_degree", self.um_per_degree)?;
        each("directions_deg", &self.directions_deg, finite)?;
        self.screen.check_durations(&[("direction_s", self.direction_s)])?;
        self.screen.check_durations(&[
            ("direction_s", self.direction_s),
            ("before_s", self.before_s),
            ("after_s", self.after_s),
        ])?;
        finite("bar", self.bar)?;
        finite("background", self.background)
    }

    fn size(&self) -> (usize, usize) {
        (self.screen.height, self.screen.width)
    }

    fn frames(&self) -> Option<u64> {
        let [before, each, after] =
            [self.before_s, self.direction_s, self.after_s].map(|seconds| self.screen.frames(seconds));
        Some(before + each * self.directions_deg.len() as u64 + after)
    }

    fn render(&self, frame: u64, out: &mut [f32]) {
        let Some((direction, time_s)) = self.place(frame) else {
            out.fill(self.background as f32);
            return;
        };
        let (ex, ey) = unit_vector(direction);
        let [length, thickness, speed] =
            [self.length_um, self.thickness_um, self.speed_um_per_s].map(|um| um / self.um_per_degree);
        let travelled = speed * (time_s - 0.5 * self.direction_s);
        self.screen.paint(out, |x, y| {
            let along = x * ex + y * ey - travelled;
            let across = x * ey - y * ex;
            let inside = along.abs() <= 0.5 * thickness && across.abs() <= 0.5 * length;
            if inside { self.bar } else { self.background }
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bar_moves_at_its_speed_in_its_direction() {
        let screen =
            Screen { height: 61, width: 61, resolution: crate::Resolution::new(2.0, 100.0).unwrap() };
        let bars = MovingBarSet { screen, um_per_degree: 100.0, ..MovingBarSet::default() };
        let movie = super::super::movie(&bars, 0, bars.frames().unwrap() as usize).unwrap().to_f64();
        let centre = |frame: usize| {
            let picture = &movie[frame * 61 * 61..(frame + 1) * 61 * 61];
            let (mut x, mut y, mut sum) = (0.0, 0.0, 0.0);
            for (i, l) in picture.iter().enumerate() {
                x += l * screen.x_deg(i % 61);
                y += l * screen.y_deg(i / 61);
                sum += l;
            }
            (x / sum, y / sum)
        };
        for (i, direction) in bars.directions_deg.iter().enumerate() {
            let middle = 300 + i * 400 + 200;
            let (then, now) = (centre(middle - 50), centre(middle + 50));
            // 1000 µm/s are 10 deg/s; a second from half a second before the middle to half a second after.
            let (ex, ey) = unit_vector(*direction);
            assert!((now.0 - then.0 - 10.0 * ex).abs() < 0.3, "{direction}: {then:?} {now:?}");
            assert!((now.1 - then.1 - 10.0 * ey).abs() < 0.3, "{direction}: {then:?} {now:?}");
            assert!(centre(middle).0.abs() < 0.3 && centre(middle).1.abs() < 0.3);
        }
        assert!(movie[..300 * 61 * 61].iter().all(|&l| l == 0.0));
    }
}
