//! Outer plexiform layer with every option of a retina's description.

use std::sync::Arc;

use convis_kernels::adapted_difference::AdaptedDifference;
use convis_kernels::delay_line::DelayLine;
use convis_kernels::frame_blur::Kernel;
use convis_kernels::leaky_heat::LeakyHeat;

use super::opl::{CenterSurround, SHORT_NAMES};
use crate::filters::{Eccentricity, FrameBlur, Shape, TemporalLowPassFilterRecursive, check_width};
use crate::layer::{Layer, Output, Part, Scope};
use crate::tensor::Scalar;
use crate::{Error, Resolution, Result, Tensor};

/// Stages that exist where they are recorded: name and meaning.
const RECORDED: [(&str, &str); 2] =
    [("receptors", "What receptors signal: R."), ("horizontal", "What horizontal cells signal: S.")];

/// How an [`OplFilter`] computes.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct OplOptions {
    /// The kernel of its blurs; with `leaky_heat` that of the blur of every step.
    pub kernel: Kernel,
    /// How widths change with eccentricity; `None`: not at all.
    pub eccentricity: Option<Eccentricity>,
    /// Whether centre and surround are leaky heat equations instead of separable filters.
    pub leaky_heat: bool,
    /// Whether the centre has an undershoot.
    pub undershoot: bool,
    /// Whether the undershoot and the surround see the centre of the step before.
    pub stage_delays: bool,
    /// The luminance that the filter is adapted to before the first frame; `None`: it begins from zero.
    pub adapted_to: Option<f64>,
}

/// Centre minus surround with every option of a retina's description: separable or leaky heat equation, with or without
/// undershoot, uniform or wider outside a fovea, and the conventions of Virtual Retina.
///
/// # Equation
/// ```text
/// C     = E_{n,τ_C} * G_{σ_C} * (λ·L)      or the leaky heat equation of σ_C, τ_C (then n = 0)
/// R     = T_{w_U,τ_U} * C                  with undershoot, else C
/// S     = E_{τ_S} * G_{σ_S} * R            or the leaky heat equation of σ_S, τ_S
/// I_OPL = R − w·S
/// ```
/// With stage delays the undershoot acts on the C, and the surround on the R, of the step before. Adapted to a luminance
/// L₀, it begins in the steady state of L₀: being linear, it then computes deviations from that state, which costs
/// nothing and loses less to rounding, and adds `(1 − w)·(1 − w_U)·λ·L₀` at the end.
///
/// The operations, continuous and discrete: [`convis_kernels::frame_blur`], [`convis_kernels::low_pass`],
/// [`convis_kernels::leaky_heat`], [`convis_kernels::transient`].
///
/// # Shapes
/// Input (luminance) and output (current) `[batch, channel, time, height, width]`. State: one array per low-pass
/// stage, and one per delay. Besides the output, the stages `receptors` (R) and `horizontal` (S) can be recorded; where the
/// filter is adapted, those of `center_…` and `surround_…` are deviations.
///
/// # Parameters
/// Those of [`HalfRecursiveOplFilter`](super::HalfRecursiveOplFilter), under the same names; without undershoot those
/// of `center_undershoot` are missing.
///
/// # Errors
/// With a leaky heat equation, if n is not 0.
///
/// # Source
/// Wohrer & Kornprobst 2009 (J. Comput. Neurosci. 26:219), outer plexiform layer; options of Virtual Retina.
///
/// # Example
/// ```
/// use convis::{GradientMode, Resolution, State, Tensor, call, noise, retina::{OplFilter, OplOptions}};
/// // Adapted to the luminance it sees, a balanced filter signals nothing from the first frame on.
/// let options = OplOptions { leaky_heat: true, adapted_to: Some(0.5), ..OplOptions::default() };
/// let opl = OplFilter::new(options, Resolution::default())?;
/// let flat = Tensor::from_vec(vec![0.5f64; 5 * 9], &[1, 1, 5, 3, 3])?;
/// let y = call(&opl, &flat, &mut State::new(noise::next_model()), GradientMode::Off, None)?;
/// assert!(y.first()?.to_f64().iter().all(|y| y.abs() < 1e-12));
/// # Ok::<(), convis::Error>(())
/// ```
pub struct OplFilter {
    stages: CenterSurround<FrameBlur>,
    shape: Shape,
    options: OplOptions,
}

impl OplFilter {
    /// A filter with the default parameters of all OPL filters.
    ///
    /// # Errors
    /// If the luminance it is adapted to is not finite.
    pub fn new(options: OplOptions, resolution: Resolution) -> Result<Self> {
        if let Some(luminance) = options.adapted_to.filter(|luminance| !luminance.is_finite()) {
            return Err(Error::argument("adapted_to", "a finite luminance", luminance));
        }
        let blur = |sigma_deg, doc, resolution| {
            FrameBlur::documented(sigma_deg, doc, options.kernel, options.eccentricity, resolution)
        };
        let stages = CenterSurround::new(blur, resolution)?;
        Ok(Self { stages, shape: Shape::new(options.kernel, options.eccentricity), options })
    }

    /// What it computes with.
    pub const fn options(&self) -> OplOptions {
        self.options
    }

