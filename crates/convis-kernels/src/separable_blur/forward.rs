//! [`SeparableBlur`], fast: for every output row the rows around it are summed into one padded row, which is then
//! summed along itself. Nothing larger than a few rows is stored in between.
#![allow(unsafe_code)] // blocks that were found to lie within a frame

use std::any::Any;
use std::ops::Range;

use super::Taps;
use crate::bands::{Band, Bandwise, Output};
use crate::scratch::LANES;
use crate::{Real, simd};

/// The kernel of a blur and the frames it is for.
#[derive(PartialEq)]
pub(crate) struct Rows<T> {
    /// Weights down a column, times the gain.
    pub(super) down: Vec<T>,
    /// Weights along a row.
    pub(super) along: Vec<T>,
    pub(super) height: usize,
    pub width: usize,
    /// Numbers from a row of a frame to the next.
    pub stride: usize,
}

impl<T: Real> Rows<T> {
    pub fn new(taps: &Taps, gain: f64, height: usize, width: usize) -> Self {
        Self { down: taps.weight_as(gain), along: taps.weight_as(1.0), height, width, stride: width }
    }

    /// The same weights, at distance 0, 1 …, down a column and along a row.
    pub fn symmetric(weights: Vec<T>, height: usize, width: usize) -> Self {
        Self { down: weights.clone(), along: weights, height, width, stride: width }
    }

    /// The same of frames whose rows fill whole vectors.
    pub fn of_whole_vectors(self) -> Self {
        Self { stride: self.width.next_multiple_of(T::LANES), ..self }
    }

    /// Rows and columns around a pixel that enter its sum, on one side.
    pub fn radius(&self) -> usize {
        self.down.len() - 1
    }

    /// Rows with room for the replicated border on both sides, and for a whole block.
    pub fn scratch(&self) -> Vec<T> {
        vec![T::zero(); self.scratch_len()]
    }

    fn scratch_len(&self) -> usize {
        TOGETHER * self.padded_width()
    }

    fn padded_width(&self) -> usize {
        self.width.max(BLOCK) + 2 * self.margin()
    }

    /// Numbers before and behind a padded row, of which those next to it are read: whole vectors.
    pub(super) fn margin(&self) -> usize {
        margin::<T>(&self.along)
    }

    /// The rows around `row`, weighted by `taps`, into a row with its replicated border.
    #[inline(always)]
    pub(super) fn column_sums(&self, taps: &[T], frame: &[T], row: usize, padded: &mut [T]) {
        let (radius, margin) = (self.radius(), self.margin());
        let (left, rest) = padded.split_at_mut(margin);
        sum_rows::<T, false>(self, taps, frame, row, rest);
        left[margin - radius..].fill(rest[0]);
        let last = rest[self.width - 1];
        rest[self.width..self.width + radius].fill(last);
    }
}

impl<T: Real> Bandwise<T> for Rows<T> {
    fn looks_around(&self) -> bool {
        true
    }

    fn step(
        &self,
        band: &Band,
        inputs: &[&[T]],
        _: &mut [&mut [T]],
        output: Output<'_, T>,
        padded: &mut Vec<T>,
    ) {
        let (frame, output) = (inputs[0], output.numbers());
        padded.resize(self.scratch_len(), T::zero());
        let first = band.pixels.start / self.width;
        simd::vectorized(
            #[inline(always)]
            || blur_rows(self, frame, first, padded, output),
        );
    }

