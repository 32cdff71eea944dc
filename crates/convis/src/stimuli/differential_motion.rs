//! An object that moves with or against its background.

use convis_kernels::random::philox::philox4x32;

use super::argument::{finite, fraction, not_negative, positive};
use super::grating::paint_phase;
use super::{Screen, Stimulus, Waveform};
use crate::Result;

/// How object and background move.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Motion {
    /// Each by its own random walk, as when an object moves in the scene.
    #[default]
    Differential,
    /// Both by the same random walk, as when the eye moves.
    Global,
    /// Only the object moves.
    ObjectOnly,
    /// Only the background moves.
    BackgroundOnly,
}

/// A disc of grating on a grating, both jittered by random walks: ganglion cells that are sensitive to object motion
/// respond only where the two walks differ.
///
/// # Equation
/// ```text
/// L(t, p) = mean·(1 + c·w(cos(2π(p·e − z(t))/period)))     z: walk of the object for |p| ≤ radius, else of the background
/// z(n + 1) = z(n) ± step, with equal chance,  `step_rate_hz` times a second, z(0) = 0
/// ```
/// The background is cut out for `gap_deg` around the object, where the luminance is the mean.
///
/// # Parameters
/// | name | unit | default |
/// |---|---|---|
/// | `motion` | – | differential |
/// | `radius_deg` of the object | deg | 1 |
/// | `gap_deg` | deg | 0.1 |
/// | `period_deg` | deg | 0.6 |
/// | `step_deg` | deg | 0.05 |
/// | `step_rate_hz` | Hz | 66.7 |
/// | `orientation_deg` across the bars | deg | 0 |
/// | `contrast` c, `mean`, `waveform` w | – | 1, 0.5, square |
/// | `seed` | – | 0 |
///
/// # Source
/// Ölveczky, Baccus & Meister 2003, Nature 423:401 (bars on a grey ground, jittered by random walks; sizes in degrees
/// are ours).
///
/// # Example
/// ```
/// use convis::stimuli::{DifferentialMotion, Motion};
/// let motion = DifferentialMotion { motion: Motion::Global, ..DifferentialMotion::default() };
/// assert_eq!(motion.positions_deg(7000).0, motion.positions_deg(7000).1);
/// let motion = DifferentialMotion { motion: Motion::Differential, ..motion };
/// assert_ne!(motion.positions_deg(7000).0, motion.positions_deg(7000).1);
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct DifferentialMotion {
    /// Size and resolution.
    pub screen: Screen,
    /// How object and background move.
    pub motion: Motion,
    /// Radius of the object, deg.
    pub radius_deg: f64,
    /// Width of the grey ring around the object, deg.
    pub gap_deg: f64,
    /// Period of both gratings, deg.
    pub period_deg: f64,
    /// Length of a step, deg.
    pub step_deg: f64,
    /// Steps per second, Hz.
    pub step_rate_hz: f64,
    /// Direction across the bars, deg.
    pub orientation_deg: f64,
    /// Michelson contrast.
    pub contrast: f64,
    /// Mean luminance.
    pub mean: f64,
    /// Profile.
    pub waveform: Waveform,
    /// Which random walks.
    pub seed: u64,
}

impl Default for DifferentialMotion {
    fn default() -> Self {
        Self {
            screen: Screen::default(),
            motion: Motion::Differential,
            radius_deg: 1.0,
            gap_deg: 0.1,
            period_deg: 0.6,
            step_deg: 0.05,
            step_rate_hz: 66.7,
            orientation_deg: 0.0,
            contrast: 1.0,
            mean: 0.5,
            waveform: Waveform::Square,
            seed: 0,
        }
    }
}

impl DifferentialMotion {
    /// Where object and background are in a frame, deg.
    pub fn positions_deg(&self, frame: u64) -> (f64, f64) {
        let steps = self.screen.picture(frame, self.step_rate_hz);
        let walk = |which| self.step_deg * self.walk(which, steps) as f64;
        match self.motion {
            Motion::Differential => (walk(0), walk(1)),
            Motion::Global => (walk(0), walk(0)),
            Motion::ObjectOnly => (walk(0), 0.0),
            Motion::BackgroundOnly => (0.0, walk(1)),
        }
    }

