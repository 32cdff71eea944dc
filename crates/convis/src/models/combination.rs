//! How the outputs of layers side by side become one movie.

use std::str::FromStr;
use std::sync::Arc;

use crate::layer::{Layer, Scope};
use crate::tensor::{cat, sum};
use crate::{Error, Result, Tensor};

/// How the outputs of layers side by side become one movie.
///
/// ```
/// use convis::models::Combination;
/// assert!(matches!("cat".parse()?, Combination::Cat(0)));
/// let message = "cat_7".parse::<Combination>().unwrap_err().to_string();
/// assert!(message.contains("cat_0, cat_1, cat_2, cat_3, cat_4"), "{message}");
/// # Ok::<(), convis::Error>(())
/// ```
#[derive(Clone)]
pub enum Combination {
    /// Joined along an axis, then summed along it, which leaves the length 1: axis 0 (`sum`, `sum_0`) or 1 (`sum_1`).
    Sum(usize),
    /// Joined along an axis: `cat` or `cat_0` … `cat_4`. Along time (2) the frames of every chunk follow each other.
    Cat(usize),
    /// Joined along the channels, then given to a layer.
    Layer(Arc<dyn Layer>),
}

/// Names of all combinations but layers.
const NAMES: [(&str, Combination); 9] = [
    ("sum", Combination::Sum(0)),
    ("sum_0", Combination::Sum(0)),
    ("sum_1", Combination::Sum(1)),
    ("cat", Combination::Cat(0)),
    ("cat_0", Combination::Cat(0)),
    ("cat_1", Combination::Cat(1)),
    ("cat_2", Combination::Cat(2)),
    ("cat_3", Combination::Cat(3)),
    ("cat_4", Combination::Cat(4)),
];

impl Combination {
    /// The name a combining layer has in its model.
    pub(super) const LAYER: &str = "combination";

    /// Names that can be parsed.
    pub fn names() -> impl Iterator<Item = &'static str> {
        NAMES.iter().map(|(name, _)| *name)
    }

    /// Makes one movie of all outputs.
    pub(super) fn combine(&self, movies: &[Tensor], scope: &mut Scope<'_>) -> Result<Tensor> {
        let movies: Vec<&Tensor> = movies.iter().collect();
        match self {
            Self::Sum(axis) => sum(&movies, *axis),
            Self::Cat(axis) => cat(&movies, *axis),
            Self::Layer(layer) => {
                let joined = cat(&movies, 1)?;
                Ok(scope.child(Self::LAYER, &**layer, &joined)?.first()?.clone())
            }
        }
        .map_err(|error| match error {
            // The sizes that do not fit are those of the outputs, whatever the operation calls them.
            Error::Argument { argument, expected, found } if argument == "tensors" => {
                Error::argument("outputs of parallel layers", expected, found)
            }
            other => other,
        })
    }
}

impl FromStr for Combination {
    type Err = Error;

    fn from_str(name: &str) -> Result<Self> {
        if let Some((_, combination)) = NAMES.iter().find(|(known, _)| *known == name) {
            return Ok(combination.clone());
        }
        let all = Self::names().collect::<Vec<_>>().join(", ");
        let nearest = crate::error::nearest(name, Self::names());
        let hint = nearest.map_or_else(String::new, |nearest| format!("; did you mean {nearest:?}?"));
        Err(Error::argument("combination", format!("a layer, or one of {all}"), format!("{name:?}{hint}")))
    }
}

impl std::fmt::Debug for Combination {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Sum(axis) => write!(f, "sum_{axis}"),
            Self::Cat(axis) => write!(f, "cat_{axis}"),
            Self::Layer(layer) => write!(f, "{}", layer.kind()),
        }
    }
}
