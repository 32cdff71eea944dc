//! The toolbox's moving bar.

use super::super::Stimulus;
use super::super::argument::{finite, not_negative};
use super::StimulusSize;
use super::line::linspace;
use crate::{Error, Result};

/// A bar that crosses the picture again and again, smoothed in time.
///
/// # Equation
/// With τ, ξ, η as in [`MovingGrating`](super::MovingGrating), w = width/height in pixels and W = 2 + w/2:
/// ```text
/// D = |ξ·sin φ − η·cos φ − position + W·((τ·v mod 2) − 1) + 0.005|
/// bar = 1 where D ≤ w, else 0
/// ```
/// then, unless `sharp`, smoothed in time by a Gaussian of `temporal_smoothing` frames, cut at four of them; before its
/// beginning and after its end the movie is mirrored. [`MovingBarSet`](super::super::MovingBarSet) has micrometres and
/// seconds.
///
/// # Example
/// ```
/// use convis::stimuli::{movie, toolbox::MovingBar};
/// let bar = MovingBar { sharp: true, ..MovingBar::default() };
/// assert!(movie(&bar, 0, 500)?.to_f64().iter().all(|&l| l == 0.0 || l == 1.0));
/// # Ok::<(), convis::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct MovingBar {
    /// Frames and pixels.
    pub size: StimulusSize,
    /// Position, in half pictures.
    pub bar_pos: f64,
    /// Direction φ, radians.
    pub bar_direction: f64,
    /// Half width of the bar, in pixels times two.
    pub bar_width: f64,
    /// Half pictures per frame.
    pub bar_v: f64,
    /// Whether it is not smoothed in time.
    pub sharp: bool,
    /// Standard deviation of the smoothing, frames.
    pub temporal_smoothing: f64,
}

impl Default for MovingBar {
    fn default() -> Self {
        Self {
            size: StimulusSize::default(),
            bar_pos: -1.0,
            bar_direction: 0.0,
            bar_width: 1.0,
            bar_v: 0.01,
            sharp: false,
            temporal_smoothing: 1.0,
        }
    }
}

impl MovingBar {
    /// Adds `weight` where the bar is.
    fn add(&self, frame: usize, weight: f64, sum: &mut [f64]) {
        let StimulusSize { frames, height, width } = self.size;
        let tau = linspace(0.0, frames as f64, frames, frame);
        let w = self.bar_width / height as f64;
        let path = (2.0 + w / 2.0) * ((tau * self.bar_v).rem_euclid(2.0) - 1.0);
        let (sin, cos) = self.bar_direction.sin_cos();
        for (row, sum) in sum.chunks_mut(width).enumerate() {
            let xi = linspace(-1.0, 1.0, height, row);
            for (column, sum) in sum.iter_mut().enumerate() {
                let eta = linspace(-1.0, 1.0, width, column);
                if (xi * sin - eta * cos - self.bar_pos + path + 0.005).abs() <= w {
                    *sum += weight;
                }
            }
        }
    }
}

impl Stimulus for MovingBar {
    fn check(&self) -> Result<()> {
        self.size.check()?;
        finite("bar_pos", self.bar_pos)?;
        finite("bar_direction", self.bar_direction)?;
        not_negative("bar_width", self.bar_width)?;
        finite("bar_v", self.bar_v)?;
        not_negative("temporal_smoothing", self.temporal_smoothing)?;
        if self.temporal_smoothing > 1e4 {
            return Err(Error::argument(
                "temporal_smoothing",
                "at most 10 000 frames",
                self.temporal_smoothing,
            ));
        }
        Ok(())
    }

    fn size(&self) -> (usize, usize) {
        (self.size.height, self.size.width)
    }

    fn frames(&self) -> Option<u64> {
        Some(self.size.frames as u64)
    }

    fn render(&self, frame: u64, out: &mut [f32]) {
        let mut sum = vec![0.0; out.len()];
        let sigma = self.temporal_smoothing;
        if self.sharp || sigma == 0.0 {
            self.add(frame as usize, 1.0, &mut sum);
        } else {
            let radius = (4.0 * sigma + 0.5) as i64;
            let weight = |j: i64| (-0.5 * (j as f64 / sigma).powi(2)).exp();
            let total: f64 = (-radius..=radius).map(weight).sum();
            let frames = self.size.frames as i64;
            for j in -radius..=radius {
                let mirrored = (frame as i64 + j).rem_euclid(2 * frames);
                let shown = if mirrored < frames { mirrored } else { 2 * frames - 1 - mirrored };
                self.add(shown as usize, weight(j) / total, &mut sum);
            }
        }
        for (out, sum) in out.iter_mut().zip(sum) {
            *out = sum as f32;
        }
    }
}
