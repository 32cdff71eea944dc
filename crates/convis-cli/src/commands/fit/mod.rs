//! `convis fit`: a model from a recording, as a recipe says.

mod model;
mod recipe;
mod scores;

use std::collections::BTreeMap;
use std::fmt::Write;
use std::fs;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use clap::Args;
use convis::fit::{
    Counted, Glm, Information, LayerObjective, Loss, Method, NewtonOptions, Nonlinearity, Observation, Pixel,
    RaisedCosines, Readout, Regularizer, Snapshot, Trained, Training, information,
};
use convis::layer::{parameter, parameters};
use convis::{Layer, Tensor};
use convis_io::{
    Array, ParameterValue, Parameters, read_npy, read_npz, write_npz, write_parameters, write_text,
};
use indicatif::{ProgressBar, ProgressDrawTarget};

use crate::error::{Error, Result};
use crate::interrupt;
use crate::text::say;
use recipe::{Section, Source};
use scores::Scores;

/// Fit a model to a recording
///
/// A recipe in TOML says what was shown, what was recorded, which model is to explain it and how; `convis fit --example` prints
/// one with all keys.
#[derive(Args, Debug)]
#[command(after_long_help = "\
LNP and GLM are fitted by Newton's method, all other models by gradients. The
folder of the recipe's [output] gets
  parameters.toml   values of the model, by path
  fit.npz           values, standard errors, expected response, losses
  summary.txt       what is printed
Ctrl-C keeps the checkpoint, if there is one.

Examples:
  convis fit --example > recipe.toml
  convis fit recipe.toml")]
pub struct FitArguments {
    /// The recipe
    #[arg(value_name = "RECIPE", required_unless_present = "example")]
    recipe: Option<PathBuf>,

    /// Print a recipe with all keys
    #[arg(long)]
    example: bool,

    /// Show no progress
    #[arg(short, long)]
    quiet: bool,
}

/// What all models have in common.
struct Job {
    /// `[frame][row][column]`.
    stimulus: Vec<f64>,
    size: [usize; 2],
    /// `[frame][unit]`.
    responses: Vec<f64>,
    frames: usize,
    units: usize,
    cells: Option<Vec<Pixel>>,
    loss: Loss,
    /// The first frame that is kept for the scores.
    test: usize,
    folder: PathBuf,
}

/// What has come out.
struct Outcome {
    parameters: Parameters,
    arrays: Vec<(String, Array)>,
    /// `[frame][unit]`.
    expected: Vec<f64>,
    summary: String,
}

/// Runs the command.
pub fn fit(arguments: &FitArguments) -> Result<()> {
    if arguments.example {
        return say(include_str!("example.toml"));
    }
    let Some(path) = &arguments.recipe else { return Ok(()) };
    let text = fs::read_to_string(path)
        .map_err(|reason| Error::Failed(format!("cannot read {}: {reason}", path.display())))?;
    let source = Source { path, text: &text };
    let table = toml::de::DeTable::parse(&text).map_err(|error| {
        let line =
            error.span().map_or(1, |span| text[..span.start.min(text.len())].matches('\n').count() + 1);
        Error::Failed(format!("{}, line {line}: {}", path.display(), error.message()))
    })?;
    let whole = Section::whole(&source, table.get_ref());
    let (stimulus, response) = (whole.section("stimulus")?, whole.section("response")?);
    let (of_model, of_fit, output) =
        (whole.section("model")?, whole.section("fit")?, whole.section("output")?);
    whole.done()?;
    let name = of_model.needed("name")?;
    let Some(name) = model::NAMES.iter().find(|known| **known == name) else {
        let nearest = convis::error::nearest(&name, model::NAMES);
        let hint = nearest.map_or_else(
            || format!("there are {}", model::NAMES.join(", ")),
            |n| format!("did you mean {n:?}?"),
        );
        return Err(of_model.error("name", &format!("model {name:?} does not exist; {hint}")));
    };
    let job = job(&source, &stimulus, &response, &of_fit, &output)?;
    let outcome = if matches!(*name, "LNP" | "GLM") {
        output.flag("checkpoint", false)?;
        regression(name, &job, &of_model, &of_fit, &output)?
    } else {
        training(name, &job, [&of_model, &of_fit, &output], arguments.quiet)?
    };
    finish(&job, outcome)
}

