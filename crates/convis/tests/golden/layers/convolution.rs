//! Convolutions.

use std::sync::Arc;

use convis::Resolution;
use convis::filters::{Conv1d, Conv2d, Conv3d, ConvOptions, RF, SetWeight, TimePadding};
use convis::layer::{self, Layer};

use super::counts;
use crate::compare::text;
use crate::file::Golden;

/// A layer of this family.
pub fn build(kind: &str, golden: &Golden, resolution: Resolution) -> Result<Option<Arc<dyn Layer>>, String> {
    let params = &golden.params;
    if kind == "RF" {
        return receptive_field(golden, resolution).map(Some);
    }
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
    let sizes = counts(&params["kernel_size"])?;
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

/// A receptive field; without a kernel, one that takes its size from the image.
fn receptive_field(golden: &Golden, resolution: Resolution) -> Result<Arc<dyn Layer>, String> {
    let params = &golden.params;
    if params["placement"].as_str().is_some_and(|rule| !rule.starts_with("corner")) {
        return Err(format!("the placement {} is unknown", params["placement"]));
    }
    let size = counts(&params["kernel_size"])?;
    let &[time, height, width] = &size[..] else { return Err(format!("kernel_size {size:?}")) };
    let channels = |name: &str| golden.shape(name).map_or(1, |shape| shape[1]);
    let automatic = params["auto_uniform_weight"].as_bool() == Some(true);
    let pixels = if automatic { [1, 1] } else { [height, width] };
    let options = ConvOptions { history_gradient: false, ..ConvOptions::default() };
    let kernel = [time, pixels[0], pixels[1]];
    let rf = RF::new(channels("input"), 1, kernel, options, resolution).map_err(text)?;
    if !automatic {
        rf.set_weight(golden.numbers("kernel")?, golden.shape("kernel")?, SetWeight::default())
            .map_err(text)?;
    }
    let outputs = if automatic { 1 } else { golden.shape("kernel")?[0] };
    let bias = match params["bias"].as_f64() {
        Some(bias) => vec![bias; outputs],
        None if golden.has("bias") => golden.numbers("bias")?,
        None => vec![0.0; outputs],
    };
    let parameter = layer::parameter(&rf, "bias").map_err(text)?;
    parameter.set_value(bias, &[outputs]).map_err(text)?;
    Ok(Arc::new(rf))
}
