//! The outer plexiform layer as one convolution: its kernel, and the convolution with the recorded kernel.

use convis::filters::{Conv3d, ConvOptions, SetWeight};
use convis::{DType, GradientMode, State, call};

use super::{NOISE, deviation, text};
use crate::file::Golden;
use crate::layers::full_convolution;

/// The file's Gaussians end where they fall below 10⁻³ of a unit, up to a pixel earlier than ours at 4σ, and are divided
/// by their sum: of centre minus surround, at its peak, this changes twice as much as is left out, at most 5·10⁻⁴.
const CUT: f64 = 2e-3;

/// Compares the kernel with the published equations, and the recorded output with the recorded kernel's.
pub fn compare(golden: &Golden) -> Result<String, String> {
    let kernel = full_convolution(golden, golden.resolution()?)?.kernel().map_err(text)?;
    if kernel.shape()[2..] != *golden.shape("impulse_response_ideal")? {
        return Err(format!("a kernel of shape {:?}", kernel.shape()));
    }
    let of_kernel = deviation(&kernel.to_f64(), &golden.numbers("impulse_response_ideal")?)?;
    if of_kernel > CUT {
        return Err(format!("impulse_response_ideal: {of_kernel:.2e} of max"));
    }
    let (response, shape) = (golden.numbers("impulse_response")?, golden.shape("impulse_response")?);
    let conv = Conv3d::new(1, 1, [1, 1, 1], ConvOptions::default(), golden.resolution()?).map_err(text)?;
    conv.set_weight(response, shape, SetWeight::default()).map_err(text)?;
    let mut worst = 0.0f64;
    for dtype in [DType::F32, DType::F64] {
        let input = golden.movie("input", dtype)?;
        let output = call(&conv, &input, &mut State::new(NOISE), GradientMode::Off, None).map_err(text)?;
        worst = worst.max(deviation(&output.first().map_err(text)?.to_f64(), &golden.numbers("output")?)?);
    }
    if worst > super::tolerance("Conv3d") {
        return Err(format!("output of the recorded kernel: {worst:.2e} of max"));
    }
    Ok(format!(
        "impulse_response_ideal within {of_kernel:.1e}, output of the recorded kernel within {worst:.1e} of max"
    ))
}
