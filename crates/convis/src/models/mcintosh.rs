//! A convolutional network for ganglion cells.

use std::sync::Arc;

use super::Readout;
use super::members::Members;
use super::stage::StageOptions;
use crate::filters::{Conv3d, NLRectify};
use crate::layer::{Layer, Output, Part, Scope, parameter};
use crate::noise::start_weights;
use crate::{Resolution, Result, Tensor};

/// The sizes of a [`McIntosh`] network.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct McIntoshOptions {
    /// Size of the filters of the first layer: time, height, width.
    pub filter_size: [usize; 3],
    /// Size of the filters of the second layer: time, height, width.
    pub filter_2_size: [usize; 3],
    /// Filters of the first layer.
    pub layer1_channels: usize,
    /// Filters of the second layer.
    pub layer2_channels: usize,
    /// Cells that are read out.
    pub out_channels: usize,
    /// What stands for the frames before the first.
    pub mode: crate::filters::History,
    /// Whether gradients pass through the history, the frames made up before the first included.
    pub history_gradient: bool,
    /// How convolutions are computed.
    pub plan: crate::filters::PlanChoice,
}

impl Default for McIntoshOptions {
    fn default() -> Self {
        let StageOptions { mode, history_gradient, plan, .. } = StageOptions::default();
        Self {
            filter_size: [10, 5, 5],
            filter_2_size: [1, 1, 1],
            layer1_channels: 8,
            layer2_channels: 16,
            out_channels: 1,
            mode,
            history_gradient,
            plan,
        }
    }
}

/// A convolutional network for ganglion cells: two layers of rectified filters and a linear read-out.
///
/// # Equation
/// ```text
/// a = R(w₁ * x + b₁)      c = R(w₂ * a + b₂)      y(o,t) = Σ w(o, ·) c(·,t)      R(u) = u clipped to 0 … 10⁶
/// ```
/// The operations: [`convis_kernels::conv3d`], [`convis_kernels::static_nonlinearity`]; the read-out: [`Readout`].
///
/// # Shapes
/// Input `[batch, 1, time, height, width]`, output `[batch, 1, time, 1, out]`. State: the last frames before both layers
/// (`layer1.history`, `layer2.history`), one fewer than their kernels have.
///
/// # Parameters
/// | name | shape | default |
/// |---|---|---|
/// | `layer1.weight` | (8, 1, time, height, width) | random |
/// | `layer1.bias` | (8) | 0 |
/// | `layer2.weight` | (16, 8, time, height, width) | random |
/// | `layer2.bias` | (16) | 0 |
/// | `readout.weight` | (out, 16 · height · width) of the image | 1 |
///
/// Random weights are normal with variance 2/(numbers that a filter sums). A read-out that
/// nobody has set takes its size from the first frame.
///
/// # Source
/// McIntosh, Maheswaranathan, Nayebi, Ganguli & Baccus 2016, "Deep learning models of the retinal response to natural
/// scenes" (NIPS 29:1369); start weights: He, Zhang, Ren & Sun 2015 (ICCV, equation 10).
///
/// # Example
/// ```
/// use convis::{GradientMode, Resolution, State, Tensor, call, noise, models::{McIntosh, McIntoshOptions}};
/// let model = McIntosh::new(McIntoshOptions { out_channels: 3, ..Default::default() }, Resolution::default())?;
/// let movie = Tensor::from_vec(vec![0.5f32; 20 * 36], &[1, 1, 20, 6, 6])?;
/// let y = call(&model, &movie, &mut State::new(noise::next_model()), GradientMode::Off, None)?;
/// assert_eq!(y.first()?.shape(), [1, 1, 20, 1, 3]);
/// # Ok::<(), convis::Error>(())
/// ```
pub struct McIntosh(Members);

impl McIntosh {
    /// A network of these sizes.
    ///
    /// # Errors
    /// If a size is zero.
    pub fn new(options: McIntoshOptions, resolution: Resolution) -> Result<Self> {
        let McIntoshOptions { mode, history_gradient, plan, .. } = options;
        let stage = StageOptions { bias: true, mode, history_gradient, plan, ..StageOptions::default() }
            .convolution();
        let layer = |inputs: usize, outputs: usize, size: [usize; 3]| -> Result<Arc<dyn Layer>> {
            let conv = Conv3d::new(inputs, outputs, size, stage, resolution)?;
            let weight = parameter(&conv, "weight")?;
            let (numbers, shape) = weight.value();
            let summed = numbers.len() / outputs;
            weight.set_value(start_weights(numbers.len(), 2.0 / summed as f64), &shape)?;
            Ok(Arc::new(conv))
        };
        let (first, second) = (options.layer1_channels, options.layer2_channels);
        let rectifier = || Arc::new(NLRectify::new(resolution)) as Arc<dyn Layer>;
        let layers = vec![
            ("layer1", layer(1, first, options.filter_size)?),
            ("nonlinearity1", rectifier()),
            ("layer2", layer(first, second, options.filter_2_size)?),
            ("nonlinearity2", rectifier()),
            ("readout", Arc::new(Readout::new(options.out_channels, resolution)?)),
        ];
        Ok(Self(Members::in_a_row(layers, resolution)))
    }
}

impl Layer for McIntosh {
    fn kind(&self) -> &'static str {
        "McIntosh"
    }

    fn doc(&self) -> &'static str {
        "A convolutional network for ganglion cells: two layers of rectified filters and a linear read-out."
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::layer::{GradientMode, Recorder, call, layers, parameters};
    use crate::tensor::backward;
    use crate::{NoiseId, State};

    #[test]
    fn rectifiers_are_computed_within_the_layers_behind_them_with_the_same_bits() {
        let options =
            McIntoshOptions { filter_size: [3, 3, 3], out_channels: 2, ..McIntoshOptions::default() };
        let model = McIntosh::new(options, Resolution::default()).unwrap();
        let numbers = (0..11 * 63).map(|i| ((i * 37) % 101) as f32 / 101.0 - 0.5).collect();
        let movie = Tensor::from_vec(numbers, &[1, 1, 11, 9, 7]).unwrap();
        let state = || State::new(NoiseId { seed: 0, model: 0, trial: 0 });
        let bits = |x: &Tensor| x.to_f32().into_iter().map(f32::to_bits).collect::<Vec<_>>();
        let with_gradients = |y: &Tensor| {
            for (_, parameter) in parameters(&model) {
                parameter.set_gradient(None);
            }
            backward(&[(y, y.detach())]).unwrap();
            let mut all = vec![bits(y)];
            all.extend(parameters(&model).iter().map(|(_, p)| bits(&p.gradient().unwrap())));
            all
        };
        let stages: Vec<String> = layers(&model).into_iter().map(|(path, _)| path).collect();
        let run = |recorder| call(&model, &movie, &mut state(), GradientMode::Call, recorder).unwrap();
        let together = with_gradients(run(None).first().unwrap());
        let mut recorder = Recorder { stages: stages.clone(), ..Recorder::default() };
        assert_eq!(with_gradients(run(Some(&mut recorder)).first().unwrap()), together);
        // A layer by itself computes all of its output.
        let mut output = movie.clone();
        for (path, layer) in layers(&model) {
            let of_layer = call(&*layer, &output, &mut state(), GradientMode::Call, None).unwrap();
            output = of_layer.first().unwrap().clone();
            assert_eq!(bits(recorder.outputs[&path].first().unwrap()), bits(&output), "{path}");
        }
        assert_eq!(with_gradients(&output), together);
    }
}
