//! Ganglion cells that stand anywhere on the retina.

use std::sync::{Arc, Mutex, PoisonError};

use convis_kernels::integrate_and_fire::Noise;
use convis_kernels::random::{Key, Use, uniform};
use convis_kernels::unit_spikes::{Adaptation, ReadOut, UnitNeuron, UnitState, unit_spikes};
use convis_kernels::{Real, Signal};

use super::description::schema::Value;
use super::description::{CellArray, LogPolar, SpikingChannel};
use crate::layer::{Layer, Output, Part, Scope};
use crate::parameter::{Parameter, Range, Spec};
use crate::spiking::{first_step, keep_step};
use crate::tensor::Numbers;
use crate::tensor::buffer::Buffer;
use crate::{DType, Error, Resolution, Result, Tensor};

const fn spec(name: &'static str, unit: &'static str, doc: &'static str, default: f64, range: Range) -> Spec {
    Spec { name, unit, doc, default, range, differentiable: false }
}

const SPECS: [Spec; 4] = [
    spec(
        "g_L",
        "Hz",
        "Leak conductance: a cell fires steadily when its current exceeds this.",
        50.0,
        Range::Positive,
    ),
    spec(
        "noise_sigma",
        "",
        "Standard deviation of the membrane potential due to noise, had it no threshold (threshold: 1).",
        0.0,
        Range::NonNegative,
    ),
    spec("refr_mu", "s", "Mean refractory period after a spike.", 0.003, Range::NonNegative),
    spec(
        "refr_sigma",
        "s",
        "Standard deviation of the refractory period, drawn anew at every spike.",
        0.0,
        Range::NonNegative,
    ),
];

const ADAPTATION_SPECS: [Spec; 3] = [
    spec("delta_g", "Hz", "Growth of the adapting conductance at a spike.", 0.0, Range::NonNegative),
    spec("tau_g", "s", "Time constant of its decay.", 0.1, Range::Positive),
    spec("E_g", "", "Its reversal potential.", 0.0, Range::Any),
];

/// Where a cell stands, relative to the middle of the image.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct CellPlace {
    /// To the right, deg.
    pub x_deg: f64,
    /// Down, deg.
    pub y_deg: f64,
}

/// Cells of a population on images of one size.
#[derive(Clone, Debug, PartialEq)]
pub struct Cells {
    /// Their places; the number of a cell is its index here.
    pub places: Vec<CellPlace>,
    /// Rows and columns of the movie of their spikes: those of the grid, or one row.
    pub grid: (usize, usize),
    /// Whether a grid is numbered column by column, as Virtual Retina does, instead of row by row.
    pub by_columns: bool,
}

/// A population has no more cells than this; they and their state need some gigabytes.
const MOST_CELLS: usize = 1 << 24;

/// The rule by which cells stand, for images of any size.
#[derive(Clone, Debug)]
pub(super) struct ArrayRule {
    channel: SpikingChannel,
    log_polar: Option<LogPolar>,
    pixels_per_degree: f64,
    /// Pixels at the border that automatic arrays leave free, both sides together.
    border_px: f64,
    key: Key,
}

impl ArrayRule {
    pub fn new(
        channel: SpikingChannel,
        log_polar: Option<LogPolar>,
        pixels_per_degree: f64,
        border_px: f64,
        key: Key,
    ) -> Self {
        Self { channel, log_polar, pixels_per_degree, border_px, key }
    }

    /// Rows and columns of the image that an array covers, pixels; `None` where there is a cell at every pixel, or where
    /// cells are given one by one without an array.
    fn covered_px(&self, (height, width): (usize, usize)) -> Option<[f64; 2]> {
        // The largest array that leaves the border free; a larger one is reduced to it.
        let largest = |size: usize| (size as f64 - self.border_px.floor()).max(1.0);
        let size = |wanted_deg: f64, largest: f64| {
            if wanted_deg > 0.0 { (wanted_deg * self.pixels_per_degree).min(largest) } else { largest }
        };
        match self.channel.array.as_ref()? {
            CellArray::Square(array) => {
                Some([size(array.size_y_deg, largest(height)), size(array.size_x_deg, largest(width))])
            }
            CellArray::Circular(array) => Some([size(array.diameter_deg, largest(height.min(width))); 2]),
        }
    }

    /// Rows and columns that [`Self::covered_px`] says, in whole pixels; all of the map where it says none.
    pub fn covered_size(&self, map: (usize, usize)) -> (usize, usize) {
        self.covered_px(map).map_or(map, |[rows, columns]| {
            ((rows.ceil() as usize).min(map.0), (columns.ceil() as usize).min(map.1))
        })
    }

