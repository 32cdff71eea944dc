//! The commands that stand for the programs of Virtual Retina: what they write, and how they fail.

use std::fs;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use convis_io::{
    Array, InrReader, InrWriter, SimulationIndex, SpikeEvent, SpikeReader, read_npz, write_npy,
    write_png_grey,
};
use tempfile::TempDir;

fn output(folder: &Path, arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_convis"));
    command.current_dir(folder).args(arguments).stdin(Stdio::null()).output().unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

/// What a command that must succeed prints, its lines joined.
fn done(folder: &Path, arguments: &[&str]) -> String {
    let output = output(folder, arguments);
    assert!(output.status.success(), "{arguments:?}: {}", text(&output.stderr));
    text(&output.stdout).split_whitespace().collect::<Vec<_>>().join(" ")
}

/// The message of a command that must fail with this exit code and leave nothing behind.
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

fn spikes(path: &Path) -> Vec<SpikeEvent> {
    SpikeReader::open(path).unwrap().collect::<Result<_, _>>().unwrap()
}

fn movie(path: &Path) -> (usize, usize, Vec<f64>) {
    let mut reader = InrReader::open(path).unwrap();
    let (height, width) = (reader.height(), reader.width());
    let (mut frame, mut all) = (vec![0.0; height * width], vec![]);
    while reader.next_frame(&mut frame).unwrap() {
        all.extend(&frame);
    }
    (height, width, all)
}

const RETINA: &str = "<retina-description-file>
  <retina temporal-step__sec='0.005' input-luminosity-range='255' pixels-per-degree='4'>
    <outer-plexiform-layer>
      <linear-version center-sigma__deg='0.1' surround-sigma__deg='0.3' opl-relative-weight='1' opl-amplification='10'/>
    </outer-plexiform-layer>
    <contrast-gain-control opl-amplification__Hz='150' bipolar-inert-leaks__Hz='5' adaptation-sigma__deg='0.2'/>
    <ganglion-layer sign='1' value-at-linear-threshold__Hz='80'>
      <spiking-channel random-init='1'><square-array uniform-density__inv-deg='2'/></spiking-channel>
    </ganglion-layer>
    <ganglion-layer sign='-1' value-at-linear-threshold__Hz='80'>
      <spiking-channel sigma-V='0.1'>
        <unit x-offset__deg='0' y-offset__deg='0'/><unit x-offset__deg='0.6' y-offset__deg='-0.4'/>
      </spiking-channel>
    </ganglion-layer>
  </retina>
</retina-description-file>";

/// A folder with `retina.xml`, and with 10 pictures of 30 × 40 pixels, which `movie.npy` has, too.
fn with_retina() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("retina.xml"), RETINA).unwrap();
    let bytes: Vec<u8> = (0..10 * 30 * 40u32).map(|i| (i.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
    for (i, picture) in bytes.chunks(30 * 40).enumerate() {
        write_png_grey(folder.path().join(format!("frame{i}.png")), 40, 30, picture).unwrap();
    }
    write_npy(folder.path().join("movie.npy"), &Array::new([10, 30, 40], bytes).unwrap()).unwrap();
    folder
}

#[test]
fn an_old_script_runs_with_one_word_changed() {
    let folder = with_retina();
    let here = folder.path();
    let pictures: Vec<String> = (0..10).map(|i| format!("frame{i}.png")).collect();
    let mut arguments = vec!["virtual-retina"];
    arguments.extend(pictures.iter().map(String::as_str));
    arguments.extend([
        "-ret",
        "retina.xml",
        "-r",
        "6",
        "-nodisp",
        "-outD",
        "results",
        "-savemap",
        "-saveCP",
        "-nS",
        "2",
    ]);
    let said = done(here, &arguments);
    assert!(said.starts_with("60 steps (0.300 s) in ") && said.ends_with("Written to results"), "{said}");

    let results = here.join("results");
    let maps = [
        "bipolar",
        "cgc_adaptation",
        "cgc_attenuation",
        "ganglion_Layer_0",
        "ganglion_Layer_1",
        "horizontal",
        "opl",
        "receptor",
    ];
    let mut expected: Vec<String> = ["retina.xml", "simulation.txt", "spikes.spk"].map(String::from).to_vec();
    expected.extend(maps.iter().flat_map(|map| [format!("{map}.inr"), format!("{map}CP.inr")]));
    expected.sort();
    assert_eq!(names(&results), expected);

    let index = SimulationIndex::read(results.join("simulation.txt")).unwrap();
    assert_eq!((index.steps, index.repetition, index.input.len()), (60, 6, 10));
    assert!(index.input.iter().all(|input| Path::new(input).is_absolute()));
    assert_eq!(index.options, "-seed 0");
    let (height, width, opl) = movie(&results.join("opl.inr"));
    assert_eq!((height as u64, width as u64), (index.height, index.width));
    assert_eq!(opl.len(), 30 * height * width);
    // Leaks of 5 Hz, and what gain control adds to them, in steps of 5 ms.
    let (_, _, attenuation) = movie(&results.join("cgc_attenuation.inr"));
    let (_, _, adaptation) = movie(&results.join("cgc_adaptation.inr"));
    let rest = (-0.005f64 * 5.0).exp();
    assert!(attenuation.iter().all(|share| (0.0..=rest).contains(share)) && attenuation[0] == rest);
    assert!(adaptation.iter().any(|conductance| *conductance > 1.0));
    let (_, _, middle) = movie(&results.join("oplCP.inr"));
    let at = height / 2 * width + width / 2;
    assert!(middle.iter().zip(opl.chunks(height * width)).all(|(middle, frame)| *middle == frame[at]));
    assert!(middle.iter().any(|current| current.abs() > 1e-3));

    let description = fs::read_to_string(results.join("retina.xml")).unwrap();
    let units = description.matches("<unit ").count();
    assert!(units > 4 && description.contains(&format!("mvaspike-id=\"{}\"", units - 1)), "{description}");
    let spikes = spikes(&results.join("spikes.spk"));
    assert!(spikes.len() > units && spikes.iter().all(|spike| (spike.unit as usize) < units));
    assert!(spikes.is_sorted_by(|a, b| a.time_s <= b.time_s));

    // The same frames as an array, in two runs of other chunks and threads: the same bytes; a saved retina runs again.
    done(
        here,
        &["virtual-retina", "movie.npy", "-ret", "retina.xml", "-r", "6", "-outD", "again", "--threads", "1"],
    );
    let bytes = |folder: &str, name: &str| fs::read(here.join(folder).join(name)).unwrap();
    assert_eq!(bytes("again", "spikes.spk"), bytes("results", "spikes.spk"));
    done(
        here,
        &[
            "virtual-retina",
            "movie.npy",
            "-ret",
            "results/retina.xml",
            "-r",
            "6",
            "-outD",
            "saved",
            "-q",
            "0",
        ],
    );
    assert_eq!(bytes("saved", "retina.xml"), bytes("results", "retina.xml"));
    done(
        here,
        &["virtual-retina", "movie.npy", "-ret", "retina.xml", "-outD", "seed", "-seed", "4", "-digits", "6"],
    );
    assert_ne!(bytes("seed", "spikes.spk")[..200], bytes("results", "spikes.spk")[..200]);
}

#[test]
fn frames_are_chosen_cut_and_enlarged() {
    let folder = with_retina();
    let here = folder.path();
    let size_and_steps = |options: &[&str]| {
        let mut arguments =
            vec!["virtual-retina", "movie.npy", "-ret", "preset:linear", "-savemap", "-outD", "out"];
        arguments.extend(options);
        done(here, &arguments);
        let index = SimulationIndex::read(here.join("out/simulation.txt")).unwrap();
        (index.height, index.width, index.steps)
    };
    assert_eq!(size_and_steps(&[]), (30, 40, 10));
    assert_eq!(size_and_steps(&["-bf", "2", "-ef", "4", "-r", "3"]), (30, 40, 9));
    assert_eq!(size_and_steps(&["-x", "10", "-y", "25", "-f", "2"]), (20, 40, 10));
    assert_eq!(size_and_steps(&["-x", "20", "-y", "15"]), (30, 40, 10));
    fs::write(here.join("list.txt"), "frame3.png\n\nframe1.png\n").unwrap();
    done(
        here,
        &["virtual-retina", "-i", "list.txt", "-ret", "preset:linear", "-outD", "out", "-initVal", "100"],
    );
    let index = SimulationIndex::read(here.join("out/simulation.txt")).unwrap();
    let inputs = ["frame3.png", "frame1.png"].map(|name| here.canonicalize().unwrap().join(name));
    assert_eq!((index.steps, index.options.as_str()), (2, "-initVal 100 -seed 0"));
    assert!(index.input.iter().map(Path::new).eq(&inputs));
}

#[test]
fn microsaccades_leave_their_trace() {
    let folder = with_retina();
    let here = folder.path();
    let eye = "<retina-description-file><basic-microsaccade-generator amplitude-mean__deg='0.5' \
               saccade-duration-mean__sec='0.02' period-mean__sec='0.02'/>";
    fs::write(here.join("eye.xml"), RETINA.replace("<retina-description-file>", eye)).unwrap();
    done(here, &["virtual-retina", "movie.npy", "-ret", "eye.xml", "-r", "4", "-savemap", "-outD", "out"]);
    let text = fs::read_to_string(here.join("out/simulation.txt")).unwrap();
    let (_, trace) = text.split_once("eye:\n").unwrap();
    assert_eq!(trace.lines().count(), 40);
    assert!(trace.starts_with("0,0,0\n") && trace.lines().any(|line| !line.ends_with(",0,0")));
    let index = SimulationIndex::read(here.join("out/simulation.txt")).unwrap();
    let (height, width, _) = movie(&here.join("out/opl.inr"));
    assert_eq!((index.height, index.width), (height as u64, width as u64));
}

#[test]
fn a_movie_comes_back_from_spikes() {
    let folder = with_retina();
    let here = folder.path();
    done(here, &["virtual-retina", "movie.npy", "-ret", "retina.xml", "-r", "10", "-outD", "out"]);
    let said = done(here, &["reconstruct", "-i", "out/simulation.txt", "-o", "all.inr", "-w", "2"]);
    // One more than steps: a spike is seen from the next frame on.
    assert!(said.starts_with("101 frames of "), "{said}");
    let (height, width, rates) = movie(&here.join("all.inr"));
    // Cells fire at some tens of Hz; where there is none, there is nothing.
    let last = &rates[100 * height * width..];
    let mean = last.iter().sum::<f64>() / last.iter().filter(|rate| **rate > 0.0).count() as f64;
    assert!((15.0..150.0).contains(&mean) && rates.iter().all(|rate| *rate >= 0.0), "{mean}");
    assert!(rates[..height * width].iter().all(|rate| *rate == 0.0));

    let off = [
        "reconstruct",
        "-i",
        "out/simulation.txt",
        "-o",
        "off.inr",
        "-ch",
        "1",
        "1",
        "-f",
        "2",
        "-static",
        "-p",
        "0",
    ];
    done(here, &off);
    let (doubled, _, picture) = movie(&here.join("off.inr"));
    assert_eq!((doubled, picture.len()), (2 * height, 4 * height * width));
    done(
        here,
        &[
            "reconstruct",
            "-i",
            "out/simulation.txt",
            "-o",
            "part.inr",
            "-x",
            "2",
            "-X",
            "5",
            "-b",
            "100",
            "-e",
            "150",
        ],
    );
    let (_, columns, part) = movie(&here.join("part.inr"));
    assert_eq!((columns, part.len()), (4, 11 * height * 4));

    for (arguments, message) in [
        (&["-o", "r.npy"][..], "give a name that ends so"),
        (&["-o", "r.inr", "-ch", "2", "0"], "2 numbers expected after the first, 1 found"),
        (&["-o", "r.inr", "-ch", "1", "7"], "layers from 0 to 1 exist"),
        (&["-o", "r.inr", "-X", "9999"], "first and last pixel within"),
        (&["-o", "r.inr", "-b", "9", "-e", "3"], "an end behind it"),
    ] {
        let arguments: Vec<&str> =
            ["reconstruct", "-i", "out/simulation.txt"].iter().chain(arguments).copied().collect();
        let error = refused(here, &arguments, 2);
        assert!(error.contains(message), "{error}");
    }
    fs::write(here.join("out/spikes.spk"), "0 0.1\n0 0.05\n").unwrap();
    let error = refused(here, &["reconstruct", "-i", "out/simulation.txt", "-o", "r.inr"], 1);
    assert!(error.contains("in the order of time"), "{error}");
    fs::write(here.join("out/spikes.spk"), "100000 0.1\n").unwrap();
    let error = refused(here, &["reconstruct", "-i", "out/simulation.txt", "-o", "r.inr"], 1);
    assert!(error.contains("cell 100000 is not in the description"), "{error}");
}

#[test]
fn a_reconstruction_has_the_spikes_and_the_picture_that_were_asked_for() {
    let folder = tempfile::tempdir().unwrap();
    let here = folder.path();
    let index = SimulationIndex {
        retina: "retina.xml".into(),
        spikes: "spikes.spk".into(),
        steps: 20,
        step_s: 0.005,
        width: 21,
        height: 20,
        ..SimulationIndex::default()
    };
    index.write(here.join("simulation.txt"), []).unwrap();
    fs::write(here.join("retina.xml"), RETINA.replace("sigma-V='0.1'", "")).unwrap();
    let made = |spikes: &str, options: &[&str]| {
        fs::write(here.join("spikes.spk"), spikes).unwrap();
        let mut arguments =
            vec!["reconstruct", "-i", "simulation.txt", "-o", "r.inr", "-k", "0", "-lat", "1"];
        arguments.extend(options);
        let said = done(here, &arguments);
        let (height, width, rates) = movie(&here.join("r.inr"));
        let seen: Vec<usize> =
            rates.chunks(height * width).map(|f| f.iter().filter(|r| **r > 0.0).count()).collect();
        (said, (height, width), seen)
    };
    // The last step's spike is seen in a frame of its own.
    let (said, _, seen) = made("0 0.0999\n", &[]);
    assert!(said.contains("21 frames") && said.contains("from 1 spike:"), "{said}");
    assert!(seen[20] > 0 && seen[..20].iter().all(|pixels| *pixels == 0));
    // From 20 to 60 ms: not before, and up to the end.
    let (said, _, seen) =
        made("0 0.0125\n0 0.02\n1 0.055\n0 0.0601\n", &["-b", "20", "-e", "60", "-s", "10"]);
    assert!(said.contains("5 frames") && said.contains("from 2 spikes:"), "{said}");
    assert_eq!(seen.iter().map(|pixels| usize::from(*pixels > 0)).collect::<Vec<_>>(), [1, 0, 0, 0, 1]);
    // Squares are as wide as -w says.
    let (_, _, seen) = made("0 0.02\n", &["-p", "0", "-w", "2"]);
    assert_eq!(seen[4], 4);

    // The picture is what the arrays of cells cover: 94 of 128 pixels of the primate example.
    write_npy(here.join("m.npy"), &Array::new([2, 128, 160], vec![90_u8; 2 * 128 * 160]).unwrap()).unwrap();
    done(here, &["virtual-retina", "m.npy", "-ret", "preset:primate", "-outD", "primate", "-r", "4"]);
    let said = done(
        here,
        &["reconstruct", "-i", "primate/simulation.txt", "-o", "p.inr", "-ch", "1", "0", "-w", "2"],
    );
    assert!(said.starts_with("9 frames of 94 × 94 pixels"), "{said}");
}

#[test]
fn inputs_are_never_written_over() {
    let folder = with_retina();
    let here = folder.path();
    let before = fs::read(here.join("retina.xml")).unwrap();
    let error = refused(here, &["virtual-retina", "movie.npy", "-ret", "retina.xml"], 2);
    assert!(error.contains("retina.xml would be written over the input retina.xml"), "{error}");
    assert!(error.contains("-outD"), "{error}");
    assert_eq!(fs::read(here.join("retina.xml")).unwrap(), before);
    done(here, &["convert", "movie.npy", "opl.inr"]);
    let arguments = ["virtual-retina", "opl.inr", "-ret", "preset:linear", "-savemap"];
    let error = refused(here, &arguments, 2);
    assert!(error.contains("opl.inr would be written over the input opl.inr"), "{error}");
    let error = refused(here, &["convert", "opl.inr", "./opl.inr"], 2);
    assert!(error.contains("choose another name"), "{error}");
}

#[test]
fn cells_keep_their_numbers_and_are_looked_for_on_the_map() {
    let folder = with_retina();
    let here = folder.path();
    let units = "<unit x-offset__deg='0' y-offset__deg='0' mvaspike-id='77'/><unit x-offset__deg='1000'/>";
    let beside = RETINA.replace("<unit x-offset__deg='0' y-offset__deg='0'/>", units);
    fs::write(
        here.join("units.xml"),
        beside.replace("<square-array uniform-density__inv-deg='2'/>", "<unit/>"),
    )
    .unwrap();
    let run = output(here, &["virtual-retina", "movie.npy", "-ret", "units.xml", "-r", "20", "-outD", "out"]);
    let warning = text(&run.stderr);
    assert!(run.status.success() && warning.contains("layer 1: 1 of 3 cells stand off the map"), "{warning}");
    assert!(warning.contains("x = 1000, y = 0 deg"), "{warning}");
    let saved = fs::read_to_string(here.join("out/retina.xml")).unwrap();
    let ids: Vec<&str> =
        saved.split("mvaspike-id=\"").skip(1).map(|rest| rest.split('"').next().unwrap()).collect();
    assert_eq!(ids, ["0", "77", "1", "2"]);
    let mut seen: Vec<u32> = spikes(&here.join("out/spikes.spk")).iter().map(|spike| spike.unit).collect();
    seen.sort_unstable();
    seen.dedup();
    assert_eq!(seen, [0, 1, 2, 77]);
    done(here, &["reconstruct", "-i", "out/simulation.txt", "-o", "r.inr"]);

    fs::write(here.join("twice.xml"), saved.replace("mvaspike-id=\"2\"", "mvaspike-id=\"77\"")).unwrap();
    let error = refused(here, &["virtual-retina", "movie.npy", "-ret", "twice.xml"], 1);
    assert!(error.contains("mvaspike-id, found 77, which") && error.contains("in line "), "{error}");
}

#[test]
fn too_many_cells_are_refused_by_the_attribute_that_asks_for_them() {
    let folder = with_retina();
    let here = folder.path();
    write_npy(here.join("m.npy"), &Array::new([1, 128, 160], vec![90_u8; 128 * 160]).unwrap()).unwrap();
    done(here, &["convert", "preset:parasol", "p.xml"]);
    let parasol = fs::read_to_string(here.join("p.xml")).unwrap();
    let ppd = parasol.split("pixels-per-degree=\"").nth(1).unwrap().split('"').next().unwrap();
    let coarse = parasol.replace(&format!("pixels-per-degree=\"{ppd}\""), "pixels-per-degree=\"0.05\"");
    fs::write(here.join("coarse.xml"), coarse).unwrap();
    fs::write(here.join("dense.xml"), RETINA.replace("inv-deg='2'", "inv-deg='1e5'")).unwrap();
    for (name, attribute) in [
        (
            "coarse.xml",
            "ganglion-layers.0.spiking-channel.square-array.uniform-density__inv-deg: expected at most",
        ),
        (
            "dense.xml",
            "ganglion-layers.0.spiking-channel.square-array.uniform-density__inv-deg: expected at most",
        ),
    ] {
        let error = refused(here, &["virtual-retina", "m.npy", "-ret", name], 1);
        assert!(error.contains(name) && error.contains(attribute), "{error}");
    }
}

#[test]
fn double_precision_stays_double() {
    let folder = tempfile::tempdir().unwrap();
    let here = folder.path();
    let numbers: Vec<f64> = (0..3 * 20).map(|i| 100.0 + f64::from(i) / 7.0).collect();
    write_npy(here.join("m.npy"), &Array::new([3, 4, 5], numbers.clone()).unwrap()).unwrap();
    done(here, &["convert", "m.npy", "m.inr"]);
    assert_eq!(movie(&here.join("m.inr")).2, numbers);
    let opl = |input: &str, single: &[&str]| {
        let mut arguments =
            vec!["virtual-retina", input, "-ret", "preset:linear", "-savemap", "-outD", "out"];
        arguments.extend(single);
        done(here, &arguments);
        movie(&here.join("out/opl.inr")).2
    };
    let exact = opl("m.npy", &[]);
    assert_eq!(exact, opl("m.inr", &[]));
    let rounded: Vec<f64> = numbers.iter().map(|x| f64::from(*x as f32)).collect();
    write_npy(here.join("rounded.npy"), &Array::new([3, 4, 5], rounded).unwrap()).unwrap();
    assert_ne!(exact, opl("rounded.npy", &[]));
    assert_eq!(opl("m.npy", &["-single"]), opl("rounded.npy", &["-single"]));

    write_npy(here.join("huge.npy"), &Array::new([1, 4, 5], vec![1e300; 20]).unwrap()).unwrap();
    let single = ["virtual-retina", "huge.npy", "-ret", "preset:linear", "-single", "-outD", "."];
    let error = refused(here, &single, 1);
    assert!(error.contains("found 1e300"), "{error}");
    let error = refused(here, &["run", "huge.npy", "--out", "r.npz"], 1);
    assert!(error.contains("finite numbers that fit into 32 bits, found 1e300 at row 0"), "{error}");
}

#[test]
fn old_options_are_taken_or_refused_by_name() {
    let folder = with_retina();
    let here = folder.path();
    let run = ["virtual-retina", "movie.npy", "-ret", "retina.xml", "-outD", "out"];
    for (more, message) in [
        (&["-hdf5"][..], "-hdf5 of Virtual Retina is not offered"),
        (&["-format", "avi"], "--format"),
        (&["-saveMap"], "option -saveMap does not exist; did you mean -savemap?"),
        (&["-initval", "3"], "did you mean -initVal?"),
        (&["-sed=4"], "did you mean -seed=4?"),
        (&["-x", "0", "-y", "0"], "0: the middle of the retina on the border leaves nothing around it"),
    ] {
        let arguments: Vec<&str> = run.iter().chain(more).copied().collect();
        let error = refused(here, &arguments, 2);
        assert!(error.contains(message), "{error}");
    }
    for (option, message) in
        [("-sup", "-sup of Virtual Retina"), ("-timeSize", "-timeSize of Virtual Retina")]
    {
        let error = refused(here, &["reconstruct", "-i", "x", "-o", "y.inr", option], 2);
        assert!(error.contains(message), "{error}");
    }
    let more = ["-format", "inr", "-seed=4", "-r2", "-q0", "-modern", "-initVal", "100"];
    let arguments: Vec<&str> = run.iter().chain(&more).copied().collect();
    done(here, &arguments);
    let index = SimulationIndex::read(here.join("out/simulation.txt")).unwrap();
    assert_eq!((index.steps, index.options.as_str()), (20, "-initVal 100 -seed 4 -modern"));

    // Modern, adapted to the luminance that is shown: nothing happens.
    write_npy(here.join("grey.npy"), &Array::new([4, 9, 9], vec![100_u8; 4 * 81]).unwrap()).unwrap();
    let grey =
        ["virtual-retina", "grey.npy", "-ret", "preset:linear", "-savemap", "-outD", "grey", "-modern"];
    let receptor = |more: &[&str]| {
        let arguments: Vec<&str> = grey.iter().chain(more).copied().collect();
        done(here, &arguments);
        movie(&here.join("grey/receptor.inr")).2
    };
    let steady = 10.0 * 100.0 / 255.0;
    assert!(receptor(&["-initVal", "100"]).iter().all(|current| (current - steady).abs() < 1e-9));
    assert!(receptor(&[])[0] < steady - 0.01);
}

#[test]
fn switched_off_nodes_are_warned_of_in_xml() {
    let folder = tempfile::tempdir().unwrap();
    let convert = |to: &str| text(&output(folder.path(), &["convert", "preset:toolbox-2018", to]).stderr);
    let warning = convert("t.xml");
    assert!(
        warning.starts_with("warning: t.xml: switched off") && warning.contains("log-polar-scheme"),
        "{warning}"
    );
    assert_eq!(convert("t.toml"), "");
}

#[test]
fn shapley_victor_computes_as_its_help_says() {
    let folder = tempfile::tempdir().unwrap();
    let here = folder.path();
    let phases = |more: &[&str]| {
        let one = ["shapley-victor", "-ret", "preset:cat-x-example", "-nP", "1", "-out", "s.npz"];
        let arguments: Vec<&str> = one.iter().chain(more).copied().collect();
        done(here, &arguments);
        let arrays = read_npz(here.join("s.npz")).unwrap();
        (arrays["phase_deg"].to_f64().unwrap(), arrays["amplitude_hz"].to_f64().unwrap())
    };
    let (original, current) = phases(&["-hCont", "0.0125"]);
    let (modern, _) = phases(&["-hCont", "0.0125", "-modern"]);
    // Five steps of 5 ms are late by about 70 degrees at 7.8 Hz in comparison with none.
    let late = (modern[5] - original[5]).rem_euclid(360.0);
    assert!((20.0..90.0).contains(&(modern[4] - original[4]).rem_euclid(360.0)), "{modern:?} {original:?}");
    assert!((40.0..180.0).contains(&late), "{late}");
    // Spikes follow the current.
    let (_, spikes) = phases(&["-tr", "2", "-hCont", "0.1", "-lCont", "0.1"]);
    assert!(
        spikes.iter().all(|rate| rate.is_finite()) && spikes[4] > 0.5 * current[4],
        "{spikes:?} {current:?}"
    );
    done(here, &["convert", "preset:linear", "l.xml"]);
    assert!(refused(here, &["shapley-victor", "-ret", "l.xml"], 1).contains("l.xml: layer"));
}

#[test]
fn gratings_do_what_their_equations_say() {
    let folder = tempfile::tempdir().unwrap();
    let here = folder.path();
    let shown = |options: &[&str]| {
        let mut arguments = vec![
            "gratings", "-o", "g.inr", "-s", "1", "21", "-T", "8", "-f", "5", "-l", "0.2", "-Lum", "100",
            "-Cont", "0.5",
        ];
        arguments.extend(options);
        done(here, &arguments);
        movie(&here.join("g.inr")).2
    };
    for kind in 0..3u32 {
        let movie = shown(&["-type", &kind.to_string(), "-p", "30", "-tp", "40", "-lB", "0.01"]);
        assert_eq!(movie.len(), 42 * 21);
        assert!(movie[..42].iter().all(|luminance| *luminance == 100.0));
        for (k, frame) in movie[42..].chunks(21).enumerate() {
            for (column, luminance) in frame.iter().enumerate() {
                let turn = std::f64::consts::TAU;
                let (space, time) = (
                    turn * (column as f64 - 10.0) / 8.0 + turn / 12.0,
                    turn * (5.0 * 0.005 * k as f64 + 1.0 / 9.0),
                );
                let wave = match kind {
                    0 => (space - time).cos(),
                    1 => (space + turn / 4.0 * time.sin()).cos(),
                    _ => space.cos() * time.cos(),
                };
                // Pictures are computed in single precision.
                assert!((luminance - 100.0 * (1.0 + 0.5 * wave)).abs() < 1e-4, "{kind} {k} {column}");
            }
        }
    }
    let error = refused(here, &["gratings", "-o", "x.inr", "-Cont", "2"], 2);
    assert!(error.contains("contrast: expected a number from 0 to 1"), "{error}");
    assert!(refused(here, &["gratings", "-o", "x.gif"], 2).contains(".inr or .npy"));
    let error = refused(here, &["gratings", "-o", "x.inr", "-l", "0.0001"], 2);
    assert!(error.contains("-l 0.0001: at least one frame expected"), "{error}");
    let help = text(&output(here, &["gratings", "--help"]).stdout);
    assert!(help.contains("cos(2π(x/T − f·t) + p − tp)"));
}

#[test]
fn files_become_others_and_come_back() {
    let folder = with_retina();
    let here = folder.path();
    for (from, to) in
        [("retina.xml", "a.toml"), ("a.toml", "b.json"), ("b.json", "c.xml"), ("c.xml", "d.toml")]
    {
        done(here, &["convert", from, to]);
    }
    assert_eq!(fs::read(here.join("a.toml")).unwrap(), fs::read(here.join("d.toml")).unwrap());
    done(here, &["convert", "preset:primate", "p.xml"]);
    assert!(fs::read_to_string(here.join("p.xml")).unwrap().contains("fovea-density__inv-deg=\"15\""));

    fs::write(here.join("s.spk"), "3 0.25\n1 0.30000000000000004\n").unwrap();
    for (from, to) in [("s.spk", "s.events"), ("s.events", "s.npz"), ("s.npz", "t.spk")] {
        assert_eq!(done(here, &["convert", from, to]), "2 spikes");
    }
    assert_eq!(fs::read(here.join("s.spk")).unwrap(), fs::read(here.join("t.spk")).unwrap());
    assert_eq!(read_npz(here.join("s.npz")).unwrap()["spike_unit"].to_f64().unwrap(), [3.0, 1.0]);

    done(here, &["convert", "movie.npy", "m.inr"]);
    done(here, &["convert", "m.inr", "n.npy"]);
    done(here, &["convert", "n.npy", "o.inr"]);
    assert_eq!(fs::read(here.join("m.inr")).unwrap(), fs::read(here.join("o.inr")).unwrap());

    fs::write(here.join("typo.xml"), RETINA.replace("sign='-1'", "sing='-1'")).unwrap();
    let error = refused(here, &["convert", "typo.xml", "x.toml"], 1);
    assert!(error.contains("line 10") && error.contains("did you mean \"sign\"?"), "{error}");
    let output = output(here, &["convert", "typo.xml", "x.toml", "--lenient"]);
    assert!(output.status.success() && text(&output.stderr).starts_with("warning: typo.xml: "));
    for (arguments, code) in [
        (["retina.xml", "x.spk"], 2),
        (["s.spk", "x.xml"], 2),
        (["preset:dog", "x.xml"], 2),
        (["none.xml", "x.toml"], 1),
        (["retina.xml", "none/x.toml"], 1),
        (["s.spk", "x.inr"], 2),
        (["m.inr", "x.png"], 2),
    ] {
        refused(here, &["convert", arguments[0], arguments[1]], code);
    }
}

#[test]
fn unusable_arguments_are_refused_before_anything_is_written() {
    let folder = with_retina();
    let here = folder.path();
    fs::create_dir(here.join("frames")).unwrap();
    for (arguments, code, message) in [
        (&["-ret", "retina.xml"][..], 2, "frames expected"),
        (&["movie.npy", "-ret", "none.xml"], 1, "cannot read none.xml"),
        (&["movie.npy", "-ret", "retina.txt"], 1, "another ending"),
        (&["movie.npy", "-ret", "preset:mouse"], 2, "preset \"mouse\" does not exist"),
        (&["none.npy", "-ret", "retina.xml"], 1, "none.npy"),
        (&["movie.npy", "-ret", "retina.xml", "-r", "0"], 2, "-r"),
        (&["movie.npy", "-ret", "retina.xml", "-x", "40"], 2, "a pixel from 0 to 39"),
        (&["movie.npy", "-ret", "retina.xml", "-x", "0"], 2, "a pixel from 1 to 39"),
        (&["movie.npy", "-ret", "retina.xml", "-bf", "5", "-ef", "4"], 2, "not before --bf"),
        (&["movie.npy", "-ret", "preset:linear", "-outD", "frames", "-bf", "50"], 1, "no frame to show"),
        (&["movie.npy", "-ret", "retina.xml", "-initVal", "nan"], 2, "a luminance expected"),
        (&["movie.npy", "-ret", "retina.xml", "-outD", "retina.xml"], 1, "cannot make the folder"),
        (&["movie.npy", "-ret", "retina.xml", "-rett", "x"], 2, "ett"),
    ] {
        let arguments: Vec<&str> = ["virtual-retina"].iter().chain(arguments).copied().collect();
        let error = refused(here, &arguments, code);
        assert!(error.contains(message), "{arguments:?}: {error}");
    }
    // A frame of another size ends the run; nothing of it is left.
    let mut odd = InrWriter::create(here.join("odd.inr"), 3, 4).unwrap();
    odd.write_frame(&[0.0; 12]).unwrap();
    odd.finish().unwrap();
    let error = refused(
        here,
        &["virtual-retina", "movie.npy", "odd.inr", "-ret", "preset:linear", "-outD", "frames"],
        1,
    );
    assert!(error.contains("frames of 30 × 40 pixels as before, found 3 × 4"), "{error}");
}
