//! `ListLeads`: filters, and paging to the end.

use std::collections::BTreeSet;

use chrono::TimeDelta;
use leadcapture_proto::v1::{Lead, LeadSource, LeadStatus, ListLeadsRequest};
use leadcapture_server::{
    clock::Clock as _,
    storage::entities::{enums, lead},
};
use sea_orm::{ActiveModelTrait as _, EntityTrait as _, Set};

use super::{capture, captured, close, uuid};
use crate::support::{
    calls::{before, missed, mobile, mobile_e164, moment, timestamp},
    client::Client,
    database::both_engines,
    server::{TestServer, noon},
};

const LEADS: u32 = 1_203;

/// Sets filters of a request.
type Change = Box<dyn Fn(&mut ListLeadsRequest)>;

/// Every lead that the filter gives, page by page; `between` runs after each page.
async fn all_pages(
    client: &Client,
    mut request: ListLeadsRequest,
    mut between: impl AsyncFnMut(),
) -> Vec<Vec<Lead>> {
    let mut pages = Vec::new();
    loop {
        let page = client.leads().list_leads(request.clone()).await.unwrap().into_inner();
        pages.push(page.leads);
        if page.next_page_token.is_empty() {
            return pages;
        }
        request.page_token = page.next_page_token;
        between().await;
    }
}

fn ids(leads: &[Lead]) -> Vec<&str> {
    leads.iter().map(|lead| lead.id.as_str()).collect()
}

