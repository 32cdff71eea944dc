//! `FrameReader`, `InrFile`, `GifWriter` and `InrWriter`: movies in files, frame by frame.

use std::io::ErrorKind;
use std::path::PathBuf;
use std::sync::Mutex;

use convis_io::{Error, FrameSource, GifWriter, InrReader, InrWriter, OpenOptions};
use numpy::ndarray::Array3;
use numpy::{IntoPyArray, PyArray3, PyReadonlyArray3};
use pyo3::exceptions::{PyFileNotFoundError, PyOSError, PyRuntimeError, PyValueError};
use pyo3::prelude::*;

use crate::compute::compute;

/// The Python exception for an error of a file.
pub fn exception(error: &Error) -> PyErr {
    let message = error.to_string();
    match error {
        Error::Read { reason, .. } if reason.kind() == ErrorKind::NotFound => {
            PyFileNotFoundError::new_err(message)
        }
        Error::Read { .. } | Error::Write { .. } => PyOSError::new_err(message),
        Error::ProgramMissing { .. } | Error::ProgramFailed { .. } => PyRuntimeError::new_err(message),
        _ => PyValueError::new_err(message),
    }
}

fn busy<T>(_: T) -> PyErr {
    PyRuntimeError::new_err("this file is being used by another thread; give each thread a stream of its own")
}

/// A movie in a file or a folder, read frame by frame.
#[pyclass(frozen, module = "convis._native")]
pub struct FrameReader {
    source: Mutex<Box<dyn FrameSource>>,
    #[pyo3(get)]
    height: usize,
    #[pyo3(get)]
    width: usize,
    #[pyo3(get)]
    frames_per_second: Option<f64>,
    #[pyo3(get)]
    length_hint: Option<u64>,
}

#[pymethods]
impl FrameReader {
    #[new]
    fn new(py: Python<'_>, input: String, luminance_range: f64, linear_light: bool) -> PyResult<Self> {
        let options = OpenOptions { luminance_range, linear_light, ..OpenOptions::default() };
        compute(py, || {
            let source = convis_io::open(&input, &options).map_err(|error| exception(&error))?;
            Ok(Self {
                height: source.height(),
                width: source.width(),
                frames_per_second: source.frames_per_second(),
                length_hint: source.length_hint(),
                source: Mutex::new(source),
            })
        })
    }

    /// The next frames (time, height, width): `most` of them, fewer at the end.
    fn read<'py>(&self, py: Python<'py>, most: usize) -> PyResult<Bound<'py, PyArray3<f32>>> {
        let mut source = self.source.try_lock().map_err(busy)?;
        let source = &mut **source;
        let size = (self.height, self.width);
        let frames = compute(py, || all(most, size, |frame| source.next_frame(frame)))?;
        Ok(frames.into_pyarray(py))
    }
}

/// An animated GIF, written frame by frame; it appears when it is finished.
#[pyclass(frozen, name = "GifWriter", module = "convis._native")]
pub struct PyGifWriter(Mutex<Option<GifWriter>>);

#[pymethods]
impl PyGifWriter {
    #[new]
    fn new(path: PathBuf, width: usize, height: usize, delay_ms: f64) -> PyResult<Self> {
        let writer = GifWriter::create(path, width, height, delay_ms).map_err(|error| exception(&error))?;
        Ok(Self(Mutex::new(Some(writer))))
    }

    /// Append a grey frame, row by row.
    fn append(&self, grey: &[u8]) -> PyResult<()> {
        let mut writer = self.0.try_lock().map_err(busy)?;
        let writer = writer.as_mut().ok_or_else(|| PyValueError::new_err("the file is closed"))?;
        writer.append(grey).map_err(|error| exception(&error))
    }

    /// Complete the file.
    fn finish(&self) -> PyResult<()> {
        let writer = self.0.try_lock().map_err(busy)?.take();
        writer.map_or(Ok(()), |writer| writer.finish().map_err(|error| exception(&error)))
    }

