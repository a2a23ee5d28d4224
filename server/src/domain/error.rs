//! Every error that a caller can get, with the facts it needs to act.

use std::time::Duration;

use uuid::Uuid;

use super::{access::Role, lead::LeadStatus, lifecycle::InvalidTransition};

/// A field of a request that is wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FieldViolation {
    /// Path of the field in the request, for example `calls[3].called_at`.
    pub field: String,
    /// What is wrong and how to mend it.
    pub description: String,
}

/// The kinds of things that are looked up by id.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Resource {
    /// A tenant.
    Tenant,
    /// A business line.
    BusinessLine,
    /// A lead.
    Lead,
    /// A missed call.
    MissedCall,
    /// A conversation.
    Conversation,
    /// A follow-up.
    FollowUp,
    /// A suppressed phone.
    Suppression,
}

impl Resource {
    /// Every kind.
    pub const ALL: &'static [Self] = &[
        Self::Tenant,
        Self::BusinessLine,
        Self::Lead,
        Self::MissedCall,
        Self::Conversation,
        Self::FollowUp,
        Self::Suppression,
    ];

    /// The word for it in messages.
    #[must_use]
    pub const fn noun(self) -> &'static str {
        match self {
            Self::Tenant => "tenant",
            Self::BusinessLine => "business line",
            Self::Lead => "lead",
            Self::MissedCall => "missed call",
            Self::Conversation => "conversation",
            Self::FollowUp => "follow-up",
            Self::Suppression => "suppression",
        }
    }
}

/// What is wrong with the token of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TokenProblem {
    /// There is none.
    Missing,
    /// It can be no token.
    Malformed,
    /// Nobody has it, or no more.
    Unknown,
    /// It was revoked.
    Revoked,
    /// Its time is over.
    Expired,
}

impl TokenProblem {
    /// Every kind.
    pub const ALL: &'static [Self] =
        &[Self::Missing, Self::Malformed, Self::Unknown, Self::Revoked, Self::Expired];

    const fn sentence(self) -> &'static str {
        match self {
            Self::Missing => "a token is needed; send it as metadata `authorization: Bearer TOKEN`",
            Self::Malformed => {
                "the authorization is malformed; send `Bearer`, a space and the token exactly as it was shown when it was made"
            }
            Self::Unknown => "the token is unknown here; ask the operator of this server for one",
            Self::Revoked => "the token was revoked; ask the operator of this server for another",
            Self::Expired => "the token has expired; ask the operator of this server for another",
        }
    }
}

