//! Every layer and model of the library by name, with its documentation.
//!
//! A layer is documented once, above its type. The catalogue reads that text from the layer's own source: what
//! `convis describe` prints, what the table in `docs/layers.md` shows, and what `cargo doc` renders are the same words.

mod documentation;
mod entries;

use std::sync::Arc;

pub use documentation::Documentation;

use crate::layer::Layer;
use crate::{Error, Resolution, Result};

/// Which part of the library a layer belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Group {
    /// [`filters`](crate::filters).
    Filters,
    /// [`retina`](crate::retina).
    Retina,
    /// [`spiking`](crate::spiking).
    Spiking,
    /// [`models`](crate::models).
    Models,
}

impl Group {
    /// All groups, in order.
    pub const ALL: [Self; 4] = [Self::Filters, Self::Retina, Self::Spiking, Self::Models];

    /// What the group holds.
    pub const fn title(self) -> &'static str {
        match self {
            Self::Filters => "Filters",
            Self::Retina => "Retina",
            Self::Spiking => "Spiking neurons and other excitable cells",
            Self::Models => "Models",
        }
    }
}

/// What gradients a layer, built with defaults, passes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Gradient {
    /// With respect to the input, and every parameter that is differentiable.
    All,
    /// None: its output are events. Some layers offer a surrogate.
    None,
}

/// A layer of the library.
pub struct Entry {
    /// Its name: the `kind` of the layer.
    pub name: &'static str,
    /// Other spellings and names.
    pub also: &'static [&'static str],
    /// Where it belongs.
    pub group: Group,
    /// What gradients it passes on.
    pub gradient: Gradient,
    /// Whether its output follows from the frames, however they are cut into chunks. Two filters return frames of the
    /// past with every chunk: their output depends on the chunks by definition.
    pub any_chunks: bool,
    build: fn(Resolution) -> Result<Arc<dyn Layer>>,
    source: &'static str,
    type_name: &'static str,
}

impl Entry {
    /// The layer with defaults, or, where it has to be told sizes, with small ones.
    ///
    /// # Errors
    /// None at present: the defaults are valid.
    pub fn build(&self, resolution: Resolution) -> Result<Arc<dyn Layer>> {
        (self.build)(resolution)
    }

    /// Its documentation.
    pub fn documentation(&self) -> Documentation {
        Documentation::of(self.type_name, self.source)
    }
}

/// All layers, group by group.
///
/// ```
/// use convis::{Resolution, catalogue};
/// for entry in catalogue::all() {
///     assert_eq!(entry.build(Resolution::default())?.kind(), entry.name);
/// }
/// # Ok::<(), convis::Error>(())
/// ```
pub fn all() -> &'static [Entry] {
    entries::ALL
}

/// The layer of this name; capitals, dashes and underscores do not matter.
///
/// ```
/// use convis::catalogue;
/// assert_eq!(catalogue::find("half_recursive_opl_filter")?.name, "HalfRecursiveOPLFilter");
/// assert!(catalogue::find("Bipola").err().unwrap().to_string().contains("did you mean \"Bipolar\"?"));
/// # Ok::<(), convis::Error>(())
/// ```
///
/// # Errors
/// If there is none; the message names the nearest.
pub fn find(name: &str) -> Result<&'static Entry> {
    let plain = |name: &str| name.replace(['_', '-', '.', ' '], "").to_lowercase();
    let names = |entry: &'static Entry| std::iter::once(entry.name).chain(entry.also.iter().copied());
    all()
        .iter()
        .find(|&entry| names(entry).any(|known| plain(known) == plain(name)))
        .ok_or_else(|| Error::unknown("layer", name, all().iter().flat_map(names)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_layer_of_the_library_is_here_and_documented() {
        fn sources(folder: &std::path::Path, found: &mut Vec<String>) {
            for entry in std::fs::read_dir(folder).unwrap() {
                let path = entry.unwrap().path();
                if path.is_dir() {
                    sources(&path, found);
                } else if path.extension().is_some_and(|extension| extension == "rs") {
                    let text = std::fs::read_to_string(&path).unwrap();
                    let layers = text.lines().filter_map(|line| line.trim().strip_prefix("impl Layer for "));
                    let names = layers.map(|name| name.trim_end_matches(" {").to_string());
                    // Layers that are a part of one other and cannot be built from outside are no entries.
                    let is_public = |name: &String| !text.contains(&format!("pub(super) struct {name} "));
                    found.extend(names.filter(is_public));
                }
            }
        }
        let mut written = vec![];
        sources(&std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("src"), &mut written);
        let known: Vec<&str> = all().iter().map(|entry| entry.type_name).collect();
        let missing: Vec<&String> = written.iter().filter(|name| !known.contains(&name.as_str())).collect();
        assert!(missing.is_empty(), "not in the catalogue: {missing:?}");

        for entry in all() {
            let documentation = entry.documentation();
            assert!(!documentation.summary().is_empty(), "{}", entry.name);
            for section in ["Equation", "Shapes", "Parameters", "Source", "Example"] {
                assert!(documentation.section(section).is_some(), "{} has no section {section}", entry.name);
            }
        }
    }

    #[test]
    fn names_are_different() {
        let mut names: Vec<&str> = all()
            .iter()
            .flat_map(|entry| std::iter::once(entry.name).chain(entry.also.iter().copied()))
            .collect();
        let count = names.len();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), count);
    }
}
