//! A server, an adapter and a sender, at addresses that outlive the processes.

use std::{
    collections::BTreeSet,
    net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener},
    path::PathBuf,
    sync::{Mutex, OnceLock},
    time::Duration,
};

use chrono::SecondsFormat;
use leadcapture_proto::v1::Tenant;
use leadcapture_webhook::spool::{Store, Totals};
use serde_json::{Value, json};

use crate::{
    adapter::{AdapterProcess, start_adapter},
    support::{
        calls::{LINE, mobile},
        client::Client,
        database::{Engine, TestDatabase},
        process::{ServerProcess, start_process_at},
        server::present,
    },
};

const PHONES: u32 = 25;

/// Where everything is and belongs.
pub(crate) struct Stage {
    db: TestDatabase,
    server: SocketAddr,
    webhook: SocketAddr,
    spool: PathBuf,
    opened: OnceLock<Mutex<Store>>,
}

impl Stage {
    pub(crate) fn new(db: TestDatabase) -> Self {
        let spool = db.folder().join("spool.db");
        let host = match db.engine() {
            Engine::Sqlite => 11,
            Engine::Postgres => 12,
        };
        Self { db, server: own_address(host), webhook: own_address(host), spool, opened: OnceLock::new() }
    }

    pub(crate) async fn start_server(&self) -> ServerProcess {
        start_process_at(&self.db, self.server, &[]).await
    }

    pub(crate) async fn start_adapter(&self) -> AdapterProcess {
        start_adapter(self.webhook, self.server, &self.spool).await
    }

    /// Where records are posted.
    pub(crate) fn url(&self) -> String {
        format!("http://{}/webhooks/voicenter/cdr", self.webhook)
    }

    pub(crate) fn spooled(&self) -> Totals {
        let open = || Mutex::new(Store::open_existing(&self.spool, Duration::from_mins(1)).unwrap());
        self.opened.get_or_init(open).lock().unwrap().totals().unwrap()
    }
}

/// A free port of a loopback address on which no other test listens, so that none takes it while its process is away. Not every
/// machine has more than one such address.
fn own_address(host: u8) -> SocketAddr {
    let listener = TcpListener::bind((IpAddr::V4(Ipv4Addr::new(127, 0, 0, host)), 0))
        .or_else(|_| TcpListener::bind((Ipv4Addr::LOCALHOST, 0)))
        .unwrap();
    listener.local_addr().unwrap()
}

/// A record of a missed call from one of few callers.
pub(crate) fn record(number: u32) -> String {
    let date = present().to_rfc3339_opts(SecondsFormat::Secs, true);
    json!({
        "ivruniqueid": number.to_string(), "Date": date, "duration": 0, "status": "NOANSWER", "type": "Incoming Call",
        "caller": mobile(number % PHONES), "did": LINE,
    })
    .to_string()
}

/// Posts a record once; says whether it was acknowledged.
pub(crate) async fn post(http: &reqwest::Client, url: &str, number: u32) -> bool {
    let Ok(answer) = http.post(url).body(record(number)).send().await else { return false };
    let status = answer.status().as_u16();
    let Ok(answer) = answer.json::<Value>().await else { return false };
    status == 200 && answer["Err"] == 0
}

/// Every acknowledged record is in the database exactly once, nothing else is, and the leads count them all.
pub(crate) async fn assert_recorded(client: &Client, tenant: &Tenant, acknowledged: &BTreeSet<u32>) {
    let calls = client.all_missed_calls(tenant).await;
    let recorded: BTreeSet<u32> = calls.iter().map(|call| call.call_id.parse().unwrap()).collect();
    assert_eq!(recorded.len(), calls.len(), "a call is there twice");
    let lost: Vec<_> = acknowledged.difference(&recorded).collect();
    assert!(lost.is_empty(), "acknowledged and lost: {lost:?}");
    assert!(
        recorded.is_subset(acknowledged),
        "recorded, but never acknowledged: the senders repeat until it is"
    );

    let leads = client.all_leads(tenant).await;
    assert_eq!(leads.len(), acknowledged.len().min(PHONES as usize));
    let mut counted = 0;
    for lead in leads {
        let of_lead = calls.iter().filter(|call| call.lead_id.as_ref() == Some(&lead.id)).count();
        assert_eq!(usize::try_from(lead.call_count).unwrap(), of_lead, "{lead:?}");
        counted += of_lead;
    }
    assert_eq!(counted, acknowledged.len());
}
