use super::*;
use crate::conformance::SIMD_LEVEL;
use crate::simd;

const NEURON: Neuron = Neuron {
    input_hz: 1.0,
    leak_hz: 50.0,
    noise_sigma: 0.1,
    refractory_mean_s: 0.003,
    refractory_sd_s: 0.001,
    step_s: 0.001,
};

struct Run<T> {
    v: Vec<T>,
    r: Vec<T>,
    spikes: Vec<u8>,
    events: Vec<Spike>,
}

fn noise(first_step: u64) -> Noise {
    Noise { key: Key::new(9, 0, "cells", 0), first_step }
}

/// A current that differs from neuron to neuron and drifts in time: some silent, some fast.
fn current<T: Real>(signal: Signal, amplitude_hz: f64) -> Vec<T> {
    (0..signal.len())
        .map(|i| T::of(amplitude_hz * ((i % 97) as f64 / 97.0 + 0.3 * ((i / 131) % 7) as f64)))
        .collect()
}

fn start<T: Real>(signal: Signal) -> (Vec<T>, Vec<T>) {
    let n = signal.state_len();
    let v = (0..n).map(|i| T::of((i % 10) as f64 / 10.0)).collect();
    let r = (0..n).map(|i| T::of(if i % 5 == 0 { (i % 35) as f64 / 10.0 } else { 0.0 })).collect();
    (v, r)
}

fn run<T: Real>(
    signal: Signal,
    integration: Integration,
    neuron: &Neuron,
    x: &[T],
    lengths: &[usize],
) -> Run<T> {
    let (mut v, mut r) = start(signal);
    let (mut all, mut events) = (vec![255; signal.len()], vec![]);
    let mut first = 0;
    for length in lengths.iter().copied().chain([usize::MAX]) {
        let frames = length.min(signal.frames - first);
        let mut part = Vec::new();
        for plane in 0..signal.planes {
            let at = (plane * signal.frames + first) * signal.pixels();
            part.extend_from_slice(&x[at..at + frames * signal.pixels()]);
        }
        let mut spikes = vec![255; part.len()];
        integrate_and_fire(
            signal.with_frames(frames),
            integration,
            neuron,
            noise(first as u64),
            &part,
            Membrane { potential: &mut v, refractory: &mut r },
            &mut spikes,
            Some(&mut events),
        );
        let n = frames * signal.pixels();
        for plane in 0..signal.planes {
            let at = (plane * signal.frames + first) * signal.pixels();
            all[at..at + n].copy_from_slice(&spikes[plane * n..(plane + 1) * n]);
        }
        first += frames;
    }
    Run { v, r, spikes: all, events }
}

#[test]
fn fast_equals_reference_at_every_width() {
    for integration in [Integration::Exact, Integration::Euler] {
        for width in 0..=67 {
            for neuron in [NEURON, Neuron { noise_sigma: 0.0, refractory_sd_s: 0.0, ..NEURON }] {
                let signal = Signal { planes: 2, frames: 40, height: 5, width };
                let x = current::<f64>(signal, 300.0);
                let fast = run(signal, integration, &neuron, &x, &[]);
                let (mut v, mut r) = start(signal);
                let (mut spikes, mut events) = (vec![0; signal.len()], vec![]);
                let membrane = Membrane { potential: &mut v, refractory: &mut r };
                reference(signal, integration, &neuron, noise(0), &x, membrane, &mut spikes, &mut events);
                assert_eq!(fast.spikes, spikes, "{integration:?}, width {width}");
                assert_eq!(fast.events.len(), events.len());
                for (a, b) in fast.events.iter().zip(&events) {
                    assert_eq!((a.step, a.plane, a.pixel), (b.step, b.plane, b.pixel));
                    assert!((a.offset_s - b.offset_s).abs() < 1e-12);
                }
                for (a, b) in fast.v.iter().zip(&v).chain(fast.r.iter().zip(&r)) {
                    assert!((a - b).abs() < 1e-9);
                }
            }
        }
    }
}

#[test]
fn same_bits_for_any_chunks_threads_and_vector_width() {
    let _turn = SIMD_LEVEL.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    let before = simd::level();
    for integration in [Integration::Exact, Integration::Euler] {
        let signal = Signal { planes: 2, frames: 60, height: 31, width: 33 };
        let x = current::<f32>(signal, 250.0);
        let whole = run(signal, integration, &NEURON, &x, &[]);
        assert!(whole.events.len() > 1000);
        for level in simd::Level::available() {
            simd::force(level).unwrap();
            for (threads, lengths) in [(1, &[1usize; 60][..]), (2, &[7, 20, 3]), (3, &[])] {
                let other =
                    parallel::with_threads(threads, || run(signal, integration, &NEURON, &x, lengths));
                assert!(other.spikes == whole.spikes && other.v == whole.v && other.r == whole.r);
                assert!(other.events == whole.events, "{integration:?} {level:?} {threads} {lengths:?}");
            }
        }
    }
    simd::force(before).unwrap();
}

