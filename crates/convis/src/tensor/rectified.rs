//! Rectified movies that are computed when somebody needs their numbers.
//!
//! Some operations rectify what they read ([`Operation::of_rectified`](convis_kernels::Operation::of_rectified)): where
//! only such ones follow a rectifier, its movie is never written, and neither is its gradient. Layers do not know of it;
//! bits do not depend on it.

use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use convis_kernels::Operation;
use convis_kernels::static_nonlinearity::StaticNonlinearity;

use super::buffer::Buffer;
use super::deferred::Contents;
use super::record::record;
use super::{DType, Data, Node, Numbers, Scalar, Source, Tensor, by_type};
use crate::Result;

/// The numbers of a movie, rectified.
pub(super) struct Rectified {
    operation: StaticNonlinearity,
    /// The movie, until its rectified numbers are there.
    movie: Mutex<Option<Tensor>>,
    numbers: OnceLock<Data>,
    dtype: DType,
    node: Option<Arc<Node>>,
}

/// Neither scaled nor shifted.
const PARAMETERS: [f64; 2] = [1.0, 0.0];

impl Rectified {
    pub const fn dtype(&self) -> DType {
        self.dtype
    }

    pub fn data(&self) -> &Data {
        self.numbers.get_or_init(|| {
            let movie = self.movie.lock().unwrap_or_else(PoisonError::into_inner).take();
            let movie = movie.expect("a movie that is rectified once");
            by_type!(self.dtype, T => {
                let numbers = movie.numbers::<T>().unwrap_or_default();
                let fill = |y: &mut [T]| self.operation.forward(&PARAMETERS, &[numbers], &[], y, &mut []);
                T::wrap(Buffer::filled_by(numbers.len(), fill).0)
            })
        })
    }
}

impl Tensor {
    /// A movie clipped to 0 … 10⁶, by [`StaticNonlinearity`].
    pub(crate) fn rectify(&self) -> Result<Self> {
        let dtype = if self.dtype() == DType::U8 { DType::F32 } else { self.dtype() };
        // What is kept must not change under us: borrowed memory is copied.
        let movie = self.cast(dtype).owned();
        let operation = StaticNonlinearity { signal: movie.signal()?, rectifies: true, squares: false };
        let shape = movie.shape().to_vec();
        let parameters = PARAMETERS.map(Scalar::constant);
        let node = by_type!(dtype, T => record::<T, _>(&operation, &parameters, &[&movie], &[], &shape));
        let source = node.clone().map(|node| Source::Node { node, output: 0 });
        let movie = Mutex::new(Some(movie));
        let rectified = Rectified { operation, movie, numbers: OnceLock::new(), dtype, node };
        Ok(Self { contents: Contents::Rectified(Arc::new(rectified)), shape, source })
    }

    /// The movie that this one is rectified from, where it has not been rectified yet.
    pub(super) fn rectified_from(&self) -> Option<Self> {
        let Contents::Rectified(later) = &self.contents else { return None };
        let movie = later.movie.lock().unwrap_or_else(PoisonError::into_inner).clone()?;
        // Another source, or another shape, is that of an operation since.
        match (&self.source, &later.node) {
            _ if movie.shape != self.shape => None,
            (None, _) => Some(movie.detach()),
            (Some(Source::Node { node, .. }), Some(own)) if Arc::ptr_eq(node, own) => Some(movie),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use convis_kernels::conv3d::{Border, Conv3d};

    use super::super::{Leaf, apply, backward};
    use super::*;

    fn numbers(n: usize, seed: usize) -> Vec<f32> {
        (0..n).map(|i| ((i * seed) % 1013) as f32 / 1013.0 - 0.5).collect()
    }

    /// Output and gradients of a convolution of what `between` makes of a rectified movie.
    fn convolved(between: impl Fn(Tensor) -> Tensor) -> Vec<Vec<u32>> {
        let leaves = [Leaf::default(), Leaf::default(), Leaf::default()];
        let tensor = |n: usize, seed, shape: &[usize], leaf| {
            Tensor::from_vec(numbers(n, seed), shape).unwrap().with_leaf(leaf)
        };
        let movie = tensor(3 * 5 * 12, 37, &[1, 3, 5, 4, 3], &leaves[0]);
        let (weight, bias) = (tensor(12, 101, &[12], &leaves[1]), tensor(4, 7, &[4], &leaves[2]));
        let conv = Conv3d::new(movie.signal().unwrap(), [3, 4], [1; 3], Border::Replicate, true);
        let rectified = between(movie.rectify().unwrap());
        let y = apply(&conv, &[], &[&rectified, &weight, &bias], &[]).unwrap().0;
        backward(&[(&y, Tensor::from_vec(numbers(y.len(), 29), y.shape()).unwrap())]).unwrap();
        let gradients = leaves.iter().map(|leaf| leaf.gradient().unwrap());
        gradients.chain([y]).map(|x| x.to_f32().into_iter().map(f32::to_bits).collect()).collect()
    }

    #[test]
    fn bits_are_those_of_a_movie_that_was_rectified_first() {
        let was_computed = Cell::new(false);
        let watched = |x: Tensor| {
            was_computed.set(x.rectified_from().is_none());
            x
        };
        let together = convolved(watched);
        assert!(!was_computed.get());
        let apart = convolved(|x| {
            x.data();
            watched(x)
        });
        assert!(was_computed.get());
        assert_eq!(together, apart);
    }

    #[test]
    fn a_movie_that_something_was_done_to_is_not_the_rectified_one() {
        let leaf = Leaf::default();
        let movie = Tensor::from_vec(numbers(12, 37), &[1, 1, 3, 2, 2]).unwrap().with_leaf(&leaf);
        let rectified = movie.rectify().unwrap();
        assert!(rectified.rectified_from().unwrap().has_history());
        assert!(!rectified.detach().rectified_from().unwrap().has_history());
        assert!(rectified.with_leaf(&leaf).rectified_from().is_none());
        assert!(rectified.reshape(&[1, 1, 3, 4, 1]).unwrap().rectified_from().is_none());
        assert!(rectified.owned().rectified_from().is_none());
        let want: Vec<f32> = numbers(12, 37).into_iter().map(|x| x.max(0.0)).collect();
        assert_eq!(rectified.to_f32(), want);
        assert!(rectified.rectified_from().is_none());
    }

    #[test]
    fn bytes_are_rectified_in_single_precision() {
        let bytes = Tensor::from_vec(vec![0u8, 3], &[1, 1, 2, 1, 1]).unwrap().rectify().unwrap();
        assert_eq!((bytes.dtype(), bytes.to_f32()), (DType::F32, vec![0.0, 3.0]));
    }
}
