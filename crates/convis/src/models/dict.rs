//! A model of layers by name.

use std::sync::Arc;

use super::Mode;
use super::members::Members;
use crate::layer::{Layer, Output, Part, Scope};
use crate::{Resolution, Result, Tensor};

/// Layers by name, run one after the other, in the order in which they were given, or side by side.
///
/// # Equation
/// That of [`List`](super::List).
///
/// # Shapes
/// Those of [`List`](super::List).
///
/// # Parameters
/// Those of the layers below their names, and of a combining layer below `combination`.
///
/// # Errors
/// Those of [`List`](super::List); if a name is empty, taken, or has a dot or a space.
///
/// # Source
/// The dictionary of convis 0.6.4.
///
/// # Example
/// ```
/// use std::sync::Arc;
/// use convis::{Layer, Resolution, layer, models::{Dict, Mode}, filters::NLRectifyScale};
/// let rectify: Arc<dyn Layer> = Arc::new(NLRectifyScale::new(2.0, 0.0, Resolution::default())?);
/// let dict = Dict::new(vec![("threshold".to_string(), rectify)], Mode::Sequential)?;
/// assert_eq!(layer::parameter(&dict, "threshold.scale")?.scalar(), 2.0);
/// # Ok::<(), convis::Error>(())
/// ```
pub struct Dict(Members);

impl Dict {
    /// These layers.
    ///
    /// # Errors
    /// If a name is empty, taken, or has a dot or a space, or layers have different resolutions.
    pub fn new(layers: Vec<(String, Arc<dyn Layer>)>, mode: Mode) -> Result<Self> {
        Members::new(layers, mode).map(Self)
    }

    /// One more layer at the end.
    ///
    /// # Errors
    /// As [`Dict::new`].
    pub fn insert(&mut self, name: &str, layer: Arc<dyn Layer>) -> Result<()> {
        self.0.push(name.to_string(), layer)
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

impl Layer for Dict {
    fn kind(&self) -> &'static str {
        "Dict"
    }

    fn doc(&self) -> &'static str {
        "Layers by name, run one after the other or side by side."
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
