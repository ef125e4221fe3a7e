//! Institutions.

use pyo3::{prelude::*, types::PyTuple};

use crate::record::records;

records! {
    /// A tenant: the owner of keys and policies.
    plain Institution(doorward::Institution) {
        /// `inst_…`, or what the host chose.
        id: |record| &record.id,
        /// 1 to 255 characters.
        name: |record| &record.name,
        /// Where the institution is at work. It describes; a policy may be set for every known region.
        regions: |record| &record.regions,
        /// When it was created.
        created_at: |record| &record.created_at,
        /// When it was last changed.
        updated_at: |record| &record.updated_at,
    } => |fields| doorward::Institution {
        id: fields.next()?,
        name: fields.next()?,
        regions: fields.next()?,
        created_at: fields.next()?,
        updated_at: fields.next()?,
    };
}
