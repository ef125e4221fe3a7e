//! The handle, as the package's JavaScript has it, and the session.

use std::{cell::RefCell, rc::Rc, sync::Arc, thread};

use doorward::{AuthContext, Doorward, Error, Reason, Request, Result, StoreConfig, Verdict};
use napi::{
    Env,
    bindgen_prelude::{Either, Unknown},
};
use napi_derive::napi;

use crate::{
    answer::{self, written},
    arguments::Arguments,
    contexts::Contexts,
    courier::{Courier, Parcel, Sender},
    lookup::{self, Lookup, Question},
    operations::{Answer, Call, Face},
    options,
    presented::request,
    task::{begin, caught, now},
};

/// A door.
#[napi]
pub struct Door {
    door: Doorward,
    sender: Sender,
    contexts: Rc<RefCell<Contexts>>,
    in_memory: bool,
}

/// An authenticated caller, and its request.
#[napi]
pub struct Caller {
    context: AuthContext,
    request: Request,
}

/// Opens a door, waiting for its store.
#[napi(catch_unwind)]
pub fn open_sync(courier: &Courier, options: String) -> Either<Door, String> {
    match caught(|| opening(&options)) {
        Ok(opened) => Either::A(Door::new(opened, courier.sender())),
        Err(error) => Either::B(answer::text(Err(error), "open")),
    }
}

/// Opens a door on a thread of its own; the courier tells when it is open. An error is given back if there is no thread.
#[napi(catch_unwind)]
pub fn open(courier: &Courier, ticket: u32, options: String) -> Option<String> {
    let sender = courier.sender();
    let work = move || match caught(|| opening(&options)) {
        Ok(door) => sender.send(ticket, "null".to_owned(), Some(Parcel::Door(door))),
        Err(error) => sender.send(ticket, answer::text(Err(error), "open"), None),
    };
    let started = thread::Builder::new().name("doorward-open".to_owned()).spawn(work);
    let failed = started.err().map(|error| Error::new(Reason::StoreUnavailable, "no thread could be started").because(error));
    failed.map(|error| answer::text(Err(error), "open"))
}

/// A door that was opened, and whether its records are in memory.
pub(crate) struct Opened(pub(crate) Doorward, pub(crate) bool);

fn opening(options: &str) -> Result<Opened> {
    let config = options::config(options)?;
    let in_memory = *config.store() == StoreConfig::Memory;
    Doorward::open(config).map(|door| Opened(door, in_memory))
}

/// The door that was opened with this ticket.
#[napi(catch_unwind)]
pub fn opened(courier: &Courier, ticket: u32) -> Option<Door> {
    let sender = courier.sender();
    match sender.take(ticket) {
        Some(Parcel::Door(door)) => Some(Door::new(door, sender)),
        _ => None,
    }
}

#[napi]
impl Door {
    pub(crate) fn new(Opened(door, in_memory): Opened, sender: Sender) -> Self {
        Self { door, sender, contexts: Rc::default(), in_memory }
    }

    /// Whether the records are in memory, so that lookups never wait.
    #[napi(catch_unwind)]
    pub fn is_in_memory(&self) -> bool {
        self.in_memory
    }

