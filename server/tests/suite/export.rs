//! `ExportCustomer`: all that is held on a phone, nothing else, as it was at one moment.

mod consistency;
mod size;
mod story;

use leadcapture_proto::v1::{self, ExportCustomerRequest, Tenant};
use leadcapture_server::clock::Clock as _;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::support::{
    calls::{LINE, before, missed, mobile, mobile_e164},
    client::Client,
    database::both_engines,
    leads::{capture, captured},
    problem::Problem,
    server::{TestServer, noon},
};

/// The export of a phone, as text.
async fn exported(client: &Client, tenant: &Tenant, phone: &str) -> String {
    let request = ExportCustomerRequest { tenant_id: tenant.id.clone(), phone: phone.to_owned() };
    client.leads().export_customer(request).await.unwrap().into_inner().json
}

fn parsed(json: &str) -> Value {
    serde_json::from_str(json).unwrap()
}

/// The export without what differs from run to run: each id is replaced by the place of its first appearance, each position in the history
/// by nothing.
fn normalized(json: &str) -> Value {
    let mut ids = Vec::new();
    let mut text = String::new();
    let mut rest = json;
    while let Some(next) = rest.chars().next() {
        let id = rest.get(..36).and_then(|candidate| Uuid::try_parse(candidate).ok());
        let Some(id) = id else {
            text.push(next);
            rest = &rest[next.len_utf8()..];
            continue;
        };
        let place = ids.iter().position(|known| *known == id).unwrap_or_else(|| {
            ids.push(id);
            ids.len() - 1
        });
        text += "id-";
        text += &(place + 1).to_string();
        rest = &rest[36..];
    }
    let mut value = parsed(&text);
    for lead in value["leads"].as_array_mut().unwrap() {
        let mut last = 0;
        for event in lead["events"].as_array_mut().unwrap() {
            let seq = event["seq"].as_i64().unwrap();
            assert!(seq > last, "the history is in order");
            last = seq;
            event["seq"] = 0.into();
        }
    }
    value
}

both_engines! {
    async fn nothing_held_is_no_error(db: TestDatabase) {
        let server = TestServer::start_at(&db, &noon()).await;
        let tenant = server.tenant_with_line(LINE).await;
        let expected = json!({
            "format": 1,
            "exported_at": "2026-03-02T10:00:00Z",
            "tenant_id": tenant.id,
            "phone": mobile_e164(1),
            "truncated": [],
            "customer": null,
            "leads": [],
            "missed_calls": [],
            "unrouted_calls": [],
            "stored_responses": [],
        });
        for phone in [mobile(1), "052-000-0001".to_owned(), "+972 52 000 0001".to_owned(), mobile_e164(1)] {
            assert_eq!(parsed(&exported(&server, &tenant, &phone).await), expected, "{phone}");
        }
    }

    async fn what_is_no_phone_is_named(db: TestDatabase) {
        let server = TestServer::start(&db).await;
        let tenant = server.tenant_with_line(LINE).await;
        for phone in ["", " ", "nobody", "123", "*6789", "+97252000000000000000"] {
            let request = ExportCustomerRequest { tenant_id: tenant.id.clone(), phone: phone.to_owned() };
            Problem::of(server.leads().export_customer(request).await).assert_fields(&["phone"]);
        }
        let request = ExportCustomerRequest { tenant_id: "7".to_owned(), phone: "nobody".to_owned() };
        Problem::of(server.leads().export_customer(request).await).assert_fields(&["phone", "tenant_id"]);
    }

    async fn other_customers_stay_out(db: TestDatabase) {
        let clock = noon();
        let server = TestServer::start_at(&db, &clock).await;
        let tenant = server.tenant_with_line(LINE).await;
        let other = server.tenant_with_line("0762222222").await;
        for (tenant, phone, line, name) in [
            (&other, mobile(1), "0762222222", "Foreign, same phone"),
            (&tenant, mobile(2), LINE, "Foreign, same tenant"),
        ] {
            let call = v1::RecordCallRequest {
                business_phone: line.to_owned(),
                queue_name: Some(name.to_owned()),
                ..missed(name, &phone, before(clock.now(), 60))
            };
            server.record(call).await;
            let request = v1::CaptureLeadRequest {
                customer_name: Some(name.to_owned()),
                request_id: Uuid::from_u128(name.len() as u128).to_string(),
                ..capture(tenant, &phone)
            };
            captured(&server, request).await;
            let request = v1::AddSuppressionRequest {
                tenant_id: tenant.id.clone(),
                phone,
                reason: v1::SuppressionReason::Complaint.into(),
                ..Default::default()
            };
            server.conversations().add_suppression(request).await.unwrap();
        }
        captured(&server, capture(&tenant, &mobile(1))).await;

        let export = exported(&server, &tenant, &mobile(1)).await;
        for foreign in ["Foreign", "762222222", &other.id, &mobile_e164(2), &mobile(2), "complaint"] {
            assert!(!export.contains(foreign), "{foreign} is in {export}");
        }
        let export = parsed(&export);
        assert_eq!(export["leads"].as_array().unwrap().len(), 1);
        assert_eq!(export["missed_calls"], json!([]));
        assert_eq!(export["stored_responses"], json!([]));
        assert!(exported(&server, &other, &mobile(1)).await.contains("Foreign, same phone"));
    }
}
