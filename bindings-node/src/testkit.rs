//! For this package's own tests: a door whose store fails on command, and calls that panic. Not in an addon that is built
//! without the feature `testkit`.

use std::{sync::Arc, thread, time::Duration};

use doorward::{
    Doorward, Error, Reason, Reply, Result, StoreConfig,
    store::{Backend, memory::MemoryStore},
    testkit::{Fault, Faults},
};
use napi_derive::napi;

use crate::{
    answer,
    arguments::Arguments,
    courier::Courier,
    door::{Door, Opened},
    options,
    task::caught,
};
use napi::bindgen_prelude::Either;

/// A door over a store that fails on command.
#[napi]
pub struct FaultyStore(Arc<Faults>);

#[napi]
impl FaultyStore {
    /// A store as the options say, in working order.
    #[napi(factory, catch_unwind)]
    pub fn with(options: String) -> napi::Result<Self> {
        let store = caught(|| {
            let store: Arc<dyn Backend> = match options::config(&options)?.store() {
                StoreConfig::Memory => Arc::new(MemoryStore::new(None)),
                #[cfg(feature = "sqlite")]
                StoreConfig::Sqlite(path) => Arc::new(doorward::store::sqlite::SqliteStore::open(path, Default::default())?),
                #[cfg(feature = "postgres")]
                StoreConfig::Postgres(options) => Arc::new(doorward::store::postgres::PostgresStore::open(options.clone())?),
                _ => return Err(Error::new(Reason::Unsupported, "is no store of this build").field("STORE_BACKEND")),
            };
            Ok(Self(Arc::new(Faults::around(store))))
        });
        store.map_err(|error| napi::Error::from_reason(error.to_string()))
    }

    /// A door over it.
    #[napi(catch_unwind)]
    pub fn open(&self, courier: &Courier, options: String) -> Either<Door, String> {
        let opened = caught(|| Ok(Doorward::with_backend(Arc::<Faults>::clone(&self.0), options::config(&options)?)));
        match opened {
            Ok(door) => Either::A(Door::new(Opened(door, false), courier.sender())),
            Err(error) => Either::B(answer::text(Err(error), "open")),
        }
    }

    /// Lets every call go wrong from now on: with an error of this reason, or by `panic`, `abandon`, `silence` or
    /// `stall:MILLISECONDS`; `none` ends it.
    #[napi(catch_unwind)]
    pub fn fault(&self, kind: String) -> napi::Result<()> {
        let unknown = || napi::Error::from_reason(format!("there is no fault {kind}"));
        let fault = match kind.as_str() {
            "none" => {
                self.0.heal();
                return Ok(());
            }
            "panic" => Fault::Panic,
            "abandon" => Fault::Abandon,
            "silence" => Fault::Silence,
            word => match word.strip_prefix("stall:") {
                Some(millis) => Fault::Stall(Duration::from_millis(millis.parse().map_err(|_| unknown())?)),
                None => Fault::Fail(*Reason::ALL.iter().find(|reason| reason.as_str() == word).ok_or_else(unknown)?),
            },
        };
        self.0.fail_all(fault);
        Ok(())
    }
}

/// The operation `panic`: panics in this addon itself; with `later`, on another thread while a promise waits.
pub(crate) async fn panic(mut arguments: Arguments<'_>) -> Result<String> {
    if arguments.flag("later")? {
        let (reply, completer) = Reply::pending();
        thread::spawn(move || {
            thread::sleep(Duration::from_millis(20));
            completer.complete(Ok(()));
        });
        reply.await?;
    }
    // Without the panic hook: a panic that was asked for is no news.
    std::panic::resume_unwind(Box::new("told to panic"))
}
