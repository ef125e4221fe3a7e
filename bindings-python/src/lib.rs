//! The extension module of the Python package `doorward`.
//!
//! One file for each Python class or concept. Frozen classes hold the core's records and convert a field when it is read
//! (`record.rs`); the operations are written once for the four classes that have them (`faces.rs`); every call runs in the guard
//! of `error.rs`. What is better said in Python (errors, words, pages) is in `python/doorward/`.

#![expect(clippy::too_many_arguments, reason = "keyword arguments in Python")]

mod amount;
mod answer;
mod arguments;
mod audit;
mod config;
mod document;
mod error;
mod faces;
mod field;
mod handle;
mod institution;
mod key;
mod mailbox;
mod observation;
mod operations;
mod page;
mod policy;
mod rate_limit;
mod record;
mod reply;
mod request;
#[cfg(feature = "testkit")]
mod testkit;
mod time;
mod verdict;
mod word;

/// The records that can be pickled, by name.
const RECORDS: &[(&str, record::Restore)] = &[
    ("ApiKey", key::ApiKey::restore),
    ("AuditEvent", audit::AuditEvent::restore),
    ("Decision", policy::Decision::restore),
    ("ImportConflict", key::ImportConflict::restore),
    ("ImportReport", key::ImportReport::restore),
    ("Institution", institution::Institution::restore),
    ("Page", page::Page::restore),
    ("Policy", policy::Policy::restore),
    ("PolicyVersion", policy::PolicyVersion::restore),
    ("RateLimit", rate_limit::RateLimit::restore),
    ("RateLimitStatus", rate_limit::RateLimitStatus::restore),
    ("Violation", policy::Violation::restore),
];

#[pyo3::pymodule(gil_used = false)]
mod _doorward {
    use pyo3::prelude::*;

    #[pymodule_export]
    use crate::handle::{Doorward, Session};
    #[cfg(feature = "testkit")]
    #[pymodule_export]
    use crate::testkit::testkit;
    #[pymodule_export]
    use crate::{
        audit::AuditEvent,
        error::error_table,
        institution::Institution,
        key::{ApiKey, CreatedKey, ImportConflict, ImportReport, Token},
        mailbox::Mailbox,
        observation::{Health, MetricsSnapshot, OperationCount, OperationLatency},
        page::Page,
        policy::{Decision, Policy, PolicyVersion, Violation},
        rate_limit::{RateLimit, RateLimitStatus},
        record::restore,
        reply::{Pending, Reply},
        request::{Credentials, Request},
        verdict::{Admission, AuthContext, Granted, Refused},
    };

    #[pymodule_init]
    fn init(module: &Bound<'_, PyModule>) -> PyResult<()> {
        module.add("__version__", env!("CARGO_PKG_VERSION"))?;
        // Their own names are those of the blocking ones, in a module of their own.
        module.add("AsyncDoorward", module.py().get_type::<crate::handle::AsyncDoorward>())?;
        module.add("AsyncSession", module.py().get_type::<crate::handle::AsyncSession>())?;
        // What is public is in the package.
        module.delattr("__all__")
    }
}
