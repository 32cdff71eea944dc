//! `convis report physiology`: classical experiments on model cells, as a page.

use std::path::Path;

use convis::analysis::physiology::{
    DifferenceOfGaussians, DriftResponse, ReversalResponse, Sinusoid, Subject, contrast_reversal,
    drifting_gratings, peak_frequency_hz, sum_of_sinusoids,
};
use convis::retina::RetinaDescription;

use crate::commands::convert::make_folder;
use crate::error::{Error, Result};
use crate::interrupt;
use crate::pictures::{COLOURS, Curve, Division, Panel, panels};
use crate::text::say;

/// Writes the page.
pub fn physiology(folder: &Path) -> Result<()> {
    interrupt::listen()?;
    make_folder(folder)?;
    let (x, y) = (preset("cat-x")?, preset("cat-y")?);
    let spatial = Spatial::measure(&x, &y)?;
    let temporal = Temporal::measure(&x, &y)?;
    spatial.draw(folder)?;
    temporal.draw(folder)?;
    let page = page(&[spatial.findings(), temporal.findings()]);
    let path = folder.join("physiology.html");
    convis_io::write_text(&path, &page)?;
    say(&format!("{}\n", path.display()))
}

fn preset(name: &str) -> Result<RetinaDescription> {
    RetinaDescription::preset(name).map_err(Error::from)
}

/// Stops between experiments.
fn go_on() -> Result<()> {
    if interrupt::requested() {
        return Err(Error::Interrupted("interrupted: no page was written".into()));
    }
    Ok(())
}

fn curve(name: &str, colour: usize, marks: bool, joined: bool, points: Vec<(f64, f64)>) -> Curve {
    Curve { name: name.to_owned(), points, colour: COLOURS[colour], marks, joined }
}

/// What was found, and what the models do.
struct Findings {
    title: &'static str,
    source: &'static str,
    figure: &'static str,
    caption: String,
    /// Found in the cat; in the model; whether they agree.
    lines: Vec<(&'static str, String, bool)>,
}

/// X and Y cells.
struct Spatial {
    drift_x: Vec<DriftResponse>,
    drift_y: Vec<DriftResponse>,
    fit: DifferenceOfGaussians,
    r_squared: f64,
    reversal_x: Vec<ReversalResponse>,
    reversal_y: Vec<ReversalResponse>,
}

const DRIFT_HZ: f64 = 4.0;
const REVERSAL_HZ: f64 = 2.0;
const REVERSAL_CPD: f64 = 0.3;
/// Contrast at which the X cell's sensitivity is measured, and at which both cells drift.
const LOW_CONTRAST: f64 = 0.02;
const HIGH_CONTRAST: f64 = 0.4;
/// A response of so many hertz is just seen.
const CRITERION_HZ: f64 = 5.0;

impl Spatial {
    fn measure(x: &RetinaDescription, y: &RetinaDescription) -> Result<Self> {
        let subject = |described| Subject::new(described, 0, 10.0, 0.001, 401);
        let (x, y) = (subject(x)?, subject(y)?);
        let frequencies: Vec<f64> = (0..17).map(|i| 0.02 * 1.3f64.powi(i)).collect();
        go_on()?;
        let sensitivity = drifting_gratings(&x, &frequencies, DRIFT_HZ, LOW_CONTRAST)?;
        let points: Vec<(f64, f64)> = sensitivity.iter().map(sensitivity_of).collect();
        let (fit, r_squared) = DifferenceOfGaussians::fit(&points);
        go_on()?;
        let phases: Vec<f64> = (0..=12).map(|i| 15.0 * f64::from(i)).collect();
        let reverse = |cell| contrast_reversal(cell, REVERSAL_CPD, REVERSAL_HZ, HIGH_CONTRAST, &phases);
        let (reversal_x, reversal_y) = (reverse(&x)?, reverse(&y)?);
        go_on()?;
        let drift_y = drifting_gratings(&y, &frequencies, DRIFT_HZ, HIGH_CONTRAST)?;
        Ok(Self { drift_x: sensitivity, drift_y, fit, r_squared, reversal_x, reversal_y })
    }

