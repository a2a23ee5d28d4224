//! Panics as log lines, without what may be in their messages.

use std::{any::Any, backtrace::Backtrace, panic, thread};

use tokio::task::JoinError;

/// Logs every panic of this process: where it was, and its message where that is a text of the program.
///
/// A message that was put together at run time is left out. It may repeat what the program was at work on: that of a text which is cut in the
/// middle of a letter holds the text.
pub(super) fn log() {
    panic::set_hook(Box::new(|panic| {
        let place = panic.location().map(ToString::to_string).unwrap_or_default();
        // Only where RUST_BACKTRACE asks for it. It names functions and lines, never values.
        let backtrace = Backtrace::capture();
        tracing::error!(
            place,
            thread = thread::current().name().unwrap_or_default(),
            reason = reason(panic.payload()),
            %backtrace,
            "panicked"
        );
    }));
}

fn reason(payload: &(dyn Any + Send)) -> &'static str {
    payload.downcast_ref::<&'static str>().copied().unwrap_or("left out, as it may tell of a person")
}

/// How a task ended that did not finish, for the log. What it panicked with is told where it panicked.
#[must_use]
pub fn end(error: &JoinError) -> &'static str {
    if error.is_panic() { "it panicked" } else { "it was cancelled" }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_fixed_messages_are_told() {
        let payload = |panics: fn()| panic::catch_unwind(panics).unwrap_err();
        assert_eq!(reason(&*payload(|| panic!("no such thing"))), "no such thing");
        let cut = payload(|| assert_eq!("דנה כהן".split_at(1).0, ""));
        assert!(cut.downcast_ref::<String>().is_some_and(|message| message.contains("דנה")));
        assert!(reason(&*cut).starts_with("left out"));
    }

    #[tokio::test]
    async fn the_end_of_a_task_tells_nothing_of_its_work() {
        let caller = "0525550142";
        let panicked = tokio::spawn(async move { panic!("{caller}") }).await.unwrap_err();
        assert_eq!(end(&panicked), "it panicked");
        let task = tokio::spawn(std::future::pending::<()>());
        task.abort();
        assert_eq!(end(&task.await.unwrap_err()), "it was cancelled");
    }
}
