//! PNG pictures, 8 bits a sample.
//!
//! # Format
//! Portable Network Graphics, grey or red-green-blue. Pixels are given row by row from the top left corner.
//! Pictures are read through [`frames::open`](crate::frames::open).

use std::path::Path;

use image::codecs::png::PngEncoder;
use image::{ExtendedColorType, ImageEncoder, ImageError};

use crate::draft::Draft;
use crate::{Error, Result};

/// Writes a grey picture.
///
/// ```
/// let folder = tempfile::tempdir()?;
/// let path = folder.path().join("grating.png");
/// convis_io::write_png_grey(&path, 2, 1, &[0, 255])?;
///
/// let mut picture = convis_io::open(path.to_str().unwrap(), &Default::default())?;
/// let mut luminance = [0.0; 2];
/// picture.next_frame(&mut luminance)?;
/// assert_eq!(luminance, [0.0, 1.0]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
/// If there are not `width` × `height` pixels, or the file cannot be written; nothing is left behind then.
pub fn write_png_grey(path: impl AsRef<Path>, width: usize, height: usize, pixels: &[u8]) -> Result<()> {
    write(path.as_ref(), width, height, 1, pixels)
}

/// Writes a colour picture: red, green and blue of each pixel.
///
/// # Errors
/// If there are not `width` × `height` × 3 samples, or the file cannot be written; nothing is left behind then.
pub fn write_png_rgb(path: impl AsRef<Path>, width: usize, height: usize, pixels: &[u8]) -> Result<()> {
    write(path.as_ref(), width, height, 3, pixels)
}

fn write(path: &Path, width: usize, height: usize, samples: usize, pixels: &[u8]) -> Result<()> {
    check_pixels(width, height, samples, pixels)?;
    let (Ok(columns @ 1..), Ok(rows @ 1..)) = (u32::try_from(width), u32::try_from(height)) else {
        let found = format!("{width} by {height}");
        return Err(Error::argument("width and height", "a size of 1 or more that PNG can hold", found));
    };
    let colour = if samples == 1 { ExtendedColorType::L8 } else { ExtendedColorType::Rgb8 };
    let mut draft = Draft::create(path)?;
    PngEncoder::new(&mut draft).write_image(pixels, columns, rows, colour).map_err(|error| {
        draft.failed(match error {
            ImageError::IoError(reason) => reason,
            other => std::io::Error::other(other),
        })
    })?;
    draft.commit()
}

/// Refuses pixels that do not fill the picture.
pub(crate) fn check_pixels(width: usize, height: usize, samples: usize, pixels: &[u8]) -> Result<()> {
    if width.checked_mul(height).and_then(|n| n.checked_mul(samples)) == Some(pixels.len()) {
        return Ok(());
    }
    let expected = format!("{width} × {height} pixels of {samples} bytes");
    Err(Error::argument("pixels", expected, format!("{} bytes", pixels.len())))
}
