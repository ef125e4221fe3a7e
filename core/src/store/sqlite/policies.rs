//! [`PolicyStore`] in SQLite.

use super::{
    SqliteStore,
    change::{change, check_institution},
    statement::{all, execute, find, find_by},
};
use crate::{
    error::{Error, Reason},
    model::{
        audit::AuditEntry,
        code::Region,
        decision::{Decision, DefaultDecision, Position},
        id::InstitutionId,
        institution::institution_not_found,
        page::{List, Page},
        policy::{Policy, PolicyChange, PolicyHistoryQuery, PolicyQuery, PolicyVersion},
    },
    reply::Reply,
    store::{
        PolicyStore,
        sql::{changes::Change, policies as sql},
    },
};

impl PolicyStore for SqliteStore {
    fn change_policy(&self, policy_change: PolicyChange, audit: AuditEntry) -> Reply<Policy> {
        self.write(move |commit| {
            change(commit, &audit, |connection| {
                let PolicyChange { institution_id, region, action, .. } = &policy_change;
                check_institution(connection, institution_id)?;
                let place = [institution_id.into(), region.as_str().into()];
                let before = find(connection, sql::FIND, &place, |row| sql::read_to_change(row, action))?;
                let noted = find(connection, sql::LAST_VERSION, &place, |row| row.integer(0))?.flatten();
                let last = noted.and_then(|version| u64::try_from(version).ok()).unwrap_or_default();
                let last = last.max(before.as_ref().map_or(0, |policy| policy.version));

                let after = policy_change.apply(before.as_ref(), last, audit.occurred_at)?;
                let version = policy_change.history(before.as_ref(), after.as_ref(), last, &audit.actor, audit.occurred_at);
                match (&after, &before) {
                    (Some(after), _) => execute(connection, sql::UPSERT, &sql::upserted(after))?,
                    (None, Some(before)) => execute(connection, sql::DELETE, &[(&before.id).into()])?,
                    (None, None) => 0,
                };
                execute(connection, sql::INSERT_HISTORY, &sql::noted(&version))?;
                let policy =
                    after.or(before).ok_or_else(|| Error::new(Reason::Bug, "a policy was neither there before nor after"))?;
                let touched = vec![Change::policy(&policy_change, &policy)];
                Ok((policy, touched))
            })
        })
    }

    fn find_policy(&self, institution_id: &InstitutionId, region: Region) -> Reply<Option<Policy>> {
        self.read(|connection| find(connection, sql::FIND, &[institution_id.into(), region.as_str().into()], sql::read))
    }

    fn list_policies(&self, query: &PolicyQuery) -> Reply<Page<Policy>> {
        self.read(|connection| {
            let (statement, values) = sql::list(query);
            let items = all(connection, &statement, &values, sql::read)?;
            Ok(query.page.cut(List::Policies, items, |item| (item.created_at, item.id.to_string())))
        })
    }

    fn policy_history(&self, query: &PolicyHistoryQuery) -> Reply<Page<PolicyVersion>> {
        self.read(|connection| {
            let (statement, values) = sql::history(query)?;
            let items = all(connection, &statement, &values, sql::read_version)?;
            Ok(query.page.cut(List::PolicyHistory, items, |item| (item.changed_at, item.version.to_string())))
        })
    }

    fn decide(
        &self,
        institution_id: &InstitutionId,
        region: Region,
        positions: &[Position],
        default: DefaultDecision,
    ) -> Reply<Vec<Decision>> {
        self.read(|connection| {
            let decided = institution_id.with_str(|id| {
                find_by(connection, sql::DECIDE, [region.as_str(), id], |row| Ok(sql::decide(row, 0, positions, default)))
            });
            decided?.ok_or_else(|| institution_not_found(institution_id))
        })
    }
}
