//! Deriche's recursive filter along columns and rows of one frame, fast and in the type of the movie.
//!
//! Frames are filtered as deviations from their first pixel: the kernel has unit sum, so that nothing changes, but what
//! is lost to rounding is a part of the contrast instead of the luminance.
//!
//! A step of the recursion waits for the step before. So that the processor has something to do meanwhile, [`WIDE`]
//! vectors of columns run side by side; rows are turned into columns for that, a few at a time, and back.

use crate::recursive_blur::Section;
use crate::scratch::{LANES, Scratch};
use crate::tiles::{TileMut, split, tiles};
use crate::{Real, Signal, parallel, simd};

/// Vectors of [`LANES`] columns, or rows, that are filtered together.
const WIDE: usize = 4;

/// The constants of the filter: see [`crate::recursive_blur`].
pub(super) struct Coefficients<T> {
    forwards: Half<T>,
    backwards: Half<T>,
}

/// The filter in one direction: `yᵢ = a₀·near + a₁·far + b₀·yᵢ₋₁ + b₁·yᵢ₋₂`.
#[derive(Clone, Copy)]
struct Half<T> {
    a: [T; 2],
    b: [T; 2],
    /// What a constant 1 becomes.
    steady: T,
}

impl<T: Real> Coefficients<T> {
    pub fn new(section: &Section) -> Self {
        let half = |first: usize| Half {
            a: [first, first + 1].map(|i| T::of(section.a[i])),
            b: section.b.map(T::of),
            steady: T::of(section.gain(first).0),
        };
        Self { forwards: half(0), backwards: half(2) }
    }
}

impl<T: Real> Half<T> {
    /// One step on `near` and `far`, less `origin`; `y1` and `y2` are what came out before. y₁, for which the step waits, is
    /// added last.
    #[inline(always)]
    fn step<const L: usize>(
        &self,
        [near, far]: [&[T; L]; 2],
        origin: T,
        y1: &mut [T; L],
        y2: &mut [T; L],
    ) -> [T; L] {
        let ([a0, a1], [b0, b1]) = (self.a, self.b);
        let mut y = [T::zero(); L];
        for l in 0..L {
            let sum = a0 * (near[l] - origin) + a1 * (far[l] - origin) + b1 * y2[l] + b0 * y1[l];
            y[l] = sum.flush();
        }
        *y2 = *y1;
        *y1 = y;
        y
    }

    /// What came out before the border, in its steady state.
    #[inline(always)]
    fn before<const L: usize>(&self, border: &[T; L], origin: T) -> [T; L] {
        let mut y = [T::zero(); L];
        for l in 0..L {
            y[l] = self.steady * (border[l] - origin);
        }
        y
    }
}

/// Blurs one frame and writes its rows from `first` on to `y`, as many as it has room for.
pub(super) fn blur<T: Real>(
    c: &Coefficients<T>,
    width: usize,
    x: &[T],
    first: usize,
    y: &mut [T],
    work: usize,
) {
    let origin = x[0];
    let mut filtered = Scratch::new(x.len());
    // Columns: a frame is a movie of its rows.
    let rows = Signal { planes: 1, frames: x.len() / width, height: 1, width };
    let strips = tiles(&rows).into_iter().zip(split(&mut filtered, &rows)).collect();
    parallel::for_each(strips, work, |(tile, mut strip)| {
        let (left, columns) = (tile.pixels.start, tile.len());
        // The last group of columns overlaps the one before where their number asks for it: computed twice, to the same.
        let groups = |size: usize| (0..columns.div_ceil(size)).map(move |i| (i * size).min(columns - size));
        simd::vectorized(
            #[inline(always)]
            || {
                if columns >= WIDE * LANES {
                    for start in groups(WIDE * LANES) {
                        down::<T, LANES, WIDE>(c, width, x, origin, left, start, &mut strip);
                    }
                } else if columns >= LANES {
                    for start in groups(LANES) {
                        down::<T, LANES, 1>(c, width, x, origin, left, start, &mut strip);
                    }
                } else {
                    for start in groups(1) {
                        down::<T, 1, 1>(c, width, x, origin, left, start, &mut strip);
                    }
                }
            },
        );
    });
    let filtered = &filtered[first * width..][..y.len()];
    let bands = y.chunks_mut(WIDE * LANES * width).zip(filtered.chunks(WIDE * LANES * width)).collect();
    parallel::for_each(bands, work, |(y, x)| {
        simd::vectorized(
            #[inline(always)]
            || {
                if x.len() > LANES * width {
                    along::<T, WIDE>(c, width, x, origin, y);
                } else {
                    along::<T, 1>(c, width, x, origin, y);
                }
            },
        );
    });
}

