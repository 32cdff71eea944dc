//! Products of matrices, recorded.

use convis_kernels::{Real, parallel, simd};

use super::buffer::Buffer;
use super::record::recorded;
use super::{DType, Numbers, Tensor, broadcast, by_type, slice};
use crate::{Error, Result};

impl Tensor {
    /// The product of matrices: c(i, j) = Σₖ a(i, k)·b(k, j).
    ///
    /// Shapes follow numpy: axes before the last two are batches and are repeated where they have length 1 or are
    /// missing; a tensor of one axis is a row on the left, a column on the right, and that axis goes.
    /// Every row of the result is summed in the same order whatever the number of rows.
    ///
    /// ```
    /// use convis::Tensor;
    /// let a = Tensor::from_vec(vec![1.0f64, 2.0, 3.0, 4.0], &[2, 2])?;
    /// let b = Tensor::from_vec(vec![10.0f64, 1.0], &[2])?;
    /// assert_eq!(a.matmul(&b)?.to_f64(), [12.0, 34.0]);
    /// # Ok::<(), convis::Error>(())
    /// ```
    ///
    /// # Errors
    /// If the shapes do not fit, or one tensor has no axis.
    pub fn matmul(&self, other: &Self) -> Result<Self> {
        let (row, column) = (self.shape().len() == 1, other.shape().len() == 1);
        if self.shape().is_empty() || other.shape().is_empty() {
            return Err(Error::argument("matmul", "tensors of at least one axis", "a single number"));
        }
        let a = if row { self.unsqueeze(0)? } else { self.clone() };
        let b = if column { other.unsqueeze(1)? } else { other.clone() };
        let mut c = a.product(&b)?;
        let axes = c.shape().len();
        if column {
            c = c.squeeze(axes - 1)?;
        }
        if row { c.squeeze(axes - 2) } else { Ok(c) }
    }

    /// The product of tensors of at least two axes.
    fn product(&self, other: &Self) -> Result<Self> {
        let double = self.dtype() == DType::F64 || other.dtype() == DType::F64;
        let dtype = if double { DType::F64 } else { DType::F32 };
        let (a, b) = (self.cast(dtype), other.cast(dtype));
        let (batch_a, [m, k]) = split(a.shape());
        let (batch_b, [k_b, n]) = split(b.shape());
        if k != k_b {
            let expected = format!("{k} rows, as shape {:?} has columns", a.shape());
            return Err(Error::argument("matmul", expected, format!("shape {:?}", b.shape())));
        }
        let batch = broadcast::common_shape(batch_a, batch_b)?;
        let shape = [&batch[..], &[m, n]].concat();
        let result = by_type!(dtype, T => multiply::<T>(&a, &b, &batch, [m, k, n], &shape));
        Ok(recorded(result, &[&a, &b], || {
            let (a, b) = (a.kept(), b.kept());
            move |gradient, wanted| {
                let by_a = || Ok::<_, Error>(gradient.product(&transposed(&b)?)?.sum_to(a.shape()));
                let by_b = || Ok::<_, Error>(transposed(&a)?.product(gradient)?.sum_to(b.shape()));
                Ok(vec![wanted[0].then(by_a).transpose()?, wanted[1].then(by_b).transpose()?])
            }
        }))
    }
}

/// Batches, and the two axes of the matrices.
fn split(shape: &[usize]) -> (&[usize], [usize; 2]) {
    let (batch, matrix) = shape.split_at(shape.len() - 2);
    (batch, [matrix[0], matrix[1]])
}

fn transposed(x: &Tensor) -> Result<Tensor> {
    let axes = x.shape().len();
    let mut order: Vec<usize> = (0..axes).collect();
    order.swap(axes - 2, axes - 1);
    x.permute(&order)
}

