//! The toolbox's own stimuli: every case of a file by the recorded formula.

use convis::Tensor;
use convis::stimuli::toolbox::{
    ConvisChirp, GaborKernel, MaskCircle, MovingBar, MovingGrating, Pulse, StimulusSize, mask_square,
};
use convis::stimuli::{Stimulus, movie};
use serde_json::Value;

use crate::compare::{Outcome, deviation};
use crate::file::Golden;

/// Single precision of numbers that a handful of operations in double precision made.
const TOLERANCE: f64 = 1e-6;

/// Compares every case of a file.
pub fn compare(golden: &Golden) -> Result<Outcome, String> {
    let cases = golden.params["cases"].as_array().ok_or("params_json has no cases")?;
    let mut worst = 0.0f64;
    for (i, case) in cases.iter().enumerate() {
        let name = case[0].as_str().ok_or("a case has no name")?;
        let Some(got) = show(name, &case[1])? else {
            return Ok(Outcome::Skipped(format!("{name} is not implemented")));
        };
        let deviation = deviation(&got.to_f64(), &golden.numbers(&format!("output_{i}"))?)?;
        worst = worst.max(deviation);
        if deviation > TOLERANCE {
            return Err(format!("output_{i} ({name}): {deviation:.2e} of max"));
        }
    }
    Ok(Outcome::Passed(format!("{} cases within {worst:.1e} of max", cases.len())))
}

/// The picture or movie of a case.
fn show(name: &str, arguments: &Value) -> Result<Option<Tensor>, String> {
    let number = |key: &str, default: f64| match &arguments[key] {
        Value::Null => Ok(default),
        value => value.as_f64().ok_or_else(|| format!("{name}: {key} is no number")),
    };
    let count = |key: &str, default: usize| match &arguments[key] {
        Value::Null => Ok(default),
        value => value.as_u64().map(|n| n as usize).ok_or_else(|| format!("{name}: {key} is no count")),
    };
    let flag = |key: &str, default: bool| match &arguments[key] {
        Value::Null => Ok(default),
        value => value.as_bool().ok_or_else(|| format!("{name}: {key} is neither true nor false")),
    };
    let size = || -> Result<StimulusSize, String> {
        let default = StimulusSize::default();
        Ok(StimulusSize {
            frames: count("t", default.frames)?,
            height: count("x", default.height)?,
            width: count("y", default.width)?,
        })
    };
    let shown = |stimulus: &dyn Stimulus| movie(stimulus, 0, stimulus.frames().unwrap_or(0) as usize);
    let picture = match name {
        "moving_grating" => {
            let default = MovingGrating::default();
            shown(&MovingGrating {
                size: size()?,
                vt: number("vt", default.vt)?,
                vx: number("vx", default.vx)?,
                vy: number("vy", default.vy)?,
            })
        }
        "moving_bar" => {
            let default = MovingBar::default();
            shown(&MovingBar {
                size: size()?,
                bar_pos: number("bar_pos", default.bar_pos)?,
                bar_direction: number("bar_direction", default.bar_direction)?,
                bar_width: number("bar_width", default.bar_width)?,
                bar_v: number("bar_v", default.bar_v)?,
                sharp: flag("sharp", default.sharp)?,
                temporal_smoothing: number("temporal_smoothing", default.temporal_smoothing)?,
            })
        }
        "pulse" => {
            let pulse_length = count("pulse_length", Pulse::default().pulse_length)?;
            shown(&Pulse { size: size()?, pulse_length })
        }
        "chirp" => {
            let default = ConvisChirp::default();
            let part = |name: &str, (on, off): (usize, usize)| -> Result<(usize, usize), String> {
                Ok((count(&format!("{name}_on"), on)?, count(&format!("{name}_off"), off)?))
            };
            let range = |name: &str, (from, to): (f64, f64)| -> Result<(f64, f64), String> {
                Ok((number(&format!("{name}_1"), from)?, number(&format!("{name}_2"), to)?))
            };
            shown(&ConvisChirp {
                size: size()?,
                amp_freq: number("amp_freq", default.amp_freq)?,
                amp: range("amp", default.amp)?,
                freq: range("freq", default.freq)?,
                scale: flag("scale", default.scale)?,
                pulse_at: part("pulse", default.pulse_at)?,
                amp_at: part("amp", default.amp_at)?,
                freq_at: part("freq", default.freq_at)?,
                fps: number("fps", default.fps)?,
            })
        }
        "gabor_kernel" => {
            let default = GaborKernel::default();
            GaborKernel {
                phi: number("phi", default.phi)?,
                size: count("size", default.size)?,
                resolution: number("resolution", default.resolution)?,
                f: number("f", default.f)?,
                phase: number("phase", default.phase)?,
                sigma_x: number("sigma_x", default.sigma_x)?,
                sigma_y: number("sigma_y", default.sigma_y)?,
            }
            .picture()
        }
        "mask_square" => {
            let width = number("width", 10.0)?;
            mask_square(count("x", 20)?, count("y", 20)?, width, flag("center_on_pixel", true)?)
        }
        "mask_circle" => {
            let default = MaskCircle::default();
            MaskCircle {
                x: count("x", default.x)?,
                y: count("y", default.y)?,
                radius: number("radius", default.radius)?,
                smooth: flag("smooth", default.smooth)?,
                sharpness: number("sharpness", default.sharpness)?,
                center_on_pixel: flag("center_on_pixel", default.center_on_pixel)?,
            }
            .picture()
        }
        _ => return Ok(None),
    };
    picture.map(Some).map_err(|error| format!("{name}: {error}"))
}
