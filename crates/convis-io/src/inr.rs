//! Movies of Virtual Retina: `.inr`.
//!
//! # Format
//! A header of text, a multiple of 256 bytes long, then the numbers: x fastest, then y, then frames.
//!
//! ```text
//! #INRIMAGE-4#{
//! XDIM=160
//! YDIM=128
//! ZDIM=448
//! VDIM=1
//! TYPE=float
//! PIXSIZE=64 bits
//! CPU=decm
//! (empty lines)
//! ##}
//! ```
//!
//! XDIM is the width, YDIM the height, ZDIM the number of frames. Read: `float` of 32 or 64 bits, `unsigned fixed` and
//! `signed fixed` of 8, 16 or 32 bits, one number per pixel, both byte orders. Written: `float`, little-endian.

use std::fs::File;
use std::io::{BufReader, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use crate::draft::Draft;
use crate::npy::swap_bytes;
use crate::{Error, Result};

const BLOCK: usize = 256;
/// No header has more blocks; a longer one is an accident or an attack.
const MOST_BLOCKS: usize = 64;
const MAGIC: &str = "#INRIMAGE-4#{";

/// Type of the numbers in a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Element {
    Unsigned(usize),
    Signed(usize),
    Float(usize),
}

impl Element {
    const fn size(self) -> usize {
        match self {
            Self::Unsigned(size) | Self::Signed(size) | Self::Float(size) => size,
        }
    }

    /// The number in `bytes`, little-endian.
    fn decode(self, bytes: &[u8]) -> f64 {
        let mut word = [0; 8];
        word[..bytes.len()].copy_from_slice(bytes);
        let word = u64::from_le_bytes(word);
        match self {
            Self::Float(4) => f64::from(f32::from_bits(word as u32)),
            Self::Float(_) => f64::from_bits(word),
            Self::Unsigned(_) => word as f64,
            Self::Signed(size) => {
                let unused = 64 - 8 * size as u32;
                ((word << unused) as i64 >> unused) as f64
            }
        }
    }
}

/// Reads a movie frame by frame.
///
/// ```
/// use convis_io::inr::{InrReader, InrWriter};
///
/// let folder = tempfile::tempdir()?;
/// let path = folder.path().join("opl.inr");
/// let mut writer = InrWriter::create(&path, 1, 2)?;
/// writer.write_frame(&[0.25, -1.5])?;
/// writer.write_frame(&[0.1, 3.0])?;
/// writer.finish()?;
///
/// let mut reader = InrReader::open(&path)?;
/// assert_eq!((reader.height(), reader.width(), reader.frames()), (1, 2, 2));
/// let mut frame = [0.0; 2];
/// reader.next_frame(&mut frame)?;
/// reader.next_frame(&mut frame)?;
/// assert_eq!(frame, [0.1, 3.0]);
/// assert!(!reader.next_frame(&mut frame)?);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct InrReader<R = BufReader<File>> {
    reader: R,
    path: PathBuf,
    element: Element,
    big_endian: bool,
    height: usize,
    width: usize,
    frames: u64,
    position: u64,
    bytes: Vec<u8>,
    exact: Vec<f64>,
}

impl InrReader {
    /// Opens a file and checks that it is as long as its header says.
    ///
    /// # Errors
    /// If the file cannot be read, has no such header, or is of another length.
    pub fn open(path: impl AsRef<Path>) -> Result<Self> {
        let path = path.as_ref();
        let file = File::open(path).map_err(|reason| Error::read(path, reason))?;
        let length = file.metadata().map_err(|reason| Error::read(path, reason))?.len();
        Self::new(BufReader::with_capacity(1 << 16, file), length, path)
    }
}

