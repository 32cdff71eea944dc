//! Where a blur is wider, and by how much.

/// By how much the variance grows from one width of the ladder to the next.
pub const STEP: f64 = 1.5;

/// The factor by which a blur is wider at each pixel than in the fovea, as places on a ladder of widths.
#[derive(Clone, Debug, PartialEq)]
pub struct Field {
    height: usize,
    width: usize,
    /// The widths mₗ of the ladder; the first is 1.
    pub(crate) factors: Vec<f64>,
    /// For every pixel: the lower of its two widths.
    level: Vec<usize>,
    /// For every pixel: the part of the upper one.
    part: Vec<f64>,
}

impl Field {
    /// The radially varying scheme: density 1 up to `fovea_radius_deg` from the middle of the image, and
    /// `1/(1 + K·(r − R₀))` beyond; a blur is wider by the inverse.
    pub fn radial(
        height: usize,
        width: usize,
        pixels_per_degree: f64,
        fovea_radius_deg: f64,
        k: f64,
    ) -> Self {
        let (middle_p, middle_q) = ((height as f64 - 1.0) / 2.0, (width as f64 - 1.0) / 2.0);
        let factor = |i: usize| {
            let (p, q) = ((i / width) as f64 - middle_p, (i % width) as f64 - middle_q);
            let beyond = p.hypot(q) / pixels_per_degree - fovea_radius_deg;
            1.0 + k * beyond.max(0.0)
        };
        let wanted: Vec<f64> = (0..height * width).map(factor).collect();
        let widest = wanted.iter().fold(1.0f64, |m, &x| m.max(x));
        let mut variances = vec![1.0];
        while variances[variances.len() - 1] < widest * widest {
            variances.push(variances[variances.len() - 1] * STEP);
        }
        let place = |m: f64| {
            let v = m * m;
            let upper = variances.partition_point(|&known| known <= v).min(variances.len() - 1);
            let lower = upper.saturating_sub(1);
            let span = variances[upper] - variances[lower];
            (lower, if span > 0.0 { (v - variances[lower]) / span } else { 0.0 })
        };
        let (level, part) = wanted.iter().map(|&m| place(m)).unzip();
        Self { height, width, factors: variances.iter().map(|v| v.sqrt()).collect(), level, part }
    }

    /// Rows and columns of the frames it is for.
    pub const fn size(&self) -> (usize, usize) {
        (self.height, self.width)
    }

    /// The weights of level `l`, or `None` where it weighs nothing anywhere.
    pub(crate) fn weights(&self, l: usize) -> Option<Vec<f64>> {
        let weight = |(&level, &part): (&usize, &f64)| match l.checked_sub(level) {
            Some(0) => 1.0 - part,
            Some(1) => part,
            _ => 0.0,
        };
        let weights: Vec<f64> = self.level.iter().zip(&self.part).map(weight).collect();
        weights.iter().any(|&w| w != 0.0).then_some(weights)
    }
}
