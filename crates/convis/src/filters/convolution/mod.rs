//! Convolutions whose kernels are parameters.
//!
//! [`Conv3d`] convolves in time and space, [`Conv2d`] every frame by itself, [`Conv1d`] every pixel along time, [`RF`]
//! weighs whole images. They share this file: the operation they call is [`convis_kernels::conv3d`].

mod conv1d;
mod conv2d;
mod conv3d;
mod rf;

pub use conv1d::Conv1d;
pub use conv2d::Conv2d;
pub use conv3d::Conv3d;
pub use rf::RF;

use std::sync::{PoisonError, RwLock};

use convis_kernels::Signal;
use convis_kernels::conv3d::{Border, Conv3d as Operation};

use super::{History, Plan, PlanChoice};
use crate::layer::{Output, Part, Scope};
use crate::parameter::{Parameter, Range, Shape, Spec};
use crate::tensor::MOST_NUMBERS;
use crate::{DType, Error, Resolution, Result, Tensor};

/// How a convolution treats the edges of a movie.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(clippy::struct_excessive_bools)] // four independent switches
pub struct ConvOptions {
    /// Whether every output channel has a bias.
    pub bias: bool,
    /// Whether frames before the movie come from the history, so that the output is as long as the input.
    pub time_pad: bool,
    /// Whether border pixels are repeated beyond the border, so that the output is as large as the input.
    pub autopad: bool,
    /// What stands for the frames before the first.
    pub mode: History,
    /// Whether gradients pass through the history, the frames made up before the first included.
    pub history_gradient: bool,
    /// How it is computed; results agree to 1e-5 of the largest number.
    pub plan: PlanChoice,
}

impl Default for ConvOptions {
    fn default() -> Self {
        Self {
            bias: true,
            time_pad: true,
            autopad: true,
            mode: History::FirstFrame,
            history_gradient: true,
            plan: PlanChoice::Auto,
        }
    }
}

/// What [`Conv3d::set_weight`] does with a kernel before it becomes the weight.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SetWeight {
    /// Divides by the sum of all numbers.
    pub normalize: bool,
    /// Copies a kernel without channels to every pair of input and output channel.
    pub preserve_channels: bool,
    /// Reverses the kernel on every axis but the channels, so that the impulse response is the kernel as given.
    pub flip: bool,
}

impl Default for SetWeight {
    fn default() -> Self {
        Self { normalize: false, preserve_channels: false, flip: true }
    }
}

const WEIGHT: Spec = Spec {
    name: "weight",
    unit: "",
    doc: "Weights (out, in, …) as they multiply the movie; the impulse response is their reverse.",
    default: 0.0,
    range: Range::Any,
    differentiable: true,
};

const BIAS: Spec = Spec {
    name: "bias",
    unit: "",
    doc: "A number added to every output channel.",
    default: 0.0,
    range: Range::Any,
    differentiable: true,
};

/// A weight with an optional bias, and how to apply them: what [`Conv3d`], [`Conv2d`], [`Conv1d`] and [`RF`] have
/// in common.
#[derive(Debug)]
pub struct Convolution {
    weight: Parameter,
    bias: Option<Parameter>,
    options: ConvOptions,
    mode: RwLock<History>,
    resolution: Resolution,
}

impl Convolution {
    /// Zero weights of this shape: (out, in, kernel).
    fn new(shape: &[usize], options: ConvOptions, resolution: Resolution) -> Result<Self> {
        for (name, &size) in ["out_channels", "in_channels"].into_iter().zip(shape) {
            if size == 0 {
                return Err(Error::argument(name, "at least 1", 0));
            }
        }
        if shape.contains(&0) {
            return Err(Error::argument("kernel_size", "sizes of at least 1", format!("{:?}", &shape[2..])));
        }
        let numbers = shape.iter().try_fold(1usize, |numbers, &size| numbers.checked_mul(size));
        if numbers.is_none_or(|numbers| numbers > MOST_NUMBERS) {
            let expected = format!("at most {MOST_NUMBERS} weights with its channels");
            return Err(Error::argument("kernel_size", expected, format!("{:?}", &shape[2..])));
        }
        Ok(Self {
            weight: Parameter::array(WEIGHT, shape, Shape::AnyLengths),
            bias: options.bias.then(|| Parameter::array(BIAS, &shape[..1], Shape::AnyLengths)),
            options,
            mode: RwLock::new(options.mode),
            resolution,
        })
    }

