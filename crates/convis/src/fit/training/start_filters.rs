//! Where filters that are all zero begin.

use convis_kernels::parallel;
use nalgebra::DMatrix;

use super::{Counted, Recording};
use crate::parameter::Parameter;
use crate::{Error, Result};

/// What a stimulus shows: `[frame][row][column]`.
#[derive(Clone, Copy, Debug)]
pub struct Shown<'a> {
    /// Its numbers.
    pub numbers: &'a [f64],
    /// Rows and columns.
    pub size: [usize; 2],
}

impl Recording {
    /// Lets filters that are all zero, from which no gradient leads away, begin at the spike-triggered average.
    ///
    /// # Rule
    /// The average is `A_u(l, p) = Σₜ (y_u(t) − ȳ_u)·(s(t − l, p) − s̄(p))` over the training part. `filters` are parameters
    /// (out, in, lags, height, width), in the order in which the stimulus meets them. The first one begins at A, cut around its
    /// strongest pixel where it is smaller than a frame: one filter a unit where there are as many, else that of the strongest
    /// unit, its negative, and waves of growing frequency along it. Each is scaled so that white noise of the stimulus' spread
    /// makes a drive of standard deviation `spread`. Later ones pass on the mean of what they see now. With `separable`, two
    /// filters (rank, 1, 1, height, width) and (out, rank, lags, 1, 1) begin at the best approximation of A of their rank.
    ///
    /// # Errors
    /// If the stimulus has other frames than the recording, or a parameter is no such filter.
    pub fn start_filters(
        &self,
        filters: &[Parameter],
        separable: bool,
        shown: Shown<'_>,
        spread: f64,
    ) -> Result<()> {
        let pixels = shown.size[0] * shown.size[1];
        if shown.numbers.len() != self.frames() * pixels {
            let expected = format!("{} frames of {pixels} pixels", self.frames());
            return Err(Error::argument("stimulus", expected, format!("{} numbers", shown.numbers.len())));
        }
        if let [space, time] = filters
            && separable
        {
            return self.start_separable(space, time, shown, spread);
        }
        for (i, filter) in filters.iter().enumerate() {
            let (value, shape) = filter.value();
            let [out, inputs, lags, rows, columns] = shape[..] else {
                return Err(Error::argument(
                    filter.name(),
                    "a filter with five axes",
                    format!("shape {shape:?}"),
                ));
            };
            let kernel = lags * rows * columns;
            let start = if i == 0 && inputs == 1 {
                self.first_filter(shown, spread, [out, lags, rows, columns])
            } else if value.iter().any(|w| *w != 0.0) {
                continue;
            } else {
                let now = |k: usize| if k % kernel >= kernel - rows * columns { 1.0 } else { 0.0 };
                (0..value.len()).map(|k| now(k) / (inputs * rows * columns) as f64).collect()
            };
            filter.set_value(start, &shape)?;
        }
        Ok(())
    }

    fn first_filter(&self, shown: Shown<'_>, spread: f64, shape: [usize; 4]) -> Vec<f64> {
        let [out, lags, rows, columns] = shape;
        let whole: Vec<Vec<f64>> = self.averages(shown, lags);
        let all: Vec<Vec<f64>> = whole.iter().map(|a| cut(a, shown.size, [rows, columns])).collect();
        let sized = |k: &[f64]| scaled(k, shown, spread);
        if out == all.len() {
            return all.iter().flat_map(|k| sized(k)).collect();
        }
        let strongest = all.iter().max_by(|a, b| norm(a).total_cmp(&norm(b))).cloned().unwrap_or_default();
        let wave = |f: usize| -> Vec<f64> {
            let sign = |k: usize| match f {
                0 => 1.0,
                1 => -1.0,
                _ => {
                    (std::f64::consts::PI * (f - 1) as f64 * (k as f64 + 0.5) / strongest.len() as f64).cos()
                }
            };
            sized(&strongest.iter().enumerate().map(|(k, x)| x * sign(k)).collect::<Vec<_>>())
        };
        (0..out).flat_map(wave).collect()
    }

