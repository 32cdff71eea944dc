//! Pictures as frames.

use std::cmp::Ordering;
use std::fs;
use std::io::Cursor;
use std::path::{Path, PathBuf};

use image::{DynamicImage, ImageDecoder, ImageFormat, ImageReader};

use super::luminance::Luminance;
use super::{FrameSource, OpenOptions, check_buffer};
use crate::{Error, Result};

const ENDINGS: [&str; 7] = ["png", "pgm", "ppm", "pbm", "pnm", "jpg", "jpeg"];

/// True if the name ends like that of a picture.
pub(super) fn is_picture(path: &Path) -> bool {
    path.extension().is_some_and(|own| ENDINGS.iter().any(|ending| own.eq_ignore_ascii_case(ending)))
}

/// The pictures of a folder.
pub(super) fn folder(path: &Path, options: &OpenOptions) -> Result<Box<dyn FrameSource>> {
    let listing = |reason| Error::read(path, reason);
    let mut files = Vec::new();
    for entry in fs::read_dir(path).map_err(listing)? {
        let entry = entry.map_err(listing)?;
        let hidden = entry.file_name().as_encoded_bytes().starts_with(b".");
        if !hidden && is_picture(&entry.path()) {
            files.push(entry.path());
        }
    }
    sequence_of_some(path, files, options)
}

/// The pictures that a pattern such as `frames/*.png` means.
pub(super) fn pattern(pattern: &str, options: &OpenOptions) -> Result<Box<dyn FrameSource>> {
    let matches = glob::glob(pattern)
        .map_err(|error| Error::argument("input", "a pattern such as frames/*.png", error.to_string()))?;
    let files = matches.collect::<std::result::Result<Vec<_>, _>>().map_err(|error| {
        let path = error.path().to_owned();
        Error::read(&path, error.into())
    })?;
    sequence_of_some(Path::new(pattern), files, options)
}

fn sequence_of_some(
    input: &Path,
    mut files: Vec<PathBuf>,
    options: &OpenOptions,
) -> Result<Box<dyn FrameSource>> {
    if files.is_empty() {
        let expected = format!("pictures ({})", ENDINGS.join(", "));
        return Err(Error::malformed(input, expected, "none", "check the name of the folder or the pattern"));
    }
    files.sort_by(|a, b| natural_order(&a.to_string_lossy(), &b.to_string_lossy()));
    sequence(files, options)
}

/// The pictures in `files`, in that order; there is at least one.
pub(super) fn sequence(files: Vec<PathBuf>, options: &OpenOptions) -> Result<Box<dyn FrameSource>> {
    let scale = Scale { bits_8: Luminance::new(255, options), bits_16: Luminance::new(u16::MAX, options) };
    let first = Picture::read(&files[0], 0, &scale)?;
    let (height, width) = (first.height, first.width);
    Ok(Box::new(Sequence { files, scale, height, width, first: Some(first), position: 0 }))
}

struct Scale {
    bits_8: Luminance,
    bits_16: Luminance,
}

struct Sequence {
    files: Vec<PathBuf>,
    scale: Scale,
    height: usize,
    width: usize,
    /// The picture that told the size, until it is asked for.
    first: Option<Picture>,
    position: usize,
}

impl FrameSource for Sequence {
    fn height(&self) -> usize {
        self.height
    }

    fn width(&self) -> usize {
        self.width
    }

    fn frames_per_second(&self) -> Option<f64> {
        None
    }

    fn length_hint(&self) -> Option<u64> {
        Some(self.files.len() as u64)
    }

    fn next_frame(&mut self, into: &mut [f32]) -> Result<bool> {
        check_buffer(into, self.height, self.width)?;
        let Some(path) = self.files.get(self.position) else { return Ok(false) };
        let frame = self.position as u64;
        let picture = match self.first.take() {
            Some(first) => first,
            None => Picture::read(path, frame, &self.scale)?,
        };
        if (picture.height, picture.width) != (self.height, self.width) {
            return Err(Error::frame(
                path,
                frame,
                format!("{} × {} pixels as in {}", self.height, self.width, self.files[0].display()),
                format!("{} × {}", picture.height, picture.width),
                "give pictures of one size (height × width)",
            ));
        }
        into.copy_from_slice(&picture.luminance);
        self.position += 1;
        Ok(true)
    }
}

struct Picture {
    height: usize,
    width: usize,
    luminance: Vec<f32>,
}

