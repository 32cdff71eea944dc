//! A receptive field: one weighted sum over the whole image.

use super::{ConvOptions, Convolution, SetWeight, convolve, floating};
use crate::layer::{Layer, Output, Part, Scope};
use crate::tensor::Range;
use crate::{Resolution, Result, Tensor};

/// A receptive field: weighs the whole image and its past, one number per frame and output channel.
///
/// # Equation
/// ```text
/// y(o,t) = b(o) + Σᵢ Σₐ Σₘ Σₙ w(o,i,a,m,n) · x(i, t+a−K+1, m, n)
/// ```
/// The sum runs over the pixels (m, n) that image and weight both have, counted from the first row and column: what the
/// weight lacks counts as 0, what it has beyond the image is not used.
///
/// # Shapes
/// Input `[batch, in, time, height, width]`, output `[batch, out, time, 1, 1]` (shorter without `time_pad`). State: the
/// last frames (`history`), one fewer than the kernel has; before the first frame what `mode` makes of the first chunk.
///
/// # Parameters
/// | name | shape | default |
/// |---|---|---|
/// | `weight` | (out, in, time, height, width) | 0 |
/// | `bias` (unless switched off) | (out) | 0 |
///
/// A weight of a single pixel that is still 0 becomes, when the first image comes, one as large as the image, whose
/// numbers are equal and sum to 1 in every output channel.
///
/// # Source
/// The spatio-temporal receptive field of linear models, e.g. Chichilnisky 2001 (Network 12:199); the rules for sizes are
/// those of convis 0.6.4.
///
/// # Example
/// ```
/// use convis::filters::{RF, SetWeight};
/// use convis::{GradientMode, Resolution, State, Tensor, call, noise};
/// let rf = RF::new(1, 1, [1, 2, 2], Default::default(), Resolution::default())?;
/// rf.set_weight(vec![1.0, 2.0, 3.0, 4.0], &[2, 2], SetWeight { flip: false, ..Default::default() })?;
/// let image = Tensor::from_vec(vec![1.0f64, 0.0, 0.0, 10.0], &[1, 1, 1, 2, 2])?;
/// let y = call(&rf, &image, &mut State::new(noise::next_model()), GradientMode::Off, None)?;
/// assert_eq!((y.first()?.shape(), y.first()?.to_f64()), (&[1, 1, 1, 1, 1][..], vec![41.0]));
/// # Ok::<(), convis::Error>(())
/// ```
#[derive(Debug)]
pub struct RF(Convolution);

impl RF {
    /// A receptive field with weights of zero. `options.autopad` has no meaning: nothing is padded in space.
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
        Ok(Self(Convolution::new(&shape, ConvOptions { autopad: false, ..options }, resolution)?))
    }

    /// Sets the weight: see [`Convolution::set_weight`].
    ///
    /// # Errors
    /// As there.
    pub fn set_weight(&self, kernel: Vec<f64>, shape: &[usize], how: SetWeight) -> Result<()> {
        self.0.set_weight(kernel, shape, how)
    }

    /// Lets a weight that nobody has set yet grow to the size of the image.
    fn begin(&self, height: usize, width: usize) -> Result<()> {
        let (weight, shape) = self.0.weight.value();
        if shape[3..] != [1, 1] || [height, width] == [1, 1] || weight.iter().any(|&w| w != 0.0) {
            return Ok(());
        }
        let equal = shape[1] * shape[2] * height * width;
        let shape = [shape[0], shape[1], shape[2], height, width];
        self.0.weight.set_value(vec![1.0 / equal as f64; shape[0] * equal], &shape)
    }
}

impl Layer for RF {
    fn kind(&self) -> &'static str {
        "RF"
    }

    fn doc(&self) -> &'static str {
        "A receptive field: weighs the whole image and its past, one number per frame and output channel."
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
        let signal = input.signal()?;
        self.begin(signal.height, signal.width)?;
        let (_, shape) = self.0.weight.value();
        let both = [signal.height.min(shape[3]), signal.width.min(shape[4])];
        let dtype = floating(input);
        let weight = corner(&scope.array(&self.0.weight, dtype)?, both)?;
        let bias = self.0.bias.as_ref().map(|bias| scope.array(bias, dtype)).transpose()?;
        let kernel = [shape[2], both[0], both[1]];
        let channels = [shape[1], shape[0]];
        let options = ConvOptions { mode: self.0.mode(), ..self.0.options };
        convolve(&corner(input, both)?, &weight, bias.as_ref(), channels, kernel, options, scope)
    }
}

/// The first rows and columns of every frame.
fn corner(frames: &Tensor, [rows, columns]: [usize; 2]) -> Result<Tensor> {
    let s = frames.shape();
    frames.part(&[s[0], s[1], s[2], rows, columns].map(|end| Range::from_to(0, end)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::layer::{GradientMode, call, parameter};
    use crate::state::{NoiseId, State};

    const NOISE: NoiseId = NoiseId { seed: 0, model: 0, trial: 0 };

    #[test]
    fn a_weight_nobody_set_becomes_the_mean_of_the_image_and_one_that_was_set_stays() {
        let movie = Tensor::from_vec((0..24).map(f64::from).collect(), &[1, 2, 2, 2, 3]).unwrap();
        let rf = RF::new(2, 1, [1, 1, 1], ConvOptions::default(), Resolution::default()).unwrap();
        let output = call(&rf, &movie, &mut State::new(NOISE), GradientMode::Off, None).unwrap();
        let means = [8.5, 14.5]; // of frames that average 2.5 and 14.5, 8.5 and 20.5
        assert!(output.first().unwrap().to_f64().iter().zip(means).all(|(y, m)| (y - m).abs() < 1e-12));
        assert_eq!(parameter(&rf, "weight").unwrap().value().1, [1, 2, 1, 2, 3]);

        let rf = RF::new(2, 1, [1, 1, 1], ConvOptions::default(), Resolution::default()).unwrap();
        rf.set_weight(vec![1.0, 1.0], &[1, 2, 1, 1, 1], SetWeight::default()).unwrap();
        let output = call(&rf, &movie, &mut State::new(NOISE), GradientMode::Off, None).unwrap();
        assert_eq!(output.first().unwrap().to_f64(), [0.0 + 12.0, 6.0 + 18.0]);
    }
}
