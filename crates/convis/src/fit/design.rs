//! What a response is regressed on: windows of a stimulus, and further columns.

use std::ops::Range;

use convis_kernels::{parallel, simd};
use nalgebra::DMatrix;

/// Rows that are summed together before they are added to what came before: sums do not depend on threads.
pub(super) const BLOCK: usize = 2048;
/// Rows that are worked on while they are in the cache.
pub(super) const PANEL: usize = 128;
/// Rows and columns of a product that are summed in registers. With 16 columns the compiler gathers numbers for AVX-512 across
/// rows: twenty times slower.
const TILE: [usize; 2] = [4, 8];
/// Sums that are kept in registers where a frame is one number: of the drive of so many steps, or of the gradient at so many
/// lags. Zeros behind the stimulus let the last of them read on.
const TOGETHER: usize = 32;

/// The regressors of a response, step by step, without writing windows out.
///
/// Row t holds the last `lags` frames of the stimulus, oldest first, ending with frame t (zeros before the first frame);
/// then further columns of that step, such as a spike history; then a 1 for the bias. As a window is consecutive memory,
/// nothing is copied: the matrix of 100,000 steps by 6,000 numbers is only the stimulus itself.
#[derive(Clone, Debug)]
pub struct Design {
    /// `lags − 1` frames of zeros, the stimulus, [`TOGETHER`] zeros.
    stimulus: Vec<f64>,
    pixels: usize,
    lags: usize,
    /// Further columns, `[step][column]`.
    further: Vec<f64>,
    columns: usize,
    steps: usize,
}

impl Design {
    /// Windows of `lags` frames of `pixels` numbers; `stimulus` is `[frame][pixel]`.
    pub fn windows(stimulus: &[f64], pixels: usize, lags: usize) -> Self {
        let steps = stimulus.len() / pixels.max(1);
        let mut padded = vec![0.0; lags.saturating_sub(1) * pixels];
        padded.extend_from_slice(stimulus);
        padded.resize(padded.len() + TOGETHER, 0.0);
        Self { stimulus: padded, pixels, lags, further: vec![], columns: 0, steps }
    }

    /// Columns alone, `[step][column]`.
    pub fn columns(numbers: Vec<f64>, columns: usize) -> Self {
        let steps = numbers.len() / columns.max(1);
        Self::of_columns(numbers, columns, steps)
    }

    /// Columns alone, of which there may be none.
    pub(super) fn of_columns(numbers: Vec<f64>, columns: usize, steps: usize) -> Self {
        Self { stimulus: vec![], pixels: 0, lags: 0, further: numbers, columns, steps }
    }

    /// The same with further columns `[step][column]` behind those there are.
    #[must_use]
    pub fn with_columns(mut self, numbers: &[f64], columns: usize) -> Self {
        let mut all = Vec::with_capacity(self.further.len() + numbers.len());
        for t in 0..self.steps {
            all.extend_from_slice(&self.further[t * self.columns..][..self.columns]);
            all.extend_from_slice(&numbers[t * columns..][..columns]);
        }
        self.further = all;
        self.columns += columns;
        self
    }

    /// The rows of these steps alone.
    #[must_use]
    pub fn rows(&self, steps: Range<usize>) -> Self {
        let frames = if self.lags == 0 { 0..0 } else { steps.start..steps.end + self.lags - 1 };
        let mut stimulus = self.stimulus[frames.start * self.pixels..frames.end * self.pixels].to_vec();
        stimulus.resize(stimulus.len() + TOGETHER, 0.0);
        Self {
            stimulus,
            further: self.further[steps.start * self.columns..steps.end * self.columns].to_vec(),
            steps: steps.len(),
            ..*self
        }
    }

    /// Number of rows.
    pub const fn steps(&self) -> usize {
        self.steps
    }

    /// Numbers of a window.
    pub const fn window_len(&self) -> usize {
        self.lags * self.pixels
    }

    /// Number of coefficients: windows, further columns, bias.
    pub const fn len(&self) -> usize {
        self.window_len() + self.columns + 1
    }

    /// Whether there is nothing but the bias.
    pub const fn is_empty(&self) -> bool {
        self.len() == 1
    }

    /// Mean over the numbers of a window of their squares, summed over steps.
    pub fn energy(&self) -> f64 {
        self.stimulus.iter().map(|x| x * x).sum::<f64>() / self.pixels.max(1) as f64
    }

    fn window(&self, t: usize) -> &[f64] {
        &self.stimulus[t * self.pixels..][..self.window_len()]
    }

    fn further_of(&self, t: usize) -> &[f64] {
        &self.further[t * self.columns..][..self.columns]
    }

    /// The number in one column, not the bias, of a row.
    pub(super) fn at(&self, t: usize, column: usize) -> f64 {
        column
            .checked_sub(self.window_len())
            .map_or_else(|| self.window(t)[column], |further| self.further_of(t)[further])
    }

    pub(super) fn blocks(&self) -> Vec<Range<usize>> {
        (0..self.steps).step_by(BLOCK).map(|from| from..(from + BLOCK).min(self.steps)).collect()
    }

