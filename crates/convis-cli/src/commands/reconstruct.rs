//! `convis reconstruct`: a movie from the spikes of a simulation.

use std::collections::HashMap;
use std::path::PathBuf;

use clap::Args;
use convis::analysis::{
    Footprint, Normalisation, Reconstruction, ReconstructionOptions, SavedCell, SpikeKernel, saved_cells,
};
use convis::retina::description::tree::Unknown;
use convis::retina::{Retina, VirtualRetinaOptions};
use convis_io::{InrWriter, SimulationIndex, SpikeReader, read_description};

use crate::error::{Error, Result};
use crate::interrupt;
use crate::model::{check_folder_of, positive};
use crate::text::{counted, say};

/// Make a movie of firing rates from the spikes of a simulation
///
/// Every spike fills the place of its cell for a while. Reads the files that `convis virtual-retina` writes. Options
/// may be written with one dash, as ReconstructRetina had them.
#[derive(Args, Debug)]
#[command(
    allow_negative_numbers = true,
    after_long_help = "\
With -dn 2 a pixel is the mean rate (Hz) of the cells whose place it is, weighed
by their footprints; pixels of no cell stay 0. With -dn 1 it is spikes per
second and cell, with -dn 0 spikes per second and pixel.

The picture is the part of the simulated maps that arrays of cells cover; without
an array, all of them. A spike is seen from the next frame on: frame k shows the
spikes up to -b + k·step, so that a simulation of 448 steps has 449 frames.

Examples:
  convis reconstruct -i simulation.txt -o rates.inr
  convis reconstruct -i simulation.txt -o on.inr -ch 2 0 2 -w 2 -lat 5

-sup and -timeSize of ReconstructRetina are not offered."
)]
pub struct ReconstructArguments {
    /// The file simulation.txt of the simulation
    #[arg(short, long = "index", value_name = "FILE")]
    input: PathBuf,

    /// The .inr file to write
    #[arg(short, long, value_name = "FILE")]
    output: PathBuf,

    /// Layers whose spikes are used: how many, then their numbers from 0 [default: all]
    #[arg(long, value_name = "NUMBER", num_args = 2..)]
    ch: Vec<usize>,

    /// One picture: the mean over time
    #[arg(long = "static")]
    still: bool,

    /// Begin, ms: earlier spikes are not used
    #[arg(short, value_name = "MS", default_value_t = 0.0)]
    begin_ms: f64,

    /// End, ms: later spikes are not used [default: that of the simulation]
    #[arg(short, value_name = "MS")]
    end_ms: Option<f64>,

    /// Duration of a frame, ms [default: a step of the simulation]
    #[arg(short, value_name = "MS", value_parser = positive)]
    step_ms: Option<f64>,

    /// Pixels of the movie per pixel of the picture
    #[arg(short, value_name = "NUMBER", default_value_t = 1.0, value_parser = positive)]
    f: f64,

    /// First column of the movie, in pixels of the picture
    #[arg(short = 'x', value_name = "PIXEL", default_value_t = 0)]
    left: u32,

    /// Last column [default: that of the picture]
    #[arg(short = 'X', value_name = "PIXEL")]
    right: Option<u32>,

    /// First row
    #[arg(short = 'y', value_name = "PIXEL", default_value_t = 0)]
    top: u32,

    /// Last row [default: that of the picture]
    #[arg(short = 'Y', value_name = "PIXEL")]
    bottom: Option<u32>,

    /// Footprint of a cell: 0 squares, 1 discs
    #[arg(short, value_name = "0|1", default_value_t = 1, value_parser = clap::value_parser!(u8).range(..=1))]
    p: u8,

    /// Radius of discs or side of squares in the fovea, pixels of the picture
    #[arg(short, value_name = "PIXELS", default_value_t = 1.0, value_parser = positive)]
    w: f64,

    /// How a spike fades: 0 not for -lat frames, 1 exponentially
    #[arg(short, value_name = "0|1", default_value_t = 1, value_parser = clap::value_parser!(u8).range(..=1))]
    k: u8,

    /// How long, frames
    #[arg(long, value_name = "FRAMES", default_value_t = 10.0, value_parser = positive)]
    lat: f64,

    /// What pixels are divided by: 0 nothing, 1 the density of cells, 2 the sum of footprints
    #[arg(long, value_name = "0|1|2", default_value_t = 2, value_parser = clap::value_parser!(u8).range(..=2))]
    dn: u8,
}