fn multiply<T: Numbers + Real>(
    a: &Tensor,
    b: &Tensor,
    batch: &[usize],
    [m, k, n]: [usize; 3],
    shape: &[usize],
) -> Tensor {
    // Which matrices meet: their numbers, matched by the rule for shapes.
    let numbers = |x: &Tensor| -> (Vec<usize>, Vec<usize>) {
        let batch = split(x.shape()).0.to_vec();
        ((0..batch.iter().product()).collect(), batch)
    };
    let ((which_a, batch_a), (which_b, batch_b)) = (numbers(a), numbers(b));
    let mut pairs = vec![(0, 0); batch.iter().product()];
    broadcast::for_each(&mut pairs, batch, (&which_a, &batch_a), (&which_b, &batch_b), |pair, a, b| {
        *pair = (a, b);
    });
    let (a, b) = (slice::<T>(a), slice::<T>(b));
    let work = pairs.len() * m * k * n;
    let (out, ()) = Buffer::filled_by(shape.iter().product(), |out: &mut [T]| {
        out.fill(T::default());
        let rows: Vec<(usize, &mut [T])> = out.chunks_mut(n.max(1)).enumerate().collect();
        parallel::for_each(rows, work, |(row, out)| {
            let (which_a, which_b) = pairs[row / m];
            let i = which_a * m + row % m;
            let (a, b) = (&a[i * k..(i + 1) * k], &b[which_b * k * n..(which_b + 1) * k * n]);
            simd::vectorized(
                #[inline(always)]
                || {
                    for (&a, b) in a.iter().zip(b.chunks_exact(n)) {
                        out.iter_mut().zip(b).for_each(|(out, &b)| *out = *out + a * b);
                    }
                },
            );
        });
    });
    Tensor::of(out, shape)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tensor::check_gradient::check;

    fn numbers(shape: &[usize], seed: f64) -> Tensor {
        let x = (0..shape.iter().product::<usize>()).map(|i| (i as f64 * 1.1 + seed).sin()).collect();
        Tensor::from_vec(x, shape).unwrap()
    }

    #[test]
    fn products_equal_the_definition_and_gradients_differences() {
        let (a, b) = (numbers(&[2, 1, 3, 4], 0.0), numbers(&[5, 4, 2], 1.0));
        let c = a.matmul(&b).unwrap();
        assert_eq!(c.shape(), [2, 5, 3, 2]);
        let (x, y, z) = (a.to_f64(), b.to_f64(), c.to_f64());
        for (flat, z) in z.iter().enumerate() {
            let [p, q, i, j] = [flat / 30, flat / 6 % 5, flat / 2 % 3, flat % 2];
            let want: f64 = (0..4).map(|k| x[(p * 3 + i) * 4 + k] * y[(q * 4 + k) * 2 + j]).sum();
            assert!((z - want).abs() < 1e-14);
        }
        let pairs: [(&[usize], &[usize]); 5] = [
            (&[3, 4], &[4, 2]),
            (&[4], &[4]),
            (&[4], &[2, 4, 3]),
            (&[2, 3, 4], &[4]),
            (&[2, 1, 2, 3], &[4, 3, 1]),
        ];
        for (a, b) in pairs {
            check(&[numbers(a, 0.3), numbers(b, 2.0)], |x| x[0].matmul(&x[1]));
        }
    }

    #[test]
    fn a_row_does_not_depend_on_the_others() {
        let (a, b) = (numbers(&[37, 20], 0.1).cast(DType::F32), numbers(&[20, 9], 0.7).cast(DType::F32));
        let all = a.matmul(&b).unwrap();
        for row in 0..37 {
            let one = a.part(&[super::super::Range::from_to(row, row + 1)]).unwrap().matmul(&b).unwrap();
            assert_eq!(one, all.part(&[super::super::Range::from_to(row, row + 1)]).unwrap());
        }
    }

    #[test]
    fn shapes_that_do_not_fit_are_refused() {
        assert!(numbers(&[2, 3], 0.0).matmul(&numbers(&[2, 3], 0.0)).is_err());
        assert!(numbers(&[], 0.0).matmul(&numbers(&[2, 3], 0.0)).is_err());
        assert_eq!(numbers(&[2, 0], 0.0).matmul(&numbers(&[0, 3], 0.0)).unwrap().to_f64(), [0.0; 6]);
        assert_eq!(numbers(&[2, 3], 0.0).matmul(&numbers(&[3, 0], 0.0)).unwrap().shape(), [2, 0]);
    }
}
