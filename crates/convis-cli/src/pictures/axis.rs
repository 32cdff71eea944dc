//! Round numbers along an axis, and how they are written.

/// Round values (1, 2 or 5 times a power of ten apart) inside `low..=high`, about `wanted` of them, at least two.
pub(super) fn ticks(low: f64, high: f64, wanted: usize) -> Vec<f64> {
    let range = high - low;
    if !(range.is_finite() && range > 0.0) {
        return vec![low];
    }
    let found = (wanted.max(2)..wanted.max(2) + 4).map(|aim| spaced(low, high, range / aim as f64));
    found.into_iter().find(|ticks| ticks.len() >= 2).unwrap_or_else(|| vec![low, high])
}

/// Multiples of a round step near `rough`, inside `low..=high`.
fn spaced(low: f64, high: f64, rough: f64) -> Vec<f64> {
    let power = 10_f64.powf(rough.log10().floor());
    let step = [1.0, 2.0, 5.0, 10.0].map(|m| m * power).into_iter().find(|s| *s >= rough * 0.75);
    let step = step.unwrap_or(10.0 * power);
    let slack = 1e-6;
    let first = (low / step - slack).ceil() as i64;
    let last = (high / step + slack).floor() as i64;
    (first..=last).map(|i| i as f64 * step).collect()
}

/// The texts of `ticks`, all with as many decimals as their distance needs.
pub(super) fn labels(ticks: &[f64]) -> Vec<String> {
    let step = match ticks {
        [first, second, ..] => (second - first).abs(),
        [only] if *only != 0.0 => only.abs(),
        _ => 1.0,
    };
    let magnitude = ticks.iter().fold(0.0_f64, |most, tick| most.max(tick.abs()));
    if magnitude >= 1e5 || (magnitude > 0.0 && magnitude < 1e-3) {
        return ticks.iter().map(|tick| scientific(*tick)).collect();
    }
    let decimals = (-(step.log10() + 1e-6).floor()).clamp(0.0, 8.0) as usize;
    ticks.iter().map(|tick| minus(&format!("{:.decimals$}", tick + 0.0))).collect()
}

/// One number with a power of ten.
fn scientific(value: f64) -> String {
    if value == 0.0 {
        return "0".to_owned();
    }
    let text = format!("{value:.1e}");
    let (digits, exponent) = text.split_once('e').unwrap_or((&text, "0"));
    let raised: String = exponent
        .chars()
        .map(|c| match c {
            '-' => '⁻',
            '0' => '⁰',
            '1' => '¹',
            '2' => '²',
            '3' => '³',
            '4' => '⁴',
            '5' => '⁵',
            '6' => '⁶',
            '7' => '⁷',
            '8' => '⁸',
            _ => '⁹',
        })
        .collect();
    minus(&format!("{}×10{raised}", digits.trim_end_matches(".0")))
}

/// The typographic minus sign.
fn minus(text: &str) -> String {
    text.replace('-', "−")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ticks_are_round_and_inside() {
        assert_eq!(labels(&ticks(0.0, 2.0, 4)), ["0.0", "0.5", "1.0", "1.5", "2.0"]);
        assert_eq!(labels(&ticks(-32.0, 32.0, 4)), ["−20", "0", "20"]);
        assert_eq!(labels(&ticks(0.0, 2e-5, 2)), ["0", "1×10⁻⁵", "2×10⁻⁵"]);
        for (low, high) in [(-1.7, 3.3), (0.02, 0.031), (12.0, 4711.0)] {
            let ticks = ticks(low, high, 4);
            assert!((2..=7).contains(&ticks.len()), "{low}…{high}: {ticks:?}");
            assert!(ticks.iter().all(|t| (low..=high).contains(t)), "{low}…{high}: {ticks:?}");
        }
        assert_eq!(ticks(1.0, 1.0, 4), [1.0]);
        assert_eq!(labels(&ticks(-0.19, 0.33, 2)), ["0.0", "0.2"]);
    }
}
