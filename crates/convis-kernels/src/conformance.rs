//! What every [`Operation`] must fulfil, in one place.
//!
//! [`check`] runs an operation through: fast = reference at widths 0…67 and several heights and planes; scratch and
//! output full of NaN beforehand; the same bits at every vector width and number of threads; the same bits for every
//! way of cutting a movie into chunks; the adjoint against differences of the reference in double precision, for
//! every parameter, for inputs and states; the adjoint of chunks chained through the state against the whole.

use std::ops::Range;
use std::sync::{Mutex, PoisonError};

use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};

use crate::operation::Gradients;
use crate::{Operation, Real, Signal, parallel, simd};

/// Tests that force a vector width take turns.
pub(crate) static SIMD_LEVEL: Mutex<()> = Mutex::new(());

/// An operation with parameters and the sizes to start from.
pub(crate) struct Case<O> {
    make: Box<dyn Fn(Signal) -> O + Sync>,
    signal: Signal,
    parameters: Vec<f64>,
    states: Vec<Range<f64>>,
    weights: Vec<Range<f64>>,
}

impl<O: Operation> Case<O> {
    pub fn new(make: impl Fn(Signal) -> O + Sync + 'static, signal: Signal, parameters: &[f64]) -> Self {
        let states = vec![-1.0..1.0; make(signal).state_lengths().len()];
        let weights = vec![-1.0..1.0; make(signal).weights().len()];
        Self { make: Box::new(make), signal, parameters: parameters.to_vec(), states, weights }
    }

    /// Draws the arrays of weights from these ranges.
    pub fn with_weights(mut self, weights: &[Range<f64>]) -> Self {
        self.weights = weights.to_vec();
        self
    }

    /// Draws the state arrays from these ranges.
    pub fn with_states(mut self, states: &[Range<f64>]) -> Self {
        self.states = states.to_vec();
        self
    }
}

/// Arrays of one call.
#[derive(Clone, Debug)]
struct Data<T> {
    inputs: Vec<Vec<T>>,
    state: Vec<Vec<T>>,
}

/// Numbers in a range, the same at every run: a linear congruential generator is random enough here.
fn numbers<T: Real>(n: usize, range: &Range<f64>, seed: u64) -> Vec<T> {
    let mut x = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    (0..n)
        .map(|_| {
            x = x.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            T::of(range.start + (range.end - range.start) * ((x >> 11) as f64 / (1u64 << 53) as f64))
        })
        .collect()
}

fn data<T: Real, O: Operation>(case: &Case<O>, op: &O, seed: u64) -> Data<T> {
    let movies = std::iter::repeat_n((op.signal().len(), &(-1.0..1.0)), O::INPUTS);
    let inputs = movies.chain(op.weights().into_iter().zip(&case.weights));
    Data {
        inputs: inputs.enumerate().map(|(i, (n, range))| numbers(n, range, seed + i as u64)).collect(),
        state: (case.states.iter().zip(op.state_lengths()).enumerate())
            .map(|(i, (range, n))| numbers(n, range, seed + 100 + i as u64))
            .collect(),
    }
}

/// Numbers to multiply output and final state with.
fn probes<T: Real, O: Operation>(op: &O, seed: u64) -> (Vec<T>, Vec<Vec<T>>) {
    let range = -1.0..1.0;
    let states = op.state_lengths().into_iter().enumerate();
    (
        numbers(op.output_signal().len(), &range, seed),
        states.map(|(i, n)| numbers(n, &range, seed + 100 + i as u64)).collect(),
    )
}

fn slices<T>(arrays: &[Vec<T>]) -> Vec<&[T]> {
    arrays.iter().map(Vec::as_slice).collect()
}

fn slices_mut<T>(arrays: &mut [Vec<T>]) -> Vec<&mut [T]> {
    arrays.iter_mut().map(Vec::as_mut_slice).collect()
}

type Result<T> = (Vec<T>, Vec<Vec<T>>);

fn forward<T: Real, O: Operation>(op: &O, parameters: &[f64], data: &Data<T>) -> Result<T> {
    let mut output = vec![T::nan(); op.output_signal().len()];
    let mut after: Vec<Vec<T>> = data.state.iter().map(|s| vec![T::nan(); s.len()]).collect();
    op.forward(
        parameters,
        &slices(&data.inputs),
        &slices(&data.state),
        &mut output,
        &mut slices_mut(&mut after),
    );
    (output, after)
}

