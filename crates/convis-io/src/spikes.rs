//! Lists of spikes on disk, written and read one by one.
//!
//! | file | content | size of a spike |
//! |---|---|---|
//! | `.spk` | text as Virtual Retina writes it: a line `unit time_s` per spike | about 20 bytes |
//! | `.events` | 8 bytes `CVSPIKES`, version 1 as `u32`, 0 as `u32`, then unit as `u32` and time in s as `f64`, little-endian | 12 bytes |
//!
//! Spikes come in order of time when a simulation writes them; readers do not ask for it. Times in `.spk` are written with
//! as many digits as give the same number again, or fewer on demand: the original wrote six.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::path::{Path, PathBuf};

use crate::draft::Draft;
use crate::{Error, Result};

/// A spike.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct SpikeEvent {
    /// Number of the cell.
    pub unit: u32,
    /// Time since the beginning, s.
    pub time_s: f64,
}

/// The form of a file of spikes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SpikeFormat {
    /// Lines of text; `None` for as many digits as the times have, else so many significant ones.
    Text {
        /// Significant digits.
        digits: Option<usize>,
    },
    /// Binary.
    Binary,
}

const MAGIC: [u8; 8] = *b"CVSPIKES";
const VERSION: u32 = 1;
const HEADER: usize = 16;
const RECORD: usize = 12;
/// No line of a spike is longer; a longer one is an accident or an attack.
const LONGEST_LINE: usize = 256;

impl SpikeFormat {
    /// The form that the ending of a file name means.
    ///
    /// # Errors
    /// If it means none.
    pub fn of(path: &Path) -> Result<Self> {
        let ending = path.extension().unwrap_or_default().to_ascii_lowercase();
        match ending.to_str() {
            Some("spk") => Ok(Self::Text { digits: None }),
            Some("events") => Ok(Self::Binary),
            _ => {
                let expected = "a list of spikes, whose name ends in .spk or .events";
                Err(Error::malformed(path, expected, "another ending", "rename the file"))
            }
        }
    }
}

/// Writes spikes one by one, in bounded memory.
///
/// Nothing is seen under the name of the file before [`finish`](Self::finish).
///
/// ```
/// use convis_io::spikes::{SpikeEvent, SpikeFormat, SpikeReader, SpikeWriter};
///
/// let folder = tempfile::tempdir()?;
/// for name in ["spikes.spk", "spikes.events"] {
///     let path = folder.path().join(name);
///     let mut writer = SpikeWriter::create(&path, SpikeFormat::of(&path)?)?;
///     let spikes = [(3, 0.1), (0, 0.1 + 0.2)].map(|(unit, time_s)| SpikeEvent { unit, time_s });
///     writer.write(spikes[0])?;
///     writer.write(spikes[1])?;
///     assert_eq!(writer.finish()?, 2);
///     let read: Vec<SpikeEvent> = SpikeReader::open(&path)?.collect::<Result<_, _>>()?;
///     assert_eq!(read, spikes);
/// }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct SpikeWriter {
    draft: Draft,
    format: SpikeFormat,
    spikes: u64,
}

impl SpikeWriter {
    /// Begins a file.
    ///
    /// # Errors
    /// If it cannot be written, or no number has so many digits.
    pub fn create(path: impl AsRef<Path>, format: SpikeFormat) -> Result<Self> {
        if let SpikeFormat::Text { digits: Some(digits) } = format
            && !(1..=17).contains(&digits)
        {
            return Err(Error::argument("digits", "1 to 17", digits.to_string()));
        }
        let mut draft = Draft::create(path.as_ref())?;
        if format == SpikeFormat::Binary {
            let header = [&MAGIC[..], &VERSION.to_le_bytes(), &[0; 4]].concat();
            draft.write_all(&header).map_err(|reason| draft.failed(reason))?;
        }
        Ok(Self { draft, format, spikes: 0 })
    }

