//! A movie of firing rates from spikes.

use std::collections::VecDeque;

use crate::retina::description::{RetinaDescription, cell_numbers};
use crate::{Error, Result};

/// The place that the spikes of a cell fill.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Footprint {
    /// A square; of 2·`radius_px` pixels a side where that is a whole number.
    Square,
    /// A disc.
    #[default]
    Disc,
}

/// How long a spike is seen.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum SpikeKernel {
    /// The same for `latency_frames` frames.
    Box,
    /// `exp(−i/latency)` for frames `i` < 5·latency.
    #[default]
    Exponential,
}

/// What pixels are divided by.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Normalisation {
    /// Nothing: spikes per second, spread over the pixels of a footprint.
    Total,
    /// The number of cells per pixel: what a cell contributes is the same everywhere.
    Density,
    /// The sum of the footprints of all cells: the mean rate of the cells nearby, in Hz.
    #[default]
    MeanRate,
}

/// How a movie is made from spikes.
///
/// | name | unit | default |
/// |---|---|---|
/// | `height`, `width` | pixels | – |
/// | `frame_s` duration of a frame | s | – |
/// | `footprint`, `radius_px` r in the fovea | pixels | disc, 1 |
/// | `kernel`, `latency_frames` ℓ | frames | exponential, 10 |
/// | `normalisation` | | mean rate |
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ReconstructionOptions {
    /// Rows.
    pub height: usize,
    /// Columns.
    pub width: usize,
    /// Duration of a frame, s.
    pub frame_s: f64,
    /// Shape of the place that a cell fills.
    pub footprint: Footprint,
    /// Radius of a disc, half the side of a square, in the fovea.
    pub radius_px: f64,
    /// How long a spike is seen.
    pub kernel: SpikeKernel,
    /// Its length.
    pub latency_frames: f64,
    /// What pixels are divided by.
    pub normalisation: Normalisation,
}

impl ReconstructionOptions {
    /// The defaults for movies of this size.
    pub fn new(height: usize, width: usize, frame_s: f64) -> Self {
        Self {
            height,
            width,
            frame_s,
            footprint: Footprint::default(),
            radius_px: 1.0,
            kernel: SpikeKernel::default(),
            latency_frames: 10.0,
            normalisation: Normalisation::default(),
        }
    }

    fn check(&self) -> Result<()> {
        const MOST_PIXELS: usize = 1 << 28;
        if !(1..=MOST_PIXELS).contains(&self.height.saturating_mul(self.width)) {
            let found = format!("{} × {}", self.height, self.width);
            return Err(Error::argument("size", format!("1 to {MOST_PIXELS} pixels"), found));
        }
        let positive = |name, value: f64, most: f64| {
            if value > 0.0 && value <= most {
                return Ok(());
            }
            Err(Error::argument(name, format!("a number above 0, at most {most}"), value))
        };
        positive("frame_s", self.frame_s, 1e6)?;
        positive("radius_px", self.radius_px, 1e4)?;
        positive("latency_frames", self.latency_frames, 1e4)
    }

    /// Weights of a spike in the frames from its own on; their sum times the duration of a frame is 1.
    fn weights(&self) -> Vec<f64> {
        let weights: Vec<f64> = match self.kernel {
            SpikeKernel::Box => vec![1.0; (self.latency_frames.round() as usize).max(1)],
            SpikeKernel::Exponential => {
                let frames = (5.0 * self.latency_frames).ceil() as usize;
                (0..frames).map(|i| (-(i as f64) / self.latency_frames).exp()).collect()
            }
        };
        let sum: f64 = weights.iter().sum();
        weights.into_iter().map(|weight| weight / (sum * self.frame_s)).collect()
    }
}

/// A cell whose spikes are seen.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct CellOnScreen {
    /// Column of its place; whole numbers are the middles of pixels.
    pub x_px: f64,
    /// Row of its place.
    pub y_px: f64,
    /// Density of cells there relative to the fovea, D.
    pub relative_density: f64,
    /// Cells per pixel along a line in the fovea.
    pub density_per_px: f64,
}

