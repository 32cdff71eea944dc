//! Spike times of cells.

use std::collections::BTreeMap;
use std::ops::ControlFlow;

use convis::kernels::integrate_and_fire::Noise;
use convis::kernels::random::Key;
use convis::kernels::unit_spikes::{ReadOut, UnitNeuron, UnitState, unit_spikes};
use convis::retina::description::{CellArray, RetinaDescription, Unit};
use convis::retina::{Retina, VirtualRetinaOptions};
use convis::run::{Movie, RunOptions, run};
use convis::{DType, NoiseId, State, Tensor};

use super::{shown, tolerance};
use crate::compare::{NOISE, Outcome, chunkings, deviation, text};
use crate::file::Golden;

/// Largest difference of spike times, s. In single precision currents are off by some 10⁻⁶ of their largest, and a cell
/// whose current barely exceeds its leak turns that into microseconds: I = 50.2 Hz at a leak of 50 Hz, 0.1 s per Hz.
fn tolerance_s(dtype: DType) -> f64 {
    if dtype == DType::F64 { 1e-6 } else { 1e-5 }
}

/// Seeds that the distributions of noisy cells are gathered from.
const SEEDS: u64 = 4;

/// Spike times of every cell, by its number in the file.
type Trains = BTreeMap<u32, Vec<f64>>;

pub fn compare(
    golden: &Golden,
    description: &RetinaDescription,
    options: VirtualRetinaOptions,
) -> Result<Outcome, String> {
    let cells = Recorded::read(golden)?;
    let own = cells.places_are_ours(golden, description, options)?;
    let described = cells.placed(description)?;
    let retina = Retina::virtual_retina(&described, options).map_err(text)?;
    let want = trains(&golden.numbers("spike_id")?, &golden.numbers("spike_t")?);
    let channels = described.ganglion_layers.iter().filter_map(|layer| layer.spiking.as_ref());
    let random = channels.into_iter().any(|c| c.random_init || c.sigma_v > 0.0 || c.refractory_sd_s > 0.0);
    if description.log_polar.is_some() {
        let what = with_defect(golden, &described, options, &cells, &want)?;
        return Ok(Outcome::Passed(format!("{what}; {own}")));
    }
    currents(golden, &retina)?;
    let what = if random {
        distributions(golden, &retina, &cells, &want)?
    } else {
        exact(golden, &retina, &cells, &want)?
    };
    Ok(Outcome::Passed(format!("{what}; {own}")))
}

/// Where the file says its cells are.
pub struct Recorded {
    /// Number of the cell, layer, place.
    cells: Vec<(u32, usize, Unit)>,
}

impl Recorded {
    fn read(golden: &Golden) -> Result<Self, String> {
        let numbers = golden.numbers("cells_id_layer_xdeg_ydeg")?;
        let cell = |c: &[f64]| {
            let unit = Unit { x_offset_deg: c[2], y_offset_deg: c[3], id: Some(c[0] as u32) };
            (c[0] as u32, c[1] as usize, unit)
        };
        Ok(Self { cells: numbers.chunks_exact(4).map(cell).collect() })
    }

    /// Cells of one layer, in the order of the file.
    pub fn of_layer(&self, layer: usize) -> Vec<&(u32, usize, Unit)> {
        self.cells.iter().filter(|cell| cell.1 == layer).collect()
    }

    /// The description with these cells in place of the rules that made them.
    fn placed(&self, description: &RetinaDescription) -> Result<RetinaDescription, String> {
        let mut description = description.clone();
        for (i, layer) in description.ganglion_layers.iter_mut().enumerate() {
            if let Some(channel) = &mut layer.spiking {
                channel.units = self.of_layer(i).iter().map(|cell| cell.2.clone()).collect();
                if channel.units.is_empty() {
                    return Err(format!("no cell of layer {i} is recorded"));
                }
            }
        }
        Ok(description)
    }

    /// Compares the cells that we would place: square grids in place and number, rings (whose angles are random) by the
    /// distances of their cells from the middle.
    fn places_are_ours(
        &self,
        golden: &Golden,
        description: &RetinaDescription,
        options: VirtualRetinaOptions,
    ) -> Result<String, String> {
        let shape = golden.shape("input")?;
        let ours = Retina::cells(description, options, (shape[1], shape[2])).map_err(text)?;
        let mut count = 0;
        for (i, layer) in description.ganglion_layers.iter().enumerate() {
            let want = self.of_layer(i);
            let got = ours.get(&i).ok_or_else(|| format!("layer {i} has no cells"))?;
            if want.len() != got.places.len() {
                return Err(format!("layer {i} has {} cells instead of {}", got.places.len(), want.len()));
            }
            let is_square = layer
                .spiking
                .as_ref()
                .is_some_and(|channel| matches!(channel.array, Some(CellArray::Square(_))));
            for (got, want) in got.places.iter().zip(&want) {
                let (x, y) = (want.2.x_offset_deg, want.2.y_offset_deg);
                // The file holds six digits.
                let apart = if is_square {
                    (got.x_deg - x).abs().max((got.y_deg - y).abs())
                } else {
                    (got.x_deg.hypot(got.y_deg) - x.hypot(y)).abs()
                };
                if apart > 2e-5 {
                    return Err(format!("layer {i}: a cell at {got:?} instead of ({x}, {y})"));
                }
                count += 1;
            }
        }
        Ok(format!("{count} cells where we would put them"))
    }
}

