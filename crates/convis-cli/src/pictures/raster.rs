//! Spike raster and population rate over a shared time axis.

use std::collections::BTreeMap;
use std::path::Path;

use super::PicturesError;
use super::axis::{labels, ticks};
use super::canvas::{Align, Canvas, FAINT_INK, GRID, INK, Letters, Rgb};
use crate::text::thousands;

/// The spikes of one type of cell.
#[derive(Debug, Clone, Copy)]
pub struct Population<'a> {
    /// Unit and time (seconds) of every spike, in any order; units count from 0.
    pub spikes: &'a [(u32, f64)],
    /// How many cells there are, silent ones included.
    pub cells: usize,
}

/// Where the eye looked.
#[derive(Debug, Clone, Copy)]
pub struct EyeTrace<'a> {
    /// Times in seconds.
    pub times_s: &'a [f64],
    /// Horizontal position in degrees at each time.
    pub x_deg: &'a [f64],
    /// Vertical position in degrees at each time.
    pub y_deg: &'a [f64],
}

/// What the figure shows.
#[derive(Debug, Clone, Copy)]
pub struct RasterFigure<'a> {
    /// ON cells.
    pub on: Population<'a>,
    /// OFF cells.
    pub off: Population<'a>,
    /// The time axis goes from 0 to here (seconds).
    pub duration_s: f64,
    /// At most so many cells of each type appear in the rasters, evenly chosen.
    pub cells_shown: usize,
    /// Eye position, when it is to be shown.
    pub eye: Option<EyeTrace<'a>>,
}

/// Width of a bin of the population rate, in seconds.
const BIN_S: f64 = 0.010;
/// Sizes of the figure in pixels.
const WIDTH: usize = 1400;
const LEFT: f64 = 96.0;
const RIGHT: f64 = 92.0;
const TOP: f64 = 28.0;
const BOTTOM: f64 = 64.0;
const GAP: f64 = 26.0;
const TRACE_HEIGHT: f64 = 110.0;
const RATE_HEIGHT: f64 = 190.0;
/// Height of one cell of the raster, and bounds of a raster.
const CELL: f64 = 2.2;
const RASTER_HEIGHTS: (f64, f64) = (60.0, 290.0);

const ON: Rgb = [196, 84, 24];
const OFF: Rgb = [36, 104, 172];
const SECOND_LINE: Rgb = [150, 150, 150];
const LABEL: Letters = Letters::regular(13.0);
const NUMBER: Letters = Letters::regular(12.0);

/// Draws the eye position (if given), the rasters of ON and OFF cells and their population
/// rates in bins of 10 ms, stacked over one time axis, into a PNG at `path`.
///
/// The rate of a bin is its number of spikes divided by its length and by the number of cells. Spikes before 0 and
/// after `duration_s` are not drawn.
///
/// # Errors
/// [`PicturesError::Argument`] when the duration is not positive, a unit is not among the cells, or a trace's parts
/// differ in length; [`PicturesError::Write`] when the file cannot be written.
pub fn raster_and_rate(path: &Path, figure: &RasterFigure) -> Result<(), PicturesError> {
    check(figure)?;
    let populations = [("ON", figure.on, ON), ("OFF", figure.off, OFF)];
    let chosen = populations.map(|(_, population, _)| evenly_chosen(population.cells, figure.cells_shown));
    let raster_heights = chosen
        .each_ref()
        .map(|units| (units.len() as f64 * CELL).clamp(RASTER_HEIGHTS.0, RASTER_HEIGHTS.1).round());
    let height = TOP
        + figure.eye.map_or(0.0, |_| TRACE_HEIGHT + GAP)
        + raster_heights.iter().map(|height| height + GAP).sum::<f64>()
        + RATE_HEIGHT
        + BOTTOM;
    let mut canvas = Canvas::new(WIDTH, height as usize)?;
    let mut panel =
        Panel { top: TOP, bottom: TOP + TRACE_HEIGHT, low: 0.0, high: 1.0, duration_s: figure.duration_s };

    if let Some(eye) = figure.eye {
        panel.span([eye.x_deg, eye.y_deg]);
        panel.draw_axes(&mut canvas, &["Eye position", "(deg)"])?;
        panel.draw_trace(&mut canvas, eye.times_s, eye.y_deg, SECOND_LINE)?;
        panel.draw_trace(&mut canvas, eye.times_s, eye.x_deg, INK)?;
        panel.draw_legend(&mut canvas, &[("x", INK), ("y", SECOND_LINE)])?;
        panel.next(TRACE_HEIGHT);
    }
    for (((name, population, colour), units), height) in populations.iter().zip(&chosen).zip(raster_heights) {
        panel.next_height(height);
        let (shown, all) = (thousands(units.len() as u64), thousands(population.cells as u64));
        let lines = [format!("{name} cells"), format!("({shown} of {all})")];
        panel.draw_frame(&mut canvas, &[&lines[0], &lines[1]])?;
        panel.draw_spikes(&mut canvas, population.spikes, units, *colour);
        panel.next(RATE_HEIGHT);
    }
    panel.next_height(RATE_HEIGHT);
    let rates = populations.map(|(_, population, _)| rate_hz(&population, figure.duration_s));
    let highest = rates.iter().flatten().copied().fold(0.0, f64::max);
    (panel.low, panel.high) = (0.0, if highest > 0.0 { highest * 1.06 } else { 1.0 });
    panel.draw_axes(&mut canvas, &["Population rate", "(Hz, 10 ms bins)"])?;
    for (rates, (_, _, colour)) in rates.iter().zip(&populations).rev() {
        let centres: Vec<f64> = (0..rates.len())
            .map(|bin| {
                let start = bin as f64 * BIN_S;
                f64::midpoint(start, (start + BIN_S).min(figure.duration_s))
            })
            .collect();
        panel.draw_trace(&mut canvas, &centres, rates, *colour)?;
    }
    panel.draw_legend(&mut canvas, &[("ON", ON), ("OFF", OFF)])?;
    panel.draw_time_axis(&mut canvas)?;
    canvas.save(path)
}

