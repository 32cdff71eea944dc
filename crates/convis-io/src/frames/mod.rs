//! Movies of any length, frame by frame.
//!
//! [`open`] understands these inputs; each is read while it is used, so memory does not grow with length:
//!
//! | input | what it is |
//! |---|---|
//! | a folder, or a pattern such as `frames/*.png` | pictures in natural order: `frame2` before `frame10` |
//! | `.png`, `.pgm`, `.ppm`, `.pbm`, `.pnm`, `.jpg`, `.jpeg` | one picture, a movie of one frame |
//! | `.gif` | an animation; transparent parts are black |
//! | `.npy` | an array (time, height, width), (1, 1, time, height, width) or (height, width) |
//! | `.npz`, or `file.npz:name` | such an array in an archive; without a name the first one with 3 or 5 axes |
//! | `.inr` | a movie of Virtual Retina; its numbers are taken as they are |
//! | `-` | raw frames on standard input, as [`RawFormat`] says |
//! | anything else | a video, decoded by the programs `ffprobe` and `ffmpeg` |
//!
//! Of a folder, files that are no pictures and hidden files are passed over. Arrays in Fortran order are the
//! exception to bounded memory: they have to be read whole.
//!
//! # Values
//! Pictures, videos and arrays of `uint8`, `uint16` and `bool` become luminance from 0 to
//! [`OpenOptions::luminance_range`], their type's maximum giving the range. Colour becomes grey by the luma of
//! Rec. 709, Y = 0.2126 R + 0.7152 G + 0.0722 B; a picture with transparency stands before black.
//! Floating-point arrays are taken as they are and must be finite. Arrays of other integers are refused: no
//! convention says what their white is.

mod animation;
mod luminance;
mod pictures;
mod stream;
mod video;

use std::path::{Path, PathBuf};

use crate::{Error, Result};

/// A movie that is read frame by frame.
pub trait FrameSource: Send {
    /// Rows of a frame.
    fn height(&self) -> usize;

    /// Columns of a frame.
    fn width(&self) -> usize;

    /// The constant frame rate, if the file says one.
    fn frames_per_second(&self) -> Option<f64>;

    /// The number of frames in all, if it can be told; of a video an estimate.
    fn length_hint(&self) -> Option<u64>;

    /// Writes the next frame, row by row from the top left corner, and returns true; at the end returns
    /// false and leaves `into` as it was.
    ///
    /// # Errors
    /// If `into` has not `height` × `width` places, or the next frame is damaged or unlike the first.
    fn next_frame(&mut self, into: &mut [f32]) -> Result<bool>;

    /// The same in double precision. Sources that hold 64-bit numbers give them as they are; of pictures and video,
    /// single precision is all there is.
    ///
    /// ```
    /// use convis_io::{Array, OpenOptions, open, write_npy};
    ///
    /// let folder = tempfile::tempdir()?;
    /// let path = folder.path().join("movie.npy");
    /// write_npy(&path, &Array::new([1, 1, 2], vec![0.1_f64, 1e300])?)?;
    /// let mut frame = [0.0; 2];
    /// open(path.to_str().unwrap(), &OpenOptions::default())?.next_frame_f64(&mut frame)?;
    /// assert_eq!(frame, [0.1, 1e300]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// Those of [`next_frame`](Self::next_frame).
    fn next_frame_f64(&mut self, into: &mut [f64]) -> Result<bool> {
        let mut single = vec![0.0; into.len()];
        let more = self.next_frame(&mut single)?;
        if more {
            for (out, number) in into.iter_mut().zip(single) {
                *out = number.into();
            }
        }
        Ok(more)
    }
}

/// How to read a movie.
#[derive(Clone, Debug, PartialEq)]
pub struct OpenOptions {
    /// The luminance of white in integer pictures. 1.0 by default.
    pub luminance_range: f64,
    /// Undo the transfer curve of sRGB, so that luminance is proportional to light. Off by default. It is an
    /// error to ask it of floating-point numbers, which are taken as they are.
    pub linear_light: bool,
    /// What the bytes on standard input are; for the input `-` and no other.
    pub raw: Option<RawFormat>,
    /// The program that decodes video.
    pub ffmpeg: PathBuf,
    /// The program that tells the frame rate of video.
    pub ffprobe: PathBuf,
}

