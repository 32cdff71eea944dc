//! `convis convert`: the same content in another kind of file.

use std::fs;
use std::path::{Path, PathBuf};

use clap::Args;
use convis::retina::RetinaDescription;
use convis::retina::description::tree::Unknown;
use convis_io::{
    Array, InrReader, InrWriter, NpyWriter, OpenOptions, SpikeFormat, SpikeReader, SpikeWriter,
    read_description, read_npz, write_description, write_npz,
};

use crate::error::{Error, Result};
use crate::model::{check_folder_of, check_no_input_is_written};
use crate::text::say;

/// Turn a file into one of another kind
///
/// The endings of the two names say what is meant:
///
///   .xml .toml .json    descriptions of retinas, one into another
///   .spk .events .npz   lists of spikes, one into another
///   .inr .npy           movies, one into the other; any movie into .inr
#[derive(Args, Debug)]
#[command(after_long_help = "\
Descriptions are read as `convis virtual-retina` reads them: older names are
understood, unknown ones are errors with the line and the nearest name.
In place of a file, preset:NAME is a retina of the literature: cat-x, cat-y,
parasol, midget, primate, cat-x-example, linear, toolbox-2018.
Virtual Retina knows no enabled=\"0\" and would simulate such nodes: an .xml that
has some is written with a warning.
An .npz of spikes has the arrays spike_unit and spike_time_s.

Examples:
  convis convert retina.xml retina.toml
  convis convert preset:primate primate.xml
  convis convert spikes.spk spikes.npz
  convis convert opl.inr opl.npy
  convis convert walk.gif walk.inr")]
pub struct ConvertArguments {
    /// The file to read, or preset:NAME
    input: String,

    /// The file to write
    output: PathBuf,

    /// Warn of names that a description does not have, and leave them out
    #[arg(long)]
    lenient: bool,

    /// Significant digits of times in .spk (the original wrote 6) [default: all]
    #[arg(long, value_name = "NUMBER", value_parser = clap::value_parser!(u8).range(1..=17))]
    digits: Option<u8>,
}

const DESCRIPTIONS: [&str; 3] = ["xml", "toml", "json"];
const SPIKES: [&str; 2] = ["spk", "events"];

/// Converts a file.
pub fn convert(arguments: &ConvertArguments) -> Result<()> {
    let ConvertArguments { input, output, .. } = arguments;
    check_folder_of(output)?;
    check_no_input_is_written([output.clone()], [input.as_str()], "choose another name")?;
    let (from, to) = (ending(Path::new(input)), ending(output));
    let (from, to) = (from.as_str(), to.as_str());
    if input.starts_with("preset:") || DESCRIPTIONS.contains(&from) {
        if !DESCRIPTIONS.contains(&to) {
            return Err(cannot(input, output, "a description becomes .xml, .toml or .json"));
        }
        let description = description(input, arguments.lenient)?;
        let off = description.switched_off();
        if to == "xml" && !off.is_empty() {
            eprintln!(
                "warning: {}: switched off, which Virtual Retina does not know, so that it would simulate: {}",
                output.display(),
                off.join(", ")
            );
        }
        write_description(output, &description)?;
        return Ok(());
    }
    let spikes = SPIKES.contains(&from) || (from == "npz" && SPIKES.contains(&to));
    if spikes {
        return convert_spikes(arguments, from, to);
    }
    match to {
        "inr" => write_inr(input, output),
        "npy" if from == "inr" => write_npy(Path::new(input), output),
        _ => Err(cannot(input, output, "`convis convert --help` says what becomes what")),
    }
}

fn ending(path: &Path) -> String {
    path.extension().unwrap_or_default().to_string_lossy().to_ascii_lowercase()
}

fn cannot(input: &str, output: &Path, advice: &str) -> Error {
    Error::Usage(format!("{input} cannot become {}: {advice}", output.display()))
}

