//! The spike-triggered covariance.

use convis_kernels::random::{Key, Use, uniform};
use convis_kernels::{parallel, simd};
use nalgebra::DMatrix;

use super::{Spikes, Stimulus};
use crate::{Error, Result, Tensor};

/// How [`stc`] is computed.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct StcOptions {
    /// Frames of a window.
    pub lags: usize,
    /// How often the spikes are shifted against the stimulus to learn what chance does; 0 for no test.
    pub shuffles: usize,
    /// Chance, without any effect, that no eigenvalue is called significant.
    pub confidence: f64,
    /// Which random shifts.
    pub seed: u64,
}

impl Default for StcOptions {
    fn default() -> Self {
        Self { lags: 10, shuffles: 100, confidence: 0.95, seed: 0 }
    }
}

/// Directions of the stimulus in which spikes change its variance.
#[derive(Clone, Debug)]
pub struct Stc {
    /// The spike-triggered average `[lags, height, width]`.
    pub average: Tensor,
    /// Eigenvalues of the change of covariance, largest first: above 0 where spikes prefer extremes, below 0 where they
    /// avoid them.
    pub eigenvalues: Vec<f64>,
    /// Their eigenvectors `[eigenvalue, lags, height, width]`, of length 1, the largest number of each positive; the last
    /// frame is that of the spike.
    pub filters: Tensor,
    /// Smallest and largest eigenvalue that chance makes; `None` without shuffles.
    pub chance: Option<(f64, f64)>,
    /// Numbers of the eigenvalues beyond what chance makes.
    pub significant: Vec<usize>,
    /// Spikes that have a whole window.
    pub used: f64,
}

/// Largest number of lags × pixels: beyond, the eigenvectors would take minutes.
const MOST_NUMBERS: usize = 2048;