    /// Rows and columns of the maps that are computed for this array: what it covers and the border, at most the image.
    pub fn map_size(&self, image: (usize, usize)) -> (usize, usize) {
        self.covered_px(image).map_or(image, |covered| {
            let side =
                |covered: f64, image: usize| (covered + self.border_px.floor()).ceil().min(image as f64);
            (side(covered[0], image.0) as usize, side(covered[1], image.1) as usize)
        })
    }

    /// The cells on maps of this size. (What an array covers of a map is what it covers of the image.)
    ///
    /// # Errors
    /// If there were more than can be simulated; the argument is the attribute that says how many.
    pub fn cells(&self, map: (usize, usize)) -> Result<Cells> {
        if !self.channel.units.is_empty() {
            let place = |unit: &super::description::Unit| CellPlace {
                x_deg: unit.x_offset_deg,
                y_deg: unit.y_offset_deg,
            };
            let places: Vec<CellPlace> = self.channel.units.iter().map(place).collect();
            return Ok(Cells { grid: (1, places.len()), places, by_columns: false });
        }
        let cells = match (&self.channel.array, self.covered_px(map)) {
            (Some(CellArray::Square(array)), Some(covered)) => {
                let (density, noise) = (array.uniform_density_inv_deg, array.position_noise);
                self.square(covered, density, noise)?
            }
            (Some(CellArray::Circular(array)), Some([diameter_px, _])) => {
                let (density, noise) = (array.fovea_density_inv_deg, array.position_noise);
                self.circular(diameter_px / self.pixels_per_degree / 2.0, density, noise)?
            }
            _ => {
                let degree = |i: usize, size: usize| (i as f64 - size as f64 / 2.0) / self.pixels_per_degree;
                let place =
                    |i: usize| CellPlace { x_deg: degree(i % map.1, map.1), y_deg: degree(i / map.1, map.0) };
                Cells { places: (0..map.0 * map.1).map(place).collect(), grid: map, by_columns: false }
            }
        };
        Ok(cells)
    }

    /// Refuses an array of too many cells before it is made.
    fn too_many(&self, attribute: &str, density: f64, side_deg: [f64; 2]) -> Error {
        let expected = format!(
            "at most {MOST_CELLS} cells (density, or size, or pixels in a degree are not as meant: the array has {} × {} \
             deg at {} pixels/deg)",
            Value::Number(round(side_deg[0])),
            Value::Number(round(side_deg[1])),
            Value::Number(self.pixels_per_degree)
        );
        Error::argument(attribute, expected, format!("{} cells per deg", Value::Number(density)))
    }

    /// A uniform number in −1 … 1: number `i` of cell `cell`.
    fn random(&self, cell: usize, i: u64) -> f64 {
        2.0 * uniform(self.key, 0, cell, Use::Start, i) - 1.0
    }

    /// `⌊size·density⌋` cells per side, columns one after the other, as the original numbers them.
    fn square(&self, covered_px: [f64; 2], density: f64, noise: f64) -> Result<Cells> {
        // A hair above, so that 1.3·10 is 13.
        let side = |px: f64| ((px / self.pixels_per_degree * density + 1e-9).floor() as usize).max(1);
        let (rows, columns) = (side(covered_px[0]), side(covered_px[1]));
        if rows.saturating_mul(columns) > MOST_CELLS {
            let sides_deg = covered_px.map(|px| px / self.pixels_per_degree);
            return Err(self.too_many("square-array.uniform-density__inv-deg", density, sides_deg));
        }
        let place = |i: usize| {
            let at = |k: usize, n: usize| (k as f64 - (n as f64 - 1.0) / 2.0) / density;
            let jitter = |axis| if noise > 0.0 { noise / density * self.random(i, axis) } else { 0.0 };
            CellPlace { x_deg: at(i / rows, columns) + jitter(0), y_deg: at(i % rows, rows) + jitter(1) }
        };
        let places = (0..rows * columns).map(place).collect();
        Ok(Cells { places, grid: (rows, columns), by_columns: true })
    }

