//! A receptive field and an output nonlinearity: the model of a recorded cell.

use std::sync::Arc;

use super::RF;
use crate::filters::{ConvOptions, History};
use crate::fit::{MonotoneSpline, Nonlinearity};
use crate::layer::{Layer, Output, Part, Scope};
use crate::parameter::{Parameter, Range, Shape, Spec};
use crate::tensor;
use crate::{Resolution, Result, Tensor};

/// The linear-nonlinear-Poisson model of recorded cells: the expected response of each per step.
///
/// # Equation
/// ```text
/// μ_u(t) = g(b_u + Σ_l Σ_p k_u(l, p)·s(t − l, p))
/// ```
/// with g one of [`Nonlinearity`]. Frames before the first are zero. [`Glm`](crate::fit::Glm) finds k and b from a recording.
///
/// # Shapes
/// Input `[batch, 1, time, height, width]`, output `[batch, unit, time, 1, 1]`. State: the last frames (`conv.history`), one
/// fewer than there are lags.
///
/// # Parameters
/// | name | shape | default |
/// |---|---|---|
/// | `conv.weight` | (unit, 1, lags, height, width); the last frame weighs the present | 0 |
/// | `conv.bias` | (unit) | 0 |
/// | `exponent` | (unit), with the nonlinearity `power` | that of the nonlinearity |
/// | `curve` | (unit, 11), with the nonlinearity `spline`: low, high, base, eight slopes of a [`MonotoneSpline`] | that of the nonlinearity |
///
/// # Source
/// Chichilnisky 2001, Network 12:199; Paninski 2004, Network 15:243.
///
/// # Example
/// ```
/// use convis::fit::Nonlinearity;
/// use convis::{GradientMode, Resolution, State, Tensor, call, layer, noise, models::LNP};
/// let model = LNP::new(1, 2, [1, 1], Nonlinearity::Exp, Resolution::default())?;
/// layer::parameter(&model, "conv.weight")?.set_value(vec![1.0, 0.0], &[1, 1, 2, 1, 1])?; // the frame before
/// let x = Tensor::from_vec(vec![0.5f64, 0.0], &[1, 1, 2, 1, 1])?;
/// let y = call(&model, &x, &mut State::new(noise::next_model()), GradientMode::Off, None)?;
/// assert_eq!(y.first()?.to_f64(), [1.0, 0.5f64.exp()]);
/// # Ok::<(), convis::Error>(())
/// ```
pub struct LNP {
    conv: Arc<RF>,
    nonlinearity: Nonlinearity,
    /// What the nonlinearity has to learn, cell by cell.
    learnt: Option<Parameter>,
    resolution: Resolution,
}

const EXPONENT: Spec = Spec {
    name: "exponent",
    unit: "",
    doc: "Exponent of the nonlinearity of every cell.",
    default: 2.0,
    range: Range::Positive,
    differentiable: true,
};

const CURVE: Spec = Spec {
    name: "curve",
    unit: "",
    doc: "Monotone spline of every cell: lowest knot, highest knot, value below, slopes at the knots above the lowest.",
    default: 0.0,
    range: Range::Any,
    differentiable: true,
};

/// The parameter of a nonlinearity, if it has one, the same for every cell.
fn learnt(nonlinearity: Nonlinearity, units: usize) -> Result<Option<Parameter>> {
    let (parameter, numbers) = match nonlinearity {
        Nonlinearity::Power(p) => (Parameter::array(EXPONENT, &[units], Shape::AnyLengths), vec![p]),
        Nonlinearity::Spline(spline) => {
            let shape = [units, MonotoneSpline::LEN];
            (Parameter::array(CURVE, &shape, Shape::AnyLengths), spline.numbers().to_vec())
        }
        _ => return Ok(None),
    };
    let (_, shape) = parameter.value();
    parameter.set_value(numbers.repeat(units), &shape)?;
    Ok(Some(parameter))
}

/// A [`MonotoneSpline`] of every channel, as a sum of squares that begin at its knots.
fn spline(drive: &Tensor, curve: &Tensor) -> Result<Tensor> {
    let units = curve.shape()[0];
    let number = |i: usize| {
        curve
            .part(&[tensor::Range::from_to(0, units), tensor::Range::from_to(i, i + 1)])?
            .reshape(&[1, units, 1, 1, 1])
    };
    let pieces = MonotoneSpline::LEN - 3;
    let constant = |x: f64| Tensor::number(x, drive.dtype());
    let (low, base) = (number(0)?, number(2)?);
    let step = number(1)?.sub(&low)?.div(&constant(pieces as f64))?;
    let place = drive.sub(&low)?.div(&step)?;
    // Slopes at the knots, from that of the lowest, which is 0.
    let slopes: Vec<Tensor> = (1..=pieces).map(|knot| number(knot + 2)).collect::<Result<_>>()?;
    let mut sum: Option<Tensor> = None;
    for knot in 0..=pieces {
        // How much the second derivative jumps here; beyond the highest knot it is 0.
        let before = match knot {
            0 => None,
            1 => Some(slopes[0].clone()),
            _ => Some(slopes[knot - 1].sub(&slopes[knot - 2])?),
        };
        let after = match knot {
            0 => Some(slopes[0].clone()),
            _ if knot < pieces => Some(slopes[knot].sub(&slopes[knot - 1])?),
            _ => None,
        };
        let jump = match (before, after) {
            (Some(before), Some(after)) => after.sub(&before)?,
            (None, Some(after)) => after,
            (Some(before), None) => before.neg(),
            (None, None) => continue,
        };
        let term = place.sub(&constant(knot as f64))?.relu().square().mul(&jump)?;
        sum = Some(match sum {
            None => term,
            Some(sum) => sum.add(&term)?,
        });
    }
    let half = step.mul(&constant(0.5))?;
    match sum {
        None => Ok(drive.clone()),
        Some(sum) => sum.mul(&half)?.add(&base),
    }
}

