//! The layer in front of every method: it finds out who calls, refuses whoever may not, and puts the session on the request.

use std::{
    mem,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use axum::http::{HeaderMap, Request, Response, header::AUTHORIZATION};
use tonic::{Status, body::Body};
use tower::{Layer, Service};

use super::access::{Reflection, Rule, rule};
use crate::{
    auth::{Authenticator, Session, TokenRates},
    domain::{
        api_token::TokenHash,
        error::{Error, TokenProblem},
    },
};

/// Guards a service.
#[derive(Clone, Debug)]
pub struct GuardLayer {
    authenticator: Authenticator,
    reflection: Reflection,
    rates: Option<Arc<TokenRates>>,
}

impl GuardLayer {
    /// A guard that asks this authenticator, and limits what each token may send if there are `rates`.
    #[must_use]
    pub fn new(authenticator: Authenticator, reflection: Reflection, rates: Option<TokenRates>) -> Self {
        Self { authenticator, reflection, rates: rates.map(Arc::new) }
    }

    async fn admit(&self, rule: Rule, headers: &HeaderMap) -> Result<Option<Session>, Error> {
        if rule == Rule::Open {
            return Ok(None);
        }
        let session = self.authenticator.authenticate(presented(headers)?).await?;
        // First of all: what the role may not call counts too.
        if let Some(rates) = &self.rates {
            rates.admit(session.principal())?;
        }
        if let Rule::Roles(allowed) = rule
            && !allowed.contains(&session.principal().role())
        {
            return Err(Error::PermissionDenied { role: session.principal().role(), allowed });
        }
        Ok(Some(session))
    }
}

impl<S> Layer<S> for GuardLayer {
    type Service = Guard<S>;

    fn layer(&self, inner: S) -> Self::Service {
        Guard { inner, layer: self.clone() }
    }
}

/// A service that only those reach who may.
#[derive(Clone, Debug)]
pub struct Guard<S> {
    inner: S,
    layer: GuardLayer,
}

impl<S, B> Service<Request<B>> for Guard<S>
where
    S: Service<Request<B>, Response = Response<Body>> + Clone + Send + 'static,
    S::Future: Send,
    B: Send + 'static,
{
    type Response = Response<Body>;
    type Error = S::Error;
    type Future = Pin<Box<dyn Future<Output = Result<Response<Body>, S::Error>> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, mut request: Request<B>) -> Self::Future {
        // The clone may not be ready; the one that was polled is.
        let spare = self.inner.clone();
        let mut inner = mem::replace(&mut self.inner, spare);
        let layer = self.layer.clone();
        Box::pin(async move {
            let path = request.uri().path();
            match layer.admit(rule(path, layer.reflection), request.headers()).await {
                Ok(session) => {
                    // Nobody can send one along, and none is left from a layer further out.
                    request.extensions_mut().remove::<Session>();
                    if let Some(session) = session {
                        request.extensions_mut().insert(session);
                    }
                    inner.call(request).await
                }
                Err(error) => {
                    tracing::debug!(
                        path = known_path(request.uri().path()),
                        reason = error.reason(),
                        "refused"
                    );
                    Ok(Status::from(error).into_http())
                }
            }
        })
    }
}

/// A path that may stand in a log: anybody may send any.
fn known_path(path: &str) -> &str {
    if matches!(rule(path, Reflection::Off), Rule::Roles(_)) { path } else { "other" }
}

/// The hash of the token that a request presents, if it presents any.
fn presented(headers: &HeaderMap) -> Result<Option<TokenHash>, Error> {
    const MALFORMED: Error = Error::Unauthenticated(TokenProblem::Malformed);
    let mut values = headers.get_all(AUTHORIZATION).iter();
    let Some(value) = values.next() else { return Ok(None) };
    if values.next().is_some() {
        return Err(MALFORMED);
    }
    // The scheme's name is written in any case (RFC 9110, 11.1).
    let (scheme, token) = value.as_bytes().split_at_checked(b"Bearer ".len()).ok_or(MALFORMED)?;
    if !scheme.eq_ignore_ascii_case(b"Bearer ") {
        return Err(MALFORMED);
    }
    TokenHash::presented(token.trim_ascii()).map(Some).map_err(|_| MALFORMED)
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;
    use crate::domain::api_token::ApiTokenSecret;

    fn headers(values: &[&[u8]]) -> HeaderMap {
        values.iter().map(|value| (AUTHORIZATION, HeaderValue::from_bytes(value).unwrap())).collect()
    }

    #[test]
    fn a_token_is_read_from_one_header_of_the_bearer_scheme() {
        let token = ApiTokenSecret::new([7; 32]);
        for scheme in ["Bearer ", "bearer ", "BEARER  "] {
            let value = format!("{scheme}{}", token.reveal());
            assert_eq!(presented(&headers(&[value.as_bytes()])).unwrap(), Some(token.hash()), "{scheme}");
        }
        assert_eq!(presented(&HeaderMap::new()).unwrap(), None);
        let good = format!("Bearer {}", token.reveal());
        let basic = format!("Basic {}", token.reveal());
        let cases: [&[&[u8]]; 7] = [
            &[b""],
            &[b"Bearer"],
            &[b"Bearer "],
            &[basic.as_bytes()],
            &[token.reveal().as_bytes()],
            &[b"Bearer \xff\xfe"],
            &[good.as_bytes(), good.as_bytes()],
        ];
        for values in cases {
            let error = presented(&headers(values)).unwrap_err();
            assert_eq!(error.reason(), "TOKEN_MALFORMED", "{values:?}");
        }
    }
}
