//! Functions of one number, applied to every number of a tensor, recorded.
//!
//! Each is one small structure: its value and its slope side by side. Bytes count as single precision.

use convis_kernels::{Real, parallel, simd};

use super::broadcast::BLOCK;
use super::buffer::Buffer;
use super::record::recorded;
use super::{DType, Numbers, Tensor, by_type, slice};

/// A function of one number.
trait Function: Copy + Send + Sync + 'static {
    /// y = f(x)
    fn value<T: Real>(self, x: T) -> T;
    /// dy/dx, from x, or from y where [`Function::FROM_OUTPUT`].
    fn slope<T: Real>(self, x_or_y: T) -> T;
    /// Whether the slope follows from the value: the input need not be kept then.
    const FROM_OUTPUT: bool = false;
}

/// −x
#[derive(Clone, Copy)]
struct Negative;

impl Function for Negative {
    #[inline(always)]
    fn value<T: Real>(self, x: T) -> T {
        -x
    }
    #[inline(always)]
    fn slope<T: Real>(self, _: T) -> T {
        -T::one()
    }
}

/// max(x, 0); the slope at 0 is 0.
#[derive(Clone, Copy)]
struct Relu;

impl Function for Relu {
    const FROM_OUTPUT: bool = true;
    #[inline(always)]
    fn value<T: Real>(self, x: T) -> T {
        // NaN stays.
        if x <= T::zero() { T::zero() } else { x }
    }
    #[inline(always)]
    fn slope<T: Real>(self, y: T) -> T {
        if y > T::zero() { T::one() } else { T::zero() }
    }
}

/// min(max(x, low), high); the slope is 1 from `low` to `high`, both included.
#[derive(Clone, Copy)]
struct Clamp {
    low: f64,
    high: f64,
}

impl Function for Clamp {
    #[inline(always)]
    fn value<T: Real>(self, x: T) -> T {
        let (low, high) = (T::of(self.low), T::of(self.high));
        let x = if x < low { low } else { x };
        if x > high { high } else { x }
    }
    #[inline(always)]
    fn slope<T: Real>(self, x: T) -> T {
        if x >= T::of(self.low) && x <= T::of(self.high) { T::one() } else { T::zero() }
    }
}

/// eˣ
#[derive(Clone, Copy)]
struct Exp;

impl Function for Exp {
    const FROM_OUTPUT: bool = true;
    #[inline(always)]
    fn value<T: Real>(self, x: T) -> T {
        x.exp()
    }
    #[inline(always)]
    fn slope<T: Real>(self, y: T) -> T {
        y
    }
}

/// ln x
#[derive(Clone, Copy)]
struct Log;

impl Function for Log {
    #[inline(always)]
    fn value<T: Real>(self, x: T) -> T {
        x.ln()
    }
    #[inline(always)]
    fn slope<T: Real>(self, x: T) -> T {
        T::one() / x
    }
}

/// tanh x
#[derive(Clone, Copy)]
struct Tanh;

impl Function for Tanh {
    const FROM_OUTPUT: bool = true;
    #[inline(always)]
    fn value<T: Real>(self, x: T) -> T {
        x.tanh()
    }
    #[inline(always)]
    fn slope<T: Real>(self, y: T) -> T {
        T::one() - y * y
    }
}

/// 1/(1 + e⁻ˣ), computed so that nothing overflows.
#[derive(Clone, Copy)]
struct Sigmoid;

impl Function for Sigmoid {
    const FROM_OUTPUT: bool = true;
    #[inline(always)]
    fn value<T: Real>(self, x: T) -> T {
        let e = (-x.abs()).exp_of_negative();
        let tail = T::one() / (T::one() + e);
        if x < T::zero() { e * tail } else { tail }
    }
    #[inline(always)]
    fn slope<T: Real>(self, y: T) -> T {
        y * (T::one() - y)
    }
}

/// √x
#[derive(Clone, Copy)]
struct Sqrt;

