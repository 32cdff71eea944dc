//! `convis report`: pages with figures.

mod physiology;

use std::path::PathBuf;

use clap::{Args, Subcommand};

use crate::error::Result;

/// Write a page with figures
#[derive(Args, Debug)]
pub struct ReportArguments {
    #[command(subcommand)]
    report: Report,
}

#[derive(Subcommand, Debug)]
enum Report {
    Physiology(PhysiologyArguments),
}

/// Classical experiments on model cells of the cat: X and Y cells, contrast gain control
///
/// Enroth-Cugell & Robson 1966 and Shapley & Victor 1978, each with what was found then and what the models do.
#[derive(Args, Debug)]
#[command(after_long_help = "\
Writes physiology.html and its figures, .png, into the folder.

Example:
  convis report physiology --out report")]
struct PhysiologyArguments {
    /// The folder for the page, made if there is none
    #[arg(short, long, value_name = "FOLDER")]
    out: PathBuf,
}

/// Writes a report.
pub fn report(arguments: &ReportArguments) -> Result<()> {
    match &arguments.report {
        Report::Physiology(arguments) => physiology::physiology(&arguments.out),
    }
}
