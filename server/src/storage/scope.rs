//! Tenant isolation: a statement on a table that belongs to tenants names the tenant whose rows it may touch, or does not compile.
//!
//! For each such entity this module declares `find`, `update_many` and the like with a scope as their first argument. Being inherent, they
//! hide SeaORM's own of the same names: `lead::Entity::find()` is an error, `lead::Entity::find(scope)` is right. A scope is a
//! [`TenantScope`], which comes from the caller or from a row that was read before, or [`AllTenants`] with its reason.
//!
//! Not here: `unrouted_calls` and `released_numbers` belong to no tenant; `idempotency_records` belong to the principal, with which their key
//! begins; `api_tokens` are looked up before the tenant is known, by their hash.

use sea_orm::{
    ActiveModelTrait, ColumnTrait, ConnectionTrait, DatabaseTransaction, DbErr, DeleteMany, EntityTrait,
    IntoActiveModel, QueryFilter, Select, UpdateMany,
};

use super::entities;
use crate::domain::access::{Reach, TenantScope};

/// Every tenant: for what the server does of its own accord, or for a caller that is bound to none.
#[derive(Clone, Copy, Debug)]
pub(super) struct AllTenants;

impl AllTenants {
    /// Every tenant, because of `_reason`.
    pub(super) const fn because(_reason: &'static str) -> Self {
        Self
    }
}

/// Which tenants' rows a statement may touch.
pub(super) trait Scope {
    /// The only tenant; absent for all.
    fn tenant(&self) -> Option<TenantScope>;

    /// The statement, narrowed to these tenants by the column that names the owner.
    fn narrow<Q: QueryFilter, C: ColumnTrait>(&self, query: Q, owner: C) -> Q {
        match self.tenant() {
            Some(tenant) => query.filter(owner.eq(tenant.id())),
            None => query,
        }
    }
}

impl Scope for TenantScope {
    fn tenant(&self) -> Option<TenantScope> {
        Some(*self)
    }
}

impl Scope for AllTenants {
    fn tenant(&self) -> Option<TenantScope> {
        None
    }
}

impl Scope for Reach {
    fn tenant(&self) -> Option<TenantScope> {
        (*self).tenant()
    }
}

/// An entity whose rows belong to tenants.
pub(super) trait TenantOwned: EntityTrait {
    /// The column that names the owner.
    const OWNER: Self::Column;
}

macro_rules! tenant_owned {
    ($($table:literal: $module:ident.$owner:ident),+ $(,)?) => {
        /// The tables whose rows belong to tenants.
        #[cfg(test)]
        pub(super) const TABLES: &[&str] = &[$($table),+];

        $(const _: () = {
            use entities::$module::{ActiveModel, Column, Entity, Model};

            impl TenantOwned for Entity {
                const OWNER: Column = Column::$owner;
            }

            impl Entity {
                pub(in crate::storage) fn find(scope: impl Scope) -> Select<Self> {
                    scope.narrow(<Self as EntityTrait>::find(), Self::OWNER)
                }

                pub(in crate::storage) fn find_by_id(
                    scope: impl Scope,
                    id: <<Self as EntityTrait>::PrimaryKey as sea_orm::PrimaryKeyTrait>::ValueType,
                ) -> Select<Self> {
                    scope.narrow(<Self as EntityTrait>::find_by_id(id), Self::OWNER)
                }

                pub(in crate::storage) fn update_many(scope: impl Scope) -> UpdateMany<Self> {
                    scope.narrow(<Self as EntityTrait>::update_many(), Self::OWNER)
                }

                pub(in crate::storage) fn delete_many(scope: impl Scope) -> DeleteMany<Self> {
                    scope.narrow(<Self as EntityTrait>::delete_many(), Self::OWNER)
                }
            }

            impl ActiveModel {
                /// Writes what is set to the row with this id, if it is within the scope.
                pub(in crate::storage) async fn update<S: Scope, C: ConnectionTrait>(
                    self,
                    scope: S,
                    connection: &C,
                ) -> Result<Model, DbErr> {
                    update(self, scope, connection).await
                }
            }

            // What takes no scope has no use: these hide it, and nobody can call them.
            impl Entity {
                pub(in crate::storage) fn update(never: Never) -> Never { never }
                pub(in crate::storage) fn delete(never: Never) -> Never { never }
                pub(in crate::storage) fn delete_by_id(never: Never) -> Never { never }
            }
            impl ActiveModel {
                pub(in crate::storage) fn update_without_returning(self, never: Never) -> Never { never }
                pub(in crate::storage) fn save(self, never: Never) -> Never { never }
                pub(in crate::storage) fn delete(self, never: Never) -> Never { never }
            }
            impl Model {
                pub(in crate::storage) fn delete(self, never: Never) -> Never { never }
            }

            // Fails to compile where SeaORM's own functions are not hidden.
            hidden::<TenantScope, Select<Entity>>(Entity::find);
            hidden::<TenantScope, UpdateMany<Entity>>(Entity::update_many);
            hidden::<TenantScope, DeleteMany<Entity>>(Entity::delete_many);
            hidden_two::<TenantScope, _, Select<Entity>>(Entity::find_by_id);
            exists(ActiveModel::update::<TenantScope, DatabaseTransaction>);
            hidden::<Never, Never>(Entity::update);
            hidden::<Never, Never>(Entity::delete);
            hidden::<Never, Never>(Entity::delete_by_id);
            hidden_two::<ActiveModel, Never, Never>(ActiveModel::update_without_returning);
            hidden_two::<ActiveModel, Never, Never>(ActiveModel::save);
            hidden_two::<ActiveModel, Never, Never>(ActiveModel::delete);
            hidden_two::<Model, Never, Never>(Model::delete);
        };)+
    };
}

