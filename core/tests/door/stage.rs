//! A door before a fresh store, with one institution.

use std::path::PathBuf;

use doorward::{ApiKeyQuery, Config, CreatedKey, Doorward, InstitutionId, NewInstitution, NewKey, PageRequest, Role};
use tempfile::TempDir;

/// Longer than anything here takes.
pub(crate) const AGES: std::time::Duration = std::time::Duration::from_secs(60);

pub(crate) struct Stage {
    pub(crate) door: Doorward,
    pub(crate) acme: InstitutionId,
    folder: TempDir,
}

impl Stage {
    pub(crate) fn memory() -> Self {
        Self::open(|_| Config::memory())
    }

    pub(crate) fn sqlite() -> Self {
        Self::open(Config::sqlite)
    }

    /// A stage on each kind of store.
    pub(crate) fn each() -> [Self; 2] {
        [Self::memory(), Self::sqlite()]
    }

    pub(crate) fn open(config: impl FnOnce(PathBuf) -> Config) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let door = Doorward::open(config(folder.path().join("doorward.db"))).unwrap();
        let acme = door.create_institution(NewInstitution::new("Acme Bank", ["US".parse().unwrap()])).unwrap().id;
        Self { door, acme, folder }
    }

    /// The file of an SQLite store.
    pub(crate) fn file(&self) -> PathBuf {
        self.folder.path().join("doorward.db")
    }

    pub(crate) fn key(&self, role: Role) -> CreatedKey {
        self.door.create_key(&self.acme, NewKey::new("a key", role)).unwrap()
    }

    /// The newest thousand of the institution's keys.
    pub(crate) fn all_keys(&self) -> ApiKeyQuery {
        ApiKeyQuery { page: PageRequest::first(1000), ..ApiKeyQuery::of(self.acme.clone()) }
    }
}
