use super::*;
use crate::conformance::{self, Case};

const TONIC: [f64; 4] = [0.02, 0.2, -65.0, 6.0];

fn cell(signal: Signal, frame_ms: f64) -> Izhikevich {
    let setting = Setting { start: true, ..Setting::silent(signal, frame_ms) };
    Izhikevich { setting, threshold: 30.0, only_spikes: false }
}

/// Spikes, v and u of one neuron.
fn run(parameters: [f64; 4], input: &[f64], frame_ms: f64) -> [Vec<f64>; 3] {
    let signal = Signal { planes: 1, frames: input.len(), height: 1, width: 1 };
    let (mut y, mut v, mut u) = (vec![0.0; 3 * input.len()], [0.0], [0.0]);
    cell(signal, frame_ms).forward(&parameters, &[input], &[&[0.0], &[0.0]], &mut y, &mut [&mut v, &mut u]);
    [0, 1, 2].map(|channel| y[channel * input.len()..(channel + 1) * input.len()].to_vec())
}

#[test]
fn conforms_below_threshold() {
    // No spike within the few frames: a spike is a jump, across which differences measure nothing.
    let signal = Signal { planes: 1, frames: 5, height: 1, width: 1 };
    for (frame_ms, only_spikes) in [(1.0, false), (2.5, false), (0.4, false)] {
        let make = move |signal| Izhikevich {
            setting: Setting::silent(signal, frame_ms),
            threshold: 30.0,
            only_spikes,
        };
        let case = Case::new(make, signal, &TONIC);
        conformance::check(&case.with_states(&[-72.0..-66.0, -14.0..-11.0]));
    }
}

#[test]
fn gradients_through_spikes_and_the_start_are_those_of_differences() {
    let frames = 120;
    let signal = Signal { planes: 1, frames, height: 1, width: 3 };
    let cells = cell(signal, 1.0);
    let input: Vec<f64> = (0..signal.len()).map(|i| 8.0 + (i % 3) as f64 * 3.0).collect();
    let probe: Vec<f64> = (0..3 * signal.len()).map(|i| ((i * 7919) % 101) as f64 / 101.0 - 0.4).collect();
    let state: [&[f64]; 2] = [&[0.0; 3], &[0.0; 3]];
    let loss = |p: &[f64], input: &[f64]| {
        let (mut y, mut v, mut u) = (vec![0.0; 3 * signal.len()], [0.0; 3], [0.0; 3]);
        cells.reference(p, &[input], &state, &mut y, &mut [&mut v, &mut u]);
        assert!(y[..signal.len()].iter().sum::<f64>() > 5.0, "it must fire");
        // v has channel 1, u channel 2.
        y.iter().zip(&probe).skip(signal.len()).map(|(y, p)| y * p).sum::<f64>()
    };
    let mut probe_shown = probe.clone();
    probe_shown[..signal.len()].fill(3.0); // whatever is asked of spikes changes nothing
    let mut by_input = vec![0.0; signal.len()];
    let (mut by_v, mut by_u, mut by_parameter) = ([1.0; 3], [1.0; 3], [0.0; 4]);
    cells.adjoint(
        &TONIC,
        &[&input],
        &state,
        &probe_shown,
        &[&[0.0; 3], &[0.0; 3]],
        Gradients {
            inputs: vec![Some(&mut by_input)],
            state: vec![&mut by_v, &mut by_u],
            parameters: &mut by_parameter,
        },
    );
    assert_eq!((by_v, by_u), ([0.0; 3], [0.0; 3]));
    for q in 0..4 {
        // Small enough for no spike to move to another step.
        let h = 1e-8 * TONIC[q].abs();
        let [up, down] = [h, -h].map(|h| {
            let mut p = TONIC;
            p[q] += h;
            loss(&p, &input)
        });
        let want = (up - down) / (2.0 * h);
        assert!((by_parameter[q] - want).abs() < 1e-4 * want.abs(), "{q}: {} {want}", by_parameter[q]);
    }
    let h = 1e-7;
    let [up, down] = [h, -h].map(|h| loss(&TONIC, &input.iter().map(|x| x + h).collect::<Vec<_>>()));
    let (got, want) = (by_input.iter().sum::<f64>(), (up - down) / (2.0 * h));
    assert!((got - want).abs() < 1e-4 * want.abs(), "{got} {want}");
}

#[test]
fn rest_is_a_root_of_the_quadratic() {
    // dv = du = 0 without a current: 0.04·v² + (5 − b)·v + 140 = 0, lower root −70 for b = 0.2.
    let [spikes, v, u] = run(TONIC, &[0.0; 2000], 1.0);
    assert_eq!(spikes.iter().sum::<f64>(), 0.0);
    assert!((v[1999] + 70.0).abs() < 1e-3 && (u[1999] + 14.0).abs() < 1e-2);
}

#[test]
fn a_stronger_current_fires_faster_and_the_frame_rate_matters_little() {
    let rate = |current: f64, frame_ms: f64| {
        let frames = (2000.0 / frame_ms) as usize;
        run(TONIC, &vec![current; frames], frame_ms)[0].iter().sum::<f64>() / 2.0
    };
    let rates = [4.0, 7.0, 10.0, 14.0, 20.0].map(|current| rate(current, 1.0));
    assert!(rates.windows(2).all(|pair| pair[0] < pair[1]), "{rates:?}");
    for frame_ms in [0.5, 2.0, 10.0] {
        assert!((rate(14.0, frame_ms) / rates[3] - 1.0).abs() < 0.2, "{frame_ms} ms");
    }
    // A frame of ten milliseconds holds the same pairs of half-steps as ten of one.
    assert_eq!(rate(14.0, 10.0), rates[3]);
}
