//! Files to bodies: one body a file, or JSON lines.

use std::{
    fmt,
    fs::File,
    io::{self, BufRead, BufReader, Read as _},
    path::{Path, PathBuf},
    sync::Arc,
};

use chrono::{DateTime, Utc};
use serde::de::IgnoredAny;

use super::{Defaults, export};
use crate::cdr::{self, Format, TimeRules};

/// The name that stands for standard input.
const STDIN: &str = "-";
/// How much longer than a body a line may be that holds it: its text in Base64 or with escapes, and what stands beside it.
const LINE_FACTOR: usize = 6;
const LINE_EXTRA: usize = 4_096;

/// Where a record stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// The file, as it was named.
    pub file: Arc<str>,
    /// The line on which its body begins, from 1.
    pub line: usize,
    /// Its number in the body, from 1, where the body holds several.
    pub record: Option<usize>,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.file, self.line)?;
        self.record.map_or(Ok(()), |record| write!(f, " record {record}"))
    }
}

/// A body with all that its reading depends on.
#[derive(Clone, PartialEq)]
pub(super) struct Body {
    pub(super) place: Place,
    pub(super) bytes: Vec<u8>,
    pub(super) format: Format,
    pub(super) arrived_at: Option<DateTime<Utc>>,
    pub(super) time: TimeRules,
    pub(super) tenant_id: Option<String>,
}

/// Of the body its size alone.
impl fmt::Debug for Body {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Body")
            .field("place", &self.place)
            .field("bytes", &self.bytes.len())
            .field("format", &self.format)
            .finish_non_exhaustive()
    }
}

/// What is given for each body: how many bytes it took in its file, and the body or why there is none. False ends the reading.
pub(super) type Take<'a> = dyn FnMut(u64, Result<Body, (Place, String)>) -> bool + 'a;

/// Whether all files are there; their size in bytes, where it is known.
pub(super) fn check(files: &[PathBuf]) -> Result<Option<u64>, String> {
    let mut total = Some(0);
    for file in files {
        if file.as_os_str() == STDIN {
            total = None;
            continue;
        }
        // Opened, for what is there may still not be ours to read.
        let about =
            File::open(file).and_then(|open| open.metadata()).map_err(|error| problem(file, &error))?;
        if about.is_dir() {
            return Err(format!("{}: is a folder; name the files in it", file.display()));
        }
        total = total.filter(|_| about.is_file()).map(|total| total + about.len());
    }
    Ok(total)
}

/// Gives each body of a file.
pub(super) fn bodies(file: &Path, defaults: Defaults, take: &mut Take<'_>) -> Result<(), String> {
    if file.as_os_str() == STDIN {
        read(file, io::stdin().lock(), defaults, take)
    } else {
        let open = File::open(file).map_err(|error| problem(file, &error))?;
        read(file, BufReader::with_capacity(64 * 1024, open), defaults, take)
    }
}

fn problem(file: &Path, error: &io::Error) -> String {
    format!("{}: {error}", file.display())
}

fn read(file: &Path, mut input: impl BufRead, defaults: Defaults, take: &mut Take<'_>) -> Result<(), String> {
    let name: Arc<str> =
        if file.as_os_str() == STDIN { "stdin".into() } else { file.display().to_string().into() };
    let place = |line| Place { file: Arc::clone(&name), line, record: None };
    let limit = defaults.limit.saturating_mul(LINE_FACTOR).saturating_add(LINE_EXTRA);
    let extension = file.extension().and_then(|extension| extension.to_str()).unwrap_or_default();
    let mut are_lines = matches!(extension, "jsonl" | "ndjson");
    let mut number = 0;
    let mut before = Vec::new();
    loop {
        let line = next_line(&mut input, limit).map_err(|error| problem(file, &error))?;
        number += 1;
        let (length, text) = match line {
            Line::End if before.is_empty() && number == 1 => {
                take(0, Err((place(1), "is empty".to_owned())));
                return Ok(());
            }
            Line::End => return Ok(()),
            Line::TooLong(length) => (length, None),
            Line::Whole(text) => (text.len() as u64, Some(text)),
        };
        let is_blank = text.as_ref().is_some_and(|text| text.trim_ascii().is_empty());
        if is_blank && are_lines {
            continue;
        }
        if is_blank {
            before.extend(text.unwrap_or_default());
            continue;
        }
        are_lines = are_lines || text.as_ref().is_some_and(|text| is_json(text));
        if are_lines {
            let body = text
                .ok_or_else(|| too_large(defaults.limit))
                .and_then(|text| within(line_body(&text, defaults, place(number))?, defaults.limit));
            if !take(length, body.map_err(|reason| (place(number), reason))) {
                return Ok(());
            }
            continue;
        }
        // The whole file is one body.
        let Some(text) = text else {
            take(length, Err((place(1), too_large(defaults.limit))));
            return Ok(());
        };
        before.extend(text);
        let room = u64::try_from(defaults.limit).unwrap_or(u64::MAX).saturating_add(1);
        let rest = input.by_ref().take(room).read_to_end(&mut before);
        rest.map_err(|error| problem(file, &error))?;
        let length = before.len() as u64;
        let body = within(whole_body(before, extension, defaults, place(1)), defaults.limit);
        take(length, body.map_err(|reason| (place(1), reason)));
        return Ok(());
    }
}

fn too_large(limit: usize) -> String {
    format!("body: is larger than {limit} bytes")
}

fn within(body: Body, limit: usize) -> Result<Body, String> {
    if body.bytes.len() > limit { Err(too_large(limit)) } else { Ok(body) }
}

