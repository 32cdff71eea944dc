//! Two linear-nonlinear stages with feedback, and a delay between them.

use std::sync::Arc;

use convis_kernels::weighted_difference::WeightedDifference;

use super::stage::{StageOptions, linear};
use crate::filters::{Conv1d, NLRectify, VariableDelay};
use crate::layer::{Layer, Output, Part, Scope};
use crate::tensor::Scalar;
use crate::{Resolution, Result, Tensor};

/// Two linear-nonlinear stages, each with feedback that is subtracted, and a delay of every pixel between them.
///
/// # Equation
/// ```text
/// a = R(k₁ * x)      b = a − f₁ * a      c(t, p) = b(t − d(p), p)
/// e = R(k₂ * c)      y = e − f₂ * e      R(u) = u clipped to 0 … 10⁶
/// ```
/// The feedback filters f run along time and include the present frame; what is subtracted is made of the stage's own input
/// to the loop, not of its output. The operations: [`convis_kernels::conv3d`], [`convis_kernels::static_nonlinearity`],
/// [`convis_kernels::variable_delay`].
///
/// # Shapes
/// Input and output `[batch, 1, time, height, width]`; output `[batch, 1, time, 1, 1]` where the last stage is a receptive
/// field. State: the last frames before every filter (`conv1.history` …) and of the delay (`delay.history`).
///
/// # Parameters
/// | name | shape | unit | default |
/// |---|---|---|---|
/// | `conv1.weight`, `conv2.weight` | (1, 1, time, height, width) | – | 0 |
/// | `feedback1.weight`, `feedback2.weight` | (1, 1, time) | – | 0 |
/// | `delay.delays` ≥ 0 | (height, width), or (1, 1) for all pixels | steps | 0 |
/// | `conv1.bias`, `conv2.bias` (if asked for) | (1) | – | 0 |
///
/// # Source
/// Real, Asari, Gollisch & Meister 2017 (Curr. Biol. 27:189): linear, nonlinear, feedback, delay, sum, nonlinear, feedback
/// (LNFDSNF); as in convis 0.6.4 the second stage is a filter in time and space.
///
/// # Example
/// ```
/// use convis::{GradientMode, Resolution, State, Tensor, call, layer, noise, models::LNFDLNF};
/// let model = LNFDLNF::new([1, 1, 1], 2, Default::default(), Resolution::default())?;
/// for stage in ["conv1", "conv2"] {
///     layer::parameter(&model, &format!("{stage}.weight"))?.set_value(vec![1.0], &[1, 1, 1, 1, 1])?;
/// }
/// // Half of the frame before is fed back, and the second stage follows a frame later.
/// layer::parameter(&model, "feedback1.weight")?.set_value(vec![0.5, 0.0], &[1, 1, 2])?;
/// layer::parameter(&model, "delay.delays")?.set_value(vec![1.0], &[1, 1])?;
/// let x = Tensor::from_vec(vec![0.0f64, 1.0, 1.0, 1.0], &[1, 1, 4, 1, 1])?;
/// let y = call(&model, &x, &mut State::new(noise::next_model()), GradientMode::Off, None)?;
/// assert_eq!(y.first()?.to_f64(), [0.0, 0.0, 1.0, 0.5]);
/// # Ok::<(), convis::Error>(())
/// ```
pub struct LNFDLNF {
    conv1: Arc<dyn Layer>,
    feedback1: Arc<Conv1d>,
    delay: Arc<VariableDelay>,
    conv2: Arc<dyn Layer>,
    feedback2: Arc<Conv1d>,
    rectify: NLRectify,
    resolution: Resolution,
}

impl LNFDLNF {
    /// Filters of `kernel_dim` (time, height, width), feedback of `feedback_length` frames, all weights and delays zero.
    ///
    /// # Errors
    /// If a size is zero.
    pub fn new(
        kernel_dim: [usize; 3],
        feedback_length: usize,
        options: StageOptions,
        resolution: Resolution,
    ) -> Result<Self> {
        let unbiased = StageOptions { bias: false, ..options }.convolution();
        let feedback =
            || Ok::<_, crate::Error>(Arc::new(Conv1d::new(1, 1, feedback_length, unbiased, resolution)?));
        Ok(Self {
            conv1: linear(&kernel_dim, StageOptions { population: true, ..options }, resolution)?,
            feedback1: feedback()?,
            delay: Arc::new(VariableDelay::new(resolution)),
            conv2: linear(&kernel_dim, options, resolution)?,
            feedback2: feedback()?,
            rectify: NLRectify::new(resolution),
            resolution,
        })
    }

    /// A filter, a rectifier, and what feedback leaves.
    fn stage(
        &self,
        (conv, feedback): (&str, &str),
        layers: (&dyn Layer, &Conv1d),
        input: &Tensor,
        scope: &mut Scope<'_>,
    ) -> Result<Tensor> {
        let filtered = scope.child(conv, layers.0, input)?;
        let rectified = self.rectify.forward(filtered.first()?, scope)?;
        let rectified = rectified.first()?;
        let fed_back = scope.child(feedback, layers.1, rectified)?;
        let minus = WeightedDifference { signal: rectified.signal()? };
        scope.apply(&minus, &[Scalar::constant(1.0)], &[rectified, fed_back.first()?], &[])
    }
}

impl Layer for LNFDLNF {
    fn kind(&self) -> &'static str {
        "LNFDLNF"
    }

    fn doc(&self) -> &'static str {
        "Two linear-nonlinear stages, each with feedback that is subtracted, and a delay of every pixel between them."
    }

    fn parts(&self) -> Vec<Part<'_>> {
        vec![
            Part::Child("conv1", self.conv1.clone()),
            Part::Child("feedback1", self.feedback1.clone()),
            Part::Child("delay", self.delay.clone()),
            Part::Child("conv2", self.conv2.clone()),
            Part::Child("feedback2", self.feedback2.clone()),
        ]
    }

    fn resolution(&self) -> Resolution {
        self.resolution
    }

    fn forward(&self, input: &Tensor, scope: &mut Scope<'_>) -> Result<Output> {
        let first = self.stage(("conv1", "feedback1"), (&*self.conv1, &self.feedback1), input, scope)?;
        let delayed = scope.child("delay", &*self.delay, &first)?;
        let last = (&*self.conv2, &*self.feedback2);
        Ok(self.stage(("conv2", "feedback2"), last, delayed.first()?, scope)?.into())
    }
}
