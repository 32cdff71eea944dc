//! The retina that the arguments describe.

use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};
use convis::layer::{parameter, parameters, stages};
use convis::retina::{Retina, RetinaOptions};
use convis::{Integration, Resolution};
use convis_io::{ParameterValue, read_parameters};

use crate::error::{Error, Result};
use crate::rate::Rate;

/// The model and its parameters.
#[derive(Args, Debug)]
#[command(next_help_heading = "Model")]
pub struct ModelArguments {
    /// Parameter values from a .toml or .json file; `convis describe` lists the names
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,

    /// The value of one parameter, e.g. `bipolar.lambda_amp=50`; may be repeated; wins over --config
    #[arg(long, value_name = "PATH=VALUE", value_parser = assignment)]
    pub set: Vec<(String, f64)>,

    /// Pixels per degree of visual angle
    #[arg(long, value_name = "NUMBER", default_value_t = 10.0, value_parser = positive)]
    pub pixels_per_degree: f64,

    /// Steps of the simulation per second
    #[arg(long, value_name = "RATE", default_value = "1000")]
    pub steps_per_second: Rate,

    /// Seed of the noise
    #[arg(long, value_name = "NUMBER", default_value_t = 0)]
    pub seed: u64,

    /// How spikes are computed
    #[arg(long, value_enum, default_value_t = Method::Exact)]
    pub integration: Method,

    /// Leave the spikes out and stop at the current of the ganglion cells; needs --save
    #[arg(long, requires = "save")]
    pub no_spikes: bool,
}

/// How spikes are computed.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub enum Method {
    /// Spikes at their exact times within a step
    Exact,
    /// Spikes on the grid of steps, as the Python toolbox of 2018 computed them
    Euler,
}

impl ModelArguments {
    /// The retina with these parameters.
    pub fn build(&self) -> Result<Retina> {
        let resolution = Resolution::new(self.pixels_per_degree, self.steps_per_second.hertz())?;
        let integration = match self.integration {
            Method::Exact => Integration::Exact,
            Method::Euler => Integration::Euler,
        };
        let options = RetinaOptions { spikes: !self.no_spikes, integration, ..RetinaOptions::default() };
        let retina = Retina::new(options, resolution)?;
        if let Some(path) = &self.config {
            for (name, value) in read_parameters(path)? {
                let (values, shape) = match value {
                    ParameterValue::Number(number) => (vec![number], vec![1]),
                    ParameterValue::Array { shape, values } => (values, shape),
                };
                let set = parameter(&retina, &name).and_then(|p| p.set_value(values, &shape));
                set.map_err(|error| Error::Failed(format!("{}: {}", path.display(), advised(&name, error))))?;
            }
        }
        for (name, value) in &self.set {
            let set = parameter(&retina, name).and_then(|p| p.set(*value));
            set.map_err(|error| Error::Usage(format!("--set {name}={value}: {}", advised(name, error))))?;
        }
        Ok(retina)
    }
}

/// What is wrong with the parameter `name`, and where to look for what is right.
fn advised(name: &str, error: convis::Error) -> String {
    match error {
        convis::Error::Argument { expected, found, .. } => {
            format!("{name}: expected {expected}, got {found}")
        }
        convis::Error::Unknown { .. } => format!("{error}; `convis describe` lists all parameters"),
        other => other.to_string(),
    }
}

/// The values of all parameters by path, as JSON text that `--config` understands.
pub fn parameters_json(retina: &Retina) -> String {
    let values = parameters(retina).into_iter().map(|(path, parameter)| {
        let (values, _) = parameter.value();
        let value = if values.len() == 1 { values[0].into() } else { values.into() };
        (path, value)
    });
    serde_json::Value::Object(values.collect()).to_string()
}

/// Short names of several stages at once.
const GROUPS: [(&str, [&str; 2]); 2] =
    [("spikes", ["gang_0_spikes", "gang_1_spikes"]), ("current", ["gang_0_input", "gang_1_input"])];

/// The paths of the stages that `--save` names: paths, ends of paths, or groups.
pub fn stage_paths(retina: &Retina, names: &[String]) -> Result<Vec<String>> {
    let all = stages(retina);
    let mut paths: Vec<String> = vec![];
    for name in names {
        let group = GROUPS.iter().find(|(group, _)| group == name).map(|(_, members)| &members[..]);
        let ending = format!(".{name}");
        let is_named = |path: &&String| match group {
            Some(members) => members.contains(&path.as_str()),
            None => *path == name || path.ends_with(&ending),
        };
        let named: Vec<&String> = all.iter().filter(is_named).collect();
        if named.is_empty() && group.is_some() {
            return Err(Error::Usage(format!(
                "--save {name}: with --no-spikes there are none; drop one of the two"
            )));
        }
        if named.is_empty() {
            let short = all.iter().map(|path| path.rsplit('.').next().unwrap_or(path));
            let existing = all.iter().map(String::as_str).chain(short).chain(GROUPS.map(|(group, _)| group));
            let error = convis::Error::unknown("stage", name, existing);
            let advice = "stages are opl, bipolar, current, spikes and the headings of `convis describe`";
            return Err(Error::Usage(format!("--save: {error}; {advice}")));
        }
        for path in named {
            if !paths.contains(path) {
                paths.push(path.clone());
            }
        }
    }
    Ok(paths)
}

/// `PATH=VALUE`.
fn assignment(text: &str) -> Result<(String, f64), String> {
    let (name, value) = text.split_once('=').ok_or("expected PATH=VALUE, e.g. bipolar.lambda_amp=50")?;
    match value.trim().parse::<f64>() {
        Ok(value) if value.is_finite() => Ok((name.trim().to_string(), value)),
        _ => Err(format!("expected a finite number after '=', got '{value}'")),
    }
}

/// A finite number above 0.
pub fn positive(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(number) if number.is_finite() && number > 0.0 => Ok(number),
        _ => Err("expected a number above 0".into()),
    }
}

/// Refuses to write over what is read: `outputs` and `inputs` are files, `remedy` says what to do instead.
pub fn check_no_input_is_written<'a>(
    outputs: impl IntoIterator<Item = PathBuf>,
    inputs: impl IntoIterator<Item = &'a str>,
    remedy: &str,
) -> Result<()> {
    // Of what does not exist nothing can be lost.
    let outputs: Vec<(PathBuf, PathBuf)> =
        outputs.into_iter().filter_map(|path| Some((path.canonicalize().ok()?, path))).collect();
    for input in inputs {
        let Ok(same) = Path::new(input).canonicalize() else { continue };
        if let Some((_, output)) = outputs.iter().find(|(path, _)| *path == same) {
            let output = output.display();
            return Err(Error::Usage(format!("{output} would be written over the input {input}: {remedy}")));
        }
    }
    Ok(())
}

/// Refuses an output whose folder does not exist, before anything is computed.
pub fn check_folder_of(path: &Path) -> Result<()> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    if folder.is_dir() {
        return Ok(());
    }
    let (path, folder) = (path.display(), folder.display());
    Err(Error::Failed(format!("cannot write {path}: the folder {folder} does not exist; create it first")))
}
