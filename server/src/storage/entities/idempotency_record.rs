//! Stored responses by request id, so that a repeated request has its effect once.

use sea_orm::entity::prelude::*;

use crate::domain::personal::Personal;

/// A row of `idempotency_records`.
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "idempotency_records")]
pub struct Model {
    /// Who made the request.
    #[sea_orm(primary_key, auto_increment = false, column_type = "Text")]
    pub principal: String,
    /// The full name of the RPC.
    #[sea_orm(primary_key, auto_increment = false, column_type = "Text")]
    pub method: String,
    /// The caller's id of the request.
    #[sea_orm(primary_key, auto_increment = false)]
    pub request_id: Uuid,
    /// The tenant the request was about; the record goes when it goes.
    pub tenant_id: Option<Uuid>,
    /// The phone the request was about in E.164, until it is erased.
    #[sea_orm(column_type = "Text")]
    pub customer_phone: Option<Personal>,
    /// Hash of the request; empty once the customer was erased.
    #[sea_orm(column_type = "Blob")]
    pub request_hash: Vec<u8>,
    /// The encoded response; empty once the customer was erased.
    #[sea_orm(column_type = "Blob")]
    pub response: Personal<Vec<u8>>,
    /// When the row was made.
    pub created_at: DateTimeUtc,
    /// From when the record may be removed.
    pub expires_at: DateTimeUtc,
    /// The tenant, if any.
    #[sea_orm(belongs_to, from = "tenant_id", to = "id")]
    pub tenant: BelongsTo<Option<super::tenant::Entity>>,
}

impl ActiveModelBehavior for ActiveModel {}
