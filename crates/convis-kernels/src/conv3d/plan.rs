//! How a convolution is computed: chosen by its sizes, never by the length of a chunk or the number of threads.

use std::fmt;

/// What the caller wants of the planner.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum PlanChoice {
    /// The fastest plan by estimate.
    #[default]
    Auto,
    /// The sum itself.
    Direct,
}

impl PlanChoice {
    /// Every choice.
    pub const ALL: [Self; 2] = [Self::Auto, Self::Direct];

    /// Its name, as in `"auto"`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Auto => "auto",
            Self::Direct => "direct",
        }
    }

    /// The choice of this name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|choice| choice.name() == name)
    }
}

/// How a convolution is computed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Plan {
    /// The sum itself, in blocks of registers.
    Direct,
}

impl fmt::Display for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Direct => f.write_str("direct"),
        }
    }
}
