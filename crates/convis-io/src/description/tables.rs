//! Descriptions in TOML and JSON.

use std::fmt;
use std::path::Path;

use convis::retina::RetinaDescription;
use convis::retina::description::schema::Value;
use convis::retina::description::tree::{Tree, Unknown};
use serde::de::{self, Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde::ser::{Serialize, SerializeMap, SerializeSeq, Serializer};
use toml::de::{DeTable, DeValue};

use super::Syntax;
use crate::{Error, Result};

/// The description that a file holds.
pub(super) fn parse(
    bytes: &[u8],
    syntax: Syntax,
    path: &Path,
    unknown: &mut Unknown,
) -> Result<RetinaDescription> {
    let broken = |found: String| {
        let advice = "correct the file; `convis describe --retina` lists what there is";
        let found = found.trim_end().trim_start_matches("TOML parse error ");
        Error::malformed(path, "the description of a retina", found, advice)
    };
    let text = std::str::from_utf8(bytes).map_err(|_| broken("bytes that are no UTF-8 text".to_owned()))?;
    let tree: Text = match syntax {
        Syntax::Toml => toml::from_str(text).map_err(|error| broken(error.to_string()))?,
        _ => serde_json::from_str(text).map_err(|error| broken(error.to_string()))?,
    };
    let first = match unknown {
        Unknown::Warn(warnings) => warnings.len(),
        Unknown::Refuse => 0,
    };
    let description = RetinaDescription::from_tree(&tree.0, unknown).map_err(|error| {
        let line = match syntax {
            Syntax::Toml => key_of(&error).and_then(|key| line_of(text, &key)),
            // This parser does not tell where values stand.
            _ => None,
        };
        broken(line.map_or_else(|| error.to_string(), |line| format!("in line {line}: {error}")))
    })?;
    if let Unknown::Warn(warnings) = unknown {
        for warning in &mut warnings[first..] {
            *warning = format!("{}: {warning}", path.display());
        }
    }
    Ok(description)
}

/// The key that an error is about: its argument, or the unknown key after the path `path: key "name" …`.
fn key_of(error: &convis::Error) -> Option<String> {
    if let convis::Error::Argument { argument, .. } = error {
        return Some(argument.clone());
    }
    let text = error.to_string();
    let (path, rest) = text.split_once("key \"")?;
    let name = rest.split('"').next()?;
    Some(match path.strip_suffix(": ") {
        Some(path) => format!("{path}.{name}"),
        None => name.to_owned(),
    })
}

/// The line of a TOML file in which a dotted key stands, or the table that should have it.
fn line_of(text: &str, key: &str) -> Option<usize> {
    let file = DeTable::parse(text).ok()?;
    let mut at = None;
    let mut now = &DeValue::Table(file.into_inner());
    for word in key.split('.') {
        match now {
            DeValue::Table(table) => {
                // A key may have been written with its older name, which has no unit.
                let is_it = |name: &str| {
                    name == word || word.split_once("__").is_some_and(|(older, _)| older == name)
                };
                let Some((name, value)) = table.iter().find(|(name, _)| is_it(name.get_ref())) else { break };
                at = Some(name.span().start);
                now = value.get_ref();
            }
            DeValue::Array(items) => {
                let Some(value) = word.parse().ok().and_then(|number: usize| items.get(number)) else {
                    break;
                };
                at = Some(value.span().start);
                now = value.get_ref();
            }
            _ => break,
        }
    }
    at.map(|at| 1 + text[..at].matches('\n').count())
}

/// A description as a file.
pub(super) fn format(description: &RetinaDescription, syntax: Syntax) -> Result<String> {
    let tree = Text(description.to_tree());
    let failed = |error: String| Error::argument("description", "values that can be written", error);
    match syntax {
        Syntax::Toml => toml::to_string(&tree).map_err(|error| failed(error.to_string())),
        _ => match serde_json::to_string_pretty(&tree) {
            Ok(text) => Ok(text + "\n"),
            Err(error) => Err(failed(error.to_string())),
        },
    }
}

/// A tree that can be read and written as text.
struct Text(Tree);

impl<'de> Deserialize<'de> for Text {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> std::result::Result<Self, D::Error> {
        deserializer.deserialize_any(Nodes).map(Self)
    }
}

struct Nodes;

impl<'de> Visitor<'de> for Nodes {
    type Value = Tree;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a number, text, true, false, a list or a table")
    }

    fn visit_bool<E: de::Error>(self, flag: bool) -> std::result::Result<Tree, E> {
        Ok(flag.into())
    }

    fn visit_i64<E: de::Error>(self, number: i64) -> std::result::Result<Tree, E> {
        Ok((number as f64).into())
    }

    fn visit_u64<E: de::Error>(self, number: u64) -> std::result::Result<Tree, E> {
        Ok((number as f64).into())
    }

    fn visit_f64<E: de::Error>(self, number: f64) -> std::result::Result<Tree, E> {
        Ok(number.into())
    }

    fn visit_str<E: de::Error>(self, text: &str) -> std::result::Result<Tree, E> {
        Ok(text.into())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> std::result::Result<Tree, A::Error> {
        let mut items = vec![];
        while let Some(Text(item)) = list.next_element()? {
            items.push(item);
        }
        Ok(Tree::List(items))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> std::result::Result<Tree, A::Error> {
        let mut entries: Vec<(String, Tree)> = vec![];
        let mut names = std::collections::HashSet::new();
        while let Some((name, Text(tree))) = map.next_entry::<String, Text>()? {
            if !names.insert(name.clone()) {
                return Err(de::Error::custom(format!("'{name}' is given twice")));
            }
            entries.push((name, tree));
        }
        Ok(Tree::Table(entries))
    }
}

impl Serialize for Text {
    fn serialize<S: Serializer>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error> {
        Borrowed(&self.0).serialize(serializer)
    }
}

struct Borrowed<'a>(&'a Tree);

impl Serialize for Borrowed<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error> {
        match self.0 {
            // Whole numbers are written as such; the nearest float of what is read is the same again.
            Tree::Value(Value::Number(number)) if number.fract() == 0.0 && number.abs() < 1e15 => {
                serializer.serialize_i64(*number as i64)
            }
            Tree::Value(Value::Number(number)) => serializer.serialize_f64(*number),
            Tree::Value(Value::Flag(flag)) => serializer.serialize_bool(*flag),
            Tree::Value(Value::Text(text)) => serializer.serialize_str(text),
            Tree::List(items) => {
                let mut list = serializer.serialize_seq(Some(items.len()))?;
                for item in items {
                    list.serialize_element(&Borrowed(item))?;
                }
                list.end()
            }
            Tree::Table(entries) => {
                let mut map = serializer.serialize_map(Some(entries.len()))?;
                for (name, tree) in entries {
                    map.serialize_entry(name, &Borrowed(tree))?;
                }
                map.end()
            }
        }
    }
}