impl LNP {
    /// So many cells with filters of so many lags and pixels (height, width), all numbers zero.
    ///
    /// # Errors
    /// If a number is zero.
    pub fn new(
        units: usize,
        lags: usize,
        [height, width]: [usize; 2],
        nonlinearity: Nonlinearity,
        resolution: Resolution,
    ) -> Result<Self> {
        let options = ConvOptions { bias: true, mode: History::Zeros, ..ConvOptions::default() };
        let conv = Arc::new(RF::new(1, units, [lags, height, width], options, resolution)?);
        Ok(Self { conv, nonlinearity, learnt: learnt(nonlinearity, units)?, resolution })
    }

    /// g.
    pub const fn nonlinearity(&self) -> Nonlinearity {
        self.nonlinearity
    }

    /// The parameters `conv.weight` and `conv.bias`.
    pub fn weight_and_bias(&self) -> Vec<Parameter> {
        let parameter =
            |part| if let Part::Parameter(parameter) = part { Some(parameter.clone()) } else { None };
        self.conv.parts().into_iter().filter_map(parameter).collect()
    }
}

impl Layer for LNP {
    fn kind(&self) -> &'static str {
        "LNP"
    }

    fn doc(&self) -> &'static str {
        "The linear-nonlinear-Poisson model of recorded cells: the expected response of each per step."
    }

    fn parts(&self) -> Vec<Part<'_>> {
        let mut parts = vec![Part::Child("conv", self.conv.clone())];
        parts.extend(self.learnt.as_ref().map(Part::Parameter));
        parts
    }

    fn resolution(&self) -> Resolution {
        self.resolution
    }

    fn forward(&self, input: &Tensor, scope: &mut Scope<'_>) -> Result<Output> {
        let drive = scope.child("conv", &*self.conv, input)?;
        let drive = drive.first()?;
        let learnt = self.learnt.as_ref().map(|learnt| scope.array(learnt, drive.dtype())).transpose()?;
        Ok(match (self.nonlinearity, learnt) {
            (Nonlinearity::Power(_), Some(exponent)) => {
                drive.relu().pow(&exponent.reshape(&[1, exponent.shape()[0], 1, 1, 1])?)?
            }
            (Nonlinearity::Spline(_), Some(curve)) => spline(drive, &curve)?,
            (nonlinearity, _) => response(nonlinearity, drive)?,
        }
        .into())
    }
}

/// g of every number of a drive.
pub(super) fn response(nonlinearity: Nonlinearity, drive: &Tensor) -> Result<Tensor> {
    Ok(match nonlinearity {
        Nonlinearity::Exp => drive.exp(),
        Nonlinearity::Softplus => drive.softplus(),
        Nonlinearity::Power(p) => drive.relu().pow(&Tensor::number(p, drive.dtype()))?,
        Nonlinearity::Sigmoid => drive.sigmoid(),
        Nonlinearity::Identity => drive.clone(),
        Nonlinearity::Spline(curve) => {
            let curve = Tensor::from_vec(curve.numbers().to_vec(), &[1, MonotoneSpline::LEN])?;
            spline(drive, &curve.cast(drive.dtype()))?
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{GradientMode, State, call, layer, noise};

    #[test]
    fn a_spline_is_the_curve_that_was_fitted_and_units_have_their_own() {
        let curve = MonotoneSpline {
            low: -1.0,
            high: 3.0,
            base: 0.2,
            slopes: [0.3, 0.0, 1.0, 0.4, 2.0, 2.0, 0.5, 0.1],
        };
        let model = LNP::new(2, 1, [1, 1], Nonlinearity::Spline(curve), Resolution::default()).unwrap();
        layer::parameter(&model, "conv.weight")
            .unwrap()
            .set_value(vec![1.0, -1.0], &[2, 1, 1, 1, 1])
            .unwrap();
        let drive: Vec<f64> = (0..100).map(|i| f64::from(i) * 0.07 - 2.0).collect();
        let x = Tensor::from_vec(drive.clone(), &[1, 1, 100, 1, 1]).unwrap();
        let y = call(&model, &x, &mut State::new(noise::next_model()), GradientMode::Off, None).unwrap();
        let y = y.first().unwrap().to_f64();
        for (t, eta) in drive.into_iter().enumerate() {
            assert!(
                (y[t] - curve.at(eta)[0]).abs() < 1e-12 && (y[100 + t] - curve.at(-eta)[0]).abs() < 1e-12
            );
        }
    }
}
