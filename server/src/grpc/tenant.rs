//! `TenantService`: businesses and their numbers.

use chrono_tz::Tz;
use leadcapture_proto::v1::{self, tenant_service_server::TenantService};
use prost::Message as _;
use prost_types::FieldMask;
use tonic::{Request, Response, Status};
use tracing::instrument;

use super::{
    Api,
    caller::{caller, principal},
    encode,
    once::respond,
    page::{Fingerprint, messages},
    parse::Fields,
    policy,
};
use crate::{
    domain::{
        error::Error,
        phone::Region,
        tenant::{BusinessLine, Tenant},
        text::MAX_LABEL,
    },
    storage::{AddedLine, Once, OnceRequest},
};

type Reply<T> = Result<Response<T>, Status>;

const DEFAULT_REGION: &str = "IL";
const DEFAULT_TIME_ZONE: &str = "Asia/Jerusalem";

impl Fields {
    fn region(&mut self, value: &str) -> Region {
        let code = if value.is_empty() { DEFAULT_REGION } else { value };
        code.parse().unwrap_or_else(|_| {
            self.bad("region", "is no region that is known; give an ISO 3166-1 alpha-2 code such as IL");
            Region::ISRAEL
        })
    }

    fn time_zone(&mut self, value: &str) -> Tz {
        value.parse().unwrap_or_else(|_| {
            self.bad("time_zone", "is no time zone that is known; give an IANA name such as Asia/Jerusalem");
            Tz::UTC
        })
    }

    /// A name on one line.
    fn label(&mut self, field: &str, value: &str) -> Option<String> {
        let label = self.optional_text(field, Some(value), MAX_LABEL)?;
        if label.contains(char::is_control) {
            self.bad(field, "must be one line without tabs");
        }
        Some(label)
    }

    fn name(&mut self, value: &str) -> String {
        if value.trim().is_empty() {
            self.bad("name", "is required; give the name of the business");
        }
        self.label("name", value).unwrap_or_default()
    }
}

#[tonic::async_trait]
impl TenantService for Api {
    #[instrument(name = "CreateTenant", skip_all)]
    async fn create_tenant(
        &self,
        request: Request<v1::CreateTenantRequest>,
    ) -> Reply<v1::CreateTenantResponse> {
        let caller = caller(&request)?;
        let mut request = request.into_inner();
        let mut fields = Fields::default();
        let request_id = fields.request_id(&std::mem::take(&mut request.request_id));
        let environment = self.storage.environment();
        let now = environment.now();
        let zone = if request.time_zone.is_empty() { DEFAULT_TIME_ZONE } else { &request.time_zone };
        let tenant = Tenant {
            id: environment.new_id(),
            name: fields.name(&request.name),
            region: fields.region(&request.region),
            time_zone: fields.time_zone(zone),
            policy: policy::parse(&mut fields, request.policy.clone().unwrap_or_default()),
            version: 1,
            created_at: now,
            updated_at: now,
        };
        for (field, description) in tenant.policy.problems(tenant.time_zone, now) {
            fields.bad(format!("policy.{field}"), description);
        }
        fields.check()?;

        let key = request_id.key("CreateTenant", &caller, &request, Some(tenant.id));
        let response = |tenant: &Tenant| v1::CreateTenantResponse { tenant: Some(encode::tenant(tenant)) };
        let once =
            OnceRequest { key, encode: &|tenant| response(tenant).encode_to_vec(), customer: |_| None };
        Ok(respond(self.storage.create_tenant(&tenant, once).await?, response)?)
    }

    #[instrument(name = "GetTenant", skip_all)]
    async fn get_tenant(&self, request: Request<v1::GetTenantRequest>) -> Reply<v1::GetTenantResponse> {
        let principal = principal(&request)?;
        let mut request = request.into_inner();
        let mut fields = Fields::default();
        let tenant = fields.tenant(&principal, &mut request.tenant_id);
        fields.check()?;
        let tenant = self.storage.tenant(tenant).await?;
        Ok(Response::new(v1::GetTenantResponse { tenant: Some(encode::tenant(&tenant)) }))
    }

