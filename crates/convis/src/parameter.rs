//! Parameters: a value with a name, a unit, a meaning and a gradient.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, PoisonError, RwLock};

use crate::tensor::{Leaf, Scalar};
use crate::{DType, Error, Result, Tensor};

/// Which values make sense.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Range {
    /// Any finite number.
    Any,
    /// Numbers above zero.
    Positive,
    /// Zero and above.
    NonNegative,
    /// Whole numbers from zero.
    Count,
}

impl Range {
    fn check(self, name: &str, value: f64) -> Result<()> {
        let (fits, expected) = match self {
            Self::Any => (true, "a finite number"),
            Self::Positive => (value > 0.0, "a number above 0"),
            Self::NonNegative => (value >= 0.0, "0 or a number above"),
            Self::Count => (value >= 0.0 && value.fract() == 0.0, "a whole number from 0"),
        };
        if fits && value.is_finite() { Ok(()) } else { Err(Error::argument(name, expected, value)) }
    }
}

/// Which shapes a parameter's numbers may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shape {
    /// The one it was made with.
    Fixed,
    /// As many axes as it was made with, each of any length from 1.
    AnyLengths,
}

/// What is known about a parameter before it has a value.
#[derive(Clone, Copy, Debug)]
pub struct Spec {
    /// Its name within the layer.
    pub name: &'static str,
    /// Its unit, e.g. `"s"`, `"deg"`, `"Hz"`; empty for a pure number.
    pub unit: &'static str,
    /// What it does, in a sentence or two.
    pub doc: &'static str,
    /// Its value unless set.
    pub default: f64,
    /// Values that make sense.
    pub range: Range,
    /// Whether results have a derivative with respect to it.
    pub differentiable: bool,
}

/// A named value shared by a layer and whoever sets it; clones are the same parameter.
///
/// ```
/// use convis::parameter::{Parameter, Range, Spec};
/// let tau = Parameter::new(Spec {
///     name: "tau",
///     unit: "s",
///     doc: "Time constant.",
///     default: 0.01,
///     range: Range::Positive,
///     differentiable: true,
/// });
/// tau.set(0.02)?;
/// assert_eq!(tau.scalar(), 0.02);
/// assert_eq!(tau.set(-1.0).unwrap_err().to_string(), "tau: expected a number above 0, got -1");
/// # Ok::<(), convis::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Parameter(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    spec: Spec,
    value: RwLock<(Vec<f64>, Vec<usize>)>,
    shape: Shape,
    requires_grad: AtomicBool,
    leaf: Leaf,
}

impl Parameter {
    /// A scalar parameter with its default value.
    pub fn new(spec: Spec) -> Self {
        Self::with(spec, vec![spec.default], vec![1], Shape::Fixed)
    }

    /// A parameter that is an array, every number of it the default value.
    ///
    /// ```
    /// use convis::parameter::{Parameter, Range, Shape, Spec};
    /// let spec = Spec {
    ///     name: "weight",
    ///     unit: "",
    ///     doc: "A kernel.",
    ///     default: 0.0,
    ///     range: Range::Any,
    ///     differentiable: true,
    /// };
    /// let weight = Parameter::array(spec, &[1, 3], Shape::AnyLengths);
    /// assert_eq!(weight.value(), (vec![0.0; 3], vec![1, 3]));
    /// weight.set_value(vec![1.0, 2.0], &[2, 1])?;
    /// assert!(weight.set_value(vec![1.0, 2.0], &[2]).is_err());
    /// # Ok::<(), convis::Error>(())
    /// ```
    pub fn array(spec: Spec, shape: &[usize], may_become: Shape) -> Self {
        Self::with(spec, vec![spec.default; shape.iter().product()], shape.to_vec(), may_become)
    }

    fn with(spec: Spec, value: Vec<f64>, lengths: Vec<usize>, shape: Shape) -> Self {
        Self(Arc::new(Inner {
            spec,
            value: RwLock::new((value, lengths)),
            shape,
            requires_grad: AtomicBool::new(spec.differentiable),
            leaf: Leaf::default(),
        }))
    }

    /// What is known about it.
    pub fn spec(&self) -> &Spec {
        &self.0.spec
    }

