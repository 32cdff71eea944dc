//! The same numbers in another shape, order or type, recorded.

use super::buffer::{self, Buffer, Element};
use super::record::recorded;
use super::{DType, Data, Tensor, count};
use crate::{Error, Result};

impl Tensor {
    /// The same numbers with another shape; nothing is copied.
    ///
    /// # Errors
    /// If the shape does not hold as many numbers.
    pub fn reshape(&self, shape: &[usize]) -> Result<Self> {
        if count(shape) != Some(self.len()) {
            let expected = format!("one that holds {} numbers", self.len());
            return Err(Error::argument("shape", expected, format!("{shape:?}")));
        }
        let result = Self { contents: self.contents.clone(), shape: shape.to_vec(), source: None };
        Ok(recorded(result, &[self], || {
            let before = self.shape.clone();
            move |gradient, _| Ok(vec![Some(gradient.reshape(&before)?)])
        }))
    }

    /// The axes in another order: axis `i` of the result is axis `order[i]`.
    ///
    /// ```
    /// use convis::Tensor;
    /// let x = Tensor::from_vec(vec![1.0f32, 2.0, 3.0, 4.0, 5.0, 6.0], &[2, 3])?;
    /// assert_eq!(x.permute(&[1, 0])?.to_f64(), [1.0, 4.0, 2.0, 5.0, 3.0, 6.0]);
    /// # Ok::<(), convis::Error>(())
    /// ```
    ///
    /// # Errors
    /// If an axis is missing, comes twice or does not exist.
    pub fn permute(&self, order: &[usize]) -> Result<Self> {
        let axes = self.shape.len();
        let mut back = vec![usize::MAX; axes];
        for (new, &old) in order.iter().enumerate() {
            match back.get_mut(old) {
                Some(place) if *place == usize::MAX => *place = new,
                _ => back = vec![],
            }
        }
        if order.len() != axes || back.len() != axes {
            let expected = format!("each of the axes below {axes} once");
            return Err(Error::argument("order", expected, format!("{order:?}")));
        }
        let strides = strides(&self.shape);
        let strides: Vec<usize> = order.iter().map(|&axis| strides[axis]).collect();
        let shape: Vec<usize> = order.iter().map(|&axis| self.shape[axis]).collect();
        let result =
            self.viewed(&shape, 0, &strides.iter().map(|&stride| stride as isize).collect::<Vec<_>>());
        Ok(recorded(result, &[self], || move |gradient, _| Ok(vec![Some(gradient.permute(&back)?)])))
    }

    /// With another axis, of length 1, before axis `axis`.
    ///
    /// # Errors
    /// If `axis` is larger than the number of axes.
    pub fn unsqueeze(&self, axis: usize) -> Result<Self> {
        if axis > self.shape.len() {
            return Err(Error::argument("dim", format!("an axis from 0 to {}", self.shape.len()), axis));
        }
        let mut shape = self.shape.clone();
        shape.insert(axis, 1);
        self.reshape(&shape)
    }

    /// Without axis `axis`, whose length is 1.
    ///
    /// # Errors
    /// If there is no such axis or it is longer.
    pub fn squeeze(&self, axis: usize) -> Result<Self> {
        if self.shape.get(axis) != Some(&1) {
            let expected = format!("an axis of length 1 of shape {:?}", self.shape);
            return Err(Error::argument("dim", expected, axis));
        }
        let mut shape = self.shape.clone();
        shape.remove(axis);
        self.reshape(&shape)
    }

    /// The same numbers in another type; itself if the type is the same. Bytes have no history.
    #[must_use]
    pub fn cast(&self, dtype: DType) -> Self {
        if self.dtype() == dtype {
            return self.clone();
        }
        let data = match (self.data(), dtype) {
            (Data::F32(x), DType::F64) => Data::F64(buffer::convert(x, f64::from)),
            (Data::U8(x), DType::F64) => Data::F64(buffer::convert(x, f64::from)),
            (Data::F64(x), DType::F32) => Data::F32(buffer::convert(x, |x| x as f32)),
            (Data::U8(x), DType::F32) => Data::F32(buffer::convert(x, f32::from)),
            (Data::F32(x), _) => Data::U8(buffer::convert(x, |x| x as u8)),
            (Data::F64(x), _) => Data::U8(buffer::convert(x, |x| x as u8)),
            (Data::U8(x), _) => Data::U8(x.clone()),
        };
        let (result, from) =
            (Self { contents: data.into(), shape: self.shape.clone(), source: None }, self.dtype());
        if dtype == DType::U8 {
            return result;
        }
        recorded(result, &[self], || move |gradient, _| Ok(vec![Some(gradient.cast(from))]))
    }

