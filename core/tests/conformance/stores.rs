//! The stores on which scenarios and cases run, each time a fresh one.

use std::{collections::BTreeMap, path::PathBuf, sync::Arc};

use doorward::{
    Config,
    store::{Backend, memory::MemoryStore},
};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Store {
    Memory,
    #[cfg(feature = "sqlite")]
    Sqlite,
}

impl Store {
    pub(crate) const ALL: &[Self] = &[
        Self::Memory,
        #[cfg(feature = "sqlite")]
        Self::Sqlite,
    ];

    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Memory => "memory",
            #[cfg(feature = "sqlite")]
            Self::Sqlite => "sqlite",
        }
    }

    /// An empty store.
    pub(crate) fn make(self, room: &Room) -> doorward::Result<Arc<dyn Backend>> {
        match self {
            Self::Memory => {
                let _ = room;
                Ok(Arc::new(MemoryStore::new(None)))
            }
            #[cfg(feature = "sqlite")]
            Self::Sqlite => {
                let options = doorward::store::sqlite::SqliteOptions::default();
                Ok(Arc::new(doorward::store::sqlite::SqliteStore::open(room.file(), options)?))
            }
        }
    }

    /// The variables that ask for this store, and the scenario's own.
    pub(crate) fn config(self, room: &Room, variables: &BTreeMap<String, String>) -> doorward::Result<Config> {
        let mut all = BTreeMap::from([("STORE_BACKEND".to_owned(), self.name().to_owned())]);
        #[cfg(feature = "sqlite")]
        if self == Self::Sqlite {
            all.insert("DATABASE_URL".to_owned(), format!("sqlite:{}", room.file().display()));
        }
        #[cfg(not(feature = "sqlite"))]
        let _ = room;
        all.extend(variables.clone());
        Config::from_variables(all.iter().map(|(name, value)| (name.as_str(), value.as_str())))
    }
}

/// A folder of its own for each run, gone afterwards.
pub(crate) struct Room(tempfile::TempDir);

impl Room {
    pub(crate) fn new() -> Result<Self, String> {
        tempfile::tempdir().map(Self).map_err(|error| format!("no folder for the test: {error}"))
    }

    /// The folder.
    pub(crate) fn folder(&self) -> PathBuf {
        self.0.path().to_owned()
    }

    #[cfg(feature = "sqlite")]
    fn file(&self) -> PathBuf {
        self.0.path().join("doorward.db")
    }
}
