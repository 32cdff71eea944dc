//! Several named arrays in a file: numpy's `.npz`.
//!
//! # Format
//! A zip archive in which the array `rate` is the member `rate.npy`, stored or deflated. Written: stored,
//! with the 64-bit sizes of the zip format where a member needs them.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, BufReader, BufWriter, Read, Seek, SeekFrom};
use std::marker::PhantomData;
use std::path::{Path, PathBuf};

use flate2::Crc;
use flate2::read::DeflateDecoder;
use tempfile::TempDir;
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipArchive, ZipWriter};

use crate::array::{Array, Element};
use crate::draft::{Draft, folder_of};
use crate::npy::{Column, check_frame_shape, read_array, write_array};
use crate::{Error, Result};

/// Reads all arrays of an archive.
///
/// # Errors
/// If the file cannot be read, is no archive of arrays, or is damaged.
pub fn read_npz(path: impl AsRef<Path>) -> Result<BTreeMap<String, Array>> {
    let path = path.as_ref();
    let mut arrays = BTreeMap::new();
    for member in members(path)? {
        let label = member.label(path);
        let mut reader = member.open(path)?;
        let array = read_array(&mut reader, &label)?;
        finish_reading(&mut reader, &label)?;
        arrays.insert(member.name, array);
    }
    Ok(arrays)
}

/// Writes named arrays.
///
/// # Errors
/// If a name is used twice or the file cannot be written; nothing is left behind then.
pub fn write_npz<N: AsRef<str>>(path: impl AsRef<Path>, arrays: &[(N, Array)]) -> Result<()> {
    let mut writer = NpzWriter::create(path)?;
    for (name, array) in arrays {
        writer.put(name.as_ref(), array)?;
    }
    writer.finish()
}

/// One array of an archive: where its bytes lie.
pub(crate) struct Member {
    pub(crate) name: String,
    start: u64,
    stored_size: u64,
    deflated: bool,
    crc: u32,
}

/// The arrays of an archive, in the order of the file.
pub(crate) fn members(path: &Path) -> Result<Vec<Member>> {
    let file = File::open(path).map_err(|reason| Error::read(path, reason))?;
    let broken = |found: String| {
        let advice = "the file may have been cut short: save or copy it again";
        Error::malformed(path, "an archive as numpy.savez writes it", found, advice)
    };
    let mut archive = ZipArchive::new(BufReader::new(file)).map_err(|error| broken(error.to_string()))?;
    let mut members = Vec::with_capacity(archive.len());
    for index in 0..archive.len() {
        let entry = archive.by_index_raw(index).map_err(|error| broken(error.to_string()))?;
        let file_name = entry.name().map_err(|error| broken(error.to_string()))?.into_owned();
        let Some(name) = file_name.strip_suffix(".npy") else {
            return Err(broken(format!("the member '{file_name}'")));
        };
        let deflated = match entry.compression() {
            CompressionMethod::Stored => false,
            CompressionMethod::Deflated => true,
            other => return Err(broken(format!("'{file_name}' compressed as {other}"))),
        };
        let Some(start) = entry.data_start().filter(|_| !entry.encrypted()) else {
            return Err(broken(format!("'{file_name}' without readable data")));
        };
        members.push(Member {
            name: name.to_owned(),
            start,
            stored_size: entry.compressed_size(),
            deflated,
            crc: entry.crc32(),
        });
    }
    Ok(members)
}

impl Member {
    /// How messages call it: `file.npz:name`.
    pub(crate) fn label(&self, path: &Path) -> PathBuf {
        let mut label = path.as_os_str().to_owned();
        label.push(format!(":{}", self.name));
        label.into()
    }

