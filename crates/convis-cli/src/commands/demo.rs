//! `convis demo`: a retina looks at a photograph.

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::time::Instant;

use clap::Args;
use convis::filters::GaussianBlur;
use convis::retina::{Retina, RetinaOptions};
use convis::state::NoiseId;
use convis::stimuli::{EyeMovements, Gaze, view};
use convis::{DType, GradientMode, Resolution, State, Tensor, call};
use convis_io::{Array, FrameSource, GifWriter};

use crate::error::{Error, Result};
use crate::held_frames::{HeldFrames, Timing};
use crate::interrupt;
use crate::model::check_folder_of;
use crate::pictures::{
    EyeTrace, Population, RasterFigure, Scale, SheetRow, Tint, activity_frame, contact_sheet,
    raster_and_rate, to_grey,
};
use crate::progress::Progress;
use crate::rate::Rate;
use crate::report::summary;
use crate::result_file::ResultFile;
use crate::simulation::{Event, Simulation, Stretch};
use crate::text::{say, wrapped};

/// Let a retina look at a photograph and write pictures of what its cells do
///
/// The eye fixates: it drifts and makes microsaccades, 2 s long, in steps of 1 ms. 224 × 224 of the photograph's
/// 256 × 256 pixels are in view at a time, 10 to a degree, each the place of one ON and one OFF ganglion cell.
///
/// Everything in a model starts from zero, and its answer to the sudden light would spoil the pictures. So the eye
/// rests on the photograph for half a second before time 0; that is simulated, but neither drawn nor written.
#[derive(Args, Debug)]
#[command(
    allow_negative_numbers = true,
    after_long_help = "\
It writes into the folder:
  input.gif            what the eye sees
  on.gif, off.gif      spikes of ON and OFF cells, summed over 20 ms and blurred
                       a little (1.2 pixels) for display; brightest at 40 Hz
  contact_sheet.png    every stage around the largest microsaccade
  raster_and_rate.png  eye position, spikes of some cells, rates of all
  spikes.npz           all spikes and the eye's trace, for numpy.load

The moving pictures run at a fifth of real time: 100 ms for each 20 ms.

Examples:
  convis demo
  convis demo --seed 7 --duration 4 --out demo7"
)]
pub struct DemoArguments {
    /// The folder to write to; it is created if its parent exists
    #[arg(short, long, value_name = "FOLDER", default_value = "demo")]
    out: PathBuf,

    /// Seed of the eye movements and of the noise
    #[arg(long, value_name = "NUMBER", default_value_t = 0)]
    seed: u64,

    /// Seconds to look, 0.5 to 10
    #[arg(long, value_name = "SECONDS", default_value_t = 2.0, value_parser = duration)]
    duration: f64,
}

static PHOTOGRAPH: &[u8] = include_bytes!("../../assets/photograph.png");
/// Rows and columns in view.
const VIEW: (usize, usize) = (224, 224);
/// The resolution of the simulation.
const STEPS: Rate = Rate { events: 1000, seconds: 1 };
const PIXELS_PER_DEGREE: f64 = 10.0;
/// Steps before time 0.
const LEAD_IN: u64 = 500;
/// Steps that one frame of the moving pictures sums up, and how long it is shown.
const INTERVAL: u64 = 20;
const SHOWN_MS: f64 = 100.0;
/// Blur of spikes for display, in pixels, and the rate that is drawn brightest.
const BLUR_PIXELS: f64 = 1.2;
const BRIGHTEST_HZ: f64 = 40.0;
/// Steps of the contact sheet from the onset of the microsaccade, and over how many steps before spikes are counted.
const SHEET_STEPS: [i64; 6] = [-20, 10, 25, 40, 60, 120];
const COUNTED_STEPS: u64 = 20;
/// Cells of each population in the raster.
const CELLS_SHOWN: usize = 120;
/// Stages of the contact sheet.
const STAGES: [&str; 4] = ["opl", "bipolar", "gang_0_input", "gang_1_input"];

