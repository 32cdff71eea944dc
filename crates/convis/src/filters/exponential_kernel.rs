//! An exponential kernel that can be fitted.

use crate::numerical_filters::{Rule, cascade_sample, published_sample};
use crate::parameter::{Parameter, Range, Spec};
use crate::tensor::{Node, Source};
use crate::{Error, Resolution, Result, Tensor};

/// An exponential kernel of fixed length, differentiable in its time constant and amplification.
///
/// It filters nothing itself: its kernel is the weight of a convolution.
///
/// # Equation
/// With τₛ = τ·(steps per second), A the amplification, n the order, L the length:
/// ```text
/// Published  kᵢ = A·wᵢ/Σw,  wᵢ = C(i+n, n)·eⁱ,  e = exp(−1/τₛ) (n = 0) or exp(−n/τₛ),  i = 0 … L−1
/// Convis     kᵢ = A/τₛ·exp(−(i + 0.4)/τₛ),  i = 0 … L−1                            n = 0
///            kₜ = A·(nt)ⁿ·exp(−nt/τₛ)/((n−1)!·τₛⁿ⁺¹),  t = 1 … nL                   n > 0
/// ```
///
/// # Shapes
/// Output (L) or, by rule `Convis` with n > 0, (nL): samples from the newest to the oldest. No input, no state.
///
/// # Parameters
/// | name | unit | default |
/// |---|---|---|
/// | `tau` > 0 | s | given at construction |
/// | `amplification` | – | given at construction |
/// | `n`, `length` | –, steps | given at construction, fixed |
///
/// # Source
/// Wohrer & Kornprobst 2009 (J. Comput. Neurosci. 26:219), `E_τ` and `E_{n,τ}`; convis 0.6.4 by its recorded numbers.
///
/// # Example
/// ```
/// use convis::{Resolution, Tensor, filters::ExponentialKernel, numerical_filters::Rule, tensor::backward};
/// let exponential = ExponentialKernel::new(0.01, 0, 1.0, 100, Rule::Published, Resolution::default())?;
/// let kernel = exponential.kernel(true)?;
/// assert!((kernel.to_f64().iter().sum::<f64>() - 1.0).abs() < 1e-12);
/// // The sum is the amplification whatever tau is.
/// backward(&[(&kernel, Tensor::from_vec(vec![1.0f64; 100], &[100])?)])?;
/// assert!(exponential.tau().gradient().unwrap().to_f64()[0].abs() < 1e-9);
/// # Ok::<(), convis::Error>(())
/// ```
#[derive(Debug)]
pub struct ExponentialKernel {
    tau: Parameter,
    amplification: Parameter,
    n: usize,
    length: usize,
    rule: Rule,
    resolution: Resolution,
}

impl ExponentialKernel {
    /// A kernel of `length` samples.
    ///
    /// # Errors
    /// If tau is not a positive number, the amplification not finite, or the length 0.
    pub fn new(
        tau_s: f64,
        n: usize,
        amplification: f64,
        length: usize,
        rule: Rule,
        resolution: Resolution,
    ) -> Result<Self> {
        if length == 0 {
            return Err(Error::argument("length", "at least one sample", 0));
        }
        let tau = Parameter::new(Spec {
            name: "tau",
            unit: "s",
            doc: "Time constant of the exponential.",
            default: 0.01,
            range: Range::Positive,
            differentiable: true,
        });
        tau.set(tau_s)?;
        let factor = Parameter::new(Spec {
            name: "amplification",
            unit: "",
            doc: "Sum of the kernel.",
            default: 1.0,
            range: Range::Any,
            differentiable: true,
        });
        factor.set(amplification)?;
        Ok(Self { tau, amplification: factor, n, length, rule, resolution })
    }

    /// Its time constant.
    pub const fn tau(&self) -> &Parameter {
        &self.tau
    }

    /// Its amplification.
    pub const fn amplification(&self) -> &Parameter {
        &self.amplification
    }

