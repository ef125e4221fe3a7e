//! API keys, and what creating and importing them answers.

use doorward::Timestamp;
use pyo3::{prelude::*, types::PyTuple};

use crate::{
    answer::Answer,
    record::{self, records, unpicklable},
    word::Word,
};

records! {
    /// An API key as it is stored: everything about a token but the token.
    plain ApiKey(doorward::ApiKey) {
        /// `ak_…`
        id: |record| &record.id,
        /// The institution that owns the key.
        institution_id: |record| &record.institution_id,
        /// SHA-256 of the token, in hex.
        key_hash: |record| &record.key_hash,
        /// What may be shown of the token.
        hint: |record| &record.hint,
        /// 1 to 255 characters for people.
        label: |record| &record.label,
        /// `admin` or `read_only`.
        role: |record| &record.role,
        /// When it was created or imported.
        created_at: |record| &record.created_at,
        /// When it was revoked.
        revoked_at: |record| &record.revoked_at,
        /// Since when it is disabled.
        disabled_at: |record| &record.disabled_at,
        /// From when on it is no longer good.
        expires_at: |record| &record.expires_at,
        /// When it was last accepted, to within the interval at which uses are written.
        last_used_at: |record| &record.last_used_at,
        /// From where it may be used; an empty list means from anywhere.
        allowed_addresses: |record| &record.allowed_addresses,
        /// How often it is accepted, if it has a limit of its own; else as often as the configuration says.
        rate_limit: |record| &record.rate_limit,
        /// The host's own data; a copy.
        metadata: |record| &record.metadata,
        /// The key of which this one is the successor.
        rotated_from: |record| &record.rotated_from,
        /// The key's successor. Not part of its JSON.
        rotated_to: |record| &record.rotated_to,
        /// 1 when created; raised by every change.
        version: |record| &record.version,
    } => |fields| doorward::ApiKey {
        id: fields.next()?,
        institution_id: fields.next()?,
        key_hash: fields.next()?,
        hint: fields.next()?,
        label: fields.next()?,
        role: fields.next()?,
        created_at: fields.next()?,
        revoked_at: fields.next()?,
        disabled_at: fields.next()?,
        expires_at: fields.next()?,
        last_used_at: fields.next()?,
        allowed_addresses: fields.next()?,
        rate_limit: fields.next()?,
        metadata: fields.next()?,
        rotated_from: fields.next()?,
        rotated_to: fields.next()?,
        version: fields.next()?,
    };
    + {
        /// Whether it is good at this moment, as the record says.
        #[getter]
        fn status(&self, py: Python<'_>) -> PyResult<Py<PyAny>> {
            self.0.status(Timestamp::now()).member(py)
        }
    }

    /// A key of an import that cannot be stored.
    plain ImportConflict(doorward::ImportConflict) {
        /// Its place in the import, from 0.
        index: |record| &record.index,
        /// Its hash.
        key_hash: |record| &record.key_hash,
        /// `key_exists` (stored already), or `duplicate` (earlier in the same import).
        reason: |record| &record.reason,
    } => |fields| doorward::ImportConflict {
        index: fields.next()?,
        key_hash: fields.next()?,
        reason: fields.next()?,
    };

    /// What an import did, or in a dry run would do.
    plain ImportReport(doorward::ImportReport) {
        /// Whether nothing was to be stored.
        dry_run: |record| &record.dry_run,
        /// The records that were stored; in a dry run those that would be.
        imported: |record| &record.imported,
        /// What stands in the way. Filled by a dry run only: an import with a conflict stores nothing and fails.
        conflicts: |record| &record.conflicts,
    } => |fields| doorward::ImportReport {
        dry_run: fields.next()?,
        imported: fields.next()?,
        conflicts: fields.next()?,
    };
}

/// A token that was just made. `reveal` shows it; everything else shows its hint. It cannot be pickled.
#[pyclass(frozen, module = "doorward")]
pub(crate) struct Token(doorward::Token);

#[pymethods]
impl Token {
    /// The secret itself, to be handed to its owner and to nobody else.
    fn reveal(&self) -> &str {
        self.0.reveal()
    }

    /// What may be shown and logged.
    #[getter]
    fn hint(&self) -> &str {
        self.0.hint()
    }

    fn __str__(&self) -> String {
        self.0.to_string()
    }

    fn __repr__(&self) -> String {
        format!("{:?}", self.0)
    }

    fn __reduce__(&self) -> PyResult<()> {
        Err(unpicklable("a token"))
    }
}

/// A key with its token. It cannot be pickled.
#[pyclass(frozen, get_all, module = "doorward")]
pub(crate) struct CreatedKey {
    /// The secret. Its JSON is its hint.
    token: Py<Token>,
    /// The stored record.
    record: Py<ApiKey>,
}

impl CreatedKey {
    const FIELDS: [&str; 2] = ["token", "record"];
}

#[pymethods]
impl CreatedKey {
    #[classattr]
    fn __match_args__(py: Python<'_>) -> PyResult<Bound<'_, PyTuple>> {
        PyTuple::new(py, Self::FIELDS)
    }

    fn __repr__(slf: &Bound<'_, Self>) -> PyResult<String> {
        record::repr(slf.as_any(), &Self::FIELDS)
    }

    /// The record as JSON has it, and the token's hint.
    fn to_dict<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        record::dict(py, &serde_json::json!({ "token": self.token.get().0, "record": self.record.get().0 }))
    }

    /// The same as JSON text.
    fn to_json(&self, py: Python<'_>) -> PyResult<String> {
        record::json(py, &serde_json::json!({ "token": self.token.get().0, "record": self.record.get().0 }))
    }

    fn __reduce__(&self) -> PyResult<()> {
        Err(unpicklable("a key with its token"))
    }
}

impl Answer for doorward::CreatedKey {
    fn give(self, py: Python<'_>) -> PyResult<Bound<'_, PyAny>> {
        let created = CreatedKey { token: Py::new(py, Token(self.token))?, record: Py::new(py, ApiKey(self.record))? };
        Ok(Bound::new(py, created)?.into_any())
    }
}
