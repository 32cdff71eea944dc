//! Threshold crossings of many cells at once, in double precision.

use crate::Real;

/// Cells that are solved together.
pub(super) const BATCH: usize = 64;

/// Cells within their step: potential, resting potential, time since the beginning of the step.
#[derive(Clone, Copy)]
pub(super) struct Batch {
    pub start: [f64; BATCH],
    pub rest: [f64; BATCH],
    pub now_s: [f64; BATCH],
    /// Potential at the end of the step, if there is no spike before.
    pub end: [f64; BATCH],
    /// Time from `now_s` to the threshold; meaningless where it is not reached.
    pub wait_s: [f64; BATCH],
}

impl Batch {
    pub const fn new() -> Self {
        Self {
            start: [0.0; BATCH],
            rest: [0.0; BATCH],
            now_s: [0.0; BATCH],
            end: [0.0; BATCH],
            wait_s: [0.0; BATCH],
        }
    }

    /// Where the first `n` cells are at the end of the step, and when they reach the threshold.
    #[inline(always)]
    pub fn solve(&mut self, n: usize, leak_hz: f64, step_s: f64) {
        let inverse = 1.0 / leak_hz;
        for i in 0..n.next_multiple_of(8).min(BATCH) {
            let left = (leak_hz * (self.now_s[i] - step_s)).min(0.0);
            let apart = self.start[i] - self.rest[i];
            self.end[i] = self.rest[i] + apart * left.exp_of_negative();
            // (E − V)/(E − 1) = 1 + (1 − V)/(E − 1)
            let ratio = 1.0 + (1.0 - self.start[i]) / (self.rest[i] - 1.0);
            self.wait_s[i] = ratio.ln_of_normal() * inverse;
        }
    }
}
