//! What a model remembers from one chunk to the next.

use std::collections::BTreeMap;

use convis_kernels::random::Key;

use crate::layer::{Layer, stages};
use crate::{Error, Result, Tensor};

/// Identifies the noise of a model: the seed, the model's number since the seed was set, and the trial.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NoiseId {
    /// The seed in force when the model was built.
    pub seed: u64,
    /// How many models were built before it since then.
    pub model: u64,
    /// How often its state has been cleared.
    pub trial: u64,
}

/// The state of a model between two chunks: a few arrays by name, and which noise comes next.
///
/// A state that was saved and restored continues with the same bits, in another process as well.
#[derive(Clone, Debug)]
pub struct State {
    arrays: BTreeMap<String, Tensor>,
    noise: NoiseId,
    /// Frames since the state was cleared.
    frames: u64,
    /// Batch, channel, height and width of the frames so far.
    sizes: Option<[usize; 4]>,
    /// Whether the arrays came from elsewhere and no model has run on them yet.
    restored: bool,
}

impl State {
    /// The state before the first frame.
    pub const fn new(noise: NoiseId) -> Self {
        Self { arrays: BTreeMap::new(), noise, frames: 0, sizes: None, restored: false }
    }

    /// The state after so many frames of these sizes (batch, channel, height, width), put together from its parts.
    /// Whether the arrays fit a model shows when it is run.
    pub const fn from_parts(
        arrays: BTreeMap<String, Tensor>,
        noise: NoiseId,
        frames: u64,
        sizes: Option<[usize; 4]>,
    ) -> Self {
        Self { arrays, noise, frames, sizes, restored: true }
    }

    /// Forgets everything and begins the next trial: other noise of the same kind.
    pub fn clear(&mut self) {
        self.noise.trial += 1;
        *self = Self::new(self.noise);
    }

    /// The arrays by path, in order of their names.
    pub const fn arrays(&self) -> &BTreeMap<String, Tensor> {
        &self.arrays
    }

    /// Which noise it draws.
    pub const fn noise(&self) -> NoiseId {
        self.noise
    }

    /// Draws this noise from now on.
    pub const fn set_noise(&mut self, noise: NoiseId) {
        self.noise = noise;
    }

    /// Frames since the state was cleared.
    pub const fn frames(&self) -> u64 {
        self.frames
    }

    /// Batch, channel, height and width of the frames so far; `None` before the first.
    pub const fn sizes(&self) -> Option<[usize; 4]> {
        self.sizes
    }

    pub(crate) fn get(&self, path: &str) -> Option<&Tensor> {
        self.arrays.get(path)
    }

    pub(crate) fn put(&mut self, path: String, array: Tensor) {
        self.arrays.insert(path, array);
    }

    pub(crate) fn remove(&mut self, path: &str) {
        self.arrays.remove(path);
    }

    /// Checks, after a chunk, that the next one can go on from here.
    pub(crate) fn check(&mut self, layer: &dyn Layer) -> Result<()> {
        let arrays: Vec<&Tensor> = self.arrays.values().collect();
        if !Tensor::are_finite(&arrays)
            && let Some((name, _)) = self.arrays.iter().find(|(_, array)| !array.is_finite())
        {
            return Err(Error::Mismatch(format!(
                "state {name} is no longer a finite number: the input, or a parameter, is too large, or a state was \
                 restored that is not finite"
            )));
        }
        if std::mem::take(&mut self.restored) {
            let stages = stages(layer);
            for name in self.arrays.keys() {
                let owner = name.rsplit_once('.').map(|(owner, _)| owner);
                if owner.is_some_and(|owner| !stages.iter().any(|stage| stage == owner)) {
                    return Err(Error::unknown("state", name, stages.iter().map(String::as_str)));
                }
            }
        }
        Ok(())
    }

    pub(crate) fn key(&self, path: &str) -> Key {
        Key::new(self.noise.seed, self.noise.model, path, self.noise.trial)
    }

    /// Takes note of frames of these sizes.
    pub(crate) fn see(&mut self, sizes: [usize; 4]) -> Result<()> {
        match self.sizes {
            Some(known) if known != sizes => {
                Err(Error::SizeChanged { expected: text(known), found: text(sizes) })
            }
            _ => {
                self.sizes = Some(sizes);
                Ok(())
            }
        }
    }

    pub(crate) const fn advance(&mut self, frames: u64) {
        self.frames += frames;
    }

    /// The arrays without their history: gradients end here.
    pub fn detach(&mut self) {
        for array in self.arrays.values_mut() {
            *array = array.detach();
        }
    }
}

impl PartialEq for State {
    /// Same arrays bit by bit, same noise, same place in the movie.
    fn eq(&self, other: &Self) -> bool {
        self.arrays == other.arrays
            && self.noise == other.noise
            && self.frames == other.frames
            && self.sizes == other.sizes
    }
}

fn text([batch, channel, height, width]: [usize; 4]) -> String {
    format!("{batch} × {channel} × {height} × {width}")
}