fn trains(ids: &[f64], times: &[f64]) -> Trains {
    let mut trains = Trains::new();
    for (&id, &t) in ids.iter().zip(times) {
        trains.entry(id as u32).or_default().push(t);
    }
    trains
}

/// The last map of every layer's current.
fn currents(golden: &Golden, retina: &Retina) -> Result<(), String> {
    for dtype in [DType::F32, DType::F64] {
        let input = shown(golden, dtype)?;
        let stages: Vec<String> = golden
            .names_after("ganglion_")
            .filter_map(|name| name.strip_suffix("_last"))
            .map(|i| format!("gang_{i}_input"))
            .collect();
        let movies = super::run_stages(retina, &input, &stages, &[input.shape()[2]])?;
        for stage in &stages {
            let name = format!("{}_last", stage.replace("gang", "ganglion").replace("_input", ""));
            let last = movies[stage].frames(input.shape()[2] - 1, 1).map_err(text)?;
            let deviation = deviation(&last.to_f64(), &golden.numbers(&name)?)?;
            if deviation > tolerance(dtype) {
                return Err(format!("{name} in {dtype}: {deviation:.2e} of max"));
            }
        }
    }
    Ok(())
}

/// The spikes of all cells, run in these chunks.
pub fn run_spikes(
    retina: &Retina,
    cells: &Recorded,
    input: &Tensor,
    noise: NoiseId,
    chunks: &[usize],
) -> Result<Trains, String> {
    use convis::Layer;
    let step_s = retina.resolution().step_s();
    let mut state = State::new(noise);
    let mut trains = Trains::new();
    let mut first = 0;
    for &frames in chunks {
        let mut part = Movie::new(input.frames(first, frames).map_err(text)?).map_err(text)?;
        let options = RunOptions { chunk: Some(frames), spikes: true, ..RunOptions::default() };
        run(retina, &mut part, &mut state, &options, &mut |chunk| {
            for (path, spikes) in chunk.recorder.events {
                let layer = path.split('_').nth(1).and_then(|i| i.parse().ok()).unwrap_or(usize::MAX);
                let recorded = cells.of_layer(layer);
                for spike in spikes {
                    let id = recorded[spike.pixel as usize].0;
                    trains.entry(id).or_default().push(spike.time_s(step_s));
                }
            }
            Ok(ControlFlow::Continue(()))
        })
        .map_err(text)?;
        first += frames;
    }
    Ok(trains)
}

/// Spikes of the currents that the defect of the log-polar scheme makes.
fn with_defect(
    golden: &Golden,
    description: &RetinaDescription,
    options: VirtualRetinaOptions,
    cells: &Recorded,
    want: &Trains,
) -> Result<String, String> {
    let input = shown(golden, DType::F64)?;
    let defect = super::defect_of(description, options, &input)?;
    let shape = input.shape().to_vec();
    let signal = input.signal().map_err(text)?;
    let (ppd, step_s) = (description.retina.pixels_per_degree, description.retina.temporal_step_s);
    let mut got = Trains::new();
    for (i, maps) in defect.ganglion.iter().enumerate() {
        let last = format!("ganglion_{i}_last");
        let deviation = deviation(&maps[maps.len() - 1], &golden.numbers(&last)?)?;
        if deviation > tolerance(DType::F64) {
            return Err(format!("{last} by the equations of the defect: {deviation:.2e} of max"));
        }
        let recorded = cells.of_layer(i);
        let place = |cell: &&(u32, usize, Unit)| {
            [
                shape[3] as f64 / 2.0 + ppd * cell.2.y_offset_deg,
                shape[4] as f64 / 2.0 + ppd * cell.2.x_offset_deg,
            ]
        };
        let places: Vec<[f64; 2]> = recorded.iter().map(place).collect();
        let read_out = ReadOut::new(&places, shape[3], shape[4]);
        let channel = description.ganglion_layers[i].spiking.as_ref().ok_or("a layer does not spike")?;
        let neuron = UnitNeuron {
            leak_hz: channel.g_leak_hz,
            noise_sigma: 0.0,
            refractory_mean_s: channel.refractory_mean_s,
            refractory_sd_s: 0.0,
            adaptation: None,
            delayed: true,
            step_s,
        };
        let [mut v, mut r, mut c, mut g] = std::array::from_fn(|_| vec![0.0f64; places.len()]);
        let state = UnitState { potential: &mut v, refractory: &mut r, current: &mut c, conductance: &mut g };
        let noise = Noise { key: Key::new(0, 0, "", 0), first_step: 0 };
        let (mut dense, mut events) = (vec![0; signal.frames * places.len()], vec![]);
        let currents = maps.concat();
        unit_spikes(signal, &read_out, &neuron, noise, &currents, state, &mut dense, Some(&mut events));
        for spike in events {
            got.entry(recorded[spike.pixel as usize].0).or_default().push(spike.time_s(step_s));
        }
    }
    // The rings' random angles are known from the file alone, which gives places to six digits: 10⁻⁶ degrees move a spike by
    // some microseconds.
    let worst = same_trains(&got, want, 1e-5)?;
    let spikes: usize = want.values().map(Vec::len).sum();
    Ok(format!("the defect of the log-polar scheme restated, {spikes} spikes within {worst:.1e} s"))
}

