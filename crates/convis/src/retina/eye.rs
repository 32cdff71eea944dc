//! Microsaccades: the eye jumps over the image.

use std::sync::Arc;

use convis_kernels::moving_window::MovingWindow;
use convis_kernels::random::{Key, Use, normal::normal, uniform};

use super::description::{Microsaccades, RetinaDescription};
use crate::layer::{Layer, Output, Part, Scope};
use crate::spiking::{first_step, keep_step};
use crate::stimuli::Gaze;
use crate::{Error, NoiseId, Resolution, Result, Tensor};

/// Where a retina's eye looks, step by step, from the fixation point on.
///
/// # Equation
/// The eye rests for `max(period + sd·ξ, 0)`. Then it moves straight and at constant speed over
/// `max(amplitude + sd·ξ, 0)` within `max(duration + sd·ξ, d)`, from where it is towards the fixation point, turned by
/// `angular noise·π·u`, u uniform in −1 … 1; from the fixation point itself in any direction. Then it rests again. All ξ
/// are normal and drawn anew, each mean with the standard deviation of its own.
///
/// Its random numbers are those of the noise identity, the number of the movement and the use: any chunks give the same
/// trace.
///
/// # Source
/// Wohrer & Kornprobst 2009, `basic-microsaccade-generator` of Virtual Retina (which had one standard deviation for two).
#[derive(Clone, Debug)]
pub struct EyeTrace {
    saccades: Microsaccades,
    step_s: f64,
    key: Key,
    /// The next step.
    step: u64,
    movement: Movement,
}

/// A rest or a saccade under way.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
struct Movement {
    /// How many came before.
    number: u64,
    begin_s: f64,
    end_s: f64,
    /// Where it began.
    from: [f64; 2],
    /// Where it leads from there; 0 for a rest.
    jump: [f64; 2],
}

impl EyeTrace {
    /// The eye at the fixation point, before its first rest.
    pub fn new(saccades: &Microsaccades, step_s: f64, noise: NoiseId) -> Self {
        Self::from_key(saccades, step_s, Key::new(noise.seed, noise.model, STAGE, noise.trial))
    }

    fn from_key(saccades: &Microsaccades, step_s: f64, key: Key) -> Self {
        let movement = Movement::default();
        let mut trace = Self { saccades: saccades.clone(), step_s, key, step: 0, movement };
        trace.movement.end_s = trace.rest_s(0);
        trace
    }

    /// `mean + sd·ξ`, but no less than `least`: the deviate of this use of this movement.
    fn drawn(&self, number: u64, purpose: usize, mean: f64, sd: f64, least: f64) -> f64 {
        let xi = f64::from(normal(self.key, 0, purpose, Use::Current as u32, number));
        (mean + sd * xi).max(least)
    }

    fn rest_s(&self, number: u64) -> f64 {
        self.drawn(number, 0, self.saccades.period_mean_s, self.saccades.period_sd_s, 0.0)
    }

    /// The movement after this one: saccades and rests take turns.
    fn after(&self, last: &Movement) -> Movement {
        let number = last.number + 1;
        let from = [last.from[0] + last.jump[0], last.from[1] + last.jump[1]];
        let begin_s = last.end_s;
        if number.is_multiple_of(2) {
            let end_s = begin_s + self.rest_s(number);
            return Movement { number, begin_s, end_s, from, jump: [0.0; 2] };
        }
        let s = &self.saccades;
        let length = self.drawn(number, 1, s.amplitude_mean_deg, s.amplitude_sd_deg, 0.0);
        let duration = self.drawn(number, 2, s.duration_mean_s, s.duration_sd_s, self.step_s);
        let turn = 2.0 * uniform(self.key, 1, 0, Use::Start, number) - 1.0;
        let direction = if from == [0.0; 2] {
            std::f64::consts::PI * turn
        } else {
            (-from[1]).atan2(-from[0]) + s.angular_noise_pi * std::f64::consts::PI * turn
        };
        let jump = [length * direction.cos(), length * direction.sin()];
        Movement { number, begin_s, end_s: begin_s + duration, from, jump }
    }
}

impl Iterator for EyeTrace {
    type Item = Gaze;

