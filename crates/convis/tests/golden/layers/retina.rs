//! The retina and its stages.

use std::sync::Arc;

use convis::filters::{RecursiveKind, TemporalHighPassFilterRecursive, TemporalLowPassFilterRecursive};
use convis::layer::Layer;
use convis::retina::{
    Bipolar, FullConvolutionOplFilter, GanglionInput, GanglionSpiking, HalfRecursiveOplFilter,
    RecursiveOplFilter, Retina, RetinaOptions, SeparableOplFilter,
};
use convis::{Integration, Resolution};
use serde_json::Value;

use super::{counts, number, set_one};
use crate::file::Golden;

/// Names in the files and in the library.
const NAMES: &[(&str, &str)] = &[
    ("undershoot_tau", "center_undershoot.tau"),
    ("undershoot_w", "center_undershoot.k"),
    ("sigma_center", "center_G.sigma"),
    ("tau_center", "center_E.tau"),
    ("n_center", "center_E.n"),
    ("sigma_surround", "surround_G.sigma"),
    ("tau_surround", "surround_E.tau"),
    ("sigma", "adaptation_sigma"),
    ("transient_tau", "transient_tau_center"),
    ("transient_w", "transient_relative_weight_center"),
    ("sigma_pool", "sigma_surround"),
];

/// The library's path of a parameter of a layer of this kind.
pub fn path(kind: &str, name: &str) -> String {
    if kind == "Retina" {
        let (stage, name) = name.split_once('.').unwrap_or(("", name));
        return match stage {
            "opl" => format!("opl.opl_filter.{}", path("HalfRecursiveOPLFilter", name)),
            "bipolar" => format!("bipolar.{}", path("Bipolar", name)),
            _ => {
                let index = stage.trim_start_matches("ganglion_");
                format!("gang_{index}_input.{}", path("GanglionInput", name))
            }
        };
    }
    // `sigma_surround` of the OPL is a path, of the ganglion input a name of its own.
    let applies = |from: &str, to: &str| from == name && (kind.ends_with("OPLFilter") == to.contains('.'));
    NAMES.iter().find(|(from, to)| applies(from, to)).map_or(name, |(_, to)| to).to_string()
}

/// A layer of this family.
pub fn build(kind: &str, golden: &Golden, resolution: Resolution) -> Result<Option<Arc<dyn Layer>>, String> {
    let params = &golden.params;
    let error = |error: convis::Error| error.to_string();
    let layer: Arc<dyn Layer> = match kind {
        "TemporalLowPassFilterRecursive" => {
            Arc::new(TemporalLowPassFilterRecursive::new(number(params, "tau")?, resolution).map_err(error)?)
        }
        "TemporalHighPassFilterRecursive" => Arc::new(
            TemporalHighPassFilterRecursive::new(number(params, "tau")?, number(params, "k")?, resolution)
                .map_err(error)?,
        ),
        "HalfRecursiveOPLFilter" => {
            let layer = HalfRecursiveOplFilter::new(resolution).map_err(error)?;
            set(&layer, kind, "", &params["params"])?;
            Arc::new(layer)
        }
        "RecursiveOPLFilter" => {
            let layer = RecursiveOplFilter::new(RecursiveKind::Deriche, resolution).map_err(error)?;
            set(&layer, kind, "", &params["params"])?;
            Arc::new(layer)
        }
        "SeperatableOPLFilter" | "SeparableOPLFilter" => {
            let layer = SeparableOplFilter::new(resolution).map_err(error)?;
            set(&layer, kind, "", &params["params"])?;
            Arc::new(layer)
        }
        "FullConvolutionOPLFilter" => Arc::new(full_convolution(golden, resolution)?),
        "Bipolar" => {
            let layer = Bipolar::new(resolution);
            set(&layer, kind, "", &params["params"])?;
            Arc::new(layer)
        }
        "GanglionInput" => {
            let layer = GanglionInput::new(1.0, resolution).map_err(error)?;
            set(&layer, kind, "", &params["params"])?;
            Arc::new(layer)
        }
        "GanglionSpiking" => Arc::new(ganglion_spiking(params, resolution)?),
        "Retina" => {
            let options = RetinaOptions {
                opl: !params["opl"].is_null(),
                bipolar: !params["bipolar"].is_null(),
                spikes: false,
                ..RetinaOptions::default()
            };
            let layer = Retina::new(options, resolution).map_err(error)?;
            for stage in ["opl", "bipolar"] {
                set(&layer, kind, &format!("{stage}."), &params[stage])?;
            }
            for (i, ganglion) in params["ganglion"].as_array().into_iter().flatten().enumerate() {
                set(&layer, kind, &format!("ganglion_{i}."), ganglion)?;
            }
            Arc::new(layer)
        }
        _ => return Ok(None),
    };
    Ok(Some(layer))
}

/// A single convolution, with a kernel on the grid of the file.
pub fn full_convolution(golden: &Golden, resolution: Resolution) -> Result<FullConvolutionOplFilter, String> {
    let shape = counts(&golden.params["shp"])?;
    let shape = <[usize; 3]>::try_from(shape).map_err(|shape| format!("shp is {shape:?}"))?;
    let layer = FullConvolutionOplFilter::new(Some(shape), resolution).map_err(|error| error.to_string())?;
    set(&layer, "FullConvolutionOPLFilter", "", &golden.params["params"])?;
    Ok(layer)
}

/// Ganglion cells on the Euler grid, with what the description says of them.
pub fn ganglion_spiking(params: &Value, resolution: Resolution) -> Result<GanglionSpiking, String> {
    let layer = GanglionSpiking::new(Integration::Euler, resolution).map_err(|error| error.to_string())?;
    for name in ["noise_sigma", "refr_sigma", "refr_mu", "g_L", "tau"] {
        if let Some(value) = params.get(name).and_then(Value::as_f64) {
            set_one(&layer, name, value)?;
        }
    }
    Ok(layer)
}

/// Sets every parameter of a description.
fn set(layer: &dyn Layer, kind: &str, prefix: &str, values: &Value) -> Result<(), String> {
    for (name, value) in values.as_object().into_iter().flatten() {
        let value = value.as_f64().ok_or_else(|| format!("{name} is no number"))?;
        set_one(layer, &path(kind, &format!("{prefix}{name}")), value)?;
    }
    Ok(())
}
