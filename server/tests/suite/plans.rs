//! Query plans: every list and look-up finds its rows by an index, on tables with thousands of rows.
//!
//! The statements are those that the services send, caught as they are sent, and explained afterwards.

mod explain;
mod filled;
mod statistics;

use chrono::TimeDelta;
use leadcapture_proto::v1::{
    self, CaptureLeadRequest, ListBusinessLinesRequest, ListLeadsRequest, ListMissedCallsRequest,
    ListTenantsRequest, ListUnroutedCallsRequest,
};
use leadcapture_server::clock::Clock as _;

use self::{explain::Explained, filled::Filled};
use crate::support::{
    calls::{answered, before, missed, mobile, mobile_e164, timestamp},
    database::both_engines,
};

/// Sends a list request with each of some filters, for the first page and the one after.
macro_rules! list {
    ($filled:expr, $explained:expr, $client:ident . $method:ident, $base:expr, [$($filter:expr),* $(,)?]) => {
        for filter in [$($filter as fn(&mut _, &Filled)),*] {
            let mut request = $base;
            filter(&mut request, &$filled);
            request.page_size = 2;
            let what = format!("{request:?}");
            let page = $explained.watch(&what, async || {
                $filled.$client().$method(request.clone()).await.unwrap().into_inner()
            });
            request.page_token = page.await.next_page_token;
            assert!(!request.page_token.is_empty(), "there is a next page of {what}");
            let next = format!("the next page of {what}");
            $explained.watch(&next, async || $filled.$client().$method(request).await.unwrap()).await;
        }
    };
}

mod conversations;

