//! Recipes: a TOML file read value by value, so that every error names the line and the key.

use std::cell::RefCell;
use std::path::{Path, PathBuf};

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use crate::error::{Error, Result};

/// A recipe's text, for messages.
pub struct Source<'a> {
    pub path: &'a Path,
    pub text: &'a str,
}

impl Source<'_> {
    /// An error at a place in the text.
    fn at(&self, place: usize, message: &str) -> Error {
        let line = self.text[..place.min(self.text.len())].matches('\n').count() + 1;
        Error::Failed(format!("{}, line {line}: {message}", self.path.display()))
    }

    /// A path in a recipe is relative to the recipe.
    pub fn beside(&self, file: &str) -> PathBuf {
        self.path.parent().unwrap_or(Path::new("")).join(file)
    }
}

/// A table of a recipe. Whoever reads it takes each of its keys; one that is left over is refused.
pub struct Section<'a> {
    source: &'a Source<'a>,
    name: String,
    place: usize,
    table: Option<&'a DeTable<'a>>,
    known: RefCell<Vec<&'static str>>,
}

impl<'a> Section<'a> {
    /// The whole file.
    pub fn whole(source: &'a Source<'a>, table: &'a DeTable<'a>) -> Self {
        Self { source, name: String::new(), place: 0, table: Some(table), known: RefCell::new(vec![]) }
    }

    fn full(&self, key: &str) -> String {
        if self.name.is_empty() { key.into() } else { format!("{}.{key}", self.name) }
    }

    fn get(&self, key: &'static str) -> Option<&'a Spanned<DeValue<'a>>> {
        self.known.borrow_mut().push(key);
        self.table?.iter().find(|(name, _)| name.get_ref().as_ref() == key).map(|(_, value)| value)
    }

    /// A table within; empty where there is none.
    pub fn section(&self, key: &'static str) -> Result<Section<'a>> {
        let (name, source) = (self.full(key), self.source);
        let value = self.get(key);
        let place = value.map_or(self.place, |value| value.span().start);
        let table = match value.map(|value| (value, value.get_ref())) {
            None => None,
            Some((_, DeValue::Table(table))) => Some(table),
            Some((value, _)) => return Err(self.wrong(key, value, "a table")),
        };
        Ok(Section { source, name, place, table, known: RefCell::new(vec![]) })
    }

    /// Whether it is in the file.
    pub const fn exists(&self) -> bool {
        self.table.is_some()
    }

    fn wrong(&self, key: &str, value: &Spanned<DeValue<'_>>, expected: &str) -> Error {
        let found = value.get_ref();
        let found = match (found.as_str(), found.as_bool()) {
            (Some(text), _) => format!("{text:?}"),
            (_, Some(flag)) => flag.to_string(),
            _ => match (number(found), found.type_str()) {
                (Some(number), _) => number.to_string(),
                (None, kind) => format!("a value of type {kind}"),
            },
        };
        let message = format!("{}: expected {expected}, got {found}", self.full(key));
        self.source.at(value.span().start, &message)
    }

    /// An error about the value of a key.
    pub fn error(&self, key: &str, message: &str) -> Error {
        let value =
            self.table.and_then(|table| table.iter().find(|(name, _)| name.get_ref().as_ref() == key));
        let place = value.map_or(self.place, |(name, _)| name.span().start);
        self.source.at(place, &format!("{}: {message}", self.full(key)))
    }

    fn taken<T>(
        &self,
        key: &'static str,
        expected: &str,
        convert: impl Fn(&DeValue<'_>) -> Option<T>,
    ) -> Result<Option<T>> {
        let Some(value) = self.get(key) else { return Ok(None) };
        convert(value.get_ref()).map(Some).ok_or_else(|| self.wrong(key, value, expected))
    }

    /// A text, if it is there.
    pub fn text(&self, key: &'static str) -> Result<Option<String>> {
        self.taken(key, "a text in quotes", |value| value.as_str().map(str::to_string))
    }

    /// A text that must be there.
    pub fn needed(&self, key: &'static str) -> Result<String> {
        self.text(key)?.ok_or_else(|| {
            let message = format!("[{}] needs a line {key} = \"…\"", self.name);
            self.source.at(self.place, &message)
        })
    }

    /// One of some names, or the first of them.
    pub fn choice(&self, key: &'static str, among: &[&'static str]) -> Result<&'static str> {
        let Some(text) = self.text(key)? else { return Ok(among[0]) };
        among.iter().find(|name| **name == text).copied().ok_or_else(|| {
            let nearest = convis::error::nearest(&text, among.iter().copied());
            let hint = nearest
                .map_or_else(|| format!("one of {}", among.join(", ")), |n| format!("did you mean {n:?}?"));
            self.error(key, &format!("{text:?} does not exist; {hint}"))
        })
    }

