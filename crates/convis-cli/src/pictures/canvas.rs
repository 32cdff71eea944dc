//! A white sheet to draw text, lines and boxes on, in pixels of the finished picture.
//!
//! Drawing happens at twice the size and is averaged down, which gives letters and thin lines smooth edges at
//! places between pixels.

use std::path::Path;
use std::sync::OnceLock;

use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};

use super::PicturesError;

/// How many drawn pixels make one pixel of the finished picture, along each axis.
const FINE: i32 = 2;
/// The name the embedded font is registered under.
const FONT: &str = "convis-figure";
/// Height of a line (ascent + descent) of the font in units of the em.
const LINE_PER_EM: f64 = 1.164;
/// Height of a capital letter in units of the em.
const CAPITAL_PER_EM: f64 = 0.729;

/// An opaque colour.
pub(super) type Rgb = [u8; 3];
/// Text and axes.
pub(super) const INK: Rgb = [34, 34, 34];
/// Units and side remarks.
pub(super) const FAINT_INK: Rgb = [112, 112, 112];
/// Grid lines.
pub(super) const GRID: Rgb = [230, 230, 230];

/// Where a text lies relative to its anchor along the line of writing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Align {
    /// It begins there.
    Start,
    /// It is centred there.
    Middle,
    /// It ends there.
    End,
}

/// Size and look of a text.
#[derive(Debug, Clone, Copy)]
pub(super) struct Letters {
    /// Em size in pixels of the finished picture.
    pub(super) em: f64,
    /// Bold or regular.
    pub(super) bold: bool,
    /// Colour.
    pub(super) colour: Rgb,
}

impl Letters {
    /// Regular text in ink.
    pub(super) const fn regular(em: f64) -> Self {
        Self { em, bold: false, colour: INK }
    }

    /// Bold text in ink.
    pub(super) const fn bold(em: f64) -> Self {
        Self { em, bold: true, colour: INK }
    }

    /// The same in another colour.
    pub(super) const fn coloured(self, colour: Rgb) -> Self {
        Self { colour, ..self }
    }

    /// The description the drawing library wants.
    fn style(self) -> TextStyle<'static> {
        let size = self.em * LINE_PER_EM * f64::from(FINE);
        let weight = if self.bold { FontStyle::Bold } else { FontStyle::Normal };
        let font = FontDesc::new(FontFamily::Name(FONT), size, weight);
        let colour = rgb(self.colour);
        font.color(&colour).pos(Pos::new(HPos::Left, VPos::Top))
    }

    /// Width of `text` in pixels of the finished picture.
    pub(super) fn width(self, text: &str) -> Result<f64, PicturesError> {
        register_fonts()?;
        let (width, _) = self.style().font.box_size(text).map_err(PicturesError::drawing)?;
        Ok(f64::from(width) / f64::from(FINE))
    }
}

/// The embedded fonts, handed to the drawing library once per process.
fn register_fonts() -> Result<(), PicturesError> {
    static REGISTERED: OnceLock<bool> = OnceLock::new();
    let done = *REGISTERED.get_or_init(|| {
        let register = |style, bytes| plotters::style::register_font(FONT, style, bytes).is_ok();
        register(FontStyle::Normal, dejavu::sans::regular())
            && register(FontStyle::Bold, dejavu::sans::bold())
    });
    if done { Ok(()) } else { Err(PicturesError::drawing("the embedded font could not be read")) }
}

/// The drawing library's colour.
fn rgb([red, green, blue]: Rgb) -> RGBColor {
    RGBColor(red, green, blue)
}

/// A place of the finished picture on the fine grid.
fn fine(place: f64) -> i32 {
    (place * f64::from(FINE)).round() as i32
}

/// The sheet.
pub(super) struct Canvas {
    /// Width of the finished picture.
    width: usize,
    /// Height of the finished picture.
    height: usize,
    /// Pixels at `FINE` times the size, RGB.
    pixels: Vec<u8>,
}

impl Canvas {
    /// A white sheet.
    pub(super) fn new(width: usize, height: usize) -> Result<Self, PicturesError> {
        register_fonts()?;
        let scale = FINE as usize;
        Ok(Self { width, height, pixels: vec![255; width * height * scale * scale * 3] })
    }

    /// Runs `draw` on the sheet's pixels.
    fn draw<E: ToString>(
        &mut self,
        draw: impl FnOnce(&mut BitMapBackend) -> Result<(), E>,
    ) -> Result<(), PicturesError> {
        let size = ((self.width * FINE as usize) as u32, (self.height * FINE as usize) as u32);
        draw(&mut BitMapBackend::with_buffer(&mut self.pixels, size)).map_err(PicturesError::drawing)
    }

    /// Writes `text`, its capitals centred vertically on `y`.
    pub(super) fn text(
        &mut self,
        text: &str,
        (x, y): (f64, f64),
        align: Align,
        letters: Letters,
    ) -> Result<(), PicturesError> {
        let left = x - before(letters.width(text)?, align);
        // The library puts the base line half a line below the given place.
        let top = y + letters.em * (CAPITAL_PER_EM - LINE_PER_EM) / 2.0;
        self.draw(|backend| backend.draw_text(text, &letters.style(), (fine(left), fine(top))))
    }

