//! What a prompt is made of, as far as it says how many tokens it has.
//!
//! Tokenizers differ most in scripts that they saw little of: the same Chinese sentence has three times as many tokens
//! with one as with another, while an English one has the same. So characters are not counted together. The parts are
//! those that the splitters before byte-pair encoding keep apart: a word with the space before it is mostly one token, a
//! digit or a group of digits is one, and so is a run of signs; signs right before a letter often belong to its token.

use std::{
    io::{self, Write},
    ops::Add,
};

use yabby_core::{Message, ModelRequest, Tool};

/// How many parts there are.
pub(super) const PARTS: usize = 15;

/// The parts, each a place in [`Features`] and in the rates of an estimator.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(usize)]
pub(super) enum Part {
    /// Runs of Latin letters; `fooBar` is two.
    Words,
    /// Letters of a run beyond the first [`SHORT`].
    Long,
    Digits,
    /// Runs of ASCII signs that no letter follows.
    Signs,
    /// Runs of ASCII signs with a letter right behind them.
    Glued,
    /// Signs of a run beyond the first.
    MoreSigns,
    /// Runs of line ends.
    Lines,
    /// Runs of two spaces or more.
    Indents,
    /// Chinese characters, and the punctuation that goes with them.
    Han,
    Kana,
    Hangul,
    /// Bytes of everything else that is not ASCII.
    Other,
    /// Messages, the system prompt among them: what a template writes around each.
    Messages,
    /// One: what a template writes once.
    Requests,
    /// One where tools are offered with the server's own fields: what a template says of calls.
    ToolSets,
}

/// Words up to this length are mostly one token.
const SHORT: u32 = 6;

/// What a prompt is made of. Features of prompts can be added up.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Features {
    pub(super) parts: [u32; PARTS],
    /// Pictures, of which nothing is known but that they are there.
    pub(super) images: u32,
}

/// The kind of the character before.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Before {
    Nothing,
    Letter,
    Sign,
    Line,
    Space,
    Other,
}

/// Reads pieces of text in one pass.
struct Scanner {
    found: Features,
    before: Before,
    /// Letters or spaces of this run.
    run: u32,
    lower: bool,
}

// === impl Features ===

impl Features {
    /// What goes into the prompt of `request`: the system prompt, the messages with their calls and results, and the
    /// tools. The request is to be as a dialect gets it ([`yabby_wire::prepared`]).
    pub fn of(request: &ModelRequest) -> Self {
        Self::of_conversation(request) + Self::of_tools(&request.tools)
    }

    /// The same without the tools.
    pub(super) fn of_conversation(request: &ModelRequest) -> Self {
        let mut scanner = Scanner::new();
        scanner.add(Part::Requests, 1);
        if let Some(system) = &request.system {
            scanner.add(Part::Messages, 1);
            scanner.text(system);
        }
        for message in &request.messages {
            scanner.add(Part::Messages, 1);
            match message {
                Message::User { text, images } => {
                    scanner.text(text);
                    let images = u32::try_from(images.len()).unwrap_or(u32::MAX);
                    scanner.found.images = scanner.found.images.saturating_add(images);
                }
                Message::Assistant { text, tool_calls, .. } => {
                    scanner.text(text);
                    // Most templates write a call as such an object between two marks.
                    for call in tool_calls {
                        scanner.text("<tool_call>\n");
                        scanner.text("{\"name\": ");
                        scanner.json(&call.name);
                        scanner.text(", \"arguments\": ");
                        scanner.json(&call.arguments);
                        scanner.text("}\n</tool_call>");
                    }
                }
                Message::ToolResult { content, .. } => scanner.text(content),
            }
        }
        scanner.found
    }

    /// What the definitions of tools add, which most templates write as the JSON that is sent.
    pub(super) fn of_tools(tools: &[Tool]) -> Self {
        let mut scanner = Scanner::new();
        if !tools.is_empty() {
            scanner.add(Part::ToolSets, 1);
        }
        for tool in tools {
            scanner.text("\n{\"type\": \"function\", \"function\": {\"name\": ");
            scanner.json(&tool.name);
            scanner.text(", \"description\": ");
            scanner.json(&tool.description);
            scanner.text(", \"parameters\": ");
            scanner.json(&tool.parameters);
            scanner.text("}}");
        }
        scanner.found
    }

    /// The parts of one text, without what a message adds.
    pub fn of_text(text: &str) -> Self {
        let mut scanner = Scanner::new();
        scanner.text(text);
        scanner.found
    }

    /// Whether there are pictures, whose tokens nobody but the server knows.
    pub fn has_images(&self) -> bool {
        self.images > 0
    }
}

impl Add for Features {
    type Output = Self;

    fn add(mut self, other: Self) -> Self {
        for (mine, theirs) in self.parts.iter_mut().zip(other.parts) {
            *mine = mine.saturating_add(theirs);
        }
        self.images = self.images.saturating_add(other.images);
        self
    }
}