    fn next(&mut self) -> Option<Gaze> {
        let now_s = self.step as f64 * self.step_s;
        while self.movement.end_s <= now_s {
            self.movement = self.after(&self.movement);
        }
        let m = &self.movement;
        let part = if m.end_s > m.begin_s { (now_s - m.begin_s) / (m.end_s - m.begin_s) } else { 0.0 };
        self.step += 1;
        Some(Gaze { x_deg: m.from[0] + part * m.jump[0], y_deg: m.from[1] + part * m.jump[1] })
    }
}

/// The name of the stage, and so of its noise.
pub(super) const STAGE: &str = "eye";

/// A window of the image that moves as the eye does.
///
/// # Shapes
/// Input `[batch, channel, time, height, width]`; output smaller by twice the mean amplitude on every side. State: `step`
/// and the movement under way.
///
/// # Errors
/// If nothing is left of the image.
pub(super) struct Eye {
    saccades: Microsaccades,
    /// Whether the gaze is rounded up to whole pixels.
    whole_pixels: bool,
    resolution: Resolution,
}

impl Eye {
    pub const fn new(saccades: Microsaccades, whole_pixels: bool, resolution: Resolution) -> Self {
        Self { saccades, whole_pixels, resolution }
    }

    /// Pixels that are left out on every side.
    fn margin(&self) -> f64 {
        // A hair less, so that rounding adds no pixel.
        (2.0 * self.resolution.degree_to_pixel(self.saccades.amplitude_mean_deg) - 1e-9).ceil().max(0.0)
    }

    /// Rows and columns of the window.
    pub fn seen(&self, (height, width): (usize, usize)) -> Result<(usize, usize)> {
        let margin = self.margin();
        let left = |size: usize| size.checked_sub(2 * margin as usize).filter(|&left| left > 0);
        match (left(height), left(width)) {
            (Some(height), Some(width)) => Ok((height, width)),
            _ => Err(Error::argument(
                "input",
                format!("frames of more than {} pixels along each side, for microsaccades", 2.0 * margin),
                format!("{height} × {width}"),
            )),
        }
    }

    /// The trace where the last chunk left it.
    fn trace(&self, scope: &Scope<'_>) -> Result<EyeTrace> {
        let mut trace = EyeTrace::from_key(&self.saccades, self.resolution.step_s(), scope.key());
        trace.step = first_step(scope);
        if let Some(kept) = scope.kept("movement") {
            let [number, begin_s, end_s, x, y, dx, dy] = kept.to_f64()[..] else {
                return Err(Error::argument("state eye.movement", "7 numbers", kept.len()));
            };
            trace.movement = Movement { number: number as u64, begin_s, end_s, from: [x, y], jump: [dx, dy] };
        }
        Ok(trace)
    }
}

impl Layer for Eye {
    fn kind(&self) -> &'static str {
        "Eye"
    }

    fn doc(&self) -> &'static str {
        "A window of the image that moves as the eye does: microsaccades."
    }

    fn parts(&self) -> Vec<Part<'_>> {
        vec![]
    }

    fn resolution(&self) -> Resolution {
        self.resolution
    }

    fn forward(&self, input: &Tensor, scope: &mut Scope<'_>) -> Result<Output> {
        let signal = input.signal()?;
        let margin = self.margin();
        let (height, width) = self.seen((signal.height, signal.width))?;
        let mut trace = self.trace(scope)?;
        let first = |gaze_deg: f64| {
            let pixel = self.resolution.degree_to_pixel(gaze_deg);
            (margin + if self.whole_pixels { pixel.ceil() } else { pixel }).clamp(0.0, 2.0 * margin)
        };
        let places: Vec<[f64; 2]> =
            trace.by_ref().take(signal.frames).map(|gaze| [first(gaze.y_deg), first(gaze.x_deg)]).collect();
        let window = MovingWindow { signal, height, width, places: Arc::new(places) };
        let output = scope.apply(&window, &[], &[input], &[])?;
        let m = trace.movement;
        let numbers = vec![m.number as f64, m.begin_s, m.end_s, m.from[0], m.from[1], m.jump[0], m.jump[1]];
        scope.keep("movement", Tensor::from_vec(numbers, &[7])?);
        keep_step(scope, trace.step)?;
        Ok(output.into())
    }
}

