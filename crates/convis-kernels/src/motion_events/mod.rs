//! Events of a sensor that signals change: integrate the input, report crossings, start anew.
//!
//! # Equation
//! For every pixel and step, with level f and threshold θ:
//! ```text
//! linear   f ← f + x          on = f > θ       off = f < −θ       f ← f − θ·on + θ·off       f = 0 at the start
//! log      on = x/f > θ       off = x/f < 1/θ                     f ← f·θ^(on − off)         f = ½ at the start
//! ```
//! At most one event per step and pixel. In the logarithmic mode the level stays a positive normal number, so that a
//! black pixel can be left again.
//!
//! # Shapes
//! Input: a movie. Output: two planes per plane of the input, ON and OFF, 0 or 1 per step, bytes. State: f.
//!
//! # Parameters
//! | symbol | name | unit |
//! |---|---|---|
//! | θ | `threshold` > 0 (linear), > 1 (log) | that of the input (linear), – (log) |
//!
//! Events carry no gradient.
//!
//! # Source
//! Address-event vision sensors: Lichtsteiner, Posch & Delbruck 2008 (IEEE J. Solid-State Circuits 43:566), section II
//! (logarithmic change against the level at the last event); the linear mode integrates a change that is given.

use crate::tiles::{split, split_state, tiles};
use crate::{Real, Signal, parallel, simd};

/// What the level means.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Mode {
    /// The input is change, and is summed.
    #[default]
    Linear,
    /// The input is brightness, and is compared with the level by its ratio.
    Log,
}

impl Mode {
    /// The level before the first step.
    pub const fn start(self) -> f64 {
        match self {
            Self::Linear => 0.0,
            Self::Log => 0.5,
        }
    }

    /// One step: the level after it, ON and OFF.
    #[inline(always)]
    fn step<T: Real>(self, threshold: T, level: T, x: T) -> (T, bool, bool) {
        match self {
            Self::Linear => {
                let level = level + x;
                let (on, off) = (level > threshold, level < -threshold);
                let change = if on { -threshold } else { T::zero() };
                let change = if off { threshold } else { change };
                ((level + change).flush(), on, off)
            }
            Self::Log => {
                let ratio = x / level;
                let (on, off) = (ratio > threshold, ratio < T::one() / threshold);
                let level = if on { level * threshold } else { level };
                let level = if off { level / threshold } else { level };
                (level.max(T::min_positive_value()).min(T::max_value()), on, off)
            }
        }
    }
}

/// Events of a population of sensors: see the [module](self) for the equation. The level is advanced in place.
///
/// ```
/// use convis_kernels::{Signal, motion_events::*};
/// let signal = Signal { planes: 1, frames: 4, height: 1, width: 1 };
/// let (mut level, mut events) = ([0.0f64], [9; 8]);
/// motion_events(signal, Mode::Linear, 1.0, &[0.7, 0.7, -0.1, -2.0], &mut level, &mut events);
/// assert_eq!(events, [0, 1, 0, 0, /* OFF */ 0, 0, 0, 1]);
/// assert!((level[0] + 0.7).abs() < 1e-12);
/// ```
///
/// # Panics
/// If a slice does not have the sizes of `signal` (events: twice as many planes).
pub fn motion_events<T: Real>(
    signal: Signal,
    mode: Mode,
    threshold: f64,
    input: &[T],
    level: &mut [T],
    events: &mut [u8],
) {
    assert_eq!(input.len(), signal.len(), "length of the input");
    let both = Signal { planes: 2 * signal.planes, ..signal };
    let mut items: Vec<_> = tiles(&signal)
        .into_iter()
        .zip(split_state(level, &signal))
        .map(|(tile, level)| (tile, level, vec![]))
        .collect();
    let per_plane = items.len() / signal.planes.max(1);
    for (i, part) in split(events, &both).into_iter().enumerate() {
        items[i / per_plane / 2 * per_plane + i % per_plane].2.push(part);
    }
    let threshold = T::of(threshold);
    parallel::for_each(items, signal.len() * 2, |(tile, mut level, mut events)| {
        let [on, off] = &mut events[..] else { panic!("two planes per plane") };
        let level = level.frame(0);
        for t in 0..signal.frames {
            let input = &input[signal.at(tile.plane, t, &tile.pixels)];
            let (on, off) = (on.frame(t), off.frame(t));
            simd::vectorized(
                #[inline(always)]
                || {
                    for (((level, &x), on), off) in level.iter_mut().zip(input).zip(on).zip(off) {
                        let (after, rose, fell) = mode.step(threshold, *level, x);
                        *level = after;
                        *on = u8::from(rose);
                        *off = u8::from(fell);
                    }
                },
            );
        }
    });
}

