//! Deliveries for people and for programs. Telephone numbers are masked unless they are asked for.

use std::fmt::Write as _;

use chrono::{DateTime, SecondsFormat, Utc};
use leadcapture_proto::v1::{CallDirection, CallOutcome};
use serde::Serialize;

use crate::{
    cdr::{Call, phone},
    spool::{State, Stored},
};

/// A delivery as it is shown.
#[derive(Serialize)]
pub(super) struct Shown {
    delivery: i64,
    state: &'static str,
    since: String,
    arrived_at: String,
    attempts: u32,
    /// Only while it waits.
    #[serde(skip_serializing_if = "Option::is_none")]
    next_attempt_at: Option<String>,
    format: &'static str,
    bytes: usize,
    tenant_id: Option<String>,
    problem: String,
    calls: Vec<ShownCall>,
    #[serde(skip_serializing_if = "Option::is_none")]
    body: Option<String>,
}

#[derive(Serialize)]
struct ShownCall {
    call_id: String,
    called_at: Option<String>,
    direction: &'static str,
    outcome: &'static str,
    customer_phone: String,
    business_phone: String,
}

/// A moment, in UTC and to the second.
pub(super) fn time(moment: DateTime<Utc>) -> String {
    moment.to_rfc3339_opts(SecondsFormat::Secs, true)
}

impl Shown {
    pub(super) fn of(stored: &Stored, reveal: bool) -> Self {
        let delivery = &stored.delivery;
        let calls = delivery.calls().unwrap_or_default();
        Self {
            delivery: stored.id,
            state: stored.state.name(),
            since: time(stored.since),
            arrived_at: time(delivery.arrived_at),
            attempts: stored.attempts,
            next_attempt_at: (stored.state == State::Waiting).then(|| time(stored.next_attempt_at)),
            format: delivery.format.name(),
            bytes: delivery.body.len(),
            tenant_id: delivery.tenant_id.clone(),
            problem: stored.problem.clone(),
            calls: calls.iter().flatten().map(|call| ShownCall::of(call, reveal)).collect(),
            body: None,
        }
    }

    /// With the body, which may hold anything, if all is to be shown.
    pub(super) fn with_body(self, stored: &Stored, reveal: bool) -> Self {
        let body = reveal.then(|| String::from_utf8_lossy(&stored.delivery.body).into_owned());
        Self { body, ..self }
    }

    pub(super) fn json(&self) -> String {
        serde_json::to_string(self).expect("texts and numbers are always JSON")
    }

    /// One line.
    pub(super) fn line(&self) -> String {
        let calls: Vec<String> =
            self.calls.iter().map(|call| format!("{} {}", call.call_id, call.customer_phone)).collect();
        let calls = if calls.is_empty() { "no readable call".to_owned() } else { calls.join(", ") };
        format!(
            "{}  {}  arrived {}  attempts {}  {} bytes  {calls}: {}",
            self.delivery, self.state, self.arrived_at, self.attempts, self.bytes, self.problem
        )
    }

    /// Several lines.
    pub(super) fn page(&self) -> String {
        let mut page = String::new();
        let mut line = |name: &str, value: &str| {
            // Writing to a string does not fail.
            let _ = writeln!(page, "{name:14} {value}");
        };
        line("delivery", &self.delivery.to_string());
        line("state", &format!("{} since {}", self.state, self.since));
        line("problem", &self.problem);
        line("arrived at", &self.arrived_at);
        line("attempts", &self.attempts.to_string());
        if let Some(next) = &self.next_attempt_at {
            line("next attempt", next);
        }
        line("body", &format!("{} bytes of {}", self.bytes, self.format));
        if let Some(tenant) = &self.tenant_id {
            line("tenant", tenant);
        }
        for call in &self.calls {
            line(
                "call",
                &format!(
                    "{}  {} {}  at {}  customer {}  business {}",
                    call.call_id,
                    call.direction,
                    call.outcome,
                    call.called_at.as_deref().unwrap_or("?"),
                    call.customer_phone,
                    call.business_phone
                ),
            );
        }
        if let Some(body) = &self.body {
            let _ = writeln!(page, "\n{body}");
        }
        page
    }
}

impl ShownCall {
    fn of(call: &Call, reveal: bool) -> Self {
        let request = &call.request;
        let number = |number: &str| if reveal { number.to_owned() } else { phone::mask(number) };
        let called_at = request.called_at.and_then(|at| DateTime::from_timestamp(at.seconds, 0));
        Self {
            call_id: request.call_id.clone(),
            called_at: called_at.map(time),
            direction: short(request.direction().as_str_name(), CallDirection::Unspecified.as_str_name()),
            outcome: short(request.outcome().as_str_name(), CallOutcome::Unspecified.as_str_name()),
            customer_phone: number(&request.customer_phone),
            business_phone: number(&request.business_phone),
        }
    }
}

/// The name of an enum's value without the enum's prefix, which `unspecified` shows.
fn short(name: &'static str, unspecified: &str) -> &'static str {
    name.strip_prefix(unspecified.trim_end_matches("UNSPECIFIED")).unwrap_or(name)
}
