//! Plain numbers as frames: `.npy`, members of `.npz`, raw bytes.

use std::fs::File;
use std::io::{self, BufReader, Cursor, Read};
use std::path::{Path, PathBuf};

use super::luminance::Luminance;
use super::{FrameSource, OpenOptions, RawFormat, RawType, check_buffer};
use crate::array::ElementType;
use crate::npy::{Header, Kind, read_array, swap_bytes, write_array};
use crate::npz::{finish_reading, members};
use crate::{Error, Result};

/// Raw frames.
pub(super) fn raw(
    reader: impl Read + Send + 'static,
    format: RawFormat,
    options: &OpenOptions,
) -> Result<Box<dyn FrameSource>> {
    let RawFormat { height, width, element } = format;
    let element = match element {
        RawType::U8 => ElementType::U8,
        RawType::U16 => ElementType::U16,
        RawType::F32 => ElementType::F32,
    };
    let path = Path::new("standard input");
    let decoder = Decoder::new(Kind::Numbers(element), false, path, options)?;
    let reader = BufReader::with_capacity(1 << 16, reader);
    Ok(Box::new(Stream::new(path, Box::new(reader), decoder, [height, width], None)?))
}

/// The frames of an array file.
pub(super) fn npy(path: &Path, options: &OpenOptions) -> Result<Box<dyn FrameSource>> {
    let begin = || -> Result<Box<dyn Read + Send>> {
        let file = File::open(path).map_err(|reason| Error::read(path, reason))?;
        Ok(Box::new(BufReader::with_capacity(1 << 16, file)))
    };
    let length = std::fs::metadata(path).map_err(|reason| Error::read(path, reason))?.len();
    array(path, &begin, Some(length), options)
}

/// The frames of the array `name` of an archive, or of its first array with 3 or 5 axes.
pub(super) fn npz(path: &Path, name: Option<&str>, options: &OpenOptions) -> Result<Box<dyn FrameSource>> {
    let mut seen = Vec::new();
    for member in members(path)? {
        let label = member.label(path);
        let header = Header::read(&mut member.open(path)?, &label)?;
        let chosen = match name {
            Some(name) => member.name == name,
            None => matches!(header.kind, Kind::Numbers(_)) && matches!(header.shape.len(), 3 | 5),
        };
        if chosen {
            let begin = || -> Result<Box<dyn Read + Send>> { Ok(Box::new(member.open(path)?)) };
            return array(&label, &begin, None, options);
        }
        seen.push(format!("{} {:?}", member.name, header.shape));
    }
    let expected = match name {
        Some(name) => format!("an array '{name}'"),
        None => "an array (time, height, width)".to_owned(),
    };
    let advice = format!("choose one with {}:NAME", path.display());
    Err(Error::malformed(path, expected, format!("the arrays [{}]", seen.join(", ")), advice))
}

/// The frames of the array that `begin` starts to read. `file_length` is given for a file, not for a member of
/// an archive.
fn array(
    path: &Path,
    begin: &dyn Fn() -> Result<Box<dyn Read + Send>>,
    file_length: Option<u64>,
    options: &OpenOptions,
) -> Result<Box<dyn FrameSource>> {
    let mut reader = begin()?;
    let header = Header::read(&mut reader, path)?;
    let (length, size) = match header.shape[..] {
        [length, height, width] | [1, 1, length, height, width] => (length, [height, width]),
        [height, width] => (1, [height, width]),
        _ => {
            return Err(Error::malformed(
                path,
                "an array (time, height, width), (1, 1, time, height, width) or (height, width)",
                format!("the shape {:?}", header.shape),
                "reshape the array",
            ));
        }
    };
    let (mut big_endian, mut file_length) = (header.big_endian, file_length);
    if header.fortran_order {
        let array = read_array(&mut begin()?, path)?;
        let mut bytes = Vec::new();
        write_array(&mut bytes, &array).map_err(|reason| Error::read(path, reason))?;
        (big_endian, file_length) = (false, None);
        reader = Box::new(Cursor::new(bytes));
        Header::read(&mut reader, path)?;
    }
    let decoder = Decoder::new(header.kind, big_endian, path, options)?;
    let mut stream = Stream::new(path, reader, decoder, size, Some(length as u64))?;
    match file_length {
        Some(file_length) => stream.check_length(file_length)?,
        None => stream.checked_at_end = true,
    }
    Ok(Box::new(stream))
}

/// The precision in which frames are wanted.
trait Sample: Copy {
    const NUMBERS: &'static str;

    fn from_single(number: f32) -> Self;

    fn from_double(number: f64) -> Self;

    fn is_finite(self) -> bool;
}