    #[instrument(name = "ListTenants", skip_all)]
    async fn list_tenants(&self, request: Request<v1::ListTenantsRequest>) -> Reply<v1::ListTenantsResponse> {
        let request = request.into_inner();
        let fingerprint = Fingerprint::of("tenants", &v1::ListTenantsRequest::default());
        let mut fields = Fields::default();
        let page = fields.page(request.page_size, &request.page_token, fingerprint);
        fields.check()?;
        let page = self.storage.tenants(page).await?;
        let (tenants, next_page_token) = messages(page, fingerprint, encode::tenant);
        Ok(Response::new(v1::ListTenantsResponse { tenants, next_page_token }))
    }

    #[instrument(name = "UpdateTenant", skip_all)]
    async fn update_tenant(
        &self,
        request: Request<v1::UpdateTenantRequest>,
    ) -> Reply<v1::UpdateTenantResponse> {
        let caller = caller(&request)?;
        let mut request = request.into_inner();
        let mut fields = Fields::default();
        let request_id = fields.request_id(&std::mem::take(&mut request.request_id));
        let tenant = fields.tenant(caller.principal(), &mut request.tenant_id);
        let version = fields.etag(&request.etag);
        let mask = TenantMask::parse(&mut fields, &request);
        let name = mask.name.then(|| fields.name(request.name.as_deref().unwrap_or_default()));
        let zone = mask.time_zone.then(|| fields.time_zone(request.time_zone.as_deref().unwrap_or_default()));
        let policy = policy::parse(&mut fields, request.policy.clone().unwrap_or_default());
        fields.check()?;

        let change = |tenant: &mut Tenant| {
            if let Some(name) = &name {
                tenant.name.clone_from(name);
            }
            if let Some(zone) = zone {
                tenant.time_zone = zone;
            }
            for field in &mask.policy {
                policy::copy_field(field, &policy, &mut tenant.policy);
            }
        };
        let key = request_id.key("UpdateTenant", &caller, &request, Some(tenant.id()));
        let response = |tenant: &Tenant| v1::UpdateTenantResponse { tenant: Some(encode::tenant(tenant)) };
        let once =
            OnceRequest { key, encode: &|tenant| response(tenant).encode_to_vec(), customer: |_| None };
        Ok(respond(self.storage.update_tenant(tenant, version, &change, once).await?, response)?)
    }

    #[instrument(name = "DeleteTenant", skip_all)]
    async fn delete_tenant(
        &self,
        request: Request<v1::DeleteTenantRequest>,
    ) -> Reply<v1::DeleteTenantResponse> {
        let caller = caller(&request)?;
        let mut request = request.into_inner();
        let mut fields = Fields::default();
        let request_id = fields.request_id(&std::mem::take(&mut request.request_id));
        let tenant = fields.tenant(caller.principal(), &mut request.tenant_id);
        let version = fields.etag(&request.etag);
        if request.name.is_empty() {
            fields.bad("name", "is required; repeat the tenant's name to delete it");
        }
        fields.check()?;
        // The record must outlive the tenant, or the repeated request would not find its answer.
        let key = request_id.key("DeleteTenant", &caller, &request, None);
        let once = OnceRequest {
            key,
            encode: &|()| v1::DeleteTenantResponse {}.encode_to_vec(),
            customer: |()| None,
        };
        let deleted = self.storage.delete_tenant(tenant, &request.name, version, once).await?;
        Ok(respond(deleted, |()| v1::DeleteTenantResponse {})?)
    }

    #[instrument(name = "AddBusinessLine", skip_all)]
    async fn add_business_line(
        &self,
        request: Request<v1::AddBusinessLineRequest>,
    ) -> Reply<v1::AddBusinessLineResponse> {
        let caller = caller(&request)?;
        let mut request = request.into_inner();
        let mut fields = Fields::default();
        let request_id = fields.request_id(&std::mem::take(&mut request.request_id));
        let tenant = fields.tenant(caller.principal(), &mut request.tenant_id);
        let label = fields.label("label", &request.label);
        let region = self.region_of(tenant, &fields).await?;
        let phone = fields.phone("phone", &request.phone, region);
        fields.check()?;
        let phone = phone.ok_or_else(|| Error::invalid("phone", "is required"))?;

        let key = request_id.key("AddBusinessLine", &caller, &request, Some(tenant.id()));
        let response = |added: &AddedLine| v1::AddBusinessLineResponse {
            business_line: Some(encode::business_line(&added.line, region)),
            replayed_calls: i32::try_from(added.waiting_calls).unwrap_or(i32::MAX),
        };
        let once = OnceRequest { key, encode: &|added| response(added).encode_to_vec(), customer: |_| None };
        let added = self.storage.add_business_line(tenant, &phone, label.as_deref(), once).await?;
        if let Once::Fresh(AddedLine { waiting_calls: 1.., .. }) = &added
            && let Err(error) = self.storage.replay_unrouted(Some(&phone)).await
        {
            // The line is there and must be answered so; the periodic sweep records the calls.
            tracing::warn!(%error, "calls of a new line are left to the sweep");
        }
        Ok(respond(added, response)?)
    }

