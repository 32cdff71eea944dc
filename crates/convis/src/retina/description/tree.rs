//! A description as nested tables: what TOML, JSON and Python dictionaries hold.

use super::schema::{Attribute, Node, Slot, Value, find_slot, quoted, set_attribute};
use super::{RetinaDescription, joined};
use crate::{Error, Result};

/// Values, lists and tables.
#[derive(Clone, Debug, PartialEq)]
pub enum Tree {
    /// A value.
    Value(Value),
    /// A list.
    List(Vec<Self>),
    /// Named trees, in order.
    Table(Vec<(String, Self)>),
}

impl Tree {
    /// What it is, in a word or by its value.
    pub(super) fn shown(&self) -> String {
        match self {
            Self::Value(value) => quoted(value),
            Self::List(items) => format!("a list of {}", items.len()),
            Self::Table(_) => "a table".to_string(),
        }
    }
}

impl From<f64> for Tree {
    fn from(number: f64) -> Self {
        Self::Value(Value::Number(number))
    }
}

impl From<bool> for Tree {
    fn from(flag: bool) -> Self {
        Self::Value(Value::Flag(flag))
    }
}

impl From<&str> for Tree {
    fn from(text: &str) -> Self {
        Self::Value(Value::Text(text.to_string()))
    }
}

/// What to do with names that do not exist.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Unknown {
    /// An error.
    #[default]
    Refuse,
    /// Pass over them, and remember a warning for each.
    Warn(Vec<String>),
}

impl Unknown {
    /// Refuses, or remembers.
    ///
    /// # Errors
    /// The one given, unless unknown names are passed over.
    pub fn meet(&mut self, error: impl Into<String>) -> Result<()> {
        match self {
            Self::Refuse => Err(Error::Mismatch(error.into())),
            Self::Warn(warnings) => {
                warnings.push(error.into());
                Ok(())
            }
        }
    }

    /// The warnings so far.
    pub fn into_warnings(self) -> Vec<String> {
        match self {
            Self::Refuse => vec![],
            Self::Warn(warnings) => warnings,
        }
    }
}

impl RetinaDescription {
    /// As nested tables.
    ///
    /// ```
    /// use convis::retina::description::{RetinaDescription, tree::{Tree, Unknown}};
    /// let parasol = RetinaDescription::preset("parasol")?;
    /// let tree = parasol.to_tree();
    /// assert_eq!(RetinaDescription::from_tree(&tree, &mut Unknown::Refuse)?, parasol);
    /// # Ok::<(), convis::Error>(())
    /// ```
    pub fn to_tree(&self) -> Tree {
        of_node(self)
    }

    /// From nested tables. What they leave out has its default value, and optional nodes are missing.
    ///
    /// # Errors
    /// If a name does not exist, a value is out of range, or something is given twice.
    pub fn from_tree(tree: &Tree, unknown: &mut Unknown) -> Result<Self> {
        let mut description = Self::default();
        fill(&mut description, tree, "", unknown)?;
        description.check()?;
        Ok(description)
    }
}

/// A node and all below it.
pub(super) fn of_node(node: &dyn Node) -> Tree {
    let mut table = vec![];
    for attribute in node.attributes() {
        if let Some(value) = node.value(attribute.name) {
            table.push((attribute.name.to_string(), Tree::Value(value)));
        }
    }
    for slot in node.slots() {
        let nodes = node.nodes(slot);
        if slot.list && (slot.repeats || !nodes.is_empty()) && !(slot.key == "units" && nodes.is_empty()) {
            table.push((slot.key.to_string(), Tree::List(nodes.into_iter().map(of_node).collect())));
        } else if let Some(node) = nodes.first() {
            table.push((slot.key.to_string(), of_node(*node)));
        }
    }
    Tree::Table(table)
}

