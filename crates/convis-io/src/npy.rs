//! One array in a file: numpy's `.npy`.
//!
//! # Format
//! The six bytes `\x93NUMPY`, two version bytes, the length of the header (two bytes in version 1, four
//! after), the header (a Python dictionary such as `{'descr': '<f4', 'fortran_order': False, 'shape': (3, 2), }`,
//! padded with spaces to a multiple of 64) and the values.
//!
//! Read: versions 1 to 3; booleans, integers of 8 to 64 bits, 32- and 64-bit floats and text (`<U…`, `|S…`);
//! both byte orders; C and Fortran order (the result is always in C order, last axis fastest). Written:
//! version 1, little-endian, C order.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::marker::PhantomData;
use std::path::Path;

use crate::array::{Array, ArrayData, Element, ElementType};
use crate::draft::Draft;
use crate::{Error, Result};

const MAGIC: &[u8; 6] = b"\x93NUMPY";
/// A multiple of every element size: values are read and written through buffers of this many bytes.
const BLOCK: usize = 1 << 16;
/// No array numpy writes has a longer header; a longer one is an accident or an attack.
const LONGEST_HEADER: u64 = 1 << 16;

/// Reads an array.
///
/// ```
/// use convis_io::{Array, read_npy, write_npy};
///
/// let folder = tempfile::tempdir()?;
/// let path = folder.path().join("kernel.npy");
/// let kernel = Array::new([1, 3], vec![0.25_f64, 0.5, 0.25])?;
/// write_npy(&path, &kernel)?;
/// assert_eq!(read_npy(&path)?, kernel);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
/// If the file cannot be read, is no array, or ends early.
pub fn read_npy(path: impl AsRef<Path>) -> Result<Array> {
    let path = path.as_ref();
    let file = File::open(path).map_err(|reason| Error::read(path, reason))?;
    read_array(&mut io::BufReader::with_capacity(BLOCK, file), path)
}

/// Writes an array.
///
/// # Errors
/// If the file cannot be written; nothing is left behind then.
pub fn write_npy(path: impl AsRef<Path>, array: &Array) -> Result<()> {
    let mut draft = Draft::create(path.as_ref())?;
    write_array(&mut draft, array).map_err(|reason| draft.failed(reason))?;
    draft.commit()
}

/// What the values of a file are.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Kind {
    Numbers(ElementType),
    /// Text of fixed length, four bytes a character, padded with zeros.
    Unicode {
        characters: usize,
    },
    /// Text of fixed length, one byte a character, padded with zeros.
    Bytes {
        length: usize,
    },
}

impl Kind {
    /// The kind and whether it is big-endian, from numpy's description such as `<f4`.
    fn parse(description: &str) -> Option<(Self, bool)> {
        let (order, code) = description.split_at_checked(1)?;
        let big_endian = match order {
            ">" => true,
            "<" | "|" => false,
            // "=" is the order of the machine that wrote the file; numpy itself never stores it.
            _ => return None,
        };
        let kind = if let Some(characters) = code.strip_prefix('U') {
            Self::Unicode { characters: characters.parse().ok()? }
        } else if let Some(length) = code.strip_prefix('S') {
            Self::Bytes { length: length.parse().ok()? }
        } else {
            Self::Numbers(ElementType::from_code(code)?)
        };
        Some((kind, big_endian))
    }

    /// Bytes of one value; `None` if that is beyond any memory.
    fn size(self) -> Option<usize> {
        match self {
            Self::Numbers(element) => Some(element.size()),
            Self::Unicode { characters } => characters.checked_mul(4),
            Self::Bytes { length } => Some(length),
        }
    }

    pub(crate) fn name(self) -> String {
        match self {
            Self::Numbers(element) => element.name().to_owned(),
            Self::Unicode { .. } | Self::Bytes { .. } => "text".to_owned(),
        }
    }
}

/// What stands before the values.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Header {
    pub(crate) kind: Kind,
    pub(crate) big_endian: bool,
    pub(crate) fortran_order: bool,
    pub(crate) shape: Vec<usize>,
}