/// Simulates, draws and reports.
pub fn demo(arguments: &DemoArguments) -> Result<()> {
    interrupt::listen()?;
    let folder = Folder::create(&arguments.out)?;
    let steps = (arguments.duration * STEPS.hertz()).round() as usize;
    let eye = EyeMovements { seed: arguments.seed, ..EyeMovements::default() };
    let gaze = Looking::new(eye.trace(steps, 1.0 / STEPS.hertz())?)?;
    let onset = largest_microsaccade(&gaze.trace, (eye.microsaccade_duration_s * STEPS.hertz()) as usize);
    let mut record =
        Record::new(SHEET_STEPS.map(|after| (onset as i64 + after).clamp(0, steps as i64 - 1) as u64));

    let retina = Retina::new(RetinaOptions::default(), Resolution::new(PIXELS_PER_DEGREE, STEPS.hertz())?)?;
    let simulation = Simulation {
        retina: &retina,
        seed: arguments.seed,
        steps: STEPS,
        lead_in: LEAD_IN,
        most_steps: None,
        chunk: None,
        stages: STAGES.map(String::from).to_vec(),
    };
    let mut file = ResultFile::create(&folder.file("spikes.npz"), &simulation, &[], VIEW)?;
    let trace_of =
        |axis: fn(&Gaze) -> f64| Array::new([steps], gaze.trace.iter().map(axis).collect::<Vec<_>>());
    file.put("eye_x_deg", &trace_of(|gaze| gaze.x_deg)?)?;
    file.put("eye_y_deg", &trace_of(|gaze| gaze.y_deg)?)?;
    say(&wrapped(
        &format!(
            "A retina looks at a photograph: {} × {} pixels, drift and microsaccades, seed {}. Before time 0 the \
             eye rests on it for {} s; that is simulated, but neither drawn nor counted.",
            VIEW.0,
            VIEW.1,
            arguments.seed,
            LEAD_IN as f64 / STEPS.hertz()
        ),
        0,
    ))?;

    let timing =
        Timing { frames: STEPS, steps: STEPS, lead_in: LEAD_IN, interpolate: false, most_frames: None };
    let mut frames = HeldFrames::new(Box::new(gaze.clone()), &timing)?;
    let progress = Progress::new(Some(steps as u64 + LEAD_IN), STEPS, false);
    let finished = simulation.run(&mut frames, &progress, &mut |stretch| {
        record.take(stretch);
        file.append(stretch)
    })?;
    if interrupt::requested() {
        return Err(Error::Interrupted("interrupted: nothing was written".into()));
    }
    file.finish(finished.steps)?;
    say(&format!("\n{}", summary(&finished, VIEW.0 * VIEW.1, true, STEPS)))?;

    let begin = Instant::now();
    record.draw(&gaze, &folder)?;
    let (drawing, path) = (begin.elapsed().as_secs_f64(), folder.keep());
    say(&format!(
        "  pictures drawn in {drawing:.2} s\n\nwritten to {}: input.gif, on.gif, off.gif,\n\
         contact_sheet.png, raster_and_rate.png, spikes.npz\n",
        path.display()
    ))
}

/// What the eye sees: the photograph, moved by the gaze.
#[derive(Clone)]
struct Looking {
    picture: Vec<f32>,
    size: (usize, usize),
    trace: Vec<Gaze>,
    next: usize,
}

impl Looking {
    fn new(trace: Vec<Gaze>) -> Result<Self> {
        let picture = image::load_from_memory(PHOTOGRAPH)
            .map_err(|error| {
                Error::Failed(format!("the photograph inside this program is damaged: {error}"))
            })?
            .to_luma8();
        let size = (picture.height() as usize, picture.width() as usize);
        let picture = picture.iter().map(|&grey| f32::from(grey) / 255.0).collect();
        Ok(Self { picture, size, trace, next: 0 })
    }

    /// What is in view at a step.
    fn view(&self, step: usize, out: &mut [f32]) -> Result<()> {
        Ok(view(&self.picture, self.size, self.trace[step], PIXELS_PER_DEGREE, out, VIEW)?)
    }
}

impl FrameSource for Looking {
    fn height(&self) -> usize {
        VIEW.0
    }

    fn width(&self) -> usize {
        VIEW.1
    }

    fn frames_per_second(&self) -> Option<f64> {
        Some(STEPS.hertz())
    }

    fn length_hint(&self) -> Option<u64> {
        Some(self.trace.len() as u64)
    }

    fn next_frame(&mut self, into: &mut [f32]) -> convis_io::Result<bool> {
        if self.next == self.trace.len() {
            return Ok(false);
        }
        // It fails only for sizes that do not fit, and `into` is a frame.
        let seen = self.view(self.next, into).is_ok();
        self.next += 1;
        Ok(seen)
    }
}

