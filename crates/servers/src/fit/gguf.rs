//! The metadata of a GGUF file: what a model file says of itself before anything loads it.
//!
//! Format: <https://github.com/ggml-org/ggml/blob/master/docs/gguf.md>. A file may come from anywhere, so every count
//! and length is checked against what is left of the file and against a limit of its own. The list of tokens, which is
//! most of the metadata, is walked over and not kept; what stands behind the metadata is not read.
//!
//! This file uses nothing of its crate: the fuzz target in `fuzz/` compiles it alone.

use std::{
    collections::BTreeMap,
    io::{self, BufReader, Read, Seek},
};

/// The first four bytes of a file.
const MAGIC: [u8; 4] = *b"GGUF";

/// The most entries that are read; models have some dozens.
const MOST_ENTRIES: u64 = 4096;

/// The longest name of an entry that is kept, in bytes. The format allows 65,535.
const LONGEST_KEPT_NAME: u64 = 256;
const LONGEST_NAME: u64 = 65_535;

/// The longest text that is kept, in bytes: names.
const LONGEST_TEXT: u64 = 4096;

/// How much of a chat template is looked at, in bytes. The longest known ones have 30 KB.
const LONGEST_TEMPLATE: u64 = 512 * 1024;

/// The most numbers of a list that are kept: one for each layer.
const MOST_LAYERS: u64 = 1024;

/// The most texts in all lists together; each is a step of the walk. A vocabulary of 262,144 tokens has as many tokens
/// and up to twice as many merges.
const MOST_TEXTS: u64 = 8 * 1024 * 1024;

/// Where the metadata ends at the latest, in bytes. The largest vocabularies take some 20 MB.
const LONGEST: u64 = 256 * 1024 * 1024;

/// What a model file says of itself.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Metadata {
    /// Numbers, switches (0 and 1) and short texts by name, and the lists of numbers that describe layers.
    pub values: BTreeMap<String, Value>,
    /// How many tokens its vocabulary has, where it lists them.
    pub vocabulary: Option<u64>,
    /// What can be seen in its chat template, where it has one.
    pub template: Option<Template>,
}

/// A value of an entry. Fractions and negative numbers are not kept: nothing that is read here has any.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Value {
    /// A whole number, or a switch as 0 or 1.
    Number(u64),
    /// One number for each layer.
    Numbers(Vec<u64>),
    /// A short text.
    Text(String),
}

/// What a chat template mentions.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Template {
    /// It mentions tools.
    pub tools: bool,
    /// It has the switch for reasoning, `enable_thinking`.
    pub thinking: bool,
}

/// Why a file cannot be read as GGUF.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GgufError {
    /// It does not begin with `GGUF`.
    Magic,
    /// Another version than 2 and 3, or one for machines with the other order of bytes.
    Version(u32),
    /// The file ends before its metadata does.
    Truncated,
    /// There is more of something than any model has.
    TooMuch,
    /// A value has a type that the format does not know, or a list of lists.
    Type(u32),
    /// The file cannot be read.
    Io(io::ErrorKind),
}

impl From<io::Error> for GgufError {
    fn from(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::UnexpectedEof => Self::Truncated,
            kind => Self::Io(kind),
        }
    }
}

impl Metadata {
    /// Reads the metadata of a file that has `length` bytes.
    pub fn read(file: impl Read + Seek, length: u64) -> Result<Self, GgufError> {
        let mut input = Input {
            from: BufReader::with_capacity(64 * 1024, file),
            left: length,
            budget: LONGEST,
            texts: MOST_TEXTS,
        };
        if length < 4 || input.bytes()? != MAGIC {
            return Err(GgufError::Magic);
        }
        let version = input.u32()?;
        if !matches!(version, 2 | 3) {
            return Err(GgufError::Version(version));
        }
        let _tensors = input.u64()?;
        let entries = input.u64()?;
        if entries > MOST_ENTRIES {
            return Err(GgufError::TooMuch);
        }
        let mut metadata = Self::default();
        for _ in 0..entries {
            metadata.entry(&mut input)?;
        }
        Ok(metadata)
    }

