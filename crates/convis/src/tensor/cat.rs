//! Tensors joined along an axis, old or new, recorded.

use super::buffer::Buffer;
use super::record::recorded;
use super::{DType, Numbers, Range, Tensor};
use crate::{Error, Result};

/// The tensors one after the other along an axis.
///
/// They may differ in the length of that axis only.
///
/// ```
/// use convis::{Tensor, tensor::cat};
/// let a = Tensor::from_vec(vec![1.0f32, 2.0], &[2, 1])?;
/// let b = Tensor::from_vec(vec![3.0f32, 4.0, 5.0, 6.0], &[2, 2])?;
/// assert_eq!(cat(&[&a, &b], 1)?, Tensor::from_vec(vec![1.0f32, 3.0, 4.0, 2.0, 5.0, 6.0], &[2, 3])?);
/// assert!(cat(&[&a, &b], 0).is_err());
/// # Ok::<(), convis::Error>(())
/// ```
///
/// # Errors
/// If there is no tensor, no such axis, or if other axes or types differ.
pub fn cat(tensors: &[&Tensor], axis: usize) -> Result<Tensor> {
    let first = tensors.first().ok_or_else(|| Error::argument("tensors", "at least one", "none"))?;
    if axis >= first.shape().len() {
        return Err(Error::argument("dim", format!("an axis below {}", first.shape().len()), axis));
    }
    let mut shape = first.shape().to_vec();
    shape[axis] = 0;
    for tensor in tensors {
        let mut other = tensor.shape().to_vec();
        let length = other.get(axis).copied().unwrap_or(0);
        if other.len() > axis {
            other[axis] = shape[axis];
        }
        if other != shape || tensor.dtype() != first.dtype() {
            let expected = format!("{} of shape {:?} but for axis {axis}", first.dtype(), first.shape());
            let found = format!("{} of shape {:?}", tensor.dtype(), tensor.shape());
            return Err(Error::argument("tensors", expected, found));
        }
        shape[axis] += length;
    }
    Ok(match first.dtype() {
        DType::F32 => cat_as::<f32>(tensors, axis, &shape),
        DType::F64 => cat_as::<f64>(tensors, axis, &shape),
        DType::U8 => cat_as::<u8>(tensors, axis, &shape),
    })
}

fn cat_as<T: Numbers>(tensors: &[&Tensor], axis: usize, shape: &[usize]) -> Tensor {
    // An array is (outer, length of the axis, inner): rows of length·inner numbers.
    let inner: usize = shape[axis + 1..].iter().product();
    let row = shape[axis] * inner;
    let (joined, ()) = Buffer::filled_by(shape.iter().product(), |joined: &mut [T]| {
        let mut start = 0;
        for tensor in tensors {
            let (numbers, part) = (tensor.numbers::<T>().unwrap_or(&[]), tensor.shape()[axis] * inner);
            for (joined, numbers) in joined.chunks_mut(row.max(1)).zip(numbers.chunks(part.max(1))) {
                joined[start..start + part].copy_from_slice(numbers);
            }
            start += part;
        }
    });
    let joined = Tensor::of(joined, shape);
    recorded(joined, tensors, || {
        let lengths: Vec<usize> = tensors.iter().map(|tensor| tensor.shape()[axis]).collect();
        move |gradient, wanted| {
            let mut ranges: Vec<Range> = gradient.shape().iter().map(|&n| Range::from_to(0, n)).collect();
            let mut start = 0;
            let cut = |(&length, &wanted): (&usize, &bool)| {
                ranges[axis] = Range::from_to(start, start + length);
                start += length;
                wanted.then(|| gradient.part(&ranges)).transpose()
            };
            lengths.iter().zip(wanted).map(cut).collect()
        }
    })
}

/// The tensors side by side along a new axis.
///
/// ```
/// use convis::{Tensor, tensor::stack};
/// let (a, b) = (Tensor::from_vec(vec![1.0f32, 2.0], &[2])?, Tensor::from_vec(vec![3.0f32, 4.0], &[2])?);
/// assert_eq!(stack(&[&a, &b], 1)?, Tensor::from_vec(vec![1.0f32, 3.0, 2.0, 4.0], &[2, 2])?);
/// # Ok::<(), convis::Error>(())
/// ```
///
/// # Errors
/// If there is no tensor, the new axis has no place, or if shapes or types differ.
pub fn stack(tensors: &[&Tensor], axis: usize) -> Result<Tensor> {
    let tensors: Vec<Tensor> = tensors.iter().map(|tensor| tensor.unsqueeze(axis)).collect::<Result<_>>()?;
    cat(&tensors.iter().collect::<Vec<_>>(), axis)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tensor::{Leaf, backward};

    #[test]
    fn every_tensor_gets_its_part_of_the_gradient_along_every_axis() {
        for axis in 0..3 {
            let leaves = [Leaf::default(), Leaf::default()];
            let tensors: Vec<Tensor> = [2usize, 3]
                .iter()
                .zip(&leaves)
                .map(|(&length, leaf)| {
                    let mut shape = [2, 2, 2];
                    shape[axis] = length;
                    Tensor::zeros(DType::F64, &shape).with_leaf(leaf)
                })
                .collect();
            let joined = cat(&[&tensors[0], &tensors[1]], axis).unwrap();
            let numbers: Vec<f64> = (0..joined.len()).map(|i| i as f64).collect();
            let probe = Tensor::from_vec(numbers, joined.shape()).unwrap();
            backward(&[(&joined, probe.clone())]).unwrap();
            let parts = [leaves[0].gradient().unwrap(), leaves[1].gradient().unwrap()];
            assert_eq!(cat(&[&parts[0], &parts[1]], axis).unwrap(), probe, "axis {axis}");
        }
    }
}
