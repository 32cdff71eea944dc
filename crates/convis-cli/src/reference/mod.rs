//! The page about all layers and models: a table per group, made of the layers' own documentation, with a picture of
//! what each of them answers.

mod picture;
mod response;

use std::fmt::Write;
use std::path::Path;

use convis::catalogue::{self, Documentation, Entry, Gradient, Group};
use convis::layer::{Layer, parameters};
use convis::{Resolution, noise};

use crate::commands::describe::value_of;
use crate::error::{Error, Result};

/// What stands above the tables.
const HEAD: &str = "\
# Layers and models

Made by `convis describe --markdown --out docs/layers` from the documentation of the layers; `convis describe NAME` prints
all of it.

Movies are `[batch, channel, time, height, width]`. Values are defaults at 10 pixels per degree and 1000 steps per second;
weights that are 0 have no picture. Pictures show the answer to one bright pixel in one frame, over time at that pixel, and
across space in the frame of the largest answer; excitable cells get a constant current instead, and what they are given is
written below.
";

/// Writes the page and its pictures.
pub fn write(path: &Path) -> Result<()> {
    let name = path.file_name().and_then(|name| name.to_str());
    let Some(name) = name else {
        return Err(Error::Usage(format!("--out {}: expected a path that ends in a name", path.display())));
    };
    let failed = |path: &Path, reason: std::io::Error| {
        Error::Failed(format!("cannot write {}: {reason}; choose another --out", path.display()))
    };
    std::fs::create_dir_all(path).map_err(|reason| failed(path, reason))?;
    let mut page = HEAD.to_string();
    for group in Group::ALL {
        // Writing to a String cannot fail.
        writeln!(page, "\n## {}\n", group.title()).ok();
        page += "| layer | equation | parameters | state | gradient | answer |\n|---|---|---|---|---|---|\n";
        for entry in catalogue::all().iter().filter(|entry| entry.group == group) {
            // Random weights are the same at every run.
            noise::seed(noise::DEFAULT_SEED);
            let layer = entry.build(Resolution::default())?;
            let picture = match response::response(entry, &*layer)? {
                Some(answer) => {
                    let file = path.join(format!("{}.svg", entry.name));
                    save(&file, &picture::draw(&answer)).map_err(|reason| failed(&file, reason))?;
                    format!("![{}]({name}/{0}.svg)<br>{}", entry.name, answer.stimulus)
                }
                None => "–".to_string(),
            };
            page += &row(entry, &*layer, &picture);
        }
    }
    let file = path.with_extension("md");
    save(&file, &page).map_err(|reason| failed(&file, reason))
}

/// Writes under a temporary name first.
fn save(path: &Path, text: &str) -> std::io::Result<()> {
    let draft = path.with_extension("unfinished");
    std::fs::write(&draft, text)?;
    std::fs::rename(&draft, path)
}

/// The row of a layer.
fn row(entry: &Entry, layer: &dyn Layer, picture: &str) -> String {
    let documentation = entry.documentation();
    let also = entry.also.iter().map(|name| format!("<br>also `{name}`")).collect::<Vec<_>>().concat();
    format!(
        "| **{}**{also}<br>{} | {} | {} | {} | {} | {picture} |\n",
        entry.name,
        cell(documentation.summary()),
        cell(documentation.section("Equation").unwrap_or("–")),
        parameter_list(layer),
        cell(&state(&documentation)),
        gradient(entry, layer),
    )
}

/// Markdown in one line, as a table wants it: formulas line by line.
fn cell(markdown: &str) -> String {
    let (mut lines, mut in_code, mut prose) = (vec![], false, String::new());
    for line in markdown.lines() {
        if line.starts_with("```") {
            in_code = !in_code;
        }
        let formula = in_code && !line.starts_with("```");
        if (formula || line.starts_with("```") || line.is_empty()) && !prose.is_empty() {
            lines.push(std::mem::take(&mut prose));
        }
        if formula && !line.trim().is_empty() {
            lines.push(format!("`{}`", line.split_whitespace().collect::<Vec<_>>().join(" ")));
        } else if !formula && !line.starts_with("```") && !line.is_empty() {
            prose += if prose.is_empty() { "" } else { " " };
            prose += line.trim();
        }
    }
    lines.extend((!prose.is_empty()).then_some(prose));
    lines.join("<br>").replace('|', "\\|")
}

fn parameter_list(layer: &dyn Layer) -> String {
    let line = |path: &str, parameter: &convis::parameter::Parameter| {
        let unit = parameter.spec().unit;
        let unit = if unit.is_empty() { String::new() } else { format!(" {unit}") };
        format!("`{path}` {}{unit}", value_of(parameter))
    };
    let all: Vec<String> = parameters(layer).iter().map(|(path, parameter)| line(path, parameter)).collect();
    if all.is_empty() { "–".into() } else { all.join("<br>") }
}

/// What the documentation says of the state.
fn state(documentation: &Documentation) -> String {
    let shapes = documentation.section("Shapes").unwrap_or_default();
    let lower = shapes.to_lowercase();
    match (shapes.find("State: "), lower.contains("no state")) {
        (Some(start), _) => shapes[start + "State: ".len()..].to_string(),
        (None, true) => "none".into(),
        (None, false) => "that of its layers".into(),
    }
}

fn gradient(entry: &Entry, layer: &dyn Layer) -> String {
    if entry.gradient == Gradient::None {
        return entry.documentation().section("Gradient").map_or_else(|| "none".into(), cell);
    }
    let all = parameters(layer);
    let names = |wanted: &dyn Fn(&convis::parameter::Parameter) -> bool| {
        let named = all.iter().filter(|(_, parameter)| wanted(parameter));
        named.map(|(path, _)| format!("`{path}`")).collect::<Vec<_>>().join(", ")
    };
    let without = names(&|parameter| !parameter.spec().differentiable);
    let off = names(&|parameter| parameter.spec().differentiable && !parameter.requires_grad());
    let mut text = if all.is_empty() { "input".to_string() } else { "input, all parameters".into() };
    if !without.is_empty() {
        write!(text, " but {without}").ok();
    }
    if !off.is_empty() {
        write!(text, "; if asked for: {off}").ok();
    }
    text
}