/// Makes a movie from spikes.
pub fn reconstruct(arguments: &ReconstructArguments) -> Result<()> {
    interrupt::listen()?;
    check_folder_of(&arguments.output)?;
    if !arguments.output.extension().is_some_and(|ending| ending.eq_ignore_ascii_case("inr")) {
        return Err(Error::Usage("--output: the movie is written as .inr; give a name that ends so".into()));
    }
    let index = SimulationIndex::read(&arguments.input)?;
    let description = read_description(&index.retina, &mut Unknown::Refuse)?;
    let maps = (index.height as usize, index.width as usize);
    let picture = Retina::covered_size(&description, VirtualRetinaOptions::default(), maps)?;
    let cells = saved_cells(&description, picture)?;
    let layers = layers(arguments, description.enabled_only().ganglion_layers.len())?;
    let seen: Vec<&SavedCell> = cells.iter().filter(|cell| layers.contains(&cell.layer)).collect();
    if seen.is_empty() {
        let path = index.retina.display();
        return Err(Error::Failed(format!("{path}: units in the layers that are used expected, none found")));
    }

    let frame_s = arguments.step_ms.map_or(index.step_s, |ms| ms / 1e3);
    let window = Window::new(arguments, picture)?;
    let options = ReconstructionOptions {
        footprint: if arguments.p == 0 { Footprint::Square } else { Footprint::Disc },
        radius_px: if arguments.p == 0 { arguments.w / 2.0 } else { arguments.w } * arguments.f,
        kernel: if arguments.k == 0 { SpikeKernel::Box } else { SpikeKernel::Exponential },
        latency_frames: arguments.lat,
        normalisation: match arguments.dn {
            0 => Normalisation::Total,
            1 => Normalisation::Density,
            _ => Normalisation::MeanRate,
        },
        ..ReconstructionOptions::new(window.height, window.width, frame_s)
    };
    let on_screen = seen.iter().map(|cell| window.shown(cell)).collect();
    let movie = Reconstruction::new(options, on_screen)?;
    let numbers: HashMap<u32, u32> = seen.iter().zip(0..).map(|(cell, number)| (cell.id, number)).collect();
    let known = cells.iter().map(|cell| cell.id).collect();
    let all_ms = index.steps as f64 * index.step_s * 1e3;
    let (begin_ms, end_ms) = (arguments.begin_ms, arguments.end_ms.unwrap_or(all_ms));
    if !(begin_ms >= 0.0 && end_ms > begin_ms && end_ms <= 1e12) {
        return Err(Error::Usage(format!(
            "-b {begin_ms} -e {end_ms}: a beginning from 0 ms on, and an end behind it"
        )));
    }
    let spikes = Spikes {
        file: SpikeReader::open(&index.spikes)?,
        begin_s: begin_ms / 1e3,
        end_s: end_ms / 1e3,
        last: f64::NEG_INFINITY,
        numbers,
        known,
        path: index.spikes.clone(),
        next: None,
    };
    write(arguments, movie, spikes, (window.height, window.width))
}

/// Writes all frames.
fn write(
    arguments: &ReconstructArguments,
    mut movie: Reconstruction,
    mut spikes: Spikes,
    (height, width): (usize, usize),
) -> Result<()> {
    // Of the frame that the end falls into, too, and of the beginning, which has the spikes at that very time.
    let frames = 1 + movie.frame_of(spikes.end_s - spikes.begin_s);
    let mut writer = InrWriter::create(&arguments.output, height, width)?;
    let mut mean = vec![0.0; height * width];
    let mut used = 0;
    for frame in 0..frames {
        if interrupt::requested() {
            return Err(Error::Interrupted("interrupted: no file was written".into()));
        }
        let now = spikes.until(frame, |time_s| movie.frame_of(time_s))?;
        used += now.len() as u64;
        let numbers = movie.next_frame(&now)?;
        if arguments.still {
            for (mean, number) in mean.iter_mut().zip(numbers) {
                *mean += number / frames as f64;
            }
        } else {
            writer.write_frame(numbers)?;
        }
    }
    if arguments.still {
        writer.write_frame(&mean)?;
    }
    writer.finish()?;
    let written = if arguments.still { 1 } else { frames };
    let (frames, spikes) = (counted(written, "frame"), counted(used, "spike"));
    say(&format!("{frames} of {height} × {width} pixels from {spikes}: {}\n", arguments.output.display()))
}

