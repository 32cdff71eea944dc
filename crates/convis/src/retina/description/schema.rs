//! The schema: names, units and ranges of all that a description can say.
//!
//! Every node states its attributes once, in a table (`node!`). Reading and writing of files, access by dotted keys,
//! checks and documentation all come from these tables, through the trait [`Node`].

use std::fmt;

use crate::error::nearest;
use crate::{Error, Result};

/// The value of an attribute.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// A number; switches are 0 or 1.
    Number(f64),
    /// True or false.
    Flag(bool),
    /// Text.
    Text(String),
}

impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            // Shortest digits that give the same number again; an exponent where zeros would only be counted.
            Self::Number(number) if *number != 0.0 && !(1e-5..1e15).contains(&number.abs()) => {
                write!(f, "{number:e}")
            }
            // Zero has no sign that anybody meant.
            Self::Number(0.0) => f.write_str("0"),
            Self::Number(number) => write!(f, "{number}"),
            Self::Flag(flag) => write!(f, "{}", u8::from(*flag)),
            Self::Text(text) => f.write_str(text),
        }
    }
}

/// What values an attribute can have.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Kind {
    /// Any finite number.
    Finite,
    /// A finite number, this or above.
    AtLeast(f64),
    /// A finite number above this.
    Above(f64),
    /// A whole number from 0 to this.
    Whole(u32),
    /// 1 or −1.
    Sign,
    /// 0 or 1.
    Switch,
    /// True or false; 0 or 1 in XML.
    Flag,
    /// Text without line breaks and other control characters.
    Text,
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Finite => f.write_str("a finite number"),
            Self::AtLeast(least) => write!(f, "a finite number, {least} or above"),
            Self::Above(bound) => write!(f, "a finite number above {bound}"),
            Self::Whole(most) => write!(f, "a whole number from 0 to {most}"),
            Self::Sign => f.write_str("1 or -1"),
            Self::Switch => f.write_str("0 or 1"),
            Self::Flag => f.write_str("true or false"),
            Self::Text => f.write_str("text without control characters"),
        }
    }
}

impl Kind {
    /// Whether `value` is of this kind.
    pub fn allows(self, value: &Value) -> bool {
        match (self, value) {
            (Self::Flag, Value::Flag(_)) => true,
            // XML has no way to say most of them.
            (Self::Text, Value::Text(text)) => !text.chars().any(char::is_control),
            (_, Value::Number(number)) if number.is_finite() => match self {
                Self::Finite => true,
                Self::AtLeast(least) => *number >= least,
                Self::Above(bound) => *number > bound,
                Self::Whole(most) => number.fract() == 0.0 && (0.0..=f64::from(most)).contains(number),
                Self::Sign => number.abs() == 1.0,
                Self::Switch => *number == 0.0 || *number == 1.0,
                Self::Flag | Self::Text => false,
            },
            _ => false,
        }
    }

    /// The value that a text stands for, where there is one.
    pub fn parse(self, text: &str) -> Option<Value> {
        let value = match self {
            Self::Text => Value::Text(text.to_string()),
            Self::Flag => match text.trim() {
                "0" | "false" => Value::Flag(false),
                "1" | "true" => Value::Flag(true),
                _ => return None,
            },
            _ => Value::Number(text.trim().parse().ok()?),
        };
        Some(value)
    }

    /// The same value as this kind has it: true and 1 mean the same.
    fn adapted(self, value: Value) -> Value {
        match (self, value) {
            (Self::Flag, Value::Number(number)) if number == 0.0 || number == 1.0 => {
                Value::Flag(number == 1.0)
            }
            (Self::Switch, Value::Flag(flag)) => Value::Number(f64::from(u8::from(flag))),
            (_, value) => value,
        }
    }
}

/// What a node can say: one line of the schema.
#[derive(Clone, Copy, Debug)]
pub struct Attribute {
    /// Its name in files.
    pub name: &'static str,
    /// Unit, or "–".
    pub unit: &'static str,
    /// What values it can have.
    pub kind: Kind,
    /// What it means.
    pub doc: &'static str,
}

