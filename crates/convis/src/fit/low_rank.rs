//! Filters that are sums of few products of a course in time and a picture.

use nalgebra::{DMatrix, SymmetricEigen};

use super::glm::{Cell, MOST_ERRORS, coefficients, of_history};
use super::regularizer::start;
use super::{Design, Glm, GlmCell, Minimum, NewtonOptions, Penalty};
use crate::{Error, Result};

/// Most turns of time and space, and how little they must bring, as part of the loss, to be the last.
const TURNS: usize = 200;
const LAST_TURN: f64 = 1e-10;
/// Eigenvalues below this part of the largest belong to changes of the factors that leave the filter as it is.
const NOTHING: f64 = 1e-9;

/// The two factors: k(l, p) = Σ_r time(l, r)·space(p, r). Lags are oldest first.
struct Factors {
    time: DMatrix<f64>,
    space: DMatrix<f64>,
}

impl Factors {
    fn filter(&self) -> Vec<f64> {
        // Column-major pixels × lags is `[lag][pixel]`.
        (&self.space * self.time.transpose()).as_slice().to_vec()
    }
}

impl Glm {
    /// The best filter of this rank: time for a given space, space for a given time, in turns, each by Newton's method.
    ///
    /// k(l, p) = Σ_r u_r(l)·v_r(p). What is given has orthonormal columns, so that the ridge of what is sought is that of the
    /// filter. The first pictures are the leading singular vectors of the spike-triggered average.
    ///
    /// Errors are those of the filter in all directions in which the factors can change it.
    ///
    /// # Source
    /// Park & Pillow 2013, NIPS 26:1502 (alternation over time and space).
    pub(super) fn fit_low_rank(&self, cell: &Cell<'_>, rank: usize, ridge: f64) -> Result<GlmCell> {
        let [lags, rows, columns] = cell.shape;
        let pixels = rows * columns;
        if rank > lags.min(pixels) {
            let most = lags.min(pixels);
            let expected = format!("at most {most}, as {lags} lags of {pixels} pixels have");
            return Err(Error::argument("rank", expected, rank));
        }
        let mut factors = Factors { time: DMatrix::zeros(lags, rank), space: first_pictures(cell, rank) };
        // History and bias.
        let mut others = vec![0.0; cell.past.columns + 1];
        others[cell.past.columns] = cell.bias;
        let (mut losses, mut converged, mut loss) = (vec![], false, f64::INFINITY);
        let options = NewtonOptions { iterations: 20, ..self.search };
        for turn in 0..TURNS {
            let before = losses.last().copied().unwrap_or(f64::INFINITY);
            for seeks_time in [true, false] {
                let design =
                    if seeks_time { in_time(cell, &factors.space) } else { in_space(cell, &factors.time) };
                let sought = if seeks_time { &factors.time } else { &factors.space };
                let n = sought.len();
                let penalty = Penalty { ridge, ..Penalty::none([n, 1, 1]) };
                // `[lag or pixel][rank]`; from nothing, zero is as good as anything.
                let mut theta = sought.transpose().as_slice().to_vec();
                theta.extend(&others);
                if turn == 0 && seeks_time {
                    theta = start(&design, cell.bias);
                }
                let found = cell.regression(&design, self.observation, &penalty).minimum(theta, options)?;
                others = found.theta[n..].to_vec();
                let sought = DMatrix::from_row_slice(n / rank, rank, &found.theta[..n]);
                // Orthonormal columns for the next turn; what the triangle held goes to the other factor.
                let (q, r) = sought.qr().unpack();
                let (new, other) = if seeks_time {
                    (&mut factors.time, &mut factors.space)
                } else {
                    (&mut factors.space, &mut factors.time)
                };
                *new = q;
                *other = &*other * r.transpose();
                loss = found.loss;
                losses.extend(found.losses.last());
            }
            let now = losses.last().copied().unwrap_or(before);
            if before - now <= LAST_TURN * (now.abs() + 1.0) {
                converged = true;
                break;
            }
        }
        let filter = factors.filter();
        let (filter_error, covariance, first) = self.low_rank_errors(cell, &factors, &others, ridge);
        let n = first + others.len();
        let other_errors: Vec<f64> = (first..n)
            .map(|i| covariance.as_ref().map_or(f64::NAN, |covariance| covariance[(i, i)].max(0.0).sqrt()))
            .collect();
        let theta = [&filter[..], &others].concat();
        Ok(GlmCell {
            found: coefficients(&filter, pixels, &others),
            error: coefficients(&filter_error, pixels, &other_errors),
            history_covariance: of_history(covariance.as_ref(), first, n),
            mean: cell.mean,
            nonlinearity: self.observation.nonlinearity,
            minimum: Minimum { theta, loss, losses, converged, hessian: None },
            penalty: None,
            sparsity: None,
            prior: None,
            weakest: None,
        })
    }