both_engines! {
    async fn paging_gives_every_lead_once_in_order_while_others_are_added(db: TestDatabase) {
        let clock = noon();
        let server = TestServer::start_at(&db, &clock).await;
        let connection = db.connect().await;
        let tenant = server.create_tenant("Shop").await;
        let sample = captured(&server, capture(&tenant, &mobile(0))).await.lead.unwrap();
        let row = lead::Entity::find_by_id(uuid(&sample.id)).one(&connection).await.unwrap().unwrap();
        // Hundreds of leads of the same microsecond, so that pages end between equals.
        let rows = (1..LEADS).map(|number| {
            let mut row: lead::ActiveModel = row.clone().into();
            row.id = Set(uuid::Uuid::from_u128(u128::from(number).wrapping_mul(0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835)));
            row.customer_phone = Set(mobile_e164(number).into());
            row.captured_at = Set(before(clock.now(), i64::from(number / 400)));
            row
        });
        let rows: Vec<_> = rows.collect();
        for rows in rows.chunks(400) {
            lead::Entity::insert_many(rows.to_vec()).exec_without_returning(&connection).await.unwrap();
        }

        let request = ListLeadsRequest { tenant_id: tenant.id.clone(), page_size: 100, ..Default::default() };
        let mut added = 0;
        let pages = all_pages(&server, request.clone(), async || {
            added += 1;
            clock.advance(TimeDelta::seconds(1));
            captured(&server, capture(&tenant, &mobile(5_000 + added))).await;
        });
        let pages = pages.await;
        let sizes: Vec<_> = pages.iter().map(Vec::len).collect();
        assert_eq!(sizes, [vec![100; 12], vec![3]].concat());
        let leads: Vec<_> = pages.into_iter().flatten().collect();
        let phones: BTreeSet<_> = leads.iter().map(|lead| lead.customer_phone.clone()).collect();
        assert_eq!(phones, (0..LEADS).map(mobile_e164).collect(), "none missing, none twice, none that came later");
        let key = |lead: &Lead| (moment(lead.captured_at), uuid(&lead.id));
        assert!(leads.is_sorted_by(|one, next| key(one) > key(next)), "newest first, then by id");
        assert!(leads.iter().all(|lead| !lead.etag.is_empty() && lead.allowed_transitions.len() == 4));

        // Every page size gives the same list.
        let now = all_pages(&server, ListLeadsRequest { page_size: 500, ..request.clone() }, async || {}).await.concat();
        assert_eq!(now.len(), leads.len() + 12);
        assert_eq!(ids(&now[12..]), ids(&leads));
        for page_size in [7, 401] {
            let same = all_pages(&server, ListLeadsRequest { page_size, ..request.clone() }, async || {}).await.concat();
            assert_eq!(ids(&same), ids(&now), "page_size {page_size}");
        }
    }

    async fn the_last_page_has_no_token_even_when_it_is_full(db: TestDatabase) {
        let server = TestServer::start(&db).await;
        let tenant = server.create_tenant("Shop").await;
        let request = ListLeadsRequest { tenant_id: tenant.id.clone(), page_size: 2, ..Default::default() };
        assert_eq!(all_pages(&server, request.clone(), async || {}).await, [vec![]]);
        for number in 0..4 {
            captured(&server, capture(&tenant, &mobile(number))).await;
        }
        let sizes: Vec<_> = all_pages(&server, request, async || {}).await.iter().map(Vec::len).collect();
        assert_eq!(sizes, [2, 2]);
    }

    async fn leads_are_listed_by_status_source_phone_and_time(db: TestDatabase) {
        let clock = noon();
        let server = TestServer::start_at(&db, &clock).await;
        let connection = db.connect().await;
        let tenant = server.tenant_with_line(crate::support::calls::LINE).await;
        let other = server.create_tenant("Other").await;
        captured(&server, capture(&other, &mobile(1))).await;
        let begun = clock.now();
        // One lead a minute: manual, website, missed call, and one of each that is closed.
        let mut leads = Vec::new();
        for number in 0..6 {
            let phone = mobile(number);
            let lead = match number % 3 {
                0 => captured(&server, capture(&tenant, &phone)).await.lead.unwrap(),
                1 => {
                    let mut request = capture(&tenant, &phone);
                    request.source = LeadSource::Website.into();
                    captured(&server, request).await.lead.unwrap()
                }
                _ => server.record(missed(&format!("call-{number}"), &phone, clock.now())).await.lead.unwrap(),
            };
            leads.push(lead.id.clone());
            match number {
                3 => close(&connection, &lead, enums::LeadStatus::Lost, clock.now()).await,
                4 => close(&connection, &lead, enums::LeadStatus::Converted, clock.now()).await,
                5 => {
                    let row = lead::ActiveModel {
                        id: Set(uuid(&lead.id)),
                        status: Set(enums::LeadStatus::Qualified),
                        ..Default::default()
                    };
                    row.update(&connection).await.unwrap();
                }
                _ => {}
            }
            clock.advance(TimeDelta::minutes(1));
        }
        let at = move |minute: i64| Some(timestamp(begun + TimeDelta::minutes(minute)));
        let (new, qualified, lost) = (LeadStatus::New.into(), LeadStatus::Qualified.into(), LeadStatus::Lost.into());
        let (manual, website, call) = (LeadSource::Manual.into(), LeadSource::Website.into(), LeadSource::MissedCall.into());
        let cases: Vec<(Change, &[usize])> = vec![
            (Box::new(|_| {}), &[5, 4, 3, 2, 1, 0]),
            (Box::new(move |list| list.statuses = vec![new]), &[2, 1, 0]),
            (Box::new(move |list| list.statuses = vec![lost, qualified, lost]), &[5, 3]),
            (Box::new(|list| list.statuses = vec![LeadStatus::Contacted.into()]), &[]),
            (Box::new(move |list| list.sources = vec![manual]), &[3, 0]),
            (Box::new(move |list| list.sources = vec![website, call]), &[5, 4, 2, 1]),
            (Box::new(|list| list.customer_phone = "+972 52-000-0004".to_owned()), &[4]),
            (Box::new(|list| list.customer_phone = mobile(9)), &[]),
            (Box::new(move |list| list.captured_from = at(2)), &[5, 4, 3, 2]),
            (Box::new(move |list| list.captured_until = at(2)), &[1, 0]),
            (Box::new(move |list| (list.captured_from, list.captured_until) = (at(1), at(3))), &[2, 1]),
            (
                Box::new(move |list| (list.statuses, list.sources, list.captured_from) = (vec![new], vec![website, call], at(2))),
                &[2],
            ),
        ];
        for (index, (change, expected)) in cases.into_iter().enumerate() {
            for page_size in [1, 50] {
                let mut request = ListLeadsRequest { tenant_id: tenant.id.clone(), page_size, ..Default::default() };
                change(&mut request);
                let found = all_pages(&server, request, async || {}).await.concat();
                let expected: Vec<_> = expected.iter().map(|number| leads[*number].as_str()).collect();
                assert_eq!(ids(&found), expected, "case {index}, page_size {page_size}");
            }
        }
    }
}
