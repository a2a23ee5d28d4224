//! Deadlines and repeats from the gRPC service config that all examples share.
//!
//! gRPC libraries of other languages read the file themselves. tonic does not, so this reads the parts that matter.

use std::time::Duration;

use serde::{Deserialize, Deserializer, de::Error as _};
use tonic::Code;

/// The file, built into the program.
const SERVICE_CONFIG: &str = include_str!("../../../service-config.json");

/// The rules for all methods.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Rules {
    method_config: Vec<Rule>,
}

/// How methods are called.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Rule {
    name: Vec<Name>,
    /// How long a call may take, with all its attempts.
    #[serde(deserialize_with = "seconds")]
    pub(crate) timeout: Duration,
    /// When a failed attempt is repeated; never if absent.
    pub(crate) retry_policy: Option<Repeats>,
}

/// A service, or one method of it.
#[derive(Debug, Deserialize)]
struct Name {
    service: String,
    method: Option<String>,
}

/// When a failed attempt is repeated.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Repeats {
    /// How many attempts are made in all.
    pub(crate) max_attempts: u32,
    #[serde(deserialize_with = "seconds")]
    initial_backoff: Duration,
    #[serde(deserialize_with = "seconds")]
    max_backoff: Duration,
    backoff_multiplier: f64,
    #[serde(rename = "retryableStatusCodes", deserialize_with = "codes")]
    codes: Vec<Code>,
}

impl Rules {
    /// Reads the file.
    pub(crate) fn read() -> Self {
        serde_json::from_str(SERVICE_CONFIG).expect("the file is part of the program, and a test reads it")
    }

    /// The rule for a method: its own, else that of its service.
    pub(crate) fn of(&self, service: &str, method: &str) -> &Rule {
        let named = |wanted: Option<&str>| {
            self.method_config.iter().find(|rule| {
                rule.name.iter().any(|name| name.service == service && name.method.as_deref() == wanted)
            })
        };
        named(Some(method)).or_else(|| named(None)).expect("a test looks for the rule of every method")
    }
}

impl Repeats {
    /// Whether an attempt that failed like this may be repeated.
    pub(crate) fn covers(&self, code: Code) -> bool {
        self.codes.contains(&code)
    }

    /// The longest pause after an attempt; the first is 1. The pause is a random part of it, so that clients do not come back all
    /// at once.
    pub(crate) fn longest_pause(&self, attempt: u32) -> Duration {
        let growth =
            self.backoff_multiplier.powi(i32::try_from(attempt.saturating_sub(1)).unwrap_or(i32::MAX));
        let pause = self.initial_backoff.as_secs_f64() * growth;
        Duration::from_secs_f64(pause.min(self.max_backoff.as_secs_f64()))
    }
}

/// Reads `0.2s`.
fn seconds<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Duration, D::Error> {
    let text = String::deserialize(deserializer)?;
    let number = text.strip_suffix('s').and_then(|number| number.parse().ok());
    number
        .and_then(|seconds| Duration::try_from_secs_f64(seconds).ok())
        .ok_or_else(|| D::Error::custom(format!("not a duration: {text}")))
}

/// Reads the names of status codes, as far as repeats are for them.
fn codes<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<Code>, D::Error> {
    let names = Vec::<String>::deserialize(deserializer)?;
    let known = |name: &String| match name.as_str() {
        "UNAVAILABLE" => Ok(Code::Unavailable),
        "RESOURCE_EXHAUSTED" => Ok(Code::ResourceExhausted),
        _ => Err(D::Error::custom(format!("not a status to repeat a call for: {name}"))),
    };
    names.iter().map(known).collect()
}

#[cfg(test)]
mod tests {
    use leadcapture_proto::FILE_DESCRIPTOR_SET;
    use prost::Message as _;
    use prost_types::FileDescriptorSet;

    use super::*;

    /// Recorded once for each call id, however often they are sent.
    const IDEMPOTENT: [&str; 2] = ["RecordCall", "BatchRecordCalls"];

    #[test]
    fn every_method_has_a_rule_and_only_what_may_be_sent_again_is_repeated() {
        let rules = Rules::read();
        let descriptors = FileDescriptorSet::decode(FILE_DESCRIPTOR_SET).unwrap();
        let files: Vec<_> =
            descriptors.file.iter().filter(|file| file.package() == "leadcapture.v1").collect();
        let has_request_id = |input: &str| {
            let name = input.rsplit('.').next().unwrap();
            let mut messages = files.iter().flat_map(|file| &file.message_type);
            let message = messages.find(|message| message.name() == name).unwrap();
            message.field.iter().any(|field| field.name() == "request_id")
        };
        let mut repeated = 0;
        for service in files.iter().flat_map(|file| &file.service) {
            for method in &service.method {
                let name = method.name();
                let rule = rules.of(&format!("leadcapture.v1.{}", service.name()), name);
                let reads = ["Get", "Find", "List", "Export"].iter().any(|verb| name.starts_with(verb));
                let safe = reads || IDEMPOTENT.contains(&name) || has_request_id(method.input_type());
                assert_eq!(rule.retry_policy.is_some(), safe, "{name}");
                repeated += usize::from(safe);
            }
        }
        assert!(repeated > 30, "{repeated}");
    }

    #[test]
    fn a_method_s_own_rule_goes_before_its_service_s() {
        let rules = Rules::read();
        let service = "leadcapture.v1.ConversationService";
        let claim = rules.of(service, "ClaimFollowUps");
        assert_eq!(claim.timeout, Duration::from_secs(70));
        assert!(claim.retry_policy.is_none());
        let reply = rules.of(service, "RecordReply");
        assert_eq!(reply.timeout, Duration::from_secs(10));
        assert_eq!(reply.retry_policy.as_ref().map(|repeats| repeats.max_attempts), Some(4));
    }

    #[test]
    fn pauses_grow_up_to_their_limit() {
        let rules = Rules::read();
        let repeats = rules.of("leadcapture.v1.LeadService", "GetLead").retry_policy.as_ref().unwrap();
        let pauses: Vec<u128> =
            [1, 2, 3, 4, 5, 500].map(|attempt| repeats.longest_pause(attempt).as_millis()).to_vec();
        assert_eq!(pauses, [200, 400, 800, 1600, 2000, 2000]);
        assert!(repeats.covers(Code::Unavailable) && !repeats.covers(Code::Aborted));
    }
}
