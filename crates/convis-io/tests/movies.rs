//! Every kind of movie gives the frames it holds, or one error that says what is wrong.

use std::fs;
use std::path::Path;

use convis_io::{Array, FrameSource, GifWriter, OpenOptions, RawFormat, RawType, open, write_npy, write_npz};
use convis_io::{write_png_grey, write_png_rgb};
use image::{DynamicImage, ImageBuffer, Luma, LumaA, Rgb};

fn read(input: impl AsRef<Path>) -> convis_io::Result<Vec<Vec<f32>>> {
    read_with(input, &OpenOptions::default())
}

fn read_with(input: impl AsRef<Path>, options: &OpenOptions) -> convis_io::Result<Vec<Vec<f32>>> {
    let mut movie = open(input.as_ref().to_str().unwrap(), options)?;
    let mut frame = vec![0.0; movie.height() * movie.width()];
    let mut frames = Vec::new();
    while movie.next_frame(&mut frame)? {
        frames.push(frame.clone());
    }
    assert!(!movie.next_frame(&mut frame)?, "the end stays the end");
    Ok(frames)
}

fn refused(input: impl AsRef<Path>) -> String {
    read(input).expect_err("it should be refused").to_string()
}

#[test]
fn folders_and_patterns_are_in_natural_order() {
    let folder = tempfile::tempdir().unwrap();
    for number in [10, 9, 2, 1] {
        let path = folder.path().join(format!("frame{number}.png"));
        write_png_grey(path, 2, 1, &[number, 255]).unwrap();
    }
    fs::write(folder.path().join("notes.txt"), "no picture").unwrap();
    fs::write(folder.path().join(".frame3.png"), "hidden").unwrap();
    let expected: Vec<_> = [1.0, 2.0, 9.0, 10.0].map(|n: f32| vec![n / 255.0, 1.0]).into();
    assert_eq!(read(&folder).unwrap(), expected);
    assert_eq!(read(folder.path().join("frame*.png")).unwrap(), expected);
    assert_eq!(read(folder.path().join("frame?.png")).unwrap(), expected[..3]);
    assert_eq!(read(folder.path().join("frame9.png")).unwrap(), expected[2..3]);

    assert!(refused(folder.path().join("*.pgm")).contains("expected pictures"));
    assert!(refused(folder.path().join("frame99.png")).contains("no such file or folder"));
    write_png_grey(folder.path().join("frame11.png"), 1, 2, &[0, 0]).unwrap();
    let message = refused(&folder);
    assert!(message.contains("frame11.png, frame 4: expected 1 × 2 pixels"), "{message}");
    assert!(message.contains("found 2 × 1"), "{message}");
}

#[test]
fn every_depth_and_colour_becomes_luminance() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("colour.png");
    write_png_rgb(&path, 2, 2, &[255, 0, 0, 0, 255, 0, 0, 0, 255, 255, 255, 255]).unwrap();
    assert_eq!(read(&path).unwrap(), [[0.2126, 0.7152, 0.0722, 1.0]]);

    for (name, picture, expected) in [
        ("deep.png", DynamicImage::ImageLuma16(ImageBuffer::from_pixel(1, 1, Luma([13_107]))), 0.2),
        (
            "deep_colour.png",
            DynamicImage::ImageRgb16(ImageBuffer::from_pixel(1, 1, Rgb([0, 65_535, 0]))),
            0.7152,
        ),
        ("transparent.png", DynamicImage::ImageLumaA8(ImageBuffer::from_pixel(1, 1, LumaA([255, 51]))), 0.2),
        ("photograph.jpg", DynamicImage::ImageLuma8(ImageBuffer::from_pixel(1, 1, Luma([51]))), 0.2),
        ("deep.pgm", DynamicImage::ImageLuma16(ImageBuffer::from_pixel(1, 1, Luma([13_107]))), 0.2),
    ] {
        let path = folder.path().join(name);
        picture.save(&path).unwrap();
        assert!((read(&path).unwrap()[0][0] - expected).abs() < 1e-6, "{name}");
    }
    // The maximum of a PGM stands in its header.
    let path = folder.path().join("ten_bits.pgm");
    fs::write(&path, b"P5\n2 1\n1023\n\x03\xff\x00\x00").unwrap();
    assert_eq!(read(&path).unwrap(), [[1.0, 0.0]]);
    let path = folder.path().join("text.pgm");
    fs::write(&path, b"P2\n2 1\n4\n1 4\n").unwrap();
    assert!((read(&path).unwrap()[0][0] - 0.25).abs() < 0.002);

    let options = OpenOptions { luminance_range: 80.0, linear_light: true, ..OpenOptions::default() };
    let path = folder.path().join("half.png");
    write_png_grey(&path, 2, 1, &[188, 255]).unwrap();
    let frames = read_with(&path, &options).unwrap();
    assert!((frames[0][0] - 40.0).abs() < 0.3 && frames[0][1] == 80.0, "{frames:?}");
}