    fn parts(&self) -> Vec<Part<'_>> {
        std::iter::once(&self.weight).chain(&self.bias).map(Part::Parameter).collect()
    }

    /// The weight: (out, in, kernel).
    pub const fn weight(&self) -> &Parameter {
        &self.weight
    }

    /// What stands for the frames before the first.
    pub fn mode(&self) -> History {
        *self.mode.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// Changes what stands for the frames before the first, from the next start on.
    pub fn set_mode(&self, mode: History) {
        *self.mode.write().unwrap_or_else(PoisonError::into_inner) = mode;
    }

    /// Sets the weight to a kernel.
    ///
    /// The kernel has the axes of the convolution, or two more in front for channels (out, in), or one where one of the
    /// two is 1. One number (shape `[]`) fills the weight as it is. For a convolution in time and space, a kernel of
    /// one axis is along time, and one of two axes is an image. The number of channels becomes that of the kernel.
    ///
    /// # Errors
    /// If the shape does not fit, a number is not finite, or a kernel of sum 0 is to be normalized. The old weight stays.
    pub fn set_weight(&self, kernel: Vec<f64>, shape: &[usize], how: SetWeight) -> Result<()> {
        let (_, now) = self.weight.value();
        let axes = now.len() - 2;
        if kernel.len() != shape.iter().product::<usize>() || kernel.is_empty() {
            let found = format!("{} for shape {shape:?}", kernel.len());
            return Err(Error::argument("kernel", "as many numbers as its shape holds, at least one", found));
        }
        let (mut kernel, shape) = match (shape, axes) {
            ([], _) => (kernel.repeat(now.iter().product()), now),
            (&[time], 3) => self.spread(kernel, &[time, 1, 1], how)?,
            (&[height, width], 3) => self.spread(kernel, &[1, height, width], how)?,
            _ if shape.len() == axes => self.spread(kernel, shape, how)?,
            _ if shape.len() == axes + 1 && now[1] == 1 => {
                (kernel, [&shape[..1], &[1], &shape[1..]].concat())
            }
            _ if shape.len() == axes + 1 && now[0] == 1 => (kernel, [&[1], shape].concat()),
            _ if shape.len() == axes + 2 => (kernel, shape.to_vec()),
            _ => {
                let expected = format!("{axes} axes, or {} with channels (out, in) in front", axes + 2);
                return Err(Error::argument("kernel", expected, format!("shape {shape:?}")));
            }
        };
        if how.flip {
            // Reversing every axis of the kernel is reversing its numbers.
            let size = shape[2..].iter().product();
            kernel.chunks_mut(size).for_each(<[f64]>::reverse);
        }
        if how.normalize {
            let sum: f64 = kernel.iter().sum();
            if sum == 0.0 || !sum.is_finite() {
                return Err(Error::argument("kernel", "a sum that is not 0, to normalize", sum));
            }
            for k in &mut kernel {
                *k /= sum;
            }
        }
        self.weight.check(&kernel)?;
        if let Some(bias) = &self.bias
            && bias.value().0.len() != shape[0]
        {
            bias.set_value(vec![0.0; shape[0]], &shape[..1])?;
        }
        self.weight.set_value(kernel, &shape)
    }

    /// A kernel without channels for every pair of them.
    fn spread(&self, kernel: Vec<f64>, shape: &[usize], how: SetWeight) -> Result<(Vec<f64>, Vec<usize>)> {
        let (_, now) = self.weight.value();
        let pairs = now[0] * now[1];
        if pairs > 1 && !how.preserve_channels {
            return Err(Error::argument(
                "kernel",
                format!(
                    "channels in front (out {}, in {}), or preserve_channels to copy it to every pair",
                    now[0], now[1]
                ),
                format!("shape {shape:?}"),
            ));
        }
        Ok((kernel.repeat(pairs), [&now[..2], shape].concat()))
    }

    /// How it would compute an input `[batch, in, time, height, width]` in single precision, with the weight it has now.
    ///
    /// # Errors
    /// If it would not: the input does not fit, or a plan that was asked for is impossible.
    pub fn plan(&self, shape: &[usize]) -> Result<Plan> {
        let &[batch, channels, frames, height, width] = shape else {
            let expected = "5 axes (batch, channel, time, height, width)";
            return Err(Error::argument("shape", expected, format!("{shape:?}")));
        };
        if shape.contains(&0) {
            return Err(Error::argument("shape", "sizes of at least 1", format!("{shape:?}")));
        }
        let signal = Signal { planes: batch * channels, frames, height, width };
        let (weight, of_weight) = self.weight.value();
        let conv = operation(
            signal,
            channels,
            [of_weight[1], of_weight[0]],
            extent(&of_weight),
            self.options,
            "shape",
        )?;
        let weight: Vec<f32> = weight.iter().map(|&w| w as f32).collect();
        Ok(conv.plan_with(&weight))
    }

    /// Convolves with the weight seen as (out, in, time, height, width).
    fn forward(&self, input: &Tensor, scope: &mut Scope<'_>) -> Result<Output> {
        let (_, shape) = self.weight.value();
        let dtype = floating(input);
        let weight = scope.array(&self.weight, dtype)?;
        let bias = self.bias.as_ref().map(|bias| scope.array(bias, dtype)).transpose()?;
        let options = ConvOptions { mode: self.mode(), ..self.options };
        convolve(input, &weight, bias.as_ref(), [shape[1], shape[0]], extent(&shape), options, scope)
    }
}

