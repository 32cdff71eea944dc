//! Curves in one or several panels.

use std::path::Path;

use super::PicturesError;
use super::axis;
use super::canvas::{Align, Canvas, FAINT_INK, GRID, Letters, Rgb};

/// Colours of curves, told apart by people who see two of three primaries, too (Okabe & Ito).
pub const COLOURS: [Rgb; 5] = [[0, 114, 178], [213, 94, 0], [0, 158, 115], [204, 121, 167], [34, 34, 34]];

/// How an axis is divided.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Division {
    /// Evenly.
    Linear,
    /// By factors.
    Logarithmic,
}

/// A line of measured or computed points.
#[derive(Clone, Debug)]
pub struct Curve {
    /// What it is; shown beside the panel's title where not empty.
    pub name: String,
    /// Its points, x rising.
    pub points: Vec<(f64, f64)>,
    /// Its colour.
    pub colour: Rgb,
    /// Whether points are marked.
    pub marks: bool,
    /// Whether they are joined.
    pub joined: bool,
}

/// One panel.
#[derive(Clone, Debug)]
pub struct Panel {
    /// Above it.
    pub title: String,
    /// Below and beside it, with units.
    pub labels: [&'static str; 2],
    /// How x and y are divided.
    pub divisions: [Division; 2],
    /// What it shows.
    pub curves: Vec<Curve>,
}

const WIDTH: usize = 430;
const HEIGHT: usize = 330;
/// Room around the plot within a panel: left, top, right, bottom.
const ROOM: [f64; 4] = [66.0, 34.0, 14.0, 46.0];

/// An axis from one value to another on pixels.
struct Axis {
    division: Division,
    values: [f64; 2],
    pixels: [f64; 2],
}

impl Axis {
    /// For all finite values that can be shown; `None` if there are none.
    fn of(values: impl Iterator<Item = f64>, division: Division, pixels: [f64; 2]) -> Option<Self> {
        let shown = values.filter(|v| v.is_finite() && (division == Division::Linear || *v > 0.0));
        let (low, high) = shown.fold((f64::INFINITY, f64::NEG_INFINITY), |(a, b), v| (a.min(v), b.max(v)));
        if low > high {
            return None;
        }
        let values = match division {
            Division::Logarithmic => {
                // Five decades at most, so that a zero by rounding does not fill the panel.
                let low = low.max(high * 1e-4);
                if low == high { [low / 2.0, high * 2.0] } else { [low / 1.15, high * 1.15] }
            }
            Division::Linear => {
                // Zero belongs to the panel where it is near.
                let low = if low > 0.0 && low < 0.5 * high { 0.0 } else { low };
                let span = if high > low { high - low } else { high.abs().max(1.0) };
                [if low == 0.0 { 0.0 } else { low - 0.05 * span }, high + 0.08 * span]
            }
        };
        Some(Self { division, values, pixels })
    }

    /// Where a value is, if it can be shown.
    fn place(&self, value: f64) -> Option<f64> {
        let share = match self.division {
            Division::Linear => (value - self.values[0]) / (self.values[1] - self.values[0]),
            Division::Logarithmic => (value / self.values[0]).ln() / (self.values[1] / self.values[0]).ln(),
        };
        let within = (-1e-9..=1.0 + 1e-9).contains(&share);
        within.then(|| self.pixels[0] + share * (self.pixels[1] - self.pixels[0]))
    }

