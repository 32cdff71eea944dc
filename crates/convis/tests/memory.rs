//! Memory that must not grow. A file, and so a process, of its own: other tests would show in the numbers.
#![cfg(target_os = "linux")]

use std::ops::ControlFlow;

use convis::layer;
use convis::retina::{Retina, RetinaOptions};
use convis::run::{Movie, RunOptions, run};
use convis::{DType, GradientMode, NoiseId, Resolution, State, Tensor, call};

const NOISE: NoiseId = NoiseId { seed: 0, model: 0, trial: 0 };

/// Resident memory in bytes.
fn resident() -> usize {
    let statm = std::fs::read_to_string("/proc/self/statm").unwrap();
    statm.split_whitespace().nth(1).unwrap().parse::<usize>().unwrap() * 4096
}

fn tracked_calls_that_are_dropped() {
    let retina =
        Retina::new(RetinaOptions { spikes: false, ..RetinaOptions::default() }, Resolution::default());
    let retina = retina.unwrap();
    layer::parameter(&retina, "bipolar.lambda_amp").unwrap().set(20.0).unwrap();
    let movie = Tensor::zeros(DType::F32, &[1, 1, 50, 20, 20]);
    let mut state = State::new(NOISE);
    let mut calls = |n| {
        for _ in 0..n {
            let output = call(&retina, &movie, &mut state, GradientMode::Call, None).unwrap();
            assert!(output.first().unwrap().has_history());
        }
    };
    calls(50);
    let before = resident();
    calls(1000);
    // One call records about 1 MB: kept, a thousand would be a gigabyte.
    let grown = resident().saturating_sub(before);
    assert!(grown < 5 << 20, "grew by {} kB", grown >> 10);
}

fn a_long_run() {
    let retina = Retina::new(RetinaOptions::default(), Resolution::default()).unwrap();
    let mut state = State::new(NOISE);
    let movie = Tensor::zeros(DType::F32, &[1, 1, 5000, 10, 10]);
    let mut frames = |n| {
        for _ in 0..n {
            let mut source = Movie::new(movie.clone()).unwrap();
            let sink = &mut |_| Ok(ControlFlow::Continue(()));
            run(&retina, &mut source, &mut state, &RunOptions::default(), sink).unwrap();
        }
    };
    frames(4);
    let before = resident();
    frames(36);
    let grown = resident().saturating_sub(before);
    assert!(grown < 5 << 20, "200,000 frames: grew by {} kB", grown >> 10);
}

#[test]
fn memory_does_not_grow() {
    tracked_calls_that_are_dropped();
    a_long_run();
}
