//! Secrets that name a tenant, in front of a real server, and the rules of the door of a webhook in the same process.

use leadcapture_proto::v1::UnroutedCall;
use leadcapture_server::{clock::SystemClock, config::Settings, serve};
use leadcapture_webhook::{
    DoorSettings, Settings as WebhookSettings, config::SecretsSource, secrets::Secrets,
};
use serde_json::json;

use super::{PATH, post, record, recorded};
use crate::support::{
    calls::{LINE, mobile},
    database::both_engines,
    process::start_process_with_environment,
    server::{TestServer, environment, settings},
};

const ANY: &str = "any-tenants-secret-0123456789";
const OWN: &str = "one-tenants-secret-0123456789";
const OTHER_LINE: &str = "0779876543";

fn door(secrets: &str) -> DoorSettings {
    let secrets = Some(SecretsSource::Given(Secrets::parse(secrets).unwrap()));
    DoorSettings { secrets, ..DoorSettings::default() }
}

both_engines! {
    async fn a_secret_that_names_a_tenant_routes_to_that_tenant_alone(db: TestDatabase) {
        // The tenants must be there before the secrets can name them.
        let setup = TestServer::start(&db).await;
        let (own, other) = (setup.tenant_with_line(LINE).await, setup.tenant_with_line(OTHER_LINE).await);
        setup.stop().await;
        let webhook = WebhookSettings { door: door(&format!("{ANY}\n{OWN} {}", own.id)), ..settings(&db).webhook };
        let any_port = Some("127.0.0.1:0".parse().unwrap());
        let server =
            TestServer::start_with(Settings { webhook_listen: any_port, webhook, ..settings(&db) }, SystemClock).await;
        let url = |secret: &str| server.webhook_url(&format!("{PATH}/{secret}"));
        let to_other = |id: &str| {
            let mut record = record(id, &mobile(1));
            record["did"] = OTHER_LINE.into();
            record.to_string()
        };

        assert_eq!(post(&url(OWN), record("1", &mobile(1)).to_string()).await, recorded());
        let (status, err, description) = post(&url(OWN), to_other("2")).await;
        assert_eq!((status, err), (200, 1));
        assert!(description.starts_with("tenant_id: is not the owner"), "{description}");
        assert_eq!(server.all_missed_calls(&other).await, []);
        assert_eq!(post(&url(ANY), to_other("2")).await, recorded());
        assert_eq!(server.all_missed_calls(&own).await.len(), 1);
        assert_eq!(server.all_missed_calls(&other).await.len(), 1);

        // An answered outgoing call that shows no line finds its tenant by the secret.
        let called_back = json!({
            "ivruniqueid": "3", "time": record("3", "")["time"], "duration": 5, "status": "ANSWER", "direction": "outgoing",
            "caller": "anonymous", "target": mobile(1),
        });
        assert_eq!(post(&url(OWN), called_back.to_string()).await, recorded());
        assert!(server.all_missed_calls(&own).await[0].returned_at.is_some());

        // Without a secret there is nothing.
        assert_eq!(post(&server.webhook_url(PATH), record("4", &mobile(2)).to_string()).await.0, 404);
        assert_eq!(server.unrouted_calls().await, Vec::<UnroutedCall>::new());
    }

    async fn the_webhook_in_the_process_has_the_same_door(db: TestDatabase) {
        let start = async |listen: &str, door: DoorSettings| {
            let webhook = WebhookSettings { door, ..WebhookSettings::default() };
            let settings = Settings { webhook_listen: Some(listen.parse().unwrap()), webhook, ..settings(&db) };
            serve::start(settings, environment(SystemClock)).await.map(drop)
        };
        for (listen, door, expected) in [
            ("0.0.0.0:0", DoorSettings::default(), "--webhook-listen: listen: 0.0.0.0:0 can be reached from other machines, but the webhook has no secret"),
            ("0.0.0.0:0", door(ANY), "--webhook-listen: listen: 0.0.0.0:0 can be reached from other machines, and without TLS"),
            (
                "127.0.0.1:0",
                DoorSettings { secrets: Some(SecretsSource::File("/nowhere".into())), ..DoorSettings::default() },
                "--webhook-listen: secrets: /nowhere: No such file",
            ),
        ] {
            let error = start(listen, door).await.unwrap_err();
            assert!(error.starts_with(expected), "{error}");
        }
    }

    async fn the_environment_sets_the_webhook_in_the_process(db: TestDatabase) {
        let environment = [("LEADCAPTURE_WEBHOOK_SECRETS", ANY), ("LEADCAPTURE_WEBHOOK_BODY_LIMIT", "300")];
        let server = start_process_with_environment(&db, &["--webhook-listen", "127.0.0.1:0"], &environment).await;
        let tenant = server.tenant_with_line(LINE).await;
        let webhook = server.webhook_address().await;
        let url = |path: &str| format!("http://{webhook}{path}");
        assert_eq!(post(&url(PATH), record("1", &mobile(1)).to_string()).await.0, 404);
        let secret = url(&format!("{PATH}/{ANY}"));
        assert_eq!(post(&secret, record("1", &mobile(1)).to_string()).await, recorded());
        assert_eq!(post(&secret, "x".repeat(301)).await.0, 413);
        assert_eq!(server.all_missed_calls(&tenant).await.len(), 1);
        assert!(server.log().iter().all(|line| !line.contains(ANY) && !line.contains(&mobile(1)[1..])));
    }
}