    /// One blur and low-pass of the input less `offset`, separable or as a leaky heat equation, times `gain`. The place of
    /// the low-pass is the stage.
    fn smoothed(
        &self,
        blur: (&str, &Arc<FrameBlur>),
        low_pass: (&str, &Arc<TemporalLowPassFilterRecursive>),
        input: &Tensor,
        offset: f64,
        gain: Scalar,
        scope: &mut Scope<'_>,
    ) -> Result<Tensor> {
        if !self.options.leaky_heat {
            let blurred =
                scope.within(blur.0, |scope| Ok(blur.1.of_deviations(input, offset, gain, scope)?.into()))?;
            return scope.child(low_pass.0, &**low_pass.1, blurred.first()?)?.first().cloned();
        }
        check_width(blur.1.sigma(), self.resolution())?;
        let signal = input.signal()?;
        let sheet = LeakyHeat {
            signal,
            steps_per_second: self.resolution().steps_per_second(),
            blur: self.shape.of(&signal, self.resolution()),
            offset,
        };
        let parameters = [scope.scalar(blur.1.sigma()), scope.scalar(low_pass.1.tau()), gain];
        let output = scope
            .within(low_pass.0, |scope| Ok(scope.apply(&sheet, &parameters, &[input], &["y"])?.into()))?;
        output.first().cloned()
    }

    /// The movie a step later, if stages are delayed.
    fn delayed(&self, name: &str, movie: &Tensor, scope: &mut Scope<'_>) -> Result<Tensor> {
        if !self.options.stage_delays {
            return Ok(movie.clone());
        }
        scope.apply(&DelayLine { signal: movie.signal()?, delay: 1, length: 0 }, &[], &[movie], &[name])
    }

    /// The luminance whose steady state is level 0 of all stages.
    fn level(&self) -> f64 {
        self.options.adapted_to.unwrap_or(0.0)
    }

    /// w_U, which is 0 without undershoot.
    fn undershoot_weight(&self, scope: &Scope<'_>) -> Scalar {
        if self.options.undershoot {
            scope.scalar(self.stages.center_undershoot.weight())
        } else {
            Scalar::constant(0.0)
        }
    }

    /// The first movie minus the weighted second one, and the steady state that both are deviations from.
    fn signalled(&self, weight: Scalar, inputs: [&Tensor; 2], scope: &mut Scope<'_>) -> Result<Tensor> {
        let difference = AdaptedDifference { signal: inputs[0].signal()?, level: self.level() };
        let parameters = [weight, scope.scalar(&self.stages.lambda_opl), self.undershoot_weight(scope)];
        scope.apply(&difference, &parameters, &inputs, &[])
    }
}

/// A place where a movie is recorded.
#[derive(Debug)]
pub(super) struct Place {
    doc: &'static str,
    resolution: Resolution,
}

impl Place {
    pub const fn new(doc: &'static str, resolution: Resolution) -> Self {
        Self { doc, resolution }
    }
}

impl Layer for Place {
    fn kind(&self) -> &'static str {
        "Place"
    }

    fn doc(&self) -> &'static str {
        self.doc
    }

    fn parts(&self) -> Vec<Part<'_>> {
        vec![]
    }

    fn resolution(&self) -> Resolution {
        self.resolution
    }

    fn forward(&self, input: &Tensor, _: &mut Scope<'_>) -> Result<Output> {
        Ok(input.clone().into())
    }
}

impl Layer for OplFilter {
    fn kind(&self) -> &'static str {
        "OPLFilter"
    }

    fn doc(&self) -> &'static str {
        "Centre minus surround of the outer plexiform layer with every option of a retina's description."
    }

    fn parts(&self) -> Vec<Part<'_>> {
        let is_missing =
            |part: &Part<'_>| !self.options.undershoot && matches!(part, Part::Child("center_undershoot", _));
        let mut parts: Vec<_> = self.stages.parts().into_iter().filter(|part| !is_missing(part)).collect();
        for (name, doc) in RECORDED {
            parts.push(Part::Child(name, Arc::new(Place::new(doc, self.resolution()))));
        }
        parts
    }

    fn resolution(&self) -> Resolution {
        self.stages.resolution
    }

    fn aliases(&self) -> &'static [(&'static str, &'static str)] {
        SHORT_NAMES
    }

    fn forward(&self, input: &Tensor, scope: &mut Scope<'_>) -> Result<Output> {
        let stages = &self.stages;
        let order = stages.center_low_pass.order()?;
        if self.options.leaky_heat && order > 0 {
            let expected = "0 where centre and surround are leaky heat equations";
            return Err(Error::argument("n", expected, order));
        }
        let lambda = scope.scalar(&stages.lambda_opl);
        let (blur, low_pass) = (("center_G", &stages.center_blur), ("center_E", &stages.center_low_pass));
        let center = self.smoothed(blur, low_pass, input, self.level(), lambda, scope)?;
        let receptors = if self.options.undershoot {
            let center = self.delayed("center_before", &center, scope)?;
            scope.child("center_undershoot", &*stages.center_undershoot, &center)?.first()?.clone()
        } else {
            center
        };
        let seen = self.delayed("receptors_before", &receptors, scope)?;
        let (blur, low_pass) =
            (("surround_G", &stages.surround_blur), ("surround_E", &stages.surround_low_pass));
        let surround = self.smoothed(blur, low_pass, &seen, 0.0, Scalar::constant(1.0), scope)?;
        if scope.wants(RECORDED[0].0) {
            let signal = self.signalled(Scalar::constant(0.0), [&receptors, &surround], scope)?;
            scope.within(RECORDED[0].0, |_| Ok(signal.into()))?;
        }
        if scope.wants(RECORDED[1].0) {
            // Their steady state is that of the receptors.
            let signal = self.signalled(Scalar::constant(0.0), [&surround, &receptors], scope)?;
            scope.within(RECORDED[1].0, |_| Ok(signal.into()))?;
        }
        let weight = scope.scalar(&stages.relative_weight);
        Ok(self.signalled(weight, [&receptors, &surround], scope)?.into())
    }
}
