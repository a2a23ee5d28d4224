//! A delivery read, and what the server's answers to its calls mean for the whole of it.

use chrono::{DateTime, Utc};
use leadcapture_proto::v1::{CallDisposition, RecordCallRequest};
use tonic::Status;
use tracing::{info, warn};

use crate::{
    cdr::{Call, Malformed, Problem, phone},
    server::Failure,
    spool::Delivery,
};

/// A delivery, read.
#[derive(Debug)]
pub struct Reading {
    /// The calls that can be read, with the place of each among the records of the body, from 1.
    calls: Vec<(usize, Call)>,
    /// What is wrong with the others, or with the body.
    problems: Vec<String>,
    several: bool,
}

/// What became of a delivery.
#[derive(Debug)]
pub enum Outcome {
    /// All of it is recorded.
    Recorded,
    /// A part of it can never be recorded, for this reason; the rest is.
    Dead {
        /// Why.
        reason: String,
        /// Whether the sender's record is at fault, and not the adapter's configuration.
        is_malformed: bool,
    },
    /// A part of it was not recorded for now.
    NotNow(Box<Status>),
}

impl Reading {
    /// Reads a delivery.
    #[must_use]
    pub fn of(delivery: &Delivery) -> Self {
        let mut reading = Self { calls: Vec::new(), problems: Vec::new(), several: false };
        match delivery.calls() {
            Ok(calls) => {
                reading.several = calls.len() > 1;
                for (place, call) in (1..).zip(calls) {
                    match call {
                        Ok(call) => reading.calls.push((place, call)),
                        Err(malformed) => reading.problems.push(reading.at(place, &malformed.to_string())),
                    }
                }
            }
            Err(malformed) => reading.problems.push(malformed.to_string()),
        }
        reading
    }

    /// What is wrong with records that cannot be read; `None` if all can.
    #[must_use]
    pub fn problem(&self) -> Option<String> {
        (!self.problems.is_empty()).then(|| self.problems.join("; "))
    }

    /// The requests, in the order of the body; perhaps none.
    #[must_use]
    pub fn requests(&self) -> Vec<RecordCallRequest> {
        self.calls.iter().map(|(_, call)| call.request.clone()).collect()
    }

    /// The calls that can be read.
    #[must_use]
    pub fn calls(&self) -> impl ExactSizeIterator<Item = &Call> {
        self.calls.iter().map(|(_, call)| call)
    }

    /// Warns of what looks wrong although it can be recorded; answers how many calls end after `arrival`.
    #[must_use]
    pub fn warn(&self, arrival: DateTime<Utc>) -> usize {
        let mut from_the_future = 0;
        for call in self.calls() {
            let call_id = call.request.call_id.as_str();
            if call.ends_after(arrival) {
                from_the_future += 1;
                warn!(call_id, ended_at = %call.ended_at, "call ends in the future; check account_zone and time_basis");
            }
            if !call.reduced.is_empty() {
                warn!(call_id, fields = ?call.reduced, "left out or cut short what the server does not take");
            }
        }
        from_the_future
    }

    /// What the server's answers, one for each of the requests, mean for the delivery.
    #[must_use]
    pub fn outcome(&self, answers: Vec<Result<CallDisposition, Failure>>) -> Outcome {
        let (mut problems, mut is_malformed) = (self.problems.clone(), !self.problems.is_empty());
        let mut not_now = None;
        for ((place, call), answer) in self.calls.iter().zip(answers) {
            match answer {
                Ok(disposition) => log_recorded(&call.request, disposition),
                Err(Failure::Refused(violations)) => {
                    let named = violations
                        .into_iter()
                        .map(|(path, problem)| Problem::new(call.vendor_field(&path), problem));
                    problems.push(self.at(*place, &Malformed(named.collect()).to_string()));
                    is_malformed = true;
                }
                Err(Failure::UnknownTenant(message)) => problems.push(self.at(*place, &message)),
                Err(Failure::NotNow(status)) => not_now = Some(status),
            }
        }
        match not_now {
            Some(status) => Outcome::NotNow(status),
            None if problems.is_empty() => Outcome::Recorded,
            None => Outcome::Dead { reason: problems.join("; "), is_malformed },
        }
    }

    fn at(&self, place: usize, problem: &str) -> String {
        if self.several { format!("record {place}: {problem}") } else { problem.to_owned() }
    }
}

fn log_recorded(request: &RecordCallRequest, disposition: CallDisposition) {
    info!(
        call_id = request.call_id,
        disposition = disposition.as_str_name(),
        direction = request.direction().as_str_name(),
        outcome = request.outcome().as_str_name(),
        customer = phone::mask(&request.customer_phone),
        business = phone::mask(&request.business_phone),
        "call is recorded"
    );
}