    /// X·θ: the drive of every step.
    pub fn drive(&self, theta: &[f64]) -> Vec<f64> {
        let mut drive = vec![0.0; self.steps];
        let parts = self.blocks().into_iter().zip(drive.chunks_mut(BLOCK)).collect();
        parallel::for_each(parts, self.steps * self.len(), |(rows, drive)| {
            simd::vectorized(
                #[inline(always)]
                || self.drive_of(rows, theta, drive),
            );
        });
        drive
    }

    /// The drive of these steps.
    #[inline(always)]
    pub(super) fn drive_of(&self, rows: Range<usize>, theta: &[f64], drive: &mut [f64]) {
        let (window, rest) = theta.split_at(self.window_len());
        let (further, bias) = rest.split_at(self.columns);
        if self.pixels == 1 {
            for (i, drive) in drive.chunks_mut(TOGETHER).enumerate() {
                let sums = shifted(&self.stimulus[rows.start + i * TOGETHER..], window);
                for (drive, sum) in drive.iter_mut().zip(sums) {
                    *drive = bias[0] + sum;
                }
            }
        } else {
            for (t, drive) in rows.clone().zip(&mut *drive) {
                *drive = bias[0] + dot(self.window(t), window);
            }
        }
        if !further.is_empty() {
            for (t, drive) in rows.zip(drive) {
                *drive += dot(self.further_of(t), further);
            }
        }
    }

    /// Xᵀ·r.
    pub fn transposed(&self, r: &[f64]) -> Vec<f64> {
        in_order(parallel::map(self.blocks(), self.steps * self.len(), |rows| {
            let mut sum = vec![0.0; self.len()];
            simd::vectorized(
                #[inline(always)]
                || self.add_transposed(rows.clone(), &r[rows], &mut sum),
            );
            sum
        }))
    }

    /// Adds Xᵀ·r over these steps, of which r are the numbers.
    #[inline(always)]
    pub(super) fn add_transposed(&self, rows: Range<usize>, r: &[f64], sum: &mut [f64]) {
        let (window, rest) = sum.split_at_mut(self.window_len());
        let (further, bias) = rest.split_at_mut(self.columns);
        if self.pixels == 1 {
            for (j, window) in window.chunks_mut(TOGETHER).enumerate() {
                let sums = shifted(&self.stimulus[rows.start + j * TOGETHER..], r);
                for (window, sum) in window.iter_mut().zip(sums) {
                    *window += sum;
                }
            }
        } else {
            for (t, &r) in rows.clone().zip(r) {
                add(window, r, self.window(t));
            }
        }
        if !further.is_empty() {
            for (t, &r) in rows.zip(r) {
                add(further, r, self.further_of(t));
            }
        }
        bias[0] += total(r);
    }

    /// Xᵀ·diag(w)·X.
    pub fn gram(&self, weights: &[f64]) -> DMatrix<f64> {
        let n = self.len();
        let width = n.next_multiple_of(TILE[1]);
        let sums = parallel::map(self.blocks(), self.steps * n * n, |rows| {
            let mut sum = vec![0.0; n * width];
            let (mut panel, mut weighted) = (vec![0.0; PANEL * width], vec![0.0; PANEL * width]);
            for from in rows.clone().step_by(PANEL) {
                let count = PANEL.min(rows.end - from);
                simd::vectorized(
                    #[inline(always)]
                    || {
                        for i in 0..count {
                            let row = &mut panel[i * width..][..n];
                            row[..self.window_len()].copy_from_slice(self.window(from + i));
                            row[self.window_len()..n - 1].copy_from_slice(self.further_of(from + i));
                            row[n - 1] = 1.0;
                            for (weighted, x) in weighted[i * width..][..n].iter_mut().zip(&*row) {
                                *weighted = weights[from + i] * x;
                            }
                        }
                        add_products(&mut sum, &panel[..count * width], &weighted[..count * width], n, width);
                    },
                );
            }
            sum
        });
        let sum = in_order(sums);
        DMatrix::from_fn(n, n, |i, j| sum[i.min(j) * width + i.max(j)])
    }
}

/// Adds panelᵀ·weighted above its diagonal, tile by tile; rows of all three are `width` long.
#[inline(always)]
fn add_products(sum: &mut [f64], panel: &[f64], weighted: &[f64], n: usize, width: usize) {
    const ROWS: usize = TILE[0];
    const COLUMNS: usize = TILE[1];
    for i in (0..n).step_by(ROWS) {
        for j in (i / COLUMNS * COLUMNS..width).step_by(COLUMNS) {
            let mut tile = [[0.0; COLUMNS]; ROWS];
            for (x, w) in panel.chunks_exact(width).zip(weighted.chunks_exact(width)) {
                let (Some((x, _)), Some((w, _))) =
                    (x[j..].split_first_chunk::<COLUMNS>(), w[i..].split_first_chunk::<ROWS>())
                else {
                    continue;
                };
                for (tile, w) in tile.iter_mut().zip(w) {
                    for (tile, x) in tile.iter_mut().zip(x) {
                        *tile += w * x;
                    }
                }
            }
            for (r, tile) in tile.iter().enumerate().take(n - i) {
                for (sum, tile) in sum[(i + r) * width + j..][..COLUMNS].iter_mut().zip(tile) {
                    *sum += tile;
                }
            }
        }
    }
}

