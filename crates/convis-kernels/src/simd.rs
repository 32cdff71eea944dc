//! Run-time choice of the processor's vector instructions.
//!
//! Kernels are ordinary loops. [`vectorized`] compiles the loops of its closure several times, once for each
//! [`Level`], and runs the widest one that this processor has. As no level contracts operations, all give the
//! same bits.
//!
//! The environment variable `CONVIS_SIMD` (`baseline`, `avx2`, `avx512`) forces a level that the processor has.
//!
//! Where `CONVIS_ONE_LEVEL` is set while the library is built, kernels are compiled for AVX2 alone and everything runs on
//! that: builds take half the time while one works on something else. Such a build runs on no older processor.
#![allow(unsafe_code)] // calling a function compiled for more instructions than the build's baseline; prefetching

use std::any::Any;
#[cfg(target_arch = "x86_64")]
use std::arch::x86_64::__m512;
use std::sync::atomic::{AtomicU8, Ordering};

use crate::Real;
use crate::scratch::LANES;

/// A set of vector instructions.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// What every processor of the architecture has: SSE2 on x86-64, NEON on aarch64.
    Baseline,
    /// AVX2 and FMA (x86-64-v3).
    Avx2,
    /// AVX-512 F, BW, DQ and VL (x86-64-v4).
    Avx512,
}

impl Level {
    /// The name that `CONVIS_SIMD` understands.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Baseline => "baseline",
            Self::Avx2 => "avx2",
            Self::Avx512 => "avx512",
        }
    }

    /// The levels this processor has, narrowest first.
    pub fn available() -> Vec<Self> {
        #[cfg_attr(not(target_arch = "x86_64"), expect(unused_mut))] // other architectures have one level
        let mut levels = vec![Self::Baseline];
        #[cfg(target_arch = "x86_64")]
        {
            if is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma") {
                levels.push(Self::Avx2);
                if is_x86_feature_detected!("avx512f")
                    && is_x86_feature_detected!("avx512bw")
                    && is_x86_feature_detected!("avx512dq")
                    && is_x86_feature_detected!("avx512vl")
                {
                    levels.push(Self::Avx512);
                }
            }
        }
        levels
    }

    const fn code(self) -> u8 {
        self as u8 + 1
    }
}

/// Whether kernels are compiled once only.
#[cfg(target_arch = "x86_64")]
const ONE_LEVEL: bool = option_env!("CONVIS_ONE_LEVEL").is_some();

/// 0: not yet chosen; otherwise [`Level::code`].
static CHOSEN: AtomicU8 = AtomicU8::new(0);

/// The level in use.
pub fn level() -> Level {
    match CHOSEN.load(Ordering::Relaxed) {
        1 => Level::Baseline,
        2 => Level::Avx2,
        3 => Level::Avx512,
        _ => {
            let available = Level::available();
            let widest = available[available.len() - 1];
            let level = std::env::var("CONVIS_SIMD").map_or(widest, |name| {
                available.iter().copied().find(|level| level.name() == name).unwrap_or_else(|| {
                    let names: Vec<&str> = available.iter().map(|level| level.name()).collect();
                    let (names, used) = (names.join(", "), widest.name());
                    eprintln!("convis: CONVIS_SIMD={name} is none of {names}; using {used}");
                    widest
                })
            });
            CHOSEN.store(level.code(), Ordering::Relaxed);
            level
        }
    }
}

/// Uses `level` from now on, in the whole process.
///
/// # Errors
/// The name of the level, where this processor lacks it.
pub fn force(level: Level) -> Result<(), &'static str> {
    if !Level::available().contains(&level) {
        return Err(level.name());
    }
    CHOSEN.store(level.code(), Ordering::Relaxed);
    Ok(())
}

/// Whether the processor has registers for blocks of some twenty vectors of sums.
pub(crate) fn is_wide<T>() -> bool {
    level() == Level::Avx512 && size_of::<T>() == 4
}