    /// Appends a spike.
    ///
    /// # Errors
    /// If its time is not finite, or the file cannot be written.
    pub fn write(&mut self, spike: SpikeEvent) -> Result<()> {
        let SpikeEvent { unit, time_s } = spike;
        if !time_s.is_finite() {
            return Err(Error::argument("spike", "a finite time", time_s.to_string()));
        }
        let written = match self.format {
            SpikeFormat::Text { digits: None } => writeln!(self.draft, "{unit} {time_s}"),
            SpikeFormat::Text { digits: Some(digits) } => {
                writeln!(self.draft, "{unit} {}", significant(time_s, digits))
            }
            SpikeFormat::Binary => {
                let mut record = [0; RECORD];
                record[..4].copy_from_slice(&unit.to_le_bytes());
                record[4..].copy_from_slice(&time_s.to_le_bytes());
                self.draft.write_all(&record)
            }
        };
        written.map_err(|reason| self.draft.failed(reason))?;
        self.spikes += 1;
        Ok(())
    }

    /// Completes the file and returns the number of spikes in it.
    ///
    /// # Errors
    /// If it cannot be written; nothing is left behind then.
    pub fn finish(self) -> Result<u64> {
        self.draft.commit()?;
        Ok(self.spikes)
    }
}

/// A number with so many significant digits, as streams of C++ write it.
fn significant(number: f64, digits: usize) -> String {
    let text = format!("{number:.*e}", digits - 1);
    let (mantissa, exponent) = text.split_once('e').unwrap_or((&text, "0"));
    let exponent: i32 = exponent.parse().unwrap_or(0);
    let plain = |text: &str| {
        if text.contains('.') {
            text.trim_end_matches('0').trim_end_matches('.').to_owned()
        } else {
            text.to_owned()
        }
    };
    if (-4..digits as i32).contains(&exponent) {
        plain(&format!("{number:.*}", (digits as i32 - 1 - exponent) as usize))
    } else {
        let sign = if exponent < 0 { '-' } else { '+' };
        format!("{}e{sign}{:02}", plain(mantissa), exponent.abs())
    }
}

/// Reads spikes one by one, in bounded memory.
///
/// The form is told by the first bytes. See [`SpikeWriter`] for an example.
pub struct SpikeReader<R = BufReader<File>> {
    reader: R,
    path: PathBuf,
    is_binary: bool,
    /// Spikes or lines so far.
    position: u64,
    line: Vec<u8>,
    failed: bool,
}

impl SpikeReader {
    /// Opens a file.
    ///
    /// # Errors
    /// If it cannot be read, or is binary and of another version.
    pub fn open(path: impl AsRef<Path>) -> Result<Self> {
        let path = path.as_ref();
        let file = File::open(path).map_err(|reason| Error::read(path, reason))?;
        Self::new(BufReader::with_capacity(1 << 16, file), path)
    }
}

impl<R: BufRead> SpikeReader<R> {
    /// The spikes that `reader` has; `path` stands in errors.
    ///
    /// # Errors
    /// If it cannot be read, or is binary and of another version.
    pub fn new(mut reader: R, path: &Path) -> Result<Self> {
        let start = reader.fill_buf().map_err(|reason| Error::read(path, reason))?;
        let is_binary = start.starts_with(&MAGIC);
        let mut spikes = Self {
            reader,
            path: path.to_owned(),
            is_binary,
            position: 0,
            line: Vec::with_capacity(LONGEST_LINE),
            failed: false,
        };
        if is_binary {
            let mut header = [0; HEADER];
            spikes.reader.read_exact(&mut header).map_err(|reason| spikes.ended(reason))?;
            if header[8..12] != VERSION.to_le_bytes() {
                return Err(spikes.broken("version 1 of a list of spikes", "another version"));
            }
        }
        Ok(spikes)
    }

    fn broken(&self, expected: &str, found: impl Into<String>) -> Error {
        Error::malformed(&self.path, expected, found, "check that it is a complete list of spikes")
    }

    fn ended(&self, reason: io::Error) -> Error {
        if reason.kind() == io::ErrorKind::UnexpectedEof {
            self.broken(
                "12 bytes for every spike",
                format!("an end within those after spike {}", self.position),
            )
        } else {
            Error::read(&self.path, reason)
        }
    }

    fn next_binary(&mut self) -> Result<Option<SpikeEvent>> {
        let mut record = [0; RECORD];
        let start = self.reader.fill_buf().map_err(|reason| Error::read(&self.path, reason))?;
        if start.is_empty() {
            return Ok(None);
        }
        self.reader.read_exact(&mut record).map_err(|reason| self.ended(reason))?;
        let [a, b, c, d, ref time @ ..] = record;
        let (unit, time_s) = (u32::from_le_bytes([a, b, c, d]), f64::from_le_bytes(*time));
        if !time_s.is_finite() {
            let found = format!("{time_s} as time of spike {}", self.position);
            return Err(self.broken("finite times", found));
        }
        self.position += 1;
        Ok(Some(SpikeEvent { unit, time_s }))
    }

