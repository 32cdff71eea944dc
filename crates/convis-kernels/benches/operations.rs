//! Speed of every operation: reference, vector code on one thread, vector code on all threads, adjoint.
//!
//! ```text
//! cargo bench -p convis-kernels                    # prints name,variant,value,unit
//! cargo bench -p convis-kernels -- gain blur       # only operations whose name contains one of these words
//! ```
//! Sizes are those of a chunk of a 224×224 movie. `Mpixel/s` counts pixel-steps. `GB/s` counts the bytes an operation
//! must read and write once (movies in, movie out); `% of copy` compares that with copying a movie of this size on as
//! many threads. Every number is the best of several repeats.

use std::hint::black_box;
use std::time::Instant;

use convis_kernels::conv3d::{Border, Conv3d, PlanChoice};
use convis_kernels::delay_line::DelayLine;
use convis_kernels::frame_difference::FrameDifference;
use convis_kernels::gain_control::GainControl;
use convis_kernels::ganglion_current::GanglionCurrent;
use convis_kernels::integrate_and_fire::{self, Integration, Membrane, Neuron, Noise, integrate_and_fire};
use convis_kernels::low_pass::LowPass;
use convis_kernels::random::{Key, Use, normal};
use convis_kernels::recursive_blur::{Kind, RecursiveBlur, Spread};
use convis_kernels::separable_blur::SeparableBlur;
use convis_kernels::static_nonlinearity::StaticNonlinearity;
use convis_kernels::transient::Transient;
use convis_kernels::variable_delay::VariableDelay;
use convis_kernels::weighted_difference::WeightedDifference;
use convis_kernels::{Gradients, Operation, Signal, parallel, simd};

const SIGNAL: Signal = Signal { planes: 1, frames: 16, height: 224, width: 224 };

/// Best time of a few repeats, s; of as many as fit into a quarter of a second, where that is more.
fn seconds(repeats: usize, mut f: impl FnMut()) -> f64 {
    f();
    let (begin, mut best, mut done) = (Instant::now(), f64::INFINITY, 0);
    while done < repeats || begin.elapsed().as_secs_f64() < 0.25 {
        let start = Instant::now();
        f();
        best = best.min(start.elapsed().as_secs_f64());
        done += 1;
    }
    best
}

fn line(name: &str, variant: &str, value: f64, unit: &str) {
    println!("{name},{variant},{value:.4},{unit}");
}

/// A movie of numbers between 0 and 1.
fn movie(len: usize) -> Vec<f32> {
    (0..len as u32).map(|i| (i.wrapping_mul(2_654_435_761) >> 8) as f32 / 16_777_216.0).collect()
}

/// Copying a movie: the bandwidth that bounds everything below, GB/s.
fn copy_bandwidth(threads: usize) -> f64 {
    let from = movie(SIGNAL.len());
    let mut to = vec![0.0f32; from.len()];
    let time = parallel::with_threads(threads, || {
        seconds(20, || {
            let parts: Vec<_> = from.chunks(16_384).zip(to.chunks_mut(16_384)).collect();
            parallel::for_each(parts, SIGNAL.len(), |(from, to)| to.copy_from_slice(black_box(from)));
        })
    });
    8.0 * SIGNAL.len() as f64 / time / 1e9
}

/// Fused multiply-adds of independent vectors: the arithmetic that bounds everything below, GFLOP/s.
fn multiply_add_rate(threads: usize) -> f64 {
    const NUMBERS: usize = 192;
    const TIMES: usize = 20_000;
    let time = parallel::with_threads(threads, || {
        seconds(5, || {
            parallel::for_each((0..threads).collect(), usize::MAX, |i: usize| {
                let (factor, term) = (black_box(0.999f32), black_box(i as f32));
                let x = black_box([1.0f32; NUMBERS]);
                let x = simd::vectorized(
                    #[inline(always)]
                    || {
                        // A copy: it stays in registers.
                        let mut x = x;
                        for _ in 0..TIMES {
                            for x in &mut x {
                                *x = x.mul_add(factor, term);
                            }
                        }
                        x
                    },
                );
                black_box(x);
            });
        })
    });
    (2 * NUMBERS * TIMES * threads) as f64 / time / 1e9
}

fn report(name: &str, variant: &str, movies: usize, time: f64, copy: f64) {
    let rate = SIGNAL.len() as f64 / time;
    let bandwidth = rate * 4.0 * movies as f64 / 1e9;
    line(name, variant, rate / 1e6, "Mpixel/s");
    line(name, variant, bandwidth, "GB/s");
    line(name, variant, 100.0 * bandwidth / copy, "% of copy");
}