fn reference<O: Operation>(op: &O, parameters: &[f64], data: &Data<f64>) -> Result<f64> {
    let mut output = vec![f64::NAN; op.output_signal().len()];
    let mut after: Vec<Vec<f64>> = data.state.iter().map(|s| vec![f64::NAN; s.len()]).collect();
    op.reference(
        parameters,
        &slices(&data.inputs),
        &slices(&data.state),
        &mut output,
        &mut slices_mut(&mut after),
    );
    (output, after)
}

/// Gradients of inputs, states and parameters.
#[derive(Clone, Debug)]
struct Gradient<T> {
    inputs: Vec<Vec<T>>,
    state: Vec<Vec<T>>,
    parameters: Vec<f64>,
}

fn adjoint<T: Real, O: Operation>(
    op: &O,
    parameters: &[f64],
    data: &Data<T>,
    output: &[T],
    after: &[Vec<T>],
) -> Gradient<T> {
    let mut gradient = Gradient {
        inputs: data.inputs.iter().map(|x| vec![T::nan(); x.len()]).collect(),
        state: data.state.iter().map(|x| vec![T::nan(); x.len()]).collect(),
        parameters: vec![f64::NAN; parameters.len()],
    };
    op.adjoint(
        parameters,
        &slices(&data.inputs),
        &slices(&data.state),
        output,
        &slices(after),
        Gradients {
            inputs: slices_mut(&mut gradient.inputs).into_iter().map(Some).collect(),
            state: slices_mut(&mut gradient.state),
            parameters: &mut gradient.parameters,
        },
    );
    gradient
}

fn largest<T: Real>(x: &[T]) -> f64 {
    x.iter().fold(0.0, |m, x| x.double().abs().max(m))
}

/// Largest difference as a part of the largest number wanted.
fn deviation<T: Real>(got: &[T], want: &[f64]) -> f64 {
    assert_eq!(got.len(), want.len());
    let scale = largest(want).max(1e-30);
    got.iter().zip(want).fold(0.0, |m, (g, w)| {
        assert!(g.double().is_finite(), "not finite: {g:?}, wanted {w}");
        (g.double() - w).abs().max(m)
    }) / scale
}

fn dot<T: Real>(a: &[T], b: &[T]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a.double() * b.double()).sum()
}

/// Runs everything.
pub(crate) fn check<O: Operation>(case: &Case<O>) {
    check_within_a_chunk(case);
    chunked_equals_whole(case);
    adjoint_of_chunks_is_the_adjoint_of_the_whole(case);
}

/// Runs what makes sense for an operation whose output is not one frame per frame of the input.
pub(crate) fn check_within_a_chunk<O: Operation>(case: &Case<O>) {
    fast_equals_reference(case);
    same_bits_at_every_vector_width_and_thread_count(case);
    adjoint_is_the_derivative(case);
}

fn fast_equals_reference<O: Operation>(case: &Case<O>) {
    for width in 0..=67 {
        for planes in [case.signal.planes, 2 * case.signal.planes] {
            let signal = Signal { planes, width, ..case.signal };
            let op = (case.make)(signal);
            let x = data::<f64, O>(case, &op, width as u64);
            let single = Data {
                inputs: x.inputs.iter().map(|x| x.iter().map(|&x| x as f32).collect()).collect(),
                state: x.state.iter().map(|x| x.iter().map(|&x| x as f32).collect()).collect(),
            };
            let want = reference(&op, &case.parameters, &x);
            let double = forward(&op, &case.parameters, &x);
            let single = forward(&op, &case.parameters, &single);
            // Rounding of a few hundred operations: 1e-12 in double, 1e-5 in single precision.
            assert!(deviation(&double.0, &want.0) < 1e-12, "{} width {width}", O::NAME);
            assert!(deviation(&single.0, &want.0) < 1e-5, "{} width {width}, single", O::NAME);
            for s in 0..want.1.len() {
                assert!(deviation(&double.1[s], &want.1[s]) < 1e-12, "{} state {s}, width {width}", O::NAME);
                assert!(deviation(&single.1[s], &want.1[s]) < 1e-5, "{} state {s}, single", O::NAME);
            }
        }
    }
}

