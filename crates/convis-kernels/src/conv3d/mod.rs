//! Convolution in time and space.
//!
//! # Equation
//! With weights `w` of shape (out, in, K, M, N), as they multiply the movie (a correlation), and bias `b`:
//! ```text
//! y(o,t,p,q) = b(o) + Σᵢ Σₐ Σₘ Σₙ w(o,i,a,m,n) · x(i, t+a−K+1, p+m−⌊M/2⌋, q+n−⌊N/2⌋)
//! ```
//! Time is causal: the last of the K time weights meets the present frame, frames before the movie come from the
//! history. Indices beyond the border of an image meet its border pixel ([`Border::Replicate`], output as large as the
//! input), or do not exist ([`Border::Valid`], output smaller by M−1 and N−1 and no shift).
//!
//! # Shapes
//! Input movie: batch × in planes. Output movie: batch × out planes. Weights: (out, in, K, M, N), then the bias (out).
//! State: the last K−1 input frames (none for K = 1, or without history: then the output is K−1 frames shorter).
//!
//! # Source
//! The definition of convolution; padding rule of the 2018 toolbox (⌊size/2⌋ before, the rest behind).

mod adjoint;
mod direct;
mod forward;
mod padded;
mod plan;
mod pointwise;
mod reference;
mod separable;
mod spectral;
mod whole_image;

pub use plan::{Plan, PlanChoice};

use crate::operation::{Gradients, Operation};
use crate::scratch::Scratch;
use crate::static_nonlinearity::Limits;
use crate::{Real, Signal};

/// What lies beyond the border of an image.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Border {
    /// Its border pixel, repeated; the output has the size of the input.
    Replicate,
    /// Nothing; the output has only pixels whose whole neighbourhood exists.
    Valid,
}

/// Convolution: see the [module](self) for the equation.
///
/// ```
/// use convis_kernels::conv3d::{Border, Conv3d};
/// use convis_kernels::{Operation, Signal};
///
/// // A moving average of two frames of one pixel, after a history of 10.
/// let signal = Signal { planes: 1, frames: 3, height: 1, width: 1 };
/// let conv = Conv3d::new(signal, [1, 1], [2, 1, 1], Border::Replicate, true);
/// let (mut y, mut after) = ([0.0f64; 3], [0.0]);
/// conv.forward(&[], &[&[2.0, 4.0, 6.0], &[0.5, 0.5], &[0.0]], &[&[10.0]], &mut y, &mut [&mut after]);
/// assert_eq!((y, after), ([6.0, 3.0, 5.0], [6.0]));
/// ```
#[derive(Clone, Debug)]
pub struct Conv3d {
    signal: Signal,
    channels: [usize; 2],
    kernel: [usize; 3],
    border: Border,
    history: bool,
    choice: PlanChoice,
    /// Whether x is what a rectifier makes of the input movie: see [`Operation::of_rectified`].
    rectifies: bool,
}

impl Conv3d {
    /// A convolution of `channels` (in, out) with kernels of so many frames, rows and columns. With `history`, frames
    /// before the movie come from the state and the output is as long as the input.
    ///
    /// # Panics
    /// If planes are no multiple of the input channels, a size is zero, or nothing would be left of a
    /// [`Border::Valid`] image or of a movie without history.
    pub fn new(
        signal: Signal,
        channels: [usize; 2],
        kernel: [usize; 3],
        border: Border,
        history: bool,
    ) -> Self {
        assert!(
            channels[0] > 0 && channels[1] > 0 && kernel.iter().all(|&k| k > 0),
            "sizes of a convolution"
        );
        assert_eq!(signal.planes % channels[0], 0, "planes of a convolution");
        if border == Border::Valid {
            assert!(
                signal.height >= kernel[1] && signal.width >= kernel[2],
                "an image smaller than the kernel"
            );
        }
        assert!(history || signal.frames >= kernel[0], "a movie shorter than the kernel");
        Self { signal, channels, kernel, border, history, choice: PlanChoice::Auto, rectifies: false }
    }

    /// The same convolution by a plan of this kind.
    #[must_use]
    pub const fn with_plan(mut self, choice: PlanChoice) -> Self {
        self.choice = choice;
        self
    }

