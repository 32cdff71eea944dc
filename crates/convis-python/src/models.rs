//! `build`: layers by the name of their type and options by name, one line each.

use std::sync::Arc;

use convis::filters::{
    Conv1d, Conv2d, Conv3d, ConvOptions, Delay, Diff, GaussianBlur, History, NLRectify, NLRectifyScale,
    NLRectifySquare, NLSquare, PlanChoice, RF, RecursiveBlur, RecursiveKind, SmoothConv,
    SpatialRecursiveFilter, Sum, TemporalHighPassFilterRecursive, TemporalLowPassFilterRecursive,
    TimePadding, VariableDelay,
};
use convis::fit::Nonlinearity;
use convis::models::LNP;
use convis::models::{
    DivisiveNormalization, L, LN, LNFDLNF, LNLN, LNLNLN, LNLNLNLN, LNSN, McIntosh, McIntoshOptions, RFN,
    Readout, SeparableSTRF, SpatialContrast, StageOptions, Subunits,
};
use convis::retina::{
    Bipolar, FullConvolutionOplFilter, GanglionInput, GanglionSpiking, HalfRecursiveOplFilter, Opl, OplKind,
    RecursiveOplFilter, Retina, RetinaOptions, SeparableOplFilter,
};
use convis::spiking::{
    FitzHughNagumo, Gates, HodgkinHuxley, InputUnit, IntegrativeMotionSensor, Izhikevich,
    LeakyIntegrateAndFireNeuron, MotionMode, Poisson, RefractoryLeakyIntegrateAndFireNeuron, Sign, Surrogate,
};
use convis::tensor::{cat, sum};
use convis::{Integration, Layer, Resolution, Tensor, noise};
use pyo3::exceptions::{PyRuntimeError, PyTypeError};
use pyo3::prelude::*;
use pyo3::types::PyDict;

use crate::compute::compute;
use crate::errors::checked;
use crate::layer::PyLayer;
use crate::options::Options;
use crate::state::{Noise, noise_id};
use crate::tensor::PyTensor;
use crate::virtual_retina;

const INTEGRATIONS: [(&str, Integration); 2] = [("exact", Integration::Exact), ("euler", Integration::Euler)];
const UNITS: [(&str, InputUnit); 2] = [("per_step", InputUnit::PerStep), ("Hz", InputUnit::Hz)];
const BLURS: [(&str, RecursiveKind); 2] =
    [("deriche", RecursiveKind::Deriche), ("gaussian", RecursiveKind::Gaussian)];
const GATES: [(&str, Gates); 2] = [("steady_state", Gates::SteadyState), ("zero", Gates::Zero)];
const SIGNS: [(&str, Sign); 2] = [("plus", Sign::Plus), ("minus", Sign::Minus)];
const MOTION_MODES: [(&str, MotionMode); 2] = [("linear", MotionMode::Linear), ("log", MotionMode::Log)];
/// Build a layer.
///
/// Parameters
/// ----------
/// kind : str
///     The name of its type.
/// options : dict
///     Its options by name, all of them.
/// resolution : (float, float)
///     Pixels per degree, steps per second.
/// noise : (int, int, int), optional
///     See `State.noise`; by default that of the next model since the seed was set.
#[pyfunction]
#[pyo3(signature = (kind, options, resolution, noise=None))]
pub fn build(
    kind: &str,
    options: Bound<'_, PyDict>,
    resolution: (f64, f64),
    noise: Option<Noise>,
) -> PyResult<PyLayer> {
    let resolution = checked(Resolution::new(resolution.0, resolution.1))?;
    let options = Options::new(options);
    let layer = layer(kind, &options, resolution)?;
    options.done(kind)?;
    Ok(PyLayer::new(layer, noise.map_or_else(noise::next_model, noise_id)))
}