impl Header {
    /// Reads the header; the reader then stands at the first value.
    pub(crate) fn read(reader: &mut impl Read, path: &Path) -> Result<Self> {
        let broken = |found: String| {
            Error::malformed(path, "an array as numpy.save writes it", found, "save the array again")
        };
        let mut read = |bytes: &mut [u8]| {
            reader.read_exact(bytes).map_err(|error| match error.kind() {
                io::ErrorKind::UnexpectedEof => broken("the end of the file inside the header".into()),
                _ => Error::read(path, error),
            })
        };
        let mut start = [0; 8];
        read(&mut start)?;
        if &start[..6] != MAGIC {
            return Err(broken("something else (the first bytes differ)".into()));
        }
        let length = match start[6] {
            1 => {
                let mut length = [0; 2];
                read(&mut length)?;
                u64::from(u16::from_le_bytes(length))
            }
            2 | 3 => {
                let mut length = [0; 4];
                read(&mut length)?;
                u64::from(u32::from_le_bytes(length))
            }
            version => return Err(broken(format!("format version {version}"))),
        };
        if length > LONGEST_HEADER {
            return Err(broken(format!("a header of {length} bytes")));
        }
        let mut text = vec![0; length as usize];
        read(&mut text)?;
        let text = String::from_utf8_lossy(&text);
        let fields = Fields::parse(&text).ok_or_else(|| broken(format!("the header {:?}", text.trim())))?;
        let Some((kind, big_endian)) = Kind::parse(&fields.description) else {
            return Err(Error::malformed(
                path,
                "numbers (booleans, integers of 8 to 64 bits, 32- or 64-bit floats) or text",
                format!("values of type '{}'", fields.description),
                "convert the array, for example with .astype('float32')",
            ));
        };
        Ok(Self { kind, big_endian, fortran_order: fields.fortran_order, shape: fields.shape })
    }

    /// Number of values; an error if no memory could hold them.
    fn count(&self, path: &Path) -> Result<usize> {
        let count = self.shape.iter().try_fold(1_usize, |product, &n| product.checked_mul(n));
        let bytes = self.kind.size().and_then(|size| count?.checked_mul(size));
        match (count, bytes) {
            // Values without bytes would let a few bytes of header ask for any amount of memory.
            (Some(count), Some(bytes)) if bytes > 0 || count <= 1 => Ok(count),
            _ => Err(Error::malformed(
                path,
                "an array that fits into memory",
                format!("the shape {:?}", self.shape),
                "save the array again",
            )),
        }
    }
}

/// The three entries of the dictionary in the header.
struct Fields {
    description: String,
    fortran_order: bool,
    shape: Vec<usize>,
}

impl Fields {
    fn parse(text: &str) -> Option<Self> {
        let mut rest = Literal(text);
        let (mut description, mut fortran_order, mut shape) = (None, None, None);
        rest.expect('{')?;
        while !rest.take('}') {
            let key = rest.string()?;
            rest.expect(':')?;
            match key {
                "descr" => description = Some(rest.string()?.to_owned()),
                "fortran_order" => fortran_order = Some(rest.truth()?),
                "shape" => shape = Some(rest.tuple()?),
                _ => return None,
            }
            if !rest.take(',') {
                rest.expect('}')?;
                break;
            }
        }
        Some(Self { description: description?, fortran_order: fortran_order?, shape: shape? })
    }
}

/// The part of a Python literal that has not been read.
struct Literal<'a>(&'a str);

impl<'a> Literal<'a> {
    fn take(&mut self, mark: char) -> bool {
        self.0 = self.0.trim_start();
        self.0.strip_prefix(mark).map(|rest| self.0 = rest).is_some()
    }

    fn expect(&mut self, mark: char) -> Option<()> {
        self.take(mark).then_some(())
    }

    fn string(&mut self) -> Option<&'a str> {
        let quote = if self.take('\'') {
            '\''
        } else {
            self.expect('"')?;
            '"'
        };
        let (string, rest) = self.0.split_once(quote)?;
        self.0 = rest;
        Some(string)
    }

    fn truth(&mut self) -> Option<bool> {
        self.0 = self.0.trim_start();
        for (word, truth) in [("True", true), ("False", false)] {
            if let Some(rest) = self.0.strip_prefix(word) {
                self.0 = rest;
                return Some(truth);
            }
        }
        None
    }

    fn tuple(&mut self) -> Option<Vec<usize>> {
        let mut numbers = Vec::new();
        self.expect('(')?;
        while !self.take(')') {
            self.0 = self.0.trim_start();
            let end = self.0.find(|c: char| !c.is_ascii_digit())?;
            let (digits, rest) = self.0.split_at(end);
            numbers.push(digits.parse().ok()?);
            // Python 2 wrote long integers as 3L.
            self.0 = rest.strip_prefix('L').unwrap_or(rest);
            if !self.take(',') {
                self.expect(')')?;
                break;
            }
        }
        Some(numbers)
    }
}

