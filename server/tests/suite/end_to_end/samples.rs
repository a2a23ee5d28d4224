//! The vendor's sample records in the order of their times, on the day they are from.

use chrono::{DateTime, TimeDelta, Utc};
use leadcapture_proto::v1::{CallDisposition, LeadStatus, Tenant};
use leadcapture_server::{
    clock::{Clock as _, ManualClock},
    config::Settings,
    storage::entities::enums::FollowUpStatus,
};

use super::{PATH, post, recorded};
use crate::support::{
    calls::{LINE, LINE_E164, moment},
    client::Client,
    database::{TestDatabase, both_engines},
    rows::follow_ups,
    server::{TestServer, settings},
};

macro_rules! sample {
    ($name:literal) => {
        include_str!(concat!("../../../../webhook/tests/samples/", $name, ".json"))
    };
}

/// A sample, when its call ended, and what it does.
struct Sample {
    body: &'static str,
    ended_at: &'static str,
    disposition: CallDisposition,
}

/// 13:00 in Jerusalem is 11:00 UTC on that day.
const SAMPLES: [Sample; 6] = [
    Sample {
        body: sample!("queue-abandoned"),
        ended_at: "2026-01-27T11:00:47Z",
        disposition: CallDisposition::LeadCreated,
    },
    Sample {
        body: sample!("incoming-noanswer-capitalised"),
        ended_at: "2026-01-27T11:10:00Z",
        disposition: CallDisposition::LeadCreated,
    },
    Sample {
        body: sample!("incoming-answered"),
        ended_at: "2026-01-27T11:21:45Z",
        disposition: CallDisposition::Returned,
    },
    Sample {
        body: sample!("outgoing-noanswer"),
        ended_at: "2026-01-27T11:30:35Z",
        disposition: CallDisposition::Ignored,
    },
    Sample {
        body: sample!("outgoing-answered-callback"),
        ended_at: "2026-01-27T11:41:11Z",
        disposition: CallDisposition::Returned,
    },
    Sample {
        body: sample!("withheld-number"),
        ended_at: "2026-01-27T11:50:22Z",
        disposition: CallDisposition::NoCallerId,
    },
];

fn time(text: &str) -> DateTime<Utc> {
    DateTime::parse_from_rfc3339(text).unwrap().to_utc()
}

async fn start(db: &TestDatabase, clock: &ManualClock) -> TestServer {
    let any_port = Some("127.0.0.1:0".parse().unwrap());
    TestServer::start_with(Settings { webhook_listen: any_port, ..settings(db) }, clock.clone()).await
}

/// How many calls with this disposition the server counted.
async fn counted(server: &TestServer, disposition: CallDisposition) -> u64 {
    let name = disposition.as_str_name().strip_prefix("CALL_DISPOSITION_").unwrap().to_lowercase();
    let url = format!("http://{}/metrics", server.metrics_address());
    let text = reqwest::get(url).await.unwrap().text().await.unwrap();
    let series = format!("leadcapture_recorded_calls_total{{disposition=\"{name}\"}} ");
    text.lines().find_map(|line| line.strip_prefix(&series)).map_or(0, |count| count.parse().unwrap())
}

async fn statuses(client: &Client, tenant: &Tenant) -> Vec<(String, LeadStatus)> {
    let leads = client.all_leads(tenant).await;
    let mut shown: Vec<_> = leads.iter().map(|lead| (lead.customer_phone.clone(), lead.status())).collect();
    shown.sort_unstable();
    shown
}

