//! The connection: token, deadlines, and repeats of calls that may be sent again.

use std::{env, fs, time::Duration};

use leadcapture_proto::v1::{
    conversation_service_client::ConversationServiceClient, lead_service_client::LeadServiceClient,
    tenant_service_client::TenantServiceClient,
};
use tokio::time::{Instant, sleep, timeout_at};
use tonic::{
    Code, Request, Response, Status,
    metadata::{Ascii, MetadataValue},
    service::{Interceptor, interceptor::InterceptedService},
    transport::{Certificate, Channel, ClientTlsConfig, Endpoint, Identity},
};

use crate::{
    problem::Problem,
    rules::{Rule, Rules},
};

type Connection = InterceptedService<Channel, Token>;

/// The generated clients, on one connection.
pub(crate) struct Client {
    pub(crate) tenants: TenantServiceClient<Connection>,
    pub(crate) leads: LeadServiceClient<Connection>,
    pub(crate) conversations: ConversationServiceClient<Connection>,
    /// The tenant that requests name; empty with a token that is bound to one.
    pub(crate) tenant_id: String,
    address: String,
    rules: Rules,
}

/// Trusts the authorities in `LEADCAPTURE_CA`, and shows the certificate in `LEADCAPTURE_CERT`, if any.
fn certificates() -> Result<ClientTlsConfig, Problem> {
    let content = |variable: &str| {
        let Some(file) = env::var_os(variable) else { return Ok(None) };
        fs::read(file).map(Some).map_err(|error| Problem::Certificates(format!("{variable}: {error}")))
    };
    // This build of tonic knows no authorities of its own.
    let ca = content("LEADCAPTURE_CA")?
        .ok_or_else(|| Problem::Certificates("LEADCAPTURE_CA: names no file; https needs one".to_owned()))?;
    let config = ClientTlsConfig::new().ca_certificate(Certificate::from_pem(ca));
    Ok(match (content("LEADCAPTURE_CERT")?, content("LEADCAPTURE_KEY")?) {
        (Some(certificate), Some(key)) => config.identity(Identity::from_pem(certificate, key)),
        _ => config,
    })
}

impl Client {
    /// Prepares a client from the environment variables. It connects with the first call.
    pub(crate) fn from_environment() -> Result<Self, Problem> {
        let address = env::var("LEADCAPTURE_SERVER").unwrap_or_else(|_| "http://127.0.0.1:50051".to_owned());
        let bad_address = || Problem::BadAddress(address.clone());
        let endpoint = Endpoint::from_shared(address.clone()).map_err(|_| bad_address())?;
        let endpoint = match endpoint.uri().scheme_str() {
            Some("http") => endpoint,
            Some("https") => endpoint
                .tls_config(certificates()?)
                .map_err(|error| Problem::Certificates(error.to_string()))?,
            _ => return Err(bad_address()),
        };
        let connection =
            InterceptedService::new(endpoint.connect_lazy(), Token::new(env::var("LEADCAPTURE_TOKEN").ok())?);
        Ok(Self {
            tenants: TenantServiceClient::new(connection.clone()),
            leads: LeadServiceClient::new(connection.clone()),
            conversations: ConversationServiceClient::new(connection),
            tenant_id: env::var("LEADCAPTURE_TENANT").unwrap_or_default(),
            address,
            rules: Rules::read(),
        })
    }

    /// Calls a method of a service by the rules of the service config, and answers the server's status if it fails.
    ///
    /// The rules repeat calls: a request that changes something needs a `request_id`.
    pub(crate) async fn call<T: Clone, R>(
        &self,
        service: &str,
        method: &str,
        message: T,
        rpc: impl AsyncFn(Request<T>) -> Result<Response<R>, Status>,
    ) -> Result<R, Status> {
        let rule = self.rules.of(&format!("leadcapture.v1.{service}"), method);
        attempts(rule, rule.timeout, message, rpc).await
    }

    /// As [`Client::call`], with a deadline of its own.
    pub(crate) async fn call_within<T: Clone, R>(
        &self,
        limit: Duration,
        service: &str,
        method: &str,
        message: T,
        rpc: impl AsyncFn(Request<T>) -> Result<Response<R>, Status>,
    ) -> Result<R, Status> {
        let rule = self.rules.of(&format!("leadcapture.v1.{service}"), method);
        attempts(rule, limit.min(rule.timeout), message, rpc).await
    }

