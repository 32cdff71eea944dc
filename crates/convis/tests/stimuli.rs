//! Promises of all stimuli: any frame from its number, any chunks the same bits, bad fields refused by name.

use convis::run::Frames;
use convis::stimuli::toolbox::{
    ConvisChirp, MovingBar, MovingGrating, Pulse, RandomChecker, SparseInput, StimulusSize,
};
use convis::stimuli::{
    Checkers, ContrastReversingGrating, DifferentialMotion, Distribution, DriftingGrating, EulerChirp,
    EyeMovements, FullFieldFlash, GratingBattery, JitteredImage, LoomingDisc, MSequence, MovingBarSet,
    OscillatingGrating, Screen, Stimulus, Stream, SumOfSinusoids, movie,
};
use convis::{Resolution, Tensor};
use proptest::prelude::*;

fn all() -> Vec<(&'static str, Box<dyn Stimulus>)> {
    let screen = Screen { height: 6, width: 9, resolution: Resolution::new(2.0, 120.0).unwrap() };
    let size = StimulusSize { frames: 3000, height: 6, width: 9 };
    let picture: Vec<f32> = (0..20 * 30).map(|i| (i * 7 % 13) as f32).collect();
    let eye = EyeMovements::default();
    vec![
        ("FullFieldFlash", Box::new(FullFieldFlash { screen, repeats: 9, ..Default::default() })),
        ("EulerChirp", Box::new(EulerChirp { screen, ..Default::default() })),
        ("MovingBarSet", Box::new(MovingBarSet { screen, ..Default::default() })),
        ("SumOfSinusoids", Box::new(SumOfSinusoids { screen, ..Default::default() })),
        ("binary Checkers", Box::new(Checkers { screen, ..Default::default() })),
        (
            "Gaussian Checkers",
            Box::new(Checkers {
                screen,
                distribution: Distribution::Gaussian,
                contrast: 0.3,
                ..Default::default()
            }),
        ),
        ("MSequence", Box::new(MSequence { screen, order: 12, ..Default::default() })),
        ("DriftingGrating", Box::new(DriftingGrating { screen, ..Default::default() })),
        ("ContrastReversingGrating", Box::new(ContrastReversingGrating { screen, ..Default::default() })),
        ("OscillatingGrating", Box::new(OscillatingGrating { screen, ..Default::default() })),
        ("GratingBattery", Box::new(GratingBattery { screen, shuffle: Some(1), ..Default::default() })),
        ("JitteredImage", Box::new(JitteredImage::new(picture, (20, 30), screen, eye).unwrap())),
        ("LoomingDisc", Box::new(LoomingDisc { screen, before_s: 20.0, ..Default::default() })),
        ("DifferentialMotion", Box::new(DifferentialMotion { screen, ..Default::default() })),
        ("MovingGrating", Box::new(MovingGrating { size, ..Default::default() })),
        ("MovingBar", Box::new(MovingBar { size, ..Default::default() })),
        ("Pulse", Box::new(Pulse { size, ..Default::default() })),
        ("ConvisChirp", Box::new(ConvisChirp { size, ..Default::default() })),
        ("RandomChecker", Box::new(RandomChecker { size, ..Default::default() })),
        ("SparseInput", Box::new(SparseInput { size, ..Default::default() })),
    ]
}

/// Frames of every stimulus that are compared.
const FRAMES: usize = 2000;

proptest! {
    #![proptest_config(ProptestConfig::with_cases(20))]
    #[test]
    fn any_chunks_give_the_same_bits(lengths in prop::collection::vec(1usize..700, 1..8), first in 0u64..500) {
        for (name, stimulus) in all() {
            let frames: usize = lengths.iter().sum::<usize>().min(FRAMES - first as usize);
            let whole = movie(&stimulus, first, frames).unwrap();
            let mut stream = Stream::new(&stimulus).unwrap().from_frame(first);
            let mut parts = vec![];
            let mut left = frames;
            for &length in &lengths {
                if left > 0 {
                    let part = stream.next_frames(length.min(left)).unwrap().unwrap();
                    left -= part.shape()[2];
                    parts.push(part);
                }
            }
            prop_assert!(Tensor::join_frames(&parts).unwrap() == whole, "{name}");
            // Any frame alone, the last one first.
            let mut out = vec![0.0; 54];
            for frame in [frames - 1, 0, frames / 2] {
                stimulus.render(first + frame as u64, &mut out);
                prop_assert_eq!(&out[..], &whole.frames(frame, 1).unwrap().to_f32()[..], "{}", name);
            }
        }
    }
}

