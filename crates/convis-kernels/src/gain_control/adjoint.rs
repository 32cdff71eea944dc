//! The adjoint of [`GainControl`].
//!
//! Backwards in time, with v̄ₜ and āₜ the gradients of Vₜ and Aₜ, x = exp(−d·gₜ), B the blur and Bᵀ its transpose:
//! ```text
//! Ē    = v̄ₜ·(1 − x)
//! ḡ    = −d·x·(Vₜ₋₁ − Eₜ)·v̄ₜ − Ē·Eₜ/gₜ
//! ∂Iₜ  = Ē·α/gₜ          ∂α += Ē·Iₜ/gₜ          ∂g += ḡ
//! v̄ₜ₋₁ += v̄ₜ·x + 2(1−e)·λ·Vₜ₋₁·Bᵀāₜ
//! āₜ₋₁  = ḡ + e·āₜ
//! ```
//! and, once all āₜ are known, with c the sum of ⟨āₜ, B Vₜ₋₁²⟩:
//! ```text
//! ∂λ = (1−e)·c        ∂σ = (1−e)·λ·Σ ⟨āₜ, ∂B/∂σ Vₜ₋₁²⟩        ∂e = Σ ⟨āₜ, Aₜ₋₁⟩ − λ·c
//! ```
//! V and A of all frames are recomputed first. Without feedback (λ = 0 and no conductance left from before) no pixel
//! depends on another, and bands of pixels run through all frames by themselves.

use super::{Constants, GainControl, forward};
use crate::bands;
use crate::operation::Gradients;
use crate::separable_blur::{Rows, Slopes, Transposed, blur_rows};
use crate::sums::{dot, sum};
use crate::tiles::{split, split_state, tiles};
use crate::{Real, Signal, parallel, simd};

pub(super) fn gain_control<T: Real>(
    membrane: &GainControl,
    parameters: &[f64],
    input: &[T],
    state: &[&[T]],
    output_gradient: &[T],
    state_gradient: &[&[T]],
    mut gradients: Gradients<'_, T>,
) {
    let constants = membrane.constants(parameters);
    let signal = membrane.signal;
    let [v_gradient, a_gradient] = &mut gradients.state[..] else { panic!("two state arrays") };
    v_gradient.copy_from_slice(state_gradient[0]);
    a_gradient.copy_from_slice(state_gradient[1]);
    gradients.parameters.fill(0.0);
    if signal.is_empty() {
        return;
    }
    let (pixels, movie) = (signal.pixels(), signal.frames * signal.pixels());
    let mut input_gradients = gradients.inputs[0].take().map(|movie_| movie_.chunks_mut(movie));
    let mut planes = vec![];
    for (plane, (v, a)) in v_gradient.chunks_mut(pixels).zip(a_gradient.chunks_mut(pixels)).enumerate() {
        planes.push((plane, v, a, input_gradients.as_mut().and_then(Iterator::next)));
    }
    let work = signal.len() * constants.taps.weight.len() * 6;
    let sums = parallel::map(planes, work, |(plane, v_bar, a_bar, input_gradient)| {
        let plane_of = |x: &'_ [T]| -> Vec<T> { x[plane * pixels..(plane + 1) * pixels].to_vec() };
        let movie = plane * movie..(plane + 1) * movie;
        let one = Plane {
            constants: &constants,
            signal: Signal { planes: 1, ..signal },
            input: &input[movie.clone()],
            output_gradient: &output_gradient[movie],
            start: [0, 1].map(|s: usize| plane_of(state[s])),
        };
        one.adjoint(v_bar, a_bar, input_gradient)
    });
    for sum in &sums {
        gradients.parameters[0] += sum.lambda;
        gradients.parameters[1] += sum.leak;
        gradients.parameters[2] += sum.input_amp;
        gradients.parameters[3] += sum.keep * constants.adaptation.keep_by_tau;
        gradients.parameters[4] += sum.sigma_px * membrane.pixels_per_degree;
    }
}

