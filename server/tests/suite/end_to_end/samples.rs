//! The vendor's sample records in the order of their times, on the day they are from.

use chrono::{DateTime, TimeDelta, Utc};
use leadcapture_proto::v1::{CallDisposition, LeadStatus, Tenant};
use leadcapture_server::{
    clock::{Clock as _, ManualClock},
    config::Settings,
    storage::entities::enums::FollowUpStatus,
};

use super::PATH;
use crate::support::{
    calls::{LINE, LINE_E164, moment},
    client::Client,
    database::{TestDatabase, both_engines},
    rows::follow_ups,
    server::{TestServer, settings},
};

macro_rules! sample {
    ($name:literal) => {
        include_str!(concat!("../../../../webhook/tests/samples/", $name))
    };
}

/// A sample, when its call ended, and what it does.
struct Sample {
    body: &'static str,
    ended_at: &'static str,
    disposition: CallDisposition,
}

/// 13:00 in Jerusalem is 11:00 UTC on that day.
const SAMPLES: [Sample; 8] = [
    Sample {
        body: sample!("queue-abandoned.json"),
        ended_at: "2026-01-27T11:00:47Z",
        disposition: CallDisposition::LeadCreated,
    },
    Sample {
        body: sample!("incoming-noanswer-capitalised.json"),
        ended_at: "2026-01-27T11:10:00Z",
        disposition: CallDisposition::LeadCreated,
    },
    Sample {
        body: sample!("incoming-answered.json"),
        ended_at: "2026-01-27T11:21:45Z",
        disposition: CallDisposition::Returned,
    },
    Sample {
        body: sample!("outgoing-noanswer.json"),
        ended_at: "2026-01-27T11:30:35Z",
        disposition: CallDisposition::Ignored,
    },
    Sample {
        body: sample!("outgoing-answered-callback.json"),
        ended_at: "2026-01-27T11:41:11Z",
        disposition: CallDisposition::Returned,
    },
    Sample {
        body: sample!("withheld-number.json"),
        ended_at: "2026-01-27T11:50:22Z",
        disposition: CallDisposition::NoCallerId,
    },
    Sample {
        body: sample!("form-body.txt"),
        ended_at: "2026-01-27T12:00:28Z",
        disposition: CallDisposition::LeadCreated,
    },
    Sample {
        body: sample!("xml-rpc-body.xml"),
        ended_at: "2026-01-27T12:10:32Z",
        disposition: CallDisposition::LeadCreated,
    },
];