#[test]
fn pictures_and_animations_cut_short_anywhere_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let png = folder.path().join("a.png");
    write_png_grey(&png, 3, 2, &[0, 50, 100, 150, 200, 250]).unwrap();
    let pgm = folder.path().join("a.pgm");
    fs::write(&pgm, b"P5\n3 2\n255\n\0\x32\x64\x96\xc8\xfa").unwrap();
    let jpeg = folder.path().join("a.jpg");
    DynamicImage::ImageLuma8(ImageBuffer::from_fn(9, 9, |x, y| Luma([(x * 20 + y) as u8])))
        .save(&jpeg)
        .unwrap();
    let gif = folder.path().join("a.gif");
    let mut animation = GifWriter::create(&gif, 3, 2, 20.0).unwrap();
    animation.append(&[0, 50, 100, 150, 200, 250]).unwrap();
    animation.append(&[250, 50, 100, 150, 200, 0]).unwrap();
    animation.finish().unwrap();
    for path in [png, pgm, jpeg, gif] {
        read(&path).unwrap();
        let bytes = fs::read(&path).unwrap();
        for length in 0..bytes.len() {
            fs::write(&path, &bytes[..length]).unwrap();
            let message = refused(&path);
            assert!(message.contains(path.to_str().unwrap()), "{length}: {message}");
        }
    }
}

#[test]
fn animations_keep_greys_and_rate() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.gif");
    let frames: Vec<Vec<u8>> =
        (0..5_u8).map(|n| (0..=255).map(|v: u8| v.wrapping_mul(n)).collect()).collect();
    let mut animation = GifWriter::create(&path, 16, 16, 40.0).unwrap();
    for frame in &frames {
        animation.append(frame).unwrap();
    }
    animation.finish().unwrap();
    let movie = open(path.to_str().unwrap(), &OpenOptions::default()).unwrap();
    assert_eq!((movie.frames_per_second(), movie.length_hint()), (Some(25.0), Some(5)));
    let expected: Vec<Vec<f32>> =
        frames.iter().map(|frame| frame.iter().map(|&v| (f64::from(v) / 255.0) as f32).collect()).collect();
    assert_eq!(read(&path).unwrap(), expected);

    let mut animation = GifWriter::create(&path, 2, 1, 0.0).unwrap();
    animation.append_rgb(&[255, 0, 0, 0, 255, 0]).unwrap();
    assert!(animation.append(&[0]).is_err());
    animation.finish().unwrap();
    assert_eq!(read(&path).unwrap(), [[0.2126, 0.7152]]);
    assert!(GifWriter::create(&path, 0, 1, 10.0).is_err());
    assert!(GifWriter::create(&path, 1, 70_000, 10.0).is_err());
    assert!(GifWriter::create(&path, 1, 1, f64::NAN).is_err());
}

#[test]
fn animations_are_drawn_as_a_viewer_does() {
    use gif::{DisposalMethod, Encoder, Frame};
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.gif");
    let palette = [0, 0, 0, 255, 255, 255, 51, 51, 51];
    let mut encoder = Encoder::new(fs::File::create(&path).unwrap(), 3, 1, &palette).unwrap();
    let mut draw = |left, indices: &[u8], transparent, dispose, delay| {
        let width = indices.len() as u16;
        let frame = Frame { left, width, height: 1, transparent, dispose, delay, ..Frame::default() };
        encoder.write_frame(&Frame { buffer: indices.into(), ..frame }).unwrap();
    };
    draw(0, &[1, 1, 2], None, DisposalMethod::Keep, 4);
    draw(1, &[2, 0], Some(0), DisposalMethod::Previous, 4);
    draw(0, &[2], None, DisposalMethod::Background, 5);
    draw(1, &[0], None, DisposalMethod::Any, 4);
    drop(encoder);
    let (black, grey, white) = (0.0, 0.2, 1.0);
    assert_eq!(
        read(&path).unwrap(),
        [[white, white, grey], [white, grey, grey], [grey, white, grey], [black, black, grey]]
    );
    let movie = open(path.to_str().unwrap(), &OpenOptions::default()).unwrap();
    assert_eq!(movie.frames_per_second(), None);
}