    /// A copy of the numbers at `first + Σ index·stride`, without history. All of them must exist.
    pub(super) fn viewed(&self, shape: &[usize], first: usize, strides: &[isize]) -> Self {
        let data = match self.data() {
            Data::F32(x) => Data::F32(picked(x, shape, first, strides)),
            Data::F64(x) => Data::F64(picked(x, shape, first, strides)),
            Data::U8(x) => Data::U8(picked(x, shape, first, strides)),
        };
        Self { contents: data.into(), shape: shape.to_vec(), source: None }
    }
}

/// Steps from one entry of an axis to the next, in row-major order.
pub(super) fn strides(shape: &[usize]) -> Vec<usize> {
    let mut strides = vec![1; shape.len()];
    for axis in (1..shape.len()).rev() {
        strides[axis - 1] = strides[axis] * shape[axis].max(1);
    }
    strides
}

fn picked<T: Element>(x: &Buffer<T>, shape: &[usize], first: usize, strides: &[isize]) -> Buffer<T> {
    let len: usize = shape.iter().product();
    if len == 0 {
        return Vec::new().into();
    }
    let (row, row_stride) = (shape.last().copied().unwrap_or(1), strides.last().copied().unwrap_or(1));
    Buffer::filled_by(len, |out: &mut [T]| {
        for (place, out) in Places::new(shape, first, strides).zip(out.chunks_mut(row)) {
            if row_stride == 1 {
                out.copy_from_slice(&x[place..place + row]);
            } else {
                for (i, out) in out.iter_mut().enumerate() {
                    *out = x[place.wrapping_add_signed(i as isize * row_stride)];
                }
            }
        }
    })
    .0
}

/// Where the rows of a view begin, in order.
pub(super) struct Places<'a> {
    shape: &'a [usize],
    strides: &'a [isize],
    index: Vec<usize>,
    place: usize,
    left: usize,
}

impl<'a> Places<'a> {
    pub fn new(shape: &'a [usize], first: usize, strides: &'a [isize]) -> Self {
        let outer = shape.len().saturating_sub(1);
        let (shape, strides) = (&shape[..outer], &strides[..outer]);
        Self { shape, strides, index: vec![0; outer], place: first, left: shape.iter().product() }
    }
}

impl Iterator for Places<'_> {
    type Item = usize;

    fn next(&mut self) -> Option<usize> {
        self.left = self.left.checked_sub(1)?;
        let place = self.place;
        for axis in (0..self.shape.len()).rev() {
            self.index[axis] += 1;
            self.place = self.place.wrapping_add_signed(self.strides[axis]);
            if self.index[axis] < self.shape[axis] {
                break;
            }
            self.place = self.place.wrapping_add_signed(-(self.strides[axis] * self.shape[axis] as isize));
            self.index[axis] = 0;
        }
        Some(place)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tensor::check_gradient::check;

    fn numbers(shape: &[usize]) -> Tensor {
        Tensor::from_vec((0..shape.iter().product::<usize>()).map(|i| i as f64).collect(), shape).unwrap()
    }

    #[test]
    fn permuted_axes_are_where_they_belong_and_come_back() {
        let x = numbers(&[2, 3, 4, 1, 5]);
        let y = x.permute(&[4, 0, 3, 2, 1]).unwrap();
        assert_eq!(y.shape(), [5, 2, 1, 4, 3]);
        // y[4, 1, 0, 2, 1] = x[1, 1, 2, 0, 4]
        assert_eq!(y.to_f64()[((4 * 2 + 1) * 4 + 2) * 3 + 1], x.to_f64()[((3 + 1) * 4 + 2) * 5 + 4]);
        assert_eq!(y.permute(&[1, 4, 3, 2, 0]).unwrap(), x);
        for bad in [&[0, 1, 2, 3][..], &[0, 0, 1, 2, 3], &[0, 1, 2, 3, 5]] {
            assert!(x.permute(bad).is_err());
        }
    }

    #[test]
    fn gradients_equal_differences() {
        let x = [numbers(&[2, 3, 2])];
        check(&x, |x| x[0].reshape(&[4, 3]));
        check(&x, |x| x[0].permute(&[2, 0, 1]));
        check(&x, |x| x[0].unsqueeze(3)?.unsqueeze(0)?.squeeze(4));
        check(&x, |x| x[0].square().permute(&[1, 2, 0])?.reshape(&[12]));
    }

    #[test]
    fn a_cast_passes_the_gradient_on_in_the_type_it_came_from() {
        let leaf = crate::tensor::Leaf::default();
        let x = numbers(&[3]).with_leaf(&leaf).cast(DType::F32);
        crate::tensor::backward(&[(&x, numbers(&[3]))]).unwrap();
        assert_eq!(leaf.gradient().unwrap(), numbers(&[3]));
        assert!(!x.cast(DType::U8).has_history());
    }
}
