//! The sizes of a movie.

use std::ops::Range;

/// The sizes of a signal `[batch, channel, time, height, width]`, with batch and channel joined to planes.
///
/// A movie is one slice: frames of one plane follow one another, planes follow one another. A state array holds
/// one number per plane and pixel.
///
/// ```
/// use convis_kernels::Signal;
/// let signal = Signal { planes: 1, frames: 100, height: 50, width: 40 };
/// assert_eq!(signal.pixels(), 2000);
/// assert_eq!(signal.len(), 200_000);
/// assert_eq!(signal.state_len(), 2000);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Signal {
    /// Independent movies: batch × channel.
    pub planes: usize,
    /// Frames in this chunk.
    pub frames: usize,
    /// Rows of a frame.
    pub height: usize,
    /// Columns of a frame.
    pub width: usize,
}

impl Signal {
    /// Pixels of one frame.
    pub const fn pixels(&self) -> usize {
        self.height * self.width
    }

    /// Numbers in the movie.
    pub const fn len(&self) -> usize {
        self.planes * self.frames * self.pixels()
    }

    /// Whether the movie holds no number.
    pub const fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Numbers in a state array: one per plane and pixel.
    pub const fn state_len(&self) -> usize {
        self.planes * self.pixels()
    }

    /// The same signal with another number of frames.
    #[must_use]
    pub const fn with_frames(self, frames: usize) -> Self {
        Self { frames, ..self }
    }

    /// Where pixels `range` of frame `frame` of plane `plane` lie in the movie.
    #[inline]
    pub fn at(&self, plane: usize, frame: usize, pixels: &Range<usize>) -> Range<usize> {
        let start = (plane * self.frames + frame) * self.pixels();
        start + pixels.start..start + pixels.end
    }

    /// Where pixels `range` of plane `plane` lie in a state array.
    #[inline]
    pub fn state_at(&self, plane: usize, pixels: &Range<usize>) -> Range<usize> {
        let start = plane * self.pixels();
        start + pixels.start..start + pixels.end
    }
}
