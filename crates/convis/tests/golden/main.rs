//! Compares the library with recorded numbers: every `.npz` file below a folder, by what it says of itself.
//!
//! ```text
//! cargo test --release -p convis --test golden -- [FOLDER]
//! ```
//! FOLDER defaults to `$CONVIS_GOLDEN`, else `../shared/golden` beside the project; where there is none, nothing is
//! compared and a message says so. A file's `params_json` names the layer and its parameters; its name and place do
//! not matter. Each file is run in single and double precision, as recorded and again in random chunks; gradients are
//! compared in double precision. The last line reads `N passed, M failed, K skipped`.

mod compare;
mod file;
mod functions;
mod gradients;
mod keys;
mod layers;
mod optimizing;
mod padding;
mod samples;
mod virtual_retina;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use compare::Outcome;

fn main() -> ExitCode {
    let Some(folder) = folder() else {
        println!(
            "golden: no recorded numbers found (neither an argument, nor CONVIS_GOLDEN, nor ../shared/golden); \
             nothing was compared"
        );
        println!("0 passed, 0 failed, 1 skipped");
        return ExitCode::SUCCESS;
    };
    let mut files = vec![];
    if let Err(error) = collect(&folder, &mut files) {
        eprintln!("golden: cannot read {}: {error}", folder.display());
        return ExitCode::FAILURE;
    }
    files.sort();
    let (mut passed, mut failed, mut skipped) = (0, 0, 0);
    for path in &files {
        let name = path.strip_prefix(&folder).unwrap_or(path).display();
        match file::Golden::read(path).and_then(|golden| compare::compare(&golden)) {
            Ok(Outcome::Passed(what)) => {
                passed += 1;
                println!("ok       {name}: {what}");
            }
            Ok(Outcome::Skipped(why)) => {
                skipped += 1;
                println!("skipped  {name}: {why}");
            }
            Err(why) => {
                failed += 1;
                println!("FAILED   {name}: {why}");
            }
        }
    }
    println!("{passed} passed, {failed} failed, {skipped} skipped");
    if failed == 0 && !files.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// The folder of the first argument, of the environment, or beside the project.
fn folder() -> Option<PathBuf> {
    if let Some(argument) = std::env::args().skip(1).find(|argument| !argument.starts_with('-')) {
        // A relative folder is meant from the project's root, where the command is typed.
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
        let given = PathBuf::from(argument);
        return Some(if given.is_absolute() { given } else { root.join(given) });
    }
    let beside = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/golden");
    let folder = std::env::var_os("CONVIS_GOLDEN").map_or(beside, PathBuf::from);
    folder.is_dir().then_some(folder)
}

fn collect(folder: &Path, files: &mut Vec<PathBuf>) -> std::io::Result<()> {
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            collect(&path, files)?;
        } else if path.extension().is_some_and(|extension| extension == "npz") {
            files.push(path);
        }
    }
    Ok(())
}
