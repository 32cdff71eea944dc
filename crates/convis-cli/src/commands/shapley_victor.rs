//! `convis shapley-victor`: contrast gain control of a described retina, measured with sums of sinusoids.

use std::path::PathBuf;

use clap::Args;
use convis::analysis::physiology::{Sinusoid, Subject, sum_of_sinusoids};
use convis::retina::Compatibility;
use convis_io::{Array, write_npz};

use super::convert::description;
use crate::error::{Error, Result};
use crate::interrupt;
use crate::model::{check_folder_of, positive};
use crate::text::say;

/// Measure contrast gain control with sums of sinusoids
///
/// Shows a grating whose contrast is the sum of eight sinusoids (0.229 to 31.24 Hz, Shapley & Victor 1978) to a ganglion
/// cell, at several contrasts, and prints gain and phase of its response at each frequency. The response is the current of
/// the cell or, with -tr, its spikes. It is computed by the step of the description and the conventions of Virtual
/// Retina (Deriche's blur, one step of delay between stages), unless --modern asks for those of this library. Options may
/// be written with one dash, as the program shapleyVictor had them.
#[derive(Args, Debug)]
#[command(
    allow_negative_numbers = true,
    after_long_help = "\
Gain: Hz of current, or spikes per second, for a contrast of 1. Phase: degrees
by which the response comes before the sinusoid; delays of stages count. With
gain control, gain at low frequencies falls with contrast and phases advance.

The sinusoids have 15, 31, 63, … 2047 cycles in the whole number of steps that
is nearest to 65.526 s, so the step has to be shorter than 16 ms. The grating
is one row of pixels; log-polar schemes hold, microsaccades are left out.

Examples:
  convis shapley-victor -ret cat.xml
  convis shapley-victor -ret preset:cat-y -T 8 -lCont 0.0125 -hCont 0.1 -mCont 2"
)]
pub struct ShapleyVictorArguments {
    /// The description: .xml, .toml, .json, or preset:NAME
    #[arg(long, value_name = "FILE", default_value = "preset:cat-x")]
    ret: String,

    /// The layer of ganglion cells, from 0
    #[arg(long, value_name = "NUMBER", default_value_t = 0)]
    layer: usize,

    /// Spatial period of the grating, pixels of the description
    #[arg(short = 'T', value_name = "PIXELS", default_value_t = 10.0, value_parser = positive)]
    period_px: f64,

    /// Mean luminance [default: half the range]
    #[arg(long = "Lum", value_name = "NUMBER", value_parser = positive)]
    luminance: Option<f64>,

    /// Lowest contrast of a sinusoid
    #[arg(long = "lCont", value_name = "CONTRAST", default_value_t = 0.0125, value_parser = positive)]
    lowest: f64,

    /// Highest contrast of a sinusoid, at most 1/8
    #[arg(long = "hCont", value_name = "CONTRAST", default_value_t = 0.1, value_parser = positive)]
    highest: f64,

    /// From one contrast to the next
    #[arg(long = "mCont", value_name = "FACTOR", default_value_t = 2.0, value_parser = positive)]
    factor: f64,

    /// Phases of the grating that are tried; the one with the largest response counts
    #[arg(long = "nP", value_name = "NUMBER", default_value_t = 5, value_parser = clap::value_parser!(u8).range(1..=32))]
    phases: u8,

    /// Trials whose spikes are the response; 0 for the current
    #[arg(long = "tr", value_name = "NUMBER", default_value_t = 0, value_parser = clap::value_parser!(u16).range(..=1000))]
    trials: u16,

    /// Compute as this library does by default, at 500 steps per second
    #[arg(long)]
    modern: bool,

    /// Seed of the noise of trials
    #[arg(long, value_name = "NUMBER", default_value_t = 0)]
    seed: u64,

    /// Also write the numbers as .npz
    #[arg(short, long, value_name = "FILE")]
    out: Option<PathBuf>,
}

