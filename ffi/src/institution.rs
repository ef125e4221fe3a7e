//! Institutions.

use std::mem::MaybeUninit;

use doorward::{Error, Institution, InstitutionId, InstitutionPatch, NewInstitution, Region, Result};

use crate::{
    dw_error, dw_session, dw_status,
    error::named,
    guard::{free, give, read},
    options::{self, versioned},
    record::{Record, Written},
    session::call,
    text::{dw_str, dw_strs},
};

/// An institution. Owned: `dw_institution_free`. `const dw_institution *` may be shared.
pub struct dw_institution {
    pub(crate) record: Record<Institution>,
    id: Written,
}

impl dw_institution {
    pub(crate) fn new(institution: Institution) -> Self {
        Self { record: Record::new(institution), id: Written::default() }
    }
}

/// An institution to be created.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct dw_new_institution {
    /// `sizeof(dw_new_institution)`.
    pub struct_size: usize,
    /// Its id, 1 to 128 of `A-Za-z0-9_.:-`; absent: one is made.
    pub id: dw_str,
    /// Its name, 1 to 255 characters.
    pub name: dw_str,
    /// Its regions; absent: none.
    pub regions: dw_strs,
}

versioned!(dw_new_institution = 56);

/// What is to change about an institution; what is absent stays as it is.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct dw_institution_patch {
    /// `sizeof(dw_institution_patch)`.
    pub struct_size: usize,
    /// The new name.
    pub name: dw_str,
    /// The new list of regions, whole.
    pub regions: dw_strs,
}

versioned!(dw_institution_patch = 40);

/// An institution's id among the arguments.
pub(crate) fn institution_id(text: &dw_str) -> Result<InstitutionId> {
    text.required("institution_id")?.parse()
}

fn regions(texts: &dw_strs) -> Result<Option<Vec<Region>>> {
    let Some(texts) = texts.optional("regions")? else { return Ok(None) };
    let read = |(index, code): (usize, &str)| code.parse().map_err(|error: Error| error.field(format!("regions[{index}]")));
    texts.into_iter().enumerate().map(read).collect::<Result<_>>().map(Some)
}

/// Creates an institution; only root and the system may. Puts an owned institution into `institution`.
///
/// Errors: `VALIDATION`; `FORBIDDEN`; `CONFLICT` / `institution_exists`; what a store can answer.
#[unsafe(no_mangle)]
pub extern "C" fn dw_create_institution(
    session: Option<&dw_session>,
    new_institution: *const dw_new_institution,
    institution: Option<&mut MaybeUninit<Option<Box<dw_institution>>>>,
    error: Option<&mut MaybeUninit<Option<Box<dw_error>>>>,
) -> dw_status {
    give("institution", institution, error, || {
        let given = options::required(new_institution, "new_institution")?;
        let of_id = |error| named(error, "institution_id", "id");
        let new = NewInstitution {
            id: given.id.optional("id")?.map(str::parse).transpose().map_err(of_id)?,
            name: given.name.required("name")?.to_owned(),
            regions: regions(&given.regions)?.unwrap_or_default(),
        };
        call!(session, create_institution(new)).map(dw_institution::new).map_err(of_id)
    })
}

/// Gets an institution. Puts an owned institution into `institution`.
///
/// Errors: `FORBIDDEN`; `NOT_FOUND` / `institution_not_found`; what a store can answer.
#[unsafe(no_mangle)]
pub extern "C" fn dw_get_institution(
    session: Option<&dw_session>,
    institution_id: dw_str,
    institution: Option<&mut MaybeUninit<Option<Box<dw_institution>>>>,
    error: Option<&mut MaybeUninit<Option<Box<dw_error>>>>,
) -> dw_status {
    give("institution", institution, error, || {
        let id = self::institution_id(&institution_id)?;
        call!(session, get_institution(&id)).map(dw_institution::new)
    })
}

/// Changes an institution; only root and the system may. Puts an owned institution, as it is then, into `institution`.
///
/// Errors: `VALIDATION`; `FORBIDDEN`; `NOT_FOUND` / `institution_not_found`; what a store can answer.
#[unsafe(no_mangle)]
pub extern "C" fn dw_update_institution(
    session: Option<&dw_session>,
    institution_id: dw_str,
    patch: *const dw_institution_patch,
    institution: Option<&mut MaybeUninit<Option<Box<dw_institution>>>>,
    error: Option<&mut MaybeUninit<Option<Box<dw_error>>>>,
) -> dw_status {
    give("institution", institution, error, || {
        let id = self::institution_id(&institution_id)?;
        let given = options::required(patch, "patch")?;
        let name = given.name.optional("name")?.map(str::to_owned);
        let patch = InstitutionPatch { name, regions: regions(&given.regions)? };
        call!(session, update_institution(&id, patch)).map(dw_institution::new)
    })
}

/// Its id. Borrowed until the institution is freed.
#[unsafe(no_mangle)]
pub extern "C" fn dw_institution_id(institution: Option<&dw_institution>) -> dw_str {
    read(institution, dw_str::ABSENT, |institution| institution.id.text(|| Some(&institution.record.value.id)))
}

/// Its name. Borrowed until the institution is freed.
#[unsafe(no_mangle)]
pub extern "C" fn dw_institution_name(institution: Option<&dw_institution>) -> dw_str {
    read(institution, dw_str::ABSENT, |institution| dw_str::of(&institution.record.value.name))
}

/// The whole as JSON. Borrowed until the institution is freed.
#[unsafe(no_mangle)]
pub extern "C" fn dw_institution_json(institution: Option<&dw_institution>) -> dw_str {
    read(institution, dw_str::ABSENT, |institution| institution.record.json())
}

/// Frees the institution. NULL is fine; never for one that is borrowed from a page.
#[unsafe(no_mangle)]
pub extern "C" fn dw_institution_free(institution: Option<Box<dw_institution>>) {
    free(institution);
}
