//! Figures and frames: contact sheets, spike rasters, pixels of moving pictures.
//!
//! Everything here takes plain slices and knows nothing of retinas. A file is either written completely or not at
//! all, and every error names the file or the argument.

mod axis;
mod canvas;
mod colour_map;
mod contact_sheet;
mod error;
mod frames;
mod plot;
mod raster;
mod resample;
mod scale;

pub use colour_map::Tint;
pub use contact_sheet::{SheetRow, contact_sheet};
pub use error::PicturesError;
pub use frames::{activity_frame, to_grey};
pub use plot::{COLOURS, Curve, Division, Panel, panels};
pub use raster::{EyeTrace, Population, RasterFigure, raster_and_rate};
pub use scale::Scale;
