//! One file per command.

pub mod demo;
pub mod describe;
pub mod info;
pub mod run;
