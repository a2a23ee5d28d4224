//! `leadcapture token`, as an operator runs it.

use std::process::{Command, Output, Stdio};

use serde_json::Value;

use super::{knock, refused, watchful};
use crate::support::{
    database::{TestDatabase, both_engines},
    server::TestServer,
};

fn token(db: &TestDatabase, arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_leadcapture"))
        .arg("token")
        .args(arguments)
        .env_clear()
        .env("LEADCAPTURE_DATABASE_URL", db.url())
        .stdin(Stdio::null())
        .output()
        .unwrap()
}

/// What a command that succeeds writes to standard output and to standard error.
fn succeeds(db: &TestDatabase, arguments: &[&str]) -> (String, String) {
    let Output { status, stdout, stderr } = token(db, arguments);
    let (out, notes) = (String::from_utf8(stdout).unwrap(), String::from_utf8(stderr).unwrap());
    assert!(status.success(), "{arguments:?}: {notes}");
    (out, notes)
}

fn fails(db: &TestDatabase, arguments: &[&str]) -> String {
    let Output { status, stdout, stderr } = token(db, arguments);
    assert!(!status.success() && stdout.is_empty(), "{arguments:?}");
    String::from_utf8(stderr).unwrap()
}

fn json(db: &TestDatabase, arguments: &[&str]) -> Value {
    serde_json::from_str(&succeeds(db, &[arguments, &["--json"]].concat()).0).unwrap()
}

both_engines! {
    async fn an_operator_makes_lists_and_revokes_tokens(db: TestDatabase) {
        let server = TestServer::start_with(watchful(&db), leadcapture_server::clock::SystemClock).await;
        let tenant = server.create_tenant("Shop").await;
        let (admin, notes) = succeeds(&db, &["create", "--role", "admin", "--label", "root"]);
        assert!(notes.contains("first token") && notes.contains("\"root\": admin for all tenants, without end"), "{notes}");
        let admin = admin.strip_suffix('\n').unwrap();
        knock(&server.with_token(admin)).await.unwrap();
        refused(&server, "TOKEN_REQUIRED").await;

        let create = ["create", "--role", "tenant", "--tenant", &tenant.id, "--label", "crm", "--expires", "90d"];
        let created = json(&db, &create);
        let secret = created["token"].as_str().unwrap();
        assert!(server.with_token(secret).try_list(&tenant).await.is_ok());

        let (list, notes) = succeeds(&db, &["list"]);
        assert_eq!((list.lines().count(), notes.as_str()), (3, ""));
        assert!(list.lines().nth(1).unwrap().contains("active  admin   all"), "{list}");
        assert!(!list.contains("lct_"), "{list}");
        let listed = json(&db, &["list"]);
        assert_eq!((&listed[1]["id"], &listed[1]["tenant_id"]), (&created["id"], &Value::from(tenant.id.clone())));
        assert!(listed[1]["expires_at"].is_string() && listed[1].get("token").is_none());

        let (revoked, _) = succeeds(&db, &["revoke", created["id"].as_str().unwrap()]);
        assert!(revoked.contains("\"crm\" is revoked; every server refuses it within 10 seconds"), "{revoked}");
        refused(&server.with_token(secret), "TOKEN_REVOKED").await;
        // Again it is the same, and the time stays; the token itself names it too.
        let first = json(&db, &["revoke", created["id"].as_str().unwrap()]);
        assert_eq!(json(&db, &["revoke", secret]), first);
        assert_eq!(first["state"], "revoked");
    }

    async fn what_cannot_be_is_refused_with_the_reason(db: TestDatabase) {
        const UNKNOWN: &str = "0190b5a4-7e3c-7cc1-8d9a-3f2b1c0d4e5f";
        for (arguments, expected) in [
            (["create", "--role", "tenant", "--label", "crm", "--json"].as_slice(), "a tenant token needs a tenant"),
            (&["create", "--role", "admin", "--label", "x", "--tenant", UNKNOWN], "leave the tenant out"),
            (&["create", "--role", "worker", "--label", "x", "--tenant", UNKNOWN], "no tenant with this id"),
            (&["create", "--role", "owner", "--label", "x"], "admin, tenant, ingest or worker"),
            (&["create", "--role", "admin", "--label", " "], "must not be empty"),
            (&["create", "--role", "admin"], "--label"),
            (&["create", "--role", "admin", "--label", "x", "--expires", "soon"], "90d"),
            (&["create", "--role", "admin", "--label", "x", "--expires", "2020-01-01T00:00:00Z"], "in the past"),
            (&["revoke", UNKNOWN], "no such token"),
            (&["revoke", "lct_abc"], "neither the id"),
        ] {
            let error = fails(&db, arguments);
            assert!(error.contains(expected), "{arguments:?}: {error}");
        }
        assert_eq!(json(&db, &["list"]), Value::Array(Vec::new()), "nothing was made");
        let server = TestServer::start(&db).await;
        knock(&server).await.unwrap();
    }
}

#[test]
fn a_database_without_tables_is_told_with_what_helps() {
    let directory = tempfile::TempDir::new().unwrap();
    let url = format!("sqlite://{}/new.db?mode=rwc", directory.path().display());
    let output = Command::new(env!("CARGO_BIN_EXE_leadcapture"))
        .args(["token", "list", "--database-url", &url])
        .env_clear()
        .output()
        .unwrap();
    let error = String::from_utf8(output.stderr).unwrap();
    assert!(!output.status.success() && error.contains("leadcapture migrate up"), "{error}");
}
