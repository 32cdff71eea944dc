//! What can go wrong when a picture is drawn and written.

use std::io;
use std::path::{Path, PathBuf};

/// Why a picture could not be made. Every message names the file or argument and says what to do.
#[derive(Debug, thiserror::Error)]
pub enum PicturesError {
    /// The folder the picture should go to does not exist.
    #[error(
        "cannot write `{}`: the folder `{}` does not exist; create it or choose another",
        path.display(),
        folder.display()
    )]
    MissingFolder {
        /// The picture that was asked for.
        path: PathBuf,
        /// The folder that is not there.
        folder: PathBuf,
    },
    /// The system refused to write the file; nothing is left behind.
    #[error(
        "cannot write `{}`: {source}; check that its folder can be written to and that the disk has room",
        path.display()
    )]
    Write {
        /// The picture that was asked for.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// An argument does not fit what is to be drawn.
    #[error("cannot draw the picture: {argument}: expected {expected}, found {found}")]
    Argument {
        /// Which argument.
        argument: String,
        /// What would have been right.
        expected: String,
        /// What came.
        found: String,
    },
    /// Drawing or encoding failed inside a library.
    #[error(
        "cannot draw the picture: {message}; please report this together with the command that led to it"
    )]
    Drawing {
        /// What the library said.
        message: String,
    },
}

impl PicturesError {
    /// An argument that does not fit.
    pub(super) fn argument(
        argument: impl Into<String>,
        expected: impl Into<String>,
        found: impl Into<String>,
    ) -> Self {
        Self::Argument { argument: argument.into(), expected: expected.into(), found: found.into() }
    }

    /// A failure of the drawing library.
    #[expect(clippy::needless_pass_by_value, reason = "stands in `map_err`, which gives the error away")]
    pub(super) fn drawing(message: impl ToString) -> Self {
        Self::Drawing { message: message.to_string() }
    }

    /// A refused write to `path`.
    pub(super) fn write(path: &Path, source: io::Error) -> Self {
        Self::Write { path: path.to_path_buf(), source }
    }
}
