//! Words in pieces that the server takes.

use std::collections::HashMap;

/// The longest words, in bytes.
pub(crate) const LONGEST: usize = 1 << 20;
/// `NOTIFY` takes less than 8000 bytes (`NOTIFY_PAYLOAD_MAX_LENGTH`), with what stands before a piece.
const PIECE: usize = 7_900;

/// The pieces of words, each with who says them, their number, which piece it is, and of how many.
pub(super) fn cut(from: &str, number: u64, words: &str) -> Vec<String> {
    let mut pieces = Vec::new();
    let mut rest = words;
    loop {
        let (piece, after) = rest.split_at(rest.floor_char_boundary(PIECE));
        pieces.push(piece);
        rest = after;
        if rest.is_empty() {
            break;
        }
    }
    let of = pieces.len();
    let numbered = |(at, piece): (usize, &&str)| format!("{from} {number} {at}/{of} {piece}");
    pieces.iter().enumerate().map(numbered).collect()
}

/// Words that have come in part, by who says them.
#[derive(Debug, Default)]
pub(crate) struct Joined(HashMap<String, Part>);

#[derive(Debug)]
struct Part {
    number: u64,
    next: usize,
    of: usize,
    words: String,
}

impl Joined {
    /// Takes a piece in: who has said which words, once they are whole. What lacks a piece is lost.
    pub(crate) fn add(&mut self, payload: &str) -> Option<(String, String)> {
        let (from, rest) = payload.split_once(' ')?;
        let (number, rest) = rest.split_once(' ')?;
        let (place, piece) = rest.split_once(' ')?;
        let (at, of) = place.split_once('/')?;
        let (number, at, of): (u64, usize, usize) = (number.parse().ok()?, at.parse().ok()?, of.parse().ok()?);
        if at == 0 && of == 1 {
            self.0.remove(from);
            return Some((from.to_owned(), piece.to_owned()));
        }
        if at == 0 {
            let part = Part {
                number,
                next: 1,
                of,
                words: piece.to_owned(),
            };
            self.0.insert(from.to_owned(), part);
            return None;
        }
        let part = self.0.get_mut(from)?;
        if (part.number, part.next, part.of) != (number, at, of) || part.words.len() + piece.len() > LONGEST {
            self.0.remove(from);
            return None;
        }
        part.words += piece;
        part.next += 1;
        if part.next < of {
            return None;
        }
        self.0.remove(from).map(|part| (from.to_owned(), part.words))
    }
}

#[cfg(test)]
mod tests {
    use proptest::{collection::vec, prelude::*};

    use super::*;

    proptest! {
        /// Whatever is lost on the way: what comes is whole, and everything comes of which nothing was lost.
        #[test]
        fn words_come_whole_or_not_at_all(
            said in vec("[a-z 文]{0,20}", 1..6),
            lost in vec(any::<prop::sample::Index>(), 0..3),
        ) {
            let said: Vec<String> = said.iter().map(|words| words.repeat(800)).collect();
            let pieces: Vec<(usize, String)> = said
                .iter()
                .enumerate()
                .flat_map(|(at, words)| cut("a", at as u64, words).into_iter().map(move |piece| (at, piece)))
                .collect();
            let lost: Vec<usize> = lost.iter().map(|index| index.index(pieces.len())).collect();
            let mut joined = Joined::default();
            let mut heard = Vec::new();
            for (at, (_, piece)) in pieces.iter().enumerate() {
                prop_assert!(piece.len() < 8_000);
                if !lost.contains(&at) {
                    heard.extend(joined.add(piece).map(|(_, words)| words));
                }
            }
            let broken = |at: &usize| lost.iter().any(|lost| pieces[*lost].0 == *at);
            let whole: Vec<&String> = said.iter().enumerate().filter(|(at, _)| !broken(at)).map(|(_, words)| words).collect();
            prop_assert!(heard.iter().eq(whole), "{} of {} were heard", heard.len(), said.len());
        }
    }

    #[test]
    fn two_may_speak_at_once() {
        let (one, other) = (cut("a", 1, &"x".repeat(9_000)), cut("b", 1, &"y".repeat(9_000)));
        let mut joined = Joined::default();
        let heard: Vec<(String, String)> = [&one[0], &other[0], &one[1], &other[1]]
            .into_iter()
            .filter_map(|piece| joined.add(piece))
            .collect();
        let expected = [("a", "x"), ("b", "y")].map(|(from, words)| (from.to_owned(), words.repeat(9_000)));
        assert_eq!(heard, expected);
    }
}
