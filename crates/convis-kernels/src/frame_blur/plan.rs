//! What a blur of one width needs, made once and used for every frame: also by operations with feedback in space.

use super::deriche::{self, Coefficients};
use super::{Blur, Kernel};
use crate::recursive_blur::adjoint::down_transposed;
use crate::recursive_blur::forward::{down, transpose};
use crate::recursive_blur::{ALPHA, Kind, Section};
use crate::scratch::Scratch;
use crate::separable_blur::{Rows, Slopes, TRUNCATE, Taps, Transposed, blur_rows};
use crate::{Real, parallel, simd};

/// Virtual Retina blurs nothing below this width, pixels.
const SMALLEST_PX: f64 = 0.1;

/// A recursive filter of single precision loses about (s/1.7)²·6·10⁻⁸ to rounding; wider ones run in double precision.
const WIDEST_SINGLE_PX: f64 = 6.0;

/// Taps of the heat kernel are left out below this weight.
const SMALLEST_TAP: f64 = 1e-9;

/// Deriche's filter is a sum where so many taps on each side are all of it but rounding: faster then, and as exact.
const MOST_TAPS: usize = 8;

/// The 1/s at which `recursive_blur` computes what is wanted; `None` for no blur.
pub(super) fn density(rounded: bool, sigma_px: f64) -> Option<f64> {
    if rounded {
        let alpha = f64::from(1.695f32) / f64::from(sigma_px as f32);
        (sigma_px >= SMALLEST_PX).then_some(alpha / 1.695)
    } else {
        // Below this the kernel is a point in double precision.
        (sigma_px > 0.02).then(|| 1.0 / sigma_px)
    }
}

/// The weights of a kernel that is a finite sum.
pub(super) fn finite_taps(kernel: Kernel, sigma_px: f64) -> Taps {
    if kernel == Kernel::Heat { heat(sigma_px) } else { Taps::new(sigma_px, TRUNCATE) }
}

/// `e^{−t}·Iⱼ(t)`, t = s², by Miller's backward recursion `Iⱼ₋₁ = Iⱼ₊₁ + (2j/t)·Iⱼ`; the sum over all j is 1.
/// `∂/∂t = (kⱼ₋₁ − 2kⱼ + kⱼ₊₁)/2`.
fn heat(sigma_px: f64) -> Taps {
    let t = sigma_px * sigma_px;
    if t < SMALLEST_TAP {
        return Taps { weight: vec![1.0], by_sigma: vec![0.0] };
    }
    let start = (10.0 * sigma_px + 20.0).ceil() as usize;
    let mut bessel = vec![0.0; start + 2];
    bessel[start] = 1e-300;
    for j in (1..=start).rev() {
        bessel[j - 1] = bessel[j + 1] + 2.0 * j as f64 / t * bessel[j];
        if bessel[j - 1] > 1e200 {
            for b in &mut bessel {
                *b *= 1e-200;
            }
        }
    }
    let sum = bessel[0] + 2.0 * bessel[1..].iter().rev().sum::<f64>();
    let all: Vec<f64> = bessel.iter().map(|b| b / sum).collect();
    let radius = all.iter().rposition(|&k| k >= SMALLEST_TAP).unwrap_or(0);
    let slope = |j: usize| sigma_px * (all[j.abs_diff(1)] - 2.0 * all[j] + all[j + 1]);
    let both = |f: &dyn Fn(usize) -> f64| f(0) + 2.0 * (1..=radius).rev().map(f).sum::<f64>();
    let (kept, kept_slope) = (both(&|j| all[j]), both(&slope));
    let weight: Vec<f64> = (0..=radius).map(|j| all[j] / kept).collect();
    let by_sigma = (0..=radius).map(|j| (slope(j) - weight[j] * kept_slope) / kept).collect();
    Taps { weight, by_sigma }
}

/// The taps of Deriche's filter, at distance 0, 1 …, that are more than rounding in numbers of type `T`; `None`: too many.
fn deriche_taps<T: Real>(section: &Section, density: f64) -> Option<Vec<T>> {
    let alpha = ALPHA * density;
    let tap = |j: usize| (1.0 + alpha * j as f64) * (-alpha * j as f64).exp() * section.a[0];
    let smallest = T::epsilon().double() / 128.0;
    let radius = (0..=MOST_TAPS).find(|&j| tap(j + 1) < smallest)?;
    let sum = tap(0) + 2.0 * (1..=radius).rev().map(tap).sum::<f64>();
    Some((0..=radius).map(|j| T::of(tap(j) / sum)).collect())
}