/// Refuses what cannot be drawn.
fn check(figure: &RasterFigure) -> Result<(), PicturesError> {
    if !(figure.duration_s.is_finite() && figure.duration_s > 0.0) {
        let found = figure.duration_s.to_string();
        return Err(PicturesError::argument("duration_s", "a positive number of seconds", found));
    }
    for (name, population) in [("on", figure.on), ("off", figure.off)] {
        if let Some((unit, _)) = population.spikes.iter().find(|(unit, _)| *unit as usize >= population.cells)
        {
            let expected = format!("units below the number of cells, {}", population.cells);
            return Err(PicturesError::argument(
                format!("the spikes `{name}`"),
                expected,
                format!("unit {unit}"),
            ));
        }
    }
    if let Some(eye) = figure.eye {
        let lengths = [eye.x_deg.len(), eye.y_deg.len()];
        if lengths != [eye.times_s.len(); 2] {
            let expected = format!("one value per time, {}", eye.times_s.len());
            return Err(PicturesError::argument("the trace `eye`", expected, format!("{lengths:?}")));
        }
    }
    Ok(())
}

/// At most `shown` of `cells` units, the middle of equal stretches.
fn evenly_chosen(cells: usize, shown: usize) -> Vec<u32> {
    let shown = shown.min(cells);
    (0..shown).map(|k| ((2 * k + 1) * cells / (2 * shown)) as u32).collect()
}

/// Mean rate per cell in each bin of `BIN_S`; the last bin ends with the recording.
fn rate_hz(population: &Population, duration_s: f64) -> Vec<f64> {
    // A recording of 2 s has 200 bins, also when 2 / 0.01 comes out a hair above.
    let bins = ((duration_s / BIN_S - 1e-9).ceil() as usize).max(1);
    let mut rates = vec![0.0_f64; bins];
    for (_, time) in population.spikes {
        if (0.0..=duration_s).contains(time) {
            rates[((time / BIN_S) as usize).min(bins - 1)] += 1.0;
        }
    }
    let cells = population.cells.max(1) as f64;
    for (bin, rate) in rates.iter_mut().enumerate() {
        let length = (duration_s - bin as f64 * BIN_S).min(BIN_S);
        *rate /= cells * length;
    }
    rates
}

/// One of the stacked plots.
struct Panel {
    /// Upper edge in pixels.
    top: f64,
    /// Lower edge in pixels.
    bottom: f64,
    /// Value at the lower edge.
    low: f64,
    /// Value at the upper edge.
    high: f64,
    /// Time at the right edge; 0 is at the left.
    duration_s: f64,
}

impl Panel {
    /// Right edge of every panel.
    const END: f64 = WIDTH as f64 - RIGHT;

    /// Goes on to the panel below.
    fn next(&mut self, height: f64) {
        self.top = self.bottom + GAP;
        self.bottom = self.top + height;
    }

    /// Gives the present panel another height.
    fn next_height(&mut self, height: f64) {
        self.bottom = self.top + height;
    }

