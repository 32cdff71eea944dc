//! Sums, means and extremes over axes, recorded.
//!
//! Sums are added in double precision in a fixed order and rounded once, whatever the type: the same at every run, and
//! exact to the last place for movies of any length.

use convis_kernels::{Real, simd};

use super::buffer::Buffer;
use super::record::recorded;
use super::{Comparison, DType, Numbers, Tensor, broadcast, by_type, slice};
use crate::{Error, Result};

/// The lengths of a tensor before, along and after a run of neighbouring axes.
#[derive(Clone, Copy)]
struct Run {
    outer: usize,
    length: usize,
    inner: usize,
}

/// Runs of neighbouring axes that are reduced, the last first.
fn runs(shape: &[usize], reduced: &[bool]) -> Vec<Run> {
    let mut runs = vec![];
    let mut inner = 1;
    let mut axis = shape.len();
    while axis > 0 {
        let mut length = 1;
        while axis > 0 && reduced[axis - 1] {
            axis -= 1;
            length *= shape[axis];
        }
        runs.push(Run { outer: shape[..axis].iter().product(), length, inner });
        while axis > 0 && !reduced[axis - 1] {
            axis -= 1;
            inner *= shape[axis];
        }
    }
    runs.retain(|run| run.length != 1);
    runs
}

/// Combines the numbers of a run: `begin` takes the first, `next` goes on.
fn reduce<T: Copy, U: Copy>(x: &[T], run: Run, begin: impl Fn(T) -> U, next: impl Fn(U, T) -> U) -> Vec<U> {
    let mut all = Vec::with_capacity(run.outer * run.inner);
    for part in x.chunks_exact((run.length * run.inner).max(1)) {
        let start = all.len();
        all.extend(part[..run.inner].iter().map(|&x| begin(x)));
        for row in part[run.inner..].chunks_exact(run.inner) {
            for (sum, &x) in all[start..].iter_mut().zip(row) {
                *sum = next(*sum, x);
            }
        }
    }
    all
}

/// The sum of a row of numbers: sixteen sums side by side, which vector instructions add at once.
#[inline(always)]
fn total<T: Real>(x: &[T]) -> f64 {
    const LANES: usize = 16;
    let mut sums = [0.0; LANES];
    let parts = x.chunks_exact(LANES);
    let rest = parts.remainder();
    for part in parts {
        for (sum, x) in sums.iter_mut().zip(part) {
            *sum += x.double();
        }
    }
    sums.iter().sum::<f64>() + rest.iter().map(|x| x.double()).sum::<f64>()
}

fn sums<T: Real>(x: &[T], run: Run) -> Vec<f64> {
    if run.length == 0 {
        return vec![0.0; run.outer * run.inner];
    }
    simd::vectorized(
        #[inline(always)]
        || match run.inner {
            1 => x.chunks_exact(run.length).map(total).collect(),
            _ => reduce(x, run, T::double, |sum, x| sum + x.double()),
        },
    )
}

/// The sum over the reduced axes.
fn sum<T: Numbers + Real>(x: &Tensor, reduced: &[bool], shape: &[usize]) -> Tensor {
    let runs = runs(x.shape(), reduced);
    let Some((first, rest)) = runs.split_first() else {
        return Tensor { shape: shape.to_vec(), ..x.detach() };
    };
    let all = rest.iter().fold(sums::<T>(slice(x), *first), |all, run| sums(&all, *run));
    let (numbers, ()) = Buffer::filled_by(all.len(), |out: &mut [T]| {
        out.iter_mut().zip(&all).for_each(|(out, &x)| *out = T::of(x));
    });
    Tensor::of(numbers, shape)
}

/// The extreme over the reduced axes: `better` says whether its second number replaces the first.
fn extreme<T: Numbers + Real>(
    x: &Tensor,
    reduced: &[bool],
    shape: &[usize],
    better: fn(T, T) -> bool,
) -> Tensor {
    let pick = |best: T, x: T| if better(best, x) || x.is_nan() { x } else { best };
    let mut all = slice::<T>(x).to_vec();
    for run in runs(x.shape(), reduced) {
        all = reduce(&all, run, |x| x, pick);
    }
    Tensor::of(Buffer::from(all), shape)
}

/// Which axes are reduced, and the shape with those of length 1.
fn reduction(shape: &[usize], axes: &[usize]) -> Result<(Vec<bool>, Vec<usize>)> {
    let mut reduced = vec![false; shape.len()];
    for &axis in axes {
        match reduced.get_mut(axis) {
            Some(seen) if !*seen => *seen = true,
            Some(_) => return Err(Error::argument("dim", "every axis once", format!("{axes:?}"))),
            None => {
                return Err(Error::argument(
                    "dim",
                    format!("axes below {}", shape.len()),
                    format!("{axes:?}"),
                ));
            }
        }
    }
    let kept = shape.iter().zip(&reduced).map(|(&n, &reduced)| if reduced { 1 } else { n }).collect();
    Ok((reduced, kept))
}