/// How a recursive blur is computed.
enum Way<T> {
    /// As a sum, where it is narrow.
    Sum(Rows<T>),
    /// By recursion in the type of the movie.
    Recursion(Coefficients<T>),
    /// By recursion in double precision, where it is wide.
    Double(Coefficients<f64>),
}

/// A blur of one width.
enum Uniform<T> {
    Identity,
    Finite {
        rows: Rows<T>,
        taps: Taps,
    },
    /// By recursion; `density_by_sigma` in 1/pixel².
    Recursive {
        section: Section,
        density_by_sigma: f64,
        way: Way<T>,
    },
}

impl<T: Real> Uniform<T> {
    fn new(kernel: Kernel, sigma_px: f64, height: usize, width: usize) -> Self {
        if let Kernel::Deriche { rounded } = kernel {
            let Some(density) = density(rounded, sigma_px) else { return Self::Identity };
            let section = Section::all(Kind::Deriche, density)[0];
            let way = if let Some(taps) = deriche_taps(&section, density) {
                Way::Sum(Rows::symmetric(taps, height, width))
            } else if sigma_px <= WIDEST_SINGLE_PX || T::LANES == <f64 as Real>::LANES {
                Way::Recursion(Coefficients::new(&section))
            } else {
                Way::Double(Coefficients::new(&section))
            };
            return Self::Recursive { section, density_by_sigma: -density / sigma_px, way };
        }
        let taps = finite_taps(kernel, sigma_px);
        if taps.is_identity() {
            Self::Identity
        } else {
            Self::Finite { rows: Rows::new(&taps, 1.0, height, width), taps }
        }
    }

    /// About how many operations a pixel takes.
    fn work(&self) -> usize {
        match self {
            Self::Identity => 1,
            Self::Finite { taps, .. } => 2 * taps.weight.len(),
            Self::Recursive { .. } => 24,
        }
    }

    /// Writes the rows of the blurred frame from `first` on to `y`, which has room for as many as are wanted.
    fn blur(&self, width: usize, x: &[T], first: usize, y: &mut [T], work: usize) {
        match self {
            Self::Identity => y.copy_from_slice(&x[first * width..][..y.len()]),
            Self::Finite { rows, .. } | Self::Recursive { way: Way::Sum(rows), .. } => {
                sum(rows, width, x, first, y, work);
            }
            Self::Recursive { way: Way::Recursion(coefficients), .. } => {
                deriche::blur(coefficients, width, x, first, y, work);
            }
            Self::Recursive { way: Way::Double(coefficients), .. } => {
                let (mut wide, mut blurred) = (Scratch::new(x.len()), Scratch::new(y.len()));
                wide.iter_mut().zip(x).for_each(|(wide, x)| *wide = x.double());
                deriche::blur(coefficients, width, &wide, first, &mut blurred, work);
                y.iter_mut().zip(&*blurred).for_each(|(y, &value)| *y = T::of(value));
            }
        }
    }

    /// Adds `Bᵀg` to `out` and returns `⟨g, ∂B/∂s x⟩`.
    fn adjoint(&self, (height, width): (usize, usize), x: &[T], g: &[T], out: &mut [T]) -> f64 {
        match self {
            Self::Identity => {
                out.iter_mut().zip(g).for_each(|(out, &g)| *out = *out + g);
                0.0
            }
            Self::Finite { taps, .. } => {
                let mut spread = vec![T::zero(); x.len()];
                Transposed::new(taps, 1.0, height, width).band(g, 0, &mut vec![], &mut spread);
                out.iter_mut().zip(&spread).for_each(|(out, &s)| *out = *out + s);
                Slopes::new(taps, height, width).of_movie(x, g, 1, true)[1]
            }
            Self::Recursive { section, density_by_sigma, .. } => {
                let sections = std::slice::from_ref(section);
                let x: Vec<f64> = x.iter().map(|x| x.double()).collect();
                let g: Vec<f64> = g.iter().map(|g| g.double()).collect();
                let [mut columns, mut turned, mut g_turned, mut spread] =
                    std::array::from_fn(|_| vec![0.0; x.len()]);
                down(sections, width, &x, &mut columns);
                transpose(height, width, &columns, &mut turned);
                transpose(height, width, &g, &mut g_turned);
                let along = down_transposed(sections, height, &turned, &g_turned, &mut spread);
                transpose(width, height, &spread, &mut g_turned);
                let across = down_transposed(sections, width, &x, &g_turned, &mut spread);
                out.iter_mut().zip(&spread).for_each(|(out, &s)| *out = *out + T::of(s));
                (along + across) * density_by_sigma
            }
        }
    }
}