/// Reads an array from its magic number to its last value. Memory grows only with what really comes.
pub(crate) fn read_array(reader: &mut impl Read, path: &Path) -> Result<Array> {
    let header = Header::read(reader, path)?;
    let count = header.count(path)?;
    let big_endian = header.big_endian;
    let data = match header.kind {
        Kind::Numbers(ElementType::Bool) => numbers::<bool>(reader, count, big_endian, path)?,
        Kind::Numbers(ElementType::U8) => numbers::<u8>(reader, count, big_endian, path)?,
        Kind::Numbers(ElementType::U16) => numbers::<u16>(reader, count, big_endian, path)?,
        Kind::Numbers(ElementType::U32) => numbers::<u32>(reader, count, big_endian, path)?,
        Kind::Numbers(ElementType::U64) => numbers::<u64>(reader, count, big_endian, path)?,
        Kind::Numbers(ElementType::I8) => numbers::<i8>(reader, count, big_endian, path)?,
        Kind::Numbers(ElementType::I16) => numbers::<i16>(reader, count, big_endian, path)?,
        Kind::Numbers(ElementType::I32) => numbers::<i32>(reader, count, big_endian, path)?,
        Kind::Numbers(ElementType::I64) => numbers::<i64>(reader, count, big_endian, path)?,
        Kind::Numbers(ElementType::F32) => numbers::<f32>(reader, count, big_endian, path)?,
        Kind::Numbers(ElementType::F64) => numbers::<f64>(reader, count, big_endian, path)?,
        Kind::Unicode { characters } => {
            let points = read_values::<u32>(reader, count * characters, big_endian, path)?;
            let decode = |text: &[u32]| text.iter().map(|&point| char::from_u32(point)).collect();
            texts(&points, count, characters, decode, path)?
        }
        Kind::Bytes { length } => {
            let bytes = read_values::<u8>(reader, count * length, big_endian, path)?;
            texts(&bytes, count, length, |text| String::from_utf8(text.to_vec()).ok(), path)?
        }
    };
    let data = if header.fortran_order { c_order(data, &header.shape) } else { data };
    Array::new(header.shape, data)
}

fn numbers<T: Element>(
    reader: &mut impl Read,
    count: usize,
    big_endian: bool,
    path: &Path,
) -> Result<ArrayData> {
    Ok(T::wrap(read_values(reader, count, big_endian, path)?))
}

fn read_values<T: Element>(
    reader: &mut impl Read,
    count: usize,
    big_endian: bool,
    path: &Path,
) -> Result<Vec<T>> {
    let size = T::TYPE.size();
    let mut bytes = vec![0; BLOCK.min(count * size)];
    let mut values = Vec::with_capacity(bytes.len() / size);
    while values.len() < count {
        let wanted = bytes.len().min((count - values.len()) * size);
        let block = &mut bytes[..wanted];
        reader.read_exact(block).map_err(|error| match error.kind() {
            io::ErrorKind::UnexpectedEof => Error::malformed(
                path,
                format!("{count} values"),
                format!("the end of the data after {} or little more", values.len()),
                "the file was cut short: save or copy it again",
            ),
            _ => Error::read(path, error),
        })?;
        if big_endian {
            swap_bytes(block, size);
        }
        values.extend(block.chunks_exact(size).map(T::from_bytes));
    }
    Ok(values)
}

/// Turns big-endian values of `size` bytes into little-endian ones, or back.
pub(crate) fn swap_bytes(bytes: &mut [u8], size: usize) {
    for value in bytes.chunks_exact_mut(size) {
        value.reverse();
    }
}

fn texts<T: Copy + PartialEq + Default>(
    values: &[T],
    count: usize,
    length: usize,
    decode: impl Fn(&[T]) -> Option<String>,
    path: &Path,
) -> Result<ArrayData> {
    let text = |index: usize| {
        let padded = &values[index * length..(index + 1) * length];
        let end = padded.iter().rposition(|&value| value != T::default()).map_or(0, |last| last + 1);
        decode(&padded[..end])
    };
    (0..count)
        .map(text)
        .collect::<Option<Vec<_>>>()
        .map(ArrayData::Text)
        .ok_or_else(|| Error::malformed(path, "text", "bytes that are no text", "save the array again"))
}

