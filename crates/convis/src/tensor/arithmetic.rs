//! Arithmetic of two tensors, number by number, recorded.
//!
//! Shapes follow numpy's rule (`broadcast.rs`); of two types the more precise one is computed in, and bytes count as
//! single precision. Each operation is one small structure: its value and its two slopes side by side.

use convis_kernels::Real;

use super::buffer::Buffer;
use super::record::recorded;
use super::{DType, Numbers, Tensor, broadcast, by_type, slice};
use crate::Result;

/// An operation of two numbers.
trait Rule: Copy + Send + Sync + 'static {
    /// y = f(a, b)
    fn value<T: Real>(a: T, b: T) -> T;
    /// ∂f/∂a
    fn slope_a<T: Real>(a: T, b: T) -> T;
    /// ∂f/∂b
    fn slope_b<T: Real>(a: T, b: T) -> T;
}

/// a + b
#[derive(Clone, Copy)]
struct Add;

impl Rule for Add {
    #[inline(always)]
    fn value<T: Real>(a: T, b: T) -> T {
        a + b
    }
    #[inline(always)]
    fn slope_a<T: Real>(_: T, _: T) -> T {
        T::one()
    }
    #[inline(always)]
    fn slope_b<T: Real>(_: T, _: T) -> T {
        T::one()
    }
}

/// a − b
#[derive(Clone, Copy)]
struct Subtract;

impl Rule for Subtract {
    #[inline(always)]
    fn value<T: Real>(a: T, b: T) -> T {
        a - b
    }
    #[inline(always)]
    fn slope_a<T: Real>(_: T, _: T) -> T {
        T::one()
    }
    #[inline(always)]
    fn slope_b<T: Real>(_: T, _: T) -> T {
        -T::one()
    }
}

/// a·b
#[derive(Clone, Copy)]
struct Multiply;

impl Rule for Multiply {
    #[inline(always)]
    fn value<T: Real>(a: T, b: T) -> T {
        a * b
    }
    #[inline(always)]
    fn slope_a<T: Real>(_: T, b: T) -> T {
        b
    }
    #[inline(always)]
    fn slope_b<T: Real>(a: T, _: T) -> T {
        a
    }
}

/// a/b
#[derive(Clone, Copy)]
struct Divide;

impl Rule for Divide {
    #[inline(always)]
    fn value<T: Real>(a: T, b: T) -> T {
        a / b
    }
    #[inline(always)]
    fn slope_a<T: Real>(_: T, b: T) -> T {
        T::one() / b
    }
    #[inline(always)]
    fn slope_b<T: Real>(a: T, b: T) -> T {
        -a / (b * b)
    }
}

/// aᵇ
#[derive(Clone, Copy)]
struct Power;

impl Rule for Power {
    #[inline(always)]
    fn value<T: Real>(a: T, b: T) -> T {
        // Squares are by far the most frequent.
        if b == T::of(2.0) { a * a } else { a.powf(b) }
    }
    #[inline(always)]
    fn slope_a<T: Real>(a: T, b: T) -> T {
        if b == T::of(2.0) {
            b * a
        } else if b == T::zero() {
            T::zero()
        } else {
            b * a.powf(b - T::one())
        }
    }
    /// aᵇ·ln a, and 0 where a = 0: the limit for b > 0.
    #[inline(always)]
    fn slope_b<T: Real>(a: T, b: T) -> T {
        if a == T::zero() { T::zero() } else { a.powf(b) * a.ln() }
    }
}

/// max(a, b), NaN if either is; where they are equal each gets half of the gradient.
#[derive(Clone, Copy)]
struct Maximum;

impl Rule for Maximum {
    #[inline(always)]
    fn value<T: Real>(a: T, b: T) -> T {
        if a > b || a.is_nan() { a } else { b }
    }
    #[inline(always)]
    fn slope_a<T: Real>(a: T, b: T) -> T {
        share(a > b, a == b)
    }
    #[inline(always)]
    fn slope_b<T: Real>(a: T, b: T) -> T {
        share(b > a, a == b)
    }
}

