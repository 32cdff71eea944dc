//! Parts of tensors, recorded.

use convis_kernels::Real;

use super::buffer::{Buffer, Element};
use super::record::recorded;
use super::shape::{Places, strides};
use super::{Data, Numbers, Tensor, by_type, slice};
use crate::{Error, Result};

/// Every `step`-th entry of an axis, `length` of them from `start`; a negative step goes backwards.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Range {
    /// The first entry.
    pub start: usize,
    /// From one entry to the next.
    pub step: isize,
    /// How many entries.
    pub length: usize,
}

impl Range {
    /// The entries from `start` to before `end`.
    pub const fn from_to(start: usize, end: usize) -> Self {
        Self { start, step: 1, length: end.saturating_sub(start) }
    }

    fn fits(self, axis: usize) -> bool {
        let last = (self.length.max(1) - 1) as i128 * self.step as i128 + self.start as i128;
        self.length == 0 || (self.start < axis && (0..axis as i128).contains(&last))
    }
}

impl Tensor {
    /// A part: one range for each of the first axes, the others whole.
    ///
    /// ```
    /// use convis::Tensor;
    /// use convis::tensor::Range;
    /// let x = Tensor::from_vec(vec![1.0f32, 2.0, 3.0, 4.0, 5.0, 6.0], &[2, 3])?;
    /// let backwards = Range { start: 2, step: -2, length: 2 };
    /// assert_eq!(x.part(&[Range::from_to(1, 2), backwards])?.to_f64(), [6.0, 4.0]);
    /// # Ok::<(), convis::Error>(())
    /// ```
    ///
    /// # Errors
    /// If there are more ranges than axes, or one leaves its axis.
    pub fn part(&self, ranges: &[Range]) -> Result<Self> {
        let all = self.shape();
        if ranges.len() > all.len() || ranges.iter().zip(all).any(|(range, &n)| !range.fits(n)) {
            return Err(Error::argument(
                "index",
                format!("ranges within shape {all:?}"),
                format!("{ranges:?}"),
            ));
        }
        let steps = strides(all);
        let (mut first, mut shape) = (0, all.to_vec());
        let mut walk: Vec<isize> = steps.iter().map(|&step| step as isize).collect();
        for (axis, range) in ranges.iter().enumerate() {
            first += if range.length == 0 { 0 } else { range.start * steps[axis] };
            shape[axis] = range.length;
            walk[axis] *= range.step;
        }
        let result = self.viewed(&shape, first, &walk);
        Ok(recorded(result, &[self], || {
            let all = all.to_vec();
            move |gradient, _| by_type!(gradient.dtype(), T => Ok(vec![Some(put::<T>(gradient, &all, first, &walk))]))
        }))
    }

    /// The numbers at these places of the row-major order, in this shape; a place may come several times.
    ///
    /// ```
    /// use convis::Tensor;
    /// let x = Tensor::from_vec(vec![1.0f32, 2.0, 3.0, 4.0], &[2, 2])?;
    /// assert_eq!(x.take(&[3, 0, 3], &[3])?.to_f64(), [4.0, 1.0, 4.0]);
    /// assert!(x.take(&[4], &[1]).is_err());
    /// # Ok::<(), convis::Error>(())
    /// ```
    ///
    /// # Errors
    /// If a place does not exist or the shape holds another number of places.
    pub fn take(&self, places: &[usize], shape: &[usize]) -> Result<Self> {
        let len = self.len();
        if let Some(bad) = places.iter().find(|&&place| place >= len) {
            return Err(Error::argument("index", format!("places below {len}"), bad));
        }
        if super::count(shape) != Some(places.len()) {
            let expected = format!("as many numbers as shape {shape:?} holds");
            return Err(Error::argument("index", expected, places.len()));
        }
        fn at<T: Element>(x: &[T], places: &[usize]) -> Buffer<T> {
            Buffer::filled_by(places.len(), |out: &mut [T]| {
                out.iter_mut().zip(places).for_each(|(out, &place)| *out = x[place]);
            })
            .0
        }
        let data = match self.data() {
            Data::F32(x) => Data::F32(at(x, places)),
            Data::F64(x) => Data::F64(at(x, places)),
            Data::U8(x) => Data::U8(at(x, places)),
        };
        let result = Self { contents: data.into(), shape: shape.to_vec(), source: None };
        Ok(recorded(result, &[self], || {
            let (places, all) = (places.to_vec(), self.shape().to_vec());
            move |gradient, _| {
                by_type!(gradient.dtype(), T => {
                    let (numbers, ()) = Buffer::filled_by(len, |out: &mut [T]| {
                        out.fill(T::default());
                        for (&place, &g) in places.iter().zip(slice::<T>(gradient)) {
                            out[place] += g;
                        }
                    });
                    Ok(vec![Some(Tensor::of(numbers, &all))])
                })
            }
        }))
    }

