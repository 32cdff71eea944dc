//! Outer plexiform layer that adapts to luminance.

use std::sync::Arc;

use convis_kernels::custom_gain_control::CustomGainControl;
use convis_kernels::low_pass::LowPass;
use convis_kernels::weighted_difference::WeightedDifference;

use crate::filters::{
    Blur, BlurKernel, Eccentricity, FrameBlur, Shape, TemporalLowPassFilterRecursive, check_width,
};
use crate::layer::{Layer, Output, Part, Scope};
use crate::parameter::{Parameter, Range, Spec};
use crate::tensor::Scalar;
use crate::{DType, Resolution, Result, Tensor};

const fn spec(name: &'static str, unit: &'static str, doc: &'static str, default: f64, range: Range) -> Spec {
    Spec { name, unit, doc, default, range, differentiable: true }
}

/// Gain, leak, feedback, reversal, weight.
const SPECS: [Spec; 5] = [
    spec("lambda_opl", "Hz per unit of luminance", "Gain of phototransduction.", 1.0, Range::Any),
    spec("receptor_leak", "Hz", "Conductance of receptors in darkness.", 1.0, Range::Positive),
    spec(
        "feedback_gain",
        "Hz",
        "Gain of the feedback from horizontal cells: conductance of receptors per unit of their signal.",
        0.0,
        Range::NonNegative,
    ),
    spec("feedback_reversal", "", "Reversal potential of that conductance.", 0.0, Range::Any),
    spec("relative_weight", "", "Weight w of the surround in the output.", 0.0, Range::Any),
];

/// Receptors whose conductance is set by horizontal cells, and so by the luminance around them: light adaptation by
/// divisive feedback.
///
/// # Equation
/// ```text
/// P     = E_{τ_P} * G_{σ_R} * (λ·L)                       phototransduction, Hz
/// dR/dt = P + E_H·A − (g + A)·R                           receptors
/// A     = k·max(H, 0),  H = E_{τ_H} * G_{σ_H} * R          horizontal cells and their feedback
/// I_OPL = R − w·H
/// ```
/// At rest, in a flat image of luminance L, R solves `k·R² + (g − k·E_H)·R = λ·L`: proportional to L in dim light, to √L in
/// bright light. R is computed by [`convis_kernels::custom_gain_control`] with exponent 1; the max is taken before the blur
/// there, which is the same as long as no receptor is below 0.
///
/// # Shapes
/// Input (luminance) and output `[batch, channel, time, height, width]`. State: P, R, A, H. The stages `receptors` (R) and
/// `surround_E` (H) can be recorded.
///
/// # Parameters
/// | symbol | name | unit | default |
/// |---|---|---|---|
/// | σ_R | `receptor_G.sigma` | deg | 0 |
/// | τ_P | `receptor_E.tau` | s | 0.01 |
/// | σ_H | `surround_G.sigma` | deg | 1 |
/// | τ_H | `surround_E.tau` | s | 0.01 |
/// | λ | `lambda_opl` | Hz per unit of luminance | 1 |
/// | g | `receptor_leak` | Hz | 1 |
/// | k | `feedback_gain` | Hz | 0 |
/// | E_H | `feedback_reversal` | – | 0 |
/// | w | `relative_weight` | – | 0 |
///
/// # Source
/// The names are those of Virtual Retina's `luminance-gain-control-version`, which registered them and never ran the
/// filter. The equations are ours: the divisive feedback loop of van Hateren's models of receptors and horizontal cells
/// (van Hateren & Snippe 2001, Vision Res. 41:1851; van Hateren 2005, J. Vision 5:331) reduced to one loop, written
/// as the shunting membrane of Wohrer & Kornprobst 2009 (J. Comput. Neurosci. 26:219).
///
/// # Example
/// ```
/// use convis::retina::{LuminanceGainOpl, LuminanceGainOptions};
/// use convis::{GradientMode, Resolution, State, Tensor, call, layer, noise};
/// let opl = LuminanceGainOpl::new(LuminanceGainOptions::default(), Resolution::default())?;
/// layer::parameter(&opl, "receptor_leak")?.set(20.0)?;
/// layer::parameter(&opl, "feedback_gain")?.set(1000.0)?;
/// layer::parameter(&opl, "lambda_opl")?.set(100.0)?;
/// let settled = |luminance: f64| -> convis::Result<f64> {
///     let flat = Tensor::from_vec(vec![luminance; 600], &[1, 1, 600, 1, 1])?;
///     let y = call(&opl, &flat, &mut State::new(noise::next_model()), GradientMode::Off, None)?;
///     Ok(y.first()?.to_f64()[599])
/// };
/// // A hundred times the light, about ten times the answer.
/// let ratio = settled(100.0)? / settled(1.0)?;
/// assert!((9.0..11.0).contains(&ratio));
/// # Ok::<(), convis::Error>(())
/// ```
pub struct LuminanceGainOpl {
    receptor_blur: Arc<FrameBlur>,
    receptor_low_pass: Arc<TemporalLowPassFilterRecursive>,
    surround_blur: Arc<FrameBlur>,
    surround_low_pass: Arc<TemporalLowPassFilterRecursive>,
    parameters: [Parameter; 5],
    shape: Shape,
    options: LuminanceGainOptions,
    resolution: Resolution,
}

