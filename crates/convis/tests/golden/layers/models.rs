//! Models and lists of layers.

use std::sync::Arc;

use convis::Resolution;
use convis::filters::{
    Conv3d, ConvOptions, History, NLRectify, NLRectifyScale, NLRectifySquare, NLSquare, PlanChoice, SetWeight,
};
use convis::layer::{self, Layer};
use convis::models::{
    Combination, L, LN, LNCascade, LNFDLNF, LNLN, LNLNLN, LNLNLNLN, LNSN, List, McIntosh, McIntoshOptions,
    Mode, Nested, RFN, Stage, StageOptions, make_parallel_sequential_model, make_sequential_parallel_model,
};

use super::{counts, number};
use crate::compare::text;
use crate::file::Golden;

/// Recorded gradients hold the history constant, the frames made up before the first included.
const CONVOLUTION: ConvOptions = ConvOptions {
    bias: false,
    time_pad: true,
    autopad: true,
    mode: History::FirstFrame,
    history_gradient: false,
    plan: PlanChoice::Auto,
};

/// A layer of this family.
pub fn build(kind: &str, golden: &Golden, resolution: Resolution) -> Result<Option<Arc<dyn Layer>>, String> {
    let layer: Arc<dyn Layer> = match kind {
        "L" | "LN" | "RFN" | "LNLN" | "LNLNLN" | "LNLNLNLN" => linear_nonlinear(kind, golden, resolution)?,
        "LNSN" => lnsn(golden, resolution)?,
        "LNFDLNF" | "LNFDSNF" => lnfdlnf(golden, resolution)?,
        "LNCascade" => cascade(golden, resolution)?,
        "McIntosh" => mcintosh(golden, resolution)?,
        "List / nested" | "List" => list(golden, resolution)?,
        _ => return Ok(None),
    };
    Ok(Some(layer))
}

fn options(golden: &Golden) -> StageOptions {
    StageOptions {
        population: golden.params["population"].as_bool().unwrap_or(true),
        bias: golden.params["bias"].as_bool().unwrap_or(false),
        history_gradient: false,
        ..StageOptions::default()
    }
}

/// Sets the weight of a stage to an impulse response.
fn set(model: &dyn Layer, stage: &str, golden: &Golden, kernel: &str) -> Result<(), String> {
    let layers = layer::layers(model);
    let (_, conv) =
        layers.iter().find(|(path, _)| path == stage).ok_or_else(|| format!("there is no {stage}"))?;
    let conv = conv.convolution().ok_or_else(|| format!("{stage} is no convolution"))?;
    conv.set_weight(golden.numbers(kernel)?, golden.shape(kernel)?, SetWeight::default()).map_err(text)
}

fn linear_nonlinear(kind: &str, golden: &Golden, resolution: Resolution) -> Result<Arc<dyn Layer>, String> {
    if !matches!(golden.text("nonlinearity"), None | Some("clip(.,0,1e6)")) {
        return Err(format!("the nonlinearity {:?} is unknown", golden.text("nonlinearity")));
    }
    let size = counts(&golden.params["kernel_dim"])?;
    let options = options(golden);
    let three =
        || <[usize; 3]>::try_from(size.clone()).map_err(|_| format!("kernel_dim {size:?} for {kind}"));
    let model: Arc<dyn Layer> = match kind {
        "L" => Arc::new(L::new(&size, options, resolution).map_err(text)?),
        "LN" => Arc::new(LN::new(&size, options, resolution).map_err(text)?),
        "RFN" => Arc::new(RFN::new(&size, options, resolution).map_err(text)?),
        "LNLN" => Arc::new(LNLN::new(three()?, options, resolution).map_err(text)?),
        "LNLNLN" => Arc::new(LNLNLN::new(three()?, options, resolution).map_err(text)?),
        _ => Arc::new(LNLNLNLN::new(three()?, options, resolution).map_err(text)?),
    };
    let stages = (kind.matches('L').count()).max(1);
    for i in 0..stages {
        let stage = if stages == 1 { "conv".to_string() } else { format!("conv{}", i + 1) };
        set(&*model, &stage, golden, &format!("kernel_{i}"))?;
        if options.bias {
            let bias = golden.numbers(&format!("bias_{i}"))?;
            let parameter = layer::parameter(&*model, &format!("{stage}.bias")).map_err(text)?;
            parameter.set_value(bias.clone(), &[bias.len()]).map_err(text)?;
        }
    }
    Ok(model)
}

