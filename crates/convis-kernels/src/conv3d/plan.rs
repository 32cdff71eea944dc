//! How a convolution is computed: chosen by its sizes, never by the length of a chunk or the number of threads.
//!
//! # Costs
//! Measured on one core with AVX-512 (AMD Zen 5), ns; their ratios are much the same elsewhere:
//! ```text
//! direct   0.0095 per product of an output pixel, the ends of padded rows included
//! fft      1.1    per point of a transform of an image (one per input and one per output plane)
//!          0.025  per point, pair of channels and time weight
//! passes   as direct, and 0.3 per pixel and rank for writing and reading what lies between two passes
//! ```

use std::fmt;

use super::separable::{self, Factors};
use super::spectral::is_smooth;
use super::{Conv3d, whole_image};
use crate::Real;

/// What the caller wants of the planner.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum PlanChoice {
    /// The fastest plan by estimate.
    #[default]
    Auto,
    /// The sum itself.
    Direct,
    /// Fourier transforms of the images.
    Fft,
    /// A sum of passes along time and space, or along rows and columns.
    Separable,
}

impl PlanChoice {
    /// Every choice.
    pub const ALL: [Self; 4] = [Self::Auto, Self::Direct, Self::Fft, Self::Separable];

    /// Its name, as in `"auto"`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Auto => "auto",
            Self::Direct => "direct",
            Self::Fft => "fft",
            Self::Separable => "separable",
        }
    }

    /// The choice of this name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|choice| choice.name() == name)
    }
}

/// How a convolution is computed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Plan {
    /// The sum itself, in blocks of registers.
    Direct {
        /// Frames, rows and columns of the kernel: a kernel of one pixel or one frame has simpler sums.
        kernel: [usize; 3],
    },
    /// Products of whole frames with weights as large as the image.
    Image,
    /// Spectra of the images, convolved in time at every spatial frequency.
    Fft(Tiling),
    /// Passes along time and space, or along rows and columns.
    Separable {
        /// So many products make the kernel.
        rank: usize,
    },
}

impl fmt::Display for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Image => f.write_str("image"),
            Self::Direct { kernel: [1, 1, 1] } => f.write_str("pointwise"),
            Self::Direct { kernel: [_, 1, 1] } => f.write_str("temporal"),
            Self::Direct { kernel: [1, _, _] } => f.write_str("spatial"),
            Self::Direct { .. } => f.write_str("direct"),
            Self::Separable { rank } => write!(f, "separable of rank {rank}"),
            Self::Fft(Tiling([rows, columns])) => {
                write!(f, "fft {}×{}", rows.size, columns.size)?;
                match rows.tiles * columns.tiles {
                    1 => Ok(()),
                    tiles => write!(f, " overlap-save, {tiles} tiles"),
                }
            }
        }
    }
}

/// A product of an output pixel, ns.
const PRODUCT: f64 = 0.0095;
/// A pixel between two passes, ns.
const PASS: f64 = 0.3;

/// Direct gradients by weights and by the input, with its border and history, cost so many times the output.
pub(super) const GRADIENTS: f64 = 1.8;

/// The plan by sizes alone for a convolution whose direct sum costs `factor` times that of the output.
pub(super) fn plan(conv: &Conv3d, factor: f64) -> Plan {
    cheapest(conv, factor).0
}

/// The plan of the output with these weights, and their factors where it uses them.
pub(super) fn with_weights<T: Real>(conv: &Conv3d, w: &[T]) -> (Plan, Option<Factors<T>>) {
    let (plan, cost) = cheapest(conv, 1.0);
    let most = match conv.choice {
        PlanChoice::Separable => usize::MAX,
        PlanChoice::Auto => {
            let [height, width] = conv.padded_size();
            let of_rank = (height * width) as f64 * separable::cost_of_rank(conv, PRODUCT, PASS);
            // Estimates are not that good: passes have to promise something.
            (0.7 * cost / of_rank) as usize
        }
        PlanChoice::Direct | PlanChoice::Fft => 0,
    };
    let factors = if most == 0 { None } else { Factors::of(conv, w, most) };
    (factors.as_ref().map_or(plan, |factors| Plan::Separable { rank: factors.rank }), factors)
}

/// Direct or by transforms, and what it costs: ns a frame.
fn cheapest(conv: &Conv3d, factor: f64) -> (Plan, f64) {
    let [inputs, outputs] = conv.channels.map(|n| n as f64);
    let [k, m, n] = conv.kernel.map(|n| n as f64);
    let products = factor * PRODUCT * inputs * outputs * k * m * n;
    if whole_image::is_covered(conv) && conv.choice != PlanChoice::Fft {
        return (Plan::Image, products);
    }
    let [padded_height, padded_width] = conv.padded_size().map(|n| n as f64);
    let rows = padded_height - m + 1.0;
    let (direct, of_direct) = (Plan::Direct { kernel: conv.kernel }, products * rows * padded_width);
    if conv.choice == PlanChoice::Direct || !conv.accepts(PlanChoice::Fft) {
        return (direct, of_direct);
    }
    let tiling = Tiling::new(conv);
    let points: f64 = tiling.0.iter().map(|axis| (axis.size * axis.tiles) as f64).product();
    let of_fft = points * (1.1 * (inputs + outputs) + 0.025 * inputs * outputs * k);
    if conv.choice == PlanChoice::Fft || of_fft < of_direct {
        (Plan::Fft(tiling), of_fft)
    } else {
        (direct, of_direct)
    }
}

/// How images are cut into overlapping tiles for Fourier transforms: rows, columns.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tiling(pub(super) [Axis; 2]);

/// How one axis is cut.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Axis {
    /// Length of the transforms.
    pub size: usize,
    /// Output pixels of a tile.
    pub step: usize,
    pub tiles: usize,
}

/// Longest transform: larger images are cut, so that sixteen of them stay in the cache.
const LONGEST: usize = 128;

impl Axis {
    /// For `pixels` of output and so many weights: the cut that costs least.
    fn new(pixels: usize, weights: usize) -> Self {
        let smallest = |tiles: usize| {
            let step = pixels.div_ceil(tiles);
            let mut size = (step + weights - 1).next_multiple_of(2);
            while !is_smooth(size) {
                size += 2;
            }
            Self { size, step, tiles: pixels.div_ceil(step) }
        };
        let (mut best, mut least) = (smallest(1), f64::INFINITY);
        for tiles in 1..=pixels.div_ceil(8) {
            let axis = smallest(tiles);
            let cost = (axis.size * axis.tiles) as f64 * (axis.size as f64 + 16.0).log2();
            if (axis.size <= LONGEST.max(4 * weights) || tiles == 1)
                && (cost < least || best.size > LONGEST.max(4 * weights))
            {
                (best, least) = (axis, cost);
            }
        }
        best
    }
}

impl Tiling {
    pub(super) fn new(conv: &Conv3d) -> Self {
        let [padded_height, padded_width] = conv.padded_size();
        let [_, m, n] = conv.kernel;
        Self([Axis::new(padded_height + 1 - m, m), Axis::new(padded_width + 1 - n, n)])
    }

    pub(super) fn size(&self) -> [usize; 2] {
        self.0.map(|axis| axis.size)
    }

    /// First output row and column of every tile.
    pub(super) fn tiles(&self) -> Vec<[usize; 2]> {
        let [rows, columns] = self.0;
        (0..rows.tiles)
            .flat_map(|p| (0..columns.tiles).map(move |q| [p * rows.step, q * columns.step]))
            .collect()
    }
}
