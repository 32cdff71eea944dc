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
//! | `separable_opl.rs` | [`SeparableOplFilter`]: the same with finite kernels |
//! | `full_convolution_opl.rs` | [`FullConvolutionOplFilter`]: the same as one convolution |
//! | `impulse_response.rs` | finite kernels that follow from parameters |
//! | `opl_filter.rs` | [`OplFilter`]: the same with every option of a description |
//! | `luminance_gain_opl.rs` | [`LuminanceGainOpl`]: one that adapts to luminance |
//! | `eye.rs` | [`EyeTrace`]: microsaccades |
//! | `bipolar.rs` | [`Bipolar`]: contrast gain control |
//! | `ganglion_input.rs` | [`GanglionInput`]: transient, static nonlinearity, pooling |
//! | `ganglion_spiking.rs` | [`GanglionSpiking`]: spikes |
//! | `ganglion_array.rs` | [`GanglionArray`]: spikes of cells on grids, on rings, or wherever they are put |
//! | `model.rs` | [`Retina`]: all of it |
//! | `virtual_retina.rs` | [`Retina::virtual_retina`]: a retina from its description, with the conventions of Virtual Retina |
//! | `description/` | [`RetinaDescription`]: what a file of Virtual Retina, or a configuration, says |

mod bipolar;
mod crop;
pub mod description;
mod eye;
mod full_convolution_opl;
mod ganglion_array;
mod ganglion_input;
mod ganglion_spiking;
mod impulse_response;
mod luminance_gain_opl;
mod model;
mod opl;
mod opl_filter;
mod recursive_opl;
mod separable_opl;
mod virtual_retina;

pub use bipolar::{Bipolar, BipolarOptions, CustomInhibition};
pub use description::RetinaDescription;
pub use eye::EyeTrace;
pub use full_convolution_opl::FullConvolutionOplFilter;
pub use ganglion_array::{CellPlace, Cells, GanglionArray};
pub use ganglion_input::{GanglionInput, GanglionOptions};
pub use ganglion_spiking::GanglionSpiking;
pub use luminance_gain_opl::{LuminanceGainOpl, LuminanceGainOptions};
pub use model::{Retina, RetinaOptions};
pub use opl::{HalfRecursiveOplFilter, Opl, OplKind};
pub use opl_filter::{OplFilter, OplOptions};
pub use recursive_opl::RecursiveOplFilter;
pub use separable_opl::SeparableOplFilter;
pub use virtual_retina::{Compatibility, VirtualRetinaOptions};