impl Tensor {
    /// The sum over axes, which keep the length 1 where `keep`, and go otherwise.
    ///
    /// ```
    /// use convis::Tensor;
    /// let x = Tensor::from_vec(vec![1.0f32, 2.0, 3.0, 4.0, 5.0, 6.0], &[2, 3])?;
    /// assert_eq!(x.sum_over(&[1], false)?.to_f64(), [6.0, 15.0]);
    /// assert_eq!(x.mean_over(&[0, 1], true)?.shape(), [1, 1]);
    /// assert_eq!(x.max_over(&[0], false)?.to_f64(), [4.0, 5.0, 6.0]);
    /// # Ok::<(), convis::Error>(())
    /// ```
    ///
    /// # Errors
    /// If an axis does not exist or comes twice.
    pub fn sum_over(&self, axes: &[usize], keep: bool) -> Result<Self> {
        let x = self.floating();
        let (reduced, kept) = reduction(x.shape(), axes)?;
        let result = by_type!(x.dtype(), T => sum::<T>(&x, &reduced, &kept));
        let result = recorded(result, &[&x], || {
            let shape = x.shape().to_vec();
            move |gradient, _| Ok(vec![Some(gradient.repeated_to(&shape))])
        });
        result.without(&reduced, keep)
    }

    /// The mean over axes; see [`Tensor::sum_over`].
    ///
    /// # Errors
    /// If an axis does not exist or comes twice, or there is no number to average.
    pub fn mean_over(&self, axes: &[usize], keep: bool) -> Result<Self> {
        let count: usize = reduction(self.shape(), axes)?
            .0
            .iter()
            .zip(self.shape())
            .fold(1, |count, (&is, &n)| if is { count * n } else { count });
        if count == 0 {
            return Err(Error::argument(
                "dim",
                "axes that hold a number to average",
                format!("shape {:?}", self.shape()),
            ));
        }
        let total = self.sum_over(axes, keep)?;
        total.div(&Self::number(count as f64, total.dtype()))
    }

    /// The largest number over axes, NaN if there is one; equal ones share the gradient. See [`Tensor::sum_over`].
    ///
    /// # Errors
    /// If an axis does not exist or comes twice, or there is no number.
    pub fn max_over(&self, axes: &[usize], keep: bool) -> Result<Self> {
        self.extreme_over(axes, keep, |best, x| x > best, |best, x| x > best)
    }

    /// The smallest number over axes, NaN if there is one; equal ones share the gradient. See [`Tensor::sum_over`].
    ///
    /// # Errors
    /// If an axis does not exist or comes twice, or there is no number.
    pub fn min_over(&self, axes: &[usize], keep: bool) -> Result<Self> {
        self.extreme_over(axes, keep, |best, x| x < best, |best, x| x < best)
    }

    fn extreme_over(
        &self,
        axes: &[usize],
        keep: bool,
        single: fn(f32, f32) -> bool,
        double: fn(f64, f64) -> bool,
    ) -> Result<Self> {
        let x = self.floating();
        let (reduced, kept) = reduction(x.shape(), axes)?;
        if x.is_empty() && !kept.contains(&0) {
            return Err(Error::argument("dim", "axes that hold a number", format!("shape {:?}", x.shape())));
        }
        let result = match x.dtype() {
            DType::F64 => extreme::<f64>(&x, &reduced, &kept, double),
            _ => extreme::<f32>(&x, &reduced, &kept, single),
        };
        let result = recorded(result.clone(), &[&x], || {
            let (x, axes) = (x.kept(), axes.to_vec());
            move |gradient, _| {
                let hit = x.compare(Comparison::Equal, &result)?.cast(x.dtype());
                let share = gradient.div(&hit.sum_over(&axes, true)?)?;
                Ok(vec![Some(hit.mul(&share)?)])
            }
        });
        result.without(&reduced, keep)
    }

    /// The sum of all numbers, without axes.
    #[must_use]
    pub fn sum_all(&self) -> Self {
        let axes: Vec<usize> = (0..self.shape().len()).collect();
        // All axes exist, each once.
        self.sum_over(&axes, false).unwrap_or_else(|_| self.detach())
    }

    /// Without the reduced axes, unless they are kept.
    fn without(self, reduced: &[bool], keep: bool) -> Result<Self> {
        if keep {
            return Ok(self);
        }
        let shape: Vec<usize> =
            self.shape().iter().zip(reduced).filter(|(_, reduced)| !**reduced).map(|(&n, _)| n).collect();
        self.reshape(&shape)
    }

