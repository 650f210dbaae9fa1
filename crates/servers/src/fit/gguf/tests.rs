//! Model files written by hand, and files that are none.

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