/// Has no value.
#[derive(Clone, Copy, Debug)]
pub(super) enum Never {}

/// These accept a function by its own signature only, which SeaORM's of the same name does not have.
const fn hidden<A, R>(_: fn(A) -> R) {}
const fn hidden_two<A, B, R>(_: fn(A, B) -> R) {}
const fn exists<F: Copy>(_: F) {}

tenant_owned! {
    "tenants": tenant.Id,
    "business_lines": business_line.TenantId,
    "customers": customer.TenantId,
    "leads": lead.TenantId,
    "lead_conversations": lead_conversation.TenantId,
    "lead_events": lead_event.TenantId,
    "missed_calls": missed_call.TenantId,
    "follow_ups": follow_up.TenantId,
}

async fn update<A>(
    row: A,
    scope: impl Scope,
    connection: &impl ConnectionTrait,
) -> Result<<A::Entity as EntityTrait>::Model, DbErr>
where
    A: ActiveModelTrait,
    A::Entity: TenantOwned,
    <A::Entity as EntityTrait>::Model: IntoActiveModel<A>,
{
    let update = <A::Entity as EntityTrait>::update(row).validate()?;
    scope.narrow(update, A::Entity::OWNER).exec(connection).await
}

#[cfg(test)]
mod tests {
    use std::{collections::BTreeSet, fs, path::Path};

    use super::TABLES;

    const SOURCES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/src/storage");

    fn sources(folder: &Path) -> Vec<(String, String)> {
        let mut found = Vec::new();
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                found.extend(sources(&path));
            } else {
                found.push((path.display().to_string(), fs::read_to_string(&path).unwrap()));
            }
        }
        found
    }

    #[test]
    fn every_table_that_belongs_to_tenants_is_scoped() {
        let mut owned = BTreeSet::from(["tenants"]);
        let entities = sources(&Path::new(SOURCES).join("entities"));
        for (_, text) in &entities {
            // One that is bound to a tenant only sometimes has an `Option`.
            if text.contains("pub tenant_id: Uuid,") {
                let (_, rest) = text.split_once("table_name = \"").unwrap();
                owned.insert(rest.split_once('"').unwrap().0);
            }
        }
        assert_eq!(TABLES.iter().copied().collect::<BTreeSet<_>>(), owned);
    }

    /// What cannot be hidden: SeaORM's loader, which is inherent itself, and its traits spelled out.
    #[test]
    fn nothing_goes_around_the_scopes() {
        for (path, text) in sources(Path::new(SOURCES)) {
            if ["scope.rs", "bulk.rs"].iter().any(|name| path.ends_with(name)) || path.contains("entities") {
                continue;
            }
            for way in
                ["Entity::load(", "EntityTrait>::find", "EntityTrait::", "ActiveModelTrait::", "ModelTrait::"]
            {
                assert!(!text.contains(way), "{path} goes around the tenant scope: {way}");
            }
        }
    }
}
