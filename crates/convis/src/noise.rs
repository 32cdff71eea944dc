//! The seed of all noise in this process.
//!
//! Every model gets the seed in force when it is built and its number since the seed was set. Two programs that set
//! the same seed and build the same models in the same order see the same noise.

use std::sync::{Mutex, PoisonError};

use convis_kernels::random::normal::normal;
use convis_kernels::random::{Key, Use};

use crate::state::NoiseId;

/// Seed in force until [`seed`] is called.
pub const DEFAULT_SEED: u64 = 0;

static NEXT: Mutex<NoiseId> = Mutex::new(NoiseId { seed: DEFAULT_SEED, model: 0, trial: 0 });

/// Sets the seed for models built from now on, and counts them from zero again.
///
/// ```
/// convis::noise::seed(7);
/// let first = convis::noise::next_model();
/// convis::noise::seed(7);
/// assert_eq!(convis::noise::next_model(), first);
/// assert_ne!(convis::noise::next_model(), first);
/// ```
pub fn seed(seed: u64) {
    *NEXT.lock().unwrap_or_else(PoisonError::into_inner) = NoiseId { seed, model: 0, trial: 0 };
}

/// The noise of the next model.
pub fn next_model() -> NoiseId {
    let mut next = NEXT.lock().unwrap_or_else(PoisonError::into_inner);
    let id = *next;
    next.model += 1;
    id
}

/// Weights to start a fit from: independent normal numbers of this variance, other ones at every call.
pub(crate) fn start_weights(count: usize, variance: f64) -> Vec<f64> {
    let NoiseId { seed, model, trial } = next_model();
    let key = Key::new(seed, model, "start_weights", trial);
    let deviate = variance.sqrt();
    (0..count).map(|i| deviate * f64::from(normal(key, 0, i, Use::Start as u32, 0))).collect()
}
