//! The linear filter that a model is at one point of its input.

use crate::layer::Layer;
use crate::tensor::{Leaf, backward};
use crate::{DType, Error, GradientMode, Result, State, Tensor, call};

/// The gradient of a weighted sum of a model's output, and that output.
#[derive(Clone, Debug)]
pub struct InputGradient {
    /// ∂(Σ weights·output)/∂input, of the shape of the input.
    pub gradient: Tensor,
    /// The output for this input.
    pub output: Tensor,
}

/// The gradient of a model's output with respect to its input.
///
/// # Equation
/// ```text
/// G(t, p) = ∂/∂x(t, p) Σ w·y(x)
/// ```
/// at the stimulus x, with the state before it held constant. `weights` choose what of the (first) output y is looked at:
/// one where a single number of it is meant. The state is left as it is.
///
/// # Errors
/// If the weights have not the shape of the output, or the model fails.
pub fn input_gradient(
    layer: &dyn Layer,
    input: &Tensor,
    state: &State,
    weights: impl FnOnce(&Tensor) -> Result<Tensor>,
) -> Result<InputGradient> {
    let dtype = if input.dtype() == DType::U8 { DType::F32 } else { input.dtype() };
    let leaf = Leaf::default();
    let input = input.cast(dtype).with_leaf(&leaf);
    let output = call(layer, &input, &mut state.clone(), GradientMode::Call, None)?;
    let output = output.first()?;
    let weights = weights(output)?;
    backward(&[(output, weights)])?;
    let gradient = leaf.gradient().unwrap_or_else(|| Tensor::zeros(dtype, input.shape()));
    Ok(InputGradient { gradient, output: output.detach() })
}

/// Looks at a model as a linear filter around stimuli: for a cell that adapts or has a threshold, another filter around
/// each.
///
/// # Equation
/// For output pixel q at frame t, around the stimulus x:
/// ```text
/// f(i, p) = ∂y(t, q)/∂x(t − (lags − 1 − i), p)
/// ```
/// a window that ends at t, as in [`sta`](super::sta): y(x + δ) ≈ y(x) + Σ f·δ for small δ.
///
/// # Example
/// ```
/// use convis::{NoiseId, Resolution, State, Tensor, analysis::LinearGradientExplorer};
/// use convis::filters::TemporalLowPassFilterRecursive;
/// let layer = TemporalLowPassFilterRecursive::new(0.01, Resolution::default())?;
/// let explorer = LinearGradientExplorer::new(&layer, State::new(NoiseId { seed: 0, model: 0, trial: 0 }));
/// let stimulus = Tensor::from_vec(vec![0.5f64; 40 * 6], &[1, 1, 40, 2, 3])?;
/// let filter = explorer.filter(&stimulus, 30, (1, 2), 5)?.to_f64();
/// // One pixel only, and each frame back weighs e^(−dt/τ) less.
/// assert_eq!(filter.iter().filter(|&&f| f != 0.0).count(), 5);
/// assert!((filter[3 * 6 + 5] / filter[4 * 6 + 5] - (-0.1f64).exp()).abs() < 1e-9);
/// # Ok::<(), convis::Error>(())
/// ```
pub struct LinearGradientExplorer<'a> {
    layer: &'a dyn Layer,
    state: State,
}

impl<'a> LinearGradientExplorer<'a> {
    /// Looks at a model that is in a state before each stimulus.
    pub fn new(layer: &'a dyn Layer, state: State) -> Self {
        Self { layer, state }
    }

    /// The filter `[lags, height, width]` behind the output at (row, column) of a frame, around a movie with one batch
    /// and one channel.
    ///
    /// # Errors
    /// If frame or pixel lie outside of the output, `lags` reach back before the movie, or the model fails.
    pub fn filter(
        &self,
        stimulus: &Tensor,
        frame: usize,
        (row, column): (usize, usize),
        lags: usize,
    ) -> Result<Tensor> {
        let [1, 1, _, height, width] = stimulus.shape()[..] else {
            let expected = "a movie with one batch and one channel";
            return Err(Error::argument("stimulus", expected, format!("shape {:?}", stimulus.shape())));
        };
        if lags == 0 || lags > frame + 1 {
            return Err(Error::argument(
                "lags",
                format!("1 to {}, the frames until frame {frame}", frame + 1),
                lags,
            ));
        }
        // What comes after the frame cannot matter.
        let upto = stimulus.frames(0, (frame + 1).min(stimulus.shape()[2]))?;
        let found = input_gradient(self.layer, &upto, &self.state, |output| {
            let [_, _, frames, rows, columns] = output.shape()[..] else {
                return Err(Error::Mismatch("the model's output is no movie".into()));
            };
            if frame >= frames || row >= rows || column >= columns {
                return Err(Error::argument(
                    "frame, (row, column)",
                    format!("a place within the output of {frames} frames of {rows} × {columns} pixels"),
                    format!("{frame}, ({row}, {column})"),
                ));
            }
            let mut weights = vec![0.0f64; output.len()];
            weights[(frame * rows + row) * columns + column] = 1.0;
            Ok(Tensor::from_vec(weights, output.shape())?.cast(output.dtype()))
        })?;
        found.gradient.frames(frame + 1 - lags, lags)?.reshape(&[lags, height, width])
    }

    /// The gradient of the whole (first) output, summed with weights of its shape, as a movie.
    ///
    /// # Errors
    /// Those of [`input_gradient`].
    pub fn gradient(&self, stimulus: &Tensor, weights: &Tensor) -> Result<InputGradient> {
        input_gradient(self.layer, stimulus, &self.state, |_| Ok(weights.clone()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::retina::{Retina, RetinaOptions};
    use crate::{NoiseId, Resolution};

    #[test]
    fn the_filter_predicts_small_changes_of_the_retina() {
        let options = RetinaOptions { spikes: false, ..RetinaOptions::default() };
        let retina = Retina::new(options, Resolution::default()).unwrap();
        let state = State::new(NoiseId { seed: 0, model: 0, trial: 0 });
        let (frames, pixels) = (30, 20);
        let x: Vec<f64> = (0..frames * pixels).map(|i| 0.5 + 0.4 * (i as f64 * 0.37).sin()).collect();
        let shape = [1, 1, frames, 4, 5];
        let stimulus = Tensor::from_vec(x.clone(), &shape).unwrap();
        let explorer = LinearGradientExplorer::new(&retina, state.clone());
        let filter = explorer.filter(&stimulus, 25, (2, 3), 26).unwrap().to_f64();
        assert!(filter.iter().any(|f| *f != 0.0));
        let output = |sign: f64| {
            let moved = x.iter().enumerate().map(|(i, x)| x + sign * 1e-5 * (i as f64 * 1.3).cos()).collect();
            let movie = Tensor::from_vec(moved, &shape).unwrap();
            let output = call(&retina, &movie, &mut state.clone(), GradientMode::Off, None).unwrap();
            output.first().unwrap().to_f64()[25 * pixels + 2 * 5 + 3]
        };
        let difference = (output(1.0) - output(-1.0)) / 2.0;
        let predicted: f64 = filter.iter().enumerate().map(|(i, f)| f * 1e-5 * (i as f64 * 1.3).cos()).sum();
        assert!((difference - predicted).abs() < 1e-6 * predicted.abs() + 1e-11, "{difference} {predicted}");
        assert!(explorer.filter(&stimulus, 25, (9, 3), 5).is_err());
        assert!(explorer.filter(&stimulus, 3, (0, 0), 5).is_err());
        assert!(explorer.filter(&stimulus, 30, (0, 0), 5).is_err());
    }
}
