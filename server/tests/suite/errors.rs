//! Errors: every one has the promised details, is documented, and names all that is wrong with a request.

mod calls;
mod changes;
mod leads;
mod lists;
mod tenants;
mod wire;

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use leadcapture_server::domain::{
    access::Role,
    error::{Error, Resource, TokenProblem},
    lead::LeadStatus,
    lifecycle::InvalidTransition,
};
use tonic::{Code, Status};
use uuid::Uuid;

use crate::support::problem::Problem;

/// One error of each kind. [`place`] fails to compile when a kind is missing there, and the test when it is missing here.
fn samples() -> Vec<Error> {
    let mut samples: Vec<_> = Resource::ALL.iter().map(|resource| Error::NotFound(*resource)).collect();
    samples.extend(TokenProblem::ALL.iter().map(|problem| Error::Unauthenticated(*problem)));
    samples.extend([
        Error::invalid("name", "is required"),
        Error::InvalidTransition(InvalidTransition { from: LeadStatus::New, to: LeadStatus::Converted }),
        Error::NeedUnknown,
        Error::OpenLeadExists { lead_id: Uuid::nil() },
        Error::EtagMismatch,
        Error::RequestIdReused,
        Error::BusinessLineTaken,
        Error::ConversationEnded,
        Error::ClaimExpired,
        Error::WhatsappConversationTaken,
        Error::TenantNameMismatch,
        Error::PermissionDenied { role: Role::Worker, allowed: &[Role::Admin, Role::Tenant] },
        Error::DatabaseUnavailable,
        Error::Overloaded,
        Error::TokenBusy,
        Error::RateLimited { per_second: 50, wait: Duration::from_millis(20) },
        Error::MalformedMessage { field: "name".to_owned(), problem: "is not UTF-8".to_owned() },
        Error::MessageTooLarge { limit: 1_024 },
        Error::UnsupportedEncoding("gzip is not supported".to_owned()),
        Error::UnknownMethod,
        Error::CustomerErased,
        Error::ErasureKeyUnfit,
        Error::ErasureKeyMissing,
        Error::ErasureKeyWrong,
        Error::DeadlineExceeded,
        Error::internal("the disk is on fire in rack 7"),
    ]);
    samples
}

/// A number for each kind of error, without gaps.
fn place(error: &Error) -> usize {
    match error {
        Error::InvalidFields(_) => 0,
        Error::NotFound(_) => 1,
        Error::InvalidTransition(_) => 2,
        Error::NeedUnknown => 3,
        Error::OpenLeadExists { .. } => 4,
        Error::EtagMismatch => 5,
        Error::RequestIdReused => 6,
        Error::BusinessLineTaken => 7,
        Error::ConversationEnded => 8,
        Error::ClaimExpired => 9,
        Error::WhatsappConversationTaken => 10,
        Error::TenantNameMismatch => 11,
        Error::DatabaseUnavailable => 12,
        Error::Overloaded => 13,
        Error::MalformedMessage { .. } => 14,
        Error::MessageTooLarge { .. } => 15,
        Error::UnsupportedEncoding(_) => 16,
        Error::UnknownMethod => 17,
        Error::DeadlineExceeded => 18,
        Error::Internal(_) => 19,
        Error::Unauthenticated(_) => 20,
        Error::PermissionDenied { .. } => 21,
        Error::ErasureKeyMissing => 22,
        Error::ErasureKeyWrong => 23,
        Error::RateLimited { .. } => 24,
        Error::CustomerErased => 25,
        Error::ErasureKeyUnfit => 26,
        Error::TokenBusy => 27,
    }
}

#[test]
fn there_is_a_sample_of_every_error() {
    let places: BTreeSet<_> = samples().iter().map(place).collect();
    assert_eq!(places, (0..=27).collect());
}

