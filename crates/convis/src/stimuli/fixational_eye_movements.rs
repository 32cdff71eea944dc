//! Fixational eye movements: slow drift and microsaccades.

use convis_kernels::random::{Key, Use, normal::normal, uniform};

use crate::{Error, Result};

/// Where the eye looks, relative to the fixation point, in degrees of visual angle.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Gaze {
    /// To the right.
    pub x_deg: f64,
    /// Downwards.
    pub y_deg: f64,
}

/// A fixating eye: drift as a random walk that is drawn back to the fixation point, interrupted by microsaccades that
/// land near it.
///
/// # Equation
/// Between microsaccades, with step d, for each axis:
/// ```text
/// zₜ₊₁ = zₜ − d·zₜ/τ + √(2·D·d)·ξ
/// ```
/// Microsaccades begin at random with a constant rate, outside of a refractory period of twice their duration. Each
/// goes in the direction of the fixation point, up to a random angle of ±60°, over a distance drawn from a Rayleigh
/// distribution, along a minimum-jerk path `10s³ − 15s⁴ + 6s⁵`.
///
/// # Parameters
/// | name | unit | default |
/// |---|---|---|
/// | `diffusion_deg2_per_s` D | deg²/s | 0.011 (40 arcmin²/s) |
/// | `return_time_s` τ | s | 1 |
/// | `microsaccade_rate_hz` | Hz | 1.5 |
/// | `microsaccade_amplitude_deg` (mean) | deg | 0.4 |
/// | `microsaccade_duration_s` | s | 0.025 |
/// | `seed` | – | 0 |
///
/// # Source
/// Drift as diffusion: Kuang, Poletti, Victor & Rucci 2012, Curr. Biol. 22:510. Rate, amplitude and duration of
/// microsaccades: Martinez-Conde, Macknik & Hubel 2004, Nat. Rev. Neurosci. 5:229. The return to the fixation point
/// is ours.
///
/// # Example
/// ```
/// use convis::stimuli::EyeMovements;
/// let trace = EyeMovements { seed: 3, ..EyeMovements::default() }.trace(2000, 0.001)?;
/// assert_eq!(trace.len(), 2000);
/// assert!(trace.iter().all(|gaze| gaze.x_deg.hypot(gaze.y_deg) < 2.0));
/// # Ok::<(), convis::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct EyeMovements {
    /// Diffusion constant D of the drift, deg²/s per axis.
    pub diffusion_deg2_per_s: f64,
    /// Time constant with which the drift is drawn back, s.
    pub return_time_s: f64,
    /// Mean rate of microsaccades, Hz.
    pub microsaccade_rate_hz: f64,
    /// Mean amplitude of microsaccades, deg.
    pub microsaccade_amplitude_deg: f64,
    /// Duration of a microsaccade, s.
    pub microsaccade_duration_s: f64,
    /// Which random trace.
    pub seed: u64,
}

impl Default for EyeMovements {
    fn default() -> Self {
        Self {
            diffusion_deg2_per_s: 40.0 / 3600.0,
            return_time_s: 1.0,
            microsaccade_rate_hz: 1.5,
            microsaccade_amplitude_deg: 0.4,
            microsaccade_duration_s: 0.025,
            seed: 0,
        }
    }
}

impl EyeMovements {
    /// The gaze at `steps` steps of `step_s` seconds, from the fixation point on.
    ///
    /// # Errors
    /// If a constant is negative or not finite, or a duration is zero.
    pub fn trace(&self, steps: usize, step_s: f64) -> Result<Vec<Gaze>> {
        self.check(step_s)?;
        Ok(Walk::new(*self, step_s).take(steps).collect())
    }

