//! The toolbox's own gradients, where its output is the answer that is compared.

use convis::layer::{self, Layer};
use convis::tensor::{Leaf, backward};
use convis::{DType, GradientMode, State, Tensor, call};

use crate::compare::{NOISE, deviation, text};
use crate::file::Golden;

/// Single precision of sums of terms of both signs, as a part of the largest number.
const TOLERANCE: f64 = 1e-4;

/// Compares gradients named `grad_…`, in double precision and in the recorded chunks; returns how many.
pub fn compare(golden: &Golden, kind: &str, layer: &dyn Layer, answer: &str) -> Result<usize, String> {
    let names: Vec<&str> = golden
        .names_after("grad_")
        .filter(|name| match kind {
            "Conv3d" | "Conv2d" | "Conv1d" | "RF" | "L" | "LN" | "RFN" | "LNLN" | "LNLNLN" | "LNLNLNLN"
            | "LNSN" | "LNFDLNF" | "LNFDSNF" | "LNCascade" | "McIntosh" | "List" | "List / nested"
            | "Diff" | "NLRectify" | "NLRectifyScale" | "NLSquare" | "NLRectifySquare" => answer == "output",
            // Its recorded borders are wrong: only an input that vanishes there has the right output, and of the
            // gradients only that of the parameter is right.
            "SpatialRecursiveFilter" => golden.text("soundness") == Some("sound") && *name == "density",
            _ => false,
        })
        .collect();
    if names.is_empty() {
        return Ok(0);
    }
    let (input, probe) = (golden.movie("input", DType::F64)?, golden.movie("probe", DType::F64)?);
    let parameters = layer::parameters(layer);
    for (_, parameter) in &parameters {
        parameter.set_gradient(None);
    }
    let frames = input.shape()[2];
    let chunk = golden.chunk().unwrap_or(frames).max(1);
    // Recorded gradients of convolutions, and models of them, end at the ends of chunks, those of the other layers do not.
    let cut = !matches!(kind, "Diff" | "SpatialRecursiveFilter") && !kind.starts_with("NL");
    let mode = if cut { GradientMode::Call } else { GradientMode::Through };
    let mut state = State::new(NOISE);
    let (mut leaves, mut results, mut done) = (vec![], vec![], 0);
    for start in (0..frames).step_by(chunk) {
        let length = chunk.min(frames - start);
        let leaf = Leaf::default();
        let part = input.frames(start, length).map_err(text)?.with_leaf(&leaf);
        let output = call(layer, &part, &mut state, mode, None).map_err(text)?;
        let output = output.first().map_err(text)?.clone();
        let made = output.shape()[2];
        results.push((output, probe.frames(done, made).map_err(text)?));
        done += made;
        leaves.push(leaf);
    }
    let seeds: Vec<(&Tensor, Tensor)> = results.iter().map(|(output, g)| (output, g.clone())).collect();
    backward(&seeds).map_err(text)?;
    let by_input: Vec<Tensor> = leaves
        .iter()
        .map(|leaf| leaf.gradient().ok_or("the input has no gradient"))
        .collect::<Result<_, _>>()?;
    let terms = results.iter().flat_map(|(output, probe)| output.to_f64().into_iter().zip(probe.to_f64()));
    let size: f64 = terms.map(|(y, g)| (y * g).abs()).sum();
    for name in &names {
        let want = golden.numbers(&format!("grad_{name}"))?;
        let got = if *name == "input" {
            Tensor::join_frames(&by_input).map_err(text)?.to_f64()
        } else {
            let gradient = layer::parameter(layer, name).map_err(text)?.gradient();
            gradient.ok_or_else(|| format!("{name} has no gradient"))?.to_f64()
        };
        let deviation = deviation(&got, &want)?;
        // The gradient of a number is a sum that may cancel: the size of its terms sets the rounding.
        let cancelled = want.len() == 1 && (got[0] - want[0]).abs() <= 1e-6 * size;
        if deviation > TOLERANCE && !cancelled {
            return Err(format!("gradient of {name}: {deviation:.2e} of max"));
        }
    }
    Ok(names.len())
}
