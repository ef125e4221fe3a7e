//! For this package's own tests: a door whose store fails on command, and a call that panics. Not in a wheel.

use std::{sync::Arc, time::Duration};

use doorward::{
    Error, Reason, StoreConfig,
    store::{Backend, memory::MemoryStore},
    testkit::{Fault, Faults},
};
use pyo3::prelude::*;

#[pymodule]
pub(crate) mod testkit {
    #[pymodule_export]
    use super::{TestFaults, open_faulty, panic};
}

/// A store that fails on command.
#[pyclass(frozen, name = "Faults")]
pub(crate) struct TestFaults(Arc<Faults>);

#[pymethods]
impl TestFaults {
    /// Lets every call go wrong from now on: with an error of this reason, or by `panic`, `abandon` or `silence`; `none` ends it.
    fn fail(&self, py: Python<'_>, kind: &str) -> PyResult<()> {
        crate::error::guarded(py, || {
            let fault = match kind {
                "none" => {
                    self.0.heal();
                    return Ok(());
                }
                "panic" => Fault::Panic,
                "abandon" => Fault::Abandon,
                "silence" => Fault::Silence,
                word => {
                    let reason = Reason::ALL.iter().find(|reason| reason.as_str() == word);
                    Fault::Fail(*reason.ok_or_else(|| Error::new(Reason::InvalidFormat, "is no fault").field("kind"))?)
                }
            };
            self.0.fail_all(fault);
            Ok(())
        })
    }

    /// Lets every call take so many seconds.
    fn stall(&self, seconds: f64) {
        self.0.fail_all(Fault::Stall(Duration::from_secs_f64(seconds)));
    }
}

/// Opens a door over a store that fails on command, as the variables say.
#[pyfunction]
pub(crate) fn open_faulty(variables: &Bound<'_, PyAny>) -> PyResult<(crate::handle::Doorward, TestFaults)> {
    let py = variables.py();
    crate::error::guarded(py, || {
        let config = crate::config::environment(Some(variables))?;
        let store: Arc<dyn Backend> = match config.store() {
            StoreConfig::Memory => Arc::new(MemoryStore::new(None)),
            #[cfg(feature = "sqlite")]
            StoreConfig::Sqlite(path) => Arc::new(doorward::store::sqlite::SqliteStore::open(path, Default::default())?),
            #[cfg(feature = "postgres")]
            StoreConfig::Postgres(options) => Arc::new(doorward::store::postgres::PostgresStore::open(options.clone())?),
            _ => return Err(Error::new(Reason::Unsupported, "is no store of this build").field("STORE_BACKEND").into()),
        };
        let store = Arc::new(Faults::around(store));
        let door = doorward::Doorward::with_backend(Arc::<Faults>::clone(&store), config);
        Ok((crate::handle::Doorward::new(door, false), TestFaults(store)))
    })
}

/// Panics, in this library itself.
#[pyfunction]
pub(crate) fn panic(py: Python<'_>) -> PyResult<()> {
    // Without the panic hook: a panic that was asked for is no news.
    crate::error::guarded(py, || std::panic::resume_unwind(Box::new("told to panic")))
}