    /// The samples for A = 1, and their derivative with respect to τ in seconds.
    fn samples(&self) -> (Vec<f64>, Vec<f64>) {
        let tau = self.resolution.seconds_to_steps(self.tau.scalar());
        let n = self.n;
        // Samples, and the derivative of their logarithm with respect to τ in steps.
        let (mut samples, mut slopes): (Vec<f64>, Vec<f64>) = match self.rule {
            Rule::Published => {
                let step = n.max(1) as f64 / tau;
                (0..self.length).map(|i| (published_sample(i, n, tau), i as f64 * step / tau)).unzip()
            }
            Rule::Convis if n == 0 => (0..self.length)
                .map(|i| {
                    let x = (i as f64 + 0.4) / tau;
                    ((-x).exp() / tau, (x - 1.0) / tau)
                })
                .unzip(),
            Rule::Convis => (1..=n * self.length)
                .map(|t| (cascade_sample(t, n, tau), ((n * t) as f64 / tau - (n + 1) as f64) / tau))
                .unzip(),
        };
        if self.rule == Rule::Published {
            let sum: f64 = samples.iter().sum();
            for k in &mut samples {
                *k /= sum;
            }
            let mean: f64 = samples.iter().zip(&slopes).map(|(k, slope)| k * slope).sum();
            for slope in &mut slopes {
                *slope -= mean;
            }
        }
        let steps_per_second = self.resolution.steps_per_second();
        let by_tau = samples.iter().zip(&slopes).map(|(k, slope)| k * slope * steps_per_second).collect();
        (samples, by_tau)
    }

    /// The kernel, in double precision; recorded where `gradients` are wanted.
    ///
    /// # Errors
    /// If tau is so small that nothing is left of the kernel.
    pub fn kernel(&self, gradients: bool) -> Result<Tensor> {
        let (samples, by_tau) = self.samples();
        if samples.iter().any(|k| !k.is_finite()) {
            return Err(Error::argument("tau", "one that leaves a kernel", self.tau.scalar()));
        }
        let (tau, amplification) = (self.tau.traced(gradients), self.amplification.traced(gradients));
        let a = amplification.value();
        let kernel = Tensor::from_vec(samples.iter().map(|k| a * k).collect(), &[samples.len()])?;
        let sources = vec![tau.source, amplification.source];
        if sources.iter().all(Option::is_none) {
            return Ok(kernel);
        }
        let node = Node::new(sources, 1, move |gradients| {
            let by_kernel = gradients[0].as_ref().map_or(vec![], Tensor::to_f64);
            let product = |slope: &[f64]| by_kernel.iter().zip(slope).map(|(g, s)| g * s).sum::<f64>();
            let number = |x| Tensor::from_vec(vec![x], &[1]).map(Some);
            Ok(vec![number(a * product(&by_tau))?, number(product(&samples))?])
        });
        Ok(kernel.with_source(Some(Source::Node { node, output: 0 })))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tensor::backward;

    #[test]
    fn gradients_are_those_of_differences() {
        for rule in [Rule::Published, Rule::Convis] {
            for n in [0, 1, 3] {
                let kernel =
                    |tau, a| ExponentialKernel::new(tau, n, a, 30, rule, Resolution::default()).unwrap();
                let probe: Vec<f64> = (0..30 * n.max(1)).map(|i| (i as f64 * 0.7).sin()).collect();
                let loss = |tau, a| {
                    let values = kernel(tau, a).kernel(false).unwrap().to_f64();
                    values.iter().zip(&probe).map(|(k, p)| k * p).sum::<f64>()
                };
                let layer = kernel(0.012, 1.5);
                let y = layer.kernel(true).unwrap();
                backward(&[(&y, Tensor::from_vec(probe[..y.len()].to_vec(), y.shape()).unwrap())]).unwrap();
                let h = 1e-6;
                let want = (loss(0.012 + h, 1.5) - loss(0.012 - h, 1.5)) / (2.0 * h);
                let got = layer.tau().gradient().unwrap().to_f64()[0];
                assert!((got - want).abs() < 1e-6 * want.abs().max(1.0), "{rule:?} {n}: {got} {want}");
                let want = loss(0.012, 1.0);
                let got = layer.amplification().gradient().unwrap().to_f64()[0];
                assert!((got - want).abs() < 1e-12);
            }
        }
    }
}