#[allow(clippy::too_many_lines)] // a table
fn layer(kind: &str, o: &Options<'_>, resolution: Resolution) -> PyResult<Arc<dyn Layer>> {
    fn made<L: Layer + 'static>(layer: convis::Result<L>) -> PyResult<Arc<dyn Layer>> {
        Ok(Arc::new(checked(layer)?))
    }
    let r = resolution;
    match kind {
        "Conv1d" => {
            let ([inputs, outputs], size) = (channels(o)?, o.count("kernel_size")?);
            made(Conv1d::new(inputs, outputs, size, convolution(o)?, r))
        }
        "Conv2d" => {
            let ([inputs, outputs], size) = (channels(o)?, o.counts("kernel_size")?);
            made(Conv2d::new(inputs, outputs, size, convolution(o)?, r))
        }
        "Conv3d" => {
            let ([inputs, outputs], size) = (channels(o)?, o.counts("kernel_size")?);
            made(Conv3d::new(inputs, outputs, size, convolution(o)?, r))
        }
        "RF" => {
            let ([inputs, outputs], size) = (channels(o)?, o.counts("kernel_size")?);
            made(RF::new(inputs, outputs, size, convolution(o)?, r))
        }
        "SmoothConv" => {
            made(SmoothConv::new(o.count("n")?, o.number("tau")?, o.counts("spatial_filter")?, r))
        }
        "Readout" => made(Readout::new(o.count("out_channels")?, r)),
        "L" => made(L::new(&o.sizes("kernel_dim")?, stage(o)?, r)),
        "LN" => made(LN::new(&o.sizes("kernel_dim")?, stage(o)?, r)),
        "RFN" => made(RFN::new(&o.sizes("kernel_dim")?, stage(o)?, r)),
        "LNLN" => made(LNLN::new(o.counts("kernel_dim")?, stage(o)?, r)),
        "LNLNLN" => made(LNLNLN::new(o.counts("kernel_dim")?, stage(o)?, r)),
        "LNLNLNLN" => made(LNLNLNLN::new(o.counts("kernel_dim")?, stage(o)?, r)),
        "LNSN" => made(LNSN::new(o.counts("kernel_dim")?, o.counts("pool_dim")?, stage(o)?, r)),
        "LNFDLNF" => made(LNFDLNF::new(o.counts("kernel_dim")?, o.count("feedback_length")?, stage(o)?, r)),
        "McIntosh" => {
            let options = McIntoshOptions {
                filter_size: o.counts("filter_size")?,
                filter_2_size: o.counts("filter_2_size")?,
                layer1_channels: o.count("layer1_channels")?,
                layer2_channels: o.count("layer2_channels")?,
                out_channels: o.count("out_channels")?,
                mode: history(o)?,
                ..McIntoshOptions::default()
            };
            made(McIntosh::new(options, r))
        }
        "TimePadding" => made(Ok(TimePadding::new(o.count("length")?, history(o)?, r))),
        "Delay" => made(Ok(Delay::new(o.count("delay")?, o.count("length")?, r))),
        "VariableDelay" => made(Ok(VariableDelay::new(r))),
        "Diff" => made(Ok(Diff::new(r))),
        "Sum" => made(Sum::new(o.count("dim")?, r)),
        "NLRectify" => made(Ok(NLRectify::new(r))),
        "NLRectifyScale" => made(NLRectifyScale::new(o.number("scale")?, o.number("bias")?, r)),
        "NLSquare" => made(NLSquare::new(o.number("scale")?, o.number("bias")?, r)),
        "NLRectifySquare" => made(NLRectifySquare::new(o.number("scale")?, o.number("bias")?, r)),
        "GaussianBlur" => made(GaussianBlur::new(o.number("sigma")?, r)),
        "RecursiveBlur" => made(RecursiveBlur::new(o.number("sigma")?, o.choice("kind", &BLURS)?, r)),
        "SpatialRecursiveFilter" => {
            made(SpatialRecursiveFilter::new(o.number("density")?, o.choice("kind", &BLURS)?, r))
        }
        "TemporalLowPassFilterRecursive" => made(match o.maybe_count("n")? {
            Some(n) => TemporalLowPassFilterRecursive::cascade(o.number("tau")?, n, r),
            None => TemporalLowPassFilterRecursive::new(o.number("tau")?, r),
        }),
        "TemporalHighPassFilterRecursive" => {
            made(TemporalHighPassFilterRecursive::new(o.number("tau")?, o.number("k")?, r))
        }
        "Poisson" => made(Ok(Poisson::new(o.choice("input", &UNITS)?, r))),
        "LeakyIntegrateAndFireNeuron" => {
            let (unit, surrogate) = (o.choice("input", &UNITS)?, surrogate(o)?);
            made(
                LeakyIntegrateAndFireNeuron::new(integration(o)?, unit, r)
                    .and_then(|cells| cells.with_surrogate(surrogate)),
            )
        }
        "RefractoryLeakyIntegrateAndFireNeuron" => {
            let (unit, surrogate) = (o.choice("input", &UNITS)?, surrogate(o)?);
            made(
                RefractoryLeakyIntegrateAndFireNeuron::new(integration(o)?, unit, r)
                    .and_then(|cells| cells.with_surrogate(surrogate)),
            )
        }
        "Izhikevich" => {
            let only_spikes = o.flag("output_only_spikes")?;
            match o.any("preset")?.extract::<Option<String>>() {
                Ok(Some(name)) => made(Izhikevich::preset(&name, only_spikes, r)),
                Ok(None) => made(Ok(Izhikevich::new(only_spikes, r))),
                Err(_) => Err(PyTypeError::new_err("preset: expected the name of a preset, or None")),
            }
        }
        "FitzHughNagumo" => made(Ok(FitzHughNagumo::new(o.choice("sign", &SIGNS)?, r))),
        "HodgkinHuxley" => made(Ok(HodgkinHuxley::new(o.choice("gates", &GATES)?, r))),
        "IntegrativeMotionSensor" => {
            made(IntegrativeMotionSensor::new(o.choice("mode", &MOTION_MODES)?, o.number("threshold")?, r))
        }
        "HalfRecursiveOPLFilter" => made(HalfRecursiveOplFilter::new(r)),
        "RecursiveOPLFilter" => made(RecursiveOplFilter::new(o.choice("blur", &BLURS)?, r)),
        "SeparableOPLFilter" => made(SeparableOplFilter::new(r)),
        "FullConvolutionOPLFilter" => made(FullConvolutionOplFilter::new(o.maybe_counts("shp")?, r)),
        "OPL" => {
            let kind = opl_filter(o, o.choice("blur", &BLURS)?)?;
            made(Opl::with_filter(kind, r))
        }
        "Bipolar" => made(Ok(Bipolar::new(r))),
        "GanglionInput" => made(GanglionInput::new(o.number("sign")?, r)),
        "GanglionSpiking" => {
            let surrogate = surrogate(o)?;
            made(GanglionSpiking::new(integration(o)?, r).and_then(|cells| cells.with_surrogate(surrogate)))
        }
        "LNP" => {
            made(LNP::new(o.count("units")?, o.count("lags")?, o.counts("spatial")?, nonlinearity(o)?, r))
        }
        "SeparableSTRF" => {
            let (units, rank, lags) = (o.count("units")?, o.count("rank")?, o.count("lags")?);
            made(SeparableSTRF::new(units, rank, lags, o.counts("spatial")?, nonlinearity(o)?, r))
        }
        "Subunits" => {
            let (units, filters) = (o.count("units")?, o.count("filters")?);
            let (kernel, spatial) = (o.counts("kernel_dim")?, o.counts("spatial")?);
            made(Subunits::new(units, filters, kernel, spatial, nonlinearity(o)?, r))
        }
        "SpatialContrast" => made(SpatialContrast::new(o.count("lags")?, nonlinearity(o)?, r)),
        "DivisiveNormalization" => {
            let (units, lags) = (o.count("units")?, o.count("lags")?);
            made(DivisiveNormalization::new(units, lags, o.counts("spatial")?, nonlinearity(o)?, r))
        }
        "Retina" => {
            let options = RetinaOptions {
                opl: o.flag("opl")?,
                opl_filter: opl_filter(o, RecursiveKind::Deriche)?,
                bipolar: o.flag("bipolar")?,
                gang: o.flag("gang")?,
                spikes: o.flag("spikes")?,
                integration: integration(o)?,
                surrogate: surrogate(o)?,
            };
            made(Retina::new(options, r))
        }
        "VirtualRetina" => virtual_retina::build(o),
        _ => Err(PyRuntimeError::new_err(format!("there is no layer {kind:?}"))),
    }
}

