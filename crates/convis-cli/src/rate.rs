//! Frames or steps per second as exact fractions.

use std::fmt;
use std::str::FromStr;

/// A rate in Hz as a fraction in lowest terms: 30000/1001 stays 30000/1001.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rate {
    /// So many events …
    pub events: u64,
    /// … in so many seconds.
    pub seconds: u64,
}

/// Rates outside of this range are taken for mistakes.
const RANGE_HZ: std::ops::RangeInclusive<f64> = 1e-6..=1e9;

impl Rate {
    /// The simplest fraction that rounds to `hertz`: the first convergent of its continued fraction that does.
    pub fn of(hertz: f64) -> Option<Self> {
        if !RANGE_HZ.contains(&hertz) {
            return None;
        }
        // Every float is a whole number over a power of two, here below 2⁸³ over 2⁷³.
        let (mut scaled, mut denominator) = (hertz, 1_u128);
        while scaled.fract() != 0.0 {
            scaled *= 2.0;
            denominator *= 2;
        }
        let mut rest = (scaled as u128, denominator);
        let (mut last, mut now) = ((0_u128, 1_u128), (1_u128, 0_u128));
        loop {
            let whole = rest.0 / rest.1;
            (last, now) = (now, (whole * now.0 + last.0, whole * now.1 + last.1));
            let (events, seconds) = (u64::try_from(now.0).ok()?, u64::try_from(now.1).ok()?);
            if events as f64 / seconds as f64 == hertz {
                return Some(Self { events, seconds });
            }
            rest = (rest.1, rest.0 % rest.1);
        }
    }

    /// The nearest float.
    pub fn hertz(self) -> f64 {
        self.events as f64 / self.seconds as f64
    }
}

impl FromStr for Rate {
    type Err = String;

    /// `25`, `29.97` or `30000/1001`.
    fn from_str(text: &str) -> Result<Self, String> {
        let (events, seconds) = text.split_once('/').unwrap_or((text, "1"));
        let rate = match (events.trim().parse::<u64>(), seconds.trim().parse::<u64>()) {
            (Ok(events), Ok(seconds @ 1..)) if RANGE_HZ.contains(&(events as f64 / seconds as f64)) => {
                let divisor = greatest_common_divisor(events.into(), seconds.into()) as u64;
                Some(Self { events: events / divisor, seconds: seconds / divisor })
            }
            _ => text.parse().ok().and_then(Self::of),
        };
        rate.ok_or_else(|| "expected a number above 0, such as 25 or 30000/1001".into())
    }
}

impl fmt::Display for Rate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let thousandths = self.hertz() * 1e3;
        if (thousandths - thousandths.round()).abs() < 1e-9 {
            write!(f, "{} Hz", self.hertz())
        } else {
            write!(f, "{:.3} Hz", self.hertz())
        }
    }
}

/// The largest number that divides both.
pub fn greatest_common_divisor(mut a: u128, mut b: u128) -> u128 {
    while b > 0 {
        (a, b) = (b, a % b);
    }
    a
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_fraction_behind_a_float_is_found() {
        for (events, seconds) in
            [(25, 1), (100, 3), (30_000, 1001), (2997, 100), (1, 1_000_000), (1_000_000_000, 1), (100, 7)]
        {
            let rate = Rate { events, seconds };
            assert_eq!(Rate::of(rate.hertz()), Some(rate));
            assert_eq!(format!("{events}/{seconds}").parse(), Ok(rate));
        }
        assert_eq!("29.97".parse(), Ok(Rate { events: 2997, seconds: 100 }));
        assert_eq!("50/2".parse(), Ok(Rate { events: 25, seconds: 1 }));
        let odd = std::f64::consts::PI;
        assert_eq!(Rate::of(odd).unwrap().hertz(), odd);
    }

    #[test]
    fn what_is_no_rate_is_refused() {
        for text in ["", "0", "-25", "nan", "inf", "25/0", "1e12", "fast", "1/2/3", "0/3"] {
            assert!(text.parse::<Rate>().is_err(), "{text}");
        }
    }
}
