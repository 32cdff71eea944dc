//! The number types kernels compute with.

use num_traits::Float;

use crate::scratch::Spare;

/// `f32` for simulation, `f64` for references, gradients checks and whoever wants it.
pub trait Real: Float + Default + std::fmt::Debug + std::iter::Sum + Send + Sync + 'static {
    /// Numbers in one 64-byte vector.
    const LANES: usize;

    /// Rounds a double to this type.
    fn of(value: f64) -> Self;

    /// Widens to a double.
    fn double(self) -> f64;

    /// eˣ for x ≤ 0, to 2 units in the last place; 0 below the smallest normal number.
    ///
    /// A branch-free polynomial that the compiler turns into vector code: with n = round(x/ln 2),
    /// eˣ = 2ⁿ·e^f and |f| ≤ ½ ln 2.
    #[must_use]
    fn exp_of_negative(self) -> Self;

    /// eˣ for any x, to 2 units in the last place; 0 below the smallest normal number, ∞ above 709 (in single precision 88).
    #[must_use]
    fn exp_of_any(self) -> Self;

    /// 1 − eˣ for x ≤ 0, to 2 units in the last place however small x is.
    #[must_use]
    fn one_minus_exp_of_negative(self) -> Self;

    /// The number itself, or 0 where it is subnormal.
    ///
    /// Decaying filter states would otherwise end in subnormal numbers, which many processors handle a hundred
    /// times slower.
    #[must_use]
    fn flush(self) -> Self;

    /// Working memory of this type that waits to be used again.
    #[doc(hidden)]
    fn spare() -> &'static Spare<Self>;
}

impl Real for f32 {
    const LANES: usize = 16;

    #[inline(always)]
    fn of(value: f64) -> Self {
        value as f32
    }

    #[inline(always)]
    fn double(self) -> f64 {
        f64::from(self)
    }

    #[inline(always)]
    fn exp_of_negative(self) -> Self {
        let (rest, power) = self.exp_parts();
        if self < -87.0 { 0.0 } else { (rest + 1.0) * power }
    }

    #[inline(always)]
    fn exp_of_any(self) -> Self {
        let value = self.exp_of_negative();
        if self > 88.0 { Self::INFINITY } else { value }
    }

    #[inline(always)]
    fn one_minus_exp_of_negative(self) -> Self {
        let (rest, power) = self.exp_parts();
        (1.0 - power) - rest * power
    }

    #[inline(always)]
    fn flush(self) -> Self {
        if self.abs() < f32::MIN_POSITIVE { 0.0 } else { self }
    }

    fn spare() -> &'static Spare<Self> {
        static SPARE: Spare<f32> = Spare::none();
        &SPARE
    }
}

impl Real for f64 {
    const LANES: usize = 8;

    #[inline(always)]
    fn of(value: f64) -> Self {
        value
    }

    #[inline(always)]
    fn double(self) -> f64 {
        self
    }

    #[inline(always)]
    fn exp_of_negative(self) -> Self {
        let (rest, power) = self.exp_parts();
        if self < -708.0 { 0.0 } else { (rest + 1.0) * power }
    }

    #[inline(always)]
    fn exp_of_any(self) -> Self {
        let value = self.exp_of_negative();
        if self > 709.0 { Self::INFINITY } else { value }
    }

    #[inline(always)]
    fn one_minus_exp_of_negative(self) -> Self {
        let (rest, power) = self.exp_parts();
        (1.0 - power) - rest * power
    }

    #[inline(always)]
    fn flush(self) -> Self {
        if self.abs() < f64::MIN_POSITIVE { 0.0 } else { self }
    }

    fn spare() -> &'static Spare<Self> {
        static SPARE: Spare<f64> = Spare::none();
        &SPARE
    }
}

