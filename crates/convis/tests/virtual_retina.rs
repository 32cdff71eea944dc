//! What a retina made from a description promises: same bits for any chunks, threads and interruption, spikes and
//! microsaccades included; right gradients of every parameter through every analog stage; switches that do what they say.

use std::collections::BTreeMap;
use std::ops::ControlFlow;

use convis::kernels::parallel::with_threads;
use convis::layer;
use convis::retina::description::{
    CellArray, CircularArray, ContrastGainControl, CustomGainControl, GanglionLayer, LogPolar,
    LuminanceGainControl, Microsaccades, OuterPlexiform, RetinaDescription, SpikeAdaptation, SpikingChannel,
    SquareArray, Undershoot, Unit,
};
use convis::retina::{Compatibility, EyeTrace, Retina, VirtualRetinaOptions};
use convis::run::{Movie, RunOptions, run};
use convis::tensor::{Data, backward};
use convis::{DType, GradientMode, NoiseId, Spike, State, Tensor, call};

const NOISE: NoiseId = NoiseId { seed: 3, model: 1, trial: 0 };

/// A movie of moving, flickering texture, luminance 0 to 255.
fn movie(dtype: DType, [frames, height, width]: [usize; 3]) -> Tensor {
    let mut numbers = Vec::new();
    for t in 0..frames {
        for y in 0..height {
            for x in 0..width {
                let (t, y, x) = (t as f64, y as f64, x as f64);
                numbers.push(127.5 + 110.0 * (0.7 * x + 0.3 * y - 0.2 * t).sin() * (0.05 * t).cos());
            }
        }
    }
    Tensor::from_vec(numbers, &[1, 1, frames, height, width]).unwrap().cast(dtype)
}

/// A retina with something of everything: undershoot, custom gain control, pooling, noisy and adapting cells on a grid, on
/// rings, one by one and at every pixel.
fn everything() -> RetinaDescription {
    let mut d = RetinaDescription::default();
    d.retina.temporal_step_s = 0.005;
    d.retina.pixels_per_degree = 10.0;
    let OuterPlexiform::Linear(opl) = &mut d.outer_plexiform else { panic!("linear by default") };
    (opl.center_sigma_deg, opl.surround_sigma_deg, opl.relative_weight) = (0.06, 0.15, 0.9);
    (opl.amplification, opl.leaky_heat) = (10.0, true);
    opl.undershoot = Some(Undershoot { relative_weight: 0.5, tau_s: 0.1, enabled: true });
    let gain = d.contrast_gain_control.insert(ContrastGainControl::default());
    (gain.opl_amplification_hz, gain.inert_leaks_hz) = (150.0, 20.0);
    (gain.adaptation_sigma_deg, gain.adaptation_feedback_amplification_hz) = (0.15, 60.0);
    gain.custom = Some(CustomGainControl {
        powerlaw_exponent: 1.5,
        inhibition_reversal: -0.2,
        on_off_symmetry: true,
        threshold: 0.05,
        transient_relative_weight: 5.0,
        transient_tau_s: 0.02,
    });
    let channel = SpikingChannel {
        sigma_v: 0.1,
        refractory_sd_s: 0.001,
        random_init: true,
        ..SpikingChannel::default()
    };
    let square = CellArray::Square(SquareArray {
        uniform_density_inv_deg: 8.0,
        position_noise: 0.2,
        ..SquareArray::default()
    });
    let circular =
        CellArray::Circular(CircularArray { fovea_density_inv_deg: 8.0, ..CircularArray::default() });
    let units = vec![Unit { x_offset_deg: 0.13, y_offset_deg: -0.2, id: None }, Unit::default()];
    let adaptation = Some(SpikeAdaptation { delta_g_hz: 20.0, tau_s: 0.05, reversal: -0.1 });
    for (sign, sigma_pool_deg, array, units, adaptation) in [
        (1.0, 0.0, Some(square), vec![], None),
        (-1.0, 0.1, Some(circular), vec![], adaptation),
        (1.0, 0.0, None, units, None),
        (-1.0, 0.0, None, vec![], None),
    ] {
        d.ganglion_layers.push(GanglionLayer {
            sign,
            sigma_pool_deg,
            spiking: Some(SpikingChannel { array, units, adaptation, ..channel.clone() }),
            ..GanglionLayer::default()
        });
    }
    d
}

fn saccades() -> Microsaccades {
    Microsaccades {
        period_mean_s: 0.03,
        period_sd_s: 0.01,
        amplitude_mean_deg: 0.2,
        duration_mean_s: 0.02,
        ..Microsaccades::default()
    }
}

