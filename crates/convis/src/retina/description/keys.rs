//! Reading and changing a description by dotted keys.
//!
//! | part of a key | means |
//! |---|---|
//! | `retina`, `sigma-V` | a node or an attribute; `__unit` may be left out |
//! | `0`, `1`, … | an item of a list, such as `ganglion-layers` |
//! | `*` | every item |
//! | `=` | item by item: a list of values, one for each; any other value for all |
//! | `name=Parasol On` | the items whose attribute has this value |
//! | `+` | (setting only) a new item behind the others |

use super::schema::{Node, Slot};
use super::tree::{Meaning, Tree, Unknown, fill, meaning, of_node, replace, set_value};
use super::{RetinaDescription, joined};
use crate::{Error, Result};

impl RetinaDescription {
    /// What stands at a key: a value, a table, or, where the key means several items, a list.
    ///
    /// ```
    /// use convis::retina::description::{RetinaDescription, tree::Tree};
    /// let retina = RetinaDescription::preset("primate")?;
    /// assert_eq!(retina.get("contrast-gain-control.adaptation-tau__sec")?, 0.01.into());
    /// let signs = Tree::List([1.0, -1.0, 1.0, -1.0].map(Tree::from).to_vec());
    /// assert_eq!(retina.get("ganglion-layers.*.sign")?, signs);
    /// # Ok::<(), convis::Error>(())
    /// ```
    ///
    /// # Errors
    /// If the key does not exist, or the node it leads through is missing. A node that is missing is not enabled.
    pub fn get(&self, key: &str) -> Result<Tree> {
        look(self, key, "")
    }

    /// Sets what stands at a key. Nodes on the way that are missing are made, with default values; a table replaces
    /// a node.
    ///
    /// ```
    /// use convis::retina::RetinaDescription;
    /// let mut retina = RetinaDescription::preset("primate")?;
    /// retina.set("ganglion-layers.*.spiking-channel.sigma-V", &0.1.into())?;
    /// retina.set("ganglion-layers.name=Magnocellular On.enabled", &false.into())?;
    /// retina.set("ganglion-layers.+.sign", &(-1.0).into())?;
    /// assert_eq!((retina.ganglion_layers.len(), retina.enabled_only().ganglion_layers.len()), (5, 4));
    /// # Ok::<(), convis::Error>(())
    /// ```
    ///
    /// # Errors
    /// If the key does not exist or the value is out of range; the description stays as it was.
    pub fn set(&mut self, key: &str, value: &Tree) -> Result<()> {
        let mut changed = self.clone();
        change(&mut changed, key, value, "")?;
        changed.check()?;
        *self = changed;
        Ok(())
    }
}

/// The first part of a key and the rest.
fn split(key: &str) -> (&str, Option<&str>) {
    key.split_once('.').map_or((key, None), |(head, rest)| (head, Some(rest)))
}

/// What a node is asked by the first part of a key.
fn asked(node: &dyn Node, head: &str, path: &str) -> Result<Meaning> {
    meaning(node, head).map_err(|error| match (path, error) {
        ("", error) => error,
        (_, error) => Error::Mismatch(format!("{path}: {error}")),
    })
}

fn nothing_below(path: &str, rest: &str) -> Error {
    Error::argument(path, "the end of the key, since it is a value", format!(".{rest}"))
}

/// Which items of a list a key means, and what follows.
struct Choice<'a> {
    items: Vec<usize>,
    rest: Option<&'a str>,
    several: bool,
}

fn choose<'a>(nodes: &[&dyn Node], key: &'a str, path: &str) -> Result<Choice<'a>> {
    let (head, rest) = split(key);
    let existing = match nodes.len() {
        0 => "there is no item".to_string(),
        1 => "there is one item, 0".to_string(),
        many => format!("there are items 0 to {}", many - 1),
    };
    if head == "*" || head == "=" {
        return Ok(Choice { items: (0..nodes.len()).collect(), rest, several: true });
    }
    if let Ok(number) = head.parse::<usize>() {
        if number >= nodes.len() {
            return Err(Error::argument(path, format!("an item that exists ({existing})"), number));
        }
        return Ok(Choice { items: vec![number], rest, several: false });
    }
    let Some((attribute, wanted)) = key.split_once('=') else {
        let expected = format!("the number of an item ({existing}), *, =, + or attribute=value");
        return Err(Error::argument(path, expected, head));
    };
    // Values may contain dots, so they are compared with what follows as a whole.
    let mut items = vec![];
    let mut length = 0;
    for (number, node) in nodes.iter().enumerate() {
        let Ok(Meaning::Attribute(attribute)) = meaning(*node, attribute) else { continue };
        let Some(value) = node.value(attribute.name) else { continue };
        let value = value.to_string();
        let fits = wanted.strip_prefix(&value).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'));
        if fits && value.len() >= length {
            if value.len() > length {
                items.clear();
            }
            length = value.len();
            items.push(number);
        }
    }
    if items.is_empty() {
        return Err(Error::argument(path, format!("an item with {attribute}={}", split(wanted).0), "none"));
    }
    Ok(Choice { several: items.len() > 1, items, rest: wanted[length..].strip_prefix('.') })
}

