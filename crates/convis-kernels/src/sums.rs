//! Sums over many numbers in double precision, in an order that depends on their number alone.
//!
//! Adding one number after the other would wait for every addition; sixteen interleaved sums are vector code.

use crate::Real;

const PARTS: usize = 16;

/// Σ xᵢ. To be compiled into a kernel.
#[inline(always)]
pub(crate) fn sum<T: Real>(x: &[T]) -> f64 {
    let mut parts = [0.0f64; PARTS];
    let (whole, rest) = x.as_chunks::<PARTS>();
    for x in whole {
        for l in 0..PARTS {
            parts[l] += x[l].double();
        }
    }
    for (part, x) in parts.iter_mut().zip(rest) {
        *part += x.double();
    }
    parts.iter().sum()
}

/// Σ aᵢ·bᵢ, products in the type of the numbers. To be compiled into a kernel.
#[inline(always)]
pub(crate) fn dot<T: Real>(a: &[T], b: &[T]) -> f64 {
    let mut parts = [0.0f64; PARTS];
    let ((a, a_rest), (b, b_rest)) = (a.as_chunks::<PARTS>(), b.as_chunks::<PARTS>());
    for (a, b) in a.iter().zip(b) {
        for l in 0..PARTS {
            parts[l] += (a[l] * b[l]).double();
        }
    }
    for ((part, &a), &b) in parts.iter_mut().zip(a_rest).zip(b_rest) {
        *part += (a * b).double();
    }
    parts.iter().sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_number_is_added_once() {
        for n in 0..70 {
            let x: Vec<f32> = (1..=n).map(|i| i as f32).collect();
            let n = f64::from(n);
            assert_eq!(sum(&x), n * (n + 1.0) / 2.0);
            assert_eq!(dot(&x, &x), n * (n + 1.0) * (2.0 * n + 1.0) / 6.0);
        }
    }
}
