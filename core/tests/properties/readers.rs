//! Everything that reads a text from outside.

use doorward::{
    AddressList, Amount, ApiKeyId, Currency, Cursor, InstitutionId, KeyHash, PolicyConfig, PolicyPatch, Region, Shape, Timestamp,
    TokenFormat, metadata_from_json,
};
use proptest::{collection::vec, prelude::*};
use serde_json::Value;

/// Documents of every kind: numbers are such as a double carries.
fn json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i32>().prop_map(Value::from),
        any::<f64>().prop_filter("JSON has no NaN", |number| number.is_finite()).prop_map(Value::from),
        "[^\0]{0,12}".prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 32, 5, |inner| {
        prop_oneof![
            vec(inner.clone(), 0..5).prop_map(Value::from),
            proptest::collection::btree_map("[^\0]{0,6}", inner, 0..5).prop_map(|members| members.into_iter().collect()),
        ]
    })
}

proptest! {
    #[test]
    fn no_text_makes_a_reader_panic(text in any::<String>()) {
        let _ = text.parse::<Cursor>();
        let _ = text.parse::<Timestamp>();
        let _ = text.parse::<KeyHash>();
        let _ = text.parse::<InstitutionId>();
        let _ = text.parse::<Region>();
        let _ = text.parse::<Currency>();
        let _ = text.parse::<Amount>();
        let _ = text.parse::<AddressList>();
        let _ = Amount::from_json_number(&text);
        let _ = PolicyConfig::from_json(&text);
        let _ = PolicyPatch::from_json(&text);
        let _ = metadata_from_json(&text);
        prop_assert_ne!(TokenFormat::default().shape(&text), Shape::Own);
        let _ = TokenFormat::default().hint_of(&text);
    }

    #[test]
    fn no_text_that_looks_like_json_makes_a_reader_panic(text in "[{}\\[\\]\",:0-9eE.+\\-a-z\\\\ ]{0,60}") {
        let _ = PolicyConfig::from_json(&text);
        let _ = PolicyPatch::from_json(&text);
        let _ = metadata_from_json(&text);
        let _ = Amount::from_json_number(&text);
    }

    #[test]
    fn an_amount_reads_back_from_its_text_and_from_its_json(text in "(0|[1-9][0-9]{0,19})(\\.[0-9]{1,8})?") {
        let amount: Amount = text.parse().unwrap();
        prop_assert_eq!(amount.to_string().parse::<Amount>().unwrap(), amount);
        let json = serde_json::to_string(&amount).unwrap();
        let config = PolicyConfig::from_json(&format!(r#"{{"position":{{"minAmount":{json}}}}}"#)).unwrap();
        prop_assert_eq!(config.position.min_amount, Some(amount));
        prop_assert_eq!(Amount::from_json_number(&text).unwrap(), amount);
        // A number in JSON is one that a double carries unchanged.
        if !json.starts_with('"') {
            let double: f64 = json.parse().unwrap();
            prop_assert_eq!(Amount::from_json_number(&double.to_string()).unwrap(), amount);
        }
    }

    #[test]
    fn an_amount_is_never_rounded(whole in "[1-9][0-9]{0,40}", fraction in "[0-9]{0,20}") {
        let text = if fraction.is_empty() { whole.clone() } else { format!("{whole}.{fraction}") };
        let plain = match fraction.trim_end_matches('0') {
            "" => whole,
            fraction => format!("{whole}.{fraction}"),
        };
        match text.parse::<Amount>() {
            Ok(amount) => prop_assert_eq!(amount.to_string(), plain),
            Err(_) => {
                let digits = plain.replace('.', "").trim_matches('0').len();
                let places = plain.split_once('.').map_or(0, |(_, places)| places.len());
                let length = plain.split('.').next().unwrap_or_default().len();
                prop_assert!(digits > 28 || places > 8 || length > 28, "{} is an amount", text);
            }
        }
    }

    #[test]
    fn metadata_gives_back_what_it_was_given(members in proptest::collection::btree_map("[^\0]{0,8}", json(), 0..6)) {
        let document: Value = members.into_iter().collect();
        let read = metadata_from_json(&document.to_string()).unwrap();
        prop_assert_eq!(Value::Object(read), document);
    }

    #[test]
    fn a_time_reads_back_from_its_text(millis in 0..=Timestamp::MAX.as_millis()) {
        let time = Timestamp::from_millis(millis);
        let text = time.to_string();
        prop_assert_eq!(text.len(), 24);
        prop_assert_eq!(text.parse::<Timestamp>().unwrap(), time);
    }

    #[test]
    fn an_id_reads_back_from_its_text(text in "(ak_)?[A-Za-z0-9_.:-]{1,60}") {
        let id: ApiKeyId = text.parse().unwrap();
        prop_assert_eq!(id.to_string(), text.clone());
        prop_assert_eq!(ApiKeyId::from_stored(&text), id);
    }

    #[test]
    fn ids_compare_as_their_texts_do(a in "ak_[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}|[a-z_]{1,9}",
                                     b in "ak_[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}|[a-z_]{1,9}") {
        prop_assert_eq!(ApiKeyId::from_stored(&a).cmp(&ApiKeyId::from_stored(&b)), a.cmp(&b));
    }

    #[test]
    fn a_list_of_addresses_reads_back_from_its_entries(ranges in vec((any::<std::net::IpAddr>(), 0_u8..=32), 0..20)) {
        let list = AddressList::new(ranges.iter().map(|(address, length)| format!("{address}/{length}"))).unwrap();
        let again = AddressList::new(list.entries()).unwrap();
        prop_assert_eq!(&again, &list);
        for (address, length) in ranges {
            // A range that is wider than what IPv4 takes up in IPv6 is one of IPv6 addresses, and has no IPv4 in it.
            if address.to_canonical() == address {
                prop_assert!(list.contains(address), "{address}/{length}");
            }
        }
    }

    #[test]
    fn a_damaged_token_is_never_taken_for_a_good_one(at in 3_usize..46, byte in "[0-9A-Za-z_]") {
        let format = TokenFormat::default();
        let token = format.generate().unwrap();
        let mut damaged = token.reveal().to_owned();
        damaged.replace_range(at..=at, &byte);
        let expected = if damaged == token.reveal() { Shape::Own } else { Shape::Damaged };
        prop_assert_eq!(format.shape(&damaged), expected);
    }
}
