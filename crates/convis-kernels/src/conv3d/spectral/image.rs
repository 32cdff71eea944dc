//! Spectra of images, and back, sixteen images at a time.

use super::fft::{Fft, Point};
use crate::scratch::{Block, LANES, Scratch};
use crate::{Real, simd};

/// Transforms of real images of one size, the numbers of columns even.
///
/// An image has half a spectrum: vertical frequencies k = 0 … rows/2, all horizontal frequencies q, in this order, twice
/// as large as the definition has it. Sixteen images lie side by side in vectors, so that no step has to exchange rows
/// and columns, and every image is computed as if it were alone.
pub(super) struct ImageFft<T> {
    pub rows: usize,
    pub columns: usize,
    along_rows: Fft<T>,
    along_columns: Fft<T>,
}

impl<T: Real> ImageFft<T> {
    pub fn new([rows, columns]: [usize; 2]) -> Self {
        assert_eq!(columns % 2, 0, "columns of a transform");
        Self { rows, columns, along_rows: Fft::new(columns), along_columns: Fft::new(rows) }
    }

    /// Numbers of half a spectrum.
    pub fn frequencies(&self) -> usize {
        (self.rows / 2 + 1) * self.columns
    }

    /// What the product of two spectra has to be multiplied with to give the spectrum, times the number of pixels, of a
    /// convolution.
    pub fn scale(&self) -> f64 {
        0.25 / (self.rows * self.columns) as f64
    }

    /// From one vertical frequency to the next, points: odd, so that a column of points does not share a cache set.
    fn pitch(&self) -> usize {
        self.columns | 1
    }

    /// Working memory of [`Self::forward`] and [`Self::inverse`].
    pub fn room(&self) -> Scratch<T> {
        let lines = 2 * self.rows.max(self.columns);
        Scratch::new(2 * LANES * ((self.rows / 2 + 1) * self.pitch() + lines))
    }

    /// Working memory in parts: the half spectrum, two lines.
    #[inline(always)]
    fn parts<'a>(&self, room: &'a mut Scratch<T>) -> [&'a mut [Point<T>]; 3] {
        let (points, _) = room.blocks_mut().as_chunks_mut();
        let (half, lines) = points.split_at_mut((self.rows / 2 + 1) * self.pitch());
        let (line, other) = lines.split_at_mut(self.rows.max(self.columns));
        [half, line, other]
    }

    /// Spectra of images: `pixel(row, column)` gives their pixels, where `holds(column)`, and are zero elsewhere;
    /// `write(frequency, value)` takes the results.
    #[inline(always)]
    pub fn forward(
        &self,
        room: &mut Scratch<T>,
        holds: impl Fn(usize) -> bool,
        pixel: impl Fn(usize, usize) -> Block<T>,
        mut write: impl FnMut(usize, &Point<T>),
    ) {
        let (rows, middle, pitch) = (self.rows, self.columns / 2, self.pitch());
        let [half, line, other] = self.parts(room);
        for c in 0..middle {
            if !holds(c) && !holds(c + middle) {
                for k in 0..=rows / 2 {
                    half[k * pitch + c] = [Block::zero(); 2];
                    half[k * pitch + c + middle] = [Block::zero(); 2];
                }
                continue;
            }
            // Column c goes with column c + columns/2: two real columns make a complex one.
            for (p, z) in line[..rows].iter_mut().enumerate() {
                *z = [pixel(p, c), pixel(p, c + middle)];
            }
            self.along_columns.run(&mut line[..rows], &mut other[..rows]);
            let z = if self.along_columns.changes_sides() { &other[..rows] } else { &line[..rows] };
            for k in 0..=rows / 2 {
                let (a, b) = (&z[k], &z[if k == 0 { 0 } else { rows - k }]);
                let (mut first, mut second) = ([Block::zero(); 2], [Block::zero(); 2]);
                for l in 0..LANES {
                    first[0].0[l] = a[0].0[l] + b[0].0[l];
                    first[1].0[l] = a[1].0[l] - b[1].0[l];
                    second[0].0[l] = a[1].0[l] + b[1].0[l];
                    second[1].0[l] = b[0].0[l] - a[0].0[l];
                }
                half[k * pitch + c] = first;
                half[k * pitch + c + middle] = second;
            }
        }
        for (k, row) in half.chunks_mut(pitch).enumerate() {
            let row = &mut row[..self.columns];
            self.along_rows.run(row, &mut other[..self.columns]);
            let row = if self.along_rows.changes_sides() { &other[..self.columns] } else { row };
            for (q, value) in row.iter().enumerate() {
                write(k * self.columns + q, value);
            }
        }
    }

    /// Images of spectra: `read(frequency)` gives their values, `write(row, column, pixel)` takes the images' pixels in
    /// rows and columns below `wanted`.
    #[inline(always)]
    pub fn inverse(
        &self,
        room: &mut Scratch<T>,
        wanted: [usize; 2],
        read: impl Fn(usize) -> Point<T>,
        mut write: impl FnMut(usize, usize, &Block<T>),
    ) {
        let (rows, columns, middle, pitch) = (self.rows, self.columns, self.columns / 2, self.pitch());
        let [half, line, other] = self.parts(room);
        for (k, row) in half.chunks_mut(pitch).enumerate() {
            let row = &mut row[..columns];
            // Transforms along rows end in `row`.
            let (start, end): (&mut [_], &mut [_]) =
                if self.along_rows.changes_sides() { (&mut other[..columns], row) } else { (row, other) };
            for (q, value) in start.iter_mut().enumerate() {
                *value = read(k * columns + q);
            }
            self.along_rows.run(start, &mut end[..columns]);
        }
        // An inverse transform is a transform with its result read backwards.
        let backwards = |i: usize, n: usize| if i == 0 { 0 } else { n - i };
        for c in 0..middle.min(wanted[1]) {
            let (left, right) = (backwards(c, columns), middle - c);
            for k in 0..=rows / 2 {
                let (a, b) = (&half[k * pitch + left], &half[k * pitch + right]);
                let (mut straight, mut mirrored) = ([Block::zero(); 2], [Block::zero(); 2]);
                for l in 0..LANES {
                    straight[0].0[l] = a[0].0[l] - b[1].0[l];
                    straight[1].0[l] = a[1].0[l] + b[0].0[l];
                    mirrored[0].0[l] = a[0].0[l] + b[1].0[l];
                    mirrored[1].0[l] = b[0].0[l] - a[1].0[l];
                }
                if k > 0 {
                    line[rows - k] = mirrored;
                }
                line[k] = straight;
            }
            self.along_columns.run(&mut line[..rows], &mut other[..rows]);
            let z = if self.along_columns.changes_sides() { &other[..rows] } else { &line[..rows] };
            for p in 0..wanted[0] {
                let [first, second] = &z[backwards(p, rows)];
                write(p, c, first);
                if c + middle < wanted[1] {
                    write(p, c + middle, second);
                }
            }
        }
    }
}

