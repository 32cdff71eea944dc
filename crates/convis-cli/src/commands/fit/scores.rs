//! How well a model predicts the part of a recording that was kept.

use std::fmt::Write;

use convis::fit::Loss;

use super::Job;

/// The name of a loss.
pub const fn name(loss: Loss) -> &'static str {
    match loss {
        Loss::Poisson => "poisson",
        Loss::Bernoulli => "bernoulli",
        Loss::NegativeBinomial { .. } => "negative_binomial",
        Loss::Gaussian => "gaussian",
        Loss::Huber { .. } => "huber",
    }
}

/// Scores of every unit, on the part that was kept, or, where none was, on what was fitted.
///
/// With y the response, λ what is expected and ȳ the mean of what was fitted:
/// ```text
/// bits per spike   Σ (y ln(λ/ȳ) − λ + ȳ) / (ln 2 · Σ y)
/// pearson          correlation of y and λ
/// ```
pub struct Scores {
    kept: bool,
    /// Empty where responses are no counts.
    bits_per_spike: Vec<f64>,
    pearson: Vec<f64>,
}

impl Scores {
    pub fn of(job: &Job, expected: &[f64]) -> Self {
        let kept = job.test < job.frames;
        let range = if kept { job.test..job.frames } else { 0..job.frames };
        let counts = !matches!(job.loss, Loss::Gaussian | Loss::Huber { .. });
        let mut scores = Self { kept, bits_per_spike: vec![], pearson: vec![] };
        for unit in 0..job.units {
            let at = |numbers: &[f64], t: usize| numbers[t * job.units + unit];
            let y: Vec<f64> = range.clone().map(|t| at(&job.responses, t)).collect();
            let rate: Vec<f64> = range.clone().map(|t| at(expected, t)).collect();
            let null = (0..job.test).map(|t| at(&job.responses, t)).sum::<f64>() / job.test as f64;
            if counts {
                scores.bits_per_spike.push(bits_per_spike(&y, &rate, null));
            }
            scores.pearson.push(pearson(&y, &rate));
        }
        scores
    }

    pub fn arrays(&self) -> Vec<(&'static str, Vec<f64>)> {
        let all = [("bits_per_spike", &self.bits_per_spike), ("pearson", &self.pearson)];
        all.into_iter().filter(|(_, of)| !of.is_empty()).map(|(name, of)| (name, of.clone())).collect()
    }

    pub fn text(&self) -> String {
        let mut text = format!(
            "{}\n",
            if self.kept { "on the part that was kept:" } else { "on the part that was fitted:" }
        );
        for (unit, r) in self.pearson.iter().enumerate() {
            let bits = self.bits_per_spike.get(unit);
            let bits = bits.map_or_else(String::new, |bits| format!("{bits:.4} bits per spike, "));
            writeln!(text, "  unit {unit}: {bits}correlation {r:.4}").ok();
        }
        text
    }
}

fn bits_per_spike(y: &[f64], rate: &[f64], null: f64) -> f64 {
    let floor = |x: f64| x.max(1e-12);
    let gain = |(y, rate): (&f64, &f64)| y * (floor(*rate) / floor(null)).ln() - rate + null;
    y.iter().zip(rate).map(gain).sum::<f64>() / (y.iter().sum::<f64>() * std::f64::consts::LN_2)
}

fn pearson(a: &[f64], b: &[f64]) -> f64 {
    let mean = |x: &[f64]| x.iter().sum::<f64>() / x.len() as f64;
    let (ma, mb) = (mean(a), mean(b));
    let covariance: f64 = a.iter().zip(b).map(|(a, b)| (a - ma) * (b - mb)).sum();
    let power = |x: &[f64], m: f64| x.iter().map(|x| (x - m).powi(2)).sum::<f64>();
    covariance / (power(a, ma) * power(b, mb)).sqrt()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scores_of_the_null_model_and_of_the_truth() {
        let y = [0.0, 2.0, 1.0, 1.0];
        assert_eq!(bits_per_spike(&y, &[1.0; 4], 1.0), 0.0);
        let rate = [0.5, 2.0, 0.75, 0.75];
        let by_hand = (2.0 * 2f64.ln() + 2.0 * 0.75f64.ln()) / (4.0 * 2f64.ln());
        assert!((bits_per_spike(&y, &rate, 1.0) - by_hand).abs() < 1e-14);
        assert!((pearson(&y, &[1.0, 5.0, 3.0, 3.0]) - 1.0).abs() < 1e-14);
    }
}