fn done(sections: &[&Section<'_>]) -> Result<()> {
    sections.iter().try_for_each(|section| section.done())
}

/// An array of an .npy or .npz file.
fn array(source: &Source<'_>, section: &Section<'_>) -> Result<Array> {
    let (file, key) = (section.needed("file")?, section.text("key")?);
    let path = source.beside(&file);
    let ending = path.extension().and_then(|ending| ending.to_str()).unwrap_or("");
    match (ending, key) {
        ("npy", None) => Ok(read_npy(&path)?),
        ("npy", Some(_)) => Err(section.error("key", "an .npy file has one array and no key; leave it out")),
        ("npz", key) => {
            let mut arrays = read_npz(&path)?;
            let names: Vec<String> = arrays.keys().cloned().collect();
            let Some(key) = key else {
                return Err(section.error("file", &format!("say which array, key = …: {}", names.join(", "))));
            };
            arrays.remove(&key).ok_or_else(|| {
                section.error(
                    "key",
                    &format!("{} has no array {key:?}; it has {}", path.display(), names.join(", ")),
                )
            })
        }
        _ => Err(section.error("file", &format!("expected an .npy or .npz file, got {file:?}"))),
    }
}

fn job(
    source: &Source<'_>,
    stimulus: &Section<'_>,
    response: &Section<'_>,
    fit: &Section<'_>,
    output: &Section<'_>,
) -> Result<Job> {
    let (shown, recorded) = (array(source, stimulus)?, array(source, response)?);
    let (frames, size) = match *shown.shape() {
        [frames] => (frames, [1, 1]),
        [frames, rows, columns] => (frames, [rows, columns]),
        _ => {
            let found =
                format!("expected axes (time) or (time, rows, columns), got shape {:?}", shown.shape());
            return Err(stimulus.error("key", &found));
        }
    };
    let units = match *recorded.shape() {
        [time] if time == frames => 1,
        [time, units] if time == frames => units,
        _ => {
            let found = recorded.shape();
            let expected =
                format!("expected axes (time) or (time, units) with the {frames} frames of the stimulus");
            return Err(response.error("key", &format!("{expected}, got shape {found:?}")));
        }
    };
    let cells = response.places("cells")?.map(|cells| {
        cells
            .into_iter()
            .map(|cell| match cell[..] {
                [row, column] => Ok(Pixel { channel: 0, row, column }),
                [channel, row, column] => Ok(Pixel { channel, row, column }),
                _ => Err(response.error("cells", "expected [row, column] of every unit")),
            })
            .collect::<Result<Vec<_>>>()
    });
    let loss = match fit.choice("loss", &Loss::NAMES)? {
        "negative_binomial" => {
            Loss::NegativeBinomial { dispersion: fit.number("dispersion")?.unwrap_or(1.0) }
        }
        "huber" => Loss::Huber { delta: fit.number("delta")?.unwrap_or(1.0) },
        name => Loss::named(name)?,
    };
    let part = fit.number("test")?.unwrap_or(0.2);
    if !(0.0..1.0).contains(&part) {
        return Err(fit.error("test", &format!("expected a part from 0, below 1, got {part}")));
    }
    let folder = source.beside(&output.text("folder")?.unwrap_or_else(|| "fit".into()));
    let cells = cells.transpose()?;
    done(&[stimulus, response])?;
    Ok(Job {
        stimulus: shown.to_f64()?,
        size,
        responses: recorded.to_f64()?,
        frames,
        units,
        cells,
        loss,
        test: frames - (part * frames as f64).round() as usize,
        folder,
    })
}

/// LNP and GLM, by Newton's method.
fn regression(
    name: &str,
    job: &Job,
    of_model: &Section<'_>,
    of_fit: &Section<'_>,
    output: &Section<'_>,
) -> Result<Outcome> {
    let bumps = of_model.section("history")?;
    let history = (name == "GLM")
        .then(|| {
            let history = RaisedCosines {
                count: bumps.count("count", 1)?.unwrap_or(8),
                first: bumps.number("first")?.unwrap_or(1.0),
                last: bumps.number("last")?.unwrap_or(50.0),
                offset: bumps.number("offset")?.unwrap_or(1.0),
            };
            bumps.done().map(|()| history)
        })
        .transpose()?;
    let coupled = name == "GLM" && of_model.flag("coupled", false)?;
    if name == "LNP" && bumps.exists() {
        return Err(of_model.error("history", "an LNP model has none; name = \"GLM\" has"));
    }
    let glm = Glm {
        lags: of_model.count("lags", 1)?.unwrap_or(25),
        size: job.size,
        observation: Observation {
            nonlinearity: model::nonlinearity(of_model, Nonlinearity::Exp)?,
            loss: job.loss,
        },
        regularizer: Regularizer::named(of_fit.choice("regularizer", &Regularizer::NAMES)?)?,
        history,
        coupled,
        search: NewtonOptions::default(),
    };
    done(&[of_model, of_fit, output])?;
    let pixels = job.size[0] * job.size[1];
    let column =
        |unit: usize| -> Vec<f64> { job.responses.iter().skip(unit).step_by(job.units).copied().collect() };
    let all: Vec<Vec<f64>> = (0..job.units).map(column).collect();
    let training: Vec<Vec<f64>> = all.iter().map(|response| response[..job.test].to_vec()).collect();
    let cells = glm.fit(&job.stimulus[..job.test * pixels], &training)?;
    let mut expected = vec![0.0; job.frames * job.units];
    let (mut parameters, mut arrays, mut summary) = (Parameters::new(), vec![], String::new());
    let g = glm.observation.nonlinearity.name();
    writeln!(summary, "{name}, {} lags, {g}, {}", glm.lags, scores::name(job.loss)).ok();
    for (unit, cell) in cells.iter().enumerate() {
        let rate = glm.predict(&cell.found, unit, &job.stimulus, &all)?;
        rate.iter().enumerate().for_each(|(t, rate)| expected[t * job.units + unit] = *rate);
        let (found, error) = (&cell.found, &cell.error);
        let shape = vec![glm.lags, job.size[0], job.size[1]];
        let cosines = vec![found.history.len()];
        parameters.insert(format!("unit_{unit}.bias"), found.bias.into());
        for (path, values, errors, shape) in [
            ("filter", &found.filter, &error.filter, shape),
            ("history", &found.history, &error.history, cosines),
        ] {
            if values.is_empty() {
                continue;
            }
            parameters.insert(
                format!("unit_{unit}.{path}"),
                ParameterValue::Array { shape: shape.clone(), values: values.clone() },
            );
            arrays.push((format!("unit_{unit}.{path}"), Array::new(shape.clone(), values.clone())?));
            arrays.push((format!("error.unit_{unit}.{path}"), Array::new(shape, errors.clone())?));
        }
        for (name, value) in [("", found.bias), ("error.", error.bias)] {
            arrays.push((format!("{name}unit_{unit}.bias"), Array::new([1], vec![value])?));
        }
        arrays.push((
            format!("unit_{unit}.losses"),
            Array::new([cell.minimum.losses.len()], cell.minimum.losses.clone())?,
        ));
        let norm = found.filter.iter().map(|k| k * k).sum::<f64>().sqrt();
        let arrived = if cell.minimum.converged { "converged" } else { "NOT converged" };
        let steps = cell.minimum.losses.len() - 1;
        writeln!(
            summary,
            "  unit {unit}: bias {:.5} ± {:.2}, |filter| {norm:.5}; {arrived} in {steps} steps",
            found.bias, error.bias
        )
        .ok();
    }
    Ok(Outcome { parameters, arrays, expected, summary })
}

/// All other models, by gradients.
fn training(name: &str, job: &Job, sections: [&Section<'_>; 3], quiet: bool) -> Result<Outcome> {
    let [of_model, of_fit, output] = sections;
    let (layer, rate) = model::build(name, of_model, job.size, job.units)?;
    let population = of_fit.count("population", 0)?;
    if population.is_some() && name != "Retina" {
        return Err(of_fit.error("population", &format!("{name} has none; it is for the Retina")));
    }
    let likely = match (name, job.loss) {
        ("Retina", _) => "spikes",
        (_, Loss::Gaussian | Loss::Huber { .. }) => "identity",
        _ if rate => "identity",
        _ => "softplus",
    };
    let names = [likely, "identity", "softplus", "exp", "power", "sigmoid", "spikes"];
    let gain = of_fit.flag("gain", false)?;
    let free = of_fit.texts("parameters")?;
    let readout = match of_fit.choice("readout", &names)? {
        "spikes" if name == "Retina" => {
            let neuron = free.as_ref().is_none_or(|free| free.iter().any(|name| of_neuron(name)));
            Readout::of_retina(&*layer, population.unwrap_or(0), neuron)
                .map_err(|error| of_fit.error("population", &error.to_string()))?
        }
        "spikes" => return Err(of_fit.error("readout", "\"spikes\" is for the Retina")),
        link => Readout::Rate {
            observation: Observation { nonlinearity: Nonlinearity::named(link)?, loss: job.loss },
            offset: link != "identity",
            gain,
        },
    };
    if let Some(free) = free {
        select(&*layer, &free).map_err(|error| of_fit.error("parameters", &error.to_string()))?;
    } else if name == "Retina" {
        let other = format!("gang_{}_", 1 - population.unwrap_or(0).min(1));
        for (_, parameter) in parameters(&*layer).iter().filter(|(path, _)| path.starts_with(&other)) {
            parameter.set_requires_grad(false)?;
        }
    }
    let method = match Method::named(of_fit.choice("optimizer", &["lbfgs", "adam"])?)? {
        Method::Adam { learning_rate } => {
            Method::Adam { learning_rate: of_fit.number("learning_rate")?.unwrap_or(learning_rate) }
        }
        Method::Lbfgs => Method::Lbfgs,
    };
    let adam = method != Method::Lbfgs;
    let part = of_fit.number("validation")?.unwrap_or(0.1);
    if !(0.0..1.0).contains(&part) {
        return Err(of_fit.error("validation", &format!("expected a part from 0, below 1, got {part}")));
    }
    let warmup = of_fit.count("warmup", 0)?.unwrap_or(0);
    let likely_patience = if adam { 50 } else { 20 };
    let training = Training {
        method,
        iterations: of_fit.count("iterations", 1)?.unwrap_or(if adam { 500 } else { 200 }),
        patience: of_fit.count("patience", 1)?.or((part > 0.0).then_some(likely_patience)),
        restarts: of_fit.count("restarts", 0)?.unwrap_or(0),
        seed: of_fit.count("seed", 0)?.unwrap_or(0) as u64,
        ..Training::default()
    };
    let errors = of_fit.flag("errors", true)?;
    let checkpoint = output.flag("checkpoint", false)?.then(|| job.folder.join("checkpoint.npz"));
    done(&[of_model, of_fit, output])?;
    let held_out = job.test - (part * job.test as f64).round() as usize;
    let counted = (0..job.frames)
        .map(|t| match t {
            t if t < warmup || t >= job.test => Counted::No,
            t if t >= held_out => Counted::Validation,
            _ => Counted::Training,
        })
        .collect();
    let movie = Tensor::from_vec(job.stimulus.clone(), &[1, 1, job.frames, job.size[0], job.size[1]])?;
    let mut objective =
        LayerObjective::new(&*layer, movie, job.responses.clone(), counted, readout, job.cells.clone())?;
    let trained = run(&training, &mut objective, checkpoint.as_deref(), quiet)?;
    let (_, coordinates) = objective.start()?;
    let known = if errors && trained.point.len() <= MOST_ERRORS {
        Some(information(&mut objective, &coordinates, &trained.point)?)
    } else {
        None
    };
    let expected = objective.expected(&trained.point)?;
    described(name, &*layer, objective.names(), &trained, known.as_ref(), expected)
}

/// Standard errors cost two runs of the model for every number.
const MOST_ERRORS: usize = 512;

/// Whether this is a parameter that the read-out of spikes fits: both of them, or none.
fn of_neuron(name: &str) -> bool {
    name.ends_with("g_L") || name.ends_with("noise_sigma")
}

/// Fits these parameters and no others.
fn select(layer: &dyn Layer, names: &[String]) -> convis::Result<()> {
    let free = names.iter().map(|name| parameter(layer, name)).collect::<convis::Result<Vec<_>>>()?;
    for (_, parameter) in parameters(layer) {
        let on = free.iter().any(|free| free.is(&parameter));
        // What the read-out of spikes fits has no gradient of its own.
        if on != parameter.requires_grad() && !of_neuron(parameter.name()) {
            parameter.set_requires_grad(on)?;
        }
    }
    Ok(())
}

fn run(
    training: &Training,
    objective: &mut LayerObjective<'_>,
    checkpoint: Option<&Path>,
    quiet: bool,
) -> Result<Trained> {
    let (start, coordinates) = objective.start()?;
    let resume = match checkpoint {
        Some(path) if path.exists() => {
            let arrays = read_npz(path)?.into_iter().map(|(name, array)| Ok((name, array.to_f64()?)));
            let arrays = arrays.collect::<Result<BTreeMap<_, _>>>()?;
            let found = Snapshot::from_arrays(&arrays);
            Some(found.map_err(|error| Error::Failed(format!("{}: {error}", path.display())))?)
        }
        _ => None,
    };
    interrupt::listen()?;
    let bar = ProgressBar::with_draw_target(
        None,
        if quiet { ProgressDrawTarget::hidden() } else { ProgressDrawTarget::stderr() },
    );
    let mut written = std::time::Instant::now();
    let (mut failure, mut last) = (None, None);
    let keep = |now: &Snapshot| -> Result<()> {
        let Some(path) = checkpoint else { return Ok(()) };
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder)
                .map_err(|reason| Error::Failed(format!("cannot make {}: {reason}", folder.display())))?;
        }
        let arrays =
            now.arrays().into_iter().map(|(name, array)| Ok((name, Array::new([array.len()], array)?)));
        Ok(write_npz(path, &arrays.collect::<Result<Vec<_>>>()?)?)
    };
    let found = training.run(objective, &coordinates, &start, resume, &mut |now| {
        let held_out =
            now.validations.last().map_or_else(String::new, |loss| format!(", held out {loss:.6}"));
        let loss = now.losses.last().copied().unwrap_or(f64::NAN);
        bar.set_message(format!(
            "start {}, iteration {}: loss {loss:.6}{held_out}",
            now.starts.len(),
            now.losses.len() - 1
        ));
        bar.tick();
        let stop = interrupt::requested();
        // Once a second: what an interruption loses is computed again, to the same bits.
        last = checkpoint.map(|_| now.clone());
        if stop || written.elapsed().as_secs_f64() > 1.0 {
            written = std::time::Instant::now();
            if let Err(error) = keep(now) {
                failure = Some(error);
                return Ok(ControlFlow::Break(()));
            }
        }
        Ok(if stop { ControlFlow::Break(()) } else { ControlFlow::Continue(()) })
    });
    bar.finish_and_clear();
    if failure.is_none() {
        last.iter().try_for_each(keep)?;
    }
    match (failure, interrupt::requested(), checkpoint) {
        (Some(error), ..) => Err(error),
        (None, true, Some(path)) => {
            Err(Error::Interrupted(format!("interrupted; the same command goes on from {}", path.display())))
        }
        (None, true, None) => Err(Error::Interrupted("interrupted; nothing was written".into())),
        (None, false, _) => Ok(found?),
    }
}