#[test]
fn arrays_of_pictures() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.npy");
    for shape in [vec![2, 1, 3], vec![1, 1, 2, 1, 3]] {
        write_npy(&path, &Array::new(shape, vec![0.0_f64, 1.0, -2.0, 3.0, 4.0, 5.0]).unwrap()).unwrap();
        assert_eq!(read(&path).unwrap(), [[0.0, 1.0, -2.0], [3.0, 4.0, 5.0]]);
    }
    write_npy(&path, &Array::new([2, 2], vec![true, false, false, true]).unwrap()).unwrap();
    assert_eq!(read(&path).unwrap(), [[1.0, 0.0, 0.0, 1.0]]);
    write_npy(&path, &Array::new([1, 1, 2], vec![0_u16, 65_535]).unwrap()).unwrap();
    assert_eq!(read(&path).unwrap(), [[0.0, 1.0]]);

    for (array, part) in [
        (Array::new([2], vec![0.0_f32, 1.0]), "reshape"),
        (Array::new([1, 2, 1, 1, 1], vec![0.0_f32, 1.0]), "reshape"),
        (Array::new([1, 1, 2], vec![0_i64, 1]), "type int64"),
        (Array::new([2, 0, 3], Vec::<f32>::new()), "1 pixel or more"),
        (Array::new([2, 1, 1], vec![0.0, f32::INFINITY]), "frame 1: expected finite numbers"),
        (Array::new([2, 1, 1], vec![0.0, 1e300]), "fit into 32 bits"),
        (Array::new([1, 1], vec!["a".to_owned()]), "type text"),
    ] {
        write_npy(&path, &array.unwrap()).unwrap();
        let message = refused(&path);
        assert!(message.contains(part) && message.contains("a.npy"), "{message}");
    }
    let path = folder.path().join("a.npz");
    write_npz(&path, &[("rate", Array::scalar(1.0_f64)), ("note", Array::text_scalar("x"))]).unwrap();
    let message = refused(&path);
    assert!(message.contains("rate [], note []"), "{message}");
}

#[test]
fn options_that_do_not_fit_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.npy");
    write_npy(&path, &Array::new([1, 1, 1], vec![0.5_f32]).unwrap()).unwrap();
    let plain = OpenOptions::default;
    let raw = Some(RawFormat { height: 1, width: 1, element: RawType::U8 });
    for (options, part) in [
        (OpenOptions { linear_light: true, ..plain() }, "linear_light"),
        (OpenOptions { luminance_range: 0.0, ..plain() }, "luminance_range"),
        (OpenOptions { luminance_range: f64::NAN, ..plain() }, "luminance_range"),
        (OpenOptions { raw, ..plain() }, "raw"),
    ] {
        let message = read_with(&path, &options).unwrap_err().to_string();
        assert!(message.starts_with(part), "{message}");
    }
    assert!(open("-", &plain()).err().unwrap().to_string().starts_with("raw"));
    let mut movie = open(path.to_str().unwrap(), &plain()).unwrap();
    assert!(movie.next_frame(&mut [0.0; 2]).unwrap_err().to_string().contains("1 × 1"));
}

#[test]
fn video_needs_its_programs() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.mp4");
    fs::write(&path, "no video").unwrap();
    let options = OpenOptions { ffprobe: folder.path().join("ffprobe"), ..OpenOptions::default() };
    let message = read_with(&path, &options).unwrap_err().to_string();
    assert!(message.contains("a.mp4") && message.contains("install ffmpeg, or convert"), "{message}");
}