/// Frames, rows and columns of a weight (out, in, …).
fn extent(weight: &[usize]) -> [usize; 3] {
    match weight[2..] {
        [time] => [time, 1, 1],
        [height, width] => [1, height, width],
        _ => [weight[2], weight[3], weight[4]],
    }
}

/// The type in which a movie is convolved.
fn floating(input: &Tensor) -> DType {
    if input.dtype() == DType::U8 { DType::F32 } else { input.dtype() }
}

/// Convolves with a weight (out, in, time, height, width) that need not be a parameter; the last frames are kept as
/// `history`. `channels` and `kernel` are its sizes: (in, out) and (time, height, width).
pub(crate) fn convolve(
    input: &Tensor,
    weight: &Tensor,
    bias: Option<&Tensor>,
    channels: [usize; 2],
    kernel: [usize; 3],
    options: ConvOptions,
    scope: &mut Scope<'_>,
) -> Result<Output> {
    let conv = operation(input.signal()?, input.shape()[1], channels, kernel, options, "input")?;
    let none = Tensor::zeros(floating(input), &channels[1..]);
    let movies = [input, weight, bias.unwrap_or(&none)];
    if conv.history() == 0 {
        return Ok(scope.apply_from(&conv, &[], &movies, &[], &[])?.into());
    }
    let history = scope.history("history", input, conv.history(), options.mode)?;
    let history = if options.history_gradient { history } else { history.detach() };
    Ok(scope.apply_from(&conv, &[], &movies, &[history], &["history"])?.into())
}

/// The operation for an input of these sizes and so many channels, where the weight fits it.
fn operation(
    signal: Signal,
    found: usize,
    channels: [usize; 2],
    kernel: [usize; 3],
    options: ConvOptions,
    argument: &str,
) -> Result<Operation> {
    if found != channels[0] {
        let expected = format!("{} channels (axis 1), as the weight has", channels[0]);
        return Err(Error::argument(argument, expected, found));
    }
    let border = if options.autopad { Border::Replicate } else { Border::Valid };
    if border == Border::Valid && (signal.height < kernel[1] || signal.width < kernel[2]) {
        let expected =
            format!("images of at least {}×{} pixels, as the kernel (autopad is off)", kernel[1], kernel[2]);
        let found = format!("{}×{}", signal.height, signal.width);
        return Err(Error::argument(argument, expected, found));
    }
    if !options.time_pad && signal.frames < kernel[0] {
        let expected = format!("chunks of at least {} frames, as the kernel (time_pad is off)", kernel[0]);
        return Err(Error::argument(argument, expected, signal.frames));
    }
    let conv = Operation::new(signal, channels, kernel, border, options.time_pad);
    if !conv.accepts(options.plan) {
        let expected = if options.plan == PlanChoice::Separable {
            "\"auto\", \"direct\" or \"fft\": a kernel along one axis alone leaves nothing to separate"
        } else {
            "\"auto\" or \"direct\": a kernel of one pixel leaves nothing to transform"
        };
        return Err(Error::argument("plan", expected, format!("{:?}", options.plan.name())));
    }
    Ok(conv.with_plan(options.plan))
}
