//! `leadcapture-webhook secret`: a fresh secret, as a line for the file of secrets and as an address for Voicenter.

use std::io::{self, Write};

use clap::Args;
use uuid::Uuid;

use crate::{http::CDR_PATH, secrets};

/// Makes a secret: prints a line for the file of secrets, and the address to register at Voicenter
#[derive(Debug, Args)]
pub struct SecretArgs {
    /// Tenant whose calls alone the secret lets in [default: any, by the number that was dialled]
    #[arg(long, value_name = "UUID")]
    pub tenant: Option<Uuid>,
    /// Where Voicenter reaches the webhook [default: `https://YOUR-HOST`]
    #[arg(long, value_name = "URL")]
    pub url: Option<String>,
}

/// Prints a secret of these random bytes.
///
/// # Errors
/// Standard output is closed.
pub fn run(args: &SecretArgs, random: [u8; 32]) -> Result<(), String> {
    print(args, &secrets::of_random(random), &mut io::stdout().lock())
        .map_err(|error| format!("cannot write the answer: {error}"))
}

fn print(args: &SecretArgs, secret: &str, out: &mut impl Write) -> io::Result<()> {
    let tenant = args.tenant.map(|tenant| format!(" {tenant}")).unwrap_or_default();
    let url = args.url.as_deref().unwrap_or("https://YOUR-HOST").trim_end_matches('/');
    writeln!(out, "# Voicenter posts to {url}{CDR_PATH}/{secret}\n{secret}{tenant}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::secrets::Secrets;

    #[test]
    fn what_is_printed_can_be_appended_to_the_file() {
        let tenant = Uuid::from_u128(7);
        let url = Some("https://hooks.example/".to_owned());
        let mut printed = Vec::new();
        let secret = secrets::of_random([7; 32]);
        print(&SecretArgs { tenant: Some(tenant), url }, &secret, &mut printed).unwrap();
        let address = format!("https://hooks.example/webhooks/voicenter/cdr/{secret}");
        assert!(String::from_utf8_lossy(&printed).contains(&address));
        let source = Secrets::parse_bytes(&printed).unwrap().source(&secret).unwrap();
        assert_eq!(source.tenant_id, Some(tenant.to_string()));
    }
}