impl Picture {
    fn read(path: &Path, frame: u64, scale: &Scale) -> Result<Self> {
        let bytes = fs::read(path).map_err(|reason| Error::read(path, reason))?;
        let picture = decode(&bytes).map_err(|found| {
            let advice = "export the picture again, or leave it out";
            Error::frame(path, frame, "a complete PNG, PGM or JPEG picture", found, advice)
        })?;
        let luminance = match &picture {
            DynamicImage::ImageLuma8(grey) => grey.iter().map(|&v| scale.bits_8.grey(v)).collect(),
            DynamicImage::ImageLuma16(grey) => grey.iter().map(|&v| scale.bits_16.grey(v)).collect(),
            DynamicImage::ImageRgb8(colours) => colours.pixels().map(|p| scale.bits_8.colour(p.0)).collect(),
            DynamicImage::ImageRgb16(colours) => {
                colours.pixels().map(|p| scale.bits_16.colour(p.0)).collect()
            }
            other => {
                let before_black = |[red, green, blue, opacity]: [u16; 4]| {
                    scale.bits_16.colour([red, green, blue]) * (f32::from(opacity) / 65_535.0)
                };
                other.to_rgba16().pixels().map(|p| before_black(p.0)).collect()
            }
        };
        Ok(Self { height: picture.height() as usize, width: picture.width() as usize, luminance })
    }
}

/// The picture in `bytes`, or what is wrong with it.
fn decode(bytes: &[u8]) -> std::result::Result<DynamicImage, String> {
    let reader = ImageReader::new(Cursor::new(bytes));
    let reader = reader.with_guessed_format().map_err(|error| error.to_string())?;
    let complete = match reader.format() {
        Some(ImageFormat::Png) => png_is_complete(bytes),
        Some(ImageFormat::Jpeg) => jpeg_is_complete(bytes),
        Some(ImageFormat::Pnm) => true,
        _ => return Err("no such picture".to_owned()),
    };
    if !complete {
        return Err("a file that ends early".to_owned());
    }
    let mut decoder = reader.into_decoder().map_err(|error| error.to_string())?;
    let orientation = decoder.orientation().map_err(|error| error.to_string())?;
    let mut picture = DynamicImage::from_decoder(decoder).map_err(|error| error.to_string())?;
    picture.apply_orientation(orientation);
    Ok(picture)
}

/// Decoders forgive an end that is cut off, since it may lie after the last pixel; whoever copies files does
/// not. Walks the chunks to the closing one.
fn png_is_complete(bytes: &[u8]) -> bool {
    let mut at = 8;
    while let Some(&[a, b, c, d, ref name @ ..]) = bytes.get(at..at + 8) {
        let end = at + 12 + u32::from_be_bytes([a, b, c, d]) as usize;
        if name == b"IEND" {
            return bytes.len() >= end;
        }
        at = end;
    }
    false
}

/// Walks the segments to the beginning of the pixels, after which only the closing marker has its two bytes.
fn jpeg_is_complete(bytes: &[u8]) -> bool {
    const START_OF_SCAN: u8 = 0xda;
    let mut at = 2;
    while let Some(&[0xff, marker, a, b]) = bytes.get(at..at + 4) {
        if marker == START_OF_SCAN {
            return bytes[at..].windows(2).any(|pair| pair == [0xff, 0xd9]);
        }
        // A marker may be padded with further 0xff.
        at += if marker == 0xff { 1 } else { 2 + usize::from(u16::from_be_bytes([a, b])) };
    }
    false
}

/// Compares names as people count: `frame2` comes before `frame10`.
fn natural_order(a: &str, b: &str) -> Ordering {
    let (mut rest_a, mut rest_b) = (a, b);
    loop {
        let ((number_a, after_a), (number_b, after_b)) = (leading_digits(rest_a), leading_digits(rest_b));
        let order = if number_a.is_empty() || number_b.is_empty() {
            match (rest_a.chars().next(), rest_b.chars().next()) {
                // Names such as 01 and 1 count alike; their spelling decides.
                (None, None) => return a.cmp(b),
                (one, other) => {
                    rest_a = &rest_a[one.map_or(0, char::len_utf8)..];
                    rest_b = &rest_b[other.map_or(0, char::len_utf8)..];
                    one.cmp(&other)
                }
            }
        } else {
            (rest_a, rest_b) = (after_a, after_b);
            let (a, b) = (number_a.trim_start_matches('0'), number_b.trim_start_matches('0'));
            a.len().cmp(&b.len()).then_with(|| a.cmp(b))
        };
        if order.is_ne() {
            return order;
        }
    }
}

fn leading_digits(text: &str) -> (&str, &str) {
    text.split_at(text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_ordered_as_people_count() {
        let ordered = [
            "a",
            "frame",
            "frame1.png",
            "frame01.png",
            "frame2.png",
            "frame10.png",
            "frame10b.png",
            "frame99999999999999999999999.png",
            "framf",
            "é1",
            "é2",
        ];
        for (i, a) in ordered.iter().enumerate() {
            for (j, b) in ordered.iter().enumerate() {
                let expected = if (i, j) == (2, 3) || (i, j) == (3, 2) { a.cmp(b) } else { i.cmp(&j) };
                assert_eq!(natural_order(a, b), expected, "{a} {b}");
            }
        }
    }
}
