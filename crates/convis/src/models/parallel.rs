//! Layers side by side.

use std::sync::Arc;

use super::members::Members;
use super::{Combination, Mode};
use crate::layer::{Layer, Output, Part, Scope};
use crate::{Error, Resolution, Result, Tensor};

/// Layers side by side: every layer gets the input, their outputs are combined.
///
/// # Equation
/// `y = combination of f₀(x), f₁(x) … fₙ(x)`, see [`Combination`].
///
/// # Shapes
/// Input as every layer takes it, output as the combination makes it. State: that of its layers.
///
/// # Parameters
/// Those of the layers below `layer_0`, `layer_1` …, and of a combining layer below `combination`.
///
/// # Errors
/// Those of [`List`](super::List); if there is no layer.
///
/// # Source
/// None.
///
/// # Example
/// ```
/// use std::sync::Arc;
/// use convis::{GradientMode, Layer, Resolution, State, Tensor, call, noise};
/// use convis::{filters::{Diff, NLRectify}, models::Parallel};
/// let resolution = Resolution::default();
/// let branches: Vec<Arc<dyn Layer>> = vec![Arc::new(Diff::new(resolution)), Arc::new(NLRectify::new(resolution))];
/// let both = Parallel::new(branches, "sum".parse()?)?;
/// let x = Tensor::from_vec(vec![1.0f64, 3.0], &[1, 1, 2, 1, 1])?;
/// let y = call(&both, &x, &mut State::new(noise::next_model()), GradientMode::Off, None)?;
/// assert_eq!(y.first()?.to_f64(), [1.0, 5.0]);
/// # Ok::<(), convis::Error>(())
/// ```
pub struct Parallel(Members);

impl Parallel {
    /// These layers.
    ///
    /// # Errors
    /// If there is none, or they have different resolutions.
    pub fn new(layers: Vec<Arc<dyn Layer>>, combination: Combination) -> Result<Self> {
        if layers.is_empty() {
            return Err(Error::argument("layers", "at least one layer side by side", "none"));
        }
        let named = layers.into_iter().enumerate().map(|(i, layer)| (format!("layer_{i}"), layer)).collect();
        Members::new(named, Mode::Parallel(combination)).map(Self)
    }

    /// Its layers with their names.
    pub fn layers(&self) -> &[(String, Arc<dyn Layer>)] {
        self.0.layers()
    }
}

impl Layer for Parallel {
    fn kind(&self) -> &'static str {
        "Parallel"
    }

    fn doc(&self) -> &'static str {
        "Layers side by side: every layer gets the input, their outputs are combined."
    }

    fn parts(&self) -> Vec<Part<'_>> {
        self.0.parts()
    }

    fn resolution(&self) -> Resolution {
        self.0.resolution()
    }

    fn forward(&self, input: &Tensor, scope: &mut Scope<'_>) -> Result<Output> {
        self.0.forward(input, scope)
    }
}