/// How a [`LuminanceGainOpl`] computes.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct LuminanceGainOptions {
    /// The kernel of its blurs.
    pub kernel: BlurKernel,
    /// How widths change with eccentricity; `None`: not at all.
    pub eccentricity: Option<Eccentricity>,
    /// The luminance, 0 or above, that it is adapted to before the first frame; `None`: it begins from zero.
    pub adapted_to: Option<f64>,
}

impl LuminanceGainOpl {
    /// A filter with default parameters.
    ///
    /// # Errors
    /// If the luminance it is adapted to is negative or not finite.
    pub fn new(options: LuminanceGainOptions, resolution: Resolution) -> Result<Self> {
        if let Some(luminance) = options.adapted_to.filter(|l| !(l.is_finite() && *l >= 0.0)) {
            return Err(crate::Error::argument("adapted_to", "a luminance of 0 or above", luminance));
        }
        let blur = |sigma_deg, doc| {
            let (kernel, eccentricity) = (options.kernel, options.eccentricity);
            FrameBlur::documented(sigma_deg, doc, kernel, eccentricity, resolution).map(Arc::new)
        };
        let low_pass =
            |doc| TemporalLowPassFilterRecursive::documented(0.01, doc, None, resolution).map(Arc::new);
        Ok(Self {
            receptor_blur: blur(0.0, "Standard deviation of receptors in space.")?,
            receptor_low_pass: low_pass("Time constant of phototransduction.")?,
            surround_blur: blur(1.0, "Standard deviation of horizontal cells in space.")?,
            surround_low_pass: low_pass("Time constant of horizontal cells.")?,
            parameters: SPECS.map(Parameter::new),
            shape: Shape::new(options.kernel, options.eccentricity),
            options,
            resolution,
        })
    }

    /// P and R in the steady state of the luminance it is adapted to, one frame each; zeros where there is none.
    fn start(&self, input: &Tensor, scope: &Scope<'_>) -> Result<[Tensor; 2]> {
        let s = input.shape();
        let shape = [s[0], s[1], 1, s[3], s[4]];
        let dtype = if input.dtype() == DType::F64 { DType::F64 } else { DType::F32 };
        let zero = Tensor::zeros(dtype, &shape);
        let Some(luminance) = self.options.adapted_to else { return Ok([zero.clone(), zero]) };
        // The root of k·R² + (g − k·E)·R = p, in the form that holds for k = 0 as well. In recorded arithmetic, so that
        // gradients know of the start.
        let [gain, leak, feedback, reversal, _] = self.parameters.each_ref().map(|p| scope.array(p, dtype));
        let (gain, leak, feedback, reversal) = (gain?, leak?, feedback?, reversal?);
        let number = |x: f64| Tensor::number(x, dtype);
        let p = gain.mul(&number(luminance))?;
        let b = leak.sub(&feedback.mul(&reversal)?)?;
        let root = b.square().add(&feedback.mul(&p)?.mul(&number(4.0))?)?.sqrt();
        let r = p.mul(&number(2.0))?.div(&b.add(&root)?)?;
        Ok([zero.add(&p)?, zero.add(&r)?])
    }
}

