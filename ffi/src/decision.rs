//! Positions, and what policies decide about them.

use std::mem::MaybeUninit;

use doorward::{Decision, Error, PolicySource, Position, Result};

use crate::{
    context, dw_context, dw_credentials, dw_door, dw_error, dw_request, dw_session, dw_status,
    guard::{done, free, give, given, read},
    policy::{config, place, region},
    record::{Record, Written},
    request,
    session::call,
    text::{self, Plain, dw_str},
};

/// What a policy is asked about. Borrowed for the call.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct dw_position {
    /// The amount in major units as plain decimal text (`1250.00`), exactly: at most 28 significant digits, 8 after the point.
    pub amount: dw_str,
    /// The currency's code.
    pub currency: dw_str,
}

// SAFETY: raw pointers and integers.
unsafe impl Plain for dw_position {}

/// On what a decision was made.
#[repr(i32)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum dw_policy_source {
    /// There is no policy: the configured default decided. (Or there is no decision.)
    None = 0,
    /// The stored policy.
    Found = 1,
    /// The stored policy cannot be read: denied.
    Unreadable = 2,
    /// The config that was given with a dry run.
    Given = 3,
}

/// A rule that a position violates. Its texts are borrowed from the decision.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct dw_violation {
    /// `below_min`, `above_max` or `currency_not_allowed`.
    pub code: dw_str,
    /// What the rule says.
    pub limit: dw_str,
    /// What was asked about.
    pub value: dw_str,
}

/// What a policy says about a position. Owned: `dw_decision_free`. `const dw_decision *` may be shared.
pub struct dw_decision {
    record: Record<Decision>,
    policy_id: Written,
}

impl dw_decision {
    fn new(decision: Decision) -> Self {
        Self { record: Record::new(decision), policy_id: Written::default() }
    }
}

/// Decisions about several positions, in their order, all on one view of the policy. Owned: `dw_decisions_free`.
pub struct dw_decisions(Vec<dw_decision>);

impl dw_decisions {
    fn new(decisions: Vec<Decision>) -> Self {
        Self(decisions.into_iter().map(dw_decision::new).collect())
    }
}

impl dw_position {
    fn read(&self) -> Result<Position> {
        Position::parse(self.amount.required("amount")?, self.currency.required("currency")?)
    }
}

fn positions(data: *const dw_position, len: usize) -> Result<Vec<Position>> {
    let read = |(index, position): (usize, &dw_position)| {
        position.read().map_err(|error: Error| error.inside(&format!("positions[{index}]")))
    };
    text::list(data, len, "positions")?.iter().enumerate().map(read).collect()
}

/// Asks an institution's policy in a region about a position. Puts an owned decision into `decision`; without one nothing
/// is allowed.
///
/// Errors: `VALIDATION` (region, amount, currency); `FORBIDDEN`; `NOT_FOUND` / `institution_not_found`; what a store can answer.
#[unsafe(no_mangle)]
pub extern "C" fn dw_check_position(
    session: Option<&dw_session>,
    institution_id: dw_str,
    region: dw_str,
    position: dw_position,
    decision: Option<&mut MaybeUninit<Option<Box<dw_decision>>>>,
    error: Option<&mut MaybeUninit<Option<Box<dw_error>>>>,
) -> dw_status {
    give("decision", decision, error, || {
        let (id, region) = place(&institution_id, &region)?;
        call!(session, check_position(&id, region, &position.read()?)).map(dw_decision::new)
    })
}

/// Asks about up to 1000 positions, all on one view of the policy. Puts owned decisions into `decisions`.
///
/// Errors: as `dw_check_position`; fields are named `positions[3].currency`.
#[unsafe(no_mangle)]
pub extern "C" fn dw_check_positions(
    session: Option<&dw_session>,
    institution_id: dw_str,
    region: dw_str,
    positions: *const dw_position,
    positions_len: usize,
    decisions: Option<&mut MaybeUninit<Option<Box<dw_decisions>>>>,
    error: Option<&mut MaybeUninit<Option<Box<dw_error>>>>,
) -> dw_status {
    give("decisions", decisions, error, || {
        let (id, region) = place(&institution_id, &region)?;
        let positions = self::positions(positions, positions_len)?;
        call!(session, check_positions(&id, region, &positions)).map(dw_decisions::new)
    })
}

/// Asks a config (JSON, as for `dw_upsert_policy`) that is not stored about up to 1000 positions. Puts owned decisions into
/// `decisions`.
///
/// Errors: as `dw_check_positions`, and those of the config as in `dw_upsert_policy`.
#[unsafe(no_mangle)]
pub extern "C" fn dw_dry_run(
    session: Option<&dw_session>,
    institution_id: dw_str,
    region: dw_str,
    config: dw_str,
    positions: *const dw_position,
    positions_len: usize,
    decisions: Option<&mut MaybeUninit<Option<Box<dw_decisions>>>>,
    error: Option<&mut MaybeUninit<Option<Box<dw_error>>>>,
) -> dw_status {
    give("decisions", decisions, error, || {
        let (id, region) = place(&institution_id, &region)?;
        let (config, positions) = (self::config(&config)?, self::positions(positions, positions_len)?);
        call!(session, dry_run(&id, region, &config, &positions)).map(dw_decisions::new)
    })
}