fn look(node: &dyn Node, key: &str, path: &str) -> Result<Tree> {
    let (head, rest) = split(key);
    let here = joined(path, head);
    let slot = match asked(node, head, path)? {
        Meaning::Attribute(attribute) => {
            return match (rest, node.value(attribute.name)) {
                (Some(rest), _) => Err(nothing_below(&here, rest)),
                (None, Some(value)) => Ok(Tree::Value(value)),
                (None, None) => Err(Error::argument(here, "a value", "none: it is left open")),
            };
        }
        Meaning::Below(slot) => slot,
    };
    let nodes = node.nodes(slot);
    if !slot.list {
        return match (nodes.first(), rest) {
            (Some(node), Some(rest)) => look(*node, rest, &here),
            (Some(node), None) => Ok(of_node(*node)),
            (None, Some("enabled")) => Ok(false.into()),
            (None, _) => Err(Error::argument(here, "a node of the description", "none: it is missing")),
        };
    }
    let Some(rest) = rest else { return Ok(Tree::List(nodes.into_iter().map(of_node).collect())) };
    let choice = choose(&nodes, rest, &here)?;
    let mut trees = vec![];
    for number in choice.items {
        trees.push(match choice.rest {
            Some(rest) => look(nodes[number], rest, &format!("{here}.{number}"))?,
            None => of_node(nodes[number]),
        });
    }
    Ok(match trees.pop() {
        Some(tree) if !choice.several => tree,
        last => Tree::List(trees.into_iter().chain(last).collect()),
    })
}

fn change(node: &mut dyn Node, key: &str, value: &Tree, path: &str) -> Result<()> {
    let (head, rest) = split(key);
    let here = joined(path, head);
    let slot = match (asked(node, head, path)?, rest) {
        (Meaning::Attribute(attribute), None) => return set_value(node, attribute, value, &here),
        (Meaning::Attribute(_), Some(rest)) => return Err(nothing_below(&here, rest)),
        (Meaning::Below(slot), _) => slot,
    };
    let other = node.slots().iter().find(|other| {
        other.group == slot.group && other.element != slot.element && !node.nodes(other).is_empty()
    });
    if let Some(other) = other {
        let expected = format!("nothing beside {}, of which it is another form", other.key);
        return Err(Error::argument(here, expected, "both"));
    }
    let Some(rest) = rest else { return replace(node, slot, value, &here, &mut Unknown::Refuse) };
    if slot.list {
        return change_items(node, slot, rest, value, &here);
    }
    if node.nodes(slot).is_empty() {
        if rest == "enabled" && *value == false.into() {
            return Ok(());
        }
        node.add(slot);
    }
    match node.nodes_mut(slot).pop() {
        Some(below) => change(below, rest, value, &here),
        None => Ok(()),
    }
}