impl Layer for LuminanceGainOpl {
    fn kind(&self) -> &'static str {
        "LuminanceGainOPL"
    }

    fn doc(&self) -> &'static str {
        "Outer plexiform layer that adapts to luminance: receptors whose conductance is set by horizontal cells."
    }

    fn parts(&self) -> Vec<Part<'_>> {
        let mut parts = vec![
            Part::Child("receptor_G", self.receptor_blur.clone() as Arc<dyn Layer>),
            Part::Child("receptor_E", self.receptor_low_pass.clone()),
            Part::Child("surround_G", self.surround_blur.clone()),
            Part::Child("surround_E", self.surround_low_pass.clone()),
        ];
        parts.extend(self.parameters.iter().map(Part::Parameter));
        let place = super::opl_filter::Place::new("What receptors signal: R.", self.resolution);
        parts.push(Part::Child("receptors", Arc::new(place)));
        parts
    }

    fn resolution(&self) -> Resolution {
        self.resolution
    }

    fn forward(&self, input: &Tensor, scope: &mut Scope<'_>) -> Result<Output> {
        let signal = input.signal()?;
        let steps_per_second = self.resolution.steps_per_second();
        let low_pass = LowPass { signal, steps_per_second, order: 0 };
        let [p_start, r_start] = self.start(input, scope)?;
        let [gain, leak, feedback, reversal, weight] =
            self.parameters.each_ref().map(|parameter| scope.scalar(parameter));
        // A state array of the place at hand: what was kept, or the start.
        let kept = |name: &str, start: &Tensor, scope: &Scope<'_>| match scope.kept(name) {
            Some(_) => scope.state(name, input, 1, start.dtype()),
            None => Ok(start.clone()),
        };

        let lit = scope
            .within("receptor_G", |scope| Ok(self.receptor_blur.amplified(input, gain, scope)?.into()))?;
        let tau = scope.scalar(self.receptor_low_pass.tau());
        let photo = scope.within("receptor_E", |scope| {
            let before = [kept("y", &p_start, scope)?];
            Ok(scope.apply_from(&low_pass, &[tau], &[lit.first()?], &before, &["y"])?.into())
        })?;

        check_width(self.surround_blur.sigma(), self.resolution)?;
        let membrane = CustomGainControl {
            signal,
            steps_per_second,
            blur: self.shape.of(&signal, self.resolution),
            both_signs: false,
            saturates: false,
            with_conductance: false,
        };
        let constant = Scalar::constant;
        let (sigma, tau) =
            (scope.scalar(self.surround_blur.sigma()), scope.scalar(self.surround_low_pass.tau()));
        let conductance = scope.array(&self.parameters[2], r_start.dtype())?.mul(&r_start)?;
        let parameters = [
            feedback,
            leak,
            constant(1.0),
            tau.clone(),
            sigma,
            constant(1.0),
            constant(0.0),
            reversal,
            constant(0.0),
            constant(1.0),
        ];
        let receptors = scope.within("receptors", |scope| {
            let before =
                [kept("R", &r_start, scope)?, kept("A", &conductance, scope)?, kept("T", &r_start, scope)?];
            let names = ["R", "A", "T"];
            Ok(scope.apply_from(&membrane, &parameters, &[photo.first()?], &before, &names)?.into())
        })?;
        let receptors = receptors.first()?;

        let blurred = scope.child("surround_G", &*self.surround_blur, receptors)?;
        let horizontal = scope.within("surround_E", |scope| {
            let before = [kept("y", &r_start, scope)?];
            Ok(scope.apply_from(&low_pass, &[tau], &[blurred.first()?], &before, &["y"])?.into())
        })?;
        let difference = WeightedDifference { signal };
        Ok(scope.apply(&difference, &[weight], &[receptors, horizontal.first()?], &[])?.into())
    }
}
