//! Bearer tokens, stored as hashes.

use sea_orm::entity::prelude::*;

use super::enums::ApiTokenRole;

/// A row of `api_tokens`.
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "api_tokens")]
pub struct Model {
    /// Id, a version 7 UUID.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    /// SHA-256 of the token.
    #[sea_orm(column_type = "Blob")]
    pub token_hash: Vec<u8>,
    /// What the token may do.
    pub role: ApiTokenRole,
    /// The only tenant it may act for; empty for all.
    pub tenant_id: Option<Uuid>,
    /// What the operator calls it.
    #[sea_orm(column_type = "Text")]
    pub label: String,
    /// When the token was made.
    pub created_at: DateTimeUtc,
    /// From when it is no longer accepted.
    pub expires_at: Option<DateTimeUtc>,
    /// When it was last used, roughly.
    pub last_used_at: Option<DateTimeUtc>,
    /// When it was revoked.
    pub revoked_at: Option<DateTimeUtc>,
    /// The tenant, if any.
    #[sea_orm(belongs_to, from = "tenant_id", to = "id")]
    pub tenant: BelongsTo<Option<super::tenant::Entity>>,
}

impl ActiveModelBehavior for ActiveModel {}
