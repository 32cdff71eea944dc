//! Spiking layers: what is compared, and how closely (§13 of the specification).

use std::collections::BTreeMap;

use convis::layer::{self, Layer};
use convis::spiking::Sign;
use convis::tensor::{Leaf, backward};
use convis::{DType, GradientMode, State, Tensor, call};

use super::{NOISE, Outcome, chunkings, run_in_chunks, text};
use crate::file::Golden;
use crate::layers::{build, fitz_hugh_nagumo};

/// Compares a file of a spiking layer; `None` for other layers.
pub fn compare(golden: &Golden, kind: &str) -> Result<Option<Outcome>, String> {
    let what = match kind {
        "Poisson" => statistics(golden)?,
        "LeakyIntegrateAndFireNeuron" | "RefractoryLeakyIntegrateAndFireNeuron" => {
            let Some(output) = answer(golden) else { return Ok(Some(no_answer())) };
            let layer = layer_of(golden)?;
            let start: &[(&str, &str)] = if golden.has("state_refr0") {
                &[("V", "state_V0"), ("refractory", "state_refr0")]
            } else {
                &[("V", "state_V0")]
            };
            exact(golden, &*layer, output, start, &[("V", "state_V")])?
        }
        "IntegrativeMotionSensor" => {
            let Some(output) = answer(golden) else { return Ok(Some(no_answer())) };
            exact(golden, &*layer_of(golden)?, output, &[], &[])?
        }
        "Izhikevich" => {
            let Some(output) = answer(golden) else { return Ok(Some(no_answer())) };
            izhikevich(golden, &*layer_of(golden)?, output)?
        }
        "HogkinHuxley" | "HodgkinHuxley" => {
            let Some(output) = answer(golden) else { return Ok(Some(no_answer())) };
            let worst = deviation(golden, &*layer_of(golden)?, output, 0.05)?;
            format!("{output} within {worst:.1e} mV")
        }
        "FitzHughNagumo" => oscillators(golden)?,
        _ => return Ok(None),
    };
    Ok(Some(Outcome::Passed(what)))
}

fn no_answer() -> Outcome {
    Outcome::Skipped("a record of a defect that holds no right answer".into())
}

fn layer_of(golden: &Golden) -> Result<std::sync::Arc<dyn Layer>, String> {
    build(golden, golden.resolution()?)?.ok_or_else(|| "not of this family".to_string())
}

/// The array that holds the right answer.
fn answer(golden: &Golden) -> Option<&'static str> {
    let sound = matches!(golden.text("soundness"), Some("sound" | "repaired" | "caveat"));
    ["output_published", "output_ideal", "output"]
        .into_iter()
        .find(|name| golden.has(name) && (*name != "output" || sound))
}

/// Runs the layer in both types, as recorded and in random chunks.
fn every_way(
    golden: &Golden,
    layer: &dyn Layer,
    start: &[(&str, &str)],
    mut check: impl FnMut(&Tensor, DType) -> Result<(), String>,
) -> Result<(), String> {
    for dtype in [DType::F32, DType::F64] {
        let input = golden.movie("input", dtype)?;
        let shape = input.shape();
        let arrays = start
            .iter()
            .map(|(ours, theirs)| Ok((ours.to_string(), golden.movie(theirs, dtype)?)))
            .collect::<Result<BTreeMap<_, _>, String>>()?;
        let state = State::from_parts(arrays, NOISE, 0, Some([shape[0], shape[1], shape[3], shape[4]]));
        for chunks in chunkings(golden.chunk(), shape[2]) {
            let outputs = run_in_chunks(layer, &input, state.clone(), &chunks)?;
            check(&outputs[0], dtype).map_err(|why| format!("in {dtype}, chunks {chunks:?}: {why}"))?;
        }
    }
    Ok(())
}