/// Runs `kernel` compiled for the level in use. Mark the closure `#[inline(always)]`, and everything it calls.
#[inline(always)]
pub fn vectorized<R>(kernel: impl FnOnce() -> R) -> R {
    #[cfg(target_arch = "x86_64")]
    if ONE_LEVEL {
        // SAFETY: who sets `CONVIS_ONE_LEVEL` while building vouches for AVX2 and FMA.
        return unsafe { with_avx2(kernel) };
    }
    #[cfg(target_arch = "x86_64")]
    match level() {
        // SAFETY: `level` returns only levels that the processor was found to have.
        Level::Avx512 => return unsafe { with_avx512(kernel) },
        // SAFETY: as above.
        Level::Avx2 => return unsafe { with_avx2(kernel) },
        Level::Baseline => {}
    }
    kernel()
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx2,fma")]
fn with_avx512<R>(kernel: impl FnOnce() -> R) -> R {
    kernel()
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,fma")]
fn with_avx2<R>(kernel: impl FnOnce() -> R) -> R {
    kernel()
}

/// `sums += w·x` at `V` vectors of numbers.
///
/// A function of its own, called once for each line of a block of sums: in one loop over all of them compilers see
/// columns to make vectors of.
#[inline(always)]
pub(crate) fn add_product<T: Real, const V: usize>(w: T, x: &[[T; LANES]], sums: &mut [[T; LANES]; V]) {
    for v in 0..V {
        for l in 0..LANES {
            sums[v][l] = x[v][l].mul_add(w, sums[v][l]);
        }
    }
}

/// Exchanges the rows and columns of a square.
#[inline(always)]
pub(crate) fn transpose<T: 'static + Copy>(square: &mut [[T; LANES]; LANES]) {
    #[cfg(target_arch = "x86_64")]
    if level() == Level::Avx512
        && let Some(square) = (square as &mut dyn Any).downcast_mut()
    {
        // SAFETY: `level` returns only levels that the processor was found to have.
        return unsafe { transpose_with_avx512(square) };
    }
    for i in 0..LANES {
        for j in 0..i {
            let (a, b) = (square[i][j], square[j][i]);
            (square[i][j], square[j][i]) = (b, a);
        }
    }
}

/// Compilers make gathers and scatters of the loop above, which take ten times as long. Sixteen rows are eight pairs;
/// interleaving the numbers of every pair moves one bit from the number of a row to that of a column, so that four rounds
/// exchange them.
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx2,fma")]
#[inline]
fn transpose_with_avx512(square: &mut [[f32; LANES]; LANES]) {
    use std::arch::x86_64::{_mm512_permutex2var_ps, _mm512_setr_epi32, _mm512_setzero_ps};
    let low = _mm512_setr_epi32(0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23);
    let high = _mm512_setr_epi32(8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31);
    // SAFETY: a vector is sixteen numbers and nothing else.
    let mut x: [__m512; LANES] = unsafe { std::mem::transmute_copy(square) };
    for _ in 0..LANES.ilog2() {
        let mut y = [_mm512_setzero_ps(); LANES];
        for i in 0..LANES / 2 {
            y[2 * i] = _mm512_permutex2var_ps(x[i], low, x[i + LANES / 2]);
            y[2 * i + 1] = _mm512_permutex2var_ps(x[i], high, x[i + LANES / 2]);
        }
        x = y;
    }
    // SAFETY: as above.
    *square = unsafe { std::mem::transmute::<[__m512; LANES], [[f32; LANES]; LANES]>(x) };
}

/// w₀·x[i] + `Σⱼ wⱼ·(x[i−j] + x[i+j])` for the `B` numbers in the middle of `x`, which has `LANES` more on both sides. False
/// where this processor has no better way than a loop over blocks of `x`: call it within [`vectorized`].
#[inline(always)]
pub(crate) fn sum_around<T: Real, const B: usize>(weights: &[T], x: &[T], sums: &mut [T; B]) -> bool {
    #[cfg(not(target_arch = "x86_64"))]
    let _ = (weights, x, sums);
    #[cfg(target_arch = "x86_64")]
    if matches!(B, 32 | 64)
        && (2..=LANES).contains(&weights.len())
        && level() == Level::Avx512
        && let Some(sums) = (sums as &mut dyn Any).downcast_mut::<[f32; B]>()
    {
        assert_eq!(x.len(), B + 2 * LANES, "numbers around a block");
        // SAFETY: `sums` are single precision, and so then are all.
        let [weights, x] = [weights, x]
            .map(|numbers| unsafe { std::slice::from_raw_parts(numbers.as_ptr().cast(), numbers.len()) });
        // SAFETY: `level` returns only levels that the processor was found to have.
        unsafe {
            match B {
                64 => sum_around_with_avx512::<4>(weights, x, sums),
                _ => sum_around_with_avx512::<2>(weights, x, sums),
            }
        }
        return true;
    }
    false
}

/// The numbers beside those of a vector come from two vectors that are in registers: nearly every vector read from memory
/// between them would lie in two lines of the cache, which takes twice as long.
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx2,fma")]
fn sum_around_with_avx512<const V: usize>(weights: &[f32], x: &[f32], sums: &mut [f32]) {
    use std::arch::x86_64::{
        _mm512_add_ps, _mm512_alignr_epi32, _mm512_castps_si512, _mm512_castsi512_ps, _mm512_loadu_ps,
        _mm512_mul_ps, _mm512_set1_ps, _mm512_setzero_ps, _mm512_storeu_ps,
    };
    assert!(x.len() == (V + 2) * LANES && sums.len() == V * LANES, "numbers around a block");
    let vector = |i: usize| {
        // SAFETY: there are V + 2 vectors.
        unsafe { _mm512_loadu_ps(x.as_ptr().add(i * LANES)) }
    };
    let (first, last) = (vector(0), vector(V + 1));
    let mut middle = [_mm512_setzero_ps(); V];
    let mut sum = middle;
    let weight = _mm512_set1_ps(weights[0]);
    for i in 0..V {
        middle[i] = vector(i + 1);
        sum[i] = _mm512_mul_ps(weight, middle[i]);
    }
    macro_rules! add {
        ($($distance:literal $rest:literal),*) => {
            $(if let Some(&weight) = weights.get($distance) {
                let weight = _mm512_set1_ps(weight);
                for i in 0..V {
                    let before = _mm512_castps_si512(if i == 0 { first } else { middle[i - 1] });
                    let here = _mm512_castps_si512(middle[i]);
                    let after = _mm512_castps_si512(if i + 1 == V { last } else { middle[i + 1] });
                    let before = _mm512_castsi512_ps(_mm512_alignr_epi32::<$rest>(here, before));
                    let after = _mm512_castsi512_ps(_mm512_alignr_epi32::<$distance>(after, here));
                    sum[i] = _mm512_add_ps(sum[i], _mm512_mul_ps(weight, _mm512_add_ps(before, after)));
                }
            })*
        };
    }
    add!(1 15, 2 14, 3 13, 4 12, 5 11, 6 10, 7 9, 8 8, 9 7, 10 6, 11 5, 12 4, 13 3, 14 2, 15 1);
    for (i, sum) in sum.into_iter().enumerate() {
        // SAFETY: there are V vectors.
        unsafe { _mm512_storeu_ps(sums.as_mut_ptr().add(i * LANES), sum) };
    }
}

/// Numbers from those that are read to those worth asking for, where many rows are read at once.
pub(crate) const AHEAD: usize = 8 * LANES;

/// Asks for numbers that will be read soon, where the processor has an instruction for that; changes nothing.
#[inline(always)]
pub(crate) fn prefetch<T>(numbers: &[T]) {
    #[cfg(not(target_arch = "x86_64"))]
    let _ = numbers;
    #[cfg(target_arch = "x86_64")]
    for line in numbers.chunks(64 / size_of::<T>()) {
        use std::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
        // SAFETY: every processor of this architecture has the instruction, and it has no effect but on caches.
        unsafe { _mm_prefetch::<_MM_HINT_T0>(line.as_ptr().cast()) };
    }
}

/// Asks for the line of numbers that holds the one at `at`, if there is one.
#[inline(always)]
pub(crate) fn prefetch_line<T>(numbers: &[T], at: usize) {
    prefetch(numbers.get(at..=at).unwrap_or(&[]));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn squares_are_transposed() {
        fn check<T: Real>() {
            let mut square: [[T; LANES]; LANES] =
                std::array::from_fn(|i| std::array::from_fn(|j| T::of((i * 100 + j) as f64)));
            vectorized(
                #[inline(always)]
                || transpose(&mut square),
            );
            for (i, row) in square.iter().enumerate() {
                assert!(row.iter().enumerate().all(|(j, &x)| x == T::of((j * 100 + i) as f64)));
            }
        }
        check::<f32>();
        check::<f64>();
    }

    #[test]
    fn sums_around_numbers_are_those_of_a_loop() {
        fn check<const B: usize>() {
            let x: Vec<f32> = (0..B + 2 * LANES).map(|i| (i as f32 * 0.7).sin()).collect();
            for reach in 0..LANES + 2 {
                let weights: Vec<f32> = (0..=reach).map(|j| 1.0 / (1.0 + j as f32)).collect();
                let mut sums = [f32::NAN; B];
                let computed = vectorized(
                    #[inline(always)]
                    || sum_around(&weights, &x, &mut sums),
                );
                assert!(!computed || level() == Level::Avx512 && (1..LANES).contains(&reach));
                for (i, &sum) in sums.iter().enumerate().filter(|_| computed) {
                    let first = weights[0] * x[LANES + i];
                    let expected = (1..=reach)
                        .fold(first, |sum, j| sum + weights[j] * (x[LANES + i - j] + x[LANES + i + j]));
                    assert_eq!(sum.to_bits(), expected.to_bits(), "number {i} of {B}, reach {reach}");
                }
            }
        }
        let _turn = crate::conformance::SIMD_LEVEL.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        check::<16>();
        check::<32>();
        check::<64>();
    }

    #[test]
    fn every_available_level_can_be_forced_and_a_missing_one_is_refused() {
        let _turn = crate::conformance::SIMD_LEVEL.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let before = level();
        for level_ in Level::available() {
            force(level_).unwrap();
            assert_eq!(level(), level_);
            assert_eq!(
                vectorized(
                    #[inline(always)]
                    || 6 * 7
                ),
                42
            );
        }
        for missing in [Level::Baseline, Level::Avx2, Level::Avx512] {
            assert_eq!(force(missing).is_ok(), Level::available().contains(&missing));
        }
        force(before).unwrap();
    }
}
