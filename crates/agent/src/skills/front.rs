//! The front matter of a Markdown file: YAML between two lines of `---`.
//!
//! Read as OpenClaw reads it (openclaw `packages/markdown-core/src/frontmatter.ts`): as YAML, and where that fails line by
//! line, because many a description is written as if colons meant nothing. Anchors stand for nothing here: a few lines of
//! them could stand for gigabytes.

use saphyr_parser::{Event, Parser, ScalarStyle};
use serde_json::{Map, Value};

/// Nothing that anybody writes is nested deeper.
const DEEPEST: usize = 16;

/// What stands at the top of a file.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct FrontMatter {
    /// The fields, in their order.
    pub fields: Map<String, Value>,
    /// What is wrong with it, where something is: the YAML reader's words.
    pub wrong: Option<String>,
}

/// Reads the front matter of a text. A text without any has no fields.
pub fn front_matter(text: &str) -> FrontMatter {
    let text = normal(text);
    match split(&text) {
        Some((front, _)) => read(front),
        None if is_open(&text) => FrontMatter {
            wrong: Some("the line --- that ends it is missing".to_owned()),
            ..FrontMatter::default()
        },
        None => FrontMatter::default(),
    }
}

/// A text without its front matter, without the mark of byte order, and with `\n` at the ends of lines.
pub(crate) fn without_front_matter(text: &str) -> String {
    let text = normal(text);
    match split(&text) {
        Some((_, body)) => body.to_owned(),
        None => text,
    }
}

fn normal(text: &str) -> String {
    text.strip_prefix('\u{feff}')
        .unwrap_or(text)
        .replace("\r\n", "\n")
        .replace('\r', "\n")
}

fn is_open(text: &str) -> bool {
    text.split('\n').next().is_some_and(is_fence) && text.contains('\n')
}

fn is_fence(line: &str) -> bool {
    line.trim_end() == "---"
}

/// Front matter and body.
fn split(text: &str) -> Option<(&str, &str)> {
    if !is_open(text) {
        return None;
    }
    let begin = text.find('\n')? + 1;
    let mut at = begin;
    for line in text[begin..].split_inclusive('\n') {
        let end = at + line.len();
        if is_fence(line) {
            return Some((&text[begin..at], &text[end..]));
        }
        at = end;
    }
    None
}

fn read(front: &str) -> FrontMatter {
    let lines = by_lines(front);
    match yaml(front) {
        Ok(fields) => {
            let mut fields: Map<String, Value> = fields
                .into_iter()
                .map(|(key, value)| {
                    // `description: a: b` is a mapping in some readers' eyes; it was meant as words.
                    let words = lines.get(&key).filter(|_| key == "description" && value.is_object());
                    (key.clone(), words.cloned().unwrap_or(value))
                })
                .collect();
            for (key, value) in lines {
                fields.entry(key).or_insert(value);
            }
            FrontMatter { fields, wrong: None }
        }
        Err(wrong) => FrontMatter {
            fields: lines,
            wrong: Some(wrong),
        },
    }
}

/// Fields as lines `key: value`; what is indented below a key without a value belongs to it.
fn by_lines(front: &str) -> Map<String, Value> {
    let mut fields = Map::new();
    let mut lines = front.lines().peekable();
    while let Some(line) = lines.next() {
        let Some((key, value)) = line.split_once(':') else {
            continue;
        };
        let is_key = |c: char| c.is_alphanumeric() || matches!(c, '_' | '-');
        if key.is_empty() || !key.chars().all(is_key) {
            continue;
        }
        let mut value = unquoted(value.trim()).to_owned();
        if value.is_empty() {
            let indented = |line: &&str| line.is_empty() || line.starts_with([' ', '\t']);
            let mut below = Vec::new();
            while let Some(line) = lines.next_if(indented) {
                below.push(line);
            }
            below.join("\n").trim().clone_into(&mut value);
        }
        if !value.is_empty() {
            fields.insert(key.to_owned(), Value::String(value));
        }
    }
    fields
}

fn unquoted(value: &str) -> &str {
    let within = |quote: char| value.strip_prefix(quote)?.strip_suffix(quote);
    within('"').or_else(|| within('\'')).unwrap_or(value)
}

/// What is under construction.
enum Open {
    List(Vec<Value>),
    Map(Map<String, Value>, Option<String>),
}

