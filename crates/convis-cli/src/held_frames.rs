//! The frames of a movie at the steps of a model.

use convis::run::Frames;
use convis::tensor::Numbers;
use convis::tensor::buffer::Buffer;
use convis::{Error, Result, Tensor};
use convis_io::FrameSource;

use crate::interrupt;
use crate::rate::{Rate, greatest_common_divisor};

/// Numbers that are handed over at once at most, however long a chunk was asked for: 256 MB.
const MOST_NUMBERS: usize = 1 << 26;

/// Shows a movie to a model that runs at a rate of its own.
///
/// Step k, `k / steps_per_second` after the beginning, sees frame `⌊k · fps / steps_per_second⌋`: each frame is held
/// until the next one is due. With interpolation it sees the straight line between that frame and the next. Time is
/// counted in whole numbers, so nothing drifts. Before step 0 the first frame can be shown for a while.
///
/// After an interruption the movie simply ends.
pub struct HeldFrames<T = f32> {
    source: Box<dyn FrameSource>,
    interpolate: bool,
    /// Steps before step 0 that are still to come.
    lead_in: u64,
    /// Frames that may still be read.
    frames_left: u64,
    /// Where between two frames the present step lies: `phase / period` of the distance; each step adds `advance`.
    phase: u128,
    advance: u128,
    period: u128,
    stage: Stage,
    now: Vec<T>,
    next: Vec<T>,
}

/// A precision in which frames are shown.
pub trait Shade: Numbers {
    /// Reads the next frame.
    fn read(source: &mut dyn FrameSource, into: &mut [Self]) -> convis_io::Result<bool>;

    /// What lies between two numbers, at a share of the way.
    fn between(now: Self, next: Self, share: f64) -> Self;
}

impl Shade for f32 {
    fn read(source: &mut dyn FrameSource, into: &mut [Self]) -> convis_io::Result<bool> {
        source.next_frame(into)
    }

    fn between(now: Self, next: Self, share: f64) -> Self {
        now + share as Self * (next - now)
    }
}

impl Shade for f64 {
    fn read(source: &mut dyn FrameSource, into: &mut [Self]) -> convis_io::Result<bool> {
        source.next_frame_f64(into)
    }

    fn between(now: Self, next: Self, share: f64) -> Self {
        now + share * (next - now)
    }
}

#[derive(Clone, Copy, PartialEq)]
enum Stage {
    /// No frame was read yet.
    Fresh,
    /// `now` is shown; `next` is valid if the flag says so.
    Showing { next: bool },
    /// The last frame is over.
    Over,
}

/// When frames are shown.
#[derive(Clone, Copy, Debug)]
pub struct Timing {
    /// Rate of the movie.
    pub frames: Rate,
    /// Rate of the model.
    pub steps: Rate,
    /// Steps before step 0 that show the first frame.
    pub lead_in: u64,
    /// Whether to go in a straight line from frame to frame.
    pub interpolate: bool,
    /// Frames to use at most.
    pub most_frames: Option<u64>,
}

impl<T: Shade> HeldFrames<T> {
    /// A movie at the steps of a model.
    ///
    /// # Errors
    /// If its frames are too large to be computed with.
    pub fn new(source: Box<dyn FrameSource>, timing: &Timing) -> Result<Self> {
        let (height, width) = (source.height(), source.width());
        let pixels = height.checked_mul(width).filter(|&pixels| pixels <= MOST_NUMBERS).ok_or_else(|| {
            let expected = format!("at most {MOST_NUMBERS} pixels");
            Error::argument("size of the frames", expected, format!("{height} × {width}"))
        })?;
        let advance = u128::from(timing.frames.events) * u128::from(timing.steps.seconds);
        let period = u128::from(timing.frames.seconds) * u128::from(timing.steps.events);
        let divisor = greatest_common_divisor(advance, period);
        Ok(Self {
            source,
            interpolate: timing.interpolate,
            lead_in: timing.lead_in,
            frames_left: timing.most_frames.unwrap_or(u64::MAX),
            phase: 0,
            advance: advance / divisor,
            period: period / divisor,
            stage: Stage::Fresh,
            now: vec![T::default(); pixels],
            next: vec![T::default(); pixels],
        })
    }

    /// Rows and columns of a frame.
    pub fn size(&self) -> (usize, usize) {
        (self.source.height(), self.source.width())
    }

    /// Steps from step 0 to the end of the movie, as far as its length can be told. To be asked before the first
    /// step.
    pub fn steps(&self) -> Option<u64> {
        let frames = match self.source.length_hint() {
            Some(frames) => frames.min(self.frames_left),
            None if self.frames_left < u64::MAX => self.frames_left,
            None => return None,
        };
        let steps = u128::from(frames).checked_mul(self.period)?.div_ceil(self.advance);
        u64::try_from(steps).ok()
    }

    /// Reads a frame into `now` or `next`.
    fn read(&mut self, next: bool) -> Result<bool> {
        if self.frames_left == 0 || interrupt::requested() {
            return Ok(false);
        }
        self.frames_left -= 1;
        let into = if next { &mut self.next } else { &mut self.now };
        match T::read(&mut *self.source, into) {
            Ok(more) => Ok(more),
            // Ctrl-C reaches the programs at the other end of a pipe, too.
            Err(_) if interrupt::requested() => Ok(false),
            Err(error) => Err(Error::Stream(error.to_string())),
        }
    }

