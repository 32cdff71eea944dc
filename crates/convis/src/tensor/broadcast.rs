//! Numpy's rule for shapes that differ: axes are matched from the last; one of length 1, or a missing one, is repeated.

use convis_kernels::{parallel, simd};

use crate::{Error, Result};

/// Numbers that one item of parallel work holds.
pub(super) const BLOCK: usize = 1 << 15;

/// The common shape of two tensors.
pub(super) fn common_shape(a: &[usize], b: &[usize]) -> Result<Vec<usize>> {
    let axes = a.len().max(b.len());
    let length = |shape: &[usize], axis: usize| {
        (axis + shape.len()).checked_sub(axes).and_then(|i| shape.get(i)).copied().unwrap_or(1)
    };
    (0..axes)
        .map(|axis| match (length(a, axis), length(b, axis)) {
            (n, m) if n == m || m == 1 => Ok(n),
            (1, m) => Ok(m),
            _ => {
                let expected = format!(
                    "a shape that fits {a:?}: counted from the last axis, equal lengths or 1 in one of them"
                );
                Err(Error::argument("tensor", expected, format!("shape {b:?}")))
            }
        })
        .collect()
}

/// An axis of the common shape: its length and the strides of both tensors, 0 where they are repeated.
#[derive(Clone, Copy, Debug)]
struct Axis {
    len: usize,
    a: usize,
    b: usize,
}

/// The axes of `shape`, those that can be walked as one joined.
fn axes(shape: &[usize], a: &[usize], b: &[usize]) -> Vec<Axis> {
    let mut joined: Vec<Axis> = Vec::with_capacity(shape.len());
    let (mut stride_a, mut stride_b) = (1, 1);
    for back in 1..=shape.len() {
        let len = shape[shape.len() - back];
        let stride = |of: &[usize], stride: &mut usize| {
            let n = of.len().checked_sub(back).map_or(1, |i| of[i]);
            let mine = if n == 1 { 0 } else { *stride };
            *stride *= n;
            mine
        };
        let axis = Axis { len, a: stride(a, &mut stride_a), b: stride(b, &mut stride_b) };
        if len == 1 {
            continue;
        }
        match joined.last_mut() {
            Some(inner) if axis.a == inner.a * inner.len && axis.b == inner.b * inner.len => inner.len *= len,
            _ => joined.push(axis),
        }
    }
    if joined.is_empty() {
        joined.push(Axis { len: 1, a: 0, b: 0 });
    }
    joined.reverse();
    joined
}

/// Calls `f` on every number of `out`, whose shape is the common one of `a` and `b`, with the numbers it belongs to.
pub(super) fn for_each<T: Copy + Sync, U: Send>(
    out: &mut [U],
    shape: &[usize],
    (a, a_shape): (&[T], &[usize]),
    (b, b_shape): (&[T], &[usize]),
    f: impl Fn(&mut U, T, T) + Sync,
) {
    if out.is_empty() {
        return;
    }
    let axes = axes(shape, a_shape, b_shape);
    let (outer, row) = (&axes[..axes.len() - 1], axes[axes.len() - 1]);
    let work = out.len();
    if outer.is_empty() {
        let blocks: Vec<(usize, &mut [U])> = out.chunks_mut(BLOCK).enumerate().collect();
        parallel::for_each(blocks, work, |(i, out)| {
            walk_row(out, &a[i * BLOCK * row.a..], &b[i * BLOCK * row.b..], row, &f);
        });
    } else {
        let rows = (BLOCK / row.len).max(1);
        let blocks: Vec<(usize, &mut [U])> = out.chunks_mut(rows * row.len).enumerate().collect();
        parallel::for_each(blocks, work, |(i, part)| {
            for (r, out) in part.chunks_mut(row.len).enumerate() {
                let (at_a, at_b) = start(outer, i * rows + r);
                walk_row(out, &a[at_a..], &b[at_b..], row, &f);
            }
        });
    }
}

