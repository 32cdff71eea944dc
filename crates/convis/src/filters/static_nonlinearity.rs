//! Rectifying and squaring.

use convis_kernels::static_nonlinearity::StaticNonlinearity;

use crate::layer::{Layer, Output, Part, Scope};
use crate::parameter::{Parameter, Range, Spec};
use crate::tensor::Scalar;
use crate::{Resolution, Result, Tensor};

const SCALE: Spec = Spec {
    name: "scale",
    unit: "",
    doc: "Factor of the input.",
    default: 1.0,
    range: Range::Any,
    differentiable: true,
};

const BIAS: Spec = Spec {
    name: "bias",
    unit: "",
    doc: "Added to the scaled input, before it is rectified or squared.",
    default: 0.0,
    range: Range::Any,
    differentiable: true,
};

/// Negative values become 0.
///
/// # Equation
/// `y = x` clipped to 0 … 10⁶: see [`convis_kernels::static_nonlinearity`].
///
/// # Shapes
/// Input and output `[batch, channel, time, height, width]`; no state.
///
/// # Parameters
/// None.
///
/// # Source
/// See the operation.
///
/// # Example
/// ```
/// use convis::{GradientMode, Resolution, State, Tensor, call, filters::NLRectify, noise};
/// let x = Tensor::from_vec(vec![-1.0f64, 2.0], &[1, 1, 2, 1, 1])?;
/// let mut state = State::new(noise::next_model());
/// let y = call(&NLRectify::new(Resolution::default()), &x, &mut state, GradientMode::Off, None)?;
/// assert_eq!(y.first()?.to_f64(), [0.0, 2.0]);
/// # Ok::<(), convis::Error>(())
/// ```
#[derive(Debug)]
pub struct NLRectify {
    resolution: Resolution,
}

impl NLRectify {
    /// A rectifier.
    pub const fn new(resolution: Resolution) -> Self {
        Self { resolution }
    }
}

impl Layer for NLRectify {
    fn kind(&self) -> &'static str {
        "NLRectify"
    }

    fn doc(&self) -> &'static str {
        "Negative values become 0."
    }

    fn parts(&self) -> Vec<Part<'_>> {
        vec![]
    }

    fn resolution(&self) -> Resolution {
        self.resolution
    }

    fn forward(&self, input: &Tensor, scope: &mut Scope<'_>) -> Result<Output> {
        let rectify = StaticNonlinearity { signal: input.signal()?, rectifies: true, squares: false };
        let parameters = [Scalar::constant(1.0), Scalar::constant(0.0)];
        Ok(scope.apply(&rectify, &parameters, &[input], &[])?.into())
    }
}

/// A layer with a scale and a bias: they differ in what is documented, and in whether they rectify and square.
macro_rules! scaled {
    ($(#[$doc:meta])* $name:ident, $about:literal, rectifies: $rectifies:literal, squares: $squares:literal) => {
        $(#[$doc])*
        ///
        /// # Shapes
        /// Input and output `[batch, channel, time, height, width]`; no state.
        ///
        /// # Parameters
        /// | name | unit | default |
        /// |---|---|---|
        /// | `scale` | – | 1 |
        /// | `bias` | – | 0 |
        ///
        /// # Source
        /// See the operation.
        #[derive(Debug)]
        pub struct $name {
            scale: Parameter,
            bias: Parameter,
            resolution: Resolution,
        }

        impl $name {
            /// With this scale and bias.
            ///
            /// # Errors
            /// If one of them is not finite.
            pub fn new(scale: f64, bias: f64, resolution: Resolution) -> Result<Self> {
                let layer = Self { scale: Parameter::new(SCALE), bias: Parameter::new(BIAS), resolution };
                layer.scale.set(scale)?;
                layer.bias.set(bias)?;
                Ok(layer)
            }
        }

        impl Layer for $name {
            fn kind(&self) -> &'static str {
                stringify!($name)
            }

            fn doc(&self) -> &'static str {
                $about
            }

            fn parts(&self) -> Vec<Part<'_>> {
                vec![Part::Parameter(&self.scale), Part::Parameter(&self.bias)]
            }

            fn resolution(&self) -> Resolution {
                self.resolution
            }

            fn forward(&self, input: &Tensor, scope: &mut Scope<'_>) -> Result<Output> {
                let signal = input.signal()?;
                let operation = StaticNonlinearity { signal, rectifies: $rectifies, squares: $squares };
                let parameters = [scope.scalar(&self.scale), scope.scalar(&self.bias)];
                Ok(scope.apply(&operation, &parameters, &[input], &[])?.into())
            }
        }
    };
}

scaled!(
    /// Scales, adds a bias, and sets negative values to 0.
    ///
    /// # Equation
    /// `y = bias + scale·x` clipped to 0 … 10⁶: see [`convis_kernels::static_nonlinearity`].
    ///
    /// # Example
    /// ```
    /// use convis::{GradientMode, Resolution, State, Tensor, call, filters::NLRectifyScale, noise};
    /// let rectify = NLRectifyScale::new(2.0, -1.0, Resolution::default())?;
    /// let x = Tensor::from_vec(vec![0.25f64, 2.0], &[1, 1, 2, 1, 1])?;
    /// let y = call(&rectify, &x, &mut State::new(noise::next_model()), GradientMode::Off, None)?;
    /// assert_eq!(y.first()?.to_f64(), [0.0, 3.0]);
    /// # Ok::<(), convis::Error>(())
    /// ```
    NLRectifyScale,
    "Scales, adds a bias, and sets negative values to 0.",
    rectifies: true,
    squares: false
);

scaled!(
    /// Scales, adds a bias, and squares.
    ///
    /// # Equation
    /// `y = (bias + scale·x)²`: see [`convis_kernels::static_nonlinearity`].
    ///
    /// # Example
    /// ```
    /// use convis::{GradientMode, Resolution, State, Tensor, call, filters::NLSquare, noise};
    /// let square = NLSquare::new(2.0, 1.0, Resolution::default())?;
    /// let x = Tensor::from_vec(vec![-1.0f64, 1.0], &[1, 1, 2, 1, 1])?;
    /// let y = call(&square, &x, &mut State::new(noise::next_model()), GradientMode::Off, None)?;
    /// assert_eq!(y.first()?.to_f64(), [1.0, 9.0]);
    /// # Ok::<(), convis::Error>(())
    /// ```
    NLSquare,
    "Scales, adds a bias, and squares.",
    rectifies: false,
    squares: true
);

scaled!(
    /// Scales, adds a bias, sets negative values to 0, and squares.
    ///
    /// # Equation
    /// `y = (bias + scale·x clipped to 0 … 10⁶)²`: see [`convis_kernels::static_nonlinearity`].
    ///
    /// # Example
    /// ```
    /// use convis::{GradientMode, Resolution, State, Tensor, call, filters::NLRectifySquare, noise};
    /// let square = NLRectifySquare::new(2.0, 1.0, Resolution::default())?;
    /// let x = Tensor::from_vec(vec![-1.0f64, 1.0], &[1, 1, 2, 1, 1])?;
    /// let y = call(&square, &x, &mut State::new(noise::next_model()), GradientMode::Off, None)?;
    /// assert_eq!(y.first()?.to_f64(), [0.0, 9.0]);
    /// # Ok::<(), convis::Error>(())
    /// ```
    NLRectifySquare,
    "Scales, adds a bias, sets negative values to 0, and squares.",
    rectifies: true,
    squares: true
);
