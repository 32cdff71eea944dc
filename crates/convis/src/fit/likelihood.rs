//! From the linear drive of a cell to the likelihood of its response.

use convis_kernels::Real;

use super::MonotoneSpline;
use crate::{Error, Result};

/// What turns the linear drive η of a cell into its expected response per step, μ = g(η).
///
/// | name | g(η) |
/// |---|---|
/// | `exp` | e^η |
/// | `softplus` | ln(1 + e^η) |
/// | `power` | max(η, 0)^p, here with p = 2 unless given |
/// | `sigmoid` | 1/(1 + e^−η) |
/// | `identity` | η |
/// | `spline` | a curve that only rises, learnt from the data: [`MonotoneSpline`] |
///
/// ```
/// use convis::fit::Nonlinearity;
/// let [g, slope, curvature] = Nonlinearity::Softplus.at(0.0);
/// assert!((g - 2f64.ln()).abs() < 1e-15 && slope == 0.5 && curvature == 0.25);
/// assert_eq!(Nonlinearity::named("exp")?, Nonlinearity::Exp);
/// assert!(Nonlinearity::named("expp").unwrap_err().to_string().contains("\"exp\""));
/// # Ok::<(), convis::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Nonlinearity {
    /// e^η: the canonical one of counts.
    Exp,
    /// ln(1 + e^η): linear for large drive.
    Softplus,
    /// max(η, 0)^p.
    Power(f64),
    /// 1/(1 + e^−η): the canonical one of yes and no.
    Sigmoid,
    /// η itself: the canonical one of Gaussian responses.
    Identity,
    /// A curve that is learnt.
    Spline(MonotoneSpline),
}

impl Nonlinearity {
    /// The names that [`Nonlinearity::named`] understands.
    pub const NAMES: [&'static str; 6] = ["exp", "softplus", "power", "sigmoid", "identity", "spline"];

    /// The nonlinearity of this name.
    ///
    /// # Errors
    /// If there is none; the message names the nearest.
    pub fn named(name: &str) -> Result<Self> {
        match name {
            "exp" => Ok(Self::Exp),
            "softplus" => Ok(Self::Softplus),
            "power" => Ok(Self::Power(2.0)),
            "sigmoid" => Ok(Self::Sigmoid),
            "identity" => Ok(Self::Identity),
            "spline" => Ok(Self::Spline(MonotoneSpline::default())),
            _ => Err(Error::unknown("nonlinearity", name, Self::NAMES)),
        }
    }

    /// Its name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Exp => "exp",
            Self::Softplus => "softplus",
            Self::Power(_) => "power",
            Self::Sigmoid => "sigmoid",
            Self::Identity => "identity",
            Self::Spline(_) => "spline",
        }
    }

    /// g(η), g′(η) and g″(η).
    pub fn at(self, drive: f64) -> [f64; 3] {
        match self {
            Self::Exp => [drive.exp(); 3],
            Self::Softplus => {
                let e = (-drive.abs()).exp();
                let slope = if drive >= 0.0 { 1.0 / (1.0 + e) } else { e / (1.0 + e) };
                [drive.max(0.0) + e.ln_1p(), slope, slope * (1.0 - slope)]
            }
            Self::Power(p) => {
                let x = drive.max(0.0);
                let curvature = if x > 0.0 { p * (p - 1.0) * x.powf(p - 2.0) } else { 0.0 };
                [x.powf(p), if x > 0.0 { p * x.powf(p - 1.0) } else { 0.0 }, curvature]
            }
            Self::Sigmoid => {
                let e = (-drive.abs()).exp();
                let g = if drive >= 0.0 { 1.0 / (1.0 + e) } else { e / (1.0 + e) };
                [g, g * (1.0 - g), g * (1.0 - g) * (1.0 - 2.0 * g)]
            }
            Self::Identity => [drive, 1.0, 0.0],
            Self::Spline(spline) => spline.at(drive),
        }
    }

    /// The drive whose response is `mean`: the bias of a cell that does not see its stimulus.
    pub fn inverse(self, mean: f64) -> f64 {
        let floor = mean.max(1e-6);
        match self {
            Self::Exp => floor.ln(),
            // ln(e^μ − 1), which is μ where e^μ is large.
            Self::Softplus => floor + (-(-floor).exp_m1()).ln(),
            Self::Power(p) => floor.powf(1.0 / p),
            Self::Sigmoid => (floor.min(1.0 - 1e-6) / (1.0 - floor.min(1.0 - 1e-6))).ln(),
            Self::Identity => mean,
            Self::Spline(spline) => spline.inverse(floor),
        }
    }
}

