//! A delivery as a line of JSON: to look at, to keep elsewhere, or to send again.

use std::fmt;

use base64::{Engine as _, prelude::BASE64_STANDARD};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::delivery::{Delivery, Stored};
use crate::{
    cdr::{Format, TimeBasis, TimeRules},
    cli::Zone,
};

/// A delivery with all that its reading depends on, as JSON.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Exported {
    /// Its number in the spool that it came from.
    pub delivery: i64,
    /// `waiting` or `dead`.
    pub state: String,
    /// What its last attempt failed of, or why it is dead.
    pub problem: String,
    /// When it arrived.
    pub arrived_at: DateTime<Utc>,
    /// The account's zone by which its times are read, as an IANA name.
    pub account_zone: String,
    /// How its times are read: `auto`, `account` or `utc`.
    pub time_basis: String,
    /// The format of the body: `json`, `form` or `xml`.
    pub format: String,
    /// The tenant that its sender's secret named.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tenant_id: Option<String>,
    /// The body, where it is UTF-8.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub body: Option<String>,
    /// The body in Base64, where it is not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub body_base64: Option<String>,
}

/// Without the body.
impl fmt::Debug for Exported {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Exported")
            .field("delivery", &self.delivery)
            .field("state", &self.state)
            .field("problem", &self.problem)
            .field("arrived_at", &self.arrived_at)
            .field("format", &self.format)
            .field("tenant_id", &self.tenant_id)
            .finish_non_exhaustive()
    }
}

impl From<Stored> for Exported {
    fn from(stored: Stored) -> Self {
        let Stored { id, delivery, state, problem, .. } = stored;
        let (body, body_base64) = match String::from_utf8(delivery.body) {
            Ok(text) => (Some(text), None),
            Err(error) => (None, Some(BASE64_STANDARD.encode(error.as_bytes()))),
        };
        Self {
            delivery: id,
            state: state.name().to_owned(),
            problem,
            arrived_at: delivery.arrived_at,
            account_zone: delivery.time.account_zone.name().to_owned(),
            time_basis: delivery.time.basis.name().to_owned(),
            format: delivery.format.name().to_owned(),
            tenant_id: delivery.tenant_id,
            body,
            body_base64,
        }
    }
}

impl TryFrom<Exported> for Delivery {
    type Error = String;

    /// The delivery as it was when it arrived.
    fn try_from(exported: Exported) -> Result<Self, String> {
        let zone: Zone =
            exported.account_zone.parse().map_err(|problem| format!("account_zone: {problem}"))?;
        let basis: TimeBasis =
            exported.time_basis.parse().map_err(|problem| format!("time_basis: {problem}"))?;
        let format: Format = exported.format.parse().map_err(|problem| format!("format: {problem}"))?;
        let body = match (exported.body, exported.body_base64) {
            (Some(body), None) => body.into_bytes(),
            (None, Some(base64)) => {
                BASE64_STANDARD.decode(base64).map_err(|_| "body_base64: is no Base64".to_owned())?
            }
            _ => return Err("body: give either body or body_base64".to_owned()),
        };
        Ok(Self {
            body,
            format,
            arrived_at: exported.arrived_at,
            time: TimeRules { account_zone: zone.0, basis },
            tenant_id: exported.tenant_id,
            traceparent: None,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::spool::State;

    #[test]
    fn an_exported_delivery_is_the_same_delivery() {
        for body in [b"{\"caller\":\"1\"}".to_vec(), vec![0xff, 0x00, b'a']] {
            let delivery = Delivery {
                body,
                format: Format::Xml,
                arrived_at: DateTime::from_timestamp_micros(1_769_516_940_123_456).unwrap(),
                time: TimeRules { account_zone: chrono_tz::Tz::Europe__London, basis: TimeBasis::Account },
                tenant_id: Some("t".to_owned()),
                traceparent: None,
            };
            let stored = Stored {
                id: 7,
                delivery: delivery.clone(),
                state: State::Dead,
                since: delivery.arrived_at,
                attempts: 0,
                next_attempt_at: delivery.arrived_at,
                problem: "time: is missing".to_owned(),
            };
            let line = serde_json::to_string(&Exported::from(stored)).unwrap();
            assert!(!line.contains('\n'));
            let exported: Exported = serde_json::from_str(&line).unwrap();
            assert_eq!((exported.delivery, exported.state.as_str()), (7, "dead"));
            assert_eq!(Delivery::try_from(exported), Ok(delivery));
        }
    }
}
