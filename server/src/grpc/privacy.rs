//! The rights of a customer: to see what is held, and to be forgotten.

use leadcapture_proto::v1;
use prost::Message as _;
use tonic::{Request, Response, Status};

use super::{
    Api,
    caller::{caller, principal},
    once::respond,
    parse::Fields,
};
use crate::{
    domain::{customer::CustomerKey, erasure::Erased, error::Error},
    storage::{Once, OnceRequest},
};

impl Api {
    pub(super) async fn export(
        &self,
        request: Request<v1::ExportCustomerRequest>,
    ) -> Result<Response<v1::ExportCustomerResponse>, Status> {
        let principal = principal(&request)?;
        let mut request = request.into_inner();
        let mut fields = Fields::default();
        let tenant = fields.tenant(&principal, &mut request.tenant_id);
        let region = self.region_of(tenant, &fields).await?;
        let phone = fields.phone("phone", &request.phone, region);
        fields.check()?;
        let phone = phone.ok_or_else(|| Error::internal("a checked request without phone"))?;
        let export = self.storage.export_customer(tenant, &phone).await?;
        let json = serde_json::to_string(&export).map_err(Error::internal)?;
        Ok(Response::new(v1::ExportCustomerResponse { json }))
    }

    pub(super) async fn erase(
        &self,
        request: Request<v1::EraseCustomerRequest>,
    ) -> Result<Response<v1::EraseCustomerResponse>, Status> {
        let caller = caller(&request)?;
        let mut request = request.into_inner();
        let mut fields = Fields::default();
        let request_id = fields.request_id(&std::mem::take(&mut request.request_id));
        let tenant = fields.tenant(caller.principal(), &mut request.tenant_id);
        let region = self.region_of(tenant, &fields).await?;
        let phone = fields.phone("phone", &request.phone, region);
        fields.check()?;
        let phone = phone.ok_or_else(|| Error::internal("a checked request without phone"))?;

        let customer = CustomerKey { tenant_id: tenant.id(), phone };
        // What is remembered of the request must not tell the phone either, and a plain hash would to whoever tries all phones.
        request.phone = self.storage.erasure_hash(&customer)?;
        let once = OnceRequest {
            key: request_id.key("EraseCustomer", &caller, &request, Some(tenant.id())),
            encode: &|erased| response(erased).encode_to_vec(),
            customer: |_| None,
        };
        let once = self.storage.erase_customer(tenant, &customer, once).await?;
        if let Once::Fresh(erased) = &once {
            // The only proof that is kept of it. Whose phone it was is what nothing may tell.
            tracing::info!(
                tenant = %tenant.id(),
                actor = caller.actor(),
                leads = erased.leads,
                missed_calls = erased.missed_calls,
                unrouted_calls = erased.unrouted_calls,
                "a customer was erased",
            );
        }
        Ok(respond(once, response)?)
    }
}

fn response(erased: &Erased) -> v1::EraseCustomerResponse {
    let count = |rows: u64| i32::try_from(rows).unwrap_or(i32::MAX);
    v1::EraseCustomerResponse {
        leads_deleted: count(erased.leads),
        missed_calls_redacted: count(erased.missed_calls),
        unrouted_calls_deleted: count(erased.unrouted_calls),
        stored_responses_deleted: count(erased.stored_responses),
    }
}
