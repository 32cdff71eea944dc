//! Spikes of some units, as frames and counts.

use crate::{Error, Result, Tensor};

/// In which frames each unit spiked, and how often.
///
/// ```
/// use convis::{Tensor, analysis::Spikes};
/// // Three frames, two units.
/// let counts = Tensor::from_vec(vec![0u8, 1, 2, 0, 0, 1], &[3, 2])?;
/// let spikes = Spikes::from_counts(&counts)?;
/// assert_eq!(spikes, Spikes::from_frames(&[vec![1, 1], vec![0, 2]], 3)?);
/// assert_eq!(spikes.total(0), 2.0);
/// # Ok::<(), convis::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Spikes {
    /// For every unit, frames in rising order with the number of spikes in each.
    units: Vec<Vec<(usize, f32)>>,
    frames: usize,
}

impl Spikes {
    /// Counts (time, unit), or (time) for one unit; fractions, as of rates, are weights.
    ///
    /// # Errors
    /// If it has other axes, or a count is negative or not finite.
    pub fn from_counts(counts: &Tensor) -> Result<Self> {
        let (frames, units) = match *counts.shape() {
            [frames] => (frames, 1),
            [frames, units] if units > 0 => (frames, units),
            _ => {
                let found = format!("shape {:?}", counts.shape());
                return Err(Error::argument("counts", "axes (time, unit)", found));
            }
        };
        let mut all = vec![vec![]; units];
        for (i, count) in counts.to_f32().into_iter().enumerate() {
            if !(count >= 0.0 && count.is_finite()) {
                return Err(Error::argument("counts", "finite numbers, 0 or above", count));
            }
            if count > 0.0 {
                all[i % units].push((i / units, count));
            }
        }
        Ok(Self { units: all, frames })
    }

    /// The frame of every spike, for each unit, of a recording of `frames` frames.
    ///
    /// # Errors
    /// If there is no unit, or a spike falls behind the last frame.
    pub fn from_frames(units: &[Vec<usize>], frames: usize) -> Result<Self> {
        if units.is_empty() {
            return Err(Error::argument("spikes", "at least one unit", 0));
        }
        let mut all = vec![];
        for (unit, spikes) in units.iter().enumerate() {
            let mut spikes = spikes.clone();
            spikes.sort_unstable();
            if let Some(last) = spikes.last().filter(|last| **last >= frames) {
                let expected = format!("frames of unit {unit} below {frames}, the frames of the stimulus");
                return Err(Error::argument("spikes", expected, last));
            }
            let mut counted: Vec<(usize, f32)> = vec![];
            for frame in spikes {
                match counted.last_mut() {
                    Some((same, count)) if *same == frame => *count += 1.0,
                    _ => counted.push((frame, 1.0)),
                }
            }
            all.push(counted);
        }
        Ok(Self { units: all, frames })
    }

    /// The time of every spike, for each unit, of a recording of `frames` frames of `step_s` seconds.
    ///
    /// # Errors
    /// If there is no unit, a time is negative or behind the last frame, or the step is not positive.
    pub fn from_times(units: &[Vec<f64>], step_s: f64, frames: usize) -> Result<Self> {
        if !(step_s > 0.0 && step_s.is_finite()) {
            return Err(Error::argument("step_s", "a number above 0", step_s));
        }
        let mut all = vec![];
        for times in units {
            let mut spikes = vec![];
            for &time in times {
                if !(time >= 0.0 && time.is_finite()) {
                    return Err(Error::argument("spikes", "times of 0 s or later", time));
                }
                // A time on the border of two frames must not fall into the first by rounding.
                spikes.push((time / step_s * (1.0 + 4.0 * f64::EPSILON)) as usize);
            }
            all.push(spikes);
        }
        Self::from_frames(&all, frames)
    }

    /// Number of units.
    pub fn units(&self) -> usize {
        self.units.len()
    }

    /// Frames of the recording.
    pub const fn frames(&self) -> usize {
        self.frames
    }

    /// Number of spikes of a unit.
    pub fn total(&self, unit: usize) -> f64 {
        self.units.get(unit).map_or(0.0, |unit| unit.iter().map(|(_, count)| f64::from(*count)).sum())
    }

    /// Frames with spikes of a unit, and how many.
    pub(super) fn of(&self, unit: usize) -> &[(usize, f32)] {
        &self.units[unit]
    }

    /// Refuses a recording of another length than the stimulus.
    pub(super) fn check_frames(&self, frames: usize) -> Result<()> {
        if self.frames == frames {
            return Ok(());
        }
        Err(Error::argument(
            "spikes",
            format!("a recording of {frames} frames, as the stimulus"),
            self.frames,
        ))
    }

    /// Refuses a unit that does not exist.
    pub(super) fn check_unit(&self, unit: usize) -> Result<()> {
        if unit < self.units() {
            return Ok(());
        }
        Err(Error::argument("unit", format!("a number below {}", self.units()), unit))
    }
}
