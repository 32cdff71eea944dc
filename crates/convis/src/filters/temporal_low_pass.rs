//! Exponential low-pass filter in time.

use convis_kernels::low_pass::LowPass;

use crate::layer::{Layer, Output, Part, Scope};
use crate::parameter::{Parameter, Range, Spec};
use crate::{Resolution, Result, Tensor};

/// Names of the state arrays of a cascade; as many stages as it has names is the longest cascade.
const STAGES: [&str; 21] = [
    "y", "y1", "y2", "y3", "y4", "y5", "y6", "y7", "y8", "y9", "y10", "y11", "y12", "y13", "y14", "y15",
    "y16", "y17", "y18", "y19", "y20",
];

/// Exponential low-pass filter of time constant `tau`, or a cascade of n+1 of them.
///
/// # Equation
/// `y = E_{n,τ} * x`, unit gain at zero frequency, no lag: see [`convis_kernels::low_pass`].
///
/// # Shapes
/// Input and output `[batch, channel, time, height, width]`. State: the last output of every stage (`y`, `y1` …),
/// zero before the first frame.
///
/// # Parameters
/// | name | unit | default |
/// |---|---|---|
/// | `tau` > 0 | s | 0.01 |
/// | `n` (cascades only) | – | 0: one stage |
///
/// # Source
/// Wohrer & Kornprobst 2009 (J. Comput. Neurosci. 26:219), filters E_τ and E_{n,τ}.
///
/// # Example
/// ```
/// use convis::{GradientMode, Resolution, State, Tensor, call, filters::TemporalLowPassFilterRecursive, noise};
/// let filter = TemporalLowPassFilterRecursive::new(0.01, Resolution::default())?;
/// let step = Tensor::from_vec(vec![1.0f64; 10], &[1, 1, 10, 1, 1])?;
/// let y = call(&filter, &step, &mut State::new(noise::next_model()), GradientMode::Off, None)?;
/// assert!((y.first()?.to_f64()[9] - (1.0 - (-1.0f64).exp())).abs() < 1e-12);
/// # Ok::<(), convis::Error>(())
/// ```
#[derive(Debug)]
pub struct TemporalLowPassFilterRecursive {
    tau: Parameter,
    n: Option<Parameter>,
    resolution: Resolution,
}

impl TemporalLowPassFilterRecursive {
    /// A single exponential.
    ///
    /// # Errors
    /// If tau is not a positive number.
    pub fn new(tau_s: f64, resolution: Resolution) -> Result<Self> {
        Self::documented(tau_s, "Time constant of the exponential.", None, resolution)
    }

    /// A cascade of order `n`: n+1 exponentials of tau/n.
    ///
    /// # Errors
    /// If tau is not a positive number, or n more than 20.
    pub fn cascade(tau_s: f64, n: usize, resolution: Resolution) -> Result<Self> {
        Self::documented(tau_s, "Time constant of the cascade.", Some(n), resolution)
    }

    pub(crate) fn documented(
        tau_s: f64,
        doc: &'static str,
        n: Option<usize>,
        resolution: Resolution,
    ) -> Result<Self> {
        let tau = Parameter::new(Spec {
            name: "tau",
            unit: "s",
            doc,
            default: tau_s,
            range: Range::Positive,
            differentiable: true,
        });
        tau.set(tau_s)?;
        let order = Spec {
            name: "n",
            unit: "",
            doc: "Order of the cascade: n+1 exponential filters of time constant tau/n; 0 is a single one of tau.",
            default: 0.0,
            range: Range::Count,
            differentiable: false,
        };
        let n = n.map(|n| Parameter::new(Spec { default: n as f64, ..order }));
        let filter = Self { tau, n, resolution };
        filter.order()?;
        Ok(filter)
    }

    /// Its time constant.
    pub(crate) const fn tau(&self) -> &Parameter {
        &self.tau
    }

    /// Its order n.
    pub(crate) fn order(&self) -> Result<usize> {
        let order = self.n.as_ref().map_or(0.0, Parameter::scalar);
        if order as usize >= STAGES.len() {
            return Err(crate::Error::argument("n", format!("at most {}", STAGES.len() - 1), order));
        }
        Ok(order as usize)
    }
}

impl Layer for TemporalLowPassFilterRecursive {
    fn kind(&self) -> &'static str {
        "TemporalLowPassFilterRecursive"
    }

    fn doc(&self) -> &'static str {
        "Exponential low-pass filter in time, alone or in cascade, with unit gain at zero frequency and no lag."
    }

    fn parts(&self) -> Vec<Part<'_>> {
        std::iter::once(&self.tau).chain(&self.n).map(Part::Parameter).collect()
    }

    fn resolution(&self) -> Resolution {
        self.resolution
    }

    fn forward(&self, input: &Tensor, scope: &mut Scope<'_>) -> Result<Output> {
        let order = self.order()?;
        let steps_per_second = self.resolution.steps_per_second();
        let filter = LowPass { signal: input.signal()?, steps_per_second, order };
        // Stages that the order no longer has must not come back with an old value.
        STAGES[order + 1..].iter().for_each(|stage| scope.forget(stage));
        Ok(scope.apply(&filter, &[scope.scalar(&self.tau)], &[input], &STAGES[..=order])?.into())
    }
}
