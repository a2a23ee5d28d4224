//! A business that calls itself is not its own customer.

use leadcapture_proto::v1::{CallDisposition, CreateTenantRequest, RecordCallRequest};
use leadcapture_server::clock::Clock as _;

use crate::support::{
    calls::missed,
    database::both_engines,
    server::{TestServer, noon},
};

both_engines! {
    async fn own_numbers_are_known_in_the_form_of_the_tenants_country(db: TestDatabase) {
        let clock = noon();
        // The server's own region is Israel.
        let server = TestServer::start_at(&db, &clock).await;
        let request = CreateTenantRequest {
            name: "London Locks".to_owned(),
            region: "GB".to_owned(),
            time_zone: "Europe/London".to_owned(),
            ..Default::default()
        };
        let tenant = server.tenants().create_tenant(request).await.unwrap().into_inner().tenant.unwrap();
        for line in ["+442079460000", "+442079460001"] {
            server.add_line(&tenant, line).await;
        }
        let call = |id: &str, customer: &str| RecordCallRequest {
            business_phone: "+442079460000".to_owned(),
            ..missed(id, customer, clock.now())
        };
        for (id, own) in [("1", "+44 20 7946 0001"), ("2", "020 7946 0001"), ("3", "020 7946 0000")] {
            assert_eq!(server.disposition(call(id, own)).await, CallDisposition::NoCallerId, "{own}");
        }
        assert_eq!(server.disposition(call("4", "020 7946 0002")).await, CallDisposition::LeadCreated);
    }
}