both_engines! {
    async fn every_sample_does_what_it_must(db: TestDatabase) {
        let clock = ManualClock::new(time("2026-01-27T11:00:00Z"));
        let server = start(&db, &clock).await;
        let tenant = server.tenant_with_line(LINE).await;
        let (queue, desk) = ("+972501234567", "+972521234567");
        for (index, sample) in SAMPLES.iter().enumerate() {
            // A record is pushed right after its call.
            clock.advance(time(sample.ended_at) + TimeDelta::seconds(2) - clock.now());
            let before = counted(&server, sample.disposition).await;
            assert_eq!(post(&server.webhook_url(PATH), sample.body).await, recorded());
            assert_eq!(counted(&server, sample.disposition).await, before + 1, "{}", sample.body);

            let expected: &[_] = match index {
                0 => &[(queue, LeadStatus::New)],
                1 => &[(queue, LeadStatus::New), (desk, LeadStatus::New)],
                2 | 3 => &[(queue, LeadStatus::Contacted), (desk, LeadStatus::New)],
                _ => &[(queue, LeadStatus::Contacted), (desk, LeadStatus::Contacted)],
            };
            let expected: Vec<_> = expected.iter().map(|(phone, status)| ((*phone).to_owned(), *status)).collect();
            assert_eq!(statuses(&server, &tenant).await, expected, "{}", sample.body);
            if index < 2 {
                let lead = &server.all_leads(&tenant).await[0];
                let opener = &follow_ups(&db, lead).await[0];
                assert_eq!(opener.due_at, time(sample.ended_at) + TimeDelta::minutes(2));
            }
        }

        let calls = server.all_missed_calls(&tenant).await;
        let shown: Vec<_> = calls
            .iter()
            .rev()
            .map(|call| (&*call.call_id, call.disposition(), call.returned_by_call_id.as_deref()))
            .collect();
        let expected = [
            ("202601271300100a1c7", CallDisposition::LeadCreated, Some("202601271320100c3e9")),
            ("202601271310000b2d8", CallDisposition::LeadCreated, Some("202601271340100e50b")),
            ("202601271350100f61c", CallDisposition::NoCallerId, None),
        ];
        assert_eq!(shown, expected);
        let first = &calls[2];
        assert_eq!(moment(first.called_at), time("2026-01-27T11:00:10Z"));
        assert_eq!((&*first.business_phone, first.provider_status.as_deref()), (LINE_E164, Some("ABANDONE")));
        assert_eq!((first.queue_name.as_deref(), first.ivr_path.len()), (Some("מכירות"), 2));
        assert!(first.custom_data.as_ref().unwrap().fields.contains_key("gclid"));
        for lead in server.all_leads(&tenant).await {
            assert_eq!(lead.call_count, 1);
            let openers = follow_ups(&db, &lead).await;
            assert!(openers.len() == 1 && openers[0].status == FollowUpStatus::Cancelled, "{openers:?}");
        }
    }

    async fn samples_in_any_order_and_again_leave_the_same_calls(db: TestDatabase) {
        // They come a day late: nobody gets a message.
        let clock = ManualClock::new(time("2026-01-28T11:00:00Z"));
        let server = start(&db, &clock).await;
        let tenant = server.tenant_with_line(LINE).await;
        let url = server.webhook_url(PATH);
        for sample in SAMPLES.iter().rev().chain(&SAMPLES) {
            assert_eq!(post(&url, sample.body).await, recorded());
        }
        assert_eq!(counted(&server, CallDisposition::AlreadyReturned).await, 2);
        assert_eq!(counted(&server, CallDisposition::Duplicate).await, 3);
        let calls = server.all_missed_calls(&tenant).await;
        assert_eq!(calls.len(), 3);
        assert!(calls.iter().all(|call| call.caller_phone.is_some() == call.returned_at.is_some()), "{calls:?}");
        assert_eq!(server.all_leads(&tenant).await, []);
    }

    async fn samples_of_an_unknown_number_wait_for_its_owner(db: TestDatabase) {
        let clock = ManualClock::new(time("2026-01-27T12:00:00Z"));
        let server = start(&db, &clock).await;
        let url = server.webhook_url(PATH);
        for sample in &SAMPLES {
            assert_eq!(post(&url, sample.body).await, recorded());
        }
        assert_eq!(counted(&server, CallDisposition::Unrouted).await, 5);
        assert_eq!(counted(&server, CallDisposition::Ignored).await, 1);
        let tenant = server.create_tenant("Demo Plumbing").await;
        assert_eq!(server.add_line(&tenant, LINE).await.1, 5);
        assert_eq!(server.all_missed_calls(&tenant).await.len(), 3);
        let leads = server.all_leads(&tenant).await;
        assert_eq!(leads.len(), 2);
        assert!(leads.iter().all(|lead| lead.status() == LeadStatus::Contacted), "{leads:?}");
    }
}
