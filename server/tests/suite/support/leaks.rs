//! Watches all that the tests make the program log, and ends the test process at the first line that tells of a person or holds a secret.
//!
//! Whatever starts a server, an adapter or a process of either calls [`watch`] or [`scan`] first, so it does not matter which tests run.

use std::{
    io::{self, Write as _},
    process,
    sync::{LazyLock, Once},
};

use regex::Regex;
use tracing_subscriber::{
    EnvFilter, Layer as _,
    fmt::{self, MakeWriter, format::FmtSpan},
    layer::SubscriberExt as _,
    util::SubscriberInitExt as _,
};

/// Our own crates as verbose as they can be, the others as they are on a server.
pub(crate) const OWN: &str = "info,leadcapture_server=trace,leadcapture_webhook=trace";
/// How the test process ends when something leaked.
pub(crate) const LEAKED: i32 = 101;

/// What the tests call people and what those people want: names, needs, notes, secrets. Each is looked for as a word.
const WORDS: &[&str] = &[
    "Dana",
    "Noa",
    "Yossi",
    "Levi",
    "Cohen",
    "Zippora",
    "דנה",
    "כהן",
    "A tap",
    "A boiler",
    "a boiler",
    "leaking",
    "Evenings",
    "After five",
    "after five",
    "Regular",
    "VIP",
    "A note",
    "Too dear",
    "As agreed",
    "Something else",
    "Somebody else",
    "recordings.example",
    "Confidential",
    "4711-secret",
    "secret-0123456789",
    "secret_0123456789",
    "topsecret",
];

/// What secrets and phones look like, with the beginning that each of them has.
static SHAPES: LazyLock<Vec<(&str, Regex)>> = LazyLock::new(|| {
    // A number within another or within a fraction is none.
    const BEFORE: &str = r"(?:^|[^0-9A-Za-z.])";
    const AFTER: &str = r"(?:$|[^0-9A-Za-z])";
    let phones = format!(
        "{BEFORE}(?:{}|{}){AFTER}",
        r"\+?(?:00)?972[- ]?[0-9]{1,2}[- ]?[0-9]{3}[- ]?[0-9]{4}", r"0[2-9][0-9]?[- ]?[0-9]{3}[- ]?[0-9]{4}",
    );
    [
        ("an Israeli phone", phones.as_str()),
        ("a phone in E.164", r"\+[0-9]{8,15}(?:$|[^0-9])"),
        ("a token", "lct_[0-9a-f]{8}"),
        ("a key", r"(?:^|[^0-9A-Za-z:])[0-9a-f]{64}(?:$|[^0-9A-Za-z])"),
        ("a raw path of the webhook", r"/webhooks/voicenter/cdr(?:\?|/[^{])"),
    ]
    .map(|(what, shape)| (what, Regex::new(shape).unwrap()))
    .into()
});

static UUID: LazyLock<Regex> =
    LazyLock::new(|| Regex::new("[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}").unwrap());

/// What a line shows that it must not, if anything.
pub(crate) fn leak(line: &str) -> Option<&'static str> {
    if let Some(word) = WORDS.iter().find(|word| holds(line, word)) {
        return Some(word);
    }
    // Most lines have neither many digits nor a slash, and the shapes are slow to look for.
    let may_match = line.bytes().filter(u8::is_ascii_digit).count() >= 8
        || line.contains("/cdr")
        || line.contains("lct_");
    let shape = |line: &str| SHAPES.iter().find(|(_, shape)| shape.is_match(line)).map(|(what, _)| *what);
    if !may_match || shape(line).is_none() {
        return None;
    }
    // The last part of a UUID may happen to look like a phone.
    shape(&UUID.replace_all(line, "UUID"))
}

fn holds(line: &str, word: &str) -> bool {
    let is_apart = |c: Option<char>| c.is_none_or(|c| !c.is_alphanumeric());
    line.match_indices(word).any(|(at, _)| {
        is_apart(line[..at].chars().next_back()) && is_apart(line[at + word.len()..].chars().next())
    })
}

/// Ends the process if one of the lines shows what it must not. A failed assertion would be caught, or lost in a thread of its own.
pub(crate) fn scan(lines: &str) {
    for line in lines.lines() {
        if let Some(what) = leak(line) {
            // Not by a macro, whose output the test harness keeps to itself.
            let _ = writeln!(io::stderr(), "\nlog line shows {what}: {line}");
            process::exit(LEAKED);
        }
    }
}