/// min(a, b), NaN if either is; where they are equal each gets half of the gradient.
#[derive(Clone, Copy)]
struct Minimum;

impl Rule for Minimum {
    #[inline(always)]
    fn value<T: Real>(a: T, b: T) -> T {
        if a < b || a.is_nan() { a } else { b }
    }
    #[inline(always)]
    fn slope_a<T: Real>(a: T, b: T) -> T {
        share(a < b, a == b)
    }
    #[inline(always)]
    fn slope_b<T: Real>(a: T, b: T) -> T {
        share(b < a, a == b)
    }
}

#[inline(always)]
fn share<T: Real>(all: bool, half: bool) -> T {
    T::of(if all {
        1.0
    } else if half {
        0.5
    } else {
        0.0
    })
}

/// Both tensors in the type they are computed in.
fn promoted(a: &Tensor, b: &Tensor) -> (Tensor, Tensor) {
    let double = a.dtype() == DType::F64 || b.dtype() == DType::F64;
    let dtype = if double { DType::F64 } else { DType::F32 };
    (a.cast(dtype), b.cast(dtype))
}

/// `f` of every pair of numbers.
fn zip<T: Numbers, U: Numbers>(
    a: &Tensor,
    b: &Tensor,
    shape: &[usize],
    f: impl Fn(T, T) -> U + Sync,
) -> Tensor {
    let (numbers, ()) = Buffer::filled_by(shape.iter().product(), |out: &mut [U]| {
        let (a, b) = ((slice(a), a.shape()), (slice(b), b.shape()));
        broadcast::for_each(
            out,
            shape,
            a,
            b,
            #[inline(always)]
            |out, a, b| *out = f(a, b),
        );
    });
    Tensor::of(numbers, shape)
}

/// The gradient of one of the two: that of the result times a slope, summed over where it was repeated.
fn back<T: Numbers + Real>(
    gradient: &Tensor,
    (a, b): (&Tensor, &Tensor),
    to: &Tensor,
    slope: impl Fn(T, T) -> T + Sync,
) -> Tensor {
    let shape = gradient.shape();
    let (numbers, ()) = Buffer::filled_by(gradient.len(), |out: &mut [T]| {
        out.copy_from_slice(slice(gradient));
        let (a, b) = ((slice(a), a.shape()), (slice(b), b.shape()));
        broadcast::for_each(
            out,
            shape,
            a,
            b,
            #[inline(always)]
            |out, a, b| *out = *out * slope(a, b),
        );
    });
    Tensor::of(numbers, shape).sum_to(to.shape())
}

