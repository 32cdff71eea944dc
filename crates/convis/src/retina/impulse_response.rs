//! Kernels that follow from parameters: the response of a filter to a single bright pixel.

use crate::filters::{ConvOptions, History, convolve};
use crate::layer::{GradientMode, Layer, Output, Scope, call};
use crate::numerical_filters::{Temporal, exponential};
use crate::tensor::Range;
use crate::{DType, NoiseId, Resolution, Result, State, Tensor};

/// The part of an exponential that a finite kernel leaves out.
const TAIL: f64 = 1e-6;

/// The noise of filters that have none.
const SILENT: NoiseId = NoiseId { seed: 0, model: 0, trial: 0 };

/// The response of a filter at rest to one bright pixel in frame 0, in double precision; (1, 1, time, height, width).
///
/// The pixel is the one that meets the pixel itself when the response becomes the kernel of a convolution. It is recorded
/// where gradients are wanted: what follows from it has the right derivative with respect to the filter's parameters.
pub(super) fn impulse_response(
    filter: &dyn Layer,
    [frames, height, width]: [usize; 3],
    gradients: GradientMode,
) -> Result<Tensor> {
    let mut impulse = vec![0.0f64; frames * height * width];
    impulse[(height - 1) / 2 * width + (width - 1) / 2] = 1.0;
    let impulse = Tensor::from_vec(impulse, &[1, 1, frames, height, width])?;
    Ok(call(filter, &impulse, &mut State::new(SILENT), gradients, None)?.first()?.clone())
}

/// Convolves every plane of a movie with an impulse response; zeros are before the first frame.
pub(super) fn convolved(input: &Tensor, response: &Tensor, scope: &mut Scope<'_>) -> Result<Output> {
    let size = [response.shape()[2], response.shape()[3], response.shape()[4]];
    let all = Range::from_to(0, 1);
    let back = size.map(|length| Range { start: length - 1, step: -1, length });
    let dtype = if input.dtype() == DType::F64 { DType::F64 } else { DType::F32 };
    let weight = response.part(&[all, all, back[0], back[1], back[2]])?.cast(dtype);
    let [batch, channels, frames, height, width] = input.shape()[..] else {
        return Err(input.signal().err().unwrap_or_else(|| crate::Error::Mismatch("not a movie".into())));
    };
    let planes = input.reshape(&[batch * channels, 1, frames, height, width])?;
    keep_past(&planes, size[0] - 1, scope)?;
    let options = ConvOptions { mode: History::Zeros, ..ConvOptions::default() };
    let output = convolve(&planes, &weight, None, [1, 1], size, options, scope)?;
    Ok(output.first()?.reshape(input.shape())?.into())
}

/// Makes the past as long as a kernel that has changed its length: of a longer one the first frames are zero.
fn keep_past(planes: &Tensor, frames: usize, scope: &mut Scope<'_>) -> Result<()> {
    let Some(past) = scope.kept("history") else { return Ok(()) };
    let kept = past.shape().get(2).copied().unwrap_or(0);
    if frames == 0 {
        scope.forget("history");
    } else if kept > frames {
        let whole = |axis: usize| Range::from_to(0, past.shape()[axis]);
        scope.keep("history", past.part(&[whole(0), whole(1), Range::from_to(kept - frames, kept)])?);
    } else if kept < frames {
        let s = planes.shape();
        let zeros = Tensor::zeros(past.dtype(), &[s[0], s[1], frames - kept, s[3], s[4]]);
        scope.keep("history", crate::tensor::cat(&[&zeros, &past], 2)?);
    }
    Ok(())
}

/// Frames after which a part of [`TAIL`] is left of an exponential low-pass, or of a cascade of order n.
pub(super) fn length(tau_s: f64, order: usize, resolution: Resolution) -> Result<usize> {
    let options = Temporal { order, epsilon: TAIL, ..Temporal::default() };
    Ok(exponential(tau_s, &options, resolution)?.len())
}
