use super::*;
use crate::random::Key;
use crate::{parallel, simd};

const NEURON: UnitNeuron = UnitNeuron {
    leak_hz: 50.0,
    noise_sigma: 0.0,
    refractory_mean_s: 0.003,
    refractory_sd_s: 0.0,
    adaptation: None,
    delayed: false,
    step_s: 0.001,
};

/// A map of currents that fire cells, 40 to 40 + `range` Hz.
fn currents(signal: Signal, range: f64) -> Vec<f64> {
    (0..signal.len()).map(|i| 40.0 + range * (0.5 + 0.5 * (i as f64 * 0.013).sin())).collect()
}

/// Places on the grid to which they are rounded.
fn places(n: usize, height: usize, width: usize) -> Vec<[f64; 2]> {
    let place = |i: usize, step: f64, size: usize| {
        ((i as f64 * step * 1024.0).round() / 1024.0) % (size as f64 + 1.0) - 0.5
    };
    (0..n).map(|i| [place(i, 0.618, height), place(i, 0.377, width)]).collect()
}

fn noise(first_step: u64) -> Noise {
    Noise { key: Key::new(1, 2, "cells", 0), first_step }
}

type Run<T> = (Vec<Spike>, Vec<u8>, [Vec<T>; 4]);

fn run<T: Real>(signal: Signal, cells: &ReadOut, neuron: &UnitNeuron, i: &[f64], chunks: &[usize]) -> Run<T> {
    let mut state: [Vec<T>; 4] = std::array::from_fn(|_| vec![T::zero(); signal.planes * cells.len()]);
    let (mut events, mut dense) = (vec![], vec![]);
    let mut first = 0;
    for &frames in chunks {
        let part: Vec<T> = (0..signal.planes)
            .flat_map(|plane| {
                let start = (plane * signal.frames + first) * signal.pixels();
                i[start..start + frames * signal.pixels()].iter().map(|&x| T::of(x))
            })
            .collect();
        let mut spikes = vec![9; signal.planes * frames * cells.len()];
        let [v, r, c, g] = state.each_mut().map(Vec::as_mut_slice);
        let state = UnitState { potential: v, refractory: r, current: c, conductance: g };
        let signal = signal.with_frames(frames);
        unit_spikes(signal, cells, neuron, noise(first as u64), &part, state, &mut spikes, Some(&mut events));
        dense.extend(spikes);
        first += frames;
    }
    (events, dense, state)
}

fn variants() -> Vec<UnitNeuron> {
    let adaptation = Some(Adaptation { delta_hz: 30.0, tau_s: 0.02, reversal: -0.2 });
    vec![
        NEURON,
        UnitNeuron { delayed: true, step_s: 0.02, ..NEURON },
        UnitNeuron { noise_sigma: 0.1, refractory_sd_s: 0.002, ..NEURON },
        UnitNeuron { refractory_mean_s: 0.0, step_s: 0.01, noise_sigma: 0.3, ..NEURON },
        UnitNeuron { adaptation, noise_sigma: 0.1, refractory_sd_s: 0.001, step_s: 0.005, ..NEURON },
    ]
}

#[test]
fn fast_is_the_reference() {
    let signal = Signal { planes: 2, frames: 60, height: 7, width: 9 };
    let i = currents(signal, 200.0);
    for neuron in variants() {
        let places = places(150, 7, 9);
        let cells = ReadOut::new(&places, 7, 9);
        let (events, dense, _) = run::<f64>(signal, &cells, &neuron, &i, &[60]);
        let mut state: [Vec<f64>; 4] = std::array::from_fn(|_| vec![0.0; 300]);
        let [v, r, c, g] = state.each_mut().map(Vec::as_mut_slice);
        let mut state = UnitState { potential: v, refractory: r, current: c, conductance: g };
        let mut want = vec![];
        reference(signal, &places, &neuron, noise(0), &i, &mut state, &mut want);
        assert!(want.len() > 200);
        assert_eq!(events.len(), want.len(), "{neuron:?}");
        assert_eq!(dense.iter().map(|&n| usize::from(n)).sum::<usize>(), want.len());
        for (got, want) in events.iter().zip(&want) {
            assert_eq!((got.step, got.plane, got.pixel), (want.step, want.plane, want.pixel));
            assert!((got.offset_s - want.offset_s).abs() < 1e-12, "{got:?} {want:?}");
        }
    }
}

#[test]
fn chunks_threads_and_vector_widths_give_the_same_bits() {
    let _turn = crate::conformance::SIMD_LEVEL.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    let before = simd::level();
    let signal = Signal { planes: 2, frames: 40, height: 31, width: 29 };
    let i = currents(signal, 150.0);
    let cells = ReadOut::new(&places(2600, 31, 29), 31, 29);
    for neuron in variants() {
        let whole = run::<f32>(signal, &cells, &neuron, &i, &[40]);
        for (level, threads, chunks) in
            [(simd::Level::Baseline, 1, vec![1; 40]), (before, 2, vec![3, 17, 20]), (before, 3, vec![39, 1])]
        {
            simd::force(level).unwrap();
            let other = parallel::with_threads(threads, || run::<f32>(signal, &cells, &neuron, &i, &chunks));
            assert!(other.0 == whole.0 && other.2 == whole.2, "{neuron:?} {level:?} {threads} {chunks:?}");
        }
        simd::force(before).unwrap();
    }
}

#[test]
fn a_map_is_read_bilinearly_and_clamped() {
    let map: Vec<f64> = (0..12).map(|i| f64::from(i % 4) + 10.0 * f64::from(i / 4)).collect();
    let places = [[0.0, 0.0], [1.25, 2.5], [-3.0, 9.0], [2.0, 3.0], [1.0, 1.0], [1.0, 2.0], [f64::NAN, 1.0]];
    let cells = ReadOut::new(&places, 3, 4);
    let mut read = vec![0.0; 7];
    cells.read(&map, 0, &mut read);
    for (&cell, read) in cells.order().iter().zip(&read) {
        let want = [0.0, 15.0, 3.0, 23.0, 11.0, 12.0, 1.0][cell as usize];
        assert!((read - want).abs() < 1e-12, "cell {cell}: {read}");
    }
    // One pixel, one row.
    for (height, width) in [(1, 1), (1, 5), (5, 1)] {
        let cells = ReadOut::new(&[[7.0, -1.0], [0.5, 0.5]], height, width);
        let mut read = vec![0.0; 2];
        cells.read(&vec![3.0; 5][..height * width], 0, &mut read);
        assert_eq!(read, [3.0, 3.0]);
    }
}

#[test]
fn noise_gives_the_potential_its_standard_deviation() {
    let signal = Signal { planes: 1, frames: 400, height: 1, width: 1 };
    let cells = ReadOut::new(&vec![[0.0, 0.0]; 4000], 1, 1);
    let neuron = UnitNeuron { noise_sigma: 0.05, ..NEURON };
    let (events, _, [v, ..]) = run::<f32>(signal, &cells, &neuron, &vec![0.0; 400], &[400]);
    assert!(events.is_empty());
    let variance = v.iter().map(|v| f64::from(*v).powi(2)).sum::<f64>() / 4000.0;
    // Four standard errors of 4000 numbers.
    assert!((variance.sqrt() / 0.05 - 1.0).abs() < 4.0 / 8000.0f64.sqrt(), "{variance}");
}