/// The negative logarithm of the likelihood of a response y where μ is expected, without terms that do not depend on μ.
///
/// | name | ℓ(y, μ) | responses |
/// |---|---|---|
/// | `poisson` | μ − y ln μ | counts |
/// | `bernoulli` | −y ln μ − (1 − y) ln(1 − μ) | 0 or 1; μ is a probability |
/// | `negative_binomial` | (y + r) ln(r + μ) − y ln μ, variance μ + μ²/r | counts that vary more than Poisson's |
/// | `gaussian` | (y − μ)²/2 | rates, currents |
/// | `huber` | (y − μ)²/2 up to \|y − μ\| = δ, linear beyond | rates with outliers |
///
/// A rate nonlinearity (`exp`, `softplus`, `power`) with `bernoulli` stands for a cell whose count is reduced to "any spike":
/// the probability is 1 − e^−μ.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Loss {
    /// Counts.
    Poisson,
    /// 0 or 1.
    Bernoulli,
    /// Counts with variance μ + μ²/r.
    NegativeBinomial {
        /// r: how many failures; infinity is Poisson.
        dispersion: f64,
    },
    /// Any numbers, of equal variance.
    Gaussian,
    /// Any numbers, with outliers.
    Huber {
        /// δ: where outliers begin.
        delta: f64,
    },
}

/// Smallest expected response whose logarithm is taken: below, a spike would be infinitely surprising.
const SMALLEST: f64 = 1e-12;

impl Loss {
    /// The names that [`Loss::named`] understands.
    pub const NAMES: [&'static str; 5] = ["poisson", "bernoulli", "negative_binomial", "gaussian", "huber"];

    /// The loss of this name, dispersion and δ being 1.
    ///
    /// # Errors
    /// If there is none; the message names the nearest.
    pub fn named(name: &str) -> Result<Self> {
        match name {
            "poisson" => Ok(Self::Poisson),
            "bernoulli" => Ok(Self::Bernoulli),
            "negative_binomial" => Ok(Self::NegativeBinomial { dispersion: 1.0 }),
            "gaussian" => Ok(Self::Gaussian),
            "huber" => Ok(Self::Huber { delta: 1.0 }),
            _ => Err(Error::unknown("loss", name, Self::NAMES)),
        }
    }

    /// Its name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Poisson => "poisson",
            Self::Bernoulli => "bernoulli",
            Self::NegativeBinomial { .. } => "negative_binomial",
            Self::Gaussian => "gaussian",
            Self::Huber { .. } => "huber",
        }
    }

    /// ℓ, ∂ℓ/∂μ, ∂²ℓ/∂μ², and the expectation of the last over responses with mean μ.
    pub fn at(self, y: f64, mean: f64) -> [f64; 4] {
        match self {
            Self::Poisson => {
                let m = mean.max(SMALLEST);
                [m - y * m.ln(), 1.0 - y / m, y / (m * m), 1.0 / m]
            }
            Self::Bernoulli => {
                let m = mean.clamp(SMALLEST, 1.0 - SMALLEST);
                let (no, rest) = (1.0 - m, 1.0 - y);
                [
                    -y * m.ln() - rest * no.ln(),
                    -y / m + rest / no,
                    y / (m * m) + rest / (no * no),
                    1.0 / (m * no),
                ]
            }
            Self::NegativeBinomial { dispersion: r } => {
                let m = mean.max(SMALLEST);
                [
                    (y + r) * (r + m).ln() - y * m.ln(),
                    (y + r) / (r + m) - y / m,
                    y / (m * m) - (y + r) / ((r + m) * (r + m)),
                    1.0 / m - 1.0 / (r + m),
                ]
            }
            Self::Gaussian => [0.5 * (y - mean) * (y - mean), mean - y, 1.0, 1.0],
            Self::Huber { delta } => {
                let e = mean - y;
                if e.abs() <= delta {
                    [0.5 * e * e, e, 1.0, 1.0]
                } else {
                    // Beyond δ the curvature is 0; that of a reweighted square keeps steps finite.
                    [delta * (e.abs() - 0.5 * delta), delta * e.signum(), 0.0, delta / e.abs()]
                }
            }
        }
    }

    /// Refuses responses that cannot come from this distribution.
    ///
    /// # Errors
    /// If a response is not finite, negative where counts are expected, or not in 0…1 where a probability is.
    pub fn check(self, response: &[f64]) -> Result<()> {
        let expected = match self {
            Self::Poisson | Self::NegativeBinomial { .. } => "counts, 0 or above",
            Self::Bernoulli => "0 or 1 (clip counts to 1, or use loss \"poisson\")",
            Self::Gaussian | Self::Huber { .. } => "finite numbers",
        };
        let fits = |y: f64| match self {
            Self::Poisson | Self::NegativeBinomial { .. } => y >= 0.0,
            Self::Bernoulli => (0.0..=1.0).contains(&y),
            Self::Gaussian | Self::Huber { .. } => true,
        };
        match response.iter().find(|y| !(y.is_finite() && fits(**y))) {
            None => Ok(()),
            Some(y) => Err(Error::argument("response", expected, y)),
        }
    }
}