/// Whether the command line asks for this operation: it names none, or a part of its name.
fn wanted(name: &str) -> bool {
    let mut words = std::env::args().skip(1).filter(|word| !word.starts_with('-')).peekable();
    words.peek().is_none() || words.any(|word| name.contains(&word))
}

fn operation<O: Operation>(operation: &O, name: &str, parameters: &[f64], copies: &[(usize, f64)]) {
    if !wanted(name) {
        return;
    }
    let lengths = operation.state_lengths();
    let arrays = std::iter::repeat_n(SIGNAL.len(), O::INPUTS).chain(operation.weights());
    let inputs: Vec<Vec<f32>> = arrays.map(movie).collect();
    let inputs: Vec<&[f32]> = inputs.iter().map(Vec::as_slice).collect();
    let state: Vec<Vec<f32>> = lengths.iter().map(|&n| vec![0.1; n]).collect();
    let state: Vec<&[f32]> = state.iter().map(Vec::as_slice).collect();
    let mut output = vec![0.0f32; SIGNAL.len()];
    let mut after = state.iter().map(|s| s.to_vec()).collect::<Vec<_>>();
    let movies = O::INPUTS + 1;

    let few = operation.with_frames(1);
    let doubles: Vec<Vec<f64>> = inputs
        .iter()
        .map(|x| x[..SIGNAL.pixels().min(x.len())].iter().map(|&x| f64::from(x)).collect())
        .collect();
    let doubles: Vec<&[f64]> = doubles.iter().map(Vec::as_slice).collect();
    let before: Vec<Vec<f64>> = lengths.iter().map(|&n| vec![0.1; n]).collect();
    let before: Vec<&[f64]> = before.iter().map(Vec::as_slice).collect();
    let mut slow_output = vec![0.0f64; SIGNAL.pixels()];
    let mut slow_after = before.iter().map(|s| s.to_vec()).collect::<Vec<_>>();
    let time = seconds(2, || {
        let mut after: Vec<&mut [f64]> = slow_after.iter_mut().map(Vec::as_mut_slice).collect();
        few.reference(parameters, &doubles, &before, &mut slow_output, &mut after);
    });
    report(name, "reference", movies, time * SIGNAL.frames as f64, copies[0].1);

    for &(threads, copy) in copies {
        let time = parallel::with_threads(threads, || {
            seconds(15, || {
                let mut after: Vec<&mut [f32]> = after.iter_mut().map(Vec::as_mut_slice).collect();
                operation.forward(parameters, &inputs, &state, &mut output, &mut after);
            })
        });
        report(name, &format!("forward {threads} threads"), movies, time, copy);
    }

    let mut by_inputs: Vec<Vec<f32>> = inputs.iter().map(|x| vec![0.0; x.len()]).collect();
    let mut by_parameters = vec![0.0; parameters.len()];
    let after: Vec<&[f32]> = after.iter().map(Vec::as_slice).collect();
    let mut by_state: Vec<Vec<f32>> = lengths.iter().map(|&n| vec![0.0; n]).collect();
    for &(threads, copy) in copies {
        let time = parallel::with_threads(threads, || {
            seconds(5, || {
                let gradients = Gradients {
                    inputs: by_inputs.iter_mut().map(|x| Some(x.as_mut_slice())).collect(),
                    state: by_state.iter_mut().map(Vec::as_mut_slice).collect(),
                    parameters: &mut by_parameters,
                };
                operation.adjoint(parameters, &inputs, &state, &output, &after, gradients);
            })
        });
        report(name, &format!("adjoint {threads} threads"), 2 * movies - 1, time, copy);
    }
}