    /// Refuses what no eye does.
    pub(super) fn check(&self, step_s: f64) -> Result<()> {
        for (name, value, positive) in [
            ("step_s", step_s, true),
            ("diffusion_deg2_per_s", self.diffusion_deg2_per_s, false),
            ("return_time_s", self.return_time_s, true),
            ("microsaccade_rate_hz", self.microsaccade_rate_hz, false),
            ("microsaccade_amplitude_deg", self.microsaccade_amplitude_deg, false),
            ("microsaccade_duration_s", self.microsaccade_duration_s, true),
        ] {
            if !(value.is_finite() && value >= 0.0 && (value > 0.0 || !positive)) {
                let expected = if positive { "a number above 0" } else { "0 or a number above" };
                return Err(Error::argument(name, expected, value));
            }
        }
        Ok(())
    }
}

/// A trace on its way: all that the next step needs.
#[derive(Clone, Debug)]
pub(super) struct Walk {
    eye: EyeMovements,
    step_s: f64,
    key: Key,
    step: u64,
    gaze: Gaze,
    /// The microsaccade under way: its first step, where it began, and where it leads from there.
    saccade: Option<(u64, Gaze, Gaze)>,
    /// The first step at which another may begin.
    earliest: u64,
}

impl Walk {
    /// The eye at the fixation point.
    pub(super) fn new(eye: EyeMovements, step_s: f64) -> Self {
        let key = Key::new(eye.seed, 0, "fixational eye movements", 0);
        let gaze = Gaze::default();
        let mut walk = Self { eye, step_s, key, step: 0, gaze, saccade: None, earliest: 0 };
        walk.earliest = 2 * walk.duration();
        walk
    }

    /// Steps of a microsaccade.
    fn duration(&self) -> u64 {
        (self.eye.microsaccade_duration_s / self.step_s).ceil().max(1.0) as u64
    }
}

impl Iterator for Walk {
    type Item = Gaze;

    fn next(&mut self) -> Option<Gaze> {
        let (eye, key, step, step_s, duration) =
            (self.eye, self.key, self.step, self.step_s, self.duration());
        let xi = |axis: usize| f64::from(normal(key, 0, axis, Use::Current as u32, step));
        let chance = |purpose: usize| uniform(key, 1, purpose, Use::Start, step);
        let gaze = &mut self.gaze;
        let start_chance = -(-eye.microsaccade_rate_hz * step_s).exp_m1();
        if self.saccade.is_none() && step >= self.earliest && chance(0) < start_chance {
            let amplitude = eye.microsaccade_amplitude_deg
                * (2.0 / std::f64::consts::PI).sqrt()
                * (-2.0 * (1.0 - chance(1)).ln()).sqrt();
            let towards = (-gaze.y_deg).atan2(-gaze.x_deg);
            let direction = towards + (2.0 * chance(2) - 1.0) * std::f64::consts::FRAC_PI_3;
            let jump = Gaze { x_deg: amplitude * direction.cos(), y_deg: amplitude * direction.sin() };
            self.saccade = Some((step, *gaze, jump));
        }
        if let Some((begin, from, jump)) = self.saccade {
            let s = (step + 1 - begin) as f64 / duration as f64;
            let part = s * s * s * (10.0 + s * (6.0 * s - 15.0));
            *gaze = Gaze { x_deg: from.x_deg + part * jump.x_deg, y_deg: from.y_deg + part * jump.y_deg };
            if step + 1 - begin >= duration {
                self.saccade = None;
                self.earliest = step + 1 + 2 * duration;
            }
        } else {
            let back = step_s / eye.return_time_s;
            let spread = (2.0 * eye.diffusion_deg2_per_s * step_s).sqrt();
            gaze.x_deg += -back * gaze.x_deg + spread * xi(0);
            gaze.y_deg += -back * gaze.y_deg + spread * xi(1);
        }
        self.step += 1;
        Some(*gaze)
    }
}

