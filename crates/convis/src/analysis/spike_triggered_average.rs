//! The spike-triggered average.

use convis_kernels::{parallel, simd};

use super::{Spikes, Stimulus};
use crate::{Error, Result, Tensor};

/// What the stimulus was like, on average, before a spike.
#[derive(Clone, Debug)]
pub struct Sta {
    /// `[unit, lags, height, width]`; the last frame is that of the spike. Zeros for a unit without used spikes.
    pub average: Tensor,
    /// Spikes of each unit that have a whole window: what the sum was divided by.
    pub used: Vec<f64>,
    /// Spikes of each unit too early to have one.
    pub skipped: Vec<f64>,
}

/// The spike-triggered average of any number of units.
///
/// # Equation
/// ```text
/// A(u, i, p) = Σₜ n(u, t)·s(t − (lags − 1 − i), p) / Σₜ n(u, t),   t ≥ lags − 1
/// ```
/// with n the spikes of unit u in frame t and s the stimulus at pixel p: frame i = lags − 1 is that of the spike. For a
/// stimulus of independent numbers of mean 0 it is proportional to the filter of a linear-nonlinear cell; subtract the
/// mean of the stimulus from the average where it is not 0.
///
/// # Shapes
/// Stimulus (time, height, width), or a movie with one batch and channel. One pass over the stimulus; the result does
/// not depend on the number of threads.
///
/// # Errors
/// If the spikes are not of the stimulus' length, `lags` is 0 or longer than the stimulus, or the stimulus holds NaN or
/// infinity in a window.
///
/// # Source
/// de Boer & Kuyper 1968, IEEE Trans. Biomed. Eng. 15:169; Chichilnisky 2001, Network 12:199.
///
/// # Example
/// ```
/// use convis::{Tensor, analysis::{Spikes, sta}, stimuli::{Checkers, movie}};
/// let shown = movie(&Checkers { pictures_per_second: 1000.0, ..Checkers::default() }, 0, 500)?;
/// // This cell spikes three frames after its pixel was bright.
/// let bright: Vec<usize> = (0..497).filter(|t| shown.to_f32()[t * 2500 + 77] > 0.5).map(|t| t + 3).collect();
/// let result = sta(&shown, &Spikes::from_frames(&[bright], 500)?, 10)?;
/// let at_pixel: Vec<f32> = (0..10).map(|i| result.average.to_f32()[i * 2500 + 77]).collect();
/// assert_eq!(at_pixel[10 - 1 - 3], 1.0);
/// assert!(at_pixel.iter().filter(|&&a| a > 0.8).count() == 1);
/// # Ok::<(), convis::Error>(())
/// ```
pub fn sta(stimulus: &Tensor, spikes: &Spikes, lags: usize) -> Result<Sta> {
    let shown = Stimulus::new(stimulus)?;
    shown.check_lags(lags)?;
    let mut accumulator = StaAccumulator::new(spikes.units(), lags, (shown.height, shown.width))?;
    accumulator.add(stimulus, spikes)?;
    accumulator.result()
}

/// Pixels whose sums stay in registers: four vectors of 16.
const LANES: usize = 64;
/// Pixels that one thread sums at a time: what a block of frames needs of them fits the second cache.
const TILE: usize = 1024;
/// Frames summed in single precision before they are added to the sum in double precision.
const BLOCK: u64 = 256;
/// Sums of blocks that are computed side by side, in numbers.
const SIDE_BY_SIDE: usize = 1 << 22;

/// A spike-triggered average that grows chunk by chunk, for recordings of any length.
///
/// Chunks of any length give the same bits: the sums are in single precision within blocks of 256 frames counted from the
/// beginning of the recording, in double precision from block to block.
///
/// ```
/// use convis::{analysis::{Spikes, StaAccumulator, sta}, stimuli::{Checkers, movie}};
/// let shown = movie(&Checkers::default(), 0, 300)?;
/// let frames: Vec<usize> = (0..300).step_by(7).collect();
/// let whole = sta(&shown, &Spikes::from_frames(&[frames.clone()], 300)?, 20)?;
/// let mut parts = StaAccumulator::new(1, 20, (50, 50))?;
/// for start in [0, 150] {
///     let here = frames.iter().filter(|f| (start..start + 150).contains(*f)).map(|f| f - start).collect();
///     parts.add(&shown.frames(start, 150)?, &Spikes::from_frames(&[here], 150)?)?;
/// }
/// assert_eq!(parts.result()?.average, whole.average);
/// # Ok::<(), convis::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct StaAccumulator {
    units: usize,
    lags: usize,
    size: (usize, usize),
    frames: u64,
    /// The last `lags − 1` frames.
    history: Vec<f32>,
    /// Sums of the block under way and of the blocks before: tile, then unit, then lag, then pixel of the tile.
    block: Vec<f32>,
    total: Vec<f64>,
    used: Vec<f64>,
    skipped: Vec<f64>,
}

