//! Gradients through long movies in little memory.
//!
//! # Rule
//! What a gradient needs of a call grows with its frames: about a movie for every operation. [`call_checkpointed`] computes
//! the same output and keeps nothing but the state at the beginning of every piece of the movie. When the gradient is asked
//! for, it goes through the pieces from the last to the first: a piece is computed again from its state, now with its record,
//! and the gradient of the state before it is handed on to the piece before. State is explicit, so that this is the gradient
//! of the whole, to rounding.
//!
//! # Cost
//! The states of T/K pieces and the record of one piece of K frames: for K = √T, which [`frames_between`] gives, memory grows
//! as √T beside input and output. Time: every frame is computed twice, which long movies win back, as pieces stay in the
//! caches.
//!
//! Between call and gradient the parameters must stay what they were; that is checked. Histories that by definition look at the
//! whole first chunk (the mean, a mirror) see the first piece.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::layer::{GradientMode, Layer, Output, call, parameters};
use crate::optimizers::ParameterVector;
use crate::tensor::{Leaf, Node, Source, backward, cat};
use crate::{Error, Result, State, Tensor};

/// Axis of time.
const TIME: usize = 2;

/// How many frames lie between two states that are kept, for a movie of so many frames, to need the least memory: √T.
pub const fn frames_between(frames: usize) -> usize {
    let root = frames.isqrt();
    if root == 0 { 1 } else { root }
}

/// The states at the beginning of the pieces of a movie.
#[derive(Debug)]
pub(crate) struct Checkpoints {
    states: Vec<State>,
    /// Frames of a piece; the last may have fewer.
    frames: usize,
    /// Parameters that the output was computed with.
    point: Vec<f64>,
}

impl Checkpoints {
    /// Computes the output piece by piece, without a record, and advances the state.
    pub fn forward(
        layer: &dyn Layer,
        input: &Tensor,
        state: &mut State,
        frames: usize,
    ) -> Result<(Output, Self)> {
        if frames == 0 {
            return Err(Error::argument("checkpoint", "at least one frame between two states", 0));
        }
        let mut now = state.clone();
        now.detach();
        let total = input.signal()?.frames;
        let mut states = vec![];
        let mut movies: Vec<(String, Vec<Tensor>)> = vec![];
        for start in (0..total).step_by(frames) {
            let piece = input.frames(start, frames.min(total - start))?;
            states.push(now.clone());
            let output = call(layer, &piece, &mut now, GradientMode::Off, None)?.into_movies();
            for (k, (name, movie)) in output.into_iter().enumerate() {
                if movie.signal()?.frames != piece.signal()?.frames {
                    let expected = format!("as many frames as went in ({})", piece.signal()?.frames);
                    let found = format!("shape {:?}", movie.shape());
                    return Err(Error::argument("output with checkpoints", expected, found));
                }
                if k == movies.len() {
                    movies.push((name, vec![]));
                }
                movies[k].1.push(movie);
            }
        }
        let joined = |(name, pieces): (String, Vec<Tensor>)| {
            Ok((name, cat(&pieces.iter().collect::<Vec<_>>(), TIME)?))
        };
        let output = movies.into_iter().map(joined).collect::<Result<_>>()?;
        *state = now;
        let point = ParameterVector::of(layer).point();
        Ok((Output::named(output), Self { states, frames, point }))
    }

