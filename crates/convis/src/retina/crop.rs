//! The part of the image that spiking cells see.

use std::sync::Arc;

use convis_kernels::moving_window::MovingWindow;

use super::ganglion_array::ArrayRule;
use crate::layer::{Layer, Output, Part, Scope};
use crate::{Resolution, Result, Tensor};

/// Rows and columns of the maps that are computed: what the largest array needs, at most the image.
pub(super) fn map_size(rules: &[ArrayRule], image: (usize, usize)) -> (usize, usize) {
    let sizes = rules.iter().map(|rule| rule.map_size(image));
    sizes.reduce(|a, b| (a.0.max(b.0), a.1.max(b.1))).unwrap_or(image)
}

/// The middle of every frame: what arrays of cells cover, and a border as wide as their receptive fields reach.
///
/// # Equation
/// The border, both sides together, is `⌊7·(pixels per degree)·√(Σσ²)⌋` pixels, σ the widths of centre, surround, gain
/// control and the widest pooling; an array of automatic size covers what is left, at least one pixel.
///
/// # Shapes
/// Input `[batch, channel, time, height, width]`; output with the height and width of the maps. No state.
pub(super) struct Crop {
    rules: Vec<ArrayRule>,
    resolution: Resolution,
}

impl Crop {
    pub const fn new(rules: Vec<ArrayRule>, resolution: Resolution) -> Self {
        Self { rules, resolution }
    }
}

impl Layer for Crop {
    fn kind(&self) -> &'static str {
        "Crop"
    }

    fn doc(&self) -> &'static str {
        "The middle of every frame: what arrays of cells cover, and a border as wide as their receptive fields reach."
    }

    fn parts(&self) -> Vec<Part<'_>> {
        vec![]
    }

    fn resolution(&self) -> Resolution {
        self.resolution
    }

    fn forward(&self, input: &Tensor, scope: &mut Scope<'_>) -> Result<Output> {
        let signal = input.signal()?;
        let (height, width) = map_size(&self.rules, (signal.height, signal.width));
        if (height, width) == (signal.height, signal.width) {
            return Ok(input.clone().into());
        }
        let first = |image: usize, map: usize| ((image - map) / 2) as f64;
        let places = Arc::new(vec![[first(signal.height, height), first(signal.width, width)]]);
        Ok(scope.apply(&MovingWindow { signal, height, width, places }, &[], &[input], &[])?.into())
    }
}
