//! What a program wrote to its standard error: the last of it.

use std::sync::{Arc, Mutex, PoisonError};

/// Keeps the last bytes. Cheap to clone; clones are one log.
#[derive(Clone, Debug)]
pub(super) struct Log(Arc<Mutex<Kept>>);

#[derive(Debug)]
struct Kept {
    bytes: Vec<u8>,
    most: usize,
}

impl Log {
    pub(super) fn new(most: usize) -> Self {
        Self(Arc::new(Mutex::new(Kept {
            bytes: Vec::new(),
            most,
        })))
    }

    pub(super) fn push(&self, bytes: &[u8]) {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let Kept { bytes: all, most } = &mut *kept;
        all.extend_from_slice(bytes);
        all.drain(..all.len().saturating_sub(*most));
    }

    /// All that is kept.
    pub(super) fn text(&self) -> String {
        let kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        String::from_utf8_lossy(&kept.bytes).into_owned()
    }

    /// The last line in which something stands, shortened, without what would move a terminal's cursor.
    pub(super) fn last_line(&self) -> Option<String> {
        let text = self.text();
        let line = text.lines().rev().map(str::trim).find(|line| !line.is_empty())?;
        Some(line.chars().filter(|char| !char.is_control()).take(200).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_end_is_kept() {
        let log = Log::new(12);
        log.push(b"a long line\nfailed");
        log.push(b": no\n \n");
        assert_eq!(log.text(), "ailed: no\n \n");
        assert_eq!(log.last_line().as_deref(), Some("ailed: no"));
    }
}
