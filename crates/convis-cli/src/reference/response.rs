//! What a layer answers to something simple.

use convis::catalogue::{Entry, Group};
use convis::layer::Layer;
use convis::{GradientMode, State, Tensor, call, noise};

use crate::error::Result;

/// An answer over time at one pixel, and across space in one frame.
pub struct Response {
    /// What the layer was given, in words.
    pub stimulus: String,
    /// At the pixel of the largest answer, frame by frame.
    pub time: Vec<f64>,
    /// The row of the largest answer, pixel by pixel; empty where no other pixel answers.
    pub space: Vec<f64>,
    /// Steps per second.
    pub steps_per_second: f64,
}

/// Rows and columns of the picture; the middle one is bright.
const SIZE: usize = 25;
/// Dark frames before.
const BEFORE: usize = 10;

/// The constant current that makes an excitable cell work, and for how many frames.
fn current(name: &str) -> (f64, usize) {
    match name {
        "Poisson" | "LeakyIntegrateAndFireNeuron" | "RefractoryLeakyIntegrateAndFireNeuron" => (0.1, 200),
        "FitzHughNagumo" => (0.5, 200),
        "IntegrativeMotionSensor" => (0.15, 50),
        "GanglionSpiking" => (100.0, 200),
        _ => (10.0, 200),
    }
}

/// The answer of a layer built with defaults; `None` where it answers nothing.
pub fn response(entry: &Entry, layer: &dyn Layer) -> Result<Option<Response>> {
    let excitable = entry.group == Group::Spiking || entry.name == "GanglionSpiking";
    let (input, stimulus): (Tensor, String) = if excitable {
        let (current, frames) = current(entry.name);
        (
            Tensor::from_vec(vec![current; frames], &[1, 1, frames, 1, 1])?,
            format!("given {current} all the time"),
        )
    } else {
        // A retina fires only while it is driven.
        let (luminance, lit) = if entry.name == "Retina" { (10.0, 100) } else { (1.0, 1) };
        let frames = BEFORE + lit + 100;
        let mut movie = vec![0.0f64; frames * SIZE * SIZE];
        for frame in BEFORE..BEFORE + lit {
            movie[frame * SIZE * SIZE + SIZE * SIZE / 2] = luminance;
        }
        let stimulus = if lit == 1 {
            "one pixel, one frame".into()
        } else {
            format!("one pixel of luminance {luminance}, {lit} frames")
        };
        (Tensor::from_vec(movie, &[1, 1, frames, SIZE, SIZE])?, stimulus)
    };
    let mut state = State::new(noise::next_model());
    let output = call(layer, &input, &mut state, GradientMode::Off, None)?;
    let answer = output.first()?;
    let (shape, numbers) = (answer.shape(), answer.to_f64());
    let (frames, height, width) = (shape[2], shape[3], shape[4]);
    // Of several channels or batch entries, the first is shown.
    let numbers = &numbers[..frames * height * width];
    let Some(place) = (0..numbers.len()).max_by(|&a, &b| numbers[a].abs().total_cmp(&numbers[b].abs()))
    else {
        return Ok(None);
    };
    if numbers[place] == 0.0 {
        return Ok(None);
    }
    let pixels = height * width;
    let (frame, pixel) = (place / pixels, place % pixels);
    let time: Vec<f64> = (0..frames).map(|t| numbers[t * pixels + pixel]).collect();
    let row = frame * pixels + pixel / width * width;
    let space = numbers[row..row + width].to_vec();
    let alone = space.iter().enumerate().all(|(i, x)| i == pixel % width || *x == 0.0);
    Ok(Some(Response {
        stimulus,
        time,
        space: if width == 1 || alone { vec![] } else { space },
        steps_per_second: layer.resolution().steps_per_second(),
    }))
}
