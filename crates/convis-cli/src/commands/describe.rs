//! `convis describe`: a layer or model: equation, state, parameters.

use std::fmt::Write;
use std::path::PathBuf;
use std::sync::Arc;

use clap::Args;
use convis::catalogue::{self, Documentation};
use convis::layer::{Layer, layers, parameters};
use convis::parameter::{Parameter, Range};
use convis::retina::Retina;
use convis::retina::RetinaDescription;
use convis::retina::description::schema::Node;
use convis::{Error as LibraryError, Resolution};
use serde_json::{Value, json};

use crate::error::{Error, Result};
use crate::reference;
use crate::text::{say, wrapped};

/// Describe the retina, one of its stages, or any layer or model of the library
///
/// Of the retina and its stages, the paths are what `convis run --set` and `--config` understand. Short names are other
/// names for the same parameter. With --retina, what a description of a retina can say, as `convis virtual-retina` reads
/// it.
#[derive(Args, Debug)]
#[command(after_long_help = "\
Examples:
  convis describe                  the whole retina
  convis describe bipolar          one stage
  convis describe GanglionInput    all stages of a type
  convis describe LNLN             any layer or model
  convis describe --retina         elements and attributes of descriptions
  convis describe --list           names of all layers and models
  convis describe --json | python3 -m json.tool
  convis describe --markdown --out docs/layers")]
#[allow(clippy::struct_excessive_bools)] // independent switches
pub struct DescribeArguments {
    /// `retina`, the path of a stage such as `gang_0_input`, or a type such as `GanglionInput` or `Conv3d`
    #[arg(default_value = "retina")]
    model: String,

    /// List all elements and attributes that a description of a retina (.xml, .toml, .json) can have
    #[arg(long, conflicts_with_all = ["model", "json", "list", "markdown"])]
    retina: bool,

    /// Print JSON
    #[arg(long)]
    json: bool,

    /// List the names of all layers and models
    #[arg(long, conflicts_with_all = ["json", "markdown"])]
    list: bool,

    /// Write a page about all layers and models: PATH.md, with pictures in the folder PATH
    #[arg(long, requires = "out", conflicts_with = "json")]
    markdown: bool,