    fn next_line(&mut self) -> Result<Option<SpikeEvent>> {
        loop {
            self.line.clear();
            let mut limited = self.reader.by_ref().take(LONGEST_LINE as u64);
            limited.read_until(b'\n', &mut self.line).map_err(|reason| Error::read(&self.path, reason))?;
            if self.line.is_empty() {
                return Ok(None);
            }
            self.position += 1;
            if self.line.len() == LONGEST_LINE && !self.line.ends_with(b"\n") {
                let found = format!("a longer one, line {}", self.position);
                return Err(self.broken("lines of at most 255 characters", found));
            }
            if !self.line.trim_ascii().is_empty() {
                break;
            }
        }
        let text = String::from_utf8_lossy(&self.line);
        let mut words = text.split_whitespace();
        let unit = words.next().and_then(|word| word.parse::<u32>().ok());
        let time_s = words.next().and_then(|word| word.parse::<f64>().ok()).filter(|time| time.is_finite());
        match (unit, time_s, words.next()) {
            (Some(unit), Some(time_s), None) => Ok(Some(SpikeEvent { unit, time_s })),
            _ => {
                let start: String = text.trim().chars().take(40).collect();
                let found = format!("{start:?} in line {}", self.position);
                Err(self.broken("lines of a cell's number and a time in seconds", found))
            }
        }
    }
}

impl<R: BufRead> Iterator for SpikeReader<R> {
    type Item = Result<SpikeEvent>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.failed {
            return None;
        }
        let next = if self.is_binary { self.next_binary() } else { self.next_line() };
        self.failed = next.is_err();
        next.transpose()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(bytes: &[u8]) -> Result<Vec<SpikeEvent>> {
        SpikeReader::new(bytes, Path::new("s.spk"))?.collect()
    }

    #[test]
    fn text_is_read_with_any_blanks_and_endings() {
        let spikes = read(b"0 0.005\r\n\n  12\t1.5e-3  \n3 0").unwrap();
        let expected = [(0, 0.005), (12, 0.0015), (3, 0.0)];
        assert_eq!(spikes, expected.map(|(unit, time_s)| SpikeEvent { unit, time_s }));
        assert_eq!(read(b"").unwrap(), []);
    }

    #[test]
    fn what_is_no_list_of_spikes_is_refused_with_its_line() {
        let long = [b"0 0.1\n0 0.".as_slice(), &[b'1'; 1000]].concat();
        let cases: [(&[u8], &str); 9] = [
            (b"0 0.1\n-1 0.2\n", "\"-1 0.2\" in line 2"),
            (b"0\n", "\"0\" in line 1"),
            (b"0 0.1 0.2", "line 1"),
            (b"4294967296 0.1", "line 1"),
            (b"0 nan", "line 1"),
            (b"\xff\xfe", "line 1"),
            (&long, "line 2"),
            (b"CVSPIKES\x02\0\0\0\0\0\0\0", "another version"),
            (b"CVSPIKES\x01\0\0\0\0\0\0\0abc", "an end within those after spike 0"),
        ];
        for (bytes, message) in cases {
            let error = read(bytes).unwrap_err().to_string();
            assert!(error.starts_with("s.spk: expected ") && error.contains(message), "{error}");
        }
        // After an error there is nothing more.
        let mut reader = SpikeReader::new(&b"x\n0 1\n"[..], Path::new("s.spk")).unwrap();
        assert!(reader.next().unwrap().is_err() && reader.next().is_none());
    }

    #[test]
    fn six_digits_are_those_of_the_original() {
        let cases = [
            (0.123_456_789, "0.123457"),
            (12.5, "12.5"),
            (0.000_012_345_678, "1.23457e-05"),
            (0.0, "0"),
            (1_234_567.0, "1.23457e+06"),
            (0.1 + 0.2, "0.3"),
            (999_999.7, "1e+06"),
            (100_000.0, "100000"),
        ];
        for (number, text) in cases {
            assert_eq!(significant(number, 6), text);
        }
    }
}
