//! What a token reaches: its own tenant's calls, leads and follow-ups, and of them no more than its role is for.

use leadcapture_proto::v1::{
    self, CallDisposition, ClaimFollowUpsRequest, ListLeadsRequest, ListMissedCallsRequest,
    RecordCallRequest, TenantPolicy, UpdateTenantRequest,
};
use leadcapture_server::domain::access::Role;
use tonic::Code;

use crate::support::{
    calls::{LINE, called_back, missed, mobile},
    database::both_engines,
    problem::Problem,
    rows::recorded_rows,
    server::{TestServer, present},
    tokens::Tokens,
};

const OTHERS_LINE: &str = "0762222222";

fn to(business_phone: &str, call: RecordCallRequest) -> RecordCallRequest {
    RecordCallRequest { business_phone: business_phone.to_owned(), ..call }
}

both_engines! {
    async fn who_brings_calls_is_told_ids_and_nothing_of_the_customer(db: TestDatabase) {
        let server = TestServer::start(&db).await;
        let tokens = Tokens::of(&db).await;
        let admin = server.with_token(&tokens.admin().await);
        let tenant = admin.tenant_with_line(LINE).await;
        let unbound = server.with_token(&tokens.token(Role::Ingest, None).await);
        let bound = server.with_token(&tokens.bound(Role::Ingest, &tenant).await);
        for (number, ingest) in [(1, unbound), (2, bound)] {
            let id = format!("call-{number}");
            let answer = ingest.record(missed(&id, &mobile(number), present())).await;
            assert_eq!(answer.disposition(), CallDisposition::LeadCreated);
            let (call, lead) = (answer.missed_call.unwrap(), answer.lead.unwrap());
            let expected = v1::MissedCall {
                id: call.id.clone(),
                tenant_id: tenant.id.clone(),
                provider: "voicenter".to_owned(),
                call_id: id.clone(),
                lead_id: Some(lead.id.clone()),
                ..Default::default()
            };
            assert_eq!(call, expected);
            let expected = v1::Lead { id: lead.id.clone(), tenant_id: tenant.id.clone(), ..Default::default() };
            assert_eq!(lead, expected);
            let batch = ingest.record_batch(vec![missed(&id, &mobile(number), present())]).await.unwrap();
            let duplicate = batch.into_iter().next().unwrap().unwrap();
            assert_eq!((duplicate.missed_call.unwrap().caller_raw, duplicate.lead.unwrap()), (String::new(), expected));
        }
        // Whoever may read them anyway sees all.
        let own = server.with_token(&tokens.bound(Role::Tenant, &tenant).await);
        let answer = own.record(missed("call-3", &mobile(3), present())).await;
        assert!(!answer.lead.unwrap().customer_phone.is_empty());
    }

    async fn a_bound_reporter_reaches_its_tenant_alone(db: TestDatabase) {
        let server = TestServer::start(&db).await;
        let tokens = Tokens::of(&db).await;
        let admin = server.with_token(&tokens.admin().await);
        let own = admin.tenant_with_line(LINE).await;
        let other = admin.tenant_with_line(OTHERS_LINE).await;
        let before = recorded_rows(&db).await;
        for role in [Role::Ingest, Role::Tenant] {
            let reporter = server.with_token(&tokens.bound(role, &own).await);
            // A number of another tenant is as good as one that nobody has, and leaves nothing behind.
            for call in [missed("foreign", &mobile(1), present()), called_back("foreign back", &mobile(1), present())] {
                let answer = reporter.record(to(OTHERS_LINE, call)).await;
                assert_eq!(answer, v1::RecordCallResponse { disposition: CallDisposition::Unrouted.into(), ..Default::default() });
            }
            let named = RecordCallRequest { tenant_id: other.id.clone(), ..to(OTHERS_LINE, missed("named", &mobile(1), present())) };
            let problem = Problem::from(reporter.try_record(named).await.unwrap_err());
            assert_eq!(problem.kind(), (Code::NotFound, "TENANT_NOT_FOUND"));
            assert_eq!(recorded_rows(&db).await, before);
        }
        let reporter = server.with_token(&tokens.bound(Role::Ingest, &own).await);
        // An outgoing call that shows no line is the reporter's tenant's.
        reporter.record(to("anonymous", called_back("back", &mobile(1), present()))).await;
        // A call to a number that gets another owner later is not that owner's.
        reporter.record(to("0763333333", missed("early", &mobile(1), present()))).await;
        assert_eq!(admin.unrouted_calls().await.len(), 1);
        admin.add_line(&other, "0763333333").await;
        assert_eq!(admin.all_missed_calls(&other).await, []);
        assert_eq!(admin.unrouted_calls().await.len(), 1);
        let problem = Problem::from(reporter.try_list(&own).await.unwrap_err());
        assert_eq!(problem.kind(), (Code::PermissionDenied, "ROLE_NOT_ALLOWED"));
        assert_eq!((problem.metadata["role"].as_str(), problem.metadata["allowed"].as_str()), ("ingest", "admin,tenant"));
    }

    async fn a_bound_worker_claims_its_tenants_follow_ups_alone(db: TestDatabase) {
        let server = TestServer::start(&db).await;
        let tokens = Tokens::of(&db).await;
        let admin = server.with_token(&tokens.admin().await);
        let mut tenants = Vec::new();
        for (number, line) in [(1, LINE), (2, OTHERS_LINE)] {
            let tenant = admin.tenant_with_line(line).await;
            let policy = TenantPolicy { opener_delay: Some(prost_types::Duration::default()), ..Default::default() };
            let request = UpdateTenantRequest {
                tenant_id: tenant.id.clone(),
                policy: Some(policy),
                update_mask: Some(prost_types::FieldMask { paths: vec!["policy.opener_delay".to_owned()] }),
                ..Default::default()
            };
            admin.tenants().update_tenant(request).await.unwrap();
            admin.record(to(line, missed(&format!("call-{number}"), &mobile(number), present()))).await;
            tenants.push(tenant);
        }
        let claim = async |token: String| {
            let request = ClaimFollowUpsRequest::default();
            let answer = server.with_token(&token).conversations().claim_follow_ups(request).await.unwrap();
            answer.into_inner().follow_ups
        };
        let claimed = claim(tokens.bound(Role::Worker, &tenants[1]).await).await;
        assert_eq!(claimed.len(), 1);
        assert_eq!(claimed[0].follow_up.as_ref().unwrap().tenant_id, tenants[1].id);
        // One for all tenants gets the rest.
        let claimed = claim(tokens.token(Role::Worker, None).await).await;
        assert_eq!(claimed.len(), 1);
        assert_eq!(claimed[0].follow_up.as_ref().unwrap().tenant_id, tenants[0].id);
    }

    async fn pages_of_a_list_go_on_with_and_without_the_tenants_id(db: TestDatabase) {
        let server = TestServer::start(&db).await;
        let tokens = Tokens::of(&db).await;
        let admin = server.with_token(&tokens.admin().await);
        let own = admin.tenant_with_line(LINE).await;
        let other = admin.tenant_with_line(OTHERS_LINE).await;
        for number in 1..=2 {
            admin.record(missed(&format!("own {number}"), &mobile(number), present())).await;
            admin.record(to(OTHERS_LINE, missed(&format!("other {number}"), &mobile(number), present()))).await;
        }
        let first = ListLeadsRequest { page_size: 1, ..Default::default() };
        let client = server.with_token(&tokens.bound(Role::Tenant, &own).await);
        let page = client.leads().list_leads(first.clone()).await.unwrap().into_inner();
        let next = ListLeadsRequest { tenant_id: own.id.clone(), page_token: page.next_page_token.clone(), ..first };
        let rest = client.leads().list_leads(next.clone()).await.unwrap().into_inner();
        assert!(page.leads.iter().chain(&rest.leads).all(|lead| lead.tenant_id == own.id));
        assert_eq!((page.leads.len(), rest.leads.len()), (1, 1));
        // The token of a page belongs to its tenant's list.
        let stranger = server.with_token(&tokens.bound(Role::Tenant, &other).await);
        let stolen = ListLeadsRequest { tenant_id: String::new(), ..next };
        Problem::of(stranger.leads().list_leads(stolen).await).assert_fields(&["page_token"]);
        let calls = client.missed_calls().list_missed_calls(ListMissedCallsRequest::default()).await.unwrap();
        assert_eq!(calls.into_inner().missed_calls.len(), 2);
    }
}