/// Natural logarithm of a positive normal number, to 2 units in the last place. Anything else gives a number without meaning.
///
/// Without branches, as [`Real::exp_of_negative`]: with x = 2ⁿ·m and √½ ≤ m < √2, ln x = n·ln 2 + ln m.
#[inline(always)]
pub(crate) fn ln_of_normal(x: f64) -> f64 {
    const ROOT_HALF: u64 = 0x3fe6_a09e_667f_3bcd;
    // ln 2 in two parts, the first of 20 bits, so that its product with an exponent is exact.
    const LN2_HIGH: f64 = 6.931_457_519_531_25e-1;
    const LN2_LOW: f64 = 1.428_606_820_309_417_2e-6;
    // Adding 1.5·2⁵² to a small whole number puts it into the low bits of a double.
    const WHOLE: f64 = 6_755_399_441_055_744.0;
    // ln m = 2·artanh(s) with s = (m − 1)/(m + 1), |s| < 0.172: the first term of the series that is left out is
    // below 1e-18 of the sum.
    const ODD: [f64; 10] = [
        1.0 / 21.0,
        1.0 / 19.0,
        1.0 / 17.0,
        1.0 / 15.0,
        1.0 / 13.0,
        1.0 / 11.0,
        1.0 / 9.0,
        1.0 / 7.0,
        1.0 / 5.0,
        1.0 / 3.0,
    ];
    let bits = x.to_bits().wrapping_sub(ROOT_HALF);
    // The exponent, −1022 … 1023, by way of the low bits of a double: vectors of long integers are converted by few
    // processors.
    let exponent = f64::from_bits((bits.wrapping_add(1024 << 52) >> 52) + WHOLE.to_bits()) - WHOLE - 1024.0;
    let f = f64::from_bits((bits & 0x000f_ffff_ffff_ffff) + ROOT_HALF) - 1.0;
    let s = f / (f + 2.0);
    let square = s * s;
    let mut p = 1.0 / 23.0;
    for c in &ODD {
        p = p * square + c;
    }
    // 2·artanh(s) = f − s·(f − 2·s²·p): the rounding of s matters little.
    exponent * LN2_HIGH + (f - (s * (f - 2.0 * square * p) - exponent * LN2_LOW))
}

/// eˣ in two parts: `(e^f − 1, 2ⁿ)` with x = n·ln 2 + f, x no less than what a normal number can hold.
trait ExpParts: Sized {
    fn exp_parts(self) -> (Self, Self);
}

impl ExpParts for f32 {
    #[inline(always)]
    fn exp_parts(self) -> (Self, Self) {
        // ln 2 in two parts (Cody & Waite): the first has few bits, so that n·LN2_HIGH is exact.
        const LN2_HIGH: f32 = 0.693_359_4;
        const LN2_LOW: f32 = -2.121_944_4e-4;
        // Adding 1.5·2²³ leaves round(x/ln 2) in the low bits.
        const ROUND: f32 = 12_582_912.0;
        let x = if self < -87.0 { -87.0 } else { self };
        let shifted = x * std::f32::consts::LOG2_E + ROUND;
        let n = shifted - ROUND;
        let f = (x - n * LN2_HIGH) - n * LN2_LOW;
        // Minimax polynomial of (e^f − 1 − f)/f² on |f| ≤ ½ ln 2 (Moshier, Cephes `expf`).
        let p = 1.987_569_2e-4;
        let p = p * f + 1.398_199_9e-3;
        let p = p * f + 8.333_452e-3;
        let p = p * f + 4.166_579_6e-2;
        let p = p * f + 1.666_666_5e-1;
        let p = p * f + 5.000_000_3e-1;
        (p * (f * f) + f, f32::from_bits((shifted.to_bits().wrapping_add(127)) << 23))
    }
}

impl ExpParts for f64 {
    #[inline(always)]
    fn exp_parts(self) -> (Self, Self) {
        // As for `f32`; the first part of ln 2 has 20 bits.
        const LN2_HIGH: f64 = 6.931_457_519_531_25e-1;
        const LN2_LOW: f64 = 1.428_606_820_309_417_2e-6;
        // Adding 1.5·2⁵² leaves round(x/ln 2) in the low bits.
        const ROUND: f64 = 6_755_399_441_055_744.0;
        // Taylor's polynomial of (e^f − 1 − f)/f²: the first term left out is below 2e-16 for |f| ≤ ½ ln 2.
        const INVERSE_FACTORIALS: [f64; 12] = [
            1.0 / 6_227_020_800.0,
            1.0 / 479_001_600.0,
            1.0 / 39_916_800.0,
            1.0 / 3_628_800.0,
            1.0 / 362_880.0,
            1.0 / 40_320.0,
            1.0 / 5040.0,
            1.0 / 720.0,
            1.0 / 120.0,
            1.0 / 24.0,
            1.0 / 6.0,
            1.0 / 2.0,
        ];
        let x = if self < -708.0 { -708.0 } else { self };
        let shifted = x * std::f64::consts::LOG2_E + ROUND;
        let n = shifted - ROUND;
        let f = (x - n * LN2_HIGH) - n * LN2_LOW;
        let mut p = INVERSE_FACTORIALS[0];
        for c in &INVERSE_FACTORIALS[1..] {
            p = p * f + c;
        }
        (p * (f * f) + f, f64::from_bits((shifted.to_bits().wrapping_add(1023)) << 52))
    }
}

