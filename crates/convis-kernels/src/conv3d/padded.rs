//! Movies with their history and border around them.

use super::Conv3d;
use crate::Real;

/// Frames of one plane, each with its border, one after the other.
///
/// On such frames, seen as one long row of pixels, a two-dimensional window is a window of fixed offsets: vector code
/// runs along the whole frame and never meets the end of an image row. The results at the ends of rows mean nothing and
/// are not used.
pub(super) struct Padded<T> {
    pub numbers: Vec<T>,
    /// Pixels from one frame to the next.
    pub stride: usize,
}

/// Frames and pixels that blocks may read beyond the end.
pub(super) const SPARE_FRAMES: usize = 8;
pub(super) const SPARE_PIXELS: usize = 64;

impl<T: Real> Padded<T> {
    pub fn zeros(frames: usize, pixels: usize) -> Self {
        Self { numbers: vec![T::zero(); (frames + SPARE_FRAMES) * pixels + SPARE_PIXELS], stride: pixels }
    }

    /// One plane of the input with history and border.
    pub fn of_input(conv: &Conv3d, movie: &[T], state: &[&[T]], plane: usize) -> Self {
        let (signal, history) = (conv.signal, conv.history());
        let [height, width] = conv.padded_size();
        let mut padded = Self::zeros(signal.frames + history, height * width);
        for t in 0..signal.frames + history {
            let frame = if t < history {
                &state[0][(plane * history + t) * signal.pixels()..][..signal.pixels()]
            } else {
                &movie[(plane * signal.frames + t - history) * signal.pixels()..][..signal.pixels()]
            };
            let out = &mut padded.numbers[t * height * width..][..height * width];
            for (p, row) in out.chunks_mut(width).enumerate() {
                let from = source(p, conv.before(1), signal.height);
                let from = &frame[from * signal.width..][..signal.width];
                let before = conv.before(2);
                row[..before].fill(from[0]);
                row[before..before + signal.width].copy_from_slice(from);
                row[before + signal.width..].fill(from[signal.width - 1]);
            }
        }
        padded
    }

    /// The adjoint of [`Padded::of_input`]: what falls on the border goes to the border pixel, what falls on the history
    /// to the state.
    pub fn fold_into(&self, conv: &Conv3d, movie: &mut [T], state: Option<&mut [T]>) {
        let (signal, history) = (conv.signal, conv.history());
        let [height, width] = conv.padded_size();
        movie.fill(T::zero());
        let mut none = [];
        let state = state.unwrap_or(&mut none);
        for t in 0..signal.frames + history {
            let frame = if t < history {
                &mut state[t * signal.pixels()..][..signal.pixels()]
            } else {
                &mut movie[(t - history) * signal.pixels()..][..signal.pixels()]
            };
            for (p, row) in self.numbers[t * self.stride..][..height * width].chunks(width).enumerate() {
                let to = source(p, conv.before(1), signal.height);
                let to = &mut frame[to * signal.width..][..signal.width];
                for (q, &x) in row.iter().enumerate() {
                    let column = source(q, conv.before(2), signal.width);
                    to[column] = to[column] + x;
                }
            }
        }
    }
}

/// The pixel that row or column `i` of a padded image shows.
fn source(i: usize, before: usize, size: usize) -> usize {
    i.saturating_sub(before).min(size - 1)
}
