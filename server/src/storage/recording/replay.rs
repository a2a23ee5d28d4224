//! Recording calls that had no tenant when they came.

use std::sync::Arc;

use scoped_futures::ScopedFutureExt as _;
use tracing::instrument;

use super::super::{PageRequest, SWEEP_BATCH, Storage};
use crate::domain::{error::Error, phone::PhoneNumber, recording::ReportedCall};

/// Who is named in the history as the reporter of a replayed call.
const ACTOR: &str = "system:replay";

impl Storage {
    /// Records the unrouted calls that have an owner by now, of one number or of all, in batches; answers how many.
    ///
    /// They are judged by the time of the replay. Safe on several replicas at once: a call that two of them record is a duplicate for
    /// the second.
    ///
    /// # Errors
    /// When the database fails; what was recorded until then stays recorded, the rest waits for the next sweep.
    #[instrument(name = "storage.replay_unrouted", skip_all)]
    pub async fn replay_unrouted(&self, phone: Option<&PhoneNumber>) -> Result<u64, Error> {
        let mut replayed = 0;
        let mut request = PageRequest { size: SWEEP_BATCH, after: None };
        loop {
            let page = self.routable_calls(phone, request).await?;
            let ids: Vec<_> = page.items.iter().map(|call| call.id).collect();
            let calls: Vec<_> = page
                .items
                .into_iter()
                .map(|call| ReportedCall {
                    record: call.record,
                    received_at: call.received_at,
                    actor: Arc::from(ACTOR),
                    // A record that names a tenant goes to that tenant or stays where it is.
                    confined: false,
                    fresh: self.fresh_ids(),
                })
                .collect();
            if !calls.is_empty() {
                let (calls, ids) = (&calls, &ids);
                let results = self
                    .write(move |transaction| self.record_in(transaction, calls, ids).scope_boxed())
                    .await?;
                replayed += results.iter().filter(|result| result.is_ok()).count() as u64;
            }
            let Some(next) = page.next else { return Ok(replayed) };
            request.after = Some(next);
        }
    }
}
