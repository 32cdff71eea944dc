//! A delay for every pixel.

use convis_kernels::variable_delay::VariableDelay as Operation;

use crate::layer::{Layer, Output, Part, Scope};
use crate::parameter::{Parameter, Range, Shape, Spec};
use crate::{DType, Error, Resolution, Result, Tensor};

/// The longest delay, frames: what is remembered must fit into memory.
const LONGEST: f64 = 1e6;

/// Delays every pixel by a number of steps of its own.
///
/// # Equation
/// `y(t, p) = x(t − d(p), p)`, between frames by linear interpolation, zeros before the first frame: see
/// [`convis_kernels::variable_delay`]. Whole delays are exact.
///
/// # Shapes
/// Input and output `[batch, channel, time, height, width]`. State: the last frames (`history`), ⌊longest delay⌋ + 1 of
/// them, zero before the first frame.
///
/// # Parameters
/// | name | unit | default |
/// |---|---|---|
/// | `delays` ≥ 0: height × width, or 1 × 1 for all pixels | steps | 0 |
///
/// The gradient with respect to a whole delay is that towards longer delays.
///
/// # Errors
/// If `delays` fits neither the frames nor 1 × 1, or was made longer than what has been remembered so far.
///
/// # Source
/// The delay of convis 0.6.4, by its documented meaning.
///
/// # Example
/// ```
/// use convis::{GradientMode, Resolution, State, Tensor, call, filters::VariableDelay, noise};
/// let delay = VariableDelay::new(Resolution::default());
/// delay.delays().set_value(vec![1.0, 0.5], &[1, 2])?;
/// let movie = Tensor::from_vec(vec![2.0f64, 2.0, 4.0, 4.0, 6.0, 6.0], &[1, 1, 3, 1, 2])?;
/// let y = call(&delay, &movie, &mut State::new(noise::next_model()), GradientMode::Off, None)?;
/// assert_eq!(y.first()?.to_f64(), [0.0, 1.0, 2.0, 3.0, 4.0, 5.0]);
/// assert!(delay.delays().set_value(vec![-1.0], &[1, 1]).is_err());
/// # Ok::<(), convis::Error>(())
/// ```
#[derive(Debug)]
pub struct VariableDelay {
    delays: Parameter,
    resolution: Resolution,
}

impl VariableDelay {
    /// No delay yet: set [`VariableDelay::delays`].
    pub fn new(resolution: Resolution) -> Self {
        let delays = Spec {
            name: "delays",
            unit: "steps",
            doc: "Delay of every pixel (height × width), or of all (1 × 1).",
            default: 0.0,
            range: Range::NonNegative,
            differentiable: true,
        };
        Self { delays: Parameter::array(delays, &[1, 1], Shape::AnyLengths), resolution }
    }

    /// Its parameter.
    pub const fn delays(&self) -> &Parameter {
        &self.delays
    }
}

impl Layer for VariableDelay {
    fn kind(&self) -> &'static str {
        "VariableDelay"
    }

    fn doc(&self) -> &'static str {
        "Delays every pixel by a number of steps of its own, between frames by linear interpolation."
    }

    fn parts(&self) -> Vec<Part<'_>> {
        vec![Part::Parameter(&self.delays)]
    }

    fn resolution(&self) -> Resolution {
        self.resolution
    }

    fn forward(&self, input: &Tensor, scope: &mut Scope<'_>) -> Result<Output> {
        let signal = input.signal()?;
        let (delays, shape) = self.delays.value();
        let per_pixel = shape == [signal.height, signal.width];
        if !per_pixel && delays.len() != 1 {
            let expected = format!("shape [{}, {}], that of a frame, or [1, 1]", signal.height, signal.width);
            return Err(Error::argument("delays", expected, format!("shape {shape:?}")));
        }
        let longest = delays.iter().fold(0.0, |longest: f64, &delay| longest.max(delay));
        if longest > LONGEST {
            return Err(Error::argument("delays", format!("at most {LONGEST} steps"), longest));
        }
        let needed = longest as usize + 1;
        let history = scope.kept("history").and_then(|kept| kept.shape().get(2).copied()).unwrap_or(needed);
        if needed > history {
            let expected = format!(
                "delays below {history} steps, the frames remembered so far; call clear_state() to start anew"
            );
            return Err(Error::argument("delays", expected, longest));
        }
        let dtype = if input.dtype() == DType::U8 { DType::F32 } else { input.dtype() };
        let operation = Operation { signal, history, per_pixel };
        let delays = scope.array(&self.delays, dtype)?;
        Ok(scope.apply(&operation, &[], &[input, &delays], &["history"])?.into())
    }
}