    /// Writes `text` upwards, its capitals centred horizontally on `x`; `Start` is its lower end.
    pub(super) fn upward_text(
        &mut self,
        text: &str,
        (x, y): (f64, f64),
        align: Align,
        letters: Letters,
    ) -> Result<(), PicturesError> {
        let bottom = y + before(letters.width(text)?, align);
        let left = x + letters.em * (CAPITAL_PER_EM - LINE_PER_EM) / 2.0;
        let mut style = letters.style();
        style.font = style.font.transform(FontTransform::Rotate270);
        self.draw(|backend| backend.draw_text(text, &style, (fine(left), fine(bottom))))
    }

    /// Fills the box from (`x0`, `y0`) to (`x1`, `y1`), the far edges excluded.
    pub(super) fn fill(&mut self, [x0, y0, x1, y1]: [f64; 4], colour: Rgb) {
        let stride = self.width * FINE as usize;
        let clip = |place: f64, end: usize| fine(place).clamp(0, end as i32 * FINE) as usize;
        let (left, right) = (clip(x0, self.width), clip(x1, self.width));
        for y in clip(y0, self.height)..clip(y1, self.height) {
            for pixel in
                self.pixels[(y * stride + left) * 3..(y * stride + right.max(left)) * 3].chunks_exact_mut(3)
            {
                pixel.copy_from_slice(&colour);
            }
        }
    }

    /// A frame one half pixel wide just outside of a box.
    pub(super) fn frame(&mut self, [x0, y0, x1, y1]: [f64; 4], colour: Rgb) {
        let thin = 1.0 / f64::from(FINE);
        self.fill([x0 - thin, y0 - thin, x1 + thin, y0], colour);
        self.fill([x0 - thin, y1, x1 + thin, y1 + thin], colour);
        self.fill([x0 - thin, y0, x0, y1], colour);
        self.fill([x1, y0, x1 + thin, y1], colour);
    }

    /// A filled triangle.
    pub(super) fn triangle(&mut self, corners: [(f64, f64); 3], colour: Rgb) -> Result<(), PicturesError> {
        let corners = corners.map(|(x, y)| (fine(x), fine(y)));
        self.draw(|backend| backend.fill_polygon(corners, &rgb(colour)))
    }

    /// A line through `points`, about `width` pixels wide.
    pub(super) fn line(
        &mut self,
        points: &[(f64, f64)],
        width: f64,
        colour: Rgb,
    ) -> Result<(), PicturesError> {
        let style = ShapeStyle {
            color: rgb(colour).to_rgba(),
            filled: false,
            stroke_width: fine(width).max(1) as u32,
        };
        for pair in points.windows(2) {
            let ends = [pair[0], pair[1]].map(|(x, y)| (fine(x), fine(y)));
            self.draw(|backend| backend.draw_line(ends[0], ends[1], &style))?;
        }
        Ok(())
    }

    /// Puts an RGB picture, `width` pixels wide, with its upper left corner at whole pixels (`x`, `y`).
    pub(super) fn picture(&mut self, (x, y): (usize, usize), width: usize, picture: &[Rgb]) {
        for (row, colours) in picture.chunks_exact(width).enumerate() {
            for (column, colour) in colours.iter().enumerate() {
                let (left, top) = ((x + column) as f64, (y + row) as f64);
                self.fill([left, top, left + 1.0, top + 1.0], *colour);
            }
        }
    }

    /// Averages the sheet down and writes it as a PNG.
    pub(super) fn save(&self, path: &Path) -> Result<(), PicturesError> {
        let scale = FINE as usize;
        let stride = self.width * scale * 3;
        let mut rgb = Vec::with_capacity(self.width * self.height * 3);
        for y in 0..self.height {
            for x in 0..self.width {
                for channel in 0..3 {
                    let mut sum = 0;
                    for row in 0..scale {
                        for column in 0..scale {
                            let at = (y * scale + row) * stride + (x * scale + column) * 3 + channel;
                            sum += u32::from(self.pixels[at]);
                        }
                    }
                    let count = (scale * scale) as u32;
                    rgb.push(((sum + count / 2) / count) as u8);
                }
            }
        }
        Ok(convis_io::write_png_rgb(path, self.width, self.height, &rgb)?)
    }
}

/// How much of a text of `width` lies before its anchor.
fn before(width: f64, align: Align) -> f64 {
    match align {
        Align::Start => 0.0,
        Align::Middle => width / 2.0,
        Align::End => width,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_stays_where_its_alignment_says() {
        let dark_columns = |align| {
            let mut canvas = Canvas::new(120, 20).unwrap();
            canvas.text("Ähm 0.5", (60.0, 10.0), align, Letters::regular(12.0)).unwrap();
            let dark: Vec<usize> =
                (0..240).filter(|x| (0..40).any(|y| canvas.pixels[(y * 240 + x) * 3] < 128)).collect();
            (dark[0] as f64 / 2.0, dark[dark.len() - 1] as f64 / 2.0)
        };
        let (start, end) = dark_columns(Align::Start);
        assert!((58.0..64.0).contains(&start) && end > 90.0, "{start}…{end}");
        let (start, end) = dark_columns(Align::End);
        assert!(start < 30.0 && (56.0..61.0).contains(&end), "{start}…{end}");
    }

    #[test]
    fn wider_text_is_measured_wider() {
        let letters = Letters::regular(12.0);
        assert!(letters.width("wide").unwrap() > 1.8 * letters.width("w").unwrap());
    }
}