    /// A number, by the whole name of its entry.
    pub fn number(&self, name: &str) -> Option<u64> {
        match self.values.get(name)? {
            Value::Number(number) => Some(*number),
            Value::Numbers(_) | Value::Text(_) => None,
        }
    }

    /// A text, by the whole name of its entry.
    pub fn text(&self, name: &str) -> Option<&str> {
        match self.values.get(name)? {
            Value::Text(text) => Some(text),
            Value::Number(_) | Value::Numbers(_) => None,
        }
    }

    fn entry(&mut self, input: &mut Input<impl Read + Seek>) -> Result<(), GgufError> {
        let length = input.u64()?;
        if length > LONGEST_NAME {
            return Err(GgufError::TooMuch);
        }
        let name = input.text(length, LONGEST_KEPT_NAME)?.unwrap_or_default();
        let kind = input.u32()?;
        let value = match kind {
            STRING => {
                let length = input.u64()?;
                if name == "tokenizer.chat_template" {
                    let text = input.beginning(length, LONGEST_TEMPLATE)?;
                    self.template = Some(Template::of(&text));
                    return Ok(());
                }
                input.text(length, LONGEST_TEXT)?.map(Value::Text)
            }
            ARRAY => {
                let kind = input.u32()?;
                let count = input.u64()?;
                if name == "tokenizer.ggml.tokens" {
                    self.vocabulary = Some(count);
                }
                let kept = is_of_layers(&name) && count <= MOST_LAYERS;
                input.list(kind, count, kept)?.map(Value::Numbers)
            }
            kind => input.number(kind)?.map(Value::Number),
        };
        if let (false, Some(value)) = (name.is_empty(), value) {
            self.values.insert(name, value);
        }
        Ok(())
    }
}

/// Whether a list may have one number for each layer and is read elsewhere.
fn is_of_layers(name: &str) -> bool {
    let wanted = [
        ".attention.head_count",
        ".attention.head_count_kv",
        ".attention.sliding_window_pattern",
        ".attention.recurrent_layers",
    ];
    wanted.iter().any(|end| name.ends_with(end))
}

impl Template {
    /// Looks at a template, or at the beginning of one.
    pub fn of(text: &[u8]) -> Self {
        let mentions = |word: &[u8]| text.windows(word.len()).any(|part| part == word);
        Self {
            tools: mentions(b"tools"),
            thinking: mentions(b"enable_thinking"),
        }
    }
}

/// `GGUF_METADATA_VALUE_TYPE_STRING`.
const STRING: u32 = 8;
/// `GGUF_METADATA_VALUE_TYPE_ARRAY`.
const ARRAY: u32 = 9;

/// The bytes of a value of a type that has always the same size.
fn size(kind: u32) -> Result<u64, GgufError> {
    match kind {
        // Unsigned and signed bytes, and booleans.
        0 | 1 | 7 => Ok(1),
        2 | 3 => Ok(2),
        // 32 bits, the last of them a float.
        4..=6 => Ok(4),
        // 64 bits, the last of them a float.
        10..=12 => Ok(8),
        kind => Err(GgufError::Type(kind)),
    }
}

/// A file, and how much of it may still be read.
struct Input<R> {
    from: BufReader<R>,
    /// Bytes to the end of the file.
    left: u64,
    /// Bytes that the metadata may still have.
    budget: u64,
    /// Texts that lists may still have.
    texts: u64,
}

// === impl Input ===

impl<R: Read + Seek> Input<R> {
    /// Takes so many bytes from what is left.
    fn take(&mut self, count: u64) -> Result<(), GgufError> {
        self.left = self.left.checked_sub(count).ok_or(GgufError::Truncated)?;
        self.budget = self.budget.checked_sub(count).ok_or(GgufError::TooMuch)?;
        Ok(())
    }

    fn bytes<const N: usize>(&mut self) -> Result<[u8; N], GgufError> {
        self.take(N as u64)?;
        let mut bytes = [0; N];
        self.from.read_exact(&mut bytes)?;
        Ok(bytes)
    }

