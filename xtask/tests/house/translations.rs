//! Every text that a person reads has a Traditional Chinese line, and no line is left over.

use std::{collections::BTreeMap, iter::Peekable, path::Path, str::Chars};

use crate::sources::{entries, read, rooms, root, rust_files, short};

/// Below this line of `cli.txt` stand the helps of commands and options; `yabby`'s own tests check those.
const HELP_SECTION: &str = "## command line help";

#[test]
fn every_text_is_translated_and_every_translation_is_used() {
    let mut used = BTreeMap::new();
    for path in rooms().iter().flat_map(|room| rust_files(&room.join("src"))) {
        if path.iter().any(|part| part == "tests" || part == "tests.rs") {
            continue;
        }
        for template in templates(&read(&path))
            .into_iter()
            .filter(|template| has_words(template))
        {
            used.entry(template).or_insert_with(|| short(&path));
        }
    }
    let catalogue = catalogue(&root().join("crates/core/src/text/zh_tw"));

    let missing = used.iter().filter(|(template, _)| !catalogue.contains_key(*template));
    let mut wrong: Vec<String> = missing
        .map(|(template, file)| format!("not translated ({file}): {template}"))
        .collect();
    let left_over = catalogue
        .iter()
        .filter(|(template, entry)| !entry.help && !used.contains_key(*template));
    wrong.extend(left_over.map(|(template, entry)| format!("nobody says it ({}): {template}", entry.file)));
    assert!(wrong.is_empty(), "\n{}\n", wrong.join("\n"));
}

/// Whether a template says anything itself; `{path}: {error}` is the same in every language.
fn has_words(template: &str) -> bool {
    let outside = template
        .split('{')
        .map(|part| part.split_once('}').map_or(part, |(_, after)| after));
    outside.flat_map(str::chars).any(char::is_alphabetic)
}

/// Where a translation stands.
struct Entry {
    file: String,
    help: bool,
}

/// The English lines of all catalogues.
fn catalogue(folder: &Path) -> BTreeMap<String, Entry> {
    let mut found = BTreeMap::new();
    for path in entries(folder) {
        let (file, text) = (short(&path), read(&path));
        let (mut help, mut english) = (false, None);
        for line in text.lines().filter(|line| !line.trim().is_empty()) {
            if line.starts_with("##") {
                help |= file.ends_with("cli.txt") && line.trim_end() == HELP_SECTION;
            } else if let Some(template) = english.take() {
                found.insert(
                    template,
                    Entry {
                        file: file.clone(),
                        help,
                    },
                );
            } else {
                english = Some(line.to_owned());
            }
        }
        assert!(
            english.is_none(),
            "{file}: the last line has no translation: {english:?}"
        );
    }
    found
}

/// The templates of all `text!("…")` in a source file, comments and the tests at its end left out.
fn templates(source: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut word = String::new();
    let mut chars = source.chars().peekable();
    while let Some(char) = chars.next() {
        match char {
            '/' if chars.peek() == Some(&'/') => skip_line(&mut chars),
            '/' if chars.peek() == Some(&'*') => skip_block(&mut chars),
            '"' => drop(string(&mut chars)),
            '#' if rest(&chars).starts_with("[cfg(test)]\nmod ") => {
                let inline = rest(&chars).lines().nth(1).is_some_and(|line| line.ends_with('{'));
                if inline {
                    return found;
                }
            }
            'r' if word.is_empty() && matches!(chars.peek(), Some('"' | '#')) => drop(raw_string(&mut chars)),
            '\'' => skip_char(&mut chars),
            '!' if word == "text" => {
                skip_space(&mut chars);
                if matches!(chars.peek(), Some('(' | '[' | '{')) {
                    chars.next();
                    skip_space(&mut chars);
                    if chars.next_if_eq(&'"').is_some() {
                        found.push(string(&mut chars));
                    } else if rest(&chars).starts_with("r\"") || rest(&chars).starts_with("r#") {
                        chars.next();
                        found.extend(raw_string(&mut chars));
                    }
                }
            }
            char if char.is_alphanumeric() || char == '_' => {
                word.push(char);
                continue;
            }
            _ => {}
        }
        word.clear();
    }
    found
}

