//! Policies in memory: decisions without a lock, everything else in the books.

use std::sync::Arc;

use super::{MemoryStore, books::from_cursor, rule::Rule};
use crate::{
    model::{
        audit::AuditEntry,
        code::Region,
        decision::{Decision, DefaultDecision, Position},
        id::{InstitutionId, PolicyId},
        institution::institution_not_found,
        page::{List, Page},
        policy::{Policy, PolicyChange, PolicyHistoryQuery, PolicyQuery, PolicyVersion},
        time::Timestamp,
    },
    reply::Reply,
    store::PolicyStore,
};

impl PolicyStore for MemoryStore {
    fn change_policy(&self, change: PolicyChange, audit: AuditEntry) -> Reply<Policy> {
        self.change(audit, |books, audit| {
            let number = books.number_of(&change.institution_id)?;
            let tenants = Arc::clone(&books.tenants);
            let account = books.account_mut(number)?;
            let book = account.policies.get(&change.region);
            let before = book.and_then(|book| book.current.as_ref()).map(|rule| rule.policy().clone());
            let last_version = book.and_then(|book| book.history.last()).map_or(0, |version| version.version);
            let after = change.apply(before.as_ref(), last_version, audit.occurred_at)?;

            let history = change.history(before.as_ref(), after.as_ref(), last_version, &audit.actor, audit.occurred_at);
            let answer = after.as_ref().or(before.as_ref()).cloned().ok_or_else(super::books::bug)?;
            let book = account.policies.entry(change.region).or_default();
            book.history.push(history);
            book.current = after.map(Rule::of).map(Arc::new);
            if let Some(tenant) = tenants.get(number) {
                tenant.set_rule(change.region, book.current.clone());
            }
            Ok((answer, true))
        })
    }

    fn find_policy(&self, institution_id: &InstitutionId, region: Region) -> Reply<Option<Policy>> {
        let find = || {
            self.lookups
                .tenants
                .find(institution_id)
                .and_then(|(_, tenant)| tenant.with_rule(region, |rule| rule.map(|rule| rule.policy().clone())))
        };
        Reply::from(self.check_open().map(|()| find()))
    }

    fn list_policies(&self, query: &PolicyQuery) -> Reply<Page<Policy>> {
        let list = || {
            let books = self.read()?;
            let Some((number, _)) = self.lookups.tenants.find(&query.institution_id) else {
                return Ok(Page { items: Vec::new(), next: None });
            };
            let mut policies: Vec<_> =
                books.account(number)?.policies.values().filter_map(|book| Some(book.current.as_ref()?.policy())).collect();
            policies.sort_by(|a, b| (a.created_at, &a.id).cmp(&(b.created_at, &b.id)));
            let position = |policy: &&Policy| (policy.created_at, policy.id.clone());
            let page = from_cursor(&policies, &query.page, PolicyId::from_stored, position);
            let page = page.take(query.page.limit.saturating_add(1)).map(|policy| (*policy).clone()).collect();
            Ok(query.page.cut(List::Policies, page, |policy: &Policy| (policy.created_at, policy.id.to_string())))
        };
        Reply::from(list())
    }

    fn policy_history(&self, query: &PolicyHistoryQuery) -> Reply<Page<PolicyVersion>> {
        let list = || {
            let books = self.read()?;
            let number = self.lookups.tenants.find(&query.institution_id).map(|(number, _)| number);
            let account = number.map(|number| books.account(number)).transpose()?;
            let history = account.and_then(|account| account.policies.get(&query.region)).map_or(&[][..], |book| &book.history);
            // Versions alone order a history: two may carry the same time.
            let position = |version: &PolicyVersion| (Timestamp::default(), version.version);
            let mut page = query.page.clone();
            page.cursor = page.cursor.map(|cursor| cursor.without_time());
            let versions = from_cursor(history, &page, |version| version.parse().unwrap_or(0), position);
            let versions = versions.take(query.page.limit.saturating_add(1)).cloned().collect();
            Ok(query
                .page
                .cut(List::PolicyHistory, versions, |version: &PolicyVersion| (version.changed_at, version.version.to_string())))
        };
        Reply::from(list())
    }

    fn decide(
        &self,
        institution_id: &InstitutionId,
        region: Region,
        positions: &[Position],
        default: DefaultDecision,
    ) -> Reply<Vec<Decision>> {
        let decide = || {
            self.check_open()?;
            let (_, tenant) = self.lookups.tenants.find(institution_id).ok_or_else(|| institution_not_found(institution_id))?;
            Ok(tenant.with_rule(region, |rule| positions.iter().map(|position| decide(rule, position, default)).collect()))
        };
        Reply::from(decide())
    }

    #[inline]
    fn decide_one(
        &self,
        institution_id: &InstitutionId,
        region: Region,
        position: &Position,
        default: DefaultDecision,
    ) -> Reply<Decision> {
        if let Err(error) = self.check_open() {
            return Reply::from(error);
        }
        match self.lookups.tenants.find(institution_id) {
            Some((_, tenant)) => Reply::from(Ok(tenant.decide(region, position, default))),
            None => Reply::from(institution_not_found(institution_id)),
        }
    }
}

#[inline]
pub(super) fn decide(rule: Option<&Rule>, position: &Position, default: DefaultDecision) -> Decision {
    match rule {
        Some(rule) => rule.decide(position),
        None => Decision::by_default(default),
    }
}
