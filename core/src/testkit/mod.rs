//! Holds any [`Backend`] to the rules of every store (see [`crate::store`]): how a host tests one of its own.
//!
//! [`check`] runs every [`Case`] against a fresh store and reports each rule that was broken. To see the cases one by one
//! in a test runner, make a test of each of [`cases`]. [`Faults`] is a store around a store that fails on command: with it a
//! host tests what its own code does when the records cannot be reached.
//!
//! ```
//! use std::sync::Arc;
//! use doorward::{store::{Backend, memory::MemoryStore}, testkit};
//!
//! // In place of the memory store: the host's own, empty, as often as it is asked for.
//! let make = || Ok(Arc::new(MemoryStore::new(None)) as Arc<dyn Backend>);
//! let report = testkit::check(make);
//! assert!(report.passed(), "{report}");
//! ```

mod actors;
mod admission;
mod audit;
mod case;
mod closing;
mod concurrency;
mod decisions;
mod faults;
mod history;
mod institutions;
mod key_changes;
mod key_lists;
mod keys;
mod policies;
mod replies;
mod revocation;
mod rotation;
mod stage;
mod usage;

use std::{fmt, sync::Arc};

use crate::{error::Result, store::Backend};

pub use case::{Case, Failure};
pub use faults::{Fault, Faults};

/// Every case, grouped by what it is about.
pub fn cases() -> impl Iterator<Item = &'static Case> {
    [
        institutions::CASES,
        keys::CASES,
        key_lists::CASES,
        key_changes::CASES,
        rotation::CASES,
        revocation::CASES,
        usage::CASES,
        policies::CASES,
        history::CASES,
        decisions::CASES,
        admission::CASES,
        audit::CASES,
        actors::CASES,
        replies::CASES,
        concurrency::CASES,
        closing::CASES,
    ]
    .into_iter()
    .flatten()
}

/// Runs every case, each against a store of its own: `make` gives an empty one at every call.
pub fn check(make: impl Fn() -> Result<Arc<dyn Backend>>) -> Report {
    let mut report = Report { ran: 0, failed: Vec::new() };
    for case in cases() {
        report.ran = report.ran.saturating_add(1);
        if let Err(failure) = make().map_err(Failure::from).and_then(|store| case.run(store)) {
            report.failed.push((case, failure));
        }
    }
    report
}

/// What [`check`] found.
#[derive(Debug)]
pub struct Report {
    ran: usize,
    failed: Vec<(&'static Case, Failure)>,
}

impl Report {
    /// Whether every case passed.
    #[must_use]
    pub fn passed(&self) -> bool {
        self.failed.is_empty()
    }

    /// The cases that failed, and how.
    #[must_use]
    pub fn failed(&self) -> &[(&'static Case, Failure)] {
        &self.failed
    }
}

impl fmt::Display for Report {
    /// One line for the count, then for each failed case its name and what was seen.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} of {} cases failed", self.failed.len(), self.ran)?;
        self.failed.iter().try_for_each(|(case, failure)| write!(f, "\n- {case}: {failure}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{error::Reason, store::memory::MemoryStore};

    #[test]
    fn every_case_has_a_name_of_its_own() {
        let names: std::collections::HashSet<_> = cases().map(Case::name).collect();
        assert_eq!(names.len(), cases().count());
    }

    #[test]
    fn a_store_that_cannot_answer_fails_every_case_but_is_reported_case_by_case() {
        let report = check(|| {
            let faults = Faults::around(Arc::new(MemoryStore::new(None)));
            faults.fail_all(Fault::Fail(Reason::StoreUnavailable));
            Ok(Arc::new(faults) as Arc<dyn Backend>)
        });
        assert_eq!(report.failed().len(), cases().count());
        assert!(
            report.to_string().contains("- a stored institution is found as it was given: failed with unavailable"),
            "{report}"
        );
    }
}