fn spikes(name: &str, integration: Integration, noise_sigma: f64, copies: &[(usize, f64)]) {
    if !wanted(name) {
        return;
    }
    let neuron = Neuron {
        input_hz: 1.0,
        leak_hz: 50.0,
        noise_sigma,
        refractory_mean_s: 0.003,
        refractory_sd_s: 0.0,
        step_s: 0.001,
    };
    // Around the threshold current, as in a retina that sees something: about 10 spikes per second.
    let current: Vec<f32> = movie(SIGNAL.len()).iter().map(|x| 45.0 + 40.0 * (x - 0.5)).collect();
    let mut noise = Noise { key: Key::new(0, 0, "bench", 0), first_step: 0 };
    let (mut v, mut r) = (vec![0.6f32; SIGNAL.state_len()], vec![0.0f32; SIGNAL.state_len()]);
    let mut counts = vec![0u8; SIGNAL.len()];
    let doubles: Vec<f64> = current[..SIGNAL.pixels()].iter().map(|&x| f64::from(x)).collect();
    let (mut slow_v, mut slow_r) = (vec![0.6; SIGNAL.state_len()], vec![0.0; SIGNAL.state_len()]);
    let time = seconds(2, || {
        let membrane = Membrane { potential: &mut slow_v, refractory: &mut slow_r };
        let frame = SIGNAL.with_frames(1);
        let counts = &mut counts[..SIGNAL.pixels()];
        counts.fill(0);
        integrate_and_fire::reference(
            frame,
            integration,
            &neuron,
            noise,
            &doubles,
            membrane,
            counts,
            &mut vec![],
        );
    });
    report(name, "reference", 2, time * SIGNAL.frames as f64, copies[0].1);
    for &(threads, copy) in copies {
        let time = parallel::with_threads(threads, || {
            seconds(15, || {
                let membrane = Membrane { potential: &mut v, refractory: &mut r };
                noise.first_step += SIGNAL.frames as u64;
                integrate_and_fire(
                    SIGNAL,
                    integration,
                    &neuron,
                    noise,
                    &current,
                    membrane,
                    &mut counts,
                    None,
                );
            })
        });
        report(name, &format!("forward {threads} threads"), 2, time, copy);
    }
    let per_step = counts.iter().map(|&n| f64::from(n)).sum::<f64>() / SIGNAL.len() as f64;
    line(name, "spikes", per_step / neuron.step_s, "Hz");
}

/// Sizes of a convolution: kernel, frames, side of the image, channels.
type Convolution = ([usize; 3], usize, usize, [usize; 2]);

const CONVOLUTIONS: [Convolution; 8] = [
    ([5, 5, 5], 200, 64, [1, 1]),
    ([10, 10, 10], 1000, 20, [1, 1]),
    ([20, 11, 11], 200, 50, [1, 1]),
    ([100, 11, 11], 200, 50, [1, 1]),
    ([200, 21, 21], 2000, 20, [1, 1]),
    ([10, 5, 5], 200, 20, [8, 16]),
    // The layers of a network.
    ([10, 5, 5], 200, 50, [1, 8]),
    ([1, 1, 1], 200, 50, [8, 16]),
];

/// Time of a convolution and its gradients by every plan that is possible and takes less than seconds.
fn convolution(&(kernel, frames, side, channels): &Convolution, copies: &[(usize, f64)]) {
    let signal = Signal { planes: channels[0], frames, height: side, width: side };
    let conv = Conv3d::new(signal, channels, kernel, Border::Replicate, true);
    let taps = kernel.iter().product::<usize>() * channels[0] * channels[1];
    let operations = 2.0 * (taps * frames * side * side) as f64;
    let [k, m, n] = kernel;
    let name = format!("conv3d {k}x{m}x{n} {}>{} {side}px {frames} frames", channels[0], channels[1]);
    if !wanted(&name) && !std::env::args().any(|argument| argument == "convolutions") {
        return;
    }
    let (x, bias) = (movie(signal.len()), vec![0.1f32; channels[1]]);
    let w: Vec<f32> = movie(taps).iter().map(|w| w - 0.5).collect();
    let history = vec![0.1f32; (k - 1) * signal.state_len()];
    let mut y = vec![0.0f32; conv.output_signal().len()];
    let (mut after, mut by_x, mut by_w) = (history.clone(), x.clone(), w.clone());
    let (mut by_bias, mut by_state) = (bias.clone(), history.clone());
    for choice in [PlanChoice::Direct, PlanChoice::Fft] {
        if choice == PlanChoice::Direct && operations > 1e10 || !conv.accepts(choice) {
            continue;
        }
        let conv = conv.clone().with_plan(choice);
        let (plan, auto) = (conv.plan(), conv.clone().with_plan(PlanChoice::Auto));
        for &(threads, _) in copies {
            let variant = |what: &str| {
                let best = if what == "forward" { auto.plan() } else { auto.plan_of_gradients() };
                let chosen = if plan == best { " (chosen)" } else { "" };
                format!("{plan}{chosen} {what} {threads} threads").replace(',', "")
            };
            let state: [&[f32]; 1] = [&history];
            let states = if k > 1 { &state[..] } else { &[] };
            let time = parallel::with_threads(threads, || {
                let mut after = [&mut after[..]];
                let after = if k > 1 { &mut after[..] } else { &mut [] };
                seconds(3, || conv.forward(&[], &[&x, &w, &bias], states, &mut y, after))
            });
            line(&name, &variant("forward"), time * 1e3, "ms");
            line(&name, &variant("forward"), operations / time / 1e9, "GFLOP/s of the definition");
            for by_input in [false, true] {
                let time = parallel::with_threads(threads, || {
                    seconds(2, || {
                        let gradients = Gradients {
                            inputs: vec![
                                by_input.then_some(&mut by_x[..]),
                                (!by_input).then_some(&mut by_w[..]),
                                Some(&mut by_bias[..]),
                            ],
                            state: (by_input && k > 1).then_some(&mut by_state[..]).into_iter().collect(),
                            parameters: &mut [],
                        };
                        let after: [&[f32]; 1] = [&after];
                        let after = if k > 1 { &after[..] } else { &[] };
                        conv.adjoint(&[], &[&x, &w, &bias], states, &y, after, gradients);
                    })
                });
                let what = if by_input { "gradient by input" } else { "gradient by weights" };
                line(&name, &variant(what), time * 1e3, "ms");
            }
        }
    }
}

