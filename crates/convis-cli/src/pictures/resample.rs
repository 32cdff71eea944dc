//! Pictures at another size, their values kept honest.

/// Brings a picture (row-major) to another size.
///
/// Each new pixel is the mean of the area it covers, so a smaller picture has the same mean and no aliasing, and a
/// larger one shows the pixels there are instead of inventing values between them. NaN and infinities stay visible.
pub(super) fn resample(
    picture: &[f32],
    (height, width): (usize, usize),
    (new_height, new_width): (usize, usize),
) -> Vec<f32> {
    let across = shares(width, new_width);
    let mut narrow = vec![0.0_f32; height * new_width];
    for (source, target) in picture.chunks_exact(width).zip(narrow.chunks_exact_mut(new_width)) {
        for (value, (from, weights)) in target.iter_mut().zip(&across) {
            *value = weights.iter().zip(&source[*from..]).map(|(weight, source)| weight * source).sum();
        }
    }
    let mut small = vec![0.0_f32; new_height * new_width];
    for (target, (from, weights)) in small.chunks_exact_mut(new_width).zip(shares(height, new_height)) {
        for (weight, source) in weights.iter().zip(narrow[from * new_width..].chunks_exact(new_width)) {
            for (value, source) in target.iter_mut().zip(source) {
                *value += weight * source;
            }
        }
    }
    small
}

/// For each of `new` equal stretches of an axis of `old` pixels: the first pixel it touches and the shares of the
/// pixels it covers; the shares sum to one.
fn shares(old: usize, new: usize) -> Vec<(usize, Vec<f32>)> {
    (0..new)
        .map(|i| {
            // In units of 1/new pixel, exact in whole numbers.
            let (start, end) = (i * old, (i + 1) * old);
            let (first, last) = (start / new, (end - 1) / new);
            let weights = (first..=last).map(|pixel| {
                let covered = end.min((pixel + 1) * new) - start.max(pixel * new);
                covered as f32 / old as f32
            });
            (first, weights.collect())
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mean_is_kept_when_reduced() {
        let picture: Vec<f32> = (0..7 * 11).map(|i| ((i * 29) % 13) as f32).collect();
        let small = resample(&picture, (7, 11), (3, 4));
        let mean = |values: &[f32]| values.iter().sum::<f32>() / values.len() as f32;
        assert_eq!(small.len(), 12);
        assert!((mean(&small) - mean(&picture)).abs() < 1e-4);
    }

    #[test]
    fn whole_enlargement_repeats_pixels() {
        let large = resample(&[1.0, 2.0, 3.0, 4.0], (2, 2), (4, 4));
        assert_eq!(large[..4], [1.0, 1.0, 2.0, 2.0]);
        assert_eq!(large[12..], [3.0, 3.0, 4.0, 4.0]);
    }

    #[test]
    fn nothing_that_is_not_a_number_disappears() {
        let small = resample(&[f32::NAN, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0], (2, 4), (1, 2));
        assert!(small[0].is_nan() && small[1] == 0.0);
    }
}
