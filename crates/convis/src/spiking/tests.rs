//! What all layers here must fulfil.

use std::sync::Arc;

use convis_kernels::integrate_and_fire::Integration;

use super::*;
use crate::layer::{self, Layer};
use crate::retina::GanglionSpiking;
use crate::tensor::backward;
use crate::{DType, GradientMode, NoiseId, Recorder, State, call};

const NOISE: NoiseId = NoiseId { seed: 3, model: 0, trial: 0 };

/// Every layer, noisy, and a size of input that makes it fire.
fn layers(resolution: Resolution) -> Vec<(Arc<dyn Layer>, f64)> {
    let surrogate = Surrogate::FastSigmoid { slope: 10.0 };
    let all: Vec<(Arc<dyn Layer>, f64)> = vec![
        (Arc::new(Poisson::new(InputUnit::PerStep, resolution)), 0.2),
        (Arc::new(Poisson::new(InputUnit::Hz, resolution)), 100.0),
        (
            Arc::new(
                LeakyIntegrateAndFireNeuron::new(Integration::Exact, InputUnit::PerStep, resolution).unwrap(),
            ),
            0.2,
        ),
        (
            Arc::new(
                LeakyIntegrateAndFireNeuron::new(Integration::Euler, InputUnit::Hz, resolution)
                    .unwrap()
                    .with_surrogate(surrogate)
                    .unwrap(),
            ),
            200.0,
        ),
        (
            Arc::new(
                RefractoryLeakyIntegrateAndFireNeuron::new(Integration::Exact, InputUnit::Hz, resolution)
                    .unwrap(),
            ),
            200.0,
        ),
        (
            Arc::new(
                GanglionSpiking::new(Integration::Exact, resolution)
                    .unwrap()
                    .with_surrogate(surrogate)
                    .unwrap(),
            ),
            200.0,
        ),
        (Arc::new(Izhikevich::new(true, resolution)), 14.0),
        (Arc::new(Izhikevich::preset("tonic bursting", false, resolution).unwrap()), 15.0),
        (Arc::new(FitzHughNagumo::new(Sign::Plus, resolution)), 0.6),
        (Arc::new(HodgkinHuxley::new(Gates::SteadyState, resolution)), 12.0),
        (Arc::new(IntegrativeMotionSensor::new(MotionMode::Linear, 0.7, resolution).unwrap()), 0.5),
        (Arc::new(IntegrativeMotionSensor::new(MotionMode::Log, 1.2, resolution).unwrap()), 1.0),
    ];
    for (cells, _) in &all {
        if let Ok(noise) = layer::parameter(&**cells, "noise_strength") {
            noise.set(0.3).unwrap();
        }
    }
    all
}

fn movie(dtype: DType, size: f64) -> Tensor {
    let shape = [2, 2, 90, 5, 13];
    let n: usize = shape.iter().product();
    let numbers = (0..n).map(|i| size * (0.6 + ((i * 7919) % 1009) as f64 / 1009.0)).collect();
    Tensor::from_vec::<f64>(numbers, &shape).unwrap().cast(dtype)
}

#[test]
fn any_chunks_give_the_same_bits_in_batch_and_channel() {
    for resolution in [Resolution::default(), Resolution::new(10.0, 400.0).unwrap()] {
        for (cells, size) in layers(resolution) {
            for dtype in [DType::F32, DType::F64] {
                let x = movie(dtype, size);
                let mut state = State::new(NOISE);
                let whole = call(&*cells, &x, &mut state, GradientMode::Off, None).unwrap();
                let whole = whole.first().unwrap().clone();
                assert!(whole.is_finite() && whole.to_f64().iter().any(|&y| y != 0.0), "{}", cells.kind());
                for lengths in [vec![1; 90], vec![7, 40, 43], vec![60, 30]] {
                    let mut chunked = State::new(NOISE);
                    let mut first = 0;
                    let mut parts = vec![];
                    for frames in lengths {
                        let part = x.frames(first, frames).unwrap();
                        let y = call(&*cells, &part, &mut chunked, GradientMode::Off, None).unwrap();
                        parts.push(y.first().unwrap().clone());
                        first += frames;
                    }
                    assert!(Tensor::join_frames(&parts).unwrap() == whole, "{} {dtype}", cells.kind());
                    assert!(chunked == state, "{}: state", cells.kind());
                }
                // Other noise in the next trial.
                let random = cells.kind() != "IntegrativeMotionSensor";
                state.clear();
                let again = call(&*cells, &x, &mut state, GradientMode::Off, None).unwrap();
                assert_eq!(again.first().unwrap() != &whole, random, "{}", cells.kind());
            }
        }
    }
}

