//! What is compared, and how closely.

mod full_convolution;
mod spiking;

use std::collections::BTreeMap;
use std::ops::ControlFlow;

use convis::layer::{self, Layer};
use convis::run::{Movie, RunOptions, run};
use convis::tensor::backward;
use convis::{DType, GradientMode, NoiseId, State, Tensor, call};

use crate::file::Golden;
use crate::functions;
use crate::gradients;
use crate::keys;
use crate::layers::{build, ganglion_spiking, path, set_one};
use crate::optimizing;
use crate::padding;
use crate::{samples, virtual_retina};

/// How a comparison ended, if it did not fail.
pub enum Outcome {
    Passed(String),
    Skipped(String),
}

pub const NOISE: NoiseId = NoiseId { seed: 0, model: 0, trial: 0 };

/// Largest deviation allowed, as a part of the largest number: rounding of single precision along a few hundred steps.
/// The current of ganglion cells amplifies it by two orders before a threshold.
fn tolerance(kind: &str) -> f64 {
    if matches!(kind, "GanglionInput" | "Retina") { 2e-5 } else { 1e-5 }
}

/// Compares one file.
pub fn compare(golden: &Golden) -> Result<Outcome, String> {
    if virtual_retina::is_one(golden) {
        return virtual_retina::compare(golden);
    }
    let Some(kind) = golden.text("layer") else {
        return Ok(Outcome::Skipped("it does not name a layer".into()));
    };
    keys::check(&golden.params)?;
    if kind == "samples" {
        return samples::compare(golden);
    }
    if kind == "Retina" && golden.has("current_0") {
        return spikes_of_retina(golden);
    }
    if let Some(outcome) = optimizing::compare(golden, kind)? {
        return Ok(outcome);
    }
    if let Some(outcome) = functions::compare(golden, kind)? {
        return Ok(outcome);
    }
    if let Some(outcome) = spiking::compare(golden, kind)? {
        return Ok(outcome);
    }
    if kind == "FullConvolutionOPLFilter" {
        return full_convolution::compare(golden).map(Outcome::Passed);
    }
    let Some(layer) = build(golden, golden.resolution()?)? else {
        return Ok(Outcome::Skipped(format!("{kind} is not implemented yet")));
    };
    if matches!(kind, "TimePadding" | "Delay") {
        return padding::compare(golden, &*layer);
    }
    if kind == "GanglionSpiking" {
        let start = ["state_V0", "state_refr0"];
        let what = spikes(golden, &*layer, "input", start, "output")?;
        return Ok(Outcome::Passed(what));
    }
    let Some(answers) = answers(golden) else {
        return Ok(Outcome::Skipped("a record of a defect that holds no right answer".into()));
    };
    let mut worst = 0.0f64;
    for dtype in [DType::F32, DType::F64] {
        let input = golden.movie("input", dtype)?;
        let ways = chunkings(golden.chunk(), input.shape()[2]);
        let ways = if depends_on_the_first_chunk(golden) { &ways[..1] } else { &ways[..] };
        for chunks in ways {
            let outputs = run_in_chunks(&*layer, &input, State::new(NOISE), chunks)?;
            if outputs.len() < answers.len() {
                return Err(format!("{} outputs instead of {}", outputs.len(), answers.len()));
            }
            for (output, answer) in outputs.iter().zip(&answers) {
                let deviation = deviation(&output.to_f64(), &golden.numbers(answer)?)?;
                worst = worst.max(deviation);
                if deviation > tolerance(kind) {
                    return Err(format!("{answer} in {dtype}, chunks {chunks:?}: {deviation:.2e} of max"));
                }
            }
        }
    }
    let mut what = format!("{} within {worst:.1e} of max", answers.join(", "));
    let gradients = compare_gradients(golden, kind, &*layer, answers.len())?
        + gradients::compare(golden, kind, &*layer, &answers[0])?;
    if gradients > 0 {
        what = format!("{what}, {gradients} gradients");
    }
    Ok(Outcome::Passed(what))
}