#[test]
fn a_finite_stimulus_ends_and_stays_in_range() {
    for (name, stimulus) in all() {
        assert_eq!(stimulus.size(), (6, 9), "{name}");
        let Some(frames) = stimulus.frames() else { continue };
        assert!(frames >= FRAMES as u64, "{name}");
        assert!(movie(&stimulus, frames - 1, 2).is_err(), "{name}");
        let mut stream = Stream::new(&stimulus).unwrap().from_frame(frames - 3);
        assert_eq!(stream.next_frames(10).unwrap().unwrap().shape()[2], 3, "{name}");
        assert!(stream.next_frames(10).unwrap().is_none(), "{name}");
        let shown = movie(&stimulus, 0, FRAMES).unwrap().to_f32();
        assert!(shown.iter().all(|l| (-1.0..=1.0).contains(l)), "{name}");
        // It shows something, and not always the same.
        assert!(shown.iter().any(|l| *l != shown[0]), "{name}");
    }
}

#[test]
fn what_cannot_be_shown_is_refused_with_the_name_of_the_field() {
    let screen = Screen { width: 0, ..Screen::default() };
    let size = StimulusSize { frames: 0, ..StimulusSize::default() };
    let wrong: Vec<(&str, Box<dyn Stimulus>)> = vec![
        ("width", Box::new(EulerChirp { screen, ..Default::default() })),
        ("frames", Box::new(Pulse { size, ..Default::default() })),
        ("before_s", Box::new(FullFieldFlash { before_s: -1.0, ..Default::default() })),
        (
            "before_s + on_s + after_s",
            Box::new(FullFieldFlash { before_s: 0.0, on_s: 0.0, after_s: 0.0, ..Default::default() }),
        ),
        ("display_rate_hz", Box::new(EulerChirp { display_rate_hz: Some(0.0), ..Default::default() })),
        ("directions_deg", Box::new(MovingBarSet { directions_deg: vec![], ..Default::default() })),
        (
            "directions_deg[1]",
            Box::new(MovingBarSet { directions_deg: vec![0.0, f64::NAN], ..Default::default() }),
        ),
        ("speed_um_per_s", Box::new(MovingBarSet { speed_um_per_s: 0.0, ..Default::default() })),
        ("contrast", Box::new(SumOfSinusoids { contrast: 0.13, ..Default::default() })),
        ("pictures_per_second", Box::new(Checkers { pictures_per_second: 1001.0, ..Default::default() })),
        ("order", Box::new(MSequence { order: 21, ..Default::default() })),
        ("order", Box::new(MSequence { order: 5, ..Default::default() })),
        (
            "spatial_frequency_cpd",
            Box::new(DriftingGrating { spatial_frequency_cpd: -0.5, ..Default::default() }),
        ),
        ("contrasts[0]", Box::new(GratingBattery { contrasts: vec![2.0], ..Default::default() })),
        ("end_deg", Box::new(LoomingDisc { end_deg: 180.0, ..Default::default() })),
        ("period_deg", Box::new(DifferentialMotion { period_deg: 0.0, ..Default::default() })),
        ("vt", Box::new(MovingGrating { vt: f64::INFINITY, ..Default::default() })),
        ("temporal_smoothing", Box::new(MovingBar { temporal_smoothing: -1.0, ..Default::default() })),
        ("pulse_off", Box::new(ConvisChirp { pulse_at: (9, 3), ..Default::default() })),
        ("checker_size", Box::new(RandomChecker { checker_size: 0, ..Default::default() })),
        ("probability", Box::new(SparseInput { probability: 1.5, ..Default::default() })),
    ];
    for (field, stimulus) in wrong {
        let message = stimulus.check().unwrap_err().to_string();
        assert!(message.starts_with(&format!("{field}: expected ")), "{field}: {message}");
        assert!(movie(&stimulus, 0, 1).is_err() && Stream::new(&stimulus).is_err());
    }
}