    /// Summed over the axes along which a tensor of this shape would be repeated: the adjoint of that.
    pub(super) fn sum_to(&self, shape: &[usize]) -> Self {
        let missing = self.shape().len() - shape.len();
        let reduced: Vec<bool> = (self.shape().iter().enumerate())
            .map(|(axis, &n)| axis < missing || (shape[axis - missing] == 1 && n != 1))
            .collect();
        by_type!(self.dtype(), T => sum::<T>(self, &reduced, shape))
    }

    /// Repeated along axes of length 1, without history.
    fn repeated_to(&self, shape: &[usize]) -> Self {
        by_type!(self.dtype(), T => {
            let x = (slice::<T>(self), self.shape());
            let (numbers, ()) = Buffer::filled_by(shape.iter().product(), |out: &mut [T]| {
                broadcast::for_each(out, shape, x, x, #[inline(always)] |out, x, _| *out = x);
            });
            Self::of(numbers, shape)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tensor::check_gradient::check;

    fn numbers(shape: &[usize]) -> Tensor {
        let x: Vec<f64> = (0..shape.iter().product()).map(|i: usize| (i as f64 * 1.3).sin()).collect();
        Tensor::from_vec(x, shape).unwrap()
    }

    /// All ways to choose axes of a tensor of four.
    fn choices() -> Vec<Vec<usize>> {
        (0..16).map(|bits| (0..4).filter(|axis| bits >> axis & 1 == 1).collect()).collect()
    }

    #[test]
    fn every_choice_of_axes_equals_the_definition() {
        let x = numbers(&[2, 3, 4, 5]);
        for axes in choices() {
            let kept = reduction(x.shape(), &axes).unwrap().1;
            let (mut want, mut most) =
                (vec![0.0; kept.iter().product()], vec![f64::MIN; kept.iter().product()]);
            for (flat, value) in x.to_f64().into_iter().enumerate() {
                let index = [flat / 60, flat / 20 % 3, flat / 5 % 4, flat % 5];
                let at = (0..4).fold(0, |at, a| at * kept[a] + if kept[a] == 1 { 0 } else { index[a] });
                want[at] += value;
                most[at] = f64::max(most[at], value);
            }
            let sum = x.sum_over(&axes, true).unwrap();
            assert_eq!(sum.shape(), kept);
            assert!(sum.to_f64().iter().zip(&want).all(|(a, b)| (a - b).abs() < 1e-13), "{axes:?}");
            assert_eq!(x.max_over(&axes, true).unwrap().to_f64(), most, "{axes:?}");
            assert_eq!(x.neg().min_over(&axes, true).unwrap().neg().to_f64(), most, "{axes:?}");
            assert_eq!(sum.len(), x.sum_over(&axes, false).unwrap().len());
        }
    }

    #[test]
    fn gradients_equal_differences() {
        let x = [numbers(&[2, 3, 2, 2])];
        for axes in choices() {
            check(&x, |x| x[0].sum_over(&axes, false));
            check(&x, |x| x[0].mean_over(&axes, true));
            check(&x, |x| x[0].max_over(&axes, false));
            check(&x, |x| x[0].min_over(&axes, true));
        }
    }

    #[test]
    fn a_sum_of_single_precision_is_exact_to_the_last_place() {
        let x = Tensor::from_vec(vec![0.1f32; 1_000_003], &[1_000_003]).unwrap();
        assert_eq!(x.sum_all().to_f64(), [f64::from((f64::from(0.1f32) * 1_000_003.0) as f32)]);
        assert_eq!(x.reshape(&[1_000_003, 1]).unwrap().sum_over(&[0], false).unwrap().shape(), [1]);
    }

    #[test]
    fn equal_extremes_share_the_gradient_and_nothing_has_no_extreme() {
        let leaf = crate::tensor::Leaf::default();
        let x = Tensor::from_vec(vec![2.0, 1.0, 2.0], &[3]).unwrap().with_leaf(&leaf);
        crate::tensor::backward(&[(&x.max_over(&[0], false).unwrap(), Tensor::number(1.0, DType::F64))])
            .unwrap();
        assert_eq!(leaf.gradient().unwrap().to_f64(), [0.5, 0.0, 0.5]);
        let nothing = Tensor::zeros(DType::F64, &[0, 3]);
        assert!(nothing.max_over(&[0], false).is_err() && nothing.mean_over(&[0], false).is_err());
        assert_eq!(nothing.sum_over(&[0], false).unwrap().to_f64(), [0.0; 3]);
        assert_eq!(nothing.sum_over(&[1], false).unwrap().shape(), [0]);
        assert!(x.sum_over(&[1], false).is_err() && x.sum_over(&[0, 0], false).is_err());
        let nan = Tensor::from_vec(vec![1.0, f64::NAN, 3.0], &[3]).unwrap();
        assert!(nan.max_over(&[0], false).unwrap().to_f64()[0].is_nan());
    }
}