/// The part of a picture that the eye sees: a window of the size of `out`, centred at the picture's centre plus the
/// gaze, read between pixels by bilinear interpolation; beyond its border the picture continues with its edge.
///
/// # Errors
/// If a size does not hold as many numbers as there are.
pub fn view(
    picture: &[f32],
    (height, width): (usize, usize),
    gaze: Gaze,
    pixel_per_degree: f64,
    out: &mut [f32],
    (out_height, out_width): (usize, usize),
) -> Result<()> {
    for (name, len, height, width) in
        [("picture", picture.len(), height, width), ("view", out.len(), out_height, out_width)]
    {
        if len != height * width || len == 0 {
            return Err(Error::argument(name, format!("{height}×{width} pixels, at least one"), len));
        }
    }
    // Position of the first pixel of the view in the picture.
    let first = |size: usize, out: usize, gaze_deg: f64| {
        (size as f64 - out as f64) / 2.0 + gaze_deg * pixel_per_degree
    };
    let (top, left) = (first(height, out_height, gaze.y_deg), first(width, out_width, gaze.x_deg));
    let split = |position: f64, size: usize| {
        let position = position.clamp(0.0, (size - 1) as f64);
        let low = position.floor();
        (low as usize, (low as usize + 1).min(size - 1), (position - low) as f32)
    };
    for (row, out) in out.chunks_mut(out_width).enumerate() {
        let (y0, y1, fy) = split(top + row as f64, height);
        for (column, out) in out.iter_mut().enumerate() {
            let (x0, x1, fx) = split(left + column as f64, width);
            let at = |y: usize, x: usize| picture[y * width + x];
            let above = at(y0, x0) + fx * (at(y0, x1) - at(y0, x0));
            let below = at(y1, x0) + fx * (at(y1, x1) - at(y1, x0));
            *out = above + fy * (below - above);
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_trace_depends_on_the_seed_alone_and_has_drift_and_saccades() {
        let eye = EyeMovements::default();
        let trace = eye.trace(20_000, 0.001).unwrap();
        assert_eq!(trace[..500], eye.trace(500, 0.001).unwrap());
        assert_ne!(trace, EyeMovements { seed: 1, ..eye }.trace(20_000, 0.001).unwrap());
        // Over 10 ms drift makes less than 5°/s, a microsaccade of mean size 20°/s and more.
        let speed = |i: usize| {
            let (now, then) = (trace[i + 10], trace[i]);
            (now.x_deg - then.x_deg).hypot(now.y_deg - then.y_deg) / 0.010
        };
        let fast: Vec<bool> = (0..trace.len() - 10).map(|i| speed(i) > 8.0).collect();
        let saccades = fast.windows(2).filter(|pair| !pair[0] && pair[1]).count();
        // 1.5 Hz for 20 s, less the refractory time, and the smallest ones are slower than 12°/s.
        assert!((15..=38).contains(&saccades), "{saccades}");
        assert!(trace.iter().all(|gaze| gaze.x_deg.hypot(gaze.y_deg) < 2.5));
    }

    #[test]
    fn a_view_without_gaze_is_the_middle_of_the_picture_and_moves_with_the_gaze() {
        let picture: Vec<f32> = (0..36).map(|i| (i % 6) as f32 + 10.0 * (i / 6) as f32).collect();
        let mut out = [0.0; 4];
        view(&picture, (6, 6), Gaze::default(), 10.0, &mut out, (2, 2)).unwrap();
        assert_eq!(out, [22.0, 23.0, 32.0, 33.0]);
        view(&picture, (6, 6), Gaze { x_deg: 0.05, y_deg: 0.1 }, 10.0, &mut out, (2, 2)).unwrap();
        assert_eq!(out, [32.5, 33.5, 42.5, 43.5]);
        view(&picture, (6, 6), Gaze { x_deg: 100.0, y_deg: 0.0 }, 10.0, &mut out, (2, 2)).unwrap();
        assert_eq!(out, [25.0, 25.0, 35.0, 35.0]);
        assert!(view(&picture, (6, 7), Gaze::default(), 10.0, &mut out, (2, 2)).is_err());
    }
}
