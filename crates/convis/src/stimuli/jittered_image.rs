//! A picture seen by an eye that fixates.

use std::sync::{Arc, Mutex, PoisonError};

use convis_kernels::parallel;

use super::fixational_eye_movements::Walk;
use super::{EyeMovements, Gaze, Screen, Stimulus, view};
use crate::{Error, Result};

/// A still picture that moves over the retina by fixational eye movements.
///
/// # Equation
/// ```text
/// L(t, p) = picture(p + gaze(t))
/// ```
/// with the gaze of [`EyeMovements`], the picture centred on the fixation point at the resolution of the screen, read
/// between its pixels by bilinear interpolation ([`view`]) and continued with its edge.
///
/// # Memory
/// The gaze is a random walk: what it takes to go on from every 1024th frame is remembered (0.1 byte per frame).
///
/// # Source
/// Natural pictures jittered as here: Maheswaranathan et al. 2023, Neuron 111:2742; the movements: [`EyeMovements`].
///
/// # Example
/// ```
/// use convis::stimuli::{EyeMovements, JitteredImage, Screen, movie};
/// let picture: Vec<f32> = (0..80 * 100).map(|i| ((i % 100) / 5 % 2) as f32).collect();
/// let screen = Screen { height: 20, width: 30, ..Screen::default() };
/// let eye = EyeMovements { seed: 5, ..EyeMovements::default() };
/// let seen = JitteredImage::new(picture, (80, 100), screen, eye)?;
/// let shown = movie(&seen, 0, 300)?;
/// assert_eq!(movie(&seen, 250, 50)?, shown.frames(250, 50)?);
/// assert_ne!(shown.frames(0, 1)?, shown.frames(299, 1)?);
/// # Ok::<(), convis::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct JitteredImage {
    picture: Arc<[f32]>,
    size: (usize, usize),
    screen: Screen,
    eye: EyeMovements,
    /// The walk at frames 0, 1024, 2048 … as far as anybody asked.
    milestones: Arc<Mutex<Vec<Walk>>>,
}

/// Frames between remembered places of the walk.
const MILESTONE: u64 = 1024;

impl JitteredImage {
    /// A picture of `(height, width)` pixels, row by row.
    ///
    /// # Errors
    /// If the picture does not have this size or holds a number that is not finite, or a constant cannot be used.
    pub fn new(
        picture: impl Into<Arc<[f32]>>,
        (height, width): (usize, usize),
        screen: Screen,
        eye: EyeMovements,
    ) -> Result<Self> {
        let picture = picture.into();
        if picture.is_empty() || Some(picture.len()) != height.checked_mul(width) {
            let expected = format!("{height}×{width} pixels, at least one");
            return Err(Error::argument("picture", expected, picture.len()));
        }
        if !picture.iter().all(|luminance| luminance.is_finite()) {
            return Err(Error::argument("picture", "finite numbers", "NaN or infinity"));
        }
        screen.check()?;
        eye.check(screen.resolution.step_s())?;
        let milestones = Arc::new(Mutex::new(vec![Walk::new(eye, screen.resolution.step_s())]));
        Ok(Self { picture, size: (height, width), screen, eye, milestones })
    }

    /// The movements of the eye.
    pub const fn eye(&self) -> EyeMovements {
        self.eye
    }

    /// Where the eye looks from a frame on.
    fn gaze_from(&self, frame: u64) -> Walk {
        let mut milestones = self.milestones.lock().unwrap_or_else(PoisonError::into_inner);
        let wanted = (frame / MILESTONE) as usize;
        while milestones.len() <= wanted {
            let mut walk = milestones[milestones.len() - 1].clone();
            walk.nth(MILESTONE as usize - 1);
            milestones.push(walk);
        }
        let mut walk = milestones[wanted].clone();
        let beyond = (frame % MILESTONE) as usize;
        if beyond > 0 {
            walk.nth(beyond - 1);
        }
        walk
    }

    fn look(&self, gaze: Gaze, out: &mut [f32]) {
        let size = (self.screen.height, self.screen.width);
        // The sizes were checked when the picture came; another size of `out` shows nothing.
        if view(&self.picture, self.size, gaze, self.screen.resolution.pixel_per_degree(), out, size).is_err()
        {
            out.fill(0.0);
        }
    }
}

impl Stimulus for JitteredImage {
    fn check(&self) -> Result<()> {
        Ok(())
    }

    fn size(&self) -> (usize, usize) {
        (self.screen.height, self.screen.width)
    }

    fn frames(&self) -> Option<u64> {
        None
    }

    fn render(&self, frame: u64, out: &mut [f32]) {
        if let Some(gaze) = self.gaze_from(frame).next() {
            self.look(gaze, out);
        }
    }

    /// Walks once through all frames instead of once to each.
    fn render_frames(&self, first: u64, out: &mut [f32]) {
        let work = 16 * out.len();
        let pixels = self.screen.height * self.screen.width;
        let frames: Vec<_> = out.chunks_mut(pixels).zip(self.gaze_from(first)).collect();
        parallel::for_each(frames, work, |(out, gaze)| self.look(gaze, out));
    }
}

#[cfg(test)]
mod tests {
    use super::super::movie;
    use super::*;

    #[test]
    fn frames_in_any_order_are_those_of_the_trace() {
        let picture: Vec<f32> = (0..60 * 60).map(|i| (i % 60) as f32).collect();
        let screen = Screen { height: 3, width: 3, ..Screen::default() };
        let seen = JitteredImage::new(picture, (60, 60), screen, EyeMovements::default()).unwrap();
        let trace = seen.eye().trace(3000, 0.001).unwrap();
        for frame in [2999u64, 0, 1024, 1023, 2048, 7] {
            let mut out = [0.0; 9];
            seen.render(frame, &mut out);
            // The picture is a ramp from left to right, so the middle pixel tells the gaze.
            assert!((f64::from(out[4]) - 29.5 - 10.0 * trace[frame as usize].x_deg).abs() < 1e-4);
            assert_eq!(movie(&seen, frame, 1).unwrap().to_f32(), out);
        }
        assert!(JitteredImage::new(vec![0.0; 5], (2, 3), screen, EyeMovements::default()).is_err());
    }
}
