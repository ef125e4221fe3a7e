//! [`Backend`] in SQLite: what concerns the store as a whole.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use super::{
    SqliteStore, migrate,
    statement::{find, find_by},
};
use crate::{
    error::{Error, Reason, Result},
    model::{
        code::Region,
        decision::{Decision, DefaultDecision, Position},
    },
    reply::Reply,
    store::{
        Backend, Credential, Generation, StoreStatus,
        sql::{changes, keys, policies, value::Row},
    },
    token::KeyHash,
};

impl Backend for SqliteStore {
    fn admit(
        &self,
        hash: &KeyHash,
        region: Region,
        position: &Position,
        default: DefaultDecision,
    ) -> Reply<Option<(Credential, Decision)>> {
        self.read(|connection| {
            let read = |row: &dyn Row| {
                let decisions = policies::decide(row, keys::CREDENTIAL_COLUMNS, std::slice::from_ref(position), default);
                let decision = decisions.into_iter().next().unwrap_or_else(Decision::by_unreadable);
                Ok((keys::read_credential(row)?, decision))
            };
            hash.with_hex(|hash| find_by(connection, keys::FIND_WITH_POLICY, [region.as_str(), hash], read))
        })
    }

    fn generation(&self) -> Reply<Generation> {
        self.read(|connection| {
            find(connection, changes::GENERATION, &[], changes::read_generation)?
                .ok_or_else(|| Error::new(Reason::DamagedRecord, "the database has no generation"))
        })
    }

    fn status(&self) -> Reply<StoreStatus> {
        self.read(|connection| {
            // A file that was deleted or replaced still answers.
            self.connections.check_file()?;
            let version = migrate::version(connection)?;
            Ok(StoreStatus { backend: "sqlite", schema_version: u32::try_from(version).ok() })
        })
    }

    fn after_fork(&self) -> Result<Option<Arc<dyn Backend>>> {
        let place = &self.connections.place;
        Ok(Some(Arc::new(Self::open(&place.path, place.options.clone())?)))
    }

    fn close(&self, deadline: Duration) -> Reply<()> {
        if let Err(error) = self.connections.check_not_ended() {
            return error.into();
        }
        let deadline = Instant::now().checked_add(deadline);
        let Some(writer) = &self.writer else { return Ok(()).into() };
        self.connections.refuse();
        writer.end();
        if !writer.wait_for_end(deadline) {
            let message = "the store could not be closed in time; what was queued is still being written";
            return Error::new(Reason::StoreUnavailable, message).into();
        }
        self.connections.close(deadline).into()
    }
}
