//! Posts a handful of calls, then prints what became of them.

use std::fmt::Write as _;

use chrono::{DateTime, TimeDelta, Utc};
use chrono_tz::Tz;
use leadcapture_proto::v1::{Lead, Tenant};

use crate::{
    error::Error,
    record::{CallRecord, Ending, now},
    service::{Service, Webhook},
    table::Table,
};

/// Calls in, leads out.
pub(crate) async fn run() -> Result<String, Error> {
    let mut service = Service::connect().await?;
    let tenant = service.demo_tenant().await?;
    let webhook = Webhook::new();

    let mut output = String::from("Posted to the webhook:\n");
    for record in calls(now()) {
        webhook.post(&record).await?;
        let _ = writeln!(output, "  {}", record.what);
    }

    let leads = service.leads(&tenant.id).await?;
    let _ = write!(output, "\nLeads of {}:\n{}", tenant.name, lead_table(&tenant, &leads));
    Ok(output)
}

/// The demo's calls, in the order in which they happened.
fn calls(now: DateTime<Utc>) -> Vec<CallRecord> {
    let call = |what, customer, minutes_ago, seconds, ending| CallRecord {
        what,
        customer,
        started_at: now - TimeDelta::minutes(minutes_ago),
        seconds,
        ending,
    };
    vec![
        call("052-123-4567 gives up in the queue", "0521234567", 20, 41, Ending::AbandonedQueue),
        call("052-123-4567, the same record once more", "0521234567", 20, 41, Ending::AbandonedQueue),
        call("052-123-4567 calls again, nobody answers", "972521234567", 12, 25, Ending::NoAnswer),
        call("054-765-4321 finds the line busy", "054-765-4321", 9, 3, Ending::Busy),
        call("a caller who withholds the number hangs up", "anonymous", 6, 12, Ending::Cancelled),
        call("054-765-4321 is called back and answers", "0547654321", 4, 61, Ending::AnsweredCallback),
    ]
}

fn lead_table(tenant: &Tenant, leads: &[Lead]) -> Table<6> {
    let zone: Tz = tenant.time_zone.parse().unwrap_or(Tz::UTC);
    let mut table = Table::new(["PHONE", "STATUS", "SOURCE", "CALLS", "LAST CALL", "CAPTURED"]);
    for lead in leads {
        table.add([
            lead.customer_phone_local.clone(),
            word(lead.status().as_str_name(), "LEAD_STATUS_"),
            word(lead.source().as_str_name(), "LEAD_SOURCE_"),
            lead.call_count.to_string(),
            local_time(lead.last_call_at, zone),
            local_time(lead.captured_at, zone),
        ]);
    }
    table
}

/// An enum value's name without the prefix of its enum.
fn word(name: &str, prefix: &str) -> String {
    name.strip_prefix(prefix).unwrap_or(name).to_owned()
}

fn local_time(time: Option<prost_types::Timestamp>, zone: Tz) -> String {
    time.and_then(|time| DateTime::from_timestamp(time.seconds, 0))
        .map_or_else(|| "-".to_owned(), |time| time.with_timezone(&zone).format("%Y-%m-%d %H:%M").to_string())
}