/// The change of the stimulus' covariance that comes with the spikes of one unit, and its eigenvectors.
///
/// # Equation
/// With x(t) the window that ends at frame t, n(t) the spikes, N their sum, A the spike-triggered average:
/// ```text
/// ΔC = Σₜ n(t)·(x − A)(x − A)ᵀ/(N − 1) − Σₜ (x − x̄)(x − x̄)ᵀ/(T − 1)
/// ```
/// over all T frames with a whole window. Eigenvectors of ΔC with large eigenvalues span the space in which a cell squares
/// its input (or has ON and OFF subunits), those with small ones the space that suppresses it.
///
/// # Significance
/// The spikes are shifted against the stimulus by random amounts, circularly, at least `lags` frames. An eigenvalue is
/// significant where it lies beyond what the largest (smallest) eigenvalue of ΔC reaches so with probability
/// (1 − confidence)/2. Shifts keep the rhythm of spikes, which exchanging them would destroy.
///
/// # Errors
/// If the unit does not exist or has fewer than two spikes with a whole window, windows are longer than the stimulus or
/// hold more than 2048 numbers, or there are too few shuffles for the confidence.
///
/// # Source
/// de Ruyter van Steveninck & Bialek 1988, Proc. R. Soc. B 234:379; Schwartz, Pillow, Rust & Simoncelli 2006, J. Vision
/// 6:484 (equations 4–6); shifts: Rust, Schwartz, Movshon & Simoncelli 2005, Neuron 46:945, here without nesting.
///
/// # Example
/// ```
/// use convis::{Tensor, analysis::{Spikes, StcOptions, stc}, stimuli::{Checkers, Distribution, Screen, movie}};
/// let screen = Screen { height: 1, width: 4, ..Screen::default() };
/// let noise = Checkers {
///     screen, check_deg: 0.1, pictures_per_second: 1000.0, distribution: Distribution::Gaussian, contrast: 0.3,
///     ..Checkers::default()
/// };
/// let shown = movie(&noise, 0, 3000)?;
/// // A cell that spikes when its pixel was very bright or very dark two frames ago.
/// let s = shown.to_f32();
/// let spikes: Vec<usize> = (2..3000).filter(|t| (s[(t - 2) * 4 + 1] - 0.5).abs() > 0.2).collect();
/// let options = StcOptions { lags: 4, shuffles: 40, ..StcOptions::default() };
/// let found = stc(&shown, &Spikes::from_frames(&[spikes], 3000)?, 0, options)?;
/// assert_eq!(found.significant, [0]);
/// assert!(found.filters.to_f64()[(4 - 1 - 2) * 4 + 1] > 0.95);
/// # Ok::<(), convis::Error>(())
/// ```
pub fn stc(stimulus: &Tensor, spikes: &Spikes, unit: usize, options: StcOptions) -> Result<Stc> {
    let StcOptions { lags, shuffles, confidence, seed } = options;
    let shown = Stimulus::new(stimulus)?;
    shown.check_lags(lags)?;
    shown.check_finite()?;
    spikes.check_frames(shown.frames)?;
    spikes.check_unit(unit)?;
    let n = lags * shown.pixels();
    if n > MOST_NUMBERS {
        let found = format!("{lags} × {} × {}", shown.height, shown.width);
        let expected =
            format!("at most {MOST_NUMBERS}: show fewer pixels around the receptive field, or fewer lags");
        return Err(Error::argument("lags × height × width", expected, found));
    }
    let windows = shown.frames + 1 - lags;
    let used = &spikes.of(unit)[spikes.of(unit).partition_point(|event| event.0 + 1 < lags)..];
    let total: f64 = used.iter().map(|event| f64::from(event.1)).sum();
    if total < 2.0 || windows < 2 {
        let expected = "at least two spikes, and two frames, with a whole window";
        return Err(Error::argument(
            "spikes",
            expected,
            format!("{total} of unit {unit} in {windows} windows"),
        ));
    }
    let rank = rank(shuffles, confidence)?;
    if shuffles > 0 && windows < 2 * lags + 1 {
        let expected = format!("at most {} for shuffling {} frames", shown.frames / 3, shown.frames);
        return Err(Error::argument("lags", expected, lags));
    }

    let every: Vec<(usize, f32)> = (lags - 1..shown.frames).map(|t| (t, 1.0)).collect();
    let centre = centre(&shown);
    let prior = Moments::of(&shown, lags, &every, &centre).covariance();
    let change = |events: &[(usize, f32)]| {
        let moments = Moments::of(&shown, lags, events, &centre);
        (moments.covariance() - &prior, moments.mean)
    };
    let (change_of_spikes, mean) = change(used);
    let decomposition = change_of_spikes.symmetric_eigen();
    let mut order: Vec<usize> = (0..n).collect();
    order.sort_by(|&a, &b| {
        decomposition.eigenvalues[b].total_cmp(&decomposition.eigenvalues[a]).then(a.cmp(&b))
    });
    let eigenvalues: Vec<f64> = order.iter().map(|&i| decomposition.eigenvalues[i]).collect();
    let mut filters = Vec::with_capacity(n * n);
    for &i in &order {
        let vector = decomposition.eigenvectors.column(i);
        let largest =
            vector.iter().fold(0.0f64, |largest, x| if x.abs() > largest.abs() { *x } else { largest });
        filters.extend(vector.iter().map(|x| (x * largest.signum()) as f32));
    }

    let key = Key::new(seed, 0, "spike-triggered covariance", unit as u64);
    let numbers: Vec<usize> = (0..shuffles).collect();
    let extremes = parallel::map(numbers, usize::MAX, |shuffle| {
        let free = windows + 1 - 2 * lags;
        let shift = lags + (uniform(key, 0, shuffle, Use::Start, 0) * free as f64) as usize;
        let mut shifted: Vec<(usize, f32)> =
            used.iter().map(|&(t, count)| (lags - 1 + (t + 1 - lags + shift) % windows, count)).collect();
        shifted.sort_by_key(|event| event.0);
        extreme_eigenvalues(&change(&shifted).0)
    });
    let chance = rank.map(|rank| {
        let (mut low, mut high): (Vec<f64>, Vec<f64>) = extremes.into_iter().unzip();
        low.sort_by(f64::total_cmp);
        high.sort_by(f64::total_cmp);
        (low[shuffles - rank], high[rank - 1])
    });
    let significant = chance.map_or_else(Vec::new, |(low, high)| {
        (0..n).filter(|&i| eigenvalues[i] < low || eigenvalues[i] > high).collect()
    });

    let size = [lags, shown.height, shown.width];
    let average = mean.iter().zip(centre.iter().cycle()).map(|(m, c)| (m + f64::from(*c)) as f32).collect();
    Ok(Stc {
        average: Tensor::from_vec(average, &size)?,
        eigenvalues,
        filters: Tensor::from_vec(filters, &[n, size[0], size[1], size[2]])?,
        chance,
        significant,
        used: total,
    })
}

