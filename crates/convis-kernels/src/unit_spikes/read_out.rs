//! Reading a map at places between its pixels.

use crate::{Real, simd};

/// Places are rounded to a fraction of 2⁻³⁰ of a pixel, so that cells one pixel apart share their weights exactly.
const GRID: f64 = (1u64 << 30) as f64;

/// The places of cells on a map, and how each is read: `Σ wₖ·xₖ` over four neighbouring pixels.
///
/// Cells are kept in the order of the map, so that neighbours are read together; [`ReadOut::order`] says which is which.
#[derive(Clone, Debug)]
pub struct ReadOut {
    height: usize,
    width: usize,
    /// For every cell in the order of the map: its number.
    order: Vec<u32>,
    /// Its upper left pixel.
    pixel: Vec<u32>,
    /// How far it is from there, down and to the right, 0 … 1.
    part: Vec<[f64; 2]>,
    /// Cells that stand one pixel apart in a row: first cell and number.
    runs: Vec<(usize, usize)>,
}

impl ReadOut {
    /// Cells at these rows and columns of a map, numbered in this order.
    ///
    /// # Panics
    /// If the map has no pixel, or more than a `u32` can count.
    pub fn new(places: &[[f64; 2]], height: usize, width: usize) -> Self {
        assert!(height > 0 && width > 0, "a map of at least one pixel");
        assert!(u32::try_from(height * width).is_ok() && u32::try_from(places.len()).is_ok());
        // The lower neighbour stays inside, so that a cell on the last row is at part 1 of the one before.
        let split = |x: f64, size: usize| {
            let x = if x.is_nan() { 0.0 } else { x.clamp(0.0, (size - 1) as f64) };
            let x = (x * GRID).round() / GRID;
            let low = x.floor().min(size.saturating_sub(2) as f64);
            (low as usize, x - low)
        };
        let mut cells: Vec<(u32, u32, [f64; 2])> = (0u32..)
            .zip(places)
            .map(|(number, &[row, column])| {
                let ((p, fp), (q, fq)) = (split(row, height), split(column, width));
                ((p * width + q) as u32, number, [fp, fq])
            })
            .collect();
        cells.sort_by_key(|cell| (cell.0, cell.1));
        let mut runs: Vec<(usize, usize)> = vec![];
        for i in 0..cells.len() {
            let follows = i > 0 && {
                let (before, now) = (&cells[i - 1], &cells[i]);
                now.0 == before.0 + 1 && now.2 == before.2 && !(now.0 as usize).is_multiple_of(width)
            };
            match runs.last_mut() {
                Some(run) if follows => run.1 += 1,
                _ => runs.push((i, 1)),
            }
        }
        Self {
            height,
            width,
            order: cells.iter().map(|cell| cell.1).collect(),
            pixel: cells.iter().map(|cell| cell.0).collect(),
            part: cells.iter().map(|cell| cell.2).collect(),
            runs,
        }
    }

    /// Number of cells.
    pub const fn len(&self) -> usize {
        self.order.len()
    }

    /// Whether there is no cell.
    pub const fn is_empty(&self) -> bool {
        self.order.is_empty()
    }

    /// Rows and columns of the map.
    pub const fn size(&self) -> (usize, usize) {
        (self.height, self.width)
    }

    /// The numbers of the cells in the order of state arrays.
    pub fn order(&self) -> &[u32] {
        &self.order
    }

    /// The currents of cells `first ‥ first + out.len()`, in the order of the map.
    pub(super) fn read<T: Real>(&self, map: &[T], first: usize, out: &mut [T]) {
        let end = first + out.len();
        let (down, right) = (if self.height > 1 { self.width } else { 0 }, usize::from(self.width > 1));
        let start = self.runs.partition_point(|&(begin, n)| begin + n <= first);
        simd::vectorized(
            #[inline(always)]
            || {
                for &(begin, n) in &self.runs[start..] {
                    if begin >= end {
                        break;
                    }
                    let (from, to) = (begin.max(first), (begin + n).min(end));
                    let pixel = self.pixel[from] as usize;
                    let [fp, fq] = self.part[from].map(T::of);
                    let out = &mut out[from - first..to - first];
                    let n = out.len();
                    let row = |shift: usize| &map[pixel + shift..pixel + shift + n];
                    let (a, b, c, d) = (row(0), row(right), row(down), row(down + right));
                    for i in 0..n {
                        let above = a[i] + fq * (b[i] - a[i]);
                        let below = c[i] + fq * (d[i] - c[i]);
                        out[i] = above + fp * (below - above);
                    }
                }
            },
        );
    }
}