/// Why a request failed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Fields of the request are wrong; all of them are listed.
    #[error("{}", describe(.0))]
    InvalidFields(Vec<FieldViolation>),
    /// Nothing has this id, or it belongs to another tenant.
    #[error("no such {}", .0.noun())]
    NotFound(Resource),
    /// The lifecycle has no such transition.
    #[error(transparent)]
    InvalidTransition(#[from] InvalidTransition),
    /// A lead cannot be qualified before its need is known.
    #[error("the lead's need is not known yet; set need first")]
    NeedUnknown,
    /// The phone has another open lead.
    #[error("the phone has another open lead, {lead_id}; close that one first")]
    OpenLeadExists {
        /// The open lead.
        lead_id: Uuid,
    },
    /// The object changed since the caller read it.
    #[error("the object has changed since it was read; read it again and repeat the change")]
    EtagMismatch,
    /// The request id was used with another request.
    #[error("request_id was used before with a different request; use a new id for a new request")]
    RequestIdReused,
    /// The number belongs to a tenant already.
    #[error("the number is a business line already; remove it there first")]
    BusinessLineTaken,
    /// The conversation is over.
    #[error("the conversation has ended; a new one begins with the next opener")]
    ConversationEnded,
    /// The opener was handed to another worker since.
    #[error("the follow-up was handed out again since; drop this claim")]
    ClaimExpired,
    /// Another running conversation has the WhatsApp thread.
    #[error(
        "whatsapp_conversation_id belongs to another conversation that has not ended; end that one first"
    )]
    WhatsappConversationTaken,
    /// The name that guards a deletion is not the tenant's.
    #[error("name does not equal the tenant's name; repeat the name exactly to delete the tenant")]
    TenantNameMismatch,
    /// The request has no good token.
    #[error("{}", .0.sentence())]
    Unauthenticated(TokenProblem),
    /// The token's role may not call the method.
    #[error("a token of the role {role} may not call this method; it takes {}", names(.allowed, " or "))]
    PermissionDenied {
        /// The token's role.
        role: Role,
        /// The roles that may.
        allowed: &'static [Role],
    },
    /// The customer of a request that is sent again was erased after it was answered.
    #[error(
        "the customer was erased after this request was answered; if the customer is in touch again, send the request with a new request_id"
    )]
    CustomerErased,
    /// No customer can be erased without a key for the hash that stays.
    #[error(
        "customers cannot be erased: this server has no erasure key; make one with `openssl rand -hex 32 >FILE` and start every server of \
         the database with --erasure-key-file FILE"
    )]
    ErasureKeyMissing,
    /// Customers were erased under another key before.
    #[error(
        "customers cannot be erased: this server's erasure key is not the one by which customers were erased before; start it with that one"
    )]
    ErasureKeyWrong,
    /// Customers were erased under a key that the server does not have: it would take them for new ones.
    #[error(
        "customers were erased under a key that this server does not have, so it cannot tell whether this is one of them; start it with that \
         key (--erasure-key-file), or try again with another server of the database"
    )]
    ErasureKeyUnfit,
    /// The database cannot be reached.
    #[error("the database cannot be reached at the moment; try again")]
    DatabaseUnavailable,
    /// Too much is going on.
    #[error("the server is overloaded; try again later")]
    Overloaded,
    /// The token has as much in flight as one may; others are served.
    #[error(
        "the token has as many requests in flight as one token may have, or they take as much memory; send this one again when some are answered"
    )]
    TokenBusy,
    /// The token sends more requests than it may.
    #[error(
        "the token may send {per_second} requests per second and has sent more; send this one again after {wait:?}"
    )]
    RateLimited {
        /// Requests per second that a token may send.
        per_second: u32,
        /// After what time the next request is let in.
        wait: Duration,
    },
    /// The request took longer than its caller, or the server, gives it.
    #[error("the deadline passed; what was sent may have been done all the same")]
    DeadlineExceeded,
    /// The request is no message of the method: text that is not UTF-8, a truncated message, values nested too deeply.
    #[error("the request cannot be decoded: {}{problem}", if field.is_empty() { String::new() } else { format!("{field}: ") })]
    MalformedMessage {
        /// Path of the field, as far as it is known; may be empty.
        field: String,
        /// What the decoder said.
        problem: String,
    },
    /// The request is larger than the server accepts, as it was sent or once it is decoded.
    #[error("the request is larger than {limit} bytes, or would be in memory; split it")]
    MessageTooLarge {
        /// The most bytes.
        limit: usize,
    },
    /// The request is compressed in a way that the server does not know.
    #[error("{0}")]
    UnsupportedEncoding(String),
    /// No service of the server has the method.
    #[error("no such method; server reflection lists those that there are")]
    UnknownMethod,
    /// A fault of the server itself. The cause is for the log alone.
    #[error("internal error")]
    Internal(#[source] Box<dyn std::error::Error + Send + Sync>),
}

impl Error {
    /// An error of a single field.
    #[must_use]
    pub fn invalid(field: impl Into<String>, description: impl Into<String>) -> Self {
        Self::InvalidFields(vec![FieldViolation { field: field.into(), description: description.into() }])
    }

    /// A fault of the server itself.
    pub fn internal(cause: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        Self::Internal(cause.into())
    }