fn log_polar() -> LogPolar {
    LogPolar { fovea_radius_deg: 0.5, scaling_factor_outside_fovea_inv_deg: 0.7, ..LogPolar::default() }
}

fn retina(description: &RetinaDescription, compatibility: Compatibility) -> Retina {
    let options = VirtualRetinaOptions { compatibility, ..VirtualRetinaOptions::default() };
    Retina::virtual_retina(description, options).unwrap()
}

#[derive(Debug, PartialEq)]
struct Everything {
    outputs: BTreeMap<String, Tensor>,
    events: BTreeMap<String, Vec<Spike>>,
    state: State,
}

fn run_all(retina: &Retina, movie: &Tensor, mut state: State, chunks: &[usize]) -> Everything {
    let mut parts: BTreeMap<String, Vec<Tensor>> = BTreeMap::new();
    let mut events: BTreeMap<String, Vec<Spike>> = BTreeMap::new();
    let mut first = 0;
    for &frames in chunks {
        let options = RunOptions {
            chunk: Some(frames),
            spikes: true,
            stages: vec!["bipolar.adaptation".into(), "opl.opl_filter.receptors".into()],
            ..RunOptions::default()
        };
        let mut part = Movie::new(movie.frames(first, frames).unwrap()).unwrap();
        run(retina, &mut part, &mut state, &options, &mut |chunk| {
            for (name, output) in chunk.output.into_movies() {
                parts.entry(name).or_default().push(output);
            }
            for (path, output) in chunk.recorder.outputs {
                parts.entry(path).or_default().push(output.first()?.clone());
            }
            for (path, spikes) in chunk.recorder.events {
                events.entry(path).or_default().extend(spikes);
            }
            Ok(ControlFlow::Continue(()))
        })
        .unwrap();
        first += frames;
        // A state that was saved and restored goes on with the same bits.
        state = State::from_parts(state.arrays().clone(), state.noise(), state.frames(), state.sizes());
    }
    let join = |(name, parts): (String, Vec<Tensor>)| (name, Tensor::join_frames(&parts).unwrap());
    Everything { outputs: parts.into_iter().map(join).collect(), events, state }
}

#[test]
fn any_chunks_threads_and_interruptions_give_the_same_bits() {
    for (saccades, log_polar, compatibility) in [
        (None, None, Compatibility::VIRTUAL_RETINA),
        (Some(saccades()), Some(log_polar()), Compatibility::VIRTUAL_RETINA),
        (Some(saccades()), None, Compatibility::NONE),
    ] {
        let mut description = everything();
        (description.microsaccades, description.log_polar) = (saccades, log_polar);
        let retina = retina(&description, compatibility);
        let movie = movie(DType::F32, [60, 64, 71]);
        let whole = run_all(&retina, &movie, State::new(NOISE), &[60]);
        assert_eq!(whole.events.len(), 4);
        assert!(whole.events.values().all(|spikes| spikes.len() > 5));
        for (path, spikes) in &whole.events {
            let name = path.replace("gang", "ganglion").replace("_spikes", "");
            let dense: f64 = whole.outputs[&name].to_f64().iter().sum();
            assert_eq!(dense, spikes.len() as f64, "{name}");
        }
        for (threads, chunks) in [(1, vec![1; 60]), (2, vec![7, 40, 13]), (3, vec![59, 1])] {
            let other = with_threads(threads, || run_all(&retina, &movie, State::new(NOISE), &chunks));
            assert!(other == whole, "{compatibility:?}, chunks {chunks:?}, {threads} threads");
        }
        let mut next_trial = State::new(NOISE);
        next_trial.clear();
        assert_ne!(run_all(&retina, &movie, next_trial, &[60]).events, whole.events);
    }
}

/// A loss that every analog stage enters.
fn loss(retina: &Retina, movie: &Tensor, lengths: &[usize], gradients: GradientMode) -> f64 {
    let mut state = State::new(NOISE);
    let mut results = vec![];
    let mut total = 0.0;
    let mut first = 0;
    for &frames in lengths {
        let part = movie.frames(first, frames).unwrap();
        let output = call(retina, &part, &mut state, gradients, None).unwrap();
        for (i, (_, y)) in output.into_movies().into_iter().enumerate() {
            let probe: Vec<f64> =
                (0..y.len()).map(|j| ((j + 31 * i + 7 * first) as f64 * 1.3).cos()).collect();
            total += y.to_f64().iter().zip(&probe).map(|(y, p)| y * p).sum::<f64>();
            let probe = Tensor::from_vec(probe, y.shape()).unwrap();
            results.push((y, probe));
        }
        first += frames;
    }
    if gradients != GradientMode::Off {
        let results: Vec<(&Tensor, Tensor)> = results.iter().map(|(y, probe)| (y, probe.clone())).collect();
        backward(&results).unwrap();
    }
    total
}

