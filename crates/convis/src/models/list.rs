//! A model of numbered layers.

use std::sync::Arc;

use super::Mode;
use super::members::Members;
use crate::layer::{Layer, Output, Part, Scope};
use crate::{Resolution, Result, Tensor};

/// Layers by number, run one after the other or side by side.
///
/// # Equation
/// ```text
/// y = fₙ(… f₁(f₀(x)))                          sequential
/// y = combination of f₀(x), f₁(x) … fₙ(x)      parallel
/// ```
/// [`Combination`](super::Combination) names the combinations.
///
/// # Shapes
/// Input `[batch, channel, time, height, width]` as the first layer (all layers, side by side) takes it; output as the last
/// layer, or the combination, makes it. An empty list passes its input on. State: that of its layers.
///
/// # Parameters
/// Those of the layers below `layer_0`, `layer_1` …, and of a combining layer below `combination`.
///
/// # Errors
/// If the layers have different resolutions, a layer with several outputs (a retina) stands before another, or outputs do
/// not fit together.
///
/// # Source
/// The list of convis 0.6.4.
///
/// # Example
/// ```
/// use std::sync::Arc;
/// use convis::{GradientMode, Layer, Resolution, State, Tensor, call, noise};
/// use convis::{filters::NLRectifyScale, models::{Combination, List, Mode}};
/// let scaled = |scale| Ok::<Arc<dyn Layer>, convis::Error>(Arc::new(NLRectifyScale::new(scale, 0.0, Resolution::default())?));
/// let list = List::new(vec![scaled(2.0)?, scaled(-1.0)?], Mode::Parallel(Combination::Cat(1)))?;
/// let x = Tensor::from_vec(vec![1.0f64, -3.0], &[1, 1, 2, 1, 1])?;
/// let y = call(&list, &x, &mut State::new(noise::next_model()), GradientMode::Off, None)?;
/// assert_eq!((y.first()?.shape(), y.first()?.to_f64()), (&[1, 2, 2, 1, 1][..], vec![2.0, 0.0, 0.0, 3.0]));
/// # Ok::<(), convis::Error>(())
/// ```
pub struct List(Members);

impl List {
    /// These layers.
    ///
    /// # Errors
    /// If they have different resolutions.
    pub fn new(layers: Vec<Arc<dyn Layer>>, mode: Mode) -> Result<Self> {
        let named = layers.into_iter().enumerate().map(|(i, layer)| (format!("layer_{i}"), layer)).collect();
        Members::new(named, mode).map(Self)
    }

    /// One more layer at the end.
    ///
    /// # Errors
    /// If it has another resolution.
    pub fn push(&mut self, layer: Arc<dyn Layer>) -> Result<()> {
        self.0.push(format!("layer_{}", self.0.layers().len()), layer)
    }

    /// Its layers with their names.
    pub fn layers(&self) -> &[(String, Arc<dyn Layer>)] {
        self.0.layers()
    }

    /// How they are arranged.
    pub const fn mode(&self) -> &Mode {
        self.0.mode()
    }
}

impl Layer for List {
    fn kind(&self) -> &'static str {
        "List"
    }

    fn doc(&self) -> &'static str {
        "Layers by number, run one after the other or side by side."
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
