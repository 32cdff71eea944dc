//! One picture of every stage at several times.

use std::path::Path;

use super::PicturesError;
use super::axis::{labels, ticks};
use super::canvas::{Align, Canvas, FAINT_INK, INK, Letters};
use super::resample::resample;
use super::scale::{Scale, SettledScale};

/// One stage: the same field at each time of the sheet.
#[derive(Debug, Clone)]
pub struct SheetRow {
    /// Name of the stage.
    pub title: String,
    /// Unit of the values; may be empty.
    pub unit: String,
    /// One frame per time, row-major, each `height` × `width`.
    pub frames: Vec<Vec<f32>>,
    /// Rows of pixels.
    pub height: usize,
    /// Columns of pixels.
    pub width: usize,
    /// How values become colours.
    pub scale: Scale,
}

/// Width of the sheet.
const SHEET: usize = 1400;
/// Room for the titles at the left and for the colour bars at the right.
const LEFT: usize = 156;
const RIGHT: usize = 112;
/// Room above for the times, below, and between pictures.
const TOP: usize = 48;
const BOTTOM: usize = 20;
const COLUMN_GAP: usize = 8;
const ROW_GAP: usize = 16;
/// Pictures are not drawn wider than this, nor narrower.
const WIDEST: usize = 360;
const NARROWEST: usize = 48;
/// Place and width of the colour bar, and the length of the tips that say "values go on beyond the limits".
const BAR_GAP: f64 = 16.0;
const BAR: f64 = 12.0;
const TIP: f64 = 8.0;

const TITLE: Letters = Letters::bold(14.0);
const UNIT: Letters = Letters::regular(12.5).coloured(FAINT_INK);
const NUMBER: Letters = Letters::regular(12.0);
const FRAME: [u8; 3] = [170, 170, 170];

/// Draws one row per stage and one column per time, each row with its own colour bar, into a PNG at `path`.
///
/// A colour bar with a pointed end says that some values of the row lie beyond that end.
///
/// # Errors
/// [`PicturesError::Argument`] when there is nothing to draw or a row does not fit its sizes or the times,
/// [`PicturesError::Write`] when the file cannot be written.
pub fn contact_sheet(path: &Path, rows: &[SheetRow], times_s: &[f64]) -> Result<(), PicturesError> {
    check(rows, times_s)?;
    let columns = times_s.len();
    let panel = ((SHEET - LEFT - RIGHT - COLUMN_GAP * (columns - 1).min(SHEET / 16)) / columns)
        .clamp(NARROWEST, WIDEST);
    let pictures_end = LEFT + columns * (panel + COLUMN_GAP) - COLUMN_GAP;
    let panel_heights: Vec<usize> =
        rows.iter().map(|row| (panel * row.height).div_ceil(row.width).clamp(NARROWEST, 3 * panel)).collect();
    let pictures_height: usize = panel_heights.iter().sum::<usize>() + ROW_GAP * (rows.len() - 1);
    let mut canvas = Canvas::new(pictures_end + RIGHT, TOP + pictures_height + BOTTOM)?;

    draw_times(&mut canvas, times_s, panel)?;
    let mut top = TOP;
    for (row, &panel_height) in rows.iter().zip(&panel_heights) {
        let scale = row.scale.settle(&row.title, &row.frames)?;
        draw_title(&mut canvas, row, (top + panel_height / 2) as f64)?;
        for (column, frame) in row.frames.iter().enumerate() {
            let left = LEFT + column * (panel + COLUMN_GAP);
            let values = resample(frame, (row.height, row.width), (panel_height, panel));
            let colours: Vec<_> = values.iter().map(|value| scale.colour(*value)).collect();
            canvas.picture((left, top), panel, &colours);
            let edges = [left, top, left + panel, top + panel_height].map(|edge| edge as f64);
            canvas.frame(edges, FRAME);
        }
        draw_bar(
            &mut canvas,
            &scale,
            pictures_end as f64 + BAR_GAP,
            (top as f64, (top + panel_height) as f64),
        )?;
        top += panel_height + ROW_GAP;
    }
    canvas.save(path)
}

