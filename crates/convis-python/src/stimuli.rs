//! Stimuli and finite kernels by the name of their type and options by name, one line each.

use convis::numerical_filters::{self as kernels, Rule, Spatial, Temporal};
use convis::stimuli::toolbox::{
    ConvisChirp, GaborKernel, MaskCircle, MovingBar, MovingGrating, Pulse, RandomChecker, SampleGenerator,
    SparseInput, StimulusSize, mask_square,
};
use convis::stimuli::{
    Checkers, ContrastReversingGrating, DifferentialMotion, Distribution, DriftingGrating, EulerChirp,
    EyeMovements, FullFieldFlash, GratingBattery, JitteredImage, LoomingDisc, MSequence, Modulation, Motion,
    MovingBarSet, Screen, Stimulus, SumOfSinusoids, Waveform,
};
use convis::{Resolution, Tensor};
use numpy::ndarray::Array3;
use numpy::{IntoPyArray, PyArray3};
use pyo3::exceptions::{PyRuntimeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::PyDict;

use crate::arrays;
use crate::compute::compute;
use crate::errors::checked;
use crate::options::Options;
use crate::tensor::PyTensor;

const DISTRIBUTIONS: [(&str, Distribution); 2] =
    [("binary", Distribution::Binary), ("gaussian", Distribution::Gaussian)];
const WAVEFORMS: [(&str, Waveform); 2] = [("sine", Waveform::Sine), ("square", Waveform::Square)];
const MODULATIONS: [(&str, Modulation); 2] =
    [("drifting", Modulation::Drifting), ("reversing", Modulation::Reversing)];
const MOTIONS: [(&str, Motion); 4] = [
    ("differential", Motion::Differential),
    ("global", Motion::Global),
    ("object_only", Motion::ObjectOnly),
    ("background_only", Motion::BackgroundOnly),
];
const RULES: [(&str, Rule); 2] = [("published", Rule::Published), ("convis", Rule::Convis)];

/// A movie that computes any frame from its number.
#[pyclass(frozen, name = "Stimulus", module = "convis._native")]
pub struct PyStimulus(Box<dyn Stimulus>);

#[pymethods]
impl PyStimulus {
    /// Rows and columns.
    #[getter]
    fn size(&self) -> (usize, usize) {
        self.0.size()
    }

    /// Number of frames; None if it has no end.
    #[getter]
    fn frames(&self) -> Option<u64> {
        self.0.frames()
    }

    /// So many frames from frame number `first` on (time, height, width).
    fn render<'py>(&self, py: Python<'py>, first: u64, frames: usize) -> PyResult<Bound<'py, PyArray3<f32>>> {
        let (height, width) = self.0.size();
        let len = frames.checked_mul(height * width).filter(|&len| len < 1 << 40).ok_or_else(|| {
            PyValueError::new_err(format!("frames: expected fewer than fit into memory, got {frames}"))
        })?;
        let numbers = compute(py, || {
            let mut numbers = vec![0.0f32; len];
            self.0.render_frames(first, &mut numbers);
            Ok(numbers)
        })?;
        let array = Array3::from_shape_vec((frames, height, width), numbers)
            .map_err(|error| PyRuntimeError::new_err(error.to_string()))?;
        Ok(array.into_pyarray(py))
    }
}

/// Build a stimulus; resolution: pixels per degree, frames per second.
#[pyfunction]
pub fn stimulus(kind: &str, options: Bound<'_, PyDict>, resolution: (f64, f64)) -> PyResult<PyStimulus> {
    let resolution = checked(Resolution::new(resolution.0, resolution.1))?;
    let options = Options::new(options);
    let stimulus = built(kind, &options, resolution)?;
    options.done(kind)?;
    checked(stimulus.check())?;
    Ok(PyStimulus(stimulus))
}