impl<R: Read> InrReader<R> {
    /// A movie of `length` bytes that `reader` begins with; `path` stands in errors.
    ///
    /// # Errors
    /// If there is no such header, or the length does not fit it.
    pub fn new(mut reader: R, length: u64, path: &Path) -> Result<Self> {
        let broken = |expected: &str, found: String| {
            Error::malformed(path, expected, found, "check that it is a complete .inr movie")
        };
        let mut header = vec![];
        while !header.ends_with(b"##}\n") {
            if header.len() == BLOCK * MOST_BLOCKS {
                return Err(broken("the end ##} of the header", format!("none in {} bytes", header.len())));
            }
            let begin = header.len();
            header.resize(begin + BLOCK, 0);
            if let Err(reason) = reader.read_exact(&mut header[begin..]) {
                if reason.kind() != std::io::ErrorKind::UnexpectedEof {
                    return Err(Error::read(path, reason));
                }
                return Err(broken("a header of 256 bytes", format!("a file of {length} bytes")));
            }
            if !header.starts_with(MAGIC.as_bytes()) {
                return Err(broken(&format!("the beginning {MAGIC}"), "another one".to_owned()));
            }
        }
        let fields = Fields::read(&header).map_err(|(expected, found)| broken(&expected, found))?;
        let Fields { height, width, frames, element, big_endian } = fields;
        let frame = height.checked_mul(width).and_then(|pixels| pixels.checked_mul(element.size() as u64));
        let needed = frame.and_then(|frame| frame.checked_mul(frames));
        let found = length.saturating_sub(header.len() as u64);
        if needed != Some(found) {
            let expected =
                format!("{frames} frames of {height} × {width} numbers of {} bytes", element.size());
            return Err(broken(&expected, format!("{found} bytes")));
        }
        Ok(Self {
            reader,
            path: path.to_owned(),
            element,
            big_endian,
            height: height as usize,
            width: width as usize,
            frames,
            position: 0,
            bytes: vec![],
            exact: vec![],
        })
    }

    /// Rows of a frame.
    pub const fn height(&self) -> usize {
        self.height
    }

    /// Columns of a frame.
    pub const fn width(&self) -> usize {
        self.width
    }

    /// Number of frames.
    pub const fn frames(&self) -> u64 {
        self.frames
    }

    /// Reads the next frame, row by row; false after the last.
    ///
    /// # Errors
    /// If `into` has not as many places as a frame has pixels, the file cannot be read, or a number is not finite.
    pub fn next_frame(&mut self, into: &mut [f64]) -> Result<bool> {
        let pixels = self.height * self.width;
        if into.len() != pixels {
            let found = format!("{} places", into.len());
            return Err(Error::argument("into", format!("a buffer of {pixels} numbers"), found));
        }
        if self.position == self.frames {
            return Ok(false);
        }
        // The length of the file was checked, so this is no more than the file holds.
        self.bytes.resize(pixels * self.element.size(), 0);
        self.reader.read_exact(&mut self.bytes).map_err(|reason| Error::read(&self.path, reason))?;
        if self.big_endian {
            swap_bytes(&mut self.bytes, self.element.size());
        }
        for (out, bytes) in into.iter_mut().zip(self.bytes.chunks_exact(self.element.size())) {
            *out = self.element.decode(bytes);
        }
        if let Some(bad) = into.iter().position(|number| !number.is_finite()) {
            let (row, column) = (bad / self.width, bad % self.width);
            let found = format!("{} at row {row}, column {column}", into[bad]);
            let advice = "correct the movie";
            return Err(Error::frame(&self.path, self.position, "finite numbers", found, advice));
        }
        self.position += 1;
        Ok(true)
    }
}

impl crate::FrameSource for InrReader {
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
        Some(self.frames)
    }

    fn next_frame(&mut self, into: &mut [f32]) -> Result<bool> {
        let mut exact = std::mem::take(&mut self.exact);
        exact.resize(into.len(), 0.0);
        let more = Self::next_frame(self, &mut exact);
        if let Ok(true) = more {
            for (out, number) in into.iter_mut().zip(&exact) {
                *out = *number as f32;
            }
            if let Some(bad) = into.iter().position(|number| !number.is_finite()) {
                let (row, column) = (bad / self.width, bad % self.width);
                let found = format!("{:e} at row {row}, column {column}", exact[bad]);
                let expected = "numbers that fit into single precision, up to 3e38";
                return Err(Error::frame(&self.path, self.position - 1, expected, found, "scale the movie"));
            }
        }
        self.exact = exact;
        more
    }

    fn next_frame_f64(&mut self, into: &mut [f64]) -> Result<bool> {
        Self::next_frame(self, into)
    }
}

/// What a header says.
struct Fields {
    height: u64,
    width: u64,
    frames: u64,
    element: Element,
    big_endian: bool,
}