/// A movie of firing rates, made from spikes frame by frame.
///
/// # Equation
/// With n_c(k) the spikes of cell c in the frame before k (a spike at time t is seen from frame ⌈t/frame⌉ on), K the
/// kernel, normalised to Σᵢ K(i)·frame = 1, and F_c(p) the footprint:
/// ```text
/// r_c(k) = Σᵢ K(i)·n_c(k − i)                                 rate of a cell, Hz
/// F_c(p) = 1/(pixels of the footprint), for pixels within r/D of the cell, 0 elsewhere; of a square, without
///          the border on the right and below, so that it has 2r/D pixels a side
///          total:               M(k, p) = Σ_c F_c(p)·r_c(k)
///          density, mean rate:  F_c is divided by (cells per pixel)² at c
///          mean rate:           M(k, p) is divided by Σ_c F_c(p), and is 0 where no cell reaches
/// ```
/// A footprint has one pixel at least: that of the cell.
///
/// # Source
/// Wohrer & Kornprobst 2009, the program `ReconstructRetina`.
///
/// # Example
/// ```
/// use convis::analysis::{CellOnScreen, Reconstruction, ReconstructionOptions, SpikeKernel};
/// let options = ReconstructionOptions {
///     kernel: SpikeKernel::Box,
///     latency_frames: 2.0,
///     ..ReconstructionOptions::new(1, 3, 0.1)
/// };
/// let cell = CellOnScreen { x_px: 0.0, y_px: 0.0, relative_density: 1.0, density_per_px: 1.0 };
/// let mut movie = Reconstruction::new(options, vec![cell])?;
/// // One spike in a box of two frames of 0.1 s is a rate of 5 Hz, where the cell is seen.
/// assert_eq!(movie.next_frame(&[0])?, [5.0, 5.0, 0.0]);
/// assert_eq!(movie.next_frame(&[])?, [5.0, 5.0, 0.0]);
/// assert_eq!(movie.next_frame(&[])?, [0.0, 0.0, 0.0]);
/// # Ok::<(), convis::Error>(())
/// ```
#[derive(Debug)]
pub struct Reconstruction {
    options: ReconstructionOptions,
    weights: Vec<f64>,
    /// Pixels of every cell, and what one of them gets.
    footprints: Vec<(Vec<usize>, f64)>,
    /// What pixels are multiplied by.
    scale: Vec<f64>,
    /// Spikes of the frames that are still seen, the latest first.
    seen: VecDeque<Vec<u32>>,
    rates_hz: Vec<f64>,
    frame: Vec<f64>,
}

impl Reconstruction {
    /// Begins a movie of these cells.
    ///
    /// # Errors
    /// If sizes, durations or densities are not positive.
    pub fn new(options: ReconstructionOptions, cells: Vec<CellOnScreen>) -> Result<Self> {
        options.check()?;
        let mut footprints = vec![];
        for (i, cell) in cells.iter().enumerate() {
            let numbers = [cell.x_px, cell.y_px, cell.relative_density, cell.density_per_px];
            let valid = numbers.iter().all(|x| x.is_finite()) && numbers[2] > 0.0 && numbers[3] > 0.0;
            if !valid {
                let expected = "a finite place and densities above 0";
                return Err(Error::argument(format!("cell {i}"), expected, format!("{cell:?}")));
            }
            footprints.push(footprint(&options, cell));
        }
        let pixels = options.height * options.width;
        let mut scale = vec![1.0; pixels];
        if options.normalisation == Normalisation::MeanRate {
            let mut sums = vec![0.0; pixels];
            for (pixels, share) in &footprints {
                for &pixel in pixels {
                    sums[pixel] += share;
                }
            }
            for (scale, sum) in scale.iter_mut().zip(sums) {
                *scale = if sum > 0.0 { 1.0 / sum } else { 0.0 };
            }
        }
        let cells = footprints.len();
        Ok(Self {
            options,
            weights: options.weights(),
            footprints,
            scale,
            seen: VecDeque::new(),
            rates_hz: vec![0.0; cells],
            frame: vec![0.0; pixels],
        })
    }