    /// Round values to write at it, and how they are written.
    fn ticks(&self) -> Vec<(f64, String)> {
        let [low, high] = self.values;
        match self.division {
            Division::Linear => {
                let ticks = axis::ticks(low, high, 5);
                let labels = axis::labels(&ticks);
                ticks.into_iter().zip(labels).collect()
            }
            Division::Logarithmic => {
                let decades = low.log10().floor() as i32..=high.log10().ceil() as i32;
                let within: &[i32] = if (high / low).log10() > 2.5 { &[1] } else { &[1, 2, 5] };
                let decade =
                    |d: i32| within.iter().map(move |m| (format!("{m}e{d}").parse().unwrap_or(1.0), d));
                let all = decades.flat_map(decade).filter(|(tick, _)| (low..=high).contains(tick));
                all.map(|(tick, d): (f64, i32)| (tick, format!("{tick:.*}", (-d).max(0) as usize))).collect()
            }
        }
    }
}

/// Draws panels side by side, `columns` in a row.
pub fn panels(path: &Path, columns: usize, panels: &[Panel]) -> Result<(), PicturesError> {
    let rows = panels.len().div_ceil(columns);
    let mut canvas = Canvas::new(WIDTH * columns.min(panels.len()), HEIGHT * rows)?;
    for (i, panel) in panels.iter().enumerate() {
        let corner = ((i % columns * WIDTH) as f64, (i / columns * HEIGHT) as f64);
        draw(&mut canvas, corner, panel)?;
    }
    canvas.save(path)
}

fn draw(canvas: &mut Canvas, (x0, y0): (f64, f64), panel: &Panel) -> Result<(), PicturesError> {
    let [left, top, right, bottom] =
        [x0 + ROOM[0], y0 + ROOM[1], x0 + WIDTH as f64 - ROOM[2], y0 + HEIGHT as f64 - ROOM[3]];
    canvas.text(&panel.title, (left, y0 + 16.0), Align::Start, Letters::bold(13.0))?;
    let points = || panel.curves.iter().flat_map(|curve| &curve.points);
    let x = Axis::of(points().map(|p| p.0), panel.divisions[0], [left, right]);
    let y = Axis::of(points().map(|p| p.1), panel.divisions[1], [bottom, top]);
    let (Some(x), Some(y)) = (x, y) else { return Ok(()) };

    let small = Letters::regular(11.0);
    for (tick, label) in x.ticks() {
        let Some(at) = x.place(tick) else { continue };
        canvas.fill([at - 0.5, top, at + 0.5, bottom], GRID);
        canvas.text(&label, (at, bottom + 12.0), Align::Middle, small)?;
    }
    for (tick, label) in y.ticks() {
        let Some(at) = y.place(tick) else { continue };
        canvas.fill([left, at - 0.5, right, at + 0.5], GRID);
        canvas.text(&label, (left - 6.0, at), Align::End, small)?;
    }
    canvas.frame([left, top, right, bottom], FAINT_INK);
    let middle = (f64::midpoint(left, right), f64::midpoint(top, bottom));
    canvas.text(panel.labels[0], (middle.0, bottom + 32.0), Align::Middle, Letters::regular(12.0))?;
    canvas.upward_text(panel.labels[1], (x0 + 16.0, middle.1), Align::Middle, Letters::regular(12.0))?;

    for curve in &panel.curves {
        let places: Vec<Option<(f64, f64)>> =
            curve.points.iter().map(|p| Some((x.place(p.0)?, y.place(p.1)?))).collect();
        if curve.joined {
            for part in places.split(Option::is_none) {
                let part: Vec<(f64, f64)> = part.iter().copied().flatten().collect();
                canvas.line(&part, 1.5, curve.colour)?;
            }
        }
        if curve.marks {
            for (px, py) in places.into_iter().flatten() {
                canvas.fill([px - 3.0, py - 3.0, px + 3.0, py + 3.0], curve.colour);
            }
        }
    }
    let named: Vec<&Curve> = panel.curves.iter().filter(|curve| !curve.name.is_empty()).collect();
    let widths = named.iter().map(|curve| small.width(&curve.name)).collect::<Result<Vec<_>, _>>()?;
    let size = (widths.iter().fold(0.0f64, |most, width| most.max(*width)) + 30.0, 15.0 * named.len() as f64);
    let points = || panel.curves.iter().flat_map(|curve| &curve.points);
    let places: Vec<(f64, f64)> = points().filter_map(|p| Some((x.place(p.0)?, y.place(p.1)?))).collect();
    // The key stands in the corner where it covers least.
    let corners = [(right - 4.0 - size.0, top), (left + 4.0, top)];
    let corners = corners.into_iter().chain(corners.map(|(x, _)| (x, bottom - 8.0 - size.1)));
    let covered = |&(x, y): &(f64, f64)| {
        let inside = |p: &&(f64, f64)| {
            (x - 6.0..x + size.0 + 6.0).contains(&p.0) && (y - 2.0..y + size.1 + 10.0).contains(&p.1)
        };
        places.iter().filter(inside).count()
    };
    let Some((key_x, key_y)) = corners.min_by_key(covered) else { return Ok(()) };
    for (i, (curve, width)) in named.into_iter().zip(widths).enumerate() {
        let (at, end) = (key_y + 12.0 + 15.0 * i as f64, key_x + size.0);
        canvas.fill([end - 26.0 - width, at - 8.0, end, at + 8.0], [255; 3]);
        canvas.text(&curve.name, (end - 22.0, at), Align::End, small)?;
        canvas.fill([end - 16.0, at - 1.5, end - 4.0, at + 1.5], curve.colour);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ticks_are_round_and_within() {
        let labels = |division, low: f64, high: f64| {
            let axis = Axis::of([low, high].into_iter(), division, [0.0, 100.0]).unwrap();
            axis.ticks().into_iter().map(|(_, label)| label).collect::<Vec<_>>()
        };
        assert_eq!(labels(Division::Linear, 1.0, 9.0), ["0", "2", "4", "6", "8"]);
        let expected = ["0.1", "0.2", "0.5", "1", "2", "5", "10"];
        assert_eq!(labels(Division::Logarithmic, 0.1, 10.0), expected);
        assert_eq!(labels(Division::Logarithmic, 0.002, 20.0), ["0.01", "0.1", "1", "10"]);
        assert!(Axis::of([f64::NAN, -1.0].into_iter(), Division::Logarithmic, [0.0, 1.0]).is_none());
    }

    #[test]
    fn a_panel_has_its_curves_in_their_colours() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.png");
        let curve = Curve {
            name: "a".into(),
            points: vec![(1.0, 0.0), (2.0, f64::NAN), (3.0, 5.0)],
            colour: COLOURS[0],
            marks: true,
            joined: true,
        };
        let panel = Panel {
            title: "title".into(),
            labels: ["x", "y"],
            divisions: [Division::Linear; 2],
            curves: vec![curve],
        };
        panels(&path, 2, &[panel.clone(), panel.clone(), panel]).unwrap();
        let picture = image::open(&path).unwrap().to_rgb8();
        assert_eq!((picture.width(), picture.height()), (2 * WIDTH as u32, 2 * HEIGHT as u32));
        // Two marks of 6 × 6 and a key of 12 × 3 pixels in each panel, their edges blended with what is behind.
        let blue = picture.pixels().filter(|pixel| pixel.0 == COLOURS[0]).count();
        assert!((3 * (2 * 5 * 5 + 11 * 2 - 10)..=3 * (2 * 6 * 6 + 12 * 3)).contains(&blue), "{blue}");
    }
}
