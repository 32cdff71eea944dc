//! Kernels of low rank: a sum of passes along time, then space; or along rows, then columns.
//!
//! # Equation
//! Weights `w` seen as a matrix, (out, time) by (in, row, column), are a sum of R products where its rank is R:
//! ```text
//! w(o,i,a,m,n) = Σᵣ u(o,r,a) · v(r,i,m,n)
//! y(o,t,p,q)   = b(o) + Σᵣ Σₐ u(o,r,a) · z(r,t+a−K+1,p,q)         z = the movie convolved with v, every frame by itself
//! ```
//! which takes R·(in·M·N + out·K) products instead of in·out·K·M·N. Kernels of one frame, those of z among them, are
//! split into rows and columns alike.
//!
//! # Source
//! Gram and Schmidt with pivots: the row that is worst represented by those before becomes the next v. It ends where what
//! is left, as a root of the sum of squares, is below the rounding of the weights (their machine epsilon): then rounding
//! of the weights would change the output as much as leaving it out does. A singular value decomposition would find the same
//! rank at a higher price: this takes about R additions of a kernel, and can be made anew at every call.

use super::{Conv3d, PlanChoice};
use crate::operation::Operation;
use crate::scratch::Scratch;
use crate::{Real, Signal};

/// Weights as a sum of products.
pub(super) struct Factors<T> {
    pub rank: usize,
    /// (out, R, time), or (out, R, rows).
    second: Vec<T>,
    /// (R, in, rows, columns), or (R, in, columns).
    first: Vec<T>,
}

/// The kernels of both passes, `[first, second]`, where there is anything to split.
fn kernels([k, m, n]: [usize; 3]) -> Option<[[usize; 3]; 2]> {
    if k > 1 && m * n > 1 {
        Some([[1, m, n], [k, 1, 1]])
    } else if k == 1 && m > 1 && n > 1 {
        Some([[1, 1, n], [1, m, 1]])
    } else {
        None
    }
}

/// Whether a kernel of this size can be split.
pub(super) fn is_possible(kernel: [usize; 3]) -> bool {
    kernels(kernel).is_some()
}

/// What a rank of one takes, ns per output pixel of a frame: see [`super::plan`].
pub(super) fn cost_of_rank(conv: &Conv3d, per_product: f64, per_pass: f64) -> f64 {
    let [inputs, outputs] = conv.channels.map(|n| n as f64);
    let Some([first, second]) = kernels(conv.kernel) else { return f64::INFINITY };
    let size = |kernel: [usize; 3]| kernel.iter().product::<usize>() as f64;
    // Images are split into rows and columns where their weights allow it: that is found out when they are computed.
    per_product * (inputs * size(first) + outputs * size(second)) + per_pass
}

impl<T: Real> Factors<T> {
    /// Factors of weights (out, in, kernel), if their rank is at most `most`.
    pub fn of(conv: &Conv3d, w: &[T], most: usize) -> Option<Self> {
        let [inputs, outputs] = conv.channels;
        let [first, second] = kernels(conv.kernel)?;
        let [y, x] = [first, second].map(|kernel| kernel.iter().product::<usize>());
        let (rows, columns) = (outputs * x, inputs * y);
        // [out][x] by [in][y].
        let mut rest = vec![0.0f64; rows * columns];
        for (pair, w) in w.chunks(x * y).enumerate() {
            let (o, i) = (pair / inputs, pair % inputs);
            for (a, w) in w.chunks(y).enumerate() {
                for (to, w) in rest[(o * x + a) * columns + i * y..][..y].iter_mut().zip(w) {
                    *to = w.double();
                }
            }
        }
        let all = squares(&rest);
        if all == 0.0 || !all.is_finite() {
            return None;
        }
        let left_out = all * T::epsilon().double().powi(2);
        let most = most.min(rows.min(columns));
        // Few rows show what most kernels are: of a higher rank than would pay.
        let few = 2 * (most + 1);
        if few < rows {
            let mut some: Vec<f64> =
                (0..few).flat_map(|row| &rest[row * rows / few * columns..][..columns]).copied().collect();
            split(&mut some, columns, most, left_out)?;
        }
        let [us, vs] = split(&mut rest, columns, most, left_out)?;
        let rank = us.len();
        let mut second = Vec::with_capacity(rows * rank);
        for o in 0..outputs {
            for u in &us {
                second.extend(u[o * x..][..x].iter().map(|&u| T::of(u)));
            }
        }
        let first = vs.into_iter().flatten().map(T::of).collect();
        Some(Self { rank, second, first })
    }
}

fn squares(numbers: &[f64]) -> f64 {
    numbers.iter().map(|x| x * x).sum()
}

/// Columns and rows whose products add up to `rest`, whose squares then sum up to `left_out` at most; nothing where that
/// takes more than `most` of them.
fn split(rest: &mut [f64], columns: usize, most: usize, left_out: f64) -> Option<[Vec<Vec<f64>>; 2]> {
    let (mut us, mut vs) = (vec![], vec![]);
    while squares(rest) > left_out {
        if us.len() == most {
            return None;
        }
        let sizes: Vec<f64> = rest.chunks(columns).map(squares).collect();
        let largest = (0..sizes.len()).fold(0, |best, row| if sizes[row] > sizes[best] { row } else { best });
        let size = sizes[largest].sqrt();
        let v: Vec<f64> = rest[largest * columns..][..columns].iter().map(|x| x / size).collect();
        let mut u = Vec::with_capacity(sizes.len());
        for row in rest.chunks_mut(columns) {
            let product: f64 = row.iter().zip(&v).map(|(a, b)| a * b).sum();
            row.iter_mut().zip(&v).for_each(|(row, v)| *row -= product * v);
            u.push(product);
        }
        us.push(u);
        vs.push(v);
    }
    Some([us, vs])
}

/// The convolution pass by pass; the state after is not written.
pub(super) fn forward<T: Real>(
    conv: &Conv3d,
    factors: &Factors<T>,
    movie: &[T],
    bias: &[T],
    state: &[&[T]],
    output: &mut [T],
) {
    let Factors { rank, second: u, first: v } = factors;
    let [inputs, outputs] = conv.channels;
    let [first, second] = kernels(conv.kernel).expect("a kernel that has factors");
    let none = vec![T::zero(); *rank];
    let space = |frames: usize| {
        Conv3d::new(conv.signal.with_frames(frames), [inputs, *rank], first, conv.border, true)
            .with_plan(PlanChoice::Auto)
    };
    let filtered = |movie: &[T], frames: usize| -> (Signal, Scratch<T>) {
        let conv = space(frames);
        let signal = conv.output_signal();
        let mut filtered = Scratch::new(signal.len());
        conv.forward(&[], &[movie, v, &none], &[], &mut filtered, &mut []);
        (signal, filtered)
    };
    let (signal, passed) = filtered(movie, conv.signal.frames);
    let last = Conv3d::new(signal, [*rank, outputs], second, conv.border, conv.history)
        .with_plan(PlanChoice::Direct);
    if conv.history() == 0 {
        last.forward(&[], &[&passed, u, bias], &[], output, &mut []);
    } else {
        let (_, history) = filtered(state[0], conv.history());
        last.forward(&[], &[&passed, u, bias], &[&history], output, &mut []);
    }
}
