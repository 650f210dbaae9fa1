//! Texts in files: written with their template, so that a later reader gets them in a language of their own.

use std::collections::BTreeMap;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::{Text, Value, ZH_TW};

/// A text as it stands in a file or in what programs read: the English words, and what they were made of.
#[derive(Serialize, Deserialize)]
struct Kept {
    words: String,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    template: String,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    values: BTreeMap<String, KeptValue>,
}

#[derive(Serialize, Deserialize)]
#[serde(untagged)]
enum KeptValue {
    Plain(String),
    Text(Box<Kept>),
}

impl Kept {
    fn of(text: &Text) -> Self {
        let words = text.english();
        let value = |value: &Value| match value {
            Value::Plain(plain) => KeptValue::Plain(plain.clone()),
            Value::Text(text) => KeptValue::Text(Box::new(Self::of(text))),
        };
        let values = text
            .values
            .iter()
            .map(|(name, found)| ((*name).to_owned(), value(found)));
        Self {
            template: if words == text.template {
                String::new()
            } else {
                text.template.to_owned()
            },
            values: values.collect(),
            words,
        }
    }

    /// The text; of one that this version does not know, the English words are left.
    fn text(mut self) -> Text {
        let written = if self.template.is_empty() {
            &self.words
        } else {
            &self.template
        };
        let (template, values) = if let Some((known, _)) = ZH_TW.get_key_value(written.as_str()) {
            let values = names(known).filter_map(|name| Some((name, self.values.remove(name)?.value())));
            (*known, values.collect())
        } else if let Some(joined) = joined(written, &mut self.values) {
            joined
        } else {
            ("{words}", vec![("words", Value::Plain(self.words))])
        };
        Text::from_parts(template, values)
    }
}

impl KeptValue {
    fn value(self) -> Value {
        match self {
            Self::Plain(plain) => Value::Plain(plain),
            Self::Text(kept) => Value::Text(kept.text()),
        }
    }
}

/// Values that are only put together, as in `{what}: {why}`, and what stands between them: such a template says nothing
/// itself, so that there is no translation by which it is known.
fn joined(
    template: &str,
    values: &mut BTreeMap<String, KeptValue>,
) -> Option<(&'static str, Vec<(&'static str, Value)>)> {
    const NAMES: [&str; 7] = ["a", "b", "c", "d", "e", "f", "g"];
    const TEMPLATES: [&str; 7] = [
        "{a}",
        "{a}{b}",
        "{a}{b}{c}",
        "{a}{b}{c}{d}",
        "{a}{b}{c}{d}{e}",
        "{a}{b}{c}{d}{e}{f}",
        "{a}{b}{c}{d}{e}{f}{g}",
    ];
    let mut pieces = Vec::new();
    for part in template.split_inclusive('}') {
        let (between, name) = part.split_once('{').unwrap_or((part, ""));
        if between.chars().any(char::is_alphabetic) {
            return None;
        }
        if !between.is_empty() {
            pieces.push(Value::Plain(between.to_owned()));
        }
        if let Some(name) = name.strip_suffix('}') {
            pieces.push(values.remove(name)?.value());
        }
    }
    let template = TEMPLATES.get(pieces.len().checked_sub(1)?)?;
    Some((template, NAMES.into_iter().zip(pieces).collect()))
}

/// The names in a template, in order.
fn names(template: &'static str) -> impl Iterator<Item = &'static str> {
    let parts = template.split('{').skip(1);
    parts.filter_map(|rest| rest.split_once('}')).map(|(name, _)| name)
}

impl Serialize for Text {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        Kept::of(self).serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Text {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Kept::deserialize(deserializer).map(Kept::text)
    }
}

#[cfg(test)]
mod tests {
    use crate::{Lang, Text, text};

    fn again(text: &Text) -> Text {
        serde_json::from_str(&serde_json::to_string(text).unwrap()).unwrap()
    }

    #[test]
    fn a_text_is_read_in_the_language_of_its_reader() {
        let inner = text!("nothing listens at {url}", url = "http://h");
        let outer = text!("{model} is left out: {reason}", model = "{a}/m", reason = inner);
        let joined = text!(
            "{a}: {b} ({c})",
            a = text!("the model gave an empty answer"),
            b = 1,
            c = outer
        );
        for text in [&inner, &outer, &text!("the model gave an empty answer"), &joined] {
            let read = again(text);
            for lang in [Lang::En, Lang::ZhTw] {
                assert_eq!(read.render(lang), text.render(lang));
            }
            assert_eq!(again(&read), read);
        }
        assert_ne!(again(&outer).render(Lang::ZhTw), outer.english());
    }

    #[test]
    fn words_of_another_version_are_kept() {
        let old = r#"{"words": "it was {so} then", "template": "it was {how} then", "values": {"how": "{so}"}}"#;
        let read: Text = serde_json::from_str(old).unwrap();
        assert_eq!(read.render(Lang::ZhTw), "it was {so} then");
    }
}
