//! The toolbox's Gabor patch.

use std::f64::consts::TAU;

use super::super::argument::{at_least_one, finite, positive};
use super::line::linspace;
use crate::{Result, Tensor};

/// A sine under a Gaussian.
///
/// # Equation
/// u along columns and v along rows, both from −size/(2·resolution) to size/(2·resolution):
/// ```text
/// G(v, u) = exp(−(σ_x·u/2)² − (σ_y·v/2)²)·sin((sin φ·u + cos φ·v)·f/2π + phase)
/// ```
/// The larger `sigma_x`, the narrower the patch.
///
/// # Example
/// ```
/// use convis::stimuli::toolbox::GaborKernel;
/// let kernel = GaborKernel::default().picture()?;
/// assert_eq!(kernel.shape(), [16, 16]);
/// // Odd around the middle where the phase is 0.
/// assert_eq!(kernel.to_f32()[0], -kernel.to_f32()[255]);
/// # Ok::<(), convis::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct GaborKernel {
    /// Orientation φ, radians.
    pub phi: f64,
    /// Pixels along each side.
    pub size: usize,
    /// Pixels per unit.
    pub resolution: f64,
    /// Frequency, in (2π)² cycles per unit.
    pub f: f64,
    /// Phase, radians.
    pub phase: f64,
    /// Sharpness along columns.
    pub sigma_x: f64,
    /// Sharpness along rows.
    pub sigma_y: f64,
}

impl Default for GaborKernel {
    fn default() -> Self {
        Self { phi: 2.0, size: 16, resolution: 2.0, f: 10.0, phase: 0.0, sigma_x: 1.0, sigma_y: 1.0 }
    }
}

impl GaborKernel {
    /// The kernel `[size, size]`.
    ///
    /// # Errors
    /// If the size is 0 or a number is not finite.
    pub fn picture(&self) -> Result<Tensor> {
        at_least_one("size", self.size)?;
        positive("resolution", self.resolution)?;
        for (name, value) in [
            ("phi", self.phi),
            ("f", self.f),
            ("phase", self.phase),
            ("sigma_x", self.sigma_x),
            ("sigma_y", self.sigma_y),
        ] {
            finite(name, value)?;
        }
        let half = self.size as f64 / 2.0 / self.resolution;
        let numbers = (0..self.size * self.size)
            .map(|i| {
                let v = linspace(-half, half, self.size, i / self.size);
                let u = linspace(-half, half, self.size, i % self.size);
                let envelope = (-(self.sigma_x * u / 2.0).powi(2) - (self.sigma_y * v / 2.0).powi(2)).exp();
                let along = self.phi.sin() * u + self.phi.cos() * v;
                (envelope * (along * self.f / TAU + self.phase).sin()) as f32
            })
            .collect();
        Tensor::from_vec(numbers, &[self.size, self.size])
    }
}
