//! What must be true before a listener may be reached from other machines.

use std::net::SocketAddr;

/// How gRPC is protected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Protection {
    /// Nobody gets in without a token: one was made.
    pub tokens: bool,
    /// Whoever listens in reads nothing.
    pub encrypted: bool,
    /// The operator said aloud that it need not be encrypted.
    pub insecure: bool,
}

/// What is to be thought of an address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exposure {
    /// Only this machine reaches it.
    Loopback,
    /// Others reach it, and it is encrypted.
    Encrypted,
    /// Others reach it, and everybody on the way can listen in, by the operator's wish.
    Plaintext,
}

/// Whether only this machine reaches an address.
#[must_use]
pub fn is_loopback(address: SocketAddr) -> bool {
    address.ip().to_canonical().is_loopback()
}

/// Judges the address of gRPC.
///
/// # Errors
/// What is missing, and how to mend it.
pub fn check_grpc(address: SocketAddr, protection: Protection) -> Result<Exposure, String> {
    if is_loopback(address) {
        return Ok(Exposure::Loopback);
    }
    let refuse =
        |what: &str| Err(format!("--listen: {address} can be reached from other machines, but {what}"));
    match protection {
        Protection { tokens: false, .. } => refuse(
            "no token was ever made, so that everybody could do everything; make the first with `leadcapture token create --role \
             admin --label NAME`, or listen on 127.0.0.1",
        ),
        Protection { encrypted: true, .. } => Ok(Exposure::Encrypted),
        Protection { insecure: true, .. } => Ok(Exposure::Plaintext),
        Protection { .. } => refuse(
            "it is not encrypted, so that whoever listens in reads tokens and customers; set --tls-cert and --tls-key, listen on 127.0.0.1 \
             behind a proxy that encrypts, or accept that with --insecure",
        ),
    }
}

/// Refuses an address of the metrics that other machines can reach: they are served to whoever asks.
///
/// # Errors
/// The address is not a loopback address.
pub fn check_metrics(address: SocketAddr) -> Result<(), String> {
    if is_loopback(address) {
        return Ok(());
    }
    Err(format!(
        "--metrics-listen: {address} can be reached from other machines, but metrics are shown to whoever asks; listen on \
         127.0.0.1:{}",
        address.port()
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn beyond_loopback_there_are_tokens_and_encryption_or_a_word_that_there_need_not_be() {
        for tokens in [false, true] {
            for encrypted in [false, true] {
                for insecure in [false, true] {
                    let protection = Protection { tokens, encrypted, insecure };
                    for loopback in ["127.0.0.1:1", "[::1]:1", "[::ffff:127.8.8.8]:1"] {
                        assert_eq!(check_grpc(loopback.parse().unwrap(), protection), Ok(Exposure::Loopback));
                    }
                    for reachable in ["0.0.0.0:1", "[::]:1", "10.0.0.1:1", "[::ffff:10.0.0.1]:1"] {
                        let checked = check_grpc(reachable.parse().unwrap(), protection);
                        let expected = match (tokens, encrypted, insecure) {
                            (false, ..) => Err("token create"),
                            (true, true, _) => Ok(Exposure::Encrypted),
                            (true, false, true) => Ok(Exposure::Plaintext),
                            (true, false, false) => Err("--insecure"),
                        };
                        match expected {
                            Ok(exposure) => assert_eq!(checked, Ok(exposure)),
                            Err(hint) => assert!(checked.unwrap_err().contains(hint), "{protection:?}"),
                        }
                    }
                }
            }
        }
    }

    #[test]
    fn metrics_stay_on_loopback() {
        assert!(check_metrics("[::1]:1".parse().unwrap()).is_ok());
        let error = check_metrics("0.0.0.0:9464".parse().unwrap()).unwrap_err();
        assert!(error.contains("127.0.0.1:9464"), "{error}");
    }
}