/// Nonlinearity and loss together: ℓ as a function of the drive.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Observation {
    /// From drive to expected response.
    pub nonlinearity: Nonlinearity,
    /// From expected response to likelihood.
    pub loss: Loss,
}

impl Observation {
    /// The expected response, with its first and second derivative with respect to the drive.
    pub fn mean(self, drive: f64) -> [f64; 3] {
        let [g, slope, curvature] = self.nonlinearity.at(drive);
        let counts = !matches!(self.nonlinearity, Nonlinearity::Sigmoid | Nonlinearity::Identity);
        if counts && self.loss == Loss::Bernoulli {
            // Any spike at all: p = 1 − e^−g.
            let none = (-g).exp();
            return [-(-g).exp_m1(), none * slope, none * (curvature - slope * slope)];
        }
        [g, slope, curvature]
    }

    /// ℓ, its derivative with respect to the drive, and a second derivative that is never negative: the true one where it
    /// is positive, else its expectation (Fisher information).
    pub fn at(self, y: f64, drive: f64) -> [f64; 3] {
        if (self.nonlinearity, self.loss) == (Nonlinearity::Exp, Loss::Poisson) {
            return poisson_of_exponential(y, drive);
        }
        let [mean, slope, curvature] = self.mean(drive);
        let [loss, first, second, expected] = self.loss.at(y, mean);
        let exact = second * slope * slope + first * curvature;
        [loss, first * slope, if exact > 0.0 { exact } else { expected * slope * slope }]
    }

    /// The same for many steps: what [`Observation::at`] gives goes to `loss`, `first` and `second`. All are of one length.
    #[inline(always)]
    pub(super) fn at_each(self, response: &[f64], drive: &[f64], [loss, first, second]: [&mut [f64]; 3]) {
        let each = response.iter().zip(drive).zip(loss).zip(first).zip(second);
        if (self.nonlinearity, self.loss) == (Nonlinearity::Exp, Loss::Poisson) {
            for ((((&y, &drive), loss), first), second) in each {
                [*loss, *first, *second] = poisson_of_exponential(y, drive);
            }
        } else {
            for ((((&y, &drive), loss), first), second) in each {
                [*loss, *first, *second] = self.at(y, drive);
            }
        }
    }
}