/// Σⱼ xⱼ·sᵢ₊ⱼ for i = 0 ‥ [`TOGETHER`] − 1.
#[inline(always)]
fn shifted(stimulus: &[f64], x: &[f64]) -> [f64; TOGETHER] {
    let mut sums = [0.0; TOGETHER];
    for (stimulus, x) in stimulus.windows(TOGETHER).zip(x) {
        for (sum, s) in sums.iter_mut().zip(stimulus) {
            *sum += x * s;
        }
    }
    sums
}

/// The sum of arrays, in their order.
pub(super) fn in_order(parts: Vec<Vec<f64>>) -> Vec<f64> {
    let mut parts = parts.into_iter();
    let mut sum = parts.next().unwrap_or_default();
    for part in parts {
        for (sum, x) in sum.iter_mut().zip(part) {
            *sum += x;
        }
    }
    sum
}

/// Σ aᵢbᵢ in interleaved sums, which are then added in order.
#[inline(always)]
fn dot(a: &[f64], b: &[f64]) -> f64 {
    const LANES: usize = 16;
    let (mut a, mut b) = (a.chunks_exact(LANES), b.chunks_exact(LANES));
    let mut sums = [0.0; LANES];
    for (a, b) in (&mut a).zip(&mut b) {
        for i in 0..LANES {
            sums[i] += a[i] * b[i];
        }
    }
    for (i, (a, b)) in a.remainder().iter().zip(b.remainder()).enumerate() {
        sums[i] += a * b;
    }
    sums.iter().sum()
}

/// A sum in interleaved parts, which are then added in order.
#[inline(always)]
pub(super) fn total(numbers: &[f64]) -> f64 {
    const LANES: usize = 16;
    let mut numbers = numbers.chunks_exact(LANES);
    let mut sums = [0.0; LANES];
    for numbers in &mut numbers {
        for i in 0..LANES {
            sums[i] += numbers[i];
        }
    }
    for (sum, x) in sums.iter_mut().zip(numbers.remainder()) {
        *sum += x;
    }
    sums.iter().sum()
}

#[inline(always)]
fn add(sum: &mut [f64], factor: f64, x: &[f64]) {
    for (sum, x) in sum.iter_mut().zip(x) {
        *sum += factor * x;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn numbers(n: usize, seed: u64) -> Vec<f64> {
        (0..n as u64).map(|i| ((i * 2_654_435_761 + seed * 97) % 1009) as f64 / 504.5 - 1.0).collect()
    }

    #[test]
    fn products_are_those_of_the_written_matrix() {
        // Several pixels, windows longer than what is summed together, columns behind short ones.
        for (pixels, lags, columns) in [(3, 4, 2), (1, 40, 0), (1, 5, 2)] {
            let steps = 2500;
            let stimulus = numbers(steps * pixels, 1);
            let further = numbers(steps * columns, 2);
            let design = Design::windows(&stimulus, pixels, lags).with_columns(&further, columns);
            let written = DMatrix::from_fn(steps, design.len(), |t, j| match j {
                j if j < lags * pixels => {
                    let frame = (t + j / pixels + 1).checked_sub(lags);
                    frame.map_or(0.0, |frame| stimulus[frame * pixels + j % pixels])
                }
                j if j < lags * pixels + columns => further[t * columns + j - lags * pixels],
                _ => 1.0,
            });
            let (theta, r) = (numbers(design.len(), 3), numbers(steps, 4));
            let close = |a: &[f64], b: &[f64]| {
                a.len() == b.len() && a.iter().zip(b).all(|(a, b)| (a - b).abs() < 1e-9)
            };
            let want = &written * nalgebra::DVector::from_column_slice(&theta);
            assert!(close(&design.drive(&theta), want.as_slice()));
            let want = written.transpose() * nalgebra::DVector::from_column_slice(&r);
            assert!(close(&design.transposed(&r), want.as_slice()));
            let weighted = DMatrix::from_fn(steps, design.len(), |t, j| r[t] * written[(t, j)]);
            assert!(close(design.gram(&r).as_slice(), (written.transpose() * weighted).as_slice()));
            let part = design.rows(100..2300);
            assert_eq!(part.drive(&theta), design.drive(&theta)[100..2300]);
            assert!(close(
                &part.transposed(&r[100..2300]),
                (written.rows(100, 2200).transpose() * nalgebra::DVector::from_column_slice(&r[100..2300]))
                    .as_slice()
            ));
            // Whatever the number of threads.
            let (one, three) = (
                parallel::with_threads(1, || design.gram(&r)),
                parallel::with_threads(3, || design.gram(&r)),
            );
            assert_eq!(one, three);
        }
    }
}
