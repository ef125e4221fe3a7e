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
    #[cfg(feature = "postgres")]
    Postgres,
}

impl Store {
    pub(crate) const ALL: &[Self] = &[
        Self::Memory,
        #[cfg(feature = "sqlite")]
        Self::Sqlite,
        #[cfg(feature = "postgres")]
        Self::Postgres,
    ];

    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Memory => "memory",
            #[cfg(feature = "sqlite")]
            Self::Sqlite => "sqlite",
            #[cfg(feature = "postgres")]
            Self::Postgres => "postgres",
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
            #[cfg(feature = "postgres")]
            Self::Postgres => {
                let options = doorward::PostgresOptions::new(room.schema().url())?.schema(room.schema().name())?;
                Ok(Arc::new(doorward::store::postgres::PostgresStore::open(options)?))
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
        #[cfg(feature = "postgres")]
        if self == Self::Postgres {
            all.insert("DATABASE_URL".to_owned(), room.schema().url().to_owned());
            all.insert("DOORWARD_SCHEMA".to_owned(), room.schema().name().to_owned());
        }
        #[cfg(not(any(feature = "sqlite", feature = "postgres")))]
        let _ = room;
        all.extend(variables.clone());
        Config::from_variables(all.iter().map(|(name, value)| (name.as_str(), value.as_str())))
    }
}

/// A folder of its own for each run, and a schema where one is asked for; gone afterwards.
pub(crate) struct Room {
    folder: tempfile::TempDir,
    #[cfg(feature = "postgres")]
    schema: std::sync::OnceLock<doorward_test_servers::Schema>,
}

impl Room {
    pub(crate) fn new() -> Result<Self, String> {
        let folder = tempfile::tempdir().map_err(|error| format!("no folder for the test: {error}"))?;
        Ok(Self {
            folder,
            #[cfg(feature = "postgres")]
            schema: std::sync::OnceLock::new(),
        })
    }

    /// The folder.
    pub(crate) fn folder(&self) -> PathBuf {
        self.folder.path().to_owned()
    }

    #[cfg(feature = "sqlite")]
    fn file(&self) -> PathBuf {
        self.folder.path().join("doorward.db")
    }

    #[cfg(feature = "postgres")]
    fn schema(&self) -> &doorward_test_servers::Schema {
        self.schema.get_or_init(doorward_test_servers::Schema::fresh)
    }
}