#[cfg(test)]
mod tests {
    use super::{Real, ln_of_normal};

    #[test]
    fn exp_is_within_two_units_in_the_last_place() {
        let mut worst = 0.0f64;
        for i in 0..2_000_000 {
            let x = -87.0 * (f64::from(i) / 2e6);
            let x = x as f32;
            let want = f64::from(x).exp();
            let unit = f64::from(f32::EPSILON) * want;
            worst = worst.max((f64::from(x.exp_of_negative()) - want).abs() / unit);
        }
        assert!(worst < 2.0, "{worst} units");
        for i in 0..200_000 {
            let x = -707.0 * (f64::from(i) / 2e5);
            assert!((x.exp_of_negative() / x.exp() - 1.0).abs() < 2.0 * f64::EPSILON, "{x}");
            assert!(((-x).exp_of_any() / (-x).exp() - 1.0).abs() < 2.0 * f64::EPSILON, "{x}");
            assert_eq!(x.exp_of_any(), x.exp_of_negative());
        }
        for x in [0.0f32, 1.0, 30.0, 87.9] {
            assert!((f64::from(x.exp_of_any()) / f64::from(x).exp() - 1.0).abs() < 2e-7, "{x}");
        }
        assert_eq!((710.0f64.exp_of_any(), 89.0f32.exp_of_any()), (f64::INFINITY, f32::INFINITY));
        assert_eq!((2000.0f64.exp_of_any(), f64::NEG_INFINITY.exp_of_any()), (f64::INFINITY, 0.0));
        assert!(f64::NAN.exp_of_any().is_nan());
        assert_eq!((0.0f64.exp_of_negative(), (-800.0f64).exp_of_negative()), (1.0, 0.0));
        assert!(f64::NAN.exp_of_negative().is_nan());
        assert_eq!(0.0f32.exp_of_negative(), 1.0);
        assert_eq!((-100.0f32).exp_of_negative(), 0.0);
        assert_eq!(f32::NEG_INFINITY.exp_of_negative(), 0.0);
        assert!(f32::NAN.exp_of_negative().is_nan());
    }

    #[test]
    fn the_logarithm_is_accurate() {
        for i in 1..400_000 {
            // From 1e-300 to 1e300, and densely around 1.
            let (wide, near) = (10f64.powf(f64::from(i) / 666.0 - 300.0), 1.0 + f64::from(i) / 3e5);
            for x in [wide, near, 1.0 / near] {
                assert!((ln_of_normal(x) - x.ln()).abs() <= 2.0 * f64::EPSILON * x.ln().abs(), "{x}");
            }
        }
        assert_eq!(ln_of_normal(1.0), 0.0);
    }

    #[test]
    fn one_minus_exp_is_accurate_near_zero() {
        for i in 0..100_000 {
            let x = -(f64::from(i) / 1e5).powi(6) * 90.0;
            let single = x as f32;
            let want = -f64::from(single).exp_m1();
            let got = f64::from(single.one_minus_exp_of_negative());
            assert!((got - want).abs() <= 2.0 * f64::from(f32::EPSILON) * want, "{x}: {got} {want}");
            assert!((x.one_minus_exp_of_negative() + x.exp_m1()).abs() <= 4.0 * f64::EPSILON * -x.exp_m1());
        }
        assert_eq!(
            (f32::NEG_INFINITY.one_minus_exp_of_negative(), 0.0f64.one_minus_exp_of_negative()),
            (1.0, 0.0)
        );
    }

    #[test]
    fn flush_only_touches_subnormals() {
        assert_eq!(1e-40f32.flush(), 0.0);
        assert_eq!(f32::MIN_POSITIVE.flush(), f32::MIN_POSITIVE);
        assert_eq!((-3.0f32).flush(), -3.0);
    }
}
