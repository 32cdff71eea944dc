//! Descriptions in XML, as Virtual Retina reads them.
//!
//! The program of 2009 knew three more spellings, which are read and not written: attributes without their unit, such as
//! `center-sigma`; layers called `parvocellular-ganglion-layer`, whose word becomes their `name`; and the outer plexiform layer `undershoot-version`, a
//! linear version that names the attributes of its undershoot itself. In saved descriptions `unit`s may stand in
//! the array or beside it.
//!
//! Switched-off nodes, of which that program knows nothing, have the attribute `enabled="0"`.

use std::fmt::Write;
use std::path::Path;

use convis::retina::RetinaDescription;
use convis::retina::description::schema::{Kind, Node, Slot, Value, set_attribute};
use convis::retina::description::tree::Unknown;
use convis::retina::description::{RETINA_ELEMENT, ROOT_ELEMENT};
use quick_xml::Reader;
use quick_xml::events::{BytesStart, Event};

use crate::{Error, Result};

/// Elements within `undershoot-version` are those of the linear version; its other attributes are the undershoot's.
const OLD_UNDERSHOOT: &str = "undershoot-version";

/// The description that a file holds.
pub(super) fn parse(bytes: &[u8], path: &Path, unknown: &mut Unknown) -> Result<RetinaDescription> {
    let text = decode(bytes, path)?;
    let (description, _) = read(&text, path, unknown, None)?;
    match description.check() {
        Ok(()) => Ok(description),
        Err(convis::Error::Argument { argument, expected, found }) => {
            // Read once more to see where it says so: what can be wrong need not be remembered of all cells.
            let again = read(&text, path, &mut Unknown::Warn(vec![]), Some(&argument));
            let line = again.ok().and_then(|(_, line)| line);
            let found = line.map_or_else(|| found.clone(), |line| format!("{found} in line {line}"));
            Err(Error::malformed(path, format!("{expected} as {argument}"), found, "correct the value"))
        }
        Err(error) => {
            Err(Error::malformed(path, "a retina that can be", error.to_string(), "correct the value"))
        }
    }
}

/// Reads a text; with the line of the attribute of the key `sought`, or of the element that should have it.
fn read(
    text: &str,
    path: &Path,
    unknown: &mut Unknown,
    sought: Option<&str>,
) -> Result<(RetinaDescription, Option<usize>)> {
    let mut file = File {
        reader: Reader::from_str(text),
        lines: text.bytes().enumerate().filter(|(_, byte)| *byte == b'\n').map(|(at, _)| at).collect(),
        begin: text.as_ptr() as usize,
        path,
        unknown,
        sought: sought.map(|key| (key, None)),
    };
    let mut description = RetinaDescription::default();
    let (element, is_empty, at) = file.root()?;
    file.attributes(&element, at, "", &mut [])?;
    if !is_empty {
        file.children(&mut description, ROOT_ELEMENT, "", &|slot| slot.within == ROOT_ELEMENT)?;
    }
    file.nothing_more()?;
    Ok((description, file.sought.and_then(|(_, line)| line)))
}

/// The text of a file: UTF-8, or what the program's own examples declare, ISO-8859-1.
fn decode(bytes: &[u8], path: &Path) -> Result<String> {
    let start = String::from_utf8_lossy(&bytes[..bytes.len().min(200)]).to_ascii_lowercase();
    let declared = start.split_once("encoding=").map(|(_, rest)| rest.trim_start_matches(['"', '\'']));
    let is = |names: &[&str]| declared.is_some_and(|rest| names.iter().any(|name| rest.starts_with(name)));
    if is(&["iso-8859-1", "latin1", "latin-1"]) {
        return Ok(bytes.iter().map(|&byte| char::from(byte)).collect());
    }
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    match std::str::from_utf8(bytes) {
        Ok(text) => Ok(text.to_owned()),
        Err(error) => {
            let line = bytes[..error.valid_up_to()].split(|&byte| byte == b'\n').count();
            let found = format!("other bytes in line {line}");
            let advice = "save the file as UTF-8, or declare encoding=\"ISO-8859-1\" if it is that";
            Err(Error::malformed(path, "XML in UTF-8 or ISO-8859-1", found, advice))
        }
    }
}

