//! The Python extension `convis._native`: conversions between Python objects and the library, nothing else.
//!
//! | file | holds |
//! |---|---|
//! | `compute.rs` | computing without the interpreter lock |
//! | `errors.rs` | the library's errors as Python exceptions |
//! | `arrays.rs` | numpy arrays to tensors and back, without copying where possible |
//! | `frames.rs` | movies in files |
//! | `tensor.rs`, `parameter.rs`, `state.rs`, `layer.rs` | the Python classes |
//! | `models.rs` | functions that build layers |
//! | `convolution.rs` | convolutions: building them, kernels, plans |

mod arrays;
mod compute;
mod convolution;
mod errors;
mod frames;
mod layer;
mod models;
mod parameter;
mod state;
mod tensor;

use pyo3::prelude::*;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// The compiled part of convis. Use the package `convis`; this module may change at any time.
#[pymodule]
mod _native {
    use std::collections::BTreeMap;

    use super::{Bound, PyModule, PyModuleMethods, PyResult, pyfunction};

    #[pymodule_export]
    use super::convolution::{
        conv1d, conv2d, conv3d, convolution_mode, convolution_plan, convolution_set_mode,
        convolution_set_weight,
    };
    #[pymodule_export]
    use super::frames::{FrameReader, PyGifWriter};
    #[pymodule_export]
    use super::layer::PyLayer;
    #[pymodule_export]
    use super::models::{
        bipolar, ganglion_input, ganglion_spiking, gaussian_blur, half_recursive_opl_filter, opl, retina,
        temporal_high_pass, temporal_low_pass,
    };
    #[pymodule_export]
    use super::parameter::PyParameter;
    #[pymodule_export]
    use super::state::PyState;
    #[pymodule_export]
    use super::tensor::PyTensor;

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

    /// What computes: number of threads, vector instructions.
    #[pyfunction]
    fn config() -> BTreeMap<&'static str, String> {
        BTreeMap::from([
            ("threads", convis::kernels::parallel::threads().to_string()),
            ("simd", convis::kernels::simd::level().name().to_string()),
        ])
    }
}
