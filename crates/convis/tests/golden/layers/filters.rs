//! Filters that are no convolution and no part of a retina.

use std::sync::Arc;

use convis::Resolution;
use convis::filters::{
    Delay, Diff, NLRectify, NLRectifyScale, NLRectifySquare, NLSquare, RecursiveKind, SmoothConv,
    SpatialRecursiveFilter, TimePadding, VariableDelay,
};
use convis::layer::{self, Layer};

use super::number;
use crate::compare::text;
use crate::file::Golden;

/// A layer of this family.
pub fn build(kind: &str, golden: &Golden, resolution: Resolution) -> Result<Option<Arc<dyn Layer>>, String> {
    let params = &golden.params;
    let frames = |key| number(params, key).map(|n| n as usize);
    let scale_and_bias = || Ok::<_, String>((number(params, "scale")?, number(params, "bias")?));
    let layer: Arc<dyn Layer> = match kind {
        "TimePadding" => {
            let mode = TimePadding::mode_named(golden.text("mode").unwrap_or("first_frame")).map_err(text)?;
            Arc::new(TimePadding::new(frames("length")?, mode, resolution))
        }
        "Delay" => Arc::new(Delay::new(frames("delay")?, frames("length")?, resolution)),
        "VariableDelay" => {
            let layer = VariableDelay::new(resolution);
            let (delays, shape) = (golden.numbers("delays")?, golden.shape("delays")?);
            layer.delays().set_value(delays, shape).map_err(text)?;
            Arc::new(layer)
        }
        "SmoothConv" => {
            let size = super::counts(&params["spatial_filter"])?;
            let &[height, width] = &size[..] else { return Err(format!("spatial_filter {size:?}")) };
            let (n, tau) = (frames("n")?, number(params, "tau")?);
            let layer = SmoothConv::new(n, tau, [height, width], resolution).map_err(text)?;
            for i in 0..n {
                let weight = layer::parameter(&layer, &format!("g_{i}.weight")).map_err(text)?;
                let mut kernel = golden.numbers(&format!("kernel_{i}"))?;
                let shape = golden.shape(&format!("kernel_{i}"))?;
                // The weight is the reverse of the impulse response.
                kernel.reverse();
                weight.set_value(kernel, &[&[1, 1], shape].concat()).map_err(text)?;
            }
            Arc::new(layer)
        }
        "Diff" => Arc::new(Diff::new(resolution)),
        "NLRectify" => Arc::new(NLRectify::new(resolution)),
        "NLRectifyScale" => {
            let (scale, bias) = scale_and_bias()?;
            Arc::new(NLRectifyScale::new(scale, bias, resolution).map_err(text)?)
        }
        "NLSquare" => {
            let (scale, bias) = scale_and_bias()?;
            Arc::new(NLSquare::new(scale, bias, resolution).map_err(text)?)
        }
        "NLRectifySquare" => {
            let (scale, bias) = scale_and_bias()?;
            Arc::new(NLRectifySquare::new(scale, bias, resolution).map_err(text)?)
        }
        "SpatialRecursiveFilter" => {
            let layer = SpatialRecursiveFilter::new(1.0, RecursiveKind::Deriche, resolution).map_err(text)?;
            match number(params, "sigma_deg") {
                Ok(sigma_deg) => layer.gaussian(sigma_deg).map_err(text)?,
                Err(_) => super::set_one(&layer, "density", number(params, "density")?)?,
            }
            Arc::new(layer)
        }
        _ => return Ok(None),
    };
    Ok(Some(layer))
}
