//! Spiking neurons and other excitable cells.

use std::sync::Arc;

use convis::layer::Layer;
use convis::spiking::{
    FitzHughNagumo, Gates, HodgkinHuxley, InputUnit, IntegrativeMotionSensor, Izhikevich,
    LeakyIntegrateAndFireNeuron, MotionMode, Poisson, RefractoryLeakyIntegrateAndFireNeuron, Sign,
};
use convis::{Integration, Resolution};
use serde_json::Value;

use super::{number, set_one};
use crate::file::Golden;

/// Names in the files and in the library.
const NAMES: &[(&str, &str)] = &[("noise", "noise_sigma")];

/// What a file says of the parameters of its layer.
const PARAMETERS: &[&str] = &[
    "a",
    "b",
    "c",
    "d",
    "threshold",
    "tau",
    "g_L",
    "refr_mu",
    "noise",
    "noise_strength",
    "gK",
    "gNa",
    "gL",
    "Cm",
    "VK",
    "VNa",
    "Vl",
];

/// A layer of this family, in the convention of the recorded numbers.
pub fn build(kind: &str, golden: &Golden, resolution: Resolution) -> Result<Option<Arc<dyn Layer>>, String> {
    let params = &golden.params;
    let error = |error: convis::Error| error.to_string();
    let (euler, unit) = (Integration::Euler, InputUnit::PerStep);
    let layer: Arc<dyn Layer> = match kind {
        "Poisson" => Arc::new(Poisson::new(unit, resolution)),
        "LeakyIntegrateAndFireNeuron" => {
            Arc::new(LeakyIntegrateAndFireNeuron::new(euler, unit, resolution).map_err(error)?)
        }
        "RefractoryLeakyIntegrateAndFireNeuron" => {
            let layer = RefractoryLeakyIntegrateAndFireNeuron::new(euler, unit, resolution).map_err(error)?;
            set_one(&layer, "refr_sigma", 0.0)?;
            Arc::new(layer)
        }
        "Izhikevich" => {
            let only_spikes = params["output_only_spikes"].as_bool().unwrap_or(true);
            match params["preset"].as_str() {
                Some(name) => Arc::new(Izhikevich::preset(name, only_spikes, resolution).map_err(error)?),
                None => Arc::new(Izhikevich::new(only_spikes, resolution)),
            }
        }
        "FitzHughNagumo" => return Ok(Some(fitz_hugh_nagumo(params, Sign::Plus, resolution)?)),
        "HogkinHuxley" | "HodgkinHuxley" => Arc::new(HodgkinHuxley::new(Gates::Zero, resolution)),
        "IntegrativeMotionSensor" => {
            let mode = match params["spiking_mode"].as_str() {
                Some("linear") => MotionMode::Linear,
                Some("log") => MotionMode::Log,
                other => return Err(format!("spiking_mode {other:?} is unknown")),
            };
            let threshold = number(params, "threshold")?;
            Arc::new(IntegrativeMotionSensor::new(mode, threshold, resolution).map_err(error)?)
        }
        _ => return Ok(None),
    };
    if kind != "IntegrativeMotionSensor" {
        set(&*layer, params)?;
    }
    Ok(Some(layer))
}

/// Oscillators with the textbook's sign of a, or that of the toolbox.
pub fn fitz_hugh_nagumo(
    params: &Value,
    sign: Sign,
    resolution: Resolution,
) -> Result<Arc<dyn Layer>, String> {
    let layer = FitzHughNagumo::new(sign, resolution);
    set(&layer, params)?;
    Ok(Arc::new(layer))
}

/// Sets the parameters that the file names, as the single-precision numbers that the toolbox held.
///
/// Some Izhikevich neurons start on an unstable fixed point, which the last bit of b decides when to leave: ideal
/// answers were computed in double precision from those numbers; in recorded single-precision runs the difference is
/// rounded away, as it is with the numbers as written.
fn set(layer: &dyn Layer, params: &Value) -> Result<(), String> {
    let as_written = layer.kind() == "Izhikevich" && params["soundness"].as_str() != Some("quirk");
    for name in PARAMETERS {
        if let Some(value) = params.get(*name).and_then(Value::as_f64) {
            let ours = NAMES.iter().find(|(from, _)| from == name).map_or(*name, |(_, to)| *to);
            set_one(layer, ours, if as_written { value } else { f64::from(value as f32) })?;
        }
    }
    Ok(())
}