/// Smallest and largest eigenvalue of a symmetric matrix.
///
/// Householder's reflections make it tridiagonal, bisection on Sturm's count finds the two ends (Golub & Van Loan 2013,
/// *Matrix Computations*, sections 8.3.1 and 8.4.1): shuffling needs no more, and this is much faster than all
/// eigenvalues.
fn extreme_eigenvalues(matrix: &DMatrix<f64>) -> (f64, f64) {
    let n = matrix.nrows();
    let mut a = matrix.as_slice().to_vec();
    let (mut diagonal, mut beside) = (vec![0.0; n], vec![0.0; n]);
    simd::vectorized(
        #[inline(always)]
        || tridiagonal(&mut a, n, &mut diagonal, &mut beside),
    );
    // Gershgorin's circles hold all eigenvalues.
    let reach = |i: usize| beside[i].abs() + if i + 1 < n { beside[i + 1].abs() } else { 0.0 };
    let low = (0..n).map(|i| diagonal[i] - reach(i)).fold(f64::INFINITY, f64::min);
    let high = (0..n).map(|i| diagonal[i] + reach(i)).fold(f64::NEG_INFINITY, f64::max);
    // Number of eigenvalues below x.
    let below = |x: f64| {
        let mut count = 0;
        let mut d = 1.0;
        for i in 0..n {
            d = diagonal[i] - x - if i > 0 { beside[i] * beside[i] / d } else { 0.0 };
            if d == 0.0 {
                d = f64::MIN_POSITIVE;
            }
            count += usize::from(d < 0.0);
        }
        count
    };
    let bisect = |enough: &dyn Fn(f64) -> bool| {
        let (mut from, mut to) = (low, high);
        for _ in 0..80 {
            let middle = 0.5 * (from + to);
            if enough(middle) {
                to = middle;
            } else {
                from = middle;
            }
        }
        0.5 * (from + to)
    };
    (bisect(&|x| below(x) >= 1), bisect(&|x| below(x) >= n))
}

/// Reduces a symmetric n × n matrix to `diagonal` and the numbers `beside` it (the first is 0).
#[inline(always)]
#[allow(clippy::inline_always)] // compiled for every vector width, into its caller
fn tridiagonal(a: &mut [f64], n: usize, diagonal: &mut [f64], beside: &mut [f64]) {
    let (mut v, mut w) = (vec![0.0; n], vec![0.0; n]);
    // The last row is cleared but for its neighbour, then the one before, so that what is left begins at 0.
    for k in (0..n).rev() {
        diagonal[k] = a[k * n + k];
        if k == 0 {
            continue;
        }
        let row = &a[k * n..k * n + k];
        let norm = row.iter().map(|x| x * x).sum::<f64>().sqrt();
        if norm == 0.0 {
            continue;
        }
        let alpha = if row[k - 1] > 0.0 { -norm } else { norm };
        beside[k] = alpha;
        // v = row − alpha·e; reflection 1 − 2vvᵀ/|v|².
        v[..k].copy_from_slice(row);
        v[k - 1] -= alpha;
        let square = dot(&v[..k], &v[..k]);
        if square == 0.0 {
            continue;
        }
        for i in 0..k {
            w[i] = 2.0 * dot(&a[i * n..i * n + k], &v[..k]) / square;
        }
        let half = dot(&w[..k], &v[..k]) / square;
        for i in 0..k {
            w[i] -= half * v[i];
        }
        for i in 0..k {
            let (vi, wi) = (v[i], w[i]);
            for ((a, v), w) in a[i * n..i * n + k].iter_mut().zip(&v[..k]).zip(&w[..k]) {
                *a -= vi * w + wi * v;
            }
        }
    }
}

/// Σ aᵢbᵢ in 16 interleaved sums.
#[inline(always)]
#[allow(clippy::inline_always)] // compiled for every vector width, into its caller
fn dot(a: &[f64], b: &[f64]) -> f64 {
    let mut sums = [0.0; 16];
    let (mut a, mut b) = (a.chunks_exact(16), b.chunks_exact(16));
    for (a, b) in (&mut a).zip(&mut b) {
        for i in 0..16 {
            sums[i] += a[i] * b[i];
        }
    }
    for (i, (a, b)) in a.remainder().iter().zip(b.remainder()).enumerate() {
        sums[i] += a * b;
    }
    sums.iter().sum()
}

