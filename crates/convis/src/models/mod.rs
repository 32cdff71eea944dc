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
mod sequential;
mod stage;

pub use crate::filters::RF;
pub use combination::Combination;
pub use dict::Dict;
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
pub use sequential::Sequential;
pub use stage::StageOptions;

/// Another name of [`LNFDLNF`].
pub type LNFDSNF = LNFDLNF;