struct File<'a, 'text> {
    reader: Reader<&'text [u8]>,
    /// Where lines end.
    lines: Vec<usize>,
    /// Address of the first character, to tell where a name stands.
    begin: usize,
    path: &'a Path,
    unknown: &'a mut Unknown,
    /// A key, and the line of what was found nearest to it.
    sought: Option<(&'a str, Option<usize>)>,
}

impl<'text> File<'_, 'text> {
    /// Remembers where something stands, if its key, or one below it, is sought.
    fn met(&mut self, key: &str, name: &str, at: usize) {
        let line = self.line(at);
        if let Some((sought, found)) = &mut self.sought
            && let Some(rest) = sought.strip_prefix(key)
        {
            let rest = rest.strip_prefix('.').unwrap_or(rest);
            if name.is_empty() || rest == name {
                *found = Some(line);
            }
        }
    }

    /// The line of a place, counted from 1.
    fn line(&self, at: usize) -> usize {
        1 + self.lines.partition_point(|&end| end < at)
    }

    fn broken(&self, at: usize, expected: impl Into<String>, found: &str) -> Error {
        let found = format!("{found} in line {}", self.line(at));
        Error::malformed(self.path, expected, found, "correct the file")
    }

    /// The next piece of XML that is no comment, and where it begins.
    fn next(&mut self) -> Result<(Event<'text>, usize)> {
        loop {
            let at = self.reader.buffer_position() as usize;
            match self.reader.read_event() {
                Ok(Event::Comment(_) | Event::Decl(_) | Event::PI(_) | Event::DocType(_)) => {}
                Ok(Event::Text(text)) if text.trim_ascii().is_empty() => {}
                Ok(Event::Text(text)) => {
                    let blanks = text.len() - text.trim_start().len();
                    return Ok((Event::Text(text), at + blanks));
                }
                Ok(event) => return Ok((event, at)),
                Err(error) => {
                    let at = self.reader.error_position() as usize;
                    return Err(self.broken(at, "XML that is well formed", &error.to_string()));
                }
            }
        }
    }

    /// The outermost element.
    fn root(&mut self) -> Result<(BytesStart<'text>, bool, usize)> {
        let (event, at) = self.next()?;
        let (element, is_empty) = match event {
            Event::Start(element) => (element, false),
            Event::Empty(element) => (element, true),
            other => return Err(self.broken(at, format!("<{ROOT_ELEMENT}>"), kind_of(&other))),
        };
        if element.name().as_ref() == ROOT_ELEMENT {
            return Ok((element, is_empty, at));
        }
        let found = format!("<{}>", name_of(&element));
        Err(self.broken(at, format!("<{ROOT_ELEMENT}> around everything"), &found))
    }

    fn nothing_more(&mut self) -> Result<()> {
        match self.next()? {
            (Event::Eof, _) => Ok(()),
            (other, at) => Err(self.broken(at, format!("nothing behind </{ROOT_ELEMENT}>"), kind_of(&other))),
        }
    }

    /// Reads everything up to the end of `element` into `node`, whose slots that are `allowed` may be filled.
    fn children(
        &mut self,
        node: &mut dyn Node,
        element: &str,
        key: &str,
        allowed: &dyn Fn(&Slot) -> bool,
    ) -> Result<()> {
        let mut filled: Vec<&Slot> = vec![];
        let mut repeated = 0;
        loop {
            let (event, at) = self.next()?;
            let (child, is_empty) = match event {
                Event::Start(child) => (child, false),
                Event::Empty(child) => (child, true),
                Event::End(_) => return Ok(()),
                other => {
                    let expected = format!("elements up to </{element}>");
                    return Err(self.broken(at, expected, kind_of(&other)));
                }
            };
            let name = name_of(&child);
            let slots = node.slots();
            let Some(slot) = slots.iter().find(|slot| allowed(slot) && slot.is_called(&name)) else {
                let names = slots.iter().filter(|slot| allowed(slot)).map(|slot| slot.element);
                self.unknown_name("an element", element, &name, names, at)?;
                if !is_empty {
                    self.skip(&child)?;
                }
                continue;
            };
            if let Some(other) = filled.iter().find(|other| other.group == slot.group && !slot.repeats) {
                let expected = format!("at most one of this kind in <{element}>");
                let found = format!("<{name}> after <{}>", other.element);
                return Err(self.broken(at, expected, &found));
            }
            // Of those that repeat there may be a hundred thousand, of one kind.
            let number = if slot.repeats { repeated } else { 0 };
            if slot.repeats {
                repeated += 1;
            } else {
                filled.push(slot);
            }
            self.child(node, slot, (&child, is_empty, at), &name, (key, number))?;
        }
    }