/// Which of so many sorted maxima chance exceeds with probability (1 − confidence)/2; `None` without shuffles.
fn rank(shuffles: usize, confidence: f64) -> Result<Option<usize>> {
    if !(confidence > 0.0 && confidence < 1.0) {
        return Err(Error::argument("confidence", "a number between 0 and 1", confidence));
    }
    if shuffles == 0 {
        return Ok(None);
    }
    let one_sided = 0.5 * (1.0 + confidence);
    // The tolerance keeps 40·0.975 at 39.
    let rank = (one_sided * (shuffles as f64 + 1.0) - 1e-9).ceil() as usize;
    if rank > shuffles {
        let least = (one_sided / (1.0 - one_sided) - 1e-9).ceil();
        return Err(Error::argument(
            "shuffles",
            format!("at least {least} for this confidence, or 0"),
            shuffles,
        ));
    }
    Ok(Some(rank))
}

/// The mean of every pixel over time: what is taken off before products are summed in single precision.
fn centre(shown: &Stimulus<'_>) -> Vec<f32> {
    let mut sums = vec![0.0f64; shown.pixels()];
    for frame in shown.numbers.chunks(shown.pixels()) {
        for (sum, &s) in sums.iter_mut().zip(frame) {
            *sum += f64::from(s);
        }
    }
    sums.into_iter().map(|sum| (sum / shown.frames as f64) as f32).collect()
}

/// Windows whose products are summed in single precision before they are added to the sum in double precision.
const BLOCK: usize = 256;
/// Rows and columns of products that are summed at a time, in registers.
const QUAD: usize = 4;

/// Weighted mean and scatter of windows, about a centre.
struct Moments {
    weight: f64,
    /// Mean, less the centre.
    mean: Vec<f64>,
    /// Σ w·x·xᵀ about the centre: the lower triangle in blocks of [`QUAD`] rows, padded to whole quads.
    scatter: Vec<f64>,
    padded: usize,
}

impl Moments {
    fn of(shown: &Stimulus<'_>, lags: usize, events: &[(usize, f32)], centre: &[f32]) -> Self {
        let n = lags * shown.pixels();
        let padded = n.next_multiple_of(QUAD);
        let mut weight = 0.0;
        let mut mean = vec![0.0f64; n];
        let mut scatter = vec![0.0f64; padded * padded];
        // Windows of a block side by side: number, then window.
        let mut block = vec![0.0f32; padded * BLOCK];
        for events in events.chunks(BLOCK) {
            block.fill(0.0);
            for (e, &(frame, count)) in events.iter().enumerate() {
                let root = count.sqrt();
                weight += f64::from(count);
                let window = shown.window(frame, lags);
                for (i, (x, c)) in window.iter().zip(centre.iter().cycle()).enumerate() {
                    mean[i] += f64::from(count * (x - c));
                    block[i * BLOCK + e] = root * (x - c);
                }
            }
            let block = &block;
            let bands: Vec<_> = scatter.chunks_mut(QUAD * padded).enumerate().collect();
            parallel::for_each(bands, padded * padded * BLOCK / 2, |(band, scatter)| {
                let rows = &block[band * QUAD * BLOCK..(band + 1) * QUAD * BLOCK];
                for other in 0..=band {
                    let columns = &block[other * QUAD * BLOCK..(other + 1) * QUAD * BLOCK];
                    let products = simd::vectorized(
                        #[inline(always)]
                        || quad(rows, columns),
                    );
                    for (i, products) in products.iter().enumerate() {
                        let at = i * padded + other * QUAD;
                        for (sum, product) in scatter[at..at + QUAD].iter_mut().zip(products) {
                            *sum += f64::from(*product);
                        }
                    }
                }
            });
        }
        for m in &mut mean {
            *m /= weight;
        }
        Self { weight, mean, scatter, padded }
    }

    fn covariance(&self) -> DMatrix<f64> {
        let n = self.mean.len();
        DMatrix::from_fn(n, n, |i, j| {
            let (i, j) = if i >= j { (i, j) } else { (j, i) };
            let about_mean = self.scatter[i * self.padded + j] - self.weight * self.mean[i] * self.mean[j];
            about_mean / (self.weight - 1.0)
        })
    }
}

/// The 16 scalar products of four rows of [`BLOCK`] numbers with four others.
#[inline(always)]
#[allow(clippy::inline_always)] // compiled for every vector width, into its caller
fn quad(a: &[f32], b: &[f32]) -> [[f32; QUAD]; QUAD] {
    let mut products = [[0.0; QUAD]; QUAD];
    for (products, a) in products.iter_mut().zip(a.chunks_exact(BLOCK)) {
        *products = row_times_four(a, b);
    }
    products
}