#[allow(clippy::too_many_lines)] // a table
fn built(kind: &str, o: &Options<'_>, resolution: Resolution) -> PyResult<Box<dyn Stimulus>> {
    let screen =
        || Ok::<_, PyErr>(Screen { height: o.count("height")?, width: o.count("width")?, resolution });
    let size = || size(o);
    Ok(match kind {
        "FullFieldFlash" => Box::new(FullFieldFlash {
            screen: screen()?,
            before_s: o.number("before_s")?,
            on_s: o.number("on_s")?,
            after_s: o.number("after_s")?,
            background: o.number("background")?,
            luminance: o.number("luminance")?,
            repeats: o.count("repeats")?,
        }),
        "EulerChirp" => Box::new(EulerChirp {
            screen: screen()?,
            diameter_um: o.number("diameter_um")?,
            um_per_degree: o.number("um_per_degree")?,
            display_rate_hz: o.maybe_number("display_rate_hz")?,
            eight_bit: o.flag("eight_bit")?,
            repeats: o.count("repeats")?,
        }),
        "MovingBarSet" => Box::new(MovingBarSet {
            screen: screen()?,
            length_um: o.number("length_um")?,
            thickness_um: o.number("thickness_um")?,
            speed_um_per_s: o.number("speed_um_per_s")?,
            um_per_degree: o.number("um_per_degree")?,
            directions_deg: o.numbers("directions_deg")?,
            direction_s: o.number("direction_s")?,
            before_s: o.number("before_s")?,
            after_s: o.number("after_s")?,
            bar: o.number("bar")?,
            background: o.number("background")?,
        }),
        "SumOfSinusoids" => Box::new(SumOfSinusoids {
            screen: screen()?,
            frequencies_hz: o.numbers("frequencies_hz")?,
            contrast: o.number("contrast")?,
            spatial_frequency_cpd: o.number("spatial_frequency_cpd")?,
            orientation_deg: o.number("orientation_deg")?,
            phase_deg: o.number("phase_deg")?,
            mean: o.number("mean")?,
        }),
        "Checkers" => Box::new(Checkers {
            screen: screen()?,
            check_deg: o.number("check_deg")?,
            pictures_per_second: o.number("pictures_per_second")?,
            distribution: o.choice("distribution", &DISTRIBUTIONS)?,
            contrast: o.number("contrast")?,
            mean: o.number("mean")?,
            seed: o.seed("seed")?,
        }),
        "MSequence" => Box::new(MSequence {
            screen: screen()?,
            order: o.seed("order")?.min(u64::from(u32::MAX)) as u32,
            check_deg: o.number("check_deg")?,
            pictures_per_second: o.number("pictures_per_second")?,
            contrast: o.number("contrast")?,
            mean: o.number("mean")?,
        }),
        "DriftingGrating" => Box::new(DriftingGrating {
            screen: screen()?,
            spatial_frequency_cpd: o.number("spatial_frequency_cpd")?,
            temporal_frequency_hz: o.number("temporal_frequency_hz")?,
            direction_deg: o.number("direction_deg")?,
            phase_deg: o.number("phase_deg")?,
            contrast: o.number("contrast")?,
            mean: o.number("mean")?,
            waveform: o.choice("waveform", &WAVEFORMS)?,
        }),
        "ContrastReversingGrating" => Box::new(ContrastReversingGrating {
            screen: screen()?,
            spatial_frequency_cpd: o.number("spatial_frequency_cpd")?,
            temporal_frequency_hz: o.number("temporal_frequency_hz")?,
            orientation_deg: o.number("orientation_deg")?,
            phase_deg: o.number("phase_deg")?,
            temporal_phase_deg: o.number("temporal_phase_deg")?,
            contrast: o.number("contrast")?,
            mean: o.number("mean")?,
            waveform: o.choice("waveform", &WAVEFORMS)?,
        }),
        "GratingBattery" => Box::new(GratingBattery {
            screen: screen()?,
            modulation: o.choice("modulation", &MODULATIONS)?,
            directions_deg: o.numbers("directions_deg")?,
            spatial_frequencies_cpd: o.numbers("spatial_frequencies_cpd")?,
            temporal_frequencies_hz: o.numbers("temporal_frequencies_hz")?,
            phases_deg: o.numbers("phases_deg")?,
            contrasts: o.numbers("contrasts")?,
            grating_s: o.number("grating_s")?,
            blank_s: o.number("blank_s")?,
            repeats: o.count("repeats")?,
            shuffle: o.maybe_seed("shuffle")?,
            mean: o.number("mean")?,
            waveform: o.choice("waveform", &WAVEFORMS)?,
        }),
        "JitteredImage" => {
            let eye = EyeMovements {
                diffusion_deg2_per_s: o.number("diffusion_deg2_per_s")?,
                return_time_s: o.number("return_time_s")?,
                microsaccade_rate_hz: o.number("microsaccade_rate_hz")?,
                microsaccade_amplitude_deg: o.number("microsaccade_amplitude_deg")?,
                microsaccade_duration_s: o.number("microsaccade_duration_s")?,
                seed: o.seed("seed")?,
            };
            let picture = arrays::owned(&o.any("picture")?)?;
            let &[rows, columns] = picture.shape() else {
                return Err(PyValueError::new_err(format!(
                    "picture: expected two axes (height, width), got shape {:?}",
                    picture.shape()
                )));
            };
            Box::new(checked(JitteredImage::new(picture.to_f32(), (rows, columns), screen()?, eye))?)
        }
        "LoomingDisc" => Box::new(LoomingDisc {
            screen: screen()?,
            half_size_to_speed_s: o.number("half_size_to_speed_s")?,
            start_deg: o.number("start_deg")?,
            end_deg: o.number("end_deg")?,
            before_s: o.number("before_s")?,
            hold_s: o.number("hold_s")?,
            x_deg: o.number("x_deg")?,
            y_deg: o.number("y_deg")?,
            disc: o.number("disc")?,
            background: o.number("background")?,
        }),
        "DifferentialMotion" => Box::new(DifferentialMotion {
            screen: screen()?,
            motion: o.choice("motion", &MOTIONS)?,
            radius_deg: o.number("radius_deg")?,
            gap_deg: o.number("gap_deg")?,
            period_deg: o.number("period_deg")?,
            step_deg: o.number("step_deg")?,
            step_rate_hz: o.number("step_rate_hz")?,
            orientation_deg: o.number("orientation_deg")?,
            contrast: o.number("contrast")?,
            mean: o.number("mean")?,
            waveform: o.choice("waveform", &WAVEFORMS)?,
            seed: o.seed("seed")?,
        }),
        "moving_grating" => Box::new(MovingGrating {
            size: size()?,
            vt: o.number("vt")?,
            vx: o.number("vx")?,
            vy: o.number("vy")?,
        }),
        "moving_bar" => Box::new(MovingBar {
            size: size()?,
            bar_pos: o.number("bar_pos")?,
            bar_direction: o.number("bar_direction")?,
            bar_width: o.number("bar_width")?,
            bar_v: o.number("bar_v")?,
            sharp: o.flag("sharp")?,
            temporal_smoothing: o.number("temporal_smoothing")?,
        }),
        "pulse" => Box::new(Pulse { size: size()?, pulse_length: o.count("pulse_length")? }),
        "chirp" => Box::new(ConvisChirp {
            size: size()?,
            amp_freq: o.number("amp_freq")?,
            amp: (o.number("amp_1")?, o.number("amp_2")?),
            freq: (o.number("freq_1")?, o.number("freq_2")?),
            scale: o.flag("scale")?,
            pulse_at: (o.count("pulse_on")?, o.count("pulse_off")?),
            amp_at: (o.count("amp_on")?, o.count("amp_off")?),
            freq_at: (o.count("freq_on")?, o.count("freq_off")?),
            fps: o.number("fps")?,
        }),
        "random_checker_stimulus" => Box::new(RandomChecker {
            size: size()?,
            checker_size: o.count("checker_size")?,
            seed: o.seed("seed")?,
        }),
        "sparse_input" => Box::new(SparseInput {
            size: size()?,
            probability: o.number("probability")?,
            seed: o.seed("seed")?,
        }),
        _ => return Err(PyRuntimeError::new_err(format!("there is no stimulus {kind:?}"))),
    })
}

