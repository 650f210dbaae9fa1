//! What a program answers: `{"protocolVersion": 1, "values": {id: secret}, "errors": {id: {"message": text}}}`, or the
//! secret itself where the config allows that.

use serde_json::{Map, Value};
use yabby_core::Secret;

/// Why an answer has no secret for an id.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Lack {
    /// The program wrote nothing.
    Silent,
    /// It is no answer.
    NoAnswer,
    /// The program says that it has none, perhaps why.
    Refused(Option<String>),
}

/// A reason is cut at so many characters.
const LONGEST: usize = 200;

/// The secret for each id, in their order.
///
/// Plain text is a secret where `json_only` is off and one id is asked for. So is JSON that is not an object, such as a
/// number: a key may look like one.
pub(super) fn read(text: &str, ids: &[&str], json_only: bool) -> Vec<Result<Secret, Lack>> {
    let all = |lack: fn() -> Lack| ids.iter().map(|_| Err(lack())).collect();
    let text = text.trim();
    if text.is_empty() {
        return all(|| Lack::Silent);
    }
    let parsed: Option<Value> = serde_json::from_str(text).ok();
    match parsed {
        Some(Value::Object(answer)) => match (answer.get("protocolVersion"), answer.get("values")) {
            (Some(version), Some(Value::Object(values))) if *version == 1 => {
                let errors = answer.get("errors").and_then(Value::as_object);
                ids.iter().map(|id| one(values, errors, id)).collect()
            }
            _ => all(|| Lack::NoAnswer),
        },
        Some(Value::String(secret)) if !json_only && ids.len() == 1 => vec![of_text(&secret).ok_or(Lack::Silent)],
        _ if !json_only && ids.len() == 1 => vec![of_text(text).ok_or(Lack::Silent)],
        _ => all(|| Lack::NoAnswer),
    }
}

fn one(values: &Map<String, Value>, errors: Option<&Map<String, Value>>, id: &str) -> Result<Secret, Lack> {
    if let Some(error) = errors.and_then(|errors| errors.get(id)) {
        let reason = error.get("message").and_then(Value::as_str).map(str::trim);
        let reason = reason.filter(|reason| !reason.is_empty());
        return Err(Lack::Refused(reason.map(|reason| presentable(reason, values))));
    }
    let value = values.get(id).and_then(Value::as_str);
    value.and_then(of_text).ok_or(Lack::Refused(None))
}

fn of_text(text: &str) -> Option<Secret> {
    (!text.is_empty()).then(|| Secret::new(text))
}

/// A reason on one line, without any of the secrets beside it.
fn presentable(reason: &str, values: &Map<String, Value>) -> String {
    let secrets = values.values().filter_map(Value::as_str).map(Secret::new);
    let reason = secrets.fold(reason.to_owned(), |reason, secret| secret.redact(&reason));
    let plain = |c: char| if c.is_control() { ' ' } else { c };
    reason.chars().map(plain).take(LONGEST).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn texts(text: &str, ids: &[&str], json_only: bool) -> Vec<Result<String, Lack>> {
        let found = read(text, ids, json_only).into_iter();
        found
            .map(|found| found.map(|secret| secret.expose().to_owned()))
            .collect()
    }

    #[test]
    fn each_id_has_its_own_answer() {
        let text = r#"{"protocolVersion": 1, "values": {"a": "one", "n": 5, "e": ""},
                       "errors": {"b": {"message": " no\u0007\nsuch one "}, "c": {}}}"#;
        let refused = |reason: Option<&str>| Err(Lack::Refused(reason.map(str::to_owned)));
        assert_eq!(
            texts(text, &["a", "b", "c", "d", "n", "e"], true),
            [
                Ok("one".to_owned()),
                refused(Some("no  such one")),
                refused(None),
                refused(None),
                refused(None),
                refused(None),
            ]
        );
    }

    #[test]
    fn a_reason_has_no_secret() {
        let text = r#"{"protocolVersion": 1, "values": {"a": "canary"}, "errors": {"b": {"message": "not canary"}}}"#;
        assert_eq!(
            texts(text, &["b"], true),
            [Err(Lack::Refused(Some("not ***".to_owned())))]
        );
    }

    #[test]
    fn plain_text_is_a_secret_where_it_may_be() {
        let ok = |text: &str| vec![Ok(text.to_owned())];
        for (text, expected) in [
            (" sk-1 \n", ok("sk-1")),
            ("12345", ok("12345")),
            ("[1]", ok("[1]")),
            ("\"quoted\"", ok("quoted")),
            ("\"\"", vec![Err(Lack::Silent)]),
            (" \n", vec![Err(Lack::Silent)]),
            ("{}", vec![Err(Lack::NoAnswer)]),
            (
                r#"{"protocolVersion": 2, "values": {"a": "x"}}"#,
                vec![Err(Lack::NoAnswer)],
            ),
            (r#"{"protocolVersion": 1, "values": {"a": "x"}}"#, ok("x")),
        ] {
            assert_eq!(texts(text, &["a"], false), expected, "{text}");
        }
        let none = || Err(Lack::NoAnswer);
        assert_eq!(texts("sk-1", &["a"], true), [none()]);
        assert_eq!(texts("sk-1", &["a", "b"], false), [none(), none()]);
    }

    proptest! {
        #[test]
        fn there_is_an_answer_for_each_id(text in "(?s).{0,40}|[{}\":,a1 ]{0,40}", json_only: bool) {
            prop_assert_eq!(read(&text, &["a", "b"], json_only).len(), 2);
            prop_assert_eq!(read(&text, &["a"], json_only).len(), 1);
        }

        #[test]
        fn a_value_comes_as_it_was_written(value in "(?s).{1,20}") {
            let text = serde_json::json!({"protocolVersion": 1, "values": {"a": value}}).to_string();
            prop_assert_eq!(texts(&text, &["a"], true), vec![Ok(value)]);
        }
    }
}