/// Refuses rows that do not fit their sizes or the times.
fn check(rows: &[SheetRow], times_s: &[f64]) -> Result<(), PicturesError> {
    if rows.is_empty() || times_s.is_empty() {
        let found = format!("{} rows and {} times", rows.len(), times_s.len());
        return Err(PicturesError::argument("rows and times_s", "at least one of each", found));
    }
    for row in rows {
        let name = |what: &str| format!("{what} of row `{}`", row.title);
        if row.frames.len() != times_s.len() {
            let expected = format!("one per time, {}", times_s.len());
            return Err(PicturesError::argument(name("the frames"), expected, row.frames.len().to_string()));
        }
        let pixels = row.height * row.width;
        if pixels == 0 {
            let found = format!("{} × {}", row.height, row.width);
            return Err(PicturesError::argument(name("height and width"), "at least 1 × 1", found));
        }
        if let Some(frame) = row.frames.iter().find(|frame| frame.len() != pixels) {
            let expected = format!("{} × {} = {pixels} values", row.height, row.width);
            return Err(PicturesError::argument(name("a frame"), expected, frame.len().to_string()));
        }
    }
    Ok(())
}

/// The times above the columns, as many as fit.
fn draw_times(canvas: &mut Canvas, times_s: &[f64], panel: usize) -> Result<(), PicturesError> {
    let in_ms = times_s.iter().all(|time| time.abs() < 10.0);
    let (factor, unit) = if in_ms { (1e3, "ms") } else { (1.0, "s") };
    let decimals = (0..3).find(|decimals| {
        let finer = factor * 10_f64.powi(*decimals);
        times_s.iter().all(|time| ((time * finer).round() - time * finer).abs() < 1e-6 * finer)
    });
    let decimals = decimals.unwrap_or(3) as usize;
    let texts: Vec<String> =
        times_s.iter().map(|time| format!("{:.decimals$} {unit}", time * factor)).collect();
    let mut widest = 0.0_f64;
    for text in &texts {
        widest = widest.max(NUMBER.width(text)?);
    }
    let every = ((widest + 8.0) / (panel + COLUMN_GAP) as f64).ceil().max(1.0) as usize;
    for (column, text) in texts.iter().enumerate().step_by(every) {
        let centre = LEFT as f64 + (column * (panel + COLUMN_GAP)) as f64 + panel as f64 / 2.0;
        canvas.text(text, (centre, TOP as f64 - 16.0), Align::Middle, Letters::regular(13.0))?;
    }
    Ok(())
}

/// The title, broken into lines that fit, and the unit below, centred on `middle`.
fn draw_title(canvas: &mut Canvas, row: &SheetRow, middle: f64) -> Result<(), PicturesError> {
    const LINE: f64 = 19.0;
    let room = (LEFT - 30) as f64;
    let mut lines: Vec<(String, Letters)> = Vec::new();
    for (text, letters) in [(&row.title, TITLE), (&row.unit, UNIT)] {
        let mut line = String::new();
        for word in text.split_whitespace() {
            let longer = if line.is_empty() { word.to_owned() } else { format!("{line} {word}") };
            if !line.is_empty() && letters.width(&longer)? > room {
                lines.push((std::mem::replace(&mut line, word.to_owned()), letters));
            } else {
                line = longer;
            }
        }
        if !line.is_empty() {
            lines.push((line, letters));
        }
    }
    let first = middle - LINE * (lines.len() as f64 - 1.0) / 2.0;
    for (number, (line, letters)) in lines.iter().enumerate() {
        canvas.text(line, (16.0, first + LINE * number as f64), Align::Start, *letters)?;
    }
    Ok(())
}

/// The colours of a scale from `bottom` to `top`, with numbers.
fn draw_bar(
    canvas: &mut Canvas,
    scale: &SettledScale,
    left: f64,
    (top, bottom): (f64, f64),
) -> Result<(), PicturesError> {
    const STRIP: f64 = 0.5;
    let (top, bottom) = (top + TIP, bottom - TIP);
    let height = bottom - top;
    let strips = (height / STRIP).round() as usize;
    for strip in 0..strips {
        let position = 1.0 - (strip as f32 + 0.5) / strips as f32;
        let y = top + strip as f64 * STRIP;
        canvas.fill([left, y, left + BAR, y + STRIP], scale.map.colour(position));
    }
    canvas.frame([left, top, left + BAR, bottom], FRAME);
    if scale.goes_above {
        draw_tip(canvas, left, (top, top - TIP), scale.map.colour(1.0))?;
    }
    if scale.goes_below {
        draw_tip(canvas, left, (bottom, bottom + TIP), scale.map.colour(0.0))?;
    }
    let (low, high) = (f64::from(scale.low), f64::from(scale.high));
    let values = ticks(low, high, ((height / 40.0) as usize).clamp(2, 5));
    for (value, text) in values.iter().zip(labels(&values)) {
        let y = bottom - height * (value - low) / (high - low);
        canvas.fill([left + BAR, y - 0.5, left + BAR + 4.0, y + 0.5], INK);
        canvas.text(&text, (left + BAR + 8.0, y), Align::Start, NUMBER)?;
    }
    Ok(())
}

