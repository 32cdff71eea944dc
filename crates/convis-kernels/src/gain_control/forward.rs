//! [`GainControl`], fast.
//!
//! Without feedback (λ = 0 and no conductance left from before) every pixel runs by itself and the conductance is
//! a constant: one low-pass. With feedback a frame needs the whole frame before it; the rows of one frame are
//! shared between threads.

use super::{Constants, GainControl};
use crate::separable_blur::{Rows, blur_row};
use crate::tiles::{split, split_state, tiles};
use crate::{Real, Signal, parallel, simd};

pub(super) fn gain_control<T: Real>(
    membrane: &GainControl,
    parameters: &[f64],
    input: &[T],
    state: &[&[T]],
    output: &mut [T],
    state_after: &mut [&mut [T]],
) {
    let constants = membrane.constants(parameters);
    let [v_after, a_after] = state_after else { panic!("two state arrays") };
    v_after.copy_from_slice(state[0]);
    a_after.copy_from_slice(state[1]);
    if membrane.signal.is_empty() {
        return;
    }
    if constants.lambda == 0.0 && state[1].iter().all(T::is_zero) {
        without_feedback(&constants, membrane.signal, input, output, v_after);
    } else {
        let signal = membrane.signal;
        let movie = signal.frames * signal.pixels();
        let planes: Vec<_> = input
            .chunks(movie)
            .zip(output.chunks_mut(movie))
            .zip(v_after.chunks_mut(signal.pixels()).zip(a_after.chunks_mut(signal.pixels())))
            .collect();
        parallel::for_each(planes, signal.len() * constants.taps.weight.len(), |((i, out), (v, a))| {
            with_feedback(&constants, signal, i, out, v, a);
        });
    }
}

/// V of every pixel by itself, with a constant conductance.
fn without_feedback<T: Real>(
    constants: &Constants,
    signal: Signal,
    input: &[T],
    output: &mut [T],
    v_after: &mut [T],
) {
    // The same operations in the same order as in `membrane_step`: switching λ on and off changes no bit.
    let membrane = Membrane::<T>::new(constants);
    let decay = (-membrane.step_s * membrane.leak).exp_of_negative();
    let items: Vec<_> =
        tiles(&signal).into_iter().zip(split(output, &signal)).zip(split_state(v_after, &signal)).collect();
    parallel::for_each(items, signal.len() * 2, |((tile, mut out), mut v)| {
        simd::vectorized(
            #[inline(always)]
            || {
                let v = v.frame(0);
                for t in 0..signal.frames {
                    let input = &input[signal.at(tile.plane, t, &tile.pixels)];
                    for ((&i, v), out) in input.iter().zip(v.iter_mut()).zip(out.frame(t)) {
                        let rest = membrane.input_amp * i / membrane.leak;
                        *v = (rest + (*v - rest) * decay).flush();
                        *out = *v;
                    }
                }
            },
        );
    });
}

/// The constants in the type of the movie.
struct Membrane<T> {
    leak: T,
    input_amp: T,
    step_s: T,
    keep: T,
    take: T,
}

impl<T: Real> Membrane<T> {
    fn new(constants: &Constants) -> Self {
        Self {
            leak: T::of(constants.leak),
            input_amp: T::of(constants.input_amp),
            step_s: T::of(constants.step_s),
            keep: T::of(constants.adaptation.keep),
            take: T::of(constants.adaptation.take),
        }
    }
}

/// One plane, frame by frame.
fn with_feedback<T: Real>(
    constants: &Constants,
    signal: Signal,
    input: &[T],
    output: &mut [T],
    v: &mut [T],
    a: &mut [T],
) {
    let membrane = Membrane::<T>::new(constants);
    let rows = Rows::new(&constants.taps, constants.lambda, signal.height, signal.width);
    let width = signal.width;
    // At most a few bands per thread: a frame is short work.
    let band_rows = signal.height.div_ceil(8).max(2048_usize.div_ceil(width)).min(signal.height);
    let work = signal.pixels() * (4 + constants.taps.weight.len());
    // V² of the frame before and of this one.
    let mut square: Vec<T> = v.iter().map(|&v| v * v).collect();
    let mut square_now = vec![T::zero(); signal.pixels()];
    for t in 0..signal.frames {
        let (done, now) = output.split_at_mut(t * signal.pixels());
        let v_before: &[T] = if t == 0 { v } else { &done[(t - 1) * signal.pixels()..] };
        let frame = t * signal.pixels()..(t + 1) * signal.pixels();
        let bands: Vec<_> = now[..signal.pixels()]
            .chunks_mut(band_rows * width)
            .zip(a.chunks_mut(band_rows * width))
            .zip(square_now.chunks_mut(band_rows * width))
            .zip(v_before.chunks(band_rows * width))
            .zip(input[frame].chunks(band_rows * width))
            .enumerate()
            .collect();
        parallel::for_each(bands, work, |(band, ((((v, a), square_now), v_before), input))| {
            let mut padded = rows.scratch();
            let mut contrast = vec![T::zero(); v.len()];
            simd::vectorized(
                #[inline(always)]
                || {
                    for (row, contrast) in contrast.chunks_mut(width).enumerate() {
                        blur_row(&rows, &square, band * band_rows + row, &mut padded, contrast);
                    }
                    membrane_step(&membrane, input, v_before, &contrast, a, v, square_now);
                },
            );
        });
        std::mem::swap(&mut square, &mut square_now);
    }
    v.copy_from_slice(&output[(signal.frames - 1) * signal.pixels()..]);
}

#[inline(always)]
fn membrane_step<T: Real>(
    membrane: &Membrane<T>,
    input: &[T],
    v_before: &[T],
    contrast: &[T],
    a: &mut [T],
    v: &mut [T],
    square: &mut [T],
) {
    for i in 0..v.len() {
        let g = membrane.leak + a[i];
        let rest = membrane.input_amp * input[i] / g;
        let decay = (-membrane.step_s * g).exp_of_negative();
        v[i] = (rest + (v_before[i] - rest) * decay).flush();
        a[i] = (membrane.keep * a[i] + membrane.take * contrast[i]).flush();
        square[i] = v[i] * v[i];
    }
}
