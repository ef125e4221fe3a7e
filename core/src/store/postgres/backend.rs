//! [`Backend`] in PostgreSQL: what concerns the store as a whole.

use std::{
    sync::{Arc, atomic::Ordering::Relaxed},
    time::Duration,
};

use super::{Inner, PostgresStore, errors::Fault, lookups::ForAdmission, statement::Link};
use crate::{
    error::{Error, Reason, Result},
    model::{
        audit::AuditEntry,
        code::Region,
        decision::{Decision, DefaultDecision, Position},
        id::InstitutionId,
    },
    reply::Reply,
    store::{
        Backend, Credential, Generation, StoreStatus,
        sql::{
            changes::{self, Change},
            value::Row,
        },
    },
    token::KeyHash,
};

impl PostgresStore {
    /// Makes a change, as the head of `change` says.
    pub(super) fn change<T: Send + 'static>(
        &self,
        institution_id: Option<InstitutionId>,
        entry: AuditEntry,
        work: impl AsyncFn(&mut Link<'_>) -> Result<(T, Vec<Change>), Fault> + Send + 'static,
    ) -> Reply<T> {
        self.change_within(self.options.operation_limit(), institution_id, entry, work)
    }

    /// The same with a time of its own, for a change that has many statements.
    pub(super) fn change_within<T: Send + 'static>(
        &self,
        limit: Duration,
        institution_id: Option<InstitutionId>,
        entry: AuditEntry,
        work: impl AsyncFn(&mut Link<'_>) -> Result<(T, Vec<Change>), Fault> + Send + 'static,
    ) -> Reply<T> {
        let change = move |inner: Arc<Inner>| async move { inner.change(limit, institution_id.as_ref(), &entry, work).await };
        self.run(change).unwrap_or_else(Reply::from)
    }
}

impl Backend for PostgresStore {
    fn admit(
        &self,
        hash: &KeyHash,
        region: Region,
        position: &Position,
        default: DefaultDecision,
    ) -> Reply<Option<(Credential, Decision)>> {
        let question = ForAdmission { hash: *hash, region, position: *position, default };
        self.live().map_or_else(Reply::from, |live| live.lookups.admissions.ask(live, question))
    }

    fn generation(&self) -> Reply<Generation> {
        self.run(|inner| async move { inner.generation().await }).unwrap_or_else(Reply::from)
    }

    fn status(&self) -> Reply<StoreStatus> {
        self.run(|inner| async move {
            let version = inner.ask(&async |link: &mut Link<'_>| inner.version(link).await).await?;
            Ok(StoreStatus { backend: "postgres", schema_version: u32::try_from(version).ok() })
        })
        .unwrap_or_else(Reply::from)
    }

    fn may_block(&self) -> bool {
        false
    }

    fn after_fork(&self) -> Result<Option<Arc<dyn Backend>>> {
        Ok(Some(Arc::new(Self::unconnected(self.options.clone())?)))
    }

    fn close(&self, deadline: Duration) -> Reply<()> {
        let live = match self.live() {
            Ok(live) => live,
            Err(error) => return error.into(),
        };
        live.inner.closed.store(true, Relaxed);
        let inner = Arc::clone(&live.inner);
        live.runtime.finish(deadline).then(move |ended| {
            inner.connections.close();
            if ended? {
                return Ok(());
            }
            let message = "the store could not be closed in time; what was begun is still being done";
            Err(Error::new(Reason::StoreUnavailable, message))
        })
    }
}

impl Inner {
    /// How far the store has come. Changes by other SQL are numbered first, all that are there as one.
    async fn generation(&self) -> Result<Generation> {
        let read = async |link: &mut Link<'_>| {
            // On one view: a number from before and a feed from after another process numbered it would be a change unseen.
            let read = |row: &dyn Row| Ok((changes::read_generation(row)?, row.count(2)? > 0));
            let read = link.find(changes::GENERATION_AND_UNNUMBERED, &[], read).await?;
            Ok(read.ok_or_else(|| Error::new(Reason::DamagedRecord, "the database has no generation"))?)
        };
        let (generation, unnumbered) = self.ask(&read).await?;
        if !unnumbered {
            return Ok(generation);
        }
        self.number_foreign_changes().await?;
        Ok(self.ask(&read).await?.0)
    }
}