/// Authenticates a caller and asks the policy of its institution in a region about a position: one call, on one view of key
/// and policy. `institution_id` is whose policy is meant; absent: the caller's own; root has to name one. Puts an owned
/// decision into `decision` and, if that is not NULL, an owned context into `context`; without a decision nothing is allowed.
/// May wait for the store; any thread.
///
/// Errors: `VALIDATION`; those of `dw_authenticate`; `FORBIDDEN` / `other_institution`; `NOT_FOUND` / `institution_not_found`
/// (root); what a store can answer.
#[unsafe(no_mangle)]
pub extern "C" fn dw_admit(
    door: Option<&dw_door>,
    credentials: *const dw_credentials,
    request: *const dw_request,
    institution_id: dw_str,
    region: dw_str,
    position: dw_position,
    context: Option<&mut MaybeUninit<Option<Box<dw_context>>>>,
    decision: Option<&mut MaybeUninit<Option<Box<dw_decision>>>>,
    error: Option<&mut MaybeUninit<Option<Box<dw_error>>>>,
) -> dw_status {
    let context = context::clear(context);
    let decision: Option<&mut Option<Box<dw_decision>>> = decision.map(|slot| slot.write(None));
    done(error, || {
        let (door, decision) = (given(door, "door")?, given(decision, "decision")?);
        let (credentials, request) = (request::credentials(credentials)?, request::request(request)?);
        let id = institution_id.optional("institution_id")?.map(str::parse).transpose()?;
        let (region, position) = (self::region(&region)?, position.read()?);
        let admission = door.0.admit(credentials, &request, id.as_ref(), region, &position)?;
        context::keep(context, &admission.context);
        *decision = Some(Box::new(dw_decision::new(admission.decision)));
        Ok(())
    })
}

/// Whether the position is allowed; false if `decision` is NULL.
#[unsafe(no_mangle)]
pub extern "C" fn dw_decision_allowed(decision: Option<&dw_decision>) -> bool {
    read(decision, false, |decision| decision.record.value.allowed)
}

/// On what it was decided.
#[unsafe(no_mangle)]
pub extern "C" fn dw_decision_policy(decision: Option<&dw_decision>) -> dw_policy_source {
    read(decision, dw_policy_source::None, |decision| match decision.record.value.policy {
        PolicySource::Found => dw_policy_source::Found,
        PolicySource::None => dw_policy_source::None,
        PolicySource::Unreadable => dw_policy_source::Unreadable,
        PolicySource::Given => dw_policy_source::Given,
    })
}

/// The policy's id; absent if no stored policy decided. Borrowed until the decision is freed.
#[unsafe(no_mangle)]
pub extern "C" fn dw_decision_policy_id(decision: Option<&dw_decision>) -> dw_str {
    read(decision, dw_str::ABSENT, |decision| decision.policy_id.text(|| decision.record.value.policy_id.as_ref()))
}

/// The policy's version; 0 if no stored policy decided.
#[unsafe(no_mangle)]
pub extern "C" fn dw_decision_policy_version(decision: Option<&dw_decision>) -> u64 {
    read(decision, 0, |decision| decision.record.value.policy_version.unwrap_or_default())
}

/// How many rules are violated.
#[unsafe(no_mangle)]
pub extern "C" fn dw_decision_violations(decision: Option<&dw_decision>) -> usize {
    read(decision, 0, |decision| decision.record.value.violations.len())
}

/// One of the violations, in the order `below_min`, `above_max`, `currency_not_allowed`; all of its texts are absent beyond the
/// last. They are borrowed until the decision is freed.
#[unsafe(no_mangle)]
pub extern "C" fn dw_decision_violation(decision: Option<&dw_decision>, index: usize) -> dw_violation {
    let none = dw_violation { code: dw_str::ABSENT, limit: dw_str::ABSENT, value: dw_str::ABSENT };
    read(decision, none, |decision| {
        decision.record.value.violations.get(index).map_or(none, |violation| dw_violation {
            code: dw_str::of(violation.code.as_str()),
            limit: dw_str::of(&violation.limit),
            value: dw_str::of(&violation.value),
        })
    })
}

/// The whole as JSON. Borrowed until the decision is freed.
#[unsafe(no_mangle)]
pub extern "C" fn dw_decision_json(decision: Option<&dw_decision>) -> dw_str {
    read(decision, dw_str::ABSENT, |decision| decision.record.json())
}

/// Frees the decision. NULL is fine; never for one that is borrowed.
#[unsafe(no_mangle)]
pub extern "C" fn dw_decision_free(decision: Option<Box<dw_decision>>) {
    free(decision);
}

/// How many there are.
#[unsafe(no_mangle)]
pub extern "C" fn dw_decisions_count(decisions: Option<&dw_decisions>) -> usize {
    read(decisions, 0, |decisions| decisions.0.len())
}

/// One of them, or NULL beyond the last. Borrowed until they are freed.
#[unsafe(no_mangle)]
pub extern "C" fn dw_decisions_at(decisions: Option<&dw_decisions>, index: usize) -> Option<&dw_decision> {
    decisions.and_then(|decisions| decisions.0.get(index))
}

/// Frees the decisions. NULL is fine.
#[unsafe(no_mangle)]
pub extern "C" fn dw_decisions_free(decisions: Option<Box<dw_decisions>>) {
    free(decisions);
}