impl Function for Sqrt {
    const FROM_OUTPUT: bool = true;
    #[inline(always)]
    fn value<T: Real>(self, x: T) -> T {
        x.sqrt()
    }
    #[inline(always)]
    fn slope<T: Real>(self, y: T) -> T {
        T::of(0.5) / y
    }
}

/// |x|; the slope at 0 is 0.
#[derive(Clone, Copy)]
struct Abs;

impl Function for Abs {
    #[inline(always)]
    fn value<T: Real>(self, x: T) -> T {
        x.abs()
    }
    #[inline(always)]
    fn slope<T: Real>(self, x: T) -> T {
        if x > T::zero() {
            T::one()
        } else if x < T::zero() {
            -T::one()
        } else {
            T::zero()
        }
    }
}

/// x²
#[derive(Clone, Copy)]
struct Square;

impl Function for Square {
    #[inline(always)]
    fn value<T: Real>(self, x: T) -> T {
        x * x
    }
    #[inline(always)]
    fn slope<T: Real>(self, x: T) -> T {
        x + x
    }
}

/// ln(1 + eˣ) = max(x, 0) + ln(1 + e^−|x|), which neither overflows nor loses its tail.
#[derive(Clone, Copy)]
struct Softplus;

impl Function for Softplus {
    #[inline(always)]
    fn value<T: Real>(self, x: T) -> T {
        Relu.value(x) + (-x.abs()).exp_of_negative().ln_1p()
    }
    #[inline(always)]
    fn slope<T: Real>(self, x: T) -> T {
        Sigmoid.value(x)
    }
}

/// `f` of every number.
fn map<T: Numbers>(x: &Tensor, f: impl Fn(T) -> T + Sync) -> Tensor {
    let (numbers, ()) = Buffer::filled_by(x.len(), |out: &mut [T]| {
        let blocks: Vec<_> = out.chunks_mut(BLOCK).zip(slice::<T>(x).chunks(BLOCK)).collect();
        parallel::for_each(blocks, x.len(), |(out, x)| {
            simd::vectorized(
                #[inline(always)]
                || out.iter_mut().zip(x).for_each(|(out, &x)| *out = f(x)),
            );
        });
    });
    Tensor::of(numbers, x.shape())
}