fn is_json(line: &[u8]) -> bool {
    let text = line.strip_prefix(b"\xef\xbb\xbf").unwrap_or(line).trim_ascii();
    matches!(text.first(), Some(b'{' | b'[' | b'"')) && serde_json::from_slice::<IgnoredAny>(text).is_ok()
}

fn whole_body(bytes: Vec<u8>, extension: &str, defaults: Defaults, place: Place) -> Body {
    let content_type = match extension {
        "json" => Some("application/json"),
        "xml" => Some("text/xml"),
        "form" => Some("application/x-www-form-urlencoded"),
        _ => None,
    };
    let format = cdr::format(content_type, &bytes);
    Body { place, bytes, format, arrived_at: defaults.arrived_at, time: defaults.time, tenant_id: None }
}

fn line_body(line: &[u8], defaults: Defaults, place: Place) -> Result<Body, String> {
    let line = line.strip_prefix(b"\xef\xbb\xbf").unwrap_or(line).trim_ascii();
    match export::read(line, defaults, &place)? {
        Some(body) => Ok(body),
        None => Ok(whole_body(line.to_vec(), "json", defaults, place)),
    }
}

enum Line {
    Whole(Vec<u8>),
    /// Longer than the limit; read past and thrown away. How long it was.
    TooLong(u64),
    End,
}

fn next_line(input: &mut impl BufRead, limit: usize) -> io::Result<Line> {
    let room = u64::try_from(limit).unwrap_or(u64::MAX).saturating_add(1);
    let mut line = Vec::new();
    let length = input.by_ref().take(room).read_until(b'\n', &mut line)?;
    if length == 0 {
        return Ok(Line::End);
    }
    if line.ends_with(b"\n") || line.len() <= limit {
        return Ok(Line::Whole(line));
    }
    let rest = input.skip_until(b'\n')?;
    Ok(Line::TooLong((length + rest) as u64))
}

#[cfg(test)]
mod tests {
    use super::*;

    const DEFAULTS: Defaults = Defaults {
        arrived_at: None,
        time: TimeRules { account_zone: chrono_tz::Tz::Asia__Jerusalem, basis: cdr::TimeBasis::Auto },
        limit: 100,
    };

    /// A body's line, text and format, or why there is none.
    type Found = Result<(usize, String, Format), String>;

    fn bodies_of(file: &str, content: &str) -> Vec<Found> {
        let mut found = Vec::new();
        let mut take = |_, body: Result<Body, (Place, String)>| {
            found.push(match body {
                Ok(body) => Ok((body.place.line, String::from_utf8(body.bytes).unwrap(), body.format)),
                Err((place, reason)) => Err(format!("{place}: {reason}")),
            });
            true
        };
        read(Path::new(file), content.as_bytes(), DEFAULTS, &mut take).unwrap();
        found
    }

    fn found<const N: usize>(bodies: [(usize, &str, Format); N]) -> Vec<Found> {
        bodies.into_iter().map(|(line, text, format)| Ok((line, text.to_owned(), format))).collect()
    }

    #[test]
    fn a_file_is_one_body_or_json_lines() {
        for (file, content, expected) in [
            ("a.json", "{\n \"a\": 1}\n", found([(1, "{\n \"a\": 1}\n", Format::Json)])),
            ("a.json", "{\"a\": 1}", found([(1, "{\"a\": 1}", Format::Json)])),
            (
                "a",
                "\n{\"a\": 1}\r\n\n[{}]\n\"{}\"",
                found([
                    (2, "{\"a\": 1}", Format::Json),
                    (4, "[{}]", Format::Json),
                    (5, "\"{}\"", Format::Json),
                ]),
            ),
            ("a.jsonl", "{broken\n{}", found([(1, "{broken", Format::Json), (2, "{}", Format::Json)])),
            ("-", "{broken\n{}", found([(1, "{broken\n{}", Format::Json)])),
            ("a.txt", "caller=1&did=2\n", found([(1, "caller=1&did=2\n", Format::Form)])),
            ("a.form", "%7B%7D", found([(1, "%7B%7D", Format::Form)])),
            ("a.txt", "\n<a>\n</a>", found([(1, "\n<a>\n</a>", Format::Xml)])),
            ("a.xml", "", vec![Err("a.xml:1: is empty".to_owned())]),
            ("a.txt", " \n\n", vec![]),
        ] {
            assert_eq!(bodies_of(file, content), expected, "{content:?}");
        }
    }

    #[test]
    fn what_is_too_large_is_passed_over() {
        let large = format!("{{\"a\": \"{}\"}}", "x".repeat(100));
        let huge = format!("{{\"a\": \"{}\"}}", "x".repeat(10_000));
        let lines = format!("{{}}\n{large}\n{huge}\n{{}}\n");
        let mut expected = found([(1, "{}", Format::Json), (4, "{}", Format::Json)]);
        let too_large = |line| Err(format!("a.jsonl:{line}: body: is larger than 100 bytes"));
        expected.splice(1..1, [too_large(2), too_large(3)]);
        assert_eq!(bodies_of("a.jsonl", &lines), expected);
        let whole = format!("<a>{}</a>", "x".repeat(10_000));
        assert_eq!(bodies_of("a.xml", &whole), [Err("a.xml:1: body: is larger than 100 bytes".to_owned())]);
    }

    #[test]
    fn files_are_looked_at_before_anything_is_sent() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("a.json");
        std::fs::write(&file, "{}").unwrap();
        assert_eq!(check(&[file.clone(), file.clone()]), Ok(Some(4)));
        assert_eq!(check(&[file.clone(), "-".into()]), Ok(None));
        assert!(check(&[file, folder.path().to_owned()]).unwrap_err().contains("is a folder"));
        assert!(check(&[folder.path().join("none")]).unwrap_err().contains("none: No such file"));
    }
}