/// The canonical pair: the logarithm of the exponential is the drive. Without branches, for vectors.
#[inline(always)]
fn poisson_of_exponential(y: f64, drive: f64) -> [f64; 3] {
    let mean = drive.exp_of_any();
    [mean - y * drive, mean - y, mean]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn derivatives_are_those_of_the_values() {
        let h = 1e-5;
        for nonlinearity in Nonlinearity::NAMES.map(|name| Nonlinearity::named(name).unwrap()) {
            for loss in Loss::NAMES.map(|name| Loss::named(name).unwrap()) {
                let observation = Observation { nonlinearity, loss };
                let drives: &[f64] = match (nonlinearity, loss) {
                    // Expected responses must be positive, or probabilities.
                    (Nonlinearity::Identity, _) => &[0.2, 0.4, 0.7],
                    (Nonlinearity::Power(_), _) => &[0.3, 0.8, 1.7],
                    // Between knots, where it has a second derivative.
                    (Nonlinearity::Spline(_), Loss::Bernoulli) => &[-1.5, -0.4],
                    (Nonlinearity::Spline(_), _) => &[-1.5, -0.4, 0.3, 1.2],
                    _ => &[-2.0, -0.4, 0.3, 1.2],
                };
                for &drive in drives {
                    for y in [0.0, 1.0] {
                        let [_, slope, weight] = observation.at(y, drive);
                        let (up, down) = (observation.at(y, drive + h), observation.at(y, drive - h));
                        let difference = (up[0] - down[0]) / (2.0 * h);
                        assert!(
                            (slope - difference).abs() < 1e-8,
                            "{observation:?} {drive} {y}: {slope} {difference}"
                        );
                        let second = (up[1] - down[1]) / (2.0 * h);
                        assert!(weight >= 0.0);
                        assert!(
                            second <= 0.0 || (weight - second).abs() < 1e-6 * (1.0 + second),
                            "{observation:?}"
                        );
                    }
                }
            }
        }
    }

    #[test]
    fn many_steps_are_as_each_of_them() {
        let (response, drive) = ([0.0, 1.0, 3.0, 0.0, 2.0], [-800.0, -2.0, 0.0, 1.5, 30.0]);
        for nonlinearity in [Nonlinearity::Exp, Nonlinearity::Softplus] {
            let observation = Observation { nonlinearity, loss: Loss::Poisson };
            let [mut loss, mut first, mut second] = [[f64::NAN; 5]; 3];
            observation.at_each(&response, &drive, [&mut loss, &mut first, &mut second]);
            for t in 0..5 {
                assert_eq!([loss[t], first[t], second[t]], observation.at(response[t], drive[t]));
            }
        }
        let [loss, first, second] =
            Observation { nonlinearity: Nonlinearity::Exp, loss: Loss::Poisson }.at(2.0, 1.5);
        let want = [1.5f64.exp() - 3.0, 1.5f64.exp() - 2.0, 1.5f64.exp()];
        assert!([loss, first, second].iter().zip(want).all(|(a, b)| (a - b).abs() < 1e-14));
    }

    #[test]
    fn the_inverse_gives_the_drive_of_a_mean() {
        for nonlinearity in Nonlinearity::NAMES.map(|name| Nonlinearity::named(name).unwrap()) {
            for mean in [0.01, 0.3, 0.9] {
                assert!(
                    (nonlinearity.at(nonlinearity.inverse(mean))[0] - mean).abs() < 1e-12,
                    "{nonlinearity:?}"
                );
            }
        }
    }

    #[test]
    fn impossible_responses_are_refused() {
        assert!(Loss::Poisson.check(&[0.0, -1.0]).is_err());
        assert!(Loss::Bernoulli.check(&[0.0, 2.0]).unwrap_err().to_string().contains("poisson"));
        assert!(Loss::Gaussian.check(&[f64::NAN]).is_err());
        assert!(Loss::Poisson.check(&[0.0, 3.0]).is_ok());
    }
}