    /// Rings at equal steps of integrated density, each turned by a random angle.
    fn circular(&self, radius_deg: f64, density: f64, noise: f64) -> Result<Cells> {
        let flat = LogPolar { scaling_factor_outside_fovea_inv_deg: 0.0, ..LogPolar::default() };
        let scheme = self.log_polar.as_ref().unwrap_or(&flat);
        let (fovea, k) = (scheme.fovea_radius_deg, scheme.scaling_factor_outside_fovea_inv_deg);
        let ring_radius = |n: usize| {
            let s = n as f64 / density;
            if s <= fovea || k == 0.0 { s } else { fovea + (k * (s - fovea)).exp_m1() / k }
        };
        let mut places = vec![];
        for n in 0.. {
            let r = ring_radius(n);
            if r > radius_deg + 1e-9 {
                break;
            }
            let around = std::f64::consts::TAU * density * scheme.relative_density(r) * r;
            let cells = if n == 0 { 1 } else { (around + 1e-9).floor() as usize };
            if n > MOST_CELLS || cells > MOST_CELLS - places.len() {
                let attribute = "circular-array.fovea-density__inv-deg";
                return Err(self.too_many(attribute, density, [2.0 * radius_deg; 2]));
            }
            let turn = std::f64::consts::TAU * uniform(self.key, 1, n, Use::Start, 0);
            for i in 0..cells {
                let jitter = if noise > 0.0 { noise / density * self.random(places.len(), 0) } else { 0.0 };
                let angle = turn + std::f64::consts::TAU * i as f64 / cells as f64;
                places
                    .push(CellPlace { x_deg: (r + jitter) * angle.cos(), y_deg: (r + jitter) * angle.sin() });
            }
        }
        Ok(Cells { grid: (1, places.len()), places, by_columns: false })
    }
}

/// To four digits or so, as sizes are read.
fn round(deg: f64) -> f64 {
    (deg * 100.0).round() / 100.0
}

/// Ganglion cells as noisy leaky integrate-and-fire neurons that stand on a square grid, on rings, or wherever they are
/// put.
///
/// # Equation
/// ```text
/// dV/dt = I − g·V + η;   at V = 1 a spike, then V = 0 for a refractory period drawn from N(μ, s²)
/// ```
/// I is the current at the place of the cell, read bilinearly, constant within a step; spike times are exact:
/// [`convis_kernels::unit_spikes`], which also has the adapting conductance of `spiking-channel-adap`.
///
/// A cell at (x, y) degrees reads the map at column W/2 + x·(pixels per degree), row H/2 + y·(pixels per degree), clamped.
///
/// # Shapes
/// Input I (Hz) `[batch, channel, time, height, width]`. Output: spikes per step as bytes, `[batch, channel, time, rows,
/// columns]` with the rows and columns of the grid, or one row. The exact times go to the run's recorder, numbered by cell:
/// for a square grid column by column. State, one number per cell in the order of the map: `V`, `refractory` (steps),
/// `current` (where steps see the one before), `G` (with adaptation); `step`.
///
/// # Parameters
/// | symbol | name | unit | default |
/// |---|---|---|---|
/// | g | `g_L` | Hz | 50 |
/// | σ | `noise_sigma` | – | 0 |
/// | μ | `refr_mu` | s | 0.003 |
/// | s | `refr_sigma` | s | 0 |
/// | ΔG, τ_G, E_G | `delta_g`, `tau_g`, `E_g` (with adaptation only) | Hz, s, – | 0, 0.1, 0 |
///
/// Spikes carry no gradient.
///
/// # Source
/// Wohrer & Kornprobst 2009 (J. Comput. Neurosci. 26:219), ganglion-cell spike generation and cell arrays.
///
/// # Example
/// ```
/// use convis::retina::GanglionArray;
/// use convis::retina::description::{SpikingChannel, Unit};
/// use convis::{GradientMode, Recorder, Resolution, State, Tensor, call, noise};
/// // One cell, between the pixels of its map.
/// let units = vec![Unit { x_offset_deg: 0.05, ..Unit::default() }];
/// let cell = GanglionArray::new(SpikingChannel { units, ..SpikingChannel::default() }, Resolution::default())?;
/// let current = Tensor::from_vec(vec![100.0f64; 1000 * 12], &[1, 1, 1000, 3, 4])?;
/// let mut recorder = Recorder { spikes: true, ..Recorder::default() };
/// let mut state = State::new(noise::next_model());
/// let y = call(&cell, &current, &mut state, GradientMode::Off, Some(&mut recorder))?;
/// assert_eq!(y.first()?.shape(), [1, 1, 1000, 1, 1]);
/// // Intervals of ln 2/50 s and the refractory period of 3 ms.
/// let spikes = &recorder.events[""];
/// assert_eq!(spikes.len(), 59);
/// assert!((spikes[0].time_s(0.001) - 2.0f64.ln() / 50.0).abs() < 1e-12);
/// # Ok::<(), convis::Error>(())
/// ```
pub struct GanglionArray {
    rule: ArrayRule,
    parameters: [Parameter; 4],
    adaptation: Option<[Parameter; 3]>,
    random_start: bool,
    delayed: bool,
    /// Cells and their read-out for the last size of the map.
    cells: Mutex<Option<Arc<Prepared>>>,
    resolution: Resolution,
}