    /// How it computes with any weights.
    ///
    /// The plan depends on the sizes of kernel and image and on the channels, never on frames or threads.
    pub fn plan(&self) -> Plan {
        plan::plan(self, 1.0)
    }

    /// How it computes with these weights: in passes along time and space where their rank is low.
    pub fn plan_with<T: Real>(&self, weights: &[T]) -> Plan {
        plan::with_weights(self, weights).0
    }

    /// How it computes its gradients, which cost more than the output when computed directly.
    pub fn plan_of_gradients(&self) -> Plan {
        plan::plan(self, plan::GRADIENTS)
    }

    /// Whether a plan of this kind is possible.
    pub fn accepts(&self, choice: PlanChoice) -> bool {
        match choice {
            PlanChoice::Auto | PlanChoice::Direct => true,
            PlanChoice::Fft => self.kernel[1..] != [1, 1],
            PlanChoice::Separable => separable::is_possible(self.kernel),
        }
    }

    /// Batch entries.
    fn batch(&self) -> usize {
        self.signal.planes / self.channels[0]
    }

    /// Frames of history.
    pub const fn history(&self) -> usize {
        if self.history { self.kernel[0] - 1 } else { 0 }
    }

    /// Rows or columns of border before an image (axis 1: rows, 2: columns).
    fn before(&self, axis: usize) -> usize {
        match self.border {
            Border::Replicate => self.kernel[axis] / 2,
            Border::Valid => 0,
        }
    }

    /// Rows and columns of an image with its border.
    fn padded_size(&self) -> [usize; 2] {
        match self.border {
            Border::Replicate => {
                [self.signal.height + self.kernel[1] - 1, self.signal.width + self.kernel[2] - 1]
            }
            Border::Valid => [self.signal.height, self.signal.width],
        }
    }

    /// What the input movie passes before it is convolved.
    fn limits<T: Real>(&self) -> Limits<T> {
        Limits::new(self.rectifies)
    }

    /// `f` of parts of the input movie; rectified ones are made for it, in the cache.
    fn with_inputs<T: Real, R>(&self, x: &[&[T]], f: impl FnOnce(&[&[T]]) -> R) -> R {
        if !self.rectifies {
            return f(x);
        }
        let n = x[0].len();
        let mut rectified = Scratch::new(x.len() * n);
        for (x, to) in x.iter().zip(rectified.chunks_mut(n)) {
            self.limits().clip_all(x, to);
        }
        f(&rectified.chunks(n).collect::<Vec<_>>())
    }

    fn weights_len(&self) -> usize {
        self.channels[0] * self.channels[1] * self.kernel.iter().product::<usize>()
    }
}

