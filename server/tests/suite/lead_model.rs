//! Random histories of a few phones, through the real server and through a plain model in memory: both must agree.

mod model;
mod steps;

use std::{
    cell::{Cell, RefCell},
    collections::{BTreeSet, HashSet},
};

use leadcapture_proto::v1::{
    CallDisposition, CaptureLeadRequest, Lead, LeadStatus, RecordCallRequest, Tenant, TransitionLeadRequest,
};
use leadcapture_server::{
    clock::{Clock as _, ManualClock},
    storage::entities::follow_up,
};
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};
use sea_orm::{DatabaseConnection, EntityTrait as _, QueryFilter as _};
use tokio::{runtime::Handle, task::block_in_place};

use self::{
    model::{Model, Refusal},
    steps::{Change, Step, steps},
};
use crate::support::{
    calls::{answered, before, called_back, missed, mobile},
    client::Client,
    database::both_engines,
    leads::{capture, history, moved, qualified, qualify, transition, update, updated},
    server::{TestServer, noon},
};

/// How many random histories each engine sees.
const CASES: u32 = 32;
/// The most runs for making a failing history shorter.
const SHRINKS: u32 = 100;

/// One history: a tenant of its own on the server, and the model of it.
struct World<'a> {
    client: &'a Client,
    clock: &'a ManualClock,
    tenant: Tenant,
    line: String,
    model: Model,
    /// The call that was reported last, and how many were.
    last_call: Option<RecordCallRequest>,
    calls: u32,
    seen: &'a RefCell<Seen>,
}

/// What came up in any of the histories.
#[derive(Debug, Default)]
struct Seen {
    dispositions: BTreeSet<CallDisposition>,
    refusals: BTreeSet<Refusal>,
    transitions: BTreeSet<(LeadStatus, LeadStatus)>,
}

impl World<'_> {
    /// Sends one step to the server and the model, and compares the answers.
    async fn take(&mut self, step: &Step) {
        self.clock.advance(step.wait);
        let now = self.clock.now();
        match &step.change {
            Change::Missed { phone, age } => {
                let call = missed(&self.next_call(), &mobile(*phone), now - *age);
                self.record(call, |model| model.missed(*phone, now - *age, now)).await;
            }
            Change::Answered { phone, outgoing } => {
                let (id, at) = (self.next_call(), before(now, 30));
                let call = if *outgoing { called_back } else { answered }(&id, &mobile(*phone), at);
                self.record(call, |model| model.answered(*phone, before(now, 10), now)).await;
            }
            Change::RepeatedCall => {
                if let Some(call) = self.last_call.clone() {
                    self.client.record(call).await;
                }
            }
            Change::Capture { phone, source, details, opener } => {
                let [customer_name, need, contact_preference, note] = details.texts();
                let request = CaptureLeadRequest {
                    source: (*source).into(),
                    customer_name,
                    need,
                    contact_preference,
                    note,
                    schedule_opener: *opener,
                    ..capture(&self.tenant, &mobile(*phone))
                };
                let answer = self.client.leads().capture_lead(request).await.unwrap().into_inner();
                let created = self.model.capture(*phone, *source, details, *opener, now);
                assert_eq!(answer.created, created);
                self.learn_id(&answer.lead.unwrap());
            }
            Change::Transition { lead, to, reason, etag } => {
                let Some(index) = self.model.pick(*lead) else { return };
                let target = &self.model.leads[index].lead;
                let request = TransitionLeadRequest {
                    lost_reason: (*reason).into(),
                    note: "As agreed".to_owned(),
                    etag: etag.of(target),
                    ..transition(target, *to)
                };
                let answer = moved(self.client, request).await.map_err(|problem| problem.reason);
                let expected = self.model.transition(index, *to, *reason, *etag, now);
                self.compare(index, &answer, expected);
            }
            Change::Update { lead, details, mask, etag } => {
                let Some(index) = self.model.pick(*lead) else { return };
                let target = &self.model.leads[index].lead;
                let mut request = update(target);
                [request.customer_name, request.need, request.contact_preference, request.note] =
                    details.texts();
                request.update_mask = Some(prost_types::FieldMask { paths: mask.paths() });
                request.etag = etag.of(target);
                let answer = updated(self.client, request).await.map_err(|problem| problem.reason);
                let expected = self.model.update(index, details, *mask, *etag, now);
                self.compare(index, &answer, expected);
            }
            Change::Qualify { lead, details, mark, etag } => {
                let Some(index) = self.model.pick(*lead) else { return };
                let target = &self.model.leads[index].lead;
                let mut request = qualify(target);
                [request.customer_name, request.need, request.contact_preference, _] = details.texts();
                request.mark_qualified = *mark;
                request.etag = etag.of(target);
                let answer = qualified(self.client, request).await.map_err(|problem| problem.reason);
                let expected = self.model.qualify(index, details, *mark, *etag, now);
                self.compare(index, &answer.map(|(lead, _)| lead), expected);
            }
        }
    }

    fn next_call(&mut self) -> String {
        self.calls += 1;
        self.calls.to_string()
    }

    async fn record(
        &mut self,
        call: RecordCallRequest,
        expected: impl FnOnce(&mut Model) -> CallDisposition,
    ) {
        let call = RecordCallRequest { business_phone: self.line.clone(), ..call };
        let answer = self.client.record(call.clone()).await;
        assert_eq!(answer.disposition(), expected(&mut self.model));
        self.seen.borrow_mut().dispositions.insert(answer.disposition());
        if let Some(lead) = answer.lead {
            self.learn_id(&lead);
        }
        self.last_call = Some(call);
    }

    /// The model cannot know which id the server gives to a new lead.
    fn learn_id(&mut self, lead: &Lead) {
        if let Some(new) = self.model.leads.last_mut()
            && new.lead.id.is_empty()
        {
            new.lead.id.clone_from(&lead.id);
        }
    }

    #[track_caller]
    fn compare(&self, index: usize, answer: &Result<Lead, String>, expected: Result<(), Refusal>) {
        let expected = expected.map(|()| self.model.leads[index].lead.clone());
        self.seen.borrow_mut().refusals.extend(expected.as_ref().err());
        assert_eq!(*answer, expected.map_err(str::to_owned));
    }

    /// Compares all leads with the model.
    async fn check_leads(&self) {
        let leads = self.client.all_leads(&self.tenant).await;
        assert_eq!(leads.len(), self.model.leads.len());
        for (lead, expected) in leads.iter().zip(self.model.leads.iter().rev()) {
            assert_eq!(*lead, expected.lead);
        }
        let mut open = HashSet::new();
        for lead in leads.iter().filter(|lead| model::is_open(lead.status())) {
            assert!(open.insert(&lead.customer_phone), "the phone has two open leads: {lead:?}");
        }
    }

    /// Compares all histories and openers with the model.
    async fn check_histories(&self, db: &DatabaseConnection) {
        for expected in &self.model.leads {
            let events = history(self.client, &expected.lead).await;
            let told: Vec<_> =
                events.iter().map(|event| (event.kind(), event.from_status(), event.to_status())).collect();
            assert_eq!(told, expected.events);
            let moves = told.iter().filter(|told| told.1 != LeadStatus::Unspecified);
            self.seen.borrow_mut().transitions.extend(moves.map(|told| (told.1, told.2)));
            assert!(events.is_sorted_by(|a, b| a.seq < b.seq));
            let openers = follow_up::Entity::find()
                .filter(follow_up::COLUMN.lead_id.eq(expected.lead.id.parse::<uuid::Uuid>().unwrap()))
                .all(db)
                .await
                .unwrap();
            assert_eq!(openers.len(), expected.openers);
        }
    }
}

