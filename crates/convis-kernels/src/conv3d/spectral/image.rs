//! Spectra of images, and back.

use super::fft::{Fft, Point};
use crate::scratch::{Block, LANES, Scratch};
use crate::{Real, simd};

/// Transforms of real images of one size, the numbers of columns even.
///
/// An image has half a spectrum: vertical frequencies k = 0 … rows/2, all horizontal frequencies q. It is held in points
/// of sixteen k at one q: `[k / 16][q]`, twice as large as the definition has it.
pub(super) struct ImageFft<T> {
    pub rows: usize,
    pub columns: usize,
    along_rows: Fft<T>,
    along_columns: Fft<T>,
}

/// 16 by 16 numbers.
type Square<T> = [[T; LANES]; LANES];

impl<T: Real> ImageFft<T> {
    pub fn new([rows, columns]: [usize; 2]) -> Self {
        assert_eq!(columns % 2, 0, "columns of a transform");
        Self { rows, columns, along_rows: Fft::new(columns), along_columns: Fft::new(rows) }
    }

    /// Sixteens of vertical frequencies.
    fn bands(&self) -> usize {
        (self.rows / 2 + 1).div_ceil(LANES)
    }

    /// Sixteens of pairs of columns.
    fn strips(&self) -> usize {
        (self.columns / 2).div_ceil(LANES)
    }

    /// Points of a spectrum.
    pub fn points(&self) -> usize {
        self.bands() * self.columns
    }

    /// What the product of two spectra has to be multiplied with to give the spectrum, times the number of pixels, of a
    /// convolution.
    pub fn scale(&self) -> f64 {
        0.25 / (self.rows * self.columns) as f64
    }

    /// Room that the transforms need besides, numbers.
    fn room(&self) -> usize {
        2 * LANES * ((self.strips() + 1) * self.rows + self.columns.max(self.points()))
    }

    /// The spectrum of an image of `rows` rows, zero below; `row(p, line)` writes row p.
    pub fn forward(&self, rows: usize, mut row: impl FnMut(usize, &mut [T]), spectrum: &mut [Point<T>]) {
        let mut room = Scratch::<T>::new(self.room());
        let mut line = Scratch::<T>::zeros(self.columns + 2 * LANES);
        let (room, _) = room.blocks_mut().as_chunks_mut::<2>();
        let (strips, room) = room.split_at_mut(self.strips() * self.rows);
        // Column c goes with column c + columns/2: two real columns make a complex one.
        for p in 0..rows {
            row(p, &mut line[..self.columns]);
            for (strip, z) in strips.chunks_mut(self.rows).enumerate() {
                let first = strip * LANES;
                z[p][0].0.copy_from_slice(&line[first..first + LANES]);
                z[p][1].0.copy_from_slice(&line[first + self.columns / 2..][..LANES]);
            }
        }
        for z in strips.chunks_mut(self.rows) {
            z[rows..].fill([Block::zero(); 2]);
        }
        simd::vectorized(
            #[inline(always)]
            || self.forward_columns_then_rows(strips, room, spectrum),
        );
    }

    #[inline(always)]
    fn forward_columns_then_rows(
        &self,
        strips: &mut [Point<T>],
        room: &mut [Point<T>],
        spectrum: &mut [Point<T>],
    ) {
        let half = self.columns / 2;
        let (other, room) = room.split_at_mut(self.rows);
        // Along rows, transforms end in `spectrum`.
        let (start, end): (&mut [_], &mut [_]) =
            if self.along_rows.changes_sides() { (room, spectrum) } else { (spectrum, room) };
        for (strip, z) in strips.chunks_mut(self.rows).enumerate() {
            self.along_columns.run(z, other);
            let z = if self.along_columns.changes_sides() { &*other } else { &*z };
            let columns = LANES.min(half - strip * LANES);
            for band in 0..self.bands() {
                let mut parts = [[[T::zero(); LANES]; LANES]; 4];
                for j in 0..LANES.min(self.rows / 2 + 1 - band * LANES) {
                    let k = band * LANES + j;
                    let (a, b) = (&z[k], &z[if k == 0 { 0 } else { self.rows - k }]);
                    for l in 0..LANES {
                        parts[0][j][l] = a[0].0[l] + b[0].0[l];
                        parts[1][j][l] = a[1].0[l] - b[1].0[l];
                        parts[2][j][l] = a[1].0[l] + b[1].0[l];
                        parts[3][j][l] = b[0].0[l] - a[0].0[l];
                    }
                }
                let parts: [Square<T>; 4] = std::array::from_fn(|i| transposed(&parts[i]));
                let to = &mut start[band * self.columns + strip * LANES..];
                for l in 0..columns {
                    to[l] = [Block(parts[0][l]), Block(parts[1][l])];
                    to[half + l] = [Block(parts[2][l]), Block(parts[3][l])];
                }
            }
        }
        for (start, end) in
            start.chunks_mut(self.columns).zip(end.chunks_mut(self.columns)).take(self.bands())
        {
            self.along_rows.run(start, end);
        }
    }

