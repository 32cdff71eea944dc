//! What every stimulus offers, and how it becomes a movie.

use convis_kernels::parallel;

use crate::run::Frames;
use crate::{Error, Result, Tensor};

/// A movie that computes any frame from its number.
pub trait Stimulus: Send + Sync {
    /// Refuses what cannot be shown; [`Stream`] and [`movie`] ask before the first frame.
    ///
    /// # Errors
    /// The field, what was expected and what it is.
    fn check(&self) -> Result<()>;

    /// Rows and columns.
    fn size(&self) -> (usize, usize);

    /// Number of frames; `None` if it has no end.
    fn frames(&self) -> Option<u64>;

    /// Writes frame number `frame`, row by row, of a stimulus that [`check`](Stimulus::check) accepts. It depends on
    /// nothing but the number.
    fn render(&self, frame: u64, out: &mut [f32]);

    /// Writes frames `first ‥`, one after the other; the same numbers as [`render`](Stimulus::render).
    fn render_frames(&self, first: u64, out: &mut [f32]) {
        let (height, width) = self.size();
        // A pixel costs about as much as sixteen additions.
        let work = 16 * out.len();
        let frames: Vec<_> = out.chunks_mut((height * width).max(1)).enumerate().collect();
        parallel::for_each(frames, work, |(i, frame)| self.render(first + i as u64, frame));
    }
}

impl<S: Stimulus + ?Sized> Stimulus for &S {
    fn check(&self) -> Result<()> {
        (**self).check()
    }
    fn size(&self) -> (usize, usize) {
        (**self).size()
    }
    fn frames(&self) -> Option<u64> {
        (**self).frames()
    }
    fn render(&self, frame: u64, out: &mut [f32]) {
        (**self).render(frame, out);
    }
    fn render_frames(&self, first: u64, out: &mut [f32]) {
        (**self).render_frames(first, out);
    }
}

impl<S: Stimulus + ?Sized> Stimulus for Box<S> {
    fn check(&self) -> Result<()> {
        (**self).check()
    }
    fn size(&self) -> (usize, usize) {
        (**self).size()
    }
    fn frames(&self) -> Option<u64> {
        (**self).frames()
    }
    fn render(&self, frame: u64, out: &mut [f32]) {
        (**self).render(frame, out);
    }
    fn render_frames(&self, first: u64, out: &mut [f32]) {
        (**self).render_frames(first, out);
    }
}

/// A stimulus as a source of frames.
///
/// ```
/// use std::ops::ControlFlow;
/// use convis::stimuli::{FullFieldFlash, Screen, Stream};
/// use convis::{Resolution, State, noise, retina::Retina, run::{RunOptions, run}};
///
/// let screen = Screen { height: 4, width: 5, ..Screen::default() };
/// let flash = FullFieldFlash { screen, before_s: 0.05, on_s: 0.1, after_s: 0.05, ..FullFieldFlash::default() };
/// let retina = Retina::new(Default::default(), Resolution::default())?;
/// let mut state = State::new(noise::next_model());
/// let frames = run(&retina, &mut Stream::new(flash)?, &mut state, &RunOptions::default(), &mut |_| {
///     Ok(ControlFlow::Continue(()))
/// })?;
/// assert_eq!(frames, 200);
/// # Ok::<(), convis::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Stream<S> {
    stimulus: S,
    next: u64,
}

impl<S: Stimulus> Stream<S> {
    /// All frames of a stimulus; of one without end, as many as are asked for.
    ///
    /// # Errors
    /// Those of [`Stimulus::check`].
    pub fn new(stimulus: S) -> Result<Self> {
        stimulus.check()?;
        Ok(Self { stimulus, next: 0 })
    }

    /// Continues at frame number `frame`, as after an interruption.
    #[must_use]
    pub fn from_frame(mut self, frame: u64) -> Self {
        self.next = frame;
        self
    }

    /// The stimulus.
    pub const fn stimulus(&self) -> &S {
        &self.stimulus
    }
}

impl<S: Stimulus> Frames for Stream<S> {
    fn next_frames(&mut self, most: usize) -> Result<Option<Tensor>> {
        let left = self.stimulus.frames().map_or(u64::MAX, |frames| frames.saturating_sub(self.next));
        let frames = left.min(most as u64) as usize;
        if frames == 0 {
            return Ok(None);
        }
        let chunk = collect(&self.stimulus, self.next, frames)?;
        self.next += frames as u64;
        Ok(Some(chunk))
    }
}

/// Frames `first ‥ first + frames` of a stimulus as a movie `[1, 1, frames, height, width]`.
///
/// ```
/// use convis::stimuli::{Checkers, movie};
/// let noise = Checkers { seed: 4, ..Checkers::default() };
/// let whole = movie(&noise, 0, 100)?;
/// assert_eq!(whole.shape(), [1, 1, 100, 50, 50]);
/// assert_eq!(movie(&noise, 60, 40)?, whole.frames(60, 40)?);
/// # Ok::<(), convis::Error>(())
/// ```
///
/// # Errors
/// Those of [`Stimulus::check`], or if the stimulus has fewer frames.
pub fn movie(stimulus: &dyn Stimulus, first: u64, frames: usize) -> Result<Tensor> {
    stimulus.check()?;
    if let Some(all) = stimulus.frames()
        && first.saturating_add(frames as u64) > all
    {
        let found = format!("{first}‥{}", first.saturating_add(frames as u64));
        return Err(Error::argument("frames", format!("a range within 0‥{all}"), found));
    }
    collect(stimulus, first, frames)
}

fn collect(stimulus: &dyn Stimulus, first: u64, frames: usize) -> Result<Tensor> {
    let (height, width) = stimulus.size();
    let mut numbers = vec![0.0f32; frames * height * width];
    stimulus.render_frames(first, &mut numbers);
    Tensor::from_vec(numbers, &[1, 1, frames, height, width])
}
