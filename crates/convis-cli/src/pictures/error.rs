//! What can go wrong when a picture is drawn and written.

/// Why a picture could not be made. Every message names the file or argument and says what to do.
#[derive(Debug, thiserror::Error)]
pub enum PicturesError {
    /// The file cannot be written; nothing is left behind.
    #[error(transparent)]
    Write(#[from] convis_io::Error),
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
}
