//! `State`: what a layer remembers between two chunks.

use std::collections::BTreeMap;

use convis::{DType, NoiseId, State, Tensor};
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyTuple};

use crate::arrays;
use crate::tensor::PyTensor;

/// What a layer remembers between two chunks of frames; unchanging.
#[pyclass(frozen, eq, name = "State", module = "convis._native")]
#[derive(PartialEq)]
pub struct PyState(pub State);

/// Seed, number of the model since the seed was set, trial.
pub type Noise = (u64, u64, u64);

/// Noise as Python gives it.
pub const fn noise_id((seed, model, trial): Noise) -> NoiseId {
    NoiseId { seed, model, trial }
}

#[pymethods]
impl PyState {
    #[new]
    #[pyo3(signature = (arrays, noise, frames=0, sizes=None))]
    fn new(
        arrays: &Bound<'_, PyDict>,
        noise: Noise,
        frames: u64,
        sizes: Option<(usize, usize, usize, usize)>,
    ) -> PyResult<Self> {
        let mut all = BTreeMap::new();
        for (name, array) in arrays {
            all.insert(name.extract::<String>()?, arrays::owned(&array)?);
        }
        let sizes = sizes.map(|(batch, channel, height, width)| [batch, channel, height, width]);
        Ok(Self(State::from_parts(all, noise_id(noise), frames, sizes)))
    }

    /// The arrays by path.
    fn arrays(&self) -> BTreeMap<String, PyTensor> {
        self.0.arrays().iter().map(|(name, array)| (name.clone(), array.detach().into())).collect()
    }

    /// Which noise comes next: seed, number of the model since the seed was set, trial.
    #[getter]
    fn noise(&self) -> Noise {
        let noise = self.0.noise();
        (noise.seed, noise.model, noise.trial)
    }

    /// Frames since the state was cleared.
    #[getter]
    fn frames(&self) -> u64 {
        self.0.frames()
    }

    /// Batch, channel, height and width of the frames so far.
    #[getter]
    fn sizes(&self) -> Option<(usize, usize, usize, usize)> {
        self.0.sizes().map(|[batch, channel, height, width]| (batch, channel, height, width))
    }

    fn __reduce__<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, PyTuple>> {
        let this = slf.get();
        let arrays = PyDict::new(slf.py());
        for (name, tensor) in this.arrays() {
            let tensor = Bound::new(slf.py(), tensor)?;
            arrays.set_item(name, arrays::view(&tensor).call_method0("copy")?)?;
        }
        (slf.get_type(), (arrays, this.noise(), this.frames(), this.sizes())).into_pyobject(slf.py())
    }
}

/// The part of a state below a path, as the state of the layer there.
pub fn below(state: &State, path: &str) -> State {
    if path.is_empty() {
        return state.clone();
    }
    let prefix = format!("{path}.");
    let arrays: BTreeMap<String, Tensor> = (state.arrays().iter())
        .filter_map(|(name, array)| Some((name.strip_prefix(&prefix)?.to_string(), array.clone())))
        .collect();
    State::from_parts(arrays, state.noise(), state.frames(), state.sizes())
}

/// A state with the part below a path replaced.
pub fn replaced(state: &State, path: &str, part: &State) -> State {
    if path.is_empty() {
        return part.clone();
    }
    let prefix = format!("{path}.");
    let mut arrays: BTreeMap<String, Tensor> = (state.arrays().iter())
        .filter(|(name, _)| !name.starts_with(&prefix))
        .map(|(name, array)| (name.clone(), array.clone()))
        .collect();
    arrays.extend(part.arrays().iter().map(|(name, array)| (format!("{prefix}{name}"), array.clone())));
    let sizes = if arrays.is_empty() { None } else { part.sizes().or(state.sizes()) };
    State::from_parts(arrays, part.noise(), state.frames().max(part.frames()), sizes)
}

/// A state with its movies in another number type; counters stay as they are.
pub fn cast(state: &State, dtype: DType) -> State {
    let arrays = (state.arrays().iter())
        .map(|(name, array)| {
            let counter = array.shape().len() == 1;
            (name.clone(), if counter { array.clone() } else { array.cast(dtype) })
        })
        .collect();
    State::from_parts(arrays, state.noise(), state.frames(), state.sizes())
}
