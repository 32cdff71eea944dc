//! Spatial filters on ever slower versions of a movie.

use std::sync::Arc;

use convis_kernels::weighted_difference::WeightedDifference;

use super::{Conv3d, ConvOptions, SetWeight, TemporalLowPassFilterRecursive};
use crate::layer::{Layer, Output, Part, Scope, parameter};
use crate::noise::start_weights;
use crate::tensor::Scalar;
use crate::{Error, Resolution, Result, Tensor};

/// A sum of spatial filters, each on a slower version of the movie: a spatio-temporal filter with few parameters.
///
/// # Equation
/// ```text
/// y₀ = x,   yᵢ = E_τ * yᵢ₋₁,   out = Σᵢ gᵢ * yᵢ,   i = 1 … n
/// ```
/// The operations: [`convis_kernels::low_pass`], [`convis_kernels::conv3d`] with a single time weight and replicated
/// borders. In time the filter is a sum of gamma functions of order 1 … n.
///
/// # Shapes
/// Input and output `[batch, 1, time, height, width]`. State: the last output of every low-pass (`e_0.y` …), zero before
/// the first frame.
///
/// # Parameters
/// | name | unit | default |
/// |---|---|---|
/// | `e_0.tau`, `e_1.tau` … > 0: of every low-pass | s | 0.1 |
/// | `g_0.weight`, `g_1.weight` … (1, 1, 1, height, width): of every spatial filter | – | random, 10 × 10 |
///
/// The time constants are not fitted unless their gradient is asked for.
///
/// # Source
/// The smooth convolution of convis 0.6.4; cascades of exponentials as a basis of temporal filters: the gamma memory of
/// de Vries & Principe 1992 (Neural Networks 5:565).
///
/// # Example
/// ```
/// use convis::{GradientMode, Resolution, State, Tensor, call, layer, noise, filters::SmoothConv};
/// let smooth = SmoothConv::new(2, 0.01, [1, 1], Resolution::default())?;
/// for i in 0..2 {
///     layer::parameter(&smooth, &format!("g_{i}.weight"))?.set_value(vec![0.5], &[1, 1, 1, 1, 1])?;
/// }
/// let step = Tensor::from_vec(vec![1.0f64; 200], &[1, 1, 200, 1, 1])?;
/// let y = call(&smooth, &step, &mut State::new(noise::next_model()), GradientMode::Off, None)?;
/// assert!((y.first()?.to_f64()[199] - 1.0).abs() < 1e-6);
/// # Ok::<(), convis::Error>(())
/// ```
pub struct SmoothConv {
    low_passes: Vec<(String, Arc<TemporalLowPassFilterRecursive>)>,
    filters: Vec<(String, Arc<Conv3d>)>,
    resolution: Resolution,
}

impl SmoothConv {
    /// `n` spatial filters of this size (height, width), with random weights, behind low-passes of `tau_s`.
    ///
    /// # Errors
    /// If `n` or a size is zero, or tau is not a positive number.
    pub fn new(n: usize, tau_s: f64, spatial_filter: [usize; 2], resolution: Resolution) -> Result<Self> {
        if n == 0 {
            return Err(Error::argument("n", "at least one spatial filter", 0));
        }
        let [height, width] = spatial_filter;
        let options = ConvOptions { bias: false, ..ConvOptions::default() };
        let (mut low_passes, mut filters) = (vec![], vec![]);
        for i in 0..n {
            let low_pass = TemporalLowPassFilterRecursive::new(tau_s, resolution)?;
            parameter(&low_pass, "tau")?.set_requires_grad(false)?;
            low_passes.push((format!("e_{i}"), Arc::new(low_pass)));
            let filter = Conv3d::new(1, 1, [1, height, width], options, resolution)?;
            // Independent numbers whose squares sum to about 1/n: the output is about as large as the input.
            let size = height * width;
            let weights = start_weights(size, 1.0 / (n * size) as f64);
            filter.set_weight(weights, &[1, height, width], SetWeight::default())?;
            filters.push((format!("g_{i}"), Arc::new(filter)));
        }
        Ok(Self { low_passes, filters, resolution })
    }
}

impl Layer for SmoothConv {
    fn kind(&self) -> &'static str {
        "SmoothConv"
    }

    fn doc(&self) -> &'static str {
        "A sum of spatial filters, each on a slower version of the movie: a spatio-temporal filter with few parameters."
    }

    fn parts(&self) -> Vec<Part<'_>> {
        let low_passes = self.low_passes.iter().map(|(name, layer)| Part::Child(name, layer.clone()));
        let filters = self.filters.iter().map(|(name, layer)| Part::Child(name, layer.clone()));
        low_passes.chain(filters).collect()
    }

    fn resolution(&self) -> Resolution {
        self.resolution
    }

    fn forward(&self, input: &Tensor, scope: &mut Scope<'_>) -> Result<Output> {
        let plus = WeightedDifference { signal: input.signal()? };
        let (mut slow, mut sum) = (input.clone(), None);
        for ((low_pass, e), (filter, g)) in self.low_passes.iter().zip(&self.filters) {
            slow = scope.child(low_pass, &**e, &slow)?.first()?.clone();
            let filtered = scope.child(filter, &**g, &slow)?.first()?.clone();
            sum = Some(match sum {
                None => filtered,
                Some(sum) => scope.apply(&plus, &[Scalar::constant(-1.0)], &[&sum, &filtered], &[])?,
            });
        }
        sum.map(Output::from).ok_or_else(|| Error::Mismatch("SmoothConv has no filter".into()))
    }
}
