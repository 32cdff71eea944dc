//! Spikes at random.

use convis_kernels::Real;
use convis_kernels::integrate_and_fire::{Noise, Spike};
use convis_kernels::poisson::{Rate, poisson};

use super::{InputUnit, first_step, keep_step};
use crate::layer::{Layer, Output, Part, Scope};
use crate::tensor::Numbers;
use crate::tensor::buffer::Buffer;
use crate::{DType, Resolution, Result, Tensor};

/// Spikes at random, independent from step to step and cell to cell.
///
/// # Equation
/// ```text
/// spike where U < p,   U uniform in [0, 1)
/// p = x                where the input is a probability per step (the default)
/// p = 1 − exp(−x·d)    where it is a rate in Hz and a step takes d s
/// ```
/// [`convis_kernels::poisson`]. A probability of 0 or less never fires, one of 1 or more always.
///
/// # Shapes
/// Input `[batch, channel, time, height, width]`, output of the same sizes: 0 or 1 per step, as bytes. State: `step`.
///
/// # Parameters
/// None; [`InputUnit`] says what the input is. Spikes carry no gradient.
///
/// # Source
/// Definition of the Poisson process, e.g. Dayan & Abbott 2001, "Theoretical Neuroscience", section 1.4.
///
/// # Example
/// ```
/// use convis::spiking::{InputUnit, Poisson};
/// use convis::{GradientMode, Resolution, State, Tensor, call, noise};
/// let cells = Poisson::new(InputUnit::Hz, Resolution::default());
/// let rate = Tensor::from_vec(vec![20.0f32; 1000 * 100], &[1, 1, 1000, 10, 10])?;
/// let y = call(&cells, &rate, &mut State::new(noise::next_model()), GradientMode::Off, None)?;
/// let spikes: f64 = y.first()?.to_f64().iter().sum();
/// assert!((spikes - 2000.0).abs() < 200.0);     // 20 Hz for 1 s in 100 cells
/// # Ok::<(), convis::Error>(())
/// ```
#[derive(Debug)]
pub struct Poisson {
    unit: InputUnit,
    resolution: Resolution,
}

impl Poisson {
    /// Cells whose input is measured in `unit`.
    pub const fn new(unit: InputUnit, resolution: Resolution) -> Self {
        Self { unit, resolution }
    }

    fn spikes<T: Numbers + Real>(&self, input: &Tensor, scope: &mut Scope<'_>) -> Result<Tensor> {
        let signal = input.signal()?;
        let noise = Noise { key: scope.key(), first_step: first_step(scope) };
        let step_s = self.resolution.step_s();
        let rate = match self.unit {
            InputUnit::PerStep => Rate::PerStep,
            InputUnit::Hz => Rate::Hz { step_s },
        };
        let numbers = input.numbers::<T>().unwrap_or_default();
        let (spikes, ()) =
            Buffer::filled_by(signal.len(), |spikes| poisson(signal, rate, noise, numbers, spikes));
        if scope.wants_spikes() {
            let mut events = vec![];
            for t in 0..signal.frames {
                for plane in 0..signal.planes {
                    let frame = &spikes[signal.at(plane, t, &(0..signal.pixels()))];
                    let step = noise.first_step + t as u64;
                    events.extend(frame.iter().enumerate().filter(|(_, n)| **n > 0).map(|(pixel, _)| {
                        // Within its step a spike has no time; it is reported at the end, like those of the Euler grid.
                        Spike { step, offset_s: step_s, plane: plane as u32, pixel: pixel as u32 }
                    }));
                }
            }
            scope.record_spikes(events);
        }
        keep_step(scope, noise.first_step + signal.frames as u64)?;
        Tensor::from_buffer(spikes, input.shape())
    }
}

impl Layer for Poisson {
    fn kind(&self) -> &'static str {
        "Poisson"
    }

    fn doc(&self) -> &'static str {
        "Spikes at random, with the probability per step or the rate that the input gives."
    }

    fn parts(&self) -> Vec<Part<'_>> {
        vec![]
    }

    fn resolution(&self) -> Resolution {
        self.resolution
    }

    fn forward(&self, input: &Tensor, scope: &mut Scope<'_>) -> Result<Output> {
        Ok(match input.dtype() {
            DType::F64 => self.spikes::<f64>(input, scope)?,
            DType::F32 => self.spikes::<f32>(input, scope)?,
            DType::U8 => self.spikes::<f32>(&input.cast(DType::F32), scope)?,
        }
        .into())
    }
}
