//! The way back to JavaScript for answers that come on other threads. There is one for each environment (the main thread, each
//! worker), and it outlives its environment: what comes too late is dropped.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use doorward::Verdict;
use napi::{
    Env, Status,
    bindgen_prelude::{FnArgs, Function},
    sys,
    threadsafe_function::{ThreadsafeFunction, ThreadsafeFunctionCallMode},
};
use napi_derive::napi;

use crate::door::Opened;

/// `(ticket, text) => void`; it does not keep the process alive.
type Deliver = ThreadsafeFunction<FnArgs<(u32, String)>, (), FnArgs<(u32, String)>, Status, false, true>;

/// What JavaScript gets by its ticket, besides the text.
pub(crate) enum Parcel {
    Door(Opened),
    Verdict(Verdict),
}

/// Tells JavaScript of answers.
#[napi]
pub struct Courier(Arc<Inner>);

struct Inner {
    deliver: Deliver,
    parcels: Mutex<HashMap<u32, Parcel>>,
}

/// The same for other threads.
#[derive(Clone)]
pub(crate) struct Sender(Arc<Inner>);

#[napi]
impl Courier {
    /// A courier that calls `deliver` with the ticket and the answer of each call that was not answered at once.
    #[napi(factory)]
    pub fn to(deliver: Function<'_, FnArgs<(u32, String)>, ()>) -> napi::Result<Self> {
        let deliver = deliver.build_threadsafe_function().weak::<true>().build()?;
        Ok(Self(Arc::new(Inner { deliver, parcels: Mutex::default() })))
    }

    /// Keeps the process alive: an answer is awaited.
    #[napi]
    pub fn hold(&self, env: &Env) {
        // SAFETY: the environment that made the function lives, and this is its thread.
        unsafe { sys::napi_ref_threadsafe_function(env.raw(), self.0.deliver.raw()) };
    }

    /// No longer keeps the process alive: none is.
    #[napi]
    pub fn release(&self, env: &Env) {
        // SAFETY: as above.
        unsafe { sys::napi_unref_threadsafe_function(env.raw(), self.0.deliver.raw()) };
    }

    pub(crate) fn sender(&self) -> Sender {
        Sender(Arc::clone(&self.0))
    }
}

impl Sender {
    pub(crate) fn send(&self, ticket: u32, text: String, parcel: Option<Parcel>) {
        if let Some(parcel) = parcel {
            self.parcels().insert(ticket, parcel);
        }
        // What comes when the environment has ended is nobody's.
        if self.0.deliver.call((ticket, text).into(), ThreadsafeFunctionCallMode::NonBlocking) != Status::Ok {
            self.take(ticket);
        }
    }

    pub(crate) fn take(&self, ticket: u32) -> Option<Parcel> {
        self.parcels().remove(&ticket)
    }

    fn parcels(&self) -> MutexGuard<'_, HashMap<u32, Parcel>> {
        self.0.parcels.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
