//! Cutting movies into tiles that threads may write at the same time.
//!
//! A tile is a range of pixels of one plane, through all frames: the unit of work of everything that runs along
//! time. How a movie is cut depends on its sizes alone, never on the number of threads, so that sums over tiles
//! are the same on every machine.
#![allow(unsafe_code)] // disjoint strided parts of one slice cannot be expressed with `chunks_mut`

use std::marker::PhantomData;
use std::ops::Range;

use crate::Signal;

/// A range of pixels of one plane.
#[derive(Clone, Debug)]
pub(crate) struct Tile {
    pub plane: usize,
    pub pixels: Range<usize>,
}

impl Tile {
    pub fn len(&self) -> usize {
        self.pixels.len()
    }
}

/// Pixels of a tile: a multiple of 64, large enough for streams, small enough to share between threads.
fn tile_pixels(signal: &Signal) -> usize {
    if signal.pixels() >= 16_384 { 1024 } else { 256 }
}

/// The tiles of a signal, in order.
pub(crate) fn tiles(signal: &Signal) -> Vec<Tile> {
    tiles_of(signal, tile_pixels(signal))
}

/// Tiles of so many pixels, in order.
pub(crate) fn tiles_of(signal: &Signal, step: usize) -> Vec<Tile> {
    let mut all = Vec::with_capacity(signal.planes * signal.pixels().div_ceil(step));
    for plane in 0..signal.planes {
        let mut start = 0;
        while start < signal.pixels() {
            let end = (start + step).min(signal.pixels());
            all.push(Tile { plane, pixels: start..end });
            start = end;
        }
    }
    all
}

/// The part of a movie that belongs to one tile, writable.
pub(crate) struct TileMut<'a, T> {
    first: *mut T,
    frames: usize,
    stride: usize,
    len: usize,
    _movie: PhantomData<&'a mut [T]>,
}

// SAFETY: a `TileMut` is an exclusive borrow of its part of the slice; parts do not overlap.
unsafe impl<T: Send> Send for TileMut<'_, T> {}

impl<T> TileMut<'_, T> {
    /// The tile's pixels in frame `frame`.
    #[inline(always)]
    pub fn frame(&mut self, frame: usize) -> &mut [T] {
        assert!(frame < self.frames);
        // SAFETY: `split` made sure that `frames` rows of `len` numbers, `stride` apart, lie in the slice that
        // this value borrows exclusively.
        unsafe { std::slice::from_raw_parts_mut(self.first.add(frame * self.stride), self.len) }
    }
}

/// A movie that threads write and read in turns.
pub(crate) struct Shared<'a, T> {
    first: *mut T,
    len: usize,
    _movie: PhantomData<&'a mut [T]>,
}

// SAFETY: it is an exclusive borrow of a slice; who takes parts of it promises that they are taken in turns.
unsafe impl<T: Send + Sync> Sync for Shared<'_, T> {}

impl<'a, T> Shared<'a, T> {
    pub const fn new(movie: &'a mut [T]) -> Self {
        Self { first: movie.as_mut_ptr(), len: movie.len(), _movie: PhantomData }
    }

    /// A part to read.
    ///
    /// # Safety
    /// While it is read, no number of it is written.
    #[inline(always)]
    pub unsafe fn part(&self, part: Range<usize>) -> &[T] {
        assert!(part.start <= part.end && part.end <= self.len);
        // SAFETY: the part lies in the slice that this value borrows; the rest is promised.
        unsafe { std::slice::from_raw_parts(self.first.add(part.start), part.len()) }
    }

    /// A part to write.
    ///
    /// # Safety
    /// While it is written, nobody else reads or writes a number of it.
    #[allow(clippy::mut_from_ref)] // that is what it is for
    #[inline(always)]
    pub unsafe fn part_mut(&self, part: Range<usize>) -> &mut [T] {
        assert!(part.start <= part.end && part.end <= self.len);
        // SAFETY: as above.
        unsafe { std::slice::from_raw_parts_mut(self.first.add(part.start), part.len()) }
    }
}

/// Cuts a movie (or, with `signal.frames == 1`, a state array) into its [`tiles`].
pub(crate) fn split<'a, T>(movie: &'a mut [T], signal: &Signal) -> Vec<TileMut<'a, T>> {
    split_at(movie, signal, &tiles(signal))
}

/// Cuts a movie into tiles of so many pixels, those of [`tiles_of`].
pub(crate) fn split_by<'a, T>(movie: &'a mut [T], signal: &Signal, step: usize) -> Vec<TileMut<'a, T>> {
    split_at(movie, signal, &tiles_of(signal, step))
}

/// Cuts a movie into tiles, which follow one another without overlap.
pub(crate) fn split_at<'a, T>(movie: &'a mut [T], signal: &Signal, tiles: &[Tile]) -> Vec<TileMut<'a, T>> {
    let len = [signal.frames, signal.height, signal.width]
        .iter()
        .try_fold(signal.planes, |product: usize, &n| product.checked_mul(n));
    assert_eq!(Some(movie.len()), len, "length of a movie");
    let ends = tiles.iter().map(|tile| (tile.plane, tile.pixels.end));
    let starts = tiles.iter().map(|tile| (tile.plane, tile.pixels.start));
    assert!(ends.zip(starts.skip(1)).all(|(end, start)| end <= start), "tiles in order");
    let inside = |tile: &Tile| {
        tile.plane < signal.planes
            && tile.pixels.start <= tile.pixels.end
            && tile.pixels.end <= signal.pixels()
    };
    assert!(tiles.iter().all(inside), "tiles of this signal");
    let first = movie.as_mut_ptr();
    tiles
        .iter()
        .map(|tile| TileMut {
            // SAFETY: the start of a tile lies inside the movie, whose length was checked above; where a movie
            // has no frames, the offset is at most its (zero) length.
            first: unsafe {
                first.add(if signal.frames == 0 { 0 } else { signal.at(tile.plane, 0, &tile.pixels).start })
            },
            frames: signal.frames,
            stride: signal.pixels(),
            len: tile.len(),
            _movie: PhantomData,
        })
        .collect()
}

/// Cuts a state array into the tiles of its signal.
pub(crate) fn split_state<'a, T>(state: &'a mut [T], signal: &Signal) -> Vec<TileMut<'a, T>> {
    split(state, &signal.with_frames(1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tiles_cover_every_number_once() {
        for (planes, frames, height, width) in [(1, 3, 7, 9), (2, 2, 40, 41), (3, 1, 130, 131), (1, 0, 5, 5)]
        {
            let signal = Signal { planes, frames, height, width };
            let mut movie = vec![0u32; signal.len()];
            for tile in &mut split(&mut movie, &signal) {
                for t in 0..frames {
                    for x in tile.frame(t) {
                        *x += 1;
                    }
                }
            }
            assert!(movie.iter().all(|&x| x == 1), "{signal:?}");
        }
    }

    #[test]
    fn a_tile_lies_where_the_signal_says() {
        let signal = Signal { planes: 2, frames: 3, height: 20, width: 30 };
        let mut movie: Vec<usize> = (0..signal.len()).collect();
        let want = movie.clone();
        for (tile, mut part) in tiles(&signal).iter().zip(split(&mut movie, &signal)) {
            for t in 0..3 {
                assert_eq!(part.frame(t), &want[signal.at(tile.plane, t, &tile.pixels)]);
            }
        }
    }
}
