//! What the border costs: `dw_verify` through the shared library against `Doorward::verify`, on the same 256 hot keys in the
//! same run. `cargo bench -p doorward-ffi --no-default-features` prints nanoseconds per call, the median of interleaved rounds.

#![expect(
    unsafe_code,
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    clippy::panic,
    reason = "a benchmark that meets an error may stop, and calls the library as C does"
)]

use std::{
    ffi::CString,
    hint::black_box,
    mem::{MaybeUninit, size_of},
    ptr,
    time::Instant,
};

use doorward::{Config, Doorward, ImportedKey, KeyHash, NewInstitution, NewKey, Request, Role, TokenFormat, Verdict};
use doorward_ffi::{
    dw_context, dw_credentials, dw_door, dw_error, dw_import_report, dw_institution, dw_limit, dw_new_institution, dw_new_key,
    dw_options, dw_request, dw_role, dw_session, dw_status, dw_str, dw_strs, dw_verdict,
};

const KEYS: usize = 256;
const CALLS: usize = 200_000;
const ROUNDS: usize = 31;

type Place<T> = *mut *mut T;
type Verify = unsafe extern "C" fn(
    *const dw_door,
    *const dw_credentials,
    *const dw_request,
    *mut dw_verdict,
    Place<dw_context>,
) -> dw_status;

fn main() {
    let tokens: Vec<String> = (0..KEYS).map(|_| TokenFormat::default().generate().unwrap().reveal().to_owned()).collect();
    let door = rust_door(&tokens);
    let (verify, c_door) = c_door(&tokens);
    let request = Request::new();

    let by_rust = |at: usize| match black_box(door.verify(tokens[at].as_str(), &request)) {
        Verdict::Granted(context) => usize::from(context.role() == Role::Admin),
        refused => panic!("{:?}", refused.reason()),
    };
    let by_c = |at: usize| {
        let credentials = dw_credentials {
            struct_size: size_of::<dw_credentials>(),
            token: text(&tokens[at]),
            headers: ptr::null(),
            headers_len: 0,
        };
        let mut verdict = MaybeUninit::<dw_verdict>::uninit();
        // SAFETY: the function of the shared library, called with what its header asks for.
        let status = unsafe { verify(c_door, &raw const credentials, ptr::null(), verdict.as_mut_ptr(), ptr::null_mut()) };
        assert!(status == dw_status::Ok);
        black_box(&verdict);
        1
    };
    let (mut rust, mut c, mut difference) = (vec![], vec![], vec![]);
    for _ in 0..ROUNDS {
        let round = [time(by_rust), time(by_c)];
        rust.push(round[0]);
        c.push(round[1]);
        difference.push(round[1] - round[0]);
    }
    let (rust, c, difference) = (median(rust), median(c), median(difference));
    println!(
        "verify, {KEYS} hot keys: Rust {rust:.1} ns, C through the shared library {c:.1} ns: {difference:.1} ns more, ratio {:.2}",
        c / rust
    );
}

fn rust_door(tokens: &[String]) -> Doorward {
    let door = Doorward::open(Config::memory()).unwrap();
    let acme = door.create_institution(NewInstitution::new("Acme Bank", [])).unwrap();
    let key = |token: &String| ImportedKey { key_hash: KeyHash::of(token), key: NewKey::new("hot", Role::Admin) };
    door.import_keys(&acme.id, tokens.iter().map(key).collect(), false).unwrap();
    door
}

/// The same keys in a door of the shared library, which has nothing in common with the one linked into this program.
fn c_door(tokens: &[String]) -> (Verify, *const dw_door) {
    let folder = std::env::current_exe().unwrap();
    let library = folder.parent().unwrap().join("libdoorward_ffi.so");
    let library = CString::new(library.to_str().unwrap()).unwrap();
    let absent = dw_str { data: ptr::null(), len: 0 };
    let none = dw_strs { data: ptr::null(), len: 0 };
    // SAFETY: the library is the one that was built with this program; its functions are called as its header declares them.
    unsafe {
        let handle = libc::dlopen(library.as_ptr(), libc::RTLD_NOW | libc::RTLD_LOCAL);
        assert!(!handle.is_null(), "{library:?}");
        let find = |name: &str| {
            let found = libc::dlsym(handle, CString::new(name).unwrap().as_ptr());
            assert!(!found.is_null(), "{name}");
            found
        };
        let open: unsafe extern "C" fn(*const dw_options, Place<dw_door>, Place<dw_error>) -> dw_status =
            std::mem::transmute(find("dw_open"));
        let system: unsafe extern "C" fn(*const dw_door, Place<dw_session>, Place<dw_error>) -> dw_status =
            std::mem::transmute(find("dw_session_system"));
        let create: unsafe extern "C" fn(
            *const dw_session,
            *const dw_new_institution,
            Place<dw_institution>,
            Place<dw_error>,
        ) -> dw_status = std::mem::transmute(find("dw_create_institution"));
        let id: unsafe extern "C" fn(*const dw_institution) -> dw_str = std::mem::transmute(find("dw_institution_id"));
        let import: unsafe extern "C" fn(
            *const dw_session,
            dw_str,
            *const dw_new_key,
            usize,
            i32,
            Place<dw_import_report>,
            Place<dw_error>,
        ) -> dw_status = std::mem::transmute(find("dw_import_keys"));

        let options = dw_options {
            struct_size: size_of::<dw_options>(),
            settings: ptr::null(),
            settings_len: 0,
            memory_audit_capacity: 0,
            audit_authentications: 0,
            audit_reads: 0,
            audit_sink: ptr::null(),
        };
        let (mut door, mut session, mut acme, mut report) = (ptr::null_mut(), ptr::null_mut(), ptr::null_mut(), ptr::null_mut());
        assert!(open(&raw const options, &raw mut door, ptr::null_mut()) == dw_status::Ok);
        assert!(system(door, &raw mut session, ptr::null_mut()) == dw_status::Ok);
        let new = dw_new_institution {
            struct_size: size_of::<dw_new_institution>(),
            id: absent,
            name: text("Acme Bank"),
            regions: none,
        };
        assert!(create(session, &raw const new, &raw mut acme, ptr::null_mut()) == dw_status::Ok);
        let hashes: Vec<String> = tokens.iter().map(|token| KeyHash::of(token).to_string()).collect();
        let key = |hash: &String| dw_new_key {
            struct_size: size_of::<dw_new_key>(),
            label: text("hot"),
            role: dw_role::Admin as i32,
            reserved: 0,
            expires_at: absent,
            allowed_addresses: none,
            metadata: absent,
            key_hash: text(hash),
            rate_limit: dw_limit { max_requests: 0, window_ms: 0 },
        };
        let keys: Vec<dw_new_key> = hashes.iter().map(key).collect();
        assert!(import(session, id(acme), keys.as_ptr(), keys.len(), 0, &raw mut report, ptr::null_mut()) == dw_status::Ok);
        (std::mem::transmute::<*mut libc::c_void, Verify>(find("dw_verify")), door)
    }
}

fn text(text: &str) -> dw_str {
    dw_str { data: text.as_ptr().cast(), len: text.len() }
}

/// Nanoseconds per call; each waits for the one before.
fn time(call: impl Fn(usize) -> usize) -> f64 {
    let start = Instant::now();
    let mut at = 0;
    for _ in 0..CALLS {
        at = (at + black_box(call(at))) % KEYS;
    }
    black_box(at);
    start.elapsed().as_nanos() as f64 / CALLS as f64
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}
