//! The retina of Wohrer & Kornprobst (2009): from luminance to ganglion-cell spikes.
//!
//! ```text
//! luminance → opl ─→ bipolar ─┬→ gang_0_input → gang_0_spikes   ON
//!                             └→ gang_1_input → gang_1_spikes   OFF
//! ```
//!
//! | file | stage |
//! |---|---|
//! | `opl.rs` | [`Opl`], [`HalfRecursiveOplFilter`]: centre and surround of the outer plexiform layer |
//! | `recursive_opl.rs` | [`RecursiveOplFilter`]: the same with recursive blurs |
//! | `bipolar.rs` | [`Bipolar`]: contrast gain control |
//! | `ganglion_input.rs` | [`GanglionInput`]: transient, static nonlinearity, pooling |
//! | `ganglion_spiking.rs` | [`GanglionSpiking`]: spikes |
//! | `model.rs` | [`Retina`]: all of it |
//! | `description/` | [`RetinaDescription`]: what a file of Virtual Retina, or a configuration, says |

mod bipolar;
pub mod description;
mod ganglion_input;
mod ganglion_spiking;
mod model;
mod opl;
mod recursive_opl;

pub use bipolar::Bipolar;
pub use description::RetinaDescription;
pub use ganglion_input::GanglionInput;
pub use ganglion_spiking::GanglionSpiking;
pub use model::{Retina, RetinaOptions};
pub use opl::{HalfRecursiveOplFilter, Opl, OplKind};
pub use recursive_opl::RecursiveOplFilter;
