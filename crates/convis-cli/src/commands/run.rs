//! `convis run`: the retina on a movie of any length.

use std::fs;
use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};
use convis_io::{FrameSource, OpenOptions, RawFormat, RawType};

use crate::error::{Error, Result};
use crate::held_frames::{HeldFrames, Timing};
use crate::model::{ModelArguments, check_folder_of, positive, stage_paths};
use crate::progress::Progress;
use crate::rate::Rate;
use crate::report::summary;
use crate::result_file::ResultFile;
use crate::simulation::Simulation;
use crate::text::{counted, say, wrapped};
use crate::{interrupt, with_threads};

/// Run the retina on a movie and write its spikes
///
/// Every pixel of the movie is the place of one ON and one OFF ganglion cell. Each frame is held until the next one
/// is due: step k of the model sees frame ⌊k · fps / steps per second⌋. Movies of any length run in constant memory.
///
/// Pictures, video and integer arrays are scaled to luminance 0…1, colour by Rec. 709 luma; floating-point arrays
/// are taken as they are. The model starts from darkness: the first 100 to 200 ms show its onset, unless --lead-in
/// lets it see the first frame before.
#[derive(Args, Debug)]
#[command(
    allow_negative_numbers = true,
    after_long_help = "\
The result, for numpy.load:
  spike_time_s       seconds from the first frame, ascending
  spike_unit         the cell: row * width + column
  spike_population   index into population_names: ON, OFF
  height, width, steps, steps_per_second, pixels_per_degree, lead_in_s, seed,
  parameters (JSON text), convis_version
  and a movie (time, height, width) for each stage of --save: float32, spikes
  uint8; dots in the names of stages become underscores

Examples:
  convis run walk.mp4 --out walk.npz
  convis run frames/ --fps 25 --out frames.npz --lead-in 0.5
  convis run 'frames/*.png' --fps 30000/1001 --interpolate --out frames.npz
  convis run clip.npz:frames --fps 25 --out clip.npz --save opl,bipolar,spikes
  convis run clip.gif --out gain.npz --set bipolar.lambda_amp=50
  camera | convis run - --raw-size 128x160 --fps 25 --out camera.npz

Ctrl-C ends the run and keeps what was finished; a second one ends it at once."
)]
pub struct RunArguments {
    /// A folder or quoted pattern of PNG, PGM or JPEG pictures; a GIF, .npy or .npz (file.npz:NAME picks an array);
    /// any video if ffmpeg is installed; or - for raw frames on standard input
    input: String,

    /// The .npz file to write
    #[arg(short, long, value_name = "FILE")]
    out: PathBuf,

    /// Stages to write as movies besides the spikes: opl, bipolar, current, spikes (dense), or a path such as
    /// `gang_0_input`; several with commas
    #[arg(long, value_name = "STAGE,…", value_delimiter = ',')]
    save: Vec<String>,

    /// Print nothing but errors
    #[arg(short, long)]
    quiet: bool,

    #[command(flatten)]
    model: ModelArguments,

    #[command(flatten)]
    time: TimeArguments,

    #[command(flatten)]
    values: ValueArguments,

    /// Threads to use; results do not depend on it [default: all processors]
    #[arg(long, value_name = "NUMBER", help_heading = "Speed", value_parser = clap::value_parser!(u16).range(1..=1024))]
    threads: Option<u16>,

    /// Steps to compute at once; results do not depend on it [default: what fits the caches]
    #[arg(long, value_name = "STEPS", help_heading = "Speed", value_parser = clap::value_parser!(u32).range(1..))]
    chunk: Option<u32>,
}

#[derive(Args, Debug)]
#[command(next_help_heading = "Time")]
struct TimeArguments {
    /// Frames of the input per second, e.g. 25 or 30000/1001 [default: what the input says, else one per step]
    #[arg(long, value_name = "RATE")]
    fps: Option<Rate>,

    /// Go in a straight line from frame to frame instead of holding each
    #[arg(long)]
    interpolate: bool,

    /// Seconds for which the model sees the first frame before the result begins
    #[arg(long, value_name = "SECONDS", value_parser = positive)]
    lead_in: Option<f64>,

