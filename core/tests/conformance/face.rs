//! The faces through which operations are called: blocking and async, by the host itself or by an authenticated caller.

use doorward::{AsyncDoorward, AsyncSession, AuthContext, Doorward, Request, Session};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Face {
    Blocking,
    Async,
}

impl Face {
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Blocking => "blocking",
            Self::Async => "async",
        }
    }
}

/// The handle, in one of its two forms.
#[derive(Clone)]
pub(crate) enum Door {
    Blocking(Doorward),
    Async(AsyncDoorward),
}

impl Door {
    pub(crate) fn new(door: Doorward, face: Face) -> Self {
        match face {
            Face::Blocking => Self::Blocking(door),
            Face::Async => Self::Async(door.to_async()),
        }
    }

    pub(crate) fn session(&self, context: AuthContext, request: Request) -> Caller {
        match self {
            Self::Blocking(door) => Caller::Session(door.session(context, request)),
            Self::Async(door) => Caller::AsyncSession(door.session(context, request)),
        }
    }
}

/// On whose behalf an operation is called, and through which face.
#[derive(Clone)]
pub(crate) enum Caller {
    System(Door),
    Session(Session),
    AsyncSession(AsyncSession),
}

/// Calls an operation of the door alone: `door!(door, verify(token, &request))`.
macro_rules! door {
    ($door:expr, $operation:ident($($argument:expr),*)) => {
        match $door {
            $crate::face::Door::Blocking(door) => door.$operation($($argument),*),
            $crate::face::Door::Async(door) => pollster::block_on(door.$operation($($argument),*)),
        }
    };
}

/// Calls an operation that every caller has: `call!(caller, get_key(&institution, &key))`.
macro_rules! call {
    ($caller:expr, $operation:ident($($argument:expr),*)) => {
        match $caller {
            $crate::face::Caller::System(door) => $crate::face::door!(door, $operation($($argument),*)),
            $crate::face::Caller::Session(session) => session.$operation($($argument),*),
            $crate::face::Caller::AsyncSession(session) => pollster::block_on(session.$operation($($argument),*)),
        }
    };
}

pub(crate) use {call, door};
