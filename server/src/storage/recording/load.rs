//! What recording needs to know, in a fixed number of queries whatever the size of the batch.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use sea_orm::{
    Condition, ConnectionTrait as _, DatabaseTransaction, DbBackend, QueryFilter as _, QueryOrder as _,
    QuerySelect as _, TryInsertResult,
    sea_query::{ExprTrait as _, LockType},
};
use uuid::Uuid;

use super::super::{
    bulk, convert,
    entities::{business_line, lead, missed_call, tenant},
    error::Failure,
    scope::AllTenants,
};
use crate::domain::{
    call::MissedCall,
    customer::{Customer, CustomerKey},
    lead::Lead,
    phone::{PhoneNumber, Region},
    recording::{
        Known, ReportedCall,
        routing::{Directory, RoutedCall, business_phone, customer_phone},
    },
    tenant::{BusinessLine, Tenant},
};

/// Each row is looked up by a number, or by the tenant that owns the number together with a key.
const EVERY: AllTenants =
    AllTenants::because("a batch holds calls of several tenants, found by their numbers");

/// The lines that the batch's numbers may be, with their tenants, and the tenants that calls name.
pub(super) async fn directory(
    transaction: &DatabaseTransaction,
    calls: &[ReportedCall],
    region: Region,
) -> Result<Directory, Failure> {
    // Customers' numbers too: a business that calls itself must not become its own lead.
    let phones: BTreeSet<_> = calls
        .iter()
        .flat_map(|call| [business_phone(&call.record, region), customer_phone(&call.record, region)])
        .flatten()
        .collect();
    let mut lines = Vec::new();
    let mut tenants = HashMap::new();
    load_lines(transaction, &phones, &mut lines, &mut tenants).await?;
    let named: BTreeSet<_> = calls
        .iter()
        .filter_map(|call| call.record.tenant_id)
        .filter(|id| !tenants.contains_key(id))
        .collect();
    if !named.is_empty() {
        for row in tenant::Entity::find(EVERY).filter(tenant::COLUMN.id.is_in(named)).all(transaction).await?
        {
            tenants.insert(row.id, convert::tenant(row)?);
        }
    }
    // A tenant abroad reads its customers' numbers in its own way.
    let abroad: BTreeSet<_> =
        tenants.values().map(|tenant| tenant.region).filter(|of| *of != region).collect();
    let mut more = BTreeSet::new();
    for region in abroad {
        more.extend(calls.iter().filter_map(|call| customer_phone(&call.record, region)));
    }
    more.retain(|phone| !phones.contains(phone));
    load_lines(transaction, &more, &mut lines, &mut tenants).await?;
    Ok(Directory::new(lines, tenants.into_values().collect()))
}

/// Adds the lines of `phones`, released ones included, and their tenants.
async fn load_lines(
    transaction: &DatabaseTransaction,
    phones: &BTreeSet<PhoneNumber>,
    lines: &mut Vec<BusinessLine>,
    tenants: &mut HashMap<Uuid, Tenant>,
) -> Result<(), Failure> {
    if phones.is_empty() {
        return Ok(());
    }
    let backend = transaction.get_database_backend();
    let numbers = phones.iter().map(PhoneNumber::as_e164);
    let rows = business_line::Entity::find(EVERY)
        .find_also_related(tenant::Entity)
        .filter(bulk::is_any(backend, business_line::Column::Phone, numbers))
        .all(transaction)
        .await?;
    for (line, owner) in rows {
        lines.push(convert::business_line(line)?);
        if let Some(owner) = owner {
            tenants.entry(owner.id).or_insert(convert::tenant(owner)?);
        }
    }
    Ok(())
}