    /// Where the page goes
    #[arg(long, value_name = "PATH", requires = "markdown")]
    out: Option<PathBuf>,
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

/// What is described: a layer, or parts of it.
struct Subject {
    layer: Arc<dyn Layer>,
    /// Paths of what is described; the empty path is all of it.
    roots: Vec<String>,
    documentation: Option<Documentation>,
}

/// Prints what is known of a layer.
pub fn describe(arguments: &DescribeArguments) -> Result<()> {
    if let (true, Some(out)) = (arguments.markdown, &arguments.out) {
        return reference::write(out);
    }
    if arguments.retina {
        return say(&schema());
    }
    if arguments.list {
        return say(&names());
    }
    let subject = subject(&arguments.model)?;
    let sections: Vec<Section> = sections(&*subject.layer)
        .into_iter()
        .filter(|section| subject.roots.iter().any(|root| is_below(&section.path, root)))
        .collect();
    say(&if arguments.json {
        as_json(&arguments.model, &subject, &sections)
    } else {
        as_text(&subject, &sections)
    })
}

/// The names of all layers, group by group.
fn names() -> String {
    let mut text = String::new();
    for group in catalogue::Group::ALL {
        let named = catalogue::all().iter().filter(|entry| entry.group == group);
        let names: Vec<&str> = named.map(|entry| entry.name).collect();
        // Writing to a String cannot fail.
        writeln!(text, "{}", group.title()).ok();
        text += &wrapped(&names.join(" "), 2);
    }
    text
}

/// All that a description can say: elements with their keys, attributes with unit, default and meaning.
fn schema() -> String {
    let mut text = wrapped(
        "What the description of a retina can say. A heading is the element of an .xml, and below it the key in .toml, \
         .json and `set`, where * is a number from 0. What a file leaves out has the default; (–) is no unit.",
        0,
    );
    list_nodes(&mut RetinaDescription::default(), "", &mut text);
    text
}

/// The nodes below a node, and below those.
fn list_nodes(node: &mut dyn Node, key: &str, text: &mut String) {
    for slot in node.slots() {
        let dot = if key.is_empty() { "" } else { "." };
        let key = format!("{key}{dot}{}{}", slot.key, if slot.list { ".*" } else { "" });
        let Some(below) = node.add(slot) else { continue };
        // Writing to a String cannot fail.
        writeln!(text, "\n<{}>\n  {key}", slot.element).ok();
        let older = if slot.older.is_empty() {
            String::new()
        } else {
            format!(" Older files call it {}.", slot.older.join(" or "))
        };
        let many = if slot.repeats { " There can be several." } else { "" };
        *text += &wrapped(&format!("In <{}>. {}.{many}{older}", slot.within, slot.doc), 2);
        for attribute in below.attributes() {
            let default = match below.value(attribute.name) {
                Some(value) => format!(" = {value}"),
                None => " (none)".to_owned(),
            };
            writeln!(text, "\n  {}{default}  ({})", attribute.name, attribute.unit).ok();
            *text += &wrapped(&format!("{} ({})", attribute.doc, attribute.kind), 6);
        }
        list_nodes(below, &key, text);
    }
}

/// Letters and digits of a name: how it is spelt does not matter.
fn plain(name: &str) -> String {
    name.replace(['_', '-', '.'], "").to_lowercase()
}

/// What `model` means: the retina, stages of it, or a layer of the catalogue.
fn subject(model: &str) -> Result<Subject> {
    let retina = Retina::new(convis::retina::RetinaOptions::default(), Resolution::default())?;
    let all = layers(&retina);
    let fits = |path: &str, kind: &str| {
        let last = path.rsplit('.').next().unwrap_or(path);
        [path, last, kind].iter().any(|name| plain(name) == plain(model))
    };
    let mut roots: Vec<String> =
        all.iter().filter(|(path, layer)| fits(path, layer.kind())).map(|(path, _)| path.clone()).collect();
    if plain(model) == plain(retina.kind()) {
        roots.push(String::new());
    }
    if roots.is_empty() {
        let Ok(entry) = catalogue::find(model) else {
            let stages = all.iter().flat_map(|(path, layer)| [path.as_str(), layer.kind()]);
            let names = catalogue::all().iter().map(|entry| entry.name);
            let error = LibraryError::unknown("model", model, stages.chain(names).chain(["retina"]));
            return Err(Error::Usage(format!("{error}; `convis describe --list` lists all of them")));
        };
        let layer = entry.build(Resolution::default())?;
        return Ok(Subject { layer, roots: vec![String::new()], documentation: Some(entry.documentation()) });
    }
    // Stages of one type are documented by it.
    let kind =
        |root: &String| all.iter().find(|(path, _)| path == root).map_or("Retina", |(_, layer)| layer.kind());
    let first = kind(&roots[0]);
    let one = roots.iter().all(|root| kind(root) == first);
    let documentation =
        if one { catalogue::find(first).ok().map(catalogue::Entry::documentation) } else { None };
    Ok(Subject { layer: Arc::new(retina), roots, documentation })
}

fn is_below(path: &str, root: &str) -> bool {
    root.is_empty() || path.strip_prefix(root).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
}

/// The layer itself and the layers below, with their parameters.
fn sections(root: &dyn Layer) -> Vec<Section> {
    let layers = layers(root);
    let mut sections =
        vec![Section { path: String::new(), kind: root.kind(), doc: root.doc(), parameters: vec![] }];
    sections.extend(layers.iter().map(|(path, layer)| Section {
        path: path.clone(),
        kind: layer.kind(),
        doc: layer.doc(),
        parameters: vec![],
    }));
    for (path, parameter) in parameters(root) {
        let owner = path.rsplit_once('.').map_or("", |(owner, _)| owner);
        let join = |prefix: &str, name: &str| {
            if prefix.is_empty() { name.into() } else { format!("{prefix}.{name}") }
        };
        let mut short_names = vec![];
        let mut look = |prefix: &str, layer: &dyn Layer| {
            let own = layer.aliases().iter().filter(|(_, target)| join(prefix, target) == path);
            short_names.extend(own.map(|(alias, _)| join(prefix, alias)));
        };
        look("", root);
        for (prefix, layer) in &layers {
            look(prefix, &**layer);
        }
        if let Some(section) = sections.iter_mut().find(|section| section.path == owner) {
            section.parameters.push(Entry { short_names, parameter, path: path.clone() });
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

/// A number, or the shape of many.
pub fn value_of(parameter: &Parameter) -> String {
    match &parameter.value() {
        (values, _) if values.len() == 1 => values[0].to_string(),
        (_, shape) => shape.iter().map(ToString::to_string).collect::<Vec<_>>().join(" × ") + " numbers",
    }
}

fn as_text(subject: &Subject, sections: &[Section]) -> String {
    let layer = &*subject.layer;
    let mut text = match &subject.documentation {
        Some(documentation) => documented(documentation),
        None => String::new(),
    };
    text += &wrapped(&format!("{}: {}", layer.kind(), layer.doc()), 0);
    let resolution = layer.resolution();
    let set = if layer.kind() == "Retina" {
        " Set with `convis run --set PATH=VALUE` or --config FILE."
    } else {
        ""
    };
    text += &wrapped(
        &format!(
            "Defaults at {} steps/s and {} pixels/deg.{set}",
            resolution.steps_per_second(),
            resolution.pixel_per_degree()
        ),
        0,
    );
    for section in sections {
        // Writing to a String cannot fail.
        if !section.path.is_empty() {
            writeln!(text, "\n{}  ({})", section.path, section.kind).ok();
            text += &wrapped(section.doc, 2);
        }
        for Entry { path, short_names, parameter } in &section.parameters {
            let (value, spec) = (value_of(parameter), parameter.spec());
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

/// The documentation of a type but for its table of parameters, which follow one by one, and its example in Rust.
fn documented(documentation: &Documentation) -> String {
    let mut text = paragraphs(documentation.summary(), 0);
    for (title, body) in documentation.sections() {
        if !matches!(title.as_str(), "Parameters" | "Example") {
            text.extend(["\n", title, "\n", &paragraphs(body, 2)]);
        }
    }
    text + "\n"
}

/// Prose in lines that fit the terminal; formulas and tables as they are.
fn paragraphs(markdown: &str, indent: usize) -> String {
    let (mut text, mut prose, mut in_code) = (String::new(), String::new(), false);
    let flush = |prose: &mut String, text: &mut String| {
        if !prose.is_empty() {
            *text += &wrapped(&std::mem::take(prose), indent);
        }
    };
    for line in markdown.lines() {
        if line.starts_with("```") {
            flush(&mut prose, &mut text);
            in_code = !in_code;
        } else if in_code || line.starts_with('|') {
            flush(&mut prose, &mut text);
            text.extend([&" ".repeat(indent + 2 * usize::from(in_code)), line, "\n"]);
        } else if line.is_empty() {
            flush(&mut prose, &mut text);
        } else {
            prose.extend([&line.replace('`', ""), " "]);
        }
    }
    flush(&mut prose, &mut text);
    text
}

fn as_json(model: &str, subject: &Subject, sections: &[Section]) -> String {
    let parameters: Vec<Value> = sections
        .iter()
        .flat_map(|section| &section.parameters)
        .map(|Entry { path, short_names, parameter }| {
            let spec = parameter.spec();
            let (values, shape) = parameter.value();
            json!({
                "path": path,
                "short_names": short_names,
                "unit": spec.unit,
                "default": if values.len() == 1 { json!(values[0]) } else { json!(values) },
                "shape": shape,
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
    let documentation = subject.documentation.as_ref().map(|documentation| {
        let sections: serde_json::Map<String, Value> = documentation
            .sections()
            .iter()
            .map(|(title, body)| (title.to_lowercase(), json!(body)))
            .collect();
        json!({ "summary": documentation.summary(), "sections": sections })
    });
    format!(
        "{:#}\n",
        json!({ "model": model, "documentation": documentation, "layers": layers, "parameters": parameters })
    )
}