    /// The bytes of the `.npy` file it is, unpacked while they are read.
    pub(crate) fn open(&self, path: &Path) -> Result<Checked> {
        let mut file = File::open(path).map_err(|reason| Error::read(path, reason))?;
        file.seek(SeekFrom::Start(self.start)).map_err(|reason| Error::read(path, reason))?;
        let stored = BufReader::with_capacity(1 << 16, file).take(self.stored_size);
        let inner: Box<dyn Read + Send> = if self.deflated {
            Box::new(BufReader::new(DeflateDecoder::new(stored)))
        } else {
            Box::new(stored)
        };
        Ok(Checked { inner, crc: Crc::new(), expected: self.crc })
    }
}

/// Reads on to the end of a member, where its checksum is compared.
pub(crate) fn finish_reading(reader: &mut impl Read, label: &Path) -> Result<()> {
    match io::copy(reader, &mut io::sink()) {
        Ok(0) => Ok(()),
        Ok(more) => Err(Error::malformed(
            label,
            "the end of the array",
            format!("{more} bytes more"),
            "the file is damaged: save or copy it again",
        )),
        Err(reason) => Err(Error::read(label, reason)),
    }
}

/// A reader that compares the checksum of what it gave when it reaches the end.
pub(crate) struct Checked {
    inner: Box<dyn Read + Send>,
    crc: Crc,
    expected: u32,
}

impl Read for Checked {
    fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
        let count = self.inner.read(bytes)?;
        self.crc.update(&bytes[..count]);
        if count == 0 && !bytes.is_empty() && self.crc.sum() != self.expected {
            let message = "the checksum is wrong: the file is damaged, save or copy it again";
            return Err(io::Error::new(io::ErrorKind::InvalidData, message));
        }
        Ok(count)
    }
}

/// An array begun with [`NpzWriter::array`].
pub struct ArrayId<T> {
    index: usize,
    element: PhantomData<fn(T)>,
}

impl<T> Clone for ArrayId<T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T> Copy for ArrayId<T> {}

/// Writes several arrays side by side, frame by frame, in memory that does not grow with their length.
///
/// Until [`finish`](NpzWriter::finish) the arrays grow in a temporary folder beside the target, so that disk
/// must hold them twice for a moment. Dropping the writer removes all of it.
///
/// ```
/// use convis_io::{Array, NpzWriter, read_npz};
///
/// let folder = tempfile::tempdir()?;
/// let path = folder.path().join("spikes.npz");
/// let mut file = NpzWriter::create(&path)?;
/// let rate = file.array::<f32>("rate", &[2, 2])?;
/// let time_s = file.array::<f64>("time_s", &[])?;
/// file.append(rate, &[0.0, 1.0, 2.0, 3.0])?; // one frame of 2 × 2
/// file.append(time_s, &[0.25, 0.5, 0.75])?; // three events
/// file.append(rate, &[4.0, 5.0, 6.0, 7.0])?;
/// file.put("unit", &Array::text_scalar("Hz"))?;
/// file.finish()?;
///
/// let arrays = read_npz(&path)?;
/// assert_eq!(arrays["rate"].shape(), [2, 2, 2]);
/// assert_eq!(arrays["time_s"].to_f64()?, [0.25, 0.5, 0.75]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct NpzWriter {
    path: PathBuf,
    folder: TempDir,
    members: Vec<(String, Part)>,
}

enum Part {
    Growing(Column<BufWriter<File>>),
    Whole(File),
}

impl NpzWriter {
    /// Begins an archive that will be named `path`.
    ///
    /// # Errors
    /// If nothing can be written to the folder of `path`.
    pub fn create(path: impl AsRef<Path>) -> Result<Self> {
        let path = path.as_ref();
        // A target that cannot be written should be told before the computation and not after it.
        drop(Draft::create(path)?);
        let folder = tempfile::Builder::new()
            .prefix(".unfinished-")
            .tempdir_in(folder_of(path))
            .map_err(|reason| Error::write(path, reason))?;
        Ok(Self { path: path.to_owned(), folder, members: Vec::new() })
    }

