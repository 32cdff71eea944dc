//! What rectifying and squaring layers have in common.

use convis_kernels::static_nonlinearity::StaticNonlinearity;

use crate::layer::{Output, Part, Scope};
use crate::parameter::{Parameter, Range, Spec};
use crate::{Resolution, Result, Tensor};

const SCALE: Spec = Spec {
    name: "scale",
    unit: "",
    doc: "Factor of the input.",
    default: 1.0,
    range: Range::Any,
    differentiable: true,
};

const BIAS: Spec = Spec {
    name: "bias",
    unit: "",
    doc: "Added to the scaled input, before it is rectified or squared.",
    default: 0.0,
    range: Range::Any,
    differentiable: true,
};

/// A scale and a bias.
#[derive(Debug)]
pub(super) struct Scaled {
    scale: Parameter,
    bias: Parameter,
    pub resolution: Resolution,
}

impl Scaled {
    pub fn new(scale: f64, bias: f64, resolution: Resolution) -> Result<Self> {
        let scaled = Self { scale: Parameter::new(SCALE), bias: Parameter::new(BIAS), resolution };
        scaled.scale.set(scale)?;
        scaled.bias.set(bias)?;
        Ok(scaled)
    }

    pub fn parts(&self) -> Vec<Part<'_>> {
        vec![Part::Parameter(&self.scale), Part::Parameter(&self.bias)]
    }

    /// Scales and shifts, then rectifies and squares where asked for: `[rectifies, squares]`.
    pub fn forward(
        &self,
        [rectifies, squares]: [bool; 2],
        input: &Tensor,
        scope: &mut Scope<'_>,
    ) -> Result<Output> {
        let operation = StaticNonlinearity { signal: input.signal()?, rectifies, squares };
        let parameters = [scope.scalar(&self.scale), scope.scalar(&self.bias)];
        Ok(scope.apply(&operation, &parameters, &[input], &[])?.into())
    }
}