/// The description in a file, or a preset; warnings go to standard error.
pub fn description(input: &str, lenient: bool) -> Result<RetinaDescription> {
    if let Some(name) = input.strip_prefix("preset:") {
        return RetinaDescription::preset(name).map_err(|error| Error::Usage(error.to_string()));
    }
    let mut unknown = if lenient { Unknown::Warn(vec![]) } else { Unknown::Refuse };
    let description = read_description(input, &mut unknown)?;
    for warning in unknown.into_warnings().into_iter().chain(description.warnings()) {
        eprintln!("warning: {warning}");
    }
    Ok(description)
}

fn convert_spikes(arguments: &ConvertArguments, from: &str, to: &str) -> Result<()> {
    let ConvertArguments { input, output, digits, .. } = arguments;
    if to == "npz" {
        let (mut units, mut times) = (vec![], vec![]);
        for spike in SpikeReader::open(input)? {
            let spike = spike?;
            units.push(spike.unit);
            times.push(spike.time_s);
        }
        let count = units.len();
        let arrays =
            [("spike_unit", Array::new([count], units)?), ("spike_time_s", Array::new([count], times)?)];
        write_npz(output, &arrays)?;
        return say(&format!("{count} spikes\n"));
    }
    let format = match (SpikeFormat::of(output), digits) {
        (Err(_), _) => return Err(cannot(input, output, "spikes become .spk, .events or .npz")),
        (Ok(SpikeFormat::Text { .. }), Some(digits)) => SpikeFormat::Text { digits: Some((*digits).into()) },
        (Ok(format), _) => format,
    };
    let mut writer = SpikeWriter::create(output, format)?;
    if from == "npz" {
        let arrays = read_npz(input)?;
        let array = |name: &str| {
            let array = arrays.get(name).ok_or_else(|| Error::Failed(format!("{input}: no array {name}")))?;
            Ok::<_, Error>(array.to_f64()?)
        };
        let (units, times) = (array("spike_unit")?, array("spike_time_s")?);
        if units.len() != times.len() {
            let counts = format!("{} and {}", units.len(), times.len());
            return Err(Error::Failed(format!("{input}: as many units as times expected, {counts} found")));
        }
        for (unit, time_s) in units.into_iter().zip(times) {
            if unit < 0.0 || unit.fract() != 0.0 || unit > f64::from(u32::MAX) {
                return Err(Error::Failed(format!(
                    "{input}: units from 0 to {} expected, {unit} found",
                    u32::MAX
                )));
            }
            writer.write(convis_io::SpikeEvent { unit: unit as u32, time_s })?;
        }
    } else {
        for spike in SpikeReader::open(input)? {
            writer.write(spike?)?;
        }
    }
    say(&format!("{} spikes\n", writer.finish()?))
}

fn write_inr(input: &str, output: &Path) -> Result<()> {
    let options = OpenOptions { luminance_range: 255.0, ..OpenOptions::default() };
    let mut movie = convis_io::open(input, &options)?;
    let mut writer = InrWriter::create(output, movie.height(), movie.width())?;
    let mut frame = vec![0.0; movie.height() * movie.width()];
    while movie.next_frame_f64(&mut frame)? {
        writer.write_frame(&frame)?;
    }
    writer.finish()?;
    Ok(())
}

fn write_npy(input: &Path, output: &Path) -> Result<()> {
    let mut movie = InrReader::open(input)?;
    let mut writer = NpyWriter::<f64>::create(output, &[movie.height(), movie.width()])?;
    let mut frame = vec![0.0; movie.height() * movie.width()];
    while movie.next_frame(&mut frame)? {
        writer.append(&frame)?;
    }
    writer.finish()?;
    Ok(())
}

/// Makes a folder for results, if there is none.
pub fn make_folder(folder: &Path) -> Result<()> {
    fs::create_dir_all(folder)
        .map_err(|reason| Error::Failed(format!("cannot make the folder {}: {reason}", folder.display())))
}