/// The step at which the largest microsaccade begins; the middle if there is none.
fn largest_microsaccade(trace: &[Gaze], duration: usize) -> usize {
    let moved = |step: usize| {
        let (from, to) = (trace[step], trace[step + duration]);
        (to.x_deg - from.x_deg).hypot(to.y_deg - from.y_deg)
    };
    // The contact sheet needs room before and after.
    let room = SHEET_STEPS[SHEET_STEPS.len() - 1] as usize;
    let steps =
        COUNTED_STEPS as usize + SHEET_STEPS[0].unsigned_abs() as usize..trace.len().saturating_sub(room);
    steps.max_by(|&a, &b| moved(a).total_cmp(&moved(b))).unwrap_or(trace.len() / 2)
}

/// What the pictures show.
struct Record {
    /// Steps of the contact sheet, and what each stage did then.
    sheet_steps: [u64; SHEET_STEPS.len()],
    sheet: [Vec<Vec<f32>>; STAGES.len()],
    events: [Vec<(u32, f64)>; 2],
    /// Spikes of every cell in each interval of the moving pictures.
    counts: [Vec<Vec<u8>>; 2],
    steps: u64,
}

impl Record {
    fn new(sheet_steps: [u64; SHEET_STEPS.len()]) -> Self {
        Self {
            sheet_steps,
            sheet: Default::default(),
            events: [vec![], vec![]],
            counts: [vec![], vec![]],
            steps: 0,
        }
    }

    fn take(&mut self, stretch: &Stretch) {
        let pixels = VIEW.0 * VIEW.1;
        self.steps = stretch.first + stretch.steps as u64;
        for counts in &mut self.counts {
            counts.resize(self.steps.div_ceil(INTERVAL) as usize, vec![]);
            counts.iter_mut().filter(|count| count.is_empty()).for_each(|count| *count = vec![0; pixels]);
        }
        for &Event { time_s, unit, population } in stretch.events {
            let population = usize::from(population);
            self.events[population].push((unit, time_s));
            let interval = ((time_s * STEPS.hertz()) as u64 / INTERVAL) as usize;
            // A spike at the very end of the last step may be rounded beyond it.
            if let Some(count) = self.counts[population].get_mut(interval) {
                count[unit as usize] = count[unit as usize].saturating_add(1);
            }
        }
        for &step in &self.sheet_steps {
            if (stretch.first..self.steps).contains(&step) {
                let start = (step - stretch.first) as usize * pixels;
                for (frames, movie) in self.sheet.iter_mut().zip(stretch.stages) {
                    frames.extend(movie.numbers::<f32>().map(|movie| movie[start..start + pixels].to_vec()));
                }
            }
        }
    }

    fn draw(&self, gaze: &Looking, folder: &Folder) -> Result<()> {
        self.draw_sheet(gaze, &folder.file("contact_sheet.png"))?;
        self.draw_raster(gaze, &folder.file("raster_and_rate.png"))?;
        let mut animation = GifWriter::create(folder.file("input.gif"), VIEW.1, VIEW.0, SHOWN_MS)?;
        let mut frame = vec![0.0; VIEW.0 * VIEW.1];
        for interval in 0..self.steps.div_ceil(INTERVAL) {
            let middle = (interval * INTERVAL + INTERVAL / 2).min(self.steps - 1);
            gaze.view(middle as usize, &mut frame)?;
            animation.append(&to_grey(&frame, 0.0, 1.0))?;
        }
        animation.finish()?;
        for (counts, name, tint) in
            [(&self.counts[0], "on.gif", Tint::Warm), (&self.counts[1], "off.gif", Tint::Cool)]
        {
            let mut animation = GifWriter::create(folder.file(name), VIEW.1, VIEW.0, SHOWN_MS)?;
            let brightest = (BRIGHTEST_HZ * INTERVAL as f64 / STEPS.hertz()) as f32;
            for counts in counts {
                animation.append_rgb(&activity_frame(&blurred(counts)?, brightest, tint))?;
            }
            animation.finish()?;
        }
        Ok(())
    }