/// The slow, obvious version of [`motion_events`], in double precision.
pub fn reference(
    signal: Signal,
    mode: Mode,
    threshold: f64,
    input: &[f64],
    level: &mut [f64],
    events: &mut [u8],
) {
    for plane in 0..signal.planes {
        for pixel in 0..signal.pixels() {
            let f = &mut level[plane * signal.pixels() + pixel];
            for t in 0..signal.frames {
                let x = input[(plane * signal.frames + t) * signal.pixels() + pixel];
                let (on, off);
                match mode {
                    Mode::Linear => {
                        *f += x;
                        (on, off) = (*f > threshold, *f < -threshold);
                        *f += threshold * (f64::from(off) - f64::from(on));
                    }
                    Mode::Log => {
                        (on, off) = (x / *f > threshold, x / *f < 1.0 / threshold);
                        *f *= threshold.powi(i32::from(on) - i32::from(off));
                        *f = f.clamp(f64::MIN_POSITIVE, f64::MAX);
                    }
                }
                let at =
                    |channel: usize| ((2 * plane + channel) * signal.frames + t) * signal.pixels() + pixel;
                events[at(0)] = u8::from(on);
                events[at(1)] = u8::from(off);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fast_equals_reference_at_every_width_and_chunk() {
        for width in 0..=67 {
            let signal = Signal { planes: 2, frames: 30, height: 5, width };
            for (mode, threshold) in [(Mode::Linear, 0.7), (Mode::Log, 1.25)] {
                let x: Vec<f64> = (0..signal.len())
                    .map(|i| {
                        let x = ((i * 7919) % 1009) as f64 / 1009.0;
                        if mode == Mode::Linear { 2.0 * x - 1.0 } else { x }
                    })
                    .collect();
                let start = vec![mode.start(); signal.state_len()];
                let (mut level, mut events) = (start.clone(), vec![9; 2 * signal.len()]);
                let (mut want_level, mut want) = (start.clone(), events.clone());
                motion_events(signal, mode, threshold, &x, &mut level, &mut events);
                reference(signal, mode, threshold, &x, &mut want_level, &mut want);
                assert_eq!(events, want);
                assert!(
                    level.iter().zip(&want_level).all(|(a, b)| (a - b).abs() <= 1e-12 * b.abs().max(1.0))
                );
            }
        }
    }

    #[test]
    fn a_ramp_is_counted_and_black_is_not_a_trap() {
        // A rise of 10·θ in all makes ten ON events, whatever its steps; here, one too few to leave the last open.
        let signal = Signal { planes: 1, frames: 101, height: 1, width: 1 };
        let (mut level, mut events) = ([0.0f64], vec![0; 202]);
        motion_events(signal, Mode::Linear, 0.5, &[0.05; 101], &mut level, &mut events);
        assert_eq!(events[..101].iter().map(|&n| usize::from(n)).sum::<usize>(), 10);
        let mut level = [0.5f32];
        let mut x = vec![0.0f32; 2000];
        x.extend([1.0; 2000]);
        let signal = Signal { planes: 1, frames: 4000, height: 1, width: 1 };
        let mut events = vec![0; 8000];
        motion_events(signal, Mode::Log, 1.2, &x, &mut level, &mut events);
        assert!(level[0] > 0.8 && level[0].is_finite(), "{}", level[0]);
    }
}