/// Filters `N` vectors of `L` columns of a strip, from column `start` of it on, first downwards, then upwards.
#[inline(always)]
fn down<T: Real, const L: usize, const N: usize>(
    c: &Coefficients<T>,
    width: usize,
    x: &[T],
    origin: T,
    strip_start: usize,
    start: usize,
    out: &mut TileMut<'_, T>,
) {
    let height = x.len() / width;
    let row = |p: usize| -> &[[T; L]; N] {
        let at = p * width + strip_start + start;
        x[at..at + N * L].as_chunks().0.try_into().expect("as many columns")
    };
    let (mut y1, mut y2) = ([[T::zero(); L]; N], [[T::zero(); L]; N]);
    for n in 0..N {
        y1[n] = c.forwards.before(&row(0)[n], origin);
        y2[n] = y1[n];
    }
    for p in 0..height {
        let (near, far) = (row(p), row(p.saturating_sub(1)));
        let out = &mut out.frame(p)[start..start + N * L];
        let out: &mut [[T; L]; N] = out.as_chunks_mut().0.try_into().expect("as many columns");
        for n in 0..N {
            out[n] = c.forwards.step([&near[n], &far[n]], origin, &mut y1[n], &mut y2[n]);
        }
    }
    for n in 0..N {
        y1[n] = c.backwards.before(&row(height - 1)[n], origin);
        y2[n] = y1[n];
    }
    for p in (0..height).rev() {
        let (near, far) = (row((p + 1).min(height - 1)), row((p + 2).min(height - 1)));
        let out = &mut out.frame(p)[start..start + N * L];
        let out: &mut [[T; L]; N] = out.as_chunks_mut().0.try_into().expect("as many columns");
        for n in 0..N {
            let y = c.backwards.step([&near[n], &far[n]], origin, &mut y1[n], &mut y2[n]);
            for l in 0..L {
                out[n][l] = out[n][l] + y[l];
            }
        }
    }
}

/// Columns that are turned at a time.
const BLOCK: usize = LANES;

/// Filters up to `N` vectors of rows along their length and puts the origin back.
#[inline(always)]
fn along<T: Real, const N: usize>(c: &Coefficients<T>, width: usize, x: &[T], origin: T, y: &mut [T]) {
    let mut room = Scratch::new((2 * width + 3) * N * LANES);
    let (columns, _) = room.as_chunks_mut::<LANES>().0.as_chunks_mut::<N>();
    let zero = T::zero();
    // Column q is number q + 1: before the first and after the last come copies of them.
    let (turned, filtered) = columns.split_at_mut(width + 3);
    let (mut y1, mut y2) = ([[T::zero(); LANES]; N], [[T::zero(); LANES]; N]);
    for start in (0..width).step_by(BLOCK) {
        let end = (start + BLOCK).min(width);
        turn(width, x, start, &mut turned[start + 1..=end]);
        if start == 0 {
            turned[0] = turned[1];
            for n in 0..N {
                y1[n] = c.forwards.before(&turned[0][n], zero);
                y2[n] = y1[n];
            }
        }
        for q in start..end {
            let (near, far) = (&turned[q + 1], &turned[q]);
            for n in 0..N {
                filtered[q][n] = c.forwards.step([&near[n], &far[n]], zero, &mut y1[n], &mut y2[n]);
            }
        }
    }
    turned[width + 1] = turned[width];
    turned[width + 2] = turned[width];
    for n in 0..N {
        y1[n] = c.backwards.before(&turned[width][n], zero);
        y2[n] = y1[n];
    }
    for start in (0..width).step_by(BLOCK).rev() {
        let end = (start + BLOCK).min(width);
        for q in (start..end).rev() {
            let (near, far) = (&turned[q + 2], &turned[q + 3]);
            for n in 0..N {
                let y = c.backwards.step([&near[n], &far[n]], zero, &mut y1[n], &mut y2[n]);
                for l in 0..LANES {
                    filtered[q][n][l] = origin + (filtered[q][n][l] + y[l]);
                }
            }
        }
        turn_back(width, &filtered[start..end], start, y);
    }
}

