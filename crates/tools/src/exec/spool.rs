//! The output of a program, of which the beginning and the end are kept.

use std::collections::VecDeque;

/// Text of bounded size.
#[derive(Debug, Default)]
pub(super) struct Spool {
    /// The first bytes.
    head: String,
    /// The last bytes.
    tail: VecDeque<u8>,
    /// Bytes that were kept in neither.
    lost: usize,
    /// So many bytes each of them holds.
    half: usize,
}

impl Spool {
    /// One that keeps `most` bytes.
    pub(super) fn new(most: usize) -> Self {
        Self {
            half: most / 2,
            ..Self::default()
        }
    }

    pub(super) fn push(&mut self, text: &str) {
        let mut rest = text;
        if self.tail.is_empty() && self.lost == 0 {
            let room = self.half.saturating_sub(self.head.len());
            let (fits, more) = text.split_at(text.floor_char_boundary(room));
            self.head.push_str(fits);
            rest = more;
        }
        self.tail.extend(rest.as_bytes());
        let mut too_many = self.tail.len().saturating_sub(self.half);
        // Not into the middle of a character.
        while too_many > 0 && self.tail.get(too_many).is_some_and(|byte| byte & 0xc0 == 0x80) {
            too_many += 1;
        }
        self.tail.drain(..too_many);
        self.lost += too_many;
    }

    /// How many bytes there ever were.
    pub(super) fn end(&self) -> usize {
        self.head.len() + self.lost + self.tail.len()
    }

    /// What came after the first `offset` bytes, in at most about `room` bytes; where something is missing, it says how much.
    pub(super) fn after(&self, offset: usize, room: usize) -> String {
        let tail = String::from_utf8_lossy(&self.tail.iter().copied().collect::<Vec<_>>()).into_owned();
        let tail_from = self.head.len() + self.lost;
        let head = self
            .head
            .get(self.head.ceil_char_boundary(offset)..)
            .unwrap_or_default();
        let tail = tail
            .get(tail.ceil_char_boundary(offset.saturating_sub(tail_from))..)
            .unwrap_or_default();
        let lost = tail_from.saturating_sub(offset.max(self.head.len()));
        if lost == 0 && head.len() + tail.len() <= room {
            return format!("{head}{tail}");
        }
        // Both are cut; the end tells more.
        let (begin, end) = if lost == 0 {
            (format!("{head}{tail}"), String::new())
        } else {
            (head.to_owned(), tail.to_owned())
        };
        let all = begin.len() + end.len();
        let first = begin.get(..begin.floor_char_boundary(room / 3)).unwrap_or_default();
        let whole_end = if end.is_empty() {
            begin.get(first.len()..).unwrap_or_default()
        } else {
            &end
        };
        let last = whole_end
            .get(whole_end.ceil_char_boundary(whole_end.len().saturating_sub(room - room / 3))..)
            .unwrap_or_default();
        let missing = lost + all - first.len() - last.len();
        format!("{first}\n[{missing} bytes left out]\n{last}")
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_middle_is_left_out_and_counted() {
        let mut spool = Spool::new(20);
        spool.push("0123456789");
        assert_eq!(spool.after(4, 100), "456789");
        spool.push("abcdefghij");
        assert_eq!(spool.after(0, 100), "0123456789abcdefghij");
        assert_eq!(spool.after(0, 9), "012\n[11 bytes left out]\nefghij");
        spool.push("KLMNO");
        assert_eq!(spool.after(0, 100), "0123456789\n[5 bytes left out]\nfghijKLMNO");
        assert_eq!(spool.after(12, 100), "\n[3 bytes left out]\nfghijKLMNO");
        assert_eq!(spool.after(20, 100), "KLMNO");
        assert_eq!((spool.after(25, 100), spool.end()), (String::new(), 25));
    }

    proptest! {
        #[test]
        fn nothing_is_lost_without_being_counted(pieces in prop::collection::vec("[aé中😀]{0,9}", 0..12), most in 8..60_usize, room in 8..80_usize) {
            let mut spool = Spool::new(most);
            let (mut polled, mut offset) = (String::new(), 0);
            for piece in &pieces {
                spool.push(piece);
                polled += &spool.after(offset, usize::MAX);
                offset = spool.end();
            }
            let all = pieces.concat();
            prop_assert_eq!(offset, all.len());
            let shown = spool.after(0, room);
            if let Some((begin, rest)) = shown.split_once("\n[") {
                let (count, end) = rest.split_once(" bytes left out]\n").unwrap();
                prop_assert!(all.starts_with(begin) && all.ends_with(end));
                prop_assert_eq!(begin.len() + count.parse::<usize>().unwrap() + end.len(), all.len());
                prop_assert!(begin.len() + end.len() <= room);
            } else {
                prop_assert_eq!(&shown, &all);
            }
            if !polled.contains('[') {
                prop_assert_eq!(polled, all);
            }
        }
    }
}
