//! Filters in space and time.

mod convolution;
mod delay;
mod diff;
mod exponential_kernel;
mod frame_blur;
mod gaussian_blur;
mod nl_rectify;
mod nl_rectify_scale;
mod nl_rectify_square;
mod nl_square;
mod recursive_blur;
mod smooth_conv;
mod spatial_recursive;
mod static_nonlinearity;
mod sum;
mod temporal_high_pass;
mod temporal_low_pass;
mod time_padding;
mod variable_delay;

pub use convis_kernels::conv3d::{Plan, PlanChoice};
pub use convis_kernels::frame_blur::Kernel as BlurKernel;
pub use convis_kernels::recursive_blur::Kind as RecursiveKind;
pub use convis_kernels::start_history::History;
pub(crate) use convolution::convolve;
pub use convolution::{Conv1d, Conv2d, Conv3d, ConvOptions, Convolution, RF, SetWeight};
pub use delay::Delay;
pub use diff::Diff;
pub use exponential_kernel::ExponentialKernel;
pub(crate) use frame_blur::Shape;
pub use frame_blur::{Eccentricity, FrameBlur};
pub use gaussian_blur::GaussianBlur;
pub(crate) use gaussian_blur::{WIDEST_PX, check_width};
pub use nl_rectify::NLRectify;
pub use nl_rectify_scale::NLRectifyScale;
pub use nl_rectify_square::NLRectifySquare;
pub use nl_square::NLSquare;
pub use recursive_blur::RecursiveBlur;
pub use smooth_conv::SmoothConv;
pub use spatial_recursive::SpatialRecursiveFilter;
pub use sum::Sum;
pub use temporal_high_pass::TemporalHighPassFilterRecursive;
pub use temporal_low_pass::TemporalLowPassFilterRecursive;
pub use time_padding::TimePadding;
pub use variable_delay::VariableDelay;

use crate::layer::{Layer, Scope};
use crate::tensor::{MOST_NUMBERS, Scalar};
use crate::{Error, Result, Tensor};

/// Refuses a delay whose memory, so many frames of a movie, would be too large.
fn room(argument: &str, frames: usize, movie: &Tensor) -> Result<()> {
    let shape = movie.shape();
    let pixels = shape[0] * shape[1] * shape[3] * shape[4];
    if frames.saturating_mul(pixels) > MOST_NUMBERS {
        let expected = format!("at most {} frames of {pixels} numbers", MOST_NUMBERS / pixels);
        return Err(Error::argument(argument, expected, format!("{frames} frames")));
    }
    Ok(())
}

/// A spatial blur that multiplies by a gain without a pass of its own.
pub(crate) trait Blur: Layer {
    /// The blurred movie times `gain`.
    fn amplified(&self, input: &Tensor, gain: Scalar, scope: &mut Scope<'_>) -> Result<Tensor>;
}
