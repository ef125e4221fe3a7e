//! `doorward audit …`.

use crate::stage::Folder;

#[test]
fn the_audit_trail_is_listed_and_filtered() {
    let folder = Folder::with_acme("audit");
    folder.key("backend");
    let table = folder.ok("audit list --oldest-first");
    let lines: Vec<_> = table.lines().collect();
    assert!(lines[0].starts_with("TIME"), "{table}");
    assert!(lines[1].contains("create_institution") && lines[2].contains("create_key"), "{table}");
    let count = |filter: &str| folder.json(&format!("audit list {filter}"))["items"].as_array().unwrap().len();
    assert_eq!(count("--action create_key"), 1);
    assert_eq!(count("--institution acme --actor system"), 2);
    assert_eq!(count("--until 2020-01-01T00:00:00Z"), 0);
    assert_eq!(count("--since 2020-01-01T00:00:00Z --limit 1"), 1);
    assert_eq!(folder.run("audit list --since yesterday").code, 1);
}
