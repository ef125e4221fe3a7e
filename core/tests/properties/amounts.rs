//! Amounts against rust_decimal, which computes them in another way.

use doorward::{Amount, Position, PositionRule};
use proptest::{prelude::*, string::string_regex};
use rust_decimal::Decimal;

/// A text within all bounds: at most 28 significant digits, at most 8 of them after the point. Every length is as likely as
/// every other, so that the ends are met.
fn text() -> impl Strategy<Value = String> {
    (0_usize..=28, 0_usize..=8).prop_flat_map(|(whole, places)| {
        let whole_part = string_regex(&format!("0|[1-9][0-9]{{{}}}", whole.saturating_sub(1))).unwrap();
        let fraction = string_regex(&format!("[0-9]{{{}}}", places.min(28 - whole))).unwrap();
        (whole_part, fraction).prop_map(
            |(whole, fraction)| {
                if fraction.is_empty() { whole } else { format!("{whole}.{fraction}") }
            },
        )
    })
}

/// The decimal that a text says. One digit more than 28 does not fit there, were it a zero at the end.
fn decimal(text: &str) -> Decimal {
    let plain = if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.') } else { text };
    Decimal::from_str_exact(plain).unwrap()
}

/// Another text, or the same with other zeros at its end, or with another last digit: what lies near is what comparing
/// could get wrong.
fn near(text: String) -> impl Strategy<Value = (String, String)> {
    let dot = if text.contains('.') { "" } else { "." };
    let zeros = format!("{text}{dot}0");
    let last = format!("{}7", &text[..text.len() - 1]);
    let same = text.clone();
    (Just(text), prop_oneof![self::text(), Just(zeros), Just(last), Just(same)])
}

proptest! {
    #[test]
    fn amounts_compare_as_exact_decimals_do((a, b) in text().prop_flat_map(near)) {
        let [left, right] = [&a, &b].map(|text| decimal(text));
        let [amount, limit] = [&a, &b].map(|text| text.parse::<Amount>().unwrap());
        prop_assert_eq!(amount.cmp(&limit), left.cmp(&right));
        prop_assert_eq!(amount == limit, left == right);
        let position = Position { amount, currency: "USD".parse().unwrap() };
        let allowed = |rule: PositionRule| rule.violations(&position).is_empty();
        prop_assert_eq!(allowed(PositionRule { min_amount: Some(limit), ..PositionRule::default() }), left >= right);
        prop_assert_eq!(allowed(PositionRule { max_amount: Some(limit), ..PositionRule::default() }), left <= right);
    }

    #[test]
    fn an_amount_is_the_decimal_that_its_text_says(text in text()) {
        let decimal = decimal(&text);
        let amount: Amount = text.parse().unwrap();
        prop_assert_eq!(amount.as_decimal(), decimal);
        prop_assert_eq!(Amount::try_from(decimal).unwrap(), amount);
        prop_assert_eq!(amount.to_string(), decimal.normalize().to_string());
    }

    #[test]
    fn a_whole_number_is_its_amount(number in any::<u64>()) {
        prop_assert_eq!(Amount::from(number).as_decimal(), Decimal::from(number));
        prop_assert_eq!(Amount::from(number), number.to_string().parse::<Amount>().unwrap());
    }
}
