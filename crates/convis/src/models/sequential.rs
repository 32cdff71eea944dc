//! Layers one after the other.

use std::sync::Arc;

use super::Mode;
use super::members::Members;
use crate::layer::{Layer, Output, Part, Scope};
use crate::{Resolution, Result, Tensor};

/// Layers one after the other: every layer gets the output of the one before.
///
/// # Equation
/// `y = fₙ(… f₁(f₀(x)))`
///
/// # Shapes
/// Input as the first layer takes it, output as the last one makes it. State: that of its layers.
///
/// # Parameters
/// Those of the layers below `layer_0`, `layer_1` ….
///
/// # Errors
/// Those of [`List`](super::List).
///
/// # Source
/// None: composition of functions.
///
/// # Example
/// ```
/// use std::sync::Arc;
/// use convis::{GradientMode, Resolution, State, Tensor, call, noise};
/// use convis::{filters::{Diff, NLRectify}, models::Sequential};
/// let resolution = Resolution::default();
/// let onsets = Sequential::new(vec![Arc::new(Diff::new(resolution)), Arc::new(NLRectify::new(resolution))])?;
/// let x = Tensor::from_vec(vec![1.0f64, 3.0, 0.0], &[1, 1, 3, 1, 1])?;
/// let y = call(&onsets, &x, &mut State::new(noise::next_model()), GradientMode::Off, None)?;
/// assert_eq!(y.first()?.to_f64(), [0.0, 2.0, 0.0]);
/// # Ok::<(), convis::Error>(())
/// ```
pub struct Sequential(Members);

impl Sequential {
    /// These layers.
    ///
    /// # Errors
    /// If they have different resolutions.
    pub fn new(layers: Vec<Arc<dyn Layer>>) -> Result<Self> {
        let named = layers.into_iter().enumerate().map(|(i, layer)| (format!("layer_{i}"), layer)).collect();
        Members::new(named, Mode::Sequential).map(Self)
    }

    /// Its layers with their names.
    pub fn layers(&self) -> &[(String, Arc<dyn Layer>)] {
        self.0.layers()
    }
}

impl Layer for Sequential {
    fn kind(&self) -> &'static str {
        "Sequential"
    }

    fn doc(&self) -> &'static str {
        "Layers one after the other: every layer gets the output of the one before."
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