    /// Takes the range of some values, with a little room, as the vertical axis.
    fn span<const N: usize>(&mut self, values: [&[f64]; N]) {
        let finite =
            || values.iter().flat_map(|values| values.iter()).copied().filter(|value| value.is_finite());
        let (low, high) =
            (finite().fold(f64::INFINITY, f64::min), finite().fold(f64::NEG_INFINITY, f64::max));
        (self.low, self.high) = if low < high {
            let room = (high - low) * 0.08;
            (low - room, high + room)
        } else if low.is_finite() {
            (low - 0.5, low + 0.5)
        } else {
            (0.0, 1.0)
        };
    }

    /// Pixel column of a time.
    fn x(&self, time_s: f64) -> f64 {
        LEFT + (Self::END - LEFT) * time_s / self.duration_s
    }

    /// Pixel row of a value.
    fn y(&self, value: f64) -> f64 {
        self.bottom - (self.bottom - self.top) * (value - self.low) / (self.high - self.low)
    }

    /// The vertical label and the lines at the left and below.
    fn draw_frame(&self, canvas: &mut Canvas, label: &[&str]) -> Result<(), PicturesError> {
        let middle = f64::midpoint(self.top, self.bottom);
        for (line, text) in label.iter().enumerate() {
            let letters = if line == 0 { LABEL } else { NUMBER.coloured(FAINT_INK) };
            canvas.upward_text(text, (18.0 + 18.0 * line as f64, middle), Align::Middle, letters)?;
        }
        canvas.fill([LEFT - 1.0, self.top, LEFT, self.bottom + 1.0], INK);
        canvas.fill([LEFT - 1.0, self.bottom, Self::END, self.bottom + 1.0], INK);
        for time in ticks(0.0, self.duration_s, 8) {
            let x = self.x(time);
            canvas.fill([x - 0.5, self.bottom, x + 0.5, self.bottom + 5.0], INK);
        }
        Ok(())
    }

    /// The frame, and numbers at the left.
    fn draw_axes(&self, canvas: &mut Canvas, label: &[&str]) -> Result<(), PicturesError> {
        let values = ticks(self.low, self.high, ((self.bottom - self.top) / 34.0) as usize);
        for (value, text) in values.iter().zip(labels(&values)) {
            let y = self.y(*value);
            canvas.fill([LEFT, y - 0.5, Self::END, y + 0.5], GRID);
            canvas.fill([LEFT - 5.0, y - 0.5, LEFT, y + 0.5], INK);
            canvas.text(&text, (LEFT - 9.0, y), Align::End, NUMBER)?;
        }
        self.draw_frame(canvas, label)
    }

    /// A line through the finite values at times on the axis.
    fn draw_trace(
        &self,
        canvas: &mut Canvas,
        times_s: &[f64],
        values: &[f64],
        colour: Rgb,
    ) -> Result<(), PicturesError> {
        let mut stretch = Vec::new();
        for (time, value) in times_s.iter().zip(values) {
            if value.is_finite() && (0.0..=self.duration_s).contains(time) {
                stretch.push((self.x(*time), self.y(*value)));
            } else {
                canvas.line(&stretch, 1.0, colour)?;
                stretch.clear();
            }
        }
        canvas.line(&stretch, 1.0, colour)
    }

    /// A short vertical stroke per spike of the chosen units, the first unit at the top.
    fn draw_spikes(&self, canvas: &mut Canvas, spikes: &[(u32, f64)], units: &[u32], colour: Rgb) {
        let rows: BTreeMap<u32, usize> = units.iter().enumerate().map(|(row, unit)| (*unit, row)).collect();
        let height = (self.bottom - self.top) / units.len().max(1) as f64;
        let stroke = (height * 0.9).clamp(1.0, 8.0);
        for (unit, time) in spikes {
            let (Some(row), true) = (rows.get(unit), (0.0..=self.duration_s).contains(time)) else {
                continue;
            };
            let (x, y) = (self.x(*time), self.top + height * (*row as f64 + 0.5) - stroke / 2.0);
            canvas.fill([x - 0.75, y, x + 0.75, y + stroke], colour);
        }
    }

    /// Names of the lines, right of the panel.
    fn draw_legend(&self, canvas: &mut Canvas, entries: &[(&str, Rgb)]) -> Result<(), PicturesError> {
        for (line, (name, colour)) in entries.iter().enumerate() {
            let y = self.top + 10.0 + 20.0 * line as f64;
            let x = Self::END + 16.0;
            canvas.fill([x, y - 1.0, x + 20.0, y + 1.0], *colour);
            canvas.text(name, (x + 27.0, y), Align::Start, NUMBER)?;
        }
        Ok(())
    }