/// The rows of the table in `docs/errors.md`, by reason: code, metadata, advice.
fn documented() -> BTreeMap<String, [String; 3]> {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/errors.md");
    let text = std::fs::read_to_string(path).unwrap();
    let rows = text.lines().filter(|line| line.starts_with("| `"));
    rows.map(|row| {
        let cells: Vec<_> = row.trim_matches('|').split('|').map(str::trim).collect();
        let [reason, code, _, metadata, advice] = cells[..] else {
            panic!("a row without five cells: {row}")
        };
        (
            reason.trim_matches('`').to_owned(),
            [code.trim_matches('`').to_owned(), metadata.to_owned(), advice.to_owned()],
        )
    })
    .collect()
}

/// The name of a code as the protocol writes it.
fn code_name(code: Code) -> &'static str {
    match code {
        Code::InvalidArgument => "INVALID_ARGUMENT",
        Code::NotFound => "NOT_FOUND",
        Code::AlreadyExists => "ALREADY_EXISTS",
        Code::FailedPrecondition => "FAILED_PRECONDITION",
        Code::Aborted => "ABORTED",
        Code::OutOfRange => "OUT_OF_RANGE",
        Code::ResourceExhausted => "RESOURCE_EXHAUSTED",
        Code::DeadlineExceeded => "DEADLINE_EXCEEDED",
        Code::Unavailable => "UNAVAILABLE",
        Code::Unauthenticated => "UNAUTHENTICATED",
        Code::PermissionDenied => "PERMISSION_DENIED",
        Code::Unimplemented => "UNIMPLEMENTED",
        Code::Internal => "INTERNAL",
        other => panic!("a code that no error should have: {other:?}"),
    }
}

#[test]
fn the_documentation_lists_every_reason_with_its_code_and_details() {
    let mut documented = documented();
    for error in samples() {
        let reason = error.reason();
        let problem = Problem::from(Status::from(error));
        assert_eq!(problem.reason, reason);
        let Some([code, metadata, advice]) = documented.remove(reason) else {
            panic!("docs/errors.md does not list {reason}")
        };
        assert_eq!(code, code_name(problem.code), "{reason}");
        let named: BTreeSet<_> = metadata.split('`').skip(1).step_by(2).map(str::to_owned).collect();
        assert_eq!(named, problem.metadata.into_keys().collect(), "the metadata of {reason}");
        assert_eq!(advice.starts_with("yes"), problem.retry, "the advice for {reason}");
    }
    assert!(documented.is_empty(), "docs/errors.md lists reasons that no error has: {:?}", documented.keys());
}

#[test]
fn the_services_name_only_documented_reasons() {
    let documented = documented();
    for service in ["tenant", "missed_call", "lead", "conversation"] {
        let path = format!("{}/../proto/leadcapture/v1/{service}_service.proto", env!("CARGO_MANIFEST_DIR"));
        let text = std::fs::read_to_string(path).unwrap();
        let words = text.split('`').skip(1).step_by(2);
        let reasons = words.filter(|word| {
            word.len() > 1 && word.contains('_') && word.bytes().all(|b| b.is_ascii_uppercase() || b == b'_')
        });
        for reason in reasons {
            assert!(documented.contains_key(reason), "{service}_service.proto names {reason}");
        }
    }
}

#[test]
fn an_internal_error_tells_the_caller_an_id_and_nothing_of_the_cause() {
    let problems =
        [(); 2].map(|()| Problem::from(Status::from(Error::internal("the disk is on fire in rack 7"))));
    for problem in &problems {
        assert_eq!(problem.kind(), (Code::Internal, "INTERNAL"));
        assert!(!problem.message.contains("rack"), "{}", problem.message);
    }
    assert_ne!(problems[0].message, problems[1].message, "every internal error has an id of its own");
}

#[test]
fn an_impossible_transition_names_where_it_may_go_instead() {
    let error =
        Error::InvalidTransition(InvalidTransition { from: LeadStatus::Contacted, to: LeadStatus::New });
    let problem = Problem::from(Status::from(error));
    assert_eq!(problem.metadata["from"], "CONTACTED");
    assert_eq!(problem.metadata["to"], "NEW");
    assert_eq!(problem.metadata["allowed"], "CONVERTED,UNRESPONSIVE,LOST");
}