fn same_bits_at_every_vector_width_and_thread_count<O: Operation>(case: &Case<O>) {
    let _turn = SIMD_LEVEL.lock().unwrap_or_else(PoisonError::into_inner);
    // Large enough for the work to be shared between threads.
    let signal = Signal { planes: 2 * case.signal.planes, frames: 7, height: 61, width: 67 };
    let op = (case.make)(signal);
    let x = data::<f32, O>(case, &op, 5);
    let v = probes::<f32, O>(&op, 6);
    let before = simd::level();
    let mut all = vec![];
    for level in simd::Level::available() {
        simd::force(level).unwrap();
        for threads in [1, 2, 3] {
            let result = parallel::with_threads(threads, || {
                let forward = forward(&op, &case.parameters, &x);
                let gradient = adjoint(&op, &case.parameters, &x, &v.0, &v.1);
                (forward, gradient.inputs, gradient.state, gradient.parameters)
            });
            all.push((level, threads, result));
        }
    }
    simd::force(before).unwrap();
    for (level, threads, result) in &all[1..] {
        assert!(*result == all[0].2, "{}: other bits at {level:?} with {threads} threads", O::NAME);
    }
}

fn chunked_equals_whole<O: Operation>(case: &Case<O>) {
    let signal = Signal { planes: 2 * case.signal.planes, frames: 23, height: case.signal.height, width: 19 };
    let whole_op = (case.make)(signal);
    let x = data::<f32, O>(case, &whole_op, 11);
    let whole_output = whole_op.output_signal();
    let whole = forward(&whole_op, &case.parameters, &x);
    let mut runner = TestRunner::new(Config { cases: 32, failure_persistence: None, ..Config::default() });
    runner
        .run(&prop::collection::vec(1usize..9, 0..12), |lengths| {
            let mut output = vec![f32::NAN; whole_output.len()];
            let mut state = x.state.clone();
            let mut start = 0;
            for length in lengths.into_iter().chain([usize::MAX]) {
                let frames = length.min(signal.frames - start);
                let part = Data { inputs: cut_inputs::<f32, O>(&x.inputs, signal, start, frames), state };
                let (y, after) = forward(&whole_op.with_frames(frames), &case.parameters, &part);
                paste(&y, &mut output, whole_output, start, frames);
                state = after;
                start += frames;
            }
            prop_assert_eq!(&output, &whole.0);
            prop_assert_eq!(&state, &whole.1);
            Ok(())
        })
        .unwrap();
}

/// Frames `start..start + frames` of the movies, and the weights.
fn cut_inputs<T: Copy, O: Operation>(
    inputs: &[Vec<T>],
    signal: Signal,
    start: usize,
    frames: usize,
) -> Vec<Vec<T>> {
    let (movies, weights) = inputs.split_at(O::INPUTS);
    movies.iter().map(|x| cut(x, signal, start, frames)).chain(weights.iter().cloned()).collect()
}

/// Frames `start..start + frames` of every plane.
fn cut<T: Copy>(movie: &[T], signal: Signal, start: usize, frames: usize) -> Vec<T> {
    (0..signal.planes)
        .flat_map(|plane| {
            let first = (plane * signal.frames + start) * signal.pixels();
            movie[first..first + frames * signal.pixels()].iter().copied()
        })
        .collect()
}

fn paste<T: Copy>(part: &[T], movie: &mut [T], signal: Signal, start: usize, frames: usize) {
    for plane in 0..signal.planes {
        let n = frames * signal.pixels();
        let first = (plane * signal.frames + start) * signal.pixels();
        movie[first..first + n].copy_from_slice(&part[plane * n..(plane + 1) * n]);
    }
}

/// Five-point difference quotient of `f` at 0.
fn slope(f: impl Fn(f64) -> f64, h: f64) -> f64 {
    (8.0 * (f(h) - f(-h)) - (f(2.0 * h) - f(-2.0 * h))) / (12.0 * h)
}

