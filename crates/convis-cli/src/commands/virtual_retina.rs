//! `convis virtual-retina`: a retina described by a file, on a sequence of frames.

use std::collections::BTreeMap;
use std::fs;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::time::Instant;

use clap::Args;
use convis::layer::stages;
use convis::retina::description::{RetinaDescription, Unit};
use convis::retina::{Cells, Compatibility, EyeTrace, Retina, VirtualRetinaOptions};
use convis::run::{Chunk, Frames, RunOptions, run};
use convis::state::NoiseId;
use convis::{DType, State, Tensor};
use convis_io::{
    FrameSource, InrWriter, OpenOptions, SimulationIndex, SpikeEvent, SpikeFormat, SpikeWriter,
    write_description,
};

use super::convert::{description, make_folder};
use crate::error::{Error, Result};
use crate::held_frames::{HeldFrames, Timing};
use crate::progress::Progress;
use crate::rate::Rate;
use crate::text::{counted, say, wrapped};
use crate::{interrupt, with_threads};

/// Run a retina that a file describes, as the program Retina of Virtual Retina
///
/// Options may be written with one dash, as there: an old script runs with one word changed. Numbers are those of that
/// program (Deriche's blur, one step of delay between stages, a start adapted to half the range), unless --modern asks
/// for those of this library.
#[derive(Args, Debug)]
#[command(
    allow_negative_numbers = true,
    after_long_help = "\
Writes into -outD:
  spikes.spk       a line `unit time_s` per spike, in the order of time
  retina.xml       the description with all units, their places and numbers
  simulation.txt   what was shown, for `convis reconstruct`
  and, with -savemap or -saveCP, a movie .inr of every stage or its middle pixel

Luminance: pictures and video go from 0 to 255, arrays of floating-point numbers
and .inr are taken as they are; input-luminosity-range says what is white.