fn described(
    name: &str,
    layer: &dyn Layer,
    names: &[String],
    trained: &Trained,
    known: Option<&Information>,
    expected: Vec<f64>,
) -> Result<Outcome> {
    let mut values = Parameters::new();
    for (path, parameter) in parameters(layer) {
        let (numbers, shape) = parameter.value();
        let value =
            if shape == [1] { numbers[0].into() } else { ParameterValue::Array { shape, values: numbers } };
        values.insert(path, value);
    }
    let best = &trained.starts[trained.start];
    let mut summary = format!("{name}, {} numbers fitted\n", names.len());
    let held_out = trained.validation.map_or_else(String::new, |loss| format!(", held out {loss:.6}"));
    writeln!(
        summary,
        "  loss {:.6}{held_out}; start {} of {}, {} iterations ({})",
        trained.loss,
        trained.start,
        trained.starts.len(),
        best.losses.len() - 1,
        best.ended.name()
    )
    .ok();
    let mut groups: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
    let plain = |name: &'_ str| name.find('[').map_or(name.len(), |end| end);
    for (i, name) in names.iter().enumerate() {
        groups.entry(&name[..plain(name)]).or_default().push(i);
    }
    let mut arrays = vec![];
    for (path, places) in &groups {
        let of = |numbers: &[f64]| -> Vec<f64> { places.iter().map(|i| numbers[*i]).collect() };
        let found = of(&trained.point);
        let errors = known.map_or_else(|| vec![f64::NAN; found.len()], |known| of(&known.errors));
        let size = |x: &[f64]| (x.iter().map(|x| x * x).sum::<f64>() / x.len() as f64).sqrt();
        if found.len() == 1 {
            writeln!(summary, "  {path} = {:.6} ± {:.2}", found[0], errors[0]).ok();
        } else {
            writeln!(
                summary,
                "  {path}: {} numbers, rms {:.5} ± {:.2}",
                found.len(),
                size(&found),
                size(&errors)
            )
            .ok();
        }
        arrays.push(((*path).to_string(), Array::new([found.len()], found)?));
        arrays.push((format!("error.{path}"), Array::new([errors.len()], errors)?));
    }
    let mut told: Vec<String> = vec![];
    for group in known.iter().flat_map(|known| &known.undetermined) {
        let mut of_group: Vec<&str> = group.iter().map(|i| &names[*i][..plain(&names[*i])]).collect();
        of_group.dedup();
        let text = format!("  not determined by the data: {}", of_group.join(" and "));
        if !told.contains(&text) {
            writeln!(summary, "{text}").ok();
            told.push(text);
        }
    }
    for (i, start) in trained.starts.iter().enumerate() {
        if start.ended == convis::fit::Ended::Diverged {
            writeln!(summary, "  start {i} diverged; the best point is kept").ok();
        }
        for (what, losses) in [("losses", &start.losses), ("validations", &start.validations)] {
            arrays.push((format!("start.{i}.{what}"), Array::new([losses.len()], losses.clone())?));
        }
    }
    Ok(Outcome { parameters: values, arrays, expected, summary })
}

/// Scores, files, and what is printed.
fn finish(job: &Job, outcome: Outcome) -> Result<()> {
    let Outcome { parameters, mut arrays, expected, mut summary } = outcome;
    let scores = Scores::of(job, &expected);
    summary.push_str(&scores.text());
    fs::create_dir_all(&job.folder)
        .map_err(|reason| Error::Failed(format!("cannot make {}: {reason}", job.folder.display())))?;
    arrays.push(("expected".into(), Array::new([job.frames, job.units], expected)?));
    for (name, values) in scores.arrays() {
        arrays.push((format!("score.{name}"), Array::new([values.len()], values)?));
    }
    write_parameters(job.folder.join("parameters.toml"), &parameters)?;
    write_npz(job.folder.join("fit.npz"), &arrays)?;
    write_text(job.folder.join("summary.txt"), &summary)?;
    writeln!(summary, "wrote parameters.toml, fit.npz, summary.txt to {}", job.folder.display()).ok();
    say(&summary)
}
