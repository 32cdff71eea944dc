//! The built program, as people use it: what it prints, what it writes, how it fails.

use std::collections::BTreeMap;
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

use convis_io::{Array, GifWriter, read_npz, write_npy, write_npz, write_png_grey};
use tempfile::TempDir;

fn convis(folder: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_convis"));
    command.current_dir(folder).args(arguments).stdin(Stdio::null());
    command
}

fn output(folder: &Path, arguments: &[&str]) -> Output {
    convis(folder, arguments).output().unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

/// What a command that must succeed prints.
fn done(folder: &Path, arguments: &[&str]) -> String {
    let output = output(folder, arguments);
    assert!(output.status.success(), "{arguments:?}: {}", text(&output.stderr));
    assert_eq!(text(&output.stderr), "", "{arguments:?}");
    text(&output.stdout)
}

/// The same, its lines joined.
fn said(folder: &Path, arguments: &[&str]) -> String {
    done(folder, arguments).split_whitespace().collect::<Vec<_>>().join(" ")
}

/// The one line of a command that must fail with this exit code; nothing may be left behind.
fn refused(folder: &Path, arguments: &[&str], code: i32) -> String {
    let before = names(folder);
    let output = output(folder, arguments);
    let message = text(&output.stderr);
    assert_eq!(output.status.code(), Some(code), "{arguments:?}: {message}");
    assert!(message.starts_with("error: ") && !message.contains("panicked"), "{arguments:?}: {message}");
    assert_eq!(names(folder), before, "{arguments:?} left something behind");
    message
}

fn names(folder: &Path) -> Vec<String> {
    let mut names: Vec<String> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

fn numbers(arrays: &BTreeMap<String, Array>, name: &str) -> Vec<f64> {
    arrays[name].to_f64().unwrap()
}

fn number(arrays: &BTreeMap<String, Array>, name: &str) -> f64 {
    numbers(arrays, name)[0]
}

/// A folder with `clip.npy`: 30 frames of 24 × 32 bytes that look like noise.
fn with_clip() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    write_npy(folder.path().join("clip.npy"), &Array::new([30, 24, 32], bytes(30 * 24 * 32)).unwrap())
        .unwrap();
    folder
}

fn bytes(count: u32) -> Vec<u8> {
    (0..count).map(|i| (i.wrapping_mul(2_654_435_761) >> 24) as u8).collect()
}

#[test]
fn help_teaches_and_fits_the_terminal() {
    let here = Path::new(".");
    for (arguments, parts) in [
        (&["--help"][..], &["demo", "run", "describe", "info", "Examples:", "Exit codes"][..]),
        (
            &["run", "--help"],
            &["--fps", "--interpolate", "--raw-size", "spike_time_s", "Examples:", "Ctrl-C"],
        ),
        (&["run", "-h"], &["--threads", "--chunk", "--save"]),
        (&["demo", "--help"], &["on.gif", "contact_sheet.png", "blurred", "rests"]),
        (&["describe", "--help"], &["--json", "Examples:"]),
        (&["describe"], &["bipolar.lambda_amp = 0 Hz", "gain control", "short: opl.opl_filter.sigma_center"]),
        (&["describe", "GanglionInput"], &["Equation", "gang_0_input.i_0 = 37 Hz", "gang_1_input.sign = -1"]),
        (&["describe", "lnln"], &["Equation", "Source", "conv2.weight = 1 × 1 × 5 × 5 × 5 numbers"]),
        (&["describe", "--list"], &["Filters", "SmoothConv", "McIntosh"]),
        (
            &["describe", "--retina"],
            &[
                "<square-array>\n  ganglion-layers.*.spiking-channel.square-array\n",
                "temporal-step__sec = 1  (s)",
                "parvocellular-ganglion-layer",
                "a whole number from 0 to 20",
            ],
        ),
    ] {
        let shown = done(here, arguments);
        for part in parts {
            assert!(shown.contains(part), "{arguments:?} does not say {part}:\n{shown}");
        }
        for line in shown.lines() {
            assert!(line.chars().count() <= 80, "{arguments:?}: {line}");
        }
    }
    for arguments in [&["info"][..], &["--version"]] {
        let shown = done(here, arguments);
        for part in [env!("CARGO_PKG_VERSION"), "SIMD", "threads"] {
            assert!(shown.contains(part), "{shown}");
        }
    }
}

#[test]
fn every_parameter_is_described_for_programs_too() {
    let here = Path::new(".");
    let all: serde_json::Value = serde_json::from_str(&done(here, &["describe", "--json"])).unwrap();
    let parameters = all["parameters"].as_array().unwrap();
    assert_eq!(parameters.len(), 9 + 5 + 2 * 7 + 2 * 5);
    for parameter in parameters {
        assert!(!parameter["doc"].as_str().unwrap().is_empty() && parameter["default"].is_number());
    }
    let lambda = parameters.iter().find(|p| p["path"] == "opl.opl_filter.lambda_opl").unwrap();
    assert_eq!(lambda["default"], 10.0);
    let one: serde_json::Value =
        serde_json::from_str(&done(here, &["describe", "bipolar", "--json"])).unwrap();
    assert_eq!(one["parameters"].as_array().unwrap().len(), 5);
    let message = refused(here, &["describe", "bipolr"], 2);
    assert!(message.contains("did you mean \"bipolar\"?"), "{message}");
    let message = refused(here, &["describe", "SmothConv"], 2);
    assert!(message.contains("did you mean \"SmoothConv\"?"), "{message}");
}

#[test]
fn the_page_about_layers_is_the_one_that_the_command_writes() {
    let folder = tempfile::tempdir().unwrap();
    done(folder.path(), &["describe", "--markdown", "--out", "docs/layers"]);
    let (made, kept) = (folder.path().join("docs"), Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs"));
    let again = "differs: run `convis describe --markdown --out docs/layers`";
    let read = |folder: &Path, file: &Path| fs::read_to_string(folder.join(file)).unwrap_or_default();
    assert!(
        read(&made, Path::new("layers.md")) == read(&kept, Path::new("layers.md")),
        "docs/layers.md {again}"
    );
    let pictures = |folder: &Path| {
        let entries = fs::read_dir(folder.join("layers")).unwrap();
        let mut names: Vec<_> = entries.map(|entry| entry.unwrap().file_name()).collect();
        names.sort();
        names
    };
    assert_eq!(pictures(&made), pictures(&kept), "docs/layers {again}");
    for name in pictures(&made) {
        let file = Path::new("layers").join(name);
        assert!(read(&made, &file) == read(&kept, &file), "docs/{} {again}", file.display());
    }
}

#[test]
fn a_reader_that_stops_early_is_no_error_and_a_full_disk_is() {
    let mut child = convis(Path::new("."), &["describe"]).stdout(Stdio::piped()).spawn().unwrap();
    drop(child.stdout.take());
    assert!(child.wait().unwrap().success());
    #[cfg(target_os = "linux")]
    {
        let full = fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
        let output = convis(Path::new("."), &["describe"]).stdout(full).output().unwrap();
        assert_eq!(output.status.code(), Some(1));
        assert!(text(&output.stderr).starts_with("error: cannot write to standard output"));
    }
}

#[test]
fn the_result_holds_what_was_asked_for() {
    let folder = with_clip();
    fs::write(folder.path().join("retina.toml"), "[bipolar]\nlambda_amp = 50\n").unwrap();
    let shown = said(
        folder.path(),
        &[
            "run",
            "clip.npy",
            "--out",
            "r.npz",
            "--fps",
            "100",
            "--seed",
            "7",
            "--config",
            "retina.toml",
            "--set",
            "gang_0_input.i_0=60",
            "--set",
            "opl.opl_filter.sigma_center=0.1",
            "--save",
            "opl,spikes,center_G",
            "--pixels-per-degree",
            "20",
        ],
    );
    for part in
        ["30 frames of 24 × 32", "100 Hz (--fps)", "each held for 10 steps", "768", "real time", "r.npz"]
    {
        assert!(shown.contains(part), "{shown}");
    }
    assert_eq!(names(folder.path()), ["clip.npy", "r.npz", "retina.toml"]);

    let arrays = read_npz(folder.path().join("r.npz")).unwrap();
    let scalars =
        [("height", 24.0), ("width", 32.0), ("steps", 300.0), ("steps_per_second", 1000.0), ("seed", 7.0)];
    for (name, expected) in scalars {
        assert_eq!(number(&arrays, name), expected, "{name}");
    }
    for name in ["opl", "opl_opl_filter_center_G", "gang_0_spikes", "gang_1_spikes"] {
        assert_eq!(arrays[name].shape(), [300, 24, 32], "{name}");
    }
    let parameters: serde_json::Value = serde_json::from_str(arrays["parameters"].text().unwrap()).unwrap();
    assert_eq!(parameters["bipolar.lambda_amp"], 50.0);
    assert_eq!(parameters["gang_0_input.i_0"], 60.0);
    assert_eq!(parameters["opl.opl_filter.center_G.sigma"], 0.1);

    // The list of spikes and the dense movies tell the same.
    let (times, units) = (numbers(&arrays, "spike_time_s"), numbers(&arrays, "spike_unit"));
    let populations = numbers(&arrays, "spike_population");
    assert!(times.windows(2).all(|pair| pair[0] <= pair[1]));
    assert!(!times.is_empty() && times.len() == units.len() && times.len() == populations.len());
    for (population, name) in ["gang_0_spikes", "gang_1_spikes"].into_iter().enumerate() {
        let mut dense = numbers(&arrays, name);
        for i in (0..times.len()).filter(|&i| populations[i] == population as f64) {
            // A time on the border of two steps may be rounded to either side.
            let step = ((times[i] + 1e-12) * 1000.0).floor() as usize;
            dense[step * 24 * 32 + units[i] as usize] -= 1.0;
        }
        assert!(dense.iter().filter(|&&left| left != 0.0).count() <= 2, "{name}");
    }

    // The parameters of a result are a configuration.
    fs::write(folder.path().join("again.json"), arrays["parameters"].text().unwrap()).unwrap();
    let again =
        ["run", "clip.npy", "--out", "a.npz", "--fps", "100", "--seed", "7", "--pixels-per-degree", "20"];
    assert_eq!(done(folder.path(), &[&again[..], &["--config", "again.json", "-q"]].concat()), "");
    let again = read_npz(folder.path().join("a.npz")).unwrap();
    assert_eq!(again["spike_time_s"], arrays["spike_time_s"]);
    assert_eq!(again["spike_unit"], arrays["spike_unit"]);
}

#[test]
fn chunks_and_threads_do_not_change_a_bit() {
    let folder = with_clip();
    let run = |name: &str, more: &[&str]| {
        let arguments =
            ["run", "clip.npy", "--fps", "90", "--interpolate", "--lead-in", "0.05", "--out", name, "--save"];
        done(folder.path(), &[&arguments[..], &["bipolar,spikes"], more].concat());
        read_npz(folder.path().join(name)).unwrap()
    };
    let whole = run("whole.npz", &[]);
    assert_eq!(number(&whole, "steps"), 334.0);
    assert!(numbers(&whole, "spike_time_s").len() > 100);
    for (name, more) in [
        ("chunk1.npz", &["--chunk", "1"][..]),
        ("chunk7.npz", &["--chunk", "7"]),
        ("one.npz", &["--threads", "1"]),
        ("two.npz", &["--threads", "2", "--chunk", "100"]),
    ] {
        assert_eq!(run(name, more), whole, "{name}");
    }
    assert_ne!(run("seed.npz", &["--seed", "1"])["spike_time_s"], whole["spike_time_s"]);
}

#[test]
fn all_kinds_of_input_give_the_same_spikes() {
    let folder = with_clip();
    let path = folder.path();
    let frames = bytes(30 * 24 * 32);
    fs::create_dir(path.join("pictures")).unwrap();
    let mut animation = GifWriter::create(path.join("clip.gif"), 32, 24, 10.0).unwrap();
    for (i, frame) in frames.chunks(24 * 32).enumerate() {
        write_png_grey(path.join(format!("pictures/{i}.png")), 32, 24, frame).unwrap();
        animation.append(frame).unwrap();
    }
    animation.finish().unwrap();
    let clip = Array::new([30, 24, 32], frames.clone()).unwrap();
    write_npz(path.join("clip.npz"), &[("other", Array::scalar(1_u8)), ("clip", clip)]).unwrap();

    let events = |name: &str| {
        let mut arrays = read_npz(path.join(name)).unwrap();
        ["spike_time_s", "spike_unit", "spike_population"].map(|column| arrays.remove(column).unwrap())
    };
    done(path, &["run", "clip.npy", "--fps", "100", "--out", "expected.npz"]);
    let expected = events("expected.npz");
    for input in ["pictures", "pictures/*.png", "clip.npz", "clip.npz:clip"] {
        done(path, &["run", input, "--fps", "100", "--out", "r.npz"]);
        assert_eq!(events("r.npz"), expected, "{input}");
    }
    let shown = said(path, &["run", "clip.gif", "--out", "r.npz"]);
    assert!(shown.contains("100 Hz (from the input)"), "{shown}");
    assert_eq!(events("r.npz"), expected, "GIF");

    let raw = ["run", "-", "--raw-size", "24x32", "--fps", "100", "--out", "r.npz"];
    let mut child = convis(path, &raw).stdin(Stdio::piped()).stdout(Stdio::null()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(&frames).unwrap();
    assert!(child.wait().unwrap().success());
    assert_eq!(events("r.npz"), expected, "standard input");

    let shown = said(path, &["run", "pictures", "--out", "r.npz", "--max-frames", "12"]);
    assert!(shown.contains("one per step: neither the input nor --fps says a rate"), "{shown}");
    assert_eq!(number(&read_npz(path.join("r.npz")).unwrap(), "steps"), 12.0);
    done(path, &["run", "clip.gif", "--out", "r.npz", "--duration", "0.123"]);
    assert_eq!(number(&read_npz(path.join("r.npz")).unwrap(), "steps"), 123.0);
}

#[test]
fn without_spikes_the_current_remains() {
    let folder = with_clip();
    done(folder.path(), &["run", "clip.npy", "--no-spikes", "--save", "current", "--out", "r.npz"]);
    let arrays = read_npz(folder.path().join("r.npz")).unwrap();
    assert_eq!(arrays["gang_1_input"].shape(), [30, 24, 32]);
    assert!(!arrays.contains_key("spike_time_s"));
}

#[test]
fn bad_arguments_are_named() {
    let folder = with_clip();
    for (more, parts) in [
        (
            &["--set", "bipolar.lamda_amp=5"][..],
            &["bipolar.lamda_amp", "did you mean \"bipolar.lambda_amp\"?"][..],
        ),
        (
            &["--set", "opl.opl_filter.sigma_center=-1"],
            &["sigma_center: expected 0 or a number above, got -1"],
        ),
        (&["--set", "bipolar.tau=0"], &["bipolar.tau: expected a number above 0, got 0"]),
        (&["--set", "bipolar.tau=nan"], &["finite number", "nan"]),
        (&["--set", "bipolar.tau"], &["PATH=VALUE"]),
        (&["--save", "bipolr"], &["did you mean \"bipolar\"?"]),
        (&["--save", "spikes", "--no-spikes"], &["--save spikes", "--no-spikes"]),
        (&["--no-spikes"], &["--save"]),
        (&["--fps", "0"], &["--fps", "above 0"]),
        (&["--steps-per-second", "-5"], &["--steps-per-second", "above 0"]),
        (&["--pixels-per-degree", "0"], &["--pixels-per-degree", "above 0"]),
        (&["--luminance-range", "inf"], &["--luminance-range", "above 0"]),
        (&["--threads", "0"], &["--threads"]),
        (&["--chunk", "0"], &["--chunk"]),
        (&["--duration", "0.0001"], &["--duration", "one step"]),
        (&["--raw-size", "24x32"], &["--raw-size", "standard input"]),
        (&["--raw-type", "u8"], &["--raw-size"]),
        (&["--frobnicate"], &["--frobnicate"]),
    ] {
        let message = refused(folder.path(), &[&["run", "clip.npy", "--out", "r.npz"], more].concat(), 2);
        for part in parts {
            assert!(message.contains(part), "{more:?}: {message}");
        }
    }
    for (arguments, part) in [
        (&["run", "clip.npy"][..], "--out"),
        (&["run", "clip.npy", "--out", "r.csv"], "results are written as .npz"),
        (&["run", "-", "--out", "r.npz"], "--raw-size HxW"),
        (&["run", "-", "--out", "r.npz", "--raw-size", "24"], "HEIGHTxWIDTH"),
        (&["demo", "--duration", "100"], "0.5 to 10 seconds"),
        (&["simulate"], "simulate"),
    ] {
        let message = refused(folder.path(), arguments, 2);
        assert!(message.contains(part), "{arguments:?}: {message}");
    }
}

#[test]
fn bad_files_are_named() {
    let folder = with_clip();
    let path = folder.path();
    let clip = fs::read(path.join("clip.npy")).unwrap();
    fs::write(path.join("short.npy"), &clip[..clip.len() - 100]).unwrap();
    let mut animation = GifWriter::create(path.join("clip.gif"), 32, 24, 10.0).unwrap();
    bytes(30 * 24 * 32).chunks(24 * 32).for_each(|frame| animation.append(frame).unwrap());
    animation.finish().unwrap();
    let gif = fs::read(path.join("clip.gif")).unwrap();
    fs::write(path.join("short.gif"), &gif[..gif.len() / 2]).unwrap();
    fs::write(path.join("notes.txt"), "These are notes and no movie.").unwrap();
    fs::write(path.join("notes.npy"), "These are notes and no movie.").unwrap();
    fs::write(path.join("walk.mp4"), "no real video").unwrap();
    let mut values = vec![0.5_f32; 5 * 4 * 3];
    values[40] = f32::NAN;
    write_npy(path.join("nan.npy"), &Array::new([5, 4, 3], values).unwrap()).unwrap();
    write_npy(path.join("flat.npy"), &Array::new([5], vec![0.5_f32; 5]).unwrap()).unwrap();
    write_npy(path.join("none.npy"), &Array::new([0, 4, 3], Vec::<f32>::new()).unwrap()).unwrap();
    fs::create_dir(path.join("empty")).unwrap();
    fs::create_dir(path.join("mixed")).unwrap();
    write_png_grey(path.join("mixed/1.png"), 3, 2, &[0; 6]).unwrap();
    write_png_grey(path.join("mixed/2.png"), 2, 3, &[0; 6]).unwrap();
    fs::create_dir(path.join("broken")).unwrap();
    let png = fs::read(path.join("mixed/1.png")).unwrap();
    fs::write(path.join("broken/1.png"), &png[..png.len() - 20]).unwrap();

    for (input, parts) in [
        ("missing.npy", &["missing.npy", "no such file"][..]),
        ("missing/*.png", &["missing/*.png", "none"]),
        ("short.npy", &["short.npy", "cut short"]),
        ("short.gif", &["short.gif"]),
        ("notes.txt", &["notes.txt", "ffprobe", "was not found", "install ffmpeg"]),
        ("notes.npy", &["notes.npy"]),
        ("walk.mp4", &["walk.mp4", "install ffmpeg, or convert"]),
        ("nan.npy", &["nan.npy", "frame 3", "NaN at row 1, column 1"]),
        ("flat.npy", &["flat.npy", "(time, height, width)"]),
        ("none.npy", &["none.npy", "no frames"]),
        ("empty", &["empty", "pictures"]),
        ("mixed", &["2.png", "frame 1", "one size"]),
        ("broken", &["1.png", "ends early"]),
    ] {
        let before = names(path);
        let arguments = ["run", input, "--fps", "25", "--out", "r.npz"];
        let output = convis(path, &arguments).env("PATH", path.join("empty")).output().unwrap();
        let message = text(&output.stderr);
        assert_eq!(output.status.code(), Some(1), "{input}: {message}");
        assert!(
            message.starts_with("error: ") && message.trim_end().lines().count() == 1,
            "{input}: {message}"
        );
        for part in parts {
            assert!(message.contains(part), "{input}: {message}");
        }
        assert_eq!(names(path), before, "{input} left something behind");
    }

    let message = refused(path, &["run", "nan.npy", "--linear-light", "--out", "r.npz"], 2);
    assert!(message.contains("--linear-light"), "{message}");
    for (name, content, part) in [
        ("unknown.toml", "bipolar.lamda_amp = 5", "did you mean \"bipolar.lambda_amp\"?"),
        ("negative.json", "{\"bipolar\": {\"tau\": -1}}", "bipolar.tau: expected a number above 0, got -1"),
        ("words.toml", "a = 'b'", "line 1"),
        ("retina.yaml", "a: 1", ".toml or .json"),
    ] {
        fs::write(path.join(name), content).unwrap();
        let message = refused(path, &["run", "clip.npy", "--out", "r.npz", "--config", name], 1);
        assert!(message.contains(part) && message.contains(name), "{message}");
    }
}

#[test]
fn an_output_that_cannot_be_written_is_told_before_any_work() {
    let folder = with_clip();
    let path = folder.path();
    fs::create_dir(path.join("folder.npz")).unwrap();
    // Frames that last for days: whoever begins to compute does not come back.
    let run = |out: &str| {
        let arguments = ["run", "clip.npy", "--fps", "0.001", "--out", out];
        let begin = Instant::now();
        let message = refused(path, &arguments, 1);
        assert!(begin.elapsed() < Duration::from_secs(5));
        message
    };
    assert!(run("results/r.npz").contains("the folder results does not exist; create it first"));
    assert!(run("folder.npz").contains("choose another name"));
    #[cfg(target_os = "linux")]
    {
        std::os::unix::fs::symlink("/dev/full", path.join("full.npz")).unwrap();
        assert!(run("full.npz").contains("choose another name"));
        refused(path, &["run", "clip.npy", "--out", "/dev/full"], 2);
    }
    let message = refused(path, &["run", "clip.npy", "--out", "clip.npy"], 2);
    assert!(message.contains(".npz"), "{message}");
    let message = refused(path, &["demo", "--out", "results/demo"], 1);
    assert!(message.contains("the folder results does not exist"), "{message}");
    refused(path, &["demo", "--out", "clip.npy"], 1);
}

/// A limit on the size of files is the full disk that needs no administrator.
#[cfg(unix)]
#[test]
fn a_disk_that_fills_up_leaves_nothing_behind() {
    let folder = with_clip();
    let before = names(folder.path());
    let output = Command::new("sh")
        .current_dir(folder.path())
        .args(["-c", "trap '' XFSZ; ulimit -f 200; exec \"$0\" \"$@\"", env!("CARGO_BIN_EXE_convis")])
        .args(["run", "clip.npy", "--fps", "25", "--save", "opl", "--out", "r.npz"])
        .output()
        .unwrap();
    let message = text(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{message}");
    assert!(message.starts_with("error: cannot write") && message.contains("r.npz"), "{message}");
    assert_eq!(names(folder.path()), before);
}

#[cfg(unix)]
#[test]
fn an_interrupted_run_keeps_what_was_finished() {
    let folder = with_clip();
    let path = folder.path();
    // 30 frames of 1000 s each.
    let arguments = ["run", "clip.npy", "--fps", "0.001", "--out", "r.npz", "--save", "opl", "--chunk", "50"];
    let child = convis(path, &arguments).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
    let written = || -> u64 {
        let unfinished = names(path).into_iter().filter(|name| name.starts_with(".unfinished"));
        let files = unfinished.filter_map(|name| fs::read_dir(path.join(name)).ok()).flatten();
        files.filter_map(|file| file.ok()?.metadata().ok()).map(|file| file.len()).sum()
    };
    let begin = Instant::now();
    while written() < 1 << 20 {
        assert!(begin.elapsed() < Duration::from_secs(60), "nothing is written");
        std::thread::sleep(Duration::from_millis(20));
    }
    let kill = Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap();
    assert!(kill.success());
    let output = child.wait_with_output().unwrap();
    let message = text(&output.stderr);
    assert_eq!(output.status.code(), Some(130), "{message}");

    assert_eq!(names(path), ["clip.npy", "r.npz"]);
    let arrays = read_npz(path.join("r.npz")).unwrap();
    let steps = number(&arrays, "steps");
    assert!(steps > 0.0 && arrays["opl"].shape() == [steps as usize, 24, 32]);
    assert!(numbers(&arrays, "spike_time_s").iter().all(|&time| time <= steps / 1000.0));
    let digits = message.split(" step").next().unwrap().rsplit(' ').next().unwrap().replace(',', "");
    assert_eq!(digits.parse::<f64>().unwrap(), steps, "{message}");
    // What is there is what a run of that length gives.
    let duration = format!("{}", steps / 1000.0);
    done(
        path,
        &["run", "clip.npy", "--fps", "0.001", "--out", "s.npz", "--save", "opl", "--duration", &duration],
    );
    assert_eq!(read_npz(path.join("s.npz")).unwrap(), arrays);
}

#[test]
fn the_demo_shows_a_retina_that_sees() {
    let folder = tempfile::tempdir().unwrap();
    let shown = done(folder.path(), &["demo", "--out", "pictures", "--duration", "1"]);
    for part in ["50,176", "mean rate", "real time", "rests on it", "spikes.npz"] {
        assert!(shown.contains(part), "{shown}");
    }
    let path = folder.path().join("pictures");
    let expected =
        ["contact_sheet.png", "input.gif", "off.gif", "on.gif", "raster_and_rate.png", "spikes.npz"];
    assert_eq!(names(&path), expected);
    for (name, frames) in [("input.gif", 50), ("on.gif", 50), ("contact_sheet.png", 1)] {
        let input = path.join(name).into_os_string().into_string().unwrap();
        let movie = convis_io::open(&input, &convis_io::OpenOptions::default()).unwrap();
        assert_eq!(movie.length_hint(), Some(frames), "{name}");
    }

    // Around the largest eye movement ON cells answer where it gets brighter, OFF cells where it gets darker.
    let arrays = read_npz(path.join("spikes.npz")).unwrap();
    let (x, y) = (numbers(&arrays, "eye_x_deg"), numbers(&arrays, "eye_y_deg"));
    let moved = |i: usize| (x[i + 25] - x[i]).hypot(y[i + 25] - y[i]);
    let onset = (0..x.len() - 100).max_by(|&a, &b| moved(a).total_cmp(&moved(b))).unwrap();
    let photograph =
        image::open(Path::new(env!("CARGO_MANIFEST_DIR")).join("assets/photograph.png")).unwrap();
    let photograph: Vec<f32> = photograph.to_luma8().iter().map(|&grey| f32::from(grey) / 255.0).collect();
    let seen = |step: usize| {
        let gaze = convis::stimuli::Gaze { x_deg: x[step], y_deg: y[step] };
        let mut view = vec![0.0; 224 * 224];
        convis::stimuli::view(&photograph, (256, 256), gaze, 10.0, &mut view, (224, 224)).unwrap();
        view
    };
    let change: Vec<f32> =
        seen(onset + 25).iter().zip(seen(onset)).map(|(after, before)| after - before).collect();
    let mut counts = [[0; 2]; 2];
    let (times, units) = (numbers(&arrays, "spike_time_s"), numbers(&arrays, "spike_unit"));
    for (i, population) in numbers(&arrays, "spike_population").into_iter().enumerate() {
        let after = times[i] - onset as f64 / 1000.0;
        let change = change[units[i] as usize];
        if (0.025..0.06).contains(&after) && change.abs() > 0.08 {
            counts[population as usize][usize::from(change > 0.0)] += 1;
        }
    }
    let [[on_darker, on_brighter], [off_darker, off_brighter]] = counts;
    assert!(on_brighter > 10 * on_darker.max(1) && off_darker > 10 * off_brighter.max(1), "{counts:?}");
}

/// Where the recorded clips are, if they are here.
fn data() -> Option<PathBuf> {
    let beside = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data");
    let folder = std::env::var_os("CONVIS_DATA").map_or(beside, PathBuf::from);
    if folder.join("walking.npz").exists() {
        return Some(folder);
    }
    eprintln!("skipped: no walking.npz in {}; CONVIS_DATA can name its folder", folder.display());
    None
}

#[test]
fn a_real_clip_gives_plausible_rates() {
    let Some(data) = data() else { return };
    let folder = tempfile::tempdir().unwrap();
    let clip = data.join("walking.npz").into_os_string().into_string().unwrap();
    let shown = said(folder.path(), &["run", &clip, "--fps", "25", "--out", "r.npz", "--lead-in", "0.5"]);
    assert!(shown.contains("56 frames of 128 × 160"), "{shown}");
    let arrays = read_npz(folder.path().join("r.npz")).unwrap();
    assert_eq!(number(&arrays, "steps"), 56.0 * 40.0);
    for population in [0.0, 1.0] {
        let spikes = numbers(&arrays, "spike_population").into_iter().filter(|&p| p == population).count();
        let rate = spikes as f64 / (128.0 * 160.0) / 2.24;
        assert!((1.0..30.0).contains(&rate), "{rate} Hz");
    }
}