    fn draw(&self, folder: &Path) -> Result<()> {
        let cpd = "spatial frequency (cycles/deg)";
        let frequencies: Vec<f64> =
            (0..=200).map(|i| 0.02 * (f64::from(i) / 200.0 * 70.0f64.ln()).exp()).collect();
        let sensitivity = Panel {
            title: "X cell: contrast sensitivity".into(),
            labels: [cpd, "1 / contrast for 5 Hz"],
            divisions: [Division::Logarithmic; 2],
            curves: vec![
                curve("model", 0, true, false, self.drift_x.iter().map(sensitivity_of).collect()),
                curve(
                    "difference of Gaussians",
                    4,
                    false,
                    true,
                    frequencies.iter().map(|&f| (f, self.fit.at(f))).collect(),
                ),
            ],
        };
        let modulation = |responses: &[DriftResponse]| -> Vec<(f64, f64)> {
            responses.iter().map(|r| (r.spatial_frequency_cpd, r.fundamental.amplitude_hz)).collect()
        };
        let mean = |responses: &[DriftResponse]| -> Vec<(f64, f64)> {
            responses.iter().map(|r| (r.spatial_frequency_cpd, r.mean_change_hz)).collect()
        };
        let drifting = Panel {
            title: "Y cell: drifting gratings, contrast 0.4".into(),
            labels: [cpd, "current (Hz)"],
            divisions: [Division::Logarithmic, Division::Linear],
            curves: vec![
                curve("modulation", 0, true, true, modulation(&self.drift_y)),
                curve("rise of the mean", 1, true, true, mean(&self.drift_y)),
            ],
        };
        let reversing = |title: &str, responses: &[ReversalResponse]| Panel {
            title: title.into(),
            labels: ["phase of the grating (deg)", "modulation of the current (Hz)"],
            divisions: [Division::Linear; 2],
            curves: vec![
                curve(
                    "at f",
                    0,
                    true,
                    true,
                    responses.iter().map(|r| (r.phase_deg, r.fundamental.amplitude_hz)).collect(),
                ),
                curve(
                    "at 2f",
                    1,
                    true,
                    true,
                    responses.iter().map(|r| (r.phase_deg, r.second.amplitude_hz)).collect(),
                ),
            ],
        };
        let all = [
            sensitivity,
            drifting,
            reversing("X cell: contrast reversal, 0.3 cycles/deg", &self.reversal_x),
            reversing("Y cell: the same", &self.reversal_y),
        ];
        Ok(panels(&folder.join("enroth_cugell_robson.png"), 2, &all)?)
    }

