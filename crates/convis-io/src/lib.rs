//! The files of convis: arrays, pictures, animations, video and parameters.
//!
//! This crate turns what lies on disk into plain numbers, frame by frame where the data can be long, and writes results
//! back. Of models it knows only how a retina is described.
//!
//! | module | files | reads | writes |
//! |---|---|---|---|
//! | [`npy`] | one array, `.npy` | whole | whole, or frame by frame |
//! | [`npz`] | several named arrays, `.npz` | whole | whole, or frame by frame |
//! | [`frames`] | a movie: folder of pictures, PNG, PGM, JPEG, GIF, `.npy`, `.npz`, `.inr`, raw bytes, video | frame by frame | |
//! | [`gif`] | animated GIF | (by [`frames`]) | frame by frame |
//! | [`png`] | PNG picture | (by [`frames`]) | whole |
//! | [`parameters`] | parameter values, `.toml` or `.json` | whole | whole |
//! | [`inr`] | a movie of Virtual Retina, `.inr` | frame by frame | frame by frame |
//! | [`spikes`] | spikes, `.spk` or `.events` | one by one | one by one |
//! | [`simulation_index`] | `simulation.txt` of Virtual Retina | whole | whole |
//! | [`description`] | a retina, `.xml`, `.toml` or `.json` | whole | whole |
//!
//! Two rules hold everywhere:
//!
//! * **Whole or not at all.** A writer works under a temporary name in the folder of its target and renames
//!   the file when it is complete. An error, or dropping a writer before `finish`, leaves nothing behind and
//!   leaves an older file of that name untouched.
//! * **Every error names the file**, what was expected, what was found and what can be done ([`Error`]). No
//!   input makes this crate panic or allocate more than the input can hold.
//!
//! ```
//! use convis_io::{Array, read_npz, write_npz};
//!
//! let folder = tempfile::tempdir()?;
//! let path = folder.path().join("response.npz");
//! let rate = Array::new([2, 3], vec![0.0_f32, 1.0, 2.0, 3.0, 4.0, 5.0])?;
//! write_npz(&path, &[("rate", rate.clone()), ("unit", Array::text_scalar("Hz"))])?;
//!
//! let back = read_npz(&path)?;
//! assert_eq!(back["rate"], rate);
//! assert_eq!(back["unit"].text()?, "Hz");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

pub mod array;
pub mod description;
pub mod error;
pub mod frames;
pub mod gif;
pub mod inr;
pub mod npy;
pub mod npz;
pub mod parameters;
pub mod png;
pub mod simulation_index;
pub mod spikes;

mod draft;

pub use array::{Array, ArrayData, Element, ElementType};
pub use description::{Syntax, format_description, parse_description, read_description, write_description};
pub use error::{Error, Result};
pub use frames::{FrameSource, OpenOptions, RawFormat, RawType, open};
pub use gif::GifWriter;
pub use inr::{InrReader, InrWriter};
pub use npy::{NpyWriter, read_npy, write_npy};
pub use npz::{ArrayId, NpzWriter, read_npz, write_npz};
pub use parameters::{ParameterValue, Parameters, read_parameters, write_parameters};
pub use png::{write_png_grey, write_png_rgb};
pub use simulation_index::SimulationIndex;
pub use spikes::{SpikeEvent, SpikeFormat, SpikeReader, SpikeWriter};

/// Writes a text file, whole or not at all.
///
/// # Errors
/// If it cannot be written; nothing is left behind then.
pub fn write_text(path: impl AsRef<std::path::Path>, text: &str) -> Result<()> {
    use std::io::Write;
    let mut draft = draft::Draft::create(path.as_ref())?;
    draft.write_all(text.as_bytes()).map_err(|reason| draft.failed(reason))?;
    draft.commit()
}
