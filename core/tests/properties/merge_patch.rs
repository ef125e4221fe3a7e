//! Merge-patch against the examples of RFC 7396, appendix A, and against its pseudocode.

use doorward::{Config, Doorward, InstitutionId, NewInstitution, PolicyConfig, PolicyPatch, Region};
use proptest::prelude::*;
use serde_json::{Value, json};

/// What a door makes of a policy whose member `document` holds `target`, when it is merged with `patch`.
fn merged(target: &Value, patch: &Value) -> Value {
    let door = Doorward::open(Config::memory()).unwrap();
    let (institution, region): (InstitutionId, Region) = ("acme".parse().unwrap(), "US".parse().unwrap());
    door.create_institution(NewInstitution::new("Acme", []).with_id(institution.clone())).unwrap();
    let config = json!({ "position": {}, "document": target }).to_string();
    door.upsert_policy(&institution, region, PolicyConfig::from_json(&config).unwrap(), None).unwrap();
    let patch = PolicyPatch::from_json(&json!({ "document": patch }).to_string()).unwrap();
    let policy = door.merge_policy(&institution, region, patch, None).unwrap();
    policy.config.other.get("document").cloned().unwrap_or(Value::Null)
}

#[test]
fn the_examples_of_the_rfc_hold() {
    // Those whose patch is no object replace the whole; `null` as a whole patch removes the member.
    for (target, patch, expected) in [
        (json!({"a":"b"}), json!({"a":"c"}), json!({"a":"c"})),
        (json!({"a":"b"}), json!({"b":"c"}), json!({"a":"b","b":"c"})),
        (json!({"a":"b"}), json!({"a":null}), json!({})),
        (json!({"a":"b","b":"c"}), json!({"a":null}), json!({"b":"c"})),
        (json!({"a":["b"]}), json!({"a":"c"}), json!({"a":"c"})),
        (json!({"a":"c"}), json!({"a":["b"]}), json!({"a":["b"]})),
        (json!({"a":{"b":"c"}}), json!({"a":{"b":"d","c":null}}), json!({"a":{"b":"d"}})),
        (json!({"a":[{"b":"c"}]}), json!({"a":[1]}), json!({"a":[1]})),
        (json!(["a", "b"]), json!(["c", "d"]), json!(["c", "d"])),
        (json!({"a":"b"}), json!(["c"]), json!(["c"])),
        (json!({"a":"foo"}), Value::Null, Value::Null),
        (json!({"a":"foo"}), json!("bar"), json!("bar")),
        (json!({"e":null}), json!({"a":1}), json!({"e":null,"a":1})),
        (json!([1, 2]), json!({"a":"b","c":null}), json!({"a":"b"})),
        (json!({}), json!({"a":{"bb":{"ccc":null}}}), json!({"a":{"bb":{}}})),
    ] {
        assert_eq!(merged(&target, &patch), expected, "{target} with {patch}");
    }
}

/// RFC 7396, section 2, word for word.
fn by_the_rfc(target: Value, patch: &Value) -> Value {
    let Value::Object(members) = patch else { return patch.clone() };
    let mut target = match target {
        Value::Object(target) => target,
        _ => serde_json::Map::new(),
    };
    for (name, value) in members {
        if value.is_null() {
            target.remove(name);
        } else {
            let old = target.remove(name).unwrap_or(Value::Null);
            target.insert(name.clone(), by_the_rfc(old, value));
        }
    }
    Value::Object(target)
}

fn document() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![Just(Value::Null), (0..3_i32).prop_map(Value::from), "[ab]".prop_map(Value::from)];
    leaf.prop_recursive(3, 16, 3, |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..3).prop_map(Value::from),
            proptest::collection::btree_map("[abc]", inner, 0..3).prop_map(|members| members.into_iter().collect()),
        ]
    })
}

proptest! {
    #[test]
    fn every_merge_is_that_of_the_rfc(target in document(), patch in document()) {
        prop_assert_eq!(merged(&target, &patch), by_the_rfc(target, &patch));
    }
}
