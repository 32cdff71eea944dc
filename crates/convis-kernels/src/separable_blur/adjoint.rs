//! The adjoint of [`SeparableBlur`].
//!
//! A blur is λ·(K down columns)·(K along rows). Its transpose spreads instead of collecting: what would fall beyond
//! the border falls on the border pixel. With K′ = ∂K/∂s:
//! ```text
//! ∂/∂x = λ·(K down)ᵀ(K along)ᵀ g
//! ∂/∂λ = ⟨g, (K down)(K along) x⟩
//! ∂/∂s = λ·⟨g, ((K′ down)(K along) + (K down)(K′ along)) x⟩
//! ```
//! K is symmetric, so that its transpose is K itself with zeros beyond the border, and on the border pixel besides what
//! a pixel at distance q from it sends beyond: k_{q+1} + … + k_r.

use std::any::Any;

use super::forward::{Rows, sum_along, sum_rows};
use super::{SeparableBlur, Taps};
use crate::bands::{self, Band, Bandwise, Output};
use crate::operation::Gradients;
use crate::sums::dot;
use crate::{Real, parallel, simd};

pub(super) fn separable_blur<T: Real>(
    blur: &SeparableBlur,
    parameters: &[f64],
    input: &[T],
    output_gradient: &[T],
    mut gradients: Gradients<'_, T>,
) {
    let signal = blur.signal;
    gradients.parameters.fill(0.0);
    if signal.is_empty() {
        return;
    }
    let taps = blur.taps(parameters[0]);
    let gain = parameters[1];
    if let Some(gradient) = gradients.inputs[0].take() {
        let transposed = Transposed::new(&taps, gain, signal.height, signal.width);
        bands::alone(&transposed, signal, &[output_gradient], &[], gradient, &mut []);
    }
    let slopes = Slopes::new(&taps, signal.height, signal.width);
    let [by_gain, by_sigma] = slopes.of_movie(input, output_gradient, signal.frames * signal.planes, true);
    gradients.parameters[0] = by_sigma * gain * blur.pixels_per_degree;
    gradients.parameters[1] = by_gain;
}

/// The transpose of a blur.
#[derive(PartialEq)]
pub(crate) struct Transposed<T> {
    rows: Rows<T>,
    /// What pixels at distance 0, 1 … r − 1 from the border send beyond it: down a column, along a row.
    beyond: [Vec<T>; 2],
}

impl<T: Real> Transposed<T> {
    pub fn new(taps: &Taps, gain: f64, height: usize, width: usize) -> Self {
        let beyond = |gain: f64| {
            let rest = |q: usize| T::of(gain * taps.weight[q + 1..].iter().sum::<f64>());
            (0..taps.weight.len() - 1).map(rest).collect()
        };
        Self { rows: Rows::new(taps, gain, height, width), beyond: [beyond(gain), beyond(1.0)] }
    }

    /// Rows `first ‥` of the transpose of a frame.
    pub fn band(&self, frame: &[T], first: usize, padded: &mut Vec<T>, out: &mut [T]) {
        let width = self.rows.width;
        padded.clear();
        padded.resize(width + 2 * self.rows.margin(), T::zero());
        simd::vectorized(
            #[inline(always)]
            || {
                for (i, out) in out.chunks_exact_mut(width).enumerate() {
                    self.row(frame, first + i, &mut padded[..], out);
                }
            },
        );
    }

    #[inline(always)]
    fn row(&self, frame: &[T], row: usize, padded: &mut [T], out: &mut [T]) {
        let Self { rows, beyond: [beyond_down, beyond_along] } = self;
        let (width, last, margin) = (rows.width, rows.height - 1, rows.margin());
        let middle = &mut padded[margin..margin + width];
        sum_rows::<T, true>(rows, &rows.down, frame, row, middle);
        for (border, toward) in [(0, 1), (last, -1)] {
            if row == border {
                for (q, &k) in beyond_down.iter().enumerate().take(rows.height) {
                    let from = border.wrapping_add_signed(toward * q as isize) * width;
                    for (y, &x) in middle.iter_mut().zip(&frame[from..from + width]) {
                        *y = *y + k * x;
                    }
                }
            }
        }
        sum_along(&rows.along, padded, width, out);
        let middle = &padded[margin..margin + width];
        let collected = |pixels: &mut dyn Iterator<Item = &T>| {
            beyond_along.iter().zip(pixels).fold(T::zero(), |sum, (&k, &x)| sum + k * x)
        };
        out[0] = out[0] + collected(&mut middle.iter());
        out[width - 1] = out[width - 1] + collected(&mut middle.iter().rev());
    }
}

impl<T: Real> Bandwise<T> for Transposed<T> {
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
        self.band(inputs[0], band.pixels.start / self.rows.width, padded, output.numbers());
    }

    fn is_same(&self, other: &dyn Any) -> bool {
        other.downcast_ref::<Self>().is_some_and(|other| self == other)
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}

/// A blur of unit gain B and its derivative by σ, for the gradients of parameters.
pub(crate) struct Slopes<T> {
    rows: Rows<T>,
    /// ∂kⱼ/∂s; empty where the blur changes nothing.
    by_sigma: Vec<T>,
}

impl<T: Real> Slopes<T> {
    pub fn new(taps: &Taps, height: usize, width: usize) -> Self {
        let by_sigma = if taps.is_identity() { vec![] } else { taps.by_sigma_as() };
        Self { rows: Rows::new(taps, 1.0, height, width), by_sigma }
    }

    /// `⟨g, Bx⟩` and, where it is wanted, `⟨g, ∂B/∂s x⟩` (per pixel) of a movie of so many frames.
    pub fn of_movie(&self, x: &[T], g: &[T], frames: usize, by_sigma: bool) -> [f64; 2] {
        let (width, height) = (self.rows.width, self.rows.height);
        // Bands of rows, cut by the sizes alone: their sums are added in order.
        let band = (8192 / width).clamp(1, height);
        let items = (x.chunks(width * height).zip(g.chunks(width * height)))
            .flat_map(|(x, g)| g.chunks(band * width).enumerate().map(move |(i, g)| (x, i * band, g)))
            .collect();
        let work = frames * width * height * self.rows.along.len() * 3;
        let sums = parallel::map(items, work, |(x, first, g)| self.of_band(x, first, g, by_sigma));
        sums.iter().fold([0.0; 2], |sum, part| [sum[0] + part[0], sum[1] + part[1]])
    }

    /// The part of rows `first ‥` with gradients `g`; `x` is the whole frame.
    fn of_band(&self, x: &[T], first: usize, g: &[T], by_sigma_too: bool) -> [f64; 2] {
        let Self { rows, by_sigma } = self;
        let mut padded = rows.scratch();
        let mut blurred = vec![T::zero(); rows.width];
        let mut sums = [0.0; 2];
        simd::vectorized(
            #[inline(always)]
            || {
                for (i, g) in g.chunks_exact(rows.width).enumerate() {
                    rows.column_sums(&rows.down, x, first + i, &mut padded);
                    sum_along(&rows.along, &padded, rows.width, &mut blurred);
                    sums[0] += dot(g, &blurred);
                    if by_sigma_too && !by_sigma.is_empty() {
                        sum_along(by_sigma, &padded, rows.width, &mut blurred);
                        sums[1] += dot(g, &blurred);
                        rows.column_sums(by_sigma, x, first + i, &mut padded);
                        sum_along(&rows.along, &padded, rows.width, &mut blurred);
                        sums[1] += dot(g, &blurred);
                    }
                }
            },
        );
        sums
    }
}
