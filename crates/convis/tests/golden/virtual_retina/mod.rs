//! Files of Virtual Retina: maps of every stage, and spikes.

mod defect;
mod description;
mod spikes;

use std::collections::BTreeMap;
use std::ops::ControlFlow;

use convis::retina::description::RetinaDescription;
use convis::retina::{Retina, VirtualRetinaOptions};
use convis::run::{Movie, RunOptions, run};
use convis::{DType, State, Tensor};

use crate::compare::{NOISE, Outcome, chunkings, deviation, text};
use crate::file::Golden;

/// Whether the file is of this kind: it describes a retina with the names of Virtual Retina's files.
pub fn is_one(golden: &Golden) -> bool {
    golden.params.get("retina").is_some_and(|retina| retina.get("temporal-step__sec").is_some())
}

/// Largest deviations allowed, as a part of the largest number. Single precision: rounding along a few hundred steps.
/// Double precision: the files hold single precision, 6·10⁻⁸ of a number.
fn tolerance(dtype: DType) -> f64 {
    if dtype == DType::F64 { 3e-7 } else { 1e-5 }
}

/// Compares one file.
pub fn compare(golden: &Golden) -> Result<Outcome, String> {
    let description = description::of(&golden.params)?;
    let options = VirtualRetinaOptions {
        initial_luminance: golden.params.get("initial_luminance").and_then(serde_json::Value::as_f64),
        ..VirtualRetinaOptions::default()
    };
    if golden.has("spike_id") {
        spikes::compare(golden, &description, options)
    } else {
        maps(golden, &description, options)
    }
}

/// The arrays that hold maps, and the stages that compute them.
fn map_stages(golden: &Golden) -> Result<Vec<(String, String)>, String> {
    let mut all = vec![];
    for name in golden.names_after("") {
        let stage = match name {
            "params_json" | "input" => continue,
            "receptor" => "opl.opl_filter.receptors".to_string(),
            "horizontal" => "opl.opl_filter.horizontal".to_string(),
            "opl" | "bipolar" => name.to_string(),
            "adaptation" => "bipolar.adaptation".to_string(),
            _ => match name.strip_prefix("ganglion_").and_then(|i| i.parse::<usize>().ok()) {
                Some(i) => format!("gang_{i}_input"),
                None => return Err(format!("array {name} is of a kind that is not known")),
            },
        };
        all.push((name.to_string(), stage));
    }
    Ok(all)
}

fn maps(
    golden: &Golden,
    description: &RetinaDescription,
    options: VirtualRetinaOptions,
) -> Result<Outcome, String> {
    let options = VirtualRetinaOptions { without_spikes: true, ..options };
    let retina = Retina::virtual_retina(description, options).map_err(text)?;
    let arrays = map_stages(golden)?;
    let stages: Vec<String> = arrays.iter().map(|(_, stage)| stage.clone()).collect();
    if description.log_polar.is_some() {
        return log_polar(golden, description, options, &retina, &arrays);
    }
    let mut worst = BTreeMap::new();
    for dtype in [DType::F32, DType::F64] {
        let input = shown(golden, dtype)?;
        for chunks in chunkings(None, input.shape()[2]) {
            let movies = run_stages(&retina, &input, &stages, &chunks)?;
            for (array, stage) in &arrays {
                let deviation = deviation(&movies[stage].to_f64(), &golden.numbers(array)?)?;
                let most = worst.entry(dtype.to_string()).or_insert(0.0f64);
                *most = most.max(deviation);
                if deviation > tolerance(dtype) {
                    return Err(format!("{array} in {dtype}, chunks {chunks:?}: {deviation:.2e} of max"));
                }
            }
        }
    }
    let worst: Vec<String> = worst.iter().map(|(dtype, most)| format!("{most:.1e} in {dtype}")).collect();
    Ok(Outcome::Passed(format!("{} maps within {} of max", arrays.len(), worst.join(", "))))
}

