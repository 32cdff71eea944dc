//! The stimuli of the toolbox of 2018, by its own formulas.
//!
//! Programs written for it show the same movies here. Positions and speeds are in units of the picture and the frame, not
//! in degrees and seconds; the first spatial axis is called x there and is the height here. Where a formula surprises, the
//! text says so and names the stimulus in physical units to prefer.
//!
//! The bitmap that spells the toolbox's own name is left out.

mod convis_chirp;
mod gabor_kernel;
mod line;
mod masks;
mod moving_bar;
mod moving_grating;
mod pulse;
mod random_checker;
mod sample_data;
mod sparse_input;
mod stimulus_size;

pub use convis_chirp::ConvisChirp;
pub use gabor_kernel::GaborKernel;
pub use masks::{MaskCircle, mask_square};
pub use moving_bar::MovingBar;
pub use moving_grating::MovingGrating;
pub use pulse::Pulse;
pub use random_checker::RandomChecker;
pub use sample_data::{SampleData, SampleGenerator};
pub use sparse_input::SparseInput;
pub use stimulus_size::StimulusSize;
