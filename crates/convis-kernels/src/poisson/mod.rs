//! Spikes at random, independent of one another.
//!
//! # Equation
//! One random number U, uniform in [0, 1), for every neuron and step:
//! ```text
//! spike where U < p
//! p = x                  where the input is a probability per step
//! p = 1 − exp(−x·d)      where it is a rate in Hz and a step takes d s: the chance of at least one spike of a
//!                        Poisson process
//! ```
//! p ≤ 0 never fires, p ≥ 1 always. U has 32 bits.
//!
//! # Shapes
//! Input: a movie. Output: 0 or 1 per step, a movie of bytes. No state; the number of the first step chooses the noise.
//!
//! Spikes carry no gradient.
//!
//! # Source
//! Definition of the Poisson process, e.g. Dayan & Abbott 2001, "Theoretical Neuroscience", section 1.4.

use crate::integrate_and_fire::Noise;
use crate::random::{BLOCK, Use, fill_words, word};
use crate::tiles::{split, tiles};
use crate::{Real, Signal, parallel, simd};

/// What the input of a Poisson process means.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Rate {
    /// Probability of a spike per step.
    PerStep,
    /// Rate in Hz.
    Hz {
        /// Duration of a step, s.
        step_s: f64,
    },
}

impl Rate {
    #[inline(always)]
    fn probability<T: Real>(self, x: T) -> T {
        match self {
            Self::PerStep => x,
            Self::Hz { step_s } => T::one() - (-(x.max(T::zero()) * T::of(step_s))).exp_of_negative(),
        }
    }
}

/// Numbers that 32 random bits can take.
const WORDS: f64 = 4_294_967_296.0;

/// Spikes of Poisson processes: see the [module](self) for the equation.
///
/// ```
/// use convis_kernels::integrate_and_fire::Noise;
/// use convis_kernels::{Signal, poisson::*, random::Key};
/// let signal = Signal { planes: 1, frames: 1000, height: 1, width: 100 };
/// let noise = Noise { key: Key::new(1, 0, "", 0), first_step: 0 };
/// let mut spikes = vec![0; signal.len()];
/// poisson(signal, Rate::Hz { step_s: 0.001 }, noise, &vec![20.0f32; signal.len()], &mut spikes);
/// let count: f64 = spikes.iter().map(|&n| f64::from(n)).sum();
/// assert!((count - 2000.0).abs() < 4.0 * 2000.0f64.sqrt()); // 20 Hz · 1 s · 100 neurons
/// ```
///
/// # Panics
/// If a slice does not have the sizes of `signal`.
pub fn poisson<T: Real>(signal: Signal, rate: Rate, noise: Noise, input: &[T], spikes: &mut [u8]) {
    const ROW: usize = 4 * BLOCK;
    assert_eq!(input.len(), signal.len(), "length of the input");
    let items: Vec<_> = tiles(&signal).into_iter().zip(split(spikes, &signal)).collect();
    parallel::for_each(items, signal.len() * 8, |(tile, mut spikes)| {
        let mut words = [0u32; ROW];
        for t in 0..signal.frames {
            let step = noise.first_step + t as u64;
            let input = &input[signal.at(tile.plane, t, &tile.pixels)];
            let rows = input.chunks(ROW).zip(spikes.frame(t).chunks_mut(ROW));
            for (row, (input, spikes)) in rows.enumerate() {
                let block = (tile.pixels.start + row * ROW) / BLOCK;
                let words = &mut words[..input.len()];
                simd::vectorized(
                    #[inline(always)]
                    || {
                        fill_words(noise.key, tile.plane, block, Use::Current as u32, step, words);
                        for ((spike, &x), &word) in spikes.iter_mut().zip(input).zip(words.iter()) {
                            *spike = u8::from(f64::from(word) < rate.probability(x).double() * WORDS);
                        }
                    },
                );
            }
        }
    });
}

/// The slow, obvious version of [`poisson`], in double precision.
pub fn reference(signal: Signal, rate: Rate, noise: Noise, input: &[f64], spikes: &mut [u8]) {
    for plane in 0..signal.planes {
        for t in 0..signal.frames {
            for pixel in 0..signal.pixels() {
                let at = (plane * signal.frames + t) * signal.pixels() + pixel;
                let step = noise.first_step + t as u64;
                let u = f64::from(word(noise.key, plane, pixel, Use::Current as u32, step)) / WORDS;
                spikes[at] = u8::from(u < rate.probability(input[at]));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::Key;

    fn noise(first_step: u64) -> Noise {
        Noise { key: Key::new(5, 0, "poisson", 0), first_step }
    }

    #[test]
    fn fast_equals_reference_at_every_width_and_chunk() {
        for width in 0..=67 {
            let signal = Signal { planes: 2, frames: 7, height: 5, width };
            let x: Vec<f64> = (0..signal.len()).map(|i| (i % 13) as f64 / 11.0 - 0.05).collect();
            for rate in [Rate::PerStep, Rate::Hz { step_s: 0.5 }] {
                let (mut fast, mut want) = (vec![9; signal.len()], vec![9; signal.len()]);
                poisson(signal, rate, noise(3), &x, &mut fast);
                reference(signal, rate, noise(3), &x, &mut want);
                assert_eq!(fast, want);
                // The second half alone draws the same.
                let one = Signal { planes: 1, ..signal };
                let late = one.with_frames(4);
                let mut part = vec![9; late.len()];
                let from = 3 * signal.pixels();
                poisson(late, rate, noise(6), &x[from..from + late.len()], &mut part);
                assert_eq!(part, want[from..from + late.len()]);
            }
        }
    }

    #[test]
    fn certainty_and_impossibility_are_exact() {
        let signal = Signal { planes: 1, frames: 400, height: 50, width: 50 };
        for (p, want) in [(0.0f32, 0), (-1.0, 0), (1.0, 1), (2.0, 1)] {
            let mut spikes = vec![9; signal.len()];
            poisson(signal, Rate::PerStep, noise(0), &vec![p; signal.len()], &mut spikes);
            assert!(spikes.iter().all(|&n| n == want), "p = {p}");
        }
    }
}
