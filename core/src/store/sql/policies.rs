//! The tables `institution_policies` and `doorward_policy_history`.

use super::{
    listing::Listing,
    value::{Row, SqlValue, damaged},
};
use crate::{
    error::Result,
    model::{
        decision::{Decision, DefaultDecision, Position},
        id::{InstitutionId, PolicyId},
        policy::{
            HistoryAction, Policy, PolicyAction, PolicyConfig, PolicyHistoryQuery, PolicyQuery, PolicyVersion, stored_config,
        },
    },
};

/// The columns of [`read`], and with `$suffix` a whole statement.
macro_rules! record {
    ($suffix:literal) => {
        concat!("SELECT id, institution_id, region, version, created_at, updated_at, config FROM institution_policies", $suffix)
    };
}

pub(crate) const FIND: &str = record!(" WHERE institution_id = $1 AND region = $2");
/// The same, locked against other changes until the end of the transaction; fails at once where another one has it.
#[cfg(feature = "postgres")]
pub(crate) const FIND_TO_CHANGE: &str = record!(" WHERE institution_id = $1 AND region = $2 FOR NO KEY UPDATE NOWAIT");
/// The same, locked against references to it as well, as a deletion has to.
#[cfg(feature = "postgres")]
pub(crate) const FIND_TO_DELETE: &str = record!(" WHERE institution_id = $1 AND region = $2 FOR UPDATE NOWAIT");
/// The policy of an institution in a region, on one view with whether the institution exists: region, institution.
pub(crate) const DECIDE: &str = "SELECT p.id, p.version, p.config FROM institutions i \
     LEFT JOIN institution_policies p ON p.institution_id = i.id AND p.region = $1 WHERE i.id = $2";
#[cfg(feature = "sqlite")]
pub(crate) const UPSERT: &str = "INSERT INTO institution_policies (id, institution_id, region, version, created_at, updated_at, \
     config) VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT (institution_id, region) \
     DO UPDATE SET version = excluded.version, updated_at = excluded.updated_at, config = excluded.config";
/// Stores a first version; changes no row if another transaction has stored one meanwhile.
#[cfg(feature = "postgres")]
pub(crate) const INSERT: &str = "INSERT INTO institution_policies (id, institution_id, region, version, created_at, updated_at, \
     config) VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT DO NOTHING";
/// Replaces a policy that was found: version, date, config, id.
#[cfg(feature = "postgres")]
pub(crate) const UPDATE: &str = "UPDATE institution_policies SET version = $1, updated_at = $2, config = $3 WHERE id = $4";
pub(crate) const DELETE: &str = "DELETE FROM institution_policies WHERE id = $1";
pub(crate) const LAST_VERSION: &str =
    "SELECT max(version) FROM doorward_policy_history WHERE institution_id = $1 AND region = $2";
pub(crate) const INSERT_HISTORY: &str = "INSERT INTO doorward_policy_history (institution_id, region, version, policy_id, \
     action, config, changed_by, changed_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)";
const SELECT_HISTORY: &str = "SELECT institution_id, region, version, policy_id, action, config, changed_by, changed_at \
     FROM doorward_policy_history";

/// The values of [`UPDATE`].
#[cfg(feature = "postgres")]
pub(crate) fn updated(policy: &Policy) -> [SqlValue; 4] {
    [policy.version.into(), policy.updated_at.into(), SqlValue::Json(Some(policy.config.to_json())), (&policy.id).into()]
}

/// The values of a whole policy.
pub(crate) fn upserted(policy: &Policy) -> [SqlValue; 7] {
    [
        (&policy.id).into(),
        (&policy.institution_id).into(),
        policy.region.as_str().into(),
        policy.version.into(),
        policy.created_at.into(),
        policy.updated_at.into(),
        SqlValue::Json(Some(policy.config.to_json())),
    ]
}

/// The values of [`INSERT_HISTORY`].
pub(crate) fn noted(version: &PolicyVersion) -> [SqlValue; 8] {
    [
        (&version.institution_id).into(),
        version.region.as_str().into(),
        version.version.into(),
        (&version.policy_id).into(),
        action_word(version.action).into(),
        SqlValue::Json(version.config.as_ref().map(PolicyConfig::to_json)),
        version.changed_by.to_string().into(),
        version.changed_at.into(),
    ]
}

