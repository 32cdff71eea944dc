//! Any bytes as a list of spikes, text or binary: no panic, finite times, an end.

#![no_main]

use std::path::Path;

use convis_io::SpikeReader;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let Ok(spikes) = SpikeReader::new(bytes, Path::new("spikes.spk")) else { return };
    let mut count = 0;
    for spike in spikes {
        assert!(spike.is_ok_and(|spike| spike.time_s.is_finite()) || count <= bytes.len());
        count += 1;
    }
    assert!(count <= bytes.len());
});