/// Frames, rows and columns; t, x and y in the toolbox.
fn size(o: &Options<'_>) -> PyResult<StimulusSize> {
    Ok(StimulusSize { frames: o.count("t")?, height: o.count("x")?, width: o.count("y")? })
}

/// A kernel or a mask, by name; resolution: pixels per degree, steps per second.
#[pyfunction]
pub fn kernel(kind: &str, options: Bound<'_, PyDict>, resolution: (f64, f64)) -> PyResult<PyTensor> {
    let r = checked(Resolution::new(resolution.0, resolution.1))?;
    let o = Options::new(options);
    let line = |numbers: Vec<f64>| {
        let len = numbers.len();
        Tensor::from_vec(numbers, &[len])
    };
    let kernel = match kind {
        "exponential" => kernels::exponential(o.number("tau")?, &temporal(&o)?, r).and_then(line),
        "high_pass" => {
            let weight = o.number("relative_weight")?;
            kernels::high_pass(o.number("tau")?, weight, &temporal(&o)?, r).and_then(line)
        }
        "gaussian" => {
            let options = Spatial {
                rule: o.choice("rule", &RULES)?,
                even: o.flag("even")?,
                epsilon: o.number("epsilon")?,
                border: o.number("border")?,
            };
            kernels::gaussian_2d(o.number("sigma_x")?, o.number("sigma_y")?, &options, r)
        }
        "gabor" => GaborKernel {
            phi: o.number("phi")?,
            size: o.count("size")?,
            resolution: o.number("resolution")?,
            f: o.number("f")?,
            phase: o.number("phase")?,
            sigma_x: o.number("sigma_x")?,
            sigma_y: o.number("sigma_y")?,
        }
        .picture(),
        "mask_square" => {
            let centered = o.flag("center_on_pixel")?;
            mask_square(o.count("x")?, o.count("y")?, o.number("width")?, centered)
        }
        "mask_circle" => MaskCircle {
            x: o.count("x")?,
            y: o.count("y")?,
            radius: o.number("radius")?,
            smooth: o.flag("smooth")?,
            sharpness: o.number("sharpness")?,
            center_on_pixel: o.flag("center_on_pixel")?,
        }
        .picture(),
        _ => return Err(PyRuntimeError::new_err(format!("there is no kernel {kind:?}"))),
    };
    o.done(kind)?;
    Ok(checked(kernel)?.into())
}

