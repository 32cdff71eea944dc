//! [`GainControl`], fast.
//!
//! Without feedback (λ = 0 and no conductance left from before) every pixel runs by itself and the conductance is
//! a constant: one low-pass. With feedback a frame needs the whole frame before it; the rows of one frame are
//! shared between threads.

use super::{Constants, GainControl};
use crate::bands::{self, ByPixel, Pixelwise};
use crate::separable_blur::{Rows, blur_row};
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
    if let Some(alone) = WithoutFeedback::of(&constants, state[1]) {
        return bands::alone(&alone, membrane.signal, &[input], state, output, state_after);
    }
    let [v_after, a_after] = state_after else { panic!("two state arrays") };
    v_after.copy_from_slice(state[0]);
    a_after.copy_from_slice(state[1]);
    if membrane.signal.is_empty() {
        return;
    }
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

/// V of every pixel by itself, with a constant conductance; the other state, A, stays 0.
#[derive(PartialEq)]
pub(super) struct WithoutFeedback<T> {
    leak: T,
    input_amp: T,
    decay: T,
}

impl<T: Real> WithoutFeedback<T> {
    /// The membrane without feedback, where there is none: λ = 0 and no conductance is left from before.
    pub fn of(constants: &Constants, a: &[T]) -> Option<ByPixel<Self>> {
        (constants.lambda == 0.0 && a.iter().all(T::is_zero)).then(|| {
            // The same operations in the same order as in `membrane_step`: switching λ on and off changes no bit.
            let membrane = Membrane::<T>::new(constants);
            let decay = (-membrane.step_s * membrane.leak).exp_of_negative();
            ByPixel(Self { leak: membrane.leak, input_amp: membrane.input_amp, decay })
        })
    }
}

impl<T: Real> Pixelwise<T> for WithoutFeedback<T> {
    #[inline(always)]
    fn step(&self, inputs: &[&[T]], state: &mut [&mut [T]], output: &mut [T]) {
        for ((&i, v), out) in inputs[0].iter().zip(state[0].iter_mut()).zip(output) {
            let rest = self.input_amp * i / self.leak;
            *v = (rest + (*v - rest) * self.decay).flush();
            *out = *v;
        }
    }
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
    // λ·B V² of the frame before.
    let mut contrast = square_now.clone();
    for t in 0..signal.frames {
        let (done, now) = output.split_at_mut(t * signal.pixels());
        let v_before: &[T] = if t == 0 { v } else { &done[(t - 1) * signal.pixels()..] };
        let frame = t * signal.pixels()..(t + 1) * signal.pixels();
        let bands: Vec<_> = now[..signal.pixels()]
            .chunks_mut(band_rows * width)
            .zip(a.chunks_mut(band_rows * width))
            .zip(square_now.chunks_mut(band_rows * width))
            .zip(contrast.chunks_mut(band_rows * width))
            .zip(v_before.chunks(band_rows * width))
            .zip(input[frame].chunks(band_rows * width))
            .enumerate()
            .collect();
        parallel::for_each(bands, work, |(band, (((((v, a), square_now), contrast), v_before), input))| {
            let mut padded = rows.scratch();
            simd::vectorized(
                #[inline(always)]
                || {
                    for (row, contrast) in contrast.chunks_mut(width).enumerate() {
                        blur_row(&rows, &square, band * band_rows + row, &mut padded, contrast);
                    }
                    membrane_step(&membrane, input, v_before, contrast, a, v, square_now);
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