impl Fields {
    /// Reads a header, or says what was expected and what came.
    fn read(header: &[u8]) -> std::result::Result<Self, (String, String)> {
        let text = String::from_utf8_lossy(header);
        let value = |name: &str| {
            text.lines()
                .filter_map(|line| line.split_once('='))
                .find_map(|(key, value)| (key.trim() == name).then(|| value.trim().to_owned()))
        };
        let size = |name: &str, default: Option<u64>| match (value(name), default) {
            (None, Some(default)) => Ok(default),
            (text, _) => {
                let text = text.unwrap_or_else(|| "none".to_owned());
                let number = text.parse::<u64>().ok().filter(|number| *number > 0);
                number.ok_or_else(|| (format!("{name}=number above 0 in the header"), text))
            }
        };
        let (width, height) = (size("XDIM", None)?, size("YDIM", None)?);
        let (frames, values) = (size("ZDIM", Some(1))?, size("VDIM", Some(1))?);
        if values != 1 {
            return Err(("one number per pixel, VDIM=1".to_owned(), format!("VDIM={values}")));
        }
        let kind = value("TYPE").unwrap_or_else(|| "none".to_owned());
        let bits = value("PIXSIZE").unwrap_or_else(|| "none".to_owned());
        let bytes = match bits.trim_end_matches("bits").trim() {
            "8" => Some(1),
            "16" => Some(2),
            "32" => Some(4),
            "64" => Some(8),
            _ => None,
        };
        let element = match (kind.as_str(), bytes) {
            ("float" | "double", Some(size @ (4 | 8))) => Element::Float(size),
            ("unsigned fixed", Some(size @ (1 | 2 | 4))) => Element::Unsigned(size),
            ("signed fixed", Some(size @ (1 | 2 | 4))) => Element::Signed(size),
            _ => {
                let expected =
                    "TYPE=float of 32 or 64 bits, unsigned fixed or signed fixed of 8, 16 or 32 bits";
                return Err((expected.to_owned(), format!("TYPE={kind}, PIXSIZE={bits}")));
            }
        };
        let big_endian = match value("CPU").as_deref() {
            None | Some("decm" | "pc" | "alpha") => false,
            Some("sun" | "sgi") => true,
            Some(other) => {
                return Err(("CPU=decm, pc, alpha, sun or sgi".to_owned(), format!("CPU={other}")));
            }
        };
        Ok(Self { height, width, frames, element, big_endian })
    }
}

/// Writes a movie frame by frame, as 64-bit floats.
///
/// Nothing is seen under the name of the file before [`finish`](Self::finish).
pub struct InrWriter {
    draft: Draft,
    height: usize,
    width: usize,
    frames: u64,
}

impl InrWriter {
    /// Begins a file.
    ///
    /// # Errors
    /// If a frame has no pixels, or the file cannot be written.
    pub fn create(path: impl AsRef<Path>, height: usize, width: usize) -> Result<Self> {
        if height == 0 || width == 0 || height.checked_mul(width).is_none() {
            return Err(Error::argument("size", "frames of 1 pixel or more", format!("{height} × {width}")));
        }
        let mut draft = Draft::create(path.as_ref())?;
        // Its place is kept until the number of frames is known.
        draft.write_all(&header(height, width, 0)).map_err(|reason| draft.failed(reason))?;
        Ok(Self { draft, height, width, frames: 0 })
    }

    /// Appends a frame.
    ///
    /// # Errors
    /// If it has not as many numbers as a frame has pixels, or the file cannot be written.
    pub fn write_frame<T: Copy + Into<f64>>(&mut self, frame: &[T]) -> Result<()> {
        let pixels = self.height * self.width;
        if frame.len() != pixels {
            return Err(Error::argument("frame", format!("{pixels} numbers"), frame.len().to_string()));
        }
        for &number in frame {
            let number: f64 = number.into();
            self.draft.write_all(&number.to_le_bytes()).map_err(|reason| self.draft.failed(reason))?;
        }
        self.frames += 1;
        Ok(())
    }

    /// Completes the file.
    ///
    /// # Errors
    /// If there is no frame, or the file cannot be written; nothing is left behind then.
    pub fn finish(mut self) -> Result<()> {
        if self.frames == 0 {
            return Err(Error::argument("movie", "at least one frame", "none"));
        }
        let header = header(self.height, self.width, self.frames);
        let written = self.draft.seek(SeekFrom::Start(0)).and_then(|_| self.draft.write_all(&header));
        written.map_err(|reason| self.draft.failed(reason))?;
        self.draft.commit()
    }
}

