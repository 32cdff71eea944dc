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

/// What a case passes to its function.
struct Arguments<'a> {
    name: &'a str,
    values: &'a Value,
}

impl Arguments<'_> {
    fn number(&self, key: &str, default: f64) -> Result<f64, String> {
        match &self.values[key] {
            Value::Null => Ok(default),
            value => value.as_f64().ok_or_else(|| format!("{}: {key} is no number", self.name)),
        }
    }

    fn count(&self, key: &str, default: usize) -> Result<usize, String> {
        let number = self.number(key, default as f64)?;
        let whole = number >= 0.0 && number.fract() == 0.0;
        if whole { Ok(number as usize) } else { Err(format!("{}: {key} is no count", self.name)) }
    }

    fn flag(&self, key: &str, default: bool) -> Result<bool, String> {
        match &self.values[key] {
            Value::Null => Ok(default),
            value => value.as_bool().ok_or_else(|| format!("{}: {key} is neither true nor false", self.name)),
        }
    }

    fn size(&self) -> Result<StimulusSize, String> {
        let default = StimulusSize::default();
        Ok(StimulusSize {
            frames: self.count("t", default.frames)?,
            height: self.count("x", default.height)?,
            width: self.count("y", default.width)?,
        })
    }
}

/// The picture or movie of a case; `None` for a name that is not known.
fn show(name: &str, values: &Value) -> Result<Option<Tensor>, String> {
    let arguments = Arguments { name, values };
    let shown = match show_movie(&arguments)? {
        Some(shown) => Some(shown),
        None => draw_picture(&arguments)?,
    };
    shown.transpose().map_err(|error| format!("{name}: {error}"))
}

fn show_movie(arguments: &Arguments<'_>) -> Result<Option<convis::Result<Tensor>>, String> {
    let shown = |stimulus: &dyn Stimulus| movie(stimulus, 0, stimulus.frames().unwrap_or(0) as usize);
    Ok(Some(match arguments.name {
        "moving_grating" => {
            let default = MovingGrating::default();
            shown(&MovingGrating {
                size: arguments.size()?,
                vt: arguments.number("vt", default.vt)?,
                vx: arguments.number("vx", default.vx)?,
                vy: arguments.number("vy", default.vy)?,
            })
        }
        "moving_bar" => {
            let default = MovingBar::default();
            shown(&MovingBar {
                size: arguments.size()?,
                bar_pos: arguments.number("bar_pos", default.bar_pos)?,
                bar_direction: arguments.number("bar_direction", default.bar_direction)?,
                bar_width: arguments.number("bar_width", default.bar_width)?,
                bar_v: arguments.number("bar_v", default.bar_v)?,
                sharp: arguments.flag("sharp", default.sharp)?,
                temporal_smoothing: arguments.number("temporal_smoothing", default.temporal_smoothing)?,
            })
        }
        "pulse" => {
            let pulse_length = arguments.count("pulse_length", Pulse::default().pulse_length)?;
            shown(&Pulse { size: arguments.size()?, pulse_length })
        }
        "chirp" => {
            let default = ConvisChirp::default();
            let part = |name: &str, (on, off): (usize, usize)| -> Result<(usize, usize), String> {
                Ok((
                    arguments.count(&format!("{name}_on"), on)?,
                    arguments.count(&format!("{name}_off"), off)?,
                ))
            };
            let range = |name: &str, (from, to): (f64, f64)| -> Result<(f64, f64), String> {
                Ok((
                    arguments.number(&format!("{name}_1"), from)?,
                    arguments.number(&format!("{name}_2"), to)?,
                ))
            };
            shown(&ConvisChirp {
                size: arguments.size()?,
                amp_freq: arguments.number("amp_freq", default.amp_freq)?,
                amp: range("amp", default.amp)?,
                freq: range("freq", default.freq)?,
                scale: arguments.flag("scale", default.scale)?,
                pulse_at: part("pulse", default.pulse_at)?,
                amp_at: part("amp", default.amp_at)?,
                freq_at: part("freq", default.freq_at)?,
                fps: arguments.number("fps", default.fps)?,
            })
        }
        _ => return Ok(None),
    }))
}

fn draw_picture(arguments: &Arguments<'_>) -> Result<Option<convis::Result<Tensor>>, String> {
    Ok(Some(match arguments.name {
        "gabor_kernel" => {
            let default = GaborKernel::default();
            GaborKernel {
                phi: arguments.number("phi", default.phi)?,
                size: arguments.count("size", default.size)?,
                resolution: arguments.number("resolution", default.resolution)?,
                f: arguments.number("f", default.f)?,
                phase: arguments.number("phase", default.phase)?,
                sigma_x: arguments.number("sigma_x", default.sigma_x)?,
                sigma_y: arguments.number("sigma_y", default.sigma_y)?,
            }
            .picture()
        }
        "mask_square" => {
            let width = arguments.number("width", 10.0)?;
            mask_square(
                arguments.count("x", 20)?,
                arguments.count("y", 20)?,
                width,
                arguments.flag("center_on_pixel", true)?,
            )
        }
        "mask_circle" => {
            let default = MaskCircle::default();
            MaskCircle {
                x: arguments.count("x", default.x)?,
                y: arguments.count("y", default.y)?,
                radius: arguments.number("radius", default.radius)?,
                smooth: arguments.flag("smooth", default.smooth)?,
                sharpness: arguments.number("sharpness", default.sharpness)?,
                center_on_pixel: arguments.flag("center_on_pixel", default.center_on_pixel)?,
            }
            .picture()
        }
        _ => return Ok(None),
    }))
}