impl StaAccumulator {
    /// Nothing yet, for so many units, lags and pixels (height, width).
    ///
    /// # Errors
    /// If one of them is 0, or their product too large for memory.
    pub fn new(units: usize, lags: usize, (height, width): (usize, usize)) -> Result<Self> {
        let product = [lags, height, width].iter().try_fold(units, |n, &m| n.checked_mul(m));
        match product {
            Some(n) if n > 0 && n <= 1 << 33 => Ok(Self {
                units,
                lags,
                size: (height, width),
                frames: 0,
                history: vec![0.0; (lags - 1) * height * width],
                block: vec![0.0; n],
                total: vec![0.0; n],
                used: vec![0.0; units],
                skipped: vec![0.0; units],
            }),
            _ => Err(Error::argument(
                "units × lags × height × width",
                "1 to 2³³",
                format!("{units} × {lags} × {height} × {width}"),
            )),
        }
    }

    /// Adds the next frames; spikes are counted from the chunk's first frame.
    ///
    /// # Errors
    /// If the chunk has another picture size, or spikes of another length or number of units.
    pub fn add(&mut self, stimulus: &Tensor, spikes: &Spikes) -> Result<()> {
        let shown = Stimulus::new(stimulus)?;
        if (shown.height, shown.width) != self.size {
            let expected = format!("pictures of {} × {} pixels", self.size.0, self.size.1);
            return Err(Error::argument("stimulus", expected, format!("{} × {}", shown.height, shown.width)));
        }
        if spikes.units() != self.units {
            return Err(Error::argument("spikes", format!("{} units", self.units), spikes.units()));
        }
        spikes.check_frames(shown.frames)?;
        let (pixels, lags, first) = (shown.pixels(), self.lags, self.frames);
        // Frames of this chunk that complete a window; earlier spikes are skipped.
        let whole = (lags as u64 - 1).saturating_sub(first) as usize;
        let mut events = vec![];
        let mut number = 0;
        for unit in 0..self.units {
            let (early, used) = spikes.of(unit).split_at(spikes.of(unit).partition_point(|e| e.0 < whole));
            self.skipped[unit] += early.iter().map(|e| f64::from(e.1)).sum::<f64>();
            self.used[unit] += used.iter().map(|e| f64::from(e.1)).sum::<f64>();
            number += used.len();
            events.push(used);
        }
        // Chunk-relative beginnings of the blocks that the chunk meets, and its end.
        let mut borders = vec![0];
        let mut border = (BLOCK - first % BLOCK) as usize;
        while border < shown.frames {
            borders.push(border);
            border += BLOCK as usize;
        }
        borders.push(shown.frames);
        let ends_block = (first + shown.frames as u64).is_multiple_of(BLOCK);

        let per_pixel = self.units * lags;
        let side_by_side = (SIDE_BY_SIDE / self.total.len()).clamp(1, borders.len() - 1);
        let mut sums = vec![0.0f32; side_by_side * self.total.len()];
        let starts: Vec<usize> = (0..borders.len() - 1).collect();
        for batch in starts.chunks(side_by_side) {
            // Every block has sums of its own; the first one may have begun in an earlier chunk.
            let sums = &mut sums[..batch.len() * self.total.len()];
            sums.fill(0.0);
            if batch[0] == 0 {
                sums[..self.block.len()].copy_from_slice(&self.block);
                self.block.fill(0.0);
            }
            let mut items = vec![];
            for (&i, sums) in batch.iter().zip(sums.chunks_mut(self.total.len())) {
                items.extend(
                    sums.chunks_mut(TILE * per_pixel).enumerate().map(|(tile, sums)| (i, tile, sums)),
                );
            }
            let history = &self.history;
            parallel::for_each(items, number * lags * pixels, |(i, tile, sums)| {
                let start = tile * TILE;
                let len = TILE.min(pixels - start);
                for (events, sums) in events.iter().zip(sums.chunks_mut(lags * len)) {
                    let within = &events[events.partition_point(|e| e.0 < borders[i])..];
                    let within = &within[..within.partition_point(|e| e.0 < borders[i + 1])];
                    add_windows(sums, history, &shown.numbers, pixels, start, lags, within);
                }
            });
            // Blocks are added in their order, whoever computed them.
            let (block, len) = (&mut self.block, self.total.len());
            let whole = if batch.contains(&(borders.len() - 2)) && !ends_block {
                block.copy_from_slice(&sums[(batch.len() - 1) * len..]);
                batch.len() - 1
            } else {
                batch.len()
            };
            let parts: Vec<_> = self.total.chunks_mut(4096).enumerate().collect();
            let sums = &*sums;
            parallel::for_each(parts, whole * len, |(part, total)| {
                for i in 0..whole {
                    let from = i * len + part * 4096;
                    for (total, &sum) in total.iter_mut().zip(&sums[from..]) {
                        *total += f64::from(sum);
                    }
                }
            });
        }
        let keep = self.history.len();
        if shown.numbers.len() >= keep {
            self.history.copy_from_slice(&shown.numbers[shown.numbers.len() - keep..]);
        } else {
            self.history.copy_within(shown.numbers.len().., 0);
            self.history[keep - shown.numbers.len()..].copy_from_slice(&shown.numbers);
        }
        self.frames += shown.frames as u64;
        Ok(())
    }