type Source<'a> = Peekable<Chars<'a>>;

fn rest(chars: &Source<'_>) -> String {
    chars.clone().take(400).collect()
}

fn skip_space(chars: &mut Source<'_>) {
    loop {
        while chars.next_if(|char| char.is_whitespace()).is_some() {}
        if !rest(chars).starts_with("//") {
            return;
        }
        skip_line(chars);
    }
}

fn skip_line(chars: &mut Source<'_>) {
    while chars.next_if(|char| *char != '\n').is_some() {}
}

fn skip_block(chars: &mut Source<'_>) {
    let mut depth = 1;
    let mut last = ' ';
    chars.next();
    for char in chars.by_ref() {
        match (last, char) {
            ('*', '/') => depth -= 1,
            ('/', '*') => depth += 1,
            _ => {
                last = char;
                continue;
            }
        }
        if depth == 0 {
            return;
        }
        last = ' ';
    }
}

/// After a `'`: the rest of a character, or nothing where it begins a lifetime.
fn skip_char(chars: &mut Source<'_>) {
    let ahead: Vec<char> = chars.clone().take(2).collect();
    if ahead.first() == Some(&'\\') {
        chars.nth(1);
        while chars.next_if(|char| *char != '\'').is_some() {}
        chars.next();
    } else if ahead.get(1) == Some(&'\'') {
        chars.nth(1);
    }
}

/// The value of a string whose opening quote has been read.
fn string(chars: &mut Source<'_>) -> String {
    let mut value = String::new();
    while let Some(char) = chars.next() {
        match char {
            '"' => break,
            '\\' => match chars.next() {
                Some('n') => value.push('\n'),
                Some('t') => value.push('\t'),
                Some('u') => value.extend(unicode(chars)),
                Some('\n') => while chars.next_if(|char| char.is_whitespace()).is_some() {},
                Some(other) => value.push(other),
                None => break,
            },
            other => value.push(other),
        }
    }
    value
}

fn unicode(chars: &mut Source<'_>) -> Option<char> {
    chars.next_if_eq(&'{')?;
    let mut digits = String::new();
    while let Some(digit) = chars.next_if(|char| *char != '}') {
        digits.push(digit);
    }
    chars.next();
    char::from_u32(u32::from_str_radix(&digits, 16).ok()?)
}

/// The value of a raw string whose `r` has been read; nothing where it was a raw identifier.
fn raw_string(chars: &mut Source<'_>) -> Option<String> {
    let mut end = String::from("\"");
    while chars.next_if_eq(&'#').is_some() {
        end.push('#');
    }
    chars.next_if_eq(&'"')?;
    let mut value = String::new();
    for char in chars.by_ref() {
        value.push(char);
        if value.ends_with(&end) {
            value.truncate(value.len() - end.len());
            break;
        }
    }
    Some(value)
}

#[test]
fn texts_are_found_wherever_they_stand() {
    let source = r##"
        /// text!("in a comment") /* text!("too") */
        fn f<'a>(x: &'a str) {
            let quote = '"'; let escaped = '\''; let hash = r#"text!("in a string")"#;
            text!("plain {name}", name = 1); /* text!("block") /* nested */ text!("still") */
            crate::text!(
                // why
                "on the next \"line\", \
                 continued", x = "text!(\"value\")"
            );
            context!("another macro"); text!($template); text!(r#"raw "one""#); text!("\u{e9}")
        }
        #[cfg(test)]
        use x;
#[cfg(test)]
mod helper;
        fn g() { text!("late") }
#[cfg(test)]
mod tests {
    text!("in the tests");
}
    "##;
    assert_eq!(
        templates(source),
        [
            "plain {name}",
            "on the next \"line\", continued",
            "raw \"one\"",
            "é",
            "late"
        ]
    );
}