    /// Adds to the gradients of the layer's parameters, given those of its outputs; returns that of the input, if wanted.
    pub fn backward(
        &self,
        layer: &dyn Layer,
        input: &Tensor,
        gradients: &[Option<Tensor>],
        by_input: bool,
    ) -> Result<Option<Tensor>> {
        if ParameterVector::of(layer).point() != self.point {
            return Err(Error::Mismatch(
                "backward: a parameter has changed since the output was computed with checkpoints; call the model again"
                    .into(),
            ));
        }
        let total = input.signal()?.frames;
        let mut pieces = vec![];
        // Gradients of the state after the piece.
        let mut after: BTreeMap<String, Tensor> = BTreeMap::new();
        for (k, before) in self.states.iter().enumerate().rev() {
            let (start, count) = (k * self.frames, self.frames.min(total - k * self.frames));
            let (of_input, mut of_state) = (Leaf::default(), BTreeMap::new());
            let mut state = before.clone();
            // The state before the first piece is a constant.
            for (path, array) in before.arrays().iter().filter(|_| k > 0) {
                let leaf = Leaf::default();
                state.put(path.clone(), array.with_leaf(&leaf));
                of_state.insert(path.clone(), leaf);
            }
            let piece = input.frames(start, count)?.detach();
            let piece = if by_input { piece.with_leaf(&of_input) } else { piece };
            let output = call(layer, &piece, &mut state, GradientMode::Through, None)?;
            let mut results = vec![];
            for ((_, movie), gradient) in output.movies().iter().zip(gradients) {
                if let Some(gradient) = gradient
                    && movie.has_history()
                {
                    results.push((movie, gradient.frames(start, count)?));
                }
            }
            for (path, gradient) in after {
                if let Some(array) = state.arrays().get(&path)
                    && array.has_history()
                {
                    results.push((array, gradient));
                }
            }
            backward(&results)?;
            let gradient = |(path, leaf): (String, Leaf)| Some((path, leaf.gradient()?));
            after = of_state.into_iter().filter_map(gradient).collect();
            if by_input {
                pieces
                    .push(of_input.gradient().unwrap_or_else(|| Tensor::zeros(piece.dtype(), piece.shape())));
            }
        }
        pieces.reverse();
        if by_input { cat(&pieces.iter().collect::<Vec<_>>(), TIME).map(Some) } else { Ok(None) }
    }
}

