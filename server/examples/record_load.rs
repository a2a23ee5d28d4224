//! Loads a running server with recorded calls over gRPC and prints throughput and latency.
//!
//! `cargo run --release -p leadcapture --example record_load -- [SECONDS] [CLIENTS] [PHONES]`, with `LEADCAPTURE_SERVER` as the address and
//! `LEADCAPTURE_TOKEN` as the token of the role admin, once the server needs one.
//! Every call is a missed call with an id of its own; callers are drawn from PHONES numbers, so that leads are made and attached to.
#![expect(clippy::print_stdout, reason = "a program for people")]

use std::{
    env,
    error::Error,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant, UNIX_EPOCH},
};

use leadcapture_proto::v1::{
    AddBusinessLineRequest, CallDirection, CallOutcome, CreateTenantRequest, RecordCallRequest,
    missed_call_service_client::MissedCallServiceClient, tenant_service_client::TenantServiceClient,
};
use leadcapture_server::clock::{Clock as _, SystemClock};
use tonic::{
    Request, Status,
    metadata::{Ascii, MetadataValue},
    service::{Interceptor, interceptor::InterceptedService},
    transport::Channel,
};

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = env::args().skip(1).map(|text| text.parse::<u64>());
    let seconds = arguments.next().unwrap_or(Ok(10))?;
    let clients = arguments.next().unwrap_or(Ok(16))?;
    let phones = arguments.next().unwrap_or(Ok(100_000))?;
    let address = env::var("LEADCAPTURE_SERVER").unwrap_or_else(|_| "http://127.0.0.1:50051".to_owned());
    let run = SystemClock.now().timestamp_micros();

    let token =
        env::var("LEADCAPTURE_TOKEN").ok().map(|token| format!("Bearer {token}").parse()).transpose()?;
    let connect = async || -> Result<Authorized, Box<dyn Error>> {
        let channel = Channel::from_shared(address.clone())?.connect().await?;
        Ok(InterceptedService::new(channel, Authorization(token.clone())))
    };
    let channel = connect().await?;
    let line = format!("03{:07}", run.unsigned_abs() / 1_000 % 10_000_000);
    let mut tenants = TenantServiceClient::new(channel);
    let request = CreateTenantRequest { name: "Load".to_owned(), ..Default::default() };
    let tenant = tenants.create_tenant(request).await?.into_inner().tenant.unwrap_or_default();
    let request = AddBusinessLineRequest { tenant_id: tenant.id, phone: line.clone(), ..Default::default() };
    tenants.add_business_line(request).await?;

    let sent = Arc::new(AtomicU64::new(0));
    let deadline = Instant::now() + Duration::from_secs(seconds);
    let mut running = Vec::new();
    for _ in 0..clients {
        // A connection for each client, as separate programs would have.
        let client = MissedCallServiceClient::new(connect().await?);
        running.push(tokio::spawn(record_until(
            deadline,
            client,
            Arc::clone(&sent),
            line.clone(),
            run,
            phones,
        )));
    }
    let mut latencies = Vec::new();
    for client in running {
        latencies.extend(client.await??);
    }
    latencies.sort_unstable();
    let percentile =
        |share: usize| latencies.get(latencies.len() * share / 1_000).copied().unwrap_or_default();
    println!(
        "{} calls, {} a second; p50 {:?}, p95 {:?}, p99 {:?}, p99.9 {:?}",
        latencies.len(),
        latencies.len() as u64 / seconds.max(1),
        percentile(500),
        percentile(950),
        percentile(990),
        percentile(999),
    );
    Ok(())
}

/// A connection that sends the token, if there is one, with every request.
type Authorized = InterceptedService<Channel, Authorization>;

#[derive(Clone)]
struct Authorization(Option<MetadataValue<Ascii>>);

impl Interceptor for Authorization {
    fn call(&mut self, mut request: Request<()>) -> Result<Request<()>, Status> {
        if let Some(value) = &self.0 {
            request.metadata_mut().insert("authorization", value.clone());
        }
        Ok(request)
    }
}

async fn record_until(
    deadline: Instant,
    mut client: MissedCallServiceClient<Authorized>,
    sent: Arc<AtomicU64>,
    line: String,
    run: i64,
    phones: u64,
) -> Result<Vec<Duration>, Status> {
    let mut latencies = Vec::new();
    while Instant::now() < deadline {
        let number = sent.fetch_add(1, Ordering::Relaxed);
        // A multiplicative hash spreads consecutive calls over the phones.
        let phone = number.wrapping_mul(0x9E37_79B9_7F4A_7C15) % phones;
        let now = SystemClock.now();
        let request = RecordCallRequest {
            call_id: format!("{run}-{number}"),
            provider: "load".to_owned(),
            direction: CallDirection::Incoming.into(),
            outcome: CallOutcome::NoAnswer.into(),
            customer_phone: format!("05{phone:08}"),
            business_phone: line.clone(),
            called_at: Some((UNIX_EPOCH + Duration::from_secs(now.timestamp().unsigned_abs())).into()),
            ..Default::default()
        };
        let began = Instant::now();
        client.record_call(request).await?;
        latencies.push(began.elapsed());
    }
    Ok(latencies)
}
