//! Customers: the rows that are locked before anything about their phones is decided.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use chrono::{DateTime, Utc};
use sea_orm::{
    Condition, ConnectionTrait as _, DatabaseTransaction, QueryFilter as _, Set,
    sea_query::{ExprTrait as _, OnConflict},
};
use uuid::Uuid;

use super::{Storage, bulk, convert, entities::customer, error::Failure, scope::AllTenants};
use crate::domain::{
    customer::{Customer, CustomerKey},
    erasure::ErasureKey,
    error::Error,
};

/// Each row is looked up by its tenant and phone together, or was locked before.
const EVERY: AllTenants =
    AllTenants::because("a batch holds customers of several tenants, by tenant and phone");

/// What a transaction with a customer means for one whose data was erased.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Contact {
    /// The customer is in touch again: the phone is kept from now on.
    New,
    /// It is about something from before; the customer stays erased, in the row that is there.
    Old,
}

/// The locked customers, with what becomes of those that were erased.
pub(super) struct Locked {
    pub(super) customers: Vec<Customer>,
    /// Rows that this transaction made.
    made: HashSet<Uuid>,
}

impl Storage {
    /// Makes the rows of `keys` where they are missing and locks them all. The set is sorted, so two transactions never wait for each other.
    ///
    /// A customer who was erased has no row under the phone, so one is made; `contact` says of each such customer whether it is to stay.
    pub(super) async fn lock_customers(
        &self,
        transaction: &DatabaseTransaction,
        keys: BTreeSet<CustomerKey>,
        contact: impl Fn(&Customer) -> Contact + Send + Sync,
    ) -> Result<Vec<Customer>, Failure> {
        let mut locked = self.lock_rows(transaction, keys).await?;
        // After the locks: an erasure that was waited for is seen.
        if !locked.made.is_empty()
            && let Some(key) = self.key_of_the_erased(transaction).await?
        {
            recognise(transaction, key, &mut locked, contact).await?;
        }
        Ok(locked.customers)
    }

    /// As [`Storage::lock_customers`], for one customer who is in touch.
    pub(super) async fn lock_customer(
        &self,
        transaction: &DatabaseTransaction,
        key: CustomerKey,
    ) -> Result<Customer, Failure> {
        let customers = self.lock_customers(transaction, BTreeSet::from([key]), |_| Contact::New).await?;
        let missing = || Error::internal("the customer's row was neither made nor found").into();
        customers.into_iter().next().ok_or_else(missing)
    }

    /// Makes and locks the rows of `keys`, whoever was erased.
    pub(super) async fn lock_rows(
        &self,
        transaction: &DatabaseTransaction,
        keys: BTreeSet<CustomerKey>,
    ) -> Result<Locked, Failure> {
        if keys.is_empty() {
            return Ok(Locked { customers: Vec::new(), made: HashSet::new() });
        }
        let environment = self.environment();
        let now = environment.now();
        let mut new = HashSet::with_capacity(keys.len());
        let rows = keys
            .into_iter()
            .map(|key| {
                let id = environment.new_id();
                new.insert(id);
                customer::ActiveModel {
                    id: Set(id),
                    tenant_id: Set(key.tenant_id),
                    phone: Set(key.phone.as_e164().into()),
                    created_at: Set(now),
                    updated_at: Set(now),
                    ..Default::default()
                }
            })
            .collect();
        // One statement makes, locks and reads: the row that a conflicting insert updates is locked and answered as it is now.
        let lock_existing = OnConflict::columns([customer::Column::TenantId, customer::Column::Phone])
            .update_column(customer::Column::UpdatedAt)
            .to_owned();
        let rows = bulk::upsert(transaction, rows, lock_existing).await?;
        new.retain(|id| rows.iter().any(|row| row.id == *id));
        let customers = rows.into_iter().map(convert::customer).collect::<Result<_, _>>()?;
        Ok(Locked { customers, made: new })
    }
}

