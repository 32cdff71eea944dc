//! The parameters of a layer as one vector.

use crate::layer::{self, Layer};
use crate::parameter::Parameter;
use crate::{Error, Result};

/// The parameters that require gradients, their numbers one after the other.
///
/// ```
/// use convis::optimizers::ParameterVector;
/// use convis::{Resolution, filters::GaussianBlur};
/// let blur = GaussianBlur::new(0.2, Resolution::default())?;
/// let parameters = ParameterVector::of(&blur);
/// assert_eq!(parameters.point(), [0.2]);
/// parameters.set(&[0.3])?;
/// assert!(parameters.set(&[-1.0]).is_err());
/// assert_eq!(parameters.point(), [0.3]);
/// # Ok::<(), convis::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct ParameterVector(Vec<Parameter>);

impl ParameterVector {
    /// Those of a layer, each once, in order of their paths in [`layer::parameters`].
    pub fn of(layer: &dyn Layer) -> Self {
        Self::new(layer::parameters(layer).into_iter().map(|(_, parameter)| parameter))
    }

    /// Those of these parameters that require gradients, each once.
    pub fn new(parameters: impl IntoIterator<Item = Parameter>) -> Self {
        let mut all: Vec<Parameter> = vec![];
        for parameter in parameters {
            if parameter.requires_grad() && !all.iter().any(|known| known.is(&parameter)) {
                all.push(parameter);
            }
        }
        Self(all)
    }

    /// The parameters.
    pub fn parameters(&self) -> &[Parameter] {
        &self.0
    }

    /// Their numbers.
    pub fn point(&self) -> Vec<f64> {
        self.0.iter().flat_map(|parameter| parameter.value().0).collect()
    }

    /// Sets all of them, or none if one value makes no sense.
    ///
    /// # Errors
    /// If there are more or fewer numbers, or one is not finite or outside its parameter's range.
    pub fn set(&self, point: &[f64]) -> Result<()> {
        let mut rest = point;
        let mut parts = vec![];
        for parameter in &self.0 {
            let (value, shape) = parameter.value();
            let Some((part, after)) = rest.split_at_checked(value.len()) else {
                return Err(Error::argument("point", "as many numbers as the parameters have", point.len()));
            };
            parameter.check(part)?;
            parts.push((parameter, part, shape));
            rest = after;
        }
        if !rest.is_empty() {
            return Err(Error::argument("point", "as many numbers as the parameters have", point.len()));
        }
        parts.into_iter().try_for_each(|(parameter, part, shape)| parameter.set_value(part.to_vec(), &shape))
    }

    /// The gradients summed up so far; zero where there is none.
    pub fn gradient(&self) -> Vec<f64> {
        let of = |parameter: &Parameter| match parameter.gradient() {
            Some(gradient) => gradient.to_f64(),
            None => vec![0.0; parameter.value().0.len()],
        };
        self.0.iter().flat_map(of).collect()
    }

    /// Forgets the gradients.
    pub fn zero_gradient(&self) {
        self.0.iter().for_each(|parameter| parameter.set_gradient(None));
    }
}