fn check_gradients(description: &RetinaDescription, compatibility: Compatibility, at_least: usize) {
    let options = VirtualRetinaOptions {
        compatibility,
        without_spikes: true,
        initial_luminance: Some(100.0),
        ..VirtualRetinaOptions::default()
    };
    let retina = Retina::virtual_retina(description, options).unwrap();
    let movie = movie(DType::F64, [16, 7, 8]);
    let lengths = [5, 11];
    let parameters = layer::parameters(&retina);
    loss(&retina, &movie, &lengths, GradientMode::Through);
    let mut checked = 0;
    for (path, parameter) in parameters {
        if !parameter.requires_grad() {
            continue;
        }
        let value = parameter.scalar();
        if value == 0.0 && path.ends_with("sigma_surround") {
            continue; // a pooling of width 0 is switched off
        }
        let got = parameter.gradient().unwrap_or_else(|| panic!("{path} has no gradient")).to_f64()[0];
        let at = |x: f64| {
            parameter.set(x).unwrap();
            let y = loss(&retina, &movie, &lengths, GradientMode::Off);
            parameter.set(value).unwrap();
            y
        };
        // Small: nonlinearities have kinks, which spoil the differences around them.
        let h = 1e-5 * value.abs().max(1e-2);
        let near = 8.0 * (at(value + h) - at(value - h));
        let want = (near - (at(value + 2.0 * h) - at(value - 2.0 * h))) / (12.0 * h);
        // Differences carry the rounding of a loss of some thousands, divided by the step.
        assert!((got - want).abs() <= 1e-6 * want.abs() + 3e-12 / h, "{path}: {got} instead of {want}");
        checked += 1;
    }
    assert!(checked >= at_least, "{checked} parameters");
}

/// Virtual Retina rounds its widths to single precision: no differences can be taken; all else as it computes.
const SMOOTH: Compatibility = Compatibility { deriche_blur: false, ..Compatibility::VIRTUAL_RETINA };

#[test]
fn gradients_of_every_parameter_are_right() {
    let mut description = everything();
    check_gradients(&description, SMOOTH, 39);
    check_gradients(&description, Compatibility::NONE, 39);
    description.log_polar = Some(log_polar());
    let OuterPlexiform::Linear(opl) = &mut description.outer_plexiform else { panic!("linear") };
    (opl.leaky_heat, opl.center_n) = (false, 2);
    description.contrast_gain_control.as_mut().unwrap().custom = None;
    check_gradients(&description, SMOOTH, 34);
}

#[test]
fn gradients_of_the_adapting_outer_plexiform_layer_are_right() {
    let mut description = everything();
    description.ganglion_layers.clear();
    description.outer_plexiform = OuterPlexiform::LuminanceGainControl(LuminanceGainControl {
        input_amplification: 200.0,
        receptor_sigma_deg: 0.05,
        phototransduction_tau_s: 0.012,
        horizontal_sigma_deg: 0.15,
        horizontal_additional_tau_s: 0.02,
        relative_weight: 0.8,
        receptor_leak: 30.0,
        horizontal_feedback_amplification: 40.0,
        horizontal_feedback_nernst: -0.1,
    });
    description.contrast_gain_control = None;
    check_gradients(&description, SMOOTH, 9);
    check_gradients(&description, Compatibility::NONE, 9);
    // Adapted to grey, nothing changes on grey.
    let retina = retina(&description, Compatibility::VIRTUAL_RETINA);
    let grey = Tensor::from_vec(vec![127.5f64; 20 * 30], &[1, 1, 20, 5, 6]).unwrap();
    let y = call(&retina, &grey, &mut State::new(NOISE), GradientMode::Off, None).unwrap();
    let y = y.first().unwrap().to_f64();
    assert!(y.iter().all(|x| (x - y[0]).abs() < 1e-12 * y[0].abs()) && y[0] > 0.1);
}

/// The log-polar scheme: an image without contrast stays without at every width, from the first frame on.
#[test]
fn a_flat_image_stays_flat_in_the_log_polar_scheme() {
    let description = RetinaDescription::preset("primate").unwrap();
    assert!(description.log_polar.is_some());
    for compatibility in [Compatibility::VIRTUAL_RETINA, Compatibility::NONE] {
        let options =
            VirtualRetinaOptions { compatibility, without_spikes: true, ..VirtualRetinaOptions::default() };
        let retina = Retina::virtual_retina(&description, options).unwrap();
        // From zero, the onset is over after some seconds: bipolar cells leak at 5 Hz.
        let frames = if compatibility.adapted_start { 12 } else { 1000 };
        let grey = Tensor::from_vec(vec![127.5f64; frames * 31 * 40], &[1, 1, frames, 31, 40]).unwrap();
        let output = call(&retina, &grey, &mut State::new(NOISE), GradientMode::Off, None).unwrap();
        for (name, current) in output.movies() {
            let Data::F64(current) = current.data() else { panic!("double") };
            let worst =
                current[current.len() - 31 * 40..].iter().fold(0.0f64, |m, i| m.max((i - 80.0).abs()));
            assert!(worst < 1e-6, "{name}: {worst} ({compatibility:?})");
        }
    }
}