fn adjoint_is_the_derivative<O: Operation>(case: &Case<O>) {
    for (width, frames) in [(7, 6), (1, 1), (19, 3)] {
        let signal = Signal { planes: 2 * case.signal.planes, frames, height: case.signal.height, width };
        let op = (case.make)(signal);
        let x = data::<f64, O>(case, &op, 21);
        let (probe, state_probe) = &probes::<f64, O>(&op, 22);
        let gradient = adjoint(&op, &case.parameters, &x, probe, state_probe);
        let loss = |parameters: &[f64], x: &Data<f64>| {
            let (y, after) = reference(&op, parameters, x);
            dot(&y, probe) + after.iter().zip(state_probe).map(|(a, b)| dot(a, b)).sum::<f64>()
        };
        // Terms of the loss cancel: differences are exact to rounding of the sum of their sizes.
        let floor =
            |y: &Result<f64>| 1e-10 * (y.0.iter().zip(probe).map(|(y, v)| (y * v).abs()).sum::<f64>() + 1e-3);
        let floor = floor(&reference(&op, &case.parameters, &x));
        let close = |what: &str, got: f64, want: f64| {
            assert!(
                (got - want).abs() <= 1e-6 * want.abs() + floor,
                "{} by {what}: adjoint {got}, differences {want}",
                O::NAME
            );
        };
        for (p, name) in O::PARAMETERS.iter().enumerate() {
            let value = case.parameters[p];
            if value == 0.0 && name.starts_with("sigma") {
                assert_eq!(gradient.parameters[p], 0.0, "a blur of width zero is switched off");
                continue;
            }
            let along = |h: f64| {
                let mut parameters = case.parameters.clone();
                parameters[p] += h;
                loss(&parameters, &x)
            };
            let h = 1e-4 * value.abs().max(1e-2);
            close(name, gradient.parameters[p], slope(along, h));
        }
        for i in 0..x.inputs.len() {
            let direction = numbers::<f64>(x.inputs[i].len(), &(-1.0..1.0), 31 + i as u64);
            let along = |h: f64| {
                let mut x = x.clone();
                for (x, d) in x.inputs[i].iter_mut().zip(&direction) {
                    *x += h * d;
                }
                loss(&case.parameters, &x)
            };
            close("input", dot(&gradient.inputs[i], &direction), slope(along, 1e-4));
        }
        for s in 0..x.state.len() {
            let direction = numbers::<f64>(x.state[s].len(), &(-1.0..1.0), 41 + s as u64);
            let along = |h: f64| {
                let mut x = x.clone();
                for (x, d) in x.state[s].iter_mut().zip(&direction) {
                    *x += h * d;
                }
                loss(&case.parameters, &x)
            };
            close("state", dot(&gradient.state[s], &direction), slope(along, 1e-4));
        }
    }
}

fn adjoint_of_chunks_is_the_adjoint_of_the_whole<O: Operation>(case: &Case<O>) {
    let signal = Signal { planes: 2 * case.signal.planes, frames: 8, height: case.signal.height, width: 9 };
    let op = (case.make)(signal);
    let x = data::<f64, O>(case, &op, 51);
    let v = probes::<f64, O>(&op, 52);
    let whole = adjoint(&op, &case.parameters, &x, &v.0, &v.1);
    let part = |start, frames, state: &[Vec<f64>]| Data {
        inputs: cut_inputs::<f64, O>(&x.inputs, signal, start, frames),
        state: state.to_vec(),
    };
    let first = part(0, 3, &x.state);
    let between = forward(&op.with_frames(3), &case.parameters, &first).1;
    let second = part(3, 5, &between);
    let probe = |start, frames| cut(&v.0, op.output_signal(), start, frames);
    let second = adjoint(&op.with_frames(5), &case.parameters, &second, &probe(3, 5), &v.1);
    let first = adjoint(&op.with_frames(3), &case.parameters, &first, &probe(0, 3), &second.state);
    for p in 0..case.parameters.len() {
        let (got, want) = (first.parameters[p] + second.parameters[p], whole.parameters[p]);
        assert!((got - want).abs() <= 1e-9 * want.abs() + 1e-9, "{}: {got} {want}", O::NAME);
    }
    for s in 0..x.state.len() {
        assert!(deviation(&first.state[s], &whole.state[s]) < 1e-12, "{} state {s}", O::NAME);
    }
    for i in 0..O::INPUTS {
        let mut joined = vec![0.0; signal.len()];
        paste(&first.inputs[i], &mut joined, signal, 0, 3);
        paste(&second.inputs[i], &mut joined, signal, 3, 5);
        assert!(deviation(&joined, &whole.inputs[i]) < 1e-12, "{} input {i}", O::NAME);
    }
    for i in O::INPUTS..x.inputs.len() {
        let sum: Vec<f64> = first.inputs[i].iter().zip(&second.inputs[i]).map(|(a, b)| a + b).collect();
        assert!(deviation(&sum, &whole.inputs[i]) < 1e-12, "{} weights {i}", O::NAME);
    }
}
