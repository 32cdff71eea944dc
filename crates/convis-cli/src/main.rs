//! The `convis` command: a retina for moving images.
//!
//! It parses, calls the libraries and shows progress. `run` and `demo` share one pipeline: frames of any source
//! ([`held_frames`]) go through the model ([`simulation`]) into a file ([`result_file`]).

use std::io::{self, Write};
use std::process::ExitCode;

use clap::{Parser, Subcommand};

use convis::kernels::parallel::try_with_threads;
use error::{Error, Result};

mod commands;
mod error;
mod held_frames;
mod interrupt;
mod model;
mod original;
mod pictures;
mod progress;
mod rate;
mod reference;
mod report;
mod result_file;
mod simulation;
mod text;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Simulates the retina on moving images: from luminance to the spikes of ON and OFF ganglion cells.
#[derive(Parser, Debug)]
#[command(name = "convis", max_term_width = 80, disable_version_flag = true, arg_required_else_help = true)]
#[command(after_help = "\
Examples:
  convis demo                         a retina looks at a photograph
  convis run walk.mp4 --out walk.npz  any video, folder of pictures, GIF, array
  convis describe                     every parameter: unit, default, meaning
  convis help run                     all options of a command, with examples

Exit codes: 0 done, 1 something failed, 2 unusable arguments, 130 interrupted.")]
struct Arguments {
    /// Print version, vector instructions and threads
    #[arg(short = 'V', long, exclusive = true)]
    version: bool,

    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Subcommand, Debug)]
enum Command {
    Demo(commands::demo::DemoArguments),
    Run(Box<commands::run::RunArguments>),
    Describe(commands::describe::DescribeArguments),
    VirtualRetina(Box<commands::virtual_retina::VirtualRetinaArguments>),
    Convert(commands::convert::ConvertArguments),
    Fit(commands::fit::FitArguments),
    Reconstruct(Box<commands::reconstruct::ReconstructArguments>),
    Gratings(commands::gratings::GratingsArguments),
    ShapleyVictor(commands::shapley_victor::ShapleyVictorArguments),
    Report(commands::report::ReportArguments),
    /// Print version, vector instructions and threads
    Info,
}

/// Commands that stand for programs of Virtual Retina, whose long options may have one dash.
const ORIGINAL: [&str; 4] = ["virtual-retina", "reconstruct", "gratings", "shapley-victor"];

fn main() -> ExitCode {
    let arguments = match original::with_two_dashes::<Arguments>(std::env::args_os(), &ORIGINAL) {
        Ok(arguments) => Arguments::parse_from(arguments),
        Err(message) => return fail(&Error::Usage(message)),
    };
    let result = match arguments.command {
        Some(Command::Demo(arguments)) => commands::demo::demo(&arguments),
        Some(Command::Run(arguments)) => commands::run::run(&arguments),
        Some(Command::Describe(arguments)) => commands::describe::describe(&arguments),
        Some(Command::VirtualRetina(arguments)) => commands::virtual_retina::virtual_retina(&arguments),
        Some(Command::Convert(arguments)) => commands::convert::convert(&arguments),
        Some(Command::Fit(arguments)) => commands::fit::fit(&arguments),
        Some(Command::Reconstruct(arguments)) => commands::reconstruct::reconstruct(&arguments),
        Some(Command::Gratings(arguments)) => commands::gratings::gratings(&arguments),
        Some(Command::ShapleyVictor(arguments)) => commands::shapley_victor::shapley_victor(&arguments),
        Some(Command::Report(arguments)) => commands::report::report(&arguments),
        Some(Command::Info) | None => commands::info::info(),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => fail(&error),
    }
}

/// Says why, and what the shell is told.
fn fail(error: &Error) -> ExitCode {
    let kind = if matches!(error, Error::Interrupted(_)) { "" } else { "error: " };
    // Where even that cannot be written, the exit code remains.
    writeln!(io::stderr(), "{kind}{error}").ok();
    ExitCode::from(error.exit_code())
}

/// Runs `work` with so many threads, or as many as the library chooses.
fn with_threads(threads: Option<u16>, work: impl FnOnce() -> Result<()>) -> Result<()> {
    let Some(threads) = threads else { return work() };
    let result = try_with_threads(threads.into(), work);
    result.map_err(|error| Error::Failed(format!("--threads {threads}: {error}; ask for fewer")))?
}