fn temporal(o: &Options<'_>) -> PyResult<Temporal> {
    let even = o.any("even")?;
    Ok(Temporal {
        order: o.count("n")?,
        amplification: o.number("amplification")?,
        rule: o.choice("rule", &RULES)?,
        epsilon: o.number("epsilon")?,
        min_steps: o.count("min_steps")?,
        max_length: o.count("max_length")?,
        even: if even.is_none() { None } else { Some(even.is_truthy()?) },
        normalize: o.flag("normalize")?,
    })
}

/// Weights of the input and of the output before, of Deriche's recursive blur.
#[pyfunction]
pub fn deriche(density: f64) -> PyResult<([f64; 4], [f64; 2])> {
    checked(kernels::deriche(density))
}

/// Stimulus, response and kernel of a cell that is known.
#[pyfunction]
pub fn sample_data(
    py: Python<'_>,
    options: Bound<'_, PyDict>,
    stimulus: &Bound<'_, PyAny>,
) -> PyResult<(PyTensor, PyTensor, PyTensor)> {
    let o = Options::new(options);
    let [frames, height, width] = o.counts("kernel_size")?;
    let generator = SampleGenerator {
        kernel_size: StimulusSize { frames, height, width },
        density: o.number("density")?,
        rectify: o.flag("rectify")?,
        noise: o.number("noise")?,
        seed: o.seed("seed")?,
    };
    o.done("SampleGenerator")?;
    let shown = arrays::owned(stimulus)?;
    let data = compute(py, || checked(generator.respond(shown)))?;
    Ok((data.stimulus.into(), data.response.into(), data.kernel.into()))
}

/// A differentiable exponential kernel of fixed length.
#[pyclass(frozen, name = "ExponentialKernel", module = "convis._native")]
pub struct PyExponentialKernel(convis::filters::ExponentialKernel);

#[pymethods]
impl PyExponentialKernel {
    #[new]
    fn new(options: Bound<'_, PyDict>, resolution: (f64, f64)) -> PyResult<Self> {
        let r = checked(Resolution::new(resolution.0, resolution.1))?;
        let o = Options::new(options);
        let (tau, n, factor) = (o.number("tau")?, o.count("n")?, o.number("amplification")?);
        let rule = o.choice("rule", &RULES)?;
        let kernel = convis::filters::ExponentialKernel::new(tau, n, factor, o.count("length")?, rule, r);
        o.done("ExponentialKernel")?;
        Ok(Self(checked(kernel)?))
    }

    /// Its parameters: tau, amplification.
    fn parameters(&self) -> [crate::parameter::PyParameter; 2] {
        [self.0.tau().clone().into(), self.0.amplification().clone().into()]
    }

    /// The samples.
    fn kernel(&self, tracked: bool) -> PyResult<PyTensor> {
        Ok(checked(self.0.kernel(tracked))?.into())
    }
}
