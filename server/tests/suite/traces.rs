//! One trace from the HTTP request to the database, as a collector sees it.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
};

use opentelemetry_proto::tonic::{
    collector::trace::v1::{
        ExportTraceServiceRequest, ExportTraceServiceResponse,
        trace_service_server::{TraceService, TraceServiceServer},
    },
    trace::v1::Span,
};
use serde_json::json;
use tokio::net::TcpListener;
use tokio_stream::wrappers::TcpListenerStream;
use tonic::{Request, Response, Status, transport::Server};

use crate::support::{
    calls::{LINE, mobile},
    database::both_engines,
    process::start_process_with,
    server::present,
};

const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
const CALLER: &str = "00f067aa0ba902b7";

/// Keeps every span that it is sent.
#[derive(Clone, Default)]
struct Collector(Arc<Mutex<Vec<Span>>>);

#[tonic::async_trait]
impl TraceService for Collector {
    async fn export(
        &self,
        request: Request<ExportTraceServiceRequest>,
    ) -> Result<Response<ExportTraceServiceResponse>, Status> {
        let spans = request.into_inner().resource_spans.into_iter().flat_map(|part| part.scope_spans);
        self.0.lock().unwrap().extend(spans.flat_map(|part| part.spans));
        Ok(Response::new(ExportTraceServiceResponse::default()))
    }
}

impl Collector {
    async fn start(&self) -> String {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        let server = Server::builder().add_service(TraceServiceServer::new(self.clone()));
        tokio::spawn(server.serve_with_incoming(TcpListenerStream::new(listener)));
        address
    }

    /// The spans of the trace by name.
    fn trace(&self) -> BTreeMap<String, Span> {
        let spans = self.0.lock().unwrap();
        let of_trace = spans.iter().filter(|span| hex(&span.trace_id) == TRACE);
        of_trace.map(|span| (span.name.clone(), span.clone())).collect()
    }
}

fn hex(id: &[u8]) -> String {
    id.iter().fold(String::new(), |text, byte| text + &format!("{byte:02x}"))
}

both_engines! {
    async fn a_record_is_one_trace_from_http_to_the_database(db: TestDatabase) {
        let collector = Collector::default();
        let address = collector.start().await;
        let mut process =
            start_process_with(&db, &["--webhook-listen", "127.0.0.1:0", "--trace-collector", &address]).await;
        process.tenant_with_line(LINE).await;
        let record = json!({
            "ivruniqueid": "1", "time": present().timestamp() - 60, "duration": 20, "status": "NOANSWER",
            "caller": mobile(1), "did": LINE, "type": "Incoming Call",
        });
        let url = format!("http://{}/webhooks/voicenter/cdr", process.webhook_address().await);
        let request = reqwest::Client::new().post(url).header("traceparent", format!("00-{TRACE}-{CALLER}-01"));
        let answer = request.body(record.to_string()).send().await.unwrap();
        assert_eq!(answer.status(), 200);
        process.terminate();
        assert!(process.exited().await.success());

        let spans = collector.trace();
        let names: Vec<_> = spans.keys().map(String::as_str).collect();
        let mut parent = CALLER.to_owned();
        for name in [
            "http_request", "server.record", "grpc_request", "RecordCall", "recording_queue.record",
            "recording_queue.batch", "storage.record_calls", "transaction",
        ] {
            let span = spans.get(name).unwrap_or_else(|| panic!("no {name} in {names:?}"));
            assert_eq!(hex(&span.parent_span_id), parent, "the parent of {name}");
            parent = hex(&span.span_id);
        }
        let told = |message: &str| {
            let line = process.log().into_iter().find(|line| line.contains(message)).expect(message);
            assert!(line.contains(TRACE), "{line}");
        };
        told("call is recorded");
        told("answered");
        let shown = format!("{spans:?}");
        assert!(!shown.contains(&mobile(1)[1..]) && !shown.contains(&LINE[4..]), "{shown}");
    }
}
