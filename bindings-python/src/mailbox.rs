//! Where a loop finds the answers that came from other threads. Those threads put outcomes into a queue and ring a bell, a
//! socket that the loop watches; they hold no Python object and never enter the interpreter. The loop's own thread makes the
//! answers of the outcomes and wakes who waits for them.

use std::{
    collections::HashMap,
    io::{ErrorKind, Read, Write},
    mem::take,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
};

use pyo3::{PyTraverseError, PyVisit, exceptions::PyBaseException, prelude::*};

use crate::reply::Outcome;

#[cfg(unix)]
type Socket = std::os::unix::net::UnixStream;
#[cfg(not(unix))]
type Socket = std::net::TcpStream;

/// The future of who waits, and the answer or the exception that it gets.
type Delivered = (Py<PyAny>, Option<Py<PyAny>>, Option<Py<PyBaseException>>);

/// The part of a mailbox that other threads know.
pub(crate) struct Post {
    queue: Mutex<Vec<(u64, Outcome)>>,
    bell: Socket,
    rung: AtomicBool,
}

impl Post {
    pub(crate) fn deliver(&self, number: u64, outcome: Outcome) {
        lock(&self.queue).push((number, outcome));
        if !self.rung.swap(true, Ordering::SeqCst) {
            // A loop that is gone hears nothing, and nobody waits in it.
            let _ = (&self.bell).write(&[0]);
        }
    }
}

/// The mailbox of a loop, which owns it and lets it go when it is closed.
#[pyclass(frozen, weakref)]
pub(crate) struct Mailbox {
    post: Arc<Post>,
    /// The other end of the bell.
    ear: Socket,
    /// The futures of those who wait, by number.
    waiting: Mutex<HashMap<u64, Py<PyAny>>>,
    last: AtomicU64,
    /// The process whose threads know it.
    process: u32,
}

impl Mailbox {
    /// Keeps the future until its outcome is delivered under a number.
    pub(crate) fn expect(&self, future: &Bound<'_, PyAny>) -> (Arc<Post>, u64) {
        let number = self.last.fetch_add(1, Ordering::Relaxed);
        lock(&self.waiting).insert(number, future.clone().unbind());
        (Arc::clone(&self.post), number)
    }
}

#[pymethods]
impl Mailbox {
    #[new]
    fn new() -> PyResult<Self> {
        let (ear, bell) = pair()?;
        ear.set_nonblocking(true)?;
        bell.set_nonblocking(true)?;
        let post = Arc::new(Post { queue: Mutex::default(), bell, rung: AtomicBool::new(false) });
        Ok(Self { post, ear, waiting: Mutex::default(), last: AtomicU64::new(0), process: std::process::id() })
    }

    /// Whether this process made it. One that was inherited by a fork hears nothing: the threads that knew it are not here.
    fn is_ours(&self) -> bool {
        self.process == std::process::id()
    }

    fn fileno(&self) -> i64 {
        #[cfg(unix)]
        return std::os::fd::AsRawFd::as_raw_fd(&self.ear).into();
        #[cfg(windows)]
        return i64::try_from(std::os::windows::io::AsRawSocket::as_raw_socket(&self.ear)).unwrap_or(-1);
    }

    /// What was delivered: the future of who waits for it, and the answer or the exception.
    fn delivered(&self, py: Python<'_>) -> Vec<Delivered> {
        let mut rings = [0; 64];
        loop {
            match (&self.ear).read(&mut rings) {
                Ok(0) => break,
                Ok(_) => {}
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(_) => break,
            }
        }
        // Whoever delivers from here on rings again; what was delivered before is in the queue.
        self.post.rung.store(false, Ordering::SeqCst);
        let delivered = take(&mut *lock(&self.post.queue));
        let answers = delivered.into_iter().filter_map(|(number, outcome)| {
            let future = lock(&self.waiting).remove(&number)?;
            Some(match outcome(py) {
                Ok(answer) => (future, Some(answer), None),
                Err(error) => (future, None, Some(error.into_value(py))),
            })
        });
        answers.collect()
    }

    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        // Held by a thread that is in the middle of a change: then it is in use, and no garbage.
        let Ok(waiting) = self.waiting.try_lock() else { return Ok(()) };
        waiting.values().try_for_each(|future| visit.call(future))
    }

    fn __clear__(&self) {
        let _ = take(&mut *lock(&self.waiting));
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(unix)]
fn pair() -> std::io::Result<(Socket, Socket)> {
    Socket::pair()
}

#[cfg(not(unix))]
fn pair() -> std::io::Result<(Socket, Socket)> {
    let listener = std::net::TcpListener::bind((std::net::Ipv4Addr::LOCALHOST, 0))?;
    let bell = Socket::connect(listener.local_addr()?)?;
    loop {
        let (ear, peer) = listener.accept()?;
        // Anybody may connect; only one of them is us.
        if peer == bell.local_addr()? {
            return Ok((ear, bell));
        }
    }
}
