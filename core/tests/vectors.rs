//! The facts of `tests/vectors`, computed by a program that is no part of this project, hold here.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test that panics is a test that fails")]

use std::{fs, path::Path};

use doorward::{
    AddressList, Amount, Credentials, KeyHash, PolicyConfig, Position, Reason, Shape, TokenFormat, model::address::parse_address,
};
use serde::Deserialize;

fn read<T: for<'a> Deserialize<'a>>(name: &str) -> T {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/vectors").join(name);
    let text = fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    serde_json::from_str(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct TokenFact {
    token: String,
    brand: Option<String>,
    env: Option<String>,
    public: Option<String>,
    checksum: Option<String>,
    #[serde(default)]
    valid: bool,
    #[serde(default)]
    foreign: bool,
    sha256: String,
    length: Option<usize>,
}

#[test]
fn tokens_have_the_stated_hash_shape_and_hint() {
    let facts: Vec<TokenFact> = read("tokens.json");
    let (mut own, mut damaged, mut foreign) = (0, 0, 0);
    for fact in &facts {
        let token = &fact.token;
        assert_eq!(KeyHash::of(token).to_string(), fact.sha256, "{token}");
        assert!(fact.length.is_none_or(|length| length == token.len()), "{token}");
        if fact.foreign {
            foreign += 1;
            let format = TokenFormat::default();
            assert_eq!(format.shape(token), Shape::Foreign, "{token}");
            assert_eq!(format.hint_of(token), fact.sha256.get(..8).unwrap(), "{token}");
            continue;
        }
        let (brand, env) = (fact.brand.as_deref().unwrap(), fact.env.as_deref().unwrap());
        let format = TokenFormat::new(brand, env).unwrap();
        if fact.valid {
            own += 1;
            let public = fact.public.as_deref().unwrap();
            assert_eq!(format.shape(token), Shape::Own, "{token}");
            assert_eq!(format.hint_of(token), format!("{brand}_{env}_{public}"), "{token}");
            assert!(token.ends_with(fact.checksum.as_deref().unwrap()), "{token}");
        } else {
            damaged += 1;
            assert_eq!(format.shape(token), Shape::Damaged, "{token}");
            assert_eq!(format.hint_of(token), fact.sha256.get(..8).unwrap(), "{token}");
        }
    }
    assert!(own > 0 && damaged > 0 && foreign > 0, "{own} own, {damaged} damaged, {foreign} foreign tokens");
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct AmountFacts {
    strings: Vec<AmountFact>,
    json_numbers: Vec<AmountFact>,
    refused_strings: Vec<String>,
    refused_json_numbers: Vec<String>,
    #[serde(rename = "note")]
    _note: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct AmountFact {
    text: String,
    exact: String,
}

/// The config whose greatest amount is this JSON.
fn config(amount: &str) -> String {
    format!(r#"{{"position":{{"maxAmount":{amount}}}}}"#)
}

#[test]
fn amounts_are_read_exactly_or_refused() {
    let facts: AmountFacts = read("amounts.json");
    for AmountFact { text, exact } in &facts.strings {
        assert_eq!(text.parse::<Amount>().unwrap().to_string(), *exact, "{text}");
        assert_eq!(max_amount(&serde_json::to_string(text).unwrap()).unwrap(), *exact, "{text}");
    }
    for AmountFact { text, exact } in &facts.json_numbers {
        assert_eq!(Amount::from_json_number(text).unwrap().to_string(), *exact, "{text}");
        assert_eq!(max_amount(text).unwrap(), *exact, "{text}");
    }
    for text in &facts.refused_strings {
        assert!(text.parse::<Amount>().is_err(), "{text:?}");
        assert!(max_amount(&serde_json::to_string(text).unwrap()).is_err(), "{text:?}");
    }
    for text in &facts.refused_json_numbers {
        assert!(Amount::from_json_number(text).is_err(), "{text:?}");
        assert!(max_amount(text).is_err(), "{text:?}");
    }
}

/// The greatest amount of a config, as a config reads it.
fn max_amount(json: &str) -> doorward::Result<String> {
    Ok(PolicyConfig::from_json(&config(json))?.position.max_amount.unwrap().to_string())
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct PolicyFact {
    position: serde_json::Value,
    amount: String,
    currency: String,
    allowed: bool,
    violations: Vec<String>,
}

#[test]
fn policies_decide_as_stated_with_the_violations_in_order() {
    let facts: Vec<PolicyFact> = read("policies.json");
    for fact in &facts {
        let config = PolicyConfig::from_json(&format!(r#"{{"position":{}}}"#, fact.position)).unwrap();
        let position = Position::parse(&fact.amount, &fact.currency).unwrap();
        let seen: Vec<_> = config.position.violations(&position).iter().map(|violation| violation.code.as_str()).collect();
        assert_eq!(seen, fact.violations, "{} {} by {}", fact.amount, fact.currency, fact.position);
        assert_eq!(seen.is_empty(), fact.allowed, "{} {} by {}", fact.amount, fact.currency, fact.position);
    }
    assert!(facts.iter().any(|fact| fact.allowed) && facts.iter().any(|fact| fact.violations.len() > 1));
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct CredentialFact {
    headers: Vec<(String, String)>,
    token: Option<String>,
    #[serde(default)]
    malformed: bool,
}

#[test]
fn request_headers_carry_the_stated_token() {
    for fact in read::<Vec<CredentialFact>>("credentials.json") {
        let expected = match (&fact.token, fact.malformed) {
            (Some(token), false) => Ok(token.as_str()),
            (None, true) => Err(Reason::Malformed),
            (None, false) => Err(Reason::Missing),
            (Some(_), true) => panic!("a fact that contradicts itself: {:?}", fact.headers),
        };
        let credentials = Credentials::from_headers(fact.headers.iter().map(|(name, value)| (name, value)));
        assert_eq!(credentials.reveal(), expected, "{:?}", fact.headers);
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct AddressFacts {
    allow: Vec<String>,
    cases: Vec<(String, bool)>,
    refused_ranges: Vec<String>,
}

#[test]
fn the_stated_addresses_are_on_the_list_and_no_others() {
    let facts: AddressFacts = read("addresses.json");
    let list = AddressList::new(&facts.allow).unwrap();
    for (address, allowed) in &facts.cases {
        assert_eq!(parse_address(address).is_some_and(|address| list.contains(address)), *allowed, "{address:?}");
    }
    for range in &facts.refused_ranges {
        assert_eq!(AddressList::new([range]).unwrap_err().reason(), Reason::InvalidFormat, "{range:?}");
    }
}
