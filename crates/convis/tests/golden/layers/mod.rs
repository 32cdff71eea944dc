//! From a file's description to a layer. One family of layers is one file.

mod convolution;
mod filters;
mod models;
mod retina;
mod spiking;

use std::sync::Arc;

use convis::Resolution;
use convis::layer::{self, Layer};
use serde_json::Value;

use crate::file::Golden;

pub use retina::{full_convolution, ganglion_spiking, path};
pub use spiking::fitz_hugh_nagumo;

/// The layer a file describes; `None` if the library has none of this kind yet.
pub fn build(golden: &Golden, resolution: Resolution) -> Result<Option<Arc<dyn Layer>>, String> {
    let kind = golden.text("layer").unwrap_or("");
    for family in [retina::build, filters::build, spiking::build, convolution::build, models::build] {
        if let Some(layer) = family(kind, golden, resolution)? {
            return Ok(Some(layer));
        }
    }
    Ok(None)
}

pub fn set_one(layer: &dyn Layer, path: &str, value: f64) -> Result<(), String> {
    layer::parameter(layer, path)
        .and_then(|parameter| parameter.set(value))
        .map_err(|error| error.to_string())
}

pub fn number(params: &Value, key: &str) -> Result<f64, String> {
    params.get(key).and_then(Value::as_f64).ok_or_else(|| format!("params_json has no {key}"))
}

/// Sizes: a list of whole numbers, or one.
pub fn counts(value: &Value) -> Result<Vec<usize>, String> {
    let one = |value: &Value| value.as_u64().map(|n| n as usize).ok_or_else(|| format!("{value} is no size"));
    value.as_array().map_or_else(|| Ok(vec![one(value)?]), |sizes| sizes.iter().map(one).collect())
}
