//! Memory that must not grow. A file, and so a process, of its own: other tests would show in the numbers.
#![cfg(target_os = "linux")]

use std::ops::ControlFlow;

use convis::layer;
use convis::retina::{Retina, RetinaOptions};
use convis::run::{Frames, RunOptions, run};
use convis::{DType, GradientMode, NoiseId, Resolution, Result, State, Tensor, call};

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

/// Frames of 50×50 pixels that are made when they are asked for.
struct Flicker {
    left: usize,
}

impl Frames for Flicker {
    fn next_frames(&mut self, most: usize) -> Result<Option<Tensor>> {
        let frames = most.min(self.left);
        self.left -= frames;
        let numbers = (0..frames * 2500).map(|i| ((i + self.left) % 11) as f32 / 11.0).collect();
        (frames > 0).then(|| Tensor::from_vec(numbers, &[1, 1, frames, 50, 50])).transpose()
    }
}

fn a_long_run() {
    let retina = Retina::new(RetinaOptions::default(), Resolution::default()).unwrap();
    let mut state = State::new(NOISE);
    let options = RunOptions { spikes: true, stages: vec!["bipolar".into()], ..RunOptions::default() };
    let (mut frames, mut before, mut spikes) = (0, 0, 0);
    run(&retina, &mut Flicker { left: 200_000 }, &mut state, &options, &mut |chunk| {
        frames += chunk.frames;
        spikes += chunk.recorder.events.values().map(Vec::len).sum::<usize>();
        if before == 0 && frames > 20_000 {
            before = resident();
        }
        Ok(ControlFlow::Continue(()))
    })
    .unwrap();
    let grown = resident().saturating_sub(before);
    assert!(frames == 200_000 && spikes > 100_000);
    assert!(grown < 5 << 20, "200,000 frames: grew by {} kB", grown >> 10);
}

#[test]
fn memory_does_not_grow() {
    tracked_calls_that_are_dropped();
    a_long_run();
}
