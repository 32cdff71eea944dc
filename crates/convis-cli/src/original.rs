//! Options with one dash, as the programs of Virtual Retina have them: an old script runs with one word changed.

use std::ffi::OsString;

use clap::CommandFactory;

/// The arguments of the command, in which long options of the commands that stand for the old programs may have had one
/// dash: `-ret file.xml` becomes `--ret file.xml`.
pub fn with_two_dashes<C: CommandFactory>(
    arguments: impl IntoIterator<Item = OsString>,
    commands: &[&str],
) -> Vec<OsString> {
    let mut arguments: Vec<OsString> = arguments.into_iter().collect();
    let whole = C::command();
    let named = arguments.get(1).and_then(|name| name.to_str()).filter(|name| commands.contains(name));
    let Some(command) = named.and_then(|name| whole.find_subcommand(name)) else { return arguments };
    let names: Vec<&str> = command.get_arguments().filter_map(|argument| argument.get_long()).collect();
    for argument in arguments.iter_mut().skip(2) {
        let Some(text) = argument.to_str() else { continue };
        let Some(name) = text.strip_prefix('-') else { continue };
        if name.len() > 1 && names.contains(&name) {
            *argument = format!("-{text}").into();
        }
    }
    arguments
}