    /// Gets the frames ready that the present step sees.
    fn prepare(&mut self) -> Result<()> {
        if self.stage == Stage::Fresh {
            self.stage = if self.read(false)? {
                Stage::Showing { next: self.interpolate && self.read(true)? }
            } else {
                Stage::Over
            };
        }
        while self.phase >= self.period {
            let Stage::Showing { next } = self.stage else { return Ok(()) };
            self.phase -= self.period;
            self.stage = if self.interpolate {
                std::mem::swap(&mut self.now, &mut self.next);
                if next { Stage::Showing { next: self.read(true)? } } else { Stage::Over }
            } else if self.read(false)? {
                Stage::Showing { next: false }
            } else {
                Stage::Over
            };
        }
        Ok(())
    }

    /// Writes what the present step sees and goes on to the next; false after the last.
    fn step(&mut self, out: &mut [T]) -> Result<bool> {
        self.prepare()?;
        let Stage::Showing { next } = self.stage else { return Ok(false) };
        if next && self.phase > 0 {
            let share = self.phase as f64 / self.period as f64;
            for ((out, &now), &next) in out.iter_mut().zip(&self.now).zip(&self.next) {
                *out = T::between(now, next, share);
            }
        } else {
            out.copy_from_slice(&self.now);
        }
        if self.lead_in > 0 {
            self.lead_in -= 1;
        } else {
            self.phase += self.advance;
        }
        Ok(true)
    }
}

impl<T: Shade> Frames for HeldFrames<T> {
    fn next_frames(&mut self, most: usize) -> Result<Option<Tensor>> {
        if interrupt::requested() {
            return Ok(None);
        }
        let (height, width) = self.size();
        let pixels = height * width;
        let most = most.min(MOST_NUMBERS / pixels).max(1);
        let (buffer, frames) = Buffer::filled_by(most * pixels, |out| {
            for (done, out) in out.chunks_exact_mut(pixels).enumerate() {
                if !self.step(out)? {
                    return Ok(done);
                }
            }
            Ok::<_, Error>(most)
        });
        match frames? {
            0 => Ok(None),
            frames => {
                let part = buffer.slice(0..frames * pixels);
                Ok(Some(Tensor::from_buffer(part, &[1, 1, frames, height, width])?))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Frames of one pixel that hold their number.
    struct Numbered(u64, u64);

    impl FrameSource for Numbered {
        fn height(&self) -> usize {
            1
        }
        fn width(&self) -> usize {
            1
        }
        fn frames_per_second(&self) -> Option<f64> {
            None
        }
        fn length_hint(&self) -> Option<u64> {
            Some(self.1)
        }
        fn next_frame(&mut self, into: &mut [f32]) -> convis_io::Result<bool> {
            into[0] = self.0 as f32;
            self.0 += 1;
            Ok(self.0 <= self.1)
        }
    }

    fn timing(frames: &str, steps: &str) -> Timing {
        let (frames, steps) = (frames.parse().unwrap(), steps.parse().unwrap());
        Timing { frames, steps, lead_in: 0, interpolate: false, most_frames: None }
    }

    /// Everything a model sees, taken in chunks of 1, 2, 3, … steps.
    fn seen(frames: u64, timing: &Timing) -> Vec<f32> {
        let mut held: HeldFrames = HeldFrames::new(Box::new(Numbered(0, frames)), timing).unwrap();
        let expected = held.steps().unwrap() + timing.lead_in;
        let (mut all, mut most) = (vec![], 1);
        while let Some(part) = held.next_frames(most).unwrap() {
            all.extend(part.to_f32());
            most += 1;
        }
        assert_eq!(all.len() as u64, expected);
        all
    }

    #[test]
    fn each_step_sees_the_frame_that_is_due() {
        for (fps, steps, frames) in
            [("25", "1000", 56), ("30000/1001", "1000", 91), ("100/3", "1000", 31), ("7", "3", 50)]
        {
            let timing = timing(fps, steps);
            let (f, s) = (timing.frames, timing.steps);
            for (k, &frame) in seen(frames, &timing).iter().enumerate() {
                let due = k as u64 * f.events * s.seconds / (f.seconds * s.events);
                assert_eq!(frame, due as f32, "{fps} at {steps}, step {k}");
            }
        }
        assert_eq!(seen(3, &timing("1000", "1000")), [0.0, 1.0, 2.0]);
    }

    #[test]
    fn interpolation_goes_straight_from_frame_to_frame_and_rests_on_the_last() {
        let straight = Timing { interpolate: true, lead_in: 2, ..timing("250", "1000") };
        let expected = [0.0, 0.0, 0.0, 0.25, 0.5, 0.75, 1.0, 1.25, 1.5, 1.75, 2.0, 2.0, 2.0, 2.0];
        assert_eq!(seen(3, &straight), expected);
        let faster = Timing { interpolate: true, ..timing("3", "2") };
        assert_eq!(seen(4, &faster), [0.0, 1.5, 3.0]);
    }

    #[test]
    fn a_part_of_the_movie_after_a_lead_in() {
        let part = Timing { lead_in: 3, most_frames: Some(2), ..timing("500", "1000") };
        assert_eq!(seen(9, &part), [0.0, 0.0, 0.0, 0.0, 0.0, 1.0, 1.0]);
        assert!(seen(9, &Timing { most_frames: Some(0), lead_in: 0, ..part }).is_empty());
    }
}