/// The scalar products of one row with four others; 16 interleaved sums each stay in registers.
#[inline(always)]
#[allow(clippy::inline_always)] // compiled for every vector width, into its caller
fn row_times_four(a: &[f32], b: &[f32]) -> [f32; QUAD] {
    const LANES: usize = 16;
    let [mut s0, mut s1, mut s2, mut s3] = [[0.0f32; LANES]; QUAD];
    let (b0, b) = b.split_at(BLOCK);
    let (b1, b) = b.split_at(BLOCK);
    let (b2, b3) = b.split_at(BLOCK);
    let [b0, b1, b2, b3] = [b0, b1, b2, b3].map(|b| b.chunks_exact(LANES));
    for ((((a, b0), b1), b2), b3) in a.chunks_exact(LANES).zip(b0).zip(b1).zip(b2).zip(b3) {
        for lane in 0..LANES {
            s0[lane] += a[lane] * b0[lane];
            s1[lane] += a[lane] * b1[lane];
            s2[lane] += a[lane] * b2[lane];
            s3[lane] += a[lane] * b3[lane];
        }
    }
    let mut products = [0.0; QUAD];
    for lane in 0..LANES {
        for (product, s) in products.iter_mut().zip([&s0, &s1, &s2, &s3]) {
            *product += s[lane];
        }
    }
    products
}

#[cfg(test)]
mod tests {
    use convis_kernels::random::normal::normal;

    use super::*;

    const LAGS: usize = 6;
    const PIXELS: usize = 7;

    fn noise(frames: usize) -> Tensor {
        let key = Key::new(2, 0, "stc", 0);
        let numbers: Vec<f32> = (0..frames * PIXELS)
            .map(|i| normal(key, 0, i % PIXELS, Use::Current as u32, (i / PIXELS) as u64) + 3.0)
            .collect();
        Tensor::from_vec(numbers, &[frames, 1, PIXELS]).unwrap()
    }

    /// Three filters, normal to each other.
    fn filters() -> [Vec<f64>; 3] {
        let mut all: [Vec<f64>; 3] = [1.1, 2.3, 0.4].map(|f: f64| {
            (0..LAGS * PIXELS).map(|i| (f * i as f64).cos() * 0.95f64.powi(i as i32)).collect()
        });
        for i in 0..3 {
            for j in 0..i {
                let dot: f64 = all[i].iter().zip(&all[j]).map(|(a, b)| a * b).sum();
                for k in 0..LAGS * PIXELS {
                    all[i][k] -= dot * all[j][k];
                }
            }
            let norm = all[i].iter().map(|x| x * x).sum::<f64>().sqrt();
            all[i].iter_mut().for_each(|x| *x /= norm);
        }
        all
    }

    fn spikes(shown: &Tensor, frames: usize, rate: impl Fn([f64; 3]) -> f64) -> Spikes {
        let (s, filters, key) = (shown.to_f64(), filters(), Key::new(3, 0, "stc", 0));
        let counts: Vec<f32> = (0..frames)
            .map(|t| {
                if t + 1 < LAGS {
                    return 0.0;
                }
                let window = &s[(t + 1 - LAGS) * PIXELS..(t + 1) * PIXELS];
                let g = [0, 1, 2].map(|i| filters[i].iter().zip(window).map(|(f, x)| f * (x - 3.0)).sum());
                f32::from(u8::from(uniform(key, 0, 0, Use::Start, t as u64) < rate(g)))
            })
            .collect();
        Spikes::from_counts(&Tensor::from_vec(counts, &[frames]).unwrap()).unwrap()
    }

    #[test]
    fn two_squaring_subunits_and_a_suppressive_one_are_found() {
        let frames = 40_000;
        let shown = noise(frames);
        let spikes = spikes(&shown, frames, |[a, b, c]| 0.06 * (a * a + 0.8 * b * b) * (-0.5 * c * c).exp());
        let options = StcOptions { lags: LAGS, shuffles: 40, ..StcOptions::default() };
        let found = stc(&shown, &spikes, 0, options).unwrap();
        let last = LAGS * PIXELS - 1;
        assert_eq!(found.significant, [0, 1, last], "{:?} {:?}", found.chance, found.eigenvalues);
        let vectors = found.filters.to_f64();
        let part = |filter: &[f64], i: usize| -> f64 {
            let vector = &vectors[i * (last + 1)..(i + 1) * (last + 1)];
            filter.iter().zip(vector).map(|(f, v)| f * v).sum()
        };
        let [a, b, c] = filters();
        // Both subunits lie in the plane of the first two eigenvectors.
        assert!(part(&a, 0).hypot(part(&a, 1)) > 0.98);
        assert!(part(&b, 0).hypot(part(&b, 1)) > 0.98);
        assert!(part(&c, last).abs() > 0.95);
        assert!(found.average.to_f64().iter().all(|x| (x - 3.0).abs() < 0.15));
    }