/// The pointed end of a colour bar, from its base to its tip, outlined like the bar.
fn draw_tip(
    canvas: &mut Canvas,
    left: f64,
    (base, tip): (f64, f64),
    colour: [u8; 3],
) -> Result<(), PicturesError> {
    let corners = [(left, base), (left + BAR / 2.0, tip), (left + BAR, base)];
    canvas.triangle(corners, colour)?;
    canvas.line(&corners, 0.5, FRAME)
}

#[cfg(test)]
mod tests {
    use super::super::Tint;
    use super::*;

    /// A row of two 4 × 6 frames.
    fn row(title: &str, scale: Scale) -> SheetRow {
        let frames =
            (0..2).map(|t| (0..24).map(|i| (i as f32 - 12.0) * (t as f32 + 1.0)).collect()).collect();
        SheetRow { title: title.to_owned(), unit: "mV".to_owned(), frames, height: 4, width: 6, scale }
    }

    #[test]
    fn sheet_has_its_size_and_its_colours() {
        let home = tempfile::tempdir().unwrap();
        let path = home.path().join("sheet.png");
        let rows = [
            row("Bipolar", Scale::Diverging { limit: Some(12.0) }),
            row("Spikes ON", Scale::Spikes { tint: Tint::Warm, limit: None }),
        ];
        contact_sheet(&path, &rows, &[0.1, 0.25]).unwrap();
        let picture = image::open(&path).unwrap().to_rgb8();
        let panel = (WIDEST, WIDEST * 4 / 6);
        let width = LEFT + 2 * panel.0 + COLUMN_GAP + RIGHT;
        let height = TOP + 2 * panel.1 + ROW_GAP + BOTTOM;
        assert_eq!(picture.dimensions(), (width as u32, height as u32));
        let corner = picture.get_pixel(LEFT as u32 + 4, TOP as u32 + 4);
        let opposite = picture.get_pixel((LEFT + panel.0) as u32 - 4, (TOP + panel.1) as u32 - 4);
        assert!(corner[2] > corner[0], "negative is blue: {corner:?}");
        assert!(opposite[0] > opposite[2], "positive is red: {opposite:?}");
        let silent = picture.get_pixel(LEFT as u32 + 4, (TOP + panel.1 + ROW_GAP) as u32 + 4);
        assert_eq!(silent.0, [255; 3]);
    }

    #[test]
    fn rows_that_do_not_fit_are_refused_by_name() {
        let home = tempfile::tempdir().unwrap();
        let path = home.path().join("sheet.png");
        let scale = Scale::Grey { low: None, high: None };
        let mut short = row("OPL", scale);
        short.frames[1].pop();
        for (rows, times) in [(vec![row("OPL", scale)], vec![0.0]), (vec![short], vec![0.0, 0.1])] {
            let error = contact_sheet(&path, &rows, &times).unwrap_err();
            assert!(matches!(error, PicturesError::Argument { .. }) && error.to_string().contains("OPL"));
        }
        assert!(contact_sheet(&path, &[], &[0.0]).is_err());
        let lost = home.path().join("nowhere").join("sheet.png");
        let error = contact_sheet(&lost, &[row("OPL", scale)], &[0.0, 0.1]).unwrap_err();
        assert!(error.to_string().contains("nowhere"), "{error}");
        assert_eq!(std::fs::read_dir(home.path()).unwrap().count(), 0);
    }

    #[test]
    fn many_columns_still_fit() {
        let home = tempfile::tempdir().unwrap();
        let path = home.path().join("sheet.png");
        let mut many = row("OPL", Scale::Grey { low: None, high: None });
        many.frames = vec![many.frames[0].clone(); 30];
        let times: Vec<f64> = (0..30).map(f64::from).collect();
        contact_sheet(&path, &[many], &times).unwrap();
        let expected = (LEFT + 30 * (NARROWEST + COLUMN_GAP) - COLUMN_GAP + RIGHT) as u32;
        assert_eq!(image::open(&path).unwrap().width(), expected);
    }
}