    /// A number.
    pub fn number(&self, key: &'static str) -> Result<Option<f64>> {
        self.taken(key, "a number", number)
    }

    /// A whole number from `least`.
    pub fn count(&self, key: &'static str, least: usize) -> Result<Option<usize>> {
        self.taken(key, &format!("a whole number from {least}"), |value| {
            count(value).filter(|count| *count >= least)
        })
    }

    /// True or false.
    pub fn flag(&self, key: &'static str, unless_given: bool) -> Result<bool> {
        let flag = |value: &DeValue<'_>| if let DeValue::Boolean(flag) = value { Some(*flag) } else { None };
        Ok(self.taken(key, "true or false", flag)?.unwrap_or(unless_given))
    }

    /// So many whole numbers from 1.
    pub fn counts<const N: usize>(&self, key: &'static str) -> Result<Option<[usize; N]>> {
        self.taken(key, &format!("[{}], whole numbers from 1", vec!["n"; N].join(", ")), |value| {
            let all: Option<Vec<usize>> = value.as_array()?.iter().map(|x| count(x.get_ref())).collect();
            all.filter(|all| all.iter().all(|n| *n > 0))?.try_into().ok()
        })
    }

    /// Lists of whole numbers.
    pub fn places(&self, key: &'static str) -> Result<Option<Vec<Vec<usize>>>> {
        self.taken(key, "a list of [row, column]", |value| {
            let place = |value: &Spanned<DeValue<'_>>| -> Option<Vec<usize>> {
                value.get_ref().as_array()?.iter().map(|x| count(x.get_ref())).collect()
            };
            value.as_array()?.iter().map(place).collect()
        })
    }

    /// Texts.
    pub fn texts(&self, key: &'static str) -> Result<Option<Vec<String>>> {
        self.taken(key, "a list of texts in quotes", |value| {
            value.as_array()?.iter().map(|x| x.get_ref().as_str().map(str::to_string)).collect()
        })
    }

    /// All numbers of a table of any keys, tables within it included: dotted path, number.
    pub fn values(&self) -> Result<Vec<(String, f64)>> {
        fn gather(
            section: &Section<'_>,
            prefix: &str,
            table: &DeTable<'_>,
            all: &mut Vec<(String, f64)>,
        ) -> Result<()> {
            for (name, value) in table {
                let path = format!("{prefix}{}", name.get_ref());
                match (value.get_ref(), number(value.get_ref())) {
                    (DeValue::Table(inner), _) => gather(section, &format!("{path}."), inner, all)?,
                    (_, Some(number)) => all.push((path, number)),
                    _ => return Err(section.wrong(&path, value, "a number")),
                }
            }
            Ok(())
        }
        let mut all = vec![];
        if let Some(table) = self.table {
            gather(self, "", table, &mut all)?;
        }
        Ok(all)
    }

    /// Refuses keys that nobody has asked for.
    pub fn done(&self) -> Result<()> {
        let known = self.known.borrow();
        for (name, _) in self.table.into_iter().flatten() {
            let key = name.get_ref().as_ref();
            if !known.contains(&key) {
                let nearest = convis::error::nearest(key, known.iter().copied());
                let hint = nearest.map_or_else(
                    || format!("there are {}", known.join(", ")),
                    |n| format!("did you mean {n:?}?"),
                );
                let message = format!("{} does not exist here; {hint}", self.full(key));
                return Err(self.source.at(name.span().start, &message));
            }
        }
        Ok(())
    }
}

fn number(value: &DeValue<'_>) -> Option<f64> {
    let text = |text: &str| text.replace('_', "").parse::<f64>().ok().filter(|x| x.is_finite());
    match value {
        DeValue::Float(float) => text(float.as_str()),
        DeValue::Integer(integer) if integer.radix() == 10 => text(integer.as_str()),
        _ => None,
    }
}

fn count(value: &DeValue<'_>) -> Option<usize> {
    match value {
        DeValue::Integer(integer) => {
            usize::from_str_radix(&integer.as_str().replace('_', ""), integer.radix()).ok()
        }
        _ => None,
    }
}
