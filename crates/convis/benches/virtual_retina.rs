//! Speed of retinas made from descriptions, on one thread, beside the numbers recorded of Virtual Retina 2.2.3.
//!
//! ```text
//! cargo bench -p convis --bench virtual_retina      # prints name,variant,value,unit
//! ```
//! `Mpixel-steps/s` counts pixels of the maps times steps, per second of one core; `× original` divides by what the
//! original reached per CPU second (one thread, -O2, the same machine type). Every number is the best of several repeats.

use std::hint::black_box;
use std::ops::ControlFlow;
use std::time::Instant;

use convis::kernels::integrate_and_fire::Noise;
use convis::kernels::random::Key;
use convis::kernels::unit_spikes::{ReadOut, UnitNeuron, UnitState, unit_spikes};
use convis::kernels::{Signal, parallel};
use convis::retina::description::{CellArray, GanglionLayer, RetinaDescription, SquareArray};
use convis::retina::{Compatibility, Retina, VirtualRetinaOptions};
use convis::run::{Frames, RunOptions, run};
use convis::{NoiseId, Result, State, Tensor};

const NOISE: NoiseId = NoiseId { seed: 1, model: 0, trial: 0 };

fn line(name: &str, variant: &str, value: f64, unit: &str) {
    println!("{name},{variant},{value:.4},{unit}");
}

/// Frames of moving texture, luminance 0 to 255: one chunk that is shown again and again.
struct Texture {
    movie: Tensor,
    left: usize,
}

impl Texture {
    fn new(height: usize, width: usize, frames: usize) -> Self {
        let chunk = (1 << 19) / (height * width);
        let numbers = (0..chunk * height * width).map(|i| {
            let (t, p, q) = (i / (height * width), i / width % height, i % width);
            127.5 + 100.0 * (0.31 * q as f32 + 0.17 * p as f32 - 0.05 * t as f32).sin()
        });
        let movie = Tensor::from_vec(numbers.collect(), &[1, 1, chunk, height, width]).expect("sizes fit");
        Self { movie, left: frames }
    }
}

impl Frames for Texture {
    fn next_frames(&mut self, most: usize) -> Result<Option<Tensor>> {
        let frames = most.min(self.left).min(self.movie.shape()[2]);
        self.left -= frames;
        (frames > 0).then(|| self.movie.frames(0, frames)).transpose()
    }

    fn is_checked(&self) -> bool {
        true
    }
}

/// The primate of the presets, uniform, at a step of 1 ms, without spikes.
fn primate(layers: usize) -> RetinaDescription {
    let mut description = RetinaDescription::preset("primate").expect("a preset");
    description.retina.temporal_step_s = 0.001;
    description.log_polar = None;
    description.ganglion_layers.truncate(layers);
    description
}

fn with_square_arrays(mut description: RetinaDescription) -> RetinaDescription {
    // One cell per pixel.
    let density = description.retina.pixels_per_degree;
    let array = SquareArray { uniform_density_inv_deg: density, ..SquareArray::default() };
    for GanglionLayer { spiking, .. } in &mut description.ganglion_layers {
        if let Some(channel) = spiking {
            channel.array = Some(CellArray::Square(array.clone()));
        }
    }
    description
}

/// Seconds of one core for so many frames, the best of a few runs; and spikes.
fn seconds(retina: &Retina, [height, width]: [usize; 2], frames: usize, spikes: bool) -> (f64, usize) {
    let options = RunOptions { spikes, ..RunOptions::default() };
    let mut state = State::new(NOISE);
    let mut best = (f64::INFINITY, 0);
    for _ in 0..4 {
        let (mut count, mut source) = (0, Texture::new(height, width, frames));
        let begin = Instant::now();
        run(retina, &mut source, &mut state, &options, &mut |chunk| {
            count += chunk.recorder.events.values().map(Vec::len).sum::<usize>();
            black_box(&chunk.output);
            Ok(ControlFlow::Continue(()))
        })
        .expect("the model runs");
        best = if begin.elapsed().as_secs_f64() < best.0 {
            (begin.elapsed().as_secs_f64(), count)
        } else {
            best
        };
    }
    best
}

fn retina_job(
    name: &str,
    description: &RetinaDescription,
    size: [usize; 2],
    frames: usize,
    spikes: bool,
    original: Option<f64>,
) {
    let conventions =
        [("as Virtual Retina", Compatibility::VIRTUAL_RETINA), ("as this library", Compatibility::NONE)];
    for (variant, compatibility) in conventions {
        let options = VirtualRetinaOptions {
            compatibility,
            without_spikes: !spikes,
            ..VirtualRetinaOptions::default()
        };
        let retina = Retina::virtual_retina(description, options).expect("a valid description");
        let (time, count) = seconds(&retina, size, frames, spikes);
        let rate = (size[0] * size[1] * frames) as f64 / time / 1e6;
        line(name, variant, rate, "Mpixel-steps/s");
        if let Some(original) = original {
            line(name, variant, rate / original, "× original");
        }
        if spikes {
            line(name, variant, count as f64 / time / 1e6, "Mspikes/s");
        }
    }
}