impl EyeTrace {
    /// The trace of a description's microsaccades, where it has any that are on.
    pub fn of(description: &RetinaDescription, noise: NoiseId) -> Option<Self> {
        let saccades = description.microsaccades.as_ref().filter(|saccades| saccades.enabled)?;
        Some(Self::new(saccades, description.retina.temporal_step_s, noise))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOISE: NoiseId = NoiseId { seed: 5, model: 0, trial: 0 };

    fn movements(saccades: &Microsaccades, n: usize) -> Vec<Movement> {
        let trace = EyeTrace::new(saccades, 1e-4, NOISE);
        std::iter::successors(Some(trace.movement), |m| Some(trace.after(m))).take(n).collect()
    }

    /// Mean and standard deviation.
    fn moments(x: &[f64]) -> (f64, f64) {
        let n = x.len() as f64;
        let mean = x.iter().sum::<f64>() / n;
        (mean, (x.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / n).sqrt())
    }

    #[test]
    fn every_distribution_has_its_own_mean_and_deviation() {
        let saccades = Microsaccades {
            period_mean_s: 0.5,
            period_sd_s: 0.1,
            amplitude_mean_deg: 0.4,
            amplitude_sd_deg: 0.03,
            duration_mean_s: 0.025,
            duration_sd_s: 0.004,
            angular_noise_pi: 0.3,
            ..Microsaccades::default()
        };
        let all = movements(&saccades, 8000);
        let (rests, jumps): (Vec<&Movement>, Vec<&Movement>) = all.iter().partition(|m| m.jump == [0.0; 2]);
        let length = |m: &&Movement| m.jump[0].hypot(m.jump[1]);
        let time = |m: &&Movement| m.end_s - m.begin_s;
        for (x, mean, sd) in [
            (rests.iter().map(time).collect::<Vec<_>>(), 0.5, 0.1),
            (jumps.iter().map(length).collect(), 0.4, 0.03),
            (jumps.iter().map(time).collect(), 0.025, 0.004),
        ] {
            let (got_mean, got_sd) = moments(&x);
            // Four standard errors.
            let error = 4.0 * sd / (x.len() as f64).sqrt();
            assert!((got_mean - mean).abs() < error && (got_sd - sd).abs() < error, "{got_mean} {got_sd}");
        }
        // Angles from the fixation point's direction: uniform, so no wider than 0.3π and 0.3π/√3 on average.
        let angle = |m: &&Movement| {
            let towards = (-m.from[1]).atan2(-m.from[0]);
            let turned = m.jump[1].atan2(m.jump[0]) - towards;
            turned.sin().atan2(turned.cos()) / std::f64::consts::PI
        };
        let angles: Vec<f64> = jumps.iter().skip(1).map(angle).collect();
        assert!(angles.iter().all(|a| a.abs() <= 0.3 + 1e-9));
        let (mean, sd) = moments(&angles);
        assert!(
            mean.abs() < 4.0 * 0.173 / 4000.0f64.sqrt() && (sd - 0.3 / 3.0f64.sqrt()).abs() < 0.006,
            "{mean} {sd}"
        );
        // Saccades lead back: the eye stays near the fixation point.
        assert!(all.iter().all(|m| m.from[0].hypot(m.from[1]) < 1.0));
    }

    #[test]
    fn a_trace_is_straight_and_of_constant_speed_within_a_saccade() {
        let saccades =
            Microsaccades { duration_mean_s: 0.02, period_mean_s: 0.05, ..Microsaccades::default() };
        let trace: Vec<Gaze> = EyeTrace::new(&saccades, 0.001, NOISE).take(1000).collect();
        assert_eq!(trace[0], Gaze::default());
        let steps: Vec<f64> =
            trace.windows(2).map(|w| (w[1].x_deg - w[0].x_deg).hypot(w[1].y_deg - w[0].y_deg)).collect();
        let moving = steps.iter().filter(|&&step| step > 0.0).count();
        assert!((150..450).contains(&moving), "{moving}");
        // Inside a saccade three steps in turn are equal.
        let even = steps.windows(3).filter(|w| w[1] > 0.0 && (w[0] - w[2]).abs() < 1e-12).count();
        assert!(even > moving / 2);
    }
}
