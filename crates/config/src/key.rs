//! Keys as people type them: `models.providers.lm.studio.models[0].id`, `agents.defaults.models["a/b.c"].alias`.

/// A part of a typed key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Part {
    pub(crate) text: String,
    /// It stood in brackets, so a dot in it is no separator.
    pub(crate) whole: bool,
}

/// Splits a typed key at dots and brackets. Accepts anything.
pub(crate) fn split(key: &str) -> Vec<Part> {
    let mut parts = Vec::new();
    let mut rest = key.trim();
    while !rest.is_empty() {
        if let Some((inner, after)) = bracketed(rest) {
            parts.push(Part {
                text: inner,
                whole: true,
            });
            rest = after.strip_prefix('.').unwrap_or(after);
            continue;
        }
        let end = rest
            .char_indices()
            .skip(1)
            .find(|(at, c)| *c == '.' || *c == '[' && bracketed(&rest[*at..]).is_some())
            .map_or(rest.len(), |(at, _)| at);
        parts.push(Part {
            text: rest[..end].to_owned(),
            whole: false,
        });
        rest = rest[end..].strip_prefix('.').unwrap_or(&rest[end..]);
    }
    parts
}

/// `["text"]`, `['text']` or `[text]` at the start, and what follows it.
fn bracketed(text: &str) -> Option<(String, &str)> {
    let inner = text.strip_prefix('[')?;
    for mark in ['"', '\''] {
        if let Some(quoted) = inner.strip_prefix(mark) {
            let (content, after) = quoted.split_once(mark)?;
            return Some((content.to_owned(), after.strip_prefix(']')?));
        }
    }
    let (content, after) = inner.split_once(']')?;
    Some((content.to_owned(), after))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn texts(key: &str) -> Vec<String> {
        split(key).into_iter().map(|part| part.text).collect()
    }

    #[test]
    fn dots_and_brackets() {
        assert_eq!(texts("a.b[0].c"), ["a", "b", "0", "c"]);
        assert_eq!(texts(r#"models["a/b.c"].alias"#), ["models", "a/b.c", "alias"]);
        assert_eq!(texts("models['x']"), ["models", "x"]);
        assert_eq!(texts("a[b"), ["a[b"]);
        assert_eq!(texts(""), Vec::<String>::new());
    }

    proptest! {
        #[test]
        fn never_panics(key in "[a.\\[\\]\"'0中]{0,20}") {
            let _ = split(&key);
        }
    }
}
