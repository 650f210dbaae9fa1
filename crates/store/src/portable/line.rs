//! One line of an export: `{"t":"items","r":{…},"h":"0123456789abcdef"}`.
//!
//! `h` is the beginning of the SHA-256 of everything before it in the line, as it is written.

use std::io::{self, BufRead, Read as _};

use serde::Deserialize;
use serde_json::{Map, Value as Json};
use sha2::{Digest as _, Sha256};
use yabby_core::{Text, text};

use crate::error::{StoreError, StoreErrorKind};

/// So many digits of its checksum a line has.
const CHECKED: usize = 16;
/// `,"h":"` and `"}` around them.
const TAIL: usize = CHECKED + 8;
/// A line beyond this is none of ours. An attachment is one line.
const LONGEST: u64 = 512 * 1024 * 1024;

/// The name of the first line, of the last one, and of the bytes of an attachment. All others have names of tables.
pub(super) const HEADER: &str = "header";
pub(super) const END: &str = "end";
pub(super) const FILE: &str = "file";

/// A line that was read and is as it was written.
#[derive(Debug, Deserialize)]
pub(super) struct Line {
    #[serde(rename = "t")]
    pub(super) table: String,
    #[serde(rename = "r")]
    pub(super) row: Map<String, Json>,
}

/// A line with its end.
pub(super) fn seal(table: &str, row: &Map<String, Json>) -> String {
    // Names of tables and maps of strings can always be written.
    let table = serde_json::to_string(table).unwrap_or_default();
    let row = serde_json::to_string(row).unwrap_or_default();
    let mut line = format!(r#"{{"t":{table},"r":{row}"#);
    let sum = hex(&Sha256::digest(&line));
    line.push_str(r#","h":""#);
    line.push_str(&sum[..CHECKED]);
    line.push_str("\"}\n");
    line
}

/// Reads a line, without its end.
pub(super) fn open(line: &[u8]) -> Result<Line, Text> {
    let Some((said, tail)) = line.len().checked_sub(TAIL).and_then(|at| line.split_at_checked(at)) else {
        return Err(text!("it is too short"));
    };
    let sum = hex(&Sha256::digest(said));
    let expected = format!(r#","h":"{}"}}"#, &sum[..CHECKED]);
    if tail != expected.as_bytes() {
        return Err(text!("its checksum does not fit"));
    }
    serde_json::from_slice(line).map_err(|error| text!("it cannot be read: {error}", error = error))
}

/// The lines of an export, each with its number from 1 on and the sum of everything before it.
pub(super) struct Lines<R> {
    from: R,
    number: u64,
    sum: Sha256,
    bytes: Vec<u8>,
}

impl<R: BufRead> Lines<R> {
    pub(super) fn new(from: R) -> Self {
        Self {
            from,
            number: 0,
            sum: Sha256::new(),
            bytes: Vec::new(),
        }
    }

    /// The next line, and the sum of all before it; `None` at the end of the file.
    pub(super) fn next(&mut self) -> Result<Option<(Line, String)>, StoreError> {
        self.bytes.clear();
        let read = (&mut self.from).take(LONGEST).read_until(b'\n', &mut self.bytes);
        let read = read.map_err(|error| unreadable(&error))?;
        if read == 0 {
            return Ok(None);
        }
        self.number += 1;
        let before = hex(&self.sum.clone().finalize());
        self.sum.update(&self.bytes);
        let Some((b'\n', line)) = self.bytes.split_last() else {
            return Err(self.wrong(&text!("it is not complete")));
        };
        let line = open(line).map_err(|problem| self.wrong(&problem))?;
        Ok(Some((line, before)))
    }

    /// The number of the line that was read last.
    pub(super) fn number(&self) -> u64 {
        self.number
    }

    /// An error that names the line that was read last.
    pub(super) fn wrong(&self, problem: &Text) -> StoreError {
        wrong(self.number, problem)
    }
}

/// An error that names a line.
pub(super) fn wrong(number: u64, problem: &Text) -> StoreError {
    let message = text!(
        "line {number} of the export is wrong: {problem}",
        number = number,
        problem = problem
    );
    StoreError::new(StoreErrorKind::Invalid, message)
        .with_hint(text!("nothing was imported; take another copy of the export"))
}

pub(super) fn unreadable(error: &io::Error) -> StoreError {
    let message = text!("the export cannot be read: {error}", error = error);
    StoreError::new(StoreErrorKind::Other, message)
}

/// Bytes as hexadecimal digits.
pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes
        .iter()
        .fold(String::with_capacity(2 * bytes.len()), |mut all, byte| {
            let digit = |of: u8| char::from_digit(of.into(), 16).unwrap_or_default();
            all.extend([digit(byte >> 4), digit(byte & 15)]);
            all
        })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn row() -> Map<String, Json> {
        Map::from_iter([("a".to_owned(), json!("x\u{0}é\n")), ("b".to_owned(), json!(7))])
    }

    #[test]
    fn a_line_is_read_as_it_was_written_and_in_no_other_way() {
        let line = seal("items", &row());
        let inner = line.trim_end_matches('\n').as_bytes();
        let read = open(inner).unwrap();
        assert_eq!((read.table.as_str(), read.row), ("items", row()));
        for at in 0..inner.len() {
            let mut changed = inner.to_owned();
            changed[at] ^= 1;
            assert!(open(&changed).is_err(), "{at}");
            assert!(open(&inner[..at]).is_err(), "{at}");
        }
    }

    proptest! {
        #[test]
        fn nothing_panics(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let _ = open(&bytes);
            let mut lines = Lines::new(bytes.as_slice());
            while let Ok(Some(_)) = lines.next() {}
        }
    }
}