/// Takes what is logged and scans it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Scanner;

impl io::Write for Scanner {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        // Events are written whole.
        scan(&String::from_utf8_lossy(bytes));
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl MakeWriter<'_> for Scanner {
    type Writer = Self;

    fn make_writer(&self) -> Self {
        *self
    }
}

/// From here on, all that is logged in this process is scanned.
pub(crate) fn watch() {
    watch_with(OWN, || Scanner);
}

/// As [`watch`], with these levels and a writer that does more; the first call decides.
pub(crate) fn watch_with<W>(levels: &str, writer: impl FnOnce() -> W)
where
    W: for<'a> MakeWriter<'a> + Send + Sync + 'static,
{
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let lines = fmt::layer()
            .without_time()
            .with_ansi(false)
            // Spans in which nothing is logged would go unseen.
            .with_span_events(FmtSpan::CLOSE)
            .with_writer(writer())
            .with_filter(EnvFilter::new(levels));
        tracing_subscriber::registry().with(lines).init();
    });
}

mod tests {
    use std::{env, process::Command};

    use super::*;

    #[test]
    fn finds_what_must_not_be_logged() {
        for line in [
            "customer=+972525550142",
            "customer=972525550142 ",
            "customer=\"00972525550142\"",
            "+972 52-555-0142",
            "caller=0525550142",
            "caller: 052-555-0142,",
            "sip:0771234567@pbx",
            "call-0525550142",
            "03-123-4567",
            "031234567",
            "to +15551234567.",
            "{\"phone\":\"+442071838750\"}",
            "Some(\"Dana\")",
            "name: Dana Levi",
            "name=דנה",
            "need=A tap!",
            "authorization: Bearer lct_0123456789abcdef",
            "key 0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef",
            "POST /webhooks/voicenter/cdr/some-secret",
            "uri=/webhooks/voicenter/cdr?caller=1",
            "id=0190b5a4-7e3c-7cc1-8d9a-3f2b1c0d4e5f phone=0525550142",
        ] {
            assert!(leak(line).is_some(), "{line}");
        }
    }

    #[test]
    fn lets_pass_what_only_looks_like_it() {
        for line in [
            "customer=+97252*****42 business=***67",
            "tenant_id=0190b5a4-7e3c-7cc1-8d9a-052123456789",
            "lead=00000000-0000-0000-0000-972123456789",
            "trace_id=4bf92f3577b34da6a3ce929d0e0e4736 span=00f067aa0ba902b7",
            "2026-03-02T10:00:00.972123456Z  INFO started",
            "{\"timestamp\":\"2026-03-02T10:00:00.052123Z\",\"level\":\"INFO\"}",
            "Mon, 02 Mar 2026 10:00:00 +0200",
            "address=127.0.0.1:50521 peer=[::1]:41234",
            "elapsed_ms=1234567890 calls=972",
            "seconds 0.0521234567",
            "time.busy=97.2µs time.idle=3.05ms",
            "token lct_*** of DanaCorp",
            "route=\"/webhooks/voicenter/cdr/{secret}\" status=200",
            "route=\"/webhooks/voicenter/cdr\"",
            "since=1767225600123456",
        ] {
            assert_eq!(leak(line), None, "{line}");
        }
    }

    const LEAKING: &str = "LEADCAPTURE_TEST_LEAKING";

    /// A test that leaks where it is told to: only in a process of its own.
    #[test]
    fn leaks_when_told_to() {
        if env::var_os(LEAKING).is_some() {
            watch();
            tracing::info!(target: "leadcapture_server::told", caller = "0525550142", "told");
        }
    }

    #[test]
    fn a_leak_ends_the_whole_test_process() {
        let (_crate, module) = module_path!().split_once("::").unwrap();
        let mut again = Command::new(env::current_exe().unwrap());
        let test = format!("{module}::leaks_when_told_to");
        let output = again.args(["--exact", &test]).env(LEAKING, "1").output().unwrap();
        let told = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(LEAKED), "{told}");
        assert!(
            told.contains("shows an Israeli phone") && told.contains("leadcapture_server::told"),
            "{told}"
        );
    }
}
