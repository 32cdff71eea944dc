//! [`SeparableBlur`], fast: for every output row the rows around it are summed into one padded row, which is then
//! summed along itself. Nothing larger than a row is stored in between.

use super::{SeparableBlur, Taps};
use crate::{Real, parallel, simd};

pub(super) fn separable_blur<T: Real>(
    blur: &SeparableBlur,
    parameters: &[f64],
    input: &[T],
    output: &mut [T],
) {
    let signal = blur.signal;
    let taps = blur.taps(parameters[0]);
    let gain = parameters[1];
    let work = signal.len() * taps.weight.len();
    if signal.is_empty() {
        return;
    }
    let rows = Rows::new(&taps, gain, signal.height, signal.width);
    // Bands of rows, so that a few large frames keep all threads busy as well as many small ones.
    let band = (8192 / signal.width).clamp(1, signal.height);
    let items: Vec<_> = input
        .chunks(signal.pixels())
        .zip(output.chunks_mut(signal.pixels()))
        .flat_map(|(x, y)| {
            y.chunks_mut(band * signal.width).enumerate().map(move |(i, rows)| (x, i * band, rows))
        })
        .collect();
    parallel::for_each(items, work, |(frame, first, band)| {
        let mut padded = rows.scratch();
        simd::vectorized(
            #[inline(always)]
            || {
                for (i, y) in band.chunks_mut(rows.width).enumerate() {
                    blur_row(&rows, frame, first + i, &mut padded, y);
                }
            },
        );
    });
}

/// The kernel of a blur and the frames it is for.
pub(crate) struct Rows<T> {
    /// Weights down a column, times the gain.
    down: Vec<T>,
    /// Weights along a row.
    along: Vec<T>,
    height: usize,
    pub width: usize,
}

impl<T: Real> Rows<T> {
    pub fn new(taps: &Taps, gain: f64, height: usize, width: usize) -> Self {
        Self { down: taps.weight_as(gain), along: taps.weight_as(1.0), height, width }
    }

    /// A row with room for the replicated border on both sides.
    pub fn scratch(&self) -> Vec<T> {
        vec![T::zero(); self.width + 2 * (self.along.len() - 1)]
    }
}

/// Row `row` of the blurred frame.
#[inline(always)]
pub(crate) fn blur_row<T: Real>(rows: &Rows<T>, frame: &[T], row: usize, padded: &mut [T], out: &mut [T]) {
    let radius = rows.along.len() - 1;
    let (left, rest) = padded.split_at_mut(radius);
    let (middle, right) = rest.split_at_mut(rows.width);
    sum_rows(rows, frame, row, middle);
    left.fill(middle[0]);
    right.fill(middle[rows.width - 1]);
    sum_along(&rows.along, padded, out);
}

/// Where blocks of `size` start so that they cover `0..width`. The last one overlaps its neighbour where the width
/// is no multiple: every number is computed the same way whatever its block, so computing it twice is no harm.
#[inline(always)]
fn block_starts(width: usize, size: usize) -> impl Iterator<Item = usize> {
    (0..width.div_ceil(size)).map(move |i| (i * size).min(width - size))
}

/// Sum of the rows around `row`, weighted; rows beyond the border are the border row.
#[inline(always)]
fn sum_rows<T: Real>(rows: &Rows<T>, frame: &[T], row: usize, out: &mut [T]) {
    match rows.width {
        64.. => sum_rows_in_blocks::<T, 64>(rows, frame, row, out),
        32.. => sum_rows_in_blocks::<T, 32>(rows, frame, row, out),
        16.. => sum_rows_in_blocks::<T, 16>(rows, frame, row, out),
        4.. => sum_rows_in_blocks::<T, 4>(rows, frame, row, out),
        _ => sum_rows_in_blocks::<T, 1>(rows, frame, row, out),
    }
}

#[inline(always)]
fn sum_rows_in_blocks<T: Real, const B: usize>(rows: &Rows<T>, frame: &[T], row: usize, out: &mut [T]) {
    let taps = &rows.down[..];
    for start in block_starts(rows.width, B) {
        let block = |row: usize| &frame[row * rows.width + start..row * rows.width + start + B];
        let mut sum = [T::zero(); B];
        let x = block(row);
        for l in 0..B {
            sum[l] = taps[0] * x[l];
        }
        for j in 1..taps.len() {
            let above = block(row.saturating_sub(j));
            let below = block((row + j).min(rows.height - 1));
            for l in 0..B {
                sum[l] = sum[l] + taps[j] * (above[l] + below[l]);
            }
        }
        out[start..start + B].copy_from_slice(&sum);
    }
}

/// Weighted sum along a padded row.
#[inline(always)]
fn sum_along<T: Real>(taps: &[T], padded: &[T], out: &mut [T]) {
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