    /// The average of what came so far.
    ///
    /// # Errors
    /// If the stimulus held NaN or infinity in a window.
    pub fn result(&self) -> Result<Sta> {
        let (height, width) = self.size;
        let (pixels, per_pixel) = (height * width, self.units * self.lags);
        let mut average = vec![0.0f32; self.total.len()];
        for tile in 0..pixels.div_ceil(TILE) {
            let len = TILE.min(pixels - tile * TILE);
            for row in 0..per_pixel {
                let used = self.used[row / self.lags];
                if used == 0.0 {
                    continue;
                }
                for pixel in 0..len {
                    let from = tile * TILE * per_pixel + row * len + pixel;
                    let sum = self.total[from] + f64::from(self.block[from]);
                    average[row * pixels + tile * TILE + pixel] = (sum / used) as f32;
                }
            }
        }
        if !average.iter().all(|a| a.is_finite()) {
            return Err(Error::argument("stimulus", "finite numbers", "NaN or infinity"));
        }
        Ok(Sta {
            average: Tensor::from_vec(average, &[self.units, self.lags, height, width])?,
            used: self.used.clone(),
            skipped: self.skipped.clone(),
        })
    }
}

/// Adds the windows of events (frame, count) to sums of `lags` rows: pixels `start ‥` of rows of `pixels`.
fn add_windows(
    sums: &mut [f32],
    history: &[f32],
    shown: &[f32],
    pixels: usize,
    start: usize,
    lags: usize,
    events: &[(usize, f32)],
) {
    if events.is_empty() {
        return;
    }
    let len = sums.len() / lags;
    simd::vectorized(
        #[inline(always)]
        || {
            for (i, sum) in sums.chunks_mut(len).enumerate() {
                let back = lags - 1 - i;
                // Spikes whose frame `back` steps before lies in an earlier chunk come first; the history ends where
                // the chunk begins.
                let (old, new) = events.split_at(events.partition_point(|e| e.0 < back));
                for (rows, shift, events) in [(history, i as isize, old), (shown, -(back as isize), new)] {
                    let mut done = 0;
                    while len - done >= LANES {
                        add_part::<LANES>(&mut sum[done..], rows, pixels, start + done, shift, events);
                        done += LANES;
                    }
                    while len - done >= 16 {
                        add_part::<16>(&mut sum[done..], rows, pixels, start + done, shift, events);
                        done += 16;
                    }
                    while len > done {
                        add_part::<1>(&mut sum[done..], rows, pixels, start + done, shift, events);
                        done += 1;
                    }
                }
            }
        },
    );
}

/// Adds `count` times the pixels `start ‥ start + N` of row `frame + shift` for every event (frame, count).
#[inline(always)]
#[allow(clippy::inline_always)] // compiled for every vector width, into its caller
fn add_part<const N: usize>(
    sum: &mut [f32],
    rows: &[f32],
    pixels: usize,
    start: usize,
    shift: isize,
    events: &[(usize, f32)],
) {
    let mut part = [0.0f32; N];
    part.copy_from_slice(&sum[..N]);
    for &(frame, count) in events {
        let at = frame.wrapping_add_signed(shift) * pixels + start;
        let row = &rows[at..at + N];
        for i in 0..N {
            part[i] += count * row[i];
        }
    }
    sum[..N].copy_from_slice(&part);
}

#[cfg(test)]
mod tests {
    use convis_kernels::random::{Key, Use, normal::normal, uniform};

    use super::*;

    fn noise(frames: usize, height: usize, width: usize) -> Tensor {
        let key = Key::new(5, 0, "sta", 0);
        let numbers: Vec<f32> = (0..frames * height * width)
            .map(|i| normal(key, 0, i % (height * width), Use::Current as u32, (i / (height * width)) as u64))
            .collect();
        Tensor::from_vec(numbers, &[frames, height, width]).unwrap()
    }