fn opl_filter(o: &Options<'_>, blur: RecursiveKind) -> PyResult<OplKind> {
    let filters = [
        ("HalfRecursiveOPLFilter", OplKind::HalfRecursive),
        ("RecursiveOPLFilter", OplKind::Recursive(blur)),
        ("SeparableOPLFilter", OplKind::Separable),
        ("FullConvolutionOPLFilter", OplKind::FullConvolution(None)),
    ];
    o.choice("opl_filter", &filters)
}

fn channels(o: &Options<'_>) -> PyResult<[usize; 2]> {
    Ok([o.count("in_channels")?, o.count("out_channels")?])
}

fn convolution(o: &Options<'_>) -> PyResult<ConvOptions> {
    Ok(ConvOptions {
        bias: o.flag("bias")?,
        autopad: o.flag("autopad")?,
        time_pad: o.flag("time_pad")?,
        mode: history(o)?,
        plan: o.choice("plan", &PlanChoice::ALL.map(|plan| (plan.name(), plan)))?,
        ..ConvOptions::default()
    })
}

fn stage(o: &Options<'_>) -> PyResult<StageOptions> {
    Ok(StageOptions {
        population: o.flag("population")?,
        bias: o.flag("bias")?,
        mode: history(o)?,
        ..StageOptions::default()
    })
}

