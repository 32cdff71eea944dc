//! Gradients against differences, for the tests of recorded operations.

use super::{DType, Leaf, Tensor, backward};
use crate::Result;

/// Checks the gradients of `f` with respect to all its inputs: central differences of double precision, to 1e-6.
pub fn check(inputs: &[Tensor], f: impl Fn(&[Tensor]) -> Result<Tensor>) {
    // Any fixed direction would do.
    let probe = |y: &Tensor| (0..y.len()).map(|i| (i as f64 * 0.7).cos() + 0.2).collect::<Vec<f64>>();
    let value = |inputs: &[Tensor]| {
        let y = f(inputs).unwrap();
        y.to_f64().iter().zip(probe(&y)).map(|(y, p)| y * p).sum::<f64>()
    };
    let leaves: Vec<Leaf> = inputs.iter().map(|_| Leaf::default()).collect();
    let tracked: Vec<Tensor> = inputs.iter().zip(&leaves).map(|(x, leaf)| x.with_leaf(leaf)).collect();
    let y = f(&tracked).unwrap();
    backward(&[(&y, Tensor::from_vec(probe(&y), y.shape()).unwrap())]).unwrap();
    for (which, (x, leaf)) in inputs.iter().zip(&leaves).enumerate() {
        let gradient = leaf.gradient().map_or_else(
            || vec![0.0; x.len()],
            |g| {
                assert_eq!((g.shape(), g.dtype()), (x.shape(), DType::F64));
                g.to_f64()
            },
        );
        for (i, &got) in gradient.iter().enumerate() {
            let h = 1e-6;
            let moved = |by: f64| {
                let mut numbers = x.to_f64();
                numbers[i] += by;
                let mut inputs = inputs.to_vec();
                inputs[which] = Tensor::from_vec(numbers, x.shape()).unwrap();
                value(&inputs)
            };
            let want = (moved(h) - moved(-h)) / (2.0 * h);
            // Differences of double precision carry a rounding of about 1e-16/1e-6 of the value.
            assert!(
                (got - want).abs() <= 1e-6 * want.abs().max(1.0),
                "input {which}, number {i}: {got} instead of {want}"
            );
        }
    }
}
