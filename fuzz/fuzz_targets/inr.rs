//! Any bytes as a movie: no panic, and no more memory than the bytes account for.

#![no_main]

use std::path::Path;

use convis_io::InrReader;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let Ok(mut movie) = InrReader::new(bytes, bytes.len() as u64, Path::new("movie.inr")) else { return };
    let pixels = movie.height() * movie.width();
    assert!(pixels as u64 * movie.frames() <= bytes.len() as u64);
    let (mut frame, mut frames) = (vec![0.0; pixels], 0);
    while let Ok(true) = movie.next_frame(&mut frame) {
        assert!(frame.iter().all(|number| number.is_finite()));
        frames += 1;
    }
    assert!(frames <= movie.frames());
});
