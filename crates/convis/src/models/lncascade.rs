//! Any filters and any nonlinearities in turn.

use std::sync::Arc;

use super::{Dict, Mode};
use crate::filters::NLRectify;
use crate::layer::{Layer, Output, Part, Scope};
use crate::{Error, Resolution, Result, Tensor};

/// A stage of an [`LNCascade`].
#[derive(Clone, Default)]
pub struct Stage {
    /// The filter; without one the input goes straight to the nonlinearity.
    pub linear: Option<Arc<dyn Layer>>,
    /// The nonlinearity; without one it is a rectifier.
    pub nonlinear: Option<Arc<dyn Layer>>,
}

/// Any filters and any nonlinearities in turn.
///
/// # Equation
/// ```text
/// y₀ = x,   yᵢ = Nᵢ(Lᵢ(yᵢ₋₁))
/// ```
/// A missing L passes its input on; a missing N is a rectifier, [`NLRectify`].
///
/// # Shapes
/// Input as the first filter takes it, output as the last nonlinearity makes it. State: that of its layers.
///
/// # Parameters
/// Those of the layers, below `linearities.layer_0` … and `nonlinearities.layer_0` ….
///
/// # Source
/// The cascade of convis 0.6.4.
///
/// # Example
/// ```
/// use std::sync::Arc;
/// use convis::{GradientMode, Resolution, State, Tensor, call, noise};
/// use convis::{filters::{Diff, NLSquare}, models::{LNCascade, Stage}};
/// let resolution = Resolution::default();
/// let model = LNCascade::new(vec![
///     Stage { linear: Some(Arc::new(Diff::new(resolution))), nonlinear: None },
///     Stage { linear: None, nonlinear: Some(Arc::new(NLSquare::new(1.0, 0.0, resolution)?)) },
/// ])?;
/// let x = Tensor::from_vec(vec![1.0f64, 3.0, 0.0], &[1, 1, 3, 1, 1])?;
/// let y = call(&model, &x, &mut State::new(noise::next_model()), GradientMode::Off, None)?;
/// assert_eq!(y.first()?.to_f64(), [0.0, 4.0, 0.0]);
/// # Ok::<(), convis::Error>(())
/// ```
pub struct LNCascade {
    linearities: Arc<Dict>,
    nonlinearities: Arc<Dict>,
    stages: usize,
}

impl LNCascade {
    /// These stages.
    ///
    /// # Errors
    /// If there is none, or layers have different resolutions.
    pub fn new(stages: Vec<Stage>) -> Result<Self> {
        let given = stages.iter().find_map(|stage| stage.linear.as_ref().or(stage.nonlinear.as_ref()));
        let resolution = given.map_or_else(Resolution::default, |layer| layer.resolution());
        if stages.is_empty() {
            return Err(Error::argument("stages", "at least one stage", "none"));
        }
        let (mut linear, mut nonlinear, count) = (vec![], vec![], stages.len());
        for (i, stage) in stages.into_iter().enumerate() {
            let name = format!("layer_{i}");
            linear.extend(stage.linear.map(|layer| (name.clone(), layer)));
            nonlinear.push((name, stage.nonlinear.unwrap_or_else(|| Arc::new(NLRectify::new(resolution)))));
        }
        // One list of all layers would refuse equal names; together they must still have one resolution.
        for (_, layer) in linear.iter().chain(&nonlinear) {
            if layer.resolution() != resolution {
                let expected = format!("{resolution:?}, that of the first layer");
                let what = format!("resolution of {}", layer.kind());
                return Err(Error::argument(what, expected, format!("{:?}", layer.resolution())));
            }
        }
        Ok(Self {
            linearities: Arc::new(Dict::new(linear, Mode::Sequential)?),
            nonlinearities: Arc::new(Dict::new(nonlinear, Mode::Sequential)?),
            stages: count,
        })
    }
}

impl Layer for LNCascade {
    fn kind(&self) -> &'static str {
        "LNCascade"
    }

    fn doc(&self) -> &'static str {
        "Any filters and any nonlinearities in turn."
    }

    fn parts(&self) -> Vec<Part<'_>> {
        vec![
            Part::Child("linearities", self.linearities.clone()),
            Part::Child("nonlinearities", self.nonlinearities.clone()),
        ]
    }

    fn resolution(&self) -> Resolution {
        self.nonlinearities.resolution()
    }

    fn forward(&self, input: &Tensor, scope: &mut Scope<'_>) -> Result<Output> {
        let mut movie = input.clone();
        for i in 0..self.stages {
            let name = format!("layer_{i}");
            for (group, layers) in
                [("linearities", self.linearities.layers()), ("nonlinearities", self.nonlinearities.layers())]
            {
                if let Some((name, layer)) = layers.iter().find(|(other, _)| *other == name) {
                    let output = scope.within(group, |scope| scope.child(name, &**layer, &movie))?;
                    movie = output.first()?.clone();
                }
            }
        }
        Ok(movie.into())
    }
}