/// Values in Fortran order (first axis fastest), put into C order (last axis fastest).
fn c_order(data: ArrayData, shape: &[usize]) -> ArrayData {
    match data {
        ArrayData::Bool(v) => ArrayData::Bool(permuted(&v, shape)),
        ArrayData::U8(v) => ArrayData::U8(permuted(&v, shape)),
        ArrayData::U16(v) => ArrayData::U16(permuted(&v, shape)),
        ArrayData::U32(v) => ArrayData::U32(permuted(&v, shape)),
        ArrayData::U64(v) => ArrayData::U64(permuted(&v, shape)),
        ArrayData::I8(v) => ArrayData::I8(permuted(&v, shape)),
        ArrayData::I16(v) => ArrayData::I16(permuted(&v, shape)),
        ArrayData::I32(v) => ArrayData::I32(permuted(&v, shape)),
        ArrayData::I64(v) => ArrayData::I64(permuted(&v, shape)),
        ArrayData::F32(v) => ArrayData::F32(permuted(&v, shape)),
        ArrayData::F64(v) => ArrayData::F64(permuted(&v, shape)),
        ArrayData::Text(v) => ArrayData::Text(permuted(&v, shape)),
    }
}

fn permuted<T: Clone>(values: &[T], shape: &[usize]) -> Vec<T> {
    let mut strides = Vec::with_capacity(shape.len());
    let mut stride = 1;
    for &length in shape {
        strides.push(stride);
        stride *= length;
    }
    let mut index = vec![0; shape.len()];
    let mut at = 0;
    let mut out = Vec::with_capacity(values.len());
    while out.len() < values.len() {
        out.push(values[at].clone());
        for axis in (0..shape.len()).rev() {
            index[axis] += 1;
            at += strides[axis];
            if index[axis] < shape[axis] {
                break;
            }
            at -= strides[axis] * shape[axis];
            index[axis] = 0;
        }
    }
    out
}

/// The bytes before the values: at least `at_least` long, so that a header can be replaced by one with a
/// longer shape.
fn header_bytes(description: &str, shape: &[u64], at_least: usize) -> Vec<u8> {
    let lengths: Vec<String> = shape.iter().map(u64::to_string).collect();
    let axes = lengths.join(", ");
    // A tuple of one needs a comma.
    let comma = if shape.len() == 1 { "," } else { "" };
    let text = format!("{{'descr': '{description}', 'fortran_order': False, 'shape': ({axes}{comma}), }}");
    let length = (MAGIC.len() + 4 + text.len() + 1).next_multiple_of(64).max(at_least);
    let mut bytes = MAGIC.to_vec();
    bytes.extend_from_slice(&[1, 0]);
    bytes.extend_from_slice(&((length - 10) as u16).to_le_bytes());
    bytes.extend_from_slice(text.as_bytes());
    bytes.resize(length - 1, b' ');
    bytes.push(b'\n');
    bytes
}

fn description(element: ElementType) -> String {
    format!("{}{}", if element.size() == 1 { '|' } else { '<' }, element.code())
}

pub(crate) fn write_array(to: &mut impl Write, array: &Array) -> io::Result<()> {
    let shape: Vec<u64> = array.shape().iter().map(|&n| n as u64).collect();
    match array.data() {
        ArrayData::Bool(v) => write_numbers(to, &shape, v),
        ArrayData::U8(v) => write_numbers(to, &shape, v),
        ArrayData::U16(v) => write_numbers(to, &shape, v),
        ArrayData::U32(v) => write_numbers(to, &shape, v),
        ArrayData::U64(v) => write_numbers(to, &shape, v),
        ArrayData::I8(v) => write_numbers(to, &shape, v),
        ArrayData::I16(v) => write_numbers(to, &shape, v),
        ArrayData::I32(v) => write_numbers(to, &shape, v),
        ArrayData::I64(v) => write_numbers(to, &shape, v),
        ArrayData::F32(v) => write_numbers(to, &shape, v),
        ArrayData::F64(v) => write_numbers(to, &shape, v),
        ArrayData::Text(texts) => {
            let longest = texts.iter().map(|text| text.chars().count()).max().unwrap_or(0).max(1);
            to.write_all(&header_bytes(&format!("<U{longest}"), &shape, 0))?;
            for text in texts {
                let mut points: Vec<u32> = text.chars().map(u32::from).collect();
                points.resize(longest, 0);
                write_values(to, &points, &mut Vec::new())?;
            }
            Ok(())
        }
    }
}

