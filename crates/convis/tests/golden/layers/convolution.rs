//! Convolutions.

use std::sync::Arc;

use convis::Resolution;
use convis::filters::{Conv1d, Conv2d, Conv3d, ConvOptions, SetWeight, TimePadding};
use convis::layer::{self, Layer};
use serde_json::Value;

use crate::file::Golden;

/// A layer of this family.
pub fn build(kind: &str, golden: &Golden, resolution: Resolution) -> Result<Option<Arc<dyn Layer>>, String> {
    let params = &golden.params;
    if !matches!(kind, "Conv3d" | "Conv2d" | "Conv1d") || !golden.has("kernel") {
        return Ok(None);
    }
    let error = |error: convis::Error| error.to_string();
    let flag = |key: &str, default: bool| params[key].as_bool().unwrap_or(default);
    let options = ConvOptions {
        bias: flag("bias", false),
        time_pad: flag("time_pad", true),
        autopad: flag("autopad", true),
        mode: TimePadding::mode_named(params["time_padding_mode"].as_str().unwrap_or("first_frame"))
            .map_err(error)?,
        // Recorded gradients hold the history constant, the frames made up before the first included.
        history_gradient: false,
        ..ConvOptions::default()
    };
    let how = SetWeight {
        normalize: flag("normalize", false),
        preserve_channels: flag("preserve_channels", false),
        flip: flag("flip", true),
    };
    let channels = |key: &str| params[key].as_u64().ok_or_else(|| format!("params_json has no {key}"));
    let (inputs, outputs) = (channels("in_channels")? as usize, channels("out_channels")? as usize);
    let sizes: Vec<usize> = match &params["kernel_size"] {
        Value::Array(sizes) => sizes.iter().filter_map(|n| n.as_u64().map(|n| n as usize)).collect(),
        size => size.as_u64().map(|n| n as usize).into_iter().collect(),
    };
    let (kernel, shape) = (golden.numbers("kernel")?, golden.shape("kernel")?);
    let layer: Arc<dyn Layer> = match (kind, &sizes[..]) {
        ("Conv3d", &[t, h, w]) => {
            let conv = Conv3d::new(inputs, outputs, [t, h, w], options, resolution).map_err(error)?;
            conv.set_weight(kernel, shape, how).map_err(error)?;
            Arc::new(conv)
        }
        ("Conv2d", &[h, w]) => {
            let conv = Conv2d::new(inputs, outputs, [h, w], options, resolution).map_err(error)?;
            conv.set_weight(kernel, shape, how).map_err(error)?;
            Arc::new(conv)
        }
        ("Conv1d", &[t]) => {
            let conv = Conv1d::new(inputs, outputs, t, options, resolution).map_err(error)?;
            conv.set_weight(kernel, shape, how).map_err(error)?;
            Arc::new(conv)
        }
        _ => return Err(format!("kernel_size {sizes:?} does not fit {kind}")),
    };
    if options.bias {
        let bias = golden.numbers("bias")?;
        let parameter = layer::parameter(&*layer, "bias").map_err(error)?;
        parameter.set_value(bias.clone(), &[bias.len()]).map_err(error)?;
    }
    Ok(Some(layer))
}
