//! What went wrong, as a caller's program reads it.

use std::collections::HashMap;

use tonic::{Code, Response, Status};
use tonic_types::StatusExt as _;

/// The details of an error, checked for what every error promises.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Problem {
    pub(crate) code: Code,
    pub(crate) reason: String,
    pub(crate) message: String,
    pub(crate) metadata: HashMap<String, String>,
    /// Paths of the bad fields, sorted.
    pub(crate) fields: Vec<String>,
    /// What is said of them, in the same order.
    pub(crate) descriptions: Vec<String>,
    pub(crate) retry: bool,
}

impl From<Status> for Problem {
    fn from(status: Status) -> Self {
        let details = status.get_error_details();
        let info = details.error_info().unwrap_or_else(|| panic!("an error without ErrorInfo: {status:?}"));
        assert_eq!(info.domain, "leadcapture.v1", "{status:?}");
        assert!(!status.message().is_empty(), "{status:?}");
        let violations = details.bad_request().map(|bad| bad.field_violations.as_slice()).unwrap_or_default();
        let mut violations: Vec<_> = violations
            .iter()
            .map(|violation| (violation.field.clone(), violation.description.clone()))
            .collect();
        violations.sort_unstable();
        assert_eq!(!violations.is_empty(), status.code() == Code::InvalidArgument, "{status:?}");
        let retry = details.retry_info().is_some();
        let helps =
            matches!(status.code(), Code::Unavailable | Code::ResourceExhausted | Code::DeadlineExceeded);
        assert_eq!(retry, helps, "{status:?}");
        let (fields, descriptions) = violations.into_iter().unzip();
        Self {
            code: status.code(),
            reason: info.reason.clone(),
            message: status.message().to_owned(),
            metadata: info.metadata.clone(),
            fields,
            descriptions,
            retry,
        }
    }
}

impl Problem {
    /// The problem of a call that must fail.
    #[track_caller]
    pub(crate) fn of<T: std::fmt::Debug>(result: Result<Response<T>, Status>) -> Self {
        result.expect_err("the call fails").into()
    }

    /// Code and reason, to compare with.
    pub(crate) fn kind(&self) -> (Code, &str) {
        (self.code, &self.reason)
    }

    /// Asserts that exactly these fields are named bad.
    #[track_caller]
    pub(crate) fn assert_fields(&self, expected: &[&str]) {
        assert_eq!(self.kind(), (Code::InvalidArgument, "INVALID_FIELDS"), "{self:?}");
        let mut expected = expected.to_vec();
        expected.sort_unstable();
        assert_eq!(self.fields, expected, "{self:?}");
    }
}