// === impl Scanner ===

impl Scanner {
    fn new() -> Self {
        Self {
            found: Features::default(),
            before: Before::Nothing,
            run: 0,
            lower: false,
        }
    }

    fn add(&mut self, part: Part, count: u32) {
        let place = &mut self.found.parts[part as usize];
        *place = place.saturating_add(count);
    }

    /// A text that begins at the border of a token.
    fn text(&mut self, text: &str) {
        self.before = Before::Nothing;
        self.more(text);
    }

    fn json(&mut self, value: &impl serde::Serialize) {
        self.before = Before::Nothing;
        let written = serde_json::to_writer(&mut *self, value);
        debug_assert!(written.is_ok(), "JSON values can be written to memory");
    }

    fn more(&mut self, text: &str) {
        for c in text.chars() {
            self.char(c);
        }
    }

    fn char(&mut self, c: char) {
        let before = self.before;
        self.before = match c {
            'a'..='z' | 'A'..='Z' => {
                self.letter(c.is_ascii_lowercase());
                return;
            }
            ' ' | '\t' => {
                self.run = if before == Before::Space { self.run + 1 } else { 1 };
                if self.run == 2 {
                    self.add(Part::Indents, 1);
                }
                Before::Space
            }
            '\n' | '\r' => {
                if before != Before::Line {
                    self.add(Part::Lines, 1);
                }
                Before::Line
            }
            '0'..='9' => {
                self.add(Part::Digits, 1);
                Before::Other
            }
            _ if c.is_ascii() => {
                let part = if before == Before::Sign {
                    Part::MoreSigns
                } else {
                    Part::Signs
                };
                self.add(part, 1);
                Before::Sign
            }
            _ => match script(c) {
                // An accented letter does not end the word that it stands in.
                Part::Other if before == Before::Letter && c.is_alphabetic() => {
                    self.add(Part::Other, bytes(c));
                    Before::Letter
                }
                Part::Other => {
                    self.add(Part::Other, bytes(c));
                    Before::Other
                }
                part => {
                    self.add(part, 1);
                    Before::Other
                }
            },
        };
    }

    fn letter(&mut self, lower: bool) {
        if self.before == Before::Sign {
            let signs = &mut self.found.parts[Part::Signs as usize];
            *signs = signs.saturating_sub(1);
            self.add(Part::Glued, 1);
        }
        let hump = !lower && self.lower;
        if self.before != Before::Letter || hump {
            self.add(Part::Words, 1);
            self.run = 0;
        }
        self.run = self.run.saturating_add(1);
        if self.run > SHORT {
            self.add(Part::Long, 1);
        }
        self.lower = lower;
        self.before = Before::Letter;
    }
}