/// Where row number `row` begins in both tensors.
fn start(outer: &[Axis], mut row: usize) -> (usize, usize) {
    let (mut a, mut b) = (0, 0);
    for axis in outer.iter().rev() {
        let i = row % axis.len;
        row /= axis.len;
        a += i * axis.a;
        b += i * axis.b;
    }
    (a, b)
}

fn walk_row<T: Copy, U>(out: &mut [U], a: &[T], b: &[T], row: Axis, f: &impl Fn(&mut U, T, T)) {
    simd::vectorized(
        #[inline(always)]
        || match (row.a, row.b) {
            (0, 0) => out.iter_mut().for_each(|out| f(out, a[0], b[0])),
            (0, _) => out.iter_mut().zip(b).for_each(|(out, &b)| f(out, a[0], b)),
            (_, 0) => out.iter_mut().zip(a).for_each(|(out, &a)| f(out, a, b[0])),
            _ => out.iter_mut().zip(a).zip(b).for_each(|((out, &a), &b)| f(out, a, b)),
        },
    );
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Place of the number at `index` of the common shape in a tensor of `shape`.
    fn place(index: &[usize], shape: &[usize]) -> usize {
        let skip = index.len() - shape.len();
        shape.iter().zip(&index[skip..]).fold(0, |at, (&n, &i)| at * n + if n == 1 { 0 } else { i })
    }

    proptest! {
        #[test]
        fn every_number_meets_those_of_its_place(
            shape in prop::collection::vec(0usize..5, 0..5),
            repeated_a in prop::collection::vec(any::<bool>(), 5),
            repeated_b in prop::collection::vec(any::<bool>(), 5),
            (missing_a, missing_b) in (0usize..3, 0usize..3),
        ) {
            let of = |repeated: &[bool], missing: usize| -> Vec<usize> {
                let lengths = shape.iter().zip(repeated).map(|(&n, &one)| if one { 1 } else { n });
                lengths.skip(missing).collect()
            };
            let (a, b) = (of(&repeated_a, missing_a), of(&repeated_b, missing_b));
            let common = common_shape(&a, &b).unwrap();
            let numbers = |shape: &[usize], first: usize| -> Vec<usize> {
                (first..first + shape.iter().product::<usize>()).collect()
            };
            let (x, y) = (numbers(&a, 0), numbers(&b, 1000));
            let mut got = vec![(0, 0); common.iter().product()];
            for_each(&mut got, &common, (&x, &a), (&y, &b), |out, a, b| *out = (a, b));
            for (flat, got) in got.iter().enumerate() {
                let mut rest = flat;
                let mut index = vec![0; common.len()];
                for axis in (0..common.len()).rev() {
                    (index[axis], rest) = (rest % common[axis], rest / common[axis]);
                }
                prop_assert_eq!(*got, (x[place(&index, &a)], y[place(&index, &b)]));
            }
        }
    }

    #[test]
    fn long_rows_are_cut_without_a_trace() {
        let n = 3 * BLOCK + 17;
        let x: Vec<usize> = (0..2 * n).collect();
        let mut got = vec![0; 2 * n];
        for_each(&mut got, &[2, n], (&x, &[2, n]), (&x[..n], &[n]), |out, a, b| *out = a * 3 + b);
        assert!(got.iter().enumerate().all(|(i, &y)| y == 3 * i + i % n));
        for_each(&mut got, &[2, n], (&x, &[2, n]), (&x[5..6], &[]), |out, a, b| *out = a + b);
        assert!(got.iter().enumerate().all(|(i, &y)| y == i + 5));
    }

    #[test]
    fn shapes_that_do_not_fit_are_refused() {
        let message = common_shape(&[2, 3], &[2, 4]).unwrap_err().to_string();
        assert!(message.contains("[2, 3]") && message.contains("[2, 4]"), "{message}");
        assert_eq!(common_shape(&[5, 1, 3], &[4, 1]).unwrap(), [5, 4, 3]);
    }
}