    /// Stop after so many seconds
    #[arg(long, value_name = "SECONDS", value_parser = positive)]
    duration: Option<f64>,

    /// Use so many frames of the input at most
    #[arg(long, value_name = "NUMBER", value_parser = clap::value_parser!(u64).range(1..))]
    max_frames: Option<u64>,
}

#[derive(Args, Debug)]
#[command(next_help_heading = "Values of the input")]
struct ValueArguments {
    /// Luminance of white in pictures, video and integer arrays
    #[arg(long, value_name = "NUMBER", default_value_t = 1.0, value_parser = positive)]
    luminance_range: f64,

    /// Undo the transfer curve of sRGB, so that luminance is proportional to light
    #[arg(long)]
    linear_light: bool,

    /// Rows and columns of raw frames on standard input
    #[arg(long, value_name = "HxW", value_parser = size)]
    raw_size: Option<(usize, usize)>,

    /// Type of the numbers of raw frames (little-endian)
    #[arg(long, value_enum, requires = "raw_size")]
    raw_type: Option<Sample>,
}

/// Type of the numbers of raw frames.
#[derive(Clone, Copy, Debug, ValueEnum)]
enum Sample {
    /// Bytes, 255 is white (default)
    U8,
    /// 16 bits, 65535 is white
    U16,
    /// Floating point, taken as it is
    F32,
}

/// Simulates a movie.
pub fn run(arguments: &RunArguments) -> Result<()> {
    interrupt::listen()?;
    with_threads(arguments.threads, || simulate(arguments))
}

fn simulate(arguments: &RunArguments) -> Result<()> {
    let RunArguments { out, model, time, quiet, .. } = arguments;
    let retina = model.build()?;
    let stages = stage_paths(&retina, &arguments.save)?;
    check_output(&arguments.input, out)?;
    let source = convis_io::open(&arguments.input, &arguments.values.options(&arguments.input)?)?;

    let steps = model.steps_per_second;
    let in_steps = |seconds: f64| (seconds * steps.hertz()).round() as u64;
    let own_rate = source.frames_per_second().and_then(Rate::of);
    let timing = Timing {
        frames: time.fps.or(own_rate).unwrap_or(steps),
        steps,
        lead_in: time.lead_in.map_or(0, in_steps),
        interpolate: time.interpolate,
        most_frames: time.max_frames,
    };
    let description = description(arguments, &*source, own_rate, &timing);
    let mut frames = HeldFrames::new(source, &timing)?;
    let most_steps = time.duration.map(in_steps);
    if most_steps == Some(0) {
        return Err(Error::Usage("--duration: shorter than one step; give a longer one".into()));
    }
    let length = frames.steps().map(|steps| steps.min(most_steps.unwrap_or(u64::MAX)));
    let simulation = Simulation {
        retina: &retina,
        seed: model.seed,
        steps,
        lead_in: timing.lead_in,
        most_steps,
        chunk: arguments.chunk.map(|chunk| chunk as usize),
        stages,
    };
    let (height, width) = frames.size();
    let mut result = ResultFile::create(out, &simulation, &simulation.stages, (height, width))?;
    if !quiet {
        say(&description)?;
    }

    let progress = Progress::new(length.map(|length| length.saturating_add(timing.lead_in)), steps, *quiet);
    let finished = simulation.run(&mut frames, &progress, &mut |stretch| result.append(stretch))?;
    let seconds = finished.steps as f64 / steps.hertz();
    if finished.steps == 0 {
        return Err(if interrupt::requested() {
            Error::Interrupted("interrupted before anything was finished: no file was written".into())
        } else {
            Error::Failed(format!("{} has no frames: give one with at least one", arguments.input))
        });
    }
    result.finish(finished.steps)?;
    if interrupt::requested() && length.is_none_or(|length| finished.steps < length) {
        let (done, of) =
            (counted(finished.steps, "step"), length.map(|all| format!(" of {}", counted(all, "step"))));
        let of = of.unwrap_or_default();
        let message = format!("interrupted: the first {done}{of} ({seconds:.3} s) are in {}", out.display());
        return Err(Error::Interrupted(message));
    }
    if *quiet {
        return Ok(());
    }
    let table = summary(&finished, height * width, retina.options().spikes, steps);
    say(&format!("\n{table}  written to {}\n", out.display()))
}