    /// The image of a spectrum, `rows` rows of it; `row(p, line)` receives row p. The spectrum is overwritten.
    pub fn inverse(&self, spectrum: &mut [Point<T>], rows: usize, mut row: impl FnMut(usize, &[T])) {
        let mut room = Scratch::<T>::new(self.room());
        let mut line = Scratch::<T>::new(self.columns + 2 * LANES);
        let (room, _) = room.blocks_mut().as_chunks_mut::<2>();
        let (strips, room) = room.split_at_mut(self.strips() * self.rows);
        simd::vectorized(
            #[inline(always)]
            || self.inverse_rows_then_columns(spectrum, strips, room),
        );
        for p in 0..rows {
            // An inverse transform is a transform with its result read backwards.
            let from = if p == 0 { 0 } else { self.rows - p };
            for (strip, z) in strips.chunks(self.rows).enumerate() {
                let first = strip * LANES;
                // Lanes beyond the last column are written over by those that follow, or not used.
                line[first + self.columns / 2..][..LANES].copy_from_slice(&z[from][1].0);
            }
            for (strip, z) in strips.chunks(self.rows).enumerate() {
                let n = LANES.min(self.columns / 2 - strip * LANES);
                line[strip * LANES..][..n].copy_from_slice(&z[from][0].0[..n]);
            }
            row(p, &line[..self.columns]);
        }
    }

    #[inline(always)]
    fn inverse_rows_then_columns(
        &self,
        spectrum: &mut [Point<T>],
        strips: &mut [Point<T>],
        room: &mut [Point<T>],
    ) {
        let half = self.columns / 2;
        let (other, room) = room.split_at_mut(self.rows);
        for (start, end) in
            spectrum.chunks_mut(self.columns).zip(room.chunks_mut(self.columns)).take(self.bands())
        {
            self.along_rows.run(start, end);
        }
        let rows = if self.along_rows.changes_sides() { &*room } else { &*spectrum };
        for (strip, z) in strips.chunks_mut(self.rows).enumerate() {
            // Transforms along columns end in `z`.
            let (start, end): (&mut [_], &mut [_]) =
                if self.along_columns.changes_sides() { (&mut *other, z) } else { (z, &mut *other) };
            let columns = LANES.min(half - strip * LANES);
            for band in 0..self.bands() {
                let mut parts = [[[T::zero(); LANES]; LANES]; 4];
                for l in 0..columns {
                    let c = strip * LANES + l;
                    let row = &rows[band * self.columns..][..self.columns];
                    let (a, b) = (&row[if c == 0 { 0 } else { self.columns - c }], &row[half - c]);
                    parts[0][l] = a[0].0;
                    parts[1][l] = a[1].0;
                    parts[2][l] = b[0].0;
                    parts[3][l] = b[1].0;
                }
                let [a, b, c, d]: [Square<T>; 4] = std::array::from_fn(|i| transposed(&parts[i]));
                for j in 0..LANES.min(self.rows / 2 + 1 - band * LANES) {
                    let k = band * LANES + j;
                    if k > 0 {
                        let mirrored = &mut start[self.rows - k];
                        for l in 0..LANES {
                            mirrored[0].0[l] = a[j][l] + d[j][l];
                            mirrored[1].0[l] = c[j][l] - b[j][l];
                        }
                    }
                    let straight = &mut start[k];
                    for l in 0..LANES {
                        straight[0].0[l] = a[j][l] - d[j][l];
                        straight[1].0[l] = b[j][l] + c[j][l];
                    }
                }
            }
            self.along_columns.run(start, end);
        }
    }
}

#[inline(always)]
fn transposed<T: Real>(x: &Square<T>) -> Square<T> {
    let mut y = [[T::zero(); LANES]; LANES];
    for i in 0..LANES {
        for j in 0..LANES {
            y[j][i] = x[i][j];
        }
    }
    y
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn back_and_forth_is_a_cyclic_convolution() {
        for [rows, columns] in [[1, 2], [2, 2], [6, 4], [30, 30], [32, 36], [9, 90]] {
            let fft = ImageFft::<f64>::new([rows, columns]);
            let image = |seed: usize| -> Vec<f64> {
                (0..rows * columns).map(|i| ((i * seed + 5) % 101) as f64 / 101.0).collect()
            };
            let (x, w) = (image(37), image(53));
            let spectrum = |x: &[f64]| {
                let mut spectrum = vec![[Block::zero(); 2]; fft.points()];
                fft.forward(
                    rows,
                    |p, line| line.copy_from_slice(&x[p * columns..][..columns]),
                    &mut spectrum,
                );
                spectrum
            };
            let (mut a, b) = (spectrum(&x), spectrum(&w));
            for (a, b) in a.iter_mut().zip(&b) {
                let [re, im] = *a;
                for l in 0..LANES {
                    a[0].0[l] = re.0[l] * b[0].0[l] - im.0[l] * b[1].0[l];
                    a[1].0[l] = re.0[l] * b[1].0[l] + im.0[l] * b[0].0[l];
                }
            }
            let mut got = vec![0.0; rows * columns];
            fft.inverse(&mut a, rows, |p, line| got[p * columns..][..columns].copy_from_slice(line));
            for p in 0..rows {
                for q in 0..columns {
                    let mut want = 0.0;
                    for b in 0..rows {
                        for c in 0..columns {
                            let from = (p + rows - b) % rows * columns + (q + columns - c) % columns;
                            want += w[b * columns + c] * x[from];
                        }
                    }
                    let y = got[p * columns + q] * fft.scale();
                    assert!(
                        (y - want).abs() < 1e-12 * (rows * columns) as f64,
                        "{rows}×{columns}: {y} {want}"
                    );
                }
            }
        }
    }
}