/// JSON is written into the scanner as it is made. Pieces are cut at ASCII characters.
impl Write for Scanner {
    fn write(&mut self, piece: &[u8]) -> io::Result<usize> {
        self.more(&String::from_utf8_lossy(piece));
        Ok(piece.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// The part of a character that is not ASCII, by the blocks of Unicode.
fn script(c: char) -> Part {
    match u32::from(c) {
        0x3040..=0x30ff | 0x31f0..=0x31ff | 0xff66..=0xff9f => Part::Kana,
        0x1100..=0x11ff | 0x3130..=0x318f | 0xac00..=0xd7af => Part::Hangul,
        // Radicals, punctuation, ideographs with their extensions, full-width forms.
        0x2e80..=0x9fff | 0xf900..=0xfaff | 0xfe30..=0xfe4f | 0xff00..=0xffef | 0x2_0000..=0x3_ffff => Part::Han,
        _ => Part::Other,
    }
}

fn bytes(c: char) -> u32 {
    u32::try_from(c.len_utf8()).unwrap_or(4)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::{Map, json};
    use yabby_core::{Image, ToolCall};

    use super::*;

    /// The parts that are there, by name.
    fn found(features: Features) -> Vec<(Part, u32)> {
        use Part::{
            Digits, Glued, Han, Hangul, Indents, Kana, Lines, Long, Messages, MoreSigns, Other, Requests, Signs,
            ToolSets, Words,
        };
        let all: [Part; PARTS] = [
            Words, Long, Digits, Signs, Glued, MoreSigns, Lines, Indents, Han, Kana, Hangul, Other, Messages, Requests,
            ToolSets,
        ];
        let counted = all.map(|part| (part, features.parts[part as usize]));
        counted.into_iter().filter(|(_, count)| *count > 0).collect()
    }

    #[test]
    fn texts_and_their_parts() {
        use Part::{Digits, Glued, Han, Hangul, Indents, Kana, Lines, Long, MoreSigns, Other, Signs, Words};
        let rows: [(&str, &[(Part, u32)]); 14] = [
            ("", &[]),
            ("Two words", &[(Words, 2)]),
            ("extraordinary, no", &[(Words, 2), (Long, 7), (Signs, 1)]),
            ("fooBar HTTP_get", &[(Words, 4), (Glued, 1)]),
            (
                "x.len();\n",
                &[(Words, 2), (Signs, 1), (Glued, 1), (MoreSigns, 2), (Lines, 1)],
            ),
            ("a = 42", &[(Words, 1), (Digits, 2), (Signs, 1)]),
            (
                "{\n\n    \"id\": 7}",
                &[
                    (Words, 1),
                    (Digits, 1),
                    (Signs, 3),
                    (Glued, 1),
                    (MoreSigns, 1),
                    (Lines, 1),
                    (Indents, 1),
                ],
            ),
            ("a\r\nb\tc", &[(Words, 3), (Lines, 1)]),
            ("臺北，下雨。", &[(Han, 6)]),
            ("カタカナとかな", &[(Kana, 7)]),
            ("漢字とabc", &[(Words, 1), (Han, 2), (Kana, 1)]),
            ("한국어 3", &[(Digits, 1), (Hangul, 3)]),
            ("Bär, café", &[(Words, 2), (Signs, 1), (Other, 4)]),
            ("да 🙂", &[(Other, 8)]),
        ];
        for (text, parts) in rows {
            assert_eq!(found(Features::of_text(text)), parts, "{text:?}");
        }
    }

    fn everything() -> ModelRequest {
        let call = ToolCall {
            id: "1".to_owned(),
            name: "look".to_owned(),
            arguments: Map::from_iter([("at".to_owned(), json!("海"))]),
        };
        ModelRequest {
            system: Some("Be brief.".to_owned()),
            messages: vec![
                Message::User {
                    text: "What?".to_owned(),
                    images: vec![Image::new(b"GIF89a").unwrap(); 2],
                },
                Message::calling("I look.", vec![call.clone()]),
                Message::result(&call, "17"),
            ],
            tools: vec![Tool {
                name: "look".to_owned(),
                description: "看".to_owned(),
                parameters: json!({"type": "object"}),
            }],
            ..ModelRequest::default()
        }
    }

    /// Each part of a request counts: without it there is less.
    #[test]
    fn everything_in_a_request_counts() {
        use Part::{Digits, Glued, Han, Lines, Messages, MoreSigns, Requests, Signs, ToolSets, Words};
        let request = everything();
        let whole = Features::of(&request);
        assert_eq!(
            (found(whole), whole.images),
            (
                vec![
                    (Words, 22),
                    (Part::Long, 16),
                    (Digits, 2),
                    (Signs, 25),
                    (Glued, 17),
                    (MoreSigns, 21),
                    (Lines, 3),
                    (Han, 2),
                    (Messages, 4),
                    (Requests, 1),
                    (ToolSets, 1),
                ],
                2
            )
        );
        let smaller: [fn(&mut ModelRequest); 5] = [
            |request| request.system = None,
            |request| drop(request.messages.remove(0)),
            |request| drop(request.messages.remove(1)),
            |request| drop(request.messages.remove(2)),
            |request| request.tools.clear(),
        ];
        for smaller in smaller {
            let mut request = request.clone();
            smaller(&mut request);
            let less = Features::of(&request);
            let sum = |features: &Features| features.parts.iter().sum::<u32>() + features.images;
            assert!(sum(&less) < sum(&whole), "{less:?}");
            assert!(less.parts.iter().zip(whole.parts).all(|(less, whole)| *less <= whole));
        }
        assert_eq!(
            Features::of_conversation(&request) + Features::of_tools(&request.tools),
            whole
        );
    }

    proptest! {
        /// Lines that end are apart from what follows, in any script.
        #[test]
        fn features_add_up_over_lines(lines in prop::collection::vec("[^\r\n]{0,30}", 0..8)) {
            let lines: Vec<String> = lines.iter().map(|line| format!("x{line}x\n")).collect();
            let parts = lines.iter().map(|line| Features::of_text(line));
            prop_assert_eq!(parts.fold(Features::default(), Add::add), Features::of_text(&lines.concat()));
        }

        /// Every character is somewhere, or is a space or the inside of a word.
        #[test]
        fn nothing_but_spaces_is_nothing(text in "\\PC{1,40}") {
            let nothing = Features::of_text(&text) == Features::default();
            prop_assert_eq!(nothing, text.split(' ').all(str::is_empty) && !text.contains("  "));
        }

        /// Messages are apart from each other.
        #[test]
        fn features_add_up_over_messages(texts in prop::collection::vec("\\PC{0,20}", 0..6)) {
            let request = |messages: Vec<Message>| ModelRequest { messages, ..ModelRequest::default() };
            let whole = Features::of(&request(texts.iter().map(Message::user).collect()));
            let mut sum = texts.iter().fold(Features::default(), |sum, text| sum + Features::of_text(text));
            sum.parts[Part::Messages as usize] = u32::try_from(texts.len()).unwrap();
            sum.parts[Part::Requests as usize] = 1;
            prop_assert_eq!(whole, sum);
        }
    }
}