/// The mapping that the text is.
fn yaml(text: &str) -> Result<Map<String, Value>, String> {
    let mut parser = Parser::new_from_str(text);
    let mut open: Vec<Open> = Vec::new();
    while let Some(event) = parser.next_event() {
        let (event, _) = event.map_err(|error| error.to_string())?;
        let done = match event {
            Event::Scalar(text, style, ..) => scalar(&text, style),
            Event::Alias(_) => Value::Null,
            Event::SequenceStart(..) | Event::MappingStart(..) if open.len() == DEEPEST => {
                return Err("it is nested too deeply".to_owned());
            }
            Event::SequenceStart(..) => {
                open.push(Open::List(Vec::new()));
                continue;
            }
            Event::MappingStart(..) => {
                open.push(Open::Map(Map::new(), None));
                continue;
            }
            Event::SequenceEnd | Event::MappingEnd => match open.pop() {
                Some(Open::List(list)) => Value::Array(list),
                Some(Open::Map(map, _)) => Value::Object(map),
                None => Value::Null,
            },
            Event::Nothing | Event::StreamStart | Event::StreamEnd | Event::DocumentStart(_) | Event::DocumentEnd => {
                continue;
            }
        };
        match open.last_mut() {
            Some(Open::List(list)) => list.push(done),
            Some(Open::Map(map, key)) => match key.take() {
                Some(key) => {
                    map.insert(key, done);
                }
                None => *key = Some(word(&done)),
            },
            None => {
                return match done {
                    Value::Object(map) => Ok(map),
                    _ => Err("it is no list of keys and values".to_owned()),
                };
            }
        }
    }
    Ok(Map::new())
}

/// A value as a word: of keys, which may be written as numbers.
fn word(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

/// A scalar by the rules of YAML's core schema, as far as skills need them.
fn scalar(text: &str, style: ScalarStyle) -> Value {
    if style != ScalarStyle::Plain {
        return Value::String(text.to_owned());
    }
    match text {
        "" | "~" | "null" | "Null" | "NULL" => Value::Null,
        "true" | "True" | "TRUE" => Value::Bool(true),
        "false" | "False" | "FALSE" => Value::Bool(false),
        _ => text
            .parse::<i64>()
            .map_or_else(|_| Value::String(text.to_owned()), Value::from),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn fields(front: &str) -> Value {
        let found = front_matter(&format!("---\n{front}\n---\nbody"));
        assert_eq!(found.wrong, None, "{front}");
        json!(found.fields)
    }

    /// In the forms in which real skills have it.
    #[test]
    fn metadata_is_read_in_each_form() {
        let expected = json!({"name": "gh", "metadata": {"openclaw": {"requires": {"bins": ["gh"]}}}});
        for front in [
            "name: gh\nmetadata: {\"openclaw\":{\"requires\":{\"bins\":[\"gh\"]}}}",
            "name: gh\nmetadata:\n  {\n    \"openclaw\":\n      { \"requires\": { \"bins\": [\"gh\"] } },\n  }",
            "name: gh\nmetadata:\n  openclaw:\n    requires:\n      bins:\n        - gh",
            "name: \"gh\" # the tool\nmetadata: { openclaw: { requires: { bins: [gh] } } }",
        ] {
            assert_eq!(fields(front), expected, "{front}");
        }
    }

    #[test]
    fn descriptions_are_words_however_they_are_written() {
        for (written, meant) in [
            ("description: Plain words.", "Plain words."),
            ("description: \"Use it: always\"", "Use it: always"),
            ("description: >\n  Folded\n  words", "Folded words"),
            ("description: |\n  Two\n  lines", "Two\nlines"),
            ("description: 'It''s'", "It's"),
        ] {
            assert_eq!(
                fields(written)["description"].as_str().unwrap().trim(),
                meant,
                "{written}"
            );
        }
        // No YAML, and yet what many write.
        let found = front_matter("---\nname: x\ndescription: Use when: the user asks: now\n---\n");
        assert_eq!(found.fields["description"], "Use when: the user asks: now");
        assert!(found.wrong.is_some());
    }

    #[test]
    fn other_texts_have_none() {
        for text in ["", "# Title\n---\nname: x\n---\n", "--- not a line\n---\n", "---"] {
            assert_eq!(front_matter(text), FrontMatter::default(), "{text:?}");
        }
        let open = front_matter("---\nname: x\nbody without an end");
        assert_eq!(open.fields, Map::new());
        assert!(open.wrong.is_some());
        assert_eq!(fields("# only a comment"), json!({}));
    }

    #[test]
    fn the_body_is_what_is_behind() {
        for (text, body) in [
            ("---\na: b\n---\nbody\n", "body\n"),
            ("\u{feff}---\r\na: b\r\n---  \r\nbody\r\n---\r\n", "body\n---\n"),
            ("---\n---", ""),
            ("no front\rmatter", "no front\nmatter"),
            ("---\nopen", "---\nopen"),
        ] {
            assert_eq!(without_front_matter(text), body, "{text:?}");
        }
    }

    #[test]
    fn anchors_and_depth_cost_nothing() {
        assert_eq!(
            fields("a: &x [1, 2]\nb: [*x, *x]"),
            json!({"a": [1, 2], "b": [null, null]})
        );
        let deep = format!("---\na: {}\n---\n", "[".repeat(10_000));
        assert!(front_matter(&deep).wrong.is_some());
    }

    proptest! {
        #[test]
        fn nothing_is_too_odd(text in "(---\n)?[-a-c:{}\\[\\]\"'|>&*!%@, \t\n\r#?~]{0,200}(\n---\n)?.{0,20}") {
            let found = front_matter(&text);
            prop_assert_eq!(&found, &front_matter(&text));
            let body = without_front_matter(&text);
            prop_assert!(body.len() <= text.len() && !body.contains('\r'));
        }
    }
}