impl Seen {
    /// Random histories that miss something say nothing of it.
    fn assert_complete(&self) {
        use CallDisposition::{
            AlreadyReturned, Answered, Attached, ExistingCustomer, LeadCreated, LeadReopened, Returned,
            Suppressed,
        };
        let dispositions = [
            Returned,
            Answered,
            AlreadyReturned,
            Suppressed,
            Attached,
            LeadReopened,
            ExistingCustomer,
            LeadCreated,
        ];
        assert_eq!(self.dispositions, dispositions.into());
        let refusals = ["ETAG_MISMATCH", "INVALID_TRANSITION", "NEED_UNKNOWN", "OPEN_LEAD_EXISTS"];
        assert_eq!(self.refusals, refusals.into());
        assert_eq!(self.transitions, model::edges().collect());
    }
}

async fn run_case(
    server: &TestServer,
    clock: &ManualClock,
    db: &DatabaseConnection,
    number: u32,
    steps: &[Step],
    seen: &RefCell<Seen>,
) {
    let line = format!("0771{number:06}");
    let tenant = server.tenant_with_line(&line).await;
    let model = Model::new(&tenant);
    let mut world = World { client: server, clock, tenant, line, model, last_call: None, calls: 0, seen };
    for step in steps {
        world.take(step).await;
        world.check_leads().await;
    }
    world.check_histories(db).await;
}

both_engines! {
    async fn the_server_does_what_the_model_does(db: TestDatabase) {
        let clock = noon();
        let server = TestServer::start_at(&db, &clock).await;
        let connection = db.connect().await;
        let runtime = Handle::current();
        let number = Cell::new(0);
        let seen = RefCell::default();
        let config = Config { cases: CASES, max_shrink_iters: SHRINKS, failure_persistence: None, ..Config::default() };
        let mut runner = TestRunner::new_with_rng(config, TestRng::deterministic_rng(RngAlgorithm::ChaCha));
        let result = block_in_place(|| {
            runner.run(&steps(), |steps| {
                number.set(number.get() + 1);
                runtime.block_on(run_case(&server, &clock, &connection, number.get(), &steps, &seen));
                Ok(())
            })
        });
        if let Err(failure) = result {
            panic!("{failure}");
        }
        seen.into_inner().assert_complete();
    }
}