struct Prepared {
    map: (usize, usize),
    grid: (usize, usize),
    read_out: ReadOut,
    /// For every cell in the order of the map: where it is on the grid; `None` where that is the order of the map.
    on_grid: Option<Vec<usize>>,
}

impl Prepared {
    /// Frames of cells in the order of the map, as they are on the grid.
    fn on_grid(&self, counts: Buffer<u8>) -> Buffer<u8> {
        let Some(places) = &self.on_grid else { return counts };
        Buffer::filled_by(counts.len(), |out| {
            for (out, counts) in out.chunks_mut(places.len()).zip(counts.chunks(places.len())) {
                for (&place, &count) in places.iter().zip(counts) {
                    out[place] = count;
                }
            }
        })
        .0
    }
}

impl GanglionArray {
    /// The cells of a spiking channel, which cover the whole map unless its array says how much.
    ///
    /// # Errors
    /// If a value of the channel is out of range.
    pub fn new(channel: SpikingChannel, resolution: Resolution) -> Result<Self> {
        let key = Key::new(0, 0, "array of cells", 0);
        let rule = ArrayRule::new(channel, None, resolution.pixel_per_degree(), 0.0, key);
        Self::with_rule(rule, false, resolution)
    }

    /// Cells that stand by a rule; `delayed`: steps see the current of the step before.
    pub(super) fn with_rule(rule: ArrayRule, delayed: bool, resolution: Resolution) -> Result<Self> {
        let channel = &rule.channel;
        let values = [channel.g_leak_hz, channel.sigma_v, channel.refractory_mean_s, channel.refractory_sd_s];
        let parameters = SPECS.map(Parameter::new);
        parameters.iter().zip(values).try_for_each(|(parameter, value)| parameter.set(value))?;
        let adaptation = channel.adaptation.as_ref().map(|adaptation| {
            let parameters = ADAPTATION_SPECS.map(Parameter::new);
            let values = [adaptation.delta_g_hz, adaptation.tau_s, adaptation.reversal];
            parameters.iter().zip(values).try_for_each(|(parameter, value)| parameter.set(value))?;
            Ok::<_, Error>(parameters)
        });
        Ok(Self {
            random_start: channel.random_init,
            adaptation: adaptation.transpose()?,
            rule,
            parameters,
            delayed,
            cells: Mutex::new(None),
            resolution,
        })
    }

    fn prepared(&self, map: (usize, usize)) -> Result<Arc<Prepared>> {
        let mut known = self.cells.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(prepared) = &*known
            && prepared.map == map
        {
            return Ok(prepared.clone());
        }
        let cells = self.rule.cells(map)?;
        if cells.places.is_empty() {
            return Err(Error::argument("spiking-channel", "at least one cell", "none"));
        }
        let ppd = self.resolution.pixel_per_degree();
        let place =
            |cell: &CellPlace| [map.0 as f64 / 2.0 + ppd * cell.y_deg, map.1 as f64 / 2.0 + ppd * cell.x_deg];
        let places: Vec<[f64; 2]> = cells.places.iter().map(place).collect();
        let read_out = ReadOut::new(&places, map.0, map.1);
        let (rows, columns) = cells.grid;
        let place = |&cell: &u32| {
            let cell = cell as usize;
            if cells.by_columns { cell % rows * columns + cell / rows } else { cell }
        };
        let on_grid: Vec<usize> = read_out.order().iter().map(place).collect();
        let on_grid = on_grid.iter().enumerate().any(|(i, &place)| i != place).then_some(on_grid);
        Ok(known.insert(Arc::new(Prepared { map, grid: cells.grid, read_out, on_grid })).clone())
    }

