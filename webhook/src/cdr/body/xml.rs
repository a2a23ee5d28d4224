//! XML to a small tree of elements. Attributes, comments and processing instructions say nothing here. A document type is
//! refused: it is what entities are declared in, and no sender of records needs it.

use std::fmt;

use quick_xml::{Reader, escape::resolve_predefined_entity, events::Event};

use super::super::error::Problem;

/// The deepest nesting of elements. A record with a menu path in XML-RPC is nested 14 deep.
const MAX_DEPTH: usize = 128;
/// The most elements of a document: far more than a record has, and few enough to hold in memory.
const MAX_ELEMENTS: usize = 100_000;

/// An element.
#[derive(Clone, Default, PartialEq, Eq)]
pub(super) struct Element {
    /// Its name, without a prefix.
    pub(super) name: String,
    /// The text in it, that of its children aside.
    pub(super) text: String,
    /// The elements in it.
    pub(super) children: Vec<Element>,
}

/// How many elements are in it: even a name may be anything.
impl fmt::Debug for Element {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Element").field("children", &self.children.len()).finish_non_exhaustive()
    }
}

impl Element {
    /// The first child of this name.
    pub(super) fn child(&self, name: &str) -> Option<&Self> {
        self.children.iter().find(|child| child.name == name)
    }

    /// The children of this name.
    pub(super) fn named<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a Self> {
        self.children.iter().filter(move |child| child.name == name)
    }
}

/// The root element of a document.
pub(super) fn parse(document: &str) -> Result<Element, Problem> {
    let mut reader = Reader::from_str(document);
    reader.config_mut().expand_empty_elements = true;
    // The document itself is the outermost: the root is its one child.
    let mut open = vec![Element::default()];
    let mut elements = 0;
    loop {
        let place = reader.buffer_position();
        let not_xml = || Problem::body(format!("is not XML (byte {place})"));
        let inner = open.last_mut().ok_or_else(not_xml)?;
        match reader.read_event().map_err(|_| not_xml())? {
            Event::Start(tag) => {
                elements += 1;
                if open.len() > MAX_DEPTH {
                    return Err(Problem::body("is nested too deep"));
                }
                if elements > MAX_ELEMENTS {
                    return Err(Problem::body(format!("holds more than {MAX_ELEMENTS} elements")));
                }
                let name = String::from_utf8_lossy(tag.local_name().into_inner()).into_owned();
                open.push(Element { name, ..Element::default() });
            }
            Event::End(_) => {
                let closed = open.pop().ok_or_else(not_xml)?;
                open.last_mut().ok_or_else(not_xml)?.children.push(closed);
            }
            Event::Text(text) => inner.text.push_str(&text.decode().map_err(|_| not_xml())?),
            Event::CData(text) => inner.text.push_str(&text.decode().map_err(|_| not_xml())?),
            Event::GeneralRef(reference) => {
                if reference.is_char_ref() {
                    // A character that XML does not have, such as U+0000.
                    inner.text.push(reference.resolve_char_ref().ok().flatten().unwrap_or('\u{fffd}'));
                } else {
                    let name = reference.decode().map_err(|_| not_xml())?;
                    let resolved = resolve_predefined_entity(&name).ok_or_else(|| {
                        Problem::body(format!("holds an entity that XML does not have (byte {place})"))
                    })?;
                    inner.text.push_str(resolved);
                }
            }
            Event::DocType(_) => {
                return Err(Problem::body(
                    "has a document type (DOCTYPE), which is not taken; send it without",
                ));
            }
            // Empty elements come as a start and an end.
            Event::Decl(_) | Event::PI(_) | Event::Comment(_) | Event::Empty(_) => {}
            Event::Eof => break,
        }
    }
    let Some(mut outermost) = open.pop() else { return Err(Problem::body("is not XML")) };
    if !open.is_empty() {
        return Err(Problem::body("ends in the middle of the XML"));
    }
    match (outermost.children.pop(), outermost.children.is_empty(), outermost.text.trim().is_empty()) {
        (Some(root), true, true) => Ok(root),
        _ => Err(Problem::body("is not XML with one root element")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_elements_and_text() {
        let root = parse(
            "<?xml version='1.0'?><!-- x --><r a='1' a='2'><n:A>1 &lt;&#50;&#x5d3;<![CDATA[<&]]></n:A><B/><?p?></r>",
        )
        .unwrap();
        assert_eq!((root.name.as_str(), root.children.len()), ("r", 2));
        assert_eq!(root.child("A").unwrap().text, "1 <2ד<&");
        assert_eq!(root.child("B"), Some(&Element { name: "B".to_owned(), ..Element::default() }));
        assert_eq!(parse("<r>&#0;&#xFFFFFFFF;</r>").unwrap().text, "\u{fffd}\u{fffd}");
    }

    #[test]
    fn says_what_is_wrong() {
        for (document, expected) in [
            ("<a><b>1</b>", "body: ends in the middle of the XML"),
            ("<a><b>1</b", "body: is not XML (byte 7)"),
            ("<a></b>", "body: is not XML (byte 3)"),
            ("</a>", "body: is not XML (byte 0)"),
            ("a", "body: is not XML with one root element"),
            ("<a/><b/>", "body: is not XML with one root element"),
            ("<a/>b", "body: is not XML with one root element"),
            ("<!-- -->", "body: is not XML with one root element"),
            ("<a>&nbsp;</a>", "body: holds an entity that XML does not have (byte 3)"),
        ] {
            assert_eq!(parse(document).unwrap_err().to_string(), expected, "{document}");
        }
    }

    #[test]
    fn bombs_are_refused() {
        let laughs = "<!DOCTYPE l [<!ENTITY a \"ha\"><!ENTITY b \"&a;&a;&a;\">]><l>&b;</l>";
        let external = "<!DOCTYPE x SYSTEM \"file:///etc/passwd\"><x/>";
        for document in [laughs, external, "<!DOCTYPE html><html/>"] {
            assert!(parse(document).unwrap_err().to_string().contains("DOCTYPE"), "{document}");
        }
        let deep = format!("{}{}", "<a>".repeat(MAX_DEPTH + 1), "</a>".repeat(MAX_DEPTH + 1));
        assert_eq!(parse(&deep).unwrap_err().to_string(), "body: is nested too deep");
        assert_eq!(parse(&"<a>".repeat(1_000_000)).unwrap_err().to_string(), "body: is nested too deep");
        let wide = format!("<a>{}</a>", "<b/>".repeat(MAX_ELEMENTS));
        assert_eq!(parse(&wide).unwrap_err().to_string(), "body: holds more than 100000 elements");
    }
}