    /// The function of `verify`, for every request (see `lookup.rs`).
    #[napi(catch_unwind)]
    pub fn verifying<'env>(&self, env: &'env Env) -> napi::Result<Unknown<'env>> {
        lookup::function(env, self.lookup(Question::Verify))
    }

    /// The function of `authenticate`.
    #[napi(catch_unwind)]
    pub fn authenticating<'env>(&self, env: &'env Env) -> napi::Result<Unknown<'env>> {
        lookup::function(env, self.lookup(Question::Authenticate))
    }

    /// The list of contexts in which new ones get their numbers.
    #[napi(catch_unwind)]
    pub fn contexts(&self) -> Contexts {
        self.contexts.borrow().clone()
    }

    /// Makes a call and waits for its answer.
    #[napi(catch_unwind)]
    pub fn call_sync(&self, operation: String, arguments: String, caller: Option<&Caller>) -> String {
        let face = match caller {
            None => Face::Door(self.door.clone()),
            Some(Caller { context, request }) => Face::Session(self.door.session(context.clone(), request.clone())),
        };
        let call = Call { face, operation, arguments: arguments.into() };
        let name = call.operation.clone();
        let answer = now(Arc::new(call).make());
        answer::text(answer.and_then(|answer| self.numbered(answer)), &name)
    }

    /// Begins a call. The answer if it is there at once; else the courier brings it.
    #[napi(catch_unwind)]
    pub fn call(&self, ticket: u32, operation: String, arguments: String, caller: Option<&Caller>) -> Option<String> {
        let door = self.door.to_async();
        let face = match caller {
            None => Face::AsyncDoor(door),
            Some(Caller { context, request }) => Face::AsyncSession(door.session(context.clone(), request.clone())),
        };
        let call = Arc::new(Call { face, operation, arguments: arguments.into() });
        let (name, sender) = (call.operation.clone(), self.sender.clone());
        let later = {
            let name = name.clone();
            move |answer: Result<Answer>| match answer {
                Ok(Answer::Text(text)) => sender.send(ticket, text, None),
                Ok(Answer::Verdict(verdict)) => sender.send(ticket, "null".to_owned(), Some(Parcel::Verdict(verdict))),
                Ok(Answer::Admission(context, decision)) => {
                    sender.send(ticket, decision, Some(Parcel::Verdict(Verdict::Granted(context))));
                }
                Err(error) => sender.send(ticket, answer::text(Err(error), &name), None),
            }
        };
        let answer = begin(call.make(), later)?;
        Some(answer::text(answer.and_then(|answer| self.numbered(answer)), &name))
    }

    /// The number of the verdict that came with this ticket.
    #[napi(catch_unwind)]
    pub fn number(&self, ticket: u32) -> Option<i32> {
        match self.sender.take(ticket) {
            Some(Parcel::Verdict(verdict)) => Some(self.contexts.borrow_mut().number(&verdict)),
            _ => None,
        }
    }

    /// The JSON of what the holder of a context has left of its rate limit, if it has one.
    #[napi(catch_unwind)]
    pub fn rate_limit(&self, contexts: &Contexts, number: i32) -> Option<String> {
        let left = self.door.rate_limit(&contexts.get(number)?)?;
        Some(answer::limit(&left).to_string())
    }

    /// What was counted and timed, as JSON.
    #[napi(catch_unwind)]
    pub fn metrics(&self) -> String {
        answer::text(caught(|| written(&self.door.metrics())), "metrics")
    }

    /// The same in Prometheus' text format.
    #[napi(catch_unwind)]
    pub fn metrics_text(&self) -> String {
        self.door.metrics().to_prometheus()
    }

    fn lookup(&self, question: Question) -> Lookup {
        Lookup { door: self.door.clone(), contexts: Rc::clone(&self.contexts), question, request: Request::new() }
    }

    /// A verdict as `{"number":…}`, with the decision of an admission.
    fn numbered(&self, answer: Answer) -> Result<String> {
        let number = |verdict: &Verdict| self.contexts.borrow_mut().number(verdict);
        Ok(match answer {
            Answer::Text(text) => text,
            Answer::Verdict(verdict) => format!("{{\"number\":{}}}", number(&verdict)),
            Answer::Admission(context, decision) => {
                format!("{{\"number\":{},\"decision\":{decision}}}", number(&Verdict::Granted(context)))
            }
        })
    }
}

#[napi]
impl Contexts {
    /// The JSON of a context.
    #[napi(catch_unwind)]
    pub fn describe(&self, number: i32) -> Option<String> {
        written(&self.get(number)?).ok()
    }

    /// The holder of a context, with what is known of its request.
    #[napi(catch_unwind)]
    pub fn caller(&self, number: i32, request_arguments: String) -> Either<Caller, String> {
        let caller = caught(|| {
            let mut arguments = Arguments::parse(&request_arguments)?;
            let request = request(&mut arguments)?;
            let context = self.get(number).ok_or_else(|| Error::new(Reason::Bug, "there is no such context"))?;
            Ok(Caller { context, request })
        });
        match caller {
            Ok(caller) => Either::A(caller),
            Err(error) => Either::B(answer::text(Err(error), "session")),
        }
    }
}