    fn neuron(&self) -> UnitNeuron {
        let [g, sigma, mu, sd] = self.parameters.each_ref().map(Parameter::scalar);
        UnitNeuron {
            leak_hz: g,
            noise_sigma: sigma,
            refractory_mean_s: mu,
            refractory_sd_s: sd,
            adaptation: self.adaptation.as_ref().map(|parameters| {
                let [delta_hz, tau_s, reversal] = parameters.each_ref().map(Parameter::scalar);
                Adaptation { delta_hz, tau_s, reversal }
            }),
            delayed: self.delayed,
            step_s: self.resolution.step_s(),
        }
    }

    fn spikes<T: Numbers + Real>(&self, input: &Tensor, scope: &mut Scope<'_>) -> Result<Tensor> {
        let signal = input.signal()?;
        let prepared = self.prepared((signal.height, signal.width))?;
        let read_out = &prepared.read_out;
        let first_step = first_step(scope);
        let noise = Noise { key: scope.key(), first_step };
        let shape = [input.shape()[0], input.shape()[1], 1, 1, read_out.len()];
        let zeros = || vec![T::zero(); signal.planes * read_out.len()];
        let mut v = kept(scope, "V", &shape, || self.start::<T>(noise.key, &signal, read_out.len()))?;
        let mut refractory = kept(scope, "refractory", &shape, zeros)?;
        let mut current = kept(scope, "current", &shape, zeros)?;
        let mut conductance = kept(scope, "G", &shape, zeros)?;
        let currents = input.numbers::<T>().unwrap_or_default();
        let mut events = scope.wants_spikes().then(Vec::new);
        let len = signal.planes * signal.frames * read_out.len();
        let (counts, ()) = Buffer::filled_by(len, |counts| {
            let state = UnitState {
                potential: &mut v,
                refractory: &mut refractory,
                current: &mut current,
                conductance: &mut conductance,
            };
            unit_spikes(signal, read_out, &self.neuron(), noise, currents, state, counts, events.as_mut());
        });
        if let Some(events) = events {
            scope.record_spikes(events);
        }
        let arrays = [
            ("V", v, true),
            ("refractory", refractory, true),
            ("current", current, self.delayed),
            ("G", conductance, self.adaptation.is_some()),
        ];
        for (name, numbers, _) in arrays.into_iter().filter(|array| array.2) {
            scope.keep(name, Tensor::from_vec(numbers, &shape)?);
        }
        keep_step(scope, first_step + signal.frames as u64)?;
        let (rows, columns) = prepared.grid;
        let counts = prepared.on_grid(counts);
        let shape = [input.shape()[0], input.shape()[1], signal.frames, rows, columns];
        Tensor::from_buffer(counts, &shape)
    }

    /// Potentials before the first step: 0, or uniform in [0, 1).
    fn start<T: Real>(&self, key: Key, signal: &Signal, cells: usize) -> Vec<T> {
        let at = |i: usize| uniform(key, i / cells, i % cells, Use::Start, 0);
        (0..signal.planes * cells).map(|i| if self.random_start { T::of(at(i)) } else { T::zero() }).collect()
    }
}

/// A state array of this layer.
fn kept<T: Numbers>(
    scope: &Scope<'_>,
    name: &str,
    shape: &[usize],
    start: impl FnOnce() -> Vec<T>,
) -> Result<Vec<T>> {
    let Some(array) = scope.kept(name) else { return Ok(start()) };
    match array.numbers::<T>() {
        Some(numbers) if array.shape() == shape => Ok(numbers.to_vec()),
        _ => Err(Error::argument(
            format!("state {name} of an array of cells"),
            format!("{} numbers of shape {shape:?}; call clear_state() to start anew", T::DTYPE),
            format!("{} numbers of shape {:?}", array.dtype(), array.shape()),
        )),
    }
}

impl Layer for GanglionArray {
    fn kind(&self) -> &'static str {
        "GanglionArray"
    }

    fn doc(&self) -> &'static str {
        "Ganglion cells as noisy leaky integrate-and-fire neurons with a refractory period, on a square grid, on rings, \
         or wherever they are put."
    }

    fn parts(&self) -> Vec<Part<'_>> {
        self.parameters.iter().chain(self.adaptation.iter().flatten()).map(Part::Parameter).collect()
    }

    fn resolution(&self) -> Resolution {
        self.resolution
    }

    fn forward(&self, input: &Tensor, scope: &mut Scope<'_>) -> Result<Output> {
        Ok(match input.dtype() {
            DType::F64 => self.spikes::<f64>(input, scope)?.into(),
            DType::F32 => self.spikes::<f32>(input, scope)?.into(),
            DType::U8 => self.spikes::<f32>(&input.cast(DType::F32), scope)?.into(),
        })
    }
}