/// The arrays that hold the right answer, best first; the second movie, where there is one, has the suffix `_1`.
fn answers(golden: &Golden) -> Option<Vec<String>> {
    let sound = matches!(golden.text("soundness"), Some("sound" | "repaired" | "caveat"));
    let best = ["output_published", "output_ideal", "output_same_size", "output"]
        .into_iter()
        .find(|name| golden.has(name) && (*name != "output" || sound))?;
    let second = format!("{best}_1");
    Some(std::iter::once(best.to_string()).chain(golden.has(&second).then_some(second)).collect())
}

/// Whether the answer depends on the first chunk by definition: histories made of all of it, or none at all.
fn depends_on_the_first_chunk(golden: &Golden) -> bool {
    matches!(golden.text("time_padding_mode"), Some("mean" | "full_copy" | "mirror"))
        || golden.params["time_pad"].as_bool() == Some(false)
}

/// As recorded, whole, and a few random ways to cut.
pub fn chunkings(recorded: Option<usize>, frames: usize) -> Vec<Vec<usize>> {
    let mut all = vec![vec![recorded.unwrap_or(frames).min(frames); frames], vec![frames]];
    let mut x = frames as u64;
    for _ in 0..3 {
        let lengths = std::iter::repeat_with(|| {
            x = x.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            1 + (x >> 33) as usize % frames.div_ceil(2)
        });
        all.push(lengths.take(frames).collect());
    }
    for lengths in &mut all {
        let mut left = frames;
        lengths.retain_mut(|length| {
            *length = (*length).min(left);
            left -= *length;
            *length > 0
        });
    }
    all
}

/// The outputs of all chunks, joined.
fn run_in_chunks(
    layer: &dyn Layer,
    input: &Tensor,
    mut state: State,
    lengths: &[usize],
) -> Result<Vec<Tensor>, String> {
    let mut parts: Vec<Vec<Tensor>> = vec![];
    let mut first = 0;
    for &frames in lengths {
        let mut part = Movie::new(input.frames(first, frames).map_err(text)?).map_err(text)?;
        let options = RunOptions { chunk: Some(frames), ..RunOptions::default() };
        run(layer, &mut part, &mut state, &options, &mut |chunk| {
            parts.push(chunk.output.into_movies().into_iter().map(|(_, movie)| movie).collect());
            Ok(ControlFlow::Continue(()))
        })
        .map_err(text)?;
        first += frames;
    }
    let outputs = parts.first().map_or(0, Vec::len);
    (0..outputs)
        .map(|i| {
            let movies: Vec<Tensor> = parts.iter().map(|part| part[i].clone()).collect();
            Tensor::join_frames(&movies).map_err(text)
        })
        .collect()
}

pub fn text(error: convis::Error) -> String {
    error.to_string()
}

/// The largest difference, as a part of the largest number wanted.
pub fn deviation(got: &[f64], want: &[f64]) -> Result<f64, String> {
    if got.len() != want.len() {
        return Err(format!("{} numbers instead of {}", got.len(), want.len()));
    }
    if let Some(i) = (0..got.len()).find(|&i| !got[i].is_finite() || !want[i].is_finite()) {
        return Err(format!("number {i} is {} instead of {}", got[i], want[i]));
    }
    let scale = want.iter().fold(1e-30f64, |m, x| m.max(x.abs()));
    Ok(got.iter().zip(want).fold(0.0f64, |m, (g, w)| m.max((g - w).abs())) / scale)
}