    #[test]
    fn the_extreme_eigenvalues_are_those_of_the_full_decomposition() {
        for n in [1, 2, 3, 17, 60] {
            let key = Key::new(n as u64, 0, "matrix", 0);
            let matrix = DMatrix::from_fn(n, n, |i, j| {
                f64::from(normal(key, i.max(j), i.min(j), Use::Current as u32, 0))
            });
            let all = matrix.symmetric_eigenvalues();
            let (low, high) = extreme_eigenvalues(&matrix);
            assert!((low - all.min()).abs() < 1e-10 && (high - all.max()).abs() < 1e-10, "{n}");
        }
        assert_eq!(extreme_eigenvalues(&DMatrix::zeros(3, 3)), (0.0, 0.0));
    }

    #[test]
    fn without_any_effect_nothing_is_significant() {
        let frames = 10_000;
        let shown = noise(frames);
        let spikes = spikes(&shown, frames, |_| 0.1);
        let options = StcOptions { lags: LAGS, shuffles: 100, ..StcOptions::default() };
        assert_eq!(stc(&shown, &spikes, 0, options).unwrap().significant, [0usize; 0]);
    }

    #[test]
    fn the_change_of_covariance_is_that_of_its_definition_for_any_number_of_threads() {
        let frames = 700;
        let shown = noise(frames);
        let counts: Vec<f32> = (0..frames).map(|t| (t * 7 % 5 / 3) as f32 * (1 + t % 2) as f32).collect();
        let spikes = Spikes::from_counts(&Tensor::from_vec(counts.clone(), &[frames]).unwrap()).unwrap();
        let options = StcOptions { lags: LAGS, shuffles: 0, ..StcOptions::default() };
        let one = parallel::with_threads(1, || stc(&shown, &spikes, 0, options).unwrap());
        let two = parallel::with_threads(2, || stc(&shown, &spikes, 0, options).unwrap());
        assert_eq!((&one.eigenvalues, &one.filters), (&two.eigenvalues, &two.filters));

        let (s, n) = (shown.to_f64(), LAGS * PIXELS);
        let covariance = |weights: &dyn Fn(usize) -> f64| {
            let windows: Vec<(f64, &[f64])> = (LAGS - 1..frames)
                .map(|t| (weights(t), &s[(t + 1 - LAGS) * PIXELS..(t + 1) * PIXELS]))
                .collect();
            let total: f64 = windows.iter().map(|w| w.0).sum();
            let mean: Vec<f64> =
                (0..n).map(|i| windows.iter().map(|w| w.0 * w.1[i]).sum::<f64>() / total).collect();
            DMatrix::from_fn(n, n, |i, j| {
                let sum: f64 = windows.iter().map(|w| w.0 * (w.1[i] - mean[i]) * (w.1[j] - mean[j])).sum();
                sum / (total - 1.0)
            })
        };
        let change = covariance(&|t| f64::from(counts[t])) - covariance(&|_| 1.0);
        let vectors = DMatrix::from_column_slice(n, n, &one.filters.to_f64());
        let values = DMatrix::from_diagonal(&one.eigenvalues.clone().into());
        assert!((&vectors * values * vectors.transpose() - &change).amax() < 2e-5);
    }

    #[test]
    fn what_cannot_be_decomposed_is_refused_by_name() {
        let shown = noise(100);
        let spikes = Spikes::from_frames(&[vec![20, 30, 40], vec![2]], 100).unwrap();
        let message = |unit, options| stc(&shown, &spikes, unit, options).unwrap_err().to_string();
        let options = StcOptions { lags: LAGS, ..StcOptions::default() };
        assert!(message(2, options).starts_with("unit: expected a number below 2"));
        assert!(message(1, options).starts_with("spikes: expected at least two spikes"));
        let few = StcOptions { shuffles: 10, ..options };
        assert_eq!(message(0, few), "shuffles: expected at least 39 for this confidence, or 0, got 10");
        assert!(message(0, StcOptions { lags: 101, ..options }).starts_with("lags"));
    }
}
