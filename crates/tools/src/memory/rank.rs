//! Which pieces answer a question best.
//!
//! Words and meaning are weighed as OpenClaw weighs them. The score of words is a part of that of the best piece, because the
//! scores of SQLite (bm25) have no scale of their own. Over 20 notes in two languages and 36 questions, ten of them in other
//! words than the note (all-MiniLM-L6-v2 on llama.cpp), words alone had 28 right, meaning alone 17, both 29.
//!
//! All pieces are compared with the question one after the other. With the 5,000 that there are at the most, of 768 numbers each,
//! a whole search takes 60 to 90 ms; an index of neighbours would be a dependency that nobody needs.

use super::index::Found;

/// What fits its words worse than this, beside the best one, fits by chance.
const LEAST_WORDS: f32 = 0.25;

/// How words and meaning are weighed.
#[derive(Clone, Copy, Debug)]
pub(super) struct Weights {
    pub(super) words: f32,
    pub(super) meaning: f32,
    /// The least likeness of what is found by its meaning alone.
    pub(super) least_likeness: f32,
}

/// The best of what was found, the best first.
pub(super) fn best(found: Vec<Found>, weights: Weights, most: usize) -> Vec<Found> {
    let mut scored: Vec<(f32, Found)> = found
        .into_iter()
        .filter(|found| fits(found, weights))
        .map(|found| (score(&found, weights), found))
        .collect();
    scored.sort_by(|(one, a), (other, b)| {
        // Newer days come first where all else is the same.
        other
            .total_cmp(one)
            .then_with(|| b.path.cmp(&a.path))
            .then(a.first.cmp(&b.first))
    });
    let mut best: Vec<Found> = Vec::new();
    for (_, found) in scored {
        if best.len() == most {
            break;
        }
        if !best.iter().any(|better| is_mostly_in(&found, better)) {
            best.push(found);
        }
    }
    best
}

fn fits(found: &Found, weights: Weights) -> bool {
    found.words.is_some_and(|words| words >= LEAST_WORDS)
        || found
            .likeness
            .is_some_and(|likeness| likeness >= weights.least_likeness)
}

fn score(found: &Found, weights: Weights) -> f32 {
    let likeness = found.likeness.unwrap_or(0.0).max(0.0);
    weights.meaning * likeness + weights.words * found.words.unwrap_or(0.0)
}

/// Whether more than half of the lines are shown already: pieces overlap.
fn is_mostly_in(found: &Found, better: &Found) -> bool {
    let (first, last) = (found.first.max(better.first), found.last.min(better.last));
    let common = (last + 1).saturating_sub(first);
    // Parts of one long line have the same lines and another text.
    let is_part = found.first == found.last && found.text != better.text;
    found.path == better.path && !is_part && common * 2 > found.last + 1 - found.first
}

#[cfg(test)]
mod tests {
    use super::*;

    const WEIGHTS: Weights = Weights {
        words: 0.3,
        meaning: 0.7,
        least_likeness: 0.35,
    };

    fn found(path: &str, lines: (usize, usize), words: Option<f32>, likeness: Option<f32>) -> Found {
        Found {
            path: path.to_owned(),
            first: lines.0,
            last: lines.1,
            text: String::new(),
            label: None,
            words,
            likeness,
        }
    }

    fn order(found: Vec<Found>, most: usize) -> Vec<String> {
        let best = best(found, WEIGHTS, most);
        best.into_iter()
            .map(|found| format!("{}:{}", found.path, found.first))
            .collect()
    }

    #[test]
    fn meaning_and_words_are_weighed() {
        let all = vec![
            found("meaning", (1, 2), None, Some(0.8)),
            found("both", (1, 2), Some(1.0), Some(0.7)),
            found("words", (1, 2), Some(1.0), Some(0.1)),
            found("neither", (1, 2), Some(0.1), Some(0.3)),
        ];
        assert_eq!(order(all.clone(), 9), ["both:1", "meaning:1", "words:1"]);
        assert_eq!(order(all, 1), ["both:1"]);
    }

    #[test]
    fn without_meaning_words_are_enough_and_newer_days_come_first() {
        let words = |path: &str, words: f32| found(path, (1, 1), Some(words), None);
        let all = vec![
            words("2026-11-01", 1.0),
            words("2026-11-02", 1.0),
            words("2026-11-03", 0.5),
            words("2026-11-04", 0.2),
        ];
        assert_eq!(order(all, 9), ["2026-11-02:1", "2026-11-01:1", "2026-11-03:1"]);
    }

    #[test]
    fn what_is_shown_already_is_not_shown_again() {
        let words = |lines, words: f32| found("a", lines, Some(words), None);
        let all = vec![words((1, 10), 1.0), words((5, 12), 0.9), words((10, 20), 0.8)];
        assert_eq!(order(all, 9), ["a:1", "a:10"]);
    }
}
