//! Outer plexiform layer with recursive filters in space and time.

use super::opl::{CenterSurround, SHORT_NAMES};
use crate::filters::{RecursiveBlur, RecursiveKind};
use crate::layer::{Layer, Output, Part, Scope};
use crate::{Resolution, Result, Tensor};

/// Centre minus surround by recursive filters, in space as well: its cost does not depend on the width of the blur.
///
/// # Equation
/// That of [`HalfRecursiveOplFilter`](super::HalfRecursiveOplFilter), with [`convis_kernels::recursive_blur`] for the
/// blurs `G_σ`: Deriche's filter of second order, which is 1.18 times as wide as its σ says and is what the toolbox of 2018
/// and Virtual Retina use, or a Gaussian of sixth order, whose standard deviation is σ.
///
/// # Shapes
/// Input (luminance) and output (current) `[batch, channel, time, height, width]`. State: one array per low-pass
/// stage, zero before the first frame.
///
/// # Parameters
/// Those of [`HalfRecursiveOplFilter`](super::HalfRecursiveOplFilter), under the same names.
///
/// # Source
/// Wohrer & Kornprobst 2009 (J. Comput. Neurosci. 26:219), outer plexiform layer; blurs: Deriche 1987 and 1993.
///
/// # Example
/// ```
/// use convis::filters::RecursiveKind;
/// use convis::{GradientMode, Resolution, State, Tensor, call, noise, retina::RecursiveOplFilter};
/// // A balanced filter answers a constant, flat image with (almost) nothing once the onset is over.
/// let opl = RecursiveOplFilter::new(RecursiveKind::Deriche, Resolution::default())?;
/// let flat = Tensor::from_vec(vec![1.0f64; 500 * 9], &[1, 1, 500, 3, 3])?;
/// let y = call(&opl, &flat, &mut State::new(noise::next_model()), GradientMode::Off, None)?;
/// assert!(y.first()?.to_f64()[499 * 9].abs() < 1e-3);
/// # Ok::<(), convis::Error>(())
/// ```
pub struct RecursiveOplFilter(CenterSurround<RecursiveBlur>);

impl RecursiveOplFilter {
    /// A filter with default parameters and this blur.
    ///
    /// # Errors
    /// None at present: the defaults are valid.
    pub fn new(blur: RecursiveKind, resolution: Resolution) -> Result<Self> {
        let blur = |sigma_deg, doc, resolution| RecursiveBlur::documented(sigma_deg, doc, blur, resolution);
        CenterSurround::new(blur, resolution).map(Self)
    }
}

impl Layer for RecursiveOplFilter {
    fn kind(&self) -> &'static str {
        "RecursiveOPLFilter"
    }

    fn doc(&self) -> &'static str {
        "Centre minus surround of the outer plexiform layer: recursive filters in space and time."
    }

    fn parts(&self) -> Vec<Part<'_>> {
        self.0.parts()
    }

    fn resolution(&self) -> Resolution {
        self.0.resolution
    }

    fn aliases(&self) -> &'static [(&'static str, &'static str)] {
        SHORT_NAMES
    }

    fn forward(&self, input: &Tensor, scope: &mut Scope<'_>) -> Result<Output> {
        self.0.forward(input, scope)
    }
}