impl Sample for f32 {
    const NUMBERS: &'static str = "finite numbers that fit into 32 bits";

    fn from_single(number: f32) -> Self {
        number
    }

    fn from_double(number: f64) -> Self {
        number as Self
    }

    fn is_finite(self) -> bool {
        self.is_finite()
    }
}

impl Sample for f64 {
    const NUMBERS: &'static str = "finite numbers";

    fn from_single(number: f32) -> Self {
        number.into()
    }

    fn from_double(number: f64) -> Self {
        number
    }

    fn is_finite(self) -> bool {
        self.is_finite()
    }
}

/// From the bytes of one frame to luminance.
struct Decoder {
    element: ElementType,
    big_endian: bool,
    /// For integers; floating-point numbers are taken as they are.
    luminance: Option<Luminance>,
}

impl Decoder {
    fn new(kind: Kind, big_endian: bool, path: &Path, options: &OpenOptions) -> Result<Self> {
        let (element, maximum) = match kind {
            Kind::Numbers(element @ ElementType::Bool) => (element, Some(1)),
            Kind::Numbers(element @ ElementType::U8) => (element, Some(255)),
            Kind::Numbers(element @ ElementType::U16) => (element, Some(u16::MAX)),
            Kind::Numbers(element @ (ElementType::F32 | ElementType::F64)) => (element, None),
            other => {
                return Err(Error::malformed(
                    path,
                    "pictures of type bool, uint8, uint16, float32 or float64",
                    format!("type {}", other.name()),
                    "convert the array: astype('uint8') if 255 is white, astype('float32') to keep its values",
                ));
            }
        };
        if options.linear_light && maximum.is_none() {
            let expected = "integer pictures, since floating-point numbers are taken as they are";
            let found = format!("{} of type {}", path.display(), element.name());
            return Err(Error::argument("linear_light", expected, found));
        }
        let luminance = maximum.map(|maximum| Luminance::new(maximum, options));
        Ok(Self { element, big_endian, luminance })
    }

    fn decode<T: Sample>(&self, bytes: &mut [u8], into: &mut [T]) {
        let size = self.element.size();
        if self.big_endian {
            swap_bytes(bytes, size);
        }
        match (&self.luminance, size) {
            (Some(luminance), 1) => {
                // Numpy reads every byte but 0 as true.
                let limit = if self.element == ElementType::Bool { 1 } else { u8::MAX };
                for (out, &sample) in into.iter_mut().zip(&*bytes) {
                    *out = T::from_single(luminance.grey(sample.min(limit)));
                }
            }
            (Some(luminance), _) => {
                for (out, &sample) in into.iter_mut().zip(bytes.as_chunks().0) {
                    *out = T::from_single(luminance.grey(u16::from_le_bytes(sample)));
                }
            }
            (None, 4) => {
                for (out, &value) in into.iter_mut().zip(bytes.as_chunks().0) {
                    *out = T::from_single(f32::from_le_bytes(value));
                }
            }
            (None, _) => {
                for (out, &value) in into.iter_mut().zip(bytes.as_chunks().0) {
                    *out = T::from_double(f64::from_le_bytes(value));
                }
            }
        }
    }
}

struct Stream {
    path: PathBuf,
    reader: Box<dyn Read + Send>,
    decoder: Decoder,
    height: usize,
    width: usize,
    /// Bytes of one frame.
    frame_size: usize,
    length: Option<u64>,
    /// A member of an archive has a checksum, compared when its end is read.
    checked_at_end: bool,
    position: u64,
    bytes: Vec<u8>,
}

impl Stream {
    fn new(
        path: &Path,
        reader: Box<dyn Read + Send>,
        decoder: Decoder,
        [height, width]: [usize; 2],
        length: Option<u64>,
    ) -> Result<Self> {
        let pixels = height.checked_mul(width).filter(|&pixels| pixels > 0);
        let Some(frame_size) = pixels.and_then(|pixels| pixels.checked_mul(decoder.element.size())) else {
            let found = format!("{height} × {width}");
            return Err(Error::malformed(path, "frames of 1 pixel or more", found, "check the shape"));
        };
        let path = path.to_owned();
        // The buffer grows with the first frame that really comes, whatever size was claimed.
        let bytes = Vec::new();
        Ok(Self {
            path,
            reader,
            decoder,
            height,
            width,
            frame_size,
            length,
            checked_at_end: false,
            position: 0,
            bytes,
        })
    }

    /// Tells at once, and not after hours, that a file is too short for its header.
    fn check_length(&self, file_length: u64) -> Result<()> {
        let frames = self.length.unwrap_or(0);
        match frames.checked_mul(self.frame_size as u64) {
            Some(bytes) if bytes <= file_length => Ok(()),
            _ => Err(Error::malformed(
                &self.path,
                format!("{frames} frames of {} bytes", self.frame_size),
                format!("a file of {file_length} bytes"),
                "the file was cut short: save or copy it again",
            )),
        }
    }