/// Reads a policy whose config is understood.
pub(crate) fn read(row: &dyn Row) -> Result<Policy> {
    Ok(Policy { config: config(row, 6)?, ..read_but_config(row)? })
}

/// Reads a policy for a change. A config that is replaced or deleted need not be understood: so a damaged policy can be
/// repaired and removed. What is damaged is empty then.
pub(crate) fn read_to_change(row: &dyn Row, action: &PolicyAction) -> Result<Policy> {
    let policy = read_but_config(row)?;
    match config(row, 6) {
        Ok(config) => Ok(Policy { config, ..policy }),
        Err(error) if matches!(action, PolicyAction::Merge(_)) => Err(error),
        Err(_) => Ok(policy),
    }
}

fn read_but_config(row: &dyn Row) -> Result<Policy> {
    Ok(Policy {
        id: PolicyId::from_stored(row.required_text(0)?),
        institution_id: InstitutionId::from_stored(row.required_text(1)?),
        region: row.parsed(2)?,
        version: row.count(3)?,
        created_at: row.required_time(4)?,
        updated_at: row.required_time(5)?,
        config: PolicyConfig::default(),
    })
}

fn config(row: &dyn Row, at: usize) -> Result<PolicyConfig> {
    stored_config(&row.json(at)?.ok_or_else(|| damaged("a policy has no config"))?)
}

/// Decides by the policy whose id, version and config begin at a column, or by the default if the id is null. A policy that
/// cannot be read denies.
pub(crate) fn decide(row: &dyn Row, at: usize, positions: &[Position], default: DefaultDecision) -> Vec<Decision> {
    let found = || -> Result<Option<(PolicyId, u64, PolicyConfig)>> {
        let Some(id) = row.text(at)? else { return Ok(None) };
        Ok(Some((PolicyId::from_stored(id), row.count(at.saturating_add(1))?, config(row, at.saturating_add(2))?)))
    };
    let found = found();
    let decide = |position| match &found {
        Ok(Some((id, version, config))) => Decision::by_rule(&config.position, id, *version, position),
        Ok(None) => Decision::by_default(default),
        Err(_) => Decision::by_unreadable(),
    };
    positions.iter().map(decide).collect()
}

/// Reads a row of [`history`].
pub(crate) fn read_version(row: &dyn Row) -> Result<PolicyVersion> {
    let word = row.required_text(4)?;
    let action = HISTORY_ACTIONS.into_iter().find(|action| action_word(*action) == word);
    Ok(PolicyVersion {
        institution_id: InstitutionId::from_stored(row.required_text(0)?),
        region: row.parsed(1)?,
        version: row.count(2)?,
        policy_id: PolicyId::from_stored(row.required_text(3)?),
        action: action.ok_or_else(|| damaged("its action is unknown"))?,
        config: row.json(5)?.map(|text| stored_config(&text)).transpose()?,
        changed_by: row.parsed(6)?,
        changed_at: row.required_time(7)?,
    })
}

const HISTORY_ACTIONS: [HistoryAction; 3] = [HistoryAction::Upserted, HistoryAction::Merged, HistoryAction::Deleted];

fn action_word(action: HistoryAction) -> &'static str {
    match action {
        HistoryAction::Upserted => "upserted",
        HistoryAction::Merged => "merged",
        HistoryAction::Deleted => "deleted",
    }
}

/// The statement of a page of policies.
pub(crate) fn list(query: &PolicyQuery) -> (String, Vec<SqlValue>) {
    let mut listing = Listing::of(record!(""));
    listing.filter("institution_id = ?", [(&query.institution_id).into()]);
    listing.page_by_creation(&query.page, "institution_policies", ["created_at", "id"])
}

/// The statement of a page of history.
pub(crate) fn history(query: &PolicyHistoryQuery) -> Result<(String, Vec<SqlValue>)> {
    let mut listing = Listing::of(SELECT_HISTORY);
    listing.filter("institution_id = ?", [(&query.institution_id).into()]);
    listing.filter("region = ?", [query.region.as_str().into()]);
    listing.page_by_number(&query.page, "version")
}