/// The largest difference of spike times, if cells and numbers of spikes are the same and none is larger than `most`.
fn same_trains(got: &Trains, want: &Trains, most: f64) -> Result<f64, String> {
    if got.keys().ne(want.keys()) {
        return Err(format!("{} cells spike instead of {}", got.len(), want.len()));
    }
    let mut worst = 0.0f64;
    for (id, want) in want {
        let got = &got[id];
        if got.len() != want.len() {
            return Err(format!("cell {id} has {} spikes instead of {}", got.len(), want.len()));
        }
        for (got, want) in got.iter().zip(want) {
            worst = worst.max((got - want).abs());
            if (got - want).abs() > most {
                return Err(format!("cell {id} spikes at {got} s instead of {want} s"));
            }
        }
    }
    Ok(worst)
}

/// Same cells, same number of spikes of each, same times.
fn exact(golden: &Golden, retina: &Retina, cells: &Recorded, want: &Trains) -> Result<String, String> {
    let mut worst = 0.0f64;
    for dtype in [DType::F32, DType::F64] {
        let input = shown(golden, dtype)?;
        for chunks in chunkings(None, input.shape()[2]) {
            let got = run_spikes(retina, cells, &input, NOISE, &chunks)?;
            let most =
                same_trains(&got, want, tolerance_s(dtype)).map_err(|why| format!("{why} ({dtype})"))?;
            if dtype == DType::F64 {
                worst = worst.max(most);
            }
        }
    }
    let spikes: usize = want.values().map(Vec::len).sum();
    Ok(format!("{spikes} spikes of {} cells within {worst:.1e} s", want.len()))
}

/// Rates of cells and intervals between spikes have the same distribution, layer by layer (Kolmogorov & Smirnov, p > 0.01).
fn distributions(
    golden: &Golden,
    retina: &Retina,
    cells: &Recorded,
    want: &Trains,
) -> Result<String, String> {
    let input = shown(golden, DType::F32)?;
    let frames = input.shape()[2];
    let runs: Vec<Trains> = (0..SEEDS)
        .map(|seed| run_spikes(retina, cells, &input, NoiseId { seed, ..NOISE }, &[frames]))
        .collect::<Result<_, _>>()?;
    let layers = cells.cells.iter().map(|cell| cell.1).max().map_or(0, |last| last + 1);
    let mut least = 1.0f64;
    for layer in 0..layers {
        let ids: Vec<u32> = cells.of_layer(layer).iter().map(|cell| cell.0).collect();
        let none = vec![];
        let train = |trains: &Trains, id: u32| trains.get(&id).unwrap_or(&none).clone();
        let rates =
            |trains: &Trains| -> Vec<f64> { ids.iter().map(|&id| train(trains, id).len() as f64).collect() };
        let intervals = |trains: &Trains| -> Vec<f64> {
            let of =
                |id: &u32| train(trains, *id).windows(2).map(|pair| pair[1] - pair[0]).collect::<Vec<_>>();
            ids.iter().flat_map(of).collect()
        };
        for (what, of) in [("rates", &rates as &dyn Fn(&Trains) -> Vec<f64>), ("intervals", &intervals)] {
            let ours: Vec<f64> = runs.iter().flat_map(of).collect();
            let p = kolmogorov_smirnov(ours, of(want));
            least = least.min(p);
            if p <= 0.01 {
                return Err(format!("{what} of layer {layer} have another distribution: p = {p:.2e}"));
            }
        }
    }
    Ok(format!("rates and intervals of {layers} layers agree, p ≥ {least:.2}"))
}

/// The probability of two samples being so different if their distribution is one.
fn kolmogorov_smirnov(mut a: Vec<f64>, mut b: Vec<f64>) -> f64 {
    a.sort_by(f64::total_cmp);
    b.sort_by(f64::total_cmp);
    let part = |x: &[f64], at: f64| x.partition_point(|&x| x <= at) as f64 / x.len() as f64;
    let d = a.iter().chain(&b).fold(0.0f64, |d, &x| d.max((part(&a, x) - part(&b, x)).abs()));
    let n = (a.len() * b.len()) as f64 / (a.len() + b.len()) as f64;
    let z = (n.sqrt() + 0.12 + 0.11 / n.sqrt()) * d;
    let term = |k: i32| 2.0 * f64::from(1 - 2 * ((k + 1) % 2)) * (-2.0 * f64::from(k * k) * z * z).exp();
    if z < 0.2 { 1.0 } else { (1..100).map(term).sum::<f64>().clamp(0.0, 1.0) }
}
