//! `convis fit`: recipes that work, what they write, and what wrong ones are told.

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use convis_io::{Array, ParameterValue, read_npz, read_parameters, write_npy, write_npz};
use tempfile::TempDir;

fn fit(folder: &Path, recipe: &str) -> Output {
    fs::write(folder.join("recipe.toml"), recipe).unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_convis"));
    command.current_dir(folder).args(["fit", "recipe.toml", "--quiet"]).output().unwrap()
}

fn done(folder: &Path, recipe: &str) -> String {
    let output = fit(folder, recipe);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

fn refused(folder: &Path, recipe: &str) -> String {
    let output = fit(folder, recipe);
    let message = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1), "{message}");
    assert!(message.starts_with("error: ") && !folder.join("fit").exists(), "{message}");
    message
}

/// Numbers that look like noise, from 0 to 1.
fn noise(count: usize, salt: u32) -> Vec<f64> {
    // The finaliser of MurmurHash3, twice.
    let mixed = |x: u32| {
        let x = (x ^ (x >> 16)).wrapping_mul(0x85eb_ca6b);
        let x = (x ^ (x >> 13)).wrapping_mul(0xc2b2_ae35);
        x ^ (x >> 16)
    };
    let scrambled =
        |i: u32| f64::from(mixed(mixed(i.wrapping_add(1)) ^ mixed(salt << 20))) / f64::from(u32::MAX);
    (0..count as u32).map(scrambled).collect()
}

/// 3000 frames and the counts of a cell that follows the frame before.
fn recording() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    let x: Vec<f64> = noise(3000, 1).into_iter().map(|x| 4.0 * x - 2.0).collect();
    let chance = noise(3000, 2);
    let counts: Vec<f64> = (0..3000)
        .map(|t| {
            let rate = (-0.5 + if t > 0 { x[t - 1] } else { 0.0 }).exp();
            // The number of a Poisson distribution whose cumulative probability reaches the chance.
            let (mut n, mut p) = (0.0, (-rate).exp());
            let mut below = p;
            while below < chance[t] && n < 50.0 {
                n += 1.0;
                p *= rate / n;
                below += p;
            }
            n
        })
        .collect();
    let array = |x: Vec<f64>| Array::new([x.len()], x).unwrap();
    write_npz(folder.path().join("recording.npz"), &[("stimulus", array(x)), ("counts", array(counts))])
        .unwrap();
    folder
}

const FILES: &str = r#"
[stimulus]
file = "recording.npz"
key = "stimulus"

[response]
file = "recording.npz"
key = "counts"
"#;

fn numbers(folder: &Path, name: &str) -> Vec<f64> {
    read_npz(folder.join("fit/fit.npz")).unwrap()[name].to_f64().unwrap()
}

#[test]
fn the_example_is_a_recipe() {
    let here = recording();
    let example = Command::new(env!("CARGO_BIN_EXE_convis")).args(["fit", "--example"]).output().unwrap();
    let example = String::from_utf8(example.stdout).unwrap();
    assert!(example.lines().all(|line| line.chars().count() <= 80));
    assert!(done(here.path(), &example).contains("bits per spike"));
    // What it mentions exists: with every comment that is a key of gradient fits in force, for another model.
    let mut all = example.replace("name = \"LNP\" ", "name = \"DivisiveNormalization\" ");
    all = all.replace("regularizer = \"none\"", "# regularizer");
    for key in [
        "gain",
        "validation",
        "warmup",
        "optimizer",
        "iterations",
        "patience",
        "restarts",
        "seed",
        "errors",
        "checkpoint",
        "pixels_per_degree",
        "steps_per_second",
    ] {
        assert!(all.contains(&format!("# {key} = ")), "{key}");
        all = all.replace(&format!("# {key} = "), &format!("{key} = "));
    }
    all = all.replace("iterations = 200", "iterations = 3").replace("errors = true", "errors = false");
    assert!(done(here.path(), &all).contains("3 iterations"));
}

#[test]
fn an_lnp_model_by_newton() {
    let here = recording();
    let said = done(here.path(), &format!("{FILES}[model]\nname = \"LNP\"\nlags = 3\n[fit]\n[output]\n"));
    assert!(said.contains("converged") && said.contains("on the part that was kept"), "{said}");
    let parameters = read_parameters(here.path().join("fit/parameters.toml")).unwrap();
    let ParameterValue::Array { values, shape } = &parameters["unit_0.filter"] else {
        panic!("{parameters:?}")
    };
    assert_eq!(shape, &[3, 1, 1]);
    assert!((values[1] - 1.0).abs() < 0.06 && values[0].abs() < 0.06, "{values:?}");
    assert_eq!(numbers(here.path(), "expected").len(), 3000);
    assert!(numbers(here.path(), "score.bits_per_spike")[0] > 0.5);
    assert_eq!(
        fs::read_to_string(here.path().join("fit/summary.txt")).unwrap().lines().next(),
        said.lines().next()
    );
}

#[test]
fn a_glm_with_history() {
    let here = recording();
    let history = "history = { count = 3, last = 10 }";
    done(here.path(), &format!("{FILES}[model]\nname = \"GLM\"\nlags = 2\n{history}\n"));
    assert_eq!(numbers(here.path(), "unit_0.history").len(), 3);
    assert!(numbers(here.path(), "error.unit_0.history").iter().all(|e| *e > 0.0 && *e < 1.0));
}