    /// Turns the status of a failed call into words.
    pub(crate) fn problem(&self) -> impl Fn(Status) -> Problem {
        |status| Problem::new(&self.address, &status)
    }
}

async fn attempts<T: Clone, R>(
    rule: &Rule,
    limit: Duration,
    message: T,
    rpc: impl AsyncFn(Request<T>) -> Result<Response<R>, Status>,
) -> Result<R, Status> {
    let deadline = Instant::now() + limit;
    let too_late = || Status::new(Code::DeadlineExceeded, "the deadline passed");
    let mut attempt = 1;
    loop {
        let mut request = Request::new(message.clone());
        // The server gives up too when nobody waits for the answer any more.
        request.set_timeout(deadline.saturating_duration_since(Instant::now()));
        let status = match timeout_at(deadline, rpc(request)).await.map_err(|_| too_late())? {
            Ok(response) => return Ok(response.into_inner()),
            Err(_) if Instant::now() >= deadline => return Err(too_late()),
            Err(status) => status,
        };
        let Some(repeats) = rule
            .retry_policy
            .as_ref()
            .filter(|repeats| repeats.covers(status.code()) && attempt < repeats.max_attempts)
        else {
            return Err(status);
        };
        let pause = repeats.longest_pause(attempt).mul_f64(rand::random_range(0.0..1.0));
        if Instant::now() + pause >= deadline {
            return Err(status);
        }
        sleep(pause).await;
        attempt += 1;
    }
}

/// Sends the token with every request.
#[derive(Clone)]
pub(crate) struct Token(Option<MetadataValue<Ascii>>);

impl Token {
    fn new(token: Option<String>) -> Result<Self, Problem> {
        let token = token.filter(|token| !token.is_empty());
        let header = token.map(|token| format!("Bearer {token}").parse()).transpose();
        Ok(Self(header.map_err(|_| Problem::BadToken)?))
    }
}

impl Interceptor for Token {
    fn call(&mut self, mut request: Request<()>) -> Result<Request<()>, Status> {
        if let Some(token) = &self.0 {
            request.metadata_mut().insert("authorization", token.clone());
        }
        Ok(request)
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;

    /// Calls a method that fails so often, by the rule of a method; answers the result and the number of attempts.
    async fn try_it(method: &str, limit: Duration, failures: u32, code: Code) -> (Result<u32, Code>, u32) {
        let rules = Rules::read();
        let rule = rules.of("leadcapture.v1.ConversationService", method);
        let made = Cell::new(0);
        let answer = attempts(rule, limit, 7, async |request: Request<u32>| {
            assert!(request.metadata().contains_key("grpc-timeout"));
            made.set(made.get() + 1);
            if made.get() > failures {
                Ok(Response::new(request.into_inner()))
            } else {
                Err(Status::new(code, ""))
            }
        })
        .await;
        (answer.map_err(|status| status.code()), made.get())
    }

    #[tokio::test]
    async fn repeats_what_may_be_sent_again_until_it_succeeds() {
        let limit = Duration::from_secs(10);
        assert_eq!(try_it("RecordReply", limit, 1, Code::Unavailable).await, (Ok(7), 2));
        assert_eq!(try_it("RecordReply", limit, 9, Code::Unavailable).await, (Err(Code::Unavailable), 4));
    }

    #[tokio::test]
    async fn repeats_nothing_else() {
        let limit = Duration::from_secs(10);
        assert_eq!(try_it("RecordReply", limit, 1, Code::Aborted).await, (Err(Code::Aborted), 1));
        assert_eq!(try_it("ClaimFollowUps", limit, 1, Code::Unavailable).await, (Err(Code::Unavailable), 1));
    }

    #[tokio::test]
    async fn a_call_ends_by_its_deadline() {
        let rules = Rules::read();
        let rule = rules.of("leadcapture.v1.LeadService", "GetLead");
        let never = async |_: Request<()>| std::future::pending::<Result<Response<()>, Status>>().await;
        let answer = attempts(rule, Duration::from_millis(20), (), never).await;
        assert_eq!(answer.map_err(|status| status.code()), Err(Code::DeadlineExceeded));
    }

    #[test]
    fn a_token_is_one_line() {
        assert!(Token::new(Some("lc_abc".into())).unwrap().0.is_some());
        assert!(Token::new(Some(String::new())).unwrap().0.is_none());
        assert!(matches!(Token::new(Some("a\nb".into())), Err(Problem::BadToken)));
    }
}
