//! A weighted sum over everything in a frame.

use convis_kernels::conv3d::{Border, Conv3d as Operation};

use crate::layer::{Layer, Output, Part, Scope};
use crate::parameter::{Parameter, Range, Shape, Spec};
use crate::{DType, Error, Resolution, Result, Tensor};

const WEIGHT: Spec = Spec {
    name: "weight",
    unit: "",
    doc: "Weights (out, channels · height · width); column c·height·width + row·width + column.",
    default: 1.0,
    range: Range::Any,
    differentiable: true,
};

/// Weighted sums over all channels and pixels of a frame: one number per output channel.
///
/// # Equation
/// ```text
/// y(o,t) = Σ_c Σ_p Σ_q w(o, c·height·width + p·width + q) · x(c,t,p,q)
/// ```
///
/// # Shapes
/// Input `[batch, channel, time, height, width]`, output `[batch, 1, time, 1, out]`. No state.
///
/// # Parameters
/// | name | shape | default |
/// |---|---|---|
/// | `weight` | (out, channels · height · width) | 1 |
///
/// A weight that nobody has set takes its size from the first frame.
///
/// # Errors
/// If a weight that was set does not fit the frames.
///
/// # Source
/// The dense layer of McIntosh et al. 2016 (NIPS 29:1369).
///
/// # Example
/// ```
/// use convis::{GradientMode, Resolution, State, Tensor, call, layer, noise, models::Readout};
/// let readout = Readout::new(2, Resolution::default())?;
/// layer::parameter(&readout, "weight")?.set_value(vec![1.0, 0.0, 0.5, 0.5], &[2, 2])?;
/// let x = Tensor::from_vec(vec![2.0f64, 4.0], &[1, 1, 1, 1, 2])?;
/// let y = call(&readout, &x, &mut State::new(noise::next_model()), GradientMode::Off, None)?;
/// assert_eq!((y.first()?.shape(), y.first()?.to_f64()), (&[1, 1, 1, 1, 2][..], vec![2.0, 3.0]));
/// # Ok::<(), convis::Error>(())
/// ```
#[derive(Debug)]
pub struct Readout {
    weight: Parameter,
    resolution: Resolution,
}

impl Readout {
    /// A read-out of so many numbers, whose weight takes its size from the first frame.
    ///
    /// # Errors
    /// If there is no output.
    pub fn new(out_channels: usize, resolution: Resolution) -> Result<Self> {
        if out_channels == 0 {
            return Err(Error::argument("out_channels", "at least one", 0));
        }
        Ok(Self { weight: Parameter::array(WEIGHT, &[out_channels, 1], Shape::AnyLengths), resolution })
    }
}

impl Layer for Readout {
    fn kind(&self) -> &'static str {
        "Readout"
    }

    fn doc(&self) -> &'static str {
        "Weighted sums over all channels and pixels of a frame: one number per output channel."
    }

    fn parts(&self) -> Vec<Part<'_>> {
        vec![Part::Parameter(&self.weight)]
    }

    fn resolution(&self) -> Resolution {
        self.resolution
    }

    fn forward(&self, input: &Tensor, scope: &mut Scope<'_>) -> Result<Output> {
        let signal = input.signal()?;
        let channels = input.shape()[1];
        let size = channels * signal.pixels();
        let (weight, shape) = self.weight.value();
        let outputs = shape[0];
        if shape[1] != size && weight.iter().any(|&w| w != 1.0) {
            let expected = format!("{size} columns for {channels} × {} × {}", signal.height, signal.width);
            return Err(Error::argument("weight of the read-out", expected, format!("shape {shape:?}")));
        } else if shape[1] != size {
            self.weight.set_value(vec![1.0; outputs * size], &[outputs, size])?;
        }
        let dtype = if input.dtype() == DType::U8 { DType::F32 } else { input.dtype() };
        let (weight, bias) = (scope.array(&self.weight, dtype)?, Tensor::zeros(dtype, &[outputs]));
        // A correlation with a kernel as large as the image.
        let kernel = [1, signal.height, signal.width];
        let sums = Operation::new(signal, [channels, outputs], kernel, Border::Valid, false);
        let sums = scope.apply_from(&sums, &[], &[input, &weight, &bias], &[], &[])?;
        // (batch, out, time, 1, 1) with the outputs last.
        Ok(sums.permute(&[0, 3, 2, 4, 1])?.into())
    }
}