/// A blur as a sum, by bands of rows.
fn sum<T: Real>(rows: &Rows<T>, width: usize, x: &[T], first: usize, y: &mut [T], work: usize) {
    let height = y.len() / width;
    let band = height.div_ceil(8).max(2048_usize.div_ceil(width)).min(height);
    let bands = y.chunks_mut(band * width).enumerate().collect();
    parallel::for_each(bands, work, |(i, y): (usize, &mut [T])| {
        let mut padded = rows.scratch();
        simd::vectorized(
            #[inline(always)]
            || blur_rows(rows, x, first + i * band, &mut padded, y),
        );
    });
}

/// One of the blurs that are mixed.
struct Level<T> {
    /// Factor of the width.
    factor: f64,
    blur: Uniform<T>,
    /// The first row where it has a part, and its parts from there to the last such row; none: 1 everywhere.
    first: usize,
    weights: Vec<T>,
}

impl<T: Real> Level<T> {
    fn new(factor: f64, blur: Uniform<T>, width: usize, weights: &[f64]) -> Self {
        let used = |row: &[f64]| row.iter().any(|&w| w != 0.0);
        let first = weights.chunks(width).position(used).unwrap_or(0);
        let last = weights.chunks(width).rposition(used).map_or(0, |last| last + 1);
        let weights = weights[first * width..last * width].iter().map(|&w| T::of(w)).collect();
        Self { factor, blur, first, weights }
    }
}

/// A blur prepared for frames of one size.
pub(crate) struct Plan<T> {
    size: (usize, usize),
    levels: Vec<Level<T>>,
}

impl<T: Real> Plan<T> {
    pub fn new(blur: &Blur, sigma_px: f64, height: usize, width: usize) -> Self {
        let make = |factor: f64| Uniform::new(blur.kernel, factor * sigma_px, height, width);
        let levels = match &blur.field {
            None => vec![Level::new(1.0, make(1.0), width, &[])],
            Some(field) => {
                assert_eq!(field.size(), (height, width), "a field is for frames of one size");
                let level = |(l, &factor): (usize, &f64)| {
                    Some(Level::new(factor, make(factor), width, &field.weights(l)?))
                };
                field.factors.iter().enumerate().filter_map(level).collect()
            }
        };
        Self { size: (height, width), levels }
    }

    /// About how many operations a frame takes.
    pub fn work(&self) -> usize {
        self.size.0 * self.size.1 * self.levels.iter().map(|level| level.blur.work()).sum::<usize>()
    }

    /// Blurs one frame. `work` decides whether threads share it: [`Plan::work`], or 0 for this thread alone.
    pub fn blur(&self, x: &[T], y: &mut [T], work: usize) {
        let width = self.size.1;
        if let [Level { blur, weights, .. }] = &self.levels[..]
            && weights.is_empty()
        {
            blur.blur(width, x, 0, y, work);
            return;
        }
        // Deviations from one pixel: weights sum to 1 only to rounding, which would show on a flat image.
        let origin = x[0];
        y.fill(origin);
        let mut room = Scratch::new(x.len());
        for Level { blur, first, weights, .. } in &self.levels {
            let blurred = &mut room[..weights.len()];
            blur.blur(width, x, *first, blurred, work);
            let y = &mut y[first * width..];
            simd::vectorized(
                #[inline(always)]
                || {
                    for ((y, &b), &w) in y.iter_mut().zip(&*blurred).zip(weights) {
                        *y = *y + w * (b - origin);
                    }
                },
            );
        }
    }

    /// Writes `Bᵀg` to `out` and returns `⟨g, ∂B/∂s x⟩`, s the width in pixels in the fovea.
    pub fn adjoint(&self, x: &[T], g: &[T], out: &mut [T]) -> f64 {
        out.fill(T::zero());
        let mut by_sigma = 0.0;
        for Level { factor, blur, first, weights } in &self.levels {
            if weights.is_empty() {
                by_sigma += factor * blur.adjoint(self.size, x, g, out);
            } else {
                let start = first * self.size.1;
                let mut weighted = vec![T::zero(); x.len()];
                for ((weighted, &g), &w) in weighted[start..].iter_mut().zip(&g[start..]).zip(weights) {
                    *weighted = w * g;
                }
                let g = weighted;
                by_sigma += factor * blur.adjoint(self.size, x, &g, out);
            }
        }
        by_sigma
    }
}