    /// The entries of an axis with these numbers, in their order; one may come several times.
    ///
    /// # Errors
    /// If there is no such axis or an entry does not exist.
    pub fn index_select(&self, axis: usize, entries: &[usize]) -> Result<Self> {
        let shape = self.shape();
        let Some(&length) = shape.get(axis) else {
            return Err(Error::argument("dim", format!("an axis below {}", shape.len()), axis));
        };
        if let Some(bad) = entries.iter().find(|&&entry| entry >= length) {
            return Err(Error::argument("index", format!("entries below {length}"), bad));
        }
        let (outer, inner): (usize, usize) =
            (shape[..axis].iter().product(), shape[axis + 1..].iter().product());
        let places: Vec<usize> = (0..outer)
            .flat_map(|o| entries.iter().map(move |&entry| (o * length + entry) * inner))
            .flat_map(|start| start..start + inner)
            .collect();
        let mut shape = shape.to_vec();
        shape[axis] = entries.len();
        self.take(&places, &shape)
    }
}

/// A gradient at its places, zero elsewhere: the adjoint of a part, in which no number comes twice.
fn put<T: Numbers + Real>(gradient: &Tensor, all: &[usize], first: usize, walk: &[isize]) -> Tensor {
    let (shape, g) = (gradient.shape(), slice::<T>(gradient));
    let (row, stride) = (shape.last().copied().unwrap_or(1), walk.last().copied().unwrap_or(1));
    let (numbers, ()) = Buffer::filled_by(all.iter().product(), |out: &mut [T]| {
        out.fill(T::default());
        if g.is_empty() {
            return;
        }
        for (place, g) in Places::new(shape, first, walk).zip(g.chunks(row)) {
            for (i, &g) in g.iter().enumerate() {
                out[place.wrapping_add_signed(i as isize * stride)] = g;
            }
        }
    });
    Tensor::of(numbers, all)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::DType;
    use crate::tensor::check_gradient::check;

    fn numbers(shape: &[usize]) -> Tensor {
        Tensor::from_vec((0..shape.iter().product::<usize>()).map(|i| (i as f64).cos()).collect(), shape)
            .unwrap()
    }

    #[test]
    fn gradients_equal_differences() {
        let x = [numbers(&[3, 4, 5])];
        let ranges = [
            Range::from_to(1, 3),
            Range { start: 3, step: -2, length: 2 },
            Range { start: 0, step: 3, length: 2 },
        ];
        for n in 0..=3 {
            check(&x, |x| x[0].part(&ranges[..n])?.part(&ranges[..0]));
        }
        check(&x, |x| x[0].take(&[7, 7, 0, 59], &[2, 2]));
        for axis in 0..3 {
            check(&x, |x| x[0].index_select(axis, &[2, 0, 2]));
        }
    }

    #[test]
    fn parts_are_those_asked_for() {
        let x = numbers(&[3, 4]);
        let part = x
            .part(&[Range { start: 2, step: -1, length: 3 }, Range { start: 1, step: 2, length: 2 }])
            .unwrap();
        let all = x.to_f64();
        assert_eq!(part.to_f64(), [all[9], all[11], all[5], all[7], all[1], all[3]]);
        assert_eq!(x.index_select(1, &[3, 3]).unwrap().to_f64()[..2], [all[3], all[3]]);
        assert_eq!(x.part(&[Range::from_to(3, 3)]).unwrap().shape(), [0, 4]);
        for bad in [
            Range::from_to(1, 4),
            Range { start: 0, step: -1, length: 2 },
            Range { start: 3, step: 1, length: 1 },
        ] {
            assert!(x.part(&[bad]).is_err(), "{bad:?}");
        }
        assert!(x.index_select(2, &[0]).is_err() && x.index_select(1, &[4]).is_err());
        let bytes = Tensor::from_vec(vec![1u8, 2, 3], &[3]).unwrap();
        assert_eq!(bytes.part(&[Range::from_to(1, 3)]).unwrap().dtype(), DType::U8);
    }
}
