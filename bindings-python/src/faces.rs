//! The operations, written once for the four classes that have them: `Doorward` and `Session`, which block, and their twins
//! for asyncio.

/// Declares operations: `quick` ones hold other threads up for no longer than a lookup where the records are in memory, and
/// are made as they are there; before all others, and before every other store, the interpreter is let go.
///
/// What is in the first braces reads the arguments; then comes the core's operation with what was read.
macro_rules! operations {
    ($(
        $(#[$meta:meta])*
        $pace:ident fn $name:ident(&$door:ident, $py:ident $(, $argument:ident: $type:ty)* $(,)?) {
            $($read:tt)*
        } => $call:ident($($given:expr),*);
    )*) => {
        $crate::faces::face! { Doorward blocks $( [$(#[$meta])*] $pace $name($door, $py $(, $argument: $type)*) { $($read)* } $call($($given),*) )* }
        $crate::faces::face! { Session blocks $( [$(#[$meta])*] $pace $name($door, $py $(, $argument: $type)*) { $($read)* } $call($($given),*) )* }
        $crate::faces::face! { AsyncDoorward awaits $( [$(#[$meta])*] $pace $name($door, $py $(, $argument: $type)*) { $($read)* } $call($($given),*) )* }
        $crate::faces::face! { AsyncSession awaits $( [$(#[$meta])*] $pace $name($door, $py $(, $argument: $type)*) { $($read)* } $call($($given),*) )* }
    };
}

macro_rules! face {
    ($face:ident $way:ident $(
        [$(#[$meta:meta])*] $pace:ident $name:ident($door:ident, $py:ident $(, $argument:ident: $type:ty)*) { $($read:tt)* } $call:ident($($given:expr),*)
    )*) => {
        #[pymethods]
        impl $crate::handle::$face { $(
            $(#[$meta])*
            fn $name<'py>(&$door, $py: Python<'py> $(, $argument: $type)*) -> PyResult<Bound<'py, PyAny>> {
                $crate::faces::make!($way $pace $door $py { $($read)* } $call($($given),*))
            }
        )* }
    };
}

macro_rules! make {
    (blocks $pace:ident $door:ident $py:ident { $($read:tt)* } $call:ident($($given:expr),*)) => {
        $crate::error::guarded($py, || {
            $($read)*
            let call = || $door.inner.$call($($given),*);
            let answer = if $door.holds($crate::handle::Pace::$pace) { call() } else { $py.detach(call) };
            Ok($crate::answer::Answer::give(answer?, $py)?)
        })
    };
    (awaits $pace:ident $door:ident $py:ident { $($read:tt)* } $call:ident($($given:expr),*)) => {
        $crate::reply::reply($py, || {
            $($read)*
            let inner = $door.inner.clone();
            Ok($crate::reply::begin($py, async move { inner.$call($($given),*).await }))
        })
    };
}

pub(crate) use {face, make, operations};
