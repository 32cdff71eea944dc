//! Opening and closing rates of the gates, and their slopes.

use crate::Real;
use crate::membrane::exp;

/// [α, β] of each gate, per ms; or their derivatives with respect to v.
#[derive(Clone, Copy)]
pub(super) struct Rates {
    pub n: [f64; 2],
    pub m: [f64; 2],
    pub h: [f64; 2],
}

impl Rates {
    /// The rates at v mV above rest.
    #[inline(always)]
    pub fn at(v: f64) -> Self {
        let tenth = v * 0.1;
        Self {
            n: [0.1 * phi(1.0 - tenth).0, 0.125 * exp(v * (-1.0 / 80.0))],
            m: [phi(2.5 - tenth).0, 4.0 * exp(v * (-1.0 / 18.0))],
            h: [0.07 * exp(v * (-1.0 / 20.0)), logistic(3.0 - tenth).0],
        }
    }

    /// Their derivatives, per ms and mV.
    #[inline(always)]
    pub fn slopes_at(v: f64) -> Self {
        let tenth = v * 0.1;
        let minus_tenth = -0.1;
        Self {
            n: [-0.01 * phi(1.0 - tenth).1, -0.125 / 80.0 * exp(v * (-1.0 / 80.0))],
            m: [minus_tenth * phi(2.5 - tenth).1, -4.0 / 18.0 * exp(v * (-1.0 / 18.0))],
            h: [-0.07 / 20.0 * exp(v * (-1.0 / 20.0)), minus_tenth * logistic(3.0 - tenth).1],
        }
    }
}

/// φ(x) = x/(eˣ − 1) with φ(0) = 1, and φ′.
///
/// For |x| ≥ ¼ with e = e^{−|x|}: φ = |x|·(e or 1)/(1 − e), which neither overflows nor cancels; nearer to 0 the series
/// 1 − x/2 + x²/12 − x⁴/720 + x⁶/30240 − x⁸/1209600, whose next term is below 2e-14 there.
#[inline(always)]
fn phi(x: f64) -> (f64, f64) {
    let size = x.abs();
    let near = size < 0.25;
    let size = if near { 1.0 } else { size };
    let e = (-size).exp_of_negative();
    let rest = 1.0 / (1.0 - e);
    let far = size * (if x > 0.0 { e } else { 1.0 }) * rest;
    // φ′ = 1/(E − 1) − x·E/(E − 1)², E = eˣ.
    let far_slope = if x > 0.0 { e * rest - size * e * rest * rest } else { size * e * rest * rest - rest };
    let s = x * x;
    let series =
        1.0 - x * 0.5 + s * (1.0 / 12.0 - s * (1.0 / 720.0 - s * (1.0 / 30_240.0 - s * (1.0 / 1_209_600.0))));
    let series_slope = x * (1.0 / 6.0 - s * (1.0 / 180.0 - s * (1.0 / 5040.0 - s * (1.0 / 151_200.0)))) - 0.5;
    if near { (series, series_slope) } else { (far, far_slope) }
}

/// 1/(e^y + 1) and its derivative.
#[inline(always)]
fn logistic(y: f64) -> (f64, f64) {
    let e = (-y.abs()).exp_of_negative();
    let rest = 1.0 / (1.0 + e);
    let value = if y > 0.0 { e * rest } else { rest };
    (value, -(e * rest * rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn phi_is_smooth_through_its_removable_singularity() {
        for i in -4000..=4000 {
            let x = f64::from(i) * 0.005;
            let want = if x == 0.0 { 1.0 } else { x / x.exp_m1() };
            let (value, slope) = phi(x);
            assert!((value - want).abs() < 1e-13 * want.max(1.0), "{x}");
            // Five-point difference, from values that are exact to 1e-15 of their size.
            let f = |x: f64| if x == 0.0 { 1.0 } else { x / x.exp_m1() };
            let h = 1e-3;
            let quotient = (8.0 * (f(x + h) - f(x - h)) - (f(x + 2.0 * h) - f(x - 2.0 * h))) / (12.0 * h);
            assert!((slope - quotient).abs() < 1e-10, "{x}: {slope} {quotient}");
        }
        for x in [-1e4, 1e4] {
            assert!(phi(x).0.is_finite() && phi(x).1.is_finite());
        }
    }

    #[test]
    fn the_rates_are_finite_where_their_formulas_divide_zero_by_zero() {
        assert!((Rates::at(10.0).n[0] - 0.1).abs() < 1e-15);
        assert!((Rates::at(25.0).m[0] - 1.0).abs() < 1e-15);
        assert!((logistic(0.3f64).0 - 1.0 / (0.3f64.exp() + 1.0)).abs() < 1e-15);
    }
}