    fn start_separable(
        &self,
        space: &Parameter,
        time: &Parameter,
        shown: Shown<'_>,
        spread: f64,
    ) -> Result<()> {
        let (shape, pixels) = (time.value().1, shown.size[0] * shown.size[1]);
        let &[out, rank, lags, ..] = &shape[..] else {
            return Err(Error::argument(time.name(), "a filter with five axes", format!("shape {shape:?}")));
        };
        let averages = self.averages(shown, lags);
        let units = averages.len();
        let flat: Vec<f64> = averages.iter().flat_map(|a| scaled(a, shown, spread)).collect();
        let (rows, svd) =
            (units * lags, DMatrix::from_row_slice(units * lags, pixels, &flat).svd(true, true));
        let (Some(u), Some(v)) = (svd.u, svd.v_t) else {
            return Err(Error::Mismatch("the spike-triggered average has no singular values".into()));
        };
        let part = |r: usize| if r < svd.singular_values.len() { svd.singular_values[r].sqrt() } else { 0.0 };
        let mut pictures = vec![0.0; rank * pixels];
        let mut courses = vec![0.0; out * rank * lags];
        for r in (0..rank).filter(|&r| part(r) > 0.0) {
            (0..pixels).for_each(|p| pictures[r * pixels + p] = v[(r, p)] * part(r));
            for row in (0..rows).filter(|row| row / lags < out) {
                courses[(row / lags * rank + r) * lags + row % lags] = u[(row, r)] * part(r);
            }
        }
        space.set_value(pictures, &[rank, 1, 1, shown.size[0], shown.size[1]])?;
        time.set_value(courses, &shape)
    }

    /// A of every unit, the present last: `[lag][row][column]`.
    fn averages(&self, shown: Shown<'_>, lags: usize) -> Vec<Vec<f64>> {
        let (frames, pixels) = (self.frames(), shown.size[0] * shown.size[1]);
        let mut mean = vec![0.0; pixels];
        for (i, x) in shown.numbers.iter().enumerate() {
            mean[i % pixels] += x / frames as f64;
        }
        let of_unit = |unit: usize| {
            let rate = self.mean(unit);
            let mut sum = vec![0.0; lags * pixels];
            for t in (0..frames).filter(|&t| self.counted(t) == Counted::Training) {
                let weight = self.response(t, unit) - rate;
                for lag in 0..lags.min(t + 1) {
                    let frame = &shown.numbers[(t - lag) * pixels..][..pixels];
                    let sum = &mut sum[(lags - 1 - lag) * pixels..][..pixels];
                    for ((sum, x), mean) in sum.iter_mut().zip(frame).zip(&mean) {
                        *sum += weight * (x - mean);
                    }
                }
            }
            sum
        };
        parallel::map((0..self.units()).collect(), usize::MAX, of_unit)
    }
}

fn norm(k: &[f64]) -> f64 {
    k.iter().map(|x| x * x).sum::<f64>().sqrt()
}

fn scaled(k: &[f64], shown: Shown<'_>, spread: f64) -> Vec<f64> {
    let n = shown.numbers.len() as f64;
    let mean = shown.numbers.iter().sum::<f64>() / n;
    let deviation = (shown.numbers.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / n).sqrt();
    let size = norm(k) * deviation;
    k.iter().map(|x| if size > 0.0 { x * spread / size } else { 0.0 }).collect()
}

