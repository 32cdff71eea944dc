//! The Python extension `convis._native`: conversions between Python objects and the library, nothing else.
//!
//! | file | holds |
//! |---|---|
//! | `compute.rs` | computing without the interpreter lock |
//! | `errors.rs` | the library's errors as Python exceptions |
//! | `arrays.rs` | numpy arrays to tensors and back, without copying where possible |
//! | `frames.rs` | movies in files |
//! | `description.rs`, `virtual_retina.rs` | configurations of retinas; retinas from them |
//! | `fit.rs`, `training.rs` | regressions on recordings; fits by gradients |
//! | `tensor.rs`, `parameter.rs`, `state.rs`, `layer.rs`, `optimizers.rs` | the Python classes |
//! | `models.rs`, `options.rs` | layers by name and options |
//! | `stimuli.rs` | stimuli and kernels by name and options |
//! | `analysis.rs` | from responses back to filters |
//! | `convolution.rs` | what only convolutions can do |

mod analysis;
mod arrays;
mod compute;
mod convolution;
mod description;
mod errors;
mod fit;
mod frames;
mod layer;
mod models;
mod optimizers;
mod options;
mod parameter;
mod state;
mod stimuli;
mod tensor;
mod training;
mod virtual_retina;

use pyo3::prelude::*;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// The compiled part of convis. Use the package `convis`; this module may change at any time.
#[pymodule]
mod _native {
    use std::collections::BTreeMap;

    use super::{Bound, PyModule, PyModuleMethods, PyResult, pyfunction};

    #[pymodule_export]
    use super::analysis::{generator_signal, nonlinearity, sta, stc};
    #[pymodule_export]
    use super::convolution::{
        convolution_mode, convolution_plan, convolution_set_mode, convolution_set_weight,
    };
    #[pymodule_export]
    use super::description::PyDescription;
    #[pymodule_export]
    use super::fit::{fit_glm, predict_glm, profile_glm, raised_cosines, simulate_glm};
    #[pymodule_export]
    use super::frames::{FrameReader, InrFile, PyGifWriter, PyInrWriter};
    #[pymodule_export]
    use super::layer::PyLayer;
    #[pymodule_export]
    use super::models::{build, combine};
    #[pymodule_export]
    use super::optimizers::PyOptimizer;
    #[pymodule_export]
    use super::parameter::PyParameter;
    #[pymodule_export]
    use super::state::PyState;
    #[pymodule_export]
    use super::stimuli::{PyExponentialKernel, PyStimulus, deriche, kernel, sample_data, stimulus};
    #[pymodule_export]
    use super::tensor::{PyTensor, cat, loss, pause_recording, recording, stack};
    #[pymodule_export]
    use super::virtual_retina::virtual_retina_cells;

    #[pymodule_export]
    use super::training::{PyCoordinates, PyRecording, PySnapshot, information, train};

    #[pymodule_init]
    fn init(module: &Bound<'_, PyModule>) -> PyResult<()> {
        super::compute::prepare();
        module.add("__version__", env!("CARGO_PKG_VERSION"))
    }

    /// Set the seed of the noise of models built from now on, and count them from zero again.
    #[pyfunction]
    fn seed(seed: u64) {
        convis::noise::seed(seed);
    }

    /// The existing name most similar to a name, if any is similar.
    #[pyfunction]
    #[allow(clippy::needless_pass_by_value)] // the binding hands over what it converted
    fn nearest(name: &str, existing: Vec<String>) -> Option<String> {
        convis::error::nearest(name, existing.iter().map(String::as_str))
    }

    /// Frames per chunk by default, for frames of so many numbers.
    #[pyfunction]
    fn default_chunk(numbers_per_frame: usize) -> usize {
        convis::run::default_chunk(numbers_per_frame)
    }

    /// The behaviours of Izhikevich neurons: name, (a, b, c, d, input).
    #[pyfunction]
    fn izhikevich_presets() -> Vec<(&'static str, [f64; 5])> {
        convis::spiking::PRESETS.map(|p| (p.name, [p.a, p.b, p.c, p.d, p.input])).to_vec()
    }

    /// What computes: number of threads, vector instructions.
    #[pyfunction]
    fn config() -> BTreeMap<&'static str, String> {
        BTreeMap::from([
            ("threads", convis::kernels::parallel::threads().to_string()),
            ("simd", convis::kernels::simd::level().name().to_string()),
        ])
    }
}