fn write_numbers<T: Element>(to: &mut impl Write, shape: &[u64], values: &[T]) -> io::Result<()> {
    to.write_all(&header_bytes(&description(T::TYPE), shape, 0))?;
    write_values(to, values, &mut Vec::new())
}

fn write_values<T: Element>(to: &mut impl Write, values: &[T], bytes: &mut Vec<u8>) -> io::Result<()> {
    for block in values.chunks(BLOCK / T::TYPE.size()) {
        bytes.clear();
        for &value in block {
            value.push_bytes(bytes);
        }
        to.write_all(bytes)?;
    }
    Ok(())
}

/// An array growing along its first axis in a file; its header is completed at the end.
pub(crate) struct Column<W> {
    file: W,
    element: ElementType,
    frame_shape: Vec<usize>,
    header_length: usize,
    frames: u64,
    bytes: Vec<u8>,
}

impl<W: Write + Seek> Column<W> {
    pub(crate) fn create(mut file: W, element: ElementType, frame_shape: &[usize]) -> io::Result<Self> {
        // Room for any number of frames that will ever come.
        let header = header_bytes(&description(element), &Self::shape(u64::MAX, frame_shape), 0);
        file.write_all(&header)?;
        Ok(Self {
            file,
            element,
            frame_shape: frame_shape.to_vec(),
            header_length: header.len(),
            frames: 0,
            bytes: Vec::with_capacity(BLOCK),
        })
    }

    fn shape(frames: u64, frame_shape: &[usize]) -> Vec<u64> {
        std::iter::once(frames).chain(frame_shape.iter().map(|&n| n as u64)).collect()
    }

    /// The number of frames in `values`; an error if they are not whole frames of this array.
    pub(crate) fn whole_frames<T: Element>(&self, name: &str, values: &[T]) -> Result<u64> {
        let frame = self.frame_shape.iter().product::<usize>();
        if T::TYPE != self.element {
            return Err(Error::argument(name, format!("{} values", self.element.name()), T::TYPE.name()));
        }
        if !values.len().is_multiple_of(frame) {
            let found = format!("{} values", values.len());
            return Err(Error::argument(name, format!("whole frames of {frame} values"), found));
        }
        Ok((values.len() / frame) as u64)
    }

    pub(crate) fn append<T: Element>(&mut self, frames: u64, values: &[T]) -> io::Result<()> {
        write_values(&mut self.file, values, &mut self.bytes)?;
        self.frames += frames;
        Ok(())
    }

    /// Completes the header and gives the file back, standing at its beginning.
    pub(crate) fn finish(mut self) -> io::Result<W> {
        let shape = Self::shape(self.frames, &self.frame_shape);
        self.file.rewind()?;
        self.file.write_all(&header_bytes(&description(self.element), &shape, self.header_length))?;
        self.file.flush()?;
        self.file.seek(SeekFrom::Start(0))?;
        Ok(self.file)
    }
}

/// Refuses a frame without values: its frames could not be counted.
pub(crate) fn check_frame_shape(frame_shape: &[usize]) -> Result<()> {
    let values = frame_shape.iter().try_fold(1_usize, |product, &n| product.checked_mul(n));
    if values.is_some_and(|values| values > 0) && frame_shape.len() < 32 {
        Ok(())
    } else {
        Err(Error::argument("frame_shape", "at most 31 axes of length 1 or more", format!("{frame_shape:?}")))
    }
}

/// Writes an array frame by frame, in memory that does not grow with its length.
///
/// ```
/// use convis_io::{NpyWriter, read_npy};
///
/// let folder = tempfile::tempdir()?;
/// let path = folder.path().join("rate.npy");
/// let mut rate = NpyWriter::<f32>::create(&path, &[2, 2])?;
/// rate.append(&[1.0, 2.0, 3.0, 4.0])?;
/// rate.append(&[5.0, 6.0, 7.0, 8.0])?;
/// rate.finish()?;
/// assert_eq!(read_npy(&path)?.shape(), [2, 2, 2]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct NpyWriter<T> {
    column: Column<Draft>,
    element: PhantomData<fn(T)>,
}