impl Attribute {
    /// Whether `name` means this attribute: its name, or the older one without the unit behind `__`.
    pub fn is_called(&self, name: &str) -> bool {
        self.name == name || self.name.split_once("__").is_some_and(|(older, _)| older == name)
    }
}

/// A place where a node can have another one.
#[derive(Clone, Copy, Debug)]
pub struct Slot {
    /// The element in XML.
    pub element: &'static str,
    /// Older names of that element.
    pub older: &'static [&'static str],
    /// The key in TOML, JSON and dotted keys.
    pub key: &'static str,
    /// Whether the key holds a list.
    pub list: bool,
    /// The element in XML in which it stands.
    pub within: &'static str,
    /// Only one of the slots of a group can be filled, and only once, unless it repeats.
    pub group: &'static str,
    /// Whether there can be several.
    pub repeats: bool,
    /// What it is.
    pub doc: &'static str,
}

impl Slot {
    /// A slot for one node, called the same everywhere.
    pub(super) const fn one(within: &'static str, element: &'static str, doc: &'static str) -> Self {
        Self { element, older: &[], key: element, list: false, within, group: element, repeats: false, doc }
    }

    /// The key of one of the nodes here.
    pub fn key_of(&self, number: usize) -> String {
        if self.list { format!("{}.{number}", self.key) } else { self.key.to_string() }
    }

    /// Whether the element `name` belongs here.
    pub fn is_called(&self, name: &str) -> bool {
        self.element == name || self.older.contains(&name)
    }
}

/// A node of the description, seen through its names.
pub trait Node {
    /// All it can say.
    fn attributes(&self) -> Vec<&'static Attribute>;

    /// What it says; `None` where it leaves something open.
    fn value(&self, attribute: &str) -> Option<Value>;

    /// Says something that its [`Kind`] allows.
    fn assign(&mut self, attribute: &str, value: &Value);

    /// The places for nodes below.
    fn slots(&self) -> &'static [Slot] {
        &[]
    }

    /// The nodes below at one place.
    fn nodes(&self, _slot: &Slot) -> Vec<&dyn Node> {
        vec![]
    }

    /// The nodes below at one place, to be changed.
    fn nodes_mut(&mut self, _slot: &Slot) -> Vec<&mut dyn Node> {
        vec![]
    }

    /// A new node below, with default values; it replaces others of its group unless it can be repeated. `None` where
    /// the slot belongs to another kind of node.
    fn add(&mut self, _slot: &Slot) -> Option<&mut dyn Node> {
        None
    }

    /// Takes all nodes at one place away; a node that cannot be missing gets its default values instead.
    fn clear(&mut self, _slot: &Slot) {}
}

/// Sets an attribute by its name, or its older name without unit.
///
/// # Errors
/// If there is no such attribute, or the value is not of its kind.
pub fn set_attribute(node: &mut dyn Node, name: &str, value: Value) -> Result<()> {
    let attributes = node.attributes();
    let Some(attribute) = attributes.iter().find(|attribute| attribute.is_called(name)) else {
        return Err(Error::unknown("attribute", name, attributes.iter().map(|attribute| attribute.name)));
    };
    let value = attribute.kind.adapted(value);
    if !attribute.kind.allows(&value) {
        return Err(Error::argument(attribute.name, attribute.kind, quoted(&value)));
    }
    node.assign(attribute.name, &value);
    Ok(())
}

/// The place for a node called `name`, as `is` compares names.
///
/// # Errors
/// If there is none; with the nearest name.
pub fn find_slot(node: &dyn Node, name: &str, is: impl Fn(&Slot, &str) -> bool) -> Result<&'static Slot> {
    let slots = node.slots();
    slots.iter().find(|slot| is(slot, name)).ok_or_else(|| Error::Unknown {
        what: "element",
        name: name.to_string(),
        nearest: nearest(name, slots.iter().map(|slot| slot.element)),
    })
}

/// A value as it is shown in errors.
pub(super) fn quoted(value: &Value) -> String {
    match value {
        Value::Number(_) => value.to_string(),
        Value::Flag(flag) => flag.to_string(),
        Value::Text(text) => format!("{text:?}"),
    }
}

/// A type that holds the value of an attribute.
pub(super) trait Stored: Sized {
    /// The value, if there is one.
    fn to_value(&self) -> Option<Value>;