fn apply<R: Rule>(_: R, a: &Tensor, b: &Tensor) -> Result<Tensor> {
    let shape = broadcast::common_shape(a.shape(), b.shape())?;
    let (a, b) = promoted(a, b);
    let result =
        by_type!(a.dtype(), T => zip::<T, T>(&a, &b, &shape, #[inline(always)] |a, b| R::value(a, b)));
    Ok(recorded(result, &[&a, &b], || {
        let (a, b) = (a.kept(), b.kept());
        move |gradient, wanted| {
            by_type!(a.dtype(), T => Ok(vec![
                wanted[0].then(|| back::<T>(gradient, (&a, &b), &a, #[inline(always)] |a, b| R::slope_a(a, b))),
                wanted[1].then(|| back::<T>(gradient, (&a, &b), &b, #[inline(always)] |a, b| R::slope_b(a, b))),
            ]))
        }
    }))
}

/// Which pairs a comparison is true for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Comparison {
    /// a = b
    Equal,
    /// a ≠ b
    NotEqual,
    /// a < b
    Less,
    /// a ≤ b
    LessOrEqual,
    /// a > b
    Greater,
    /// a ≥ b
    GreaterOrEqual,
}

impl Tensor {
    /// The sum a + b, number by number; shapes follow numpy's rule for broadcasting.
    ///
    /// ```
    /// use convis::Tensor;
    /// use convis::tensor::{Leaf, backward};
    /// let (a, b) = (Leaf::default(), Leaf::default());
    /// let x = Tensor::from_vec(vec![1.0f64, 2.0, 3.0, 4.0], &[2, 2])?.with_leaf(&a);
    /// let y = Tensor::from_vec(vec![10.0f64, 20.0], &[2])?.with_leaf(&b);
    /// let z = x.add(&y)?;
    /// assert_eq!(z.to_f64(), [11.0, 22.0, 13.0, 24.0]);
    /// backward(&[(&z.sum_all(), Tensor::from_vec(vec![1.0f64], &[])?)])?;
    /// assert_eq!(b.gradient().unwrap().to_f64(), [2.0, 2.0]);
    /// # Ok::<(), convis::Error>(())
    /// ```
    ///
    /// # Errors
    /// If the shapes do not fit. The same holds for all arithmetic.
    pub fn add(&self, other: &Self) -> Result<Self> {
        apply(Add, self, other)
    }

    /// The difference a − b.
    ///
    /// # Errors
    /// If the shapes do not fit.
    pub fn sub(&self, other: &Self) -> Result<Self> {
        apply(Subtract, self, other)
    }

    /// The product a·b.
    ///
    /// # Errors
    /// If the shapes do not fit.
    pub fn mul(&self, other: &Self) -> Result<Self> {
        apply(Multiply, self, other)
    }

    /// The quotient a/b.
    ///
    /// # Errors
    /// If the shapes do not fit.
    pub fn div(&self, other: &Self) -> Result<Self> {
        apply(Divide, self, other)
    }

    /// The power aᵇ.
    ///
    /// # Errors
    /// If the shapes do not fit.
    pub fn pow(&self, other: &Self) -> Result<Self> {
        apply(Power, self, other)
    }

    /// The larger of two numbers; where they are equal each gets half of the gradient.
    ///
    /// # Errors
    /// If the shapes do not fit.
    pub fn maximum(&self, other: &Self) -> Result<Self> {
        apply(Maximum, self, other)
    }

    /// The smaller of two numbers; where they are equal each gets half of the gradient.
    ///
    /// # Errors
    /// If the shapes do not fit.
    pub fn minimum(&self, other: &Self) -> Result<Self> {
        apply(Minimum, self, other)
    }

    /// Compares number by number: bytes, 1 where it is true. They have no history.
    ///
    /// # Errors
    /// If the shapes do not fit.
    pub fn compare(&self, comparison: Comparison, other: &Self) -> Result<Self> {
        let shape = broadcast::common_shape(self.shape(), other.shape())?;
        let (a, b) = promoted(&self.detach(), &other.detach());
        Ok(by_type!(a.dtype(), T => {
            let test: fn(&T, &T) -> bool = match comparison {
                Comparison::Equal => T::eq,
                Comparison::NotEqual => T::ne,
                Comparison::Less => T::lt,
                Comparison::LessOrEqual => T::le,
                Comparison::Greater => T::gt,
                Comparison::GreaterOrEqual => T::ge,
            };
            zip::<T, u8>(&a, &b, &shape, |a, b| u8::from(test(&a, &b)))
        }))
    }

    /// A single number without axes, in this type (bytes become single precision).
    pub fn number(value: f64, dtype: DType) -> Self {
        if dtype == DType::F64 {
            Self::of(Buffer::from(vec![value]), &[])
        } else {
            Self::of(Buffer::from(vec![value as f32]), &[])
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tensor::check_gradient::check;

    fn tensor(numbers: &[f64], shape: &[usize]) -> Tensor {
        Tensor::from_vec(numbers.to_vec(), shape).unwrap()
    }

    #[test]
    fn values_are_those_of_the_equations() {
        let (a, b) = (tensor(&[3.0, -2.0], &[2]), tensor(&[2.0, 4.0], &[2]));
        assert_eq!(a.add(&b).unwrap().to_f64(), [5.0, 2.0]);
        assert_eq!(a.sub(&b).unwrap().to_f64(), [1.0, -6.0]);
        assert_eq!(a.mul(&b).unwrap().to_f64(), [6.0, -8.0]);
        assert_eq!(a.div(&b).unwrap().to_f64(), [1.5, -0.5]);
        assert_eq!(a.pow(&b).unwrap().to_f64(), [9.0, 16.0]);
        assert_eq!(a.maximum(&b).unwrap().to_f64(), [3.0, 4.0]);
        assert_eq!(a.minimum(&b).unwrap().to_f64(), [2.0, -2.0]);
        let nan = tensor(&[f64::NAN], &[]);
        assert!(a.maximum(&nan).unwrap().to_f64().iter().all(|x| x.is_nan()));
        assert!(nan.minimum(&a).unwrap().to_f64().iter().all(|x| x.is_nan()));
    }

    #[test]
    fn comparisons_are_bytes_without_history() {
        let (a, b) = (tensor(&[1.0, 2.0, 3.0], &[3]), Tensor::number(2.0, DType::F64));
        for (comparison, want) in [
            (Comparison::Equal, [0, 1, 0]),
            (Comparison::NotEqual, [1, 0, 1]),
            (Comparison::Less, [1, 0, 0]),
            (Comparison::LessOrEqual, [1, 1, 0]),
            (Comparison::Greater, [0, 0, 1]),
            (Comparison::GreaterOrEqual, [0, 1, 1]),
        ] {
            let got = a.with_leaf(&crate::tensor::Leaf::default()).compare(comparison, &b).unwrap();
            assert_eq!(got.numbers::<u8>().unwrap(), want);
            assert!(!got.has_history());
        }
    }

    #[test]
    fn types_meet_in_the_more_precise_one_and_gradients_come_back_in_their_own() {
        let (a, b) = (crate::tensor::Leaf::default(), crate::tensor::Leaf::default());
        let x = Tensor::from_vec(vec![1.5f32, 2.0], &[2]).unwrap().with_leaf(&a);
        let y = tensor(&[0.1], &[1]).with_leaf(&b);
        let z = x.mul(&y).unwrap();
        assert_eq!(z.dtype(), DType::F64);
        crate::tensor::backward(&[(&z, tensor(&[1.0, 1.0], &[2]))]).unwrap();
        assert_eq!((a.gradient().unwrap().dtype(), b.gradient().unwrap().dtype()), (DType::F32, DType::F64));
        assert_eq!(b.gradient().unwrap().to_f64(), [3.5]);
        let spikes = Tensor::from_vec(vec![1u8, 2], &[2]).unwrap();
        assert_eq!(spikes.add(&spikes).unwrap().dtype(), DType::F32);
    }

    #[test]
    fn gradients_equal_differences_with_any_broadcasting() {
        let numbers =
            |n: usize, seed: f64| (0..n).map(|i| 0.4 + (i as f64 * 1.7 + seed).sin().abs()).collect();
        let shapes: [(&[usize], &[usize]); 6] = [
            (&[2, 3], &[2, 3]),
            (&[2, 3], &[3]),
            (&[2, 1], &[1, 3]),
            (&[], &[2, 2]),
            (&[4], &[1]),
            (&[2, 1, 3], &[5, 1]),
        ];
        for (a, b) in shapes {
            let len = |shape: &[usize]| shape.iter().product::<usize>();
            let (x, y): (Vec<f64>, Vec<f64>) = (numbers(len(a), 0.0), numbers(len(b), 1.0));
            let inputs = [tensor(&x, a), tensor(&y, b)];
            for f in [
                Tensor::add,
                Tensor::sub,
                Tensor::mul,
                Tensor::div,
                Tensor::pow,
                Tensor::maximum,
                Tensor::minimum,
            ] {
                check(&inputs, |x| f(&x[0], &x[1]));
            }
        }
    }

    #[test]
    fn at_zero_a_power_has_the_gradient_of_its_limit() {
        let leaf = crate::tensor::Leaf::default();
        let x = tensor(&[0.0, -3.0], &[2]).with_leaf(&leaf);
        let y = x.pow(&Tensor::number(2.0, DType::F64)).unwrap();
        crate::tensor::backward(&[(&y, tensor(&[1.0, 1.0], &[2]))]).unwrap();
        assert_eq!(leaf.gradient().unwrap().to_f64(), [0.0, -6.0]);
    }
}
