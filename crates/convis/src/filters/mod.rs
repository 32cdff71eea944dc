//! Filters in space and time.

mod gaussian_blur;
mod temporal_high_pass;
mod temporal_low_pass;

pub use gaussian_blur::GaussianBlur;
pub(crate) use gaussian_blur::check_width;
pub use temporal_high_pass::TemporalHighPassFilterRecursive;
pub use temporal_low_pass::TemporalLowPassFilterRecursive;
