//! The table.

use leadcapture_proto::v1::{self, batch_record_calls_result::Result as Recorded};

use super::{
    Kind, Object, Row,
    TenantField::{self, None as NoTenant, Optional, Required},
    world::{Answered, Failure, Target, outcome},
};
use crate::support::{
    calls::{before, called_back, mobile},
    client::Client,
    server::present,
};

const LINE: Option<Object> =
    Some(Object { field: "business_line_id", kind: Kind::Line, reason: "BUSINESS_LINE_NOT_FOUND" });
const LEAD: Option<Object> = Some(Object { field: "lead_id", kind: Kind::Lead, reason: "LEAD_NOT_FOUND" });
const LEAD_OF_PHONE: Option<Object> =
    Some(Object { field: "phone", kind: Kind::LeadPhone, reason: "LEAD_NOT_FOUND" });
const CALL: Option<Object> =
    Some(Object { field: "id", kind: Kind::MissedCall, reason: "MISSED_CALL_NOT_FOUND" });
const CALL_BY_KEY: Option<Object> =
    Some(Object { field: "call.call_id", kind: Kind::CallId, reason: "MISSED_CALL_NOT_FOUND" });

/// A row: `rpc, tenant, object, client.method, |target| request`.
macro_rules! row {
    ($rpc:literal, $tenant:expr, $object:expr, $client:ident.$method:ident, |$target:ident| $request:expr) => {
        Row {
            rpc: $rpc,
            tenant: $tenant,
            object: $object,
            send: |client, $target| {
                let request = $request;
                Box::pin(async move { outcome(client.$client().$method(request).await) })
            },
        }
    };
}

mod conversations;

/// A row for each RPC; some have two, for two ways to name the object.
pub(super) fn rows() -> Vec<Row> {
    let mut rows = tenants();
    rows.extend(missed_calls());
    rows.extend(leads());
    rows.extend(conversations::rows());
    rows
}

fn tenants() -> Vec<Row> {
    vec![
        row!("TenantService/CreateTenant", NoTenant, None, tenants.create_tenant, |target| {
            v1::CreateTenantRequest { name: target.name, ..Default::default() }
        }),
        row!("TenantService/GetTenant", Required, None, tenants.get_tenant, |target| {
            v1::GetTenantRequest { tenant_id: target.tenant_id }
        }),
        row!("TenantService/ListTenants", NoTenant, None, tenants.list_tenants, |_target| {
            v1::ListTenantsRequest::default()
        }),
        row!("TenantService/UpdateTenant", Required, None, tenants.update_tenant, |target| {
            v1::UpdateTenantRequest {
                tenant_id: target.tenant_id,
                name: Some(target.name),
                ..Default::default()
            }
        }),
        row!("TenantService/DeleteTenant", Required, None, tenants.delete_tenant, |target| {
            v1::DeleteTenantRequest { tenant_id: target.tenant_id, name: target.name, ..Default::default() }
        }),
        row!("TenantService/AddBusinessLine", Required, None, tenants.add_business_line, |target| {
            v1::AddBusinessLineRequest {
                tenant_id: target.tenant_id,
                phone: target.free_phone,
                ..Default::default()
            }
        }),
        row!("TenantService/RemoveBusinessLine", Required, LINE, tenants.remove_business_line, |target| {
            v1::RemoveBusinessLineRequest {
                tenant_id: target.tenant_id,
                business_line_id: target.object,
                ..Default::default()
            }
        }),
        row!("TenantService/ListBusinessLines", Required, None, tenants.list_business_lines, |target| {
            v1::ListBusinessLinesRequest { tenant_id: target.tenant_id, ..Default::default() }
        }),
    ]
}

/// An answered call of the tenant that shows a number which is no line: routed by the tenant alone.
fn report(target: Target) -> v1::RecordCallRequest {
    v1::RecordCallRequest {
        business_phone: target.free_phone,
        tenant_id: target.tenant_id,
        ..called_back("call-1", &mobile(1), before(present(), 60))
    }
}

async fn record_batch(client: Client, target: Target) -> Answered {
    let request = v1::BatchRecordCallsRequest { calls: vec![report(target)] };
    let answer = client.missed_calls().batch_record_calls(request).await;
    let failed = answer.as_ref().ok().and_then(|answer| match answer.get_ref().results[0].result.clone() {
        Some(Recorded::Error(error)) => Some(Failure::from(error)),
        _ => None,
    });
    let answered = outcome(answer);
    Answered { result: failed.map_or(answered.result, Err), wire: answered.wire }
}

