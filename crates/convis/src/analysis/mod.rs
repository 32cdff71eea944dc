//! From responses back to filters.
//!
//! | function | finds |
//! |---|---|
//! | [`sta`], [`StaAccumulator`] | the average stimulus before a spike |
//! | [`stc`] | directions in which spikes change the variance of the stimulus |
//! | [`nonlinearity`] | firing rate as a function of the filtered stimulus |
//! | [`Reconstruction`] | a movie of firing rates |
//! | [`physiology`] | what classical experiments show in a retina |
//! | [`LinearGradientExplorer`] | the linear filter that a model is at one point of its input |
//!
//! # Windows
//! A window of `lags` frames *ends* at the spike: its last frame is the one in which the spike falls, its first one
//! `lags − 1` frames before. A filter found here, used as a kernel whose last frame weighs the present, predicts the
//! response. Spikes too early to have a whole window are left out, and counted as such.

mod linear_gradient;
mod nonlinearity;
pub mod physiology;
mod reconstruction;
mod spike_triggered_average;
mod spike_triggered_covariance;
mod spikes;

pub use linear_gradient::{InputGradient, LinearGradientExplorer, input_gradient};
pub use nonlinearity::{Bin, generator_signal, nonlinearity};
pub use reconstruction::{
    CellOnScreen, Footprint, Normalisation, Reconstruction, ReconstructionOptions, SavedCell, SpikeKernel,
    saved_cells,
};
pub use spike_triggered_average::{Sta, StaAccumulator, sta};
pub use spike_triggered_covariance::{Stc, StcOptions, stc};
pub use spikes::Spikes;

use std::borrow::Cow;

use crate::{DType, Error, Result, Tensor};

/// A stimulus (time, height, width), or a movie with one batch and one channel, in single precision.
struct Stimulus<'a> {
    numbers: Cow<'a, [f32]>,
    frames: usize,
    height: usize,
    width: usize,
}

impl<'a> Stimulus<'a> {
    fn new(tensor: &'a Tensor) -> Result<Self> {
        let shape = tensor.shape();
        let ([frames, height, width] | [1, 1, frames, height, width]) = *shape else {
            let expected = "axes (time, height, width), or a movie with one batch and one channel";
            return Err(Error::argument("stimulus", expected, format!("shape {shape:?}")));
        };
        if tensor.is_empty() {
            let expected = "at least one frame of at least one pixel";
            return Err(Error::argument("stimulus", expected, format!("shape {shape:?}")));
        }
        let numbers = match tensor.numbers::<f32>() {
            Some(numbers) => Cow::Borrowed(numbers),
            None => Cow::Owned(tensor.cast(DType::F32).to_f32()),
        };
        Ok(Self { numbers, frames, height, width })
    }

    const fn pixels(&self) -> usize {
        self.height * self.width
    }

    /// The window of `lags` frames that ends with frame `last`: consecutive numbers.
    fn window(&self, last: usize, lags: usize) -> &[f32] {
        let pixels = self.pixels();
        &self.numbers[(last + 1 - lags) * pixels..(last + 1) * pixels]
    }

    /// Refuses windows longer than the stimulus.
    fn check_lags(&self, lags: usize) -> Result<()> {
        if lags == 0 || lags > self.frames {
            let expected = format!("1 to {}, the frames of the stimulus", self.frames);
            return Err(Error::argument("lags", expected, lags));
        }
        Ok(())
    }

    /// Refuses NaN and infinity.
    fn check_finite(&self) -> Result<()> {
        let finite =
            self.numbers.chunks(4096).all(|part| part.iter().fold(true, |all, x| all & x.is_finite()));
        if finite { Ok(()) } else { Err(Error::argument("stimulus", "finite numbers", "NaN or infinity")) }
    }
}
