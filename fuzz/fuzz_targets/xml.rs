//! Any bytes as the description of a retina: no panic; what is read is valid, and survives being written in every language.

#![no_main]

use std::path::Path;

use convis::retina::description::tree::Unknown;
use convis_io::{Syntax, format_description, parse_description};

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let path = Path::new("retina");
    for syntax in [Syntax::Xml, Syntax::Toml, Syntax::Json] {
        let Ok(description) = parse_description(bytes, syntax, path, &mut Unknown::Warn(vec![])) else { continue };
        description.check().expect("what is read is valid");
        for syntax in [Syntax::Xml, Syntax::Toml, Syntax::Json] {
            let text = format_description(&description, syntax).expect("what is read can be written");
            let again = parse_description(text.as_bytes(), syntax, path, &mut Unknown::Refuse);
            assert_eq!(again.expect("what is written can be read"), description);
        }
    }
});
