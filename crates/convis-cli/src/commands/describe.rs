//! `convis describe`: every parameter of the model.

use std::fmt::Write;

use clap::Args;
use convis::layer::{Layer, layers, parameters};
use convis::parameter::{Parameter, Range};
use convis::retina::Retina;
use convis::{Error as LibraryError, Resolution};
use serde_json::{Value, json};

use crate::error::{Error, Result};
use crate::text::{say, wrapped};

/// List the parameters of the retina or of one of its stages: path, default, unit, meaning
///
/// The paths are what `convis run --set` and `--config` understand. Short names are other names for the same
/// parameter.
#[derive(Args, Debug)]
#[command(after_long_help = "\
Examples:
  convis describe                  the whole retina
  convis describe bipolar          one stage
  convis describe GanglionInput    all stages of a type
  convis describe --json | python3 -m json.tool")]
pub struct DescribeArguments {
    /// `retina`, the path of a stage such as `gang_0_input`, or a type such as `GanglionInput`
    #[arg(default_value = "retina")]
    model: String,

    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// A layer that has parameters of its own.
struct Section {
    path: String,
    kind: &'static str,
    doc: &'static str,
    parameters: Vec<Entry>,
}

struct Entry {
    path: String,
    short_names: Vec<String>,
    parameter: Parameter,
}

/// Prints the parameters.
pub fn describe(arguments: &DescribeArguments) -> Result<()> {
    let retina = Retina::new(convis::retina::RetinaOptions::default(), Resolution::default())?;
    let roots = roots(&retina, &arguments.model)?;
    let sections: Vec<Section> = sections(&retina)
        .into_iter()
        .filter(|section| roots.iter().any(|root| is_below(&section.path, root)))
        .collect();
    say(&if arguments.json { as_json(&arguments.model, &sections) } else { as_text(&retina, &sections) })
}

/// Paths of the layers that `model` means; the empty path is the retina itself.
fn roots(retina: &Retina, model: &str) -> Result<Vec<String>> {
    let plain = |name: &str| name.replace(['_', '-', '.'], "").to_lowercase();
    if plain(model) == plain(retina.kind()) {
        return Ok(vec![String::new()]);
    }
    let all = layers(retina);
    let fits = |path: &str, kind: &str| {
        let last = path.rsplit('.').next().unwrap_or(path);
        [path, last, kind].iter().any(|name| plain(name) == plain(model))
    };
    let found: Vec<String> =
        all.iter().filter(|(path, layer)| fits(path, layer.kind())).map(|(path, _)| path.clone()).collect();
    if found.is_empty() {
        let names = all.iter().flat_map(|(path, layer)| [path.as_str(), layer.kind()]);
        let error = LibraryError::unknown("model", model, names.chain(["retina"]));
        return Err(Error::Usage(format!("{error}; `convis describe` lists all of them")));
    }
    Ok(found)
}

fn is_below(path: &str, root: &str) -> bool {
    root.is_empty() || path.strip_prefix(root).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
}

/// The layers with parameters; those of a filter inside a stage stand with that filter.
fn sections(retina: &Retina) -> Vec<Section> {
    let layers = layers(retina);
    let mut sections: Vec<Section> = layers
        .iter()
        .map(|(path, layer)| Section {
            path: path.clone(),
            kind: layer.kind(),
            doc: layer.doc(),
            parameters: vec![],
        })
        .collect();
    for (path, parameter) in parameters(retina) {
        let owner = path.rsplit_once('.').map_or("", |(owner, _)| owner);
        let mut short_names = vec![];
        for (prefix, layer) in &layers {
            let own = layer.aliases().iter().filter(|(_, target)| format!("{prefix}.{target}") == path);
            short_names.extend(own.map(|(alias, _)| format!("{prefix}.{alias}")));
        }
        let entry = Entry { short_names, parameter, path: path.clone() };
        if let Some(section) = sections.iter_mut().find(|section| section.path == owner) {
            section.parameters.push(entry);
        }
    }
    sections
}

const fn range(range: Range) -> &'static str {
    match range {
        Range::Any => "any number",
        Range::Positive => "above 0",
        Range::NonNegative => "0 or above",
        Range::Count => "a whole number from 0",
    }
}

fn as_text(retina: &Retina, sections: &[Section]) -> String {
    let mut text = wrapped(&format!("{}: {}", retina.kind(), retina.doc()), 0);
    let resolution = retina.resolution();
    text += &wrapped(
        &format!(
            "Defaults at {} steps/s and {} pixels/deg. Set with `convis run --set PATH=VALUE` or --config FILE.",
            resolution.steps_per_second(),
            resolution.pixel_per_degree()
        ),
        0,
    );
    for section in sections {
        // Writing to a String cannot fail.
        writeln!(text, "\n{}  ({})", section.path, section.kind).ok();
        text += &wrapped(section.doc, 2);
        for Entry { path, short_names, parameter } in &section.parameters {
            let (value, spec) = (parameter.scalar(), parameter.spec());
            let unit = if spec.unit.is_empty() { String::new() } else { format!(" {}", spec.unit) };
            writeln!(text, "\n  {path} = {value}{unit}").ok();
            text += &wrapped(&format!("{} ({})", spec.doc, range(spec.range)), 6);
            for name in short_names {
                writeln!(text, "      short: {name}").ok();
            }
        }
    }
    text
}

fn as_json(model: &str, sections: &[Section]) -> String {
    let parameters: Vec<Value> = sections
        .iter()
        .flat_map(|section| &section.parameters)
        .map(|Entry { path, short_names, parameter }| {
            let spec = parameter.spec();
            json!({
                "path": path,
                "short_names": short_names,
                "unit": spec.unit,
                "default": parameter.scalar(),
                "range": range(spec.range),
                "differentiable": spec.differentiable,
                "doc": spec.doc,
            })
        })
        .collect();
    let layers: Vec<Value> = sections
        .iter()
        .map(|section| json!({ "path": section.path, "kind": section.kind, "doc": section.doc }))
        .collect();
    format!("{:#}\n", json!({ "model": model, "layers": layers, "parameters": parameters }))
}