    fn u32(&mut self) -> Result<u32, GgufError> {
        self.bytes().map(u32::from_le_bytes)
    }

    fn u64(&mut self) -> Result<u64, GgufError> {
        self.bytes().map(u64::from_le_bytes)
    }

    /// Goes on behind so many bytes, without reading what is not in the buffer anyway.
    fn skip(&mut self, count: u64) -> Result<(), GgufError> {
        self.take(count)?;
        let count = i64::try_from(count).map_err(|_| GgufError::TooMuch)?;
        Ok(self.from.seek_relative(count)?)
    }

    /// The beginning of a text of `length` bytes, at the most `most` of them. All of it is passed.
    fn beginning(&mut self, length: u64, most: u64) -> Result<Vec<u8>, GgufError> {
        let wanted = length.min(most);
        self.take(wanted)?;
        // It is in the file, so that a length which is a lie makes no large buffer.
        let mut text = vec![0; usize::try_from(wanted).map_err(|_| GgufError::TooMuch)?];
        self.from.read_exact(&mut text)?;
        self.skip(length - wanted)?;
        Ok(text)
    }

    /// A text of `length` bytes; `None` for one that is longer than `most` or not UTF-8.
    fn text(&mut self, length: u64, most: u64) -> Result<Option<String>, GgufError> {
        if length > most {
            self.skip(length)?;
            return Ok(None);
        }
        Ok(String::from_utf8(self.beginning(length, most)?).ok())
    }

    /// A number or a switch; `None` for a fraction and for what is below zero.
    fn number(&mut self, kind: u32) -> Result<Option<u64>, GgufError> {
        Ok(match kind {
            0 | 7 => Some(self.bytes().map(u8::from_le_bytes)?.into()),
            1 => u64::try_from(self.bytes().map(i8::from_le_bytes)?).ok(),
            2 => Some(self.bytes().map(u16::from_le_bytes)?.into()),
            3 => u64::try_from(self.bytes().map(i16::from_le_bytes)?).ok(),
            4 => Some(self.u32()?.into()),
            5 => u64::try_from(self.bytes().map(i32::from_le_bytes)?).ok(),
            10 => Some(self.u64()?),
            11 => u64::try_from(self.bytes().map(i64::from_le_bytes)?).ok(),
            kind => {
                self.skip(size(kind)?)?;
                None
            }
        })
    }