    fn counts(frames: usize, units: usize) -> Vec<f32> {
        let key = Key::new(6, 0, "sta", 0);
        (0..frames * units)
            .map(|i| {
                (uniform(key, i % units, 0, Use::Start, (i / units) as u64) * 1.4).powi(2).floor() as f32
            })
            .collect()
    }

    #[test]
    fn it_is_the_average_of_the_windows_that_end_at_the_spikes() {
        for (frames, height, width, units, lags) in
            [(600, 3, 5, 3, 7), (513, 9, 9, 1, 1), (90, 1, 150, 2, 30)]
        {
            let stimulus = noise(frames, height, width);
            let counts = counts(frames, units);
            let spikes =
                Spikes::from_counts(&Tensor::from_vec(counts.clone(), &[frames, units]).unwrap()).unwrap();
            let got = sta(&stimulus, &spikes, lags).unwrap();
            let (s, pixels) = (stimulus.to_f64(), height * width);
            for unit in 0..units {
                let mut sum = vec![0.0; lags * pixels];
                let mut used = 0.0;
                for t in lags - 1..frames {
                    let n = f64::from(counts[t * units + unit]);
                    used += n;
                    for i in 0..lags * pixels {
                        sum[i] += n * s[(t + 1 - lags) * pixels + i];
                    }
                }
                assert_eq!(got.used[unit], used);
                assert_eq!(got.used[unit] + got.skipped[unit], spikes.total(unit));
                let average = &got.average.to_f64()[unit * lags * pixels..(unit + 1) * lags * pixels];
                assert!(average.iter().zip(&sum).all(|(a, s)| (a - s / used).abs() < 1e-6));
            }
        }
    }

    #[test]
    fn chunks_and_threads_change_no_bit() {
        let (frames, units, lags) = (1500, 2, 12);
        let stimulus = noise(frames, 10, 13);
        let counts = counts(frames, units);
        let spikes = |from: usize, to: usize| {
            let part = counts[from * units..to * units].to_vec();
            Spikes::from_counts(&Tensor::from_vec(part, &[to - from, units]).unwrap()).unwrap()
        };
        let whole = sta(&stimulus, &spikes(0, frames), lags).unwrap();
        let movie = stimulus.reshape(&[1, 1, frames, 10, 13]).unwrap();
        for (threads, step) in [(1, 1500), (2, 7), (3, 256), (2, 401)] {
            let parts = parallel::with_threads(threads, || {
                let mut parts = StaAccumulator::new(units, lags, (10, 13)).unwrap();
                for from in (0..frames).step_by(step) {
                    let to = (from + step).min(frames);
                    parts.add(&movie.frames(from, to - from).unwrap(), &spikes(from, to)).unwrap();
                }
                parts.result().unwrap()
            });
            assert_eq!(parts.average, whole.average, "{step}");
            assert_eq!((&parts.used, &parts.skipped), (&whole.used, &whole.skipped));
        }
    }

    #[test]
    fn a_cell_that_responds_k_frames_late_has_its_peak_k_frames_back() {
        let stimulus = noise(4000, 2, 3);
        let s = stimulus.to_f32();
        for late in [0, 1, 5, 9] {
            let spikes: Vec<usize> = (late..4000).filter(|t| s[(t - late) * 6 + 4] > 1.0).collect();
            let average = sta(&stimulus, &Spikes::from_frames(&[spikes], 4000).unwrap(), 10).unwrap().average;
            let average = average.to_f32();
            let peak = (0..60).max_by(|&a, &b| average[a].total_cmp(&average[b])).unwrap();
            assert_eq!((peak / 6, peak % 6), (9 - late, 4));
        }
    }

    #[test]
    fn what_cannot_be_averaged_is_refused_by_name() {
        let stimulus = noise(10, 1, 1);
        let spikes = |frames| Spikes::from_frames(&[vec![4]], frames).unwrap();
        let message = |result: Result<Sta>| result.unwrap_err().to_string();
        assert!(
            message(sta(&stimulus, &spikes(9), 3)).starts_with("spikes: expected a recording of 10 frames")
        );
        assert!(message(sta(&stimulus, &spikes(10), 11)).starts_with("lags: expected 1 to 10"));
        assert!(Spikes::from_frames(&[vec![10]], 10).is_err());
        let silent = sta(&stimulus, &Spikes::from_frames(&[vec![], vec![1]], 10).unwrap(), 3).unwrap();
        assert_eq!((silent.used, silent.skipped), (vec![0.0, 0.0], vec![0.0, 1.0]));
        let broken = Tensor::from_vec(vec![f32::NAN; 10], &[10, 1, 1]).unwrap();
        assert!(message(sta(&broken, &spikes(10), 3)).starts_with("stimulus: expected finite"));
    }
}
