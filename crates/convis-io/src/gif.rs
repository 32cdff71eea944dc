//! Animated GIF, written frame by frame.
//!
//! # Format
//! GIF, version 89a, with up to 256 colours a frame, repeated for ever. Grey frames share one palette of 256 greys and
//! lose nothing; the colours of a colour frame are reduced to its own best 256. The format counts delays in
//! hundredths of a second. Animations are read through [`frames::open`](crate::frames::open).

use std::borrow::Cow;
use std::path::Path;

use gif::{Encoder, EncodingError, Frame, Repeat};

use crate::draft::Draft;
use crate::png::check_pixels;
use crate::{Error, Result};

/// Writes an animation.
///
/// ```
/// let folder = tempfile::tempdir()?;
/// let path = folder.path().join("blink.gif");
/// let mut animation = convis_io::GifWriter::create(&path, 2, 1, 40.0)?;
/// animation.append(&[0, 255])?;
/// animation.append(&[255, 0])?;
/// animation.finish()?;
///
/// let movie = convis_io::open(path.to_str().unwrap(), &Default::default())?;
/// assert_eq!(movie.frames_per_second(), Some(25.0));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct GifWriter {
    encoder: Encoder<Draft>,
    width: u16,
    height: u16,
    delay: u16,
}

impl GifWriter {
    /// Begins an animation whose frames are shown for `delay_ms` each, rounded to the nearest 10 ms and at
    /// least 10 ms. (Most viewers slow delays below 20 ms down to 100 ms.)
    ///
    /// # Errors
    /// If the size or the delay is beyond the format, or the file cannot be created.
    pub fn create(path: impl AsRef<Path>, width: usize, height: usize, delay_ms: f64) -> Result<Self> {
        let (Ok(columns @ 1..), Ok(rows @ 1..)) = (u16::try_from(width), u16::try_from(height)) else {
            let found = format!("{width} by {height}");
            return Err(Error::argument("width and height", "1 to 65535 pixels, as GIF can hold", found));
        };
        let delay = (delay_ms / 10.0).round();
        if !(0.0..=65_535.0).contains(&delay) {
            return Err(Error::argument("delay_ms", "0 to 655350 ms", format!("{delay_ms}")));
        }
        let greys: Vec<u8> = (0..=255).flat_map(|grey| [grey; 3]).collect();
        let path = path.as_ref();
        let encoder = Encoder::new(Draft::create(path)?, columns, rows, &greys)
            .and_then(|mut encoder| encoder.set_repeat(Repeat::Infinite).map(|()| encoder))
            .map_err(|error| Error::write(path, reason(error)))?;
        Ok(Self { encoder, width: columns, height: rows, delay: (delay as u16).max(1) })
    }

    /// Appends a grey frame, row by row from the top left corner.
    ///
    /// # Errors
    /// If there are not width × height pixels, or the disk refuses.
    pub fn append(&mut self, grey: &[u8]) -> Result<()> {
        check_pixels(self.width.into(), self.height.into(), 1, grey)?;
        self.write(Frame { buffer: Cow::Borrowed(grey), ..Frame::default() })
    }

    /// Appends a colour frame: red, green and blue of each pixel.
    ///
    /// # Errors
    /// If there are not width × height × 3 samples, or the disk refuses.
    pub fn append_rgb(&mut self, rgb: &[u8]) -> Result<()> {
        check_pixels(self.width.into(), self.height.into(), 3, rgb)?;
        // 10 of 1 (best) to 30 (fastest) is the library's own recommendation.
        self.write(Frame::from_rgb_speed(self.width, self.height, rgb, 10))
    }

    /// Completes the file and gives it its name.
    ///
    /// # Errors
    /// If the disk refuses; nothing is left behind then.
    pub fn finish(self) -> Result<()> {
        let path = self.encoder.get_ref().path().to_owned();
        self.encoder.into_inner().map_err(|error| Error::write(&path, reason(error)))?.commit()
    }

    fn write(&mut self, frame: Frame<'_>) -> Result<()> {
        let frame = Frame { width: self.width, height: self.height, delay: self.delay, ..frame };
        self.encoder.write_frame(&frame).map_err(|error| self.encoder.get_ref().failed(reason(error)))
    }
}

fn reason(error: EncodingError) -> std::io::Error {
    match error {
        EncodingError::Io(reason) => reason,
        other => std::io::Error::other(other),
    }
}
