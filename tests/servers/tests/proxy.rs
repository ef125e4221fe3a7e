//! What the proxy does to what passes through it, as seen by psql, which uses simple queries, and by a client that uses prepared
//! ones.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::arithmetic_side_effects,
    reason = "a test that panics is a test that fails"
)]

use std::{
    io::{self, BufRead, BufReader, Read, Write},
    net::TcpStream,
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use doorward_test_servers::{Database, Moment, Proxy, wait_until};

const SOON: Duration = Duration::from_secs(20);
const WRITE: &str = "BEGIN; INSERT INTO t VALUES (1);\nCOMMIT;\n";

/// A database with an empty table, and a proxy before it.
fn stage() -> (Database, Proxy) {
    let database = Database::fresh();
    database.psql("CREATE TABLE t (n int)");
    let proxy = Proxy::before(&database.url());
    (database, proxy)
}

fn rows(database: &Database) -> usize {
    database.query("SELECT n FROM t").len()
}

/// psql on the address, fed by its input.
struct Client {
    child: Child,
}

impl Client {
    fn start(url: &str) -> Client {
        let mut command = Command::new("psql");
        command.args(["-X", "-q", "-At", "-w", "-v", "ON_ERROR_STOP=1", "-d", url]);
        let child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("psql runs");
        Client { child }
    }

    fn send(&mut self, sql: &str) {
        self.child.stdin.as_mut().unwrap().write_all(sql.as_bytes()).unwrap();
    }

    fn line(&mut self) -> String {
        let mut line = String::new();
        BufReader::with_capacity(1, self.child.stdout.as_mut().unwrap()).read_line(&mut line).unwrap();
        line.trim().to_owned()
    }

    /// Whether all went well, and what was said if not.
    fn end(self) -> Result<(), String> {
        let output = self.child.wait_with_output().unwrap();
        if output.status.success() { Ok(()) } else { Err(String::from_utf8_lossy(&output.stderr).into_owned()) }
    }
}

fn run(url: &str, sql: &str) -> Result<(), String> {
    let mut client = Client::start(url);
    client.send(sql);
    client.end()
}

#[test]
fn what_no_command_concerns_passes() {
    let (database, proxy) = stage();
    run(&proxy.url(), WRITE).unwrap();
    assert_eq!(rows(&database), 1);
    assert_eq!(proxy.fired(), 0);
}

#[test]
fn a_commit_dropped_before_the_server_sees_it_is_rolled_back() {
    let (database, proxy) = stage();
    proxy.drop_at_commit(Moment::Before);
    let error = run(&proxy.url(), WRITE).unwrap_err();
    assert!(error.contains("server closed the connection"), "{error}");
    proxy.wait_until_fired(1);
    assert_eq!(rows(&database), 0);

    run(&proxy.url(), WRITE).unwrap();
    assert_eq!((rows(&database), proxy.fired()), (1, 1), "it concerns one COMMIT only");
}

#[test]
fn a_commit_dropped_after_the_server_saw_it_holds() {
    let (database, proxy) = stage();
    proxy.drop_at_commit(Moment::After);
    let error = run(&proxy.url(), WRITE).unwrap_err();
    assert_eq!(rows(&database), 1, "it had committed when the client noticed");
    assert!(error.contains("server closed the connection"), "{error}");
    proxy.wait_until_fired(1);
}

#[test]
fn a_commit_that_is_held_takes_effect_when_it_is_released() {
    let (database, proxy) = stage();
    proxy.hold_commit();
    run(&proxy.url(), WRITE).unwrap_err();
    proxy.wait_until_fired(1);
    proxy.cut();
    assert_eq!(rows(&database), 0);
    assert_eq!(proxy.release_commit().as_deref(), Ok("COMMIT"));
    assert_eq!(rows(&database), 1);
}

/// A client that prepares, binds and executes every statement.
struct Extended {
    stream: TcpStream,
}

impl Extended {
    /// Connects to the address of a server that trusts everybody.
    fn connect(url: &str) -> Extended {
        let (address, database) = url.split_once('@').unwrap().1.split_once('/').unwrap();
        let mut stream = TcpStream::connect(address).unwrap();
        stream.set_read_timeout(Some(SOON)).unwrap();
        let mut start = vec![0, 3, 0, 0];
        start.extend_from_slice(format!("user\0postgres\0database\0{database}\0\0").as_bytes());
        stream.write_all(&[&(start.len() as u32 + 4).to_be_bytes()[..], &start].concat()).unwrap();
        let mut client = Extended { stream };
        client.answer().unwrap();
        client
    }

    /// Executes a statement, and gives the kinds of the server's messages.
    fn execute(&mut self, sql: &str) -> io::Result<String> {
        let parse = format!("s\0{sql}\0\0\0");
        let all = [('P', parse.as_str()), ('B', "\0s\0\0\0\0\0\0\0"), ('E', "\0\0\0\0\0"), ('C', "Ss\0"), ('S', "")];
        for (kind, body) in all {
            let length = (body.len() as u32 + 4).to_be_bytes();
            self.stream.write_all(&[&[kind as u8][..], &length, body.as_bytes()].concat())?;
        }
        self.answer()
    }

    fn answer(&mut self) -> io::Result<String> {
        let mut kinds = String::new();
        while !kinds.ends_with('Z') {
            let mut head = [0; 5];
            self.stream.read_exact(&mut head)?;
            kinds.push(head[0] as char);
            let length = u32::from_be_bytes(head[1..].try_into().unwrap()) as usize;
            self.stream.read_exact(&mut vec![0; length - 4])?;
        }
        Ok(kinds)
    }

    fn write(&mut self) -> io::Result<String> {
        self.execute("BEGIN")?;
        assert_eq!(self.execute("INSERT INTO t VALUES (1)")?, "12C3Z");
        self.execute("COMMIT")
    }
}

#[test]
fn a_commit_that_was_prepared_is_met_as_well() {
    let (database, proxy) = stage();
    let client = || Extended::connect(&proxy.url());
    assert_eq!(client().write().unwrap(), "12C3Z");
    assert_eq!(rows(&database), 1);

    proxy.drop_at_commit(Moment::Before);
    client().write().unwrap_err();
    proxy.wait_until_fired(1);
    assert_eq!(rows(&database), 1);

    proxy.drop_at_commit(Moment::After);
    client().write().unwrap_err();
    assert_eq!(rows(&database), 2);
    proxy.wait_until_fired(2);

    proxy.hold_commit();
    client().write().unwrap_err();
    proxy.wait_until_fired(3);
    assert_eq!(rows(&database), 2);
    assert_eq!(proxy.release_commit().as_deref(), Ok("COMMIT"));
    assert_eq!(rows(&database), 3);
}

#[test]
fn a_held_commit_of_a_transaction_that_the_server_has_ended_says_so() {
    let (database, proxy) = stage();
    proxy.hold_commit();
    run(&proxy.url(), WRITE).unwrap_err();
    database.psql(
        "SELECT pg_terminate_backend(pid, 20000) FROM pg_stat_activity WHERE state = 'idle in transaction' AND datname = current_database()",
    );
    assert!(proxy.release_commit().unwrap_err().contains("terminating connection"));
    assert_eq!(rows(&database), 0);
}

#[test]
fn a_held_commit_that_is_never_released_is_rolled_back() {
    let (database, proxy) = stage();
    proxy.hold_commit();
    run(&proxy.url(), WRITE).unwrap_err();
    drop(proxy);
    let others = "SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()";
    wait_until("the end of the held connection", SOON, || database.query(others).is_empty());
    assert_eq!(rows(&database), 0);
}

#[test]
fn cut_connections_are_closed_and_new_ones_taken() {
    let (_database, proxy) = stage();
    let mut client = Client::start(&proxy.url());
    client.send("SELECT 'here';\n");
    assert_eq!(client.line(), "here");
    proxy.cut();
    client.send("SELECT 1;\n");
    assert!(client.end().is_err());
    run(&proxy.url(), "SELECT 1;").unwrap();
}

#[test]
fn refused_connections_are_refused_and_those_that_are_there_stay() {
    let (_database, proxy) = stage();
    let mut client = Client::start(&proxy.url());
    client.send("SELECT 'here';\n");
    assert_eq!(client.line(), "here");
    proxy.refuse(true);
    let error = run(&proxy.url(), "SELECT 1;").unwrap_err();
    assert!(error.contains("Connection refused"), "{error}");
    client.send("SELECT 'still here';\n");
    assert_eq!(client.line(), "still here");
    proxy.refuse(false);
    run(&proxy.url(), "SELECT 1;").unwrap();
}

#[test]
fn a_stalled_connection_goes_on_when_the_stall_ends() {
    let (database, proxy) = stage();
    let mut client = Client::start(&proxy.url());
    client.send("SELECT 'here';\n");
    assert_eq!(client.line(), "here");
    proxy.stall(true);
    client.send("INSERT INTO t VALUES (1);\n");
    assert_eq!(rows(&database), 0);
    proxy.stall(false);
    client.end().unwrap();
    assert_eq!(rows(&database), 1);
}

#[test]
fn a_stalled_connection_can_be_cut() {
    let (_database, proxy) = stage();
    proxy.stall(true);
    let client = Client::start(&proxy.url());
    let waiting = std::thread::spawn(move || client.end());
    wait_until("the end of the client", SOON, || {
        // Until it has connected there is nothing to cut.
        proxy.cut();
        waiting.is_finished()
    });
    waiting.join().unwrap().unwrap_err();
}

#[test]
fn a_delay_in_either_direction_makes_an_answer_late() {
    let (_database, proxy) = stage();
    let mut client = Client::start(&proxy.url());
    client.send("SELECT 'here';\n");
    assert_eq!(client.line(), "here");
    let late = Duration::from_millis(200);
    for (to_server, to_client, least) in [(late, Duration::ZERO, late), (Duration::ZERO, late, late), (late, late, late * 2)] {
        proxy.delay(to_server, to_client);
        let began = Instant::now();
        client.send("SELECT 'late';\n");
        assert_eq!(client.line(), "late");
        assert!(began.elapsed() >= least, "{:?}", began.elapsed());
    }
}
