//! The description in `params_json`: attributes by the names that files of Virtual Retina give them.

use convis::retina::description::schema::{Node, Slot, Value, set_attribute};
use convis::retina::description::{OuterPlexiform, RetinaDescription};
use serde_json::{Map, Value as Json};

use crate::compare::text;

/// What says how the file was made, and nothing of the retina.
const ABOUT_THE_FILE: [&str; 6] =
    ["stimulus", "frame_repetition", "initial_luminance", "cimg", "seed", "spike_time_digits"];

/// The description that `params_json` holds.
pub fn of(params: &Json) -> Result<RetinaDescription, String> {
    let mut description = RetinaDescription::default();
    let object = params.as_object().ok_or("params_json is no object")?;
    let custom = object.get("cgc_tag").and_then(Json::as_str) == Some("contrast-gain-control-custom");
    for (key, value) in object {
        match key.as_str() {
            key if ABOUT_THE_FILE.contains(&key) => {}
            "cgc_tag" | "undershoot" => {} // with "cgc" and "opl"
            "cgc" => {
                let element = if custom { "contrast-gain-control-custom" } else { "contrast-gain-control" };
                add(&mut description, element, value)?;
            }
            "opl" => {
                let OuterPlexiform::Linear(linear) = &mut description.outer_plexiform else {
                    return Err("a linear layer is the default".into());
                };
                assign(linear, value)?;
                if let Some(undershoot) = object.get("undershoot") {
                    add(linear, "undershoot", undershoot)?;
                }
            }
            "ganglion" => {
                for layer in value.as_array().ok_or("ganglion is no list")? {
                    add(&mut description, "ganglion-layer", layer)?;
                }
            }
            element => add(&mut description, element, value)?,
        }
    }
    Ok(description)
}

/// Adds a node below `parent` with all that `value` says of it.
fn add(parent: &mut dyn Node, element: &str, value: &Json) -> Result<(), String> {
    let slot: &'static Slot = parent
        .slots()
        .iter()
        .find(|slot| slot.element == element)
        .ok_or_else(|| format!("params_json: {element} is not known here"))?;
    assign(parent.add(slot).ok_or_else(|| format!("{element} cannot be added"))?, value)
}

/// Sets attributes, and adds the nodes below.
fn assign(node: &mut dyn Node, value: &Json) -> Result<(), String> {
    let values: &Map<String, Json> = value.as_object().ok_or("a node is no object")?;
    for (name, value) in values {
        match value {
            Json::Object(_) => add(node, name, value)?,
            Json::Number(number) => {
                set_attribute(node, name, Value::Number(number.as_f64().unwrap_or(f64::NAN)))
                    .map_err(text)?;
            }
            Json::Bool(flag) => set_attribute(node, name, Value::Flag(*flag)).map_err(text)?,
            _ => return Err(format!("params_json: {name} is no number")),
        }
    }
    Ok(())
}
