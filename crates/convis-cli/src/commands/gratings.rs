//! `convis gratings`: gratings as movies.

use std::path::PathBuf;

use clap::Args;
use convis::Resolution;
use convis::stimuli::{ContrastReversingGrating, DriftingGrating, OscillatingGrating, Screen, Stimulus};
use convis_io::{InrWriter, NpyWriter};

use crate::error::{Error, Result};
use crate::interrupt;
use crate::model::{check_folder_of, positive};
use crate::text::{counted, say};

/// Write a grating as a movie
///
/// Options may be written with one dash, as the program Grating of Virtual Retina had them.
#[derive(Args, Debug)]
#[command(
    allow_negative_numbers = true,
    after_long_help = "\
Luminance is Lum·(1 + Cont·…), in the units of -Lum, written as numbers:
  -type 0 drifts       cos(2π(x/T − f·t) + p − tp)
  -type 1 oscillates   cos(2π x/T + p + π/2·sin(2π f·t + tp))
  -type 2 reverses     cos(2π x/T + p)·cos(2π f·t + tp)
with x the distance from the middle of the picture in the direction -th.

Examples:
  convis gratings -type 0 -f 4 -T 20 -o drift.inr
  convis gratings -type 2 -f 2 -T 40 -Cont 0.5 -th 90 -l 2 -o reverse.npy"
)]
pub struct GratingsArguments {
    /// 0 drifting, 1 oscillating, 2 contrast-reversing
    #[arg(long = "type", value_name = "0|1|2", default_value_t = 0, value_parser = clap::value_parser!(u8).range(..=2))]
    kind: u8,

    /// The .inr or .npy file to write
    #[arg(short, long, value_name = "FILE")]
    out: PathBuf,

    /// Temporal frequency, Hz
    #[arg(short, value_name = "HZ", default_value_t = 4.0)]
    f: f64,

    /// Spatial period, pixels
    #[arg(short = 'T', value_name = "PIXELS", default_value_t = 20.0, value_parser = positive)]
    period_px: f64,

    /// Mean luminance
    #[arg(long = "Lum", value_name = "NUMBER", default_value_t = 127.5, value_parser = positive)]
    luminance: f64,

    /// Contrast, 0 to 1
    #[arg(long = "Cont", value_name = "NUMBER", default_value_t = 1.0)]
    contrast: f64,

    /// Phase in space, degrees
    #[arg(short, value_name = "DEG", default_value_t = 0.0)]
    p: f64,

    /// Phase in time, degrees
    #[arg(long, value_name = "DEG", default_value_t = 0.0)]
    tp: f64,

    /// Direction, degrees: 0 right, 90 up
    #[arg(long, value_name = "DEG", default_value_t = 0.0)]
    th: f64,

    /// Seconds of grating
    #[arg(short, value_name = "SECONDS", default_value_t = 1.0, value_parser = positive)]
    l: f64,

    /// Seconds of mean luminance before
    #[arg(long = "lB", value_name = "SECONDS", default_value_t = 0.0)]
    before: f64,

    /// Seconds of mean luminance after
    #[arg(long = "lR", value_name = "SECONDS", default_value_t = 0.0)]
    after: f64,

    /// Height and width, pixels
    #[arg(short, value_name = "PIXELS", num_args = 1..=2, default_values_t = [100])]
    s: Vec<u16>,

    /// Duration of a frame, s
    #[arg(long, value_name = "SECONDS", default_value_t = 0.005, value_parser = positive)]
    step: f64,
}

