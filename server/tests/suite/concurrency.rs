//! Calls at the same time: on SQLite through one server process, on PostgreSQL through two.

mod owners;

use std::collections::{BTreeMap, BTreeSet};

use leadcapture_proto::v1::{CallDisposition, LeadStatus, MissedCall, RecordCallRequest, RecordCallResponse};

use crate::support::{
    calls::{LINE, answered, before, called_back, missed, mobile, mobile_e164, moment},
    database::both_engines,
    process::ServerProcess,
    race::{at_once, servers},
    server::present,
};

async fn record_at_once(servers: &[ServerProcess], calls: Vec<RecordCallRequest>) -> Vec<RecordCallResponse> {
    at_once(servers, calls, |client, call| async move { client.record(call).await }).await
}

fn dispositions(answers: &[RecordCallResponse]) -> BTreeMap<CallDisposition, usize> {
    let mut counts = BTreeMap::new();
    for answer in answers {
        *counts.entry(answer.disposition()).or_default() += 1;
    }
    counts
}

both_engines! {
    async fn fifty_calls_of_one_phone_make_one_lead(db: TestDatabase) {
        let servers = servers(&db).await;
        let tenant = servers[0].tenant_with_line(LINE).await;
        let now = present();
        let calls = (0..50).map(|n| missed(&n.to_string(), &mobile(1), before(now, n))).collect();
        let answers = record_at_once(&servers, calls).await;
        let expected = [(CallDisposition::Attached, 49), (CallDisposition::LeadCreated, 1)];
        assert_eq!(dispositions(&answers), expected.into());
        let leads = servers[0].all_leads(&tenant).await;
        assert_eq!((leads.len(), leads[0].call_count), (1, 50));
        assert_eq!(servers[0].all_missed_calls(&tenant).await.len(), 50);
    }

    async fn one_call_reported_fifty_times_is_one_call(db: TestDatabase) {
        let servers = servers(&db).await;
        let tenant = servers[0].tenant_with_line(LINE).await;
        let now = present();
        for (id, customer, first) in [
            ("shown", &*mobile(1), CallDisposition::LeadCreated),
            ("withheld", "anonymous", CallDisposition::NoCallerId),
        ] {
            let answers = record_at_once(&servers, vec![missed(id, customer, now); 50]).await;
            assert_eq!(dispositions(&answers), [(CallDisposition::Duplicate, 49), (first, 1)].into());
            let ids: BTreeSet<_> = answers.into_iter().map(|answer| answer.missed_call.unwrap().id).collect();
            assert_eq!(ids.len(), 1);
        }
        assert_eq!(servers[0].all_missed_calls(&tenant).await.len(), 2);
        let leads = servers[0].all_leads(&tenant).await;
        assert_eq!((leads.len(), leads[0].call_count), (1, 1));
    }

    async fn one_call_id_with_fifty_phones_is_one_call(db: TestDatabase) {
        let servers = servers(&db).await;
        let tenant = servers[0].tenant_with_line(LINE).await;
        let now = present();
        // No lock orders these; the unique index alone decides.
        let answers = record_at_once(&servers, (0..50).map(|n| missed("1", &mobile(n), now)).collect()).await;
        let expected = [(CallDisposition::Duplicate, 49), (CallDisposition::LeadCreated, 1)];
        assert_eq!(dispositions(&answers), expected.into());
        let calls = servers[0].all_missed_calls(&tenant).await;
        let leads = servers[0].all_leads(&tenant).await;
        assert_eq!((calls.len(), leads.len(), leads[0].call_count), (1, 1, 1));
        assert_eq!(calls[0].caller_phone.as_ref(), Some(&leads[0].customer_phone));
    }

    async fn batches_in_opposite_orders_do_not_stop_each_other(db: TestDatabase) {
        let servers = servers(&db).await;
        let tenant = servers[0].tenant_with_line(LINE).await;
        let now = present();
        let batch = |batch: u32| {
            let to_nobody = |call| RecordCallRequest { business_phone: "037654321".to_owned(), ..call };
            let mut calls: Vec<_> = (0..60)
                .flat_map(|n| {
                    [
                        missed(&format!("{batch} {n}"), &mobile(n), before(now, (batch * 60 + n).into())),
                        // These are the same in all batches.
                        missed(&format!("withheld {n}"), "", now),
                        to_nobody(missed(&format!("unrouted {n}"), &mobile(n), now)),
                    ]
                })
                .collect();
            if batch % 2 == 1 {
                calls.reverse();
            }
            calls
        };
        let results = at_once(&servers, (0..12).map(batch), |client, calls| async move { client.record_batch(calls).await }).await;
        for result in results {
            let failed: Vec<_> = result.unwrap().into_iter().filter_map(Result::err).collect();
            assert_eq!(failed, []);
        }
        let leads = servers[0].all_leads(&tenant).await;
        assert_eq!(leads.len(), 60);
        assert!(leads.iter().all(|lead| lead.call_count == 12), "{leads:?}");
        assert_eq!(servers[0].all_missed_calls(&tenant).await.len(), 12 * 60 + 60);
        assert_eq!(servers[0].unrouted_calls().await.len(), 60);
    }

    async fn missed_and_answered_calls_at_once_leave_the_truth(db: TestDatabase) {
        const PHONES: u32 = 10;
        let servers = servers(&db).await;
        let tenant = servers[0].tenant_with_line(LINE).await;
        let now = present();
        // Each phone calls sixteen times, a minute apart; of the first twelve calls every fourth is answered or called back. All
        // records come twice.
        let storm = (0..PHONES).flat_map(|phone| {
            (0..16).map(move |n: i64| {
                let (id, at) = (format!("{phone} {n:02}"), before(now, 3_600 - 60 * n));
                match n {
                    3 | 11 => answered(&id, &mobile(phone), at),
                    7 => called_back(&id, &mobile(phone), at),
                    _ => missed(&id, &mobile(phone), at),
                }
            })
        });
        let storm: Vec<_> = storm.collect();
        let answers = record_at_once(&servers, [storm.clone(), storm].concat()).await;
        assert_eq!(dispositions(&answers)[&CallDisposition::Duplicate], 13 * PHONES as usize);

        let calls = servers[0].all_missed_calls(&tenant).await;
        let leads = servers[0].all_leads(&tenant).await;
        assert_eq!((calls.len(), leads.len()), (13 * PHONES as usize, PHONES as usize));
        for call in &calls {
            let number: u32 = call.call_id[2..].parse().unwrap();
            assert_eq!(call.returned_at.is_some(), number < 11, "{call:?}");
        }
        for phone in 0..PHONES {
            let lead = leads.iter().find(|lead| lead.customer_phone == mobile_e164(phone)).unwrap();
            let counted = calls.iter().filter(|call| call.lead_id.as_ref() == Some(&lead.id));
            let counted: Vec<&MissedCall> = counted.collect();
            assert_eq!(usize::try_from(lead.call_count).unwrap(), counted.len());
            assert_eq!(counted.iter().map(|call| moment(call.called_at)).max().unwrap(), moment(lead.last_call_at));
            assert!(matches!(lead.status(), LeadStatus::New | LeadStatus::Contacted), "{lead:?}");
        }
        // The last word: somebody speaks with them all.
        let talks = (0..PHONES).map(|n| called_back(&format!("talk {n}"), &mobile(n), now)).collect();
        record_at_once(&servers, talks).await;
        assert!(servers[0].all_leads(&tenant).await.iter().all(|lead| lead.status() == LeadStatus::Contacted));
        assert!(servers[0].all_missed_calls(&tenant).await.iter().all(|call| call.returned_at.is_some()));
    }
}