#[test]
fn surrogates_pass_gradients_to_leak_and_input_and_count_the_same_spikes() {
    let resolution = Resolution::default();
    let plain = GanglionSpiking::new(Integration::Exact, resolution).unwrap();
    let surrogate = GanglionSpiking::new(Integration::Exact, resolution)
        .unwrap()
        .with_surrogate(Surrogate::Triangle { width: 0.5 })
        .unwrap();
    let x = movie(DType::F64, 100.0);
    let want = call(&plain, &x, &mut State::new(NOISE), GradientMode::Off, None).unwrap();
    let mut recorder = Recorder { spikes: true, ..Recorder::default() };
    let state = &mut State::new(NOISE);
    let got = call(&surrogate, &x, state, GradientMode::Call, Some(&mut recorder)).unwrap();
    let got = got.first().unwrap();
    assert_eq!(got.dtype(), DType::F64);
    assert_eq!(got.to_f64(), want.first().unwrap().to_f64());
    assert_eq!(recorder.events[""].len() as f64, got.to_f64().iter().sum::<f64>());
    backward(&[(got, Tensor::from_vec(vec![1.0f64; got.len()], got.shape()).unwrap())]).unwrap();
    // More leak, fewer spikes.
    let leak = layer::parameter(&surrogate, "g_L").unwrap();
    assert!(leak.gradient().unwrap().to_f64()[0] < 0.0);
    assert!(layer::parameter(&plain, "g_L").unwrap().set_requires_grad(true).is_err());
    assert!(plain.with_surrogate(Surrogate::FastSigmoid { slope: 0.0 }).is_err());
}

#[test]
fn presets_and_parameters_have_their_names() {
    let resolution = Resolution::default();
    let names = |cells: &dyn Layer| {
        layer::parameters(cells).into_iter().map(|(name, _)| name).collect::<Vec<_>>().join(" ")
    };
    let lif = LeakyIntegrateAndFireNeuron::new(Integration::Exact, InputUnit::PerStep, resolution).unwrap();
    assert_eq!(names(&lif), "noise_sigma g_L tau");
    let refractory =
        RefractoryLeakyIntegrateAndFireNeuron::new(Integration::Exact, InputUnit::PerStep, resolution)
            .unwrap();
    assert_eq!(names(&refractory), "refr_mu refr_sigma noise_sigma g_L tau");
    assert_eq!(names(&Izhikevich::new(true, resolution)), "a b c d threshold noise_strength");
    assert_eq!(names(&FitzHughNagumo::new(Sign::Plus, resolution)), "a b tau noise_strength");
    assert_eq!(names(&HogkinHuxley::new(Gates::Zero, resolution)), "gK gNa gL Cm VK VNa Vl noise_strength");
    for preset in PRESETS {
        let cells = Izhikevich::preset(preset.name, true, resolution).unwrap();
        assert_eq!(layer::parameter(&cells, "c").unwrap().scalar(), preset.c);
    }
    assert!(IntegrativeMotionSensor::new(MotionMode::Log, 1.0, resolution).is_err());
    assert!(IntegrativeMotionSensor::new(MotionMode::Linear, 0.0, resolution).is_err());
}

#[test]
fn published_times_hold_at_any_resolution() {
    // The firing rate of an axon does not depend on the frame rate.
    let rate = |steps_per_second: f64| {
        let axon = HodgkinHuxley::new(Gates::SteadyState, Resolution::new(10.0, steps_per_second).unwrap());
        let frames = steps_per_second as usize;
        let x = Tensor::from_vec(vec![10.0f64; frames], &[1, 1, frames, 1, 1]).unwrap();
        let v = call(&axon, &x, &mut State::new(NOISE), GradientMode::Off, None).unwrap();
        let v = v.first().unwrap().to_f64();
        v.windows(2).filter(|pair| pair[0] < 20.0 && pair[1] >= 20.0).count() as f64
    };
    let want = rate(1000.0);
    assert!((60.0..75.0).contains(&want), "{want}");
    for steps_per_second in [2000.0, 8000.0] {
        assert!((rate(steps_per_second) - want).abs() <= 2.0);
    }
}