Examples:
  convis virtual-retina walk/*.pgm -ret primate.xml -r 8
  convis virtual-retina walk.inr -ret cat.xml -r 8 -initVal 100 -savemap
  convis virtual-retina walk.gif -ret preset:parasol -outD results -seed 3

Ctrl-C ends the run and keeps what was finished; a second one ends it at once."
)]
#[allow(clippy::struct_excessive_bools)] // independent switches
pub struct VirtualRetinaArguments {
    /// The frames, one file each or several in one: pictures, folders, GIF, .npy, .inr, video
    #[arg(value_name = "FRAMES")]
    frames: Vec<String>,

    /// The description: .xml, .toml, .json, or preset:NAME
    #[arg(long, value_name = "FILE")]
    ret: String,

    /// Steps for which each frame is shown
    #[arg(short, value_name = "STEPS", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..))]
    r: u32,

    /// Luminance to which the retina is adapted at the start [default: half the range]
    #[arg(long = "initVal", value_name = "LUMINANCE")]
    initial: Option<f64>,

    /// A file with names of frames, one in a line
    #[arg(short, value_name = "FILE", conflicts_with = "frames")]
    i: Option<PathBuf>,

    /// Enlarge the frames so many times
    #[arg(short, value_name = "NUMBER", default_value_t = 1, value_parser = clap::value_parser!(u8).range(1..=64))]
    f: u8,

    /// First frame to show, from 0
    #[arg(long, value_name = "FRAME", default_value_t = 0)]
    bf: u64,

    /// Last frame to show [default: the last one]
    #[arg(long, value_name = "FRAME")]
    ef: Option<u64>,

    /// Column of the frames where the middle of the retina is; what is not symmetric around it is cut off
    #[arg(short, value_name = "PIXEL")]
    x: Option<u32>,

    /// Row of the frames where the middle of the retina is
    #[arg(short, value_name = "PIXEL")]
    y: Option<u32>,

    /// The folder for results, made if there is none
    #[arg(long = "outD", value_name = "FOLDER", default_value = ".")]
    folder: PathBuf,

    /// Write a movie of every stage
    #[arg(long)]
    savemap: bool,

    /// Write the middle pixel of every stage
    #[arg(long = "saveCP")]
    save_middle: bool,

    /// Write every so many steps of movies
    #[arg(long = "nS", value_name = "STEPS", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..))]
    every: u32,

    /// What is printed: 0 nothing, 1 a summary, 2 and 3 also what is simulated
    #[arg(short, value_name = "0..3", default_value_t = 1, value_parser = clap::value_parser!(u8).range(..=3))]
    q: u8,

    /// Nothing is displayed; accepted so that old scripts run
    #[arg(long)]
    nodisp: bool,

    /// Warn of names that a description does not have instead of refusing them
    #[arg(long)]
    lenient: bool,

    /// Compute as this library does by default, not as Virtual Retina
    #[arg(long)]
    modern: bool,

    /// Compute in single precision: about twice as fast, spike times within some microseconds
    #[arg(long)]
    single: bool,

    /// Seed of the noise, of microsaccades and of the places of cells
    #[arg(long, value_name = "NUMBER", default_value_t = 0)]
    seed: u64,

    /// Significant digits of times in spikes.spk (Virtual Retina wrote 6) [default: all]
    #[arg(long, value_name = "NUMBER", value_parser = clap::value_parser!(u8).range(1..=17))]
    digits: Option<u8>,

    /// Threads to use; results do not depend on it [default: all processors]
    #[arg(long, value_name = "NUMBER", value_parser = clap::value_parser!(u16).range(1..=1024))]
    threads: Option<u16>,
}

/// Runs a described retina.
pub fn virtual_retina(arguments: &VirtualRetinaArguments) -> Result<()> {
    interrupt::listen()?;
    with_threads(arguments.threads, || simulate(arguments))
}

fn simulate(arguments: &VirtualRetinaArguments) -> Result<()> {
    let described = description(&arguments.ret, arguments.lenient)?.enabled_only();
    if let Some(initial) = arguments.initial
        && !initial.is_finite()
    {
        return Err(Error::Usage(format!("--initVal: a luminance expected, {initial} found")));
    }
    let options = VirtualRetinaOptions {
        compatibility: if arguments.modern { Compatibility::NONE } else { Compatibility::VIRTUAL_RETINA },
        initial_luminance: arguments.initial,
        array_seed: arguments.seed,
        without_spikes: false,
    };
    let retina = Retina::virtual_retina(&described, options)?;
    let names = frame_names(arguments)?;
    let source = Selection::open(&names, arguments)?;
    let size = (source.height(), source.width());
    let maps = Retina::map_size(&described, options, size)?;
    let cells = Retina::cells(&described, options, size)?;

    let rate = 1.0 / described.retina.temporal_step_s;
    let steps = Rate::of(rate)
        .ok_or_else(|| Error::Failed(format!("{}: a step between 1 ns and 10⁶ s expected", arguments.ret)))?;
    let seconds = steps.seconds.saturating_mul(arguments.r.into());
    let frames = Rate { events: steps.events, seconds };
    let timing = Timing { frames, steps, lead_in: 0, interpolate: false, most_frames: None };
    let frames = HeldFrames::new(Box::new(source), &timing)?;
    let length = frames.steps();
    let precision = if arguments.single { DType::F32 } else { DType::F64 };
    let mut frames = Precise { frames, precision };

    make_folder(&arguments.folder)?;
    let mut results = Results::create(arguments, &retina, &described, &cells)?;
    if arguments.q > 1 {
        say(&overview(arguments, &described, &cells, size, maps))?;
    }
    let progress = Progress::new(length, steps, arguments.q == 0);
    let noise = NoiseId { seed: arguments.seed, model: 0, trial: 0 };
    let begin = Instant::now();
    let done = results.fill(&retina, &mut frames, noise, &progress)?;
    if done == 0 {
        return Err(if interrupt::requested() {
            Error::Interrupted("interrupted before anything was finished: no file was written".into())
        } else {
            Error::Failed("no frame to show: --bf and --ef leave none of the frames".into())
        });
    }
    let seconds = done as f64 * described.retina.temporal_step_s;
    let spikes = results.finish()?;
    write_description(arguments.folder.join("retina.xml"), &with_units(&described, &cells))?;
    let index = SimulationIndex {
        retina: "retina.xml".into(),
        spikes: "spikes.spk".into(),
        input: names,
        repetition: arguments.r.into(),
        first_frame: arguments.bf,
        steps: done,
        step_s: described.retina.temporal_step_s,
        width: maps.1 as u64,
        height: maps.0 as u64,
    };
    let ppd = described.retina.pixels_per_degree;
    let eye = EyeTrace::of(&described, noise).into_iter().flatten();
    let eye = eye.map(|gaze| ((ppd * gaze.x_deg).ceil() as i64, (ppd * gaze.y_deg).ceil() as i64));
    index.write(arguments.folder.join("simulation.txt"), eye.take(done as usize))?;

    let folder = arguments.folder.display();
    if interrupt::requested() && length.is_none_or(|length| done < length) {
        let done = counted(done, "step");
        return Err(Error::Interrupted(format!(
            "interrupted: the first {done} ({seconds:.3} s) are in {folder}"
        )));
    }
    if arguments.q == 0 {
        return Ok(());
    }
    let many: usize = cells.values().map(|cells| cells.places.len()).sum();
    let mut text =
        format!("{} ({seconds:.3} s) in {:.2} s", counted(done, "step"), begin.elapsed().as_secs_f64());
    if many > 0 {
        let rate = spikes as f64 / many as f64 / seconds;
        let (spikes, cells) = (counted(spikes, "spike"), counted(many as u64, "cell"));
        text = format!("{text}: {spikes} from {cells}, {rate:.1} Hz each");
    }
    say(&wrapped(&format!("{text}. Written to {folder}"), 0))
}

/// The names of all inputs.
fn frame_names(arguments: &VirtualRetinaArguments) -> Result<Vec<String>> {
    let names: Vec<String> = match &arguments.i {
        None => arguments.frames.clone(),
        Some(path) => {
            let text = fs::read_to_string(path)
                .map_err(|reason| Error::Failed(format!("cannot read {}: {reason}", path.display())))?;
            text.lines().map(str::trim).filter(|line| !line.is_empty()).map(str::to_owned).collect()
        }
    };
    if names.is_empty() {
        return Err(Error::Usage("frames expected: FRAMES, or a file with their names after -i".into()));
    }
    Ok(names)
}

/// What is simulated, in a few lines.
fn overview(
    arguments: &VirtualRetinaArguments,
    described: &RetinaDescription,
    cells: &BTreeMap<usize, Cells>,
    (height, width): (usize, usize),
    maps: (usize, usize),
) -> String {
    let sampling = &described.retina;
    let frames = format!(
        "{}: frames of {height} × {width} pixels, maps of {} × {}, steps of {} s, {} pixels/deg, each frame shown {}.",
        arguments.ret,
        maps.0,
        maps.1,
        sampling.temporal_step_s,
        sampling.pixels_per_degree,
        counted(arguments.r.into(), "step")
    );
    let mut text = wrapped(&frames, 0);
    for (i, layer) in described.ganglion_layers.iter().enumerate() {
        let name =
            layer.name.clone().unwrap_or_else(|| if layer.sign > 0.0 { "ON" } else { "OFF" }.to_owned());
        let many = cells
            .get(&i)
            .map_or_else(|| "no spikes".to_owned(), |cells| counted(cells.places.len() as u64, "cell"));
        text.push_str(&wrapped(&format!("layer {i}: {name}, {many}"), 2));
    }
    text
}

/// The description with every cell, numbered through all layers.
fn with_units(described: &RetinaDescription, cells: &BTreeMap<usize, Cells>) -> RetinaDescription {
    let mut saved = described.clone();
    let mut id = 0;
    for (i, cells) in cells {
        let Some(channel) = saved.ganglion_layers[*i].spiking.as_mut() else { continue };
        let units = cells.places.iter().map(|place| {
            id += 1;
            Unit { x_offset_deg: place.x_deg, y_offset_deg: place.y_deg, id: Some(id - 1) }
        });
        channel.units = units.collect();
    }
    saved
}

/// The files that grow while a retina runs.
struct Results {
    spikes: SpikeWriter,
    /// The stages that spike, and the number of their first cell.
    layers: Vec<(String, u32)>,
    /// Stages that are written: path in the model, name of the file.
    maps: Vec<(String, String)>,
    whole: Vec<InrWriter>,
    middle: Vec<InrWriter>,
    folder: PathBuf,
    savemap: bool,
    save_middle: bool,
    every: u64,
    step_s: f64,
    steps: u64,
}

impl Results {
    fn create(
        arguments: &VirtualRetinaArguments,
        retina: &Retina,
        described: &RetinaDescription,
        cells: &BTreeMap<usize, Cells>,
    ) -> Result<Self> {
        let format = SpikeFormat::Text { digits: arguments.digits.map(usize::from) };
        let mut first = 0;
        let mut layers = vec![];
        for (i, cells) in cells {
            layers.push((format!("gang_{i}_spikes"), first));
            first += cells.places.len() as u32;
        }
        let known = stages(retina);
        let layer = |i: usize| (format!("gang_{i}_input"), format!("ganglion_Layer_{i}"));
        let all = [("opl".to_owned(), "opl".to_owned()), ("bipolar".to_owned(), "bipolar".to_owned())];
        let all = all.into_iter().chain((0..described.ganglion_layers.len()).map(layer));
        let wanted = arguments.savemap || arguments.save_middle;
        Ok(Self {
            spikes: SpikeWriter::create(arguments.folder.join("spikes.spk"), format)?,
            layers,
            maps: all.filter(|(path, _)| wanted && known.contains(path)).collect(),
            whole: vec![],
            middle: vec![],
            folder: arguments.folder.clone(),
            savemap: arguments.savemap,
            save_middle: arguments.save_middle,
            every: arguments.every.into(),
            step_s: described.retina.temporal_step_s,
            steps: 0,
        })
    }

    /// Runs the retina and writes what comes out; the number of steps.
    fn fill(
        &mut self,
        retina: &Retina,
        frames: &mut Precise,
        noise: NoiseId,
        progress: &Progress,
    ) -> Result<u64> {
        let mut state = State::new(noise);
        let options = RunOptions {
            stages: self.maps.iter().map(|(path, _)| path.clone()).collect(),
            spikes: true,
            ..RunOptions::default()
        };
        let mut failure = None;
        let result = run(retina, frames, &mut state, &options, &mut |chunk| {
            let written = self.write(chunk);
            progress.at(self.steps);
            Ok(match written {
                Ok(()) => ControlFlow::Continue(()),
                Err(error) => {
                    failure = Some(error);
                    ControlFlow::Break(())
                }
            })
        });
        progress.clear();
        match (failure, result) {
            (Some(error), _) => Err(error),
            (None, Err(error)) if !interrupt::requested() => Err(error.into()),
            _ => Ok(self.steps),
        }
    }

    fn write(&mut self, chunk: Chunk) -> Result<()> {
        let Chunk { recorder, frames, .. } = chunk;
        let mut spikes = vec![];
        for (path, first) in &self.layers {
            for spike in recorder.events.get(path).into_iter().flatten() {
                spikes.push((spike.step, spike.offset_s, first + spike.pixel));
            }
        }
        // By whole steps first: the order must not depend on where chunks end.
        spikes.sort_unstable_by(|a, b| a.0.cmp(&b.0).then(a.1.total_cmp(&b.1)).then(a.2.cmp(&b.2)));
        for (step, offset_s, unit) in spikes {
            self.spikes.write(SpikeEvent { unit, time_s: step as f64 * self.step_s + offset_s })?;
        }
        for (number, (path, _)) in self.maps.clone().iter().enumerate() {
            let Some(output) = recorder.outputs.get(path) else { continue };
            self.write_map(number, output.first()?, frames)?;
        }
        self.steps += frames as u64;
        Ok(())
    }

    fn write_map(&mut self, number: usize, map: &Tensor, frames: usize) -> Result<()> {
        let [.., height, width] = *map.shape() else { return Ok(()) };
        let name = &self.maps[number].1;
        if self.savemap && self.whole.len() == number {
            self.whole.push(InrWriter::create(self.folder.join(format!("{name}.inr")), height, width)?);
        }
        if self.save_middle && self.middle.len() == number {
            self.middle.push(InrWriter::create(self.folder.join(format!("{name}CP.inr")), 1, 1)?);
        }
        let middle = height / 2 * width + width / 2;
        let numbers = map.to_f64();
        for (frame, numbers) in numbers.chunks_exact(height * width).take(frames).enumerate() {
            if !(self.steps + frame as u64).is_multiple_of(self.every) {
                continue;
            }
            if self.savemap {
                self.whole[number].write_frame(numbers)?;
            }
            if self.save_middle {
                self.middle[number].write_frame(&[numbers[middle]])?;
            }
        }
        Ok(())
    }

    /// Completes all files; the number of spikes.
    fn finish(self) -> Result<u64> {
        for movie in self.whole.into_iter().chain(self.middle) {
            movie.finish()?;
        }
        Ok(self.spikes.finish()?)
    }
}

/// Frames in the precision that the retina is to compute in.
struct Precise {
    frames: HeldFrames,
    precision: DType,
}

impl Frames for Precise {
    fn next_frames(&mut self, most: usize) -> convis::Result<Option<Tensor>> {
        Ok(self.frames.next_frames(most)?.map(|frames| frames.cast(self.precision)))
    }
}

/// The frames that are shown, out of all inputs, cut and enlarged.
struct Selection {
    inputs: std::vec::IntoIter<String>,
    now: Option<Box<dyn FrameSource>>,
    options: OpenOptions,
    /// Size of the inputs' frames.
    size: (usize, usize),
    /// Rows and columns that are used.
    rows: std::ops::Range<usize>,
    columns: std::ops::Range<usize>,
    zoom: usize,
    /// Frames to pass over, and frames to show then.
    skip: u64,
    left: u64,
    hint: Option<u64>,
    frame: Vec<f32>,
}

impl Selection {
    fn open(names: &[String], arguments: &VirtualRetinaArguments) -> Result<Self> {
        let options = OpenOptions { luminance_range: 255.0, ..OpenOptions::default() };
        let first = convis_io::open(&names[0], &options)?;
        let size = (first.height(), first.width());
        let around = |option: &str, middle: Option<u32>, size: usize| {
            let Some(middle) = middle.map(|pixel| pixel as usize) else { return Ok(0..size) };
            if middle >= size {
                return Err(Error::Usage(format!(
                    "{option} {middle}: a pixel from 0 to {} expected",
                    size - 1
                )));
            }
            // The middle of n pixels is pixel ⌊n/2⌋.
            let half = middle.min(size - middle);
            Ok(middle - half..(middle + half).max(middle + 1))
        };
        let (rows, columns) = (around("-y", arguments.y, size.0)?, around("-x", arguments.x, size.1)?);
        let left = match arguments.ef {
            Some(last) if last < arguments.bf => {
                let bf = arguments.bf;
                return Err(Error::Usage(format!("--ef {last}: not before --bf, {bf}")));
            }
            Some(last) => last - arguments.bf + 1,
            None => u64::MAX,
        };
        // Lengths are known without reading where each input is one picture, or where there is one input.
        let all = match (names, first.length_hint()) {
            ([_], hint) => hint,
            (_, Some(1)) if names.iter().all(|name| is_picture(name)) => Some(names.len() as u64),
            _ => None,
        };
        let hint = all.map(|all| all.saturating_sub(arguments.bf).min(left));
        let inputs = names.iter().skip(1).cloned().collect::<Vec<_>>().into_iter();
        Ok(Self {
            inputs,
            now: Some(first),
            options,
            size,
            rows,
            columns,
            zoom: arguments.f.into(),
            skip: arguments.bf,
            left,
            hint,
            frame: vec![0.0; size.0 * size.1],
        })
    }

    /// Reads the next frame of the inputs.
    fn read(&mut self) -> convis_io::Result<bool> {
        loop {
            let Some(now) = &mut self.now else { return Ok(false) };
            if now.next_frame(&mut self.frame)? {
                return Ok(true);
            }
            self.now = match self.inputs.next() {
                None => None,
                Some(name) => {
                    let next = convis_io::open(&name, &self.options)?;
                    if (next.height(), next.width()) != self.size {
                        return Err(convis_io::Error::Malformed {
                            path: name.into(),
                            expected: format!("frames of {} × {} pixels as before", self.size.0, self.size.1),
                            found: format!("{} × {}", next.height(), next.width()),
                            advice: "give frames of one size (height × width)".into(),
                        });
                    }
                    Some(next)
                }
            };
        }
    }
}

/// Whether a name is that of one picture.
fn is_picture(name: &str) -> bool {
    let ending = Path::new(name).extension().unwrap_or_default().to_ascii_lowercase();
    ["png", "pgm", "ppm", "pbm", "pnm", "jpg", "jpeg"].iter().any(|picture| ending == *picture)
}

impl FrameSource for Selection {
    fn height(&self) -> usize {
        self.rows.len() * self.zoom
    }

    fn width(&self) -> usize {
        self.columns.len() * self.zoom
    }

    fn frames_per_second(&self) -> Option<f64> {
        None
    }

    fn length_hint(&self) -> Option<u64> {
        self.hint
    }

    fn next_frame(&mut self, into: &mut [f32]) -> convis_io::Result<bool> {
        while self.skip > 0 {
            if !self.read()? {
                return Ok(false);
            }
            self.skip -= 1;
        }
        if self.left == 0 || !self.read()? {
            return Ok(false);
        }
        self.left -= 1;
        let width = self.width();
        for (row, out) in into.chunks_exact_mut(width).enumerate() {
            let begin = (self.rows.start + row / self.zoom) * self.size.1 + self.columns.start;
            for (column, out) in out.iter_mut().enumerate() {
                *out = self.frame[begin + column / self.zoom];
            }
        }
        Ok(true)
    }
}
