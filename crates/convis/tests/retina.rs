//! What the whole retina promises: same bits for any chunks, threads and interruption; right gradients; no memory
//! kept for results that were dropped; one clear error for bad input.

use std::collections::BTreeMap;
use std::ops::ControlFlow;

use convis::kernels::parallel::with_threads;
use convis::layer::{self, Layer, Recorder};
use convis::retina::{Retina, RetinaOptions};
use convis::run::{Movie, RunOptions, run};
use convis::tensor::{Data, backward};
use convis::{DType, Error, GradientMode, NoiseId, Resolution, Spike, State, Tensor, call};
use proptest::prelude::*;

const NOISE: NoiseId = NoiseId { seed: 3, model: 1, trial: 0 };

/// A movie of moving, flickering texture.
fn movie(dtype: DType, [batch, channel, frames, height, width]: [usize; 5]) -> Tensor {
    let mut numbers = Vec::new();
    for plane in 0..batch * channel {
        for t in 0..frames {
            for y in 0..height {
                for x in 0..width {
                    let (t, y, x) = (t as f64, y as f64, x as f64);
                    let wave = (0.7 * x + 0.3 * y - 0.2 * t + plane as f64).sin() * (0.05 * t).cos();
                    numbers.push(0.5 + 0.45 * wave);
                }
            }
        }
    }
    Tensor::from_vec(numbers, &[batch, channel, frames, height, width]).unwrap().cast(dtype)
}

fn retina(spikes: bool, lambda_amp: f64) -> Retina {
    let retina =
        Retina::new(RetinaOptions { spikes, ..RetinaOptions::default() }, Resolution::default()).unwrap();
    set(&retina, "bipolar.lambda_amp", lambda_amp);
    retina
}

fn set(layer: &dyn Layer, path: &str, value: f64) {
    layer::parameter(layer, path).unwrap().set(value).unwrap();
}

#[derive(Debug, PartialEq)]
struct Everything {
    outputs: Vec<Tensor>,
    events: BTreeMap<String, Vec<Spike>>,
    state: State,
}

fn run_all(retina: &Retina, movie: &Tensor, mut state: State, chunk: Option<usize>) -> Everything {
    let mut parts = vec![];
    let mut events: BTreeMap<String, Vec<Spike>> = BTreeMap::new();
    let options = RunOptions { chunk, spikes: true, ..RunOptions::default() };
    run(retina, &mut Movie::new(movie.clone()).unwrap(), &mut state, &options, &mut |chunk| {
        parts.push(chunk.output.into_movies());
        for (path, spikes) in chunk.recorder.events {
            events.entry(path).or_default().extend(spikes);
        }
        Ok(ControlFlow::Continue(()))
    })
    .unwrap();
    let outputs = (0..2)
        .map(|i| {
            let movies: Vec<Tensor> = parts.iter().map(|part| part[i].1.clone()).collect();
            Tensor::join_frames(&movies).unwrap()
        })
        .collect();
    Everything { outputs, events, state }
}

#[test]
fn any_chunks_and_threads_give_the_same_bits() {
    for (lambda_amp, dtype) in [(0.0, DType::F32), (50.0, DType::F32), (50.0, DType::F64)] {
        // Large enough for the work of a stage to be shared between threads.
        let movie = movie(dtype, [1, 2, 230, 30, 33]);
        let retina = retina(true, lambda_amp);
        set(&retina, "gang_0_spikes.refr_sigma", 0.001);
        let whole = run_all(&retina, &movie, State::new(NOISE), Some(230));
        assert!(whole.events.values().map(Vec::len).sum::<usize>() > 1000);
        for (chunk, threads) in
            [(None, 1), (None, 2), (Some(1), 2), (Some(7), 1), (Some(37), 2), (Some(100), 3)]
        {
            let other = with_threads(threads, || run_all(&retina, &movie, State::new(NOISE), chunk));
            assert!(other == whole, "lambda {lambda_amp}, chunk {chunk:?}, {threads} threads");
        }
    }
}

