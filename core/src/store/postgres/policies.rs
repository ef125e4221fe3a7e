//! [`PolicyStore`] in PostgreSQL.

use super::{
    PostgresStore,
    change::{check_institution, hold_institution},
    errors::Fault,
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
        policy::{Policy, PolicyAction, PolicyChange, PolicyHistoryQuery, PolicyQuery, PolicyVersion},
    },
    reply::Reply,
    store::{
        PolicyStore,
        sql::{changes::Change, policies as sql},
    },
};

impl PolicyStore for PostgresStore {
    fn change_policy(&self, policy_change: PolicyChange, audit: AuditEntry) -> Reply<Policy> {
        self.change(Some(policy_change.institution_id.clone()), audit.clone(), async move |link| {
            let PolicyChange { institution_id, region, action, .. } = &policy_change;
            check_institution(link, institution_id).await?;
            let place = [institution_id.into(), region.as_str().into()];
            let find = if matches!(action, PolicyAction::Delete) { sql::FIND_TO_DELETE } else { sql::FIND_TO_CHANGE };
            let before = link.find(find, &place, |row| sql::read_to_change(row, action)).await?;
            let noted = link.find(sql::LAST_VERSION, &place, |row| row.integer(0)).await?.flatten();
            let last = noted.and_then(|version| u64::try_from(version).ok()).unwrap_or_default();
            let last = last.max(before.as_ref().map_or(0, |policy| policy.version));

            let after = policy_change.apply(before.as_ref(), last, audit.occurred_at)?;
            let version = policy_change.history(before.as_ref(), after.as_ref(), last, &audit.actor, audit.occurred_at);
            match (&after, &before) {
                (Some(after), Some(_)) => _ = link.execute(sql::UPDATE, &sql::updated(after)).await?,
                (Some(after), None) => {
                    hold_institution(link, institution_id).await?;
                    if link.execute(sql::INSERT, &sql::upserted(after)).await? == 0 {
                        let message = "another transaction stored a policy in the same place again and again";
                        return Err(Fault::Again(Error::new(Reason::Busy, message)));
                    }
                }
                (None, Some(before)) => _ = link.execute(sql::DELETE, &[(&before.id).into()]).await?,
                (None, None) => {}
            }
            link.execute(sql::INSERT_HISTORY, &sql::noted(&version)).await?;
            let policy =
                after.or(before).ok_or_else(|| Error::new(Reason::Bug, "a policy was neither there before nor after"))?;
            let touched = vec![Change::policy(&policy_change, &policy)];
            Ok((policy, touched))
        })
    }

    fn find_policy(&self, institution_id: &InstitutionId, region: Region) -> Reply<Option<Policy>> {
        let place = [institution_id.into(), region.as_str().into()];
        self.ask(async move |link| link.find(sql::FIND, &place, sql::read).await)
    }

    fn list_policies(&self, query: &PolicyQuery) -> Reply<Page<Policy>> {
        let query = query.clone();
        self.ask(async move |link| {
            let (statement, values) = sql::list(&query);
            let items = link.all(&statement, &values, sql::read).await?;
            Ok(query.page.cut(List::Policies, items, |item| (item.created_at, item.id.to_string())))
        })
    }

    fn policy_history(&self, query: &PolicyHistoryQuery) -> Reply<Page<PolicyVersion>> {
        let query = query.clone();
        self.ask(async move |link| {
            let (statement, values) = sql::history(&query)?;
            let items = link.all(&statement, &values, sql::read_version).await?;
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
        let (institution_id, positions) = (institution_id.clone(), positions.to_vec());
        self.ask(async move |link| {
            let place = [region.as_str().into(), (&institution_id).into()];
            let decided = link.find(sql::DECIDE, &place, |row| Ok(sql::decide(row, 0, &positions, default))).await?;
            Ok(decided.ok_or_else(|| institution_not_found(&institution_id))?)
        })
    }
}