/// Spikes are equal, one by one, and so are states after the last frame, to rounding.
fn exact(
    golden: &Golden,
    layer: &dyn Layer,
    output: &str,
    start: &[(&str, &str)],
    after: &[(&str, &str)],
) -> Result<String, String> {
    let want = golden.numbers(output)?;
    every_way(golden, layer, start, |got, _| {
        let got = got.to_f64();
        let wrong = got.iter().zip(&want).filter(|(g, w)| g != w).count();
        if wrong > 0 || got.len() != want.len() {
            return Err(format!("{output}: {wrong} steps differ"));
        }
        Ok(())
    })?;
    let mut what = format!("{output}: all {} spikes", want.iter().sum::<f64>());
    for (ours, theirs) in after {
        if !golden.has(theirs) {
            continue;
        }
        let input = golden.movie("input", DType::F64)?;
        let shape = input.shape();
        let arrays = start
            .iter()
            .map(|(ours, theirs)| Ok((ours.to_string(), golden.movie(theirs, DType::F64)?)))
            .collect::<Result<BTreeMap<_, _>, String>>()?;
        let sizes = [shape[0], shape[1], shape[3], shape[4]];
        let mut state = State::from_parts(arrays, NOISE, 0, Some(sizes));
        call(layer, &input, &mut state, GradientMode::Off, None).map_err(text)?;
        let got = state.arrays().get(*ours).ok_or_else(|| format!("state {ours} is missing"))?.to_f64();
        // The recorded state was summed in single precision over all frames.
        let worst = largest_difference(&got, &golden.numbers(theirs)?)?;
        if worst > 1e-5 {
            return Err(format!("{theirs}: {worst:.1e}"));
        }
        what = format!("{what}, {theirs}");
    }
    Ok(what)
}

fn largest_difference(got: &[f64], want: &[f64]) -> Result<f64, String> {
    if got.len() != want.len() {
        return Err(format!("{} numbers instead of {}", got.len(), want.len()));
    }
    Ok(got.iter().zip(want).fold(0.0, |m, (g, w)| if (g - w).abs() <= m { m } else { (g - w).abs() }))
}

/// Largest absolute deviation from the recorded numbers.
fn deviation(golden: &Golden, layer: &dyn Layer, output: &str, allowed: f64) -> Result<f64, String> {
    let want = golden.numbers(output)?;
    let mut worst = 0.0f64;
    every_way(golden, layer, &[], |got, _| {
        let deviation = largest_difference(&got.to_f64(), &want)?;
        worst = worst.max(deviation);
        if deviation <= allowed { Ok(()) } else { Err(format!("{output}: off by {deviation:.2e}")) }
    })?;
    Ok(worst)
}

/// Spikes are equal up to the step from which single and double precision part in the record, and may come one step
/// earlier or later from there; v and u agree to 1e-3 of their largest value away from spikes.
///
/// Where the file says that single precision loses spikes (it starts on an unstable fixed point, which the last bit
/// decides when to leave), our single precision is compared up to the parting step only; double precision to the end.
fn izhikevich(golden: &Golden, layer: &dyn Layer, output: &str) -> Result<String, String> {
    let want = golden.movie(output, DType::F64)?;
    let (shape, want) = (want.shape().to_vec(), want.to_f64());
    let (frames, pixels) = (shape[2], shape[3] * shape[4]);
    let jitter = golden.params["first_step_with_float64_deviation_gt_0p01"].as_u64();
    let jitter = jitter.map_or(frames, |step| step as usize);
    let channels = if golden.params["output_only_spikes"].as_bool() == Some(true) { 1 } else { 3 };
    let undecided = golden.params["spike_mismatch_vs_float64"].as_u64().unwrap_or(0) > 0;
    let mut worst = 0.0f64;
    every_way(golden, layer, &[], |got, dtype| {
        let got = got.to_f64();
        if got.len() != want.len() {
            return Err(format!("{} numbers instead of {}", got.len(), want.len()));
        }
        let compared = if undecided && dtype == DType::F32 { jitter } else { frames };
        let at = |plane: usize, t: usize, pixel: usize| (plane * frames + t) * pixels + pixel;
        for neuron in 0..shape[0] * shape[1] / channels {
            for pixel in 0..pixels {
                let times = |movie: &[f64]| -> Vec<usize> {
                    (0..compared).filter(|&t| movie[at(neuron * channels, t, pixel)] != 0.0).collect()
                };
                let (ours, theirs) = (times(&got), times(&want));
                let fits = |(a, b): (&usize, &usize)| a == b || (*b >= jitter && a.abs_diff(*b) <= 1);
                if ours.len() != theirs.len() || !ours.iter().zip(&theirs).all(fits) {
                    return Err(format!("spikes of pixel {pixel} at {ours:?} instead of {theirs:?}"));
                }
                // The upstroke multiplies the deviation of the steps before by orders of magnitude.
                let near =
                    |t: usize| ours.iter().chain(&theirs).any(|&spike| t + 2 >= spike && t <= spike + 1);
                for channel in 1..channels {
                    let plane = neuron * channels + channel;
                    let size = (0..frames).fold(1e-9f64, |m, t| m.max(want[at(plane, t, pixel)].abs()));
                    for t in (0..compared).filter(|&t| !near(t)) {
                        let i = at(plane, t, pixel);
                        let deviation = (got[i] - want[i]).abs() / size;
                        worst = worst.max(deviation);
                        if deviation.is_nan() || deviation > 1e-3 {
                            return Err(format!(
                                "channel {channel}, step {t}, pixel {pixel}: {} instead of {}",
                                got[i], want[i]
                            ));
                        }
                    }
                }
            }
        }
        Ok(())
    })?;
    let spikes: f64 = (0..shape[0] * shape[1])
        .step_by(channels)
        .flat_map(|p| &want[p * frames * pixels..][..frames * pixels])
        .sum();
    Ok(format!("{output}: all {spikes} spikes, v and u within {worst:.1e} of max"))
}