/// Like [`call`] with [`GradientMode::Call`], in little memory: see the [rule](self#rule). `frames` lie between two states
/// that are kept.
///
/// ```
/// use std::sync::Arc;
/// use convis::checkpoint::{call_checkpointed, frames_between};
/// use convis::tensor::backward;
/// use convis::{Layer, NoiseId, Resolution, State, Tensor, filters::TemporalLowPassFilterRecursive, layer};
///
/// let filter: Arc<dyn Layer> = Arc::new(TemporalLowPassFilterRecursive::new(0.01, Resolution::default())?);
/// let movie = Tensor::from_vec((0..400).map(|i| f64::from(i % 7)).collect(), &[1, 1, 100, 2, 2])?;
/// let mut state = State::new(NoiseId { seed: 0, model: 0, trial: 0 });
/// let output = call_checkpointed(&filter, &movie, &mut state, frames_between(100))?;
/// let y = output.first()?;
/// backward(&[(y, Tensor::from_vec(vec![1.0; 400], y.shape())?)])?;
/// assert!(layer::parameter(&*filter, "tau")?.gradient().is_some());
/// # Ok::<(), convis::Error>(())
/// ```
///
/// # Errors
/// Those of [`call`]; if `frames` is 0; if an output has not a frame for every frame of the input. The state is what it was
/// before then.
pub fn call_checkpointed(
    layer: &Arc<dyn Layer>,
    input: &Tensor,
    state: &mut State,
    frames: usize,
) -> Result<Output> {
    let (output, checkpoints) = Checkpoints::forward(&**layer, input, state, frames)?;
    let source = input.source().cloned();
    let by_input = source.is_some();
    if !by_input && !parameters(&**layer).iter().any(|(_, parameter)| parameter.requires_grad()) {
        return Ok(output);
    }
    let movies = output.into_movies();
    // What is kept must not change under us: borrowed memory is copied.
    let (layer, input) = (layer.clone(), input.detach().owned());
    let node = Node::new(vec![source], movies.len(), move |gradients| {
        Ok(vec![checkpoints.backward(&*layer, &input, gradients, by_input)?])
    });
    let traced = |(output, (name, movie)): (usize, (String, Tensor))| {
        (name, movie.with_source(Some(Source::Node { node: node.clone(), output })))
    };
    Ok(Output::named(movies.into_iter().enumerate().map(traced).collect()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::retina::{Retina, RetinaOptions};
    use crate::{NoiseId, Resolution};

    const FRAMES: usize = 41;

    fn movie() -> Tensor {
        let numbers = (0..FRAMES * 42).map(|i| 0.5 + 0.4 * (f64::from(i as u32) * 0.37).sin()).collect();
        Tensor::from_vec(numbers, &[1, 1, FRAMES, 6, 7]).unwrap()
    }

    const fn start() -> State {
        State::new(NoiseId { seed: 0, model: 0, trial: 0 })
    }

    fn retina() -> Arc<dyn Layer> {
        let options = RetinaOptions { spikes: false, ..RetinaOptions::default() };
        let retina = Retina::new(options, Resolution::default()).unwrap();
        crate::layer::parameter(&retina, "bipolar.lambda_amp").unwrap().set(50.0).unwrap();
        Arc::new(retina)
    }

    /// Gradients of the parameters and of the input for a fixed gradient of both outputs, outputs, and the state.
    fn gradients(retina: &Arc<dyn Layer>, frames: Option<usize>) -> (Vec<f64>, Vec<f64>, Output, State) {
        let leaf = Leaf::default();
        let movie = movie().with_leaf(&leaf);
        // A state that has seen something.
        let mut state = start();
        call(&**retina, &movie.frames(0, 9).unwrap(), &mut state, GradientMode::Off, None).unwrap();
        let output = match frames {
            Some(frames) => call_checkpointed(retina, &movie, &mut state, frames).unwrap(),
            None => call(&**retina, &movie, &mut state, GradientMode::Call, None).unwrap(),
        };
        let parameters = ParameterVector::of(&**retina);
        parameters.zero_gradient();
        let results: Vec<_> = (output.movies().iter())
            .map(|(_, y)| {
                (y, Tensor::from_vec((0..y.len()).map(|i| (i as f64).cos()).collect(), y.shape()).unwrap())
            })
            .collect();
        backward(&results).unwrap();
        (parameters.gradient(), leaf.gradient().unwrap().to_f64(), output, state)
    }

    fn assert_close(got: &[f64], want: &[f64]) {
        let scale = want.iter().fold(0.0f64, |m, w| m.max(w.abs()));
        for (got, want) in got.iter().zip(want) {
            // The same terms in another order.
            assert!((got - want).abs() <= 1e-12 * scale.max(1e-300), "{got} {want}");
        }
    }

    #[test]
    fn the_gradient_is_that_of_the_whole_whatever_is_kept() {
        let retina = retina();
        let whole = gradients(&retina, None);
        assert!(whole.0.iter().filter(|g| **g != 0.0).count() > 15);
        for frames in [1, 2, frames_between(FRAMES), 40, 41, 1000] {
            let pieces = gradients(&retina, Some(frames));
            for (p, w) in pieces.0.iter().zip(&whole.0) {
                assert_close(&[*p], &[*w]);
            }
            assert_close(&pieces.1, &whole.1);
            // Outputs and the state after them: bit by bit.
            for ((_, a), (_, b)) in pieces.2.movies().iter().zip(whole.2.movies()) {
                assert_eq!(a.to_f64(), b.to_f64());
            }
            assert_eq!(pieces.3, whole.3);
        }
    }

    #[test]
    fn what_cannot_be_is_refused_and_changes_nothing() {
        let retina = retina();
        let mut state = start();
        assert!(
            call_checkpointed(&retina, &movie(), &mut state, 0)
                .unwrap_err()
                .to_string()
                .contains("checkpoint")
        );
        assert_eq!(state, start());
        let output = call_checkpointed(&retina, &movie(), &mut state, 7).unwrap();
        crate::layer::parameter(&*retina, "bipolar.lambda_amp").unwrap().set(51.0).unwrap();
        let y = output.first().unwrap();
        let message = backward(&[(y, y.detach())]).unwrap_err().to_string();
        assert!(message.contains("has changed"), "{message}");
    }
}