/// A header of one block.
fn header(height: usize, width: usize, frames: u64) -> Vec<u8> {
    let mut text = format!(
        "{MAGIC}\nXDIM={width}\nYDIM={height}\nZDIM={frames}\nVDIM=1\nTYPE=float\nPIXSIZE=64 bits\nCPU=decm\n"
    );
    const END: &str = "##}\n";
    while text.len() < BLOCK - END.len() {
        text.push('\n');
    }
    (text + END).into_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(fields: &str, numbers: &[u8]) -> Vec<u8> {
        let mut text = format!("{MAGIC}\n{fields}\n");
        text.push_str(&"\n".repeat(252 - text.len()));
        [text.as_bytes(), b"##}\n", numbers].concat()
    }

    fn read(bytes: &[u8]) -> Result<Vec<f64>> {
        let mut reader = InrReader::new(bytes, bytes.len() as u64, Path::new("m.inr"))?;
        let (mut frame, mut all) = (vec![0.0; reader.height() * reader.width()], vec![]);
        while reader.next_frame(&mut frame)? {
            all.extend(&frame);
        }
        Ok(all)
    }

    #[test]
    fn all_types_and_byte_orders_are_read() {
        let two = "XDIM=2\nYDIM=1\nZDIM=1\nVDIM=1\n";
        let cases: [(&str, Vec<u8>); 7] = [
            ("TYPE=unsigned fixed\nPIXSIZE=8 bits\nCPU=decm", vec![1, 200]),
            ("TYPE=unsigned fixed\nPIXSIZE=16 bits\nCPU=sun", vec![0, 1, 0, 200]),
            ("TYPE=unsigned fixed\nPIXSIZE=32 bits\nSCALE=2**0\nCPU=pc", vec![1, 0, 0, 0, 200, 0, 0, 0]),
            ("TYPE=signed fixed\nPIXSIZE=16 bits\nCPU=alpha", vec![1, 0, 200, 0]),
            ("TYPE=float\nPIXSIZE=32 bits", [1.0f32, 200.0].iter().flat_map(|x| x.to_le_bytes()).collect()),
            (
                "TYPE=float\nPIXSIZE=64 bits\nCPU=sgi",
                [1.0f64, 200.0].iter().flat_map(|x| x.to_be_bytes()).collect(),
            ),
            ("TYPE=double\nPIXSIZE=64", [1.0f64, 200.0].iter().flat_map(|x| x.to_le_bytes()).collect()),
        ];
        for (fields, numbers) in cases {
            assert_eq!(read(&file(&format!("{two}{fields}"), &numbers)).unwrap(), [1.0, 200.0], "{fields}");
        }
        let negative = file(&format!("{two}TYPE=signed fixed\nPIXSIZE=8 bits"), &[0xff, 0x80]);
        assert_eq!(read(&negative).unwrap(), [-1.0, -128.0]);
    }

    #[test]
    fn what_is_no_movie_is_refused() {
        let float = "XDIM=1\nYDIM=1\nZDIM=1\nTYPE=float\nPIXSIZE=32 bits";
        let cases: [(Vec<u8>, &str); 8] = [
            (vec![], "a header of 256 bytes"),
            (vec![b'x'; 300], "the beginning #INRIMAGE-4#{"),
            ([MAGIC.as_bytes(), &vec![b'\n'; 1 << 15]].concat(), "the end ##}"),
            (file(float, &[0; 3]), "1 frames of 1 × 1 numbers of 4 bytes, found 3 bytes"),
            (file(&float.replace("XDIM=1", "XDIM=0"), &[]), "XDIM=number above 0"),
            (file(&float.replace("XDIM=1", "XDIM=18446744073709551615\nVDIM=3"), &[]), "VDIM=3"),
            (file(&float.replace("XDIM=1\nYDIM=1", "XDIM=9999999999\nYDIM=9999999999"), &[0; 4]), "4 bytes"),
            (file(float, &f32::NAN.to_le_bytes()), "finite numbers, found NaN at row 0, column 0"),
        ];
        for (bytes, message) in cases {
            let error = read(&bytes).unwrap_err().to_string();
            assert!(error.contains(message), "{error}");
        }
    }

    #[test]
    fn an_unfinished_file_leaves_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.inr");
        let mut writer = InrWriter::create(&path, 2, 3).unwrap();
        assert!(writer.write_frame(&[0.0; 5]).is_err());
        writer.write_frame(&[0.0f32; 6]).unwrap();
        drop(writer);
        assert!(InrWriter::create(&path, 2, 3).unwrap().finish().is_err());
        assert_eq!(std::fs::read_dir(&folder).unwrap().count(), 0);
    }
}