    /// The number of the frame from which on a spike at `time_s` is seen.
    pub fn frame_of(&self, time_s: f64) -> u64 {
        // A time on a border must not fall behind it by rounding.
        (time_s / self.options.frame_s * (1.0 - 4.0 * f64::EPSILON)).ceil().max(0.0) as u64
    }

    /// The next frame, row by row, from the cells that spike in it, each as often as it spikes.
    ///
    /// # Errors
    /// If there is no such cell.
    pub fn next_frame(&mut self, spikes: &[u32]) -> Result<&[f64]> {
        let cells = self.footprints.len();
        if let Some(cell) = spikes.iter().find(|cell| **cell as usize >= cells) {
            return Err(Error::argument("spikes", format!("cells below {cells}"), cell));
        }
        if self.seen.len() == self.weights.len() {
            self.seen.pop_back();
        }
        self.seen.push_front(spikes.to_vec());
        self.rates_hz.fill(0.0);
        for (spikes, weight) in self.seen.iter().zip(&self.weights) {
            for &cell in spikes {
                self.rates_hz[cell as usize] += weight;
            }
        }
        self.frame.fill(0.0);
        for ((pixels, share), &rate_hz) in self.footprints.iter().zip(&self.rates_hz) {
            if rate_hz > 0.0 {
                for &pixel in pixels {
                    self.frame[pixel] += share * rate_hz;
                }
            }
        }
        for (number, scale) in self.frame.iter_mut().zip(&self.scale) {
            *number *= scale;
        }
        Ok(&self.frame)
    }
}

/// The pixels of a cell, as far as they are seen, and what each gets.
fn footprint(options: &ReconstructionOptions, cell: &CellOnScreen) -> (Vec<usize>, f64) {
    // Farther away nothing is seen, and wider nothing changes but the share.
    let radius = (options.radius_px / cell.relative_density).min(1e8);
    let (x, y) = (cell.x_px.clamp(-1e9, 1e9), cell.y_px.clamp(-1e9, 1e9));
    let (mut pixels, mut all) = (vec![], 0.0);
    let first_of = |middle: f64, half: f64| (middle - half).ceil();
    let last_of = |middle: f64, half: f64| match options.footprint {
        Footprint::Square => (middle + half).ceil() - 1.0,
        Footprint::Disc => (middle + half).floor(),
    };
    let columns_of = |row: f64| {
        let half = match options.footprint {
            Footprint::Square => radius,
            Footprint::Disc => (radius * radius - (row - y).powi(2)).max(0.0).sqrt(),
        };
        (first_of(x, half), last_of(x, half))
    };
    let (first, last) = (first_of(y, radius), last_of(y, radius));
    if last - first > 4.0 * options.height as f64 {
        // More rows than can be looked at one by one: the area of the footprint.
        all = match options.footprint {
            Footprint::Square => 4.0 * radius * radius,
            Footprint::Disc => std::f64::consts::PI * radius * radius,
        };
    } else {
        for row in first as i64..=last as i64 {
            let (left, right) = columns_of(row as f64);
            all += (right - left + 1.0).max(0.0);
        }
    }
    let mut see = |row: usize, left: f64, right: f64| {
        if right >= 0.0 && left < options.width as f64 {
            let columns = left.max(0.0) as usize..=(right as usize).min(options.width - 1);
            pixels.extend(columns.map(|column| row * options.width + column));
        }
    };
    let on_screen = |row: f64| row >= 0.0 && row < options.height as f64;
    if all == 0.0 {
        all = 1.0;
        if on_screen(y.round()) {
            see(y.round() as usize, x.round(), x.round());
        }
    } else if last >= 0.0 && first < options.height as f64 {
        for row in first.max(0.0) as usize..=(last as usize).min(options.height - 1) {
            let (left, right) = columns_of(row as f64);
            see(row, left, right);
        }
    }
    let per_area = match options.normalisation {
        Normalisation::Total => 1.0,
        _ => (cell.density_per_px * cell.relative_density).powi(2),
    };
    (pixels, 1.0 / (all * per_area))
}

