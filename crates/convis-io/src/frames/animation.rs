//! Animated GIF as frames.

use std::fs::File;
use std::io::BufReader;
use std::path::{Path, PathBuf};

use gif::{ColorOutput, DecodeOptions, Decoder, DecodingError, DisposalMethod};

use super::luminance::Luminance;
use super::{FrameSource, OpenOptions, check_buffer};
use crate::{Error, Result};

/// The size comes from ten bytes that anybody can write; beyond this it is taken for damage.
const MOST_PIXELS: usize = 1 << 27;

pub(super) fn open(path: &Path, options: &OpenOptions) -> Result<Box<dyn FrameSource>> {
    let timing = Timing::read(path)?;
    let decoder = decoder(path, false)?;
    let (height, width) = (usize::from(decoder.height()), usize::from(decoder.width()));
    if height * width == 0 || height * width > MOST_PIXELS {
        return Err(Error::malformed(
            path,
            format!("an animation of 1 to {MOST_PIXELS} pixels"),
            format!("{height} × {width}"),
            "export the animation again",
        ));
    }
    Ok(Box::new(Animation {
        path: path.to_owned(),
        decoder,
        timing,
        luminance: Luminance::new(255, options),
        height,
        width,
        canvas: vec![0.0; height * width],
        before: Vec::new(),
        indices: Vec::new(),
        last: Area::default(),
        position: 0,
    }))
}

fn decoder(path: &Path, only_count: bool) -> Result<Decoder<BufReader<File>>> {
    let file = File::open(path).map_err(|reason| Error::read(path, reason))?;
    let mut options = DecodeOptions::new();
    options.set_color_output(ColorOutput::Indexed);
    options.check_frame_consistency(true);
    options.skip_frame_decoding(only_count);
    options.read_info(BufReader::new(file)).map_err(|error| broken(path, 0, error))
}

fn broken(path: &Path, frame: u64, error: DecodingError) -> Error {
    match error {
        DecodingError::Io(reason) => Error::read(path, reason),
        other => {
            let advice = "the file may have been cut short: export the animation again";
            Error::frame(path, frame, "a complete GIF animation", other.to_string(), advice)
        }
    }
}

/// What a first pass over the file tells without unpacking any pixel.
struct Timing {
    frames: u64,
    frames_per_second: Option<f64>,
}

impl Timing {
    fn read(path: &Path) -> Result<Self> {
        let mut decoder = decoder(path, true)?;
        let (mut frames, mut delay, mut constant) = (0, 0, true);
        while let Some(frame) = decoder.next_frame_info().map_err(|error| broken(path, frames, error))? {
            constant &= frames == 0 || frame.delay == delay;
            delay = frame.delay;
            frames += 1;
        }
        if frames == 0 {
            return Err(Error::malformed(path, "an animation", "no frame", "export the animation again"));
        }
        // Delays are in hundredths of a second; none at all says nothing about the rate.
        let frames_per_second = (constant && delay > 0).then(|| 100.0 / f64::from(delay));
        Ok(Self { frames, frames_per_second })
    }
}

/// Where a frame was drawn, and what becomes of it before the next one.
struct Area {
    left: usize,
    top: usize,
    width: usize,
    height: usize,
    dispose: DisposalMethod,
}

impl Default for Area {
    fn default() -> Self {
        Self { left: 0, top: 0, width: 0, height: 0, dispose: DisposalMethod::Keep }
    }
}

struct Animation {
    path: PathBuf,
    decoder: Decoder<BufReader<File>>,
    timing: Timing,
    luminance: Luminance,
    height: usize,
    width: usize,
    /// Frames are drawn over each other. Drawing only replaces pixels, so it can be done in luminance.
    canvas: Vec<f32>,
    /// The canvas before the last frame, where that frame asks for it.
    before: Vec<f32>,
    indices: Vec<u8>,
    last: Area,
    position: u64,
}

impl Animation {
    fn dispose_of_last(&mut self) {
        match self.last.dispose {
            DisposalMethod::Any | DisposalMethod::Keep => {}
            DisposalMethod::Background => {
                for row in self.last.top..self.last.top + self.last.height {
                    let start = row * self.width + self.last.left;
                    self.canvas[start..start + self.last.width].fill(0.0);
                }
            }
            DisposalMethod::Previous => self.canvas.copy_from_slice(&self.before),
        }
    }
}

impl FrameSource for Animation {
    fn height(&self) -> usize {
        self.height
    }

    fn width(&self) -> usize {
        self.width
    }

    fn frames_per_second(&self) -> Option<f64> {
        self.timing.frames_per_second
    }

    fn length_hint(&self) -> Option<u64> {
        Some(self.timing.frames)
    }

    fn next_frame(&mut self, into: &mut [f32]) -> Result<bool> {
        check_buffer(into, self.height, self.width)?;
        let failed = |error| broken(&self.path, self.position, error);
        let Some(frame) = self.decoder.next_frame_info().map_err(failed)? else { return Ok(false) };
        let area = Area {
            left: frame.left.into(),
            top: frame.top.into(),
            width: frame.width.into(),
            height: frame.height.into(),
            dispose: frame.dispose,
        };
        let transparent = frame.transparent;
        self.indices.resize(self.decoder.buffer_size(), 0);
        self.decoder.read_into_buffer(&mut self.indices).map_err(failed)?;

        self.dispose_of_last();
        if area.dispose == DisposalMethod::Previous {
            self.before.clone_from(&self.canvas);
        }
        let palette = self.decoder.palette().map_err(|error| broken(&self.path, self.position, error))?;
        let mut shades = [0.0; 256];
        for (shade, colour) in shades.iter_mut().zip(palette.as_chunks::<3>().0) {
            *shade = self.luminance.colour(*colour);
        }
        for (row, indices) in self.indices.chunks_exact(area.width.max(1)).enumerate() {
            let start = (area.top + row) * self.width + area.left;
            for (pixel, &index) in self.canvas[start..start + area.width].iter_mut().zip(indices) {
                if Some(index) != transparent {
                    *pixel = shades[usize::from(index)];
                }
            }
        }
        self.last = area;
        self.position += 1;
        into.copy_from_slice(&self.canvas);
        Ok(true)
    }
}
