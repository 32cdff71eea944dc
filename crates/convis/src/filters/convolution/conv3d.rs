//! Convolution in time and space.

use super::{ConvOptions, Convolution, Plan, SetWeight};
use crate::layer::{Layer, Output, Part, Scope};
use crate::{Resolution, Result, Tensor};

/// Convolves in time and space.
///
/// # Equation
/// See [`convis_kernels::conv3d`]: causal in time, centred in space.
///
/// # Shapes
/// Input `[batch, in, time, height, width]`, output `[batch, out, time, height, width]` (smaller without `autopad`,
/// shorter without `time_pad`). State: the last frames, one fewer than the
/// kernel has; before the first frame what `mode` makes of the first chunk.
///
/// # Parameters
/// | name | shape | default |
/// |---|---|---|
/// | `weight` | (out, in, time, height, width) | 0 |
/// | `bias` (unless switched off) | (out) | 0 |
///
/// # Source
/// The definition of convolution; padding and weights as in the 2018 toolbox.
///
/// # Example
/// ```
/// use convis::filters::{Conv3d, SetWeight};
/// use convis::{GradientMode, Resolution, State, Tensor, call, noise};
/// let conv = Conv3d::new(1, 1, [3, 1, 1], Default::default(), Resolution::default())?;
/// conv.set_weight(vec![3.0, 2.0, 1.0], &[3], SetWeight::default())?;
/// // The impulse response is the kernel as given.
/// let impulse = Tensor::from_vec(vec![0.0f64, 1.0, 0.0, 0.0], &[1, 1, 4, 1, 1])?;
/// let y = call(&conv, &impulse, &mut State::new(noise::next_model()), GradientMode::Off, None)?;
/// assert_eq!(y.first()?.to_f64(), [0.0, 3.0, 2.0, 1.0]);
/// # Ok::<(), convis::Error>(())
/// ```
#[derive(Debug)]
pub struct Conv3d(Convolution);

impl Conv3d {
    /// A convolution with weights of zero.
    ///
    /// # Errors
    /// If a size is zero.
    pub fn new(
        in_channels: usize,
        out_channels: usize,
        kernel_size: [usize; 3],
        options: ConvOptions,
        resolution: Resolution,
    ) -> Result<Self> {
        let [time, height, width] = kernel_size;
        let shape = [out_channels, in_channels, time, height, width];
        Ok(Self(Convolution::new(&shape, options, resolution)?))
    }

    /// Sets the weight: see [`Convolution::set_weight`].
    ///
    /// # Errors
    /// As there.
    pub fn set_weight(&self, kernel: Vec<f64>, shape: &[usize], how: SetWeight) -> Result<()> {
        self.0.set_weight(kernel, shape, how)
    }

    /// How it would compute an input `[batch, in, time, height, width]`: see [`Convolution::plan`].
    ///
    /// # Errors
    /// As there.
    pub fn plan(&self, shape: &[usize]) -> Result<Plan> {
        self.0.plan(shape)
    }
}

impl Layer for Conv3d {
    fn kind(&self) -> &'static str {
        "Conv3d"
    }

    fn doc(&self) -> &'static str {
        "Convolves in time and space, with a kernel that is a parameter; causal in time, centred in space."
    }

    fn parts(&self) -> Vec<Part<'_>> {
        self.0.parts()
    }

    fn convolution(&self) -> Option<&Convolution> {
        Some(&self.0)
    }

    fn resolution(&self) -> Resolution {
        self.0.resolution
    }

    fn forward(&self, input: &Tensor, scope: &mut Scope<'_>) -> Result<Output> {
        self.0.forward(input, scope)
    }
}