both_engines! {
    async fn every_list_reads_its_page_from_an_index_in_order(db: TestDatabase) {
        let filled = Filled::new(&db).await;
        let explained = Explained::new(&db, &filled).await;
        let tenant_id = || filled.tenant.id.clone();

        list!(filled, explained, tenants.list_tenants, ListTenantsRequest::default(), [|_, _| {}]);
        let base = || ListBusinessLinesRequest { tenant_id: tenant_id(), ..Default::default() };
        list!(filled, explained, tenants.list_business_lines, base(), [
            |_, _| {},
            |list: &mut ListBusinessLinesRequest, _| list.include_released = true,
        ]);
        let base = || ListLeadsRequest { tenant_id: tenant_id(), ..Default::default() };
        list!(filled, explained, leads.list_leads, base(), [
            |_, _| {},
            |list: &mut ListLeadsRequest, _| list.statuses = vec![v1::LeadStatus::New.into()],
            |list: &mut ListLeadsRequest, _| list.sources = vec![v1::LeadSource::MissedCall.into()],
            |list: &mut ListLeadsRequest, filled| list.captured_from = Some(timestamp(before(filled.now, 86_400))),
            |list: &mut ListLeadsRequest, filled| list.captured_until = Some(timestamp(filled.now + TimeDelta::days(1))),
        ]);
        let base = || ListMissedCallsRequest { tenant_id: tenant_id(), ..Default::default() };
        list!(filled, explained, missed_calls.list_missed_calls, base(), [
            |_, _| {},
            |list: &mut ListMissedCallsRequest, _| list.unreturned_only = true,
            |list: &mut ListMissedCallsRequest, _| list.caller_phone = mobile(0),
            |list: &mut ListMissedCallsRequest, filled| list.lead_id.clone_from(&filled.lead.id),
            |list: &mut ListMissedCallsRequest, filled| list.called_from = Some(timestamp(before(filled.now, 86_400))),
            |list: &mut ListMissedCallsRequest, filled| list.called_until = Some(timestamp(filled.now)),
        ]);
        list!(filled, explained, missed_calls.list_unrouted_calls, ListUnroutedCallsRequest::default(), [
            |_, _| {},
            |list: &mut ListUnroutedCallsRequest, _| list.business_phone = filled::UNROUTED.to_owned(),
        ]);
        explained.assert_indexed_and_in_order(&db).await;
    }

    async fn every_lookup_and_every_recorded_call_uses_an_index(db: TestDatabase) {
        let filled = Filled::new(&db).await;
        let explained = Explained::new(&db, &filled).await;
        let (tenant_id, lead_id) = (filled.tenant.id.clone(), filled.lead.id.clone());

        explained.watch("FindLeadByPhone", async || {
            let request = v1::FindLeadByPhoneRequest { tenant_id: tenant_id.clone(), phone: mobile(1) };
            filled.leads().find_lead_by_phone(request).await.unwrap();
        }).await;
        explained.watch("ListLeads of a phone", async || {
            let request = ListLeadsRequest { tenant_id: tenant_id.clone(), customer_phone: mobile_e164(1), ..Default::default() };
            filled.leads().list_leads(request).await.unwrap();
        }).await;
        explained.watch("ListLeads in several statuses", async || {
            let statuses = vec![v1::LeadStatus::New.into(), v1::LeadStatus::Lost.into()];
            let request = ListLeadsRequest { tenant_id: tenant_id.clone(), statuses, ..Default::default() };
            filled.leads().list_leads(request).await.unwrap();
        }).await;
        explained.watch("ListLeadEvents", async || {
            let request = v1::ListLeadEventsRequest { tenant_id: tenant_id.clone(), lead_id: lead_id.clone(), ..Default::default() };
            filled.leads().list_lead_events(request).await.unwrap();
        }).await;
        explained.watch("ExportCustomer", async || {
            let request = v1::ExportCustomerRequest { tenant_id: tenant_id.clone(), phone: mobile(0) };
            filled.leads().export_customer(request).await.unwrap();
        }).await;
        explained.watch("GetMissedCall by call id", async || {
            let key = v1::CallKey { provider: "voicenter".to_owned(), call_id: "call-0".to_owned() };
            let by = Some(v1::get_missed_call_request::By::Call(key));
            let request = v1::GetMissedCallRequest { tenant_id: tenant_id.clone(), by };
            filled.missed_calls().get_missed_call(request).await.unwrap();
        }).await;
        explained.watch("CaptureLead", async || {
            for phone in [mobile(1), mobile(900_000)] {
                let request = CaptureLeadRequest {
                    tenant_id: tenant_id.clone(),
                    source: v1::LeadSource::Manual.into(),
                    customer_phone: phone,
                    note: Some("A note".to_owned()),
                    schedule_opener: true,
                    request_id: uuid::Uuid::from_u128(7).to_string(),
                    ..Default::default()
                };
                // The id serves the first alone.
                drop(filled.leads().capture_lead(request).await);
            }
        }).await;
        explained.watch("TransitionLead", async || {
            let request = v1::TransitionLeadRequest {
                tenant_id: tenant_id.clone(),
                lead_id: lead_id.clone(),
                to_status: v1::LeadStatus::Contacted.into(),
                ..Default::default()
            };
            filled.leads().transition_lead(request).await.unwrap();
        }).await;
        for (what, numbers) in [("one call", vec![1]), ("calls", (0..50).chain(800_000..800_050).collect::<Vec<_>>())] {
            let at = |seconds| before(filled.clock.now(), seconds);
            let new = |number: &u32| missed(&format!("{what}-{number}"), &mobile(*number), at(100));
            let unrouted = |number: &u32| v1::RecordCallRequest { business_phone: "036666666".to_owned(), ..new(number) };
            let batches = [
                ("missed", numbers.iter().map(new).collect::<Vec<_>>()),
                ("repeated", numbers.iter().map(new).collect()),
                ("answered", numbers.iter().map(|n| answered(&format!("{what}-{n}-back"), &mobile(*n), at(50))).collect()),
                ("unrouted", numbers.iter().map(unrouted).collect()),
            ];
            for (kind, calls) in batches {
                explained.watch(&format!("{what}, {kind}"), async || {
                    filled.missed_calls().batch_record_calls(v1::BatchRecordCallsRequest { calls }).await.unwrap();
                }).await;
            }
        }
        explained.watch("EraseCustomer", async || {
            for number in [1, 1, 950_000] {
                let request = v1::EraseCustomerRequest { tenant_id: tenant_id.clone(), phone: mobile(number), ..Default::default() };
                filled.leads().erase_customer(request).await.unwrap();
            }
        }).await;
        explained.watch("calls of erased customers", async || {
            for seconds in [100, 0] {
                let call = missed(&format!("erased-{seconds}"), &mobile(1), before(filled.clock.now(), seconds));
                filled.missed_calls().record_call(call).await.unwrap();
            }
        }).await;
        explained.assert_indexed(&db).await;
    }

    async fn lines_and_background_work_use_an_index(db: TestDatabase) {
        let filled = Filled::new(&db).await;
        let explained = Explained::new(&db, &filled).await;
        explained.watch("lines", async || {
            let tenant_id = filled.tenant.id.clone();
            let request =
                v1::AddBusinessLineRequest { tenant_id: tenant_id.clone(), phone: filled::UNROUTED.to_owned(), ..Default::default() };
            let added = filled.tenants().add_business_line(request).await.unwrap().into_inner();
            assert_eq!(added.replayed_calls, i32::try_from(filled::UNROUTED_CALLS).unwrap());
            let business_line_id = added.business_line.unwrap().id;
            let request = v1::RemoveBusinessLineRequest { tenant_id, business_line_id, ..Default::default() };
            filled.tenants().remove_business_line(request).await.unwrap();
        }).await;
        explained.watch("purge", async || {
            let lost = v1::TransitionLeadRequest {
                tenant_id: filled.tenant.id.clone(),
                lead_id: filled.lead.id.clone(),
                to_status: v1::LeadStatus::Lost.into(),
                lost_reason: v1::LostReason::Price.into(),
                ..Default::default()
            };
            filled.leads().transition_lead(lost).await.unwrap();
            filled.clock.advance(TimeDelta::days(365));
            filled.storage.purge_requests().await.unwrap();
            filled.storage.purge_unrouted(TimeDelta::days(30)).await.unwrap();
            assert_eq!(filled.storage.redact_closed_leads(TimeDelta::days(30)).await.unwrap(), 1);
        }).await;
        explained.assert_indexed(&db).await;
    }
}