/// Measures gain control.
pub fn shapley_victor(arguments: &ShapleyVictorArguments) -> Result<()> {
    interrupt::listen()?;
    if let Some(out) = &arguments.out {
        check_folder_of(out)?;
        if !out.extension().is_some_and(|ending| ending.eq_ignore_ascii_case("npz")) {
            return Err(Error::Usage("--out: numbers are written as .npz; give a name that ends so".into()));
        }
    }
    let contrasts = contrasts(arguments)?;
    let described = description(&arguments.ret, false)?;
    let ppd = described.retina.pixels_per_degree;
    // As wide as the receptive field of any published retina, and a few periods of the grating.
    let columns = (40.0 * arguments.period_px).clamp(65.0, 2001.0) as usize;
    let (step_s, conventions) = if arguments.modern {
        (1.0 / 500.0, Compatibility { adapted_start: true, ..Compatibility::NONE })
    } else {
        (described.retina.temporal_step_s, Compatibility::VIRTUAL_RETINA)
    };
    let named = |error: convis::Error| Error::Failed(format!("{}: {error}", arguments.ret));
    let mut subject =
        Subject::with_conventions(&described, arguments.layer, ppd, step_s, columns, conventions)
            .map_err(named)?;
    if arguments.trials > 0 {
        subject = subject.with_trials(arguments.trials.into(), arguments.seed).map_err(named)?;
    }
    if let Some(luminance) = arguments.luminance {
        subject = subject.with_mean_luminance(luminance)?;
    }
    let mut measured = vec![];
    for &contrast in &contrasts {
        let mut best: Option<Vec<Sinusoid>> = None;
        for phase in 0..arguments.phases {
            if interrupt::requested() {
                return Err(Error::Interrupted("interrupted: nothing was written".into()));
            }
            let phase_deg = 180.0 * f64::from(phase) / f64::from(arguments.phases);
            let responses =
                sum_of_sinusoids(&subject, ppd / arguments.period_px, phase_deg, contrast).map_err(named)?;
            let power = |responses: &[Sinusoid]| {
                responses.iter().map(|sinusoid| sinusoid.response.amplitude_hz.powi(2)).sum::<f64>()
            };
            if best.as_ref().is_none_or(|best| power(&responses) > power(best)) {
                best = Some(responses);
            }
        }
        measured.push(best.unwrap_or_default());
    }
    say(&table(&contrasts, &measured))?;
    if let Some(out) = &arguments.out {
        let frequencies: Vec<f64> = measured[0].iter().map(|sinusoid| sinusoid.frequency_hz).collect();
        let shape = [contrasts.len(), frequencies.len()];
        let all = |of: fn(&Sinusoid) -> f64| measured.iter().flatten().map(of).collect::<Vec<f64>>();
        let arrays = [
            ("frequency_hz", Array::new([shape[1]], frequencies)?),
            ("contrast", Array::new([shape[0]], contrasts)?),
            ("amplitude_hz", Array::new(shape, all(|sinusoid| sinusoid.response.amplitude_hz))?),
            ("phase_deg", Array::new(shape, all(|sinusoid| sinusoid.response.phase_deg))?),
        ];
        write_npz(out, &arrays)?;
    }
    Ok(())
}

fn contrasts(arguments: &ShapleyVictorArguments) -> Result<Vec<f64>> {
    let ShapleyVictorArguments { lowest, highest, factor, .. } = *arguments;
    if highest < lowest || highest > 0.125 {
        return Err(Error::Usage(format!(
            "--hCont {highest}: from --lCont, {lowest}, to 0.125: eight sinusoids have a contrast of 1 together"
        )));
    }
    if factor <= 1.01 && highest > lowest {
        return Err(Error::Usage(format!("--mCont {factor}: a factor above 1.01 expected")));
    }
    let next = |contrast: &f64| Some(contrast * factor).filter(|next| *next <= highest * (1.0 + 1e-9));
    Ok(if highest > lowest { std::iter::successors(Some(lowest), next).collect() } else { vec![lowest] })
}

fn table(contrasts: &[f64], measured: &[Vec<Sinusoid>]) -> String {
    let line = |name: String, of: &dyn Fn(&Sinusoid) -> String, responses: &[Sinusoid]| {
        let numbers: Vec<String> = responses.iter().map(|sinusoid| format!("{:>8}", of(sinusoid))).collect();
        format!("{name:<10}{}\n", numbers.concat())
    };
    let frequencies = |sinusoid: &Sinusoid| format!("{:.3}", sinusoid.frequency_hz);
    let mut lines = vec![line("Hz".into(), &frequencies, &measured[0])];
    for (contrast, responses) in contrasts.iter().zip(measured) {
        let gain = |sinusoid: &Sinusoid| format!("{:.1}", sinusoid.response.amplitude_hz / contrast);
        let phase = |sinusoid: &Sinusoid| format!("{:.1}", sinusoid.response.phase_deg);
        lines.push(format!("\ncontrast {contrast:.4}\n"));
        lines.push(line("  gain".into(), &gain, responses));
        lines.push(line("  phase".into(), &phase, responses));
    }
    lines.concat()
}
