//! Where the programs are.

use std::{
    env, fs,
    path::{Path, PathBuf},
    process::Command,
    sync::OnceLock,
};

/// The folder of PostgreSQL's programs, those of the server among them.
pub(crate) fn postgres() -> &'static Path {
    static FOLDER: OnceLock<PathBuf> = OnceLock::new();
    FOLDER.get_or_init(|| {
        search_path().chain(pg_config()).chain(debian()).find(|folder| has_server(folder)).unwrap_or_else(|| {
            panic!(
                "PostgreSQL's server is missing: initdb, postgres, psql and pg_basebackup are needed in one folder of PATH, in the \
                 one that `pg_config --bindir` names, or in /usr/lib/postgresql/*/bin (Debian: apt-get install postgresql)"
            )
        })
    })
}

/// The program pgbouncer.
pub(crate) fn pgbouncer() -> PathBuf {
    search_path()
        .chain(["/usr/sbin".into()])
        .map(|folder| folder.join("pgbouncer"))
        .find(|program| program.exists())
        .expect("pgbouncer is missing: install it (Debian: apt-get install pgbouncer)")
}

fn has_server(folder: &Path) -> bool {
    ["initdb", "postgres", "psql", "pg_basebackup"].iter().all(|program| folder.join(program).exists())
}

fn search_path() -> impl Iterator<Item = PathBuf> {
    env::var_os("PATH").map(|path| env::split_paths(&path).collect::<Vec<_>>()).unwrap_or_default().into_iter()
}

fn pg_config() -> Option<PathBuf> {
    let output = Command::new("pg_config").arg("--bindir").output().ok()?;
    Some(PathBuf::from(String::from_utf8(output.stdout).ok()?.trim()))
}

/// Debian's folders, the newest version first.
fn debian() -> impl Iterator<Item = PathBuf> {
    let mut versions: Vec<(u32, PathBuf)> = fs::read_dir("/usr/lib/postgresql")
        .into_iter()
        .flatten()
        .filter_map(|entry| entry.ok()?.path().into())
        .filter_map(|path: PathBuf| Some((path.file_name()?.to_str()?.parse().ok()?, path.join("bin"))))
        .collect();
    versions.sort_by(|a, b| b.cmp(a));
    versions.into_iter().map(|(_, folder)| folder)
}

/// One of PostgreSQL's programs (`pgbench`).
pub fn program(name: &str) -> PathBuf {
    postgres().join(name)
}
