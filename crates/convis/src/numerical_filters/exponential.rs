//! Exponential kernels in time.

use super::{EPSILON, Rule, fraction, positive};
use crate::{Error, Resolution, Result};

/// The longest kernel, samples: some minutes at 20 kHz.
const LONGEST: usize = 10_000_000;

/// How a temporal kernel is made.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Temporal {
    /// Order n of the cascade: 0 is a single exponential, n > 0 the cascade E_{n,τ}.
    pub order: usize,
    /// Sum of the kernel (rule `Published`) or integral of the continuous one (rule `Convis`).
    pub amplification: f64,
    /// Which formulas.
    pub rule: Rule,
    /// Part of the kernel that may be left out (rule `Published`), or height below which it is (rule `Convis`).
    pub epsilon: f64,
    /// Fewest samples (rule `Convis`, n = 0).
    pub min_steps: usize,
    /// Most samples (rule `Convis`; of each of the n parts of a cascade).
    pub max_length: usize,
    /// Whether the number of samples is even or odd; one is appended if need be.
    pub even: Option<bool>,
    /// Whether the factor A/τ is applied (rule `Convis`, n = 0).
    pub normalize: bool,
}

impl Default for Temporal {
    fn default() -> Self {
        Self {
            order: 0,
            amplification: 1.0,
            rule: Rule::Published,
            epsilon: EPSILON,
            min_steps: 10,
            max_length: 1000,
            even: None,
            normalize: true,
        }
    }
}

/// The kernel of an exponential low-pass filter of time constant `tau_s`, or of a cascade.
///
/// # Equation
/// With τₛ = τ·(steps per second), A the amplification and n the order:
/// ```text
/// Published  kᵢ ∝ C(i+n, n)·eⁱ,  e = exp(−1/τₛ) (n = 0) or exp(−n/τₛ);  i = 0, 1 … until ε of the sum is left;
///            then divided by its sum and multiplied by A
/// Convis     kᵢ = A/τₛ·exp(−(i + 0.4)/τₛ)                               n = 0
///            kₜ = A·(nt)ⁿ·exp(−nt/τₛ)/((n−1)!·τₛⁿ⁺¹),  t = 1, 2 …        n > 0
/// ```
/// Published kernels are the responses of [`TemporalLowPassFilterRecursive`](crate::filters::TemporalLowPassFilterRecursive)
/// to one frame, cut.
///
/// # Errors
/// If tau or epsilon make no sense.
///
/// # Source
/// Wohrer & Kornprobst 2009 (J. Comput. Neurosci. 26:219), `E_τ` and `E_{n,τ}`; convis 0.6.4 by its recorded numbers.
///
/// # Example
/// ```
/// use convis::{Resolution, numerical_filters::{Temporal, exponential}};
/// let kernel = exponential(0.01, &Temporal::default(), Resolution::default())?;
/// assert_eq!(kernel.len(), 70); // exp(−70/10) < 10⁻³
/// assert!((kernel.iter().sum::<f64>() - 1.0).abs() < 1e-12);
/// # Ok::<(), convis::Error>(())
/// ```
pub fn exponential(tau_s: f64, options: &Temporal, resolution: Resolution) -> Result<Vec<f64>> {
    positive("tau", tau_s)?;
    fraction("epsilon", options.epsilon)?;
    if !options.amplification.is_finite() {
        return Err(Error::argument("amplification", "a finite number", options.amplification));
    }
    let tau = resolution.seconds_to_steps(tau_s);
    match options.rule {
        Rule::Published => published(tau, options),
        Rule::Convis => Ok(recorded(tau, options)),
    }
}

fn fitted(length: usize, even: Option<bool>) -> usize {
    length + usize::from(even.is_some_and(|even| length.is_multiple_of(2) != even))
}

fn published(tau: f64, options: &Temporal) -> Result<Vec<f64>> {
    let n = options.order;
    // The whole sum is (1−e)^−(n+1).
    let keep = (-(n.max(1) as f64) / tau).exp();
    let scale = (1.0 - keep).powi(n as i32 + 1);
    let (mut weight, mut sum, mut length) = (scale, 0.0, 0);
    while sum + weight < 1.0 - options.epsilon {
        sum += weight;
        length += 1;
        weight *= keep * (length + n) as f64 / length as f64;
        if length > LONGEST {
            let expected = format!("one that a kernel of {LONGEST} samples can hold");
            return Err(Error::argument("tau", expected, format!("{tau} steps")));
        }
    }
    let samples: Vec<f64> =
        (0..fitted(length + 1, options.even)).map(|i| published_sample(i, n, tau)).collect();
    let sum: f64 = samples.iter().sum();
    Ok(samples.iter().map(|k| options.amplification * k / sum).collect())
}

/// `C(i+n, n)·eⁱ·(1−e)ⁿ⁺¹`: sample i of a cascade of order n, of τ steps.
pub(crate) fn published_sample(i: usize, n: usize, tau: f64) -> f64 {
    let step = n.max(1) as f64 / tau;
    let choose: f64 = (1..=n).map(|j| (i + j) as f64 / j as f64).product();
    choose * (-(i as f64) * step).exp() * (-(-step).exp_m1()).powi(n as i32 + 1)
}

