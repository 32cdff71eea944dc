//! Files that describe a function instead of a layer: kernels, sums, the resolution.

use convis::filters::ExponentialKernel;
use convis::numerical_filters::{Rule, Spatial, Temporal, exponential, gaussian_2d, high_pass};
use convis::tensor::{backward, sum};
use convis::{DType, Resolution, Tensor};
use serde_json::Value;

use crate::compare::{Outcome, deviation, text};
use crate::file::Golden;
use crate::layers::number;

/// Double precision of numbers recorded in double precision.
const EXACT: f64 = 1e-12;
/// Single precision.
const SINGLE: f64 = 1e-6;

/// Compares a file of this family; `None` if it is of another one.
pub fn compare(golden: &Golden, kind: &str) -> Result<Option<Outcome>, String> {
    let what = match kind {
        "ResolutionInfo" => resolution(golden)?,
        "sum (function)" => sums(golden)?,
        "ExponentialKernel" => exponential_kernel(golden)?,
        "exponential_filter_1d" | "exponential_highpass_filter_1d" | "gauss_filter_2d" => {
            kernels(golden, kind)?
        }
        _ => return Ok(None),
    };
    Ok(Some(Outcome::Passed(what)))
}

fn close(what: &str, got: &[f64], want: &[f64], tolerance: f64) -> Result<f64, String> {
    let deviation = deviation(got, want).map_err(|error| format!("{what}: {error}"))?;
    if deviation > tolerance {
        return Err(format!("{what}: {deviation:.2e} of max"));
    }
    Ok(deviation)
}

type Conversion = fn(&Resolution, f64) -> f64;

fn resolution(golden: &Golden) -> Result<String, String> {
    let (ppd, sps, v) = (golden.numbers("ppd")?, golden.numbers("sps")?, golden.numbers("v")?);
    let conversions: [(&str, Conversion); 4] = [
        ("degree_to_pixel", Resolution::degree_to_pixel),
        ("pixel_to_degree", Resolution::pixel_to_degree),
        ("seconds_to_steps", Resolution::seconds_to_steps),
        ("steps_to_seconds", Resolution::steps_to_seconds),
    ];
    for (name, convert) in conversions {
        let got = (0..v.len())
            .map(|i| Ok(convert(&Resolution::new(ppd[i], sps[i]).map_err(text)?, v[i])))
            .collect::<Result<Vec<_>, String>>()?;
        close(name, &got, &golden.numbers(name)?, EXACT)?;
    }
    Ok(format!("{} values, {} conversions", v.len(), conversions.len()))
}

fn sums(golden: &Golden) -> Result<String, String> {
    let mut worst = 0.0f64;
    for dtype in [DType::F32, DType::F64] {
        let names = golden.names_after("input_").map(|name| format!("input_{name}"));
        let movies = names.map(|name| golden.movie(&name, dtype)).collect::<Result<Vec<_>, _>>()?;
        let dim = number(&golden.params, "dim")? as usize;
        let total = sum(&movies.iter().collect::<Vec<_>>(), dim).map_err(text)?;
        worst = worst.max(close("output", &total.to_f64(), &golden.numbers("output")?, SINGLE)?);
    }
    Ok(format!("output within {worst:.1e} of max"))
}

fn exponential_kernel(golden: &Golden) -> Result<String, String> {
    let params = &golden.params;
    let layer = ExponentialKernel::new(
        number(params, "tau")?,
        number(params, "n")? as usize,
        number(params, "amplification")?,
        number(params, "length")? as usize,
        Rule::Convis,
        golden.resolution()?,
    )
    .map_err(text)?;
    let kernel = layer.kernel(true).map_err(text)?;
    let deviation = close("output", &kernel.to_f64(), &golden.numbers("output")?, SINGLE)?;
    let probe = golden.numbers("probe")?;
    let size: f64 = kernel.to_f64().iter().zip(&probe).map(|(k, g)| (k * g).abs()).sum();
    let probe = Tensor::from_vec(probe, kernel.shape()).map_err(text)?;
    backward(&[(&kernel, probe)]).map_err(text)?;
    for (name, parameter) in [("grad_tau", layer.tau()), ("grad_amplification", layer.amplification())] {
        let got = parameter.gradient().ok_or_else(|| format!("{name} is missing"))?.to_f64()[0];
        let want = golden.numbers(name)?[0];
        // Sums in single precision of terms of both signs, each about as large as a sample over the parameter.
        let allowed = 1e-4 * want.abs() + 1e-6 * size / parameter.scalar().abs().max(1e-9);
        if (got - want).abs() > allowed || got.is_nan() {
            return Err(format!("{name}: {got:.6e} instead of {want:.6e}"));
        }
    }
    Ok(format!("output within {deviation:.1e} of max, 2 gradients"))
}

/// Every case of a table of kernels, by the toolbox's formulas.
fn kernels(golden: &Golden, kind: &str) -> Result<String, String> {
    let cases = golden.params["cases"].as_array().ok_or("params_json has no cases")?;
    let mut worst = 0.0f64;
    for (i, case) in cases.iter().enumerate() {
        let name = format!("kernel_{i}");
        let want = golden.numbers(&name)?;
        let got = if kind == "gauss_filter_2d" {
            let kernel = gaussian(case)?;
            if kernel.shape() != golden.shape(&name)? {
                return Err(format!("{name}: shape {:?}, not {:?}", kernel.shape(), golden.shape(&name)?));
            }
            kernel.to_f64()
        } else {
            temporal(case, kind)?
        };
        worst = worst.max(close(&name, &got, &want, EXACT)?);
    }
    Ok(format!("{} kernels within {worst:.1e} of max", cases.len()))
}

fn temporal(case: &Value, kind: &str) -> Result<Vec<f64>, String> {
    let default = Temporal::default();
    let given = |key: &str| case.get(key).and_then(Value::as_f64);
    let options = Temporal {
        order: given("n").map_or(default.order, |n| n as usize),
        amplification: given("amplification").unwrap_or(default.amplification),
        rule: Rule::Convis,
        epsilon: given("eps").unwrap_or(default.epsilon),
        min_steps: given("min_steps").map_or(default.min_steps, |n| n as usize),
        max_length: given("max_length").map_or(default.max_length, |n| n as usize),
        even: case.get("even").and_then(Value::as_bool),
        normalize: case.get("normalize").and_then(Value::as_bool).unwrap_or(default.normalize),
    };
    let (tau_s, resolution) =
        (number(case, "tau")?, Resolution::new(10.0, number(case, "sps")?).map_err(text)?);
    if kind == "exponential_highpass_filter_1d" {
        return high_pass(tau_s, number(case, "relative_weight")?, &options, resolution).map_err(text);
    }
    exponential(tau_s, &options, resolution).map_err(text)
}

fn gaussian(case: &Value) -> Result<Tensor, String> {
    let default = Spatial::default();
    let given = |key: &str| case.get(key).and_then(Value::as_f64);
    let options = Spatial {
        rule: Rule::Convis,
        even: case.get("even").and_then(Value::as_bool).unwrap_or(default.even),
        epsilon: given("eps").unwrap_or(default.epsilon),
        border: given("border").unwrap_or(default.border),
    };
    let resolution = Resolution::new(number(case, "ppd")?, 1000.0).map_err(text)?;
    gaussian_2d(number(case, "sx")?, number(case, "sy")?, &options, resolution).map_err(text)
}
