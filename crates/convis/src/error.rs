//! Errors for people: which argument, what was expected, what came, what to do.

use std::fmt::Display;

/// Everything that can go wrong in the library.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// An argument that cannot be used.
    #[error("{argument}: expected {expected}, got {found}")]
    Argument {
        /// Which argument.
        argument: String,
        /// What would have been right.
        expected: String,
        /// What came.
        found: String,
    },

    /// A name that does not exist.
    #[error("{what} {name:?} does not exist{}", suggestion(.nearest.as_deref()))]
    Unknown {
        /// Parameter, stage, state, …
        what: &'static str,
        /// The name that was asked for.
        name: String,
        /// The most similar existing name.
        nearest: Option<String>,
    },

    /// The image size, or the number of batches and channels, differs from that of the frames before.
    #[error(
        "input: its frames are {found} (batch × channel × height × width), but this model has been running on \
         {expected}; call clear_state() to start anew, or build another model"
    )]
    SizeChanged {
        /// Sizes of the frames so far.
        expected: String,
        /// Sizes of the new frames.
        found: String,
    },

    /// Two things that do not fit together.
    #[error("{0}")]
    Mismatch(String),

    /// The source of frames, or whoever receives the results, failed.
    #[error("{0}")]
    Stream(String),

    /// Numbers that grew beyond all bounds during a fit.
    #[error("{0}")]
    Diverged(String),

    /// The run was interrupted; the state is that after the last whole chunk.
    #[error("interrupted after {frames} frames; the state is that after the last whole chunk")]
    Interrupted {
        /// Frames that were finished.
        frames: u64,
    },
}

fn suggestion(nearest: Option<&str>) -> String {
    nearest.map_or_else(String::new, |name| format!("; did you mean {name:?}?"))
}

impl Error {
    /// An unusable argument.
    pub fn argument(argument: impl Display, expected: impl Display, found: impl Display) -> Self {
        Self::Argument {
            argument: argument.to_string(),
            expected: expected.to_string(),
            found: found.to_string(),
        }
    }

    /// A word that is none of those that exist; the message lists them and names the most similar.
    pub fn choice<'a>(argument: &str, found: &str, existing: impl IntoIterator<Item = &'a str>) -> Self {
        let existing: Vec<&str> = existing.into_iter().collect();
        let nearest = nearest(found, existing.iter().copied());
        let expected = format!("one of {}", existing.join(", "));
        Self::argument(argument, expected, format!("{found:?}{}", suggestion(nearest.as_deref())))
    }

    /// An unknown name, with the nearest of those that exist.
    pub fn unknown<'a>(what: &'static str, name: &str, existing: impl IntoIterator<Item = &'a str>) -> Self {
        Self::Unknown { what, name: name.into(), nearest: nearest(name, existing) }
    }
}

/// The existing name most similar to `name`, if any is similar.
pub fn nearest<'a>(name: &str, existing: impl IntoIterator<Item = &'a str>) -> Option<String> {
    existing
        .into_iter()
        .map(|candidate| (strsim::jaro_winkler(name, candidate), candidate))
        .filter(|(similarity, _)| *similarity > 0.7)
        .max_by(|a, b| a.0.total_cmp(&b.0))
        .map(|(_, candidate)| candidate.to_string())
}

/// `Result` with this library's error.
pub type Result<T, E = Error> = std::result::Result<T, E>;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wrong_choice_gets_all_of_them_and_the_nearest() {
        assert_eq!(
            Error::choice("mode", "zero", ["zeros", "mean"]).to_string(),
            "mode: expected one of zeros, mean, got \"zero\"; did you mean \"zeros\"?"
        );
    }

    #[test]
    fn a_misspelt_name_gets_the_nearest_one() {
        let error = Error::unknown("parameter", "lamda_amp", ["g_leak", "lambda_amp", "tau"]);
        assert_eq!(error.to_string(), "parameter \"lamda_amp\" does not exist; did you mean \"lambda_amp\"?");
        assert!(!Error::unknown("parameter", "xyz", ["tau"]).to_string().contains("mean"));
    }
}
