//! Models from nested lists, whose levels alternate between sequential and parallel.

use std::sync::Arc;

use super::{Combination, List, Mode};
use crate::Result;
use crate::layer::Layer;

/// A layer, or a list of such.
pub enum Nested {
    /// A layer.
    Layer(Arc<dyn Layer>),
    /// The next level.
    List(Vec<Nested>),
}

/// A model from a nested list: the outermost level one after the other, the next one side by side, and so on in turn.
///
/// `[A, [B, C]]` is A, then B and C side by side on its output. Outputs side by side are joined along the batch axis.
///
/// ```
/// use std::sync::Arc;
/// use convis::{Resolution, filters::NLSquare, layer, models::{Nested, make_sequential_parallel_model}};
/// let square = || Ok::<_, convis::Error>(Nested::Layer(Arc::new(NLSquare::new(1.0, 0.0, Resolution::default())?)));
/// let model = make_sequential_parallel_model(vec![square()?, Nested::List(vec![square()?, square()?])])?;
/// assert!(layer::parameter(&model, "layer_1.layer_0.scale").is_ok());
/// # Ok::<(), convis::Error>(())
/// ```
///
/// # Errors
/// If layers have different resolutions.
pub fn make_sequential_parallel_model(layers: Vec<Nested>) -> Result<List> {
    model(layers, true)
}

/// A model from a nested list: the outermost level side by side, the next one one after the other, and so on in turn.
///
/// `[A, [B, C]]` is A beside C after B. Outputs side by side are joined along the batch axis.
///
/// ```
/// use std::sync::Arc;
/// use convis::{GradientMode, Resolution, State, Tensor, call, noise};
/// use convis::{filters::NLSquare, models::{Nested, make_parallel_sequential_model}};
/// let square = || Ok::<_, convis::Error>(Nested::Layer(Arc::new(NLSquare::new(1.0, 0.0, Resolution::default())?)));
/// let model = make_parallel_sequential_model(vec![square()?, Nested::List(vec![square()?, square()?])])?;
/// let x = Tensor::from_vec(vec![2.0f64], &[1, 1, 1, 1, 1])?;
/// let y = call(&model, &x, &mut State::new(noise::next_model()), GradientMode::Off, None)?;
/// assert_eq!(y.first()?.to_f64(), [4.0, 16.0]);
/// # Ok::<(), convis::Error>(())
/// ```
///
/// # Errors
/// If layers have different resolutions.
pub fn make_parallel_sequential_model(layers: Vec<Nested>) -> Result<List> {
    model(layers, false)
}

fn model(layers: Vec<Nested>, sequential: bool) -> Result<List> {
    let layers = layers
        .into_iter()
        .map(|layer| match layer {
            Nested::Layer(layer) => Ok(layer),
            Nested::List(layers) => Ok(Arc::new(model(layers, !sequential)?) as Arc<dyn Layer>),
        })
        .collect::<Result<_>>()?;
    List::new(layers, if sequential { Mode::Sequential } else { Mode::Parallel(Combination::Cat(0)) })
}