/// Numbers of sixteen images at one pixel after another: `images` has at most sixteen, each as long as `to`;
/// what is missing is zero.
#[inline(always)]
pub(super) fn side_by_side<T: Real>(images: &[&[T]], to: &mut [Block<T>]) {
    for (i, to) in to.chunks_mut(LANES).enumerate() {
        let mut square = [[T::zero(); LANES]; LANES];
        for (image, line) in images.iter().zip(&mut square) {
            let image = &image[i * LANES..];
            // Processors do not foresee that sixteen images are read at a time.
            simd::prefetch(image.get(simd::AHEAD..=simd::AHEAD).unwrap_or(&[]));
            match image.first_chunk() {
                Some(numbers) => *line = *numbers,
                None => line[..image.len()].copy_from_slice(image),
            }
        }
        simd::transpose(&mut square);
        for (to, line) in to.iter_mut().zip(&square) {
            to.0 = *line;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn back_and_forth_is_a_cyclic_convolution() {
        for [rows, columns] in [[1, 2], [2, 2], [6, 4], [30, 30], [32, 36], [9, 90]] {
            let fft = ImageFft::<f64>::new([rows, columns]);
            let mut room = fft.room();
            // Sixteen images, each its own.
            let image = |seed: usize| -> Vec<Block<f64>> {
                let number = |i: usize| ((i * seed + 5) % 101) as f64 / 101.0;
                (0..rows * columns).map(|i| Block(std::array::from_fn(|l| number(i + 7 * l)))).collect()
            };
            let (x, w) = (image(37), image(53));
            let mut spectrum = |x: &[Block<f64>]| {
                let mut spectrum = vec![[Block::zero(); 2]; fft.frequencies()];
                fft.forward(&mut room, |_| true, |p, q| x[p * columns + q], |f, value| spectrum[f] = *value);
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
            let mut got = vec![Block::zero(); rows * columns];
            fft.inverse(&mut room, [rows, columns], |f| a[f], |p, q, y| got[p * columns + q] = *y);
            for p in 0..rows {
                for q in 0..columns {
                    for l in [0, 9, 15] {
                        let mut want = 0.0;
                        for b in 0..rows {
                            for c in 0..columns {
                                let from = (p + rows - b) % rows * columns + (q + columns - c) % columns;
                                want += w[b * columns + c].0[l] * x[from].0[l];
                            }
                        }
                        let y = got[p * columns + q].0[l] * fft.scale();
                        assert!(
                            (y - want).abs() < 1e-12 * (rows * columns) as f64,
                            "{rows}×{columns}: {y} {want}"
                        );
                    }
                }
            }
        }
    }

    #[test]
    fn images_lie_side_by_side() {
        let image = |seed: usize| -> Vec<f32> { (0..37).map(|i| (i * seed) as f32).collect() };
        let images: Vec<Vec<f32>> = (1..6).map(image).collect();
        let images: Vec<&[f32]> = images.iter().map(Vec::as_slice).collect();
        let mut blocks = [Block([f32::NAN; LANES]); 37];
        side_by_side(&images, &mut blocks);
        for (i, block) in blocks.iter().enumerate() {
            for l in 0..LANES {
                assert_eq!(block.0[l], if l < 5 { images[l][i] } else { 0.0 });
            }
        }
    }
}