/// Finds those of the customers who were erased, and keeps what must outlast that.
///
/// Only who has no row under the phone can have one under its hash: whoever is in touch again gets the phone back into that row.
async fn recognise(
    transaction: &DatabaseTransaction,
    key: &ErasureKey,
    locked: &mut Locked,
    contact: impl Fn(&Customer) -> Contact,
) -> Result<(), Failure> {
    let made: Vec<_> =
        locked.customers.iter_mut().filter(|customer| locked.made.contains(&customer.id)).collect();
    let keys = made.iter().map(|customer| &customer.key);
    let mut erased = erased_rows(transaction, key, keys).await?;
    if erased.is_empty() {
        return Ok(());
    }
    let (mut forgotten, mut obsolete, mut returned) = (Vec::new(), Vec::new(), Vec::new());
    for customer in made {
        let Some(row) = erased.remove(&customer.key) else { continue };
        customer.erased_at = row.erased_at;
        customer.suppressed_at = row.suppressed_at;
        customer.do_not_contact_at = row.do_not_contact_at;
        match contact(customer) {
            Contact::Old => forgotten.push(std::mem::replace(&mut customer.id, row.id)),
            Contact::New => {
                obsolete.push(row.id);
                returned.push(customer::ActiveModel {
                    id: Set(customer.id),
                    suppressed_at: Set(row.suppressed_at),
                    suppression_reason: Set(row.suppression_reason),
                    do_not_contact_at: Set(row.do_not_contact_at),
                    erased_at: Set(row.erased_at),
                    created_at: Set(row.created_at),
                    ..Default::default()
                });
            }
        }
    }
    let columns = {
        use customer::Column;
        [
            Column::SuppressedAt,
            Column::SuppressionReason,
            Column::DoNotContactAt,
            Column::ErasedAt,
            Column::CreatedAt,
        ]
    };
    bulk::update_by_id(transaction, EVERY, customer::Column::Id, &columns, &returned).await?;
    forgotten.append(&mut obsolete);
    customer::Entity::delete_many(EVERY)
        .filter(customer::COLUMN.id.is_in(forgotten))
        .exec(transaction)
        .await?;
    Ok(())
}

/// The rows of those customers who were erased and are not in touch again.
pub(super) async fn erased_rows(
    transaction: &DatabaseTransaction,
    key: &ErasureKey,
    customers: impl Iterator<Item = &CustomerKey>,
) -> Result<HashMap<CustomerKey, customer::Model>, Failure> {
    rows_under(transaction, customers.map(|customer| (customer, key.hash(customer)))).await
}

/// When those customers were erased who were, in touch again or not.
pub(super) async fn erasures(
    transaction: &DatabaseTransaction,
    key: &ErasureKey,
    customers: impl Iterator<Item = &CustomerKey>,
) -> Result<HashMap<CustomerKey, DateTime<Utc>>, Failure> {
    let names = customers.flat_map(|customer| {
        [(customer, key.hash(customer)), (customer, customer.phone.as_e164().to_owned())]
    });
    let rows = rows_under(transaction, names).await?;
    Ok(rows.into_iter().filter_map(|(customer, row)| Some((customer, row.erased_at?))).collect())
}

/// The rows of customers under what stands for the phone.
async fn rows_under<'a>(
    transaction: &DatabaseTransaction,
    names: impl Iterator<Item = (&'a CustomerKey, String)>,
) -> Result<HashMap<CustomerKey, customer::Model>, Failure> {
    let mut by_name: HashMap<(Uuid, String), &CustomerKey> = HashMap::new();
    let mut by_tenant: BTreeMap<Uuid, Vec<String>> = BTreeMap::new();
    for (customer, name) in names {
        by_tenant.entry(customer.tenant_id).or_default().push(name.clone());
        by_name.insert((customer.tenant_id, name), customer);
    }
    if by_tenant.is_empty() {
        return Ok(HashMap::new());
    }
    let backend = transaction.get_database_backend();
    let mut condition = Condition::any();
    for (tenant, names) in by_tenant {
        let of_names = bulk::is_any(backend, customer::Column::Phone, names);
        condition = condition.add(customer::COLUMN.tenant_id.eq(tenant).and(of_names));
    }
    let rows = customer::Entity::find(EVERY).filter(condition).all(transaction).await?;
    Ok(rows
        .into_iter()
        .filter_map(|row| Some(((*by_name.get(&(row.tenant_id, row.phone.reveal().clone()))?).clone(), row)))
        .collect())
}