/// Side of the squares that are turned at once without shuffles: so small that they stay in registers.
const SIDE: usize = 4;

/// A square of four rows or columns, and the same with rows and columns exchanged.
#[inline(always)]
fn exchanged<T: Real>(rows: [&[T; SIDE]; SIDE]) -> [[T; SIDE]; SIDE] {
    let mut columns = [[T::zero(); SIDE]; SIDE];
    for i in 0..SIDE {
        for j in 0..SIDE {
            columns[j][i] = rows[i][j];
        }
    }
    columns
}

/// Columns of the rows `x`, from column `start` on. Lanes without a row hold the last one.
#[inline(always)]
fn turn<T: Real, const N: usize>(width: usize, x: &[T], start: usize, columns: &mut [[[T; LANES]; N]]) {
    let (last, count) = (x.len() / width - 1, columns.len());
    // Sixteen by sixteen numbers in single precision, by shuffles where the processor has them.
    if count == LANES && T::LANES == LANES {
        for n in 0..N {
            let mut square = [[T::zero(); LANES]; LANES];
            for i in 0..LANES {
                let at = (n * LANES + i).min(last) * width + start;
                square[i].copy_from_slice(&x[at..at + LANES]);
            }
            simd::transpose(&mut square);
            for q in 0..LANES {
                columns[q][n] = square[q];
            }
        }
        return;
    }
    for r in (0..N * LANES).step_by(SIDE) {
        let mut rows = [&x[..0]; SIDE];
        for i in 0..SIDE {
            rows[i] = &x[(r + i).min(last) * width + start..][..count];
        }
        let [(a, _), (b, _), (c, _), (d, _)] = rows.map(<[T]>::as_chunks::<SIDE>);
        let (n, l) = (r / LANES, r % LANES);
        let (squares, rest) = columns.as_chunks_mut::<SIDE>();
        for ((((columns, a), b), c), d) in squares.iter_mut().zip(a).zip(b).zip(c).zip(d) {
            let square = exchanged([a, b, c, d]);
            for j in 0..SIDE {
                columns[j][n][l..l + SIDE].copy_from_slice(&square[j]);
            }
        }
        for (column, q) in rest.iter_mut().zip(count / SIDE * SIDE..) {
            for i in 0..SIDE {
                column[n][l + i] = rows[i][q];
            }
        }
    }
}

/// The reverse of [`turn`].
#[inline(always)]
fn turn_back<T: Real, const N: usize>(width: usize, columns: &[[[T; LANES]; N]], start: usize, y: &mut [T]) {
    if columns.len() == LANES && T::LANES == LANES {
        for (n, y) in y.chunks_mut(LANES * width).enumerate() {
            let mut square = [[T::zero(); LANES]; LANES];
            for q in 0..LANES {
                square[q] = columns[q][n];
            }
            simd::transpose(&mut square);
            for (y, row) in y.chunks_mut(width).zip(&square) {
                y[start..start + LANES].copy_from_slice(row);
            }
        }
        return;
    }
    let ((squares, rest), none) = (columns.as_chunks::<SIDE>(), [T::zero(); SIDE]);
    for (k, y) in y.chunks_mut(SIDE * width).enumerate() {
        let (n, l) = (k * SIDE / LANES, k * SIDE % LANES);
        if y.len() < SIDE * width {
            for (i, row) in y.chunks_mut(width).enumerate() {
                for (y, column) in row[start..].iter_mut().zip(columns) {
                    *y = column[n][l + i];
                }
            }
            continue;
        }
        for (columns, q) in squares.iter().zip((start..).step_by(SIDE)) {
            let mut square = [&none; SIDE];
            for j in 0..SIDE {
                square[j] = columns[j][n][l..].first_chunk().expect("a whole number of squares");
            }
            let square = exchanged(square);
            for i in 0..SIDE {
                y[i * width + q..][..SIDE].copy_from_slice(&square[i]);
            }
        }
        for (column, q) in rest.iter().zip(start + columns.len() / SIDE * SIDE..) {
            for i in 0..SIDE {
                y[i * width + q] = column[n][l + i];
            }
        }
    }
}
