//! What is printed at the end of a simulation.

use std::fmt::Write;

use convis::kernels::{parallel, simd};

use crate::rate::Rate;
use crate::simulation::{Finished, POPULATIONS};
use crate::text::thousands;

/// The table of populations, if there are spikes, and the speed.
pub fn summary(finished: &Finished, cells: usize, spiking: bool, rate: Rate) -> String {
    let seconds = finished.steps as f64 / rate.hertz();
    let mut text = String::new();
    if spiking {
        let columns = POPULATIONS.iter().zip(finished.spikes).map(|((name, _), spikes)| {
            let mean = if finished.steps > 0 { spikes as f64 / cells as f64 / seconds } else { 0.0 };
            [(*name).to_string(), thousands(cells as u64), thousands(spikes), format!("{mean:.1} Hz")]
        });
        let columns: Vec<[String; 4]> = columns.collect();
        for (row, name) in ["", "cells", "spikes", "mean rate"].into_iter().enumerate() {
            // Writing to a String cannot fail.
            write!(text, "  {name:<10}").ok();
            for column in &columns {
                write!(text, "{:>15}", column[row]).ok();
            }
            text.push('\n');
        }
    }
    let wall = finished.wall.as_secs_f64();
    let all_seconds = finished.all_steps as f64 / rate.hertz();
    let (frames, times) = (finished.all_steps as f64 / wall, all_seconds / wall);
    let (threads, simd) = (parallel::threads(), simd::level().name());
    let lead_in = if finished.all_steps > finished.steps { " (lead-in included)" } else { "" };
    writeln!(
        text,
        "  {all_seconds:.3} s{lead_in} simulated in {wall:.3} s: {times:.2} × real time,\n  \
         {frames:.0} frames/s with {threads} threads, {simd}"
    )
    .ok();
    text
}
