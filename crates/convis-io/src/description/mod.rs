//! The description of a retina: `.xml` as Virtual Retina reads it, `.toml` and `.json`.
//!
//! The three say the same. In XML a description is
//!
//! ```xml
//! <retina-description-file>
//!   <retina temporal-step__sec="0.005" input-luminosity-range="255" pixels-per-degree="20">
//!     <outer-plexiform-layer>
//!       <linear-version center-sigma__deg="0.05" surround-sigma__deg="0.15"/>
//!     </outer-plexiform-layer>
//!     <ganglion-layer sign="1"/>
//!   </retina>
//! </retina-description-file>
//! ```
//!
//! and in TOML, with the keys of [`RetinaDescription::get`],
//!
//! ```toml
//! [retina]
//! temporal-step__sec = 0.005
//! input-luminosity-range = 255
//! pixels-per-degree = 20
//!
//! [[outer-plexiform-layers]]
//! linear-version = { center-sigma__deg = 0.05, surround-sigma__deg = 0.15 }
//!
//! [[ganglion-layers]]
//! sign = 1
//! ```
//!
//! What a file leaves out has the original program's default. Older names are understood. Unknown names are errors, with
//! the line and the nearest name that exists, or, on demand, warnings. Comments are not kept.

mod tables;
mod xml;

use std::fs;
use std::io::Write;
use std::path::Path;

use convis::retina::RetinaDescription;
use convis::retina::description::tree::Unknown;

use crate::draft::Draft;
use crate::{Error, Result};

/// Reads a description from a `.xml`, `.toml` or `.json` file.
///
/// With [`Unknown::Warn`], names that do not exist are passed over and remembered there.
///
/// ```
/// use convis::retina::RetinaDescription;
/// use convis::retina::description::tree::Unknown;
/// use convis_io::{read_description, write_description};
///
/// let folder = tempfile::tempdir()?;
/// let cat = RetinaDescription::preset("cat-y")?;
/// for name in ["cat.xml", "cat.toml", "cat.json"] {
///     let path = folder.path().join(name);
///     write_description(&path, &cat)?;
///     assert_eq!(read_description(&path, &mut Unknown::Refuse)?, cat);
/// }
///
/// let path = folder.path().join("typo.xml");
/// std::fs::write(&path, "<retina-description-file>\n<retina pixel-per-degree='3'/>\n</retina-description-file>")?;
/// let error = read_description(&path, &mut Unknown::Refuse).unwrap_err().to_string();
/// assert!(error.contains("line 2") && error.contains("did you mean \"pixels-per-degree\"?"), "{error}");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
/// If the file cannot be read, has another ending, is not well formed, or says what no retina can be.
pub fn read_description(path: impl AsRef<Path>, unknown: &mut Unknown) -> Result<RetinaDescription> {
    let path = path.as_ref();
    let syntax = Syntax::of(path)?;
    let bytes = fs::read(path).map_err(|reason| Error::read(path, reason))?;
    parse_description(&bytes, syntax, path, unknown)
}

/// Reads a description from the content of a file; `path` stands in errors.
///
/// # Errors
/// Those of [`read_description`].
pub fn parse_description(
    bytes: &[u8],
    syntax: Syntax,
    path: &Path,
    unknown: &mut Unknown,
) -> Result<RetinaDescription> {
    match syntax {
        Syntax::Xml => xml::parse(bytes, path, unknown),
        Syntax::Toml | Syntax::Json => tables::parse(bytes, syntax, path, unknown),
    }
}

/// Writes a description as a `.xml`, `.toml` or `.json` file.
///
/// # Errors
/// If the description is not valid, the ending is another one, or the file cannot be written; nothing is left behind
/// then.
pub fn write_description(path: impl AsRef<Path>, description: &RetinaDescription) -> Result<()> {
    let path = path.as_ref();
    let text = format_description(description, Syntax::of(path)?)?;
    let mut draft = Draft::create(path)?;
    draft.write_all(text.as_bytes()).map_err(|reason| draft.failed(reason))?;
    draft.commit()
}

/// A description as text.
///
/// # Errors
/// If it is not valid.
pub fn format_description(description: &RetinaDescription, syntax: Syntax) -> Result<String> {
    if let Err(convis::Error::Argument { argument, expected, found }) = description.check() {
        return Err(Error::argument(argument, expected, found));
    }
    match syntax {
        Syntax::Xml => Ok(xml::format(description)),
        Syntax::Toml | Syntax::Json => tables::format(description, syntax),
    }
}

/// The languages of descriptions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Syntax {
    /// As Virtual Retina reads it.
    Xml,
    /// TOML.
    Toml,
    /// JSON.
    Json,
}

impl Syntax {
    /// The language that the ending of a file name means.
    ///
    /// # Errors
    /// If it means none of them.
    pub fn of(path: &Path) -> Result<Self> {
        let ending = path.extension().unwrap_or_default().to_ascii_lowercase();
        match ending.to_str() {
            Some("xml") => Ok(Self::Xml),
            Some("toml") => Ok(Self::Toml),
            Some("json") => Ok(Self::Json),
            _ => Err(Error::malformed(
                path,
                "the description of a retina, whose name ends in .xml, .toml or .json",
                "another ending",
                "rename the file",
            )),
        }
    }
}