#[test]
fn videos_are_decoded() {
    let program = |variable: &str, name: &str| std::env::var_os(variable).unwrap_or_else(|| name.into());
    let (ffmpeg, ffprobe) = (program("CONVIS_FFMPEG", "ffmpeg"), program("CONVIS_FFPROBE", "ffprobe"));
    let runs = |program| std::process::Command::new(program).arg("-version").output().is_ok();
    if !(runs(&ffmpeg) && runs(&ffprobe)) {
        eprintln!("skipped: ffmpeg and ffprobe were not found; set CONVIS_FFMPEG and CONVIS_FFPROBE");
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let pixels = |number: u8| (0..64 * 48_u32).flat_map(move |i| [i as u8, number * 20, 255 - i as u8]);
    for number in 0..10 {
        let path = folder.path().join(format!("frame{number}.png"));
        write_png_rgb(path, 64, 48, &pixels(number).collect::<Vec<_>>()).unwrap();
    }
    let expected = read(&folder).unwrap();
    let options =
        OpenOptions { ffmpeg: ffmpeg.clone().into(), ffprobe: ffprobe.into(), ..OpenOptions::default() };
    for format in ["bgr0", "gbrp16le", "gray16le"] {
        let path = folder.path().join(format!("{format}.mkv"));
        let output = std::process::Command::new(&ffmpeg)
            .current_dir(&folder)
            .args(["-v", "error", "-framerate", "25", "-i", "frame%d.png"])
            .args(["-c:v", "ffv1", "-pix_fmt", format])
            .arg(&path)
            .output()
            .unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let movie = open(path.to_str().unwrap(), &options).unwrap();
        assert_eq!((movie.height(), movie.width()), (48, 64));
        assert_eq!(movie.frames_per_second(), Some(25.0));
        drop(movie);
        let frames = read_with(&path, &options).unwrap();
        assert_eq!(frames.len(), 10, "{format}");
        if format != "gray16le" {
            // The encoder makes grey in its own way, and 16 bits of 8 by a shift; colours of 8 bits are exact.
            let tolerance = if format == "bgr0" { 1e-6 } else { 1.0 / 255.0 };
            for (frame, expected) in frames.iter().flatten().zip(expected.iter().flatten()) {
                assert!((frame - expected).abs() < tolerance, "{format}: {frame} {expected}");
            }
        }
    }
    let path = folder.path().join("text.mp4");
    fs::write(&path, "no video").unwrap();
    assert!(read_with(&path, &options).unwrap_err().to_string().contains("text.mp4"));
}

/// Programs that behave as the real ones do, well and badly.
#[cfg(unix)]
mod programs {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    const REPORT: &str = r#"{"streams": [{"pix_fmt": "yuv420p", "r_frame_rate": "25/1",
        "avg_frame_rate": "25/1", "nb_frames": "2"}], "format": {"duration": "0.08"}}"#;

    /// Frames, frame rate and length.
    type Decoded = (Vec<Vec<f32>>, Option<f64>, Option<u64>);

    fn run(probe: &str, decoder: &str) -> convis_io::Result<Decoded> {
        let folder = tempfile::tempdir().unwrap();
        let script = |name: &str, body: &str| {
            let path = folder.path().join(name);
            fs::write(&path, format!("#!/bin/sh\n{body}\n")).unwrap();
            fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
            path
        };
        let options = OpenOptions {
            ffprobe: script("ffprobe", probe),
            ffmpeg: script("ffmpeg", decoder),
            ..OpenOptions::default()
        };
        let path = folder.path().join("a.mp4");
        fs::write(&path, "video").unwrap();
        let movie = open(path.to_str().unwrap(), &options)?;
        let (rate, length) = (movie.frames_per_second(), movie.length_hint());
        drop(movie);
        Ok((read_with(&path, &options)?, rate, length))
    }

    fn report() -> String {
        format!("echo '{REPORT}'")
    }

    fn message(probe: &str, decoder: &str) -> String {
        run(probe, decoder).expect_err("it should be refused").to_string()
    }

    #[test]
    fn frames_come_through() {
        let decoder = r"printf 'P6\n1 1\n255\n\377\000\000P6\n1 1\n255\n\000\377\000'";
        let (frames, rate, length) = run(&report(), decoder).unwrap();
        assert_eq!((rate, length), (Some(25.0), Some(2)));
        assert_eq!(frames, [[0.2126], [0.7152]]);
        let deep = r"printf 'P5\n2 1\n65535\n\377\377\000\000'";
        assert_eq!(run(&report(), deep).unwrap().0, [[1.0, 0.0]]);
    }

    #[test]
    fn every_way_to_fail_has_its_message() {
        let broken = |decoder: &str| message(&report(), decoder);
        let dies = broken(r"printf 'P6\n1 1\n255\n\377\000\000'; echo 'bad block' >&2; exit 1");
        assert!(dies.contains("failed after 1 frames: bad block"), "{dies}");
        let cut = broken(r"printf 'P6\n1 1\n255\n\377\000\000P6\n1 1\n255\n\377'");
        assert!(cut.contains("failed after 1 frames") && cut.contains("inside a frame"), "{cut}");
        let killed = broken(r"printf 'P6\n1 1\n255\n\377\000\000'; kill -9 $$");
        assert!(killed.contains("failed after 1 frames"), "{killed}");
        let size = broken(r"printf 'P6\n1 1\n255\n\377\000\000P5\n2 1\n255\n\377\000'");
        assert!(size.contains("frame 1: expected 1 × 1 pixels"), "{size}");
        assert!(broken("exit 0").contains("found no frame"));
        assert!(broken("echo hello").contains("inside a frame"));
        assert!(message("echo '{\"streams\": []}'", "exit 0").contains("a file without one"));
        assert!(message("echo nonsense", "exit 0").contains("ffprobe"));
        assert!(message("echo 'no data' >&2; exit 1", "exit 0").contains("no data"));
    }
}

#[test]
fn movies_can_be_read_on_another_thread() {
    fn sendable(_: &dyn Send) {}
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.png");
    write_png_grey(&path, 1, 1, &[7]).unwrap();
    let movie: Box<dyn FrameSource> = open(path.to_str().unwrap(), &OpenOptions::default()).unwrap();
    sendable(&movie);
    assert_eq!(std::thread::spawn(move || movie.height()).join().unwrap(), 1);
}