fn main() {
    // `cargo test --benches` runs this with `--test`: building it is test enough.
    if std::env::args().any(|argument| argument == "--test") {
        return;
    }
    let all = parallel::threads();
    let mut counts = vec![1];
    counts.extend((all > 1).then_some(all));
    let copies: Vec<(usize, f64)> =
        counts.into_iter().map(|threads| (threads, copy_bandwidth(threads))).collect();
    for (threads, copy) in &copies {
        line("copy", &format!("{threads} threads"), *copy, "GB/s");
        line("multiply-add", &format!("{threads} threads"), multiply_add_rate(*threads), "GFLOP/s");
    }
    for sizes in &CONVOLUTIONS {
        convolution(sizes, &copies);
    }
    if std::env::args().any(|argument| argument == "convolutions") {
        return;
    }
    let (signal, steps_per_second, pixels_per_degree) = (SIGNAL, 1000.0, 10.0);
    let blur = SeparableBlur::new(signal, pixels_per_degree);
    operation(&blur, "separable_blur 0.5 px", &[0.05, 1.0], &copies);
    operation(&blur, "separable_blur 1.5 px", &[0.15, 1.0], &copies);
    operation(&LowPass { signal, steps_per_second, order: 0 }, "low_pass", &[0.01], &copies);
    operation(&Transient { signal, steps_per_second }, "transient", &[0.02, 0.7], &copies);
    operation(&WeightedDifference { signal }, "weighted_difference", &[1.0], &copies);
    let membrane = GainControl { signal, steps_per_second, pixels_per_degree };
    operation(&membrane, "gain_control", &[50.0, 50.0, 50.0, 0.005, 0.2], &copies);
    operation(&GanglionCurrent { signal }, "ganglion_current", &[1.0, 37.0, 0.0, 100.0], &copies);
    let blur = |kind| RecursiveBlur { signal, kind, spread: Spread::Density };
    operation(&blur(Kind::Deriche), "recursive_blur deriche", &[0.3, 1.0], &copies);
    operation(&blur(Kind::Gaussian), "recursive_blur gaussian", &[0.3, 1.0], &copies);
    let rectify = StaticNonlinearity { signal, rectifies: true, squares: false };
    operation(&rectify, "static_nonlinearity", &[1.0, 0.0], &copies);
    operation(&FrameDifference { signal }, "frame_difference", &[], &copies);
    operation(&DelayLine { signal, delay: 5, length: 0 }, "delay_line", &[], &copies);
    let delays = VariableDelay { signal, history: 5, per_pixel: true };
    operation(&delays, "variable_delay", &[], &copies);
    spikes("integrate_and_fire", Integration::Exact, 0.1, &copies);
    spikes("integrate_and_fire without noise", Integration::Exact, 0.0, &copies);
    spikes("integrate_and_fire euler", Integration::Euler, 0.1, &copies);
    let mut numbers = vec![0.0f32; SIGNAL.pixels()];
    let time = seconds(50, || normal::fill(Key::new(0, 0, "bench", 0), 0, 0, Use::Current, 0, &mut numbers));
    line("normal deviates", "1 threads", numbers.len() as f64 / time / 1e6, "Mnumbers/s");
}
