//! Call records in the shape in which Voicenter pushes them.

use chrono::{DateTime, TimeDelta, Utc};
use chrono_tz::Asia::Jerusalem;
use serde_json::{Value, json};

/// The demo tenant's number, as Voicenter writes it.
const DID: &str = "0771234567";

/// How a call went.
#[derive(Clone, Copy)]
pub(crate) enum Ending {
    /// The caller hung up while waiting in the queue.
    AbandonedQueue,
    /// Nobody answered.
    NoAnswer,
    /// The line was busy.
    Busy,
    /// The caller hung up while it rang.
    Cancelled,
    /// The business called the customer, who answered.
    AnsweredCallback,
}

/// One call, as its record will tell it.
pub(crate) struct CallRecord {
    /// What happened, for the screen.
    pub(crate) what: &'static str,
    /// The customer's phone, or a word such as `anonymous`.
    pub(crate) customer: &'static str,
    /// When the call began.
    pub(crate) started_at: DateTime<Utc>,
    /// How long it took in all, in seconds.
    pub(crate) seconds: u32,
    /// How it ended.
    pub(crate) ending: Ending,
}

impl CallRecord {
    /// The call's id. Like the real ones it begins with the local date and hour, which settles how `time` is meant.
    fn id(&self) -> String {
        let local = self.started_at.with_timezone(&Jerusalem);
        format!("{}{:04x}", local.format("%Y%m%d%H%M%S"), self.seconds)
    }

    /// The record as Voicenter posts it.
    pub(crate) fn to_json(&self) -> Value {
        let (kind, status) = match self.ending {
            Ending::AbandonedQueue => ("Queue", "ABANDONE"),
            Ending::NoAnswer => ("Incoming Call", "NOANSWER"),
            Ending::Busy => ("Incoming Call", "BUSY"),
            Ending::Cancelled => ("Incoming Call", "CANCEL"),
            Ending::AnsweredCallback => ("Click2Call leg2", "ANSWER"),
        };
        let outgoing = matches!(self.ending, Ending::AnsweredCallback);
        let mut record = json!({
            "ivruniqueid": self.id(),
            "time": self.started_at.timestamp(),
            "duration": self.seconds,
            "type": kind,
            "status": status,
            "direction": if outgoing { "outgoing" } else { "incoming" },
            "isAnswer": u8::from(outgoing),
            "caller": if outgoing { DID } else { self.customer },
            "target": if outgoing { self.customer } else { "" },
            "did": if outgoing { "" } else { DID },
        });
        if matches!(self.ending, Ending::AbandonedQueue) {
            record["queuename"] = "Sales".into();
            record["seconds_waiting_in_queue"] = self.seconds.into();
        }
        record
    }
}

/// A missed call that ended just now.
pub(crate) fn missed_call_now() -> CallRecord {
    let seconds = 37;
    CallRecord {
        what: "a missed call",
        customer: "0501234567",
        started_at: now() - TimeDelta::seconds(seconds.into()),
        seconds,
        ending: Ending::AbandonedQueue,
    }
}

/// The present time.
#[expect(clippy::disallowed_methods, reason = "the outermost edge of a program that reports present calls")]
pub(crate) fn now() -> DateTime<Utc> {
    std::time::SystemTime::now().into()
}