    /// Passes a list, and gives its numbers when they are to be kept and all of them are whole.
    fn list(&mut self, kind: u32, count: u64, kept: bool) -> Result<Option<Vec<u64>>, GgufError> {
        if kind == STRING {
            self.texts = self.texts.checked_sub(count).ok_or(GgufError::TooMuch)?;
            for _ in 0..count {
                let length = self.u64()?;
                self.skip(length)?;
            }
            return Ok(None);
        }
        let bytes = size(kind)?.checked_mul(count).ok_or(GgufError::Truncated)?;
        if !kept {
            self.skip(bytes)?;
            return Ok(None);
        }
        let mut numbers = Vec::new();
        let mut whole = true;
        for _ in 0..count {
            match self.number(kind)? {
                Some(number) => numbers.push(number),
                None => whole = false,
            }
        }
        Ok(whole.then_some(numbers))
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use std::io::Cursor;

    use proptest::prelude::*;

    use super::*;

    /// Writes GGUF files for tests.
    #[derive(Clone, Debug)]
    pub(crate) struct Writer {
        version: u32,
        entries: u64,
        body: Vec<u8>,
    }

    impl Writer {
        pub(crate) fn new(architecture: &str) -> Self {
            let empty = Self {
                version: 3,
                entries: 0,
                body: Vec::new(),
            };
            empty.text("general.architecture", architecture)
        }

        /// An entry of any type; `value` is as it stands in the file.
        pub(crate) fn raw(mut self, name: &str, kind: u32, value: &[u8]) -> Self {
            self.entries += 1;
            self.body.extend(string(name));
            self.body.extend(kind.to_le_bytes());
            self.body.extend(value);
            self
        }

        pub(crate) fn text(self, name: &str, text: &str) -> Self {
            self.raw(name, STRING, &string(text))
        }

        pub(crate) fn u32(self, name: &str, number: u32) -> Self {
            self.raw(name, 4, &number.to_le_bytes())
        }

        pub(crate) fn list(self, name: &str, kind: u32, count: u64, items: &[u8]) -> Self {
            let mut value = kind.to_le_bytes().to_vec();
            value.extend(count.to_le_bytes());
            value.extend(items);
            self.raw(name, ARRAY, &value)
        }

        pub(crate) fn texts(self, name: &str, texts: &[&str]) -> Self {
            let items: Vec<u8> = texts.iter().flat_map(|text| string(text)).collect();
            self.list(name, STRING, texts.len() as u64, &items)
        }

        pub(crate) fn bytes(&self) -> Vec<u8> {
            let mut file = MAGIC.to_vec();
            file.extend(self.version.to_le_bytes());
            file.extend(2_u64.to_le_bytes());
            file.extend(self.entries.to_le_bytes());
            file.extend(&self.body);
            file
        }
    }

    fn string(text: &str) -> Vec<u8> {
        let mut bytes = (text.len() as u64).to_le_bytes().to_vec();
        bytes.extend(text.as_bytes());
        bytes
    }

    fn read(bytes: &[u8]) -> Result<Metadata, GgufError> {
        Metadata::read(Cursor::new(bytes), bytes.len() as u64)
    }

    fn small() -> Writer {
        Writer::new("llama")
            .text("general.size_label", "135M")
            .u32("llama.block_count", 2)
            .list("llama.attention.head_count_kv", 5, 2, &[3, 0, 0, 0, 4, 0, 0, 0])
            .list("llama.attention.sliding_window_pattern", 7, 2, &[1, 0])
            .raw("llama.rope.freq_base", 6, &1e6_f32.to_le_bytes())
            .raw("llama.negative", 5, &(-1_i32).to_le_bytes())
            .raw("tokenizer.ggml.add_bos_token", 7, &[1])
            .texts("tokenizer.ggml.tokens", &["a", "bc", ""])
            .list("tokenizer.ggml.scores", 6, 3, &[0; 12])
            .text(
                "tokenizer.chat_template",
                "{% if tools %}…{% endif %}{{ enable_thinking }}",
            )
            .raw("llama.context_length", 10, &8192_u64.to_le_bytes())
    }

    #[test]
    fn what_a_file_says_of_itself() {
        let expected = Metadata {
            values: [
                ("general.architecture", Value::Text("llama".to_owned())),
                ("general.size_label", Value::Text("135M".to_owned())),
                ("llama.block_count", Value::Number(2)),
                ("llama.attention.head_count_kv", Value::Numbers(vec![3, 4])),
                ("llama.attention.sliding_window_pattern", Value::Numbers(vec![1, 0])),
                ("tokenizer.ggml.add_bos_token", Value::Number(1)),
                ("llama.context_length", Value::Number(8192)),
            ]
            .map(|(name, value)| (name.to_owned(), value))
            .into(),
            vocabulary: Some(3),
            template: Some(Template {
                tools: true,
                thinking: true,
            }),
        };
        let mut file = small();
        assert_eq!(read(&file.bytes()), Ok(expected.clone()));
        file.version = 2;
        assert_eq!(read(&file.bytes()), Ok(expected));
    }

    #[test]
    fn what_is_no_model_file_is_told() {
        let changed = |at: usize, bytes: &[u8]| {
            let mut file = small().bytes();
            file[at..at + bytes.len()].copy_from_slice(bytes);
            read(&file)
        };
        for (name, found, error) in [
            ("nothing", read(b""), GgufError::Magic),
            ("half a magic", read(b"GG"), GgufError::Magic),
            ("another file", read(b"PK\x03\x04 and more"), GgufError::Magic),
            ("the magic alone", read(b"GGUF"), GgufError::Truncated),
            ("version 1", changed(4, &[1, 0, 0, 0]), GgufError::Version(1)),
            (
                "the other order of bytes",
                changed(4, &[0, 0, 0, 3]),
                GgufError::Version(0x0300_0000),
            ),
            ("too many entries", changed(16, &[0xff; 8]), GgufError::TooMuch),
            ("a name without end", changed(24, &[0xff; 8]), GgufError::TooMuch),
            (
                "an unknown type",
                read(&Writer::new("x").raw("k", 13, &[]).bytes()),
                GgufError::Type(13),
            ),
            (
                "a list of lists",
                read(&Writer::new("x").list("k", ARRAY, 1, &[0; 64]).bytes()),
                GgufError::Type(ARRAY),
            ),
            (
                "a text that is longer than the file",
                read(&Writer::new("x").raw("k", STRING, &u64::MAX.to_le_bytes()).bytes()),
                GgufError::Truncated,
            ),
            (
                "a template that is longer than the file",
                read(
                    &Writer::new("x")
                        .raw("tokenizer.chat_template", STRING, &100_000_u64.to_le_bytes())
                        .bytes(),
                ),
                GgufError::Truncated,
            ),
            (
                "a list that is longer than the file",
                read(&Writer::new("x").list("k", 10, 1 << 40, &[0; 64]).bytes()),
                GgufError::Truncated,
            ),
            (
                "a list whose size is no number",
                read(&Writer::new("x").list("k", 10, u64::MAX, &[0; 64]).bytes()),
                GgufError::Truncated,
            ),
            (
                "more texts than any vocabulary",
                read(&Writer::new("x").list("k", STRING, 1 << 40, &[0; 64]).bytes()),
                GgufError::TooMuch,
            ),
        ] {
            assert_eq!(found, Err(error), "{name}");
        }
    }

    #[test]
    fn what_is_too_long_to_keep_is_passed() {
        let long = "n".repeat(300);
        let file = Writer::new("x")
            .u32(&long, 1)
            .text("general.name", &"t".repeat(5000))
            .list("x.attention.head_count_kv", 0, 2000, &[1; 2000])
            .raw(
                "general.description",
                STRING,
                &[&2_u64.to_le_bytes()[..], &[0xff, 0xfe]].concat(),
            )
            .u32("x.block_count", 7);
        let found = read(&file.bytes()).unwrap();
        let names: Vec<&String> = found.values.keys().collect();
        assert_eq!(names, ["general.architecture", "x.block_count"]);
    }

    #[test]
    fn a_file_that_lies_about_its_end_is_cut_short() {
        let file = small().bytes();
        let short = Cursor::new(&file[..file.len() - 1]);
        assert_eq!(Metadata::read(short, file.len() as u64), Err(GgufError::Truncated));
    }

    proptest! {
        /// Every beginning of a file is cut short, and what follows the metadata is not read.
        #[test]
        fn ends_where_the_metadata_ends(cut in 0_usize..600, rest in proptest::collection::vec(any::<u8>(), 0..64)) {
            let file = small().bytes();
            let cut = cut % file.len();
            let error = if cut < 4 { GgufError::Magic } else { GgufError::Truncated };
            prop_assert_eq!(read(&file[..cut]), Err(error));
            let whole = read(&file);
            prop_assert!(whole.is_ok());
            prop_assert_eq!(read(&[file, rest].concat()), whole);
        }

        /// Changed bytes are an error or other values, and nothing grows beyond the file.
        #[test]
        fn any_bytes_are_read_or_refused(changes in proptest::collection::vec((0_usize..600, any::<u8>()), 1..6)) {
            let mut file = small().bytes();
            let length = file.len();
            for (at, byte) in changes {
                file[at % length] = byte;
            }
            if let Ok(metadata) = read(&file) {
                let kept: usize = metadata.values.iter().map(|(name, value)| name.len() + match value {
                    Value::Number(_) => 1,
                    Value::Numbers(numbers) => numbers.len(),
                    Value::Text(text) => text.len(),
                }).sum();
                prop_assert!(kept <= length);
            }
        }
    }
}
