//! Layers that return more frames than they are given: every chunk by itself, as recorded.

use convis::layer::Layer;
use convis::{DType, GradientMode, State, call};
use serde_json::Value;

use crate::compare::{NOISE, Outcome, deviation, text};
use crate::file::Golden;

/// Single precision of numbers that are moved, not computed (a mean is computed in double precision).
const TOLERANCE: f64 = 1e-6;

/// Compares what each successive chunk returns.
pub fn compare(golden: &Golden, layer: &dyn Layer) -> Result<Outcome, String> {
    let mut worst = 0.0f64;
    let mut chunks = 0;
    for dtype in [DType::F32, DType::F64] {
        let input = golden.movie("input", dtype)?;
        let mut state = State::new(NOISE);
        let mut start = 0;
        chunks = 0;
        for length in lengths(golden, input.shape()[2])? {
            // A record of a defect holds the right answer only where it differs from what was recorded.
            let names = [format!("output_ideal_chunk_{chunks}"), format!("output_chunk_{chunks}")];
            let Some(answer) = names.iter().find(|name| golden.has(name)) else {
                return Err(format!("{} is missing", names[1]));
            };
            let chunk = input.frames(start, length).map_err(text)?;
            let output = call(layer, &chunk, &mut state, GradientMode::Off, None).map_err(text)?;
            let got = output.first().map_err(text)?.to_f64();
            let deviation = deviation(&got, &golden.numbers(answer)?)?;
            worst = worst.max(deviation);
            if deviation > TOLERANCE {
                return Err(format!("{answer} in {dtype}: {deviation:.2e} of max"));
            }
            start += length;
            chunks += 1;
        }
    }
    Ok(Outcome::Passed(format!("{chunks} chunks within {worst:.1e} of max")))
}

/// Lengths of the chunks as recorded.
fn lengths(golden: &Golden, frames: usize) -> Result<Vec<usize>, String> {
    let mut left = frames;
    let mut lengths = match golden.params.get("chunk_lengths").and_then(Value::as_array) {
        Some(lengths) => lengths
            .iter()
            .map(|n| n.as_u64().map(|n| n as usize).ok_or("chunk_lengths holds no counts".to_string()))
            .collect::<Result<Vec<_>, _>>()?,
        None => vec![golden.chunk().unwrap_or(frames); frames],
    };
    lengths.retain_mut(|length| {
        *length = (*length).min(left);
        left -= *length;
        *length > 0
    });
    Ok(lengths)
}