    /// Sum of the first `steps` steps of ±1. A random block holds 128 of them, which are counted, not walked: frame
    /// 10⁶ costs as much as 8 000 additions.
    fn walk(&self, which: u32, steps: u64) -> i64 {
        let key = [self.seed as u32, (self.seed >> 32) as u32];
        let mut ones = 0i64;
        for block in 0..steps.div_ceil(128) {
            let words = philox4x32([block as u32, (block >> 32) as u32, which, 0x0b3e_c700], key);
            let bits = words.iter().rev().fold(0u128, |bits, &word| bits << 32 | u128::from(word));
            let used = (steps - 128 * block).min(128);
            let mask = if used == 128 { u128::MAX } else { (1 << used) - 1 };
            ones += i64::from((bits & mask).count_ones());
        }
        2 * ones - steps as i64
    }
}

impl Stimulus for DifferentialMotion {
    fn check(&self) -> Result<()> {
        self.screen.check()?;
        positive("radius_deg", self.radius_deg)?;
        not_negative("gap_deg", self.gap_deg)?;
        positive("period_deg", self.period_deg)?;
        not_negative("step_deg", self.step_deg)?;
        positive("step_rate_hz", self.step_rate_hz)?;
        finite("orientation_deg", self.orientation_deg)?;
        fraction("contrast", self.contrast)?;
        positive("mean", self.mean)
    }

    fn size(&self) -> (usize, usize) {
        (self.screen.height, self.screen.width)
    }

    fn frames(&self) -> Option<u64> {
        None
    }

    fn render(&self, frame: u64, out: &mut [f32]) {
        let (object, background) = self.positions_deg(frame);
        let (amplitude, waveform) = (self.mean * self.contrast, self.waveform);
        let grating = |position: f64, out: &mut [f32]| {
            let cycles = position / self.period_deg;
            let phase = -std::f64::consts::TAU * cycles.fract();
            paint_phase(&self.screen, 1.0 / self.period_deg, self.orientation_deg, phase, out, |cos| {
                self.mean + amplitude * waveform.of(cos)
            });
        };
        let mut behind = vec![0.0; out.len()];
        grating(background, &mut behind);
        grating(object, out);
        for (i, (out, behind)) in out.iter_mut().zip(behind).enumerate() {
            let (row, column) = (i / self.screen.width, i % self.screen.width);
            let distance = self.screen.x_deg(column).hypot(self.screen.y_deg(row));
            if distance > self.radius_deg + self.gap_deg {
                *out = behind;
            } else if distance > self.radius_deg {
                *out = self.mean as f32;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_walk_makes_one_step_at_a_time_and_spreads_as_a_random_walk() {
        let motion = DifferentialMotion::default();
        let walk: Vec<i64> = (0..20_000).map(|n| motion.walk(0, n)).collect();
        assert!(walk.windows(2).all(|pair| (pair[1] - pair[0]).abs() == 1));
        let n = 100;
        let square =
            walk.windows(n + 1).step_by(n).map(|w| ((w[n] - w[0]) as f64).powi(2)).collect::<Vec<_>>();
        let mean = square.iter().sum::<f64>() / square.len() as f64;
        // Variance of z² of a normal is 2: four standard errors of 200 samples.
        assert!((mean / n as f64 - 1.0).abs() < 4.0 * (2.0 / square.len() as f64).sqrt(), "{mean}");
        assert!((0..1000).any(|n| motion.walk(0, n) != motion.walk(1, n)));
    }

    #[test]
    fn only_what_should_move_moves() {
        let shown = |motion, frame| {
            let mut out = vec![0.0; 2500];
            DifferentialMotion { motion, ..DifferentialMotion::default() }.render(frame, &mut out);
            (out[25 * 50 + 20..25 * 50 + 30].to_vec(), out[..50].to_vec())
        };
        let moved = |motion| {
            let start = shown(motion, 0);
            (0..30).map(|i| shown(motion, i * 100)).fold((false, false), |(object, ground), now| {
                (object || now.0 != start.0, ground || now.1 != start.1)
            })
        };
        assert_eq!(moved(Motion::Differential), (true, true));
        assert_eq!(moved(Motion::ObjectOnly), (true, false));
        assert_eq!(moved(Motion::BackgroundOnly), (false, true));
    }
}