/// The textbook's sign is our default; the toolbox's is an option, and what its gradients belong to.
fn oscillators(golden: &Golden) -> Result<String, String> {
    let resolution = golden.resolution()?;
    let mut what = vec![];
    for (output, sign) in [("output_standard_sign", Sign::Plus), ("output", Sign::Minus)] {
        if !golden.has(output) {
            continue;
        }
        let layer = fitz_hugh_nagumo(&golden.params, sign, resolution)?;
        let size = golden.numbers(output)?.iter().fold(0.0f64, |m, x| m.max(x.abs()));
        // What the toolbox recorded in single precision is itself off by as much as the file says.
        let recorded = match sign {
            Sign::Plus => 0.0,
            Sign::Minus => golden.params["oracle_max_abs_err"].as_f64().unwrap_or(0.0),
        };
        let worst = deviation(golden, &*layer, output, 1e-5 * size + recorded)?;
        what.push(format!("{output} within {worst:.1e}"));
    }
    let names: Vec<&str> = golden.names_after("grad_").collect();
    if !names.is_empty() {
        let layer = fitz_hugh_nagumo(&golden.params, Sign::Minus, resolution)?;
        let leaf = Leaf::default();
        let input = golden.movie("input", DType::F64)?.with_leaf(&leaf);
        let y = call(&*layer, &input, &mut State::new(NOISE), GradientMode::Call, None).map_err(text)?;
        backward(&[(y.first().map_err(text)?, golden.movie("probe", DType::F64)?)]).map_err(text)?;
        for name in &names {
            let gradient = if *name == "input" {
                leaf.gradient()
            } else {
                layer::parameter(&*layer, name).map_err(text)?.gradient()
            };
            let got = gradient.ok_or_else(|| format!("no gradient of {name}"))?.to_f64();
            let want = golden.numbers(&format!("grad_{name}"))?;
            let size = want.iter().fold(0.0f64, |m, x| m.max(x.abs()));
            // Recorded by single-precision backpropagation through 10 sub-steps of every frame.
            let worst = largest_difference(&got, &want)? / size;
            if worst > 2e-3 {
                return Err(format!("gradient of {name}: {worst:.1e} of max"));
            }
        }
        what.push(format!("{} gradients", names.len()));
    }
    Ok(what.join(", "))
}

/// Mean, variance and correlation of constant rates.
fn statistics(golden: &Golden) -> Result<String, String> {
    let rates = golden.numbers("rate")?;
    let n = golden.params["n"].as_u64().unwrap_or(20_000) as usize;
    let layer = layer_of(golden)?;
    for (i, &p) in rates.iter().enumerate() {
        // As one long movie of one cell, and as one frame of many cells.
        for shape in [[1, 1, n, 1, 1], [1, 1, 1, 1, n]] {
            for dtype in [DType::F32, DType::F64] {
                let input = Tensor::from_vec(vec![p; n], &shape).map_err(text)?.cast(dtype);
                let mut state = State::new(convis::NoiseId { trial: i as u64, ..NOISE });
                let y = call(&*layer, &input, &mut state, GradientMode::Off, None).map_err(text)?;
                let y = y.first().map_err(text)?.to_f64();
                let mean = y.iter().sum::<f64>() / n as f64;
                let variance = y.iter().map(|y| (y - mean).powi(2)).sum::<f64>() / n as f64;
                let covariance =
                    y.windows(2).map(|w| (w[0] - mean) * (w[1] - mean)).sum::<f64>() / (n - 1) as f64;
                let (expected, root) = (p * (1.0 - p), (n as f64).sqrt());
                if (mean - p).abs() > 5.0 * expected.sqrt() / root {
                    return Err(format!("rate {p}: mean {mean}"));
                }
                // Of 0 and 1, the variance is mean·(1 − mean); neighbours are independent.
                if (variance - mean * (1.0 - mean)).abs() > 1e-9 || covariance.abs() > 5.0 * expected / root {
                    return Err(format!("rate {p}: variance {variance}, covariance {covariance}"));
                }
            }
        }
    }
    Ok(format!("mean, variance and independence at {} rates", rates.len()))
}