fn history(o: &Options<'_>) -> PyResult<History> {
    o.choice("mode", &History::ALL.map(|mode| (mode.name(), mode)))
}

fn nonlinearity(o: &Options<'_>) -> PyResult<Nonlinearity> {
    Ok(match checked(Nonlinearity::named(&o.text("nonlinearity")?))? {
        Nonlinearity::Power(_) => Nonlinearity::Power(o.number("power")?),
        other => other,
    })
}

fn integration(o: &Options<'_>) -> PyResult<Integration> {
    o.choice("integration", &INTEGRATIONS)
}

/// None, the slope of a fast sigmoid, or the width of a triangle.
fn surrogate(o: &Options<'_>) -> PyResult<Surrogate> {
    let value = o.any("surrogate")?;
    if value.is_none() {
        return Ok(Surrogate::None);
    }
    match value.extract::<(String, f64)>() {
        Ok((name, slope)) if name == "fast_sigmoid" => Ok(Surrogate::FastSigmoid { slope }),
        Ok((name, width)) if name == "triangle" => Ok(Surrogate::Triangle { width }),
        _ => Err(PyTypeError::new_err(format!(
            "surrogate: expected None, (\"fast_sigmoid\", slope) or (\"triangle\", width), got {}",
            value.repr()?
        ))),
    }
}

/// Outputs of layers side by side as one: joined along an axis, perhaps then summed along it.
#[pyfunction]
#[allow(clippy::needless_pass_by_value)] // the binding hands over what it converted
pub fn combine(
    py: Python<'_>,
    movies: Vec<Bound<'_, PyTensor>>,
    axis: usize,
    summed: bool,
) -> PyResult<PyTensor> {
    let movies: Vec<Tensor> = movies.iter().map(|movie| movie.get().tensor()).collect();
    compute(py, || {
        let movies: Vec<&Tensor> = movies.iter().collect();
        Ok(checked(if summed { sum(&movies, axis) } else { cat(&movies, axis) })?.into())
    })
}