    fn findings(&self) -> Findings {
        let null = |responses: &[ReversalResponse]| {
            let best = responses.iter().map(|r| r.fundamental.amplitude_hz).fold(0.0, f64::max);
            let at = responses.iter().find(|r| r.phase_deg == 90.0);
            at.map_or((f64::NAN, f64::NAN), |r| {
                (r.fundamental.amplitude_hz / best, r.second.amplitude_hz / best)
            })
        };
        let (x, y) = (null(&self.reversal_x), null(&self.reversal_y));
        let fine = self.drift_y.iter().max_by(|a, b| {
            let ratio = |r: &DriftResponse| {
                if r.mean_change_hz > 1.0 { r.mean_change_hz / r.fundamental.amplitude_hz } else { 0.0 }
            };
            ratio(a).total_cmp(&ratio(b))
        });
        let (cpd, rise, modulation) = fine.map_or((f64::NAN, 0.0, 0.0), |r| {
            (r.spatial_frequency_cpd, r.mean_change_hz, r.fundamental.amplitude_hz)
        });
        let drift_x = self
            .drift_x
            .iter()
            .map(|r| (r.mean_change_hz / r.fundamental.amplitude_hz).abs())
            .fold(0.0, f64::max);
        Findings {
            title: "X and Y cells",
            source: "Enroth-Cugell & Robson 1966, J. Physiol. 187:517–552",
            figure: "enroth_cugell_robson.png",
            caption: format!(
                "Gratings drift at {DRIFT_HZ} Hz or reverse at {REVERSAL_HZ} Hz. Presets cat-x and cat-y. Fit: centre radius \
                 {:.2}°, surround radius {:.2}°, strength of the surround {:.2} of the centre's.",
                self.fit.center_radius_deg,
                self.fit.surround_radius_deg,
                self.fit.surround_hz / self.fit.center_hz
            ),
            lines: vec![
                (
                    "The contrast sensitivity of X cells is a difference of two Gaussians of spatial frequency.",
                    format!("R² of the fit: {:.4}", self.r_squared),
                    self.r_squared > 0.98,
                ),
                (
                    "X cells keep their mean rate when a grating drifts.",
                    format!("change of the mean at most {drift_x:.2} of the modulation"),
                    drift_x < 0.1,
                ),
                (
                    "X cells have null phases, where contrast reversal does nothing.",
                    format!("at 90°: {:.3} of the best response at f, {:.3} at 2f", x.0, x.1),
                    x.0 < 0.02 && x.1 < 0.05,
                ),
                (
                    "Y cells have none: they respond there at twice the frequency.",
                    format!("at 90°: {:.3} of the best response at f, {:.3} at 2f", y.0, y.1),
                    y.1 > 5.0 * y.0 && y.1 > 5.0 * x.1,
                ),
                (
                    "Drifting gratings raise the mean rate of Y cells, also those too fine to modulate it.",
                    format!(
                        "at {cpd:.2} cycles/deg the mean rises by {rise:.1} Hz, the modulation is {modulation:.1} Hz"
                    ),
                    rise > 5.0 * modulation && rise > 1.0,
                ),
            ],
        }
    }
}

/// Contrast sensitivity at a spatial frequency.
fn sensitivity_of(response: &DriftResponse) -> (f64, f64) {
    (response.spatial_frequency_cpd, response.fundamental.amplitude_hz / LOW_CONTRAST / CRITERION_HZ)
}

/// Contrast gain control.
struct Temporal {
    /// By cell, then by contrast: X, Y, X without feedback.
    cells: [Vec<Vec<Sinusoid>>; 3],
}

const CONTRASTS: [f64; 4] = [0.0125, 0.025, 0.05, 0.1];

impl Temporal {
    fn measure(x: &RetinaDescription, y: &RetinaDescription) -> Result<Self> {
        let mut open = x.clone();
        if let Some(gain) = &mut open.contrast_gain_control {
            gain.adaptation_feedback_amplification_hz = 0.0;
        }
        let measure = |described: &RetinaDescription| {
            let subject = Subject::new(described, 0, 2.0, 1.0 / 500.0, 65)?;
            let respond = |&contrast: &f64| {
                go_on()?;
                Ok(sum_of_sinusoids(&subject, 0.2, 0.0, contrast)?)
            };
            CONTRASTS.iter().map(respond).collect::<Result<Vec<_>>>()
        };
        Ok(Self { cells: [measure(x)?, measure(y)?, measure(&open)?] })
    }

    fn draw(&self, folder: &Path) -> Result<()> {
        let mut all = vec![];
        for (cell, responses) in ["X cell", "Y cell", "X cell without feedback"].iter().zip(&self.cells) {
            let lines = |of: &dyn Fn(&Sinusoid, f64) -> f64| {
                let each = CONTRASTS.iter().zip(responses).enumerate();
                each.map(|(i, (&contrast, responses))| {
                    let points = responses.iter().map(|s| (s.frequency_hz, of(s, contrast))).collect();
                    curve(&format!("contrast {contrast}"), i, true, true, points)
                })
                .collect::<Vec<Curve>>()
            };
            all.push(Panel {
                title: format!("{cell}: amplitude"),
                labels: ["temporal frequency (Hz)", "modulation of the current (Hz)"],
                divisions: [Division::Logarithmic; 2],
                curves: lines(&|s, _| s.response.amplitude_hz),
            });
            all.push(Panel {
                title: format!("{cell}: phase"),
                labels: ["temporal frequency (Hz)", "phase (deg)"],
                divisions: [Division::Logarithmic, Division::Linear],
                curves: lines(&|s, _| s.response.phase_deg),
            });
        }
        Ok(panels(&folder.join("shapley_victor.png"), 2, &all)?)
    }

