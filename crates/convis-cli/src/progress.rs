//! The progress bar, on a terminal only.

use std::fmt::Write;
use std::io::IsTerminal;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressState, ProgressStyle};

use crate::rate::Rate;

/// How far a simulation is, how fast it goes and how long it will still take.
pub struct Progress(ProgressBar);

impl Progress {
    /// A bar for `total` steps, or without an end; hidden where nobody looks at it.
    pub fn new(total: Option<u64>, steps: Rate, quiet: bool) -> Self {
        let hidden = quiet || !std::io::stderr().is_terminal();
        let target = if hidden { ProgressDrawTarget::hidden() } else { ProgressDrawTarget::stderr() };
        let bar = ProgressBar::with_draw_target(total, target);
        let template = match total {
            Some(_) => "{bar:24} {percent:>3} %  {per_sec:>9} frames/s  {real_time} × real time  {eta} left",
            None => "{pos} frames  {per_sec:>9} frames/s  {real_time} × real time",
        };
        // The template is a constant of this file; with the default style nothing is lost but looks.
        let style = ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar());
        let style = style
            .with_key("per_sec", |state: &ProgressState, text: &mut dyn Write| {
                write!(text, "{:.0}", state.per_sec()).ok();
            })
            .with_key("real_time", move |state: &ProgressState, text: &mut dyn Write| {
                write!(text, "{:.2}", state.per_sec() / steps.hertz()).ok();
            });
        bar.set_style(style);
        Self(bar)
    }

    /// So many steps are done.
    pub fn at(&self, steps: u64) {
        self.0.set_position(steps);
    }

    /// Removes the bar.
    pub fn clear(&self) {
        self.0.finish_and_clear();
    }
}