/// Writes a grating.
pub fn gratings(arguments: &GratingsArguments) -> Result<()> {
    interrupt::listen()?;
    check_folder_of(&arguments.out)?;
    let (height, width) = (arguments.s[0].into(), arguments.s[arguments.s.len() - 1].into());
    // One pixel is one degree here.
    let resolution = Resolution::new(1.0, 1.0 / arguments.step)
        .map_err(|error| Error::Usage(format!("--step: {error}")))?;
    let screen = Screen { height, width, resolution };
    let stimulus = stimulus(arguments, screen);
    stimulus.check().map_err(|error| Error::Usage(error.to_string()))?;
    let frames = |option: &str, seconds: f64| {
        let frames = (seconds / arguments.step).round();
        if (0.0..=1e9).contains(&frames) {
            return Ok(frames as u64);
        }
        Err(Error::Usage(format!("{option} {seconds}: 0 or more seconds, at most 10⁹ frames")))
    };
    let parts = [
        (false, frames("-lB", arguments.before)?),
        (true, frames("-l", arguments.l)?),
        (false, frames("-lR", arguments.after)?),
    ];
    if parts.iter().all(|(_, frames)| *frames == 0) {
        let (l, step) = (arguments.l, arguments.step);
        return Err(Error::Usage(format!("-l {l}: at least one frame expected, of {step} s (--step)")));
    }
    let mut file = MovieFile::create(&arguments.out, height, width)?;
    let grey = vec![arguments.luminance as f32; height * width];
    let (mut numbers, mut count) = (grey.clone(), 0);
    for (shown, frames) in parts {
        for frame in 0..frames {
            if interrupt::requested() {
                return Err(Error::Interrupted("interrupted: no file was written".into()));
            }
            if shown {
                stimulus.render(frame, &mut numbers);
            }
            file.write(if shown { &numbers } else { &grey })?;
            count += 1;
        }
    }
    file.finish()?;
    say(&format!("{} of {height} × {width} pixels: {}\n", counted(count, "frame"), arguments.out.display()))
}

fn stimulus(arguments: &GratingsArguments, screen: Screen) -> Box<dyn Stimulus> {
    let spatial_frequency_cpd = 1.0 / arguments.period_px;
    let GratingsArguments { contrast, luminance: mean, p: phase_deg, th, f, tp, .. } = *arguments;
    match arguments.kind {
        0 => Box::new(DriftingGrating {
            screen,
            spatial_frequency_cpd,
            temporal_frequency_hz: f,
            direction_deg: th,
            phase_deg: phase_deg - tp,
            contrast,
            mean,
            ..DriftingGrating::default()
        }),
        1 => Box::new(OscillatingGrating {
            screen,
            spatial_frequency_cpd,
            temporal_frequency_hz: f,
            temporal_phase_deg: tp,
            orientation_deg: th,
            phase_deg,
            contrast,
            mean,
            ..OscillatingGrating::default()
        }),
        _ => Box::new(ContrastReversingGrating {
            screen,
            spatial_frequency_cpd,
            temporal_frequency_hz: f,
            temporal_phase_deg: tp,
            orientation_deg: th,
            phase_deg,
            contrast,
            mean,
            ..ContrastReversingGrating::default()
        }),
    }
}

/// A movie being written, in one of two kinds of files.
enum MovieFile {
    Inr(InrWriter),
    Npy(NpyWriter<f32>),
}

impl MovieFile {
    fn create(path: &std::path::Path, height: usize, width: usize) -> Result<Self> {
        let ending = path.extension().unwrap_or_default().to_ascii_lowercase();
        match ending.to_str() {
            Some("inr") => Ok(Self::Inr(InrWriter::create(path, height, width)?)),
            Some("npy") => Ok(Self::Npy(NpyWriter::create(path, &[height, width])?)),
            _ => {
                let path = path.display();
                Err(Error::Usage(format!(
                    "--out {path}: movies are written as .inr or .npy; give such a name"
                )))
            }
        }
    }

    fn write(&mut self, frame: &[f32]) -> Result<()> {
        match self {
            Self::Inr(file) => file.write_frame(frame)?,
            Self::Npy(file) => file.append(frame)?,
        }
        Ok(())
    }

    fn finish(self) -> Result<()> {
        match self {
            Self::Inr(file) => file.finish()?,
            Self::Npy(file) => file.finish()?,
        }
        Ok(())
    }
}
