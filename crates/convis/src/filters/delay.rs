//! A movie some frames later.

use convis_kernels::delay_line::DelayLine;

use super::room;
use crate::layer::{Layer, Output, Part, Scope};
use crate::{Resolution, Result, Tensor};

/// Delays a movie by `delay` frames; `length` frames of the past come in front of every chunk.
///
/// # Equation
/// A chunk of n frames that begins at frame s becomes frames `s − delay − length … s + n − delay − 1`, zeros before the
/// first: see [`convis_kernels::delay_line`].
///
/// # Shapes
/// Input `[batch, channel, time, height, width]`, output the same with `length` frames more. State: the last
/// `delay + length` frames (`history`), zero before the first frame.
///
/// # Parameters
/// | name | unit | default |
/// |---|---|---|
/// | `delay` | frames | given at construction |
/// | `length` | frames | given at construction; 0 is a plain delay |
///
/// Neither can be fitted: [`VariableDelay`](super::VariableDelay) has a gradient.
///
/// # Source
/// The delay of convis 0.6.4, by its documented meaning.
///
/// # Example
/// ```
/// use convis::{GradientMode, Resolution, State, Tensor, call, filters::Delay, noise};
/// let delay = Delay::new(2, 0, Resolution::default());
/// let movie = Tensor::from_vec(vec![1.0f64, 2.0, 3.0, 4.0], &[1, 1, 4, 1, 1])?;
/// let y = call(&delay, &movie, &mut State::new(noise::next_model()), GradientMode::Off, None)?;
/// assert_eq!(y.first()?.to_f64(), [0.0, 0.0, 1.0, 2.0]);
/// # Ok::<(), convis::Error>(())
/// ```
#[derive(Debug)]
pub struct Delay {
    steps: usize,
    length: usize,
    resolution: Resolution,
}

impl Delay {
    /// A delay of so many frames, with `length` frames of the past in front of every chunk.
    pub const fn new(delay: usize, length: usize, resolution: Resolution) -> Self {
        Self { steps: delay, length, resolution }
    }

    /// Frames by which the movie is delayed.
    pub const fn delay(&self) -> usize {
        self.steps
    }

    /// Frames of the past in front of every chunk.
    pub const fn length(&self) -> usize {
        self.length
    }
}

impl Layer for Delay {
    fn kind(&self) -> &'static str {
        "Delay"
    }

    fn doc(&self) -> &'static str {
        "A movie some frames later, with frames of the past in front of every chunk."
    }

    fn parts(&self) -> Vec<Part<'_>> {
        vec![]
    }

    fn resolution(&self) -> Resolution {
        self.resolution
    }

    fn forward(&self, input: &Tensor, scope: &mut Scope<'_>) -> Result<Output> {
        let signal = input.signal()?;
        room("delay", self.steps.saturating_add(self.length), input)?;
        let line = DelayLine { signal, delay: self.steps, length: self.length };
        let names: &[&str] = if line.history() == 0 { &[] } else { &["history"] };
        Ok(scope.apply(&line, &[], &[input], names)?.into())
    }
}