/// Every switch changes the numbers it says and nothing else is needed to go from one convention to the other.
#[test]
fn each_switch_does_something() {
    let description = everything();
    let movie = movie(DType::F64, [30, 12, 14]);
    let run = |compatibility| {
        let options =
            VirtualRetinaOptions { compatibility, without_spikes: true, ..VirtualRetinaOptions::default() };
        let retina = Retina::virtual_retina(&description, options).unwrap();
        let y = call(&retina, &movie, &mut State::new(NOISE), GradientMode::Off, None).unwrap();
        y.first().unwrap().to_f64()
    };
    let all = run(Compatibility::VIRTUAL_RETINA);
    let on = Compatibility::VIRTUAL_RETINA;
    for (what, other) in [
        ("blur", Compatibility { deriche_blur: false, ..on }),
        ("delays", Compatibility { stage_delays: false, ..on }),
        ("start", Compatibility { adapted_start: false, ..on }),
        ("saturation", Compatibility { saturation: false, ..on }),
    ] {
        let y = run(other);
        let most = y.iter().zip(&all).fold(0.0f64, |m, (a, b)| m.max((a - b).abs()));
        assert!(most > 1e-4, "{what}: {most}");
    }
}

#[test]
fn the_eye_of_a_retina_moves_as_its_trace_says() {
    let mut description = RetinaDescription::default();
    description.retina.temporal_step_s = 0.001;
    description.retina.pixels_per_degree = 20.0;
    description.microsaccades = Some(saccades());
    let OuterPlexiform::Linear(opl) = &mut description.outer_plexiform else { panic!("linear") };
    // Nothing but the image: no filters at all.
    (opl.center_tau_s, opl.relative_weight, opl.amplification) = (0.0, 0.0, 255.0);
    let retina = retina(&description, Compatibility::NONE);
    // Luminance is the column; the window starts 8 pixels in: 2·0.2°·20 pixels per degree.
    let row: Vec<f64> = (0..40).map(f64::from).collect();
    let ramp = Tensor::from_vec(row.repeat(200 * 20), &[1, 1, 200, 20, 40]).unwrap();
    let y = call(&retina, &ramp, &mut State::new(NOISE), GradientMode::Off, None).unwrap();
    let y = y.first().unwrap();
    assert_eq!(y.shape(), [1, 1, 200, 4, 24]);
    let numbers = y.to_f64();
    let mut moved = 0;
    for (t, gaze) in EyeTrace::of(&description, NOISE).unwrap().take(200).enumerate() {
        let want = 8.0 + (20.0 * gaze.x_deg).clamp(-8.0, 8.0);
        assert!((numbers[t * 96] - want).abs() < 1e-9, "step {t}");
        moved += usize::from(want != 8.0);
    }
    assert!(moved > 50);
    let small = Tensor::zeros(DType::F64, &[1, 1, 2, 16, 40]);
    let error = call(&retina, &small, &mut State::new(NOISE), GradientMode::Off, None).unwrap_err();
    assert!(error.to_string().contains("more than 16 pixels"), "{error}");
}

#[test]
fn arrays_leave_a_border_and_the_maps_are_cropped() {
    let description = RetinaDescription::preset("primate").unwrap();
    let cells = Retina::cells(&description, VirtualRetinaOptions::default(), (128, 160)).unwrap();
    // What the original made of its example on images of this size.
    let counts: Vec<usize> = cells.values().map(|cells| cells.places.len()).collect();
    assert_eq!(counts, [3435, 3435, 1875, 1875]);
    let retina = retina(&description, Compatibility::VIRTUAL_RETINA);
    let grey = Tensor::from_vec(vec![127.5f32; 2 * 128 * 160], &[1, 1, 2, 128, 160]).unwrap();
    let mut recorder = convis::Recorder { stages: vec!["opl".into()], ..convis::Recorder::default() };
    call(&retina, &grey, &mut State::new(NOISE), GradientMode::Off, Some(&mut recorder)).unwrap();
    assert_eq!(recorder.outputs["opl"].first().unwrap().shape()[3..], [128, 128]);
}
