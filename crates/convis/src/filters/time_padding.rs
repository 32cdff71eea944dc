//! Frames of the past in front of every chunk.

use convis_kernels::delay_line::DelayLine;
use convis_kernels::start_history::History;

use super::room;
use crate::layer::{Layer, Output, Part, Scope};
use crate::{Error, Resolution, Result, Tensor};

/// Puts the last `length` frames before a chunk in front of it.
///
/// # Equation
/// `y = [h | x]`, h the last `length` frames: see [`convis_kernels::delay_line`]. Frames before the first are made of the
/// first chunk, as `mode` says: see [`convis_kernels::start_history`].
///
/// # Shapes
/// Input `[batch, channel, time, height, width]`, output the same with `length` frames more. State: the last `length`
/// frames (`history`).
///
/// # Parameters
/// | name | unit | default |
/// |---|---|---|
/// | `length` | frames | given at construction |
/// | `mode`: `first_frame`, `zeros`, `ones`, `mean`, `full_copy`, `mirror` | – | `first_frame` |
///
/// Neither can be fitted. `mean`, `full_copy` and `mirror` depend on how long the first chunk is.
///
/// # Errors
/// In mode `mirror`, if the first chunk is shorter than `length`.
///
/// # Source
/// The causal padding of convis 0.6.4, by its documented meaning.
///
/// # Example
/// ```
/// use convis::{GradientMode, Resolution, State, Tensor, call, filters::{History, TimePadding}, noise};
/// let padding = TimePadding::new(2, History::FirstFrame, Resolution::default());
/// let mut state = State::new(noise::next_model());
/// let mut pad = |x: Vec<f64>| {
///     let chunk = Tensor::from_vec(x, &[1, 1, 3, 1, 1])?;
///     Ok::<_, convis::Error>(call(&padding, &chunk, &mut state, GradientMode::Off, None)?.first()?.to_f64())
/// };
/// assert_eq!(pad(vec![1.0, 2.0, 3.0])?, [1.0, 1.0, 1.0, 2.0, 3.0]);
/// assert_eq!(pad(vec![4.0, 5.0, 6.0])?, [2.0, 3.0, 4.0, 5.0, 6.0]);
/// # Ok::<(), convis::Error>(())
/// ```
#[derive(Debug)]
pub struct TimePadding {
    length: usize,
    mode: History,
    resolution: Resolution,
}

impl TimePadding {
    /// Padding by so many frames.
    pub const fn new(length: usize, mode: History, resolution: Resolution) -> Self {
        Self { length, mode, resolution }
    }

    /// The mode of this name.
    ///
    /// # Errors
    /// If there is none; the message lists all and names the nearest.
    pub fn mode_named(name: &str) -> Result<History> {
        History::from_name(name)
            .ok_or_else(|| Error::choice("mode", name, History::ALL.into_iter().map(History::name)))
    }

    /// Frames in front of every chunk.
    pub const fn length(&self) -> usize {
        self.length
    }

    /// What stands for the frames before the first.
    pub const fn mode(&self) -> History {
        self.mode
    }
}

impl Layer for TimePadding {
    fn kind(&self) -> &'static str {
        "TimePadding"
    }

    fn doc(&self) -> &'static str {
        "Puts the last frames before a chunk in front of it."
    }

    fn parts(&self) -> Vec<Part<'_>> {
        vec![]
    }

    fn resolution(&self) -> Resolution {
        self.resolution
    }

    fn forward(&self, input: &Tensor, scope: &mut Scope<'_>) -> Result<Output> {
        let signal = input.signal()?;
        room("length", self.length, input)?;
        let line = DelayLine { signal, delay: 0, length: self.length };
        if self.length == 0 {
            return Ok(scope.apply(&line, &[], &[input], &[])?.into());
        }
        let history = scope.history("history", input, self.length, self.mode)?;
        Ok(scope.apply_from(&line, &[], &[input], &[history], &["history"])?.into())
    }
}