fn lnsn(golden: &Golden, resolution: Resolution) -> Result<Arc<dyn Layer>, String> {
    let model = LNSN::new([1; 3], [1; 2], options(golden), resolution).map_err(text)?;
    set(&model, "conv", golden, "kernel_0")?;
    set(&model, "sum", golden, "kernel_1")?;
    Ok(Arc::new(model))
}

fn lnfdlnf(golden: &Golden, resolution: Resolution) -> Result<Arc<dyn Layer>, String> {
    let known = "conv1, rectify, x - conv(x,feedback1), delay, conv2, rectify, x - conv(x,feedback2)";
    if golden.text("stages").is_some_and(|stages| stages != known) {
        return Err(format!("the stages {:?} are unknown", golden.text("stages")));
    }
    let size = counts(&golden.params["kernel_dim"])?;
    let size = <[usize; 3]>::try_from(size).map_err(|size| format!("kernel_dim {size:?}"))?;
    let feedback = number(&golden.params, "feedback_length")? as usize;
    let model = LNFDLNF::new(size, feedback, options(golden), resolution).map_err(text)?;
    for (i, stage) in ["conv1", "feedback1", "conv2", "feedback2"].into_iter().enumerate() {
        set(&model, stage, golden, &format!("kernel_{i}"))?;
    }
    let delays = layer::parameter(&model, "delay.delays").map_err(text)?;
    if golden.has("delays") {
        delays.set_value(golden.numbers("delays")?, golden.shape("delays")?).map_err(text)?;
    } else {
        delays.set_value(vec![number(&golden.params, "delay")?], &[1, 1]).map_err(text)?;
    }
    Ok(Arc::new(model))
}

/// A convolution without bias whose impulse response is `kernel_i`.
fn convolution(i: usize, golden: &Golden, resolution: Resolution) -> Result<Arc<dyn Layer>, String> {
    let name = format!("kernel_{i}");
    let conv = Conv3d::new(1, 1, [1, 1, 1], CONVOLUTION, resolution).map_err(text)?;
    conv.set_weight(golden.numbers(&name)?, golden.shape(&name)?, SetWeight::default()).map_err(text)?;
    Ok(Arc::new(conv))
}

/// Stages as the file spells them: `Conv3d(2,1,3)+NLSquare(scale .7,bias -.2)`.
fn cascade(golden: &Golden, resolution: Resolution) -> Result<Arc<dyn Layer>, String> {
    let stages = golden.params["stages"].as_array().ok_or("params_json has no stages")?;
    let mut kernels = 0;
    let stages = stages
        .iter()
        .map(|stage| {
            let stage = stage.as_str().ok_or("a stage is no text")?;
            let (linear, nonlinear) = stage.split_once('+').ok_or_else(|| format!("stage {stage:?}"))?;
            let linear = match linear.trim() {
                "identity" | "" | "None" => None,
                linear if linear.starts_with("Conv3d") => {
                    kernels += 1;
                    Some(convolution(kernels - 1, golden, resolution)?)
                }
                other => return Err(format!("the filter {other:?} is unknown")),
            };
            Ok(Stage { linear, nonlinear: nonlinearity(nonlinear.trim(), resolution)? })
        })
        .collect::<Result<Vec<_>, String>>()?;
    Ok(Arc::new(LNCascade::new(stages).map_err(text)?))
}