/// A saved cell, and on which layer it is.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct SavedCell {
    /// Its number in files of spikes.
    pub id: u32,
    /// Number of its layer.
    pub layer: usize,
    /// Where it is seen on maps of the simulation's size.
    pub on_screen: CellOnScreen,
}

/// The cells of a saved description, on maps of this size.
///
/// Cells without a number have those of [`cell_numbers`].
///
/// # Errors
/// If two cells have the same number.
pub fn saved_cells(
    description: &RetinaDescription,
    (height, width): (usize, usize),
) -> Result<Vec<SavedCell>> {
    let on = description.enabled_only();
    let ppd = on.retina.pixels_per_degree;
    let mut cells: Vec<SavedCell> = vec![];
    let units = on.ganglion_layers.iter().filter_map(|layer| layer.spiking.as_ref()).flat_map(|c| &c.units);
    let own: Vec<Option<u32>> = units.map(|unit| unit.id).collect();
    let mut numbers = cell_numbers(&own).into_iter();
    let mut ids = std::collections::HashSet::new();
    for (layer, ganglion) in on.ganglion_layers.iter().enumerate() {
        let Some(channel) = &ganglion.spiking else { continue };
        let density_inv_deg = match &channel.array {
            Some(crate::retina::description::CellArray::Square(array)) => array.uniform_density_inv_deg,
            Some(crate::retina::description::CellArray::Circular(array)) => array.fovea_density_inv_deg,
            None => ppd,
        };
        for (unit, id) in channel.units.iter().zip(&mut numbers) {
            if !ids.insert(id) {
                return Err(Error::argument(
                    "mvaspike-id",
                    "another number for every unit",
                    format!("{id} twice"),
                ));
            }
            let eccentricity_deg = unit.x_offset_deg.hypot(unit.y_offset_deg);
            let scheme = on.log_polar.as_ref();
            cells.push(SavedCell {
                id,
                layer,
                on_screen: CellOnScreen {
                    x_px: width as f64 / 2.0 + ppd * unit.x_offset_deg,
                    y_px: height as f64 / 2.0 + ppd * unit.y_offset_deg,
                    relative_density: scheme.map_or(1.0, |s| s.relative_density(eccentricity_deg)),
                    density_per_px: density_inv_deg / ppd,
                },
            });
        }
    }
    Ok(cells)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cell(x_px: f64, y_px: f64) -> CellOnScreen {
        CellOnScreen { x_px, y_px, relative_density: 1.0, density_per_px: 0.5 }
    }

    #[test]
    fn every_spike_counts_one_over_time_and_space() {
        for kernel in [SpikeKernel::Box, SpikeKernel::Exponential] {
            for footprint in [Footprint::Square, Footprint::Disc] {
                let options = ReconstructionOptions {
                    kernel,
                    footprint,
                    radius_px: 3.0,
                    latency_frames: 4.0,
                    normalisation: Normalisation::Total,
                    ..ReconstructionOptions::new(20, 20, 0.005)
                };
                let mut movie = Reconstruction::new(options, vec![cell(9.5, 10.25)]).unwrap();
                let mut sum = 0.0;
                for k in 0..40 {
                    let spikes: &[u32] = if k == 3 { &[0, 0] } else { &[] };
                    sum += movie.next_frame(spikes).unwrap().iter().sum::<f64>() * 0.005;
                }
                assert!((sum - 2.0).abs() < 1e-12, "{sum}");
            }
        }
    }

    #[test]
    fn a_steady_rate_is_seen_as_it_is() {
        let cells: Vec<CellOnScreen> =
            (0..25).map(|i| cell(f64::from(2 * (i % 5)), f64::from(2 * (i / 5)))).collect();
        let options = ReconstructionOptions { radius_px: 1.5, ..ReconstructionOptions::new(9, 9, 0.01) };
        let mut movie = Reconstruction::new(options, cells).unwrap();
        // Every cell once per frame: 100 Hz everywhere, at borders too.
        let all: Vec<u32> = (0..25).collect();
        let mut last = vec![];
        for _ in 0..60 {
            last = movie.next_frame(&all).unwrap().to_vec();
        }
        assert!(last.iter().all(|rate| (rate - 100.0).abs() < 1e-9), "{last:?}");
        // Half of them at twice the rate is the same mean in the middle; a hole stays 0.
        let options = ReconstructionOptions { radius_px: 1.0, ..ReconstructionOptions::new(1, 5, 0.01) };
        let mut movie = Reconstruction::new(options, vec![cell(0.0, 0.0)]).unwrap();
        assert_eq!(movie.next_frame(&[0]).unwrap()[2..], [0.0; 3]);
    }

    #[test]
    fn squares_have_as_many_pixels_as_they_are_wide() {
        for (x_px, y_px) in [(9.0, 9.0), (9.5, 9.25)] {
            for side in 1..6u32 {
                let options = ReconstructionOptions {
                    footprint: Footprint::Square,
                    radius_px: f64::from(side) / 2.0,
                    ..ReconstructionOptions::new(20, 20, 0.01)
                };
                let mut movie = Reconstruction::new(options, vec![cell(x_px, y_px)]).unwrap();
                let seen = movie.next_frame(&[0]).unwrap().iter().filter(|rate| **rate > 0.0).count();
                assert_eq!(seen, (side * side) as usize, "{x_px} {y_px} {side}");
            }
        }
    }

    #[test]
    fn a_spike_is_not_seen_before_it_happens() {
        let movie = Reconstruction::new(ReconstructionOptions::new(1, 1, 0.005), vec![]).unwrap();
        let frames = [0.0, 0.001, 0.005, 0.005_01, 0.015, 0.3].map(|time_s| movie.frame_of(time_s));
        assert_eq!(frames, [0, 1, 1, 2, 3, 60]);
    }

    #[test]
    fn far_and_wide_cells_cost_nothing_and_wrong_ones_are_refused() {
        let options = ReconstructionOptions { radius_px: 1e4, ..ReconstructionOptions::new(2, 2, 0.1) };
        let wide = CellOnScreen { relative_density: 1e-300, ..cell(1e300, -1e300) };
        assert!(Reconstruction::new(options, vec![wide]).is_ok());
        assert!(Reconstruction::new(options, vec![cell(f64::NAN, 0.0)]).is_err());
        assert!(Reconstruction::new(ReconstructionOptions { frame_s: 0.0, ..options }, vec![]).is_err());
        assert!(Reconstruction::new(options, vec![]).unwrap().next_frame(&[0]).is_err());
    }

    #[test]
    fn saved_cells_are_where_the_simulation_reads_them() {
        let mut description = RetinaDescription::preset("primate").unwrap();
        for (layer, ids) in [(1, [4, 5]), (3, [0, 1])] {
            for id in ids {
                let unit =
                    crate::retina::description::Unit { x_offset_deg: 2.0, y_offset_deg: -1.0, id: Some(id) };
                description.ganglion_layers[layer].spiking.as_mut().unwrap().units.push(unit);
            }
        }
        let cells = saved_cells(&description, (100, 200)).unwrap();
        assert_eq!(
            cells.iter().map(|cell| (cell.id, cell.layer)).collect::<Vec<_>>(),
            [(4, 1), (5, 1), (0, 3), (1, 3)]
        );
        let seen = cells[0].on_screen;
        assert_eq!((seen.x_px, seen.y_px, seen.density_per_px), (140.0, 30.0, 1.0));
        assert!((seen.relative_density - 1.0 / 5f64.sqrt()).abs() < 1e-12);
        description.ganglion_layers[0].spiking = description.ganglion_layers[1].spiking.clone();
        assert!(saved_cells(&description, (100, 200)).unwrap_err().to_string().contains("4 twice"));
    }
}