impl<T: Element> NpyWriter<T> {
    /// Begins an array of frames of the given shape; `&[]` for a column of single values.
    ///
    /// # Errors
    /// If the file cannot be created or a frame would hold no value.
    pub fn create(path: impl AsRef<Path>, frame_shape: &[usize]) -> Result<Self> {
        check_frame_shape(frame_shape)?;
        let path = path.as_ref();
        let column = Column::create(Draft::create(path)?, T::TYPE, frame_shape)
            .map_err(|reason| Error::write(path, reason))?;
        Ok(Self { column, element: PhantomData })
    }

    /// Appends any number of whole frames.
    ///
    /// # Errors
    /// If the values are no whole frames, or cannot be written.
    pub fn append(&mut self, values: &[T]) -> Result<()> {
        let frames = self.column.whole_frames("values", values)?;
        self.column.append(frames, values).map_err(|reason| self.column.file.failed(reason))
    }

    /// Completes the file and gives it its name.
    ///
    /// # Errors
    /// If the file cannot be written; nothing is left behind then.
    pub fn finish(self) -> Result<()> {
        let path = self.column.file.path().to_owned();
        self.column.finish().map_err(|reason| Error::write(&path, reason))?.commit()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Option<(String, bool, Vec<usize>)> {
        Fields::parse(text).map(|fields| (fields.description, fields.fortran_order, fields.shape))
    }

    #[test]
    fn headers_of_all_writers_are_understood() {
        let expected = Some(("<f4".to_owned(), false, vec![3, 2]));
        assert_eq!(parse("{'descr': '<f4', 'fortran_order': False, 'shape': (3, 2), }   \n"), expected);
        assert_eq!(parse("{\"shape\":(3L,2L),\"fortran_order\":False,\"descr\":\"<f4\"}"), expected);
        let scalar = Some(("|b1".to_owned(), true, vec![]));
        assert_eq!(parse("{'descr': '|b1', 'fortran_order': True, 'shape': ()}"), scalar);
        let column = Some(("<i8".to_owned(), false, vec![7]));
        assert_eq!(parse("{'descr': '<i8', 'fortran_order': False, 'shape': (7,)}"), column);
    }

    #[test]
    fn broken_headers_are_refused() {
        for text in [
            "",
            "{",
            "{}",
            "{'descr': '<f4'}",
            "{'descr': [('x', '<f4')], 'fortran_order': False, 'shape': (3,)}",
            "{'descr': '<f4', 'fortran_order': False, 'shape': (-3,)}",
            "{'descr': '<f4', 'fortran_order': False, 'shape': (3 3)}",
            "{'descr': '<f4', 'fortran_order': No, 'shape': (3,)}",
            "{'descr': '<f4', 'fortran_order': False, 'shape': (99999999999999999999,)}",
            "{'descr': '<f4', 'fortran_order': False, 'shape': (3,",
        ] {
            assert_eq!(parse(text), None, "{text}");
        }
    }

    #[test]
    fn the_header_numpy_writes_is_the_one_written_here() {
        let expected = b"\x93NUMPY\x01\x00v\x00{'descr': '<f4', 'fortran_order': False, 'shape': (3, 2), }";
        let bytes = header_bytes("<f4", &[3, 2], 0);
        assert_eq!(&bytes[..expected.len()], expected);
        assert_eq!((bytes.len(), bytes[127]), (128, b'\n'));
    }

    #[test]
    fn fortran_order_becomes_c_order() {
        // Element [i, j, k] of the 2 × 3 × 2 array is 100 i + 10 j + k.
        let fortran: Vec<u8> =
            (0..12).map(|n| (n % 2) * 100 + (n / 2 % 3) * 10 + n / 6).map(|n: u8| n).collect();
        let c: Vec<u8> = (0..12).map(|n| (n / 6) * 100 + (n / 2 % 3) * 10 + n % 2).collect();
        assert_eq!(permuted(&fortran, &[2, 3, 2]), c);
        assert_eq!(permuted(&[5], &[]), [5]);
    }
}