fn apply<F: Function>(f: F, x: &Tensor) -> Tensor {
    let x = x.floating();
    let y = by_type!(x.dtype(), T => map::<T>(&x, #[inline(always)] |x| f.value(x)));
    recorded(y.clone(), &[&x], || {
        let kept = if F::FROM_OUTPUT { y } else { x.kept() };
        move |gradient, _| {
            by_type!(kept.dtype(), T => {
                let slopes = map::<T>(&kept, #[inline(always)] |x| f.slope(x));
                Ok(vec![Some(gradient.mul(&slopes)?)])
            })
        }
    })
}

impl Tensor {
    /// The numbers in single or double precision: bytes become single.
    #[must_use]
    pub(super) fn floating(&self) -> Self {
        if self.dtype() == DType::U8 { self.cast(DType::F32) } else { self.clone() }
    }

    /// −x.
    #[must_use]
    pub fn neg(&self) -> Self {
        apply(Negative, self)
    }

    /// max(x, 0); the gradient at 0 is 0.
    #[must_use]
    pub fn relu(&self) -> Self {
        apply(Relu, self)
    }

    /// min(max(x, low), high); the gradient passes where `low` ≤ x ≤ `high`.
    #[must_use]
    pub fn clamp(&self, low: f64, high: f64) -> Self {
        apply(Clamp { low, high }, self)
    }

    /// eˣ.
    #[must_use]
    pub fn exp(&self) -> Self {
        apply(Exp, self)
    }

    /// The natural logarithm.
    #[must_use]
    pub fn log(&self) -> Self {
        apply(Log, self)
    }

    /// The hyperbolic tangent.
    #[must_use]
    pub fn tanh(&self) -> Self {
        apply(Tanh, self)
    }

    /// 1/(1 + e⁻ˣ).
    #[must_use]
    pub fn sigmoid(&self) -> Self {
        apply(Sigmoid, self)
    }

    /// The square root.
    #[must_use]
    pub fn sqrt(&self) -> Self {
        apply(Sqrt, self)
    }

    /// |x|; the gradient at 0 is 0.
    #[must_use]
    pub fn abs(&self) -> Self {
        apply(Abs, self)
    }

    /// x².
    #[must_use]
    pub fn square(&self) -> Self {
        apply(Square, self)
    }

    /// ln(1 + eˣ).
    ///
    /// ```
    /// use convis::Tensor;
    /// let x = Tensor::from_vec(vec![0.0f64, 1000.0, -1000.0], &[3])?;
    /// assert_eq!(x.softplus().to_f64(), [2f64.ln(), 1000.0, 0.0]);
    /// # Ok::<(), convis::Error>(())
    /// ```
    #[must_use]
    pub fn softplus(&self) -> Self {
        apply(Softplus, self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tensor::check_gradient::check;

    const FUNCTIONS: [fn(&Tensor) -> Tensor; 10] = [
        Tensor::neg,
        Tensor::relu,
        Tensor::exp,
        Tensor::tanh,
        Tensor::sigmoid,
        Tensor::abs,
        Tensor::square,
        Tensor::softplus,
        Tensor::sqrt,
        Tensor::log,
    ];

    #[test]
    fn gradients_equal_differences() {
        let any = Tensor::from_vec(vec![-2.1, -0.7, 0.3, 1.9, 3.2, -0.05], &[2, 3]).unwrap();
        for f in &FUNCTIONS[..8] {
            check(std::slice::from_ref(&any), |x| Ok(f(&x[0])));
        }
        for f in &FUNCTIONS[8..] {
            check(&[any.abs()], |x| Ok(f(&x[0])));
        }
        check(&[any], |x| Ok(x[0].clamp(-1.0, 2.0)));
    }

    #[test]
    fn values_are_those_of_the_equations_in_both_precisions() {
        let x: Vec<f64> = (-40..=40).map(|i| f64::from(i) * 0.37).collect();
        let equations: [fn(f64) -> f64; 8] = [
            |x| -x,
            |x| x.max(0.0),
            f64::exp,
            f64::tanh,
            |x| 1.0 / (1.0 + (-x).exp()),
            f64::abs,
            |x| x * x,
            |x| x.exp().ln_1p(),
        ];
        for (f, equation) in FUNCTIONS.iter().zip(equations) {
            let tensor = Tensor::from_vec(x.clone(), &[x.len()]).unwrap();
            let (double, single) = (f(&tensor).to_f64(), f(&tensor.cast(DType::F32)).to_f64());
            for ((&x, double), single) in x.iter().zip(double).zip(single) {
                let (want, x32) = (equation(x), f64::from(x as f32));
                assert!((double - want).abs() <= 1e-15 * want.abs(), "{x}: {double} {want}");
                // Two roundings, of x (already in x32) and of the result.
                assert!((single - equation(x32)).abs() <= 4e-7 * want.abs().max(1e-30), "{x}: {single}");
            }
        }
    }

    #[test]
    fn nothing_overflows_and_nan_stays() {
        let x = Tensor::from_vec(vec![-1e4f32, 1e4, f32::NAN], &[3]).unwrap();
        let (sigmoid, softplus, relu) = (x.sigmoid().to_f64(), x.softplus().to_f64(), x.relu().to_f64());
        assert_eq!(sigmoid[..2], [0.0, 1.0]);
        assert_eq!(softplus[..2], [0.0, 1e4]);
        assert!(sigmoid[2].is_nan() && softplus[2].is_nan() && relu[2].is_nan());
        assert!(x.clamp(0.0, 1.0).to_f64()[2].is_nan());
    }
}