/// Posts a sample as its sender does; it must be recorded, and the reply be in its format.
async fn post(url: &str, sample: &Sample) {
    let (content_type, expected) = match sample.body.as_bytes()[0] {
        b'{' => ("application/json", r#"{"Err":0,"Errdesc":"OK"}"#),
        b'<' => ("text/xml", "<name>Err</name><value><int>0</int></value>"),
        _ => ("application/x-www-form-urlencoded", "Err=0&Errdesc=OK"),
    };
    let request = reqwest::Client::new().post(url).header("content-type", content_type);
    let answer = request.body(sample.body).send().await.unwrap();
    assert_eq!(answer.status(), 200, "{}", sample.body);
    let text = answer.text().await.unwrap();
    assert!(text.contains(expected), "{}: {text}", sample.body);
}

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
        let (form, xml) = ("+972547654321", "+972585550123");
        for (index, sample) in SAMPLES.iter().enumerate() {
            // A record is pushed right after its call.
            clock.advance(time(sample.ended_at) + TimeDelta::seconds(2) - clock.now());
            let before = counted(&server, sample.disposition).await;
            post(&server.webhook_url(PATH), sample).await;
            assert_eq!(counted(&server, sample.disposition).await, before + 1, "{}", sample.body);

            let expected: &[_] = match index {
                0 => &[(queue, LeadStatus::New)],
                1 => &[(queue, LeadStatus::New), (desk, LeadStatus::New)],
                2 | 3 => &[(queue, LeadStatus::Contacted), (desk, LeadStatus::New)],
                4 | 5 => &[(queue, LeadStatus::Contacted), (desk, LeadStatus::Contacted)],
                6 => &[
                    (queue, LeadStatus::Contacted),
                    (desk, LeadStatus::Contacted),
                    (form, LeadStatus::New),
                ],
                _ => &[
                    (queue, LeadStatus::Contacted),
                    (desk, LeadStatus::Contacted),
                    (form, LeadStatus::New),
                    (xml, LeadStatus::New),
                ],
            };
            let expected: Vec<_> = expected.iter().map(|(phone, status)| ((*phone).to_owned(), *status)).collect();
            assert_eq!(statuses(&server, &tenant).await, expected, "{}", sample.body);
            if sample.disposition == CallDisposition::LeadCreated {
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
            ("2026012714001010072d", CallDisposition::LeadCreated, None),
            ("2026012714101010083e", CallDisposition::LeadCreated, None),
        ];
        assert_eq!(shown, expected);
        let by_xml = &calls[0];
        assert_eq!((by_xml.queue_name.as_deref(), by_xml.provider_status.as_deref()), (Some("Support"), Some("TIMEOUT")));
        let by_form = &calls[1];
        assert_eq!((by_form.ivr_path.len(), &*by_form.caller_raw), (1, "054-765-4321"));
        assert!(by_form.custom_data.as_ref().unwrap().fields.contains_key("utm_source"));
        let first = &calls[4];
        assert_eq!(moment(first.called_at), time("2026-01-27T11:00:10Z"));
        assert_eq!((&*first.business_phone, first.provider_status.as_deref()), (LINE_E164, Some("ABANDONE")));
        assert_eq!((first.queue_name.as_deref(), first.ivr_path.len()), (Some("מכירות"), 2));
        assert!(first.custom_data.as_ref().unwrap().fields.contains_key("gclid"));
        for lead in server.all_leads(&tenant).await {
            assert_eq!(lead.call_count, 1);
            let openers = follow_ups(&db, &lead).await;
            let expected = match lead.status() {
                LeadStatus::New => FollowUpStatus::Pending,
                _ => FollowUpStatus::Cancelled,
            };
            assert!(openers.len() == 1 && openers[0].status == expected, "{openers:?}");
        }
    }

    async fn samples_in_any_order_and_again_leave_the_same_calls(db: TestDatabase) {
        // They come a day late: nobody gets a message.
        let clock = ManualClock::new(time("2026-01-28T11:00:00Z"));
        let server = start(&db, &clock).await;
        let tenant = server.tenant_with_line(LINE).await;
        let url = server.webhook_url(PATH);
        for sample in SAMPLES.iter().rev().chain(&SAMPLES) {
            post(&url, sample).await;
        }
        assert_eq!(counted(&server, CallDisposition::AlreadyReturned).await, 2);
        assert_eq!(counted(&server, CallDisposition::Duplicate).await, 5);
        let calls = server.all_missed_calls(&tenant).await;
        let returned: Vec<_> = calls.iter().rev().map(|call| call.returned_at.is_some()).collect();
        assert_eq!(returned, [true, true, false, false, false], "{calls:?}");
        // Nobody called these two back.
        let leads = server.all_leads(&tenant).await;
        assert_eq!(leads.len(), 2);
        for lead in leads {
            assert_eq!((lead.status(), lead.call_count), (LeadStatus::New, 1));
            assert!(follow_ups(&db, &lead).await.is_empty());
        }
    }

    async fn samples_of_an_unknown_number_wait_for_its_owner(db: TestDatabase) {
        let clock = ManualClock::new(time("2026-01-27T12:00:00Z"));
        let server = start(&db, &clock).await;
        let url = server.webhook_url(PATH);
        for sample in &SAMPLES {
            post(&url, sample).await;
        }
        assert_eq!(counted(&server, CallDisposition::Unrouted).await, 7);
        assert_eq!(counted(&server, CallDisposition::Ignored).await, 1);
        let tenant = server.create_tenant("Demo Plumbing").await;
        assert_eq!(server.add_line(&tenant, LINE).await.1, 7);
        assert_eq!(server.all_missed_calls(&tenant).await.len(), 5);
        let found: Vec<_> = statuses(&server, &tenant).await.into_iter().map(|(_, status)| status).collect();
        assert_eq!(found, [LeadStatus::Contacted, LeadStatus::Contacted, LeadStatus::New, LeadStatus::New]);
    }
}
