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
#[path = "gguf/tests.rs"]
pub(crate) mod tests;
