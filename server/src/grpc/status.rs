//! Errors to gRPC statuses: the one mapping, at the outermost edge.

use std::{collections::HashMap, time::Duration};

use tonic::{Code, Status};
use tonic_types::{ErrorDetails, FieldViolation, StatusExt as _};
use uuid::Uuid;

use crate::domain::{self, error::Error};

/// The domain of every reason, as in `google.rpc.ErrorInfo`.
pub(super) const ERROR_DOMAIN: &str = "leadcapture.v1";
/// How long a caller should wait before it tries again.
const RETRY_AFTER: Duration = Duration::from_secs(1);

/// The most bytes of all bad fields that are told; more are told once these are mended.
///
/// Details travel in a header, as base64 and beside the message. Clients take 8 KiB of headers by default; more than that breaks the whole
/// connection, with the other requests on it.
const MAX_VIOLATION_BYTES: usize = 3_600;
/// What a violation takes beside its texts: a tag and a length for each of them and for itself.
const VIOLATION_FRAME_BYTES: usize = 8;

/// The code of an error.
pub(super) const fn code(error: &Error) -> Code {
    match error {
        Error::InvalidFields(_) | Error::MalformedMessage { .. } => Code::InvalidArgument,
        Error::NotFound(_) => Code::NotFound,
        Error::InvalidTransition(_)
        | Error::NeedUnknown
        | Error::OpenLeadExists { .. }
        | Error::RequestIdReused
        | Error::ConversationEnded
        | Error::ClaimExpired
        | Error::TenantNameMismatch
        | Error::CustomerErased
        | Error::ErasureKeyMissing
        | Error::ErasureKeyWrong => Code::FailedPrecondition,
        Error::EtagMismatch => Code::Aborted,
        Error::BusinessLineTaken | Error::WhatsappConversationTaken => Code::AlreadyExists,
        Error::Unauthenticated(_) => Code::Unauthenticated,
        Error::PermissionDenied { .. } => Code::PermissionDenied,
        Error::DatabaseUnavailable | Error::ErasureKeyUnfit => Code::Unavailable,
        Error::Overloaded | Error::TokenBusy | Error::RateLimited { .. } => Code::ResourceExhausted,
        Error::DeadlineExceeded => Code::DeadlineExceeded,
        Error::MessageTooLarge { .. } => Code::OutOfRange,
        Error::UnsupportedEncoding(_) | Error::UnknownMethod => Code::Unimplemented,
        Error::Internal(_) => Code::Internal,
    }
}

/// What a caller may be told: an internal error is logged under an id, and only the id leaves the server.
pub(super) fn message(error: &Error) -> String {
    if let Error::Internal(cause) = error {
        let mut id = [0; 16];
        crate::clock::Random::fill(&crate::clock::SystemRandom, &mut id);
        let error_id = Uuid::from_bytes(id).simple();
        tracing::error!(%error_id, cause = cause.as_ref(), "internal error");
        return format!("internal error {error_id}; give this id to the operator");
    }
    error.to_string()
}

impl From<Error> for Status {
    fn from(error: Error) -> Self {
        let metadata: HashMap<_, _> =
            error.metadata().into_iter().map(|(key, value)| (key.to_owned(), value)).collect();
        let mut details = ErrorDetails::with_error_info(error.reason(), ERROR_DOMAIN, metadata);
        let (code, message) = (code(&error), message(&error));
        match error {
            Error::InvalidFields(violations) => {
                let mut room = MAX_VIOLATION_BYTES;
                let fits = |violation: &domain::error::FieldViolation| {
                    let bytes = violation.field.len() + violation.description.len() + VIOLATION_FRAME_BYTES;
                    room.checked_sub(bytes).map(|rest| room = rest).is_some()
                };
                let violations = violations.into_iter().take_while(fits);
                let violations =
                    violations.map(|v| FieldViolation::new(v.field, v.description)).collect::<Vec<_>>();
                details.set_bad_request(violations);
            }
            Error::MalformedMessage { field, problem } => {
                details.set_bad_request(vec![FieldViolation::new(field, problem)]);
            }
            Error::DatabaseUnavailable
            | Error::ErasureKeyUnfit
            | Error::Overloaded
            | Error::TokenBusy
            | Error::DeadlineExceeded => {
                details.set_retry_info(Some(RETRY_AFTER));
            }
            Error::RateLimited { wait, .. } => {
                details.set_retry_info(Some(wait));
            }
            _ => {}
        }
        Self::with_error_details(code, message, details)
    }
}