    /// Begins an array of frames of the given shape; `&[]` for a column of single values. Its shape in the
    /// file is (number of frames, *`frame_shape`*).
    ///
    /// # Errors
    /// If the name is used already, a frame would hold no value, or the disk refuses.
    pub fn array<T: Element>(&mut self, name: &str, frame_shape: &[usize]) -> Result<ArrayId<T>> {
        check_frame_shape(frame_shape)?;
        let file = BufWriter::with_capacity(1 << 16, self.begin(name)?);
        let column = Column::create(file, T::TYPE, frame_shape).map_err(|reason| self.failed(reason))?;
        self.members.push((name.to_owned(), Part::Growing(column)));
        Ok(ArrayId { index: self.members.len() - 1, element: PhantomData })
    }

    /// Appends any number of whole frames to an array.
    ///
    /// # Errors
    /// If the values are no whole frames, the array is not of this writer, or the disk refuses.
    pub fn append<T: Element>(&mut self, array: ArrayId<T>, values: &[T]) -> Result<()> {
        let Some((name, Part::Growing(column))) = self.members.get_mut(array.index) else {
            return Err(Error::argument("array", "an array of this file", "an array of another one"));
        };
        let frames = column.whole_frames(name, values)?;
        column.append(frames, values).map_err(|reason| Error::write(&self.path, reason))
    }

    /// Writes a whole array.
    ///
    /// # Errors
    /// If the name is used already or the disk refuses.
    pub fn put(&mut self, name: &str, array: &Array) -> Result<()> {
        let mut file = BufWriter::with_capacity(1 << 16, self.begin(name)?);
        let written = write_array(&mut file, array)
            .and_then(|()| file.into_inner().map_err(io::IntoInnerError::into_error))
            .and_then(|mut file| file.rewind().map(|()| file));
        let file = written.map_err(|reason| self.failed(reason))?;
        self.members.push((name.to_owned(), Part::Whole(file)));
        Ok(())
    }

    /// Puts the archive together and gives it its name.
    ///
    /// # Errors
    /// If the disk refuses; nothing is left behind then.
    pub fn finish(self) -> Result<()> {
        let Self { path, folder, members } = self;
        let mut draft = Draft::create(&path)?;
        let mut archive = ZipWriter::new(&mut draft);
        let written = members
            .into_iter()
            .enumerate()
            .try_for_each(|(index, (name, part))| {
                let file = match part {
                    Part::Growing(column) => {
                        column.finish()?.into_inner().map_err(io::IntoInnerError::into_error)?
                    }
                    Part::Whole(file) => file,
                };
                add(&mut archive, &name, file)?;
                // What has been copied need not lie on the disk twice.
                std::fs::remove_file(part_path(&folder, index))
            })
            .map_err(|reason| Error::write(&path, reason));
        if let Err(error) = written {
            // Dropping it would write the rest of the archive to a disk that just refused.
            std::mem::forget(archive);
            return Err(error);
        }
        archive.finish().map_err(|error| Error::write(&path, error.into()))?;
        draft.commit()
    }

    fn begin(&self, name: &str) -> Result<File> {
        if name.is_empty() || self.members.iter().any(|(used, _)| used == name) {
            return Err(Error::argument("name", "a name that no other array of the file has", {
                format!("'{name}'")
            }));
        }
        File::options()
            .read(true)
            .write(true)
            .create_new(true)
            .open(part_path(&self.folder, self.members.len()))
            .map_err(|reason| self.failed(reason))
    }

    fn failed(&self, reason: io::Error) -> Error {
        Error::write(&self.path, reason)
    }
}

fn part_path(folder: &TempDir, index: usize) -> PathBuf {
    folder.path().join(format!("{index}.npy"))
}

fn add(archive: &mut ZipWriter<&mut Draft>, name: &str, mut file: File) -> io::Result<()> {
    let size = file.metadata()?.len();
    let options = SimpleFileOptions::default()
        .compression_method(CompressionMethod::Stored)
        .large_file(size >= u64::from(u32::MAX))
        // The same numbers give the same file, whenever they are written.
        .last_modified_time(zip::DateTime::default());
    archive.start_file(format!("{name}.npy"), options)?;
    io::copy(&mut file, archive)?;
    Ok(())
}