fn recorded(tau: f64, options: &Temporal) -> Vec<f64> {
    let (amplification, n) = (options.amplification, options.order);
    if n == 0 {
        let a = amplification / tau;
        let length = (-tau * (options.epsilon / a).ln()).trunc() + 1.0;
        let length = length.max(options.min_steps as f64).min(options.max_length as f64);
        if length.is_nan() || length <= 1.0 {
            return vec![1.0];
        }
        let factor = if options.normalize { a } else { 1.0 };
        let length = fitted(length as usize, options.even);
        return (0..length).map(|i| factor * (-(i as f64 + 0.4) / tau).exp()).collect();
    }
    let length = (-tau * (options.epsilon / amplification).ln()).trunc() - n as f64;
    let length = length.min(options.max_length as f64);
    if length.is_nan() || length <= 1.0 {
        return vec![1.0];
    }
    let length = n * fitted(length as usize, options.even);
    (1..=length).map(|t| amplification * cascade_sample(t, n, tau)).collect()
}

/// `(nt)ⁿ·e^{−nt/τ}/((n−1)!·τⁿ⁺¹)`: the continuous cascade of order n > 0 at t steps.
pub(crate) fn cascade_sample(t: usize, n: usize, tau: f64) -> f64 {
    let u = (n * t) as f64 / tau;
    // n factors u and n−1 factors of the factorial, multiplied in turn so that neither overflows.
    let power: f64 = (1..n).map(|j| u / j as f64).product::<f64>() * u;
    power * (-u).exp() / tau
}

/// The kernel of a transient filter: the signal minus `weight` times an exponential low-pass of it.
///
/// # Equation
/// ```text
/// Published  k₀ = 1 − w·E₀, kᵢ = −w·Eᵢ          E the kernel of `exponential`, of sum 1
/// Convis     k₀ = 1, kᵢ₊₁ = −Eᵢ                 E the kernel of `exponential`, of amplification w: one step later
/// ```
/// The amplification and the order of the options are not used.
///
/// # Errors
/// If tau, epsilon or the weight make no sense.
///
/// # Source
/// Wohrer & Kornprobst 2009 (J. Comput. Neurosci. 26:219), `T_{w,τ}`; convis 0.6.4 by its recorded numbers.
///
/// # Example
/// ```
/// use convis::{Resolution, numerical_filters::{Temporal, high_pass}};
/// let kernel = high_pass(0.02, 0.7, &Temporal::default(), Resolution::default())?;
/// assert!((kernel.iter().sum::<f64>() - 0.3).abs() < 1e-12);
/// # Ok::<(), convis::Error>(())
/// ```
pub fn high_pass(tau_s: f64, weight: f64, options: &Temporal, resolution: Resolution) -> Result<Vec<f64>> {
    if !weight.is_finite() {
        return Err(Error::argument("relative_weight", "a finite number", weight));
    }
    let options = Temporal { order: 0, ..*options };
    match options.rule {
        Rule::Published => {
            let low = exponential(tau_s, &Temporal { amplification: weight, ..options }, resolution)?;
            let mut kernel: Vec<f64> = low.iter().map(|k| -k).collect();
            kernel[0] += 1.0;
            Ok(kernel)
        }
        Rule::Convis => {
            let low = exponential(tau_s, &Temporal { amplification: weight, ..options }, resolution)?;
            Ok(std::iter::once(1.0).chain(low.iter().map(|k| -k)).collect())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_published_kernel_is_the_response_of_the_recursive_filter() {
        use crate::filters::TemporalLowPassFilterRecursive;
        use crate::{GradientMode, State, Tensor, call, noise};

        for order in [0, 1, 3] {
            let options = Temporal { order, epsilon: 1e-9, ..Temporal::default() };
            let kernel = exponential(0.013, &options, Resolution::default()).unwrap();
            let mut impulse = vec![0.0; kernel.len()];
            impulse[0] = 1.0;
            let impulse = Tensor::from_vec(impulse, &[1, 1, kernel.len(), 1, 1]).unwrap();
            let filter =
                TemporalLowPassFilterRecursive::cascade(0.013, order, Resolution::default()).unwrap();
            let mut state = State::new(noise::next_model());
            let y = call(&filter, &impulse, &mut state, GradientMode::Off, None).unwrap();
            for (a, b) in kernel.iter().zip(y.first().unwrap().to_f64()) {
                assert!((a - b).abs() < 1e-9, "{order}");
            }
        }
    }

    #[test]
    fn what_is_left_out_is_below_epsilon_at_any_time_constant() {
        for tau_s in [1e-5, 0.0005, 0.1, 2.0] {
            for order in [0, 2, 8] {
                let options = Temporal { order, ..Temporal::default() };
                let kernel = exponential(tau_s, &options, Resolution::default()).unwrap();
                let whole: f64 = (0..kernel.len()).map(|i| published_sample(i, order, tau_s * 1e3)).sum();
                assert!(whole >= 1.0 - 1.001e-3, "{tau_s} {order}: {whole}");
                assert!((kernel.iter().sum::<f64>() - 1.0).abs() < 1e-12);
            }
        }
        let even = Temporal { even: Some(true), ..Temporal::default() };
        assert_eq!(exponential(0.0101, &even, Resolution::default()).unwrap().len() % 2, 0);
        assert!(exponential(-1.0, &even, Resolution::default()).is_err());
    }
}
