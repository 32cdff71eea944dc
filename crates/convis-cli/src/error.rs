//! Why the command ends early, and with which exit code.

/// One message for the person at the terminal: what, where, what to do.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The arguments cannot be used: exit code 2.
    #[error("{0}")]
    Usage(String),
    /// Something failed on the way: exit code 1.
    #[error("{0}")]
    Failed(String),
    /// Ctrl-C; what was finished is kept: exit code 130.
    #[error("{0}")]
    Interrupted(String),
}

/// `Result` with the command's error.
pub type Result<T, E = Error> = std::result::Result<T, E>;

impl Error {
    /// What the shell is told.
    pub const fn exit_code(&self) -> u8 {
        match self {
            Self::Usage(_) => 2,
            Self::Failed(_) => 1,
            Self::Interrupted(_) => 130,
        }
    }
}

impl From<convis_io::Error> for Error {
    fn from(error: convis_io::Error) -> Self {
        match error {
            convis_io::Error::Argument { argument, expected, found } => {
                let option = argument.replace('_', "-");
                Self::Usage(format!("--{option}: expected {expected}, found {found}"))
            }
            other => Self::Failed(other.to_string()),
        }
    }
}

impl From<convis::Error> for Error {
    fn from(error: convis::Error) -> Self {
        Self::Failed(error.to_string())
    }
}

impl From<crate::pictures::PicturesError> for Error {
    fn from(error: crate::pictures::PicturesError) -> Self {
        Self::Failed(error.to_string())
    }
}
