//! API tokens, and the latch that remembers that there was one.

use chrono::{DateTime, Utc};
use scoped_futures::ScopedFutureExt as _;
use sea_orm::{
    ActiveModelTrait as _, DatabaseTransaction, EntityTrait as _, PaginatorTrait as _, QueryFilter as _,
    QueryOrder as _, QuerySelect as _, Set, TryInsertResult,
    sea_query::{Expr, OnConflict},
};
use tracing::instrument;
use uuid::Uuid;

use super::{
    Storage,
    entities::{access_latch, api_token},
    error::{Failure, surface},
    tenants::tenant_in,
};
use crate::domain::{
    access::{Role, TenantScope},
    api_token::{ApiToken, ApiTokenSecret, TokenHash},
    error::Error,
};

/// The id of the latch's only row.
const LATCH: i32 = 1;

/// A token to be made.
#[derive(Clone, Debug)]
pub struct NewToken {
    /// What it may do.
    pub role: Role,
    /// The only tenant it may act for; absent for all.
    pub tenant_id: Option<Uuid>,
    /// What the operator calls it.
    pub label: String,
    /// From when it is no longer accepted.
    pub expires_at: Option<DateTime<Utc>>,
}

/// A token that was made.
#[derive(Debug)]
pub struct CreatedToken {
    /// The token in clear; it is stored nowhere.
    pub secret: ApiTokenSecret,
    /// What is stored.
    pub token: ApiToken,
    /// Whether it is the first that was ever made: servers were open until now.
    pub first: bool,
}

/// How an operator names a token.
#[derive(Clone, Copy, Debug)]
pub enum TokenReference {
    /// By its id.
    Id(Uuid),
    /// By the token itself.
    Secret(TokenHash),
}

impl Storage {
    /// Makes a token. With the first one the latch closes, for good.
    ///
    /// # Errors
    /// [`Error::NotFound`] for an unknown tenant, or when the database fails.
    #[instrument(name = "storage.create_token", skip_all)]
    pub async fn create_token(&self, new: &NewToken) -> Result<CreatedToken, Error> {
        let secret = ApiTokenSecret::new(self.environment().new_secret());
        let id = self.environment().new_id();
        let hash = secret.hash();
        let (token, first) = self
            .write(move |transaction| {
                async move {
                    if let Some(tenant_id) = new.tenant_id {
                        tenant_in(transaction, TenantScope::of_row(tenant_id)).await?;
                    }
                    let row = api_token::ActiveModel {
                        id: Set(id),
                        token_hash: Set(hash.as_bytes().to_vec()),
                        role: Set(new.role.into()),
                        tenant_id: Set(new.tenant_id),
                        label: Set(new.label.clone()),
                        created_at: Set(self.environment().now()),
                        expires_at: Set(new.expires_at),
                        last_used_at: Set(None),
                        revoked_at: Set(None),
                    };
                    let token = row.insert(transaction).await?.into();
                    Ok((token, close_latch(transaction, self.environment().now()).await?))
                }
                .scope_boxed()
            })
            .await?;
        Ok(CreatedToken { secret, token, first })
    }

    /// All tokens, oldest first; those that were revoked or have expired too.
    ///
    /// # Errors
    /// When the database fails.
    #[instrument(name = "storage.tokens", skip_all)]
    pub async fn tokens(&self) -> Result<Vec<ApiToken>, Error> {
        let query = api_token::Entity::find()
            .order_by_asc(api_token::Column::CreatedAt)
            .order_by_asc(api_token::Column::Id);
        let rows = query.all(&self.reader).await.map_err(surface)?;
        Ok(rows.into_iter().map(ApiToken::from).collect())
    }

    /// The token with this hash.
    ///
    /// # Errors
    /// When the database fails.
    #[instrument(name = "storage.token", skip_all)]
    pub async fn token(&self, hash: TokenHash) -> Result<Option<ApiToken>, Error> {
        let query =
            api_token::Entity::find().filter(api_token::COLUMN.token_hash.eq(hash.as_bytes().to_vec()));
        let row = query.one(&self.reader).await.map_err(surface)?;
        Ok(row.map(ApiToken::from))
    }

    /// Revokes a token; one that is revoked already keeps its time. Answers `None` when there is no such token.
    ///
    /// # Errors
    /// When the database fails.
    #[instrument(name = "storage.revoke_token", skip_all)]
    pub async fn revoke_token(&self, reference: TokenReference) -> Result<Option<ApiToken>, Error> {
        self.write(move |transaction| {
            async move {
                let query = match reference {
                    TokenReference::Id(id) => api_token::Entity::find_by_id(id),
                    TokenReference::Secret(hash) => api_token::Entity::find()
                        .filter(api_token::COLUMN.token_hash.eq(hash.as_bytes().to_vec())),
                };
                let row: Option<api_token::Model> = query.lock_exclusive().one(transaction).await?;
                let Some(row) = row else { return Ok(None) };
                if row.revoked_at.is_some() {
                    return Ok(Some(row.into()));
                }
                let now = self.environment().now();
                let change = api_token::ActiveModel {
                    id: Set(row.id),
                    revoked_at: Set(Some(now)),
                    ..Default::default()
                };
                Ok(Some(change.update(transaction).await?.into()))
            }
            .scope_boxed()
        })
        .await
    }

    /// Whether a token was ever made; from then on nobody gets in without one.
    ///
    /// # Errors
    /// When the database fails.
    #[instrument(name = "storage.latch_closed", skip_all)]
    pub async fn latch_closed(&self) -> Result<bool, Error> {
        Ok(access_latch::Entity::find().count(&self.reader).await.map_err(surface)? > 0)
    }

    /// Notes when tokens were last used.
    ///
    /// # Errors
    /// When the database fails; some may have been noted.
    #[instrument(name = "storage.note_token_uses", skip_all)]
    pub async fn note_token_uses(&self, uses: &[(Uuid, DateTime<Utc>)]) -> Result<(), Error> {
        // One by one, and each by itself: there are few, none waits for them, and a transaction would hold the locks of all.
        for (id, at) in uses {
            self.write(move |transaction| {
                async move {
                    api_token::Entity::update_many()
                        .col_expr(api_token::Column::LastUsedAt, Expr::val(*at))
                        .filter(api_token::COLUMN.id.eq(*id))
                        .filter(
                            sea_orm::Condition::any()
                                .add(api_token::COLUMN.last_used_at.is_null())
                                .add(api_token::COLUMN.last_used_at.lt(*at)),
                        )
                        .exec(transaction)
                        .await?;
                    Ok(())
                }
                .scope_boxed()
            })
            .await?;
        }
        Ok(())
    }
}

/// Closes the latch; answers whether it was open.
async fn close_latch(transaction: &DatabaseTransaction, now: DateTime<Utc>) -> Result<bool, Failure> {
    let row = access_latch::ActiveModel { id: Set(LATCH), closed_at: Set(now) };
    let result = access_latch::Entity::insert_many([row])
        .on_conflict(OnConflict::column(access_latch::Column::Id).do_nothing().to_owned())
        .try_insert()
        .exec_without_returning(transaction)
        .await?;
    Ok(matches!(result, TryInsertResult::Inserted(1..)))
}

impl From<api_token::Model> for ApiToken {
    fn from(row: api_token::Model) -> Self {
        Self {
            id: row.id,
            role: row.role.into(),
            tenant_id: row.tenant_id,
            label: row.label,
            created_at: row.created_at,
            expires_at: row.expires_at,
            last_used_at: row.last_used_at,
            revoked_at: row.revoked_at,
        }
    }
}
