//! Noise that depends on what it is for, never on when or where it is computed.
//!
//! A random number is a function of a [`Key`] (seed, model, layer, trial) and of a place (plane, pixel, step, use):
//! there is no generator to advance. Any chunk length, any number of threads and any resumed run therefore draw the
//! same noise.
//!
//! [`philox`] turns key and place into random bits, [`normal`] turns bits into normal deviates.

pub mod normal;
pub mod philox;

/// Identifies one stream of noise: 64 bits made of seed, model, layer and trial.
///
/// ```
/// use convis_kernels::random::Key;
/// let key = Key::new(1, 0, "gang_0_spikes", 0);
/// assert_eq!(key, Key::new(1, 0, "gang_0_spikes", 0));
/// assert_ne!(key, Key::new(1, 0, "gang_1_spikes", 0));
/// assert_ne!(key, Key::new(1, 0, "gang_0_spikes", 1));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Key(pub(crate) [u32; 2]);

impl Key {
    /// The key of a layer (`path`) of the `model`-th model since `seed` was set, in trial number `trial`.
    pub fn new(seed: u64, model: u64, path: &str, trial: u64) -> Self {
        // Each ingredient passes through a bijection of 64 bits (SplitMix64, Steele et al. 2014) before the next.
        let mut hash = mix(seed);
        for number in [model, trial, path.len() as u64] {
            hash = mix(hash ^ number);
        }
        for byte in path.bytes() {
            hash = mix(hash ^ u64::from(byte));
        }
        Self([hash as u32, (hash >> 32) as u32])
    }
}

fn mix(x: u64) -> u64 {
    let x = x.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    x ^ (x >> 31)
}

/// What a number is used for; different uses at one place are independent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub enum Use {
    /// Noise current of a step.
    Current = 0,
    /// State before the first step.
    Start = 1,
    /// Refractory period after a spike: the first of a step; the next ones follow at `Refractory + 1` ….
    Refractory = 16,
}

/// Calls to the generator that serve a block of pixels.
const LANES: usize = 16;

/// Pixels of a block: one for each word that its calls give.
pub const BLOCK: usize = 4 * LANES;

/// Counter of call `lane` of those that serve pixels `64·block ‥ 64·block + 63`; lane 16 is the first of the next block.
#[inline(always)]
pub(crate) fn counter(block: u32, lane: u32, plane: u32, purpose: u32, step: u64) -> [u32; 4] {
    // Step in words 2 and 3; plane and use share word 1: 2²⁰ planes, 2¹² uses.
    [block * LANES as u32 + lane, plane << 12 | purpose & 0xfff, step as u32, (step >> 32) as u32]
}

/// A uniform number in [0, 1), the same as the vector code would draw for this place.
pub fn uniform(key: Key, plane: usize, pixel: usize, purpose: Use, step: u64) -> f64 {
    f64::from(word(key, plane, pixel, purpose as u32, step)) / 4_294_967_296.0
}

/// Fills `out` with the [`uniform`] numbers of pixels 0, 1 … of one plane.
pub fn fill_uniform(key: Key, plane: usize, purpose: Use, step: u64, out: &mut [f64]) {
    let mut words = [0; 4 * BLOCK];
    crate::simd::vectorized(
        #[inline(always)]
        || {
            for (i, out) in out.chunks_mut(words.len()).enumerate() {
                let words = &mut words[..out.len()];
                fill_words(key, plane, 4 * i, purpose as u32, step, words);
                for (out, &word) in out.iter_mut().zip(&*words) {
                    *out = f64::from(word) / 4_294_967_296.0;
                }
            }
        },
    );
}

/// The random bits of pixels `64·first_block ‥` of one plane at one step, to be compiled into a kernel.
#[inline(always)]
pub(crate) fn fill_words(
    key: Key,
    plane: usize,
    first_block: usize,
    purpose: u32,
    step: u64,
    out: &mut [u32],
) {
    for (block, out) in (first_block as u32..).zip(out.chunks_mut(BLOCK)) {
        let words = philox::philox4x32_lanes::<LANES>(counter(block, 0, plane as u32, purpose, step), key.0);
        out.copy_from_slice(&words.as_flattened()[..out.len()]);
    }
}

/// The 32 random bits of one place.
pub(crate) fn word(key: Key, plane: usize, pixel: usize, purpose: u32, step: u64) -> u32 {
    let (block, within) = (pixel / BLOCK, pixel % BLOCK);
    let counter = counter(block as u32, (within % LANES) as u32, plane as u32, purpose, step);
    philox::philox4x32(counter, key.0)[within / LANES]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn uniform_numbers_are_uniform() {
        let key = Key::new(3, 1, "layer", 2);
        let n = 100_000;
        let mut x: Vec<f64> =
            (0..n).map(|i| uniform(key, 0, i % 1000, Use::Start, (i / 1000) as u64)).collect();
        x.sort_by(f64::total_cmp);
        // Kolmogorov–Smirnov distance; 1.63/√n is exceeded once in a hundred.
        let d = x.iter().enumerate().fold(0.0f64, |d, (i, x)| d.max((x - i as f64 / n as f64).abs()));
        assert!(d < 1.63 / (n as f64).sqrt(), "{d}");
    }

    #[test]
    fn words_of_many_pixels_are_those_of_each() {
        let key = Key::new(4, 0, "x", 0);
        for (first_block, n) in [(0, 300), (3, 64), (7, 5)] {
            let mut many = vec![0; n];
            fill_words(key, 2, first_block, 3, 77, &mut many);
            for (i, &bits) in many.iter().enumerate() {
                assert_eq!(bits, word(key, 2, first_block * BLOCK + i, 3, 77));
            }
        }
        let mut many = vec![2.0; 700];
        fill_uniform(key, 1, Use::Start, 5, &mut many);
        assert!(many.iter().enumerate().all(|(i, &x)| x == uniform(key, 1, i, Use::Start, 5)));
    }

    #[test]
    fn every_ingredient_of_the_place_matters() {
        let key = Key::new(1, 0, "a", 0);
        let one = uniform(key, 0, 0, Use::Current, 0);
        for other in [
            uniform(key, 1, 0, Use::Current, 0),
            uniform(key, 0, 1, Use::Current, 0),
            uniform(key, 0, 64, Use::Current, 0),
            uniform(key, 0, 0, Use::Start, 0),
            uniform(key, 0, 0, Use::Current, 1),
            uniform(key, 0, 0, Use::Current, 1 << 32),
            uniform(Key::new(2, 0, "a", 0), 0, 0, Use::Current, 0),
            uniform(Key::new(1, 1, "a", 0), 0, 0, Use::Current, 0),
        ] {
            assert_ne!(one, other);
        }
    }
}