/// Files of the log-polar scheme are a record of a defect. What they hold is computed from the equations of the defect, so
/// that it is known to the last digit what differs; how much, is said.
fn log_polar(
    golden: &Golden,
    description: &RetinaDescription,
    options: VirtualRetinaOptions,
    retina: &Retina,
    arrays: &[(String, String)],
) -> Result<Outcome, String> {
    let input = shown(golden, DType::F64)?;
    let defect = defect_of(description, options, &input)?;
    let stages: Vec<String> = arrays.iter().map(|(_, stage)| stage.clone()).collect();
    let ours = run_stages(retina, &input, &stages, &[input.shape()[2]])?;
    let (mut worst, mut apart) = (0.0f64, 0.0f64);
    for (array, stage) in arrays {
        let want = golden.numbers(array)?;
        let maps = match array.as_str() {
            "receptor" => &defect.receptor,
            "opl" => &defect.opl,
            "bipolar" => &defect.bipolar,
            "adaptation" => &defect.adaptation,
            other => match other.strip_prefix("ganglion_").and_then(|i| i.parse::<usize>().ok()) {
                Some(i) => &defect.ganglion[i],
                None => return Err(format!("array {other} is not restated")),
            },
        };
        let deviation_ = deviation(&maps.concat(), &want)?;
        worst = worst.max(deviation_);
        if deviation_ > tolerance(DType::F64) {
            return Err(format!("{array} by the equations of the defect: {deviation_:.2e} of max"));
        }
        apart = apart.max(deviation(&ours[stage].to_f64(), &want)?);
    }
    Ok(Outcome::Passed(format!(
        "the defect of the log-polar scheme restated, {} maps within {worst:.1e} of max; without it they differ by up to \
         {apart:.2} of max",
        arrays.len()
    )))
}

/// The maps of a run with the defect.
fn defect_of(
    description: &RetinaDescription,
    options: VirtualRetinaOptions,
    input: &Tensor,
) -> Result<defect::Maps, String> {
    let scheme = description.log_polar.as_ref().ok_or("no log-polar scheme")?;
    let (height, width) = (input.shape()[3], input.shape()[4]);
    let numbers = input.to_f64();
    let frames: Vec<&[f64]> = numbers.chunks(height * width).collect();
    let initial = options.initial_luminance.unwrap_or(description.retina.input_luminosity_range / 2.0);
    defect::run(description, scheme, initial, (height, width), &frames)
        .ok_or_else(|| "the defect is not restated for this outer plexiform layer".to_string())
}

/// The input, every frame as often as it was shown.
fn shown(golden: &Golden, dtype: DType) -> Result<Tensor, String> {
    let input = golden.movie("input", dtype)?;
    let repetition = golden.params.get("frame_repetition").and_then(serde_json::Value::as_u64).unwrap_or(1);
    let frames = input.shape()[2];
    let mut parts = vec![];
    for t in 0..frames {
        let frame = input.frames(t, 1).map_err(text)?;
        parts.extend(std::iter::repeat_n(frame, repetition.max(1) as usize));
    }
    Tensor::join_frames(&parts).map_err(text)
}

/// The movies of all stages, run in these chunks.
fn run_stages(
    retina: &Retina,
    input: &Tensor,
    stages: &[String],
    chunks: &[usize],
) -> Result<BTreeMap<String, Tensor>, String> {
    let mut state = State::new(NOISE);
    let mut parts: BTreeMap<String, Vec<Tensor>> = BTreeMap::new();
    let mut first = 0;
    for &frames in chunks {
        let mut part = Movie::new(input.frames(first, frames).map_err(text)?).map_err(text)?;
        let options = RunOptions { chunk: Some(frames), stages: stages.to_vec(), ..RunOptions::default() };
        run(retina, &mut part, &mut state, &options, &mut |chunk| {
            for (stage, output) in chunk.recorder.outputs {
                parts.entry(stage).or_default().push(output.first()?.clone());
            }
            Ok(ControlFlow::Continue(()))
        })
        .map_err(text)?;
        first += frames;
    }
    parts
        .into_iter()
        .map(|(stage, movies)| Ok((stage, Tensor::join_frames(&movies).map_err(text)?)))
        .collect()
}
