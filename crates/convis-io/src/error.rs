//! The one error type of this crate: messages for people.

use std::io;
use std::path::{Path, PathBuf};

/// What went wrong with a file, in terms of the person who gave it.
///
/// Every message names the file, what was expected, what was found and, where something can be done, what.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The operating system refused to open or read the file.
    #[error("cannot read {}: {reason}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What the operating system says.
        reason: io::Error,
    },
    /// The file could not be written; nothing of it is left behind.
    #[error("cannot write {}: {reason}; {advice}", path.display())]
    Write {
        /// The file that was to be written.
        path: PathBuf,
        /// What the operating system says.
        reason: io::Error,
        /// What to do.
        advice: String,
    },
    /// The content of a file is not what it should be.
    #[error("{}: expected {expected}, found {found}; {advice}", path.display())]
    Malformed {
        /// The file.
        path: PathBuf,
        /// What should be there.
        expected: String,
        /// What is there.
        found: String,
        /// What to do.
        advice: String,
    },
    /// One frame of a movie cannot be used.
    #[error("{}, frame {frame}: expected {expected}, found {found}; {advice}", path.display())]
    Frame {
        /// The file (of a folder of pictures, the picture).
        path: PathBuf,
        /// Number of the frame; the first is 0.
        frame: u64,
        /// What should be there.
        expected: String,
        /// What is there.
        found: String,
        /// What to do.
        advice: String,
    },
    /// A value given to a function of this crate cannot be used.
    #[error("{argument}: expected {expected}, found {found}")]
    Argument {
        /// Name of the argument.
        argument: String,
        /// What it should be.
        expected: String,
        /// What it is.
        found: String,
    },
    /// A program that decodes video is not installed.
    #[error(
        "cannot read the video {}: the program `{program}` was not found; \
         install ffmpeg, or convert the video to PNG frames, GIF or npy", path.display()
    )]
    ProgramMissing {
        /// The video.
        path: PathBuf,
        /// The missing program.
        program: String,
    },
    /// A program that decodes video stopped with an error.
    #[error("{}: `{program}` failed after {frames} frames: {message}; {advice}", path.display())]
    ProgramFailed {
        /// The video.
        path: PathBuf,
        /// The program.
        program: String,
        /// How many frames had arrived.
        frames: u64,
        /// What the program said.
        message: String,
        /// What to do.
        advice: String,
    },
}

/// Result of the functions of this crate.
pub type Result<T> = std::result::Result<T, Error>;

impl Error {
    pub(crate) fn read(path: &Path, reason: io::Error) -> Self {
        Self::Read { path: path.to_owned(), reason }
    }

    pub(crate) fn write(path: &Path, reason: io::Error) -> Self {
        let folder = crate::draft::folder_of(path).display();
        let advice = match reason.kind() {
            io::ErrorKind::NotFound | io::ErrorKind::NotADirectory => {
                format!("the folder {folder} does not exist: create it first")
            }
            io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => {
                format!("the folder {folder} cannot be written to: choose another one")
            }
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
                format!("the disk of the folder {folder} is full: free some space or choose another one")
            }
            _ => format!("check the folder {folder}"),
        };
        Self::Write { path: path.to_owned(), reason, advice }
    }

    pub(crate) fn malformed(
        path: &Path,
        expected: impl Into<String>,
        found: impl Into<String>,
        advice: impl Into<String>,
    ) -> Self {
        Self::Malformed {
            path: path.to_owned(),
            expected: expected.into(),
            found: found.into(),
            advice: advice.into(),
        }
    }

    pub(crate) fn frame(
        path: &Path,
        frame: u64,
        expected: impl Into<String>,
        found: impl Into<String>,
        advice: impl Into<String>,
    ) -> Self {
        Self::Frame {
            path: path.to_owned(),
            frame,
            expected: expected.into(),
            found: found.into(),
            advice: advice.into(),
        }
    }

    pub(crate) fn argument(
        argument: impl Into<String>,
        expected: impl Into<String>,
        found: impl Into<String>,
    ) -> Self {
        Self::Argument { argument: argument.into(), expected: expected.into(), found: found.into() }
    }
}