/// Without gradients, operations are computed together, band by band; with gradients, one after the other.
#[test]
fn operations_computed_together_give_the_bits_of_each_alone() {
    for (dtype, shape) in
        [(DType::F32, [1, 2, 40, 30, 33]), (DType::F64, [1, 1, 40, 50, 50]), (DType::F32, [2, 1, 40, 3, 1])]
    {
        let movie = movie(dtype, shape);
        // Default; ON and OFF cells that differ; gain control; pooling, as of Y cells.
        for (path, value) in [
            ("gang_0_spikes.refr_sigma", 0.001),
            ("gang_1_input.transient_tau_center", 0.03),
            ("bipolar.lambda_amp", 50.0),
            ("gang_1_input.sigma_surround", 0.2),
        ] {
            for spikes in [true, false] {
                let retina = retina(spikes, 0.0);
                if spikes || !path.contains("spikes") {
                    set(&retina, path, value);
                }
                let stages: Vec<String> = layer::stages(&retina);
                let (mut together, mut alone) = (State::new(NOISE), State::new(NOISE));
                let mut recorder = Recorder { stages: stages.clone(), ..Recorder::default() };
                for (first, frames) in [(0, 17), (17, 1), (18, 22)] {
                    let chunk = movie.frames(first, frames).unwrap();
                    // Every other time with all that is in between, which has to be kept then.
                    let looking = (first != 17).then_some(&mut recorder);
                    let off = call(&retina, &chunk, &mut together, GradientMode::Off, looking).unwrap();
                    let mut seen = Recorder { stages: stages.clone(), ..Recorder::default() };
                    let on = call(&retina, &chunk, &mut alone, GradientMode::Call, Some(&mut seen)).unwrap();
                    for ((_, a), (_, b)) in off.movies().iter().zip(on.movies()) {
                        assert!(a == b, "{path} {dtype} {shape:?}");
                    }
                    for (path, output) in seen.outputs.iter().filter(|_| first != 17) {
                        let both = (recorder.outputs[path].first().unwrap(), output.first().unwrap());
                        assert!(both.0 == both.1, "{path} {dtype} {shape:?}");
                    }
                    assert!(together == alone, "state: {path} {dtype} {shape:?}");
                }
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_run_that_was_saved_and_resumed_gives_the_same_bits(
        cut in 1usize..79, chunk in 1usize..50, lambda_amp in prop_oneof![Just(0.0), Just(80.0)],
    ) {
        let movie = movie(DType::F32, [1, 1, 80, 9, 11]);
        let retina = retina(true, lambda_amp);
        let whole = run_all(&retina, &movie, State::new(NOISE), None);
        let first = run_all(&retina, &movie.frames(0, cut).unwrap(), State::new(NOISE), Some(chunk));
        // As a file would hold it: names, numbers, shapes.
        let arrays: BTreeMap<String, Tensor> = first.state.arrays().iter().map(|(name, array)| {
            let copy = match array.data() {
                Data::F32(x) => Tensor::from_vec(x.to_vec(), array.shape()),
                Data::F64(x) => Tensor::from_vec(x.to_vec(), array.shape()),
                Data::U8(x) => Tensor::from_vec(x.to_vec(), array.shape()),
            };
            (name.clone(), copy.unwrap())
        }).collect();
        let state = State::from_parts(arrays, first.state.noise(), first.state.frames(), first.state.sizes());
        let second = run_all(&retina, &movie.frames(cut, 80 - cut).unwrap(), state, None);
        for i in 0..2 {
            let joined = Tensor::join_frames(&[first.outputs[i].clone(), second.outputs[i].clone()]).unwrap();
            prop_assert!(joined == whole.outputs[i]);
        }
        prop_assert!(second.state == whole.state);
        for (path, spikes) in &whole.events {
            let joined = [&first.events[path][..], &second.events[path][..]].concat();
            prop_assert!(joined == spikes[..]);
        }
    }
}

#[test]
fn batch_and_channel_entries_are_independent_movies() {
    let both = movie(DType::F32, [2, 1, 60, 8, 7]);
    let retina = retina(false, 50.0);
    let joined = run_all(&retina, &both, State::new(NOISE), None);
    let numbers = both.to_f32();
    for entry in 0..2 {
        let half = numbers.len() / 2;
        let one =
            Tensor::from_vec(numbers[entry * half..(entry + 1) * half].to_vec(), &[1, 1, 60, 8, 7]).unwrap();
        let alone = run_all(&retina, &one, State::new(NOISE), None);
        let part = &joined.outputs[0].to_f32()[entry * half..(entry + 1) * half];
        assert_eq!(alone.outputs[0].to_f32(), part);
    }
}

#[test]
fn another_trial_seed_or_model_is_other_noise_of_the_same_rate() {
    let movie = movie(DType::F32, [1, 1, 400, 12, 12]);
    let retina = retina(true, 0.0);
    let spikes = |noise| run_all(&retina, &movie, State::new(noise), None).outputs[0].to_f64();
    let first = spikes(NOISE);
    let mut cleared = State::new(NOISE);
    cleared.clear();
    assert_eq!(cleared.noise(), NoiseId { trial: 1, ..NOISE });
    for other in [NoiseId { trial: 1, ..NOISE }, NoiseId { seed: 4, ..NOISE }, NoiseId { model: 2, ..NOISE }]
    {
        let other = spikes(other);
        assert_ne!(first, other);
        let (a, b) = (first.iter().sum::<f64>(), other.iter().sum::<f64>());
        assert!((a - b).abs() < 5.0 * a.sqrt(), "{a} and {b} spikes");
    }
    // ON and OFF cells do not share their noise either.
    let dark = Tensor::zeros(DType::F32, movie.shape());
    let resting = run_all(&retina, &dark, State::new(NOISE), None);
    assert_ne!(resting.outputs[0], resting.outputs[1]);
}

/// Σ probe·output over chunks of the given lengths, and the outputs with their history.
fn loss(retina: &Retina, movie: &Tensor, probe: &[f64], lengths: &[usize], gradients: GradientMode) -> f64 {
    let mut state = State::new(NOISE);
    let (mut first, mut total) = (0, 0.0);
    let pixels = movie.shape()[3] * movie.shape()[4];
    let mut results = vec![];
    for &frames in lengths {
        let output =
            call(retina, &movie.frames(first, frames).unwrap(), &mut state, gradients, None).unwrap();
        for (i, (_, y)) in output.into_movies().into_iter().enumerate() {
            let probe = &probe[first * pixels + 13 * i..][..frames * pixels];
            total += y.to_f64().iter().zip(probe).map(|(y, p)| y * p).sum::<f64>();
            results.push((y, probe.to_vec()));
        }
        first += frames;
    }
    if gradients != GradientMode::Off {
        let seeds: Vec<(&Tensor, Tensor)> =
            results.iter().map(|(y, p)| (y, Tensor::from_vec(p.clone(), y.shape()).unwrap())).collect();
        backward(&seeds).unwrap();
    }
    total
}

#[test]
fn every_parameter_has_the_right_gradient_through_gain_control_and_across_chunks() {
    let movie = movie(DType::F64, [1, 1, 24, 6, 5]);
    let probe: Vec<f64> = (0..24 * 30 + 13).map(|i| (1.7 * f64::from(i)).sin()).collect();
    for (lambda_amp, lengths) in [(20.0, &[24usize][..]), (0.0, &[24]), (20.0, &[5, 12, 1, 6])] {
        let retina = retina(false, lambda_amp);
        set(&retina, "gang_1_input.sigma_surround", 0.1);
        set(&retina, "opl.opl_filter.n_center", 2.0);
        for (path, parameter) in layer::parameters(&retina) {
            if path.ends_with("sign") {
                parameter.set_requires_grad(true).unwrap();
            }
        }
        loss(&retina, &movie, &probe, lengths, GradientMode::Through);
        let mut checked = 0;
        for (path, parameter) in layer::parameters(&retina) {
            let value = parameter.scalar();
            let switched_off = value == 0.0 && path.ends_with("sigma_surround");
            if !parameter.requires_grad() || switched_off {
                continue;
            }
            let got = parameter.gradient().unwrap().to_f64()[0];
            let at = |x: f64| {
                parameter.set(x).unwrap();
                let y = loss(&retina, &movie, &probe, lengths, GradientMode::Off);
                parameter.set(value).unwrap();
                y
            };
            // Small: the slope of the static nonlinearity has a kink, which spoils the differences around it.
            let h = 1e-5 * value.abs().max(1e-2);
            let (h, want) = if value == 0.0 && path.ends_with("lambda_amp") {
                // At the edge of its range: differences to one side. Its unit is small, so the step may be larger.
                let h = 1e-3;
                let sum = -25.0 * at(0.0) + 48.0 * at(h) - 36.0 * at(2.0 * h) + 16.0 * at(3.0 * h)
                    - 3.0 * at(4.0 * h);
                (h, sum / (12.0 * h))
            } else {
                let near = 8.0 * (at(value + h) - at(value - h));
                (h, (near - (at(value + 2.0 * h) - at(value - 2.0 * h))) / (12.0 * h))
            };
            // Differences carry the rounding of a loss of a few thousand, divided by the step.
            assert!((got - want).abs() <= 1e-6 * want.abs() + 1e-12 / h, "{path}: {got} instead of {want}");
            checked += 1;
        }
        assert!(checked >= 26, "{checked} parameters");
    }
}

#[test]
fn without_through_the_gradient_ends_at_the_chunk() {
    let movie = movie(DType::F64, [1, 1, 20, 4, 4]);
    let probe: Vec<f64> = (0..20 * 16 + 13).map(|i| f64::from(i).cos()).collect();
    let gradient = |mode| {
        let retina = retina(false, 20.0);
        loss(&retina, &movie, &probe, &[10, 10], mode);
        layer::parameter(&retina, "bipolar.tau").unwrap().gradient().unwrap().to_f64()[0]
    };
    let (call_only, through) = (gradient(GradientMode::Call), gradient(GradientMode::Through));
    assert!((call_only - through).abs() > 1e-3 * through.abs());
}

#[test]
fn gradients_reach_the_input() {
    let retina = retina(false, 20.0);
    let movie = movie(DType::F64, [1, 1, 10, 4, 5]);
    let leaf = convis::tensor::Leaf::default();
    let output =
        call(&retina, &movie.with_leaf(&leaf), &mut State::new(NOISE), GradientMode::Call, None).unwrap();
    let y = output.first().unwrap();
    backward(&[(y, Tensor::from_vec(vec![1.0f64; y.len()], y.shape()).unwrap())]).unwrap();
    let gradient = leaf.gradient().unwrap().to_f64();
    let total = |shift: f64| {
        let mut numbers = movie.to_f64();
        numbers[47] += shift;
        let x = Tensor::from_vec(numbers, movie.shape()).unwrap();
        let y = call(&retina, &x, &mut State::new(NOISE), GradientMode::Off, None).unwrap();
        y.first().unwrap().to_f64().iter().sum::<f64>()
    };
    let want = (total(1e-5) - total(-1e-5)) / 2e-5;
    assert!((gradient[47] - want).abs() < 1e-6 * want.abs(), "{} instead of {want}", gradient[47]);
}

#[test]
fn bad_input_is_one_clear_error_and_changes_nothing() {
    let retina = retina(true, 0.0);
    let mut state = State::new(NOISE);
    let mut error =
        |x: Tensor| call(&retina, &x, &mut state, GradientMode::Off, None).unwrap_err().to_string();
    assert!(error(Tensor::zeros(DType::F32, &[3, 4])).contains("five axes"));
    assert!(error(Tensor::zeros(DType::F32, &[1, 1, 0, 4, 4])).contains("at least one frame"));
    assert!(error(Tensor::from_vec(vec![f32::NAN; 4], &[1, 1, 1, 2, 2]).unwrap()).contains("finite"));
    let small = movie(DType::F32, [1, 1, 3, 4, 4]);
    call(&retina, &small, &mut state, GradientMode::Off, None).unwrap();
    let before = state.clone();
    let wide = movie(DType::F32, [1, 1, 3, 4, 5]);
    let error = call(&retina, &wide, &mut state, GradientMode::Off, None).unwrap_err();
    assert!(matches!(error, Error::SizeChanged { .. }) && error.to_string().contains("clear_state"));
    let double = movie(DType::F64, [1, 1, 3, 4, 4]);
    assert!(call(&retina, &double, &mut state, GradientMode::Off, None).is_err());
    assert_eq!(state, before);
    state.clear();
    call(&retina, &wide, &mut state, GradientMode::Off, None).unwrap();
}

#[test]
fn numbers_that_overflow_and_states_of_other_models_are_refused() {
    let retina = retina(true, 50.0);
    let mut state = State::new(NOISE);
    let good = movie(DType::F32, [1, 1, 3, 4, 4]);
    call(&retina, &good, &mut state, GradientMode::Off, None).unwrap();
    let before = state.clone();
    let huge = Tensor::from_vec(vec![1e30f32; 48], good.shape()).unwrap();
    let error = call(&retina, &huge, &mut state, GradientMode::Off, None).unwrap_err().to_string();
    assert!(error.contains("no longer a finite number"), "{error}");
    assert_eq!(state, before);

    let mut arrays = state.arrays().clone();
    arrays.insert("bipolr.V".into(), arrays["bipolar.V"].clone());
    let mut foreign = State::from_parts(arrays, NOISE, 3, state.sizes());
    let error = call(&retina, &good, &mut foreign, GradientMode::Off, None).unwrap_err().to_string();
    assert!(error.contains("bipolr.V"), "{error}");

    set(&retina, "bipolar.adaptation_sigma", 1e12);
    let error = call(&retina, &good, &mut state, GradientMode::Off, None).unwrap_err().to_string();
    assert!(error.contains("adaptation_sigma: expected at most"), "{error}");
}

#[test]
fn stages_can_be_recorded_and_unknown_ones_are_refused() {
    let retina = retina(true, 0.0);
    let x = movie(DType::F32, [1, 1, 5, 3, 3]);
    let mut recorder = Recorder {
        stages: vec!["opl".into(), "opl.opl_filter.surround_E".into(), "gang_1_input".into()],
        ..Recorder::default()
    };
    call(&retina, &x, &mut State::new(NOISE), GradientMode::Off, Some(&mut recorder)).unwrap();
    assert_eq!(recorder.outputs.len(), 3);
    let mut recorder = Recorder { stages: vec!["bipolr".into()], ..Recorder::default() };
    let error =
        call(&retina, &x, &mut State::new(NOISE), GradientMode::Off, Some(&mut recorder)).unwrap_err();
    assert!(error.to_string().contains("did you mean \"bipolar\""), "{error}");
}

#[test]
fn short_names_paths_and_underscores_reach_one_parameter() {
    let retina = retina(true, 0.0);
    let full = layer::parameter(&retina, "opl.opl_filter.surround_E.tau").unwrap();
    for name in
        ["opl.opl_filter.tau_surround", "opl_opl_filter_surround_E_tau", "opl_opl_filter_tau_surround"]
    {
        assert!(layer::parameter(&retina, name).unwrap().is(&full), "{name}");
    }
    let error = layer::parameter(&retina, "bipolar.lamda_amp").unwrap_err().to_string();
    assert!(error.contains("bipolar.lambda_amp"), "{error}");
}
