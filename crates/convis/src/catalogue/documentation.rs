//! The documentation above a type, read from its source.

/// The documentation of a layer: a summary and sections with titles, in Markdown without links into the code.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Documentation {
    summary: String,
    sections: Vec<(String, String)>,
}

impl Documentation {
    /// What stands above `pub struct {type_name}` in this source.
    pub(super) fn of(type_name: &str, source: &str) -> Self {
        let declaration = format!("pub struct {type_name}");
        let is_declared = |line: &str| {
            line.strip_prefix(&declaration)
                .is_some_and(|rest| !rest.starts_with(|c: char| c.is_alphanumeric()))
        };
        let lines: Vec<&str> = source.lines().collect();
        let end = lines.iter().position(|line| is_declared(line)).unwrap_or(0);
        // Attributes may stand between the documentation and the type.
        let end = lines[..end].iter().rposition(|line| line.starts_with("///")).map_or(0, |last| last + 1);
        let start = lines[..end].iter().rposition(|line| !line.starts_with("///")).map_or(0, |last| last + 1);
        let mut sections = vec![(String::new(), String::new())];
        let mut in_code = false;
        for line in &lines[start..end] {
            let text = line.trim_start_matches("///");
            let text = text.strip_prefix(' ').unwrap_or(text);
            in_code ^= text.starts_with("```");
            match text.strip_prefix("# ") {
                Some(title) if !in_code => sections.push((title.trim().to_string(), String::new())),
                _ if is_link_definition(text) => (),
                _ => {
                    if let Some((_, body)) = sections.last_mut() {
                        body.push_str(text);
                        body.push('\n');
                    }
                }
            }
        }
        let mut sections =
            sections.into_iter().map(|(title, body)| (title, without_links(body.trim()))).collect::<Vec<_>>();
        let summary = sections.remove(0).1;
        Self { summary, sections }
    }

    /// What the layer computes, in a sentence or two.
    pub fn summary(&self) -> &str {
        &self.summary
    }

    /// A section: `Equation`, `Shapes`, `Parameters`, `Gradient`, `Errors`, `Source` or `Example`.
    pub fn section(&self, title: &str) -> Option<&str> {
        self.sections.iter().find(|(name, _)| name == title).map(|(_, body)| body.as_str())
    }

    /// All sections, in the order in which they stand.
    pub fn sections(&self) -> &[(String, String)] {
        &self.sections
    }
}

/// Whether a line says where a link leads: `` [`Name`]: path ``.
fn is_link_definition(line: &str) -> bool {
    line.starts_with("[`") && line.contains("`]: ")
}

/// Links into the code lead nowhere outside `cargo doc`: their text remains.
fn without_links(text: &str) -> String {
    let mut plain = String::new();
    let mut rest = text;
    while let Some(start) = rest.find("[`") {
        let Some(length) = rest[start..].find("`]") else { break };
        let (name, after) = (&rest[start + 1..=start + length], &rest[start + length + 2..]);
        plain.push_str(&rest[..start]);
        plain.push_str(name);
        rest = match after.strip_prefix('(').and_then(|target| target.split_once(')')) {
            Some((target, after)) if !target.contains(' ') => after,
            _ => after,
        };
    }
    plain + rest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_text_above_a_type_is_found_and_taken_apart() {
        let source = "\
/// Another.
pub struct OneMore;

/// One sentence about [`Two`](super::Two), see [`three`].
///
/// # Equation
/// ```text
/// # y = x
/// ```
///
/// # Source
/// None.
///
/// [`three`]: crate::three
#[derive(Debug)]
pub struct One(f64);
";
        let documentation = Documentation::of("One", source);
        assert_eq!(documentation.summary(), "One sentence about `Two`, see `three`.");
        assert_eq!(documentation.section("Equation"), Some("```text\n# y = x\n```"));
        assert_eq!(documentation.section("Source"), Some("None."));
        assert_eq!(documentation.section("Shapes"), None);
        assert_eq!(Documentation::of("OneMore", source).summary(), "Another.");
    }
}