fn nonlinearity(spelt: &str, resolution: Resolution) -> Result<Option<Arc<dyn Layer>>, String> {
    let (kind, arguments) = spelt.trim_end_matches(')').split_once('(').unwrap_or((spelt, ""));
    let argument = |name: &str, default: f64| -> Result<f64, String> {
        let given = arguments.split(',').find_map(|argument| argument.trim().strip_prefix(name));
        given.map_or(Ok(default), |number| {
            number.trim_start_matches('=').trim().parse().map_err(|_| format!("{name} in {spelt:?}"))
        })
    };
    let (scale, bias) = (argument("scale", 1.0)?, argument("bias", 0.0)?);
    Ok(Some(match kind {
        "default rectify" => return Ok(None),
        "NLRectify" => Arc::new(NLRectify::new(resolution)),
        "NLRectifyScale" => Arc::new(NLRectifyScale::new(scale, bias, resolution).map_err(text)?),
        "NLSquare" => Arc::new(NLSquare::new(scale, bias, resolution).map_err(text)?),
        "NLRectifySquare" => Arc::new(NLRectifySquare::new(scale, bias, resolution).map_err(text)?),
        other => return Err(format!("the nonlinearity {other:?} is unknown")),
    }))
}

fn mcintosh(golden: &Golden, resolution: Resolution) -> Result<Arc<dyn Layer>, String> {
    let params = &golden.params;
    if golden.text("readout_index").is_some_and(|index| index != "c*(X*Y) + x*Y + y")
        || params["five_d_weights_flipped"].as_bool() == Some(false)
    {
        return Err("another order of weights than c*(X*Y) + x*Y + y, flipped".into());
    }
    let size = |key: &str| {
        <[usize; 3]>::try_from(counts(&params[key])?).map_err(|size| format!("{key} is {size:?}"))
    };
    let count = |key: &str| number(params, key).map(|n| n as usize);
    let options = McIntoshOptions {
        filter_size: size("filter_size")?,
        filter_2_size: size("filter_2_size")?,
        layer1_channels: count("layer1_channels")?,
        layer2_channels: count("layer2_channels")?,
        out_channels: count("out_channels")?,
        history_gradient: false,
        ..McIntoshOptions::default()
    };
    let model = McIntosh::new(options, resolution).map_err(text)?;
    for i in [1, 2] {
        set(&model, &format!("layer{i}"), golden, &format!("kernel_{i}"))?;
        let name = format!("bias_{i}");
        let bias = layer::parameter(&model, &format!("layer{i}.bias")).map_err(text)?;
        bias.set_value(golden.numbers(&name)?, golden.shape(&name)?).map_err(text)?;
    }
    let readout = layer::parameter(&model, "readout.weight").map_err(text)?;
    readout.set_value(golden.numbers("readout")?, golden.shape("readout")?).map_err(text)?;
    Ok(Arc::new(model))
}

fn list(golden: &Golden, resolution: Resolution) -> Result<Arc<dyn Layer>, String> {
    let count = golden.names_after("kernel_").count();
    let layers = (0..count).map(|i| convolution(i, golden, resolution)).collect::<Result<Vec<_>, _>>()?;
    let nested = || {
        let mut layers = layers.iter().cloned().map(Nested::Layer);
        let first = layers.next();
        // [A, [B, C …]]
        first.into_iter().chain([Nested::List(layers.collect())]).collect::<Vec<_>>()
    };
    let list = match golden.text("mode").ok_or("params_json has no mode")? {
        "make_sequential_parallel" => make_sequential_parallel_model(nested()),
        "make_parallel_sequential" => make_parallel_sequential_model(nested()),
        "sequential" => List::new(layers, Mode::Sequential),
        name => List::new(layers, Mode::Parallel(name.parse::<Combination>().map_err(text)?)),
    };
    Ok(Arc::new(list.map_err(text)?))
}