    fn findings(&self) -> Findings {
        let [x, y, open] = &self.cells;
        let growth = |cell: &[Vec<Sinusoid>], i: usize| {
            cell[3][i].response.amplitude_hz / cell[0][i].response.amplitude_hz
        };
        let advance =
            |cell: &[Vec<Sinusoid>], i: usize| cell[3][i].response.phase_deg - cell[0][i].response.phase_deg;
        let peaks = |cell: &[Vec<Sinusoid>]| (peak_frequency_hz(&cell[0]), peak_frequency_hz(&cell[3]));
        // Number 0 is 0.229 Hz, number 5 is 7.8 Hz, number 6 is 15.6 Hz.
        let (slow, fast, open_fast) = (growth(x, 0), growth(x, 6), growth(open, 6));
        let (low, high) = peaks(x);
        let (open_low, open_high) = peaks(open);
        Findings {
            title: "Contrast gain control",
            source: "Shapley & Victor 1978, J. Physiol. 285:275–298",
            figure: "shapley_victor.png",
            caption: "Sums of eight sinusoids on a grating of 0.2 cycles/deg; contrasts are those of each sinusoid. Presets \
                      cat-x and cat-y; without feedback: cat-x with λ = 0. The current is rectified behind the gain control, so \
                      even without feedback 8 times the contrast is less than 8 times the response, at every frequency alike."
                .into(),
            lines: vec![
                (
                    "Below 1 Hz the response grows much less than contrast.",
                    format!("8 times the contrast: {slow:.1} times the response at 0.23 Hz"),
                    slow < 4.0,
                ),
                (
                    "At high frequencies it grows about as contrast: as if there were no feedback.",
                    format!("8 times the contrast: {fast:.1} times the response at 15.6 Hz, {open_fast:.1} without"),
                    (0.8..1.25).contains(&(fast / open_fast)),
                ),
                (
                    "The peak moves to higher frequencies, and the tuning becomes sharper.",
                    format!("peak at {low:.1} Hz at the lowest contrast, {high:.1} Hz at the highest"),
                    high > 1.2 * low,
                ),
                (
                    "Above 4 Hz responses come earlier.",
                    format!("phase advance at 7.8 Hz: {:.0}°", advance(x, 5)),
                    advance(x, 5) > 10.0,
                ),
                (
                    "The effect is larger in Y cells.",
                    format!("0.23 Hz grows {:.1} times in Y, {slow:.1} times in X", growth(y, 0)),
                    growth(y, 0) < slow,
                ),
                (
                    "It needs the feedback.",
                    format!(
                        "without: growth {:.1} and {:.1} times, peak {open_low:.1} and {open_high:.1} Hz, advance {:.1}°",
                        growth(open, 0), growth(open, 5), advance(open, 5)
                    ),
                    (growth(open, 0) / growth(open, 5) - 1.0).abs() < 0.05
                        && (open_high / open_low - 1.0).abs() < 0.05
                        && advance(open, 5).abs() < 3.0,
                ),
            ],
        }
    }
}

/// The whole page.
fn page(all: &[Findings]) -> String {
    let mut text = String::from(
        "<!doctype html>\n<html lang=\"en\">\n<meta charset=\"utf-8\">\n<title>convis: physiology</title>\n<style>\n\
         body { font: 16px/1.5 sans-serif; max-width: 60em; margin: 2em auto; padding: 0 1em; color: #222; }\n\
         table { border-collapse: collapse; width: 100%; }\n\
         td, th { border-bottom: 1px solid #ddd; padding: .4em .6em; text-align: left; vertical-align: top; }\n\
         img { max-width: 100%; }\n.no { color: #b00; font-weight: bold; }\n</style>\n\
         <h1>Classical experiments on model cells of the cat</h1>\n\
         <p>Responses are the current of a ganglion cell in Hz, before spikes and without noise. Parameters are the published \
         ones, not fitted to these experiments.</p>\n",
    );
    for findings in all {
        let row = |(found, model, agrees): &(&str, String, bool)| {
            let verdict = if *agrees { "<td>yes" } else { "<td class=\"no\">no" };
            format!("<tr><td>{found}<td>{model}{verdict}\n")
        };
        let rows = findings.lines.iter().map(row).collect::<Vec<String>>().concat();
        text.extend([format!(
            "<h2>{}</h2>\n<p>{}</p>\n<img src=\"{}\" alt=\"{}\">\n<p>{}</p>\n\
             <table>\n<tr><th>Found in the cat<th>In the model<th>Agrees\n{rows}</table>\n",
            findings.title, findings.source, findings.figure, findings.title, findings.caption
        )]);
    }
    text + "</html>\n"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn model_cells_do_what_the_experiments_found() {
        let (x, y) = (preset("cat-x").unwrap(), preset("cat-y").unwrap());
        let spatial = Spatial::measure(&x, &y).unwrap().findings();
        let temporal = Temporal::measure(&x, &y).unwrap().findings();
        let lines: Vec<_> = spatial.lines.iter().chain(&temporal.lines).collect();
        assert_eq!(lines.len(), 11);
        for (found, model, agrees) in lines {
            assert!(agrees, "{found} In the model: {model}");
        }
    }
}