/// Gradients of the parameters, in double precision.
#[derive(Default)]
struct Sums {
    lambda: f64,
    leak: f64,
    input_amp: f64,
    keep: f64,
    sigma_px: f64,
}

/// One plane of a chunk.
struct Plane<'a, T> {
    constants: &'a Constants,
    signal: Signal,
    input: &'a [T],
    output_gradient: &'a [T],
    /// V and A before the first frame.
    start: [Vec<T>; 2],
}

impl<T: Real> Plane<'_, T> {
    fn adjoint(&self, v_bar: &mut [T], a_bar: &mut [T], input_gradient: Option<&mut [T]>) -> Sums {
        let (signal, pixels) = (self.signal, self.signal.pixels());
        let adaptation = self.constants.adaptation;
        let lambda = self.constants.lambda;
        let alone = forward::WithoutFeedback::of(self.constants, &self.start[1]);
        // v[t], a[t]: before step t. Without feedback, A is 0 throughout and one frame stands for all.
        let (v, a) = match &alone {
            Some(alone) => {
                let mut v = vec![T::zero(); signal.len() + pixels];
                v[..pixels].copy_from_slice(&self.start[0]);
                let [mut v_after, mut a_after] = [0, 1].map(|_| vec![T::zero(); pixels]);
                let state = self.start.each_ref().map(Vec::as_slice);
                let after = &mut [&mut v_after[..], &mut a_after[..]];
                bands::alone(alone, signal, &[self.input], &state, &mut v[pixels..], after);
                (v, self.start[1].clone())
            }
            None => self.history(),
        };
        let a_frame = |t: usize| if alone.is_some() { &a[..] } else { &a[t * pixels..(t + 1) * pixels] };
        let mut a_bars = vec![T::zero(); signal.len()];
        let [leak, input_amp] = match alone {
            Some(_) => self.backward_by_pixel(&v, &a, v_bar, a_bar, &mut a_bars, input_gradient),
            None => self.backward_by_frame(&v, &a, v_bar, a_bar, &mut a_bars, input_gradient),
        };

        let mut squares = v;
        squares.truncate(signal.len());
        for square in &mut squares {
            *square = *square * *square;
        }
        let slopes = Slopes::new(&self.constants.taps, signal.height, signal.width);
        let [contrast, by_sigma] = slopes.of_movie(&squares, &a_bars, signal.frames, lambda != 0.0);
        let frames = a_bars.chunks(pixels).enumerate().collect();
        let by_a = parallel::map(frames, signal.len(), |(t, a_bar): (usize, &[T])| {
            simd::vectorized(
                #[inline(always)]
                || dot(a_bar, a_frame(t)),
            )
        });
        Sums {
            lambda: adaptation.take * contrast,
            leak,
            input_amp,
            keep: by_a.iter().sum::<f64>() - lambda * contrast,
            sigma_px: adaptation.take * lambda * by_sigma,
        }
    }

    /// Every tile of pixels by itself, through all frames.
    fn backward_by_pixel(
        &self,
        v: &[T],
        a: &[T],
        v_bar: &mut [T],
        a_bar: &mut [T],
        a_bars: &mut [T],
        input_gradient: Option<&mut [T]>,
    ) -> [f64; 2] {
        let signal = self.signal;
        let step = Step::new(self.constants);
        let mut items: Vec<_> = (tiles(&signal).into_iter())
            .zip(split_state(v_bar, &signal).into_iter().zip(split_state(a_bar, &signal)))
            .zip(split(a_bars, &signal))
            .map(|item| (item, None))
            .collect();
        if let Some(movie) = input_gradient {
            for (item, part) in items.iter_mut().zip(split(movie, &signal)) {
                item.1 = Some(part);
            }
        }
        let sums = parallel::map(items, signal.len() * 20, |(((tile, bars), mut a_bars), mut by_input)| {
            let (mut v_bar, mut a_bar) = bars;
            let zeros = vec![T::zero(); tile.len()];
            let mut ignored = zeros.clone();
            let mut sums = [0.0; 2];
            for t in (0..signal.frames).rev() {
                let at = signal.at(0, t, &tile.pixels);
                a_bars.frame(t).copy_from_slice(a_bar.frame(0));
                let part = step.backward(
                    &self.input[at.clone()],
                    &self.output_gradient[at.clone()],
                    [&v[at], &a[tile.pixels.clone()], &zeros],
                    v_bar.frame(0),
                    a_bar.frame(0),
                    by_input.as_mut().map_or(&mut ignored[..], |movie| movie.frame(t)),
                );
                sums = [sums[0] + part[0], sums[1] + part[1]];
            }
            sums
        });
        sums.iter().fold([0.0; 2], |sum, part| [sum[0] + part[0], sum[1] + part[1]])
    }

    /// Frame by frame; the rows of a frame are shared between threads.
    fn backward_by_frame(
        &self,
        v: &[T],
        a: &[T],
        v_bar: &mut [T],
        a_bar: &mut [T],
        a_bars: &mut [T],
        mut input_gradient: Option<&mut [T]>,
    ) -> [f64; 2] {
        let (signal, pixels, width) = (self.signal, self.signal.pixels(), self.signal.width);
        let constants = self.constants;
        let step = Step::new(constants);
        let transposed = Transposed::<T>::new(&constants.taps, 1.0, signal.height, width);
        let band_rows = band_rows(signal);
        let band = band_rows * width;
        let mut ignored = vec![T::zero(); pixels];
        let mut sums = [0.0; 2];
        for t in (0..signal.frames).rev() {
            let frame = t * pixels..(t + 1) * pixels;
            let (input, gradient) = (&self.input[frame.clone()], &self.output_gradient[frame.clone()]);
            let (v, a) = (&v[frame.clone()], &a[frame.clone()]);
            let a_bar_t = &mut a_bars[frame.clone()];
            a_bar_t.copy_from_slice(a_bar);
            let by_input =
                input_gradient.as_mut().map_or(&mut ignored[..], |movie| &mut movie[frame.clone()]);
            let items = (v_bar.chunks_mut(band).zip(a_bar.chunks_mut(band)).zip(by_input.chunks_mut(band)))
                .enumerate()
                .collect();
            let work = pixels * (20 + constants.taps.weight.len());
            let parts = parallel::map(items, work, |(i, ((v_bar, a_bar), by_input))| {
                let here = i * band..i * band + v_bar.len();
                let mut spread = vec![T::zero(); v_bar.len()];
                if constants.lambda != 0.0 {
                    transposed.band(a_bar_t, i * band_rows, &mut vec![], &mut spread);
                }
                let before = [&v[here.clone()], &a[here.clone()], &spread];
                step.backward(&input[here.clone()], &gradient[here], before, v_bar, a_bar, by_input)
            });
            for part in parts {
                sums = [sums[0] + part[0], sums[1] + part[1]];
            }
        }
        sums
    }

    /// V and A before every step.
    fn history(&self) -> (Vec<T>, Vec<T>) {
        let (signal, pixels, width) = (self.signal, self.signal.pixels(), self.signal.width);
        let constants = self.constants;
        let [leak, input_amp, d, keep, take] = [
            constants.leak,
            constants.input_amp,
            constants.step_s,
            constants.adaptation.keep,
            constants.adaptation.take,
        ]
        .map(T::of);
        let rows = Rows::new(&constants.taps, constants.lambda, signal.height, width);
        let band_rows = band_rows(signal);
        let band = band_rows * width;
        let mut v = vec![T::zero(); signal.len() + pixels];
        let mut a = v.clone();
        v[..pixels].copy_from_slice(&self.start[0]);
        a[..pixels].copy_from_slice(&self.start[1]);
        let mut square = vec![T::zero(); pixels];
        for (t, input) in self.input.chunks(pixels).enumerate() {
            let (v_done, v_now) = v[..(t + 2) * pixels].split_at_mut((t + 1) * pixels);
            let (a_done, a_now) = a[..(t + 2) * pixels].split_at_mut((t + 1) * pixels);
            let (v_before, a_before) = (&v_done[t * pixels..], &a_done[t * pixels..]);
            for (square, &v) in square.iter_mut().zip(v_before) {
                *square = v * v;
            }
            let items = v_now.chunks_mut(band).zip(a_now.chunks_mut(band)).enumerate().collect();
            let work = pixels * (8 + constants.taps.weight.len());
            parallel::for_each(items, work, |(i, (v, a)): (usize, (&mut [T], &mut [T]))| {
                let mut padded = rows.scratch();
                let here = i * band..i * band + v.len();
                let (input, v_before, a_before) =
                    (&input[here.clone()], &v_before[here.clone()], &a_before[here]);
                simd::vectorized(
                    #[inline(always)]
                    || {
                        blur_rows(&rows, &square, i * band_rows, &mut padded, a);
                        for i in 0..v.len().min(a.len()) {
                            let g = leak + a_before[i];
                            let rest = input_amp * input[i] / g;
                            let x = (-d * g).exp_of_negative();
                            v[i] = (rest + (v_before[i] - rest) * x).flush();
                            a[i] = (keep * a_before[i] + take * a[i]).flush();
                        }
                    },
                );
            });
        }
        (v, a)
    }
}

