//! Sums of tensors along an axis, recorded.

use convis_kernels::Real;

use super::buffer::Buffer;
use super::{DType, Node, Numbers, Source, Tensor};
use crate::{Error, Result};

/// The sum of all entries along an axis, of all tensors; the axis keeps the length 1.
///
/// The tensors may differ in the length of that axis only.
///
/// ```
/// use convis::{Tensor, tensor::sum};
/// let a = Tensor::from_vec(vec![1.0f32, 2.0, 3.0, 4.0], &[2, 2])?;
/// let b = Tensor::from_vec(vec![10.0f32, 20.0], &[1, 2])?;
/// assert_eq!(sum(&[&a, &b], 0)?, Tensor::from_vec(vec![14.0f32, 26.0], &[1, 2])?);
/// assert!(sum(&[&a, &b], 1).is_err());
/// # Ok::<(), convis::Error>(())
/// ```
///
/// # Errors
/// If there is no tensor, no such axis, or if other axes or types differ.
pub fn sum(tensors: &[&Tensor], axis: usize) -> Result<Tensor> {
    let first = tensors.first().ok_or_else(|| Error::argument("tensors", "at least one", "none"))?;
    if axis >= first.shape().len() {
        return Err(Error::argument("dim", format!("an axis below {}", first.shape().len()), axis));
    }
    let reduced = |tensor: &Tensor| {
        let mut shape = tensor.shape().to_vec();
        if let Some(length) = shape.get_mut(axis) {
            *length = 1;
        }
        shape
    };
    let shape = reduced(first);
    for tensor in tensors {
        if reduced(tensor) != shape || tensor.dtype() != first.dtype() {
            let expected = format!("{} of shape {:?} but for axis {axis}", first.dtype(), first.shape());
            let found = format!("{} of shape {:?}", tensor.dtype(), tensor.shape());
            return Err(Error::argument("tensors", expected, found));
        }
    }
    match first.dtype() {
        DType::F32 => sum_as::<f32>(tensors, axis, &shape),
        DType::F64 => sum_as::<f64>(tensors, axis, &shape),
        DType::U8 => {
            let tensors: Vec<Tensor> = tensors.iter().map(|x| x.cast(DType::F32)).collect();
            sum_as::<f32>(&tensors.iter().collect::<Vec<_>>(), axis, &shape)
        }
    }
}

fn sum_as<T: Numbers + Real>(tensors: &[&Tensor], axis: usize, shape: &[usize]) -> Result<Tensor> {
    // An array is (outer, length of the axis, inner).
    let inner: usize = shape[axis + 1..].iter().product();
    let total = Buffer::filled_by(shape.iter().product(), |total| {
        total.fill(T::zero());
        for tensor in tensors {
            let (numbers, row) = (tensor.numbers::<T>().unwrap_or(&[]), tensor.shape()[axis] * inner);
            for (total, part) in total.chunks_mut(inner.max(1)).zip(numbers.chunks(row.max(1))) {
                for entry in part.chunks(inner.max(1)) {
                    total.iter_mut().zip(entry).for_each(|(total, &x)| *total = *total + x);
                }
            }
        }
    });
    let total = Tensor::from_buffer(total.0, shape)?;
    let sources: Vec<Option<Source>> = tensors.iter().map(|tensor| tensor.source().cloned()).collect();
    if sources.iter().all(Option::is_none) {
        return Ok(total);
    }
    let wanted: Vec<Option<Vec<usize>>> =
        tensors.iter().map(|tensor| tensor.source().map(|_| tensor.shape().to_vec())).collect();
    let node = Node::new(sources, 1, move |gradients| {
        let repeat = |shape: &Option<Vec<usize>>| match (shape, &gradients[0]) {
            (Some(shape), Some(gradient)) => repeated::<T>(gradient, axis, inner, shape).map(Some),
            _ => Ok(None),
        };
        wanted.iter().map(repeat).collect()
    });
    Ok(total.with_source(Some(Source::Node { node, output: 0 })))
}

/// The gradient of the sum for every entry of the axis: the adjoint.
fn repeated<T: Numbers + Real>(
    gradient: &Tensor,
    axis: usize,
    inner: usize,
    shape: &[usize],
) -> Result<Tensor> {
    let numbers = gradient.numbers::<T>().unwrap_or(&[]);
    let (all, ()) = Buffer::filled_by(shape.iter().product(), |all: &mut [T]| {
        let parts = all.chunks_mut((shape[axis] * inner).max(1));
        for (part, entry) in parts.zip(numbers.chunks(inner.max(1))) {
            part.chunks_mut(inner.max(1)).for_each(|copy| copy.copy_from_slice(entry));
        }
    });
    Tensor::from_buffer(all, shape)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tensor::{Leaf, backward};

    #[test]
    fn the_gradient_of_a_sum_is_that_of_every_entry() {
        let (a, b) = (Leaf::default(), Leaf::default());
        let movie = |n: usize, leaf: &Leaf| {
            let numbers: Vec<f64> = (0..2 * n * 3).map(|i| i as f64).collect();
            Tensor::from_vec(numbers, &[2, n, 3]).unwrap().with_leaf(leaf)
        };
        let total = sum(&[&movie(2, &a), &movie(1, &b)], 1).unwrap();
        assert_eq!(total.to_f64(), [3.0, 6.0, 9.0, 18.0, 21.0, 24.0]);
        let probe = Tensor::from_vec((1..=6).map(f64::from).collect(), &[2, 1, 3]).unwrap();
        backward(&[(&total, probe)]).unwrap();
        let rows = [1.0, 2.0, 3.0, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 4.0, 5.0, 6.0];
        assert_eq!(a.gradient().unwrap().to_f64(), rows);
        assert_eq!(b.gradient().unwrap().to_f64(), [1.0, 2.0, 3.0, 4.0, 5.0, 6.0]);
    }
}
