//! Running a model on a movie of any length, chunk by chunk.

use std::ops::ControlFlow;

use crate::layer::{GradientMode, Layer, Output, Recorder, advance, check_input};
use crate::{DType, Error, Result, State, Tensor};

/// Frames that come one chunk after the other.
pub trait Frames {
    /// The next frames `[batch, channel, time, height, width]`, at most `most` of them; `None` after the last.
    ///
    /// # Errors
    /// Whatever the source fails with.
    fn next_frames(&mut self, most: usize) -> Result<Option<Tensor>>;

    /// Whether all its frames are known to be finite numbers already.
    fn is_checked(&self) -> bool {
        false
    }
}

/// A movie in memory.
#[derive(Debug)]
pub struct Movie {
    movie: Tensor,
    next: usize,
}

impl Movie {
    /// All frames of a tensor, checked once.
    ///
    /// # Errors
    /// If the movie is empty, not finite, or has not five axes.
    pub fn new(movie: Tensor) -> Result<Self> {
        check_input(&movie)?;
        Ok(Self { movie, next: 0 })
    }
}

impl Frames for Movie {
    fn next_frames(&mut self, most: usize) -> Result<Option<Tensor>> {
        let frames = most.min(self.movie.shape()[2] - self.next);
        if frames == 0 {
            return Ok(None);
        }
        let part = self.movie.frames(self.next, frames)?;
        self.next += frames;
        Ok(Some(part))
    }

    fn is_checked(&self) -> bool {
        true
    }
}

/// How a model is run.
#[derive(Clone, Debug, Default)]
pub struct RunOptions {
    /// Frames per chunk; by default as many as keep the processor's caches warm. Results do not depend on it.
    pub chunk: Option<usize>,
    /// Stop after so many frames.
    pub max_frames: Option<u64>,
    /// Paths of layers whose output is wanted besides the model's.
    pub stages: Vec<String>,
    /// Whether spikes are wanted as lists with exact times.
    pub spikes: bool,
}

/// What a run hands over after every chunk.
#[derive(Debug)]
pub struct Chunk {
    /// The model's output.
    pub output: Output,
    /// Stages and spikes that were asked for.
    pub recorder: Recorder,
    /// Frames of this chunk.
    pub frames: usize,
}

/// Numbers per movie of a chunk by default, about 2 MB: few enough for the caches, enough for what every chunk costs.
const CHUNK_NUMBERS: usize = 1 << 19;

/// Large frames come so many at a time, lest every one of them pays what a chunk costs …
const FEW_FRAMES: usize = 8;

/// … unless that makes more numbers per movie than these.
const MOST_NUMBERS: usize = 1 << 22;

/// Frames per chunk by default.
pub fn default_chunk(numbers_per_frame: usize) -> usize {
    let of = |numbers: usize| numbers / numbers_per_frame.max(1);
    of(CHUNK_NUMBERS).max(of(MOST_NUMBERS).min(FEW_FRAMES)).clamp(1, 1000)
}

/// Runs a model on all frames of a source and hands every chunk's results to `sink`.
///
/// Memory does not depend on the number of frames. Results do not depend on the chunk length. Nothing is recorded for
/// gradients. When `sink` breaks off, the state is that after the chunk it was given; when anything fails, `sink`
/// included, that after the chunk before.
///
/// ```
/// use std::ops::ControlFlow;
/// use convis::{Resolution, State, Tensor, noise, retina::Retina, run::{Movie, RunOptions, run}};
///
/// let retina = Retina::new(Default::default(), Resolution::default())?;
/// let movie = Tensor::from_vec(vec![0.5f32; 90 * 16], &[1, 1, 90, 4, 4])?;
/// let options = RunOptions { chunk: Some(20), ..RunOptions::default() };
/// let mut lengths = vec![];
/// let frames = run(&retina, &mut Movie::new(movie)?, &mut State::new(noise::next_model()), &options, &mut |chunk| {
///     lengths.push(chunk.frames);
///     Ok(ControlFlow::Continue(()))
/// })?;
/// assert_eq!((frames, lengths), (90, vec![20, 20, 20, 20, 10]));
/// # Ok::<(), convis::Error>(())
/// ```
///
/// # Errors
/// If the source, the model or the sink fails, or [`Error::Interrupted`] where the sink broke off.
pub fn run(
    layer: &dyn Layer,
    source: &mut dyn Frames,
    state: &mut State,
    options: &RunOptions,
    sink: &mut dyn FnMut(Chunk) -> Result<ControlFlow<()>>,
) -> Result<u64> {
    if options.chunk == Some(0) {
        return Err(Error::argument("dt", "a chunk of at least one frame", 0));
    }
    let most = options.max_frames.unwrap_or(u64::MAX);
    let mut done = 0;
    // The first chunk is one frame if its size is not known yet: that costs nothing and the size follows.
    let mut chunk = options.chunk;
    let mut first = None;
    if chunk.is_none() {
        match source.next_frames(most.min(1) as usize)? {
            Some(frame) => {
                chunk = Some(default_chunk(frame.len()));
                first = Some(frame);
            }
            None => return Ok(0),
        }
    }
    let chunk = chunk.unwrap_or(1);
    while done < most {
        let wanted = (chunk as u64).min(most - done) as usize;
        let input = match first.take() {
            Some(frame) => {
                let mut parts = vec![frame];
                if wanted > 1 {
                    parts.extend(source.next_frames(wanted - 1)?);
                }
                Tensor::join_frames(&parts)?
            }
            None => match source.next_frames(wanted)? {
                Some(input) => input,
                None => break,
            },
        };
        if !source.is_checked() {
            check_input(&input)?;
        }
        let frames = input.shape()[2];
        let before = state.clone();
        let input = if input.dtype() == DType::U8 { input.cast(DType::F32) } else { input };
        let mut recorder =
            Recorder { stages: options.stages.clone(), spikes: options.spikes, ..Recorder::default() };
        let result = advance(layer, &input, state, GradientMode::Off, Some(&mut recorder));
        let output = match result {
            Ok(output) => output,
            Err(error) => {
                *state = before;
                return Err(error);
            }
        };
        match sink(Chunk { output, recorder, frames }) {
            Ok(ControlFlow::Continue(())) => done += frames as u64,
            Ok(ControlFlow::Break(())) => return Err(Error::Interrupted { frames: done + frames as u64 }),
            Err(error) => {
                // What was not taken was not done.
                *state = before;
                return Err(error);
            }
        }
    }
    Ok(done)
}
