//! A small drawing of an answer, as SVG: over time on the left, across space on the right.

use std::fmt::Write;

use super::response::Response;

const HEIGHT: f64 = 72.0;
const TIME_WIDTH: f64 = 150.0;
const SPACE_WIDTH: f64 = 70.0;
/// Room for the words below and around the curves.
const MARGIN: f64 = 6.0;
const WORDS: f64 = 14.0;

/// The drawing.
pub fn draw(response: &Response) -> String {
    let width = TIME_WIDTH + if response.space.is_empty() { 0.0 } else { SPACE_WIDTH } + 2.0 * MARGIN;
    let height = HEIGHT + WORDS + 2.0 * MARGIN;
    let all = || response.time.iter().chain(&response.space).copied();
    let (low, high) = (all().fold(0.0, f64::min), all().fold(0.0, f64::max));
    let up = |y: f64| MARGIN + (high - y) / (high - low) * HEIGHT;
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width}\" height=\"{height}\" \
         viewBox=\"0 0 {width} {height}\" font-family=\"sans-serif\" font-size=\"9\" fill=\"none\">\n\
         <rect width=\"{width}\" height=\"{height}\" fill=\"#ffffff\"/>\n"
    );
    let mut panel = |left: f64, width: f64, values: &[f64], colour: &str, words: &str| {
        let across = |i: usize| left + i as f64 / (values.len().max(2) - 1) as f64 * width;
        let points: Vec<String> =
            values.iter().enumerate().map(|(i, &y)| format!("{:.1},{:.1}", across(i), up(y))).collect();
        let (zero, right, below) = (up(0.0), left + width, MARGIN + HEIGHT + WORDS - 3.0);
        // Writing to a String cannot fail.
        writeln!(svg, "<path d=\"M{left:.1},{zero:.1}H{right:.1}\" stroke=\"#b0b0b0\"/>").ok();
        writeln!(svg, "<polyline points=\"{}\" stroke=\"{colour}\" stroke-width=\"1.2\"/>", points.join(" "))
            .ok();
        writeln!(svg, "<text x=\"{left:.1}\" y=\"{below:.1}\" fill=\"#505050\">{words}</text>").ok();
    };
    let duration = response.time.len() as f64 / response.steps_per_second * 1000.0;
    let most = if high >= -low { high } else { low };
    let gap = if response.space.is_empty() { 0.0 } else { 10.0 };
    let words = format!("{duration:.0} ms, largest {}", short(most));
    panel(MARGIN, TIME_WIDTH - gap, &response.time, "#1f5fa8", &words);
    if !response.space.is_empty() {
        let words = format!("{} pixels", response.space.len());
        panel(MARGIN + TIME_WIDTH, SPACE_WIDTH, &response.space, "#b0452a", &words);
    }
    svg + "</svg>\n"
}

/// A number in three digits.
fn short(number: f64) -> String {
    let digits = (2 - number.abs().log10().floor() as i32).clamp(0, 6) as usize;
    let text = format!("{number:.digits$}");
    if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.').to_string() } else { text }
}

#[cfg(test)]
mod tests {
    use super::short;

    #[test]
    fn numbers_are_short() {
        assert_eq!(
            [short(0.123_456), short(-12.0), short(1234.5), short(1.0)],
            ["0.123", "-12", "1234", "1"]
        );
    }
}