/// The part of a filter around its strongest pixel; zero beyond the image.
fn cut(k: &[f64], [height, width]: [usize; 2], [rows, columns]: [usize; 2]) -> Vec<f64> {
    if [height, width] == [rows, columns] {
        return k.to_vec();
    }
    let pixels = height * width;
    let power = |p: usize| k.iter().skip(p).step_by(pixels).map(|x| x * x).sum::<f64>();
    let peak = (0..pixels).max_by(|a, b| power(*a).total_cmp(&power(*b))).unwrap_or(0);
    let inside = |peak: usize, i: usize, size: usize, length: usize| {
        (peak + i).checked_sub(size / 2).filter(|place| *place < length)
    };
    let mut part = vec![];
    for frame in k.chunks(pixels) {
        for row in 0..rows {
            for column in 0..columns {
                let place =
                    inside(peak / width, row, rows, height).zip(inside(peak % width, column, columns, width));
                part.push(place.map_or(0.0, |(row, column)| frame[row * width + column]));
            }
        }
    }
    part
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::filters::{Conv3d, ConvOptions};
    use crate::fit::{Loss, Nonlinearity, Observation, Readout};
    use crate::layer::{Layer, parameter};
    use crate::{Resolution, models::SeparableSTRF};

    const FRAMES: usize = 4000;

    /// White noise of 2 × 3 pixels, and a response that follows the pixel (1, 2) one frame later.
    fn noise() -> (Vec<f64>, Recording) {
        let hash = |i: usize| {
            convis_kernels::random::uniform(
                convis_kernels::random::Key::new(1, 0, "", 0),
                0,
                i,
                convis_kernels::random::Use::Start,
                0,
            )
        };
        let shown: Vec<f64> = (0..FRAMES * 6).map(hash).collect();
        let response = (0..FRAMES).map(|t| if t == 0 { 0.0 } else { shown[(t - 1) * 6 + 5] }).collect();
        let observation = Observation { nonlinearity: Nonlinearity::Identity, loss: Loss::Gaussian };
        let readout = Readout::Rate { observation, offset: false, gain: false };
        (shown, Recording::new(response, 1, vec![Counted::Training; FRAMES], readout).unwrap())
    }

    #[test]
    fn a_filter_begins_where_the_response_comes_from() {
        let (shown, recording) = noise();
        let shown = Shown { numbers: &shown, size: [2, 3] };
        let conv =
            |out, kernel| Conv3d::new(1, out, kernel, ConvOptions::default(), Resolution::default()).unwrap();
        let start = |layer: &dyn Layer| {
            let weight = parameter(layer, "weight").unwrap();
            recording.start_filters(std::slice::from_ref(&weight), false, shown, 0.5).unwrap();
            weight.value().0
        };
        let peak = |k: &[f64]| (0..k.len()).max_by(|a, b| k[*a].total_cmp(&k[*b])).unwrap();
        let whole = start(&conv(1, [3, 2, 3]));
        assert_eq!(peak(&whole), 6 + 5); // the frame before the last, pixel (1, 2)
        let deviation = 1.0 / 12f64.sqrt();
        assert!((norm(&whole) * deviation - 0.5).abs() < 0.01);
        // One of 1 × 3 pixels has its peak in the middle; a second one is its negative.
        let pair = start(&conv(2, [3, 1, 3]));
        assert_eq!(peak(&pair[..9]), 3 + 1);
        assert!(pair[..9].iter().zip(&pair[9..]).all(|(a, b)| *a == -b));
    }

    #[test]
    fn a_separable_one_begins_at_the_best_product() {
        let (shown, recording) = noise();
        let shown = Shown { numbers: &shown, size: [2, 3] };
        let model = SeparableSTRF::new(1, 2, 3, [2, 3], Nonlinearity::Exp, Resolution::default()).unwrap();
        let [space, time] = ["space.weight", "time.weight"].map(|name| parameter(&model, name).unwrap());
        recording.start_filters(&[space.clone(), time.clone()], true, shown, 0.5).unwrap();
        let (a, k) = (space.value().0, time.value().0);
        let largest = |x: &[f64]| (0..x.len()).max_by(|i, j| x[*i].abs().total_cmp(&x[*j].abs())).unwrap();
        assert_eq!((largest(&a[..6]), largest(&k[..3])), (5, 1));
        assert!(a[5] * k[1] > 0.0);
    }
}