    /// Leave nothing behind.
    fn discard(&self) -> PyResult<()> {
        *self.0.try_lock().map_err(busy)? = None;
        Ok(())
    }
}

/// A movie of Virtual Retina, read frame by frame, with the numbers as they are.
#[pyclass(frozen, module = "convis._native")]
pub struct InrFile(Mutex<InrReader>);

#[pymethods]
impl InrFile {
    #[new]
    #[allow(clippy::needless_pass_by_value)] // the binding hands over what it converted
    fn new(path: PathBuf) -> PyResult<Self> {
        Ok(Self(Mutex::new(InrReader::open(path).map_err(|error| exception(&error))?)))
    }

    /// Frames, rows, columns.
    #[getter]
    fn shape(&self) -> PyResult<(u64, usize, usize)> {
        let reader = self.0.try_lock().map_err(busy)?;
        Ok((reader.frames(), reader.height(), reader.width()))
    }

    /// The next frames (time, height, width): `most` of them, fewer at the end.
    fn read<'py>(&self, py: Python<'py>, most: usize) -> PyResult<Bound<'py, PyArray3<f64>>> {
        let mut reader = self.0.try_lock().map_err(busy)?;
        let reader = &mut *reader;
        let size = (reader.height(), reader.width());
        let frames = compute(py, || all(most, size, |frame| reader.next_frame(frame)))?;
        Ok(frames.into_pyarray(py))
    }
}

/// A movie of Virtual Retina, written frame by frame; it appears when it is finished.
#[pyclass(frozen, name = "InrWriter", module = "convis._native")]
pub struct PyInrWriter(Mutex<Option<InrWriter>>);

#[pymethods]
impl PyInrWriter {
    #[new]
    #[allow(clippy::needless_pass_by_value)] // the binding hands over what it converted
    fn new(path: PathBuf, height: usize, width: usize) -> PyResult<Self> {
        let writer = InrWriter::create(path, height, width).map_err(|error| exception(&error))?;
        Ok(Self(Mutex::new(Some(writer))))
    }

    /// Append frames (time, height, width).
    fn append(&self, frames: PyReadonlyArray3<'_, f64>) -> PyResult<()> {
        let mut writer = self.0.try_lock().map_err(busy)?;
        let writer = writer.as_mut().ok_or_else(|| PyValueError::new_err("the file is closed"))?;
        for frame in frames.as_array().outer_iter() {
            let numbers: Vec<f64> = frame.iter().copied().collect();
            writer.write_frame(&numbers).map_err(|error| exception(&error))?;
        }
        Ok(())
    }

    /// Complete the file.
    fn finish(&self) -> PyResult<()> {
        let writer = self.0.try_lock().map_err(busy)?.take();
        writer.map_or(Ok(()), |writer| writer.finish().map_err(|error| exception(&error)))
    }

    /// Leave nothing behind.
    fn discard(&self) -> PyResult<()> {
        *self.0.try_lock().map_err(busy)? = None;
        Ok(())
    }
}

/// Frames (time, height, width): `most` of them, fewer at the end. `next` puts a frame into its place, if there is one.
fn all<T: Clone + Default>(
    most: usize,
    (height, width): (usize, usize),
    mut next: impl FnMut(&mut [T]) -> Result<bool, Error>,
) -> PyResult<Array3<T>> {
    let pixels = height * width;
    let (mut numbers, mut frames) = (Vec::new(), 0);
    while frames < most {
        numbers.resize((frames + 1) * pixels, T::default());
        if !next(&mut numbers[frames * pixels..]).map_err(|error| exception(&error))? {
            break;
        }
        frames += 1;
    }
    numbers.truncate(frames * pixels);
    Array3::from_shape_vec((frames, height, width), numbers)
        .map_err(|error| PyRuntimeError::new_err(error.to_string()))
}