    /// The reason for machines: one of a closed list, in `UPPER_SNAKE`.
    #[must_use]
    pub const fn reason(&self) -> &'static str {
        match self {
            Self::InvalidFields(_) => "INVALID_FIELDS",
            Self::NotFound(Resource::Tenant) => "TENANT_NOT_FOUND",
            Self::NotFound(Resource::BusinessLine) => "BUSINESS_LINE_NOT_FOUND",
            Self::NotFound(Resource::Lead) => "LEAD_NOT_FOUND",
            Self::NotFound(Resource::MissedCall) => "MISSED_CALL_NOT_FOUND",
            Self::NotFound(Resource::Conversation) => "CONVERSATION_NOT_FOUND",
            Self::NotFound(Resource::FollowUp) => "FOLLOW_UP_NOT_FOUND",
            Self::NotFound(Resource::Suppression) => "SUPPRESSION_NOT_FOUND",
            Self::InvalidTransition(_) => "INVALID_TRANSITION",
            Self::NeedUnknown => "NEED_UNKNOWN",
            Self::OpenLeadExists { .. } => "OPEN_LEAD_EXISTS",
            Self::EtagMismatch => "ETAG_MISMATCH",
            Self::RequestIdReused => "REQUEST_ID_REUSED",
            Self::BusinessLineTaken => "BUSINESS_LINE_TAKEN",
            Self::ConversationEnded => "CONVERSATION_ENDED",
            Self::ClaimExpired => "CLAIM_EXPIRED",
            Self::WhatsappConversationTaken => "WHATSAPP_CONVERSATION_TAKEN",
            Self::TenantNameMismatch => "TENANT_NAME_MISMATCH",
            Self::Unauthenticated(TokenProblem::Missing) => "TOKEN_REQUIRED",
            Self::Unauthenticated(TokenProblem::Malformed) => "TOKEN_MALFORMED",
            Self::Unauthenticated(TokenProblem::Unknown) => "TOKEN_UNKNOWN",
            Self::Unauthenticated(TokenProblem::Revoked) => "TOKEN_REVOKED",
            Self::Unauthenticated(TokenProblem::Expired) => "TOKEN_EXPIRED",
            Self::PermissionDenied { .. } => "ROLE_NOT_ALLOWED",
            Self::CustomerErased => "CUSTOMER_ERASED",
            Self::ErasureKeyMissing => "ERASURE_KEY_MISSING",
            Self::ErasureKeyWrong => "ERASURE_KEY_WRONG",
            Self::ErasureKeyUnfit => "ERASURE_KEY_UNFIT",
            Self::DatabaseUnavailable => "DATABASE_UNAVAILABLE",
            Self::Overloaded => "OVERLOADED",
            Self::TokenBusy => "TOKEN_BUSY",
            Self::RateLimited { .. } => "RATE_LIMITED",
            Self::DeadlineExceeded => "DEADLINE_EXCEEDED",
            Self::MalformedMessage { .. } => "MALFORMED_MESSAGE",
            Self::MessageTooLarge { .. } => "MESSAGE_TOO_LARGE",
            Self::UnsupportedEncoding(_) => "UNSUPPORTED_ENCODING",
            Self::UnknownMethod => "UNKNOWN_METHOD",
            Self::Internal(_) => "INTERNAL",
        }
    }

    /// Facts for machines beside the reason.
    #[must_use]
    pub fn metadata(&self) -> Vec<(&'static str, String)> {
        match self {
            Self::InvalidTransition(InvalidTransition { from, to }) => {
                let allowed: Vec<_> = super::lifecycle::allowed_from(*from).map(upper).collect();
                vec![("from", upper(*from)), ("to", upper(*to)), ("allowed", allowed.join(","))]
            }
            Self::MessageTooLarge { limit } => vec![("limit_bytes", limit.to_string())],
            Self::RateLimited { per_second, .. } => vec![("requests_per_second", per_second.to_string())],
            Self::PermissionDenied { role, allowed } => {
                vec![("role", role.name().to_owned()), ("allowed", names(allowed, ","))]
            }
            Self::OpenLeadExists { lead_id } => vec![("lead_id", lead_id.to_string())],
            _ => Vec::new(),
        }
    }
}

fn names(roles: &[Role], separator: &str) -> String {
    roles.iter().map(|role| role.name()).collect::<Vec<_>>().join(separator)
}

fn upper(status: LeadStatus) -> String {
    status.name().to_uppercase()
}

/// The most bytes of a sentence about bad fields; a gRPC client takes 8 KiB of headers in which it stands twice.
const MAX_DESCRIPTION: usize = 800;

/// The bad fields in a sentence, as many as fit.
fn describe(violations: &[FieldViolation]) -> String {
    let mut text = String::new();
    for (index, FieldViolation { field, description }) in violations.iter().enumerate() {
        let next = format!("{field}: {description}");
        if index > 0 && text.len() + next.len() > MAX_DESCRIPTION {
            return format!("{text}; and more");
        }
        if index > 0 {
            text.push_str("; ");
        }
        text.push_str(&next);
    }
    text
}