    #[instrument(name = "RemoveBusinessLine", skip_all)]
    async fn remove_business_line(
        &self,
        request: Request<v1::RemoveBusinessLineRequest>,
    ) -> Reply<v1::RemoveBusinessLineResponse> {
        let caller = caller(&request)?;
        let mut request = request.into_inner();
        let mut fields = Fields::default();
        let request_id = fields.request_id(&std::mem::take(&mut request.request_id));
        let tenant = fields.tenant(caller.principal(), &mut request.tenant_id);
        let line_id = fields.id("business_line_id", &request.business_line_id);
        let region = self.region_of(tenant, &fields).await?;
        fields.check()?;
        let key = request_id.key("RemoveBusinessLine", &caller, &request, Some(tenant.id()));
        let response = |line: &BusinessLine| v1::RemoveBusinessLineResponse {
            business_line: Some(encode::business_line(line, region)),
        };
        let once = OnceRequest { key, encode: &|line| response(line).encode_to_vec(), customer: |_| None };
        Ok(respond(self.storage.remove_business_line(tenant, line_id, once).await?, response)?)
    }

    #[instrument(name = "ListBusinessLines", skip_all)]
    async fn list_business_lines(
        &self,
        request: Request<v1::ListBusinessLinesRequest>,
    ) -> Reply<v1::ListBusinessLinesResponse> {
        let principal = principal(&request)?;
        let mut request = request.into_inner();
        let (size, token) = (std::mem::take(&mut request.page_size), std::mem::take(&mut request.page_token));
        let mut fields = Fields::default();
        let tenant = fields.tenant(&principal, &mut request.tenant_id);
        let fingerprint = Fingerprint::of("business_lines", &request);
        let page = fields.page(size, &token, fingerprint);
        let region = self.region_of(tenant, &fields).await?;
        fields.check()?;
        let page = self.storage.business_lines(tenant, request.include_released, page).await?;
        let (business_lines, next_page_token) =
            messages(page, fingerprint, |line| encode::business_line(line, region));
        Ok(Response::new(v1::ListBusinessLinesResponse { business_lines, next_page_token }))
    }
}

/// Which fields of a tenant an update changes.
#[derive(Debug, Default)]
struct TenantMask {
    name: bool,
    time_zone: bool,
    policy: Vec<&'static str>,
}

impl TenantMask {
    fn parse(fields: &mut Fields, request: &v1::UpdateTenantRequest) -> Self {
        let paths = match &request.update_mask {
            Some(FieldMask { paths }) if !paths.is_empty() => paths.clone(),
            _ => [
                request.name.as_ref().map(|_| "name"),
                request.time_zone.as_ref().map(|_| "time_zone"),
                request.policy.as_ref().map(|_| "policy"),
            ]
            .into_iter()
            .flatten()
            .map(str::to_owned)
            .collect(),
        };
        let mut mask = Self::default();
        for (index, path) in paths.iter().enumerate() {
            match path.as_str() {
                "name" => mask.name = true,
                "time_zone" => mask.time_zone = true,
                "policy" => mask.policy.extend(policy::FIELD_NAMES),
                other => {
                    let field = other.strip_prefix("policy.");
                    match policy::FIELD_NAMES.iter().find(|name| Some(**name) == field) {
                        Some(name) => mask.policy.push(name),
                        None => fields.bad(
                            format!("update_mask.paths[{index}]"),
                            "is unknown; give name, time_zone, policy or policy.<field>",
                        ),
                    }
                }
            }
        }
        mask
    }
}