    /// Reads one element into a new node below `node`.
    fn child(
        &mut self,
        node: &mut dyn Node,
        slot: &'static Slot,
        (element, is_empty, at): (&BytesStart<'text>, bool, usize),
        name: &str,
        (outer, number): (&str, usize),
    ) -> Result<()> {
        let Some(below) = node.add(slot) else { return Ok(()) };
        let dot = if outer.is_empty() { "" } else { "." };
        let key = format!("{outer}{dot}{}", slot.key_of(number));
        self.met(&key, "", at);
        if name == OLD_UNDERSHOOT {
            let places = below.slots();
            for place in places {
                below.add(place);
            }
            self.old_undershoot(element, at, &key, below)?;
        } else {
            self.attributes(element, at, &key, &mut [below])?;
        }
        // What an older name said stays.
        if let Some(word) = name.strip_suffix("-ganglion-layer")
            && below.value("name").is_none()
        {
            below.assign("name", &Value::Text(word.to_owned()));
        }
        if is_empty {
            return Ok(());
        }
        if slot.element == RETINA_ELEMENT {
            self.children(node, RETINA_ELEMENT, outer, &|slot| slot.within == RETINA_ELEMENT)
        } else if slot.group == "array" {
            self.children(node, slot.element, outer, &|slot| slot.element == "unit")
        } else {
            self.children(below, slot.element, &key, &|_| true)
        }
    }

    /// A linear version that names the attributes of its undershoot itself.
    fn old_undershoot(
        &mut self,
        element: &BytesStart<'text>,
        at: usize,
        key: &str,
        linear: &mut dyn Node,
    ) -> Result<()> {
        let place = linear.slots().first();
        let mut undershoot = convis::retina::description::Undershoot::default();
        self.attributes(element, at, key, &mut [linear, &mut undershoot])?;
        if let Some(place) = place
            && let Some(below) = linear.add(place)
        {
            for attribute in undershoot.attributes() {
                if let Some(value) = undershoot.value(attribute.name) {
                    below.assign(attribute.name, &value);
                }
            }
        }
        Ok(())
    }

    /// Sets the attributes of an element in the first of `nodes` that has them. A second one may have its attributes
    /// written with its own name before them.
    fn attributes(
        &mut self,
        element: &BytesStart<'text>,
        at: usize,
        key: &str,
        nodes: &mut [&mut dyn Node],
    ) -> Result<()> {
        let own = name_of(element);
        let mut met: Vec<String> = vec![];
        for attribute in element.attributes().with_checks(false) {
            let attribute = attribute.map_err(|error| {
                self.broken(at, format!("attributes of <{own}> as name=\"value\""), &error.to_string())
            })?;
            let place = (attribute.key.as_ref().as_ptr() as usize).wrapping_sub(self.begin);
            let end = self.reader.buffer_position() as usize;
            let at = if (at..end).contains(&place) { place } else { at };
            let name = attribute.key.as_ref().to_owned();
            if met.contains(&name) {
                return Err(self.broken(
                    at,
                    format!("every attribute of <{own}> once"),
                    &format!("{name} twice"),
                ));
            }
            met.push(name.clone());
            if name.starts_with("xmlns") || name.contains(':') {
                continue;
            }
            let text = attribute
                .normalized_value(quick_xml::XmlVersion::Implicit1_0)
                .map_err(|error| self.broken(at, format!("text as value of {name}"), &error.to_string()))?
                .into_owned();
            let short = name.strip_prefix("undershoot-").unwrap_or(&name);
            let found = nodes.iter_mut().enumerate().find_map(|(nth, node)| {
                let name = if nth == 0 { &name } else { short };
                let attribute = node.attributes().into_iter().find(|known| known.is_called(name))?;
                Some((node, attribute))
            });
            let Some((node, known)) = found else {
                let names = nodes.iter().flat_map(|node| node.attributes()).map(|known| known.name);
                self.unknown_name("an attribute", &own, &name, names, at)?;
                continue;
            };
            self.met(key, known.name, at);
            let value = known.kind.parse(&text).unwrap_or(Value::Text(text));
            if let Err(convis::Error::Argument { expected, found, .. }) =
                set_attribute(&mut **node, known.name, value)
            {
                return Err(self.broken(at, format!("{expected} as {name} of <{own}>"), &found));
            }
        }
        Ok(())
    }

    fn unknown_name(
        &mut self,
        what: &str,
        within: &str,
        name: &str,
        names: impl Iterator<Item = &'static str>,
        at: usize,
    ) -> Result<()> {
        let nearest = convis::error::nearest(name, names);
        let advice = match nearest {
            Some(nearest) => format!("did you mean {nearest:?}?"),
            None => "leave it out, or read the file leniently".to_owned(),
        };
        let found = format!("{name:?} in line {}", self.line(at));
        let error = Error::malformed(self.path, format!("{what} of <{within}>"), found, advice);
        match &mut *self.unknown {
            Unknown::Refuse => Err(error),
            Unknown::Warn(warnings) => {
                warnings.push(error.to_string());
                Ok(())
            }
        }
    }

    /// Passes over an element and all in it.
    fn skip(&mut self, element: &BytesStart<'text>) -> Result<()> {
        let at = self.reader.buffer_position() as usize;
        match self.reader.read_to_end(element.name()) {
            Ok(_) => Ok(()),
            Err(error) => Err(self.broken(at, "XML that is well formed", &error.to_string())),
        }
    }
}

fn name_of(element: &BytesStart<'_>) -> String {
    element.name().as_ref().to_owned()
}

/// What something other than an element is.
const fn kind_of(event: &Event<'_>) -> &'static str {
    match event {
        Event::Start(_) | Event::Empty(_) => "another element",
        Event::End(_) => "an end of an element",
        Event::Eof => "the end of the file",
        _ => "text",
    }
}

/// A description as a file.
pub(super) fn format(description: &RetinaDescription) -> String {
    let mut text = format!("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<{ROOT_ELEMENT}>\n");
    for slot in description.slots().iter().filter(|slot| slot.within == ROOT_ELEMENT) {
        for node in description.nodes(slot) {
            if slot.element != RETINA_ELEMENT {
                element(&mut text, slot.element, node, 1);
                continue;
            }
            open(&mut text, slot.element, node, 1);
            text.push_str(">\n");
            for slot in description.slots().iter().filter(|slot| slot.within == RETINA_ELEMENT) {
                for node in description.nodes(slot) {
                    element(&mut text, slot.element, node, 2);
                }
            }
            _ = writeln!(text, "  </{RETINA_ELEMENT}>");
        }
    }
    _ = writeln!(text, "</{ROOT_ELEMENT}>");
    text
}

/// The beginning of a tag with all attributes.
fn open(text: &mut String, name: &str, node: &dyn Node, depth: usize) {
    _ = write!(text, "{:1$}<{name}", "", 2 * depth);
    for attribute in node.attributes() {
        match node.value(attribute.name) {
            None => {}
            // Nodes are switched on where nothing else is said.
            Some(Value::Flag(true)) if attribute.kind == Kind::Flag => {}
            Some(value) => {
                let value = value.to_string();
                _ = write!(text, " {}=\"{}\"", attribute.name, escape(&value));
            }
        }
    }
}

/// Text within quotation marks. It has no control characters.
fn escape(value: &str) -> String {
    let mut text = String::new();
    for character in value.chars() {
        match character {
            '&' => text.push_str("&amp;"),
            '<' => text.push_str("&lt;"),
            '>' => text.push_str("&gt;"),
            '"' => text.push_str("&quot;"),
            character => text.push(character),
        }
    }
    text
}

fn element(text: &mut String, name: &str, node: &dyn Node, depth: usize) {
    open(text, name, node, depth);
    let slots = node.slots();
    if slots.iter().all(|slot| node.nodes(slot).is_empty()) {
        text.push_str("/>\n");
        return;
    }
    text.push_str(">\n");
    for slot in slots {
        for below in node.nodes(slot) {
            element(text, slot.element, below, depth + 1);
        }
    }
    _ = writeln!(text, "{:1$}</{name}>", "", 2 * depth);
}
