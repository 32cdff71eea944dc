//! Parameter files: a value for each parameter path.
//!
//! # Format
//! TOML or JSON, told apart by the ending of the file name. Tables are nested by the parts of the path, and
//! dotted keys mean the same: these three files all give `bipolar.lambda_amp` the value 50.
//!
//! ```toml
//! [bipolar]
//! lambda_amp = 50
//! ```
//! ```toml
//! bipolar.lambda_amp = 50
//! ```
//! ```json
//! { "bipolar": { "lambda_amp": 50 } }
//! ```
//!
//! A value is a finite number or an array of them; arrays of arrays have a shape and must not be ragged.

use std::collections::BTreeMap;
use std::fmt;
use std::fs;
use std::io::Write;
use std::path::Path;

use serde::de::{self, Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde::ser::{Serialize, SerializeMap, SerializeSeq, Serializer};

use crate::draft::Draft;
use crate::{Error, Result};

/// The value of each parameter, by its path such as `bipolar.lambda_amp`.
pub type Parameters = BTreeMap<String, ParameterValue>;

/// The value of a parameter.
#[derive(Clone, Debug, PartialEq)]
pub enum ParameterValue {
    /// One number.
    Number(f64),
    /// Numbers with a shape, last axis fastest.
    Array {
        /// Length of each axis.
        shape: Vec<usize>,
        /// The numbers.
        values: Vec<f64>,
    },
}

impl From<f64> for ParameterValue {
    fn from(number: f64) -> Self {
        Self::Number(number)
    }
}

impl From<Vec<f64>> for ParameterValue {
    fn from(values: Vec<f64>) -> Self {
        Self::Array { shape: vec![values.len()], values }
    }
}

/// Reads the parameters in a `.toml` or `.json` file.
///
/// ```
/// use convis_io::{read_parameters, write_parameters, Parameters};
///
/// let folder = tempfile::tempdir()?;
/// let path = folder.path().join("retina.toml");
/// std::fs::write(&path, "[bipolar]\nlambda_amp = 50\ninput_amp.scale = [1, 2]\n")?;
/// let mut parameters = read_parameters(&path)?;
/// assert_eq!(parameters["bipolar.lambda_amp"], 50.0.into());
/// assert_eq!(parameters["bipolar.input_amp.scale"], vec![1.0, 2.0].into());
///
/// parameters.insert("bipolar.g_leak".into(), 25.0.into());
/// let path = folder.path().join("retina.json");
/// write_parameters(&path, &parameters)?;
/// assert_eq!(read_parameters(&path)?, parameters);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
/// If the file cannot be read, its ending is another one, its text is not well formed (the message has the
/// line), a value is no finite number, or a parameter has two values.
pub fn read_parameters(path: impl AsRef<Path>) -> Result<Parameters> {
    let path = path.as_ref();
    let syntax = Syntax::of(path)?;
    let bytes = fs::read(path).map_err(|reason| Error::read(path, reason))?;
    let text = String::from_utf8(bytes).map_err(|_| broken(path, "bytes that are no UTF-8 text"))?;
    let tree: Tree = match syntax {
        Syntax::Toml => toml::from_str(&text).map_err(|error| broken(path, error.to_string()))?,
        Syntax::Json => serde_json::from_str(&text).map_err(|error| broken(path, error.to_string()))?,
    };
    let mut parameters = Parameters::new();
    tree.flatten("", &mut parameters).map_err(|found| broken(path, found))?;
    Ok(parameters)
}

/// Writes parameters as a `.toml` or `.json` file, nested by the parts of their paths.
///
/// # Errors
/// If the ending is another one, a value is not finite or does not fit its shape, one path continues another
/// one, or the file cannot be written; nothing is left behind then.
pub fn write_parameters(path: impl AsRef<Path>, parameters: &Parameters) -> Result<()> {
    let path = path.as_ref();
    let syntax = Syntax::of(path)?;
    let tree = Tree::grow(parameters)?;
    let failed = |error: String| Error::argument("parameters", "values that can be written", error);
    let text = match syntax {
        Syntax::Toml => toml::to_string(&tree).map_err(|error| failed(error.to_string()))?,
        Syntax::Json => {
            serde_json::to_string_pretty(&tree).map_err(|error| failed(error.to_string()))? + "\n"
        }
    };
    let mut draft = Draft::create(path)?;
    draft.write_all(text.as_bytes()).map_err(|reason| draft.failed(reason))?;
    draft.commit()
}

fn broken(path: &Path, found: impl Into<String>) -> Error {
    let advice =
        "correct the file: a parameter is written as `name = number` or, in JSON, `\"name\": number`";
    let found: String = found.into();
    Error::malformed(path, "parameters, each a finite number or an array of them", found.trim_end(), advice)
}

#[derive(Clone, Copy)]
enum Syntax {
    Toml,
    Json,
}

impl Syntax {
    fn of(path: &Path) -> Result<Self> {
        let ending = path.extension().unwrap_or_default().to_ascii_lowercase();
        match ending.to_str() {
            Some("toml") => Ok(Self::Toml),
            Some("json") => Ok(Self::Json),
            _ => Err(Error::malformed(
                path,
                "a parameter file whose name ends in .toml or .json",
                "another ending",
                "rename the file",
            )),
        }
    }
}

/// What both languages have in common. Text, truth values and dates have no place in it, so the libraries
/// refuse them with the line where they stand.
enum Tree {
    Number(f64),
    List(Vec<Tree>),
    Table(BTreeMap<String, Tree>),
}

impl Tree {
    fn flatten(self, path: &str, into: &mut Parameters) -> std::result::Result<(), String> {
        let value = match self {
            Self::Table(entries) => {
                for (name, tree) in entries {
                    if name.split('.').any(str::is_empty) {
                        return Err(format!("the name '{name}' with an empty part in '{path}'"));
                    }
                    let path = if path.is_empty() { name } else { format!("{path}.{name}") };
                    tree.flatten(&path, into)?;
                }
                return Ok(());
            }
            Self::Number(number) => ParameterValue::Number(number),
            Self::List(items) => {
                let mut values = Vec::new();
                let shape = Self::List(items).measure(&mut values);
                let shape = shape.ok_or_else(|| format!("a ragged array as '{path}'"))?;
                ParameterValue::Array { shape, values }
            }
        };
        if path.is_empty() {
            return Err("a value without a name".to_owned());
        }
        match into.insert(path.to_owned(), value) {
            None => Ok(()),
            Some(_) => Err(format!("two values for '{path}'")),
        }
    }

    /// Shape of nested lists, whose numbers are appended to `values`.
    fn measure(self, values: &mut Vec<f64>) -> Option<Vec<usize>> {
        match self {
            Self::Number(number) => {
                values.push(number);
                Some(Vec::new())
            }
            Self::Table(_) => None,
            Self::List(items) => {
                let mut shape = vec![items.len()];
                let mut inner = None;
                for item in items {
                    let own = item.measure(values)?;
                    if *inner.get_or_insert_with(|| own.clone()) != own {
                        return None;
                    }
                }
                shape.extend(inner.unwrap_or_default());
                Some(shape)
            }
        }
    }

    fn grow(parameters: &Parameters) -> Result<Self> {
        let mut root = Self::Table(BTreeMap::new());
        for (path, value) in parameters {
            let mut place = &mut root;
            for name in path.split('.') {
                let Self::Table(entries) = place else {
                    return Err(Error::argument("parameters", "paths that do not continue another one", {
                        format!("'{path}' and a beginning of it")
                    }));
                };
                if name.is_empty() {
                    let found = format!("'{path}'");
                    return Err(Error::argument("parameters", "paths without empty parts", found));
                }
                place = entries.entry(name.to_owned()).or_insert_with(|| Self::Table(BTreeMap::new()));
            }
            *place = Self::leaf(path, value)?;
        }
        Ok(root)
    }

    fn leaf(path: &str, value: &ParameterValue) -> Result<Self> {
        let (shape, values) = match value {
            ParameterValue::Number(number) => (&[][..], std::slice::from_ref(number)),
            ParameterValue::Array { shape, values } => (shape.as_slice(), values.as_slice()),
        };
        let count = shape.iter().try_fold(1_usize, |product, &n| product.checked_mul(n));
        // An axis of length 0 hides the axes after it, so only the last one can be written and read back.
        if count != Some(values.len()) || shape.iter().rev().skip(1).any(|&n| n == 0) {
            let found = format!("{} numbers of the shape {shape:?}", values.len());
            return Err(Error::argument(path, "numbers that fill their shape", found));
        }
        if let Some(number) = values.iter().find(|number| !number.is_finite()) {
            return Err(Error::argument(path, "finite numbers", number.to_string()));
        }
        Ok(Self::nest(shape, values))
    }

    fn nest(shape: &[usize], values: &[f64]) -> Self {
        match shape {
            [] => Self::Number(values[0]),
            [0, ..] => Self::List(Vec::new()),
            [length, inner @ ..] => {
                let size = values.len() / length;
                Self::List(values.chunks_exact(size).map(|part| Self::nest(inner, part)).collect())
            }
        }
    }
}

impl Serialize for Tree {
    fn serialize<S: Serializer>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error> {
        match self {
            Self::Number(number) => serializer.serialize_f64(*number),
            Self::List(items) => {
                let mut list = serializer.serialize_seq(Some(items.len()))?;
                for item in items {
                    list.serialize_element(item)?;
                }
                list.end()
            }
            Self::Table(entries) => {
                let mut table = serializer.serialize_map(Some(entries.len()))?;
                for (name, tree) in entries {
                    table.serialize_entry(name, tree)?;
                }
                table.end()
            }
        }
    }
}

impl<'de> Deserialize<'de> for Tree {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> std::result::Result<Self, D::Error> {
        deserializer.deserialize_any(TreeVisitor)
    }
}

struct TreeVisitor;

impl<'de> Visitor<'de> for TreeVisitor {
    type Value = Tree;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a finite number, an array of numbers, or a table")
    }

    fn visit_f64<E: de::Error>(self, number: f64) -> std::result::Result<Tree, E> {
        if number.is_finite() {
            Ok(Tree::Number(number))
        } else {
            Err(E::invalid_value(de::Unexpected::Float(number), &self))
        }
    }

    fn visit_i64<E: de::Error>(self, number: i64) -> std::result::Result<Tree, E> {
        exact(number, number as f64).map(Tree::Number)
    }

    fn visit_u64<E: de::Error>(self, number: u64) -> std::result::Result<Tree, E> {
        exact(number, number as f64).map(Tree::Number)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> std::result::Result<Tree, A::Error> {
        let mut list = Vec::new();
        while let Some(item) = items.next_element()? {
            list.push(item);
        }
        Ok(Tree::List(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> std::result::Result<Tree, A::Error> {
        let mut table = BTreeMap::new();
        while let Some(name) = entries.next_key::<String>()? {
            let tree = entries.next_value()?;
            if table.insert(name.clone(), tree).is_some() {
                return Err(de::Error::custom(format!("two values for '{name}'")));
            }
        }
        Ok(Tree::Table(table))
    }
}

/// Refuses an integer that a float would silently change.
fn exact<I: Into<i128> + Copy + fmt::Display, E: de::Error>(
    number: I,
    float: f64,
) -> std::result::Result<f64, E> {
    if float as i128 == number.into() {
        Ok(float)
    } else {
        Err(E::custom(format!("the integer {number} has too many digits for a number of 64 bits")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(name: &str, text: &str) -> Result<Parameters> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(name);
        fs::write(&path, text).unwrap();
        read_parameters(path)
    }

    #[test]
    fn nesting_and_dots_mean_the_same() {
        let expected = Parameters::from([("a.b.c".into(), 1.5.into()), ("d".into(), (-2.0).into())]);
        for (name, text) in [
            ("p.toml", "d = -2\n[a.b]\nc = 1.5\n"),
            ("p.toml", "d = -2.0\na.b.c = 1.5\n"),
            ("p.toml", "d = -2\na = { b.c = 1.5 }\n"),
            ("p.toml", "d = -2\n'a.b'.c = 1.5\n"),
            ("P.JSON", "{\"a\": {\"b\": {\"c\": 1.5}}, \"d\": -2}"),
            ("p.json", "{\"a.b.c\": 1.5, \"d\": -2}"),
        ] {
            assert_eq!(read(name, text).unwrap(), expected, "{text}");
        }
    }

    #[test]
    fn wrong_files_are_refused_with_their_line() {
        for (name, text, part) in [
            ("p.toml", "a = 1\nb = 'x'\n", "line 2"),
            ("p.toml", "a = 1\nb = true\n", "line 2"),
            ("p.toml", "a = 1\nb = nan\n", "line 2"),
            ("p.toml", "a = 1\n\na = 2\n", "line 3"),
            ("p.toml", "a = 1\nb = 1979-05-27\n", "finite number"),
            ("p.toml", "a = 1\n[b\n", "line 2"),
            ("p.toml", "a = [[1, 2], [3]]\n", "ragged array as 'a'"),
            ("p.toml", "a = 9007199254740993\n", "too many digits"),
            ("p.toml", "'a.b' = 1\na.b = 2\n", "two values for 'a.b'"),
            ("p.toml", "'a.' = 1\n", "empty part"),
            ("p.json", "{\"a\": 1,\n \"b\": \"x\"}", "line 2"),
            ("p.json", "{\"a\": 1,\n \"a\": 2}", "two values for 'a' at line 2"),
            ("p.json", "{\"a\": null}", "finite number"),
            ("p.json", "{\"a\": 1e999}", "line 1"),
            ("p.json", "3", "without a name"),
            ("p.yaml", "a: 1", ".toml or .json"),
        ] {
            let message = read(name, text).expect_err(text).to_string();
            assert!(message.contains(part) && message.contains(&name[..2]), "{text}\n{message}");
        }
    }

    #[test]
    fn what_cannot_be_read_back_is_not_written() {
        let folder = tempfile::tempdir().unwrap();
        let value = |shape: &[usize], values: &[f64]| ParameterValue::Array {
            shape: shape.to_vec(),
            values: values.to_vec(),
        };
        for parameters in [
            Parameters::from([("a".into(), f64::NAN.into())]),
            Parameters::from([("a".into(), 1.0.into()), ("a.b".into(), 1.0.into())]),
            Parameters::from([("a..b".into(), 1.0.into())]),
            Parameters::from([("a".into(), value(&[2, 2], &[1.0]))]),
            Parameters::from([("a".into(), value(&[0, 2], &[]))]),
        ] {
            for name in ["p.toml", "p.json"] {
                write_parameters(folder.path().join(name), &parameters).unwrap_err();
            }
        }
        assert_eq!(fs::read_dir(&folder).unwrap().count(), 0);
    }

    proptest::proptest! {
        #[test]
        fn written_parameters_are_read_back_bit_for_bit(
            numbers in proptest::collection::btree_map("[a-z_]{1,4}\\.[A-Za-z0-9 \"]{1,3}", proptest::num::f64::NORMAL, 0..8),
            list in proptest::collection::vec(-1e9_f64..1e9, 6),
        ) {
            let mut parameters: Parameters = numbers.into_iter().map(|(path, x)| (path, x.into())).collect();
            parameters.insert("Kernel.weight".into(), ParameterValue::Array { shape: vec![1, 2, 3], values: list });
            parameters.insert("Kernel.empty".into(), Vec::new().into());
            let folder = tempfile::tempdir().unwrap();
            for name in ["p.toml", "p.json"] {
                let path = folder.path().join(name);
                write_parameters(&path, &parameters).unwrap();
                proptest::prop_assert_eq!(&read_parameters(&path).unwrap(), &parameters);
            }
        }
    }
}
