//! Text for the terminal.

use std::io::{self, Write};

use crate::error::{Error, Result};

/// Columns that texts fill at most.
const COLUMNS: usize = 80;

/// Writes to standard output. A reader that has seen enough (`convis describe | head`) is no error.
pub fn say(text: &str) -> Result<()> {
    let mut output = io::stdout().lock();
    match output.write_all(text.as_bytes()).and_then(|()| output.flush()) {
        Err(reason) if reason.kind() != io::ErrorKind::BrokenPipe => {
            Err(Error::Failed(format!("cannot write to standard output: {reason}; check where it goes to")))
        }
        _ => Ok(()),
    }
}

/// A whole number with its thousands set apart.
pub fn thousands(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// `1 frame`, `2 frames`.
pub fn counted(number: u64, thing: &str) -> String {
    format!("{} {thing}{}", thousands(number), if number == 1 { "" } else { "s" })
}

/// Words in lines that begin with `indent` blanks and fit the terminal.
pub fn wrapped(text: &str, indent: usize) -> String {
    let (mut lines, mut used) = (String::new(), 0);
    for word in text.split_whitespace() {
        let length = word.chars().count();
        if used == 0 || used + 1 + length > COLUMNS {
            lines.push_str(if used == 0 { "" } else { "\n" });
            lines.push_str(&" ".repeat(indent));
            used = indent;
        } else {
            lines.push(' ');
            used += 1;
        }
        lines.push_str(word);
        used += length;
    }
    lines.push('\n');
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_readable() {
        assert_eq!(thousands(65_536), "65,536");
        assert_eq!(thousands(120), "120");
        assert_eq!(thousands(1_000_000), "1,000,000");
        assert_eq!([counted(1, "step"), counted(2000, "step")], ["1 step", "2,000 steps"]);
    }

    #[test]
    fn lines_fit_and_lose_no_word() {
        let text = "σ is a word ".repeat(30);
        let lines = wrapped(&text, 6);
        assert!(lines.lines().all(|line| line.starts_with("      σ") || line.starts_with("      ")));
        assert!(lines.lines().all(|line| (60..=80).contains(&line.chars().count()) || line.len() < 80));
        assert!(lines.split_whitespace().eq(text.split_whitespace()));
        assert_eq!(wrapped("", 2), "\n");
    }
}
