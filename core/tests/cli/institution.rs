//! `doorward institution …`.

use serde_json::json;

use crate::stage::Folder;

#[test]
fn institutions_are_created_and_listed_page_by_page() {
    let folder = Folder::with_acme("institutions");
    let other = folder.json("institution create Umbrella --region EU_UK");
    assert!(other["id"].as_str().unwrap().starts_with("inst_"));
    assert_eq!(other["regions"], json!(["EU_UK"]));

    let table = folder.ok("institution list --oldest-first");
    let lines: Vec<_> = table.lines().collect();
    assert!(lines[0].starts_with("ID") && lines[0].contains("CREATED"), "{table}");
    assert!(lines[1].starts_with("acme") && lines[1].contains("US, SG") && lines[1].ends_with("UTC"), "{table}");

    let first = folder.run("institution list --limit 1");
    assert!(first.out.contains("Umbrella"), "{}", first.out);
    let cursor = first.err.trim().rsplit(' ').next().unwrap().to_owned();
    let second = folder.run(&format!("institution list --limit 1 --cursor {cursor}"));
    assert!(second.out.contains("acme") && second.err.is_empty(), "{} {}", second.out, second.err);
    assert_eq!(folder.json("institution list --limit 1")["next"].as_str(), Some(cursor.as_str()));
}