/// The recorded gradients of scalar parameters against ours, in double precision.
fn compare_gradients(
    golden: &Golden,
    kind: &str,
    layer: &dyn Layer,
    outputs: usize,
) -> Result<usize, String> {
    let names: Vec<String> = golden.names_after("gradp_").map(str::to_string).collect();
    if names.is_empty() {
        return Ok(0);
    }
    let input = golden.movie("input", DType::F64)?;
    let probes = (0..outputs)
        .map(|i| golden.movie(if i == 0 { "probe" } else { "probe_1" }, DType::F64))
        .collect::<Result<Vec<_>, _>>()?;
    let parameters: Vec<(String, convis::parameter::Parameter)> = names
        .iter()
        .map(|name| {
            let parameter = layer::parameter(layer, &path(kind, name)).map_err(text)?;
            parameter.set_requires_grad(true).map_err(text)?;
            Ok((name.clone(), parameter))
        })
        .collect::<Result<_, String>>()?;
    let outputs = |gradients| -> Result<Vec<Tensor>, String> {
        let output = call(layer, &input, &mut State::new(NOISE), gradients, None).map_err(text)?;
        Ok(output.into_movies().into_iter().map(|(_, movie)| movie).collect())
    };
    let results = outputs(GradientMode::Call)?;
    let seeds: Vec<(&Tensor, Tensor)> = results.iter().zip(probes.iter().cloned()).collect();
    backward(&seeds).map_err(text)?;
    let gradients: BTreeMap<&str, f64> = parameters
        .iter()
        .map(|(name, p)| (name.as_str(), p.gradient().map_or(0.0, |g| g.to_f64()[0])))
        .collect();
    for (name, parameter) in &parameters {
        let want = golden.numbers(&format!("gradp_{name}"))?[0];
        let got = gradients[name.as_str()];
        // Some gradients are the difference of large sums: the size of these, Σ|probe·∂output|, sets the rounding.
        let value = parameter.scalar();
        let h = 1e-5 * value.abs().max(1e-3);
        let mut moved = vec![];
        for sign in [1.0, -1.0] {
            // At the edge of the parameter's range the quotient is taken at the value itself.
            let target = if parameter.check(&[value + sign * h]).is_ok() { value + sign * h } else { value };
            set_one(layer, &path(kind, name), target)?;
            moved.push(outputs(GradientMode::Off)?);
        }
        set_one(layer, &path(kind, name), value)?;
        let mut size = 0.0;
        for i in 0..probes.len() {
            let (up, down, probe) = (moved[0][i].to_f64(), moved[1][i].to_f64(), probes[i].to_f64());
            for j in 0..probe.len() {
                size += (probe[j] * (up[j] - down[j]) / (2.0 * h)).abs();
            }
        }
        let allowed = 1e-4 * want.abs() + 1e-7 * size;
        if (got - want).abs() > allowed || got.is_nan() {
            return Err(format!("gradient of {name}: {got:.6e} instead of {want:.6e} (±{allowed:.1e})"));
        }
    }
    Ok(names.len())
}

/// Spikes of the recorded currents: both populations of a retina.
fn spikes_of_retina(golden: &Golden) -> Result<Outcome, String> {
    let layer = ganglion_spiking(&golden.params, golden.resolution()?)?;
    set_one(&layer, "noise_sigma", golden.params["noise"].as_f64().unwrap_or(0.0))?;
    set_one(&layer, "refr_sigma", 0.0)?;
    let mut what = vec![];
    for (i, output) in ["output", "output_1"].into_iter().enumerate() {
        let [current, v, refractory] =
            ["current", "state_V0", "state_refr0"].map(|name| format!("{name}_{i}"));
        what.push(spikes(golden, &layer, &current, [&v, &refractory], output)?);
    }
    Ok(Outcome::Passed(what.join("; ")))
}

/// Spikes are equal, one by one.
fn spikes(
    golden: &Golden,
    layer: &dyn Layer,
    input: &str,
    [v, refractory]: [&str; 2],
    output: &str,
) -> Result<String, String> {
    let want = golden.numbers(output)?;
    for dtype in [DType::F32, DType::F64] {
        let current = golden.movie(input, dtype)?;
        let shape = current.shape();
        let arrays = BTreeMap::from([
            ("V".to_string(), golden.movie(v, dtype)?),
            ("refractory".to_string(), golden.movie(refractory, dtype)?),
        ]);
        let sizes = [shape[0], shape[1], shape[3], shape[4]];
        let start = State::from_parts(arrays, NOISE, 0, Some(sizes));
        for chunks in chunkings(golden.chunk(), shape[2]) {
            let got = run_in_chunks(layer, &current, start.clone(), &chunks)?[0].to_f64();
            let wrong = got.iter().zip(&want).filter(|(g, w)| g != w).count();
            if wrong > 0 || got.len() != want.len() {
                return Err(format!("{output} in {dtype}, chunks {chunks:?}: {wrong} steps differ"));
            }
        }
    }
    Ok(format!("{output}: all {} spikes", want.iter().sum::<f64>()))
}
