//! `convis virtual-retina`: a retina described by a file, on a sequence of frames.

use std::collections::BTreeMap;
use std::fs;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::time::Instant;

use clap::Args;
use convis::layer::stages;
use convis::retina::description::{OuterPlexiform, RetinaDescription, Unit, cell_numbers};
use convis::retina::{CellPlace, Cells, Compatibility, EyeTrace, Retina, VirtualRetinaOptions};
use convis::run::{Chunk, Frames, RunOptions, run};
use convis::state::NoiseId;
use convis::{State, Tensor};
use convis_io::{
    FrameSource, InrWriter, OpenOptions, SimulationIndex, SpikeEvent, SpikeFormat, SpikeWriter,
    write_description,
};

use super::convert::{description, make_folder};
use crate::error::{Error, Result};
use crate::held_frames::{HeldFrames, Timing};
use crate::model::check_no_input_is_written;
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

With -savemap, a movie of every stage that the description has, and with -saveCP
its middle pixel (the same name with CP); the original made folders of them:
  receptor.inr, horizontal.inr, opl.inr             receptorFrames/ …
  bipolar.inr                                       bipolarFrames/
  cgc_adaptation.inr   conductance of gain control, Hz
  cgc_attenuation.inr  what it leaves of the potential in a step
                       (both with -modern only where it is custom or log-polar)
  ganglion_Layer_0.inr, …                           ganglion_Layer_0/ …

Luminance: pictures and video go from 0 to 255, arrays of floating-point numbers
and .inr are taken as they are; input-luminosity-range says what is white.

Of the programs of Virtual Retina, these have no command of their own:
  TestGanglionCell   a description with one unit and this command, its saveCP
                     and several -seed; in Python, `trials` and `probe`
  lumImage           a picture or .npy of one luminance
  viewVideo          convert .inr to .npy with `convis convert`
