//! Transient (high-pass) filter in time.

use convis_kernels::transient::Transient;

use crate::layer::{Layer, Output, Part, Scope};
use crate::parameter::{Parameter, Range, Spec};
use crate::{Resolution, Result, Tensor};

/// The signal minus `k` times its exponential low-pass of time constant `tau`.
///
/// # Equation
/// `y = x − k·(E_τ * x)`, no lag: see [`convis_kernels::transient`].
///
/// # Shapes
/// Input and output `[batch, channel, time, height, width]`. State: the last low-pass `y`, zero before the first
/// frame.
///
/// # Parameters
/// | name | unit | default |
/// |---|---|---|
/// | `tau` > 0 | s | 0.01 |
/// | `k` (0: all-pass, 1: no mean) | – | 0.5 |
///
/// # Source
/// Wohrer & Kornprobst 2009 (J. Comput. Neurosci. 26:219), filter T_{w,τ}.
///
/// # Example
/// ```
/// use convis::{GradientMode, Resolution, State, Tensor, call, filters::TemporalHighPassFilterRecursive, noise};
/// let filter = TemporalHighPassFilterRecursive::new(0.01, 1.0, Resolution::default())?;
/// let step = Tensor::from_vec(vec![1.0f64; 200], &[1, 1, 200, 1, 1])?;
/// let y = call(&filter, &step, &mut State::new(noise::next_model()), GradientMode::Off, None)?;
/// assert!(y.first()?.to_f64()[199].abs() < 1e-8);
/// # Ok::<(), convis::Error>(())
/// ```
#[derive(Debug)]
pub struct TemporalHighPassFilterRecursive {
    tau: Parameter,
    k: Parameter,
    resolution: Resolution,
}

impl TemporalHighPassFilterRecursive {
    /// A filter of time constant `tau_s` and weight `k`.
    ///
    /// # Errors
    /// If tau is not a positive number or k not finite.
    pub fn new(tau_s: f64, k: f64, resolution: Resolution) -> Result<Self> {
        Self::documented(
            tau_s,
            "Time constant of the subtracted low-pass.",
            k,
            "Weight of the subtracted low-pass: 0 passes everything, 1 removes the mean.",
            resolution,
        )
    }

    pub(crate) fn documented(
        tau_s: f64,
        tau_doc: &'static str,
        k: f64,
        k_doc: &'static str,
        resolution: Resolution,
    ) -> Result<Self> {
        let tau = Parameter::new(Spec {
            name: "tau",
            unit: "s",
            doc: tau_doc,
            default: tau_s,
            range: Range::Positive,
            differentiable: true,
        });
        tau.set(tau_s)?;
        let weight = Parameter::new(Spec {
            name: "k",
            unit: "",
            doc: k_doc,
            default: k,
            range: Range::Any,
            differentiable: true,
        });
        weight.set(k)?;
        Ok(Self { tau, k: weight, resolution })
    }

    /// Its weight.
    pub(crate) const fn weight(&self) -> &Parameter {
        &self.k
    }
}

impl Layer for TemporalHighPassFilterRecursive {
    fn kind(&self) -> &'static str {
        "TemporalHighPassFilterRecursive"
    }

    fn doc(&self) -> &'static str {
        "The signal minus a weighted exponential low-pass of it, without lag."
    }

    fn parts(&self) -> Vec<Part<'_>> {
        vec![Part::Parameter(&self.tau), Part::Parameter(&self.k)]
    }

    fn resolution(&self) -> Resolution {
        self.resolution
    }

    fn forward(&self, input: &Tensor, scope: &mut Scope<'_>) -> Result<Output> {
        let filter =
            Transient { signal: input.signal()?, steps_per_second: self.resolution.steps_per_second() };
        let parameters = [scope.scalar(&self.tau), scope.scalar(&self.k)];
        Ok(scope.apply(&filter, &parameters, &[input], &["y"])?.into())
    }
}
