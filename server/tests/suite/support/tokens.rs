//! API tokens, made in the database as an operator makes them.

use chrono::{DateTime, Utc};
use leadcapture_proto::v1::Tenant;
use leadcapture_server::{
    clock::{Clock, SystemClock},
    domain::{access::Role, api_token::ApiToken},
    storage::{CreatedToken, NewToken, Storage, TokenReference},
};

use super::{
    database::TestDatabase,
    server::{environment, settings},
};

/// Makes and revokes tokens.
#[derive(Debug)]
pub(crate) struct Tokens(Storage);

impl Tokens {
    pub(crate) async fn of(db: &TestDatabase) -> Self {
        Self::at(db, SystemClock).await
    }

    /// With the time of `clock`.
    pub(crate) async fn at(db: &TestDatabase, clock: impl Clock) -> Self {
        Self(Storage::connect(&settings(db).database, environment(clock)).await.unwrap())
    }

    pub(crate) async fn create(&self, new: NewToken) -> CreatedToken {
        self.0.create_token(&new).await.unwrap()
    }

    /// A token for all tenants, or for the one with this id.
    pub(crate) async fn token(&self, role: Role, tenant_id: Option<&str>) -> String {
        let tenant_id = tenant_id.map(|id| id.parse().unwrap());
        let new = NewToken { role, tenant_id, label: role.name().to_owned(), expires_at: None };
        self.create(new).await.secret.reveal().to_owned()
    }

    pub(crate) async fn admin(&self) -> String {
        self.token(Role::Admin, None).await
    }

    /// A token for the tenant alone.
    pub(crate) async fn bound(&self, role: Role, tenant: &Tenant) -> String {
        self.token(role, Some(&tenant.id)).await
    }

    /// A token that is accepted until `end`.
    pub(crate) async fn until(&self, end: DateTime<Utc>) -> String {
        let new =
            NewToken { role: Role::Admin, tenant_id: None, label: "short".to_owned(), expires_at: Some(end) };
        self.create(new).await.secret.reveal().to_owned()
    }

    pub(crate) async fn revoke(&self, token: &str) {
        let hash = leadcapture_server::domain::api_token::TokenHash::presented(token.as_bytes()).unwrap();
        self.0.revoke_token(TokenReference::Secret(hash)).await.unwrap().unwrap();
    }

    /// What is stored.
    pub(crate) async fn all(&self) -> Vec<ApiToken> {
        self.0.tokens().await.unwrap()
    }
}