/// The spike stage by itself: one cell per pixel, currents of a retina at work.
fn spike_job(variant: &str, noise_sigma: f64, refractory_sd_s: f64) {
    let signal = Signal { planes: 1, frames: 100, height: 168, width: 168 };
    let currents: Vec<f32> = (0..signal.len())
        .map(|i| 70.0 + 40.0 * ((i % 168) as f32 * 0.2 + (i / 28_224) as f32 * 0.05).sin())
        .collect();
    let places: Vec<[f64; 2]> =
        (0..28_224).map(|i| [f64::from(i % 168) + 0.25, f64::from(i / 168) + 0.5]).collect();
    let cells = ReadOut::new(&places, 168, 168);
    let neuron = UnitNeuron {
        leak_hz: 50.0,
        noise_sigma,
        refractory_mean_s: 0.003,
        refractory_sd_s,
        adaptation: None,
        delayed: true,
        step_s: 0.001,
    };
    let [mut v, mut r, mut i, mut g] = std::array::from_fn(|_| vec![0.0f32; cells.len()]);
    let mut spikes = vec![0; signal.frames * cells.len()];
    let (mut best, mut count) = (f64::INFINITY, 0);
    for repeat in 0..8 {
        let mut events = vec![];
        let noise = Noise { key: Key::new(1, 0, "", 0), first_step: repeat * 100 };
        let state = UnitState { potential: &mut v, refractory: &mut r, current: &mut i, conductance: &mut g };
        let begin = Instant::now();
        unit_spikes(signal, &cells, &neuron, noise, &currents, state, &mut spikes, Some(&mut events));
        best = best.min(begin.elapsed().as_secs_f64());
        count = events.len();
    }
    line("spike stage", variant, spikes.len() as f64 / best / 1e6, "Mneuron-steps/s");
    line("spike stage", variant, 1000.0 * count as f64 / spikes.len() as f64, "Hz per cell");
}

/// Resident memory in megabytes, where the system tells.
fn resident_mb() -> f64 {
    let statm = std::fs::read_to_string("/proc/self/statm").unwrap_or_default();
    statm.split_whitespace().nth(1).and_then(|pages| pages.parse::<f64>().ok()).unwrap_or(f64::NAN) * 4096e-6
}

/// Growth of memory over 100,000 steps while spikes stream away.
fn memory_job() {
    let mut description = with_square_arrays(primate(4));
    description.retina.pixels_per_degree = 5.0;
    let retina = Retina::virtual_retina(&description, VirtualRetinaOptions::default()).expect("a preset");
    let options = RunOptions { spikes: true, ..RunOptions::default() };
    let (mut done, mut before, mut spikes) = (0, f64::NAN, 0);
    let mut source = Texture::new(32, 32, 100_000);
    run(&retina, &mut source, &mut State::new(NOISE), &options, &mut |chunk| {
        done += chunk.frames;
        spikes += chunk.recorder.events.values().map(Vec::len).sum::<usize>();
        if before.is_nan() && done >= 10_000 {
            before = resident_mb();
        }
        Ok(ControlFlow::Continue(()))
    })
    .expect("the model runs");
    line("memory, 100000 steps", "growth after a tenth", resident_mb() - before, "MB");
    line("memory, 100000 steps", "spikes", spikes as f64, "spikes");
}

fn main() {
    parallel::with_threads(1, || {
        let opl = {
            let mut description = primate(0);
            description.contrast_gain_control = None;
            description
        };
        retina_job("OPL, heat, 640x480", &opl, [480, 640], 60, false, None);
        let mut separable = opl.clone();
        separable.outer_plexiform = match separable.outer_plexiform {
            convis::retina::description::OuterPlexiform::Linear(linear) => {
                convis::retina::description::OuterPlexiform::Linear(convis::retina::description::LinearOpl {
                    leaky_heat: false,
                    ..linear
                })
            }
            other @ convis::retina::description::OuterPlexiform::LuminanceGainControl(_) => other,
        };
        retina_job("OPL, separable, 640x480", &separable, [480, 640], 60, false, None);
        retina_job("OPL, 224x224", &opl, [224, 224], 200, false, Some(38.0));
        retina_job("OPL and gain control, 224x224", &primate(0), [224, 224], 200, false, Some(12.5));
        retina_job("four layers, 224x224", &primate(4), [224, 224], 200, false, Some(6.6));
        let arrays = with_square_arrays(primate(4));
        retina_job("four layers of one cell per pixel, 224x224", &arrays, [224, 224], 200, true, Some(1.2));
        spike_job("without noise", 0.0, 0.0);
        spike_job("with noise", 0.1, 0.001);
        memory_job();
    });
}