fn missed_calls() -> Vec<Row> {
    use v1::get_missed_call_request::By;
    vec![
        row!("MissedCallService/RecordCall", Optional, None, missed_calls.record_call, |target| {
            report(target)
        }),
        Row {
            rpc: "MissedCallService/BatchRecordCalls",
            tenant: TenantField::Optional,
            object: None,
            send: |client, target| Box::pin(record_batch(client, target)),
        },
        row!("MissedCallService/GetMissedCall", Required, CALL, missed_calls.get_missed_call, |target| {
            v1::GetMissedCallRequest { tenant_id: target.tenant_id, by: Some(By::Id(target.object)) }
        }),
        row!(
            "MissedCallService/GetMissedCall",
            Required,
            CALL_BY_KEY,
            missed_calls.get_missed_call,
            |target| {
                let key = v1::CallKey { provider: "voicenter".to_owned(), call_id: target.object };
                v1::GetMissedCallRequest { tenant_id: target.tenant_id, by: Some(By::Call(key)) }
            }
        ),
        row!("MissedCallService/ListMissedCalls", Required, None, missed_calls.list_missed_calls, |target| {
            v1::ListMissedCallsRequest { tenant_id: target.tenant_id, ..Default::default() }
        }),
        row!(
            "MissedCallService/ListUnroutedCalls",
            NoTenant,
            None,
            missed_calls.list_unrouted_calls,
            |_target| { v1::ListUnroutedCallsRequest::default() }
        ),
    ]
}

fn leads() -> Vec<Row> {
    vec![
        row!("LeadService/CaptureLead", Required, None, leads.capture_lead, |target| {
            v1::CaptureLeadRequest {
                tenant_id: target.tenant_id,
                source: v1::LeadSource::Manual.into(),
                customer_phone: mobile(1),
                ..Default::default()
            }
        }),
        row!("LeadService/GetLead", Required, LEAD, leads.get_lead, |target| {
            v1::GetLeadRequest { tenant_id: target.tenant_id, lead_id: target.object }
        }),
        row!("LeadService/FindLeadByPhone", Required, LEAD_OF_PHONE, leads.find_lead_by_phone, |target| {
            v1::FindLeadByPhoneRequest { tenant_id: target.tenant_id, phone: target.object }
        }),
        row!("LeadService/ListLeads", Required, None, leads.list_leads, |target| {
            v1::ListLeadsRequest { tenant_id: target.tenant_id, ..Default::default() }
        }),
        row!("LeadService/UpdateLead", Required, LEAD, leads.update_lead, |target| {
            v1::UpdateLeadRequest {
                tenant_id: target.tenant_id,
                lead_id: target.object,
                note: Some("A note".to_owned()),
                ..Default::default()
            }
        }),
        row!("LeadService/QualifyLead", Required, LEAD, leads.qualify_lead, |target| {
            v1::QualifyLeadRequest {
                tenant_id: target.tenant_id,
                lead_id: target.object,
                need: Some("A tap".to_owned()),
                ..Default::default()
            }
        }),
        row!("LeadService/TransitionLead", Required, LEAD, leads.transition_lead, |target| {
            v1::TransitionLeadRequest {
                tenant_id: target.tenant_id,
                lead_id: target.object,
                to_status: v1::LeadStatus::Contacted.into(),
                ..Default::default()
            }
        }),
        row!("LeadService/ListLeadEvents", Required, LEAD, leads.list_lead_events, |target| {
            v1::ListLeadEventsRequest {
                tenant_id: target.tenant_id,
                lead_id: target.object,
                ..Default::default()
            }
        }),
        row!("LeadService/EraseCustomer", Required, None, leads.erase_customer, |target| {
            v1::EraseCustomerRequest { tenant_id: target.tenant_id, phone: mobile(1), ..Default::default() }
        }),
        row!("LeadService/ExportCustomer", Required, None, leads.export_customer, |target| {
            v1::ExportCustomerRequest { tenant_id: target.tenant_id, phone: mobile(1) }
        }),
    ]
}
