//! The oscillator of FitzHugh and Nagumo.

use convis_kernels::fitz_hugh_nagumo::{FitzHughNagumo as Operation, Sign};

use super::{keep_step, noise_strength, setting, smooth};
use crate::layer::{Layer, Output, Part, Scope};
use crate::parameter::{Parameter, Range, Spec};
use crate::{Resolution, Result, Tensor};

const A: Spec = smooth("a", "", "Offset of the recovery variable.", 0.7, Range::Any);
const B: Spec = smooth("b", "", "Decay of the recovery variable, relative to v.", 0.8, Range::Any);
const TAU: Spec = smooth("tau", "1/ms", "Speed of the recovery variable.", 0.08, Range::Any);

/// FitzHugh–Nagumo oscillators, one per pixel.
///
/// # Equation
/// With one unit of time = 1 ms:
/// ```text
/// dv/dt = v − v³/3 − w + I
/// dw/dt = τ·(v + a − b·w)
/// ```
/// Euler's rule with sub-steps of at most 0.1 ms: [`convis_kernels::fitz_hugh_nagumo`]. [`Sign::Minus`] has −a, as the
/// 2018 toolbox had it.
///
/// # Shapes
/// Input I `[batch, channel, time, height, width]`, output v of the same sizes. State: `v`, `w` (0 at the start), `step`.
///
/// # Parameters
/// | symbol | name | unit | default |
/// |---|---|---|---|
/// | a | `a` | – | 0.7 |
/// | b | `b` | – | 0.8 |
/// | τ | `tau` | 1/ms | 0.08 |
/// | | `noise_strength` ≥ 0 | – | 0.001 |
///
/// a, b and τ are differentiable, and so is the input. Noise of this strength is added to I at 1000 steps per second.
///
/// # Source
/// FitzHugh 1961 (Biophys. J. 1:445), equations 1 and 2; Nagumo, Arimoto & Yoshizawa 1962 (Proc. IRE 50:2061).
///
/// # Example
/// ```
/// use convis::{GradientMode, Resolution, State, Tensor, call, noise, spiking::FitzHughNagumo};
/// let cells = FitzHughNagumo::new(Default::default(), Resolution::default());
/// let current = Tensor::from_vec(vec![0.5f32; 300], &[1, 1, 300, 1, 1])?;
/// let y = call(&cells, &current, &mut State::new(noise::next_model()), GradientMode::Off, None)?;
/// let highest = y.first()?.to_f64().into_iter().fold(0.0, f64::max);
/// assert!(highest > 1.8);                    // a steady current makes it oscillate
/// # Ok::<(), convis::Error>(())
/// ```
#[derive(Debug)]
pub struct FitzHughNagumo {
    a: Parameter,
    b: Parameter,
    tau: Parameter,
    noise_strength: Parameter,
    sign: Sign,
    resolution: Resolution,
}

impl FitzHughNagumo {
    /// Oscillators with default parameters.
    pub fn new(sign: Sign, resolution: Resolution) -> Self {
        let [a, b, tau, noise_strength] = [A, B, TAU, noise_strength("", 0.001)].map(Parameter::new);
        Self { a, b, tau, noise_strength, sign, resolution }
    }
}

impl Layer for FitzHughNagumo {
    fn kind(&self) -> &'static str {
        "FitzHughNagumo"
    }

    fn doc(&self) -> &'static str {
        "FitzHugh–Nagumo oscillators, one per pixel; the output is the fast variable v."
    }

    fn parts(&self) -> Vec<Part<'_>> {
        [&self.a, &self.b, &self.tau, &self.noise_strength].map(Part::Parameter).to_vec()
    }

    fn resolution(&self) -> Resolution {
        self.resolution
    }

    fn forward(&self, input: &Tensor, scope: &mut Scope<'_>) -> Result<Output> {
        let setting = setting(input, self.resolution, &self.noise_strength, "v", scope)?;
        let parameters = [&self.a, &self.b, &self.tau].map(|parameter| scope.scalar(parameter));
        let cells = Operation { setting, sign: self.sign };
        let v = scope.apply(&cells, &parameters, &[input], &["v", "w"])?;
        keep_step(scope, setting.noise.first_step + setting.signal.frames as u64)?;
        Ok(v.into())
    }
}