    /// Numbers and name of the time axis, below the last panel.
    fn draw_time_axis(&self, canvas: &mut Canvas) -> Result<(), PicturesError> {
        let times = ticks(0.0, self.duration_s, 8);
        for (time, text) in times.iter().zip(labels(&times)) {
            canvas.text(&text, (self.x(*time), self.bottom + 17.0), Align::Middle, NUMBER)?;
        }
        let middle = f64::midpoint(LEFT, Self::END);
        canvas.text("Time (s)", (middle, self.bottom + 42.0), Align::Middle, LABEL)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rate_counts_every_spike_once() {
        let spikes: Vec<(u32, f64)> = (0..40).map(|i| (i % 4, f64::from(i) * 0.001)).collect();
        let rates = rate_hz(&Population { spikes: &spikes, cells: 4 }, 0.045);
        // 10 spikes of 4 cells in each of four bins of 10 ms, none in the last, which is 5 ms long.
        assert_eq!(rates.len(), 5);
        for rate in &rates[..4] {
            assert!((rate - 250.0).abs() < 1e-9, "{rates:?}");
        }
        assert_eq!(rates[4], 0.0);
        let last = rate_hz(&Population { spikes: &[(0, 0.045), (0, 9.0)], cells: 1 }, 0.045);
        assert!((last[4] - 200.0).abs() < 1e-9, "{last:?}");
        assert_eq!(rate_hz(&Population { spikes: &[], cells: 1 }, 2.0).len(), 200);
    }

    #[test]
    fn cells_are_chosen_evenly() {
        assert_eq!(evenly_chosen(10, 5), [1, 3, 5, 7, 9]);
        assert_eq!(evenly_chosen(3, 120), [0, 1, 2]);
        assert!(evenly_chosen(0, 120).is_empty());
        let many = evenly_chosen(65_536, 120);
        assert_eq!(many.len(), 120);
        assert!(many.windows(2).all(|pair| (546..=547).contains(&(pair[1] - pair[0]))));
    }

    /// A figure of a few spikes.
    fn figure(spikes: &[(u32, f64)]) -> RasterFigure<'_> {
        RasterFigure {
            on: Population { spikes, cells: 4 },
            off: Population { spikes: &[], cells: 4 },
            duration_s: 1.0,
            cells_shown: 120,
            eye: None,
        }
    }

    #[test]
    fn figure_grows_with_its_panels_and_shows_the_spikes() {
        let home = tempfile::tempdir().unwrap();
        let path = home.path().join("raster.png");
        let (times, zeros) = ([0.0, 1.0], [0.0, 0.0]);
        let spikes = [(0, 0.5)];
        let mut figure = figure(&spikes);
        raster_and_rate(&path, &figure).unwrap();
        let plain = image::open(&path).unwrap().to_rgb8();
        let middle = f64::midpoint(LEFT, Panel::END) as u32;
        let (top, end) = (TOP as u32, (TOP + RASTER_HEIGHTS.0 / 4.0) as u32);
        let coloured = |x: u32| (top..end).any(|y| plain.get_pixel(x, y)[2] < 180);
        assert!((middle - 1..=middle + 1).any(coloured), "the spike stands at half the time");
        assert!(!(middle + 5..middle + 200).any(coloured), "and nowhere else");
        figure.eye = Some(EyeTrace { times_s: &times, x_deg: &zeros, y_deg: &zeros });
        raster_and_rate(&path, &figure).unwrap();
        let taller = image::open(&path).unwrap();
        assert_eq!(taller.width(), WIDTH as u32);
        assert_eq!(taller.height(), plain.height() + (TRACE_HEIGHT + GAP) as u32);
    }

    #[test]
    fn what_does_not_fit_is_refused() {
        let home = tempfile::tempdir().unwrap();
        let path = home.path().join("raster.png");
        let message = |figure: &RasterFigure| raster_and_rate(&path, figure).unwrap_err().to_string();
        let mut wrong = figure(&[(4, 0.1)]);
        assert!(message(&wrong).contains("unit 4"));
        wrong = figure(&[]);
        wrong.duration_s = f64::NAN;
        assert!(message(&wrong).contains("duration_s"));
        wrong = figure(&[]);
        wrong.eye = Some(EyeTrace { times_s: &[0.0, 0.5], x_deg: &[0.1], y_deg: &[0.1, 0.2] });
        assert!(message(&wrong).contains("`eye`"));
        let lost = home.path().join("nowhere").join("raster.png");
        assert!(raster_and_rate(&lost, &figure(&[])).unwrap_err().to_string().contains("nowhere"));
        assert_eq!(std::fs::read_dir(home.path()).unwrap().count(), 0);
    }
}