/// What a key of a node means.
pub(super) enum Meaning {
    /// A value.
    Attribute(&'static Attribute),
    /// Nodes below.
    Below(&'static Slot),
}

/// What a key of a node means.
pub(super) fn meaning(node: &dyn Node, key: &str) -> Result<Meaning> {
    let attributes = node.attributes();
    if let Some(attribute) = attributes.iter().find(|attribute| attribute.is_called(key)) {
        return Ok(Meaning::Attribute(attribute));
    }
    find_slot(node, key, |slot, key| slot.key == key).map(Meaning::Below).map_err(|_| {
        let names = attributes.iter().map(|attribute| attribute.name);
        Error::unknown("key", key, names.chain(node.slots().iter().map(|slot| slot.key)))
    })
}

/// Says all that a table says.
pub(super) fn fill(node: &mut dyn Node, tree: &Tree, path: &str, unknown: &mut Unknown) -> Result<()> {
    let Tree::Table(entries) = tree else {
        return Err(Error::argument(named(path), "a table", tree.shown()));
    };
    let mut filled: Vec<&Slot> = vec![];
    for (key, below) in entries {
        let here = joined(path, key);
        match meaning(node, key) {
            Err(error) => unknown.meet(match path {
                "" => error.to_string(),
                _ => format!("{path}: {error}"),
            })?,
            Ok(Meaning::Attribute(attribute)) => set_value(node, attribute, below, &here)?,
            Ok(Meaning::Below(slot)) => {
                if let Some(other) = filled.iter().find(|other| other.group == slot.group) {
                    let expected = format!("nothing beside {}, of which it is another form", other.key);
                    return Err(Error::argument(here, expected, "both"));
                }
                filled.push(slot);
                replace(node, slot, below, &here, unknown)?;
            }
        }
    }
    Ok(())
}

/// Sets an attribute to a value.
pub(super) fn set_value(node: &mut dyn Node, attribute: &Attribute, tree: &Tree, path: &str) -> Result<()> {
    let Tree::Value(value) = tree else {
        return Err(Error::argument(path, attribute.kind, tree.shown()));
    };
    set_attribute(node, attribute.name, value.clone()).map_err(|error| match error {
        Error::Argument { expected, found, .. } => Error::argument(path, expected, found),
        other => other,
    })
}

/// Replaces the nodes at one place.
pub(super) fn replace(
    node: &mut dyn Node,
    slot: &'static Slot,
    tree: &Tree,
    path: &str,
    unknown: &mut Unknown,
) -> Result<()> {
    let fill_one = |node: &mut dyn Node, tree: &Tree, path: &str, unknown: &mut Unknown| match node.add(slot)
    {
        Some(added) => fill(added, tree, path, unknown),
        None => Ok(()),
    };
    if !slot.list {
        return fill_one(node, tree, path, unknown);
    }
    let Tree::List(items) = tree else {
        return Err(Error::argument(path, "a list of tables", tree.shown()));
    };
    if !slot.repeats && items.len() != 1 {
        return Err(Error::argument(path, "a list of one table", tree.shown()));
    }
    node.clear(slot);
    for (number, item) in items.iter().enumerate() {
        fill_one(node, item, &format!("{path}.{number}"), unknown)?;
    }
    Ok(())
}

/// The path of the whole has no name of its own.
fn named(path: &str) -> &str {
    if path.is_empty() { "the description" } else { path }
}

#[cfg(test)]
mod tests {
    use super::super::PRESETS;
    use super::*;

    fn table<const N: usize>(entries: [(&str, Tree); N]) -> Tree {
        Tree::Table(entries.into_iter().map(|(key, tree)| (key.to_string(), tree)).collect())
    }

    #[test]
    fn trees_lose_nothing() {
        for preset in PRESETS {
            let description = RetinaDescription::preset(preset.name).unwrap();
            let back = RetinaDescription::from_tree(&description.to_tree(), &mut Unknown::Refuse).unwrap();
            assert_eq!(back, description, "{}", preset.name);
        }
    }

    #[test]
    fn unknown_names_are_refused_or_remembered() {
        let tree =
            table([("retina", table([("pixels-per-degre", 3.0.into()), ("temporal-step", 0.002.into())]))]);
        let error = RetinaDescription::from_tree(&tree, &mut Unknown::Refuse).unwrap_err().to_string();
        assert_eq!(
            error,
            "retina: key \"pixels-per-degre\" does not exist; did you mean \"pixels-per-degree\"?"
        );
        let mut unknown = Unknown::Warn(vec![]);
        let description = RetinaDescription::from_tree(&tree, &mut unknown).unwrap();
        assert_eq!(description.retina.temporal_step_s, 0.002);
        assert_eq!(unknown.into_warnings(), [error]);
    }

    #[test]
    fn two_forms_of_one_thing_and_wrong_shapes_are_refused() {
        let fails =
            |tree: Tree| RetinaDescription::from_tree(&tree, &mut Unknown::Refuse).unwrap_err().to_string();
        let both = [("contrast-gain-control", table([])), ("contrast-gain-control-custom", table([]))];
        assert!(fails(table(both)).contains("nothing beside contrast-gain-control"));
        let layers = fails(table([("ganglion-layers", table([]))]));
        assert_eq!(layers, "ganglion-layers: expected a list of tables, got a table");
        let opl = fails(table([("outer-plexiform-layers", Tree::List(vec![]))]));
        assert_eq!(opl, "outer-plexiform-layers: expected a list of one table, got a list of 0");
        let step = fails(table([("retina", table([("temporal-step__sec", "fast".into())]))]));
        assert_eq!(step, "retina.temporal-step__sec: expected a finite number above 0, got \"fast\"");
        assert_eq!(fails(1.0.into()), "the description: expected a table, got 1");
    }
}
