//! Models: layers put together.
//!
//! | file | model |
//! |---|---|
//! | `l.rs` | [`L`]: a linear filter |
//! | `ln.rs` | [`LN`]: a linear filter and a rectifier |
//! | `rfn.rs` | [`RFN`]: a receptive field and a rectifier ([`RF`] alone is a filter) |
//! | `lnln.rs` `lnlnln.rs` `lnlnlnln.rs` | [`LNLN`], [`LNLNLN`], [`LNLNLNLN`]: two, three, four of them in a row |
//! | `lnsn.rs` | [`LNSN`]: rectified subunits that are summed and rectified again |
//! | `lnp.rs` | [`LNP`]: a receptive field and an output nonlinearity, to be fitted to recorded cells |
//! | `separable_strf.rs` | [`SeparableSTRF`]: the same of low rank, a sum of products of time courses and pictures |
//! | `subunits.rs` | [`Subunits`]: subunits that share filters, pooled by cells |
//! | `spatial_contrast.rs` | [`SpatialContrast`]: a cell that sees mean and contrast in its receptive field |
//! | `divisive_normalization.rs` | [`DivisiveNormalization`]: a receptive field whose gain falls with its recent drive |
//! | `lnfdlnf.rs` | [`LNFDLNF`]: two stages with feedback, and a delay between them |
//! | `lncascade.rs` | [`LNCascade`]: any filters and any nonlinearities in turn |
//! | `mcintosh.rs` | [`McIntosh`]: the convolutional network of McIntosh et al. (2016) |
//! | `list.rs` `dict.rs` `sequential.rs` `parallel.rs` | [`List`], [`Dict`], [`Sequential`], [`Parallel`]: any layers |
//! | `nested.rs` | [`make_sequential_parallel_model`], [`make_parallel_sequential_model`] |
//!
//! `members.rs` is what they have in common: layers with names, one after the other or side by side; `combination.rs`
//! says how outputs of layers side by side become one.

mod combination;
mod dict;
mod divisive_normalization;
mod l;
mod list;
mod ln;
mod lncascade;
mod lnfdlnf;
mod lnln;
mod lnlnln;
mod lnlnlnln;
mod lnp;
mod lnsn;
mod mcintosh;
mod members;
mod nested;
mod parallel;
mod readout;
mod rfn;
mod separable_strf;
mod sequential;
mod spatial_contrast;
mod stage;
mod subunits;

pub use crate::filters::RF;
pub use combination::Combination;
pub use dict::Dict;
pub use divisive_normalization::DivisiveNormalization;
pub use l::L;
pub use list::List;
pub use ln::LN;
pub use lncascade::{LNCascade, Stage};
pub use lnfdlnf::LNFDLNF;
pub use lnln::LNLN;
pub use lnlnln::LNLNLN;
pub use lnlnlnln::LNLNLNLN;
pub use lnp::LNP;
pub use lnsn::LNSN;
pub use mcintosh::{McIntosh, McIntoshOptions};
pub use members::Mode;
pub use nested::{Nested, make_parallel_sequential_model, make_sequential_parallel_model};
pub use parallel::Parallel;
pub use readout::Readout;
pub use rfn::RFN;
pub use separable_strf::SeparableSTRF;
pub use sequential::Sequential;
pub use spatial_contrast::SpatialContrast;
pub use stage::StageOptions;
pub use subunits::Subunits;

/// Another name of [`LNFDLNF`].
pub type LNFDSNF = LNFDLNF;