    /// Standard errors of the filter, and the covariance of all coefficients of both factors, history and bias, the place of
    /// the first of the latter being the last of the three.
    fn low_rank_errors(
        &self,
        cell: &Cell<'_>,
        factors: &Factors,
        others: &[f64],
        ridge: f64,
    ) -> (Vec<f64>, Option<DMatrix<f64>>, usize) {
        let (lags, rank, pixels) = (factors.time.nrows(), factors.time.ncols(), factors.space.nrows());
        let first = (lags + pixels) * rank;
        if first + others.len() > MOST_ERRORS {
            return (vec![f64::NAN; lags * pixels], None, first);
        }
        let (time, space) = (in_time(cell, &factors.space), in_space(cell, &factors.time));
        let n_time = lags * rank;
        let of_time: Vec<usize> = (0..n_time).collect();
        let design = time.selected(&of_time);
        let further: Vec<usize> = (0..pixels * rank + cell.past.columns).collect();
        let design = design.joined(&space.selected(&further));
        // Both blocks hold the whole drive: half of it each.
        let half = |factor: &DMatrix<f64>| factor.transpose().map(|x| 0.5 * x).as_slice().to_vec();
        let theta = [half(&factors.time), half(&factors.space), others.to_vec()].concat();
        let none = Penalty::none([first, 1, 1]);
        let mut hessian = cell.regression(&design, self.observation, &none).hessian(&theta);
        // The ridge is that of the filter: its second derivative is the square of what the factors do to it.
        let squares = [factors.space.transpose() * &factors.space, factors.time.transpose() * &factors.time];
        for (r, s) in (0..rank).flat_map(|r| (0..rank).map(move |s| (r, s))) {
            for l in 0..lags {
                hessian[(l * rank + r, l * rank + s)] += ridge * squares[0][(r, s)];
                for p in 0..pixels {
                    let both = ridge * factors.space[(p, r)] * factors.time[(l, s)];
                    hessian[(l * rank + r, n_time + p * rank + s)] += both;
                    hessian[(n_time + p * rank + s, l * rank + r)] += both;
                }
            }
            for p in 0..pixels {
                hessian[(n_time + p * rank + r, n_time + p * rank + s)] += ridge * squares[1][(r, s)];
            }
        }
        let eigen = SymmetricEigen::new(hessian);
        let most = eigen.eigenvalues.max();
        let inverse = eigen.eigenvalues.map(|value| if value > NOTHING * most { 1.0 / value } else { 0.0 });
        let covariance =
            &eigen.eigenvectors * DMatrix::from_diagonal(&inverse) * eigen.eigenvectors.transpose();
        let mut errors = Vec::with_capacity(lags * pixels);
        for l in 0..lags {
            for p in 0..pixels {
                // What the factors' numbers do to this number of the filter.
                let slopes: Vec<(usize, f64)> = (0..rank)
                    .flat_map(|r| {
                        [(l * rank + r, factors.space[(p, r)]), (n_time + p * rank + r, factors.time[(l, r)])]
                    })
                    .collect();
                let variance: f64 = slopes
                    .iter()
                    .map(|&(i, a)| slopes.iter().map(|&(j, b)| a * b * covariance[(i, j)]).sum::<f64>())
                    .sum();
                errors.push(variance.max(0.0).sqrt());
            }
        }
        (errors, Some(covariance), first)
    }
}

/// The leading pictures of the spike-triggered average: (pixel, rank).
fn first_pictures(cell: &Cell<'_>, rank: usize) -> DMatrix<f64> {
    let [lags, rows, columns] = cell.shape;
    let pixels = rows * columns;
    let windows = Design::windows(cell.stimulus, pixels, lags);
    let counted = |t: usize| cell.weights.map_or(1.0, |weights| weights[t]);
    let around: Vec<f64> =
        cell.response.iter().enumerate().map(|(t, y)| counted(t) * (y - cell.mean)).collect();
    let average = DMatrix::from_column_slice(pixels, lags, &windows.transposed(&around)[..lags * pixels]);
    let covariance = SymmetricEigen::new(&average * average.transpose());
    let mut order: Vec<usize> = (0..pixels).collect();
    order.sort_by(|&a, &b| covariance.eigenvalues[b].total_cmp(&covariance.eigenvalues[a]));
    DMatrix::from_fn(pixels, rank, |p, r| covariance.eigenvectors[(p, order[r])])
}

/// The stimulus seen through pictures (pixel, rank): coefficients are `[lag][rank]`.
fn in_time(cell: &Cell<'_>, pictures: &DMatrix<f64>) -> Design {
    let (pixels, rank) = pictures.shape();
    let seen: Vec<f64> = (cell.stimulus.chunks(pixels))
        .flat_map(|frame| {
            (0..rank).map(|r| frame.iter().zip(pictures.column(r).iter()).map(|(x, v)| x * v).sum::<f64>())
        })
        .collect();
    Design::windows(&seen, rank, cell.shape[0]).with_columns(&cell.past.numbers, cell.past.columns)
}

/// The stimulus after courses (lag, rank), oldest lag first: coefficients are `[pixel][rank]`.
fn in_space(cell: &Cell<'_>, courses: &DMatrix<f64>) -> Design {
    let (lags, rank) = courses.shape();
    let pixels = cell.shape[1] * cell.shape[2];
    let frames = cell.stimulus.len() / pixels;
    let mut seen = vec![0.0; frames * pixels * rank];
    for (t, row) in seen.chunks_mut(pixels * rank).enumerate() {
        // Window position i is frame t + 1 + i − lags; before the first frame there is nothing.
        for i in (lags - 1).saturating_sub(t)..lags {
            let frame = &cell.stimulus[(t + 1 + i - lags) * pixels..][..pixels];
            for (row, x) in row.chunks_mut(rank).zip(frame) {
                for (r, row) in row.iter_mut().enumerate() {
                    *row += courses[(i, r)] * x;
                }
            }
        }
    }
    Design::columns(seen, pixels * rank).with_columns(&cell.past.numbers, cell.past.columns)
}