/// What is shown and how, in a few lines.
fn description(
    arguments: &RunArguments,
    source: &dyn FrameSource,
    own_rate: Option<Rate>,
    timing: &Timing,
) -> String {
    let size = format!("{} × {} pixels", source.height(), source.width());
    let many = source.length_hint().map_or_else(|| "frames".into(), |frames| counted(frames, "frame"));
    let origin = match (arguments.time.fps, own_rate) {
        (Some(_), Some(own)) if own != timing.frames => format!(" (--fps; the input says {own})"),
        (Some(_), _) => " (--fps)".into(),
        (None, Some(_)) => " (from the input)".into(),
        (None, None) => " (one per step: neither the input nor --fps says a rate)".into(),
    };
    let period = u128::from(timing.frames.seconds) * u128::from(timing.steps.events);
    let advance = u128::from(timing.frames.events) * u128::from(timing.steps.seconds);
    let between = match (timing.interpolate, period / advance, period % advance) {
        (true, ..) => "interpolated in between".into(),
        (false, 1, 0) => "one step each".into(),
        (false, 0, _) => "faster than the model's steps, so some frames are passed over".into(),
        (false, steps, 0) => format!("each held for {steps} steps"),
        (false, steps, _) => format!("each held for {} or {} steps", steps, steps + 1),
    };
    let (rate, steps) = (timing.frames, timing.steps.hertz());
    let lead_in = arguments.time.lead_in.map_or_else(String::new, |s| format!(", after a lead-in of {s} s"));
    let input =
        wrapped(&format!("{}: {many} of {size} at {rate}{origin}, {between}{lead_in}.", arguments.input), 0);
    let (degree, seed) = (arguments.model.pixels_per_degree, arguments.model.seed);
    input + &wrapped(&format!("Retina at {steps} steps/s and {degree} pixels/deg, seed {seed}."), 0)
}

/// Refuses an output that cannot be meant, before anything is computed.
fn check_output(input: &str, out: &Path) -> Result<()> {
    let ending = out.extension().unwrap_or_default();
    if !ending.eq_ignore_ascii_case("npz") {
        let message =
            format!("--out {}: results are written as .npz; give a name that ends so", out.display());
        return Err(Error::Usage(message));
    }
    check_folder_of(out)?;
    let file = input
        .rsplit_once(':')
        .map_or(input, |(file, _)| if Path::new(input).exists() { input } else { file });
    match (fs::canonicalize(file), fs::canonicalize(out)) {
        (Ok(input), Ok(output)) if input == output => {
            let message = format!("--out {}: this is the input; choose another name", out.display());
            Err(Error::Usage(message))
        }
        _ => Ok(()),
    }
}

impl ValueArguments {
    fn options(&self, input: &str) -> Result<OpenOptions> {
        let raw = match (input, self.raw_size) {
            ("-", None) => {
                let message = "standard input (-) needs --raw-size HxW, the rows and columns of its frames";
                return Err(Error::Usage(message.into()));
            }
            ("-", Some((height, width))) => {
                let element = match self.raw_type {
                    None | Some(Sample::U8) => RawType::U8,
                    Some(Sample::U16) => RawType::U16,
                    Some(Sample::F32) => RawType::F32,
                };
                Some(RawFormat { height, width, element })
            }
            (_, Some(_)) => {
                let message =
                    format!("--raw-size is for standard input (-), but the input is {input}; leave it out");
                return Err(Error::Usage(message));
            }
            (_, None) => None,
        };
        let (luminance_range, linear_light) = (self.luminance_range, self.linear_light);
        Ok(OpenOptions { luminance_range, linear_light, raw, ..OpenOptions::default() })
    }
}

/// `HxW`.
fn size(text: &str) -> Result<(usize, usize), String> {
    let number = |text: &str| text.trim().parse::<u32>().ok().filter(|&n| n > 0).map(|n| n as usize);
    let (height, width) = text.split_once(['x', '×']).unwrap_or((text, ""));
    number(height).zip(number(width)).ok_or_else(|| "expected HEIGHTxWIDTH, e.g. 128x160".into())
}
