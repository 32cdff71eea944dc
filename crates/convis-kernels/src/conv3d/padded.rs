//! Movies with their history and border around them.

use super::Conv3d;
use crate::Real;
use crate::scratch::Scratch;

/// The input movie with its history.
#[derive(Clone, Copy)]
pub(super) struct Input<'a, T> {
    pub conv: &'a Conv3d,
    pub movie: &'a [T],
    pub state: &'a [&'a [T]],
}

impl<T: Real> Input<'_, T> {
    /// Frames, those of the history included.
    pub fn frames(&self) -> usize {
        self.conv.signal.frames + self.conv.history()
    }

    /// Frame `t` of a plane, counted from the first of the history.
    pub fn frame(&self, plane: usize, t: usize) -> &[T] {
        let (signal, history) = (self.conv.signal, self.conv.history());
        if t < history {
            &self.state[0][(plane * history + t) * signal.pixels()..][..signal.pixels()]
        } else {
            &self.movie[(plane * signal.frames + t - history) * signal.pixels()..][..signal.pixels()]
        }
    }

    /// Row `p` of a frame with its border.
    fn row(&self, frame: &[T], p: usize, line: &mut [T]) {
        let (conv, width) = (self.conv, self.conv.signal.width);
        let from = &frame[source(p, conv.before(1), conv.signal.height) * width..][..width];
        let (left, rest) = line.split_at_mut(conv.before(2));
        let (middle, right) = rest.split_at_mut(width);
        left.fill(from[0]);
        middle.copy_from_slice(from);
        right.fill(from[width - 1]);
    }
}

/// Frames of one plane, each with its border, one after the other.
///
/// On such frames, seen as one long row of pixels, a two-dimensional window is a window of fixed offsets: vector code
/// runs along the whole frame and never meets the end of an image row. The results at the ends of rows mean nothing and
/// are not used.
pub(super) struct Padded<T: Real> {
    pub numbers: Scratch<T>,
    /// Pixels from one frame to the next.
    pub stride: usize,
}

/// Frames and pixels that blocks may read beyond the end.
const SPARE_FRAMES: usize = 12;
const SPARE_PIXELS: usize = 64;

impl<T: Real> Padded<T> {
    fn new(frames: usize, pixels: usize) -> Self {
        let mut numbers = Scratch::new((frames + SPARE_FRAMES) * pixels + SPARE_PIXELS);
        numbers[frames * pixels..].fill(T::zero());
        Self { numbers, stride: pixels }
    }

    pub fn zeros(frames: usize, pixels: usize) -> Self {
        let mut padded = Self::new(frames, pixels);
        padded.numbers[..frames * pixels].fill(T::zero());
        padded
    }

    /// One plane of the input with history and border.
    pub fn of_input(input: &Input<'_, T>, plane: usize) -> Self {
        let [height, width] = input.conv.padded_size();
        let mut padded = Self::new(input.frames(), height * width);
        for (t, out) in padded.numbers.chunks_exact_mut(height * width).enumerate().take(input.frames()) {
            let frame = input.frame(plane, t);
            for (p, row) in out.chunks_mut(width).enumerate() {
                input.row(frame, p, row);
            }
        }
        padded
    }
}

/// The adjoint of the border: what falls on it goes to the border pixel of `frame`, which is overwritten.
pub(super) fn fold<T: Real>(conv: &Conv3d, padded: &[T], frame: &mut [T]) {
    let (signal, width) = (conv.signal, conv.padded_size()[1]);
    frame.fill(T::zero());
    let before = conv.before(2);
    for (p, row) in padded.chunks(width).enumerate() {
        let to = source(p, conv.before(1), signal.height);
        let to = &mut frame[to * signal.width..][..signal.width];
        let (left, rest) = row.split_at(before);
        let (middle, right) = rest.split_at(signal.width);
        for (to, &x) in to.iter_mut().zip(middle) {
            *to = *to + x;
        }
        to[0] = left.iter().fold(to[0], |sum, &x| sum + x);
        to[signal.width - 1] = right.iter().fold(to[signal.width - 1], |sum, &x| sum + x);
    }
}

/// The pixel that row or column `i` of a padded image shows.
pub(super) fn source(i: usize, before: usize, size: usize) -> usize {
    i.saturating_sub(before).min(size - 1)
}