    /// Its name within the layer.
    pub fn name(&self) -> &'static str {
        self.0.spec.name
    }

    /// Whether two handles are one parameter.
    pub fn is(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }

    /// Its value, of a scalar parameter.
    pub fn scalar(&self) -> f64 {
        self.0.value.read().unwrap_or_else(PoisonError::into_inner).0[0]
    }

    /// Its numbers and their shape.
    pub fn value(&self) -> (Vec<f64>, Vec<usize>) {
        self.0.value.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Sets a scalar parameter.
    ///
    /// # Errors
    /// If the value is not finite or outside the parameter's range, or the parameter is no scalar. The old value
    /// stays.
    pub fn set(&self, value: f64) -> Result<()> {
        self.set_value(vec![value], &[1])
    }

    /// Sets all numbers of a parameter.
    ///
    /// A gradient of another shape is forgotten.
    ///
    /// # Errors
    /// If the parameter cannot take this shape, or a value is not finite or outside the parameter's range. The old value
    /// stays.
    pub fn set_value(&self, value: Vec<f64>, shape: &[usize]) -> Result<()> {
        let mut now = self.0.value.write().unwrap_or_else(PoisonError::into_inner);
        self.fits(&now.1, &value, shape)?;
        if self.0.shape == Shape::AnyLengths && now.1 != shape {
            now.1 = shape.to_vec();
            self.set_gradient(None);
        }
        now.0 = value;
        Ok(())
    }

    /// Checks numbers of a shape without setting them.
    ///
    /// # Errors
    /// As [`Parameter::set_value`].
    pub fn check_value(&self, value: &[f64], shape: &[usize]) -> Result<()> {
        let now = self.0.value.read().unwrap_or_else(PoisonError::into_inner);
        self.fits(&now.1, value, shape)
    }

    /// Checks whether numbers of a shape can follow those of the shape `now`.
    fn fits(&self, now: &[usize], value: &[f64], shape: &[usize]) -> Result<()> {
        let holds = shape.iter().product::<usize>() == value.len();
        let numbers = now.iter().product::<usize>();
        let (fits, expected) = match self.0.shape {
            Shape::Fixed if numbers == 1 => (value.len() == 1, "one number (shape [1])".into()),
            Shape::Fixed => (now == shape, format!("{numbers} numbers (shape {now:?})")),
            Shape::AnyLengths => {
                let fits = now.len() == shape.len() && !value.is_empty();
                (fits, format!("an array of {} axes that is not empty", now.len()))
            }
        };
        if !(fits && holds) {
            return Err(Error::argument(self.name(), expected, format!("{} (shape {shape:?})", value.len())));
        }
        self.check(value)
    }

    /// Checks numbers without setting them, whatever their shape.
    ///
    /// # Errors
    /// If one is not finite or outside the parameter's range.
    pub fn check(&self, value: &[f64]) -> Result<()> {
        value.iter().try_for_each(|&x| self.0.spec.range.check(self.name(), x))
    }

    /// Whether calls record what its gradient needs.
    pub fn requires_grad(&self) -> bool {
        self.0.requires_grad.load(Ordering::Relaxed)
    }

    /// Switches its gradient on or off.
    ///
    /// # Errors
    /// If it is to be switched on and nothing depends smoothly on the parameter.
    pub fn set_requires_grad(&self, on: bool) -> Result<()> {
        if on && !self.0.spec.differentiable {
            return Err(Error::argument(
                format!("requires_grad of {}", self.name()),
                "False: no derivative with respect to it exists",
                "True",
            ));
        }
        self.0.requires_grad.store(on, Ordering::Relaxed);
        Ok(())
    }

    /// Where [`backward`](crate::tensor::backward) leaves its gradient.
    pub fn leaf(&self) -> &Leaf {
        &self.0.leaf
    }

    /// The gradient that [`backward`](crate::tensor::backward) has summed up.
    pub fn gradient(&self) -> Option<Tensor> {
        self.0.leaf.gradient()
    }

    /// Forgets or replaces the gradient; a new one should have the shape of the value.
    pub fn set_gradient(&self, gradient: Option<Tensor>) {
        self.0.leaf.set_gradient(gradient.map(|gradient| gradient.detach().owned()));
    }

    /// Its value for an operation, with a source where a gradient is wanted.
    pub(crate) fn traced(&self, gradients: bool) -> Scalar {
        if gradients && self.requires_grad() {
            Scalar::with_leaf(self.scalar(), &self.0.leaf)
        } else {
            Scalar::constant(self.scalar())
        }
    }

    /// Its numbers for an operation, with a source where a gradient is wanted.
    pub(crate) fn traced_array(&self, dtype: DType, gradients: bool) -> Result<Tensor> {
        let (value, shape) = self.value();
        let array = Tensor::from_vec(value, &shape)?.cast(dtype);
        Ok(if gradients && self.requires_grad() { array.with_leaf(&self.0.leaf) } else { array })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const COUNT: Spec =
        Spec { name: "n", unit: "", doc: "Order.", default: 0.0, range: Range::Count, differentiable: false };

    #[test]
    fn a_bad_value_leaves_the_old_one() {
        let n = Parameter::new(COUNT);
        n.set(2.0).unwrap();
        for bad in [-1.0, 1.5, f64::NAN, f64::INFINITY] {
            assert!(n.set(bad).is_err());
        }
        assert!(n.set_value(vec![1.0, 2.0], &[2]).is_err());
        assert_eq!(n.scalar(), 2.0);
        assert!(n.set_requires_grad(true).is_err());
    }

    #[test]
    fn an_array_keeps_its_number_of_axes_and_a_fixed_one_its_shape() {
        let spec = Spec { name: "weight", range: Range::Any, differentiable: true, ..COUNT };
        let fixed = Parameter::array(spec, &[2, 2], Shape::Fixed);
        assert!(fixed.set_value(vec![1.0; 4], &[4, 1]).is_err());
        fixed.set_value(vec![1.0; 4], &[2, 2]).unwrap();
        let free = Parameter::array(spec, &[1, 1], Shape::AnyLengths);
        free.set_gradient(Some(Tensor::zeros(DType::F64, &[1, 1])));
        for (value, shape) in [(vec![1.0; 3], vec![3]), (vec![], vec![0, 3]), (vec![1.0; 3], vec![2, 2])] {
            assert!(free.set_value(value, &shape).is_err());
        }
        assert!(free.set_value(vec![f64::NAN; 3], &[3, 1]).is_err());
        assert!(free.gradient().is_some());
        free.set_value(vec![1.0; 3], &[3, 1]).unwrap();
        assert_eq!(free.value(), (vec![1.0; 3], vec![3, 1]));
        assert!(free.gradient().is_none());
    }
}
