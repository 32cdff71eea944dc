//! Deriche's recursive filter along columns and rows of one frame, fast and in the type of the movie.
//!
//! Frames are filtered as deviations from their first pixel: the kernel has unit sum, so that nothing changes, but what
//! is lost to rounding is a part of the contrast instead of the luminance.

use crate::recursive_blur::Section;
use crate::tiles::{TileMut, split, tiles};
use crate::{Real, Signal, parallel, simd};

/// Columns, or rows, that are filtered together.
const LANES: usize = 16;

/// The constants of the filter: see [`crate::recursive_blur`].
pub(super) struct Coefficients<T> {
    a: [T; 4],
    b: [T; 2],
    /// What a constant 1 becomes, forwards and backwards.
    steady: [T; 2],
}

impl<T: Real> Coefficients<T> {
    pub fn new(section: &Section) -> Self {
        Self {
            a: section.a.map(T::of),
            b: section.b.map(T::of),
            steady: [0, 2].map(|half| T::of(section.gain(half).0)),
        }
    }

    #[inline(always)]
    fn forwards(&self, x: T, x1: T, y1: T, y2: T) -> T {
        (self.a[0] * x + self.a[1] * x1 + self.b[0] * y1 + self.b[1] * y2).flush()
    }

    #[inline(always)]
    fn backwards(&self, x1: T, x2: T, y1: T, y2: T) -> T {
        (self.a[2] * x1 + self.a[3] * x2 + self.b[0] * y1 + self.b[1] * y2).flush()
    }
}

/// Blurs one frame.
pub(super) fn blur<T: Real>(
    c: &Coefficients<T>,
    width: usize,
    x: &[T],
    y: &mut [T],
    scratch: &mut Vec<T>,
    work: usize,
) {
    let height = x.len() / width;
    let origin = x[0];
    scratch.resize(x.len(), T::zero());
    // Columns: a frame is a movie of its rows.
    let rows = Signal { planes: 1, frames: height, height: 1, width };
    let strips = tiles(&rows).into_iter().zip(split(scratch, &rows)).collect();
    parallel::for_each(strips, work, |(tile, mut strip)| {
        simd::vectorized(
            #[inline(always)]
            || {
                let wide = 4 * LANES;
                let mut start = 0;
                while start + wide <= tile.len() {
                    columns::<T, { 4 * LANES }>(c, width, x, origin, tile.pixels.start, start, &mut strip);
                    start += wide;
                }
                while start + LANES <= tile.len() {
                    columns::<T, LANES>(c, width, x, origin, tile.pixels.start, start, &mut strip);
                    start += LANES;
                }
                while start < tile.len() {
                    columns::<T, 1>(c, width, x, origin, tile.pixels.start, start, &mut strip);
                    start += 1;
                }
            },
        );
    });
    let bands = y.chunks_mut(LANES * width).zip(scratch.chunks(LANES * width)).collect();
    parallel::for_each(bands, work, |(y, x)| {
        let (mut turned, mut filtered) = (vec![[T::zero(); LANES]; width], vec![[T::zero(); LANES]; width]);
        simd::vectorized(
            #[inline(always)]
            || along(c, width, x, origin, &mut turned, &mut filtered, y),
        );
    });
}

/// Filters `N` columns of a strip, first downwards, then upwards.
#[inline(always)]
fn columns<T: Real, const N: usize>(
    c: &Coefficients<T>,
    width: usize,
    x: &[T],
    origin: T,
    strip_start: usize,
    start: usize,
    out: &mut TileMut<'_, T>,
) {
    let height = x.len() / width;
    let row = |p: usize| -> [T; N] {
        let at = p * width + strip_start + start;
        let x = &x[at..at + N];
        std::array::from_fn(|l| x[l] - origin)
    };
    let mut x1 = row(0);
    let mut y1: [T; N] = std::array::from_fn(|l| c.steady[0] * x1[l]);
    let mut y2 = y1;
    for p in 0..height {
        let now = row(p);
        let out = &mut out.frame(p)[start..start + N];
        for l in 0..N {
            let y = c.forwards(now[l], x1[l], y1[l], y2[l]);
            out[l] = y;
            y2[l] = y1[l];
            y1[l] = y;
            x1[l] = now[l];
        }
    }
    let mut x1 = row(height - 1);
    let mut x2 = x1;
    let mut y1: [T; N] = std::array::from_fn(|l| c.steady[1] * x1[l]);
    let mut y2 = y1;
    for p in (0..height).rev() {
        let now = row(p);
        let out = &mut out.frame(p)[start..start + N];
        for l in 0..N {
            let y = c.backwards(x1[l], x2[l], y1[l], y2[l]);
            out[l] = out[l] + y;
            y2[l] = y1[l];
            y1[l] = y;
            x2[l] = x1[l];
            x1[l] = now[l];
        }
    }
}

/// Filters up to [`LANES`] rows along their length and puts the origin back.
#[inline(always)]
fn along<T: Real>(
    c: &Coefficients<T>,
    width: usize,
    x: &[T],
    origin: T,
    turned: &mut [[T; LANES]],
    filtered: &mut [[T; LANES]],
    y: &mut [T],
) {
    let rows = x.len() / width;
    for (r, x) in x.chunks(width).enumerate() {
        for (turned, &x) in turned.iter_mut().zip(x) {
            turned[r] = x;
        }
    }
    let mut x1 = turned[0];
    let mut y1: [T; LANES] = std::array::from_fn(|l| c.steady[0] * x1[l]);
    let mut y2 = y1;
    for (now, out) in turned.iter().zip(filtered.iter_mut()) {
        for l in 0..LANES {
            let y = c.forwards(now[l], x1[l], y1[l], y2[l]);
            out[l] = y;
            y2[l] = y1[l];
            y1[l] = y;
            x1[l] = now[l];
        }
    }
    let mut x1 = turned[width - 1];
    let mut x2 = x1;
    let mut y1: [T; LANES] = std::array::from_fn(|l| c.steady[1] * x1[l]);
    let mut y2 = y1;
    for (now, out) in turned.iter().zip(filtered.iter_mut()).rev() {
        for l in 0..LANES {
            let y = c.backwards(x1[l], x2[l], y1[l], y2[l]);
            out[l] = origin + (out[l] + y);
            y2[l] = y1[l];
            y1[l] = y;
            x2[l] = x1[l];
            x1[l] = now[l];
        }
    }
    for (r, y) in y.chunks_mut(width).enumerate().take(rows) {
        for (y, filtered) in y.iter_mut().zip(filtered.iter()) {
            *y = filtered[r];
        }
    }
}
