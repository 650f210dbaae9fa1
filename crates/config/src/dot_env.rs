//! `.env` files, read as OpenClaw reads them: nothing in a value is expanded.

/// The variables of a `.env` file in order; for a line that is none, its 1-based number.
///
/// `export ` may stand before a name. Values stand in `'`, `"` or `` ` `` and may then span lines (`\n` in `"` is a line
/// end), or stand bare and end at ` #`.
pub(crate) fn parse(text: &str) -> Vec<Result<(String, String), usize>> {
    let mut found = Vec::new();
    let mut rest = text.trim_start_matches('\u{feff}');
    let mut number = 1;
    while !rest.is_empty() {
        let line = rest.split('\n').next().unwrap_or_default();
        let mut length = line.len();
        let content = line.trim();
        if !content.is_empty() && !content.starts_with('#') {
            let read = entry(rest);
            length = read.as_ref().map_or(length, |(_, length)| *length);
            found.push(read.map(|(entry, _)| entry).ok_or(number));
        }
        number += rest[..length].matches('\n').count() + 1;
        rest = rest.get(length + 1..).unwrap_or_default();
    }
    found
}

/// The entry that `text` begins with, and its length without the end of its last line.
fn entry(text: &str) -> Option<((String, String), usize)> {
    let line = text.split('\n').next().unwrap_or_default();
    let equals = line.find('=')?;
    let name = line[..equals].trim();
    let name = name
        .strip_prefix("export")
        .filter(|rest| rest.starts_with([' ', '\t']))
        .unwrap_or(name);
    let name = name.trim();
    let is_name = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | '-');
    if name.is_empty() || !name.chars().all(is_name) {
        return None;
    }
    let value = line[equals + 1..].trim();
    let Some(mark) = value.chars().next().filter(|c| matches!(c, '\'' | '"' | '`')) else {
        let bare = if value.starts_with('#') { "" } else { value };
        let comment = bare
            .match_indices('#')
            .find(|(at, _)| bare[..*at].ends_with([' ', '\t']));
        let bare = comment.map_or(bare, |(at, _)| bare[..at].trim_end());
        return Some(((name.to_owned(), bare.to_owned()), line.len()));
    };
    let open = equals + 1 + text[equals + 1..].find(mark)? + 1;
    let close = open + closing(&text[open..], mark)?;
    let behind = text[close + 1..].split('\n').next().unwrap_or_default();
    if !behind.trim().is_empty() && !behind.trim().starts_with('#') {
        return None;
    }
    let inner = &text[open..close];
    let value = match mark {
        '"' => inner.replace("\\n", "\n").replace("\\r", "\r"),
        _ => inner.to_owned(),
    };
    Some(((name.to_owned(), value), close + 1 + behind.len()))
}

/// Where the quotation mark stands that ends a value; one behind a backslash does not.
fn closing(text: &str, mark: char) -> Option<usize> {
    let is_end = |(at, _): &(usize, &str)| !text[..*at].ends_with('\\');
    text.match_indices(mark).find(is_end).map(|(at, _)| at)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn one(text: &str) -> Option<String> {
        match parse(text).as_slice() {
            [Ok((name, value))] if name == "A" => Some(value.clone()),
            _ => None,
        }
    }

    #[test]
    fn what_a_value_is() {
        let cases = [
            ("A=1", "1"),
            (" export A = x y ", "x y"),
            ("A=", ""),
            ("A= # nothing", ""),
            ("A=a#b # c", "a#b"),
            ("A='x # y' # z", "x # y"),
            ("A=\"x\\ny\"", "x\ny"),
            ("A='x\\ny'", "x\\ny"),
            ("A=`it's`", "it's"),
            ("A=$HOME ${B} $(c)", "$HOME ${B} $(c)"),
            ("A=pa$$word\r\n", "pa$$word"),
            ("A=\"one\ntwo\"\n", "one\ntwo"),
            ("\u{feff}A=k=v", "k=v"),
        ];
        for (text, expected) in cases {
            assert_eq!(one(text).as_deref(), Some(expected), "{text:?}");
        }
    }

    #[test]
    fn a_broken_line_is_counted_and_left() {
        let text = "# c\nA='1\n2'\nnot a line\n\nB C=1\nD='open\nE='x' y\nF=\"\"\n";
        let ok = |name: &str, value: &str| Ok((name.to_owned(), value.to_owned()));
        assert_eq!(
            parse(text),
            [ok("A", "1\n2"), Err(4), Err(6), Err(7), Err(8), ok("F", "")]
        );
    }

    proptest! {
        #[test]
        fn never_panics(text in "(?s)[A=export '\"`#\\\\\n中]{0,40}|(?s).{0,40}") {
            let _ = parse(&text);
        }

        #[test]
        fn single_quotes_keep_everything(value in "[^'\\\\]{0,20}") {
            prop_assert_eq!(one(&format!("A='{value}'\n")), Some(value));
        }
    }
}