-hdf5 is not offered: `convis convert spikes.spk spikes.npz`.

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

    /// Luminance to which the retina is adapted at the start [default: half the range; darkness with --modern]
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

    /// Form of the movies, of which there is one; accepted so that old scripts run
    #[arg(long, value_name = "inr", value_parser = ["inr"])]
    format: Option<String>,

    /// Warn of names that a description does not have instead of refusing them
    #[arg(long)]
    lenient: bool,

    /// Compute as this library does by default, not as Virtual Retina
    #[arg(long)]
    modern: bool,

    /// Compute in single precision: 1.3 to 1.4 times as fast, spike times within some microseconds
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
    // A luminance to adapt to says that the start is adapted.
    let modern = Compatibility { adapted_start: arguments.initial.is_some(), ..Compatibility::NONE };
    let options = VirtualRetinaOptions {
        compatibility: if arguments.modern { modern } else { Compatibility::VIRTUAL_RETINA },
        initial_luminance: arguments.initial,
        array_seed: arguments.seed,
        without_spikes: false,
    };
    let retina = Retina::virtual_retina(&described, options)?;
    let names = frame_names(arguments)?;
    let source = Selection::open(&names, arguments)?;
    let size = (source.height(), source.width());
    let named = |error: convis::Error| Error::Failed(format!("{}: {error}", arguments.ret));
    let maps = Retina::map_size(&described, options, size).map_err(named)?;
    let cells = Retina::cells(&described, options, size).map_err(named)?;
    let numbers = numbers(&described, &cells);
    warn_of_cells_off_the_map(&described, &cells, maps);

    let rate = 1.0 / described.retina.temporal_step_s;
    let steps = Rate::of(rate)
        .ok_or_else(|| Error::Failed(format!("{}: a step between 1 ns and 10⁶ s expected", arguments.ret)))?;
    let seconds = steps.seconds.saturating_mul(arguments.r.into());
    let frames = Rate { events: steps.events, seconds };
    let timing = Timing { frames, steps, lead_in: 0, interpolate: false, most_frames: None };
    let length;
    let mut frames: Box<dyn Frames> = if arguments.single {
        let frames = HeldFrames::<f32>::new(Box::new(source), &timing)?;
        length = frames.steps();
        Box::new(frames)
    } else {
        let frames = HeldFrames::<f64>::new(Box::new(source), &timing)?;
        length = frames.steps();
        Box::new(frames)
    };

    let maps_written = written_maps(arguments, &retina, &described);
    let inputs = names.iter().chain([&arguments.ret]).map(String::as_str);
    let inputs = inputs.chain(arguments.i.iter().filter_map(|list| list.to_str()));
    let outputs = outputs(arguments, &maps_written);
    check_no_input_is_written(outputs, inputs, "choose another folder for results with -outD")?;
    make_folder(&arguments.folder)?;
    let mut results = Results::create(arguments, &described, &numbers, maps_written)?;
    if arguments.q > 1 {
        say(&overview(arguments, &described, &cells, size, maps))?;
    }
    let progress = Progress::new(length, steps, arguments.q == 0);
    let noise = NoiseId { seed: arguments.seed, model: 0, trial: 0 };
    let begin = Instant::now();
    let done = results.fill(&retina, &mut *frames, noise, &progress)?;
    if done == 0 {
        return Err(if interrupt::requested() {
            Error::Interrupted("interrupted before anything was finished: no file was written".into())
        } else {
            Error::Failed("no frame to show: --bf and --ef leave none of the frames".into())
        });
    }
    let seconds = done as f64 * described.retina.temporal_step_s;
    let spikes = results.finish()?;
    write_description(arguments.folder.join("retina.xml"), &with_units(&described, &cells, &numbers))?;
    let index = SimulationIndex {
        retina: "retina.xml".into(),
        spikes: "spikes.spk".into(),
        // From wherever the index is read later.
        input: names.iter().map(|name| absolute(name)).collect(),
        repetition: arguments.r.into(),
        first_frame: arguments.bf,
        steps: done,
        step_s: described.retina.temporal_step_s,
        width: maps.1 as u64,
        height: maps.0 as u64,
        options: more_options(arguments),
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

/// A name of an input as it is from every folder, where it is the name of something.
fn absolute(name: &str) -> String {
    fs::canonicalize(name).map_or_else(|_| name.to_owned(), |path| path.display().to_string())
}

/// The options that `simulation.txt` does not say in lines of their own, as they were typed.
fn more_options(arguments: &VirtualRetinaArguments) -> String {
    let mut options = vec![];
    let mut valued = |name: &str, value: Option<String>| {
        options.extend(value.map(|value| format!("-{name} {value}")));
    };
    valued("ef", arguments.ef.map(|last| last.to_string()));
    valued("f", (arguments.f != 1).then(|| arguments.f.to_string()));
    valued("x", arguments.x.map(|x| x.to_string()));
    valued("y", arguments.y.map(|y| y.to_string()));
    valued("initVal", arguments.initial.map(|luminance| luminance.to_string()));
    valued("seed", Some(arguments.seed.to_string()));
    let switches = [("modern", arguments.modern), ("single", arguments.single)];
    options.extend(switches.iter().filter(|(_, on)| *on).map(|(name, _)| format!("-{name}")));
    options.join(" ")
}

/// Warns of units that were placed where there is no map; they see its border.
fn warn_of_cells_off_the_map(
    described: &RetinaDescription,
    cells: &BTreeMap<usize, Cells>,
    maps: (usize, usize),
) {
    let ppd = described.retina.pixels_per_degree;
    let is_off =
        |at_deg: f64, size: usize| !(-0.5..size as f64).contains(&(size as f64 / 2.0 + ppd * at_deg));
    for (layer, cells) in cells {
        let is_off = |place: &&CellPlace| is_off(place.x_deg, maps.1) || is_off(place.y_deg, maps.0);
        let mut off = cells.places.iter().filter(is_off);
        if let Some(first) = off.next() {
            let (many, all) = (1 + off.count(), counted(cells.places.len() as u64, "cell"));
            eprintln!(
                "warning: layer {layer}: {many} of {all} stand off the map of {} × {} pixels and see its border, the first \
                 at x = {}, y = {} deg; are its units of frames of another size, or pixels-per-degree, {ppd}, not as meant?",
                maps.0, maps.1, first.x_deg, first.y_deg
            );
        }
    }
}

/// The numbers of all cells, by layer: those of the description where it says some.
fn numbers(described: &RetinaDescription, cells: &BTreeMap<usize, Cells>) -> BTreeMap<usize, Vec<u32>> {
    let own = cells.iter().flat_map(|(i, cells)| {
        let units = described.ganglion_layers[*i].spiking.as_ref().map_or(&[][..], |channel| &channel.units);
        (0..cells.places.len()).map(|cell| units.get(cell).and_then(|unit| unit.id))
    });
    let own: Vec<Option<u32>> = own.collect();
    let mut all = cell_numbers(&own).into_iter();
    cells.iter().map(|(i, cells)| (*i, all.by_ref().take(cells.places.len()).collect())).collect()
}

/// The description with every cell.
fn with_units(
    described: &RetinaDescription,
    cells: &BTreeMap<usize, Cells>,
    numbers: &BTreeMap<usize, Vec<u32>>,
) -> RetinaDescription {
    let mut saved = described.clone();
    for ((i, cells), numbers) in cells.iter().zip(numbers.values()) {
        let Some(channel) = saved.ganglion_layers[*i].spiking.as_mut() else { continue };
        let units = cells.places.iter().zip(numbers).map(|(place, id)| Unit {
            x_offset_deg: place.x_deg,
            y_offset_deg: place.y_deg,
            id: Some(*id),
        });
        channel.units = units.collect();
    }
    saved
}

/// A stage that is written.
#[derive(Clone)]
struct Map {
    /// Its path in the model.
    path: String,
    /// The name of its file.
    name: String,
    /// For the attenuation, which is computed from the conductance A that is recorded: leak g and step d.
    attenuation: Option<(f64, f64)>,
}

/// The stages that are written, as far as the model has them.
fn written_maps(
    arguments: &VirtualRetinaArguments,
    retina: &Retina,
    described: &RetinaDescription,
) -> Vec<Map> {
    if !(arguments.savemap || arguments.save_middle) {
        return vec![];
    }
    let map = |path: &str, name: &str| Map { path: path.into(), name: name.into(), attenuation: None };
    let horizontal = match described.outer_plexiform {
        OuterPlexiform::Linear(_) => "opl.opl_filter.horizontal",
        OuterPlexiform::LuminanceGainControl(_) => "opl.opl_filter.surround_E",
    };
    let mut maps = vec![
        map("opl.opl_filter.receptors", "receptor"),
        map(horizontal, "horizontal"),
        map("opl", "opl"),
        map("bipolar", "bipolar"),
        map("bipolar.adaptation", "cgc_adaptation"),
    ];
    if let Some(gain) = &described.contrast_gain_control {
        let attenuation = Some((gain.inert_leaks_hz, described.retina.temporal_step_s));
        maps.push(Map { attenuation, ..map("bipolar.adaptation", "cgc_attenuation") });
    }
    let layers = 0..described.ganglion_layers.len();
    maps.extend(layers.map(|i| map(&format!("gang_{i}_input"), &format!("ganglion_Layer_{i}"))));
    let known = stages(retina);
    maps.retain(|map| known.contains(&map.path));
    maps
}

/// All files that a run writes.
fn outputs(arguments: &VirtualRetinaArguments, maps: &[Map]) -> Vec<PathBuf> {
    let mut names: Vec<String> = ["spikes.spk", "retina.xml", "simulation.txt"].map(String::from).to_vec();
    for Map { name, .. } in maps {
        names.extend(arguments.savemap.then(|| format!("{name}.inr")));
        names.extend(arguments.save_middle.then(|| format!("{name}CP.inr")));
    }
    names.into_iter().map(|name| arguments.folder.join(name)).collect()
}

/// The files that grow while a retina runs.
struct Results {
    spikes: SpikeWriter,
    /// The stages that spike, and the numbers of their cells.
    layers: Vec<(String, Vec<u32>)>,
    maps: Vec<Map>,
    /// The last frame of the conductance of gain control.
    conductance: Vec<f64>,
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
        described: &RetinaDescription,
        numbers: &BTreeMap<usize, Vec<u32>>,
        maps: Vec<Map>,
    ) -> Result<Self> {
        let format = SpikeFormat::Text { digits: arguments.digits.map(usize::from) };
        let layer = |(i, numbers): (&usize, &Vec<u32>)| (format!("gang_{i}_spikes"), numbers.clone());
        Ok(Self {
            spikes: SpikeWriter::create(arguments.folder.join("spikes.spk"), format)?,
            layers: numbers.iter().map(layer).collect(),
            maps,
            conductance: vec![],
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
        frames: &mut dyn Frames,
        noise: NoiseId,
        progress: &Progress,
    ) -> Result<u64> {
        let mut state = State::new(noise);
        let mut stages: Vec<String> = self.maps.iter().map(|map| map.path.clone()).collect();
        // Two maps may come from one stage.
        stages.dedup();
        let options = RunOptions { stages, spikes: true, ..RunOptions::default() };
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
        for (path, numbers) in &self.layers {
            for spike in recorder.events.get(path).into_iter().flatten() {
                spikes.push((spike.step, spike.offset_s, numbers[spike.pixel as usize]));
            }
        }
        // By whole steps first: the order must not depend on where chunks end.
        spikes.sort_unstable_by(|a, b| a.0.cmp(&b.0).then(a.1.total_cmp(&b.1)).then(a.2.cmp(&b.2)));
        for (step, offset_s, unit) in spikes {
            self.spikes.write(SpikeEvent { unit, time_s: step as f64 * self.step_s + offset_s })?;
        }
        for number in 0..self.maps.len() {
            let Some(output) = recorder.outputs.get(&self.maps[number].path) else { continue };
            self.write_map(number, output.first()?, frames)?;
        }
        self.steps += frames as u64;
        Ok(())
    }

    fn write_map(&mut self, number: usize, map: &Tensor, frames: usize) -> Result<()> {
        let [.., height, width] = *map.shape() else { return Ok(()) };
        let Map { name, attenuation, .. } = &self.maps[number];
        if self.savemap && self.whole.len() == number {
            self.whole.push(InrWriter::create(self.folder.join(format!("{name}.inr")), height, width)?);
        }
        if self.save_middle && self.middle.len() == number {
            self.middle.push(InrWriter::create(self.folder.join(format!("{name}CP.inr")), 1, 1)?);
        }
        let middle = height / 2 * width + width / 2;
        let mut numbers = map.to_f64();
        if let Some((leak_hz, step_s)) = *attenuation {
            // A step attenuates by the conductance of the step before: exp(−d·(g + A)).
            self.conductance.resize(height * width, 0.0);
            for frame in numbers.chunks_exact_mut(height * width) {
                for (number, before) in frame.iter_mut().zip(&mut self.conductance) {
                    let conductance = std::mem::replace(before, *number);
                    *number = (-step_s * (leak_hz + conductance)).exp();
                }
            }
        }
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
    frame: Vec<f64>,
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
            if middle == 0 && size > 1 {
                return Err(Error::Usage(format!(
                    "{option} 0: the middle of the retina on the border leaves nothing around it; a pixel from 1 to {} \
                     expected, or leave it out for the middle of the frames",
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
            if now.next_frame_f64(&mut self.frame)? {
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
        let mut exact = vec![0.0; into.len()];
        let more = self.next_frame_f64(&mut exact)?;
        for (out, number) in into.iter_mut().zip(exact).filter(|_| more) {
            *out = number as f32;
            if !out.is_finite() {
                return Err(convis_io::Error::Argument {
                    argument: "single".into(),
                    expected: "luminance that fits into single precision".into(),
                    found: format!("{number:e}"),
                });
            }
        }
        Ok(more)
    }

    fn next_frame_f64(&mut self, into: &mut [f64]) -> convis_io::Result<bool> {
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
