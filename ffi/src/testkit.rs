//! For this crate's own tests: a door whose store fails on command, and a call that panics. In no header, and not in a library
//! that is built without the feature `testkit`.

use std::{mem::MaybeUninit, sync::Arc};

use doorward::{
    Doorward, Error, Reason, StoreConfig,
    store::{Backend, memory::MemoryStore},
    testkit::{Fault, Faults},
};

use crate::{
    dw_door, dw_error, dw_options, dw_status,
    guard::{done, free, give, given},
    options,
    text::dw_str,
};

/// A store that fails on command. Owned: `dw_test_faults_free`.
pub struct dw_test_faults(Arc<Faults>);

/// Opens a door over a store that fails on command.
#[unsafe(no_mangle)]
pub extern "C" fn dw_test_open_faulty(
    options: *const dw_options,
    faults: Option<&mut MaybeUninit<Option<Box<dw_test_faults>>>>,
    door: Option<&mut MaybeUninit<Option<Box<dw_door>>>>,
    error: Option<&mut MaybeUninit<Option<Box<dw_error>>>>,
) -> dw_status {
    let faults: Option<&mut Option<Box<dw_test_faults>>> = faults.map(|slot| slot.write(None));
    give("door", door, error, || {
        let faults = given(faults, "faults")?;
        let options = options::required(options, "options")?;
        let config = options.config()?;
        let store: Arc<dyn Backend> = match config.store() {
            StoreConfig::Memory => Arc::new(MemoryStore::new(None)),
            #[cfg(feature = "sqlite")]
            StoreConfig::Sqlite(path) => Arc::new(doorward::store::sqlite::SqliteStore::open(path, Default::default())?),
            #[cfg(feature = "postgres")]
            StoreConfig::Postgres(options) => Arc::new(doorward::store::postgres::PostgresStore::open(options.clone())?),
            _ => return Err(Error::new(Reason::Unsupported, "is no store of this build").field("STORE_BACKEND")),
        };
        let store = Arc::new(Faults::around(store));
        *faults = Some(Box::new(dw_test_faults(Arc::clone(&store))));
        options.open(config, |config| Ok(Doorward::with_backend(store, config)))
    })
}

/// Lets every call go wrong from now on: with an error of this reason, or by `panic` or `abandon`; `none` ends it.
#[unsafe(no_mangle)]
pub extern "C" fn dw_test_fault(
    faults: Option<&dw_test_faults>,
    kind: dw_str,
    error: Option<&mut MaybeUninit<Option<Box<dw_error>>>>,
) -> dw_status {
    done(error, || {
        let faults = &given(faults, "faults")?.0;
        let fault = match kind.required("kind")? {
            "none" => {
                faults.heal();
                return Ok(());
            }
            "panic" => Fault::Panic,
            "abandon" => Fault::Abandon,
            word => {
                let reason = Reason::ALL.iter().find(|reason| reason.as_str() == word);
                Fault::Fail(*reason.ok_or_else(|| Error::new(Reason::InvalidFormat, "is no fault").field("kind"))?)
            }
        };
        faults.fail_all(fault);
        Ok(())
    })
}

/// Frees it. NULL is fine.
#[unsafe(no_mangle)]
pub extern "C" fn dw_test_faults_free(faults: Option<Box<dw_test_faults>>) {
    free(faults);
}

/// Panics, in this library itself.
#[unsafe(no_mangle)]
pub extern "C" fn dw_test_panic(error: Option<&mut MaybeUninit<Option<Box<dw_error>>>>) -> dw_status {
    // Without the panic hook: a panic that was asked for is no news.
    done(error, || std::panic::resume_unwind(Box::new("told to panic")))
}
