//! [`SeparableBlur`], fast: for every output row the rows around it are summed into one padded row, which is then
//! summed along itself. Nothing larger than a row is stored in between.

use std::any::Any;

use super::Taps;
use crate::bands::{Band, Bandwise, Output};
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
}

impl<T: Real> Rows<T> {
    pub fn new(taps: &Taps, gain: f64, height: usize, width: usize) -> Self {
        Self { down: taps.weight_as(gain), along: taps.weight_as(1.0), height, width }
    }

    /// The same weights, at distance 0, 1 …, down a column and along a row.
    pub fn symmetric(weights: Vec<T>, height: usize, width: usize) -> Self {
        Self { down: weights.clone(), along: weights, height, width }
    }

    /// Rows and columns around a pixel that enter its sum, on one side.
    pub fn radius(&self) -> usize {
        self.down.len() - 1
    }

    /// A row with room for the replicated border on both sides.
    pub fn scratch(&self) -> Vec<T> {
        vec![T::zero(); self.width + 2 * (self.along.len() - 1)]
    }

    /// The rows around `row`, weighted by `taps`, into a row with its replicated border.
    #[inline(always)]
    pub(super) fn column_sums(&self, taps: &[T], frame: &[T], row: usize, padded: &mut [T]) {
        let (left, rest) = padded.split_at_mut(self.along.len() - 1);
        let (middle, right) = rest.split_at_mut(self.width);
        sum_rows::<T, false>(self, taps, frame, row, middle);
        left.fill(middle[0]);
        right.fill(middle[self.width - 1]);
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
        padded.resize(self.width + 2 * (self.along.len() - 1), T::zero());
        let first = band.pixels.start / self.width;
        simd::vectorized(
            #[inline(always)]
            || {
                for (i, row) in output.chunks_exact_mut(self.width).enumerate() {
                    blur_row(self, frame, first + i, padded, row);
                }
            },
        );
    }

    fn is_same(&self, other: &dyn Any) -> bool {
        other.downcast_ref::<Self>().is_some_and(|other| self == other)
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}

/// Row `row` of the blurred frame.
#[inline(always)]
pub(crate) fn blur_row<T: Real>(rows: &Rows<T>, frame: &[T], row: usize, padded: &mut [T], out: &mut [T]) {
    rows.column_sums(&rows.down, frame, row, padded);
    sum_along(&rows.along, padded, out);
}

/// Where blocks of `size` start so that they cover `0..width`. The last one overlaps its neighbour where the width
/// is no multiple: every number is computed the same way whatever its block, so computing it twice is no harm.
#[inline(always)]
fn block_starts(width: usize, size: usize) -> impl Iterator<Item = usize> {
    (0..width.div_ceil(size)).map(move |i| (i * size).min(width - size))
}

/// Sum of the rows around `row`, weighted; beyond the border are copies of the border row, or zeros.
#[inline(always)]
pub(super) fn sum_rows<T: Real, const ZEROS: bool>(
    rows: &Rows<T>,
    taps: &[T],
    frame: &[T],
    row: usize,
    out: &mut [T],
) {
    match rows.width {
        64.. => sum_rows_in_blocks::<T, ZEROS, 64>(rows, taps, frame, row, out),
        32.. => sum_rows_in_blocks::<T, ZEROS, 32>(rows, taps, frame, row, out),
        16.. => sum_rows_in_blocks::<T, ZEROS, 16>(rows, taps, frame, row, out),
        4.. => sum_rows_in_blocks::<T, ZEROS, 4>(rows, taps, frame, row, out),
        _ => sum_rows_in_blocks::<T, ZEROS, 1>(rows, taps, frame, row, out),
    }
}

#[inline(always)]
fn sum_rows_in_blocks<T: Real, const ZEROS: bool, const B: usize>(
    rows: &Rows<T>,
    taps: &[T],
    frame: &[T],
    row: usize,
    out: &mut [T],
) {
    let zeros = [T::zero(); B];
    for start in block_starts(rows.width, B) {
        let block = |row: usize| &frame[row * rows.width + start..row * rows.width + start + B];
        let mut sum = [T::zero(); B];
        let x = block(row);
        for l in 0..B {
            sum[l] = taps[0] * x[l];
        }
        for j in 1..taps.len() {
            let above = if ZEROS && j > row { &zeros } else { block(row.saturating_sub(j)) };
            let beyond = ZEROS && row + j >= rows.height;
            let below = if beyond { &zeros } else { block((row + j).min(rows.height - 1)) };
            for l in 0..B {
                sum[l] = sum[l] + taps[j] * (above[l] + below[l]);
            }
        }
        out[start..start + B].copy_from_slice(&sum);
    }
}

/// Weighted sum along a padded row.
#[inline(always)]
pub(super) fn sum_along<T: Real>(taps: &[T], padded: &[T], out: &mut [T]) {
    match out.len() {
        64.. => sum_along_in_blocks::<T, 64>(taps, padded, out),
        32.. => sum_along_in_blocks::<T, 32>(taps, padded, out),
        16.. => sum_along_in_blocks::<T, 16>(taps, padded, out),
        4.. => sum_along_in_blocks::<T, 4>(taps, padded, out),
        _ => sum_along_in_blocks::<T, 1>(taps, padded, out),
    }
}

#[inline(always)]
fn sum_along_in_blocks<T: Real, const B: usize>(taps: &[T], padded: &[T], out: &mut [T]) {
    for start in block_starts(out.len(), B) {
        let centre = start + taps.len() - 1;
        let block = |at: usize| &padded[at..at + B];
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
        out[start..start + B].copy_from_slice(&sum);
    }
}
