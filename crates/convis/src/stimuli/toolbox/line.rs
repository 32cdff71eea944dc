//! Equally spaced numbers.

/// Number `i` of `n` equally spaced numbers from `start` to `stop`, both included.
pub(super) fn linspace(start: f64, stop: f64, n: usize, i: usize) -> f64 {
    if n < 2 {
        start
    } else if i + 1 == n {
        stop
    } else {
        start + i as f64 * ((stop - start) / (n - 1) as f64)
    }
}
