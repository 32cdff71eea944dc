//! Options with one dash, as the programs of Virtual Retina have them: an old script runs with one word changed.

use std::ffi::OsString;

use clap::{Command, CommandFactory};
use convis::error::nearest;

/// Options of the programs that are not offered: command, option, what to do instead.
const NOT_OFFERED: [(&str, &str, &str); 3] = [
    (
        "virtual-retina",
        "hdf5",
        "spikes are written as spikes.spk; `convis convert spikes.spk spikes.npz` makes arrays of them",
    ),
    ("reconstruct", "sup", "give all options and leave it out"),
    ("reconstruct", "timeSize", "-b, -e and -s say what is shown and in what frames"),
];

/// The arguments of the command, in which long options of the commands that stand for the old programs may have had one
/// dash: `-ret file.xml` becomes `--ret file.xml`, and `-seed=4` becomes `--seed=4`.
///
/// What begins with one dash and is no option is refused, with the nearest name: taken letter by letter it would mean
/// something else.
pub fn with_two_dashes<C: CommandFactory>(
    arguments: impl IntoIterator<Item = OsString>,
    commands: &[&str],
) -> Result<Vec<OsString>, String> {
    let mut arguments: Vec<OsString> = arguments.into_iter().collect();
    let whole = C::command();
    let named = arguments.get(1).and_then(|name| name.to_str()).filter(|name| commands.contains(name));
    let Some(command) = named.and_then(|name| whole.find_subcommand(name)) else { return Ok(arguments) };
    for argument in arguments.iter_mut().skip(2) {
        let Some(text) = argument.to_str() else { continue };
        if text == "--" {
            break;
        }
        if let Some(new) = translated(command, text)? {
            *argument = new.into();
        }
    }
    Ok(arguments)
}

/// An argument as the command understands it, where that differs.
fn translated(command: &Command, text: &str) -> Result<Option<String>, String> {
    let Some(option) = text.strip_prefix('-') else { return Ok(None) };
    let option = option.strip_prefix('-').unwrap_or(option);
    let (name, value) = option.split_once('=').map_or((option, None), |(name, value)| (name, Some(value)));
    let own = command.get_name();
    if let Some((_, _, advice)) = NOT_OFFERED.iter().find(|(of, old, _)| *of == own && *old == name) {
        return Err(format!("-{name} of Virtual Retina is not offered: {advice}"));
    }
    // Numbers and single letters are what they are; of options with two dashes the parser knows the nearest names.
    if text.starts_with("--") || option.chars().count() < 2 || option.parse::<f64>().is_ok() {
        return Ok(None);
    }
    let long: Vec<&str> =
        command.get_arguments().filter_map(|argument| argument.get_long()).chain(["help"]).collect();
    if long.contains(&name) {
        return Ok(Some(format!("-{text}")));
    }
    let letter = option.chars().next().unwrap_or_default();
    let is_short = command.get_arguments().any(|argument| argument.get_short() == Some(letter));
    let rest = &option[letter.len_utf8()..];
    // A value may stand right behind its letter: a number, or a name of a file.
    if is_short && (rest.parse::<f64>().is_ok() || rest.contains(['=', '.', '/'])) {
        return Ok(None);
    }
    let advice = match nearest(name, long) {
        Some(near) => {
            let value = value.map(|value| format!("={value}")).unwrap_or_default();
            format!("did you mean -{near}{value}?")
        }
        None => format!("`convis {own} --help` lists them"),
    };
    Err(format!("option -{name} does not exist; {advice}"))
}
