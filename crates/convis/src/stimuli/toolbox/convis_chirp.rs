//! The toolbox's chirp.

use std::f64::consts::TAU;

use super::super::Stimulus;
use super::super::argument::{finite, positive};
use super::StimulusSize;
use super::line::linspace;
use crate::{Error, Result};

/// A step, a sine of growing amplitude, and a sine of growing frequency, around 0.
///
/// # Equation
/// With u frames since the part began and n its length:
/// ```text
/// pulse_on ≤ k < pulse_off   L = 1
/// amp_on ≤ k < amp_off       L = A(u)·sin(2π·u·amp_freq/fps)      A from amp_1 to amp_2
/// freq_on ≤ k < freq_off     L = sin(2π·F(u)·u/fps)               F from freq_1 to freq_2
/// ```
/// With `scale`, the six markers belong to a movie of 4500 frames and are stretched (and truncated) to this one. As the
/// frequency multiplies the whole time, the sweep really ends at `2·freq_2 − freq_1`.
/// [`EulerChirp`](super::super::EulerChirp) is the published stimulus.
///
/// # Example
/// ```
/// use convis::stimuli::{movie, toolbox::ConvisChirp};
/// let shown = movie(&ConvisChirp::default(), 0, 2000)?.to_f64();
/// // 2000 frames: the step is from 2000/9 to 2·2000/9.
/// assert_eq!([221, 222, 443, 444].map(|k| shown[k * 400]), [0.0, 1.0, 1.0, 0.0]);
/// # Ok::<(), convis::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ConvisChirp {
    /// Frames and pixels.
    pub size: StimulusSize,
    /// Frequency of the amplitude part, Hz.
    pub amp_freq: f64,
    /// First and last amplitude.
    pub amp: (f64, f64),
    /// First and last frequency, Hz.
    pub freq: (f64, f64),
    /// Whether markers are stretched from 4500 frames to the movie's length.
    pub scale: bool,
    /// Begin and end of the step, frames.
    pub pulse_at: (usize, usize),
    /// Begin and end of the amplitude part, frames.
    pub amp_at: (usize, usize),
    /// Begin and end of the frequency part, frames.
    pub freq_at: (usize, usize),
    /// Frames per second.
    pub fps: f64,
}

impl Default for ConvisChirp {
    fn default() -> Self {
        Self {
            size: StimulusSize::default(),
            amp_freq: 5.0,
            amp: (0.0, 1.0),
            freq: (0.1, 10.0),
            scale: true,
            pulse_at: (500, 1000),
            amp_at: (1500, 2500),
            freq_at: (3000, 4000),
            fps: 1000.0,
        }
    }
}

impl ConvisChirp {
    /// Frames since a part began and its length, if it is on.
    fn since(&self, (on, off): (usize, usize), frame: usize) -> Option<(usize, usize)> {
        let marker = |k: usize| {
            if self.scale { (k as f64 * self.size.frames as f64 / 4500.0) as usize } else { k }
        };
        let (on, off) = (marker(on), marker(off));
        (frame >= on && frame < off).then(|| (frame - on, off - on))
    }
}

impl Stimulus for ConvisChirp {
    fn check(&self) -> Result<()> {
        self.size.check()?;
        positive("fps", self.fps)?;
        finite("amp_freq", self.amp_freq)?;
        for (name, (from, to)) in [("amp", self.amp), ("freq", self.freq)] {
            finite(&format!("{name}_1"), from)?;
            finite(&format!("{name}_2"), to)?;
        }
        for (name, (on, off)) in [("pulse", self.pulse_at), ("amp", self.amp_at), ("freq", self.freq_at)] {
            if on > off {
                let expected = format!("at least {name}_on ({on})");
                return Err(Error::argument(format!("{name}_off"), expected, off));
            }
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
        let frame = frame as usize;
        // Where parts overlap, the later one is shown.
        let value = if let Some((u, n)) = self.since(self.freq_at, frame) {
            (TAU * linspace(self.freq.0, self.freq.1, n, u) * u as f64 / self.fps).sin()
        } else if let Some((u, n)) = self.since(self.amp_at, frame) {
            linspace(self.amp.0, self.amp.1, n, u) * (TAU * u as f64 * self.amp_freq / self.fps).sin()
        } else {
            f64::from(u8::from(self.since(self.pulse_at, frame).is_some()))
        };
        out.fill(value as f32);
    }
}
