//! Sums along an axis.

use crate::layer::{Layer, Output, Part, Scope};
use crate::{Error, Resolution, Result, Tensor};

/// Names of the axes of a movie.
const AXES: [&str; 5] = ["batch", "channel", "time", "height", "width"];

/// The sum of a movie along one of its axes, which keeps the length 1.
///
/// # Equation
/// `y = Σᵢ x(…, i, …)`
///
/// # Shapes
/// Input `[batch, channel, time, height, width]`; output the same with the axis of length 1. No state.
///
/// # Parameters
/// | name | unit | default |
/// |---|---|---|
/// | `dim`: 0 batch, 1 channel, 3 height, 4 width | – | given at construction |
///
/// It cannot be fitted. Time (2) is refused: a sum over the frames of a chunk would depend on how a movie is cut. Sum a
/// whole output with [`tensor::sum`](crate::tensor::sum).
///
/// # Source
/// None.
///
/// # Example
/// ```
/// use convis::{GradientMode, Resolution, State, Tensor, call, filters::Sum, noise};
/// let sum = Sum::new(1, Resolution::default())?;
/// let movie = Tensor::from_vec(vec![1.0f64, 2.0, 10.0, 20.0], &[1, 2, 2, 1, 1])?;
/// let y = call(&sum, &movie, &mut State::new(noise::next_model()), GradientMode::Off, None)?;
/// assert_eq!(y.first()?.to_f64(), [11.0, 22.0]);
/// assert!(Sum::new(2, Resolution::default()).is_err());
/// # Ok::<(), convis::Error>(())
/// ```
#[derive(Debug)]
pub struct Sum {
    dim: usize,
    resolution: Resolution,
}

impl Sum {
    /// The sum along axis `dim`.
    ///
    /// # Errors
    /// If `dim` is none of 0, 1, 3, 4.
    pub fn new(dim: usize, resolution: Resolution) -> Result<Self> {
        match AXES.get(dim) {
            Some(&"time") => Err(Error::argument(
                "dim",
                "0, 1, 3 or 4: a sum over time would depend on how the movie is cut; sum the whole output instead",
                dim,
            )),
            Some(_) => Ok(Self { dim, resolution }),
            None => Err(Error::argument("dim", "0, 1, 3 or 4", dim)),
        }
    }

    /// The axis that is summed.
    pub const fn dim(&self) -> usize {
        self.dim
    }
}

impl Layer for Sum {
    fn kind(&self) -> &'static str {
        "Sum"
    }

    fn doc(&self) -> &'static str {
        "The sum of a movie along one of its axes."
    }

    fn parts(&self) -> Vec<Part<'_>> {
        vec![]
    }

    fn resolution(&self) -> Resolution {
        self.resolution
    }

    fn forward(&self, input: &Tensor, _: &mut Scope<'_>) -> Result<Output> {
        Ok(crate::tensor::sum(&[input], self.dim)?.into())
    }
}