impl Default for OpenOptions {
    fn default() -> Self {
        Self {
            luminance_range: 1.0,
            linear_light: false,
            raw: None,
            ffmpeg: "ffmpeg".into(),
            ffprobe: "ffprobe".into(),
        }
    }
}

/// Frames without any header: `height` × `width` little-endian numbers each.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RawFormat {
    /// Rows of a frame.
    pub height: usize,
    /// Columns of a frame.
    pub width: usize,
    /// Type of the numbers.
    pub element: RawType,
}

/// Type of the numbers of raw frames.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum RawType {
    /// Unsigned, 8 bits; 255 is white.
    #[default]
    U8,
    /// Unsigned, 16 bits; 65535 is white.
    U16,
    /// Floating point, 32 bits, taken as it is.
    F32,
}

/// Opens a movie.
///
/// ```
/// use convis_io::{Array, OpenOptions, open, write_npy};
///
/// let folder = tempfile::tempdir()?;
/// let path = folder.path().join("movie.npy");
/// write_npy(&path, &Array::new([3, 1, 2], vec![0_u8, 51, 102, 153, 204, 255])?)?;
///
/// let options = OpenOptions { luminance_range: 100.0, ..OpenOptions::default() };
/// let mut movie = open(path.to_str().unwrap(), &options)?;
/// assert_eq!((movie.height(), movie.width(), movie.length_hint()), (1, 2, Some(3)));
/// let mut frame = vec![0.0; 2];
/// let mut mean = 0.0;
/// while movie.next_frame(&mut frame)? {
///     mean += (frame[0] + frame[1]) / 6.0;
/// }
/// assert!((mean - 50.0).abs() < 1e-4);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
/// If there is no such input, or it cannot be read as a movie.
pub fn open(input: &str, options: &OpenOptions) -> Result<Box<dyn FrameSource>> {
    if !(options.luminance_range.is_finite() && options.luminance_range > 0.0) {
        let found = options.luminance_range.to_string();
        return Err(Error::argument("luminance_range", "a finite number above 0", found));
    }
    if input == "-" {
        let Some(format) = options.raw else {
            let found = "neither";
            return Err(Error::argument("raw", "size and type of the frames on standard input", found));
        };
        return stream::raw(std::io::stdin(), format, options);
    }
    if options.raw.is_some() {
        let expected = "nothing, since raw frames are read from standard input (`-`) only";
        return Err(Error::argument("raw", expected, format!("the input '{input}'")));
    }
    let path = Path::new(input);
    if path.is_dir() {
        return pictures::folder(path, options);
    }
    if !path.exists() {
        return open_what_is_no_file(input, options);
    }
    let ending = path.extension().and_then(|ending| ending.to_str()).unwrap_or_default();
    match ending.to_ascii_lowercase().as_str() {
        "npy" => stream::npy(path, options),
        "npz" => stream::npz(path, None, options),
        "inr" if options.linear_light => {
            let expected = "integer pictures, since the numbers of .inr are taken as they are";
            Err(Error::argument("linear_light", expected, input))
        }
        "inr" => Ok(Box::new(crate::inr::InrReader::open(path)?)),
        "gif" => animation::open(path, options),
        _ if pictures::is_picture(path) => pictures::sequence(vec![path.to_owned()], options),
        _ => video::open(path, options),
    }
}

fn open_what_is_no_file(input: &str, options: &OpenOptions) -> Result<Box<dyn FrameSource>> {
    if let Some((archive, name)) = input.rsplit_once(':')
        && archive.to_ascii_lowercase().ends_with(".npz")
    {
        return stream::npz(Path::new(archive), Some(name), options);
    }
    if input.contains(['*', '?', '[']) {
        return pictures::pattern(input, options);
    }
    let reason = std::io::Error::new(std::io::ErrorKind::NotFound, "there is no such file or folder");
    Err(Error::read(Path::new(input), reason))
}

/// Refuses a buffer that is not one frame.
fn check_buffer<T>(into: &[T], height: usize, width: usize) -> Result<()> {
    if into.len() == height * width {
        return Ok(());
    }
    let expected = format!("a buffer of {height} × {width} numbers");
    Err(Error::argument("into", expected, format!("{} numbers", into.len())))
}