#[test]
fn a_model_by_gradients_with_checkpoint_and_errors() {
    let here = recording();
    let recipe = format!(
        "{FILES}[model]\nname = \"SeparableSTRF\"\nlags = 3\nnonlinearity = \"exp\"\n[fit]\nparameters = [\"time.weight\", \
         \"time.bias\"]\n[model.values]\n[output]\ncheckpoint = true\n"
    );
    let said = done(here.path(), &recipe.replace("[model.values]\n", ""));
    assert!(said.contains("time.weight: 3 numbers") && said.contains("time.bias = "), "{said}");
    let (bias, error) = (numbers(here.path(), "time.bias")[0], numbers(here.path(), "error.time.bias")[0]);
    assert!(error > 0.0 && error < 0.1, "{error}");
    assert!(here.path().join("fit/checkpoint.npz").exists());
    // Going on from the end changes nothing.
    done(here.path(), &recipe.replace("[model.values]\n", ""));
    assert_eq!(numbers(here.path(), "time.bias")[0].to_bits(), bias.to_bits());
}

#[test]
fn a_retina_from_its_spikes() {
    use convis::retina::{Retina, RetinaOptions};
    use convis::{GradientMode, NoiseId, Resolution, State, Tensor, call, layer};
    let here = tempfile::tempdir().unwrap();
    let frames = 2000;
    let held: Vec<f64> = noise(frames / 20 * 4, 3);
    let movie: Vec<f64> = (0..frames).flat_map(|t| held[t / 20 * 4..][..4].to_vec()).collect();
    let retina = Retina::new(RetinaOptions::default(), Resolution::default()).unwrap();
    layer::parameter(&retina, "gang_0_input.lambda_G").unwrap().set(140.0).unwrap();
    let x = Tensor::from_vec(movie.clone(), &[1, 1, frames, 2, 2]).unwrap();
    let mut state = State::new(NoiseId { seed: 1, model: 0, trial: 0 });
    let spikes = call(&retina, &x, &mut state, GradientMode::Off, None).unwrap();
    let spikes = spikes.first().unwrap().to_f64();
    write_npy(here.path().join("movie.npy"), &Array::new([frames, 2, 2], movie).unwrap()).unwrap();
    write_npy(here.path().join("spikes.npy"), &Array::new([frames, 4], spikes).unwrap()).unwrap();
    let recipe = "[stimulus]\nfile = \"movie.npy\"\n[response]\nfile = \"spikes.npy\"\n[model]\nname = \"Retina\"\n[fit]\n\
                  test = 0\nvalidation = 0\nparameters = [\"gang_0_input.lambda_G\", \"gang_0_spikes.g_L\", \
                  \"gang_0_spikes.noise_sigma\"]\n";
    let said = done(here.path(), recipe);
    for (name, truth) in
        [("gang_0_input.lambda_G", 140.0), ("gang_0_spikes.g_L", 50.0), ("gang_0_spikes.noise_sigma", 0.1)]
    {
        let (value, error) =
            (numbers(here.path(), name)[0], numbers(here.path(), &format!("error.{name}"))[0]);
        assert!(
            (value - truth).abs() < 4.0 * error && error < 0.3 * truth,
            "{name}: {value} ± {error}\n{said}"
        );
    }
    // The values are those of a retina that `convis run --config` takes.
    let parameters = read_parameters(here.path().join("fit/parameters.toml")).unwrap();
    assert_eq!(parameters["gang_0_spikes.g_L"], numbers(here.path(), "gang_0_spikes.g_L")[0].into());
}

#[test]
fn wrong_recipes_are_told_the_line_and_the_nearest_name() {
    let here = recording();
    let model = "[model]\nname = \"LNP\"\nlags = 3\n";
    for (recipe, parts) in [
        (format!("{FILES}[model]\nname = \"LNPP\"\n"), &["line 10", "did you mean \"LNP\"?"][..]),
        (format!("{FILES}{model}lag = 3\n"), &["line 12", "model.lag", "\"lags\""]),
        (format!("{FILES}{model}[fit]\nloss = \"poison\"\n"), &["line 13", "fit.loss", "\"poisson\""]),
        (format!("{FILES}{model}[fits]\n"), &["line 12", "\"fit\""]),
        (
            format!("{FILES}[model]\nname = \"LNP\"\nlags = \"three\"\n"),
            &["line 11", "whole number from 1", "\"three\""],
        ),
        (format!("{FILES}[model]\nlags = 3\n"), &["line 9", "[model] needs a line name"]),
        (format!("{FILES}{model}[fit]\ntest = 1.5\n"), &["line 13", "below 1"]),
        (format!("{FILES}{model}[fit]\noptimizer = \"adam\"\n"), &["fit.optimizer does not exist here"]),
        (FILES.replace("\"counts\"", "\"count\"") + model, &["line 8", "\"count\"", "counts, stimulus"]),
        (FILES.replace("recording.npz", "other.npz") + model, &["other.npz"]),
        (format!("{FILES}{model}[fit\n"), &["line 12"]),
        (
            format!("{FILES}[model]\nname = \"DivisiveNormalization\"\n[fit]\nparameters = [\"strengh\"]\n"),
            &["line 12", "\"strength\""],
        ),
        (format!("{FILES}[model]\nname = \"LN\"\n[fit]\nreadout = \"spikes\"\n"), &["line 12", "Retina"]),
        (
            format!("{FILES}[model]\nname = \"Retina\"\n[model.values]\nbipolar.lambda_am = 3\n"),
            &["line 11", "lambda_amp"],
        ),
    ] {
        let message = refused(here.path(), &recipe);
        for part in parts {
            assert!(message.contains(part), "{part}: {message}");
        }
    }
}