/// The layers that `-ch` names.
fn layers(arguments: &ReconstructArguments, many: usize) -> Result<Vec<usize>> {
    let Some((&count, layers)) = arguments.ch.split_first() else { return Ok((0..many).collect()) };
    if count != layers.len() {
        let found = layers.len();
        return Err(Error::Usage(format!("--ch: {count} numbers expected after the first, {found} found")));
    }
    match layers.iter().find(|layer| **layer >= many) {
        Some(layer) => {
            Err(Error::Usage(format!("--ch {layer}: layers from 0 to {} exist", many.saturating_sub(1))))
        }
        None => Ok(layers.to_vec()),
    }
}

/// The part of the picture that is shown.
struct Window {
    left: f64,
    top: f64,
    scale: f64,
    height: usize,
    width: usize,
}

impl Window {
    fn new(arguments: &ReconstructArguments, (height, width): (usize, usize)) -> Result<Self> {
        let side = |names: &str, first: u32, last: Option<u32>, size: usize| {
            let size = size as u64;
            let last = last.map_or(size.saturating_sub(1), u64::from);
            if u64::from(first) > last || last >= size {
                let expected = format!("first and last pixel within 0 to {}", size.saturating_sub(1));
                return Err(Error::Usage(format!("{names}: {expected}, {first} to {last} found")));
            }
            Ok(((last + 1 - u64::from(first)) as f64 * arguments.f).round().max(1.0) as usize)
        };
        Ok(Self {
            width: side("-x -X", arguments.left, arguments.right, width)?,
            height: side("-y -Y", arguments.top, arguments.bottom, height)?,
            left: arguments.left.into(),
            top: arguments.top.into(),
            scale: arguments.f,
        })
    }

    /// A cell on the pixels of the movie, whose middles lie at whole numbers, too.
    fn shown(&self, cell: &SavedCell) -> convis::analysis::CellOnScreen {
        let place = |at: f64, first: f64| (at - first + 0.5) * self.scale - 0.5;
        let on_screen = cell.on_screen;
        convis::analysis::CellOnScreen {
            x_px: place(on_screen.x_px, self.left),
            y_px: place(on_screen.y_px, self.top),
            density_per_px: on_screen.density_per_px / self.scale,
            ..on_screen
        }
    }
}

/// The spikes of a file by frames.
struct Spikes {
    file: SpikeReader,
    /// Numbers of the cells that are seen, by their numbers in the file.
    numbers: HashMap<u32, u32>,
    known: std::collections::HashSet<u32>,
    path: PathBuf,
    /// A spike that was read and belongs to a later frame.
    next: Option<(u64, u32)>,
    /// Spikes from this time to that one are used, s.
    begin_s: f64,
    end_s: f64,
    /// The time of the spike before.
    last: f64,
}

impl Spikes {
    /// The cells that spike from the frame after the last one up to `frame`.
    fn until(&mut self, frame: u64, frame_of: impl Fn(f64) -> u64) -> Result<Vec<u32>> {
        let mut cells = vec![];
        loop {
            match self.next {
                Some((later, _)) if later > frame => return Ok(cells),
                Some((_, cell)) => cells.push(cell),
                None => {}
            }
            self.next = None;
            let Some(spike) = self.file.next().transpose()? else { return Ok(cells) };
            let in_order = spike.time_s >= self.last;
            self.last = spike.time_s;
            if !in_order {
                let (path, unit) = (self.path.display(), spike.unit);
                return Err(Error::Failed(format!(
                    "{path}: spikes in the order of time expected, that of cell {unit} at {} s comes late; sort the file",
                    spike.time_s
                )));
            }
            let used = (self.begin_s..=self.end_s).contains(&spike.time_s);
            match self.numbers.get(&spike.unit) {
                Some(_) if !used => {}
                Some(cell) => self.next = Some((frame_of(spike.time_s - self.begin_s), *cell)),
                None if self.known.contains(&spike.unit) => {}
                None => {
                    let path = self.path.display();
                    return Err(Error::Failed(format!(
                        "{path}: cell {} is not in the description",
                        spike.unit
                    )));
                }
            }
        }
    }
}