    fn draw_sheet(&self, gaze: &Looking, path: &Path) -> Result<()> {
        let row = |title: &str, unit: &str, frames: Vec<Vec<f32>>, scale: Scale| SheetRow {
            title: title.into(),
            unit: unit.into(),
            frames,
            height: VIEW.0,
            width: VIEW.1,
            scale,
        };
        let mut input = vec![];
        for &step in &self.sheet_steps {
            let mut frame = vec![0.0; VIEW.0 * VIEW.1];
            gaze.view(step as usize, &mut frame)?;
            input.push(frame);
        }
        let spikes = |population: usize| {
            let count = |step: u64| {
                let range = (step + 1).saturating_sub(COUNTED_STEPS)..step + 1;
                let mut counts = vec![0.0_f32; VIEW.0 * VIEW.1];
                for (unit, time_s) in &self.events[population] {
                    if range.contains(&((time_s * STEPS.hertz()) as u64)) {
                        counts[*unit as usize] += 1.0;
                    }
                }
                counts
            };
            self.sheet_steps.map(count).to_vec()
        };
        let [opl, bipolar, on, off] = self.sheet.clone();
        let counted = format!("per {COUNTED_STEPS} ms before");
        let (grey, diverging) = (Scale::Grey { low: None, high: None }, Scale::Diverging { limit: None });
        let rows = [
            row("Input", "luminance", input, Scale::Grey { low: Some(0.0), high: Some(1.0) }),
            row("OPL", "current", opl, diverging),
            row("Bipolar cells", "potential", bipolar, diverging),
            row("Ganglion current ON", "Hz", on, grey),
            row("Ganglion current OFF", "Hz", off, grey),
            row("Spikes ON", &counted, spikes(0), Scale::Spikes { tint: Tint::Warm, limit: None }),
            row("Spikes OFF", &counted, spikes(1), Scale::Spikes { tint: Tint::Cool, limit: None }),
        ];
        Ok(contact_sheet(path, &rows, &self.sheet_steps.map(|step| step as f64 / STEPS.hertz()))?)
    }

    fn draw_raster(&self, gaze: &Looking, path: &Path) -> Result<()> {
        let times_s: Vec<f64> = (0..gaze.trace.len()).map(|step| step as f64 / STEPS.hertz()).collect();
        let axis = |of: fn(&Gaze) -> f64| gaze.trace.iter().map(of).collect::<Vec<_>>();
        let (x_deg, y_deg) = (axis(|gaze| gaze.x_deg), axis(|gaze| gaze.y_deg));
        let population = |i: usize| Population { spikes: &self.events[i], cells: VIEW.0 * VIEW.1 };
        let figure = RasterFigure {
            on: population(0),
            off: population(1),
            duration_s: self.steps as f64 / STEPS.hertz(),
            cells_shown: CELLS_SHOWN,
            eye: Some(EyeTrace { times_s: &times_s, x_deg: &x_deg, y_deg: &y_deg }),
        };
        Ok(raster_and_rate(path, &figure)?)
    }
}

/// Counts per pixel, blurred for the eye.
fn blurred(counts: &[u8]) -> Result<Vec<f32>> {
    let counts = Tensor::from_vec(counts.to_vec(), &[1, 1, 1, VIEW.0, VIEW.1])?.cast(DType::F32);
    let blur = GaussianBlur::new(BLUR_PIXELS, Resolution::new(1.0, 1.0)?)?;
    let mut state = State::new(NoiseId { seed: 0, model: 0, trial: 0 });
    Ok(call(&blur, &counts, &mut state, GradientMode::Off, None)?.first()?.to_f32())
}

/// The folder that is written to. If it was created for this and stays empty, it goes again.
struct Folder {
    path: PathBuf,
    created: bool,
}

impl Folder {
    fn create(path: &Path) -> Result<Self> {
        check_folder_of(path)?;
        let refused = |what: &str| Error::Failed(format!("cannot write to {}: {what}", path.display()));
        let created = match fs::create_dir(path) {
            Ok(()) => true,
            Err(_) if path.is_dir() => false,
            Err(reason) if reason.kind() == ErrorKind::AlreadyExists => {
                return Err(refused("it is no folder; choose another name with --out"));
            }
            Err(reason) => return Err(refused(&format!("{reason}; choose another folder with --out"))),
        };
        Ok(Self { path: path.to_owned(), created })
    }

    fn file(&self, name: &str) -> PathBuf {
        self.path.join(name)
    }

    /// Leaves the folder where it is.
    fn keep(mut self) -> PathBuf {
        self.created = false;
        self.path.clone()
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        if self.created {
            // A folder with files in it is not removed, and need not be.
            fs::remove_dir(&self.path).ok();
        }
    }
}

/// Seconds that the demo can last.
fn duration(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(seconds) if (0.5..=10.0).contains(&seconds) => Ok(seconds),
        _ => Err("expected 0.5 to 10 seconds".into()),
    }
}