/// Rows that one thread works on at a time: a frame is short work.
fn band_rows(signal: Signal) -> usize {
    signal.height.div_ceil(8).max(2048_usize.div_ceil(signal.width)).min(signal.height)
}

/// Pixels whose gradients are summed together.
const ROW: usize = 256;

/// The constants of a step in the type of the movie.
struct Step<T> {
    leak: T,
    input_amp: T,
    d: T,
    keep: T,
    /// 2(1−e)·λ
    twice: T,
}

impl<T: Real> Step<T> {
    fn new(constants: &Constants) -> Self {
        Self {
            leak: T::of(constants.leak),
            input_amp: T::of(constants.input_amp),
            d: T::of(constants.step_s),
            keep: T::of(constants.adaptation.keep),
            twice: T::of(2.0 * constants.adaptation.take * constants.lambda),
        }
    }

    /// One step back, for some pixels. Returns ∂g and ∂α.
    fn backward(
        &self,
        input: &[T],
        gradient: &[T],
        [v_before, a_before, spread]: [&[T]; 3],
        v_bar: &mut [T],
        a_bar: &mut [T],
        by_input: &mut [T],
    ) -> [f64; 2] {
        let Self { leak, input_amp, d, keep, twice } = *self;
        let mut sums = [0.0; 2];
        let [mut by_g, mut by_amp] = [[T::zero(); ROW]; 2];
        simd::vectorized(
            #[inline(always)]
            || {
                let mut first = 0;
                while first < input.len() {
                    let n = ROW.min(input.len() - first);
                    let row = first..first + n;
                    let (input, gradient) = (&input[row.clone()], &gradient[row.clone()]);
                    let (v_before, a_before) = (&v_before[row.clone()], &a_before[row.clone()]);
                    let (v_bar, a_bar) = (&mut v_bar[row.clone()], &mut a_bar[row.clone()]);
                    let (spread, by_input) = (&spread[row.clone()], &mut by_input[row]);
                    first += n;
                    for i in 0..n {
                        let v_bar_t = v_bar[i] + gradient[i];
                        let g = leak + a_before[i];
                        let rest = input_amp * input[i] / g;
                        let x = (-d * g).exp_of_negative();
                        let rest_bar = v_bar_t * (T::one() - x);
                        let g_bar = -d * x * (v_before[i] - rest) * v_bar_t - rest_bar * rest / g;
                        by_g[i] = g_bar;
                        by_amp[i] = rest_bar * input[i] / g;
                        by_input[i] = rest_bar * input_amp / g;
                        v_bar[i] = (v_bar_t * x + twice * v_before[i] * spread[i]).flush();
                        a_bar[i] = (g_bar + keep * a_bar[i]).flush();
                    }
                    sums[0] += sum(&by_g[..n]);
                    sums[1] += sum(&by_amp[..n]);
                }
            },
        );
        sums
    }
}