/// What is stored about the locked customers and the batch's calls.
pub(super) async fn known(
    transaction: &DatabaseTransaction,
    calls: &[RoutedCall<'_>],
    customers: Vec<Customer>,
) -> Result<Known, Failure> {
    let calls = stored_calls(transaction, calls, &customers).await?;
    let mut leads = leads_of_phones(transaction, &customers).await?;
    let current_leads = current_leads(&leads);

    let loaded: HashSet<_> = leads.iter().map(|lead| lead.id).collect();
    let missing: BTreeSet<_> =
        calls.iter().filter_map(|call| call.lead_id).filter(|id| !loaded.contains(id)).collect();
    if !missing.is_empty() {
        for row in lead::Entity::find(EVERY).filter(lead::COLUMN.id.is_in(missing)).all(transaction).await? {
            leads.push(convert::lead(row)?);
        }
    }
    Ok(Known { customers, leads, current_leads, calls })
}

/// The batch's calls that are recorded already, and what is unreturned of customers with an answered call in the batch.
async fn stored_calls(
    transaction: &DatabaseTransaction,
    calls: &[RoutedCall<'_>],
    customers: &[Customer],
) -> Result<Vec<MissedCall>, Failure> {
    let mut by_id: BTreeMap<(Uuid, &str), BTreeSet<&str>> = BTreeMap::new();
    let mut by_caller: BTreeMap<Uuid, BTreeSet<&str>> = BTreeMap::new();
    for call in calls {
        let record = &call.reported.record;
        if !call.is_answered() {
            by_id.entry((call.tenant.id, &record.provider)).or_default().insert(&record.call_id);
        } else if let Some(key) = &call.customer {
            by_caller.entry(key.tenant_id).or_default().insert(key.phone.as_e164());
        }
    }

    let (column, backend) = (missed_call::COLUMN, transaction.get_database_backend());
    let mut condition = Condition::any();
    for ((tenant, provider), ids) in by_id {
        let of_provider = column.tenant_id.eq(tenant).and(column.provider.eq(provider));
        condition = condition.add(of_provider.and(bulk::is_any(backend, missed_call::Column::CallId, ids)));
    }
    for (tenant, phones) in by_caller {
        let of_callers =
            column.tenant_id.eq(tenant).and(bulk::is_any(backend, missed_call::Column::CallerPhone, phones));
        condition = condition.add(of_callers.and(column.returned_at.is_null()));
    }
    if condition.is_empty() {
        return Ok(Vec::new());
    }
    let mut rows = missed_call::Entity::find(EVERY).filter(condition).all(transaction).await?;
    lock_apart(transaction, &mut rows, customers).await?;
    rows.into_iter().map(|row| convert::missed_call(row).map_err(Failure::from)).collect()
}

/// Locks those of the calls that the locks of the customers do not keep as they are, and reads them again: a record may come once more with
/// another number, while the customer of the first is erased.
async fn lock_apart(
    transaction: &DatabaseTransaction,
    rows: &mut Vec<missed_call::Model>,
    customers: &[Customer],
) -> Result<(), Failure> {
    // SQLite has one writer at a time.
    if transaction.get_database_backend() != DbBackend::Postgres {
        return Ok(());
    }
    let locked: HashSet<_> =
        customers.iter().map(|customer| (customer.key.tenant_id, customer.key.phone.as_e164())).collect();
    let is_locked = |row: &missed_call::Model| {
        row.caller_phone
            .as_ref()
            .is_some_and(|phone| locked.contains(&(row.tenant_id, phone.reveal().as_str())))
    };
    let apart: BTreeSet<Uuid> = rows.iter().filter(|row| !is_locked(row)).map(|row| row.id).collect();
    if apart.is_empty() {
        return Ok(());
    }
    rows.retain(|row| !apart.contains(&row.id));
    let again = missed_call::Entity::find(EVERY)
        .filter(missed_call::COLUMN.id.is_in(apart))
        .order_by_asc(missed_call::Column::Id)
        .lock(LockType::NoKeyUpdate);
    rows.append(&mut again.all(transaction).await?);
    Ok(())
}

/// All leads of the customers' phones; a phone has few, as calls within the windows go to the one that is there.
pub(in crate::storage) async fn leads_of_phones(
    transaction: &DatabaseTransaction,
    customers: &[Customer],
) -> Result<Vec<Lead>, Failure> {
    let mut by_tenant: BTreeMap<Uuid, Vec<&str>> = BTreeMap::new();
    for customer in customers {
        by_tenant.entry(customer.key.tenant_id).or_default().push(customer.key.phone.as_e164());
    }
    if by_tenant.is_empty() {
        return Ok(Vec::new());
    }
    let backend = transaction.get_database_backend();
    let mut condition = Condition::any();
    for (tenant, phones) in by_tenant {
        let of_phones = bulk::is_any(backend, lead::Column::CustomerPhone, phones);
        condition = condition.add(lead::COLUMN.tenant_id.eq(tenant).and(of_phones));
    }
    let rows = lead::Entity::find(EVERY).filter(condition).all(transaction).await?;
    rows.into_iter().map(|row| convert::lead(row).map_err(Failure::from)).collect()
}

/// For each phone its open lead, else the latest.
pub(in crate::storage) fn current_leads(leads: &[Lead]) -> HashMap<CustomerKey, Uuid> {
    let rank = |lead: &Lead| (lead.status.is_open(), lead.captured_at, lead.id);
    let mut current: HashMap<CustomerKey, &Lead> = HashMap::new();
    for lead in leads {
        let key = CustomerKey { tenant_id: lead.tenant_id, phone: lead.customer_phone.clone() };
        let best = current.entry(key).or_insert(lead);
        if rank(lead) > rank(best) {
            *best = lead;
        }
    }
    current.into_iter().map(|(key, lead)| (key, lead.id)).collect()
}

/// The number of rows of an insert that may have met existing ones.
pub(in crate::storage) fn inserted(result: &TryInsertResult<u64>) -> u64 {
    match result {
        TryInsertResult::Inserted(rows) => *rows,
        TryInsertResult::Empty | TryInsertResult::Conflicted => 0,
    }
}
