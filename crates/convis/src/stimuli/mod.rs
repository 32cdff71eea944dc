//! Movies to show to a model.

mod fixational_eye_movements;

pub use fixational_eye_movements::{EyeMovements, Gaze, view};