    fn broken(&self, found: impl Into<String>) -> Error {
        let expected = format!("{} × {} pixels, {} bytes", self.height, self.width, self.frame_size);
        let advice = "the data was cut short or is damaged: save or copy it again";
        Error::frame(&self.path, self.position, expected, found, advice)
    }
}

impl FrameSource for Stream {
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
        self.length
    }

    fn next_frame(&mut self, into: &mut [f32]) -> Result<bool> {
        self.read(into)
    }

    fn next_frame_f64(&mut self, into: &mut [f64]) -> Result<bool> {
        self.read(into)
    }
}

impl Stream {
    fn read<T: Sample>(&mut self, into: &mut [T]) -> Result<bool> {
        check_buffer(into, self.height, self.width)?;
        if self.length == Some(self.position) {
            if self.checked_at_end {
                finish_reading(&mut self.reader, &self.path)?;
            }
            return Ok(false);
        }
        self.bytes.clear();
        let wanted = self.frame_size as u64;
        let got = self.reader.by_ref().take(wanted).read_to_end(&mut self.bytes);
        match got {
            Ok(got) if got == self.frame_size => {}
            Ok(0) if self.length.is_none() => return Ok(false),
            Ok(got) => return Err(self.broken(format!("the end after {got} bytes"))),
            Err(reason) if reason.kind() == io::ErrorKind::InvalidData => {
                return Err(self.broken(reason.to_string()));
            }
            Err(reason) => return Err(Error::read(&self.path, reason)),
        }
        self.decoder.decode(&mut self.bytes, into);
        if self.decoder.luminance.is_none()
            && let Some(at) = into.iter().position(|value| !value.is_finite())
        {
            let (row, column) = (at / self.width, at % self.width);
            // As it is in the file, whatever it became.
            let mut exact = vec![0.0_f64; into.len()];
            if self.decoder.big_endian {
                // Decoding has turned the bytes already.
                swap_bytes(&mut self.bytes, self.decoder.element.size());
            }
            self.decoder.decode(&mut self.bytes, &mut exact);
            let number = exact[at];
            let number = if number.abs() < 1e15 { number.to_string() } else { format!("{number:e}") };
            return Err(Error::frame(
                &self.path,
                self.position,
                T::NUMBERS,
                format!("{number} at row {row}, column {column}"),
                "replace NaN and infinite values, and scale what is too large, before",
            ));
        }
        self.position += 1;
        Ok(true)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frames(bytes: &[u8], element: RawType, options: &OpenOptions) -> Result<Vec<f32>> {
        let format = RawFormat { height: 1, width: 2, element };
        let mut source = raw(Cursor::new(bytes.to_vec()), format, options)?;
        let (mut all, mut frame) = (Vec::new(), [0.0; 2]);
        while source.next_frame(&mut frame)? {
            all.extend(frame);
        }
        Ok(all)
    }

    #[test]
    fn raw_frames_of_every_type() {
        let options = OpenOptions::default();
        assert_eq!(frames(&[0, 255, 51, 0], RawType::U8, &options).unwrap(), [0.0, 1.0, 0.2, 0.0]);
        let sixteen = [0xff, 0xff, 0, 0];
        assert_eq!(frames(&sixteen, RawType::U16, &options).unwrap(), [1.0, 0.0]);
        let floats: Vec<u8> = [7.5_f32, -1.0].iter().flat_map(|x| x.to_le_bytes()).collect();
        assert_eq!(frames(&floats, RawType::F32, &options).unwrap(), [7.5, -1.0]);
        assert!(frames(&[], RawType::U8, &options).unwrap().is_empty());
    }

    #[test]
    fn half_a_frame_and_wrong_numbers_are_refused() {
        let options = OpenOptions::default();
        let message = frames(&[1, 2, 3], RawType::U8, &options).unwrap_err().to_string();
        assert!(
            message.contains("standard input, frame 1") && message.contains("after 1 bytes"),
            "{message}"
        );
        let nan: Vec<u8> = [0.0, f32::NAN].iter().flat_map(|x| x.to_le_bytes()).collect();
        let message = frames(&nan, RawType::F32, &options).unwrap_err().to_string();
        assert!(message.contains("frame 0") && message.contains("NaN at row 0, column 1"), "{message}");
        let linear = OpenOptions { linear_light: true, ..options };
        let message = frames(&nan, RawType::F32, &linear).unwrap_err().to_string();
        assert!(message.contains("linear_light"), "{message}");
    }
}