    fn is_same(&self, other: &dyn Any) -> bool {
        other.downcast_ref::<Self>().is_some_and(|other| self == other)
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}

/// Rows `first ‥` of the blurred frame, as many as `out` has.
#[inline(always)]
pub(crate) fn blur_rows<T: Real>(rows: &Rows<T>, frame: &[T], first: usize, padded: &mut [T], out: &mut [T]) {
    let width = rows.width;
    for start in (0..out.len() / width).step_by(TOGETHER) {
        let together = TOGETHER.min(out.len() / width - start);
        let padded = &mut padded[..together * rows.padded_width()];
        for (i, padded) in padded.chunks_exact_mut(rows.padded_width()).enumerate() {
            rows.column_sums(&rows.down, frame, first + start + i, padded);
        }
        for (i, padded) in padded.chunks_exact(rows.padded_width()).enumerate() {
            sum_along(&rows.along, padded, width, &mut out[(start + i) * width..]);
        }
    }
}

/// Rows that are summed down their columns before the first of them is summed along: what was just written, in vectors
/// that start elsewhere, cannot be read at once.
const TOGETHER: usize = 8;

/// Numbers of a row that are summed together, at most.
const BLOCK: usize = 64;

/// [`Rows::margin`] where these are the weights along a row.
fn margin<T: Real>(along: &[T]) -> usize {
    (along.len() - 1).next_multiple_of(T::LANES)
}

/// Where blocks of `size` start so that they cover some columns. The last one overlaps its neighbour where their number
/// is no multiple: every number is computed the same way whatever its block, so computing it twice is no harm. A block that
/// is wider than the row runs over into the next one.
#[inline(always)]
fn block_starts(columns: Range<usize>, size: usize) -> impl Iterator<Item = usize> {
    let last = columns.end.saturating_sub(size);
    columns.step_by(size).map(move |start| start.min(last))
}

/// Calls a function for columns and a size of blocks, so that they suit a row best; `room` are the numbers from its start to
/// the end of what may be read and written.
macro_rules! in_blocks {
    ($width:expr, $room:expr, $sum:ident::<T $(, $option:ident)?>($($argument:expr),*)) => {
        match $width {
            64.. => {
                let whole = $width - $width % 64;
                $sum::<T, $($option,)? 64>($($argument,)* 0..whole);
                match $width - whole {
                    0 => {}
                    ..=32 => $sum::<T, $($option,)? 32>($($argument,)* $width - 32..$width),
                    _ => $sum::<T, $($option,)? 64>($($argument,)* $width - 64..$width),
                }
            }
            33.. if $room >= 64 => $sum::<T, $($option,)? 64>($($argument,)* 0..$width),
            32.. => $sum::<T, $($option,)? 32>($($argument,)* 0..$width),
            17.. if $room >= 32 => $sum::<T, $($option,)? 32>($($argument,)* 0..$width),
            16.. => $sum::<T, $($option,)? 16>($($argument,)* 0..$width),
            9.. if $room >= 16 => $sum::<T, $($option,)? 16>($($argument,)* 0..$width),
            4.. => $sum::<T, $($option,)? 4>($($argument,)* 0..$width),
            _ => $sum::<T, $($option,)? 1>($($argument,)* 0..$width),
        }
    };
}

/// A block of numbers. (To test its place for every weight costs as much as the sums.)
///
/// # Safety
/// There are `B` numbers from `at` on.
#[inline(always)]
unsafe fn block<T, const B: usize>(numbers: &[T], at: usize) -> &[T; B] {
    debug_assert!(at + B <= numbers.len());
    // SAFETY: as above.
    unsafe { &*numbers.as_ptr().add(at).cast() }
}

/// Sum of the rows around `row`, weighted; beyond the border are copies of the border row, or zeros. What `out` holds
/// beyond the row may change.
#[inline(always)]
pub(super) fn sum_rows<T: Real, const ZEROS: bool>(
    rows: &Rows<T>,
    taps: &[T],
    frame: &[T],
    row: usize,
    out: &mut [T],
) {
    let last = (row + taps.len() - 1).min(rows.height - 1);
    let room = out.len().min(frame.len() - last * rows.stride);
    in_blocks!(rows.width, room, sum_rows_in_blocks::<T, ZEROS>(rows, taps, frame, row, out));
}

#[inline(always)]
fn sum_rows_in_blocks<T: Real, const ZEROS: bool, const B: usize>(
    rows: &Rows<T>,
    taps: &[T],
    frame: &[T],
    row: usize,
    out: &mut [T],
    columns: Range<usize>,
) {
    let zeros = [T::zero(); B];
    let last = rows.height - 1;
    let lowest = (row + taps.len() - 1).min(last);
    for start in block_starts(columns, B) {
        assert!(row <= last && lowest * rows.stride + start + B <= frame.len(), "a block within the frame");
        // SAFETY: no row below `lowest` is asked for.
        let block = |row: usize| unsafe { block::<T, B>(frame, row * rows.stride + start) };
        let mut sum = [T::zero(); B];
        let x = block(row);
        for l in 0..B {
            sum[l] = taps[0] * x[l];
        }
        for j in 1..taps.len() {
            let above = if ZEROS && j > row { &zeros } else { block(row.saturating_sub(j)) };
            let below = if ZEROS && row + j > last { &zeros } else { block((row + j).min(last)) };
            for l in 0..B {
                sum[l] = sum[l] + taps[j] * (above[l] + below[l]);
            }
        }
        out[start..start + B].copy_from_slice(&sum);
    }
}

/// Weighted sum along a padded row of so many numbers. What `out` holds beyond them may change.
#[inline(always)]
pub(super) fn sum_along<T: Real>(taps: &[T], padded: &[T], width: usize, out: &mut [T]) {
    let room = out.len().min(padded.len() - 2 * margin(taps));
    in_blocks!(width, room, sum_along_in_blocks::<T>(taps, padded, out));
}

#[inline(always)]
fn sum_along_in_blocks<T: Real, const B: usize>(
    taps: &[T],
    padded: &[T],
    out: &mut [T],
    columns: Range<usize>,
) {
    let margin = margin(taps);
    for start in block_starts(columns, B) {
        assert!(start + 2 * margin + B <= padded.len(), "a block within the padded row");
        let centre = start + margin;
        let Some(out) = out[start..].first_chunk_mut() else { panic!("a block within the row") };
        if margin == LANES && simd::sum_around::<T, B>(taps, &padded[start..centre + B + margin], out) {
            continue;
        }
        // SAFETY: it begins no farther than `margin` from the centre.
        let block = |at: usize| unsafe { block::<T, B>(padded, at) };
        let mut sum = [T::zero(); B];
        let x = block(centre);
        for l in 0..B {
            sum[l] = taps[0] * x[l];
        }
        for j in 1..taps.len() {
            let (before, after) = (block(centre - j), block(centre + j));
            for l in 0..B {
                sum[l] = sum[l] + taps[j] * (before[l] + after[l]);
            }
        }
        *out = sum;
    }
}
