//! A sensor that signals change.

use convis_kernels::Real;
use convis_kernels::motion_events::{Mode, motion_events};

use crate::layer::{Layer, Output, Part, Scope};
use crate::tensor::Numbers;
use crate::tensor::buffer::Buffer;
use crate::{DType, Error, Resolution, Result, Tensor};

/// ON and OFF events where the input, integrated, or its ratio to the last level crosses a threshold.
///
/// # Equation
/// ```text
/// linear   f ← f + x          on = f > θ       off = f < −θ       f ← f − θ·on + θ·off       f = 0 at the start
/// log      on = x/f > θ       off = x/f < 1/θ                     f ← f·θ^(on − off)         f = ½ at the start
/// ```
/// [`convis_kernels::motion_events`]. Both are per step: the input of the linear mode is change per step.
///
/// # Shapes
/// Input `[batch, channel, time, height, width]`, output with twice the channels, as bytes: ON and OFF of the first
/// channel, then of the next. State: `level`, f.
///
/// # Parameters
/// None with a gradient; `threshold` θ is fixed when the layer is built: above 0 (default 1), above 1 in the logarithmic
/// mode.
///
/// # Errors
/// A threshold outside its range.
///
/// # Source
/// Lichtsteiner, Posch & Delbruck 2008 (IEEE J. Solid-State Circuits 43:566), section II, in steps.
///
/// # Example
/// ```
/// use convis::spiking::{IntegrativeMotionSensor, MotionMode};
/// use convis::{GradientMode, Resolution, State, Tensor, call, noise};
/// let sensor = IntegrativeMotionSensor::new(MotionMode::Linear, 1.0, Resolution::default())?;
/// let change = Tensor::from_vec(vec![0.6f32, 0.6, -2.0], &[1, 1, 3, 1, 1])?;
/// let y = call(&sensor, &change, &mut State::new(noise::next_model()), GradientMode::Off, None)?;
/// assert_eq!(y.first()?.shape(), [1, 2, 3, 1, 1]);
/// assert_eq!(y.first()?.to_f64(), [0.0, 1.0, 0.0, /* OFF */ 0.0, 0.0, 1.0]);
/// # Ok::<(), convis::Error>(())
/// ```
#[derive(Debug)]
pub struct IntegrativeMotionSensor {
    mode: Mode,
    threshold: f64,
    resolution: Resolution,
}

impl IntegrativeMotionSensor {
    /// A sensor with this mode and threshold.
    ///
    /// # Errors
    /// If the threshold is not positive, or, in the logarithmic mode, not above 1.
    pub fn new(mode: Mode, threshold: f64, resolution: Resolution) -> Result<Self> {
        let (least, expected) = match mode {
            Mode::Linear => (0.0, "a number above 0"),
            Mode::Log => (1.0, "a number above 1 in the logarithmic mode"),
        };
        if !(threshold > least && threshold.is_finite()) {
            return Err(Error::argument("threshold", expected, threshold));
        }
        Ok(Self { mode, threshold, resolution })
    }

    fn events<T: Numbers + Real>(&self, input: &Tensor, scope: &mut Scope<'_>) -> Result<Tensor> {
        let signal = input.signal()?;
        let shape = input.shape();
        let mut level: Vec<T> = match scope.kept("level") {
            Some(_) => {
                let level = scope.state("level", input, 1, T::DTYPE)?;
                level.numbers::<T>().map_or_else(Vec::new, <[T]>::to_vec)
            }
            None => vec![T::of(self.mode.start()); signal.state_len()],
        };
        let numbers = input.numbers::<T>().unwrap_or_default();
        let (events, ()) = Buffer::filled_by(2 * signal.len(), |events| {
            motion_events(signal, self.mode, self.threshold, numbers, &mut level, events);
        });
        scope.keep("level", Tensor::from_vec(level, &[shape[0], shape[1], 1, shape[3], shape[4]])?);
        Tensor::from_buffer(events, &[shape[0], 2 * shape[1], shape[2], shape[3], shape[4]])
    }
}

impl Layer for IntegrativeMotionSensor {
    fn kind(&self) -> &'static str {
        "IntegrativeMotionSensor"
    }

    fn doc(&self) -> &'static str {
        "ON and OFF events of a sensor that signals change, by sums or by ratios."
    }

    fn parts(&self) -> Vec<Part<'_>> {
        vec![]
    }

    fn resolution(&self) -> Resolution {
        self.resolution
    }

    fn forward(&self, input: &Tensor, scope: &mut Scope<'_>) -> Result<Output> {
        Ok(match input.dtype() {
            DType::F64 => self.events::<f64>(input, scope)?,
            DType::F32 => self.events::<f32>(input, scope)?,
            DType::U8 => self.events::<f32>(&input.cast(DType::F32), scope)?,
        }
        .into())
    }
}