impl Operation for Conv3d {
    const NAME: &'static str = "conv3d";
    const PARAMETERS: &'static [&'static str] = &[];
    const SPARES_STATE: bool = true;

    fn signal(&self) -> Signal {
        self.signal
    }

    fn output_signal(&self) -> Signal {
        let [height, width] = self.padded_size();
        Signal {
            planes: self.batch() * self.channels[1],
            frames: (self.signal.frames + self.history() + 1).saturating_sub(self.kernel[0]),
            height: height + 1 - self.kernel[1],
            width: width + 1 - self.kernel[2],
        }
    }

    fn weights(&self) -> Vec<usize> {
        vec![self.weights_len(), self.channels[1]]
    }

    fn with_frames(&self, frames: usize) -> Self {
        Self { signal: self.signal.with_frames(frames), ..self.clone() }
    }

    fn state_lengths(&self) -> Vec<usize> {
        match self.history() {
            0 => vec![],
            frames => vec![frames * self.signal.state_len()],
        }
    }

    /// Where every number is read once or twice: kernels of one weight, and of the size of the image.
    fn of_rectified(&self) -> Option<Self> {
        let reads_once = self.kernel == [1; 3] || (self.kernel[0] == 1 && self.plan() == Plan::Image);
        reads_once.then(|| Self { rectifies: true, ..self.clone() })
    }

    fn reference(
        &self,
        _: &[f64],
        inputs: &[&[f64]],
        state: &[&[f64]],
        output: &mut [f64],
        state_after: &mut [&mut [f64]],
    ) {
        let movie: Vec<f64> = inputs[0].iter().map(|&x| self.limits().clip(x)).collect();
        reference::conv3d(self, &[&movie, inputs[1], inputs[2]], state, output, state_after);
    }

    fn forward<T: Real>(
        &self,
        _: &[f64],
        inputs: &[&[T]],
        state: &[&[T]],
        output: &mut [T],
        state_after: &mut [&mut [T]],
    ) {
        forward::conv3d(self, inputs, state, output, state_after);
    }

    fn adjoint<T: Real>(
        &self,
        _: &[f64],
        inputs: &[&[T]],
        state: &[&[T]],
        output_gradient: &[T],
        state_gradient: &[&[T]],
        gradients: Gradients<'_, T>,
    ) {
        adjoint::conv3d(self, inputs, state, output_gradient, state_gradient, gradients);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::conformance::{self, Case};
    use crate::static_nonlinearity::StaticNonlinearity;

    #[test]
    fn conforms_by_transforms() {
        for (channels, kernel, history, height, frames) in [
            ([1, 1], [5, 3, 3], true, 4, 7),
            ([1, 1], [1, 4, 5], true, 3, 3),
            ([2, 3], [6, 1, 3], true, 2, 8),
        ] {
            let signal = Signal { planes: channels[0], frames, height, width: 1 };
            let border = Border::Replicate;
            conformance::check(&Case::new(
                move |signal| {
                    Conv3d::new(signal, channels, kernel, border, history).with_plan(PlanChoice::Fft)
                },
                signal,
                &[],
            ));
        }
    }

    #[test]
    fn conforms() {
        for (channels, kernel, border, history, height, frames) in [
            ([1, 1], [5, 3, 3], Border::Replicate, true, 4, 7),
            ([1, 1], [4, 2, 5], Border::Replicate, true, 3, 9),
            ([1, 1], [1, 4, 3], Border::Replicate, true, 5, 3),
            ([1, 1], [7, 1, 1], Border::Replicate, true, 2, 5),
            ([1, 3], [3, 3, 2], Border::Replicate, true, 3, 5),
            ([2, 1], [2, 2, 2], Border::Replicate, true, 3, 5),
            ([2, 5], [6, 1, 3], Border::Replicate, true, 2, 8),
            ([1, 1], [1, 1, 1], Border::Replicate, true, 3, 3),
            ([5, 14], [1, 1, 1], Border::Replicate, true, 2, 4),
        ] {
            let signal = Signal { planes: channels[0], frames, height, width: 1 };
            conformance::check(&Case::new(
                move |signal| {
                    Conv3d::new(signal, channels, kernel, border, history).with_plan(PlanChoice::Direct)
                },
                signal,
                &[],
            ));
        }
    }

    #[test]
    fn conforms_in_passes() {
        for (channels, kernel, border, history, height, frames) in [
            ([1, 1], [5, 3, 3], Border::Replicate, true, 4, 7),
            ([1, 1], [1, 4, 3], Border::Replicate, true, 5, 3),
            ([2, 3], [4, 2, 3], Border::Replicate, true, 3, 6),
        ] {
            let signal = Signal { planes: channels[0], frames, height, width: 1 };
            conformance::check(&Case::new(
                move |signal| {
                    Conv3d::new(signal, channels, kernel, border, history).with_plan(PlanChoice::Separable)
                },
                signal,
                &[],
            ));
        }
    }

    #[test]
    fn kernels_of_low_rank_are_computed_in_passes() {
        let signal = Signal { planes: 1, frames: 30, height: 50, width: 50 };
        let conv = Conv3d::new(signal, [1, 1], [20, 11, 11], Border::Replicate, true);
        let product = |r: usize, a: usize, m: usize, n: usize| {
            let wave = |i: usize, f: f32| (f * i as f32 + r as f32).sin();
            wave(a, 0.3) * wave(m, 0.5) * wave(n, 0.7)
        };
        let x: Vec<f32> = (0..signal.len()).map(|i| ((i * 37) % 1013) as f32 / 1013.0 - 0.5).collect();
        let history = vec![0.5f32; 19 * signal.pixels()];
        // Waves of one frequency and any phase span two dimensions.
        for rank in 1..3 {
            let w: Vec<f32> = (0..2420)
                .map(|i| (0..rank).map(|r| product(r, i / 121, i / 11 % 11, i % 11)).sum())
                .collect();
            assert_eq!(conv.clone().with_plan(PlanChoice::Separable).plan_with(&w), Plan::Separable { rank });
            let [a, b] = [PlanChoice::Separable, PlanChoice::Direct].map(|choice| {
                let (mut y, mut after) = (vec![0.0; signal.len()], history.clone());
                let conv = conv.clone().with_plan(choice);
                conv.forward(&[], &[&x, &w, &[0.5]], &[&history], &mut y, &mut [&mut after]);
                y
            });
            let most = b.iter().fold(0.0f32, |m, x| m.max(x.abs()));
            assert!(a.iter().zip(&b).all(|(a, b)| (a - b).abs() <= 1e-5 * most));
            if rank == 1 {
                assert_eq!(conv.plan_with(&w).to_string(), "separable of rank 1");
            }
        }
        // No passes for what is no sum of few products, for zeros, or for what is not finite.
        let w: Vec<f32> = (0..2420).map(|i| ((i * i) % 997) as f32).collect();
        assert_eq!(conv.plan_with(&w), conv.plan());
        assert_eq!(conv.plan_with(&[0.0f32; 2420]), conv.plan());
        assert_eq!(conv.plan_with(&[f32::NAN; 2420]), conv.plan());
    }

    #[test]
    fn weights_for_whole_images_conform() {
        for (channels, frames, k) in [([2, 3], 6, 4), ([3, 1], 3, 1), ([2, 9], 19, 2)] {
            let signal = Signal { planes: channels[0], frames, height: 13, width: 11 };
            let kernel = [k, 13, 11];
            let conv = Conv3d::new(signal, channels, kernel, Border::Valid, true);
            assert_eq!(conv.plan(), Plan::Image);
            let number = |n: usize, seed: usize| -> Vec<f64> {
                (0..n).map(|i| ((i * seed) % 1013) as f64 / 1013.0 - 0.5).collect()
            };
            let (x, w, b) = (number(signal.len(), 37), number(conv.weights_len(), 101), number(9, 7));
            let before = number((kernel[0] - 1) * signal.state_len(), 53);
            let state: &[&[f64]] = if kernel[0] > 1 { &[&before] } else { &[] };
            let g = number(conv.output_signal().len(), 29);
            let (mut by_x, mut by_w, mut by_before) = (x.clone(), w.clone(), before.clone());
            let gradients = Gradients {
                inputs: vec![Some(&mut by_x), Some(&mut by_w), None],
                state: if kernel[0] > 1 { vec![&mut by_before] } else { vec![] },
                parameters: &mut [],
            };
            conv.adjoint(&[], &[&x, &w, &b[..channels[1]]], state, &g, &[], gradients);
            // The output is linear in the input: without bias its product with g is that of the input with the gradient.
            let zeros = vec![0.0; channels[1]];
            let (mut y, mut after) = (g.clone(), before.clone());
            conv.reference(&[], &[&x, &w, &zeros], state, &mut y, &mut [&mut after[..]][..state.len()]);
            let dot = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f64>();
            let forward = dot(&y, &g);
            for back in [dot(&x, &by_x) + dot(&before, &by_before), dot(&w, &by_w)] {
                assert!((forward - back).abs() < 1e-12 * dot(&y, &y).max(1.0), "{forward} {back}");
            }
            let (mut want, mut got) = (y.clone(), y);
            let b = &b[..channels[1]];
            conv.reference(&[], &[&x, &w, b], state, &mut want, &mut [&mut after[..]][..state.len()]);
            conv.forward(&[], &[&x, &w, b], state, &mut got, &mut [&mut after[..]][..state.len()]);
            assert!(got.iter().zip(&want).all(|(a, b)| (a - b).abs() < 1e-12), "{channels:?} {frames}");
        }
    }

    /// Every bit of the output and of all gradients, with a rectifier before it or in it.
    fn rectify_and_compare<T: Real>(
        channels: [usize; 2],
        kernel: [usize; 3],
        border: Border,
        low_rank: bool,
    ) {
        let signal = Signal { planes: 2 * channels[0], frames: 21, height: 13, width: 11 };
        let conv = Conv3d::new(signal, channels, kernel, border, kernel == [1; 3]);
        let fused = conv.of_rectified().expect("a convolution that rectifies");
        let rectify = StaticNonlinearity { signal, rectifies: true, squares: false };
        let number = |n: usize, seed: usize| -> Vec<T> {
            (0..n).map(|i| T::of(((i * seed) % 1013) as f64 / 1013.0 - 0.5)).collect()
        };
        let mut u = number(signal.len(), 37);
        for (i, corner) in [0.0, -0.0, 1e6, 2e6, f64::NAN].into_iter().enumerate() {
            u[i * 500..][..3].fill(T::of(corner));
        }
        let w = if low_rank { vec![T::one(); conv.weights_len()] } else { number(conv.weights_len(), 101) };
        let g = number(conv.output_signal().len(), 29);
        for bias in [number(channels[1], 7), vec![T::of(-0.0); channels[1]]] {
            let empty = || number(signal.len(), 3);
            let (mut x, mut by_x, mut by_u) = (empty(), empty(), empty());
            rectify.forward(&[1.0, 0.0], &[&u], &[], &mut x, &mut []);
            let run = |conv: &Conv3d, x: &[T], by_x: &mut [T]| {
                let (mut y, mut by_w, mut by_bias) = (g.clone(), w.clone(), bias.clone());
                conv.forward(&[], &[x, &w, &bias], &[], &mut y, &mut []);
                let inputs = vec![Some(by_x), Some(&mut by_w[..]), Some(&mut by_bias[..])];
                let gradients = Gradients { inputs, state: vec![], parameters: &mut [] };
                conv.adjoint(&[], &[x, &w, &bias], &[], &g, &[], gradients);
                [y, by_w, by_bias]
            };
            let apart = run(&conv, &x, &mut by_x);
            let gradients = Gradients { inputs: vec![Some(&mut by_u)], state: vec![], parameters: &mut [] };
            rectify.adjoint(&[1.0, 0.0], &[&u], &[], &by_x, &[], gradients);
            let mut fused_by_u = empty();
            let together = run(&fused, &u, &mut fused_by_u);
            let same = |a: &[T], b: &[T]| {
                a.iter().zip(b).all(|(a, b)| {
                    let [a, b] = [a, b].map(|x| x.double());
                    a.to_bits() == b.to_bits() || (a.is_nan() && b.is_nan())
                })
            };
            assert!(apart.iter().zip(&together).all(|(a, b)| same(a, b)), "{channels:?} {kernel:?}");
            assert!(same(&by_u, &fused_by_u), "{channels:?} {kernel:?}");
        }
    }

    #[test]
    fn a_rectifier_in_a_convolution_gives_the_bits_of_one_before_it() {
        for low_rank in [false, true] {
            for channels in [[3, 5], [8, 16], [2, 40]] {
                rectify_and_compare::<f32>(channels, [1; 3], Border::Replicate, low_rank);
                rectify_and_compare::<f64>(channels, [1; 3], Border::Replicate, low_rank);
                rectify_and_compare::<f32>(channels, [1, 13, 11], Border::Valid, low_rank);
                rectify_and_compare::<f64>(channels, [1, 13, 11], Border::Valid, low_rank);
            }
        }
        let signal = Signal { planes: 1, frames: 9, height: 5, width: 5 };
        let conv = |kernel| Conv3d::new(signal, [1, 1], kernel, Border::Replicate, true).of_rectified();
        assert!(conv([2, 1, 1]).is_none() && conv([1, 3, 3]).is_none());
    }

    #[test]
    fn the_plan_depends_on_sizes_but_not_on_frames() {
        let plan = |kernel, side, frames, choice| {
            let signal = Signal { planes: 1, frames, height: side, width: side };
            let conv = Conv3d::new(signal, [1, 1], kernel, Border::Replicate, true).with_plan(choice);
            assert!(conv.accepts(choice));
            conv.plan().to_string()
        };
        for frames in [1, 7, 5000] {
            assert_eq!(plan([5, 5, 5], 64, frames, PlanChoice::Auto), "direct");
            assert_eq!(plan([20, 11, 11], 50, frames, PlanChoice::Auto), "fft 60×60");
            assert_eq!(plan([10, 10, 10], 20, frames, PlanChoice::Auto), "fft 30×30");
            assert_eq!(plan([100, 1, 1], 50, frames, PlanChoice::Auto), "temporal");
            assert_eq!(plan([1, 3, 3], 50, frames, PlanChoice::Auto), "spatial");
            assert_eq!(plan([1, 1, 1], 50, frames, PlanChoice::Auto), "pointwise");
            assert_eq!(plan([20, 11, 11], 50, frames, PlanChoice::Direct), "direct");
        }
        assert!(plan([5, 9, 9], 600, 3, PlanChoice::Fft).contains("overlap-save"));
        let pixel = Signal { planes: 1, frames: 3, height: 1, width: 1 };
        let temporal = Conv3d::new(pixel, [1, 1], [9, 1, 1], Border::Replicate, true);
        assert!(!temporal.accepts(PlanChoice::Fft) && temporal.accepts(PlanChoice::Direct));
        assert_eq!(temporal.with_plan(PlanChoice::Fft).plan(), Plan::Direct { kernel: [9, 1, 1] });
    }

    #[test]
    fn plans_agree() {
        // So many rows are several tiles.
        let signal = Signal { planes: 2, frames: 5, height: 270, width: 19 };
        let number = |n: usize, seed: usize| -> Vec<f32> {
            (0..n).map(|i| ((i * seed) % 1013) as f32 / 1013.0 - 0.5).collect()
        };
        for (border, history) in [(Border::Replicate, true), (Border::Valid, false)] {
            let conv = Conv3d::new(signal, [2, 3], [3, 8, 5], border, history);
            let (x, w, b) = (number(signal.len(), 37), number(720, 101), number(3, 7));
            let before = number(2 * signal.state_len(), 53);
            let state: &[&[f32]] = if history { &[&before] } else { &[] };
            let out = conv.output_signal();
            let g = number(out.len(), 29);
            let all = [PlanChoice::Direct, PlanChoice::Fft].map(|choice| {
                let conv = conv.clone().with_plan(choice);
                let (mut y, mut after) = (vec![0.0; out.len()], before.clone());
                conv.forward(
                    &[],
                    &[&x, &w, &b],
                    state,
                    &mut y,
                    &mut if history { vec![&mut after[..]] } else { vec![] },
                );
                let (mut by_x, mut by_w) = (x.clone(), w.clone());
                let gradients = Gradients {
                    inputs: vec![Some(&mut by_x), Some(&mut by_w), None],
                    state: vec![],
                    parameters: &mut [],
                };
                conv.adjoint(&[], &[&x, &w, &b], state, &g, &[], gradients);
                [y, by_x, by_w]
            });
            for (direct, fft) in all[0].iter().zip(&all[1]) {
                let most = direct.iter().fold(0.0f32, |m, x| m.max(x.abs()));
                assert!(direct.iter().zip(fft).all(|(a, b)| (a - b).abs() <= 1e-5 * most));
            }
        }
    }

    #[test]
    fn valid_borders_and_no_history_give_the_inside_of_the_whole() {
        let signal = Signal { planes: 1, frames: 6, height: 7, width: 9 };
        let x: Vec<f64> = (0..signal.len()).map(|i| ((i * 37) % 101) as f64).collect();
        let w: Vec<f64> = (0..3 * 3 * 4).map(|i| f64::from((i * 13) % 17) - 8.0).collect();
        let whole = Conv3d::new(signal, [1, 1], [3, 3, 4], Border::Replicate, true);
        let inside = Conv3d::new(signal, [1, 1], [3, 3, 4], Border::Valid, false);
        let mut y = vec![0.0; signal.len()];
        whole.forward(&[], &[&x, &w, &[1.0]], &[&vec![0.0; 2 * 63]], &mut y, &mut [&mut vec![0.0; 2 * 63]]);
        let small = inside.output_signal();
        assert_eq!(small, Signal { planes: 1, frames: 4, height: 5, width: 6 });
        let mut z = vec![0.0; small.len()];
        inside.forward(&[], &[&x, &w, &[1.0]], &[], &mut z, &mut []);
        for t in 0..4 {
            for p in 0..5 {
                for q in 0..6 {
                    assert_eq!(z[(t * 5 + p) * 6 + q], y[((t + 2) * 7 + p + 1) * 9 + q + 2]);
                }
            }
        }
    }
}