fn change_items(node: &mut dyn Node, slot: &'static Slot, key: &str, value: &Tree, path: &str) -> Result<()> {
    if split(key).0 == "+" {
        if !slot.repeats {
            return Err(Error::argument(path, "item 0, since there is always one", "+"));
        }
        let path = format!("{path}.{}", node.nodes(slot).len());
        let Some(added) = node.add(slot) else { return Ok(()) };
        return match split(key).1 {
            Some(rest) => change(added, rest, value, &path),
            None => fill(added, value, &path, &mut Unknown::Refuse),
        };
    }
    let choice = choose(&node.nodes(slot), key, path)?;
    let each = match value {
        Tree::List(values) if split(key).0 == "=" => {
            if values.len() != choice.items.len() {
                let expected = format!("as many values as items, {}", choice.items.len());
                return Err(Error::argument(path, expected, values.len()));
            }
            Some(values)
        }
        _ => None,
    };
    // An item is replaced by a table: what the table leaves out has its default value.
    if choice.rest.is_none() {
        let mut items: Vec<Tree> = node.nodes(slot).into_iter().map(of_node).collect();
        for (nth, number) in choice.items.into_iter().enumerate() {
            items[number] = each.map_or(value, |values| &values[nth]).clone();
        }
        return replace(node, slot, &Tree::List(items), path, &mut Unknown::Refuse);
    }
    let mut nodes = node.nodes_mut(slot);
    for (nth, number) in choice.items.into_iter().enumerate() {
        let value = each.map_or(value, |values| &values[nth]);
        change(nodes[number], choice.rest.unwrap_or_default(), value, &format!("{path}.{number}"))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn retina() -> RetinaDescription {
        RetinaDescription::preset("toolbox-2018").unwrap()
    }

    fn numbers(of: &[f64]) -> Tree {
        Tree::List(of.iter().copied().map(Tree::from).collect())
    }

    #[test]
    fn keys_of_the_toolbox_find_its_values() {
        let retina = retina();
        let cases = [
            ("contrast-gain-control.adaptation-feedback-amplification__Hz", 0.0),
            ("outer-plexiform-layers.0.linear-version.undershoot.tau__sec", 0.1),
            ("outer-plexiform-layers.0.linear-version.leaky-heat-equation", 1.0),
            (
                "ganglion-layers.name=Magnocellular On.spiking-channel.circular-array.fovea-density__inv-deg",
                15.0,
            ),
            ("ganglion-layers.2.spiking-channel.random-init", 1.0),
            ("basic-microsaccade-generator.pixels-per-degree", 200.0),
            ("retina.temporal-step", 0.01),
        ];
        for (key, value) in cases {
            assert_eq!(retina.get(key).unwrap(), value.into(), "{key}");
        }
        assert_eq!(retina.get("log-polar-scheme.enabled").unwrap(), false.into());
        assert_eq!(RetinaDescription::default().get("log-polar-scheme.enabled").unwrap(), false.into());
        let names = retina.get("ganglion-layers.sign=-1.name").unwrap();
        assert_eq!(names, Tree::List(vec!["Parvocellular Off".into(), "Magnocellular Off".into()]));
        let noise = retina.get("ganglion-layers.*.spiking-channel.sigma-V").unwrap();
        assert_eq!(noise, numbers(&[0.1, 0.1, 0.0, 0.0]));
    }

    #[test]
    fn setting_changes_what_the_key_says_and_nothing_else() {
        let mut changed = retina();
        changed.set("ganglion-layers.=.sigma-pool__deg", &numbers(&[0.0, 0.1, 0.2, 0.3])).unwrap();
        let pools: Vec<f64> = changed.ganglion_layers.iter().map(|layer| layer.sigma_pool_deg).collect();
        assert_eq!(pools, [0.0, 0.1, 0.2, 0.3]);
        changed.set("ganglion-layers.=.sigma-pool__deg", &0.0.into()).unwrap();
        changed.set("ganglion-layers.=.sigma-pool__deg", &numbers(&[0.0, 0.0, 0.1, 0.1])).unwrap();
        assert_eq!(changed, retina());

        changed.set("ganglion-layers.0", &Tree::Table(vec![("name".into(), "new".into())])).unwrap();
        assert_eq!(changed.ganglion_layers[0].name.as_deref(), Some("new"));
        assert!(changed.ganglion_layers[0].spiking.is_none());
        assert_eq!(changed.ganglion_layers[1..], retina().ganglion_layers[1..]);

        let mut fresh = RetinaDescription::default();
        fresh.set("log-polar-scheme.enabled", &false.into()).unwrap();
        assert!(fresh.log_polar.is_none());
        fresh.set("log-polar-scheme.fovea-radius__deg", &2.0.into()).unwrap();
        assert_eq!(fresh.log_polar.unwrap().fovea_radius_deg, 2.0);
    }

    #[test]
    fn errors_say_where_and_change_nothing() {
        let mut retina = retina();
        let before = retina.clone();
        let cases: [(&str, Tree, &str); 8] = [
            (
                "retina.temporal-step__sec",
                0.0.into(),
                "retina.temporal-step__sec: expected a finite number above 0",
            ),
            ("retina.temporal-step__sec.x", 1.0.into(), "end of the key"),
            ("ganglion-layers.7.sign", 1.0.into(), "there are items 0 to 3"),
            ("ganglion-layers.sign", 1.0.into(), "the number of an item"),
            (
                "ganglion-layers.*.sing",
                1.0.into(),
                "ganglion-layers.0: key \"sing\" does not exist; did you mean \"sign\"",
            ),
            ("ganglion-layers.name=Nobody.sign", 1.0.into(), "an item with name=Nobody"),
            ("ganglion-layers.=.sign", numbers(&[1.0]), "as many values as items, 4"),
            (
                "contrast-gain-control-custom.adaptation-E-inh",
                0.1.into(),
                "nothing beside contrast-gain-control",
            ),
        ];
        for (key, value, message) in cases {
            let error = retina.set(key, &value).unwrap_err().to_string();
            assert!(error.contains(message), "{key}: {error}");
            assert_eq!(retina, before);
        }
        for key in ["retina.x", "ganglion-layers.+", "contrast-gain-control-custom", "", ".", "retina."] {
            assert!(retina.get(key).is_err(), "{key}");
        }
    }
}