    /// From a value that the attribute's kind allows.
    fn from_value(value: &Value) -> Self;
}

impl Stored for f64 {
    fn to_value(&self) -> Option<Value> {
        Some(Value::Number(*self))
    }

    fn from_value(value: &Value) -> Self {
        match value {
            Value::Number(number) => *number,
            Value::Flag(flag) => Self::from(u8::from(*flag)),
            Value::Text(_) => Self::NAN,
        }
    }
}

impl Stored for u32 {
    fn to_value(&self) -> Option<Value> {
        Some(Value::Number(f64::from(*self)))
    }

    fn from_value(value: &Value) -> Self {
        f64::from_value(value) as Self
    }
}

impl Stored for bool {
    fn to_value(&self) -> Option<Value> {
        Some(Value::Flag(*self))
    }

    fn from_value(value: &Value) -> Self {
        f64::from_value(value) == 1.0
    }
}

impl Stored for String {
    fn to_value(&self) -> Option<Value> {
        Some(Value::Text(self.clone()))
    }

    fn from_value(value: &Value) -> Self {
        value.to_string()
    }
}

impl<T: Stored> Stored for Option<T> {
    fn to_value(&self) -> Option<Value> {
        self.as_ref().and_then(Stored::to_value)
    }

    fn from_value(value: &Value) -> Self {
        Some(T::from_value(value))
    }
}

/// A switch is 0 or 1 in files, true or false in memory.
pub(super) fn as_kind(kind: Kind, value: Value) -> Value {
    kind.adapted(value)
}

/// Defines a node: a plain structure whose fields stand in a table of the schema.
///
/// Each line of the table is: field, type, default; name in files, kind, unit, meaning. What follows `with` are fields
/// that are no attributes: nodes below.
macro_rules! node {
    (
        $(#[$outer:meta])*
        $name:ident {
            $( $field:ident: $type:ty = $default:expr, $attribute:literal, $kind:expr, $unit:literal, $text:literal; )*
        }
        $( with { $( $(#[$inner:meta])* $other:ident: $other_type:ty = $other_default:expr; )* } )?
    ) => {
        $(#[$outer])*
        #[derive(Clone, Debug, PartialEq)]
        pub struct $name {
            $(
                #[doc = concat!($text, " (`", $attribute, "`, unit ", $unit, ").")]
                pub $field: $type,
            )*
            $($( $(#[$inner])* pub $other: $other_type, )*)?
        }

        impl Default for $name {
            fn default() -> Self {
                Self {
                    $( $field: $default, )*
                    $($( $other: $other_default, )*)?
                }
            }
        }

        impl $name {
            /// The lines of the schema.
            pub const ATTRIBUTES: &'static [$crate::retina::description::schema::Attribute] = &[
                $(
                    $crate::retina::description::schema::Attribute {
                        name: $attribute,
                        unit: $unit,
                        kind: $kind,
                        doc: $text,
                    },
                )*
            ];

            #[allow(unused_imports, dead_code)]
            fn own_value(&self, attribute: &str) -> Option<$crate::retina::description::schema::Value> {
                use $crate::retina::description::schema::{Stored, as_kind};
                match attribute {
                    $( $attribute => self.$field.to_value().map(|value| as_kind($kind, value)), )*
                    _ => None,
                }
            }

            #[allow(unused_imports, dead_code)]
            fn own_assign(&mut self, attribute: &str, value: &$crate::retina::description::schema::Value) {
                use $crate::retina::description::schema::Stored;
                match attribute {
                    $( $attribute => self.$field = Stored::from_value(value), )*
                    _ => {}
                }
            }
        }
    };
}
pub(super) use node;

/// The functions of [`Node`] that the table alone answers.
macro_rules! own_attributes {
    () => {
        fn attributes(&self) -> Vec<&'static $crate::retina::description::schema::Attribute> {
            Self::ATTRIBUTES.iter().collect()
        }

        fn value(&self, attribute: &str) -> Option<$crate::retina::description::schema::Value> {
            self.own_value(attribute)
        }

        fn assign(&mut self, attribute: &str, value: &$crate::retina::description::schema::Value) {
            self.own_assign(attribute, value);
        }
    };
}
pub(super) use own_attributes;
