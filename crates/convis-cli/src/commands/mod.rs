//! One file per command.

pub mod convert;
pub mod demo;
pub mod describe;
pub mod fit;
pub mod gratings;
pub mod info;
pub mod reconstruct;
pub mod report;
pub mod run;
pub mod shapley_victor;
pub mod virtual_retina;