#[test]
fn the_rate_of_a_constant_current_is_the_closed_form() {
    // Interval: refractory period + ln(E/(E−1))/g, whatever the step width.
    for (step_s, current_hz) in [(0.001, 150.0), (0.005, 100.0), (0.02, 400.0)] {
        let frames = (4.0 / step_s) as usize;
        let signal = Signal { planes: 1, frames, height: 1, width: 1 };
        let neuron = Neuron { noise_sigma: 0.0, refractory_sd_s: 0.0, step_s, ..NEURON };
        let run = run::<f64>(signal, Integration::Exact, &neuron, &vec![current_hz; frames], &[]);
        let times: Vec<f64> = run.events.iter().map(|e| e.step as f64 * step_s + e.offset_s).collect();
        let e = current_hz / neuron.leak_hz;
        let interval = 0.003 + (e / (e - 1.0)).ln() / neuron.leak_hz;
        for pair in times.windows(2) {
            assert!((pair[1] - pair[0] - interval).abs() < 1e-12, "step {step_s}");
        }
        assert_eq!(run.spikes.iter().map(|&n| usize::from(n)).sum::<usize>(), times.len());
    }
}

#[test]
fn sigma_is_the_standard_deviation_of_the_potential_at_every_step_width() {
    for (integration, step_s) in [
        (Integration::Exact, 0.001),
        (Integration::Exact, 0.005),
        (Integration::Exact, 0.05),
        (Integration::Euler, 0.001),
    ] {
        let signal = Signal { planes: 1, frames: 1000, height: 1, width: 2000 };
        let neuron = Neuron { noise_sigma: 0.1, step_s, ..NEURON };
        let run = run::<f32>(signal, integration, &neuron, &vec![10.0; signal.len()], &[]);
        let n = run.v.len() as f64;
        let mean = run.v.iter().map(|v| f64::from(*v)).sum::<f64>() / n;
        let sd = (run.v.iter().map(|v| (f64::from(*v) - mean).powi(2)).sum::<f64>() / n).sqrt();
        // Mean I/g; four standard errors of 2000 numbers. An Euler step of g·d = 0.05 adds g·d/4.
        let euler = if integration == Integration::Euler { 0.1 * 0.05 / 4.0 } else { 0.0 };
        assert!((mean - 0.2).abs() < 4.0 * 0.1 / n.sqrt(), "{integration:?} {step_s}: {mean}");
        assert!((sd - 0.1 - euler).abs() < 4.0 * 0.1 / (2.0 * n).sqrt(), "{integration:?} {step_s}: {sd}");
    }
}

#[test]
fn a_current_that_rests_exactly_at_the_threshold_never_spikes() {
    let signal = Signal { planes: 1, frames: 4, height: 1, width: 1 };
    let neuron = Neuron { noise_sigma: 0.0, refractory_sd_s: 0.0, step_s: 1.0, ..NEURON };
    let run = run::<f64>(signal, Integration::Exact, &neuron, &[50.0, 50.0, 50.0, 500.0], &[]);
    assert_eq!(run.spikes[..3], [0, 0, 0]);
    assert!(run.spikes[3] > 50 && run.r[0].is_finite());
}

#[test]
fn refractory_periods_are_drawn_anew() {
    let signal = Signal { planes: 1, frames: 20_000, height: 1, width: 1 };
    let neuron = Neuron { noise_sigma: 0.0, ..NEURON };
    let run = run::<f64>(signal, Integration::Exact, &neuron, &vec![1000.0; signal.len()], &[]);
    let times: Vec<f64> = run.events.iter().map(|e| e.step as f64 * 0.001 + e.offset_s).collect();
    let charge = (20.0f64 / 19.0).ln() / 50.0;
    let periods: Vec<f64> = times.windows(2).map(|pair| pair[1] - pair[0] - charge).collect();
    let n = periods.len() as f64;
    let mean = periods.iter().sum::<f64>() / n;
    let sd = (periods.iter().map(|p| (p - mean).powi(2)).sum::<f64>() / n).sqrt();
    assert!((mean - 0.003).abs() < 4.0 * 0.001 / n.sqrt(), "{mean}");
    assert!((sd - 0.001).abs() < 4.0 * 0.001 / (2.0 * n).sqrt() + 1e-5, "{sd}");
    assert!(periods.iter().all(|&p| p > -1e-12));
}

#[test]
fn several_spikes_fit_into_a_step_and_an_absurd_current_ends() {
    let signal = Signal { planes: 1, frames: 2, height: 1, width: 1 };
    let neuron = Neuron { noise_sigma: 0.0, refractory_mean_s: 0.0, refractory_sd_s: 0.0, ..NEURON };
    assert_eq!(run::<f32>(signal, Integration::Exact, &neuron, &[10_000.0; 2], &[]).spikes[1], 10);
    assert_eq!(run::<f32>(signal, Integration::Exact, &neuron, &[1e30; 2], &[]).spikes, [255, 255]);
}

#[test]
fn increments_per_step_are_currents_in_other_units() {
    for integration in [Integration::Exact, Integration::Euler] {
        let signal = Signal { planes: 1, frames: 200, height: 1, width: 40 };
        let hz = current::<f64>(signal, 300.0);
        let per_step: Vec<f64> = hz.iter().map(|x| x / 1024.0).collect();
        let neuron = Neuron { step_s: 1.0 / 1024.0, ..NEURON };
        let want = run(signal, integration, &neuron, &hz, &[]);
        let got = run(signal, integration, &Neuron { input_hz: 1024.0, ..neuron }, &per_step, &[]);
        assert!(got.spikes == want.spikes && got.v == want.v);
    }
}
