//! How a call ended.

use leadcapture_proto::v1::CallOutcome;

use super::{error::Problem, kind, names, record::Record, text};

/// How a call ended, and the exchange's own word for it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ending {
    /// In the service's words.
    pub outcome: CallOutcome,
    /// As sent; empty where only `isAnswer` was.
    pub provider_status: String,
}

/// How the call of a record ended.
///
/// `isAnswer` wins over the status, but not over a voice mailbox: a machine answered. A status that nobody has heard of is no
/// error, for new ones appear.
///
/// # Errors
/// The record has neither a status nor a readable `isAnswer`.
pub fn ending(record: &Record) -> Result<Ending, Problem> {
    let status = record.text(names::STATUS);
    let answered = match record.find(names::IS_ANSWER) {
        None => None,
        Some(field) => match field.text().map(|word| word.to_ascii_lowercase()).as_deref() {
            Some("1" | "true") => Some(true),
            Some("0" | "false") => Some(false),
            // The status alone decides where there is one.
            _ if status.is_some() => None,
            _ => return Err(Problem::new(field.name, "must be 1 or 0")),
        },
    };
    let by_status = status.as_deref().map(outcome_of);
    let outcome = match (by_status, answered) {
        (None, None) => return Err(Problem::new(names::STATUS[0], "is missing, and so is isAnswer")),
        (Some(CallOutcome::Voicemail), _) => CallOutcome::Voicemail,
        (_, Some(true)) => CallOutcome::Answered,
        (None | Some(CallOutcome::Answered), Some(false)) => CallOutcome::NoAnswer,
        (Some(outcome), _) => outcome,
    };
    let outcome = match outcome {
        CallOutcome::Answered if kind::is_voicemail(record) => CallOutcome::Voicemail,
        outcome => outcome,
    };
    let provider_status = text::truncate(status.unwrap_or_default(), text::MAX_STATUS);
    Ok(Ending { outcome, provider_status })
}

fn outcome_of(status: &str) -> CallOutcome {
    let word: String =
        status.chars().filter(char::is_ascii_alphanumeric).map(|c| c.to_ascii_uppercase()).collect();
    match word.as_str() {
        "ANSWER" | "ANSWERED" => CallOutcome::Answered,
        "NOANSWER" => CallOutcome::NoAnswer,
        "BUSY" => CallOutcome::Busy,
        "CANCEL" | "CANCELLED" | "CANCELED" => CallOutcome::Cancelled,
        "CONGESTION" => CallOutcome::Congestion,
        "ABANDONE" | "ABANDON" | "ABANDONED" => CallOutcome::Abandoned,
        "TIMEOUT" => CallOutcome::QueueTimeout,
        "FULL" => CallOutcome::QueueFull,
        "EXIT" => CallOutcome::QueueExit,
        "JOINEMPTY" => CallOutcome::QueueEmpty,
        "VOEND" => CallOutcome::VoiceEnd,
        "VOICEMAIL" => CallOutcome::Voicemail,
        "NOTCALLED" | "NOTDIALED" => CallOutcome::NotCalled,
        "CHANUNAVAIL" | "INVALIDARGS" => CallOutcome::Failed,
        _ => CallOutcome::Other,
    }
}

#[cfg(test)]
mod tests {
    use CallOutcome::{
        Abandoned, Answered, Busy, Cancelled, Congestion, Failed, NoAnswer, NotCalled, Other, QueueEmpty,
        QueueExit, QueueFull, QueueTimeout, VoiceEnd, Voicemail,
    };
    use serde_json::{Value, json};

    use super::*;

    fn ending_of(record: &Value) -> Result<Ending, Problem> {
        ending(&Record::from(record.as_object().unwrap()))
    }

    #[test]
    fn every_published_status_has_its_outcome() {
        for (status, expected) in [
            ("ANSWER", Answered),
            ("NOANSWER", NoAnswer),
            ("BUSY", Busy),
            ("CANCEL", Cancelled),
            ("CONGESTION", Congestion),
            ("ABANDONE", Abandoned),
            ("ABANDON", Abandoned),
            ("ABANDONED", Abandoned),
            ("TIMEOUT", QueueTimeout),
            ("FULL", QueueFull),
            ("EXIT", QueueExit),
            ("JOINEMPTY", QueueEmpty),
            ("VOEND", VoiceEnd),
            ("VOICEMAIL", Voicemail),
            ("TE", Other),
            ("NOTCALLED", NotCalled),
            ("NOTDIALED", NotCalled),
            ("CHANUNAVAIL", Failed),
            ("INVALIDARGS", Failed),
            ("noanswer", NoAnswer),
            ("SOMETHING NEW", Other),
        ] {
            let ending = ending_of(&json!({"status": status})).unwrap();
            assert_eq!(ending, Ending { outcome: expected, provider_status: status.to_owned() });
        }
    }

    #[test]
    fn is_answer_wins_except_over_a_machine() {
        for (record, expected) in [
            (json!({"status": "NOANSWER", "isAnswer": 1}), Answered),
            (json!({"status": "TE", "isAnswer": "1"}), Answered),
            (json!({"status": "ANSWER", "isAnswer": 0}), NoAnswer),
            (json!({"status": "BUSY", "isAnswer": 0}), Busy),
            (json!({"status": "TE", "isAnswer": false}), Other),
            (json!({"status": "VOICEMAIL", "isAnswer": 1}), Voicemail),
            (json!({"status": "ANSWER", "type": "VoiceMail"}), Voicemail),
            (json!({"status": "ANSWER", "isAnswer": 1, "type": 11}), Voicemail),
            (json!({"status": "NOANSWER", "type": 11}), NoAnswer),
            (json!({"isAnswer": 1}), Answered),
            (json!({"isAnswer": 0}), NoAnswer),
            (json!({"status": "BUSY", "isAnswer": "perhaps"}), Busy),
        ] {
            assert_eq!(ending_of(&record).unwrap().outcome, expected, "{record}");
        }
    }

    #[test]
    fn a_record_must_say_how_the_call_ended() {
        assert_eq!(ending_of(&json!({"status": ""})).unwrap_err().field, "status");
        assert_eq!(ending_of(&json!({"IsAnswer": "perhaps"})).unwrap_err().field, "IsAnswer");
    }
}
